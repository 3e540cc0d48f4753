//! One proxy: accepts connections at a port of its own and carries bytes to its target, as badly as its state says.
//!
//! Two kinds of loss. *Held* bytes wait and arrive when the link heals: late messages, as TCP delivers them after a short
//! cut. *Swallowed* bytes never arrive, and the connection they were on stays silent for ever in that direction, as behind a
//! router that lost its state: only a bound on the call notices.
//!
//! Where nobody listens at the target, nobody listens here either: a peer is refused, as the kernel of the target would refuse
//! it, and learns that the process is gone. A cut hides that: then connections are taken, and stay silent.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::Figures;

/// What happens to bytes that are sent into a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Loss {
    /// They arrive.
    #[default]
    None,
    /// They wait until the link heals.
    Held,
    /// They are gone, and their connection is silent from then on.
    Swallowed,
}

/// How bytes travel in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Direction {
    /// Every piece comes so much later.
    pub delay_ms: u64,
    /// And up to so much more.
    pub jitter_ms: u64,
    /// Bytes per second; 0: as many as there are.
    pub bytes_per_second: u64,
    /// Are they lost?
    pub loss: Loss,
    /// One in so many pieces is lost like a packet: it and all behind it wait for a retransmission. 0: none.
    pub retransmit_one_in: u32,
}

impl Direction {
    fn is_cut(&self) -> bool {
        self.loss != Loss::None
    }
}

/// How a proxy behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// From who connects to the target.
    pub forward: Direction,
    /// From the target back.
    pub back: Direction,
    /// New connections are reset at once.
    pub refuse: bool,
    /// Counts up: every change breaks all connections.
    pub resets: u64,
}

impl State {
    /// Does one side hear nothing of the other?
    fn is_cut(&self) -> bool {
        self.forward.is_cut() || self.back.is_cut()
    }

    /// How long an answer takes at least.
    fn round_trip(&self) -> Duration {
        Duration::from_millis(self.forward.delay_ms + self.back.delay_ms)
    }
}

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    held: AtomicU64,
    swallowed: AtomicU64,
    delayed: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
}

/// Bytes read at once.
const PIECE_BYTES: usize = 16 * 1024;
/// Pieces on their way in one direction of one connection: with a delay, the window.
const PIECES_MAX: usize = 256;
/// A lost packet comes again after so long: the least that Linux waits.
const RETRANSMIT: Duration = Duration::from_millis(200);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How often a target that is down is asked whether it is up.
const PROBE_INTERVAL: Duration = Duration::from_millis(20);
const BACKLOG: u32 = 1024;

/// One proxy. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) address: SocketAddr,
    state: watch::Sender<State>,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    pub(super) async fn open(target: SocketAddr) -> Self {
        let port = Port::reserve_port();
        let (address, listener) = (port.address, port.start_listening());
        let state = watch::Sender::new(State::default());
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(serve_connections(port, listener, target, state.subscribe(), counters.clone()));
        Self { address, state, counters, task }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        self.state.send_modify(change);
    }

    pub(super) fn figures(&self) -> Figures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { bytes, held, swallowed, delayed, refused, broken } = &*self.counters;
        Figures {
            bytes: read(bytes),
            held: read(held),
            swallowed: read(swallowed),
            delayed: read(delayed),
            refused: read(refused),
            broken: read(broken),
            ..Figures::default()
        }
    }
}

/// A port that stays ours while nobody listens at it.
struct Port {
    address: SocketAddr,
    _holder: TcpSocket,
}

impl Port {
    fn reserve_port() -> Self {
        let holder = Self::bind_socket(SocketAddr::from(([127, 0, 0, 1], 0)));
        Self { address: holder.local_addr().expect("a bound socket has an address"), _holder: holder }
    }

    fn bind_socket(address: SocketAddr) -> TcpSocket {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseport(true).expect("a port may be bound by holder and listener");
        socket.bind(address).expect("bind a free port on loopback");
        socket
    }

    fn start_listening(&self) -> TcpListener {
        Self::bind_socket(self.address).listen(BACKLOG).expect("listen at a port of our own")
    }
}

/// What a link's connections share.
#[derive(Clone)]
struct Shared {
    target: SocketAddr,
    state: watch::Receiver<State>,
    counters: Arc<Counters>,
    /// Told when the target refused a connection.
    refused: Arc<Notify>,
}

