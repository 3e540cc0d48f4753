//! Repairs of a value by the projected schema that the model was given, where only one thing can be meant.

use serde_json::Value;

use super::{REPAIRS_MAX, Repair};
use crate::limits::PROJECTION_DEPTH_MAX;
use crate::normal::name_of;
use crate::restore::fits;
use crate::tree::{Object, below, has_type, is_whole, types};

/// Most values that are looked at, trials of branches included.
const VISITS_MAX: u64 = 200_000;

/// Mends a value; `may` says which repairs are wanted.
pub(super) fn mend(schema: &Value, value: Value, may: &dyn Fn(&str) -> bool) -> (Value, Vec<Repair>) {
    let mut mender = Mender { root: schema, may, repairs: Vec::new(), visits: 0 };
    let mended = mender.mend_value(schema, value, "", 0);
    (mended, mender.repairs)
}

struct Mender<'s> {
    root: &'s Value,
    may: &'s dyn Fn(&str) -> bool,
    repairs: Vec<Repair>,
    visits: u64,
}

impl<'s> Mender<'s> {
    /// Notes a repair, if it is wanted.
    fn does(&mut self, code: &'static str, at: &str) -> bool {
        let does = (self.may)(code) && self.repairs.len() < REPAIRS_MAX;
        if does {
            self.repairs.push(Repair { code, pointer: at.to_owned() });
        }
        does
    }

