//! Records: log entries, votes, log ids, memberships and rows, to bytes and back.

use std::collections::{BTreeMap, BTreeSet};

use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;
use registry::{Envelope, Key, Row};
use serde::{Deserialize, Serialize};

use super::frame::{CodecError, Kind, decode, encode};
use super::frozen::EnvelopeV1;
use super::frozen::OutcomeV1;
use super::twin::Twin;
use crate::types::{Entry, LeaderId, LogId, Membership, Node, Proposal, Response, StoredMembership, Vote, log_id};
use registry::{LogIndex, Outcome};

const V1: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct LogIdV1 {
    term: u64,
    node_id: u64,
    index: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct EntryV1 {
    id: LogIdV1,
    payload: PayloadV1,
}

#[derive(Debug, Serialize, Deserialize)]
enum PayloadV1 {
    Blank,
    Command(Box<EnvelopeV1>),
    Membership(MembershipV1),
}

#[derive(Debug, Serialize, Deserialize)]
struct MembershipV1 {
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, NodeV1>,
}

#[derive(Debug, Serialize, Deserialize)]
struct NodeV1 {
    peer_address: String,
    http_url: String,
    region: String,
    priority: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredMembershipV1 {
    id: Option<LogIdV1>,
    membership: MembershipV1,
}

#[derive(Debug, Serialize, Deserialize)]
struct VoteV1 {
    term: u64,
    node_id: u64,
    committed: bool,
}

/// The mark: `last` and `vote` as the log held them, and which log that was.
#[derive(Debug, Serialize, Deserialize)]
struct MarkV1 {
    store: [u8; 16],
    vote: Option<VoteV1>,
    last: Option<LogIdV1>,
}

/// What is kept beside the log so that a log that lost its end is noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Names the log that the mark belongs to; drawn at random when the log is created.
    pub store: [u8; 16],
    /// A vote that the log held durably.
    pub vote: Option<Vote>,
    /// An entry that the log held durably, or had purged.
    pub last: Option<LogId>,
}

/// A log entry as bytes.
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    let payload = match &entry.payload {
        EntryPayload::Blank => PayloadV1::Blank,
        EntryPayload::Normal(Proposal(envelope)) => PayloadV1::Command(Box::new(envelope.freeze())),
        EntryPayload::Membership(membership) => PayloadV1::Membership(freeze_membership(membership)),
    };
    encode(Kind::Entry, V1, &EntryV1 { id: freeze_log_id(&entry.log_id), payload })
}

/// A log entry from bytes.
///
/// # Errors
/// [`CodecError`]: the record is damaged or from a newer program.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    let frozen: EntryV1 = decode(Kind::Entry, V1, bytes)?;
    let payload = match frozen.payload {
        PayloadV1::Blank => EntryPayload::Blank,
        PayloadV1::Command(envelope) => EntryPayload::Normal(Proposal(Envelope::thaw(*envelope)?)),
        PayloadV1::Membership(membership) => EntryPayload::Membership(thaw_membership(membership)?),
    };
    Ok(Entry { log_id: thaw_log_id(&frozen.id), payload })
}

/// A command on its way to the leader as bytes.
pub fn encode_proposal(proposal: &Proposal) -> Vec<u8> {
    encode(Kind::Proposal, V1, &proposal.0.freeze())
}

/// A command on its way to the leader from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_proposal(bytes: &[u8]) -> Result<Proposal, CodecError> {
    let frozen: EnvelopeV1 = decode(Kind::Proposal, V1, bytes)?;
    Envelope::thaw(frozen).map(Proposal)
}

/// The answer of apply on its way back as bytes.
pub fn encode_response(response: &Response) -> Vec<u8> {
    encode(Kind::Response, V1, &(response.outcome.freeze(), response.effective.0))
}

/// The answer of apply on its way back from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_response(bytes: &[u8]) -> Result<Response, CodecError> {
    let (outcome, effective): (OutcomeV1, u64) = decode(Kind::Response, V1, bytes)?;
    Ok(Response { outcome: Outcome::thaw(outcome)?, effective: LogIndex(effective) })
}

/// A vote as bytes.
pub fn encode_vote(vote: &Vote) -> Vec<u8> {
    encode(Kind::Vote, V1, &freeze_vote(vote))
}

/// A vote from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, CodecError> {
    decode(Kind::Vote, V1, bytes).map(|frozen| thaw_vote(&frozen))
}

/// A log id as bytes.
pub fn encode_log_id(id: &LogId) -> Vec<u8> {
    encode(Kind::LogId, V1, &freeze_log_id(id))
}

/// A log id from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_log_id(bytes: &[u8]) -> Result<LogId, CodecError> {
    decode(Kind::LogId, V1, bytes).map(|frozen| thaw_log_id(&frozen))
}

/// A mark as bytes.
pub fn encode_mark(mark: &Mark) -> Vec<u8> {
    let Mark { store, vote, last } = mark;
    let frozen = MarkV1 { store: *store, vote: vote.as_ref().map(freeze_vote), last: last.as_ref().map(freeze_log_id) };
    encode(Kind::Mark, V1, &frozen)
}

/// A mark from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_mark(bytes: &[u8]) -> Result<Mark, CodecError> {
    let MarkV1 { store, vote, last } = decode(Kind::Mark, V1, bytes)?;
    Ok(Mark { store, vote: vote.as_ref().map(thaw_vote), last: last.as_ref().map(thaw_log_id) })
}

