//! Adds a version to a subject: allots the id and the version number, and writes what belongs to them.
//!
//! Whether the schema is valid, compatible and new was decided by the preparer; the basis guards that verdict. What is
//! decided here needs the current state: the mode, the id of the content in its context, the next version.

use super::{Assign, CatalogDone, CatalogRefusal, Content, Register};
use crate::effect::{Applying, Effect, Entry};
use crate::limits::{
    SCHEMA_ID_IMPORT_MAX, SCHEMA_ID_MAX, VERSION_COUNT_MAX, VERSION_NUMBER_IMPORT_MAX, VERSION_NUMBER_MAX,
};
use crate::query;
use crate::{
    Change, ContentRow, Context, ContextRow, Deleted, DraftId, EventKind, Key, LifeRefusal, LogIndex, Mode,
    PolicyInForce, Row, SchemaId, Scope, Subject, SubjectRow, TermsRow, Version, VersionRow, VersionState, View,
    ViewError,
};

pub(super) fn register(view: &impl View, entry: Entry<'_>, register: &Register) -> Applying<Effect> {
    if matches!(register.assign, Assign::Next { .. }) {
        let policy = PolicyInForce::of(view, &Scope::Subject(register.subject.clone()))?;
        if policy.review {
            return Err(LifeRefusal::ReviewRequired.into());
        }
        refuse_by_policy(view, &policy, register)?;
    }
    add_version(view, entry, register, DraftId(entry.index().0))
}

/// What a policy asks of every new version, reviewed or not.
pub(crate) fn refuse_by_policy(view: &impl View, policy: &PolicyInForce, register: &Register) -> Applying<()> {
    let properties = register.content.metadata.as_ref().map(|metadata| &metadata.properties);
    let is_missing = |name: &&String| {
        properties.and_then(|properties| properties.get(*name)).is_none_or(|value| value.trim().is_empty())
    };
    if let Some(name) = policy.required_properties.iter().find(is_missing) {
        return Err(LifeRefusal::PropertyMissing { name: name.clone() }.into());
    }
    let held = query::subject_row(view, &register.subject)?.map_or(0, |row| row.live + row.soft_deleted);
    // The registry's own limit has an answer of its own, which Confluent clients know.
    if held >= policy.versions_max && policy.versions_max < VERSION_COUNT_MAX {
        return Err(LifeRefusal::VersionsMax { limit: policy.versions_max }.into());
    }
    Ok(())
}

/// Adds the version; `life` is the draft that it was, or this entry.
pub(crate) fn add_version(view: &impl View, entry: Entry<'_>, register: &Register, life: DraftId) -> Applying<Effect> {
    let subject = &register.subject;
    refuse_by_mode(view, register)?;
    let old = query::subject_row(view, subject)?;
    refuse_by_numbers(register, old.as_ref())?;
    let next = old.as_ref().map_or(Version(1), |row| Version(row.next_version));
    let mut changes = Vec::new();
    let (id, is_new_id) = take_id(view, entry, register, &mut changes)?;
    let version = match place_of(view, register, next, id)? {
        Place::Free(version) => version,
        Place::Held(version) => {
            let guid = register.content.guid;
            return Ok(Effect::of(CatalogDone::Registered { id, version, guid, is_new_id: false }));
        }
    };

    let mut row = old.unwrap_or(SubjectRow { next_version: 1, live: 0, soft_deleted: 0, modified_at: LogIndex(0) });
    // An id that is new is held by nobody yet.
    let buried = if is_new_id { 0 } else { bury_soft_deleted_twins(view, subject, id, version, &mut changes)? };
    row.next_version = row.next_version.max(version.0.saturating_add(1));
    row.live += 1;
    row.soft_deleted -= buried;
    row.modified_at = entry.index();

    let content = &register.content;
    let version_row = VersionRow {
        id,
        guid: content.guid,
        format: content.format,
        deleted: Deleted::No,
        state: VersionState::Active,
        life,
        semver: register.semver,
        deprecation: None,
        created_ms: entry.time_ms,
        created_at: entry.index(),
        modified_at: entry.index(),
    };
    changes.push((Key::Subject(subject.clone()), Some(Row::Subject(row))));
    changes.push((Key::Version(subject.clone(), version), Some(Row::Version(version_row))));
    changes.push((Key::Usage(subject.context.clone(), id, subject.clone(), version), Some(Row::Present)));
    if let Some(sent) = &register.sent {
        changes.push((Key::Sent(subject.clone(), version), Some(Row::Sent(sent.clone()))));
    }
    let registered = EventKind::SchemaRegistered { subject: subject.clone(), version, id };
    let done = CatalogDone::Registered { id, version, guid: content.guid, is_new_id };
    Ok(Effect { done: done.into(), changes, events: vec![registered] })
}

