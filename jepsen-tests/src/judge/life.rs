//! The life of schemas, told again from the table of the design and `docs/lifecycle.md`, one step after another. No code of the
//! product is in it. A step that may be refused for several reasons may be refused with any of their codes.

use std::collections::{BTreeMap, BTreeSet};

use super::search::{self, Machine, Searched, Timed};
use super::unknowns::NEVER;
use crate::dump::Dump;
use crate::ops::family::{content_of, family};
use crate::ops::life::{Decision, Deed, Lived, Move, State, Step, Told};

/// The registry's codes, as `docs/errors.md` has them.
pub const INCOMPATIBLE: u32 = 40_901;
const SELF_REVIEW: u32 = 40_351;
const SUBJECT_NOT_FOUND: u32 = 40_401;
const VERSION_NOT_FOUND: u32 = 40_402;
const VERSION_SOFT_DELETED: u32 = 40_406;
const DRAFT_NOT_FOUND: u32 = 40_451;
const WRONG_STATE: u32 = 40_951;
const APPROVALS_MISSING: u32 = 40_953;
const REVISION_DIFFERS: u32 = 41_251;

/// Which state stands in for which as `latest`, best first.
const LATEST_FIRST: [State; 5] =
    [State::Active, State::Deprecated, State::Quarantined, State::Archived, State::RolledBack];

/// A transition of a version: from which state to which.
fn ends(how: Move) -> (State, State) {
    match how {
        Move::Deprecate => (State::Active, State::Deprecated),
        Move::Reinstate => (State::Deprecated, State::Active),
        Move::Archive => (State::Deprecated, State::Archived),
        Move::Reactivate => (State::RolledBack, State::Active),
        Move::Quarantine => (State::Active, State::Quarantined),
        Move::Release => (State::Quarantined, State::Active),
    }
}

/// A revision: told since the last change, or only known to be later than one that was told before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Revision {
    Told(u64),
    After(u64),
}

impl Revision {
    fn changed(self) -> Self {
        match self {
            Self::Told(revision) | Self::After(revision) => Self::After(revision),
        }
    }

    /// A read tells it; nothing if it cannot be.
    fn seen(self, revision: u64) -> Option<Self> {
        let possible = match self {
            Self::Told(told) => told == revision,
            Self::After(before) => revision > before,
        };
        possible.then_some(Self::Told(revision))
    }

