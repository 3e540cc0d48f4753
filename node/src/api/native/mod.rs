//! The operations of the native API, once for gRPC and HTTP/JSON: from a message to the service and back. No rule is here.

mod audit;
mod convert;
mod life;
mod schemas;

pub use audit::{csv_of, json_of};
pub use convert::{cloud_event, filter, watched};
pub use schemas::{data_request, verdict_message};

use crate::service::Service;

/// The operations over a service.
#[derive(Clone)]
pub struct Native {
    pub service: Service,
}

/// Visits every operation that has one question and one answer: method, its name, question, answer, and its HTTP form.
macro_rules! operations {
    ($visit:ident) => {
        $visit! {
            list_subjects ListSubjects ListSubjectsRequest ListSubjectsResponse [GET "/subjects"];
            list_versions ListVersions ListVersionsRequest ListVersionsResponse [GET "/subjects/{subject}/versions"];
            get_version GetVersion GetVersionRequest Version [GET "/subjects/{subject}/versions/{version}"];
            register_version RegisterVersion RegisterVersionRequest Version [POST "/subjects/{subject}/versions"];
            delete_version DeleteVersion DeleteVersionRequest DeleteVersionResponse
                [DELETE "/subjects/{subject}/versions/{version}"];
            create_draft CreateDraft CreateDraftRequest Draft [POST "/subjects/{subject}/drafts"];
            revise_draft ReviseDraft ReviseDraftRequest Draft [PUT "/subjects/{subject}/drafts/{id}"];
            get_draft GetDraft GetDraftRequest Draft [GET "/subjects/{subject}/drafts/{id}"];
            list_drafts ListDrafts ListDraftsRequest ListDraftsResponse
                [GET "/subjects/{subject}/drafts", GET "/drafts"];
            submit_draft SubmitDraft ChangeDraftRequest Draft [POST "/subjects/{subject}/drafts/{id}/submit"];
            review_draft ReviewDraft ReviewDraftRequest Draft [POST "/subjects/{subject}/drafts/{id}/review"];
            publish_draft PublishDraft ChangeDraftRequest Draft [POST "/subjects/{subject}/drafts/{id}/publish"];
            activate_draft ActivateDraft ChangeDraftRequest Draft [POST "/subjects/{subject}/drafts/{id}/activate"];
            deprecate_version DeprecateVersion DeprecateVersionRequest VersionState
                [POST "/subjects/{subject}/versions/{version}/deprecate"];
            reinstate_version ReinstateVersion ChangeVersionRequest VersionState
                [POST "/subjects/{subject}/versions/{version}/reinstate"];
            archive_version ArchiveVersion ArchiveVersionRequest VersionState
                [POST "/subjects/{subject}/versions/{version}/archive"];
            plan_rollback PlanRollback PlanRollbackRequest RollbackPlan
                [GET "/subjects/{subject}/versions/{target}/rollback"];
            roll_back RollBack RollBackRequest RollBackResponse
                [POST "/subjects/{subject}/versions/{target}/rollback"];
            reactivate_version ReactivateVersion ChangeVersionRequest VersionState
                [POST "/subjects/{subject}/versions/{version}/reactivate"];
            quarantine_version QuarantineVersion ChangeVersionRequest VersionState
                [POST "/subjects/{subject}/versions/{version}/quarantine"];
            release_version ReleaseVersion ChangeVersionRequest VersionState
                [POST "/subjects/{subject}/versions/{version}/release"];
            get_history GetHistory GetHistoryRequest GetHistoryResponse
                [GET "/subjects/{subject}/versions/{version}/history", GET "/subjects/{subject}/drafts/{draft}/history"];
            put_consumer PutConsumer Consumer Consumer [PUT "/subjects/{subject}/consumers/{id}"];
            remove_consumer RemoveConsumer RemoveConsumerRequest RemoveConsumerResponse
                [DELETE "/subjects/{subject}/consumers/{id}"];
            list_consumers ListConsumers ListConsumersRequest ListConsumersResponse
                [GET "/subjects/{subject}/consumers"];
            get_policy GetPolicy GetPolicyRequest GetPolicyResponse [GET "/policy", GET "/policy/{scope}"];
            set_policy SetPolicy SetPolicyRequest GetPolicyResponse [PUT "/policy", PUT "/policy/{scope}"];
            delete_policy DeletePolicy GetPolicyRequest GetPolicyResponse [DELETE "/policy", DELETE "/policy/{scope}"];
            check_compatibility CheckCompatibility CheckCompatibilityRequest CheckCompatibilityResponse
                [POST "/subjects/{subject}/compatibility"];
            diff_versions DiffVersions DiffVersionsRequest DiffVersionsResponse [GET "/subjects/{subject}/diff"];
            validate Validate ValidateRequest ValidateResponse [POST "/validate"];
            search Search SearchRequest SearchResponse [GET "/search", POST "/search"];
            get_cursor GetCursor GetCursorRequest Cursor [GET "/cursors/{name}"];
            move_cursor MoveCursor Cursor Cursor [PUT "/cursors/{name}"];
            query_audit QueryAudit QueryAuditRequest QueryAuditResponse [GET "/audit"];
            get_checkpoint GetCheckpoint GetCheckpointRequest Checkpoint [GET "/audit/checkpoint"];
            prove_inclusion ProveInclusion ProveInclusionRequest Proof [GET "/audit/proofs/inclusion"];
            prove_consistency ProveConsistency ProveConsistencyRequest Proof [GET "/audit/proofs/consistency"];
            archive_audit ArchiveAudit ArchiveAuditRequest ArchiveAuditResponse [POST "/audit/archive"];
            get_cluster_status GetClusterStatus GetClusterStatusRequest ClusterStatus [GET "/cluster/status"];
        }
    };
}

pub(super) use operations;
