//! The frozen structs, version 1: what the domain types look like on disk.
//!
//! bincode is positional: the order of fields and of variants **is** the format. A released struct never changes; a new
//! shape is a new struct beside it, read through a conversion. Golden bytes for each are in `tests/golden.rs`.

use std::collections::{BTreeMap, BTreeSet};

use registry::{
    Actor, Assign, AssociationChange, AssociationRow, AssociationWish, AuditRow, Basis, BasisKey, Command, Config,
    Content, ContentRow, Context, ContextRow, Deleted, Envelope, Event, EventKind, Lifecycle, LogIndex, MachineRow,
    Mode, Outcome, Permanent, Register, Rejection, RequestId, RequestRow, Resource, SchemaId, Scope, SettingRow,
    Subject, SubjectRow, Version, VersionRow,
};
use registry::{
    ConsumerRow, CursorRow, Decision, Deprecation, DraftContent, DraftId, DraftRow, DraftState, HistoryRow, LifeStep,
    LifecycleOutcome, LifecyclePolicy, LifecycleRejection, Report, SemVer, State, Step, Transition, VersionState,
};
use schema::compat::{Level, Policy};
use schema::{EnableAt, Format, Guid, Metadata, Reference, Rule, RuleKind, RuleMode, RuleSet};

use super::CodecError;
use super::twin::{Twin, twin_enum, twin_newtype, twin_struct};

twin_newtype! {
    LogIndex: u64,
    SchemaId: u32,
    Version: u32,
    DraftId: u64,
    RequestId: String,
    Guid: [u8; 16],
}

impl Twin for Context {
    type Frozen = String;

    fn freeze(&self) -> String {
        self.as_str().to_owned()
    }

    fn thaw(frozen: String) -> Result<Self, CodecError> {
        Self::parse(&frozen).map_err(|error| CodecError::Content(error.to_string()))
    }
}

