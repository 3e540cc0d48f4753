//! A schema and data in one input, apart by a NUL: both checks end, with or without errors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use schema::Strictness;
use schema::protobuf::ProtobufSchema;
use schema::protobuf::validate::{MessageSelector, Validator};

fuzz_target!(|data: &[u8]| {
    let Some(at) = data.iter().position(|byte| *byte == 0) else { return };
    let Ok(text) = std::str::from_utf8(&data[..at]) else { return };
    let Ok(schema) = ProtobufSchema::parse(text, &[], Strictness::Stored) else { return };
    let Ok(validator) = Validator::new(&schema) else { return };
    let Ok(message) = validator.message(&schema, MessageSelector::First) else { return };
    let _ = message.validate_binary(&data[at + 1..]);
    let _ = message.validate_json(&String::from_utf8_lossy(&data[at + 1..]));
});
