//! Drafts, transitions, consumers, policies, cursors.

use proto::v1;
use registry::{Decision, DraftId, LifeChange, LifeDone, Scope, State, Subject};

use super::Native;
use super::convert::{
    consumer_message, deprecation_message, draft_message, in_force, new_schema, optional_version, policy_message,
    policy_of, scope_of, unprocessable_error, version_of,
};
use super::schemas::{page_size, token_given};
use crate::service::{Caller, DraftStep, LifeOf, ServiceError, Token};

type Answer<T> = Result<T, ServiceError>;

impl Native {
    pub async fn create_draft(&self, caller: &Caller, request: v1::CreateDraftRequest) -> Answer<v1::Draft> {
        let subject = Subject::parse(&request.subject)?;
        let new = new_schema(request.schema)?;
        let draft = self.service.create_draft(caller, &subject, &new, &request.reason).await?;
        Ok(draft_message(draft, true))
    }

    pub async fn revise_draft(&self, caller: &Caller, request: v1::ReviseDraftRequest) -> Answer<v1::Draft> {
        let subject = Subject::parse(&request.subject)?;
        let new = new_schema(request.schema)?;
        let id = DraftId(request.id);
        let draft = self.service.revise_draft(caller, &subject, id, &new, &request.reason).await?;
        Ok(draft_message(draft, true))
    }

    pub async fn get_draft(&self, caller: &Caller, request: v1::GetDraftRequest) -> Answer<v1::Draft> {
        let subject = Subject::parse(&request.subject)?;
        Ok(draft_message(self.service.show_draft(caller, &subject, DraftId(request.id)).await?, true))
    }

    pub async fn list_drafts(&self, caller: &Caller, request: v1::ListDraftsRequest) -> Answer<v1::ListDraftsResponse> {
        let subject = if request.subject.is_empty() { None } else { Some(Subject::parse(&request.subject)?) };
        let state = match request.state.as_str() {
            "" => None,
            name => {
                Some(State::from_name(name).ok_or_else(|| unprocessable_error("state is not the name of a state"))?)
            }
        };
        let (size, token) = (page_size(request.page_size), token_given(&request.page_token));
        let page = self.service.list_drafts(caller, subject.as_ref(), state, size, token).await?;
        let drafts = page.items.into_iter().map(|draft| draft_message(draft, false)).collect();
        Ok(v1::ListDraftsResponse { drafts, next_page_token: page.next.unwrap_or_default() })
    }

    async fn advance_draft(
        &self,
        caller: &Caller,
        request: v1::ChangeDraftRequest,
        step: DraftStep,
    ) -> Answer<v1::Draft> {
        let subject = Subject::parse(&request.subject)?;
        let id = DraftId(request.id);
        let draft = self.service.advance_draft(caller, &subject, id, step, &request.reason).await?;
        Ok(draft_message(draft, true))
    }

    pub async fn submit_draft(&self, caller: &Caller, request: v1::ChangeDraftRequest) -> Answer<v1::Draft> {
        self.advance_draft(caller, request, DraftStep::Submit).await
    }

    pub async fn publish_draft(&self, caller: &Caller, request: v1::ChangeDraftRequest) -> Answer<v1::Draft> {
        self.advance_draft(caller, request, DraftStep::Publish).await
    }

    pub async fn activate_draft(&self, caller: &Caller, request: v1::ChangeDraftRequest) -> Answer<v1::Draft> {
        self.advance_draft(caller, request, DraftStep::Activate).await
    }

    pub async fn review_draft(&self, caller: &Caller, request: v1::ReviewDraftRequest) -> Answer<v1::Draft> {
        let subject = Subject::parse(&request.subject)?;
        let decision = Decision::from_name(&request.decision)
            .ok_or_else(|| unprocessable_error("decision is APPROVE, REQUEST_CHANGES or REJECT"))?;
        let id = DraftId(request.id);
        let draft = self.service.review_draft(caller, &subject, id, decision, &request.reason).await?;
        Ok(draft_message(draft, true))
    }

    async fn step_of_version(
        &self,
        caller: &Caller,
        subject: &str,
        number: u32,
        reason: &str,
        change: LifeChange,
    ) -> Answer<v1::VersionState> {
        let subject = Subject::parse(subject)?;
        self.service.step_of_version(caller, &subject, change, reason).await?;
        self.state_of(caller, &subject, number).await
    }

