//! Changes of the members on bad days: with nodes dead, with wrong addresses, with the client or the leader gone half-way.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use serde_json::{Value, json};
use support::{Answer, Cluster, wait_for};

fn others(cluster: &Cluster) -> Vec<u64> {
    let leader = cluster.leader();
    cluster.nodes.iter().filter(|node| node.runs()).map(|node| node.config.node.id).filter(|id| *id != leader).collect()
}

fn remove(cluster: &Cluster, id: u64) -> Answer {
    cluster.change("DELETE", &format!("/v1/cluster/members/{id}"), "{}")
}

fn promote(cluster: &Cluster, id: u64) -> Answer {
    cluster.change("POST", &format!("/v1/cluster/members/{id}/promote"), "{}")
}

fn add(cluster: &Cluster, body: &str) -> Answer {
    cluster.change("POST", "/v1/cluster/members", body)
}

#[track_caller]
fn done(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[track_caller]
fn refused(answer: &Answer, status: u16, part: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body.contains(part), "{part}: {answer:?}");
}

fn voters(cluster: &Cluster) -> Value {
    cluster.status(cluster.leader())["voters"].clone()
}

/// The names and outcomes of the administrative operations in the audit log.
fn operations(cluster: &Cluster) -> Vec<(String, String)> {
    let answer = cluster.ask(cluster.leader(), "GET", "/api/v1/audit?limit=1000", None);
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let text = |record: &Value, field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let records = body["records"].as_array().cloned().unwrap_or_default();
    let all = records.iter().map(|record| (text(record, "action"), text(record, "outcome")));
    all.filter(|(action, _)| {
        action.starts_with("cluster.member")
            || action.starts_with("cluster.leader")
            || action.starts_with("cluster.snapshot")
    })
    .collect()
}

#[test]
fn of_three_with_one_dead_only_the_dead_one_is_removed_and_replaced() {
    let mut cluster = Cluster::of(4, 3);
    let [dead, healthy] = others(&cluster)[..] else { panic!("three nodes") };
    cluster.node(dead).kill();
    refused(&remove(&cluster, healthy), 422, "2 are needed");
    refused(&remove(&cluster, 99), 404, "node 99 is no member");
    // Nothing was begun: the cluster writes.
    cluster.register(healthy, "s", "Written");
    assert_eq!(cluster.status(healthy)["change"], Value::Null);
    assert_eq!(voters(&cluster), json!([1, 2, 3]));
    // The dead one goes, a new one comes.
    done(&remove(&cluster, dead));
    cluster.node(4).start(false);
    done(&add(&cluster, &cluster.member(4)));
    done(&promote(&cluster, 4));
    cluster.node(4).wait_ready();
    cluster.register(4, "s2", "Written");
    let mut left: Vec<u64> = (1..=4).filter(|id| *id != dead).collect();
    left.sort_unstable();
    assert_eq!(voters(&cluster), json!(left));
    let kept = operations(&cluster);
    for action in ["cluster.member.remove", "cluster.member.add", "cluster.member.promote"] {
        for outcome in ["begun", "ok"] {
            let found = kept.iter().any(|(name, what)| name == action && what.starts_with(outcome));
            assert!(found, "{action} {outcome}: {kept:?}");
        }
    }
}

#[test]
fn of_three_with_two_dead_nothing_changes() {
    let mut cluster = Cluster::of(3, 3);
    let leader = cluster.leader();
    let dead = others(&cluster);
    dead.iter().for_each(|id| cluster.node(*id).kill());
    let answer = cluster.ask(leader, "DELETE", &format!("/v1/cluster/members/{}", dead[0]), Some("{}"));
    // It leads until it notices that nobody follows.
    assert!(answer.status == 422 || answer.status >= 500, "{answer:?}");
    dead.iter().for_each(|id| cluster.node(*id).start(false));
    dead.iter().for_each(|id| cluster.node(*id).wait_ready());
    assert_eq!((voters(&cluster), cluster.status(leader)["change"].clone()), (json!([1, 2, 3]), Value::Null));
}

#[test]
fn of_five_with_two_dead_only_the_dead_ones_are_removed() {
    let mut cluster = Cluster::of(5, 5);
    let others = others(&cluster);
    let (dead, healthy) = (&others[..2], others[2]);
    dead.iter().for_each(|id| cluster.node(*id).kill());
    refused(&remove(&cluster, healthy), 422, "3 are needed");
    cluster.register(healthy, "s", "Written");
    done(&remove(&cluster, dead[0]));
    done(&remove(&cluster, dead[1]));
    assert_eq!(voters(&cluster).as_array().unwrap().len(), 3);
    cluster.register(healthy, "s2", "Written");
}

