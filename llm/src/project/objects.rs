//! Objects and maps.

use serde_json::{Value, json};

use super::marks::{describe, or_null};
use super::{Projector, Stop};
use crate::Refusal;
use crate::dialect::{Closed, Maps, Optional};
use crate::restore::MARK;
use crate::tree::{Object, below};

impl Projector<'_> {
    pub(super) fn project_object(&mut self, object: &Object, at: &str) -> Result<Object, Stop> {
        let rules = &self.dialect.rules;
        let empty = Object::new();
        let properties = object.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let patterns = object.get("patternProperties").and_then(Value::as_object).unwrap_or(&empty);
        let additional = object.get("additionalProperties").or_else(|| object.get("unevaluatedProperties"));
        let is_closed = additional == Some(&Value::Bool(false));
        let rest = additional.filter(|rest| rest.as_object().is_some_and(|rest| !rest.is_empty()));
        if properties.is_empty() {
            if let Some(rest) = rest
                && patterns.is_empty()
            {
                return self.project_map(rest, object, at);
            }
            if let (1, None) = (patterns.len(), rest)
                && let Some((pattern, value)) = patterns.iter().next()
                && !rules.untyped
            {
                let mut written = self.project_map(value, object, at)?;
                let mut words = Vec::new();
                self.drop("patternProperties", &json!(pattern), at, &mut words)?;
                describe(&mut written, &words);
                return Ok(written);
            }
            if !is_closed && !rules.untyped {
                let message =
                    "the object says nothing about its properties: list them, or give additionalProperties a schema";
                return match self.project_untyped(at, "free-form-object", message, object)? {
                    Value::Object(out) => Ok(out),
                    other => Ok(Object::from_iter([("const".to_owned(), other)])),
                };
            }
        }
        if (rest.is_some() || !patterns.is_empty()) && rules.maps == Maps::Pairs && !properties.is_empty() {
            return Err(Refusal::new(
                "map-with-properties",
                at,
                "a map beside fixed properties cannot be said: move the map into a property of its own",
            )
            .into());
        }
        self.closed_object(object, properties, patterns, rest, is_closed, at)
    }

    pub(super) fn closed_object(
        &mut self,
        object: &Object,
        properties: &Object,
        patterns: &Object,
        rest: Option<&Value>,
        is_closed: bool,
        at: &str,
    ) -> Result<Object, Stop> {
        let rules = &self.dialect.rules;
        let declared: Vec<&str> =
            object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for name in &declared {
            if !properties.contains_key(*name) && !rules.untyped {
                let place = below(at, name);
                return Err(Refusal::new(
                    "untyped",
                    &place,
                    format!("\"{name}\" is required and not described: add it to properties"),
                )
                .into());
            }
        }
        let mut written: Vec<(String, Value, bool)> = Vec::new();
        let mut dropped_null = Vec::new();
        for (name, source) in properties {
            let place = below(at, name);
            let is_required = declared.contains(&name.as_str());
            if source == &Value::Bool(false) && !is_required {
                // It may not be there, and in a closed object it is not.
                continue;
            }
            let schema = match self.project_node(source, &place) {
                Ok(schema) => schema,
                Err(Stop::Deep(_)) if !is_required => continue,
                Err(stop) => return Err(stop),
            };
            if is_required || rules.optional == Optional::Kept {
                written.push((name.clone(), schema, is_required));
                continue;
            }
            if self.allows_null(&schema, 0) {
                self.lose(
                    "absent-null-merged",
                    &place,
                    "an absent property and null are both written as null, and null is what comes back",
                )?;
                written.push((name.clone(), marked(schema, "keepNull"), true));
            } else {
                dropped_null.push(json!(name));
                written.push((name.clone(), or_null(schema, rules.null), true));
            }
        }
        if rules.required_first {
            written.sort_by_key(|(_, _, is_required)| !is_required);
        }
        let mut out = Object::new();
        out.insert("type".to_owned(), json!("object"));
        let names: Vec<&String> = written.iter().map(|(name, _, _)| name).collect();
        let ordering = json!(names);
        let required: Vec<Value> =
            written.iter().filter(|(_, _, is_required)| *is_required).map(|(name, _, _)| json!(name)).collect();
        let has_several = written.len() > 1;
        out.insert(
            "properties".to_owned(),
            Value::Object(written.into_iter().map(|(name, schema, _)| (name, schema)).collect()),
        );
        if !required.is_empty() || object.contains_key("required") || rules.optional == Optional::RequiredNullable {
            let required = if rules.untyped {
                object.get("required").cloned().unwrap_or_else(|| json!(required))
            } else {
                json!(required)
            };
            out.insert("required".to_owned(), required);
        }
        self.openness(object, patterns, rest, is_closed, at, &mut out)?;
        if rules.property_ordering && has_several {
            out.insert("propertyOrdering".to_owned(), ordering);
        }
        if !dropped_null.is_empty() {
            out.insert(MARK.to_owned(), json!({"dropNull": dropped_null}));
        }
        Ok(out)
    }

    /// What an object says about properties that it does not list.
    pub(super) fn openness(
        &mut self,
        object: &Object,
        patterns: &Object,
        rest: Option<&Value>,
        is_closed: bool,
        at: &str,
        out: &mut Object,
    ) -> Result<(), Stop> {
        let rules = &self.dialect.rules;
        if rules.closed == Closed::AsRegistered {
            if let Some(rest) = rest {
                let rest = self.project_node(rest, &below(at, "*"))?;
                out.insert("additionalProperties".to_owned(), rest);
            } else if let Some(additional) = object.get("additionalProperties") {
                out.insert("additionalProperties".to_owned(), additional.clone());
            }
            if !patterns.is_empty() {
                let mut written = Object::new();
                for (pattern, schema) in patterns {
                    written.insert(pattern.clone(), self.project_node(schema, &below(at, "*"))?);
                }
                out.insert("patternProperties".to_owned(), Value::Object(written));
            }
            return Ok(());
        }
        if let Some(rest) = rest {
            let rest = self.project_node(rest, &below(at, "*"))?;
            out.insert("additionalProperties".to_owned(), rest);
        } else if rules.closed == Closed::Always {
            out.insert("additionalProperties".to_owned(), json!(false));
        }
        if !patterns.is_empty() {
            let mut words = Vec::new();
            self.drop("patternProperties", &json!(patterns), at, &mut words)?;
            describe(out, &words);
        }
        if !is_closed && rest.is_none() && patterns.is_empty() {
            self.lose(
                "open-object-closed",
                at,
                "the object is open and is closed here: other properties can no longer be written",
            )?;
        }
        Ok(())
    }

    /// Step 8: an object with any keys.
    pub(super) fn project_map(&mut self, value: &Value, object: &Object, at: &str) -> Result<Object, Stop> {
        let rules = &self.dialect.rules;
        if rules.maps == Maps::Kept && !object.contains_key("patternProperties") {
            let value = self.project_node(value, &below(at, "*"))?;
            let mut out = Object::new();
            out.insert("type".to_owned(), json!("object"));
            if let Some(required) = object.get("required") {
                // Keys that must be there are properties like all others.
                let names = required.as_array().into_iter().flatten().filter_map(Value::as_str);
                let properties: Object = names.map(|name| (name.to_owned(), value.clone())).collect();
                out.insert("properties".to_owned(), Value::Object(properties));
                out.insert("required".to_owned(), required.clone());
            }
            out.insert("additionalProperties".to_owned(), value);
            return Ok(out);
        }
        let value = self.project_node(value, &below(at, "*"))?;
        self.lose(
            "map-as-pairs",
            at,
            "a map is written as an array of objects with key and value; the inverse brings it back",
        )?;
        let mut pair = Object::new();
        pair.insert("type".to_owned(), json!("object"));
        pair.insert("properties".to_owned(), json!({"key": {"type": "string"}, "value": value}));
        pair.insert("required".to_owned(), json!(["key", "value"]));
        if rules.closed == Closed::Always {
            pair.insert("additionalProperties".to_owned(), json!(false));
        }
        let mut out = Object::new();
        out.insert("type".to_owned(), json!("array"));
        out.insert("items".to_owned(), Value::Object(pair));
        out.insert(MARK.to_owned(), json!({"map": true}));
        let mut words = Vec::new();
        if let Some(required) =
            object.get("required").filter(|required| required.as_array().is_some_and(|names| !names.is_empty()))
        {
            self.drop("required", required, at, &mut words)?;
        }
        describe(&mut out, &words);
        Ok(out)
    }
}

pub(super) fn marked(schema: Value, mark: &str) -> Value {
    match schema {
        Value::Object(mut object) => {
            object.entry(MARK).or_insert_with(|| json!({}))[mark] = json!(true);
            Value::Object(object)
        }
        other => other,
    }
}
