//! Ports: found free by letting the kernel choose, in groups, so that no two nodes get the same.

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

/// Finds free ports for `nodes` nodes. Between this and their start another program may take one; see `Cluster::ready`.
///
/// # Panics
/// If the machine has no free ports.
pub fn find(nodes: usize) -> Vec<Ports> {
    let bind = || TcpListener::bind("127.0.0.1:0").expect("bind a free port on loopback");
    // All are held until the last is chosen, or the kernel could give one twice.
    let held: Vec<_> = (0..nodes).map(|_| (bind(), bind(), bind())).collect();
    let port = |listener: &TcpListener| listener.local_addr().expect("a bound listener has an address").port();
    held.iter().map(|(http, peer, grpc)| Ports { http: port(http), peer: port(peer), grpc: port(grpc) }).collect()
}
