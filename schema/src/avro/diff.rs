//! The semantic diff of two Avro schemas: what was added, removed, changed, moved and renamed, and whom it breaks.
//!
//! Two types are followed into each other as long as they are of one kind; where the kinds part, one change of type tells
//! the rest. Whether a change breaks is asked of the same rules as compatibility ([`reads`]), so that a diff holds a
//! breaking change exactly if the schemas are incompatible. Paths name positions in the new schema; of what was removed,
//! in the old one.

use std::collections::{BTreeMap, BTreeSet};

use super::json::Json;
use super::model::{Field, Kind, Model, Name, Named, NodeId, Props, Record};
use super::reads::{self, Oracle};
use super::{COMPARE_DEPTH_MAX, compare_too_deep, same};
use crate::diff::{Change, ChangeKind, Diff};
use crate::{Budget, SchemaError};

mod label;
mod matching;
mod order;

use label::label;
use matching::{lacks, matched_fields};

/// All changes from `old` to `new`.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up or types nest too deeply.
pub(crate) fn diff(old: &Model, new: &Model) -> Result<Diff, SchemaError> {
    if same::same(old, new, &mut Budget::compare())? {
        return Ok(Diff::default());
    }
    let (mut backward, mut forward) = (Budget::compare(), Budget::compare());
    let mut walk = Walk {
        old,
        new,
        backward: Oracle::new(new, old, &mut backward),
        forward: Oracle::new(old, new, &mut forward),
        budget: Budget::compare(),
        seen: BTreeMap::new(),
        path: Vec::new(),
        changes: Vec::new(),
    };
    let breaks = walk.breaks(old.root, new.root)?;
    walk.diff_types(old.root, new.root, breaks, 0)?;
    let told = walk.changes.iter().fold(Breaks::NOTHING, |told, change| Breaks {
        backward: told.backward || change.breaks_backward,
        forward: told.forward || change.breaks_forward,
    });
    let untold = Breaks { backward: breaks.backward && !told.backward, forward: breaks.forward && !told.forward };
    if untold != Breaks::NOTHING {
        // Aliases that match several fields make the whole comparison fail, without any one change to blame.
        let (before, after) = (label(old, old.root), label(new, new.root));
        walk.add("alias", ChangeKind::Changed { old: before, new: after }, untold)?;
    }
    Ok(Diff { changes: walk.changes })
}

/// Whom a change breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Breaks {
    /// New readers of old data.
    backward: bool,
    /// Old readers of new data.
    forward: bool,
}

impl Breaks {
    const NOTHING: Self = Self { backward: false, forward: false };

    /// What a part may break, where only `whole` can break at all.
    fn within(self, whole: Self) -> Self {
        Self { backward: self.backward && whole.backward, forward: self.forward && whole.forward }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Word(&'static str),
    Index(usize),
}

struct Walk<'w> {
    old: &'w Model,
    new: &'w Model,
    backward: Oracle<'w>,
    forward: Oracle<'w>,
    budget: Budget,
    /// Pairs of named types that were compared already, and what could break there. A pair is told again only where more
    /// can break than the last time.
    seen: BTreeMap<(NodeId, NodeId), Breaks>,
    path: Vec<Step>,
    changes: Vec<Change>,
}

impl<'w> Walk<'w> {
    fn breaks(&mut self, old: NodeId, new: NodeId) -> Result<Breaks, SchemaError> {
        Ok(Breaks { backward: !self.backward.reads(new, old)?, forward: !self.forward.reads(old, new)? })
    }

