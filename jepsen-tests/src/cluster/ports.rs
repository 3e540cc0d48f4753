//! Ports: found free in groups, so that no two nodes get the same.

use std::net::TcpListener;

/// Where one node listens, on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// HTTP.
    pub http: u16,
    /// Peers.
    pub peer: u16,
    /// gRPC for clients.
    pub grpc: u16,
}

/// Where ports are looked for: below those that the kernel gives to outgoing connections and to listeners that do not care,
/// so that nothing takes a node's port while the node is down.
const RANGE: std::ops::Range<u16> = 12_000..32_000;
/// Ports that are tried before this gives up.
const ATTEMPTS_MAX: usize = 10_000;

/// Finds free ports for `nodes` nodes. Another drill may still take one before its node starts; see `Cluster::ready`.
///
/// # Panics
/// If the machine has no free ports.
pub fn find(nodes: usize) -> Vec<Ports> {
    // All are held until the last is chosen, or one could be chosen twice.
    let mut held: Vec<TcpListener> = Vec::new();
    for _ in 0..ATTEMPTS_MAX {
        if held.len() == 3 * nodes {
            break;
        }
        let port = rand::random_range(RANGE);
        held.extend(TcpListener::bind(("127.0.0.1", port)).ok());
    }
    assert!(held.len() == 3 * nodes, "no {} free ports in {RANGE:?} on loopback", 3 * nodes);
    let port = |listener: &TcpListener| listener.local_addr().expect("a bound listener has an address").port();
    held.chunks(3).map(|three| Ports { http: port(&three[0]), peer: port(&three[1]), grpc: port(&three[2]) }).collect()
}
