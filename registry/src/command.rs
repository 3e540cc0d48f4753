//! What may be written to the log: commands, in envelopes.
//!
//! A command carries everything that apply needs, computed once by the node that prepared it: canonical text, guid,
//! pinned references, the merged configuration. Apply never parses or computes them again. Each domain has its own
//! commands; what can be asked of every command is here.

use crate::{
    AccessCommand, Actor, AssociationsCommand, Basis, BasisKey, CatalogCommand, ClusterCommand, FeedsCommand,
    LifeCommand, LogIndex, RequestId, RequestSource, SettingsCommand, TraceContext, level,
};

/// A command with what the leader and the edge know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Makes retries one effect.
    pub request_id: RequestId,
    /// Milliseconds since the Unix epoch, stamped once by the leader at propose.
    pub time_ms: u64,
    /// Who asked, as established at the edge.
    pub actor: Actor,
    /// The lowest level that understands the command, see [`Command::level`]: never the program's own.
    pub level: u8,
    /// The revision at which the client wants what it changes to be; see [`Command::revised`].
    pub if_revision: Option<LogIndex>,
    /// The trace that the request is part of.
    pub trace: Option<TraceContext>,
    /// Where the request came from; nothing below [`level::REQUEST_SOURCE`].
    pub source: Option<RequestSource>,
    /// What the preparer's verdict depended on.
    pub basis: Basis,
    /// What to do.
    pub command: Command,
}

/// A change that is asked for, by domain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[allow(missing_docs, reason = "each domain documents its own")]
pub enum Command {
    Catalog(CatalogCommand),
    Life(LifeCommand),
    Settings(SettingsCommand),
    Associations(AssociationsCommand),
    Feeds(FeedsCommand),
    Cluster(ClusterCommand),
    Access(AccessCommand),
}

impl Command {
    /// A stable name for audit records, metrics and logs.
    pub fn action(&self) -> &str {
        match self {
            Self::Catalog(command) => command.action(),
            Self::Life(command) => command.action(),
            Self::Settings(command) => command.action(),
            Self::Associations(command) => command.action(),
            Self::Feeds(command) => command.action(),
            Self::Cluster(command) => command.action(),
            Self::Access(command) => command.action(),
        }
    }

    /// What the command is about, for audit records and logs.
    pub fn resource(&self) -> String {
        match self {
            Self::Catalog(command) => command.resource(),
            Self::Life(command) => command.resource(),
            Self::Settings(command) => command.resource(),
            Self::Associations(command) => command.resource(),
            Self::Feeds(command) => command.resource(),
            Self::Cluster(command) => command.resource(),
            Self::Access(command) => command.resource(),
        }
    }

    /// Why, in the actor's words; empty where none is given.
    pub fn reason(&self) -> &str {
        match self {
            Self::Life(command) => &command.reason,
            Self::Cluster(command) => command.reason(),
            Self::Catalog(_) | Self::Settings(_) | Self::Associations(_) | Self::Feeds(_) | Self::Access(_) => "",
        }
    }

    /// What a client's revision is compared with: the thing that the command changes.
    pub fn revised(&self) -> Option<BasisKey> {
        match self {
            Self::Catalog(command) => command.revised(),
            Self::Life(command) => Some(command.revised()),
            Self::Settings(command) => Some(command.revised()),
            Self::Associations(_) | Self::Feeds(_) | Self::Cluster(_) | Self::Access(_) => None,
        }
    }

    /// The lowest level that understands the command with all that is set in it; see [`crate::level`].
    ///
    /// Only what came after the first level is named here. A test of the codec compares this with what the command needs
    /// as bytes.
    pub fn level(&self) -> u8 {
        match self {
            Self::Cluster(command) => command.level(),
            Self::Catalog(_)
            | Self::Life(_)
            | Self::Settings(_)
            | Self::Associations(_)
            | Self::Feeds(_)
            | Self::Access(_) => level::BASE,
        }
    }

    /// About how many bytes it takes in memory and in the log: everything in it whose length a client decides.
    pub fn weight(&self) -> usize {
        match self {
            Self::Catalog(command) => command.weight(),
            Self::Life(command) => command.weight(),
            Self::Settings(command) => command.weight(),
            Self::Associations(command) => command.weight(),
            Self::Feeds(command) => command.weight(),
            Self::Cluster(command) => command.weight(),
            Self::Access(command) => command.weight(),
        }
    }
}
