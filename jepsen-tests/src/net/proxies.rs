//! One proxy per ordered pair of nodes, and per group of clients and node, steered while it runs.
//!
//! Node i finds node j at the proxy i → j, so every pair can be broken by itself, in each direction by itself. A cut is
//! described in packets: [`Proxies::cut`] from a to b stops what a sends to b on connections that either of them opened.
//! Clients reach each node through a proxy of their group. No root is needed.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::link::{Direction, Link, Loss, State};
use super::{Figures, Origin};

/// All proxies of a cluster.
#[derive(Debug)]
pub struct Proxies {
    links: BTreeMap<(Origin, u64), Link>,
}

/// Groups of clients that can be cut off by themselves.
pub const CLIENT_GROUPS: u8 = 2;

impl Proxies {
    /// Opens a proxy for every ordered pair; `peer` and `http` say where nodes listen.
    ///
    /// # Panics
    /// If a port cannot be bound.
    pub async fn open(peer: &BTreeMap<u64, SocketAddr>, http: &BTreeMap<u64, SocketAddr>) -> Self {
        let mut links = BTreeMap::new();
        for (to, address) in peer {
            for from in peer.keys().filter(|from| *from != to) {
                links.insert((Origin::Node(*from), *to), Link::open(*address).await);
            }
        }
        for (to, address) in http {
            for group in 0..CLIENT_GROUPS {
                links.insert((Origin::Clients(group), *to), Link::open(*address).await);
            }
        }
        Self { links }
    }

    /// Where `from` finds `to`.
    ///
    /// # Panics
    /// If there is no such pair.
    pub fn address(&self, from: Origin, to: u64) -> SocketAddr {
        self.links[&(from, to)].address
    }

    /// Changes the state of one proxy.
    ///
    /// # Panics
    /// If there is no such pair.
    pub fn change(&self, from: Origin, to: u64, change: impl FnOnce(&mut State)) {
        self.links[&(from, to)].change(change);
    }

    /// Stops what `from` sends to `to`, on the connections of both.
    pub fn cut(&self, from: u64, to: u64, loss: Loss) {
        self.change(Origin::Node(from), to, |state| state.forward.loss = loss);
        self.change(Origin::Node(to), from, |state| state.back.loss = loss);
    }

    /// Refuses connections between these two and breaks those there are.
    pub fn refuse(&self, one: u64, other: u64) {
        for (from, to) in [(one, other), (other, one)] {
            self.change(Origin::Node(from), to, |state| {
                state.refuse = true;
                state.resets += 1;
            });
        }
    }

    /// Breaks the connections between these two once.
    pub fn reset(&self, one: u64, other: u64) {
        for (from, to) in [(one, other), (other, one)] {
            self.change(Origin::Node(from), to, |state| state.resets += 1);
        }
    }

    /// Lets so many bytes a second pass between two nodes, each way on each link, 20 to 220 ms late.
    pub fn thin(&self, one: u64, other: u64, bytes_per_second: u64) {
        for (from, to) in [(one, other), (other, one)] {
            self.change(Origin::Node(from), to, |state| {
                for direction in [&mut state.forward, &mut state.back] {
                    *direction = Direction { bytes_per_second, delay_ms: 20, jitter_ms: 200, ..*direction };
                }
            });
        }
    }

    /// Delays everything between two nodes by so much each way.
    pub fn delay(&self, one: u64, other: u64, delay_ms: u64, jitter_ms: u64) {
        for (from, to) in [(one, other), (other, one)] {
            self.change(Origin::Node(from), to, |state| {
                for direction in [&mut state.forward, &mut state.back] {
                    direction.delay_ms = delay_ms;
                    direction.jitter_ms = jitter_ms;
                }
            });
        }
    }

    /// Every link as it was made; connections that lost bytes do not come back.
    pub fn heal(&self) {
        for link in self.links.values() {
            link.change(|state| *state = State { resets: state.resets, ..State::default() });
        }
    }

    /// What the proxies did so far, all together.
    pub fn figures(&self) -> Figures {
        let mut sum = Figures::default();
        for link in self.links.values() {
            sum.add(link.figures());
        }
        sum
    }
}
