//! Strings, numbers and enums: keyword against keyword.

use super::compare::{Comparison, Findings, is_subset};
use super::kinds;
use super::model::{NumberRules, StringRules};
use super::number::{self, MultipleOf};
use crate::SchemaError;

impl Comparison<'_> {
    pub(super) fn compare_strings(&self, old: &StringRules, new: &StringRules, found: &mut Findings) {
        self.limit(&old.max_length, &new.max_length, &kinds::MAX_LENGTH, found);
        self.limit(&old.min_length, &new.min_length, &kinds::MIN_LENGTH, found);
        match (&old.pattern, &new.pattern) {
            (None, Some(_)) => found.add(&kinds::PATTERN_ADDED, "pattern", self.policy),
            (Some(_), None) => found.add(&kinds::PATTERN_REMOVED, "pattern", self.policy),
            (was, is) if was != is => found.add(&kinds::PATTERN_CHANGED, "pattern", self.policy),
            (_, _) => {}
        }
    }

    pub(super) fn compare_numbers(&self, old: &NumberRules, new: &NumberRules, found: &mut Findings) {
        self.limit(&old.maximum, &new.maximum, &kinds::MAXIMUM, found);
        self.limit(&old.minimum, &new.minimum, &kinds::MINIMUM, found);
        self.limit(&old.exclusive_maximum, &new.exclusive_maximum, &kinds::EXCLUSIVE_MAXIMUM, found);
        self.limit(&old.exclusive_minimum, &new.exclusive_minimum, &kinds::EXCLUSIVE_MINIMUM, found);
        let kind = match (&old.multiple_of, &new.multiple_of) {
            (None, None) => None,
            (None, Some(_)) => Some(&kinds::MULTIPLE_OF_ADDED),
            (Some(_), None) => Some(&kinds::MULTIPLE_OF_REMOVED),
            (Some(was), Some(is)) => match number::compare_multiples(was, is) {
                MultipleOf::Equal => None,
                MultipleOf::Expanded => Some(&kinds::MULTIPLE_OF_EXPANDED),
                MultipleOf::Reduced => Some(&kinds::MULTIPLE_OF_REDUCED),
                MultipleOf::Unrelated => Some(&kinds::MULTIPLE_OF_CHANGED),
            },
        };
        if let Some(kind) = kind {
            found.add(kind, "multipleOf", self.policy);
        }
        match (old.requires_integer, new.requires_integer) {
            (true, false) => found.add(&kinds::TYPE_EXTENDED, "", self.policy),
            (false, true) => found.add(&kinds::TYPE_NARROWED, "", self.policy),
            (_, _) => {}
        }
    }

    pub(super) fn compare_enums(
        &mut self,
        old: &[Box<str>],
        new: &[Box<str>],
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        self.budget.steps((old.len() + new.len()) as u64)?;
        let kind = match (is_subset(old, new), is_subset(new, old)) {
            (true, true) => return Ok(()),
            (true, false) => &kinds::ENUM_ARRAY_EXTENDED,
            (false, true) => &kinds::ENUM_ARRAY_NARROWED,
            (false, false) => &kinds::ENUM_ARRAY_CHANGED,
        };
        found.add(kind, "enum", self.policy);
        Ok(())
    }
}
