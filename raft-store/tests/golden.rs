//! Golden bytes: every kind of record that reaches the disk, the log or a peer, as it was first released.
//!
//! **A released line of `golden.txt` never changes and is never removed.** A node that was written years ago must be read
//! for ever; a failing line means that the code changed the format, and the code is what has to change back. A new shape is
//! a new struct with a new version, and gets new lines.
//!
//! `GOLDEN_PRINT=1 cargo test -p schemareg-registry -p schemareg-raft-store --test golden -- --nocapture golden` prints the lines of records that have
//! none yet, to be added by hand.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test panics where it is surprised")]

use std::collections::{BTreeMap, BTreeSet};

use openraft::EntryPayload;
use raft_store::codec::{self, CodecError, Mark};
use raft_store::types::{Entry, LogId, Membership, Node, Proposal, Response, StoredMembership, Vote, log_id};
use registry::{
    AccessCommand, AccessDone, AccessPolicyRow, AccessRefusal, AccessRow, AccountRow, Actor, ApiKey, Assign,
    AssociationChange, AssociationRow, AssociationWish, AssociationsCommand, AssociationsDone, AssociationsRefusal,
    AuditRow, Authentication, Basis, BasisKey, BindingRow, CatalogCommand, CatalogDone, CatalogRefusal, ClusterCommand,
    ClusterDone, ClusterRefusal, Command, Config, ConsumerRow, Content, ContentRow, Context, ContextRow, CursorRow,
    Decision, Deleted, Deprecation, Done, DraftContent, DraftId, DraftRow, DraftState, Envelope, Event, EventKind,
    FeedsCommand, FeedsDone, FeedsRefusal, Grantee, HistoryRow, Key, LifeChange, LifeCommand, LifeDone, LifePolicy,
    LifeRefusal, Lifecycle, LogIndex, MachineRow, Mode, Operation, Outcome, Permanent, Principal, PrincipalKind, Reach,
    Refusal, Register, Report, RequestId, RequestRow, RequestSource, Resource, RoleRow, Row, SchemaId, Scope, SemVer,
    SettingRow, SettingsCommand, SettingsDone, SettingsRefusal, State, Subject, SubjectRow, Table, Terms, TermsRow,
    TraceContext, Transition, UnderWay, Version, VersionRow, VersionState, level,
};
use schema::compat::{Level, Policy};
use schema::{EnableAt, Format, Guid, Metadata, Reference, Rule, RuleKind, RuleMode, RuleSet};

const GOLDEN: &str = include_str!("golden.txt");

/// A record of any kind.
#[derive(Debug, Clone, PartialEq)]
enum Record {
    Entry(Entry),
    Vote(Vote),
    LogId(LogId),
    Membership(StoredMembership),
    Mark(Mark),
    Row(Key, Row),
    Proposal(Proposal),
    Response(Response),
    Postings(Vec<u64>),
}

impl Record {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::Entry(entry) => codec::encode_entry(entry).into(),
            Self::Vote(vote) => codec::encode_vote(vote),
            Self::LogId(id) => codec::encode_log_id(id),
            Self::Membership(membership) => codec::encode_membership(membership),
            Self::Mark(mark) => codec::encode_mark(mark),
            Self::Row(_, row) => codec::encode_row(row),
            Self::Proposal(proposal) => codec::encode_proposal(proposal),
            Self::Response(response) => codec::encode_response(response),
            Self::Postings(since) => codec::encode_postings(since),
        }
    }

    /// Reads bytes as a record of the same kind.
    fn decode(&self, bytes: &[u8]) -> Result<Self, CodecError> {
        Ok(match self {
            Self::Entry(_) => Self::Entry(codec::decode_entry(&bytes.to_vec().into())?),
            Self::Vote(_) => Self::Vote(codec::decode_vote(bytes)?),
            Self::LogId(_) => Self::LogId(codec::decode_log_id(bytes)?),
            Self::Membership(_) => Self::Membership(codec::decode_membership(bytes)?),
            Self::Mark(_) => Self::Mark(codec::decode_mark(bytes)?),
            Self::Row(key, _) => Self::Row(key.clone(), codec::decode_row(key, bytes)?),
            Self::Proposal(_) => Self::Proposal(codec::decode_proposal(&bytes.to_vec().into())?),
            Self::Response(_) => Self::Response(codec::decode_response(bytes)?),
            Self::Postings(_) => Self::Postings(codec::decode_postings(bytes)?),
        })
    }
}

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn context() -> Context {
    Context::parse(".eu").unwrap()
}

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(ToString::to_string).collect()
}

