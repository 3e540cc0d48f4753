//! Changes of the membership: one at a time, checked against who answers now, never automatic.
//!
//! A change is checked ([`Consensus::check_change`]), then made ([`Consensus::make_change`]), both while its maker holds the
//! [`Consensus::change_turn`]. One that broke off half-way (the leader died between its two steps) stays visible in
//! [`Standing`]; an operator finishes it or takes it back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::join_all;
use openraft::async_runtime::WatchReceiver;
use openraft::errors::{ChangeMembershipError, ClientWriteError, RaftError};
use openraft::{ChangeMembers, Precondition};
use proto::peer::StatusResponse;
use raft_store::types::Node;
use tonic::Code;

use super::quorum::{Report, find_lacking, joined_ids, judge_membership, removed_since};
use super::{Consensus, Role, Standing, Target, levels};
use crate::clock::Deadline;

/// A learner is promoted only when it lags by fewer entries than this.
const PROMOTE_LAG_MAX: u64 = 1_000;
/// How often figures are looked at while waiting for them.
const POLL: Duration = Duration::from_millis(50);
/// How long a node is asked whether it is there before the membership changes: a first connection included.
const ASK_TIME_MIN: Duration = Duration::from_secs(1);
/// Longest address or URL of a member: the longest name of a host, and its surroundings.
const ADDRESS_BYTES_MAX: usize = 512;

/// Why the membership was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum MembershipError {
    #[error("this node does not lead; the leader is {}", leader.map_or("not known".to_owned(), |id| format!("node {id}")))]
    NotLeader { leader: Option<u64> },
    #[error("node {id} is no member; the members are {members}")]
    Unknown { id: u64, members: String },
    #[error("{0}")]
    Refused(String),
    #[error(
        "{0} did not happen in time; it may still happen: `registryctl cluster status` shows whether a change is under way, \
         and `registryctl member finish` or `member take-back` ends one that is"
    )]
    TimedOut(String),
}

/// A change of the membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// Adds a node as a learner: it gets the log and the state, and has no vote.
    Add {
        /// Its id.
        id: u64,
        /// Where it is.
        node: Node,
    },
    /// Gives a member another address, URL, region or priority.
    Update {
        /// Its id.
        id: u64,
        /// Where it is now.
        node: Node,
    },
    /// Gives a learner that has caught up its vote.
    Promote {
        /// Its id.
        id: u64,
    },
    /// Takes a node out: its vote first, then its place.
    Remove {
        /// Its id.
        id: u64,
    },
    /// Finishes a change of the voters that broke off half-way.
    Finish,
    /// Takes back a change of the voters that broke off half-way.
    TakeBack,
}

impl MemberChange {
    /// Its name in audit records.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add { .. } => "cluster.member.add",
            Self::Update { .. } => "cluster.member.update",
            Self::Promote { .. } => "cluster.member.promote",
            Self::Remove { .. } => "cluster.member.remove",
            Self::Finish => "cluster.member.finish",
            Self::TakeBack => "cluster.member.take_back",
        }
    }

    /// The node that it is about.
    pub fn node_id(&self) -> Option<u64> {
        match self {
            Self::Add { id, .. } | Self::Update { id, .. } | Self::Promote { id } | Self::Remove { id } => Some(*id),
            Self::Finish | Self::TakeBack => None,
        }
    }

    /// What is wrong with it whoever the members are.
    pub fn first_fault(&self) -> Option<String> {
        match self {
            Self::Add { id, node } | Self::Update { id, node } => fault_of(*id, node, &BTreeMap::new()),
            Self::Promote { .. } | Self::Remove { .. } | Self::Finish | Self::TakeBack => None,
        }
    }

    /// The voters when it is made.
    fn voters_after(&self, sets: &[BTreeSet<u64>]) -> BTreeSet<u64> {
        let mut voters = sets.last().cloned().unwrap_or_default();
        match self {
            Self::Promote { id } => drop(voters.insert(*id)),
            Self::Remove { id } => drop(voters.remove(id)),
            Self::TakeBack => voters = sets.first().cloned().unwrap_or_default(),
            Self::Add { .. } | Self::Update { .. } | Self::Finish => {}
        }
        voters
    }
}

