//! Drafts, reviews, and the life of versions.

use proto::v1;
use reqwest::Method;

use crate::{Client, ClientError, NewSchema};

impl Client {
    /// Begins a draft: a schema without a version number, to be reviewed.
    ///
    /// # Errors
    /// [`ClientError`]; 42201 if the schema is none.
    pub async fn create_draft(
        &self,
        subject: &str,
        schema: &NewSchema,
        reason: &str,
    ) -> Result<v1::Draft, ClientError> {
        let question = v1::CreateDraftRequest {
            subject: subject.to_owned(),
            schema: Some(schema.message()),
            reason: reason.to_owned(),
        };
        self.change_native(Method::POST, "/subjects/{subject}/drafts", &question).await
    }

    /// Gives a draft another text; approvals start again.
    ///
    /// # Errors
    /// [`ClientError`]; 40951 in a state in which it cannot change.
    pub async fn revise_draft(
        &self,
        subject: &str,
        id: u64,
        schema: &NewSchema,
        reason: &str,
    ) -> Result<v1::Draft, ClientError> {
        let question = v1::ReviseDraftRequest {
            subject: subject.to_owned(),
            id,
            schema: Some(schema.message()),
            reason: reason.to_owned(),
        };
        self.change_native(Method::PUT, "/subjects/{subject}/drafts/{id}", &question).await
    }

    /// A draft with its text, its report and its approvals.
    ///
    /// # Errors
    /// [`ClientError`]; 40451 if there is none.
    pub async fn draft(&self, subject: &str, id: u64) -> Result<v1::Draft, ClientError> {
        let question = v1::GetDraftRequest { subject: subject.to_owned(), id };
        self.read_native("/subjects/{subject}/drafts/{id}", &question).await
    }

