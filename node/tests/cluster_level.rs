//! Clusters whose nodes know different levels: programs of yesterday and of today side by side, upgraded and rolled back
//! under load, until the gate opens; refused afterwards.
//!
//! Level 2 is a real one: from it on, the state keeps the administrative operation that is under way.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use node::{End, StartError};
use raft_store::types::Proposal;
use registry::{Actor, Basis, ClusterCommand, Command, Envelope, Principal, RequestId, level};
use support::{Cluster, Load, wait_for};

const OLD: u8 = level::BASE;
const NEW: u8 = level::SUPPORTED;

/// Three nodes that run the old program.
fn old_cluster() -> Cluster {
    let mut cluster = Cluster::prepared(3);
    for node in &mut cluster.nodes {
        node.supported_level = OLD;
        node.start(true);
    }
    cluster.nodes.iter().for_each(|node| node.wait_ready());
    cluster
}

fn exchange(cluster: &mut Cluster, id: u64, supported: u8) {
    cluster.node(id).stop();
    cluster.node(id).supported_level = supported;
    cluster.node(id).start(false);
    cluster.node(id).wait_ready();
}

fn level_of(cluster: &Cluster, id: u64) -> u64 {
    cluster.status(id)["level"].as_u64().unwrap_or_default()
}

#[test]
fn members_are_upgraded_and_rolled_back_under_load_until_every_one_of_them_can_do_more() {
    const { assert!(OLD < NEW, "there are two levels") };
    let mut cluster = old_cluster();
    let load = Load::start(&cluster);
    load.progress();
    // One after the other; then one goes back, although two others are new.
    for (id, supported) in [(1, NEW), (2, NEW), (1, OLD), (3, NEW)] {
        exchange(&mut cluster, id, supported);
        load.progress();
        let leader = cluster.leader();
        let consensus = cluster.node(leader).consensus();
        let due = cluster.block_on(consensus.level_to_raise(false));
        assert_eq!(due, None, "node 1 or 3 runs the old program");
        assert_eq!(level_of(&cluster, leader), u64::from(OLD));
    }
    let supported: Vec<_> =
        cluster.status(2)["nodes"].as_array().unwrap().iter().map(|node| node["level_supported"].as_u64()).collect();
    assert_eq!(supported, [Some(OLD.into()), Some(NEW.into()), Some(NEW.into())]);
    // The last one: now the leader raises the level by itself.
    exchange(&mut cluster, 1, NEW);
    wait_for("the new level on every node", || (1..=3).all(|id| level_of(&cluster, id) == u64::from(NEW)));
    load.progress();
    let acknowledged = load.stop();
    println!("{} registrations were acknowledged meanwhile", acknowledged.len());
    for id in 1..=3 {
        for subject in &acknowledged {
            let read =
                cluster.ask(id, "GET", &format!("/subjects/{subject}/versions/1?consistency=linearizable"), None);
            assert_eq!(read.status, 200, "node {id} lacks {subject}: {read:?}");
        }
    }
    // There is no way back.
    cluster.node(3).stop();
    cluster.node(3).supported_level = OLD;
    cluster.node(3).start(false);
    let end = cluster.node(3).ended();
    assert!(matches!(end, End::NotStarted(StartError::Mismatch(_))), "{end}");
    assert_eq!(end.exit_code(), 78);
    assert!(end.to_string().contains("start the newer program again"), "{end}");
    cluster.node(3).supported_level = NEW;
    cluster.node(3).start(false);
    cluster.node(3).wait_ready();
}

#[test]
fn an_operator_can_hold_the_level() {
    let mut cluster = Cluster::prepared(1);
    cluster.node(1).config.cluster.hold_level = true;
    cluster.node(1).start(true);
    cluster.node(1).wait_ready();
    cluster.register(1, "s", "Held");
    let consensus = cluster.node(1).consensus();
    assert_eq!(cluster.block_on(consensus.level_to_raise(true)), None);
    let status = cluster.status(1);
    assert_eq!((status["level"].as_u64(), status["level_held"].as_bool()), (Some(OLD.into()), Some(true)));
    drop(consensus);
    cluster.node(1).stop();
    cluster.node(1).config.cluster.hold_level = false;
    cluster.node(1).start(false);
    wait_for("the level of this program", || level_of(&cluster, 1) == u64::from(NEW));
}

#[test]
fn a_follower_that_meets_an_entry_above_its_level_stops_and_says_what_to_do() {
    let mut cluster = old_cluster();
    let leader = cluster.leader();
    let (left, upgraded) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    exchange(&mut cluster, upgraded, NEW);
    exchange(&mut cluster, leader, NEW);
    wait_for("a leader with the new program", || {
        cluster.leader() != left || {
            let consensus = cluster.nodes[usize::try_from(left - 1).unwrap()].consensus();
            drop(cluster.block_on(consensus.transfer_leader(None)));
            false
        }
    });
    let leader = cluster.leader();
    // Nobody may do this; it stands for a member that goes back to the old program in the very moment of the decision.
    let consensus = cluster.node(leader).consensus();
    let envelope = Envelope {
        request_id: RequestId("raise".to_owned()),
        time_ms: 0,
        actor: Actor { principal: Principal::system(), node_id: leader },
        level: NEW,
        trace: None,
        if_revision: None,
        source: None,
        basis: Basis::default(),
        command: Command::Cluster(ClusterCommand::RaiseLevel { level: NEW }),
    };
    let deadline = node::Deadline::after(support::PATIENCE);
    cluster.block_on(consensus.propose(&Proposal::new(envelope), deadline)).expect("two of three take it");
    let end = cluster.node(left).ended();
    assert!(matches!(end, End::Outdated(_)), "{end}");
    assert_eq!(end.exit_code(), 78);
    assert!(end.to_string().contains("start the newer program again"), "{end}");
    drop(consensus);
    cluster.node(left).supported_level = NEW;
    cluster.node(left).start(false);
    cluster.node(left).wait_ready();
    assert_eq!(level_of(&cluster, left), u64::from(NEW));
}

#[test]
fn a_node_that_knows_less_than_the_level_in_force_is_not_added() {
    let mut cluster = Cluster::of(2, 1);
    wait_for("the level of this program", || level_of(&cluster, 1) == u64::from(NEW));
    cluster.node(2).supported_level = OLD;
    cluster.node(2).start(false);
    let answer = cluster.change("POST", "/v1/cluster/members", &cluster.member(2));
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("upgrade the node's program first"), "{answer:?}");
    cluster.node(2).stop();
    cluster.node(2).supported_level = NEW;
    cluster.node(2).start(false);
    let answer = cluster.change("POST", "/v1/cluster/members", &cluster.member(2));
    assert_eq!(answer.status, 200, "{answer:?}");
}
