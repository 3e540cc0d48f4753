//! Serialisers and deserialisers: values to framed data and back, with Confluent's wire format.
//!
//! A serialiser finds (or registers) the schema that it writes under, and frames the data with its id, or puts its guid
//! into a record header. A deserialiser finds the schema that the frame names, and reads with it; schemas are compiled
//! once. The three formats have a module each.

pub mod avro;
pub mod json;
pub mod protobuf;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use schema::wire::{self, Frame, SchemaRef};
use schema::{Format, ParsedSchema, Strictness};

use crate::cache::{Cache, locked};
use crate::{Client, ClientError, NewSchema, StoredSchema};

/// Compiled schemas that one serialiser or deserialiser keeps.
const COMPILED_MAX: usize = 1_000;

/// The part of a record that data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Part {
    /// The name of the record header that has the guid.
    pub fn header(self) -> &'static str {
        match self {
            Self::Key => "__key_schema_id",
            Self::Value => "__value_schema_id",
        }
    }
}

/// Which subject has the schemas of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SubjectNames {
    /// `TOPIC-key` and `TOPIC-value`.
    #[default]
    Topic,
    /// The full name of the record or message.
    Record,
    /// `TOPIC-` and the full name of the record or message.
    TopicRecord,
}

impl SubjectNames {
    /// The subject of data. `record` is the full name in its schema.
    ///
    /// # Errors
    /// [`ClientError::Data`] where the name of a record is asked for and the schema has none.
    pub fn subject(self, topic: &str, part: Part, record: Option<&str>) -> Result<String, ClientError> {
        let record = || {
            record.ok_or_else(|| {
                ClientError::Data(
                    "the schema has no name, which its subject is to be made of: use the topic".to_owned(),
                )
            })
        };
        Ok(match (self, part) {
            (Self::Topic, Part::Key) => format!("{topic}-key"),
            (Self::Topic, Part::Value) => format!("{topic}-value"),
            (Self::Record, _) => record()?.to_owned(),
            (Self::TopicRecord, _) => format!("{topic}-{}", record()?),
        })
    }
}

/// Where the schema of data is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Framing {
    /// Its id, before the data.
    #[default]
    Prefix,
    /// Its guid, in a record header; the data is bare.
    Header,
}

/// How a serialiser finds the schema that it writes under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SerializerConfig {
    /// Which subject.
    pub names: SubjectNames,
    /// Register the caller's schema where it is not there; otherwise it must be.
    pub auto_register: bool,
    /// Write under the latest version of the subject, whatever the caller's schema is. Wins over `auto_register`.
    pub use_latest: bool,
    /// Register and look up the normalised form.
    pub normalize: bool,
    /// Where the schema is named.
    pub framing: Framing,
    /// Check the data before it is written, where the format does not do so by itself (JSON Schema).
    pub validate: bool,
}

impl Default for SerializerConfig {
    fn default() -> Self {
        Self {
            names: SubjectNames::Topic,
            auto_register: true,
            use_latest: false,
            normalize: false,
            framing: Framing::Prefix,
            validate: true,
        }
    }
}

/// Serialised data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// The key or the value of a record.
    pub data: Vec<u8>,
    /// A header to add to the record: name and value.
    pub header: Option<(&'static str, Vec<u8>)>,
}

/// A schema of the registry and what was compiled from it.
#[derive(Debug)]
struct Compiled<C> {
    stored: Arc<StoredSchema>,
    parsed: ParsedSchema,
    code: C,
}

/// What all serialisers and deserialisers share: finding schemas and compiling each once.
#[derive(Debug)]
struct Registry<C> {
    client: Client,
    format: Format,
    compile: fn(&ParsedSchema) -> Result<C, ClientError>,
    compiled: Mutex<Cache<Key, Arc<Compiled<C>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Stored(Option<String>, u32, Option<schema::Guid>),
    Own(NewSchema),
}

impl<C> Registry<C> {
    fn new(client: Client, format: Format, compile: fn(&ParsedSchema) -> Result<C, ClientError>) -> Self {
        Self { client, format, compile, compiled: Mutex::new(Cache::new(COMPILED_MAX, usize::MAX)) }
    }

    /// A schema that the caller has, compiled.
    async fn own(&self, schema: &NewSchema) -> Result<Arc<Compiled<C>>, ClientError> {
        let key = Key::Own(schema.clone());
        if let Some(found) = locked(&self.compiled).get(&key, Instant::now()) {
            return Ok(found);
        }
        let stored = StoredSchema {
            id: 0,
            guid: None,
            subject: None,
            version: None,
            format: schema.format,
            text: schema.text.clone(),
            references: schema.references.clone(),
            metadata: None,
            rule_set: None,
            is_deleted: false,
        };
        self.compiled(key, Arc::new(stored), None).await
    }

