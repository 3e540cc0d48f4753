//! The text that a model wrote: the JSON in it, without closing what is open.

use std::collections::BTreeSet;

use serde_json::Value;

use super::TEXT_BYTES_MAX;
use crate::tree::below;

/// Why a text holds no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It ends in the middle of a value.
    Truncated,
    /// There is no JSON, or none that all parsers read alike.
    Invalid { pointer: String, message: String },
}

fn invalid(pointer: &str, message: impl Into<String>) -> Unreadable {
    Unreadable::Invalid { pointer: pointer.to_owned(), message: message.into() }
}

/// The value of a text, and the codes of the repairs that it took.
pub(super) fn read_text(text: &str, may: impl Fn(&str) -> bool) -> Result<(Value, Vec<&'static str>), Unreadable> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(invalid("", format!("the text has {} bytes, and may have {TEXT_BYTES_MAX}", text.len())));
    }
    let mut codes = Vec::new();
    let mut body = text.trim();
    if let Some(rest) = body.strip_prefix('\u{feff}')
        && may("byte-order-mark")
    {
        body = rest.trim_start();
        codes.push("byte-order-mark");
    }
    if let Some(value) = parse_candidate(body)? {
        return Ok((value, codes));
    }
    if matches!(extent(body), Extent::Open) && body.starts_with(['{', '[']) {
        return Err(Unreadable::Truncated);
    }
    if may("surrounding-text")
        && let Some(inner) = inner_text(body)?
        && inner.len() < body.len()
    {
        body = inner;
        codes.push("surrounding-text");
        if let Some(value) = parse_candidate(body)? {
            return Ok((value, codes));
        }
    }
    if may("trailing-comma") {
        let without = without_trailing_commas(body);
        if without.len() < body.len()
            && let Some(value) = parse_candidate(&without)?
        {
            codes.push("trailing-comma");
            return Ok((value, codes));
        }
    }
    let problem = serde_json::from_str::<serde::de::IgnoredAny>(body).err();
    let problem = problem.map_or_else(|| "it cannot be read".to_owned(), |problem| problem.to_string());
    Err(invalid("", format!("the answer is no JSON: {problem}")))
}

/// The value of a whole text of JSON; none if it is no JSON.
fn parse_candidate(text: &str) -> Result<Option<Value>, Unreadable> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Ok(None) };
    match duplicate_member(text) {
        Some(pointer) => {
            Err(invalid(&pointer, "the key stands twice in its object, and parsers disagree which one counts"))
        }
        None => Ok(Some(value)),
    }
}

/// The value inside other text: of the one fenced block, else the first whole one.
fn inner_text(text: &str) -> Result<Option<&str>, Unreadable> {
    let fences: Vec<usize> = text.match_indices("```").map(|(position, _)| position).collect();
    if let [open, close] = fences.as_slice() {
        let block = &text[open + 3..*close];
        // The first line says the language.
        let block = block.split_once('\n').map_or(block, |(language, rest)| {
            if language.trim().bytes().all(|byte| byte.is_ascii_alphanumeric()) { rest } else { block }
        });
        return Ok(Some(block.trim()));
    }
    let Some(begin) = text.find(['{', '[']) else { return Ok(None) };
    match extent(&text[begin..]) {
        Extent::Whole(length) => Ok(Some(&text[begin..begin + length])),
        Extent::Open => Err(Unreadable::Truncated),
        Extent::Mixed => Ok(None),
    }
}

/// How far the value at the beginning of a text reaches.
enum Extent {
    /// This many bytes.
    Whole(usize),
    /// Farther than the text.
    Open,
    /// Its brackets do not fit.
    Mixed,
}

fn extent(text: &str) -> Extent {
    let mut open = Vec::new();
    let mut in_text = false;
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate() {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (true, b'"') => in_text = false,
            (true, _) => {}
            (false, b'"') => in_text = true,
            (false, b'{' | b'[') => open.push(if byte == b'{' { b'}' } else { b']' }),
            (false, b'}' | b']') => {
                if open.pop() != Some(byte) {
                    return Extent::Mixed;
                }
                if open.is_empty() {
                    return Extent::Whole(position + 1);
                }
            }
            (false, _) => {}
        }
    }
    if open.is_empty() && !in_text { Extent::Mixed } else { Extent::Open }
}