twin_enum! {
    FormatV1 for Format { Avro {}, Json {}, Protobuf {} }
    RuleKindV1 for RuleKind { Transform {}, Condition {} }
    RuleModeV1 for RuleMode { Upgrade {}, Downgrade {}, UpDown {}, Write {}, Read {}, WriteRead {} }
    EnableAtV1 for EnableAt { All {}, Client {}, Gateway {}, Server {}, None {} }
    LevelV1 for Level {
        None {}, Backward {}, BackwardTransitive {}, Forward {}, ForwardTransitive {}, Full {}, FullTransitive {}, Disabled {},
    }
    PolicyV1 for Policy { Strict {}, Lenient {} }
    ModeV1 for Mode { ReadWrite {}, ReadOnly {}, ReadOnlyOverride {}, Import {}, Forward {} }
    DeletedV1 for Deleted { No {}, Soft {} }
    PermanentV1 for Permanent { No {}, Yes {} }
    ScopeV1 for Scope { Global {}, Context { 0 context: Context }, Subject { 0 subject: Subject } }
    BasisKeyV1 for BasisKey {
        Subject { 0 subject: Subject },
        Version { 0 subject: Subject, 1 version: Version },
        Config { 0 scope: Scope },
        Mode { 0 scope: Scope },
        Policy { 0 scope: Scope },
        Draft { 0 subject: Subject, 1 id: DraftId },
        Consumer { 0 subject: Subject, 1 id: String },
    }
    AssignV1 for Assign {
        Next { expected expected: Option<Version> },
        Import { id id: SchemaId, version version: Option<Version> },
    }
    CommandV1 for Command {
        Register { 0 register: Register },
        DeleteVersion { subject subject: Subject, version version: Version, permanent permanent: Permanent },
        DeleteSubject { subject subject: Subject, permanent permanent: Permanent },
        SetConfig { scope scope: Scope, config config: Option<Config> },
        SetMode { scope scope: Scope, mode mode: Option<Mode>, force force: bool, recursive recursive: bool },
        DeleteContext { context context: Context },
        CheckDigest { index index: LogIndex, digest digest: [u8; 32] },
        Found { cluster_id cluster_id: String },
        ChangeAssociations { resource resource: Resource, changes changes: Vec<AssociationChange> },
        Lifecycle { 0 step: LifeStep },
        SetPolicy { scope scope: Scope, policy policy: Option<LifecyclePolicy> },
        MoveCursor { name name: String, index index: LogIndex, position position: u32 },
        ArchiveAudit { before before: u64 },
    }
    LifecycleV1 for Lifecycle { Strong {}, Weak {} }
    AssociationChangeV1 for AssociationChange {
        Create { 0 wish: AssociationWish },
        Upsert { 0 wish: AssociationWish },
        Delete { role role: String, cascade cascade: bool },
    }
    EventKindV1 for EventKind {
        SchemaRegistered { subject subject: Subject, version version: Version, id id: SchemaId },
        VersionDeleted { subject subject: Subject, version version: Version, permanent permanent: bool },
        SubjectDeleted { subject subject: Subject, versions versions: Vec<Version>, permanent permanent: bool },
        ConfigChanged { scope scope: Scope },
        ModeChanged { scope scope: Scope },
        VersionActivated { subject subject: Subject, version version: Version },
        VersionDeprecated {
            subject subject: Subject, version version: Version, sunset_ms sunset_ms: u64,
            successor successor: Option<Version>,
        },
        VersionArchived { subject subject: Subject, version version: Version, forced forced: bool },
        VersionRolledBack { subject subject: Subject, version version: Version, target target: Version },
        VersionQuarantined { subject subject: Subject, version version: Version },
        VersionReleased { subject subject: Subject, version version: Version },
        DraftSubmitted { subject subject: Subject, draft draft: DraftId, breaking breaking: bool },
        DraftReviewed { subject subject: Subject, draft draft: DraftId, decision decision: Decision, state state: DraftState },
        PolicyChanged { scope scope: Scope },
    }
    OutcomeV1 for Outcome {
        Registered { id id: SchemaId, version version: Version, guid guid: Guid, is_new_id is_new_id: bool },
        VersionDeleted { version version: Version },
        SubjectDeleted { versions versions: Vec<Version> },
        ConfigChanged { old old: Option<Config> },
        ModeChanged { old old: Option<Mode> },
        ContextDeleted {},
        DigestChecked {},
        Founded { cluster_id cluster_id: String },
        Rejected { 0 rejection: Rejection },
        Stale { key key: BasisKey, index index: LogIndex },
        Nothing {},
        AssociationsChanged { associations associations: Vec<AssociationRow> },
        Lifecycle { 0 outcome: LifecycleOutcome },
    }
    RejectionV1 for Rejection {
        SubjectNotFound { subject subject: Subject },
        VersionNotFound { subject subject: Subject, version version: Version },
        SubjectSoftDeleted { subject subject: Subject },
        SubjectNotSoftDeleted { subject subject: Subject },
        VersionSoftDeleted { subject subject: Subject, version version: Version },
        VersionNotSoftDeleted { subject subject: Subject, version version: Version },
        Referenced { subject subject: Subject, version version: Version },
        ReadOnly { subject subject: Subject },
        NotReadWrite { subject subject: Subject },
        NotImport { subject subject: Subject },
        VersionNotNext { subject subject: Subject, asked asked: Version, next next: Version },
        IdTaken { id id: SchemaId, context context: Context },
        SubjectFull { subject subject: Subject, limit limit: u32 },
        IdsExhausted { context context: Context },
        SubjectsExist { scope scope: Scope },
        ConfigNotFound { scope scope: Scope },
        ModeNotFound { scope scope: Scope },
        ModeNotHere { mode mode: Mode },
        ContextNotEmpty { context context: Context },
        DigestDiffers { index index: LogIndex },
        AnotherCluster { cluster_id cluster_id: String },
        VersionOutOfRange { version version: Version, max max: u32 },
        IdOutOfRange { id id: SchemaId, max max: u32 },
        PurgeTooLarge { scope scope: Scope, limit limit: u32 },
        TooManyAssociations { limit limit: u32 },
        AssociationExists { role role: String, resource resource: String },
        SubjectAssociated { subject subject: Subject },
        StrongAssociationExists { subject subject: Subject },
        NoActiveVersion { subject subject: Subject },
        AssociationFrozen { role role: String, subject subject: Subject },
        AssociationNotFound { resource resource: String },
        Lifecycle { 0 rejection: LifecycleRejection },
    }
    StateV1 for State {
        Draft {}, PendingReview {}, ChangesRequested {}, Approved {}, Rejected {}, Active {}, Deprecated {}, Archived {},
        RolledBack {}, Quarantined {}, Deleted {},
    }
    DraftStateV1 for DraftState {
        Draft {}, PendingReview {}, ChangesRequested {}, Approved {}, Rejected {}, Active {},
    }
    VersionStateV1 for VersionState { Active {}, Deprecated {}, Archived {}, RolledBack {}, Quarantined {} }
    DecisionV1 for Decision { Approve {}, RequestChanges {}, Reject {} }
    TransitionV1 for Transition {
        Submit {}, Publish {}, Approve {}, RequestChanges {}, Resubmit {}, Reject {}, Activate {}, Deprecate {},
        Reinstate {}, Archive {}, RollBack {}, Reactivate {}, Quarantine {}, Release {}, Delete {},
    }
    StepV1 for Step {
        Create { draft draft: DraftContent },
        Revise { id id: DraftId, draft draft: DraftContent },
        Submit { id id: DraftId, report report: Report },
        Publish { id id: DraftId, report report: Report, semver semver: SemVer },
        Review { id id: DraftId, decision decision: Decision },
        Activate { id id: DraftId, report report: Report, semver semver: SemVer },
        Deprecate { version version: Version, sunset_ms sunset_ms: Option<u64>, successor successor: Option<Version> },
        Reinstate { version version: Version },
        Archive { version version: Version, force force: bool },
        RollBack { target target: Version, force force: bool },
        Reactivate { version version: Version },
        Quarantine { version version: Version },
        Release { version version: Version },
        PutConsumer {
            id id: String, from from: Version, to to: Option<Version>, owner owner: String, contact contact: String,
        },
        RemoveConsumer { id id: String },
    }
    LifecycleOutcomeV1 for LifecycleOutcome {
        Draft { id id: DraftId, state state: DraftState, approvals approvals: u32 },
        Activated { id id: DraftId, version version: Version, schema_id schema_id: SchemaId, guid guid: Guid },
        Version { version version: Version, state state: VersionState },
        RolledBack { target target: Version, versions versions: Vec<Version> },
        Consumer {},
        PolicyChanged { old old: Option<LifecyclePolicy> },
        Cursor { index index: LogIndex, position position: u32 },
        AuditArchived { from from: u64 },
    }
    LifecycleRejectionV1 for LifecycleRejection {
        WrongState { transition transition: Transition, state state: State },
        DraftNotFound { id id: DraftId },
        ConsumerNotFound { id id: String },
        PolicyNotFound {},
        RevisionDiffers { asked asked: LogIndex, found found: LogIndex },
        ReviewRequired {},
        ReviewerIsAuthor {},
        AlreadyApproved {},
        ApprovalsMissing { have have: u32, needed needed: u32 },
        ReasonRequired {},
        PropertyMissing { name name: String },
        VersionsMax { limit limit: u32 },
        DraftsFull { limit limit: u32 },
        Incompatible {},
        SunsetTooSoon { earliest_ms earliest_ms: u64 },
        SunsetNotReached { sunset_ms sunset_ms: u64 },
        SuccessorNotActive { version version: Version },
        ConsumersRemain { consumers consumers: Vec<String> },
        DependentsRemain { version version: Version },
        NothingToRollBack {},
        Quarantined { version version: Version },
        GlobalOnly {},
        AuditTooYoung { position position: u64 },
        Invalid { what what: String },
    }
}

