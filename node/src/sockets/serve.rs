//! One loop for every listener: accept, watch, hand to HTTP, drain.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::{BoxError, Service};

use super::activity::{Activity, Cause};
use super::connections::Connections;
use super::listener::Listener;
use super::request::Guarded;
use super::socket::Socket;

/// Between two looks at all connections: how exact their time limits are.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Longest head of a request with HTTP/1, in bytes: twice the longest path that HTTP takes, so that a longer one is told so.
const HEAD_BYTES_MAX: usize = 128 * 1024;
/// The same with HTTP/2.
const HEADER_LIST_BYTES_MAX: u32 = 32 * 1024;
/// Requests under way on one connection of a client.
const CLIENT_STREAMS_MAX: u32 = 256;
/// The same between nodes: as many as a node lets in, for all of them may be writes that it forwards.
const PEER_STREAMS_MAX: u32 = 16 * 1024;
/// Streams that a client began and reset before they were accepted; more end the connection (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 32;
/// Longest part of an answer that waits in memory for the window of its client.
const SEND_BUFFER_BYTES_MAX: usize = 64 * 1024;

/// How far a node has come with stopping, as its listeners see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It serves.
    Serving,
    /// It still serves, and asks clients to go elsewhere.
    Draining,
    /// It takes no connection and no request any more, and finishes what is under way.
    Closing,
}

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1 and HTTP/2, as the client begins.
    Http,
    /// HTTP/2 of clients that speak gRPC.
    Grpc,
    /// HTTP/2 between nodes.
    Peer,
}

impl Protocol {
    /// Between two questions whether the other side of a connection with HTTP/2 is still there, and how long it may think.
    fn keep_alive(self) -> (Duration, Duration) {
        match self {
            Self::Http | Self::Grpc => (Duration::from_secs(30), Duration::from_secs(20)),
            // As the nodes ask each other: a member that is gone without a word must not be waited for.
            Self::Peer => (Duration::from_secs(5), Duration::from_secs(2)),
        }
    }

    fn builder(self) -> Builder<TokioExecutor> {
        let (interval, time_max) = self.keep_alive();
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().max_buf_size(HEAD_BYTES_MAX);
        let mut http2 = builder.http2();
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(interval)
            .keep_alive_timeout(time_max)
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
            .enable_connect_protocol();
        match self {
            Self::Http | Self::Grpc => http2
                .max_concurrent_streams(CLIENT_STREAMS_MAX)
                .max_header_list_size(HEADER_LIST_BYTES_MAX)
                .max_send_buf_size(SEND_BUFFER_BYTES_MAX),
            Self::Peer => http2.max_concurrent_streams(PEER_STREAMS_MAX).adaptive_window(true),
        };
        builder
    }
}

/// What happens between the accept and the first byte of HTTP: nothing, or TLS.
///
/// A handshake need not bound its time: a connection on which no request arrives is closed, whatever it waits for. One that
/// fails ends its connection, and is counted.
pub trait Handshake: Clone + Send + Sync + 'static {
    /// What HTTP is spoken over.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// What the handshake tells of the other side; every request of the connection has it among its extensions.
    type Peer: Clone + Send + Sync + 'static;

    /// Makes a stream of an accepted socket.
    fn handshake(&self, socket: Socket) -> impl Future<Output = io::Result<Secured<Self::Stream, Self::Peer>>> + Send;
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Secured<S, P> {
    /// What HTTP is spoken over.
    pub stream: S,
    /// What is known of the other side, if anything.
    pub peer: Option<P>,
}

/// What is served on a listener, and how.
#[derive(Debug, Clone)]
pub struct Serve<D, H> {
    /// What is spoken.
    pub protocol: Protocol,
    /// Who answers requests.
    pub door: D,
    /// What comes before them.
    pub handshake: H,
    /// The connections of this listener.
    pub connections: Connections,
}

