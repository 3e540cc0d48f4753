//! Bodies of the Confluent-shaped REST API.
//!
//! Empty fields are left out of answers; `null`, `[]` and `{}` in requests mean absent; fields of requests that
//! are not known are ignored, as Confluent ignores them: newer clients may send more. Names and order are Confluent's (8.x).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Present, and perhaps `null`: for requests in which `null` takes a setting away.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Texts by name. A `null` is left out, and a number or a truth value is taken as its text, as Jackson does.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values: Option<BTreeMap<String, serde_json::Value>> = Option::deserialize(deserializer)?;
    let mut texts = BTreeMap::new();
    for (name, value) in values.unwrap_or_default() {
        let text = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text,
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => value.to_string(),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                return Err(serde::de::Error::custom(format!("the value of {name} is not a text")));
            }
        };
        texts.insert(name, text);
    }
    Ok(texts)
}

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// See [`crate::error_code`].
    pub error_code: u32,
    /// For a person.
    pub message: String,
}

/// A reference to a version of another subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReferenceBody {
    /// The name in the referring text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The version; -1 means latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
}

/// Metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct MetadataBody {
    /// Path pattern → tags.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// Free properties.
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Names of secret properties.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeSet::is_empty")]
    pub sensitive: BTreeSet<String>,
}

/// A data-contract rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct RuleBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub rule_type: Option<String>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub disabled: bool,
}

/// A rule set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct RuleSetBody {
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub migration_rules: Vec<RuleBody>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub domain_rules: Vec<RuleBody>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub encoding_rules: Vec<RuleBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_at: Option<String>,
}

/// Asks to register, to look up or to check a schema.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct RegisterRequest {
    // Clients echo what they were answered, so the answer's fields are tolerated.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub subject: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub guid: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub ts: Option<serde::de::IgnoredAny>,
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub deleted: Option<serde::de::IgnoredAny>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<RuleSetBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub schema_tags_to_add: Vec<SchemaTagsBody>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub schema_tags_to_remove: Vec<SchemaTagsBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagate_schema_tags: Option<bool>,
}

/// Tags of one thing inside a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SchemaTagsBody {
    pub schema_entity: SchemaEntityBody,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A thing inside a schema: a record or a field, by its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SchemaEntityBody {
    pub entity_path: String,
    /// `sr_record` or `sr_field`.
    pub entity_type: String,
}

/// Asks to register a version again with other tags, metadata or rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct TagRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_version: Option<i32>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub tags_to_add: Vec<SchemaTagsBody>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub tags_to_remove: Vec<SchemaTagsBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<RuleSetBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_to_merge: Option<RuleSetBody>,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeSet::is_empty")]
    pub rules_to_remove: BTreeSet<String>,
}

/// A schema in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct SchemaBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<RuleSetBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_tags: Vec<SchemaTagsBody>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
}

/// A version that holds an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct SubjectVersionBody {
    pub subject: String,
    pub version: u32,
}

/// The id of a schema in a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct ContextIdBody {
    pub context: String,
    pub id: u32,
}

/// The verdict of a compatibility check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct CompatibilityBody {
    pub is_compatible: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<String>>,
}

/// A configuration. Requests use `compatibility`, answers to GET and DELETE `compatibilityLevel`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ConfigBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_for_deks: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_fields: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_new_schemas: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_rules: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_metadata: Option<MetadataBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_metadata: Option<MetadataBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_rule_set: Option<RuleSetBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_rule_set: Option<RuleSetBody>,
}

impl ConfigChangeBody {
    /// The names of all fields.
    pub const FIELDS: [&str; 14] = [
        "alias",
        "aliasForDeks",
        "normalize",
        "validateFields",
        "validateNewSchemas",
        "validateRules",
        "compatibility",
        "compatibilityLevel",
        "compatibilityPolicy",
        "compatibilityGroup",
        "defaultMetadata",
        "overrideMetadata",
        "defaultRuleSet",
        "overrideRuleSet",
    ];
}

