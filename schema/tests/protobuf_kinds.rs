//! The kinds of Protobuf text that were once read wrongly, as data: what is sent, and what the canonical text holds.
//!
//! Each case names the section of protobuf.dev that decides it. Every canonical text must read back as itself, and its
//! descriptor as the same schema.

#![allow(clippy::unwrap_used, reason = "tests fail loudly")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use prost_types::{FileDescriptorProto, field_descriptor_proto};
use schema::compat::{self, Level, Policy, Previous};
use schema::protobuf::ProtobufSchema;
use schema::protobuf::validate::{MessageSelector, Validator};
use schema::{Format, ParsedSchema, Reference, Rendering, ResolvedReference, SchemaError, Strictness};

const NEW: Strictness = Strictness::New { validate_fields: false };
const STRICT: Strictness = Strictness::New { validate_fields: true };

fn parse(text: &str) -> Result<ParsedSchema, SchemaError> {
    ParsedSchema::parse(Format::Protobuf, text, &[], NEW)
}

/// The canonical text, which reads back as itself, as does the descriptor in normal form.
fn canonical(text: &str) -> String {
    let parsed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let canonical = parsed.canonical().to_owned();
    let again = parse(&canonical).unwrap_or_else(|error| panic!("{text}: {error}\n{canonical}"));
    assert_eq!(again.canonical(), canonical, "{text}");
    let serialized = parsed.render(Rendering::Serialized).unwrap();
    let back = parse(&serialized).unwrap_or_else(|error| panic!("{text}: {error}"));
    let plain = parse(&parsed.render(Rendering::IgnoreExtensions).unwrap()).unwrap();
    assert_eq!(back.normalized().unwrap(), plain.normalized().unwrap(), "{text}");
    canonical
}

