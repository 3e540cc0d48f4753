//! Prepares registrations: from a text to a command with its basis, or to the answer that the schema is known already.
//!
//! Runs on the node that received the request, against one local snapshot that may lag. It parses, resolves references and
//! checks compatibility, and names everything that it looked at. It decides nothing final: apply refuses the command if
//! any of that has changed since.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::error_code as code;
use raft_store::state::StateView;
use registry::query::{self, Include};
use registry::{
    Assign, Basis, BasisKey, Command, Config, Content, ContentRow, Mode, Outcome, Register, SchemaId, Scope, Subject,
    Version, VersionRow, VersionState, View,
};
use schema::compat::{self, Level, Policy, Previous};
use schema::{Format, Metadata, ParsedSchema, Reference, RuleSet, Strictness, guid_of};

use super::lives;
use super::read::{FoundSchema, VersionSpec, aliased, find_version};
use super::references::{self, Liveness};
use super::terms;
use super::{Caller, Consistency, Service, ServiceError};

/// Preparations of one registration at most; after that the subject is too busy.
const ATTEMPTS_MAX: usize = 4;

/// A schema as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct NewSchema {
    pub format: Format,
    pub text: String,
    pub references: Vec<Reference>,
    pub metadata: Option<Metadata>,
    pub rule_set: Option<RuleSet>,
}

/// How a schema is to be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct RegisterOptions {
    pub normalize: bool,
    pub force: bool,
    pub version: Option<Version>,
    pub id: Option<SchemaId>,
}

/// A registered version: known since before, or new.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Registered {
    pub found: FoundSchema,
    pub is_new: bool,
}

/// The verdict of a compatibility check.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Checked {
    pub compatible: bool,
    pub messages: Vec<String>,
}

/// The settings that a preparation depends on.
pub(super) struct Settings {
    pub(super) level: Level,
    policy: Policy,
    group: Option<String>,
    normalize: bool,
    validate_fields: bool,
    mode: Mode,
}

enum Prepared {
    Known(FoundSchema),
    Draft(Box<Register>, Basis),
}

