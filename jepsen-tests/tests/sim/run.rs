//! One simulated cluster, from its birth through its faults to its healing, and the judgement. One seed gives everything.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

use jepsen_tests::checker::verdict::Verdict;
use jepsen_tests::checker::{append, sessions};
use jepsen_tests::drill::checks::{resolve_workload, search_all_subjects};
use jepsen_tests::ops::{SubjectOperation, SubjectWorkload};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use registry::Subject;

use super::client::{self, Group, Role};
use super::types::{Bug, COMPACTIONS, NODES, TIMINGS, Timing, host};
use super::world::{Figures, Order, World};
use super::{calls, hub, node};

/// How long faults go on in a chapter of a run, in election times.
const STORM: u32 = 60;
/// Chapters of a run at most.
const CHAPTERS_MAX: u32 = 4;
/// How long a cluster is left alone between storms, in election times.
const QUIET: Range<u32> = 50..400;
/// How much longer clients rest in quiet times than in storms, down to almost idle.
const PACES: [u64; 3] = [5, 25, 100];
/// After the healing all must be well within this many election times.
const PATIENCE: u32 = 60;
/// Hosts of clients.
const CLIENT_HOSTS: u32 = 2;

/// What came of a run; by default nothing did.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub seed: u64,
    pub timing: &'static str,
    pub simulated: Duration,
    /// Storms with the quiet after them.
    pub chapters: u32,
    pub steps: u64,
    pub verdict: Verdict,
    pub faults: Vec<String>,
    pub operations: usize,
    pub acknowledged: usize,
    pub strikes: BTreeMap<&'static str, u64>,
    pub figures: Figures,
    /// Changes that power losses destroyed, and appends that they tore.
    pub lost: u64,
    pub torn: u64,
    #[allow(dead_code, reason = "read where two runs of one seed are compared, which not every build does")]
    pub trace: u64,
}

impl Default for Ended {
    fn default() -> Self {
        Self {
            seed: 0,
            timing: "",
            simulated: Duration::ZERO,
            chapters: 0,
            steps: 0,
            verdict: Verdict::Vacuous,
            faults: Vec::new(),
            operations: 0,
            acknowledged: 0,
            strikes: BTreeMap::new(),
            figures: Figures::default(),
            lost: 0,
            torn: 0,
            trace: 0,
        }
    }
}

struct Play<'a> {
    sim: turmoil::Sim<'a>,
    world: World,
    random: StdRng,
    timing: Timing,
    down: BTreeSet<u64>,
    steps: u64,
    strikes: BTreeMap<&'static str, u64>,
}