/// The kind of a case and its source, the text, and what its canonical text holds.
const CASES: &[(&str, &str, &[&str])] = &[
    // Language specification, "Integer literals".
    (
        "octal and hexadecimal numbers",
        "syntax = \"proto2\"; enum E { A = 0; C = 010; D = -0x1F; F = - 1; } message M { \
      optional int32 a = 012; optional int32 b = 0x20; reserved 0100 to 0x50; extensions 0200 to max; }",
        &["C = 8;", "D = -31;", "F = -1;", "a = 10;", "b = 32;", "reserved 64 to 80;", "extensions 128 to max;"],
    ),
    // "Comments", and line ends of every system.
    (
        "comments at every place",
        "/**/syntax/* a */=/* b */\"proto3\"/* c */;\r\nmessage M { // d\r\n  string s = 1; /* e */\r\n\
      int32 i = 2; /* f */ // g\r\n  bool b /* h */ = /* i */ 3 /* j */ [ /* k */ deprecated /* l */ = true ] ; /* m */ /* n */ }\
      // the end",
        &["string s = 1;", "int32 i = 2;", "bool b = 3 [deprecated = true];"],
    ),
    (
        "a byte order mark and other white space",
        "\u{feff}syntax = \"proto3\";\u{b}\u{c}message\u{c}M {}",
        &["message M {}"],
    ),
    // "Option" and "Constant"; Text Format Language Specification.
    (
        "a number with a sign apart",
        "import \"google/protobuf/descriptor.proto\"; option (a) = - 1.5; option (b) = - inf;\
      option (c) = 1e+5; option (d) = .5; message M {}",
        &["(a) = -1.5;", "(b) = -inf;", "(c) = 1e+5;", "(d) = .5;"],
    ),
    (
        "text format",
        "option (a) = { x: - 1 y < z: 1 > # comment \" here\n l: [1, 2], m [{ n: 'a' \"b\" }]; \
      [x.y/z.W] { v: 1 }\n [ a . b ]: 2 }; message M {}",
        &["x: -1", "y: {", "z: 1", "n: \"ab\"", "[x.y/z.W]: {", "[a.b]: 2"],
    ),
    (
        "an extension inside an option path",
        "syntax = \"proto3\"; message M { option (a).b.(c.d).e = 1; string s = 1 [(.a.b).(c) = 2, \
      features.(pb.go).api_level = API_OPEN]; }",
        &["option (a).b.(c.d).e = 1;", "(.a.b).(c) = 2", "features.(pb.go).api_level = API_OPEN"],
    ),
    (
        "names whose parts stand apart",
        "syntax = \"proto3\"; package a . b; message M { . a . b . M m = 1; } \
      message N { option ( x . y ) . z = 1; }",
        &["package a.b;", ".a.b.M m = 1;", "option (x.y).z = 1;"],
    ),
    // "String literals".
    (
        "escapes",
        "syntax = \"proto2\"; message M { optional string a = 1 [default = \"\\u00e9\\U0001F600\\303\\251\" 'x']; \
      optional bytes b = 2 [default = \"\\377\\000\\x7\"]; optional string c = 3 [default = \"\\ud83d\\ude00\\?\"]; }",
        &["default = \"é😀éx\"", "default = \"\\377\\000\\a\"", "default = \"😀?\""],
    ),
    // "Field": defaults.
    (
        "defaults",
        "syntax = \"proto2\"; message M { optional double a = 1 [default = - 1e+22]; optional float b = 2 \
      [default = -inf]; optional float c = 3 [default = nan]; optional int32 d = 4 [default = -0x10]; optional double e = 5 \
      [default = 1.5f]; }",
        &["default = -1e+22", "default = -inf", "default = nan", "default = -0x10"],
    ),
    // "Group".
    (
        "groups",
        "syntax = \"proto2\"; message M { extensions 100 to max; optional group G = 1 [deprecated = true] { optional \
      group H = 2 { enum E { A = 0; } optional E e = 3; } oneof o { int32 p = 4; group Q = 5 { ; } } map<string, H> m = 6; } \
      optional G other = 7; } extend M { repeated group Ext = 100 { optional int32 deep_field = 1; } }",
        &[
            "optional group G = 1 [deprecated = true] {",
            "optional group H = 2 {",
            "group Q = 5",
            "deep_field = 1;",
            "repeated group Ext = 100 {",
            "optional G other = 7;",
        ],
    ),
    // "Extensions".
    (
        "options of extension ranges",
        "syntax = \"proto2\"; message M { extensions 4 to 10, 20 [verification = DECLARATION, \
      declaration = { number: 4 full_name: \".a.b\" type: \"int32\" }]; }",
        &["verification = DECLARATION", "number: 4"],
    ),
    // "EmptyStatement"; keywords are no reserved words.
    (
        "empty statements and keywords as names",
        "syntax = \"proto3\";; message message { ; string message \
      = 1; string optional = 2; string reserved = 3; int32 to = 4; map map = 5; oneof option { int32 max = 6; } } ; message map { } \
      enum enum { ; stream = 0; } service service { ; rpc rpc (stream message) returns (message) { ; } }",
        &["string message = 1;", "string reserved = 3;", "map map = 5;", "stream = 0;", "(stream message)"],
    ),
    ("only a syntax line", "syntax = \"proto3\";", &["syntax = \"proto3\";"]),
    ("only the older syntax line", "syntax = \"proto2\";", &["syntax = \"proto2\";"]),
    // Editions specification.
    (
        "edition 2023",
        "edition = \"2023\"; option features.field_presence = IMPLICIT; message M { reserved a, b; string s = 1 \
      [features = { field_presence: EXPLICIT }]; repeated int32 l = 2; M m = 3 [features.message_encoding = DELIMITED]; \
      oneof o { int32 x = 4; } map<string, M> map = 5; extensions 100 to 200; } enum E { option features.enum_type = CLOSED; \
      A = 1; reserved B; } extend M { int32 e = 100; }",
        &[
            "edition = \"2023\";",
            "option features.field_presence = IMPLICIT;",
            "reserved a, b;",
            "string s = 1",
            "reserved B;",
        ],
    ),
    (
        "edition 2024",
        "edition = \"2024\"; import option \"google/protobuf/go_features.proto\"; export message M { local enum E { A \
      = 0; } message local {} int32 x = 1; } local message N {}",
        &[
            "edition = \"2024\";",
            "import option \"google/protobuf/go_features.proto\";",
            "export message M {",
            "local enum E {",
            "local message N {}",
        ],
    ),
];

#[test]
fn every_kind_of_text_is_read_and_kept() {
    for (kind, text, holds) in CASES {
        let canonical = canonical(text);
        for part in *holds {
            assert!(canonical.contains(part), "{kind}: no {part} in\n{canonical}");
        }
    }
}

