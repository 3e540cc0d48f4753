//! May this node start? One with an empty disk, or one that is to make a new cluster, asks the members of its configuration
//! first: a voter that forgot its vote must not come back as itself, and no cluster is made beside another one.

use std::time::Duration;

use proto::peer::{StatusRequest, StatusResponse};

use super::StartError;
use crate::config::Config;
use crate::consensus::{Network, ROLE_STARTING};

/// What follows from what the peers say of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The node may go on.
    Start,
    /// There is a cluster that counts on this node: it goes on as its member.
    Join,
    /// It must not.
    Refuse,
    /// Not enough was heard yet.
    Wait,
}

/// Decides whether a node with an empty disk may start, from what its peers say of themselves.
fn judge_empty_disk(node_id: u64, peers: usize, answers: &[StatusResponse]) -> Verdict {
    if answers.iter().any(|answer| answer.voters.contains(&node_id)) {
        return Verdict::Refuse;
    }
    let newest = answers.iter().filter(|answer| !answer.members.is_empty()).max_by_key(|answer| answer.last_log_index);
    if let Some(newest) = newest {
        // There is a cluster. One that lags may not know yet that we vote; among a majority of voters one does.
        let heard = answers.iter().filter(|answer| newest.voters.contains(&answer.node_id)).count();
        return if heard > newest.voters.len() / 2 { Verdict::Start } else { Verdict::Wait };
    }
    // Nobody knows a cluster: it is a new one, if everybody was heard.
    if answers.len() == peers { Verdict::Start } else { Verdict::Wait }
}

/// Decides whether a node may make a new cluster.
fn judge_bootstrap(node_id: u64, peers: usize, answers: &[StatusResponse]) -> Verdict {
    if answers.iter().any(|answer| answer.voters.contains(&node_id)) {
        return Verdict::Join;
    }
    if answers.iter().any(|answer| !answer.members.is_empty()) {
        return Verdict::Refuse;
    }
    // A peer that still looks at its empty disk would be told of a cluster that counts on it, and refuse to start.
    let admitted = answers.iter().filter(|answer| answer.role != ROLE_STARTING).count();
    if admitted == peers { Verdict::Start } else { Verdict::Wait }
}

/// How often peers are asked, at first and later, and how long for.
const ASK_INTERVAL_MIN: Duration = Duration::from_millis(10);
const ASK_INTERVAL_MAX: Duration = Duration::from_millis(200);
const ASK_TIME_MAX: Duration = Duration::from_millis(1_000);
/// Rounds of asking between two lines in the log.
const ASK_ROUNDS_PER_LINE: u32 = 25;

/// Asks the peers of the configuration until they have said enough.
async fn hear_members(
    config: &Config,
    network: &Network,
    judge: impl Fn(u64, usize, &[StatusResponse]) -> Verdict,
) -> Result<Verdict, StartError> {
    let node_id = config.node.id;
    let peers: Vec<_> = config.cluster.members.iter().filter(|member| member.id != node_id).collect();
    let mut rounds = 0_u32;
    let mut interval = ASK_INTERVAL_MIN;
    loop {
        let asked = peers.iter().copied().map(|peer| async move {
            let mut client = network.client(peer.id, &peer.peer_address).ok()?;
            let answer = tokio::time::timeout(ASK_TIME_MAX, client.status(StatusRequest {})).await.ok()?;
            Some((peer, answer.map(tonic::Response::into_inner)))
        });
        let mut answers = Vec::new();
        for (peer, answer) in futures::future::join_all(asked).await.into_iter().flatten() {
            match answer {
                Ok(answer) => answers.push(answer),
                Err(status) if status.code() == tonic::Code::PermissionDenied => {
                    return Err(StartError::Mismatch(format!(
                        "node {} at {} does not speak to this node: {}. Compare cluster.id and cluster.members",
                        peer.id,
                        peer.peer_address,
                        status.message()
                    )));
                }
                Err(_) => {}
            }
        }
        match judge(node_id, peers.len(), &answers) {
            Verdict::Wait => {}
            verdict => return Ok(verdict),
        }
        if rounds.is_multiple_of(ASK_ROUNDS_PER_LINE) {
            let is_missing =
                |peer: &&&crate::config::MemberConfig| !answers.iter().any(|answer| answer.node_id == peer.id);
            let missing: Vec<_> =
                peers.iter().filter(is_missing).map(|peer| format!("{} at {}", peer.id, peer.peer_address)).collect();
            let missing = missing.join(", ");
            tracing::info!(heard = answers.len(), of = peers.len(), %missing, "wait for the peers before the first start");
        }
        rounds += 1;
        tokio::time::sleep(interval).await;
        interval = (interval * 2).min(ASK_INTERVAL_MAX);
    }
}

