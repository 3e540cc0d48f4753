//! Watching events while leaders are killed: every way of watching gives what the log has, without a gap or a repetition.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::collections::{BTreeMap, BTreeSet};

use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::native::{EventStream, Transport, WatchedEvent, by, error_code, native};
use jepsen_tests::workload::Workload;
use jepsen_tests::{dump, seed, verify};
use proto::v1;
use tokio::sync::watch;

const KILLS: usize = 3;
const CLIENTS: usize = 4;
/// Acknowledged registrations between two faults.
const PROGRESS: usize = 40;

/// Changes a policy that nothing here depends on, and gives the index of that change's one event.
async fn mark(grpc: &str) -> u64 {
    let policy = v1::Policy { approvals: Some(3), ..v1::Policy::default() };
    let request = v1::SetPolicyRequest { scope: "marker".to_owned(), policy: Some(policy) };
    native(grpc).set_policy(by("admin", request)).await.unwrap().into_inner().revision
}

/// One watcher for ever: goes on at its token through the next node when its stream breaks.
async fn follow(
    way: Transport,
    nodes: Vec<(String, String)>,
    mut seen: Vec<WatchedEvent>,
    end: watch::Receiver<Option<String>>,
) -> (Vec<WatchedEvent>, usize) {
    let mut token = "0".to_owned();
    let mut breaks = 0;
    loop {
        let (http, grpc) = &nodes[breaks % nodes.len()];
        let mut watch = match EventStream::open(way, http, grpc, &token).await {
            Ok(watch) => watch,
            Err(_) => {
                breaks += 1;
                // A node that is down refuses at once: without a breath the watcher would spin.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        while let Ok(next) = watch.next().await {
            token.clone_from(&watch.token);
            seen.extend(next);
            if let (Some(end), Some(last)) = (end.borrow().as_ref(), seen.last())
                && last.id == *end
            {
                return (seen, breaks);
            }
        }
        breaks += 1;
    }
}

/// All that a node retains, up to the event with this id.
async fn replay(way: Transport, http: &str, grpc: &str, end: &str) -> Vec<WatchedEvent> {
    let mut watch = EventStream::open(way, http, grpc, "0").await.unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last: &WatchedEvent| last.id != end) {
        seen.extend(watch.next().await.unwrap());
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_see_every_event_once_while_leaders_are_killed() {
    let (seed, _) = seed::generator("events");
    let mut cluster = Cluster::start(Spec::of(3)).await;
    cluster.api(1).allow_everything().await;
    let nodes: Vec<_> =
        cluster.ids().into_iter().map(|id| (cluster.api(id).address, cluster.grpc_address(id))).collect();
    let (ended, end) = watch::channel(None);
    let mut watchers = Vec::new();
    for (place, way) in [
        Transport::Grpc,
        Transport::ServerSent,
        Transport::WebSocket,
        Transport::Grpc,
        Transport::ServerSent,
        Transport::WebSocket,
    ]
    .into_iter()
    .enumerate()
    {
        let mut nodes = nodes.clone();
        nodes.rotate_left(place % 3);
        watchers.push((way, tokio::spawn(follow(way, nodes, Vec::new(), end.clone()))));
    }
    let workload = Workload::start(cluster.apis(), CLIENTS, seed);
    for _ in 0..KILLS {
        workload.progress(PROGRESS).await;
        let leader = cluster.leader().await;
        cluster.kill(leader);
        workload.progress(PROGRESS).await;
        cluster.restart(leader).await;
    }
    let history = workload.stop().await;
    // The last event tells the watchers where to stop.
    let end = format!("{}.0", mark(&cluster.grpc_address(1)).await);
    ended.send_replace(Some(end.clone()));
    verify::all_nodes(&cluster, &history).await;

    let mut expected: Option<Vec<WatchedEvent>> = None;
    for (http, grpc) in &nodes {
        for way in [Transport::Grpc, Transport::ServerSent, Transport::WebSocket] {
            let seen = replay(way, http, grpc, &end).await;
            assert_eq!(*expected.get_or_insert_with(|| seen.clone()), seen, "{http} by {way:?}");
        }
    }
    let expected = expected.unwrap();
    let mut resumed = 0;
    for (way, watcher) in watchers {
        let (seen, breaks) = watcher.await.unwrap();
        resumed += breaks;
        assert_eq!(seen, expected, "{way:?} after {breaks} breaks");
    }
    assert!(resumed > 0, "no watcher was ever interrupted: the test shows nothing");
    // Events equal the log: each version that is there was told of exactly once.
    let registered: Vec<_> = expected.iter().filter(|seen| seen.kind == "schema.registered").collect();
    let held = dump::local(&cluster.api(1)).await;
    let mut by_subject: BTreeMap<&str, usize> = BTreeMap::new();
    held.keys().for_each(|(subject, _)| *by_subject.entry(subject).or_default() += 1);
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    registered.iter().for_each(|seen| *told.entry(&seen.subject).or_default() += 1);
    assert_eq!(told, by_subject);
    let ids: BTreeSet<_> = expected.iter().map(|seen| &seen.id).collect();
    assert_eq!(ids.len(), expected.len(), "an id occurs twice");
    eprintln!("{} events over six watchers, {resumed} interruptions, {KILLS} leader kills", expected.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slower_than_the_retention_is_told_so_and_goes_on() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let (http, grpc) = (cluster.api(1).address, cluster.grpc_address(1));
    let mut client = native(&grpc);
    let policy = v1::Policy { event_count_max: Some(3), ..v1::Policy::default() };
    let request = v1::SetPolicyRequest { scope: ":.__GLOBAL:".to_owned(), policy: Some(policy) };
    client.set_policy(by("admin", request)).await.unwrap();
    let mut last = 0;
    for _ in 0..10 {
        last = mark(&grpc).await;
    }
    let request = v1::WatchRequest { after: "1".to_owned(), ..v1::WatchRequest::default() };
    let status = client.watch(request).await.expect_err("the events are gone");
    assert_eq!((error_code(&status), status.code()), (41_051, tonic::Code::OutOfRange), "{status}");
    let token = status.message().rsplit(' ').next().expect("the message ends with the token").to_owned();
    for (way, after) in
        [(Transport::Grpc, token.as_str()), (Transport::ServerSent, token.as_str()), (Transport::WebSocket, "0")]
    {
        let mut watch = EventStream::open(way, &http, &grpc, after).await.unwrap();
        let mut seen = Vec::new();
        while seen.last().is_none_or(|seen: &WatchedEvent| seen.id != format!("{last}.0")) {
            seen.extend(watch.next().await.unwrap());
        }
        assert_eq!(seen.len(), 3, "{way:?}: what is retained, and no more");
    }
    // A cursor is kept by the cluster and goes forward only.
    let cursor = |token: u64| v1::Cursor { name: "webhook-1".to_owned(), token: format!("{token}.0") };
    assert_eq!(client.move_cursor(by("hook", cursor(last))).await.unwrap().into_inner().token, format!("{last}.0"));
    assert_eq!(client.move_cursor(by("hook", cursor(last - 1))).await.unwrap().into_inner().token, format!("{last}.0"));
    let found = client.get_cursor(v1::GetCursorRequest { name: "webhook-1".to_owned() }).await.unwrap().into_inner();
    assert_eq!(found.token, format!("{last}.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_lets_through_what_it_names() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    let mut client = native(&cluster.grpc_address(1));
    for subject in ["a", "b", ":.team:a"] {
        let path = format!("/subjects/{}/versions", jepsen_tests::client::segment(subject));
        api.post(&path).json(&serde_json::json!({"schema": "\"string\""})).send().await.unwrap().good();
        api.put(&format!("/config/{}", jepsen_tests::client::segment(subject)))
            .json(&serde_json::json!({"compatibility": "FULL"}))
            .send()
            .await
            .unwrap()
            .good();
    }
    let marker = mark(&cluster.grpc_address(1)).await;
    for (subject, context, kinds, expected) in [
        ("", "", vec!["schema.registered"], 3),
        ("a", "", vec![], 2),
        (":.team:a", "", vec!["config.changed"], 1),
        ("", ".team", vec![], 2),
        ("", "", vec!["subject.deleted"], 0),
    ] {
        let request = v1::WatchRequest {
            after: "0".to_owned(),
            kinds: kinds.iter().map(ToString::to_string).collect(),
            subject: subject.to_owned(),
            context: context.to_owned(),
        };
        let mut stream = client.watch(request).await.unwrap().into_inner();
        let mut count = 0;
        // A progress message comes even where nothing passes the filter: its token is past what was looked at.
        loop {
            let next = stream.message().await.unwrap().unwrap();
            match next.event {
                Some(_) => count += 1,
                None => {
                    let at: u64 = next.token.split('.').next().unwrap().parse().unwrap();
                    assert!(at >= marker, "progress tells the place: {}", next.token);
                    break;
                }
            }
        }
        assert_eq!(count, expected, "{subject:?} {context:?} {kinds:?}");
    }
}
