//! Messages over the simulated network. What travels is the number of a parcel, so that turmoil delays, drops and cuts it; the
//! parcel itself waits in a table and is taken by whoever the number reaches.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openraft::AsyncRuntime;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, VoteRequest, VoteResponse,
};
use proto::peer;
use tokio::sync::oneshot;
use tonic::Status;
use turmoil::net::UdpSocket;

use super::calls::{Question, Reply};
use super::types::{NODES, Runtime, Snapshot, TypeConfig, Vote, host};

/// Where nodes listen. Clients, which share hosts, listen above it.
pub(crate) const PORT: u16 = 9_000;

/// What is asked of another host.
pub(crate) enum Ask {
    Append(AppendEntriesRequest<TypeConfig>),
    Vote(VoteRequest<TypeConfig>),
    PreVote(VoteRequest<TypeConfig>),
    Snapshot(Vote, Snapshot),
    Transfer(TransferLeaderRequest<TypeConfig>),
    /// What the product's consensus asks itself.
    Propose(peer::ProposeRequest),
    ReadIndex,
    Confirm(peer::AppendRequest),
    Status,
    Client(Question),
}

/// What is answered.
pub(crate) enum Answer {
    Append(AppendEntriesResponse<TypeConfig>),
    Vote(VoteResponse<TypeConfig>),
    Snapshot(SnapshotResponse<TypeConfig>),
    Transfer(bool),
    Propose(Result<peer::ProposeResponse, Status>),
    ReadIndex(Result<peer::ReadIndexResponse, Status>),
    Confirm(Result<peer::AppendResponse, Status>),
    Status(peer::StatusResponse),
    Client(Reply),
    Stopped,
}

enum Body {
    Ask(Ask),
    Answer(Answer),
}

struct Parcel {
    call: u64,
    body: Body,
}

thread_local! {
    /// All hosts of a simulation run in one thread.
    static PARCELS: RefCell<(u64, BTreeMap<u64, Parcel>)> = const { RefCell::new((0, BTreeMap::new())) };
}

/// Forgets what was lost on the way in an earlier simulation.
pub(crate) fn clear() {
    PARCELS.with(|parcels| *parcels.borrow_mut() = (0, BTreeMap::new()));
}

fn park(call: u64, body: Body) -> u64 {
    PARCELS.with(|parcels| {
        let mut parcels = parcels.borrow_mut();
        parcels.0 += 1;
        let number = parcels.0;
        parcels.1.insert(number, Parcel { call, body });
        // What was dropped is never fetched; nothing is on its way for so long.
        while parcels.1.len() > 20_000 {
            parcels.1.pop_first();
        }
        number
    })
}

fn fetch(number: u64) -> Option<Parcel> {
    PARCELS.with(|parcels| parcels.borrow_mut().1.remove(&number))
}

/// One host's end of all its calls. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hub {
    /// Of the nodes, from the first on.
    nodes: Arc<[SocketAddr]>,
    socket: Arc<UdpSocket>,
    waiting: Arc<Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>>,
    next: Arc<AtomicU64>,
}

/// A question that came in.
pub(crate) struct Incoming {
    pub ask: Ask,
    from: SocketAddr,
    call: u64,
}

impl Hub {
    pub(crate) async fn open(port: u16) -> Self {
        let socket = UdpSocket::bind(("0.0.0.0", port)).await.expect("the port of a simulated host is free");
        let nodes = (1..=NODES).map(|id| SocketAddr::new(turmoil::lookup(host(id)), PORT)).collect();
        Self { nodes, socket: Arc::new(socket), waiting: Arc::default(), next: Arc::default() }
    }

    /// Asks a node; nothing if no answer comes in time.
    pub(crate) async fn ask(&self, node: u64, ask: Ask, limit: Duration) -> Option<Answer> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let (done, answer) = oneshot::channel();
        self.waiting.lock().expect("no panic under the lock").insert(call, done);
        let number = park(call, Body::Ask(ask));
        let address = self.nodes[usize::try_from(node - 1).expect("nodes are few")];
        drop(self.socket.send_to(&number.to_be_bytes(), address).await);
        let answer = Runtime::timeout(limit, answer).await.ok().and_then(Result::ok);
        self.waiting.lock().expect("no panic under the lock").remove(&call);
        answer
    }

    /// The next question; answers go to whoever waits for them.
    pub(crate) async fn next(&self) -> Incoming {
        let mut bytes = [0; 8];
        loop {
            let Ok((8, from)) = self.socket.recv_from(&mut bytes).await else { continue };
            let Some(Parcel { call, body }) = fetch(u64::from_be_bytes(bytes)) else { continue };
            match body {
                Body::Ask(ask) => return Incoming { ask, from, call },
                Body::Answer(answer) => {
                    let waiting = self.waiting.lock().expect("no panic under the lock").remove(&call);
                    if let Some(waiting) = waiting {
                        drop(waiting.send(answer));
                    }
                }
            }
        }
    }

    /// Answers a question.
    pub(crate) async fn answer(&self, to: (SocketAddr, u64), answer: Answer) {
        let number = park(to.1, Body::Answer(answer));
        drop(self.socket.send_to(&number.to_be_bytes(), to.0).await);
    }
}

impl Incoming {
    /// The question, and where its answer goes.
    pub(crate) fn split(self) -> (Ask, (SocketAddr, u64)) {
        (self.ask, (self.from, self.call))
    }
}
