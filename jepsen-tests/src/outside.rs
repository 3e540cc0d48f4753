//! Test data and programs that are not part of the repository. A test that needs them and does not find them is skipped by name: it
//! prints one line that begins with `SKIPPED:` and passes. Count those lines to know what a run did not test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where data lies that is not part of the repository: beside the checkout, or beside a work tree of it.
const PLACES: [&str; 2] = ["../../shared", "../../../shared"];

/// A file or directory beside the checkout; without it the test is skipped by its name.
pub fn data_beside_checkout(test: &str, name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = PLACES.into_iter().map(|place| root.join(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        note_skipped(test, &format!("shared/{name} does not lie beside the checkout"));
    }
    found
}

/// Can this program be run? Without it the test is skipped by its name.
pub fn has_program(test: &str, program: &str) -> bool {
    let started = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = started.is_ok_and(|status| status.success());
    if !is_there {
        note_skipped(test, &format!("{program} cannot be run"));
    }
    is_there
}

/// Prints the line of a skipped test.
#[allow(clippy::print_stdout)]
pub fn note_skipped(test: &str, reason: &str) {
    println!("SKIPPED: {test}: {reason}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_skipped_and_does_not_panic() {
        assert_eq!(data_beside_checkout("a test of the skipping itself", "no/such/data"), None);
        assert!(!has_program("a test of the skipping itself", "no-such-program-anywhere"));
    }
}
