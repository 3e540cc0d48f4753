//! The pool in which schemas are parsed and compared: as wide as the machine has cores, its queue bounded, and nobody waits
//! longer than the request may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::error_code as code;
use tokio::sync::Semaphore;

use super::{Service, ServiceError};
use crate::clock::Deadline;

/// Requests that may wait for a parser. At 10 ms each on two cores the last of them waits five seconds, half of what a
/// request may take.
const WAITING_MAX: usize = 1_000;

/// Where work on schemas is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// In threads of its own, as many as the machine has cores.
    Threads,
    /// In the thread that asks: a simulation has only one.
    Caller,
}

/// The places of the pool and who waits for one.
pub(super) struct ParserPool {
    workers: Workers,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl ParserPool {
    /// A pool with a place for each core, so that heartbeats always find one.
    pub(super) fn new(workers: Workers) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self { workers, places: Arc::new(Semaphore::new(cores)), waiting: AtomicUsize::new(0) }
    }
}

/// One that waits; it counts until it is dropped, also where the client hangs up.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Service {
    /// Runs work on a schema away from the runtime's threads. Work that has begun keeps its place to its end, though the
    /// request may have given up by then.
    ///
    /// # Errors
    /// 429 if too many wait already, 50002 at the deadline, and what the work says.
    pub(super) async fn in_pool<T: Send + 'static>(
        &self,
        deadline: Deadline,
        work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let stopped = |error: &dyn std::fmt::Display| ServiceError::internal("work on a schema did not finish", error);
        let late = |_| ServiceError::timed_out("The schema could not be parsed and compared in time; try again");
        let pool = &self.inner.parsers;
        if pool.workers == Workers::Caller {
            return work();
        }
        let waiting = Waiting(&pool.waiting);
        if pool.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            let message = "Too many schemas wait to be parsed on this node; try again";
            return Err(ServiceError::new(code::TOO_MANY_REQUESTS, message));
        }
        let place = tokio::time::timeout(deadline.left(), pool.places.clone().acquire_owned()).await.map_err(late)?;
        let place = place.map_err(|error| stopped(&error))?;
        drop(waiting);
        let work = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        tokio::time::timeout(deadline.left(), work).await.map_err(late)?.map_err(|error| stopped(&error))?
    }
}
