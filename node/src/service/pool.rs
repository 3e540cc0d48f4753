//! The pools in which work is done that takes a processor for longer than a moment: schemas are parsed and compared in one,
//! lists are read in the other. Their queues are bounded, and nobody waits longer than the request may take.

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

/// The places of a pool and who waits for one.
pub(super) struct Pool {
    workers: Workers,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// What clients are told: that too many wait, and that it took too long.
    crowded: &'static str,
    late: &'static str,
}

impl Pool {
    /// For work on schemas: a place for each core, so that heartbeats always find one.
    pub(super) fn of_parsers(workers: Workers) -> Self {
        Self {
            workers,
            places: Arc::new(Semaphore::new(core_count())),
            waiting: AtomicUsize::new(0),
            crowded: "Too many schemas wait to be parsed on this node; try again",
            late: "The schema could not be parsed and compared in time; try again",
        }
    }

    /// For lists: half of the cores, so that whoever browses keeps nobody from registering.
    pub(super) fn of_lists(workers: Workers) -> Self {
        Self {
            workers,
            places: Arc::new(Semaphore::new((core_count() / 2).max(1))),
            waiting: AtomicUsize::new(0),
            crowded: "Too many lists wait to be read on this node; try again, or another node",
            late: "The list could not be read in time; ask for less of it, or try again",
        }
    }
}

fn core_count() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
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
        self.inner.parsers.run_until(deadline, work).await
    }

    /// Reads a list away from the runtime's threads; the work looks at its deadline itself.
    ///
    /// # Errors
    /// As [`Service::in_pool`].
    pub(super) async fn in_list_pool<T: Send + 'static>(
        &self,
        deadline: Deadline,
        work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        self.inner.lists.run_until(deadline, work).await
    }
}

impl Pool {
    async fn run_until<T: Send + 'static>(
        &self,
        deadline: Deadline,
        work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let stopped = |error: &dyn std::fmt::Display| ServiceError::internal("work in a pool did not finish", error);
        let late = |_| ServiceError::timed_out(self.late);
        if self.workers == Workers::Caller {
            return work();
        }
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            return Err(ServiceError::new(code::TOO_MANY_REQUESTS, self.crowded));
        }
        let place =
            tokio::time::timeout(deadline.time_left(), self.places.clone().acquire_owned()).await.map_err(late)?;
        let place = place.map_err(|error| stopped(&error))?;
        drop(waiting);
        let work = tokio::task::spawn_blocking(move || {
            let _place = place;
            work()
        });
        tokio::time::timeout(deadline.time_left(), work).await.map_err(late)?.map_err(|error| stopped(&error))?
    }
}
