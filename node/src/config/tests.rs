//! The example has every key and shows the defaults; what is wrong is told with its key and its line.

use std::collections::BTreeSet;
use std::path::Path;

use super::load::{is_host_and_port, is_url};
use super::*;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cluster.toml.example")
}

/// Instead of the files that the example names, which are on no machine.
const NO_TLS: [(&str, &str); 8] = [
    ("REGISTRY__TLS__CERT", ""),
    ("REGISTRY__TLS__KEY", ""),
    ("REGISTRY__TLS__CA", ""),
    ("REGISTRY__TLS__ALLOW_PLAINTEXT", "true"),
    ("REGISTRY__PEER__TLS__CERT", ""),
    ("REGISTRY__PEER__TLS__KEY", ""),
    ("REGISTRY__PEER__TLS__CA", ""),
    ("REGISTRY__PEER__TLS__ALLOW_PLAINTEXT", "true"),
];

/// The example without TLS, with these environment variables.
fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = NO_TLS.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
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
        tls: TlsConfig::default(),
        peer: PeerConfig { listen: String::new(), snapshot_bytes_per_second: 1, tls: PeerTlsConfig::default() },
        read: ReadConfig { consistency: Consistency::Default },
        limits: LimitsConfig { body_bytes_max: 1, request_ms_max: 1, requests_max: 1, proposal_bytes_max: 1 },
        connections: ConnectionsConfig { count_max: 1, head_ms_max: 1, idle_ms_max: 1, write_ms_max: 1 },
        disk: DiskConfig { reserve_bytes: 1 },
        compaction: CompactionConfig { snapshot_entries: 1, keep_entries: 1 },
        scrub: ScrubConfig { start_bytes_max: 1, bytes_per_second: 1, pause_seconds: 1 },
        backup: BackupConfig::default(),
        security: SecurityConfig::default(),
        audit: AuditConfig::default(),
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
    assert_eq!(config.tls, TlsConfig { allow_plaintext: true, ..TlsConfig::default() });
    assert_eq!(config.peer.tls, PeerTlsConfig { allow_plaintext: true, ..PeerTlsConfig::default() });
    assert_eq!(config.peer.snapshot_bytes_per_second, default_snapshot_rate());
    assert_eq!(config.read, ReadConfig::default());
    assert_eq!(config.limits, LimitsConfig::default());
    assert_eq!(config.connections, ConnectionsConfig::default());
    assert_eq!(config.disk, DiskConfig::default());
    assert_eq!(config.compaction, CompactionConfig::default());
    assert_eq!(config.scrub, ScrubConfig::default());
    assert_eq!(config.backup, BackupConfig::default());
    assert_eq!(config.security, SecurityConfig::default());
    assert_eq!(config.audit, AuditConfig::default());
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
        "TLS",
        "PEER__TLS",
        "READ",
        "LIMITS",
        "CONNECTIONS",
        "DISK",
        "COMPACTION",
        "SCRUB",
        "BACKUP",
        "AUDIT",
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
    for address in ["23091", ":23091", "127.0.0.1:99999", "127.0.0.1:", "http://h:1", "::1:80", "h:+1", "h:0", "a b:1"]
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
        ("REGISTRY__TLS__ALLOW_PLAINTEXT", "false", "http.listen"),
        ("REGISTRY__PEER__TLS__ALLOW_PLAINTEXT", "false", "peer.listen"),
        ("REGISTRY__TLS__MIN_VERSION", "1.1", "tls.min_version"),
        ("REGISTRY__TLS__CERT", "/nowhere/cert", "tls.key"),
        ("REGISTRY__TLS__REQUIRE_CLIENT_CERT", "true", "tls.ca"),
        ("REGISTRY__SECURITY__METADATA_SECRET_FILE", "/nowhere/secrets", "security.metadata_secret_file"),
        ("REGISTRY__HTTP__CORS_ORIGINS", "[\"console\"]", "http.cors_origins"),
    ] {
        let error = load(&[(name, value)]).unwrap_err().to_string();
        assert!(error.contains(key), "{name}={value}: {error}");
    }
}