/// What is wrong with where a member says it is, before anybody is asked.
fn fault_of(id: u64, node: &Node, known: &BTreeMap<u64, Node>) -> Option<String> {
    let Node { peer_address, http_url, .. } = node;
    if id == 0 {
        return Some("node_id is a number from 1 on".to_owned());
    }
    if peer_address.len() > ADDRESS_BYTES_MAX || http_url.len() > ADDRESS_BYTES_MAX {
        return Some(format!("an address has at most {ADDRESS_BYTES_MAX} bytes"));
    }
    let is_address = |text: &str| match text.rsplit_once(':') {
        Some((host, port)) => {
            !host.is_empty()
                && !host.contains(['/', ' ', '@'])
                && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')))
                && port.parse::<u16>().is_ok_and(|port| port != 0)
        }
        None => false,
    };
    if !is_address(peer_address) {
        return Some(format!(
            "peer_address {peer_address:?} is no address: write host:port, for instance 10.0.0.4:18281"
        ));
    }
    let rest = http_url.strip_prefix("http://").or_else(|| http_url.strip_prefix("https://"));
    if !http_url.is_empty() && rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Some(format!("http_url {http_url:?} is no URL: write for instance http://10.0.0.4:18081"));
    }
    let mut others = known.iter().filter(|(known, _)| **known != id);
    let taken = others.find(|(_, other)| {
        other.peer_address == *peer_address || (!http_url.is_empty() && other.http_url == *http_url)
    });
    taken.map(|(other, _)| {
        format!("node {other} is a member at this address already: update or remove it first, or correct the address")
    })
}

impl Consensus {
    /// The turn to change the membership or the level: one at a time on this node.
    pub async fn change_turn(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.changes.clone().lock_owned().await
    }

    /// May the change be made? `named` are nodes that the operator knows not to answer, and wants passed over.
    ///
    /// # Errors
    /// [`MembershipError`] says what stands against it.
    pub async fn check_change(&self, change: &MemberChange, named: &BTreeSet<u64>) -> Result<(), MembershipError> {
        let standing = self.standing_if_leader()?;
        let refused = |why: String| Err(MembershipError::Refused(why));
        let ends_one = matches!(change, MemberChange::Finish | MemberChange::TakeBack);
        match (ends_one, standing.is_changing(), standing.voter_sets.len() > 1) {
            (true, false, _) => return refused("no change of the members is under way".to_owned()),
            (true, true, false) => return refused(format!("{}; wait for it", UNCOMMITTED)),
            (false, true, _) => {
                return refused(format!(
                    "a change of the members is under way ({}): finish it or take it back first",
                    standing.describe_change()
                ));
            }
            (true | false, ..) => {}
        }
        let answers = self.ask_everybody(&standing).await;
        let mut answering: BTreeSet<u64> = answers.iter().filter_map(|(id, ok)| ok.is_some().then_some(*id)).collect();
        answering.insert(self.node_id);
        match change {
            MemberChange::Add { id, node } => {
                if let Some(known) = standing.nodes.get(id) {
                    return if known == node {
                        Ok(())
                    } else {
                        refused(format!(
                            "node {id} is a member already, at {}: `registryctl member update {id}` gives it another \
                             address; an id is never used for another disk",
                            known.peer_address
                        ))
                    };
                }
                self.check_newcomer(*id, node, &standing.nodes, named).await?;
            }
            MemberChange::Update { id, node } => {
                self.check_known(*id, &standing)?;
                self.check_newcomer(*id, node, &standing.nodes, named).await?;
                answering.insert(*id);
            }
            MemberChange::Promote { id } => {
                self.check_known(*id, &standing)?;
                if standing.voters.contains(id) {
                    return Ok(());
                }
                if !answering.contains(id) {
                    return refused(format!("node {id} does not answer: only who answers is given a vote"));
                }
            }
            MemberChange::Remove { id } => {
                self.check_known(*id, &standing)?;
                if *id == self.node_id {
                    return refused("the leader does not remove itself: transfer the leadership first".to_owned());
                }
                if standing.voters == [*id] {
                    return refused("the last voter cannot be removed".to_owned());
                }
            }
            MemberChange::Finish | MemberChange::TakeBack => {}
        }
        let mut sets = standing.voter_sets.clone();
        sets.push(change.voters_after(&standing.voter_sets));
        match find_lacking(&sets, &answering, named) {
            Some((number, lacking)) => refused(lacking.in_words(number + 1 == sets.len())),
            None => Ok(()),
        }
    }

