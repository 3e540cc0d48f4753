//! What may be asked of associations.

use schema::Guid;

use crate::{Lifecycle, Resource, Subject};

/// A change of associations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssociationsCommand {
    /// Change the associations of a resource: all that is listed, or nothing.
    Change {
        /// Whose.
        resource: Resource,
        /// In this order.
        changes: Vec<AssociationChange>,
    },
}

impl AssociationsCommand {
    /// See [`crate::Command::action`].
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::Change { .. } => "association.change",
        }
    }

    /// See [`crate::Command::resource`].
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::Change { resource, .. } => format!("resource/{}", resource.id),
        }
    }

    /// See [`crate::Command::weight`].
    pub(crate) fn weight(&self) -> usize {
        let Self::Change { resource: Resource { id, kind, name, namespace }, changes } = self;
        let resource: usize = [id, kind, name, namespace].into_iter().map(String::len).sum();
        let changes = changes.iter().map(|change| match change {
            AssociationChange::Create(wish) | AssociationChange::Upsert(wish) => {
                wish.role.len() + wish.subject.context.as_str().len() + wish.subject.name.len()
            }
            AssociationChange::Delete { role, cascade: _ } => role.len(),
        });
        // Each row and index repeats the resource.
        changes.map(|bytes| bytes + resource).sum::<usize>() + resource
    }
}

/// One change of a resource's associations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssociationChange {
    /// Add one; one that is there already must be the same.
    Create(AssociationWish),
    /// Add or change one; what the wish leaves out stays.
    Upsert(AssociationWish),
    /// Remove one. With `cascade` a subject that is tied strongly is soft-deleted, too.
    Delete {
        /// Which.
        role: String,
        /// Delete the subject, too?
        cascade: bool,
    },
}

/// An association as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationWish {
    /// The identity that a new one gets.
    pub guid: Guid,
    /// The subject.
    pub subject: Subject,
    /// What the subject is to the resource.
    pub role: String,
    /// A new one without is WEAK.
    pub lifecycle: Option<Lifecycle>,
    /// A new one without is not frozen.
    pub frozen: Option<bool>,
}
