//! TLS on every port: who gets in, who does not, and what happens when certificates change or run out.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

#[path = "support/certs.rs"]
mod certs;
mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use certs::{Authority, Certs, GOOD, Pair};
use proto::peer;
use proto::peer::peer_client::PeerClient;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion};
use support::{Cluster, Load, wait_for};
use tonic::Code;

/// A cluster of `count` with TLS on all ports; nothing runs yet.
fn prepared(count: u64) -> (Cluster, Certs) {
    let mut cluster = Cluster::prepared(count);
    let certs = Certs::new(cluster.dir.path());
    for node in &mut cluster.nodes {
        certs.secure(&mut node.config);
    }
    let urls: Vec<String> = cluster.nodes.iter().map(support::Node::url).collect();
    for node in &mut cluster.nodes {
        for (member, url) in node.config.cluster.members.iter_mut().zip(&urls) {
            member.http_url.clone_from(url);
        }
    }
    cluster.ask_by(certs.client(false));
    (cluster, certs)
}

fn start(cluster: &mut Cluster) {
    cluster.nodes.iter_mut().for_each(|node| node.start(true));
    wait_serving(cluster);
}

/// Waits until every node that runs is ready, asked as clients ask.
fn wait_serving(cluster: &Cluster) {
    for node in cluster.nodes.iter().filter(|node| node.runs()) {
        let id = node.config.node.id;
        wait_for(&format!("node {id} is ready"), || cluster.ask(id, "GET", "/readyz", None).status == 200);
    }
}

fn figure(cluster: &Cluster, id: u64, name: &str) -> Option<i64> {
    let text = cluster.ask(id, "GET", "/metrics", None).body;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    Arc::new(roots)
}

/// A client's side of TLS, which trusts whoever answers unless the authority says otherwise, and shows `pair`.
fn config(
    authority: &Authority,
    pair: Option<&Pair>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
    let verifier = AnyName(roots(authority), provider);
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes()).map(Result::unwrap).collect();
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Nodes' certificates name no host.
#[derive(Debug)]
struct AnyName(Arc<RootCertStore>, Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        let parsed = rustls::server::ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.1.signature_verification_algorithms.all;
        rustls::client::verify_server_cert_signed_by_trust_anchor(&parsed, &self.0, intermediates, now, algorithms)?;
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.1.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = self.1.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.1.signature_verification_algorithms.supported_schemes()
    }
}

/// Shakes hands and waits for the other side's word: with TLS 1.3 it judges a client's certificate after the client has
/// finished. Ok if the connection stands.
fn shake(address: &str, config: Arc<ClientConfig>) -> Result<(), String> {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut tls = ClientConnection::new(config, ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    // The beginning of HTTP/2: who is let in is answered with settings.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let mut stream = rustls::Stream::new(&mut tls, &mut socket);
    stream.write_all(preface).map_err(|error| error.to_string())?;
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).map_err(|error| error.to_string())
}

/// Is the connection closed without an answer of HTTP?
fn is_closed_to(address: &str, bytes: &[u8]) -> bool {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    match socket.read_to_end(&mut answer) {
        // An alert of TLS may come first.
        Ok(_) => answer.is_empty() || answer[0] == 0x15,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// A client of the peer protocol over TLS with this certificate.
async fn peer_client(
    address: &str,
    authority: &Authority,
    pair: &Pair,
) -> Result<PeerClient<tonic::transport::Channel>, String> {
    let config = config(authority, Some(pair), &[&rustls::version::TLS13], &["h2"]);
    let connector = tokio_rustls::TlsConnector::from(config);
    let address = address.to_owned();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect_with_connector(tower::service_fn(move |_: http::Uri| {
        let (connector, address) = (connector.clone(), address.clone());
        async move {
            let socket = tokio::net::TcpStream::connect(address).await?;
            let stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), socket).await?;
            Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
        }
    }));
    channel.await.map(PeerClient::new).map_err(|error| format!("{error:?}"))
}

