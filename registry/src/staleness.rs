//! Does what a command was prepared from still hold?

use crate::{Basis, BasisKey, Key, LogIndex, Row, View, ViewError};

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
