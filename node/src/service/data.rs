//! Validation of data against stored schemas: the hot path of services that ingest.
//!
//! A schema is compiled once and kept; what an id stands for never changes, so ids are looked up once, too. Answers come
//! from local state.

use std::sync::Arc;

use crate::consensus::Snapshot;
use lru::LruCache;
use parking_lot::Mutex;
use proto::error_code as code;
use proto::operations::Permission;
use registry::{Context, SchemaId, Subject, Version, View, query};
use schema::protobuf::validate::{MessageSelector, Validator};
use schema::validate::DataError;
use schema::wire::{self, SchemaRef};
use schema::{Format, Guid, ParsedSchema, Strictness};

use super::references::{self, Liveness};
use super::{Caller, Service, ServiceError};

/// Compiled schemas kept.
const COMPILED_MAX: usize = 2_000;
/// Ids remembered with what they stand for.
const IDS_MAX: usize = 100_000;

/// Which schema the data is checked against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A version of a subject; the latest if none is named.
    Version(Subject, Option<Version>),
    /// The id in the default context.
    Id(SchemaId),
    /// The id or guid in the data's own frame.
    Framed,
}

/// One piece of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRequest {
    /// The schema.
    pub selector: Selector,
    /// Does the data begin with Confluent's frame (magic byte, id, message indexes)?
    pub framed: bool,
    /// The data.
    pub data: Vec<u8>,
    /// Is it JSON text? It always is for JSON Schema.
    pub json: bool,
    /// Protobuf: the full name of the message; empty: the first, or the one that the frame says.
    pub message: String,
}

/// What is wrong with it; nothing if it is valid.
pub type Verdict = Vec<DataError>;

/// Compiled schemas by content, and contents by id.
pub(super) struct Validators {
    compiled: Mutex<LruCache<(Guid, Format), Arc<Compiled>>>,
    ids: Mutex<LruCache<SchemaId, (Guid, Format)>>,
}

struct Compiled {
    parsed: ParsedSchema,
    protobuf: Option<Validator>,
}

impl Default for Validators {
    fn default() -> Self {
        let of = |length| std::num::NonZero::new(length).expect("the limit is not zero");
        Self { compiled: Mutex::new(LruCache::new(of(COMPILED_MAX))), ids: Mutex::new(LruCache::new(of(IDS_MAX))) }
    }
}

impl Service {
    /// Validates one piece of data.
    ///
    /// # Errors
    /// 40401 to 40403 without the schema, 422 for data that is not in the form it is said to be in.
    pub async fn validate_data(&self, caller: &Caller, request: DataRequest) -> Result<Verdict, ServiceError> {
        self.freshen_for(caller).await?;
        let again = request.clone();
        match self.validate_batch(caller, vec![request]).await?.pop() {
            // A schema that a lagging replica does not have is looked for once more.
            Some(Err(error)) if error.is_negative() => {
                self.linearize(caller.deadline).await?;
                self.validate_batch(caller, vec![again]).await?.pop().unwrap_or_else(|| Ok(Vec::new()))
            }
            Some(verdict) => verdict,
            None => Ok(Vec::new()),
        }
    }

