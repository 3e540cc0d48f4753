//! Drafts and the life of versions: reads what a step rests on, compares, and proposes it.
//!
//! Like a registration, a step is prepared from one local snapshot and refused in apply if that has changed since. Nothing
//! is decided here for good.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::consensus::Snapshot;
use proto::error_code as code;
use proto::operations::Permission;
use registry::{
    Basis, BasisKey, Bump, CatalogRefusal, Command, Content, Decision, Done, DraftContent, DraftId, DraftRow, Key,
    KeyRange, LifeChange, LifeCommand, LifeDone, LifeRefusal, LogIndex, Outcome, PolicyInForce, Refusal, Report, Row,
    Scope, SemVer, State, Subject, Version, VersionRow, View, contract, query,
};
use schema::ParsedSchema;
use schema::compat::Level;
use schema::diff::{self, Diff, Step as DiffStep};

use super::catalogue::{Page, key_of, token_of};
use super::commit::Prepared;
use super::lookup::History;
use super::parse::Asked;
use super::prepare::basis_of;
use super::provenance::Kind;
use super::settings::settings_in_force;
use super::words::{NewSchema, RegisterOptions};
use super::{Caller, Service, ServiceError, terms};
/// Sentences of a report, at most; they lie in the state.
const MESSAGES_MAX: usize = 20;
/// Drafts that one page looks at, at most.
const DRAFTS_SCANNED_MAX: usize = 2_000;
/// Steps of a history that are shown: the newest.
const STEPS_MAX: usize = 1_000;
/// Characters of one sentence.
const MESSAGE_CHARACTERS_MAX: usize = 400;

/// A draft as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftView {
    /// Its subject.
    pub subject: Subject,
    /// Its id in the subject.
    pub id: DraftId,
    /// What is kept of it.
    pub row: DraftRow,
    /// Reviewers who must approve it in all.
    pub approvals_needed: u32,
}

/// A rollback before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackShown {
    pub plan: query::RollbackPlan,
    pub backward_compatible: bool,
    pub forward_compatible: bool,
    pub revision: LogIndex,
}

/// Which step of a draft needs its text compared with what is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftStep {
    /// Hand it in for review.
    Submit,
    /// Make it a version without review, where none is needed.
    Publish,
    /// Make it a version after review.
    Activate,
}

