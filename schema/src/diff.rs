//! The semantic diff of two schemas of one format, as one data type that API, command line and UI can show.

mod words;

use crate::{ParsedSchema, SchemaError};

pub use words::{Change, ChangeKind, Diff, Step};

/// The semantic diff from `old` to `new`.
///
/// # Errors
/// [`SchemaError::Invalid`] if the formats differ, [`SchemaError::Limit`] if the comparison exceeds its budget.
pub fn diff(old: &ParsedSchema, new: &ParsedSchema) -> Result<Diff, SchemaError> {
    match (old, new) {
        (ParsedSchema::Avro(old), ParsedSchema::Avro(new)) => crate::avro::diff(old, new),
        (ParsedSchema::Json(old), ParsedSchema::Json(new)) => crate::json::diff(old, new),
        (ParsedSchema::Protobuf(old), ParsedSchema::Protobuf(new)) => crate::protobuf::diff(old, new),
        (ParsedSchema::Avro(_) | ParsedSchema::Json(_) | ParsedSchema::Protobuf(_), _) => {
            Err(SchemaError::invalid("schemas of different formats cannot be compared"))
        }
    }
}
