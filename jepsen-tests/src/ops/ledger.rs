//! What was sent under which key, and what became of it: for the audit log, which must tell the same.

use serde::{Deserialize, Serialize};

use crate::history::{Record, Result};

/// What a client knows of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Came {
    /// Acknowledged. A registration of what is known already is answered without an entry of the log.
    Done {
        /// Must the log have it?
        logged: bool,
    },
    /// Refused.
    Refused {
        /// Is it certain that no attempt took effect? A preparer that refuses knows nothing of an earlier attempt.
        sure: bool,
    },
    /// Perhaps done, perhaps not.
    Unknown,
}

/// A write under one key; all attempts are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Sent {
    pub key: String,
    /// The principal.
    pub who: String,
    pub subject: String,
    /// Nanoseconds since the beginning of its workload.
    pub invoked: u64,
    pub returned: u64,
    pub came: Came,
}

/// The principal of a client of the registration workload.
pub fn writer(process: usize) -> String {
    format!("writer-{process}")
}

/// The writes of the registration workload.
pub fn of_records(records: &[Record]) -> Vec<Sent> {
    let mut sent: Vec<Sent> = Vec::new();
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut places = std::collections::BTreeMap::new();
    for record in records {
        let came = match &record.result {
            Result::Registered { .. } => Came::Done { logged: false },
            Result::Refused { .. } => Came::Refused { sure: false },
            Result::Unknown(_) => Came::Unknown,
        };
        let place = *places.entry(record.key.as_str()).or_insert_with(|| {
            sent.push(Sent {
                key: record.key.clone(),
                who: writer(record.process),
                subject: record.subject.clone(),
                invoked: nanoseconds(record.invoked),
                returned: 0,
                came,
            });
            sent.len() - 1
        });
        // The attempts of a key follow each other; what the last one came to is what its client knows.
        sent[place].returned = nanoseconds(record.returned);
        sent[place].came = came;
    }
    sent
}
