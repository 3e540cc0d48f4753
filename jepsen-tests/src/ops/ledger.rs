//! Every write by its idempotency key, and how it completed: for the audit log, which must report the same.

use serde::{Deserialize, Serialize};

use crate::history::{Registration, RegistrationResult};

/// How a write completed, as its process knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteOutcome {
    /// Acknowledged. A registration of a schema that is known already is answered without an entry of the log.
    Ok {
        /// Must the log have the write?
        logged: bool,
    },
    /// Refused.
    Fail {
        /// Is it certain that no attempt took effect? A node that refuses while it prepares a write knows nothing of an earlier
        /// attempt.
        definite: bool,
    },
    /// Unknown: the write may have taken effect, or may yet.
    Info,
}

/// A write under one key; all attempts are one write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub key: String,
    pub principal: String,
    pub subject: String,
    /// Nanoseconds since the beginning of its workload.
    pub invoked: u64,
    pub returned: u64,
    pub outcome: WriteOutcome,
}

/// The principal of a process of the registration workload.
pub fn registering_principal(process: usize) -> String {
    format!("writer-{process}")
}

/// The writes of the registration workload.
pub fn of_registrations(records: &[Registration]) -> Vec<LedgerEntry> {
    let mut entries: Vec<LedgerEntry> = Vec::new();
    let nanoseconds = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let mut places = std::collections::BTreeMap::new();
    for record in records {
        let outcome = match &record.result {
            RegistrationResult::Registered { .. } => WriteOutcome::Ok { logged: false },
            RegistrationResult::Refused { .. } => WriteOutcome::Fail { definite: false },
            RegistrationResult::Unknown(_) => WriteOutcome::Info,
        };
        let place = *places.entry(record.key.as_str()).or_insert_with(|| {
            entries.push(LedgerEntry {
                key: record.key.clone(),
                principal: registering_principal(record.process),
                subject: record.subject.clone(),
                invoked: nanoseconds(record.invoked),
                returned: 0,
                outcome,
            });
            entries.len() - 1
        });
        // The attempts of a key follow each other; the completion of the last one is what its process knows.
        entries[place].returned = nanoseconds(record.returned);
        entries[place].outcome = outcome;
    }
    entries
}
