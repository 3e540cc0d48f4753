//! The log's only clock: monotonic, read in the writer thread, to time syncs and to pace the mark. Nothing that is stored
//! or decided depends on it.

use std::time::Instant;

/// Now, on the monotonic clock.
#[allow(clippy::disallowed_methods, reason = "this file is where the log reads its clock")]
pub(super) fn now() -> Instant {
    Instant::now()
}
