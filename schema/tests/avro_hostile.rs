//! Avro under attack: whatever the text or the data, the answer comes soon, from a small stack, and is never a panic.
//!
//! Every case runs on a thread with a stack of 2 MiB, as a server's worker has. The time limit is that of the
//! requirement in an optimised build; without optimisation it is many times that.

use std::fmt::Write;

use proptest::prelude::*;
use schema::avro::{AvroSchema, validate_binary, validate_json};
use schema::compat::{Direction, Policy, differences};
use schema::diff::diff;
use schema::{Format, ParsedSchema, Reference, ResolvedReference, SchemaError, Strictness};
use support::bounded;

mod support;

const NEW: Strictness = Strictness::New { validate_fields: false };

fn parse(text: String, strictness: Strictness) -> Result<ParsedSchema, SchemaError> {
    ParsedSchema::parse(Format::Avro, &text, &[], strictness)
}

/// Parses, and if that works does everything else that can be done with one schema.
fn everything(what: &str, text: String) -> Result<(), SchemaError> {
    let (new, stored) = (text.clone(), text);
    let parsed = bounded(&format!("{what}: new"), move || parse(new, NEW).map(|_| ()));
    let schema = bounded(&format!("{what}: stored"), move || parse(stored, Strictness::Stored))?;
    let _ = bounded(&format!("{what}: normalised"), || schema.normalized());
    let _ = bounded(&format!("{what}: resolved"), || schema.render(schema::Rendering::Resolved));
    assert!(bounded(&format!("{what}: same"), || schema.same_content(&schema)));
    parsed
}

fn assert_limit(result: Result<(), SchemaError>, limit: &str) {
    match result {
        Err(SchemaError::Limit { limit: found, .. }) => assert_eq!(found, limit),
        other => panic!("expected {limit}, found {other:?}"),
    }
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn depth_bombs_are_refused() {
    for (open, close) in [
        ("[", ""),
        ("{\"type\":\"array\",\"items\":", ""),
        ("{\"a\":", ""),
        ("[", "]"),
        ("{\"type\":\"map\",\"values\":", "}"),
    ] {
        let text = format!("{}\"int\"{}", open.repeat(30_000), close.repeat(30_000));
        assert_limit(everything("depth bomb", text), "SCHEMA_DEPTH_MAX");
    }
    let arrays = |depth| format!("{}\"int\"{}", "{\"type\":\"array\",\"items\":".repeat(depth), "}".repeat(depth));
    assert_eq!(everything("96 arrays", arrays(96)), Ok(()));
    assert_limit(everything("97 arrays", arrays(97)), "SCHEMA_DEPTH_MAX");
    let default = format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":"int","x":{}1{}}}]}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    assert_limit(everything("deep property", default), "SCHEMA_DEPTH_MAX");
}

#[test]
fn definitions_that_nest_through_forward_uses_are_refused() {
    // Each record uses the next before it is defined, so that printing each where it is first used nests them all.
    let record =
        |n: usize| format!(r#"{{"type":"record","name":"R{n}","fields":[{{"name":"f","type":"R{}"}}]}}"#, n + 1);
    let text = format!("[{},\"R0\"]", list(5_000, record))
        .replace(",\"R0\"]", ",{\"type\":\"fixed\",\"name\":\"R5000\",\"size\":1}]");
    assert_limit(everything("forward chain", text), "SCHEMA_DEPTH_MAX");
}

#[test]
fn too_many_members_are_refused() {
    let fields = list(100_000, |n| format!(r#"{{"name":"f{n}","type":"int"}}"#));
    let result =
        ParsedSchema::parse(Format::Avro, &format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#), &[], NEW);
    assert!(matches!(result, Err(SchemaError::Limit { .. })));
    let symbols = list(100_000, |n| format!("\"S{n}\""));
    let text = format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]}}"#);
    assert!(text.len() <= schema::limits::SCHEMA_BYTES_MAX, "the case is about members, not bytes");
    assert_limit(everything("100k symbols", text), "MEMBER_COUNT_MAX");
    let branches = list(60_000, |n| format!("\"b{n}\""));
    assert_limit(everything("60k branches", format!("[{branches}]")), "MEMBER_COUNT_MAX");
    let props = list(80_000, |n| format!("\"p{n}\":1"));
    assert_eq!(everything("80k properties", format!(r#"{{"type":"int",{props}}}"#)), Ok(()));
    let aliases = list(100_000, |n| format!("\"a{n}\""));
    let text = format!(r#"{{"type":"record","name":"R","fields":[],"aliases":[{aliases}]}}"#);
    assert_limit(everything("100k aliases", text), "MEMBER_COUNT_MAX");
}

#[test]
fn odd_definitions_get_a_clear_answer() {
    for text in [
        r#"{"type":"fixed","name":"F","size":4611686018427387904}"#,
        r#"{"type":"fixed","name":"F","size":1e3}"#,
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"R","default":{}}]}"#,
        r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]"#,
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"R","fields":[]}}]}"#,
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"Later","default":"A"},{"name":"b","type":{"type":"enum","name":"Later","symbols":["A"]}}]}"#,
    ] {
        assert!(matches!(everything("odd", text.to_owned()), Err(SchemaError::Invalid { .. })), "{text}");
    }
    for text in [
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"R"}],"aliases":["R","R"]}"#,
        r#"[{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]},{"type":"record","name":"B","fields":[{"name":"a","type":"A"}]}]"#,
    ] {
        assert_eq!(everything("cycle", text.to_owned()), Ok(()), "{text}");
    }
}