fn map(values: &[(&str, &str)]) -> BTreeMap<String, String> {
    values.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn guid() -> Guid {
    Guid(*b"guid of 16 bytes")
}

fn metadata() -> Metadata {
    Metadata {
        tags: [("a.b".to_owned(), set(&["PII", "x"])), ("c".to_owned(), set(&[]))].into(),
        properties: map(&[("owner", "team"), ("slo", "99.9")]),
        sensitive: set(&["owner"]),
    }
}

fn rule(kind: Option<RuleKind>, mode: Option<RuleMode>) -> Rule {
    Rule {
        name: "rule".into(),
        doc: Some("why".into()),
        kind,
        mode,
        rule_type: "CEL".into(),
        tags: set(&["PII"]),
        params: map(&[("key", "value")]),
        expr: Some("1 == 1".into()),
        on_success: None,
        on_failure: Some("ERROR,NONE".into()),
        disabled: true,
    }
}

/// Every kind and every mode of rules once.
fn rule_set(enable_at: Option<EnableAt>) -> RuleSet {
    RuleSet {
        migration_rules: vec![
            rule(Some(RuleKind::Transform), Some(RuleMode::Upgrade)),
            rule(Some(RuleKind::Condition), Some(RuleMode::Downgrade)),
            rule(None, Some(RuleMode::UpDown)),
        ],
        domain_rules: vec![
            rule(None, Some(RuleMode::Write)),
            rule(None, Some(RuleMode::Read)),
            rule(None, Some(RuleMode::WriteRead)),
        ],
        encoding_rules: vec![rule(None, None)],
        enable_at,
    }
}

fn config() -> Config {
    Config {
        alias: Some("alias".into()),
        alias_for_deks: Some("deks".into()),
        normalize: Some(true),
        validate_fields: Some(false),
        validate_new_schemas: Some(true),
        validate_rules: None,
        compatibility_level: Some(Level::FullTransitive),
        compatibility_policy: Some(Policy::Lenient),
        compatibility_group: Some("application.version".into()),
        default_metadata: Some(metadata()),
        override_metadata: Some(Metadata::default()),
        default_rule_set: Some(rule_set(Some(EnableAt::Gateway))),
        override_rule_set: None,
    }
}

fn references() -> Vec<Reference> {
    vec![
        Reference { name: "r".into(), subject: "orders".into(), version: 3 },
        Reference { name: "all".into(), subject: ":.eu:b".into(), version: -1 },
    ]
}

fn register(format: Format, assign: Assign, sent: Option<&str>) -> Command {
    Command::Catalog(CatalogCommand::Register(Register {
        subject: subject(":.eu:orders-value"),
        content: Content {
            guid: guid(),
            format,
            text: "{\"type\":\"string\"} \u{e9}".into(),
            references: references(),
            metadata: Some(metadata()),
            rule_set: Some(rule_set(Some(EnableAt::All))),
            terms: Terms::of(["f:id", "w:order"]),
        },
        sent: sent.map(ToOwned::to_owned),
        assign,
        semver: SemVer { major: 1, minor: 2, patch: 300 },
    }))
}

fn commands() -> Vec<(&'static str, Command)> {
    let scope = || Scope::Subject(subject("a"));
    let mode =
        |scope, mode, force, recursive| Command::Settings(SettingsCommand::SetMode { scope, mode, force, recursive });
    vec![
        ("register-avro", register(Format::Avro, Assign::Next { expected: None }, None)),
        ("register-json", register(Format::Json, Assign::Next { expected: Some(Version(7)) }, Some("as sent"))),
        ("import", register(Format::Protobuf, Assign::Import { id: SchemaId(300), version: Some(Version(2)) }, None)),
        ("import-next", register(Format::Avro, Assign::Import { id: SchemaId(70_000), version: None }, None)),
        (
            "delete-version",
            Command::Catalog(CatalogCommand::DeleteVersion {
                subject: subject("a"),
                version: Version(1),
                permanent: Permanent::No,
            }),
        ),
        (
            "delete-version-permanently",
            Command::Catalog(CatalogCommand::DeleteVersion {
                subject: subject("a"),
                version: Version(1),
                permanent: Permanent::Yes,
            }),
        ),
        (
            "delete-subject",
            Command::Catalog(CatalogCommand::DeleteSubject { subject: subject(":.eu:"), permanent: Permanent::No }),
        ),
        (
            "delete-subject-permanently",
            Command::Catalog(CatalogCommand::DeleteSubject { subject: subject("a"), permanent: Permanent::Yes }),
        ),
        ("set-config", Command::Settings(SettingsCommand::SetConfig { scope: scope(), config: Some(config()) })),
        (
            "set-config-empty",
            Command::Settings(SettingsCommand::SetConfig { scope: Scope::Global, config: Some(Config::default()) }),
        ),
        (
            "delete-config",
            Command::Settings(SettingsCommand::SetConfig { scope: Scope::Context(context()), config: None }),
        ),
        ("set-mode", mode(Scope::Global, Some(Mode::Import), true, false)),
        ("delete-mode", mode(Scope::Context(context()), None, false, true)),
        ("delete-context", Command::Catalog(CatalogCommand::DeleteContext { context: context() })),
        ("found", Command::Cluster(ClusterCommand::Found { cluster_id: "cluster".into() })),
        (
            "change-associations",
            Command::Associations(AssociationsCommand::Change { resource: resource(), changes: association_changes() }),
        ),
        ("set-policy", Command::Settings(SettingsCommand::SetPolicy { scope: scope(), policy: Some(policy()) })),
        ("delete-policy", Command::Settings(SettingsCommand::SetPolicy { scope: scope(), policy: None })),
        (
            "move-cursor",
            Command::Feeds(FeedsCommand::MoveCursor { name: "hook".into(), index: LogIndex(70_000), position: 2 }),
        ),
        ("raise-level", Command::Cluster(ClusterCommand::RaiseLevel { level: level::BASE })),
        ("record-operation", Command::Cluster(ClusterCommand::RecordOperation(operation()))),
        ("archive-audit", Command::Cluster(ClusterCommand::ArchiveAudit { before: 1_000 })),
    ]
    .into_iter()
    .chain(changes_of_lives().into_iter().map(|change| {
        let name = change.action();
        (name, Command::Life(LifeCommand { subject: subject(":.eu:a"), reason: "because".into(), change }))
    }))
    .chain(commands_of_access().into_iter().map(|(name, command)| (name, Command::Access(command))))
    .collect()
}

/// Every command about access, with every grantee and every reach.
fn commands_of_access() -> Vec<(&'static str, AccessCommand)> {
    let bind = |grantee, reach| AccessCommand::PutBinding { name: "b".into(), role: "consumer".into(), grantee, reach };
    let name = || "orders".to_owned();
    vec![
        (
            "put-account",
            AccessCommand::PutAccount {
                name: "ci".into(),
                description: "what".into(),
                owner: "team".into(),
                disabled: true,
            },
        ),
        ("delete-account", AccessCommand::DeleteAccount { name: "ci".into() }),
        ("add-key", AccessCommand::AddKey { account: "ci".into(), key: api_key() }),
        ("revoke-key", AccessCommand::RevokeKey { account: "ci".into(), id: "LSR1".into() }),
        (
            "record-key-use",
            AccessCommand::RecordUse { keys: vec![("ci".into(), "LSR1".into())], day_ms: 1_700_006_400_000 },
        ),
        (
            "put-role",
            AccessCommand::PutRole {
                name: "r".into(),
                description: "what".into(),
                permissions: set(&["subject.read", "subject.check"]),
            },
        ),
        ("delete-role", AccessCommand::DeleteRole { name: "r".into() }),
        ("put-binding-user", bind(Grantee::User { name: name() }, Reach::Cluster)),
        ("put-binding-group", bind(Grantee::Group { name: name() }, Reach::Context { context: context() })),
        ("put-binding-account", bind(Grantee::Account { name: name() }, Reach::Subject { subject: subject("a") })),
        ("put-binding-anyone", bind(Grantee::Anyone, Reach::Prefix { context: context(), prefix: "or".into() })),
        (
            "put-binding-authenticated",
            bind(Grantee::Authenticated, Reach::Glob { context: context(), pattern: "a-*-b".into() }),
        ),
        ("delete-binding", AccessCommand::DeleteBinding { name: "b".into() }),
        (
            "put-access-policy",
            AccessCommand::PutPolicy {
                name: "p".into(),
                description: "what".into(),
                text: "forbid(principal, action, resource);".into(),
            },
        ),
        ("delete-access-policy", AccessCommand::DeletePolicy { name: "p".into() }),
    ]
}

fn api_key() -> ApiKey {
    ApiKey {
        id: "LSR1".into(),
        name: "build".into(),
        salt: [6; 16],
        hash: [7; 32],
        created_ms: 1_700_000_000_000,
        expires_ms: Some(1_800_000_000_000),
        used_ms: None,
    }
}

fn refusals_of_access() -> Vec<Refusal> {
    vec![
        Refusal::Access(AccessRefusal::NotFound { what: "role".into(), name: "r".into() }),
        Refusal::Access(AccessRefusal::KeyExists { id: "LSR1".into() }),
        Refusal::Access(AccessRefusal::Full { what: "roles".into(), limit: 200 }),
        Refusal::Access(AccessRefusal::BuiltIn { role: "admin".into() }),
        Refusal::Access(AccessRefusal::RoleInUse { role: "r".into(), binding: "b".into() }),
    ]
}

fn rows_of_access() -> Vec<(String, Key, Row)> {
    let index = LogIndex(66_000);
    let account = |keys| AccountRow {
        description: "what".into(),
        owner: "team".into(),
        disabled: false,
        keys,
        created_ms: 1_700_000_000_000,
        modified_at: index,
    };
    let role = RoleRow { description: "what".into(), permissions: set(&["subject.read"]), modified_at: index };
    let binding = BindingRow {
        role: "r".into(),
        grantee: Grantee::Group { name: "team".into() },
        reach: Reach::Prefix { context: context(), prefix: "or".into() },
        modified_at: index,
    };
    let policy = AccessPolicyRow {
        description: "what".into(),
        text: "forbid(principal, action, resource);".into(),
        modified_at: index,
    };
    let used = ApiKey { expires_ms: None, used_ms: Some(1_700_006_400_000), ..api_key() };
    vec![
        ("access".into(), Key::Access, Row::Access(AccessRow { changed_at: index })),
        ("account".into(), Key::Account("ci".into()), Row::Account(account(vec![api_key(), used]))),
        ("account-without-keys".into(), Key::Account("ci".into()), Row::Account(account(Vec::new()))),
        ("role".into(), Key::Role("r".into()), Row::Role(role)),
        ("binding".into(), Key::Binding("b".into()), Row::Binding(binding)),
        ("access-policy".into(), Key::AccessPolicy("p".into()), Row::AccessPolicy(policy)),
    ]
}

fn operation() -> Operation {
    Operation {
        name: "cluster.member_add".into(),
        resource: "node/4".into(),
        details: vec![("address".into(), "10.0.0.4:7000".into())],
        outcome: "ok".into(),
        reason: "because".into(),
    }
}

fn policy() -> LifePolicy {
    LifePolicy {
        review: Some(true),
        approvals: Some(1),
        approvals_breaking: Some(3),
        deprecation_notice_ms: Some(86_400_000),
        required_properties: Some(set(&["owner"])),
        versions_max: Some(100),
        event_count_max: Some(1_000),
        event_age_ms_max: Some(70_000),
        audit_retention_ms: None,
    }
}

fn draft_content() -> DraftContent {
    let content = Content {
        guid: guid(),
        format: Format::Json,
        text: "{}".into(),
        references: references(),
        metadata: None,
        rule_set: None,
        terms: Terms::of(["f:id"]),
    };
    DraftContent { content, sent: Some("{ }".into()), report: report() }
}

fn report() -> Report {
    Report { base: Some(Version(2)), compatible: true, breaking: true, messages: vec!["a field is gone".into()] }
}

/// Every change of a life once.
fn changes_of_lives() -> Vec<LifeChange> {
    let (id, version) = (DraftId(70_000), Version(3));
    let semver = SemVer { major: 2, minor: 0, patch: 0 };
    vec![
        LifeChange::Create { draft: draft_content() },
        LifeChange::Revise { id, draft: draft_content() },
        LifeChange::Submit { id, report: report() },
        LifeChange::Publish { id, report: Report::default(), semver },
        LifeChange::Review { id, decision: Decision::Approve },
        LifeChange::Review { id, decision: Decision::RequestChanges },
        LifeChange::Review { id, decision: Decision::Reject },
        LifeChange::Activate { id, report: report(), semver },
        LifeChange::Deprecate { version, sunset_ms: Some(1_700_000_000_000), successor: Some(Version(4)) },
        LifeChange::Reinstate { version },
        LifeChange::Archive { version, force: true },
        LifeChange::RollBack { target: version, force: false },
        LifeChange::Reactivate { version },
        LifeChange::Quarantine { version },
        LifeChange::Release { version },
        LifeChange::PutConsumer {
            id: "billing".into(),
            from: version,
            to: None,
            owner: "team".into(),
            contact: "mail".into(),
        },
        LifeChange::RemoveConsumer { id: "billing".into() },
    ]
}

fn dones() -> Vec<Done> {
    let (id, version) = (DraftId(70_000), Version(3));
    vec![
        Done::Life(LifeDone::Draft { id, state: DraftState::PendingReview, approvals: 1 }),
        Done::Life(LifeDone::Activated { id, version, schema_id: SchemaId(9), guid: guid() }),
        Done::Life(LifeDone::Version { version, state: VersionState::Deprecated }),
        Done::Life(LifeDone::RolledBack { target: Version(1), versions: vec![Version(2), version] }),
        Done::Life(LifeDone::Consumer),
        Done::Settings(SettingsDone::PolicyChanged { old: Some(policy()) }),
        Done::Feeds(FeedsDone::Cursor { index: LogIndex(70_000), position: 1 }),
        Done::Cluster(ClusterDone::AuditArchived { from: 300 }),
        Done::Catalog(CatalogDone::Registered { id: SchemaId(9), version: Version(8), guid: guid(), is_new_id: true }),
        Done::Catalog(CatalogDone::VersionDeleted { version: Version(4) }),
        Done::Catalog(CatalogDone::SubjectDeleted { versions: vec![Version(1), Version(300)] }),
        Done::Catalog(CatalogDone::ContextDeleted),
        Done::Settings(SettingsDone::ConfigChanged { old: Some(config()) }),
        Done::Settings(SettingsDone::ModeChanged { old: Some(Mode::ReadOnly) }),
        Done::Associations(AssociationsDone::Changed { associations: vec![association(Lifecycle::Weak)] }),
        Done::Cluster(ClusterDone::Founded { cluster_id: "cluster".into() }),
        Done::Cluster(ClusterDone::OperationRecorded),
        Done::Cluster(ClusterDone::LevelInForce { level: 1 }),
        Done::Access(AccessDone::Changed),
        Done::Access(AccessDone::KeyAdded { id: "LSR1".into() }),
        Done::Access(AccessDone::UseRecorded { keys: 2 }),
    ]
}

fn refusals_of_lives() -> Vec<Refusal> {
    let version = Version(5);
    vec![
        Refusal::Life(LifeRefusal::DraftNotFound { id: DraftId(7) }),
        Refusal::Life(LifeRefusal::ConsumerNotFound { id: "billing".into() }),
        Refusal::Settings(SettingsRefusal::PolicyNotFound),
        Refusal::RevisionDiffers { asked: LogIndex(1), found: LogIndex(300) },
        Refusal::Life(LifeRefusal::ReviewRequired),
        Refusal::Life(LifeRefusal::ReviewerIsAuthor),
        Refusal::Life(LifeRefusal::AlreadyApproved),
        Refusal::Life(LifeRefusal::ApprovalsMissing { have: 1, needed: 2 }),
        Refusal::Life(LifeRefusal::ReasonRequired),
        Refusal::Life(LifeRefusal::PropertyMissing { name: "owner".into() }),
        Refusal::Life(LifeRefusal::VersionsMax { limit: 10 }),
        Refusal::Life(LifeRefusal::DraftsFull { limit: 100 }),
        Refusal::Life(LifeRefusal::Incompatible),
        Refusal::Life(LifeRefusal::SunsetTooSoon { earliest_ms: 1_700_000_000_000 }),
        Refusal::Life(LifeRefusal::SunsetNotReached { sunset_ms: 1_700_000_000_000 }),
        Refusal::Life(LifeRefusal::SuccessorNotActive { version }),
        Refusal::Life(LifeRefusal::ConsumersRemain { consumers: vec!["billing".into()] }),
        Refusal::Life(LifeRefusal::DependentsRemain { version }),
        Refusal::Life(LifeRefusal::NothingToRollBack),
        Refusal::Life(LifeRefusal::Quarantined { version }),
        Refusal::Settings(SettingsRefusal::GlobalOnly),
        Refusal::Cluster(ClusterRefusal::AuditTooYoung { position: 3 }),
        Refusal::Invalid { what: "a text".into() },
        Refusal::Life(LifeRefusal::WrongState { transition: Transition::Archive, state: State::Active }),
    ]
}

/// Every kind of principal and every way to show who one is, among the commands.
fn actor(number: usize) -> Actor {
    const KINDS: [PrincipalKind; 5] = [
        PrincipalKind::User,
        PrincipalKind::Anonymous,
        PrincipalKind::ServiceAccount,
        PrincipalKind::Node,
        PrincipalKind::System,
    ];
    const WAYS: [Authentication; 7] = [
        Authentication::Unauthenticated,
        Authentication::TrustedHeader,
        Authentication::Basic,
        Authentication::Token,
        Authentication::Oidc,
        Authentication::MutualTls,
        Authentication::Internal,
    ];
    let groups = ["admins".to_owned(), "team".to_owned()][..number % 3].to_vec();
    let (kind, authentication) = (KINDS[number % KINDS.len()], WAYS[number % WAYS.len()]);
    Actor { principal: Principal { kind, name: "someone".into(), groups, authentication }, node_id: 3 }
}

fn envelope(command: Command) -> Envelope {
    let keys = [
        BasisKey::Subject(subject("a")),
        BasisKey::Version(subject(":.eu:b"), Version(2)),
        BasisKey::Config(Scope::Global),
        BasisKey::Config(Scope::Subject(subject("a"))),
        BasisKey::Mode(Scope::Context(context())),
        BasisKey::Policy(Scope::Global),
        BasisKey::Draft(subject("a"), DraftId(300)),
        BasisKey::Consumer(subject("a"), "billing".into()),
    ];
    Envelope {
        request_id: RequestId("request".into()),
        time_ms: 1_700_000_000_000,
        actor: actor(command.resource().len()),
        level: level::BASE,
        trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        if_revision: Some(LogIndex(250)),
        source: None,
        basis: Basis { read_index: LogIndex(251), keys: keys.into() },
        command,
    }
}

fn outcomes() -> Vec<(String, Outcome)> {
    let stale = Outcome::Stale { key: BasisKey::Version(subject("a"), Version(2)), index: LogIndex(77) };
    let answers = answers().into_iter().map(|(name, answer)| (name, answer.into()));
    std::iter::once(("stale".to_owned(), stale)).chain(answers).collect()
}

/// What is remembered of requests: all outcomes but `Stale`.
fn answers() -> Vec<(String, Result<Done, Refusal>)> {
    let done = dones().into_iter().map(|done| (done.name().to_owned(), Ok(done)));
    let refused = refusals().into_iter().map(|refusal| (format!("refused-{}", refusal.name()), Err(refusal)));
    done.chain(refused).collect()
}

fn association(lifecycle: Lifecycle) -> AssociationRow {
    AssociationRow {
        guid: guid(),
        subject: subject("a"),
        resource: resource(),
        role: "value".into(),
        lifecycle,
        frozen: true,
        modified_at: LogIndex(7),
    }
}

fn resource() -> Resource {
    Resource { id: "id".into(), kind: "topic".into(), name: "orders".into(), namespace: "lkc-1".into() }
}

fn association_changes() -> Vec<AssociationChange> {
    let wish = |lifecycle, frozen| AssociationWish {
        guid: guid(),
        subject: subject("a"),
        role: "key".into(),
        lifecycle,
        frozen,
    };
    vec![
        AssociationChange::Create(wish(Some(Lifecycle::Strong), None)),
        AssociationChange::Upsert(wish(None, Some(true))),
        AssociationChange::Delete { role: "value".into(), cascade: true },
    ]
}

fn refusals() -> Vec<Refusal> {
    let subject = subject(":.eu:a");
    let version = Version(5);
    vec![
        Refusal::Catalog(CatalogRefusal::SubjectNotFound { subject: subject.clone() }),
        Refusal::Catalog(CatalogRefusal::VersionNotFound { subject: subject.clone(), version }),
        Refusal::Catalog(CatalogRefusal::SubjectSoftDeleted { subject: subject.clone() }),
        Refusal::Catalog(CatalogRefusal::SubjectNotSoftDeleted { subject: subject.clone() }),
        Refusal::Catalog(CatalogRefusal::VersionSoftDeleted { subject: subject.clone(), version }),
        Refusal::Catalog(CatalogRefusal::VersionNotSoftDeleted { subject: subject.clone(), version }),
        Refusal::Catalog(CatalogRefusal::Referenced { subject: subject.clone(), version }),
        Refusal::Catalog(CatalogRefusal::ReadOnly { subject: subject.clone() }),
        Refusal::Catalog(CatalogRefusal::NotReadWrite { subject: subject.clone() }),
        Refusal::Catalog(CatalogRefusal::NotImport { subject: subject.clone() }),
        Refusal::Catalog(CatalogRefusal::VersionNotNext { subject: subject.clone(), asked: version, next: Version(6) }),
        Refusal::Catalog(CatalogRefusal::IdTaken { id: SchemaId(1), context: context() }),
        Refusal::Catalog(CatalogRefusal::SubjectFull { subject: subject.clone(), limit: 10_000 }),
        Refusal::Catalog(CatalogRefusal::IdsExhausted { context: context() }),
        Refusal::Settings(SettingsRefusal::SubjectsExist { scope: Scope::Global }),
        Refusal::Settings(SettingsRefusal::ConfigNotFound { scope: Scope::Subject(subject.clone()) }),
        Refusal::Settings(SettingsRefusal::ModeNotFound { scope: Scope::Context(context()) }),
        Refusal::Settings(SettingsRefusal::ModeNotHere { mode: Mode::Forward }),
        Refusal::Catalog(CatalogRefusal::ContextNotEmpty { context: context() }),
        Refusal::Cluster(ClusterRefusal::LevelNotInForce { needed: 2, in_force: 1 }),
        Refusal::Feeds(FeedsRefusal::CursorOutOfPlace),
        Refusal::Cluster(ClusterRefusal::AnotherCluster { cluster_id: "cluster".into() }),
        Refusal::Catalog(CatalogRefusal::VersionOutOfRange { version, max: 9 }),
        Refusal::Catalog(CatalogRefusal::IdOutOfRange { id: SchemaId(1), max: 9 }),
        Refusal::Settings(SettingsRefusal::PurgeTooLarge { scope: Scope::Global, limit: 9 }),
        Refusal::Associations(AssociationsRefusal::TooManyAssociations { limit: 9 }),
        Refusal::Associations(AssociationsRefusal::AssociationExists {
            role: "value".into(),
            resource: "topic".into(),
        }),
        Refusal::Associations(AssociationsRefusal::SubjectAssociated { subject: subject.clone() }),
        Refusal::Associations(AssociationsRefusal::StrongAssociationExists { subject: subject.clone() }),
        Refusal::Associations(AssociationsRefusal::NoActiveVersion { subject: subject.clone() }),
        Refusal::Associations(AssociationsRefusal::AssociationFrozen { role: "value".into(), subject }),
        Refusal::Associations(AssociationsRefusal::AssociationNotFound { resource: "id".into() }),
    ]
    .into_iter()
    .chain(refusals_of_lives())
    .chain(refusals_of_access())
    .collect()
}

fn event_kinds() -> Vec<EventKind> {
    let (subject, version) = (subject("a"), Version(1));
    vec![
        EventKind::SchemaRegistered { subject: subject.clone(), version, id: SchemaId(2) },
        EventKind::VersionDeleted { subject: subject.clone(), version, permanent: true },
        EventKind::SubjectDeleted { subject: subject.clone(), versions: vec![version], permanent: false },
        EventKind::ConfigChanged { scope: Scope::Global },
        EventKind::ModeChanged { scope: Scope::Context(context()) },
        EventKind::VersionActivated { subject: subject.clone(), version },
        EventKind::VersionDeprecated {
            subject: subject.clone(),
            version,
            sunset_ms: 1_700_000_000_000,
            successor: Some(Version(2)),
        },
        EventKind::VersionArchived { subject: subject.clone(), version, forced: true },
        EventKind::VersionRolledBack { subject: subject.clone(), version, target: Version(2) },
        EventKind::VersionQuarantined { subject: subject.clone(), version },
        EventKind::VersionReleased { subject: subject.clone(), version },
        EventKind::DraftSubmitted { subject: subject.clone(), draft: DraftId(300), breaking: true },
        EventKind::DraftReviewed {
            subject,
            draft: DraftId(300),
            decision: Decision::RequestChanges,
            state: DraftState::ChangesRequested,
        },
        EventKind::PolicyChanged { scope: Scope::Global },
    ]
}

fn rows() -> Vec<(String, Key, Row)> {
    let index = LogIndex(66_000);
    let (subject, version) = (subject(":.eu:a"), Version(1));
    let version_row = |format, deleted| VersionRow {
        id: SchemaId(5),
        guid: guid(),
        format,
        deleted,
        state: VersionState::Active,
        life: DraftId(4),
        semver: SemVer::FIRST,
        deprecation: None,
        created_ms: 1_700_000_000_000,
        created_at: LogIndex(4),
        modified_at: index,
    };
    let machine = MachineRow {
        cluster_id: "cluster".into(),
        time_ms: 1_700_000_000_000,
        digest: [1; 32],
        request_count: 2,
        requests_forgotten: LogIndex(280),
        requests_oldest_ms: 1_600_000_000_000,
        audit_size: 300,
        registered_total: 4,
        deleted_total: u64::MAX,
        event_count: 5,
        events_forgotten: LogIndex(300),
        events_oldest_ms: 1_500_000_000_000,
        audit_from: 6,
        level: 1,
        under_way: None,
    };
    let busy = MachineRow {
        level: level::OPERATION_UNDER_WAY,
        under_way: Some(UnderWay {
            name: "cluster.member.remove".into(),
            resource: "node/3".into(),
            principal: "alice".into(),
            since_ms: 1_700_000_000_000,
        }),
        ..machine.clone()
    };
    let content = ContentRow {
        text: "syntax = \"proto3\";".into(),
        references: references(),
        metadata: Some(metadata()),
        rule_set: Some(rule_set(None)),
        context_count: 2,
        since: LogIndex(270),
    };
    let bare = ContentRow {
        text: String::new(),
        references: Vec::new(),
        metadata: None,
        rule_set: None,
        context_count: 1,
        since: LogIndex(1),
    };
    let audit = AuditRow {
        index,
        time_ms: 1_700_000_000_000,
        principal: "someone".into(),
        node_id: 3,
        action: "schema.register".into(),
        reason: "because".into(),
        resource: "subject/a".into(),
        outcome: "ok id=1 version=1".into(),
        request_id: RequestId("request".into()),
        digest_before: [2; 32],
        digest_after: [3; 32],
        authentication: String::new(),
        address: String::new(),
        user_agent: String::new(),
        trace_id: String::new(),
    };
    let sourced = AuditRow {
        authentication: "token".into(),
        address: "2001:db8::1".into(),
        user_agent: "curl/8".into(),
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
        ..audit.clone()
    };
    let mut rows: Vec<(String, Key, Row)> = vec![
        ("machine".into(), Key::Machine, Row::Machine(machine)),
        ("machine-under-way".into(), Key::Machine, Row::Machine(busy)),
        (
            "context".into(),
            Key::Context(context()),
            Row::Context(ContextRow { next_id: 70_000, listed: true, modified_at: index }),
        ),
        (
            "subject".into(),
            Key::Subject(subject.clone()),
            Row::Subject(SubjectRow { next_version: 4, live: 2, soft_deleted: 1, modified_at: index }),
        ),
        ("sent".into(), Key::Sent(subject.clone(), version), Row::Sent("as sent \u{1F600}".into())),
        ("content".into(), Key::Content(guid(), Format::Protobuf), Row::Content(content)),
        ("content-bare".into(), Key::Content(guid(), Format::Avro), Row::Content(bare)),
        ("id-of".into(), Key::IdOf(guid(), Format::Json, context()), Row::IdOf(SchemaId(251))),
        ("usage".into(), Key::Usage(context(), SchemaId(1), subject.clone(), version), Row::Present),
        ("referrer".into(), Key::Referrer(subject.clone(), version, context(), SchemaId(1)), Row::Present),
        (
            "association".into(),
            Key::Association("id".into(), "topic".into(), "value".into()),
            Row::Association(association(Lifecycle::Strong)),
        ),
        (
            "association-of".into(),
            Key::AssociationOf(subject.clone(), "id".into(), "topic".into(), "value".into()),
            Row::Present,
        ),
        (
            "association-named".into(),
            Key::AssociationNamed("orders".into(), "lkc-1".into(), "id".into(), "topic".into(), "value".into()),
            Row::Present,
        ),
        ("retired".into(), Key::Retired(subject.clone(), version), Row::Present),
        ("request-age".into(), Key::RequestAge(index), Row::RequestAge(RequestId("request".into()))),
        ("audit".into(), Key::Audit(7), Row::Audit(audit)),
        ("audit-sourced".into(), Key::Audit(8), Row::Audit(sourced)),
        ("audit-node".into(), Key::AuditNode(1, 2), Row::AuditNode([4; 32])),
    ];
    for (name, format) in [("avro", Format::Avro), ("json", Format::Json), ("protobuf", Format::Protobuf)] {
        rows.push((format!("schema-{name}"), Key::Schema(context(), SchemaId(1)), Row::Schema(guid(), format)));
        let key = || Key::Version(subject.clone(), version);
        rows.push((format!("version-{name}"), key(), Row::Version(version_row(format, Deleted::No))));
        rows.push((format!("version-{name}-deleted"), key(), Row::Version(version_row(format, Deleted::Soft))));
    }
    let config_row = |value| Row::Config(SettingRow { value, modified_at: index });
    rows.push(("config".into(), Key::Config(Scope::Global), config_row(Some(config()))));
    rows.push(("config-removed".into(), Key::Config(Scope::Global), config_row(None)));
    for level in Level::ALL {
        let config = Config {
            compatibility_level: Some(level),
            compatibility_policy: Some(Policy::Strict),
            ..Config::default()
        };
        rows.push((format!("config-{}", level.name()), Key::Config(Scope::top()), config_row(Some(config))));
    }
    for enable_at in [EnableAt::All, EnableAt::Client, EnableAt::Gateway, EnableAt::Server, EnableAt::None] {
        let rules = RuleSet { enable_at: Some(enable_at), ..RuleSet::default() };
        let config = Config { override_rule_set: Some(rules), ..Config::default() };
        rows.push((format!("config-rules-{}", enable_at.name()), Key::Config(Scope::top()), config_row(Some(config))));
    }
    let mode_row = |value| Row::Mode(SettingRow { value, modified_at: index });
    rows.push(("mode-removed".into(), Key::Mode(Scope::Global), mode_row(None)));
    for mode in [Mode::ReadWrite, Mode::ReadOnly, Mode::ReadOnlyOverride, Mode::Import, Mode::Forward] {
        rows.push((format!("mode-{}", mode.name()), Key::Mode(Scope::Global), mode_row(Some(mode))));
    }
    for kind in event_kinds() {
        let row = Row::Event(Event { kind: kind.clone(), time_ms: 1_700_000_000_000, actor: "someone".into() });
        rows.push((format!("event-{}", kind.name()), Key::Event(index, 0), row));
    }
    rows.extend(lives());
    rows.extend(rows_of_access());
    for (name, answer) in answers() {
        let row = Row::Request(RequestRow { answer, index, time_ms: 1_700_000_000_000 });
        rows.push((format!("request-{name}"), Key::Request(RequestId("request".into())), row));
    }
    rows
}

/// Drafts, versions, histories in every state, and the rows beside them.
fn lives() -> Vec<(String, Key, Row)> {
    let index = LogIndex(66_000);
    let (subject, version, id) = (subject(":.eu:a"), Version(1), DraftId(300));
    let mut rows: Vec<(String, Key, Row)> = Vec::new();
    let draft_states = [
        DraftState::Draft,
        DraftState::PendingReview,
        DraftState::ChangesRequested,
        DraftState::Approved,
        DraftState::Rejected,
        DraftState::Active,
    ];
    for state in draft_states {
        let row = DraftRow {
            state,
            author: "ann".into(),
            draft: draft_content(),
            approvals: set(&["bob"]),
            version: Some(version),
            created_ms: 1_700_000_000_000,
            modified_at: index,
        };
        rows.push((format!("draft-{}", state.state().name()), Key::Draft(subject.clone(), id), Row::Draft(row)));
    }
    for state in VersionState::BY_RANK {
        let row = VersionRow {
            id: SchemaId(5),
            guid: guid(),
            format: Format::Avro,
            deleted: Deleted::No,
            state,
            life: id,
            semver: SemVer { major: 1, minor: 300, patch: 2 },
            deprecation: Some(Deprecation { since_ms: 1, sunset_ms: 1_700_000_000_000, successor: Some(Version(2)) }),
            created_ms: 1_700_000_000_000,
            created_at: LogIndex(4),
            modified_at: index,
        };
        rows.push((
            format!("version-{}", state.state().name()),
            Key::Version(subject.clone(), version),
            Row::Version(row),
        ));
    }
    for state in State::ALL {
        let row = HistoryRow {
            from: Some(state),
            to: state,
            action: "draft.create".into(),
            actor: "ann".into(),
            reason: "because".into(),
            time_ms: 1_700_000_000_000,
            version: Some(version),
        };
        rows.push((format!("history-{}", state.name()), Key::History(subject.clone(), id, index), Row::History(row)));
    }
    for transition in Transition::ALL {
        let answer = Err(Refusal::Life(LifeRefusal::WrongState { transition, state: State::Draft }));
        let row = Row::Request(RequestRow { answer, index, time_ms: 1_700_000_000_000 });
        rows.push((format!("request-not-{}", transition.name()), Key::Request(RequestId("r".into())), row));
    }
    let consumer = ConsumerRow {
        from: version,
        to: Some(Version(300)),
        owner: "team".into(),
        contact: "mail".into(),
        created_ms: 1_700_000_000_000,
        modified_at: index,
    };
    rows.push(("consumer".into(), Key::Consumer(subject.clone(), "billing".into()), Row::Consumer(consumer)));
    let policy_row = |value| Row::Policy(SettingRow { value, modified_at: index });
    rows.push(("policy".into(), Key::Policy(Scope::Global), policy_row(Some(policy()))));
    rows.push(("policy-removed".into(), Key::Policy(Scope::Global), policy_row(None)));
    let cursor = CursorRow { index, position: 1, time_ms: 1_700_000_000_000, modified_at: index };
    rows.push(("cursor".into(), Key::Cursor("hook".into()), Row::Cursor(cursor)));
    let terms = TermsRow { guid: guid(), format: Format::Avro, terms: Terms::of(["f:id", "p:order.id"]) };
    rows.push(("terms".into(), Key::Terms(index), Row::Terms(terms)));
    rows.push(("in-state".into(), Key::InState(State::Archived, subject, version), Row::Present));
    rows
}

fn membership() -> Membership {
    let node = |id: u64| Node {
        peer_address: format!("10.0.0.{id}:7000"),
        http_url: format!("http://10.0.0.{id}:8080"),
        region: "eu-west".into(),
        priority: 10,
    };
    let nodes: BTreeMap<_, _> = [1, 2, 3, 4, 300].map(|id| (id, node(id))).into();
    Membership::new(vec![[1, 2, 3].into(), [1, 2, 4].into()], nodes).unwrap()
}

/// One record of every kind and shape, by name.
fn records() -> BTreeMap<String, Record> {
    let entry = |payload| Record::Entry(Entry { log_id: log_id(7, 2, 70_000), payload });
    let voted = |committed| {
        let mut vote = Vote::new(7, 2);
        vote.committed = committed;
        vote
    };
    let id = || log_id(1 << 33, 3, u64::MAX);
    let mut records = BTreeMap::new();
    let mut add = |name: String, record: Record| {
        assert!(records.insert(name.clone(), record).is_none(), "two records are named {name}");
    };
    add("entry/blank".into(), entry(EntryPayload::Blank));
    add("entry/membership".into(), entry(EntryPayload::Membership(membership())));
    let source = RequestSource { address: "2001:db8::1".into(), user_agent: "curl/8".into() };
    let archive = Command::Cluster(ClusterCommand::ArchiveAudit { before: 1_000 });
    let sourced = Envelope { level: level::REQUEST_SOURCE, source: Some(source), ..envelope(archive) };
    add("entry/sourced".into(), entry(EntryPayload::Normal(Proposal::new(sourced))));
    for (name, command) in commands() {
        add(format!("entry/{name}"), entry(EntryPayload::Normal(Proposal::new(envelope(command.clone())))));
        add(format!("proposal/{name}"), Record::Proposal(Proposal::new(envelope(command))));
    }
    add("vote/granted".into(), Record::Vote(voted(false)));
    add("vote/committed".into(), Record::Vote(voted(true)));
    add("log-id".into(), Record::LogId(id()));
    add("membership/first".into(), Record::Membership(StoredMembership::default()));
    add("membership/joint".into(), Record::Membership(StoredMembership::new(Some(id()), membership())));
    add("mark/new".into(), Record::Mark(Mark { store: [0; 16], vote: None, last: None }));
    add("mark/full".into(), Record::Mark(Mark { store: [5; 16], vote: Some(voted(true)), last: Some(id()) }));
    for (name, key, row) in rows() {
        add(format!("row/{name}"), Record::Row(key, row));
    }
    for (name, outcome) in outcomes() {
        add(
            format!("response/{name}"),
            Record::Response(Response { outcome: Some(outcome), effective: LogIndex(70_000) }),
        );
    }
    add("postings".into(), Record::Postings(vec![3, 4, 300, 70_000, u64::MAX]));
    add("response/nothing".into(), Record::Response(Response { outcome: None, effective: LogIndex(70_000) }));
    records
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn golden() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(' ').unwrap()).map(|(name, bytes)| (name, unhex(bytes))).collect()
}

