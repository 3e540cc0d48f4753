//! What a command about associations comes to.

use crate::described::described;
use crate::reply::{Reply, code};
use crate::{AssociationRow, Subject};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum AssociationsDone {
    /// The associations of the resource as they are now.
    Changed { associations: Vec<AssociationRow> },
}

described!(AssociationsDone { Changed { associations } = "associations_changed" });

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum AssociationsRefusal {
    /// The subject may not be tied to more resources.
    TooManyAssociations { limit: u32 },
    /// The resource has another association in this role.
    AssociationExists { role: String, resource: String },
    /// The subject is tied to a resource.
    SubjectAssociated { subject: Subject },
    /// The subject is tied to another resource strongly.
    StrongAssociationExists { subject: Subject },
    /// A subject that is tied, or to be tied, to a resource needs a version that is not deleted.
    NoActiveVersion { subject: Subject },
    /// A frozen association is not changed.
    AssociationFrozen { role: String, subject: Subject },
    /// The resource has no such association.
    AssociationNotFound { resource: String },
}

described!(AssociationsRefusal {
    TooManyAssociations { limit } = "too_many_associations",
    AssociationExists { role, resource } = "association_exists",
    SubjectAssociated { subject } = "subject_associated",
    StrongAssociationExists { subject } = "strong_association_exists",
    NoActiveVersion { subject } = "no_active_version",
    AssociationFrozen { role, subject } = "association_frozen",
    AssociationNotFound { resource } = "association_not_found",
});

impl AssociationsRefusal {
    /// See [`crate::Refusal::reply`]. The texts are Confluent's, typing errors included.
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::TooManyAssociations { limit } => {
                Reply::new(code::TOO_MANY_ASSOCIATIONS, format!("A maximum of {limit} associations already exist"))
            }
            Self::AssociationExists { role, resource } => Reply::new(
                code::ASSOCIATION_EXISTS,
                format!("An association of type '{role}' already exists for resource '{resource}'"),
            ),
            Self::SubjectAssociated { subject } => {
                Reply::new(code::SUBJECT_ASSOCIATED, format!("An association already exists for subject '{subject}'"))
            }
            Self::StrongAssociationExists { subject } => Reply::new(
                code::STRONG_ASSOCIATION_EXISTS,
                format!("A strong association already exists for subject '{subject}'"),
            ),
            Self::NoActiveVersion { subject } => Reply::new(
                code::NO_ACTIVE_VERSION,
                format!("No active (non-deleted) version exists for subject '{subject}'"),
            ),
            Self::AssociationFrozen { role, subject } => Reply::new(
                code::ASSOCIATION_FROZEN,
                format!("The association of type  '{role}' is frozen for subject '{subject}'"),
            ),
            Self::AssociationNotFound { resource } => {
                Reply::new(code::ASSOCIATION_NOT_FOUND, format!("Association for '{resource}' not found."))
            }
        }
    }
}
