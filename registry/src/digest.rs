//! The state digest: a hash chain over every change that apply ever made.
//!
//! `digest(n) = blake3(digest(n-1) ‖ log index ‖ term ‖ changes of entry n)`, where a change is its key and the fields of
//! its row, each fed with its length. Two replicas at one index have the same digest exactly if they made the same
//! changes in the same order. The audit record, which holds the digest itself, and the machine row are not part of it.
//!
//! The bytes fed here are defined by this module alone, not by the format on disk, so that two nodes that write
//! different disk versions still agree. Field order is format; a new field is fed only where it is set.

use schema::compat::{Level, Policy};
use schema::{Format, Guid, Metadata, Reference, Rule, RuleSet};

use crate::{
    AssociationRow, AuditRow, BasisKey, Change, Config, ContentRow, ContextRow, Deleted, Event, EventKind, Lifecycle,
    LogIndex, Mode, Outcome, Rejection, RequestId, RequestRow, Resource, Row, SchemaId, Scope, SettingRow, Subject,
    SubjectRow, Version, VersionRow,
};
use crate::{
    ConsumerRow, CursorRow, Decision, Deprecation, DraftContent, DraftId, DraftRow, DraftState, HistoryRow,
    LifecycleOutcome, LifecyclePolicy, LifecycleRejection, Report, SemVer, State, Transition, VersionState,
};
use crate::{Context, LogPosition};

/// The digest before the first entry.
pub const EMPTY: [u8; 32] = [0; 32];

/// Continues the chain by one entry.
pub fn chain(before: [u8; 32], position: LogPosition, changes: &[Change]) -> [u8; 32] {
    let mut sink = Sink(Vec::with_capacity(1024));
    sink.0.extend(before);
    sink.u64(position.index.0);
    sink.u64(position.term);
    for (key, row) in changes {
        sink.bytes(&key.encode());
        row.feed(&mut sink);
    }
    *blake3::hash(&sink.0).as_bytes()
}

/// The bytes of a value as digests and audit leaves see them.
pub(crate) fn bytes_of(value: &impl Feed) -> Vec<u8> {
    let mut sink = Sink(Vec::with_capacity(256));
    value.feed(&mut sink);
    sink.0
}

/// Takes the fields of values in a fixed order.
pub(crate) struct Sink(Vec<u8>);