/// Serves a listener until its node has closed it and the last connection has ended. Dropped earlier, it cuts them all.
///
/// Nothing that happens on a connection ends it, and nothing that the operating system refuses: it tries again.
pub async fn serve_listener<D, R, H>(
    listener: tokio::net::TcpListener,
    serve: Serve<D, H>,
    mut stages: watch::Receiver<Stage>,
) where
    D: Service<Request<Incoming>, Response = Response<R>, Error = Infallible> + Clone + Send + Sync + 'static,
    D::Future: Unpin + Send + 'static,
    R: Body<Data = Bytes> + Unpin + Send + 'static,
    R::Error: Into<BoxError>,
    H: Handshake,
{
    let Serve { protocol, door, handshake, connections } = serve;
    let builder = Arc::new(protocol.builder());
    let mut listener = Listener::new(listener);
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tasks = JoinSet::new();
    let mut waiting: Option<(TcpStream, std::net::SocketAddr)> = None;
    let mut stage = *stages.borrow_and_update();
    while stage < Stage::Closing {
        tokio::select! {
            accepted = listener.next(), if waiting.is_none() => waiting = Some(accepted),
            () = connections.place_freed(), if waiting.is_some() => {}
            _ = looks.tick() => connections.look_at_all(),
            Some(_) = tasks.join_next() => {}
            changed = stages.changed() => {
                stage = if changed.is_ok() { *stages.borrow_and_update() } else { Stage::Closing };
                if stage >= Stage::Draining {
                    connections.begin_drain();
                }
            }
        }
        // Where all places are taken the newest client waits, and those behind it in the backlog, until somebody who
        // rests has made room.
        if let Some((stream, from)) = waiting.take() {
            match connections.try_enter() {
                None => waiting = Some((stream, from)),
                Some(place) => {
                    let socket = Socket::new(stream, from, place);
                    tasks.spawn(serve_connection(
                        socket,
                        door.clone(),
                        handshake.clone(),
                        builder.clone(),
                        connections.clone(),
                    ));
                }
            }
        }
    }
    drop((listener, waiting));
    connections.finish_all();
    while !tasks.is_empty() {
        tokio::select! {
            _ = tasks.join_next() => {}
            _ = looks.tick() => connections.look_at_all(),
        }
    }
}

/// One connection, from its handshake to its end.
async fn serve_connection<D, R, H>(
    socket: Socket,
    door: D,
    handshake: H,
    builder: Arc<Builder<TokioExecutor>>,
    connections: Connections,
) where
    D: Service<Request<Incoming>, Response = Response<R>, Error = Infallible> + Clone + Send + Sync + 'static,
    D::Future: Unpin + Send + 'static,
    R: Body<Data = Bytes> + Unpin + Send + 'static,
    R::Error: Into<BoxError>,
    H: Handshake,
{
    let (activity, from) = (socket.activity(), socket.from());
    activity.greets(true);
    let Some(secured) = unless_told(&activity, handshake.handshake(socket)).await else { return };
    let Secured { stream, peer } = match secured {
        Ok(secured) => secured,
        Err(error) => {
            // One that was cut in the midst of it is counted already.
            if !activity.is_cut() {
                connections.count_closed(Cause::Handshake);
            }
            return tracing::debug!(%error, %from, "handshake");
        }
    };
    activity.greets(false);
    let guarded = Guarded::new(door, from, peer, activity.clone(), connections);
    let mut served = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), guarded));
    let mut finishing = false;
    let ended = poll_fn(|cx| {
        activity.register_waker(cx.waker());
        if activity.is_cut() {
            return Poll::Ready(Ok(()));
        }
        if !finishing && activity.is_finishing() {
            finishing = true;
            served.as_mut().graceful_shutdown();
        }
        served.as_mut().poll(cx)
    });
    if let Err(error) = ended.await {
        // Most of them: the client has gone.
        tracing::debug!(error = %error, %from, "a connection ends");
    }
}

/// The outcome of a future; none if its connection is told to end before.
async fn unless_told<T>(activity: &Activity, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        activity.register_waker(cx.waker());
        if activity.is_open() { future.as_mut().poll(cx).map(Some) } else { Poll::Ready(None) }
    })
    .await
}
