//! Figures for Prometheus. Every metric is declared here, with its unit and meaning.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use proto::operations::{Operation, all};
use schema::Format;

use super::disk::{DiskSpace, Level, Space};
use super::histogram::Durations;
use super::{logs, process};
use crate::consensus::{Refusal, Refusals, Role, Standing};
use crate::sockets::{Cause, Connections};
use crate::tls::Keeper;

/// What consensus and the store know at the moment of a scrape.
pub struct Figures {
    /// The node in its cluster.
    pub standing: Standing,
    /// Has a quorum answered lately?
    pub hears_quorum: bool,
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
    connections: Mutex<Vec<(&'static str, Connections)>>,
    certificates: Mutex<Vec<(&'static str, Keeper)>>,
    peer_refusals: Refusals,
    disk: DiskSpace,
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
                connections: Mutex::default(),
                certificates: Mutex::default(),
                peer_refusals: Refusals::default(),
                disk: DiskSpace::default(),
            }),
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn count_answer(
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
    pub fn count_registration(&self, format: Format) {
        self.inner.registered.get_or_create(&FormatLabel { format: format.name() }).inc();
    }

    /// A compatibility check was done.
    pub fn count_comparison(&self, format: Format, compatible: bool) {
        let result = if compatible { "compatible" } else { "incompatible" };
        self.inner.compared.get_or_create(&VerdictLabels { format: format.name(), result }).inc();
    }

    /// A write was taken to the leader.
    pub fn count_forwarded(&self) {
        self.inner.forwarded.inc();
    }

    /// A prepared write was stale.
    pub fn count_stale(&self) {
        self.inner.stale.inc();
    }

    /// What is known of the disk.
    pub fn disk(&self) -> &DiskSpace {
        &self.inner.disk
    }

    /// From now on, the connections of a listener are among the figures.
    pub fn watch_connections(&self, listener: &'static str, connections: &Connections) {
        self.inner.connections.lock().push((listener, connections.clone()));
    }

    /// From now on, the certificate of a listener is among the figures.
    pub fn watch_certificate(&self, listener: &'static str, keeper: &Keeper) {
        self.inner.certificates.lock().push((listener, keeper.clone()));
    }

    /// What an operator should know of the certificates; nothing while all are good for long.
    pub fn certificate_warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> =
            self.inner.certificates.lock().iter().filter_map(|(_, keeper)| keeper.warning()).collect();
        // HTTP and gRPC share one.
        warnings.dedup();
        warnings
    }

    /// Counts the calls of peers that were refused.
    pub fn peer_refusals(&self) -> Refusals {
        self.inner.peer_refusals.clone()
    }

