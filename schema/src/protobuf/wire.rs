//! Writes the Protobuf wire format by hand: tags, varints, length-delimited parts.
//!
//! Descriptors are written with this instead of through a generated type, because a generated type drops the options
//! that it does not know, and a dynamic message writes maps in hash order.

/// A message under construction.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn write_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push((value & 0x7f) as u8);
    }

    pub(super) fn write_number(&mut self, tag: u32, value: u64) {
        self.write_varint(u64::from(tag) << 3);
        self.write_varint(value);
    }

    /// An `int32` or an enum: negative numbers are sign-extended.
    pub(super) fn write_int32(&mut self, tag: u32, value: i32) {
        self.write_number(tag, i64::from(value).cast_unsigned());
    }

    pub(super) fn write_bool(&mut self, tag: u32, value: bool) {
        self.write_number(tag, u64::from(value));
    }

    pub(super) fn write_fixed32(&mut self, tag: u32, value: [u8; 4]) {
        self.write_varint(u64::from(tag) << 3 | 5);
        self.bytes.extend(value);
    }

    pub(super) fn write_fixed64(&mut self, tag: u32, value: [u8; 8]) {
        self.write_varint(u64::from(tag) << 3 | 1);
        self.bytes.extend(value);
    }

    pub(super) fn write_delimited(&mut self, tag: u32, value: &[u8]) {
        self.write_varint(u64::from(tag) << 3 | 2);
        self.write_varint(value.len() as u64);
        self.bytes.extend(value);
    }

    /// A group: its fields between two tags.
    pub(super) fn write_group(&mut self, tag: u32, fields: &Self) {
        self.write_varint(u64::from(tag) << 3 | 3);
        self.bytes.extend(&fields.bytes);
        self.write_varint(u64::from(tag) << 3 | 4);
    }

    pub(super) fn write_text(&mut self, tag: u32, value: &str) {
        self.write_delimited(tag, value.as_bytes());
    }

    pub(super) fn message(&mut self, tag: u32, value: &Self) {
        self.write_delimited(tag, &value.bytes);
    }
}
