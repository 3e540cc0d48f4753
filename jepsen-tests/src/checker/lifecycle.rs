//! The model of the lifecycle of schemas, written from the table in `docs/lifecycle.md`. No code of the product is in it. An action that
//! may be refused for several reasons may be refused with any of their codes.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{self, Model, SearchResult};
use crate::dump::Dump;
use crate::ops::family::{content_of, family};
use crate::ops::lifecycle::{Action, Decision, Invocation, Move, Operation, Output, State};

/// The registry's codes, as `docs/errors.md` lists them.
const INCOMPATIBLE: u32 = 40_901;
const SELF_REVIEW: u32 = 40_351;
const SUBJECT_NOT_FOUND: u32 = 40_401;
const VERSION_NOT_FOUND: u32 = 40_402;
const VERSION_SOFT_DELETED: u32 = 40_406;
const DRAFT_NOT_FOUND: u32 = 40_451;
const WRONG_STATE: u32 = 40_951;
const APPROVALS_MISSING: u32 = 40_953;
const REVISION_DIFFERS: u32 = 41_251;

/// The states whose newest version is `latest`, in the order of preference.
const LATEST_FIRST: [State; 5] =
    [State::Active, State::Deprecated, State::Quarantined, State::Archived, State::RolledBack];

/// The state that a transition of a version begins in, and the one it ends in.
fn transition_states(how: Move) -> (State, State) {
    match how {
        Move::Deprecate => (State::Active, State::Deprecated),
        Move::Reinstate => (State::Deprecated, State::Active),
        Move::Archive => (State::Deprecated, State::Archived),
        Move::Reactivate => (State::RolledBack, State::Active),
        Move::Quarantine => (State::Active, State::Quarantined),
        Move::Release => (State::Quarantined, State::Active),
    }
}

/// A revision: seen since the last change, or only known to be later than one that was seen before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Revision {
    Seen(u64),
    After(u64),
}

impl Revision {
    fn after_change(self) -> Self {
        match self {
            Self::Seen(revision) | Self::After(revision) => Self::After(revision),
        }
    }

    /// The revision after a read that showed it; `None` if it cannot be.
    fn after_read(self, revision: u64) -> Option<Self> {
        let possible = match self {
            Self::Seen(seen) => seen == revision,
            Self::After(before) => revision > before,
        };
        possible.then_some(Self::Seen(revision))
    }

    /// A process that asks for a revision has read it, so a revision that was not seen since the last change is an older one.
    fn matches_revision(self, asked: Option<u64>) -> bool {
        asked.is_none_or(|asked| self == Self::Seen(asked))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Draft {
    author: u32,
    state: State,
    breaking: bool,
    approvals: BTreeSet<u32>,
    version: u32,
    revision: Revision,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Version {
    content: u32,
    state: State,
    revision: Revision,
}

/// The drafts and versions of a subject that asks for reviews, at the level BACKWARD. Versions are numbered from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Lifecycle {
    drafts: BTreeMap<u32, Draft>,
    versions: Vec<Version>,
}

/// The effect of an action: the codes that it may be refused with, or its output and the state afterwards.
enum Effect {
    Refused(Vec<u32>),
    Done(Output, Lifecycle),
}

impl Lifecycle {
    fn find_version(&self, number: u32) -> Option<&Version> {
        self.versions.get((number as usize).checked_sub(1)?)
    }

    fn newest_in(&self, state: State) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.state == state)
    }

    /// Is a content compatible with what is in use? BACKWARD looks at the latest of it.
    fn is_compatible(&self, content: u32) -> bool {
        let in_use = self.newest_in(State::Active).or_else(|| self.newest_in(State::Deprecated));
        in_use.is_none_or(|version| family(version.content) == family(content))
    }

    fn is_breaking(&self, content: u32) -> bool {
        let latest = LATEST_FIRST.into_iter().find_map(|state| self.newest_in(state));
        latest.is_some_and(|version| family(version.content) != family(content)) || !self.is_compatible(content)
    }

    fn effect_of(&self, invocation: &Invocation) -> Effect {
        match invocation.action {
            Action::Create { draft } => {
                let mut after = self.clone();
                let (state, revision) = (State::Draft, Revision::After(0));
                let begun = Draft {
                    author: invocation.actor,
                    state,
                    breaking: false,
                    approvals: BTreeSet::new(),
                    version: 0,
                    revision,
                };
                after.drafts.insert(draft, begun);
                Effect::Done(Output::Done, after)
            }
            Action::Submit { draft } | Action::Review { draft, .. } | Action::Activate { draft } => {
                match self.drafts.get(&draft) {
                    Some(found) => self.advance_draft(invocation, draft, found),
                    None => Effect::Refused(vec![DRAFT_NOT_FOUND]),
                }
            }
            Action::Move { version, how } => self.move_version(invocation, version, how),
            Action::RollBack { target } => self.roll_back(target),
            Action::Delete { version } => self.delete_version(version),
            // Reads are judged by `step`.
            Action::ReadDraft { .. } | Action::ReadVersion { .. } => Effect::Done(Output::Done, self.clone()),
        }
    }

