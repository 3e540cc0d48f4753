//! Laws of projections, on random schemas in every dialect.
//!
//! What a model writes by the projected form comes back valid by the registered schema when no loss was widening; a
//! projection is the same each time; no keyword of a registered schema vanishes unnamed; a value that no mark touches comes
//! back as it was. Proptest prints the seed of a failure.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use llm::{Class, Options, Projection, dialects, project, restore};
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use schema::Strictness;
use schema::json::{Formats, JsonSchema};
use serde_json::{Value, json};

const DIALECT_2020: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema of limited depth; objects are closed or open, properties required or not.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        (0_u8..4, 4_u8..9).prop_map(|(least, most)| json!({"type": "string", "minLength": least, "maxLength": most})),
        Just(json!({"type": "string", "pattern": "^[a-z]{2,4}$"})),
        Just(json!({"type": "string", "enum": ["red", "green"]})),
        Just(json!({"enum": ["x", 1, null]})),
        Just(json!({"const": "fixed"})),
        Just(json!({"type": "integer"})),
        (-5_i8..5, 5_i8..20)
            .prop_map(|(least, most)| json!({"type": "integer", "minimum": least, "exclusiveMaximum": most})),
        Just(json!({"type": "number", "multipleOf": 0.5})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": ["string", "null"]})),
        Just(json!({"type": ["integer", "string", "null"], "maxLength": 3, "minimum": 0})),
        Just(json!({"$ref": "#/$defs/Leaf"})),
        Just(json!({"$ref": "#/$defs/Node", "description": "a tree"})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let objects = (
            prop::collection::vec((prop::sample::select(vec!["a", "b", "c_d", "value", "key"]), inner.clone(), any::<bool>()), 1..4),
            any::<bool>(),
        )
            .prop_map(|(properties, closed)| object(&properties, closed));
        prop_oneof![
            objects.clone(),
            objects,
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            (inner.clone(), 0_u8..3).prop_map(|(items, most)| json!({"type": "array", "items": items, "minItems": 1, "maxItems": most + 1})),
            (inner.clone(), inner.clone(), 0_u8..3)
                .prop_map(|(one, two, least)| json!({"type": "array", "prefixItems": [one, two], "items": false, "minItems": least.min(2)})),
            inner.clone().prop_map(|value| json!({"type": "object", "additionalProperties": value})),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| json!({"anyOf": [one, two]})),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| json!({"oneOf": [
                object(&[("t", json!({"const": "one"}), true), ("v", one, true)], true),
                object(&[("t", json!({"const": "two"}), true), ("v", two, false)], true),
            ]})),
            (inner.clone(), inner).prop_map(|(one, two)| json!({"allOf": [
                object(&[("l", one, true)], false),
                object(&[("r", two, false)], false),
            ]})),
        ]
    })
}

fn object(properties: &[(&str, Value, bool)], closed: bool) -> Value {
    let mut map = serde_json::Map::new();
    let mut required: Vec<&str> = Vec::new();
    for (name, schema, is_required) in properties {
        map.insert((*name).to_owned(), schema.clone());
        if *is_required && !required.contains(name) {
            required.push(name);
        }
    }
    let mut object = json!({"type": "object", "properties": map, "required": required});
    if closed {
        object["additionalProperties"] = json!(false);
    }
    object
}

