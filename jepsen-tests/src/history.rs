//! What clients did and what they were told, in real time.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::client::Outcome;
use crate::schemas::Content;

/// One attempt at a registration.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Record {
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
    pub result: Result,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Result {
    Registered { id: u32, version: u32, guid: String },
    Refused { status: u16, code: u32, message: String },
    Unknown(String),
}

impl Result {
    /// Reads the outcome of a registration.
    ///
    /// # Panics
    /// If a good answer does not tell what was registered.
    pub fn of(outcome: &Outcome) -> Self {
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
pub struct History {
    started: Instant,
    records: Mutex<Vec<Record>>,
}

impl Default for History {
    fn default() -> Self {
        Self { started: Instant::now(), records: Mutex::default() }
    }
}

impl History {
    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Adds an attempt.
    ///
    /// # Panics
    /// If another thread panicked here.
    pub fn add(&self, record: Record) {
        self.records.lock().expect("no panic under the lock").push(record);
    }

    /// Everything so far.
    ///
    /// # Panics
    /// If another thread panicked here.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().expect("no panic under the lock").clone()
    }

    /// Acknowledged attempts so far.
    pub fn acknowledged(&self) -> usize {
        let records = self.records.lock().expect("no panic under the lock");
        records.iter().filter(|record| record.result.is_acknowledged()).count()
    }
}

/// Adds a later history to an earlier one, on the earlier one's clock.
pub fn append(earlier: &mut Vec<Record>, later: Vec<Record>) {
    let shift = earlier.iter().map(|record| record.returned).max().unwrap_or_default();
    let moved =
        |record: Record| Record { invoked: record.invoked + shift, returned: record.returned + shift, ..record };
    earlier.extend(later.into_iter().map(moved));
}
