//! Rows that are kept around every command.

use crate::{Done, LogIndex, Refusal, RequestId, level};

/// The machine's own row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineRow {
    /// The identity of the cluster, minted by the first command.
    pub cluster_id: String,
    /// Time of the newest command; never goes back.
    pub time_ms: u64,
    /// Digest of the whole history of changes, see [`crate::digest`].
    pub digest: [u8; 32],
    /// Requests remembered now.
    pub request_count: u64,
    /// The newest entry whose request was forgotten; those of all older entries are, too.
    pub requests_forgotten: LogIndex,
    /// No request that is remembered is older than this, in milliseconds of log time: nobody need look before its time comes.
    pub requests_oldest_ms: u64,
    /// Leaves of the audit tree.
    pub audit_size: u64,
    /// Versions added since the beginning.
    pub registered_total: u64,
    /// Versions deleted permanently since the beginning.
    pub deleted_total: u64,
    /// Events kept now.
    pub event_count: u64,
    /// The newest entry of which an event was forgotten: nobody can resume before it.
    pub events_forgotten: LogIndex,
    /// No event that is kept is older than this, in milliseconds of log time.
    pub events_oldest_ms: u64,
    /// The first audit record that is still in the state.
    pub audit_from: u64,
    /// The level in force, see [`crate::level`].
    pub level: u8,
    /// The administrative operation that has begun and not ended. Kept from [`crate::level::OPERATION_UNDER_WAY`] on.
    pub under_way: Option<UnderWay>,
}

/// An administrative operation that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// What is being done, see [`crate::Operation::name`].
    pub name: String,
    /// To what, see [`crate::Operation::resource`].
    pub resource: String,
    /// Who began it, see [`crate::Principal`]'s one name.
    pub principal: String,
    /// When it began.
    pub since_ms: u64,
}

impl Default for MachineRow {
    fn default() -> Self {
        Self {
            cluster_id: String::new(),
            time_ms: 0,
            digest: [0; 32],
            request_count: 0,
            requests_forgotten: LogIndex(0),
            requests_oldest_ms: 0,
            audit_size: 0,
            registered_total: 0,
            deleted_total: 0,
            event_count: 0,
            events_forgotten: LogIndex(0),
            events_oldest_ms: 0,
            audit_from: 0,
            level: level::BASE,
            under_way: None,
        }
    }
}

/// The remembered outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The answer, to be given again. `Stale` is none: the retry after a new preparation must not be answered with it.
    pub answer: Result<Done, Refusal>,
    /// The entry that had the effect.
    pub index: LogIndex,
    /// When, for expiry.
    pub time_ms: u64,
}

/// An audit record: a leaf of the audit tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// The log entry.
    pub index: LogIndex,
    /// When, from the envelope.
    pub time_ms: u64,
    /// Who, see [`crate::Principal`]'s one name.
    pub principal: String,
    /// The node that took the request.
    pub node_id: u64,
    /// What was asked for, see [`crate::Command::action`].
    pub action: String,
    /// Why, in the actor's words.
    pub reason: String,
    /// About what, see [`crate::Command::resource`].
    pub resource: String,
    /// What came of it: `ok` or the name of the refusal, with its facts.
    pub outcome: String,
    /// The request.
    pub request_id: RequestId,
    /// The state digest before the entry.
    pub digest_before: [u8; 32],
    /// The state digest after the entry.
    pub digest_after: [u8; 32],
    /// How the principal showed who it is, see [`crate::Authentication::name`]. Like the rest below, kept from
    /// [`crate::level::REQUEST_SOURCE`] on, and empty where nothing is known.
    pub authentication: String,
    /// The address that the request came from.
    pub address: String,
    /// What the client calls itself.
    pub user_agent: String,
    /// The trace that the request was part of (W3C Trace Context), in hexadecimal.
    pub trace_id: String,
}
