//! The connections of one listener: how many there may be, which of them must end, how many there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::activity::{Activity, Cause, Patience, Verdict, judge_marks, rest_since};
use super::clockwork::Clockwork;

/// A connection that was told to finish is cut after this, if nothing is under way on it.
const FINISH_TIME_MAX: Duration = Duration::from_secs(2);

/// The connections of one listener. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    count_max: usize,
    patience: Patience,
    clock: Arc<Clockwork>,
    draining: AtomicBool,
    /// Taken when a connection begins or ends, and by the watch: never on the way of a request.
    open: Mutex<Open>,
    freed: Notify,
    closed: [AtomicU64; Cause::ALL.len()],
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: BTreeMap<u64, Arc<Activity>>,
}

impl Connections {
    /// At most this many connections, with this much patience.
    pub fn new(count_max: usize, patience: Patience) -> Self {
        let inner = Inner {
            count_max: count_max.max(1),
            patience,
            clock: Arc::new(Clockwork::start()),
            draining: AtomicBool::new(false),
            open: Mutex::default(),
            freed: Notify::new(),
            closed: Default::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How many there may be.
    pub fn count_max(&self) -> usize {
        self.inner.count_max
    }

    /// How many there are.
    pub fn open_count(&self) -> usize {
        self.inner.open.lock().connections.len()
    }

    /// How many this node closed for this reason.
    pub fn closed_by(&self, cause: Cause) -> u64 {
        self.counter_of(cause).load(Ordering::Relaxed)
    }

    /// This node closed one more for this reason.
    pub(super) fn count_closed(&self, cause: Cause) {
        self.counter_of(cause).fetch_add(1, Ordering::Relaxed);
    }

    fn counter_of(&self, cause: Cause) -> &AtomicU64 {
        let [handshake, head, idle, write, crowded] = &self.inner.closed;
        match cause {
            Cause::Handshake => handshake,
            Cause::Head => head,
            Cause::Idle => idle,
            Cause::Write => write,
            Cause::Crowded => crowded,
        }
    }

    /// From now on every answer asks its client to come back on another connection.
    pub(super) fn begin_drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }

    /// A place for one more connection; none if all are taken. Then the one that has rested longest is asked to go, and
    /// [`Connections::place_freed`] tells when to try again.
    pub(super) fn try_enter(&self) -> Option<Place> {
        let mut open = self.inner.open.lock();
        if open.connections.len() >= self.inner.count_max {
            // One that was asked to go gives its place back in a moment.
            if !open.connections.values().any(|activity| activity.is_cut()) {
                let resting =
                    open.connections.values().filter_map(|activity| Some((rest_since(activity.marks())?, activity)));
                if let Some((_, activity)) = resting.min_by_key(|(rest, _)| *rest) {
                    activity.cut_off();
                    self.counter_of(Cause::Crowded).fetch_add(1, Ordering::Relaxed);
                }
            }
            return None;
        }
        let activity = Arc::new(Activity::begin(self.inner.clock.clone()));
        let number = open.next;
        open.next += 1;
        open.connections.insert(number, activity.clone());
        Some(Place { number, activity, connections: self.clone() })
    }

    /// Waits until a place may be free.
    pub(super) async fn place_freed(&self) {
        self.inner.freed.notified().await;
    }

    /// Looks at every connection; to be called a few times a second.
    pub(super) fn look_at_all(&self) {
        self.look_at(self.inner.clock.elapsed());
    }

    fn look_at(&self, now: u64) {
        let Inner { clock, patience, open, .. } = &*self.inner;
        clock.set(now);
        let finish_ms = u64::try_from(FINISH_TIME_MAX.as_millis()).unwrap_or(u64::MAX);
        for activity in open.lock().connections.values() {
            let count = |cause| self.counter_of(cause).fetch_add(1, Ordering::Relaxed);
            let marks = activity.marks();
            match judge_marks(marks, now, *patience) {
                Verdict::Cut(cause) if !activity.is_cut() => {
                    count(cause);
                    activity.cut_off();
                }
                Verdict::Finish(cause) if activity.is_open() => {
                    count(cause);
                    activity.ask_to_finish();
                }
                Verdict::Keep | Verdict::Cut(_) | Verdict::Finish(_) => {}
            }
            let is_late = activity.finishing_since().is_some_and(|since| now.saturating_sub(since) > finish_ms);
            if is_late && rest_since(marks).is_some() {
                activity.cut_off();
            }
        }
    }

    /// Tells every connection to finish what is under way.
    pub(super) fn finish_all(&self) {
        self.inner.open.lock().connections.values().for_each(|activity| activity.ask_to_finish());
    }
}

/// The place of one connection among those of its listener; given back when its socket is closed.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    pub(super) activity: Arc<Activity>,
    connections: Connections,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.inner.open.lock().connections.remove(&self.number);
        self.connections.inner.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(count_max: usize) -> Connections {
        let second = Duration::from_secs(1);
        Connections::new(count_max, Patience { head: second, idle: second, write: second })
    }

    #[tokio::test]
    async fn whoever_rests_longest_makes_room() {
        let connections = connections(2);
        let [first, second] = [connections.try_enter().unwrap(), connections.try_enter().unwrap()];
        first.activity.note_asked(false);
        assert!(connections.try_enter().is_none(), "both places are taken");
        assert!(second.activity.is_cut() && first.activity.is_open(), "who asks stays");
        assert!(connections.try_enter().is_none(), "a place that is not given back is not free");
        drop(second);
        connections.place_freed().await;
        assert!(connections.try_enter().is_some());
        assert_eq!((connections.open_count(), connections.closed_by(Cause::Crowded)), (1, 1));
    }

    #[test]
    fn the_look_ends_what_its_patience_ends() {
        let connections = connections(10);
        let silent = connections.try_enter().unwrap();
        let rested = connections.try_enter().unwrap();
        rested.activity.note_asked(false);
        rested.activity.note_answered();
        connections.look_at(1_100);
        assert!(silent.activity.is_cut());
        assert!(rested.activity.is_finishing(), "a client that is about to ask is not cut off");
        connections.look_at(3_200);
        assert!(rested.activity.is_cut());
        assert_eq!((connections.closed_by(Cause::Head), connections.closed_by(Cause::Idle)), (1, 1));
    }
}
