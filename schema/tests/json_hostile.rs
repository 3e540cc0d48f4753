//! Hostile JSON Schemas: an answer or an error, soon, on a small stack.
//!
//! Each operation for itself, in release builds; debug builds get many times as much.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it saw")]

use schema::compat::{Direction, Level, Policy, Previous, check, differences};
use schema::{Format, ParsedSchema, SchemaError, Strictness};
use support::bounded;

mod support;

const NEW: Strictness = Strictness::New { validate_fields: false };

fn parse(text: &str) -> Result<ParsedSchema, SchemaError> {
    ParsedSchema::parse(Format::Json, text, &[], NEW)
}

/// Parses both and compares in both directions.
fn compare(what: &str, old: &str, new: &str) -> Result<bool, SchemaError> {
    let old = bounded(&format!("{what}: parse"), || parse(old))?;
    let new = bounded(&format!("{what}: parse"), || parse(new))?;
    let previous = [Previous { version: None, schema: &old }];
    let one = bounded(&format!("{what}: backward"), || check(Level::Backward, Policy::Strict, &new, &previous))?;
    let other = bounded(&format!("{what}: forward"), || check(Level::Forward, Policy::Strict, &new, &previous))?;
    let _ = bounded(&format!("{what}: diff"), || schema::diff::diff(&old, &new));
    Ok(one.compatible && other.compatible)
}

const MODERN: &str = r#""$schema":"https://json-schema.org/draft/2020-12/schema","#;

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"not\":", "}"), ("{\"items\":", "}")] {
        let text = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let refused = bounded("deep", || parse(&text).err());
        assert!(matches!(refused, Some(SchemaError::Limit { .. } | SchemaError::Invalid { .. })), "{refused:?}");
    }
}