/// Runs one seed.
pub(crate) fn simulate(seed: u64, bug: Option<Bug>) -> Ended {
    hub::clear();
    let mut random = StdRng::seed_from_u64(seed);
    let mut timing = TIMINGS[random.random_range(0..TIMINGS.len())];
    if random.random_bool(0.7) {
        // Fine steps find more orders of events, coarse ones more hours.
        timing.tick *= 2;
    }
    let compaction = COMPACTIONS[random.random_range(0..COMPACTIONS.len())];
    let chapters = random.random_range(1..=CHAPTERS_MAX);
    // It costs the more messages the quieter the rest is.
    let watches_freshness = random.random_bool(0.2);
    let world = World::new(seed, timing, compaction, watches_freshness, bug);
    let mut builder = turmoil::Builder::new();
    builder
        .rng_seed(seed)
        .epoch(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .simulation_duration(Duration::from_secs(1_000_000))
        .tick_duration(Duration::from_millis(timing.tick))
        .min_message_latency(Duration::from_millis(timing.latency / 5))
        .max_message_latency(Duration::from_millis(timing.latency))
        .udp_capacity(100_000)
        .enable_random_order();
    let mut sim = builder.build();
    for id in 1..=NODES {
        let world = world.clone();
        sim.host(host(id), move || node::run(id, world.clone()));
    }
    let mut hosts: BTreeMap<u32, Vec<(u32, Role)>> = BTreeMap::new();
    let mut process = 0;
    let mut add = |role| {
        process += 1;
        hosts.entry(1 + process % CLIENT_HOSTS).or_default().push((process, role));
    };
    for workload in [SubjectWorkload::Rich, SubjectWorkload::Deleting, SubjectWorkload::Append] {
        let group = Group::new(workload);
        add(Role::Of(group.clone()));
        add(Role::Of(group));
    }
    add(Role::Session);
    for (number, clients) in hosts {
        // Clients are as fast as the cluster is, so that profiles differ in time and not in work.
        let rest_ms = timing.election_max() / 6;
        sim.client(format!("c{number}"), client::run(world.clone(), seed, clients, rest_ms));
    }

    let (down, strikes) = (BTreeSet::new(), BTreeMap::new());
    let mut play = Play { sim, world: world.clone(), random, timing, down, steps: 0, strikes };
    let whole = play.act(chapters);
    if let Err(fault) = whole {
        world.fault(fault);
    }
    play.judge(seed, chapters)
}

impl Play<'_> {
    /// One election time, the unit of everything here.
    fn election(&self) -> Duration {
        Duration::from_millis(self.timing.election_max())
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        self.sim.step().map_err(|error| format!("a host ended: {error}"))?;
        self.world.check();
        if self.world.has_faults() { Err("see above".to_owned()) } else { Ok(()) }
    }

    fn pass(&mut self, time: Duration) -> Result<(), String> {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.step()?;
        }
        Ok(())
    }

    fn until(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Result<(), String>) -> Result<(), String> {
        let end = self.sim.elapsed() + self.election() * PATIENCE;
        loop {
            match look(self) {
                Ok(()) => return Ok(()),
                Err(seen) if self.sim.elapsed() >= end => {
                    return Err(format!("I24: {what} did not happen in {PATIENCE} election times: {seen}"));
                }
                Err(_) => self.step()?,
            }
        }
    }

    fn act(&mut self, chapters: u32) -> Result<(), String> {
        self.until("the first leader", |play| play.world.leader().map(drop).ok_or("nobody leads".to_owned()))?;
        self.until("the founding", |play| play.world.is_founded().then_some(()).ok_or("nobody founds".to_owned()))?;
        self.pass(self.election() * 4)?;
        for _ in 0..chapters {
            self.storm()?;
            self.recover()?;
            self.quiet()?;
        }
        self.world.stop();
        self.until("the end of the clients", |play| {
            let count = play.world.clients_running();
            if count == 0 { Ok(()) } else { Err(format!("{count} clients run")) }
        })?;
        self.until("agreement of all members", |play| play.world.has_converged())
    }

    /// Faults, a few at a time, with little time between them.
    fn storm(&mut self) -> Result<(), String> {
        let end = self.sim.elapsed() + self.election() * STORM;
        while self.sim.elapsed() < end {
            let rounds = self.random.random_range(1..4);
            for _ in 0..rounds {
                self.strike()?;
                let quiet = self.election() * self.random.random_range(1..30) / 10;
                self.pass(quiet)?;
            }
            self.heal();
            let quiet = self.election() * self.random.random_range(5..40) / 10;
            self.pass(quiet)?;
        }
        Ok(())
    }

    /// All faults end: clients are served again, and every member catches up.
    fn recover(&mut self) -> Result<(), String> {
        self.heal();
        let before = self.world.acknowledged_count();
        self.until("a write after the healing", |play| {
            let count = play.world.acknowledged_count();
            if count > before + 5 { Ok(()) } else { Err(format!("{} writes", count - before)) }
        })?;
        let needed = self.world.last_acknowledged();
        self.until("every member's catching up", |play| play.world.applied_by_all(needed).map(drop))
    }

    /// Nothing goes wrong for long, and nobody has a reason to choose another leader.
    fn quiet(&mut self) -> Result<(), String> {
        self.world.set_pace(PACES[self.random.random_range(0..PACES.len())]);
        self.pass(self.election() * 10)?;
        let before = self.world.reign();
        let quiet = self.election() * self.random.random_range(QUIET);
        self.pass(quiet)?;
        self.world.set_pace(1);
        let after = self.world.reign();
        if before == after {
            return Ok(());
        }
        Err(format!("I24: term and leader were {before:?} and became {after:?} without a fault"))
    }

    fn strike(&mut self) -> Result<(), String> {
        let timing = self.timing;
        let name = match self.random.random_range(0..18) {
            0 => {
                let cut: Vec<u64> = (1..=NODES).filter(|_| self.random.random_bool(0.4)).collect();
                for one in &cut {
                    for other in (1..=NODES).filter(|id| !cut.contains(id)) {
                        self.cut(*one, other);
                        self.cut(other, *one);
                    }
                }
                "partition"
            }
            1 | 2 => {
                let Some(leader) = self.world.leader() else { return Ok(()) };
                for other in (1..=NODES).filter(|id| *id != leader) {
                    self.cut(leader, other);
                    self.cut(other, leader);
                }
                "leader cut off"
            }
            3 => {
                let Some(leader) = self.world.leader() else { return Ok(()) };
                let to_leader = self.random.random_bool(0.5);
                for other in (1..=NODES).filter(|id| *id != leader) {
                    let (from, to) = if to_leader { (other, leader) } else { (leader, other) };
                    self.cut(from, to);
                }
                if to_leader { "leader deaf" } else { "leader mute" }
            }
            4 => {
                for _ in 0..4 {
                    let from = self.random.random_range(1..=NODES);
                    let to = from % NODES + 1;
                    self.cut(from, to);
                }
                "links one way"
            }
            5 | 6 => {
                let Some(leader) = self.world.leader() else { return Ok(()) };
                self.busy_disks()?;
                self.crash(leader);
                "power loss of the leader"
            }
            7 => {
                let one = self.random.random_range(1..=NODES);
                self.busy_disks()?;
                self.crash(one);
                "power loss of one"
            }
            8 | 15 => {
                self.busy_disks()?;
                (1..=NODES).for_each(|id| self.crash(id));
                (1..=NODES).for_each(|id| self.bounce(id));
                "power loss of all"
            }
            9 => {
                let spike = Duration::from_millis(timing.latency * self.random.random_range(3..12));
                self.sim.set_max_message_latency(spike);
                "slow network"
            }
            10 => {
                let rate = f64::from(self.random.random_range(1..8)) / 200.0;
                self.sim.set_fail_rate(rate);
                "lossy network"
            }
            11 => {
                let ms = timing.election_max() / self.random.random_range(1..8);
                let one = self.random.random_range(1..=NODES);
                self.world.disk(one).set_sync_ms_max(ms);
                "slow disk"
            }
            16 => {
                let Some(leader) = self.world.leader() else { return Ok(()) };
                self.kill(leader);
                "leader killed"
            }
            17 => {
                let one = self.random.random_range(1..=NODES);
                self.kill(one);
                "one killed"
            }
            12 => {
                let Some(leader) = self.world.leader() else { return Ok(()) };
                match self.random.random_range(0..3) {
                    0 => {
                        let to = self.random.random_range(1..=3);
                        self.world.order(leader, Order::Transfer(to));
                        "leader transfer"
                    }
                    1 => {
                        let one = self.random.random_range(1..=NODES);
                        self.world.order(one, Order::Elect);
                        "needless election"
                    }
                    _ => {
                        for id in 1..=NODES {
                            self.world.order(id, Order::Snapshot);
                            self.world.order(id, Order::Purge);
                        }
                        "snapshot and purge"
                    }
                }
            }
            _ => {
                self.churn();
                return Ok(());
            }
        };
        *self.strikes.entry(name).or_default() += 1;
        Ok(())
    }

    /// A power loss finds most when syncs are under way: disks are slow for a while before it.
    fn busy_disks(&mut self) -> Result<(), String> {
        let ms = self.timing.election_max() / 6;
        (1..=NODES).for_each(|id| self.world.disk(id).set_sync_ms_max(ms));
        let quiet = self.election() * self.random.random_range(5..20) / 10;
        self.pass(quiet)
    }

    fn churn(&mut self) {
        let (Some(leader), Some((voters, learners))) = (self.world.leader(), self.world.members()) else { return };
        let strangers: Vec<u64> = (1..=NODES).filter(|id| !voters.contains(id) && !learners.contains(id)).collect();
        let order = match self.random.random_range(0..4) {
            0 if !strangers.is_empty() => Order::AddLearner(strangers[0]),
            1 if !learners.is_empty() => Order::Promote(learners[0]),
            2 if voters.len() > 3 => {
                let others: Vec<u64> = voters.into_iter().filter(|id| *id != leader).collect();
                Order::Demote(others[self.random.random_range(0..others.len())])
            }
            3 if !learners.is_empty() => Order::Remove(learners[0]),
            _ => return,
        };
        self.world.order(leader, order);
        *self.strikes.entry("change of members").or_default() += 1;
    }

    fn crash(&mut self, id: u64) {
        if self.down.insert(id) {
            self.sim.crash(host(id));
            self.world.gone(id);
            self.world.disk(id).lose_power();
        }
    }

    /// The process is gone; its machine and its disk go on.
    fn kill(&mut self, id: u64) {
        if self.down.insert(id) {
            self.sim.crash(host(id));
            self.world.gone(id);
            // What the process had not handed to its machine yet is gone, too.
            self.world.disk(id).lose_power();
            self.world.killed(id);
        }
    }

    /// Nothing comes from one node to another any more.
    fn cut(&self, from: u64, to: u64) {
        self.sim.partition_oneway(host(from), host(to));
        self.world.cut(from, to);
    }

    fn bounce(&mut self, id: u64) {
        if self.down.remove(&id) {
            self.sim.bounce(host(id));
        }
    }

    fn heal(&mut self) {
        self.world.mend();
        for one in 1..=NODES {
            for other in (one + 1)..=NODES {
                self.sim.repair(host(one), host(other));
                self.sim.repair_oneway(host(one), host(other));
                self.sim.repair_oneway(host(other), host(one));
            }
            for client in 1..=CLIENT_HOSTS {
                self.sim.repair(host(one), format!("c{client}"));
            }
            self.world.disk(one).set_sync_ms_max(self.timing.sync_max());
            self.bounce(one);
        }
        self.sim.set_fail_rate(0.0);
        self.sim.set_max_message_latency(Duration::from_millis(self.timing.latency));
    }

    fn judge(self, seed: u64, chapters: u32) -> Ended {
        let world = self.world;
        let (events, session_reads) = world.history();
        let operations = events.len() + session_reads.len();
        let mut faults = world.faults();
        let mut verdict = Verdict::Valid;
        if faults.is_empty() {
            faults.extend(world.lost());
            faults.extend(sessions::session_faults(&session_reads));
            let events = read_everything(&world, events);
            if let Ok(path) = std::env::var("SIM_HISTORY") {
                let lines: Vec<String> = events.iter().map(|event| format!("{event:?}\n")).collect();
                std::fs::write(path, lines.concat()).expect("write the history");
            }
            let appended = append::check_cycles(&resolve_workload(&events, SubjectWorkload::Append));
            let searched = search_all_subjects(&events);
            verdict = searched.verdict().worse_of(appended.verdict);
            faults.extend(searched.faults);
            faults.extend(searched.unknown);
            faults.extend(appended.faults);
        }
        if !faults.is_empty() && verdict != Verdict::Unknown {
            verdict = Verdict::Invalid;
        }
        if self.strikes.is_empty() || operations < 20 {
            verdict = verdict.worse_of(Verdict::Vacuous);
        }
        let losses = (1..=NODES).map(|id| world.disk(id).losses());
        let (lost, torn) = losses.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Ended {
            seed,
            timing: self.timing.name,
            simulated: self.sim.elapsed(),
            chapters,
            steps: self.steps,
            verdict,
            faults,
            operations,
            acknowledged: world.acknowledged_count(),
            strikes: self.strikes,
            figures: world.figures(),
            lost,
            torn,
            trace: world.trace(),
        }
    }
}

/// The last read of every subject, as an operation of the history.
fn read_everything(world: &World, mut events: Vec<SubjectOperation>) -> Vec<SubjectOperation> {
    let Some(state) = world.leader().and_then(|leader| world.state(leader)) else { return events };
    let image = state.image.lock().expect("no panic under the lock");
    let invoked = events.iter().map(|event| event.returned).max().unwrap_or(0) + 1_000;
    let subjects: BTreeMap<String, SubjectWorkload> =
        events.iter().map(|event| (event.subject.clone(), event.workload)).collect();
    for (subject, workload) in subjects {
        let name = Subject::parse(&subject).expect("the workload's names are good");
        let output = calls::contents_of(&image.view, &name);
        events.push(SubjectOperation::last_read(workload, 0, subject, invoked, output));
    }
    events
}
