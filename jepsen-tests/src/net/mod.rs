//! The network between nodes, and between clients and nodes, broken while it runs: by proxies or by the kernel.
//!
//! The specification of a cluster decides which; faults ask the [`Mesh`] what it can do and see no further difference.
//! A cut is described in packets: [`Mesh::cut`] from a to b stops what a sends to b on connections that either of them opened.

mod figures;
pub mod kernel;
mod link;
mod proxies;

use std::net::SocketAddr;

pub use figures::Figures;
pub use kernel::Namespaces;
pub use link::{Direction, Loss, State};
pub use proxies::{CLIENT_GROUPS, Proxies};

/// What a cluster's nodes find each other over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Loopback, and nothing that could break it.
    #[default]
    Loopback,
    /// Loopback, with a proxy for every ordered pair.
    Proxies,
    /// A network namespace for every node, joined by a bridge. Needs root.
    Namespaces,
}

/// Who opens connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A node.
    Node(u64),
    /// A group of clients.
    Clients(u8),
}

/// How a cut treats what is sent into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// By a proxy: bytes wait and arrive when the link heals.
    Held,
    /// By a proxy: bytes are gone, and their connection stays silent for ever.
    Swallowed,
    /// By the receiver's kernel: packets vanish without a word. TCP sends them again until the link heals.
    Dropped,
    /// By the sender's kernel, which has no route: a new connection is refused immediately, established ones are silent.
    Unrouted,
}

/// A network that can be broken.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one in a cluster")]
pub enum Mesh {
    /// Through proxies.
    Proxies(Proxies),
    /// In the kernel.
    Namespaces(Namespaces),
}

impl Mesh {
    /// Where `from` finds `to`, if it is not where `to` listens.
    pub fn address(&self, from: Origin, to: u64) -> Option<SocketAddr> {
        match self {
            Self::Proxies(proxies) => Some(proxies.address(from, to)),
            Self::Namespaces(_) => None,
        }
    }

    /// What a node's command line begins with, so that it runs where this network wants it.
    pub fn launcher(&self, id: u64) -> Vec<String> {
        match self {
            Self::Proxies(_) => Vec::new(),
            Self::Namespaces(namespaces) => namespaces.launcher(id),
        }
    }

    /// The two kinds of cuts that this network can make.
    pub fn cuts(&self) -> [Cut; 2] {
        match self {
            Self::Proxies(_) => [Cut::Held, Cut::Swallowed],
            Self::Namespaces(_) => [Cut::Dropped, Cut::Unrouted],
        }
    }

    /// Stops what `from` sends to `to`, on the connections of both.
    ///
    /// # Panics
    /// If this network does not make such cuts.
    pub fn cut(&self, from: u64, to: u64, cut: Cut) {
        match (self, cut) {
            (Self::Proxies(proxies), Cut::Held) => proxies.cut(from, to, Loss::Held),
            (Self::Proxies(proxies), Cut::Swallowed) => proxies.cut(from, to, Loss::Swallowed),
            (Self::Namespaces(namespaces), Cut::Dropped) => namespaces.drop_packets(from, to),
            (Self::Namespaces(namespaces), Cut::Unrouted) => namespaces.unroute(from, to),
            (Self::Proxies(_), Cut::Dropped | Cut::Unrouted) | (Self::Namespaces(_), Cut::Held | Cut::Swallowed) => {
                panic!("this network makes no cut of the kind {cut:?}, but {:?}", self.cuts())
            }
        }
    }

    /// Stops everything between these two, in both directions.
    pub fn separate(&self, one: u64, other: u64, cut: Cut) {
        self.cut(one, other, cut);
        self.cut(other, one, cut);
    }

    /// Separates two groups of nodes.
    pub fn partition(&self, one: &[u64], others: &[u64], cut: Cut) {
        for a in one {
            for b in others {
                self.separate(*a, *b, cut);
            }
        }
    }

    /// Refuses connections between these two and breaks those there are.
    pub fn refuse(&self, one: u64, other: u64) {
        match self {
            Self::Proxies(proxies) => proxies.refuse(one, other),
            Self::Namespaces(namespaces) => {
                self.separate(one, other, Cut::Unrouted);
                namespaces.reset(one, other);
            }
        }
    }

    /// Breaks the connections between these two once.
    pub fn reset(&self, one: u64, other: u64) {
        match self {
            Self::Proxies(proxies) => proxies.reset(one, other),
            Self::Namespaces(namespaces) => namespaces.reset(one, other),
        }
    }

    /// Lets only so much pass between a node and each of the others; with proxies it comes late, too.
    pub fn thin(&self, one: u64, others: &[u64], bytes_per_second: u64) {
        match self {
            Self::Proxies(proxies) => others.iter().for_each(|other| proxies.thin(one, *other, bytes_per_second)),
            Self::Namespaces(namespaces) => namespaces.thin(one, bytes_per_second),
        }
    }

    /// Everything as it was made. What was lost does not come back.
    pub fn heal(&self) {
        match self {
            Self::Proxies(proxies) => proxies.heal(),
            Self::Namespaces(namespaces) => namespaces.heal(),
        }
    }

    /// What was done so far, all together.
    pub fn figures(&self) -> Figures {
        match self {
            Self::Proxies(proxies) => proxies.figures(),
            Self::Namespaces(namespaces) => namespaces.figures(),
        }
    }

    /// The proxies, for faults that only they can make.
    ///
    /// # Panics
    /// If the cluster was made without.
    pub fn proxies(&self) -> &Proxies {
        match self {
            Self::Proxies(proxies) => proxies,
            Self::Namespaces(_) => panic!("the cluster was made with namespaces, not with proxies"),
        }
    }

    /// The namespaces, for faults that only the kernel can make.
    ///
    /// # Panics
    /// If the cluster was made without.
    pub fn namespaces(&self) -> &Namespaces {
        match self {
            Self::Namespaces(namespaces) => namespaces,
            Self::Proxies(_) => panic!("the cluster was made with proxies, not with namespaces"),
        }
    }
}
