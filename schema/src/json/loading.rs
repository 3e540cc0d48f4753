//! What the two loaders share: the arena under construction, references that wait to be loaded, checks of keyword
//! types, and the budget.
//!
//! A `$ref` never recurses: its target is queued, so the depth of loading is that of the text.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other JSON type is the same error")]

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::OnceLock;

use super::documents::{Library, Place};
use super::model::{Kind, Model, Schema, SchemaIndex};
use super::number::Decimal;
use super::text::{Node, Object};
use super::{number, pattern};
use crate::limits::MEMBER_COUNT_MAX;
use crate::{Budget, SchemaError};

/// Steps of the walk budget that one schema takes: allocation and keyword checks make it dearer than a bare visit.
const STEPS_PER_SCHEMA: u64 = 8;

/// A step from a schema to its child, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment<'d> {
    Key(&'d str),
    Index(usize),
}

/// What counts as a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// `1.0` and `1e3` are whole numbers.
    ByValue,
    /// Neither fraction nor exponent may be written.
    Written,
}

/// A model under construction.
#[derive(Debug)]
pub(super) struct Loading<'d> {
    pub(super) library: Library<'d>,
    schemas: Vec<Schema>,
    /// Place of a reference's target → its schema. A target is loaded once, apart from the same text met inline.
    targets: BTreeMap<usize, SchemaIndex>,
    queue: VecDeque<(SchemaIndex, Place<'d>)>,
    path: Vec<Segment<'d>>,
    budget: Budget,
    members_left: usize,
}

impl<'d> Loading<'d> {
    pub(super) fn new(library: Library<'d>) -> Self {
        Self {
            library,
            schemas: Vec::new(),
            targets: BTreeMap::new(),
            queue: VecDeque::new(),
            path: Vec::new(),
            budget: Budget::walk(),
            members_left: MEMBER_COUNT_MAX,
        }
    }

    pub(super) fn finish(self, root: SchemaIndex) -> Model {
        let distinct = self.schemas.iter().map(|_| OnceLock::new()).collect();
        Model { schemas: self.schemas, root, distinct, digests: OnceLock::new() }
    }

    /// Takes the steps for one schema.
    pub(super) fn step(&mut self) -> Result<(), SchemaError> {
        self.budget.steps(STEPS_PER_SCHEMA)
    }

    /// Counts properties, branches, values and the like.
    pub(super) fn count_members(&mut self, count: usize) -> Result<(), SchemaError> {
        self.budget.steps(count as u64)?;
        self.members_left = self
            .members_left
            .checked_sub(count)
            .ok_or(SchemaError::Limit { limit: "MEMBER_COUNT_MAX", allowed: MEMBER_COUNT_MAX as u64 })?;
        Ok(())
    }

    pub(super) fn push(&mut self, schema: Schema) -> SchemaIndex {
        let index = SchemaIndex::try_from(self.schemas.len()).unwrap_or(SchemaIndex::MAX);
        self.schemas.push(schema);
        index
    }

    /// Fills a place that was reserved for a reference's target.
    pub(super) fn fill(&mut self, index: SchemaIndex, schema: Schema) {
        self.schemas[index as usize] = schema;
    }

    /// The next target to load.
    pub(super) fn next_target(&mut self) -> Option<(SchemaIndex, Place<'d>)> {
        self.path.clear();
        self.queue.pop_front()
    }

    /// The kind of a `$ref`; its target is queued unless it was met before.
    pub(super) fn read_reference(&mut self, document: usize, base: &Rc<str>, text: &str) -> Result<Kind, SchemaError> {
        let place = self.library.resolve(document, base, text).map_err(|error| self.located(error))?;
        Ok(Kind::Reference { target: self.target(place), text: text.into() })
    }

    /// The schema at a place, loaded now or later.
    pub(super) fn target(&mut self, place: Place<'d>) -> SchemaIndex {
        let key = std::ptr::from_ref(place.node).addr();
        if let Some(known) = self.targets.get(&key) {
            return *known;
        }
        let index = self.push(Schema::default());
        self.targets.insert(key, index);
        self.queue.push_back((index, place));
        index
    }

    pub(super) fn enter(&mut self, segment: Segment<'d>) {
        self.path.push(segment);
    }

    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    fn location(&self) -> String {
        let mut text = "#".to_owned();
        for segment in &self.path {
            text.push('/');
            match segment {
                Segment::Key(key) => text.push_str(key),
                Segment::Index(index) => text.push_str(&index.to_string()),
            }
        }
        text
    }

    fn located(&self, error: SchemaError) -> SchemaError {
        match error {
            SchemaError::Invalid { message } => SchemaError::invalid(format!("{}: {message}", self.location())),
            SchemaError::Reference { message } => SchemaError::reference(format!("{}: {message}", self.location())),
            SchemaError::Limit { .. } => error,
        }
    }

    pub(super) fn error(&self, message: impl std::fmt::Display) -> SchemaError {
        SchemaError::invalid(format!("{}: {message}", self.location()))
    }

    pub(super) fn wrong_type(&self, keyword: &str, expected: &str, found: &Node) -> SchemaError {
        let separator = if keyword.is_empty() { "" } else { "/" };
        let location = self.location();
        SchemaError::invalid(format!(
            "{location}{separator}{keyword}: expected {expected}, found {}",
            found.type_name()
        ))
    }

