//! Ties subjects to resources and unties them. All changes of one command take effect, or none.

use super::{Effect, Entry, delete};
use crate::limits::ASSOCIATION_COUNT_MAX;
use crate::overlay::Overlay;
use crate::{
    AssociationChange, AssociationRow, AssociationWish, Change, EventKind, Key, Lifecycle, Outcome, Rejection,
    Resource, Row, Scope, Subject, View, ViewError, query,
};

pub(super) fn change(
    view: &impl View,
    entry: Entry,
    resource: &Resource,
    wishes: &[AssociationChange],
) -> Result<Effect, ViewError> {
    let mut view = Overlay::new(view);
    let mut effect = Effect::of(Outcome::Nothing);
    for wish in wishes {
        let done = match wish {
            AssociationChange::Create(wish) => tie(&view, entry, resource, wish, true)?,
            AssociationChange::Upsert(wish) => tie(&view, entry, resource, wish, false)?,
            AssociationChange::Delete { role, cascade } => untie(&view, entry, resource, role, *cascade)?,
        };
        let (changes, events) = match done {
            Ok(done) => done,
            Err(rejection) => return Ok(Effect::rejected(rejection)),
        };
        view.add(&changes);
        effect.changes.extend(changes);
        effect.events.extend(events);
    }
    let associations = query::associations_of_resource(&view, &resource.id)?;
    effect.outcome = Outcome::AssociationsChanged { associations };
    Ok(effect)
}

type Done = Result<(Vec<Change>, Vec<EventKind>), Rejection>;

fn tie(
    view: &impl View,
    entry: Entry,
    resource: &Resource,
    wish: &AssociationWish,
    is_new: bool,
) -> Result<Done, ViewError> {
    let AssociationWish { guid, subject, role, .. } = wish;
    let key = Key::Association(resource.id.clone(), resource.kind.clone(), role.clone());
    let old = query::association(view, &key)?;
    let lifecycle = wish.lifecycle.or(old.as_ref().map(|row| row.lifecycle)).unwrap_or(Lifecycle::Weak);
    let frozen = wish.frozen.or(old.as_ref().map(|row| row.frozen)).unwrap_or(false);
    let row = AssociationRow {
        guid: old.as_ref().map_or(*guid, |row| row.guid),
        subject: subject.clone(),
        resource: resource.clone(),
        role: role.clone(),
        lifecycle,
        frozen,
        modified_at: old.as_ref().map_or(entry.index(), |row| row.modified_at),
    };
    if old.as_ref() == Some(&row) {
        return Ok(Ok((Vec::new(), Vec::new())));
    }
    if let Some(old) = &old {
        if is_new {
            let resource = resource.name.clone();
            return Ok(Err(Rejection::AssociationExists { role: role.clone(), resource }));
        }
        if old.frozen {
            return Ok(Err(Rejection::AssociationFrozen { role: role.clone(), subject: old.subject.clone() }));
        }
    }
    if query::mode_in_scope(view, &Scope::Subject(subject.clone()))?.is_read_only() {
        return Ok(Err(Rejection::ReadOnly { subject: subject.clone() }));
    }
    if query::subject_row(view, subject)?.is_none_or(|row| row.live == 0) {
        return Ok(Err(Rejection::NoActiveVersion { subject: subject.clone() }));
    }
    let others: Vec<_> = query::associations_of_subject(view, subject)?
        .into_iter()
        .filter(|other| (&other.resource.id, &other.resource.kind, &other.role) != (&resource.id, &resource.kind, role))
        .collect();
    if others.iter().any(|other| other.lifecycle == Lifecycle::Strong) {
        return Ok(Err(Rejection::StrongAssociationExists { subject: subject.clone() }));
    }
    if lifecycle == Lifecycle::Strong && !others.is_empty() {
        return Ok(Err(Rejection::SubjectAssociated { subject: subject.clone() }));
    }
    if others.len() >= ASSOCIATION_COUNT_MAX as usize {
        return Ok(Err(Rejection::TooManyAssociations { limit: ASSOCIATION_COUNT_MAX }));
    }
    let mut changes = old.as_ref().map(removed).unwrap_or_default();
    let row = AssociationRow { modified_at: entry.index(), ..row };
    changes.extend(indexes(&row).map(|key| (key, Some(Row::Present))));
    changes.push((key, Some(Row::Association(row))));
    Ok(Ok((changes, Vec::new())))
}

fn untie(view: &impl View, entry: Entry, resource: &Resource, role: &str, cascade: bool) -> Result<Done, ViewError> {
    let key = Key::Association(resource.id.clone(), resource.kind.clone(), role.to_owned());
    let Some(row) = query::association(view, &key)? else {
        return Ok(Err(Rejection::AssociationNotFound { resource: resource.id.clone() }));
    };
    // What is frozen goes only together with its subject.
    if row.frozen && !cascade {
        return Ok(Err(Rejection::AssociationFrozen { role: row.role, subject: row.subject }));
    }
    let mut below = Overlay::new(view);
    let mut changes = removed(&row);
    below.add(&changes);
    let mut events = Vec::new();
    let is_live = query::subject_row(&below, &row.subject)?.is_some_and(|row| row.live > 0);
    if cascade && row.lifecycle == Lifecycle::Strong && is_live {
        let effect = delete::soft_delete_subject(&below, entry, &row.subject)?;
        if let Outcome::Rejected(rejection) = effect.outcome {
            return Ok(Err(rejection));
        }
        changes.extend(effect.changes);
        events.extend(effect.events);
    }
    Ok(Ok((changes, events)))
}

/// The keys under which an association is found besides its own.
fn indexes(row: &AssociationRow) -> [Key; 2] {
    let Resource { id, kind, name, namespace } = row.resource.clone();
    [
        Key::AssociationOf(row.subject.clone(), id.clone(), kind.clone(), row.role.clone()),
        Key::AssociationNamed(name, namespace, id, kind, row.role.clone()),
    ]
}

fn removed(row: &AssociationRow) -> Vec<Change> {
    let own = Key::Association(row.resource.id.clone(), row.resource.kind.clone(), row.role.clone());
    std::iter::once(own).chain(indexes(row)).map(|key| (key, None)).collect()
}

/// Why a subject that is tied to a resource cannot be deleted.
pub(super) fn refused_to_delete(view: &impl View, subject: &Subject) -> Result<Option<Rejection>, ViewError> {
    let any = !query::associations_of_subject(view, subject)?.is_empty();
    Ok(any.then(|| Rejection::SubjectAssociated { subject: subject.clone() }))
}