fn refuse_by_mode(view: &impl View, register: &Register) -> Applying<()> {
    let subject = register.subject.clone();
    let mode = query::mode_in_scope(view, &Scope::Subject(subject.clone()))?;
    let refusal = match (mode, register.assign) {
        (Mode::ReadWrite, Assign::Next { .. }) | (Mode::Import | Mode::Forward, Assign::Import { .. }) => return Ok(()),
        (Mode::ReadOnly | Mode::ReadOnlyOverride, _) => CatalogRefusal::ReadOnly { subject },
        (Mode::Import | Mode::Forward, Assign::Next { .. }) => CatalogRefusal::NotReadWrite { subject },
        (Mode::ReadWrite, Assign::Import { .. }) => CatalogRefusal::NotImport { subject },
    };
    Err(refusal.into())
}

/// What can be said of the numbers that a registration names, or asks for, without looking at what stands under them.
fn refuse_by_numbers(register: &Register, row: Option<&SubjectRow>) -> Applying<()> {
    let subject = &register.subject;
    let next = row.map_or(1, |row| row.next_version);
    let refusal = match register.assign {
        Assign::Next { expected: Some(asked) } if asked.0 != next => {
            CatalogRefusal::VersionNotNext { subject: subject.clone(), asked, next: Version(next) }
        }
        Assign::Import { version: Some(version), .. } if !(1..=VERSION_NUMBER_IMPORT_MAX).contains(&version.0) => {
            CatalogRefusal::VersionOutOfRange { version, max: VERSION_NUMBER_IMPORT_MAX }
        }
        Assign::Import { id, .. } if !(1..=SCHEMA_ID_IMPORT_MAX).contains(&id.0) => {
            CatalogRefusal::IdOutOfRange { id, max: SCHEMA_ID_IMPORT_MAX }
        }
        Assign::Next { .. } | Assign::Import { .. } => {
            let count = row.map_or(0, |row| row.live + row.soft_deleted);
            if count < VERSION_COUNT_MAX && next <= VERSION_NUMBER_MAX {
                return Ok(());
            }
            CatalogRefusal::SubjectFull { subject: subject.clone(), limit: VERSION_COUNT_MAX }
        }
    };
    Err(refusal.into())
}

/// Where a registration goes.
enum Place {
    /// It gets this number.
    Free(Version),
    /// This version is there already and holds the same content: nothing is to be done.
    Held(Version),
}

/// The version that a registration gets. An import may leave gaps, may come in any order, may repeat a version that is
/// there and revive one that is soft-deleted. It never replaces a version by other content, and never uses a number again
/// that was deleted permanently: it gets the next number instead, and the answer says which (a scenario that Confluent's
/// own server passes wants a 200 here).
fn place_of(view: &impl View, register: &Register, next: Version, id: SchemaId) -> Result<Place, ViewError> {
    let Assign::Import { version: Some(asked), .. } = register.assign else { return Ok(Place::Free(next)) };
    Ok(match query::version_row(view, &register.subject, asked)? {
        Some(held) if held.id != id => Place::Free(next),
        Some(held) if held.deleted == Deleted::No => Place::Held(asked),
        Some(_) => Place::Free(asked),
        None if query::is_retired(view, &register.subject, asked)? => Place::Free(next),
        None => Place::Free(asked),
    })
}