    pub(super) fn read_string(&self, object: &'d Object, keyword: &str) -> Result<Option<&'d str>, SchemaError> {
        match object.get(keyword) {
            None => Ok(None),
            Some(Node::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_type(keyword, "a string", other)),
        }
    }

    pub(super) fn read_boolean(&self, object: &Object, keyword: &str) -> Result<Option<bool>, SchemaError> {
        match object.get(keyword) {
            None => Ok(None),
            Some(Node::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong_type(keyword, "a boolean", other)),
        }
    }

    pub(super) fn read_number(&self, object: &'d Object, keyword: &str) -> Result<Option<&'d str>, SchemaError> {
        match object.get(keyword) {
            None => Ok(None),
            Some(Node::Number(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong_type(keyword, "a number", other)),
        }
    }

    /// The value of a number.
    pub(super) fn read_decimal(&self, object: &'d Object, keyword: &str) -> Result<Option<Decimal>, SchemaError> {
        Ok(self.read_number(object, keyword)?.map(Decimal::of))
    }

    /// A whole number of any size. Draft-04 wants it written without fraction and exponent, later drafts judge the value.
    pub(super) fn read_integer(
        &self,
        object: &'d Object,
        keyword: &str,
        writing: Whole,
    ) -> Result<Option<Decimal>, SchemaError> {
        let text = match object.get(keyword) {
            None => return Ok(None),
            Some(Node::Number(text)) => text,
            Some(other) => return Err(self.wrong_type(keyword, "an integer", other)),
        };
        let value = Decimal::of(text);
        let is_integer = match writing {
            Whole::ByValue => value.is_whole(),
            Whole::Written => !text.contains(['.', 'e', 'E']),
        };
        if is_integer {
            return Ok(Some(value));
        }
        Err(SchemaError::invalid(format!("{}/{keyword}: {text} is not an integer", self.location())))
    }

    pub(super) fn multiple_of(&self, object: &'d Object) -> Result<Option<Box<str>>, SchemaError> {
        match self.read_number(object, "multipleOf")? {
            Some(text) if number::is_zero(text) => Err(self.error("multipleOf should not be 0")),
            found => Ok(found.map(Into::into)),
        }
    }

    pub(super) fn read_array(&self, object: &'d Object, keyword: &str) -> Result<Option<&'d [Node]>, SchemaError> {
        match object.get(keyword) {
            None => Ok(None),
            Some(Node::Array(items)) => Ok(Some(items)),
            Some(other) => Err(self.wrong_type(keyword, "an array", other)),
        }
    }

    pub(super) fn read_object(&self, object: &'d Object, keyword: &str) -> Result<Option<&'d Object>, SchemaError> {
        match object.get(keyword) {
            None => Ok(None),
            Some(Node::Object(found)) => Ok(Some(found)),
            Some(other) => Err(self.wrong_type(keyword, "an object", other)),
        }
    }

    pub(super) fn read_strings(&mut self, keyword: &str, items: &[Node]) -> Result<Vec<Box<str>>, SchemaError> {
        self.count_members(items.len())?;
        items
            .iter()
            .map(|item| match item {
                Node::String(text) => Ok(text.clone()),
                other => Err(self.wrong_type(keyword, "strings", other)),
            })
            .collect()
    }

    /// Checks a regular expression by Java's syntax.
    pub(super) fn read_regex(&mut self, text: &str) -> Result<Box<str>, SchemaError> {
        // Names of Unicode properties are looked up by the engine, which is dear.
        let properties = text.matches("\\p{Is").count() + text.matches("\\P{Is").count();
        self.budget.steps(text.len() as u64 / 2 + properties as u64 * 1_000)?;
        match pattern::check_pattern(text) {
            Ok(()) => Ok(text.into()),
            Err(problem) => Err(self.error(format_args!("invalid regular expression \"{text}\": {problem}"))),
        }
    }

    /// Values of an `enum`: sorted, distinct texts.
    pub(super) fn read_values(&mut self, items: &[Node]) -> Result<Vec<Box<str>>, SchemaError> {
        self.count_members(items.len())?;
        let mut values: Vec<Box<str>> = items.iter().map(Node::equality_key).collect();
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }
}

/// The unknown keywords of a schema, as sorted text, or `None` if there are none.
pub(super) fn unprocessed_text(object: &Object, is_known: impl Fn(&str) -> bool) -> Option<Box<str>> {
    let mut unknown: Vec<(&str, &Node)> = object.iter().filter(|(name, _)| !is_known(name)).collect();
    if unknown.is_empty() {
        return None;
    }
    unknown.sort_by_key(|(name, _)| *name);
    let mut text = String::new();
    for (name, value) in unknown {
        super::text::print_string(name, &mut text);
        text.push(':');
        value.print_sorted(&mut text);
        text.push(',');
    }
    Some(text.into_boxed_str())
}

/// Has the schema the unknown keyword `connect.type` with the value `bytes`?
pub(super) fn is_connect_bytes(object: &Object) -> bool {
    object.get("connect.type").and_then(Node::as_str) == Some("bytes")
}
