//! JSON text in, a plain tree out, and back again, as Confluent's Jackson does it.
//!
//! Key order is kept, of duplicate keys the last value wins at the place of the first, decimals keep their digits, and
//! whatever follows the first value is ignored: all of that is identity of a schema, so no general JSON library may
//! change it. Never recursion deeper than [`SCHEMA_DEPTH_MAX`], never more nodes than [`JSON_NODES_MAX`].

use super::number;
use crate::limits::SCHEMA_DEPTH_MAX;
use crate::{Budget, SchemaError};

/// Most JSON values in one schema text. A 1 MiB schema of the usual shape holds some 40,000.
pub(super) const JSON_NODES_MAX: usize = 200_000;

/// A JSON value. Numbers are kept as the text that Jackson would print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Number(Box<str>),
    String(Box<str>),
    Array(Vec<Node>),
    Object(Object),
}

/// The members of an object in document order, with an index for large ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Object {
    members: Vec<(Box<str>, Node)>,
    /// Positions sorted by key; empty for small objects, which are searched from the front.
    sorted: Vec<u32>,
}

/// Up to this many members a search from the front beats an index.
const UNINDEXED_MEMBERS_MAX: usize = 24;

impl Object {
    fn from_members(members: Vec<(Box<str>, Node)>) -> Self {
        let mut object = Self { members, sorted: Vec::new() };
        if object.members.len() > UNINDEXED_MEMBERS_MAX {
            object.sorted = (0..u32::try_from(object.members.len()).unwrap_or(u32::MAX)).collect();
            let members = &object.members;
            // Stable, so that equal keys stay in document order.
            object.sorted.sort_by(|a, b| members[*a as usize].0.cmp(&members[*b as usize].0));
            let has_duplicates = object
                .sorted
                .windows(2)
                .any(|pair| object.members[pair[0] as usize].0 == object.members[pair[1] as usize].0);
            if has_duplicates {
                object.merge_indexed_duplicates();
            }
        } else {
            object.merge_few_duplicates();
        }
        object
    }

    fn merge_few_duplicates(&mut self) {
        let mut position = 1;
        while position < self.members.len() {
            let first = (0..position).find(|earlier| self.members[*earlier].0 == self.members[position].0);
            match first {
                Some(first) => {
                    let (_, value) = self.members.remove(position);
                    self.members[first].1 = value;
                }
                None => position += 1,
            }
        }
    }

