//! Records of Raft, to bytes and back: log entries, proposals and their answers, votes, log ids, memberships, marks.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;
use registry::{Envelope, level};
use serde::{Deserialize, Serialize};

use super::body::{body_bytes, body_of, first_of};
use super::error::{CodecError, Kind};
use super::frame::{decode_record, encode_record, frame_parts, open_record};
use super::layout::{Frozen, check_level, frozen_struct};
use super::v1::envelope::{EnvelopeV1, OutcomeV1};
use crate::types::{
    CommandBody, Entry, LeaderId, LogId, Membership, Node, Proposal, Response, StoredMembership, Vote, log_id,
};

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
    /// Its envelope follows; it is encoded and decoded apart.
    Command,
    Membership(MembershipV1),
}

/// How a payload begins that is a command: the number of its variant.
const COMMAND: u8 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct MembershipV1 {
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, NodeV1>,
}

frozen_struct! {
    NodeV1 for Node {
        peer_address: String,
        http_url: String,
        region: String,
        priority: u32,
    }
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

#[derive(Debug, Serialize, Deserialize)]
struct ResponseV1 {
    outcome: Option<OutcomeV1>,
    effective: u64,
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

/// A log entry as bytes. Its level is that of its command, so that a program that does not know the command does not take
/// the entry.
///
/// The record of a command is made once and shared.
pub fn encode_entry(entry: &Entry) -> Bytes {
    let payload = match &entry.payload {
        EntryPayload::Normal(proposal) => return command_record(&entry.log_id, proposal),
        EntryPayload::Blank => PayloadV1::Blank,
        EntryPayload::Membership(membership) => PayloadV1::Membership(MembershipV1::freeze(membership, &mut 0)),
    };
    let id = LogIdV1::freeze(&entry.log_id, &mut 0);
    frame_parts(Kind::Entry, level::BASE, &[&body_bytes(&EntryV1 { id, payload })]).into()
}

/// A log entry from bytes. It keeps them: whoever needs the record of a command again gets these bytes.
///
/// # Errors
/// [`CodecError`]: the record is damaged or from a newer program.
pub fn decode_entry(record: &Bytes) -> Result<Entry, CodecError> {
    let (level, body) = open_record(Kind::Entry, record)?;
    let (id, payload) = first_of::<LogIdV1>(body)?;
    let log_id = id.thaw(level)?;
    let payload = match payload {
        [COMMAND, command @ ..] => {
            let proposal = proposal_of(level, record.slice_ref(command))?;
            proposal.keep_record(log_id, record.clone());
            EntryPayload::Normal(proposal)
        }
        _ => match body_of::<PayloadV1>(payload)? {
            PayloadV1::Blank => EntryPayload::Blank,
            PayloadV1::Membership(membership) => EntryPayload::Membership(membership.thaw(level)?),
            PayloadV1::Command => return Err(CodecError::Content("a command that does not begin as one".to_owned())),
        },
    };
    Ok(Entry { log_id, payload })
}

/// The envelope of a command as it stands in records; encoded by the first who asks.
pub(crate) fn command_body(proposal: &Proposal) -> &CommandBody {
    proposal.body_or_else(|envelope| {
        // Of the command's level at least, so that a program that does not know the command does not take the entry.
        let mut level = envelope.level.max(level::BASE);
        let bytes = body_bytes(&EnvelopeV1::freeze(envelope, &mut level)).into();
        CommandBody { level, bytes }
    })
}

/// The record of the entry that a command has become; made by the first who asks.
fn command_record(id: &LogId, proposal: &Proposal) -> Bytes {
    proposal.record_or_else(id, || {
        let command = command_body(proposal);
        let id = body_bytes(&LogIdV1::freeze(id, &mut 0));
        frame_parts(Kind::Entry, command.level, &[&id, &[COMMAND], &command.bytes]).into()
    })
}

/// A command on its way to the leader as bytes.
pub fn encode_proposal(proposal: &Proposal) -> Vec<u8> {
    let body = command_body(proposal);
    frame_parts(Kind::Proposal, body.level, &[&body.bytes])
}

/// A command on its way to the leader from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_proposal(bytes: &Bytes) -> Result<Proposal, CodecError> {
    let (level, body) = open_record(Kind::Proposal, bytes)?;
    proposal_of(level, bytes.slice_ref(body))
}

/// A command is of no higher level than its record says.
fn proposal_of(level: u8, bytes: Bytes) -> Result<Proposal, CodecError> {
    let envelope: Envelope = body_of::<EnvelopeV1>(&bytes)?.thaw(level)?;
    check_level("the command", envelope.level, level)?;
    Ok(Proposal::decoded(envelope, CommandBody { level, bytes }))
}

/// The answer of apply on its way back as bytes.
pub fn encode_response(response: &Response) -> Vec<u8> {
    encode_record::<ResponseV1, _>(Kind::Response, level::BASE, response)
}

/// The answer of apply on its way back from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_response(bytes: &[u8]) -> Result<Response, CodecError> {
    decode_record::<ResponseV1, _>(Kind::Response, bytes)
}

/// A vote as bytes.
pub fn encode_vote(vote: &Vote) -> Vec<u8> {
    encode_record::<VoteV1, _>(Kind::Vote, level::BASE, vote)
}

