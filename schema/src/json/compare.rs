//! The comparison of two object models: what has changed from `old` to `new`, and is it compatible?
//!
//! Source: compatibility reference 3.3. A pair of schemas is compared once; a pair that is met again inside itself is
//! cut, and the whole is repeated with what was learnt until no further pair turns out incompatible. Work is bounded by
//! the budget, depth and passes; the findings of shared pairs are shared, never copied, so that a doubling graph of
//! references stays small until it is written out, which is bounded too.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::kinds::{self, Kind as Type};
use super::model::{ArrayRules, Kind, Model, NumberRules, ObjectRules, Schema, SchemaIndex, StringRules};
use super::number::{self, MultipleOf};
use super::pattern::Pattern;
use crate::compat::{Difference, Direction, Policy};
use crate::{Budget, SchemaError};

/// Deepest nesting of comparisons. Deeper than the text may nest, because references lead on; bounded for the stack.
const COMPARE_DEPTH_MAX: usize = 256;
/// Most passes of the fix-point. Real schemas need two or three.
const COMPARE_PASSES_MAX: usize = 32;
/// Most differences written out. Beyond, compatible ones are left out, then the last incompatible ones.
const DIFFERENCE_COUNT_MAX: usize = 20_000;

/// A schema of one of the two models. The roles of old and new swap under `not`, so the side travels with the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) is_new: bool,
    pub(super) index: SchemaIndex,
}

/// The findings of one pair, paths relative to it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    items: Vec<Item>,
    pub(super) incompatible: bool,
}

#[derive(Debug)]
enum Item {
    Leaf(&'static Type, Box<str>),
    /// Findings of a sub-pair, below a prefix. Never empty ones.
    Below(Box<str>, Rc<Findings>),
}

impl Findings {
    pub(super) fn add(&mut self, kind: &'static Type, path: impl Into<Box<str>>, policy: Policy) {
        self.incompatible |= !kind.is_compatible(policy);
        self.items.push(Item::Leaf(kind, path.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn add_below(&mut self, prefix: impl Into<Box<str>>, below: &Rc<Self>) {
        if !below.items.is_empty() {
            self.incompatible |= below.incompatible;
            self.items.push(Item::Below(prefix.into(), Rc::clone(below)));
        }
    }
}

/// All differences from `old` to `new` in document order.
///
/// # Errors
/// [`SchemaError::Limit`] when budget, depth or passes are used up.
pub(super) fn differences(
    old: &Model,
    new: &Model,
    direction: Direction,
    policy: Policy,
    budget: &mut Budget,
) -> Result<Vec<Difference>, SchemaError> {
    let mut comparison = Comparison {
        old,
        new,
        policy,
        budget,
        memo: BTreeMap::new(),
        active: BTreeSet::new(),
        known: BTreeMap::new(),
        was_cut: false,
        depth: 0,
        nothing: Rc::new(Findings::default()),
        texts: BTreeMap::new(),
        patterns: BTreeMap::new(),
    };
    let findings = comparison.run()?;
    let mut writer = Writer { direction, policy, only_incompatible: false, found: Vec::new() };
    if !writer.write(&findings, &mut "#/".to_owned()) {
        writer.only_incompatible = true;
        writer.found.clear();
        writer.write(&findings, &mut "#/".to_owned());
    }
    Ok(writer.found)
}

/// Writes shared findings out as a flat list.
struct Writer {
    direction: Direction,
    policy: Policy,
    only_incompatible: bool,
    found: Vec<Difference>,
}

impl Writer {
    /// False when the limit was hit. Every branch walked yields something, so the walk is bounded by its yield.
    fn write(&mut self, findings: &Findings, path: &mut String) -> bool {
        for item in &findings.items {
            let length = path.len();
            match item {
                Item::Leaf(kind, suffix) => {
                    if self.only_incompatible && kind.is_compatible(self.policy) {
                        continue;
                    }
                    if self.found.len() >= DIFFERENCE_COUNT_MAX {
                        return false;
                    }
                    append(path, suffix);
                    self.found.push(kind.at(path.clone(), self.direction, self.policy));
                }
                Item::Below(prefix, below) => {
                    if self.only_incompatible && !below.incompatible {
                        continue;
                    }
                    append(path, prefix);
                    if !self.write(below, path) {
                        return false;
                    }
                }
            }
            path.truncate(length);
        }
        true
    }
}

/// Joins with a slash; the root path `#/` already ends with one.
fn append(path: &mut String, segment: &str) {
    if !segment.is_empty() {
        if path.len() > 2 {
            path.push('/');
        }
        path.push_str(segment);
    }
}

type Pair = (At, At);

pub(super) struct Comparison<'m> {
    old: &'m Model,
    new: &'m Model,
    pub(super) policy: Policy,
    pub(super) budget: &'m mut Budget,
    memo: BTreeMap<Pair, Rc<Findings>>,
    active: BTreeSet<Pair>,
    /// Pairs found incompatible in earlier passes, with what was found first.
    known: BTreeMap<Pair, Rc<Findings>>,
    was_cut: bool,
    depth: usize,
    nothing: Rc<Findings>,
    pub(super) texts: BTreeMap<At, Rc<str>>,
    patterns: BTreeMap<(At, usize), Rc<Pattern>>,
}

impl<'m> Comparison<'m> {
    fn run(&mut self) -> Result<Rc<Findings>, SchemaError> {
        let root = (At { is_new: false, index: self.old.root }, At { is_new: true, index: self.new.root });
        for _ in 0..COMPARE_PASSES_MAX {
            self.was_cut = false;
            let findings = self.compare(root.0, root.1)?;
            let known_before = self.known.len();
            for (pair, findings) in std::mem::take(&mut self.memo) {
                if findings.incompatible {
                    // What was found first stays, so that findings do not nest deeper with every pass.
                    self.known.entry(pair).or_insert(findings);
                }
            }
            if !self.was_cut || self.known.len() == known_before {
                return Ok(findings);
            }
        }
        Err(SchemaError::Limit { limit: "COMPARE_PASSES_MAX", allowed: COMPARE_PASSES_MAX as u64 })
    }

    pub(super) fn model(&self, at: At) -> &'m Model {
        if at.is_new { self.new } else { self.old }
    }

    pub(super) fn schema(&self, at: At) -> &'m Schema {
        &self.model(at).schemas[at.index as usize]
    }

