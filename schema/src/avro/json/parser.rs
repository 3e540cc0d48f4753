//! From text to the tree: RFC 8259, comments where allowed, repeated keys collapsed, numbers as Java prints them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Entries, Json, Syntax};
use crate::SchemaError;
use crate::avro::number;

/// Up to this many members, repeated keys are looked for pair by pair; beyond it an index pays.
const PAIRWISE_MEMBERS_MAX: usize = 12;

/// Parses one document with nothing after it.
pub(super) fn parse(text: &str, syntax: Syntax) -> Result<Json<'_>, SchemaError> {
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, depth: 0, syntax };
    parser.skip_space()?;
    let value = parser.parse_value()?;
    parser.skip_space()?;
    if parser.at < parser.bytes.len() {
        return Err(parser.error("unexpected text after the end of the JSON document"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    syntax: Syntax,
}

impl<'a> Parser<'a> {
    fn error(&self, what: &str) -> SchemaError {
        let before = self.bytes.get(..self.at).unwrap_or(self.bytes);
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        SchemaError::invalid(format!("broken JSON at line {line}, column {column}: {what}"))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) -> Result<(), SchemaError> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                Some(b'/') if self.syntax.comments => self.skip_comment()?,
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), SchemaError> {
        let rest = &self.bytes[self.at..];
        let length = match rest.get(1) {
            Some(b'/') => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
            Some(b'*') => match rest[2..].windows(2).position(|pair| pair == b"*/") {
                Some(end) => end + 4,
                None => return Err(self.error("a comment without end")),
            },
            Some(_) | None => return Err(self.error("unexpected character")),
        };
        self.at += length;
        Ok(())
    }

    fn parse_value(&mut self) -> Result<Json<'a>, SchemaError> {
        match self.peek() {
            Some(b'"') => self.parse_string().map(Json::Text),
            Some(b'{') => self.parse_nested(Self::parse_object),
            Some(b'[') => self.parse_nested(Self::parse_array),
            Some(b'-' | b'0'..=b'9') => self.parse_number(),
            Some(b't') => self.parse_word("true", Json::Bool(true)),
            Some(b'f') => self.parse_word("false", Json::Bool(false)),
            Some(b'n') => self.parse_word("null", Json::Null),
            Some(_) => Err(self.error("unexpected character where a value should be")),
            None => Err(self.error("the text ends where a value should be")),
        }
    }

    fn parse_nested(&mut self, parse: fn(&mut Self) -> Result<Json<'a>, SchemaError>) -> Result<Json<'a>, SchemaError> {
        if self.depth >= self.syntax.depth_max {
            let allowed = self.syntax.depth_max as u64;
            return Err(SchemaError::Limit { limit: self.syntax.depth_limit, allowed });
        }
        self.depth += 1;
        self.at += 1;
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn parse_object(&mut self) -> Result<Json<'a>, SchemaError> {
        let mut entries: Entries<'a> = Vec::new();
        self.skip_space()?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(entries));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.error("a key in quotes should be here"));
            }
            let key = self.parse_string()?;
            self.skip_space()?;
            if self.peek() != Some(b':') {
                return Err(self.error("a colon should be here"));
            }
            self.at += 1;
            self.skip_space()?;
            let value = self.parse_value()?;
            entries.push((key, value));
            self.skip_space()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                Some(_) | None => return Err(self.error("a comma or a closing brace should be here")),
            }
            self.skip_space()?;
        }
        self.at += 1;
        Ok(Json::Object(without_repeated_keys(entries)))
    }

    fn parse_array(&mut self) -> Result<Json<'a>, SchemaError> {
        let mut items = Vec::new();
        self.skip_space()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.parse_value()?);
            self.skip_space()?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                Some(_) | None => return Err(self.error("a comma or a closing bracket should be here")),
            }
            self.skip_space()?;
        }
        self.at += 1;
        Ok(Json::Array(items))
    }

    fn parse_word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, SchemaError> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("unexpected word"))
    }

    fn parse_number(&mut self) -> Result<Json<'a>, SchemaError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits = self.parse_digits();
        let leading_zero = digits > 1 && self.bytes[self.at - digits] == b'0';
        if digits == 0 || leading_zero {
            return Err(self.error("not a JSON number"));
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            if self.parse_digits() == 0 {
                return Err(self.error("a digit should follow the decimal point"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.parse_digits() == 0 {
                return Err(self.error("a digit should follow the exponent mark"));
            }
        }
        let token = &self.text[start..self.at];
        Ok(Json::Number(match (whole, token) {
            (true, "-0") => Cow::Borrowed("0"),
            (true, token) => Cow::Borrowed(token),
            (false, token) => Cow::Owned(number::double_text(token.parse().unwrap_or(f64::NAN))),
        }))
    }

    fn parse_digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn parse_string(&mut self) -> Result<Cow<'a, str>, SchemaError> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Cow::Borrowed(text));
                }
                Some(b'\\') => break,
                Some(0x20..) => self.at += 1,
                Some(_) => return Err(self.error("a control character inside a string")),
                None => return Err(self.error("a string without end")),
            }
        }
        let mut out = self.text[start..self.at].to_owned();
        loop {
            let from = self.at;
            while matches!(self.peek(), Some(byte) if byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(&self.text[from..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(out));
                }
                Some(b'\\') => out.push(self.parse_escape()?),
                Some(_) => return Err(self.error("a control character inside a string")),
                None => return Err(self.error("a string without end")),
            }
        }
    }

    fn parse_escape(&mut self) -> Result<char, SchemaError> {
        self.at += 1;
        let escaped = self.peek();
        self.at += 1;
        Ok(match escaped {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            Some(_) | None => return Err(self.error("an unknown escape inside a string")),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, SchemaError> {
        let first = self.parse_hex4()?;
        let code = if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.parse_hex4()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.error("half of a surrogate pair"));
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn parse_hex4(&mut self) -> Result<u32, SchemaError> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        let mut code = 0;
        for digit in digits {
            let Some(digit) = char::from(*digit).to_digit(16) else {
                return Err(self.error("four hexadecimal digits should follow \\u"));
            };
            code = code * 16 + digit;
        }
        if digits.len() < 4 {
            return Err(self.error("four hexadecimal digits should follow \\u"));
        }
        self.at += 4;
        Ok(code)
    }
}

/// Collapses repeated keys: the first place, the last value.
fn without_repeated_keys(mut entries: Entries<'_>) -> Entries<'_> {
    if entries.len() <= PAIRWISE_MEMBERS_MAX {
        let mut position = 1;
        while position < entries.len() {
            match entries[..position].iter().position(|(key, _)| *key == entries[position].0) {
                Some(first) => {
                    let (_, value) = entries.remove(position);
                    entries[first].1 = value;
                }
                None => position += 1,
            }
        }
        return entries;
    }
    let mut sorted: Vec<&str> = entries.iter().map(|(key, _)| key.as_ref()).collect();
    sorted.sort_unstable();
    if sorted.windows(2).all(|pair| pair[0] != pair[1]) {
        return entries;
    }
    let mut places: BTreeMap<Cow<'_, str>, usize> = BTreeMap::new();
    let mut kept: Entries<'_> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match places.get(&key) {
            Some(place) => kept[*place].1 = value,
            None => {
                places.insert(key.clone(), kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}
