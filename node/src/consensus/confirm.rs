//! The confirmation of a read: does a quorum still follow this leader, asked after the read began?
//!
//! openraft answers that from what it knows of its replication streams, too, and takes an answer there for one to every request
//! with the same last log id. A request that carries nothing but a commit has the log id of the entries before it, so a late
//! answer to those, from before an election elsewhere, counts as if it had been given after the read began. What a read rests on
//! is therefore asked here, with calls of their own: each answer belongs to its question.
//!
//! Why it is enough (Raft thesis, section 6.4): a leader of a later term needs the votes of a majority, and votes only grow. Whoever
//! accepts this leader's vote after the read began has not voted for a later one before, so when a quorum does, no later leader had
//! acknowledged anything when the read began.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{LinearizableReadError, RaftError};
use openraft::raft::AppendEntriesRequest;
use openraft::raft::linearizable_read::Linearizer;
use openraft::{LinearizerOption, ServerState};
use raft_store::types::TypeConfig;
use tonic::Status;

use super::convert::{append_to_wire, stream_result_from_wire};
use super::{Consensus, ReadIndexError};

impl Consensus {
    /// On the leader: an index that is not older than any write acknowledged before this call.
    pub(super) async fn local_linearizer(&self, limit: Duration) -> Result<Linearizer<TypeConfig>, ReadIndexError> {
        // The index and that this node leads come from openraft, that it still does from the others.
        let option = LinearizerOption::new(None, true).with_wait_timeout(limit);
        let index = async {
            self.raft.read_linearizer(option).await.map_err(|error| match error {
                RaftError::APIError(LinearizableReadError::ForwardToLeader(_)) => ReadIndexError::NoLeader,
                error => ReadIndexError::Unavailable(error.to_string()),
            })
        };
        let (linearizer, ()) = tokio::try_join!(index, self.confirm_leadership(limit))?;
        Ok(linearizer)
    }

    /// Asks the other voters until those who follow this leader are a majority, in both configurations of a joint one.
    async fn confirm_leadership(&self, limit: Duration) -> Result<(), ReadIndexError> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        if metrics.state != ServerState::Leader || !metrics.vote.is_committed() {
            return Err(ReadIndexError::NoLeader);
        }
        let membership = metrics.membership_config.membership();
        // No entries and no commit: nothing but the vote is looked at.
        let question =
            AppendEntriesRequest { vote: metrics.vote, prev_log_id: None, entries: Vec::new(), leader_commit: None };
        let others = membership.voter_ids().filter(|id| *id != self.node_id);
        let mut asked: FuturesUnordered<_> = others.map(|id| self.does_follow(id, &question, limit)).collect();
        let mut following = BTreeSet::from([self.node_id]);
        while !is_quorum(membership.get_joint_config(), &following) {
            match asked.next().await {
                Some(Ok(id)) => _ = following.insert(id),
                Some(Err(status)) => tracing::debug!(%status, "a voter does not confirm"),
                None => return Err(ReadIndexError::Unavailable(format!("only {following:?} follow this leader"))),
            }
        }
        Ok(())
    }

    /// Gives the id of a voter that accepts the vote in question.
    async fn does_follow(
        &self,
        id: u64,
        question: &AppendEntriesRequest<TypeConfig>,
        limit: Duration,
    ) -> Result<u64, Status> {
        let target = self.target_of(id).ok_or_else(|| Status::unavailable(format!("no address of node {id}")))?;
        let answer = self.peers.append(&target, append_to_wire(question), limit).await?;
        match stream_result_from_wire(answer)? {
            Ok(_) => Ok(id),
            Err(refusal) => Err(Status::failed_precondition(format!("node {id}: {refusal}"))),
        }
    }
}

fn is_quorum(configs: &[BTreeSet<u64>], ids: &BTreeSet<u64>) -> bool {
    configs.iter().all(|config| config.intersection(ids).count() * 2 > config.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_a_majority_of_every_configuration() {
        type Case = (&'static [&'static [u64]], &'static [u64], bool);
        let cases: [Case; 9] = [
            (&[&[1]], &[1], true),
            (&[&[1, 2, 3]], &[1], false),
            (&[&[1, 2, 3]], &[1, 3], true),
            (&[&[1, 2, 3, 4]], &[1, 2], false),
            (&[&[1, 2, 3, 4]], &[1, 2, 4], true),
            (&[&[1, 2, 3], &[3, 4, 5]], &[1, 2, 3], false),
            (&[&[1, 2, 3], &[3, 4, 5]], &[1, 3, 4], true),
            // A leader that is leaving counts where it is.
            (&[&[2, 3]], &[1, 2], false),
            (&[&[2, 3]], &[1, 2, 3], true),
        ];
        for (configs, ids, expected) in cases {
            let configs: Vec<BTreeSet<u64>> = configs.iter().map(|ids| ids.iter().copied().collect()).collect();
            assert_eq!(is_quorum(&configs, &ids.iter().copied().collect()), expected, "{configs:?} {ids:?}");
        }
    }
}