    /// The target of a reference, one level; anything else is itself.
    fn dereferenced(&self, at: At) -> At {
        match &self.schema(at).kind {
            Kind::Reference { target, .. } => At { index: *target, ..at },
            _ => at,
        }
    }

    /// Compares an optional schema with another.
    fn compare_optional(
        &mut self,
        old: Option<At>,
        new: Option<At>,
        path: &str,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        match (old, new) {
            (None, None) => {}
            (None, Some(_)) => found.add(&kinds::SCHEMA_ADDED, path, self.policy),
            (Some(_), None) => found.add(&kinds::SCHEMA_REMOVED, path, self.policy),
            (Some(old), Some(new)) => {
                let below = self.compare(old, new)?;
                found.add_below(path, &below);
            }
        }
        Ok(())
    }

    pub(super) fn compare(&mut self, old: At, new: At) -> Result<Rc<Findings>, SchemaError> {
        self.budget.step()?;
        let pair = (self.dereferenced(old), self.dereferenced(new));
        let (old, new) = (self.schema(pair.0), self.schema(pair.1));
        if is_leaf(&old.kind) && is_leaf(&new.kind) {
            let mut found = Findings::default();
            self.compare_schemas(pair, old, new, &mut found)?;
            return Ok(if found.items.is_empty() { Rc::clone(&self.nothing) } else { Rc::new(found) });
        }
        if let Some(findings) = self.memo.get(&pair) {
            return Ok(Rc::clone(findings));
        }
        if !self.active.insert(pair) {
            self.was_cut = true;
            return Ok(Rc::clone(self.known.get(&pair).unwrap_or(&self.nothing)));
        }
        self.depth += 1;
        if self.depth > COMPARE_DEPTH_MAX {
            return Err(SchemaError::Limit { limit: "COMPARE_DEPTH_MAX", allowed: COMPARE_DEPTH_MAX as u64 });
        }
        let mut found = Findings::default();
        self.compare_schemas(pair, old, new, &mut found)?;
        self.depth -= 1;
        self.active.remove(&pair);
        let findings = Rc::new(found);
        self.memo.insert(pair, Rc::clone(&findings));
        Ok(findings)
    }

