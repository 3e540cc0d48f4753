//! Reads over a view: what apply, preparation and the API ask of the state.
//!
//! Every function reads one consistent view and decides nothing.

use std::ops::ControlFlow;

use schema::{Format, Guid, Reference};

use crate::{
    AssociationRow, Config, ConsumerRow, ContentRow, Context, ContextRow, CursorRow, Deleted, DraftId, DraftRow,
    HistoryRow, Key, KeyRange, LifecyclePolicy, LogIndex, MachineRow, Mode, RequestId, RequestRow, Row, SchemaId,
    Scope, SettingRow, Subject, SubjectRow, Version, VersionRow, VersionState, View, ViewError,
};

/// Which of the deleted things a listing includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Include {
    /// What is not deleted.
    Live,
    /// Soft-deleted things, too.
    All,
    /// Soft-deleted things only.
    DeletedOnly,
}

impl Include {
    /// Does the listing include a thing with this mark?
    pub fn admits(self, deleted: Deleted) -> bool {
        match self {
            Self::Live => deleted == Deleted::No,
            Self::All => true,
            Self::DeletedOnly => deleted == Deleted::Soft,
        }
    }
}

macro_rules! row_getter {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $row:ty, $key:expr, $variant:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// [`ViewError`] if the store cannot answer.
        pub fn $name(view: &impl View, $($argument: $type),*) -> Result<Option<$row>, ViewError> {
            let key = $key;
            match view.get(&key)? {
                None => Ok(None),
                Some(Row::$variant(row)) => Ok(Some(row)),
                Some(_) => Err(ViewError::wrong_row(&key)),
            }
        }
    };
}

row_getter!(
    /// The row of a subject; it may be a tombstone.
    subject_row(subject: &Subject) -> SubjectRow, Key::Subject(subject.clone()), Subject
);
row_getter!(
    /// The row of a version, soft-deleted or not.
    version_row(subject: &Subject, version: Version) -> VersionRow, Key::Version(subject.clone(), version), Version
);
row_getter!(
    /// The row of a context.
    context_row(context: &Context) -> ContextRow, Key::Context(context.clone()), Context
);
row_getter!(
    /// A content by its address.
    content_row(guid: Guid, format: Format) -> ContentRow, Key::Content(guid, format), Content
);
row_getter!(
    /// The id that a content has in a context.
    id_of(context: &Context, guid: Guid, format: Format) -> SchemaId, Key::IdOf(guid, format, context.clone()), IdOf
);
row_getter!(
    /// The remembered outcome of a request.
    request(id: &RequestId) -> RequestRow, Key::Request(id.clone()), Request
);
row_getter!(
    /// A draft.
    draft(subject: &Subject, id: DraftId) -> DraftRow, Key::Draft(subject.clone(), id), Draft
);
row_getter!(
    /// A registered consumer.
    consumer(subject: &Subject, id: &str) -> ConsumerRow, Key::Consumer(subject.clone(), id.to_owned()), Consumer
);
row_getter!(
    /// How far a named reader of the events has come.
    cursor(name: &str) -> CursorRow, Key::Cursor(name.to_owned()), Cursor
);
row_getter!(
    /// The text as first sent, where it differs from the canonical one.
    sent(subject: &Subject, version: Version) -> String, Key::Sent(subject.clone(), version), Sent
);

/// The machine's own row.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn machine(view: &impl View) -> Result<MachineRow, ViewError> {
    match view.get(&Key::Machine)? {
        None => Ok(MachineRow::default()),
        Some(Row::Machine(row)) => Ok(row),
        Some(_) => Err(ViewError::wrong_row(&Key::Machine)),
    }
}

