//! The configuration: one TOML file, then environment, then flags. Unknown keys are errors.
//!
//! `cluster.toml.example` documents every key; a test keeps it true.

mod access;
mod load;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::consistency::Consistency;
use crate::sockets::Patience;
use crate::tls::{PeerTlsConfig, TlsConfig};
pub(crate) use access::is_safe_url;
pub use access::{AuthConfig, IssuerConfig, RateOverride, Rates, RatesConfig};
pub use load::ConfigError;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This node.
    pub node: NodeConfig,
    /// The cluster; the same on all nodes unless a key says otherwise.
    pub cluster: ClusterConfig,
    /// The HTTP listener.
    pub http: HttpConfig,
    /// The gRPC listener; none without this section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<GrpcConfig>,
    /// TLS on the listeners for HTTP and gRPC.
    #[serde(default)]
    pub tls: TlsConfig,
    /// The listener for peers.
    pub peer: PeerConfig,
    /// How reads are answered.
    #[serde(default)]
    pub read: ReadConfig,
    /// Limits on requests.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Limits on connections.
    #[serde(default)]
    pub connections: ConnectionsConfig,
    /// Space on the disk.
    #[serde(default)]
    pub disk: DiskConfig,
    /// When snapshots are taken and the log is purged.
    #[serde(default)]
    pub compaction: CompactionConfig,
    /// How the data on the disk is verified.
    #[serde(default)]
    pub scrub: ScrubConfig,
    /// Backups by schedule, and where they are kept.
    #[serde(default)]
    pub backup: BackupConfig,
    /// What is kept secret.
    #[serde(default)]
    pub security: SecurityConfig,
    /// What is kept of who did what.
    #[serde(default)]
    pub audit: AuditConfig,
    /// Who may do what.
    #[serde(default)]
    pub auth: AuthConfig,
    /// How often.
    #[serde(default)]
    pub rates: RatesConfig,
}

/// Backups by schedule, and where they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupConfig {
    /// Where this node keeps backups. Empty: nowhere.
    pub directory: PathBuf,
    /// Seconds between two scheduled backups, made by whoever leads; 0 for none.
    pub every_seconds: u64,
    /// Full backups that are kept, each with the incremental ones that follow it.
    pub keep: usize,
    /// Incremental backups between two full ones.
    pub incrementals: u32,
    /// File with the keys that backups are encrypted with, the newest first. Empty: they are not encrypted.
    pub key_file: PathBuf,
}

impl Default for BackupConfig {
    fn default() -> Self {
        // Two weeks of a daily schedule.
        Self { directory: PathBuf::new(), every_seconds: 0, keep: 14, incrementals: 0, key_file: PathBuf::new() }
    }
}

/// What is kept of who did what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// Keep the addresses that changes and refused attempts came from? Off unless asked for: they are personal data in many
    /// places, and stay as long as the record.
    pub addresses: bool,
}

/// What is kept secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityConfig {
    /// File with the secrets that sensitive metadata is sealed under, one a line, the newest first; the same on all nodes.
    /// Empty: metadata is stored as it comes.
    #[serde(default)]
    pub metadata_secret_file: PathBuf,
}

impl SecurityConfig {
    /// The secrets, as the file has them.
    ///
    /// # Errors
    /// If there is a file and it cannot be read.
    pub fn metadata_secrets(&self) -> Result<String, ConfigError> {
        let path = &self.metadata_secret_file;
        if path.as_os_str().is_empty() {
            return Ok(String::new());
        }
        std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.display().to_string(), source })
    }
}

