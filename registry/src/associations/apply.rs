//! Ties subjects to resources and unties them. All changes of one command take effect, or none.

use super::{
    AssociationChange, AssociationRow, AssociationWish, AssociationsCommand, AssociationsDone, AssociationsRefusal,
    Lifecycle, Resource,
};
use crate::catalog::{self, find};
use crate::effect::{Applying, Effect, Entry};
use crate::limits::ASSOCIATION_COUNT_MAX;
use crate::overlay::Overlay;
use crate::{Change, EventKind, Key, Row, View, query};

pub(crate) fn apply(view: &impl View, entry: Entry<'_>, command: &AssociationsCommand) -> Applying<Effect> {
    match command {
        AssociationsCommand::Change { resource, changes } => apply_changes(view, entry, resource, changes),
    }
}

fn apply_changes(
    view: &impl View,
    entry: Entry<'_>,
    resource: &Resource,
    wishes: &[AssociationChange],
) -> Applying<Effect> {
    let mut view = Overlay::new(view);
    let (mut changes, mut events) = (Vec::new(), Vec::new());
    for wish in wishes {
        let (made, happened) = match wish {
            AssociationChange::Create(wish) => tie(&view, entry, resource, wish, true)?,
            AssociationChange::Upsert(wish) => tie(&view, entry, resource, wish, false)?,
            AssociationChange::Delete { role, cascade } => untie_role(&view, entry, resource, role, *cascade)?,
        };
        view.add(&made);
        changes.extend(made);
        events.extend(happened);
    }
    let associations = query::associations_of_resource(&view, &resource.id)?;
    Ok(Effect { done: AssociationsDone::Changed { associations }.into(), changes, events })
}

type Made = (Vec<Change>, Vec<EventKind>);

fn tie(
    view: &impl View,
    entry: Entry<'_>,
    resource: &Resource,
    wish: &AssociationWish,
    is_new: bool,
) -> Applying<Made> {
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
        return Ok((Vec::new(), Vec::new()));
    }
    if let Some(old) = &old {
        if is_new {
            let resource = resource.name.clone();
            return Err(AssociationsRefusal::AssociationExists { role: role.clone(), resource }.into());
        }
        if old.frozen {
            let subject = old.subject.clone();
            return Err(AssociationsRefusal::AssociationFrozen { role: role.clone(), subject }.into());
        }
    }
    find::refuse_read_only(view, subject)?;
    if query::subject_row(view, subject)?.is_none_or(|row| row.live == 0) {
        return Err(AssociationsRefusal::NoActiveVersion { subject: subject.clone() }.into());
    }
    let others: Vec<_> = query::associations_of_subject(view, subject)?
        .into_iter()
        .filter(|other| (&other.resource.id, &other.resource.kind, &other.role) != (&resource.id, &resource.kind, role))
        .collect();
    if others.iter().any(|other| other.lifecycle == Lifecycle::Strong) {
        return Err(AssociationsRefusal::StrongAssociationExists { subject: subject.clone() }.into());
    }
    if lifecycle == Lifecycle::Strong && !others.is_empty() {
        return Err(AssociationsRefusal::SubjectAssociated { subject: subject.clone() }.into());
    }
    if others.len() >= ASSOCIATION_COUNT_MAX as usize {
        return Err(AssociationsRefusal::TooManyAssociations { limit: ASSOCIATION_COUNT_MAX }.into());
    }
    let mut changes = old.as_ref().map(removal_changes).unwrap_or_default();
    let row = AssociationRow { modified_at: entry.index(), ..row };
    changes.extend(index_keys(&row).map(|key| (key, Some(Row::Present))));
    changes.push((key, Some(Row::Association(row))));
    Ok((changes, Vec::new()))
}

fn untie_role(view: &impl View, entry: Entry<'_>, resource: &Resource, role: &str, cascade: bool) -> Applying<Made> {
    let key = Key::Association(resource.id.clone(), resource.kind.clone(), role.to_owned());
    let row = query::association(view, &key)?;
    let row = row.ok_or_else(|| AssociationsRefusal::AssociationNotFound { resource: resource.id.clone() })?;
    // What is frozen goes only together with its subject.
    if row.frozen && !cascade {
        return Err(AssociationsRefusal::AssociationFrozen { role: row.role, subject: row.subject }.into());
    }
    let mut below = Overlay::new(view);
    let mut changes = removal_changes(&row);
    below.add(&changes);
    let mut events = Vec::new();
    let is_live = query::subject_row(&below, &row.subject)?.is_some_and(|row| row.live > 0);
    if cascade && row.lifecycle == Lifecycle::Strong && is_live {
        let effect = catalog::soft_delete_subject(&below, entry, &row.subject)?;
        changes.extend(effect.changes);
        events.extend(effect.events);
    }
    Ok((changes, events))
}

/// The keys under which an association is found besides its own.
fn index_keys(row: &AssociationRow) -> [Key; 2] {
    let Resource { id, kind, name, namespace } = row.resource.clone();
    [
        Key::AssociationOf(row.subject.clone(), id.clone(), kind.clone(), row.role.clone()),
        Key::AssociationNamed(name, namespace, id, kind, row.role.clone()),
    ]
}

fn removal_changes(row: &AssociationRow) -> Vec<Change> {
    let own = Key::Association(row.resource.id.clone(), row.resource.kind.clone(), row.role.clone());
    std::iter::once(own).chain(index_keys(row)).map(|key| (key, None)).collect()
}
