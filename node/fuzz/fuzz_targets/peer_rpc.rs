//! Any bytes as any message of a peer: what is taken is what would be sent for it, and everything else is an error.
//!
//! The first byte says which message, the second whether the checksums of records in it are made to fit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use node::consensus::convert;
use node_fuzz::frame;
use prost::Message;
use proto::peer;
use raft_store::codec;

fuzz_target!(|input: &[u8]| {
    let [which, fit, bytes @ ..] = input else { return };
    match which % 6 {
        0 => {
            let Ok(mut wire) = peer::AppendRequest::decode(bytes) else { return };
            if fit % 4 != 0 {
                wire.entries = wire.entries.iter().map(|record| frame::fitting(record).into()).collect();
            }
            let Ok(request) = convert::append_from_wire(wire) else { return };
            let first = request.prev_log_id.map_or(0, |id| id.index() + 1);
            for (index, entry) in (first..).zip(&request.entries) {
                assert_eq!(entry.log_id.index(), index, "entries are contiguous");
            }
            let again = convert::append_from_wire(convert::append_to_wire(&request)).expect("what was taken is sent");
            assert_eq!(format!("{request:?}"), format!("{again:?}"));
        }
        1 => {
            let Ok(wire) = peer::AppendResponse::decode(bytes) else { return };
            let Ok(result) = convert::stream_result_from_wire(wire) else { return };
            let again = convert::stream_result_from_wire(convert::stream_result_to_wire(&result));
            assert_eq!(format!("{result:?}"), format!("{:?}", again.expect("what was taken is sent")));
        }
        2 => {
            let Ok(wire) = peer::VoteRequest::decode(bytes) else { return };
            let Ok(request) = convert::vote_request_from_wire(wire.clone()) else { return };
            assert_eq!(convert::vote_request_to_wire(&request), wire);
        }
        3 => {
            let Ok(wire) = peer::VoteResponse::decode(bytes) else { return };
            let Ok(response) = convert::vote_response_from_wire(wire.clone()) else { return };
            assert_eq!(convert::vote_response_to_wire(&response), wire);
        }
        4 => {
            let Ok(wire) = peer::ProposeRequest::decode(bytes) else { return };
            let record = if fit % 4 == 0 { wire.proposal.to_vec() } else { frame::fitting(&wire.proposal) };
            let _ = codec::decode_proposal(&record.into());
        }
        _ => {
            let Ok(wire) = peer::SnapshotHeader::decode(bytes) else { return };
            let record = if fit % 4 == 0 { wire.membership.to_vec() } else { frame::fitting(&wire.membership) };
            let _ = codec::decode_membership(&record);
            let _ = convert::vote_from_wire(wire.vote);
        }
    }
});
