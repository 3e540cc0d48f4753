//! The large corpora of Confluent's own answers, which lie beside the checkout and are not part of the repository.
//!
//! Where they are absent a test that wants them passes, and says by name that it was skipped: on standard output, and in the
//! file that `SKIPPED_TESTS` names, where `scripts/test.sh` counts them. `WITHOUT_CORPORA` hides them, so that the cases in
//! the repository can be measured alone. What the corpora check is checked by `schema/tests/cases` as well, rule by rule.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it saw")]

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

/// The content of a file of the corpora; none, with a note, where it is not here.
#[expect(clippy::disallowed_methods, reason = "the crate reads no files and no environment, its tests must")]
pub(crate) fn corpus(file: &str) -> Option<Value> {
    let root = env!("CARGO_MANIFEST_DIR");
    let places = ["/../../shared/corpora/", "/../../../shared/corpora/"]
        .map(|place| PathBuf::from(format!("{root}{place}{file}")));
    let hidden = std::env::var_os("WITHOUT_CORPORA").is_some();
    let Some(path) = places.iter().find(|path| !hidden && path.exists()) else {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let note = format!("schema {test}: the corpus {file} is not beside the checkout");
        println!("skipped: {note}");
        if let Some(notes) = std::env::var_os("SKIPPED_TESTS") {
            let mut notes = std::fs::OpenOptions::new().append(true).create(true).open(notes).unwrap();
            writeln!(notes, "{note}").unwrap();
        }
        return None;
    };
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).expect("a corpus is JSON"))
}

/// The rows of a corpus whose field `format` is `format`.
pub(crate) fn corpus_rows(file: &str, format: &str) -> Option<Vec<Value>> {
    let Value::Array(rows) = corpus(file)? else { panic!("{file} is not a list") };
    Some(rows.into_iter().filter(|row| row["format"] == format).collect())
}
