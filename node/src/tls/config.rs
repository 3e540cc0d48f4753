//! The sections `[tls]` and `[peer.tls]`, and what may be wrong with them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{Files, Material};
use super::node_name;

/// The oldest version of TLS that a client may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MinVersion {
    /// TLS 1.3 alone.
    #[default]
    #[serde(rename = "1.3")]
    V13,
    /// TLS 1.2 as well, for old JVMs.
    #[serde(rename = "1.2")]
    V12,
}

/// TLS on the listeners of clients: HTTP and gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The certificate chain that the listeners show (PEM). Empty: there is no TLS.
    pub cert: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// The authorities of clients' certificates (PEM). Empty: clients are not asked for one.
    pub ca: PathBuf,
    /// Must clients show a certificate? Otherwise they may.
    pub require_client_cert: bool,
    /// The oldest version of TLS.
    pub min_version: MinVersion,
    /// Answer clients without TLS as well, on the same port, while they change over.
    pub accept_plaintext: bool,
    /// Serve without TLS on addresses that are not loopback.
    pub allow_plaintext: bool,
}

/// TLS between nodes: always 1.3, and both sides show a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeerTlsConfig {
    /// This node's certificate chain (PEM), which names the cluster and the node. Empty: there is no TLS.
    pub cert: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// The authorities of nodes' certificates (PEM), and of nothing else.
    pub ca: PathBuf,
    /// Hear peers without TLS as well, and reach those that have none, while the nodes change over.
    pub accept_plaintext: bool,
    /// Go without TLS on an address that is not loopback.
    pub allow_plaintext: bool,
}

impl TlsConfig {
    pub(super) fn files(&self) -> Option<Files> {
        Files::of("tls", &self.cert, &self.key, &self.ca)
    }
}

impl PeerTlsConfig {
    pub(super) fn files(&self) -> Option<Files> {
        Files::of("peer.tls", &self.cert, &self.key, &self.ca)
    }
}

/// TLS in a configuration, with what it is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// The section `[tls]`.
    pub clients: &'a TlsConfig,
    /// The section `[peer.tls]`.
    pub peers: &'a PeerTlsConfig,
    /// Where HTTP is served.
    pub http: &'a str,
    /// Where gRPC is served, if it is.
    pub grpc: Option<&'a str>,
    /// Where peers are heard.
    pub peer: &'a str,
    /// The cluster that the node's certificate must name.
    pub cluster_id: &'a str,
    /// The node that it must name.
    pub node_id: u64,
}

/// Everything that is wrong with TLS in a configuration, files and their contents included: key and reason.
pub fn faults(settings: &Settings<'_>) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let TlsConfig { cert, key, ca, require_client_cert, .. } = settings.clients;
    match settings.clients.files() {
        Some(files) => faults.extend(Material::read(&files).err().unwrap_or_default()),
        None => {
            faults.extend(incomplete("tls", cert, key, ca));
            let http = [("http.listen", settings.http)].into_iter();
            let grpc = settings.grpc.map(|listen| ("grpc.listen", listen));
            faults.extend(http.chain(grpc).filter_map(|(listen, address)| {
                plaintext_fault("tls", listen, address, settings.clients.allow_plaintext)
            }));
        }
    }
    if *require_client_cert && is_empty(ca) {
        faults.push(("tls.ca".to_owned(), "is needed where tls.require_client_cert asks for certificates".to_owned()));
    }
    let PeerTlsConfig { cert, key, ca, .. } = settings.peers;
    match settings.peers.files() {
        Some(_) if is_empty(ca) => {
            faults.push(("peer.tls.ca".to_owned(), "is needed: nodes know each other by its certificates".to_owned()));
        }
        Some(files) => match Material::read(&files) {
            Ok(material) => {
                let wrong = node_name::judge_own(&material, settings.cluster_id, settings.node_id).err();
                faults.extend(wrong.map(|reason| ("peer.tls.cert".to_owned(), reason)));
            }
            Err(wrong) => faults.extend(wrong),
        },
        None => {
            faults.extend(incomplete("peer.tls", cert, key, ca));
            let (address, allowed) = (settings.peer, settings.peers.allow_plaintext);
            faults.extend(plaintext_fault("peer.tls", "peer.listen", address, allowed));
        }
    }
    faults
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// A section of which only a part is there.
fn incomplete(section: &str, cert: &Path, key: &Path, ca: &Path) -> Vec<(String, String)> {
    if [cert, key, ca].into_iter().all(is_empty) {
        return Vec::new();
    }
    let missing = [("cert", cert), ("key", key)].into_iter().filter(|(_, path)| is_empty(path));
    missing
        .map(|(name, _)| (format!("{section}.{name}"), format!("is needed: [{section}] names other files of TLS")))
        .collect()
}

/// Nothing is encrypted where others could listen, unless somebody has said so.
fn plaintext_fault(section: &str, listen: &str, address: &str, is_allowed: bool) -> Option<(String, String)> {
    let is_open = !is_allowed && !is_loopback(address);
    is_open.then(|| {
        let reason = format!(
            "{address:?} is no address of loopback and has no TLS: set {section}.cert and {section}.key, or \
             {section}.allow_plaintext = true if nobody else can reach it"
        );
        (listen.to_owned(), reason)
    })
}

/// Can an address be reached from this machine alone?
pub(super) fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_needs_no_word_for_plaintext() {
        for address in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"] {
            assert!(is_loopback(address), "{address}");
            assert_eq!(plaintext_fault("tls", "http.listen", address, false), None);
        }
        for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "localhost.example.org:1", "node-1:1"] {
            assert!(!is_loopback(address), "{address}");
            let (key, reason) = plaintext_fault("peer.tls", "peer.listen", address, false).unwrap();
            assert!(key == "peer.listen" && reason.contains("peer.tls.allow_plaintext"), "{reason}");
            assert_eq!(plaintext_fault("tls", "http.listen", address, true), None);
        }
    }

    #[test]
    fn a_part_of_a_section_is_told_what_it_lacks() {
        let empty = Path::new("");
        assert_eq!(incomplete("tls", empty, empty, empty), []);
        let missing = |cert: &str, key: &str, ca: &str| -> Vec<String> {
            incomplete("tls", cert.as_ref(), key.as_ref(), ca.as_ref()).into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(missing("c", "", ""), ["tls.key"]);
        assert_eq!(missing("", "", "ca"), ["tls.cert", "tls.key"]);
    }
}
