//! The JSON tree that Avro schemas and Avro-JSON data are written in.
//!
//! Our own parser, because the canonical form depends on what general ones lose: the order of keys, the place of a
//! repeated key (it keeps its first place and takes its last value), numbers as Java prints them, and comments, which
//! Avro's parser allows in schemas. Strings without escapes are borrowed from the text. Nesting is limited while
//! parsing, so that every later walk over a tree may recurse.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::number;
use crate::SchemaError;

/// A JSON value. Numbers are kept as the text that Java prints for them: whole numbers as written, fractions as
/// `Double.toString`. A number that JSON cannot say (`NaN`, `Infinity`) is kept by its bare name and printed in quotes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Entries<'a>),
}

/// The members of an object: each key once, in document order.
pub(crate) type Entries<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

/// What the parser allows beyond RFC 8259, and how deep it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syntax {
    /// `/* … */` and `// …` count as white space.
    pub(crate) comments: bool,
    /// Deepest nesting of arrays and objects.
    pub(crate) depth_max: usize,
    /// The name of the constant behind `depth_max`, for the error.
    pub(crate) depth_limit: &'static str,
}

/// Up to this many members, repeated keys are looked for pair by pair; beyond it an index pays.
const PAIRWISE_MEMBERS_MAX: usize = 12;

impl<'a> Json<'a> {
    /// Parses one JSON document with nothing after it.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] with the place of the error, [`SchemaError::Limit`] for nesting that is too deep.
    pub(crate) fn parse(text: &'a str, syntax: Syntax) -> Result<Self, SchemaError> {
        let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, depth: 0, syntax };
        parser.skip_space()?;
        let value = parser.value()?;
        parser.skip_space()?;
        if parser.at < parser.bytes.len() {
            return Err(parser.error("unexpected text after the end of the JSON document"));
        }
        Ok(value)
    }

    /// The string, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The whole number, if it is one that fits.
    pub(crate) fn integer<N: std::str::FromStr>(&self) -> Option<N> {
        match self {
            Self::Number(number) if number::is_whole(number) => number.parse().ok(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The same value without the text that it was parsed from.
    pub(crate) fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(number) => Json::Number(Cow::Owned(number.into_owned())),
            Self::Text(text) => Json::Text(Cow::Owned(text.into_owned())),
            Self::Array(items) => Json::Array(items.into_iter().map(Json::into_owned).collect()),
            Self::Object(entries) => Json::Object(
                entries.into_iter().map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned())).collect(),
            ),
        }
    }

    /// Equality as of Java's JSON nodes: the order of keys does not count.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(a), Self::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Self::Object(a), Self::Object(b)) => {
                a.len() == b.len() && {
                    let b: BTreeMap<_, _> = b.iter().map(|(key, value)| (key, value)).collect();
                    a.iter().all(|(key, value)| b.get(key).is_some_and(|other| value.same(other)))
                }
            }
            (Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) | Self::Object(_), _) => {
                self == other
            }
        }
    }

    /// Appends the compact text, escaped as Jackson does. `depth` levels may still open; `false` if they did not suffice.
    pub(crate) fn print(&self, out: &mut String, depth: usize) -> bool {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) if number::is_finite(number) => out.push_str(number),
            Self::Number(name) => print_text(name, out),
            Self::Text(text) => print_text(text, out),
            Self::Array(items) => {
                let Some(depth) = depth.checked_sub(1) else { return false };
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    if !item.print(out, depth) {
                        return false;
                    }
                }
                out.push(']');
            }
            Self::Object(entries) => {
                let Some(depth) = depth.checked_sub(1) else { return false };
                out.push('{');
                for (position, (key, value)) in entries.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    print_text(key, out);
                    out.push(':');
                    if !value.print(out, depth) {
                        return false;
                    }
                }
                out.push('}');
            }
        }
        true
    }

    /// A short rendering for a message: the compact text, cut after some 120 characters.
    pub(crate) fn excerpt(&self) -> String {
        let mut out = String::new();
        self.print(&mut out, usize::MAX);
        match out.char_indices().nth(120) {
            Some((end, _)) => format!("{}…", &out[..end]),
            None => out,
        }
    }
}

