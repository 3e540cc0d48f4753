//! The state digest: a hash chain over every change that apply ever made.
//!
//! `digest(n) = blake3(digest(n-1) ‖ log index ‖ term ‖ changes of entry n)`, where a change is its key and the fields of
//! its row, each fed with its length. Two replicas at one index have the same digest exactly if they made the same
//! changes in the same order. The audit record, which holds the digest itself, and the machine row are not part of it.
//!
//! The bytes fed here are defined by this module and the lists of variants beside the enums, not by the format on disk, so
//! that two nodes that write different disk versions still agree. Field order is format; a field that came later is fed
//! only where it is set, with its number before it.

use schema::compat::{Level, Policy};
use schema::{Format, Guid, Metadata, Reference, Rule, RuleSet};

use crate::feed::{Feed, Sink};
use crate::{
    AccessPolicyRow, AccessRow, AccountRow, ApiKey, AssociationRow, AuditRow, BindingRow, Change, Config, ConsumerRow,
    Content, ContentRow, Context, ContextRow, CursorRow, Decision, Deleted, Deprecation, Done, DraftContent, DraftId,
    DraftRow, DraftState, Event, HistoryRow, LifePolicy, Lifecycle, LogIndex, LogPosition, Mode, Refusal, Report,
    RequestId, RequestRow, Resource, RoleRow, SchemaId, Scope, SemVer, SettingRow, State, Subject, SubjectRow, Terms,
    TermsRow, Transition, Version, VersionRow, VersionState,
};

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

fn is_set<T: Default + PartialEq>(value: &T) -> bool {
    *value != T::default()
}

/// Structs: their fields in order, and after a `+` those that came later, each with its number: fed only where it is set.
macro_rules! feed_fields {
    ($($type:ty { $($field:ident),+ $(,)? } $(+ { $($number:literal => $late:ident),+ $(,)? })?)+) => {
        $(impl Feed for $type {
            fn feed(&self, sink: &mut Sink) {
                // Naming every field makes a new one a compile error here.
                let Self { $($field,)+ $($($late,)+)? } = self;
                $($field.feed(sink);)+
                $($(if is_set($late) {
                    sink.u64($number);
                    $late.feed(sink);
                })+)?
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

feed_newtype!(LogIndex, SchemaId, Version, RequestId, Guid, DraftId, Terms);
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
    Content { guid, format, text, references, metadata, rule_set, terms }
    Report { base, compatible, breaking, messages }
    DraftContent { content, sent, report }
    DraftRow { state, author, draft, approvals, version, created_ms, modified_at }
    HistoryRow { from, to, action, actor, reason, time_ms, version }
    ConsumerRow { from, to, owner, contact, created_ms, modified_at }
    CursorRow { index, position, time_ms, modified_at }
    LifePolicy {
        review, approvals, approvals_breaking, deprecation_notice_ms, required_properties, versions_max,
        event_count_max, event_age_ms_max, audit_retention_ms,
    }
    ContentRow { text, references, metadata, rule_set, context_count, since }
    TermsRow { guid, format, terms }
    Resource { id, kind, name, namespace }
    AssociationRow { guid, subject, resource, role, lifecycle, frozen, modified_at }
    AccessRow { changed_at }
    AccountRow { description, owner, disabled, keys, created_ms, modified_at }
    ApiKey { id, name, salt, hash, created_ms, expires_ms, used_ms }
    RoleRow { description, permissions, modified_at }
    BindingRow { role, grantee, reach, modified_at }
    AccessPolicyRow { description, text, modified_at }
    RequestRow { answer, index, time_ms }
    Event { kind, time_ms, actor }
    AuditRow {
        index, time_ms, principal, node_id, action, reason, resource, outcome, request_id, digest_before, digest_after,
    } + { 1 => authentication, 2 => address, 3 => user_agent, 4 => trace_id }
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

/// As the enum of the two would be: the name of what it came to comes first.
impl Feed for Result<Done, Refusal> {
    fn feed(&self, sink: &mut Sink) {
        match self {
            Ok(done) => done.feed(sink),
            Err(refusal) => {
                sink.bytes(b"refused");
                refusal.feed(sink);
            }
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
