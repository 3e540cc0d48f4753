//! What the validator will have to do, worked out before it starts, because nothing stops it then.
//!
//! Two questions: how large does the schema unfold when every reference is replaced by its target, and how many pairs of
//! schema and value does one document meet. Both are sums over shared parts, so they are cheap to work out even where
//! the work itself would double with every level. No recursion here: references lead deeper than any text.

use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::{Library, Place};
use super::text::{Node, Object};
use crate::{Budget, SchemaError};

/// Most schemas after unfolding all references once.
const UNFOLDED_SCHEMAS_MAX: u64 = 200_000;
/// Longest chain of schemas, references included, before it closes or ends.
const UNFOLDED_DEPTH_MAX: u64 = 600;
/// Most pairs of schema and value that one validation may visit.
const VALIDATION_VISITS_MAX: u64 = 1_000_000;
/// Longest chain of such pairs.
const VALIDATION_DEPTH_MAX: u64 = 1_500;
/// Up to this product of schemas and bytes a document is not worth a look.
const CHEAP_VISITS_MAX: u64 = 500_000;

/// Which schema applies which others, and to what.
#[derive(Debug)]
pub(super) struct Graph {
    edges: Vec<Vec<(Applies, u32)>>,
    is_cyclic: bool,
    unfolded: u64,
}

/// To which values a child schema applies.
#[derive(Debug)]
enum Applies {
    Here,
    /// As [`Applies::Here`], if a dynamic reference is resolved that way at run time.
    HereDynamically,
    ToProperty(Box<str>),
    ToProperties,
    ToItems,
}

impl Graph {
    /// Reads the graph from the text. References that do not resolve are left to the validator to complain about.
    ///
    /// # Errors
    /// [`SchemaError::Limit`] for schemas whose compilation would not end soon, or would need too much stack.
    pub(super) fn new(library: Library<'_>) -> Result<Self, SchemaError> {
        let root = library.root(0);
        let mut reader = Reader { library, places: Vec::new(), numbers: BTreeMap::new() };
        reader.number(root);
        let mut budget = Budget::walk();
        let mut edges = Vec::new();
        while let Some(place) = reader.places.get(edges.len()).cloned() {
            budget.steps(8)?;
            let mut found = Vec::new();
            if let Node::Object(object) = place.node {
                reader.edges(&place, object, &mut found);
            }
            edges.push(found);
        }
        let mut graph = Self { edges, is_cyclic: false, unfolded: 0 };
        let mut walk =
            Walk::new("UNFOLDED_SCHEMAS_MAX", UNFOLDED_SCHEMAS_MAX, "UNFOLDED_DEPTH_MAX", UNFOLDED_DEPTH_MAX);
        graph.unfolded = walk.run(0_u32, |schema, children| {
            let edges = graph.edges[*schema as usize].iter();
            let compiled = edges.filter(|(applies, _)| !matches!(applies, Applies::HereDynamically));
            children.extend(compiled.map(|(_, child)| *child));
        })?;
        let is_dynamic = |(applies, _): &(Applies, u32)| matches!(applies, Applies::HereDynamically);
        graph.is_cyclic = walk.met_cycle || graph.edges.iter().flatten().any(is_dynamic);
        Ok(graph)
    }

    /// Refuses a document whose validation would visit too many pairs, or nest too deep.
    ///
    /// # Errors
    /// [`SchemaError::Limit`], and [`SchemaError::Invalid`] where the schema applies to the same value without end.
    pub(super) fn check_run(&self, instance: &Value, document_bytes: usize) -> Result<(), SchemaError> {
        if !self.is_cyclic && self.unfolded.saturating_mul(document_bytes as u64) <= CHEAP_VISITS_MAX {
            return Ok(());
        }
        let mut values = Values { list: vec![instance], numbers: BTreeMap::new() };
        values.numbers.insert(std::ptr::from_ref(instance).addr(), 0);
        let mut walk =
            Walk::new("VALIDATION_VISITS_MAX", VALIDATION_VISITS_MAX, "VALIDATION_DEPTH_MAX", VALIDATION_DEPTH_MAX);
        walk.refuse_cycles = true;
        walk.run((0_u32, 0_u32), |(schema, at), children| {
            let value = values.list[*at as usize];
            for (applies, child) in &self.edges[*schema as usize] {
                match (applies, value) {
                    (Applies::Here | Applies::HereDynamically, _) => children.push((*child, *at)),
                    (Applies::ToProperty(name), Value::Object(members)) => {
                        children.extend(members.get(&**name).map(|member| (*child, values.number(member))));
                    }
                    (Applies::ToProperties, Value::Object(members)) => {
                        children.extend(members.values().map(|member| (*child, values.number(member))));
                    }
                    (Applies::ToItems, Value::Array(items)) => {
                        children.extend(items.iter().map(|item| (*child, values.number(item))));
                    }
                    (Applies::ToProperty(_) | Applies::ToProperties | Applies::ToItems, _) => {}
                }
            }
        })?;
        Ok(())
    }
}

struct Reader<'d> {
    library: Library<'d>,
    places: Vec<Place<'d>>,
    numbers: BTreeMap<usize, u32>,
}

impl<'d> Reader<'d> {
    fn number(&mut self, place: Place<'d>) -> u32 {
        let next = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        let places = &mut self.places;
        *self.numbers.entry(std::ptr::from_ref(place.node).addr()).or_insert_with(|| {
            places.push(place);
            next
        })
    }

