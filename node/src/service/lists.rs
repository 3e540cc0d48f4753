//! Lists: what may be long, read page by page in a pool of its own, each with a deadline that is looked at on the way.

use std::collections::{BTreeMap, BTreeSet};

use proto::error_code as code;
use proto::operations::Permission;
use registry::query::{self, Admits, Include, Sees, Slice, SubjectsOf, VersionsOf};
use registry::{Context, SchemaId, Subject, View};

use super::association::AssociationFilter;
use super::read::{find_version, resolve_alias};
use super::words::VersionSpec;
use super::{Caller, FoundSchema, Service, ServiceError};
use crate::consensus::Snapshot;

/// What else must hold for a version to be listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListFilter {
    /// It has a rule of this type.
    pub rule_type: Option<String>,
    /// Its subject has such an association.
    pub association: AssociationFilter,
}

impl ListFilter {
    fn admits(&self, found: &FoundSchema) -> bool {
        let Some(wanted) = &self.rule_type else { return true };
        found.content.rule_set.as_ref().is_some_and(|set| {
            let mut rules = set.migration_rules.iter().chain(&set.domain_rules).chain(&set.encoding_rules);
            rules.any(|rule| rule.rule_type == *wanted)
        })
    }

    /// The subjects that have such an association; none if it does not matter.
    fn tied_subjects(&self, view: &impl View) -> Result<Option<BTreeSet<Subject>>, ServiceError> {
        if self.association.is_empty() {
            return Ok(None);
        }
        let ties = query::associations_named(view, None, None)?;
        Ok(Some(ties.into_iter().filter(|row| self.association.admits(row)).map(|row| row.subject).collect()))
    }
}

/// Which versions are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionList {
    /// Only in this context.
    pub context: Option<Context>,
    /// What the name of the subject begins with; may be qualified.
    pub prefix: String,
    /// Are soft-deleted ones listed?
    pub include: Include,
    /// Only the latest version of each subject.
    pub latest_only: bool,
    /// What else must hold.
    pub filter: ListFilter,
}

impl VersionList {
    /// A page of them with their contents, as far as their subjects are seen.
    fn read_page(
        &self,
        view: &Snapshot<'_>,
        slice: Slice,
        sees: Option<Sees<'_, ServiceError>>,
    ) -> Result<Vec<FoundSchema>, ServiceError> {
        let tied = self.filter.tied_subjects(view)?;
        let of = VersionsOf {
            subjects: SubjectsOf { context: self.context.as_ref(), prefix: &self.prefix },
            among: tied.as_ref(),
            include: self.include,
            latest_only: self.latest_only,
        };
        let found_at =
            |subject: &Subject, version| find_version(view, subject, VersionSpec::Number(version), self.include);
        let mut has_rule = |subject: &Subject, version, _: &registry::VersionRow| {
            found_at(subject, version).map(|found| self.filter.admits(&found))
        };
        let admits: Option<Admits<'_, ServiceError>> =
            if self.filter.rule_type.is_some() { Some(&mut has_rule) } else { None };
        let page = query::versions_page(view, of, slice, sees, admits)?;
        page.iter().map(|(subject, version, _)| found_at(subject, *version)).collect()
    }
}