/// The value under `key`.
pub(crate) fn member<'e, 'a>(entries: &'e [(Cow<'a, str>, Json<'a>)], key: &str) -> Option<&'e Json<'a>> {
    entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Appends `text` in quotes. Escaped are the quote, the backslash and control characters; all else stays as it is.
pub(crate) fn print_text(text: &str, out: &mut String) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => out.push_str(&format!("\\u{control:04X}")),
        }
    }
    out.push_str(&text[from..]);
    out.push('"');
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

    fn value(&mut self) -> Result<Json<'a>, SchemaError> {
        match self.peek() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.error("unexpected character where a value should be")),
            None => Err(self.error("the text ends where a value should be")),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Result<Json<'a>, SchemaError>) -> Result<Json<'a>, SchemaError> {
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

    fn object(&mut self) -> Result<Json<'a>, SchemaError> {
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
            let key = self.string()?;
            self.skip_space()?;
            if self.peek() != Some(b':') {
                return Err(self.error("a colon should be here"));
            }
            self.at += 1;
            self.skip_space()?;
            let value = self.value()?;
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

    fn array(&mut self) -> Result<Json<'a>, SchemaError> {
        let mut items = Vec::new();
        self.skip_space()?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
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

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, SchemaError> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("unexpected word"))
    }

    fn number(&mut self) -> Result<Json<'a>, SchemaError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let digits = self.digits();
        let leading_zero = digits > 1 && self.bytes[self.at - digits] == b'0';
        if digits == 0 || leading_zero {
            return Err(self.error("not a JSON number"));
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.error("a digit should follow the decimal point"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
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

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<Cow<'a, str>, SchemaError> {
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
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.error("a control character inside a string")),
                None => return Err(self.error("a string without end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SchemaError> {
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
        let first = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let second = self.hex4()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.error("half of a surrogate pair"));
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.error("half of a surrogate pair"))
    }

    fn hex4(&mut self) -> Result<u32, SchemaError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax { comments: true, depth_max: 8, depth_limit: "TEST" };

    fn check(text: &str, expected: &str) {
        let mut out = String::new();
        let json = Json::parse(text, SYNTAX).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(json.print(&mut out, 8));
        assert_eq!(out, expected);
    }

    #[test]
    fn values_are_printed_as_jackson_prints_them() {
        check(
            " [ 1 , -0 , 1.0 , 1e3, 1E-7, 12345678901234567890, true , null ] ",
            "[1,0,1.0,1000.0,1.0E-7,12345678901234567890,true,null]",
        );
        check(r#""a\u0041\n\u001f\/\"é\ud83d\ude00""#, "\"aA\\n\\u001F/\\\"é😀\"");
        check("/* a */ {\"a\": 1, // b\n \"b\":2,\"a\":3}", r#"{"a":3,"b":2}"#);
        check("1e999", "\"Infinity\"");
    }

    #[test]
    fn many_members_collapse_like_few() {
        let members: Vec<_> = (0..40).map(|n| format!("\"k{}\":{n}", n % 20)).collect();
        let expected: Vec<_> = (0..20).map(|n| format!("\"k{n}\":{}", n + 20)).collect();
        check(&format!("{{{}}}", members.join(",")), &format!("{{{}}}", expected.join(",")));
    }

    #[test]
    fn broken_texts_are_refused() {
        for text in [
            "",
            " ",
            "{",
            "[",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{,}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "tru",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\t\"",
            "1 2",
            "/*",
            "NaN",
            "'a'",
            "[1 2]",
            "{\"a\" 1}",
        ] {
            assert!(matches!(Json::parse(text, SYNTAX), Err(SchemaError::Invalid { .. })), "{text}");
        }
        let strict = Syntax { comments: false, ..SYNTAX };
        assert!(Json::parse("/**/1", strict).is_err());
    }

    #[test]
    fn depth_is_limited_while_parsing() {
        assert!(Json::parse("[[[[[[[[]]]]]]]]", SYNTAX).is_ok());
        let deep = "[".repeat(100_000);
        assert_eq!(Json::parse(&deep, SYNTAX), Err(SchemaError::Limit { limit: "TEST", allowed: 8 }));
    }
}
