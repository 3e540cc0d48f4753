//! How far the state has come, for those who wait for it.
//!
//! Each waiter names the index that it needs, and is woken once, when that is reached: with thousands of sessions and confirmed
//! reads under way, an entry must not wake everybody who waits for a later one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

/// Nobody waits.
const NOBODY: u64 = u64::MAX;

/// The applied index. Cheap to clone; one writer.
#[derive(Debug, Clone)]
pub struct AppliedIndex {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    index: AtomicU64,
    /// The lowest index that somebody waits for.
    soonest: AtomicU64,
    waiting: Mutex<Waiting>,
    /// For those who follow every step: watches of events.
    followed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the index that is waited for; the number tells equal ones apart.
    by_index: BTreeMap<(u64, u64), oneshot::Sender<()>>,
    next: u64,
}

impl Waiting {
    fn soonest(&self) -> u64 {
        self.by_index.first_key_value().map_or(NOBODY, |((index, _), _)| *index)
    }
}

impl AppliedIndex {
    /// Begins at an index.
    pub fn new(index: u64) -> Self {
        Self {
            inner: Arc::new(Inner {
                index: AtomicU64::new(index),
                soonest: AtomicU64::new(NOBODY),
                waiting: Mutex::default(),
                followed: watch::Sender::new(index),
            }),
        }
    }

    /// The index now. What it shows can be read.
    pub fn get(&self) -> u64 {
        self.inner.index.load(Ordering::SeqCst)
    }

    /// What is applied can be read now: wakes those who waited for that, and nobody else.
    pub fn set(&self, index: u64) {
        let inner = &*self.inner;
        inner.index.store(index, Ordering::SeqCst);
        inner.followed.send_replace(index);
        // Either this sees the waiter, or the waiter sees the index: both write first and look afterwards.
        if inner.soonest.load(Ordering::SeqCst) > index {
            return;
        }
        let reached = {
            let mut waiting = inner.waiting.lock();
            let later = waiting.by_index.split_off(&(index.saturating_add(1), 0));
            let reached = std::mem::replace(&mut waiting.by_index, later);
            inner.soonest.store(waiting.soonest(), Ordering::SeqCst);
            reached
        };
        for waiter in reached.into_values() {
            // Whoever waited may have given up.
            let _gone = waiter.send(());
        }
    }

    /// Waits until the index is reached.
    pub async fn advance_to(&self, index: u64) {
        if self.get() >= index {
            return;
        }
        let (reached, waiting) = oneshot::channel();
        let place = self.wait_at(index, reached);
        if self.get() < index {
            // It is always sent to: the sender lies here until the index is reached.
            let _reached = waiting.await;
        }
        drop(place);
    }

    /// Follows every step.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.inner.followed.subscribe()
    }

    fn wait_at(&self, index: u64, reached: oneshot::Sender<()>) -> Place<'_> {
        let mut waiting = self.inner.waiting.lock();
        let key = (index, waiting.next);
        waiting.next += 1;
        waiting.by_index.insert(key, reached);
        self.inner.soonest.store(waiting.soonest(), Ordering::SeqCst);
        Place { inner: &self.inner, key }
    }
}

/// Given up when it is dropped, so that those who no longer wait leave nothing behind.
struct Place<'a> {
    inner: &'a Inner,
    key: (u64, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut waiting = self.inner.waiting.lock();
        if waiting.by_index.remove(&self.key).is_some() {
            self.inner.soonest.store(waiting.soonest(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Wake, Waker};

    use super::*;

    /// Counts how often somebody was woken.
    #[derive(Default)]
    struct Wakes(AtomicU64);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_entry_wakes_those_who_wait_for_it_once_and_nobody_else() {
        const WAITERS: u64 = 1_000;
        let applied = AppliedIndex::new(0);
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut waiters: Vec<_> = (1..=WAITERS).map(|index| (index, Box::pin(applied.advance_to(index)))).collect();
        for (index, waiter) in &mut waiters {
            assert!(waiter.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "{index}");
        }
        for index in 1..=WAITERS {
            applied.set(index);
            assert_eq!(wakes.0.load(Ordering::SeqCst), index, "one more at each entry");
        }
        for (index, waiter) in &mut waiters {
            assert_eq!(waiter.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(()), "{index}");
        }
    }

    #[test]
    fn who_gives_up_leaves_nothing_behind() {
        let applied = AppliedIndex::new(3);
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut early = pin!(applied.advance_to(7));
            let mut late = pin!(applied.advance_to(9));
            assert!(early.as_mut().poll(&mut context).is_pending());
            assert!(late.as_mut().poll(&mut context).is_pending());
            assert_eq!(applied.inner.soonest.load(Ordering::SeqCst), 7);
        }
        assert!(applied.inner.waiting.lock().by_index.is_empty());
        assert_eq!(applied.inner.soonest.load(Ordering::SeqCst), NOBODY);
        assert_eq!(pin!(applied.advance_to(3)).poll(&mut context), Poll::Ready(()));
    }

    #[test]
    fn nobody_who_waits_while_it_moves_is_forgotten() {
        let applied = AppliedIndex::new(0);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
        runtime.block_on(async {
            let waiters: Vec<_> = (0..2_000_u64)
                .map(|number| {
                    let applied = applied.clone();
                    tokio::spawn(async move { applied.advance_to(number % 500 + 1).await })
                })
                .collect();
            for index in 1..=500 {
                applied.set(index);
                tokio::task::yield_now().await;
            }
            for waiter in waiters {
                waiter.await.expect("no waiter panics");
            }
        });
    }
}
