//! The rules of Avro, one small case each: what is a schema, how it is printed, what reads what. The source of every
//! rule is `docs/formats.md` or the Avro specification.

use schema::avro::{AvroSchema, validate_binary, validate_json};
use schema::compat::{Direction, Policy, differences};
use schema::{Format, ParsedSchema, Reference, Rendering, ResolvedReference, SchemaError, Strictness};

const NEW: Strictness = Strictness::New { validate_fields: false };

fn parse(text: &str, strictness: Strictness) -> Result<AvroSchema, SchemaError> {
    AvroSchema::parse(text, &[], strictness)
}

fn reference(name: &str, text: &str) -> ResolvedReference {
    let reference = Reference { name: name.to_owned(), subject: name.to_owned(), version: 1 };
    ResolvedReference { reference, text: text.to_owned() }
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#)
}

fn field(rest: &str) -> String {
    record(&format!(r#"{{"name":"a",{rest}}}"#))
}

#[test]
fn what_is_a_new_schema() {
    for text in [
        r#""int""#,
        "[]",
        r#"{"type":"enum","name":"E","symbols":[]}"#,
        r#"{"type":"fixed","name":"F","size":0}"#,
        r#"{"type":"record","name":"a.b.R","namespace":"ignored","doc":5,"fields":[]}"#,
        r#"{"type":"array","items":"int","doc":1,"default":[]}"#,
        r#"{"type":"int","logicalType":7,"x":{"y":[null]}}"#,
        "/* comments */ \"int\" // are allowed",
        &field(r#""type":["null","int"],"default":1"#),
        &field(r#""type":["int","null"],"default":null"#),
        &field(r#""type":"double","default":"NaN""#),
        &field(r#""type":"float","default":1"#),
        &field(r#""type":"long","default":-9223372036854775808"#),
        &field(r#""type":{"type":"enum","name":"E","symbols":["A"]},"default":"B""#),
        &field(r#""type":{"type":"map","values":"int"},"default":{"k":1}"#),
        &field(r#""type":{"type":"record","name":"S","fields":[{"name":"b","type":"int","default":1}]},"default":{}"#),
        &field(r#""type":"int","order":"DESCENDING","aliases":["any text"]"#),
        &record(r#"{"name":"a","type":"Later"},{"name":"b","type":{"type":"fixed","name":"Later","size":1}}"#),
        r#"[{"type":"enum","name":"E","symbols":["A"]},{"type":"array","items":{"type":"enum","name":"E","symbols":["A"]}}]"#,
    ] {
        assert!(parse(text, NEW).is_ok(), "{text}: {:?}", parse(text, NEW).err());
    }
}

#[test]
fn what_is_no_schema() {
    for text in [
        "",
        "null",
        "7",
        r#""Unknown""#,
        r#"{"type":"Unknown"}"#,
        r#"{"type":{"type":"int"}}"#,
        r#""int" "int""#,
        r#"["int","int"]"#,
        r#"["int",["null"]]"#,
        r#"[{"type":"map","values":"int"},{"type":"map","values":"long"}]"#,
        r#"{"type":"map"}"#,
        r#"{"type":"fixed","name":"F","size":2147483640}"#,
        r#"{"type":"fixed","name":"F","size":"1"}"#,
        r#"{"type":"enum","name":"E","symbols":["A","A"]}"#,
        r#"{"type":"enum","name":"E","symbols":["A"],"default":"B"}"#,
        r#"{"type":"record","name":"R","fields":[],"aliases":null}"#,
        r#"{"type":"record","name":"","fields":[]}"#,
        r#"[{"type":"record","name":"R","fields":[]},{"type":"map","values":{"type":"error","name":"R","doc":"d","x":1,"fields":[]}}]"#,
        &field(r#""type":"int","default":1.0"#),
        &field(r#""type":"int","default":2147483648"#),
        &field(r#""type":"double","default":"one""#),
        &field(r#""type":"string","default":null"#),
        &field(r#""type":"int","order":"up""#),
        &record(r#"{"name":"a","type":"int"},{"name":"a","type":"int"}"#),
        &record(r#""a""#),
    ] {
        assert!(matches!(parse(text, NEW), Err(SchemaError::Invalid { .. })), "{text}");
    }
}

/// A type is known when its definition ends. Before that an unqualified name means a type of the namespace at hand, and a
/// definition inside another of the same name is a second one.
#[test]
fn a_definition_counts_from_its_end_on() {
    let inside = |name: &str| {
        format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{{"type":"record","name":"n.S","fields":[{{"name":"b","type":{name}}}]}}}}]}}"#
        )
    };
    let undefined = Some(SchemaError::Invalid { message: "Undefined schema: n.R".to_owned() });
    assert_eq!(parse(&inside(r#"["null","R"]"#), NEW).err(), undefined);
    assert_eq!(parse(&inside(r#""S""#), NEW).err(), None);
    let redefined = Some(SchemaError::Invalid { message: "Can't redefine: n.S".to_owned() });
    assert_eq!(parse(&inside(r#"{"type":"record","name":"S","fields":[]}"#), NEW).err(), redefined);
    let twice = |a: &str, b: &str| {
        let with = |rest: &str| format!(r#"{{"type":"record","name":"S"{rest}}}"#);
        parse(&record(&format!(r#"{{"name":"a","type":{}}},{{"name":"b","type":{}}}"#, with(a), with(b))), NEW).is_ok()
    };
    let fields = r#","fields":[{"name":"x","type":"int","default":1}]"#;
    assert!(twice(fields, fields));
    assert!(twice(fields, &format!(r#","doc":"d","aliases":["T"]{fields}"#)));
    assert!(!twice(fields, &format!(r#","p":1{fields}"#)));
    assert!(!twice(fields, r#","fields":[{"name":"x","type":"int"}]"#));
    let recursive = r#","fields":[{"name":"x","type":["null","S"]}]"#;
    assert!(!twice(recursive, recursive));
}

#[test]
fn references_are_as_strict_as_the_schema() {
    let bad = reference("S", r#"{"type":"record","name":"S","fields":[{"name":"x","type":"int","default":"a"}]}"#);
    let uses = field(r#""type":"S""#);
    assert!(AvroSchema::parse(&uses, std::slice::from_ref(&bad), NEW).is_err());
    assert!(AvroSchema::parse(&uses, &[bad], Strictness::Stored).is_ok());
    // Repeating what the reference defines is no second definition, and the canonical text names it.
    let known = reference("S", r#"{"type":"record","name":"S","doc":"d","fields":[{"name":"x","type":"int"}]}"#);
    let repeats = field(r#""type":{"type":"record","name":"S","fields":[{"name":"x","type":"int"}]}"#);
    let schema = AvroSchema::parse(&repeats, &[known], NEW).unwrap();
    assert_eq!(schema.canonical(), r#"{"type":"record","name":"R","fields":[{"name":"a","type":"S"}]}"#);
}

/// Java checks a default again when it copies the schema; a record whose copy has no fields yet takes no object.
#[test]
fn defaults_of_recursive_types_are_checked_at_the_end() {
    let list = |default: &str| field(&format!(r#""type":["R","null"],"default":{default}"#));
    assert!(parse(&list("null"), NEW).is_ok());
    assert!(parse(&list("{}"), NEW).is_err());
    let later = |default: &str| {
        record(&format!(
            r#"{{"name":"a","type":"S","default":{default}}},{{"name":"b","type":{{"type":"record","name":"S","fields":[{{"name":"x","type":"int"}}]}}}}"#
        ))
    };
    assert!(parse(&later(r#"{"x":1}"#), NEW).is_ok());
    assert!(parse(&later("{}"), NEW).is_err());
}

#[test]
fn stored_schemas_are_read_leniently() {
    for text in [
        &field(r#""type":"int","default":"x""#),
        r#"{"type":"record","name":"Größe","namespace":"a-b.c","fields":[]}"#,
        r#"{"type":"enum","name":"E","symbols":["größer"]}"#,
    ] {
        assert!(parse(text, NEW).is_err(), "{text}");
        assert!(parse(text, Strictness::Stored).is_ok(), "{text}");
    }
    assert!(parse(r#"{"type":"record","name":"a b","fields":[]}"#, Strictness::Stored).is_err());
}

#[test]
fn the_canonical_text_is_javas() {
    for (text, canonical) in [
        (r#"{"type":"int","b":1,"a":1e2}"#, r#"{"type":"int","b":1,"a":100.0}"#),
        (r#"{"items":{"type":"int"},"type":"array","x":0.10}"#, r#"{"type":"array","items":"int","x":0.1}"#),
        (
            r#"{"aliases":["S","b.T"],"x":1,"doc":"d","fields":[],"namespace":"a","name":"R","type":"record"}"#,
            r#"{"type":"record","name":"R","namespace":"a","doc":"d","fields":[],"x":1,"aliases":["S","b.T"]}"#,
        ),
        (
            r#"{"type":"record","name":"a.R","fields":[{"type":{"type":"fixed","name":"F","namespace":"","size":1},"name":"f"},{"name":"g","type":["F","R"]}]}"#,
            r#"{"type":"record","name":"R","namespace":"a","fields":[{"name":"f","type":{"type":"fixed","name":"F","namespace":"","size":1}},{"name":"g","type":["F","R"]}]}"#,
        ),
        (
            &field(r#""order":"ascending","x":1,"default":1,"aliases":["b"],"doc":"d","type":"long""#),
            &field(r#""type":"long","doc":"d","default":1,"aliases":["b"],"x":1"#),
        ),
        (&field(r#""type":"float","default":"-Infinity""#), &field(r#""type":"float","default":"-Infinity""#)),
        (
            r#"[{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]},{"type":"record","name":"B","fields":[]}]"#,
            r#"[{"type":"record","name":"A","fields":[{"name":"b","type":{"type":"record","name":"B","fields":[]}}]},"B"]"#,
        ),
    ] {
        assert_eq!(parse(text, Strictness::Stored).expect(text).canonical(), canonical);
    }
}

#[test]
fn normalisation_sorts_what_has_no_order() {
    for (text, normalized) in [
        (r#"{"type":"int","b":{"z":1,"a":2},"a":1}"#, r#"{"type":"int","a":1,"b":{"a":2,"z":1}}"#),
        (r#"{"type":"int","a":1,"logicalType":"date"}"#, r#"{"type":"int","logicalType":"date","a":1}"#),
        (r#"{"type":"int","a":1,"logicalType":"uuid"}"#, r#"{"type":"int","a":1,"logicalType":"uuid"}"#),
        (
            r#"{"type":"bytes","scale":2,"a":1,"precision":4,"logicalType":"decimal"}"#,
            r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2,"a":1}"#,
        ),
        (
            r#"{"type":"error","name":"R","doc":"","fields":[],"aliases":["c","b"]}"#,
            r#"{"type":"record","name":"R","fields":[],"aliases":["b","c"]}"#,
        ),
        (&field(r#""doc":"","type":"double","default":1"#), &field(r#""type":"double","doc":"","default":1.0"#)),
    ] {
        let schema = parse(text, Strictness::Stored).expect(text);
        assert_eq!(schema.normalized().expect(text), normalized);
    }
}

#[test]
fn references_are_named_in_the_canonical_text_and_written_out_when_resolved() {
    let references = [
        reference("a.Inner", r#"{"type":"record","name":"Inner","namespace":"a","fields":[]}"#),
        reference("a.Middle", r#"{"type":"record","name":"a.Middle","fields":[{"name":"i","type":"Inner"}]}"#),
    ];
    let text = r#"{"type":"record","name":"Outer","namespace":"a","fields":[{"name":"m","type":"a.Middle"}]}"#;
    let schema = AvroSchema::parse(text, &references, NEW).expect("a schema");
    let canonical = r#"{"type":"record","name":"Outer","namespace":"a","fields":[{"name":"m","type":"Middle"}]}"#;
    assert_eq!(schema.canonical(), canonical);
    assert_eq!(schema.normalized().as_deref(), Ok(canonical));
    let resolved = schema.render(Rendering::Resolved).expect("a text");
    assert_eq!(
        resolved,
        r#"{"type":"record","name":"Outer","namespace":"a","fields":[{"name":"m","type":{"type":"record","name":"Middle","fields":[{"name":"i","type":{"type":"record","name":"Inner","fields":[]}}]}}]}"#
    );
    assert!(schema.same_content(&parse(&resolved, NEW).expect("a schema")));
    assert!(matches!(AvroSchema::parse(text, &references[..1], NEW), Err(SchemaError::Invalid { .. })));
    assert!(matches!(AvroSchema::parse(text, &references[1..], NEW), Err(SchemaError::Reference { .. })));
}

#[test]
fn content_is_the_same_whatever_the_order_of_keys() {
    let same = |a: &str, b: &str| parse(a, NEW).expect(a).same_content(&parse(b, NEW).expect(b));
    assert!(same(r#"{"type":"int","a":{"x":1,"y":2},"b":2}"#, r#"{"b":2,"a":{"y":2,"x":1},"type":"int"}"#));
    assert!(!same(r#"{"type":"int","a":1}"#, r#"{"type":"int","a":1.0}"#));
    assert!(!same(&field(r#""type":"int","doc":"x""#), &field(r#""type":"int""#)));
    assert!(!same(&field(r#""type":"int","aliases":["x"]"#), &field(r#""type":"int""#)));
    assert!(!same(
        r#"{"type":"enum","name":"E","symbols":["A"],"default":"A"}"#,
        r#"{"type":"enum","name":"E","symbols":["A"]}"#
    ));
    let list = field(r#""type":["null","R"]"#);
    assert!(same(&list, &list));
}

/// The `TYPE path` of every difference when `reader` reads what `writer` wrote.
fn problems(reader: &str, writer: &str) -> Vec<String> {
    let parse = |text: &str| ParsedSchema::parse(Format::Avro, text, &[], Strictness::Stored).expect(text);
    let found = differences(Direction::Backward, Policy::Strict, &parse(reader), &parse(writer)).expect("a verdict");
    found.iter().map(|difference| format!("{} {}", difference.kind, difference.path)).collect()
}

fn check(reader: &str, writer: &str, expected: &[&str]) {
    assert_eq!(problems(reader, writer), expected, "{reader} reads {writer}");
}

#[test]
fn primitives_promote() {
    let kinds = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
    let allowed = [
        ("long", "int"),
        ("float", "int"),
        ("float", "long"),
        ("double", "int"),
        ("double", "long"),
        ("double", "float"),
        ("bytes", "string"),
        ("string", "bytes"),
    ];
    for reader in kinds {
        for writer in kinds {
            let fits = reader == writer || allowed.contains(&(reader, writer));
            check(&format!("\"{reader}\""), &format!("\"{writer}\""), if fits { &[] } else { &["TYPE_MISMATCH /"] });
        }
    }
    check(r#"{"type":"int","logicalType":"date"}"#, r#"{"type":"int","logicalType":"time-millis"}"#, &[]);
    check(r#"{"type":"array","items":"int"}"#, r#"{"type":"array","items":"long"}"#, &["TYPE_MISMATCH /items"]);
    check(r#"{"type":"map","values":"int"}"#, r#"{"type":"array","items":"int"}"#, &["TYPE_MISMATCH /"]);
}

#[test]
fn names_and_aliases_match() {
    let fixed = |name: &str, rest: &str| format!(r#"{{"type":"fixed","name":"{name}","size":1{rest}}}"#);
    check(&fixed("a.F", ""), &fixed("b.F", ""), &[]);
    check(&fixed("a.F", ""), &fixed("a.G", ""), &["NAME_MISMATCH /name"]);
    check(&fixed("a.F", r#","aliases":["G"]"#), &fixed("a.G", ""), &[]);
    check(&fixed("a.F", r#","aliases":["G"]"#), &fixed("b.G", ""), &["NAME_MISMATCH /name"]);
    check(&fixed("a.F", r#","aliases":["b.G"]"#), &fixed("b.G", ""), &[]);
    check(&fixed("a.F", ""), &fixed("a.G", r#","aliases":["F"]"#), &["NAME_MISMATCH /name"]);
    let sized = r#"{"type":"fixed","name":"G","size":2}"#;
    check(&fixed("F", ""), sized, &["NAME_MISMATCH /name", "FIXED_SIZE_MISMATCH /size"]);
}

#[test]
fn enums_need_symbols_or_a_default() {
    let declared = |symbols: &str, rest: &str| format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]{rest}}}"#);
    check(&declared(r#""B","A""#, ""), &declared(r#""A","B""#, ""), &[]);
    check(&declared(r#""A""#, ""), &declared(r#""A","B""#, ""), &["MISSING_ENUM_SYMBOLS /symbols"]);
    check(&declared(r#""A""#, r#","default":"A""#), &declared(r#""A","B""#, ""), &[]);
}

#[test]
fn fields_need_a_writer_or_a_default() {
    check(&field(r#""type":"int""#), &record(""), &["READER_FIELD_MISSING_DEFAULT_VALUE /fields/0"]);
    check(&field(r#""type":"null","default":null"#), &record(""), &[]);
    check(&record(""), &field(r#""type":"int""#), &[]);
    check(&record(r#"{"name":"b","type":"int","aliases":["a"]}"#), &field(r#""type":"int""#), &[]);
    let enumerated = r#""type":{"type":"enum","name":"E","symbols":["A"],"default":"A"}"#;
    check(&field(enumerated), &record(""), &["TYPE_MISMATCH /fields/0/type"]);
    // Twice the same incompatible pair of named types: twice the same path, that of the first time.
    let twice = |kind: &str| {
        record(&format!(
            r#"{{"name":"a","type":{{"type":"record","name":"S","fields":[{{"name":"x","type":"{kind}"}}]}}}},{{"name":"b","type":"S"}}"#
        ))
    };
    check(&twice("int"), &twice("string"), &["TYPE_MISMATCH /fields/0/type/fields/0/type"; 2]);
}

#[test]
fn unions_read_by_branch() {
    check(r#"["null","long"]"#, r#""int""#, &[]);
    check(r#"["null","int"]"#, r#""long""#, &["MISSING_UNION_BRANCH /"]);
    check(
        r#"["null","int"]"#,
        r#"["null","string","boolean"]"#,
        &["MISSING_UNION_BRANCH /1", "MISSING_UNION_BRANCH /2"],
    );
    check(r#""double""#, r#"["int","float"]"#, &[]);
    check(r#""int""#, r#"["int","float"]"#, &["TYPE_MISMATCH /1"]);
    check(r#""int""#, "[]", &[]);
    check("[]", r#""int""#, &["MISSING_UNION_BRANCH /"]);
}

#[test]
fn messages_are_confluents() {
    let parse = |text: &str| ParsedSchema::parse(Format::Avro, text, &[], Strictness::Stored).expect(text);
    let message = |reader: &str, writer: &str, direction: Direction| {
        let (new, old) = match direction {
            Direction::Backward => (reader, writer),
            Direction::Forward => (writer, reader),
        };
        differences(direction, Policy::Strict, &parse(new), &parse(old)).expect("a verdict").remove(0).message
    };
    assert_eq!(
        message(r#"["null"]"#, r#""string""#, Direction::Backward),
        "{errorType:'MISSING_UNION_BRANCH', description:'The new schema is missing a type inside a union field at path '/' in \
         the old schema', additionalInfo:'reader union lacking writer type: STRING'}"
    );
    assert_eq!(
        message(&field(r#""type":"int""#), &record(""), Direction::Forward),
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'a' at path '/fields/0' in the old schema \
         has no default value and is missing in the new schema', additionalInfo:'a'}"
    );
    let ambiguous = record(r#"{"name":"c","type":"int","aliases":["a","b"]}"#);
    let two = record(r#"{"name":"a","type":"int"},{"name":"b","type":"int"}"#);
    assert_eq!(
        message(&ambiguous, &two, Direction::Backward),
        format!(
            "Unexpected exception during compatibility check: Reader record field c type:INT pos:0 matches multiple fields \
             in writer record schema {two}"
        )
    );
}

#[test]
fn data_is_told_where_it_is_wrong() {
    let schema = parse(
        &record(
            r#"{"name":"a","type":{"type":"array","items":["null","int"]}},{"name":"b","type":"string","default":""}"#,
        ),
        NEW,
    )
    .expect("a schema");
    let json =
        |text: &str| -> Vec<String> { validate_json(&schema, text).into_iter().map(|error| error.path).collect() };
    assert_eq!(json(r#"{"b":"","a":[null,{"int":1}]}"#), [""; 0]);
    assert_eq!(json(r#"{"a":[1,{"long":1},{"int":1.5}]}"#), ["/a/0", "/a/1", "/a/2/int", "/b"]);
    assert_eq!(json("{"), [""]);
    let binary =
        |bytes: &[u8]| -> Vec<String> { validate_binary(&schema, bytes).into_iter().map(|error| error.path).collect() };
    // One block of two items, then a block with its length in bytes, then the end.
    assert_eq!(binary(&[4, 0, 2, 2, 1, 4, 2, 8, 0, 2, b'x']), [""; 0]);
    assert_eq!(binary(&[4, 0, 4]), ["/a/1"]);
    assert_eq!(binary(&[0, 2, 0xff]), ["/b"]);
    assert_eq!(binary(&[0, 0, 0]), [""]);
    assert_eq!(binary(&[0, 1]), ["/b"]);
    assert_eq!(binary(&[1, 4, 0, 0, 0]), ["/a"]);
}