#[test]
fn texts_that_no_compiler_reads_are_refused() {
    let cases = [
        "message M { /* open",
        "message M { } /",
        "syntax = \"proto2\"; message M { optional int32 a = 08; }",
        "syntax = \"proto2\"; enum E { A = 0x; }",
        "syntax = \"proto2\"; enum E { A = 4294967296; }",
        "option (a) = \"\\xg\"; message M {}",
        "option (a) = \"\\ud800\"; message M {}",
        "option (a) = { x: 1 > ; message M {}",
        "edition = \"2022\"; message M {}",
        "edition = \"2023\"; message M { optional int32 a = 1; }",
        "edition = \"2023\"; message M { required int32 a = 1; }",
        "edition = \"2023\"; export message M { int32 a = 1; }",
        "syntax = \"proto3\"; edition = \"2023\"; message M { int32 a = 1; }",
    ];
    for text in cases {
        assert!(matches!(parse(text), Err(SchemaError::Invalid { .. })), "{text}");
    }
}

/// protobuf.dev, language guides: what protoc refuses is a lint, and an error with `validateFields`.
#[test]
fn what_no_compiler_takes_is_a_lint_or_an_error() {
    let cases = [
        ("FIELD_NUMBER_DUPLICATE", "syntax = \"proto3\"; message M { int32 a = 1; int32 b = 1; }"),
        ("FIELD_NUMBER_INVALID", "syntax = \"proto3\"; message M { int32 a = 0; }"),
        ("FIELD_NUMBER_INVALID", "syntax = \"proto3\"; message M { int32 a = -3; }"),
        ("FIELD_NUMBER_INVALID", "syntax = \"proto3\"; message M { int32 a = 536870912; }"),
        ("FIELD_NUMBER_IMPLEMENTATION", "syntax = \"proto3\"; message M { int32 a = 19000; }"),
        ("FIELD_NUMBER_RESERVED", "syntax = \"proto3\"; message M { reserved 1 to 5; int32 a = 3; }"),
        ("FIELD_NAME_RESERVED", "syntax = \"proto3\"; message M { reserved \"a\"; int32 a = 3; }"),
        (
            "FIELD_NUMBER_IN_EXTENSION_RANGE",
            "syntax = \"proto2\"; message M { extensions 1 to 5; optional int32 a = 3; }",
        ),
        ("RANGE_OVERLAP", "syntax = \"proto2\"; message M { extensions 1 to 5, 5 to 9; }"),
        ("RANGE_OVERLAP", "syntax = \"proto2\"; message M { extensions 1 to 5; reserved 5; }"),
        ("RANGE_INVALID", "syntax = \"proto2\"; message M { reserved 9 to 5; }"),
        ("NAME_DUPLICATE", "syntax = \"proto3\"; message M { int32 a = 1; int32 a = 2; }"),
        ("NAME_DUPLICATE", "syntax = \"proto3\"; enum E { A = 0; } enum F { A = 0; }"),
        ("ENUM_FIRST_NOT_ZERO", "syntax = \"proto3\"; enum E { A = 1; }"),
        ("ENUM_FIRST_NOT_ZERO", "edition = \"2023\"; enum E { A = 1; }"),
        ("ENUM_ALIAS", "syntax = \"proto3\"; enum E { A = 0; B = 0; }"),
        ("ENUM_ALIAS_UNUSED", "syntax = \"proto3\"; enum E { option allow_alias = true; A = 0; }"),
        ("ENUM_EMPTY", "syntax = \"proto3\"; enum E { }"),
        ("ENUM_NUMBER_RESERVED", "syntax = \"proto3\"; enum E { A = 0; B = 4; reserved 2 to 5; }"),
        ("ENUM_NAME_RESERVED", "syntax = \"proto3\"; enum E { A = 0; reserved \"A\"; }"),
        ("JSON_NAME_CONFLICT", "syntax = \"proto3\"; message M { int32 a_b = 1; int32 aB = 2; }"),
        ("ONEOF_EMPTY", "syntax = \"proto3\"; message M { oneof o { } }"),
        ("PROTO3_DEFAULT", "syntax = \"proto3\"; message M { int32 a = 1 [default = 2]; }"),
        ("PROTO3_GROUP", "syntax = \"proto3\"; message M { repeated group G = 1 { int32 a = 1; } }"),
        ("PROTO3_EXTENSION_RANGE", "syntax = \"proto3\"; message M { extensions 1; }"),
        ("IMPORT_MISSING", "syntax = \"proto3\"; import \"nowhere.proto\"; message M { int32 a = 1; }"),
        ("FEATURE_INVALID", "edition = \"2023\"; message M { int32 a = 1 [features.field_presence = MAYBE]; }"),
    ];
    for (code, text) in cases {
        let parsed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let lints = parsed.lints().unwrap();
        assert!(lints.iter().any(|lint| lint.code == code), "{text}: {lints:?}");
        let strict = ParsedSchema::parse(Format::Protobuf, text, &[], STRICT);
        assert!(matches!(strict, Err(SchemaError::Invalid { .. })), "{text}");
    }
    // Neighbours that compilers do take.
    let sound = [
        "syntax = \"proto2\"; message M { optional int32 a_b = 1; optional int32 aB = 2; }",
        "syntax = \"proto2\"; enum E { A = 1; }",
        "edition = \"2023\"; enum E { option features.enum_type = CLOSED; A = 1; }",
        "syntax = \"proto3\"; enum E { option allow_alias = true; A = 0; B = 0; reserved -5 to -1; }",
        "syntax = \"proto2\"; message M { option message_set_wire_format = true; extensions 4 to max; } \
         message N { extend M { optional N n = 536870912; } }",
        "syntax = \"proto3\"; import \"google/protobuf/any.proto\"; message M { int32 a = 18999; int32 b = 20000; }",
    ];
    for text in sound {
        assert_eq!(parse(text).unwrap().lints().unwrap(), [], "{text}");
        ParsedSchema::parse(Format::Protobuf, text, &[], STRICT).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

fn verdict(old: &str, new: &str) -> bool {
    let (old, new) = (parse(old).unwrap(), parse(new).unwrap());
    let previous = [Previous { version: None, schema: &old }];
    compat::check(Level::Full, Policy::Strict, &new, &previous).unwrap().compatible
}

/// Editions specification: a file of an edition means what its features say, so an equivalent file is compatible.
#[test]
fn editions_are_compared_by_what_is_on_the_wire() {
    let same = [
        (
            "syntax = \"proto2\"; message M { required int32 a = 1; optional string b = 2; repeated int32 c = 3; }",
            "edition = \"2023\"; message M { int32 a = 1 [features.field_presence = LEGACY_REQUIRED]; string b = 2; repeated \
          int32 c = 3 [features.repeated_field_encoding = EXPANDED]; }",
        ),
        (
            "syntax = \"proto3\"; message M { int32 a = 1; optional string b = 2; oneof o { M c = 3; } map<string, M> d = 4; }",
            "edition = \"2024\"; option features.field_presence = IMPLICIT; message M { int32 a = 1; string b = 2 \
          [features.field_presence = EXPLICIT]; oneof o { M c = 3; } map<string, M> d = 4; }",
        ),
        (
            "syntax = \"proto2\"; message M { optional group G = 1 { optional int32 a = 2; } }",
            "edition = \"2023\"; message M { message G { int32 a = 2; } G g = 1 [features.message_encoding = DELIMITED]; }",
        ),
        (
            "edition = \"2023\"; enum E { option features.enum_type = CLOSED; A = 0; } message M { E e = 1; }",
            "edition = \"2024\"; enum E { A = 0; } message M { E e = 1; }",
        ),
    ];
    for (old, new) in same {
        assert!(verdict(old, new) && verdict(new, old), "{old}\n{new}");
    }
    let different = [
        (
            "edition = \"2023\"; message M { M m = 1; }",
            "edition = \"2023\"; message M { M m = 1 [features.message_encoding = DELIMITED]; }",
        ),
        (
            "syntax = \"proto2\"; message M { optional int32 a = 1; }",
            "edition = \"2023\"; message M { int32 a = 1; int32 b = 2 [features.field_presence = LEGACY_REQUIRED]; }",
        ),
        (
            "syntax = \"proto2\"; message M { optional group G = 1 { optional int32 a = 2; } }",
            "edition = \"2023\"; message M { message G { int32 a = 2; } G g = 1; }",
        ),
        ("edition = \"2023\"; message M { int32 a = 1; }", "edition = \"2023\"; message M { string a = 1; }"),
    ];
    for (old, new) in different {
        assert!(!verdict(old, new), "{old}\n{new}");
    }
}

/// Editions specification: presence, closed enums and delimited messages hold for data.
#[test]
fn data_of_editions_is_checked_by_features() {
    let text = "edition = \"2023\"; enum Open { A = 0; } enum Closed { option features.enum_type = CLOSED; B = 1; } message M { \
                int32 needed = 1 [features.field_presence = LEGACY_REQUIRED]; Open open = 2; Closed closed = 3; M inner = 4 \
                [features.message_encoding = DELIMITED]; repeated int32 numbers = 5; }";
    let schema = ProtobufSchema::parse(text, &[], NEW).unwrap();
    let validator = Validator::new(&schema).unwrap();
    let message = validator.message(&schema, MessageSelector::First).unwrap();
    let json = [
        ("{\"needed\": 1, \"open\": 9, \"closed\": 1}", true),
        ("{\"open\": 9}", false),
        ("{\"needed\": 1, \"closed\": 9}", false),
        ("{\"needed\": 1, \"inner\": {\"needed\": 2}}", true),
        ("{\"needed\": 1, \"inner\": {}}", false),
    ];
    for (data, valid) in json {
        assert_eq!(message.validate_json(data).is_empty(), valid, "{data}: {:?}", message.validate_json(data));
    }
    let binary: [(&[u8], bool); 4] = [
        (&[0x08, 1], true),
        (&[], false),
        // The inner message between its tags, and numbers in one piece.
        (&[0x08, 1, 0x23, 0x08, 2, 0x24, 0x2a, 2, 1, 2], true),
        (&[0x08, 1, 0x23, 0x24], false),
    ];
    for (data, valid) in binary {
        assert_eq!(message.validate_binary(data).is_empty(), valid, "{data:?}: {:?}", message.validate_binary(data));
    }
}

/// What protoc makes: numbers, labels and JSON names are checked in one file that has something of everything.
#[test]
fn the_descriptor_is_protocs() {
    let text = "syntax = \"proto2\"; package p; import \"google/protobuf/descriptor.proto\"; message Holder { extend \
                google.protobuf.FieldOptions { optional Rules rules = 50000; } } message Rules { optional double d = 1; extensions \
                5 to max; } extend Rules { optional Rules more = 5; } message M { optional double a_b = 010 [default = 1e22, \
                (Holder.rules).(more).d = - 1.5]; map<string, M> m_x = 2; optional bytes c = 3 [default = \"\\377\"]; }";
    let schema = ProtobufSchema::parse(text, &[], STRICT).unwrap();
    let descriptor = FileDescriptorProto::decode(&*schema.descriptor("a.proto").unwrap()).unwrap();
    assert_eq!(descriptor.name(), "a.proto");
    let message = &descriptor.message_type[2];
    let field = &message.field[0];
    assert_eq!((field.number(), field.json_name(), field.default_value()), (8, "aB", "1e+22"));
    assert_eq!(field.label(), field_descriptor_proto::Label::Optional);
    assert_eq!(message.field[1].type_name(), ".p.M.MXEntry");
    assert_eq!(message.field[2].default_value(), "\\377");
    // The option of the nested extension is in the descriptor, and comes back as text.
    let back = parse(&STANDARD.encode(schema.descriptor("a.proto").unwrap())).unwrap();
    assert!(back.canonical().contains("(p.Holder.rules) = {"), "{}", back.canonical());
    assert!(back.canonical().contains("d: -1.5"), "{}", back.canonical());
    assert!(back.canonical().contains("default = \"\\377\""), "{}", back.canonical());
}

/// Extensions for options may come from a reference, at any depth of a path.
#[test]
fn options_by_reference_keep_their_paths() {
    let options = "syntax = \"proto2\"; package o; import \"google/protobuf/descriptor.proto\"; message R { optional R s = 1; \
                   extensions 100; } extend google.protobuf.FieldOptions { optional R r = 51000; } extend R { optional bool t = 100; }";
    let reference = ResolvedReference {
        reference: Reference { name: "o.proto".to_owned(), subject: "o".to_owned(), version: 1 },
        text: options.to_owned(),
    };
    let text = "syntax = \"proto3\"; import \"o.proto\"; message M { string s = 1 [(o.r).s.(o.t) = true]; }";
    let schema = ProtobufSchema::parse(text, std::slice::from_ref(&reference), STRICT).unwrap();
    let descriptor = STANDARD.encode(schema.descriptor("m.proto").unwrap());
    let back = ProtobufSchema::parse(&descriptor, std::slice::from_ref(&reference), STRICT).unwrap();
    assert!(back.canonical().contains("[o.t]: true"), "{}", back.canonical());
    let both = (schema.normalized().unwrap(), back.normalized().unwrap());
    assert!(both.0.contains("[o.t]: true"), "{}", both.0);
    assert_eq!(both.0, both.1);
}