/// Waits until it is certain that a node with an empty disk may start.
///
/// A voter that lost its disk has forgotten its vote and its log; under its old id it could help to elect a leader that
/// lacks acknowledged entries. So it is refused, and it comes back under a new id.
///
/// # Errors
/// [`StartError`] if the node must not start.
pub async fn admit_empty_disk(config: &Config, network: &Network) -> Result<(), StartError> {
    let node_id = config.node.id;
    match hear_members(config, network, judge_empty_disk).await? {
        Verdict::Start | Verdict::Join | Verdict::Wait => Ok(()),
        Verdict::Refuse => Err(StartError::Damaged(format!(
            "node {node_id} is a voter of this cluster, but its disk is empty: it has forgotten its vote and its \
             log. Remove it from the cluster (registryctl member remove {node_id}) and start it under a new \
             node id (registryctl member add)"
        ))),
    }
}

/// Waits until it is certain whether a new cluster may be made: true if so, false if there is one that counts on this node.
///
/// # Errors
/// [`StartError::Mismatch`] if there is a cluster without this node.
pub async fn admit_bootstrap(config: &Config, network: &Network) -> Result<bool, StartError> {
    match hear_members(config, network, judge_bootstrap).await? {
        Verdict::Start => Ok(true),
        Verdict::Join | Verdict::Wait => Ok(false),
        Verdict::Refuse => Err(StartError::Mismatch(format!(
            "--bootstrap makes a new cluster, but there is a cluster already and node {} is no voter of it. Start this \
             node without the flag and add it (registryctl member add)",
            config.node.id
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(node_id: u64, voters: &[u64]) -> StatusResponse {
        let voters = voters.to_vec();
        StatusResponse { node_id, members: voters.clone(), voters, ..StatusResponse::default() }
    }

    #[test]
    fn an_empty_disk_starts_only_where_it_cannot_vote_twice() {
        let new = |node_id| answer(node_id, &[]);
        let cluster = |node_id| answer(node_id, &[1, 2, 3]);
        assert_eq!(judge_empty_disk(1, 2, &[new(2), new(3)]), Verdict::Start);
        assert_eq!(judge_empty_disk(1, 2, &[new(2)]), Verdict::Wait);
        assert_eq!(judge_empty_disk(1, 2, &[new(2), cluster(3)]), Verdict::Refuse);
        assert_eq!(judge_empty_disk(4, 3, &[cluster(1)]), Verdict::Wait);
        assert_eq!(judge_empty_disk(4, 3, &[cluster(1), cluster(3)]), Verdict::Start);
        assert_eq!(judge_empty_disk(1, 0, &[]), Verdict::Start);
    }

    #[test]
    fn a_cluster_is_made_only_where_there_is_none_and_all_peers_have_started() {
        let admitted = |node_id| answer(node_id, &[]);
        let starting = StatusResponse { role: ROLE_STARTING.to_owned(), ..answer(3, &[]) };
        let cluster = answer(3, &[2, 3, 4]);
        assert_eq!(judge_bootstrap(1, 0, &[]), Verdict::Start);
        assert_eq!(judge_bootstrap(1, 2, &[admitted(2), admitted(3)]), Verdict::Start);
        assert_eq!(judge_bootstrap(1, 2, &[admitted(2), starting]), Verdict::Wait);
        assert_eq!(judge_bootstrap(1, 2, &[admitted(2)]), Verdict::Wait);
        assert_eq!(judge_bootstrap(1, 2, &[admitted(2), cluster.clone()]), Verdict::Refuse);
        assert_eq!(judge_bootstrap(2, 2, &[admitted(1), cluster]), Verdict::Join);
    }
}
