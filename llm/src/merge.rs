//! Step 3: two schemas that both hold, as one.

use serde_json::{Value, json};

use crate::Refusal;
use crate::tree::{Object, has_type, is_annotation, types};

/// One schema for both; nested ones are left as an `allOf` of two, to be merged when they are met.
///
/// # Errors
/// `allOf-unsatisfiable` where no value can be both, `allOf-unmergeable` where one schema cannot say both.
pub(crate) fn merge(one: &Object, other: &Object, at: &str) -> Result<Object, Refusal> {
    let one = without_forbidden(one, other, at)?;
    let other = without_forbidden(other, &one, at)?;
    let mut out = one;
    for (keyword, value) in &other {
        let Some(own) = out.get(keyword) else {
            out.insert(keyword.clone(), value.clone());
            continue;
        };
        if own == value {
            continue;
        }
        let merged = keyword_of_both(keyword, own, value, at)?;
        out.insert(keyword.clone(), merged);
    }
    narrow_values(&mut out, at)?;
    Ok(out)
}

fn unsatisfiable_error(at: &str, why: impl std::fmt::Display) -> Refusal {
    Refusal::new("allOf-unsatisfiable", at, format!("no value can satisfy all parts: {why}"))
}

fn unmergeable_error(at: &str, keyword: &str) -> Refusal {
    Refusal::new(
        "allOf-unmergeable",
        at,
        format!(
            "two parts that must both hold differ in \"{keyword}\", and no one schema says both: write one \"{keyword}\""
        ),
    )
}

/// `one` without the properties that `other` forbids, because it is closed and does not list them.
fn without_forbidden(one: &Object, other: &Object, at: &str) -> Result<Object, Refusal> {
    let is_closed = other.get("additionalProperties") == Some(&Value::Bool(false));
    let rest = other.get("additionalProperties").filter(|rest| rest.as_object().is_some_and(|rest| !rest.is_empty()));
    let Some(Value::Object(own)) = one.get("properties") else {
        if is_closed {
            refuse_required(one, other, at)?;
        }
        return Ok(one.clone());
    };
    if (!is_closed && rest.is_none()) || other.contains_key("patternProperties") {
        return Ok(one.clone());
    }
    if is_closed {
        refuse_required(one, other, at)?;
    }
    let listed = other.get("properties").and_then(Value::as_object);
    let is_listed = |name: &str| listed.is_some_and(|listed| listed.contains_key(name));
    let mut properties = Object::new();
    for (name, schema) in own {
        match rest {
            _ if is_listed(name) => properties.insert(name.clone(), schema.clone()),
            Some(rest) => properties.insert(name.clone(), json!({"allOf": [schema, rest]})),
            None => None,
        };
    }
    let mut out = one.clone();
    out.insert("properties".to_owned(), Value::Object(properties));
    Ok(out)
}

fn refuse_required(one: &Object, closed: &Object, at: &str) -> Result<(), Refusal> {
    if closed.contains_key("patternProperties") {
        return Ok(());
    }
    let listed = closed.get("properties").and_then(Value::as_object);
    let required = one.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for name in required {
        if !listed.is_some_and(|listed| listed.contains_key(name)) {
            return Err(unsatisfiable_error(
                at,
                format_args!("one part requires \"{name}\", another is closed without it"),
            ));
        }
    }
    Ok(())
}

fn keyword_of_both(keyword: &str, one: &Value, other: &Value, at: &str) -> Result<Value, Refusal> {
    match (keyword, one, other) {
        ("properties" | "patternProperties", Value::Object(one), Value::Object(other)) => {
            let mut out = one.clone();
            for (name, schema) in other {
                let both = match one.get(name) {
                    Some(own) if own != schema => json!({"allOf": [own, schema]}),
                    Some(_) | None => schema.clone(),
                };
                out.insert(name.clone(), both);
            }
            Ok(Value::Object(out))
        }
        ("required", Value::Array(one), Value::Array(other)) => {
            let more = other.iter().filter(|name| !one.contains(name));
            Ok(Value::Array(one.iter().chain(more).cloned().collect()))
        }
        ("type", _, _) => {
            let names = |value: &Value| types(&Object::from_iter([("type".to_owned(), value.clone())]));
            let (one, other) = (names(one), names(other));
            let mut both: Vec<String> = Vec::new();
            for name in &one {
                let narrower = match name.as_str() {
                    "number" if other.iter().any(|other| other == "integer") && !other.contains(name) => "integer",
                    "integer" if other.iter().any(|other| other == "number") => "integer",
                    name if other.iter().any(|other| other == name) => name,
                    _ => continue,
                };
                both.push(narrower.to_owned());
            }
            match both.as_slice() {
                [] => Err(unsatisfiable_error(at, "their types exclude each other")),
                [only] => Ok(json!(only)),
                _ => Ok(json!(both)),
            }
        }
        ("enum", Value::Array(one), Value::Array(other)) => {
            let both: Vec<Value> = one.iter().filter(|value| other.contains(value)).cloned().collect();
            if both.is_empty() {
                Err(unsatisfiable_error(at, "their enums have no value in common"))
            } else {
                Ok(json!(both))
            }
        }
        ("const", _, _) => Err(unsatisfiable_error(at, "their constants differ")),
        ("minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" | "minContains", _, _) => {
            Ok(if float(other) > float(one) { other.clone() } else { one.clone() })
        }
        ("maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" | "maxContains", _, _) => {
            Ok(if float(other) < float(one) { other.clone() } else { one.clone() })
        }
        ("uniqueItems", _, _) => Ok(Value::Bool(true)),
        ("additionalProperties" | "items" | "propertyNames" | "unevaluatedProperties" | "unevaluatedItems", _, _) => {
            Ok(match (one, other) {
                (Value::Bool(false), _) | (_, Value::Bool(false)) => Value::Bool(false),
                (Value::Bool(true), rest) | (rest, Value::Bool(true)) => rest.clone(),
                (_, _) => json!({"allOf": [one, other]}),
            })
        }
        ("not", _, _) => Ok(json!({"anyOf": [one, other]})),
        (annotation, _, _) if is_annotation(annotation) => Ok(one.clone()),
        (_, _, _) => Err(unmergeable_error(at, keyword)),
    }
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

/// A constant and an enum side by side, and values of the wrong type.
fn narrow_values(out: &mut Object, at: &str) -> Result<(), Refusal> {
    let names = types(out);
    let fits = |value: &Value| names.is_empty() || names.iter().any(|name| has_type(value, name));
    if let Some(constant) = out.get("const").cloned() {
        let listed = out.get("enum").and_then(Value::as_array).is_none_or(|values| values.contains(&constant));
        if !listed || !fits(&constant) {
            return Err(unsatisfiable_error(at, "the constant is not among the values of another part"));
        }
        out.remove("enum");
    } else if let Some(Value::Array(values)) = out.get("enum").cloned() {
        let fitting: Vec<Value> = values.iter().filter(|value| fits(value)).cloned().collect();
        if fitting.is_empty() && !values.is_empty() {
            return Err(unsatisfiable_error(at, "no value of the enum has the type"));
        }
        out.insert("enum".to_owned(), Value::Array(fitting));
    }
    Ok(())
}
