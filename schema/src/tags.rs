//! Inline tags (`confluent:tags`) of records and fields in Avro and JSON schemas: found and edited.
//!
//! A path is the record's full name in Avro and `object` in JSON, then the field's name, with dots between. Tags inside
//! Protobuf options are left as they are: nothing is found there, and editing them is refused.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{Format, SchemaError};

const TAGS: &str = "confluent:tags";
const RECORD: &str = "sr_record";
const FIELD: &str = "sr_field";

/// Tags at one place of a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tagged {
    /// Where.
    pub path: String,
    /// What is there: `sr_record` or `sr_field`, in any case.
    pub kind: String,
    /// The tags.
    pub tags: Vec<String>,
}

/// The places of a schema that carry one of the tags, each with all of its tags. Nothing in Protobuf, nor in a text that is
/// not JSON.
pub fn find(format: Format, text: &str, wanted: &BTreeSet<String>) -> Vec<Tagged> {
    let mut found = Vec::new();
    if wanted.is_empty() {
        return found;
    }
    let Ok(mut schema) = serde_json::from_str(text) else { return found };
    walk(format, &mut schema, &mut |path, kind, node| {
        let tags = tags_in(node);
        if tags.iter().any(|tag| wanted.contains(tag)) {
            found.push(Tagged { path: path.to_owned(), kind: kind.to_owned(), tags });
        }
    });
    found
}

/// The text with tags added and removed.
///
/// # Errors
/// [`SchemaError::Invalid`] for a path that leads nowhere, or for Protobuf.
pub fn edit(format: Format, text: &str, add: &[Tagged], remove: &[Tagged]) -> Result<String, SchemaError> {
    if add.is_empty() && remove.is_empty() {
        return Ok(text.to_owned());
    }
    if format == Format::Protobuf {
        let message = "the tags of a Protobuf schema are options in its text; edit them there";
        return Err(SchemaError::invalid(message));
    }
    let mut schema: Value = serde_json::from_str(text).map_err(|error| SchemaError::invalid(error.to_string()))?;
    let mut left: BTreeSet<&str> = add.iter().chain(remove).map(|tagged| tagged.path.as_str()).collect();
    walk(format, &mut schema, &mut |path, kind, node| {
        let names = |list: &[Tagged]| {
            let here = list.iter().filter(|tagged| tagged.path == path && tagged.kind.eq_ignore_ascii_case(kind));
            here.flat_map(|tagged| tagged.tags.clone()).collect::<Vec<_>>()
        };
        let (added, removed) = (names(add), names(remove));
        if added.is_empty() && removed.is_empty() {
            return;
        }
        left.remove(path);
        let mut tags = tags_in(node);
        tags.retain(|tag| !removed.contains(tag));
        let new: Vec<_> = added.into_iter().filter(|tag| !tags.contains(tag)).collect();
        tags.extend(new);
        if tags.is_empty() {
            node.shift_remove(TAGS);
        } else {
            node.insert(TAGS.to_owned(), tags.into());
        }
    });
    match left.first() {
        Some(path) => Err(SchemaError::invalid(format!("there is nothing to tag at {path}"))),
        None => Ok(schema.to_string()),
    }
}

fn tags_in(node: &Map<String, Value>) -> Vec<String> {
    let tags = node.get(TAGS).and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(Value::as_str).map(str::to_owned).collect()
}

type Visit<'a> = dyn FnMut(&str, &'static str, &mut Map<String, Value>) + 'a;

/// Visits records and fields. The text was parsed before, so its depth is bounded.
fn walk(format: Format, schema: &mut Value, visit: &mut Visit<'_>) {
    match format {
        Format::Avro => walk_avro(schema, "", visit),
        Format::Json => walk_json(schema, "object", visit),
        Format::Protobuf => {}
    }
}

fn walk_avro(schema: &mut Value, namespace: &str, visit: &mut Visit<'_>) {
    match schema {
        Value::Array(branches) => branches.iter_mut().for_each(|branch| walk_avro(branch, namespace, visit)),
        Value::Object(node) => {
            for inside in ["type", "items", "values"] {
                if let Some(inner @ (Value::Object(_) | Value::Array(_))) = node.get_mut(inside) {
                    walk_avro(inner, namespace, visit);
                }
            }
            let text = |key: &str| node.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            if !matches!(text("type").as_str(), "record" | "error") {
                return;
            }
            let own = text("namespace");
            let (name, space) = (text("name"), if own.is_empty() { namespace } else { &own });
            let full = if name.contains('.') || space.is_empty() { name } else { format!("{space}.{name}") };
            let space = full.rsplit_once('.').map_or("", |(space, _)| space);
            visit(&full, RECORD, node);
            for field in node.get_mut("fields").and_then(Value::as_array_mut).into_iter().flatten() {
                let Value::Object(field) = field else { continue };
                let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
                let path = format!("{full}.{name}");
                visit(&path, FIELD, field);
                if let Some(inner) = field.get_mut("type") {
                    walk_avro(inner, space, visit);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn walk_json(schema: &mut Value, path: &str, visit: &mut Visit<'_>) {
    let Value::Object(node) = schema else { return };
    if node.contains_key("properties") {
        visit(path, RECORD, node);
    }
    let Some(Value::Object(properties)) = node.get_mut("properties") else { return };
    for (name, property) in properties {
        let Value::Object(field) = property else { continue };
        let path = format!("{path}.{name}");
        visit(&path, FIELD, field);
        walk_json(property, &format!("{path}.object"), visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(path: &str, kind: &str, names: &[&str]) -> Tagged {
        let tags = names.iter().map(ToString::to_string).collect();
        Tagged { path: path.to_owned(), kind: kind.to_owned(), tags }
    }

    #[test]
    fn tags_are_added_and_removed_where_the_path_leads() {
        let avro = r#"{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"string"}]}"#;
        let json = r#"{"type":"object","properties":{"f":{"type":"string"}}}"#;
        for (format, text, record, field) in
            [(Format::Avro, avro, "n.R", "n.R.f"), (Format::Json, json, "object", "object.f")]
        {
            let tagged =
                edit(format, text, &[tags(field, FIELD, &["PII"]), tags(record, RECORD, &["T"])], &[]).unwrap();
            assert_eq!(tagged.matches(TAGS).count(), 2, "{tagged}");
            let found = find(format, &tagged, &BTreeSet::from(["PII".to_owned()]));
            assert_eq!(found, [tags(field, FIELD, &["PII"])]);
            assert_eq!(edit(format, &tagged, &[tags(field, FIELD, &["PII"])], &[]).unwrap(), tagged);
            let cleared =
                edit(format, &tagged, &[], &[tags(field, FIELD, &["PII"]), tags(record, RECORD, &["T"])]).unwrap();
            assert_eq!(cleared, text);
            assert!(edit(format, text, &[tags("nowhere", FIELD, &["PII"])], &[]).is_err());
        }
        assert!(edit(Format::Protobuf, "", &[tags("a", FIELD, &["PII"])], &[]).is_err());
    }
}
