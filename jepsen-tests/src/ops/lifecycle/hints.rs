//! The generator of lifecycle actions: mostly actions that should succeed by what the processes of a group have seen last, sometimes
//! any action. No checker looks at it.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;

use super::{Action, Decision, Invocation, Move, Output, State};
use crate::ops::family::FAMILIES;
use crate::ops::generator::weighted_index;

/// Processes work on this many of the newest drafts.
const DRAFTS_IN_WORK: usize = 3;

/// The states and revisions of a subject's drafts and versions that a group saw last.
#[derive(Debug, Clone, Default)]
pub(super) struct LastKnown {
    drafts: Vec<KnownDraft>,
    versions: BTreeMap<u32, (State, Option<u64>)>,
    /// The ids of drafts.
    pub(super) ids: BTreeMap<u32, u64>,
}

#[derive(Debug, Clone)]
struct KnownDraft {
    draft: u32,
    state: State,
    revision: Option<u64>,
}

/// Generates the next action of a process.
pub(super) fn next_invocation(known: &LastKnown, actor: u32, fresh: u32, random: &mut StdRng) -> Invocation {
    let create = |random: &mut StdRng| {
        // One of another family now and then: it cannot become active beside the others, and needs two reviewers.
        let family = if random.random_bool(0.2) { 1 } else { 0 };
        Invocation { actor, action: Action::Create { draft: fresh * FAMILIES + family }, if_match: None }
    };
    let drafts: Vec<&KnownDraft> = known.drafts.iter().rev().take(DRAFTS_IN_WORK).collect();
    let open = drafts.iter().filter(|draft| !matches!(draft.state, State::Active | State::Rejected)).count();
    let sometimes = random.random_bool(0.35);
    let at = |revision: Option<u64>| revision.filter(|_| sometimes);
    match random.random_range(0..100) {
        _ if open == 0 => create(random),
        0..8 => create(random),
        8..62 => {
            let KnownDraft { draft, state, revision } = *drafts[random.random_range(0..drafts.len())];
            let review = |decision| Action::Review { draft, decision };
            let state = if random.random_bool(0.25) { random_state(random) } else { state };
            let action = match state {
                State::Draft | State::ChangesRequested => Action::Submit { draft },
                State::PendingReview => match weighted_index(&[80, 13, 7], random) {
                    0 => review(Decision::Approve),
                    1 => review(Decision::RequestChanges),
                    _ => review(Decision::Reject),
                },
                State::Approved => Action::Activate { draft },
                _ => Action::ReadDraft { draft },
            };
            Invocation { actor, action, if_match: at(revision).filter(|_| action.is_write()) }
        }
        62..68 => {
            let draft = drafts[random.random_range(0..drafts.len())].draft;
            Invocation { actor, action: Action::ReadDraft { draft }, if_match: None }
        }
        roll => {
            let known: Vec<_> = known.versions.iter().collect();
            let (version, state, revision) = match known.len() {
                0 => (1, State::Active, None),
                _ if random.random_bool(0.08) => (random.random_range(1..9), random_state(random), None),
                count => {
                    let (version, (state, revision)) = known[random.random_range(0..count)];
                    (*version, *state, *revision)
                }
            };
            let action =
                if roll < 90 { version_action(version, state, random) } else { Action::ReadVersion { version } };
            let if_match = at(revision).filter(|_| matches!(action, Action::Move { .. }));
            Invocation { actor, action, if_match }
        }
    }
}

fn version_action(version: u32, state: State, random: &mut StdRng) -> Action {
    let go = |how| Action::Move { version, how };
    if random.random_bool(0.15) {
        return go(Move::ALL[random.random_range(0..Move::ALL.len())]);
    }
    match state {
        State::Active => match weighted_index(&[45, 20, 35], random) {
            0 => go(Move::Deprecate),
            1 => go(Move::Quarantine),
            _ => Action::RollBack { target: version },
        },
        State::Deprecated => go(if random.random_bool(0.6) { Move::Reinstate } else { Move::Archive }),
        State::RolledBack => go(Move::Reactivate),
        State::Quarantined => go(Move::Release),
        State::Archived => Action::Delete { version },
        _ => Action::ReadVersion { version },
    }
}

fn random_state(random: &mut StdRng) -> State {
    [State::Draft, State::PendingReview, State::Approved, State::Active][random.random_range(0..4)]
}

/// Takes in an output.
pub(super) fn note_output(known: &mut LastKnown, action: Action, output: Option<&Output>, id: u64) {
    let mut now = |draft: u32, state: State, revision: Option<u64>| {
        if let Some(found) = known.drafts.iter_mut().find(|found| found.draft == draft) {
            (found.state, found.revision) = (state, revision);
        }
    };
    match (action, output) {
        (Action::Create { draft }, Some(Output::Done)) => {
            known.ids.insert(draft, id);
            known.drafts.push(KnownDraft { draft, state: State::Draft, revision: None });
        }
        (Action::Submit { draft }, Some(Output::Done)) => now(draft, State::PendingReview, None),
        (Action::Review { draft, decision }, Some(Output::Done)) => {
            let state = match decision {
                // Perhaps not yet: a breaking change needs two.
                Decision::Approve => State::Approved,
                Decision::RequestChanges => State::ChangesRequested,
                Decision::Reject => State::Rejected,
            };
            now(draft, state, None);
        }
        (Action::ReadDraft { draft }, Some(Output::Draft { state, revision, .. })) => {
            now(draft, *state, Some(*revision))
        }
        (Action::Activate { draft }, Some(Output::Activated { version })) => {
            now(draft, State::Active, None);
            known.versions.insert(*version, (State::Active, None));
        }
        // The draft is not approved, whatever was seen before: approve it.
        (Action::Activate { draft }, Some(Output::Refused { .. })) => now(draft, State::PendingReview, None),
        (Action::Review { draft, .. }, Some(Output::Refused { .. })) => now(draft, State::Approved, None),
        (Action::Move { version, how }, Some(Output::Done)) => {
            let state = match how {
                Move::Deprecate => State::Deprecated,
                Move::Reinstate | Move::Reactivate | Move::Release => State::Active,
                Move::Archive => State::Archived,
                Move::Quarantine => State::Quarantined,
            };
            known.versions.insert(version, (state, None));
        }
        (Action::RollBack { .. }, Some(Output::RolledBack { versions })) => {
            for version in versions {
                known.versions.insert(*version, (State::RolledBack, None));
            }
        }
        (Action::Delete { version }, Some(Output::Done)) => {
            known.versions.insert(version, (State::Deleted, None));
        }
        (Action::ReadVersion { version }, Some(Output::Version { state, revision })) => {
            known.versions.insert(version, (*state, Some(*revision)));
        }
        _ => {}
    }
}
