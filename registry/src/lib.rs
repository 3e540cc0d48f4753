//! The replicated state machine of the registry, as pure functions.
//!
//! One function, [`apply`], takes a read-only view of the state and a command from the log and answers with changes, an
//! outcome, events and an audit record. [`query`] answers reads over the same view. Both see the state only through
//! [`View`], so the in-memory state of a test and RocksDB in a node are the same thing to them.
//!
//! Each domain is a folder with its commands, outcomes and refusals, rows, rules of apply and reads: `catalog`, `life`,
//! `settings`, `associations`, `feeds`, `access`, `cluster`. Around them: the order in which apply works ([`apply`]), what the state
//! is made of ([`Table`], [`Row`]), and what holds for everything ([`Basis`], [`digest`], [`audit`], [`level`]).
//!
//! Never here: a parser, a clock, randomness, hash-map order, I/O, async. What apply decides today it must decide for
//! ever, on every node, from the log alone.

#![warn(missing_docs)]

mod access;
mod actor;
mod apply;
mod associations;
pub mod audit;
mod basis;
mod catalog;
mod cluster;
mod command;
pub mod contract;
mod described;
pub mod digest;
mod effect;
mod feed;
mod feeds;
mod ids;
mod key_bytes;
mod life;
pub mod limits;
mod names;
mod outcome;
mod overlay;
pub mod query;
mod ranges;
mod reading;
pub mod reply;
mod row;
mod semver;
mod settings;
mod staleness;
mod tables;
mod view;
mod weight;

pub use access::{
    AccessCommand, AccessDone, AccessPolicyRow, AccessRefusal, AccessRow, AccountRow, ApiKey, BUILT_IN_ROLES,
    BindingRow, Grantee, Reach, RoleRow,
};
pub use actor::{Actor, Authentication, Principal, PrincipalKind, RequestSource, TraceContext};
pub use apply::{Applied, ApplyError, apply, dry_run};
pub use associations::{
    AssociationChange, AssociationRow, AssociationWish, AssociationsCommand, AssociationsDone, AssociationsRefusal,
    Lifecycle, Resource,
};
pub use basis::{Basis, BasisKey};
pub use catalog::{
    Assign, CatalogCommand, CatalogDone, CatalogRefusal, Content, ContentRow, ContextRow, Deleted, Permanent, Register,
    SubjectRow, Terms, TermsRow, VersionRow,
};
pub use cluster::{
    AuditRow, ClusterCommand, ClusterDone, ClusterRefusal, MachineRow, Operation, RequestRow, UnderWay, level,
};
pub use command::{Command, Envelope};
pub use effect::LogPosition;
pub use feeds::{CursorRow, Event, EventKind, FeedsCommand, FeedsDone, FeedsRefusal};
pub use ids::{LogIndex, RequestId, SchemaId, Version};
pub use life::{
    ConsumerRow, Decision, Deprecation, DraftContent, DraftId, DraftRow, DraftState, HistoryRow, LifeChange,
    LifeCommand, LifeDone, LifeRefusal, Report, State, Transition, VersionState,
};
pub use names::{Context, InvalidName, Scope, Subject};
pub use outcome::{Done, Outcome, Refusal};
pub use ranges::KeyRange;
pub use reading::Include;
pub use row::{Row, RowKind};
pub use semver::{Bump, SemVer, SemVerRange};
pub use settings::{
    Config, ConfigPatch, LifePolicy, Mode, PolicyInForce, SettingRow, SettingsCommand, SettingsDone, SettingsRefusal,
};
pub use staleness::modified_at;
pub use tables::{Family, Key, Table};
pub use view::{Change, MemoryView, View, ViewError};
