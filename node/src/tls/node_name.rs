//! Who a node's certificate says that it is: `spiffe://<cluster>/node/<id>` among its alternative names.
//!
//! The chain is checked by webpki against the nodes' own authorities, as for any certificate. Names of hosts are not: a node
//! moves, and stays who it is.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;

use super::files::Material;
use super::provider;

/// The name of a node, as its certificate carries it.
pub(super) fn name(cluster: &str, node: u64) -> String {
    format!("spiffe://{cluster}/node/{node}")
}

/// The node of `cluster` that a certificate names.
///
/// # Errors
/// What the certificate names instead.
pub(super) fn node_of(certificate: &CertificateDer<'_>, cluster: &str) -> Result<u64, String> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    let names = parsed.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) if uri.starts_with("spiffe://") => Some(*uri),
        _ => None,
    });
    let uris: Vec<&str> = uris.collect();
    // Two names would be two nodes.
    let [uri] = uris.as_slice() else {
        return Err(format!("the certificate has {} names of the form spiffe://CLUSTER/node/ID, not one", uris.len()));
    };
    let id = uri.rsplit('/').next().and_then(|id| id.parse().ok());
    // Compared as a whole: there is one way to write a name.
    id.filter(|id| *uri == name(cluster, *id))
        .ok_or_else(|| format!("the certificate is of {uri:?}, which is no node of the cluster {cluster:?}"))
}

/// Is this certificate what the node may show to others?
///
/// # Errors
/// What is wrong with it. That it has run out is not: it is loaded, refuses, and waits for the next one.
pub(super) fn judge_own(material: &Material, cluster: &str, node: u64) -> Result<(), String> {
    let found = node_of(material.leaf(), cluster)?;
    if found != node {
        return Err(format!("the certificate is of node {found}, and this is node {node}"));
    }
    let Some(roots) = &material.roots else { return Ok(()) };
    let within = u64::try_from(material.validity.not_before).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(within));
    let chain = &material.certified.cert;
    let as_server = verify_chain(&chain[0], &chain[1..], roots, now);
    let as_client = client_verifier(roots.clone()).and_then(|verifier| {
        let verified = verifier.verify_client_cert(&chain[0], &chain[1..], now);
        verified.map(drop).map_err(|error| error.to_string())
    });
    as_server.map_err(|error| error.to_string()).and(as_client).map_err(|error| {
        format!(
            "the authorities in peer.tls.ca do not vouch for this certificate, as a server and as a client: {error}"
        )
    })
}

fn client_verifier(roots: Arc<RootCertStore>) -> Result<Arc<dyn ClientCertVerifier>, String> {
    WebPkiClientVerifier::builder_with_provider(roots, provider()).build().map_err(|error| error.to_string())
}

fn verify_chain(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: UnixTime,
) -> Result<(), Error> {
    let parsed = ParsedCertificate::try_from(end_entity)?;
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)
}

fn refused(reason: &str) -> Error {
    tracing::warn!(reason, "a peer shows a certificate that is not accepted");
    Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
}

/// Lets nodes of one cluster in; which one it is, the caller reads from the certificate.
#[derive(Debug)]
pub(super) struct AnyNode {
    chain: Arc<dyn ClientCertVerifier>,
    cluster: Arc<str>,
}

impl AnyNode {
    /// # Errors
    /// If there are no authorities.
    pub(super) fn new(roots: Arc<RootCertStore>, cluster: Arc<str>) -> Result<Self, String> {
        Ok(Self { chain: client_verifier(roots)?, cluster })
    }
}

impl ClientCertVerifier for AnyNode {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        node_of(end_entity, &self.cluster).map_err(|reason| refused(&reason))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Accepts one node as the other side, and no other.
#[derive(Debug)]
pub(super) struct OneNode {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) cluster: Arc<str>,
    pub(super) node: u64,
}

impl ServerCertVerifier for OneNode {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        verify_chain(end_entity, intermediates, &self.roots, now)?;
        match node_of(end_entity, &self.cluster) {
            Ok(node) if node == self.node => Ok(ServerCertVerified::assertion()),
            Ok(other) => Err(refused(&format!("node {other} answers where node {} is looked for", self.node))),
            Err(reason) => Err(refused(&reason)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(uris: &[&str]) -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec!["host".to_owned()]).unwrap();
        let uris = uris.iter().map(|uri| rcgen::SanType::URI((*uri).try_into().unwrap()));
        params.subject_alt_names.extend(uris);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_name_is_written_in_one_way() {
        let node = |uris: &[&str], cluster: &str| node_of(&certificate(uris), cluster).ok();
        assert_eq!(node(&["spiffe://c/node/7"], "c"), Some(7));
        assert_eq!(node(&["https://c/node/8", "spiffe://c/node/7"], "c"), Some(7));
        assert_eq!(node(&["spiffe://c/node/7"], "d"), None);
        for wrong in
            ["spiffe://c/node/07", "spiffe://c/node/+7", "spiffe://c/node/7/", "spiffe://c/node/", "spiffe://C/node/7"]
        {
            assert_eq!(node(&[wrong], "c"), None, "{wrong}");
        }
        assert_eq!(node(&["spiffe://c/x/node/7"], "c"), None);
        assert_eq!(node(&["spiffe://c/x/node/7"], "c/x"), Some(7));
        assert_eq!(node(&["spiffe://c/node/7", "spiffe://c/node/8"], "c"), None, "two names are two nodes");
        assert_eq!(node(&[], "c"), None);
    }
}