/// The id of the content in its context: the one it has, or a new one with everything that belongs to it.
fn take_id(
    view: &impl View,
    entry: Entry<'_>,
    register: &Register,
    changes: &mut Vec<Change>,
) -> Applying<(SchemaId, bool)> {
    let content = &register.content;
    let context = &register.subject.context;
    let known = query::id_of(view, context, content.guid, content.format)?;
    let mut row = query::context_row(view, context)?;
    let is_new_context = !row.as_ref().is_some_and(|row| row.listed);
    let mut context_row = row.take().unwrap_or(ContextRow { next_id: 1, listed: false, modified_at: LogIndex(0) });
    context_row.listed = true;
    context_row.modified_at = entry.index();

    let id = match (known, register.assign) {
        (Some(id), Assign::Next { .. }) => id,
        (Some(id), Assign::Import { id: asked, .. }) if id == asked => id,
        (None, Assign::Next { .. }) => {
            if context_row.next_id > SCHEMA_ID_MAX {
                return Err(CatalogRefusal::IdsExhausted { context: context.clone() }.into());
            }
            SchemaId(context_row.next_id)
        }
        (Some(_), Assign::Import { id, .. }) => {
            return Err(CatalogRefusal::IdTaken { id, context: context.clone() }.into());
        }
        (None, Assign::Import { id, .. }) => {
            // Also when the id is in use no more: it may come back with the content it stood for, never with another.
            let stood_for = Row::Schema(content.guid, content.format);
            if view.get(&Key::Schema(context.clone(), id))?.is_some_and(|row| row != stood_for) {
                return Err(CatalogRefusal::IdTaken { id, context: context.clone() }.into());
            }
            id
        }
    };
    let is_new_id = known.is_none();
    if is_new_id {
        context_row.next_id = context_row.next_id.max(id.0.saturating_add(1));
        write_content(view, entry, context, id, content, changes)?;
    }
    if is_new_id || is_new_context {
        changes.push((Key::Context(context.clone()), Some(Row::Context(context_row))));
    }
    Ok((id, is_new_id))
}

fn write_content(
    view: &impl View,
    entry: Entry<'_>,
    context: &Context,
    id: SchemaId,
    content: &Content,
    changes: &mut Vec<Change>,
) -> Result<(), ViewError> {
    let Content { guid, format, text, references, metadata, rule_set, terms } = content;
    // Terms are those of who wrote the content first: they are written once.
    let (contexts, since) = match query::content_row(view, *guid, *format)? {
        Some(row) => (row.context_count, row.since),
        None => (0, entry.index()),
    };
    if contexts == 0 {
        let row = TermsRow { guid: *guid, format: *format, terms: terms.clone() };
        changes.push((Key::Terms(since), Some(Row::Terms(row))));
    }
    let row = ContentRow {
        text: text.clone(),
        references: references.clone(),
        metadata: metadata.clone(),
        rule_set: rule_set.clone(),
        context_count: contexts + 1,
        since,
    };
    changes.push((Key::Content(*guid, *format), Some(Row::Content(row))));
    changes.push((Key::IdOf(*guid, *format, context.clone()), Some(Row::IdOf(id))));
    changes.push((Key::Schema(context.clone(), id), Some(Row::Schema(*guid, *format))));
    for (subject, version) in query::reference_targets(context, references) {
        changes.push((Key::Referrer(subject, version, context.clone(), id), Some(Row::Present)));
    }
    Ok(())
}

/// Registering content anew that the subject holds in soft-deleted versions removes those for good, unless something
/// refers to them, a soft-deleted schema included (`docs/contexts.md`, "Deletion and registering again"). The id itself
/// stays, the new version holds it. An import that takes the number of such a version again replaces it in any case.
fn bury_soft_deleted_twins(
    view: &impl View,
    subject: &Subject,
    id: SchemaId,
    taken: Version,
    changes: &mut Vec<Change>,
) -> Result<u32, ViewError> {
    let mut buried = 0;
    for version in query::usages_in(view, id, subject)? {
        let key = Key::Version(subject.clone(), version);
        let Some(Row::Version(row)) = view.get(&key)? else { return Err(ViewError::wrong_row(&key)) };
        if row.deleted == Deleted::Soft
            && (version == taken || !query::is_referenced_at_all(view, subject, version, None)?)
        {
            changes.push((key, None));
            changes.push((Key::Sent(subject.clone(), version), None));
            changes.push((Key::Usage(subject.context.clone(), id, subject.clone(), version), None));
            if version != taken {
                changes.push((Key::Retired(subject.clone(), version), Some(Row::Present)));
            }
            buried += 1;
        }
    }
    Ok(buried)
}
