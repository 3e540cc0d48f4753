//! What the registry does for its clients, without any transport: prepare, write, read.
//!
//! One layer behind REST and gRPC. Handlers translate; every rule is here or below.

mod access;
mod accounts;
mod answers;
mod association;
mod association_plan;
mod attempts;
mod audit;
mod backups;
mod cache;
mod catalogue;
mod change;
mod cluster;
mod commit;
mod compatibility;
mod data;
mod error;
mod events;
mod freshness;
mod governance;
mod lists;
mod lives;
mod llm;
mod lookup;
mod parse;
mod pool;
mod prepare;
mod provenance;
mod read;
mod references;
mod sensitive;
mod settings;
mod tags;
mod terms;
mod turns;
mod words;
mod write;

use std::sync::Arc;

use registry::{Actor, LogIndex, RequestId};
use tokio::sync::{Semaphore, watch};

pub use answers::Answers;
pub use association::{AssociatedSchema, AssociationFilter, AssociationQuery};
pub use association_plan::{
    AssociationPlan, Meaning, ResourceRequest, WantedAssociation, check_batch, invalid_property as invalid_association,
    lifecycle_named, plan_request,
};
pub use attempts::{Attempt, Attempts};
pub use audit::{AuditFilter, AuditProof, NodeKey};
pub use backups::{BackupFile, BackupsShown};
pub use catalogue::{Criteria, FoundVersion, WholeVersion};
pub use cluster::{ChangeView, ClusterView, MemberView};
pub use data::{DataRequest, Selector, Verdict};
pub use error::ServiceError;
pub use events::{EventFilter, Token, Watched, Watcher};
pub use freshness::Freshness;
pub use lists::{ListFilter, VersionList};
pub use lives::{DraftStep, DraftView, LifeOf};
pub use llm::{Contract, Judging, NewSource, SentAnswer};
pub use pool::Workers;
pub use provenance::{Provenance, Tracked};
pub use read::{ReadMark, Wanted};
pub use tags::{RuleChange, VersionChange, tagged_text};
pub use words::{FoundSchema, NewSchema, RegisterOptions, Registered, Settled, VersionSpec};

pub use crate::consistency::Consistency;

use crate::auth::{Authority, Origin};
use crate::clock::Deadline;
use crate::config::{Config, LimitsConfig};
use crate::consensus::Consensus;
use crate::host::telemetry::Metrics;
use crate::random::Random;
use crate::trace::TraceContext;
use cache::{KnownTexts, ParsedSchemas};
use pool::Pool;
use sensitive::Sealer;
use turns::Turns;

/// The registry's operations. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    consensus: Consensus,
    config: Config,
    metrics: Metrics,
    freshness: Freshness,
    parsed: ParsedSchemas,
    known: KnownTexts,
    parsers: Pool,
    lists: Pool,
    turns: Turns,
    sealer: Sealer,
    /// Bytes of proposals under way, in KiB; openraft's own queues are bounded by count only.
    proposals: Semaphore,
    read_batches: freshness::ReadBatches,
    data: data::Validators,
    contracts: llm::Contracts,
    authority: Authority,
    key: NodeKey,
    attempts: Attempts,
    backups: backups::Backups,
    random: Random,
    /// Watches at once: each holds a batch and a connection for as long as it likes.
    watches: Arc<Semaphore>,
    watches_end: watch::Sender<bool>,
}

/// What a service is put together from.
pub struct Parts {
    /// Below everything.
    pub consensus: Consensus,
    /// The configuration of the node.
    pub config: Config,
    /// The figures of the node.
    pub metrics: Metrics,
    /// The lines of `security.metadata_secret_file`; empty means that nothing is sealed.
    pub metadata_secrets: String,
    /// Signs tree heads of the audit log.
    pub key: NodeKey,
    /// Records refused changes.
    pub attempts: Attempts,
    /// Where ids come from that no client gives.
    pub random: Random,
    /// Where schemas are parsed.
    pub workers: Workers,
}

/// How the ids begin that a node gives to requests without a key: nobody can repeat those.
pub const UNKEYED: &str = "node:";

/// What the edge knows about a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who, as established at the edge.
    pub actor: Actor,
    /// Where the request comes from, as far as that is known.
    pub origin: Origin,
    /// Makes retries one effect.
    pub request_id: RequestId,
    /// By when an answer is wanted.
    pub deadline: Deadline,
    /// How fresh reads must be.
    pub consistency: Consistency,
    /// The index of an earlier answer that the client has seen.
    pub at_least: Option<LogIndex>,
    /// The revision at which the client wants what it changes to be.
    pub if_revision: Option<LogIndex>,
    /// The trace that the request belongs to.
    pub trace: TraceContext,
}