async fn serve_connections(
    port: Port,
    mut listener: TcpListener,
    target: SocketAddr,
    state: watch::Receiver<State>,
    counters: Arc<Counters>,
) {
    let mut connections = JoinSet::new();
    loop {
        // The refusal of an earlier connection says nothing of the process that listens now.
        let refused = Arc::new(Notify::new());
        let shared = Shared { target, state: state.clone(), counters: counters.clone(), refused };
        tokio::select! {
            () = accept_connections(&listener, &shared, &mut connections) => {}
            () = shared.refused.notified() => {}
        }
        drop(listener);
        until_back(target, state.clone()).await;
        listener = port.start_listening();
    }
}

async fn accept_connections(listener: &TcpListener, shared: &Shared, connections: &mut JoinSet<()>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if shared.state.borrow().refuse {
            shared.counters.refused.fetch_add(1, Ordering::Relaxed);
            drop(stream.set_zero_linger());
            continue;
        }
        connections.spawn(carry_connection(stream, shared.clone()));
    }
}

/// Waits until the target listens, or a cut hides that it does not.
async fn until_back(target: SocketAddr, mut state: watch::Receiver<State>) {
    while !state.borrow_and_update().is_cut() && TcpStream::connect(target).await.is_err() {
        tokio::select! {
            () = tokio::time::sleep(PROBE_INTERVAL) => {}
            Ok(()) = state.changed() => {}
        }
    }
}

