//! The way back: from a value that was written by the projected schema to a value of the registered one.
//!
//! Value and schema are walked together, the schema with the marks that the projection left in it. A list of paths could
//! not do it: definitions are used in many places, and a recursive one in endlessly many. At a union the first branch
//! that the value fits is taken. Nothing is touched that bears no mark.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::limits::PROJECTION_DEPTH_MAX;
use crate::normal::name_of;
use crate::tree::{Object, below, has_type, types};

/// The key under which marks stand in a projected schema on its way; no provider ever sees it.
pub(crate) const MARK: &str = "\u{0}inverse";

/// Most values that one restoration visits, trials of branches included.
const VISITS_MAX: u64 = 2_000_000;

/// What a value must go through to come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inverse {
    /// Every mark in words, as `drop_null@/b`.
    marks: Vec<String>,
    /// The projected schema with its marks.
    schema: Value,
}

impl Inverse {
    pub(crate) fn new(schema: Value) -> Self {
        let mut marks = Vec::new();
        let mut definitions = schema.clone();
        let named = definitions.as_object_mut().and_then(|root| root.remove("$defs"));
        list_marks(&definitions, "", &mut marks);
        if let Some(Value::Object(named)) = named {
            for (name, definition) in &named {
                list_marks(definition, &format!("#{name}"), &mut marks);
            }
        }
        Self { marks, schema }
    }

    /// Every mark in words, as `drop_null@/b`: what is undone, and where.
    pub fn marks(&self) -> &[String] {
        &self.marks
    }

    /// Does every value come back as it is?
    pub fn is_identity(&self) -> bool {
        self.marks.is_empty()
    }
}

/// Why a value cannot be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Error)]
#[error("at \"{pointer}\": {message}")]
pub struct RestoreError {
    /// Where in the value, as a JSON pointer.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// Brings a value back to the registered schema. Valid it is only when the registered schema says so.
///
/// # Errors
/// [`RestoreError`] where a map names a key twice, where a text that should hold JSON does not, or for a value that would
/// take too long.
pub fn restore(inverse: &Inverse, value: Value) -> Result<Value, RestoreError> {
    if inverse.is_identity() {
        return Ok(value);
    }
    let mut walk = Walk { root: &inverse.schema, visits: 0 };
    walk.restore_value(&inverse.schema, value, "", 0)
}

/// Does a value fit a projected schema, as far as its shape tells? What takes too long to tell does not.
pub(crate) fn fits<'i>(root: &'i Value, schema: &'i Value, value: &Value) -> bool {
    Walk { root, visits: 0 }.fits(schema, value, "", 0).unwrap_or(false)
}

struct Walk<'i> {
    root: &'i Value,
    visits: u64,
}

fn restore_error(pointer: &str, message: impl Into<String>) -> RestoreError {
    RestoreError { pointer: pointer.to_owned(), message: message.into() }
}

impl<'i> Walk<'i> {
    fn restore_visit(&mut self, at: &str, depth: usize) -> Result<(), RestoreError> {
        self.visits += 1;
        if self.visits > VISITS_MAX {
            return Err(restore_error(at, format!("the value takes more than {VISITS_MAX} steps to bring back")));
        }
        // Each level of a value is at most a few levels of the schema.
        if depth > 6 * PROJECTION_DEPTH_MAX {
            return Err(restore_error(at, "the value nests too deep"));
        }
        Ok(())
    }

