//! What a preparer's verdict depended on.
//!
//! A registration is prepared on any node from a snapshot that may lag. It names every key that it looked at, absent ones
//! too, and the index at which it looked. Apply refuses it if any of them was changed after that index. So a replica that
//! lags is never wrong, only slower.

use std::collections::BTreeSet;

use crate::{DraftId, LogIndex, Scope, Subject, Version};

/// What a prepared command depended on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Basis {
    /// The applied index at which every key was read; one snapshot for all of them.
    pub read_index: LogIndex,
    /// The keys, absent ones too.
    pub keys: BTreeSet<BasisKey>,
}

/// Something that a verdict can depend on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BasisKey {
    /// A subject with all of its versions.
    Subject(Subject),
    /// One version of a subject (a reference).
    Version(Subject, Version),
    /// The configuration of a scope, set or not.
    Config(Scope),
    /// The mode of a scope, set or not.
    Mode(Scope),
    /// The policy of a scope, set or not.
    Policy(Scope),
    /// A draft.
    Draft(Subject, DraftId),
    /// A registered consumer.
    Consumer(Subject, String),
}
