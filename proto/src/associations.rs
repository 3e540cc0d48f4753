//! Bodies of the associations of the Confluent API: which subject holds the schemas of a topic.
//!
//! Unknown fields are ignored here, as Confluent does for these bodies.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rest::{ErrorBody, RegisterRequest, SchemaBody};

/// Asks for associations of one resource to be made or changed; in a batch each has its operation.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AssociationRequest {
    pub resource_name: Option<String>,
    pub resource_namespace: Option<String>,
    pub resource_id: Option<String>,
    pub resource_type: Option<String>,
    #[serde(default)]
    pub associations: Option<Vec<AssociationWishBody>>,
}

/// One association that is asked for.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AssociationWishBody {
    /// `CREATE`, `UPSERT` or `DELETE`, in batches.
    #[serde(alias = "op")]
    pub op_type: Option<String>,
    pub subject: Option<String>,
    pub association_type: Option<String>,
    pub lifecycle: Option<String>,
    pub frozen: Option<bool>,
    pub schema: Option<RegisterRequest>,
    pub normalize: Option<bool>,
    pub cascade_lifecycle: Option<bool>,
}

/// The associations of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AssociationResponse {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<AssociationInfo>,
}

/// One association inside the answer about a resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AssociationInfo {
    pub subject: String,
    pub association_type: String,
    pub lifecycle: String,
    pub frozen: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaBody>,
}

/// One association in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AssociationBody {
    pub subject: String,
    pub guid: String,
    pub resource_name: String,
    pub resource_namespace: String,
    pub resource_id: String,
    pub resource_type: String,
    pub association_type: String,
    pub lifecycle: String,
    pub frozen: bool,
}

/// Many changes, each of one resource.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct AssociationBatch {
    #[serde(default)]
    pub requests: Vec<AssociationRequest>,
}

/// Many questions.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct AssociationBatchGet {
    #[serde(default)]
    pub requests: Vec<AssociationQuestion>,
}

/// One question: a resource by its id, or by name and namespace.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct AssociationQuestion {
    pub resource_name: Option<String>,
    pub resource_namespace: Option<String>,
    pub resource_id: Option<String>,
    pub resource_type: Option<String>,
    #[serde(default)]
    pub association_types: Option<Vec<String>>,
    pub lifecycle: Option<String>,
}

/// What came of each part of a batch, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct AssociationBatchResponse {
    pub results: Vec<AssociationResult>,
}

/// What came of one part of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct AssociationResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<AssociationResponse>,
}