    fn target(&self, reference: &str) -> Option<&'i Value> {
        if reference == "#" { Some(self.root) } else { self.root.get("$defs")?.get(name_of(reference)) }
    }

    fn restore_value(
        &mut self,
        schema: &'i Value,
        value: Value,
        at: &str,
        depth: usize,
    ) -> Result<Value, RestoreError> {
        self.restore_visit(at, depth)?;
        let Value::Object(object) = schema else { return Ok(value) };
        if let Some(reference) = object.get("$ref").and_then(Value::as_str)
            && let Some(target) = self.target(reference)
        {
            return self.restore_value(target, value, at, depth + 1);
        }
        if let Some(Value::Array(branches)) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            for branch in branches {
                if self.fits(branch, &value, at, depth + 1)? {
                    return self.restore_value(branch, value, at, depth + 1);
                }
            }
            return Ok(value);
        }
        let mark = object.get(MARK);
        let has = |name: &str| mark.and_then(|mark| mark.get(name)).is_some();
        if has("unwrap") {
            return match value {
                Value::Object(mut members) if members.len() == 1 && members.contains_key("value") => {
                    let inner = members.remove("value").unwrap_or(Value::Null);
                    match object.get("properties").and_then(|properties| properties.get("value")) {
                        Some(schema) => self.restore_value(schema, inner, &below(at, "value"), depth + 1),
                        None => Ok(inner),
                    }
                }
                other => Ok(other),
            };
        }
        if has("jsonString") {
            return match value {
                Value::String(text) => serde_json::from_str(&text)
                    .map_err(|problem| restore_error(at, format!("the text should hold a JSON document: {problem}"))),
                other => Ok(other),
            };
        }
        match value {
            Value::Array(items) if has("map") => self.restore_map(object, items, at, depth),
            Value::Array(items) => self.restore_array(object, items, at, depth).map(Value::Array),
            Value::Object(members) => {
                let restored = self.restore_object(object, members, at, depth)?;
                Ok(match mark.and_then(|mark| mark.get("tuple")).and_then(Value::as_u64) {
                    Some(length) => tuple_of(restored, length),
                    None => Value::Object(restored),
                })
            }
            other => Ok(other),
        }
    }

    fn restore_array(
        &mut self,
        object: &'i Object,
        items: Vec<Value>,
        at: &str,
        depth: usize,
    ) -> Result<Vec<Value>, RestoreError> {
        let prefix = object.get("prefixItems").and_then(Value::as_array);
        let rest = object.get("items");
        let mut restored = Vec::with_capacity(items.len());
        for (position, item) in items.into_iter().enumerate() {
            let schema = prefix.and_then(|prefix| prefix.get(position)).or(rest);
            restored.push(match schema {
                Some(schema) => self.restore_value(schema, item, &format!("{at}/{position}"), depth + 1)?,
                None => item,
            });
        }
        Ok(restored)
    }

    fn restore_map(
        &mut self,
        object: &'i Object,
        pairs: Vec<Value>,
        at: &str,
        depth: usize,
    ) -> Result<Value, RestoreError> {
        let schema = object.get("items").and_then(|items| items.get("properties")).and_then(|pair| pair.get("value"));
        let is_pair = |pair: &Value| {
            pair.as_object().is_some_and(|pair| {
                pair.len() == 2 && pair.get("key").is_some_and(Value::is_string) && pair.contains_key("value")
            })
        };
        // Whatever is no list of pairs is left for validation to judge.
        if !pairs.iter().all(is_pair) {
            return Ok(Value::Array(pairs));
        }
        let mut members = Object::new();
        for (position, pair) in pairs.into_iter().enumerate() {
            let place = format!("{at}/{position}");
            let Value::Object(mut pair) = pair else { continue };
            let (Some(Value::String(key)), Some(value)) = (pair.remove("key"), pair.remove("value")) else { continue };
            let value = match schema {
                Some(schema) => self.restore_value(schema, value, &below(&place, "value"), depth + 1)?,
                None => value,
            };
            if members.insert(key.clone(), value).is_some() {
                return Err(restore_error(&place, format!("the map names the key \"{key}\" twice")));
            }
        }
        Ok(Value::Object(members))
    }

    fn restore_object(
        &mut self,
        object: &'i Object,
        members: Object,
        at: &str,
        depth: usize,
    ) -> Result<Object, RestoreError> {
        let properties = object.get("properties").and_then(Value::as_object);
        let additional = object.get("additionalProperties").filter(|rest| rest.is_object());
        let dropped = object.get(MARK).and_then(|mark| mark.get("dropNull")).and_then(Value::as_array);
        let mut restored = Object::new();
        for (name, value) in members {
            if value.is_null() && dropped.is_some_and(|dropped| dropped.iter().any(|known| known == name.as_str())) {
                continue;
            }
            let value = match properties.and_then(|properties| properties.get(&name)).or(additional) {
                Some(schema) => self.restore_value(schema, value, &below(at, &name), depth + 1)?,
                None => value,
            };
            restored.insert(name, value);
        }
        Ok(restored)
    }

    /// Is the value one of the projected schema, as far as its shape tells?
    fn fits(&mut self, schema: &'i Value, value: &Value, at: &str, depth: usize) -> Result<bool, RestoreError> {
        self.restore_visit(at, depth)?;
        let object = match schema {
            Value::Object(object) => object,
            other => return Ok(other != &Value::Bool(false)),
        };
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            return match self.target(reference) {
                Some(target) => self.fits(target, value, at, depth + 1),
                None => Ok(true),
            };
        }
        if let Some(Value::Array(branches)) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            for branch in branches {
                if self.fits(branch, value, at, depth + 1)? {
                    return Ok(true);
                }
            }
            return Ok(object.get("nullable") == Some(&Value::Bool(true)) && value.is_null());
        }
        if value.is_null() && object.get("nullable") == Some(&Value::Bool(true)) {
            return Ok(true);
        }
        if object.get("const").is_some_and(|constant| !is_same(constant, value)) {
            return Ok(false);
        }
        let listed = object.get("enum").and_then(Value::as_array);
        if listed.is_some_and(|values| !values.iter().any(|known| is_same(known, value))) {
            return Ok(false);
        }
        let names = types(object);
        if !names.is_empty() && !names.iter().any(|name| has_type(value, name)) {
            return Ok(false);
        }
        match value {
            Value::Object(members) => self.object_fits(object, members, at, depth),
            Value::Array(items) => self.array_fits(object, items, at, depth),
            Value::Number(number) => Ok(number_fits(object, number.as_f64().unwrap_or(0.0))),
            Value::String(text) => Ok(text_fits(object, text)),
            Value::Null | Value::Bool(_) => Ok(true),
        }
    }

    fn object_fits(
        &mut self,
        object: &'i Object,
        members: &Object,
        at: &str,
        depth: usize,
    ) -> Result<bool, RestoreError> {
        let mut required =
            object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        if required.any(|name| !members.contains_key(name)) {
            return Ok(false);
        }
        let properties = object.get("properties").and_then(Value::as_object);
        let additional = object.get("additionalProperties");
        for (name, value) in members {
            match (properties.and_then(|properties| properties.get(name)), additional) {
                (Some(schema), _) => {
                    if !self.fits(schema, value, at, depth + 1)? {
                        return Ok(false);
                    }
                }
                // A dialect that never writes it means every object to be closed.
                (None, Some(Value::Bool(false)) | None) if properties.is_some() => return Ok(false),
                (None, Some(rest)) => {
                    if !self.fits(rest, value, at, depth + 1)? {
                        return Ok(false);
                    }
                }
                (None, None) => {}
            }
        }
        Ok(true)
    }

    fn array_fits(
        &mut self,
        object: &'i Object,
        items: &[Value],
        at: &str,
        depth: usize,
    ) -> Result<bool, RestoreError> {
        let count = items.len() as u64;
        let bound = |name: &str| object.get(name).and_then(Value::as_u64);
        if bound("minItems").is_some_and(|least| count < least) || bound("maxItems").is_some_and(|most| count > most) {
            return Ok(false);
        }
        let prefix = object.get("prefixItems").and_then(Value::as_array);
        for (position, item) in items.iter().enumerate() {
            let schema = prefix.and_then(|prefix| prefix.get(position)).or_else(|| object.get("items"));
            if let Some(schema) = schema
                && !self.fits(schema, item, at, depth + 1)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn number_fits(object: &Object, number: f64) -> bool {
    let bound = |name: &str| object.get(name).and_then(Value::as_f64);
    bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
        && bound("exclusiveMinimum").is_none_or(|least| number > least)
        && bound("exclusiveMaximum").is_none_or(|most| number < most)
}

fn text_fits(object: &Object, text: &str) -> bool {
    let length = text.chars().count() as u64;
    let bound = |name: &str| object.get(name).and_then(Value::as_u64);
    bound("minLength").is_none_or(|least| length >= least) && bound("maxLength").is_none_or(|most| length <= most)
}

/// Are two values equal, numbers by their value?
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || crate::canonical_text(one) == crate::canonical_text(other),
        (_, _) => one == other,
    }
}

