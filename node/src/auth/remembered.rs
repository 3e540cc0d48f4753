//! Decisions that a thread remembers: nothing here is shared between cores, and all of it ends with the epoch.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use proto::operations::Permission;
use registry::{Context, Principal, Subject};

use super::Target;
use super::compile::Compiled;

/// Decisions that a thread remembers at most; then it begins again. Some 200 bytes each.
const DECISIONS_MAX: usize = 8_192;

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Cluster,
    Context(Context),
    Subject(Subject),
}

impl About {
    fn is_about(&self, target: Target<'_>) -> bool {
        match (self, target) {
            (Self::Cluster, Target::Cluster) => true,
            (Self::Context(own), Target::Context(context)) => own == context,
            (Self::Subject(own), Target::Subject(subject)) => own == subject,
            (Self::Cluster | Self::Context(_) | Self::Subject(_), _) => false,
        }
    }

    fn of(target: Target<'_>) -> Self {
        match target {
            Target::Cluster => Self::Cluster,
            Target::Context(context) => Self::Context(context.clone()),
            Target::Subject(subject) => Self::Subject(subject.clone()),
        }
    }
}

struct Remembered {
    principal: Principal,
    permission: Permission,
    about: About,
    allowed: bool,
}

struct OfThread {
    instance: u64,
    epoch: u64,
    compiled: Arc<Compiled>,
    hasher: RandomState,
    decisions: HashMap<u64, Vec<Remembered>>,
    count: usize,
}

thread_local! {
    static OF_THREAD: RefCell<Option<OfThread>> = const { RefCell::new(None) };
}

/// What is known.
pub(super) enum Found {
    /// The decision.
    Decision(bool),
    /// What to evaluate.
    Compiled(Arc<Compiled>),
}

/// What the thread remembers of this epoch; `fetch` gives what is compiled where the epoch is new to it.
pub(super) fn find_decision(
    instance: u64,
    epoch: u64,
    fetch: impl FnOnce() -> Arc<Compiled>,
    principal: &Principal,
    permission: Permission,
    target: Target<'_>,
) -> Found {
    OF_THREAD.with_borrow_mut(|of_thread| {
        if let Some(known) = of_thread.as_ref().filter(|known| known.instance == instance && known.epoch == epoch) {
            let number = hash_of(&known.hasher, principal, permission, target);
            let found = known.decisions.get(&number).into_iter().flatten().find(|found| {
                found.permission == permission && found.about.is_about(target) && found.principal == *principal
            });
            return match found {
                Some(found) => Found::Decision(found.allowed),
                None => Found::Compiled(known.compiled.clone()),
            };
        }
        let compiled = fetch();
        let new = OfThread {
            instance,
            epoch,
            compiled: compiled.clone(),
            hasher: RandomState::new(),
            decisions: HashMap::new(),
            count: 0,
        };
        *of_thread = Some(new);
        Found::Compiled(compiled)
    })
}

/// Remembers a decision until the epoch ends.
pub(super) fn keep_decision(
    instance: u64,
    epoch: u64,
    principal: &Principal,
    permission: Permission,
    target: Target<'_>,
    allowed: bool,
) {
    OF_THREAD.with_borrow_mut(|of_thread| {
        let Some(known) = of_thread.as_mut() else { return };
        if known.instance != instance || known.epoch != epoch {
            return;
        }
        if known.count >= DECISIONS_MAX {
            known.decisions.clear();
            known.count = 0;
        }
        let number = hash_of(&known.hasher, principal, permission, target);
        let remembered = Remembered { principal: principal.clone(), permission, about: About::of(target), allowed };
        known.decisions.entry(number).or_default().push(remembered);
        known.count += 1;
    });
}

/// Where to look; equal numbers are told apart by what is remembered itself.
fn hash_of(hasher: &RandomState, principal: &Principal, permission: Permission, target: Target<'_>) -> u64 {
    let about = match target {
        Target::Cluster => ("", ""),
        Target::Context(context) => (context.as_str(), ""),
        Target::Subject(subject) => (subject.context.as_str(), subject.name.as_str()),
    };
    hasher.hash_one((principal.kind, &principal.name, permission, about))
}
