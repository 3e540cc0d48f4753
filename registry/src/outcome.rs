//! What a command came to. Every replica agrees on it, and a retry of the same request gets the same.

use crate::feed::{Feed, Sink};
use crate::reply::{Reply, code};
use crate::{
    AccessDone, AccessRefusal, AssociationsDone, AssociationsRefusal, BasisKey, CatalogDone, CatalogRefusal,
    ClusterDone, ClusterRefusal, FeedsDone, FeedsRefusal, LifeDone, LifeRefusal, LogIndex, SettingsDone,
    SettingsRefusal,
};

/// The answer of apply to one command.
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done(Done),
    /// It was refused; nothing was changed.
    Refused(Refusal),
    /// What the verdict rested on has changed since; nothing was changed. Prepare again at `index` or later. Never
    /// remembered under the request id: the retry after a new preparation must not be answered with it.
    Stale {
        /// What has changed.
        key: BasisKey,
        /// The entry that noticed.
        index: LogIndex,
    },
}

/// What was done, by domain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time; a box would only add a hop")]
#[allow(missing_docs, reason = "each domain documents its own")]
pub enum Done {
    Catalog(CatalogDone),
    Life(LifeDone),
    Settings(SettingsDone),
    Associations(AssociationsDone),
    Feeds(FeedsDone),
    Cluster(ClusterDone),
    Access(AccessDone),
}

/// Why a command was refused: a rule of a domain, or one that holds for every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A rule of the catalogue.
    Catalog(CatalogRefusal),
    /// A rule of the life of schemas.
    Life(LifeRefusal),
    /// A rule of settings.
    Settings(SettingsRefusal),
    /// A rule of associations.
    Associations(AssociationsRefusal),
    /// A rule of feeds.
    Feeds(FeedsRefusal),
    /// A rule of the cluster.
    Cluster(ClusterRefusal),
    /// What was asked to be at one revision is at another.
    RevisionDiffers {
        /// What the client has seen.
        asked: LogIndex,
        /// What is there.
        found: LogIndex,
    },
    /// A name or text is longer than it may be, or a range is empty.
    Invalid {
        /// A sentence.
        what: String,
    },
    /// A rule of access.
    Access(AccessRefusal),
}

macro_rules! domains {
    ($($domain:ident: $done:ident, $refusal:ident;)+) => {
        $(
            impl From<$done> for Done {
                fn from(done: $done) -> Self {
                    Self::$domain(done)
                }
            }

            impl From<$done> for Outcome {
                fn from(done: $done) -> Self {
                    Self::Done(Done::$domain(done))
                }
            }

            impl From<$refusal> for Refusal {
                fn from(refusal: $refusal) -> Self {
                    Self::$domain(refusal)
                }
            }

            impl From<$refusal> for Outcome {
                fn from(refusal: $refusal) -> Self {
                    Self::Refused(Refusal::$domain(refusal))
                }
            }
        )+

        impl Done {
            /// A stable name for audit records, metrics and logs.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$domain(done) => done.name()),+ }
            }
        }

        impl Feed for Done {
            fn feed(&self, sink: &mut Sink) {
                match self { $(Self::$domain(done) => done.feed(sink)),+ }
            }
        }

        impl Refusal {
            /// A stable name for audit records, metrics and logs.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$domain(refusal) => refusal.name(),)+
                    Self::RevisionDiffers { .. } => "revision_differs",
                    Self::Invalid { .. } => "invalid",
                }
            }

            /// What a client is told.
            pub fn reply(&self) -> Reply {
                match self {
                    $(Self::$domain(refusal) => refusal.reply(),)+
                    Self::RevisionDiffers { asked, found } => {
                        Reply::new(code::REVISION_DIFFERS, format!("It is at revision {found}, not {asked}"))
                    }
                    Self::Invalid { what } => Reply::new(code::UNPROCESSABLE, what.clone()),
                }
            }
        }

        impl Feed for Refusal {
            fn feed(&self, sink: &mut Sink) {
                match self {
                    $(Self::$domain(refusal) => refusal.feed(sink),)+
                    Self::RevisionDiffers { asked, found } => {
                        sink.bytes(self.name().as_bytes());
                        asked.feed(sink);
                        found.feed(sink);
                    }
                    Self::Invalid { what } => {
                        sink.bytes(self.name().as_bytes());
                        what.feed(sink);
                    }
                }
            }
        }
    };
}

domains! {
    Catalog: CatalogDone, CatalogRefusal;
    Life: LifeDone, LifeRefusal;
    Settings: SettingsDone, SettingsRefusal;
    Associations: AssociationsDone, AssociationsRefusal;
    Feeds: FeedsDone, FeedsRefusal;
    Cluster: ClusterDone, ClusterRefusal;
    Access: AccessDone, AccessRefusal;
}

impl From<Result<Done, Refusal>> for Outcome {
    fn from(answer: Result<Done, Refusal>) -> Self {
        match answer {
            Ok(done) => Self::Done(done),
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

impl Outcome {
    /// A stable name for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done(done) => done.name(),
            Self::Refused(refusal) => refusal.name(),
            Self::Stale { .. } => "stale",
        }
    }

    /// The outcome in one short line for the audit record.
    pub fn summary(&self) -> String {
        match self {
            Self::Done(done) => {
                let facts = done.facts();
                if facts.is_empty() { "ok".to_owned() } else { format!("ok {facts}") }
            }
            Self::Refused(refusal) => format!("refused {}", refusal.name()),
            Self::Stale { .. } => "stale".to_owned(),
        }
    }
}

impl Done {
    /// What an audit record says of it beside `ok`.
    fn facts(&self) -> String {
        match self {
            Self::Catalog(done) => done.facts(),
            Self::Life(done) => done.facts(),
            Self::Cluster(done) => done.facts(),
            Self::Settings(_) | Self::Associations(_) | Self::Feeds(_) | Self::Access(_) => String::new(),
        }
    }
}
