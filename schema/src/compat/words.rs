//! What is asked of a comparison and what it answers, for the three formats and those who ask them.

/// How much a new version of a subject may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Anything goes.
    None,
    /// The new schema reads what the latest version wrote.
    Backward,
    /// The new schema reads what any version wrote.
    BackwardTransitive,
    /// The latest version reads what the new schema writes.
    Forward,
    /// Every version reads what the new schema writes.
    ForwardTransitive,
    /// Both directions against the latest version.
    Full,
    /// Both directions against every version.
    FullTransitive,
    /// The versions are frozen: nothing new is accepted (AWS Glue's DISABLED; Confluent has no such level).
    Disabled,
}

impl Level {
    /// The seven levels of the Confluent API, and [`Level::Disabled`] last.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
        Self::Disabled,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
            Self::Disabled => "DISABLED",
        }
    }

    /// The level with this wire name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    /// Does the level look at all versions, not only at the latest?
    pub fn is_transitive(self) -> bool {
        match self {
            Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive => true,
            Self::None | Self::Backward | Self::Forward | Self::Full | Self::Disabled => false,
        }
    }

    pub(super) fn directions(self) -> &'static [Direction] {
        match self {
            Self::None | Self::Disabled => &[],
            Self::Backward | Self::BackwardTransitive => &[Direction::Backward],
            Self::Forward | Self::ForwardTransitive => &[Direction::Forward],
            Self::Full | Self::FullTransitive => &[Direction::Forward, Direction::Backward],
        }
    }
}

/// Which of the two schemas reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The new schema reads, the old one wrote.
    Backward,
    /// The old schema reads, the new one wrote.
    Forward,
}

impl Direction {
    /// The words for (reader, writer) in messages.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Backward => ("new", "old"),
            Self::Forward => ("old", "new"),
        }
    }
}

/// Confluent's `compatibilityPolicy`. LOGICAL is refused at the edge until it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Policy {
    /// The default.
    #[default]
    Strict,
    /// JSON Schema only: additions to open content models are accepted.
    Lenient,
}

/// One difference between a reader and a writer, compatible or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The error type, for example `TYPE_MISMATCH` or `FIELD_REMOVED`.
    pub kind: &'static str,
    /// Where: a path in the notation of the format.
    pub path: String,
    /// Is it compatible under the policy asked for?
    pub compatible: bool,
    /// The element of `messages` that Confluent would print, with the words new and old filled in; empty if compatible.
    pub message: String,
}

/// Which differences somebody wants to see. A verdict needs no paths of what is compatible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Incompatible,
    /// As `Incompatible`, where a schema is compared so often that preparing it for that pays.
    IncompatibleOfMany,
}
