//! JSON data, checked by the registry's own validator for JSON Schema.

use schema::json::JsonSchema;
use schema::{Format, ParsedSchema};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Framed, Part, Registry, SerializerConfig};
use crate::{Client, ClientError, NewSchema};

/// Errors that a message lists.
const ERRORS_SHOWN: usize = 5;

fn nothing(_: &ParsedSchema) -> Result<(), ClientError> {
    Ok(())
}

fn check_document(parsed: &ParsedSchema, text: &str) -> Result<(), ClientError> {
    let ParsedSchema::Json(schema) = parsed else { return Ok(()) };
    check_against(schema, text)
}

fn check_against(schema: &JsonSchema, text: &str) -> Result<(), ClientError> {
    let errors = schema.validate(text, schema::json::Formats::ByDialect);
    let errors = errors.map_err(|error| ClientError::Data(error.to_string()))?;
    if errors.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = errors
        .iter()
        .take(ERRORS_SHOWN)
        .map(|error| format!("{}: {}", if error.path.is_empty() { "/" } else { &error.path }, error.message))
        .collect();
    let more = errors.len().saturating_sub(shown.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    Err(ClientError::Data(format!("the data does not fit the schema: {}{more}", shown.join("; "))))
}

/// Writes JSON data.
#[derive(Debug)]
pub struct JsonSerializer {
    registry: Registry<()>,
    config: SerializerConfig,
}

impl JsonSerializer {
    /// A serialiser over a client.
    pub fn new(client: Client, config: SerializerConfig) -> Self {
        Self { registry: Registry::new(client, Format::Json, nothing), config }
    }

    /// Serialises a value.
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
        let text = serde_json::to_string(value).map_err(|error| ClientError::Data(error.to_string()))?;
        if self.config.validate {
            check_document(&found.parsed, &text)?;
        }
        self.registry.framed(&self.config, part, &found.stored, &[], text.into_bytes())
    }
}

/// Reads JSON data.
#[derive(Debug)]
pub struct JsonDeserializer {
    registry: Registry<()>,
    validate: bool,
    context: Option<String>,
}

impl JsonDeserializer {
    /// Reads, and checks against the schema that wrote.
    pub fn new(client: Client) -> Self {
        Self { registry: Registry::new(client, Format::Json, nothing), validate: true, context: None }
    }

    /// Reads without a check.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.validate = false;
        self
    }

    /// Ids are those of the context of this subject.
    #[must_use]
    pub fn in_context_of(mut self, subject: impl Into<String>) -> Self {
        self.context = Some(subject.into());
        self
    }

    /// Reads a value. `header` is the value of the record's header, if it has one.
    ///
    /// # Errors
    /// [`ClientError::Data`] if the data is not framed or does not fit, and what finding the schema refuses.
    pub async fn deserialize<T: DeserializeOwned>(&self, data: &[u8], header: Option<&[u8]>) -> Result<T, ClientError> {
        let (found, _, payload) = self.registry.for_reading(data, header, self.context.as_deref()).await?;
        let text = std::str::from_utf8(payload)
            .map_err(|error| ClientError::Data(format!("the data is not JSON: {error}")))?;
        if self.validate {
            check_document(&found.parsed, text)?;
        }
        serde_json::from_str(text).map_err(|error| ClientError::Data(format!("the data is not what is read: {error}")))
    }
}
