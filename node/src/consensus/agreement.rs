//! Do the replicas agree? Each node compares its state digest with its peers' at one index, and takes itself out if a
//! majority of the members agree on another one. The damaged replica leaves, whoever leads.

use std::time::Duration;

use futures::future::join_all;
use proto::peer::StateDigestRequest;
use registry::LogIndex;

use super::Consensus;

/// How long a peer is asked for its digest.
const ASK_TIME_MAX: Duration = Duration::from_secs(2);

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// A majority of the members, this node included, has our digest.
    Agreed,
    /// Not enough peers could be compared.
    Unknown,
    /// A majority of the members has another digest: this replica is the one that is wrong.
    Outvoted,
}

/// Decides from our digest and those that peers gave.
fn judge_digests(members: usize, ours: &[u8], others: &[Vec<u8>]) -> Agreement {
    let majority = members / 2 + 1;
    let same = others.iter().filter(|digest| digest.as_slice() == ours).count();
    if same + 1 >= majority {
        return Agreement::Agreed;
    }
    let outvoted = others
        .iter()
        .any(|digest| digest.as_slice() != ours && others.iter().filter(|other| *other == digest).count() >= majority);
    if outvoted { Agreement::Outvoted } else { Agreement::Unknown }
}

impl Consensus {
    /// Compares this replica with the others at its newest index, or a little before it.
    pub async fn compare_replicas(&self) -> (LogIndex, Agreement) {
        let applied = self.state.applied_index();
        // A little behind, so that peers which lag a little can answer, too.
        let index = LogIndex(applied.0.saturating_sub(16).max(1));
        let Some(ours) = self.state.digest_at(index) else { return (index, Agreement::Unknown) };
        let standing = self.standing();
        let asked = standing.nodes.keys().filter(|id| **id != self.node_id).map(|id| async move {
            let target = self.target_of(*id)?;
            let asked = self.peers.state_digest(&target, StateDigestRequest { index: index.0 }, ASK_TIME_MAX);
            let digest = asked.await.ok()?.digest.to_vec();
            (!digest.is_empty()).then_some(digest)
        });
        let others: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        (index, judge_digests(standing.nodes.len(), &ours, &others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(members: usize, others: &[&[u8]], expected: Agreement) {
        let others: Vec<_> = others.iter().map(|digest| digest.to_vec()).collect();
        assert_eq!(judge_digests(members, b"a", &others), expected, "{members} members, others {others:?}");
    }

    #[test]
    fn only_a_replica_that_is_outvoted_leaves() {
        check(3, &[b"a", b"a"], Agreement::Agreed);
        check(3, &[b"a", b"b"], Agreement::Agreed);
        check(3, &[b"b", b"b"], Agreement::Outvoted);
        check(3, &[b"b"], Agreement::Unknown);
        check(3, &[b"b", b"c"], Agreement::Unknown);
        check(5, &[b"b", b"b", b"a"], Agreement::Unknown);
        check(5, &[b"b", b"b", b"b"], Agreement::Outvoted);
        check(1, &[], Agreement::Agreed);
    }
}
