//! The configuration: one TOML file, then environment, then flags. Unknown keys are errors.
//!
//! `cluster.toml.example` documents every key; a test keeps it true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

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
    /// The listener for peers.
    pub peer: PeerConfig,
    /// How reads are answered.
    #[serde(default)]
    pub read: ReadConfig,
    /// Limits on requests.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// When snapshots are taken and the log is purged.
    #[serde(default)]
    pub compaction: CompactionConfig,
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
    #[serde(default)]
    pub peer_overrides: BTreeMap<String, String>,
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
}

fn default_snapshot_rate() -> u64 {
    64 * 1024 * 1024
}

/// How reads are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadConfig {
    /// `default`, `local`, `linearizable`, or `bounded:<milliseconds>`; a request may choose otherwise.
    pub consistency: String,
}

impl Default for ReadConfig {
    fn default() -> Self {
        Self { consistency: "default".to_owned() }
    }
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

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConfigError {
    #[error("read {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: {message}")]
    Parse { path: String, message: String },
    #[error("{key}: {reason}")]
    Value { key: &'static str, reason: String },
}

/// Environment variables that override keys: `REGISTRY__SECTION__KEY`.
const ENVIRONMENT_PREFIX: &str = "REGISTRY__";

impl Config {
    /// Reads the file, lets the environment override single keys, and checks the whole.
    ///
    /// # Errors
    /// [`ConfigError`] says which key is wrong and why.
    pub fn load(path: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.display().to_string(), source })?;
        let parse = |message: String| ConfigError::Parse { path: path.display().to_string(), message };
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| parse(error.to_string()))?;
        for (name, value) in environment {
            if let Some(name) = name.strip_prefix(ENVIRONMENT_PREFIX) {
                override_key(&mut table, name, &value).map_err(parse)?;
            }
        }
        let config: Self = table.try_into().map_err(|error: toml::de::Error| parse(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, reason: &str| Err(ConfigError::Value { key, reason: reason.to_owned() });
        if self.node.id == 0 {
            return wrong("node.id", "must be at least 1");
        }
        if self.cluster.id.is_empty() || self.cluster.id.len() > 64 {
            return wrong("cluster.id", "must have 1 to 64 bytes");
        }
        if self.peer.snapshot_bytes_per_second == 0 {
            return wrong("peer.snapshot_bytes_per_second", "must be at least 1");
        }
        for key in self.cluster.peer_overrides.keys() {
            if key.parse::<u64>().is_err() {
                return wrong("cluster.peer_overrides", "keys are node ids");
            }
        }
        if crate::service::Consistency::parse(&self.read.consistency).is_none() {
            return wrong("read.consistency", "is one of default, local, linearizable, bounded:<milliseconds>");
        }
        Ok(())
    }
}

fn override_key(table: &mut toml::Table, name: &str, value: &str) -> Result<(), String> {
    let mut parts: Vec<String> = name.split("__").map(str::to_ascii_lowercase).collect();
    let key = parts.pop().ok_or("empty name of an environment variable")?;
    let mut place = table;
    for part in parts {
        let section = place.entry(part.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        place = section.as_table_mut().ok_or_else(|| format!("{ENVIRONMENT_PREFIX}{name}: {part} is not a section"))?;
    }
    let parsed = value.parse::<toml::Value>().unwrap_or_else(|_| toml::Value::String(value.to_owned()));
    place.insert(key, parsed);
    Ok(())
}
