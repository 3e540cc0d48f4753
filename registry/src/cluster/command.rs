//! What may be asked of the cluster itself.

use crate::level;
use crate::limits::{OPERATION_DETAILS_MAX, OPERATION_TEXT_BYTES_MAX, TEXT_BYTES_MAX};

/// A change of what the cluster as a whole is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after their types")]
pub enum ClusterCommand {
    /// The first command of a cluster: mints its identity.
    Found { cluster_id: String },
    /// Take audit records before a position out of the state; their hashes stay, so proofs do too.
    ArchiveAudit { before: u64 },
    /// Keep an audit record of something that was done outside the state machine: membership, leadership, snapshots.
    RecordOperation(Operation),
    /// Put a level in force; never lowers it. See [`crate::level`].
    RaiseLevel { level: u8 },
}

/// An administrative operation that leaves a record and changes nothing in the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What was done, as in `cluster.member_add`; lower-case words with dots between.
    pub name: String,
    /// To what, as in `node/4`.
    pub resource: String,
    /// Facts in short: names and values.
    pub details: Vec<(String, String)>,
    /// What came of it: `ok`, or a reason in a few words.
    pub outcome: String,
    /// Why, in the actor's words.
    pub reason: String,
}

impl Operation {
    /// The outcome of an operation that has begun; any other outcome ends it.
    pub const BEGUN: &str = "begun";

    /// What is wrong with it, if anything is.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let Self { name, resource, details, outcome, reason } = self;
        let is_name_character = |byte: u8| matches!(byte, b'a'..=b'z' | b'_' | b'.');
        if name.is_empty() || name.len() > OPERATION_TEXT_BYTES_MAX || !name.bytes().all(is_name_character) {
            return Some("the name of an operation is of lower-case words with dots between");
        }
        if details.len() > OPERATION_DETAILS_MAX {
            return Some("an operation has at most 16 details");
        }
        let short = details.iter().flat_map(|(name, value)| [name, value]).chain([outcome]);
        let are_short = short.into_iter().all(|text| text.len() <= OPERATION_TEXT_BYTES_MAX);
        if !are_short || resource.len() > TEXT_BYTES_MAX || reason.len() > TEXT_BYTES_MAX {
            return Some("a text of the operation is too long");
        }
        None
    }

    /// The outcome with its details, as an audit record has them.
    pub(crate) fn summary(&self) -> String {
        let details = self.details.iter().map(|(name, value)| format!(" {name}={value}"));
        std::iter::once(self.outcome.clone()).chain(details).collect()
    }
}

impl ClusterCommand {
    /// See [`crate::Command::action`].
    pub(crate) fn action(&self) -> &str {
        match self {
            Self::Found { .. } => "cluster.found",
            Self::ArchiveAudit { .. } => "audit.archive",
            Self::RecordOperation(operation) => &operation.name,
            Self::RaiseLevel { .. } => "cluster.raise_level",
        }
    }

    /// See [`crate::Command::resource`].
    pub(crate) fn resource(&self) -> String {
        match self {
            Self::Found { cluster_id } => format!("cluster/{cluster_id}"),
            Self::ArchiveAudit { before } => format!("audit/{before}"),
            Self::RecordOperation(operation) => operation.resource.clone(),
            Self::RaiseLevel { level } => format!("level/{level}"),
        }
    }

    /// See [`crate::Command::reason`].
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::RecordOperation(operation) => &operation.reason,
            Self::Found { .. } | Self::ArchiveAudit { .. } | Self::RaiseLevel { .. } => "",
        }
    }

    /// See [`crate::Command::level`]. Whoever applies the entry that raises the level must know that level.
    pub(crate) fn level(&self) -> u8 {
        match self {
            Self::RaiseLevel { level } => *level,
            Self::Found { .. } | Self::ArchiveAudit { .. } | Self::RecordOperation(_) => level::BASE,
        }
    }

    /// See [`crate::Command::weight`].
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Found { cluster_id } => cluster_id.len(),
            Self::RecordOperation(Operation { name, resource, details, outcome, reason }) => {
                let details = details.iter().map(|(name, value)| name.len() + value.len());
                name.len() + resource.len() + outcome.len() + reason.len() + details.sum::<usize>()
            }
            Self::ArchiveAudit { .. } | Self::RaiseLevel { .. } => 0,
        }
    }
}
