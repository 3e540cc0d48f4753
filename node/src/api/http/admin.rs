//! The admin API: the cluster's status, its members, its leader, snapshots, state digests.
//!
//! Changes of the membership are done by the leader; another node names it.

use proto::error_code as code;
use proto::peer::StatusRequest;
use proto::rest::{ClusterStatusBody, MemberBody, NodeStatusBody};
use raft_store::types::Node;
use registry::LogIndex;
use serde::Deserialize;
use serde_json::json;

use super::Front;
use super::reply::Reply;
use super::request::Request;
use crate::clock::Deadline;
use crate::consensus::MembershipError;
use crate::service::{Caller, ServiceError};

/// How long a member is asked for its status.
const STATUS_TIME_MAX: std::time::Duration = std::time::Duration::from_millis(1_000);
/// How long a learner may take to catch up before it is promoted.
const PROMOTE_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(60);

type Answer = Result<Reply, ServiceError>;

pub(super) async fn status(front: &Front) -> Reply {
    let consensus = front.service.consensus();
    let standing = consensus.standing();
    let mut nodes = Vec::new();
    for (id, node) in &standing.nodes {
        let mut body = NodeStatusBody { node_id: *id, region: node.region.clone(), ..NodeStatusBody::default() };
        body.http_url = Some(node.http_url.clone());
        nodes.push((*id, body));
    }
    let asked = nodes.into_iter().map(|(id, mut body)| async move {
        let Some(mut client) = consensus.client_of(id) else {
            body.error = Some("not a member".to_owned());
            return body;
        };
        match tokio::time::timeout(STATUS_TIME_MAX, client.status(StatusRequest {})).await {
            Ok(Ok(answer)) => {
                let answer = answer.into_inner();
                body.role = answer.role;
                body.term = answer.term;
                body.leader_id = (answer.leader_id != 0).then_some(answer.leader_id);
                body.last_log_index = answer.last_log_index;
                body.committed_index = answer.committed_index;
                body.applied_index = answer.applied_index;
                body.snapshot_index = answer.snapshot_index;
                body.purged_index = answer.purged_index;
                body.version = answer.version;
            }
            Ok(Err(status)) => body.error = Some(status.message().to_owned()),
            Err(_) => body.error = Some("does not answer".to_owned()),
        }
        body
    });
    let nodes = futures::future::join_all(asked).await;
    Reply::json(&ClusterStatusBody {
        cluster_id: front.service.config().cluster.id.clone(),
        voters: standing.voters,
        learners: standing.learners,
        nodes,
    })
}

pub(super) async fn add_member(front: &Front, request: &Request) -> Answer {
    let body: MemberBody = request.json()?;
    if body.node_id == 0 || body.peer_address.is_empty() {
        return Err(ServiceError::new(code::UNPROCESSABLE, "node_id and peer_address are needed"));
    }
    let MemberBody { node_id, peer_address, http_url, region, priority } = body;
    let node = Node { peer_address, http_url, region, priority };
    front.service.consensus().add_learner(node_id, node).await.map_err(|error| refused(&error))?;
    Ok(Reply::json(&json!({"added": node_id})))
}

pub(super) async fn promote(front: &Front, _: &Caller, id: &str) -> Answer {
    let id = node_id(id)?;
    let deadline = Deadline::after(PROMOTE_TIME_MAX);
    front.service.consensus().promote(id, deadline).await.map_err(|error| refused(&error))?;
    Ok(Reply::json(&json!({"promoted": id})))
}

pub(super) async fn remove(front: &Front, id: &str) -> Answer {
    let id = node_id(id)?;
    front.service.consensus().remove(id).await.map_err(|error| refused(&error))?;
    Ok(Reply::json(&json!({"removed": id})))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    to: Option<u64>,
}

pub(super) async fn transfer(front: &Front, request: &Request) -> Answer {
    let body: TransferBody = request.json()?;
    let leader = front.service.consensus().transfer_leader(body.to).await.map_err(|error| refused(&error))?;
    Ok(Reply::json(&json!({"leader_id": leader})))
}

pub(super) async fn snapshot(front: &Front) -> Answer {
    let taken = front.service.consensus().snapshot_now().await;
    taken.map_err(|error| ServiceError::internal("take a snapshot", &error))?;
    Ok(Reply::json(&json!({"asked": true})))
}

/// The state digest after an index, or the newest one: equal on all replicas at one index.
pub(super) fn state_hash(front: &Front, request: &Request) -> Answer {
    let state = front.service.consensus().state();
    let asked = request.query("index").map(str::parse::<u64>).transpose();
    let asked = asked.map_err(|_| ServiceError::new(code::UNPROCESSABLE, "index is a log index"))?;
    let found = match asked {
        Some(index) => state.digest_at(LogIndex(index)).map(|digest| (LogIndex(index), digest)),
        None => state.newest_digest(),
    };
    let Some((index, digest)) = found else {
        return Err(ServiceError::new(code::NOT_FOUND, "This node does not remember the digest at that index"));
    };
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Reply::json(&json!({"index": index.0, "digest": digest})))
}

fn node_id(text: &str) -> Result<u64, ServiceError> {
    text.parse().map_err(|_| ServiceError::new(code::NOT_FOUND, "No such node"))
}

fn refused(error: &MembershipError) -> ServiceError {
    match error {
        MembershipError::NotLeader { leader: None } => ServiceError::no_leader(),
        MembershipError::NotLeader { .. } => ServiceError::new(code::FORWARDING_FAILED, error.to_string()),
        MembershipError::Refused(_) => ServiceError::new(code::UNPROCESSABLE, error.to_string()),
        MembershipError::TimedOut(_) => ServiceError::timed_out(error.to_string()),
    }
}