    /// Everything in the text format of Prometheus. What consensus and the store know is read at this moment.
    pub fn render_text(&self, figures: &Figures) -> String {
        let mut text = String::new();
        let Figures { standing, hears_quorum, staleness_ms, store } = figures;
        const HAS_ROLE: &str = "1 for the role that the node has";
        text.push_str(&format!("# HELP schemareg_raft_role {HAS_ROLE}\n# TYPE schemareg_raft_role gauge\n"));
        for role in Role::ALL {
            let has = u64::from(role == standing.role);
            text.push_str(&format!("schemareg_raft_role{{role=\"{}\"}} {has}\n", role.name()));
        }
        let mut print = |name: &str, help: &str, value: &dyn std::fmt::Display| {
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            text.push_str(&format!(
                "# HELP schemareg_{name} {help}\n# TYPE schemareg_{name} {kind}\nschemareg_{name} {value}\n"
            ));
        };
        let mut gauge = |name: &str, help: &str, value: u64| print(name, help, &value);
        // A leader that no quorum answers leads nobody, and one that is only remembered may be long gone.
        let leads = standing.role == Role::Leader && *hears_quorum;
        gauge("raft_is_leader", "1 on the leader, while a quorum answers it", u64::from(leads));
        let has_leader = standing.leader_id.is_some() && *hears_quorum;
        gauge("raft_has_leader", "1 if a leader is known and a quorum has answered lately", u64::from(has_leader));
        gauge("raft_has_quorum", "1 if a quorum has answered lately", u64::from(*hears_quorum));
        gauge("raft_term", "Term", standing.term);
        gauge("raft_last_log_index", "Index of the last entry in the log", standing.last_log_index);
        gauge("raft_committed_index", "Index known to be committed", standing.committed_index);
        gauge("raft_applied_index", "Index applied to the state", standing.applied_index);
        gauge("raft_snapshot_index", "Index covered by the newest snapshot", standing.snapshot_index);
        gauge("raft_purged_index", "Index up to which the log is purged", standing.purged_index);
        gauge("raft_voters", "Voters in the membership", standing.voters.len() as u64);
        for (name, meaning, value) in store {
            gauge(name, meaning, *value);
        }
        if let Some(Space { free, total, reserve, level }) = self.inner.disk.now() {
            gauge("disk_free_bytes", "Bytes left on the disk of the data directory", free);
            gauge("disk_size_bytes", "Bytes of the disk of the data directory", total);
            gauge("disk_reserve_bytes", "Free bytes below which no writes are taken", reserve);
            gauge("disk_full", "1 while writes are refused for want of space", u64::from(level == Level::Low));
        }
        // What is not known is not there: any number would be taken for one.
        if let Some(ms) = staleness_ms {
            let seconds = Duration::from_millis(*ms).as_secs_f64();
            print("read_staleness_seconds", "Age of what this replica shows, at most", &seconds);
        }
        text.push_str("# HELP schemareg_build_info The program that runs\n# TYPE schemareg_build_info gauge\n");
        text.push_str(&format!("schemareg_build_info{{version=\"{}\"}} 1\n", env!("CARGO_PKG_VERSION")));
        let left_out = logs::left_out();
        text.push_str("# HELP schemareg_log_lines_left_out_total Warnings that repeated and were not written\n");
        text.push_str("# TYPE schemareg_log_lines_left_out_total counter\n");
        text.push_str(&format!("schemareg_log_lines_left_out_total {left_out}\n"));
        process::append_figures(&mut text);
        self.print_connections(&mut text);
        self.print_certificates(&mut text);
        let mut counted = String::new();
        if let Err(error) = prometheus_client::encoding::text::encode(&mut counted, &self.inner.registry) {
            tracing::error!(%error, "print the metrics");
        }
        text.push_str(&in_the_format_of_prometheus(&counted));
        text
    }
}

/// OpenMetrics describes a counter under its name without `_total`; the text format of Prometheus has one name for the
/// description and the sample, and no end mark.
fn in_the_format_of_prometheus(text: &str) -> String {
    let counters: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut printed = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        let described = ["# HELP ", "# TYPE "].into_iter().find_map(|mark| {
            let (name, rest) = line.strip_prefix(mark)?.split_once(' ')?;
            counters.contains(name).then(|| format!("{mark}{name}_total {rest}"))
        });
        printed.push_str(described.as_deref().unwrap_or(line));
        printed.push('\n');
    }
    printed
}

impl Metrics {
    fn print_certificates(&self, text: &mut String) {
        let certificates = self.inner.certificates.lock();
        if !certificates.is_empty() {
            const NAME: &str = "schemareg_tls_certificate_expiry_timestamp_seconds";
            text.push_str(&format!("# HELP {NAME} When the certificate of a listener runs out\n# TYPE {NAME} gauge\n"));
            for (listener, keeper) in certificates.iter() {
                text.push_str(&format!("{NAME}{{listener=\"{listener}\"}} {}\n", keeper.expires_at()));
            }
        }
        const NAME: &str = "schemareg_peer_refusals_total";
        text.push_str(&format!("# HELP {NAME} Calls of peers that were refused, by reason\n# TYPE {NAME} counter\n"));
        for refusal in Refusal::ALL {
            let (reason, count) = (refusal.name(), self.inner.peer_refusals.of(refusal));
            text.push_str(&format!("{NAME}{{reason=\"{reason}\"}} {count}\n"));
        }
    }

