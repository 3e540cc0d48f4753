//! How calls are made, against nodes of straw: what is repeated under which key, which node is asked, how long is waited.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use client::{Client, ClientConfig, ClientError, NewSchema, RetryPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a straw node does with a request.
#[derive(Debug, Clone)]
enum Act {
    /// Answers with a status, headers and a body.
    Answer(u16, &'static str, String),
    /// Takes the request and closes the connection.
    Close,
    /// Takes the request and says nothing.
    Hang,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    line: String,
    headers: Vec<(String, String)>,
    at: Instant,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A node of straw: it follows a script, the last act of which it repeats.
struct Straw {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Straw {
    async fn start(region: &'static str, script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let log = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, region, script.clone(), log.clone()));
            }
        });
        Self { url, asked }
    }

    /// What it was asked, probes of its readiness aside.
    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, region: &str, script: Arc<Mutex<VecDeque<Act>>>, log: Arc<Mutex<Vec<Asked>>>) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(count) => buffer.extend_from_slice(&piece[..count]),
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap());
        while buffer.len() < end + 4 + length {
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(count) => buffer.extend_from_slice(&piece[..count]),
            }
        }
        buffer.drain(..end + 4 + length);
        let act = if line == "GET /readyz" {
            Act::Answer(200, "", "{}".to_owned())
        } else {
            log.lock().unwrap().push(Asked { line, headers, at: Instant::now() });
            let mut script = script.lock().unwrap();
            if script.len() > 1 { script.pop_front().unwrap() } else { script.front().unwrap().clone() }
        };
        match act {
            Act::Answer(status, headers, body) => {
                let text = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nx-registry-region: {region}\r\nx-registry-index: 7\r\n{headers}\r\n{body}",
                    body.len()
                );
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
            Act::Close => return,
            Act::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
        }
    }
}

