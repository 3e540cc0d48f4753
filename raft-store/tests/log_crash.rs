//! kill -9 at every failpoint: whatever the log acknowledged is there when it is opened again.
//!
//! The test starts itself again as a child that works on a log and says on its standard output what it is about to do and
//! what was acknowledged. The child kills itself at a failpoint, at a given hit, or is killed from outside. Then the log
//! is opened and compared with what the child said; the next child goes on with the same log.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod log_support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use log_support::{all, entries, open, run, submit, vote};
use openraft::storage::RaftLogStorage;
use raft_store::log::LogStore;
use raft_store::types::log_id;

/// Each place around a write, a sync, a rename. `every_failpoint_is_listed` keeps the list complete.
const POINTS: [&str; 18] = [
    "log-before-group",
    "log-before-vote",
    "log-after-vote",
    "log-before-truncate",
    "log-truncate-marked",
    "log-after-truncate",
    "log-before-purge",
    "log-after-purge",
    "log-before-write",
    "log-after-write",
    "log-before-answers",
    "log-after-answers",
    "log-before-files",
    "log-after-files",
    "log-mark-before",
    "log-mark-drafted",
    "log-mark-renamed",
    "log-mark-after",
];
/// At which hit of a failpoint the child dies. The first ones are in the first open, or soon after.
const HITS: [u64; 3] = [1, 2, 5];
/// Children killed from outside, each after another number of lines.
const KILLS: u64 = 15;
/// Rounds of work of one child, if nothing kills it: enough for every failpoint's fifth hit.
const ROUNDS: u64 = 40;

const ENV_DATA: &str = "LOG_CRASH_DATA";
const ENV_POINT: &str = "LOG_CRASH_POINT";
const ENV_HIT: &str = "LOG_CRASH_HIT";

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "SAID {line}").and_then(|()| out.flush()).expect("the parent listens");
}

fn die() -> ! {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
        .expect("it may kill itself");
    loop {
        std::thread::park();
    }
}

/// The child. Run by itself, without the parent's environment, it does nothing.
#[test]
fn child() {
    let Ok(data) = std::env::var(ENV_DATA) else { return };
    if let (Ok(point), Ok(hit)) = (std::env::var(ENV_POINT), std::env::var(ENV_HIT)) {
        let (hit, hits) = (hit.parse::<u64>().unwrap(), AtomicU64::new(0));
        fail::cfg_callback(point, move || {
            if hits.fetch_add(1, Ordering::SeqCst) + 1 == hit {
                die();
            }
        })
        .unwrap();
    }
    run(work(Path::new(&data)));
}

async fn work(data: &Path) {
    let mut store = open(data).expect("a log that lost nothing opens");
    let report = store.report();
    let mut next = report.last.map_or(0, |last| last.index() + 1);
    let mut term = report.vote.map_or(0, |vote| vote.leader_id.term);
    for round in 0..ROUNDS {
        if round % 4 == 0 {
            term += 1;
            say(&format!("voting {term}"));
            store.save_vote(&vote(term)).await.unwrap();
            say(&format!("voted {term}"));
            if round % 8 == 4 && next > store.last_purged().map_or(0, |purged| purged.index()) + 8 {
                let kept = all(&store).await;
                let keep = kept[kept.len() - 4].log_id;
                say(&format!("cutting {}", keep.index()));
                store.truncate_after(Some(keep)).await.unwrap();
                next = keep.index() + 1;
                say(&format!("cut {}", keep.index()));
            }
        }
        let mut answers = Vec::new();
        for _ in 0..3 {
            say(&format!("appending {term} {next} {}", next + 3));
            answers.push((next, submit(&mut store, entries(term, next, next + 3)).await.unwrap()));
            next += 3;
        }
        store.save_committed(Some(log_id(term, 1, next - 1))).await.unwrap();
        for (first, answer) in answers {
            answer.await.unwrap().unwrap();
            say(&format!("appended {term} {first} {}", first + 3));
        }
        if round % 5 == 4 && next > 25 {
            let held = all(&store).await;
            let upto = held[held.len().saturating_sub(20)].log_id;
            say(&format!("purging {}", upto.index()));
            // Alone in its group, so that it is written without a sync.
            let groups = store.stats().groups();
            store.purge(upto).await.unwrap();
            while store.stats().groups() == groups {
                tokio::task::yield_now().await;
            }
        }
    }
    store.close();
    say("closed");
}

/// What must, and what may, be in a log after what its children said.
#[derive(Default)]
struct Expected {
    /// Acknowledged entries: index to term.
    must: BTreeMap<u64, u64>,
    /// Entries that were submitted at all: term and index.
    may: BTreeSet<(u64, u64)>,
    voting: u64,
    voted: u64,
    purging: u64,
    /// A truncation of the entries after this, under this term, that may or may not have happened.
    cutting: Option<(u64, u64)>,
}

