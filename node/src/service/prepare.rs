//! Prepares registrations: from a text to a command with its basis, or to the answer that the schema is known already.
//!
//! Runs on the node that received the request, against one local snapshot that may lag. It parses, resolves references and
//! checks compatibility, and names everything that it looked at. It decides nothing final: apply refuses the command if
//! any of that has changed since.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::consensus::Snapshot;
use proto::error_code as code;
use registry::query::{self, Include};
use registry::{
    Assign, Basis, BasisKey, CatalogCommand, CatalogDone, CatalogRefusal, Command, Content, ContentRow, Done, LogIndex,
    Mode, Outcome, Refusal, Register, SchemaId, Scope, Subject, Version, VersionState, contract,
};
use schema::compat::Level;
use schema::{Format, Guid, Reference, guid_of};

use super::commit::Prepared;
use super::compatibility::incompatible_error;
use super::lookup::{History, find_content, refuse_quarantined};
use super::parse::{Asked, empty_schema};
use super::provenance::{Provenance, Tracked};
use super::read::resolve_alias;
use super::settings::{Settings, settings_in_force};
use super::terms;
use super::words::{FoundSchema, NewSchema, RegisterOptions, Registered};
use super::{Caller, Service, ServiceError};

/// A text up to this length, without references, for a subject with so few versions is prepared by whoever received it: that
/// is some 100 µs of work.
const QUICK_TEXT_BYTES_MAX: usize = 8 * 1024;
const QUICK_VERSIONS_MAX: u32 = 4;

/// What the answer to a registration needs of its preparation.
struct Registering {
    subject: Subject,
    content: Content,
}

type Preparation = Prepared<Registered, Registering>;

/// The subject has it already.
fn already_known(found: FoundSchema) -> Preparation {
    Prepared::Known(Registered { found, is_new: false, provenance: None })
}