    /// Compares two types that stand in the same place. `may` tells which directions can break here at all.
    fn diff_types(&mut self, old_id: NodeId, new_id: NodeId, may: Breaks, depth: usize) -> Result<(), SchemaError> {
        self.budget.step()?;
        if depth > COMPARE_DEPTH_MAX {
            return Err(compare_too_deep());
        }
        let (old, new) = (self.old.node(old_id), self.new.node(new_id));
        if old.kind.named().is_some() && new.kind.named().is_some() {
            let pair = (old_id, new_id);
            let before = self.seen.get(&pair).copied();
            let known = before.unwrap_or(Breaks::NOTHING);
            let merged = Breaks { backward: known.backward || may.backward, forward: known.forward || may.forward };
            if before == Some(merged) {
                return Ok(());
            }
            self.seen.insert(pair, merged);
        }
        let depth = depth + 1;
        match (&old.kind, &new.kind) {
            (Kind::Primitive(a), Kind::Primitive(b)) if a == b => {}
            (Kind::Array(a), Kind::Array(b)) => {
                self.below(&[Step::Word("items")], |walk| walk.diff_types(*a, *b, may, depth))?;
            }
            (Kind::Map(a), Kind::Map(b)) => {
                self.below(&[Step::Word("values")], |walk| walk.diff_types(*a, *b, may, depth))?;
            }
            (Kind::Fixed(a), Kind::Fixed(b)) => {
                self.named(&a.named, &b.named, may)?;
                if a.size != b.size {
                    let kind = ChangeKind::Changed { old: a.size.to_string(), new: b.size.to_string() };
                    self.below(&[Step::Word("size")], |walk| walk.add("size", kind, may))?;
                }
            }
            (Kind::Enum(a), Kind::Enum(b)) => {
                self.named(&a.named, &b.named, may)?;
                self.diff_symbols(
                    &a.symbols,
                    &b.symbols,
                    Breaks {
                        backward: may.backward && b.default.is_none(),
                        forward: may.forward && a.default.is_none(),
                    },
                )?;
                self.diff_optional("default", a.default.as_deref(), b.default.as_deref(), Documentation::No)?;
            }
            (Kind::Record(a), Kind::Record(b)) => {
                self.named(&a.named, &b.named, may)?;
                if a.error != b.error {
                    let word = |error| if error { "error" } else { "record" }.to_owned();
                    let kind = ChangeKind::Changed { old: word(a.error), new: word(b.error) };
                    self.add("type", kind, Breaks::NOTHING)?;
                }
                self.diff_fields(a, b, may, depth)?;
            }
            (Kind::Union(a), Kind::Union(b)) => self.diff_branches((old_id, a), (new_id, b), may, depth)?,
            (_, _) => {
                let breaks = self.breaks(old_id, new_id)?.within(may);
                let kind = ChangeKind::Changed { old: label(self.old, old_id), new: label(self.new, new_id) };
                return self.add("type", kind, breaks);
            }
        }
        self.diff_props(&old.props, &new.props)
    }

    /// Names, documentation and aliases.
    fn named(&mut self, old: &Named, new: &Named, may: Breaks) -> Result<(), SchemaError> {
        if old.name != new.name {
            let breaks = Breaks { backward: !reads::names_match(new, old), forward: !reads::names_match(old, new) };
            let (before, after) = (old.name.full().to_owned(), new.name.full().to_owned());
            let kind = if old.name.simple() == new.name.simple() {
                ChangeKind::Moved { from: before }
            } else {
                ChangeKind::Renamed { old: before, new: after }
            };
            self.below(&[Step::Word("name")], |walk| walk.add("name", kind, breaks.within(may)))?;
        }
        self.diff_optional("doc", old.doc.as_deref(), new.doc.as_deref(), Documentation::Yes)?;
        self.diff_aliases(old.aliases.iter().map(Name::full), new.aliases.iter().map(Name::full))
    }

