//! The one error of this crate: what is wrong with a schema (or with work on it), where, and which limit was hit.

use thiserror::Error;

/// Why a schema text was refused, or why work on it was given up.
///
/// Every variant is the client's fault and becomes a 422 at the HTTP edge; none leaks internals of the node.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// The text is not a valid schema of its format. `message` says what and, where known, at which path.
    #[error("{message}")]
    Invalid {
        /// What is wrong, for a person.
        message: String,
    },
    /// A reference is missing, or names something that the referenced text does not define.
    #[error("{message}")]
    Reference {
        /// What is wrong, for a person.
        message: String,
    },
    /// A named limit of [`crate::limits`] was exceeded. Nothing was changed; a smaller schema passes.
    #[error("the schema exceeds the limit {limit} of {allowed}")]
    Limit {
        /// The name of the constant, so that an operator finds it in the documentation.
        limit: &'static str,
        /// The limit's value.
        allowed: u64,
    },
}

impl SchemaError {
    /// An [`SchemaError::Invalid`] with the given text.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into() }
    }

    /// An [`SchemaError::Reference`] with the given text.
    pub fn reference(message: impl Into<String>) -> Self {
        Self::Reference { message: message.into() }
    }
}
