//! Any text as an Avro schema: what parses has a canonical text that parses to the same, and everything else that can be
//! done with it ends without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::avro::AvroSchema;
use schema::{Rendering, Strictness};

fuzz_target!(|text: &str| {
    let _ = AvroSchema::parse(text, &[], Strictness::New { validate_fields: true });
    let Ok(schema) = AvroSchema::parse(text, &[], Strictness::Stored) else { return };
    let again = AvroSchema::parse(schema.canonical(), &[], Strictness::Stored).expect("the canonical text is a schema");
    // A name outside any namespace that is used inside one is Java's own exception to the fixed point.
    if !text.contains("namespace") && !text.contains('.') {
        assert_eq!(schema.canonical(), again.canonical());
    }
    let _ = schema.normalized();
    let _ = schema.render(Rendering::Resolved);
    let _ = schema.fingerprint64();
    let _ = (schema.name(), schema.top_level_fields());
});