#[test]
fn golden_bytes_are_read_and_written_for_ever() {
    let (golden, records) = (golden(), records());
    let missing: Vec<_> = records.iter().filter(|(name, _)| !golden.contains_key(name.as_str())).collect();
    if std::env::var_os("GOLDEN_PRINT").is_some() {
        for (name, record) in &missing {
            println!("{name} {}", hex(&record.encode()));
        }
        // Before the first release a record may change; afterwards this must print nothing.
        for (name, record) in records.iter().filter(|(name, _)| golden.contains_key(name.as_str())) {
            let bytes = record.encode();
            if golden[name.as_str()] != bytes {
                println!("changed: {name} {}", hex(&bytes));
            }
        }
        return;
    }
    assert!(
        missing.is_empty(),
        "records without golden bytes: {:?}",
        missing.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    for (name, bytes) in &golden {
        let record =
            records.get(*name).unwrap_or_else(|| panic!("{name} has golden bytes, but no value to compare with"));
        assert_eq!(record.decode(bytes).as_ref(), Ok(record), "{name} is read");
        assert_eq!(hex(&record.encode()), hex(bytes), "{name} is written");
    }
}

fn domain_of_done(done: &Done) -> &'static str {
    match done {
        Done::Catalog(
            CatalogDone::Registered { .. }
            | CatalogDone::VersionDeleted { .. }
            | CatalogDone::SubjectDeleted { .. }
            | CatalogDone::ContextDeleted,
        ) => "catalog",
        Done::Life(
            LifeDone::Draft { .. }
            | LifeDone::Activated { .. }
            | LifeDone::Version { .. }
            | LifeDone::RolledBack { .. }
            | LifeDone::Consumer,
        ) => "life",
        Done::Settings(
            SettingsDone::ConfigChanged { .. } | SettingsDone::ModeChanged { .. } | SettingsDone::PolicyChanged { .. },
        ) => "settings",
        Done::Associations(AssociationsDone::Changed { .. }) => "associations",
        Done::Feeds(FeedsDone::Cursor { .. }) => "feeds",
        Done::Cluster(
            ClusterDone::Founded { .. }
            | ClusterDone::AuditArchived { .. }
            | ClusterDone::OperationRecorded
            | ClusterDone::LevelInForce { .. },
        ) => "cluster",
        Done::Access(AccessDone::Changed | AccessDone::KeyAdded { .. } | AccessDone::UseRecorded { .. }) => "access",
    }
}

