//! Writers on all nodes while the leader is killed again and again; then all nodes at once. Nothing acknowledged is lost.

use std::collections::BTreeMap;

use jepsen_tests::checker::invariants::find_faults;
use jepsen_tests::client::{Api, Outcome};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::dump::{self, Dump};
use jepsen_tests::history::{RegistrationResult, append};
use jepsen_tests::net::Cut;
use jepsen_tests::schemas::{Content, Format, unique};
use jepsen_tests::wait::until;
use jepsen_tests::workload::Workload;
use jepsen_tests::{seed, verify};
use rand::RngExt;

const KILLS: usize = 6;
const CLIENTS: usize = 6;
/// Acknowledged registrations between two faults.
const PROGRESS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_leaders_and_then_all_nodes_are_killed() {
    let (seed, mut random) = seed::generator("survive");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    cluster.api(1).allow_everything().await;
    let workload = Workload::start(cluster.apis(), CLIENTS, seed);
    workload.progress(PROGRESS).await;
    for _ in 0..KILLS {
        let leader = cluster.leader().await;
        cluster.kill(leader);
        workload.progress(random.random_range(1..PROGRESS)).await;
        cluster.restart(leader).await;
        workload.progress(PROGRESS).await;
    }
    let mut history = workload.stop().await;
    let acknowledged = history.iter().filter(|record| record.result.is_acknowledged()).count();
    let unknown = history.len() - acknowledged;
    let dumps = verify::all_nodes(&cluster, &history).await;
    eprintln!("{KILLS} leader kills: {acknowledged} acknowledged, {unknown} not known, {} versions", dumps[&1].len());

    let workload = Workload::start(cluster.apis(), CLIENTS, seed.wrapping_add(1));
    workload.progress(PROGRESS).await;
    cluster.kill_all();
    append(&mut history, workload.stop().await);
    for id in 1..=3 {
        cluster.spawn(id, &[]);
    }
    cluster.ready_all().await;
    let after = verify::all_nodes(&cluster, &history).await;
    let same = dumps[&1].iter().all(|(version, held)| after[&1].get(version) == Some(held));
    assert!(same, "a version from before the stop has changed");

    let workload = Workload::start(cluster.apis(), CLIENTS, seed.wrapping_add(2));
    workload.progress(PROGRESS).await;
    append(&mut history, workload.stop().await);
    verify::all_nodes(&cluster, &history).await;
    // The check itself must be able to fail: one acknowledged registration is taken out of one node's dump.
    let mut broken: BTreeMap<u64, Dump> = BTreeMap::new();
    broken.insert(1, dump::local(&cluster.api(1)).await);
    let first = broken[&1].keys().next().cloned().expect("there are versions");
    broken.get_mut(&1).unwrap().remove(&first);
    assert!(!find_faults(&history, &broken).is_empty(), "a missing version is not noticed");
}

/// A leader sends entries while it still writes them. Leading again in its old term, behind a log of its followers that is longer
/// than its own, it would give their log ids to other entries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_was_killed_does_not_lead_again_in_its_old_term() {
    let (seed, _) = seed::generator("old-term");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    cluster.api(1).allow_everything().await;
    let mut history = Vec::new();
    for round in 0..4_u64 {
        let before = cluster.leader().await;
        let workload = Workload::start(cluster.apis(), CLIENTS, seed.wrapping_add(round));
        workload.progress(PROGRESS).await;
        let term = term(&cluster).await;
        // The leader first: what it sent last reaches the others, whatever it wrote itself.
        cluster.kill(before);
        cluster.kill_all();
        append(&mut history, workload.stop().await);
        for id in 1..=3 {
            cluster.spawn(id, &[]);
        }
        cluster.ready_all().await;
        let after = self::term(&cluster).await;
        assert!(after > term, "term {term} before the stop of all nodes, {after} after it");
    }
    verify::all_nodes(&cluster, &history).await;
}

/// The term of the leader that all nodes know.
async fn term(cluster: &Cluster) -> u64 {
    cluster.leader().await;
    let status = cluster.status().await;
    status.nodes.iter().map(|node| node.term).max().expect("there are nodes")
}

/// A machine that is gone answers nothing: a write that is on its way to it must not wait for its attempt to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_on_its_way_to_a_machine_that_is_gone_goes_to_the_next_leader_at_once() {
    let (_, mut random) = seed::generator("machine-gone");
    let mut cluster = Cluster::start(Spec::of(3).linked()).await;
    cluster.api(1).allow_everything().await;
    for round in 0..3_u64 {
        let leader = cluster.leader().await;
        let rest: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != leader).collect();
        let mut contents = (0..=LATER).map(|number| unique(Format::Avro, round * 100 + number, &mut random));
        let api = cluster.api(rest[0]);
        let before = term_of(&api).await;
        cluster.mesh().partition(&[leader], &rest, Cut::Swallowed);
        cluster.kill(leader);
        let first = tokio::spawn({
            let (api, content) = (api.clone(), contents.next().expect("the first content"));
            async move { id(api.register("gone", &content).outcome().await) }
        });
        until("another term", async || if term_of(&api).await > before { Ok(()) } else { Err(format!("{before}")) })
            .await;
        let mut last = 0;
        for content in contents {
            last = id(api.register("gone", &content).outcome().await);
        }
        let first = first.await.expect("the first write ends");
        assert!(first < last, "the write that was on its way has id {first}, the last of {LATER} later ones {last}");
        cluster.mesh().heal();
        cluster.restart(leader).await;
    }
}

