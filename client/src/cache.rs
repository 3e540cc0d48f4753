//! A bounded cache, and one flight for equal questions. Bounded in entries and in bytes; the least recently used goes first.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use crate::ClientError;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    good_until: Option<Instant>,
    used: u64,
}

/// Values by key; each with its size and, where it may change, the moment until which it is believed.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Keys by when they were used last.
    by_use: BTreeMap<u64, K>,
    clock: u64,
    bytes: usize,
    entries_max: usize,
    bytes_max: usize,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self { entries: HashMap::new(), by_use: BTreeMap::new(), clock: 0, bytes: 0, entries_max, bytes_max }
    }

    pub(crate) fn get(&mut self, key: &K, now: Instant) -> Option<V> {
        let entry = self.entries.get_mut(key)?;
        if entry.good_until.is_some_and(|until| until <= now) {
            self.remove(key);
            return None;
        }
        self.by_use.remove(&entry.used);
        self.clock += 1;
        entry.used = self.clock;
        self.by_use.insert(self.clock, key.clone());
        Some(entry.value.clone())
    }

    pub(crate) fn put(&mut self, key: K, value: V, bytes: usize, good_until: Option<Instant>) {
        self.remove(&key);
        if self.entries_max == 0 || bytes > self.bytes_max {
            return;
        }
        self.clock += 1;
        self.bytes += bytes;
        self.by_use.insert(self.clock, key.clone());
        self.entries.insert(key, Entry { value, bytes, good_until, used: self.clock });
        while self.entries.len() > self.entries_max || self.bytes > self.bytes_max {
            let Some((_, oldest)) = self.by_use.pop_first() else { return };
            if let Some(entry) = self.entries.remove(&oldest) {
                self.bytes -= entry.bytes;
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
            self.bytes -= entry.bytes;
        }
    }

    /// Takes out what a change made doubtful.
    pub(crate) fn remove_where(&mut self, is_doubtful: impl Fn(&K) -> bool) {
        let doubtful: Vec<K> = self.entries.keys().filter(|key| is_doubtful(key)).cloned().collect();
        doubtful.iter().for_each(|key| self.remove(key));
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

type Flight<V> = Shared<BoxFuture<'static, Result<V, ClientError>>>;

/// Equal questions that are asked at once become one request.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    under_way: Arc<Mutex<HashMap<K, Flight<V>>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { under_way: Arc::default() }
    }
}

impl<K, V> Flights<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The answer to a question: of the flight that is under way, or of a new one. The flight goes on if who began it
    /// loses interest while others wait.
    pub(crate) async fn join(
        &self,
        key: K,
        ask: impl Future<Output = Result<V, ClientError>> + Send + 'static,
    ) -> Result<V, ClientError> {
        let flight = {
            let mut under_way = locked(&self.under_way);
            match under_way.get(&key) {
                Some(flight) => flight.clone(),
                None => {
                    let flight = ask.boxed().shared();
                    under_way.insert(key.clone(), flight.clone());
                    flight
                }
            }
        };
        // Whoever is dropped while waiting must not leave a finished or orphaned flight behind.
        let _landing = Landing { flights: self.under_way.clone(), key, flight: flight.clone() };
        flight.await
    }
}

struct Landing<K: Eq + Hash, V: Clone> {
    flights: Arc<Mutex<HashMap<K, Flight<V>>>>,
    key: K,
    flight: Flight<V>,
}

impl<K: Eq + Hash, V: Clone> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut under_way = locked(&self.flights);
        // This landing and the table hold one each; a third one is somebody who still waits.
        let is_over = self.flight.peek().is_some() || self.flight.strong_count().is_none_or(|count| count <= 3);
        let is_same = under_way.get(&self.key).is_some_and(|flight| flight.ptr_eq(&self.flight));
        if is_over && is_same {
            under_way.remove(&self.key);
        }
    }
}

