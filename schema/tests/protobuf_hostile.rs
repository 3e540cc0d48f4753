//! Input made to hurt: each operation must refuse or answer it within 100 ms, on a small stack, with bounded work.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail loudly and say what they did")]

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schema::compat::{self, Direction, Policy};
use schema::protobuf::ProtobufSchema;
use schema::protobuf::validate::{MessageSelector, Validator};
use schema::{Format, ParsedSchema, Reference, Rendering, ResolvedReference, SchemaError, Strictness};
use support::bounded;

mod support;

const STRICT: Strictness = Strictness::New { validate_fields: true };
const NEW: Strictness = Strictness::New { validate_fields: false };
/// Does everything that can be done with one schema, each within the limits.
fn use_everything(name: &str, text: &str, references: &[ResolvedReference]) -> Result<(), SchemaError> {
    for strictness in [Strictness::Stored, NEW, STRICT] {
        let parse = || ParsedSchema::parse(Format::Protobuf, text, references, strictness);
        let schema = bounded(&format!("{name}: parse"), parse)?;
        bounded(&format!("{name}: normalise"), || schema.normalized())?;
        bounded(&format!("{name}: serialise"), || schema.render(Rendering::Serialized))?;
        let itself = || compat::differences(Direction::Backward, Policy::Strict, &schema, &schema);
        bounded(&format!("{name}: compare"), itself)?;
        bounded(&format!("{name}: diff"), || schema::diff::diff(&schema, &schema))?;
    }
    Ok(())
}

fn limit(result: Result<(), SchemaError>) -> &'static str {
    match result {
        Err(SchemaError::Limit { limit, .. }) => limit,
        other => panic!("a limit was expected, not {other:?}"),
    }
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

const PROTO3: &str = "syntax = \"proto3\";";

#[test]
fn deep_nesting_is_refused() {
    let cases = [
        ("messages", nested("message M {", "", "}", 20_000)),
        ("aggregates", format!("option (a) = {};", nested("{a:", "1", "}", 20_000))),
        ("bare aggregates", format!("option (a) = {};", nested("{a", ":1", "}", 20_000))),
        ("lists", format!("option (a) = {};", nested("[", "1", "]", 20_000))),
        ("maps", format!("message M {{ {} m = 1; }}", nested("map<string,", "int32", ">", 20_000))),
        ("aggregates in angles", format!("option (a) = {};", nested("<a", "", ">", 20_000))),
        ("groups", format!("message M {{ {} }}", nested("repeated group G = 1 {", "", "}", 20_000))),
        (
            "groups of extensions",
            format!("extend M {{ {} }}", nested("repeated group G = 1 {extend M {", "", "}}", 9_000)),
        ),
        ("extensions in an option path", format!("option (a){} = 1;", ".(a.b).c".repeat(20_000))),
        ("option path", format!("option (a){} = 1;", ".a".repeat(20_000))),
    ];
    for (name, body) in cases {
        let result = use_everything(name, &format!("{PROTO3}{body}"), &[]);
        if name != "bare aggregates" {
            assert_eq!(limit(result), "SCHEMA_DEPTH_MAX", "{name}");
        }
    }
    // As deep as allowed is fine, on the same stack.
    let body = nested("message M { M f = 1;", "", "}", 90);
    assert_eq!(use_everything("90 messages", &format!("{PROTO3}{body}"), &[]), Ok(()));
}

/// Groups are found by their place without a search, whatever they stand in, and editions are lowered in one pass.
#[test]
fn many_groups_and_features_are_bounded() {
    let count = 9_000;
    let each = |of: &dyn Fn(usize) -> String| (0..count).map(of).collect::<String>();
    let cases = [
        ("groups", format!("message M {{ {} }}", each(&|n| format!("optional group G{n} = {} {{}}", n + 1)))),
        (
            "groups in oneofs",
            format!("message M {{ {} }}", each(&|n| format!("oneof o{n} {{ group G{n} = {} {{}} }}", n + 1))),
        ),
        (
            "groups of extensions",
            format!(
                "message M {{ extensions 1 to max; }} {}",
                each(&|n| format!("extend M {{ optional group G{n} = {} {{}} }}", n + 1))
            ),
        ),
        (
            "fields of one group",
            format!(
                "message M {{ {} optional group Last = 50000 {{}} }}",
                each(&|n| format!("optional Last f{n} = {};", n + 1))
            ),
        ),
        ("parts of names that stand apart", format!("message M {{ optional {} f = 1; }}", "a . ".repeat(count) + "a")),
    ];
    for (name, text) in cases {
        let result = use_everything(name, &format!("syntax = \"proto2\"; {text}"), &[]);
        assert!(result.is_ok() || name.starts_with("parts"), "{name}: {result:?}");
    }
    let features = each(&|n| format!("int32 f{n} = {} [features.field_presence = IMPLICIT];", n + 1));
    assert_eq!(use_everything("features", &format!("edition = \"2023\"; message M {{ {features} }}"), &[]), Ok(()));
}