    /// Who asks for a revision has read it, so one that was not told since the last change is an older one.
    fn is(self, asked: Option<u64>) -> bool {
        asked.is_none_or(|asked| self == Self::Told(asked))
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
pub struct Life {
    drafts: BTreeMap<u32, Draft>,
    versions: Vec<Version>,
}

/// What a step comes to: the codes that it may be refused with, or its answer and the state afterwards.
enum Comes {
    Refused(Vec<u32>),
    To(Told, Life),
}

impl Life {
    fn version(&self, number: u32) -> Option<&Version> {
        self.versions.get((number as usize).checked_sub(1)?)
    }

    fn newest(&self, state: State) -> Option<&Version> {
        self.versions.iter().rev().find(|version| version.state == state)
    }

    /// Is a content compatible with what is in use? BACKWARD looks at the latest of it.
    fn fits(&self, content: u32) -> bool {
        let in_use = self.newest(State::Active).or_else(|| self.newest(State::Deprecated));
        in_use.is_none_or(|version| family(version.content) == family(content))
    }

    fn breaks(&self, content: u32) -> bool {
        let latest = LATEST_FIRST.into_iter().find_map(|state| self.newest(state));
        latest.is_some_and(|version| family(version.content) != family(content)) || !self.fits(content)
    }

    fn comes(&self, deed: &Deed) -> Comes {
        match deed.step {
            Step::Create { draft } => {
                let mut after = self.clone();
                let (state, revision) = (State::Draft, Revision::After(0));
                let begun = Draft {
                    author: deed.who,
                    state,
                    breaking: false,
                    approvals: BTreeSet::new(),
                    version: 0,
                    revision,
                };
                after.drafts.insert(draft, begun);
                Comes::To(Told::Done, after)
            }
            Step::Submit { draft } | Step::Review { draft, .. } | Step::Activate { draft } => {
                match self.drafts.get(&draft) {
                    Some(found) => self.advance(deed, draft, found),
                    None => Comes::Refused(vec![DRAFT_NOT_FOUND]),
                }
            }
            Step::Move { version, how } => self.moved(deed, version, how),
            Step::RollBack { target } => self.rolled_back(target),
            Step::Delete { version } => self.deleted(version),
            // Reads are judged by `step`.
            Step::ReadDraft { .. } | Step::ReadVersion { .. } => Comes::To(Told::Done, self.clone()),
        }
    }

    fn advance(&self, deed: &Deed, name: u32, draft: &Draft) -> Comes {
        let mut codes = Vec::new();
        let mut refuse = |condition: bool, code: u32| codes.extend(condition.then_some(code));
        refuse(!draft.revision.is(deed.if_match), REVISION_DIFFERS);
        let mut after = Draft { revision: draft.revision.changed(), ..draft.clone() };
        let mut told = Told::Done;
        let mut becomes = None;
        match deed.step {
            Step::Submit { .. } => {
                refuse(!matches!(draft.state, State::Draft | State::ChangesRequested), WRONG_STATE);
                after.state = State::PendingReview;
                after.approvals.clear();
                after.breaking = self.breaks(name);
            }
            Step::Review { decision, .. } => {
                refuse(draft.state != State::PendingReview, WRONG_STATE);
                refuse(draft.author == deed.who, SELF_REVIEW);
                match decision {
                    Decision::Approve => {
                        refuse(!after.approvals.insert(deed.who), WRONG_STATE);
                        if after.approvals.len() >= needed(draft.breaking) {
                            after.state = State::Approved;
                        }
                    }
                    Decision::RequestChanges => after.state = State::ChangesRequested,
                    Decision::Reject => after.state = State::Rejected,
                }
            }
            _ => {
                refuse(draft.state != State::Approved, WRONG_STATE);
                refuse(draft.approvals.len() < needed(self.breaks(name)), APPROVALS_MISSING);
                refuse(!self.fits(name), INCOMPATIBLE);
                let version = u32::try_from(self.versions.len() + 1).unwrap_or(u32::MAX);
                (after.state, after.version) = (State::Active, version);
                told = Told::Activated { version };
                becomes = Some(Version { content: name, state: State::Active, revision: Revision::After(0) });
            }
        }
        if !codes.is_empty() {
            return Comes::Refused(codes);
        }
        let mut life = self.clone();
        life.drafts.insert(name, after);
        life.versions.extend(becomes);
        Comes::To(told, life)
    }

    /// Why a version is not there for a step.
    fn absent(&self, number: u32) -> Option<u32> {
        if self.versions.iter().all(|version| version.state == State::Deleted) {
            return Some(SUBJECT_NOT_FOUND);
        }
        let is_there = self.version(number).is_some_and(|version| version.state != State::Deleted);
        (!is_there).then_some(VERSION_NOT_FOUND)
    }

    fn moved(&self, deed: &Deed, number: u32, how: Move) -> Comes {
        let (from, to) = ends(how);
        let mut codes: Vec<u32> = self.absent(number).into_iter().collect();
        let found = self.version(number);
        // Somebody who asks for the revision of something that is not there is refused for either reason.
        let is_at = found.map_or(deed.if_match.is_none(), |version| version.revision.is(deed.if_match));
        codes.extend((!is_at).then_some(REVISION_DIFFERS));
        if let Some(version) = found {
            codes.extend((version.state != from).then_some(WRONG_STATE));
            codes.extend((how == Move::Reactivate && !self.fits(version.content)).then_some(INCOMPATIBLE));
        }
        if !codes.is_empty() {
            // What is not there at all is told in either of two ways.
            codes.extend(found.is_none().then_some(VERSION_NOT_FOUND));
            return Comes::Refused(codes);
        }
        Comes::To(Told::Done, self.with(number, to))
    }

    fn with(&self, number: u32, state: State) -> Self {
        let mut after = self.clone();
        if let Some(version) = (number as usize).checked_sub(1).and_then(|place| after.versions.get_mut(place)) {
            version.state = state;
            version.revision = version.revision.changed();
        }
        after
    }

    fn rolled_back(&self, target: u32) -> Comes {
        if let Some(code) = self.absent(target) {
            return Comes::Refused(vec![code]);
        }
        let above = |number: &u32| self.version(*number).is_some_and(|version| version.state == State::Active);
        let last = u32::try_from(self.versions.len()).unwrap_or(u32::MAX);
        let versions: Vec<u32> = (target + 1..=last).filter(above).collect();
        if !above(&target) || versions.is_empty() {
            return Comes::Refused(vec![WRONG_STATE]);
        }
        let after = versions.iter().fold(self.clone(), |life, version| life.with(*version, State::RolledBack));
        Comes::To(Told::RolledBack { versions }, after)
    }

    fn deleted(&self, number: u32) -> Comes {
        match self.version(number).map(|version| version.state) {
            None if self.versions.is_empty() => Comes::Refused(vec![SUBJECT_NOT_FOUND]),
            None => Comes::Refused(vec![VERSION_NOT_FOUND, SUBJECT_NOT_FOUND]),
            Some(State::Deleted) => Comes::Refused(vec![VERSION_SOFT_DELETED]),
            Some(State::RolledBack | State::Quarantined) => Comes::Refused(vec![WRONG_STATE]),
            Some(_) => Comes::To(Told::Done, self.with(number, State::Deleted)),
        }
    }

    fn read_draft(&self, name: u32, told: &Told) -> Option<Self> {
        let Told::Draft { state, approvals, version, revision } = told else { return None };
        let draft = self.drafts.get(&name)?;
        let same = draft.state == *state && draft.version == *version && draft.approvals.iter().eq(approvals);
        let revision = draft.revision.seen(*revision)?;
        let mut after = self.clone();
        after.drafts.insert(name, Draft { revision, ..draft.clone() });
        same.then_some(after)
    }

    fn read_version(&self, number: u32, told: &Told) -> Option<Self> {
        match (told, self.version(number)) {
            (Told::Refused { code }, None) => {
                let expected = if self.versions.is_empty() { SUBJECT_NOT_FOUND } else { VERSION_NOT_FOUND };
                (*code == expected).then(|| self.clone())
            }
            (Told::Version { state, revision }, Some(version)) if version.state == *state => {
                let mut after = self.clone();
                after.versions[number as usize - 1].revision = version.revision.seen(*revision)?;
                Some(after)
            }
            _ => None,
        }
    }
}

/// Approvals that a draft needs.
fn needed(breaking: bool) -> usize {
    if breaking { 2 } else { 1 }
}

impl Machine for Life {
    type Op = Deed;
    type Told = Told;

    fn step(&self, deed: &Deed, told: Option<&Told>) -> (bool, Self) {
        let read = match (deed.step, told) {
            (Step::ReadDraft { draft }, Some(told)) => Some(self.read_draft(draft, told)),
            (Step::ReadVersion { version }, Some(told)) => Some(self.read_version(version, told)),
            _ => None,
        };
        if let Some(after) = read {
            return after.map_or_else(|| (false, self.clone()), |after| (true, after));
        }
        match (self.comes(deed), told) {
            (Comes::To(_, after), None) => (true, after),
            (Comes::Refused(_), None) => (true, self.clone()),
            (Comes::Refused(codes), Some(Told::Refused { code })) => (codes.contains(code), self.clone()),
            (Comes::To(expected, after), Some(told)) => (expected == *told, after),
            (Comes::Refused(_), Some(_)) => (false, self.clone()),
        }
    }
}

/// Judges all steps, subject by subject. A step of unknown outcome counts as possible for ever, but for a draft that nobody
/// learnt the name of: nobody can see it, so it is left out.
pub fn search(history: &[Lived]) -> Searched {
    let is_seen = |lived: &&Lived| {
        lived.told.is_some() || (lived.deed.step.is_write() && !matches!(lived.deed.step, Step::Create { .. }))
    };
    search::search(history.iter().filter(is_seen).map(|lived| {
        let timed = Timed::<Life> {
            process: lived.process,
            node: lived.node,
            invoked: lived.invoked,
            returned: if lived.told.is_some() { lived.returned } else { NEVER },
            op: lived.deed,
            told: lived.told.clone(),
            is_write: lived.deed.step.is_write(),
        };
        (lived.subject.as_str(), timed)
    }))
}

/// What nodes hold of activated drafts: under the number that was told, the content that was drafted.
pub fn held(history: &[Lived], dumps: &BTreeMap<u64, Dump>) -> Vec<String> {
    let mut faults = Vec::new();
    for lived in history {
        let (Step::Activate { draft }, Some(Told::Activated { version })) = (lived.deed.step, &lived.told) else {
            continue;
        };
        for (node, dump) in dumps {
            let text = dump.get(&(lived.subject.clone(), *version)).map(|held| held.text.as_str());
            if text.and_then(|text| content_of(&lived.subject, text)) != Some(draft) {
                faults.push(format!(
                    "I4: node {node} has {text:?} as version {version} of {}, not draft {draft}",
                    lived.subject
                ));
            }
        }
    }
    faults
}

/// Steps that changed something, and those that were refused: a history without both says nothing of races.
pub fn liveliness(history: &[Lived]) -> (usize, usize) {
    let is_refused = |lived: &&Lived| matches!(lived.told, Some(Told::Refused { .. }));
    let writes = || history.iter().filter(|lived| lived.deed.step.is_write() && lived.told.is_some());
    let refused = writes().filter(is_refused).count();
    (writes().count() - refused, refused)
}