/// A membership with its entry as bytes.
pub fn encode_membership(stored: &StoredMembership) -> Vec<u8> {
    let frozen = StoredMembershipV1 {
        id: stored.log_id().as_ref().map(freeze_log_id),
        membership: freeze_membership(stored.membership()),
    };
    encode(Kind::Membership, V1, &frozen)
}

/// A membership with its entry from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_membership(bytes: &[u8]) -> Result<StoredMembership, CodecError> {
    let frozen: StoredMembershipV1 = decode(Kind::Membership, V1, bytes)?;
    let membership = thaw_membership(frozen.membership)?;
    Ok(StoredMembership::new(frozen.id.as_ref().map(thaw_log_id), membership))
}

macro_rules! rows {
    ($($variant:ident),+ $(,)?) => {
        /// A row as bytes. Which struct it is follows from its key.
        pub fn encode_row(row: &Row) -> Vec<u8> {
            match row {
                $(Row::$variant(row) => encode(Kind::Row, V1, &row.freeze()),)+
                Row::Schema(guid, format) => encode(Kind::Row, V1, &(guid.freeze(), format.freeze())),
                Row::Present => encode(Kind::Row, V1, &()),
            }
        }
    };
}

rows!(
    Machine,
    Context,
    Subject,
    Version,
    Sent,
    Content,
    IdOf,
    Association,
    Config,
    Mode,
    Request,
    RequestAge,
    Event,
    Audit,
    AuditNode,
    Draft,
    History,
    Consumer,
    Policy,
    Cursor,
);

/// A row from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_row(key: &Key, bytes: &[u8]) -> Result<Row, CodecError> {
    fn thawed<T: Twin<Frozen: serde::de::DeserializeOwned>>(bytes: &[u8]) -> Result<T, CodecError> {
        T::thaw(decode(Kind::Row, V1, bytes)?)
    }
    Ok(match key {
        Key::Machine => Row::Machine(thawed(bytes)?),
        Key::Context(_) => Row::Context(thawed(bytes)?),
        Key::Subject(_) => Row::Subject(thawed(bytes)?),
        Key::Version(..) => Row::Version(thawed(bytes)?),
        Key::Sent(..) => Row::Sent(thawed(bytes)?),
        Key::Schema(..) => {
            let (guid, format) = decode(Kind::Row, V1, bytes)?;
            Row::Schema(schema::Guid(guid), schema::Format::thaw(format)?)
        }
        Key::Content(..) => Row::Content(thawed(bytes)?),
        Key::IdOf(..) => Row::IdOf(thawed(bytes)?),
        Key::Usage(..)
        | Key::Referrer(..)
        | Key::Term(..)
        | Key::InState(..)
        | Key::Retired(..)
        | Key::AssociationOf(..)
        | Key::AssociationNamed(..) => {
            let () = decode(Kind::Row, V1, bytes)?;
            Row::Present
        }
        Key::Association(..) => Row::Association(thawed(bytes)?),
        Key::Config(_) => Row::Config(thawed(bytes)?),
        Key::Mode(_) => Row::Mode(thawed(bytes)?),
        Key::Request(_) => Row::Request(thawed(bytes)?),
        Key::RequestAge(_) => Row::RequestAge(thawed(bytes)?),
        Key::Event(..) => Row::Event(thawed(bytes)?),
        Key::Audit(_) => Row::Audit(thawed(bytes)?),
        Key::AuditNode(..) => Row::AuditNode(thawed(bytes)?),
        Key::Draft(..) => Row::Draft(thawed(bytes)?),
        Key::History(..) => Row::History(thawed(bytes)?),
        Key::Consumer(..) => Row::Consumer(thawed(bytes)?),
        Key::Policy(_) => Row::Policy(thawed(bytes)?),
        Key::Cursor(_) => Row::Cursor(thawed(bytes)?),
    })
}

fn freeze_vote(vote: &Vote) -> VoteV1 {
    let leader = vote.leader_id();
    VoteV1 { term: leader.term, node_id: leader.node_id, committed: vote.committed }
}

fn thaw_vote(frozen: &VoteV1) -> Vote {
    let VoteV1 { term, node_id, committed } = *frozen;
    let mut vote = Vote::new(term, node_id);
    vote.committed = committed;
    vote
}

fn freeze_log_id(id: &LogId) -> LogIdV1 {
    let leader: &LeaderId = id.committed_leader_id();
    LogIdV1 { term: leader.term(), node_id: leader.node_id, index: id.index() }
}

fn thaw_log_id(frozen: &LogIdV1) -> LogId {
    log_id(frozen.term, frozen.node_id, frozen.index)
}

fn freeze_membership(membership: &Membership) -> MembershipV1 {
    let nodes = membership.nodes().map(|(id, node)| {
        let Node { peer_address, http_url, region, priority } = node.clone();
        (*id, NodeV1 { peer_address, http_url, region, priority })
    });
    MembershipV1 { configs: membership.get_joint_config().clone(), nodes: nodes.collect() }
}

fn thaw_membership(frozen: MembershipV1) -> Result<Membership, CodecError> {
    let nodes: BTreeMap<u64, Node> = frozen
        .nodes
        .into_iter()
        .map(|(id, node)| {
            let NodeV1 { peer_address, http_url, region, priority } = node;
            (id, Node { peer_address, http_url, region, priority })
        })
        .collect();
    Membership::new(frozen.configs, nodes).map_err(|error| CodecError::Content(error.to_string()))
}
