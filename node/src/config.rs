//! The configuration: one TOML file, then environment, then flags. Unknown keys are errors.
//!
//! `cluster.toml.example` documents every key; a test keeps it true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::consistency::Consistency;
use crate::sockets::Patience;

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
    /// Who may do what.
    #[serde(default)]
    pub auth: AuthConfig,
    /// How often.
    #[serde(default)]
    pub rates: RatesConfig,
}

/// How often one client may ask this node. A client is a principal, and where nobody said who asks, an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RatesConfig {
    /// Reads by name in a second; 0 is no limit, as below.
    pub read: u32,
    /// Lists and searches in a second.
    pub search: u32,
    /// Comparisons, verdicts on data and projections in a second.
    pub validate: u32,
    /// Changes in a second.
    pub write: u32,
    /// Requests about the cluster and access in a second.
    pub admin: u32,
    /// Failed attempts to say who one is, from one address, in a minute.
    pub failed_logins: u32,
    /// Other figures for single principals.
    pub overrides: Vec<RateOverride>,
}

/// Other figures for one principal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "named as those of everybody")]
pub struct RateOverride {
    /// As audit records name it, such as `service-account:ci`.
    pub principal: String,
    pub read: Option<u32>,
    pub search: Option<u32>,
    pub validate: Option<u32>,
    pub write: Option<u32>,
    pub admin: Option<u32>,
}

/// The figures that hold for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as those of the configuration")]
pub struct Rates {
    pub read: u32,
    pub search: u32,
    pub validate: u32,
    pub write: u32,
    pub admin: u32,
    pub failed_logins: u32,
}

impl Default for RatesConfig {
    fn default() -> Self {
        let (read, search, validate, write, admin) = (0, 0, 0, 0, 0);
        Self { read, search, validate, write, admin, failed_logins: 600, overrides: Vec::new() }
    }
}

impl RatesConfig {
    /// For whoever has no figures of their own.
    pub fn rates(&self) -> Rates {
        let Self { read, search, validate, write, admin, failed_logins, overrides: _ } = *self;
        Rates { read, search, validate, write, admin, failed_logins }
    }
}

impl RateOverride {
    /// These figures, and for the others the usual ones.
    pub fn over(&self, usual: Rates) -> Rates {
        Rates {
            read: self.read.unwrap_or(usual.read),
            search: self.search.unwrap_or(usual.search),
            validate: self.validate.unwrap_or(usual.validate),
            write: self.write.unwrap_or(usual.write),
            admin: self.admin.unwrap_or(usual.admin),
            failed_logins: usual.failed_logins,
        }
    }
}

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Is everything forbidden that no role and no policy allows? Otherwise everybody may do everything.
    pub enabled: bool,
    /// Identity providers whose tokens are taken.
    pub issuers: Vec<IssuerConfig>,
}

/// An identity provider (OpenID Connect) whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    /// Its name, as `iss` of its tokens and its discovery document have it, to the letter: an https URL.
    pub issuer: String,
    /// What `aud` of a token must name, one of these.
    pub audiences: Vec<String>,
    /// Where its keys are, if it has no discovery document.
    pub jwks_url: String,
    /// The algorithms of its signatures.
    pub algorithms: Vec<String>,
    /// The claim that names the principal.
    pub principal_claim: String,
    /// The claims that name groups.
    pub group_claims: Vec<String>,
    /// Stands before the names of its principals and groups, so that two issuers never speak of the same one.
    pub prefix: String,
    /// How far its clock and ours may be apart.
    pub leeway_seconds: u64,
}

impl Default for IssuerConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audiences: Vec::new(),
            jwks_url: String::new(),
            algorithms: vec!["RS256".to_owned(), "ES256".to_owned()],
            principal_claim: "sub".to_owned(),
            group_claims: vec!["groups".to_owned()],
            prefix: String::new(),
            leeway_seconds: 60,
        }
    }
}

