//! Avro binary encoding (Avro specification, "Binary Encoding").
//!
//! ```text
//! int, long        zig-zag varint, at most 5 and 10 bytes
//! float, double    4 and 8 bytes, little endian
//! boolean          one byte, 0 or 1
//! bytes, string    long length, then the bytes
//! fixed            its bytes
//! enum             int position of the symbol
//! union            long position of the branch, then the value
//! array, map       blocks: long count, then the items (a map's with a string key before each);
//!                  a negative count is followed by the length of the block in bytes; count 0 ends
//! record           its fields, one after the other
//! ```

use super::{DATA_DEPTH_MAX, Report, Step, Stop, branch_list, expected};
use crate::Budget;
use crate::avro::AvroSchema;
use crate::avro::model::{Kind, Model, NodeId, Primitive};
use crate::limits::WALK_STEPS_MAX;
use crate::validate::DataError;

/// What is wrong with `data` as one Avro binary datum of the schema; empty if nothing is.
///
/// Bytes after the datum are an error. Most errors end the decoding, because the place of what follows depends on it.
pub fn validate_binary(schema: &AvroSchema, data: &[u8]) -> Vec<DataError> {
    let budget = Budget::new("WALK_STEPS_MAX", WALK_STEPS_MAX.saturating_add(data.len() as u64));
    let mut decoder = Decoder { model: &schema.model, data, at: 0, budget, report: Report::default() };
    let end = decoder.decode_value(schema.model.root, 0);
    if end.is_ok() && decoder.at < data.len() {
        let message = format!("{} bytes are left over after the datum", data.len() - decoder.at);
        decoder.report.end(message);
    }
    decoder.report.errors
}

struct Decoder<'d> {
    model: &'d Model,
    data: &'d [u8],
    at: usize,
    budget: Budget,
    report: Report<'d>,
}

impl<'d> Decoder<'d> {
    fn decode_value(&mut self, id: NodeId, depth: usize) -> Result<(), Stop> {
        self.budget.step().map_err(|error| self.report.end(error.to_string()))?;
        if depth > DATA_DEPTH_MAX {
            return Err(self.report.end(format!("the data nests deeper than DATA_DEPTH_MAX, {DATA_DEPTH_MAX} levels")));
        }
        let model = self.model;
        match model.kind(id) {
            Kind::Primitive(primitive) => self.decode_primitive(*primitive),
            Kind::Fixed(fixed) => self.take(u64::from(fixed.size), "a fixed").map(|_| ()),
            Kind::Enum(declared) => {
                let position = self.decode_int("an enum")?;
                match usize::try_from(position).ok().filter(|position| *position < declared.symbols.len()) {
                    Some(_) => Ok(()),
                    None => {
                        let name = expected(model.kind(id));
                        self.report.add(format!("{position} is not the position of a symbol of {name}"))
                    }
                }
            }
            Kind::Union(branches) => {
                let position = self.decode_long("the branch of a union")?;
                match usize::try_from(position).ok().and_then(|position| branches.get(position)) {
                    Some(branch) => self.decode_value(*branch, depth + 1),
                    None => {
                        let branches = branch_list(model, branches);
                        Err(self.report.end(format!("{position} is not the position of a branch of {branches}")))
                    }
                }
            }
            Kind::Array(element) => self.decode_blocks(depth, |decoder, index, depth| {
                decoder.report.path.push(Step::Index(index));
                decoder.decode_value(*element, depth)
            }),
            Kind::Map(element) => self.decode_blocks(depth, |decoder, index, depth| {
                decoder.report.path.push(Step::Index(index));
                let key = decoder.decode_bytes("a key of a map")?;
                decoder.report.path.pop();
                // A key that is no text keeps its position as its name.
                decoder.report.path.push(match std::str::from_utf8(key) {
                    Ok(key) => Step::Member(key),
                    Err(_) => Step::Index(index),
                });
                if std::str::from_utf8(key).is_err() {
                    decoder.report.add("a key of a map is not UTF-8")?;
                }
                decoder.decode_value(*element, depth)
            }),
            Kind::Record(record) => {
                for field in &record.fields {
                    self.report.path.push(Step::Member(&field.name));
                    self.decode_value(field.type_id, depth + 1)?;
                    self.report.path.pop();
                }
                Ok(())
            }
            Kind::Forward(name) => Err(self.report.end(format!("the type {name} is not defined"))),
        }
    }

