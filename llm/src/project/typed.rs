//! A schema of one type: its own keywords, what is dropped, and how that is told.

use serde_json::{Value, json};

use super::marks::{describe, or_null};
use super::{Projector, Stop};
use crate::dialect::{Closed, Support};
use crate::restore::MARK;
use crate::tree::{Object, in_words, is_annotation, type_of_keyword};
use crate::{Refusal, patterns};

impl Projector<'_> {
    /// A schema of one type, or null beside it.
    pub(super) fn typed(&mut self, name: &str, object: Object, nullable: bool, at: &str) -> Result<Value, Stop> {
        let mut out = match name {
            "object" => self.project_object(&object, at)?,
            "array" => self.project_array(&object, at)?,
            "string" | "number" | "integer" | "boolean" | "null" => {
                Object::from_iter([("type".to_owned(), json!(name))])
            }
            other => {
                return Err(Refusal::new("untyped", at, format!("\"{other}\" is no type")).into());
            }
        };
        let mut words = Vec::new();
        // A tuple that became an object has its length in its properties.
        let is_told = |keyword: &str, out: &Object| {
            matches!(keyword, "minItems" | "maxItems") && out.get(MARK).is_some_and(|mark| mark.get("tuple").is_some())
        };
        for (keyword, value) in &object {
            if is_told(keyword, &out) {
                continue;
            }
            if is_annotation(keyword) {
                self.project_annotation(keyword, value, at, &mut out, &mut words)?;
            } else if !is_written_with_its_type(keyword) && !out.contains_key(keyword) {
                self.project_constraint(name, keyword, value, &object, at, &mut out, &mut words)?;
            }
        }
        describe(&mut out, &words);
        let schema = Value::Object(out);
        Ok(if nullable { or_null(schema, self.dialect.rules.null) } else { schema })
    }

    pub(super) fn project_annotation(
        &mut self,
        keyword: &str,
        value: &Value,
        at: &str,
        out: &mut Object,
        words: &mut Vec<String>,
    ) -> Result<(), Stop> {
        match keyword {
            "description" => {
                if let Some(text) = value.as_str() {
                    out.insert("description".to_owned(), json!(text));
                }
            }
            "$comment" => {}
            _ if self.dialect.support(keyword) != Support::Rejected => {
                out.insert(keyword.to_owned(), value.clone());
            }
            "default" | "examples" | "example" => self.drop(keyword, value, at, words)?,
            _ => self.lose(
                &format!("dropped:{keyword}"),
                at,
                format!("\"{keyword}\" is not accepted and binds nothing"),
            )?,
        }
        Ok(())
    }

    /// Step 16: into the description, and named.
    pub(super) fn drop(&mut self, keyword: &str, value: &Value, at: &str, words: &mut Vec<String>) -> Result<(), Stop> {
        words.push(format!("{keyword}: {}", in_words(value)));
        self.lose(
            &format!("dropped:{keyword}"),
            at,
            format!(
                "\"{keyword}\" is not enforced in this dialect; it is told in the description: validate the answer"
            ),
        )?;
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "all of them are the place of one keyword")]
    pub(super) fn project_constraint(
        &mut self,
        type_name: &str,
        keyword: &str,
        value: &Value,
        object: &Object,
        at: &str,
        out: &mut Object,
        words: &mut Vec<String>,
    ) -> Result<(), Stop> {
        let rules = &self.dialect.rules;
        // A keyword of another type binds nothing here.
        if type_of_keyword(keyword).is_some_and(|of| of != type_name && !(of == "number" && type_name == "integer")) {
            return Ok(());
        }
        let accepted = self.dialect.support(keyword) == Support::Enforced;
        match keyword {
            "pattern" => {
                let pattern = value.as_str().unwrap_or_default();
                match patterns::write_pattern(pattern, rules.patterns).filter(|_| accepted) {
                    Some(written) => {
                        out.insert(keyword.to_owned(), json!(written));
                    }
                    None => self.drop(keyword, value, at, words)?,
                }
            }
            "format" if accepted => {
                let known = self.dialect.formats.is_empty() && rules.untyped
                    || value.as_str().is_some_and(|format| self.dialect.formats.iter().any(|known| known == format));
                if known {
                    out.insert(keyword.to_owned(), value.clone());
                } else {
                    self.drop(keyword, value, at, words)?;
                }
            }
            "minLength" | "maxLength" if accepted && !rules.lengths_beside_pattern => {
                let pattern = object.get("pattern").and_then(Value::as_str);
                if pattern.is_some_and(|pattern| patterns::write_pattern(pattern, rules.patterns).is_some()) {
                    self.drop(keyword, value, at, words)?;
                } else {
                    out.insert(keyword.to_owned(), value.clone());
                }
            }
            "minItems" if accepted => {
                if rules.min_items_max.is_none_or(|most| value.as_u64().is_some_and(|least| least <= most)) {
                    out.insert(keyword.to_owned(), value.clone());
                } else {
                    self.drop(keyword, value, at, words)?;
                }
            }
            "exclusiveMinimum" | "exclusiveMaximum" if rules.inclusive_bounds => {
                match inclusive(keyword, value, object).filter(|_| type_name == "integer") {
                    Some((keyword, bound)) => {
                        out.insert(keyword.to_owned(), bound);
                    }
                    None => self.drop(keyword, value, at, words)?,
                }
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum"
                if accepted && rules.bounds_of_integers_only && type_name != "integer" =>
            {
                self.drop(keyword, value, at, words)?;
            }
            "unevaluatedProperties" | "unevaluatedItems"
                if value == &Value::Bool(false) && rules.closed != Closed::AsRegistered => {}
            _ if accepted => {
                out.insert(keyword.to_owned(), value.clone());
            }
            "uniqueItems" if value == &Value::Bool(false) => {}
            _ if self.dialect.rules.untyped
                && matches!(
                    keyword,
                    "not" | "if" | "then" | "else" | "dependentSchemas" | "unevaluatedProperties" | "unevaluatedItems"
                )
                && !holds_reference(value) =>
            {
                out.insert(keyword.to_owned(), value.clone());
            }
            _ => self.drop(keyword, value, at, words)?,
        }
        Ok(())
    }
}

/// An exclusive bound of integers as an inclusive one, unless a tighter one stands there.
pub(super) fn inclusive(keyword: &str, value: &Value, object: &Object) -> Option<(&'static str, Value)> {
    let bound = value.as_i64().or_else(|| {
        #[expect(clippy::cast_possible_truncation, reason = "the value is a whole number within 2^53")]
        value
            .as_f64()
            .filter(|bound| bound.abs() < 9_007_199_254_740_992.0)
            .map(|bound| if keyword == "exclusiveMinimum" { bound.floor() as i64 } else { bound.ceil() as i64 })
    })?;
    let (name, moved) = if keyword == "exclusiveMinimum" {
        ("minimum", bound.checked_add(1)?)
    } else {
        ("maximum", bound.checked_sub(1)?)
    };
    let own = object.get(name).and_then(Value::as_i64);
    let tighter = own.map_or(moved, |own| if name == "minimum" { own.max(moved) } else { own.min(moved) });
    Some((name, json!(tighter)))
}

/// Keywords that the writers of objects and arrays take for themselves.
pub(super) fn is_written_with_its_type(keyword: &str) -> bool {
    matches!(
        keyword,
        "type" | "properties" | "required" | "additionalProperties" | "patternProperties" | "items" | "prefixItems"
    )
}

pub(super) fn holds_reference(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.contains_key("$ref") || members.values().any(holds_reference),
        Value::Array(items) => items.iter().any(holds_reference),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
