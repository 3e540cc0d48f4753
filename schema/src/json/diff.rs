//! The semantic diff of two JSON Schemas, for people: what was added, removed, changed or renamed, and whom it breaks.
//!
//! The comparison is asked in both directions; differences at one place become one change, with the old and the new
//! value taken from the texts. What the comparison does not look at (formats, conditions, examples, unknown keywords) is
//! found by a plain walk over both texts and never breaks anybody.

use std::collections::{BTreeMap, BTreeSet};

use super::JsonSchema;
use super::compare;
use super::documents::{Library, Place, parse_references};
use super::text::{Node, Object};
use crate::compat::{Difference, Direction, Policy, Wanted};
use crate::diff::{Change, ChangeKind, Diff};
use crate::limits::SCHEMA_DEPTH_MAX;
use crate::{Budget, SchemaError};

/// Longest rendering of an old or a new value, in bytes.
const VALUE_BYTES_MAX: usize = 160;
/// What following one segment of a path costs.
const STEPS_PER_SEGMENT: u64 = 4;

/// The semantic diff from `old` to `new`.
///
/// # Errors
/// [`SchemaError::Limit`] when the comparison exceeds its budget, and what keeps a stored schema from being compared.
pub fn diff(old: &JsonSchema, new: &JsonSchema) -> Result<Diff, SchemaError> {
    if old.canonical == new.canonical {
        return Ok(Diff::default());
    }
    let mut budget = Budget::compare();
    let mut ask = |was: &JsonSchema, is: &JsonSchema, direction| {
        compare::differences(was.model()?, is.model()?, direction, Policy::Strict, Wanted::All, &mut budget)
    };
    let backward = ask(old, new, Direction::Backward)?;
    let forward = ask(new, old, Direction::Forward)?;
    let old_references = parse_references(&old.references)?;
    let new_references = parse_references(&new.references)?;
    let mut collector = Collector {
        old: Library::new(&old.root, &old_references)?,
        new: Library::new(&new.root, &new_references)?,
        changes: Vec::new(),
        known: BTreeMap::new(),
        budget,
    };
    for difference in &backward {
        collector.add(difference, true)?;
    }
    for difference in forward.iter().filter(|difference| !difference.compatible) {
        collector.add(difference, false)?;
    }
    let mut walk = Walk { budget: collector.budget, changes: Vec::new() };
    walk.diff_schemas(&old.root, &new.root, "#", 0)?;
    let mut changes = collector.changes;
    // A change of the same value at both ways of looking is told once.
    let told: BTreeSet<String> = changes.iter().map(|change| change.path.clone()).collect();
    changes.extend(walk.changes.into_iter().filter(|change| !told.contains(&change.path)));
    find_renames(&mut changes);
    Ok(Diff { changes })
}

struct Collector<'d> {
    old: Library<'d>,
    new: Library<'d>,
    changes: Vec<Change>,
    known: BTreeMap<(String, &'static str), usize>,
    budget: Budget,
}

impl Collector<'_> {
    fn add(&mut self, difference: &Difference, is_backward: bool) -> Result<(), SchemaError> {
        let element = element_of(difference.kind);
        let breaks = !difference.compatible;
        let key = (difference.path.clone(), element);
        if let Some(position) = self.known.get(&key) {
            let change = &mut self.changes[*position];
            change.breaks_backward |= breaks && is_backward;
            change.breaks_forward |= breaks && !is_backward;
            return Ok(());
        }
        let old = value_at(&mut self.old, &difference.path, element, &mut self.budget)?;
        let new = value_at(&mut self.new, &difference.path, element, &mut self.budget)?;
        let kind = match (old, new) {
            (None, Some(new)) => ChangeKind::Added { new: shortened(new) },
            (Some(old), None) => ChangeKind::Removed { old: shortened(old) },
            (old, new) => {
                let same = match (old, new) {
                    (Some(old), Some(new)) => old.same_text(new, &mut self.budget)?,
                    (_, _) => false,
                };
                // Equal texts behind different references, or a remark of the comparison about nothing.
                if same && !breaks {
                    return Ok(());
                }
                let text = |node: Option<&Node>| node.map(shortened).unwrap_or_default();
                ChangeKind::Changed { old: text(old), new: text(new) }
            }
        };
        self.known.insert(key, self.changes.len());
        self.changes.push(Change {
            path: difference.path.clone(),
            element,
            kind,
            breaks_backward: breaks && is_backward,
            breaks_forward: breaks && !is_backward,
            documentation: matches!(element, "title" | "description" | "id"),
        });
        Ok(())
    }
}

