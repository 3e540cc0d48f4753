//! The only file that reads a clock.
//!
//! Monotonic time is tokio's, which a test or a simulation may stop and move. Wall time comes from a [`Clock`] that is handed
//! to the node, so that several nodes in one process may disagree about it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use tokio::time::Instant;

/// Where a node takes the time of day from. Cheap to clone.
#[derive(Clone)]
pub struct Clock {
    wall_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.wall_ms()).finish()
    }
}

impl Clock {
    /// The clock of this machine.
    pub fn of_system() -> Self {
        Self::of(system_ms)
    }

    /// A clock that shows what `wall_ms` returns: milliseconds since the Unix epoch.
    pub fn of(wall_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { wall_ms: Arc::new(wall_ms) }
    }

    /// Milliseconds since the Unix epoch, for stamping proposals. It may jump; apply never lets time go back.
    pub fn wall_ms(&self) -> u64 {
        (self.wall_ms)()
    }
}

#[allow(clippy::disallowed_methods)]
fn system_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A point of monotonic time, for deadlines and ages.
pub fn now() -> Instant {
    Instant::now()
}

/// The time by which a request must be answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// A deadline this far ahead.
    pub fn after(time: Duration) -> Self {
        Self(now() + time)
    }

    /// What is left; zero when it has passed.
    pub fn time_left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    /// Has it passed?
    pub fn has_passed(self) -> bool {
        self.time_left().is_zero()
    }
}
