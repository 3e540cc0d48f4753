//! The tables of `docs/compatibility.md`: each row of changes there is a case here, with the same verdicts.
//!
//! A row says whether the new version may be registered under BACKWARD and under FORWARD; FULL needs both.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use schema::compat::{Level, Policy, Previous, check};
use schema::{Format, ParsedSchema, Strictness};

const YES: bool = true;
const NO: bool = false;

struct Row {
    change: &'static str,
    old: String,
    new: String,
    backward: bool,
    forward: bool,
}

fn row(change: &'static str, old: &str, new: &str, (backward, forward): (bool, bool)) -> Row {
    Row { change, old: old.to_owned(), new: new.to_owned(), backward, forward }
}

fn verdicts(format: Format, policy: Policy, old: &str, new: &str) -> [bool; 3] {
    let parse = |text: &str| ParsedSchema::parse(format, text, &[], Strictness::New { validate_fields: false });
    let (old, new) = (parse(old).unwrap(), parse(new).unwrap());
    let previous = [Previous { version: Some(1), schema: &old }];
    [Level::Backward, Level::Forward, Level::Full]
        .map(|level| check(level, policy, &new, &previous).unwrap().compatible)
}

fn check_rows(format: Format, policy: Policy, rows: &[Row]) {
    #[expect(clippy::disallowed_methods, reason = "a test may read the documentation")]
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/compatibility.md")).unwrap();
    for Row { change, old, new, backward, forward } in rows {
        let found = verdicts(format, policy, old, new);
        assert_eq!(found, [*backward, *forward, *backward && *forward], "{change}: {old} → {new}");
        let word = |allowed: &bool| if *allowed { "yes" } else { "no" };
        let line = format!("| {change} | {} | {} |", word(backward), word(forward));
        assert!(guide.contains(&line), "docs/compatibility.md has no row {line}");
    }
    // And the other way round: no row of the format's section is without a case.
    let heading = match format {
        Format::Avro => "\n## Avro\n",
        Format::Json => "\n## JSON Schema\n",
        Format::Protobuf => "\n## Protobuf\n",
    };
    let section = guide.split_once(heading).unwrap().1.split("\n## ").next().unwrap();
    // A section has tables of other things, too; this one is headed by the change.
    let table = section.lines().skip_while(|line| !line.starts_with("| change |")).skip(2);
    let written = table.take_while(|line| line.starts_with("| ")).count();
    assert_eq!(written, rows.len(), "rows of changes in the section{heading}of docs/compatibility.md");
}

fn avro_record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"Order","fields":[{{"name":"id","type":"long"}}{fields}]}}"#)
}