impl Service {
    /// Registers a schema under a subject. A known schema is answered from the local replica without a log entry.
    ///
    /// # Errors
    /// 40901, 42201, 42205 and the like; 500xx if the outcome is not known.
    pub async fn register(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Registered, ServiceError> {
        self.freshen(caller).await?;
        if let Some(found) = self.known_text(subject, new, options)? {
            return Ok(Registered { found, is_new: false });
        }
        for attempt in 0..ATTEMPTS_MAX {
            let prepared = self.prepare_in_pool(subject, new, options).await;
            let prepared = match prepared {
                Err(error) if attempt == 0 && may_be_stale(&error, new) => {
                    self.linearize(caller.deadline).await?;
                    continue;
                }
                prepared => prepared?,
            };
            let (register, basis) = match prepared {
                Prepared::Known(found) => return Ok(Registered { found, is_new: false }),
                Prepared::Draft(register, basis) => (register, basis),
            };
            let (subject, content) = (register.subject.clone(), register.content.clone());
            let written = self.write_on(caller, Command::Register(*register), basis).await?;
            match written.outcome {
                Outcome::Registered { id, version, guid, .. } => {
                    self.inner.metrics.registered(content.format);
                    let Content { format, text, references, metadata, rule_set, .. } = content;
                    let row = ContentRow { text, references, metadata, rule_set, context_count: 0, terms: Vec::new() };
                    let created_ms = self.created_ms(&subject, version)?;
                    let found = FoundSchema {
                        subject: Some(subject),
                        version: Some(version),
                        id,
                        guid,
                        format,
                        content: Arc::new(row),
                        created_ms,
                        deleted: false,
                        state: VersionState::Active,
                    };
                    return Ok(Registered { found, is_new: true });
                }
                // This node has applied the refusal, so the next preparation sees what it missed.
                Outcome::Stale { .. } => self.inner.metrics.stale(),
                Outcome::Rejected(rejection) => return Err(ServiceError::rejected(&rejection)),
                outcome => return Err(ServiceError::unexpected(&outcome)),
            }
        }
        Err(ServiceError::new(
            code::UNAVAILABLE,
            format!("Subject '{subject}' is changed too often just now; try again"),
        ))
    }

    /// Finds the version of a subject that holds this schema.
    ///
    /// # Errors
    /// 40401 without the subject, 40403 without the schema, 42201 for a schema that is none.
    pub async fn lookup(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        self.freshen(caller).await?;
        let options = RegisterOptions { normalize, ..RegisterOptions::default() };
        if let Some(found) = self.known_text(subject, new, options)? {
            return Ok(found);
        }
        match self.lookup_in_pool(subject, new, normalize, include).await {
            Err(error)
                if caller.consistency == Consistency::Default
                    && (error.is_negative() || error.code == code::INVALID_SCHEMA) =>
            {
                self.linearize(caller.deadline).await?;
                self.lookup_in_pool(subject, new, normalize, include).await
            }
            found => found,
        }
    }

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
        self.linearize(caller.deadline).await?;
        let (service, subject, new) = (self.clone(), subject.clone(), new.clone());
        let checked = self.in_pool(move || {
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
        view: &StateView<'_>,
        subject: &Subject,
        version: Option<VersionSpec>,
        new: &NewSchema,
        normalize: bool,
    ) -> Result<Checked, ServiceError> {
        let subject = &aliased(view, subject)?;
        let settings = settings(view, subject)?;
        let mut references = new.references.clone();
        references::pin(view, &subject.context, &mut references)?;
        let parsed = self.parse_new(view, subject, new, &references, &settings)?;
        let parsed =
            self.normalized_if(view, subject, parsed, &references, &settings, normalize || settings.normalize)?;
        let live = query::in_use(view, subject)?;
        let previous = match version {
            None => live,
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
                let all = query::versions(view, subject)?.into_iter();
                all.filter(|(version, _)| Some(*version) == found.version).collect()
            }
        };
        self.compare(view, subject, &settings, &parsed, new.metadata.as_ref(), &previous)
    }

    /// A text that was seen before needs no parsing: its content address is known.
    fn known_text(
        &self,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Option<FoundSchema>, ServiceError> {
        if options.version.is_some() || options.id.is_some() || new.references.iter().any(|r| r.version < 1) {
            return Ok(None);
        }
        let state = self.inner.consensus.state();
        state.read(|view| {
            let subject = &aliased(view, subject)?;
            let normalize = options.normalize || normalize_in_scope(view, subject)?;
            let Some(guid) = self.inner.known.get(&hash_of(subject, new, normalize)) else { return Ok(None) };
            let found = find_content(view, subject, guid, new.format, Include::Live)?;
            found.iter().try_for_each(lives::refuse_quarantined)?;
            Ok(found)
        })
    }

    async fn prepare_in_pool(
        &self,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Prepared, ServiceError> {
        let (service, subject, new) = (self.clone(), subject.clone(), new.clone());
        self.in_pool(move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| service.prepare(view, &subject, &new, options))
        })
        .await
    }

    async fn lookup_in_pool(
        &self,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        let (service, subject, new) = (self.clone(), subject.clone(), new.clone());
        self.in_pool(move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| service.lookup_on(view, &subject, &new, normalize, include))
        })
        .await
    }

    /// Runs work on a schema away from the runtime's threads, as many at once as there are cores.
    pub(super) async fn in_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let stopped = |error: &dyn std::fmt::Display| ServiceError::internal("work on a schema did not finish", error);
        let _permit = self.inner.parsers.acquire().await.map_err(|error| stopped(&error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| stopped(&error))?
    }

    fn lookup_on(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        let subject = &aliased(view, subject)?;
        let row = query::subject_row(view, subject)?;
        let exists = row.is_some_and(|row| row.live > 0 || (include != Include::Live && row.soft_deleted > 0));
        if !exists {
            return Err(ServiceError::subject_not_found(subject));
        }
        let settings = settings(view, subject)?;
        let mut references = new.references.clone();
        references::pin(view, &subject.context, &mut references)?;
        let parsed = self.parse_new(view, subject, new, &references, &settings)?;
        let normalize = normalize || settings.normalize;
        let parsed = self.normalized_if(view, subject, parsed, &references, &settings, normalize)?;
        let guid = guid_of(parsed.canonical(), &references, new.metadata.as_ref(), new.rule_set.as_ref());
        if let Some(found) = find_content(view, subject, guid, new.format, include)? {
            return Ok(found);
        }
        self.find_alike(view, subject, &parsed, new, &references, include)?
            .ok_or_else(|| ServiceError::new(code::SCHEMA_NOT_FOUND, "Schema not found"))
    }

    fn prepare(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Prepared, ServiceError> {
        let named = subject;
        let subject = &aliased(view, named)?;
        let settings = settings(view, subject)?;
        check_mode(subject, &settings, options)?;
        let mut references = new.references.clone();
        references::pin(view, &subject.context, &mut references)?;
        let parsed = self.parse_new(view, subject, new, &references, &settings)?;
        let importing = settings.mode == Mode::Import || settings.mode == Mode::Forward;
        let normalize = !importing && (options.normalize || settings.normalize);
        let parsed = self.normalized_if(view, subject, parsed, &references, &settings, normalize)?;
        let guid = guid_of(parsed.canonical(), &references, new.metadata.as_ref(), new.rule_set.as_ref());
        if new.references.iter().all(|reference| reference.version >= 1) {
            self.inner.known.put(hash_of(subject, new, normalize), guid);
        }
        if !importing {
            let known = match find_content(view, subject, guid, new.format, Include::Live)? {
                None => self.find_alike(view, subject, &parsed, new, &references, Include::Live)?,
                found => found,
            };
            if let Some(found) = known.filter(|found| options.version.is_none_or(|asked| found.version == Some(asked)))
            {
                lives::refuse_quarantined(&found)?;
                return Ok(Prepared::Known(found));
            }
            if settings.level == Level::Disabled {
                let message = format!("The versions of subject '{subject}' are frozen (compatibility DISABLED)");
                return Err(ServiceError::new(code::NOT_PERMITTED, message));
            }
            if !options.force {
                let live = query::in_use(view, subject)?;
                let checked = self.compare(view, subject, &settings, &parsed, new.metadata.as_ref(), &live)?;
                if !checked.compatible {
                    return Err(incompatible(subject, &checked.messages));
                }
            }
        }
        let mut basis = basis_of(view, subject, new, &references);
        basis.keys.insert(BasisKey::Config(Scope::Subject(named.clone())));
        let text = parsed.canonical().to_owned();
        let sent = (new.text != text).then(|| new.text.clone());
        let assign = match options.id {
            Some(id) => Assign::Import { id, version: options.version },
            None => Assign::Next { expected: options.version },
        };
        let content = Content {
            guid,
            format: new.format,
            text,
            references,
            metadata: new.metadata.clone(),
            rule_set: new.rule_set.clone(),
            terms: terms::of(&parsed, new.metadata.as_ref(), &new.references),
        };
        let semver = self.semver_after(view, subject, &parsed, settings.level)?;
        let register = Register { subject: subject.clone(), content, sent, assign, semver };
        Ok(Prepared::Draft(Box::new(register), basis))
    }

    pub(super) fn parse_new(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        new: &NewSchema,
        references: &[Reference],
        settings: &Settings,
    ) -> Result<ParsedSchema, ServiceError> {
        if new.text.is_empty() {
            return Err(ServiceError::new(code::INVALID_SCHEMA, "Empty schema"));
        }
        let closure = references::closure(view, &subject.context, references, Liveness::Live)?;
        let strictness = Strictness::New { validate_fields: settings.validate_fields };
        ParsedSchema::parse(new.format, &new.text, &closure, strictness)
            .map_err(|error| ServiceError::schema(&new.text, &error))
    }

    pub(super) fn normalized_if(
        &self,
        view: &StateView<'_>,
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
        let closure = references::closure(view, &subject.context, references, Liveness::Live)?;
        let strictness = Strictness::New { validate_fields: settings.validate_fields };
        ParsedSchema::parse(parsed.format(), &text, &closure, strictness).map_err(invalid)
    }

    /// A stored schema, parsed once and kept.
    pub(super) fn parse_stored(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        row: &VersionRow,
    ) -> Result<Arc<ParsedSchema>, ServiceError> {
        if let Some(parsed) = self.inner.parsed.get(row.guid, row.format) {
            return Ok(parsed);
        }
        let content = query::content_row(view, row.guid, row.format)?
            .ok_or_else(|| registry::ViewError(format!("{subject} holds a content that is not there")))?;
        let closure = references::closure(view, &subject.context, &content.references, Liveness::Any)?;
        let parsed = ParsedSchema::parse(row.format, &content.text, &closure, Strictness::Stored)
            .map_err(|error| ServiceError::internal("parse a stored schema", &error))?;
        let parsed = Arc::new(parsed);
        self.inner.parsed.put(row.guid, row.format, parsed.clone());
        Ok(parsed)
    }

    /// A version that holds the same schema in another dress: the same after parsing, with equal metadata and rules.
    fn find_alike(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        parsed: &ParsedSchema,
        new: &NewSchema,
        references: &[Reference],
        include: Include,
    ) -> Result<Option<FoundSchema>, ServiceError> {
        if new.format != Format::Avro {
            // The other formats compare canonical texts, which the content address has done already.
            return Ok(None);
        }
        let versions = query::versions(view, subject)?;
        for (version, row) in versions.iter().rev().filter(|(_, row)| include.admits(row.deleted)) {
            let Some(content) = query::content_row(view, row.guid, row.format)? else { continue };
            let alike = row.format == new.format
                && content.references == references
                && content.metadata == new.metadata
                && content.rule_set == new.rule_set;
            if alike && parsed.same_content(&*self.parse_stored(view, subject, row)?) {
                return find_version(view, subject, VersionSpec::Number(*version), include).map(Some);
            }
        }
        Ok(None)
    }

    pub(super) fn compare(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        settings: &Settings,
        new: &ParsedSchema,
        metadata: Option<&Metadata>,
        previous: &[(Version, VersionRow)],
    ) -> Result<Checked, ServiceError> {
        if matches!(settings.level, Level::None | Level::Disabled) || previous.is_empty() {
            return Ok(Checked { compatible: true, messages: Vec::new() });
        }
        let mut old = Vec::new();
        for (version, row) in previous {
            if let Some(group) = &settings.group {
                let content = query::content_row(view, row.guid, row.format)?;
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
        self.inner.metrics.compared(new.format(), verdict.compatible);
        let mut messages = verdict.messages;
        if !messages.is_empty() {
            let Settings { validate_fields, level, .. } = settings;
            messages.push(format!("{{validateFields: '{validate_fields}', compatibility: '{}'}}", level.name()));
        }
        Ok(Checked { compatible: verdict.compatible, messages })
    }

    fn created_ms(&self, subject: &Subject, version: Version) -> Result<u64, ServiceError> {
        let row = self.inner.consensus.state().read(|view| query::version_row(view, subject, version))?;
        Ok(row.map_or(0, |row| row.created_ms))
    }
}

/// Can a newer state change the refusal? A lagging replica may miss a reference, or hold a level or a mode that was changed;
/// a text that is no schema stays none.
fn may_be_stale(error: &ServiceError, new: &NewSchema) -> bool {
    error.code != code::INVALID_SCHEMA || !new.references.is_empty()
}

fn check_mode(subject: &Subject, settings: &Settings, options: RegisterOptions) -> Result<(), ServiceError> {
    use registry::Rejection;
    let subject = subject.clone();
    let refused = match (settings.mode, options.id) {
        (Mode::ReadOnly | Mode::ReadOnlyOverride, _) => Rejection::ReadOnly { subject },
        (Mode::ReadWrite, Some(_)) => Rejection::NotImport { subject },
        (Mode::Import | Mode::Forward, None) => Rejection::NotReadWrite { subject },
        (Mode::ReadWrite, None) | (Mode::Import | Mode::Forward, Some(_)) => return Ok(()),
    };
    Err(ServiceError::rejected(&refused))
}

fn incompatible(subject: &Subject, messages: &[String]) -> ServiceError {
    let details = messages.join(", ");
    ServiceError::new(
        code::INCOMPATIBLE,
        format!(
            "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: [{details}]"
        ),
    )
}

pub(super) fn settings(view: &StateView<'_>, subject: &Subject) -> Result<Settings, ServiceError> {
    let scope = Scope::Subject(subject.clone());
    Ok(Settings {
        level: query::config_field(view, &scope, |config| config.compatibility_level)?.unwrap_or(Level::Backward),
        policy: query::config_field(view, &scope, |config| config.compatibility_policy)?.unwrap_or_default(),
        group: query::config_field(view, &scope, |config| config.compatibility_group.clone())?,
        normalize: normalize_in_scope(view, subject)?,
        validate_fields: query::config_field(view, &scope, |config| config.validate_fields)?.unwrap_or(false),
        mode: query::mode_in_scope(view, &scope)?,
    })
}

fn normalize_in_scope(view: &impl View, subject: &Subject) -> Result<bool, ServiceError> {
    let scope = Scope::Subject(subject.clone());
    Ok(query::config_field(view, &scope, |config: &Config| config.normalize)?.unwrap_or(false))
}

/// Everything that the verdict depended on, absent things too.
pub(super) fn basis_of(view: &StateView<'_>, subject: &Subject, new: &NewSchema, references: &[Reference]) -> Basis {
    let mut keys = BTreeSet::from([BasisKey::Subject(subject.clone())]);
    for scope in Scope::Subject(subject.clone()).chain() {
        keys.insert(BasisKey::Config(scope.clone()));
        keys.insert(BasisKey::Mode(scope));
    }
    for (target, version) in query::reference_targets(&subject.context, references) {
        keys.insert(BasisKey::Version(target, version));
    }
    for reference in new.references.iter().filter(|reference| reference.version == -1) {
        if let Ok(target) = Subject::parse_in(&subject.context, &reference.subject) {
            keys.insert(BasisKey::Subject(target));
        }
    }
    Basis { read_index: view.applied(), keys }
}

/// The highest version of a subject that holds this content.
fn find_content(
    view: &StateView<'_>,
    subject: &Subject,
    guid: schema::Guid,
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

/// Hash of everything in a request that decides its content.
fn hash_of(subject: &Subject, new: &NewSchema, normalize: bool) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(&[u8::from(normalize), u8::from(new.metadata.is_some()), u8::from(new.rule_set.is_some())]);
    part(new.format.name().as_bytes());
    part(new.text.as_bytes());
    if !new.references.is_empty() {
        part(subject.context.as_str().as_bytes());
    }
    for reference in &new.references {
        part(reference.name.as_bytes());
        part(reference.subject.as_bytes());
        part(&reference.version.to_le_bytes());
    }
    // The recipe of the guid covers metadata and rules; over an empty text it is a hash of just these.
    part(&guid_of("", &[], new.metadata.as_ref(), new.rule_set.as_ref()).0);
    *hash.finalize().as_bytes()
}

impl Service {
    /// A schema with its text in another rendering.
    ///
    /// # Errors
    /// 42201 if the schema cannot be rendered so.
    pub async fn render(&self, found: FoundSchema, rendering: schema::Rendering) -> Result<FoundSchema, ServiceError> {
        let service = self.clone();
        self.in_pool(move || {
            let context = found
                .subject
                .as_ref()
                .map_or_else(registry::Context::default_context, |subject| subject.context.clone());
            let closure = service
                .inner
                .consensus
                .state()
                .read(|view| references::closure(view, &context, &found.content.references, Liveness::Any))?;
            let parsed = ParsedSchema::parse(found.format, &found.content.text, &closure, Strictness::Stored)
                .map_err(|error| ServiceError::schema(&found.content.text, &error))?;
            let text = parsed.render(rendering).map_err(|error| ServiceError::schema(parsed.canonical(), &error))?;
            let content = ContentRow { text, ..(*found.content).clone() };
            Ok(FoundSchema { content: Arc::new(content), ..found })
        })
        .await
    }
}
