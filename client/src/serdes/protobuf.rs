//! Protobuf data: messages without generated code (prost-reflect), or of types that prost generated.

use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};
use schema::protobuf::validate::{MessageSelector, Validator};
use schema::{Format, ParsedSchema};

use super::{Compiled, Framed, Part, Registry, SerializerConfig};
use crate::{Client, ClientError, NewSchema};

fn compile_validator(parsed: &ParsedSchema) -> Result<Validator, ClientError> {
    match parsed {
        ParsedSchema::Protobuf(schema) => Validator::new(schema).map_err(|error| ClientError::Data(error.to_string())),
        ParsedSchema::Avro(_) | ParsedSchema::Json(_) => {
            Err(ClientError::Data("the schema is not Protobuf".to_owned()))
        }
    }
}

fn message_descriptor(
    found: &Compiled<Validator>,
    selector: MessageSelector<'_>,
) -> Result<MessageDescriptor, ClientError> {
    let ParsedSchema::Protobuf(schema) = &found.parsed else {
        return Err(ClientError::Data("the schema is not Protobuf".to_owned()));
    };
    let message = found.code.message(schema, selector).map_err(|error| ClientError::Data(error.to_string()))?;
    Ok(message.descriptor().clone())
}

fn indexes_of(found: &Compiled<Validator>, full_name: &str) -> Result<Vec<u32>, ClientError> {
    let ParsedSchema::Protobuf(schema) = &found.parsed else {
        return Err(ClientError::Data("the schema is not Protobuf".to_owned()));
    };
    schema.message_indexes(full_name).ok_or_else(|| ClientError::Data(format!("the schema has no message {full_name}")))
}

/// Writes Protobuf data.
#[derive(Debug)]
pub struct ProtobufSerializer {
    registry: Registry<Validator>,
    config: SerializerConfig,
}

impl ProtobufSerializer {
    /// A serialiser over a client.
    pub fn new(client: Client, config: SerializerConfig) -> Self {
        Self { registry: Registry::new(client, Format::Protobuf, compile_validator), config }
    }

    /// The descriptor of a message of a schema, to make messages by; the first one without a name.
    ///
    /// # Errors
    /// [`ClientError::Data`] if the schema has no such message.
    pub async fn descriptor(
        &self,
        schema: &NewSchema,
        message: Option<&str>,
    ) -> Result<MessageDescriptor, ClientError> {
        let found = self.registry.own(schema).await?;
        message_descriptor(&found, message.map_or(MessageSelector::First, MessageSelector::Name))
    }

    /// Serialises a message without generated code.
    ///
    /// # Errors
    /// [`ClientError::Data`] if the schema does not have the message, and what registering or finding the schema refuses.
    pub async fn serialize_dynamic(
        &self,
        topic: &str,
        part: Part,
        schema: &NewSchema,
        message: &DynamicMessage,
    ) -> Result<Framed, ClientError> {
        let name = message.descriptor().full_name().to_owned();
        self.write(topic, part, schema, &name, message.encode_to_vec()).await
    }

    /// Serialises a message of a generated type, whose full name is `name`.
    ///
    /// # Errors
    /// As [`ProtobufSerializer::serialize_dynamic`].
    pub async fn serialize<M: prost::Message>(
        &self,
        topic: &str,
        part: Part,
        schema: &NewSchema,
        name: &str,
        message: &M,
    ) -> Result<Framed, ClientError> {
        self.write(topic, part, schema, name, message.encode_to_vec()).await
    }

    async fn write(
        &self,
        topic: &str,
        part: Part,
        schema: &NewSchema,
        name: &str,
        payload: Vec<u8>,
    ) -> Result<Framed, ClientError> {
        let found = self.registry.for_writing(&self.config, topic, part, schema, Some(name)).await?;
        let indexes = indexes_of(&found, name)?;
        self.registry.framed(&self.config, part, &found.stored, &indexes, payload)
    }
}

/// Reads Protobuf data.
#[derive(Debug)]
pub struct ProtobufDeserializer {
    registry: Registry<Validator>,
    context: Option<String>,
}

impl ProtobufDeserializer {
    /// Reads with the schema that wrote.
    pub fn new(client: Client) -> Self {
        Self { registry: Registry::new(client, Format::Protobuf, compile_validator), context: None }
    }

    /// Ids are those of the context of this subject.
    #[must_use]
    pub fn in_context_of(mut self, subject: impl Into<String>) -> Self {
        self.context = Some(subject.into());
        self
    }

    /// Reads a message without generated code: the one that the frame's indexes name.
    ///
    /// # Errors
    /// [`ClientError::Data`] if the data is not framed or does not fit, and what finding the schema refuses.
    pub async fn deserialize_dynamic(&self, data: &[u8], header: Option<&[u8]>) -> Result<DynamicMessage, ClientError> {
        let (found, indexes, payload) = self.registry.for_reading(data, header, self.context.as_deref()).await?;
        let descriptor = message_descriptor(&found, MessageSelector::Indexes(&indexes))?;
        DynamicMessage::decode(descriptor, payload)
            .map_err(|error| ClientError::Data(format!("the data does not fit the schema: {error}")))
    }

    /// Reads a message of a generated type, whose full name is `name`.
    ///
    /// # Errors
    /// As [`ProtobufDeserializer::deserialize_dynamic`], and [`ClientError::Data`] if the data is another message.
    pub async fn deserialize<M: prost::Message + Default>(
        &self,
        data: &[u8],
        header: Option<&[u8]>,
        name: &str,
    ) -> Result<M, ClientError> {
        let (found, indexes, payload) = self.registry.for_reading(data, header, self.context.as_deref()).await?;
        let written = message_descriptor(&found, MessageSelector::Indexes(&indexes))?;
        if written.full_name() != name {
            return Err(ClientError::Data(format!("the data is a {}, not a {name}", written.full_name())));
        }
        M::decode(payload).map_err(|error| ClientError::Data(format!("the data does not fit the schema: {error}")))
    }
}