impl AuthConfig {
    /// What is wrong with it, if anything is.
    fn fault(&self) -> Option<(&'static str, String)> {
        const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
        /// A clock that is further away than this is wrong.
        const LEEWAY_SECONDS_MAX: u64 = 300;
        let mut prefixes = std::collections::BTreeSet::new();
        for IssuerConfig { issuer, audiences, jwks_url, algorithms, prefix, leeway_seconds, .. } in &self.issuers {
            if !crate::auth::is_safe(issuer) {
                return Some(("auth.issuers.issuer", format!("must be an https URL, not \"{issuer}\"")));
            }
            if audiences.is_empty() || audiences.iter().any(String::is_empty) {
                return Some(("auth.issuers.audiences", format!("must name what the tokens of {issuer} are for")));
            }
            if !jwks_url.is_empty() && !crate::auth::is_safe(jwks_url) {
                return Some(("auth.issuers.jwks_url", format!("must be an https URL, not \"{jwks_url}\"")));
            }
            if let Some(unknown) = algorithms.iter().find(|name| !ALGORITHMS.contains(&name.as_str())) {
                let known = ALGORITHMS.join(", ");
                return Some(("auth.issuers.algorithms", format!("are some of {known}, not \"{unknown}\"")));
            }
            if algorithms.is_empty() {
                return Some(("auth.issuers.algorithms", "must name at least one".to_owned()));
            }
            if !prefixes.insert(prefix) {
                return Some((
                    "auth.issuers.prefix",
                    "must differ between issuers: each could name the other's".to_owned(),
                ));
            }
            if *leeway_seconds > LEEWAY_SECONDS_MAX {
                return Some(("auth.issuers.leeway_seconds", format!("must be at most {LEEWAY_SECONDS_MAX}")));
            }
        }
        None
    }
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

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("read {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: {message}")]
    Parse { path: String, message: String },
    #[error("{path}: {}", faults.join("; "))]
    Values { path: String, faults: Vec<String> },
}

