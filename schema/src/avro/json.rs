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

mod parser;

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

impl<'a> Json<'a> {
    /// Parses one JSON document with nothing after it.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] with the place of the error, [`SchemaError::Limit`] for nesting that is too deep.
    pub(crate) fn parse(text: &'a str, syntax: Syntax) -> Result<Self, SchemaError> {
        parser::parse(text, syntax)
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
