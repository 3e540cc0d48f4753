//! Avro data, by apache-avro: written under the writer's schema, read by the rules of schema resolution.
//!
//! References are inlined by the registry's own code, so that a schema stands for itself; the codec is apache-avro's.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use schema::{Format, ParsedSchema, Rendering};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Framed, Part, Registry, SerializerConfig};
use crate::{Client, ClientError, NewSchema};

fn compile_schema(parsed: &ParsedSchema) -> Result<apache_avro::Schema, ClientError> {
    let text = parsed.render(Rendering::Resolved).map_err(|error| ClientError::Data(error.to_string()))?;
    apache_avro::Schema::parse_str(&text)
        .map_err(|error| ClientError::Data(format!("apache-avro refuses the schema: {error}")))
}

fn unfit_error(error: &apache_avro::Error) -> ClientError {
    ClientError::Data(format!("the data does not fit the schema: {error}"))
}

/// Writes Avro data.
#[derive(Debug)]
pub struct AvroSerializer {
    registry: Registry<apache_avro::Schema>,
    config: SerializerConfig,
}

impl AvroSerializer {
    /// A serialiser over a client.
    pub fn new(client: Client, config: SerializerConfig) -> Self {
        Self { registry: Registry::new(client, Format::Avro, compile_schema), config }
    }

    /// Serialises a value of a type.
    ///
    /// # Errors
    /// [`ClientError::Data`] if it does not fit the schema, and what registering or finding the schema refuses.
    pub async fn serialize<T: Serialize>(
        &self,
        topic: &str,
        part: Part,
        schema: &NewSchema,
        value: &T,
    ) -> Result<Framed, ClientError> {
        let found = self.registry.for_writing(&self.config, topic, part, schema, None).await?;
        let payload = {
            let writer = GenericDatumWriter::builder(&found.code).build().map_err(|error| unfit_error(&error))?;
            writer.write_ser_to_vec(value).map_err(|error| unfit_error(&error))?
        };
        self.registry.framed(&self.config, part, &found.stored, &[], payload)
    }

    /// Serialises a value without a type, resolved against the schema first.
    ///
    /// # Errors
    /// As [`AvroSerializer::serialize`].
    pub async fn serialize_value(
        &self,
        topic: &str,
        part: Part,
        schema: &NewSchema,
        value: Value,
    ) -> Result<Framed, ClientError> {
        let found = self.registry.for_writing(&self.config, topic, part, schema, None).await?;
        let payload = encode_datum(&found.code, value)?;
        self.registry.framed(&self.config, part, &found.stored, &[], payload)
    }
}

fn encode_datum(schema: &apache_avro::Schema, value: Value) -> Result<Vec<u8>, ClientError> {
    let value = value.resolve(schema).map_err(|error| unfit_error(&error))?;
    let writer = GenericDatumWriter::builder(schema).build().map_err(|error| unfit_error(&error))?;
    writer.write_value_to_vec(value).map_err(|error| unfit_error(&error))
}

fn decode_datum(
    writer: &apache_avro::Schema,
    reader: Option<&apache_avro::Schema>,
    payload: &[u8],
) -> Result<Value, ClientError> {
    let mut rest = payload;
    let datum =
        GenericDatumReader::builder(writer).maybe_reader_schema(reader).build().map_err(|error| unfit_error(&error))?;
    let value = datum.read_value(&mut rest).map_err(|error| unfit_error(&error))?;
    if !rest.is_empty() {
        return Err(ClientError::Data(format!("{} bytes are left over after the Avro datum", rest.len())));
    }
    Ok(value)
}

/// Reads Avro data.
#[derive(Debug)]
pub struct AvroDeserializer {
    registry: Registry<apache_avro::Schema>,
    reader: Option<NewSchema>,
    context: Option<String>,
}

impl AvroDeserializer {
    /// Reads with the schema that wrote.
    pub fn new(client: Client) -> Self {
        Self { registry: Registry::new(client, Format::Avro, compile_schema), reader: None, context: None }
    }

    /// Reads as this schema says: fields that it lacks are skipped, fields that the writer lacked have their default.
    #[must_use]
    pub fn reading_as(mut self, schema: NewSchema) -> Self {
        self.reader = Some(schema);
        self
    }

    /// Ids are those of the context of this subject.
    #[must_use]
    pub fn in_context_of(mut self, subject: impl Into<String>) -> Self {
        self.context = Some(subject.into());
        self
    }

