//! Confluent wire format: magic byte, schema id, Protobuf message indexes, and the guid form for record headers.