#[test]
fn whoever_is_added_is_asked_first_and_only_who_answers_is_promoted() {
    let mut cluster = Cluster::of(5, 3);
    let member =
        |id: u64, peer: &str, http: &str| json!({"node_id": id, "peer_address": peer, "http_url": http}).to_string();
    let (own, taken) = (cluster.node(4).config.peer.listen.clone(), cluster.node(1).config.peer.listen.clone());
    refused(&add(&cluster, &member(6, "nonsense", "nonsense")), 422, "host:port");
    refused(&add(&cluster, &member(0, &own, "")), 422, "node_id");
    refused(&add(&cluster, &member(6, &own, "nonsense")), 422, "http_url");
    refused(&add(&cluster, &member(6, &taken, "")), 422, "node 1 is a member at this address");
    refused(&add(&cluster, &member(1, &own, "")), 422, "member update 1");
    refused(&add(&cluster, &member(4, &own, "")), 422, "does not answer");
    refused(&promote(&cluster, 4), 404, "node 4 is no member");
    let update = cluster.change("PUT", "/v1/cluster/members/9", &member(9, &own, ""));
    refused(&update, 404, "node 9 is no member");
    cluster.node(4).start(false);
    wait_for("node 4 listens", || cluster.ask(4, "GET", "/livez", None).status == 200);
    refused(&add(&cluster, &member(6, &own, "")), 422, "is not node 6 of this cluster");
    done(&add(&cluster, &cluster.member(4)));
    done(&add(&cluster, &cluster.member(4)));
    cluster.node(4).wait_ready();
    cluster.node(4).kill();
    refused(&promote(&cluster, 4), 422, "does not answer");
    assert_eq!(voters(&cluster), json!([1, 2, 3]));
    let transfer = |to: u64| cluster.change("POST", "/v1/cluster/leader/transfer", &json!({"to": to}).to_string());
    refused(&transfer(9), 404, "node 9 is no member");
    refused(&transfer(4), 422, "no voter that has caught up");
}

