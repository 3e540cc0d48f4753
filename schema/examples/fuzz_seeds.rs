//! Writes inputs for a fuzz target from the shared corpora, so that it begins with schemas and not with noise.
//!
//! `fuzz_seeds TARGET CORPORA DIRECTORY`: one file per row whose input is small enough to be mutated quickly. The corpora are
//! no part of the repository; without them the target starts from its dictionary alone.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a tool: it reads and writes files, and says so")]

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

/// Larger inputs are rarely mutated into something that still parses.
const SEED_BYTES_MAX: usize = 3_000;
/// More do not find more, and the fuzzer reads all of them at its start.
const SEED_COUNT_MAX: usize = 1_500;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, target, corpora, directory] = arguments.as_slice() else {
        eprintln!("usage: fuzz_seeds TARGET CORPORA DIRECTORY");
        return ExitCode::FAILURE;
    };
    match write_seeds(target, Path::new(corpora), Path::new(directory)) {
        Ok(count) => {
            println!("{count} seeds for {target}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write_seeds(target: &str, corpora: &Path, directory: &Path) -> Result<usize, String> {
    let (format, what) = target.split_once('_').ok_or_else(|| format!("no such target: {target}"))?;
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    let of_format = |row: &&Value| text(row, "format").eq_ignore_ascii_case(format);
    match what {
        "parse" => {
            for file in ["canonical.json", "schema-validity.json"] {
                seeds.extend(rows(corpora, file)?.iter().filter(of_format).map(|row| text(row, "schema").into()));
            }
            if format == "json" {
                seeds.extend(rows(corpora, "validate-json.json")?.iter().step_by(4).map(pair("schema", "instance")));
            }
        }
        "compat" | "compare" => {
            for row in rows(corpora, &format!("compat-{format}.json"))? {
                let old =
                    row["old"].as_array().and_then(|list| list.last()).and_then(Value::as_str).unwrap_or_default();
                seeds.push([old, text(&row, "new")].join("\0").into());
            }
        }
        // The schemas of the Protobuf data are far too large: other schemas, each with empty data.
        "data" if format == "protobuf" => {
            let rows = rows(corpora, "canonical.json")?;
            seeds.extend(rows.iter().filter(of_format).map(|row| format!("{}\0{{}}", text(row, "schema")).into()));
        }
        "data" => {
            for row in rows(corpora, &format!("validate-{format}.json"))? {
                let mut seed: Vec<u8> = format!("{}\0", text(&row, "schema")).into();
                if text(&row, "encoding") == "avro-binary-hex" {
                    let digits = text(&row, "instance").as_bytes().chunks(2);
                    seed.extend(digits.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()));
                } else {
                    seed.extend(text(&row, "instance").bytes());
                }
                seeds.push(seed);
            }
        }
        _ => return Err(format!("no such target: {target}")),
    }
    fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    seeds.retain(|seed| seed.len() <= SEED_BYTES_MAX);
    let step = seeds.len().div_ceil(SEED_COUNT_MAX).max(1);
    let chosen: Vec<_> = seeds.iter().step_by(step).collect();
    for seed in &chosen {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        let path = directory.join(format!("seed-{:016x}", hasher.finish()));
        fs::write(&path, seed).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(chosen.len())
}

fn rows(corpora: &Path, file: &str) -> Result<Vec<Value>, String> {
    serde_json::from_str(&read(corpora.join(file))?).map_err(|error| format!("{file}: {error}"))
}

fn read(path: PathBuf) -> Result<String, String> {
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text<'v>(row: &'v Value, key: &str) -> &'v str {
    row[key].as_str().unwrap_or_default()
}

fn pair(first: &'static str, second: &'static str) -> impl Fn(&Value) -> Vec<u8> {
    move |row| [text(row, first), text(row, second)].join("\0").into()
}
