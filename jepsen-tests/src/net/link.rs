//! One proxy: accepts connections at a port of its own and carries bytes to its target, as badly as it is told to.
//!
//! Two kinds of loss. *Held* bytes wait and arrive when the link heals: late messages, as TCP delivers them after a short
//! cut. *Swallowed* bytes never arrive, and the connection they were on stays silent for ever in that direction, as behind a
//! router that lost its state: only a bound on the call notices.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a free port on loopback");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = watch::Sender::new(State::default());
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(accept(listener, target, state.subscribe(), counters.clone()));
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

async fn accept(listener: TcpListener, target: SocketAddr, state: watch::Receiver<State>, counters: Arc<Counters>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if state.borrow().refuse {
            counters.refused.fetch_add(1, Ordering::Relaxed);
            drop(stream.set_zero_linger());
            continue;
        }
        connections.spawn(connection(stream, target, state.clone(), counters.clone()));
    }
}

async fn connection(
    incoming: TcpStream,
    target: SocketAddr,
    mut state: watch::Receiver<State>,
    counters: Arc<Counters>,
) {
    let resets = state.borrow().resets;
    let Ok(Ok(outgoing)) = tokio::time::timeout(CONNECT_TIME_MAX, TcpStream::connect(target)).await else {
        // The target is down: whoever connected sees what it would have seen.
        drop(incoming.set_zero_linger());
        return;
    };
    drop(incoming.set_nodelay(true));
    drop(outgoing.set_nodelay(true));
    drop(incoming.set_zero_linger());
    drop(outgoing.set_zero_linger());
    let (from, to_back) = incoming.into_split();
    let (from_back, to) = outgoing.into_split();
    let forward = carry(from, to, state.clone(), |state| state.forward, counters.clone());
    let back = carry(from_back, to_back, state.clone(), |state| state.back, counters.clone());
    tokio::select! {
        // When one side ends, the other does: HTTP has no half-open connections.
        () = forward => {}
        () = back => {}
        _ = state.wait_for(|state| state.resets != resets) => {
            counters.broken.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Carries one direction of a connection until it ends.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: watch::Receiver<State>,
    of: impl Fn(&State) -> Direction + Copy,
    counters: Arc<Counters>,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let (seen, counted) = (state.clone(), counters.clone());
    let reading = async move {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut silent = false;
        loop {
            let Ok(length) = from.read(&mut buffer).await else { return };
            if length == 0 {
                return;
            }
            let direction = of(&seen.borrow());
            let count = length as u64;
            silent |= direction.loss == Loss::Swallowed;
            if silent {
                counted.swallowed.fetch_add(count, Ordering::Relaxed);
                continue;
            }
            let due = Instant::now() + lateness(&direction);
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

fn lateness(direction: &Direction) -> Duration {
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
    async fn bytes_pass_wait_vanish_and_break_as_told() {
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
