//! Any text as a JSON Schema: parse, print, parse again, validate a document against it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::json::{Formats, JsonSchema};
use schema::Strictness;

fuzz_target!(|input: (&str, &str)| {
    let (text, document) = input;
    let _ = JsonSchema::parse(text, &[], Strictness::New { validate_fields: true });
    let Ok(schema) = JsonSchema::parse(text, &[], Strictness::Stored) else { return };
    let again = JsonSchema::parse(schema.canonical(), &[], Strictness::Stored).expect("the canonical text is a schema");
    assert_eq!(schema.canonical(), again.canonical());
    assert!(schema.normalized().is_ok());
    let _ = schema.validate(document, Formats::Assert);
});
