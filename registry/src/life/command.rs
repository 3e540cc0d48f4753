//! What may be asked of a schema's life. Parsing and comparing is done before; apply sees reports and facts.

use crate::{BasisKey, Content, Decision, DraftId, SemVer, Subject, Version};

/// A change in the life of a draft or version of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeCommand {
    /// Whose.
    pub subject: Subject,
    /// Why, in the actor's words; some changes need it.
    pub reason: String,
    /// What.
    pub change: LifeChange,
}

/// What the preparer found out about a draft against the versions in use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The version that was latest then.
    pub base: Option<Version>,
    /// Does the level in force allow it?
    pub compatible: bool,
    /// Does it break readers or writers in a direction that counts? Then more approvals are needed.
    pub breaking: bool,
    /// What is incompatible, in sentences; bounded.
    pub messages: Vec<String>,
}

/// The text of a draft, and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftContent {
    /// What it would stand for.
    pub content: Content,
    /// The text as the client sent it, where it differs from the canonical text.
    pub sent: Option<String>,
    /// As of the preparation.
    pub report: Report,
}

/// What a [`LifeCommand`] changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum LifeChange {
    /// Begin a draft.
    Create { draft: DraftContent },
    /// Give a draft, or one whose changes were requested, another text.
    Revise { id: DraftId, draft: DraftContent },
    /// Submit a draft, or submit it again; with the report of this moment.
    Submit { id: DraftId, report: Report },
    /// Make a draft a version without review.
    Publish { id: DraftId, report: Report, semver: SemVer },
    /// Review.
    Review { id: DraftId, decision: Decision },
    /// Make an approved draft a version.
    Activate { id: DraftId, report: Report, semver: SemVer },
    /// Announce the end of a version; without a date, after the policy's notice.
    Deprecate { version: Version, sunset_ms: Option<u64>, successor: Option<Version> },
    /// Take the announcement back.
    Reinstate { version: Version },
    /// End a version. `force` overrides the sunset and registered consumers.
    Archive { version: Version, force: bool },
    /// Make an older version the latest again. `force` overrides schemas that refer to what is rolled back.
    RollBack { target: Version, force: bool },
    /// Take a rollback of one version back.
    Reactivate { version: Version },
    /// Take a version out of use at once.
    Quarantine { version: Version },
    /// Let a quarantined version back.
    Release { version: Version },
    /// Say that someone reads or writes these versions.
    PutConsumer { id: String, from: Version, to: Option<Version>, owner: String, contact: String },
    /// Take it back.
    RemoveConsumer { id: String },
}

impl LifeCommand {
    /// See [`crate::Command::action`].
    pub(crate) fn action(&self) -> &str {
        self.change.action()
    }

    /// See [`crate::Command::resource`].
    pub(crate) fn resource(&self) -> String {
        let below = match &self.change {
            LifeChange::Create { .. } => "/draft".to_owned(),
            LifeChange::Revise { id, .. }
            | LifeChange::Submit { id, .. }
            | LifeChange::Publish { id, .. }
            | LifeChange::Review { id, .. }
            | LifeChange::Activate { id, .. } => format!("/draft/{id}"),
            LifeChange::Deprecate { version, .. }
            | LifeChange::Reinstate { version }
            | LifeChange::Archive { version, .. }
            | LifeChange::RollBack { target: version, .. }
            | LifeChange::Reactivate { version }
            | LifeChange::Quarantine { version }
            | LifeChange::Release { version } => format!("/version/{version}"),
            LifeChange::PutConsumer { id, .. } | LifeChange::RemoveConsumer { id } => format!("/consumer/{id}"),
        };
        format!("subject/{}{below}", self.subject)
    }

    /// See [`crate::Command::revised`].
    pub(crate) fn revised(&self) -> BasisKey {
        let subject = self.subject.clone();
        match &self.change {
            LifeChange::Revise { id, .. }
            | LifeChange::Submit { id, .. }
            | LifeChange::Publish { id, .. }
            | LifeChange::Review { id, .. }
            | LifeChange::Activate { id, .. } => BasisKey::Draft(subject, *id),
            LifeChange::Deprecate { version, .. }
            | LifeChange::Reinstate { version }
            | LifeChange::Archive { version, .. }
            | LifeChange::Reactivate { version }
            | LifeChange::Quarantine { version }
            | LifeChange::Release { version } => BasisKey::Version(subject, *version),
            LifeChange::PutConsumer { id, .. } | LifeChange::RemoveConsumer { id } => {
                BasisKey::Consumer(subject, id.clone())
            }
            LifeChange::Create { .. } | LifeChange::RollBack { .. } => BasisKey::Subject(subject),
        }
    }

    /// See [`crate::Command::weight`].
    pub(crate) fn weight(&self) -> usize {
        let change = match &self.change {
            LifeChange::Create { draft } | LifeChange::Revise { draft, .. } => {
                draft.content.weight() + draft.sent.as_ref().map_or(0, String::len)
            }
            LifeChange::PutConsumer { id, owner, contact, from: _, to: _ } => id.len() + owner.len() + contact.len(),
            LifeChange::RemoveConsumer { id } => id.len(),
            LifeChange::Submit { .. }
            | LifeChange::Publish { .. }
            | LifeChange::Review { .. }
            | LifeChange::Activate { .. }
            | LifeChange::Deprecate { .. }
            | LifeChange::Reinstate { .. }
            | LifeChange::Archive { .. }
            | LifeChange::RollBack { .. }
            | LifeChange::Reactivate { .. }
            | LifeChange::Quarantine { .. }
            | LifeChange::Release { .. } => 0,
        };
        self.reason.len() + change
    }
}

impl LifeChange {
    /// A stable name for audit records, metrics and logs.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Create { .. } => "draft.create",
            Self::Revise { .. } => "draft.revise",
            Self::Submit { .. } => "draft.submit",
            Self::Publish { .. } => "draft.publish",
            Self::Review { decision: Decision::Approve, .. } => "draft.approve",
            Self::Review { decision: Decision::RequestChanges, .. } => "draft.request_changes",
            Self::Review { decision: Decision::Reject, .. } => "draft.reject",
            Self::Activate { .. } => "draft.activate",
            Self::Deprecate { .. } => "version.deprecate",
            Self::Reinstate { .. } => "version.reinstate",
            Self::Archive { .. } => "version.archive",
            Self::RollBack { .. } => "version.roll_back",
            Self::Reactivate { .. } => "version.reactivate",
            Self::Quarantine { .. } => "version.quarantine",
            Self::Release { .. } => "version.release",
            Self::PutConsumer { .. } => "consumer.put",
            Self::RemoveConsumer { .. } => "consumer.remove",
        }
    }
}
