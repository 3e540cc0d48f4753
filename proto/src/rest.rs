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
pub struct RuleBody {
    /// Its name, unique in its rule set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// `TRANSFORM` or `CONDITION`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// When it runs: `UPGRADE`, `DOWNGRADE`, `UPDOWN`, `WRITE`, `READ` or `WRITEREAD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The kind of expression, such as `CEL` or `JSONATA`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub rule_type: Option<String>,
    /// The tags of fields that it is about.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Parameters of its kind.
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// The expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expr: Option<String>,
    /// What to do if it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<String>,
    /// What to do if it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<String>,
    /// Is it not to run?
    #[serde(default, deserialize_with = "null_is_default")]
    pub disabled: bool,
}

/// A rule set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleSetBody {
    /// Rules between versions.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub migration_rules: Vec<RuleBody>,
    /// Rules for data of this version.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub domain_rules: Vec<RuleBody>,
    /// Rules for the encoded form of data.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub encoding_rules: Vec<RuleBody>,
    /// Where the rules run: at clients, or at something between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_at: Option<String>,
}

/// Asks to register, to look up or to check a schema.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterRequest {
    // Clients echo what they were answered, so the answer's fields are tolerated.
    /// Taken and not looked at.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub subject: Option<serde::de::IgnoredAny>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub guid: Option<serde::de::IgnoredAny>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub ts: Option<serde::de::IgnoredAny>,
    /// Taken and not looked at.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub deleted: Option<serde::de::IgnoredAny>,
    /// The text; absent or empty where a version is registered again with other metadata or rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// `AVRO` (if it is left out), `JSON` or `PROTOBUF`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    /// What the text refers to; a version of -1 is the latest.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceBody>,
    /// Business metadata; part of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataBody>,
    /// Rules; part of the identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<RuleSetBody>,
    /// The version that it must get, or that an import names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// The id that an import brings along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    /// Tags to add to parts of the schema.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub schema_tags_to_add: Vec<SchemaTagsBody>,
    /// Tags to take away from parts of the schema.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub schema_tags_to_remove: Vec<SchemaTagsBody>,
    /// Taken and not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagate_schema_tags: Option<bool>,
}

/// Tags of one thing inside a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaTagsBody {
    /// The thing.
    pub schema_entity: SchemaEntityBody,
    /// Its tags.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A thing inside a schema: a record or a field, by its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaEntityBody {
    /// Its path, as `Order.items.sku`.
    pub entity_path: String,
    /// `sr_record` or `sr_field`.
    pub entity_type: String,
}

/// Asks to register a version again with other tags, metadata or rules.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TagRequest {
    /// The version that it must get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_version: Option<i32>,
    /// Tags to add to parts of the schema.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub tags_to_add: Vec<SchemaTagsBody>,
    /// Tags to take away from parts of the schema.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub tags_to_remove: Vec<SchemaTagsBody>,
    /// Metadata in place of what the version has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataBody>,
    /// Rules in place of what the version has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<RuleSetBody>,
    /// Rules to add, or to put in place of those with the same names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules_to_merge: Option<RuleSetBody>,
    /// Names of rules to take away.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeSet::is_empty")]
    pub rules_to_remove: BTreeSet<String>,
}

/// A schema in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SchemaBody {
    /// The subject, where it was asked for by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The version of that subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Its id in the context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// The address of its content: 32 hexadecimal digits in groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// `JSON` or `PROTOBUF`; absent for Avro, as clients expect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_type: Option<String>,
    /// What the text refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceBody>,
    /// Business metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataBody>,
    /// Rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_set: Option<RuleSetBody>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Tags of parts of the schema; where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema_tags: Vec<SchemaTagsBody>,
    /// Other names of the subject.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The highest id of the context; where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_id: Option<u32>,
    /// When the version was registered: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts: Option<u64>,
    /// Is it soft-deleted? Absent if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
}

/// A version that holds an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectVersionBody {
    /// The subject.
    pub subject: String,
    /// The version of the subject.
    pub version: u32,
}

/// The id of a schema in a context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContextIdBody {
    /// The context.
    pub context: String,
    /// The id in it.
    pub id: u32,
}

/// The verdict of a compatibility check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CompatibilityBody {
    /// May it be registered?
    pub is_compatible: bool,
    /// What is not compatible; only with `verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<String>>,
}

