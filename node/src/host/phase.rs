//! How far a node has come: starting, serving, draining.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How far the process has come.
#[derive(Debug, Clone, Default)]
pub struct Phase {
    inner: Arc<Flags>,
}

#[derive(Debug, Default)]
struct Flags {
    started: AtomicBool,
    draining: AtomicBool,
}

impl Phase {
    /// What was committed before the last stop is applied again.
    pub fn set_started(&self) {
        self.inner.started.store(true, Ordering::Relaxed);
    }

    /// The node is about to stop.
    pub fn set_draining(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
    }

    /// See [`Phase::set_started`].
    pub fn has_started(&self) -> bool {
        self.inner.started.load(Ordering::Relaxed)
    }

    /// See [`Phase::set_draining`].
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }
}