    fn compare_schemas(
        &mut self,
        pair: Pair,
        old: &'m Schema,
        new: &'m Schema,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        if self.compare_with_combined(pair, old, new, found)? {
            return Ok(());
        }
        if old.kind.class() != new.kind.class() {
            let accepts = matches!(old.kind, Kind::False) || new.kind.is_empty();
            if !accepts && !(old.connect_bytes && new.connect_bytes) {
                found.add(&kinds::TYPE_CHANGED, "", self.policy);
            }
            return Ok(());
        }
        for (kind, was, is) in [
            (&kinds::ID_CHANGED, &old.id, &new.id),
            (&kinds::TITLE_CHANGED, &old.title, &new.title),
            (&kinds::DESCRIPTION_CHANGED, &old.description, &new.description),
            (&kinds::DEFAULT_CHANGED, &old.default, &new.default),
        ] {
            if was != is {
                found.add(kind, "", self.policy);
            }
        }
        match (&old.kind, &new.kind) {
            (Kind::String(was), Kind::String(is)) => self.compare_strings(was, is, found),
            (Kind::Number(was), Kind::Number(is)) => self.compare_numbers(was, is, found),
            (Kind::Enum(was), Kind::Enum(is)) => self.compare_enums(was, is, found)?,
            (Kind::Const(was), Kind::Const(is)) => {
                if was != is {
                    found.add(&kinds::ENUM_ARRAY_CHANGED, "const", self.policy);
                }
            }
            (Kind::Not(was), Kind::Not(is)) => {
                // What the new schema excludes, the old one must have excluded: the roles swap.
                let below =
                    self.compare(At { is_new: pair.1.is_new, index: *is }, At { is_new: pair.0.is_new, index: *was })?;
                let kind = if below.incompatible { &kinds::NOT_TYPE_EXTENDED } else { &kinds::NOT_TYPE_NARROWED };
                found.add(kind, "not", self.policy);
            }
            (Kind::Object(was), Kind::Object(is)) => self.compare_objects(pair, was, is, found)?,
            (Kind::Array(was), Kind::Array(is)) => self.compare_arrays(pair, was, is, found)?,
            (
                Kind::Combined { criterion: was, subschemas: olds, .. },
                Kind::Combined { criterion: is, subschemas: news, .. },
            ) => self.compare_combined(pair, (*was, olds), (*is, news), found)?,
            // Nothing else has anything more to compare; conditions never are.
            _ => {}
        }
        Ok(())
    }

    fn compare_strings(&self, old: &StringRules, new: &StringRules, found: &mut Findings) {
        self.limit(old.max_length, new.max_length, &kinds::MAX_LENGTH, found);
        self.limit(old.min_length, new.min_length, &kinds::MIN_LENGTH, found);
        match (&old.pattern, &new.pattern) {
            (None, Some(_)) => found.add(&kinds::PATTERN_ADDED, "pattern", self.policy),
            (Some(_), None) => found.add(&kinds::PATTERN_REMOVED, "pattern", self.policy),
            (was, is) if was != is => found.add(&kinds::PATTERN_CHANGED, "pattern", self.policy),
            (_, _) => {}
        }
    }

    fn compare_numbers(&self, old: &NumberRules, new: &NumberRules, found: &mut Findings) {
        self.limit(old.maximum, new.maximum, &kinds::MAXIMUM, found);
        self.limit(old.minimum, new.minimum, &kinds::MINIMUM, found);
        self.limit(old.exclusive_maximum, new.exclusive_maximum, &kinds::EXCLUSIVE_MAXIMUM, found);
        self.limit(old.exclusive_minimum, new.exclusive_minimum, &kinds::EXCLUSIVE_MINIMUM, found);
        let kind = match (&old.multiple_of, &new.multiple_of) {
            (None, None) => None,
            (None, Some(_)) => Some(&kinds::MULTIPLE_OF_ADDED),
            (Some(_), None) => Some(&kinds::MULTIPLE_OF_REMOVED),
            (Some(was), Some(is)) => match number::compare_multiples(was, is) {
                MultipleOf::Equal => None,
                MultipleOf::Expanded => Some(&kinds::MULTIPLE_OF_EXPANDED),
                MultipleOf::Reduced => Some(&kinds::MULTIPLE_OF_REDUCED),
                MultipleOf::Unrelated => Some(&kinds::MULTIPLE_OF_CHANGED),
            },
        };
        if let Some(kind) = kind {
            found.add(kind, "multipleOf", self.policy);
        }
        match (old.requires_integer, new.requires_integer) {
            (true, false) => found.add(&kinds::TYPE_EXTENDED, "", self.policy),
            (false, true) => found.add(&kinds::TYPE_NARROWED, "", self.policy),
            (_, _) => {}
        }
    }

    fn compare_enums(&mut self, old: &[Box<str>], new: &[Box<str>], found: &mut Findings) -> Result<(), SchemaError> {
        self.budget.steps((old.len() + new.len()) as u64)?;
        let kind = match (is_subset(old, new), is_subset(new, old)) {
            (true, true) => return Ok(()),
            (true, false) => &kinds::ENUM_ARRAY_EXTENDED,
            (false, true) => &kinds::ENUM_ARRAY_NARROWED,
            (false, false) => &kinds::ENUM_ARRAY_CHANGED,
        };
        found.add(kind, "enum", self.policy);
        Ok(())
    }

