//! What associations forbid.

use super::AssociationsRefusal;
use crate::effect::Applying;
use crate::{Subject, View, query};

/// Refuses to delete a subject that is tied to a resource.
pub(crate) fn refuse_deletion(view: &impl View, subject: &Subject) -> Applying<()> {
    if query::associations_of_subject(view, subject)?.is_empty() {
        return Ok(());
    }
    Err(AssociationsRefusal::SubjectAssociated { subject: subject.clone() }.into())
}