    fn advance_draft(&self, invocation: &Invocation, name: u32, draft: &Draft) -> Effect {
        let mut codes = Vec::new();
        let mut refuse = |condition: bool, code: u32| codes.extend(condition.then_some(code));
        refuse(!draft.revision.matches_revision(invocation.if_match), REVISION_DIFFERS);
        let mut after = Draft { revision: draft.revision.after_change(), ..draft.clone() };
        let mut output = Output::Done;
        let mut becomes = None;
        match invocation.action {
            Action::Submit { .. } => {
                refuse(!matches!(draft.state, State::Draft | State::ChangesRequested), WRONG_STATE);
                after.state = State::PendingReview;
                after.approvals.clear();
                after.breaking = self.is_breaking(name);
            }
            Action::Review { decision, .. } => {
                refuse(draft.state != State::PendingReview, WRONG_STATE);
                refuse(draft.author == invocation.actor, SELF_REVIEW);
                match decision {
                    Decision::Approve => {
                        refuse(!after.approvals.insert(invocation.actor), WRONG_STATE);
                        if after.approvals.len() >= approvals_needed(draft.breaking) {
                            after.state = State::Approved;
                        }
                    }
                    Decision::RequestChanges => after.state = State::ChangesRequested,
                    Decision::Reject => after.state = State::Rejected,
                }
            }
            _ => {
                refuse(draft.state != State::Approved, WRONG_STATE);
                refuse(draft.approvals.len() < approvals_needed(self.is_breaking(name)), APPROVALS_MISSING);
                refuse(!self.is_compatible(name), INCOMPATIBLE);
                let version = u32::try_from(self.versions.len() + 1).unwrap_or(u32::MAX);
                (after.state, after.version) = (State::Active, version);
                output = Output::Activated { version };
                becomes = Some(Version { content: name, state: State::Active, revision: Revision::After(0) });
            }
        }
        if !codes.is_empty() {
            return Effect::Refused(codes);
        }
        let mut life = self.clone();
        life.drafts.insert(name, after);
        life.versions.extend(becomes);
        Effect::Done(output, life)
    }

    /// The code of an action on a version that is not there.
    fn missing_code(&self, number: u32) -> Option<u32> {
        if self.versions.iter().all(|version| version.state == State::Deleted) {
            return Some(SUBJECT_NOT_FOUND);
        }
        let is_there = self.find_version(number).is_some_and(|version| version.state != State::Deleted);
        (!is_there).then_some(VERSION_NOT_FOUND)
    }

    fn move_version(&self, invocation: &Invocation, number: u32, how: Move) -> Effect {
        let (from, to) = transition_states(how);
        let mut codes: Vec<u32> = self.missing_code(number).into_iter().collect();
        let found = self.find_version(number);
        // Somebody who asks for the revision of something that is not there is refused for either reason.
        let is_at = found
            .map_or(invocation.if_match.is_none(), |version| version.revision.matches_revision(invocation.if_match));
        codes.extend((!is_at).then_some(REVISION_DIFFERS));
        if let Some(version) = found {
            codes.extend((version.state != from).then_some(WRONG_STATE));
            codes.extend((how == Move::Reactivate && !self.is_compatible(version.content)).then_some(INCOMPATIBLE));
        }
        if !codes.is_empty() {
            // A version that never was there is refused with either of two codes.
            codes.extend(found.is_none().then_some(VERSION_NOT_FOUND));
            return Effect::Refused(codes);
        }
        Effect::Done(Output::Done, self.with_state(number, to))
    }

    fn with_state(&self, number: u32, state: State) -> Self {
        let mut after = self.clone();
        if let Some(version) = (number as usize).checked_sub(1).and_then(|place| after.versions.get_mut(place)) {
            version.state = state;
            version.revision = version.revision.after_change();
        }
        after
    }

    fn roll_back(&self, target: u32) -> Effect {
        if let Some(code) = self.missing_code(target) {
            return Effect::Refused(vec![code]);
        }
        let above = |number: &u32| self.find_version(*number).is_some_and(|version| version.state == State::Active);
        let last = u32::try_from(self.versions.len()).unwrap_or(u32::MAX);
        let versions: Vec<u32> = (target + 1..=last).filter(above).collect();
        if !above(&target) || versions.is_empty() {
            return Effect::Refused(vec![WRONG_STATE]);
        }
        let after =
            versions.iter().fold(self.clone(), |lifecycle, version| lifecycle.with_state(*version, State::RolledBack));
        Effect::Done(Output::RolledBack { versions }, after)
    }

