//! Any bytes as any record and as any key: what is read is written and read again as the same, and everything else is an error.
//!
//! The first byte says which record, the second whether the checksum is made to fit: a fuzzer does not find one that fits.
#![no_main]

#[path = "../src/frame.rs"]
mod frame;

use libfuzzer_sys::fuzz_target;
use raft_store::codec;
use registry::{Key, Row};

fuzz_target!(|input: &[u8]| {
    let [which, fit, bytes @ ..] = input else { return };
    let bytes = &if fit % 4 == 0 { bytes.to_vec() } else { frame::fitting(bytes) };
    match which % 10 {
        0 => {
            let Ok(entry) = codec::decode_entry(bytes) else { return };
            let again = codec::decode_entry(&codec::encode_entry(&entry)).expect("an entry that was read is written");
            assert_eq!(entry, again);
        }
        1 => {
            let Ok(proposal) = codec::decode_proposal(bytes) else { return };
            let again = codec::decode_proposal(&codec::encode_proposal(&proposal));
            assert_eq!(proposal, again.expect("a proposal that was read is written"));
        }
        2 => {
            let Ok(response) = codec::decode_response(bytes) else { return };
            let again = codec::decode_response(&codec::encode_response(&response));
            assert_eq!(response, again.expect("a response that was read is written"));
        }
        3 => {
            let Ok(vote) = codec::decode_vote(bytes) else { return };
            assert_eq!(vote, codec::decode_vote(&codec::encode_vote(&vote)).expect("a vote that was read is written"));
        }
        4 => {
            let Ok(id) = codec::decode_log_id(bytes) else { return };
            assert_eq!(id, codec::decode_log_id(&codec::encode_log_id(&id)).expect("an id that was read is written"));
        }
        5 => {
            let Ok(mark) = codec::decode_mark(bytes) else { return };
            assert_eq!(mark, codec::decode_mark(&codec::encode_mark(&mark)).expect("a mark that was read is written"));
        }
        6 => {
            let Ok(members) = codec::decode_membership(bytes) else { return };
            let again = codec::decode_membership(&codec::encode_membership(&members));
            assert_eq!(members, again.expect("a membership that was read is written"));
        }
        7 => {
            let Some(key) = Key::decode(bytes) else { return };
            assert_eq!(key.encode(), *bytes, "a key has one form");
        }
        _ => row(bytes),
    }
});

/// A key, its length before it, and a row under it.
fn row(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return };
    let Some((key, body)) = rest.split_at_checked(usize::from(*length)) else { return };
    let Some(key) = Key::decode(key) else { return };
    let Ok(row) = codec::decode_row(&key, &frame::fitting(body)) else { return };
    let again: Row = codec::decode_row(&key, &codec::encode_row(&row)).expect("a row that was read is written");
    assert_eq!(row, again);
}