/// A configuration. Requests use `compatibility`, answers to GET and DELETE `compatibilityLevel`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigBody {
    /// The subject that this one stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The subject whose data keys this one uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_for_deks: Option<String>,
    /// Are schemas normalised when they are registered or looked up?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<bool>,
    /// Must field names and types be ones that the format's own tools take?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_fields: Option<bool>,
    /// Are new Avro schemas checked more strictly than stored ones?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_new_schemas: Option<bool>,
    /// Are rules checked when a schema is registered?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_rules: Option<bool>,
    /// The compatibility level, in requests and in answers to PUT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility: Option<String>,
    /// The compatibility level, in answers to GET and DELETE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_level: Option<String>,
    /// How strictly JSON Schemas are compared: `STRICT` or `LENIENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_policy: Option<String>,
    /// The metadata property by whose value versions are compared with each other only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compatibility_group: Option<String>,
    /// Metadata that a schema gets where it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_metadata: Option<MetadataBody>,
    /// Metadata that a schema gets in place of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_metadata: Option<MetadataBody>,
    /// Rules that a schema gets where it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_rule_set: Option<RuleSetBody>,
    /// Rules that a schema gets in place of its own.
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
pub struct ConfigChangeBody {
    /// The subject that this one stands for.
    #[serde(default, deserialize_with = "present")]
    pub alias: Option<Option<String>>,
    /// The subject whose data keys this one uses.
    #[serde(default, deserialize_with = "present")]
    pub alias_for_deks: Option<Option<String>>,
    /// Are schemas normalised when they are registered or looked up?
    #[serde(default, deserialize_with = "present")]
    pub normalize: Option<Option<bool>>,
    /// Must field names and types be ones that the format's own tools take?
    #[serde(default, deserialize_with = "present")]
    pub validate_fields: Option<Option<bool>>,
    /// Are new Avro schemas checked more strictly than stored ones?
    #[serde(default, deserialize_with = "present")]
    pub validate_new_schemas: Option<Option<bool>>,
    /// Are rules checked when a schema is registered?
    #[serde(default, deserialize_with = "present")]
    pub validate_rules: Option<Option<bool>>,
    /// The compatibility level, in requests and in answers to PUT.
    #[serde(default, deserialize_with = "present")]
    pub compatibility: Option<Option<String>>,
    /// The compatibility level, in answers to GET and DELETE.
    #[serde(default, deserialize_with = "present")]
    pub compatibility_level: Option<Option<String>>,
    /// How strictly JSON Schemas are compared: `STRICT` or `LENIENT`.
    #[serde(default, deserialize_with = "present")]
    pub compatibility_policy: Option<Option<String>>,
    /// The metadata property by whose value versions are compared with each other only.
    #[serde(default, deserialize_with = "present")]
    pub compatibility_group: Option<Option<String>>,
    /// Metadata that a schema gets where it has none of its own.
    #[serde(default, deserialize_with = "present")]
    pub default_metadata: Option<Option<MetadataBody>>,
    /// Metadata that a schema gets in place of its own.
    #[serde(default, deserialize_with = "present")]
    pub override_metadata: Option<Option<MetadataBody>>,
    /// Rules that a schema gets where it has none of its own.
    #[serde(default, deserialize_with = "present")]
    pub default_rule_set: Option<Option<RuleSetBody>>,
    /// Rules that a schema gets in place of its own.
    #[serde(default, deserialize_with = "present")]
    pub override_rule_set: Option<Option<RuleSetBody>>,
}

/// A mode.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ModeBody {
    /// `READWRITE`, `READONLY`, `READONLY_OVERRIDE`, `IMPORT` or `FORWARD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// A node as `/v1/cluster/status` and `registryctl cluster status` show it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct NodeStatusBody {
    /// The node.
    pub node_id: u64,
    /// The region that it stands in.
    pub region: String,
    /// `leader`, `follower`, `candidate`, `learner` or `shutdown`; empty if it was not reached.
    pub role: String,
    /// The newest term that it knows.
    pub term: u64,
    /// The leader that it knows of.
    pub leader_id: Option<u64>,
    /// The last entry in its log.
    pub last_log_index: u64,
    /// The last entry that it knows to be committed.
    pub committed_index: u64,
    /// The last entry that it has applied.
    pub applied_index: u64,
    /// The last entry that its newest snapshot covers; 0 without one.
    pub snapshot_index: u64,
    /// The last entry that its log has let go of; 0 if it has all.
    pub purged_index: u64,
    /// The version of its program.
    pub version: String,
    /// The highest cluster level that the node's program knows.
    #[serde(default)]
    pub level_supported: u32,
    /// The level in force, as far as the node has applied.
    #[serde(default)]
    pub level: u32,
    /// Where clients reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_url: Option<String>,
    /// Why nothing else is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The cluster as one node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatusBody {
    /// The name of the cluster.
    pub cluster_id: String,
    /// The ids of the members with a vote.
    pub voters: Vec<u64>,
    /// The ids of the members without a vote.
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
    /// What each member says of itself.
    pub nodes: Vec<NodeStatusBody>,
}

/// A backup in a node's directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct BackupBody {
    /// Its file.
    pub name: String,
    /// Its own random name.
    pub id: String,
    /// `full`, or `log` for an incremental one.
    pub kind: String,
    /// The cluster that it is of.
    pub cluster_id: String,
    /// The log index that it leads to.
    pub index: u64,
    /// The log index that it begins behind, if it is incremental.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    /// When it was made: milliseconds since 1970.
    pub time_ms: u64,
    /// Its size.
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
pub struct BackupsBody {
    /// The node's directory; empty if it has none.
    pub directory: String,
    /// How often the cluster makes one, in seconds; 0: only when asked.
    pub every_seconds: u64,
    /// Full backups that the directory keeps.
    pub keep: u64,
    /// Incremental backups between two full ones.
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
    /// Is one being made on this node?
    pub is_running: bool,
    /// Those in the directory, by the log index that they lead to.
    pub backups: Vec<BackupBody>,
}

/// A change of the members that is under way, or broke off half-way.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
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
pub struct MemberBody {
    /// Its id; never one that was used before.
    pub node_id: u64,
    /// Where other nodes reach it: `host:port`.
    #[serde(default)]
    pub peer_address: String,
    /// Where clients reach it: a base URL.
    #[serde(default)]
    pub http_url: String,
    /// The region that it stands in.
    #[serde(default)]
    pub region: String,
    /// Preference for leadership; higher is preferred.
    #[serde(default)]
    pub priority: u32,
}