    /// Reads a value without a type. `header` is the value of the record's header, if it has one.
    ///
    /// # Errors
    /// [`ClientError::Data`] if the data is not framed or does not fit, and what finding the schema refuses.
    pub async fn deserialize_value(&self, data: &[u8], header: Option<&[u8]>) -> Result<Value, ClientError> {
        let (writer, _, payload) = self.registry.for_reading(data, header, self.context.as_deref()).await?;
        match &self.reader {
            Some(reader) => {
                let reader = self.registry.own(reader).await?;
                decode_datum(&writer.code, Some(&reader.code), payload)
            }
            None => decode_datum(&writer.code, None, payload),
        }
    }

    /// Reads a value of a type.
    ///
    /// # Errors
    /// As [`AvroDeserializer::deserialize_value`].
    pub async fn deserialize<T: DeserializeOwned>(&self, data: &[u8], header: Option<&[u8]>) -> Result<T, ClientError> {
        let value = self.deserialize_value(data, header).await?;
        apache_avro::from_value(&value).map_err(|error| unfit_error(&error))
    }
}

/// JSON as an Avro value, for data that has no type; [`AvroSerializer::serialize_value`] resolves it against the schema.
pub fn value_of_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Boolean(*truth),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::Long(whole),
            None => Value::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::String(text.clone()),
        serde_json::Value::Array(items) => Value::Array(items.iter().map(value_of_json).collect()),
        serde_json::Value::Object(fields) => {
            Value::Record(fields.iter().map(|(name, value)| (name.clone(), value_of_json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schema::{Reference, ResolvedReference, Strictness};

    use super::*;

    fn compiled(text: &str, references: &[ResolvedReference]) -> apache_avro::Schema {
        compile_schema(&ParsedSchema::parse(Format::Avro, text, references, Strictness::Stored).unwrap()).unwrap()
    }

    const WRITER: &str = r#"{"type":"record","name":"Reading","namespace":"t","fields":[
        {"name":"name","type":"string"},{"name":"value","type":"int"},{"name":"note","type":["null","string"],"default":null}]}"#;
    const READER: &str = r#"{"type":"record","name":"Reading","namespace":"t","fields":[
        {"name":"value","type":"long"},{"name":"unit","type":"string","default":"B"}]}"#;

    proptest! {
        #[test]
        fn what_is_written_is_read(name in ".*", value in any::<i32>(), note in proptest::option::of(".*")) {
            let schema = compiled(WRITER, &[]);
            let json = serde_json::json!({"name": name, "value": value, "note": note});
            let written = value_of_json(&json);
            let bytes = encode_datum(&schema, written.clone()).unwrap();
            let read = decode_datum(&schema, None, &bytes).unwrap();
            prop_assert_eq!(&read, &written.resolve(&schema).unwrap());
            // The registry's own validator agrees that the bytes fit.
            let ParsedSchema::Avro(own) = ParsedSchema::parse(Format::Avro, WRITER, &[], Strictness::Stored).unwrap() else {
                unreachable!()
            };
            prop_assert_eq!(schema::avro::validate_binary(&own, &bytes), vec![]);
        }

        #[test]
        fn readers_promote_skip_and_fill_in(name in "[a-z]*", value in any::<i32>()) {
            let (writer, reader) = (compiled(WRITER, &[]), compiled(READER, &[]));
            let json = serde_json::json!({"name": name, "value": value, "note": null});
            let bytes = encode_datum(&writer, value_of_json(&json)).unwrap();
            let read = decode_datum(&writer, Some(&reader), &bytes).unwrap();
            let expected = Value::Record(vec![
                ("value".to_owned(), Value::Long(i64::from(value))),
                ("unit".to_owned(), Value::String("B".to_owned())),
            ]);
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn references_are_inlined_for_the_codec() {
        let inner = r#"{"type":"record","name":"Inner","namespace":"t","fields":[{"name":"x","type":"int"}]}"#;
        let outer = r#"{"type":"record","name":"Outer","namespace":"t","fields":[
            {"name":"a","type":"t.Inner"},{"name":"b","type":["null","t.Inner"],"default":null}]}"#;
        let reference = Reference { name: "t.Inner".to_owned(), subject: "inner".to_owned(), version: 1 };
        let schema = compiled(outer, &[ResolvedReference { reference, text: inner.to_owned() }]);
        let json = serde_json::json!({"a": {"x": 1}, "b": {"x": 2}});
        let bytes = encode_datum(&schema, value_of_json(&json)).unwrap();
        assert_eq!(bytes, [2, 2, 4]);
        assert!(decode_datum(&schema, None, &[2, 2, 4, 0]).unwrap_err().to_string().contains("1 bytes are left over"));
    }
}
