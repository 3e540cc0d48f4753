//! Reads a configuration and says everything that is wrong with it, with the line of the file.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Config, ConnectionsConfig, LimitsConfig, MemberConfig};
use crate::tls;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
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
        let wrong = config.all_faults();
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
    fn all_faults(&self) -> Vec<(String, String)> {
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
        if let Some((key, reason)) = self.auth.first_fault() {
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
        faults.extend(self.tls_faults());
        faults
    }

    /// What is wrong with TLS, files and their contents included.
    pub fn tls_faults(&self) -> Vec<(String, String)> {
        tls::faults(&tls::Settings {
            clients: &self.tls,
            peers: &self.peer.tls,
            http: &self.http.listen,
            grpc: self.grpc.as_ref().map(|grpc| grpc.listen.as_str()),
            peer: &self.peer.listen,
            cluster_id: &self.cluster.id,
            node_id: self.node.id,
        })
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
pub(super) fn is_host_and_port(address: &str, may_be_any: bool) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else { return false };
    let host_is_good = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host_is_good && digits && port.parse::<u16>().is_ok_and(|port| port != 0 || may_be_any)
}

/// An absolute URL of HTTP with a host.
pub(super) fn is_url(text: &str) -> bool {
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
