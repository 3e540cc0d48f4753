//! The one loop of all changes: prepare, write, and again where somebody else was faster.
//!
//! What a preparation rested on is checked in apply. If it has changed since, nothing was changed; this node has applied the
//! entry that says so, so the next preparation sees what it missed. After the first attempt a change waits for its turn
//! ([`super::turns`]); the deadline or [`ATTEMPTS_MAX`] ends the loop.

use std::hash::Hash;

use registry::{Basis, Command, Done, Outcome};

use super::turns::{ATTEMPTS_MAX, too_busy};
use super::{Caller, Service, ServiceError};

/// What a preparation came to.
#[allow(clippy::large_enum_variant, reason = "one at a time, on its way to the log")]
pub(super) enum Prepared<T, K = ()> {
    /// There is nothing to change: this is the answer.
    Known(T),
    /// A command, what its verdict rests on, and what the answer needs of the preparation.
    Change { command: Command, basis: Basis, kept: K },
}

impl Service {
    /// Prepares a change of `what` and writes it until it is not overtaken any more.
    ///
    /// `prepare` gets the number of the attempt, from 0 on. `answer` makes the answer of what was done.
    ///
    /// # Errors
    /// What `prepare` and `answer` return; the refusal of apply; 503 if others were always faster; 500xx if the outcome is
    /// not known.
    pub(super) async fn commit<T, K, F>(
        &self,
        caller: &Caller,
        what: &impl Hash,
        prepare: impl Fn(usize) -> F,
        answer: impl Fn(Done, K) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<Prepared<T, K>, ServiceError>>,
    {
        let mut turn = None;
        for attempt in 0..ATTEMPTS_MAX {
            let (command, basis, kept) = match prepare(attempt).await? {
                Prepared::Known(known) => return Ok(known),
                Prepared::Change { command, basis, kept } => (command, basis, kept),
            };
            match self.write_on(caller, command, basis).await?.outcome {
                Outcome::Stale { .. } => {
                    self.inner.metrics.count_stale();
                    self.wait_turn(&mut turn, what, caller.deadline).await?;
                }
                Outcome::Refused(refusal) => return Err(ServiceError::refused(&refusal)),
                Outcome::Done(done) => return answer(done, kept),
            }
        }
        Err(too_busy())
    }

    /// Writes a command that rests on nothing: everything about it is decided in apply.
    ///
    /// # Errors
    /// As [`Service::commit`].
    pub(super) async fn commit_change<T>(
        &self,
        caller: &Caller,
        command: Command,
        answer: impl Fn(Done) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let prepare = |_| {
            let command = command.clone();
            std::future::ready(Ok(Prepared::Change { command, basis: Basis::default(), kept: () }))
        };
        self.commit(caller, &caller.request_id, prepare, |done, ()| answer(done)).await
    }
}
