//! What the catalogue finds a schema by: fields, paths, types, tags, properties and words, read off its canonical text.
//!
//! A term has a letter that says what it is: `f:` a field's name, `p:` its path, `t:` a type, `g:` a tag, `m:` a metadata
//! property with its value, `w:` a word. Names are kept in lower case but for paths and types. Terms go into the command,
//! so they are part of the replicated state and no replica parses for them.

use std::collections::{BTreeSet, HashSet};

use registry::Terms;
use registry::limits::{TERM_BYTES_MAX, TERMS_MAX};
use schema::{Format, Metadata, ParsedSchema, Reference};
use serde_json::Value;

/// The terms of a schema: sorted, each once, bounded.
pub(super) fn of(parsed: &ParsedSchema, metadata: Option<&Metadata>, references: &[Reference]) -> Terms {
    let mut found = Found::default();
    if let Some(name) = parsed.name() {
        found.type_name(&name);
    }
    match parsed.format() {
        Format::Avro | Format::Json => {
            if let Ok(value) = serde_json::from_str::<Value>(parsed.canonical()) {
                found.walk_json(&value, "");
            }
        }
        Format::Protobuf => found.add_protobuf(parsed.canonical()),
    }
    for reference in references {
        found.type_name(&reference.name);
    }
    if let Some(metadata) = metadata {
        for tag in metadata.tags.values().flatten() {
            found.add_term("g:", tag);
        }
        for (name, value) in metadata.properties.iter().filter(|(name, _)| !metadata.sensitive.contains(*name)) {
            found.add_term("m:", &format!("{name}={value}"));
            found.add_words(value);
        }
    }
    let mut terms: Vec<_> = found.terms.into_iter().collect();
    terms.sort_unstable();
    Terms::of(terms.iter().take(TERMS_MAX))
}

/// The words of a text, as they are indexed and looked for.
pub(super) fn words_of(text: &str) -> BTreeSet<String> {
    split_words(text).map(str::to_lowercase).collect()
}

/// A text at everything that is neither letter nor digit; single characters say nothing.
fn split_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|found: char| !found.is_alphanumeric()).filter(|word| word.chars().nth(1).is_some())
}

#[derive(Default)]
struct Found {
    terms: HashSet<String>,
    /// The term at hand: most are there already, and then nothing is allocated.
    term: String,
}

impl Found {
    fn add_term(&mut self, kind: &str, text: &str) {
        // The set is cut at its end when it is too long; here only hostile input is kept from growing it for ever.
        if !text.is_empty() && text.len() <= TERM_BYTES_MAX && self.terms.len() < TERMS_MAX * 4 {
            self.term.clear();
            self.term.push_str(kind);
            self.term.push_str(text);
            if !self.terms.contains(&self.term) {
                self.terms.insert(self.term.clone());
            }
        }
    }

    fn add_words(&mut self, text: &str) {
        for word in split_words(text) {
            if word.bytes().any(|byte| !byte.is_ascii() || byte.is_ascii_uppercase()) {
                self.add_term("w:", &word.to_lowercase());
            } else {
                self.add_term("w:", word);
            }
        }
    }

    fn add_field(&mut self, path: &str, name: &str) -> String {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        self.add_term("f:", &name.to_lowercase());
        self.add_term("p:", &path);
        self.add_words(name);
        path
    }

    fn type_name(&mut self, name: &str) {
        self.add_term("t:", name);
        self.add_words(name);
    }

    /// Avro and JSON Schema: fields are where `fields` or `properties` are; the depth was bounded by the parser.
    fn walk_json(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(object) => {
                for (key, inner) in object {
                    match (key.as_str(), inner) {
                        ("fields", Value::Array(fields)) => self.add_fields(fields, path),
                        ("properties", Value::Object(properties)) => {
                            for (name, inner) in properties {
                                let path = self.add_field(path, name);
                                self.walk_json(inner, &path);
                            }
                        }
                        ("doc" | "description" | "title", Value::String(text)) => self.add_words(text),
                        ("name", Value::String(name)) => {
                            let namespace = object.get("namespace").and_then(Value::as_str);
                            let full = namespace.filter(|_| !name.contains('.')).map(|space| format!("{space}.{name}"));
                            self.type_name(full.as_deref().unwrap_or(name));
                        }
                        ("type", Value::String(name)) if name.contains('.') => self.type_name(name),
                        ("enum" | "const" | "default" | "examples" | "symbols", _) => {}
                        _ => self.walk_json(inner, path),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk_json(item, path)),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn add_fields(&mut self, fields: &[Value], path: &str) {
        for field in fields {
            let Some(name) = field.get("name").and_then(Value::as_str) else { continue };
            let path = self.add_field(path, name);
            if let Some(text) = field.get("doc").and_then(Value::as_str) {
                self.add_words(text);
            }
            if let Some(inner) = field.get("type") {
                match inner {
                    Value::String(name) if name.contains('.') => self.type_name(name),
                    inner => self.walk_json(inner, &path),
                }
            }
        }
    }

    /// The canonical text of a .proto file: a line begins a block, ends one, or is a field.
    fn add_protobuf(&mut self, text: &str) {
        let mut blocks: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim) {
            let mut parts = line.split_whitespace();
            if let (true, Some(kind), Some(name)) = (line.ends_with('{'), parts.next(), parts.next()) {
                if matches!(kind, "message" | "enum") {
                    self.type_name(name);
                }
                blocks.push(if kind == "message" { name.to_owned() } else { String::new() });
            } else if line.starts_with('}') {
                blocks.pop();
            } else if let Some((declared, _)) = line.split_once(" = ")
                && blocks.iter().any(|block| !block.is_empty())
            {
                let mut declared = declared.split_whitespace().rev();
                if let (Some(name), Some(of)) = (declared.next(), declared.next()) {
                    let path: Vec<_> = blocks.iter().filter(|block| !block.is_empty()).map(String::as_str).collect();
                    self.add_field(&path.join("."), name);
                    if of.contains('.') {
                        self.type_name(of.trim_start_matches('.'));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::Strictness;

    fn terms(format: Format, text: &str) -> Terms {
        let parsed = ParsedSchema::parse(format, text, &[], Strictness::Stored).unwrap();
        of(&parsed, None, &[])
    }

    fn check(format: Format, text: &str, expected: &[&str]) {
        let terms = terms(format, text);
        for term in expected {
            assert!(terms.has(term), "{term} of {terms:?}");
        }
    }

    #[test]
    fn fields_paths_and_types_are_found_in_every_format() {
        check(
            Format::Avro,
            r#"{"type":"record","name":"Order","namespace":"shop","doc":"What was bought","fields":[
                {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
                    {"name":"Sku","type":"string"}]}}}]}"#,
            &["f:items", "f:sku", "p:items.Sku", "t:shop.Order", "w:bought"],
        );
        check(
            Format::Json,
            r#"{"title":"Order","properties":{"items":{"type":"array","items":{"properties":{"sku":{"type":"string"}}}}}}"#,
            &["f:sku", "p:items.sku", "w:order"],
        );
        check(
            Format::Protobuf,
            "syntax = \"proto3\";\npackage shop;\nmessage Order {\n  message Item { string sku = 1; }\n  repeated Item items = 1;\n}\n",
            &["f:sku", "p:Order.Item.sku", "p:Order.items", "t:shop.Order"],
        );
    }
}