    /// Makes a change that was checked.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn make_change(&self, change: &MemberChange, deadline: Deadline) -> Result<(), MembershipError> {
        let standing = self.standing_if_leader()?;
        match change.clone() {
            MemberChange::Add { id, node } => {
                self.change_membership(ChangeMembers::AddNodes(BTreeMap::from([(id, node)])), true, deadline).await
            }
            MemberChange::Update { id, node } => {
                self.change_membership(ChangeMembers::SetNodes(BTreeMap::from([(id, node)])), true, deadline).await
            }
            MemberChange::Promote { id } => {
                if standing.voters.contains(&id) {
                    return Ok(());
                }
                while self.lag_of(id).is_none_or(|lag| lag > PROMOTE_LAG_MAX) {
                    if deadline.has_passed() {
                        return Err(MembershipError::Refused(format!(
                            "node {id} has not caught up: it lags by {} entries, and {PROMOTE_LAG_MAX} are allowed. It has \
                             no vote; try again later",
                            self.lag_of(id).map_or("an unknown number of".to_owned(), |lag| lag.to_string())
                        )));
                    }
                    tokio::time::sleep(POLL).await;
                }
                // It may have gone while it was waited for.
                if !self.is_reachable(id).await {
                    return Err(MembershipError::Refused(format!("node {id} does not answer: it has no vote")));
                }
                self.change_membership(ChangeMembers::AddVoterIds(BTreeSet::from([id])), true, deadline).await
            }
            MemberChange::Remove { id } => {
                if standing.voters.contains(&id) {
                    self.change_membership(ChangeMembers::RemoveVoters(BTreeSet::from([id])), true, deadline).await?;
                }
                self.change_membership(ChangeMembers::RemoveNodes(BTreeSet::from([id])), false, deadline).await
            }
            MemberChange::Finish | MemberChange::TakeBack => {
                let goal = change.voters_after(&standing.voter_sets);
                self.change_membership(ChangeMembers::ReplaceAllVoters(goal), true, deadline).await
            }
        }
    }

    /// Hands the leadership to a voter that has caught up, or to the best one, and reports who leads then.
    ///
    /// openraft's transfer cannot be undone and does not look at its target, so that is done here.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub async fn transfer_leader(&self, to: Option<u64>) -> Result<u64, MembershipError> {
        let standing = self.standing_if_leader()?;
        if let Some(id) = to {
            self.check_known(id, &standing)?;
        }
        let candidates = standing.voters.iter().copied().filter(|id| *id != self.node_id());
        let mut ready: Vec<_> = candidates
            .filter_map(|id| self.lag_of(id).map(|lag| (lag, id)))
            .filter(|(lag, _)| *lag <= PROMOTE_LAG_MAX)
            .collect();
        ready.sort_unstable();
        let target = match to {
            Some(id) if id == self.node_id() => return Ok(id),
            Some(id) if ready.iter().any(|(_, ready)| *ready == id) => id,
            Some(id) => return Err(MembershipError::Refused(format!("node {id} is no voter that has caught up"))),
            None => match ready.first() {
                Some((_, id)) => *id,
                None => return Err(MembershipError::Refused("no other voter has caught up".into())),
            },
        };
        if !self.is_reachable(target).await {
            return Err(MembershipError::Refused(format!("node {target} does not answer")));
        }
        let failed = |error: openraft::errors::Fatal<_>| MembershipError::Refused(error.to_string());
        self.raft.trigger().transfer_leader(target).await.map_err(failed)?;
        self.leader_changes(Some(self.node_id()), Duration::from_millis(2 * self.timing.election_ms_max + 1_000)).await;
        match self.leader_id() {
            Some(leader) if leader != self.node_id() => Ok(leader),
            Some(_) | None => Err(MembershipError::TimedOut("the transfer of the leadership".into())),
        }
    }

    /// Asks the members that this node knows whether it was removed, and remembers the answer. A removed node gets no more
    /// entries, so it never learns it from the log.
    ///
    /// Answers true where that is news.
    pub async fn look_whether_removed(&self) -> bool {
        let standing = self.standing();
        if !standing.nodes.contains_key(&self.node_id) || standing.role == Role::Leader {
            *self.removed_since.lock() = None;
            return false;
        }
        let report = |(node_id, answer): (u64, Option<StatusResponse>)| {
            let StatusResponse { committed_index: committed, voters, members, .. } = answer?;
            let set = |ids: Vec<u64>| ids.into_iter().collect();
            (node_id != self.node_id).then(|| Report { node_id, committed, voters: set(voters), members: set(members) })
        };
        let reports: Vec<_> = self.ask_everybody(&standing).await.into_iter().filter_map(report).collect();
        let verdict = judge_membership(self.node_id, standing.committed_index, &reports);
        let mut since = self.removed_since.lock();
        let before = *since;
        *since = removed_since(before, standing.committed_index, verdict);
        before.is_none() && since.is_some()
    }

    /// Does this node know that it was removed from its cluster?
    pub fn is_removed(&self) -> bool {
        self.removed_since.lock().is_some()
    }

    /// What each member says of itself now; this node is not asked.
    async fn ask_everybody(&self, standing: &Standing) -> Vec<(u64, Option<StatusResponse>)> {
        let asked = standing.nodes.keys().copied().filter(|id| *id != self.node_id).map(|id| async move {
            let answer = self.ask_status(id, self.ask_time()).await;
            (id, answer.and_then(Result::ok))
        });
        join_all(asked).await
    }

    /// Is a node there under this address, of this cluster, with this id, and with a program that knows the level?
    async fn check_newcomer(
        &self,
        id: u64,
        node: &Node,
        known: &BTreeMap<u64, Node>,
        named: &BTreeSet<u64>,
    ) -> Result<(), MembershipError> {
        let refused = |why: String| Err(MembershipError::Refused(why));
        if let Some(fault) = fault_of(id, node, known) {
            return refused(fault);
        }
        let target = Target { id, address: node.peer_address.clone() };
        let address = &node.peer_address;
        match self.peers.status(&target, self.ask_time()).await {
            Ok(status) => {
                let (supported, in_force) = (levels::reported_level(status.level_supported), self.level_in_force());
                if supported < in_force {
                    return refused(format!(
                        "node {id} at {address} runs version {}, which knows cluster levels up to {supported}; level \
                         {in_force} is in force: upgrade the node's program first",
                        status.version
                    ));
                }
                Ok(())
            }
            Err(status) if status.code() == Code::PermissionDenied => refused(format!(
                "the node at {address} is not node {id} of this cluster ({}): compare cluster.id and node.id there",
                status.message()
            )),
            Err(_) if named.contains(&id) => Ok(()),
            Err(status) => refused(format!(
                "node {id} at {address} does not answer ({}): start it first. Whoever knows better names it: without={id}",
                status.message()
            )),
        }
    }

    fn check_known(&self, id: u64, standing: &Standing) -> Result<(), MembershipError> {
        if standing.nodes.contains_key(&id) {
            return Ok(());
        }
        Err(MembershipError::Unknown { id, members: joined_ids(&standing.nodes.keys().copied().collect()) })
    }

    fn ask_time(&self) -> Duration {
        ASK_TIME_MIN.max(Duration::from_millis(self.timing.election_ms_max))
    }

    async fn is_reachable(&self, id: u64) -> bool {
        self.ask_status(id, self.ask_time()).await.is_some_and(|answer| answer.is_ok())
    }

    fn standing_if_leader(&self) -> Result<Standing, MembershipError> {
        let standing = self.standing();
        if standing.role == Role::Leader {
            Ok(standing)
        } else {
            Err(MembershipError::NotLeader { leader: standing.leader_id })
        }
    }

    /// Entries that a member still lacks; none if nothing was heard of it.
    fn lag_of(&self, id: u64) -> Option<u64> {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let matched = metrics.replication?.get(&id).copied().flatten()?.index();
        Some(metrics.last_log_index.unwrap_or(0).saturating_sub(matched))
    }

    async fn change_membership(
        &self,
        change: ChangeMembers<u64, Node>,
        retain: bool,
        deadline: Deadline,
    ) -> Result<(), MembershipError> {
        let seen = *self.raft.metrics().borrow_watched().membership_config.log_id();
        let only_if = Precondition::LastMembershipLogId { last_membership_log_id: seen };
        let changed = self.raft.change_membership(change, retain, only_if);
        let late = || MembershipError::TimedOut("the change of the membership".into());
        match tokio::time::timeout(deadline.time_left(), changed).await.map_err(|_| late())? {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(forward))) => {
                Err(MembershipError::NotLeader { leader: forward.leader_id })
            }
            Err(RaftError::APIError(ClientWriteError::LogEntryDiscarded(_))) => Err(late()),
            Err(RaftError::APIError(ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(_)))) => {
                Err(MembershipError::Refused(UNCOMMITTED.to_owned()))
            }
            Err(error) => Err(MembershipError::Refused(error.to_string())),
        }
    }
}

