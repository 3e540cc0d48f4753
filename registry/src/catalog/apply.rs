//! Changes the catalogue: hands each command to its rules.

use super::{CatalogCommand, CatalogDone, CatalogRefusal, Permanent, delete, register};
use crate::effect::{Applying, Effect, Entry};
use crate::query::{self, Include};
use crate::{Context, Key, Row, View};

pub(crate) fn apply(view: &impl View, entry: Entry<'_>, command: &CatalogCommand) -> Applying<Effect> {
    match command {
        CatalogCommand::Register(register) => register::register(view, entry, register),
        CatalogCommand::DeleteVersion { subject, version, permanent: Permanent::No } => {
            delete::soft_delete_version(view, entry, subject, *version)
        }
        CatalogCommand::DeleteVersion { subject, version, permanent: Permanent::Yes } => {
            delete::permanently_delete_version(view, entry, subject, *version)
        }
        CatalogCommand::DeleteSubject { subject, permanent: Permanent::No } => {
            delete::soft_delete_subject(view, entry, subject)
        }
        CatalogCommand::DeleteSubject { subject, permanent: Permanent::Yes } => {
            delete::permanently_delete_subject(view, entry, subject)
        }
        CatalogCommand::DeleteContext { context } => delete_context(view, entry, context),
    }
}

fn delete_context(view: &impl View, entry: Entry<'_>, context: &Context) -> Applying<Effect> {
    if !query::subjects(view, Some(context), Include::All)?.is_empty() {
        return Err(CatalogRefusal::ContextNotEmpty { context: context.clone() }.into());
    }
    let mut effect = Effect::of(CatalogDone::ContextDeleted);
    if let Some(mut row) = query::context_row(view, context)? {
        row.listed = false;
        row.modified_at = entry.index();
        effect.changes.push((Key::Context(context.clone()), Some(Row::Context(row))));
    }
    Ok(effect)
}
