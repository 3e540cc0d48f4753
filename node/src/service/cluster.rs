//! The cluster: its status, its members, its leader, snapshots, digests of the state. Every change has an actor.
//!
//! Changes of the membership are done by the leader; another node names it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use proto::error_code as code;
use raft_store::types::Node;
use registry::limits::OPERATION_TEXT_BYTES_MAX;
use registry::{Actor, ClusterCommand, Command, LogIndex, Operation, Principal, RequestId, UnderWay, query};
use tokio::sync::watch;

use super::cache::{KNOWN_TEXTS_MAX, PARSED_TEXT_BYTES_MAX};
use super::{Caller, Consistency, Service, ServiceError, UNKEYED};
use crate::auth::Origin;
use crate::clock::Deadline;
use crate::consensus::{MemberChange, MembershipError, Role, Standing};
use crate::host::telemetry::Figures;
use crate::trace::TraceContext;

/// How long a member is asked for its status.
const STATUS_TIME_MAX: Duration = Duration::from_millis(1_000);
/// How long a change of the members may take, a learner's catching up included.
const CHANGE_TIME_MAX: Duration = Duration::from_secs(60);
/// How long an audit record may take. What it tells of is done, or waits for it.
const RECORD_TIME_MAX: Duration = Duration::from_secs(10);
/// Between two looks whether the level can be raised.
const LEVEL_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at the membership.
const MEMBERSHIP_INTERVAL: Duration = Duration::from_secs(1);
/// A node that a quorum confirmed something to so lately was not removed.
const SILENCE_WORTH_A_LOOK: Duration = Duration::from_secs(3);

/// A member as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Its node id.
    pub id: u64,
    /// The region that it stands in.
    pub region: String,
    /// Where clients reach it; empty if it is not known.
    pub http_url: String,
    /// What it says of itself, or why it says nothing.
    pub status: Result<MemberStatus, String>,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    pub role: String,
    pub term: u64,
    pub leader_id: Option<u64>,
    pub last_log_index: u64,
    pub committed_index: u64,
    pub applied_index: u64,
    pub snapshot_index: u64,
    pub purged_index: u64,
    pub version: String,
    /// The highest cluster level that its program knows.
    pub level_supported: u8,
    /// The level in force, as far as it has applied.
    pub level: u8,
}

/// A change of the members that is under way, or an operation on them that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeView {
    /// The sets of voters that have to agree: two while the voters change.
    pub voter_sets: Vec<BTreeSet<u64>>,
    /// Is the newest membership decided?
    pub decided: bool,
    /// What was begun, by whom and when, as far as the state tells.
    pub operation: Option<UnderWay>,
}

/// The cluster as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterView {
    /// The name of the cluster.
    pub cluster_id: String,
    /// The ids of the members with a vote.
    pub voters: Vec<u64>,
    /// The ids of the members without a vote.
    pub learners: Vec<u64>,
    /// What is under way.
    pub change: Option<ChangeView>,
    /// The level in force.
    pub level: u8,
    /// Does this node, if it leads, keep the level where it is?
    pub level_held: bool,
    /// All members.
    pub members: Vec<MemberView>,
}

impl Service {
    /// The id of the cluster.
    pub fn cluster_id(&self) -> &str {
        &self.inner.config.cluster.id
    }

    /// This node's id.
    pub fn node_id(&self) -> u64 {
        self.inner.consensus.node_id()
    }

    /// The term now.
    pub fn current_term(&self) -> u64 {
        self.inner.consensus.current_term()
    }

    /// What this node knows of itself and of the membership.
    pub fn consensus_standing(&self) -> Standing {
        self.inner.consensus.standing()
    }

    /// Every figure of this node, in the text format of Prometheus.
    pub fn metrics_text(&self) -> String {
        let (consensus, standing) = (&self.inner.consensus, self.consensus_standing());
        let mut store = [consensus.state().figures(), self.backup_figures()].concat();
        let mut gauge = |name: &str, meaning, value: usize| store.push((name.to_owned(), meaning, value as u64));
        let (parsed, text_bytes) = self.inner.parsed.size();
        gauge("parsed_schemas", "Parsed schemas kept", parsed);
        gauge(
            "parsed_schemas_text_bytes",
            "Bytes of their texts; parsed they take some twelve times as much",
            text_bytes,
        );
        gauge("parsed_schemas_text_bytes_max", "Limit of the bytes of their texts", PARSED_TEXT_BYTES_MAX);
        gauge("known_texts", "Texts whose content is known; each takes some 100 bytes", self.inner.known.len());
        gauge("known_texts_max", "Limit of the texts whose content is known", KNOWN_TEXTS_MAX);
        gauge("cluster_level", "The cluster level in force", consensus.level_in_force().into());
        gauge(
            "cluster_level_supported",
            "The highest cluster level this program knows",
            consensus.supported_level().into(),
        );
        gauge(
            "raft_membership_changing",
            "1 while a change of the members is under way or broke off",
            standing.is_changing().into(),
        );
        gauge("raft_removed", "1 on a node that was removed from its cluster", standing.removed.into());
        self.inner.metrics.render_text(&Figures {
            standing,
            hears_quorum: self.hears_quorum(),
            staleness_ms: self.mark().staleness_ms,
            store,
        })
    }

