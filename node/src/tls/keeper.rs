//! What the files of a section held when they were last good, and the task that reads them again when they change.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::client::Resumption;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ServerConfig, SupportedProtocolVersion};

use super::config::{MinVersion, is_loopback};
use super::files::{Files, Material, Stamp, Validity};
use super::node_name::{self, AnyNode, OneNode};
use super::provider;
use crate::clock::{self, Clock, Instant};
use crate::config::Config;

/// Between two looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// A certificate that is valid for less than this is warned of.
const SOON: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Between two lines in the log about a certificate that will run out, and about one that has.
const SOON_INTERVAL: Duration = Duration::from_secs(24 * 3_600);
const OVER_INTERVAL: Duration = Duration::from_secs(60);

/// On which listener a configuration is used: they differ in what is spoken behind TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// HTTP for clients.
    Http,
    /// gRPC for clients.
    Grpc,
    /// The other nodes.
    Peer,
}

impl Port {
    /// The name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Peer => "peer",
        }
    }

    fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Self::Grpc | Self::Peer => vec![b"h2".to_vec()],
        }
    }
}

/// What a section is for.
#[derive(Debug, Clone)]
enum Use {
    Clients { min_version: MinVersion, require_certificate: bool },
    Peers { cluster: Arc<str>, node: u64 },
}

/// What the files held when they were last good.
struct Current {
    http: Arc<ServerConfig>,
    /// Of gRPC for clients, and of peers.
    http2: Arc<ServerConfig>,
    material: Material,
}

/// The certificate of a section, always the newest that is good. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    inner: Arc<Inner>,
}

struct Inner {
    files: Files,
    purpose: Use,
    clock: Clock,
    current: RwLock<Arc<Current>>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("files", &self.inner.files).finish_non_exhaustive()
    }
}

/// How long a certificate is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remaining {
    /// Longer than anybody has to care.
    Long,
    /// For this many days.
    Soon(u64),
    /// It is not valid yet.
    NotYet,
    /// It has run out.
    Over,
}

fn remaining(validity: Validity, now_ms: u64) -> Remaining {
    let now = i64::try_from(now_ms / 1_000).unwrap_or(i64::MAX);
    let left = u64::try_from(validity.not_after.saturating_sub(now)).unwrap_or(0);
    if now < validity.not_before {
        Remaining::NotYet
    } else if left == 0 {
        Remaining::Over
    } else if left < SOON.as_secs() {
        Remaining::Soon(left / (24 * 3_600))
    } else {
        Remaining::Long
    }
}

/// The certificates of a node, for what is configured.
#[derive(Debug)]
pub struct Keepers {
    /// Of the listeners of clients.
    pub clients: Option<Keeper>,
    /// Of the peer port and of connections to peers.
    pub peers: Option<Keeper>,
}

impl Keepers {
    /// Reads what is configured.
    ///
    /// # Errors
    /// Everything that is wrong: key of the configuration and reason.
    pub fn open(config: &Config, clock: &Clock) -> Result<Self, Vec<(String, String)>> {
        let wrong = config.tls_faults();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let tls = &config.tls;
        let of_clients = Use::Clients { min_version: tls.min_version, require_certificate: tls.require_client_cert };
        let of_peers = Use::Peers { cluster: config.cluster.id.as_str().into(), node: config.node.id };
        let open = |files: Option<Files>, purpose| files.map(|files| Keeper::of(files, purpose, clock)).transpose();
        let clients = open(tls.files(), of_clients)?;
        let keepers = Self { clients, peers: open(config.peer.tls.files(), of_peers)? };
        let http = [("http.listen", &config.http.listen)].into_iter();
        let listeners = http.chain(config.grpc.as_ref().map(|grpc| ("grpc.listen", &grpc.listen)));
        if keepers.clients.is_none() || tls.accept_plaintext {
            listeners.for_each(|(key, address)| warn_of_plaintext(key, address));
        }
        if keepers.peers.is_none() || config.peer.tls.accept_plaintext {
            warn_of_plaintext("peer.listen", &config.peer.listen);
        }
        Ok(keepers)
    }
}