/// A call with the metadata that every call of a peer has.
fn call<T>(message: T, cluster: &str, from: u64, to: u64) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("x-cluster", cluster.parse().unwrap());
    request.metadata_mut().insert("x-from", from.into());
    request.metadata_mut().insert("x-to", to.into());
    request
}

#[test]
fn three_nodes_register_and_read_over_tls() {
    let (mut cluster, certs) = prepared(3);
    start(&mut cluster);
    for id in 1..=3 {
        assert_eq!(cluster.register(id, &format!("s{id}"), "Known").status, 200);
    }
    for id in 1..=3 {
        for subject in 1..=3 {
            assert_eq!(cluster.ask(id, "GET", &format!("/subjects/s{subject}/versions/latest"), None).status, 200);
        }
        assert!(
            figure(&cluster, id, "schemareg_tls_certificate_expiry_timestamp_seconds{listener=\"http\"}").is_some()
        );
        assert!(
            figure(&cluster, id, "schemareg_tls_certificate_expiry_timestamp_seconds{listener=\"peer\"}").is_some()
        );
    }
    // Without TLS nobody is answered, on any port.
    let (http, peer) = (&cluster.nodes[0].config.http.listen, &cluster.nodes[0].config.peer.listen);
    assert!(is_closed_to(http, b"GET /subjects HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert!(is_closed_to(peer, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"));
    assert!(
        figure(&cluster, 1, "schemareg_connections_closed_total{listener=\"http\",cause=\"handshake\"}") >= Some(1)
    );
    assert!(
        figure(&cluster, 1, "schemareg_connections_closed_total{listener=\"peer\",cause=\"handshake\"}") >= Some(1)
    );
    // A protocol that is not spoken there, and the peers' protocol on the port of clients.
    let (tls13, tls12) = (&rustls::version::TLS13, &rustls::version::TLS12);
    assert_eq!(shake(http, config(&certs.clients, None, &[tls13], &["h2"])), Ok(()));
    assert!(shake(http, config(&certs.clients, None, &[tls13], &["spdy/3"])).is_err());
    assert!(shake(http, config(&certs.clients, None, &[tls12], &["h2"])).is_err(), "1.3 is the default");
    // An authority that nobody has configured vouches for nobody.
    let stranger = Authority::new("strangers").loopback(GOOD);
    assert!(shake(http, config(&certs.clients, Some(&stranger), &[tls13], &["h2"])).is_err());
    let client = certs.clients.loopback(GOOD);
    assert_eq!(shake(http, config(&certs.clients, Some(&client), &[tls13], &["h2"])), Ok(()));
    // A node that comes back finds the others, and they find it.
    let follower = cluster.follower();
    cluster.node(follower).kill();
    cluster.register(cluster.leader(), "s4", "Known");
    cluster.node(follower).start(false);
    wait_serving(&cluster);
    assert_eq!(cluster.ask(follower, "GET", "/subjects/s4/versions/1", None).status, 200);
}

