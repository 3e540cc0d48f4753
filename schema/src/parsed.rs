//! A parsed schema of any format: what the rest of the system holds and asks.

use crate::{Format, Rendering, ResolvedReference, SchemaError, Strictness, avro, json, limits, protobuf};

/// A schema after parsing, with its canonical text computed.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[derive(Debug)]
pub enum ParsedSchema {
    /// An Avro schema.
    Avro(avro::AvroSchema),
    /// A JSON Schema.
    Json(json::JsonSchema),
    /// A Protobuf file.
    Protobuf(protobuf::ProtobufSchema),
}

impl ParsedSchema {
    /// Parses `text`. `references` is the closure of its references in dependency order.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] or [`SchemaError::Reference`] say what is wrong with the text;
    /// [`SchemaError::Limit`] which limit it exceeds.
    pub fn parse(
        format: Format,
        text: &str,
        references: &[ResolvedReference],
        strictness: Strictness,
    ) -> Result<Self, SchemaError> {
        check_sizes(text, references)?;
        match format {
            Format::Avro => avro::AvroSchema::parse(text, references, strictness).map(Self::Avro),
            Format::Json => json::JsonSchema::parse(text, references, strictness).map(Self::Json),
            Format::Protobuf => protobuf::ProtobufSchema::parse(text, references, strictness).map(Self::Protobuf),
        }
    }

    /// The format.
    pub fn format(&self) -> Format {
        match self {
            Self::Avro(_) => Format::Avro,
            Self::Json(_) => Format::Json,
            Self::Protobuf(_) => Format::Protobuf,
        }
    }

    /// The text that identity, equality and compatibility work on.
    pub fn canonical(&self) -> &str {
        match self {
            Self::Avro(schema) => schema.canonical(),
            Self::Json(schema) => schema.canonical(),
            Self::Protobuf(schema) => schema.canonical(),
        }
    }

    /// The text under `normalize=true`.
    ///
    /// # Errors
    /// [`SchemaError`] if the schema cannot be normalised (a Protobuf type that does not resolve, a limit).
    pub fn normalized(&self) -> Result<String, SchemaError> {
        match self {
            Self::Avro(schema) => schema.normalized(),
            Self::Json(schema) => schema.normalized(),
            Self::Protobuf(schema) => schema.normalized(),
        }
    }

    /// The record's full name (Avro), the title (JSON Schema), the first message's full name (Protobuf).
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Avro(schema) => schema.name(),
            Self::Json(schema) => schema.name(),
            Self::Protobuf(schema) => schema.name(),
        }
    }

    /// The text in another rendering; a rendering that the format does not have gives the canonical text.
    ///
    /// # Errors
    /// As [`ParsedSchema::normalized`].
    pub fn render(&self, rendering: Rendering) -> Result<String, SchemaError> {
        match self {
            Self::Avro(schema) => schema.render(rendering),
            Self::Json(schema) => Ok(schema.canonical().to_owned()),
            Self::Protobuf(schema) => schema.render(rendering),
        }
    }

    /// Is the content the same for a lookup? Avro compares the structure (white space, key order and the order of
    /// properties do not count), JSON Schema and Protobuf the canonical text.
    pub fn same_content(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Avro(a), Self::Avro(b)) => a.same_content(b),
            (Self::Json(a), Self::Json(b)) => a.canonical() == b.canonical(),
            (Self::Protobuf(a), Self::Protobuf(b)) => a.canonical() == b.canonical(),
            (Self::Avro(_) | Self::Json(_) | Self::Protobuf(_), _) => false,
        }
    }

    /// What is questionable about the schema though it is accepted; [`crate::lint::LINT_COUNT_MAX`] remarks at most.
    /// Formats without lints of their own have none.
    ///
    /// # Errors
    /// [`SchemaError::Limit`] when looking for them exceeds its budget.
    pub fn lints(&self) -> Result<Vec<crate::lint::Lint>, SchemaError> {
        match self {
            Self::Avro(_) | Self::Json(_) => Ok(Vec::new()),
            Self::Protobuf(schema) => schema.lints(),
        }
    }

    /// What decides whether the schema reads or is read: two schemas of one shape are compatible with the same schemas.
    /// None where the format has no cheap one.
    pub(crate) fn shape(&self) -> Option<[u8; 32]> {
        match self {
            Self::Avro(schema) => schema.shape(),
            Self::Json(_) | Self::Protobuf(_) => None,
        }
    }

    /// The names of the top-level fields that `confluent:reserved` may not clash with: fields of the root record (Avro),
    /// keys of the root `properties` (JSON Schema), fields of top-level messages outside oneofs (Protobuf).
    pub fn top_level_fields(&self) -> Vec<String> {
        match self {
            Self::Avro(schema) => schema.top_level_fields(),
            Self::Json(schema) => schema.top_level_fields(),
            Self::Protobuf(schema) => schema.top_level_fields(),
        }
    }
}

fn check_sizes(text: &str, references: &[ResolvedReference]) -> Result<(), SchemaError> {
    let limit = |limit, allowed: usize| Err(SchemaError::Limit { limit, allowed: allowed as u64 });
    if text.len() > limits::SCHEMA_BYTES_MAX {
        return limit("SCHEMA_BYTES_MAX", limits::SCHEMA_BYTES_MAX);
    }
    if references.len() > limits::REFERENCE_CLOSURE_MAX {
        return limit("REFERENCE_CLOSURE_MAX", limits::REFERENCE_CLOSURE_MAX);
    }
    let bytes: usize = references.iter().map(|reference| reference.text.len()).sum();
    if bytes > limits::REFERENCE_CLOSURE_BYTES_MAX {
        return limit("REFERENCE_CLOSURE_BYTES_MAX", limits::REFERENCE_CLOSURE_BYTES_MAX);
    }
    Ok(())
}
