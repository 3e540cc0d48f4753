//! Small things that all steps need: places, kinds of keywords, texts of values.

use serde_json::{Map, Value};

pub(crate) type Object = Map<String, Value>;

/// A place below `at`.
pub(crate) fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Keywords that bind no value.
pub(crate) fn is_annotation(keyword: &str) -> bool {
    matches!(
        keyword,
        "title"
            | "description"
            | "default"
            | "examples"
            | "example"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
            | "$comment"
            | "contentEncoding"
            | "contentMediaType"
            | "contentSchema"
    ) || keyword.starts_with("x-")
}

/// Keywords that only name or hold things.
pub(crate) fn is_structural(keyword: &str) -> bool {
    matches!(
        keyword,
        "$schema"
            | "$id"
            | "id"
            | "$anchor"
            | "$dynamicAnchor"
            | "$recursiveAnchor"
            | "$vocabulary"
            | "$defs"
            | "definitions"
            | "$comment"
    )
}

/// A value as people write it: a text without quotes, blanks after commas and colons.
pub(crate) fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => spaced(other),
    }
}

fn spaced(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", Value::String(name.clone()), spaced(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// The types of a schema, as its `type` says.
pub(crate) fn types(object: &Object) -> Vec<String> {
    match object.get("type") {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) | None => Vec::new(),
    }
}

/// The JSON type of a value; a whole number is an integer.
pub(crate) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if is_whole(&number.to_string()) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Is the number a whole one? Exponents are not written out.
pub(crate) fn is_whole(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().unwrap_or(0)),
        None => (text, 0),
    };
    let digits = mantissa.split_once('.').map_or("", |(_, fraction)| fraction.trim_end_matches('0'));
    let whole_zeros = mantissa.split('.').next().unwrap_or("").trim_start_matches('-');
    let trailing = whole_zeros.len() - whole_zeros.trim_end_matches('0').len();
    let is_zero = mantissa.bytes().all(|byte| !(b'1'..=b'9').contains(&byte));
    if is_zero {
        return true;
    }
    if digits.is_empty() {
        exponent >= -i64::try_from(trailing).unwrap_or(0)
    } else {
        exponent >= i64::try_from(digits.len()).unwrap_or(i64::MAX)
    }
}

/// Does a value have this type?
pub(crate) fn has_type(value: &Value, name: &str) -> bool {
    let own = type_of(value);
    own == name || (name == "number" && own == "integer")
}

/// The type to which a keyword belongs.
pub(crate) fn type_of_keyword(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "properties"
        | "required"
        | "additionalProperties"
        | "patternProperties"
        | "propertyNames"
        | "minProperties"
        | "maxProperties"
        | "dependentRequired"
        | "dependentSchemas"
        | "unevaluatedProperties" => "object",
        "items" | "prefixItems" | "minItems" | "maxItems" | "uniqueItems" | "contains" | "minContains"
        | "maxContains" | "unevaluatedItems" => "array",
        "minLength" | "maxLength" | "pattern" | "format" | "contentEncoding" | "contentMediaType" => "string",
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => "number",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_known_by_their_value() {
        for text in ["0", "-0.0", "0e-9", "1", "1.0", "1e3", "1.5e1", "100e-2", "1e1000000000"] {
            assert!(is_whole(text), "{text}");
        }
        for text in ["0.5", "1.5", "1e-1", "1e-1000000000", "10e-2", "1.25e1"] {
            assert!(!is_whole(text), "{text}");
        }
    }
}