    /// A schema of the registry, compiled.
    async fn stored(&self, stored: Arc<StoredSchema>, subject: Option<&str>) -> Result<Arc<Compiled<C>>, ClientError> {
        let key = Key::Stored(subject.map(ToOwned::to_owned), stored.id, stored.guid);
        if let Some(found) = locked(&self.compiled).get(&key, Instant::now()) {
            return Ok(found);
        }
        self.compiled(key, stored, subject).await
    }

    async fn compiled(
        &self,
        key: Key,
        stored: Arc<StoredSchema>,
        subject: Option<&str>,
    ) -> Result<Arc<Compiled<C>>, ClientError> {
        if stored.format != self.format {
            let (found, wanted) = (stored.format.name(), self.format.name());
            return Err(ClientError::Data(format!("the schema is {found}, and this works on {wanted}")));
        }
        let references = self.client.closure(&stored.references, subject.or(stored.subject.as_deref())).await?;
        let parsed = ParsedSchema::parse(stored.format, &stored.text, &references, Strictness::Stored)
            .map_err(|error| ClientError::Data(format!("the schema cannot be used: {error}")))?;
        let code = (self.compile)(&parsed)?;
        let compiled = Arc::new(Compiled { stored, parsed, code });
        locked(&self.compiled).put(key, compiled.clone(), 0, None);
        Ok(compiled)
    }

    /// The schema that data of a caller is written under.
    async fn for_writing(
        &self,
        config: &SerializerConfig,
        topic: &str,
        part: Part,
        schema: &NewSchema,
        record: Option<&str>,
    ) -> Result<Arc<Compiled<C>>, ClientError> {
        let name = match (config.names, record) {
            (SubjectNames::Topic, _) => None,
            (SubjectNames::Record | SubjectNames::TopicRecord, Some(record)) => Some(record.to_owned()),
            (SubjectNames::Record | SubjectNames::TopicRecord, None) => self.own(schema).await?.parsed.name(),
        };
        let subject = config.names.subject(topic, part, name.as_deref())?;
        let stored = if config.use_latest {
            self.client.latest(&subject).await?
        } else if config.auto_register {
            self.client.register_as(&subject, schema, config.normalize).await?
        } else {
            self.client.lookup(&subject, schema, config.normalize).await?
        };
        self.stored(stored, Some(&subject)).await
    }

    fn framed(
        &self,
        config: &SerializerConfig,
        part: Part,
        stored: &StoredSchema,
        indexes: &[u32],
        payload: Vec<u8>,
    ) -> Result<Framed, ClientError> {
        match config.framing {
            Framing::Prefix => {
                let data = wire::encode(SchemaRef::Id(stored.id), self.format, indexes, &payload);
                Ok(Framed { data, header: None })
            }
            Framing::Header => {
                let guid = stored.guid.ok_or_else(|| {
                    ClientError::Data("the registry told no guid of the schema: use the prefix".to_owned())
                })?;
                let header = wire::encode_header(SchemaRef::Guid(guid), self.format, indexes);
                Ok(Framed { data: payload, header: Some((part.header(), header)) })
            }
        }
    }

    /// The schema that a frame names, and the payload. `header` is the value of the record's header, if it has one.
    async fn for_reading<'d>(
        &self,
        data: &'d [u8],
        header: Option<&[u8]>,
        context: Option<&str>,
    ) -> Result<(Arc<Compiled<C>>, Vec<u32>, &'d [u8]), ClientError> {
        let bad = |error: wire::WireError| ClientError::Data(format!("the data is not framed: {error}"));
        let (schema, indexes, payload) = match header {
            Some(header) => {
                let Frame { schema, message_indexes, payload: _ } =
                    wire::decode_header(header, self.format).map_err(bad)?;
                (schema, message_indexes, data)
            }
            None => {
                let Frame { schema, message_indexes, payload } = wire::decode(data, self.format).map_err(bad)?;
                (schema, message_indexes, payload)
            }
        };
        let stored = match schema {
            SchemaRef::Id(id) => self.client.schema_by_id_in(context, id).await?,
            SchemaRef::Guid(guid) => self.client.schema_by_guid(&guid).await?,
        };
        Ok((self.stored(stored, context).await?, indexes, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_named_as_confluents_strategies_do() {
        let names = |names: SubjectNames, part| names.subject("orders", part, Some("shop.Order")).unwrap();
        assert_eq!(names(SubjectNames::Topic, Part::Key), "orders-key");
        assert_eq!(names(SubjectNames::Topic, Part::Value), "orders-value");
        assert_eq!(names(SubjectNames::Record, Part::Key), "shop.Order");
        assert_eq!(names(SubjectNames::TopicRecord, Part::Value), "orders-shop.Order");
        assert_eq!(SubjectNames::Topic.subject("t", Part::Value, None).unwrap(), "t-value");
        assert!(SubjectNames::Record.subject("t", Part::Value, None).is_err());
    }
}
