//! Avro against the shared corpora: thousands of schemas and data with Confluent's own answers.
//!
//! Each test counts all rows and names the first few that fail.

mod corpora;

use schema::compat::{Level, Policy, Previous, check};
use schema::{Format, ParsedSchema, Reference, ResolvedReference, Strictness, guid_of};
use serde_json::Value;

const FAILURES_SHOWN_MAX: usize = 12;

fn corpus(file: &str) -> Option<Vec<Value>> {
    corpora::corpus_rows(file, "AVRO")
}

fn text<'r>(row: &'r Value, key: &str) -> &'r str {
    row[key].as_str().unwrap_or_else(|| panic!("{}: no text {key}", row["id"]))
}

fn references(list: &Value) -> Vec<ResolvedReference> {
    let of = |reference: &Value| ResolvedReference {
        reference: Reference {
            name: text(reference, "name").to_owned(),
            subject: text(reference, "subject").to_owned(),
            version: i32::try_from(reference["version"].as_i64().unwrap_or(1)).expect("a version"),
        },
        text: text(reference, "schema").to_owned(),
    };
    list.as_array().map(|list| list.iter().map(of).collect()).unwrap_or_default()
}

/// Runs `check` on every row and fails with the ids of the rows for which it gives a complaint.
fn check_rows(file: &str, rows: &[Value], exceptions: &[(&str, &str)], check: impl Fn(&Value) -> Result<(), String>) {
    let mut failures = Vec::new();
    for row in rows {
        let id = text(row, "id");
        let expected_to_differ = exceptions.iter().any(|(exception, _)| *exception == id);
        match check(row) {
            Ok(()) if expected_to_differ => failures.push(format!("{id}: listed as an exception, but it passes")),
            Err(why) if !expected_to_differ => failures.push(format!("{id}: {why}")),
            Ok(()) | Err(_) => {}
        }
    }
    let passed = rows.len() - failures.len() - exceptions.len();
    eprintln!("{file}: {passed} of {} rows pass, {} exceptions", rows.len(), exceptions.len());
    let shown: Vec<_> = failures.iter().take(FAILURES_SHOWN_MAX).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} rows of {file} fail:\n{}", failures.len(), shown.join("\n"));
}

fn equal(what: &str, found: &str, expected: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}\n   found    {found}\n   expected {expected}")) }
}

#[test]
fn validity() {
    let Some(rows) = corpus("schema-validity.json") else { return };
    check_rows("schema-validity.json", &rows, &[], |row| {
        for (key, validate_fields) in [("schema_valid", false), ("schema_valid_with_validateFields", true)] {
            let strictness = Strictness::New { validate_fields };
            let parsed =
                ParsedSchema::parse(Format::Avro, text(row, "schema"), &references(&row["references"]), strictness);
            if parsed.is_ok() != row[key].as_bool().unwrap() {
                return Err(format!("{key} should be {}, found {:?}", row[key], parsed.err()));
            }
        }
        Ok(())
    });
}

#[test]
fn canonical_forms() {
    let Some(rows) = corpus("canonical.json") else { return };
    check_rows("canonical.json", &rows, &[], |row| {
        let references = references(&row["references"]);
        let list: Vec<_> = references.iter().map(|resolved| resolved.reference.clone()).collect();
        let parse = |schema: &str| {
            schema::avro::AvroSchema::parse(schema, &references, Strictness::Stored).map_err(|error| error.to_string())
        };
        let parsed = parse(text(row, "schema"))?;
        equal("canonical", parsed.canonical(), text(row, "canonical"))?;
        equal("normalized", &parsed.normalized().map_err(|error| error.to_string())?, text(row, "normalized"))?;
        equal("guid", &guid_of(parsed.canonical(), &list, None, None).to_string(), text(row, "guid"))?;
        equal("name", &parsed.name().unwrap_or_default(), row["name"].as_str().unwrap_or_default())?;
        let form = parsed.parsing_canonical_form().map_err(|error| error.to_string())?;
        equal("avro_pcf", &form, text(row, "avro_pcf"))?;
        let fingerprint = parsed.fingerprint64().map_err(|error| error.to_string())?;
        equal("avro_fp64", &i64::from_ne_bytes(fingerprint.to_ne_bytes()).to_string(), text(row, "avro_fp64"))?;
        let again = parse(parsed.canonical())?;
        equal("canonical of the canonical", again.canonical(), parsed.canonical())?;
        if !parsed.same_content(&again) {
            return Err("the canonical text has not the same content".to_owned());
        }
        Ok(())
    });
}

