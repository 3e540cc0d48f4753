//! Reads: how fresh they must be, and what they answer.
//!
//! What is immutable and is there is answered from the local replica. Whatever a lagging replica could be wrong about, an
//! absence, `latest`, a list, a setting, is confirmed against the quorum first, or the client is told that it could not be.

use std::sync::Arc;
use std::time::Duration;

use crate::consensus::Snapshot;
use raft_store::bugs::planted;
use registry::query::{self, Include};
use registry::{
    Config, ContentRow, Context, Deleted, LogIndex, Mode, SchemaId, Scope, Subject, Version, VersionRow, VersionState,
    View,
};
use schema::{Format, Guid};

use super::provenance::{Kind, Provenance, Tracked};
use super::settings::with_default_level;
use super::words::{FoundSchema, Settled, VersionSpec};
use super::{Caller, Consistency, Service, ServiceError};
use crate::auth::Target;
use crate::clock::{self, Deadline};
use crate::consensus::ReadIndexError;
use proto::error_code as code;
use proto::operations::Permission;

/// Wait between two attempts to confirm a read while there is no leader.
const LINEARIZE_WAIT: Duration = Duration::from_millis(50);

/// How fresh an answer must be, and by when it is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The level.
    pub consistency: Consistency,
    /// The index of an earlier answer that the client has seen.
    pub at_least: Option<LogIndex>,
    /// By when.
    pub deadline: Deadline,
}

/// What a reply tells about the replica that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMark {
    /// The applied index.
    pub applied: LogIndex,
    /// How old the replica's knowledge is at most, if it is known.
    pub staleness_ms: Option<u64>,
}

impl Service {
    /// Makes sure that what is read next is not older than any write acknowledged before this call.
    ///
    /// Tries again while a new leader may be on its way; then the client is told to.
    pub(super) async fn linearize(&self, deadline: Deadline) -> Result<(), ServiceError> {
        if planted("local-read") {
            // It believes it, too: a node that does not know that it is behind calls itself ready.
            self.inner.freshness.note_confirmation(clock::now());
            return Ok(());
        }
        let patience = Deadline::after(self.inner.consensus.election_time_max() * 4);
        loop {
            let left = deadline.time_left().min(patience.time_left());
            let failed = match tokio::time::timeout(left, self.inner.read_batches.join_next()).await {
                Ok(Ok(asked_at)) => {
                    self.inner.freshness.note_confirmation(asked_at);
                    return Ok(());
                }
                Ok(Err(ReadIndexError::NoLeader)) => ServiceError::no_leader(),
                Ok(Err(ReadIndexError::Unavailable(reason))) => {
                    tracing::debug!(%reason, "a read could not be confirmed");
                    ServiceError::new(code::NO_LEADER, "No quorum could be reached to confirm the answer; try again")
                }
                Ok(Err(ReadIndexError::TimedOut)) | Err(_) => {
                    ServiceError::timed_out("The answer could not be confirmed in time; try again")
                }
            };
            if deadline.time_left().min(patience.time_left()) <= LINEARIZE_WAIT {
                return Err(failed);
            }
            tokio::time::sleep(LINEARIZE_WAIT).await;
        }
    }

