//! The leader dies in the middle: no call fails, nothing that was acknowledged is lost, and a watch misses nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use client::{ClientConfig, NewSchema, RetryPolicy, Watch};

use super::support::{Cluster, until};

const WRITERS: usize = 6;
/// Registrations before the leader dies, and after.
const BEFORE: usize = 60;

fn schema(writer: usize, number: usize) -> NewSchema {
    NewSchema::avro(format!(r#"{{"type":"record","name":"R{writer}_{number}","namespace":"t","fields":[]}}"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_and_nothing_is_lost() {
    let mut cluster = Cluster::start(3).await;
    let mut config = ClientConfig::new(cluster.urls());
    config.retry = RetryPolicy {
        attempts_max: 200,
        attempt_time_max: Duration::from_secs(3),
        deadline: Duration::from_secs(60),
        ..RetryPolicy::default()
    };
    let registry = config.build().unwrap();
    let (done, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));

    let mut events = registry.watch(Watch {
        after: "0".to_owned(),
        kinds: vec!["schema.registered".to_owned()],
        ..Watch::default()
    });
    let all_seen = Arc::new(tokio::sync::Mutex::new(Vec::<(String, String)>::new()));
    let seen = all_seen.clone();
    let watching = tokio::spawn(async move {
        loop {
            let event = events.next().await.expect("a watch outlives a node");
            if !event.is_progress() {
                let subject = event.cloud_event["subject"].as_str().expect("an event has a subject").to_owned();
                seen.lock().await.push((event.token, subject));
            }
        }
    });

    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let (registry, done, stop) = (registry.clone(), done.clone(), stop.clone());
        writers.push(tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let subject = format!("w{writer}-{number}");
                let registered = registry.register(&subject, &schema(writer, number)).await;
                let registered = registered.unwrap_or_else(|error| panic!("{subject}: {error}"));
                assert_eq!(registered.version, Some(1), "{subject}");
                acknowledged.push((subject, registered.id));
                done.fetch_add(1, Ordering::Relaxed);
            }
            acknowledged
        }));
    }

    until("some registrations are done", || async { done.load(Ordering::Relaxed) >= BEFORE }).await;
    let leader = cluster.leader().await;
    cluster.kill(leader);
    let then = done.load(Ordering::Relaxed);
    until("as many again are done", || async { done.load(Ordering::Relaxed) >= then + BEFORE }).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = BTreeMap::new();
    for writer in writers {
        acknowledged.extend(writer.await.expect("no writer fails"));
    }
    assert!(acknowledged.len() >= 2 * BEFORE);
    let ids: BTreeSet<_> = acknowledged.values().collect();
    assert_eq!(ids.len(), acknowledged.len(), "an id is given once");

    // Whoever asks, on any node, finds each once, under the id that was acknowledged.
    cluster.spawn(leader, false);
    cluster.ready(leader).await;
    for id in 1..=3 {
        let fresh = ClientConfig::new([cluster.url(id)]).build().unwrap();
        for (subject, schema_id) in &acknowledged {
            assert_eq!(fresh.versions(subject, false).await.unwrap(), [1], "{subject} on node {id}");
            assert_eq!(fresh.latest(subject).await.unwrap().id, *schema_id, "{subject} on node {id}");
        }
    }

    until("the watch has come as far", || async { all_seen.lock().await.len() >= acknowledged.len() }).await;
    watching.abort();
    let seen = all_seen.lock().await;
    let subjects: BTreeSet<_> = seen.iter().map(|(_, subject)| subject).collect();
    assert_eq!(subjects, acknowledged.keys().collect::<BTreeSet<_>>(), "every event is there");
    let tokens: BTreeSet<_> = seen.iter().map(|(token, _)| token).collect();
    assert_eq!(tokens.len(), seen.len(), "no event comes twice");
}
