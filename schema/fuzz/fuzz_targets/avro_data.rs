//! A schema and a datum in one input, apart by a NUL: both decoders end, with or without errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::Strictness;
use schema::avro::{AvroSchema, validate_binary, validate_json};

fuzz_target!(|data: &[u8]| {
    let Some(at) = data.iter().position(|byte| *byte == 0) else { return };
    let Ok(text) = std::str::from_utf8(&data[..at]) else { return };
    let Ok(schema) = AvroSchema::parse(text, &[], Strictness::Stored) else { return };
    let _ = validate_binary(&schema, &data[at + 1..]);
    let _ = validate_json(&schema, &String::from_utf8_lossy(&data[at + 1..]));
    for format in schema::Format::ALL {
        let _ = schema::wire::decode(data, format);
    }
});
