//! What a projection loses, and why it may be refused: each with a code, a place and a sentence.

use serde::Serialize;
use thiserror::Error;

/// One thing that the projected form does not say as the registered one does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Loss {
    /// A word of the catalogue, as `dropped:pattern`.
    pub code: String,
    /// Where in a value, as a pointer: names of properties, `*` for the items of an array and the values of a map,
    /// positions in a tuple, `anyOf/n` for a branch; behind `#name` inside a definition. The root is the empty text.
    pub pointer: String,
    /// What is lost, and what to do about it.
    pub message: String,
}

/// What a loss means for who relies on the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// What comes back is valid by the registered schema.
    Exact,
    /// Some values of the registered schema cannot be written.
    Narrowing,
    /// Some values that can be written are not valid: validate.
    Widening,
}

impl Loss {
    /// What the loss means.
    pub fn class(&self) -> Class {
        match self.code.as_str() {
            "open-object-closed" | "recursion-unrolled" | "type-implied" => Class::Narrowing,
            "map-as-pairs" | "tuple-as-object" | "absent-null-merged" | "json-string" => Class::Exact,
            code => match code.strip_prefix("dropped:") {
                Some(annotation) if crate::tree::is_annotation(annotation) => Class::Exact,
                Some(_) | None => Class::Widening,
            },
        }
    }
}

/// Why a schema cannot be written in a dialect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Error)]
#[error("{code} at \"{pointer}\": {message}")]
pub struct Refusal {
    /// A word of the catalogue.
    pub code: String,
    /// As [`Loss::pointer`].
    pub pointer: String,
    /// What is in the way, and what to write instead.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, pointer: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), pointer: pointer.to_owned(), message: message.into() }
    }
}