/// What an id stands for, in one context.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn schema_by_id(
    view: &impl View,
    context: &Context,
    id: SchemaId,
) -> Result<Option<(Guid, Format, ContentRow)>, ViewError> {
    let key = Key::Schema(context.clone(), id);
    match view.get(&key)? {
        None => Ok(None),
        // The row outlives the id, so that it is never given to other content; the id is there while its content has it.
        Some(Row::Schema(guid, format)) if id_of(view, context, guid, format)? != Some(id) => Ok(None),
        Some(Row::Schema(guid, format)) => match content_row(view, guid, format)? {
            Some(row) => Ok(Some((guid, format, row))),
            None => Err(ViewError(format!("{key:?} names a content that is not there"))),
        },
        Some(_) => Err(ViewError::wrong_row(&key)),
    }
}

/// The contents with this guid; more than one only if equal texts were registered under different formats.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn schemas_by_guid(view: &impl View, guid: Guid) -> Result<Vec<(Format, ContentRow)>, ViewError> {
    collect(view, &KeyRange::contents(guid), |key, row| match (key, row) {
        (Key::Content(_, format), Row::Content(row)) => Some((format, row)),
        _ => None,
    })
}

/// The ids of a content in all contexts that have one.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn ids_by_guid(view: &impl View, guid: Guid, format: Format) -> Result<Vec<(Context, SchemaId)>, ViewError> {
    collect(view, &KeyRange::ids_of(guid, format), |key, row| match (key, row) {
        (Key::IdOf(_, _, context), Row::IdOf(id)) => Some((context, id)),
        _ => None,
    })
}

/// All versions of a subject in ascending order, soft-deleted ones included.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn versions(view: &impl View, subject: &Subject) -> Result<Vec<(Version, VersionRow)>, ViewError> {
    collect(view, &KeyRange::versions(subject), |key, row| match (key, row) {
        (Key::Version(_, version), Row::Version(row)) => Some((version, row)),
        _ => None,
    })
}

/// Was this version number used and deleted permanently, while the subject lives on?
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn is_retired(view: &impl View, subject: &Subject, version: Version) -> Result<bool, ViewError> {
    Ok(view.get(&Key::Retired(subject.clone(), version))?.is_some())
}

/// The version numbers of a subject that are not used again, ascending.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn retired(view: &impl View, subject: &Subject) -> Result<Vec<Version>, ViewError> {
    collect(view, &KeyRange::retired(subject), |key, _| match key {
        Key::Retired(_, version) => Some(version),
        _ => None,
    })
}

/// The latest version of a subject: the highest active one; where none is active, the highest of the next best state. So a
/// subject that has a version always has a latest one.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn latest(view: &impl View, subject: &Subject) -> Result<Option<(Version, VersionRow)>, ViewError> {
    let rank = |row: &VersionRow| VersionState::BY_RANK.iter().position(|state| *state == row.state);
    let mut found: Option<(Version, VersionRow)> = None;
    view.scan(&KeyRange::versions(subject).reversed(), &mut |key, row| match (key, row) {
        (Key::Version(_, version), Row::Version(row)) if row.deleted == Deleted::No => {
            let is_active = row.state == VersionState::Active;
            if found.as_ref().is_none_or(|(_, best)| rank(&row) < rank(best)) {
                found = Some((version, row));
            }
            if is_active { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
        _ => ControlFlow::Continue(()),
    })?;
    Ok(found)
}

/// The versions that a new one has to be compatible with: active and deprecated ones, ascending, but the latest last.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn in_use(view: &impl View, subject: &Subject) -> Result<Vec<(Version, VersionRow)>, ViewError> {
    Ok(in_use_among(&versions(view, subject)?))
}

/// Those of a subject's versions, given in ascending order, that a new one has to be compatible with; see [`in_use`].
pub fn in_use_among(versions: &[(Version, VersionRow)]) -> Vec<(Version, VersionRow)> {
    let is_in_use = |(_, row): &&(Version, VersionRow)| row.deleted == Deleted::No && row.state.is_in_use();
    let mut found: Vec<_> = versions.iter().filter(is_in_use).cloned().collect();
    // A stable sort: deprecated ones first, then active ones, each ascending.
    found.sort_by_key(|(_, row)| row.state == VersionState::Active);
    found
}

