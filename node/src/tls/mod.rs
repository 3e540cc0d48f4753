//! TLS by rustls on every listener and on every connection to another node.
//!
//! `config` has the two sections of the configuration and what may be wrong with them, `files` reads and judges what they
//! name, `keeper` holds what was read last and reads it again when the files change. `accept` is the handshake of the
//! listeners, `connect` that of connections to peers, and `node_name` binds a certificate to a node: a peer is who the
//! certificate says (`spiffe://<cluster>/node/<id>`), whatever its messages claim.
//!
//! Never here: what a client may do. Never a way back to plaintext because something about a certificate is wrong.

mod accept;
mod config;
mod connect;
mod files;
mod keeper;
mod node_name;

pub use accept::{Gateway, Layered, Presented};
pub use config::{MinVersion, PeerTlsConfig, Settings, TlsConfig, faults};
pub use connect::Connector;
pub use keeper::{Keeper, Keepers, Port};

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The one provider of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