    /// Every member, each asked for its status at the same time.
    pub async fn cluster_view(&self) -> ClusterView {
        let standing = self.consensus_standing();
        let consensus = &self.inner.consensus;
        let operation = consensus.state().read(|view| query::machine(view).ok().and_then(|machine| machine.under_way));
        let change = (standing.is_changing() || operation.is_some()).then(|| ChangeView {
            voter_sets: standing.voter_sets.clone(),
            decided: standing.membership_decided,
            operation,
        });
        let asked = standing.nodes.into_iter().map(|(id, node)| async move {
            let Node { region, http_url, .. } = node;
            MemberView { id, region, http_url, status: self.status_of(id).await }
        });
        let members = futures::future::join_all(asked).await;
        let cluster_id = self.cluster_id().to_owned();
        ClusterView {
            cluster_id,
            voters: standing.voters,
            learners: standing.learners,
            change,
            level: consensus.level_in_force(),
            level_held: self.inner.config.cluster.hold_level,
            members,
        }
    }

    async fn status_of(&self, id: u64) -> Result<MemberStatus, String> {
        if id == self.node_id() {
            return Ok(self.own_status());
        }
        let answer = self.inner.consensus.ask_status(id, STATUS_TIME_MAX).await;
        let answer = answer.ok_or_else(|| "not a member".to_owned())?;
        let answer = answer.map_err(|status| status.message().to_owned())?;
        Ok(MemberStatus {
            role: answer.role,
            term: answer.term,
            leader_id: (answer.leader_id != 0).then_some(answer.leader_id),
            last_log_index: answer.last_log_index,
            committed_index: answer.committed_index,
            applied_index: answer.applied_index,
            snapshot_index: answer.snapshot_index,
            purged_index: answer.purged_index,
            version: answer.version,
            level_supported: u8::try_from(answer.level_supported).unwrap_or(u8::MAX),
            level: u8::try_from(answer.level).unwrap_or(u8::MAX),
        })
    }

    /// What this node says of itself. It does not ask itself over the network: it may not reach itself there.
    fn own_status(&self) -> MemberStatus {
        let (consensus, standing) = (&self.inner.consensus, self.consensus_standing());
        MemberStatus {
            role: standing.role_name().to_owned(),
            term: standing.term,
            leader_id: standing.leader_id,
            last_log_index: standing.last_log_index,
            committed_index: standing.committed_index,
            applied_index: standing.applied_index,
            snapshot_index: standing.snapshot_index,
            purged_index: standing.purged_index,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            level_supported: consensus.supported_level(),
            level: consensus.level_in_force(),
        }
    }

    /// Changes the members. It goes on where the caller is gone: half a change is worse than one that nobody waits for.
    /// `without` names nodes that do not answer and are to be passed over.
    ///
    /// # Errors
    /// [`code::UNPROCESSABLE`] for what must not be done now, [`code::NOT_FOUND`] for a node that is no member,
    /// [`code::FORWARDING_FAILED`] and [`code::NO_LEADER`] if another node leads, or none, [`code::TIMEOUT`] where the
    /// outcome is not known.
    pub async fn change_members(
        &self,
        caller: &Caller,
        change: MemberChange,
        without: BTreeSet<u64>,
    ) -> Result<(), ServiceError> {
        if let Some(fault) = change.first_fault() {
            return Err(refused_error(&MembershipError::Refused(fault)));
        }
        let (service, caller) = (self.clone(), caller.clone());
        let changed = tokio::spawn(async move {
            let consensus = &service.inner.consensus;
            let _turn = consensus.change_turn().await;
            let mut operation = Operation {
                name: change.name().to_owned(),
                resource: change.node_id().map_or_else(|| "cluster".to_owned(), member_name),
                details: details_of(&change, &without),
                outcome: Operation::BEGUN.to_owned(),
                reason: String::new(),
            };
            consensus.check_change(&change, &without).await.map_err(|error| refused_error(&error))?;
            service.record_operation(&caller, operation.clone()).await?;
            let done = consensus.make_change(&change, Deadline::after(CHANGE_TIME_MAX)).await;
            operation.outcome = outcome_of(&done);
            service.record_ended(&caller, operation).await;
            done.map_err(|error| refused_error(&error))
        });
        changed.await.unwrap_or_else(|error| Err(ServiceError::internal("change the members", &error)))
    }