#[test]
fn only_a_node_of_this_cluster_is_a_peer_and_only_as_itself() {
    let (mut cluster, certs) = prepared(1);
    start(&mut cluster);
    let name = cluster.nodes[0].config.cluster.id.clone();
    let address = cluster.nodes[0].config.peer.listen.clone();
    let tls13: &[&'static SupportedProtocolVersion] = &[&rustls::version::TLS13];
    let second = certs.nodes.node(&name, 2, GOOD);
    let shakes =
        |pair: Option<&Pair>, versions, alpn: &[&str]| shake(&address, config(&certs.nodes, pair, versions, alpn));
    assert_eq!(shakes(Some(&second), tls13, &["h2"]), Ok(()));
    for (what, refused) in [
        ("no certificate", shakes(None, tls13, &["h2"])),
        ("TLS 1.2", shakes(Some(&second), &[&rustls::version::TLS12], &["h2"])),
        ("HTTP/1", shakes(Some(&second), tls13, &["http/1.1"])),
        ("an authority of clients", shakes(Some(&certs.clients.node(&name, 2, GOOD)), tls13, &["h2"])),
        ("another authority", shakes(Some(&Authority::new("nodes").node(&name, 2, GOOD)), tls13, &["h2"])),
        ("another cluster", shakes(Some(&certs.nodes.node("other", 2, GOOD)), tls13, &["h2"])),
        ("no name of a node", shakes(Some(&certs.nodes.loopback(GOOD)), tls13, &["h2"])),
        ("it has run out", shakes(Some(&certs.nodes.node(&name, 2, (-100, -10))), tls13, &["h2"])),
        ("it is not valid yet", shakes(Some(&certs.nodes.node(&name, 2, (3_600, 7_200))), tls13, &["h2"])),
    ] {
        assert!(refused.is_err(), "{what}");
    }

    // This node is certain of its members: 2 is none of them, whatever it sends. It may ask how the node is.
    let term = |cluster: &Cluster| figure(cluster, 1, "schemareg_raft_term ");
    let before = term(&cluster);
    let refused = |reason: &str| {
        figure(&cluster, 1, &format!("schemareg_peer_refusals_total{{reason=\"{reason}\"}}")).unwrap_or_default()
    };
    let vote = |node_id| peer::VoteRequest {
        vote: Some(peer::Vote { term: u64::MAX, node_id, committed: false }),
        ..peer::VoteRequest::default()
    };
    cluster.block_on(async {
        let mut client = peer_client(&address, &certs.nodes, &second).await.unwrap();
        assert!(client.status(call(peer::StatusRequest {}, &name, 2, 1)).await.is_ok());
        let claimed = client.status(call(peer::StatusRequest {}, &name, 3, 1)).await.unwrap_err();
        assert_eq!(claimed.code(), Code::PermissionDenied, "{claimed}");
        assert!(claimed.message().contains("node 2 calls in the name of node \"3\""), "{claimed}");
        let other = client.status(call(peer::StatusRequest {}, "other", 2, 1)).await.unwrap_err();
        assert_eq!(other.code(), Code::PermissionDenied, "{other}");
        let stranger = client.vote(call(vote(2), &name, 2, 1)).await.unwrap_err();
        assert_eq!(stranger.code(), Code::PermissionDenied, "{stranger}");
        assert!(stranger.message().contains("no member"), "{stranger}");
        // The certificate of a member does not make its votes those of another one.
        let mut own = peer_client(&address, &certs.nodes, &certs.nodes.node(&name, 1, GOOD)).await.unwrap();
        let forged = own.vote(call(vote(7), &name, 1, 1)).await.unwrap_err();
        assert_eq!(forged.code(), Code::PermissionDenied, "{forged}");
    });
    assert_eq!((refused("identity"), refused("member"), refused("cluster")), (2, 1, 1));
    assert_eq!(term(&cluster), before);
    assert_eq!(cluster.register(1, "s", "Known").status, 200);
}

#[test]
fn a_node_does_not_take_another_one_for_the_one_it_looks_for() {
    let (mut cluster, certs) = prepared(3);
    // Node 3 shows a good certificate of the cluster, of node 2: it is not loaded, and says why.
    let name = cluster.nodes[0].config.cluster.id.clone();
    certs.put("peer-3", &certs.nodes.node(&name, 2, GOOD));
    let faults = cluster.nodes[2].config.tls_faults();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].0 == "peer.tls.cert" && faults[0].1.contains("of node 2, and this is node 3"), "{faults:?}");
    certs.put("peer-3", &certs.nodes.node(&name, 3, GOOD));
    // Node 1 reaches node 3 where it looks for node 2: nothing of it is taken for node 2's.
    let third = cluster.nodes[2].config.peer.listen.clone();
    cluster.nodes[0].config.cluster.peer_overrides.insert(2, third);
    start_two(&mut cluster);
    let addressed = cluster.nodes[0].config.cluster.peer_overrides[&2].clone();
    assert_eq!(cluster.nodes[2].config.peer.listen, addressed);
    assert_eq!(cluster.register(3, "s", "Known").status, 200);
    assert_eq!(figure(&cluster, 3, "schemareg_peer_refusals_total{reason=\"target\"}"), Some(0), "no call got so far");
}

