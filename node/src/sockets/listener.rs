//! Accepting, without an end.
//!
//! Every accepted socket sends at once (`TCP_NODELAY`). With Nagle's algorithm the second part of an answer waits until the
//! client has acknowledged the first, and clients acknowledge late: 40 ms on Linux. Nothing that a client does ends the
//! accepting: an error is logged, and where the node lacks descriptors it waits until some are given back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::clock::{self, Instant};

/// Pause after a failed accept: most often all descriptors are in use, and trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Between two lines in the log about it.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// A listener whose connections send without delay.
#[derive(Debug)]
pub(super) struct Listener {
    inner: TcpListener,
    said: Option<Instant>,
}

impl Listener {
    /// Accepts from a bound listener.
    pub(super) fn new(inner: TcpListener) -> Self {
        Self { inner, said: None }
    }

    /// The next connection. Waits out every error.
    pub(super) async fn next(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, from)) => match stream.set_nodelay(true) {
                    Ok(()) => return (stream, from),
                    // The client has gone already.
                    Err(error) => tracing::debug!(%error, %from, "prepare a connection"),
                },
                Err(error) if is_of_one_connection(&error) => tracing::debug!(%error, "accept a connection"),
                Err(error) => {
                    let now = clock::now();
                    if self.said.is_none_or(|said| now.saturating_duration_since(said) >= LINE_INTERVAL) {
                        self.said = Some(now);
                        tracing::warn!(%error, "accept connections; new ones wait until it succeeds");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
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
    use super::*;

    #[tokio::test]
    async fn every_accepted_socket_sends_without_delay() {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(inner.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = Listener::new(inner).next().await;
        assert!(accepted.nodelay().unwrap());
        // The option is the accepting side's choice, not something that a client could have set.
        assert!(!client.nodelay().unwrap());
    }
}
