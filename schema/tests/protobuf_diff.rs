//! The semantic diff of Protobuf files: one case per kind of change.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail loudly and say what they did")]

use schema::compat::Level;
use schema::diff::{Change, ChangeKind, Step, diff};
use schema::{Format, ParsedSchema, Reference, ResolvedReference, Strictness};

const NEW: Strictness = Strictness::New { validate_fields: false };

fn parse(body: &str, references: &[ResolvedReference]) -> ParsedSchema {
    let text = if body.starts_with("syntax") { body.to_owned() } else { format!("syntax = \"proto3\"; {body}") };
    ParsedSchema::parse(Format::Protobuf, &text, references, NEW).unwrap()
}

/// One line per change: path, element, what happened, whom it breaks (B, F), D for documentation.
fn line(change: &Change) -> String {
    let what = match &change.kind {
        ChangeKind::Added { new } => format!("+ {new}"),
        ChangeKind::Removed { old } => format!("- {old}"),
        ChangeKind::Changed { old, new } => format!("{old} -> {new}"),
        ChangeKind::Moved { from } => format!("moved from {from}"),
        ChangeKind::Renamed { old, new } => format!("renamed {old} -> {new}"),
    };
    let flags = [(change.breaks_backward, "B"), (change.breaks_forward, "F"), (change.documentation, "D")];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
    format!("{} {}: {what} [{flags}]", change.path, change.element)
}

#[track_caller]
fn check(old: &str, new: &str, expected: &[&str]) {
    let found = diff(&parse(old, &[]), &parse(new, &[])).unwrap();
    let lines: Vec<_> = found.changes.iter().map(line).collect();
    assert_eq!(lines, expected);
}

#[test]
fn fields() {
    check("message M {}", "message M { int32 a = 1; }", &["#/M/1 field: + int32 a = 1 []"]);
    check("message M { int32 a = 1; }", "message M {}", &["#/M/1 field: - int32 a = 1 []"]);
    check("message M { int32 a = 1; }", "message M { int32 b = 1; }", &["#/M/1 field: renamed a -> b []"]);
    check("message M { int32 a = 1; }", "message M { int64 a = 1; }", &["#/M/1 type: int32 -> int64 []"]);
    check("message M { int32 a = 1; }", "message M { string a = 1; }", &["#/M/1 type: int32 -> string [BF]"]);
    check(
        "message M { optional int32 a = 1; }",
        "message M { repeated int32 a = 1; }",
        &["#/M/1 label: optional -> repeated [BF]"],
    );
    check(
        "syntax = \"proto2\"; message M {}",
        "syntax = \"proto2\"; message M { required int32 a = 1; }",
        &["#/M/1 field: + required int32 a = 1 [BF]"],
    );
    check(
        "syntax = \"proto2\"; message M { optional int32 a = 1 [default = 1]; }",
        "syntax = \"proto2\"; message M { optional int32 a = 1 [default = 2]; }",
        &["#/M/1 default: 1 -> 2 []"],
    );
    check("message M { int32 a = 1; }", "message M { int32 a = 1 [json_name = \"x\"]; }", &["#/M/1 json_name: + x []"]);
    check("package a; message M { N n = 1; } message N {}", "package a; message M { .a.N n = 1; } message N {}", &[]);
}

#[test]
fn oneofs() {
    check(
        "message M { oneof o { int32 a = 1; } }",
        "message M { oneof p { int32 a = 1; } }",
        &["#/M/p oneof: renamed o -> p []", "#/M/p/1 field: moved from oneof o []"],
    );
    check(
        "message M { oneof o { int32 a = 1; int32 b = 2; } }",
        "message M { oneof o { int32 a = 1; } }",
        &["#/M/o oneof: 1, 2 -> 1 []", "#/M/o/2 field: - int32 b = 2 [B]"],
    );
    check(
        "message M { int32 a = 1; int32 b = 2; }",
        "message M { oneof o { int32 a = 1; int32 b = 2; } }",
        &[
            "#/M/o oneof: + o [B]",
            "#/M/o/1 field: moved from the message []",
            "#/M/o/2 field: moved from the message []",
        ],
    );
}

#[test]
fn types_and_constants() {
    check("message M {}", "message M {} message N {}", &["#/N message: + N [F]"]);
    check("message M {} message N {}", "message M {}", &["#/N message: - N [B]"]);
    check(
        "message M {} message N {}",
        "message N {} message M {}",
        &["#/M message: moved from position 0 []", "#/N message: moved from position 1 []"],
    );
    check("enum E { A = 0; }", "enum E { A = 0; B = 1; }", &["#/E/1 constant: + B []"]);
    check("enum E { A = 0; B = 1; }", "enum E { A = 0; C = 1; }", &["#/E/1 constant: renamed B -> C []"]);
    check("message M {}", "message M { enum E { A = 0; } }", &["#/M/E enum: + E []"]);
}

#[test]
fn files_services_and_documentation() {
    check("package a;", "package b;", &["#/ package: a -> b [BF]"]);
    check("syntax = \"proto2\";", "syntax = \"proto3\";", &["#/ syntax: proto2 -> proto3 []"]);
    check("message M {}", "import \"x.proto\"; message M {}", &["#/ import: + x.proto [D]"]);
    check(
        "option go_package = \"a\";",
        "option go_package = \"b\";",
        &["#/ option: go_package = \"a\" -> go_package = \"b\" [D]"],
    );
    check(
        "message M { int32 a = 1; }",
        "message M { int32 a = 1 [deprecated = true]; }",
        &["#/M/1 option: + deprecated = true [D]"],
    );
    check("message M {}", "message M { reserved 2, \"b\"; }", &["#/M reserved: + \"b\" [D]", "#/M reserved: + 2 [D]"]);
    check(
        "message M {} service S { rpc A(M) returns (M); }",
        "message M {} service S { rpc A(M) returns (stream M); rpc B(M) returns (M); }",
        &["#/S/A rpc: (M) returns (M) -> (M) returns (stream M) []", "#/S/B rpc: + (M) returns (M) []"],
    );
}

#[test]
fn a_change_inside_an_import_is_shown() {
    let of = |version, field: &str| {
        let text = format!("syntax = \"proto3\"; message N {{ {field} a = 1; }}");
        let reference = Reference { name: "n.proto".to_owned(), subject: "n".to_owned(), version };
        parse("import \"n.proto\"; message M { N n = 1; }", &[ResolvedReference { reference, text }])
    };
    let found = diff(&of(1, "int32"), &of(2, "string")).unwrap();
    let lines: Vec<_> = found.changes.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "#/M/1 type: N -> N [BF]",
            "#/N/1 imported type: the imported version of the old schema -> FIELD_SCALAR_KIND_CHANGED [F]",
            "#/N/1 imported type: the imported version of the old schema -> FIELD_SCALAR_KIND_CHANGED [B]",
        ]
    );
}

#[test]
fn steps_follow_from_the_changes() {
    let step = |old, new| diff(&parse(old, &[]), &parse(new, &[])).unwrap().step(Level::Backward);
    assert_eq!(step("message M {}", "message M {}"), Step::None);
    assert_eq!(step("message M {}", "message M { reserved 1; }"), Step::Patch);
    assert_eq!(step("message M {}", "message M { int32 a = 1; }"), Step::Minor);
    assert_eq!(step("message M {} message N {}", "message M {}"), Step::Major);
}
