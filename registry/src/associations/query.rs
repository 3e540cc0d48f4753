//! Reads of associations.

use crate::reading::collect;
use crate::{AssociationRow, Key, KeyRange, Row, Subject, View, ViewError};

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
    rows_behind(view, keys)
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
    rows_behind(view, keys)
}

fn all_associations(view: &impl View, range: &KeyRange) -> Result<Vec<AssociationRow>, ViewError> {
    collect(view, range, |_, row| match row {
        Row::Association(row) => Some(row),
        _ => None,
    })
}

fn rows_behind(view: &impl View, keys: Vec<Key>) -> Result<Vec<AssociationRow>, ViewError> {
    let found = keys.into_iter().map(|key| association(view, &key).map(|row| row.ok_or(key)));
    let found = found.map(|row| row?.map_err(|key| ViewError(format!("the index names {key:?}, which is not there"))));
    found.collect()
}
