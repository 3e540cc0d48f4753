//! Runs a drill: warm-up, faults under load, healing, liveness, the last reads, the judgement.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::artefacts::write_artefacts;
use super::checks::{CheckResults, check_broken_off, check_drill};
use super::load::{Load, LoadHistory, Observed};
use super::monitor::{self, Monitor, Sample};
use super::report::Report;
use super::strike::Strike;
use super::{Drill, catalogue, live_checks};
use crate::client::Api;
use crate::cluster::{Cluster, Spec};
use crate::dump;
use crate::nemesis::{Ambient, Fault, NemesisTarget, inject_faults};
use crate::net::Network;
use crate::ops::family::{content_of, format_of, schema};
use crate::ops::lifecycle::read_at_end;
use crate::ops::names::{self, Owner};
use crate::ops::{Output, SubjectOperation, SubjectWorkload};

/// Answered operations before the first fault.
const WARM_UP: u64 = 60;
/// Answered operations after the last one, through every node.
const COOL_DOWN: u64 = 60;
/// The same in a hunt.
const SHORT: u64 = 20;

/// How a drill is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The seed of the plan.
    pub seed: u64,
    /// A planted bug.
    pub bug: Option<String>,
    /// Where artefacts go; nowhere without it, but for runs that fail.
    pub artefacts: Option<PathBuf>,
    /// Print what happens while it happens.
    pub live: bool,
    /// End as soon as something is found broken, with a short beginning and end: for hunts.
    pub hunt: bool,
}

/// A drill that broke off waits so long for its processes to end: longer than any of their calls.
const END_TIME_MAX: Duration = Duration::from_secs(30);

/// What is known so far; kept outside of the task, so that a panic does not lose it.
#[derive(Debug, Default)]
struct Notes {
    strikes: Vec<Strike>,
    load: Option<Arc<Load>>,
    history: Option<LoadHistory>,
    cluster_dir: Option<PathBuf>,
    results: Option<CheckResults>,
    samples: Vec<Sample>,
    warm_ms: u64,
}

/// Runs a drill to its verdict. A panic on the way (something did not come back in time) is an invalid run, whose histories so far are
/// judged all the same.
///
/// # Panics
/// If artefacts cannot be written.
pub async fn run_drill(drill: &Drill, options: &Options) -> Report {
    let begun = Instant::now();
    let notes = Arc::new(Mutex::new(Notes::default()));
    let ended = AssertUnwindSafe(run_or_hunt(drill.clone(), options.clone(), notes.clone())).catch_unwind().await;
    let mut notes = std::mem::take(&mut *notes.lock());
    let mut results = notes.results.take();
    if let Err(panic) = ended {
        let mut judged = match (results, judge_broken_off(&mut notes).await) {
            (Some(results), _) | (None, Some(results)) => results,
            (None, None) => CheckResults::default(),
        };
        judged.faults.insert(0, text_of(&*panic));
        judged.verdict = crate::checker::verdict::Verdict::Invalid;
        results = Some(judged);
    }
    let loss = notes.history.as_ref().map(|history| history.loss).unwrap_or_default();
    let report = Report {
        drill: drill.name.clone(),
        seed: options.seed,
        commit: commit_id(),
        seconds: begun.elapsed().as_secs(),
        bytes_lost: loss.bytes_dropped,
        files_lost: loss.files_gone,
        warm_ms: notes.warm_ms,
        strikes: notes.strikes,
        results: results.unwrap_or_else(|| CheckResults::broken(vec!["the drill had no results".to_owned()])),
    };
    if let Some(dir) = &options.artefacts {
        write_artefacts(
            &dir.join(format!("{}-{}", drill.name, options.seed)),
            &report,
            notes.history.as_ref(),
            &notes.samples,
            notes.cluster_dir.as_deref(),
        );
    }
    report
}

/// Ends the processes of a drill that broke off, and judges their histories.
async fn judge_broken_off(notes: &mut Notes) -> Option<CheckResults> {
    let load = notes.load.take()?;
    let stopped = AssertUnwindSafe(load.stop_clients()).catch_unwind();
    let history = tokio::time::timeout(END_TIME_MAX, stopped).await.ok()?.ok()?;
    let results = check_broken_off(&history);
    notes.history = Some(history);
    Some(results)
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}

