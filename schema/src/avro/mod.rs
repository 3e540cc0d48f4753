//! Avro: parse, print, compare, validate.
//!
//! Everything follows Java's Avro 1.12.1 as Confluent Schema Registry uses it (`docs/formats.md`).
//! [`AvroSchema`] is what the rest of the crate holds; the modules below do one thing each to its model.

mod defaults;
mod diff;
mod fingerprint;
mod json;
mod logical;
mod model;
mod names;
mod normalize;
mod number;
mod parse;
mod print;
mod reads;
mod same;
mod validate;

use std::sync::OnceLock;

use crate::compat::{Difference, Direction};
use crate::diff::Diff;
use crate::{Budget, Rendering, ResolvedReference, SchemaError, Strictness};
use model::{Kind, Model};

pub use validate::{DATA_DEPTH_MAX, DATA_ERROR_COUNT_MAX, validate_binary, validate_json};

/// How many types a comparison follows into each other before it gives up: far more than people nest, and little enough
/// for a stack of 2 MiB. Through references and forward uses, types can nest deeper than the JSON that declares them.
const COMPARE_DEPTH_MAX: usize = 256;

/// A parsed schema, with its references.
#[derive(Debug)]
pub struct AvroSchema {
    model: Model,
    canonical: String,
    /// For [`AvroSchema::normalized`], which parses again.
    references: Vec<ResolvedReference>,
    shape: OnceLock<Option<[u8; 32]>>,
}

impl AvroSchema {
    /// Parses a text.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::parse`].
    pub fn parse(text: &str, references: &[ResolvedReference], strictness: Strictness) -> Result<Self, SchemaError> {
        let model = parse::parse(text, references, strictness)?;
        let canonical = print::canonical(&model)?;
        Ok(Self { model, canonical, references: references.to_vec(), shape: OnceLock::new() })
    }

    /// The canonical text: what Java's `Schema.toString()` prints.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The normalised text.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::normalized`].
    pub fn normalized(&self) -> Result<String, SchemaError> {
        normalize::normalized(&self.model, &self.references)
    }

    /// The full name of the record that the schema is; nothing for other kinds.
    pub fn name(&self) -> Option<String> {
        match self.model.kind(self.model.root) {
            Kind::Record(record) => Some(record.named.name.full().to_owned()),
            Kind::Primitive(_)
            | Kind::Array(_)
            | Kind::Map(_)
            | Kind::Union(_)
            | Kind::Enum(_)
            | Kind::Fixed(_)
            | Kind::Forward(_) => None,
        }
    }

    /// Another rendering of the text.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::render`].
    pub fn render(&self, rendering: Rendering) -> Result<String, SchemaError> {
        match rendering {
            Rendering::Resolved => print::resolved(&self.model),
            Rendering::Serialized | Rendering::IgnoreExtensions => Ok(self.canonical.clone()),
        }
    }

    /// Is the content the same for a lookup? A comparison that exceeds its budget falls back on the canonical texts.
    pub fn same_content(&self, other: &Self) -> bool {
        self.canonical == other.canonical && self.references.is_empty() && other.references.is_empty()
            || same::same(&self.model, &other.model, &mut Budget::compare())
                .unwrap_or_else(|_| self.canonical == other.canonical)
    }

    /// See [`crate::ParsedSchema::shape`]; computed at most once.
    pub(crate) fn shape(&self) -> Option<[u8; 32]> {
        *self.shape.get_or_init(|| fingerprint::shape(&self.model).ok())
    }

    /// See [`crate::ParsedSchema::top_level_fields`].
    pub fn top_level_fields(&self) -> Vec<String> {
        match self.model.kind(self.model.root) {
            Kind::Record(record) => record.fields.iter().map(|field| field.name.clone()).collect(),
            Kind::Primitive(_)
            | Kind::Array(_)
            | Kind::Map(_)
            | Kind::Union(_)
            | Kind::Enum(_)
            | Kind::Fixed(_)
            | Kind::Forward(_) => Vec::new(),
        }
    }

    /// Avro's Parsing Canonical Form, with the types of references written out.
    ///
    /// # Errors
    /// [`SchemaError::Limit`] if definitions nest too deeply.
    pub fn parsing_canonical_form(&self) -> Result<String, SchemaError> {
        fingerprint::parsing_canonical_form(&self.model)
    }

    /// CRC-64-AVRO of the Parsing Canonical Form.
    ///
    /// # Errors
    /// As [`AvroSchema::parsing_canonical_form`].
    pub fn fingerprint64(&self) -> Result<u64, SchemaError> {
        Ok(fingerprint::crc64(self.parsing_canonical_form()?.as_bytes()))
    }
}

/// All differences between what `writer` wrote and what `reader` can read.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up.
pub fn differences(
    reader: &AvroSchema,
    writer: &AvroSchema,
    direction: Direction,
    budget: &mut Budget,
) -> Result<Vec<Difference>, SchemaError> {
    reads::differences(&reader.model, &writer.model, direction, budget)
}

/// The semantic diff from `old` to `new`.
///
/// # Errors
/// [`SchemaError::Limit`] when the comparison exceeds its budget.
pub fn diff(old: &AvroSchema, new: &AvroSchema) -> Result<Diff, SchemaError> {
    diff::diff(&old.model, &new.model)
}

fn compare_too_deep() -> SchemaError {
    SchemaError::Limit { limit: "COMPARE_DEPTH_MAX", allowed: COMPARE_DEPTH_MAX as u64 }
}
