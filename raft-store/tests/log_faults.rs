//! A write or a sync that fails: nothing is acknowledged any more, and the process ends.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod log_support;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use fail::FailScenario;
use log_support::{all, append, config, entries, open, run, submit, vote};
use openraft::storage::RaftLogStorage;
use raft_store::log::{LogConfig, LogStore};
use raft_store::types::log_id;

const ENV_DATA: &str = "LOG_FAULT_DATA";
const ENV_POINT: &str = "LOG_FAULT_POINT";

/// Of many appends in flight, those before the failure are acknowledged and none after it; everything later is refused.
fn nothing_is_acknowledged_after(point: &str) {
    let scenario = FailScenario::setup();
    let data = tempfile::tempdir().unwrap();
    run(async {
        let (mut config, fatal) = config(data.path());
        config.group_ops_max = 4;
        let mut store = LogStore::open(config).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        fail::cfg(point, "5*off->1*return(injected)->off").unwrap();

        let mut answers = Vec::new();
        for index in 0..200 {
            match submit(&mut store, entries(1, index, index + 1)).await {
                Ok(answer) => answers.push(answer),
                Err(_) => break,
            }
        }
        let mut results = Vec::new();
        for answer in answers {
            results.push(answer.await.expect("every append that was taken is answered"));
        }
        let good = results.iter().take_while(|result| result.is_ok()).count();
        assert!((5..=20).contains(&good), "five groups of up to four are written: {good}");
        assert!(results[good..].iter().all(Result::is_err), "nothing is acknowledged after the failure");
        assert!(results.len() > good, "the failing group is answered with an error");
        assert!(results[good].as_ref().unwrap_err().to_string().contains("injected"));

        // The failpoint is off again: it is the log that refuses.
        append(&mut store, entries(1, 300, 301)).await.expect_err("no append after a failure");
        store.save_vote(&vote(2)).await.expect_err("no vote after a failure");
        store.truncate_after(Some(log_id(1, 1, 0))).await.expect_err("no truncation after a failure");
        store.purge(log_id(1, 1, 0)).await.expect_err("no purge after a failure");
        store.save_committed(Some(log_id(1, 1, 0))).await.expect_err("no committed position after a failure");
        store.close();
        assert_eq!(fatal.lock().len(), 1, "the process is ended once: {:?}", fatal.lock());
        assert!(fatal.lock()[0].contains("injected") && fatal.lock()[0].contains("raft"), "{}", fatal.lock()[0]);

        // What was acknowledged is there; of the rest nothing is promised.
        let store = open(data.path()).unwrap();
        assert!(all(&store).await.len() >= good);
        assert_eq!(store.vote(), Some(vote(1)));
    });
    scenario.teardown();
}

#[test]
fn nothing_is_acknowledged_after_a_failed_write() {
    nothing_is_acknowledged_after("log-write");
}

#[test]
fn nothing_is_acknowledged_after_a_failed_sync() {
    nothing_is_acknowledged_after("log-sync");
}

/// A vote counts only once the mark has it: a lost vote would not be noticed otherwise.
#[test]
fn a_vote_is_not_acknowledged_without_its_mark() {
    let scenario = FailScenario::setup();
    let data = tempfile::tempdir().unwrap();
    run(async {
        let (config, fatal) = config(data.path());
        let mut store = LogStore::open(config).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        fail::cfg("log-mark-write", "return(injected)").unwrap();
        let error = store.save_vote(&vote(2)).await.expect_err("the mark cannot be written");
        assert!(error.to_string().contains("MARK") && error.to_string().contains("injected"), "{error}");
        assert_eq!(store.vote(), Some(vote(1)), "nobody sees a vote that was not acknowledged");
        store.close();
        assert_eq!(fatal.lock().len(), 1);
        fail::remove("log-mark-write");
        assert!(open(data.path()).unwrap().vote() >= Some(vote(1)));
    });
    scenario.teardown();
}

/// A truncation whose mark cannot be lowered does not happen.
#[test]
fn a_truncation_lowers_the_mark_first() {
    let scenario = FailScenario::setup();
    let data = tempfile::tempdir().unwrap();
    run(async {
        let (config, fatal) = config(data.path());
        let mut store = LogStore::open(config).unwrap();
        append(&mut store, entries(0, 0, 10)).await.unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        fail::cfg("log-mark-write", "return(injected)").unwrap();
        store.truncate_after(Some(log_id(0, 1, 4))).await.expect_err("the mark cannot be lowered");
        store.close();
        assert_eq!(fatal.lock().len(), 1);
        fail::remove("log-mark-write");
        assert_eq!(all(&open(data.path()).unwrap()).await.len(), 10);
    });
    scenario.teardown();
}