    fn merge_indexed_duplicates(&mut self) {
        let mut last_of: Vec<u32> = (0..u32::try_from(self.members.len()).unwrap_or(u32::MAX)).collect();
        let mut dropped = vec![false; self.members.len()];
        let mut start = 0;
        while start < self.sorted.len() {
            let first = self.sorted[start] as usize;
            let mut end = start + 1;
            while end < self.sorted.len() && self.members[self.sorted[end] as usize].0 == self.members[first].0 {
                dropped[self.sorted[end] as usize] = true;
                last_of[first] = self.sorted[end];
                end += 1;
            }
            start = end;
        }
        let mut old: Vec<(Box<str>, Node)> = std::mem::take(&mut self.members);
        let mut merged = Vec::with_capacity(old.len());
        for position in 0..old.len() {
            if !dropped[position] {
                let value = std::mem::replace(&mut old[last_of[position] as usize].1, Node::Null);
                merged.push((std::mem::take(&mut old[position].0), value));
            }
        }
        *self = Self::from_members(merged);
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        if self.sorted.is_empty() {
            return self.members.iter().find(|(name, _)| &**name == key).map(|(_, value)| value);
        }
        let found = self.sorted.binary_search_by(|position| (*self.members[*position as usize].0).cmp(key)).ok()?;
        Some(&self.members[self.sorted[found] as usize].1)
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.members.iter().map(|(name, value)| (&**name, value))
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

impl Node {
    /// Parses the first JSON value of `text`; what follows it is ignored, as Jackson's `readTree` does.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] with the place, or [`SchemaError::Limit`] for depth and number of values.
    pub(super) fn parse(text: &str) -> Result<Self, SchemaError> {
        let mut nodes_left = JSON_NODES_MAX;
        Self::parse_some(text, &mut nodes_left)
    }

    /// As [`Node::parse`], for several texts that share one allowance of values.
    ///
    /// # Errors
    /// As [`Node::parse`].
    pub(super) fn parse_some(text: &str, nodes_left: &mut usize) -> Result<Self, SchemaError> {
        let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, nodes_left: *nodes_left };
        let node = parser.parse_value(0)?;
        *nodes_left = parser.nodes_left;
        Ok(node)
    }

    pub(super) fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The name of the JSON type, for messages.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// Compact text, keys in document order.
    pub(super) fn print(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => out.push_str(number),
            Self::String(text) => print_string(text, out),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.print(out);
                }
                out.push(']');
            }
            Self::Object(object) => {
                out.push('{');
                for (position, (name, value)) in object.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    print_string(name, out);
                    out.push(':');
                    value.print(out);
                }
                out.push('}');
            }
        }
    }

    /// The beginning of the compact text: all of it if it has at most `bytes_max` bytes, else a little more than that.
    pub(super) fn beginning(&self, bytes_max: usize) -> String {
        let mut out = String::new();
        self.print_until(&mut out, bytes_max);
        out
    }

    fn print_until(&self, out: &mut String, bytes_max: usize) {
        if out.len() > bytes_max {
            return;
        }
        match self {
            Self::Null | Self::Bool(_) => self.print(out),
            Self::Number(text) => out.push_str(cut(text, bytes_max)),
            Self::String(text) => print_string(cut(text, bytes_max), out),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if out.len() > bytes_max {
                        return;
                    }
                    if position > 0 {
                        out.push(',');
                    }
                    item.print_until(out, bytes_max);
                }
                out.push(']');
            }
            Self::Object(object) => {
                out.push('{');
                for (position, (name, value)) in object.iter().enumerate() {
                    if out.len() > bytes_max {
                        return;
                    }
                    if position > 0 {
                        out.push(',');
                    }
                    print_string(cut(name, bytes_max), out);
                    out.push(':');
                    value.print_until(out, bytes_max);
                }
                out.push('}');
            }
        }
    }

    /// Are the texts equal? In document order, as [`Node::print`] writes them.
    ///
    /// # Errors
    /// [`SchemaError::Limit`] when the budget is used up.
    pub(super) fn same_text(&self, other: &Self, budget: &mut Budget) -> Result<bool, SchemaError> {
        budget.step()?;
        let same_texts = |a: &str, b: &str, budget: &mut Budget| -> Result<bool, SchemaError> {
            if a.len() != b.len() {
                return Ok(false);
            }
            budget.steps(a.len() as u64 / 256)?;
            Ok(a == b)
        };
        match (self, other) {
            (Self::Number(a), Self::Number(b)) | (Self::String(a), Self::String(b)) => same_texts(a, b, budget),
            (Self::Array(a), Self::Array(b)) if a.len() == b.len() => {
                for (a, b) in a.iter().zip(b) {
                    if !a.same_text(b, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Self::Object(a), Self::Object(b)) if a.len() == b.len() => {
                for ((name, a), (other_name, b)) in a.iter().zip(b.iter()) {
                    if !same_texts(name, other_name, budget)? || !a.same_text(b, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Self::Array(_) | Self::Object(_), _) => Ok(false),
            (Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_), _) => Ok(self == other),
        }
    }

    /// Compact text with the keys of every object in Java string order (UTF-16 code units); arrays stay as they are.
    pub(super) fn print_sorted(&self, out: &mut String) {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => self.print(out),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.print_sorted(out);
                }
                out.push(']');
            }
            Self::Object(object) => {
                let mut members: Vec<(&str, &Self)> = object.iter().collect();
                members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
                out.push('{');
                for (position, (name, value)) in members.into_iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    print_string(name, out);
                    out.push(':');
                    value.print_sorted(out);
                }
                out.push('}');
            }
        }
    }

    /// The text under which two values count as equal: [`Node::print_sorted`].
    pub(super) fn equality_key(&self) -> Box<str> {
        let mut key = String::new();
        self.print_sorted(&mut key);
        key.into_boxed_str()
    }
}

