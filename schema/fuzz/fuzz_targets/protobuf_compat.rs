//! Two Protobuf schemas in one text, apart by a NUL: the check and the diff end, and agree on what breaks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::compat::{Direction, Policy, differences};
use schema::diff::diff;
use schema::{Format, ParsedSchema, Strictness};

fuzz_target!(|text: &str| {
    let Some((old, new)) = text.split_once('\0') else { return };
    let parse = |text: &str| ParsedSchema::parse(Format::Protobuf, text, &[], Strictness::Stored);
    let (Ok(old), Ok(new)) = (parse(old), parse(new)) else { return };
    let backward = differences(Direction::Backward, Policy::Strict, &new, &old);
    let forward = differences(Direction::Forward, Policy::Strict, &new, &old);
    let (Ok(backward), Ok(forward), Ok(diff)) = (backward, forward, diff(&old, &new)) else { return };
    let breaks = |found: &[schema::compat::Difference]| found.iter().any(|difference| !difference.compatible);
    assert_eq!(breaks(&backward), diff.changes.iter().any(|change| change.breaks_backward));
    assert_eq!(breaks(&forward), diff.changes.iter().any(|change| change.breaks_forward));
    if old.same_content(&new) {
        assert!(diff.changes.is_empty() && backward.is_empty());
    }
});