impl Caller {
    /// How fresh an answer must be, and by when it is wanted.
    pub fn wanted(&self) -> Wanted {
        Wanted { consistency: self.consistency, at_least: self.at_least, deadline: self.deadline }
    }
}

impl Service {
    /// The service over started consensus.
    pub fn new(parts: Parts) -> Self {
        let Parts { consensus, config, metrics, metadata_secrets, key, attempts, random, workers } = parts;
        let proposals = config.limits.proposal_bytes_max / 1024;
        let read_batches = freshness::ReadBatches::start(consensus.clone());
        let authority = Authority::new(&config.auth, consensus.state().clone(), attempts.clock().clone());
        Self {
            inner: Arc::new(Inner {
                consensus,
                metrics,
                freshness: Freshness::default(),
                parsed: ParsedSchemas::default(),
                known: KnownTexts::default(),
                parsers: Pool::of_parsers(workers),
                lists: Pool::of_lists(workers),
                turns: Turns::new(),
                sealer: Sealer::new(&metadata_secrets),
                proposals: Semaphore::new(proposals.max(1)),
                read_batches,
                data: data::Validators::default(),
                contracts: llm::Contracts::default(),
                authority,
                key,
                attempts,
                backups: backups::Backups::default(),
                random,
                watches: Arc::new(Semaphore::new(events::WATCHES_MAX)),
                watches_end: watch::Sender::new(false),
                config,
            }),
        }
    }

    /// Consensus below.
    pub fn consensus(&self) -> &Consensus {
        &self.inner.consensus
    }

    /// The configuration of this node.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The limits on requests.
    pub fn limits(&self) -> &LimitsConfig {
        &self.inner.config.limits
    }

    /// Are answers of the shape of Confluent 7.x?
    pub fn has_legacy_answers(&self) -> bool {
        self.inner.config.http.legacy_responses
    }

    /// The origins whose pages may read answers.
    pub fn cors_origins(&self) -> &[String] {
        &self.inner.config.http.cors_origins
    }

    /// Who may do what.
    pub fn authority(&self) -> &Authority {
        &self.inner.authority
    }

    /// Where changes that were not made are recorded.
    pub fn attempts(&self) -> &Attempts {
        &self.inner.attempts
    }

    /// Where ids come from that no client gives.
    pub fn random(&self) -> &Random {
        &self.inner.random
    }

    /// Ends all watches: they would never end by themselves, and a node that stops waits for what is under way.
    pub fn end_watches(&self) {
        self.inner.watches_end.send_replace(true);
    }

    /// The figures of this node.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// A cache of answers; all of a node count into one figure.
    pub fn answers<V>(&self, bytes_max: usize) -> Answers<V> {
        Answers::new(bytes_max, self.inner.metrics.kept_bytes())
    }

    /// What replies tell about this replica: the applied index and how old its knowledge is at most.
    pub fn mark(&self) -> ReadMark {
        let applied = self.inner.consensus.state().applied_index();
        ReadMark { applied, staleness_ms: self.inner.freshness.staleness_ms() }
    }

    /// How long ago this node last asked something that a quorum confirmed.
    pub fn time_since_confirmation(&self) -> Option<std::time::Duration> {
        self.inner.freshness.age_of_confirmation()
    }

    /// The longest silence in which a quorum is still taken to be there.
    pub fn silence_max(&self) -> std::time::Duration {
        freshness::silence_max(self.inner.consensus.election_time_max())
    }

    /// Has a quorum answered lately what this node asked? What probes, figures and the cluster's status say of a leader and
    /// of a quorum rests on this alone: a node that is cut off goes on to know the last leader's name.
    pub fn hears_quorum(&self) -> bool {
        self.time_since_confirmation().is_some_and(|silence| silence <= self.silence_max())
    }

    /// Keeps the staleness figure true while nobody reads: asks for a read index now and then. Runs for ever.
    pub async fn watch_freshness(self) {
        loop {
            let is_first = self.time_since_confirmation().is_none();
            tokio::time::sleep(if is_first {
                freshness::FIRST_FRESHNESS_INTERVAL
            } else {
                freshness::FRESHNESS_INTERVAL
            })
            .await;
            // A failure only means that the figure grows, which is the truth.
            drop(self.linearize(Deadline::after(freshness::FRESHNESS_INTERVAL)).await);
        }
    }

    /// Waits until this node has applied an index, for sessions.
    async fn wait_applied(&self, index: LogIndex, deadline: Deadline) -> Result<(), ServiceError> {
        if self.inner.consensus.wait_applied(index, deadline).await {
            Ok(())
        } else {
            Err(ServiceError::timed_out(format!(
                "this node has not yet applied entry {index}, which the request asks for"
            )))
        }
    }
}