    /// Hands the leadership to a node, or to the best one; answers who leads then.
    ///
    /// # Errors
    /// As [`Service::change_members`], and [`code::TIMEOUT`] if nobody has taken it.
    pub async fn transfer_leader(&self, caller: &Caller, to: Option<u64>) -> Result<u64, ServiceError> {
        let done = self.inner.consensus.transfer_leader(to).await;
        if !matches!(done, Err(MembershipError::NotLeader { .. })) {
            let details = done.as_ref().ok().map(|leader| ("leader".to_owned(), leader.to_string()));
            let operation = Operation {
                name: "cluster.leader.transfer".to_owned(),
                resource: to.map_or_else(|| "cluster".to_owned(), member_name),
                details: details.into_iter().collect(),
                outcome: outcome_of(&done),
                reason: String::new(),
            };
            self.record_ended(caller, operation).await;
        }
        done.map_err(|error| refused_error(&error))
    }

    /// Asks for a snapshot of this node's state.
    ///
    /// # Errors
    /// [`code::INTERNAL`] if consensus has stopped.
    pub async fn take_snapshot(&self, caller: &Caller) -> Result<(), ServiceError> {
        let taken = self.inner.consensus.snapshot_now().await;
        let operation = Operation {
            name: "cluster.snapshot.take".to_owned(),
            resource: member_name(self.node_id()),
            details: Vec::new(),
            outcome: outcome_of(&taken),
            reason: String::new(),
        };
        self.record_ended(caller, operation).await;
        taken.map_err(|error| ServiceError::internal("take a snapshot", &error))
    }

    /// Keeps an audit record of an operation that the state machine does not carry out itself.
    async fn record_operation(&self, caller: &Caller, operation: Operation) -> Result<(), ServiceError> {
        let caller = Caller {
            // Each record is a request of its own: a repeated operation is done, and recorded, again.
            request_id: RequestId(format!("{UNKEYED}{}", self.inner.random.next_uuid())),
            deadline: Deadline::after(RECORD_TIME_MAX),
            if_revision: None,
            ..caller.clone()
        };
        self.commit_change(&caller, Command::Cluster(ClusterCommand::RecordOperation(operation)), |_| Ok(())).await
    }

    /// Records what came of an operation. It is done by now, whether that can be recorded or not.
    async fn record_ended(&self, caller: &Caller, operation: Operation) {
        let Operation { name, resource, outcome, .. } = &operation;
        tracing::info!(actor = %caller.actor.principal, action = name, resource, outcome, "administration");
        if let Err(error) = self.record_operation(caller, operation).await {
            tracing::warn!(%error, "an administrative operation has no audit record of its outcome");
        }
    }

    /// Raises the cluster's level as soon as every member can, where this node leads; tells `outdated` when the level is
    /// above what this node knows. Runs for ever.
    pub async fn watch_level(self, outdated: Arc<watch::Sender<Option<String>>>) {
        let consensus = &self.inner.consensus;
        let held = self.inner.config.cluster.hold_level;
        loop {
            tokio::time::sleep(LEVEL_INTERVAL).await;
            let (in_force, known) = (consensus.level_in_force(), consensus.supported_level());
            if in_force > known {
                outdated.send_replace(Some(format!(
                    "the cluster is of level {in_force}, and this program knows levels up to {known}: the cluster has been \
                     raised and cannot go back; start the newer program again. Nothing is damaged"
                )));
                return;
            }
            if consensus.level_to_raise(held).await.is_none() {
                continue;
            }
            // Nobody joins or is replaced from here on, and everybody is asked again.
            let _turn = consensus.change_turn().await;
            let Some(level) = consensus.level_to_raise(held).await else { continue };
            let caller = self.system_caller("raise-level");
            match self.commit_change(&caller, Command::Cluster(ClusterCommand::RaiseLevel { level }), |_| Ok(())).await
            {
                Ok(()) => tracing::info!(level, "the cluster's level is raised: every member knows it"),
                Err(error) => tracing::warn!(level, %error, "raise the cluster's level"),
            }
        }
    }

    /// Looks whether this node was removed, and on the leader, whether a change of the members broke off. Runs for ever.
    pub async fn watch_membership(self) {
        let consensus = &self.inner.consensus;
        let mut told = false;
        loop {
            tokio::time::sleep(MEMBERSHIP_INTERVAL).await;
            let is_followed = self.time_since_confirmation().is_some_and(|silence| silence < SILENCE_WORTH_A_LOOK);
            if (!is_followed || consensus.is_removed()) && consensus.look_whether_removed().await {
                tracing::error!(
                    node = consensus.node_id(),
                    "this node was removed from the cluster: it gets no more changes and refuses reads and writes. Stop it, \
                     and keep or delete its data; to bring it back, add it again (registryctl member add)"
                );
            }
            let standing = consensus.standing();
            let broke_off = standing.role == Role::Leader && standing.voter_sets.len() > 1 && {
                // Whoever makes a change on this node holds the turn.
                tokio::time::timeout(Duration::ZERO, consensus.change_turn()).await.is_ok()
            };
            if broke_off && !told {
                let change = standing.describe_change();
                tracing::error!(
                    change,
                    "a change of the members broke off half-way: finish it (registryctl member finish) or take it back \
                     (registryctl member take-back)"
                );
            }
            told = broke_off;
            self.end_interrupted(&standing).await;
        }
    }