/// The commit that is judged, as the caller or git says.
pub fn commit_id() -> String {
    if let Ok(commit) = std::env::var("REGISTRY_COMMIT") {
        return commit;
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = std::process::Command::new("git").args(["rev-parse", "--short=10", "HEAD"]).current_dir(here).output();
    output
        .ok()
        .filter(|output| output.status.success())
        .map_or_else(|| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs the drill; in a hunt only until a promise is found broken.
async fn run_or_hunt(drill: Drill, options: Options, notes: Arc<Mutex<Notes>>) {
    let (send_outside, outside) = tokio::sync::oneshot::channel();
    let hunts = options.hunt;
    let watch = async {
        match outside.await {
            Ok((nodes, observe)) if hunts => live_checks::watch_for_faults(nodes, observe).await,
            // The drill goes on to its end.
            Ok(_) | Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = run_phases(drill, options, notes.clone(), send_outside) => {}
        faults = watch => notes.lock().results = Some(CheckResults::broken(faults)),
    }
}

/// A look from outside at a drill that runs: its nodes, and the histories so far.
type Outside = (Vec<Api>, Box<dyn Fn() -> Observed + Send>);

async fn run_phases(
    drill: Drill,
    options: Options,
    notes: Arc<Mutex<Notes>>,
    send_outside: tokio::sync::oneshot::Sender<Outside>,
) {
    let say = |text: String| {
        if options.live {
            print_live(&text);
        }
    };
    say(format!("{}: seed {}, {} nodes, {}", drill.name, options.seed, drill.nodes, drill.about));
    let mut random = StdRng::seed_from_u64(options.seed);
    let spec: Spec = drill.cluster_spec();
    let spec = match &options.bug {
        Some(bug) => spec.with_bug(bug),
        None => spec,
    };
    let mut cluster = Cluster::start(spec).await;
    notes.lock().cluster_dir = Some(cluster.dir().to_owned());
    cluster.api(1).allow_everything().await;
    let load = Arc::new(Load::start(&cluster, drill.registering, drill.clients, options.seed));
    notes.lock().load = Some(load.clone());
    let http = live_checks::short_timeout_http();
    let outside = cluster.ids().into_iter().map(|id| cluster.api_at(&http, id)).collect();
    // Nobody receives it where nobody hunts.
    drop(send_outside.send((outside, Box::new(load.observer()))));
    let born = Instant::now();
    load.wait_for_progress(if options.hunt { SHORT } else { WARM_UP }).await;
    let begun = Instant::now();
    notes.lock().warm_ms = u64::try_from((begun - born).as_millis()).unwrap_or(0);
    let monitor = Monitor::start(&cluster.ids(), begun, |http, id| cluster.api_at(http, id));
    say(format!("warm: {} operations answered; faults begin", load.operation_counts().0));
    for (number, fault) in drill.faults.iter().copied().cycle().take(drill.strikes).enumerate() {
        let ambient = drill.ambient.get(number % drill.ambient.len().max(1)).copied();
        let strike = strike_once((fault, ambient), &mut cluster, &load, &mut random, begun).await;
        say(format!("{:>7} ms  {}: {}", strike.from_ms, strike.fault, strike.detail));
        notes.lock().strikes.push(strike);
        for id in cluster.ids() {
            monitor.add(id, |http, id| cluster.api_at(http, id));
        }
        load.wait_for_progress(20).await;
    }
    say("healed; every node must serve".to_owned());
    load.wait_for_progress(if options.hunt { SHORT } else { COOL_DOWN }).await;
    for api in cluster.apis() {
        write_through(&api, options.seed).await;
    }
    let samples = monitor.stop();
    monitor::term_faults(&samples).into_iter().for_each(|fault| load.note_fault(fault));
    notes.lock().samples = samples;
    let leader = cluster.api(cluster.leader().await);
    let mut history = load.stop(&leader).await;
    // From here on the histories are here, and no longer with the load.
    notes.lock().load = None;
    read_every_subject(&leader, &mut history.clients.subjects).await;
    read_at_end(&leader, &mut history.clients.lifecycle, &history.clients.drafts).await;
    let strikes = notes.lock().strikes.clone();
    let results = check_drill(&cluster, &drill, &history, &strikes).await;
    say(format!("{} operations judged: {:?}", results.operations, results.verdict));
    if let Some(dir) = &options.artefacts {
        // Before the cluster and its directory go.
        copy_node_logs(&dir.join(format!("{}-{}", drill.name, options.seed)), cluster.dir());
    }
    let mut notes = notes.lock();
    notes.history = Some(history);
    notes.results = Some(results);
}

/// Injects one fault, heals it, and notes what clients saw meanwhile.
async fn strike_once(
    (fault, ambient): (Fault, Option<Ambient>),
    cluster: &mut Cluster,
    load: &Load,
    random: &mut StdRng,
    begun: Instant,
) -> Strike {
    let now_ms = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let from_ms = now_ms();
    let (answered, unknown) = load.operation_counts();
    let evidence = inject_faults(fault, ambient, &mut NemesisTarget { cluster, load, random }).await;
    let (answered_now, unknown_now) = load.operation_counts();
    Strike {
        fault: ambient.map_or_else(|| fault.name(), |ambient| format!("{}+{}", fault.name(), ambient.name())),
        from_ms,
        to_ms: now_ms(),
        real: evidence.is_ok(),
        detail: evidence.unwrap_or_else(|reason| format!("NOT REAL: {reason}")),
        answered: answered_now - answered,
        unknown: unknown_now - unknown,
    }
}

fn copy_node_logs(target: &Path, from: &Path) {
    std::fs::create_dir_all(target).expect("make a directory for artefacts");
    for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            std::fs::copy(entry.path(), target.join(entry.file_name())).expect("copy a log");
        }
    }
}

#[allow(clippy::print_stdout)]
fn print_live(text: &str) {
    println!("{text}");
}

/// Liveness (I24): a write succeeds through this node.
async fn write_through(api: &Api, seed: u64) {
    let node = u32::try_from(api.node_id).unwrap_or(u32::MAX);
    let subject = names::object_name(Owner::Liveness, seed, node, 0);
    let content = schema(&subject, format_of(1), 0);
    crate::wait::until(&format!("a write through node {}", api.node_id), async || {
        let answer = api.register(&subject, &content).send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}

/// The last read of every subject of the model, linearizable, as an operation of the history.
async fn read_every_subject(api: &Api, history: &mut Vec<SubjectOperation>) {
    let invoked = history.iter().map(|operation| operation.returned).max().unwrap_or(0) + 1_000;
    let held = dump::linearizable(api).await;
    let live = dump::live(api).await;
    let subjects: BTreeMap<String, SubjectWorkload> =
        history.iter().map(|operation| (operation.subject.clone(), operation.workload)).collect();
    for (subject, workload) in subjects {
        let contents = held
            .iter()
            .filter(|(key, _)| key.0 == subject && live.contains(*key))
            .map(|(_, held)| content_of(&subject, &held.text).unwrap_or(u32::MAX))
            .collect();
        let output = Output::Contents(contents);
        history.push(SubjectOperation::last_read(workload, api.node_id, subject, invoked, output));
    }
}

/// The drills of a name, a class, or the whole slice.
pub fn drills_named(name: &str) -> Vec<Drill> {
    match name {
        "slice" => catalogue::ci_slice(),
        "all" => catalogue::all_drills(),
        _ => catalogue::find_drill(name).into_iter().collect(),
    }
}

/// Nodes that a random composition may use up: a cluster has room for so many new ones.
const NODES_SPENT_MAX: u64 = 2;

/// A drill with a random composition of faults, for a soak: swarm testing.
pub fn random_drill(seed: u64) -> Drill {
    use rand::RngExt;
    let mut random = StdRng::seed_from_u64(seed);
    let nodes = if random.random_bool(0.6) { 3 } else { 5 };
    let choice: Vec<Fault> = Fault::ALL.into_iter().filter(|fault| fault.strikes(Network::Proxies)).collect();
    let mut faults = Vec::new();
    let mut spent = 0;
    while faults.len() < 5 {
        let fault = choice[random.random_range(0..choice.len())];
        let spends = u64::from(fault.spends_a_node());
        let possible = (nodes == 5 || !matches!(fault, Fault::Ring)) && spent + spends <= NODES_SPENT_MAX;
        let regional = matches!(fault, Fault::RegionCut | Fault::RegionLoss | Fault::Wan);
        if possible && !regional && fault != Fault::SnapshotAndPurge {
            spent += spends;
            faults.push(fault);
        }
    }
    let mut drill = catalogue::find_drill("leader-loss").expect("the catalogue has this drill");
    drill.name = format!("swarm-{nodes}");
    drill.about = "A random composition of faults.";
    drill.nodes = nodes;
    drill.strikes = faults.len();
    drill.faults = faults;
    drill.compacting = random.random_bool(0.5);
    if random.random_bool(0.4) {
        drill.ambient = vec![Ambient::ALL[random.random_range(0..Ambient::ALL.len())]];
    }
    drill
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_a_composition() {
        for seed in 0..5_000 {
            let drill = random_drill(seed);
            let spent = drill.faults.iter().filter(|fault| fault.spends_a_node()).count();
            assert_eq!(drill.faults.len(), 5, "seed {seed}");
            assert!(spent <= 2, "seed {seed}: {:?}", drill.faults);
        }
    }
}