    /// A numeric limit that was added, removed, raised or lowered.
    pub(super) fn limit<T: PartialOrd>(
        &self,
        old: Option<T>,
        new: Option<T>,
        limit: &kinds::Limit,
        found: &mut Findings,
    ) {
        let kind = match (old, new) {
            (None, None) => return,
            (None, Some(_)) => limit.added,
            (Some(_), None) => limit.removed,
            (Some(was), Some(is)) if is > was => limit.increased,
            (Some(was), Some(is)) if is < was => limit.decreased,
            (Some(_), Some(_)) => return,
        };
        found.add(kind, limit.keyword, self.policy);
    }

    /// Both sides' schemas for what is not listed: additional or unevaluated properties or items.
    pub(super) fn compare_rest(
        &mut self,
        keyword: &'static str,
        (old, new): (Option<At>, Option<At>),
        (narrowed, extended): (&'static Type, &'static Type),
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        match (old, new) {
            (None, None) => {}
            (None, Some(_)) => found.add(narrowed, keyword, self.policy),
            (Some(_), None) => found.add(extended, keyword, self.policy),
            (Some(old), Some(new)) => {
                let below = self.compare(old, new)?;
                found.add_below(keyword, &below);
            }
        }
        Ok(())
    }

    pub(super) fn compare_unevaluated(
        &mut self,
        (old, new): (Option<At>, Option<At>),
        rest: &kinds::Rest,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        let kind = |at: At| &self.schema(at).kind;
        let is_false = |at: Option<At>| at.is_some_and(|at| matches!(kind(at), Kind::False));
        let is_true = |at: Option<At>| at.is_some_and(|at| matches!(kind(at), Kind::True));
        let change = match (old, new) {
            (None, None) => return Ok(()),
            (None, Some(_)) => {
                if is_false(new) {
                    rest.removed
                } else {
                    rest.narrowed
                }
            }
            (Some(_), None) => {
                if is_false(old) {
                    rest.added
                } else {
                    rest.extended
                }
            }
            (Some(was), Some(is)) => match (is_false(old), is_false(new)) {
                (true, false) => rest.added,
                (false, true) => rest.removed,
                (_, _) => match (is_true(old), is_true(new)) {
                    (true, false) => rest.narrowed,
                    (false, true) => rest.extended,
                    (_, _) => {
                        let below = self.compare(was, is)?;
                        found.add_below(rest.keyword, &below);
                        return Ok(());
                    }
                },
            },
        };
        found.add(change, rest.keyword, self.policy);
        Ok(())
    }

    fn compare_arrays(
        &mut self,
        pair: Pair,
        old: &'m ArrayRules,
        new: &'m ArrayRules,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        let was = |index: SchemaIndex| At { index, ..pair.0 };
        let is = |index: SchemaIndex| At { index, ..pair.1 };
        self.compare_optional(old.all_items.map(was), new.all_items.map(is), "items", found)?;
        self.compare_tuples(pair, old, new, found)?;
        if old.forbids_additional != new.forbids_additional {
            let kind =
                if new.forbids_additional { &kinds::ADDITIONAL_ITEMS_REMOVED } else { &kinds::ADDITIONAL_ITEMS_ADDED };
            found.add(kind, "additionalItems", self.policy);
        } else {
            let kinds = (&kinds::ADDITIONAL_ITEMS_NARROWED, &kinds::ADDITIONAL_ITEMS_EXTENDED);
            self.compare_rest("additionalItems", (old.additional.map(was), new.additional.map(is)), kinds, found)?;
        }
        let unevaluated = (old.unevaluated.map(was), new.unevaluated.map(is));
        self.compare_unevaluated(unevaluated, &kinds::UNEVALUATED_ITEMS, found)?;
        self.limit(old.max_items, new.max_items, &kinds::MAX_ITEMS, found);
        self.limit(old.min_items, new.min_items, &kinds::MIN_ITEMS, found);
        match (old.unique, new.unique) {
            (false, true) => found.add(&kinds::UNIQUE_ITEMS_ADDED, "uniqueItems", self.policy),
            (true, false) => found.add(&kinds::UNIQUE_ITEMS_REMOVED, "uniqueItems", self.policy),
            (_, _) => {}
        }
        self.limit(old.max_contains, new.max_contains, &kinds::MAX_CONTAINS, found);
        self.limit(old.min_contains, new.min_contains, &kinds::MIN_CONTAINS, found);
        Ok(())
    }

