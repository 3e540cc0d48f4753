//! Any two texts as JSON Schemas: compare in both directions under both policies, and diff.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::compat::{Direction, Policy, differences};
use schema::{Format, ParsedSchema, Strictness};

fuzz_target!(|input: (&str, &str)| {
    let (old, new) = input;
    let Ok(old) = ParsedSchema::parse(Format::Json, old, &[], Strictness::Stored) else { return };
    let Ok(new) = ParsedSchema::parse(Format::Json, new, &[], Strictness::Stored) else { return };
    for policy in [Policy::Strict, Policy::Lenient] {
        for direction in [Direction::Backward, Direction::Forward] {
            let _ = differences(direction, policy, &new, &old);
        }
    }
    if let Ok(found) = differences(Direction::Backward, Policy::Strict, &new, &new) {
        assert!(found.iter().all(|difference| difference.compatible), "a schema reads what it wrote");
    }
    let _ = schema::diff::diff(&old, &new);
});
