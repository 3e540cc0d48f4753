//! Load: workers with one request under way each (closed loop), or requests at given times (open loop).
//!
//! In the open loop a request's latency counts from the moment at which it was due, so that a server that stalls is charged
//! for everything that waited meanwhile (no coordinated omission).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Something that makes one request after the other.
pub(super) trait Worker: Send + 'static {
    /// Makes one request; true if it was answered well.
    fn once(&mut self) -> impl Future<Output = bool> + Send;
}

/// What a load came to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    /// Good answers per second.
    pub(super) per_second: f64,
    /// Half of them came within this time.
    pub(super) p50: Duration,
    /// 99 of 100 did.
    pub(super) p99: Duration,
    /// Answers that were not good.
    pub(super) failed: u64,
    /// Good answers.
    pub(super) answers: u64,
}

fn figures_of(mut times: Vec<Duration>, failed: u64, seconds: f64) -> Figures {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
    #[allow(clippy::cast_precision_loss, reason = "counts of a run of seconds")]
    let per_second = times.len() as f64 / seconds;
    Figures { per_second, p50: at(50), p99: at(99), failed, answers: times.len() as u64 }
}

/// Every worker asks again as soon as it is answered, for this long.
pub(super) async fn closed_loop<W: Worker>(workers: Vec<W>, time: Duration) -> Figures {
    let started = Instant::now();
    let end = started + time;
    let tasks: Vec<_> = workers
        .into_iter()
        .map(|mut worker| {
            tokio::spawn(async move {
                let (mut times, mut failed) = (Vec::new(), 0_u64);
                while Instant::now() < end {
                    let asked = Instant::now();
                    if worker.once().await {
                        times.push(asked.elapsed());
                    } else {
                        failed += 1;
                        // A server that refuses at once must not be asked a million times.
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                (times, failed)
            })
        })
        .collect();
    gather_workers(tasks, started).await
}

/// The workers share a schedule of so many requests per second, for this long.
pub(super) async fn open_loop<W: Worker>(workers: Vec<W>, per_second: f64, time: Duration) -> Figures {
    let started = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = workers
        .into_iter()
        .map(|mut worker| {
            let next = next.clone();
            tokio::spawn(async move {
                let (mut times, mut failed) = (Vec::new(), 0_u64);
                loop {
                    #[allow(clippy::cast_precision_loss, reason = "counts of a run of seconds")]
                    let due = started
                        + Duration::from_secs_f64(next.fetch_add(1, Ordering::Relaxed) as f64 / per_second.max(1.0));
                    if due >= started + time {
                        return (times, failed);
                    }
                    tokio::time::sleep_until(due).await;
                    if worker.once().await {
                        times.push(due.elapsed());
                    } else {
                        failed += 1;
                    }
                }
            })
        })
        .collect();
    gather_workers(tasks, started).await
}

async fn gather_workers(tasks: Vec<tokio::task::JoinHandle<(Vec<Duration>, u64)>>, started: Instant) -> Figures {
    let (mut all, mut failures) = (Vec::new(), 0);
    for task in tasks {
        let (times, failed) = task.await.expect("a worker does not panic");
        all.extend(times);
        failures += failed;
    }
    figures_of(all, failures, started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that takes its time for every request.
    struct Slow;

    impl Worker for Slow {
        async fn once(&mut self) -> bool {
            tokio::time::sleep(Duration::from_millis(20)).await;
            true
        }
    }

    #[tokio::test]
    async fn an_open_loop_charges_a_server_for_what_waited() {
        // Twenty requests are due within 200 ms, and one worker does ten at best: the last one waits for all before it.
        let open = open_loop(vec![Slow], 100.0, Duration::from_millis(200)).await;
        assert_eq!((open.answers, open.failed), (20, 0));
        assert!(open.p99 >= Duration::from_millis(200), "{open:?}");
        let closed = closed_loop(vec![Slow], Duration::from_millis(200)).await;
        assert!(closed.p50 < open.p50, "a closed loop hides the queue: {closed:?} {open:?}");
    }
}