    fn diff_symbols(&mut self, old: &[String], new: &[String], may: Breaks) -> Result<(), SchemaError> {
        let old_at: BTreeMap<&str, usize> = old.iter().map(String::as_str).zip(0..).collect();
        let new_at: BTreeSet<&str> = new.iter().map(String::as_str).collect();
        let mut kept = Vec::new();
        for (position, symbol) in old.iter().enumerate() {
            if !new_at.contains(symbol.as_str()) {
                let kind = ChangeKind::Removed { old: symbol.clone() };
                let breaks = Breaks { backward: may.backward, forward: false };
                self.below(&[Step::Word("symbols"), Step::Index(position)], |walk| walk.add("symbol", kind, breaks))?;
            }
        }
        for (position, symbol) in new.iter().enumerate() {
            match old_at.get(symbol.as_str()) {
                Some(before) => kept.push((*before, position)),
                None => {
                    let kind = ChangeKind::Added { new: symbol.clone() };
                    let breaks = Breaks { backward: false, forward: may.forward };
                    self.below(&[Step::Word("symbols"), Step::Index(position)], |walk| {
                        walk.add("symbol", kind, breaks)
                    })?;
                }
            }
        }
        self.moves("symbols", "symbol", &kept)
    }

    fn diff_fields(&mut self, old: &Record, new: &Record, may: Breaks, depth: usize) -> Result<(), SchemaError> {
        self.budget.steps((old.fields.len() + new.fields.len()) as u64)?;
        let pairs = matched_fields(old, new);
        let kept: BTreeSet<usize> = pairs.iter().flatten().copied().collect();
        for (position, field) in old.fields.iter().enumerate() {
            if !kept.contains(&position) {
                let kind = ChangeKind::Removed { old: self.field_label(self.old, field) };
                let breaks = Breaks { backward: false, forward: lacks(new, field) }.within(may);
                self.below(&[Step::Word("fields"), Step::Index(position)], |walk| walk.add("field", kind, breaks))?;
            }
        }
        for (position, (field, before)) in new.fields.iter().zip(&pairs).enumerate() {
            self.path.extend([Step::Word("fields"), Step::Index(position)]);
            match before.map(|before| &old.fields[before]) {
                Some(before) => self.diff_field((old, before), (new, field), may, depth)?,
                None => {
                    let kind = ChangeKind::Added { new: self.field_label(self.new, field) };
                    let breaks = Breaks { backward: lacks(old, field), forward: false }.within(may);
                    self.add("field", kind, breaks)?;
                }
            }
            self.path.truncate(self.path.len() - 2);
        }
        let kept: Vec<_> = pairs.iter().zip(0..).filter_map(|(before, at)| before.map(|before| (before, at))).collect();
        self.moves("fields", "field", &kept)
    }

    fn diff_field(
        &mut self,
        (old_record, old): (&Record, &Field),
        (new_record, new): (&Record, &Field),
        may: Breaks,
        depth: usize,
    ) -> Result<(), SchemaError> {
        if old.name != new.name {
            let kind = ChangeKind::Renamed { old: old.name.clone(), new: new.name.clone() };
            let breaks = Breaks { backward: lacks(old_record, new), forward: lacks(new_record, old) };
            self.add("field", kind, breaks.within(may))?;
        }
        // A default stands in for a field that the other side is not found to have, whatever its type.
        let found = Breaks {
            backward: matches!(reads::written_field(old_record, new, 0), Some(Some(found)) if found.name == old.name),
            forward: matches!(reads::written_field(new_record, old, 0), Some(Some(found)) if found.name == new.name),
        };
        let may = found.within(may);
        self.below(&[Step::Word("type")], |walk| walk.diff_types(old.type_id, new.type_id, may, depth))?;
        self.diff_optional("doc", old.doc.as_deref(), new.doc.as_deref(), Documentation::Yes)?;
        let (before, after) = (old.default.as_ref().map(Json::excerpt), new.default.as_ref().map(Json::excerpt));
        self.diff_optional("default", before.as_deref(), after.as_deref(), Documentation::No)?;
        if old.order != new.order {
            self.diff_optional("order", Some(old.order.word()), Some(new.order.word()), Documentation::No)?;
        }
        self.diff_aliases(old.aliases.iter().map(String::as_str), new.aliases.iter().map(String::as_str))?;
        self.diff_props(&old.props, &new.props)
    }