    /// On the leader: records the end of an operation whose maker is gone and that left no change of the voters behind.
    async fn end_interrupted(&self, standing: &Standing) {
        if standing.role != Role::Leader || standing.is_changing() {
            return;
        }
        let consensus = &self.inner.consensus;
        let Ok(_turn) = tokio::time::timeout(Duration::ZERO, consensus.change_turn()).await else { return };
        let found = consensus.state().read(|view| query::machine(view).ok().and_then(|machine| machine.under_way));
        let Some(UnderWay { name, resource, principal, .. }) = found else { return };
        let operation = Operation {
            name,
            resource,
            details: vec![("begun_by".to_owned(), short_text(&principal))],
            outcome: "interrupted".to_owned(),
            reason: "whoever made it is gone; the members are as the status shows them".to_owned(),
        };
        self.record_ended(&self.system_caller("interrupted"), operation).await;
    }

    /// Refuses what a node that was removed cannot know any more.
    ///
    /// # Errors
    /// [`code::UNAVAILABLE`] on a removed node.
    pub fn check_member(&self) -> Result<(), ServiceError> {
        if !self.inner.consensus.is_removed() {
            return Ok(());
        }
        let id = self.node_id();
        let text = format!("Node {id} was removed from its cluster and knows nothing new; ask another node");
        Err(ServiceError::new(code::UNAVAILABLE, text))
    }

    fn system_caller(&self, what: &str) -> Caller {
        Caller {
            actor: Actor { principal: Principal::system(), node_id: self.node_id() },
            origin: Origin::default(),
            request_id: RequestId(format!("system:{what}:{}", self.inner.random.next_uuid())),
            deadline: Deadline::after(RECORD_TIME_MAX),
            consistency: Consistency::Local,
            at_least: None,
            if_revision: None,
            trace: TraceContext::begin(self.inner.random.next_uuid()),
        }
    }

    /// The digest of the state after an entry, or the newest one: equal on all replicas at one index.
    ///
    /// # Errors
    /// [`code::NOT_FOUND`] if this node does not remember it.
    pub fn state_hash(&self, index: Option<LogIndex>) -> Result<(LogIndex, [u8; 32]), ServiceError> {
        let state = self.inner.consensus.state();
        let found = match index {
            Some(index) => state.digest_at(index).map(|digest| (index, digest)),
            None => state.newest_digest(),
        };
        let lost = || ServiceError::new(code::NOT_FOUND, "This node does not remember the digest at that index");
        found.ok_or_else(lost)
    }
}

/// What came of an operation, short enough for its record.
fn outcome_of<T, E: ToString>(done: &Result<T, E>) -> String {
    let text = done.as_ref().err().map_or_else(|| "ok".to_owned(), |error| format!("failed: {}", error.to_string()));
    short_text(&text)
}

/// As much of a text as a record takes.
fn short_text(text: &str) -> String {
    let mut end = text.len().min(OPERATION_TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

fn details_of(change: &MemberChange, without: &BTreeSet<u64>) -> Vec<(String, String)> {
    let mut details = Vec::new();
    if let MemberChange::Add { node, .. } | MemberChange::Update { node, .. } = change {
        details.push(("peer_address".to_owned(), short_text(&node.peer_address)));
        details.push(("http_url".to_owned(), short_text(&node.http_url)));
    }
    if !without.is_empty() {
        let ids: Vec<_> = without.iter().map(ToString::to_string).collect();
        details.push(("without".to_owned(), short_text(&ids.join(","))));
    }
    details
}

fn member_name(id: u64) -> String {
    format!("node/{id}")
}

fn refused_error(error: &MembershipError) -> ServiceError {
    match error {
        MembershipError::NotLeader { leader: None } => ServiceError::no_leader(),
        MembershipError::NotLeader { .. } => ServiceError::new(code::FORWARDING_FAILED, error.to_string()),
        MembershipError::Unknown { .. } => ServiceError::new(code::NOT_FOUND, error.to_string()),
        MembershipError::Refused(_) => ServiceError::new(code::UNPROCESSABLE, error.to_string()),
        MembershipError::TimedOut(_) => ServiceError::timed_out(error.to_string()),
    }
}
