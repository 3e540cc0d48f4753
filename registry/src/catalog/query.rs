//! Reads of the catalogue.

use std::ops::ControlFlow;

use schema::{Format, Guid, Reference};

use crate::reading::{Include, collect, row_getter};
use crate::{
    ContentRow, Context, ContextRow, Deleted, Key, KeyRange, LogIndex, Row, SchemaId, Subject, SubjectRow, TermsRow,
    Version, VersionRow, VersionState, View, ViewError,
};

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
    /// What the catalogue finds the content by that an entry brought.
    terms_row(since: LogIndex) -> TermsRow, Key::Terms(since), Terms
);
row_getter!(
    /// The id that a content has in a context.
    id_of(context: &Context, guid: Guid, format: Format) -> SchemaId, Key::IdOf(guid, format, context.clone()), IdOf
);
row_getter!(
    /// The text as first sent, where it differs from the canonical one.
    sent(subject: &Subject, version: Version) -> String, Key::Sent(subject.clone(), version), Sent
);

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
