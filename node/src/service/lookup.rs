//! Finds the version that holds a schema: by its content address, or by what it means.

use std::cell::OnceCell;

use crate::consensus::Snapshot;
use proto::error_code as code;
use registry::query::{self, Include};
use registry::{ContentRow, LifeRefusal, Refusal, Subject, Version, VersionRow, VersionState, contract};
use schema::{Format, Guid};

use super::parse::Asked;
use super::provenance::{Provenance, Tracked};
use super::read::{find_version, in_any_context, resolve_alias};
use super::settings::settings_in_force;
use super::words::{FoundSchema, NewSchema, RegisterOptions, VersionSpec};
use super::{Caller, Consistency, Service, ServiceError};

/// The versions of a subject, read at most once for a request: a long history costs more to read than to compare.
pub(super) struct History<'a> {
    pub(super) view: &'a Snapshot<'a>,
    pub(super) subject: &'a Subject,
    versions: OnceCell<Vec<(Version, VersionRow)>>,
}

impl<'a> History<'a> {
    pub(super) fn new(view: &'a Snapshot<'a>, subject: &'a Subject) -> Self {
        Self { view, subject, versions: OnceCell::new() }
    }

    /// All versions in ascending order, soft-deleted ones included.
    pub(super) fn versions(&self) -> Result<&[(Version, VersionRow)], ServiceError> {
        if let Some(versions) = self.versions.get() {
            return Ok(versions);
        }
        // A subject that is new is seen by one look, not by a walk.
        let exists = query::subject_row(self.view, self.subject)?.is_some_and(|row| row.live + row.soft_deleted > 0);
        let versions = if exists { query::versions(self.view, self.subject)? } else { Vec::new() };
        Ok(self.versions.get_or_init(|| versions))
    }

    /// The latest version, if the subject has one.
    pub(super) fn latest_version(&self) -> Result<Option<(Version, VersionRow)>, ServiceError> {
        let has_any = !self.versions()?.is_empty();
        Ok(if has_any { query::latest(self.view, self.subject)? } else { None })
    }

    /// The versions that a new one has to be compatible with, the latest last.
    pub(super) fn in_use(&self) -> Result<Vec<(Version, VersionRow)>, ServiceError> {
        Ok(query::in_use_among(self.versions()?))
    }
}

