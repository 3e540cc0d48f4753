//! The cluster: its status, its members, its leader, snapshots; and what its status means.

use std::time::Duration;

use proto::rest::{ClusterStatusBody, MemberBody, NodeStatusBody};
use reqwest::Method;
use serde_json::{Value, json};

use crate::retry::Safety;
use crate::transport::Call;
use crate::{Client, ClientError};

/// A promotion waits until the learner has caught up, which the server bounds by a minute.
const MEMBERSHIP_TIME_MAX: Duration = Duration::from_secs(65);

/// What a status says about the cluster as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Voters that answered.
    pub voters_answering: usize,
    /// All voters.
    pub voters: usize,
    /// Who leads, if a majority of the voters answered and one of them leads.
    pub leader: Option<u64>,
}

impl Health {
    /// Reads a status.
    pub fn of(status: &ClusterStatusBody) -> Self {
        let answers = |id: &u64| status.nodes.iter().any(|node| node.node_id == *id && node.error.is_none());
        let (voters, voters_answering) = (status.voters.len(), status.voters.iter().filter(|id| answers(id)).count());
        let has_majority = voters_answering * 2 > voters;
        // After a partition two nodes may say that they lead; the higher term is right.
        let leaders = status.nodes.iter().filter(|node| node.error.is_none() && node.role == "leader");
        let leader = leaders.max_by_key(|node| node.term).map(|node| node.node_id).filter(|_| has_majority);
        Self { voters_answering, voters, leader }
    }

    /// Can changes be made?
    pub fn has_quorum(&self) -> bool {
        self.voters > 0 && self.voters_answering * 2 > self.voters
    }
}

/// Did a node answer that knows that it was removed? What it tells of the cluster is how it was then. Only of itself does a node
/// say so, and members do not list it any more.
fn is_of_removed_node(status: &ClusterStatusBody) -> bool {
    status.nodes.iter().any(|node| node.error.is_none() && node.role == "removed")
}

/// A change of the members.
fn change_call(method: Method, path: &str, without: &[u64]) -> Call {
    let ids: Vec<_> = without.iter().map(ToString::to_string).collect();
    let query = if ids.is_empty() { String::new() } else { format!("?without={}", ids.join(",")) };
    Call::new(method, format!("/v1/cluster/{path}{query}"), Safety::Once)
}

impl Client {
    /// The cluster as a node sees it: as a member does, where one answers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<ClusterStatusBody, ClientError> {
        let status: ClusterStatusBody = self.call(Call::read("/v1/cluster/status")).await?.json()?;
        if !is_of_removed_node(&status) {
            return Ok(status);
        }
        for url in self.shared.transport.urls() {
            match self.status_of(&url).await {
                Ok(other) if !is_of_removed_node(&other) => return Ok(other),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(status)
    }

    /// The status that one node gives, whichever this client would ask.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status_of(&self, url: &str) -> Result<ClusterStatusBody, ClientError> {
        let mut call = Call::read("/v1/cluster/status");
        call.only = Some(url.to_owned());
        self.call(call).await?.json()
    }

