//! The registered schema, of whichever format, as a projection begins with it and as values come back to it.
//!
//! JSON Schema is taken as it is. Avro and Protobuf are written as JSON Schema first, in the form that a model writes well
//! (dates instead of counts of days, decimals instead of bytes), and a value goes back in two steps: first by the marks of
//! the projection, then by the registered schema itself, which is walked together with the value.

mod avro;
mod decimal;
mod protobuf;
mod time;

use schema::limits::SCHEMA_BYTES_MAX;
use schema::protobuf::validate::{MessageSelector, Validator};
use schema::{Format, ParsedSchema, ResolvedReference, SchemaError, Strictness};
use serde_json::Value;
use thiserror::Error;

use crate::project::{Int64, Options, Projection, project};
use crate::restore::{RestoreError, restore};
use crate::{Dialect, Refusal};

/// A registered schema.
#[derive(Debug, Clone)]
pub struct Source {
    text: String,
    references: Vec<ResolvedReference>,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Json { schema: Value, references: Vec<(String, Value)> },
    Avro(avro::Avro),
    Protobuf(protobuf::Protobuf),
}

/// Why a text is no schema.
#[derive(Debug, Error)]
pub enum SourceError {
    /// By the rules of its format.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It is no JSON at all.
    #[error("{document} is no JSON: {problem}")]
    Json {
        /// The schema, or the reference of this name.
        document: String,
        /// What the parser says.
        problem: String,
    },
    /// It is longer than schemas may be.
    #[error("the schema has {bytes} bytes, and may have {SCHEMA_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl Source {
    /// Reads a schema and what it refers to.
    ///
    /// # Errors
    /// [`SourceError`]. JSON Schema is only read as JSON here: what is wrong with it is told by its projection, with the
    /// place.
    pub fn parse(format: Format, text: &str, references: &[ResolvedReference]) -> Result<Self, SourceError> {
        if text.len() > SCHEMA_BYTES_MAX {
            return Err(SourceError::TooLong { bytes: text.len() });
        }
        let form = match format {
            Format::Json => {
                let named = references.iter().map(|found| {
                    let name = &found.reference.name;
                    json_of(&found.text, &format!("the reference \"{name}\"")).map(|value| (name.clone(), value))
                });
                Form::Json { schema: json_of(text, "the schema")?, references: named.collect::<Result<_, _>>()? }
            }
            Format::Avro => Form::Avro(avro::Avro::parse(text, references)?),
            Format::Protobuf => Form::Protobuf(protobuf::Protobuf::parse(text, references)?),
        };
        Ok(Self { text: text.to_owned(), references: references.to_vec(), form })
    }

    /// The format in which it is registered.
    pub fn format(&self) -> Format {
        match &self.form {
            Form::Json { .. } => Format::Json,
            Form::Avro(_) => Format::Avro,
            Form::Protobuf(_) => Format::Protobuf,
        }
    }

    /// It as JSON Schema, before any dialect.
    ///
    /// # Errors
    /// [`Refusal`] for an Avro or Protobuf schema that has more parts than a projection may have.
    pub fn as_json_schema(&self, int64: Option<Int64>) -> Result<Value, Refusal> {
        match &self.form {
            Form::Json { schema, .. } => Ok(schema.clone()),
            Form::Avro(schema) => schema.as_json_schema(int64.unwrap_or(Int64::Integer)),
            Form::Protobuf(schema) => schema.as_json_schema(int64.unwrap_or(Int64::String)),
        }
    }

    /// Does it have a union of Avro whose branches look alike in JSON, so that each is written under its name?
    pub fn has_ambiguous_union(&self) -> bool {
        match &self.form {
            Form::Avro(schema) => schema.has_ambiguous_union(),
            Form::Json { .. } | Form::Protobuf(_) => false,
        }
    }

    /// What its JSON Schema refers to, by name.
    pub(crate) fn json_references(&self) -> &[(String, Value)] {
        match &self.form {
            Form::Json { references, .. } => references,
            Form::Avro(_) | Form::Protobuf(_) => &[],
        }
    }

    /// Writes it in a dialect.
    ///
    /// # Errors
    /// As [`project`].
    pub fn project(&self, dialect: &Dialect, options: &Options) -> Result<Projection, Refusal> {
        project(&self.as_json_schema(options.int64)?, self.json_references(), dialect, options)
    }

    /// Brings a value that was written by a projection of it back: to the registered schema, for Avro in the JSON encoding
    /// of Avro, for Protobuf in ProtoJSON.
    ///
    /// # Errors
    /// [`RestoreError`] where the value means nothing that the registered schema could say.
    pub fn restore(&self, projection: &Projection, value: Value) -> Result<Value, RestoreError> {
        let value = restore(&projection.inverse, value)?;
        match &self.form {
            Form::Json { .. } => Ok(value),
            Form::Avro(schema) => schema.encode(value),
            Form::Protobuf(schema) => schema.convert_splice(value),
        }
    }

    /// What the registered schema finds wrong with a restored value.
    ///
    /// # Errors
    /// [`SchemaError`] for a schema that cannot be used for validation.
    pub fn validator(&self) -> Result<Registered, SchemaError> {
        if let Form::Protobuf(schema) = &self.form {
            return Ok(Registered::Protobuf(schema.convert_message().clone()));
        }
        ParsedSchema::parse(self.format(), &self.text, &self.references, Strictness::Stored)
            .map(|parsed| Registered::Parsed(Box::new(parsed)))
    }
}

/// A registered schema that is ready to judge values.
#[derive(Debug)]
pub enum Registered {
    /// Of Avro or JSON Schema.
    Parsed(Box<ParsedSchema>),
    /// The first message of a Protobuf schema.
    Protobuf(schema::protobuf::validate::Message),
}

impl Registered {
    /// Everything that is wrong with a value; nothing if it is valid.
    ///
    /// # Errors
    /// [`SchemaError`] for a schema that cannot be used for validation.
    pub fn validate(&self, value: &Value) -> Result<Vec<schema::validate::DataError>, SchemaError> {
        let text = value.to_string();
        let parsed = match self {
            Self::Protobuf(message) => return Ok(message.validate_json(&text)),
            Self::Parsed(parsed) => parsed,
        };
        match &**parsed {
            ParsedSchema::Json(schema) => schema.validate(&text, schema::json::Formats::ByDialect),
            ParsedSchema::Avro(schema) => Ok(schema::avro::validate_json(schema, &text)),
            // Only its messages can judge a value.
            ParsedSchema::Protobuf(schema) => {
                let message = Validator::new(schema)?.message(schema, MessageSelector::First)?;
                Ok(message.validate_json(&text))
            }
        }
    }
}

fn json_of(text: &str, document: &str) -> Result<Value, SourceError> {
    serde_json::from_str(text)
        .map_err(|problem| SourceError::Json { document: document.to_owned(), problem: problem.to_string() })
}
