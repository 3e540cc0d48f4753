//! Compatibility levels and the check of one new schema against a subject's history.
//!
//! The three formats answer "can this reader read what this writer wrote?" as lists of [`Difference`]s; this module
//! chooses the versions and the directions to ask about, and puts the answers together as Confluent does
//! (`docs/formats.md`, "Levels and messages"). It never decides about formats itself.

mod words;

use std::collections::BTreeSet;

use crate::{Budget, ParsedSchema, SchemaError};

pub(crate) use words::Wanted;
pub use words::{Difference, Direction, Level, Policy};

/// An older version of the subject, as the check needs it.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    /// The version number, where it is known.
    pub version: Option<i32>,
    /// The schema.
    pub schema: &'a ParsedSchema,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// May the schema be registered under the level?
    pub compatible: bool,
    /// Confluent's `messages`, without the closing `{validateFields…, compatibility…}` element, which the caller knows.
    pub messages: Vec<String>,
}

/// From so many versions on, schemas are prepared for being compared.
const MANY_VERSIONS_MIN: usize = 8;

/// Longest old schema text inside a message, in characters; longer ones are cut.
const OLD_SCHEMA_CHARACTERS_MAX: usize = 10_240;

/// Checks `new` under `level` against `previous` (not-deleted versions in ascending order, already filtered by the
/// compatibility group).
///
/// Non-transitive levels look at the last one only; transitive ones go from newest to oldest and stop at the first
/// incompatible version, whose messages alone are returned.
///
/// # Errors
/// [`SchemaError::Limit`] when a comparison exceeds its budget; no verdict is given then.
pub fn check(
    level: Level,
    policy: Policy,
    new: &ParsedSchema,
    previous: &[Previous<'_>],
) -> Result<Verdict, SchemaError> {
    let directions = level.directions();
    let count = if level.is_transitive() { previous.len() } else { 1 };
    let wanted = if count < MANY_VERSIONS_MIN { Wanted::Incompatible } else { Wanted::IncompatibleOfMany };
    let mut compatible_shapes = BTreeSet::new();
    if !directions.is_empty() {
        for old in previous.iter().rev().take(count) {
            let shape = if wanted == Wanted::IncompatibleOfMany { old.schema.shape() } else { None };
            if shape.is_some_and(|shape| compatible_shapes.contains(&shape)) {
                continue;
            }
            let verdict = check_pair(directions, policy, new, *old, wanted)?;
            if !verdict.compatible {
                return Ok(verdict);
            }
            compatible_shapes.extend(shape);
        }
    }
    Ok(Verdict { compatible: true, messages: Vec::new() })
}

fn check_pair(
    directions: &[Direction],
    policy: Policy,
    new: &ParsedSchema,
    old: Previous<'_>,
    wanted: Wanted,
) -> Result<Verdict, SchemaError> {
    if new.format() != old.schema.format() {
        let messages = vec!["Incompatible because of different schema type".to_owned()];
        return Ok(Verdict { compatible: false, messages });
    }
    let mut messages = Vec::new();
    for direction in directions {
        let found = find(*direction, policy, new, old.schema, wanted)?;
        let before = messages.len();
        messages
            .extend(found.into_iter().filter(|difference| !difference.compatible).map(|difference| difference.message));
        // In FULL only the second, backward half names the old schema (Confluent's own order).
        let names_old = directions.len() == 1 || *direction == Direction::Backward;
        if names_old && messages.len() > before {
            messages.extend(old.version.map(|version| format!("{{oldSchemaVersion: {version}}}")));
            messages.push(old_schema_message(old.schema.canonical()));
        }
    }
    Ok(Verdict { compatible: messages.is_empty(), messages })
}

/// All differences in one direction, compatible ones too.
///
/// # Errors
/// [`SchemaError::Limit`] when the comparison exceeds its budget.
pub fn differences(
    direction: Direction,
    policy: Policy,
    new: &ParsedSchema,
    old: &ParsedSchema,
) -> Result<Vec<Difference>, SchemaError> {
    find(direction, policy, new, old, Wanted::All)
}

fn find(
    direction: Direction,
    policy: Policy,
    new: &ParsedSchema,
    old: &ParsedSchema,
    wanted: Wanted,
) -> Result<Vec<Difference>, SchemaError> {
    let (reader, writer) = match direction {
        Direction::Backward => (new, old),
        Direction::Forward => (old, new),
    };
    let mut budget = Budget::compare();
    match (reader, writer) {
        (ParsedSchema::Avro(reader), ParsedSchema::Avro(writer)) => {
            crate::avro::differences(reader, writer, direction, &mut budget)
        }
        (ParsedSchema::Json(reader), ParsedSchema::Json(writer)) => {
            crate::json::differences(reader, writer, direction, policy, wanted, &mut budget)
        }
        (ParsedSchema::Protobuf(reader), ParsedSchema::Protobuf(writer)) => {
            crate::protobuf::differences(reader, writer, direction, &mut budget)
        }
        (ParsedSchema::Avro(_) | ParsedSchema::Json(_) | ParsedSchema::Protobuf(_), _) => Ok(vec![Difference {
            kind: "SCHEMA_TYPE_CHANGED",
            path: "/".to_owned(),
            compatible: false,
            message: "Incompatible because of different schema type".to_owned(),
        }]),
    }
}

fn old_schema_message(canonical: &str) -> String {
    match canonical.char_indices().nth(OLD_SCHEMA_CHARACTERS_MAX) {
        Some((end, _)) => format!("{{oldSchema: <truncated> '{}...'}}", &canonical[..end]),
        None => format!("{{oldSchema: '{canonical}'}}"),
    }
}
