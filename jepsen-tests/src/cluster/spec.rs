//! What a cluster is made of.

use crate::net::Network;

/// Labels for the nodes, in turn.
const REGIONS: [&str; 3] = ["eu-west", "us-east", "ap-south"];

/// A cluster to start.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Nodes 1 to this many are its first members.
    pub nodes: u64,
    /// The cluster's identity.
    pub cluster_id: String,
    /// Timing profile.
    pub profile: String,
    /// `REGISTRY__SECTION__KEY` for every node.
    pub environment: Vec<(String, String)>,
    /// What nodes and clients find each other over.
    pub network: Network,
    /// Nodes run with the library that fails disks and bends clocks.
    pub shimmed: bool,
}

impl Spec {
    /// A cluster of this many nodes with the settings of one site.
    pub fn of(nodes: u64) -> Self {
        Self {
            nodes,
            cluster_id: "jepsen".to_owned(),
            profile: "lan".to_owned(),
            environment: Vec::new(),
            network: Network::default(),
            shimmed: false,
        }
    }

    /// The same with proxies between all nodes and before clients.
    #[must_use]
    pub fn linked(self) -> Self {
        self.over(Network::Proxies)
    }

    /// The same with a network namespace for each node. Needs root: see [`crate::net::kernel::possible`].
    #[must_use]
    pub fn namespaces(self) -> Self {
        self.over(Network::Namespaces)
    }

    /// The same over another network.
    #[must_use]
    pub fn over(self, network: Network) -> Self {
        Self { network, ..self }
    }

    /// The same with the preloaded library.
    #[must_use]
    pub fn shimmed(self) -> Self {
        Self { shimmed: true, ..self }
    }

    /// The same with principals that clients name themselves, as if a proxy in front did.
    #[must_use]
    pub fn named(self) -> Self {
        self.with("http", "principal_header", crate::native::PRINCIPAL_HEADER)
    }

    /// The same with the timing of another profile.
    #[must_use]
    pub fn profile(self, name: &str) -> Self {
        Self { profile: name.to_owned(), ..self }
    }

    /// The same with a planted bug, which the binary must have been built with.
    #[must_use]
    pub fn with_bug(mut self, name: &str) -> Self {
        self.environment.push(("REGISTRY_BUG".to_owned(), name.to_owned()));
        self
    }

    /// The same with a key of the configuration set.
    #[must_use]
    pub fn with(mut self, section: &str, key: &str, value: impl ToString) -> Self {
        let name = format!("REGISTRY__{}__{}", section.to_uppercase(), key.to_uppercase());
        self.environment.push((name, value.to_string()));
        self
    }
}

/// The region of a node.
pub fn region(node_id: u64) -> &'static str {
    let place = usize::try_from(node_id.saturating_sub(1)).unwrap_or(0);
    REGIONS[place % REGIONS.len()]
}
