//! Watchers of events, one at home on every node, each by one of the three ways. Where its stream breaks, a watcher goes on at
//! its token through another node, and home again at the next break; now and then it breaks off by itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::client::Api;
use crate::native::{EventStream, PRINCIPAL_HEADER, Transport, WatchedEvent};
use crate::wait::{LONG, until};

/// A stream that is silent for so long is given up; a node sends a progress message every five seconds.
const SILENCE: Duration = Duration::from_secs(8);
/// Messages after which a watcher breaks off by itself.
const MESSAGES_PER_STREAM: usize = 100;
/// A node that is down refuses at once: without a pause the watcher would spin.
const PAUSE: Duration = Duration::from_millis(40);
const TRANSPORTS: [Transport; 3] = [Transport::ServerSent, Transport::WebSocket, Transport::Grpc];

/// Where a node serves events: HTTP and gRPC.
pub type NodeAddresses = (String, String);

/// The events that were seen, and how often the watcher went on at its token.
type Task = JoinHandle<(Vec<WatchedEvent>, usize)>;

/// Running watchers.
#[derive(Debug)]
pub struct Watchers {
    nodes: Arc<Mutex<BTreeMap<u64, NodeAddresses>>>,
    end: String,
    tasks: Vec<(u64, Transport, Task)>,
}

/// The events that a watcher saw.
#[derive(Debug, Clone)]
pub struct WatcherHistory {
    pub home: u64,
    pub transport: Transport,
    pub seen: Vec<WatchedEvent>,
    /// How often it went on at a token.
    pub resumed: usize,
    /// Why it did not come to the end.
    pub broken: Option<String>,
}

impl Watchers {
    /// Starts one watcher for each node.
    pub fn start(nodes: BTreeMap<u64, NodeAddresses>, seed: u64) -> Self {
        let end = format!("end-{seed}");
        let homes: Vec<u64> = nodes.keys().copied().collect();
        let nodes = Arc::new(Mutex::new(nodes));
        let begin = |(number, home): (usize, u64)| {
            let transport = TRANSPORTS[number % TRANSPORTS.len()];
            (home, transport, tokio::spawn(follow_events(transport, home, nodes.clone(), end.clone())))
        };
        let tasks = homes.into_iter().enumerate().map(begin).collect();
        Self { nodes, end, tasks }
    }

    /// Lets watchers use a node, too.
    pub fn add_node(&self, id: u64, place: NodeAddresses) {
        self.nodes.lock().insert(id, place);
    }

    /// Lets watchers begin at a node no more.
    pub fn drop_node(&self, id: u64) {
        self.nodes.lock().remove(&id);
    }

    /// Changes a policy that nothing depends on: the last event. Then waits for the watchers to see it.
    ///
    /// # Panics
    /// If the policy cannot be changed in time.
    pub async fn stop(mut self, api: &Api) -> (String, Vec<WatcherHistory>) {
        let body = serde_json::json!({"policy": {"approvals": 3}});
        let path = format!("/api/v1/policy/{}", self.end);
        until("the event that ends a watch", async || {
            let call = api.put(&path).header(PRINCIPAL_HEADER, "end").header("Idempotency-Key", &self.end).json(&body);
            let answer = call.send().await?;
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
        let mut watched = Vec::new();
        for (home, transport, mut task) in std::mem::take(&mut self.tasks) {
            let ended = tokio::time::timeout(LONG, &mut task).await;
            let (seen, resumed, broken) = match ended {
                Ok(Ok((seen, resumed))) => (seen, resumed, None),
                Ok(Err(error)) => (Vec::new(), 0, Some(error.to_string())),
                Err(_) => {
                    task.abort();
                    (Vec::new(), 0, Some(format!("it did not see the last event in {LONG:?}")))
                }
            };
            watched.push(WatcherHistory { home, transport, seen, resumed, broken });
        }
        (std::mem::take(&mut self.end), watched)
    }
}

/// Watchers do not outlive a drill that broke off.
impl Drop for Watchers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(|(_, _, task)| task.abort());
    }
}

/// Watches until the event that ends everything; how often it went on at a token.
async fn follow_events(
    transport: Transport,
    home: u64,
    nodes: Arc<Mutex<BTreeMap<u64, NodeAddresses>>>,
    end: String,
) -> (Vec<WatchedEvent>, usize) {
    let mut seen: Vec<WatchedEvent> = Vec::new();
    let mut token = "0".to_owned();
    let (mut attempts, mut resumed) = (0, 0);
    loop {
        let place = addresses_for(&nodes.lock(), home, attempts);
        attempts += 1;
        let begun = match &place {
            Some((http, grpc)) => tokio::time::timeout(SILENCE, EventStream::open(transport, http, grpc, &token)).await,
            None => Ok(Err("no node is there".to_owned())),
        };
        let Ok(Ok(mut watch)) = begun else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        resumed += usize::from(token != "0");
        // Home is tried first after every break.
        attempts = 0;
        for _ in 0..MESSAGES_PER_STREAM {
            let Ok(Ok(next)) = tokio::time::timeout(SILENCE, watch.next()).await else {
                attempts = 1;
                break;
            };
            token.clone_from(&watch.token);
            if let Some(next) = next {
                let is_end = next.subject == end;
                seen.push(next);
                if is_end {
                    return (seen, resumed);
                }
            }
        }
    }
}

/// Home first, then the nodes after it in turn.
fn addresses_for(nodes: &BTreeMap<u64, NodeAddresses>, home: u64, attempts: usize) -> Option<NodeAddresses> {
    let after = nodes.range(home..).chain(nodes.range(..home));
    after.cycle().nth(attempts % nodes.len().max(1)).map(|(_, place)| place.clone())
}

/// Everything that a node retains, up to the event that ends everything.
///
/// # Panics
/// If the node does not tell it in time.
pub async fn replay_events(http: &str, grpc: &str, end: &str) -> Vec<WatchedEvent> {
    until(&format!("all events of {http}"), async || {
        let mut watch = EventStream::open(Transport::ServerSent, http, grpc, "0").await?;
        let mut seen: Vec<WatchedEvent> = Vec::new();
        while seen.last().is_none_or(|last| last.subject != end) {
            seen.extend(watch.next().await?);
        }
        Ok(seen)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_comes_first_and_then_everybody_else() {
        let nodes: BTreeMap<u64, NodeAddresses> = (1..=3).map(|id| (id, (format!("h{id}"), String::new()))).collect();
        let order = |home: u64| -> Vec<String> {
            (0..4).filter_map(|attempt| addresses_for(&nodes, home, attempt)).map(|place| place.0).collect()
        };
        assert_eq!(order(2), ["h2", "h3", "h1", "h2"]);
        assert_eq!(order(4), ["h1", "h2", "h3", "h1"], "home is gone");
        assert_eq!(addresses_for(&BTreeMap::new(), 1, 0), None);
    }
}
