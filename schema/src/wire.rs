//! Confluent wire format: magic byte, schema id, Protobuf message indexes, and the guid form for record headers.
//!
//! ```text
//! prefix   00  schema id (4 bytes, big endian)  [message indexes]  payload
//! header   01  guid (16 bytes)                  [message indexes]
//! indexes  count, then every index, each a zig-zag varint; the list [0] is the single byte 00
//! ```
//!
//! Only framing: nothing here knows schemas, and the payload is never looked at. Source: `docs/formats.md`,
//! "Wire format".

use thiserror::Error;

use crate::{Format, Guid};

/// First byte of a frame with a schema id.
pub const MAGIC_ID: u8 = 0;
/// First byte of a frame with a guid.
pub const MAGIC_GUID: u8 = 1;
/// Most message indexes in one frame: messages nest no deeper than this.
pub const MESSAGE_INDEX_COUNT_MAX: usize = 100;

/// What the data says about its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaRef {
    /// The id in the registry's context.
    Id(u32),
    /// The content address.
    Guid(Guid),
}

/// A frame taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'d> {
    /// Which schema.
    pub schema: SchemaRef,
    /// Which message of a Protobuf schema, as the positions of messages on the way to it; empty for other formats.
    pub message_indexes: Vec<u32>,
    /// The data itself; empty in the header form.
    pub payload: &'d [u8],
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes end too early.
    #[error("the data ends inside the {0}")]
    Truncated(&'static str),
    /// The first byte is neither 0 nor 1.
    #[error("unknown magic byte {0}")]
    MagicByte(u8),
    /// A varint of more bits than its type has.
    #[error("a varint is too long")]
    VarintTooLong,
    /// A negative or impossible message index or count.
    #[error("the message indexes are malformed")]
    MessageIndexes,
    /// Bytes after the end of a record header.
    #[error("{0} bytes are left over after the header")]
    LeftOver(usize),
}

/// Puts the prefix before a payload. `message_indexes` is written for Protobuf only.
pub fn encode(schema: SchemaRef, format: Format, message_indexes: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 24);
    match schema {
        SchemaRef::Id(id) => {
            out.push(MAGIC_ID);
            out.extend(id.to_be_bytes());
        }
        SchemaRef::Guid(Guid(bytes)) => {
            out.push(MAGIC_GUID);
            out.extend(bytes);
        }
    }
    if format == Format::Protobuf {
        put_message_indexes(message_indexes, &mut out);
    }
    out.extend(payload);
    out
}

/// Takes a payload apart, whichever magic byte it begins with.
///
/// # Errors
/// [`WireError`] says where the bytes stop being a frame.
pub fn decode(data: &[u8], format: Format) -> Result<Frame<'_>, WireError> {
    let (magic, rest) = data.split_first().ok_or(WireError::Truncated("magic byte"))?;
    let (schema, rest) = match *magic {
        MAGIC_ID => {
            let (id, rest) = rest.split_first_chunk().ok_or(WireError::Truncated("schema id"))?;
            (SchemaRef::Id(u32::from_be_bytes(*id)), rest)
        }
        MAGIC_GUID => {
            let (guid, rest) = rest.split_first_chunk().ok_or(WireError::Truncated("guid"))?;
            (SchemaRef::Guid(Guid(*guid)), rest)
        }
        other => return Err(WireError::MagicByte(other)),
    };
    let (message_indexes, payload) = match format {
        Format::Protobuf => take_message_indexes(rest)?,
        Format::Avro | Format::Json => (Vec::new(), rest),
    };
    Ok(Frame { schema, message_indexes, payload })
}

/// The value of the record header `__key_schema_id` or `__value_schema_id`.
pub fn encode_header(schema: SchemaRef, format: Format, message_indexes: &[u32]) -> Vec<u8> {
    encode(schema, format, message_indexes, &[])
}

/// Takes a header value apart; the payload of the frame is empty.
///
/// # Errors
/// As [`decode`], and [`WireError::LeftOver`] if the header is longer than its parts.
pub fn decode_header(header: &[u8], format: Format) -> Result<Frame<'_>, WireError> {
    let frame = decode(header, format)?;
    if frame.payload.is_empty() { Ok(frame) } else { Err(WireError::LeftOver(frame.payload.len())) }
}

fn put_message_indexes(indexes: &[u32], out: &mut Vec<u8>) {
    // No index at all means the first message, as in Confluent's serializers.
    if matches!(indexes, [] | [0]) {
        out.push(0);
        return;
    }
    put_zigzag_varint(indexes.len() as i64, out);
    indexes.iter().for_each(|index| put_zigzag_varint(i64::from(*index), out));
}

