//! Any text as a Protobuf schema: what parses has a canonical text that prints as itself, and everything else that can
//! be done with it ends without a panic.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use schema::protobuf::ProtobufSchema;
use schema::{Rendering, Strictness};

fuzz_target!(|data: &[u8]| {
    // The same bytes as a descriptor, which a registry gets in base64.
    let _ = ProtobufSchema::parse(&STANDARD.encode(data), &[], Strictness::Stored);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = ProtobufSchema::parse(text, &[], Strictness::New { validate_fields: true });
    let Ok(schema) = ProtobufSchema::parse(text, &[], Strictness::Stored) else { return };
    let again = ProtobufSchema::parse(schema.canonical(), &[], Strictness::Stored).expect("the canonical text is a schema");
    assert_eq!(schema.canonical(), again.canonical());
    if let Ok(normal) = schema.normalized() {
        let again = ProtobufSchema::parse(&normal, &[], Strictness::Stored).expect("the normalised text is a schema");
        assert_eq!(again.canonical(), normal);
    }
    let _ = schema.render(Rendering::Serialized);
    let _ = schema.render(Rendering::IgnoreExtensions);
    let _ = (schema.name(), schema.top_level_fields());
});