/// What kind of element a type of difference is about.
fn element_of(kind: &str) -> &'static str {
    const ELEMENTS: [(&str, &str); 17] = [
        ("REQUIRED_ATTRIBUTE", "required"),
        ("PROPERTY_", "property"),
        ("ADDITIONAL_", "content model"),
        ("UNEVALUATED_", "content model"),
        ("ITEM_", "item"),
        ("DEPENDENCY_", "dependency"),
        ("ENUM_", "enum"),
        ("TITLE_", "title"),
        ("DESCRIPTION_", "description"),
        ("DEFAULT_", "default"),
        ("ID_", "id"),
        ("COMBINED_", "type"),
        ("PRODUCT_", "type"),
        ("SUM_", "type"),
        ("NOT_", "type"),
        ("TYPE_", "type"),
        ("SCHEMA_", "type"),
    ];
    if kind.contains("_PROPERTY_") {
        return "property";
    }
    ELEMENTS.iter().find(|(prefix, _)| kind.starts_with(prefix)).map_or("constraint", |(_, element)| element)
}

/// The value at a path of the comparison.
fn value_at<'d>(
    library: &mut Library<'d>,
    path: &str,
    element: &'static str,
    budget: &mut Budget,
) -> Result<Option<&'d Node>, SchemaError> {
    let Some(path) = path.strip_prefix("#/") else { return Ok(None) };
    let Some(place) = follow(library, path, budget)? else { return Ok(None) };
    Ok(match (element, place.node) {
        ("title" | "description" | "default", Node::Object(object)) => object.get(element),
        ("id", Node::Object(object)) => object.get("$id").or_else(|| object.get("id")),
        (_, node) => Some(node),
    })
}

/// Follows a path of the comparison. Names are written raw there, so the longest that fits is taken.
fn follow<'d>(library: &mut Library<'d>, path: &str, budget: &mut Budget) -> Result<Option<Place<'d>>, SchemaError> {
    let mut place = library.root(0);
    let mut rest = path;
    for _ in 0..SCHEMA_DEPTH_MAX * 4 {
        budget.steps(STEPS_PER_SEGMENT)?;
        if rest.is_empty() {
            return Ok(Some(place));
        }
        let Node::Object(object) = place.node else { return Ok(None) };
        let Ok(base) = library.enter(place.document, object, &place.base) else { return Ok(None) };
        place.base = base;
        if let Some(Node::String(reference)) = object.get("$ref") {
            let Ok(target) = library.resolve(place.document, &place.base, reference) else { return Ok(None) };
            place = target;
            continue;
        }
        let (keyword, after) = rest.split_once('/').unwrap_or((rest, ""));
        let names: &[&str] = match keyword {
            "items" => &["items", "prefixItems"],
            "dependencies" => &["dependencies", "dependentRequired", "dependentSchemas"],
            other => &[other],
        };
        let mut found = None;
        for name in names {
            found = step(object, name, after, budget)?;
            if found.is_some() {
                break;
            }
        }
        let Some((node, left)) = found else { return Ok(None) };
        place.node = node;
        rest = left;
    }
    Ok(None)
}