#[test]
fn the_deepest_accepted_nesting_fits_the_stack() {
    for head in ["", MODERN] {
        for (open, close) in [
            (r#"{"not":"#, "}"),
            (r#"{"properties":{"a":"#, "}}"),
            (r#"{"type":"object","minLength":1,"properties":{"a":"#, "}}"),
            (r#"{"oneOf":["#, "]}"),
            (r#"{"items":"#, "}"),
        ] {
            for depth in [40, 47, 90, 95] {
                let inside = format!("{}{{}}{}", open.repeat(depth), close.repeat(depth));
                let text = format!("{{{head}\"additionalProperties\":{inside}}}");
                let _ = compare("nested", &text, &text.replace("{}", r#"{"type":"string"}"#));
            }
        }
    }
}

#[test]
fn a_doubling_graph_of_references_ends() {
    for head in ["", MODERN] {
        let graph = |leaf: &str| {
            let mut definitions = vec![format!("\"d0\":{leaf}")];
            for level in 1..90 {
                let below = level - 1;
                definitions.push(format!(
                    r##""d{level}":{{"properties":{{"a":{{"$ref":"#/definitions/d{below}"}},"b":{{"$ref":"#/definitions/d{below}"}}}}}}"##
                ));
            }
            format!(
                r##"{{{head}"properties":{{"x":{{"$ref":"#/definitions/d89"}}}},"definitions":{{{}}}}}"##,
                definitions.join(",")
            )
        };
        let same = compare("doubling, same", &graph("{}"), &graph("{}"));
        assert_eq!(same, Ok(true));
        let changed = compare("doubling, changed", &graph(r#"{"type":"string"}"#), &graph(r#"{"type":"integer"}"#));
        assert_eq!(changed, Ok(false));
    }
}

#[test]
fn long_chains_and_rings_of_references_end() {
    for head in ["", MODERN] {
        for count in [50, 1_000, 5_000] {
            let ring = |leaf: &str| {
                let definitions: Vec<String> = (0..count)
                    .map(|at| {
                        let next = (at + 1) % count;
                        format!(r##""d{at}":{{"type":"object","properties":{{"n":{{"$ref":"#/definitions/d{next}"}},"v":{{"type":"{leaf}"}}}}}}"##)
                    })
                    .collect();
                format!(r##"{{{head}"$ref":"#/definitions/d0","definitions":{{{}}}}}"##, definitions.join(","))
            };
            let verdict = compare("ring", &ring("string"), &ring("integer"));
            assert!(matches!(verdict, Ok(false) | Err(SchemaError::Limit { .. })), "{verdict:?}");
        }
    }
}

#[test]
fn references_that_go_in_circles_end() {
    for text in [
        r##"{"$ref":"#"}"##,
        r##"{"properties":{"a":{"$ref":"#/properties/a"}}}"##,
        r##"{"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}},"$ref":"#/definitions/a"}"##,
        r##"{"allOf":[{"$ref":"#"},{"$ref":"#"}]}"##,
        r##"{"anyOf":[{"$ref":"#"},{"not":{"$ref":"#"}}]}"##,
        r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicAnchor":"n","items":{"$dynamicRef":"#n"}}"##,
        r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"http://x/y","$ref":"y"}"##,
        r##"{"$id":"http://x/y","$ref":"y"}"##,
    ] {
        let other = text.replacen('{', r#"{"description":"x","#, 1);
        let verdict = compare("circle", text, &other);
        assert!(matches!(verdict, Ok(_) | Err(SchemaError::Limit { .. })), "{text}: {verdict:?}");
    }
}

#[test]
fn nothing_outside_is_ever_fetched() {
    for uri in [
        "http://169.254.169.254/latest",
        "http://localhost:8081/",
        "https://example.com/a.json",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "jar:file:/a!/b",
        "gopher://x/",
        "//server/share/a.json",
        "other.json",
        "../a.json#/x",
    ] {
        for head in ["", MODERN] {
            let text = format!(r#"{{{head}"properties":{{"a":{{"$ref":"{uri}"}}}}}}"#);
            assert!(matches!(parse(&text), Err(SchemaError::Reference { .. })), "{uri}");
        }
    }
}

#[test]
fn huge_counts_are_bounded() {
    let names = |count: usize| (0..count).map(|at| format!("\"p{at}\":{{}}")).collect::<Vec<_>>().join(",");
    let values = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
    let branches = |count: usize| (0..count).map(|at| format!("{{\"maxLength\":{at}}}")).collect::<Vec<_>>().join(",");
    let required = |count: usize| (0..count).map(|at| format!("\"p{at}\"")).collect::<Vec<_>>().join(",");
    let patterns = |count: usize| (0..count).map(|at| format!("\"^a{at}(b+)+$\":{{}}")).collect::<Vec<_>>().join(",");
    for (what, text, other) in [
        ("properties", format!("{{\"properties\":{{{}}}}}", names(60_000)), "{}".to_owned()),
        ("properties", format!("{{\"properties\":{{{}}}}}", names(40_000)), "{}".to_owned()),
        (
            "properties twice",
            format!("{{\"properties\":{{{}}}}}", names(20_000)),
            format!("{{\"properties\":{{{}}},\"required\":[{}]}}", names(20_000), required(20_000)),
        ),
        ("enum", format!("{{\"enum\":[{}]}}", values(45_000)), format!("{{\"enum\":[{}]}}", values(44_000))),
        ("branches", format!("{{\"anyOf\":[{}]}}", branches(2_000)), format!("{{\"anyOf\":[{}]}}", branches(1_900))),
        (
            "objects as branches",
            format!("{{\"oneOf\":[{}]}}", vec![format!("{{\"properties\":{{{}}}}}", names(30)); 300].join(",")),
            format!("{{\"oneOf\":[{}]}}", branches(300)),
        ),
        (
            "patterns",
            format!("{{\"patternProperties\":{{{}}}}}", patterns(1_000)),
            format!("{{\"properties\":{{{}}}}}", names(1_000)),
        ),
        ("types", format!("{{\"type\":[{}]}}", vec!["\"object\""; 40_000].join(",")), "{}".to_owned()),
        (
            "types of types",
            format!(
                "{}{{}}{}",
                format!("{{\"type\":[{}],\"items\":", vec!["\"array\""; 20].join(",")).repeat(20),
                "}".repeat(20)
            ),
            "{}".to_owned(),
        ),
        ("one string", format!("{{\"description\":\"{}\"}}", "a".repeat(1_000_000)), "{}".to_owned()),
        ("digits", format!("{{\"maximum\":{}}}", "9".repeat(900)), format!("{{\"maximum\":1e{}}}", 999_999)),
        ("multiples", "{\"multipleOf\":1e900000000}".to_owned(), "{\"multipleOf\":3}".to_owned()),
    ] {
        let verdict = compare(what, &text, &other);
        assert!(matches!(verdict, Ok(_) | Err(SchemaError::Limit { .. })), "{what}: {verdict:?}");
        let verdict = compare(what, &text, &text);
        assert!(matches!(verdict, Ok(true) | Err(SchemaError::Limit { .. })), "{what}: {verdict:?}");
    }
}

#[test]
fn too_many_values_are_refused() {
    let text = format!("[{}1]", "1,".repeat(400_000));
    let refused = bounded("values", || parse(&text).err());
    assert!(matches!(refused, Some(SchemaError::Limit { .. })), "{refused:?}");
}

#[test]
fn nasty_patterns_end() {
    let long = "a".repeat(5_000);
    for pattern in
        ["^(a+)+$", "(a*)*b", "^(?=(a+)+$)b", "(?:(?:a{100}){100}){100}", "(a|aa)+\\\\1$", "[\\\\p{L}]{1,1000}"]
    {
        let patterns = format!(r#"{{"patternProperties":{{"{pattern}":{{}}}},"additionalProperties":false}}"#);
        let property = format!(r#"{{"properties":{{"{long}":{{}}}},"additionalProperties":false}}"#);
        let verdict = compare(pattern, &patterns, &property);
        assert!(matches!(verdict, Ok(_) | Err(SchemaError::Limit { .. })), "{pattern}: {verdict:?}");
    }
    for pattern in ["(".repeat(100_000), "[".repeat(100_000), "(?:".repeat(50_000), "\\\\p{IsGreek}".repeat(50_000)] {
        let text = format!(r#"{{"pattern":"{pattern}"}}"#);
        let _ = bounded("pattern", || parse(&text).err());
    }
}

#[test]
fn a_schema_is_always_compatible_with_itself() {
    for text in [
        "true",
        "false",
        "{}",
        r#"{"type":["object","null"],"required":["a"],"minProperties":1,"properties":{"a":false}}"#,
        r##"{"allOf":[{"$ref":"#/definitions/a"},{"not":{"enum":[1,2]}}],"definitions":{"a":{"dependencies":{"x":["y"],"z":{}}}}}"##,
        r#"{"patternProperties":{"^a":{"minLength":1}},"additionalProperties":{"multipleOf":0.1},"if":{},"then":false}"#,
    ] {
        let schema = parse(text).unwrap();
        for direction in [Direction::Backward, Direction::Forward] {
            let found = differences(direction, Policy::Strict, &schema, &schema).unwrap();
            assert!(found.iter().all(|difference| difference.compatible), "{text}: {found:?}");
        }
    }
}