    fn decode_primitive(&mut self, primitive: Primitive) -> Result<(), Stop> {
        match primitive {
            Primitive::Null => Ok(()),
            Primitive::Boolean => match self.take(1, "a boolean")? {
                [0 | 1] => Ok(()),
                other => {
                    let message = format!("a boolean is 0 or 1, not {}", other.first().copied().unwrap_or_default());
                    self.report.add(message)
                }
            },
            Primitive::Int => self.decode_int("an int").map(|_| ()),
            Primitive::Long => self.decode_long("a long").map(|_| ()),
            Primitive::Float => self.take(4, "a float").map(|_| ()),
            Primitive::Double => self.take(8, "a double").map(|_| ()),
            Primitive::Bytes => self.decode_bytes("bytes").map(|_| ()),
            Primitive::String => match std::str::from_utf8(self.decode_bytes("a string")?) {
                Ok(_) => Ok(()),
                Err(_) => self.report.add("a string is not UTF-8"),
            },
        }
    }

    /// Reads the blocks of an array or map. `item` pushes its step of the path, which is taken off here.
    fn decode_blocks(
        &mut self,
        depth: usize,
        mut item: impl FnMut(&mut Self, u64, usize) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut index = 0_u64;
        loop {
            let count = self.decode_long("the count of a block")?;
            if count == 0 {
                return Ok(());
            }
            let mut end = None;
            if count < 0 {
                let length = self.decode_long("the length of a block")?;
                let length = u64::try_from(length).ok().filter(|length| *length <= self.left());
                let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
                    return Err(self.report.end("the length of a block is beyond the end of the data"));
                };
                end = Some(self.at + length);
            }
            for _ in 0..count.unsigned_abs() {
                item(self, index, depth + 1)?;
                self.report.path.pop();
                index = index.saturating_add(1);
            }
            if end.is_some_and(|end| end != self.at) {
                return Err(self.report.end("the items of a block do not have the length that the block tells"));
            }
        }
    }

    fn left(&self) -> u64 {
        (self.data.len() - self.at) as u64
    }

    fn decode_bytes(&mut self, what: &str) -> Result<&'d [u8], Stop> {
        let length = self.decode_long(what)?;
        match u64::try_from(length) {
            Ok(length) => self.take(length, what),
            Err(_) => Err(self.report.end(format!("the length of {what} is negative: {length}"))),
        }
    }

    fn take(&mut self, length: u64, what: &str) -> Result<&'d [u8], Stop> {
        let taken = usize::try_from(length).ok().filter(|_| length <= self.left());
        match taken.and_then(|length| self.data.get(self.at..self.at + length)) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => {
                let message = format!("the data ends inside {what}: {length} bytes needed, {} left", self.left());
                Err(self.report.end(message))
            }
        }
    }

    fn decode_int(&mut self, what: &str) -> Result<i32, Stop> {
        let value = self.decode_long(what)?;
        i32::try_from(value).map_err(|_| self.report.end(format!("{what} is out of range: {value}")))
    }

    fn decode_long(&mut self, what: &str) -> Result<i64, Stop> {
        match crate::wire::zigzag_varint(&self.data[self.at..]) {
            Ok((value, length)) => {
                self.at += length;
                Ok(value)
            }
            Err(error) => Err(self.report.end(format!("the data ends or breaks inside {what}: {error}"))),
        }
    }
}
