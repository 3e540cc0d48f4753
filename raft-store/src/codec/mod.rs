//! What lies in the log and on disk: the only place that names bincode.
//!
//! Every record is a frame with a version, a kind and a checksum around the bincode of a frozen struct of ours
//! ([`frozen`]). Domain types and openraft's types never reach the disk themselves. An unknown version or kind is an error
//! that stops the node; it is never skipped.

pub mod frame;
mod frozen;
mod records;
mod twin;

pub use frame::{CodecError, Kind};
pub use records::{
    Mark, decode_entry, decode_log_id, decode_mark, decode_membership, decode_proposal, decode_response, decode_row,
    decode_vote, encode_entry, encode_log_id, encode_mark, encode_membership, encode_proposal, encode_response,
    encode_row, encode_vote,
};