#[test]
fn many_members_are_refused() {
    let enumeration: String = (0..100_000).fold(String::new(), |mut text, tag| {
        write!(text, "A{tag}={tag};").unwrap();
        text
    });
    let result = use_everything("enum", &format!("{PROTO3} enum E {{ {} }}", &enumeration[..900_000]), &[]);
    assert_eq!(limit(result), "MEMBER_COUNT_MAX");
    let reserved = use_everything("reserved", &format!("message M {{ reserved {}1; }}", "1,".repeat(400_000)), &[]);
    assert_eq!(limit(reserved), "MEMBER_COUNT_MAX");
    let semicolons = use_everything("semicolons", &format!("{PROTO3}{}", ";".repeat(900_000)), &[]);
    assert_eq!(semicolons, Ok(()));
    let comment = format!("{PROTO3}//{}", "/".repeat(900_000));
    assert_eq!(use_everything("comment", &comment, &[]), Ok(()));
    let comments = format!("{PROTO3}{} message M {{}}", "/**/".repeat(200_000));
    assert_eq!(use_everything("comments", &comments, &[]), Ok(()));
}

#[test]
fn broad_files_are_bounded() {
    let fields = |count: usize, field: &dyn Fn(usize) -> String| (1..=count).map(field).collect::<String>();
    let long = "n".repeat(400_000);
    let cases = [
        (
            "fields of one long type",
            format!("message {long} {{}} message M {{ {} }}", fields(15_000, &|tag| format!("M f{tag}={tag};"))),
        ),
        (
            "many types in a long name",
            format!("message {long} {{ {} }}", fields(15_000, &|tag| format!("message M{tag} {{}}"))),
        ),
        (
            "many members of a long oneof",
            format!("message M {{ oneof {long} {{ {} }} }}", fields(15_000, &|tag| format!("int32 f{tag}={tag};"))),
        ),
        (
            "many oneofs",
            format!("message M {{ {} }}", fields(15_000, &|tag| format!("oneof o{tag} {{ int32 f{tag}={tag}; }}"))),
        ),
        (
            "a map entry with many fields",
            format!(
                "message M {{ message E {{ option map_entry = true; {} int32 value = 2; int32 key = 1; }} {} }}",
                fields(15_000, &|tag| format!("int32 f{tag}={};", tag + 2)),
                fields(15_000, &|tag| format!("repeated E g{tag}={tag};")),
            ),
        ),
        (
            "option paths backwards",
            format!("message M {{ {} }}", fields(15_000, &|tag| format!("option (o).a{} = 1;", 100_000 - tag))),
        ),
        (
            "dotted scopes",
            format!(
                "package {}a; message M {{ {} }}",
                "a.".repeat(100_000),
                fields(10_000, &|tag| format!("X f{tag}={tag};"))
            ),
        ),
        (
            "extension ranges",
            format!(
                "message M {{ extensions {} 1; }} extend M {{ {} }}",
                "1,".repeat(15_000),
                fields(15_000, &|tag| format!("int32 e{tag}={tag};"))
            ),
        ),
    ];
    for (name, body) in cases {
        let outcome = use_everything(name, &format!("{PROTO3}{body}"), &[]);
        println!("  {:?}", outcome.map_err(|error| error.to_string().chars().take(80).collect::<String>()));
    }
}

fn reference(name: &str, version: i32, text: String) -> ResolvedReference {
    let reference = Reference { name: name.to_owned(), subject: name.to_owned(), version };
    ResolvedReference { reference, text }
}

/// File n has a message that uses the message of file n-1 twice; the last one differs between the versions.
fn doubling(depth: usize, version: i32) -> (String, Vec<ResolvedReference>) {
    let bottom = if version == 1 { "int32" } else { "string" };
    let mut references = vec![reference("f0", version, format!("{PROTO3}message M0 {{ {bottom} a = 1; }}"))];
    for n in 1..=depth {
        let below = n - 1;
        let text =
            format!("{PROTO3}import \"f{below}\"; message M{n} {{ M{below} a = 1; M{below} b = 2; M{n} c = 3; }}");
        references.push(reference(&format!("f{n}"), version, text));
    }
    (format!("{PROTO3}import \"f{depth}\"; message Top {{ M{depth} a = 1; }}"), references)
}

