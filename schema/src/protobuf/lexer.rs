//! Reads the characters of a `.proto` text: words, numbers, quoted texts, punctuation; skips white space and comments.
//!
//! There is no token type: Wire's grammar has no reserved words, so what a word means depends on where it stands, and
//! the parser asks for what it wants. Never recursive, never more than one pass over the text.

use std::borrow::Cow;

use super::ast::{Value, integer};
use crate::SchemaError;

pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    /// How many aggregates of options are open.
    pub(super) aggregates: usize,
}

/// The value of a text with C escapes but no quotes, as descriptors hold the defaults of bytes; none if an escape is
/// wrong.
pub(super) fn unescaped(text: &str) -> Option<Value> {
    let mut lexer = Lexer::new(text);
    let mut result = Vec::with_capacity(text.len());
    while let Some(byte) = lexer.bytes.get(lexer.position) {
        lexer.position += 1;
        if *byte == b'\\' {
            lexer.read_escape(&mut result).ok()?;
        } else {
            result.push(*byte);
        }
    }
    Some(Value::quoted(result))
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // A byte order mark is no part of the text.
        let position = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, bytes: text.as_bytes(), position, aggregates: 0 }
    }

    /// A syntax error at the present place.
    pub(super) fn error(&self, message: &str) -> SchemaError {
        self.error_at(self.position, message)
    }

    /// A syntax error at a byte offset. The text between is only counted now, so that parsing does not pay for it.
    pub(super) fn error_at(&self, position: usize, message: &str) -> SchemaError {
        let before = &self.bytes[..position.min(self.bytes.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        SchemaError::invalid(format!("Syntax error in :{line}:{column}: {message}"))
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Skips white space and comments.
    pub(super) fn skip(&mut self) -> Result<(), SchemaError> {
        while let Some(byte) = self.bytes.get(self.position) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => self.position += 1,
                b'/' if matches!(self.bytes.get(self.position + 1), Some(b'/' | b'*')) => self.read_comment()?,
                // Aggregates are in text format, whose comments begin so.
                b'#' if self.aggregates > 0 => self.position += self.rest_of_line(),
                _ => break,
            }
        }
        Ok(())
    }

    fn read_comment(&mut self) -> Result<(), SchemaError> {
        let rest = &self.text[self.position..];
        let length = match rest.strip_prefix("/*") {
            Some(body) => body.find("*/").map(|end| end + 4).ok_or_else(|| self.error("unterminated comment"))?,
            None => self.rest_of_line(),
        };
        self.position += length;
        Ok(())
    }

    fn rest_of_line(&self) -> usize {
        let rest = &self.bytes[self.position..];
        rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
    }

    /// Is nothing left but white space and comments?
    pub(super) fn exhausted(&mut self) -> Result<bool, SchemaError> {
        self.skip()?;
        Ok(self.position == self.bytes.len())
    }

    /// The next significant byte, which stays.
    pub(super) fn peek(&mut self) -> Result<u8, SchemaError> {
        self.skip()?;
        self.bytes.get(self.position).copied().ok_or_else(|| self.error("unexpected end of file"))
    }

    /// Takes the next significant byte if it is `byte`.
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, SchemaError> {
        let found = self.peek()? == byte;
        if found {
            self.position += 1;
        }
        Ok(found)
    }

    /// Takes `byte`, which must come next.
    pub(super) fn require(&mut self, byte: u8) -> Result<(), SchemaError> {
        if self.take(byte)? {
            return Ok(());
        }
        let found = self.text[self.position..].chars().next().unwrap_or(' ');
        Err(self.error(&format!("expected '{}' but was '{found}'", char::from(byte))))
    }

    /// A word: letters, digits, `_`, `-` and `.`, as Wire reads names, types and numbers alike.
    pub(super) fn read_word(&mut self) -> Result<&'a str, SchemaError> {
        self.skip()?;
        let rest = &self.bytes[self.position..];
        let length =
            rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')).count();
        if length == 0 {
            return Err(self.error("expected a word"));
        }
        let word = &self.text[self.position..self.position + length];
        self.position += length;
        Ok(word)
    }

    /// A word whose parts may stand apart, as in `a . b`.
    pub(super) fn read_dotted(&mut self) -> Result<Cow<'a, str>, SchemaError> {
        let first = self.read_word()?;
        let rest = self.rest_of_name(first)?;
        Ok(if rest.is_empty() { Cow::Borrowed(first) } else { Cow::Owned(format!("{first}{rest}")) })
    }

    /// What still belongs to a name whose first word was read: the parts of `a . b` after `a`.
    pub(super) fn rest_of_name(&mut self, word: &str) -> Result<String, SchemaError> {
        let mut name = Cow::Borrowed(word);
        while self.ends_open(&name)? {
            name.to_mut().push_str(self.read_word()?);
        }
        Ok(name[word.len()..].to_owned())
    }

    /// Does the next word belong to `name`, which ends with a dot, or does a dot come next?
    fn ends_open(&mut self, name: &str) -> Result<bool, SchemaError> {
        if self.exhausted()? {
            return Ok(false);
        }
        let next = self.bytes[self.position];
        Ok(next == b'.' || (name.ends_with('.') && (next.is_ascii_alphanumeric() || next == b'_')))
    }

    /// A name: a word, or a word in parentheses or brackets, which are dropped.
    pub(super) fn name(&mut self) -> Result<Cow<'a, str>, SchemaError> {
        let closing = match self.peek()? {
            b'(' => b')',
            b'[' => b']',
            _ => return self.read_word().map(Cow::Borrowed),
        };
        self.position += 1;
        let word = self.read_dotted()?;
        if self.take(closing)? { Ok(word) } else { Err(self.error(&format!("expected '{}'", char::from(closing)))) }
    }

    /// What stands in brackets as the key of an aggregate: the name of an extension, or the URL of a type. White space
    /// and comments inside do not count.
    pub(super) fn read_bracketed(&mut self) -> Result<String, SchemaError> {
        self.require(b'[')?;
        let mut name = String::new();
        loop {
            let next = self.peek()?;
            match next {
                b']' if name.is_empty() => return Err(self.error("expected a name")),
                b']' => {
                    self.position += 1;
                    return Ok(name);
                }
                // The characters of a URL; a slash is one here, so a comment must not begin right after one.
                b'/' | b'%' | b'~' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':'
                | b'@' => {
                    name.push(char::from(next));
                    self.position += 1;
                }
                _ => name.push_str(self.read_word()?),
            }
        }
    }

    /// The name of a field: a name that does not start with a digit.
    pub(super) fn field_name(&mut self) -> Result<String, SchemaError> {
        let start = self.position;
        let name = self.name()?.into_owned();
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(self.error_at(start, "field and constant names cannot start with a digit"));
        }
        Ok(name)
    }

    /// An integer that fits 32 bits: decimal, hexadecimal, or octal after a `0`.
    pub(super) fn read_int(&mut self) -> Result<i32, SchemaError> {
        self.skip()?;
        let start = self.position;
        let word = self.signed_word()?;
        let found = integer(&word).and_then(|value| i32::try_from(value).ok());
        found.ok_or_else(|| self.error_at(start, &format!("expected an integer but was {word}")))
    }

    /// A word, with what follows a sign that stands alone.
    fn signed_word(&mut self) -> Result<Cow<'a, str>, SchemaError> {
        let word = self.read_word()?;
        if word == "-" { Ok(Cow::Owned(format!("-{}", self.read_word()?))) } else { Ok(Cow::Borrowed(word)) }
    }

    /// A number or a word that is the value of an option. The sign may stand apart and an exponent may have a sign.
    pub(super) fn read_scalar(&mut self) -> Result<String, SchemaError> {
        let mut text = self.signed_word()?.into_owned();
        let unsigned = text.strip_prefix('-').unwrap_or(&text);
        let is_number = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
        let is_hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X");
        let open_exponent = is_number && !is_hexadecimal && text.ends_with(['e', 'E']);
        if open_exponent && self.bytes.get(self.position) == Some(&b'+') {
            self.position += 1;
            text.push('+');
            text.push_str(self.read_word()?);
        }
        Ok(text)
    }

    /// A quoted text or a word.
    pub(super) fn text_or_word(&mut self) -> Result<String, SchemaError> {
        match self.peek()? {
            b'"' | b'\'' => self.read_text(),
            _ => self.read_word().map(str::to_owned),
        }
    }

    /// A quoted text that must be UTF-8.
    pub(super) fn read_text(&mut self) -> Result<String, SchemaError> {
        let start = self.position;
        match self.read_quoted()? {
            Value::Text(text) => Ok(text),
            Value::Bytes(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) | Value::List(_) => {
                Err(self.error_at(start, "the string is not UTF-8"))
            }
        }
    }

    /// A quoted text, unescaped; adjacent ones are joined.
    pub(super) fn read_quoted(&mut self) -> Result<Value, SchemaError> {
        let start = self.position;
        let mut quote = self.peek()?;
        if !matches!(quote, b'"' | b'\'') {
            return Err(self.error("expected a string"));
        }
        self.position += 1;
        let mut result = Vec::new();
        loop {
            let rest = &self.bytes[self.position..];
            let plain = rest.iter().take_while(|byte| **byte != quote && **byte != b'\\').count();
            result.extend_from_slice(&rest[..plain]);
            self.position += plain;
            match self.bytes.get(self.position) {
                None => return Err(self.error_at(start, "unterminated string")),
                Some(b'\\') => {
                    self.position += 1;
                    self.read_escape(&mut result)?;
                }
                Some(_) => {
                    self.position += 1;
                    if self.exhausted()? {
                        return Ok(Value::quoted(result));
                    }
                    match self.bytes[self.position] {
                        next @ (b'"' | b'\'') => {
                            quote = next;
                            self.position += 1;
                        }
                        _ => return Ok(Value::quoted(result)),
                    }
                }
            }
        }
    }

    /// The bytes that the escape after a backslash means.
    fn read_escape(&mut self, result: &mut Vec<u8>) -> Result<(), SchemaError> {
        let Some(character) = self.text[self.position..].chars().next() else {
            return Err(self.error("unexpected end of file"));
        };
        self.position += character.len_utf8();
        let byte = match character {
            'a' => 0x07,
            'b' => 0x08,
            'f' => 0x0c,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 0x0b,
            'x' | 'X' => self.byte_escape(16, 2)?,
            '0'..='7' => {
                self.position -= 1;
                self.byte_escape(8, 3)?
            }
            'u' if self.has_digits(4) => return self.unicode_escape(4, result),
            'U' if self.has_digits(8) => return self.unicode_escape(8, result),
            other => {
                result.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
        };
        result.push(byte);
        Ok(())
    }

    fn byte_escape(&mut self, radix: u32, digits_max: usize) -> Result<u8, SchemaError> {
        let value = self.read_digits(radix, digits_max);
        let value = value.ok_or_else(|| self.error("expected a digit after \\x or \\X"))?;
        u8::try_from(value).map_err(|_| self.error("the escape is more than a byte"))
    }

    fn has_digits(&self, count: usize) -> bool {
        Self::digit_count(&self.bytes[self.position..]) >= count
    }

    /// How many hexadecimal digits come first, as far as an escape may have them.
    fn digit_count(bytes: &[u8]) -> usize {
        bytes.iter().take(8).take_while(|byte| byte.is_ascii_hexdigit()).count()
    }

    /// A code point in hexadecimal digits. The two halves of a surrogate pair are one character.
    fn unicode_escape(&mut self, count: usize, result: &mut Vec<u8>) -> Result<(), SchemaError> {
        let mut value = self.read_digits(16, count).unwrap_or_default();
        let is_pair = (0xd800..0xdc00).contains(&value)
            && self.text[self.position..].starts_with("\\u")
            && self.bytes.get(self.position + 2..).is_some_and(|rest| Self::digit_count(rest) >= 4);
        if is_pair {
            self.position += 2;
            let low = self.read_digits(16, 4).unwrap_or_default();
            let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400);
            value = 0x10000 + ((value - 0xd800) << 10) + low.ok_or_else(|| self.error("the escape is no character"))?;
        }
        let character = char::from_u32(value).ok_or_else(|| self.error("the escape is no character"))?;
        result.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// The number in at most `digits_max` digits; none if there is no digit.
    fn read_digits(&mut self, radix: u32, digits_max: usize) -> Option<u32> {
        let rest = &self.bytes[self.position..];
        let digits = rest.iter().take(digits_max).map_while(|byte| char::from(*byte).to_digit(radix));
        let (count, value) = digits.fold((0, 0), |(count, value), digit| (count + 1, value * radix + digit));
        self.position += count;
        (count > 0).then_some(value)
    }
}