#[test]
fn compatibility() {
    let Some(rows) = corpus("compat-avro.json") else { return };
    check_rows("compat-avro.json", &rows, &[], |row| {
        let shared = references(&row["references"]);
        let own = |key: &Value| if key.is_array() { references(key) } else { shared.clone() };
        let strict = Strictness::New { validate_fields: false };
        let parse = |text: &str, references: &[ResolvedReference], strictness| {
            ParsedSchema::parse(Format::Avro, text, references, strictness).map_err(|error| format!("parse: {error}"))
        };
        let new = parse(text(row, "new"), &own(&row["new_references"]), strict)?;
        let mut old = Vec::new();
        for (position, schema) in row["old"].as_array().unwrap().iter().enumerate() {
            let references = own(&row["old_references"][position]);
            old.push(parse(schema.as_str().unwrap(), &references, Strictness::Stored)?);
        }
        let previous: Vec<_> = old.iter().map(|schema| Previous { version: None, schema }).collect();
        let level = Level::from_name(text(row, "mode")).unwrap();
        let verdict = check(level, Policy::Strict, &new, &previous).map_err(|error| error.to_string())?;
        if Some(verdict.compatible) != row["expected"].as_bool() {
            return Err(format!("expected {}, found {:?}", row["expected"], verdict));
        }
        let mut found: Vec<_> =
            verdict.messages.iter().map(String::as_str).filter(|message| !message.starts_with("{oldSchema")).collect();
        let none = Vec::new();
        let expected = row["messages"].as_array().unwrap_or(&none);
        let mut expected: Vec<_> = expected.iter().map(|message| message.as_str().unwrap()).collect();
        found.sort_unstable();
        expected.sort_unstable();
        equal("messages", &found.join("\n"), &expected.join("\n"))?;
        // Among many versions, those of one shape are compared once: a shape must never hide what is incompatible.
        let mut many = vec![Previous { version: None, schema: &new }; 9];
        many.insert(0, previous[previous.len() - 1]);
        for (single, transitive) in [(Level::Backward, Level::BackwardTransitive), (Level::Full, Level::FullTransitive)]
        {
            let [one, all] = [(single, &many[..1]), (transitive, &many)].map(|(level, previous)| {
                let found = check(level, Policy::Strict, &new, previous);
                found.map(|verdict| verdict.compatible)
            });
            if one != all {
                return Err(format!("among many versions {all:?}, alone {one:?}"));
            }
        }
        old.iter().try_for_each(|old| diff_agrees(old, &new))
    });
}

/// A semantic diff holds a breaking change exactly if the schemas are incompatible in that direction.
fn diff_agrees(old: &ParsedSchema, new: &ParsedSchema) -> Result<(), String> {
    let diff = schema::diff::diff(old, new).map_err(|error| error.to_string())?;
    for (level, told) in [
        (Level::Backward, diff.changes.iter().any(|change| change.breaks_backward)),
        (Level::Forward, diff.changes.iter().any(|change| change.breaks_forward)),
    ] {
        let previous = [Previous { version: None, schema: old }];
        let verdict = check(level, Policy::Strict, new, &previous).map_err(|error| error.to_string())?;
        if verdict.compatible == told {
            return Err(format!("{}: compatible {}, but {diff:?}", level.name(), verdict.compatible));
        }
    }
    if old.same_content(new) != diff.changes.is_empty() {
        return Err(format!("same content {}, but {diff:?}", old.same_content(new)));
    }
    Ok(())
}

#[test]
fn data() {
    let path = "validate-avro.json";
    let Some(rows) = corpus(path) else { return };
    // {"long": -3383001715642750084} for ["string", "null", "long"] is the encoding that the specification prescribes
    // for a long in that union; no rule of ours or of Java's decoder could refuse it.
    let exceptions = [("p-val-avro-00237", "a valid datum that is listed as invalid")];
    check_rows(path, &rows, &exceptions, |row| {
        let schema = schema::avro::AvroSchema::parse(text(row, "schema"), &[], Strictness::Stored)
            .map_err(|error| format!("parse: {error}"))?;
        let instance = text(row, "instance");
        let errors = match text(row, "encoding") {
            "avro-json" => schema::avro::validate_json(&schema, instance),
            _ => {
                let digits = (0..instance.len()).step_by(2).map(|at| &instance[at..at + 2]);
                let bytes: Vec<u8> = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect();
                schema::avro::validate_binary(&schema, &bytes)
            }
        };
        if Some(errors.is_empty()) == row["valid"].as_bool() {
            return Ok(());
        }
        Err(format!("valid should be {}, found {errors:?}", row["valid"]))
    });
}
