//! Clients: as those of the drills, in simulated time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jepsen_tests::ops::generator::{self, OpWeights};
use jepsen_tests::ops::{Guarantee, Op, Output, SessionRead, SubjectOperation, SubjectWorkload};
use openraft::AsyncRuntime;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::calls::{Question, Reply};
use super::hub::{self, Answer, Ask, Hub};
use super::types::Runtime;
use super::world::World;

/// Operations on one subject before a fresh one follows.
const OPS_PER_SUBJECT: u32 = 110;
/// Writes without outcome on one subject before a fresh one follows.
const UNKNOWN_MAX: u32 = 3;
/// Attempts of a write under one request id.
const ATTEMPTS_MAX: u32 = 3;
/// Answered writes that a client may send again, long after.
const EARLIER_MAX: usize = 30;
/// How often it does.
const AGAIN: f64 = 0.06;

/// The subject that a group works on.
pub(crate) struct Group {
    workload: SubjectWorkload,
    name: &'static str,
    ops: AtomicU32,
    unknown: AtomicU32,
    contents: AtomicU32,
}

impl Group {
    pub(crate) fn new(workload: SubjectWorkload) -> Arc<Self> {
        let name = match workload {
            SubjectWorkload::Rich => "m",
            SubjectWorkload::Deleting => "d",
            SubjectWorkload::Append => "a",
        };
        Arc::new(Self {
            workload,
            name,
            ops: AtomicU32::new(0),
            unknown: AtomicU32::new(0),
            contents: AtomicU32::new(0),
        })
    }

    fn subject(&self) -> String {
        let (ops, unknown) = (self.ops.fetch_add(1, Ordering::Relaxed), self.unknown.load(Ordering::Relaxed));
        format!("{}-{}-{}", self.name, ops / OPS_PER_SUBJECT, unknown / UNKNOWN_MAX)
    }
}

fn now() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// One client's connection to all nodes.
struct Caller {
    hub: Hub,
    world: World,
    random: StdRng,
    /// A client rests so long between operations at most.
    rest_ms: u64,
}

impl Caller {
    async fn open(world: World, seed: u64, process: u32, rest_ms: u64) -> Self {
        let port = hub::PORT + u16::try_from(process).expect("clients are few");
        let hub = Hub::open(port).await;
        let answers = hub.clone();
        drop(Runtime::spawn(async move {
            loop {
                // Nobody asks a client anything; this only takes its answers in.
                drop(answers.next().await);
            }
        }));
        let random = StdRng::seed_from_u64(seed.wrapping_mul(7_919).wrapping_add(u64::from(process)));
        Self { hub, world, random, rest_ms }
    }

    async fn rest(&mut self) {
        let ms = self.random.random_range(0..=self.rest_ms) * self.world.pace();
        Runtime::sleep(Duration::from_millis(ms)).await;
    }

    fn any_node(&mut self) -> u64 {
        let members = self.world.members().map(|(voters, learners)| [voters, learners].concat());
        let members = members.filter(|members| !members.is_empty()).unwrap_or_else(|| vec![1, 2, 3]);
        members[self.random.random_range(0..members.len())]
    }

    async fn ask(&self, node: u64, subject: &str, op: Op, request_id: &str, session: Option<u64>) -> Reply {
        let limit = Duration::from_millis(5 * self.world.timing.election_max());
        let (subject, request_id) = (subject.to_owned(), request_id.to_owned());
        let question = Question { subject, op, request_id, session, limit };
        match self.hub.ask(node, Ask::Client(question), limit * 2).await {
            Some(Answer::Client(reply)) => reply,
            _ => Reply::default(),
        }
    }
}

/// What a client does.
pub(crate) enum Role {
    /// It works on a group's subjects.
    Of(Arc<Group>),
    /// It writes through one node and reads at another, at its token.
    Session,
}

/// The clients of one host, by their numbers. `rest_ms` is how long they rest between operations in busy times.
pub(crate) async fn run(world: World, seed: u64, clients: Vec<(u32, Role)>, rest_ms: u64) -> turmoil::Result {
    for (process, role) in clients {
        world.client(true);
        let world = world.clone();
        drop(tokio::spawn(Runtime::scope(seed ^ u64::from(process) << 32, async move {
            match role {
                Role::Of(group) => work(world.clone(), group, seed, process, rest_ms).await,
                Role::Session => follow(world.clone(), seed, process, rest_ms).await,
            }
            world.client(false);
        })));
    }
    std::future::pending().await
}