const UNCOMMITTED: &str = "an earlier change of the members is not decided yet: too few of its voters have it";

#[cfg(test)]
mod tests {
    use super::*;

    fn node(peer_address: &str, http_url: &str) -> Node {
        Node {
            peer_address: peer_address.to_owned(),
            http_url: http_url.to_owned(),
            region: String::new(),
            priority: 0,
        }
    }

    #[test]
    fn where_a_member_is_has_a_form_and_is_not_taken() {
        let known = BTreeMap::from([(1, node("a:1", "http://a:2")), (2, node("b:1", ""))]);
        for (id, address, url, part) in [
            (3, "c:1", "http://c:2", None),
            (3, "c:1", "", None),
            (3, "[::1]:1", "https://c", None),
            // A node may keep one of its addresses.
            (1, "a:1", "http://a:3", None),
            (0, "c:1", "", Some("node_id")),
            (3, "nonsense", "", Some("host:port")),
            (3, "c:0", "", Some("host:port")),
            (3, ":1", "", Some("host:port")),
            (3, "http://c:1", "", Some("host:port")),
            (3, "::1:1", "", Some("host:port")),
            (3, "c:1", "nonsense", Some("http_url")),
            (3, "c:1", "http://", Some("http_url")),
            (3, "a:1", "", Some("node 1 is a member at this address")),
            (3, "c:1", "http://a:2", Some("node 1 is a member at this address")),
        ] {
            let fault = fault_of(id, &node(address, url), &known);
            let is_as_expected = match (&fault, part) {
                (None, None) => true,
                (Some(fault), Some(part)) => fault.contains(part),
                _ => false,
            };
            assert!(is_as_expected, "{id} {address} {url}: {fault:?}");
        }
    }

    #[test]
    fn a_change_says_who_votes_afterwards() {
        let set = |ids: &[u64]| ids.iter().copied().collect::<BTreeSet<u64>>();
        let (one, joint) = (vec![set(&[1, 2, 3])], vec![set(&[1, 2, 3]), set(&[1, 2])]);
        assert_eq!(MemberChange::Promote { id: 4 }.voters_after(&one), set(&[1, 2, 3, 4]));
        assert_eq!(MemberChange::Remove { id: 3 }.voters_after(&one), set(&[1, 2]));
        assert_eq!(MemberChange::Update { id: 3, node: node("a:1", "") }.voters_after(&one), set(&[1, 2, 3]));
        assert_eq!(MemberChange::Finish.voters_after(&joint), set(&[1, 2]));
        assert_eq!(MemberChange::TakeBack.voters_after(&joint), set(&[1, 2, 3]));
    }
}
