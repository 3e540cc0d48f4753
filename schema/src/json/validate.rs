//! A JSON document against a schema: every error with its path.
//!
//! The rules are those of the jsonschema crate, offline and with bounded patterns. It cannot be stopped once it runs, so
//! what a run will cost is worked out first on our own model ([`super::cost`]); too much is an error, not a hang.

use std::fmt::{self, Write as _};
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Registry, ValidationError, Validator};
use serde_json::Value;

use super::cost::Graph;
use super::documents::{Dialect, Library, parse_references};
use super::prepared::{Patterns, prepare_schema};
use super::text::Node;
use super::{JsonSchema, uri};
use crate::limits::JSON_DOCUMENT_BYTES_MAX as DOCUMENT_BYTES_MAX;
use crate::validate::DataError;
use crate::{ResolvedReference, SchemaError};

/// Most errors that are reported for one document.
pub const DATA_ERROR_COUNT_MAX: usize = 1_000;
/// Longest message of one error, in bytes: messages quote the data.
const MESSAGE_BYTES_MAX: usize = 400;
/// Backtracking steps of one pattern on one string.
const BACKTRACK_STEPS_MAX: usize = 50_000;
/// Bytes of one compiled pattern.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// Is `format` a rule or a remark?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Formats {
    /// As the dialect says: a rule up to draft-07, a remark since.
    #[default]
    ByDialect,
    /// A rule.
    Assert,
    /// A remark.
    Ignore,
}

/// Compiled validators, one per reading of `format`, made when first needed.
#[derive(Debug, Default)]
pub(super) struct Validators {
    by_formats: [OnceLock<Result<(Validator, Patterns), SchemaError>>; 3],
    graph: OnceLock<Result<Graph, SchemaError>>,
}

impl JsonSchema {
    /// Validates a JSON document. An empty list means that it is valid.
    ///
    /// A text that is not JSON is one error at the root. At most [`DATA_ERROR_COUNT_MAX`] errors are listed, in the
    /// order of the schema.
    ///
    /// # Errors
    /// [`SchemaError`] if the schema itself cannot be used, or if the document is longer than [`DOCUMENT_BYTES_MAX`] or
    /// its validation would cost more than the named limits allow.
    pub fn validate(&self, document: &str, formats: Formats) -> Result<Vec<DataError>, SchemaError> {
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(SchemaError::Limit { limit: "DOCUMENT_BYTES_MAX", allowed: DOCUMENT_BYTES_MAX as u64 });
        }
        let instance: Value = match serde_json::from_str(document) {
            Ok(instance) => instance,
            Err(error) => {
                return Ok(vec![DataError {
                    path: String::new(),
                    message: format!("the document is not JSON: {error}"),
                }]);
            }
        };
        self.graph()?.check_run(&instance, document.len())?;
        let (validator, patterns) = self.validator(formats)?;
        let found = validator.iter_errors(&instance).take(DATA_ERROR_COUNT_MAX);
        Ok(found
            .map(|error| DataError { path: error.instance_path().to_string(), message: message(&error, patterns) })
            .collect())
    }

    /// The graph must exist before anything is compiled: it is what refuses bombs.
    fn graph(&self) -> Result<&Graph, SchemaError> {
        let read = || {
            let references = parse_references(&self.references)?;
            Graph::new(Library::new(&self.root, &references)?)
        };
        self.validators.graph.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    fn validator(&self, formats: Formats) -> Result<&(Validator, Patterns), SchemaError> {
        let position = match formats {
            Formats::ByDialect => 0,
            Formats::Assert => 1,
            Formats::Ignore => 2,
        };
        let slot = &self.validators.by_formats[position];
        slot.get_or_init(|| compile(&self.root, &self.references, formats)).as_ref().map_err(Clone::clone)
    }
}

fn compile(
    root: &Node,
    references: &[ResolvedReference],
    formats: Formats,
) -> Result<(Validator, Patterns), SchemaError> {
    let unusable = |error: &dyn fmt::Display| {
        SchemaError::invalid(format!("the schema cannot be used to validate data: {}", shortened(error)))
    };
    let dialect = Dialect::of(root, Dialect::Draft7)?;
    let mut written = Patterns::default();
    let schema = prepare_schema(root, dialect, &mut written);
    let id = schema.get("$id").and_then(Value::as_str).unwrap_or_default();
    let base = uri::resolve("json-schema:///", id);
    let mut registry = Registry::new();
    let mut names: Vec<String> = Vec::new();
    for reference in references {
        let node = Node::parse(&reference.text)?;
        let own = prepare_schema(&node, Dialect::of(&node, dialect)?, &mut written);
        for base in [base.as_str(), "json-schema:///"] {
            let name = uri::without_fragment(&uri::resolve(base, &reference.reference.name)).to_owned();
            if !names.contains(&name) {
                registry = registry.add(name.as_str(), own.clone()).map_err(|error| unusable(&error))?;
                names.push(name);
            }
        }
    }
    let registry = registry.prepare().map_err(|error| unusable(&error))?;
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(BACKTRACK_STEPS_MAX)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX);
    let mut options = jsonschema::options()
        .with_draft(draft(dialect))
        .with_base_uri(base)
        .with_registry(&registry)
        .with_pattern_options(patterns)
        .offline();
    match formats {
        Formats::ByDialect => {}
        Formats::Assert => options = options.should_validate_formats(true),
        Formats::Ignore => options = options.should_validate_formats(false),
    }
    let validator = options.build(&schema).map_err(|error| unusable(&error))?;
    Ok((validator, written))
}

fn draft(dialect: Dialect) -> Draft {
    match dialect {
        Dialect::Draft4 => Draft::Draft4,
        Dialect::Draft6 => Draft::Draft6,
        Dialect::Draft7 => Draft::Draft7,
        Dialect::Draft201909 => Draft::Draft201909,
        Dialect::Draft202012 => Draft::Draft202012,
    }
}

/// The text of an error, with a pattern as it stands in the schema.
fn message(error: &ValidationError<'_>, patterns: &Patterns) -> String {
    let text = shortened(error);
    match error.kind() {
        ValidationErrorKind::Pattern { pattern } => match patterns.original(pattern) {
            Some(original) => text.replace(pattern.as_str(), original),
            None => text,
        },
        _ => text,
    }
}

/// The text of an error up to [`MESSAGE_BYTES_MAX`]; what would come after is never made.
pub(super) fn shortened(error: &dyn fmt::Display) -> String {
    struct Short(String);
    impl fmt::Write for Short {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            let room = MESSAGE_BYTES_MAX - self.0.len();
            if part.len() <= room {
                self.0.push_str(part);
                return Ok(());
            }
            let end = (0..=room).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
            self.0.push_str(&part[..end]);
            Err(fmt::Error)
        }
    }
    let mut short = Short(String::new());
    let is_cut = write!(short, "{error}").is_err();
    if is_cut {
        short.0.push('…');
    }
    short.0
}
