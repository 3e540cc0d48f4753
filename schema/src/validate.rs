//! Validation of data against a schema: every error with its path.

/// One thing that is wrong with a piece of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataError {
    /// Where in the data, as a JSON pointer (`/a/0/b`); the root is the empty string.
    pub path: String,
    /// What is wrong there, for a person.
    pub message: String,
}