    fn delete_version(&self, number: u32) -> Effect {
        match self.find_version(number).map(|version| version.state) {
            None if self.versions.is_empty() => Effect::Refused(vec![SUBJECT_NOT_FOUND]),
            None => Effect::Refused(vec![VERSION_NOT_FOUND, SUBJECT_NOT_FOUND]),
            Some(State::Deleted) => Effect::Refused(vec![VERSION_SOFT_DELETED]),
            Some(State::RolledBack | State::Quarantined) => Effect::Refused(vec![WRONG_STATE]),
            Some(_) => Effect::Done(Output::Done, self.with_state(number, State::Deleted)),
        }
    }

    fn read_draft(&self, name: u32, output: &Output) -> Option<Self> {
        let Output::Draft { state, approvals, version, revision } = output else { return None };
        let draft = self.drafts.get(&name)?;
        let same = draft.state == *state && draft.version == *version && draft.approvals.iter().eq(approvals);
        let revision = draft.revision.after_read(*revision)?;
        let mut after = self.clone();
        after.drafts.insert(name, Draft { revision, ..draft.clone() });
        same.then_some(after)
    }

    fn read_version(&self, number: u32, output: &Output) -> Option<Self> {
        match (output, self.find_version(number)) {
            (Output::Refused { code }, None) => {
                let expected = if self.versions.is_empty() { SUBJECT_NOT_FOUND } else { VERSION_NOT_FOUND };
                (*code == expected).then(|| self.clone())
            }
            (Output::Version { state, revision }, Some(version)) if version.state == *state => {
                let mut after = self.clone();
                after.versions[number as usize - 1].revision = version.revision.after_read(*revision)?;
                Some(after)
            }
            _ => None,
        }
    }
}

/// Approvals that a draft needs.
fn approvals_needed(breaking: bool) -> usize {
    if breaking { 2 } else { 1 }
}

impl Model for Lifecycle {
    type Op = Invocation;
    type Output = Output;

    fn step(&self, invocation: &Invocation, output: Option<&Output>) -> (bool, Self) {
        let read = match (invocation.action, output) {
            (Action::ReadDraft { draft }, Some(output)) => Some(self.read_draft(draft, output)),
            (Action::ReadVersion { version }, Some(output)) => Some(self.read_version(version, output)),
            _ => None,
        };
        if let Some(after) = read {
            return after.map_or_else(|| (false, self.clone()), |after| (true, after));
        }
        match (self.effect_of(invocation), output) {
            (Effect::Done(_, after), None) => (true, after),
            (Effect::Refused(_), None) => (true, self.clone()),
            (Effect::Refused(codes), Some(Output::Refused { code })) => (codes.contains(code), self.clone()),
            (Effect::Done(expected, after), Some(output)) => (expected == *output, after),
            (Effect::Refused(_), Some(_)) => (false, self.clone()),
        }
    }
}

/// Searches all operations, subject by subject. A draft that no process learnt the id of cannot be seen by anybody, so its creation is
/// left out.
pub fn search_lifecycles(history: &[Operation]) -> SearchResult {
    let is_seen =
        |operation: &&Operation| operation.output.is_some() || !matches!(operation.op.action, Action::Create { .. });
    search::search_history::<Lifecycle>(history.iter().filter(is_seen).cloned())
}

/// Every node holds, as the version that the activation answered, the content that was drafted.
pub fn activation_faults(history: &[Operation], dumps: &BTreeMap<u64, Dump>) -> Vec<String> {
    let mut faults = Vec::new();
    for operation in history {
        let (Action::Activate { draft }, Some(Output::Activated { version })) =
            (operation.op.action, &operation.output)
        else {
            continue;
        };
        for (node, dump) in dumps {
            let text = dump.get(&(operation.object.clone(), *version)).map(|held| held.text.as_str());
            if text.and_then(|text| content_of(&operation.object, text)) != Some(draft) {
                faults.push(format!(
                    "I4: node {node} has {text:?} as version {version} of {}, not draft {draft}",
                    operation.object
                ));
            }
        }
    }
    faults
}

/// Actions that changed something, and actions that were refused: a history without both says nothing of races.
pub fn count_activity(history: &[Operation]) -> (usize, usize) {
    let is_refused = |operation: &&Operation| matches!(operation.output, Some(Output::Refused { .. }));
    let writes = || history.iter().filter(|operation| operation.op.action.is_write() && operation.output.is_some());
    let refused = writes().filter(is_refused).count();
    (writes().count() - refused, refused)
}