/// The first `bytes_max` bytes and the rest of the character there; one more tells that something was cut.
fn cut(text: &str, bytes_max: usize) -> &str {
    let end = (bytes_max.saturating_add(1)..text.len()).find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(text.len())]
}

/// Jackson escapes what JSON demands and nothing else; control characters without a short form as upper-case hex.
pub(super) fn print_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    for (position, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..position]);
        plain_from = position + 1;
        if escape.is_empty() {
            out.push_str("\\u00");
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    nodes_left: usize,
}

impl Parser<'_> {
    fn error<T>(&self, what: &str) -> Result<T, SchemaError> {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
        Err(SchemaError::invalid(format!("invalid JSON: {what} at line {line}, column {column}")))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_white(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn parse_value(&mut self, depth: usize) -> Result<Node, SchemaError> {
        self.nodes_left = self
            .nodes_left
            .checked_sub(1)
            .ok_or(SchemaError::Limit { limit: "JSON_NODES_MAX", allowed: JSON_NODES_MAX as u64 })?;
        self.skip_white();
        match self.peek() {
            None => self.error("unexpected end"),
            Some(b'{' | b'[') if depth >= SCHEMA_DEPTH_MAX => {
                Err(SchemaError::Limit { limit: "SCHEMA_DEPTH_MAX", allowed: SCHEMA_DEPTH_MAX as u64 })
            }
            Some(b'{') => self.parse_object(depth),
            Some(b'[') => self.parse_array(depth),
            Some(b'"') => Ok(Node::String(self.parse_string()?)),
            Some(b't') => self.parse_literal("true", Node::Bool(true)),
            Some(b'f') => self.parse_literal("false", Node::Bool(false)),
            Some(b'n') => self.parse_literal("null", Node::Null),
            Some(b'-' | b'0'..=b'9') => self.parse_number(),
            Some(_) => self.error("unexpected character"),
        }
    }

    fn parse_literal(&mut self, word: &str, node: Node) -> Result<Node, SchemaError> {
        if !self.text[self.at..].starts_with(word) {
            return self.error("unexpected character");
        }
        self.at += word.len();
        match self.peek() {
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 => {
                self.error("unexpected character")
            }
            _ => Ok(node),
        }
    }

    fn parse_object(&mut self, depth: usize) -> Result<Node, SchemaError> {
        self.at += 1;
        let mut members = Vec::new();
        self.skip_white();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Node::Object(Object::default()));
        }
        loop {
            self.skip_white();
            if self.peek() != Some(b'"') {
                return self.error("expected a key");
            }
            let name = self.parse_string()?;
            self.skip_white();
            if self.peek() != Some(b':') {
                return self.error("expected a colon");
            }
            self.at += 1;
            let value = self.parse_value(depth + 1)?;
            members.push((name, value));
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Node::Object(Object::from_members(members)));
                }
                Some(_) => return self.error("expected a comma or the end of the object"),
                None => return self.error("unexpected end"),
            }
        }
    }

    fn parse_array(&mut self, depth: usize) -> Result<Node, SchemaError> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip_white();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Node::Array(items));
        }
        loop {
            items.push(self.parse_value(depth + 1)?);
            self.skip_white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Node::Array(items));
                }
                Some(_) => return self.error("expected a comma or the end of the array"),
                None => return self.error("unexpected end"),
            }
        }
    }

    fn parse_string(&mut self) -> Result<Box<str>, SchemaError> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let text = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => return self.escaped_string(start),
                Some(0..=0x1f) => return self.error("unescaped control character"),
                Some(_) => self.at += 1,
                None => return self.error("unexpected end"),
            }
        }
    }

    fn escaped_string(&mut self, start: usize) -> Result<Box<str>, SchemaError> {
        let mut text = String::from(&self.text[start..self.at]);
        let mut plain_from = self.at;
        loop {
            match self.peek() {
                Some(b'"') => {
                    text.push_str(&self.text[plain_from..self.at]);
                    self.at += 1;
                    return Ok(text.into_boxed_str());
                }
                Some(b'\\') => {
                    text.push_str(&self.text[plain_from..self.at]);
                    self.at += 1;
                    let character = self.parse_escape()?;
                    text.push(character);
                    plain_from = self.at;
                }
                Some(0..=0x1f) => return self.error("unescaped control character"),
                Some(_) => self.at += 1,
                None => return self.error("unexpected end"),
            }
        }
    }

    fn parse_escape(&mut self) -> Result<char, SchemaError> {
        let Some(byte) = self.peek() else { return self.error("unexpected end") };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.parse_hex4()?;
                if !(0xd800..0xe000).contains(&high) {
                    return char::from_u32(high).map_or_else(|| self.error("invalid escape"), Ok);
                }
                // A pair of surrogates; a lone one has no place in UTF-8 text.
                if high >= 0xdc00 || self.peek() != Some(b'\\') || self.bytes.get(self.at + 1) != Some(&b'u') {
                    return self.error("lone surrogate");
                }
                self.at += 2;
                let low = self.parse_hex4()?;
                if !(0xdc00..0xe000).contains(&low) {
                    return self.error("lone surrogate");
                }
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(code).map_or_else(|| self.error("invalid escape"), Ok);
            }
            _ => return self.error("invalid escape"),
        })
    }

    fn parse_hex4(&mut self) -> Result<u32, SchemaError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return self.error("invalid escape") };
            value = value * 16 + digit;
            self.at += 1;
        }
        Ok(value)
    }

    fn parse_number(&mut self) -> Result<Node, SchemaError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole_from = self.at;
        self.parse_digits();
        let whole = self.at - whole_from;
        if whole == 0 || (whole > 1 && self.bytes[whole_from] == b'0') {
            return self.error("invalid number");
        }
        let mut is_decimal = false;
        if self.peek() == Some(b'.') {
            is_decimal = true;
            self.at += 1;
            let from = self.at;
            self.parse_digits();
            if self.at == from {
                return self.error("invalid number");
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            is_decimal = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            let from = self.at;
            self.parse_digits();
            if self.at == from {
                return self.error("invalid number");
            }
        }
        let text = &self.text[start..self.at];
        match number::java_text(text, is_decimal) {
            Some(printed) => Ok(Node::Number(printed.into())),
            None => self.error("number out of range"),
        }
    }

    fn parse_digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let mut out = String::new();
        Node::parse(text).unwrap().print(&mut out);
        out
    }

    #[test]
    fn printing_is_compact_and_keeps_key_order_and_digits() {
        assert_eq!(canonical("{ \"b\" : 1.0 , \"a\" : [ 1 , -0.50 ] } x"), r#"{"b":1.0,"a":[1,-0.50]}"#);
        assert_eq!(canonical(r#""\u0001\/\u00e9\ud83d\ude00""#), "\"\\u0001/\u{e9}\u{1f600}\"");
    }

    #[test]
    fn of_duplicate_keys_the_last_value_wins_at_the_first_place() {
        assert_eq!(canonical(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
        let many: Vec<String> = (0..40).map(|n| format!("\"k{}\":{n}", n % 30)).collect();
        let printed = canonical(&format!("{{{}}}", many.join(",")));
        assert!(printed.starts_with(r#"{"k0":30,"k1":31,"#), "{printed}");
        assert_eq!(printed.matches(':').count(), 30);
    }

    #[test]
    fn keys_sort_by_utf16_units() {
        let node = Node::parse("{\"\u{ff5e}\":1,\"\u{1f600}\":2,\"a\":3}").unwrap();
        assert_eq!(&*node.equality_key(), "{\"a\":3,\"\u{1f600}\":2,\"\u{ff5e}\":1}");
    }

    #[test]
    fn broken_texts_are_refused() {
        for text in
            ["", "{", "[1,]", "{\"a\"}", "01", "1.", "tru", "truex", "\"\u{1}\"", "\"\\ud800\"", "nul", "+1", "NaN"]
        {
            assert!(Node::parse(text).is_err(), "{text}");
        }
    }
}