impl Service {
    /// Finds the version of a subject that holds this schema.
    ///
    /// # Errors
    /// 40401 without the subject, 40403 without the schema, 42201 for a schema that is none.
    pub async fn lookup_schema(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<(FoundSchema, Option<Provenance>), ServiceError> {
        self.authorize_references(caller, &subject.context, &new.references)?;
        self.freshen_for(caller).await?;
        let options = RegisterOptions { normalize, ..RegisterOptions::default() };
        // A known text is that of a live version.
        let known = if include == Include::DeletedOnly { None } else { self.known_text(subject, new, options)? };
        if let Some(Tracked { found, provenance }) = known {
            return Ok((found, provenance.if_repeatable(&new.references)));
        }
        let found = match self.lookup_in_pool(caller, subject, new, normalize, include).await {
            Err(error)
                if caller.consistency == Consistency::Default
                    && (error.is_negative() || error.code == code::INVALID_SCHEMA) =>
            {
                self.linearize(caller.deadline).await?;
                self.lookup_in_pool(caller, subject, new, normalize, include).await
            }
            found => found,
        };
        found.map(|found| (found, None))
    }

    async fn lookup_in_pool(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        let (service, caller) = (self.clone(), caller.clone());
        let (subject, new) = (subject.clone(), new.clone());
        self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            // An unqualified subject that has no such schema is then looked for in every context.
            state.read(|view| {
                in_any_context(view, &subject, |found| {
                    service.refuse_unreadable(&caller, &subject, found)?;
                    service.lookup_on(view, found, &new, normalize, include)
                })
            })
        })
        .await
    }

    fn lookup_on(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        let subject = &resolve_alias(view, subject)?;
        let row = query::subject_row(view, subject)?;
        let exists = row.is_some_and(|row| row.live > 0 || (include != Include::Live && row.soft_deleted > 0));
        if !exists {
            return Err(ServiceError::subject_not_found(subject));
        }
        let not_found = || ServiceError::new(code::SCHEMA_NOT_FOUND, "Schema not found");
        // No subject holds the empty text; it is not looked at as a schema that could be wrong.
        if new.text.trim().is_empty() {
            return Err(not_found());
        }
        let settings = settings_in_force(view, subject)?;
        let normalize = normalize || settings.normalize;
        let asked = self.parse_asked(view, subject, new, &settings, normalize)?;
        self.find_version_of(&History::new(view, subject), new, &asked, include)?.ok_or_else(not_found)
    }

    /// A version of the subject that holds this schema.
    pub(super) fn find_version_of(
        &self,
        history: &History<'_>,
        new: &NewSchema,
        asked: &Asked,
        include: Include,
    ) -> Result<Option<FoundSchema>, ServiceError> {
        match find_content(history.view, history.subject, asked.guid, new.format, include)? {
            None => self.find_alike(history, new, asked, include),
            found => Ok(found),
        }
    }

    /// A version that holds the same schema in another dress (Confluent's `canLookup`): the same after parsing, with equal
    /// references, or with its references written out in the new text, and with metadata and rules that are the same.
    fn find_alike(
        &self,
        history: &History<'_>,
        new: &NewSchema,
        asked: &Asked,
        include: Include,
    ) -> Result<Option<FoundSchema>, ServiceError> {
        let History { view, subject, .. } = *history;
        for (version, row) in history.versions()?.iter().rev().filter(|(_, row)| include.admits(row.deleted)) {
            if row.format != new.format {
                continue;
            }
            // Where the parsed schema is at hand, most versions are told apart without reading their contents.
            if self.inner.parsed.get(row.guid, row.format).is_some_and(|stored| !asked.parsed.same_content(&stored)) {
                continue;
            }
            let Some(content) = query::content_row(view, row.guid, row.format)? else { continue };
            let content = self.inner.sealer.open_content(content);
            let same_contract = content.rule_set == new.rule_set
                && contract::is_same_metadata(new.metadata.as_ref(), content.metadata.as_ref(), *version);
            if same_contract && self.is_same_text(view, subject, asked, row, &content)? {
                return find_version(view, subject, VersionSpec::Number(*version), include).map(Some);
            }
        }
        Ok(None)
    }

    fn is_same_text(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        asked: &Asked,
        row: &VersionRow,
        content: &ContentRow,
    ) -> Result<bool, ServiceError> {
        let written_out = asked.references.is_empty() && !content.references.is_empty();
        if content.references != asked.references && !written_out {
            return Ok(false);
        }
        // The other formats compare canonical texts.
        if row.format != Format::Avro {
            return Ok(!written_out && content.text == asked.parsed.canonical());
        }
        // A type that is written out equals the same type from a reference. What a soft-deleted version refers to may be gone
        // for good.
        Ok(self.parse_stored(view, subject, row).is_ok_and(|stored| asked.parsed.same_content(&stored)))
    }
}

/// The highest version of a subject that holds this content.
pub(super) fn find_content(
    view: &Snapshot<'_>,
    subject: &Subject,
    guid: Guid,
    format: Format,
    include: Include,
) -> Result<Option<FoundSchema>, ServiceError> {
    let Some(id) = query::id_of(view, &subject.context, guid, format)? else { return Ok(None) };
    for version in query::usages_in(view, id, subject)?.into_iter().rev() {
        match find_version(view, subject, VersionSpec::Number(version), include) {
            Err(error) if error.is_negative() => {}
            found => return found.map(Some),
        }
    }
    Ok(None)
}

/// Content in quarantine is not registered again.
pub(super) fn refuse_quarantined(found: &FoundSchema) -> Result<(), ServiceError> {
    match (found.state, found.version) {
        (VersionState::Quarantined, Some(version)) => {
            Err(ServiceError::refused(&Refusal::Life(LifeRefusal::Quarantined { version })))
        }
        _ => Ok(()),
    }
}
