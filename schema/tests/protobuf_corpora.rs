//! Runs the corpora with Confluent's known answers against the Protobuf engine.
//!
//! Every row must agree, except those named in the lists here, each with its reason.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail loudly and say what they did")]

mod corpora;

use std::collections::BTreeMap;

use schema::compat::{self, Direction, Level, Policy, Previous};
use schema::{Format, ParsedSchema, Reference, Rendering, ResolvedReference, Strictness, guid_of};
use serde_json::Value;

const NEW: Strictness = Strictness::New { validate_fields: false };

fn rows(file: &str) -> Option<Vec<Value>> {
    corpora::corpus_rows(file, "PROTOBUF")
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn references(list: &Value) -> Vec<ResolvedReference> {
    let one = |item: &Value| ResolvedReference {
        reference: Reference {
            name: text(item, "name").to_owned(),
            subject: text(item, "subject").to_owned(),
            version: i32::try_from(item["version"].as_i64().unwrap_or(1)).unwrap(),
        },
        text: text(item, "schema").to_owned(),
    };
    list.as_array().map(|items| items.iter().map(one).collect()).unwrap_or_default()
}

/// Counts agreements, collects disagreements, and fails at the end if there are any.
#[derive(Default)]
struct Score {
    passed: BTreeMap<&'static str, usize>,
    failed: Vec<String>,
}

impl Score {
    fn check(&mut self, what: &'static str, row: &Value, agrees: bool, detail: impl FnOnce() -> String) {
        if agrees {
            *self.passed.entry(what).or_default() += 1;
        } else {
            self.failed.push(format!("{} {what}: {}", text(row, "id"), detail()));
        }
    }

    fn finish(self, file: &str) {
        println!("{file}: {:?} passed, {} failed", self.passed, self.failed.len());
        for line in self.failed.iter().take(15) {
            println!("  {line}");
        }
        assert!(self.failed.is_empty(), "{file}: {} rows disagree", self.failed.len());
    }
}

/// Rows whose verdict we do not share: the row, and the fields that differ. Editions are read, which Wire does not; and
/// with `validateFields` what no compiler takes is refused, which Java's runtime lets pass (docs/confluent-compatibility).
const VALIDITY_EXCEPTIONS: [(&str, &[&str]); 7] = [
    ("p-schema-135", &["schema_valid", "schema_valid_with_validateFields"]),
    ("p-schema-139", &["schema_valid_with_validateFields"]),
    ("p-schema-140", &["schema_valid_with_validateFields"]),
    ("p-schema-141", &["schema_valid_with_validateFields"]),
    ("p-schema-142", &["schema_valid_with_validateFields"]),
    ("p-schema-145", &["schema_valid_with_validateFields"]),
    ("p-schema-147", &["schema_valid_with_validateFields"]),
];

#[test]
fn validity_agrees_with_the_corpus() {
    let Some(rows) = rows("schema-validity.json") else { return };
    let mut score = Score::default();
    for row in &rows {
        for (key, validate_fields) in [("schema_valid", false), ("schema_valid_with_validateFields", true)] {
            let strictness = Strictness::New { validate_fields };
            let parsed =
                ParsedSchema::parse(Format::Protobuf, text(row, "schema"), &references(&row["references"]), strictness);
            let id = text(row, "id");
            let exception = VALIDITY_EXCEPTIONS.iter().any(|(row, keys)| *row == id && keys.contains(&key));
            let expected = row[key].as_bool().unwrap() != exception;
            score
                .check(key, row, parsed.is_ok() == expected, || format!("{expected} expected, got {:?}", parsed.err()));
        }
    }
    println!("of these {} rows are exceptions", VALIDITY_EXCEPTIONS.len());
    score.finish("schema-validity.json");
}

#[test]
fn canonical_forms_agree_with_the_corpus() {
    let Some(rows) = rows("canonical.json") else { return };
    let mut score = Score::default();
    for row in &rows {
        let resolved = references(&row["references"]);
        let parsed = match ParsedSchema::parse(Format::Protobuf, text(row, "schema"), &resolved, Strictness::Stored) {
            Ok(parsed) => parsed,
            Err(error) => {
                score.check("parse", row, false, || error.to_string());
                continue;
            }
        };
        let first_difference = |a: &str, b: &str| {
            let pair = a.lines().zip(b.lines()).find(|(a, b)| a != b);
            format!("{pair:?}, {} and {} bytes", a.len(), b.len())
        };
        let canonical = parsed.canonical();
        let expected = text(row, "canonical");
        score.check("canonical", row, canonical == expected, || first_difference(canonical, expected));
        let normalized = parsed.normalized().unwrap_or_else(|error| error.to_string());
        let expected = text(row, "normalized");
        score.check("normalized", row, normalized == expected, || first_difference(&normalized, expected));
        let names: Vec<Reference> = resolved.iter().map(|reference| reference.reference.clone()).collect();
        let guid = guid_of(canonical, &names, None, None).to_string();
        score.check("guid", row, guid == text(row, "guid"), || guid.clone());
        score.check("name", row, parsed.name().as_deref() == row["name"].as_str(), || format!("{:?}", parsed.name()));
        check_descriptor(&mut score, row, &parsed, &resolved);
    }
    score.finish("canonical.json");
}

/// The descriptor equals the corpus's as a message, and reads back as the same schema.
fn check_descriptor(score: &mut Score, row: &Value, parsed: &ParsedSchema, resolved: &[ResolvedReference]) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use prost::Message as _;
    use prost_types::FileDescriptorProto;

    // One row has none: its field number 0 fits into no descriptor at Confluent.
    let Some(expected) = row["file_descriptor_base64"].as_str() else { return };
    let serialized = parsed.render(Rendering::Serialized).unwrap();
    let ours = STANDARD.decode(&serialized).unwrap();
    let expected = STANDARD.decode(expected).unwrap();
    let messages = (FileDescriptorProto::decode(&*ours).unwrap(), FileDescriptorProto::decode(&*expected).unwrap());
    score.check("descriptor", row, messages.0 == messages.1, || format!("{:#?}\n{:#?}", messages.0, messages.1));
    // Extension options are not in the generated type; equal length is a good sign that they are there, too.
    score.check("descriptor bytes", row, ours.len() == expected.len(), || format!("{} {}", ours.len(), expected.len()));
    // Descriptors have neither the order of options nor custom options other than Confluent's; the rest comes back.
    let normal = |text: &str| {
        let parsed = ParsedSchema::parse(Format::Protobuf, text, resolved, Strictness::Stored);
        parsed.and_then(|parsed| parsed.normalized()).unwrap_or_else(|error| error.to_string())
    };
    let back = normal(&serialized);
    let plain = normal(&parsed.render(Rendering::IgnoreExtensions).unwrap());
    score.check("round trip", row, back == plain, || format!("{back}\n---\n{plain}"));
}

