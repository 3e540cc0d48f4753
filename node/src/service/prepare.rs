//! Prepares registrations: from a text to a command with its basis, or to the answer that the schema is known already.
//!
//! Runs on the node that received the request, against one local snapshot that may lag. It parses, resolves references and
//! checks compatibility, and names everything that it looked at. It decides nothing final: apply refuses the command if
//! any of that has changed since.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::error_code as code;
use raft_store::bugs::planted;
use raft_store::state::StateView;
use registry::query::{self, Include};
use registry::{
    Assign, Basis, BasisKey, Command, Content, ContentRow, Mode, Outcome, Register, SchemaId, Scope, Subject, Version,
    VersionRow, VersionState, contract,
};
use schema::compat::{self, Level, Previous};
use schema::{Format, Metadata, ParsedSchema, Reference, Rendering, RuleSet, Strictness, guid_of};

use super::lives;
use super::read::{FoundSchema, VersionSpec, aliased, find_version, in_any_context};
use super::references::{self, Liveness};
use super::settings::{Settings, settings};
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
    /// The version that it must get (compare-and-set), or that an import names.
    pub version: Option<Version>,
    /// A known version answers only if it is the latest.
    pub latest_only: bool,
    pub id: Option<SchemaId>,
}

impl RegisterOptions {
    /// Did the client say anything about the version? Then the metadata carries the number.
    fn names_version(self) -> bool {
        self.version.is_some() || self.latest_only
    }
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
            let prepared = self.prepare_in_pool(caller, subject, new, options).await;
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
        match self.lookup_in_pool(caller, subject, new, normalize, include).await {
            Err(error)
                if caller.consistency == Consistency::Default
                    && (error.is_negative() || error.code == code::INVALID_SCHEMA) =>
            {
                self.linearize(caller.deadline).await?;
                self.lookup_in_pool(caller, subject, new, normalize, include).await
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
        view: &StateView<'_>,
        subject: &Subject,
        version: Option<VersionSpec>,
        new: &NewSchema,
        normalize: bool,
    ) -> Result<Checked, ServiceError> {
        let subject = &aliased(view, subject)?;
        let settings = settings(view, subject)?;
        let (parsed, _) = self.parse_asked(view, subject, new, &settings, normalize || settings.normalize)?;
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
        if options.names_version()
            || options.id.is_some()
            || new.text.is_empty()
            || new.references.iter().any(|r| r.version < 1)
        {
            return Ok(None);
        }
        let state = self.inner.consensus.state();
        state.read(|view| {
            let subject = &aliased(view, subject)?;
            let settings = settings(view, subject)?;
            if settings.merges() || settings.mode == Mode::Import || settings.mode == Mode::Forward {
                return Ok(None);
            }
            let normalize = options.normalize || settings.normalize;
            let Some(guid) = self.inner.known.get(&hash_of(subject, new, normalize)) else { return Ok(None) };
            let found = find_content(view, subject, guid, new.format, Include::Live)?;
            found.iter().try_for_each(lives::refuse_quarantined)?;
            Ok(found)
        })
    }

    async fn prepare_in_pool(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Prepared, ServiceError> {
        let (service, subject, new) = (self.clone(), subject.clone(), new.clone());
        self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| service.prepare(view, &subject, &new, options))
        })
        .await
    }

    async fn lookup_in_pool(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        let (service, subject, new) = (self.clone(), subject.clone(), new.clone());
        self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| service.lookup_anywhere(view, &subject, &new, normalize, include))
        })
        .await
    }

    /// Looks in the subject that is named; an unqualified one that has no such schema is then looked for in every context.
    fn lookup_anywhere(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        new: &NewSchema,
        normalize: bool,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        in_any_context(view, subject, |subject| self.lookup_on(view, subject, new, normalize, include))
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
        let normalize = normalize || settings.normalize;
        let (parsed, references) = self.parse_asked(view, subject, new, &settings, normalize)?;
        let guid = guid_of(parsed.canonical(), &references, new.metadata.as_ref(), new.rule_set.as_ref());
        if let Some(found) = find_content(view, subject, guid, new.format, include)? {
            return Ok(found);
        }
        self.find_alike(view, subject, &parsed, new, &references, include)?
            .ok_or_else(|| ServiceError::new(code::SCHEMA_NOT_FOUND, "Schema not found"))
    }

    /// A version of the subject that holds the schema as it was asked for, before anything is merged into it.
    fn find_as_asked(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        new: &NewSchema,
        parsed: &ParsedSchema,
        references: &[Reference],
    ) -> Result<Option<FoundSchema>, ServiceError> {
        let guid = guid_of(parsed.canonical(), references, new.metadata.as_ref(), new.rule_set.as_ref());
        match find_content(view, subject, guid, new.format, Include::Live)? {
            None => self.find_alike(view, subject, parsed, new, references, Include::Live),
            found => Ok(found),
        }
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
        let importing = settings.mode == Mode::Import || settings.mode == Mode::Forward;
        let normalize = !importing && (options.normalize || settings.normalize);
        // Whoever asks for what is there gets it, in any mode and without the leader.
        if !settings.merges() && !new.text.is_empty() {
            let (parsed, references) = self.parse_asked(view, subject, new, &settings, normalize)?;
            if new.references.iter().all(|reference| reference.version >= 1) {
                let guid = guid_of(parsed.canonical(), &references, new.metadata.as_ref(), new.rule_set.as_ref());
                self.inner.known.put(hash_of(subject, new, normalize), guid);
            }
            let found = self.find_as_asked(view, subject, new, &parsed, &references)?;
            if let Some(found) = found.filter(|found| answers(view, subject, found, options, importing)) {
                return match options.id {
                    Some(id) if id != found.id => Err(id_does_not_match()),
                    Some(_) | None => lives::refuse_quarantined(&found).map(|()| Prepared::Known(found)),
                };
            }
        }
        check_mode(subject, &settings, options)?;
        let new = &if importing { new.clone() } else { self.merged(view, subject, &settings, new, options)? };
        if let Some(rule_set) = &new.rule_set {
            contract::check_rule_set(rule_set).map_err(|error| ServiceError::rule_set(&error))?;
        }
        let (parsed, references) = self.parse_asked(view, subject, new, &settings, normalize)?;
        let guid = guid_of(parsed.canonical(), &references, new.metadata.as_ref(), new.rule_set.as_ref());
        if !importing {
            let found = self.find_as_asked(view, subject, new, &parsed, &references)?;
            if let Some(found) = found.filter(|found| answers(view, subject, found, options, importing)) {
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
            metadata: new.metadata.as_ref().map(|metadata| self.inner.sealer.seal(metadata)),
            rule_set: new.rule_set.clone(),
            terms: terms::of(&parsed, new.metadata.as_ref(), &new.references),
        };
        let semver = self.semver_after(view, subject, &parsed, settings.level)?;
        let register = Register { subject: subject.clone(), content, sent, assign, semver };
        Ok(Prepared::Draft(Box::new(register), basis))
    }

    /// The schema as a registration means it: references pinned, parsed, normalised where asked.
    pub(super) fn parse_asked(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        new: &NewSchema,
        settings: &Settings,
        normalize: bool,
    ) -> Result<(ParsedSchema, Vec<Reference>), ServiceError> {
        let mut references = new.references.clone();
        references::pin(view, &subject.context, &mut references)?;
        if normalize {
            references.sort();
            references.dedup();
        }
        let parsed = self.parse_new(view, subject, new, &references, settings)?;
        let parsed = self.normalized_if(view, subject, parsed, &references, settings, normalize)?;
        Ok((parsed, references))
    }

    /// What is registered: text, type and references of the latest version where the request has no text; its metadata and
    /// rules where the request has none; the defaults of the configuration below, its overrides above.
    pub(super) fn merged(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        settings: &Settings,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<NewSchema, ServiceError> {
        let mut new = new.clone();
        let previous = match query::latest(view, subject)? {
            Some((_, row)) => query::content_row(view, row.guid, row.format)?.map(|content| (row.format, content)),
            None => None,
        };
        if new.text.is_empty() {
            let Some((format, content)) = &previous else { return Err(empty_schema()) };
            new.format = *format;
            new.text = content.text.clone();
            new.references = content.references.clone();
        }
        let opened = previous.map(|(_, content)| self.inner.sealer.open_content(content));
        let previous = opened.as_ref();
        let metadata = new.metadata.as_ref().or(previous.and_then(|content| content.metadata.as_ref()));
        let metadata = contract::merge_metadata(settings.default_metadata.as_ref(), metadata);
        new.metadata = contract::merge_metadata(metadata.as_ref(), settings.override_metadata.as_ref());
        let rule_set = new.rule_set.as_ref().or(previous.and_then(|content| content.rule_set.as_ref()));
        let rule_set = contract::merge_rule_sets(settings.default_rule_set.as_ref(), rule_set);
        new.rule_set = contract::merge_rule_sets(rule_set.as_ref(), settings.override_rule_set.as_ref());
        if options.names_version() || contract::has_version(new.metadata.as_ref()) {
            let next = query::subject_row(view, subject)?.map_or(Version(1), |row| Version(row.next_version));
            new.metadata = Some(contract::with_version(new.metadata, next));
        }
        Ok(new)
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
            return Err(empty_schema());
        }
        let closure = references::closure(view, &subject.context, references, Liveness::Live)?;
        let strictness = settings.strictness(new.format);
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
        let strictness = settings.strictness(parsed.format());
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

    /// A version that holds the same schema in another dress (Confluent's `canLookup`): the same after parsing, with equal
    /// references, or with its references written out in the new text, and with metadata and rules that are the same.
    fn find_alike(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        parsed: &ParsedSchema,
        new: &NewSchema,
        references: &[Reference],
        include: Include,
    ) -> Result<Option<FoundSchema>, ServiceError> {
        let versions = query::versions(view, subject)?;
        for (version, row) in versions.iter().rev().filter(|(_, row)| include.admits(row.deleted)) {
            if row.format != new.format {
                continue;
            }
            let Some(content) = query::content_row(view, row.guid, row.format)? else { continue };
            let content = self.inner.sealer.open_content(content);
            let same_contract = content.rule_set == new.rule_set
                && contract::is_same_metadata(new.metadata.as_ref(), content.metadata.as_ref(), *version);
            if same_contract && self.is_same_text(view, subject, parsed, references, row, &content)? {
                return find_version(view, subject, VersionSpec::Number(*version), include).map(Some);
            }
        }
        Ok(None)
    }

    fn is_same_text(
        &self,
        view: &StateView<'_>,
        subject: &Subject,
        parsed: &ParsedSchema,
        references: &[Reference],
        row: &VersionRow,
        content: &ContentRow,
    ) -> Result<bool, ServiceError> {
        let written_out = references.is_empty() && !content.references.is_empty();
        if content.references != references && !written_out {
            return Ok(false);
        }
        // The other formats compare canonical texts.
        if parsed.format() != Format::Avro {
            return Ok(!written_out && content.text == parsed.canonical());
        }
        // What a soft-deleted version refers to may be gone for good.
        let Ok(stored) = self.parse_stored(view, subject, row) else { return Ok(false) };
        if !written_out {
            return Ok(parsed.same_content(&stored));
        }
        let resolved = stored.render(Rendering::Resolved);
        let resolved = resolved.and_then(|text| ParsedSchema::parse(row.format, &text, &[], Strictness::Stored));
        Ok(resolved.is_ok_and(|resolved| parsed.same_content(&resolved)))
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
        let mut messages = self.reserved_clashes(view, settings, new, metadata, previous.last())?;
        if matches!(settings.level, Level::None | Level::Disabled) || previous.is_empty() || planted("level-ignored") {
            return Ok(settings.checked(messages.is_empty(), messages));
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
        self.inner.metrics.compared(new.format(), verdict.compatible);
        let compatible = verdict.compatible && messages.is_empty();
        messages.extend(verdict.messages);
        Ok(settings.checked(compatible, messages))
    }

    /// Reserved names may not be used by fields and may not be given up (`validateFields`).
    fn reserved_clashes(
        &self,
        view: &StateView<'_>,
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

/// Does a known version answer the request? Where the latest is asked for only that one does; an import names its own.
fn answers(
    view: &StateView<'_>,
    subject: &Subject,
    found: &FoundSchema,
    options: RegisterOptions,
    importing: bool,
) -> bool {
    if importing && options.version.is_some() {
        return found.version == options.version || options.id.is_none_or(|id| id != found.id);
    }
    let latest = || query::latest(view, subject).ok().flatten().map(|(version, _)| version);
    !options.latest_only || found.version == latest()
}

fn empty_schema() -> ServiceError {
    ServiceError::new(code::INVALID_SCHEMA, "Empty schema")
}

fn id_does_not_match() -> ServiceError {
    ServiceError::new(code::ID_DOES_NOT_MATCH, "The ID of an imported schema does not match the existing ID")
}

/// Everything that the verdict depended on, absent things too.
pub(super) fn basis_of(view: &StateView<'_>, subject: &Subject, new: &NewSchema, references: &[Reference]) -> Basis {
    // READONLY_OVERRIDE of the default context holds in every context.
    let mut keys = BTreeSet::from([BasisKey::Subject(subject.clone()), BasisKey::Mode(Scope::top())]);
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
    pub async fn render(
        &self,
        caller: &Caller,
        found: FoundSchema,
        rendering: Rendering,
    ) -> Result<FoundSchema, ServiceError> {
        let service = self.clone();
        self.in_pool(caller.deadline, move || {
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