fn domain_of_refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Catalog(_) => "catalog",
        Refusal::Life(_) => "life",
        Refusal::Settings(_) => "settings",
        Refusal::Associations(_) => "associations",
        Refusal::Feeds(_) => "feeds",
        Refusal::Cluster(_) => "cluster",
        Refusal::Access(_) => "access",
        Refusal::RevisionDiffers { .. } | Refusal::Invalid { .. } => "any",
    }
}

/// Every variant has a record. The matches are written out: a new variant does not compile until it is here and above.
#[test]
fn every_kind_has_golden_bytes() {
    let names: BTreeSet<_> = outcomes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 1 + 21 + 61, "{names:?}");
    let domains: BTreeSet<_> =
        dones().iter().map(domain_of_done).chain(refusals().iter().map(domain_of_refusal)).collect();
    assert_eq!(domains.len(), 8);
    let actions: BTreeSet<_> = commands().iter().map(|(_, command)| command.action().to_owned()).collect();
    assert_eq!(actions.len(), 14 + 17 + 4 + 11, "{actions:?}");
    let tables: BTreeSet<_> = rows().iter().map(|(_, key, _)| key.table()).collect();
    assert_eq!(tables.len(), Table::ALL.len());
    let kinds: BTreeSet<_> = event_kinds().iter().map(EventKind::name).collect();
    assert_eq!(kinds.len(), EventKind::NAMES.len());
}