/// Voters that come later are strangers to a removed node: they cannot tell it again, and it must not forget.
#[test]
fn a_removed_node_knows_it_when_all_voters_of_then_but_one_are_others() {
    let cluster = Cluster::start();
    let leader = cluster.leader();
    let [first, second] = others(&cluster)[..] else { panic!("three nodes") };
    done(&remove(&cluster, second));
    done(&remove(&cluster, first));
    let is_removed = || cluster.ask(first, "GET", "/readyz", None).body.contains("was removed from its cluster");
    wait_for("the removed node knows", is_removed);
    done(&add(&cluster, &cluster.member(second)));
    done(&promote(&cluster, second));
    wait_for("the other one is a member again", || cluster.ask(second, "GET", "/readyz", None).status == 200);
    // It looks every second; and what is sent to it must not reach the cluster.
    for number in 0..40 {
        assert!(is_removed(), "look {number}");
        let body = Some(r#"{"schema":"\"string\""}"#);
        let sent = cluster.ask(first, "POST", &format!("/subjects/through-{number}/versions"), body);
        assert_eq!(sent.status, 503, "{sent:?}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(cluster.ask(leader, "GET", "/subjects", None).body, "[]");
}

#[test]
fn a_removed_node_knows_it_and_says_so_and_can_come_back() {
    let cluster = Cluster::of(3, 3);
    let removed = others(&cluster)[0];
    cluster.register(removed, "s", "Before");
    done(&remove(&cluster, removed));
    wait_for("the removed node knows", || {
        cluster.ask(removed, "GET", "/readyz", None).body.contains("was removed from its cluster")
    });
    let status = cluster.status(removed);
    let own = status["nodes"].as_array().unwrap().iter().find(|node| node["node_id"] == json!(removed)).cloned();
    assert_eq!(own.unwrap()["role"], json!("removed"), "{status}");
    for (method, path) in [("GET", "/subjects"), ("GET", "/subjects/s/versions/1"), ("POST", "/subjects/s/versions")] {
        refused(
            &cluster.ask(removed, method, path, Some(r#"{"schema":"\"string\""}"#)),
            503,
            "was removed from its cluster",
        );
    }
    let metrics = cluster.ask(removed, "GET", "/metrics", None).body;
    assert!(
        metrics.lines().any(|line| line.starts_with("schemareg_raft_removed") && line.ends_with(" 1")),
        "{metrics}"
    );
    done(&add(&cluster, &cluster.member(removed)));
    done(&promote(&cluster, removed));
    wait_for("it is a member again", || cluster.ask(removed, "GET", "/subjects/s/versions/1", None).status == 200);
    assert_eq!(voters(&cluster), json!([1, 2, 3]));
}

#[test]
fn a_node_that_moved_keeps_its_disk_and_its_vote() {
    let mut cluster = Cluster::of(3, 3);
    let moved = others(&cluster)[0];
    cluster.register(moved, "s", "Before");
    cluster.node(moved).stop();
    cluster.node(moved).move_away();
    cluster.node(moved).start(false);
    let update =
        |cluster: &Cluster| cluster.change("PUT", &format!("/v1/cluster/members/{moved}"), &cluster.member(moved));
    done(&update(&cluster));
    cluster.node(moved).wait_ready();
    let written = cluster.register(moved, "s2", "After");
    assert!(written.index > 0);
    assert_eq!(voters(&cluster), json!([1, 2, 3]));
}

#[test]
fn a_change_whose_client_is_gone_is_made_to_the_end_and_recorded() {
    let mut cluster = Cluster::of(3, 3);
    let removed = others(&cluster)[0];
    let leader = cluster.leader();
    let url = format!("http://{}/v1/cluster/members/{removed}", cluster.node(leader).config.http.listen);
    let gone = cluster.block_on(async {
        reqwest::Client::new().delete(url).timeout(std::time::Duration::from_millis(30)).send().await
    });
    println!("the client: {gone:?}");
    let left: Vec<u64> = (1..=3).filter(|id| *id != removed).collect();
    wait_for("the removal", || voters(&cluster) == json!(left) && cluster.status(leader)["change"] == Value::Null);
    wait_for("its record", || operations(&cluster).contains(&("cluster.member.remove".to_owned(), "ok".to_owned())));
}

/// A removal that its maker forces although it cannot end; then the leader dies. What is left is seen, and ended.
#[test]
fn a_change_that_broke_off_is_visible_and_is_finished_or_taken_back() {
    for (path, expected) in [("finish", 2), ("take-back", 3)] {
        let mut cluster = Cluster::of(3, 3);
        let leader = cluster.leader();
        wait_for("the level of this program", || cluster.status(leader)["level"] == json!(registry::level::SUPPORTED));
        let [dead, healthy] = others(&cluster)[..] else { panic!("three nodes") };
        cluster.node(dead).kill();
        let url = format!("http://{}", cluster.node(leader).config.http.listen);
        let url = format!("{url}/v1/cluster/members/{healthy}?without={dead}");
        let forced = cluster.block_on(async {
            reqwest::Client::new().delete(url).timeout(std::time::Duration::from_millis(500)).send().await
        });
        assert!(forced.is_err(), "it cannot end: {forced:?}");
        let mut change = Value::Null;
        wait_for("the change is visible", || {
            change = cluster.status(leader)["change"].clone();
            change["voter_sets"].as_array().is_some_and(|sets| sets.len() == 2)
        });
        assert_eq!(change["operation"], json!("cluster.member.remove"), "{change}");
        assert_eq!(change["resource"], json!(format!("node/{healthy}")), "{change}");
        assert_eq!((&change["principal"], &change["decided"]), (&json!("anonymous"), &json!(false)), "{change}");
        assert!(change["since_ms"].as_u64().unwrap() > 0, "{change}");
        cluster.node(leader).kill();
        cluster.node(dead).start(false);
        cluster.node(leader).start(false);
        cluster.node(leader).wait_ready();
        // Under another leader, or the old one in a new term, it is half-way and stays so until somebody decides.
        wait_for("the first half is decided", || {
            let change = cluster.status(cluster.leader())["change"].clone();
            change["decided"] == json!(true) && change["voter_sets"].as_array().is_some_and(|sets| sets.len() == 2)
        });
        refused(&remove(&cluster, dead), 422, "finish it or take it back first");
        let metrics = cluster.ask(cluster.leader(), "GET", "/metrics", None).body;
        let changing = |line: &str| line.starts_with("schemareg_raft_membership_changing") && line.ends_with(" 1");
        assert!(metrics.lines().any(changing), "{metrics}");
        done(&cluster.change("POST", &format!("/v1/cluster/change/{path}"), "{}"));
        assert_eq!(voters(&cluster).as_array().unwrap().len(), expected, "{path}");
        wait_for("nothing is under way", || cluster.status(cluster.leader())["change"] == Value::Null);
        cluster.register(cluster.leader(), "s", "Written");
    }
}

#[test]
fn leadership_and_snapshots_leave_records() {
    let cluster = Cluster::of(3, 3);
    let leader = cluster.leader();
    done(&cluster.change("POST", "/v1/cluster/leader/transfer", "{}"));
    wait_for("another leader", || cluster.leader() != leader);
    done(&cluster.ask(cluster.leader(), "POST", "/v1/cluster/snapshot", Some("{}")));
    wait_for("the records", || {
        let kept = operations(&cluster);
        ["cluster.leader.transfer", "cluster.snapshot.take"]
            .iter()
            .all(|action| kept.iter().any(|(name, _)| name == action))
    });
}
