//! Reads the characters of a `.proto` text: words, numbers, quoted texts, punctuation; skips white space and comments.
//!
//! There is no token type: Wire's grammar has no reserved words, so what a word means depends on where it stands, and
//! the parser asks for what it wants. Never recursive, never more than one pass over the text.

use crate::SchemaError;

pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), position: 0 }
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
                b' ' | b'\t' | b'\r' | b'\n' => self.position += 1,
                b'/' => self.comment()?,
                _ => break,
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), SchemaError> {
        let rest = &self.text[self.position..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(body) = rest.strip_prefix("/*") {
            body.find("*/").map(|end| end + 4).ok_or_else(|| self.error("unterminated comment"))?
        } else {
            return Err(self.error("unexpected '/'"));
        };
        self.position += length;
        Ok(())
    }

    /// Checks the comment that follows a field or constant on its line, which Wire reads as its documentation: nothing
    /// but blanks may come after a `/* … */` before the line ends.
    pub(super) fn trailing_comment(&mut self) -> Result<(), SchemaError> {
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let blanks = self.bytes[self.position..].iter().take_while(is_blank).count();
        let Some(body) = self.text[self.position + blanks..].strip_prefix("/*") else { return Ok(()) };
        let Some(end) = body.find("*/") else { return Err(self.error("trailing comment must be closed")) };
        self.position += blanks + end + 4;
        self.position += self.bytes[self.position..].iter().take_while(is_blank).count();
        match self.bytes.get(self.position) {
            None | Some(b'\n') => Ok(()),
            Some(_) => Err(self.error("no syntax may follow trailing comment")),
        }
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
    pub(super) fn word(&mut self) -> Result<&'a str, SchemaError> {
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

    /// A name: a word, or a word in parentheses or brackets, which are dropped.
    pub(super) fn name(&mut self) -> Result<&'a str, SchemaError> {
        let closing = match self.peek()? {
            b'(' => b')',
            b'[' => b']',
            _ => return self.word(),
        };
        self.position += 1;
        let word = self.word()?;
        if self.take(closing)? { Ok(word) } else { Err(self.error(&format!("expected '{}'", char::from(closing)))) }
    }

    /// The name of a field: a name that does not start with a digit.
    pub(super) fn field_name(&mut self) -> Result<&'a str, SchemaError> {
        let start = self.position;
        let name = self.name()?;
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(self.error_at(start, "field and constant names cannot start with a digit"));
        }
        Ok(name)
    }

    /// An integer, decimal or hexadecimal, that fits 32 bits.
    pub(super) fn int(&mut self) -> Result<i32, SchemaError> {
        let start = self.position;
        let word = self.word()?;
        Self::parse_int(word).ok_or_else(|| self.error_at(start, &format!("expected an integer but was {word}")))
    }

    pub(super) fn parse_int(word: &str) -> Option<i32> {
        match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(digits) => i32::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        }
    }

    /// A quoted text or a word.
    pub(super) fn text_or_word(&mut self) -> Result<String, SchemaError> {
        match self.peek()? {
            b'"' | b'\'' => self.quoted(),
            _ => self.word().map(str::to_owned),
        }
    }

    /// A quoted text, unescaped; adjacent ones are joined.
    pub(super) fn quoted(&mut self) -> Result<String, SchemaError> {
        let start = self.position;
        let mut quote = self.peek()?;
        if !matches!(quote, b'"' | b'\'') {
            return Err(self.error("expected a string"));
        }
        self.position += 1;
        let mut result = String::new();
        loop {
            let rest = &self.bytes[self.position..];
            let plain = rest.iter().take_while(|byte| **byte != quote && **byte != b'\\').count();
            result.push_str(&self.text[self.position..self.position + plain]);
            self.position += plain;
            match self.bytes.get(self.position) {
                None => return Err(self.error_at(start, "unterminated string")),
                Some(b'\\') => {
                    self.position += 1;
                    result.push(self.escape()?);
                }
                Some(_) => {
                    self.position += 1;
                    if self.exhausted()? {
                        return Ok(result);
                    }
                    match self.bytes[self.position] {
                        next @ (b'"' | b'\'') => {
                            quote = next;
                            self.position += 1;
                        }
                        _ => return Ok(result),
                    }
                }
            }
        }
    }

    /// The character after a backslash.
    fn escape(&mut self) -> Result<char, SchemaError> {
        let Some(character) = self.text[self.position..].chars().next() else {
            return Err(self.error("unexpected end of file"));
        };
        self.position += character.len_utf8();
        Ok(match character {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' | 'X' => self.numeric_escape(16, 2)?,
            '0'..='7' => {
                self.position -= 1;
                self.numeric_escape(8, 3)?
            }
            other => other,
        })
    }

    fn numeric_escape(&mut self, radix: u32, digits_max: usize) -> Result<char, SchemaError> {
        let mut value = 0;
        let mut digits = 0;
        while digits < digits_max {
            let Some(digit) = self.bytes.get(self.position).and_then(|byte| char::from(*byte).to_digit(radix)) else {
                break;
            };
            value = value * radix + digit;
            digits += 1;
            self.position += 1;
        }
        if digits == 0 {
            return Err(self.error("expected a digit after \\x or \\X"));
        }
        char::from_u32(value).ok_or_else(|| self.error("invalid escape"))
    }
}
