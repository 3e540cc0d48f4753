//! Associations of subjects with resources: what is asked is dry-run first, then schemas are registered, then the change is
//! proposed. Everything about them is decided in `registry`.

use proto::operations::Permission;
use registry::{
    AssociationChange, AssociationRow, AssociationsCommand, AssociationsDone, Command, Done, Lifecycle, Outcome,
    Resource, Subject, query,
};

use super::{Caller, NewSchema, RegisterOptions, Service, ServiceError};
use crate::service::provenance::Kind;

/// Which associations are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are named after what they hold")]
pub enum AssociationQuery {
    /// Of the resource with this id.
    Resource(String),
    /// Of resources by name and namespace; `None` means any.
    Named { name: Option<String>, namespace: Option<String> },
    /// Of a subject.
    Subject(Subject),
}

/// What else must hold for an association to be listed; nothing given means anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssociationFilter {
    /// The type of the resource.
    pub kind: Option<String>,
    /// What the subject is for the resource (`key`, `value`); empty means any.
    pub roles: Vec<String>,
    /// How strongly they are tied.
    pub lifecycle: Option<Lifecycle>,
}

impl AssociationFilter {
    /// Is the association one of those asked for?
    pub fn admits(&self, row: &AssociationRow) -> bool {
        self.kind.as_ref().is_none_or(|kind| *kind == row.resource.kind)
            && (self.roles.is_empty() || self.roles.contains(&row.role))
            && self.lifecycle.is_none_or(|lifecycle| lifecycle == row.lifecycle)
    }

    /// Does it ask for anything?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A schema that is to be registered before its subject is tied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociatedSchema {
    /// The subject that gets it.
    pub subject: Subject,
    /// The schema.
    pub schema: NewSchema,
    /// How it is registered.
    pub options: RegisterOptions,
}

impl Service {
    /// The associations that a query finds.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn find_associations(
        &self,
        caller: &Caller,
        wanted: &AssociationQuery,
        filter: &AssociationFilter,
    ) -> Result<Vec<AssociationRow>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let mut found = match wanted {
                AssociationQuery::Resource(id) => query::associations_of_resource(view, id)?,
                AssociationQuery::Named { name, namespace } => {
                    query::associations_named(view, name.as_deref(), namespace.as_deref())?
                }
                AssociationQuery::Subject(subject) => query::associations_of_subject(view, subject)?,
            };
            found.retain(|row| filter.admits(row));
            self.keep_visible(caller, Permission::AssociationRead, found, |row| &row.subject)
        })
        .await
    }

    /// Changes the associations of a resource, all of them or none, and answers what the resource has then.
    ///
    /// # Errors
    /// 40410, 40902 to 40908, 42205, and those of a registration.
    pub async fn change_associations(
        &self,
        caller: &Caller,
        resource: &Resource,
        changes: &[AssociationChange],
        schemas: &[AssociatedSchema],
        dry_run: bool,
    ) -> Result<Vec<AssociationRow>, ServiceError> {
        self.authorize_associations(caller, resource, changes, schemas)?;
        let done = self.change_associations_now(caller, resource, changes, schemas, dry_run).await;
        if dry_run { done } else { self.or_earlier(caller, done, changed_associations) }
    }

    /// Refuses changes of which one touches a subject that the caller may not tie, register to, or delete.
    ///
    /// # Errors
    /// 40101, 40301.
    pub fn authorize_associations(
        &self,
        caller: &Caller,
        resource: &Resource,
        changes: &[AssociationChange],
        schemas: &[AssociatedSchema],
    ) -> Result<(), ServiceError> {
        if !self.inner.authority.is_on() {
            return Ok(());
        }
        let tied = self.inner.consensus.state().read(|view| query::associations_of_resource(view, &resource.id))?;
        for change in changes {
            let (wanted, role, cascade) = match change {
                AssociationChange::Create(wish) | AssociationChange::Upsert(wish) => {
                    (Some(&wish.subject), &wish.role, false)
                }
                AssociationChange::Delete { role, cascade } => (None, role, *cascade),
            };
            // What the role is tied to now loses its tie.
            let now = tied.iter().filter(|row| row.resource.kind == resource.kind && row.role == *role);
            for subject in now.map(|row| &row.subject).chain(wanted) {
                self.authorize_subject(caller, Permission::AssociationWrite, subject)?;
                if cascade {
                    self.authorize_subject(caller, Permission::SubjectDelete, subject)?;
                }
            }
        }
        schemas
            .iter()
            .try_for_each(|schema| self.authorize_subject(caller, Permission::SubjectRegister, &schema.subject))
    }

    async fn change_associations_now(
        &self,
        caller: &Caller,
        resource: &Resource,
        changes: &[AssociationChange],
        schemas: &[AssociatedSchema],
        dry_run: bool,
    ) -> Result<Vec<AssociationRow>, ServiceError> {
        self.linearize(caller.deadline).await?;
        let command = AssociationsCommand::Change { resource: resource.clone(), changes: changes.to_vec() };
        let command = Command::Associations(command);
        let planned = self.inner.consensus.state().read(|view| registry::dry_run(view, &command))?;
        match changed_associations(planned) {
            Ok(associations) if dry_run => return Ok(associations),
            // A schema that is registered first may make the difference.
            Err(error) if error.code == proto::error_code::NO_ACTIVE_VERSION && !schemas.is_empty() && !dry_run => {}
            outcome => drop(outcome?),
        }
        for AssociatedSchema { subject, schema, options } in schemas {
            // Each is a change of its own, with a request id of its own under that of the whole.
            let request_id = registry::RequestId(format!("{}:{}", caller.request_id, subject));
            let caller = Caller { request_id: shortened_id(request_id), ..caller.clone() };
            self.register_schema(&caller, subject, schema, *options).await?;
        }
        self.commit_change(caller, command, |done| changed_associations(Outcome::Done(done))).await
    }
}

/// A request id within its limit; a long one is told by its hash.
fn shortened_id(id: registry::RequestId) -> registry::RequestId {
    registry::RequestId(format!("derived:{}", blake3::hash(id.0.as_bytes()).to_hex()))
}

fn changed_associations(outcome: Outcome) -> Result<Vec<AssociationRow>, ServiceError> {
    match outcome {
        Outcome::Done(Done::Associations(AssociationsDone::Changed { associations })) => Ok(associations),
        Outcome::Refused(refusal) => Err(ServiceError::refused(&refusal)),
        outcome => Err(ServiceError::unexpected(&outcome)),
    }
}