fn take_message_indexes(data: &[u8]) -> Result<(Vec<u32>, &[u8]), WireError> {
    let mut rest = data;
    let mut next = || -> Result<i64, WireError> {
        let (value, length) = zigzag_varint(rest)?;
        rest = &rest[length..];
        Ok(value)
    };
    let count = usize::try_from(next()?).ok().filter(|count| *count <= MESSAGE_INDEX_COUNT_MAX);
    let count = count.ok_or(WireError::MessageIndexes)?;
    if count == 0 {
        return Ok((vec![0], rest));
    }
    let mut indexes = Vec::with_capacity(count);
    for _ in 0..count {
        indexes.push(u32::try_from(next()?).map_err(|_| WireError::MessageIndexes)?);
    }
    Ok((indexes, rest))
}

/// Reads a zig-zag varint of up to 64 bits from the front; with it comes its length in bytes.
pub(crate) fn zigzag_varint(data: &[u8]) -> Result<(i64, usize), WireError> {
    let mut value = 0_u64;
    for (position, byte) in data.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if position == 9 && bits > 1 {
            return Err(WireError::VarintTooLong);
        }
        value |= bits << (7 * position);
        if byte & 0x80 == 0 {
            return Ok(((value >> 1).cast_signed() ^ -(value & 1).cast_signed(), position + 1));
        }
    }
    Err(if data.len() < 10 { WireError::Truncated("varint") } else { WireError::VarintTooLong })
}

fn put_zigzag_varint(value: i64, out: &mut Vec<u8>) {
    let mut left = ((value << 1) ^ (value >> 63)).cast_unsigned();
    loop {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        if left == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schema: SchemaRef, format: Format, indexes: &[u32], bytes: &[u8]) {
        assert_eq!(encode(schema, format, indexes, b"xy"), bytes);
        let frame = decode(bytes, format).expect("a frame");
        let expected: &[u32] = if indexes.is_empty() && format == Format::Protobuf { &[0] } else { indexes };
        assert_eq!(frame, Frame { schema, message_indexes: expected.to_vec(), payload: b"xy" });
    }

    #[test]
    fn frames_are_those_of_confluents_serializers() {
        check(SchemaRef::Id(0x0102_0304), Format::Avro, &[], b"\x00\x01\x02\x03\x04xy");
        check(SchemaRef::Id(7), Format::Json, &[], b"\x00\x00\x00\x00\x07xy");
        check(SchemaRef::Id(7), Format::Protobuf, &[0], b"\x00\x00\x00\x00\x07\x00xy");
        check(SchemaRef::Id(7), Format::Protobuf, &[], b"\x00\x00\x00\x00\x07\x00xy");
        // Second top-level message; first message inside the second one (`docs/formats.md`, "Wire format").
        check(SchemaRef::Id(7), Format::Protobuf, &[1], b"\x00\x00\x00\x00\x07\x02\x02xy");
        check(SchemaRef::Id(7), Format::Protobuf, &[1, 0], b"\x00\x00\x00\x00\x07\x04\x02\x00xy");
        let guid = SchemaRef::Guid(Guid(*b"0123456789abcdef"));
        check(guid, Format::Avro, &[], b"\x010123456789abcdefxy");
        check(guid, Format::Protobuf, &[200], b"\x010123456789abcdef\x02\x90\x03xy");
    }

    #[test]
    fn headers_hold_nothing_but_the_frame() {
        let guid = SchemaRef::Guid(Guid([9; 16]));
        for (format, indexes) in [(Format::Avro, vec![]), (Format::Protobuf, vec![3, 1])] {
            let header = encode_header(guid, format, &indexes);
            let frame = decode_header(&header, format).expect("a header");
            assert_eq!((frame.schema, frame.message_indexes), (guid, indexes));
        }
        assert_eq!(decode_header(b"\x00\x00\x00\x00\x01!", Format::Avro), Err(WireError::LeftOver(1)));
    }

    #[test]
    fn malformed_frames_are_refused() {
        for (bytes, error) in [
            (&b""[..], WireError::Truncated("magic byte")),
            (b"\x02\x00\x00\x00\x01", WireError::MagicByte(2)),
            (b"\x00\x00\x00\x01", WireError::Truncated("schema id")),
            (b"\x01short", WireError::Truncated("guid")),
            (b"\x00\x00\x00\x00\x01", WireError::Truncated("varint")),
            (b"\x00\x00\x00\x00\x01\x04\x02", WireError::Truncated("varint")),
            (b"\x00\x00\x00\x00\x01\x01", WireError::MessageIndexes),
            (b"\x00\x00\x00\x00\x01\x02\x01", WireError::MessageIndexes),
            (b"\x00\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", WireError::VarintTooLong),
            (b"\x00\x00\x00\x00\x01\xfe\xff\xff\xff\x0f", WireError::MessageIndexes),
        ] {
            assert_eq!(decode(bytes, Format::Protobuf), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn varints_round_trip_at_the_edges() {
        for value in [0, 1, -1, 63, 64, -64, -65, i64::from(i32::MAX), i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            put_zigzag_varint(value, &mut bytes);
            assert_eq!(zigzag_varint(&bytes), Ok((value, bytes.len())));
        }
    }
}
