//! The cases of this repository: for every rule of `docs/formats.md` a small input, and all that the crate says of it.
//!
//! A file of `cases/` is a list of blocks with an empty line between them. A line that begins with `=` is an answer; every
//! other line is input, and a line with `#` names the rule that the blocks below it are about. `⏎` stands for a line break.
//!
//! | file | input | answers |
//! |---|---|---|
//! | `*-schemas.txt` | `ref NAME TEXT`, `schema TEXT` | is it a new schema, a stored one; its texts, guid, name, other renderings |
//! | `*-compatibility.txt` | `policy`, `ref`, `old TEXT`, `new TEXT` | the differences in both directions (`!` incompatible, with Confluent's message), the semantic diff, the version step |
//! | `*-data.txt` | `schema`, `message NAME`, `formats`, then `json TEXT` or `hex BYTES` | the errors of the data |
//!
//! `CASES_WRITE=1 cargo test -p schemareg-schema --test cases` writes the answers anew. Read what it changed against the rule.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use schema::compat::{Direction, Level, Policy, Previous, check, differences};
use schema::diff::{Change, ChangeKind, diff};
use schema::json::Formats;
use schema::protobuf::validate::{MessageSelector, Validator};
use schema::{Format, ParsedSchema, Reference, Rendering, ResolvedReference, SchemaError, Strictness, guid_of};

const NEW: Strictness = Strictness::New { validate_fields: false };
/// Differing lines that a failure shows.
const SHOWN_MAX: usize = 30;

/// The input of a block, as far as it was read.
struct Block {
    format: Format,
    policy: Policy,
    references: Vec<ResolvedReference>,
    schema: String,
    old: String,
    message: Option<String>,
    formats: Formats,
}

impl Block {
    fn new(format: Format) -> Self {
        Self {
            format,
            policy: Policy::Strict,
            references: Vec::new(),
            schema: String::new(),
            old: String::new(),
            message: None,
            formats: Formats::default(),
        }
    }

    fn parse(&self, text: &str, strictness: Strictness) -> Result<ParsedSchema, SchemaError> {
        ParsedSchema::parse(self.format, text, &self.references, strictness)
    }
}

#[test]
fn every_case_is_answered_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut differing = String::new();
    for path in &files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let (format, kind) = name.split_once('-').expect("FORMAT-KIND.txt");
        let format = Format::from_name(&format.to_uppercase()).expect("a format");
        let text = read(path);
        let answered = answer(format, kind, &text);
        if answered == text {
            continue;
        }
        if write_anew() {
            write(path, &answered);
            continue;
        }
        let lines = text.lines().chain(std::iter::repeat("(the end)")).zip(answered.lines()).enumerate();
        for (number, (expected, found)) in lines.filter(|(_, (expected, found))| expected != found).take(SHOWN_MAX) {
            writeln!(differing, "{name}.txt:{}\n  expected {expected}\n  found    {found}", number + 1).unwrap();
        }
    }
    assert!(differing.is_empty(), "answers differ; CASES_WRITE=1 writes them anew:\n{differing}");
    assert_eq!(files.len(), 9, "three files for each format");
}

#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests must")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the crate writes no files, its tests may if they are asked to")]
fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "the crate reads no environment, its tests may")]
fn write_anew() -> bool {
    std::env::var_os("CASES_WRITE").is_some()
}

