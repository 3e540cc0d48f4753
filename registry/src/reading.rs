//! What the reads of all domains are made of.

use std::ops::ControlFlow;

use crate::{Deleted, Key, KeyRange, Row, View, ViewError};

/// Which of the deleted things a listing includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Include {
    /// What is not deleted.
    Live,
    /// Soft-deleted things, too.
    All,
    /// Soft-deleted things only.
    DeletedOnly,
}

impl Include {
    /// Does the listing include a thing with this mark?
    pub fn admits(self, deleted: Deleted) -> bool {
        match self {
            Self::Live => deleted == Deleted::No,
            Self::All => true,
            Self::DeletedOnly => deleted == Deleted::Soft,
        }
    }
}

macro_rules! row_getter {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $row:ty, $key:expr, $variant:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`ViewError`](crate::ViewError) if the store cannot answer.
        pub fn $name(view: &impl $crate::View, $($argument: $type),*) -> Result<Option<$row>, $crate::ViewError> {
            let key = $key;
            match view.get(&key)? {
                None => Ok(None),
                Some($crate::Row::$variant(row)) => Ok(Some(row)),
                Some(_) => Err($crate::ViewError::wrong_row(&key)),
            }
        }
    };
}

pub(crate) use row_getter;

/// What `pick` takes of the rows of a range, in order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub(crate) fn collect<T>(
    view: &impl View,
    range: &KeyRange,
    mut pick: impl FnMut(Key, Row) -> Option<T>,
) -> Result<Vec<T>, ViewError> {
    let mut found = Vec::new();
    view.scan(range, &mut |key, row| {
        found.extend(pick(key, row));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