/// A lock whose holder panicked still protects whole data: every change here is one call.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_believed_for_a_while_is_forgotten() {
        let mut cache = Cache::new(10, 100);
        let now = Instant::now();
        cache.put("a", 1, 1, Some(now + Duration::from_secs(1)));
        cache.put("b", 2, 1, None);
        assert_eq!(cache.get(&"a", now), Some(1));
        assert_eq!(cache.get(&"a", now + Duration::from_secs(1)), None);
        assert_eq!(cache.get(&"b", now + Duration::from_secs(10_000)), Some(2));
        cache.remove_where(|key| *key == "b");
        assert_eq!(cache.len(), 0);
    }

    #[derive(Debug, Clone)]
    enum Act {
        Put(u8, usize),
        Get(u8),
        Remove(u8),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            (0u8..12, 0usize..40).prop_map(|(key, bytes)| Act::Put(key, bytes)),
            (0u8..12).prop_map(Act::Get),
            (0u8..12).prop_map(Act::Remove),
        ];
        prop::collection::vec(act, 0..200)
    }

    proptest! {
        /// Against a model: a list in order of use, from which the oldest go until the bounds hold.
        #[test]
        fn the_least_recently_used_goes_first(acts in acts()) {
            let (entries_max, bytes_max) = (5, 60);
            let mut cache = Cache::new(entries_max, bytes_max);
            let mut model: Vec<(u8, usize)> = Vec::new();
            let now = Instant::now();
            for act in acts {
                match act {
                    Act::Put(key, bytes) => {
                        cache.put(key, bytes, bytes, None);
                        model.retain(|(known, _)| *known != key);
                        model.push((key, bytes));
                        while model.len() > entries_max || model.iter().map(|(_, bytes)| bytes).sum::<usize>() > bytes_max {
                            model.remove(0);
                        }
                    }
                    Act::Get(key) => {
                        let position = model.iter().position(|(known, _)| *known == key);
                        let expected = position.map(|position| {
                            let entry = model.remove(position);
                            model.push(entry);
                            entry.1
                        });
                        prop_assert_eq!(cache.get(&key, now), expected);
                    }
                    Act::Remove(key) => {
                        cache.remove(&key);
                        model.retain(|(known, _)| *known != key);
                    }
                }
                prop_assert_eq!(cache.len(), model.len());
                prop_assert_eq!(cache.bytes, model.iter().map(|(_, bytes)| bytes).sum::<usize>());
                prop_assert_eq!(cache.by_use.len(), model.len());
            }
        }
    }

    #[tokio::test]
    async fn equal_questions_at_once_are_one_request() {
        let flights: Arc<Flights<u8, usize>> = Arc::default();
        let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
        let ask = |flights: Arc<Flights<u8, usize>>| {
            let (asked, gate) = (asked.clone(), gate.clone());
            async move {
                let question = async move {
                    let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
                    gate.notified().await;
                    Ok(number)
                };
                flights.join(7, question).await
            }
        };
        let mut all: Vec<_> = (0..20).map(|_| Box::pin(ask(flights.clone()))).collect();
        let mut first = all.remove(0);
        assert!(futures::poll!(&mut first).is_pending());
        for other in &mut all {
            assert!(futures::poll!(other).is_pending());
        }
        // Whoever began it goes away; the others get their answer.
        drop(first);
        gate.notify_one();
        for other in all {
            assert_eq!(other.await, Ok(1));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(locked(&flights.under_way).is_empty());
        // Later questions ask again.
        gate.notify_one();
        assert_eq!(ask(flights).await, Ok(2));
    }

    #[tokio::test]
    async fn a_question_that_everybody_dropped_is_asked_again() {
        let flights: Flights<u8, u8> = Flights::default();
        let mut abandoned = Box::pin(flights.join(1, futures::future::pending()));
        assert!(futures::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        assert!(locked(&flights.under_way).is_empty());
        assert_eq!(flights.join(1, async { Ok(5) }).await, Ok(5));
    }
}