    /// Reads, as fresh as the caller asks for.
    pub(super) async fn read_consistently<T>(
        &self,
        caller: &Caller,
        kind: Kind,
        read: impl Fn(&Snapshot<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let state = self.inner.consensus.state();
        self.read_by(caller, kind, || state.read(|view| read(view))).await
    }

    /// The same, and tells what the answer rests on, so that it can be kept.
    pub(super) async fn read_tracked<T>(
        &self,
        caller: &Caller,
        kind: Kind,
        read: impl Fn(&Snapshot<'_>) -> Result<T, ServiceError>,
    ) -> Result<Tracked<T>, ServiceError> {
        let state = self.inner.consensus.state();
        let tracked = || {
            let (found, footprint) = state.read_tracked(|view| read(view));
            Ok(Tracked { found: found?, provenance: Provenance { kind, footprint } })
        };
        self.read_by(caller, kind, tracked).await
    }

    async fn read_by<T>(
        &self,
        caller: &Caller,
        kind: Kind,
        read: impl Fn() -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.freshen_for(caller).await?;
        if caller.consistency == Consistency::Default {
            if kind == Kind::Immutable {
                match read() {
                    Err(error) if error.is_negative() => {}
                    answer => return answer,
                }
            }
            self.linearize(caller.deadline).await?;
        }
        read()
    }

    /// Would a read, as fresh as it is wanted, give this answer again? It does all that such a read does, but for reading.
    ///
    /// # Errors
    /// What the read would be answered.
    pub async fn still_holds(&self, wanted: &Wanted, provenance: &Provenance) -> Result<bool, ServiceError> {
        let state = self.inner.consensus.state();
        // What is known to have changed needs no confirmation; the read that follows asks for its own.
        if !state.is_current(&provenance.footprint) {
            return Ok(false);
        }
        self.freshen_to(wanted).await?;
        if wanted.consistency == Consistency::Default && provenance.kind == Kind::Mutable {
            self.linearize(wanted.deadline).await?;
        }
        Ok(state.is_current(&provenance.footprint))
    }

    /// Makes sure that what is read next, and may change, is as fresh as the caller asks for.
    pub(super) async fn confirm_for(&self, caller: &Caller) -> Result<(), ServiceError> {
        self.freshen_for(caller).await?;
        match caller.consistency {
            Consistency::Default => self.linearize(caller.deadline).await,
            Consistency::Local | Consistency::Session(_) | Consistency::Bounded(_) | Consistency::Linearizable => {
                Ok(())
            }
        }
    }

    /// Makes this replica as fresh as the caller asks for. Under the default that depends on what is read, and no more is
    /// done here than the session asks for.
    pub(super) async fn freshen_for(&self, caller: &Caller) -> Result<(), ServiceError> {
        self.freshen_to(&caller.wanted()).await
    }

    async fn freshen_to(&self, wanted: &Wanted) -> Result<(), ServiceError> {
        if let Some(index) = wanted.at_least {
            self.wait_applied(index, wanted.deadline).await?;
        }
        match wanted.consistency {
            Consistency::Default | Consistency::Local => Ok(()),
            Consistency::Session(_) if planted("session-ignored") => Ok(()),
            Consistency::Bounded(_) if planted("bound-ignored") => Ok(()),
            Consistency::Session(index) => self.wait_applied(index, wanted.deadline).await,
            Consistency::Bounded(limit) => {
                let age = self.inner.freshness.age_of_confirmation();
                if age.is_none_or(|age| age > limit) { self.linearize(wanted.deadline).await } else { Ok(()) }
            }
            Consistency::Linearizable => self.linearize(wanted.deadline).await,
        }
    }

    /// The schema that an id stands for. With a subject, the version of that subject that holds it; if there is none, and
    /// the subject names no context, the id in the default context: consumers ask with the subject of the topic they read,
    /// which need not be the one that the producer registered under.
    ///
    /// # Errors
    /// 40403, or what [`Service`] answers when a read cannot be confirmed.
    pub async fn schema_by_id(
        &self,
        caller: &Caller,
        subject: Option<&Subject>,
        id: SchemaId,
    ) -> Result<Tracked<FoundSchema>, ServiceError> {
        self.read_tracked(caller, Kind::Immutable, |view| {
            let subject = subject.map(|subject| resolve_alias(view, subject)).transpose()?;
            let subject = subject.as_ref();
            let named = subject.filter(|subject| !subject.name.is_empty());
            let fallback = named.filter(|named| named.context.is_default()).map(|named| (named.context.clone(), None));
            let places = contexts_to_search(view, subject)?.into_iter().map(|context| (context, named)).chain(fallback);
            for (context, wanted) in places {
                let Some((guid, format, content)) = query::schema_by_id(view, &context, id)? else { continue };
                let usages = self.keep_readable(caller, query::usages(view, &context, id)?)?;
                let holder = match wanted {
                    Some(wanted) => usages.iter().rev().find(|(holder, _)| holder.name == wanted.name),
                    None => usages.first(),
                };
                let Some((holder, version)) = holder else { continue };
                let Some(row) = query::version_row(view, holder, *version)? else { continue };
                return Ok(FoundSchema {
                    subject: named.map(|_| holder.clone()),
                    version: named.map(|_| *version),
                    id,
                    guid,
                    format,
                    content: Arc::new(content),
                    created_ms: row.created_ms,
                    deleted: row.deleted == Deleted::Soft,
                    state: row.state,
                });
            }
            Err(ServiceError::new(code::SCHEMA_NOT_FOUND, format!("Schema {id} not found")))
        })
        .await
    }

    /// The schema with this content address.
    ///
    /// # Errors
    /// 40403.
    pub async fn schema_by_guid(&self, caller: &Caller, guid: Guid) -> Result<Tracked<FoundSchema>, ServiceError> {
        self.read_tracked(caller, Kind::Immutable, |view| {
            for (format, content) in query::schemas_by_guid(view, guid)? {
                let mut held = None;
                for (context, id) in query::ids_by_guid(view, guid, format)? {
                    let mut usages = self.keep_readable(caller, query::usages(view, &context, id)?)?.into_iter();
                    held = usages.next().map(|usage| (id, usage));
                    // Which of several contexts it is in matters only to those who may not see all of them.
                    if held.is_some() || !self.inner.authority.is_on() {
                        break;
                    }
                }
                let Some((id, (holder, version))) = &held else { continue };
                let row = query::version_row(view, holder, *version)?;
                return Ok(FoundSchema {
                    subject: None,
                    version: None,
                    id: *id,
                    guid,
                    format,
                    content: Arc::new(content),
                    created_ms: row.as_ref().map_or(0, |row| row.created_ms),
                    state: row.as_ref().map_or(VersionState::Active, |row| row.state),
                    deleted: row.is_some_and(|row| row.deleted == Deleted::Soft),
                });
            }
            Err(ServiceError::new(code::SCHEMA_NOT_FOUND, format!("Schema {guid} not found")))
        })
        .await
    }

    /// The ids of a content in all contexts.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn ids_of_guid(&self, caller: &Caller, guid: Guid) -> Result<Vec<(Context, SchemaId)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let mut ids = Vec::new();
            for format in Format::ALL {
                for (context, id) in query::ids_by_guid(view, guid, format)? {
                    let is_visible = !self.inner.authority.is_on()
                        || !self.keep_readable(caller, query::usages(view, &context, id)?)?.is_empty();
                    if is_visible {
                        ids.push((context, id));
                    }
                }
            }
            Ok(ids)
        })
        .await
    }

    /// The versions that hold an id.
    ///
    /// # Errors
    /// 40403.
    pub async fn usages_of_id(
        &self,
        caller: &Caller,
        subject: Option<&Subject>,
        id: SchemaId,
        include: Include,
    ) -> Result<Vec<(Subject, Version)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let subject = subject.map(|subject| resolve_alias(view, subject)).transpose()?;
            let subject = subject.as_ref();
            for context in contexts_to_search(view, subject)? {
                if query::schema_by_id(view, &context, id)?.is_none() {
                    continue;
                }
                let mut found = Vec::new();
                let usages = query::usages(view, &context, id)?;
                let are_there = !usages.is_empty();
                let usages = self.keep_readable(caller, usages)?;
                // An id of which nothing may be seen is as one that is not there.
                if are_there && usages.is_empty() {
                    continue;
                }
                for (holder, version) in usages {
                    let wanted = subject.is_none_or(|subject| subject.name.is_empty() || subject.name == holder.name);
                    let row = query::version_row(view, &holder, version)?;
                    if wanted && row.is_some_and(|row| include.admits(row.deleted)) {
                        found.push((holder, version));
                    }
                }
                return Ok(found);
            }
            Err(ServiceError::new(code::SCHEMA_NOT_FOUND, "Schema not found"))
        })
        .await
    }

    /// A version of a subject.
    ///
    /// # Errors
    /// 40401, 40402.
    pub async fn show_version(
        &self,
        caller: &Caller,
        subject: &Subject,
        spec: VersionSpec,
        include: Include,
    ) -> Result<Tracked<FoundSchema>, ServiceError> {
        let kind = match spec {
            // A version may be soft-deleted later, but then it was there: only its absence needs to be confirmed.
            VersionSpec::Number(_) => Kind::Immutable,
            VersionSpec::Latest => Kind::Mutable,
        };
        self.read_tracked(caller, kind, |view| {
            let subject = resolve_alias(view, subject)?;
            in_any_context(view, &subject, |found| {
                self.refuse_unreadable(caller, &subject, found)?;
                find_version(view, found, spec, include)
            })
        })
        .await
    }

    /// The version numbers of a subject, ascending.
    ///
    /// # Errors
    /// 40401.
    pub async fn list_versions(
        &self,
        caller: &Caller,
        subject: &Subject,
        include: Include,
    ) -> Result<Vec<(Version, Deleted)>, ServiceError> {
        let (_, found) = self.version_rows(caller, subject, include).await?;
        Ok(found.into_iter().map(|(version, row)| (version, row.deleted)).collect())
    }

    /// The versions of a subject with their rows, ascending, all of one moment, and the subject that an alias stands for.
    ///
    /// # Errors
    /// 40401.
    pub async fn version_rows(
        &self,
        caller: &Caller,
        subject: &Subject,
        include: Include,
    ) -> Result<(Subject, Vec<(Version, VersionRow)>), ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let subject = resolve_alias(view, subject)?;
            let mut found = query::versions(view, &subject)?;
            found.retain(|(_, row)| include.admits(row.deleted));
            let is_live = || query::subject_row(view, &subject).map(|row| row.is_some_and(|row| row.live > 0));
            if found.is_empty() && !(include == Include::DeletedOnly && is_live()?) {
                return Err(ServiceError::subject_not_found(&subject));
            }
            Ok((subject, found))
        })
        .await
    }

    /// The contexts.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn list_contexts(&self, caller: &Caller) -> Result<Vec<Context>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let mut visible = Vec::new();
            for context in query::contexts(view)? {
                if self.sees_context(caller, view, &context)? {
                    visible.push(context);
                }
            }
            Ok(visible)
        })
        .await
    }

    /// Does the caller see a context: as such, or because of a subject in it?
    fn sees_context(&self, caller: &Caller, view: &Snapshot<'_>, context: &Context) -> Result<bool, ServiceError> {
        let authority = &self.inner.authority;
        let (principal, origin) = (&caller.actor.principal, &caller.origin);
        if authority.is_permitted(principal, origin, Permission::SubjectRead, Target::Context(context))? {
            return Ok(true);
        }
        for subject in query::subjects(view, Some(context), Include::All)? {
            if self.may_read(caller, &subject)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Those of the versions that hold something which the caller may read.
    pub(super) fn keep_readable(
        &self,
        caller: &Caller,
        usages: Vec<(Subject, Version)>,
    ) -> Result<Vec<(Subject, Version)>, ServiceError> {
        self.keep_visible(caller, Permission::SubjectRead, usages, |(subject, _)| subject)
    }

    /// What a request finds in another place than it named is there only for those who may read it.
    pub(super) fn refuse_unreadable(
        &self,
        caller: &Caller,
        named: &Subject,
        found: &Subject,
    ) -> Result<(), ServiceError> {
        if found == named || self.may_read(caller, found)? {
            return Ok(());
        }
        Err(ServiceError::subject_not_found(named))
    }

    /// The configuration of a scope: its own, or with `inherited` every field from the nearest scope that sets it.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn config_of(
        &self,
        caller: &Caller,
        scope: &Scope,
        asked: Settled,
    ) -> Result<Option<Config>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let config = match asked {
                Settled::Own => query::config(view, scope)?,
                Settled::OwnOrDefault => Some(with_default_level(query::config(view, scope)?.unwrap_or_default())),
                Settled::InForce => Some(with_default_level(query::config_in_scope(view, scope)?)),
            };
            Ok(config.map(|config| self.inner.sealer.open_config(config)))
        })
        .await
    }

    /// The content of a schema as clients see it, with sensitive metadata open.
    pub fn opened_content(&self, content: &ContentRow) -> ContentRow {
        self.inner.sealer.open_content(content.clone())
    }

    /// The mode of a scope: its own, or with `inherited` the one in force.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn mode_of(&self, caller: &Caller, scope: &Scope, inherited: bool) -> Result<Option<Mode>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            if inherited { Ok(Some(query::mode_in_scope(view, scope)?)) } else { Ok(query::mode(view, scope)?) }
        })
        .await
    }

    /// The text as first sent, where it differs from the canonical one.
    ///
    /// # Errors
    /// Only if the store fails.
    pub fn sent_text(&self, subject: &Subject, version: Version) -> Result<Option<String>, ServiceError> {
        Ok(self.inner.consensus.state().read(|view| query::sent(view, subject, version))?)
    }
}

