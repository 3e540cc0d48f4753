//! Arrays and tuples.

use serde_json::{Value, json};

use super::marks::or_null;
use super::{Projector, Stop};
use crate::Refusal;
use crate::dialect::{Closed, Optional, Tuples};
use crate::restore::MARK;
use crate::tree::{Object, below};

impl Projector<'_> {
    pub(super) fn project_array(&mut self, object: &Object, at: &str) -> Result<Object, Stop> {
        if let Some(Value::Array(items)) = object.get("prefixItems")
            && !items.is_empty()
        {
            return self.project_tuple(items, object, at);
        }
        let items = object.get("items").or_else(|| object.get("unevaluatedItems"));
        match items {
            Some(Value::Bool(false)) => {
                // An array that holds nothing.
                let mut out = Object::from_iter([("type".to_owned(), json!("array"))]);
                if self.dialect.rules.untyped {
                    out.insert("items".to_owned(), json!(false));
                    return Ok(out);
                }
                Err(Refusal::new(
                    "array-untyped-items",
                    at,
                    "an array whose items are false is always empty: leave it away",
                )
                .into())
            }
            Some(Value::Object(schema)) if !schema.is_empty() => {
                let source = Value::Object(schema.clone());
                let items = self.project_node(&source, &below(at, "*"))?;
                let mut out = Object::from_iter([("type".to_owned(), json!("array"))]);
                out.insert("items".to_owned(), items);
                Ok(out)
            }
            _ => {
                let message = "the array says nothing about its items: give them a schema";
                match self.project_untyped(at, "array-untyped-items", message, object)? {
                    Value::Object(out) => Ok(out),
                    other => Ok(Object::from_iter([("const".to_owned(), other)])),
                }
            }
        }
    }

    pub(super) fn project_tuple(&mut self, items: &[Value], object: &Object, at: &str) -> Result<Object, Stop> {
        let rules = &self.dialect.rules;
        let count = |keyword: &str| object.get(keyword).and_then(Value::as_u64);
        let least = count("minItems").unwrap_or(0);
        // What a bound cuts off can never be there.
        let most = count("maxItems").and_then(|most| usize::try_from(most).ok()).unwrap_or(items.len());
        let items = &items[..items.len().min(most)];
        if least > items.len() as u64 && object.get("items") == Some(&Value::Bool(false)) {
            return Err(Refusal::new("allOf-unsatisfiable", at, "the tuple must be longer than it may be").into());
        }
        let is_open = object.get("items").is_none_or(|rest| rest != &Value::Bool(false));
        let rest = object.get("items").filter(|rest| rest.is_object());
        let mut written = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            written.push(self.project_node(item, &format!("{at}/{position}"))?);
        }
        let mut out = Object::new();
        match rules.tuples {
            Tuples::Kept => {
                out.insert("type".to_owned(), json!("array"));
                out.insert("prefixItems".to_owned(), Value::Array(written));
                match rest {
                    Some(rest) => {
                        let rest = self.project_node(rest, &below(at, "*"))?;
                        out.insert("items".to_owned(), rest);
                    }
                    None if rules.untyped => {
                        if let Some(rest) = object.get("items") {
                            out.insert("items".to_owned(), rest.clone());
                        }
                    }
                    None => {
                        // Closed by its length, which every engine knows.
                        out.insert("minItems".to_owned(), json!(least));
                        out.insert("maxItems".to_owned(), json!(items.len()));
                    }
                }
            }
            Tuples::Object => {
                let properties: Object = written
                    .into_iter()
                    .enumerate()
                    .map(|(position, schema)| (format!("_{position}"), schema))
                    .collect();
                let required: Vec<String> = (0..items.len() as u64)
                    .filter(|position| *position < least)
                    .map(|position| format!("_{position}"))
                    .collect();
                out = self.tuple_object(properties, &required, at)?;
                if items.len() as u64 - least.min(items.len() as u64) > 1 {
                    self.lose(
                        "tuple-positions-lost",
                        at,
                        "of several optional items one may be left out before a later one: validate the answer",
                    )?;
                }
                self.lose(
                    "tuple-as-object",
                    at,
                    "a tuple is written as an object with _0, _1 and so on; the inverse brings it back",
                )?;
                out.entry(MARK).or_insert_with(|| json!({}))["tuple"] = json!(items.len());
            }
            Tuples::Union => {
                let mut distinct: Vec<Value> = Vec::new();
                for schema in written {
                    if !distinct.contains(&schema) {
                        distinct.push(schema);
                    }
                }
                out.insert("type".to_owned(), json!("array"));
                out.insert(
                    "items".to_owned(),
                    if distinct.len() == 1 { distinct.remove(0) } else { json!({"anyOf": distinct}) },
                );
                out.insert("minItems".to_owned(), json!(least));
                out.insert("maxItems".to_owned(), json!(items.len()));
                self.lose(
                    "tuple-positions-lost",
                    at,
                    "a tuple is written as an array of any of its items: validate the answer",
                )?;
            }
        }
        if is_open && !(rules.tuples == Tuples::Kept && (rest.is_some() || rules.untyped)) {
            self.lose("open-object-closed", at, "the tuple is open and ends with its last listed item here")?;
        }
        Ok(out)
    }

    pub(super) fn tuple_object(&mut self, properties: Object, required: &[String], at: &str) -> Result<Object, Stop> {
        let rules = &self.dialect.rules;
        let mut out = Object::new();
        out.insert("type".to_owned(), json!("object"));
        let mut written = Object::new();
        let mut names = Vec::new();
        let mut dropped_null = Vec::new();
        for (name, schema) in properties {
            if required.contains(&name) || rules.optional == Optional::Kept {
                if required.contains(&name) {
                    names.push(json!(name));
                }
                written.insert(name, schema);
                continue;
            }
            names.push(json!(name));
            if self.allows_null(&schema, 0) {
                self.lose(
                    "absent-null-merged",
                    &below(at, &name),
                    "an absent item and null are both written as null, and null is what comes back",
                )?;
                written.insert(name, schema);
            } else {
                dropped_null.push(json!(name));
                written.insert(name, or_null(schema, rules.null));
            }
        }
        out.insert("properties".to_owned(), Value::Object(written));
        out.insert("required".to_owned(), json!(names));
        if rules.closed == Closed::Always {
            out.insert("additionalProperties".to_owned(), json!(false));
        }
        if !dropped_null.is_empty() {
            out.insert(MARK.to_owned(), json!({"dropNull": dropped_null}));
        }
        Ok(out)
    }
}
