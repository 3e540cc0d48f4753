//! Parses schemas, new and stored ones, with what they refer to.

use std::sync::Arc;

use crate::consensus::Snapshot;
use proto::error_code as code;
use registry::{ContentRow, Context, Subject, VersionRow, query};
use schema::{Guid, ParsedSchema, Reference, Rendering, Strictness, guid_of};

use super::references::{self, Liveness};
use super::settings::Settings;
use super::words::{FoundSchema, NewSchema};
use super::{Caller, Service, ServiceError};

/// A schema that was sent, as it is meant: its references pinned, its text parsed (and normalised where asked).
pub(super) struct Asked {
    pub(super) parsed: ParsedSchema,
    pub(super) references: Vec<Reference>,
    /// The address of the content, with the metadata and the rules of the request.
    pub(super) guid: Guid,
}

impl Asked {
    /// The address of the content with other metadata and rules.
    pub(super) fn guid_with(&self, new: &NewSchema) -> Guid {
        guid_of(self.parsed.canonical(), &self.references, new.metadata.as_ref(), new.rule_set.as_ref())
    }
}

impl Service {
    /// The schema as a registration means it: references pinned, parsed, normalised where asked.
    pub(super) fn parse_asked(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        new: &NewSchema,
        settings: &Settings,
        normalize: bool,
    ) -> Result<Asked, ServiceError> {
        let mut references = new.references.clone();
        references::pin_references(view, &subject.context, &mut references)?;
        if normalize {
            references.sort();
            references.dedup();
        }
        let parsed = self.parse_new(view, subject, new, &references, settings)?;
        let parsed = self.normalized_if(view, subject, parsed, &references, settings, normalize)?;
        let guid = guid_of(parsed.canonical(), &references, new.metadata.as_ref(), new.rule_set.as_ref());
        Ok(Asked { parsed, references, guid })
    }

    pub(super) fn parse_new(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        new: &NewSchema,
        references: &[Reference],
        settings: &Settings,
    ) -> Result<ParsedSchema, ServiceError> {
        if new.text.is_empty() {
            return Err(empty_schema());
        }
        let closure = references::reference_closure(view, &subject.context, references, Liveness::Live)?;
        let strictness = settings.strictness(new.format);
        ParsedSchema::parse(new.format, &new.text, &closure, strictness)
            .map_err(|error| ServiceError::schema(&new.text, &error))
    }

    fn normalized_if(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        parsed: ParsedSchema,
        references: &[Reference],
        settings: &Settings,
        normalize: bool,
    ) -> Result<ParsedSchema, ServiceError> {
        if !normalize {
            return Ok(parsed);
        }
        let invalid = |error| ServiceError::schema(parsed.canonical(), &error);
        let text = parsed.normalized().map_err(invalid)?;
        if text == parsed.canonical() {
            return Ok(parsed);
        }
        let closure = references::reference_closure(view, &subject.context, references, Liveness::Live)?;
        let strictness = settings.strictness(parsed.format());
        ParsedSchema::parse(parsed.format(), &text, &closure, strictness).map_err(invalid)
    }

    /// A stored schema, parsed once and kept.
    pub(super) fn parse_stored(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        row: &VersionRow,
    ) -> Result<Arc<ParsedSchema>, ServiceError> {
        if let Some(parsed) = self.inner.parsed.get(row.guid, row.format) {
            return Ok(parsed);
        }
        let content = query::content_row(view, row.guid, row.format)?
            .ok_or_else(|| registry::ViewError(format!("{subject} holds a content that is not there")))?;
        let closure = references::reference_closure(view, &subject.context, &content.references, Liveness::Any)?;
        let parsed = ParsedSchema::parse(row.format, &content.text, &closure, Strictness::Stored)
            .map_err(|error| ServiceError::internal("parse a stored schema", &error))?;
        let parsed = Arc::new(parsed);
        self.inner.parsed.put(row.guid, row.format, parsed.clone());
        Ok(parsed)
    }

    /// A schema with its text in another rendering.
    ///
    /// # Errors
    /// 42201 if the schema cannot be rendered so.
    pub async fn render_schema(
        &self,
        caller: &Caller,
        found: FoundSchema,
        rendering: Rendering,
    ) -> Result<FoundSchema, ServiceError> {
        let service = self.clone();
        self.in_pool(caller.deadline, move || {
            let context =
                found.subject.as_ref().map_or_else(Context::default_context, |subject| subject.context.clone());
            let closure =
                service.inner.consensus.state().read(|view| {
                    references::reference_closure(view, &context, &found.content.references, Liveness::Any)
                })?;
            let parsed = ParsedSchema::parse(found.format, &found.content.text, &closure, Strictness::Stored)
                .map_err(|error| ServiceError::schema(&found.content.text, &error))?;
            let text = parsed.render(rendering).map_err(|error| ServiceError::schema(parsed.canonical(), &error))?;
            let content = ContentRow { text, ..(*found.content).clone() };
            Ok(FoundSchema { content: Arc::new(content), ..found })
        })
        .await
    }
}

pub(super) fn empty_schema() -> ServiceError {
    ServiceError::new(code::INVALID_SCHEMA, "Empty schema")
}
