//! Regular expressions: by ECMA 262 as the drafts say, by `java.util.regex` where verdicts are Confluent's.
//!
//! An expression is valid if either syntax takes it. Data is validated by its ECMA 262 reading ([`super::ecma_regex`]);
//! compatibility, where patterns are tried on property names, by Java's ([`super::java_regex`]), because a verdict must
//! be Confluent's. Where one syntax does not take it, the other one's reading counts; what has no translation is valid
//! and matches nothing when run.
//!
//! Never compiled while parsing a schema; when run, size, backtracking and the number of compilations are bounded.

use super::ecma_regex::{self, Reading};
use super::java_regex::Translator;
use crate::{Budget, SchemaError};

/// Backtracking steps of one match. Real property patterns need a few dozen.
const BACKTRACK_STEPS_MAX: usize = 20_000;
/// Bytes of a compiled expression.
const COMPILED_BYTES_MAX: usize = 512 * 1024;
/// Steps of the budget for one compilation, about what it costs.
const STEPS_PER_COMPILATION: u64 = 2_000;
/// Steps of the budget for one match of an expression that may backtrack.
const STEPS_PER_BACKTRACKING_MATCH: u64 = 2_000;

/// Is this a regular expression by the syntax of ECMA 262 or of Java?
///
/// # Errors
/// What is wrong by ECMA 262.
pub(super) fn check_pattern(text: &str) -> Result<(), String> {
    ecma_regex::translate(text, Reading::Ecma).map(|_| ()).or_else(|problem| match Translator::run(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(problem),
    })
}

/// The expression as the validator of data is to read it, or `None` where only Java could run it.
pub(super) fn for_data(text: &str) -> Option<String> {
    ecma_regex::translate(text, Reading::Ecma).or_else(|_| ecma_regex::translate(text, Reading::WithJava)).ok()
}

/// The expression as compatibility is to read it.
fn for_names(text: &str) -> Option<String> {
    Translator::run(text).unwrap_or_else(|_| ecma_regex::translate(text, Reading::Ecma).ok())
}

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Option<fancy_regex::Regex>,
    may_backtrack: bool,
}

impl Pattern {
    /// # Errors
    /// [`SchemaError::Limit`] when the budget is used up or the expression is too large.
    pub(super) fn compile(text: &str, budget: &mut Budget) -> Result<Self, SchemaError> {
        budget.steps(STEPS_PER_COMPILATION + text.len() as u64)?;
        let Some(translated) = for_names(text) else {
            return Ok(Self { regex: None, may_backtrack: false });
        };
        let regex = fancy_regex::RegexBuilder::new(&translated)
            .backtrack_limit(BACKTRACK_STEPS_MAX)
            .delegate_size_limit(COMPILED_BYTES_MAX)
            .delegate_dfa_size_limit(COMPILED_BYTES_MAX)
            .build();
        let may_backtrack = ["(?=", "(?!", "(?<=", "(?<!", "(?>", "*+", "++", "?+", "}+", "\\k"]
            .iter()
            .any(|part| translated.contains(part))
            || translated.as_bytes().windows(2).any(|pair| pair[0] == b'\\' && pair[1].is_ascii_digit());
        Ok(Self { regex: regex.ok(), may_backtrack })
    }

    /// Does the expression match anywhere in `name`?
    ///
    /// # Errors
    /// [`SchemaError::Limit`] when the budget or the backtracking limit is used up.
    pub(super) fn is_found_in(&self, name: &str, budget: &mut Budget) -> Result<bool, SchemaError> {
        let Some(regex) = &self.regex else { return Ok(false) };
        budget.steps(4 + name.len() as u64 / 8 + if self.may_backtrack { STEPS_PER_BACKTRACKING_MATCH } else { 0 })?;
        regex
            .is_match(name)
            .map_err(|_| SchemaError::Limit { limit: "BACKTRACK_STEPS_MAX", allowed: BACKTRACK_STEPS_MAX as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_runs() {
        for (text, name, expected) in [
            ("^x-", "x-rate", true),
            ("^[a-z&&[^b]]+$", "abc", false),
            ("^[^0-9].*$", "9a", false),
            ("^\\w+$", "a_1", true),
            ("^\\w+$", "\u{e9}", false),
            ("^(?!x).*$", "y", true),
            ("^\\Qa.b\\E$", "a.b", true),
            ("^[\\p{L}_.-]+$", "\u{e9}.x", true),
        ] {
            let mut budget = Budget::compare();
            let pattern = Pattern::compile(text, &mut budget).unwrap();
            assert_eq!(pattern.is_found_in(name, &mut budget), Ok(expected), "{text}");
        }
    }

    #[test]
    fn catastrophic_patterns_end() {
        let mut budget = Budget::compare();
        for text in ["^(a+)+$", "^(?=(a+)+$)b", "^(a|aa)+\\1$"] {
            let pattern = Pattern::compile(text, &mut budget).unwrap();
            let _ = pattern.is_found_in(&"a".repeat(60), &mut budget);
        }
    }
}