    async fn state_of(&self, caller: &Caller, subject: &Subject, number: u32) -> Answer<v1::VersionState> {
        let row = self.service.version_row(caller, subject, version_of(number)?).await?;
        Ok(v1::VersionState {
            subject: subject.qualified(),
            version: number,
            state: row.state.state().name().to_owned(),
            revision: row.modified_at.0,
            deprecation: deprecation_message(&row),
        })
    }

    pub async fn deprecate_version(
        &self,
        caller: &Caller,
        request: v1::DeprecateVersionRequest,
    ) -> Answer<v1::VersionState> {
        let v1::DeprecateVersionRequest { subject, version: number, reason, sunset_ms, successor } = request;
        let sunset_ms = (sunset_ms > 0).then_some(sunset_ms);
        let successor = optional_version(successor)?;
        let step = LifeChange::Deprecate { version: version_of(number)?, sunset_ms, successor };
        self.step_of_version(caller, &subject, number, &reason, step).await
    }

    pub async fn reinstate_version(
        &self,
        caller: &Caller,
        request: v1::ChangeVersionRequest,
    ) -> Answer<v1::VersionState> {
        let step = LifeChange::Reinstate { version: version_of(request.version)? };
        self.step_of_version(caller, &request.subject, request.version, &request.reason, step).await
    }

    pub async fn archive_version(
        &self,
        caller: &Caller,
        request: v1::ArchiveVersionRequest,
    ) -> Answer<v1::VersionState> {
        let step = LifeChange::Archive { version: version_of(request.version)?, force: request.force };
        self.step_of_version(caller, &request.subject, request.version, &request.reason, step).await
    }

    pub async fn quarantine_version(
        &self,
        caller: &Caller,
        request: v1::ChangeVersionRequest,
    ) -> Answer<v1::VersionState> {
        let step = LifeChange::Quarantine { version: version_of(request.version)? };
        self.step_of_version(caller, &request.subject, request.version, &request.reason, step).await
    }

    pub async fn release_version(
        &self,
        caller: &Caller,
        request: v1::ChangeVersionRequest,
    ) -> Answer<v1::VersionState> {
        let step = LifeChange::Release { version: version_of(request.version)? };
        self.step_of_version(caller, &request.subject, request.version, &request.reason, step).await
    }

    pub async fn reactivate_version(
        &self,
        caller: &Caller,
        request: v1::ChangeVersionRequest,
    ) -> Answer<v1::VersionState> {
        let subject = Subject::parse(&request.subject)?;
        self.service.reactivate_version(caller, &subject, version_of(request.version)?, &request.reason).await?;
        self.state_of(caller, &subject, request.version).await
    }

    pub async fn plan_rollback(&self, caller: &Caller, request: v1::PlanRollbackRequest) -> Answer<v1::RollbackPlan> {
        let subject = Subject::parse(&request.subject)?;
        let shown = self.service.plan_rollback(caller, &subject, version_of(request.target)?).await?;
        let dependents = shown.plan.dependents.into_iter().map(|(subject, version, refers_to)| v1::Dependent {
            subject: subject.qualified(),
            version: version.0,
            refers_to: refers_to.0,
        });
        Ok(v1::RollbackPlan {
            subject: subject.qualified(),
            target: request.target,
            versions: shown.plan.versions.iter().map(|version| version.0).collect(),
            dependents: dependents.collect(),
            consumers: shown.plan.consumers.into_iter().map(|(id, row)| consumer_message(&subject, id, row)).collect(),
            backward_compatible: shown.backward_compatible,
            forward_compatible: shown.forward_compatible,
            revision: shown.revision.0,
        })
    }

    pub async fn roll_back(&self, caller: &Caller, request: v1::RollBackRequest) -> Answer<v1::RollBackResponse> {
        let subject = Subject::parse(&request.subject)?;
        let step = LifeChange::RollBack { target: version_of(request.target)?, force: request.force };
        match self.service.step_of_version(caller, &subject, step, &request.reason).await? {
            LifeDone::RolledBack { target, versions } => Ok(v1::RollBackResponse {
                target: target.0,
                versions: versions.into_iter().map(|version| version.0).collect(),
            }),
            done => Err(ServiceError::unexpected(&done.into())),
        }
    }

