//! openraft's messages to and from the wire. The only place that knows both.

use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult, VoteRequest, VoteResponse};
use proto::peer;
use raft_store::codec::{self, CodecError};
use raft_store::types::{LogId, TypeConfig, Vote, log_id};
use tonic::Status;

/// A vote as it is sent.
pub fn vote_to_wire(vote: &Vote) -> peer::Vote {
    let leader = vote.leader_id();
    peer::Vote { term: leader.term, node_id: leader.node_id, committed: vote.committed }
}

/// A vote as it was received.
///
/// # Errors
/// [`Status`] if there is none.
pub fn vote_from_wire(wire: Option<peer::Vote>) -> Result<Vote, Status> {
    let wire = wire.ok_or_else(|| Status::invalid_argument("the vote is missing"))?;
    let mut vote = Vote::new(wire.term, wire.node_id);
    vote.committed = wire.committed;
    Ok(vote)
}

/// The id of an entry as it is sent.
pub fn id_to_wire(id: &LogId) -> peer::LogId {
    let leader = id.committed_leader_id();
    peer::LogId { term: leader.term, node_id: leader.node_id, index: id.index() }
}

/// The id of an entry as it was received.
pub fn id_from_wire(wire: peer::LogId) -> LogId {
    log_id(wire.term, wire.node_id, wire.index)
}

/// An append as it is sent.
pub fn append_to_wire(request: &AppendEntriesRequest<TypeConfig>) -> peer::AppendRequest {
    peer::AppendRequest {
        vote: Some(vote_to_wire(&request.vote)),
        previous: request.prev_log_id.as_ref().map(id_to_wire),
        committed: request.leader_commit.as_ref().map(id_to_wire),
        entries: request.entries.iter().map(codec::encode_entry).collect(),
    }
}

/// An append as it was received.
///
/// # Errors
/// [`Status`] if a record is damaged or the entries leave a gap.
pub fn append_from_wire(wire: peer::AppendRequest) -> Result<AppendEntriesRequest<TypeConfig>, Status> {
    let prev_log_id = wire.previous.map(id_from_wire);
    let mut entries = Vec::with_capacity(wire.entries.len());
    let mut next = prev_log_id.map_or(Some(0), |id| id.index().checked_add(1));
    for record in &wire.entries {
        let entry = codec::decode_entry(record).map_err(|error| damaged_record(&error))?;
        // openraft only asserts this in debug builds; a gap would be a hole in the log.
        if Some(entry.log_id.index()) != next {
            return Err(Status::invalid_argument("the entries are not contiguous"));
        }
        next = entry.log_id.index().checked_add(1);
        entries.push(entry);
    }
    Ok(AppendEntriesRequest {
        vote: vote_from_wire(wire.vote)?,
        prev_log_id,
        entries,
        leader_commit: wire.committed.map(id_from_wire),
    })
}

/// The answer to an append as it is sent.
pub fn stream_result_to_wire(result: &StreamAppendResult<TypeConfig>) -> peer::AppendResponse {
    use peer::append_response::Result as Wire;
    let (result, log_id, vote) = match result {
        Ok(id) => (Wire::Success, id.as_ref().map(id_to_wire), None),
        Err(StreamAppendError::Conflict(id)) => (Wire::Conflict, Some(id_to_wire(id)), None),
        Err(StreamAppendError::HigherVote(vote)) => (Wire::HigherVote, None, Some(vote_to_wire(vote))),
    };
    peer::AppendResponse { result: result.into(), log_id, vote }
}

/// The answer to an append as it was received.
///
/// # Errors
/// [`Status`] if a part is missing.
pub fn stream_result_from_wire(wire: peer::AppendResponse) -> Result<StreamAppendResult<TypeConfig>, Status> {
    use peer::append_response::Result as Wire;
    let log_id = wire.log_id.map(id_from_wire);
    Ok(match wire.result() {
        Wire::Success | Wire::Partial => Ok(log_id),
        Wire::Conflict => Err(StreamAppendError::Conflict(
            log_id.ok_or_else(|| Status::invalid_argument("the conflicting entry is missing"))?,
        )),
        Wire::HigherVote => Err(StreamAppendError::HigherVote(vote_from_wire(wire.vote)?)),
        Wire::Unspecified => return Err(Status::invalid_argument("an append was answered without a result")),
    })
}

/// A request for a vote as it is sent.
pub fn vote_request_to_wire(request: &VoteRequest<TypeConfig>) -> peer::VoteRequest {
    peer::VoteRequest {
        vote: Some(vote_to_wire(&request.vote)),
        last: request.last_log_id.as_ref().map(id_to_wire),
        leadership_transfer: request.leadership_transfer,
    }
}

/// A request for a vote as it was received.
///
/// # Errors
/// [`Status`] if the vote is missing.
pub fn vote_request_from_wire(wire: peer::VoteRequest) -> Result<VoteRequest<TypeConfig>, Status> {
    let mut request = VoteRequest::new(vote_from_wire(wire.vote)?, wire.last.map(id_from_wire));
    request.leadership_transfer = wire.leadership_transfer;
    Ok(request)
}

/// The answer to a request for a vote as it is sent.
pub fn vote_response_to_wire(response: &VoteResponse<TypeConfig>) -> peer::VoteResponse {
    peer::VoteResponse {
        vote: Some(vote_to_wire(&response.vote)),
        granted: response.vote_granted,
        last: response.last_log_id.as_ref().map(id_to_wire),
    }
}

/// The answer to a request for a vote as it was received.
///
/// # Errors
/// [`Status`] if the vote is missing.
pub fn vote_response_from_wire(wire: peer::VoteResponse) -> Result<VoteResponse<TypeConfig>, Status> {
    Ok(VoteResponse {
        vote: vote_from_wire(wire.vote)?,
        vote_granted: wire.granted,
        last_log_id: wire.last.map(id_from_wire),
    })
}

/// The answer to a record that cannot be read.
pub fn damaged_record(error: &CodecError) -> Status {
    Status::invalid_argument(format!("a record of the request cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;
    use raft_store::types::Entry;

    use super::*;

    fn append(previous: Option<u64>, indexes: &[u64]) -> peer::AppendRequest {
        let entry = |index: &u64| Entry { log_id: log_id(1, 1, *index), payload: EntryPayload::Blank };
        peer::AppendRequest {
            vote: Some(peer::Vote { term: 1, node_id: 1, committed: true }),
            previous: previous.map(|index| peer::LogId { term: 1, node_id: 1, index }),
            committed: None,
            entries: indexes.iter().map(|index| codec::encode_entry(&entry(index))).collect(),
        }
    }

    #[test]
    fn entries_follow_each_other_up_to_the_last_index_there_is() {
        for (previous, indexes, is_good) in [
            (None, &[0, 1, 2][..], true),
            (Some(7), &[8, 9][..], true),
            (Some(7), &[][..], true),
            (Some(7), &[9][..], false),
            (None, &[0, 2][..], false),
            (Some(u64::MAX), &[][..], true),
            (Some(u64::MAX), &[0][..], false),
            (Some(u64::MAX - 1), &[u64::MAX][..], true),
            (Some(u64::MAX - 1), &[u64::MAX, 0][..], false),
        ] {
            assert_eq!(append_from_wire(append(previous, indexes)).is_ok(), is_good, "{previous:?} {indexes:?}");
        }
    }
}
