//! Bodies of the operations for language models. Unlike those of Confluent's API, fields that are not known are refused: a
//! misspelt option must not seem to be in force.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A schema, and the dialect in which it is wanted.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectionRequest {
    /// The schema: JSON as it is, or its text.
    pub schema: Value,
    /// `JSON` if absent, `AVRO` or `PROTOBUF`.
    #[serde(default)]
    pub schema_type: Option<String>,
    /// What the schema refers to.
    #[serde(default)]
    pub references: Vec<ProjectionReference>,
    /// The id of a dialect, or a name of the newest of its kind, as `openai`.
    pub dialect: String,
    /// `inline`, `jsonString`, `unroll`, `int64`.
    #[serde(default)]
    pub options: Value,
}

/// A schema that another one refers to: of the registry, or sent along.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectionReference {
    /// The name in the referring text.
    pub name: String,
    /// The subject, for a registered one.
    #[serde(default)]
    pub subject: Option<String>,
    /// Its version; -1 means latest.
    #[serde(default)]
    pub version: Option<i32>,
    /// The schema itself, if it is not registered.
    #[serde(default)]
    pub schema: Option<Value>,
}

/// A value that was written by a projection.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreRequest {
    /// As for the projection.
    pub schema: Value,
    /// As for the projection.
    #[serde(default)]
    pub schema_type: Option<String>,
    /// As for the projection.
    #[serde(default)]
    pub references: Vec<ProjectionReference>,
    /// As for the projection.
    pub dialect: String,
    /// As for the projection.
    #[serde(default)]
    pub options: Value,
    /// What the model wrote.
    pub value: Value,
    /// How far to mend what is not valid: `strict`, `safe` (if absent) or `lenient`.
    #[serde(default)]
    pub policy: Option<String>,
    /// Codes of repairs that are not wanted.
    #[serde(default)]
    pub without: Vec<String>,
}

/// An answer of a model, against a schema that is sent along.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckRequest {
    /// As for the projection.
    pub schema: Value,
    /// As for the projection.
    #[serde(default)]
    pub schema_type: Option<String>,
    /// As for the projection.
    #[serde(default)]
    pub references: Vec<ProjectionReference>,
    /// As for the projection.
    pub dialect: String,
    /// As for the projection.
    #[serde(default)]
    pub options: Value,
    /// The answer as JSON.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub value: Option<Value>,
    /// The answer as the text that the model wrote.
    #[serde(default)]
    pub text: Option<String>,
    /// The whole response of the provider, with its stop reason.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub response: Option<Value>,
    /// How far to mend what is not valid: `strict`, `safe` (if absent) or `lenient`.
    #[serde(default)]
    pub policy: Option<String>,
    /// Codes of repairs that are not wanted.
    #[serde(default)]
    pub without: Vec<String>,
}

/// An answer of a model, against a registered version.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutputCheckRequest {
    /// The dialect in which the model was asked.
    pub dialect: String,
    /// The options with which it was asked.
    #[serde(default)]
    pub options: Value,
    /// The answer as JSON.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub value: Option<Value>,
    /// The answer as the text that the model wrote.
    #[serde(default)]
    pub text: Option<String>,
    /// The whole response of the provider, with its stop reason.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub response: Option<Value>,
    /// How far to mend what is not valid: `strict`, `safe` (if absent) or `lenient`.
    #[serde(default)]
    pub policy: Option<String>,
    /// Codes of repairs that are not wanted.
    #[serde(default)]
    pub without: Vec<String>,
}

/// A schema that wants to be looked at.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LintRequest {
    /// As for the projection.
    pub schema: Value,
    /// As for the projection.
    #[serde(default)]
    pub schema_type: Option<String>,
    /// As for the projection.
    #[serde(default)]
    pub references: Vec<ProjectionReference>,
    /// Dialects; all that ship if there are none.
    #[serde(default)]
    pub dialects: Vec<String>,
    /// As for the projection.
    #[serde(default)]
    pub options: Value,
    /// The name of the tool, if it is one.
    #[serde(default)]
    pub name: Option<String>,
    /// What the tool is for.
    #[serde(default)]
    pub description: Option<String>,
}
