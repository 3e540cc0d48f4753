//! Connections to other nodes: TLS 1.3, where each side proves which node it is.

use std::io;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::accept::{Layered, is_absence};
use super::keeper::Keeper;

/// Makes connections to one node.
#[derive(Debug, Clone)]
pub struct Connector {
    keeper: Keeper,
    node: u64,
    accept_plaintext: bool,
}

impl Connector {
    /// Connections to the peer `node`; none if the keeper is not that of connections between nodes.
    pub fn to_peer(keeper: &Keeper, node: u64, accept_plaintext: bool) -> Option<Self> {
        keeper.is_of_peers().then(|| Self { keeper: keeper.clone(), node, accept_plaintext })
    }

    async fn connect(self, uri: Uri) -> io::Result<TokioIo<Layered<TcpStream>>> {
        let address = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        // Only for proxies that look at it: who answers is checked by the name of the node.
        let name = ServerName::try_from(host.to_owned()).or_else(|_| ServerName::try_from("node".to_owned()));
        let name = name.map_err(io::Error::other)?;
        let config = self.keeper.client(self.node)?;
        match TlsConnector::from(config).connect(name, open(&address).await?).await {
            Ok(stream) => Ok(TokioIo::new(Layered::Tls(Box::new(stream.into())))),
            Err(error) if self.accept_plaintext && is_plaintext(&error) => {
                tracing::warn!(node = self.node, address, "a peer has no TLS yet; it is reached without");
                Ok(TokioIo::new(Layered::Plain(open(&address).await?)))
            }
            Err(error) => {
                tracing::warn!(node = self.node, address, %error, "connect to a peer by TLS");
                Err(error)
            }
        }
    }
}

/// Opens a connection whose data is sent at once.
async fn open(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Did the other side answer as somebody who knows no TLS? A certificate that is wrong is another matter.
fn is_plaintext(error: &io::Error) -> bool {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidMessage(_)) => true,
        Some(_) => false,
        None => is_absence(error),
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Layered<TcpStream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
