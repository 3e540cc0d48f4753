//! Runs a drill: warm-up, faults under load, healing, liveness, the last reads, the judgement.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::FutureExt;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::judge::{Judged, judge};
use super::load::{Done, Load};
use super::report::{self, Report, Strike};
use super::watch::{Sample, Watch};
use super::{Drill, catalogue, early};
use crate::client::Api;
use crate::cluster::{Cluster, Spec};
use crate::dump;
use crate::history::Record;
use crate::judge::verdict::Verdict;
use crate::nemesis::{Fault, Field, strike};
use crate::net::Network;
use crate::ops::family::{content_of, format_of, schema};
use crate::ops::life::read_at_end;
use crate::ops::{Event, Glimpse, Told, Work};

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

/// What is known so far; kept outside of the task, so that a panic does not lose it.
#[derive(Debug, Default)]
struct Notes {
    strikes: Vec<Strike>,
    done: Option<Done>,
    cluster_dir: Option<PathBuf>,
    judged: Option<Judged>,
    samples: Vec<Sample>,
    warm_ms: u64,
}

/// Runs a drill to its verdict. A panic on the way (something did not come back in time) is an invalid run.
///
/// # Panics
/// If artefacts cannot be written.
pub async fn run(drill: &Drill, options: &Options) -> Report {
    let begun = Instant::now();
    let notes = Arc::new(Mutex::new(Notes::default()));
    let ended = AssertUnwindSafe(act(drill.clone(), options.clone(), notes.clone())).catch_unwind().await;
    let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let judged = notes.judged.unwrap_or_default();
    let mut faults = judged.faults;
    let mut verdict = judged.verdict.unwrap_or(Verdict::Invalid);
    if let Err(panic) = ended {
        faults.push(text_of(&*panic));
        verdict = Verdict::Invalid;
    }
    let loss = notes.done.as_ref().map(|done| done.loss).unwrap_or_default();
    let report = Report {
        drill: drill.name.clone(),
        seed: options.seed,
        commit: commit(),
        verdict,
        seconds: begun.elapsed().as_secs(),
        operations: judged.operations,
        unknown: judged.unknown,
        acknowledged_writes: judged.acknowledged,
        versions: judged.versions,
        subjects: judged.subjects,
        judged_twice: judged.twice,
        appends_judged: judged.appends,
        glimpses: notes.done.as_ref().map_or(0, |done| done.did.glimpses.len()),
        life_steps: judged.life_steps,
        life_refusals: judged.life_refusals,
        settings: judged.settings,
        references: judged.references,
        references_kept: judged.references_kept,
        watched_events: judged.watched_events,
        watch_resumes: judged.watch_resumes,
        audit_records: judged.audit_records,
        bytes_lost: loss.bytes_dropped,
        files_lost: loss.files_gone,
        longest_gap_ms: judged.longest_gap_ms,
        warm_ms: notes.warm_ms,
        strikes: notes.strikes,
        faults,
        idle: judged.idle,
    };
    if let Some(dir) = &options.artefacts {
        report::keep(
            &dir.join(format!("{}-{}", drill.name, options.seed)),
            &report,
            notes.done.as_ref(),
            &notes.samples,
            notes.cluster_dir.as_deref(),
        );
    }
    report
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
}

