//! Documents against schemas: the rows of the validation corpus, paths of errors, and bombs.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it saw")]

use std::collections::BTreeMap;

use schema::json::{Formats, JsonSchema};
use schema::{Reference, ResolvedReference, SchemaError, Strictness};
use support::bounded;

mod corpora;
mod support;

fn parse(text: &str) -> JsonSchema {
    JsonSchema::parse(text, &[], Strictness::Stored).unwrap()
}

fn paths(schema: &str, document: &str) -> Vec<String> {
    let found = parse(schema).validate(document, Formats::ByDialect).unwrap();
    found.into_iter().map(|error| error.path).collect()
}

#[test]
fn the_corpus() {
    let Some(rows) = corpora::corpus_rows("validate-json.json", "JSON") else { return };
    let mut failures = Vec::new();
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let formats = if text("source").contains("/format/") { Formats::Assert } else { Formats::Ignore };
        let problem = match JsonSchema::parse(text("schema"), &[], Strictness::Stored) {
            Err(error) => error.to_string(),
            Ok(schema) => match schema.validate(text("instance"), formats) {
                Err(error) => error.to_string(),
                Ok(errors) if errors.is_empty() == row["valid"].as_bool().unwrap() => continue,
                Ok(errors) => format!("{errors:?}"),
            },
        };
        let group = text("source").rsplit('/').next().unwrap_or_default().to_owned();
        *groups
            .entry(format!("{} {group}", if row["optional"].is_boolean() { "optional" } else { "REQUIRED" }))
            .or_default() += 1;
        failures.push(format!("{} {} {problem}", text("id"), text("note")));
    }
    println!("validate-json.json: {} of {} pass; {groups:#?}", rows.len() - failures.len(), rows.len());
    for failure in failures.iter().take(60) {
        println!("  {failure}");
    }
    assert!(failures.is_empty());
}

#[test]
fn every_error_has_its_path() {
    let schema = r#"{"type":"object","required":["id"],"properties":{"a":{"type":"array","items":{"type":"integer"}},"b":{"maxLength":2}}}"#;
    assert_eq!(paths(schema, r#"{"id":1,"a":[1,2],"b":"xx"}"#), Vec::<String>::new());
    let mut found = paths(schema, r#"{"a":[1,"x",null],"b":"xxx"}"#);
    found.sort();
    assert_eq!(found, ["", "/a/1", "/a/2", "/b"]);
    assert_eq!(paths(schema, "{"), [""]);
}

#[test]
fn references_are_found_and_nothing_else() {
    let reference = |name: &str, text: &str| ResolvedReference {
        reference: Reference { name: name.to_owned(), subject: "s".to_owned(), version: 1 },
        text: text.to_owned(),
    };
    let part = r#"{"type":"integer","definitions":{"s":{"type":"string"}}}"#;
    for (name, schema) in [
        ("part.json", r#"{"properties":{"a":{"$ref":"part.json"},"b":{"$ref":"part.json#/definitions/s"}}}"#),
        (
            "http://x/part.json",
            r#"{"properties":{"a":{"$ref":"http://x/part.json"},"b":{"$ref":"http://x/part.json#/$defs/s"}}}"#,
        ),
        (
            "part.json",
            r#"{"$id":"http://x/root.json","properties":{"a":{"$ref":"part.json"},"b":{"$ref":"http://x/part.json#/definitions/s"}}}"#,
        ),
    ] {
        let schema =
            JsonSchema::parse(schema, &[reference(name, part)], Strictness::New { validate_fields: false }).unwrap();
        assert_eq!(schema.validate(r#"{"a":1,"b":"x"}"#, Formats::ByDialect), Ok(vec![]));
        assert_eq!(schema.validate(r#"{"a":"x","b":1}"#, Formats::ByDialect).map(|errors| errors.len()), Ok(2));
    }
    let outside = parse(r#"{"$ref":"http://example.com/none.json"}"#);
    assert!(matches!(outside.validate("1", Formats::ByDialect), Err(SchemaError::Invalid { .. })));
}

#[test]
fn both_buckets_of_definitions_resolve() {
    assert_eq!(paths(r##"{"definitions":{"a":{"type":"string"}},"$ref":"#/$defs/a"}"##, "1"), [""]);
}

#[test]
fn bombs_are_refused_or_end() {
    {
        let doubling = |applicator: &dyn Fn(&str) -> String| {
            let mut definitions = vec!["\"d0\":{}".to_owned()];
            for level in 1..60 {
                definitions.push(format!(
                    "\"d{level}\":{}",
                    applicator(&format!("{{\"$ref\":\"#/definitions/d{}\"}}", level - 1))
                ));
            }
            format!("{{\"$ref\":\"#/definitions/d59\",\"definitions\":{{{}}}}}", definitions.join(","))
        };
        let chain = |count: usize, applicator: &dyn Fn(&str) -> String, last: usize| {
            let definitions: Vec<String> = (0..count)
                .map(|at| {
                    let next = if at + 1 == count { last } else { at + 1 };
                    format!("\"d{at}\":{}", applicator(&format!("{{\"$ref\":\"#/definitions/d{next}\"}}")))
                })
                .collect();
            format!("{{\"$ref\":\"#/definitions/d0\",\"definitions\":{{{}}}}}", definitions.join(","))
        };
        let deep = format!("{}1{}", "{\"x\":".repeat(100), "}".repeat(100));
        let schemas = [
            doubling(&|next| format!("{{\"anyOf\":[{next},{next}]}}")),
            doubling(&|next| format!("{{\"properties\":{{\"a\":{next},\"b\":{next}}}}}")),
            chain(5_000, &|next| format!("{{\"allOf\":[{next}]}}"), 4_999),
            chain(5_000, &|next| format!("{{\"properties\":{{\"x\":{next}}}}}"), 0),
            chain(180, &|next| format!("{{\"allOf\":[{next}],\"properties\":{{\"x\":{{\"$ref\":\"#\"}}}}}}"), 179),
            chain(180, &|next| format!("{{\"properties\":{{\"x\":{{\"allOf\":[{next}]}}}}}}"), 0),
            r##"{"allOf":[{"$ref":"#"}]}"##.to_owned(),
            r##"{"properties":{"x":{"anyOf":[{"$ref":"#"},{"$ref":"#"},{"not":{"$ref":"#"}}]}}}"##.to_owned(),
            r##"{"additionalProperties":{"$ref":"#"},"patternProperties":{"x":{"$ref":"#"}}}"##.to_owned(),
            r#"{"additionalProperties":{"pattern":"^(a+)+$"},"patternProperties":{"^(x+)+$":{}}}"#.to_owned(),
        ];
        for schema in schemas {
            for document in ["1", deep.as_str(), r#"{"x":{"x":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"}}"#] {
                let end = schema.char_indices().nth(90).map_or(schema.len(), |(end, _)| end);
                let _ = bounded(&schema[..end], || parse(&schema).validate(document, Formats::ByDialect));
            }
        }
    }
}