impl Keeper {
    fn of(files: Files, purpose: Use, clock: &Clock) -> Result<Self, Vec<(String, String)>> {
        let current = RwLock::new(Arc::new(load(&files, &purpose)?));
        Ok(Self { inner: Arc::new(Inner { files, purpose, clock: clock.clone(), current }) })
    }

    /// Is it that of connections between nodes?
    pub(super) fn is_of_peers(&self) -> bool {
        matches!(self.inner.purpose, Use::Peers { .. })
    }

    /// When the certificate runs out, in seconds since the Unix epoch.
    pub fn expires_at(&self) -> i64 {
        self.current().material.validity.not_after
    }

    /// What an operator should know of the certificate; nothing while it is good for long.
    pub fn warning(&self) -> Option<String> {
        let section = self.inner.files.section();
        match self.remaining() {
            Remaining::Long => None,
            Remaining::Soon(days) => Some(format!("the certificate of [{section}] runs out in {days} days")),
            Remaining::NotYet => {
                Some(format!("the certificate of [{section}] is not valid yet: no new connection is accepted"))
            }
            Remaining::Over => {
                Some(format!("the certificate of [{section}] has run out: no new connection is accepted"))
            }
        }
    }

    fn remaining(&self) -> Remaining {
        remaining(self.current().material.validity, self.inner.clock.wall_ms())
    }

    fn current(&self) -> Arc<Current> {
        self.inner.current.read().clone()
    }

    /// Does the certificate allow for a new connection?
    fn check(&self) -> std::io::Result<()> {
        match self.remaining() {
            Remaining::Long | Remaining::Soon(_) => Ok(()),
            Remaining::NotYet => Err(std::io::Error::other("this node's own certificate is not valid yet")),
            Remaining::Over => Err(std::io::Error::other("this node's own certificate has run out")),
        }
    }

    /// What a listener shows.
    ///
    /// # Errors
    /// If the certificate is not valid now: nothing is shown, and nothing is said without one.
    pub(super) fn server(&self, port: Port) -> std::io::Result<Arc<ServerConfig>> {
        self.check()?;
        let current = self.current();
        Ok(match port {
            Port::Http => current.http.clone(),
            Port::Grpc | Port::Peer => current.http2.clone(),
        })
    }

    /// The cluster whose nodes this keeper lets in.
    pub(super) fn cluster(&self) -> Option<&str> {
        match &self.inner.purpose {
            Use::Peers { cluster, .. } => Some(cluster),
            Use::Clients { .. } => None,
        }
    }

    /// What this node shows to the peer `node`, and whom it takes for that.
    ///
    /// # Errors
    /// If the certificate is not valid now.
    pub(super) fn client(&self, node: u64) -> std::io::Result<Arc<ClientConfig>> {
        self.check()?;
        let current = self.current();
        let (Use::Peers { cluster, .. }, Some(roots)) = (&self.inner.purpose, &current.material.roots) else {
            return Err(std::io::Error::other("these certificates are not those of nodes"));
        };
        let verifier = OneNode { roots: roots.clone(), cluster: cluster.clone(), node };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .map_err(std::io::Error::other)?;
        let mut config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(current.material.certified.clone())));
        config.alpn_protocols = Port::Peer.protocols();
        // Each connection proves anew who is there.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    /// Reads the files again whenever they change, and says how long the certificate is good. Runs for ever.
    ///
    /// New connections get the new certificate; those that are open keep theirs. What cannot be used is told, and changes
    /// nothing: the certificate before it stays.
    pub async fn watch(self) {
        let mut known = self.inner.files.stamp();
        let mut said: Option<(Remaining, Instant)> = None;
        loop {
            said = self.tell(said);
            tokio::time::sleep(LOOK_INTERVAL).await;
            let keeper = self.clone();
            let before = known.clone();
            if let Ok(after) = tokio::task::spawn_blocking(move || keeper.look(before)).await {
                known = after;
            }
        }
    }

    /// The stamp of what was read, or of what was tried.
    fn look(&self, known: Stamp) -> Stamp {
        // Taken before the files are read: what changes meanwhile is seen by the next look.
        let stamp = self.inner.files.stamp();
        if stamp == known {
            return known;
        }
        let section = self.inner.files.section();
        match load(&self.inner.files, &self.inner.purpose) {
            Ok(current) => {
                let expires_at = current.material.validity.not_after;
                *self.inner.current.write() = Arc::new(current);
                tracing::info!(section, expires_at, "the certificates have changed and are used from now on");
            }
            Err(faults) => {
                let faults: Vec<_> = faults.into_iter().map(|(key, reason)| format!("{key}: {reason}")).collect();
                let reason = faults.join("; ");
                tracing::error!(section, reason, "the changed certificates cannot be used; those before them stay");
            }
        }
        stamp
    }

    fn tell(&self, said: Option<(Remaining, Instant)>) -> Option<(Remaining, Instant)> {
        let (now, remaining) = (clock::now(), self.remaining());
        let interval = if matches!(remaining, Remaining::Soon(_)) { SOON_INTERVAL } else { OVER_INTERVAL };
        let is_said = said.is_some_and(|(known, at)| known == remaining && now.duration_since(at) < interval);
        let Some(warning) = self.warning().filter(|_| !is_said) else {
            return if is_said { said } else { Some((remaining, now)) };
        };
        match remaining {
            Remaining::Soon(_) => tracing::warn!("{warning}"),
            Remaining::Long | Remaining::NotYet | Remaining::Over => tracing::error!("{warning}"),
        }
        Some((remaining, now))
    }
}