    fn edges(&mut self, place: &Place<'d>, object: &'d Object, found: &mut Vec<(Applies, u32)>) {
        let base = self.library.enter(place.document, object, &place.base).unwrap_or_else(|_| place.base.clone());
        let inside = |node: &'d Node| Place { document: place.document, node, base: base.clone() };
        for (keyword, value) in object.iter() {
            match (keyword, value) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Node::String(text)) => {
                    if let Ok(target) = self.library.resolve(place.document, &base, text) {
                        found.push((Applies::Here, self.number(target)));
                    }
                    // Whatever bears the same dynamic anchor may be meant.
                    if keyword != "$ref" {
                        let anchor = text.split_once('#').map_or("", |(_, anchor)| anchor);
                        for target in self.library.dynamic_anchors(anchor) {
                            found.push((Applies::HereDynamically, self.number(target)));
                        }
                    }
                }
                ("properties", Node::Object(members)) => {
                    for (name, node) in members.iter() {
                        found.push((Applies::ToProperty(name.into()), self.number(inside(node))));
                    }
                }
                ("patternProperties", Node::Object(members)) => {
                    for (_, node) in members.iter() {
                        found.push((Applies::ToProperties, self.number(inside(node))));
                    }
                }
                ("dependencies" | "dependentSchemas", Node::Object(members)) => {
                    for (_, node) in members.iter() {
                        found.push((Applies::Here, self.number(inside(node))));
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Node::Array(branches)) => {
                    for node in branches {
                        found.push((Applies::Here, self.number(inside(node))));
                    }
                }
                ("not" | "if" | "then" | "else", node) => found.push((Applies::Here, self.number(inside(node)))),
                ("additionalProperties" | "unevaluatedProperties", node) => {
                    found.push((Applies::ToProperties, self.number(inside(node))));
                }
                ("items" | "prefixItems", Node::Array(items)) => {
                    for node in items {
                        found.push((Applies::ToItems, self.number(inside(node))));
                    }
                }
                ("items" | "additionalItems" | "unevaluatedItems" | "contains", node) => {
                    found.push((Applies::ToItems, self.number(inside(node))));
                }
                // propertyNames applies to strings, which nest no further: it is paid for once.
                ("propertyNames", node) => found.push((Applies::ToProperties, self.number(inside(node)))),
                (_, _) => {}
            }
        }
    }
}

/// The values of a document that were met, numbered in that order.
struct Values<'v> {
    list: Vec<&'v Value>,
    numbers: BTreeMap<usize, u32>,
}

impl<'v> Values<'v> {
    fn number(&mut self, value: &'v Value) -> u32 {
        let list = &mut self.list;
        *self.numbers.entry(std::ptr::from_ref(value).addr()).or_insert_with(|| {
            list.push(value);
            u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// Sums sizes over a graph in depth-first order, with a stack of its own.
struct Walk {
    size: (&'static str, u64),
    depth: (&'static str, u64),
    /// Is a cycle an error, or the end of a branch?
    refuse_cycles: bool,
    met_cycle: bool,
    budget: Budget,
}

#[derive(Clone, Copy)]
enum State {
    Active,
    /// Size and depth of what hangs below.
    Done(u64, u64),
}

struct Frame<K> {
    key: K,
    children: Vec<K>,
    next: usize,
    size: u64,
    depth: u64,
}

impl Walk {
    fn new(size_limit: &'static str, size: u64, depth_limit: &'static str, depth: u64) -> Self {
        let budget = Budget::new(size_limit, size);
        Self { size: (size_limit, size), depth: (depth_limit, depth), refuse_cycles: false, met_cycle: false, budget }
    }

    /// The size of what hangs below `root`.
    fn run<K: Ord + Copy>(&mut self, root: K, mut expand: impl FnMut(&K, &mut Vec<K>)) -> Result<u64, SchemaError> {
        let mut total = 0;
        let mut states: BTreeMap<K, State> = BTreeMap::new();
        let mut stack: Vec<Frame<K>> = Vec::new();
        self.open(root, &mut states, &mut stack, &mut expand)?;
        while let Some(frame) = stack.last_mut() {
            if let Some(child) = frame.children.get(frame.next).copied() {
                frame.next += 1;
                self.budget.step()?;
                match states.get(&child).copied() {
                    None => self.open(child, &mut states, &mut stack, &mut expand)?,
                    Some(State::Active) if self.refuse_cycles => {
                        return Err(SchemaError::invalid("the schema applies itself to the same value without end"));
                    }
                    Some(State::Active) => self.met_cycle = true,
                    Some(State::Done(size, depth)) => {
                        frame.size = frame.size.saturating_add(size);
                        frame.depth = frame.depth.max(depth);
                    }
                }
                continue;
            }
            let (key, size, depth) = (frame.key, frame.size.saturating_add(1), frame.depth + 1);
            stack.pop();
            total = size;
            if size > self.size.1 {
                return Err(SchemaError::Limit { limit: self.size.0, allowed: self.size.1 });
            }
            states.insert(key, State::Done(size, depth));
            if let Some(parent) = stack.last_mut() {
                parent.size = parent.size.saturating_add(size);
                parent.depth = parent.depth.max(depth);
            }
            if depth + stack.len() as u64 > self.depth.1 {
                return Err(SchemaError::Limit { limit: self.depth.0, allowed: self.depth.1 });
            }
        }
        Ok(total)
    }

    fn open<K: Ord + Copy>(
        &mut self,
        key: K,
        states: &mut BTreeMap<K, State>,
        stack: &mut Vec<Frame<K>>,
        expand: &mut impl FnMut(&K, &mut Vec<K>),
    ) -> Result<(), SchemaError> {
        self.budget.step()?;
        if stack.len() as u64 >= self.depth.1 {
            return Err(SchemaError::Limit { limit: self.depth.0, allowed: self.depth.1 });
        }
        let mut children = Vec::new();
        expand(&key, &mut children);
        states.insert(key, State::Active);
        stack.push(Frame { key, children, next: 0, size: 0, depth: 0 });
        Ok(())
    }
}
