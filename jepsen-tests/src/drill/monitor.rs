//! Watches the nodes while a drill runs: who leads in which term, how far each has applied. Terms are judged:
//! that of a node never goes back. Who leads is for the picture only, because in openraft's terms a later leader may begin within a
//! term (node ids break the tie).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::client::{Api, Http};

/// Between two looks at a node.
const INTERVAL: Duration = Duration::from_millis(200);
/// A node that takes longer to answer is not seen.
const PATIENCE: Duration = Duration::from_millis(800);

/// One look at one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub at_ms: u64,
    pub node: u64,
    pub term: u64,
    pub leads: bool,
    pub applied: u64,
}

/// Samples the metrics of some nodes.
#[derive(Debug)]
pub struct Monitor {
    nodes: Arc<Mutex<BTreeMap<u64, Api>>>,
    samples: Arc<Mutex<Vec<Sample>>>,
    http: Http,
    task: JoinHandle<()>,
}

impl Monitor {
    /// Begins to watch; times count from `begun`. `api` gives a node's HTTP side over a connection of its own.
    pub fn start(nodes: &[u64], begun: Instant, api: impl Fn(&Http, u64) -> Api) -> Self {
        let http = Http::patient(PATIENCE);
        let nodes: BTreeMap<u64, Api> = nodes.iter().map(|id| (*id, api(&http, *id))).collect();
        let nodes = Arc::new(Mutex::new(nodes));
        let samples = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(sample_nodes(nodes.clone(), samples.clone(), begun));
        Self { nodes, samples, http, task }
    }

    /// Watches another node, too.
    pub fn add(&self, id: u64, api: impl Fn(&Http, u64) -> Api) {
        self.nodes.lock().entry(id).or_insert_with(|| api(&self.http, id));
    }

    /// Ends, and gives what was seen.
    pub fn stop(self) -> Vec<Sample> {
        std::mem::take(&mut *self.samples.lock())
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn sample_nodes(nodes: Arc<Mutex<BTreeMap<u64, Api>>>, samples: Arc<Mutex<Vec<Sample>>>, begun: Instant) {
    loop {
        let all: Vec<Api> = nodes.lock().values().cloned().collect();
        let looks = all.iter().map(|api| async {
            let asked = begun.elapsed();
            let answer = api.get("/metrics").send().await.ok()?;
            parse_metrics(&answer.text(), api.node_id, u64::try_from(asked.as_millis()).unwrap_or(u64::MAX))
        });
        let found = futures::future::join_all(looks).await;
        samples.lock().extend(found.into_iter().flatten());
        tokio::time::sleep(INTERVAL).await;
    }
}

fn parse_metrics(text: &str, node: u64, at_ms: u64) -> Option<Sample> {
    let figure = |name: &str| {
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit(' ').next()?.parse::<u64>().ok()
    };
    Some(Sample {
        at_ms,
        node,
        term: figure("schemareg_raft_term")?,
        leads: figure("schemareg_raft_is_leader")? == 1,
        applied: figure("schemareg_raft_applied_index")?,
    })
}

/// I22: the term of a node never goes back, whatever happens to its process or its power. A node that does not know its term yet
/// reports 0.
pub fn term_faults(samples: &[Sample]) -> Vec<String> {
    let mut highest: BTreeMap<u64, u64> = BTreeMap::new();
    let mut faults = Vec::new();
    for sample in samples.iter().filter(|sample| sample.term > 0) {
        let seen = highest.entry(sample.node).or_default();
        if sample.term < *seen {
            faults.push(format!(
                "I22: node {} was in term {seen} and is in term {} at {} ms",
                sample.node, sample.term, sample.at_ms
            ));
        }
        *seen = sample.term.max(*seen);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_that_goes_back_is_found() {
        let sample = |at_ms, node, term| Sample { at_ms, node, term, leads: false, applied: 0 };
        assert!(term_faults(&[sample(1, 1, 3), sample(2, 2, 1), sample(3, 1, 0), sample(4, 1, 3)]).is_empty());
        let found = term_faults(&[sample(1, 1, 3), sample(2, 1, 2)]);
        assert!(found.len() == 1 && found[0].starts_with("I22"), "{found:?}");
    }

    #[test]
    fn metrics_are_read() {
        let text = "# TYPE schemareg_raft_term gauge\nschemareg_raft_term 7\nschemareg_raft_is_leader 1\n\
                    schemareg_raft_applied_index 40\n";
        assert_eq!(parse_metrics(text, 3, 9), Some(Sample { at_ms: 9, node: 3, term: 7, leads: true, applied: 40 }));
        assert_eq!(parse_metrics("", 3, 9), None);
    }
}
