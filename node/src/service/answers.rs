//! Answers that are kept as they go out, bounded by their bytes.
//!
//! What is kept is a copy and decides nothing: who gives an answer again asks [`super::Service::still_holds`] first, which compares
//! what the answer rests on with what has changed since. So nothing is removed when the state changes; an answer that no
//! longer holds is replaced when somebody asks for it, or goes when its place is needed.
//!
//! A hit takes the shared lock of one of many shards for the time of a look-up, copies a pointer, and never writes but for the
//! mark of its first use in a round.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use prometheus_client::metrics::gauge::Gauge;

/// More than there are cores in a machine, so that they rarely meet.
const SHARDS: usize = 64;
/// What an answer takes beside its own bytes and twice its question: the entry, the place in the round, two allocations.
const ENTRY_BYTES: usize = 200;

/// Answers by their questions.
pub struct Answers<V> {
    shards: Vec<RwLock<Shard<V>>>,
    hasher: RandomState,
    shard_bytes_max: usize,
    /// The bytes of all caches of the node together.
    bytes: Gauge,
}

impl<V> std::fmt::Debug for Answers<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("bytes", &self.bytes.get()).finish_non_exhaustive()
    }
}

struct Shard<V> {
    by_question: HashMap<Arc<str>, Entry<V>>,
    /// Every question once, in the order in which they are looked at when room is needed.
    round: VecDeque<Arc<str>>,
    bytes: usize,
}

struct Entry<V> {
    answer: Arc<V>,
    weight: usize,
    /// Was it asked for since it was last looked at?
    is_used: AtomicBool,
}

impl<V> Answers<V> {
    /// Room for so many bytes; `bytes` counts those in use.
    pub fn new(bytes_max: usize, bytes: Gauge) -> Self {
        let shard = || Shard { by_question: HashMap::new(), round: VecDeque::new(), bytes: 0 };
        Self {
            shards: (0..SHARDS).map(|_| RwLock::new(shard())).collect(),
            hasher: RandomState::new(),
            shard_bytes_max: bytes_max / SHARDS,
            bytes,
        }
    }

    fn shard_of(&self, question: &str) -> &RwLock<Shard<V>> {
        let hash = self.hasher.hash_one(question);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }

    /// The answer to a question, if it is kept. It need not hold any more.
    pub fn get(&self, question: &str) -> Option<Arc<V>> {
        let shard = self.shard_of(question).read();
        let entry = shard.by_question.get(question)?;
        if !entry.is_used.load(Ordering::Relaxed) {
            entry.is_used.store(true, Ordering::Relaxed);
        }
        Some(entry.answer.clone())
    }

    /// Keeps an answer of so many bytes, in the place of an earlier one to the same question. What nobody has asked for lately
    /// makes room for it. One that would fill a shard by itself is not kept.
    pub fn put_answer(&self, question: &str, answer: V, bytes: usize) {
        let weight = bytes + 2 * question.len() + ENTRY_BYTES;
        if weight > self.shard_bytes_max / 4 {
            return;
        }
        let entry = Entry { answer: Arc::new(answer), weight, is_used: AtomicBool::new(false) };
        let mut shard = self.shard_of(question).write();
        let before = shard.bytes;
        let question: Arc<str> = question.into();
        shard.bytes += weight;
        match shard.by_question.insert(question.clone(), entry) {
            Some(replaced) => shard.bytes -= replaced.weight,
            None => shard.round.push_back(question),
        }
        shard.make_room(self.shard_bytes_max);
        let grown = i64::try_from(shard.bytes).unwrap_or(0) - i64::try_from(before).unwrap_or(0);
        self.bytes.inc_by(grown);
    }
}

impl<V> Shard<V> {
    fn make_room(&mut self, bytes_max: usize) {
        // Every question is passed over once at most, so this ends after two rounds.
        while self.bytes > bytes_max {
            let Some(question) = self.round.pop_front() else { return };
            let Some(entry) = self.by_question.get(&question) else { continue };
            if entry.is_used.swap(false, Ordering::Relaxed) {
                self.round.push_back(question);
            } else {
                self.bytes -= entry.weight;
                self.by_question.remove(&question);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_bytes_are_bounded() {
        let (bytes_max, gauge) = (SHARDS * 10_000, Gauge::default());
        let answers = Answers::new(bytes_max, gauge.clone());
        answers.put_answer("wanted", 0, 500);
        for number in 1..10_000 {
            answers.put_answer(&format!("/schemas/ids/{number}"), number, 500);
            assert_eq!(answers.get("wanted").as_deref(), Some(&0), "after {number}");
            assert!(usize::try_from(gauge.get()).unwrap() <= bytes_max);
        }
        let kept = (1..10_000).filter(|number| answers.get(&format!("/schemas/ids/{number}")).is_some()).count();
        assert!((500..1_000).contains(&kept), "{kept}");
    }

    #[test]
    fn an_answer_takes_the_place_of_the_earlier_one() {
        let gauge = Gauge::default();
        let answers = Answers::new(SHARDS * 10_000, gauge.clone());
        answers.put_answer("q", 1, 100);
        let one = gauge.get();
        answers.put_answer("q", 2, 100);
        assert_eq!((answers.get("q").as_deref(), gauge.get()), (Some(&2), one));
        answers.put_answer("large", 3, 10_000);
        assert_eq!(answers.get("large"), None);
        assert_eq!(answers.get("other"), None);
    }
}
