//! Drills: a cluster, clients, faults, and a verdict, under a name.

mod artefacts;
pub mod catalogue;
pub mod checks;
mod live_checks;
pub mod load;
pub mod monitor;
pub mod report;
pub mod run;
mod strike;
pub mod timeline;

use crate::cluster::Spec;
use crate::nemesis::{Ambient, Fault};
use crate::net::{Network, kernel};
use crate::ops::clients::ClientCounts;

/// A named scenario.
#[derive(Debug, Clone)]
pub struct Drill {
    /// Its name on the command line.
    pub name: String,
    /// What it proves, and what it cannot, in a sentence.
    pub about: &'static str,
    /// First members.
    pub nodes: u64,
    /// Timing profile.
    pub profile: &'static str,
    /// What breaks the network.
    pub network: Network,
    /// Faults, in this order, again and again.
    pub faults: Vec<Fault>,
    /// Faults that last while the others strike, in this order, again and again; none: one fault at a time.
    pub ambient: Vec<Ambient>,
    /// How many strikes in all.
    pub strikes: usize,
    /// Small snapshots and a short log.
    pub compacting: bool,
    /// The processes that run meanwhile.
    pub clients: ClientCounts,
    /// Clients of the registration workload.
    pub registering: usize,
}

impl Drill {
    /// Can it run on this machine, by this user?
    ///
    /// # Errors
    /// Why not.
    pub fn check_possible(&self) -> Result<(), String> {
        match self.network {
            Network::Loopback | Network::Proxies => Ok(()),
            Network::Namespaces => kernel::possible()
                .map_err(|error| format!("it needs root, iproute2 and a kernel with network namespaces: {error}")),
        }
    }

    /// The cluster that it needs.
    pub fn cluster_spec(&self) -> Spec {
        let spec = Spec::of(self.nodes).over(self.network).shimmed().named().profile(self.profile);
        if self.compacting {
            spec.with("compaction", "snapshot_entries", 100).with("compaction", "keep_entries", 10)
        } else {
            spec
        }
    }
}
