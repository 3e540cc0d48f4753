//! Compatibility of a schema with what a subject holds.

use crate::consensus::Snapshot;
use proto::error_code as code;
use raft_store::bugs::planted;
use registry::query::{self, Include};
use registry::{Subject, Version, VersionRow, contract};
use schema::compat::{self, Level, Previous};
use schema::{Metadata, ParsedSchema};

use super::lookup::History;
use super::read::{find_version, resolve_alias};
use super::settings::{Settings, settings_in_force};
use super::words::{Checked, NewSchema, VersionSpec};
use super::{Caller, Service, ServiceError};

impl Service {
    /// Checks a schema against one version of a subject, or against its history.
    ///
    /// # Errors
    /// 40402 for a version that is not there, 42201 for a schema that is none (with `verbose` that is a verdict instead).
    pub async fn check_compatibility(
        &self,
        caller: &Caller,
        subject: &Subject,
        version: Option<VersionSpec>,
        new: &NewSchema,
        normalize: bool,
        verbose: bool,
    ) -> Result<Checked, ServiceError> {
        self.authorize_references(caller, &subject.context, &new.references)?;
        self.linearize(caller.deadline).await?;
        let (service, subject, new) = (self.clone(), subject.clone(), new.clone());
        let checked = self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| service.check_on(view, &subject, version, &new, normalize))
        });
        match checked.await {
            Err(error) if verbose && error.code == code::INVALID_SCHEMA => {
                Ok(Checked { compatible: false, messages: vec![error.message] })
            }
            checked => checked,
        }
    }

    fn check_on(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        version: Option<VersionSpec>,
        new: &NewSchema,
        normalize: bool,
    ) -> Result<Checked, ServiceError> {
        let subject = &resolve_alias(view, subject)?;
        let settings = settings_in_force(view, subject)?;
        let asked = self.parse_asked(view, subject, new, &settings, normalize || settings.normalize)?;
        let history = History::new(view, subject);
        let previous = match version {
            None => history.in_use()?,
            Some(VersionSpec::Latest) => query::latest(view, subject)?.into_iter().collect(),
            Some(spec @ VersionSpec::Number(_)) => {
                let found = find_version(view, subject, spec, Include::Live).map_err(|error| match error.code {
                    // Confluent answers 40402 here even where the subject itself is unknown.
                    code::SUBJECT_NOT_FOUND => match spec {
                        VersionSpec::Number(version) => ServiceError::version_not_found(version),
                        VersionSpec::Latest => error,
                    },
                    _ => error,
                })?;
                let named = |(version, _): &&(Version, VersionRow)| Some(*version) == found.version;
                history.versions()?.iter().filter(named).cloned().collect()
            }
        };
        self.compare_with_history(view, subject, &settings, &asked.parsed, new.metadata.as_ref(), &previous)
    }

    pub(super) fn compare_with_history(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        settings: &Settings,
        new: &ParsedSchema,
        metadata: Option<&Metadata>,
        previous: &[(Version, VersionRow)],
    ) -> Result<Checked, ServiceError> {
        let mut messages = self.reserved_clashes(view, settings, new, metadata, previous.last())?;
        if matches!(settings.level, Level::None | Level::Disabled) || previous.is_empty() || planted("level-ignored") {
            return Ok(settings.checked_with(messages.is_empty(), messages));
        }
        let mut old = Vec::new();
        for (version, row) in previous {
            if let Some(group) = &settings.group {
                let content = query::content_row(view, row.guid, row.format)?;
                let content = content.map(|content| self.inner.sealer.open_content(content));
                let of = |metadata: Option<&Metadata>| metadata.and_then(|m| m.properties.get(group).cloned());
                if of(content.as_ref().and_then(|content| content.metadata.as_ref())) != of(metadata) {
                    continue;
                }
            }
            old.push((*version, row));
        }
        // Other levels look at the newest version only: the rest need not be parsed.
        let needed = if settings.level.is_transitive() { 0 } else { old.len().saturating_sub(1) };
        let mut parsed = Vec::new();
        for (version, row) in &old[needed..] {
            parsed.push((*version, self.parse_stored(view, subject, row)?));
        }
        let previous: Vec<_> = parsed
            .iter()
            .map(|(version, schema)| Previous { version: Some(version.as_i32()), schema: schema.as_ref() })
            .collect();
        let verdict = compat::check(settings.level, settings.policy, new, &previous)
            .map_err(|error| ServiceError::schema(new.canonical(), &error))?;
        self.inner.metrics.count_comparison(new.format(), verdict.compatible);
        let compatible = verdict.compatible && messages.is_empty();
        messages.extend(verdict.messages);
        Ok(settings.checked_with(compatible, messages))
    }

    /// Reserved names may not be used by fields and may not be given up (`validateFields`).
    fn reserved_clashes(
        &self,
        view: &Snapshot<'_>,
        settings: &Settings,
        new: &ParsedSchema,
        metadata: Option<&Metadata>,
        latest: Option<&(Version, VersionRow)>,
    ) -> Result<Vec<String>, ServiceError> {
        if !settings.validate_fields {
            return Ok(Vec::new());
        }
        let reserved = contract::reserved_fields(metadata);
        let mut messages = Vec::new();
        if let Some((_, row)) = latest
            && let Some(content) = query::content_row(view, row.guid, row.format)?
        {
            let content = self.inner.sealer.open_content(content);
            for name in contract::reserved_fields(content.metadata.as_ref()).difference(&reserved) {
                messages.push(format!(
                    "The new schema has reserved field {name} removed from its metadata which is present in the old \
                     schema's metadata."
                ));
            }
        }
        let fields = new.top_level_fields();
        for name in reserved.iter().filter(|name| fields.contains(name)) {
            messages.push(format!("The new schema has field that conflicts with the reserved field {name}."));
        }
        Ok(messages)
    }
}

pub(super) fn incompatible_error(subject: &Subject, messages: &[String]) -> ServiceError {
    let details = messages.join(", ");
    ServiceError::new(
        code::INCOMPATIBLE,
        format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{details}]"
        ),
    )
}