/// The subjects of a context, or of all contexts, in key order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn subjects(view: &impl View, context: Option<&Context>, include: Include) -> Result<Vec<Subject>, ViewError> {
    collect(view, &KeyRange::subjects(context), |key, row| match (key, row) {
        (Key::Subject(subject), Row::Subject(row)) => {
            let admitted = match include {
                Include::Live => row.live > 0,
                Include::All => row.live + row.soft_deleted > 0,
                // Confluent lists a subject here if it has any deleted version.
                Include::DeletedOnly => row.soft_deleted > 0 && row.live == 0,
            };
            admitted.then_some(subject)
        }
        _ => None,
    })
}

/// The contexts that are listed, in order; the default one always.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn contexts(view: &impl View) -> Result<Vec<Context>, ViewError> {
    let mut contexts = collect(view, &KeyRange::contexts(), |key, row| match (key, row) {
        (Key::Context(context), Row::Context(row)) if row.listed => Some(context),
        _ => None,
    })?;
    if !contexts.iter().any(Context::is_default) {
        contexts.insert(0, Context::default_context());
    }
    Ok(contexts)
}

/// The versions that hold an id, soft-deleted ones included, ordered by subject and version.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn usages(view: &impl View, context: &Context, id: SchemaId) -> Result<Vec<(Subject, Version)>, ViewError> {
    collect(view, &KeyRange::usages(context, id), |key, _| match key {
        Key::Usage(_, _, subject, version) => Some((subject, version)),
        _ => None,
    })
}

/// The versions of one subject that hold an id, soft-deleted ones included, ascending.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn usages_in(view: &impl View, id: SchemaId, subject: &Subject) -> Result<Vec<Version>, ViewError> {
    let mut found = Vec::new();
    let range = KeyRange::usages(&subject.context, id).from(&Key::Usage(
        subject.context.clone(),
        id,
        subject.clone(),
        Version(0),
    ));
    view.scan(&range, &mut |key, _| match key {
        Key::Usage(_, _, holder, version) if holder == *subject => {
            found.push(version);
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Break(()),
    })?;
    Ok(found)
}

/// The schemas (context, id) that refer to a version, in order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn referrers(view: &impl View, subject: &Subject, version: Version) -> Result<Vec<(Context, SchemaId)>, ViewError> {
    collect(view, &KeyRange::referrers(subject, version), |key, _| match key {
        Key::Referrer(_, _, context, id) => Some((context, id)),
        _ => None,
    })
}

/// Does a schema with a live version refer to this version? Holders in `except` do not count.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn is_referenced(
    view: &impl View,
    subject: &Subject,
    version: Version,
    except: Option<&Subject>,
) -> Result<bool, ViewError> {
    is_referenced_by(view, subject, version, except, Include::Live)
}

/// Does any schema refer to this version, one with soft-deleted versions only included?
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn is_referenced_at_all(
    view: &impl View,
    subject: &Subject,
    version: Version,
    except: Option<&Subject>,
) -> Result<bool, ViewError> {
    is_referenced_by(view, subject, version, except, Include::All)
}