    pub async fn get_history(&self, caller: &Caller, request: v1::GetHistoryRequest) -> Answer<v1::GetHistoryResponse> {
        let subject = Subject::parse(&request.subject)?;
        let of = match optional_version(request.version)? {
            Some(version) => LifeOf::Version(version),
            None => LifeOf::Draft(DraftId(request.draft)),
        };
        let steps =
            self.service.life_history(caller, &subject, of).await?.into_iter().map(|(index, row)| v1::HistoryStep {
                index: index.0,
                from: row.from.map_or("", State::name).to_owned(),
                to: row.to.name().to_owned(),
                action: row.action,
                actor: row.actor,
                reason: row.reason,
                time_ms: row.time_ms,
                version: row.version.map_or(0, |version| version.0),
            });
        Ok(v1::GetHistoryResponse { steps: steps.collect() })
    }

    pub async fn put_consumer(&self, caller: &Caller, request: v1::Consumer) -> Answer<v1::Consumer> {
        let subject = Subject::parse(&request.subject)?;
        let v1::Consumer { id, from_version, to_version, owner, contact, .. } = request;
        let step = LifeChange::PutConsumer {
            id: id.clone(),
            from: version_of(from_version.max(1))?,
            to: optional_version(to_version)?,
            owner,
            contact,
        };
        self.service.step_of_version(caller, &subject, step, "").await?;
        let mut consumers = self.service.list_consumers(caller, &subject).await?.into_iter();
        let found = consumers.find(|(found, _)| *found == id);
        let (id, row) = found.ok_or_else(|| unprocessable_error("The consumer was removed again"))?;
        Ok(consumer_message(&subject, id, row))
    }

    pub async fn remove_consumer(
        &self,
        caller: &Caller,
        request: v1::RemoveConsumerRequest,
    ) -> Answer<v1::RemoveConsumerResponse> {
        let subject = Subject::parse(&request.subject)?;
        self.service.step_of_version(caller, &subject, LifeChange::RemoveConsumer { id: request.id }, "").await?;
        Ok(v1::RemoveConsumerResponse {})
    }

    pub async fn list_consumers(
        &self,
        caller: &Caller,
        request: v1::ListConsumersRequest,
    ) -> Answer<v1::ListConsumersResponse> {
        let subject = Subject::parse(&request.subject)?;
        let of = optional_version(request.version)?;
        let consumers = self.service.list_consumers(caller, &subject).await?.into_iter();
        let consumers = consumers.filter(|(_, row)| of.is_none_or(|version| row.covers(version)));
        let consumers = consumers.map(|(id, row)| consumer_message(&subject, id, row)).collect();
        Ok(v1::ListConsumersResponse { consumers })
    }

    pub async fn get_policy(&self, caller: &Caller, request: v1::GetPolicyRequest) -> Answer<v1::GetPolicyResponse> {
        self.shown_policy(caller, &scope_of(&request.scope)?).await
    }

    async fn shown_policy(&self, caller: &Caller, of: &Scope) -> Answer<v1::GetPolicyResponse> {
        let (own, holds, revision) = self.service.show_policy(caller, of).await?;
        Ok(v1::GetPolicyResponse {
            own: own.map(policy_message),
            in_force: Some(in_force(holds)),
            revision: revision.0,
        })
    }

    pub async fn set_policy(&self, caller: &Caller, request: v1::SetPolicyRequest) -> Answer<v1::GetPolicyResponse> {
        let scope = scope_of(&request.scope)?;
        let set = policy_of(request.policy.ok_or_else(|| unprocessable_error("A policy is needed"))?);
        self.service.set_policy(caller, &scope, Some(set)).await?;
        self.shown_policy(caller, &scope).await
    }

    pub async fn delete_policy(&self, caller: &Caller, request: v1::GetPolicyRequest) -> Answer<v1::GetPolicyResponse> {
        let scope = scope_of(&request.scope)?;
        self.service.set_policy(caller, &scope, None).await?;
        self.shown_policy(caller, &scope).await
    }

    pub async fn get_cursor(&self, caller: &Caller, request: v1::GetCursorRequest) -> Answer<v1::Cursor> {
        let token = self.service.cursor_place(caller, &request.name).await?;
        let token = token.map(|token| token.to_string()).unwrap_or_default();
        Ok(v1::Cursor { name: request.name, token })
    }

    pub async fn move_cursor(&self, caller: &Caller, request: v1::Cursor) -> Answer<v1::Cursor> {
        let to: Token = request.token.parse()?;
        let token = self.service.move_cursor(caller, &request.name, to).await?;
        Ok(v1::Cursor { name: request.name, token: token.to_string() })
    }
}
