//! The object model on which compatibility is decided: schemas as kinds with rules, in one arena.
//!
//! It mirrors what Confluent's two loaders build (`docs/formats.md`), because the verdict depends on how a
//! schema is cut into kinds as much as on its keywords. It is plain data: loading is in [`super::classic`] and
//! [`super::modern`], comparing in [`super::compare`].

use std::sync::OnceLock;

use super::number::Decimal;

/// A schema's place in its [`Model`].
pub(super) type SchemaIndex = u32;

/// All schemas reachable from one root.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) schemas: Vec<Schema>,
    pub(super) root: SchemaIndex,
    /// For each combined schema its branches whose texts differ, once somebody has asked.
    pub(super) distinct: Vec<OnceLock<Distinct>>,
    /// See [`super::digest`]; computed at most once.
    pub(super) digests: OnceLock<Vec<Option<Digest>>>,
}

/// What tells the text of one schema, with everything below it, from that of another.
pub(super) type Digest = [u8; 16];

/// Branches whose texts differ, in order, and the steps that it took to find them: whoever asks again pays them again,
/// so that a verdict does not depend on who asked before.
#[derive(Debug)]
pub(super) struct Distinct {
    pub(super) branches: Vec<SchemaIndex>,
    pub(super) steps: u64,
}

/// One schema: its kind, and what hangs on every kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    pub(super) kind: Kind,
    pub(super) id: Option<Box<str>>,
    pub(super) title: Option<Box<str>>,
    pub(super) description: Option<Box<str>>,
    /// The default as sorted text.
    pub(super) default: Option<Box<str>>,
    /// Has it the unknown keyword `connect.type` with the value `bytes`?
    pub(super) connect_bytes: bool,
    /// Keywords that no extractor took, as sorted text: they count when subschemas are compared by text.
    pub(super) unprocessed: Option<Box<str>>,
}

/// What a schema demands.
#[derive(Debug, Clone, Default)]
pub(super) enum Kind {
    #[default]
    Empty,
    True,
    False,
    Boolean,
    Null,
    String(Box<StringRules>),
    Number(Box<NumberRules>),
    Object(Box<ObjectRules>),
    Array(Box<ArrayRules>),
    /// Values as sorted texts, sorted and distinct.
    Enum(Vec<Box<str>>),
    Const(Box<str>),
    Not(SchemaIndex),
    Conditional([Option<SchemaIndex>; 3]),
    Reference {
        target: SchemaIndex,
        text: Box<str>,
    },
    Combined {
        criterion: Criterion,
        subschemas: Vec<SchemaIndex>,
        /// Made from keywords side by side, not written as `allOf`.
        synthetic: bool,
    },
}

impl Kind {
    /// Equal numbers = same class in everit-json-schema. `True` is a sub-kind of `Empty`, not the same.
    pub(super) fn class(&self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::True => 1,
            Self::False => 2,
            Self::Boolean => 3,
            Self::Null => 4,
            Self::String(_) => 5,
            Self::Number(_) => 6,
            Self::Object(_) => 7,
            Self::Array(_) => 8,
            Self::Enum(_) => 9,
            Self::Const(_) => 10,
            Self::Not(_) => 11,
            Self::Conditional(_) => 12,
            Self::Reference { .. } => 13,
            Self::Combined { .. } => 14,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty | Self::True)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the names are the keywords")]
pub(super) enum Criterion {
    AllOf,
    AnyOf,
    OneOf,
}

impl Criterion {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AllOf => "allOf",
            Self::AnyOf => "anyOf",
            Self::OneOf => "oneOf",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct StringRules {
    pub(super) min_length: Option<Decimal>,
    pub(super) max_length: Option<Decimal>,
    pub(super) pattern: Option<Box<str>>,
    /// Not compared; part of the text of a subschema.
    pub(super) format: Option<Box<str>>,
    pub(super) requires_string: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NumberRules {
    pub(super) minimum: Option<Decimal>,
    pub(super) maximum: Option<Decimal>,
    pub(super) exclusive_minimum: Option<Decimal>,
    pub(super) exclusive_maximum: Option<Decimal>,
    /// Draft-04's flags; not compared.
    pub(super) exclusive_flags: (bool, bool),
    pub(super) multiple_of: Option<Box<str>>,
    pub(super) requires_number: bool,
    pub(super) requires_integer: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ObjectRules {
    pub(super) properties: Vec<(Box<str>, SchemaIndex)>,
    /// Positions of `properties` sorted by name.
    pub(super) by_name: Vec<u32>,
    pub(super) required: Vec<Box<str>>,
    pub(super) min_properties: Option<Decimal>,
    pub(super) max_properties: Option<Decimal>,
    /// Sorted by name; the names inside sorted and distinct.
    pub(super) property_dependencies: Vec<(Box<str>, Vec<Box<str>>)>,
    /// Sorted by name.
    pub(super) schema_dependencies: Vec<(Box<str>, SchemaIndex)>,
    pub(super) forbids_additional: bool,
    pub(super) additional: Option<SchemaIndex>,
    pub(super) patterns: Vec<(Box<str>, SchemaIndex)>,
    pub(super) property_names: Option<SchemaIndex>,
    pub(super) unevaluated: Option<SchemaIndex>,
    pub(super) requires_object: bool,
}

impl ObjectRules {
    pub(super) fn property(&self, name: &str) -> Option<SchemaIndex> {
        let found = self.by_name.binary_search_by(|at| (*self.properties[*at as usize].0).cmp(name)).ok()?;
        Some(self.properties[self.by_name[found] as usize].1)
    }

    /// Builds the index; to be called once the properties are complete.
    pub(super) fn finish(&mut self) {
        self.by_name = (0..u32::try_from(self.properties.len()).unwrap_or(u32::MAX)).collect();
        let properties = &self.properties;
        self.by_name.sort_by(|a, b| properties[*a as usize].0.cmp(&properties[*b as usize].0));
        // Lookups by name are binary searches; order does not count in any of these.
        self.required.sort();
        self.required.dedup();
        self.property_dependencies.sort();
        self.schema_dependencies.sort();
    }

    pub(super) fn requires(&self, name: &str) -> bool {
        self.required.binary_search_by(|required| (**required).cmp(name)).is_ok()
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct ArrayRules {
    pub(super) all_items: Option<SchemaIndex>,
    pub(super) items: Vec<SchemaIndex>,
    pub(super) forbids_additional: bool,
    pub(super) additional: Option<SchemaIndex>,
    pub(super) unevaluated: Option<SchemaIndex>,
    pub(super) min_items: Option<Decimal>,
    pub(super) max_items: Option<Decimal>,
    pub(super) unique: bool,
    pub(super) contains: Option<SchemaIndex>,
    pub(super) min_contains: Option<Decimal>,
    pub(super) max_contains: Option<Decimal>,
    pub(super) requires_array: bool,
}
