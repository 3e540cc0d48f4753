//! The semantic diff of Avro schemas, one case per kind of change.

use schema::compat::Level;
use schema::diff::{ChangeKind, Diff, Step, diff};
use schema::{Format, ParsedSchema, Strictness};

fn of(old: &str, new: &str) -> Diff {
    let parse = |text: &str| ParsedSchema::parse(Format::Avro, text, &[], Strictness::Stored).expect(text);
    diff(&parse(old), &parse(new)).expect("a diff")
}

/// One line per change: path, element, what happened, whom it breaks.
fn lines(diff: &Diff) -> Vec<String> {
    let line = |change: &schema::diff::Change| {
        let what = match &change.kind {
            ChangeKind::Added { new } => format!("+ {new}"),
            ChangeKind::Removed { old } => format!("- {old}"),
            ChangeKind::Changed { old, new } => format!("{old} -> {new}"),
            ChangeKind::Moved { from } => format!("moved from {from}"),
            ChangeKind::Renamed { old, new } => format!("renamed {old} -> {new}"),
        };
        let mut line = format!("{} {} {what}", change.path, change.element);
        for (says, flag) in [
            (" !backward", change.breaks_backward),
            (" !forward", change.breaks_forward),
            (" doc", change.documentation),
        ] {
            line.push_str(if flag { says } else { "" });
        }
        line
    };
    diff.changes.iter().map(line).collect()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type":"record","name":"R","namespace":"n","fields":[{fields}]}}"#)
}

fn check(old: &str, new: &str, expected: &[&str], step: Step) {
    let diff = of(old, new);
    assert_eq!(lines(&diff), expected, "{old}\n{new}");
    assert_eq!(diff.step(Level::Full), step, "{old}\n{new}");
}

fn check_fields(old: &str, new: &str, expected: &[&str], step: Step) {
    check(&record(old), &record(new), expected, step);
}