    fn diff_branches(
        &mut self,
        (old_id, old): (NodeId, &[NodeId]),
        (new_id, new): (NodeId, &[NodeId]),
        may: Breaks,
        depth: usize,
    ) -> Result<(), SchemaError> {
        let pairs = self.matched_branches(old, new)?;
        let kept: BTreeSet<usize> = pairs.iter().flatten().copied().collect();
        for (position, branch) in old.iter().enumerate() {
            if !kept.contains(&position) {
                let breaks = Breaks { backward: !self.backward.reads(new_id, *branch)?, forward: false };
                let kind = ChangeKind::Removed { old: label(self.old, *branch) };
                self.below(&[Step::Index(position)], |walk| walk.add("branch", kind, breaks.within(may)))?;
            }
        }
        for (position, (branch, before)) in new.iter().zip(&pairs).enumerate() {
            match before.map(|before| old[before]) {
                Some(before) => {
                    // A branch that changed breaks nobody if some other branch takes its data.
                    let breaks = Breaks {
                        backward: !self.backward.reads(new_id, before)?,
                        forward: !self.forward.reads(old_id, *branch)?,
                    };
                    self.below(&[Step::Index(position)], |walk| {
                        walk.diff_types(before, *branch, breaks.within(may), depth)
                    })?;
                }
                None => {
                    let breaks = Breaks { backward: false, forward: !self.forward.reads(old_id, *branch)? };
                    let kind = ChangeKind::Added { new: label(self.new, *branch) };
                    self.below(&[Step::Index(position)], |walk| walk.add("branch", kind, breaks.within(may)))?;
                }
            }
        }
        let kept: Vec<_> = pairs.iter().zip(0..).filter_map(|(before, at)| before.map(|before| (before, at))).collect();
        for (before, at) in order::moved(&kept) {
            let kind = ChangeKind::Moved { from: before.to_string() };
            self.below(&[Step::Index(at)], |walk| walk.add("branch", kind, Breaks::NOTHING))?;
        }
        Ok(())
    }

    /// For every new branch the position of the old one that it continues: of the same full name or unnamed kind, else
    /// a named type of the same kind whose name matches in either direction.
    fn matched_branches(&mut self, old: &[NodeId], new: &[NodeId]) -> Result<Vec<Option<usize>>, SchemaError> {
        let (old_model, new_model) = (self.old, self.new);
        let mut free: BTreeMap<&str, usize> =
            old.iter().map(|branch| old_model.kind(*branch).branch_name()).zip(0..).collect();
        let mut pairs: Vec<_> = new.iter().map(|branch| free.remove(new_model.kind(*branch).branch_name())).collect();
        let mut left: BTreeSet<usize> = free.into_values().collect();
        for (branch, pair) in new.iter().zip(&mut pairs).filter(|(_, pair)| pair.is_none()) {
            self.budget.steps(left.len() as u64)?;
            let new_kind = new_model.kind(*branch);
            let continues = |before: &usize| {
                let old_kind = old_model.kind(old[*before]);
                old_kind.word() == new_kind.word()
                    && match (old_kind.named(), new_kind.named()) {
                        (Some(old), Some(new)) => reads::names_match(new, old) || reads::names_match(old, new),
                        (_, _) => false,
                    }
            };
            *pair = left.iter().copied().find(continues);
            if let Some(before) = pair {
                left.remove(before);
            }
        }
        Ok(pairs)
    }

    fn diff_aliases<'n>(
        &mut self,
        old: impl Iterator<Item = &'n str>,
        new: impl Iterator<Item = &'n str>,
    ) -> Result<(), SchemaError> {
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (old.collect(), new.collect());
        for alias in old.difference(&new) {
            self.add("alias", ChangeKind::Removed { old: (*alias).to_owned() }, Breaks::NOTHING)?;
        }
        for alias in new.difference(&old) {
            self.add("alias", ChangeKind::Added { new: (*alias).to_owned() }, Breaks::NOTHING)?;
        }
        Ok(())
    }