/// Changes of a configuration: what is absent stays, what is `null` goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ConfigChangeBody {
    #[serde(default, deserialize_with = "present")]
    pub alias: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub alias_for_deks: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub normalize: Option<Option<bool>>,
    #[serde(default, deserialize_with = "present")]
    pub validate_fields: Option<Option<bool>>,
    #[serde(default, deserialize_with = "present")]
    pub validate_new_schemas: Option<Option<bool>>,
    #[serde(default, deserialize_with = "present")]
    pub validate_rules: Option<Option<bool>>,
    #[serde(default, deserialize_with = "present")]
    pub compatibility: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub compatibility_level: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub compatibility_policy: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub compatibility_group: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    pub default_metadata: Option<Option<MetadataBody>>,
    #[serde(default, deserialize_with = "present")]
    pub override_metadata: Option<Option<MetadataBody>>,
    #[serde(default, deserialize_with = "present")]
    pub default_rule_set: Option<Option<RuleSetBody>>,
    #[serde(default, deserialize_with = "present")]
    pub override_rule_set: Option<Option<RuleSetBody>>,
}

/// A mode.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct ModeBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// A node as `/v1/cluster/status` and `registryctl cluster status` show it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct NodeStatusBody {
    pub node_id: u64,
    pub region: String,
    pub role: String,
    pub term: u64,
    pub leader_id: Option<u64>,
    pub last_log_index: u64,
    pub committed_index: u64,
    pub applied_index: u64,
    pub snapshot_index: u64,
    pub purged_index: u64,
    pub version: String,
    /// The highest cluster level that the node's program knows.
    #[serde(default)]
    pub level_supported: u32,
    /// The level in force, as far as the node has applied.
    #[serde(default)]
    pub level: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The cluster as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct ClusterStatusBody {
    pub cluster_id: String,
    pub voters: Vec<u64>,
    pub learners: Vec<u64>,
    /// A change of the members that is under way or broke off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<MemberChangeBody>,
    /// The cluster level in force.
    #[serde(default)]
    pub level: u32,
    /// Does this node, if it leads, keep the level where it is?
    #[serde(default)]
    pub level_held: bool,
    pub nodes: Vec<NodeStatusBody>,
}

/// A backup in a node's directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct BackupBody {
    /// Its file.
    pub name: String,
    /// Its own random name.
    pub id: String,
    /// `full`, or `log` for an incremental one.
    pub kind: String,
    pub cluster_id: String,
    /// The log index that it leads to.
    pub index: u64,
    /// The log index that it begins behind, if it is incremental.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    pub time_ms: u64,
    pub bytes: u64,
    /// The hash of what is in it; only where it was just made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The name of the key that it is encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Why it cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a node knows about backups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct BackupsBody {
    /// The node's directory; empty if it has none.
    pub directory: String,
    pub every_seconds: u64,
    pub keep: u64,
    pub incrementals: u64,
    /// The log index that the cluster's newest backup leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_index: Option<u64>,
    /// When the cluster got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time_ms: Option<u64>,
    /// Why the last one that failed on this node did so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    pub is_running: bool,
    pub backups: Vec<BackupBody>,
}

/// A change of the members that is under way, or broke off half-way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[allow(missing_docs)]
pub struct MemberChangeBody {
    /// The sets of voters that have to agree: two while the voters change, the present ones first.
    pub voter_sets: Vec<Vec<u64>>,
    /// Is the newest membership decided?
    pub decided: bool,
    /// What was begun, where the state tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Since when, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
}

/// A member to add.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct MemberBody {
    pub node_id: u64,
    #[serde(default)]
    pub peer_address: String,
    #[serde(default)]
    pub http_url: String,
    #[serde(default)]
    pub region: String,
    #[serde(default)]
    pub priority: u32,
}
