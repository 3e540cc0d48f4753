//! A schema as the validator of data wants it.
//!
//! The validator is a general one: it knows the drafts and nothing of Confluent. So what the registry reads in its own
//! way is written out for it: the `$schema` that counts, `definitions` under `$defs` as well, and regular expressions as
//! [`super::pattern`] reads them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::documents::Dialect;
use super::pattern;
use super::text::Node;

/// Which expression of the schema a translated one came from.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    originals: BTreeMap<String, String>,
}

impl Patterns {
    pub(super) fn original(&self, written: &str) -> Option<&str> {
        self.originals.get(written).map(String::as_str)
    }

    fn translate(&mut self, text: &str) -> String {
        match pattern::for_data(text) {
            Some(written) if written != text => {
                self.originals.entry(written.clone()).or_insert_with(|| text.to_owned());
                written
            }
            Some(_) | None => text.to_owned(),
        }
    }
}

/// The schema as the validator is to read it.
pub(super) fn prepare_schema(root: &Node, dialect: Dialect, patterns: &mut Patterns) -> Value {
    let mut value = to_value(root);
    rewrite_patterns(&mut value, patterns);
    if let Value::Object(members) = &mut value {
        if members.contains_key("$schema") {
            members.insert("$schema".to_owned(), Value::String(dialect_uri(dialect).to_owned()));
        }
        if let Some(Value::Object(definitions)) = members.get("definitions").cloned()
            && let Value::Object(defs) = members.entry("$defs").or_insert_with(|| Value::Object(Map::new()))
        {
            for (name, definition) in definitions {
                // A copy must not declare the same id a second time.
                if !has_id(&definition) {
                    defs.entry(name).or_insert(definition);
                }
            }
        }
    }
    value
}

pub(super) fn dialect_uri(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Draft4 => "http://json-schema.org/draft-04/schema#",
        Dialect::Draft6 => "http://json-schema.org/draft-06/schema#",
        Dialect::Draft7 => "http://json-schema.org/draft-07/schema#",
        Dialect::Draft201909 => "https://json-schema.org/draft/2019-09/schema",
        Dialect::Draft202012 => "https://json-schema.org/draft/2020-12/schema",
    }
}

/// Translates the expressions of a schema and all below it. Depth is bounded by the parser.
///
/// An unknown keyword may hold a schema that a `$ref` leads to, so it is read as one; only what is plainly data is not.
fn rewrite_patterns(value: &mut Value, patterns: &mut Patterns) {
    match value {
        Value::Object(members) => {
            for (keyword, value) in members.iter_mut() {
                match (keyword.as_str(), value) {
                    ("enum" | "const" | "default" | "examples", _) => {}
                    ("pattern", Value::String(text)) => *text = patterns.translate(text),
                    ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(text)) => {
                        if let Some(moved) = reference_into_patterns(text, patterns) {
                            *text = moved;
                        }
                    }
                    ("patternProperties", Value::Object(children)) => {
                        children.values_mut().for_each(|child| rewrite_patterns(child, patterns));
                        *children = translated_names(std::mem::take(children), patterns);
                    }
                    (
                        "properties" | "$defs" | "definitions" | "dependencies" | "dependentSchemas",
                        Value::Object(children),
                    ) => {
                        children.values_mut().for_each(|child| rewrite_patterns(child, patterns));
                    }
                    (_, value) => rewrite_patterns(value, patterns),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite_patterns(item, patterns)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Two expressions that become the same one both apply.
fn translated_names(children: Map<String, Value>, patterns: &mut Patterns) -> Map<String, Value> {
    let mut renamed = Map::new();
    for (text, child) in children {
        let name = patterns.translate(&text);
        let both = match renamed.remove(&name) {
            Some(earlier) => Value::Object(Map::from_iter([("allOf".to_owned(), Value::Array(vec![earlier, child]))])),
            None => child,
        };
        renamed.insert(name, both);
    }
    renamed
}

/// A reference to a schema under `patternProperties`, whose name in the pointer changes with its expression.
fn reference_into_patterns(text: &str, patterns: &mut Patterns) -> Option<String> {
    let (before, pointer) = text.split_once('#')?;
    if !pointer.contains("/patternProperties/") {
        return None;
    }
    let segments = super::documents::pointer_segments(pointer)?;
    let mut written = format!("{before}#");
    let mut is_pattern = false;
    for segment in &segments {
        let name = if is_pattern { patterns.translate(segment) } else { segment.clone() };
        is_pattern = !is_pattern && segment == "patternProperties";
        written.push('/');
        for byte in name.replace('~', "~0").replace('/', "~1").bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~$".contains(&byte) {
                written.push(char::from(byte));
            } else {
                written.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    Some(written)
}

/// Depth is bounded by the parser.
fn has_id(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| matches!(name.as_str(), "$id" | "id" | "$anchor" | "$dynamicAnchor") || has_id(value)),
        Value::Array(items) => items.iter().any(has_id),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

pub(super) fn to_value(node: &Node) -> Value {
    match node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Number(text) => text.parse().map_or(Value::Null, Value::Number),
        Node::String(text) => Value::String(text.to_string()),
        Node::Array(items) => Value::Array(items.iter().map(to_value).collect()),
        Node::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (name.to_owned(), to_value(value))).collect())
        }
    }
}
