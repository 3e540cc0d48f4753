//! Clusters of whole nodes in one process: they found, serve, fail over and come back as processes of their own do.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use std::net::TcpListener;
use std::time::Instant;

use node::{End, Listeners, StartError};
use support::{Cluster, wait_for};

#[test]
fn three_nodes_make_a_cluster_and_a_follower_takes_a_write_that_all_of_them_have() {
    let begun = Instant::now();
    let cluster = Cluster::start();
    println!("three nodes serve after {} ms", begun.elapsed().as_millis());
    let follower = cluster.follower();
    let written = cluster.register(follower, "s", "First");
    assert!(written.index > 0, "{written:?}");
    for id in 1..=3 {
        let read = cluster.ask(id, "GET", "/subjects/s/versions/1", None);
        assert_eq!(read.status, 200, "node {id}: {read:?}");
        assert!(read.body.contains("First"), "node {id}: {read:?}");
    }
}

#[test]
fn a_leader_that_is_killed_is_replaced_and_comes_back_with_everything() {
    let mut cluster = Cluster::start();
    cluster.register(1, "s", "Before");
    let leader = cluster.leader();
    cluster.node(leader).kill();
    let follower = leader % 3 + 1;
    let written = cluster.register(follower, "s2", "Meanwhile");
    cluster.node(leader).start(false);
    cluster.node(leader).wait_ready();
    for subject in ["s", "s2"] {
        let read = cluster.ask(leader, "GET", &format!("/subjects/{subject}/versions/latest"), None);
        assert_eq!(read.status, 200, "{subject}: {read:?}");
        assert!(read.index >= written.index || subject == "s", "{read:?} after {written:?}");
    }
}

#[test]
fn a_node_that_is_stopped_hands_over_and_starts_again_on_its_data() {
    let mut cluster = Cluster::start();
    cluster.register(2, "s", "Kept");
    let leader = cluster.leader();
    cluster.node(leader).stop();
    let next = cluster.leader();
    assert_ne!(next, leader);
    cluster.node(leader).start(false);
    cluster.node(leader).wait_ready();
    assert_eq!(cluster.ask(leader, "GET", "/subjects/s/versions/1", None).status, 200);
}

#[test]
fn a_whole_cluster_that_is_killed_keeps_what_it_acknowledged() {
    let mut cluster = Cluster::start();
    cluster.register(3, "s", "Durable");
    cluster.nodes.iter_mut().for_each(|node| node.kill());
    cluster.nodes.iter_mut().for_each(|node| node.start(false));
    cluster.nodes.iter().for_each(|node| node.wait_ready());
    assert!(cluster.ask(1, "GET", "/subjects/s/versions/1", None).body.contains("Durable"));
}

#[test]
fn an_address_in_use_leaves_no_trace_of_a_cluster() {
    let cluster = Cluster::prepared(1);
    let config = &cluster.nodes[0].config;
    let _taken = TcpListener::bind(&config.http.listen).expect("the port is free until now");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error = runtime.block_on(Listeners::bind_all(config)).expect_err("the port is taken");
    assert!(matches!(error, StartError::Listen { key: "http.listen", .. }), "{error}");
    assert_eq!(error.exit_code(), 69);
    assert!(!config.node.data_dir.exists(), "nothing was made");
}

#[test]
fn a_data_directory_that_is_held_is_no_damage() {
    let mut cluster = Cluster::prepared(2);
    cluster.node(1).config.cluster.members.truncate(1);
    cluster.node(1).start(true);
    cluster.node(1).wait_ready();
    let mut config = cluster.node(1).config.clone();
    // The same node on the same data, as a supervisor starts it while the old process still stops.
    (config.peer.listen, config.http.listen) = ("127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned());
    cluster.node(2).config = config;
    cluster.node(2).start(false);
    let end = cluster.node(2).ended();
    assert!(matches!(end, End::NotStarted(StartError::Locked(_))), "{end}");
    assert_eq!(end.exit_code(), 75);
}

#[test]
fn a_node_that_waits_for_its_peers_says_so_to_clients() {
    let mut cluster = Cluster::prepared(3);
    cluster.node(1).start(false);
    assert_eq!(cluster.ask(1, "GET", "/livez", None).status, 200);
    let ready = cluster.ask(1, "GET", "/readyz", None);
    assert_eq!((ready.status, ready.body.contains("starting")), (503, true), "{ready:?}");
    assert_eq!(cluster.ask(1, "GET", "/subjects", None).status, 503);
    cluster.node(1).stop();
}

#[test]
fn each_node_counts_its_own_requests() {
    let cluster = Cluster::start();
    let count = |id| {
        let text = cluster.ask(id, "GET", "/metrics", None).body;
        let lines = text.lines().filter(|line| line.starts_with("schemareg_requests_total"));
        lines.filter(|line| line.contains("\"ListContexts\"")).count()
    };
    assert_eq!(cluster.ask(1, "GET", "/contexts", None).status, 200);
    wait_for("the figure of node 1", || count(1) > 0);
    assert_eq!((count(2), count(3)), (0, 0));
}
