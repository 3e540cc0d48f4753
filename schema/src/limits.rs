//! Named limits on everything that comes from outside, and the step budget that bounds every walk over a schema.
//!
//! A stack overflow cannot be caught in Rust and a client that retries would end one node after another, so depth is
//! limited before anything recurses; and a small schema can unfold to exponential work, so steps are counted.

use crate::SchemaError;

/// Longest schema text, in bytes. Confluent's own limit is 1 MiB; real schemas stay far below.
pub const SCHEMA_BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting of a schema (JSON values, Avro types, Protobuf messages). serde_json stops at 128 as well.
pub const SCHEMA_DEPTH_MAX: usize = 96;
/// Most references that one schema may list directly.
pub const REFERENCE_COUNT_MAX: usize = 1_000;
/// Most schemas in the closure of one schema's references.
pub const REFERENCE_CLOSURE_MAX: usize = 2_000;
/// Most bytes of all texts in the closure of references together.
pub const REFERENCE_CLOSURE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most members (fields, symbols, branches, properties, enum values) in one schema in all.
pub const MEMBER_COUNT_MAX: usize = 50_000;
/// Steps for one pass over a schema: parse, print, normalise. One step is about one node visited.
pub const WALK_STEPS_MAX: u64 = 2_000_000;
/// Steps for one comparison of two schemas. At well under 100 ns a step this is below 100 ms on one core.
pub const COMPARE_STEPS_MAX: u64 = 1_000_000;

/// Longest JSON document that is validated, in bytes; a pattern can count no further.
pub const JSON_DOCUMENT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Counts the steps of one walk and ends it with [`SchemaError::Limit`] when they are used up.
#[derive(Debug, Clone)]
pub struct Budget {
    limit: &'static str,
    allowed: u64,
    left: u64,
}

impl Budget {
    /// A budget under the name of the constant that it comes from.
    pub fn new(limit: &'static str, allowed: u64) -> Self {
        Self { limit, allowed, left: allowed }
    }

    /// The budget for one comparison: [`COMPARE_STEPS_MAX`].
    pub fn compare() -> Self {
        Self::new("COMPARE_STEPS_MAX", COMPARE_STEPS_MAX)
    }

    /// The budget for one pass over a schema: [`WALK_STEPS_MAX`].
    pub fn walk() -> Self {
        Self::new("WALK_STEPS_MAX", WALK_STEPS_MAX)
    }

    /// The steps that are left.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Takes one step.
    ///
    /// # Errors
    /// [`SchemaError::Limit`] when no step is left. The walk must end then.
    #[inline]
    pub fn step(&mut self) -> Result<(), SchemaError> {
        self.steps(1)
    }

    /// Takes `count` steps at once, for work that is proportional to a length.
    ///
    /// # Errors
    /// As [`Budget::step`].
    #[inline]
    pub fn steps(&mut self, count: u64) -> Result<(), SchemaError> {
        match self.left.checked_sub(count) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(SchemaError::Limit { limit: self.limit, allowed: self.allowed }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_exactly_at_its_limit() {
        let mut budget = Budget::new("TEST", 2);
        assert!(budget.step().is_ok());
        assert!(budget.step().is_ok());
        assert_eq!(budget.step(), Err(SchemaError::Limit { limit: "TEST", allowed: 2 }));
    }
}