/// A bug in the writer thread must not leave its callers waiting.
#[test]
fn a_panic_of_the_writer_thread_ends_the_process() {
    let scenario = FailScenario::setup();
    let data = tempfile::tempdir().unwrap();
    run(async {
        let (config, fatal) = config(data.path());
        let mut store = LogStore::open(config).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        fail::cfg("log-before-write", "panic(a bug)").unwrap();
        append(&mut store, entries(1, 0, 1)).await.expect_err("the thread is gone");
        store.save_vote(&vote(2)).await.expect_err("the thread is gone");
        store.close();
        assert!(fatal.lock()[0].contains("panicked"), "{:?}", fatal.lock());
    });
    scenario.teardown();
}

/// Appends wait while too much is queued, and none is lost by it.
#[test]
fn a_slow_disk_slows_appends() {
    let scenario = FailScenario::setup();
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = open(data.path()).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        fail::cfg("log-before-write", "pause").unwrap();
        let mut appender = store.clone();
        // 18 entries of 4 MiB do not fit into the queue of 64 MiB.
        let appending = tokio::spawn(async move {
            let mut answers = Vec::new();
            for index in 0..18 {
                let large = vec![log_support::entry(1, index, 4 * 1024 * 1024)];
                answers.push(submit(&mut appender, large).await.unwrap());
            }
            answers
        });
        while store.report().entries < 15 {
            tokio::task::yield_now().await;
        }
        // The 16th would take the last byte of the queue, and more.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert!(store.report().entries < 17 && !appending.is_finished());
        fail::remove("log-before-write");
        for answer in appending.await.unwrap() {
            answer.await.unwrap().unwrap();
        }
        assert_eq!(store.report().entries, 18);
        // A fail point that is left paused would stop the thread from ending.
        store.close();
    });
    scenario.teardown();
}

/// The child appends until it dies, and says what was acknowledged. It uses the default way to end the process.
#[test]
fn child() {
    let Ok(data) = std::env::var(ENV_DATA) else { return };
    let scenario = FailScenario::setup();
    run(async {
        let mut store = LogStore::open(LogConfig::in_data_dir(Path::new(&data))).unwrap();
        store.save_vote(&vote(1)).await.unwrap();
        if let Ok(point) = std::env::var(ENV_POINT) {
            fail::cfg(point, "10*off->return(injected)").unwrap();
        }
        for index in 0..2_000 {
            let result = append(&mut store, vec![log_support::entry(1, index, 1_000)]).await;
            println!("SAID {index} {}", result.is_ok());
            if result.is_err() {
                // The process is being ended by the writer thread.
                loop {
                    std::thread::park();
                }
            }
        }
    });
    scenario.teardown();
}

/// What the child acknowledged; it must have aborted, and acknowledged nothing after the failure.
fn acknowledged(output: &Output) -> usize {
    assert_eq!(output.status.signal(), Some(6), "the child aborts: {output:?}");
    let out = String::from_utf8_lossy(&output.stdout);
    let said: Vec<&str> = out.lines().filter_map(|line| line.split_once("SAID ").map(|(_, said)| said)).collect();
    let good = said.iter().take_while(|said| said.ends_with("true")).count();
    assert!(said[good..].iter().all(|said| said.ends_with("false")), "{out}");
    good
}

#[test]
fn a_failed_sync_ends_a_real_process() {
    // No fault of another test may meet the log that is opened below.
    let scenario = FailScenario::setup();
    let data = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(ENV_DATA, data.path())
        .env(ENV_POINT, "log-sync")
        .output()
        .unwrap();
    assert_eq!(acknowledged(&output), 10);
    run(async { assert!(all(&open(data.path()).unwrap()).await.len() >= 10) });
    scenario.teardown();
}

/// No injected fault, but a real one: the kernel refuses to let the WAL grow beyond 512 KiB.
#[test]
fn a_write_that_the_kernel_refuses_ends_a_real_process() {
    // No fault of another test may meet the log that is opened below.
    let scenario = FailScenario::setup();
    let data = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -c 0; ulimit -f 1024; exec \"$0\" child --exact --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env(ENV_DATA, data.path())
        .output()
        .unwrap();
    let good = acknowledged(&output);
    assert!((100..2_000).contains(&good), "{good} entries of 1,000 bytes fit");
    run(async {
        let store = open(data.path()).expect("the torn last record was never acknowledged");
        let held = all(&store).await;
        assert!(held.len() >= good && held.len() <= good + 1, "{} of {good}", held.len());
    });
    scenario.teardown();
}