/// The file with all answers as they are now.
fn answer(format: Format, kind: &str, text: &str) -> String {
    let mut out = String::new();
    let mut block = Block::new(format);
    for line in text.lines() {
        if line.starts_with('=') {
            continue;
        }
        writeln!(out, "{line}").unwrap();
        if line.is_empty() {
            block = Block::new(format);
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.replace('⏎', "\n");
        let lines = match (kind, key) {
            (_, "ref") => {
                let (name, text) = value.split_once(' ').expect("ref NAME TEXT");
                let reference = Reference { name: name.to_owned(), subject: name.to_owned(), version: 1 };
                block.references.push(ResolvedReference { reference, text: text.to_owned() });
                Vec::new()
            }
            ("schemas", "schema") => schema_answers(&block, &value),
            (_, "policy") => {
                block.policy = if value == "LENIENT" { Policy::Lenient } else { Policy::Strict };
                Vec::new()
            }
            ("compatibility", "old") => {
                block.old = value;
                Vec::new()
            }
            ("compatibility", "new") => compatibility_answers(&block, &value),
            ("data", "schema") => {
                block.schema = value;
                Vec::new()
            }
            ("data", "message") => {
                block.message = Some(value);
                Vec::new()
            }
            ("data", "formats") => {
                block.formats = if value == "assert" { Formats::Assert } else { Formats::Ignore };
                Vec::new()
            }
            ("data", "json" | "hex") => data_answers(&block, key, &value),
            other => panic!("{other:?} is no input: {line}"),
        };
        for line in lines {
            writeln!(out, "= {}", line.replace('\n', "⏎").trim_end()).unwrap();
        }
    }
    out
}

fn verdict(parsed: &Result<ParsedSchema, SchemaError>) -> String {
    parsed.as_ref().map_or_else(|error| format!("refused: {error}"), |_| "accepted".to_owned())
}

fn schema_answers(block: &Block, text: &str) -> Vec<String> {
    let new = verdict(&block.parse(text, NEW));
    let validated = verdict(&block.parse(text, Strictness::New { validate_fields: true }));
    let parsed = block.parse(text, Strictness::Stored);
    let stored = verdict(&parsed);
    let mut lines = vec![format!("new {new}")];
    lines.extend((validated != new).then(|| format!("with validateFields {validated}")));
    lines.extend((stored != new).then(|| format!("stored {stored}")));
    let Ok(parsed) = parsed else { return lines };
    let canonical = parsed.canonical();
    lines.extend((canonical != text).then(|| format!("canonical {canonical}")));
    match parsed.normalized() {
        Ok(normalized) => lines.extend((normalized != canonical).then(|| format!("normalized {normalized}"))),
        Err(error) => lines.push(format!("normalized refused: {error}")),
    }
    let references: Vec<_> = block.references.iter().map(|resolved| resolved.reference.clone()).collect();
    lines.push(format!("guid {}", guid_of(canonical, &references, None, None)));
    lines.extend(parsed.name().map(|name| format!("name {name}")));
    let fields = parsed.top_level_fields();
    lines.extend((!fields.is_empty()).then(|| format!("fields {}", fields.join(" "))));
    for (what, rendering) in [
        ("resolved", Rendering::Resolved),
        ("serialized", Rendering::Serialized),
        ("ignore_extensions", Rendering::IgnoreExtensions),
    ] {
        match parsed.render(rendering) {
            Ok(rendered) => lines.extend((rendered != canonical).then(|| format!("{what} {rendered}"))),
            Err(error) => lines.push(format!("{what} refused: {error}")),
        }
    }
    if let ParsedSchema::Avro(avro) = &parsed {
        let form = avro.parsing_canonical_form().unwrap_or_else(|error| error.to_string());
        lines.extend((form != canonical).then(|| format!("parsing canonical form {form}")));
        let fingerprint = avro.fingerprint64().map(|fingerprint| format!("{fingerprint:016x}"));
        lines.push(format!("fingerprint {}", fingerprint.unwrap_or_else(|error| error.to_string())));
    }
    // The law of every canonical text: it is its own canonical text.
    let again = block.parse(canonical, Strictness::Stored).unwrap();
    assert_eq!(again.canonical(), canonical, "{text}");
    assert!(parsed.same_content(&again), "{text}");
    lines
}

fn compatibility_answers(block: &Block, new: &str) -> Vec<String> {
    let old = match block.parse(&block.old, Strictness::Stored) {
        Ok(old) => old,
        Err(error) => return vec![format!("old refused: {error}")],
    };
    let new = match block.parse(new, Strictness::Stored) {
        Ok(new) => new,
        Err(error) => return vec![format!("new refused: {error}")],
    };
    let mut lines = Vec::new();
    for (name, direction, level) in
        [("backward", Direction::Backward, Level::Backward), ("forward", Direction::Forward, Level::Forward)]
    {
        let found = differences(direction, block.policy, &new, &old).unwrap();
        for difference in &found {
            let line = if difference.compatible {
                format!("{name} {} {}", difference.kind, difference.path)
            } else {
                format!("{name} ! {}", difference.message)
            };
            lines.push(line);
        }
        // A verdict is made of these differences, alone and among many versions, and has their messages.
        let previous = Previous { version: None, schema: &old };
        let verdict = check(level, block.policy, &new, &[previous]).unwrap();
        assert_eq!(verdict.compatible, found.iter().all(|difference| difference.compatible), "{name}: {verdict:?}");
        for difference in found.iter().filter(|difference| !difference.compatible) {
            assert!(verdict.messages.contains(&difference.message), "{name}: {difference:?}");
        }
        if name == "backward" {
            let many = check(Level::BackwardTransitive, block.policy, &new, &[previous; 9]).unwrap();
            assert_eq!(many, verdict, "among many versions");
        }
    }
    match diff(&old, &new) {
        Ok(found) => {
            lines.extend(found.changes.iter().map(change_line));
            lines.push(format!("step {:?} {:?}", found.step(Level::Backward), found.step(Level::Forward)));
        }
        Err(error) => lines.push(format!("diff refused: {error}")),
    }
    lines
}

fn change_line(change: &Change) -> String {
    let what = match &change.kind {
        ChangeKind::Added { new } => format!("+ {new}"),
        ChangeKind::Removed { old } => format!("- {old}"),
        ChangeKind::Changed { old, new } => format!("{old} -> {new}"),
        ChangeKind::Moved { from } => format!("moved from {from}"),
        ChangeKind::Renamed { old, new } => format!("renamed {old} -> {new}"),
    };
    let flags = [
        (change.breaks_backward, " breaks-backward"),
        (change.breaks_forward, " breaks-forward"),
        (change.documentation, " documentation"),
    ];
    let flags: String = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect();
    format!("change {} {} {what}{flags}", change.path, change.element)
}

fn data_answers(block: &Block, encoding: &str, value: &str) -> Vec<String> {
    let bytes = || -> Vec<u8> {
        let digits = value.split_whitespace().collect::<String>();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    };
    let parsed = block.parse(&block.schema, Strictness::Stored).unwrap();
    let errors = match &parsed {
        ParsedSchema::Avro(schema) if encoding == "json" => schema::avro::validate_json(schema, value),
        ParsedSchema::Avro(schema) => schema::avro::validate_binary(schema, &bytes()),
        ParsedSchema::Json(schema) => match schema.validate(value, block.formats) {
            Ok(errors) => errors,
            Err(error) => return vec![format!("refused: {error}")],
        },
        ParsedSchema::Protobuf(schema) => {
            let selector = block.message.as_deref().map_or(MessageSelector::First, MessageSelector::Name);
            let message = Validator::new(schema).and_then(|validator| validator.message(schema, selector));
            match message {
                Ok(message) if encoding == "json" => message.validate_json(value),
                Ok(message) => message.validate_binary(&bytes()),
                Err(error) => return vec![format!("refused: {error}")],
            }
        }
    };
    if errors.is_empty() {
        return vec!["valid".to_owned()];
    }
    errors.iter().map(|error| format!("error {} {}", error.path, error.message)).collect()
}
