//! A socket that tells what moves through it, below TLS and below every protocol.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::activity::Activity;
use super::connections::Place;

/// An accepted connection. It gives its place back when it is closed, and fails when it was told to end.
#[derive(Debug)]
pub struct Socket {
    inner: TcpStream,
    from: SocketAddr,
    place: Place,
}

impl Socket {
    pub(super) fn new(inner: TcpStream, from: SocketAddr, place: Place) -> Self {
        Self { inner, from, place }
    }

    /// Where it comes from.
    pub fn from(&self) -> SocketAddr {
        self.from
    }

    /// The connection itself, to look at what has arrived without taking it.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.inner
    }

    pub(super) fn activity(&self) -> Arc<Activity> {
        self.place.activity.clone()
    }

    fn check_cut(&self) -> io::Result<()> {
        if self.place.activity.is_cut() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    fn note_write(&self, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Pending => self.place.activity.note_blocked(),
            Poll::Ready(Ok(_)) => self.place.activity.note_sent(),
            Poll::Ready(Err(_)) => {}
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check_cut()?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.place.activity.note_received();
        }
        polled
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_cut()?;
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.note_write(&polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_cut()?;
        let polled = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.note_write(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