fn is_referenced_by(
    view: &impl View,
    subject: &Subject,
    version: Version,
    except: Option<&Subject>,
    include: Include,
) -> Result<bool, ViewError> {
    for (context, id) in referrers(view, subject, version)? {
        for (holder, held) in usages(view, &context, id)? {
            if except == Some(&holder) {
                continue;
            }
            if version_row(view, &holder, held)?.is_some_and(|row| include.admits(row.deleted)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The versions that references point to; unqualified subjects are in the referrer's context. Each once.
pub fn reference_targets(context: &Context, references: &[Reference]) -> Vec<(Subject, Version)> {
    let mut targets: Vec<_> = references
        .iter()
        .filter_map(|reference| {
            let subject = Subject::parse_in(context, &reference.subject).ok()?;
            Some((subject, Version::from_i32(reference.version)?))
        })
        .collect();
    targets.sort();
    targets.dedup();
    targets
}

/// The association under a key.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn association(view: &impl View, key: &Key) -> Result<Option<AssociationRow>, ViewError> {
    match view.get(key)? {
        None => Ok(None),
        Some(Row::Association(row)) => Ok(Some(row)),
        Some(_) => Err(ViewError::wrong_row(key)),
    }
}

/// The associations of the resource with this id, in key order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn associations_of_resource(view: &impl View, resource_id: &str) -> Result<Vec<AssociationRow>, ViewError> {
    all_associations(view, &KeyRange::associations(Some(resource_id)))
}

/// The associations of a subject, in key order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn associations_of_subject(view: &impl View, subject: &Subject) -> Result<Vec<AssociationRow>, ViewError> {
    let keys = collect(view, &KeyRange::associations_of(subject), |key, _| match key {
        Key::AssociationOf(_, id, kind, role) => Some(Key::Association(id, kind, role)),
        _ => None,
    })?;
    behind(view, keys)
}

/// The associations of resources by their name and namespace; of either, `None` means any.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn associations_named(
    view: &impl View,
    name: Option<&str>,
    namespace: Option<&str>,
) -> Result<Vec<AssociationRow>, ViewError> {
    let Some(name) = name else {
        let mut all = all_associations(view, &KeyRange::associations(None))?;
        all.retain(|row| namespace.is_none_or(|namespace| row.resource.namespace == namespace));
        return Ok(all);
    };
    let keys = collect(view, &KeyRange::associations_named(name, namespace), |key, _| match key {
        Key::AssociationNamed(_, _, id, kind, role) => Some(Key::Association(id, kind, role)),
        _ => None,
    })?;
    behind(view, keys)
}

fn all_associations(view: &impl View, range: &KeyRange) -> Result<Vec<AssociationRow>, ViewError> {
    collect(view, range, |_, row| match row {
        Row::Association(row) => Some(row),
        _ => None,
    })
}

fn behind(view: &impl View, keys: Vec<Key>) -> Result<Vec<AssociationRow>, ViewError> {
    let found = keys.into_iter().map(|key| association(view, &key).map(|row| row.ok_or(key)));
    let found = found.map(|row| row?.map_err(|key| ViewError(format!("the index names {key:?}, which is not there"))));
    found.collect()
}

/// The configuration set on exactly this scope.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn config(view: &impl View, scope: &Scope) -> Result<Option<Config>, ViewError> {
    let key = Key::Config(scope.clone());
    match view.get(&key)? {
        None => Ok(None),
        Some(Row::Config(row)) => Ok(row.value),
        Some(_) => Err(ViewError::wrong_row(&key)),
    }
}

/// The names under which subjects are known besides their own: (alias, subject), in key order.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn aliases(view: &impl View) -> Result<Vec<(Subject, Subject)>, ViewError> {
    collect(view, &KeyRange::configs_of_subjects(), |key, row| match (key, row) {
        (Key::Config(Scope::Subject(alias)), Row::Config(SettingRow { value: Some(config), .. })) => {
            let target = config.alias.filter(|target| !target.is_empty())?;
            let target = Subject::parse_in(&alias.context, &target).ok()?;
            Some((alias, target))
        }
        _ => None,
    })
}

/// The mode set on exactly this scope.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn mode(view: &impl View, scope: &Scope) -> Result<Option<Mode>, ViewError> {
    let key = Key::Mode(scope.clone());
    match view.get(&key)? {
        None => Ok(None),
        Some(Row::Mode(row)) => Ok(row.value),
        Some(_) => Err(ViewError::wrong_row(&key)),
    }
}

/// The policy set on exactly this scope.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn policy(view: &impl View, scope: &Scope) -> Result<Option<LifecyclePolicy>, ViewError> {
    let key = Key::Policy(scope.clone());
    match view.get(&key)? {
        None => Ok(None),
        Some(Row::Policy(row)) => Ok(row.value),
        Some(_) => Err(ViewError::wrong_row(&key)),
    }
}

/// The configuration in force for a scope: each field from the nearest scope that sets it.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn config_in_scope(view: &impl View, scope: &Scope) -> Result<Config, ViewError> {
    let mut merged = config(view, scope)?.unwrap_or_default();
    for scope in scope.chain().into_iter().skip(1) {
        if let Some(config) = config(view, &scope)? {
            merged = merged.over(config);
        }
    }
    Ok(merged)
}

