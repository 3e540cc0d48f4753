//! A schema and a document in one text, apart by a NUL: parse, print, parse again, validate the document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::Strictness;
use schema::json::{Formats, JsonSchema};

fuzz_target!(|text: &str| {
    let (text, document) = text.split_once('\0').unwrap_or((text, "{}"));
    let _ = JsonSchema::parse(text, &[], Strictness::New { validate_fields: true });
    let Ok(schema) = JsonSchema::parse(text, &[], Strictness::Stored) else { return };
    let again = JsonSchema::parse(schema.canonical(), &[], Strictness::Stored).expect("the canonical text is a schema");
    assert_eq!(schema.canonical(), again.canonical());
    let normal = schema.normalized().expect("every schema has a normal form");
    let again = JsonSchema::parse(&normal, &[], Strictness::Stored).expect("the normalised text is a schema");
    assert_eq!(Ok(normal), again.normalized());
    let _ = schema.validate(document, Formats::Assert);
});
