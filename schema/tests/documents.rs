//! Tables and figures of the documents about formats, compared with the code. The tables of changes are in `guide.rs`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use schema::compat::Level;
use schema::limits;
use serde_json::Value;

#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests must")]
fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The text below a heading, up to the next heading.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let after = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no heading {heading}")).1;
    after.split("\n#").next().unwrap()
}

/// The cells of the rows of the tables in a text, without the heads.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_head = lines.peek().is_some_and(|next| next.starts_with("|---"));
        if line.starts_with("| ") && !is_head {
            let cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            rows.push(cells.collect());
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The types of difference that occur in the answers of a file of cases: `(incompatible, all)`.
fn types_in_cases(file: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut incompatible, mut all) = (BTreeSet::new(), BTreeSet::new());
    for line in read(&format!("schema/tests/cases/{file}")).lines() {
        let Some(answer) = line.strip_prefix("= backward ").or_else(|| line.strip_prefix("= forward ")) else {
            continue;
        };
        let name = match answer.strip_prefix("! ") {
            // A reader's field that matches several is told in Java's words alone.
            Some(message) if !message.starts_with("{errorType") => continue,
            Some(message) => {
                let name = message.split(['\'', '"']).nth(1).unwrap().to_owned();
                incompatible.insert(name.clone());
                name
            }
            None => answer.split(' ').next().unwrap().to_owned(),
        };
        all.insert(name);
    }
    (incompatible, all)
}

#[test]
fn the_levels() {
    let guide = read("docs/compatibility.md");
    let rows = rows(section(&guide, "## Levels"));
    let written: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(written, Level::ALL.map(Level::name));
    for row in &rows {
        let level = Level::from_name(row[0].trim_matches('`')).unwrap();
        assert_eq!(row[2] == "every version", level.is_transitive(), "{row:?}");
    }
}

#[test]
fn the_limits() {
    let guide = read("docs/compatibility.md");
    let limits = section(&guide, "## Limits").replace('\n', " ");
    let mib = 1024 * 1024;
    for figure in [
        format!("{} MiB per schema", limits::SCHEMA_BYTES_MAX / mib),
        format!("{} levels of nesting", limits::SCHEMA_DEPTH_MAX),
        format!("{},000 members", limits::MEMBER_COUNT_MAX / 1_000),
        format!("{},000 schemas", limits::REFERENCE_CLOSURE_MAX / 1_000),
        format!("{} MiB of texts", limits::REFERENCE_CLOSURE_BYTES_MAX / mib),
    ] {
        assert!(limits.contains(&figure), "docs/compatibility.md, \"Limits\" has no {figure:?}");
    }
}

#[test]
fn the_messages_of_avro_and_protobuf() {
    let formats = read("docs/formats.md");
    for (heading, file) in
        [("## Avro: messages", "avro-compatibility.txt"), ("## Protobuf: messages", "protobuf-compatibility.txt")]
    {
        let rows = rows(section(&formats, heading));
        let written: BTreeSet<String> = rows.iter().flat_map(|row| quoted(&row[0])).map(str::to_owned).collect();
        let (incompatible, _) = types_in_cases(file);
        assert_eq!(written, incompatible, "types in {heading:?}, and in the cases of {file}");
        let cases = read(&format!("schema/tests/cases/{file}"));
        for row in rows.iter().filter(|row| row[0].starts_with('`')) {
            let text = row.iter().find(|cell| cell.contains("'P'")).unwrap();
            // The part before the first thing that varies, in the words of a backward check, is in a message of this type.
            let words = text.replace("R schema", "new schema");
            let start =
                ["'P'", "'F'", "'[A, B]'"].iter().fold(words.as_str(), |text, place| text.split(place).next().unwrap());
            let name = row[0].trim_matches('`');
            let found = cases.lines().any(|line| line.contains(name) && line.contains(start));
            assert!(found, "no message of {name} has {start:?}");
        }
    }
}

/// Each type of difference of JSON Schema has a case.
#[test]
fn every_type_of_difference_has_a_case() {
    let kinds = read("schema/src/json/kinds.rs");
    let code = kinds.split("#[cfg(test)]").next().unwrap();
    let is_name = |word: &&str| {
        word.len() > 8 && word.contains('_') && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_')
    };
    let words = code.split(|letter: char| !letter.is_ascii_alphabetic() && letter != '_');
    let declared: BTreeSet<String> = words.filter(is_name).map(str::to_owned).collect();
    let (_, found) = types_in_cases("json-compatibility.txt");
    let missing: Vec<_> = declared.difference(&found).collect();
    assert!(missing.is_empty(), "no case in json-compatibility.txt has {missing:?}");
}

/// Each path of the Confluent API in `docs/openapi.json` is in the table of operations, and the other way round.
#[test]
fn the_operations_of_the_confluent_api() {
    let document = read("docs/confluent-compatibility.md");
    let openapi: Value = serde_json::from_str(&read("docs/openapi.json")).unwrap();
    let table: Vec<(Vec<String>, String)> = rows(section(&document, "## Operations"))
        .iter()
        .filter(|row| row[1] != "not there")
        .map(|row| {
            let methods =
                quoted(&row[0]).into_iter().flat_map(|quoted| quoted.split([' ', ','])).map(str::to_lowercase);
            (methods.filter(|word| word.chars().all(char::is_alphabetic) && !word.is_empty()).collect(), row[0].clone())
        })
        .collect();
    let short = |path: &str| {
        let names = [("{subject}", "{s}"), ("{version}", "{v}"), ("{context}", "{c}")];
        names.iter().fold(path.to_owned(), |path, (long, short)| path.replace(long, short))
    };
    let ours = [
        "/api/",
        "/v1/",
        "/llm/",
        "/ui",
        "/admin",
        "/openapi.json",
        "/docs",
        "/livez",
        "/readyz",
        "/startupz",
        "/metrics",
    ];
    for (path, operations) in openapi["paths"].as_object().unwrap() {
        let is_for_models = path.contains("/projections/") || path.ends_with("/outputs:check");
        if is_for_models || ours.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        let path = short(path);
        for method in operations.as_object().unwrap().keys() {
            let listed = table.iter().any(|(methods, cell)| methods.contains(method) && names(cell, &path));
            // The table has one row for all associations.
            let listed = listed || path.starts_with("/associations");
            assert!(listed, "docs/confluent-compatibility.md, \"Operations\" has no {method} {path}");
        }
    }
}

/// Does a cell like `` `GET /schemas/ids/{id}/subjects`, `/versions` `` name this path?
fn names(cell: &str, path: &str) -> bool {
    let mut base = String::new();
    for part in quoted(cell) {
        for word in part.split(' ').filter(|word| word.starts_with('/')) {
            let absolute = word.replace("[/{s}]", "");
            let sibling = base.rsplit_once('/').map(|(parent, _)| format!("{parent}{word}"));
            let optional = word.replace("[/{s}]", "/{s}");
            let prefix = word.strip_suffix('…').is_some_and(|prefix| path.starts_with(prefix));
            if [&absolute, &optional].contains(&&path.to_owned()) || sibling.as_deref() == Some(path) || prefix {
                return true;
            }
            if base.is_empty() {
                base = absolute;
            }
        }
    }
    false
}