/// The schema as a document, with the definitions that it may refer to.
fn document(schema: &Value) -> Value {
    let mut root = schema.clone();
    root["$schema"] = json!(DIALECT_2020);
    root["$defs"] = json!({
        "Leaf": {"type": "string", "maxLength": 6},
        "Node": {
            "type": "object",
            "properties": {"v": {"type": "integer"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
            "required": ["v"],
            "additionalProperties": false,
        },
    });
    root
}

/// Writes a random value by a projected schema, as a model bound by it would.
struct Writer<'s> {
    root: &'s Value,
    rng: TestRng,
}

impl Writer<'_> {
    fn below(&mut self, most: u64) -> u64 {
        if most == 0 { 0 } else { self.rng.random_range(0..most) }
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let target = if reference == "#" { Some(self.root) } else { self.root.pointer(&reference[1..]) };
            return self.value(target.unwrap(), depth + 1);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(branches)) = schema.get(keyword) {
                // Deep down the last branch, which is null where null is possible.
                let at = if depth > 6 { branches.len() as u64 - 1 } else { self.below(branches.len() as u64) };
                return self.value(&branches[usize::try_from(at).unwrap()], depth + 1);
            }
        }
        if schema.get("nullable") == Some(&json!(true)) && self.below(3) == 0 {
            return Value::Null;
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(Value::Array(values)) = schema.get("enum") {
            return values[usize::try_from(self.below(values.len() as u64)).unwrap()].clone();
        }
        let name = match schema.get("type") {
            Some(Value::Array(names)) => {
                let at = if depth > 6 { names.len() as u64 - 1 } else { self.below(names.len() as u64) };
                names[usize::try_from(at).unwrap()].as_str().unwrap().to_owned()
            }
            Some(Value::String(name)) => name.clone(),
            _ => panic!("no type in {schema}"),
        };
        match name.as_str() {
            "null" => Value::Null,
            "boolean" => json!(self.below(2) == 0),
            "string" => self.text(schema),
            "integer" | "number" => self.number(schema),
            "array" => self.array(schema, depth),
            "object" => self.object(schema, depth),
            other => panic!("{other}"),
        }
    }

    fn text(&mut self, schema: &Value) -> Value {
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            assert_eq!(pattern, "^[a-z]{2,4}$");
            return json!("abcd"[..2 + usize::try_from(self.below(3)).unwrap()]);
        }
        let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0);
        let most = schema.get("maxLength").and_then(Value::as_u64).unwrap_or(least + 5);
        let length = least + self.below(most - least + 1);
        json!("\u{e9}".repeat(usize::try_from(length).unwrap()))
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
        let least = bound("minimum").unwrap_or(-20);
        let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|most| most - 1)).unwrap_or(least + 40);
        let span = u64::try_from(most - least + 1).unwrap();
        json!(least + i64::try_from(self.below(span)).unwrap())
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let prefix = schema.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let most = schema.get("maxItems").and_then(Value::as_u64).unwrap_or(least + if depth > 5 { 0 } else { 2 });
        let count = usize::try_from(least + self.below(most.saturating_sub(least) + 1)).unwrap();
        let items = (0..count).map_while(|position| {
            let item = prefix.get(position).or_else(|| schema.get("items"))?;
            item.is_object().then(|| self.value(item, depth + 1))
        });
        let mut written: Vec<Value> = items.collect();
        // The keys of a map that is written as pairs differ.
        let mut keys = Vec::new();
        written.retain(|item| match item.get("key").filter(|_| item.get("value").is_some()) {
            Some(key) if keys.contains(key) => false,
            Some(key) => {
                keys.push(key.clone());
                true
            }
            None => true,
        });
        Value::Array(written)
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut members = serde_json::Map::new();
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if required.contains(&json!(name)) || (depth < 5 && self.below(2) == 0) {
                members.insert(name.clone(), self.value(property, depth + 1));
            }
        }
        if let Some(rest) = schema.get("additionalProperties").filter(|rest| rest.is_object())
            && depth < 5
        {
            for _ in 0..self.below(3) {
                let name = format!("k{}", self.below(9));
                members.insert(name, self.value(rest, depth + 1));
            }
        }
        Value::Object(members)
    }
}

fn is_widening(projection: &Projection) -> bool {
    projection.losses.iter().any(|loss| loss.class() == Class::Widening)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_model_writes_comes_back_valid(schema in schemas(), seed in any::<[u8; 32]>()) {
        let source = document(&schema);
        let registered = JsonSchema::parse(&source.to_string(), &[], Strictness::Stored).unwrap();
        for dialect in dialects::all() {
            let Ok(found) = project(&source, &[], dialect, &Options::default()) else { continue };
            prop_assert_eq!(&found, &project(&source, &[], dialect, &Options::default()).unwrap());
            prop_assert!(!found.schema.to_string().contains('\u{0}') && !found.schema.to_string().contains("\\u0000"), "{}", found.schema);
            let mut writer = Writer { root: &found.schema, rng: TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed) };
            for _ in 0..4 {
                let written = writer.value(&found.schema, 0);
                let back = restore(&found.inverse, written.clone()).unwrap();
                if found.inverse.is_identity() {
                    prop_assert_eq!(&back, &written);
                }
                if is_widening(&found) {
                    continue;
                }
                let errors = registered.validate(&back.to_string(), Formats::Ignore).unwrap();
                prop_assert!(errors.is_empty(), "{}: {written} by {} came back as {back}: {errors:?}", dialect.id, found.schema);
            }
        }
    }

    /// Every keyword that binds a value is in the projection or among its losses, or is said in another way.
    #[test]
    fn no_constraint_vanishes_unnamed(schema in schemas()) {
        let source = document(&schema);
        for dialect in dialects::all() {
            let Ok(found) = project(&source, &[], dialect, &Options::default()) else { continue };
            for keyword in ["minLength", "maxLength", "pattern", "multipleOf", "minimum"] {
                let (mut before, mut after) = (0, 0);
                count(&schema, keyword, &mut before);
                count(&found.schema, keyword, &mut after);
                let named = found.losses.iter().any(|loss| loss.code == format!("dropped:{keyword}"));
                // Branches that no value can take, and parts of a recursion that end, take their keywords with them.
                let gone = found.losses.iter().any(|loss| loss.code == "recursion-unrolled");
                prop_assert!(before == 0 || after > 0 || named || gone, "{}: {keyword} of {schema} is not in {}", dialect.id, found.schema);
            }
        }
    }
}