fn found(id: u32) -> Act {
    let body = format!(r#"{{"id":{id},"version":1,"guid":"5f1c5c2e-8b7d-4a5b-9a5e-2f4c7c1f2a11","schema":"\"int\""}}"#);
    Act::Answer(200, "", body)
}

fn refused(status: u16, code: u32, headers: &'static str) -> Act {
    Act::Answer(status, headers, format!(r#"{{"error_code":{code},"message":"no"}}"#))
}

fn config(nodes: &[&Straw]) -> ClientConfig {
    let mut config = ClientConfig::new(nodes.iter().map(|node| node.url.clone()));
    config.measure_every = None;
    config.retry = RetryPolicy {
        wait: Duration::from_millis(5),
        attempt_time_max: Duration::from_millis(300),
        deadline: Duration::from_secs(5),
        ..RetryPolicy::default()
    };
    config
}

fn client(nodes: &[&Straw]) -> Client {
    config(nodes).build().unwrap()
}

/// A port that nobody listens on.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_change_is_repeated_under_one_key_until_it_is_answered() {
    let first = Straw::start("eu", vec![Act::Close]).await;
    let second = Straw::start("eu", vec![refused(503, 503, ""), refused(500, 50004, ""), found(9)]).await;
    let registry = client(&[&first, &second]);
    let registered = registry.register("s", &NewSchema::avro("\"int\"")).await.unwrap();
    assert_eq!(registered.id, 9);
    let asked: Vec<_> = first.asked().into_iter().chain(second.asked()).collect();
    assert!(asked.len() >= 4, "{asked:?}");
    let keys: Vec<_> = asked.iter().map(|asked| asked.header("idempotency-key").expect("a change has a key")).collect();
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    let ids: Vec<_> = asked.iter().map(|asked| asked.header("x-request-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one call is one request id in the logs");
    // The next call has another key.
    registry.register("t", &NewSchema::avro("\"int\"")).await.unwrap();
    assert_ne!(second.asked().last().unwrap().header("idempotency-key"), Some(keys[0]));
}

#[tokio::test]
async fn a_change_without_an_answer_is_told_with_its_key() {
    let node = Straw::start("eu", vec![Act::Close]).await;
    let mut config = config(&[&node]);
    config.retry.attempts_max = 3;
    let registry = config.build().unwrap();
    let error = registry.delete_subject("s", false).await.unwrap_err();
    let ClientError::OutcomeUnknown { key: Some(key), .. } = &error else { panic!("{error:?}") };
    assert_eq!(node.asked().len(), 3);
    assert_eq!(node.asked()[0].header("idempotency-key"), Some(key.as_str()));
    // Somebody who repeats it later may use the same key.
    drop(registry.idempotency_key("mine").delete_subject("s", false).await);
    assert_eq!(node.asked().last().unwrap().header("idempotency-key"), Some("mine"));
}

#[tokio::test]
async fn a_change_of_members_is_sent_once_if_it_may_have_happened() {
    let status = r#"{"cluster_id":"c","voters":[1],"learners":[],"nodes":[]}"#;
    let node = Straw::start("eu", vec![Act::Answer(200, "", status.to_owned()), Act::Close]).await;
    let error = client(&[&node]).remove_member(3, &[]).await.unwrap_err();
    assert!(matches!(error, ClientError::OutcomeUnknown { key: None, .. }), "{error:?}");
    let lines: Vec<_> = node.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(lines, ["GET /v1/cluster/status", "DELETE /v1/cluster/members/3"]);
}

#[tokio::test]
async fn what_never_left_is_no_unknown_outcome() {
    let mut config = ClientConfig::new([nobody().await, nobody().await]);
    config.retry.deadline = Duration::from_millis(500);
    let error = config.build().unwrap().delete_subject("s", false).await.unwrap_err();
    let ClientError::Unreachable(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("cannot connect"), "{text}");
}

#[tokio::test]
async fn a_refusal_is_final_and_typed() {
    let node = Straw::start("eu", vec![refused(409, 40901, "x-request-id: r1\r\n")]).await;
    let error = client(&[&node]).register("s", &NewSchema::avro("\"int\"")).await.unwrap_err();
    assert!(error.is_incompatible());
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status, refusal.code, refusal.request_id.as_deref()), (409, 40901, Some("r1")));
    assert_eq!(refusal.url, node.url);
    assert_eq!(node.asked().len(), 1);
}

#[tokio::test]
async fn a_node_that_is_silent_costs_one_attempt() {
    let silent = Straw::start("eu", vec![Act::Hang]).await;
    let well = Straw::start("eu", vec![found(3)]).await;
    let registry = client(&[&silent, &well]);
    let begun = Instant::now();
    assert_eq!(registry.schema_by_id(3).await.unwrap().id, 3);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // It is left alone now: the client sticks to the one that answered.
    registry.schema_by_id(4).await.unwrap();
    assert_eq!((silent.asked().len(), well.asked().len()), (1, 2));
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let node = Straw::start("eu", vec![refused(429, 429, "retry-after: 1\r\n"), found(3)]).await;
    client(&[&node]).schema_by_id(3).await.unwrap();
    let asked = node.asked();
    assert!(asked[1].at.duration_since(asked[0].at) >= Duration::from_secs(1), "{asked:?}");
    // Where it would end after the deadline, the call ends at once.
    let node = Straw::start("eu", vec![refused(429, 429, "retry-after: 60\r\n")]).await;
    let begun = Instant::now();
    let error = client(&[&node]).schema_by_id(3).await.unwrap_err();
    assert_eq!(error.code(), Some(429));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn the_own_region_is_asked_first_and_again_when_it_is_back() {
    let abroad = Straw::start("us", vec![found(1)]).await;
    let home = Straw::start("eu", vec![found(1)]).await;
    let mut config = config(&[&abroad, &home]);
    config.region = Some("eu".to_owned());
    config.cache.entries_max = 0;
    let registry = config.build().unwrap();
    // Regions are not configured: a measurement finds them out.
    registry.measure().await;
    assert_eq!(registry.nearest(), Some(home.url.clone()));
    registry.schema_by_id(1).await.unwrap();
    assert_eq!((abroad.asked().len(), home.asked().len()), (0, 1));
    let known = registry.nodes();
    assert_eq!(known[0].1.as_deref(), Some("us"));
    assert!(known.iter().all(|(_, _, round_trip)| round_trip.is_some()));
}

#[tokio::test]
async fn what_cannot_change_is_asked_once_and_equal_questions_are_one() {
    let node = Straw::start("eu", vec![found(3)]).await;
    let registry = client(&[&node]);
    let many: Vec<_> = (0..20).map(|_| registry.schema_by_id(3)).collect();
    assert!(futures::future::join_all(many).await.into_iter().all(|found| found.is_ok()));
    assert_eq!(node.asked().len(), 1);
    let schema = NewSchema::avro("\"int\"");
    for _ in 0..3 {
        registry.register("s", &schema).await.unwrap();
        registry.latest("s").await.unwrap();
        registry.version("s", "1").await.unwrap();
        registry.lookup("s", &schema, false).await.unwrap();
    }
    assert_eq!(node.asked().len(), 5, "{:?}", node.asked());
    assert_eq!(registry.cached(), 5);
    // Who names a level of freshness asks a node each time.
    let strict = registry.consistency("linearizable");
    strict.schema_by_id(3).await.unwrap();
    strict.schema_by_id(3).await.unwrap();
    assert_eq!(node.asked().len(), 7);
    assert_eq!(node.asked()[6].header("x-registry-consistency"), Some("linearizable"));
}

#[tokio::test]
async fn latest_is_believed_for_its_time_and_not_after_the_own_registration() {
    let node = Straw::start("eu", vec![found(3)]).await;
    let mut config = config(&[&node]);
    config.cache.latest_time = Duration::from_millis(50);
    let registry = config.build().unwrap();
    registry.latest("s").await.unwrap();
    registry.register("s", &NewSchema::avro("\"int\"")).await.unwrap();
    registry.latest("s").await.unwrap();
    assert_eq!(node.asked().len(), 3);
    let believed_until = Instant::now() + Duration::from_millis(60);
    tokio::time::sleep_until(believed_until.into()).await;
    registry.latest("s").await.unwrap();
    assert_eq!(node.asked().len(), 4);
}

#[tokio::test]
async fn reads_are_no_older_than_what_was_seen() {
    let node = Straw::start("eu", vec![found(3)]).await;
    let registry = client(&[&node]);
    registry.schema_by_id(3).await.unwrap();
    registry.schema_by_id(4).await.unwrap();
    let seen: Vec<_> =
        node.asked().iter().map(|asked| asked.header("x-registry-index").map(ToOwned::to_owned)).collect();
    assert_eq!(seen, [None, Some("7".to_owned())]);
}

#[tokio::test]
async fn credentials_go_with_every_request() {
    let node = Straw::start("eu", vec![found(3)]).await;
    let mut config = config(&[&node]);
    config.credentials = client::auth::Credentials::Basic { user: "ada".to_owned(), password: "x".to_owned() };
    config.build().unwrap().schema_by_id(3).await.unwrap();
    assert_eq!(node.asked()[0].header("authorization"), Some("Basic YWRhOng="));
}

#[tokio::test]
async fn an_answer_that_is_none_says_so() {
    let node = Straw::start("eu", vec![Act::Answer(200, "", "<html>".to_owned())]).await;
    let error = client(&[&node]).schema_by_id(3).await.unwrap_err();
    assert!(matches!(&error, ClientError::Answer { url, .. } if *url == node.url), "{error:?}");
    let node = Straw::start("eu", vec![Act::Answer(502, "", "<html>bad gateway".to_owned())]).await;
    let mut config = config(&[&node]);
    config.retry.attempts_max = 2;
    let error = config.build().unwrap().schema_by_id(3).await.unwrap_err();
    assert_eq!(error.code(), Some(502));
}
