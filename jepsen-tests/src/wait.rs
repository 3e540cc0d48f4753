//! Waiting: always for a condition, always with a bound.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(25);
/// Long enough for a loaded machine; only a fault waits this long.
pub const LONG: Duration = Duration::from_secs(60);

/// Waits until `look` finds something, at most [`LONG`].
///
/// # Panics
/// When the time is over, with `what` and what was seen last.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + LONG;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "waited {LONG:?} for {what}; seen last: {seen}"),
        }
        tokio::time::sleep(POLL).await;
    }
}