async fn carry_connection(incoming: TcpStream, shared: Shared) {
    let Shared { target, mut state, counters, refused } = shared;
    let now = *state.borrow();
    drop(incoming.set_zero_linger());
    let is_over = move |state: &State| state.resets != now.resets;
    let outgoing = match tokio::time::timeout(CONNECT_TIME_MAX, TcpStream::connect(target)).await {
        Ok(Ok(outgoing)) => outgoing,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
            tokio::time::sleep(now.round_trip()).await;
            drop(state.wait_for(|state| !state.is_cut() || is_over(state)).await);
            refused.notify_one();
            return;
        }
        _ => return,
    };
    drop(incoming.set_nodelay(true));
    drop(outgoing.set_nodelay(true));
    drop(outgoing.set_zero_linger());
    let (from, to_back) = incoming.into_split();
    let (from_back, to) = outgoing.into_split();
    let forward = carry_bytes(from, to, state.clone(), |state| state.forward, counters.clone());
    let back = carry_bytes(from_back, to_back, state.clone(), |state| state.back, counters.clone());
    tokio::select! {
        // When one side ends, the other does: HTTP has no half-open connections.
        () = forward => {}
        () = back => {}
        _ = state.wait_for(is_over) => {
            counters.broken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Carries one direction of a connection until it ends.
async fn carry_bytes(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: watch::Receiver<State>,
    of: impl Fn(&State) -> Direction + Copy,
    counters: Arc<Counters>,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let (mut seen, counted) = (state.clone(), counters.clone());
    let reading = async move {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut silent = false;
        loop {
            let length = from.read(&mut buffer).await.unwrap_or(0);
            if length == 0 {
                // A cut swallows the news of the end, too; who asks after it hears of it.
                drop(seen.wait_for(|state| !of(state).is_cut()).await);
                return;
            }
            let direction = of(&seen.borrow());
            let count = length as u64;
            silent |= direction.loss == Loss::Swallowed;
            if silent {
                counted.swallowed.fetch_add(count, Ordering::Relaxed);
                continue;
            }
            let due = Instant::now() + delay_of_piece(&direction);
            if due > Instant::now() {
                counted.delayed.fetch_add(count, Ordering::Relaxed);
            }
            if direction.loss == Loss::Held {
                counted.held.fetch_add(count, Ordering::Relaxed);
            }
            if sender.send((due, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let mut held = state;
    let writing = async {
        while let Some((due, piece)) = receiver.recv().await {
            tokio::time::sleep_until(due).await;
            // What was cut while it was under way waits, too.
            if held.wait_for(|state| of(state).loss != Loss::Held).await.is_err() || to.write_all(&piece).await.is_err()
            {
                return;
            }
            let count = piece.len() as u64;
            counters.bytes.fetch_add(count, Ordering::Relaxed);
            let rate = of(&held.borrow()).bytes_per_second;
            if let Some(ms) = (count * 1_000).checked_div(rate) {
                tokio::time::sleep(Duration::from_millis(ms)).await;
            }
        }
    };
    tokio::join!(reading, writing);
}

fn delay_of_piece(direction: &Direction) -> Duration {
    let mut random = rand::rng();
    let jitter = if direction.jitter_ms > 0 { random.random_range(0..=direction.jitter_ms) } else { 0 };
    let mut late = Duration::from_millis(direction.delay_ms + jitter);
    if direction.retransmit_one_in > 0 && random.random_range(0..direction.retransmit_one_in) == 0 {
        late += RETRANSMIT;
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;

    /// A server that answers every byte with the same byte.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reading, mut writing) = stream.into_split();
                    drop(tokio::io::copy(&mut reading, &mut writing).await);
                });
            }
        });
        address
    }

    async fn ask(stream: &mut TcpStream, byte: u8) -> std::io::Result<u8> {
        stream.write_all(&[byte]).await?;
        stream.read_u8().await
    }

    /// True if nothing comes in a time in which, on a quiet link, something would.
    async fn is_silent(what: impl Future) -> bool {
        tokio::time::timeout(Duration::from_millis(300), what).await.is_err()
    }

    #[tokio::test]
    async fn bytes_pass_wait_vanish_and_break_as_the_state_says() {
        let link = Link::open(echo().await).await;
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        assert_eq!(ask(&mut stream, 1).await.unwrap(), 1);

        link.change(|state| state.back.loss = Loss::Held);
        stream.write_all(&[2]).await.unwrap();
        assert!(is_silent(stream.read_u8()).await, "a held byte does not arrive");
        link.change(|state| state.back.loss = Loss::None);
        assert_eq!(stream.read_u8().await.unwrap(), 2, "a held byte arrives late");

        link.change(|state| state.forward.loss = Loss::Swallowed);
        stream.write_all(&[3]).await.unwrap();
        assert!(is_silent(stream.read_u8()).await);
        link.change(|state| *state = State::default());
        assert!(is_silent(ask(&mut stream, 4)).await, "a connection that lost bytes stays silent");
        let mut other = TcpStream::connect(link.address).await.unwrap();
        assert_eq!(ask(&mut other, 5).await.unwrap(), 5, "a new one works");

        link.change(|state| state.resets += 1);
        assert!(other.read_u8().await.is_err());
        link.change(|state| state.refuse = true);
        let mut refused = TcpStream::connect(link.address).await.unwrap();
        assert!(ask(&mut refused, 6).await.is_err());

        let figures = link.figures();
        assert!(
            figures.held == 1 && figures.swallowed >= 1 && figures.refused == 1 && figures.broken >= 1,
            "{figures:?}"
        );
    }

    async fn is_refused(address: SocketAddr) -> bool {
        TcpStream::connect(address).await.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }

    #[tokio::test]
    async fn who_is_gone_is_refused_unless_a_cut_hides_it() {
        let gone = Port::reserve_port();
        let link = Link::open(gone.address).await;
        // The first who comes is reset; then nobody listens.
        let mut first = TcpStream::connect(link.address).await.unwrap();
        assert!(first.read_u8().await.is_err());
        while !is_refused(link.address).await {
            tokio::task::yield_now().await;
        }

        link.change(|state| state.forward.loss = Loss::Swallowed);
        while is_refused(link.address).await {
            tokio::task::yield_now().await;
        }
        let mut hidden = TcpStream::connect(link.address).await.unwrap();
        assert!(is_silent(hidden.read_u8()).await, "behind a cut nobody knows");
        link.change(|state| *state = State::default());
        assert!(hidden.read_u8().await.is_err());

        let back = gone.start_listening();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = back.accept().await {
                drop(stream.write_u8(7).await);
            }
        });
        let answer = async {
            loop {
                if let Ok(mut stream) = TcpStream::connect(link.address).await
                    && let Ok(answer) = stream.read_u8().await
                {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(tokio::time::timeout(Duration::from_secs(5), answer).await, Ok(7), "who came back is heard");
    }

    #[tokio::test]
    async fn delay_and_bandwidth_take_time() {
        let link = Link::open(echo().await).await;
        link.change(|state| {
            state.forward.delay_ms = 40;
            state.back.delay_ms = 40;
        });
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        let begun = Instant::now();
        assert_eq!(ask(&mut stream, 1).await.unwrap(), 1);
        assert!(begun.elapsed() >= Duration::from_millis(80));
        link.change(|state| *state = State::default());
        link.change(|state| state.forward.bytes_per_second = 100_000);
        let begun = Instant::now();
        stream.write_all(&[0; 50_000]).await.unwrap();
        let mut back = vec![0; 50_000];
        stream.read_exact(&mut back).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
}
