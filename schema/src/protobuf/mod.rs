//! Protobuf: parse, print, compare, validate.
//!
//! Confluent works on the syntax tree of Square's Wire, not on descriptors, so this module has its own parser, printer
//! and comparison over such a tree (`ast`). Descriptors are built only for `format=serialized` and for data. A schema
//! comes as `.proto` text or as a base64 FileDescriptorProto; both become the same tree. Names are resolved against the
//! file, its references and the bundled files only: nothing is ever fetched.

mod ast;
mod bundled;
mod compare;
mod decode;
mod defaults;
mod descriptors;
mod differ;
mod encode;
mod features;
mod files;
mod findings;
mod json_text;
mod lexer;
mod names;
mod normalize;
mod options;
mod parser;
mod parser_options;
mod printer;
mod rules;
mod strict;
mod units;
pub mod validate;
mod well_known;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::ast::File;
use self::files::Files;
use self::units::joined;
use crate::compat::{Difference, Direction};
use crate::diff::Diff;
use crate::{Budget, Rendering, ResolvedReference, SchemaError, Strictness};

/// A parsed schema: its own file, the files it refers to, and its canonical text.
#[derive(Debug)]
pub struct ProtobufSchema {
    files: Files,
    canonical: String,
}

impl ProtobufSchema {
    /// Parses `.proto` text, or a base64 FileDescriptorProto where the text is none.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::parse`]. A new schema must resolve all its types; with `validate_fields` it must also
    /// make a descriptor (`docs/formats.md`, "Protobuf: what is a schema"). A stored one must only have been parsed once.
    pub fn parse(text: &str, references: &[ResolvedReference], strictness: Strictness) -> Result<Self, SchemaError> {
        let mut budget = Budget::walk();
        let file = match parser::parse(text) {
            Ok(file) => file,
            Err(error @ (SchemaError::Invalid { .. } | SchemaError::Reference { .. })) => {
                parse_base64(text, references)?.ok_or(error)?
            }
            Err(error @ SchemaError::Limit { .. }) => return Err(error),
        };
        let canonical = printer::print(&file);
        if canonical.is_empty() {
            // Nothing but white space or comments: its canonical text could not be read back, and an empty text means
            // "as the latest version" where one registers it.
            return Err(SchemaError::invalid("the schema is empty"));
        }
        let files = Files::new(file, references, &mut budget)?;
        match strictness {
            Strictness::Stored => {}
            Strictness::New { validate_fields } => {
                normalize::check_types(&files, &mut budget)?;
                if validate_fields {
                    strict::check(&files, &mut budget)?;
                }
            }
        }
        Ok(Self { files, canonical })
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
        let text = printer::print(&normalize::normalize(&self.files)?);
        if text.is_empty() {
            // Only `syntax = "proto2";` was there, which normalising leaves out; an empty text is no schema.
            return Ok(self.canonical.clone());
        }
        Ok(text)
    }

    /// The full name of the first message.
    pub fn name(&self) -> Option<String> {
        let file = &self.files.own().file;
        let first = file.messages.first()?;
        Some(joined(file.package.as_deref().unwrap_or_default(), &first.name))
    }

    /// Another rendering of the text.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::render`].
    pub fn render(&self, rendering: Rendering) -> Result<String, SchemaError> {
        match rendering {
            Rendering::Resolved => Ok(self.canonical.clone()),
            Rendering::Serialized => {
                let options = Some(descriptors::bundled_pool());
                let bytes = encode::encode(&self.files, self.files.own(), encode::Mode::AsWritten, options)?;
                Ok(STANDARD.encode(bytes.bytes))
            }
            Rendering::IgnoreExtensions => {
                let mut file = self.files.own().file.clone();
                options::retain(&mut file, &|option| !option.parenthesized || is_confluent(&option.name));
                Ok(printer::print(&file))
            }
        }
    }

    /// The FileDescriptorProto that protoc makes of the file, under the file name `name` and without source positions:
    /// names absolute, every option resolved, JSON names filled in. Members of one kind stand together, because the
    /// schema does not keep the order between kinds.
    ///
    /// # Errors
    /// [`SchemaError`] if the schema makes no descriptor, or making it exceeds a limit.
    pub fn descriptor(&self, name: &str) -> Result<Vec<u8>, SchemaError> {
        let mode = encode::Mode::Compiled(name.to_owned());
        let options = descriptors::pool_with_all(&self.files)?;
        Ok(encode::encode(&self.files, self.files.own(), mode, Some(&options))?.bytes)
    }

    /// What no compiler takes, though Confluent's registry does: see [`crate::lint`].
    ///
    /// # Errors
    /// [`SchemaError::Limit`] when looking for it exceeds its budget.
    pub fn lints(&self) -> Result<Vec<crate::lint::Lint>, SchemaError> {
        rules::check(&self.files, &mut Budget::walk())
    }

    /// Is the content the same for a lookup?
    pub fn same_content(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }

    /// The fields of top-level messages, members of oneofs not counted.
    pub fn top_level_fields(&self) -> Vec<String> {
        let messages = self.files.own().file.messages.iter();
        messages.flat_map(|message| &message.fields).map(|field| field.name.clone()).collect()
    }
}

fn is_confluent(option: &str) -> bool {
    option.strip_prefix('.').unwrap_or(option).starts_with("confluent.")
}

/// A file without references: a `.proto` text or a base64 descriptor.
fn parse_file(text: &str) -> Result<File, SchemaError> {
    match parser::parse(text) {
        Ok(file) => Ok(file),
        Err(error) => parse_base64(text, &[])?.ok_or(error),
    }
}

/// The file in a base64 FileDescriptorProto; none if the text is not one.
fn parse_base64(text: &str, references: &[ResolvedReference]) -> Result<Option<File>, SchemaError> {
    let Ok(bytes) = STANDARD.decode(text.trim()) else { return Ok(None) };
    let Some(descriptor) = decode::descriptor_in(&bytes)? else { return Ok(None) };
    decode::tree(&bytes, &descriptors::pool_for_options(&descriptor, references)?)
}

/// All differences between what `writer` wrote and what `reader` can read.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up.
pub fn differences(
    reader: &ProtobufSchema,
    writer: &ProtobufSchema,
    direction: Direction,
    budget: &mut Budget,
) -> Result<Vec<Difference>, SchemaError> {
    compare::differences(&reader.files, &writer.files, direction, budget)
}

/// The semantic diff from `old` to `new`.
///
/// # Errors
/// [`SchemaError::Limit`] when the comparison exceeds its budget.
pub fn diff(old: &ProtobufSchema, new: &ProtobufSchema) -> Result<Diff, SchemaError> {
    differ::diff(&old.files, &new.files)
}
