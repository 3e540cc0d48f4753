//! Bodies of the associations of the Confluent API: which subject holds the schemas of a topic.
//!
//! Unknown fields are ignored here, as Confluent does for these bodies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::{ErrorBody, RegisterRequest, SchemaBody};

/// Asks for associations of one resource to be made or changed; in a batch each has its operation.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationRequest {
    /// The resource's name in its namespace.
    pub resource_name: Option<String>,
    /// Where the name is unique, such as a Kafka cluster.
    pub resource_namespace: Option<String>,
    /// The resource's id, unique everywhere.
    pub resource_id: Option<String>,
    /// The type of the resource; only `topic` is known.
    pub resource_type: Option<String>,
    /// What is asked for.
    #[serde(default)]
    pub associations: Option<Vec<AssociationWishBody>>,
}

/// One association that is asked for.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationWishBody {
    /// `CREATE`, `UPSERT` or `DELETE`, in batches.
    #[serde(alias = "op")]
    pub op_type: Option<String>,
    /// The subject that is tied to the resource.
    pub subject: Option<String>,
    /// What the subject is for the resource: `key` or `value`.
    pub association_type: Option<String>,
    /// `STRONG` (the subject goes with the resource) or `WEAK`.
    pub lifecycle: Option<String>,
    /// Is the association neither changed nor removed any more?
    pub frozen: Option<bool>,
    /// A schema to register before the subject is tied.
    pub schema: Option<RegisterRequest>,
    /// Is that schema normalised first?
    pub normalize: Option<bool>,
    /// Is a deletion to delete strongly tied subjects, too?
    pub cascade_lifecycle: Option<bool>,
}

/// The associations of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationResponse {
    /// The resource's name in its namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    /// Where the name is unique, such as a Kafka cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_namespace: Option<String>,
    /// The resource's id, unique everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// The type of the resource; only `topic` is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// The associations of the resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<AssociationInfo>,
}

/// One association inside the answer about a resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationInfo {
    /// The subject that is tied to the resource.
    pub subject: String,
    /// What the subject is for the resource: `key` or `value`.
    pub association_type: String,
    /// `STRONG` (the subject goes with the resource) or `WEAK`.
    pub lifecycle: String,
    /// Is the association neither changed nor removed any more?
    pub frozen: bool,
    /// The schema that was registered with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaBody>,
}

/// One association in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationBody {
    /// The subject that is tied to the resource.
    pub subject: String,
    /// The name of the association itself.
    pub guid: String,
    /// The resource's name in its namespace.
    pub resource_name: String,
    /// Where the name is unique, such as a Kafka cluster.
    pub resource_namespace: String,
    /// The resource's id, unique everywhere.
    pub resource_id: String,
    /// The type of the resource; only `topic` is known.
    pub resource_type: String,
    /// What the subject is for the resource: `key` or `value`.
    pub association_type: String,
    /// `STRONG` (the subject goes with the resource) or `WEAK`.
    pub lifecycle: String,
    /// Is the association neither changed nor removed any more?
    pub frozen: bool,
}

/// Many changes, each of one resource.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
pub struct AssociationBatch {
    /// The changes, in order.
    #[serde(default)]
    pub requests: Vec<AssociationRequest>,
}

/// Many questions.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
pub struct AssociationBatchGet {
    /// The questions, in order.
    #[serde(default)]
    pub requests: Vec<AssociationQuestion>,
}

/// One question: a resource by its id, or by name and namespace.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationQuestion {
    /// The resource's name in its namespace.
    pub resource_name: Option<String>,
    /// Where the name is unique, such as a Kafka cluster.
    pub resource_namespace: Option<String>,
    /// The resource's id, unique everywhere.
    pub resource_id: Option<String>,
    /// The type of the resource; only `topic` is known.
    pub resource_type: Option<String>,
    /// Only these (`key`, `value`); absent: all.
    #[serde(default)]
    pub association_types: Option<Vec<String>>,
    /// Only `STRONG` or only `WEAK`.
    pub lifecycle: Option<String>,
}

/// What came of each part of a batch, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct AssociationBatchResponse {
    /// One for each part, in the order of the parts.
    pub results: Vec<AssociationResult>,
}

/// What came of one part of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct AssociationResult {
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    /// The associations of the resource afterwards, if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<AssociationResponse>,
}
