//! What lies in the log and on disk: the only place that names bincode.
//!
//! Every record is a frame with a level, a kind and a checksum around the bincode of a frozen struct of ours (module `v1`).
//! Domain types and openraft's types never reach the disk themselves. A record of a level that this program does not know,
//! or of an unknown kind, is an error that stops the node; it is never skipped.

mod body;
mod error;
mod frame;
mod layout;
mod raft;
mod rows;
mod v1;

pub use body::RECORD_BYTES_MAX;
pub use error::{CodecError, Kind};
pub use frame::level_of_record;
pub(crate) use raft::command_body;
pub use raft::{
    Mark, decode_entry, decode_log_id, decode_mark, decode_membership, decode_postings, decode_proposal,
    decode_response, decode_vote, encode_entry, encode_log_id, encode_mark, encode_membership, encode_postings,
    encode_proposal, encode_response, encode_vote,
};
pub use rows::{decode_row, encode_row};

/// Is a record whole, whatever it holds? Its length and its checksum say so.
///
/// # Errors
/// [`CodecError`]: the record is damaged.
pub fn check_record(bytes: &[u8]) -> Result<(), CodecError> {
    frame::check_frame(bytes)
}
