//! How many files and sockets this process may have open, and who may have how many of them.
//!
//! A node that runs out of descriptors cannot write its log: it would have to end itself. So clients never get more than
//! what is left when the disk, the other nodes and whoever administrates have theirs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the databases may have open at once (each has a limit of its own), with one more state while a snapshot is
/// installed; text logs, marks, directories, the standard streams, the runtime's own.
const DISK_MAX: u64 = 256 + 2 * 512 + 256;
/// Connections of other nodes. Each member holds a few; the rest is for those who only look.
const PEERS_MAX: u64 = 256;
/// Connections that this node makes to other nodes.
const OUTGOING_MAX: u64 = 128;
/// Fewer than this serve nobody.
const CLIENTS_MIN: u64 = 32;

/// What a process may have open, after it asked for as much as it can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    /// The limit before.
    pub before: u64,
    /// The limit now.
    pub now: u64,
}

/// Raises the soft limit of open files to the hard one: the default of 1,024 is for programs that use `select`.
pub fn raise_limit() -> Raised {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let before = current.unwrap_or(u64::MAX);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = raised {
        tracing::warn!(%error, "raise the limit of open files");
    }
    Raised { before, now: soft_limit() }
}

/// What this process may have open.
pub fn soft_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// How many connections each listener may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// Of clients that speak HTTP.
    pub http: usize,
    /// Of clients that speak gRPC.
    pub grpc: usize,
    /// Of other nodes.
    pub peer: usize,
}

/// Shares `limit` descriptors out. `clients_max` is the most that any listener of clients gets.
pub fn share_out(limit: u64, clients_max: usize, has_grpc: bool) -> Shares {
    // Where there is little, the databases get half of it: they reach their limits only with much data.
    let disk = DISK_MAX.min(limit / 2);
    let peers = PEERS_MAX.min(limit / 8);
    let outgoing = OUTGOING_MAX.min(limit / 16);
    let clients = limit.saturating_sub(disk + peers + outgoing).max(CLIENTS_MIN);
    let each = if has_grpc { clients / 2 } else { clients };
    let bounded = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    Shares { http: bounded(each).min(clients_max), grpc: bounded(each).min(clients_max), peer: bounded(peers) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_never_get_what_the_disk_needs() {
        for limit in [256, 1_024, 4_096, 65_536, u64::MAX] {
            for has_grpc in [false, true] {
                let Shares { http, grpc, peer } = share_out(limit, 8_192, has_grpc);
                let clients = http as u64 + if has_grpc { grpc as u64 } else { 0 };
                assert!(
                    clients + peer as u64 + limit / 2 <= limit || clients <= 2 * 8_192,
                    "{limit}: {http} {grpc} {peer}"
                );
                assert!(http >= 16 && peer >= 16, "{limit}: {http} {grpc} {peer}");
            }
        }
        assert_eq!(share_out(1_024, 8_192, false), Shares { http: 320, grpc: 320, peer: 128 });
        assert_eq!(share_out(524_288, 8_192, true), Shares { http: 8_192, grpc: 8_192, peer: 256 });
        assert_eq!(share_out(524_288, 100, true), Shares { http: 100, grpc: 100, peer: 256 });
    }

    #[test]
    fn the_limit_can_be_raised_to_what_it_may_be() {
        let Raised { before, now } = raise_limit();
        assert!(now >= before);
        assert_eq!(Some(now), getrlimit(Resource::Nofile).maximum.or(Some(u64::MAX)));
    }
}