async fn work(world: World, group: Arc<Group>, seed: u64, process: u32, rest_ms: u64) {
    let mut caller = Caller::open(world.clone(), seed, process, rest_ms).await;
    let mut number = 0_u64;
    let mut earlier: Vec<Earlier> = Vec::new();
    while !world.is_stopping() {
        number += 1;
        if !earlier.is_empty() && caller.random.random_bool(AGAIN) {
            let chosen = caller.random.random_range(0..earlier.len());
            again(&mut caller, &earlier[chosen]).await;
        }
        let subject = group.subject();
        let contents = group.contents.load(Ordering::Relaxed);
        let op = generator::next_op(group.workload, &OpWeights::default(), contents, &mut caller.random)
            .into_op(|| group.contents.fetch_add(1, Ordering::Relaxed));
        let request_id = format!("{process}-{number}");
        let invoked = world.stamp(now());
        let (mut output, mut id, mut attempts, mut node) = (None, None, 0, 0);
        let attempts_max = if op.is_write() { ATTEMPTS_MAX } else { 1 };
        while attempts < attempts_max && output.is_none() {
            attempts += 1;
            node = caller.any_node();
            let reply = caller.ask(node, &subject, op, &request_id, None).await;
            (output, id) = (reply.output, reply.id);
            if output.is_none() {
                Runtime::sleep(Duration::from_millis(100)).await;
            }
        }
        if output.is_none() && op.is_write() {
            group.unknown.fetch_add(1, Ordering::Relaxed);
        }
        // A registration may be answered from what is known by then; these go through the log every time.
        if let (Op::DeleteVersion { .. } | Op::DeleteSubject { .. } | Op::SetLevel { .. }, Some(output)) = (op, &output)
        {
            if earlier.len() == EARLIER_MAX {
                earlier.remove(0);
            }
            earlier.push(Earlier {
                request_id: request_id.clone(),
                subject: subject.clone(),
                op,
                output: output.clone(),
            });
        }
        let returned = world.stamp(now());
        if output.is_some() || op.is_write() {
            let workload = group.workload;
            world.event(SubjectOperation {
                workload,
                process,
                node,
                subject,
                op,
                invoked,
                returned,
                output,
                id,
                guid: None,
                attempts,
            });
        }
        caller.rest().await;
    }
}

/// A write that was answered.
struct Earlier {
    request_id: String,
    subject: String,
    op: Op,
    output: Output,
}

/// Sends a write again, however long after: it must have no effect, and be answered as the first time.
async fn again(caller: &mut Caller, earlier: &Earlier) {
    let Earlier { request_id, subject, op, output } = earlier;
    let node = caller.any_node();
    let reply = caller.ask(node, subject, *op, request_id, None).await;
    if let Some(now) = reply.output
        && now != *output
    {
        caller.world.fault(format!("I21: request {request_id}, {op:?}, was answered {output:?}, and again {now:?}"));
    }
}

async fn follow(world: World, seed: u64, process: u32, rest_ms: u64) {
    let mut caller = Caller::open(world.clone(), seed, process, rest_ms).await;
    let (mut content, mut at_least, mut token) = (0, 0, 0);
    let mut subject = String::new();
    for number in 0_u32.. {
        if world.is_stopping() {
            break;
        }
        if number % OPS_PER_SUBJECT == 0 {
            // The token stays: it is the session's, not the subject's.
            subject = format!("s-{process}-{number}");
            at_least = 0;
        }
        let node = caller.any_node();
        if at_least == 0 || caller.random.random_bool(0.3) {
            content += 3;
            let request_id = format!("{process}-{content}");
            let reply = caller.ask(node, &subject, Op::Register { content }, &request_id, None).await;
            if let Some(Output::Version { version, .. }) = reply.output {
                (at_least, token) = (version.max(at_least), reply.index.max(token));
            }
        } else {
            let reply = caller.ask(node, &subject, Op::List { deleted: false }, "", Some(token)).await;
            let seen = match &reply.output {
                Some(Output::Versions(versions)) => versions.iter().max().copied().unwrap_or(0),
                Some(_) => 0,
                None => {
                    caller.rest().await;
                    continue;
                }
            };
            let (subject, guarantee, index) = (subject.clone(), Guarantee::Session, reply.index);
            world.session_read(SessionRead { node, subject, guarantee, at_least, seen, token, index });
            token = token.max(index);
        }
        caller.rest().await;
    }
}
