//! What a preparer's verdict depended on, and the test whether it still holds.
//!
//! A registration is prepared on any node from a snapshot that may lag. It names every key that it looked at, absent ones
//! too, and the index at which it looked. Apply refuses it if any of them was changed after that index. So a replica that
//! lags is never wrong, only slower.

use std::collections::BTreeSet;

use crate::{DraftId, Key, LogIndex, Row, Scope, Subject, Version, View, ViewError};

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

/// The entry that changed `key` last; 0 if it never existed.
///
/// Subjects, configurations and modes leave a tombstone with this index when they are removed. A version that is not there
/// (any more) counts as changed when its subject was.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn modified_at(view: &impl View, key: &BasisKey) -> Result<LogIndex, ViewError> {
    let row = match key {
        BasisKey::Subject(subject) => view.get(&Key::Subject(subject.clone()))?,
        BasisKey::Version(subject, version) => match view.get(&Key::Version(subject.clone(), *version))? {
            Some(row) => Some(row),
            None => view.get(&Key::Subject(subject.clone()))?,
        },
        BasisKey::Config(scope) => view.get(&Key::Config(scope.clone()))?,
        BasisKey::Mode(scope) => view.get(&Key::Mode(scope.clone()))?,
        BasisKey::Policy(scope) => view.get(&Key::Policy(scope.clone()))?,
        BasisKey::Draft(subject, id) => view.get(&Key::Draft(subject.clone(), *id))?,
        BasisKey::Consumer(subject, id) => view.get(&Key::Consumer(subject.clone(), id.clone()))?,
    };
    Ok(match row {
        Some(Row::Subject(row)) => row.modified_at,
        Some(Row::Version(row)) => row.modified_at,
        Some(Row::Config(row)) => row.modified_at,
        Some(Row::Mode(row)) => row.modified_at,
        Some(Row::Policy(row)) => row.modified_at,
        Some(Row::Draft(row)) => row.modified_at,
        Some(Row::Consumer(row)) => row.modified_at,
        Some(_) => return Err(ViewError(format!("the row under {key:?} is of another kind"))),
        None => LogIndex(0),
    })
}

impl Basis {
    /// The first key that was changed after it was read, if any.
    ///
    /// # Errors
    /// [`ViewError`] if the store cannot answer.
    pub fn stale_key(&self, view: &impl View) -> Result<Option<&BasisKey>, ViewError> {
        for key in &self.keys {
            if modified_at(view, key)? > self.read_index {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}
