//! The runtime that openraft runs in: tokio's, with random numbers that a caller can seed.
//!
//! Within [`SeededRuntime::scope`] everything that openraft draws (how long an election waits, for instance) follows from the
//! seed, in all tasks that are spawned there; outside of it, from the operating system.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::time::Duration;

use openraft::{AsyncRuntime, OptionalSend, TokioRuntime};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static SEED: Cell<Option<u64>>;
}

/// See the module.
#[derive(Debug)]
pub struct SeededRuntime(TokioRuntime);

/// SplitMix64: a bijection that spreads every bit of its input.
fn mix_seed(seed: u64, gamma: u64) -> u64 {
    let z = seed.wrapping_add(gamma);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The next number of this task's sequence; none outside of a scope.
fn draw_number() -> Option<u64> {
    // Two constants, so that a task and those that it spawns never draw the same sequence.
    const NEXT: u64 = 0x6a09_e667_f3bc_c908;
    SEED.try_with(|cell| {
        let seed = cell.get();
        cell.set(seed.map(|seed| mix_seed(seed, NEXT)));
        seed
    })
    .ok()
    .flatten()
}

impl SeededRuntime {
    /// Runs a future whose random numbers, and those of all tasks that it spawns through this runtime, follow from `seed`.
    pub fn scope<F: Future>(seed: u64, future: F) -> TaskLocalFuture<Cell<Option<u64>>, F> {
        SEED.scope(Cell::new(Some(seed)), future)
    }
}

impl AsyncRuntime for SeededRuntime {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = <TokioRuntime as AsyncRuntime>::Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = StdRng;
    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = <TokioRuntime as AsyncRuntime>::Watch;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        const CHILD: u64 = 0x9e37_79b9_7f4a_7c15;
        let seed = draw_number().map(|seed| mix_seed(seed, CHILD));
        TokioRuntime::spawn(SEED.scope(Cell::new(seed), future))
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(duration: Duration, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(deadline: Self::Instant, future: F) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(error)
    }

    fn thread_rng() -> StdRng {
        draw_number().map_or_else(rand::make_rng, StdRng::seed_from_u64)
    }

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }

    fn spawn_blocking<F, T>(work: F) -> impl Future<Output = Result<T, io::Error>> + Send
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        TokioRuntime::spawn_blocking(work)
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn random() -> u64 {
        SeededRuntime::thread_rng().random()
    }

    /// What a task and one that it spawns draw.
    async fn drawn() -> [u64; 3] {
        let first = random();
        let child = SeededRuntime::spawn(async { random() }).await.expect("it ends");
        [first, child, random()]
    }

    #[tokio::test]
    async fn a_seed_gives_the_same_numbers_in_all_tasks_and_no_scope_gives_others() {
        let [one, again] = [SeededRuntime::scope(7, drawn()).await, SeededRuntime::scope(7, drawn()).await];
        assert_eq!(one, again);
        let other = SeededRuntime::scope(8, drawn()).await;
        let [free, free_again] = [drawn().await, drawn().await];
        let mut all = [one, other, free, free_again].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 12, "nothing is drawn twice");
    }
}