/// A cluster goes on in which one node cannot reach a second one.
fn start_two(cluster: &mut Cluster) {
    // The first start asks everybody: node 1 must reach node 2 for it.
    let wrong = std::mem::take(&mut cluster.nodes[0].config.cluster.peer_overrides);
    start(cluster);
    // A node that looks for the leader and finds another one is not ready: node 2 must not lead.
    wait_for("node 3 to lead", || {
        let leader = cluster.leader();
        if leader != 3 {
            let consensus = cluster.node(leader).consensus();
            drop(cluster.block_on(consensus.transfer_leader(Some(3))));
        }
        leader == 3
    });
    cluster.node(1).stop();
    cluster.nodes[0].config.cluster.peer_overrides = wrong;
    cluster.node(1).start(false);
    wait_serving(cluster);
}

#[test]
fn nodes_join_and_a_removed_one_is_not_heard() {
    let (mut cluster, certs) = prepared(4);
    for node in &mut cluster.nodes {
        node.config.cluster.members.truncate(3);
    }
    cluster.nodes.iter_mut().take(3).for_each(|node| node.start(true));
    wait_serving(&cluster);
    cluster.node(4).start(false);
    let added = cluster.change("POST", "/v1/cluster/members", &cluster.member(4));
    assert!(added.status < 300, "{added:?}");
    wait_serving(&cluster);
    assert_eq!(cluster.register(4, "s", "Known").status, 200);
    let removed = cluster.change("DELETE", "/v1/cluster/members/4", "");
    assert!(removed.status < 300, "{removed:?}");
    let (name, leader) = (cluster.nodes[0].config.cluster.id.clone(), cluster.leader());
    let address = cluster.nodes[usize::try_from(leader - 1).unwrap()].config.peer.listen.clone();
    let fourth = certs.nodes.node(&name, 4, GOOD);
    let refused = cluster.block_on(async {
        let mut client = peer_client(&address, &certs.nodes, &fourth).await.unwrap();
        client.read_index(call(peer::ReadIndexRequest {}, &name, 4, leader)).await.unwrap_err()
    });
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    // It learns by itself that it was removed.
    wait_for("node 4 knows that it was removed", || cluster.ask(4, "GET", "/readyz", None).body.contains("removed"));
}

#[test]
fn changed_certificates_are_used_without_a_lost_request() {
    let (mut cluster, certs) = prepared(3);
    start(&mut cluster);
    let mut expiry = "schemareg_tls_certificate_expiry_timestamp_seconds{listener=\"http\"}".to_owned();
    let before = figure(&cluster, 1, &expiry).unwrap();
    // Each request shakes hands anew.
    cluster.ask_by(certs.client(true));
    let load = Load::start(&cluster);
    load.progress();
    // A file that cannot be used changes nothing.
    std::fs::write(certs.dir.join("server-1.crt"), "no certificate").unwrap();
    let longer = (-3_600, 200 * 24 * 3_600);
    let name = cluster.nodes[0].config.cluster.id.clone();
    for id in 2..=3 {
        certs.put(&format!("server-{id}"), &certs.clients.loopback(longer));
        certs.put(&format!("peer-{id}"), &certs.nodes.node(&name, id, longer));
    }
    let is_new = |cluster: &Cluster, id, name: &str| figure(cluster, id, name).is_some_and(|at| at > before + 3_600);
    for id in 2..=3 {
        wait_for("the new certificate is used", || is_new(&cluster, id, &expiry));
    }
    load.progress();
    assert_eq!(figure(&cluster, 1, &expiry), Some(before));
    certs.put("server-1", &certs.clients.loopback(longer));
    wait_for("the mended certificate is used", || is_new(&cluster, 1, &expiry));
    expiry = expiry.replace("http", "peer");
    wait_for("the peers' certificate is used", || is_new(&cluster, 2, &expiry));
    load.progress();
    assert_eq!(load.failures(), Vec::<String>::new());
    // A new connection between nodes shows the new one.
    cluster.node(2).kill();
    cluster.node(2).start(false);
    wait_serving(&cluster);
    load.progress();
    for subject in load.stop() {
        assert_eq!(cluster.ask(2, "GET", &format!("/subjects/{subject}/versions/1"), None).status, 200, "{subject}");
    }
}

