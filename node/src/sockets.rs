//! How connections are accepted, whatever is spoken on them: HTTP, gRPC, the peer protocol.
//!
//! Every accepted socket sends at once (`TCP_NODELAY`). With Nagle's algorithm the second part of an answer waits until the
//! client has acknowledged the first, and clients acknowledge late: 40 ms on Linux. Nothing that a client does ends the
//! accepting: an error is logged, and where the node lacks descriptors it waits until some are given back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::Stream;
use tokio::net::{TcpListener, TcpStream};

/// Pause after a failed accept: most often all descriptors are in use, and trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener whose connections send without delay.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
}

impl Listener {
    /// Accepts from a bound listener.
    pub fn new(inner: TcpListener) -> Self {
        Self { inner }
    }

    /// The next connection. Waits out every error.
    pub async fn next(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, from)) => match stream.set_nodelay(true) {
                    Ok(()) => return (stream, from),
                    // The client has gone already.
                    Err(error) => tracing::debug!(%error, %from, "prepare a connection"),
                },
                Err(error) if is_of_one_connection(&error) => tracing::debug!(%error, "accept a connection"),
                Err(error) => {
                    tracing::warn!(%error, "accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// All connections, as tonic takes them.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<TcpStream>> {
        futures::stream::unfold(self, |listener| async move {
            let (stream, _) = listener.next().await;
            Some((Ok(stream), listener))
        })
    }
}

impl axum::serve::Listener for Listener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

/// Does an error speak about a connection that was given up before it was accepted, and not about the listener?
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    async fn listener() -> (Listener, SocketAddr) {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = inner.local_addr().unwrap();
        (Listener::new(inner), address)
    }

    #[tokio::test]
    async fn every_accepted_socket_sends_without_delay() {
        let (mut http, http_address) = listener().await;
        let (grpc, grpc_address) = listener().await;
        let clients =
            [TcpStream::connect(http_address).await.unwrap(), TcpStream::connect(grpc_address).await.unwrap()];
        let (accepted, _) = axum::serve::Listener::accept(&mut http).await;
        assert!(accepted.nodelay().unwrap(), "as HTTP accepts");
        let mut stream = Box::pin(grpc.into_stream());
        let accepted = stream.next().await.unwrap().unwrap();
        assert!(accepted.nodelay().unwrap(), "as gRPC and peers accept");
        // The option is the accepting side's choice, not something that a client could have set.
        assert!(clients.iter().all(|client| !client.nodelay().unwrap()));
    }
}
