//! Inline tags (`confluent:tags`) of records and fields in Avro and JSON schemas: read, found, edited.
//!
//! A path is the record's full name in Avro and `object` in JSON, then the field's name, with dots between. Tags inside
//! Protobuf options are left as they are: nothing is found there, and editing them is refused.

use std::collections::BTreeSet;

use proto::error_code as code;
use proto::rest::{SchemaEntityBody, SchemaTagsBody, TagRequest};
use registry::{Subject, contract};
use schema::Format;
use serde_json::{Map, Value};

use super::convert::{metadata, register_options, rule_set};
use super::handlers::{Answer, On};
use crate::service::{FoundSchema, NewSchema, ServiceError};

const TAGS: &str = "confluent:tags";
const RECORD: &str = "sr_record";
const FIELD: &str = "sr_field";

impl On<'_> {
    /// Registers a version again with other tags, metadata or rules.
    pub(super) async fn tag_version(&self, subject: &str, version: &str) -> Answer {
        let body: TagRequest = self.request.json()?;
        if body.rule_set.is_some() && (body.rules_to_merge.is_some() || !body.rules_to_remove.is_empty()) {
            let message = "ruleSet cannot be given together with rulesToMerge or rulesToRemove";
            return Err(ServiceError::new(code::INVALID_RULE_SET, message));
        }
        let found = self.found_version(subject, version).await?;
        let content = self.front.service.opened(&found.content);
        let rules = match body.rule_set {
            Some(given) => rule_set(given)?,
            None => {
                let kept = content.rule_set.as_ref();
                let kept = kept.and_then(|rules| contract::without_rules(rules, &body.rules_to_remove));
                let merged = body.rules_to_merge.map(rule_set).transpose()?.flatten();
                contract::merge_rule_sets(kept.as_ref(), merged.as_ref())
            }
        };
        let new = NewSchema {
            format: found.format,
            text: edit(found.format, &content.text, &body.tags_to_add, &body.tags_to_remove)?,
            references: content.references.clone(),
            metadata: body.metadata.and_then(metadata).or(content.metadata),
            rule_set: rules,
        };
        let asked = proto::rest::RegisterRequest { version: body.new_version, ..Default::default() };
        let options = register_options(&asked, self.request.flag("normalize"), false)?;
        self.registered(&Subject::parse(subject)?, &new, options).await
    }

    /// The things in a schema that carry one of the tags that `findTags` asks for.
    pub(super) fn tags_of(&self, found: &FoundSchema) -> Vec<SchemaTagsBody> {
        let wanted: BTreeSet<String> =
            self.request.queries("findTags").iter().flat_map(|tags| tags.split(',')).map(str::to_owned).collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        let Ok(mut schema) = serde_json::from_str(&found.content.text) else { return Vec::new() };
        let mut all = Vec::new();
        walk(found.format, &mut schema, &mut |path, kind, node| {
            let tags = tags_in(node);
            if tags.iter().any(|tag| wanted.contains(tag)) {
                let schema_entity = SchemaEntityBody { entity_path: path.to_owned(), entity_type: kind.to_owned() };
                all.push(SchemaTagsBody { schema_entity, tags });
            }
        });
        all
    }
}

/// The text with tags added and removed.
///
/// # Errors
/// 42201 for a path that leads nowhere, or for Protobuf.
pub(super) fn edit(
    format: Format,
    text: &str,
    add: &[SchemaTagsBody],
    remove: &[SchemaTagsBody],
) -> Result<String, ServiceError> {
    if add.is_empty() && remove.is_empty() {
        return Ok(text.to_owned());
    }
    let bad = |what: String| ServiceError::new(code::INVALID_SCHEMA, format!("Invalid schema, details: {what}"));
    if format == Format::Protobuf {
        return Err(bad("the tags of a Protobuf schema are options in its text; edit them there".to_owned()));
    }
    let mut schema: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let mut left: BTreeSet<&str> =
        add.iter().chain(remove).map(|tags| tags.schema_entity.entity_path.as_str()).collect();
    walk(format, &mut schema, &mut |path, kind, node| {
        let names = |list: &[SchemaTagsBody]| {
            let here = list.iter().filter(|tags| {
                tags.schema_entity.entity_path == path && tags.schema_entity.entity_type.eq_ignore_ascii_case(kind)
            });
            here.flat_map(|tags| tags.tags.clone()).collect::<Vec<_>>()
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
        Some(path) => Err(bad(format!("there is nothing to tag at {path}"))),
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

    fn tags(path: &str, kind: &str, names: &[&str]) -> SchemaTagsBody {
        SchemaTagsBody {
            schema_entity: SchemaEntityBody { entity_path: path.to_owned(), entity_type: kind.to_owned() },
            tags: names.iter().map(ToString::to_string).collect(),
        }
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
            assert_eq!(edit(format, &tagged, &[tags(field, FIELD, &["PII"])], &[]).unwrap(), tagged);
            let cleared =
                edit(format, &tagged, &[], &[tags(field, FIELD, &["PII"]), tags(record, RECORD, &["T"])]).unwrap();
            assert_eq!(cleared, text);
            assert!(edit(format, text, &[tags("nowhere", FIELD, &["PII"])], &[]).is_err());
        }
        assert!(edit(Format::Protobuf, "", &[tags("a", FIELD, &["PII"])], &[]).is_err());
    }
}
