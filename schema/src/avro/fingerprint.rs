//! Avro's own identity: Parsing Canonical Form and its CRC-64-AVRO (Avro specification, "Parsing Canonical Form for
//! Schemas" and "Schema Fingerprints").
//!
//! Confluent does not use it; Avro's single-object encoding and other tools do.

use sha2::{Digest, Sha256};

use super::json::print_text;
use super::model::{Kind, Model, NodeId};
use super::print::too_deep;
use crate::{SchemaError, limits};

/// Seed of the CRC, and the fingerprint of nothing.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

/// The fingerprints of single bytes.
const TABLE: [u64; 256] = table();

/// The form that tells only how data is written: full names, no documentation, defaults, properties or white space.
///
/// # Errors
/// [`SchemaError::Limit`] if definitions nest too deeply.
pub(crate) fn parsing_canonical_form(model: &Model) -> Result<String, SchemaError> {
    let mut writer = Writer { model, known: vec![false; model.nodes.len()], resolution: false, out: String::new() };
    writer.write_schema(model.root, limits::SCHEMA_DEPTH_MAX)?;
    Ok(writer.out)
}

/// SHA-256 of the form with all that schema resolution looks at besides: aliases, which fields have a default, and the
/// defaults of enums. Types that are defined twice are written twice, since each use is compared for itself.
///
/// # Errors
/// As [`parsing_canonical_form`].
pub(crate) fn shape(model: &Model) -> Result<[u8; 32], SchemaError> {
    let mut writer = Writer { model, known: vec![false; model.nodes.len()], resolution: true, out: String::new() };
    writer.write_schema(model.root, limits::SCHEMA_DEPTH_MAX)?;
    Ok(Sha256::digest(&writer.out).into())
}

/// CRC-64-AVRO of `bytes`.
pub(crate) fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |crc, byte| {
        let [low, ..] = crc.to_le_bytes();
        (crc >> 8) ^ TABLE[usize::from(low ^ byte)]
    })
}

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    let mut seed = 0_u64;
    while byte < 256 {
        let mut crc = seed;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ EMPTY } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
        seed += 1;
    }
    table
}

struct Writer<'m> {
    model: &'m Model,
    known: Vec<bool>,
    /// Is what only schema resolution looks at written, too?
    resolution: bool,
    out: String,
}

impl Writer<'_> {
    fn write_schema(&mut self, id: NodeId, depth_left: usize) -> Result<(), SchemaError> {
        let depth = depth_left.checked_sub(1).ok_or_else(too_deep)?;
        let model = self.model;
        let kind = model.kind(id);
        if let Some(named) = kind.named() {
            let known = &mut self.known[if self.resolution { id } else { named.first }.0 as usize];
            if *known {
                return self.write_text(named.name.full());
            }
            *known = true;
            self.out.push_str("{\"name\":");
            self.write_text(named.name.full())?;
            self.out.push_str(",\"type\":");
            self.write_text(kind.word())?;
            if self.resolution {
                self.write_aliases(named.aliases.iter().map(|alias| alias.full()))?;
            }
        }
        match kind {
            Kind::Primitive(primitive) => self.write_text(primitive.word()),
            Kind::Array(element) | Kind::Map(element) => {
                self.out.push_str("{\"type\":");
                self.write_text(kind.word())?;
                self.out.push_str(if matches!(kind, Kind::Array(_)) { ",\"items\":" } else { ",\"values\":" });
                self.write_schema(*element, depth)?;
                self.out.push('}');
                Ok(())
            }
            Kind::Union(branches) => {
                self.out.push('[');
                for (position, branch) in branches.iter().enumerate() {
                    if position > 0 {
                        self.out.push(',');
                    }
                    self.write_schema(*branch, depth)?;
                }
                self.out.push(']');
                Ok(())
            }
            Kind::Record(record) => {
                self.out.push_str(",\"fields\":[");
                for (position, field) in record.fields.iter().enumerate() {
                    self.out.push_str(if position > 0 { ",{\"name\":" } else { "{\"name\":" });
                    self.write_text(&field.name)?;
                    self.out.push_str(",\"type\":");
                    self.write_schema(field.type_id, depth)?;
                    if self.resolution {
                        self.write_aliases(field.aliases.iter().map(String::as_str))?;
                        self.out.push_str(if field.default.is_some() { ",\"default\"" } else { "" });
                    }
                    self.out.push('}');
                }
                self.out.push_str("]}");
                Ok(())
            }
            Kind::Enum(declared) => {
                self.out.push_str(",\"symbols\":[");
                for (position, symbol) in declared.symbols.iter().enumerate() {
                    if position > 0 {
                        self.out.push(',');
                    }
                    self.write_text(symbol)?;
                }
                self.out.push(']');
                if let (true, Some(default)) = (self.resolution, &declared.default) {
                    self.write_text(default)?;
                }
                self.out.push('}');
                Ok(())
            }
            Kind::Fixed(fixed) => {
                self.out.push_str(&format!(",\"size\":{}}}", fixed.size));
                Ok(())
            }
            Kind::Forward(name) => self.write_text(name),
        }
    }

    fn write_aliases<'n>(&mut self, aliases: impl Iterator<Item = &'n str>) -> Result<(), SchemaError> {
        for alias in aliases {
            self.out.push_str(",\"alias\":");
            self.write_text(alias)?;
        }
        Ok(())
    }

    fn write_text(&mut self, text: &str) -> Result<(), SchemaError> {
        if self.resolution {
            print_text(text, &mut self.out);
            return Ok(());
        }
        // Names have no characters to escape; the form asks for none.
        self.out.push('"');
        self.out.push_str(text);
        self.out.push('"');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_of_nothing_is_the_seed() {
        assert_eq!(crc64(b""), EMPTY);
    }

    #[test]
    fn the_fingerprint_of_int_is_the_published_one() {
        // Avro's own test vectors (share/test/data/schema-tests.txt): "int" → 8247732601305521295.
        assert_eq!(crc64(b"\"int\""), 8_247_732_601_305_521_295);
    }
}
