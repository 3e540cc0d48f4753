//! Rows of associations.

use schema::Guid;

use crate::{LogIndex, Subject};

/// How closely a subject is tied to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lifecycle {
    /// The subject is the resource's alone, and may go with it.
    Strong,
    /// The resource uses the subject; others may, too.
    Weak,
}

impl Lifecycle {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Strong => "STRONG",
            Self::Weak => "WEAK",
        }
    }

    /// The lifecycle with this wire name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Strong, Self::Weak].into_iter().find(|lifecycle| lifecycle.name().eq_ignore_ascii_case(name))
    }
}

/// What subjects are associated with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Its own identity, which no other resource has.
    pub id: String,
    /// Its type, `topic`.
    pub kind: String,
    /// Its name inside the namespace.
    pub name: String,
    /// Where the name holds, a Kafka cluster.
    pub namespace: String,
}

/// A subject tied to a resource; there is one for each role (`key`, `value`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationRow {
    /// Its own identity.
    pub guid: Guid,
    /// The subject.
    pub subject: Subject,
    /// The resource.
    pub resource: Resource,
    /// What the subject is to the resource: `key` or `value`.
    pub role: String,
    /// How closely they are tied.
    pub lifecycle: Lifecycle,
    /// May it not be changed?
    pub frozen: bool,
    /// The entry that changed it last.
    pub modified_at: LogIndex,
}
