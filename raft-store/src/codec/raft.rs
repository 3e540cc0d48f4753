//! Records of Raft, to bytes and back: log entries, proposals and their answers, votes, log ids, memberships, marks.

use std::collections::{BTreeMap, BTreeSet};

use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;
use registry::{Envelope, level};
use serde::{Deserialize, Serialize};

use super::frame::{CodecError, Kind, decode, encode};
use super::layout::{Frozen, check_level, frozen_struct};
use super::v1::envelope::{EnvelopeV1, OutcomeV1};
use crate::types::{Entry, LeaderId, LogId, Membership, Node, Proposal, Response, StoredMembership, Vote, log_id};

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
struct ProposalV1(EnvelopeV1);

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
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    encode::<EntryV1, _>(Kind::Entry, level_of(entry), entry)
}

fn level_of(entry: &Entry) -> u8 {
    match &entry.payload {
        EntryPayload::Normal(Proposal(envelope)) => envelope.level.max(level::BASE),
        EntryPayload::Blank | EntryPayload::Membership(_) => level::BASE,
    }
}

/// A log entry from bytes.
///
/// # Errors
/// [`CodecError`]: the record is damaged or from a newer program.
pub fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    decode::<EntryV1, _>(Kind::Entry, bytes)
}

/// A command on its way to the leader as bytes.
pub fn encode_proposal(proposal: &Proposal) -> Vec<u8> {
    encode::<ProposalV1, _>(Kind::Proposal, proposal.0.level.max(level::BASE), proposal)
}

/// A command on its way to the leader from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_proposal(bytes: &[u8]) -> Result<Proposal, CodecError> {
    decode::<ProposalV1, _>(Kind::Proposal, bytes)
}

/// A command is of no higher level than its record says.
fn proposal_of(envelope: EnvelopeV1, level: u8) -> Result<Proposal, CodecError> {
    let envelope: Envelope = envelope.thaw(level)?;
    check_level("the command", envelope.level, level)?;
    Ok(Proposal(envelope))
}

/// The answer of apply on its way back as bytes.
pub fn encode_response(response: &Response) -> Vec<u8> {
    encode::<ResponseV1, _>(Kind::Response, level::BASE, response)
}

/// The answer of apply on its way back from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_response(bytes: &[u8]) -> Result<Response, CodecError> {
    decode::<ResponseV1, _>(Kind::Response, bytes)
}

/// A vote as bytes.
pub fn encode_vote(vote: &Vote) -> Vec<u8> {
    encode::<VoteV1, _>(Kind::Vote, level::BASE, vote)
}

/// A vote from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_vote(bytes: &[u8]) -> Result<Vote, CodecError> {
    decode::<VoteV1, _>(Kind::Vote, bytes)
}

/// A log id as bytes.
pub fn encode_log_id(id: &LogId) -> Vec<u8> {
    encode::<LogIdV1, _>(Kind::LogId, level::BASE, id)
}

/// A log id from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_log_id(bytes: &[u8]) -> Result<LogId, CodecError> {
    decode::<LogIdV1, _>(Kind::LogId, bytes)
}

/// A mark as bytes.
pub fn encode_mark(mark: &Mark) -> Vec<u8> {
    encode::<MarkV1, _>(Kind::Mark, level::BASE, mark)
}

/// A mark from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_mark(bytes: &[u8]) -> Result<Mark, CodecError> {
    decode::<MarkV1, _>(Kind::Mark, bytes)
}

/// A membership with its entry as bytes.
pub fn encode_membership(stored: &StoredMembership) -> Vec<u8> {
    encode::<StoredMembershipV1, _>(Kind::Membership, level::BASE, stored)
}

/// A membership with its entry from bytes.
///
/// # Errors
/// As [`decode_entry`].
pub fn decode_membership(bytes: &[u8]) -> Result<StoredMembership, CodecError> {
    decode::<StoredMembershipV1, _>(Kind::Membership, bytes)
}

impl Frozen<Entry> for EntryV1 {
    fn freeze(entry: &Entry, needs: &mut u8) -> Self {
        let payload = match &entry.payload {
            EntryPayload::Blank => PayloadV1::Blank,
            EntryPayload::Normal(Proposal(envelope)) => {
                PayloadV1::Command(Box::new(EnvelopeV1::freeze(envelope, needs)))
            }
            EntryPayload::Membership(membership) => PayloadV1::Membership(MembershipV1::freeze(membership, needs)),
        };
        Self { id: LogIdV1::freeze(&entry.log_id, needs), payload }
    }

    fn thaw(self, level: u8) -> Result<Entry, CodecError> {
        let payload = match self.payload {
            PayloadV1::Blank => EntryPayload::Blank,
            PayloadV1::Command(envelope) => EntryPayload::Normal(proposal_of(*envelope, level)?),
            PayloadV1::Membership(membership) => EntryPayload::Membership(membership.thaw(level)?),
        };
        Ok(Entry { log_id: self.id.thaw(level)?, payload })
    }
}

impl Frozen<Proposal> for ProposalV1 {
    fn freeze(proposal: &Proposal, needs: &mut u8) -> Self {
        Self(EnvelopeV1::freeze(&proposal.0, needs))
    }

    fn thaw(self, level: u8) -> Result<Proposal, CodecError> {
        proposal_of(self.0, level)
    }
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
