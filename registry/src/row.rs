//! Rows of the replicated state: what stands under each key.

use schema::{Format, Guid, Metadata, Reference, RuleSet};

use crate::{
    AssociationRow, Config, ConsumerRow, CursorRow, Deprecation, DraftId, DraftRow, Event, HistoryRow, LifecyclePolicy,
    LogIndex, Mode, Outcome, RequestId, SchemaId, SemVer, VersionState,
};

/// A row; which variant belongs to which key is fixed by [`crate::Key`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Row {
    Machine(MachineRow),
    Context(ContextRow),
    Subject(SubjectRow),
    Version(VersionRow),
    Sent(String),
    /// The content that an id stands for.
    Schema(Guid, Format),
    Content(ContentRow),
    IdOf(SchemaId),
    /// For keys that say everything by being there (usages, referrers).
    Present,
    Association(AssociationRow),
    Config(SettingRow<Config>),
    Mode(SettingRow<Mode>),
    Request(RequestRow),
    RequestAge(RequestId),
    Event(Event),
    Audit(AuditRow),
    AuditNode([u8; 32]),
    Draft(DraftRow),
    History(HistoryRow),
    Consumer(ConsumerRow),
    Policy(SettingRow<LifecyclePolicy>),
    Cursor(CursorRow),
}

/// The machine's own row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineRow {
    /// The identity of the cluster, minted by the first command.
    pub cluster_id: String,
    /// Time of the newest command; never goes back.
    pub time_ms: u64,
    /// Digest of the whole history of changes, see [`crate::digest`].
    pub digest: [u8; 32],
    /// Requests remembered now.
    pub request_count: u64,
    /// The newest entry whose request was forgotten; those of all older entries are, too.
    pub requests_forgotten: LogIndex,
    /// Leaves of the audit tree.
    pub audit_size: u64,
    /// Versions added since the beginning.
    pub registered_total: u64,
    /// Versions deleted permanently since the beginning.
    pub deleted_total: u64,
    /// Events kept now.
    pub event_count: u64,
    /// The newest entry of which an event was forgotten: nobody can resume before it.
    pub events_forgotten: LogIndex,
    /// The first audit record that is still in the state.
    pub audit_from: u64,
}

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
#[allow(missing_docs)]
pub enum Deleted {
    No,
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
    /// What the catalogue finds it by.
    pub terms: Vec<String>,
}

/// A setting of a scope, or the memory that there was one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingRow<T> {
    /// The value; `None` after removal.
    pub value: Option<T>,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}

/// The remembered outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The answer, to be given again.
    pub outcome: Outcome,
    /// The entry that had the effect.
    pub index: LogIndex,
    /// When, for expiry.
    pub time_ms: u64,
}

/// An audit record: a leaf of the audit tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The log entry.
    pub index: LogIndex,
    /// When, from the envelope.
    pub time_ms: u64,
    /// Who.
    pub principal: String,
    /// The node that took the request.
    pub node_id: u64,
    /// What was asked for, see [`crate::Command::action`].
    pub action: String,
    /// Why, in the actor's words.
    pub reason: String,
    /// About what, see [`crate::Command::resource`].
    pub resource: String,
    /// What came of it: `ok` or the name of the refusal, with its facts.
    pub outcome: String,
    /// The request.
    pub request_id: RequestId,
    /// The state digest before the entry.
    pub digest_before: [u8; 32],
    /// The state digest after the entry.
    pub digest_after: [u8; 32],
}
