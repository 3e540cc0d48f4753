//! What an answer rests on.

use raft_store::state::Footprint;
use schema::Reference;

/// Can a lagging replica be wrong about it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only by not having it yet.
    Immutable,
    /// Yes.
    Mutable,
}

/// What an answer rests on: enough to tell later whether a read would give it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    pub(super) kind: Kind,
    pub(super) footprint: Footprint,
}

impl Provenance {
    /// That of an answer about a text that this replica knows: a newer state can only have made it untrue in a way that any
    /// client may see late.
    pub(super) fn of_known(footprint: Footprint) -> Self {
        Self { kind: Kind::Immutable, footprint }
    }

    /// That of an answer about a known text, if the answer depends on nothing but the request and the state: whoever names
    /// references must be allowed to read those, too.
    pub(super) fn if_repeatable(self, references: &[Reference]) -> Option<Self> {
        references.is_empty().then_some(self)
    }
}

/// What a read found, and what that rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked<T> {
    /// The answer.
    pub found: T,
    /// See [`Provenance`].
    pub provenance: Provenance,
}
