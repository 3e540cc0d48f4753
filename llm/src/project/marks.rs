//! What is added to a finished schema: constraints in words, and null.

use serde_json::{Value, json};

use crate::dialect::Null;
use crate::limits::DESCRIPTION_CHARACTERS_MAX;
use crate::tree::Object;

/// Appends constraints in words to the description.
pub(super) fn describe(out: &mut Object, words: &[String]) {
    if words.is_empty() {
        return;
    }
    let own = out.get("description").and_then(Value::as_str).unwrap_or_default();
    let separator = if own.is_empty() { "" } else { " " };
    let text = format!("{own}{separator}[{}]", words.join("; "));
    let text = match text.char_indices().nth(DESCRIPTION_CHARACTERS_MAX) {
        Some((end, _)) if own.chars().count() < DESCRIPTION_CHARACTERS_MAX => format!("{}…]", &text[..end]),
        Some(_) => own.to_owned(),
        None => text,
    };
    out.insert("description".to_owned(), json!(text));
}

/// The same schema, or null.
pub(super) fn or_null(schema: Value, null: Null) -> Value {
    let Value::Object(mut object) = schema else { return schema };
    if null == Null::Flag {
        object.insert("nullable".to_owned(), json!(true));
        return Value::Object(object);
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.push(json!({"type": "null"}));
        return Value::Object(object);
    }
    let simple = !object.contains_key("const") && !object.contains_key("$ref") && !object.contains_key("oneOf");
    match object.get("type").cloned() {
        Some(Value::String(name)) if simple => {
            object.insert("type".to_owned(), json!([name, "null"]));
            if let Some(Value::Array(values)) = object.get_mut("enum")
                && !values.contains(&Value::Null)
            {
                values.push(Value::Null);
            }
            Value::Object(object)
        }
        _ => {
            if simple && let Some(Value::Array(values)) = object.get_mut("enum") {
                values.push(Value::Null);
                if let Some(Value::Array(names)) = object.get_mut("type") {
                    names.push(json!("null"));
                }
                return Value::Object(object);
            }
            let description = object.remove("description");
            let mut out = Object::from_iter([("anyOf".to_owned(), json!([object, {"type": "null"}]))]);
            if let Some(description) = description {
                out.insert("description".to_owned(), description);
            }
            Value::Object(out)
        }
    }
}