#[test]
fn defaults_that_unfold_exponentially_are_refused() {
    // {} for Rn means two times {} for Rn-1, and so on.
    let mut text = String::from(r#"{"type":"record","name":"R0","fields":[{"name":"a","type":"int","default":0}]}"#);
    for n in 1..25 {
        let below = n - 1;
        text = format!(
            r#"{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":{text},"default":{{}}}},{{"name":"b","type":"R{below}","default":{{}}}}]}}"#
        );
    }
    assert_limit(bounded("default bomb", move || parse(text, NEW).map(|_| ())), "WALK_STEPS_MAX");
}

/// Records that each use the one below twice: 2^depth paths, unless pairs are remembered.
fn doubling(depth: usize, leaf: &str) -> String {
    let mut text = format!(r#"{{"type":"record","name":"R0","fields":[{{"name":"a","type":"{leaf}"}}]}}"#);
    for n in 1..depth {
        let below = n - 1;
        text = format!(
            r#"{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":{text}}},{{"name":"b","type":"R{below}"}}]}}"#
        );
    }
    text
}

fn compare(what: &str, old: String, new: String) {
    let what = what.to_owned();
    let (old, new) = (parse(old, Strictness::Stored).expect(&what), parse(new, Strictness::Stored).expect(&what));
    bounded(&what, move || {
        for direction in [Direction::Backward, Direction::Forward] {
            match differences(direction, Policy::Strict, &new, &old) {
                Ok(found) => assert!(found.len() <= 2_000),
                Err(SchemaError::Limit { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    });
}

fn compare_and_diff(what: &str, old: String, new: String) {
    compare(what, old.clone(), new.clone());
    let (old, new) = (parse(old, Strictness::Stored).expect(what), parse(new, Strictness::Stored).expect(what));
    bounded(&format!("{what}: diff"), move || match diff(&old, &new) {
        Ok(_) | Err(SchemaError::Limit { .. }) => {}
        Err(other) => panic!("{other}"),
    });
}

#[test]
fn comparisons_of_hostile_pairs_end_soon() {
    compare_and_diff("doubling, equal", doubling(30, "int"), doubling(30, "int"));
    compare_and_diff("doubling, promoted", doubling(30, "int"), doubling(30, "long"));
    compare_and_diff("doubling, incompatible", doubling(30, "int"), doubling(30, "string"));
    let records = |count: usize, prefix: &str, field: &str| {
        format!("[{}]", list(count, |n| format!(r#"{{"type":"record","name":"{prefix}{n}","fields":[{field}]}}"#)))
    };
    compare_and_diff("60 x 60 records", records(60, "A", ""), records(60, "B", ""));
    compare_and_diff("2000 x 2000 records", records(2_000, "A", ""), records(2_000, "B", ""));
    let field = r#"{"name":"a","type":"int"}"#;
    compare_and_diff("5000 x 5000 records, same names", records(5_000, "A", field), records(5_000, "A", ""));
    let symbols = |from: usize| {
        format!(r#"{{"type":"enum","name":"E","symbols":[{}]}}"#, list(50_000, |n| format!("\"S{}\"", n + from)))
    };
    compare_and_diff("50k symbols", symbols(0), symbols(50_000));
    let wide = |kind: &str| {
        let fields = list(25_000, |n| format!(r#"{{"name":"f{n}","type":"{kind}"}}"#));
        format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
    };
    compare_and_diff("25k fields", wide("int"), wide("string"));
    let aliased = list(3_000, |n| {
        format!(r#"{{"name":"g{n}","type":"int","aliases":[{}]}}"#, list(8, |k| format!("\"f{}\"", n + k)))
    });
    compare_and_diff(
        "aliases that match several",
        wide("int"),
        format!(r#"{{"type":"record","name":"R","fields":[{aliased}]}}"#),
    );
}

#[test]
fn types_that_nest_through_references_do_not_overflow_the_stack() {
    let mut references = Vec::new();
    for n in 0..1_500 {
        let below = if n == 0 { "int".to_owned() } else { format!("R{}", n - 1) };
        let text = format!(r#"{{"type":"record","name":"R{n}","fields":[{{"name":"f","type":"{below}"}}]}}"#);
        let reference = Reference { name: format!("R{n}"), subject: format!("r{n}"), version: 1 };
        references.push(ResolvedReference { reference, text });
    }
    bounded("reference chain", move || {
        let parse = || AvroSchema::parse(r#"{"type":"array","items":"R1499"}"#, &references, NEW).expect("a schema");
        let (a, b) = (parse(), parse());
        assert!(a.same_content(&b));
        assert!(a.normalized().is_ok());
        assert!(matches!(a.render(schema::Rendering::Resolved), Err(SchemaError::Limit { .. })));
        assert!(matches!(a.parsing_canonical_form(), Err(SchemaError::Limit { .. })));
        let (a, b) = (ParsedSchema::Avro(a), ParsedSchema::Avro(b));
        let verdict = differences(Direction::Backward, Policy::Strict, &a, &b);
        assert!(matches!(verdict, Err(SchemaError::Limit { .. })), "{verdict:?}");
        assert!(matches!(diff(&a, &b), Err(SchemaError::Limit { .. }) | Ok(_)));
    });
}

#[test]
fn hostile_data_ends_soon() {
    let schema = |text: &str| AvroSchema::parse(text, &[], Strictness::Stored).expect(text);
    let list = schema(r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#);
    let errors = bounded("linked list", move || validate_binary(&list, &[2; 1_000_000]));
    assert!(errors[0].message.contains("DATA_DEPTH_MAX"), "{errors:?}");
    let nulls = schema(r#"{"type":"array","items":"null"}"#);
    // A block of 2^62 nulls in ten bytes.
    let data = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x00];
    let errors = bounded("nulls without end", move || validate_binary(&nulls, &data));
    assert!(!errors.is_empty());
    let nested = schema(r#"{"type":"array","items":{"type":"array","items":"null"}}"#);
    let errors = bounded("empty arrays", move || validate_binary(&nested, &[2_u8, 0].repeat(500_000)));
    assert!(!errors.is_empty());
    let ints = schema(r#"{"type":"array","items":"int"}"#);
    let texts = format!("[{}]", vec!["\"x\""; 200_000].join(","));
    let errors = bounded("many errors", move || validate_json(&ints, &texts));
    assert_eq!(errors.len(), schema::avro::DATA_ERROR_COUNT_MAX);
    let map = schema(r#"{"type":"map","values":"int"}"#);
    let errors = bounded("deep JSON", move || validate_json(&map, &"{\"a\":".repeat(100_000)));
    assert_eq!(errors.len(), 1);
}

/// A schema of some depth, with names that are defined once and used again; the number keeps names apart.
fn schemas() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("\"null\"".to_owned()),
        Just("\"boolean\"".to_owned()),
        Just("\"int\"".to_owned()),
        Just("\"long\"".to_owned()),
        Just("\"double\"".to_owned()),
        Just("{\"type\":\"string\",\"avro.java.string\":\"String\"}".to_owned()),
        Just("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}".to_owned()),
        (0..3_u8, 1..4_u8).prop_map(|(name, size)| format!(r#"{{"type":"fixed","name":"n{name}.F@","size":{size}}}"#)),
        (0..3_u8, 1..4_usize).prop_map(|(name, count)| {
            let symbols = list(count, |n| format!("\"S{n}\""));
            format!(
                r#"{{"doc":"d","type":"enum","symbols":[{symbols}],"name":"E@","namespace":"n{name}","default":"S0"}}"#
            )
        }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|items| format!(r#"{{"items":{items},"type":"array","x":[1.50,{{"b":1,"a":2}}]}}"#)),
            inner.clone().prop_map(|values| format!(r#"{{"type":"map","values":{values}}}"#)),
            inner.clone().prop_filter("a union in a union", |text| !text.starts_with('[')).prop_map(|branch| {
                if branch == "\"null\"" { "[\"null\"]".to_owned() } else { format!("[\"null\",{branch}]") }
            }),
            (prop::collection::vec(inner, 0..4), 0..3_u8, any::<bool>()).prop_map(|(fields, namespace, recursive)| {
                let mut text = format!(r#"{{"type":"record","namespace":"n{namespace}","name":"R@","aliases":["Old@"],"fields":["#);
                for (position, field) in fields.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    let _ = write!(text, r#"{comma}{{"doc":"é\n","type":{field},"name":"f{position}","order":"ignore","aliases":["o{position}"]}}"#);
                }
                if recursive {
                    let comma = if fields.is_empty() { "" } else { "," };
                    let _ = write!(text, r#"{comma}{{"name":"self","type":["null","n{namespace}.R@"],"default":null}}"#);
                }
                text.push_str("]}");
                text
            }),
        ]
    })
    .prop_map(|text| number_names(&text))
}

/// Replaces every `@` by a number of its own; a recursive use gets the number of its record, the first one open.
fn number_names(text: &str) -> String {
    let mut out = String::new();
    let mut open = Vec::new();
    let mut count = 0;
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let number = if before.ends_with("\"name\":\"R") {
            count += 1;
            open.push((count, depth_of(&out)));
            count
        } else if before.ends_with(".R") {
            let depth = depth_of(&out);
            open.retain(|(_, opened)| *opened < depth);
            open.last().map_or(0, |(number, _)| *number)
        } else {
            count += 1;
            count
        };
        let _ = write!(out, "{number}");
        rest = &after[1..];
    }
    out.push_str(rest);
    out
}

fn depth_of(text: &str) -> usize {
    text.matches('{').count() - text.matches('}').count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_canonical_form_is_a_fixed_point(text in schemas()) {
        let schema = AvroSchema::parse(&text, &[], NEW).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
        let again = AvroSchema::parse(schema.canonical(), &[], NEW).expect("the canonical text is a schema");
        prop_assert_eq!(schema.canonical(), again.canonical());
        prop_assert!(schema.same_content(&again));
        let normalized = schema.normalized().expect("a normal form");
        let normal = AvroSchema::parse(&normalized, &[], NEW).expect("the normal form is a schema");
        prop_assert_eq!(normal.canonical(), &normalized);
        prop_assert_eq!(normal.normalized().expect("a normal form"), normalized);
        prop_assert_eq!(schema.fingerprint64(), normal.fingerprint64());
    }

    #[test]
    fn a_schema_reads_itself_and_does_not_differ(text in schemas()) {
        let schema = ParsedSchema::parse(Format::Avro, &text, &[], NEW).expect("a schema");
        let again = ParsedSchema::parse(Format::Avro, schema.canonical(), &[], NEW).expect("a schema");
        let found = differences(Direction::Backward, Policy::Strict, &schema, &again).expect("a verdict");
        prop_assert!(found.is_empty(), "{:?}", found);
        prop_assert!(diff(&schema, &again).expect("a diff").changes.is_empty());
    }

    #[test]
    fn a_diff_tells_what_compatibility_finds(old in schemas(), new in schemas()) {
        let parse = |text: &str| ParsedSchema::parse(Format::Avro, text, &[], NEW).expect("a schema");
        let (old, new) = (parse(&old), parse(&new));
        let diff = diff(&old, &new).expect("a diff");
        for (direction, told) in [
            (Direction::Backward, diff.changes.iter().any(|change| change.breaks_backward)),
            (Direction::Forward, diff.changes.iter().any(|change| change.breaks_forward)),
        ] {
            let found = differences(direction, Policy::Strict, &new, &old).expect("a verdict");
            prop_assert_eq!(found.is_empty(), !told, "{:?} {:?}", found, diff);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,60}") {
        let _ = AvroSchema::parse(&text, &[], NEW);
    }

    #[test]
    fn no_data_makes_the_decoders_panic(schema in schemas(), data in prop::collection::vec(any::<u8>(), 0..64)) {
        let schema = AvroSchema::parse(&schema, &[], NEW).expect("a schema");
        let _ = validate_binary(&schema, &data);
        let _ = validate_json(&schema, &String::from_utf8_lossy(&data));
    }
}
