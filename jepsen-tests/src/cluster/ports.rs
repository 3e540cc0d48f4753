//! Ports: on loopback found free in groups, so that no two nodes get the same; in a namespace of its own a node has them all.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Where one node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// HTTP.
    pub http: SocketAddr,
    /// Peers.
    pub peer: SocketAddr,
    /// gRPC for clients.
    pub grpc: SocketAddr,
}

impl Ports {
    /// Three in a row.
    pub fn consecutive_from(host: Ipv4Addr, first: u16) -> Self {
        let at = |port: u16| SocketAddr::from((host, port));
        Self { http: at(first), peer: at(first + 1), grpc: at(first + 2) }
    }
}

/// Where ports are looked for: below those that the kernel gives to outgoing connections and to listeners that do not care,
/// so that nothing takes a node's port while the node is down.
pub const FIRST: u16 = 12_000;
/// Ports of one cluster: one that is held as long as the cluster lives, so that no other drill takes the rest, and three a node.
const BLOCK: u16 = 32;
const BLOCKS: u16 = 600;

/// The ports of a cluster, and what keeps other drills from them.
#[derive(Debug)]
pub struct Block {
    /// Ports, node by node.
    pub ports: Vec<Ports>,
    _guard: TcpListener,
}

/// Finds free ports for `nodes` nodes.
///
/// # Panics
/// If the machine has no free ports.
pub fn find_free(nodes: u16) -> Block {
    assert!(3 * nodes < BLOCK, "a cluster has room for {} nodes", (BLOCK - 1) / 3);
    let start = rand::random_range(0..BLOCKS);
    let free = |address: SocketAddr| TcpListener::bind(address).is_ok();
    for number in 0..BLOCKS {
        let guard = FIRST + (start + number) % BLOCKS * BLOCK;
        let Ok(held) = TcpListener::bind(("127.0.0.1", guard)) else { continue };
        let firsts = (0..nodes).map(|node| guard + 1 + 3 * node);
        let ports: Vec<_> = firsts.map(|first| Ports::consecutive_from(Ipv4Addr::LOCALHOST, first)).collect();
        if ports.iter().all(|ports| free(ports.http) && free(ports.peer) && free(ports.grpc)) {
            return Block { ports, _guard: held };
        }
    }
    panic!("no {} free ports in a row from {FIRST} on", 3 * nodes);
}
