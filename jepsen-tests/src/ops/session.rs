//! Processes that follow their own writes: at their session tokens, within a bound on staleness, and at the node that they wrote
//! through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::context::{BACKOFF_MIN, ClientContext};
use super::family::{format_of, schema};
use super::names::{self, Owner};
use super::{Guarantee, SessionRead};
use crate::client::{Answer, Api, Outcome};
use crate::history::Recorder;

/// Bounds of bounded reads: below, about and above the second at which an idle node asks for a confirmed index by itself.
const BOUNDS: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(300), Duration::from_millis(1_000), Duration::from_millis(5_000)];

/// What one process knows of its own subject.
#[derive(Debug, Default)]
struct OwnWrites {
    /// When a version was acknowledged, the version, and the index of the acknowledgement, oldest first.
    acknowledged: Vec<(Instant, u32, u64)>,
}

impl OwnWrites {
    /// The newest version that was acknowledged before a moment.
    fn newest_before(&self, moment: Instant) -> u32 {
        let found = self.acknowledged.iter().rev().find(|(at, ..)| *at < moment);
        found.map_or(0, |(_, version, _)| *version)
    }

    /// A read that the process may do next: its guarantee, the header, and the token.
    fn choose_read(&self, random: &mut StdRng) -> (Guarantee, String, u64, Option<Duration>) {
        match random.random_range(0..10) {
            0..4 => {
                let bound = BOUNDS[random.random_range(0..BOUNDS.len())];
                (Guarantee::Bounded, format!("bounded:{}", bound.as_millis()), 0, Some(bound))
            }
            4..8 => {
                // Mostly the newest token; an older one promises less, and must be kept as well.
                let newest = self.acknowledged.len() - 1;
                let chosen = if random.random_bool(0.7) { newest } else { random.random_range(0..=newest) };
                let token = self.acknowledged[..=chosen].iter().map(|(.., index)| *index).max().unwrap_or(0);
                (Guarantee::Session, format!("session:{token}"), token, None)
            }
            _ => (Guarantee::Default, "default".to_owned(), 0, None),
        }
    }

    /// The version that a read at a token must show at least.
    fn newest_at(&self, token: u64) -> u32 {
        let covered = self.acknowledged.iter().filter(|(.., index)| *index <= token);
        covered.map(|(_, version, _)| *version).max().unwrap_or(0)
    }
}

/// A process that stays with one node reads there what it wrote there, from the replica as it is.
async fn read_own_write(
    context: &ClientContext,
    api: &Api,
    subject: &str,
    version: u32,
    reads: &Recorder<SessionRead>,
) {
    let sent = context.now_ns();
    let Ok(answer) = api.local(&format!("/subjects/{subject}/versions/{version}")).send().await else { return };
    if answer.status >= 500 {
        return;
    }
    context.note_age(api.node_id, sent, &answer);
    let seen = if answer.status == 200 { version } else { 0 };
    let (node, index, subject) = (api.node_id, answer.index(), subject.to_owned());
    reads.record(SessionRead {
        node,
        subject,
        guarantee: Guarantee::OwnWrite,
        at_least: version,
        seen,
        token: 0,
        index,
    });
}

/// The highest version of a list; 0 for a subject that is not found.
fn highest_version(answer: &Answer) -> u32 {
    if answer.status != 200 {
        return 0;
    }
    let highest = answer.list().iter().filter_map(serde_json::Value::as_u64).max().unwrap_or(0);
    u32::try_from(highest).unwrap_or(u32::MAX)
}

/// Registers through one node, then reads at another at a token, within a bound, or at the default level.
pub(crate) async fn run_process(context: Arc<ClientContext>, reads: Recorder<SessionRead>, process: u32) {
    let mut random = StdRng::seed_from_u64(context.seed().wrapping_mul(20_000).wrapping_add(u64::from(process)));
    let subject = names::object_name(Owner::Session, context.seed(), process, 0);
    let mut own = OwnWrites::default();
    let mut content = 0;
    while !context.is_stopped() {
        let api = context.any_node(&mut random);
        let begun = Instant::now();
        let sent = context.now_ns();
        if own.acknowledged.is_empty() || random.random_bool(0.3) {
            content += 3;
            let call = api.register(&subject, &schema(&subject, format_of(1), content));
            let outcome = call.outcome().await;
            context.count_completion(matches!(outcome, Outcome::Done(_)));
            if let Outcome::Done(answer) = outcome {
                let version = answer.schema().version.unwrap_or(0);
                own.acknowledged.push((Instant::now(), version, answer.index()));
                read_own_write(&context, &api, &subject, version, &reads).await;
            } else {
                tokio::time::sleep(BACKOFF_MIN).await;
            }
            continue;
        }
        let (guarantee, level, token, bound) = own.choose_read(&mut random);
        let at_least = match guarantee {
            Guarantee::Session => own.newest_at(token),
            // `begun - bound` cannot be represented on a machine that has just started: then nothing is that old.
            Guarantee::Bounded => {
                bound.and_then(|bound| begun.checked_sub(bound)).map_or(0, |moment| own.newest_before(moment))
            }
            Guarantee::Default | Guarantee::OwnWrite => own.newest_before(begun),
        };
        let call = api.get(&format!("/subjects/{subject}/versions")).header("X-Registry-Consistency", &level);
        let answer = match call.send().await {
            Ok(answer) if answer.status == 200 || answer.status == 404 => answer,
            Ok(_) | Err(_) => {
                context.count_completion(false);
                tokio::time::sleep(BACKOFF_MIN).await;
                continue;
            }
        };
        context.note_age(api.node_id, sent, &answer);
        context.count_completion(true);
        reads.record(SessionRead {
            node: api.node_id,
            subject: subject.clone(),
            guarantee,
            at_least,
            seen: highest_version(&answer),
            token,
            index: answer.index(),
        });
        context.rest_between().await;
    }
}
