//! The client: a handle that is cheap to clone, with what its clones share, and options that each clone has for itself.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::api::words::{Lookup, StoredSchema};
use crate::cache::{Cache, Flights, locked};
use crate::nodes::Node;
use crate::transport::{Answer, Call, CallOptions, Transport};
use crate::{CacheLimits, ClientConfig, ClientError};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) transport: Arc<Transport>,
    found: Mutex<Cache<Lookup, Arc<StoredSchema>>>,
    flights: Flights<Lookup, Arc<StoredSchema>>,
    latest_time: Duration,
}

impl ClientConfig {
    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Setup`] for a URL that is none, or for what this build cannot do.
    pub fn build(self) -> Result<Client, ClientError> {
        Client::from_config(self)
    }
}

/// A client of a cluster. Clones share connections, caches and what is known of the nodes.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: CallOptions,
}

impl Client {
    /// A client that knows these nodes, nearest first, with the defaults.
    ///
    /// # Errors
    /// [`ClientError::Setup`] without a URL, or with one that is none.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ClientError> {
        ClientConfig::new(urls).build()
    }

    pub(crate) fn from_config(config: ClientConfig) -> Result<Self, ClientError> {
        let CacheLimits { entries_max, bytes_max, latest_time } = config.cache;
        let shared = Shared {
            transport: Arc::new(Transport::new(&config)?),
            found: Mutex::new(Cache::new(entries_max, bytes_max)),
            flights: Flights::default(),
            latest_time,
        };
        Ok(Self { shared: Arc::new(shared), options: CallOptions::default() })
    }

    /// The same client, whose reads are as fresh as this says: `local`, `linearizable`, `bounded:<ms>`,
    /// `session:<index>`. Its reads do not come from the cache.
    #[must_use]
    pub fn consistency(&self, level: impl Into<String>) -> Self {
        self.with(|options| options.consistency = Some(level.into()))
    }

    /// The same client, whose changes are made only while what is changed is at this revision.
    #[must_use]
    pub fn if_revision(&self, revision: u64) -> Self {
        self.with(|options| options.if_revision = Some(revision))
    }

    /// The same client, whose next change has this idempotency key, to repeat one whose outcome is unknown. Without it
    /// each call has a key of its own.
    #[must_use]
    pub fn idempotency_key(&self, key: impl Into<String>) -> Self {
        self.with(|options| options.idempotency_key = Some(key.into()))
    }

    /// The same client, whose calls may take so long.
    #[must_use]
    pub fn deadline(&self, deadline: Duration) -> Self {
        self.with(|options| options.deadline = Some(deadline))
    }

    fn with(&self, set: impl FnOnce(&mut CallOptions)) -> Self {
        let mut options = self.options.clone();
        set(&mut options);
        Self { shared: self.shared.clone(), options }
    }

    pub(crate) async fn call(&self, call: Call) -> Result<Answer, ClientError> {
        self.shared.transport.call(&self.options, call).await
    }

    /// What is known of the nodes, in the order of the configuration.
    pub fn nodes(&self) -> Vec<(String, Option<String>, Option<Duration>)> {
        let nodes = locked(&self.shared.transport.nodes);
        let shown = |node: &Node| {
            let round_trip = node.round_trip_ms.map(|ms| Duration::from_secs_f64(ms / 1e3));
            (node.url.clone(), node.region.clone(), round_trip)
        };
        nodes.all().iter().map(shown).collect()
    }

    /// The node that would be asked now.
    pub fn nearest(&self) -> Option<String> {
        let nodes = locked(&self.shared.transport.nodes);
        nodes.order_by_health(Instant::now()).first().map(|first| nodes.all()[*first].url.clone())
    }

    /// Measures the round-trip times of all nodes now, instead of beside the calls.
    pub async fn measure(&self) {
        self.shared.transport.measure_nodes().await;
    }

    /// Learns the other members of the cluster, so that one URL is enough to survive the loss of its node.
    ///
    /// # Errors
    /// [`ClientError`], if no node answers.
    pub async fn discover(&self) -> Result<(), ClientError> {
        let status = self.status().await?;
        let members = status.nodes.into_iter().filter_map(|node| {
            let url = crate::base_url(&node.http_url?).ok()?;
            Some(Node::new(url, Some(node.region).filter(|region| !region.is_empty())))
        });
        self.shared.transport.learn_nodes(members);
        Ok(())
    }

    /// The answer to a lookup: from the cache, from the flight that is under way, or from a node.
    pub(crate) async fn find<F>(
        &self,
        lookup: Lookup,
        ask: impl FnOnce(Self) -> F,
    ) -> Result<Arc<StoredSchema>, ClientError>
    where
        F: Future<Output = Result<StoredSchema, ClientError>> + Send + 'static,
    {
        // Who says how fresh an answer must be, or under which key and revision, is asking a node.
        let CallOptions { consistency, if_revision, idempotency_key, deadline: _ } = &self.options;
        if consistency.is_some() || if_revision.is_some() || idempotency_key.is_some() {
            return ask(self.clone()).await.map(Arc::new);
        }
        if let Some(found) = locked(&self.shared.found).get(&lookup, Instant::now()) {
            return Ok(found);
        }
        let (shared, kept) = (self.shared.clone(), lookup.clone());
        let asked = ask(self.clone());
        let flight = async move {
            let found = Arc::new(asked.await?);
            shared.keep(kept, &found);
            Ok(found)
        };
        self.shared.flights.join(lookup, flight).await
    }

    /// A change of a subject makes what was found under its name doubtful. What is found by id or guid stays true.
    pub(crate) fn doubt(&self, subject: &str) {
        locked(&self.shared.found).remove_where(|lookup| lookup.subject() == Some(subject));
    }

    /// A registration moves only what is latest.
    pub(crate) fn doubt_latest(&self, subject: &str) {
        locked(&self.shared.found).remove_where(
            |lookup| matches!(lookup, Lookup::Version(of, version) if of == subject && version.parse::<u32>().is_err()),
        );
    }

    /// Entries in the cache.
    pub fn cached(&self) -> usize {
        locked(&self.shared.found).len()
    }
}

impl Shared {
    fn keep(&self, lookup: Lookup, found: &Arc<StoredSchema>) {
        let soon = || Some(Instant::now() + self.latest_time);
        let good_until = match &lookup {
            Lookup::Id(..) | Lookup::Guid(_) | Lookup::Registration(..) => None,
            Lookup::Version(_, version) => {
                if version.parse::<u32>().is_ok() {
                    None
                } else {
                    soon()
                }
            }
            // Which version has a content changes when versions are deleted by others.
            Lookup::Content(..) => soon(),
        };
        // The key of a content is as large as the content.
        let bytes = found.text.len() * 2 + 256;
        locked(&self.found).put(lookup, found.clone(), bytes, good_until);
    }
}
