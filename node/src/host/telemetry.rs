//! Figures for Prometheus and the set-up of logs. Every metric is declared here, with its unit and meaning.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use proto::operations::{Operation, all};
use schema::Format;

use super::histogram::Durations;
use crate::consensus::{Role, Standing};

/// What consensus and the store know at the moment of a scrape.
pub struct Figures {
    /// The node in its cluster.
    pub standing: Standing,
    /// How old what this replica shows is at most.
    pub staleness_ms: Option<u64>,
    /// Of the state and the log: name, meaning, value.
    pub store: Vec<(String, &'static str, u64)>,
}

/// The figures of a node. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<OperationLabel, Durations>,
    /// The figures of each operation, by its name, so that a request looks up no labels.
    prepared: HashMap<&'static str, Prepared>,
    kept_bytes: Gauge,
    registered: Family<FormatLabel, Counter>,
    compared: Family<VerdictLabels, Counter>,
    forwarded: Counter,
    stale: Counter,
}

/// The figures of an operation that nearly every request of it counts into. They are made at the first one: what nobody asks
/// for is not listed.
#[derive(Default)]
struct Prepared {
    seconds: OnceLock<Durations>,
    /// Answered as usual: 200 over HTTP, 0 over gRPC.
    http_good: OnceLock<Counter>,
    grpc_good: OnceLock<Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    transport: &'static str,
    operation: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FormatLabel {
    format: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerdictLabels {
    format: &'static str,
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("schemareg");
        let requests = Family::default();
        registry.register("requests", "Requests answered, by transport, operation and status", requests.clone());
        let request_seconds = Family::default();
        registry.register(
            "request_duration_seconds",
            "Time from the request's head to the answer, or to the end of a stream, by operation",
            request_seconds.clone(),
        );
        let registered = Family::default();
        registry.register("versions_registered", "New versions registered through this node", registered.clone());
        let compared = Family::default();
        registry.register("compat_checks", "Compatibility checks done on this node", compared.clone());
        let forwarded = Counter::default();
        registry.register("forwards", "Attempts to take a write to the leader", forwarded.clone());
        let stale = Counter::default();
        registry.register(
            "stale_preparations",
            "Writes prepared again because what they rested on changed",
            stale.clone(),
        );
        let kept_bytes = Gauge::default();
        registry.register(
            "kept_answers_bytes",
            "Memory taken by answers that are kept to be given again",
            kept_bytes.clone(),
        );
        let prepared = all().map(|operation| (operation.name, Prepared::default())).collect();
        Self {
            inner: Arc::new(Inner {
                registry,
                requests,
                request_seconds,
                prepared,
                kept_bytes,
                registered,
                compared,
                forwarded,
                stale,
            }),
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(
        &self,
        transport: &'static str,
        operation: Option<&'static Operation>,
        status: u16,
        time: Duration,
    ) {
        let Inner { requests, request_seconds, prepared, .. } = &*self.inner;
        let operation = operation.map_or("unknown", |operation| operation.name);
        let prepared = prepared.get(operation);
        let counter = || requests.get_or_create_owned(&RequestLabels { transport, operation, status });
        match (prepared, transport, status) {
            (Some(prepared), "http", 200) => _ = prepared.http_good.get_or_init(counter).inc(),
            (Some(prepared), "grpc", 0) => _ = prepared.grpc_good.get_or_init(counter).inc(),
            _ => _ = counter().inc(),
        }
        let seconds = || request_seconds.get_or_create_owned(&OperationLabel { operation });
        match prepared {
            Some(prepared) => prepared.seconds.get_or_init(seconds).observe(time),
            None => seconds().observe(time),
        }
    }

    /// Counts the bytes of kept answers.
    pub fn kept_bytes(&self) -> Gauge {
        self.inner.kept_bytes.clone()
    }

    /// A version was registered.
    pub fn registered(&self, format: Format) {
        self.inner.registered.get_or_create(&FormatLabel { format: format.name() }).inc();
    }

    /// A compatibility check was done.
    pub fn compared(&self, format: Format, compatible: bool) {
        let result = if compatible { "compatible" } else { "incompatible" };
        self.inner.compared.get_or_create(&VerdictLabels { format: format.name(), result }).inc();
    }

    /// A write was taken to the leader.
    pub fn forwarded(&self) {
        self.inner.forwarded.inc();
    }

    /// A prepared write was stale.
    pub fn stale(&self) {
        self.inner.stale.inc();
    }

    /// Everything in the text format of Prometheus. What consensus and the store know is read at this moment.
    pub fn render(&self, figures: &Figures) -> String {
        let mut text = String::new();
        let Figures { standing, staleness_ms, store } = figures;
        let mut gauge = |name: &str, help: &str, value: u64| {
            text.push_str(&format!(
                "# HELP schemareg_{name} {help}\n# TYPE schemareg_{name} gauge\nschemareg_{name} {value}\n"
            ));
        };
        gauge(&format!("raft_role_{}", standing.role.name()), "1 for the role that the node has", 1);
        gauge("raft_is_leader", "1 on the leader", u64::from(standing.role == Role::Leader));
        gauge("raft_has_leader", "1 if a leader is known", u64::from(standing.leader_id.is_some()));
        gauge("raft_term", "Term", standing.term);
        gauge("raft_last_log_index", "Index of the last entry in the log", standing.last_log_index);
        gauge("raft_committed_index", "Index known to be committed", standing.committed_index);
        gauge("raft_applied_index", "Index applied to the state", standing.applied_index);
        gauge("raft_snapshot_index", "Index covered by the newest snapshot", standing.snapshot_index);
        gauge("raft_purged_index", "Index up to which the log is purged", standing.purged_index);
        gauge("raft_voters", "Voters in the membership", standing.voters.len() as u64);
        gauge(
            "read_staleness_milliseconds",
            "Age of what this replica shows, at most",
            staleness_ms.unwrap_or(u64::MAX),
        );
        for (name, meaning, value) in store {
            gauge(name, meaning, *value);
        }
        if let Err(error) = prometheus_client::encoding::text::encode(&mut text, &self.inner.registry) {
            tracing::error!(%error, "print the metrics");
        }
        text
    }
}

/// Sets up logs on standard error: text on a terminal, JSON otherwise; `RUST_LOG` filters.
pub fn start_logs() {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,openraft=warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() { logs.init() } else { logs.json().init() }
}