/// The subject that an alias stands for; the name itself where there is none.
///
/// Looked up in the view of the read itself: an alias that a lagging replica has not heard of is like any other absence.
pub(super) fn resolve_alias(view: &impl View, subject: &Subject) -> Result<Subject, ServiceError> {
    let config = query::config(view, &Scope::Subject(subject.clone()))?;
    match config.and_then(|config| config.alias) {
        Some(alias) if !alias.is_empty() => Ok(Subject::parse_in(&subject.context, &alias)?),
        Some(_) | None => Ok(subject.clone()),
    }
}

/// Looks in the subject that is named; one of the default context that has not what is asked for is then looked for under
/// the same name in every other context, in order (`docs/contexts.md`, "Search in every context").
pub(super) fn in_any_context<T>(
    view: &impl View,
    subject: &Subject,
    look: impl Fn(&Subject) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    let refused = match look(subject) {
        Err(error) if error.is_negative() && subject.context.is_default() => error,
        found => return found,
    };
    for context in query::contexts(view)?.into_iter().filter(|context| !context.is_default()) {
        let other = Subject { context, name: subject.name.clone() };
        if query::subject_row(view, &other)?.is_none() {
            continue;
        }
        match look(&other) {
            Err(error) if error.is_negative() => {}
            found => return found,
        }
    }
    Err(refused)
}

