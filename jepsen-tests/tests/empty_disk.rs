//! A voter that lost its disk has forgotten its vote: it must not come back under its id, and nothing may make a second
//! cluster by accident.

use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::schemas::{Format, unique};
use jepsen_tests::wait::until;
use jepsen_tests::{dump, seed};
use rand::rngs::StdRng;

/// The data is damaged, incomplete, or has forgotten what it had promised.
const EXIT_DATA: i32 = 65;
/// What the node was told does not fit the data directory or the cluster.
const EXIT_CONFIG: i32 = 78;

/// Registers one new schema through a node.
async fn write(cluster: &Cluster, node: u64, number: u64, random: &mut StdRng) -> u32 {
    let content = unique(Format::Json, number, random);
    let answer = until("a write", async || {
        let answer = cluster.api(node).register(&format!("s{number}"), &content).send().await?;
        if answer.status == 200 { Ok(answer) } else { Err(answer.text()) }
    });
    answer.await.schema().id.expect("an answer to a registration has an id")
}

async fn is_refused(cluster: &mut Cluster, node: u64, flags: &[&str], code: i32, reason: &str) {
    let before = cluster.log(node).len();
    cluster.spawn(node, flags);
    let status = cluster.ended(node).await;
    let log = cluster.log(node)[before..].to_owned();
    assert_eq!(status.code(), Some(code), "{log}");
    assert!(log.contains(reason), "the log does not say '{reason}': {log}");
    assert!(log.contains("this node does not start"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_with_an_empty_disk_is_refused_and_makes_no_second_cluster() {
    let (_, mut random) = seed::generator("empty_disk");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    let first = write(&cluster, 3, 1, &mut random).await;

    cluster.kill(3);
    cluster.wipe(3);
    is_refused(&mut cluster, 3, &[], EXIT_DATA, "its disk is empty").await;
    is_refused(&mut cluster, 3, &["--bootstrap"], EXIT_DATA, "its disk is empty").await;
    assert_eq!(write(&cluster, 1, 2, &mut random).await, first + 1, "the cluster goes on");

    // `--bootstrap` on a node that has a cluster changes nothing.
    let before = cluster.status().await;
    let follower = cluster.follower().await;
    cluster.stop(follower).await;
    cluster.spawn(follower, &["--bootstrap"]);
    cluster.ready(follower).await;
    let after = cluster.status().await;
    assert_eq!((after.cluster_id, after.voters), (before.cluster_id, before.voters));
    assert_eq!(write(&cluster, follower, 3, &mut random).await, first + 2, "the ids go on");

    // The way back is a new id. The old one, out of the membership and empty, still makes no second cluster.
    cluster.remove(3).await;
    cluster.join(4).await;
    assert_eq!(write(&cluster, 4, 4, &mut random).await, first + 3, "the new node writes");
    is_refused(&mut cluster, 3, &["--bootstrap"], EXIT_CONFIG, "is a cluster already").await;
    let nodes = cluster.apis();
    dump::settled(&nodes).await;
    dump::same_digests(&nodes).await;
    assert_eq!(dump::local(&cluster.api(4)).await.len(), 4);
    assert_eq!(cluster.status().await.voters, [1, 2, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_of_another_node_or_another_cluster_is_refused() {
    let (_, mut random) = seed::generator("another_disk");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    let first = write(&cluster, 1, 1, &mut random).await;
    let other = Spec { cluster_id: "another".to_owned(), ..cluster.spec().clone() };

    cluster.kill(2);
    cluster.write_config_of(2, &other);
    is_refused(&mut cluster, 2, &[], EXIT_CONFIG, "belongs to node 2 of cluster jepsen").await;
    is_refused(&mut cluster, 2, &["--bootstrap"], EXIT_CONFIG, "belongs to node 2 of cluster jepsen").await;

    // Node 5 with a copy of node 2's disk: the disk says whose it is.
    std::fs::create_dir_all(cluster.data_dir(5)).unwrap();
    std::fs::copy(cluster.data_dir(2).join("NODE"), cluster.data_dir(5).join("NODE")).unwrap();
    is_refused(&mut cluster, 5, &[], EXIT_CONFIG, "belongs to node 2").await;
    // A data directory without its identity is damaged, not empty.
    let kept = std::fs::read(cluster.data_dir(2).join("NODE")).unwrap();
    std::fs::remove_file(cluster.data_dir(2).join("NODE")).unwrap();
    cluster.write_config(2);
    is_refused(&mut cluster, 2, &[], EXIT_DATA, "its file NODE is gone").await;

    // An empty disk and another cluster's name: the peers do not speak to it, so it never starts.
    cluster.write_config_of(6, &other);
    is_refused(&mut cluster, 6, &[], EXIT_CONFIG, "of another cluster").await;

    std::fs::write(cluster.data_dir(2).join("NODE"), kept).unwrap();
    cluster.restart(2).await;
    assert_eq!(write(&cluster, 2, 2, &mut random).await, first + 1, "with its own disk and name it is back");
    assert_eq!(cluster.status().await.voters, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bootstrap_on_every_node_at_once_makes_one_cluster() {
    let (_, mut random) = seed::generator("bootstrap");
    let mut cluster = Cluster::prepare(Spec::of(3)).await;
    for id in 1..=3 {
        cluster.spawn(id, &["--bootstrap"]);
    }
    cluster.ready_all().await;
    for id in 1..=3 {
        assert_eq!(u64::from(write(&cluster, id, id, &mut random).await), id, "ids go on from node to node");
    }
    let nodes = cluster.apis();
    dump::settled(&nodes).await;
    dump::same_digests(&nodes).await;
    assert_eq!(cluster.status().await.voters, [1, 2, 3]);
}