impl Service {
    /// Registers a schema under a subject. A known schema is answered from the local replica without a log entry.
    ///
    /// # Errors
    /// 40901, 42201, 42205 and the like; 500xx if the outcome is not known.
    pub async fn register_schema(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Registered, ServiceError> {
        let registered = self.register_now(caller, subject, new, options).await;
        if registered.as_ref().is_ok_and(|registered| registered.is_new) {
            return registered;
        }
        // What is known by now may be another version of the same content.
        match self.earlier_outcome(caller)? {
            Some(outcome) => self.registered_earlier(subject, new, &outcome),
            None => registered,
        }
    }

    async fn register_now(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Registered, ServiceError> {
        self.authorize_references(caller, &subject.context, &new.references)?;
        self.freshen_for(caller).await?;
        if let Some(Tracked { found, provenance }) = self.known_text(subject, new, options)? {
            return Ok(Registered { found, is_new: false, provenance: provenance.if_repeatable(&new.references) });
        }
        let prepare = |attempt| async move {
            let prepared = match self.prepare_in_pool(caller, subject, new, options).await {
                Err(error) if attempt == 0 && may_be_stale(&error, new) => {
                    self.linearize(caller.deadline).await?;
                    self.prepare_in_pool(caller, subject, new, options).await
                }
                prepared => prepared,
            };
            if let Ok(Prepared::Change { kept: Registering { subject, content }, .. }) = &prepared {
                self.authorize_owner(caller, subject, content.metadata.as_ref())?;
            }
            prepared
        };
        self.commit(caller, subject, prepare, |done, kept| self.registered_answer(done, kept)).await
    }

    /// The answer to a registration that was applied just now.
    fn registered_answer(&self, done: Done, kept: Registering) -> Result<Registered, ServiceError> {
        let Done::Catalog(CatalogDone::Registered { id, version, guid, .. }) = done else {
            return Err(ServiceError::unexpected(&Outcome::Done(done)));
        };
        let Registering { subject, content } = kept;
        self.inner.metrics.count_registration(content.format);
        let Content { format, text, references, metadata, rule_set, .. } = content;
        let row = ContentRow { text, references, metadata, rule_set, context_count: 0, since: LogIndex(0) };
        let created_ms = self.created_ms(&subject, version)?;
        let found = registered_as(subject, (id, version, guid), format, Arc::new(row), created_ms);
        Ok(Registered { found, is_new: true, provenance: None })
    }

    /// What was answered to an earlier attempt of this registration, whatever has become of the version since.
    fn registered_earlier(
        &self,
        subject: &Subject,
        new: &NewSchema,
        outcome: &Outcome,
    ) -> Result<Registered, ServiceError> {
        let (id, version, guid) = match outcome {
            Outcome::Done(Done::Catalog(CatalogDone::Registered { id, version, guid, .. })) => (*id, *version, *guid),
            Outcome::Refused(refusal) => return Err(ServiceError::refused(refusal)),
            outcome => return Err(ServiceError::unexpected(outcome)),
        };
        let (subject, kept) = self.inner.consensus.state().read(|view| {
            Ok::<_, ServiceError>((resolve_alias(view, subject)?, query::content_row(view, guid, new.format)?))
        })?;
        let content = kept.unwrap_or_else(|| {
            let NewSchema { format: _, text, references, metadata, rule_set } = new.clone();
            ContentRow { text, references, metadata, rule_set, context_count: 0, since: LogIndex(0) }
        });
        let created_ms = self.created_ms(&subject, version)?;
        let found = registered_as(subject, (id, version, guid), new.format, Arc::new(content), created_ms);
        Ok(Registered { found, is_new: true, provenance: None })
    }

    /// A text that was seen before needs no parsing: its content address is known.
    pub(super) fn known_text(
        &self,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Option<Tracked<FoundSchema>>, ServiceError> {
        if options.names_version()
            || options.id.is_some()
            || new.text.is_empty()
            || new.references.iter().any(|r| r.version < 1)
        {
            return Ok(None);
        }
        // Before anything is read: most texts that are registered are new.
        let known = |normalize| self.inner.known.get(&hash_of(subject, new, normalize));
        let (plain, normalized) = (if options.normalize { None } else { known(false) }, known(true));
        if plain.is_none() && normalized.is_none() {
            return Ok(None);
        }
        let (found, footprint) = self.inner.consensus.state().read_tracked(|view| {
            let subject = &resolve_alias(view, subject)?;
            let settings = settings_in_force(view, subject)?;
            if settings.merges_anything() || settings.mode == Mode::Import || settings.mode == Mode::Forward {
                return Ok(None);
            }
            let normalize = options.normalize || settings.normalize;
            let Some(guid) = (if normalize { normalized } else { plain }) else { return Ok(None) };
            let found = find_content(view, subject, guid, new.format, Include::Live)?;
            found.iter().try_for_each(refuse_quarantined)?;
            Ok::<_, ServiceError>(found)
        });
        Ok(found?.map(|found| Tracked { found, provenance: Provenance::of_known(footprint) }))
    }

    async fn prepare_in_pool(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Preparation, ServiceError> {
        if new.text.len() <= QUICK_TEXT_BYTES_MAX && new.references.is_empty() {
            // A way to another thread and back would cost as much as the work itself.
            let prepared = self.inner.consensus.state().read(|view| {
                let row = query::subject_row(view, &resolve_alias(view, subject)?)?;
                let is_quick = row.is_none_or(|row| row.live + row.soft_deleted <= QUICK_VERSIONS_MAX);
                if is_quick { self.prepare_registration(view, subject, new, options).map(Some) } else { Ok(None) }
            })?;
            if let Some(prepared) = prepared {
                return Ok(prepared);
            }
        }
        let (service, subject, new) = (self.clone(), subject.clone(), new.clone());
        self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| service.prepare_registration(view, &subject, &new, options))
        })
        .await
    }

    fn prepare_registration(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<Preparation, ServiceError> {
        let named = subject;
        let subject = &resolve_alias(view, named)?;
        let settings = settings_in_force(view, subject)?;
        let importing = settings.mode == Mode::Import || settings.mode == Mode::Forward;
        let normalize = !importing && (options.normalize || settings.normalize);
        let history = History::new(view, subject);
        // Whoever asks for what is there gets it, in any mode and without the leader.
        let mut asked = None;
        if !settings.merges_anything() && !new.text.is_empty() {
            let parsed = self.parse_asked(view, subject, new, &settings, normalize)?;
            if new.references.iter().all(|reference| reference.version >= 1) {
                self.inner.known.put(hash_of(subject, new, normalize), parsed.guid);
            }
            let found = self.find_version_of(&history, new, &parsed, Include::Live)?;
            if let Some(found) = found.filter(|found| is_answer(view, subject, found, options, importing)) {
                return match options.id {
                    Some(id) if id != found.id => Err(id_does_not_match()),
                    Some(_) | None => refuse_quarantined(&found).map(|()| already_known(found)),
                };
            }
            asked = Some(parsed);
        }
        check_mode(subject, &settings, options)?;
        let request = new;
        let new =
            &if importing { request.clone() } else { self.merge_settings(&history, &settings, request, options)? };
        if let Some(rule_set) = &new.rule_set {
            contract::check_rule_set(rule_set).map_err(|error| ServiceError::rule_set(&error))?;
        }
        // What was looked for in vain need not be looked for again, and a text that was sent is parsed once, whatever is merged
        // into its metadata and rules.
        let is_searched = asked.is_some() && new == request;
        let asked = match asked {
            Some(asked) if is_searched => asked,
            Some(asked) => Asked { guid: asked.guid_with(new), ..asked },
            None => self.parse_asked(view, subject, new, &settings, normalize)?,
        };
        if !importing {
            let found = if is_searched { None } else { self.find_version_of(&history, new, &asked, Include::Live)? };
            if let Some(found) = found.filter(|found| is_answer(view, subject, found, options, importing)) {
                refuse_quarantined(&found)?;
                return Ok(already_known(found));
            }
            if settings.level == Level::Disabled {
                let message = format!("The versions of subject '{subject}' are frozen (compatibility DISABLED)");
                return Err(ServiceError::new(code::NOT_PERMITTED, message));
            }
            if !options.force {
                let in_use = history.in_use()?;
                let checked =
                    self.compare_with_history(view, subject, &settings, &asked.parsed, new.metadata.as_ref(), &in_use)?;
                if !checked.compatible {
                    return Err(incompatible_error(subject, &checked.messages));
                }
            }
        }
        let semver = self.semver_after(view, subject, history.versions()?, &asked.parsed, settings.level)?;
        let terms = terms::of(&asked.parsed, new.metadata.as_ref(), &new.references);
        let Asked { parsed, references, guid } = asked;
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
            metadata: new.metadata.as_ref().map(|metadata| self.inner.sealer.seal_metadata(metadata)),
            rule_set: new.rule_set.clone(),
            terms,
        };
        let register = Register { subject: subject.clone(), content, sent, assign, semver };
        let kept = Registering { subject: subject.clone(), content: register.content.clone() };
        Ok(Prepared::Change { command: Command::Catalog(CatalogCommand::Register(register)), basis, kept })
    }

    /// What is registered: text, type and references of the latest version where the request has no text; its metadata and
    /// rules where the request has none; the defaults of the configuration below, its overrides above.
    pub(super) fn merge_settings(
        &self,
        history: &History<'_>,
        settings: &Settings,
        new: &NewSchema,
        options: RegisterOptions,
    ) -> Result<NewSchema, ServiceError> {
        let History { view, subject, .. } = *history;
        let mut new = new.clone();
        let previous = match history.latest_version()? {
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

    fn created_ms(&self, subject: &Subject, version: Version) -> Result<u64, ServiceError> {
        let row = self.inner.consensus.state().read(|view| query::version_row(view, subject, version))?;
        Ok(row.map_or(0, |row| row.created_ms))
    }
}

/// A version as it was when it was registered.
fn registered_as(
    subject: Subject,
    (id, version, guid): (SchemaId, Version, Guid),
    format: Format,
    content: Arc<ContentRow>,
    created_ms: u64,
) -> FoundSchema {
    FoundSchema {
        subject: Some(subject),
        version: Some(version),
        id,
        guid,
        format,
        content,
        created_ms,
        deleted: false,
        state: VersionState::Active,
    }
}

/// Can a newer state change the refusal? A lagging replica may miss a reference, or hold a level or a mode that was changed;
/// a text that is no schema stays none.
fn may_be_stale(error: &ServiceError, new: &NewSchema) -> bool {
    error.code != code::INVALID_SCHEMA || !new.references.is_empty()
}

fn check_mode(subject: &Subject, settings: &Settings, options: RegisterOptions) -> Result<(), ServiceError> {
    let subject = subject.clone();
    let refused = match (settings.mode, options.id) {
        (Mode::ReadOnly | Mode::ReadOnlyOverride, _) => Refusal::Catalog(CatalogRefusal::ReadOnly { subject }),
        (Mode::ReadWrite, Some(_)) => Refusal::Catalog(CatalogRefusal::NotImport { subject }),
        (Mode::Import | Mode::Forward, None) => Refusal::Catalog(CatalogRefusal::NotReadWrite { subject }),
        (Mode::ReadWrite, None) | (Mode::Import | Mode::Forward, Some(_)) => return Ok(()),
    };
    Err(ServiceError::refused(&refused))
}

/// Does a known version answer the request? Where the latest is asked for only that one does; an import names its own.
fn is_answer(
    view: &Snapshot<'_>,
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

fn id_does_not_match() -> ServiceError {
    ServiceError::new(code::ID_DOES_NOT_MATCH, "The ID of an imported schema does not match the existing ID")
}

/// Everything that the verdict depended on, absent things too.
pub(super) fn basis_of(view: &Snapshot<'_>, subject: &Subject, new: &NewSchema, references: &[Reference]) -> Basis {
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
