//! What a semantic diff consists of.

use crate::compat::Level;

/// What happened to an element of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is in the new schema only.
    Added {
        /// What is there now.
        new: String,
    },
    /// It was in the old schema only.
    Removed {
        /// What was there.
        old: String,
    },
    /// It is in both, and not the same.
    Changed {
        /// What was there.
        old: String,
        /// What is there now.
        new: String,
    },
    /// It is the same at another place.
    Moved {
        /// Where it was.
        from: String,
    },
    /// It is the same under another name.
    Renamed {
        /// The name that it had.
        old: String,
        /// The name that it has now.
        new: String,
    },
}

/// One change between an old and a new schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where, in the notation of the format's compatibility paths.
    pub path: String,
    /// What kind of element: `field`, `type`, `default`, `symbol`, `property`, `constraint`, `doc`, …
    pub element: &'static str,
    /// What happened to it.
    pub kind: ChangeKind,
    /// New readers can no longer read what old writers wrote (breaks BACKWARD).
    pub breaks_backward: bool,
    /// Old readers can no longer read what new writers write (breaks FORWARD).
    pub breaks_forward: bool,
    /// Only documentation: no reader or writer notices.
    pub documentation: bool,
}

/// The step of the semantic version that follows from a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The schemas are equal.
    None,
    /// Documentation only.
    Patch,
    /// A compatible change.
    Minor,
    /// A breaking change in either direction that the level looks at.
    Major,
}

/// All changes from an old to a new schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// In document order.
    pub changes: Vec<Change>,
}

impl Diff {
    /// The semantic version step under a level: breaking in a direction that the level checks → major; any other
    /// change of meaning → minor; documentation only → patch. Under NONE and DISABLED both directions count as checked
    /// backward only, which is what a consumer cares about.
    pub fn step(&self, level: Level) -> Step {
        let (backward, forward) = match level {
            Level::None | Level::Disabled | Level::Backward | Level::BackwardTransitive => (true, false),
            Level::Forward | Level::ForwardTransitive => (false, true),
            Level::Full | Level::FullTransitive => (true, true),
        };
        let of = |change: &Change| {
            if (backward && change.breaks_backward) || (forward && change.breaks_forward) {
                Step::Major
            } else if change.documentation {
                Step::Patch
            } else {
                Step::Minor
            }
        };
        self.changes.iter().map(of).max().unwrap_or(Step::None)
    }
}