    fn compare_tuples(
        &mut self,
        pair: Pair,
        old: &'m ArrayRules,
        new: &'m ArrayRules,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        let was = |index: SchemaIndex| At { index, ..pair.0 };
        let is = |index: SchemaIndex| At { index, ..pair.1 };
        for position in 0..old.items.len().max(new.items.len()) {
            self.budget.step()?;
            let path = format!("items/{position}");
            match (old.items.get(position).copied().map(was), new.items.get(position).copied().map(is)) {
                (Some(was), Some(is)) => {
                    let below = self.compare(was, is)?;
                    found.add_below(path, &below);
                }
                (Some(removed), None) => match self.item_content(new, pair.1) {
                    Content::Open => found.add(&kinds::ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL, path, self.policy),
                    Content::Partial(schema) => {
                        let below = self.compare(removed, schema)?;
                        let kind = if below.incompatible {
                            &kinds::ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        };
                        found.add_below(path.as_str(), &below);
                        found.add(kind, path, self.policy);
                    }
                    Content::Closed => {
                        let kind = if matches!(self.schema(removed).kind, Kind::False) {
                            &kinds::ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL
                        };
                        found.add(kind, path, self.policy);
                    }
                },
                (None, Some(added)) => match self.item_content(old, pair.0) {
                    Content::Open => {
                        let kind = if self.schema(added).kind.is_empty() {
                            &kinds::ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_ADDED_TO_OPEN_CONTENT_MODEL
                        };
                        found.add(kind, path, self.policy);
                    }
                    Content::Partial(schema) => {
                        let below = self.compare(schema, added)?;
                        let kind = if below.incompatible {
                            &kinds::ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        };
                        found.add_below(path.as_str(), &below);
                        found.add(kind, path, self.policy);
                    }
                    Content::Closed => found.add(&kinds::ITEM_ADDED_TO_CLOSED_CONTENT_MODEL, path, self.policy),
                },
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// What an array allows beyond its listed items.
    fn item_content(&self, rules: &ArrayRules, side: At) -> Content {
        if rules.forbids_additional {
            return Content::Closed;
        }
        let rest = match (rules.additional, rules.unevaluated) {
            (Some(schema), _) => return Content::Partial(At { index: schema, ..side }),
            (None, None) => return Content::Open,
            (None, Some(schema)) => At { index: schema, ..side },
        };
        match self.schema(rest).kind {
            Kind::True => Content::Open,
            Kind::False => Content::Closed,
            _ => Content::Partial(rest),
        }
    }

    /// What an object allows under the name of a property that it does not list.
    pub(super) fn property_content(
        &mut self,
        rules: &'m ObjectRules,
        side: At,
        name: &str,
    ) -> Result<Content, SchemaError> {
        let unevaluated = rules.unevaluated.map(|index| At { index, ..side });
        let unevaluated_open = unevaluated.is_none_or(|at| matches!(self.schema(at).kind, Kind::True));
        let additional_absent = !rules.forbids_additional && rules.additional.is_none();
        if additional_absent && rules.patterns.is_empty() && unevaluated_open {
            return Ok(Content::Open);
        }
        for (position, (text, schema)) in rules.patterns.iter().enumerate() {
            let pattern = match self.patterns.get(&(side, position)) {
                Some(pattern) => Rc::clone(pattern),
                None => {
                    let pattern = Rc::new(Pattern::compile(text, self.budget)?);
                    self.patterns.insert((side, position), Rc::clone(&pattern));
                    pattern
                }
            };
            if pattern.is_found_in(name, self.budget)? {
                return Ok(Content::Partial(At { index: *schema, ..side }));
            }
        }
        if let Some(schema) = rules.additional {
            return Ok(Content::Partial(At { index: schema, ..side }));
        }
        match unevaluated {
            Some(at) if additional_absent && !matches!(self.schema(at).kind, Kind::True | Kind::False) => {
                Ok(Content::Partial(at))
            }
            _ => Ok(Content::Closed),
        }
    }
}

/// What a container allows beyond what it lists.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Open,
    Partial(At),
    Closed,
}

/// Kinds without sub-schemas: comparing them again is cheaper than remembering the answer.
fn is_leaf(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Empty | Kind::True | Kind::False | Kind::Boolean | Kind::Null | Kind::String(_) | Kind::Number(_)
    )
}

/// Is every element of `some` in `all`? Both sorted and distinct.
pub(super) fn is_subset(some: &[Box<str>], all: &[Box<str>]) -> bool {
    let mut rest = all.iter();
    some.iter().all(|wanted| rest.by_ref().find(|candidate| *candidate >= wanted) == Some(wanted))
}