    fn mend_value(&mut self, schema: &'s Value, value: Value, at: &str, depth: usize) -> Value {
        self.visits += 1;
        if self.visits > VISITS_MAX || depth > 6 * PROJECTION_DEPTH_MAX {
            return value;
        }
        let Value::Object(object) = schema else { return value };
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            let target = if reference == "#" {
                Some(self.root)
            } else {
                self.root.get("$defs").and_then(|definitions| definitions.get(name_of(reference)))
            };
            return match target {
                Some(target) => self.mend_value(target, value, at, depth + 1),
                None => value,
            };
        }
        if let Some(Value::Array(branches)) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            return self.mend_union(branches, value, at, depth);
        }
        let wanted = types(object);
        let nullable = object.get("nullable") == Some(&Value::Bool(true));
        if wanted.is_empty() || (value.is_null() && nullable) {
            return value;
        }
        match self.typed(object, &wanted, value, at, depth) {
            Value::Object(members) => Value::Object(self.mend_object(object, members, at, depth)),
            Value::Array(items) => Value::Array(self.mend_array(object, items, at, depth)),
            other => other,
        }
    }

    /// The one branch that a value fits, or can be mended to fit.
    fn mend_union(&mut self, branches: &'s [Value], value: Value, at: &str, depth: usize) -> Value {
        if branches.iter().any(|branch| fits(self.root, branch, &value)) {
            return value;
        }
        let mut found: Option<(Value, Vec<Repair>)> = None;
        for branch in branches {
            let mut trial = Mender { root: self.root, may: self.may, repairs: Vec::new(), visits: self.visits };
            let mended = trial.mend_value(branch, value.clone(), at, depth + 1);
            self.visits = trial.visits;
            if fits(self.root, branch, &mended) {
                if found.is_some() {
                    return value;
                }
                found = Some((mended, trial.repairs));
            }
        }
        match found {
            Some((mended, repairs)) if self.repairs.len() + repairs.len() <= REPAIRS_MAX => {
                self.repairs.extend(repairs);
                mended
            }
            Some(_) | None => value,
        }
    }

    /// A value of a type that is wanted, if it can be read as one.
    fn typed(&mut self, object: &'s Object, wanted: &[String], value: Value, at: &str, depth: usize) -> Value {
        let wants = |name: &str| wanted.iter().any(|wanted| wanted == name);
        let only = |names: &[&str]| wanted.iter().all(|name| name == "null" || names.contains(&name.as_str()));
        if wanted.iter().any(|name| has_type(&value, name)) {
            return match value {
                Value::Number(number) if wants("integer") && !wants("number") => match whole(&number.to_string()) {
                    Some(whole) if self.does("whole-number", at) => whole,
                    Some(_) | None => Value::Number(number),
                },
                Value::String(text) => self.listed(object, text, at),
                other => other,
            };
        }
        if let Value::String(text) = &value {
            let read = serde_json::from_str::<Value>(text.trim()).ok();
            let read = read.filter(|read| wanted.iter().any(|name| has_type(read, name)));
            let code = match &read {
                Some(Value::Object(_) | Value::Array(_)) if only(&["object", "array"]) => Some("json-in-text"),
                Some(Value::Number(number)) if only(&["integer", "number"]) && number.to_string() == *text => {
                    Some("number-in-text")
                }
                Some(Value::Bool(_)) if only(&["boolean"]) => Some("boolean-in-text"),
                Some(_) | None => None,
            };
            if let (Some(read), Some(code)) = (read, code)
                && self.does(code, at)
            {
                return read;
            }
        }
        if only(&["array"])
            && wants("array")
            && !value.is_null()
            && let Some(items) = object.get("items")
        {
            let known = self.repairs.len();
            let item = self.mend_value(items, value.clone(), at, depth + 1);
            if fits(self.root, items, &item) && self.does("single-as-array", at) {
                return Value::Array(vec![item]);
            }
            self.repairs.truncate(known);
        }
        value
    }

    /// A value of an enum whose case differs, if only one fits.
    fn listed(&mut self, object: &Object, text: String, at: &str) -> Value {
        let Some(Value::Array(values)) = object.get("enum") else { return Value::String(text) };
        let known = || values.iter().filter_map(Value::as_str);
        if known().any(|known| known == text) {
            return Value::String(text);
        }
        let folded = text.to_lowercase();
        let mut alike = known().filter(|known| known.to_lowercase() == folded);
        match (alike.next(), alike.next()) {
            (Some(one), None) if self.does("enum-case", at) => Value::String(one.to_owned()),
            (_, _) => Value::String(text),
        }
    }

    fn mend_object(&mut self, object: &'s Object, members: Object, at: &str, depth: usize) -> Object {
        let properties = object.get("properties").and_then(Value::as_object);
        let additional = object.get("additionalProperties");
        let required = object.get("required").and_then(Value::as_array);
        let mut mended = Object::new();
        for (name, value) in members {
            let place = below(at, &name);
            let own = properties.and_then(|properties| properties.get(&name));
            let is_required = required.is_some_and(|required| required.iter().any(|known| known == name.as_str()));
            let value = match (own, additional) {
                (Some(schema), _) => {
                    if value.is_null()
                        && !is_required
                        && !fits(self.root, schema, &value)
                        && self.does("null-as-absent", &place)
                    {
                        continue;
                    }
                    self.mend_value(schema, value, &place, depth + 1)
                }
                (None, Some(Value::Bool(false))) => {
                    if self.does("unknown-key", &place) {
                        continue;
                    }
                    value
                }
                (None, Some(schema)) => self.mend_value(schema, value, &place, depth + 1),
                (None, None) => value,
            };
            mended.insert(name, value);
        }
        mended
    }

    fn mend_array(&mut self, object: &'s Object, items: Vec<Value>, at: &str, depth: usize) -> Vec<Value> {
        let prefix = object.get("prefixItems").and_then(Value::as_array);
        let mended = items.into_iter().enumerate().map(|(position, item)| {
            let schema = prefix.and_then(|prefix| prefix.get(position)).or_else(|| object.get("items"));
            match schema {
                Some(schema) => self.mend_value(schema, item, &format!("{at}/{position}"), depth + 1),
                None => item,
            }
        });
        mended.collect()
    }
}

/// A whole number that is written with a point or an exponent, without it. Exponents are not written out far.
fn whole(text: &str) -> Option<Value> {
    if !text.contains(['.', 'e', 'E']) || !is_whole(text) {
        return None;
    }
    let canonical = crate::canonical_text(&serde_json::from_str(text).ok()?);
    if canonical.contains(['.', 'e', 'E']) { None } else { serde_json::from_str(&canonical).ok() }
}
