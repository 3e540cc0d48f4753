//! The handshake of a listener: none, TLS, or whichever of the two the other side begins with.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::keeper::{Keeper, Port};
use super::node_name;
use crate::sockets::{Handshake, Secured, Socket};

/// The first byte of every connection with TLS: a record of the handshake. HTTP begins with a letter.
const HANDSHAKE_RECORD: u8 = 0x16;

/// What comes before HTTP on a listener.
#[derive(Debug, Clone)]
pub enum Gateway {
    /// Nothing.
    Plain,
    /// TLS.
    Tls {
        /// Whose certificate is shown.
        keeper: Keeper,
        /// The listener.
        port: Port,
        /// Serve who begins without TLS as well.
        accept_plaintext: bool,
    },
}

/// What the other side of a connection with TLS has proved. Cheap to clone: every request carries it.
#[derive(Debug, Clone)]
pub struct Presented {
    inner: Arc<Proved>,
}

#[derive(Debug)]
struct Proved {
    chain: Vec<CertificateDer<'static>>,
    node: Option<u64>,
}

impl Presented {
    /// The certificate chain that it showed, its own first; empty if it showed none. It was verified.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.inner.chain
    }

    /// The node that it is: on the peer port alone, and there always.
    pub fn node(&self) -> Option<u64> {
        self.inner.node
    }
}

/// A connection with TLS or without.
#[derive(Debug)]
pub enum Layered<S> {
    /// Without.
    Plain(S),
    /// With.
    Tls(Box<TlsStream<S>>),
}

/// A socket whose first byte can be looked at without taking it.
pub trait Peek {
    /// Waits for the first byte.
    ///
    /// # Errors
    /// If the other side has gone before it sent one.
    fn first_byte(&self) -> impl Future<Output = io::Result<u8>> + Send;
}

impl Peek for TcpStream {
    async fn first_byte(&self) -> io::Result<u8> {
        let mut byte = [0];
        match self.peek(&mut byte).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(byte[0]),
        }
    }
}

impl Peek for Socket {
    fn first_byte(&self) -> impl Future<Output = io::Result<u8>> + Send {
        self.stream().first_byte()
    }
}

impl Gateway {
    /// How a listener is guarded by a keeper; not at all without one.
    pub fn of_keeper(keeper: Option<&Keeper>, port: Port, accept_plaintext: bool) -> Self {
        match keeper {
            None => Self::Plain,
            Some(keeper) => Self::Tls { keeper: keeper.clone(), port, accept_plaintext },
        }
    }
}

impl Gateway {
    /// Makes a connection that HTTP may be spoken over.
    ///
    /// # Errors
    /// If the other side does not speak TLS, or does not prove who it is; or if this node's own certificate is not valid.
    pub async fn secure<S>(&self, socket: S) -> io::Result<Secured<Layered<S>, Presented>>
    where
        S: Peek + AsyncRead + AsyncWrite + Unpin + Send,
    {
        let plain = |socket| Secured { stream: Layered::Plain(socket), peer: None };
        let Self::Tls { keeper, port, accept_plaintext } = self else { return Ok(plain(socket)) };
        if *accept_plaintext && socket.first_byte().await? != HANDSHAKE_RECORD {
            return Ok(plain(socket));
        }
        // As late as it can be: the certificate of this moment is shown.
        let stream = TlsAcceptor::from(keeper.server(*port)?).accept(socket).await?;
        let chain = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
        let node = match (keeper.cluster(), chain.first()) {
            (None, _) => None,
            (Some(cluster), Some(certificate)) => {
                Some(node_name::node_of(certificate, cluster).map_err(io::Error::other)?)
            }
            (Some(_), None) => return Err(io::Error::other("the peer has shown no certificate")),
        };
        let peer = Some(Presented { inner: Arc::new(Proved { chain, node }) });
        Ok(Secured { stream: Layered::Tls(Box::new(stream.into())), peer })
    }
}

impl Handshake for Gateway {
    type Stream = Layered<Socket>;
    type Peer = Presented;

    async fn handshake(&self, socket: Socket) -> io::Result<Secured<Self::Stream, Presented>> {
        let from = socket.from();
        let secured = self.secure(socket).await;
        if let (Self::Tls { port: Port::Peer, .. }, Err(error)) = (self, &secured)
            && !is_absence(error)
        {
            tracing::warn!(%error, %from, "a connection to the peer port is refused");
        }
        secured
    }
}

/// The other side said nothing, or went away: probes of load balancers and of nodes that look for a process do.
pub(super) fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Layered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Layered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