/// This node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Its id, at least 1; never used again for another disk.
    pub id: u64,
    /// The region it stands in.
    pub region: String,
    /// Where its data lies.
    pub data_dir: PathBuf,
    /// Preference for leadership; higher is preferred.
    #[serde(default)]
    pub priority: u32,
}

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Its identity: in every record of its foundation, every call between nodes, every snapshot.
    pub id: String,
    /// Timing: `lan`, `lan-fast`, `wan` or `global`.
    #[serde(default = "default_profile")]
    pub profile: Profile,
    /// The first members, for `--bootstrap`; later changes go through the admin API.
    #[serde(default)]
    pub members: Vec<MemberConfig>,
    /// Where this node finds peers, instead of the address in the membership (node id → host:port). For proxies and tests.
    #[serde(default, deserialize_with = "ids_and_addresses")]
    pub peer_overrides: BTreeMap<u64, String>,
    /// Does the leader keep the cluster's level where it is, although every member's program knows a higher one? For who
    /// wants to be able to go back to the older program for a while after an upgrade.
    #[serde(default)]
    pub hold_level: bool,
}

fn default_profile() -> Profile {
    Profile::Lan
}

/// A first member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// Its id.
    pub id: u64,
    /// `host:port` of its peer listener.
    pub peer_address: String,
    /// Base URL of its HTTP listener.
    pub http_url: String,
    /// Its region.
    pub region: String,
    /// Its preference for leadership.
    #[serde(default)]
    pub priority: u32,
}

/// Timing of heartbeats and elections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// One site.
    Lan,
    /// One site with quiet machines: fails over in about half the time, and may elect needlessly on busy ones.
    LanFast,
    /// Round trips up to 150 ms.
    Wan,
    /// Round trips up to 300 ms.
    Global,
}

/// The times of a profile, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Between heartbeats; also the hard time limit of one.
    pub heartbeat_ms: u64,
    /// Shortest wait for a heartbeat before an election.
    pub election_ms_min: u64,
    /// Longest wait, and the leader's lease.
    pub election_ms_max: u64,
}

impl Profile {
    /// The times of the profile.
    pub fn timing(self) -> Timing {
        let (heartbeat_ms, election_ms_min, election_ms_max) = match self {
            Self::Lan => (100, 500, 800),
            Self::LanFast => (50, 200, 300),
            Self::Wan => (300, 1500, 2400),
            Self::Global => (600, 2500, 4000),
        };
        Timing { heartbeat_ms, election_ms_min, election_ms_max }
    }
}

/// The HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// `host:port` to listen on.
    pub listen: String,
    /// Answer in the shape of Confluent 7.x: no guid, ts, schemaType for Avro; register answers the id alone.
    #[serde(default)]
    pub legacy_responses: bool,
    /// The header, and gRPC metadata, that names the principal; empty is none. Only behind a proxy that sets it itself.
    #[serde(default)]
    pub principal_header: String,
    /// How long a node that stops goes on to serve, and says that it will not, in milliseconds.
    #[serde(default = "default_drain_ms")]
    pub drain_ms: u64,
    /// Origins whose pages browsers let read answers (CORS); none, or `*` for all.
    #[serde(default)]
    pub cors_origins: Vec<String>,
}

fn default_drain_ms() -> u64 {
    // A probe that asks every second has seen it twice.
    2_000
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: String::new(),
            legacy_responses: false,
            principal_header: String::new(),
            drain_ms: default_drain_ms(),
            cors_origins: Vec::new(),
        }
    }
}

/// The gRPC listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcConfig {
    /// `host:port` to listen on.
    pub listen: String,
}

/// The listener for peers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// `host:port` to listen on.
    pub listen: String,
    /// Bytes per second that a snapshot may take of the network.
    #[serde(default = "default_snapshot_rate")]
    pub snapshot_bytes_per_second: u64,
    /// TLS between nodes.
    #[serde(default)]
    pub tls: PeerTlsConfig,
}

fn default_snapshot_rate() -> u64 {
    64 * 1024 * 1024
}

/// How reads are answered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadConfig {
    /// `default`, `local`, `linearizable`, or `bounded:<milliseconds>`; a request may choose otherwise.
    #[serde(deserialize_with = "consistency_of_reads")]
    pub consistency: Consistency,
}

