//! What stands in the texts of a schema that a model reads: hidden characters, instructions, secrets.

use super::Found;
use crate::Dialect;

/// Beginnings of sentences that speak to the model instead of describing a value, in lower case.
const INSTRUCTIONS: &[&str] = &[
    "ignore previous",
    "ignore all previous",
    "ignore the above",
    "disregard previous",
    "disregard all",
    "do not tell the user",
    "don't tell the user",
    "without telling the user",
    "before using this tool",
    "before calling this tool",
    "you must always call",
    "system prompt",
    "<important>",
    "<system>",
];

/// Beginnings of well-known keys, with their least length.
const SECRETS: &[(&str, usize)] = &[
    ("sk-ant-", 30),
    ("sk-proj-", 30),
    ("sk-", 40),
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 36),
    ("github_pat_", 40),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AIza", 39),
    ("hf_", 34),
    ("eyJhbGciOi", 60),
    ("-----BEGIN ", 20),
];

/// Is a character invisible, or one that turns the direction of a text?
fn is_hidden(letter: char) -> bool {
    let is_control = letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    is_control
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Judges a text that a model reads.
pub(super) fn judge_words(text: &str, pointer: &str, dialects: &[&Dialect], found: &mut Found) {
    let lower = text.to_lowercase();
    let why = if text.chars().any(is_hidden) {
        Some("it holds characters that nobody sees: write it again")
    } else if text.contains("<!--") {
        Some("it holds a comment of HTML, which a page hides and a model reads: take it out")
    } else if INSTRUCTIONS.iter().any(|phrase| lower.contains(phrase)) {
        Some("it speaks to the model instead of describing the value: say what the value is")
    } else {
        None
    };
    if let Some(why) = why {
        found.add_for("description-suspicious", pointer, why, dialects);
    }
    find_secret(text, pointer, dialects, found);
}

/// Judges any text of a schema.
pub(super) fn find_secret(text: &str, pointer: &str, dialects: &[&Dialect], found: &mut Found) {
    let is_secret = |word: &str| SECRETS.iter().any(|(begin, least)| word.starts_with(begin) && word.len() >= *least);
    let mut words = text.split(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`' | '=' | ','));
    if text.starts_with("-----BEGIN ") || words.any(is_secret) {
        let message =
            "it looks like a key: take it out, and take the key out of use, because schemas are read by everybody";
        found.add_for("secret-in-schema", pointer, message, dialects);
    }
}