/// The text without commas in front of closing brackets.
fn without_trailing_commas(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_text = false;
    let mut escaped = false;
    for letter in text.chars() {
        match (in_text, letter) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (true, '"') => in_text = false,
            (true, _) => {}
            (false, '"') => in_text = true,
            (false, '}' | ']') => {
                let kept = out.trim_end().len();
                if out[..kept].ends_with(',') {
                    out.truncate(kept - 1);
                }
            }
            (false, _) => {}
        }
        out.push(letter);
    }
    out
}

/// The place of the first key that stands twice in one object. The text is valid JSON.
fn duplicate_member(text: &str) -> Option<String> {
    struct Level {
        /// Keys of an object; none for an array.
        keys: Option<BTreeSet<String>>,
        /// The key or position of what is being read.
        at: String,
        position: usize,
        /// Is the next text a key?
        wants_key: bool,
    }
    let place = |levels: &[Level]| levels.iter().fold(String::new(), |at, level| below(&at, &level.at));
    let mut levels: Vec<Level> = Vec::new();
    let mut rest = text.char_indices();
    while let Some((begin, letter)) = rest.next() {
        match letter {
            '{' => levels.push(Level { keys: Some(BTreeSet::new()), at: String::new(), position: 0, wants_key: true }),
            '[' => levels.push(Level { keys: None, at: "0".to_owned(), position: 0, wants_key: false }),
            '}' | ']' => {
                levels.pop();
            }
            ',' => {
                if let Some(level) = levels.last_mut() {
                    level.position += 1;
                    level.wants_key = level.keys.is_some();
                    level.at = level.position.to_string();
                }
            }
            '"' => {
                let mut escaped = false;
                let end = rest.find(|(_, letter)| {
                    let is_end = *letter == '"' && !escaped;
                    escaped = *letter == '\\' && !escaped;
                    is_end
                });
                let Some(level) = levels.last_mut().filter(|level| level.wants_key) else { continue };
                let key: String = serde_json::from_str(&text[begin..=end?.0]).ok()?;
                level.wants_key = false;
                level.at.clone_from(&key);
                let is_new = level.keys.as_mut().is_none_or(|keys| keys.insert(key));
                if !is_new {
                    return Some(place(&levels));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_json_of_a_text_is_found_and_never_closed() {
        let value = |codes: &[&'static str]| Ok((json!({"a": [1, "}"]}), codes.to_vec()));
        for (text, expected) in [
            (r#" {"a":[1,"}"]} "#, value(&[])),
            ("\u{feff}{\"a\":[1,\"}\"]}", value(&["byte-order-mark"])),
            ("Here you are:\n```json\n{\"a\":[1,\"}\"]}\n```\nBye.", value(&["surrounding-text"])),
            ("Sure: {\"a\":[1,\"}\"]} and more {", value(&["surrounding-text"])),
            ("{\"a\":[1,\"}\" , ],\n}", value(&["trailing-comma"])),
            ("```\n{\"a\":[1,\"}\",]}```", value(&["surrounding-text", "trailing-comma"])),
            (r#"{"a":[1,"}"#, Err(Unreadable::Truncated)),
            (r#"Sure: {"a":[1"#, Err(Unreadable::Truncated)),
        ] {
            assert_eq!(read_text(text, |_| true), expected, "{text}");
        }
        assert!(matches!(read_text("I cannot do that.", |_| true), Err(Unreadable::Invalid { .. })));
        assert!(matches!(read_text("```json\n{}\n```", |_| false), Err(Unreadable::Invalid { .. })));
    }

    #[test]
    fn a_key_that_stands_twice_is_told_with_its_place() {
        for (text, expected) in [
            (r#"{"a":1,"b":{"a":1}}"#, None),
            (r#"{"a":1,"\u0061":2}"#, Some("/a")),
            (r#"{"x":[{"a":1},{"b":"a","c,":",","b":2}]}"#, Some("/x/1/b")),
            (r#"[{"a\"":1,"a":2},"a","a"]"#, None),
        ] {
            assert_eq!(duplicate_member(text).as_deref(), expected, "{text}");
        }
    }
}