/// One step: the keyword, and where it holds a map or a list, the name or position in it.
fn step<'d, 'p>(
    object: &'d Object,
    keyword: &str,
    after: &'p str,
    budget: &mut Budget,
) -> Result<Option<(&'d Node, &'p str)>, SchemaError> {
    let Some(value) = object.get(keyword) else { return Ok(None) };
    Ok(match (keyword, value) {
        ("properties" | "dependencies" | "dependentRequired" | "dependentSchemas", Node::Object(members)) => {
            let mut end = after.len();
            loop {
                budget.steps(1 + end as u64 / 64)?;
                if let Some(node) = members.get(&after[..end]) {
                    break Some((node, after[end..].trim_start_matches('/')));
                }
                match after[..end].rfind('/') {
                    Some(slash) => end = slash,
                    None => break None,
                }
            }
        }
        ("required", Node::Array(names)) => {
            budget.steps(names.len() as u64 / 16)?;
            names.iter().find(|name| name.as_str() == Some(after)).map(|name| (name, ""))
        }
        ("allOf" | "anyOf" | "oneOf" | "items" | "prefixItems", Node::Array(nodes)) => {
            let (position, left) = after.split_once('/').unwrap_or((after, ""));
            position.parse::<usize>().ok().and_then(|position| nodes.get(position)).map(|node| (node, left))
        }
        (_, node) => Some((node, after)),
    })
}

