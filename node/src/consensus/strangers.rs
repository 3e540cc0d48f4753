//! Which nodes are not heard although their certificate is good: those that this node knows to be no members.
//!
//! A node that lags may not know a member yet that its cluster has taken in, and that member may be the leader which would
//! tell it. So a node judges only by what it has confirmed lately: a quorum's answer was applied here moments ago, and the
//! caller is not in the membership that it led to. A node without a membership waits to be taken in, and hears everybody of
//! its cluster. `Status` is answered to all of them: by it a node asks whether it may start, and whether it was removed.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a node has confirmed so lately is the truth about the membership. It asks every second.
const CONFIRMED_AGE_MAX: Duration = Duration::from_secs(3);

type Silence = Box<dyn Fn() -> Option<Duration> + Send + Sync>;

/// Who is known to be no member. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Members {
    silence: Arc<OnceLock<Silence>>,
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("silence", &self.silence.get().and_then(|silence| silence())).finish()
    }
}

impl Members {
    /// Learns how to find out how long ago a quorum confirmed what this node has applied.
    pub(super) fn judge_by(&self, silence: impl Fn() -> Option<Duration> + Send + Sync + 'static) {
        // Set once at the start; a second call would change nothing.
        drop(self.silence.set(Box::new(silence)));
    }

    /// Is it certain that a node is no member?
    pub(super) fn is_stranger(&self, node: u64, members: impl FnOnce() -> Vec<u64>) -> bool {
        let silence = self.silence.get().and_then(|silence| silence());
        is_stranger(node, &members(), silence)
    }
}

fn is_stranger(node: u64, members: &[u64], silence: Option<Duration>) -> bool {
    let is_confirmed = silence.is_some_and(|silence| silence <= CONFIRMED_AGE_MAX);
    is_confirmed && !members.is_empty() && !members.contains(&node)
}

/// Why a call of a peer is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is of another cluster.
    Cluster,
    /// It is for another node.
    Target,
    /// It claims to be of another node than its certificate.
    Identity,
    /// Its node is no member.
    Member,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Cluster, Self::Target, Self::Identity, Self::Member];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Target => "target",
            Self::Identity => "identity",
            Self::Member => "member",
        }
    }
}

/// How many calls of peers were refused, by reason. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Refusals {
    counts: Arc<[AtomicU64; Refusal::ALL.len()]>,
}

impl Refusals {
    /// How many there were.
    pub fn of(&self, refusal: Refusal) -> u64 {
        self.counter(refusal).load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, refusal: Refusal) {
        self.counter(refusal).fetch_add(1, Ordering::Relaxed);
    }

    fn counter(&self, refusal: Refusal) -> &AtomicU64 {
        let [cluster, target, identity, member] = &*self.counts;
        match refusal {
            Refusal::Cluster => cluster,
            Refusal::Target => target,
            Refusal::Identity => identity,
            Refusal::Member => member,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_members_knows_a_stranger() {
        let lately = Some(Duration::from_secs(1));
        assert!(is_stranger(4, &[1, 2, 3], lately));
        assert!(!is_stranger(3, &[1, 2, 3], lately));
        assert!(!is_stranger(4, &[1, 2, 3], Some(Duration::from_secs(4))), "the cluster may have taken it in");
        assert!(!is_stranger(4, &[1, 2, 3], None));
        assert!(!is_stranger(4, &[], lately), "a node that waits to be taken in");
    }
}
