//! Load generation and benchmarks of the registry. Figures, never pass or fail: those belong into tests.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark reads the clock and prints figures")]

pub mod catalogue;
pub mod compare;
pub mod failover;
pub mod history;
pub mod load;
pub mod validate;

use client::{CacheLimits, Client, ClientConfig, ClientError, RetryPolicy};
use std::time::Duration;

/// Longest wait for one answer, where a benchmark does not say otherwise: longer than any node takes to give up.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// The registry's client without what would hide a figure: it keeps nothing, tries once, and measures nothing by itself.
/// [`load`] does without it, since there the client's own work would count as the node's.
///
/// # Errors
/// [`ClientError::Setup`] for a URL that is none.
pub fn bare_client(url: &str, answer_time_max: Duration) -> Result<Client, ClientError> {
    let mut config = ClientConfig::new([url]);
    config.cache = CacheLimits { entries_max: 0, ..CacheLimits::default() };
    config.retry = RetryPolicy {
        attempts_max: 1,
        attempt_time_max: answer_time_max,
        deadline: answer_time_max,
        ..RetryPolicy::default()
    };
    config.measure_every = None;
    config.reads_what_it_saw = false;
    config.build()
}
