//! Any bytes as any record and as any key: what is read is written and read again as the same, and everything else is an error.
//!
//! The first byte says which record, the second whether the checksum is made to fit: a fuzzer does not find one that fits.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use node_fuzz::frame;
use raft_store::codec::{self, CodecError};
use registry::Key;

fuzz_target!(|input: &[u8]| {
    let [which, fit, bytes @ ..] = input else { return };
    let bytes = &if fit % 4 == 0 { bytes.to_vec() } else { frame::fitting(bytes) };
    match which % 10 {
        0 => round(bytes, |bytes| codec::decode_entry(&bytes.to_vec().into()), |entry| codec::encode_entry(entry).into()),
        1 => round(bytes, |bytes| codec::decode_proposal(&bytes.to_vec().into()), codec::encode_proposal),
        2 => round(bytes, codec::decode_response, codec::encode_response),
        3 => round(bytes, codec::decode_vote, codec::encode_vote),
        4 => round(bytes, codec::decode_log_id, codec::encode_log_id),
        5 => round(bytes, codec::decode_mark, codec::encode_mark),
        6 => round(bytes, codec::decode_membership, codec::encode_membership),
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
    round(&frame::fitting(body), |bytes| codec::decode_row(&key, bytes), codec::encode_row);
}

/// What is read is written and read again as the same.
fn round<T: PartialEq + Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, CodecError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(value) = decode(bytes) else { return };
    let again = decode(&encode(&value)).expect("what was read is written");
    assert_eq!(value, again);
}
