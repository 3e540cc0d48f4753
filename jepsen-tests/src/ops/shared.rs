//! What clients of all workloads share: the nodes, the clock, what was done and seen, and the way to ask.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;

use super::clients::Crowd;
use super::ledger::Sent;
use super::life::Lived;
use super::references::Link;
use super::settings::Set;
use super::{Event, Glimpse};
use crate::client::{Answer, Api, Call, Outcome};

/// After a failure a client rests, longer each time, so that it does not spin while nobody can answer.
pub(crate) const BREATH: Duration = Duration::from_millis(15);
const BREATH_MAX: Duration = Duration::from_millis(240);

/// What an operation came to after its attempts.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    pub(crate) told: Option<T>,
    /// The node that was asked last.
    pub(crate) node: u64,
    pub(crate) attempts: u32,
}

/// Everything that clients of all workloads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) begun: Instant,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) glimpses: Mutex<Vec<Glimpse>>,
    pub(crate) lived: Mutex<Vec<Lived>>,
    pub(crate) settings: Mutex<Vec<Set>>,
    pub(crate) links: Mutex<Vec<Link>>,
    pub(crate) drafts: Mutex<BTreeMap<(String, u32), u64>>,
    pub(crate) ledger: Mutex<Vec<Sent>>,
    pub(crate) nodes: Mutex<BTreeMap<u64, Api>>,
    pub(crate) stop: AtomicBool,
    pub(crate) seed: u64,
    pub(crate) rest: Duration,
    pub(crate) good: AtomicU64,
    pub(crate) unknown: AtomicU64,
}

impl Shared {
    pub(crate) fn new(nodes: Vec<Api>, crowd: &Crowd, seed: u64) -> Self {
        Self {
            begun: Instant::now(),
            events: Mutex::default(),
            glimpses: Mutex::default(),
            lived: Mutex::default(),
            settings: Mutex::default(),
            links: Mutex::default(),
            drafts: Mutex::default(),
            ledger: Mutex::default(),
            nodes: Mutex::new(nodes.into_iter().map(|api| (api.node_id, api)).collect()),
            stop: AtomicBool::new(false),
            seed,
            rest: Duration::from_millis(crowd.rest_ms),
            good: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
        }
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Asks one node after the other until one gives an answer that `read` understands.
    pub(crate) async fn ask<T>(
        &self,
        random: &mut StdRng,
        attempts_max: u32,
        begin: impl Fn(&Api) -> Call,
        read: impl Fn(&Answer) -> Option<T>,
    ) -> Asked<T> {
        let mut asked = Asked { told: None, node: 0, attempts: 0 };
        let mut breath = BREATH;
        while asked.attempts < attempts_max && asked.told.is_none() && !self.stopped() {
            asked.attempts += 1;
            let api = self.any_node(random);
            asked.node = api.node_id;
            match begin(&api).outcome().await {
                Outcome::Done(answer) | Outcome::Refused(answer) => asked.told = read(&answer),
                Outcome::Unknown(_) => {}
            }
            if asked.told.is_none() {
                tokio::time::sleep(breath).await;
                breath = (breath * 4).min(BREATH_MAX);
            }
        }
        asked
    }

    pub(crate) fn done(&self, event: Event) {
        self.events.lock().expect("no panic under the lock").push(event);
    }

    pub(crate) fn seen(&self, glimpse: Glimpse) {
        self.glimpses.lock().expect("no panic under the lock").push(glimpse);
    }

    pub(crate) fn sent(&self, sent: Sent) {
        self.ledger.lock().expect("no panic under the lock").push(sent);
    }

    pub(crate) fn lived(&self, lived: Lived) {
        self.lived.lock().expect("no panic under the lock").push(lived);
    }

    pub(crate) fn set(&self, set: Set) {
        self.settings.lock().expect("no panic under the lock").push(set);
    }

    pub(crate) fn link(&self, link: Link) {
        self.links.lock().expect("no panic under the lock").push(link);
    }

    /// A draft has this id.
    pub(crate) fn drafted(&self, subject: &str, draft: u32, id: u64) {
        self.drafts.lock().expect("no panic under the lock").insert((subject.to_owned(), draft), id);
    }

    pub(crate) async fn rest(&self) {
        if !self.rest.is_zero() {
            tokio::time::sleep(self.rest).await;
        }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn any_node(&self, random: &mut StdRng) -> Api {
        let nodes = self.nodes.lock().expect("no panic under the lock");
        let place = random.random_range(0..nodes.len());
        nodes.values().nth(place).expect("the place is in the map").clone()
    }

    pub(crate) fn count(&self, good: bool) {
        if good { &self.good } else { &self.unknown }.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn taken<T: Default>(kept: &Mutex<T>) -> T {
    std::mem::take(&mut *kept.lock().expect("no panic under the lock"))
}
