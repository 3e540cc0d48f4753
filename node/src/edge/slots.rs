//! Admission: how much may be under way at once, so that what is under way finishes.
//!
//! Three counts. Ordinary requests share the configured one. Probes and administration have a reserve when it is used up: a
//! node that is busy must not look dead, and must be mendable. What goes on for as long as its client likes has a count of
//! its own, so that clients who only listen never keep others from asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::operations::Operation;

/// Probes and administration that are answered although all other slots are taken.
const RESERVE: usize = 64;
/// Streams at once: events, validations in bulk, exports, watches of health. Twice what the service gives to watches.
const STREAMS_MAX: usize = 2_048;

/// How many places are free. A number and no semaphore: nobody waits for a place, and every request takes one.
#[derive(Debug, Clone)]
struct Places(Arc<AtomicUsize>);

impl Places {
    fn new(count: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(count)))
    }

    fn take_place(&self) -> Option<Slot> {
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |free| free.checked_sub(1));
        taken.ok().map(|_| Slot { places: self.clone() })
    }
}

/// A place among what is under way; given back when it is dropped.
#[derive(Debug)]
pub struct Slot {
    places: Places,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.places.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// The counts of one node, for all its listeners. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Slots {
    requests: Places,
    reserve: Places,
    streams: Places,
}

impl Slots {
    /// Slots for this many requests, where each listener takes this many connections. Streams get no more than half of
    /// them, or who only listens would keep others from connecting.
    pub fn new(requests_max: usize, connections_max: usize) -> Self {
        let streams = STREAMS_MAX.min(connections_max / 2).max(1);
        let (requests, reserve) = (requests_max, RESERVE);
        Self { requests: Places::new(requests), reserve: Places::new(reserve), streams: Places::new(streams) }
    }

    /// A place for an operation; none if all are taken, at once.
    pub fn take_slot(&self, operation: &Operation) -> Option<Slot> {
        let own = if operation.is_stream() { &self.streams } else { &self.requests };
        own.take_place().or_else(|| if operation.has_reserve() { self.reserve.take_place() } else { None })
    }
}

#[cfg(test)]
mod tests {
    use proto::operations::all;

    use super::*;

    fn named(name: &str) -> &'static Operation {
        all().find(|operation| operation.name == name).unwrap()
    }

    #[test]
    fn probes_and_administration_are_answered_when_all_slots_are_taken() {
        let slots = Slots::new(1, 8_192);
        let first = slots.take_slot(named("RegisterSchema")).unwrap();
        for name in ["RegisterSchema", "GetSchemaById", "RegisterVersion", "GetVersion"] {
            assert!(slots.take_slot(named(name)).is_none(), "{name}");
        }
        let probes: Vec<_> = ["ProbeLive", "GetMetrics", "CheckHealth", "ShowCluster", "TransferLeader"]
            .map(|name| slots.take_slot(named(name)))
            .into();
        assert!(probes.iter().all(Option::is_some));
        drop(first);
        assert!(slots.take_slot(named("GetVersion")).is_some());
    }

    #[test]
    fn listeners_keep_nobody_from_asking() {
        let slots = Slots::new(1, 8_192);
        let streams: Vec<_> = std::iter::from_fn(|| slots.take_slot(named("Watch"))).collect();
        assert_eq!(streams.len(), STREAMS_MAX);
        let few = Slots::new(1, 320);
        let streams_of_few: Vec<_> = std::iter::from_fn(|| few.take_slot(named("Watch"))).collect();
        assert_eq!(streams_of_few.len(), 160, "half of the connections");
        assert!(slots.take_slot(named("GetSchemaById")).is_some());
        assert!(slots.take_slot(named("ExportAudit")).is_none());
    }
}