fn warn_of_plaintext(key: &str, address: &str) {
    if !is_loopback(address) {
        tracing::warn!(
            key,
            address,
            "others than this machine are served without TLS: whoever is between may read and change everything"
        );
    }
}

/// Reads the files and makes of them what rustls works with.
fn load(files: &Files, purpose: &Use) -> Result<Current, Vec<(String, String)>> {
    let material = Material::read(files)?;
    let at = |name: &str| {
        let key = format!("{}.{name}", files.section());
        move |reason: String| vec![(key, reason)]
    };
    if let Use::Peers { cluster, node } = purpose {
        node_name::judge_own(&material, cluster, *node).map_err(at("cert"))?;
    }
    let http2 = server(&material, purpose).map_err(at("ca"))?;
    let with = |port: Port| {
        let mut config = http2.clone();
        config.alpn_protocols = port.protocols();
        Arc::new(config)
    };
    Ok(Current { http: with(Port::Http), http2: with(Port::Grpc), material })
}

fn server(material: &Material, purpose: &Use) -> Result<ServerConfig, String> {
    let versions: &[&SupportedProtocolVersion] = match purpose {
        Use::Clients { min_version: MinVersion::V12, .. } => &[&TLS13, &TLS12],
        Use::Clients { min_version: MinVersion::V13, .. } | Use::Peers { .. } => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions);
    let builder = builder.map_err(|error| error.to_string())?;
    let builder = match (purpose, &material.roots) {
        (Use::Peers { .. }, None) => return Err("is needed: nodes know each other by its certificates".to_owned()),
        (Use::Peers { cluster, .. }, Some(roots)) => {
            builder.with_client_cert_verifier(Arc::new(AnyNode::new(roots.clone(), cluster.clone())?))
        }
        (Use::Clients { .. }, None) => builder.with_no_client_auth(),
        (Use::Clients { require_certificate, .. }, Some(roots)) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider());
            let verifier = if *require_certificate { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(material.certified.clone())));
    if matches!(purpose, Use::Peers { .. }) {
        // Each connection proves anew who is there.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_of_from_thirty_days_on() {
        const DAY: i64 = 24 * 3_600;
        let validity = Validity { not_before: 100 * DAY, not_after: 200 * DAY };
        let on = |day: i64| remaining(validity, u64::try_from(day * DAY * 1_000).unwrap());
        assert_eq!(on(99), Remaining::NotYet);
        assert_eq!(on(100), Remaining::Long);
        assert_eq!(on(170), Remaining::Long);
        assert_eq!(on(171), Remaining::Soon(29));
        assert_eq!(on(199), Remaining::Soon(1));
        assert_eq!(on(200), Remaining::Over);
        assert_eq!(remaining(validity, u64::MAX), Remaining::Over);
    }
}
