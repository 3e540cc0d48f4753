//! Does a default fit the type of its field? The rule of Java's `isValidDefault` (1.12.1).
//!
//! A union takes a default of any branch. Enum symbols and the length of a fixed are not looked at: any text will do. A
//! record takes an object in which every missing field has a default of its own, so one small text can mean
//! exponential work: the walk is on a budget.
//!
//! Java checks twice: when a field is parsed, where a type that is not yet known counts as a record without fields, and
//! again when the complete schemas are copied, where a record whose copy is not complete yet cannot be looked into.

use std::collections::{BTreeMap, BTreeSet};

use super::json::Json;
use super::model::{Kind, Node, NodeId, Primitive};
use crate::{Budget, SchemaError, limits};

/// Did the check meet a type that is defined later?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Met {
    /// No: the verdict stands.
    Known,
    /// Yes: it must be made again when the type is known.
    Forward,
}

/// How far the copying of the complete schemas has come, in the second check.
#[derive(Debug, Default)]
pub(crate) struct Copying {
    /// Forward node → definition.
    pub(crate) targets: BTreeMap<NodeId, NodeId>,
    /// Records that are being copied and have no fields yet.
    pub(crate) incomplete: BTreeSet<NodeId>,
}

/// `None` if `value` does not fit the type.
///
/// # Errors
/// [`SchemaError::Invalid`] for an object as the default of a record whose copy is not complete (a field inside the
/// record that it is to hold), [`SchemaError::Limit`].
pub(crate) fn check(
    nodes: &[Node],
    type_id: NodeId,
    value: &Json<'_>,
    copying: Option<&Copying>,
    budget: &mut Budget,
) -> Result<Option<Met>, SchemaError> {
    let mut walk = Walk { nodes, copying, budget, met: Met::Known };
    let fits = walk.fits(type_id, value, 0)?;
    Ok(fits.then_some(walk.met))
}

struct Walk<'w> {
    nodes: &'w [Node],
    copying: Option<&'w Copying>,
    budget: &'w mut Budget,
    met: Met,
}

impl Walk<'_> {
    fn fits(&mut self, type_id: NodeId, value: &Json<'_>, depth: usize) -> Result<bool, SchemaError> {
        self.budget.step()?;
        if depth > limits::SCHEMA_DEPTH_MAX {
            let allowed = limits::SCHEMA_DEPTH_MAX as u64;
            return Err(SchemaError::Limit { limit: "SCHEMA_DEPTH_MAX", allowed });
        }
        let nodes = self.nodes;
        match &nodes[type_id.0 as usize].kind {
            Kind::Primitive(primitive) => Ok(fits_primitive(*primitive, value)),
            Kind::Enum(_) | Kind::Fixed(_) => Ok(value.text().is_some()),
            Kind::Array(element) => match value {
                Json::Array(items) => self.all_fit(*element, items.iter(), depth),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => Ok(false),
            },
            Kind::Map(element) => match value {
                Json::Object(entries) => self.all_fit(*element, entries.iter().map(|(_, value)| value), depth),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => Ok(false),
            },
            Kind::Union(branches) => {
                for branch in branches {
                    if self.fits(*branch, value, depth + 1)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Kind::Record(record) => {
                let Json::Object(entries) = value else { return Ok(false) };
                if self.copying.is_some_and(|copying| copying.incomplete.contains(&type_id)) {
                    return Err(SchemaError::invalid(format!(
                        "a field inside the record {} has an object of that record as its default",
                        record.named.name.full()
                    )));
                }
                let given: BTreeMap<&str, &Json<'_>> =
                    entries.iter().map(|(key, value)| (key.as_ref(), value)).collect();
                for field in &record.fields {
                    let fits = match given.get(field.name.as_str()).copied().or(field.default.as_ref()) {
                        Some(value) => self.fits(field.type_id, value, depth + 1)?,
                        None => false,
                    };
                    if !fits {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Kind::Forward(_) => match self.copying.and_then(|copying| copying.targets.get(&type_id)) {
                Some(target) => self.fits(*target, value, depth + 1),
                None => {
                    self.met = Met::Forward;
                    Ok(matches!(value, Json::Object(_)))
                }
            },
        }
    }

    fn all_fit<'j>(
        &mut self,
        element: NodeId,
        values: impl Iterator<Item = &'j Json<'j>>,
        depth: usize,
    ) -> Result<bool, SchemaError> {
        for value in values {
            if !self.fits(element, value, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn fits_primitive(primitive: Primitive, value: &Json<'_>) -> bool {
    match primitive {
        Primitive::Null => matches!(value, Json::Null),
        Primitive::Boolean => matches!(value, Json::Bool(_)),
        Primitive::Int => value.integer::<i32>().is_some(),
        Primitive::Long => value.integer::<i64>().is_some(),
        Primitive::Float | Primitive::Double => matches!(value, Json::Number(_)),
        Primitive::Bytes | Primitive::String => value.text().is_some(),
    }
}