twin_struct! {
    SubjectV1 for Subject { context: Context, name: String }
    ReferenceV1 for Reference { name: String, subject: String, version: i32 }
    MetadataV1 for Metadata {
        tags: BTreeMap<String, BTreeSet<String>>, properties: BTreeMap<String, String>, sensitive: BTreeSet<String>,
    }
    RuleV1 for Rule {
        name: String, doc: Option<String>, kind: Option<RuleKind>, mode: Option<RuleMode>, rule_type: String,
        tags: BTreeSet<String>, params: BTreeMap<String, String>, expr: Option<String>, on_success: Option<String>,
        on_failure: Option<String>, disabled: bool,
    }
    RuleSetV1 for RuleSet {
        migration_rules: Vec<Rule>, domain_rules: Vec<Rule>, encoding_rules: Vec<Rule>, enable_at: Option<EnableAt>,
    }
    ConfigV1 for Config {
        alias: Option<String>, alias_for_deks: Option<String>, normalize: Option<bool>, validate_fields: Option<bool>,
        validate_new_schemas: Option<bool>, validate_rules: Option<bool>, compatibility_level: Option<Level>,
        compatibility_policy: Option<Policy>, compatibility_group: Option<String>, default_metadata: Option<Metadata>,
        override_metadata: Option<Metadata>, default_rule_set: Option<RuleSet>, override_rule_set: Option<RuleSet>,
    }
    BasisV1 for Basis { read_index: LogIndex, keys: BTreeSet<BasisKey> }
    ActorV1 for Actor { principal: String, node_id: u64 }
    EnvelopeV1 for Envelope {
        request_id: RequestId, time_ms: u64, actor: Actor, machine_version: u32, if_revision: Option<LogIndex>, basis: Basis,
        command: Command,
    }
    ContentV1 for Content {
        guid: Guid, format: Format, text: String, references: Vec<Reference>, metadata: Option<Metadata>,
        rule_set: Option<RuleSet>, terms: Vec<String>,
    }
    RegisterV1 for Register {
        subject: Subject, content: Content, sent: Option<String>, assign: Assign, semver: SemVer,
    }
    MachineRowV1 for MachineRow {
        cluster_id: String, time_ms: u64, digest: [u8; 32], request_count: u64, requests_forgotten: LogIndex, audit_size: u64,
        registered_total: u64, deleted_total: u64, event_count: u64, events_forgotten: LogIndex, audit_from: u64,
    }
    ContextRowV1 for ContextRow { next_id: u32, listed: bool, modified_at: LogIndex }
    SubjectRowV1 for SubjectRow { next_version: u32, live: u32, soft_deleted: u32, modified_at: LogIndex }
    VersionRowV1 for VersionRow {
        id: SchemaId, guid: Guid, format: Format, deleted: Deleted, state: VersionState, life: DraftId, semver: SemVer,
        deprecation: Option<Deprecation>, created_ms: u64, created_at: LogIndex, modified_at: LogIndex,
    }
    ContentRowV1 for ContentRow {
        text: String, references: Vec<Reference>, metadata: Option<Metadata>, rule_set: Option<RuleSet>,
        context_count: u32, terms: Vec<String>,
    }
    ResourceV1 for Resource { id: String, kind: String, name: String, namespace: String }
    AssociationRowV1 for AssociationRow {
        guid: Guid, subject: Subject, resource: Resource, role: String, lifecycle: Lifecycle, frozen: bool,
        modified_at: LogIndex,
    }
    AssociationWishV1 for AssociationWish {
        guid: Guid, subject: Subject, role: String, lifecycle: Option<Lifecycle>, frozen: Option<bool>,
    }
    RequestRowV1 for RequestRow { outcome: Outcome, index: LogIndex, time_ms: u64 }
    EventV1 for Event { kind: EventKind, time_ms: u64, actor: String }
    AuditRowV1 for AuditRow {
        index: LogIndex, time_ms: u64, principal: String, node_id: u64, action: String, reason: String, resource: String,
        outcome: String,
        request_id: RequestId, digest_before: [u8; 32], digest_after: [u8; 32],
    }
    SemVerV1 for SemVer { major: u32, minor: u32, patch: u32 }
    DeprecationV1 for Deprecation { since_ms: u64, sunset_ms: u64, successor: Option<Version> }
    ReportV1 for Report { base: Option<Version>, compatible: bool, breaking: bool, messages: Vec<String> }
    DraftContentV1 for DraftContent { content: Content, sent: Option<String>, report: Report }
    LifeStepV1 for LifeStep { subject: Subject, reason: String, step: Step }
    DraftRowV1 for DraftRow {
        state: DraftState, author: String, draft: DraftContent, approvals: BTreeSet<String>, version: Option<Version>,
        created_ms: u64, modified_at: LogIndex,
    }
    HistoryRowV1 for HistoryRow {
        from: Option<State>, to: State, action: String, actor: String, reason: String, time_ms: u64,
        version: Option<Version>,
    }
    ConsumerRowV1 for ConsumerRow {
        from: Version, to: Option<Version>, owner: String, contact: String, created_ms: u64, modified_at: LogIndex,
    }
    CursorRowV1 for CursorRow { index: LogIndex, position: u32, time_ms: u64, modified_at: LogIndex }
    LifecyclePolicyV1 for LifecyclePolicy {
        review: Option<bool>, approvals: Option<u32>, approvals_breaking: Option<u32>, deprecation_notice_ms: Option<u64>,
        required_properties: Option<BTreeSet<String>>, versions_max: Option<u32>, event_count_max: Option<u64>,
        event_age_ms_max: Option<u64>, audit_retention_ms: Option<u64>,
    }
}

impl<T: Twin> Twin for SettingRow<T> {
    type Frozen = (Option<T::Frozen>, u64);

    fn freeze(&self) -> Self::Frozen {
        (self.value.freeze(), self.modified_at.0)
    }

    fn thaw(frozen: Self::Frozen) -> Result<Self, CodecError> {
        Ok(Self { value: Option::thaw(frozen.0)?, modified_at: LogIndex(frozen.1) })
    }
}
