//! Answers that nodes keep: after every change, on every node, what is given again is what a fresh read gives.
//!
//! A fresh read is the same question as nobody has asked it before: its answer cannot have been kept.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::{Answer, Cluster, wait_for};

/// The same question as nobody has asked it before: with another parameter, or, where none that is unknown is taken, with more
/// zeros in front of the number of the version.
fn fresh(path: &str, number: u64) -> String {
    if path.starts_with("/api/") {
        let zeros = "0".repeat(usize::try_from(number).expect("questions are few"));
        return path.replacen("/versions/", &format!("/versions/{zeros}"), 1);
    }
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}fresh={number}")
}

/// Asks until there is an answer: a leader may be on its way.
fn asked(cluster: &Cluster, node: u64, method: &str, path: &str, body: Option<&str>) -> Answer {
    let mut last = None;
    wait_for(&format!("an answer to {method} {path}"), || {
        let answer = cluster.ask(node, method, path, body);
        let is_answered = answer.status > 0 && answer.status < 500;
        last = Some(answer);
        is_answered
    });
    last.expect("it was asked")
}

fn schema(variant: u32) -> String {
    let text = format!(r#"{{"type":"enum","name":"E{variant}","symbols":["A"]}}"#);
    serde_json::json!({"schema": text}).to_string()
}

/// A question whose answer is kept: a path that is read, or one that a schema is sent to.
#[derive(Clone)]
struct Question {
    path: String,
    body: Option<String>,
}

impl Question {
    fn method(&self) -> &'static str {
        if self.body.is_some() { "POST" } else { "GET" }
    }
}

/// The questions whose answers are kept.
fn questions() -> Vec<Question> {
    let mut asked = Vec::new();
    for subject in ["a", "b"] {
        for variant in 1..=3 {
            asked.push(Question { path: format!("/subjects/{subject}"), body: Some(schema(variant)) });
        }
    }
    asked.extend(paths().into_iter().map(|path| Question { path, body: None }));
    asked
}

fn paths() -> Vec<String> {
    let mut questions = Vec::new();
    for subject in ["a", "b"] {
        for version in ["1", "2", "latest"] {
            questions.push(format!("/subjects/{subject}/versions/{version}"));
            questions.push(format!("/subjects/{subject}/versions/{version}?deleted=true"));
            questions.push(format!("/subjects/{subject}/versions/{version}/schema"));
        }
        questions.push(format!("/api/v1/subjects/{subject}/versions/1"));
        questions.push(format!("/api/v1/subjects/{subject}/versions/2"));
        questions.push(format!("/schemas/ids/1?subject={subject}"));
    }
    for id in 1..=3 {
        questions.push(format!("/schemas/ids/{id}"));
        questions.push(format!("/schemas/ids/{id}/schema"));
    }
    questions
}

/// Every node gives the same again as it reads afresh. Confirmed reads: each of them has seen the change.
fn check(cluster: &Cluster, questions: &[Question], number: &mut u64, after: &str) {
    for question in questions {
        let Question { path, body } = question;
        let (method, body) = (question.method(), body.as_deref());
        let separator = if path.contains('?') { '&' } else { '?' };
        let question = format!("{path}{separator}consistency=linearizable");
        for node in 1..=3 {
            *number += 1;
            let expected = asked(cluster, node, method, &fresh(&question, *number), body);
            // Once to have it kept, if it is not, and once to have it given again.
            for time in 0..2 {
                let found = asked(cluster, node, method, &question, body);
                assert_eq!(
                    (found.status, &found.body, &found.tag),
                    (expected.status, &expected.body, &expected.tag),
                    "node {node}, {method} {question} {body:?}, time {time}, after {after}"
                );
            }
        }
    }
}

