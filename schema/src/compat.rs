//! Compatibility levels and the check of one new schema against a subject's history.
//!
//! The three formats answer "can this reader read what this writer wrote?" as lists of [`Difference`]s; this module
//! chooses the versions and the directions to ask about, and puts the answers together as Confluent does
//! (`docs/formats.md`, "Levels and messages"). It never decides about formats itself.

use std::collections::BTreeSet;

use crate::{Budget, ParsedSchema, SchemaError};

/// How much a new version of a subject may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Anything goes.
    None,
    /// The new schema reads what the latest version wrote.
    Backward,
    /// The new schema reads what any version wrote.
    BackwardTransitive,
    /// The latest version reads what the new schema writes.
    Forward,
    /// Every version reads what the new schema writes.
    ForwardTransitive,
    /// Both directions against the latest version.
    Full,
    /// Both directions against every version.
    FullTransitive,
    /// The versions are frozen: nothing new is accepted (AWS Glue's DISABLED; Confluent has no such level).
    Disabled,
}

impl Level {
    /// The seven levels of the Confluent API, and [`Level::Disabled`] last.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
        Self::Disabled,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
            Self::Disabled => "DISABLED",
        }
    }

    /// The level with this wire name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    /// Does the level look at all versions, not only at the latest?
    pub fn is_transitive(self) -> bool {
        match self {
            Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive => true,
            Self::None | Self::Backward | Self::Forward | Self::Full | Self::Disabled => false,
        }
    }

    fn directions(self) -> &'static [Direction] {
        match self {
            Self::None | Self::Disabled => &[],
            Self::Backward | Self::BackwardTransitive => &[Direction::Backward],
            Self::Forward | Self::ForwardTransitive => &[Direction::Forward],
            Self::Full | Self::FullTransitive => &[Direction::Forward, Direction::Backward],
        }
    }
}

/// Which of the two schemas reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The new schema reads, the old one wrote.
    Backward,
    /// The old schema reads, the new one wrote.
    Forward,
}

impl Direction {
    /// The words for (reader, writer) in messages.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Backward => ("new", "old"),
            Self::Forward => ("old", "new"),
        }
    }
}

/// Confluent's `compatibilityPolicy`. LOGICAL is refused at the edge until it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Policy {
    /// The default.
    #[default]
    Strict,
    /// JSON Schema only: additions to open content models are accepted.
    Lenient,
}

/// One difference between a reader and a writer, compatible or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The error type, for example `TYPE_MISMATCH` or `FIELD_REMOVED`.
    pub kind: &'static str,
    /// Where: a path in the notation of the format.
    pub path: String,
    /// Is it compatible under the policy asked for?
    pub compatible: bool,
    /// The element of `messages` that Confluent would print, with the words new and old filled in; empty if compatible.
    pub message: String,
}

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

/// Which differences somebody wants to see. A verdict needs no paths of what is compatible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    All,
    Incompatible,
    /// As `Incompatible`, where a schema is compared so often that preparing it for that pays.
    IncompatibleOfMany,
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