    /// Validates many at once on one consistent state, away from the runtime's threads.
    ///
    /// # Errors
    /// If the work could not be done at all.
    pub async fn validate_batch(
        &self,
        caller: &Caller,
        requests: Vec<DataRequest>,
    ) -> Result<Vec<Result<Verdict, ServiceError>>, ServiceError> {
        let (service, caller) = (self.clone(), caller.clone());
        self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            let validate = |view: &Snapshot<'_>, request| {
                service.authorize_data(&caller, view, request)?;
                service.validate_on(view, request)
            };
            Ok(state.read(|view| requests.iter().map(|request| validate(view, request)).collect()))
        })
        .await
    }

    /// Refuses data against a schema that no subject holds for which the caller may validate. An id or address that is not
    /// there is answered like one of others.
    fn authorize_data(&self, caller: &Caller, view: &Snapshot<'_>, request: &DataRequest) -> Result<(), ServiceError> {
        if !self.inner.authority.is_on() {
            return Ok(());
        }
        let of_id = |context: &Context, id: SchemaId| -> Result<bool, ServiceError> {
            for (subject, _) in query::usages(view, context, id)? {
                if self.is_permitted(caller, Permission::DataValidate, &subject)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let framed = match &request.selector {
            Selector::Version(subject, _) => return self.authorize_subject(caller, Permission::DataValidate, subject),
            Selector::Id(id) => SchemaRef::Id(id.0),
            Selector::Framed => {
                wire::decode(&request.data, Format::Avro).map_err(|error| malformed_error(&error))?.schema
            }
        };
        let (is_allowed, error) = match framed {
            SchemaRef::Id(id) => (of_id(&Context::default_context(), SchemaId(id))?, not_found(&id)),
            SchemaRef::Guid(guid) => {
                let mut is_allowed = false;
                for (format, _) in query::schemas_by_guid(view, guid)? {
                    for (context, id) in query::ids_by_guid(view, guid, format)? {
                        is_allowed = is_allowed || of_id(&context, id)?;
                    }
                }
                (is_allowed, not_found(&guid))
            }
        };
        if is_allowed { Ok(()) } else { Err(error) }
    }

    fn validate_on(&self, view: &Snapshot<'_>, request: &DataRequest) -> Result<Verdict, ServiceError> {
        let (guid, format) = self.content_of(view, request)?;
        let compiled = self.compiled_validator(view, guid, format)?;
        let (indexes, data) = if request.framed {
            let frame = wire::decode(&request.data, format).map_err(|error| malformed_error(&error))?;
            (frame.message_indexes, frame.payload)
        } else {
            (Vec::new(), request.data.as_slice())
        };
        let text = || std::str::from_utf8(data).map_err(|_| malformed_error(&"the data is not UTF-8"));
        match &compiled.parsed {
            ParsedSchema::Json(schema) => schema
                .validate(text()?, schema::json::Formats::ByDialect)
                .map_err(|error| ServiceError::schema(schema.canonical(), &error)),
            ParsedSchema::Avro(schema) if request.json => Ok(schema::avro::validate_json(schema, text()?)),
            ParsedSchema::Avro(schema) => Ok(schema::avro::validate_binary(schema, data)),
            ParsedSchema::Protobuf(schema) => {
                let unusable = |error| ServiceError::schema(schema.canonical(), &error);
                let selector = match (request.message.as_str(), indexes.as_slice()) {
                    ("", []) => MessageSelector::First,
                    ("", indexes) => MessageSelector::Indexes(indexes),
                    (name, _) => MessageSelector::Name(name),
                };
                let validator =
                    compiled.protobuf.as_ref().ok_or_else(|| malformed_error(&"the schema has no descriptor"))?;
                let message = validator.message(schema, selector).map_err(unusable)?;
                Ok(if request.json { message.validate_json(text()?) } else { message.validate_binary(data) })
            }
        }
    }

    fn content_of(&self, view: &Snapshot<'_>, request: &DataRequest) -> Result<(Guid, Format), ServiceError> {
        match &request.selector {
            Selector::Version(subject, version) => {
                let found = match version {
                    Some(version) => query::version_row(view, subject, *version)?,
                    None => query::latest(view, subject)?.map(|(_, row)| row),
                };
                match (found, version) {
                    (Some(row), _) => Ok((row.guid, row.format)),
                    (None, Some(version)) => Err(ServiceError::version_not_found(version)),
                    (None, None) => Err(ServiceError::subject_not_found(subject)),
                }
            }
            Selector::Id(id) => self.content_of_id(view, *id),
            Selector::Framed => {
                // The format is known only with the schema; the place of the id is the same in all.
                let frame = wire::decode(&request.data, Format::Avro).map_err(|error| malformed_error(&error))?;
                match frame.schema {
                    SchemaRef::Id(id) => self.content_of_id(view, SchemaId(id)),
                    SchemaRef::Guid(guid) => {
                        let found = query::schemas_by_guid(view, guid)?.into_iter().next();
                        let (format, _) = found.ok_or_else(|| not_found(&guid))?;
                        Ok((guid, format))
                    }
                }
            }
        }
    }

    fn content_of_id(&self, view: &impl View, id: SchemaId) -> Result<(Guid, Format), ServiceError> {
        if let Some(known) = self.inner.data.ids.lock().get(&id) {
            return Ok(*known);
        }
        let (guid, format, _) =
            query::schema_by_id(view, &Context::default_context(), id)?.ok_or_else(|| not_found(&id))?;
        self.inner.data.ids.lock().put(id, (guid, format));
        Ok((guid, format))
    }

    fn compiled_validator(&self, view: &impl View, guid: Guid, format: Format) -> Result<Arc<Compiled>, ServiceError> {
        if let Some(compiled) = self.inner.data.compiled.lock().get(&(guid, format)) {
            return Ok(compiled.clone());
        }
        let content = query::content_row(view, guid, format)?.ok_or_else(|| not_found(&guid))?;
        let context = query::ids_by_guid(view, guid, format)?.into_iter().next().map(|(context, _)| context);
        let context = context.unwrap_or_else(Context::default_context);
        let closure = references::reference_closure(view, &context, &content.references, Liveness::Any)?;
        let unusable = |error| ServiceError::schema(&content.text, &error);
        let parsed = ParsedSchema::parse(format, &content.text, &closure, Strictness::Stored).map_err(unusable)?;
        let protobuf = match &parsed {
            ParsedSchema::Protobuf(schema) => Some(Validator::new(schema).map_err(unusable)?),
            ParsedSchema::Avro(_) | ParsedSchema::Json(_) => None,
        };
        let compiled = Arc::new(Compiled { parsed, protobuf });
        self.inner.data.compiled.lock().put((guid, format), compiled.clone());
        Ok(compiled)
    }
}

fn not_found(what: &dyn std::fmt::Display) -> ServiceError {
    ServiceError::new(code::SCHEMA_NOT_FOUND, format!("Schema {what} not found"))
}

fn malformed_error(what: &dyn std::fmt::Display) -> ServiceError {
    ServiceError::new(code::UNPROCESSABLE, format!("The data cannot be read: {what}"))
}
