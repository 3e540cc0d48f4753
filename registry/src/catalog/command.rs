//! What may be asked of the catalogue.

use schema::{Format, Guid, Metadata, Reference, RuleSet};

use super::Terms;
use crate::weight::{metadata_bytes, rule_set_bytes};
use crate::{BasisKey, Context, SchemaId, SemVer, Subject, Version};

/// A change of subjects, versions and contexts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
pub enum CatalogCommand {
    /// Add a version to a subject.
    Register(Register),
    /// Delete one version.
    DeleteVersion {
        /// Its subject.
        subject: Subject,
        /// Its number.
        version: Version,
        /// For good, or hidden?
        permanent: Permanent,
    },
    /// Delete all versions of a subject.
    DeleteSubject {
        /// Which.
        subject: Subject,
        /// For good, or hidden?
        permanent: Permanent,
    },
    /// Remove an empty context.
    DeleteContext {
        /// Which.
        context: Context,
    },
}

impl CatalogCommand {
    /// See [`crate::Command::action`].
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::Register(_) => "schema.register",
            Self::DeleteVersion { permanent: Permanent::No, .. } => "version.delete",
            Self::DeleteVersion { permanent: Permanent::Yes, .. } => "version.delete_permanently",
            Self::DeleteSubject { permanent: Permanent::No, .. } => "subject.delete",
            Self::DeleteSubject { permanent: Permanent::Yes, .. } => "subject.delete_permanently",
            Self::DeleteContext { .. } => "context.delete",
        }
    }

    /// See [`crate::Command::resource`].
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::Register(register) => format!("subject/{}", register.subject),
            Self::DeleteVersion { subject, version, .. } => format!("subject/{subject}/version/{version}"),
            Self::DeleteSubject { subject, .. } => format!("subject/{subject}"),
            Self::DeleteContext { context } => format!("context/{context}"),
        }
    }

    /// See [`crate::Command::revised`].
    pub(crate) fn revised(&self) -> Option<BasisKey> {
        match self {
            Self::Register(Register { subject, .. }) | Self::DeleteSubject { subject, .. } => {
                Some(BasisKey::Subject(subject.clone()))
            }
            Self::DeleteVersion { subject, version, .. } => Some(BasisKey::Version(subject.clone(), *version)),
            Self::DeleteContext { .. } => None,
        }
    }

    /// See [`crate::Command::weight`].
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Register(register) => register.content.weight() + register.sent.as_ref().map_or(0, String::len),
            Self::DeleteVersion { .. } | Self::DeleteSubject { .. } | Self::DeleteContext { .. } => 0,
        }
    }
}

/// Is a deletion final, or does it only hide?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permanent {
    /// It hides; a second, permanent deletion may follow.
    No,
    /// It removes for good.
    Yes,
}

/// A registration, fully prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The subject.
    pub subject: Subject,
    /// What the id stands for.
    pub content: Content,
    /// The text as the client sent it, where it differs from the canonical text.
    pub sent: Option<String>,
    /// Which id and version to take.
    pub assign: Assign,
    /// The semantic version, from the diff to what was latest.
    pub semver: SemVer,
}

/// What a schema id stands for: canonical text with references, metadata and rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The content address, computed from the other fields by [`schema::guid_of`].
    pub guid: Guid,
    /// The format.
    pub format: Format,
    /// The canonical (or, where asked, normalised) text.
    pub text: String,
    /// References with pinned versions. Their subjects are as written; they are resolved in the referrer's context.
    pub references: Vec<Reference>,
    /// Business metadata.
    pub metadata: Option<Metadata>,
    /// Data-contract rules.
    pub rule_set: Option<RuleSet>,
    /// What the catalogue finds it by: names of fields and types, words, tags. Bounded, sorted, each once; no part of its
    /// identity.
    pub terms: Terms,
}

impl Content {
    /// Bytes of everything in it whose length a client decides. Terms follow from the text and have limits of their own.
    pub(crate) fn weight(&self) -> usize {
        let Self { guid: _, format: _, text, references, metadata, rule_set, terms: _ } = self;
        let references = references.iter().map(|reference| reference.name.len() + reference.subject.len() + 4);
        text.len()
            + references.sum::<usize>()
            + metadata.as_ref().map_or(0, metadata_bytes)
            + rule_set.as_ref().map_or(0, rule_set_bytes)
    }
}

/// Which id and version a registration takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assign {
    /// The next version; if the client named one, it must be that one (compare-and-set).
    Next {
        /// The version that the client named.
        expected: Option<Version>,
    },
    /// IMPORT and FORWARD mode: the client names the id, and perhaps the version.
    Import {
        /// The id.
        id: SchemaId,
        /// The version, where it is named.
        version: Option<Version>,
    },
}