/// An unqualified id is looked for in the default context first, then in every other one.
fn contexts_to_search(view: &impl View, subject: Option<&Subject>) -> Result<Vec<Context>, ServiceError> {
    match subject {
        Some(subject) if !subject.context.is_default() => Ok(vec![subject.context.clone()]),
        Some(_) => Ok(query::contexts(view)?),
        None => Ok(vec![Context::default_context()]),
    }
}

pub(super) fn find_version(
    view: &impl View,
    subject: &Subject,
    spec: VersionSpec,
    include: Include,
) -> Result<FoundSchema, ServiceError> {
    let found = match spec {
        VersionSpec::Number(version) => query::version_row(view, subject, version)?.map(|row| (version, row)),
        VersionSpec::Latest => match query::latest(view, subject)? {
            None if include != Include::Live => query::versions(view, subject)?.pop(),
            found => found,
        },
    };
    let Some((version, row)) = found.filter(|(_, row)| include.admits(row.deleted)) else {
        let row = query::subject_row(view, subject)?;
        let exists = row.is_some_and(|row| row.live > 0 || (include != Include::Live && row.soft_deleted > 0));
        return Err(match spec {
            VersionSpec::Number(version) if exists => ServiceError::version_not_found(version),
            VersionSpec::Number(_) | VersionSpec::Latest => ServiceError::subject_not_found(subject),
        });
    };
    let content = query::content_row(view, row.guid, row.format)?
        .ok_or_else(|| registry::ViewError(format!("{subject} version {version} has no content")))?;
    Ok(FoundSchema {
        subject: Some(subject.clone()),
        version: Some(version),
        id: row.id,
        guid: row.guid,
        format: row.format,
        content: Arc::new(content),
        created_ms: row.created_ms,
        deleted: row.deleted == Deleted::Soft,
        state: row.state,
    })
}