    fn diff_props(&mut self, old: &Props, new: &Props) -> Result<(), SchemaError> {
        if old.is_empty() && new.is_empty() {
            return Ok(());
        }
        let before: BTreeMap<&str, &Json<'static>> = old.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let after: BTreeMap<&str, &Json<'static>> = new.iter().map(|(key, value)| (key.as_str(), value)).collect();
        for (key, value) in &before {
            match after.get(key) {
                Some(other) if value.same(other) => {}
                Some(other) => self.diff_prop(key, Some(value), Some(other))?,
                None => self.diff_prop(key, Some(value), None)?,
            }
        }
        for (key, value) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
            self.diff_prop(key, None, Some(value))?;
        }
        Ok(())
    }

    fn diff_prop(&mut self, key: &str, old: Option<&Json<'_>>, new: Option<&Json<'_>>) -> Result<(), SchemaError> {
        let element = if key == "logicalType" { "logical type" } else { "property" };
        let show = |value: &Json<'_>| match value.text() {
            Some(text) if key == "logicalType" => text.to_owned(),
            Some(_) | None => format!("{key}: {}", value.excerpt()),
        };
        self.diff_optional(element, old.map(show).as_deref(), new.map(show).as_deref(), Documentation::No)
    }

    /// A part that may be absent on either side, and whose change breaks nobody.
    fn diff_optional(
        &mut self,
        element: &'static str,
        old: Option<&str>,
        new: Option<&str>,
        documentation: Documentation,
    ) -> Result<(), SchemaError> {
        let kind = match (old, new) {
            (None, None) => return Ok(()),
            (Some(old), Some(new)) if old == new => return Ok(()),
            (Some(old), Some(new)) => ChangeKind::Changed { old: old.to_owned(), new: new.to_owned() },
            (Some(old), None) => ChangeKind::Removed { old: old.to_owned() },
            (None, Some(new)) => ChangeKind::Added { new: new.to_owned() },
        };
        self.add(element, kind, Breaks::NOTHING)?;
        if let (Documentation::Yes, Some(change)) = (documentation, self.changes.last_mut()) {
            change.documentation = true;
        }
        Ok(())
    }

    fn moves(&mut self, list: &'static str, element: &'static str, kept: &[(usize, usize)]) -> Result<(), SchemaError> {
        for (before, at) in order::moved(kept) {
            let kind = ChangeKind::Moved { from: before.to_string() };
            self.below(&[Step::Word(list), Step::Index(at)], |walk| walk.add(element, kind, Breaks::NOTHING))?;
        }
        Ok(())
    }

    fn below<T>(&mut self, steps: &[Step], then: impl FnOnce(&mut Self) -> T) -> T {
        self.path.extend_from_slice(steps);
        let result = then(self);
        self.path.truncate(self.path.len() - steps.len());
        result
    }

    fn add(&mut self, element: &'static str, kind: ChangeKind, breaks: Breaks) -> Result<(), SchemaError> {
        self.budget.steps(4 + self.path.len() as u64)?;
        let mut path = String::new();
        for step in &self.path {
            path.push('/');
            match step {
                Step::Word(word) => path.push_str(word),
                Step::Index(index) => path.push_str(&index.to_string()),
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        self.changes.push(Change {
            path,
            element,
            kind,
            breaks_backward: breaks.backward,
            breaks_forward: breaks.forward,
            documentation: false,
        });
        Ok(())
    }

    fn field_label(&self, model: &Model, field: &Field) -> String {
        format!("{}: {}", field.name, label(model, field.type_id))
    }
}

/// Is a change documentation only?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Documentation {
    Yes,
    No,
}