impl Service {
    /// Reads a list in the pool for lists.
    ///
    /// # Errors
    /// If the read cannot be confirmed, or takes longer than the request may, and what `read` says.
    pub(super) async fn read_list<T: Send + 'static>(
        &self,
        caller: &Caller,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        self.confirm_for(caller).await?;
        let (state, deadline) = (self.inner.consensus.state().clone(), caller.deadline);
        self.in_list_pool(deadline, move || {
            state.read(|view| {
                let view = view.with_deadline(deadline);
                read(&view).map_err(|error| {
                    if view.is_late() {
                        ServiceError::timed_out("The list took too long; ask for less of it")
                    } else {
                        error
                    }
                })
            })
        })
        .await
    }

    /// Reads a list of which each item is tested: `read` is told what the caller sees, or nothing where that is everything.
    ///
    /// # Errors
    /// As every list.
    async fn list_seen<T: Send + 'static>(
        &self,
        caller: &Caller,
        read: impl FnOnce(&Snapshot<'_>, Option<Sees<'_, ServiceError>>) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let (principal, origin) = (&caller.actor.principal, &caller.origin);
        if self.inner.authority.may_all(principal, origin, Permission::SubjectRead)? {
            return self.read_list(caller, move |view| read(view, None)).await;
        }
        let (service, of) = (self.clone(), caller.clone());
        let seen = move |view: &Snapshot<'_>| read(view, Some(&mut |subject: &Subject| service.may_read(&of, subject)));
        self.read_list(caller, seen).await
    }

    /// A page of the subjects of a context, or of all, in the order of their qualified names.
    ///
    /// # Errors
    /// As every list.
    pub async fn list_subjects(
        &self,
        caller: &Caller,
        context: Option<&Context>,
        prefix: &str,
        include: Include,
        slice: Slice,
    ) -> Result<Vec<Subject>, ServiceError> {
        let (context, prefix) = (context.cloned(), prefix.to_owned());
        let read = move |view: &Snapshot<'_>, sees: Option<Sees<'_, ServiceError>>| {
            let of = SubjectsOf { context: context.as_ref(), prefix: &prefix };
            query::subjects_page(view, of, include, slice, sees)
        };
        self.list_seen(caller, read).await
    }

    /// A page of versions, subject by subject.
    ///
    /// # Errors
    /// As every list.
    pub async fn all_versions(
        &self,
        caller: &Caller,
        list: VersionList,
        slice: Slice,
    ) -> Result<Vec<FoundSchema>, ServiceError> {
        self.list_seen(caller, move |view, sees| list.read_page(view, slice, sees)).await
    }

    /// The newest version of a subject whose metadata has all of these properties.
    ///
    /// # Errors
    /// 40401 without the subject, 40403 without such a version.
    pub async fn with_metadata(
        &self,
        caller: &Caller,
        subject: &Subject,
        wanted: &BTreeMap<String, String>,
        include: Include,
    ) -> Result<FoundSchema, ServiceError> {
        let (service, subject, wanted) = (self.clone(), subject.clone(), wanted.clone());
        let read = move |view: &Snapshot<'_>| {
            let subject = &resolve_alias(view, &subject)?;
            let mut is_there = false;
            for (version, row) in query::versions(view, subject)?.into_iter().rev() {
                if !include.admits(row.deleted) {
                    continue;
                }
                is_there = true;
                let found = find_version(view, subject, VersionSpec::Number(version), include)?;
                let metadata = service.opened_content(&found.content).metadata.unwrap_or_default();
                if wanted.iter().all(|(name, value)| metadata.properties.get(name) == Some(value)) {
                    return Ok(found);
                }
            }
            Err(if is_there {
                ServiceError::new(code::SCHEMA_NOT_FOUND, "Schema not found")
            } else {
                ServiceError::subject_not_found(subject)
            })
        };
        self.read_list(caller, read).await
    }

    /// The ids of schemas that refer to a version.
    ///
    /// # Errors
    /// 40401, 40402.
    pub async fn list_referrers(
        &self,
        caller: &Caller,
        subject: &Subject,
        spec: VersionSpec,
        include: Include,
    ) -> Result<Vec<SchemaId>, ServiceError> {
        let (service, of, subject) = (self.clone(), caller.clone(), subject.clone());
        let read = move |view: &Snapshot<'_>| {
            let subject = &resolve_alias(view, &subject)?;
            let found = find_version(view, subject, spec, Include::All)?;
            let Some(version) = found.version else { return Ok(Vec::new()) };
            let mut ids = Vec::new();
            for (context, id) in query::referrers(view, subject, version)? {
                for (holder, held) in service.keep_readable(&of, query::usages(view, &context, id)?)? {
                    if query::version_row(view, &holder, held)?.is_some_and(|row| include.admits(row.deleted)) {
                        ids.push(id);
                        break;
                    }
                }
            }
            ids.sort_unstable();
            Ok(ids)
        };
        self.read_list(caller, read).await
    }
}