/// The commit that is judged, as the caller or git says.
pub fn commit() -> String {
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

/// Runs the drill; in a hunt only until something is found broken.
async fn act(drill: Drill, options: Options, notes: Arc<Mutex<Notes>>) {
    let (tell, told) = tokio::sync::oneshot::channel();
    let hunts = options.hunt;
    let look = async {
        match told.await {
            Ok((nodes, peek)) if hunts => early::watch(nodes, peek).await,
            // The drill goes on to its end.
            Ok(_) | Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = play(drill, options, notes.clone(), tell) => {}
        faults = look => {
            let judged = Judged { verdict: Some(Verdict::Invalid), faults, ..Judged::default() };
            notes.lock().expect("no panic under the lock").judged = Some(judged);
        }
    }
}

/// A look from outside at a drill that runs: its nodes, and what clients were told.
type Outside = (Vec<Api>, Box<dyn Fn() -> (Vec<Record>, Vec<Event>, Vec<Glimpse>) + Send>);

async fn play(drill: Drill, options: Options, notes: Arc<Mutex<Notes>>, tell: tokio::sync::oneshot::Sender<Outside>) {
    let say = |text: String| {
        if options.live {
            live(&text);
        }
    };
    let note = |change: &mut dyn FnMut(&mut Notes)| change(&mut notes.lock().expect("no panic under the lock"));
    say(format!("{}: seed {}, {} nodes, {}", drill.name, options.seed, drill.nodes, drill.about));
    let mut random = StdRng::seed_from_u64(options.seed);
    let spec: Spec = drill.spec();
    let spec = match &options.bug {
        Some(bug) => spec.with_bug(bug),
        None => spec,
    };
    let mut cluster = Cluster::start(spec).await;
    let dir = cluster.dir().to_owned();
    note(&mut |notes| notes.cluster_dir = Some(dir.clone()));
    cluster.api(1).allow_everything().await;
    let load = Load::start(&cluster, drill.registering, drill.crowd, options.seed);
    let http = early::http();
    let outside = cluster.ids().into_iter().map(|id| cluster.api_at(&http, id)).collect();
    // Nobody listens any more where nobody looks.
    drop(tell.send((outside, Box::new(load.peek()))));
    let born = Instant::now();
    load.progress(if options.hunt { SHORT } else { WARM_UP }).await;
    let begun = Instant::now();
    note(&mut |notes| notes.warm_ms = u64::try_from((begun - born).as_millis()).unwrap_or(0));
    let watch = Watch::start(&cluster.ids(), begun, |http, id| cluster.api_at(http, id));
    let ms = |begun: Instant| u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    say(format!("warm: {} operations answered; faults begin", load.counts().0));
    for fault in drill.faults.iter().copied().cycle().take(drill.strikes) {
        let from_ms = ms(begun);
        let (answered, unknown) = load.counts();
        let mut field = Field { cluster: &mut cluster, load: &load, random: &mut random };
        let evidence = strike(fault, &mut field).await;
        let (answered_now, unknown_now) = load.counts();
        let strike = Strike {
            fault: fault.name(),
            from_ms,
            to_ms: ms(begun),
            real: evidence.is_ok(),
            detail: evidence.unwrap_or_else(|reason| format!("NOT REAL: {reason}")),
            answered: answered_now - answered,
            unknown: unknown_now - unknown,
        };
        say(format!("{:>7} ms  {}: {}", strike.from_ms, strike.fault, strike.detail));
        note(&mut |notes| notes.strikes.push(strike.clone()));
        for id in cluster.ids() {
            watch.add(id, |http, id| cluster.api_at(http, id));
        }
        load.progress(20).await;
    }
    say("healed; every node must serve".to_owned());
    load.progress(if options.hunt { SHORT } else { COOL_DOWN }).await;
    for api in cluster.apis() {
        write_through(&api, options.seed).await;
    }
    let samples = watch.stop();
    note(&mut |notes| notes.samples.clone_from(&samples));
    let leader = cluster.api(cluster.leader().await);
    let mut done = load.stop(&leader).await;
    read_everything(&leader, &mut done.did.events).await;
    read_at_end(&leader, &mut done.did.lived, &done.did.drafts).await;
    let strikes = notes.lock().expect("no panic under the lock").strikes.clone();
    let judged = judge(&cluster, &drill, &done, &strikes).await;
    say(format!("{} operations judged: {:?}", judged.operations, judged.verdict));
    let artefacts = options.artefacts.clone();
    if let Some(dir) = artefacts {
        // Before the cluster and its directory go.
        let target = dir.join(format!("{}-{}", drill.name, options.seed));
        keep_logs(&target, cluster.dir());
    }
    let mut found = Some((done, judged));
    note(&mut |notes| {
        if let Some((done, judged)) = found.take() {
            notes.done = Some(done);
            notes.judged = Some(judged);
        }
    });
}

fn keep_logs(target: &Path, from: &Path) {
    std::fs::create_dir_all(target).expect("make a directory for artefacts");
    for entry in std::fs::read_dir(from).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "log") {
            std::fs::copy(entry.path(), target.join(entry.file_name())).expect("copy a log");
        }
    }
}

#[allow(clippy::print_stdout)]
fn live(text: &str) {
    println!("{text}");
}

/// Liveness (I24): a write succeeds through this node.
async fn write_through(api: &Api, seed: u64) {
    let subject = format!("z-{}-{}-x", seed % 1_000_000, api.node_id);
    let content = schema(&subject, format_of(1), 0);
    crate::wait::until(&format!("a write through node {}", api.node_id), async || {
        let answer = api.register(&subject, &content).send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}

/// The last read: every subject of the model, confirmed, as an operation of the history.
async fn read_everything(api: &Api, events: &mut Vec<Event>) {
    let invoked = events.iter().map(|event| event.returned).max().unwrap_or(0) + 1_000;
    let held = dump::linearizable(api).await;
    let live = dump::live(api).await;
    let subjects: BTreeMap<String, Work> = events.iter().map(|event| (event.subject.clone(), event.work)).collect();
    for (subject, work) in subjects {
        let contents = held
            .iter()
            .filter(|(key, _)| key.0 == subject && live.contains(*key))
            .map(|(_, held)| content_of(&subject, &held.text).unwrap_or(u32::MAX))
            .collect();
        let told = Told::Contents(contents);
        events.push(Event::last_read(work, api.node_id, subject, invoked, told));
    }
}

/// The drills of a name, a class, or the whole slice.
pub fn named(name: &str) -> Vec<Drill> {
    match name {
        "slice" => catalogue::slice(),
        "all" => catalogue::all(),
        _ => catalogue::find(name).into_iter().collect(),
    }
}

/// Nodes that a random composition may use up: a cluster has room for so many new ones.
const NODES_SPENT_MAX: u64 = 2;

/// A drill with a random composition of faults, for a soak: swarm testing.
pub fn swarm(seed: u64) -> Drill {
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
    let mut drill = catalogue::find("leader-loss").expect("the catalogue has this drill");
    drill.name = format!("swarm-{nodes}");
    drill.about = "A random composition of faults.";
    drill.nodes = nodes;
    drill.strikes = faults.len();
    drill.faults = faults;
    drill.compacting = random.random_bool(0.5);
    drill
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_a_composition() {
        for seed in 0..5_000 {
            let drill = swarm(seed);
            let spent = drill.faults.iter().filter(|fault| fault.spends_a_node()).count();
            assert_eq!(drill.faults.len(), 5, "seed {seed}");
            assert!(spent <= 2, "seed {seed}: {:?}", drill.faults);
        }
    }
}