impl Service {
    /// The names under which subjects are known besides their own: (alias, subject).
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn list_aliases(&self, caller: &Caller) -> Result<Vec<(Subject, Subject)>, ServiceError> {
        let aliases = self.read_consistently(caller, Kind::Mutable, |view| Ok(query::aliases(view)?)).await?;
        let aliases = self.keep_visible(caller, Permission::SubjectRead, aliases, |(alias, _)| alias)?;
        self.keep_visible(caller, Permission::SubjectRead, aliases, |(_, subject)| subject)
    }

    /// The highest id that a context has given out.
    ///
    /// # Errors
    /// Only if the store fails.
    pub fn max_id(&self, caller: &Caller, subject: Option<&Subject>) -> Result<Option<u32>, ServiceError> {
        let context = subject.map_or_else(Context::default_context, |subject| subject.context.clone());
        let (principal, origin) = (&caller.actor.principal, &caller.origin);
        // It counts what is in the context, seen or not.
        if !self.inner.authority.is_permitted(principal, origin, Permission::SubjectRead, Target::Context(&context))? {
            return Ok(None);
        }
        let row = self.inner.consensus.state().read(|view| query::context_row(view, &context))?;
        Ok(row.map(|row| row.next_id - 1).filter(|id| *id > 0))
    }
}
