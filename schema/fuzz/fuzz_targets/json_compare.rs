//! Two JSON Schemas in one text, apart by a NUL: compare in both directions under both policies, and diff.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::compat::{Direction, Policy, differences};
use schema::{Format, ParsedSchema, Strictness};

fuzz_target!(|text: &str| {
    let Some((old, new)) = text.split_once('\0') else { return };
    let Ok(old) = ParsedSchema::parse(Format::Json, old, &[], Strictness::Stored) else { return };
    let Ok(new) = ParsedSchema::parse(Format::Json, new, &[], Strictness::Stored) else { return };
    for policy in [Policy::Strict, Policy::Lenient] {
        for direction in [Direction::Backward, Direction::Forward] {
            let _ = differences(direction, policy, &new, &old);
        }
    }
    if let Ok(found) = differences(Direction::Backward, Policy::Strict, &new, &new) {
        // A reference that leads nowhere is told as what it is, even of a schema beside itself.
        let readable = |difference: &schema::compat::Difference| {
            difference.compatible || difference.kind == "UNSUPPORTED_REFERENCE"
        };
        assert!(found.iter().all(readable), "a schema reads what it wrote");
    }
    let _ = schema::diff::diff(&old, &new);
});