fn count(value: &Value, keyword: &str, found: &mut usize) {
    match value {
        Value::Object(members) => {
            for (name, child) in members {
                *found += usize::from(name == keyword);
                count(child, keyword, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| count(item, keyword, found)),
        _ => {}
    }
}

/// Small texts that unfold without end, or nest.
#[test]
fn hostile_schemas_end() {
    let doubling = |levels: usize| {
        let mut definitions = serde_json::Map::new();
        definitions.insert("d0".to_owned(), json!({"type": "string"}));
        for level in 1..levels {
            let next = json!({"$ref": format!("#/$defs/d{}", level - 1)});
            let both = json!({"type": "object", "properties": {"a": next, "b": next}, "required": ["a", "b"], "additionalProperties": false});
            definitions.insert(format!("d{level}"), both);
        }
        json!({"$ref": format!("#/$defs/d{}", levels - 1), "$defs": definitions})
    };
    let deep = (0..90).fold(json!({"type": "string"}), |inner, _| json!({"type": "array", "items": inner}));
    let mut wide = serde_json::Map::new();
    for number in 0..5_000 {
        wide.insert(format!("p{number}"), json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}));
    }
    let many: Vec<Value> = (0..3_000).map(|number| json!({"type": "object", "properties": {"t": {"const": number}}, "required": ["t"], "additionalProperties": false})).collect();
    let schemas = [
        doubling(40),
        deep,
        json!({"type": "object", "properties": wide}),
        json!({"type": "object", "properties": {"a": {"oneOf": many}}, "required": ["a"], "additionalProperties": false}),
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}, "c": {"$ref": "#"}}}),
        json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]}),
    ];
    for schema in schemas {
        // One that keeps references, one that writes all of them out.
        for (name, options) in
            [("openai", Options::default()), ("gemini-openapi", Options { unroll: 8, ..Options::default() })]
        {
            let dialect = dialects::find(name).unwrap();
            if let Err(refusal) = project(&schema, &[], dialect, &options) {
                assert!(!refusal.message.is_empty() && !refusal.code.is_empty());
            }
        }
    }
}

#[test]
fn the_way_back_refuses_what_is_ambiguous() {
    let map = json!({"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {"type": "integer"}}}, "required": ["m"], "additionalProperties": false});
    let found = project(&map, &[], dialects::find("openai").unwrap(), &Options::default()).unwrap();
    let twice = json!({"m": [{"key": "k", "value": 1}, {"key": "k", "value": 2}]});
    assert_eq!(restore(&found.inverse, twice).unwrap_err().pointer, "/m/1");
    let text = json!({"type": "object", "properties": {"j": {}}, "required": ["j"], "additionalProperties": false});
    let options = Options { json_string: true, ..Options::default() };
    let found = project(&text, &[], dialects::find("openai").unwrap(), &options).unwrap();
    assert_eq!(
        restore(&found.inverse, json!({"j": "{\"a\":12345678901234567890}"})).unwrap().to_string(),
        r#"{"j":{"a":12345678901234567890}}"#
    );
    assert!(restore(&found.inverse, json!({"j": "{"})).is_err());
}

#[test]
fn references_are_bundled_and_never_fetched() {
    let part = json!({"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"id": {"type": "string"}}, "type": "object", "properties": {"id": {"$ref": "#/definitions/id"}}, "required": ["id"], "additionalProperties": false});
    let source = json!({"type": "object", "properties": {"p": {"$ref": "part.json"}, "i": {"$ref": "part.json#/definitions/id"}}, "required": ["p", "i"], "additionalProperties": false});
    let references = [("part.json".to_owned(), part)];
    let found = project(&source, &references, dialects::find("openai").unwrap(), &Options::default()).unwrap();
    assert_eq!(
        found.schema,
        json!({"type": "object", "properties": {"p": {"$ref": "#/$defs/part"}, "i": {"$ref": "#/$defs/id"}}, "required": ["p", "i"], "additionalProperties": false, "$defs": {
            "id": {"type": "string"},
            "part": {"type": "object", "properties": {"id": {"$ref": "#/$defs/id"}}, "required": ["id"], "additionalProperties": false},
        }})
    );
    assert_eq!(
        project(&source, &[], dialects::find("openai").unwrap(), &Options::default()).unwrap_err().code,
        "ref-external"
    );
}