    /// A page of drafts, of one subject or of all (an empty one).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn drafts(&self, question: &v1::ListDraftsRequest) -> Result<v1::ListDraftsResponse, ClientError> {
        self.read_native("/drafts", question).await
    }

    /// Asks for a review.
    ///
    /// # Errors
    /// [`ClientError`]; 40951 in a state in which it cannot be.
    pub async fn submit_draft(&self, subject: &str, id: u64, reason: &str) -> Result<v1::Draft, ClientError> {
        let question = v1::ChangeDraftRequest { subject: subject.to_owned(), id, reason: reason.to_owned() };
        self.change_native(Method::POST, "/subjects/{subject}/drafts/{id}/submit", &question).await
    }

    /// Makes a draft a version without a review.
    ///
    /// # Errors
    /// [`ClientError`]; 42251 where the policy asks for one.
    pub async fn publish_draft(&self, subject: &str, id: u64, reason: &str) -> Result<v1::Draft, ClientError> {
        let question = v1::ChangeDraftRequest { subject: subject.to_owned(), id, reason: reason.to_owned() };
        self.change_native(Method::POST, "/subjects/{subject}/drafts/{id}/publish", &question).await
    }

    /// Makes an approved draft a version, compared again with what is in use now.
    ///
    /// # Errors
    /// [`ClientError`]; 40901 if it is incompatible by now, 40953 with too few approvals.
    pub async fn activate_draft(&self, subject: &str, id: u64, reason: &str) -> Result<v1::Draft, ClientError> {
        let question = v1::ChangeDraftRequest { subject: subject.to_owned(), id, reason: reason.to_owned() };
        self.change_native(Method::POST, "/subjects/{subject}/drafts/{id}/activate", &question).await
    }

    /// Reviews a draft: `APPROVE`, `REQUEST_CHANGES` or `REJECT`.
    ///
    /// # Errors
    /// [`ClientError`]; 40351 for its author.
    pub async fn review_draft(
        &self,
        subject: &str,
        id: u64,
        decision: &str,
        reason: &str,
    ) -> Result<v1::Draft, ClientError> {
        let question = v1::ReviewDraftRequest {
            subject: subject.to_owned(),
            id,
            decision: decision.to_owned(),
            reason: reason.to_owned(),
        };
        self.change_native(Method::POST, "/subjects/{subject}/drafts/{id}/review", &question).await
    }

    /// Announces the end of a version.
    ///
    /// # Errors
    /// [`ClientError`]; 40954 if the sunset leaves too little notice.
    pub async fn deprecate(&self, question: &v1::DeprecateVersionRequest) -> Result<v1::VersionState, ClientError> {
        self.doubt_latest(&question.subject);
        self.change_native(Method::POST, "/subjects/{subject}/versions/{version}/deprecate", question).await
    }

    /// Takes the announcement of an end back.
    ///
    /// # Errors
    /// [`ClientError`]; 40951 in a state in which it cannot be.
    pub async fn reinstate(&self, subject: &str, version: u32, reason: &str) -> Result<v1::VersionState, ClientError> {
        self.doubt_latest(subject);
        let question = v1::ChangeVersionRequest { subject: subject.to_owned(), version, reason: reason.to_owned() };
        self.change_native(Method::POST, "/subjects/{subject}/versions/{version}/reinstate", &question).await
    }

    /// Takes the rollback of a version back.
    ///
    /// # Errors
    /// [`ClientError`]; 40951 in a state in which it cannot be.
    pub async fn reactivate(&self, subject: &str, version: u32, reason: &str) -> Result<v1::VersionState, ClientError> {
        self.doubt_latest(subject);
        let question = v1::ChangeVersionRequest { subject: subject.to_owned(), version, reason: reason.to_owned() };
        self.change_native(Method::POST, "/subjects/{subject}/versions/{version}/reactivate", &question).await
    }

    /// Takes a version out of use at once. Needs a reason.
    ///
    /// # Errors
    /// [`ClientError`]; 40951 in a state in which it cannot be.
    pub async fn quarantine(&self, subject: &str, version: u32, reason: &str) -> Result<v1::VersionState, ClientError> {
        self.doubt_latest(subject);
        let question = v1::ChangeVersionRequest { subject: subject.to_owned(), version, reason: reason.to_owned() };
        self.change_native(Method::POST, "/subjects/{subject}/versions/{version}/quarantine", &question).await
    }

    /// Takes a version out of quarantine.
    ///
    /// # Errors
    /// [`ClientError`]; 40951 in a state in which it cannot be.
    pub async fn release(&self, subject: &str, version: u32, reason: &str) -> Result<v1::VersionState, ClientError> {
        self.doubt_latest(subject);
        let question = v1::ChangeVersionRequest { subject: subject.to_owned(), version, reason: reason.to_owned() };
        self.change_native(Method::POST, "/subjects/{subject}/versions/{version}/release", &question).await
    }

    /// Ends a version whose sunset has come and that nobody is registered for; `force` ends it anyway.
    ///
    /// # Errors
    /// [`ClientError`]; 40952 or 40954 if it cannot be ended yet.
    pub async fn archive(
        &self,
        subject: &str,
        version: u32,
        reason: &str,
        force: bool,
    ) -> Result<v1::VersionState, ClientError> {
        let question =
            v1::ArchiveVersionRequest { subject: subject.to_owned(), version, reason: reason.to_owned(), force };
        self.change_native(Method::POST, "/subjects/{subject}/versions/{version}/archive", &question).await
    }

    /// What a rollback to a version would do. Its revision, in [`Client::if_revision`], makes it exactly that.
    ///
    /// # Errors
    /// [`ClientError`]; 40402 if there is no such version.
    pub async fn plan_rollback(&self, subject: &str, target: u32) -> Result<v1::RollbackPlan, ClientError> {
        let question = v1::PlanRollbackRequest { subject: subject.to_owned(), target };
        self.read_native("/subjects/{subject}/versions/{target}/rollback", &question).await
    }

    /// Makes an older active version the latest again.
    ///
    /// # Errors
    /// [`ClientError`]; 40952 while live schemas refer to what would go, unless forced.
    pub async fn roll_back(
        &self,
        subject: &str,
        target: u32,
        reason: &str,
        force: bool,
    ) -> Result<v1::RollBackResponse, ClientError> {
        self.doubt_latest(subject);
        let question = v1::RollBackRequest { subject: subject.to_owned(), target, reason: reason.to_owned(), force };
        self.change_native(Method::POST, "/subjects/{subject}/versions/{target}/rollback", &question).await
    }

    /// Every step in the life of a version.
    ///
    /// # Errors
    /// [`ClientError`]; 40402 if there is no such version.
    pub async fn version_history(&self, subject: &str, version: u32) -> Result<v1::GetHistoryResponse, ClientError> {
        let question = v1::GetHistoryRequest { subject: subject.to_owned(), version, draft: 0 };
        self.read_native("/subjects/{subject}/versions/{version}/history", &question).await
    }

    /// Every step in the life of a draft.
    ///
    /// # Errors
    /// [`ClientError`]; 40451 if there is no such draft.
    pub async fn draft_history(&self, subject: &str, draft: u64) -> Result<v1::GetHistoryResponse, ClientError> {
        let question = v1::GetHistoryRequest { subject: subject.to_owned(), version: 0, draft };
        self.read_native("/subjects/{subject}/drafts/{draft}/history", &question).await
    }

    /// A version with its state, revision and semantic version.
    ///
    /// # Errors
    /// [`ClientError`]; 40402 if there is no such version.
    pub async fn version_details(&self, subject: &str, version: &str) -> Result<v1::Version, ClientError> {
        let question = v1::GetVersionRequest { subject: subject.to_owned(), version: version.to_owned() };
        self.read_native("/subjects/{subject}/versions/{version}", &question).await
    }

    /// All versions of a subject with their states, ascending.
    ///
    /// # Errors
    /// [`ClientError`]; 40401 if there is no such subject.
    pub async fn version_states(&self, subject: &str, deleted: bool) -> Result<v1::ListVersionsResponse, ClientError> {
        let question = v1::ListVersionsRequest { subject: subject.to_owned(), deleted };
        self.read_native("/subjects/{subject}/versions", &question).await
    }

    /// The semantic diff of two versions, and the step of the semantic version that it makes.
    ///
    /// # Errors
    /// [`ClientError`]; 40402 if one is not there.
    pub async fn diff(&self, subject: &str, from: u32, to: u32) -> Result<v1::DiffVersionsResponse, ClientError> {
        let question = v1::DiffVersionsRequest { subject: subject.to_owned(), from, to };
        self.read_native("/subjects/{subject}/diff", &question).await
    }
}
