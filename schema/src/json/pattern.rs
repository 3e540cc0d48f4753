//! Regular expressions.

use crate::{Budget, SchemaError};

/// Is this a regular expression?
pub(super) fn check(text: &str) -> Result<(), String> {
    fancy_regex::Regex::new(text).map(|_| ()).map_err(|error| error.to_string())
}

/// A compiled expression.
pub(super) struct Pattern(Option<fancy_regex::Regex>);

impl Pattern {
    pub(super) fn compile(text: &str, budget: &mut Budget) -> Result<Self, SchemaError> {
        budget.steps(2_000)?;
        Ok(Self(fancy_regex::Regex::new(text).ok()))
    }

    pub(super) fn is_found_in(&self, name: &str, budget: &mut Budget) -> Result<bool, SchemaError> {
        budget.steps(10)?;
        Ok(self.0.as_ref().is_some_and(|regex| regex.is_match(name).unwrap_or(false)))
    }
}
