//! Succession: a leader whose process is gone is replaced at once, not after its lease has run out.
//!
//! When a process ends, its kernel closes its connections and refuses new ones. A follower whose stream from the leader
//! breaks, or which is asked for a pre-vote, therefore tries to connect: refused means that nobody listens there. It then
//! stops honouring the leader's lease and asks the others by pre-vote to succeed. Anything else (silence, a cut cable, a paused process) waits for the lease.
//!
//! Safety does not rest on this: votes count as ever, and no read relies on a lease. Stability does not suffer either: a
//! majority has to find the leader gone, as everybody else still honours the lease and refuses the pre-vote.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::raft::TransferLeaderRequest;
use raft_store::types::{Node, Vote};

use super::{Consensus, Target};

/// Pre-votes asked for before the election timeout is left to do its work.
const ATTEMPTS_MAX: u32 = 10;

/// A reign that may have ended: whose it was, and this node's place among those who may follow.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reign {
    vote: Vote,
    leader: Target,
    /// Successors before this node.
    place: u32,
}

/// The place of `own` among the voters that may follow `leader`: higher priority first, then lower id.
fn place_in_line<'a>(own: u64, leader: u64, voters: impl Iterator<Item = (u64, &'a Node)>) -> Option<u32> {
    let mut order: Vec<_> =
        voters.filter(|(id, _)| *id != leader).map(|(id, node)| (std::cmp::Reverse(node.priority), id)).collect();
    order.sort_unstable();
    order.iter().position(|(_, id)| *id == own).and_then(|place| u32::try_from(place).ok())
}

impl Consensus {
    /// Replaces leaders whose processes are gone, for as long as this node runs.
    pub async fn watch_succession(self) {
        loop {
            self.leader_doubted.notified().await;
            if let Some(reign) = self.observed_reign()
                && self.peers.is_gone(&reign.leader).await
            {
                self.stand_for_election(&reign).await;
            }
        }
    }

    /// The reign of another node under which this one is a voter.
    fn observed_reign(&self) -> Option<Reign> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let leader = metrics.current_leader.filter(|leader| *leader != self.node_id)?;
        let membership = metrics.membership_config.membership();
        let target = Target { id: leader, address: membership.get_node(&leader)?.peer_address.clone() };
        let voters = membership.voter_ids().filter_map(|id| Some((id, membership.get_node(&id)?)));
        let place = place_in_line(self.node_id, leader, voters)?;
        Some(Reign { vote: metrics.vote, leader: target, place })
    }

    async fn stand_for_election(&self, reign: &Reign) {
        tracing::info!(leader = reign.leader.id, term = self.current_term(), "the leader's process is gone");
        // Named as the successor of itself, the leader only loses its lease here; nobody is told to take over.
        let release = TransferLeaderRequest::new(reign.vote, reign.leader.id, None);
        if self.raft.handle_transfer_leader(release).await.is_err() {
            return;
        }
        let turn = Duration::from_millis(self.timing.heartbeat_ms);
        if self.reign_ends(reign, turn * reign.place).await {
            return;
        }
        for _ in 0..ATTEMPTS_MAX {
            if self.raft.trigger().elect(true).await.is_err() || self.reign_ends(reign, turn / 2).await {
                return;
            }
        }
    }

    /// Waits until another vote counts, at most this long.
    async fn reign_ends(&self, reign: &Reign, limit: Duration) -> bool {
        self.raft.wait(limit).metrics(|metrics| metrics.vote != reign.vote, "another vote").await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voters(priorities: &[(u64, u32)]) -> Vec<(u64, Node)> {
        priorities.iter().map(|(id, priority)| (*id, Node { priority: *priority, ..Node::default() })).collect()
    }

    fn check(own: u64, leader: u64, priorities: &[(u64, u32)], expected: Option<u32>) {
        let voters = voters(priorities);
        assert_eq!(
            place_in_line(own, leader, voters.iter().map(|(id, node)| (*id, node))),
            expected,
            "{own} after {leader}"
        );
    }

    #[test]
    fn voters_take_turns_by_priority_and_id() {
        let equal = [(1, 100), (2, 100), (3, 100)];
        check(2, 1, &equal, Some(0));
        check(3, 1, &equal, Some(1));
        check(1, 3, &equal, Some(0));
        let preferred = [(1, 50), (2, 100), (3, 200)];
        check(3, 1, &preferred, Some(0));
        check(2, 1, &preferred, Some(1));
        check(1, 2, &preferred, Some(1));
    }

    #[test]
    fn who_cannot_vote_cannot_follow() {
        check(4, 1, &[(1, 100), (2, 100), (3, 100)], None);
        check(1, 1, &[(1, 100)], None);
    }
}