/// The checksum finds any change of one byte, and every cut and every surplus byte is seen.
#[test]
fn damaged_records_are_errors() {
    for (name, record) in records() {
        let bytes = record.encode();
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                assert!(record.decode(&damaged).is_err(), "{name}: byte {at} changed by {flip:02x}");
            }
            assert!(record.decode(&bytes[..at]).is_err(), "{name}: cut after {at} bytes");
        }
        for more in [0x00, 0xff] {
            let mut longer = bytes.clone();
            longer.push(more);
            assert!(record.decode(&longer).is_err(), "{name}: one byte too many");
        }
        let doubled = [bytes.clone(), bytes].concat();
        assert!(record.decode(&doubled).is_err(), "{name}: twice");
    }
}

/// A frame with the right checksum around whatever it holds.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    const HEADER_BYTES: usize = 12;
    let length = u32::try_from(bytes.len() - HEADER_BYTES).unwrap();
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[1..8]), &bytes[HEADER_BYTES..]);
    bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// What a newer program wrote is told as such, and never guessed at.
#[test]
fn unknown_versions_kinds_and_flags_are_errors() {
    for (name, record) in records() {
        let bytes = record.encode();
        assert_eq!(sealed(bytes.clone()), bytes);
        let with = |at: usize, value: u8| {
            let mut changed = bytes.clone();
            changed[at] = value;
            record.decode(&sealed(changed)).unwrap_err()
        };
        let known = level::SUPPORTED;
        for found in [0, known + 1, 255] {
            assert_eq!(with(1, found), CodecError::Version { found, known }, "{name}");
        }
        for kind in [0, 10, 255] {
            assert!(matches!(with(2, kind), CodecError::Kind { found, .. } if found == kind), "{name}");
        }
        for flags in [1, 0x80] {
            assert_eq!(with(3, flags), CodecError::Flags { found: flags }, "{name}");
        }
        assert_eq!(with(0, b'r'), CodecError::Magic, "{name}");
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(record.decode(&sealed(longer)), Err(CodecError::Body("bytes are left over".into())), "{name}");
        assert_eq!(record.decode(&[]), Err(CodecError::Short { length: 0 }));
    }
}

