//! Laws that hold for every JSON Schema.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it saw")]

use proptest::prelude::*;
use schema::compat::{Direction, Policy, differences};
use schema::{Format, ParsedSchema, SchemaError, Strictness};
use serde_json::{Value, json};

/// Schemas of every keyword, most of them valid.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        any::<bool>().prop_map(Value::Bool),
        prop_oneof!["string", "integer", "number", "null", "boolean", "object", "array"]
            .prop_map(|name| json!({"type": name})),
        (0..9_u32, 0..9_u32).prop_map(|(low, high)| json!({"minLength": low, "maxLength": high, "pattern": "^a+$"})),
        (-9..9_i32, 1..9_i32)
            .prop_map(|(low, step)| json!({"minimum": low, "exclusiveMaximum": 1.5, "multipleOf": step})),
        proptest::collection::vec(-3..3_i32, 0..4).prop_map(|values| json!({"enum": values})),
        "[a-c]{0,2}".prop_map(|text| json!({"const": text, "title": text, "default": text})),
        Just(json!({"$ref": "#"})),
        Just(json!({"$ref": "#/definitions/d"})),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let list = proptest::collection::vec(inner.clone(), 0..4);
        let map = proptest::collection::btree_map("[a-d]", inner.clone(), 0..4);
        prop_oneof![
            (map.clone(), proptest::collection::vec("[a-d]", 0..3), proptest::option::of(inner.clone())).prop_map(
                |(properties, required, rest)| match rest {
                    Some(rest) => json!({"properties": properties, "required": required, "additionalProperties": rest}),
                    None => json!({"type": "object", "properties": properties, "required": required}),
                }
            ),
            map.clone().prop_map(|patterns| json!({"patternProperties": patterns, "minProperties": 1})),
            map.prop_map(|dependencies| json!({"dependencies": dependencies})),
            inner.clone().prop_map(|items| json!({"items": items, "uniqueItems": true})),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"contains": a, "not": b, "if": {"type": "null"}})),
            (prop_oneof!["allOf", "anyOf", "oneOf"], list).prop_map(|(name, list)| {
                let mut object = serde_json::Map::new();
                object.insert(name, Value::Array(list));
                object.insert("type".to_owned(), json!(["string", "object", "array"]));
                Value::Object(object)
            }),
        ]
    })
}

fn documents() -> impl Strategy<Value = String> {
    let dialect = prop_oneof![
        Just(None),
        Just(Some("http://json-schema.org/draft-06/schema#")),
        Just(Some("https://json-schema.org/draft/2020-12/schema")),
        Just(Some("https://json-schema.org/draft/2019-09/schema")),
    ];
    (schemas(), schemas(), dialect).prop_map(|(mut root, definition, dialect)| {
        if let Value::Object(members) = &mut root {
            members.insert("definitions".to_owned(), json!({"d": definition}));
            if let Some(dialect) = dialect {
                members.insert("$schema".to_owned(), json!(dialect));
            }
        }
        root.to_string()
    })
}

fn parse(text: &str) -> ParsedSchema {
    ParsedSchema::parse(Format::Json, text, &[], Strictness::Stored).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_canonical_form_is_stable(text in documents()) {
        let schema = parse(&text);
        let again = parse(schema.canonical());
        prop_assert_eq!(schema.canonical(), again.canonical());
        prop_assert!(schema.same_content(&again));
        let normalized = schema.normalized().unwrap();
        prop_assert_eq!(parse(&normalized).normalized().unwrap(), normalized);
    }

    #[test]
    fn a_schema_is_compatible_with_itself(text in documents()) {
        let schema = parse(&text);
        match differences(Direction::Backward, Policy::Strict, &schema, &schema) {
            Ok(found) => prop_assert!(found.iter().all(|difference| difference.compatible), "{:?}", found),
            Err(SchemaError::Limit { .. } | SchemaError::Invalid { .. }) => {}
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn any_two_compare_or_say_why_not(old in documents(), new in documents()) {
        let (old, new) = (parse(&old), parse(&new));
        for policy in [Policy::Strict, Policy::Lenient] {
            let _ = differences(Direction::Forward, policy, &new, &old);
        }
        let _ = schema::diff::diff(&old, &new);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}", json in "[\\[\\]{}:,\"a-z0-9.\\\\eE+-]{0,40}") {
        for text in [text, json] {
            let _ = ParsedSchema::parse(Format::Json, &text, &[], Strictness::New { validate_fields: true });
        }
    }

    #[test]
    fn no_pattern_panics(pattern in "[\\[\\]^$.*+?(){}|\\\\a-eQEpPxukbBwdsZz<>=!:&0-9-]{0,24}") {
        let text = json!({"patternProperties": {pattern: {}}}).to_string();
        let schema = ParsedSchema::parse(Format::Json, &text, &[], Strictness::New { validate_fields: false });
        if let Ok(schema) = schema {
            let other = parse(r#"{"properties":{"abc":{},"e":{}},"additionalProperties":false}"#);
            let _ = differences(Direction::Backward, Policy::Strict, &schema, &other);
        }
    }
}