/// The mode in force for a scope: READONLY_OVERRIDE above wins, that of the default context is above every context; else
/// the nearest one that is set; else READWRITE.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn mode_in_scope(view: &impl View, scope: &Scope) -> Result<Mode, ViewError> {
    let mut nearest = None;
    for scope in scope.chain() {
        match mode(view, &scope)? {
            Some(Mode::ReadOnlyOverride) => return Ok(Mode::ReadOnlyOverride),
            found => nearest = nearest.or(found),
        }
    }
    if mode(view, &Scope::top())? == Some(Mode::ReadOnlyOverride) {
        return Ok(Mode::ReadOnlyOverride);
    }
    Ok(nearest.unwrap_or(Mode::ReadWrite))
}

/// The drafts of a subject, oldest first; without a subject, all.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn drafts(view: &impl View, subject: Option<&Subject>) -> Result<Vec<(Subject, DraftId, DraftRow)>, ViewError> {
    collect(view, &KeyRange::drafts(subject), |key, row| match (key, row) {
        (Key::Draft(subject, id), Row::Draft(row)) => Some((subject, id, row)),
        _ => None,
    })
}

/// The steps of a life, oldest first, with the entries that made them.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn history(view: &impl View, subject: &Subject, life: DraftId) -> Result<Vec<(LogIndex, HistoryRow)>, ViewError> {
    collect(view, &KeyRange::history(subject, life), |key, row| match (key, row) {
        (Key::History(_, _, index), Row::History(row)) => Some((index, row)),
        _ => None,
    })
}

/// The registered consumers of a subject, by name.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn consumers(view: &impl View, subject: &Subject) -> Result<Vec<(String, ConsumerRow)>, ViewError> {
    collect(view, &KeyRange::consumers(subject), |key, row| match (key, row) {
        (Key::Consumer(_, id), Row::Consumer(row)) => Some((id, row)),
        _ => None,
    })
}

/// What a rollback to a version would do: shown first, and done in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackPlan {
    /// The active versions above the target, which would be rolled back, ascending.
    pub versions: Vec<Version>,
    /// Live schemas that refer to one of those: subject, version, and what it refers to.
    pub dependents: Vec<(Subject, Version, Version)>,
    /// Consumers registered for one of those.
    pub consumers: Vec<(String, ConsumerRow)>,
}

/// Plans a rollback. What it looks at is the subject as a whole: an unchanged revision of it means an unchanged plan, but
/// for references, which are looked at again when the plan is carried out.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn rollback_plan(view: &impl View, subject: &Subject, target: Version) -> Result<RollbackPlan, ViewError> {
    let mut affected = Vec::new();
    view.scan(&KeyRange::versions(subject).after(&Key::Version(subject.clone(), target)), &mut |key, row| {
        if let (Key::Version(_, version), Row::Version(row)) = (key, row)
            && row.deleted == Deleted::No
            && row.state == VersionState::Active
        {
            affected.push(version);
        }
        ControlFlow::Continue(())
    })?;
    let mut dependents = Vec::new();
    for version in &affected {
        for (context, id) in referrers(view, subject, *version)? {
            for (holder, held) in usages(view, &context, id)? {
                let row = version_row(view, &holder, held)?;
                if row.is_some_and(|row| row.deleted == Deleted::No && row.state.is_in_use()) {
                    dependents.push((holder, held, *version));
                }
            }
        }
    }
    let mut consumers = consumers(view, subject)?;
    consumers.retain(|(_, row)| affected.iter().any(|version| row.covers(*version)));
    Ok(RollbackPlan { versions: affected, dependents, consumers })
}

fn collect<T>(
    view: &impl View,
    range: &KeyRange,
    mut pick: impl FnMut(Key, Row) -> Option<T>,
) -> Result<Vec<T>, ViewError> {
    let mut found = Vec::new();
    view.scan(range, &mut |key, row| {
        found.extend(pick(key, row));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
