//! What the service is asked with and what it answers, where several of its parts speak of it.

use std::sync::Arc;

use proto::error_code as code;
use registry::{ContentRow, SchemaId, Subject, Version, VersionState};
use schema::{Format, Guid, Metadata, Reference, RuleSet};

use super::ServiceError;
use super::provenance::Provenance;

/// A schema as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchema {
    /// Its format.
    pub format: Format,
    /// Its text.
    pub text: String,
    /// What it refers to; a version of -1 is the latest.
    pub references: Vec<Reference>,
    /// Business metadata; part of the identity.
    pub metadata: Option<Metadata>,
    /// Rules; part of the identity.
    pub rule_set: Option<RuleSet>,
}

/// How a schema is to be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegisterOptions {
    /// Is the text normalised first?
    pub normalize: bool,
    /// Is it registered although it is not compatible?
    pub force: bool,
    /// The version that it must get (compare-and-set), or that an import names.
    pub version: Option<Version>,
    /// A known version answers only if it is the latest.
    pub latest_only: bool,
    /// The id that an import brings along.
    pub id: Option<SchemaId>,
}

impl RegisterOptions {
    /// Did the client say anything about the version? Then the metadata carries the number.
    pub(super) fn names_version(self) -> bool {
        self.version.is_some() || self.latest_only
    }
}

/// A registered version: known since before, or new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The version.
    pub found: FoundSchema,
    /// Was it registered by this request?
    pub is_new: bool,
    /// What the answer rests on, if it may be given again to whoever sends the same.
    pub provenance: Option<Provenance>,
}

/// A schema with where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSchema {
    /// The subject, where it was looked for by one.
    pub subject: Option<Subject>,
    /// The version of that subject.
    pub version: Option<Version>,
    /// Its id in the context.
    pub id: SchemaId,
    /// The address of its content.
    pub guid: Guid,
    /// Its format.
    pub format: Format,
    /// Its text with references, metadata and rules.
    pub content: Arc<ContentRow>,
    /// When the version was registered: milliseconds since 1970.
    pub created_ms: u64,
    /// Is it soft-deleted?
    pub deleted: bool,
    /// The state of the version.
    pub state: VersionState,
}

/// Which version of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionSpec {
    /// By number.
    Number(Version),
    /// The highest that is not deleted.
    Latest,
}

impl VersionSpec {
    /// Reads a version from a path: a number from 1 on, `latest`, or `-1`.
    ///
    /// # Errors
    /// 42202.
    pub fn parse(text: &str) -> Result<Self, ServiceError> {
        match text {
            "latest" | "-1" => Ok(Self::Latest),
            _ => text.parse().ok().and_then(Version::from_i32).map(Self::Number).ok_or_else(|| {
                ServiceError::new(
                    code::INVALID_VERSION,
                    format!(
                        "The specified version '{text}' is not a valid version id. Allowed values are between [1, 2^31-1] \
                         and the string \"latest\""
                    ),
                )
            }),
        }
    }
}

/// The verdict of a compatibility check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    pub compatible: bool,
    pub messages: Vec<String>,
}

/// Which configuration of a scope is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// What the scope itself sets; nothing if it sets nothing.
    Own,
    /// What the scope itself sets, over the default of the server.
    OwnOrDefault,
    /// What holds: of the scope, of those above it, or the default.
    InForce,
}
