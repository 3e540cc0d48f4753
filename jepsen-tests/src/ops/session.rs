//! Clients that follow their own writes: at their tokens, within a bound, and at the node that they wrote through.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Glimpse;
use super::family::{format_of, schema};
use super::shared::{BREATH, Shared};
use crate::client::{Api, Outcome};

/// The bound of a bounded read.
const BOUND: Duration = Duration::from_millis(1_000);

/// A client that stays with one node reads there what it wrote there, from the replica as it is.
async fn own_write(shared: &Shared, api: &Api, subject: &str, version: u32) {
    let Ok(answer) = api.local(&format!("/subjects/{subject}/versions/{version}")).send().await else { return };
    if answer.status >= 500 {
        return;
    }
    let seen = if answer.status == 200 { version } else { 0 };
    let (node, promise, index) = (api.node_id, "own".to_owned(), answer.index());
    let glimpse = Glimpse { node, subject: subject.to_owned(), promise, at_least: version, seen, token: 0, index };
    shared.seen(glimpse);
}

/// Registers through one node, then reads at another at its token, or later within a bound.
pub(crate) async fn run(shared: Arc<Shared>, process: u32) {
    let mut random = StdRng::seed_from_u64(shared.seed.wrapping_mul(20_000).wrapping_add(u64::from(process)));
    let subject = format!("s-{}-{process}-x", shared.seed % 1_000_000);
    let mut acknowledged: Vec<(Instant, u32)> = Vec::new();
    let mut content = 0;
    let mut token = 0;
    while !shared.stop.load(Ordering::Relaxed) {
        let api = shared.any_node(&mut random);
        if acknowledged.is_empty() || random.random_bool(0.3) {
            content += 3;
            let call = api.register(&subject, &schema(&subject, format_of(1), content));
            if let Outcome::Done(answer) = call.outcome().await {
                let version = answer.schema().version.unwrap_or(0);
                acknowledged.push((Instant::now(), version));
                token = token.max(answer.index());
                shared.count(true);
                own_write(&shared, &api, &subject, version).await;
            } else {
                shared.count(false);
                tokio::time::sleep(BREATH).await;
            }
            continue;
        }
        let bounded = random.random_bool(0.5);
        let begun = Instant::now();
        let promise = if bounded { format!("bounded:{}", BOUND.as_millis()) } else { format!("session:{token}") };
        let must = |(at, _): &&(Instant, u32)| !bounded || *at + BOUND < begun;
        let at_least = acknowledged.iter().rev().find(must).map_or(0, |(_, version)| *version);
        let call = api.get(&format!("/subjects/{subject}/versions")).header("X-Registry-Consistency", &promise);
        let answer = match call.send().await {
            Ok(answer) if answer.status == 200 || answer.status == 404 => answer,
            Ok(_) | Err(_) => {
                shared.count(false);
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let seen = if answer.status == 200 {
            answer.list().iter().filter_map(serde_json::Value::as_u64).max().unwrap_or(0)
        } else {
            0
        };
        shared.count(true);
        let glimpse = Glimpse {
            node: api.node_id,
            subject: subject.clone(),
            promise: if bounded { "bounded" } else { "session" }.to_owned(),
            at_least,
            seen: u32::try_from(seen).unwrap_or(u32::MAX),
            token: if bounded { 0 } else { token },
            index: answer.index(),
        };
        shared.seen(glimpse);
        if !shared.rest.is_zero() {
            tokio::time::sleep(shared.rest).await;
        }
    }
}