    /// A node's figures, in the text form of Prometheus.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn metrics_of(&self, url: &str) -> Result<String, ClientError> {
        let mut call = Call::read("/metrics");
        call.only = Some(url.to_owned());
        Ok(String::from_utf8_lossy(&self.call(call).await?.bytes).into_owned())
    }

    /// The headers of a node's answer: who it is, how fresh it is, what time it has. Names are in lower case.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn headers_of(&self, url: &str) -> Result<Vec<(String, String)>, ClientError> {
        let mut call = Call::read("/v1/metadata/version");
        call.only = Some(url.to_owned());
        let (_, answer) = self.shared.transport.open(&self.options, &call).await?;
        let text = |value: &reqwest::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Ok(answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect())
    }

    /// Is a node ready? If not, its own words why.
    ///
    /// # Errors
    /// [`ClientError`] if it does not answer at all.
    pub async fn readiness_of(&self, url: &str) -> Result<Result<(), String>, ClientError> {
        let mut call = Call::new(Method::GET, "/readyz", Safety::Once);
        call.only = Some(url.to_owned());
        match self.deadline(Duration::from_millis(1_500)).call(call).await {
            Ok(_) => Ok(Ok(())),
            Err(ClientError::Refused(refusal)) => Ok(Err(refusal.message.clone())),
            Err(error) => Err(error),
        }
    }

    /// Adds a running node as a learner. `without` names nodes that do not answer and are to be passed over, as in every
    /// change of the members.
    ///
    /// # Errors
    /// [`ClientError`]; a change of members is not repeated once it may have happened.
    pub async fn add_member(&self, member: &MemberBody, without: &[u64]) -> Result<(), ClientError> {
        self.on_leader(change_call(Method::POST, "members", without).json(member)?).await.map(drop)
    }

    /// Gives a member another address, URL, region or priority.
    ///
    /// # Errors
    /// As [`Client::add_member`].
    pub async fn update_member(&self, member: &MemberBody, without: &[u64]) -> Result<(), ClientError> {
        let path = format!("members/{}", member.node_id);
        self.on_leader(change_call(Method::PUT, &path, without).json(member)?).await.map(drop)
    }

    /// Gives a learner its vote, when it has caught up.
    ///
    /// # Errors
    /// As [`Client::add_member`].
    pub async fn promote_member(&self, id: u64, without: &[u64]) -> Result<(), ClientError> {
        self.on_leader(change_call(Method::POST, &format!("members/{id}/promote"), without)).await.map(drop)
    }

    /// Takes a node out of the cluster.
    ///
    /// # Errors
    /// As [`Client::add_member`].
    pub async fn remove_member(&self, id: u64, without: &[u64]) -> Result<(), ClientError> {
        self.on_leader(change_call(Method::DELETE, &format!("members/{id}"), without)).await.map(drop)
    }

    /// Finishes a change of the voters that broke off half-way.
    ///
    /// # Errors
    /// As [`Client::add_member`].
    pub async fn finish_member_change(&self, without: &[u64]) -> Result<(), ClientError> {
        self.on_leader(change_call(Method::POST, "change/finish", without)).await.map(drop)
    }

    /// Takes back a change of the voters that broke off half-way.
    ///
    /// # Errors
    /// As [`Client::add_member`].
    pub async fn take_back_member_change(&self, without: &[u64]) -> Result<(), ClientError> {
        self.on_leader(change_call(Method::POST, "change/take-back", without)).await.map(drop)
    }

    /// Hands the leadership over; answers who leads then.
    ///
    /// # Errors
    /// As [`Client::add_member`].
    pub async fn transfer_leader(&self, to: Option<u64>) -> Result<u64, ClientError> {
        let call = Call::new(Method::POST, "/v1/cluster/leader/transfer", Safety::Once).json(&json!({"to": to}))?;
        let answer = self.on_leader(call).await?;
        Ok(answer["leader_id"].as_u64().unwrap_or(0))
    }

    /// Asks the leader, or one node, to take a snapshot.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn take_snapshot(&self, url: Option<&str>) -> Result<(), ClientError> {
        let mut call = Call::new(Method::POST, "/v1/cluster/snapshot", Safety::Once);
        match url {
            Some(url) => {
                call.only = Some(url.to_owned());
                self.call(call).await.map(drop)
            }
            None => self.on_leader(call).await.map(drop),
        }
    }

    /// Changes of the cluster are done by its leader: finds it first.
    async fn on_leader(&self, mut call: Call) -> Result<Value, ClientError> {
        let status = self.status().await?;
        let leads = |node: &&NodeStatusBody| node.error.is_none() && node.role == "leader";
        let leader = status.nodes.iter().filter(leads).max_by_key(|node| node.term);
        call.only = leader.and_then(|leader| leader.http_url.clone());
        call.attempt_time_max = Some(MEMBERSHIP_TIME_MAX);
        self.call(call).await?.json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(voters: &[u64], answering: &[(u64, &str, u64)]) -> ClusterStatusBody {
        let nodes = voters.iter().map(|id| match answering.iter().find(|(answers, ..)| answers == id) {
            Some((id, role, term)) => {
                NodeStatusBody { node_id: *id, role: (*role).to_owned(), term: *term, ..NodeStatusBody::default() }
            }
            None => NodeStatusBody { node_id: *id, error: Some("gone".to_owned()), ..NodeStatusBody::default() },
        });
        ClusterStatusBody { voters: voters.to_vec(), nodes: nodes.collect(), ..ClusterStatusBody::default() }
    }

    #[test]
    fn a_removed_node_is_told_from_a_member() {
        assert!(is_of_removed_node(&status(&[1, 2], &[(1, "removed", 5), (2, "leader", 5)])));
        assert!(!is_of_removed_node(&status(&[1, 2], &[(1, "follower", 5), (2, "leader", 5)])));
    }

    #[test]
    fn a_leader_without_a_majority_leads_nobody() {
        for (voters, answering, quorum, leader) in [
            (&[1, 2, 3][..], &[(1, "leader", 5), (2, "follower", 5)][..], true, Some(1)),
            (&[1, 2, 3], &[(1, "leader", 5)], false, None),
            (&[1, 2, 3], &[(1, "leader", 5), (2, "leader", 6), (3, "follower", 6)], true, Some(2)),
            (&[1, 2, 3], &[(2, "candidate", 6), (3, "follower", 6)], true, None),
            (&[1, 2], &[(1, "leader", 1)], false, None),
            (&[], &[], false, None),
        ] {
            let health = Health::of(&status(voters, answering));
            assert_eq!((health.has_quorum(), health.leader), (quorum, leader), "{voters:?} {answering:?}");
        }
    }
}
