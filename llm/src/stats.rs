//! Step 18: the sizes of a projected schema, and whether they fit the budgets of its dialect.

use serde::Serialize;
use serde_json::Value;

use crate::tree::types;
use crate::{Dialect, Refusal};

/// Sizes as providers count them: the root and each definition alone, without following references.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Properties in all.
    pub properties: u64,
    /// Most levels of objects in the root or in one definition.
    pub depth: u64,
    /// Values of all enums.
    pub enum_values: u64,
    /// Values of the largest enum.
    pub largest_enum: u64,
    /// Characters of the texts of the enum with the most of them, among those of more than 250 values.
    pub enum_characters: u64,
    /// Characters of the names of properties and definitions, of enum values and constants.
    pub characters: u64,
    /// Properties that are not required.
    pub optional: u64,
    /// Properties whose type is a union.
    pub unions: u64,
    /// Bytes of the schema without white space.
    pub bytes: u64,
}

/// The number of values from which on the characters of an enum count.
const LARGE_ENUM: u64 = 250;

/// The sizes of a schema.
pub(crate) fn of(schema: &Value) -> Stats {
    let mut stats = Stats { bytes: schema.to_string().len() as u64, ..Stats::default() };
    count_stats(schema, 0, &mut stats);
    stats
}

fn count_stats(schema: &Value, depth: u64, stats: &mut Stats) {
    let Value::Object(object) = schema else { return };
    let mut below = depth;
    if let Some(Value::Object(definitions)) = object.get("$defs") {
        for (name, definition) in definitions {
            stats.characters += name.chars().count() as u64;
            count_stats(definition, 0, stats);
        }
    }
    if let Some(Value::Object(properties)) = object.get("properties") {
        below += 1;
        let required = object.get("required").and_then(Value::as_array);
        for (name, property) in properties {
            stats.properties += 1;
            stats.characters += name.chars().count() as u64;
            let is_required = required.is_some_and(|required| required.iter().any(|known| known == name.as_str()));
            stats.optional += u64::from(!is_required);
            let is_union = property.as_object().is_some_and(|property| {
                property.contains_key("anyOf") || property.contains_key("oneOf") || types(property).len() > 1
            });
            stats.unions += u64::from(is_union);
            count_stats(property, below, stats);
        }
    } else if types(object).iter().any(|name| name == "object") {
        below += 1;
    }
    stats.depth = stats.depth.max(below);
    let characters = |value: &Value| match value {
        Value::String(text) => text.chars().count() as u64,
        other => other.to_string().chars().count() as u64,
    };
    if let Some(Value::Array(values)) = object.get("enum") {
        let total: u64 = values.iter().map(characters).sum();
        stats.enum_values += values.len() as u64;
        stats.largest_enum = stats.largest_enum.max(values.len() as u64);
        stats.characters += total;
        if values.len() as u64 > LARGE_ENUM {
            stats.enum_characters = stats.enum_characters.max(total);
        }
    }
    if let Some(constant) = object.get("const") {
        stats.characters += characters(constant);
    }
    for keyword in ["items", "additionalProperties"] {
        if let Some(child) = object.get(keyword) {
            count_stats(child, below, stats);
        }
    }
    for keyword in ["anyOf", "oneOf", "prefixItems"] {
        for child in object.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            count_stats(child, below, stats);
        }
    }
}

/// Refuses what is larger than the dialect allows.
///
/// # Errors
/// A [`Refusal`] with the code of the first budget that is too small.
pub(crate) fn judge_stats(stats: &Stats, dialect: &Dialect) -> Result<(), Refusal> {
    let limits = &dialect.limits;
    let enum_characters = limits.enum_characters.map(|(_, characters)| characters);
    for (code, what, found, allowed) in [
        ("limit-depth", "levels of objects", stats.depth, limits.depth),
        ("limit-props", "properties", stats.properties, limits.properties),
        ("limit-enums", "enum values", stats.enum_values, limits.enum_values),
        ("limit-enum-chars", "characters in one large enum", stats.enum_characters, enum_characters),
        ("limit-chars", "characters of names and values", stats.characters, limits.characters),
        ("limit-optional", "optional properties", stats.optional, limits.optional),
        ("limit-unions", "properties with a union of types", stats.unions, limits.unions),
    ] {
        if let Some(allowed) = allowed
            && found > allowed
        {
            return Err(Refusal::new(
                code,
                "",
                format!("the projection has {found} {what}; {} allows {allowed}", dialect.id),
            ));
        }
    }
    Ok(())
}