/// Longest body that may be configured: text, sent text and metadata of one body fit into one record of the log (16 MiB).
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

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
            } else if let Some(rest) = name.strip_prefix("REGISTRY_")
                && rest.contains("__")
            {
                return Err(parse(format!(
                    "the environment variable {name} names no key: after REGISTRY stand two underscores, as in \
                     {ENVIRONMENT_PREFIX}{rest}"
                )));
            }
        }
        let config: Self = match table.try_into::<Self>() {
            Ok(config) => config,
            // Read once more as it stands in the file, for the line; unless the environment is what is wrong.
            Err(error) => {
                let of_file: Option<toml::de::Error> = toml::from_str::<Self>(&text).err();
                return Err(parse(of_file.unwrap_or(error).to_string()));
            }
        };
        let wrong = config.faults();
        if wrong.is_empty() {
            return Ok(config);
        }
        let lines = wrong.into_iter().map(|(key, reason)| match line_of(&text, &key) {
            Some(line) => format!("line {line}: {key}: {reason}"),
            None => format!("{key}: {reason}"),
        });
        Err(ConfigError::Values { path: path.display().to_string(), faults: lines.collect() })
    }

    /// Everything that is wrong with the values: key and reason.
    fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut wrong = |key: &str, reason: &str| faults.push((key.to_owned(), reason.to_owned()));
        if self.node.id == 0 {
            wrong("node.id", "must be at least 1");
        }
        let id = &self.cluster.id;
        if id.is_empty() || id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
            wrong("cluster.id", "must have 1 to 64 characters of visible ASCII, without spaces");
        }
        if self.cluster.members.is_empty() {
            wrong("cluster.members", "must name the first members: a node with an empty disk asks them");
        }
        let LimitsConfig { body_bytes_max, request_ms_max, requests_max, proposal_bytes_max } = self.limits;
        if body_bytes_max == 0 || request_ms_max == 0 || requests_max == 0 || proposal_bytes_max == 0 {
            wrong("limits", "must be at least 1 each");
        }
        if body_bytes_max > BODY_BYTES_MAX {
            let reason = "must be at most 4 MiB: one record of the log holds what a body brings";
            wrong("limits.body_bytes_max", reason);
        }
        let ConnectionsConfig { count_max, head_ms_max, idle_ms_max, write_ms_max } = self.connections;
        if count_max == 0 || head_ms_max == 0 || idle_ms_max == 0 || write_ms_max == 0 {
            wrong("connections", "must be at least 1 each");
        }
        if let Some((key, reason)) = self.auth.fault() {
            wrong(key, &reason);
        }
        if self.rates.overrides.iter().any(|found| found.principal.is_empty()) {
            wrong("rates.overrides", "each names its principal, such as service-account:ci");
        }
        if self.compaction.snapshot_entries == 0 {
            wrong("compaction.snapshot_entries", "must be at least 1");
        }
        if self.backup.keep == 0 {
            wrong("backup.keep", "must be at least 1: the newest backup is always kept");
        }
        if self.backup.every_seconds > 0 && self.backup.directory.as_os_str().is_empty() {
            wrong("backup.directory", "is needed where backup.every_seconds asks for backups");
        }
        if self.peer.snapshot_bytes_per_second == 0 {
            wrong("peer.snapshot_bytes_per_second", "must be at least 1");
        }
        for origin in &self.http.cors_origins {
            if origin != "*" && !is_url(origin) {
                wrong("http.cors_origins", &format!("{origin:?} is no origin, such as https://console.example.org"));
            }
        }
        if let Err(error) = self.security.metadata_secrets() {
            wrong("security.metadata_secret_file", &error.to_string());
        }
        let data_dir = &self.node.data_dir;
        let there = data_dir.ancestors().find(|path| path.exists());
        if there.is_some_and(|there| !there.is_dir()) || data_dir.as_os_str().is_empty() {
            wrong("node.data_dir", "must be a directory, or a path on which one can be made");
        }
        faults.extend(self.faults_of_addresses());
        faults
    }

    /// What is wrong with addresses, each and among each other.
    fn faults_of_addresses(&self) -> Vec<(String, String)> {
        const LISTEN: &str = "must be host:port, such as 10.0.0.1:18081 or [::]:18081";
        let mut faults = Vec::new();
        let grpc = self.grpc.as_ref().map(|grpc| ("grpc.listen", &grpc.listen));
        let listeners = [("http.listen", &self.http.listen), ("peer.listen", &self.peer.listen)];
        let listeners: Vec<_> = listeners.into_iter().chain(grpc).collect();
        for (place, (key, address)) in listeners.iter().enumerate() {
            if !is_host_and_port(address, true) {
                faults.push(((*key).to_owned(), format!("{address:?} {LISTEN}")));
            }
            let taken = listeners[..place].iter().find(|(_, other)| other == address && !address.ends_with(":0"));
            if let Some((other, _)) = taken {
                faults.push(((*key).to_owned(), format!("{address:?} is the address of {other} as well")));
            }
        }
        for (place, member) in self.cluster.members.iter().enumerate() {
            let MemberConfig { id, peer_address, http_url, .. } = member;
            let mut wrong = |field: &str, reason: String| {
                faults.push((format!("cluster.members[{place}].{field}"), format!("member {id}: {reason}")));
            };
            let before = &self.cluster.members[..place];
            if *id == 0 {
                wrong("id", "must be at least 1".to_owned());
            }
            if before.iter().any(|other| other.id == *id) {
                wrong("id", "another member has this id".to_owned());
            }
            if !is_host_and_port(peer_address, false) {
                wrong("peer_address", format!("{peer_address:?} must be host:port, without http://"));
            }
            if before.iter().any(|other| other.peer_address == *peer_address) {
                wrong("peer_address", format!("{peer_address:?} is another member's, too"));
            }
            if !is_url(http_url) {
                wrong("http_url", format!("{http_url:?} must begin with http:// or https:// and name a host"));
            }
        }
        faults
    }
}