#[test]
fn a_certificate_that_has_run_out_closes_its_port_and_nothing_else() {
    let (mut cluster, certs) = prepared(1);
    start(&mut cluster);
    // A connection that is open stays so.
    let ask = |cluster: &Cluster, path: &str| cluster.ask(1, "GET", path, None);
    assert_eq!(ask(&cluster, "/readyz?verbose").status, 200);
    assert!(!ask(&cluster, "/readyz?verbose").body.contains("runs out"));
    certs.put("server-1", &certs.clients.loopback((-3_600, 10 * 24 * 3_600)));
    wait_for("a warning", || ask(&cluster, "/readyz?verbose").body.contains("[tls] runs out in 9 days"));
    certs.put("server-1", &certs.clients.loopback((-7_200, -3_600)));
    wait_for("the certificate has run out", || ask(&cluster, "/readyz?verbose").body.contains("[tls] has run out"));
    assert!(ask(&cluster, "/livez").body.contains("has run out"));
    let http = cluster.nodes[0].config.http.listen.clone();
    assert!(shake(&http, config(&certs.clients, None, &[&rustls::version::TLS13], &["h2"])).is_err());
    assert!(is_closed_to(&http, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"), "there is no way back to plaintext");
    // A node starts with it, and waits for a better one.
    cluster.node(1).stop();
    cluster.node(1).start(false);
    assert!(shake(&http, config(&certs.clients, None, &[&rustls::version::TLS13], &["h2"])).is_err());
    certs.put("server-1", &certs.clients.loopback(GOOD));
    wait_serving(&cluster);
    certs.put("peer-1", &certs.nodes.node(&cluster.nodes[0].config.cluster.id, 1, (-7_200, -3_600)));
    wait_for("the peers' certificate has run out", || ask(&cluster, "/livez").body.contains("[peer.tls] has run out"));
    let second = certs.nodes.node(&cluster.nodes[0].config.cluster.id, 2, GOOD);
    let peer = &cluster.nodes[0].config.peer.listen;
    assert!(shake(peer, config(&certs.nodes, Some(&second), &[&rustls::version::TLS13], &["h2"])).is_err());
}

#[test]
fn a_cluster_changes_over_to_tls_node_by_node() {
    let (mut cluster, certs) = prepared(3);
    let secured: Vec<_> =
        cluster.nodes.iter().map(|node| (node.config.tls.clone(), node.config.peer.tls.clone())).collect();
    for node in &mut cluster.nodes {
        node.config.tls = node::tls::TlsConfig::default();
        node.config.peer.tls = node::tls::PeerTlsConfig::default();
    }
    start(&mut cluster);
    for (id, (tls, peers)) in (1..).zip(&secured) {
        cluster.node(id).stop();
        cluster.node(id).config.tls.clone_from(tls);
        cluster.node(id).config.peer.tls.clone_from(peers);
        cluster.node(id).config.tls.accept_plaintext = true;
        cluster.node(id).config.peer.tls.accept_plaintext = true;
        cluster.node(id).start(false);
        wait_serving(&cluster);
        for asked in 1..=3 {
            assert_eq!(cluster.register(asked, &format!("s{id}-{asked}"), "Known").status, 200);
        }
    }
    // Both are spoken on one port.
    let http = cluster.nodes[0].config.http.listen.clone();
    let plain = cluster.block_on(async { reqwest::get(format!("http://{http}/subjects")).await.unwrap().status() });
    assert_eq!(plain, 200);
    assert_eq!(cluster.ask(1, "GET", "/subjects", None).status, 200);
    let stranger = Authority::new("nodes").node("in-process", 2, GOOD);
    let peer = cluster.nodes[0].config.peer.listen.clone();
    let tls13: &[&'static SupportedProtocolVersion] = &[&rustls::version::TLS13];
    assert!(
        shake(&peer, config(&certs.nodes, Some(&stranger), tls13, &["h2"])).is_err(),
        "who begins with TLS is judged by it"
    );
    for id in 1..=3 {
        cluster.node(id).stop();
        cluster.node(id).config.tls.accept_plaintext = false;
        cluster.node(id).config.peer.tls.accept_plaintext = false;
        cluster.node(id).start(false);
        wait_serving(&cluster);
        assert_eq!(cluster.register(id, &format!("t{id}"), "Known").status, 200);
    }
    assert!(is_closed_to(&http, b"GET /subjects HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert!(is_closed_to(&peer, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"));
}

#[test]
fn handshakes_that_never_end_keep_nobody_from_asking() {
    let (mut cluster, certs) = prepared(1);
    let connections = &mut cluster.nodes[0].config.connections;
    connections.count_max = 64;
    connections.head_ms_max = 1_000;
    start(&mut cluster);
    cluster.ask_by(certs.client(true));
    let http = cluster.nodes[0].config.http.listen.clone();
    // The head of a handshake that says how long it is going to be.
    let begun: Vec<_> = (0..300)
        .map(|_| {
            let mut socket = TcpStream::connect(&http).unwrap();
            socket.write_all(&[0x16, 3, 1, 1, 0, 1]).unwrap();
            socket
        })
        .collect();
    let since = Instant::now();
    for number in 0..5 {
        assert_eq!(cluster.register(1, &format!("s{number}"), "Known").status, 200);
    }
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    let open = figure(&cluster, 1, "schemareg_connections{listener=\"http\"}");
    assert!(open <= Some(64), "{open:?}");
    for mut socket in begun {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        // Closed or reset, but not left open.
        if let Err(error) = socket.read_to_end(&mut rest) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
    }
    let closed = |cause: &str| {
        let name = format!("schemareg_connections_closed_total{{listener=\"http\",cause=\"{cause}\"}}");
        figure(&cluster, 1, &name).unwrap_or_default()
    };
    assert!(closed("handshake") + closed("crowded") >= 300, "{} {}", closed("handshake"), closed("crowded"));
    assert!(closed("handshake") >= 1);
    assert_eq!(cluster.register(1, "last", "Known").status, 200);
}

#[test]
fn everything_that_is_wrong_with_files_is_told_at_once() {
    let (mut cluster, certs) = prepared(1);
    let config = &mut cluster.nodes[0].config;
    assert_eq!(config.tls_faults(), []);
    let other = certs.clients.loopback(GOOD);
    std::fs::write(certs.dir.join("other.key"), &other.key).unwrap();
    std::fs::write(certs.dir.join("empty.pem"), "").unwrap();
    config.tls.key = certs.dir.join("other.key");
    config.peer.tls.cert = certs.dir.join("nowhere.crt");
    config.peer.tls.key = certs.dir.join("empty.pem");
    config.peer.tls.ca = certs.dir.join("empty.pem");
    let faults = config.tls_faults();
    let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["tls.key", "peer.tls.cert", "peer.tls.key", "peer.tls.ca"], "{faults:?}");
    assert!(faults[0].1.contains("is not the key of the certificate in"), "{faults:?}");
    assert!(faults[1].1.contains("No such file"), "{faults:?}");
    // The clients' authority does not vouch for a node.
    certs.secure(config);
    config.peer.tls.ca = certs.dir.join("clients.ca");
    let faults = config.tls_faults();
    assert!(faults.len() == 1 && faults[0].1.contains("do not vouch"), "{faults:?}");
}
