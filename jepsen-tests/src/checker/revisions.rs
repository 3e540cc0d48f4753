//! The model of a subject whose versions and policy are changed at revisions.
//!
//! A revision is a number that only the registry gives out; it changes with every change, and grows. The model learns it from reads.

use super::search::{self, Model, SearchResult};
use crate::ops::revisions::{Action, FUTURE, Op, Operation, Output};

/// The registry's codes (`docs/errors.md`).
const SUBJECT_NOT_FOUND: u32 = 40_401;
const VERSION_NOT_FOUND: u32 = 40_402;
const VERSION_SOFT_DELETED: u32 = 40_406;
const VERSION_NOT_SOFT_DELETED: u32 = 40_407;
/// The refusal of a change at another revision.
pub const REVISION_DIFFERS: u32 = 41_251;

/// A revision: seen since the last change, or only known to be later than one that was seen before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Revision {
    Seen(u64),
    After(u64),
}

impl Default for Revision {
    /// The revision of what was never set.
    fn default() -> Self {
        Self::Seen(0)
    }
}

impl Revision {
    fn after_change(self) -> Self {
        match self {
            Self::Seen(revision) | Self::After(revision) => Self::After(revision),
        }
    }

    /// The revision after a read that showed it; `None` if it cannot be.
    fn after_read(self, shown: u64) -> Option<Self> {
        let is_possible = match self {
            Self::Seen(seen) => seen == shown,
            Self::After(before) => shown > before,
        };
        is_possible.then_some(Self::Seen(shown))
    }

    /// A process that asks for a revision has read it, so a revision that was not seen since the last change is another one.
    fn matches_revision(self, asked: Option<u64>) -> bool {
        asked.is_none_or(|asked| asked != FUTURE && self == Self::Seen(asked))
    }
}

/// A version that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Row {
    number: u32,
    content: u32,
    is_deleted: bool,
    revision: Revision,
}

/// The state of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Revised {
    rows: Vec<Row>,
    last: u32,
    approvals: u32,
    has_policy: bool,
    policy: Revision,
}

impl Revised {
    fn find_row(&self, version: u32) -> Option<Row> {
        self.rows.iter().find(|row| row.number == version).copied()
    }

    /// The code of a version that is not there at all.
    fn missing_code(&self) -> u32 {
        if self.rows.is_empty() { SUBJECT_NOT_FOUND } else { VERSION_NOT_FOUND }
    }

    /// The codes that a write may be refused with; without any it is done.
    fn refusal_codes(&self, op: Op) -> Vec<u32> {
        let mut codes = Vec::new();
        let mut refuse = |condition: bool, code: u32| codes.extend(condition.then_some(code));
        match op.action {
            // Nobody reads the revision of the subject or its level here, so only the one in the future is named.
            Action::Register { .. } | Action::SetLevel { .. } => refuse(op.if_match.is_some(), REVISION_DIFFERS),
            Action::SetPolicy { .. } => refuse(!self.policy.matches_revision(op.if_match), REVISION_DIFFERS),
            Action::DeleteVersion { version, permanent } => match self.find_row(version) {
                None => {
                    refuse(true, self.missing_code());
                    refuse(op.if_match.is_some(), REVISION_DIFFERS);
                }
                Some(row) => {
                    refuse(!row.revision.matches_revision(op.if_match), REVISION_DIFFERS);
                    refuse(row.is_deleted && !permanent, VERSION_SOFT_DELETED);
                    refuse(!row.is_deleted && permanent, VERSION_NOT_SOFT_DELETED);
                }
            },
            Action::ReadVersion { .. } | Action::ReadPolicy => {}
        }
        codes
    }

    /// Applies a write that is not refused.
    fn apply_write(&self, action: Action) -> (Output, Self) {
        let mut after = self.clone();
        let output = match action {
            Action::Register { content } => {
                after.last += 1;
                let revision = Revision::After(0);
                after.rows.push(Row { number: after.last, content, is_deleted: false, revision });
                Output::Registered { version: after.last }
            }
            Action::DeleteVersion { version, permanent: false } => {
                for row in after.rows.iter_mut().filter(|row| row.number == version) {
                    (row.is_deleted, row.revision) = (true, row.revision.after_change());
                }
                Output::Done
            }
            Action::DeleteVersion { version, permanent: true } => {
                after.rows.retain(|row| row.number != version);
                if after.rows.is_empty() {
                    // The subject is gone and begins again at version 1; its policy goes with it.
                    after.last = 0;
                    if after.has_policy {
                        (after.approvals, after.has_policy) = (0, false);
                        after.policy = after.policy.after_change();
                    }
                }
                Output::Done
            }
            Action::SetPolicy { approvals } => {
                (after.approvals, after.has_policy, after.policy) = (approvals, true, after.policy.after_change());
                Output::Done
            }
            Action::SetLevel { .. } | Action::ReadVersion { .. } | Action::ReadPolicy => Output::Done,
        };
        (output, after)
    }

    /// The state after a read with this output; `None` if the output is impossible.
    fn after_read(&self, action: Action, output: &Output) -> Option<Self> {
        let mut after = self.clone();
        match (action, output) {
            (Action::ReadVersion { version }, Output::Refused { code }) => {
                (self.find_row(version).is_none() && *code == self.missing_code()).then_some(after)
            }
            (Action::ReadVersion { version }, Output::Version { is_deleted, content, revision }) => {
                let row = after.rows.iter_mut().find(|row| row.number == version)?;
                row.revision = row.revision.after_read(*revision)?;
                let is_right = row.is_deleted == *is_deleted && row.content == *content;
                is_right.then_some(after)
            }
            (Action::ReadPolicy, Output::Policy { approvals, revision }) => {
                after.policy = after.policy.after_read(*revision)?;
                (*approvals == self.approvals).then_some(after)
            }
            _ => None,
        }
    }
}

impl Model for Revised {
    type Op = Op;
    type Output = Output;

    fn step(&self, op: &Op, output: Option<&Output>) -> (bool, Self) {
        if let (Action::ReadVersion { .. } | Action::ReadPolicy, Some(output)) = (op.action, output) {
            let after = self.after_read(op.action, output);
            return after.map_or_else(|| (false, self.clone()), |after| (true, after));
        }
        let codes = self.refusal_codes(*op);
        match output {
            Some(Output::Refused { code }) => (codes.contains(code), self.clone()),
            _ if !codes.is_empty() => (output.is_none(), self.clone()),
            output => {
                let (expected, after) = self.apply_write(op.action);
                (output.is_none_or(|output| *output == expected), after)
            }
        }
    }
}

/// Searches all operations, subject by subject.
pub fn search_revisions(history: &[Operation]) -> SearchResult {
    search::search_history::<Revised>(history.iter().cloned())
}

/// Changes that were done at a revision, and changes that were refused because of one: without either the workload did nothing.
pub fn count_activity(history: &[Operation]) -> (usize, usize) {
    let done = |operation: &&Operation| {
        operation.op.if_match.is_some() && matches!(operation.output, Some(Output::Done | Output::Registered { .. }))
    };
    let refused = |operation: &&Operation| operation.output == Some(Output::Refused { code: REVISION_DIFFERS });
    (history.iter().filter(done).count(), history.iter().filter(refused).count())
}