/// The text of a value, cut if it is long.
fn shortened(node: &Node) -> String {
    let mut text = node.beginning(VALUE_BYTES_MAX);
    if text.len() > VALUE_BYTES_MAX {
        let end = (0..=VALUE_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A property that went and one that came under the same parent with the same telling schema are one that was renamed.
fn find_renames(changes: &mut Vec<Change>) {
    let is_property = |change: &Change| change.element == "property";
    let parent = |path: &str| path.rsplit_once('/').map(|(parent, _)| parent.to_owned());
    // By parent and schema: the positions of what was removed and of what was added.
    let mut candidates: BTreeMap<(Option<String>, String), [Vec<usize>; 2]> = BTreeMap::new();
    for (position, change) in changes.iter().enumerate().filter(|(_, change)| is_property(change)) {
        match &change.kind {
            ChangeKind::Removed { old } => {
                candidates.entry((parent(&change.path), old.clone())).or_default()[0].push(position);
            }
            ChangeKind::Added { new } => {
                candidates.entry((parent(&change.path), new.clone())).or_default()[1].push(position);
            }
            ChangeKind::Changed { .. } | ChangeKind::Moved { .. } | ChangeKind::Renamed { .. } => {}
        }
    }
    let mut dropped = BTreeSet::new();
    for ((_, schema), [removed, added]) in candidates {
        // A bare type says too little, and of several candidates none is the one.
        let tells = schema.matches("\":").count() >= 2;
        if let (true, [removed], [added]) = (tells, removed.as_slice(), added.as_slice()) {
            let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
            let was = changes[*removed].clone();
            let change = &mut changes[*added];
            change.kind = ChangeKind::Renamed { old: name(&was.path), new: name(&change.path) };
            change.breaks_backward |= was.breaks_backward;
            change.breaks_forward |= was.breaks_forward;
            dropped.insert(*removed);
        }
    }
    let mut position = 0;
    changes.retain(|_| {
        position += 1;
        !dropped.contains(&(position - 1))
    });
}

/// The walk over both texts, for what the comparison does not look at.
struct Walk {
    budget: Budget,
    changes: Vec<Change>,
}

impl Walk {
    fn diff_schemas(&mut self, old: &Node, new: &Node, path: &str, depth: usize) -> Result<(), SchemaError> {
        self.budget.step()?;
        let (Node::Object(old), Node::Object(new)) = (old, new) else { return Ok(()) };
        if depth > SCHEMA_DEPTH_MAX {
            return Ok(());
        }
        let names =
            old.iter().map(|(name, _)| name).chain(new.iter().map(|(name, _)| name).filter(|name| !old.contains(name)));
        for name in names {
            self.budget.step()?;
            let (was, is) = (old.get(name), new.get(name));
            if was == is {
                continue;
            }
            let here = format!("{path}/{name}");
            match meaning(name) {
                Meaning::Compared => {}
                Meaning::Schema => {
                    if let (Some(was), Some(is)) = (was, is) {
                        self.diff_schemas(was, is, &here, depth + 1)?;
                    }
                }
                Meaning::Schemas => self.diff_members(was, is, &here, depth)?,
                Meaning::Definitions => {
                    self.diff_members(was, is, &here, depth)?;
                    self.diff_definitions(was, is, &here);
                }
                Meaning::Constraint => self.add(here, "constraint", was, is, false),
                Meaning::Annotation => self.add(here, "annotation", was, is, true),
            }
        }
        Ok(())
    }

    fn diff_members(
        &mut self,
        was: Option<&Node>,
        is: Option<&Node>,
        path: &str,
        depth: usize,
    ) -> Result<(), SchemaError> {
        match (was, is) {
            (Some(Node::Object(was)), Some(Node::Object(is))) => {
                for (name, old) in was.iter() {
                    if let Some(new) = is.get(name) {
                        self.diff_schemas(old, new, &format!("{path}/{name}"), depth + 1)?;
                    }
                }
            }
            (Some(Node::Array(was)), Some(Node::Array(is))) => {
                for (position, (old, new)) in was.iter().zip(is).enumerate() {
                    self.diff_schemas(old, new, &format!("{path}/{position}"), depth + 1)?;
                }
            }
            (Some(was), Some(is)) => self.diff_schemas(was, is, path, depth + 1)?,
            (_, _) => {}
        }
        Ok(())
    }

    fn diff_definitions(&mut self, was: Option<&Node>, is: Option<&Node>, path: &str) {
        let (was, is) = (was.and_then(Node::as_object), is.and_then(Node::as_object));
        let get = |object: Option<&Object>, name: &str| object.is_some_and(|object| object.contains(name));
        for (name, node) in was.into_iter().flat_map(Object::iter).filter(|(name, _)| !get(is, name)) {
            self.add(format!("{path}/{name}"), "definition", Some(node), None, false);
        }
        for (name, node) in is.into_iter().flat_map(Object::iter).filter(|(name, _)| !get(was, name)) {
            self.add(format!("{path}/{name}"), "definition", None, Some(node), false);
        }
    }

    fn add(&mut self, path: String, element: &'static str, was: Option<&Node>, is: Option<&Node>, documentation: bool) {
        let kind = match (was, is) {
            (Some(was), Some(is)) => ChangeKind::Changed { old: shortened(was), new: shortened(is) },
            (Some(was), None) => ChangeKind::Removed { old: shortened(was) },
            (None, Some(is)) => ChangeKind::Added { new: shortened(is) },
            (None, None) => return,
        };
        self.changes.push(Change { path, element, kind, breaks_backward: false, breaks_forward: false, documentation });
    }
}

enum Meaning {
    /// The comparison tells.
    Compared,
    /// One schema below.
    Schema,
    /// A map or a list of schemas below.
    Schemas,
    Definitions,
    /// Data may become invalid, but the comparison does not look at it.
    Constraint,
    /// For people and tools only.
    Annotation,
}

fn meaning(keyword: &str) -> Meaning {
    match keyword {
        "additionalProperties" | "additionalItems" | "unevaluatedProperties" | "unevaluatedItems" | "not" => {
            Meaning::Schema
        }
        "properties" | "items" | "prefixItems" | "allOf" | "anyOf" | "oneOf" | "dependencies" | "dependentSchemas" => {
            Meaning::Schemas
        }
        "definitions" | "$defs" => Meaning::Definitions,
        "format" | "patternProperties" | "propertyNames" | "contains" | "if" | "then" | "else" | "$schema" | "$ref"
        | "$dynamicRef" | "$recursiveRef" | "$anchor" | "$dynamicAnchor" | "contentEncoding" | "contentMediaType"
        | "contentSchema" => Meaning::Constraint,
        "type" | "enum" | "const" | "required" | "minLength" | "maxLength" | "pattern" | "minimum" | "maximum"
        | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minItems" | "maxItems" | "uniqueItems"
        | "minContains" | "maxContains" | "minProperties" | "maxProperties" | "dependentRequired" | "title"
        | "description" | "default" | "$id" | "id" => Meaning::Compared,
        _ => Meaning::Annotation,
    }
}