/// A session's index is a matter of one client, not of a node.
fn consistency_of_reads<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Consistency, D::Error> {
    const EXPECTED: &str = "one of default, local, linearizable, bounded:<milliseconds>";
    match Consistency::deserialize(deserializer) {
        Ok(Consistency::Session(_)) | Err(_) => {
            Err(serde::de::Error::custom(format!("read.consistency is {EXPECTED}")))
        }
        consistency => consistency,
    }
}

/// Keys of TOML are texts; these are ids of nodes.
fn ids_and_addresses<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u64, String>, D::Error> {
    let table = BTreeMap::<String, String>::deserialize(deserializer)?;
    let parsed = table.into_iter().map(|(id, address)| match id.parse() {
        Ok(id) => Ok((id, address)),
        Err(_) => Err(serde::de::Error::custom(format!("cluster.peer_overrides: keys are node ids, not \"{id}\""))),
    });
    parsed.collect()
}

/// Limits on requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Longest request body in bytes.
    pub body_bytes_max: usize,
    /// Longest time for one request in milliseconds.
    pub request_ms_max: u64,
    /// Requests under way at once.
    pub requests_max: usize,
    /// Bytes of proposals under way at once.
    pub proposal_bytes_max: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_bytes_max: 2 * 1024 * 1024,
            request_ms_max: 10_000,
            requests_max: 4_096,
            proposal_bytes_max: 64 * 1024 * 1024,
        }
    }
}

impl LimitsConfig {
    /// Longest time for one request.
    pub fn request_time_max(&self) -> Duration {
        Duration::from_millis(self.request_ms_max)
    }
}

/// Limits on the connections of clients. The operating system's limit of open files bounds them as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionsConfig {
    /// Connections of one listener at once.
    pub count_max: usize,
    /// Longest time for the head of a request to arrive, and for a handshake, in milliseconds.
    pub head_ms_max: u64,
    /// Longest time without a request, in milliseconds.
    pub idle_ms_max: u64,
    /// Longest time that a client takes nothing of an answer, in milliseconds.
    pub write_ms_max: u64,
}

impl Default for ConnectionsConfig {
    fn default() -> Self {
        // Pools of clients keep a connection for a minute or a few; whoever closes first should be the client.
        Self { count_max: 8_192, head_ms_max: 10_000, idle_ms_max: 300_000, write_ms_max: 30_000 }
    }
}

impl ConnectionsConfig {
    /// How long a connection may take for what.
    pub fn patience(&self) -> Patience {
        Patience {
            head: Duration::from_millis(self.head_ms_max),
            idle: Duration::from_millis(self.idle_ms_max),
            write: Duration::from_millis(self.write_ms_max),
        }
    }
}

/// When snapshots are taken and the log is purged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompactionConfig {
    /// Take a snapshot when this many entries were applied since the last one.
    pub snapshot_entries: u64,
    /// Keep at least this many entries behind a snapshot for followers that lag.
    pub keep_entries: u64,
}

impl Default for CompactionConfig {
    fn default() -> Self {
        Self { snapshot_entries: 100_000, keep_entries: 50_000 }
    }
}

/// Space on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskConfig {
    /// Free bytes below which clients' writes are refused; 0 is 256 MiB, or a fifth of a smaller disk.
    pub reserve_bytes: u64,
}

/// How the data on the disk is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScrubConfig {
    /// Bytes to verify before the node serves.
    pub start_bytes_max: u64,
    /// Bytes to verify in a second while it serves; 0 for none.
    pub bytes_per_second: u64,
    /// Seconds between two rounds over everything.
    pub pause_seconds: u64,
}

impl Default for ScrubConfig {
    fn default() -> Self {
        // Half a second of a common disk; then a hundredth of what it gives.
        Self { start_bytes_max: 256 * 1024 * 1024, bytes_per_second: 4 * 1024 * 1024, pause_seconds: 3_600 }
    }
}

#[cfg(test)]
mod tests;