impl Expected {
    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        let verb = words.next().unwrap();
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        match (verb, &numbers[..]) {
            ("voting", [term]) => self.voting = *term,
            ("voted", [term]) => self.voted = *term,
            ("cutting", [keep]) => {
                self.must.retain(|index, _| index <= keep);
                self.cutting = Some((*keep, self.voted));
            }
            ("cut", [keep]) => {
                self.cutting = None;
                self.may.retain(|(_, index)| index <= keep);
            }
            ("appending", [term, from, to]) => self.may.extend((*from..*to).map(|index| (*term, index))),
            ("appended", [term, from, to]) => self.must.extend((*from..*to).map(|index| (index, *term))),
            ("purging", [upto]) => self.purging = *upto,
            ("closed", []) => {}
            _ => panic!("the child said {line:?}"),
        }
    }

    /// Compares the log with what was said, and goes on from what is there.
    async fn check(&mut self, store: &LogStore, story: &str) {
        let report = store.report();
        let vote = report.vote.map_or(0, |vote| vote.leader_id.term);
        assert!(vote >= self.voted, "{story}: the vote {} was acknowledged, {vote} is there", self.voted);
        assert!(vote <= self.voting, "{story}: nobody voted {vote}");
        let purged = report.purged.map_or(0, |purged| purged.index());
        assert!(purged <= self.purging, "{story}: purged to {purged}, asked for {}", self.purging);
        let held = all(store).await;
        let first = report.purged.map_or(0, |purged| purged.index() + 1);
        for (expected, entry) in (first..).zip(&held) {
            let id = entry.log_id;
            assert_eq!(id.index(), expected, "{story}: a gap");
            assert!(
                self.may.contains(&(id.committed_leader_id().term, id.index())),
                "{story}: {id} was never appended"
            );
        }
        let there: BTreeMap<u64, u64> =
            held.iter().map(|entry| (entry.log_id.index(), entry.log_id.committed_leader_id().term)).collect();
        for (index, term) in self.must.range(first..) {
            assert_eq!(there.get(index), Some(term), "{story}: entry {index} was acknowledged");
        }
        // Whatever was found may be relied on from now on: the next child builds on it.
        self.must = there.clone();
        self.may = there.into_iter().map(|(index, term)| (term, index)).collect();
        (self.voted, self.voting, self.cutting) = (vote, vote, None);
    }
}

/// Runs a child on a log and listens. `lines_max` kills it from outside after so many lines.
fn listen(data: &Path, point: Option<(&str, u64)>, lines_max: Option<u64>, expected: &mut Expected) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]).env(ENV_DATA, data).stdout(Stdio::piped());
    if let Some((point, hit)) = point {
        command.env(ENV_POINT, point).env(ENV_HIT, hit.to_string());
    }
    let mut child = command.spawn().unwrap();
    let mut lines = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // libtest writes its own words in front of the first line.
        let Some(said) = line.split_once("SAID ").map(|(_, said)| said) else { continue };
        expected.hear(said);
        lines += 1;
        if lines_max == Some(lines) {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success() || status.signal() == Some(9), "the child ended with {status}");
    status.signal() == Some(9)
}

#[test]
fn nothing_acknowledged_is_lost_at_any_failpoint() {
    for point in POINTS {
        let data = tempfile::tempdir().unwrap();
        let mut expected = Expected::default();
        for hit in HITS {
            let killed = listen(data.path(), Some((point, hit)), None, &mut expected);
            assert!(killed, "{point} is hit {hit} times");
            run(async {
                let store = open(data.path()).unwrap_or_else(|error| panic!("{point}, hit {hit}: {error}"));
                expected.check(&store, &format!("{point}, hit {hit}")).await;
                store.close();
            });
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill_at_any_time() {
    let data = tempfile::tempdir().unwrap();
    let mut expected = Expected::default();
    for kill in 0..KILLS {
        let lines = 3 + kill * 17 % 120;
        listen(data.path(), None, Some(lines), &mut expected);
        run(async {
            let store = open(data.path()).unwrap_or_else(|error| panic!("kill {kill} after {lines} lines: {error}"));
            expected.check(&store, &format!("kill {kill} after {lines} lines")).await;
            store.close();
        });
    }
}

#[test]
fn every_failpoint_is_listed() {
    // These return an error instead; `log_faults` uses them.
    let faults = ["log-write", "log-sync", "log-mark-write"];
    let sources = [include_str!("../src/log/writer.rs"), include_str!("../src/log/mark.rs")];
    let found: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.split("fail_point!(\"").skip(1))
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|name| !faults.contains(name))
        .collect();
    assert_eq!(found, BTreeSet::from(POINTS));
}