#[test]
fn equal_schemas_have_no_changes() {
    check(r#"{"type":"int"}"#, r#""int""#, &[], Step::None);
    let list = record(r#"{"name":"next","type":["null","n.R"]}"#);
    check(&list, &list, &[], Step::None);
}

#[test]
fn fields_come_and_go() {
    let a = r#"{"name":"a","type":"int"}"#;
    check_fields(
        a,
        &format!(r#"{a},{{"name":"b","type":"string","default":""}}"#),
        &["/fields/1 field + b: string"],
        Step::Minor,
    );
    check_fields(
        a,
        &format!(r#"{a},{{"name":"b","type":"string"}}"#),
        &["/fields/1 field + b: string !backward"],
        Step::Major,
    );
    check_fields(
        &format!(r#"{{"name":"b","type":"string"}},{a}"#),
        a,
        &["/fields/0 field - b: string !forward"],
        Step::Major,
    );
    check_fields(
        &format!(r#"{{"name":"b","type":{{"type":"array","items":"int"}},"default":[]}},{a}"#),
        a,
        &["/fields/0 field - b: array<int>"],
        Step::Minor,
    );
}

#[test]
fn fields_are_renamed_by_an_alias_and_move() {
    check_fields(
        r#"{"name":"a","type":"int"}"#,
        r#"{"name":"b","type":"int","aliases":["a"]}"#,
        &["/fields/0 field renamed a -> b !forward", "/fields/0 alias + a"],
        Step::Major,
    );
    check_fields(
        r#"{"name":"b","type":"int","aliases":["a"]}"#,
        r#"{"name":"a","type":"int"}"#,
        &["/fields/0 field renamed b -> a !backward", "/fields/0 alias - a"],
        Step::Major,
    );
    check_fields(
        r#"{"name":"a","type":"int"},{"name":"b","type":"int"},{"name":"c","type":"int"}"#,
        r#"{"name":"b","type":"int"},{"name":"c","type":"int"},{"name":"a","type":"int"}"#,
        &["/fields/2 field moved from 0"],
        Step::Minor,
    );
}

#[test]
fn parts_of_a_field_change() {
    check_fields(
        r#"{"name":"a","type":"int","doc":"x","default":1}"#,
        r#"{"name":"a","type":"long","doc":"y","default":2,"order":"ignore","pii":true}"#,
        &[
            "/fields/0/type type int -> long !forward",
            "/fields/0 doc x -> y doc",
            "/fields/0 default 1 -> 2",
            "/fields/0 order ascending -> ignore",
            "/fields/0 property + pii: true",
        ],
        Step::Major,
    );
    check_fields(
        r#"{"name":"a","type":"int"}"#,
        r#"{"name":"a","type":"int","doc":"x"}"#,
        &["/fields/0 doc + x doc"],
        Step::Patch,
    );
    check_fields(
        r#"{"name":"a","type":{"type":"int","logicalType":"date"}}"#,
        r#"{"name":"a","type":"int"}"#,
        &["/fields/0/type logical type - date"],
        Step::Minor,
    );
    check_fields(
        r#"{"name":"a","type":"string"}"#,
        r#"{"name":"a","type":["null","string"]}"#,
        &["/fields/0/type type string -> [null, string] !forward"],
        Step::Major,
    );
}

#[test]
fn enums_and_fixed_change() {
    let declared = |symbols: &str, rest: &str| format!(r#"{{"type":"enum","name":"E","symbols":[{symbols}]{rest}}}"#);
    check(
        &declared(r#""A","B""#, ""),
        &declared(r#""A","B","C""#, ""),
        &["/symbols/2 symbol + C !forward"],
        Step::Major,
    );
    check(&declared(r#""A","B""#, ""), &declared(r#""A""#, ""), &["/symbols/1 symbol - B !backward"], Step::Major);
    check(
        &declared(r#""A","B""#, ""),
        &declared(r#""A""#, r#","default":"A""#),
        &["/symbols/1 symbol - B", "/ default + A"],
        Step::Minor,
    );
    check(&declared(r#""A","B""#, ""), &declared(r#""B","A""#, ""), &["/symbols/0 symbol moved from 1"], Step::Minor);
    let fixed = |size: u32| format!(r#"{{"type":"fixed","name":"F","size":{size}}}"#);
    check(&fixed(4), &fixed(8), &["/size size 4 -> 8 !backward !forward"], Step::Major);
}

#[test]
fn named_types_move_and_are_renamed() {
    let record = |name: &str, rest: &str| format!(r#"{{"type":"record","name":"{name}","fields":[]{rest}}}"#);
    check(&record("a.R", ""), &record("b.R", ""), &["/name name moved from a.R"], Step::Minor);
    check(&record("a.R", ""), &record("a.S", ""), &["/name name renamed a.R -> a.S !backward !forward"], Step::Major);
    check(
        &record("a.R", ""),
        &record("a.S", r#","aliases":["R"]"#),
        &["/name name renamed a.R -> a.S !forward", "/ alias + a.R"],
        Step::Major,
    );
    check(&record("R", ""), &record("R", r#","doc":"x""#), &["/ doc + x doc"], Step::Patch);
    // An error is a record by another word; Java's equality does not tell them apart.
    check(r#"{"type":"error","name":"R","fields":[]}"#, &record("R", ""), &[], Step::None);
}

#[test]
fn unions_change_by_branch() {
    check(r#"["null","int"]"#, r#"["null","int","string"]"#, &["/2 branch + string !forward"], Step::Major);
    check(r#"["null","int"]"#, r#"["null","long"]"#, &["/1 branch - int", "/1 branch + long !forward"], Step::Major);
    check(r#"["null","int"]"#, r#"["int","null"]"#, &["/0 branch moved from 1"], Step::Minor);
    let with = |field: &str| format!(r#"["null",{{"type":"record","name":"R","fields":[{field}]}}]"#);
    check(
        &with(r#"{"name":"a","type":"int"}"#),
        &with(r#"{"name":"a","type":"string"}"#),
        &["/1/fields/0/type type int -> string !backward !forward"],
        Step::Major,
    );
}

#[test]
fn nested_types_are_followed_once() {
    let old = record(r#"{"name":"next","type":["null","R"]},{"name":"m","type":{"type":"map","values":"int"}}"#);
    let new = record(r#"{"name":"next","type":["null","R"]},{"name":"m","type":{"type":"map","values":"long"}}"#);
    check(&old, &new, &["/fields/1/type/values type int -> long !forward"], Step::Major);
}
