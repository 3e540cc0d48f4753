//! Authorities and certificates of a test, as files.

#![allow(dead_code, reason = "each test uses a part")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use node::Config;
use node::tls::{PeerTlsConfig, TlsConfig};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};

/// From now, in seconds, to when a certificate is good.
pub(crate) const GOOD: (i64, i64) = (-3_600, 100 * 24 * 3_600);

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
}

fn at(seconds: i64) -> SystemTime {
    let (now, distance) = (SystemTime::now(), Duration::from_secs(seconds.unsigned_abs()));
    if seconds < 0 { now - distance } else { now + distance }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).expect("an authority").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn issue(&self, names: Vec<SanType>, (from, to): (i64, i64)) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = (at(from).into(), at(to).into());
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { cert, key: key.serialize_pem() }
    }

    /// What a node shows to the others.
    pub(crate) fn node(&self, cluster: &str, id: u64, validity: (i64, i64)) -> Pair {
        let name = format!("spiffe://{cluster}/node/{id}");
        self.issue(vec![SanType::URI(name.try_into().expect("ASCII"))], validity)
    }

    /// What loopback shows to clients, and what a client shows.
    pub(crate) fn loopback(&self, validity: (i64, i64)) -> Pair {
        self.issue(vec![SanType::IpAddress([127, 0, 0, 1].into())], validity)
    }
}

/// The two authorities of a cluster, and the directory of its files.
pub(crate) struct Certs {
    pub(crate) dir: PathBuf,
    pub(crate) nodes: Authority,
    pub(crate) clients: Authority,
}

impl Certs {
    pub(crate) fn new(dir: &Path) -> Self {
        let certs = Self { dir: dir.to_owned(), nodes: Authority::new("nodes"), clients: Authority::new("clients") };
        std::fs::write(dir.join("nodes.ca"), &certs.nodes.pem).expect("write");
        std::fs::write(dir.join("clients.ca"), &certs.clients.pem).expect("write");
        certs
    }

    /// Puts a pair where a node's configuration finds it.
    pub(crate) fn put(&self, name: &str, pair: &Pair) {
        for (ending, text) in [("crt", &pair.cert), ("key", &pair.key)] {
            let path = self.dir.join(format!("{name}.{ending}"));
            let new = path.with_extension("new");
            std::fs::write(&new, text).expect("write");
            std::fs::rename(&new, &path).expect("rename");
        }
    }

    /// TLS on all ports of a node.
    pub(crate) fn secure(&self, config: &mut Config) {
        let (id, cluster) = (config.node.id, config.cluster.id.clone());
        self.put(&format!("peer-{id}"), &self.nodes.node(&cluster, id, GOOD));
        self.put(&format!("server-{id}"), &self.clients.loopback(GOOD));
        config.tls = TlsConfig {
            cert: self.dir.join(format!("server-{id}.crt")),
            key: self.dir.join(format!("server-{id}.key")),
            ca: self.dir.join("clients.ca"),
            ..TlsConfig::default()
        };
        config.peer.tls = PeerTlsConfig {
            cert: self.dir.join(format!("peer-{id}.crt")),
            key: self.dir.join(format!("peer-{id}.key")),
            ca: self.dir.join("nodes.ca"),
            ..PeerTlsConfig::default()
        };
    }

    /// A client of HTTP that trusts the authority of clients alone. Every request makes a connection of its own if `fresh`.
    pub(crate) fn client(&self, fresh: bool) -> reqwest::Client {
        let authority = reqwest::Certificate::from_pem(self.clients.pem.as_bytes()).expect("an authority");
        let builder = reqwest::Client::builder().tls_certs_only([authority]);
        let builder = if fresh { builder.pool_max_idle_per_host(0) } else { builder };
        builder.build().expect("a client")
    }
}