/// The term that this node is in.
async fn term_of(api: &Api) -> u64 {
    api.get("/schemas/types").send().await.expect("this node answers").term()
}

/// Writes after the election.
const LATER: u64 = 20;

fn id(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Done(answer) => answer.json()["id"].as_u64().expect("a registration tells the id"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_under_its_key_has_the_outcome_of_the_first_attempt() {
    let (_, mut random) = seed::generator("retry");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    cluster.api(1).allow_everything().await;
    for round in 0..3_u64 {
        let leader = cluster.leader().await;
        let others: Vec<_> = cluster.ids().into_iter().filter(|id| *id != leader).collect();
        let mut attempts = Vec::new();
        for number in 0..12_u64 {
            let format = Format::ALL[usize::try_from(number % 3).unwrap()];
            let content = unique(format, round * 100 + number, &mut random);
            let subject = format!("retry-{}", format.name());
            let key = format!("retry-{round}-{number}");
            let api = cluster.api(others[usize::try_from(number).unwrap() % 2]);
            let task = tokio::spawn({
                let (subject, content, key) = (subject.clone(), content.clone(), key.clone());
                async move { api.register(&subject, &content).header("Idempotency-Key", &key).outcome().await }
            });
            attempts.push((subject, content, key, task));
        }
        cluster.kill(leader);
        let mut known = Vec::new();
        for (subject, content, key, task) in attempts {
            let first = RegistrationResult::from_outcome(&task.await.unwrap());
            let api = cluster.api(others[0]);
            let second = until("an outcome of the retry", async || {
                match api.register(&subject, &content).header("Idempotency-Key", &key).outcome().await {
                    Outcome::Unknown(reason) => Err(reason),
                    outcome => Ok(RegistrationResult::from_outcome(&outcome)),
                }
            })
            .await;
            assert!(second.is_acknowledged(), "{second:?}");
            assert!(!first.is_acknowledged() || first == second, "first {first:?}, then {second:?}");
            known.push((subject, content, key, second));
        }
        cluster.restart(leader).await;
        // Another version in between, so that a second registration would be seen; and then the same again everywhere.
        let between = unique(Format::Avro, round * 100 + 99, &mut random);
        cluster.api(leader).register("retry-AVRO", &between).send().await.unwrap().good();
        for (subject, content, key, expected) in known {
            for api in cluster.apis() {
                let again = api.register(&subject, &content).header("Idempotency-Key", &key).outcome().await;
                assert_eq!(RegistrationResult::from_outcome(&again), expected, "node {}", api.node_id);
            }
        }
    }
    // Each content is one version, though each was sent at least five times.
    for format in Format::ALL {
        let versions = cluster.api(1).get(&format!("/subjects/retry-{}/versions", format.name())).send().await;
        let extra = if format == Format::Avro { 3 } else { 0 };
        assert_eq!(versions.unwrap().good().list().len(), 12 + extra, "{}", format.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_with_another_request_is_another_change() {
    let (_, mut random) = seed::generator("keys");
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    api.allow_everything().await;
    let contents: Vec<_> = (1..=3).map(|number| unique(Format::Json, number, &mut random)).collect();
    let register = async |subject: &str, content: &Content| {
        RegistrationResult::from_outcome(&api.register(subject, content).header("Idempotency-Key", "k").outcome().await)
    };
    let mut told = Vec::new();
    for (subject, content) in [("s", &contents[0]), ("s", &contents[1]), ("t", &contents[0]), ("t", &contents[2])] {
        told.push((subject, content, register(subject, content).await));
    }
    let numbers = told.iter().map(|(_, _, result)| match result {
        RegistrationResult::Registered { id, version, .. } => (*id, *version),
        other => panic!("{other:?}"),
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [(1, 1), (2, 2), (1, 1), (3, 2)]);
    for (subject, content, expected) in told {
        assert_eq!(register(subject, content).await, expected);
    }
    // The same key on another operation is another change as well, and its retry is the same one.
    for _ in 0..2 {
        let answer = api.delete("/subjects/s").header("Idempotency-Key", "k").send().await.unwrap().good();
        assert_eq!(answer.json(), serde_json::json!([1, 2]));
    }
}