/// A vote from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, CodecError> {
    decode_record::<VoteV1, _>(Kind::Vote, bytes)
}

/// A log id as bytes.
pub fn encode_log_id(id: &LogId) -> Vec<u8> {
    encode_record::<LogIdV1, _>(Kind::LogId, level::BASE, id)
}

/// A log id from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_log_id(bytes: &[u8]) -> Result<LogId, CodecError> {
    decode_record::<LogIdV1, _>(Kind::LogId, bytes)
}

/// A mark as bytes.
pub fn encode_mark(mark: &Mark) -> Vec<u8> {
    encode_record::<MarkV1, _>(Kind::Mark, level::BASE, mark)
}

/// A mark from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_mark(bytes: &[u8]) -> Result<Mark, CodecError> {
    decode_record::<MarkV1, _>(Kind::Mark, bytes)
}

/// A membership with its entry as bytes.
pub fn encode_membership(stored: &StoredMembership) -> Vec<u8> {
    encode_record::<StoredMembershipV1, _>(Kind::Membership, level::BASE, stored)
}

/// A membership with its entry from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_membership(bytes: &[u8]) -> Result<StoredMembership, CodecError> {
    decode_record::<StoredMembershipV1, _>(Kind::Membership, bytes)
}

impl Frozen<Response> for ResponseV1 {
    fn freeze(response: &Response, needs: &mut u8) -> Self {
        Self {
            outcome: Frozen::freeze(&response.outcome, needs),
            effective: Frozen::freeze(&response.effective, needs),
        }
    }

    fn thaw(self, level: u8) -> Result<Response, CodecError> {
        Ok(Response { outcome: self.outcome.thaw(level)?, effective: self.effective.thaw(level)? })
    }
}

impl Frozen<Vote> for VoteV1 {
    fn freeze(vote: &Vote, _: &mut u8) -> Self {
        let leader = vote.leader_id();
        Self { term: leader.term, node_id: leader.node_id, committed: vote.committed }
    }

    fn thaw(self, _: u8) -> Result<Vote, CodecError> {
        let mut vote = Vote::new(self.term, self.node_id);
        vote.committed = self.committed;
        Ok(vote)
    }
}

impl Frozen<LogId> for LogIdV1 {
    fn freeze(id: &LogId, _: &mut u8) -> Self {
        let leader: &LeaderId = id.committed_leader_id();
        Self { term: leader.term(), node_id: leader.node_id, index: id.index() }
    }

    fn thaw(self, _: u8) -> Result<LogId, CodecError> {
        Ok(log_id(self.term, self.node_id, self.index))
    }
}

impl Frozen<Mark> for MarkV1 {
    fn freeze(mark: &Mark, needs: &mut u8) -> Self {
        let Mark { store, vote, last } = mark;
        Self { store: *store, vote: Frozen::freeze(vote, needs), last: Frozen::freeze(last, needs) }
    }

    fn thaw(self, level: u8) -> Result<Mark, CodecError> {
        Ok(Mark { store: self.store, vote: self.vote.thaw(level)?, last: self.last.thaw(level)? })
    }
}

impl Frozen<StoredMembership> for StoredMembershipV1 {
    fn freeze(stored: &StoredMembership, needs: &mut u8) -> Self {
        Self {
            id: Frozen::freeze(stored.log_id(), needs),
            membership: MembershipV1::freeze(stored.membership(), needs),
        }
    }

    fn thaw(self, level: u8) -> Result<StoredMembership, CodecError> {
        Ok(StoredMembership::new(self.id.thaw(level)?, self.membership.thaw(level)?))
    }
}

impl Frozen<Membership> for MembershipV1 {
    fn freeze(membership: &Membership, needs: &mut u8) -> Self {
        let nodes = membership.nodes().map(|(id, node)| (*id, NodeV1::freeze(node, needs)));
        Self { configs: membership.get_joint_config().clone(), nodes: nodes.collect() }
    }

    fn thaw(self, level: u8) -> Result<Membership, CodecError> {
        let nodes: Result<BTreeMap<u64, Node>, _> =
            self.nodes.into_iter().map(|(id, node)| Ok((id, node.thaw(level)?))).collect();
        Membership::new(self.configs, nodes?).map_err(|error| CodecError::Content(error.to_string()))
    }
}

/// Entries of the term index: ascending log indexes, each as its distance to the one before.
pub fn encode_postings(since: &[u64]) -> Vec<u8> {
    let mut before = 0;
    let distances: Vec<u64> = since
        .iter()
        .map(|since| {
            let distance = since.wrapping_sub(before);
            before = *since;
            distance
        })
        .collect();
    frame_parts(Kind::Postings, level::BASE, &[&body_bytes(&distances)])
}

/// Entries of the term index from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_postings(bytes: &[u8]) -> Result<Vec<u64>, CodecError> {
    let (_, body) = open_record(Kind::Postings, bytes)?;
    let mut since: Vec<u64> = body_of(body)?;
    let mut before = 0_u64;
    for (at, since) in since.iter_mut().enumerate() {
        let sum = before.checked_add(*since).filter(|sum| at == 0 || *sum > before);
        before = sum.ok_or_else(|| CodecError::Content("postings that do not ascend".to_owned()))?;
        *since = before;
    }
    Ok(since)
}
