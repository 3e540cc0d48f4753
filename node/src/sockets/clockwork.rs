//! A clock that costs next to nothing to read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{self, Instant};

/// A clock that is read on the way of every byte: it moves with the watch over the connections, and costs one load.
#[derive(Debug)]
pub(super) struct Clockwork {
    begun: Instant,
    now_ms: AtomicU64,
}

impl Clockwork {
    pub(super) fn start() -> Self {
        Self { begun: clock::now(), now_ms: AtomicU64::new(1) }
    }

    pub(super) fn now(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// Moves it on.
    pub(super) fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Milliseconds since the start, and 1.
    pub(super) fn elapsed(&self) -> u64 {
        let since = clock::now().saturating_duration_since(self.begun);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}
