//! `const` and `enum`.

use serde_json::{Value, json};

use super::marks::describe;
use super::{Projector, Stop};
use crate::Refusal;
use crate::dialect::EnumValues;
use crate::tree::{Object, has_type, is_annotation, type_of, types};

impl Projector<'_> {
    /// `const` and `enum`.
    pub(super) fn project_values(&mut self, object: Object, at: &str) -> Result<Value, Stop> {
        let rules = &self.dialect.rules;
        let constant = object.get("const").cloned();
        let values = match (&constant, object.get("enum")) {
            (Some(constant), _) => vec![constant.clone()],
            (None, Some(Value::Array(values))) => values.clone(),
            (None, _) => Vec::new(),
        };
        let names = types(&object);
        let fits = |value: &Value| names.is_empty() || names.iter().any(|name| has_type(value, name));
        let values: Vec<Value> = values.into_iter().filter(fits).collect();
        if values.is_empty() {
            return Err(Refusal::new("enum-empty", at, "no value of the enum has the type").into());
        }
        let is_complex = values.iter().any(|value| value.is_object() || value.is_array());
        if is_complex && rules.enum_values != EnumValues::Any {
            return Err(Refusal::new(
                "enum-complex",
                at,
                "an enum may hold only texts, numbers, booleans and null here: describe the object instead",
            )
            .into());
        }
        let found: Vec<&str> = {
            let mut found: Vec<&str> = Vec::new();
            for value in &values {
                let name = type_of(value);
                if !found.contains(&name) {
                    found.push(name);
                }
            }
            if found.contains(&"number") {
                found.retain(|name| *name != "integer");
            }
            found
        };
        let mut out = Object::new();
        if rules.enum_values == EnumValues::Strings {
            return self.values_in_words(&object, &values, &found, at);
        }
        let keeps_constant = constant.is_some() && rules.constants;
        if rules.typed_enums && !keeps_constant {
            match found.as_slice() {
                [only] => out.insert("type".to_owned(), json!(only)),
                several => out.insert("type".to_owned(), json!(several)),
            };
        } else if let Some(name) = object.get("type") {
            // An enum that holds null needs a type that allows it.
            let widened = matches!(name, Value::String(_))
                || found.iter().all(|found| names.iter().any(|name| name == found || name == "number"));
            out.insert("type".to_owned(), if widened { name.clone() } else { json!(found) });
        }
        if keeps_constant {
            out.insert("const".to_owned(), values[0].clone());
        } else {
            out.insert("enum".to_owned(), Value::Array(values));
        }
        let mut words = Vec::new();
        for (keyword, value) in &object {
            if is_annotation(keyword) {
                self.project_annotation(keyword, value, at, &mut out, &mut words)?;
            } else if !matches!(keyword.as_str(), "type" | "const" | "enum") && !self.is_said_by(keyword, value, &out) {
                self.drop(keyword, value, at, &mut words)?;
            }
        }
        describe(&mut out, &words);
        Ok(Value::Object(out))
    }

    /// Is a constraint beside an enum kept by every value of it?
    pub(super) fn is_said_by(&self, keyword: &str, value: &Value, out: &Object) -> bool {
        let listed = out.get("enum").and_then(Value::as_array).cloned();
        let values = listed.or_else(|| out.get("const").map(|value| vec![value.clone()])).unwrap_or_default();
        let Some(bound) = value.as_f64() else { return false };
        #[expect(clippy::cast_precision_loss, reason = "lengths of texts are far below 2^53")]
        let length = |value: &Value| value.as_str().map(|text| text.chars().count() as f64);
        values.iter().all(|value| match keyword {
            "minLength" => length(value).is_none_or(|length| length >= bound),
            "maxLength" => length(value).is_none_or(|length| length <= bound),
            "minimum" => value.as_f64().is_none_or(|number| number >= bound),
            "maximum" => value.as_f64().is_none_or(|number| number <= bound),
            "exclusiveMinimum" => value.as_f64().is_none_or(|number| number > bound),
            "exclusiveMaximum" => value.as_f64().is_none_or(|number| number < bound),
            _ => false,
        })
    }

    /// An enum where only texts can be listed.
    pub(super) fn values_in_words(
        &mut self,
        object: &Object,
        values: &[Value],
        found: &[&str],
        at: &str,
    ) -> Result<Value, Stop> {
        let mut out = Object::new();
        let mut words = Vec::new();
        let nullable = found.contains(&"null");
        let rest: Vec<&str> = found.iter().copied().filter(|name| *name != "null").collect();
        match rest.as_slice() {
            ["string"] => {
                let texts: Vec<&Value> = values.iter().filter(|value| value.is_string()).collect();
                out.insert("type".to_owned(), json!("string"));
                out.insert("enum".to_owned(), json!(texts));
            }
            [only] => {
                out.insert("type".to_owned(), json!(only));
                let keyword = if object.contains_key("const") { "const" } else { "enum" };
                let value = object.get(keyword).cloned().unwrap_or_else(|| json!(values));
                self.drop(keyword, &value, at, &mut words)?;
            }
            [] => {
                return Err(Refusal::new(
                    "untyped",
                    at,
                    "only null is possible, which the dialect cannot say: leave the property away",
                )
                .into());
            }
            several => {
                let branches: Vec<Value> = several
                    .iter()
                    .map(|name| {
                        let own: Vec<&Value> = values.iter().filter(|value| has_type(value, name)).collect();
                        if *name == "string" { json!({"type": "string", "enum": own}) } else { json!({"type": name}) }
                    })
                    .collect();
                out.insert("anyOf".to_owned(), json!(branches));
                self.drop("enum", &json!(values), at, &mut words)?;
            }
        }
        if nullable {
            out.insert("nullable".to_owned(), json!(true));
        }
        for (keyword, value) in object {
            if is_annotation(keyword) {
                self.project_annotation(keyword, value, at, &mut out, &mut words)?;
            }
        }
        describe(&mut out, &words);
        Ok(Value::Object(out))
    }
}