    fn print_connections(&self, text: &mut String) {
        let listeners = self.inner.connections.lock();
        let (mut open, mut most, mut closed) = (String::new(), String::new(), String::new());
        for (listener, connections) in listeners.iter() {
            let count = connections.open_count();
            open.push_str(&format!("schemareg_connections{{listener=\"{listener}\"}} {count}\n"));
            let count_max = connections.count_max();
            most.push_str(&format!("schemareg_connections_max{{listener=\"{listener}\"}} {count_max}\n"));
            for cause in Cause::ALL {
                let (name, count) = (cause.name(), connections.closed_by(cause));
                let labels = format!("listener=\"{listener}\",cause=\"{name}\"");
                closed.push_str(&format!("schemareg_connections_closed_total{{{labels}}} {count}\n"));
            }
        }
        let closed_help = "Connections that this node closed, by listener and by what they did not do in time";
        for (name, kind, help, values) in [
            ("connections", "gauge", "Connections that are open, by listener", open),
            ("connections_max", "gauge", "Connections that there may be, by listener", most),
            ("connections_closed_total", "counter", closed_help, closed),
        ] {
            text.push_str(&format!("# HELP schemareg_{name} {help}\n# TYPE schemareg_{name} {kind}\n{values}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(hears_quorum: bool, staleness_ms: Option<u64>) -> String {
        let metrics = Metrics::default();
        let operation = all().find(|operation| operation.name == "GetSchemaById");
        metrics.count_answer("http", operation, 200, Duration::from_millis(1));
        metrics.count_forwarded();
        let standing = Standing {
            role: Role::Leader,
            term: 3,
            leader_id: Some(2),
            last_log_index: 9,
            committed_index: 8,
            applied_index: 7,
            snapshot_index: 6,
            purged_index: 5,
            voters: vec![1, 2, 3],
            voter_sets: vec![[1, 2, 3].into()],
            membership_decided: true,
            learners: Vec::new(),
            nodes: std::collections::BTreeMap::new(),
            failed: None,
            removed: false,
        };
        let store = vec![("wal_syncs_total".to_owned(), "Groups of log writes synced to disk", 7)];
        metrics.render_text(&Figures { standing, hears_quorum, staleness_ms, store })
    }

    /// Each sample is described once, by the name under which it stands, and counters alone end in `_total`.
    #[test]
    fn samples_are_described_as_prometheus_expects() {
        let text = figures(true, Some(1_500));
        let mut kinds = std::collections::BTreeMap::new();
        for line in text.lines() {
            if let Some(described) = line.strip_prefix("# TYPE ") {
                let (name, kind) = described.split_once(' ').unwrap();
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(kinds.insert(name, kind).is_none(), "{name} is described twice");
                assert!(text.contains(&format!("# HELP {name} ")), "{name} has no help");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
                    let family = name.strip_suffix(end)?;
                    (kinds.get(family) == Some(&"histogram")).then_some(family)
                });
                assert!(kinds.contains_key(family.unwrap_or(name)), "{line} stands before its description");
            }
        }
        for line in
            ["schemareg_wal_syncs_total 7", "schemareg_forwards_total 1", "schemareg_read_staleness_seconds 1.5"]
        {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
    }

    #[test]
    fn a_remembered_leader_is_none_and_an_unknown_age_is_not_there() {
        let text = figures(false, None);
        for line in ["schemareg_raft_has_leader 0", "schemareg_raft_is_leader 0", "schemareg_raft_has_quorum 0"] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        assert!(!text.contains("staleness"), "{text}");
    }
}