impl Sink {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn u64(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

/// Values whose bytes are defined by this module.
pub(crate) trait Feed {
    fn feed(&self, sink: &mut Sink);
}

macro_rules! feed_fields {
    ($($type:ty { $($field:ident),+ $(,)? })+) => {
        $(impl Feed for $type {
            fn feed(&self, sink: &mut Sink) {
                // Naming every field makes a new one a compile error here.
                let Self { $($field),+ } = self;
                $($field.feed(sink);)+
            }
        })+
    };
}

macro_rules! feed_number {
    ($($type:ty),+) => {
        $(impl Feed for $type {
            fn feed(&self, sink: &mut Sink) {
                sink.u64(u64::from(*self));
            }
        })+
    };
}

macro_rules! feed_newtype {
    ($($type:ty),+) => {
        $(impl Feed for $type {
            fn feed(&self, sink: &mut Sink) {
                self.0.feed(sink);
            }
        })+
    };
}

macro_rules! feed_name {
    ($($type:ty),+) => {
        $(impl Feed for $type {
            fn feed(&self, sink: &mut Sink) {
                sink.bytes(self.name().as_bytes());
            }
        })+
    };
}

feed_number!(u8, u32, u64, bool);
feed_newtype!(LogIndex, SchemaId, Version, RequestId, Guid, DraftId);
feed_name!(
    State,
    Transition,
    Decision,
    Format,
    Lifecycle,
    Mode,
    Level,
    schema::RuleKind,
    schema::RuleMode,
    schema::EnableAt
);

feed_fields! {
    Subject { context, name }
    Reference { name, subject, version }
    Metadata { tags, properties, sensitive }
    Rule { name, doc, kind, mode, rule_type, tags, params, expr, on_success, on_failure, disabled }
    RuleSet { migration_rules, domain_rules, encoding_rules, enable_at }
    Config {
        alias, alias_for_deks, normalize, validate_fields, validate_new_schemas, validate_rules, compatibility_level,
        compatibility_policy, compatibility_group, default_metadata, override_metadata, default_rule_set,
        override_rule_set,
    }
    ContextRow { next_id, listed, modified_at }
    SubjectRow { next_version, live, soft_deleted, modified_at }
    VersionRow {
        id, guid, format, deleted, state, life, semver, deprecation, created_ms, created_at, modified_at,
    }
    SemVer { major, minor, patch }
    Deprecation { since_ms, sunset_ms, successor }
    crate::Content { guid, format, text, references, metadata, rule_set, terms }
    Report { base, compatible, breaking, messages }
    DraftContent { content, sent, report }
    DraftRow { state, author, draft, approvals, version, created_ms, modified_at }
    HistoryRow { from, to, action, actor, reason, time_ms, version }
    ConsumerRow { from, to, owner, contact, created_ms, modified_at }
    CursorRow { index, position, time_ms, modified_at }
    LifecyclePolicy {
        review, approvals, approvals_breaking, deprecation_notice_ms, required_properties, versions_max,
        event_count_max, event_age_ms_max, audit_retention_ms,
    }
    ContentRow { text, references, metadata, rule_set, context_count, terms }
    Resource { id, kind, name, namespace }
    AssociationRow { guid, subject, resource, role, lifecycle, frozen, modified_at }
    RequestRow { outcome, index, time_ms }
    Event { kind, time_ms, actor }
    AuditRow {
        index, time_ms, principal, node_id, action, reason, resource, outcome, request_id, digest_before, digest_after,
    }
}

macro_rules! feed_state {
    ($($type:ty),+) => {
        $(impl Feed for $type {
            fn feed(&self, sink: &mut Sink) {
                self.state().feed(sink);
            }
        })+
    };
}

feed_state!(DraftState, VersionState);

impl Feed for i32 {
    fn feed(&self, sink: &mut Sink) {
        sink.0.extend(self.to_le_bytes());
    }
}

impl Feed for String {
    fn feed(&self, sink: &mut Sink) {
        sink.bytes(self.as_bytes());
    }
}

impl<const N: usize> Feed for [u8; N] {
    fn feed(&self, sink: &mut Sink) {
        sink.0.extend(self);
    }
}

impl Feed for Context {
    fn feed(&self, sink: &mut Sink) {
        sink.bytes(self.as_str().as_bytes());
    }
}

impl Feed for Policy {
    fn feed(&self, sink: &mut Sink) {
        sink.byte(match self {
            Self::Strict => 0,
            Self::Lenient => 1,
        });
    }
}

impl Feed for Deleted {
    fn feed(&self, sink: &mut Sink) {
        sink.byte(match self {
            Self::No => 0,
            Self::Soft => 1,
        });
    }
}

impl<T: Feed> Feed for Option<T> {
    fn feed(&self, sink: &mut Sink) {
        match self {
            None => sink.byte(0),
            Some(value) => {
                sink.byte(1);
                value.feed(sink);
            }
        }
    }
}

impl<T: Feed> Feed for Vec<T> {
    fn feed(&self, sink: &mut Sink) {
        sink.u64(self.len() as u64);
        self.iter().for_each(|value| value.feed(sink));
    }
}

impl<T: Feed> Feed for std::collections::BTreeSet<T> {
    fn feed(&self, sink: &mut Sink) {
        sink.u64(self.len() as u64);
        self.iter().for_each(|value| value.feed(sink));
    }
}

impl<K: Feed, V: Feed> Feed for std::collections::BTreeMap<K, V> {
    fn feed(&self, sink: &mut Sink) {
        sink.u64(self.len() as u64);
        for (key, value) in self {
            key.feed(sink);
            value.feed(sink);
        }
    }
}

impl<T: Feed> Feed for SettingRow<T> {
    fn feed(&self, sink: &mut Sink) {
        self.value.feed(sink);
        self.modified_at.feed(sink);
    }
}

impl Feed for Scope {
    fn feed(&self, sink: &mut Sink) {
        match self {
            Self::Global => sink.byte(0),
            Self::Context(context) => {
                sink.byte(1);
                context.feed(sink);
            }
            Self::Subject(subject) => {
                sink.byte(2);
                subject.feed(sink);
            }
        }
    }
}

impl Feed for BasisKey {
    fn feed(&self, sink: &mut Sink) {
        match self {
            Self::Subject(subject) => {
                sink.byte(0);
                subject.feed(sink);
            }
            Self::Version(subject, version) => {
                sink.byte(1);
                subject.feed(sink);
                version.feed(sink);
            }
            Self::Config(scope) => {
                sink.byte(2);
                scope.feed(sink);
            }
            Self::Mode(scope) => {
                sink.byte(3);
                scope.feed(sink);
            }
            Self::Policy(scope) => {
                sink.byte(4);
                scope.feed(sink);
            }
            Self::Draft(subject, id) => {
                sink.byte(5);
                subject.feed(sink);
                id.feed(sink);
            }
            Self::Consumer(subject, id) => {
                sink.byte(6);
                subject.feed(sink);
                id.feed(sink);
            }
        }
    }
}

impl Feed for Row {
    fn feed(&self, sink: &mut Sink) {
        match self {
            // The machine row holds the digest and the audit record the digests around it: neither can be part of it.
            Self::Machine(_) | Self::Audit(_) | Self::AuditNode(_) => {}
            Self::Context(row) => row.feed(sink),
            Self::Subject(row) => row.feed(sink),
            Self::Version(row) => row.feed(sink),
            Self::Sent(text) => text.feed(sink),
            Self::Schema(guid, format) => {
                guid.feed(sink);
                format.feed(sink);
            }
            Self::Content(row) => row.feed(sink),
            Self::IdOf(id) => id.feed(sink),
            Self::Present => sink.byte(1),
            Self::Association(row) => row.feed(sink),
            Self::Config(row) => row.feed(sink),
            Self::Mode(row) => row.feed(sink),
            Self::Request(row) => row.feed(sink),
            Self::RequestAge(id) => id.feed(sink),
            Self::Event(event) => event.feed(sink),
            Self::Draft(row) => row.feed(sink),
            Self::History(row) => row.feed(sink),
            Self::Consumer(row) => row.feed(sink),
            Self::Policy(row) => row.feed(sink),
            Self::Cursor(row) => row.feed(sink),
        }
    }
}

impl Feed for EventKind {
    fn feed(&self, sink: &mut Sink) {
        sink.bytes(self.name().as_bytes());
        match self {
            Self::SchemaRegistered { subject, version, id } => {
                subject.feed(sink);
                version.feed(sink);
                id.feed(sink);
            }
            Self::VersionDeleted { subject, version, permanent } => {
                subject.feed(sink);
                version.feed(sink);
                permanent.feed(sink);
            }
            Self::SubjectDeleted { subject, versions, permanent } => {
                subject.feed(sink);
                versions.feed(sink);
                permanent.feed(sink);
            }
            Self::ConfigChanged { scope } | Self::ModeChanged { scope } | Self::PolicyChanged { scope } => {
                scope.feed(sink);
            }
            Self::VersionActivated { subject, version }
            | Self::VersionQuarantined { subject, version }
            | Self::VersionReleased { subject, version } => {
                subject.feed(sink);
                version.feed(sink);
            }
            Self::VersionDeprecated { subject, version, sunset_ms, successor } => {
                subject.feed(sink);
                version.feed(sink);
                sunset_ms.feed(sink);
                successor.feed(sink);
            }
            Self::VersionArchived { subject, version, forced } => {
                subject.feed(sink);
                version.feed(sink);
                forced.feed(sink);
            }
            Self::VersionRolledBack { subject, version, target } => {
                subject.feed(sink);
                version.feed(sink);
                target.feed(sink);
            }
            Self::DraftSubmitted { subject, draft, breaking } => {
                subject.feed(sink);
                draft.feed(sink);
                breaking.feed(sink);
            }
            Self::DraftReviewed { subject, draft, decision, state } => {
                subject.feed(sink);
                draft.feed(sink);
                decision.feed(sink);
                state.feed(sink);
            }
        }
    }
}

impl Feed for Outcome {
    fn feed(&self, sink: &mut Sink) {
        sink.bytes(self.name().as_bytes());
        match self {
            Self::Registered { id, version, guid, is_new_id } => {
                id.feed(sink);
                version.feed(sink);
                guid.feed(sink);
                is_new_id.feed(sink);
            }
            Self::VersionDeleted { version } => version.feed(sink),
            Self::SubjectDeleted { versions } => versions.feed(sink),
            Self::ConfigChanged { old } => old.feed(sink),
            Self::ModeChanged { old } => old.feed(sink),
            Self::ContextDeleted | Self::DigestChecked | Self::Nothing => {}
            Self::AssociationsChanged { associations } => associations.feed(sink),
            Self::Founded { cluster_id } => cluster_id.feed(sink),
            Self::Lifecycle(outcome) => outcome.feed(sink),
            Self::Rejected(rejection) => rejection.feed(sink),
            Self::Stale { key, index } => {
                key.feed(sink);
                index.feed(sink);
            }
        }
    }
}

impl Feed for Rejection {
    fn feed(&self, sink: &mut Sink) {
        sink.bytes(self.name().as_bytes());
        match self {
            Self::SubjectNotFound { subject }
            | Self::SubjectSoftDeleted { subject }
            | Self::SubjectNotSoftDeleted { subject }
            | Self::ReadOnly { subject }
            | Self::NotReadWrite { subject }
            | Self::SubjectAssociated { subject }
            | Self::StrongAssociationExists { subject }
            | Self::NoActiveVersion { subject }
            | Self::NotImport { subject } => subject.feed(sink),
            Self::VersionNotFound { subject, version }
            | Self::VersionSoftDeleted { subject, version }
            | Self::VersionNotSoftDeleted { subject, version }
            | Self::Referenced { subject, version } => {
                subject.feed(sink);
                version.feed(sink);
            }
            Self::VersionNotNext { subject, asked, next } => {
                subject.feed(sink);
                asked.feed(sink);
                next.feed(sink);
            }
            Self::VersionOutOfRange { version, max } => {
                version.feed(sink);
                max.feed(sink);
            }
            Self::IdOutOfRange { id, max } => {
                id.feed(sink);
                max.feed(sink);
            }
            Self::PurgeTooLarge { scope, limit } => {
                scope.feed(sink);
                limit.feed(sink);
            }
            Self::IdTaken { id, context } => {
                id.feed(sink);
                context.feed(sink);
            }
            Self::SubjectFull { subject, limit } => {
                subject.feed(sink);
                limit.feed(sink);
            }
            Self::IdsExhausted { context } | Self::ContextNotEmpty { context } => context.feed(sink),
            Self::SubjectsExist { scope } | Self::ConfigNotFound { scope } | Self::ModeNotFound { scope } => {
                scope.feed(sink);
            }
            Self::TooManyAssociations { limit } => limit.feed(sink),
            Self::AssociationExists { role, resource } => {
                role.feed(sink);
                resource.feed(sink);
            }
            Self::AssociationFrozen { role, subject } => {
                role.feed(sink);
                subject.feed(sink);
            }
            Self::AssociationNotFound { resource } => resource.feed(sink),
            Self::ModeNotHere { mode } => mode.feed(sink),
            Self::DigestDiffers { index } => index.feed(sink),
            Self::AnotherCluster { cluster_id } => cluster_id.feed(sink),
            Self::Lifecycle(rejection) => rejection.feed(sink),
        }
    }
}

impl Feed for LifecycleOutcome {
    fn feed(&self, sink: &mut Sink) {
        match self {
            Self::Draft { id, state, approvals } => {
                id.feed(sink);
                state.feed(sink);
                approvals.feed(sink);
            }
            Self::Activated { id, version, schema_id, guid } => {
                id.feed(sink);
                version.feed(sink);
                schema_id.feed(sink);
                guid.feed(sink);
            }
            Self::Version { version, state } => {
                version.feed(sink);
                state.feed(sink);
            }
            Self::RolledBack { target, versions } => {
                target.feed(sink);
                versions.feed(sink);
            }
            Self::Consumer => {}
            Self::PolicyChanged { old } => old.feed(sink),
            Self::Cursor { index, position } => {
                index.feed(sink);
                position.feed(sink);
            }
            Self::AuditArchived { from } => from.feed(sink),
        }
    }
}

impl Feed for LifecycleRejection {
    fn feed(&self, sink: &mut Sink) {
        match self {
            Self::WrongState { transition, state } => {
                transition.feed(sink);
                state.feed(sink);
            }
            Self::DraftNotFound { id } => id.feed(sink),
            Self::ConsumerNotFound { id } => id.feed(sink),
            Self::RevisionDiffers { asked, found } => {
                asked.feed(sink);
                found.feed(sink);
            }
            Self::ApprovalsMissing { have, needed } => {
                have.feed(sink);
                needed.feed(sink);
            }
            Self::PropertyMissing { name } => name.feed(sink),
            Self::VersionsMax { limit } | Self::DraftsFull { limit } => limit.feed(sink),
            Self::SunsetTooSoon { earliest_ms } => earliest_ms.feed(sink),
            Self::SunsetNotReached { sunset_ms } => sunset_ms.feed(sink),
            Self::SuccessorNotActive { version }
            | Self::DependentsRemain { version }
            | Self::Quarantined { version } => version.feed(sink),
            Self::ConsumersRemain { consumers } => consumers.feed(sink),
            Self::AuditTooYoung { position } => position.feed(sink),
            Self::Invalid { what } => what.feed(sink),
            Self::PolicyNotFound
            | Self::ReviewRequired
            | Self::ReviewerIsAuthor
            | Self::AlreadyApproved
            | Self::ReasonRequired
            | Self::Incompatible
            | Self::NothingToRollBack
            | Self::GlobalOnly => {}
        }
    }
}
