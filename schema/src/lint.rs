//! What is questionable about a schema that is accepted: things that no compiler takes, or that harm later.
//!
//! A lint never changes what a schema is: it is advice beside the answer. What a format reports is decided in its own
//! module; here is only the common shape.

/// One remark on a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lint {
    /// A stable name of the rule, in capitals, as the difference types of compatibility have.
    pub code: &'static str,
    /// Where, in the path form of the format's differences (`#/Message/1` in Protobuf).
    pub path: String,
    /// What is wrong and what to do, for a person.
    pub message: String,
}

/// Most lints that one schema is answered with; more help nobody.
pub const LINT_COUNT_MAX: usize = 100;