/// A record is never read as one of another kind.
#[test]
fn kinds_are_not_mixed_up() {
    let records = records();
    let kind = |record: &Record| std::mem::discriminant(record);
    for record in records.values() {
        let bytes = record.encode();
        for (name, other) in &records {
            if kind(other) != kind(record) {
                assert!(matches!(other.decode(&bytes), Err(CodecError::Kind { .. })), "{name}");
            }
        }
    }
}

/// Bodies that pass the checksum but were never written: an answer or an error, never a panic or a huge allocation.
#[test]
fn any_body_is_decoded_or_refused() {
    const HEADER_BYTES: usize = 12;
    for record in records().into_values() {
        let bytes = record.encode();
        for at in HEADER_BYTES..bytes.len() {
            for value in [0, 1, 251, 253, 255] {
                let mut changed = bytes.clone();
                changed[at] = value;
                if let Ok(read) = record.decode(&sealed(changed)) {
                    // What is read can be written, and reads as itself.
                    assert_eq!(record.decode(&read.encode()), Ok(read));
                }
            }
            drop(record.decode(&sealed(bytes[..at].to_vec())));
        }
        // Lengths that promise more than there is.
        let mut promise = bytes[..HEADER_BYTES].to_vec();
        promise.extend([253, 255, 255, 255, 255, 255, 255, 255, 127]);
        assert!(record.decode(&sealed(promise)).is_err() || matches!(record, Record::Row(..)));
    }
}

