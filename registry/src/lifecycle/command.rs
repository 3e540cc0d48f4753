//! What may be asked of a schema's life. Parsing and comparing is done before; apply sees reports and facts.

use std::collections::BTreeSet;

use crate::command::Content;
use crate::semver::SemVer;
use crate::{DraftId, Subject, Version};

/// A step in the life of a draft or version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeStep {
    /// Whose.
    pub subject: Subject,
    /// Why, in the actor's words; some steps need it.
    pub reason: String,
    /// What.
    pub step: Step,
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

/// A reviewer's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Decision {
    Approve,
    RequestChanges,
    Reject,
}

impl Decision {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "APPROVE",
            Self::RequestChanges => "REQUEST_CHANGES",
            Self::Reject => "REJECT",
        }
    }

    /// The decision with this wire name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Approve, Self::RequestChanges, Self::Reject]
            .into_iter()
            .find(|decision| decision.name().eq_ignore_ascii_case(name))
    }
}

/// The steps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
pub enum Step {
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

impl Step {
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

    /// What it is about, below its subject.
    pub fn resource(&self) -> String {
        match self {
            Self::Create { .. } => "/draft".to_owned(),
            Self::Revise { id, .. }
            | Self::Submit { id, .. }
            | Self::Publish { id, .. }
            | Self::Review { id, .. }
            | Self::Activate { id, .. } => format!("/draft/{id}"),
            Self::Deprecate { version, .. }
            | Self::Reinstate { version }
            | Self::Archive { version, .. }
            | Self::RollBack { target: version, .. }
            | Self::Reactivate { version }
            | Self::Quarantine { version }
            | Self::Release { version } => format!("/version/{version}"),
            Self::PutConsumer { id, .. } | Self::RemoveConsumer { id } => format!("/consumer/{id}"),
        }
    }
}

/// Distinct reviewers who approved.
pub(crate) type Approvals = BTreeSet<String>;
