//! Authorisation: what the doors ask for what a request names, and what reads ask item by item.

use proto::error_code as code;
use proto::operations::{Operation, Part, Permission};
use registry::{Context, Principal, Subject, ViewError, query};
use schema::{Metadata, Reference};

use super::read::resolve_alias;
use super::{Caller, Service, ServiceError};
use crate::auth::{Named, Target, permission_denied, targets_of};

/// The metadata property that says who owns a subject (`docs/security.md`).
const OWNER: &str = "owner";

impl Service {
    /// Refuses whoever could do this to nothing at all.
    ///
    /// # Errors
    /// 40101, 40301.
    pub fn authorize_somewhere(&self, principal: &Principal, permission: Permission) -> Result<(), ServiceError> {
        if self.inner.authority.may_somewhere(principal, permission)? {
            return Ok(());
        }
        Err(permission_denied(principal, permission))
    }

    /// Refuses an operation on what the request names, and on the subject that a named alias stands for. `part` gives the
    /// text that stands in a part of the request.
    ///
    /// # Errors
    /// 40101, 40301, and those of a name that is none.
    pub fn authorize_operation(
        &self,
        caller: &Caller,
        operation: &Operation,
        context: Option<&Context>,
        part: impl Fn(Part) -> Option<String>,
    ) -> Result<(), ServiceError> {
        if !self.inner.authority.is_on() {
            return Ok(());
        }
        for (permission, named) in targets_of(operation, context, part)? {
            match &named {
                Named::Subject(subject) => self.authorize_subject(caller, permission, subject)?,
                Named::Context(_) | Named::Cluster => self.authorize_target(caller, permission, named.as_target())?,
            }
        }
        Ok(())
    }

    /// Refuses something on a subject, and on the one that it is an alias of.
    ///
    /// # Errors
    /// 40101, 40301.
    pub fn authorize_subject(
        &self,
        caller: &Caller,
        permission: Permission,
        subject: &Subject,
    ) -> Result<(), ServiceError> {
        if !self.inner.authority.is_on() {
            return Ok(());
        }
        self.authorize_target(caller, permission, Target::Subject(subject))?;
        let meant = self.inner.consensus.state().read(|view| resolve_alias(view, subject))?;
        if meant == *subject {
            return Ok(());
        }
        self.authorize_target(caller, permission, Target::Subject(&meant))
    }

    /// Refuses something on anything.
    ///
    /// # Errors
    /// 40101, 40301.
    pub fn authorize_target(
        &self,
        caller: &Caller,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<(), ServiceError> {
        self.inner.authority.refuse_unless_permitted(&caller.actor.principal, &caller.origin, permission, target)
    }

    /// May the caller do this to a subject? For lists, which leave out what may not be seen.
    pub(super) fn is_permitted(
        &self,
        caller: &Caller,
        permission: Permission,
        subject: &Subject,
    ) -> Result<bool, ServiceError> {
        self.inner.authority.is_permitted(&caller.actor.principal, &caller.origin, permission, Target::Subject(subject))
    }

    /// Refuses metadata that would give a subject that is there to another owner, unless the caller may delete it: whoever
    /// owns it may.
    ///
    /// # Errors
    /// 40101, 40301.
    pub(super) fn authorize_owner(
        &self,
        caller: &Caller,
        subject: &Subject,
        metadata: Option<&Metadata>,
    ) -> Result<(), ServiceError> {
        if !self.inner.authority.is_on() {
            return Ok(());
        }
        let before = self.inner.consensus.state().read(|view| {
            // Of the newest version, soft-deleted ones included: those can be deleted, too.
            let Some((_, row)) = query::versions(view, subject)?.pop() else { return Ok(None) };
            let content = query::content_row(view, row.guid, row.format)?;
            let latest = query::latest(view, subject)?.map(|(_, row)| row);
            let of_latest = latest.map(|row| query::content_row(view, row.guid, row.format)).transpose()?.flatten();
            Ok::<_, ViewError>(Some(
                [content, of_latest].map(|row| owner_of(row.and_then(|row| row.metadata).as_ref())),
            ))
        })?;
        let after = owner_of(metadata);
        match before {
            Some(owners) if owners.iter().any(|owner| *owner != after) => {
                let permitted = self.is_permitted(caller, Permission::SubjectDelete, subject)?;
                let message = "This version changes the metadata property 'owner' of its subject: that needs the permission \
                               subject.delete for it";
                if permitted { Ok(()) } else { Err(ServiceError::new(code::FORBIDDEN, message)) }
            }
            Some(_) | None => Ok(()),
        }
    }

    /// May the caller read a subject?
    ///
    /// # Errors
    /// [`ServiceError`] if the rules of access cannot be read from the state.
    pub fn may_read(&self, caller: &Caller, subject: &Subject) -> Result<bool, ServiceError> {
        self.is_permitted(caller, Permission::SubjectRead, subject)
    }

    /// Keeps those of a list whose subject the caller may see.
    pub(super) fn keep_visible<T>(
        &self,
        caller: &Caller,
        permission: Permission,
        items: Vec<T>,
        subject_of: impl Fn(&T) -> &Subject,
    ) -> Result<Vec<T>, ServiceError> {
        if !self.inner.authority.is_on() {
            return Ok(items);
        }
        let mut visible = Vec::with_capacity(items.len());
        for item in items {
            if self.is_permitted(caller, permission, subject_of(&item))? {
                visible.push(item);
            }
        }
        Ok(visible)
    }

    /// Refuses schemas that refer to what the caller may not read: errors and comparisons tell of their content.
    pub(super) fn authorize_references(
        &self,
        caller: &Caller,
        context: &Context,
        references: &[Reference],
    ) -> Result<(), ServiceError> {
        if !self.inner.authority.is_on() {
            return Ok(());
        }
        for reference in references {
            let subject = Subject::parse_in(context, &reference.subject)?;
            if !self.may_read(caller, &subject)? {
                // As for a reference that leads nowhere: whether it is there is not told.
                let Reference { subject, version, .. } = reference;
                return Err(ServiceError::new(
                    code::INVALID_SCHEMA,
                    format!(
                        "Invalid schema, details: No schema reference found for subject \"{subject}\" and version {version}"
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// The owner that policies see: a sealed one is none.
fn owner_of(metadata: Option<&Metadata>) -> String {
    let owner =
        metadata.filter(|metadata| !metadata.sensitive.contains(OWNER)).and_then(|found| found.properties.get(OWNER));
    owner.cloned().unwrap_or_default()
}
