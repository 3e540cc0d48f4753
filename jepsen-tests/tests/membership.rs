//! From one node to five and back under load, through the admin API; nothing acknowledged is lost on the way.

use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::schemas::{Format, unique};
use jepsen_tests::wait::until;
use jepsen_tests::workload::Workload;
use jepsen_tests::{dump, seed, verify};
use serde_json::json;

const CLIENTS: usize = 4;
/// Acknowledged registrations between two changes.
const PROGRESS: usize = 30;

async fn transfer(cluster: &Cluster, to: u64) -> jepsen_tests::client::Answer {
    cluster.ask_leader("POST", "/v1/cluster/leader/transfer", &json!({"to": to})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_one_node_to_five_and_back_under_load() {
    let (seed, _) = seed::generator("membership");
    let mut cluster = Cluster::start(Spec::of(1)).await;
    cluster.api(1).allow_everything().await;
    let workload = Workload::start(cluster.apis(), CLIENTS, seed);
    workload.progress(PROGRESS).await;
    for id in 2..=5 {
        cluster.join(id).await;
        workload.add_node(cluster.api(id));
        workload.progress(PROGRESS).await;
    }
    let status = cluster.status().await;
    assert_eq!((status.voters, status.learners), (vec![1, 2, 3, 4, 5], vec![]));

    for to in [3, 5, 1] {
        let answer = transfer(&cluster, to).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"leader_id": to})));
        assert_eq!(cluster.leader().await, to, "the leadership is where it was sent");
        workload.progress(PROGRESS).await;
    }
    // A target that cannot lead is refused, and nothing is lost by asking.
    workload.drop_node(5);
    cluster.kill(5);
    for (nobody, status) in [(5, 422), (9, 404)] {
        let answer = transfer(&cluster, nobody).await;
        assert_eq!((answer.status, answer.error_code()), (status, u32::from(status)), "{}", answer.text());
        workload.progress(PROGRESS).await;
    }
    assert_eq!(cluster.leader().await, 1, "a refused transfer changes nothing");
    cluster.restart(5).await;
    workload.add_node(cluster.api(5));

    for id in 1..=4 {
        workload.drop_node(id);
        cluster.remove(id).await;
        cluster.stop(id).await;
        workload.progress(PROGRESS).await;
    }
    let status = cluster.status().await;
    assert_eq!((status.voters, status.learners), (vec![5], vec![]));
    let answer = cluster.api(5).delete("/v1/cluster/members/5").send().await.unwrap();
    assert_eq!(answer.status, 422, "the last voter stays: {}", answer.text());
    workload.progress(PROGRESS).await;

    let history = workload.stop().await;
    let before = verify::all_nodes(&cluster, &history).await;
    cluster.kill(5);
    cluster.restart(5).await;
    let after = verify::all_nodes(&cluster, &history).await;
    assert_eq!(before, after, "the last node has everything, and keeps it");
    eprintln!("1 → 5 → 1 nodes: {} attempts, {} versions", history.len(), after[&5].len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_reads_and_forwards_and_has_no_vote() {
    let (_, mut random) = seed::generator("learner");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    cluster.api(1).allow_everything().await;
    cluster.spawn(4, &[]);
    cluster.add_learner(4).await;
    cluster.ready(4).await;
    let status = cluster.status().await;
    assert_eq!((status.voters, status.learners), (vec![1, 2, 3], vec![4]));

    let learner = cluster.api(4);
    let content = unique(Format::Avro, 1, &mut random);
    let registered = learner.register("s", &content).send().await.unwrap().good().schema();
    for (node, path) in [(&learner, "/subjects/s/versions/1"), (&learner, "/subjects/s/versions/latest")] {
        let found =
            node.get(path).header("X-Registry-Consistency", "linearizable").send().await.unwrap().good().schema();
        assert_eq!(found.guid, registered.guid);
    }
    // Two of three voters are down: the learner's voice does not make a quorum.
    let leader = cluster.leader().await;
    let others: Vec<_> = (1..=3).filter(|id| *id != leader).collect();
    for id in &others {
        cluster.kill(*id);
    }
    let answer = learner.register("s", &unique(Format::Avro, 2, &mut random)).send().await.unwrap();
    assert!(answer.status >= 500, "{} {}", answer.status, answer.text());
    for id in others {
        cluster.restart(id).await;
    }
    // The same id at another address is refused, as is a promotion of a stranger.
    let elsewhere = json!({"node_id": 4, "peer_address": "127.0.0.1:1", "http_url": "", "region": ""});
    let answer = cluster.ask_leader("POST", "/v1/cluster/members", &elsewhere).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let answer = cluster.ask_leader("POST", "/v1/cluster/members/8/promote", &json!({})).await;
    assert_eq!(answer.status, 404, "{}", answer.text());

    cluster.remove(4).await;
    cluster.stop(4).await;
    until("three members", async || {
        let status = cluster.status().await;
        if status.nodes.len() == 3 { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    let nodes = cluster.apis();
    dump::settled(&nodes).await;
    dump::same_digests(&nodes).await;
}
