//! The comparison of two object models: what has changed from `old` to `new`, and is it compatible?
//!
//! Source: `docs/formats.md`, "JSON Schema: the comparison". A pair of schemas is compared once; a pair that is met again inside itself is
//! cut, and the whole is repeated with what was learnt until no further pair turns out incompatible. Work is bounded by
//! the budget, depth and passes; the findings of shared pairs are shared, never copied, so that a doubling graph of
//! references stays small until it is written out, which is bounded too.

#![expect(clippy::wildcard_enum_match_arm, reason = "kinds that are not named have nothing of the sort")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::digest;
use super::kinds::{self, Kind as Type};
use super::model::{Digest, Kind, Model, ObjectRules, Schema, SchemaIndex};
use super::number::Decimal;
use super::pattern::Pattern;
use crate::compat::{Difference, Direction, Policy, Wanted};
use crate::{Budget, SchemaError};

/// Deepest nesting of comparisons. Deeper than the text may nest, because references lead on; bounded for the stack.
const COMPARE_DEPTH_MAX: usize = 256;
/// Most passes of the fix-point. Real schemas need two or three.
const COMPARE_PASSES_MAX: usize = 32;
/// Most differences written out. Beyond, compatible ones are left out, then the last incompatible ones.
const DIFFERENCE_COUNT_MAX: usize = 10_000;
/// Most bytes of their paths, beyond which the same holds: references make paths far longer than the text.
const DIFFERENCE_PATH_BYTES_MAX: usize = 1024 * 1024;

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

/// Most are keywords, which need no memory of their own.
type Path = Cow<'static, str>;

#[derive(Debug)]
enum Item {
    Leaf(&'static Type, Path),
    /// Findings of a sub-pair, below a prefix. Never empty ones.
    Below(Path, Rc<Findings>),
}

impl Findings {
    pub(super) fn add(&mut self, kind: &'static Type, path: impl Into<Path>, policy: Policy) {
        self.incompatible |= !kind.is_compatible(policy);
        self.items.push(Item::Leaf(kind, path.into()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn add_below(&mut self, prefix: impl Into<Path>, below: &Rc<Self>) {
        if !below.items.is_empty() {
            self.incompatible |= below.incompatible;
            self.items.push(Item::Below(prefix.into(), Rc::clone(below)));
        }
    }
}

/// The differences from `old` to `new` in document order; all of them, or only those that are incompatible.
///
/// # Errors
/// [`SchemaError::Limit`] when budget, depth or passes are used up.
pub(super) fn differences(
    old: &Model,
    new: &Model,
    direction: Direction,
    policy: Policy,
    wanted: Wanted,
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
        patterns: BTreeMap::new(),
        digests: (wanted == Wanted::IncompatibleOfMany).then(|| [digest::digests(old), digest::digests(new)]),
    };
    let findings = comparison.run()?;
    let mut writer =
        Writer { direction, policy, only_incompatible: wanted != Wanted::All, path_bytes: 0, found: Vec::new() };
    if !writer.write(&findings, &mut "#/".to_owned()) && !writer.only_incompatible {
        writer.only_incompatible = true;
        writer.path_bytes = 0;
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
    path_bytes: usize,
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
                    append(path, suffix);
                    self.path_bytes += path.len();
                    // The first one is always told: without it the verdict would turn.
                    let first = self.found.is_empty();
                    if !first
                        && (self.found.len() >= DIFFERENCE_COUNT_MAX || self.path_bytes > DIFFERENCE_PATH_BYTES_MAX)
                    {
                        return false;
                    }
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

pub(super) type Pair = (At, At);

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
    patterns: BTreeMap<(At, usize), Rc<Pattern>>,
    /// Of the old and of the new model, where they are used.
    digests: Option<[&'m [Option<Digest>]; 2]>,
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

    pub(super) fn compare_model(&self, at: At) -> &'m Model {
        if at.is_new { self.new } else { self.old }
    }

    pub(super) fn compare_schema(&self, at: At) -> &'m Schema {
        &self.compare_model(at).schemas[at.index as usize]
    }

    /// The target of a reference, one level; anything else is itself.
    fn dereferenced(&self, at: At) -> At {
        match &self.compare_schema(at).kind {
            Kind::Reference { target, .. } => At { index: *target, ..at },
            _ => at,
        }
    }

    /// Compares an optional schema with another.
    pub(super) fn compare_optional(
        &mut self,
        old: Option<At>,
        new: Option<At>,
        path: &'static str,
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
        if let Some(digests) = self.digests {
            let of = |at: At| digests[usize::from(at.is_new)][at.index as usize];
            if of(old).is_some() && of(old) == of(new) {
                return Ok(Rc::clone(&self.nothing));
            }
        }
        let pair = (self.dereferenced(old), self.dereferenced(new));
        let (old, new) = (self.compare_schema(pair.0), self.compare_schema(pair.1));
        if is_leaf(&old.kind) && is_leaf(&new.kind) {
            let mut found = Findings::default();
            self.compare_schemas(pair, old, new, &mut found)?;
            if found.items.is_empty() {
                return Ok(Rc::clone(&self.nothing));
            }
            self.budget.step()?;
            return Ok(Rc::new(found));
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
            let both_bytes = old.connect_bytes && new.connect_bytes;
            let accepts = matches!(old.kind, Kind::False) || new.kind.is_empty() || both_bytes;
            if !accepts {
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
            (Kind::Const(was), Kind::Const(is)) if was != is => {
                found.add(&kinds::ENUM_ARRAY_CHANGED, "const", self.policy);
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

    /// A numeric limit that was added, removed, raised or lowered.
    pub(super) fn limit(
        &self,
        old: &Option<Decimal>,
        new: &Option<Decimal>,
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
        let kind = |at: At| &self.compare_schema(at).kind;
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

    /// What an object allows under the name of a property that it does not list.
    pub(super) fn property_content(
        &mut self,
        rules: &'m ObjectRules,
        side: At,
        name: &str,
    ) -> Result<Content, SchemaError> {
        let unevaluated = rules.unevaluated.map(|index| At { index, ..side });
        let unevaluated_open = unevaluated.is_none_or(|at| matches!(self.compare_schema(at).kind, Kind::True));
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
            Some(at) if additional_absent && !matches!(self.compare_schema(at).kind, Kind::True | Kind::False) => {
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
