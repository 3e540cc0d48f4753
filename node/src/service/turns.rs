//! Turns: a change that was overtaken by another one of the same subject is prepared again while the others of this node
//! that were overtaken, too, wait. So many writers of one subject each need two preparations, not one for every other writer.
//!
//! The first attempt waits for nobody. Turns order nothing: whether a change holds is decided by apply alone.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use proto::error_code as code;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Service, ServiceError};
use crate::clock::Deadline;

/// Preparations of one change at most. One that has its turn competes with other nodes and with first attempts only, so the
/// deadline ends it before this does.
pub(super) const ATTEMPTS_MAX: usize = 100;

/// Subjects that have the same place wait for each other without need; with this many that is rare.
const PLACES: usize = 1_024;

/// The places at which turns are waited for.
pub(super) struct Turns(Vec<Arc<Mutex<()>>>);

/// While it is held, its subject's other overtaken changes wait.
pub(super) struct Turn(#[allow(dead_code, reason = "held, not read")] OwnedMutexGuard<()>);

impl Turns {
    pub(super) fn new() -> Self {
        Self((0..PLACES).map(|_| Arc::default()).collect())
    }

    fn place_of(&self, what: &impl Hash) -> Arc<Mutex<()>> {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let number = usize::try_from(hasher.finish() % PLACES as u64).unwrap_or(0);
        self.0[number].clone()
    }
}

impl Service {
    /// Waits for its turn, unless it has it already.
    ///
    /// # Errors
    /// 503 when the deadline comes first; nothing was changed then.
    pub(super) async fn wait_turn(
        &self,
        turn: &mut Option<Turn>,
        what: &impl Hash,
        deadline: Deadline,
    ) -> Result<(), ServiceError> {
        if turn.is_none() {
            let place = self.inner.turns.place_of(what);
            let guard = tokio::time::timeout(deadline.time_left(), place.lock_owned()).await.map_err(|_| too_busy())?;
            *turn = Some(Turn(guard));
        }
        if deadline.time_left().is_zero() { Err(too_busy()) } else { Ok(()) }
    }
}

/// The answer when others were always faster.
pub(super) fn too_busy() -> ServiceError {
    let message = "This is changed too often just now, and nothing was changed by this request; try again";
    ServiceError::new(code::UNAVAILABLE, message)
}
