//! The native API is only ever added to: everything that the last release described is still there, unchanged.
//!
//! `proto/released/registry.v1.txt` describes the last release, a line for each method, field and enum value. A release writes it
//! anew with `cargo run -p schemareg-proto --example describe > proto/released/registry.v1.txt`; nothing else may.

#[path = "../examples/support/mod.rs"]
mod support;

use std::collections::BTreeSet;

const RELEASED: &str = include_str!("../released/registry.v1.txt");

/// What the release promised and the description does not keep.
fn broken(released: &str, now: &str) -> Vec<String> {
    let now: BTreeSet<_> = now.lines().collect();
    released.lines().filter(|line| !now.contains(line)).map(ToOwned::to_owned).collect()
}

#[test]
fn nothing_of_the_last_release_is_gone_or_changed() {
    let broken = broken(RELEASED, &support::describe());
    assert!(broken.is_empty(), "the last release had this, and its clients rely on it: {broken:#?}");
}

#[test]
fn the_check_finds_what_breaks_and_lets_additions_pass() {
    let now = support::describe();
    let line = now.lines().find(|line| line.starts_with("field registry.v1.Version.")).unwrap();
    let gone: String = now.lines().filter(|found| found != &line).map(|line| format!("{line}\n")).collect();
    assert_eq!(broken(&now, &gone), [line], "a field that is gone");
    let renumbered = now.replace(line, &line.replace(" = ", " = 1"));
    assert_eq!(broken(&now, &renumbered), [line], "another number");
    assert!(broken(&now, &format!("{now}field registry.v1.Version.more = 99 string\n")).is_empty());
    assert!(RELEASED.lines().count() > 300, "the release is described");
}
