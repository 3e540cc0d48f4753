//! The frame of a record, told again: see `raft_store::codec::frame`.

const HEADER_BYTES: usize = 12;

/// A record whose length and checksum fit, of whatever version, kind and flags the bytes begin with.
pub fn fitting(bytes: &[u8]) -> Vec<u8> {
    let mut record = bytes.to_vec();
    if record.len() < HEADER_BYTES {
        record.resize(HEADER_BYTES, 0);
    }
    record[0] = b'R';
    let length = u32::try_from(record.len() - HEADER_BYTES).expect("inputs are short");
    record[4..8].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&record[1..8]), &record[HEADER_BYTES..]);
    record[8..12].copy_from_slice(&checksum.to_le_bytes());
    record
}