/// The items of a tuple, as far as they are there.
fn tuple_of(mut members: Object, length: u64) -> Value {
    let known = (0..length).filter(|position| members.contains_key(&format!("_{position}"))).count();
    let mut items = Vec::new();
    for position in 0..length {
        match members.remove(&format!("_{position}")) {
            Some(item) => items.push(item),
            None => break,
        }
    }
    // A gap, or a name that is none of a tuple: left for validation to judge.
    if items.len() < known || !members.is_empty() {
        let restored = (0_u64..).zip(items).map(|(position, item)| (format!("_{position}"), item));
        members.extend(restored.collect::<BTreeMap<_, _>>());
        return Value::Object(members);
    }
    Value::Array(items)
}

/// The schema as a provider gets it.
pub(crate) fn without_marks(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(name, _)| *name != MARK)
                .map(|(name, value)| (name.clone(), without_marks(value)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_marks).collect()),
        other => other.clone(),
    }
}

fn list_marks(schema: &Value, at: &str, marks: &mut Vec<String>) {
    let Value::Object(object) = schema else { return };
    if let Some(Value::Object(found)) = object.get(MARK) {
        for (kind, detail) in found {
            match (kind.as_str(), detail) {
                ("dropNull", Value::Array(names)) => {
                    let names = names.iter().filter_map(Value::as_str);
                    marks.extend(names.map(|name| format!("drop_null@{}", below(at, name))));
                }
                ("keepNull", _) => marks.push(format!("keep_null@{at}")),
                ("map", _) => marks.push(format!("map@{at}")),
                ("tuple", _) => marks.push(format!("tuple@{at}")),
                ("unwrap", _) => marks.push(format!("unwrap@{at}")),
                ("jsonString", _) => marks.push(format!("json_string@{at}")),
                (other, _) => marks.push(format!("{other}@{at}")),
            }
        }
    }
    let is_wrapper = object.get(MARK).is_some_and(|mark| mark.get("unwrap").is_some());
    let is_map = object.get(MARK).is_some_and(|mark| mark.get("map").is_some());
    let is_tuple = object.get(MARK).is_some_and(|mark| mark.get("tuple").is_some());
    if let Some(Value::Object(properties)) = object.get("properties") {
        for (name, child) in properties {
            let name = if is_tuple { name.trim_start_matches('_') } else { name };
            let place = if is_wrapper { at.to_owned() } else { below(at, name) };
            list_marks(child, &place, marks);
        }
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(child) = object.get(keyword) {
            let value = child.get("properties").and_then(|pair| pair.get("value"));
            match value.filter(|_| is_map) {
                Some(value) => list_marks(value, &below(at, "*"), marks),
                None => list_marks(child, &below(at, "*"), marks),
            }
        }
    }
    if let Some(Value::Array(items)) = object.get("prefixItems") {
        for (position, child) in items.iter().enumerate() {
            list_marks(child, &format!("{at}/{position}"), marks);
        }
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = object.get(keyword) {
            for (position, child) in branches.iter().enumerate() {
                list_marks(child, &format!("{at}/anyOf/{position}"), marks);
            }
        }
    }
}