#[test]
fn avro() {
    let field = |rest: &str| avro_record(&format!(r#",{{"name":"f",{rest}}}"#));
    let of = |kind: &str| field(&format!(r#""type":{kind}"#));
    let colour =
        |symbols: &str, rest: &str| of(&format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]{rest}}}"#));
    check_rows(
        Format::Avro,
        Policy::Strict,
        &[
            row("a field with a default is added", &avro_record(""), &field(r#""type":"int","default":0"#), (YES, YES)),
            row("a field without a default is added", &avro_record(""), &of(r#""int""#), (NO, YES)),
            row(
                "a field with a default is removed",
                &field(r#""type":"int","default":0"#),
                &avro_record(""),
                (YES, YES),
            ),
            row("a field without a default is removed", &of(r#""int""#), &avro_record(""), (YES, NO)),
            row("a field is renamed", &of(r#""int""#), &of(r#""int""#).replace("\"f\"", "\"g\""), (NO, NO)),
            row(
                "a field is renamed and keeps its old name as an alias",
                &of(r#""int""#),
                &field(r#""type":"int","aliases":["f"]"#).replacen("\"f\"", "\"g\"", 1),
                (YES, NO),
            ),
            row("`int` becomes `long`, `float` or `double`", &of(r#""int""#), &of(r#""double""#), (YES, NO)),
            row("`string` becomes `bytes`, or the other way round", &of(r#""string""#), &of(r#""bytes""#), (YES, YES)),
            row("a type becomes optional: `T` to `[\"null\",T]`", &of(r#""int""#), &of(r#"["null","int"]"#), (YES, NO)),
            row("a branch is added to a union", &of(r#"["null","int"]"#), &of(r#"["null","int","string"]"#), (YES, NO)),
            row("a branch is removed from a union", &of(r#"["null","int"]"#), &of(r#"["int"]"#), (NO, YES)),
            row(
                "a symbol is added to an enum without a default",
                &colour(r#""A""#, ""),
                &colour(r#""A","B""#, ""),
                (YES, NO),
            ),
            row(
                "a symbol is added to an enum with a default",
                &colour(r#""A""#, r#","default":"A""#),
                &colour(r#""A","B""#, r#","default":"A""#),
                (YES, YES),
            ),
            row(
                "a symbol is removed from an enum without a default",
                &colour(r#""A","B""#, ""),
                &colour(r#""A""#, ""),
                (NO, YES),
            ),
            row(
                "a record, enum or fixed gets another name",
                &of(r#"{"type":"fixed","name":"F","size":4}"#),
                &of(r#"{"type":"fixed","name":"G","size":4}"#),
                (NO, NO),
            ),
            row(
                "only the namespace changes",
                r#"{"type":"enum","name":"a.E","symbols":["A"]}"#,
                r#"{"type":"enum","name":"b.E","symbols":["A"]}"#,
                (YES, YES),
            ),
            row(
                "the size of a fixed changes",
                &of(r#"{"type":"fixed","name":"F","size":4}"#),
                &of(r#"{"type":"fixed","name":"F","size":8}"#),
                (NO, NO),
            ),
            row(
                "a logical type, its precision or another property changes",
                &of(r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#),
                &of(r#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":3,"unit":"EUR"}"#),
                (YES, YES),
            ),
            row(
                "documentation, order of fields, or a default value changes",
                &field(r#""type":"int","default":0"#),
                &field(r#""type":"int","default":1,"doc":"d""#),
                (YES, YES),
            ),
        ],
    );
}

fn object(properties: &str, rest: &str) -> String {
    format!(r#"{{"type":"object","properties":{{"id":{{"type":"integer"}}{properties}}}{rest}}}"#)
}

const CLOSED: &str = r#","additionalProperties":false"#;

#[test]
fn json() {
    let open = |properties: &str| object(properties, "");
    let closed = |properties: &str| object(properties, CLOSED);
    let part = r#","f":{"type":"string"}"#;
    let of = |schema: &str| open(&format!(r#","f":{schema}"#));
    check_rows(
        Format::Json,
        Policy::Strict,
        &[
            row("an optional property is added, objects open", &open(""), &open(part), (NO, YES)),
            row("an optional property is added, objects closed", &closed(""), &closed(part), (YES, NO)),
            row("a property is removed, objects open", &open(part), &open(""), (YES, NO)),
            row("a property is removed, objects closed", &closed(part), &closed(""), (NO, YES)),
            row("a property `{}` is added, objects open", &open(""), &of("{}"), (YES, YES)),
            row(
                "a required property without a default is added, objects closed",
                &closed(""),
                &object(part, r#","additionalProperties":false,"required":["f"]"#),
                (NO, NO),
            ),
            row(
                "a required property with a default is added, objects closed",
                &closed(""),
                &object(r#","f":{"type":"string","default":""}"#, r#","additionalProperties":false,"required":["f"]"#),
                (YES, NO),
            ),
            row("a property becomes required", &open(part), &object(part, r#","required":["f"]"#), (NO, YES)),
            row("a property is no longer required", &object(part, r#","required":["f"]"#), &open(part), (YES, NO)),
            row("an open object is closed", &open(""), &closed(""), (NO, YES)),
            row("`integer` becomes `number`", &of(r#"{"type":"integer"}"#), &of(r#"{"type":"number"}"#), (YES, NO)),
            row("a type is replaced by another", &of(r#"{"type":"string"}"#), &of(r#"{"type":"integer"}"#), (NO, NO)),
            row(
                "a type becomes a list with `null`",
                &of(r#"{"type":"string"}"#),
                &of(r#"{"type":["string","null"]}"#),
                (YES, NO),
            ),
            row("a value is added to an `enum`", &of(r#"{"enum":["a"]}"#), &of(r#"{"enum":["a","b"]}"#), (YES, NO)),
            row(
                "a limit is loosened (`maxLength` 5 to 9)",
                &of(r#"{"type":"string","maxLength":5}"#),
                &of(r#"{"type":"string","maxLength":9}"#),
                (YES, NO),
            ),
            row("a limit is added", &of(r#"{"type":"string"}"#), &of(r#"{"type":"string","maxLength":9}"#), (NO, YES)),
            row(
                "a `pattern` is changed",
                &of(r#"{"type":"string","pattern":"a"}"#),
                &of(r#"{"type":"string","pattern":"a|b"}"#),
                (NO, NO),
            ),
            row(
                "`format`, `contains`, `patternProperties` or `if` changes",
                &of(r#"{"type":"string","format":"date"}"#),
                &of(r#"{"type":"string","format":"email"}"#),
                (YES, YES),
            ),
            row(
                "a branch is added to `oneOf` or `anyOf`",
                &of(r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#),
                &of(r#"{"oneOf":[{"type":"string"},{"type":"null"},{"type":"boolean"}]}"#),
                (YES, NO),
            ),
            row(
                "a branch is added to `allOf`",
                &of(r#"{"allOf":[{"minLength":1},{"maxLength":5}]}"#),
                &of(r#"{"allOf":[{"minLength":1},{"maxLength":5},{"pattern":"a"}]}"#),
                (NO, YES),
            ),
            row(
                "title, description or a default value changes",
                &of(r#"{"title":"a","default":1}"#),
                &of(r#"{"title":"b","default":2}"#),
                (YES, YES),
            ),
        ],
    );
    // LENIENT: what is optional may come and go, whatever the content model.
    for (old, new) in [(open(""), open(part)), (closed(part), closed(""))] {
        assert_eq!(verdicts(Format::Json, Policy::Lenient, &old, &new), [true; 3]);
    }
    let required = object(part, r#","required":["f"]"#);
    assert!(!verdicts(Format::Json, Policy::Lenient, &open(""), &required)[0]);
}

#[test]
fn protobuf() {
    let message =
        |body: &str| format!("syntax = \"proto3\"; message M {{ int64 id = 1; {body} }} message N {{}} message O {{}}");
    let rows = [
        row("a field is added or removed", &message(""), &message("string f = 2;"), (YES, YES)),
        row("a field is renamed", &message("string f = 2;"), &message("string g = 2;"), (YES, YES)),
        row("a field gets another number", &message("string f = 2;"), &message("string f = 3;"), (YES, YES)),
        row(
            "`int32`, `int64`, `uint32`, `uint64`, `bool` and enums among each other",
            &message("int32 f = 2;"),
            &message("bool f = 2;"),
            (YES, YES),
        ),
        row(
            "`sint32` and `sint64`, or `string` and `bytes`, or `fixed32` and `sfixed32`",
            &message("string f = 2;"),
            &message("bytes f = 2;"),
            (YES, YES),
        ),
        row("any other change of a scalar type", &message("int32 f = 2;"), &message("sint32 f = 2;"), (NO, NO)),
        row(
            "a scalar becomes a message, or a message another one",
            &message("N f = 2;"),
            &message("O f = 2;"),
            (NO, NO),
        ),
        row(
            "a field moves into a new oneof, alone",
            &message("string f = 2;"),
            &message("oneof o { string f = 2; }"),
            (YES, YES),
        ),
        row(
            "two fields move into a new oneof",
            &message("string f = 2; string g = 3;"),
            &message("oneof o { string f = 2; string g = 3; }"),
            (NO, YES),
        ),
        row(
            "a field moves into a oneof that was there",
            &message("string f = 2; oneof o { string g = 3; }"),
            &message("oneof o { string g = 3; string f = 2; }"),
            (NO, YES),
        ),
        row(
            "a member of a oneof is removed, the oneof stays",
            &message("oneof o { string f = 2; string g = 3; }"),
            &message("oneof o { string f = 2; }"),
            (NO, YES),
        ),
        row(
            "a constant of an enum is added, removed or renamed",
            "enum E { A = 0; }",
            "enum E { B = 0; C = 1; }",
            (YES, YES),
        ),
        row(
            "a message is added",
            "syntax = \"proto3\"; message M {}",
            "syntax = \"proto3\"; message M {} message N {}",
            (YES, NO),
        ),
        row(
            "a message is removed",
            "syntax = \"proto3\"; message M {} message N {}",
            "syntax = \"proto3\"; message M {}",
            (NO, YES),
        ),
        row("the package changes", "package a; message M {}", "package b; message M {}", (NO, NO)),
        row(
            "a `required` field is added or removed (proto2)",
            "message M {}",
            "message M { required int32 f = 1; }",
            (NO, NO),
        ),
        row(
            "a number becomes `repeated`, from `optional`",
            &message("optional int32 f = 2;"),
            &message("repeated int32 f = 2;"),
            (NO, NO),
        ),
        row(
            "services, options, reserved numbers, comments, `syntax`",
            &message("string f = 2;"),
            &message("string f = 2 [deprecated = true]; reserved 9;"),
            (YES, YES),
        ),
    ];
    check_rows(Format::Protobuf, Policy::Strict, &rows);
}