#[test]
fn compatibility_agrees_with_the_corpus() {
    let Some(rows) = rows("compat-protobuf.json") else { return };
    let mut score = Score::default();
    for row in &rows {
        let common = references(&row["references"]);
        let of = |key: &str| if row[key].is_array() { references(&row[key]) } else { common.clone() };
        let stored = matches!(text(row, "kind"), "history" | "cross");
        let new = match ParsedSchema::parse(Format::Protobuf, text(row, "new"), &of("new_references"), NEW) {
            Ok(new) => new,
            Err(error) => {
                score.check("parse", row, false, || error.to_string());
                continue;
            }
        };
        let strictness = if stored { Strictness::Stored } else { NEW };
        let mut old = Vec::new();
        for (position, schema) in row["old"].as_array().unwrap().iter().enumerate() {
            let own = &row["old_references"][position];
            let own = if own.is_array() { references(own) } else { common.clone() };
            match ParsedSchema::parse(Format::Protobuf, schema.as_str().unwrap(), &own, strictness) {
                Ok(parsed) => old.push(parsed),
                Err(error) => score.check("parse", row, false, || error.to_string()),
            }
        }
        let previous: Vec<_> = old.iter().map(|schema| Previous { version: None, schema }).collect();
        let level = Level::from_name(text(row, "mode")).unwrap();
        let verdict = compat::check(level, Policy::Strict, &new, &previous).unwrap();
        // Among many versions, what is the same is passed over; that must show in nothing.
        let many = vec![previous[previous.len() - 1]; 9];
        let one = compat::check(Level::Full, Policy::Strict, &new, &previous);
        let all = compat::check(Level::FullTransitive, Policy::Strict, &new, &many);
        score.check("many versions", row, one == all, || format!("{one:?}\n{all:?}"));
        let expected = row["expected"].as_bool().unwrap();
        score.check("verdict", row, verdict.compatible == expected, || format!("{:?}", verdict.messages));
        let ours = verdict.messages.iter().filter(|message| message.starts_with("{errorType"));
        let mut ours: Vec<&str> = ours.map(String::as_str).collect();
        let theirs = row["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut theirs: Vec<&str> = theirs.iter().map(|message| message.as_str().unwrap()).collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        score.check("messages", row, ours == theirs, || format!("{ours:#?}\n{theirs:#?}"));
        if let Some(expected) = row["differences"].as_array() {
            let found = compat::differences(Direction::Backward, Policy::Strict, &new, old.last().unwrap()).unwrap();
            let mut ours: Vec<_> = found.iter().map(|found| format!("{} {}", found.kind, found.path)).collect();
            let mut theirs: Vec<_> = expected.iter().map(|found| found.as_str().unwrap().to_owned()).collect();
            ours.sort();
            theirs.sort();
            score.check("differences", row, ours == theirs, || format!("{ours:?}\n{theirs:?}"));
        }
    }
    score.finish("compat-protobuf.json");
}

/// Rows whose verdict we do not share. Python's json_format takes the JSON value `true` for the number 1 of an enum; by
/// the Protobuf JSON specification, and in Java, an enum is a name or a number.
const DATA_EXCEPTIONS: [&str; 2] = ["p-val-protobuf-00179", "p-val-protobuf-00193"];

#[test]
fn data_validation_agrees_with_the_corpus() {
    use schema::protobuf::validate::{MessageSelector, Validator};

    let Some(rows) = rows("validate-protobuf.json") else { return };
    let Some(schemas) = corpora::corpus("validate-protobuf-schemas.json") else { return };
    let schema_text = |key: &str| match key.strip_prefix('@') {
        Some(hash) => text(&schemas, hash).to_owned(),
        None => key.to_owned(),
    };
    let mut score = Score::default();
    for row in &rows {
        let mut resolved = references(&row["references"]);
        resolved.iter_mut().for_each(|reference| reference.text = schema_text(&reference.text));
        let parsed =
            schema::protobuf::ProtobufSchema::parse(&schema_text(text(row, "schema")), &resolved, NEW).unwrap();
        let validator = Validator::new(&parsed).unwrap();
        let message = validator.message(&parsed, MessageSelector::Name(text(row, "message"))).unwrap();
        let errors = message.validate_json(text(row, "instance"));
        let expected = row["valid"].as_bool().unwrap() != DATA_EXCEPTIONS.contains(&text(row, "id"));
        score.check("valid", row, errors.is_empty() == expected, || format!("{expected} expected, got {errors:?}"));
    }
    println!("of these {} exceptions", DATA_EXCEPTIONS.len());
    score.finish("validate-protobuf.json");
}
