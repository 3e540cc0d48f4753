//! What to try next, by what clients of a group have heard. Mostly what should work; sometimes anything. Nobody is judged by it.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;

use super::{Decision, Deed, Move, State, Step, Told};
use crate::ops::family::FAMILIES;
use crate::ops::mix::place;

/// Drafts that clients work on: the newest.
const DRAFTS_IN_WORK: usize = 3;

/// What clients of a group have heard of a subject: the states and revisions that were told last.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    drafts: Vec<HeardDraft>,
    versions: BTreeMap<u32, (State, Option<u64>)>,
    /// The ids of drafts.
    pub(super) ids: BTreeMap<u32, u64>,
}

#[derive(Debug, Clone)]
struct HeardDraft {
    draft: u32,
    state: State,
    revision: Option<u64>,
}

/// What a client tries next.
pub(super) fn choose(heard: &Heard, who: u32, fresh: u32, random: &mut StdRng) -> Deed {
    let create = |random: &mut StdRng| {
        // One of another family now and then: it cannot become active beside the others, and needs two reviewers.
        let family = if random.random_bool(0.2) { 1 } else { 0 };
        Deed { who, step: Step::Create { draft: fresh * FAMILIES + family }, if_match: None }
    };
    let drafts: Vec<&HeardDraft> = heard.drafts.iter().rev().take(DRAFTS_IN_WORK).collect();
    let open = drafts.iter().filter(|draft| !matches!(draft.state, State::Active | State::Rejected)).count();
    let sometimes = random.random_bool(0.35);
    let at = |revision: Option<u64>| revision.filter(|_| sometimes);
    match random.random_range(0..100) {
        _ if open == 0 => create(random),
        0..8 => create(random),
        8..62 => {
            let HeardDraft { draft, state, revision } = *drafts[random.random_range(0..drafts.len())];
            let review = |decision| Step::Review { draft, decision };
            let state = if random.random_bool(0.25) { random_state(random) } else { state };
            let step = match state {
                State::Draft | State::ChangesRequested => Step::Submit { draft },
                State::PendingReview => match place(&[80, 13, 7], random) {
                    0 => review(Decision::Approve),
                    1 => review(Decision::RequestChanges),
                    _ => review(Decision::Reject),
                },
                State::Approved => Step::Activate { draft },
                _ => Step::ReadDraft { draft },
            };
            Deed { who, step, if_match: at(revision).filter(|_| step.is_write()) }
        }
        62..68 => {
            let draft = drafts[random.random_range(0..drafts.len())].draft;
            Deed { who, step: Step::ReadDraft { draft }, if_match: None }
        }
        roll => {
            let known: Vec<_> = heard.versions.iter().collect();
            let (version, state, revision) = match known.len() {
                0 => (1, State::Active, None),
                _ if random.random_bool(0.08) => (random.random_range(1..9), random_state(random), None),
                count => {
                    let (version, (state, revision)) = known[random.random_range(0..count)];
                    (*version, *state, *revision)
                }
            };
            let step = if roll < 90 { of_version(version, state, random) } else { Step::ReadVersion { version } };
            let if_match = at(revision).filter(|_| matches!(step, Step::Move { .. }));
            Deed { who, step, if_match }
        }
    }
}

fn of_version(version: u32, state: State, random: &mut StdRng) -> Step {
    let go = |how| Step::Move { version, how };
    if random.random_bool(0.15) {
        return go(Move::ALL[random.random_range(0..Move::ALL.len())]);
    }
    match state {
        State::Active => match place(&[45, 20, 35], random) {
            0 => go(Move::Deprecate),
            1 => go(Move::Quarantine),
            _ => Step::RollBack { target: version },
        },
        State::Deprecated => go(if random.random_bool(0.6) { Move::Reinstate } else { Move::Archive }),
        State::RolledBack => go(Move::Reactivate),
        State::Quarantined => go(Move::Release),
        State::Archived => Step::Delete { version },
        _ => Step::ReadVersion { version },
    }
}

fn random_state(random: &mut StdRng) -> State {
    [State::Draft, State::PendingReview, State::Approved, State::Active][random.random_range(0..4)]
}

/// Takes in what an answer tells.
pub(super) fn hear(heard: &mut Heard, step: Step, told: Option<&Told>, id: u64) {
    let mut now = |draft: u32, state: State, revision: Option<u64>| {
        if let Some(known) = heard.drafts.iter_mut().find(|known| known.draft == draft) {
            (known.state, known.revision) = (state, revision);
        }
    };
    match (step, told) {
        (Step::Create { draft }, Some(Told::Done)) => {
            heard.ids.insert(draft, id);
            heard.drafts.push(HeardDraft { draft, state: State::Draft, revision: None });
        }
        (Step::Submit { draft }, Some(Told::Done)) => now(draft, State::PendingReview, None),
        (Step::Review { draft, decision }, Some(Told::Done)) => {
            let state = match decision {
                // Perhaps not yet: a breaking change needs two.
                Decision::Approve => State::Approved,
                Decision::RequestChanges => State::ChangesRequested,
                Decision::Reject => State::Rejected,
            };
            now(draft, state, None);
        }
        (Step::ReadDraft { draft }, Some(Told::Draft { state, revision, .. })) => now(draft, *state, Some(*revision)),
        (Step::Activate { draft }, Some(Told::Activated { version })) => {
            now(draft, State::Active, None);
            heard.versions.insert(*version, (State::Active, None));
        }
        // It is not approved, whatever was heard: approve it.
        (Step::Activate { draft }, Some(Told::Refused { .. })) => now(draft, State::PendingReview, None),
        (Step::Review { draft, .. }, Some(Told::Refused { .. })) => now(draft, State::Approved, None),
        (Step::Move { version, how }, Some(Told::Done)) => {
            let state = match how {
                Move::Deprecate => State::Deprecated,
                Move::Reinstate | Move::Reactivate | Move::Release => State::Active,
                Move::Archive => State::Archived,
                Move::Quarantine => State::Quarantined,
            };
            heard.versions.insert(version, (state, None));
        }
        (Step::RollBack { .. }, Some(Told::RolledBack { versions })) => {
            for version in versions {
                heard.versions.insert(*version, (State::RolledBack, None));
            }
        }
        (Step::Delete { version }, Some(Told::Done)) => drop(heard.versions.insert(version, (State::Deleted, None))),
        (Step::ReadVersion { version }, Some(Told::Version { state, revision })) => {
            heard.versions.insert(version, (*state, Some(*revision)));
        }
        _ => {}
    }
}
