//! The pace of scrubbing: a bounded stretch before a node serves, then slowly for as long as it runs. Damage ends the node, as
//! every other damage does.

use std::time::Duration;

use raft_store::log::LogStore;
use raft_store::scrub::{Scrubber, Step};
use raft_store::state::StateStore;

use super::StartError;
use crate::config::ScrubConfig;

/// Reads the first stretch of the data, as far as the configuration says.
///
/// # Errors
/// [`StartError::Damaged`] if something is damaged: the node must not start.
pub async fn at_start(config: &ScrubConfig, log: LogStore, state: StateStore) -> Result<Scrubber, StartError> {
    let bytes_max = config.start_bytes_max;
    let scrubbed = tokio::task::spawn_blocking(move || {
        let mut scrubber = Scrubber::new(log, state);
        scrubber.run(bytes_max).map(|bytes| (scrubber, bytes))
    });
    let scrubbed =
        scrubbed.await.map_err(|error| StartError::System { doing: "read the data", reason: error.to_string() })?;
    let (scrubber, bytes) = scrubbed.map_err(|damage| StartError::Damaged(damage.to_string()))?;
    tracing::info!(bytes, "scrubbed before serving");
    Ok(scrubber)
}

/// Goes on, a step at a time; returns with what is damaged.
pub async fn run_scrubber(config: ScrubConfig, mut scrubber: Scrubber) -> String {
    if config.bytes_per_second == 0 {
        return std::future::pending().await;
    }
    loop {
        let stepped = tokio::task::spawn_blocking(move || {
            let stepped = scrubber.step();
            (scrubber, stepped)
        });
        match stepped.await {
            Ok((same, Ok(step))) => {
                scrubber = same;
                tokio::time::sleep(rest_after(&config, step)).await;
            }
            Ok((_, Err(damage))) => return damage.to_string(),
            // The runtime is shutting down, or a step panicked: neither is a reason to go on.
            Err(error) => return format!("scrub: {error}"),
        }
    }
}

/// How long to rest after a step.
fn rest_after(config: &ScrubConfig, step: Step) -> Duration {
    let pace = Duration::from_millis(step.bytes.saturating_mul(1_000) / config.bytes_per_second.max(1));
    // Even where there is nothing to read, a round is not begun at once.
    if step.ends_round { pace + Duration::from_secs(config.pause_seconds.max(1)) } else { pace }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_the_configured_one() {
        let config = ScrubConfig { start_bytes_max: 0, bytes_per_second: 1_000_000, pause_seconds: 60 };
        let rest = |bytes, ends_round| rest_after(&config, Step { bytes, ends_round }).as_millis();
        assert_eq!(rest(2_000_000, false), 2_000);
        assert_eq!(rest(500, false), 0);
        assert_eq!(rest(0, true), 60_000);
        assert_eq!(
            rest_after(&ScrubConfig { pause_seconds: 0, ..config }, Step { bytes: 0, ends_round: true }).as_secs(),
            1
        );
    }
}