/// Names that could not be made today come out of no record: a context with a colon would be two names when printed.
#[test]
fn names_are_checked_when_they_are_read() {
    let command = Command::Catalog(CatalogCommand::DeleteContext { context: Context::parse("abc").unwrap() });
    let bytes = codec::encode_proposal(&Proposal::new(envelope(command)));
    let at = bytes.windows(4).position(|found| found == b".abc").unwrap();
    let mut changed = bytes;
    changed[at + 2] = b':';
    let refused = codec::decode_proposal(&sealed(changed).into()).unwrap_err();
    assert!(matches!(refused, CodecError::Content(_)), "{refused}");
}

/// What may be proposed must be readable by every node that gets it: the longest names come back from the log.
#[test]
fn the_longest_names_come_back() {
    let longest = "x".repeat(registry::limits::SUBJECT_BYTES_MAX);
    let contexts = [Context::parse(&longest), Context::parse(&longest[1..])];
    let subjects = [Subject::parse(&longest), Subject::parse(&format!(":.{}", &longest[2..]))];
    let deletions =
        contexts.into_iter().flatten().map(|context| Command::Catalog(CatalogCommand::DeleteContext { context }));
    let subjects = subjects.into_iter().flatten();
    let commands: Vec<_> = deletions
        .chain(
            subjects
                .map(|subject| Command::Catalog(CatalogCommand::DeleteSubject { subject, permanent: Permanent::No })),
        )
        .collect();
    assert!(commands.len() >= 3);
    for command in commands {
        let entry = Record::Entry(Entry {
            log_id: log_id(1, 1, 1),
            payload: EntryPayload::Normal(Proposal::new(envelope(command))),
        });
        assert_eq!(entry.decode(&entry.encode()), Ok(entry));
    }
}