/// `host:port`, with a port that can be; 0 where the operating system may choose one.
fn is_host_and_port(address: &str, may_be_any: bool) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host_is_good && digits && port.parse::<u16>().is_ok_and(|port| port != 0 || may_be_any)
}

/// An absolute URL of HTTP with a host.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let authority = rest.split('/').next().unwrap_or_default();
        !authority.is_empty() && !authority.contains([' ', '@']) && text.parse::<http::Uri>().is_ok()
    })
}

/// The line of the file on which a key stands; none where it comes from the environment, or from a default.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let (section, nth) = match section.split_once('[') {
        Some((section, nth)) => (section, nth.trim_end_matches(']').parse().unwrap_or(0)),
        None => (section, 0_usize),
    };
    let (mut current, mut count) = (String::new(), BTreeMap::<String, usize>::new());
    for (line, content) in text.lines().enumerate() {
        let content = content.trim();
        if let Some(header) = content.strip_prefix('[') {
            current = header.trim_start_matches('[').split(']').next().unwrap_or_default().trim().to_owned();
            *count.entry(current.clone()).or_default() += 1;
            if current == key {
                return Some(line + 1);
            }
        } else if current == section
            && count.get(&current).copied().unwrap_or(0) == nth + 1
            && content.split_once('=').is_some_and(|(found, _)| found.trim() == name)
        {
            return Some(line + 1);
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../cluster.toml.example")
    }

    /// The example with these environment variables.
    fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(&example(), variables)
    }

    fn loaded(name: &str, value: &str) -> Config {
        load(&[(name, value)]).unwrap_or_else(|error| panic!("{name}={value}: {error}"))
    }

    /// A configuration with every key: a new field does not compile until it is here, and then the example must have it.
    fn complete() -> Config {
        Config {
            node: NodeConfig { id: 1, region: String::new(), data_dir: PathBuf::new(), priority: 0 },
            cluster: ClusterConfig {
                id: String::new(),
                profile: Profile::Lan,
                members: vec![MemberConfig {
                    id: 1,
                    peer_address: String::new(),
                    http_url: String::new(),
                    region: String::new(),
                    priority: 0,
                }],
                peer_overrides: BTreeMap::new(),
                hold_level: false,
            },
            http: HttpConfig {
                listen: String::new(),
                legacy_responses: false,
                principal_header: String::new(),
                drain_ms: 1,
                cors_origins: vec![String::new()],
            },
            grpc: Some(GrpcConfig { listen: String::new() }),
            peer: PeerConfig { listen: String::new(), snapshot_bytes_per_second: 1 },
            read: ReadConfig { consistency: Consistency::Default },
            limits: LimitsConfig { body_bytes_max: 1, request_ms_max: 1, requests_max: 1, proposal_bytes_max: 1 },
            connections: ConnectionsConfig { count_max: 1, head_ms_max: 1, idle_ms_max: 1, write_ms_max: 1 },
            disk: DiskConfig { reserve_bytes: 1 },
            compaction: CompactionConfig { snapshot_entries: 1, keep_entries: 1 },
            scrub: ScrubConfig { start_bytes_max: 1, bytes_per_second: 1, pause_seconds: 1 },
            backup: BackupConfig::default(),
            security: SecurityConfig::default(),
            auth: AuthConfig::default(),
            rates: RatesConfig::default(),
        }
    }

    /// The keys below a value, dotted; the tables of an array count as one.
    fn key_paths(prefix: &str, value: &toml::Value, paths: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) if !table.is_empty() => {
                for (key, value) in table {
                    key_paths(format!("{prefix}.{key}").trim_start_matches('.'), value, paths);
                }
            }
            toml::Value::Array(items) if !items.is_empty() => {
                items.iter().for_each(|item| key_paths(prefix, item, paths));
            }
            toml::Value::Table(_)
            | toml::Value::Array(_)
            | toml::Value::String(_)
            | toml::Value::Integer(_)
            | toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_) => {
                paths.insert(prefix.to_owned());
            }
        }
    }

    #[test]
    fn the_example_has_every_key_and_no_other() {
        let text = std::fs::read_to_string(example()).unwrap();
        let (mut shown, mut known) = (BTreeSet::new(), BTreeSet::new());
        key_paths("", &toml::Value::Table(text.parse().unwrap()), &mut shown);
        key_paths("", &toml::Value::try_from(complete()).unwrap(), &mut known);
        assert_eq!(shown, known);
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let config = load(&[]).unwrap();
        assert_eq!(config.node.priority, 0);
        assert_eq!(config.cluster.profile, default_profile());
        assert!(config.cluster.peer_overrides.is_empty());
        assert!(config.cluster.members.iter().all(|member| member.priority == 0));
        assert_eq!(config.http, HttpConfig { listen: config.http.listen.clone(), ..HttpConfig::default() });
        assert_eq!(config.peer.snapshot_bytes_per_second, default_snapshot_rate());
        assert_eq!(config.read, ReadConfig::default());
        assert_eq!(config.limits, LimitsConfig::default());
        assert_eq!(config.connections, ConnectionsConfig::default());
        assert_eq!(config.disk, DiskConfig::default());
        assert_eq!(config.compaction, CompactionConfig::default());
        assert_eq!(config.scrub, ScrubConfig::default());
        assert_eq!(config.backup, BackupConfig::default());
        assert_eq!(config.security, SecurityConfig::default());
        assert_eq!(config.auth, AuthConfig::default());
        assert_eq!(config.rates, RatesConfig::default());
    }

    #[test]
    fn unknown_keys_are_errors_in_every_section() {
        let sections = [
            "NODE",
            "CLUSTER",
            "HTTP",
            "GRPC",
            "PEER",
            "READ",
            "LIMITS",
            "CONNECTIONS",
            "DISK",
            "COMPACTION",
            "SCRUB",
            "BACKUP",
            "SECURITY",
            "AUTH",
            "RATES",
        ];
        for section in sections.into_iter().chain(["NO_SUCH_SECTION"]) {
            let name = format!("REGISTRY__{section}__NO_SUCH_KEY");
            let error = load(&[(name.as_str(), "1")]).unwrap_err();
            assert!(matches!(error, ConfigError::Parse { .. }), "{section}: {error:?}");
            assert!(error.to_string().contains("unknown field `no_such_"), "{section}: {error}");
        }
        assert!(load(&[("REGISTRY__NO_SUCH_KEY", "1")]).is_err());
    }

    #[test]
    fn the_environment_overrides_single_keys() {
        let config = loaded("REGISTRY__COMPACTION__SNAPSHOT_ENTRIES", "7");
        assert_eq!(config.compaction, CompactionConfig { snapshot_entries: 7, ..CompactionConfig::default() });
        assert_eq!(loaded("REGISTRY__NODE__REGION", "us-east").node.region, "us-east");
        // A text that reads as another type is quoted, as in the file.
        assert_eq!(loaded("REGISTRY__CLUSTER__ID", "\"7\"").cluster.id, "7");
        assert!(loaded("REGISTRY__HTTP__LEGACY_RESPONSES", "true").http.legacy_responses);
        assert_eq!(loaded("REGISTRY__CLUSTER__PROFILE", "lan-fast").cluster.profile, Profile::LanFast);
        let config = loaded("REGISTRY__CLUSTER__PEER_OVERRIDES__2", "127.0.0.1:28202");
        assert_eq!(config.cluster.peer_overrides, BTreeMap::from([(2, "127.0.0.1:28202".to_owned())]));
        assert_eq!(loaded("SOMETHING_ELSE", "1"), load(&[]).unwrap());
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.toml");
        let text = std::fs::read_to_string(example()).unwrap();
        let changed = [
            ("listen = \"10.0.0.1:18081\"", "listen = \"18081\"", "http.listen"),
            (
                "peer_address = \"10.0.0.2:18281\"",
                "peer_address = \"http://10.0.0.2:18281\"",
                "cluster.members[1].peer_address",
            ),
            ("http_url = \"http://10.0.0.3:18081\"", "http_url = \"10.0.0.3:18081\"", "cluster.members[2].http_url"),
            ("id = \"production\"", "id = \"produktion-süd\"", "cluster.id"),
        ];
        let wrong = changed.iter().fold(text, |text, (old, new, _)| text.replacen(old, new, 1));
        std::fs::write(&path, &wrong).unwrap();
        let error = Config::load(&path, std::iter::empty()).unwrap_err().to_string();
        for (_, new, key) in changed {
            let line = wrong.lines().position(|line| line.starts_with(new)).unwrap() + 1;
            assert!(error.contains(&format!("line {line}: {key}: ")), "{key} on line {line}: {error}");
        }
        let error = load(&[("REGISTRY_LIMITS__REQUESTS_MAX", "1")]).unwrap_err().to_string();
        assert!(error.contains("REGISTRY__LIMITS__REQUESTS_MAX"), "{error}");
    }

    #[test]
    fn addresses_are_what_can_be_listened_on_and_reached() {
        for address in ["127.0.0.1:1", "[::]:18081", "[::1]:65535", "localhost:80", "node-1.example.org:8081"] {
            assert!(is_host_and_port(address, false), "{address}");
        }
        for address in
            ["23091", ":23091", "127.0.0.1:99999", "127.0.0.1:", "http://h:1", "::1:80", "h:+1", "h:0", "a b:1"]
        {
            assert!(!is_host_and_port(address, false), "{address}");
        }
        assert!(is_host_and_port("127.0.0.1:0", true));
        for (url, good) in
            [("http://h:1", true), ("https://h/x", true), ("h:1", false), ("http://", false), ("ftp://h", false)]
        {
            assert_eq!(is_url(url), good, "{url}");
        }
    }

    #[test]
    fn a_bad_value_is_refused_with_its_key() {
        for (name, value, key) in [
            ("REGISTRY__NODE__ID", "0", "node.id"),
            ("REGISTRY__NODE__ID", "one", "node.id"),
            ("REGISTRY__CLUSTER__ID", &*"x".repeat(65), "cluster.id"),
            ("REGISTRY__CLUSTER__PROFILE", "fast", "cluster.profile"),
            ("REGISTRY__CLUSTER__PEER_OVERRIDES__LEADER", "127.0.0.1:1", "cluster.peer_overrides"),
            ("REGISTRY__PEER__SNAPSHOT_BYTES_PER_SECOND", "0", "peer.snapshot_bytes_per_second"),
            ("REGISTRY__READ__CONSISTENCY", "strong", "read.consistency"),
            ("REGISTRY__READ__CONSISTENCY", "session:1", "read.consistency"),
            ("REGISTRY__LIMITS__REQUESTS_MAX", "-1", "limits.requests_max"),
            ("REGISTRY__BACKUP__KEEP", "0", "backup.keep"),
            ("REGISTRY__BACKUP__EVERY_SECONDS", "60", "backup.directory"),
            ("REGISTRY__NODE__ID__X", "1", "id is not a section"),
            ("REGISTRY__HTTP__LISTEN", "127.0.0.1:99999", "http.listen"),
            ("REGISTRY__PEER__LISTEN", "10.0.0.1:18081", "peer.listen"),
            ("REGISTRY__SECURITY__METADATA_SECRET_FILE", "/nowhere/secrets", "security.metadata_secret_file"),
            ("REGISTRY__HTTP__CORS_ORIGINS", "[\"console\"]", "http.cors_origins"),
        ] {
            let error = load(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(key), "{name}={value}: {error}");
        }
    }
}
