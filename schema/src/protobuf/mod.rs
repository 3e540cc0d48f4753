//! Protobuf: parse, print, compare, validate.

use crate::compat::{Difference, Direction};
use crate::diff::Diff;
use crate::{Budget, Rendering, ResolvedReference, SchemaError, Strictness};

/// A parsed schema. Placeholder until the engine lands: the text is taken as it is.
#[derive(Debug)]
pub struct ProtobufSchema {
    canonical: String,
}

impl ProtobufSchema {
    /// Parses a text.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::parse`].
    pub fn parse(text: &str, _: &[ResolvedReference], _: Strictness) -> Result<Self, SchemaError> {
        Ok(Self { canonical: text.to_owned() })
    }

    /// The canonical text.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The normalised text.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::normalized`].
    pub fn normalized(&self) -> Result<String, SchemaError> {
        Ok(self.canonical.clone())
    }

    /// The schema's own name.
    pub fn name(&self) -> Option<String> {
        None
    }

    /// Another rendering of the text.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::render`].
    pub fn render(&self, _: Rendering) -> Result<String, SchemaError> {
        Ok(self.canonical.clone())
    }

    /// Is the content the same for a lookup?
    pub fn same_content(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }

    /// See [`crate::ParsedSchema::top_level_fields`].
    pub fn top_level_fields(&self) -> Vec<String> {
        Vec::new()
    }
}

/// All differences between what `writer` wrote and what `reader` can read.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up.
pub fn differences(
    _reader: &ProtobufSchema,
    _writer: &ProtobufSchema,
    _direction: Direction,
    _budget: &mut Budget,
) -> Result<Vec<Difference>, SchemaError> {
    Err(SchemaError::invalid("not built yet"))
}

/// The semantic diff from `old` to `new`.
///
/// # Errors
/// [`SchemaError::Limit`] when the comparison exceeds its budget.
pub fn diff(_old: &ProtobufSchema, _new: &ProtobufSchema) -> Result<Diff, SchemaError> {
    Err(SchemaError::invalid("not built yet"))
}
