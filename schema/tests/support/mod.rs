//! Measuring for the tests with hostile input: a small stack, and the processor time of one thread.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout, reason = "each test uses a part; a test may panic")]

use std::time::{Duration, SystemTime};

/// A worker's stack.
pub(crate) const STACK_BYTES: usize = 2 * 1024 * 1024;
/// The promise is for optimised code on one core; without optimisation it is ten to thirty times as much.
pub(crate) const TIME_MAX: Duration = Duration::from_millis(if cfg!(debug_assertions) { 3_000 } else { 100 });

/// Runs `work` on a small stack and fails if it takes too long.
pub(crate) fn bounded<T: Send>(what: &str, work: impl FnOnce() -> T + Send) -> T {
    let run = || {
        let start = clock();
        (work(), clock().saturating_sub(start))
    };
    let (result, taken) = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).unwrap();
        thread.join().unwrap_or_else(|_| panic!("{what}: panicked"))
    });
    println!("{what}: {taken:?}");
    assert!(taken < TIME_MAX, "{what}: took {taken:?}");
    result
}

/// The processor time of this thread, so that other work on the machine does not count; elsewhere the time of day.
#[expect(clippy::disallowed_methods, reason = "the crate reads no clock, its tests must")]
fn clock() -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    match spent.as_deref().and_then(|text| text.split(' ').next()).and_then(|text| text.parse().ok()) {
        Some(nanoseconds) => Duration::from_nanos(nanoseconds),
        None => SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default(),
    }
}
