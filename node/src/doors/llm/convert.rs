//! Bodies of the operations for language models, as the service takes them.

use ::llm::check::Policy;
use ::llm::{Dialect, Options};
use proto::error_code as code;
use proto::llm::ProjectionReference;
use schema::{Format, Reference};
use serde_json::Value;

use crate::service::{Judging, NewSource, SentAnswer, ServiceError};

fn unprocessable_error(message: impl Into<String>) -> ServiceError {
    ServiceError::new(code::UNPROCESSABLE, message)
}

/// The schema of a request: JSON as it is, or the text of a schema of any format.
///
/// # Errors
/// 42201 for an unknown type, or a reference that names nothing.
pub(super) fn source_of(
    schema: Value,
    schema_type: Option<&str>,
    references: Vec<ProjectionReference>,
) -> Result<NewSource, ServiceError> {
    let invalid = |message: String| ServiceError::new(code::INVALID_SCHEMA, message);
    // Unlike at Confluent, JSON Schema is what is meant if nothing is said: that is what models are given.
    let format = match schema_type.unwrap_or("JSON") {
        "" => Format::Json,
        name => Format::from_name(name).ok_or_else(|| {
            invalid(format!("Invalid schema type {name}: it is JSON, AVRO or PROTOBUF, and JSON if nothing is said"))
        })?,
    };
    let mut registered = Vec::new();
    let mut attached = Vec::new();
    for reference in references {
        let ProjectionReference { name, subject, version, schema } = reference;
        match (schema, subject, version) {
            (Some(schema), None, None) => attached.push((name, text_of(schema, format))),
            (None, Some(subject), Some(version)) => registered.push(Reference { name, subject, version }),
            (_, _, _) => {
                let message = format!("The reference \"{name}\" has either a subject and a version, or a schema");
                return Err(invalid(message));
            }
        }
    }
    Ok(NewSource { format, text: text_of(schema, format), references: registered, attached })
}

fn text_of(schema: Value, format: Format) -> String {
    match (schema, format) {
        (Value::String(text), Format::Json | Format::Protobuf) => text,
        // The name of a primitive type is a schema of Avro, too; every other text of one begins with a bracket or a quote.
        (Value::String(text), Format::Avro) if text.trim_start().starts_with(['{', '[', '"']) => text,
        (schema, _) => schema.to_string(),
    }
}

/// The options of a projection.
///
/// # Errors
/// 422 for one that is not known, or has a value of another kind.
pub(super) fn parse_options(given: Value) -> Result<Options, ServiceError> {
    match given {
        Value::Null => Ok(Options::default()),
        given => serde_json::from_value(given)
            .map_err(|error| unprocessable_error(format!("The options are wrong: {error}"))),
    }
}

/// The policy with a name.
///
/// # Errors
/// 422 for one that is not known.
pub(super) fn policy_named(name: Option<&str>) -> Result<Policy, ServiceError> {
    match name {
        None => Ok(Policy::default()),
        Some(name) => Policy::from_name(name)
            .ok_or_else(|| unprocessable_error("policy is one of strict, safe (the default), lenient")),
    }
}

/// How an answer is to be judged.
///
/// # Errors
/// As [`parse_options`] and [`policy_named`].
pub(super) fn judging_of(
    dialect: &'static Dialect,
    given: Value,
    name: Option<&str>,
    without: Vec<String>,
) -> Result<Judging, ServiceError> {
    Ok(Judging { dialect, options: parse_options(given)?, policy: policy_named(name)?, without })
}

/// The one form in which an answer was sent.
///
/// # Errors
/// 422 for none or several.
pub(super) fn sent_answer(
    value: Option<Value>,
    text: Option<String>,
    response: Option<Value>,
) -> Result<SentAnswer, ServiceError> {
    match (value, text, response) {
        (Some(value), None, None) => Ok(SentAnswer::Value(value)),
        (None, Some(text), None) => Ok(SentAnswer::Text(text)),
        (None, None, Some(response)) => Ok(SentAnswer::Response(response)),
        (_, _, _) => Err(unprocessable_error(
            "The answer is sent once: as value (JSON), as text (what the model wrote), or as response (the provider's whole body)",
        )),
    }
}
