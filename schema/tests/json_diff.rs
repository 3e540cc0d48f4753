//! The semantic diff: one case per kind of change.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it saw")]

use schema::compat::Level;
use schema::diff::{ChangeKind, Step, diff};
use schema::{Format, ParsedSchema, Strictness};

/// Each change as `path element kind(old→new) breaks`.
fn changes(old: &str, new: &str) -> Vec<String> {
    let parse =
        |text| ParsedSchema::parse(Format::Json, text, &[], Strictness::New { validate_fields: false }).unwrap();
    let found = diff(&parse(old), &parse(new)).unwrap();
    let describe = |kind: &ChangeKind| match kind {
        ChangeKind::Added { new } => format!("+{new}"),
        ChangeKind::Removed { old } => format!("-{old}"),
        ChangeKind::Changed { old, new } => format!("{old}→{new}"),
        ChangeKind::Moved { from } => format!("from {from}"),
        ChangeKind::Renamed { old, new } => format!("renamed {old}→{new}"),
    };
    let marks = |change: &schema::diff::Change| {
        let mut marks = String::new();
        for (is_set, mark) in
            [(change.breaks_backward, " B"), (change.breaks_forward, " F"), (change.documentation, " doc")]
        {
            if is_set {
                marks.push_str(mark);
            }
        }
        marks
    };
    found
        .changes
        .iter()
        .map(|change| format!("{} {} {}{}", change.path, change.element, describe(&change.kind), marks(change)))
        .collect()
}

fn step(old: &str, new: &str, level: Level) -> Step {
    let parse = |text| ParsedSchema::parse(Format::Json, text, &[], Strictness::Stored).unwrap();
    diff(&parse(old), &parse(new)).unwrap().step(level)
}

#[test]
fn equal_texts_have_no_changes() {
    assert_eq!(changes(r#"{"not":{"type":"string"}}"#, r#"{ "not": {"type":"string"} }"#), [""; 0]);
}

#[test]
fn a_property_is_added_and_removed() {
    let old = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#;
    let new = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}}"#;
    assert_eq!(changes(old, new), [r##"#/properties/b property +{"type":"integer"} B"##]);
    assert_eq!(changes(new, old), [r##"#/properties/b property -{"type":"integer"} F"##]);
}

#[test]
fn a_renamed_property_is_one_change() {
    let old = r#"{"type":"object","properties":{"a":{"type":"string","maxLength":9}},"additionalProperties":false}"#;
    let new = r#"{"type":"object","properties":{"b":{"type":"string","maxLength":9}},"additionalProperties":false}"#;
    assert_eq!(changes(old, new), ["#/properties/b property renamed a→b B F"]);
}

#[test]
fn a_limit_changes() {
    assert_eq!(changes(r#"{"maxLength":5}"#, r#"{"maxLength":3}"#), ["#/maxLength constraint 5→3 B"]);
    assert_eq!(changes(r#"{"maxLength":3}"#, r#"{"maxLength":5}"#), ["#/maxLength constraint 3→5 F"]);
}

#[test]
fn a_type_changes() {
    let found = changes(r#"{"properties":{"a":{"type":"string"}}}"#, r#"{"properties":{"a":{"type":"null"}}}"#);
    assert_eq!(found, [r##"#/properties/a type {"type":"string"}→{"type":"null"} B F"##]);
}

#[test]
fn an_enum_grows() {
    assert_eq!(changes(r#"{"enum":["a"]}"#, r#"{"enum":["a","b"]}"#), [r##"#/enum enum ["a"]→["a","b"] F"##]);
}

#[test]
fn required_is_told_by_name() {
    let old = r#"{"properties":{"a":{}}}"#;
    let new = r#"{"properties":{"a":{}},"required":["a"]}"#;
    assert_eq!(changes(old, new), [r##"#/required/a required +"a" B"##]);
}

#[test]
fn a_default_changes() {
    let found = changes(r#"{"properties":{"a":{"default":1}}}"#, r#"{"properties":{"a":{"default":2}}}"#);
    assert_eq!(found, ["#/properties/a default 1→2"]);
}

#[test]
fn behind_a_reference_the_values_are_found() {
    let schema = |leaf: &str| {
        format!(
            r##"{{"properties":{{"a/b":{{"$ref":"#/definitions/x"}}}},"definitions":{{"x":{{"minimum":{leaf}}}}}}}"##
        )
    };
    assert_eq!(changes(&schema("1"), &schema("2")), ["#/properties/a/b/minimum constraint 1→2 B"]);
}

#[test]
fn what_is_not_compared_is_told_and_breaks_nobody() {
    let found = changes(
        r#"{"properties":{"a":{"format":"date"}},"if":{"required":["a"]},"examples":[1],"title":"x"}"#,
        r#"{"properties":{"a":{"format":"time"}},"examples":[2],"title":"y"}"#,
    );
    assert!(found.contains(&r##"#/properties/a/format constraint "date"→"time""##.to_owned()), "{found:?}");
    assert!(found.contains(&"#/examples annotation [1]→[2] doc".to_owned()), "{found:?}");
    assert!(found.contains(&r##"#/if constraint -{"required":["a"]}"##.to_owned()), "{found:?}");
}

#[test]
fn definitions_come_and_go() {
    let found = changes("{}", r#"{"definitions":{"x":{"type":"string"}}}"#);
    assert_eq!(found, [r##"#/definitions/x definition +{"type":"string"}"##]);
}

#[test]
fn the_version_step_follows() {
    let old = r#"{"title":"a","properties":{"a":{"maxLength":3}}}"#;
    assert_eq!(step(old, old, Level::Full), Step::None);
    assert_eq!(step(old, r#"{"title":"b","properties":{"a":{"maxLength":3}}}"#, Level::Full), Step::Patch);
    let wider = r#"{"title":"a","properties":{"a":{"maxLength":5}}}"#;
    assert_eq!(step(old, wider, Level::Backward), Step::Minor);
    assert_eq!(step(old, wider, Level::Forward), Step::Major);
}
