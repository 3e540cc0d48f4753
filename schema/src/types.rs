//! The vocabulary of the registry that all formats share: format, reference, metadata, rule set.
//!
//! Plain data without serde: bodies on the wire are declared in `proto`, records on disk in `raft-store::codec`.

use std::collections::{BTreeMap, BTreeSet};

/// The three schema formats. Confluent calls this `schemaType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// Apache Avro; the default where a request names no type.
    Avro,
    /// JSON Schema, drafts 4, 6, 7, 2019-09 and 2020-12.
    Json,
    /// Protocol Buffers, as `.proto` text or as a base64 FileDescriptorProto.
    Protobuf,
}

impl Format {
    /// All formats, in the order in which `/schemas/types` lists them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Protobuf, Self::Avro];

    /// The name on the wire: `AVRO`, `JSON` or `PROTOBUF`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }

    /// The format with this wire name (exact case, as Confluent).
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "AVRO" => Some(Self::Avro),
            "JSON" => Some(Self::Json),
            "PROTOBUF" => Some(Self::Protobuf),
            _ => None,
        }
    }
}

/// How strictly a text is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// A new registration: names and defaults are checked. `validate_fields` adds Confluent's `validateFields` checks.
    New {
        /// Confluent's `validateFields` setting.
        validate_fields: bool,
    },
    /// A stored schema: what was accepted once must stay usable, so bad defaults and bad namespaces pass.
    Stored,
}

/// A reference from one schema to a version of a subject, under the name by which the text uses it:
/// the full name of the type (Avro), the `$ref` URI (JSON Schema), the import path (Protobuf).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The name in the referring text.
    pub name: String,
    /// The subject, as written by the client (qualified or in the referrer's context).
    pub subject: String,
    /// The version, at least 1. `-1` (latest) is pinned before a schema is stored.
    pub version: i32,
}

/// A reference whose text was found. A list of these is the closure of a schema's references in dependency order
/// (depth first, what is referred to before what refers to it), each name once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedReference {
    /// The reference as listed by the schema that refers.
    pub reference: Reference,
    /// The canonical text of the schema that is referred to.
    pub text: String,
}

/// Business metadata of a schema; part of its identity.
#[derive(Debug, Clone, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub struct Metadata {
    /// Path pattern → tags.
    pub tags: BTreeMap<String, BTreeSet<String>>,
    /// Free properties; `confluent:version` and `confluent:reserved` have a meaning.
    pub properties: BTreeMap<String, String>,
    /// Names of properties whose values are secret.
    pub sensitive: BTreeSet<String>,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleKind {
    /// Changes data on its way.
    Transform,
    /// Says whether data may pass.
    Condition,
}

/// When a rule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleMode {
    /// When data of an older version is read with a newer one.
    Upgrade,
    /// When data of a newer version is read with an older one.
    Downgrade,
    /// In both of these directions.
    UpDown,
    /// When data is written.
    Write,
    /// When data is read.
    Read,
    /// When data is written and when it is read.
    WriteRead,
}

/// Where a rule set is enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnableAt {
    /// Everywhere.
    All,
    /// In serialisers of clients.
    Client,
    /// In gateways.
    Gateway,
    /// In servers.
    Server,
    /// Nowhere.
    None,
}

macro_rules! wire_names {
    ($type:ident { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The value with this wire name (exact case, as Confluent).
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

wire_names!(RuleKind { Transform => "TRANSFORM", Condition => "CONDITION" });
wire_names!(RuleMode {
    Upgrade => "UPGRADE", Downgrade => "DOWNGRADE", UpDown => "UPDOWN",
    Write => "WRITE", Read => "READ", WriteRead => "WRITEREAD",
});
wire_names!(EnableAt { All => "ALL", Client => "CLIENT", Gateway => "GATEWAY", Server => "SERVER", None => "NONE" });

/// One data-contract rule. The server stores and checks its shape; clients run it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Its name, unique in the rule set.
    pub name: String,
    /// What it is for.
    pub doc: Option<String>,
    /// What it does; clients take TRANSFORM where it is absent.
    pub kind: Option<RuleKind>,
    /// When it runs; clients take WRITEREAD where it is absent.
    pub mode: Option<RuleMode>,
    /// The language or executor: `CEL`, `JSONATA`, `ENCRYPT`, or any other name that clients know.
    pub rule_type: String,
    /// Only fields with one of these tags are concerned; all fields where there are none.
    pub tags: BTreeSet<String>,
    /// Parameters for the executor.
    pub params: BTreeMap<String, String>,
    /// The expression, which the server neither parses nor runs.
    pub expr: Option<String>,
    /// The action after success.
    pub on_success: Option<String>,
    /// The action after failure.
    pub on_failure: Option<String>,
    /// Whether clients pass it over.
    pub disabled: bool,
}

/// The rules of a schema; part of its identity.
#[derive(Debug, Clone, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub struct RuleSet {
    /// Rules between versions.
    pub migration_rules: Vec<Rule>,
    /// Rules about the meaning of data.
    pub domain_rules: Vec<Rule>,
    /// Rules about the form of data on the wire, such as encryption.
    pub encoding_rules: Vec<Rule>,
    /// Where the rules run.
    pub enable_at: Option<EnableAt>,
}

/// Another rendering of a schema than its canonical text (the `format` query parameter of the Confluent API).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// Avro: references inlined.
    Resolved,
    /// Protobuf: base64 of the FileDescriptorProto.
    Serialized,
    /// Protobuf: without custom options, except Confluent's own.
    IgnoreExtensions,
}

impl Rendering {
    /// The rendering with this name. Unknown names are ignored by the API, as at Confluent.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "resolved" => Some(Self::Resolved),
            "serialized" => Some(Self::Serialized),
            "ignore_extensions" => Some(Self::IgnoreExtensions),
            _ => None,
        }
    }
}
