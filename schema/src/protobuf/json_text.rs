//! A JSON reader that keeps what the check of Protobuf JSON needs: numbers as written and repeated keys.
//!
//! Strict by RFC 8259. Depth is limited; memory is proportional to the text.

use std::borrow::Cow;

/// Deepest nesting of a document; the recursion limit of Protobuf's own JSON parsers.
pub(super) const DEPTH_MAX: usize = 100;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// As written.
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads one document. The error says what is wrong at which byte.
pub(super) fn parse(text: &str) -> Result<Json<'_>, String> {
    let mut reader = Reader { text, position: 0 };
    let value = reader.read_value(0)?;
    reader.blank();
    if reader.position == text.len() { Ok(value) } else { Err(reader.error("text after the document")) }
}

/// Is this the text of a JSON number?
pub(super) fn is_number(text: &str) -> bool {
    let mut reader = Reader { text, position: 0 };
    reader.read_number().is_ok() && reader.position == text.len()
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, message: &str) -> String {
        format!("not valid JSON: {message} at byte {}", self.position)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn read_word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, String> {
        if self.text[self.position..].starts_with(word) {
            self.position += word.len();
            return Ok(value);
        }
        Err(self.error("unexpected character"))
    }

    fn read_value(&mut self, depth: usize) -> Result<Json<'a>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("the document nests deeper than {DEPTH_MAX}"));
        }
        self.blank();
        match self.peek() {
            None => Err(self.error("unexpected end")),
            Some(b'n') => self.read_word("null", Json::Null),
            Some(b't') => self.read_word("true", Json::Bool(true)),
            Some(b'f') => self.read_word("false", Json::Bool(false)),
            Some(b'"') => self.read_string().map(Json::Text),
            Some(b'[') => self.read_array(depth),
            Some(b'{') => self.read_object(depth),
            Some(_) => self.read_number().map(Json::Number),
        }
    }

    fn read_array(&mut self, depth: usize) -> Result<Json<'a>, String> {
        self.position += 1;
        let mut values = Vec::new();
        self.blank();
        if self.take(b']') {
            return Ok(Json::Array(values));
        }
        loop {
            values.push(self.read_value(depth + 1)?);
            self.blank();
            if self.take(b']') {
                return Ok(Json::Array(values));
            }
            if !self.take(b',') {
                return Err(self.error("expected ',' or ']'"));
            }
        }
    }

    fn read_object(&mut self, depth: usize) -> Result<Json<'a>, String> {
        self.position += 1;
        let mut members = Vec::new();
        self.blank();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return Err(self.error("expected a quoted key"));
            }
            let key = self.read_string()?;
            self.blank();
            if !self.take(b':') {
                return Err(self.error("expected ':'"));
            }
            members.push((key, self.read_value(depth + 1)?));
            self.blank();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.error("expected ',' or '}'"));
            }
        }
    }

    fn read_digits(&mut self) -> usize {
        let start = self.position;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        self.position - start
    }

    fn read_number(&mut self) -> Result<&'a str, String> {
        let start = self.position;
        self.take(b'-');
        let zero = self.peek() == Some(b'0');
        let whole = self.read_digits();
        if whole == 0 || (zero && whole > 1) {
            return Err(self.error("unexpected character"));
        }
        if self.take(b'.') && self.read_digits() == 0 {
            return Err(self.error("expected a digit"));
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            if self.read_digits() == 0 {
                return Err(self.error("expected a digit"));
            }
        }
        Ok(&self.text[start..self.position])
    }

    fn read_string(&mut self) -> Result<Cow<'a, str>, String> {
        self.position += 1;
        let mut owned: Option<String> = None;
        loop {
            let rest = &self.text.as_bytes()[self.position..];
            let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
            let part = &self.text[self.position..self.position + plain];
            self.position += plain;
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(match owned {
                        Some(owned) => Cow::Owned(owned + part),
                        None => Cow::Borrowed(part),
                    });
                }
                Some(b'\\') => {
                    self.position += 1;
                    let escaped = self.read_escape()?;
                    let text = owned.get_or_insert_default();
                    text.push_str(part);
                    text.push(escaped);
                }
                Some(_) => return Err(self.error("a control character in a string")),
                None => return Err(self.error("unterminated string")),
            }
        }
    }

    fn read_escape(&mut self) -> Result<char, String> {
        let byte = self.peek().ok_or_else(|| self.error("unterminated string"))?;
        self.position += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.read_hex()?;
                let code = match first {
                    0xd800..=0xdbff if self.take(b'\\') && self.take(b'u') => {
                        let second = self.read_hex()?;
                        if !(0xdc00..=0xdfff).contains(&second) {
                            return Err(self.error("unpaired surrogate"));
                        }
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    other => other,
                };
                char::from_u32(code).ok_or_else(|| self.error("unpaired surrogate"))?
            }
            _ => return Err(self.error("unknown escape")),
        })
    }

    fn read_hex(&mut self) -> Result<u32, String> {
        let digits = self.text.as_bytes().get(self.position..self.position + 4);
        let mut value = 0;
        for digit in digits.ok_or_else(|| self.error("unterminated escape"))? {
            let digit = char::from(*digit).to_digit(16).ok_or_else(|| self.error("expected four hex digits"))?;
            value = value * 16 + digit;
        }
        self.position += 4;
        Ok(value)
    }
}
