//! The content address of a schema: Confluent's MD5 recipe, printed as a UUID.
//!
//! It is equal in every context, cluster and region, and the same hash decides whether two registrations in one context
//! share an id. The schema type is not part of it. Byte order of the input: see [`guid_of`].

use std::fmt;
use std::str::FromStr;

use md5::{Digest, Md5};

use crate::{Metadata, Reference, Rule, RuleSet};

/// A content address: the 16 raw bytes of the MD5, shown as a UUID without version bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = InvalidGuid;

    fn from_str(text: &str) -> Result<Self, InvalidGuid> {
        let mut bytes = [0_u8; 16];
        let mut digits = 0;
        for (position, byte) in text.bytes().enumerate() {
            if byte == b'-' {
                if !matches!(position, 8 | 13 | 18 | 23) {
                    return Err(InvalidGuid);
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16).ok_or(InvalidGuid)?;
            let slot = bytes.get_mut(digits / 2).ok_or(InvalidGuid)?;
            *slot = (*slot << 4) | u8::try_from(digit).map_err(|_| InvalidGuid)?;
            digits += 1;
        }
        if digits == 32 && text.len() == 36 { Ok(Self(bytes)) } else { Err(InvalidGuid) }
    }
}

/// A text that is not a UUID of the form `8-4-4-4-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid guid")]
pub struct InvalidGuid;

/// Computes the content address of a schema.
///
/// Input of the MD5, in UTF-8 and without separators: the canonical text; per reference in list order its name, subject
/// and version (4 bytes, big endian); if there is metadata the byte 1, then tags (sorted; key, then its values sorted),
/// properties (sorted; key, value) and sensitive names (sorted); if there is a rule set the byte 1, then the migration,
/// domain and encoding rules in list order, then `enableAt`. Absent fields add nothing.
///
/// Source: `docs/formats.md`, "Identity".
pub fn guid_of(
    canonical: &str,
    references: &[Reference],
    metadata: Option<&Metadata>,
    rule_set: Option<&RuleSet>,
) -> Guid {
    let mut hash = Md5::new();
    hash.update(canonical);
    for reference in references {
        hash.update(&reference.name);
        hash.update(&reference.subject);
        hash.update(reference.version.to_be_bytes());
    }
    if let Some(metadata) = metadata {
        hash.update([1]);
        for (path, tags) in &metadata.tags {
            hash.update(path);
            tags.iter().for_each(|tag| hash.update(tag));
        }
        for (name, value) in &metadata.properties {
            hash.update(name);
            hash.update(value);
        }
        metadata.sensitive.iter().for_each(|name| hash.update(name));
    }
    if let Some(rule_set) = rule_set {
        hash.update([1]);
        for rules in [&rule_set.migration_rules, &rule_set.domain_rules, &rule_set.encoding_rules] {
            rules.iter().for_each(|rule| hash_rule(&mut hash, rule));
        }
        if let Some(enable_at) = rule_set.enable_at {
            hash.update(enable_at.name());
        }
    }
    Guid(hash.finalize().into())
}

fn hash_rule(hash: &mut Md5, rule: &Rule) {
    let mut text = |value: Option<&str>| {
        if let Some(value) = value {
            hash.update(value);
        }
    };
    text(Some(&rule.name));
    text(rule.doc.as_deref());
    text(rule.kind.map(crate::RuleKind::name));
    text(rule.mode.map(crate::RuleMode::name));
    text(Some(&rule.rule_type));
    rule.tags.iter().for_each(|tag| text(Some(tag)));
    for (name, value) in &rule.params {
        text(Some(name));
        text(Some(value));
    }
    text(rule.expr.as_deref());
    text(rule.on_success.as_deref());
    text(rule.on_failure.as_deref());
    if rule.disabled {
        hash.update([1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_the_md5_of_the_canonical_text_printed_as_a_uuid() {
        // md5("\"string\"") in plain hexadecimal, grouped 8-4-4-4-12.
        let guid = guid_of("\"string\"", &[], None, None);
        assert_eq!(guid.to_string().replace('-', "").len(), 32);
        assert_eq!(guid.to_string().parse(), Ok(guid));
    }

    #[test]
    fn text_that_is_no_uuid_is_refused() {
        for text in ["", "xyz", "c0708b8f65f6b698bffe45c1dfa8987c", "c0708b8f-65f6-b698-bffe-45c1dfa8987"] {
            assert_eq!(text.parse::<Guid>(), Err(InvalidGuid), "{text}");
        }
    }
}
