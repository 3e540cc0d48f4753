//! The replicated state machine of the registry, as pure functions.
//!
//! One function, [`apply`], takes a read-only view of the state and a command from the log and answers with changes, an
//! outcome, events and an audit record. [`query`] answers reads over the same view. Both see the state only through
//! [`View`], so the in-memory state of a test and RocksDB in a node are the same thing to them.
//!
//! Never here: a parser, a clock, randomness, hash-map order, I/O, async. What apply decides today it must decide for
//! ever, on every node, from the log alone.

mod apply;
mod association;
pub mod audit;
mod basis;
mod command;
mod config;
pub mod contract;
pub mod digest;
mod event;
mod ids;
mod key;
mod lifecycle;
pub mod limits;
mod names;
mod outcome;
mod overlay;
pub mod query;
mod row;
mod semver;
mod view;

pub use apply::{Applied, ApplyError, LogPosition, apply, dry_run_associations};
pub use association::{AssociationChange, AssociationRow, AssociationWish, Lifecycle, Resource};
pub use basis::{Basis, BasisKey, modified_at};
pub use command::{Actor, Assign, Command, Content, Envelope, MACHINE_VERSION, Permanent, Register};
pub use config::{Config, Mode};
pub use event::{Event, EventKind};
pub use ids::{LogIndex, RequestId, SchemaId, Version};
pub use key::{Key, KeyRange, Table};
pub use lifecycle::{
    ConsumerRow, CursorRow, Decision, Deprecation, DraftContent, DraftId, DraftRow, DraftState, HistoryRow, LifeStep,
    LifecycleOutcome, LifecyclePolicy, LifecycleRejection, PolicyInForce, Report, State, Step, Transition,
    VersionState,
};
pub use names::{Context, InvalidName, Scope, Subject};
pub use outcome::{Outcome, Rejection};
pub use query::Include;
pub use row::{
    AuditRow, ContentRow, ContextRow, Deleted, MachineRow, RequestRow, Row, SettingRow, SubjectRow, VersionRow,
};
pub use semver::{Bump, SemVer, SemVerRange};
pub use view::{Change, MemoryView, View, ViewError};
