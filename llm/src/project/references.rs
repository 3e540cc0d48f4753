//! How references and `allOf` become one set of keywords, and which references stay.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::marks::describe;
use super::{Flat, Projector, Stop, UNROLLED};
use crate::Refusal;
use crate::dialect::{Recursion, References, Siblings};
use crate::limits::{PROJECTION_DEPTH_MAX, PROJECTION_NODES_MAX, UNROLL_MAX};
use crate::merge::merge;
use crate::normal::name_of;
use crate::tree::{Object, is_annotation};

impl Projector<'_> {
    /// References and `allOf` resolved. A reference that stays is only one that has nothing to merge with.
    pub(super) fn flat(&mut self, members: Object, at: &str) -> Result<Flat, Stop> {
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let name = name_of(reference).to_owned();
            let mut siblings = members.clone();
            siblings.remove("$ref");
            let binds = siblings.keys().any(|keyword| !is_annotation(keyword));
            if !binds && self.keeps(&name, &siblings) {
                return Ok(Flat::Reference(name, siblings));
            }
        }
        self.resolved(members, at, false).map(Flat::Keywords)
    }

    pub(super) fn keeps(&self, name: &str, siblings: &Object) -> bool {
        let rules = &self.dialect.rules;
        let is_cyclic = self.normal.cyclic.contains(name);
        if rules.references == References::Inline || self.options.inline {
            return is_cyclic && rules.references != References::Inline && rules.recursion != Recursion::Unrolled;
        }
        if is_cyclic {
            return rules.recursion != Recursion::Unrolled;
        }
        !self.normal.elsewhere.contains(name) && (siblings.is_empty() || rules.siblings != Siblings::Inline)
    }

    /// All keywords in one object: no `$ref`, no `allOf`.
    pub(super) fn resolved(&mut self, members: Object, at: &str, is_root: bool) -> Result<Object, Stop> {
        self.depth += 1;
        let resolved = if self.depth > PROJECTION_DEPTH_MAX {
            Err(Refusal::new("limit-size", at, "references and allOf lead on without end").into())
        } else {
            self.resolved_within(members, at, is_root)
        };
        self.depth -= 1;
        resolved
    }

    fn resolved_within(&mut self, members: Object, at: &str, is_root: bool) -> Result<Object, Stop> {
        let mut object = members;
        let mut followed: Vec<String> = if is_root { vec!["#".to_owned()] } else { Vec::new() };
        let mut steps = 0;
        loop {
            steps += 1;
            self.nodes += 1;
            if steps > PROJECTION_DEPTH_MAX || self.nodes > PROJECTION_NODES_MAX {
                return Err(Refusal::new("limit-size", at, "references and allOf lead on without end").into());
            }
            if let Some(Value::String(reference)) = object.remove("$ref") {
                let name = name_of(&reference).to_owned();
                if followed.contains(&name) {
                    return Err(Refusal::new(
                        "recursion-required",
                        at,
                        format!("\"{name}\" refers to itself and says nothing more"),
                    )
                    .into());
                }
                if self.normal.cyclic.contains(&name) {
                    let times = self.unrolling.iter().filter(|open| **open == name).count();
                    if times >= self.options.unroll.clamp(1, UNROLL_MAX) as usize {
                        self.lose(
                            "recursion-unrolled",
                            at,
                            format!("\"{name}\" refers to itself; it is written out {times} times and ends there"),
                        )?;
                        return Err(Stop::Deep(at.to_owned()));
                    }
                }
                let target = match self.normal.target(&name) {
                    Some(Value::Object(target)) => target.clone(),
                    Some(Value::Bool(false)) => {
                        return Err(Refusal::new("allOf-unsatisfiable", at, "a reference leads to false").into());
                    }
                    Some(_) => Object::new(),
                    None => return Err(Refusal::new("ref-dangling", at, format!("\"{name}\" is nowhere")).into()),
                };
                // What stands beside the reference comes first: its description is the nearer one.
                object = merge(&object, &target, at)?;
                if self.normal.cyclic.contains(&name) {
                    object.insert(UNROLLED.to_owned(), json!(name));
                }
                followed.push(name);
                continue;
            }
            let Some(Value::Array(parts)) = object.remove("allOf") else { return Ok(object) };
            let mut whole = object;
            for part in parts {
                match part {
                    Value::Object(part) => {
                        let part = self.resolved(part, at, false)?;
                        whole = merge(&whole, &part, at)?;
                    }
                    Value::Bool(false) => {
                        return Err(Refusal::new("allOf-unsatisfiable", at, "a part of allOf is false").into());
                    }
                    _ => {}
                }
            }
            object = whole;
        }
    }

    pub(super) fn kept_reference(&mut self, name: &str, annotations: &Object, at: &str) -> Result<Value, Stop> {
        let target = if name == "#" && self.wraps { "root" } else { name };
        let reference = json!({"$ref": if target == "#" { "#".to_owned() } else { format!("#/$defs/{target}") }});
        if target != "#" && !self.open.iter().any(|open| open == target) {
            self.open.push(target.to_owned());
            if self.dialect.rules.recursion == Recursion::ThroughOptional && self.must_contain_itself(name) {
                return Err(Refusal::new(
                    "recursion-required",
                    at,
                    format!(
                        "\"{name}\" requires itself, which the dialect cannot end: make a property on the way optional"
                    ),
                )
                .into());
            }
            let source = self.normal.target(name).cloned().unwrap_or(Value::Bool(true));
            // A definition is written once, as if it stood alone.
            let (depth, unrolling) = (std::mem::take(&mut self.depth), std::mem::take(&mut self.unrolling));
            let definition = self.project_definition(&source, name);
            self.depth = depth;
            self.unrolling = unrolling;
            let definition = definition?;
            self.written.insert(target.to_owned(), definition);
        }
        let mut kept = Object::new();
        let mut words = Vec::new();
        for (keyword, value) in annotations {
            self.project_annotation(keyword, value, at, &mut kept, &mut words)?;
        }
        describe(&mut kept, &words);
        if kept.is_empty() {
            return Ok(reference);
        }
        let mut out = Object::new();
        if self.dialect.rules.siblings == Siblings::Kept {
            out.extend(reference.as_object().cloned().unwrap_or_default());
        } else {
            out.insert("anyOf".to_owned(), json!([reference]));
        }
        out.extend(kept);
        Ok(Value::Object(out))
    }

    /// The body of a definition: its own reference is followed, so that it is never only a reference to itself.
    pub(super) fn project_definition(&mut self, source: &Value, name: &str) -> Result<Value, Stop> {
        let at = if name == "#" { "#root".to_owned() } else { format!("#{name}") };
        match source {
            Value::Object(members) if members.contains_key("$ref") || members.contains_key("allOf") => {
                let mut object = self.resolved(members.clone(), &at, false)?;
                object.remove(UNROLLED);
                self.nodes += 1;
                self.project_keywords(object, &at)
            }
            other => self.project_node(other, &at),
        }
    }

    /// Does every value of the schema hold another value of it?
    pub(super) fn must_contain_itself(&self, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![name.to_owned()];
        while let Some(next) = open.pop() {
            let mut needed = Vec::new();
            if let Some(target) = self.normal.target(&next) {
                needed_by(target, &mut needed, 0);
            }
            for found in needed {
                if found == name {
                    return true;
                }
                if seen.insert(found.clone()) {
                    open.push(found);
                }
            }
        }
        false
    }
}

/// Names of definitions of which every value of a schema must hold a value.
pub(super) fn needed_by(schema: &Value, found: &mut Vec<String>, depth: usize) {
    let Value::Object(object) = schema else { return };
    if depth > PROJECTION_DEPTH_MAX {
        return;
    }
    if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
        found.push(name_of(reference).to_owned());
    }
    if let Some(Value::Array(parts)) = object.get("allOf") {
        parts.iter().for_each(|part| needed_by(part, found, depth + 1));
    }
    if let Some(Value::Array(branches)) = object.get("anyOf").or_else(|| object.get("oneOf"))
        && let [only] = branches.as_slice()
    {
        needed_by(only, found, depth + 1);
    }
    let required = object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if let Some(property) = object.get("properties").and_then(|properties| properties.get(name)) {
            needed_by(property, found, depth + 1);
        }
    }
    if object.get("minItems").and_then(Value::as_u64).is_some_and(|least| least > 0)
        && let Some(items) = object.get("items")
    {
        needed_by(items, found, depth + 1);
    }
}
