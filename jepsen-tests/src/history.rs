//! Histories: what every process invoked, when, and how the operation completed.
//!
//! An operation completes in one of three ways, in Jepsen's words: *ok* (it took effect), *fail* (it did not and never will) or *info*
//! (nobody knows). Ok and fail are outputs, because a refusal is as much a claim about the state as an answer is; info is no output.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::client::Outcome;
use crate::schemas::Content;

/// When an operation that never returned returned: later than anything else.
pub const NEVER: u64 = u64::MAX / 4;

/// What an operation may do to the state of its object.
pub trait IsWrite {
    /// May this operation change anything? Reads of unknown outcome say nothing and are left out of histories.
    fn is_write(&self) -> bool;
}

/// One operation of one process on one object. All attempts under one idempotency key are one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation<O, R> {
    /// The process (the client) that invoked the operation.
    pub process: u32,
    /// The node that was asked last.
    pub node: u64,
    /// The object: a subject, a pair of subjects, a context. Objects are linearizable one by one.
    pub object: String,
    /// The operation.
    pub op: O,
    /// When the operation was invoked, in nanoseconds since the workload began.
    pub invoked: u64,
    /// When the operation completed, on the same clock.
    pub returned: u64,
    /// The completion; `None` is *info*: the outcome is unknown.
    pub output: Option<R>,
    /// How many times the operation was sent.
    pub attempts: u32,
}

impl<O: IsWrite, R> Operation<O, R> {
    /// Does the operation belong into a history? A read without an output says nothing.
    pub fn says_something(&self) -> bool {
        self.output.is_some() || self.op.is_write()
    }
}

/// Collects the history of one workload while its processes run. Cheap to clone; all clones are one history.
#[derive(Debug)]
pub struct Recorder<T>(Arc<Mutex<Vec<T>>>);

impl<T> Default for Recorder<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Recorder<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Recorder<T> {
    /// Adds an entry.
    pub fn record(&self, entry: T) {
        self.0.lock().push(entry);
    }

    /// Takes everything that was recorded.
    pub fn take_all(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock())
    }
}

impl<T: Clone> Recorder<T> {
    /// Everything that was recorded so far, while processes go on.
    pub fn snapshot(&self) -> Vec<T> {
        self.0.lock().clone()
    }
}

/// One attempt at a registration.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The client.
    pub process: usize,
    /// The node that was asked.
    pub node_id: u64,
    /// Attempts under one key are one request.
    pub key: String,
    pub subject: String,
    pub content: Content,
    pub invoked: Duration,
    pub returned: Duration,
    pub result: RegistrationResult,
}

/// The result of an attempt at a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistrationResult {
    Registered { id: u32, version: u32, guid: String },
    Refused { status: u16, code: u32, message: String },
    Unknown(String),
}

impl RegistrationResult {
    /// Reads the outcome of a registration.
    ///
    /// # Panics
    /// If an answer of success does not contain id, version and guid.
    pub fn from_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done(answer) => {
                let body = answer.schema();
                Self::Registered {
                    id: body.id.expect("an answer to a registration has an id"),
                    version: body.version.expect("an answer to a registration has a version"),
                    guid: body.guid.expect("an answer to a registration has a guid"),
                }
            }
            Outcome::Refused(answer) => {
                Self::Refused { status: answer.status, code: answer.error_code(), message: answer.text() }
            }
            Outcome::Unknown(reason) => Self::Unknown(reason.clone()),
        }
    }

    /// Was it acknowledged?
    pub fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Registered { .. })
    }
}

/// All attempts of a test, in the order in which they ended.
#[derive(Debug)]
pub struct RegistrationHistory {
    started: Instant,
    records: Mutex<Vec<Registration>>,
}

impl Default for RegistrationHistory {
    fn default() -> Self {
        Self { started: Instant::now(), records: Mutex::default() }
    }
}

impl RegistrationHistory {
    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Adds an attempt.
    pub fn add(&self, record: Registration) {
        self.records.lock().push(record);
    }

    /// Everything so far.
    pub fn records(&self) -> Vec<Registration> {
        self.records.lock().clone()
    }

    /// Acknowledged attempts so far.
    pub fn acknowledged(&self) -> usize {
        let records = self.records.lock();
        records.iter().filter(|record| record.result.is_acknowledged()).count()
    }
}

/// Adds a later history to an earlier one, on the earlier one's clock.
pub fn append(earlier: &mut Vec<Registration>, later: Vec<Registration>) {
    let shift = earlier.iter().map(|record| record.returned).max().unwrap_or_default();
    let moved = |record: Registration| Registration {
        invoked: record.invoked + shift,
        returned: record.returned + shift,
        ..record
    };
    earlier.extend(later.into_iter().map(moved));
}
