//! Rows of the catalogue.

use schema::{Format, Guid, Metadata, Reference, RuleSet};

use super::Terms;
use crate::{Deprecation, DraftId, LogIndex, SchemaId, SemVer, VersionState};

/// A context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextRow {
    /// The id that the next new content gets.
    pub next_id: u32,
    /// Is the context listed? An emptied and deleted context keeps its row, so that ids are not used again.
    pub listed: bool,
    /// The entry that changed this row last.
    pub modified_at: LogIndex,
}

/// A subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRow {
    /// The number of the next version. 1 if the subject does not exist (any more).
    pub next_version: u32,
    /// Versions that are not deleted.
    pub live: u32,
    /// Versions that are soft-deleted.
    pub soft_deleted: u32,
    /// The entry that changed the subject or any of its versions last. Survives permanent deletion.
    pub modified_at: LogIndex,
}

/// Is a version deleted? Permanent deletion removes its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is not.
    No,
    /// It is hidden, and still there for those who ask for deleted versions.
    Soft,
}

/// A version of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The schema id in the subject's context.
    pub id: SchemaId,
    /// The content.
    pub guid: Guid,
    /// Its format.
    pub format: Format,
    /// Soft-deleted?
    pub deleted: Deleted,
    /// Where it stands in its life, if it is not deleted.
    pub state: VersionState,
    /// The draft that it was, or the entry that registered it: its history is kept under this.
    pub life: DraftId,
    /// The semantic version.
    pub semver: SemVer,
    /// The announced end, from deprecation on.
    pub deprecation: Option<Deprecation>,
    /// When it was registered, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The entry that registered it.
    pub created_at: LogIndex,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}

/// A schema, once for all contexts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRow {
    /// The canonical text.
    pub text: String,
    /// References with pinned versions, subjects as written.
    pub references: Vec<Reference>,
    /// Business metadata.
    pub metadata: Option<Metadata>,
    /// Data-contract rules.
    pub rule_set: Option<RuleSet>,
    /// Contexts that have an id for it; at 0 the row goes.
    pub context_count: u32,
    /// The entry that brought it: what the catalogue finds it by is kept under this.
    pub since: LogIndex,
}

/// What the catalogue finds a content by, under the entry that brought the content. An entry brings one at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TermsRow {
    /// The content.
    pub guid: Guid,
    /// Its format.
    pub format: Format,
    /// Its terms, those of who wrote it first.
    pub terms: Terms,
}