#[test]
fn a_kept_answer_is_given_as_long_as_it_is_true_and_no_longer() {
    let cluster = Cluster::start();
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let (path, mut number) = ("/subjects/a/versions/1?consistency=linearizable", 0);
    let changes: &[(&str, &str, String, u16)] = &[
        ("POST", "/subjects/a/versions", schema(1), 200),
        ("POST", "/api/v1/subjects/a/versions/1/quarantine", r#"{"reason":"it leaks"}"#.to_owned(), 200),
        ("POST", "/api/v1/subjects/a/versions/1/release", r#"{"reason":"it does not"}"#.to_owned(), 200),
        ("DELETE", "/subjects/a/versions/1", String::new(), 404),
        // Registered again it gets another number, and its id is what it was.
        ("POST", "/subjects/a/versions", schema(1), 404),
        ("PUT", "/config", r#"{"compatibility":"NONE"}"#.to_owned(), 404),
        ("POST", "/subjects/b/versions", schema(2), 404),
        // What was an ordinary name becomes another one for `b`.
        ("PUT", "/config/a", r#"{"alias":"b"}"#.to_owned(), 200),
        ("DELETE", "/config/a", String::new(), 404),
        ("DELETE", "/subjects/a", String::new(), 404),
        ("DELETE", "/subjects/a?permanent=true", String::new(), 404),
    ];
    for (step, (method, change, body, expected)) in changes.iter().enumerate() {
        let through = if step % 2 == 0 { follower } else { leader };
        let body = (!body.is_empty()).then_some(body.as_str());
        let done = asked(&cluster, through, method, change, body);
        assert_eq!(done.status, 200, "{method} {change}: {done:?}");
        for node in [leader, follower] {
            for _ in 0..2 {
                let found = asked(&cluster, node, "GET", path, None);
                assert_eq!(found.status, *expected, "node {node} after {method} {change}: {found:?}");
            }
        }
        check(&cluster, &questions(), &mut number, &format!("{method} {change}"));
    }
}

#[test]
fn over_random_histories_kept_answers_are_what_fresh_reads_give() {
    let seed = std::env::var("KEPT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("KEPT_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let cluster = Cluster::start();
    asked(&cluster, 1, "PUT", "/config", Some(r#"{"compatibility":"NONE"}"#));
    let (mut number, all) = (0, questions());
    for step in 0..60 {
        let subject = if random.random_bool(0.5) { "a" } else { "b" };
        let version = random.random_range(1..=3_u32);
        let (method, path, body) = match random.random_range(0..10_u32) {
            0..=3 => ("POST", format!("/subjects/{subject}/versions"), schema(random.random_range(1..=3))),
            4 => ("DELETE", format!("/subjects/{subject}/versions/{version}"), String::new()),
            5 => ("DELETE", format!("/subjects/{subject}/versions/{version}?permanent=true"), String::new()),
            6 => ("DELETE", format!("/subjects/{subject}"), String::new()),
            7 => {
                let verb = ["quarantine", "release"][random.random_range(0..2)];
                let path = format!("/api/v1/subjects/{subject}/versions/{version}/{verb}");
                ("POST", path, r#"{"reason":"chance"}"#.to_owned())
            }
            8 => ("PUT", format!("/config/{subject}"), r#"{"alias":"b"}"#.to_owned()),
            _ => ("DELETE", format!("/config/{subject}"), String::new()),
        };
        let body = (!body.is_empty()).then_some(body.as_str());
        let done = asked(&cluster, random.random_range(1..=3), method, &path, body);
        let some: Vec<Question> = (0..8).map(|_| all[random.random_range(0..all.len())].clone()).collect();
        check(&cluster, &some, &mut number, &format!("step {step}: {method} {path} gave {}", done.status));
    }
}

#[test]
fn a_known_registration_is_answered_again_only_while_the_version_lives() {
    let cluster = Cluster::start();
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let path = "/subjects/a/versions?consistency=linearizable";
    // Once to register it, then to have the answer kept, then to have it given again.
    let register = |expected: (u16, &str)| {
        for node in [follower, leader] {
            for time in 0..3 {
                let found = asked(&cluster, node, "POST", path, Some(&schema(1)));
                let is_expected = found.status == expected.0 && found.body.contains(expected.1);
                assert!(is_expected, "node {node}, time {time}, wanted {expected:?}: {found:?}");
            }
        }
    };
    let change = |method: &str, path: &str, body: Option<&str>| {
        let done = asked(&cluster, leader, method, path, body);
        assert_eq!(done.status, 200, "{method} {path}: {done:?}");
    };
    register((200, "\"version\":1"));
    change("POST", "/api/v1/subjects/a/versions/1/quarantine", Some(r#"{"reason":"it leaks"}"#));
    register((422, "quarantined"));
    change("POST", "/api/v1/subjects/a/versions/1/release", Some(r#"{"reason":"it does not"}"#));
    register((200, "\"version\":1"));
    change("PUT", "/mode/a", Some(r#"{"mode":"READONLY"}"#));
    register((200, "\"version\":1"));
    change("DELETE", "/mode/a", None);
    change("DELETE", "/subjects/a/versions/1", None);
    register((200, "\"version\":2"));
    change("PUT", "/config/a", Some(r#"{"alias":"b"}"#));
    register((200, "\"version\":1"));
    change("DELETE", "/config/a", None);
    register((200, "\"version\":2"));
    // The same words in another encoding, or under another name, are another question.
    let typed = asked(&cluster, leader, "POST", "/subjects/c/versions", Some(&schema(1)));
    assert!(typed.status == 200 && typed.body.contains("\"version\":1"), "{typed:?}");
}

#[test]
fn a_client_that_has_a_kept_answer_is_not_sent_it_again() {
    let cluster = Cluster::start();
    cluster.register(1, "a", "Kept");
    let path = "/schemas/ids/1";
    let first = asked(&cluster, 1, "GET", path, None);
    let tag = first.tag.clone().expect("an id has a tag");
    for _ in 0..2 {
        let known = cluster.ask_with(1, path, &[("if-none-match", &tag)]);
        assert_eq!((known.status, known.body.as_str(), known.tag.as_ref()), (304, "", Some(&tag)));
        let other = cluster.ask_with(1, path, &[("if-none-match", "\"other\"")]);
        assert_eq!((other.status, &other.body), (200, &first.body));
        let typed = cluster.ask_with(1, path, &[("accept", "application/json")]);
        assert_eq!((typed.status, typed.media_type.as_deref()), (200, Some("application/json")));
        assert_eq!(cluster.ask_with(1, path, &[("accept", "text/html")]).status, 406);
        // A bad wish is refused although the answer is at hand.
        assert_eq!(cluster.ask_with(1, path, &[("x-registry-consistency", "sometimes")]).status, 422);
    }
}

#[test]
fn a_kept_answer_that_cannot_be_confirmed_is_not_given() {
    let mut cluster = Cluster::start();
    cluster.register(1, "a", "Kept");
    let survivor = cluster.leader();
    let (latest, by_id) = ("/subjects/a/versions/latest", "/schemas/ids/1");
    for path in [latest, by_id] {
        assert_eq!(asked(&cluster, survivor, "GET", path, None).status, 200);
        assert_eq!(asked(&cluster, survivor, "GET", path, None).status, 200);
    }
    for id in (1..=3).filter(|id| *id != survivor) {
        cluster.node(id).kill();
    }
    let unconfirmed = cluster.ask(survivor, "GET", latest, None);
    assert!(unconfirmed.status >= 500, "{unconfirmed:?}");
    assert_eq!(cluster.ask(survivor, "GET", by_id, None).status, 200, "what never changes needs nobody");
    let local = cluster.ask_with(survivor, latest, &[("x-registry-consistency", "local")]);
    assert_eq!(local.status, 200, "what a replica has may be asked for");
}
