//! Resolves references: from a schema's list to the texts of its closure, in dependency order.

use std::collections::BTreeSet;

use proto::error_code as code;
use registry::query;
use registry::{Context, Deleted, Subject, Version, VersionState, View};
use schema::limits::{REFERENCE_CLOSURE_BYTES_MAX, REFERENCE_CLOSURE_MAX, REFERENCE_COUNT_MAX};
use schema::{Reference, ResolvedReference};

use super::ServiceError;

/// Deepest chain of references.
const REFERENCE_DEPTH_MAX: usize = 64;

/// Which versions may be referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// Versions that are not deleted: for new schemas.
    Live,
    /// Soft-deleted ones, too: for schemas that are stored already.
    Any,
}

/// The closure of `references`, depth first, what is referred to before what refers to it; the first schema under a name wins.
///
/// # Errors
/// 42201 for a reference that leads nowhere or a closure that is too large.
pub fn reference_closure(
    view: &impl View,
    context: &Context,
    references: &[Reference],
    liveness: Liveness,
) -> Result<Vec<ResolvedReference>, ServiceError> {
    if references.len() > REFERENCE_COUNT_MAX {
        return Err(too_large("REFERENCE_COUNT_MAX", REFERENCE_COUNT_MAX));
    }
    let mut walk = Walk { view, names: BTreeSet::new(), resolved: Vec::new(), bytes: 0 };
    walk.resolve_references(context, references, liveness, 0)?;
    Ok(walk.resolved)
}

/// Replaces version -1 by the latest live version.
///
/// # Errors
/// 42201 if there is none.
pub fn pin_references(view: &impl View, context: &Context, references: &mut [Reference]) -> Result<(), ServiceError> {
    for reference in references {
        if reference.version == -1 {
            let subject = Subject::parse_in(context, &reference.subject)?;
            let Some((latest, _)) = query::latest(view, &subject)? else { return Err(missing_error(reference)) };
            reference.version = latest.as_i32();
        }
    }
    Ok(())
}

struct Walk<'a, V> {
    view: &'a V,
    names: BTreeSet<String>,
    resolved: Vec<ResolvedReference>,
    bytes: usize,
}

impl<V: View> Walk<'_, V> {
    fn resolve_references(
        &mut self,
        context: &Context,
        references: &[Reference],
        liveness: Liveness,
        depth: usize,
    ) -> Result<(), ServiceError> {
        if depth > REFERENCE_DEPTH_MAX {
            return Err(too_large("REFERENCE_DEPTH_MAX", REFERENCE_DEPTH_MAX));
        }
        for reference in references {
            // A name is taken when it is first seen, so a circle of references ends here, too.
            if !self.names.insert(reference.name.clone()) {
                continue;
            }
            let subject = Subject::parse_in(context, &reference.subject)?;
            let version = Version::from_i32(reference.version).ok_or_else(|| missing_error(reference))?;
            let row = query::version_row(self.view, &subject, version)?.ok_or_else(|| missing_error(reference))?;
            if liveness == Liveness::Live && row.deleted == Deleted::Soft {
                return Err(missing_error(reference));
            }
            if liveness == Liveness::Live && row.state == VersionState::Quarantined {
                return Err(quarantined_error(reference));
            }
            let content =
                query::content_row(self.view, row.guid, row.format)?.ok_or_else(|| missing_error(reference))?;
            self.resolve_references(&subject.context, &content.references, Liveness::Any, depth + 1)?;
            self.bytes += content.text.len();
            if self.resolved.len() >= REFERENCE_CLOSURE_MAX {
                return Err(too_large("REFERENCE_CLOSURE_MAX", REFERENCE_CLOSURE_MAX));
            }
            if self.bytes > REFERENCE_CLOSURE_BYTES_MAX {
                return Err(too_large("REFERENCE_CLOSURE_BYTES_MAX", REFERENCE_CLOSURE_BYTES_MAX));
            }
            self.resolved.push(ResolvedReference { reference: reference.clone(), text: content.text });
        }
        Ok(())
    }
}

fn missing_error(reference: &Reference) -> ServiceError {
    let Reference { subject, version, .. } = reference;
    ServiceError::new(
        code::INVALID_SCHEMA,
        format!("Invalid schema, details: No schema reference found for subject \"{subject}\" and version {version}"),
    )
}

fn quarantined_error(reference: &Reference) -> ServiceError {
    let Reference { subject, version, .. } = reference;
    ServiceError::new(code::QUARANTINED, format!("Version {version} of subject '{subject}' is quarantined"))
}

fn too_large(limit: &str, allowed: usize) -> ServiceError {
    let message = format!("Invalid schema, details: the references exceed the limit {limit} of {allowed}");
    ServiceError::new(code::INVALID_SCHEMA, message)
}