impl Service {
    /// Begins a draft.
    ///
    /// # Errors
    /// 42201 for a schema that is none, 42254 with too many open drafts.
    pub async fn create_draft(
        &self,
        caller: &Caller,
        subject: &Subject,
        new: &NewSchema,
        reason: &str,
    ) -> Result<DraftView, ServiceError> {
        self.authorize_references(caller, &subject.context, &new.references)?;
        let (of, new) = (subject.clone(), new.clone());
        let prepare = move |service: &Self, view: &Snapshot<'_>| {
            let (draft, basis) = service.draft_content(view, &of, &new)?;
            Ok((LifeChange::Create { draft }, basis))
        };
        self.step_of_draft(caller, subject, reason, prepare).await
    }

    /// Gives a draft another text.
    ///
    /// # Errors
    /// As [`Service::create_draft`]; 40451, and 40951 under review.
    pub async fn revise_draft(
        &self,
        caller: &Caller,
        subject: &Subject,
        id: DraftId,
        new: &NewSchema,
        reason: &str,
    ) -> Result<DraftView, ServiceError> {
        self.authorize_references(caller, &subject.context, &new.references)?;
        let (of, new) = (subject.clone(), new.clone());
        let prepare = move |service: &Self, view: &Snapshot<'_>| {
            let (draft, basis) = service.draft_content(view, &of, &new)?;
            Ok((LifeChange::Revise { id, draft }, basis))
        };
        self.step_of_draft(caller, subject, reason, prepare).await
    }

    /// Submits, publishes or activates a draft, compared with what is in use now.
    ///
    /// # Errors
    /// 40451, 40951, 40901, 40953, 42251.
    pub async fn advance_draft(
        &self,
        caller: &Caller,
        subject: &Subject,
        id: DraftId,
        which: DraftStep,
        reason: &str,
    ) -> Result<DraftView, ServiceError> {
        let of = subject.clone();
        let prepare = move |service: &Self, view: &Snapshot<'_>| {
            let row = query::draft(view, &of, id)?
                .ok_or_else(|| ServiceError::refused(&Refusal::Life(LifeRefusal::DraftNotFound { id })))?;
            let content = &row.draft.content;
            let new = NewSchema {
                format: content.format,
                text: content.text.clone(),
                references: content.references.clone(),
                metadata: content.metadata.as_ref().map(|metadata| service.inner.sealer.open_metadata(metadata)),
                rule_set: content.rule_set.clone(),
            };
            let settings = settings_in_force(view, &of)?;
            let parsed = service.parse_new(view, &of, &new, &content.references, &settings)?;
            let report = service.report_on(view, &of, &parsed, &new)?;
            let versions = query::versions(view, &of)?;
            let semver = service.semver_after(view, &of, &versions, &parsed, settings.level)?;
            let mut basis = basis_of(view, &of, &new, &content.references);
            basis.keys.insert(BasisKey::Draft(of.clone(), id));
            let step = match which {
                DraftStep::Submit => LifeChange::Submit { id, report },
                DraftStep::Publish => LifeChange::Publish { id, report, semver },
                DraftStep::Activate => LifeChange::Activate { id, report, semver },
            };
            Ok((step, basis))
        };
        self.step_of_draft(caller, subject, reason, prepare).await
    }

    /// Reviews a draft.
    ///
    /// # Errors
    /// 40351, 40451, 40951, 42253.
    pub async fn review_draft(
        &self,
        caller: &Caller,
        subject: &Subject,
        id: DraftId,
        decision: Decision,
        reason: &str,
    ) -> Result<DraftView, ServiceError> {
        let prepare = move |_: &Self, _: &Snapshot<'_>| Ok((LifeChange::Review { id, decision }, Basis::default()));
        self.step_of_draft(caller, subject, reason, prepare).await
    }

    /// A draft.
    ///
    /// # Errors
    /// 40451.
    pub async fn show_draft(&self, caller: &Caller, subject: &Subject, id: DraftId) -> Result<DraftView, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| draft_view(self, view, subject, id)).await
    }

    /// The drafts of a subject or of all, oldest first within a subject.
    ///
    /// # Errors
    /// 422 for a page token that is none.
    pub async fn list_drafts(
        &self,
        caller: &Caller,
        subject: Option<&Subject>,
        state: Option<State>,
        size: usize,
        token: Option<&str>,
    ) -> Result<Page<DraftView>, ServiceError> {
        let after = token.map(key_of).transpose()?;
        self.read_consistently(caller, Kind::Mutable, |view| {
            let mut range = KeyRange::drafts(subject);
            if let Some(after) = &after {
                range = range.after(after);
            }
            let (mut rows, mut last, mut looked_at, mut next) = (Vec::new(), None, 0, None);
            let mut failed = None;
            view.scan(&range, &mut |key, row| {
                // What may not be seen is passed over before anything counts it: no page token names it either.
                if let Key::Draft(subject, _) = &key {
                    match self.is_permitted(caller, Permission::DraftRead, subject) {
                        Ok(true) => {}
                        Ok(false) => return ControlFlow::Continue(()),
                        Err(error) => {
                            failed = Some(error);
                            return ControlFlow::Break(());
                        }
                    }
                }
                if rows.len() >= size || looked_at >= DRAFTS_SCANNED_MAX {
                    next = last.as_ref().map(token_of);
                    return ControlFlow::Break(());
                }
                if let (Key::Draft(subject, id), Row::Draft(row)) = (&key, row)
                    && state.is_none_or(|state| row.state.state() == state)
                {
                    rows.push((subject.clone(), *id, row));
                }
                looked_at += 1;
                last = Some(key);
                ControlFlow::Continue(())
            })?;
            if let Some(error) = failed {
                return Err(error);
            }
            let items: Result<Vec<_>, _> =
                rows.into_iter().map(|(subject, id, row)| show_draft_row(self, view, subject, id, row)).collect();
            Ok(Page { items: items?, next })
        })
        .await
    }

    /// A step in the life of a version that needs no comparison.
    ///
    /// # Errors
    /// 40401, 40402, 40951 to 40954, 42253.
    pub async fn step_of_version(
        &self,
        caller: &Caller,
        subject: &Subject,
        change: LifeChange,
        reason: &str,
    ) -> Result<LifeDone, ServiceError> {
        let prepare = move |_: &Self, _: &Snapshot<'_>| Ok((change.clone(), Basis::default()));
        self.commit_step(caller, subject, reason, prepare).await
    }

    /// Takes the rollback of a version back.
    ///
    /// # Errors
    /// As [`Service::step_of_version`]; 40901 if it is not compatible with what is latest now.
    pub async fn reactivate_version(
        &self,
        caller: &Caller,
        subject: &Subject,
        version: Version,
        reason: &str,
    ) -> Result<LifeDone, ServiceError> {
        let of = subject.clone();
        let prepare = move |service: &Self, view: &Snapshot<'_>| {
            let row = row_of(view, &of, version)?;
            let content = query::content_row(view, row.guid, row.format)?
                .ok_or_else(|| registry::ViewError(format!("{of} holds a content that is not there")))?;
            let new = NewSchema {
                format: row.format,
                text: content.text,
                references: content.references.clone(),
                metadata: content.metadata.as_ref().map(|metadata| service.inner.sealer.open_metadata(metadata)),
                rule_set: content.rule_set,
            };
            let parsed = service.parse_stored(view, &of, &row)?;
            let report = service.report_on(view, &of, &parsed, &new)?;
            if !report.compatible {
                let message = format!("Version {version} is incompatible now: [{}]", report.messages.join(", "));
                return Err(ServiceError::new(code::INCOMPATIBLE, message));
            }
            Ok((LifeChange::Reactivate { version }, basis_of(view, &of, &new, &content.references)))
        };
        self.commit_step(caller, subject, reason, prepare).await
    }

    /// What a rollback would do.
    ///
    /// # Errors
    /// 40401, 40402.
    pub async fn plan_rollback(
        &self,
        caller: &Caller,
        subject: &Subject,
        target: Version,
    ) -> Result<RollbackShown, ServiceError> {
        self.linearize(caller.deadline).await?;
        let (service, caller, subject) = (self.clone(), caller.clone(), subject.clone());
        self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| {
                let target_row = row_of(view, &subject, target)?;
                let mut plan = query::rollback_plan(view, &subject, target)?;
                plan.dependents =
                    service.keep_visible(&caller, Permission::SubjectRead, plan.dependents, |(subject, ..)| subject)?;
                let mut diffs = Vec::new();
                let new = service.parse_stored(view, &subject, &target_row)?;
                for version in &plan.versions {
                    let old = service.parse_stored(view, &subject, &row_of(view, &subject, *version)?)?;
                    diffs.push(diff::diff(&old, &new));
                }
                let holds = |breaks: fn(&diff::Change) -> bool| {
                    diffs.iter().all(|diff| diff.as_ref().is_ok_and(|diff| !diff.changes.iter().any(breaks)))
                };
                let revision = registry::modified_at(view, &BasisKey::Subject(subject.clone()))?;
                Ok(RollbackShown {
                    backward_compatible: holds(|change| change.breaks_backward),
                    forward_compatible: holds(|change| change.breaks_forward),
                    plan,
                    revision,
                })
            })
        })
        .await
    }

    /// The semantic diff of two versions, and the step that follows from it under the subject's level.
    ///
    /// # Errors
    /// 40401, 40402; 42201 if they cannot be compared.
    pub async fn diff_versions(
        &self,
        caller: &Caller,
        subject: &Subject,
        from: Version,
        to: Version,
    ) -> Result<(Diff, DiffStep), ServiceError> {
        self.freshen_for(caller).await?;
        let (service, subject) = (self.clone(), subject.clone());
        self.in_pool(caller.deadline, move || {
            let state = service.inner.consensus.state().clone();
            state.read(|view| {
                let old = service.parse_stored(view, &subject, &row_of(view, &subject, from)?)?;
                let new = service.parse_stored(view, &subject, &row_of(view, &subject, to)?)?;
                let diff = diff::diff(&old, &new).map_err(|error| ServiceError::schema(new.canonical(), &error))?;
                let step = diff.step(settings_in_force(view, &subject)?.level);
                Ok((diff, step))
            })
        })
        .await
    }

    /// The semantic version of a schema that comes after what is latest.
    pub(super) fn semver_after(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        versions: &[(Version, VersionRow)],
        parsed: &ParsedSchema,
        level: Level,
    ) -> Result<SemVer, ServiceError> {
        let taken: Vec<_> = versions.iter().map(|(_, row)| row.semver).collect();
        // Most subjects are new: there is nothing to look for.
        let latest = if versions.is_empty() { None } else { query::latest(view, subject)? };
        let Some((_, latest)) = latest else {
            return Ok(SemVer::after(None, Bump::Major, &taken));
        };
        let old = self.parse_stored(view, subject, &latest)?;
        let bump = match diff::diff(&old, parsed).map(|diff| diff.step(level)) {
            // Equal schemas differ in metadata or rules.
            Ok(DiffStep::None | DiffStep::Patch) => Bump::Patch,
            Ok(DiffStep::Minor) => Bump::Minor,
            // What cannot be compared, another format for instance, is nothing that a reader can rely on.
            Ok(DiffStep::Major) | Err(_) => Bump::Major,
        };
        Ok(SemVer::after(Some(latest.semver), bump, &taken))
    }

    /// Compares a schema with what is in use, as a draft's report.
    fn report_on(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        parsed: &ParsedSchema,
        new: &NewSchema,
    ) -> Result<Report, ServiceError> {
        let settings = settings_in_force(view, subject)?;
        let in_use = query::in_use(view, subject)?;
        let checked = self.compare_with_history(view, subject, &settings, parsed, new.metadata.as_ref(), &in_use)?;
        let latest = query::latest(view, subject)?;
        let breaking = match &latest {
            None => false,
            Some((_, row)) => {
                let old = self.parse_stored(view, subject, row)?;
                diff::diff(&old, parsed).map_or(true, |diff| diff.step(settings.level) == DiffStep::Major)
            }
        };
        let compatible = checked.compatible && settings.level != Level::Disabled;
        let clip = |message: String| message.chars().take(MESSAGE_CHARACTERS_MAX).collect();
        Ok(Report {
            base: latest.map(|(version, _)| version),
            compatible,
            breaking: breaking || !compatible,
            messages: checked.messages.into_iter().take(MESSAGES_MAX).map(clip).collect(),
        })
    }

    fn draft_content(
        &self,
        view: &Snapshot<'_>,
        subject: &Subject,
        new: &NewSchema,
    ) -> Result<(DraftContent, Basis), ServiceError> {
        let settings = settings_in_force(view, subject)?;
        // A draft is what a registration of the same text would become.
        let new = &self.merge_settings(&History::new(view, subject), &settings, new, RegisterOptions::default())?;
        if let Some(rule_set) = &new.rule_set {
            contract::check_rule_set(rule_set).map_err(|error| ServiceError::rule_set(&error))?;
        }
        let Asked { parsed, references, guid } = self.parse_asked(view, subject, new, &settings, settings.normalize)?;
        let report = self.report_on(view, subject, &parsed, new)?;
        let basis = basis_of(view, subject, new, &references);
        let text = parsed.canonical().to_owned();
        let sent = (new.text != text).then(|| new.text.clone());
        let content = Content {
            guid,
            format: new.format,
            text,
            terms: terms::of(&parsed, new.metadata.as_ref(), &references),
            references,
            metadata: new.metadata.as_ref().map(|metadata| self.inner.sealer.seal_metadata(metadata)),
            rule_set: new.rule_set.clone(),
        };
        Ok((DraftContent { content, sent, report }, basis))
    }

    async fn step_of_draft(
        &self,
        caller: &Caller,
        subject: &Subject,
        reason: &str,
        prepare: impl Fn(&Self, &Snapshot<'_>) -> Result<(LifeChange, Basis), ServiceError> + Clone + Send + 'static,
    ) -> Result<DraftView, ServiceError> {
        let outcome = self.commit_step(caller, subject, reason, prepare).await?;
        let (LifeDone::Draft { id, .. } | LifeDone::Activated { id, .. }) = outcome else {
            return Err(ServiceError::unexpected(&outcome.into()));
        };
        self.inner.consensus.state().read(|view| draft_view(self, view, subject, id))
    }

    /// Prepares a step until it is not stale any more, and writes it.
    async fn commit_step(
        &self,
        caller: &Caller,
        subject: &Subject,
        reason: &str,
        prepare: impl Fn(&Self, &Snapshot<'_>) -> Result<(LifeChange, Basis), ServiceError> + Clone + Send + 'static,
    ) -> Result<LifeDone, ServiceError> {
        let stepped = self.step_now(caller, subject, reason, prepare).await;
        self.or_earlier(caller, stepped, |outcome| match outcome {
            Outcome::Done(Done::Life(done)) => Ok(done),
            Outcome::Refused(refusal) => Err(ServiceError::refused(&refusal)),
            outcome => Err(ServiceError::unexpected(&outcome)),
        })
    }

    async fn step_now(
        &self,
        caller: &Caller,
        subject: &Subject,
        reason: &str,
        prepare: impl Fn(&Self, &Snapshot<'_>) -> Result<(LifeChange, Basis), ServiceError> + Clone + Send + 'static,
    ) -> Result<LifeDone, ServiceError> {
        // What a lagging replica says is not there must not be the answer.
        self.linearize(caller.deadline).await?;
        let prepare = |_| {
            let (service, prepare) = (self.clone(), prepare.clone());
            let prepared = self.in_pool(caller.deadline, move || {
                let state = service.inner.consensus.state().clone();
                state.read(|view| prepare(&service, view))
            });
            async move {
                let (change, basis) = prepared.await?;
                let command = LifeCommand { subject: subject.clone(), reason: reason.to_owned(), change };
                Ok(Prepared::Change { command: Command::Life(command), basis, kept: () })
            }
        };
        self.commit(caller, subject, prepare, |done, ()| match done {
            Done::Life(done) => Ok(done),
            done => Err(ServiceError::unexpected(&Outcome::Done(done))),
        })
        .await
    }
}

fn row_of(view: &impl View, subject: &Subject, version: Version) -> Result<VersionRow, ServiceError> {
    match query::version_row(view, subject, version)? {
        Some(row) => Ok(row),
        None if query::subject_row(view, subject)?.is_some_and(|row| row.live + row.soft_deleted > 0) => {
            Err(ServiceError::refused(&Refusal::Catalog(CatalogRefusal::VersionNotFound {
                subject: subject.clone(),
                version,
            })))
        }
        None => Err(ServiceError::subject_not_found(subject)),
    }
}

fn draft_view(service: &Service, view: &impl View, subject: &Subject, id: DraftId) -> Result<DraftView, ServiceError> {
    let row = query::draft(view, subject, id)?
        .ok_or_else(|| ServiceError::refused(&Refusal::Life(LifeRefusal::DraftNotFound { id })))?;
    show_draft_row(service, view, subject.clone(), id, row)
}

/// The draft with its sensitive metadata open.
fn show_draft_row(
    service: &Service,
    view: &impl View,
    subject: Subject,
    id: DraftId,
    mut row: DraftRow,
) -> Result<DraftView, ServiceError> {
    let metadata = &mut row.draft.content.metadata;
    *metadata = metadata.as_ref().map(|metadata| service.inner.sealer.open_metadata(metadata));
    let policy = PolicyInForce::of(view, &Scope::Subject(subject.clone()))?;
    let approvals_needed = policy.approvals_for(row.draft.report.breaking);
    Ok(DraftView { subject, id, row, approvals_needed })
}

/// What a history is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeOf {
    /// The number of a version.
    Version(Version),
    /// The id of a draft.
    Draft(DraftId),
}

impl Service {
    /// The newest steps of a life, oldest first.
    ///
    /// # Errors
    /// 40401, 40402, 40451.
    pub async fn life_history(
        &self,
        caller: &Caller,
        subject: &Subject,
        of: LifeOf,
    ) -> Result<Vec<(LogIndex, registry::HistoryRow)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let life = match of {
                LifeOf::Version(version) => row_of(view, subject, version)?.life,
                LifeOf::Draft(id) => draft_view(self, view, subject, id)?.id,
            };
            let mut newest = Vec::new();
            view.scan(&KeyRange::history(subject, life).reversed(), &mut |key, row| {
                if let (Key::History(_, _, index), Row::History(row)) = (key, row) {
                    newest.push((index, row));
                }
                if newest.len() < STEPS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            newest.reverse();
            Ok(newest)
        })
        .await
    }

    /// A version's own row, and the text as sent.
    ///
    /// # Errors
    /// 40401, 40402.
    pub async fn version_row(
        &self,
        caller: &Caller,
        subject: &Subject,
        version: Version,
    ) -> Result<VersionRow, ServiceError> {
        self.read_consistently(caller, Kind::Immutable, |view| row_of(view, subject, version)).await
    }

    /// The registered consumers of a subject.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn list_consumers(
        &self,
        caller: &Caller,
        subject: &Subject,
    ) -> Result<Vec<(String, registry::ConsumerRow)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| Ok(query::consumers(view, subject)?)).await
    }
}

/// The keys that a change of a policy rests on.
pub(super) fn policy_basis(view: &Snapshot<'_>, scope: &Scope) -> Basis {
    Basis { read_index: view.applied(), keys: BTreeSet::from([BasisKey::Policy(scope.clone())]) }
}