#[test]
fn doubling_references_are_compared_in_bounded_time() {
    for depth in [10, 30, 90, 1_000] {
        let parse = |version| {
            let (text, references) = doubling(depth, version);
            ParsedSchema::parse(Format::Protobuf, &text, &references, NEW).unwrap()
        };
        let (old, new) = (parse(1), parse(2));
        let found = bounded(&format!("{depth} doublings"), || {
            compat::differences(Direction::Backward, Policy::Strict, &new, &old)
        });
        match found {
            Ok(found) => assert!(found.iter().any(|difference| !difference.compatible)),
            Err(error) => assert!(matches!(error, SchemaError::Limit { .. }), "{error}"),
        }
    }
}

#[test]
fn descriptors_are_bounded_before_they_are_decoded() {
    // 375,000 empty messages in 750,000 bytes.
    let bomb = STANDARD.encode([0x22, 0x00].repeat(375_000));
    assert_eq!(limit(use_everything("empty messages", &bomb, &[])), "MEMBER_COUNT_MAX");
    // Messages in messages.
    let mut deep = vec![];
    for _ in 0..10_000 {
        let mut outer = vec![0x1a];
        let mut length = deep.len();
        while length >= 0x80 {
            outer.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        outer.push(u8::try_from(length).unwrap());
        outer.extend(&deep);
        deep = outer;
    }
    deep[0] = 0x22;
    assert!(use_everything("deep messages", &STANDARD.encode(&deep), &[]).is_err());
}

/// Found by fuzzing: the library that builds extensions panics where it refuses a file's syntax.
#[test]
fn a_descriptor_with_an_extension_and_an_unknown_syntax_is_refused() {
    for syntax in ["x", "proto4"] {
        let mut descriptor = vec![0x3a, 0x00, 0x62, u8::try_from(syntax.len()).unwrap()];
        descriptor.extend(syntax.bytes());
        let refused = use_everything(syntax, &STANDARD.encode(&descriptor), &[]).unwrap_err();
        assert!(refused.to_string().contains(&format!("unexpected syntax: {syntax}")), "{refused}");
    }
    // Editions are known, but this one names none.
    let descriptor = [&[0x3a, 0x00, 0x62, 8], b"editions".as_slice()].concat();
    let refused = use_everything("editions", &STANDARD.encode(&descriptor), &[]).unwrap_err();
    assert!(refused.to_string().contains("unexpected edition"), "{refused}");
    // An empty one is that of a file that names none.
    let (empty, none) = ([0x3a, 0x00, 0x62, 0x00].as_slice(), [0x3a, 0x00].as_slice());
    let [empty, none] = [empty, none].map(|descriptor| use_everything("no syntax", &STANDARD.encode(descriptor), &[]));
    assert_eq!(empty.map_err(|error| error.to_string()), none.map_err(|error| error.to_string()));
}

#[test]
fn hostile_data_is_bounded() {
    let text = format!(
        "{PROTO3} import \"google/protobuf/struct.proto\"; message M {{ M m = 1; repeated M l = 2; \
                        google.protobuf.Value v = 3; int64 i = 4; }}"
    );
    let schema = ProtobufSchema::parse(&text, &[], STRICT).unwrap();
    let validator = Validator::new(&schema).unwrap();
    let message = validator.message(&schema, MessageSelector::First).unwrap();
    let long = "k".repeat(100_000);
    let cases = [
        ("deep objects", nested("{\"m\":", "{}", "}", 50_000)),
        ("deep values", format!("{{\"v\":{}}}", nested("[", "", "]", 50_000))),
        ("many errors", format!("{{\"l\":[{}0]}}", "0,".repeat(200_000))),
        ("long keys", format!("{{\"v\":{{{}\"a\":1}}}}", format!("\"{long}\":1e999,").repeat(8))),
        ("long number", format!("{{\"i\":1{}}}", "0".repeat(500_000))),
        ("huge exponent", "{\"i\":1e999999999999999999}".to_owned()),
        ("negative exponent", "{\"i\":\"1e-9223372036854775808\"}".to_owned()),
    ];
    for (name, document) in cases {
        let errors = bounded(name, || message.validate_json(&document));
        assert!(!errors.is_empty(), "{name}");
        assert!(errors.iter().map(|error| error.path.len()).sum::<usize>() < 300_000, "{name}");
    }
    let mut deep = vec![];
    for _ in 0..3_000 {
        let length = u16::try_from(deep.len()).unwrap();
        let mut outer =
            vec![0x0a, u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from(length >> 7 & 0x7f).unwrap()];
        outer.extend(&deep);
        deep = outer;
    }
    assert!(!bounded("deep binary", || message.validate_binary(&deep)).is_empty());
}
