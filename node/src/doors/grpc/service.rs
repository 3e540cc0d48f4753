//! The service of `registry.v1`: takes messages out of requests, lets [`Native`] answer, puts answers back.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use prost::Message;
use proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::status::status_of;
use crate::clock::Deadline;
use crate::doors::native::{Native, data_request, event_filter, json, verdict_message, watch_response};
use crate::edge::Admitted;
use crate::service::{Caller, Service, ServiceError};

/// Answers that wait for a client to take them; a slow one makes its own stream wait, nothing else.
const WAITING_MAX: usize = 64;
/// Pieces of data that are validated together.
const BATCH_MAX: usize = 256;

/// The service.
pub(super) struct Grpc {
    native: Native,
}

impl Grpc {
    pub(super) fn new(service: Service) -> Self {
        Self { native: Native::new(service) }
    }
}

/// One call on its way through its operation.
struct Call {
    admitted: Arc<Admitted>,
    caller: Caller,
}

impl Call {
    /// A call and its question, if the caller may do that to what the question names.
    fn of<T: Message>(native: &Native, request: Request<T>) -> Result<(Self, T), Status> {
        let admitted = admitted_request(&request)?;
        let question = request.into_inner();
        let caller = admitted.caller_of(|fingerprint| fingerprint.add_part(&question.encode_to_vec()));
        let call = Self { admitted, caller };
        let allowed = json::authorize_message(&native.service, &call.caller, call.admitted.operation, || {
            question.encode_to_vec()
        });
        match allowed {
            Ok(()) => Ok((call, question)),
            Err(error) => Err(call.refused_status(&error)),
        }
    }

    fn answer_call<T>(&self, answered: Result<T, ServiceError>) -> Answered<T> {
        answered.map(Response::new).map_err(|error| self.refused_status(&error))
    }

    fn refused_status(&self, error: &ServiceError) -> Status {
        self.admitted.note_refusal(Some(&self.caller.request_id), error);
        status_of(error)
    }
}

/// What the edge knows of a call. Without it, nothing is answered.
fn admitted_request<T>(request: &Request<T>) -> Result<Arc<Admitted>, Status> {
    let found = request.extensions().get::<Arc<Admitted>>().cloned();
    found.ok_or_else(|| status_of(&ServiceError::internal("answer a call", &"it has not passed the edge")))
}

type Answered<T> = Result<Response<T>, Status>;
type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl v1::registry_server::Registry for Grpc {
    async fn list_subjects(&self, request: Request<v1::ListSubjectsRequest>) -> Answered<v1::ListSubjectsResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.list_subjects(&call.caller, question).await)
    }

    async fn list_versions(&self, request: Request<v1::ListVersionsRequest>) -> Answered<v1::ListVersionsResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.list_versions(&call.caller, question).await)
    }

    async fn get_version(&self, request: Request<v1::GetVersionRequest>) -> Answered<v1::Version> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.get_version(&call.caller, question).await)
    }

    async fn register_version(&self, request: Request<v1::RegisterVersionRequest>) -> Answered<v1::Version> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.register_version(&call.caller, question).await)
    }

    async fn delete_version(&self, request: Request<v1::DeleteVersionRequest>) -> Answered<v1::DeleteVersionResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.delete_version(&call.caller, question).await)
    }

    async fn create_draft(&self, request: Request<v1::CreateDraftRequest>) -> Answered<v1::Draft> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.create_draft(&call.caller, question).await)
    }

    async fn revise_draft(&self, request: Request<v1::ReviseDraftRequest>) -> Answered<v1::Draft> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.revise_draft(&call.caller, question).await)
    }

    async fn get_draft(&self, request: Request<v1::GetDraftRequest>) -> Answered<v1::Draft> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.get_draft(&call.caller, question).await)
    }

    async fn list_drafts(&self, request: Request<v1::ListDraftsRequest>) -> Answered<v1::ListDraftsResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.list_drafts(&call.caller, question).await)
    }

    async fn submit_draft(&self, request: Request<v1::ChangeDraftRequest>) -> Answered<v1::Draft> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.submit_draft(&call.caller, question).await)
    }

    async fn review_draft(&self, request: Request<v1::ReviewDraftRequest>) -> Answered<v1::Draft> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.review_draft(&call.caller, question).await)
    }

    async fn publish_draft(&self, request: Request<v1::ChangeDraftRequest>) -> Answered<v1::Draft> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.publish_draft(&call.caller, question).await)
    }

    async fn activate_draft(&self, request: Request<v1::ChangeDraftRequest>) -> Answered<v1::Draft> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.activate_draft(&call.caller, question).await)
    }

    async fn deprecate_version(&self, request: Request<v1::DeprecateVersionRequest>) -> Answered<v1::VersionState> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.deprecate_version(&call.caller, question).await)
    }

    async fn reinstate_version(&self, request: Request<v1::ChangeVersionRequest>) -> Answered<v1::VersionState> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.reinstate_version(&call.caller, question).await)
    }

    async fn archive_version(&self, request: Request<v1::ArchiveVersionRequest>) -> Answered<v1::VersionState> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.archive_version(&call.caller, question).await)
    }

    async fn plan_rollback(&self, request: Request<v1::PlanRollbackRequest>) -> Answered<v1::RollbackPlan> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.plan_rollback(&call.caller, question).await)
    }

    async fn roll_back(&self, request: Request<v1::RollBackRequest>) -> Answered<v1::RollBackResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.roll_back(&call.caller, question).await)
    }

    async fn reactivate_version(&self, request: Request<v1::ChangeVersionRequest>) -> Answered<v1::VersionState> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.reactivate_version(&call.caller, question).await)
    }

    async fn quarantine_version(&self, request: Request<v1::ChangeVersionRequest>) -> Answered<v1::VersionState> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.quarantine_version(&call.caller, question).await)
    }

    async fn release_version(&self, request: Request<v1::ChangeVersionRequest>) -> Answered<v1::VersionState> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.release_version(&call.caller, question).await)
    }

    async fn get_history(&self, request: Request<v1::GetHistoryRequest>) -> Answered<v1::GetHistoryResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.get_history(&call.caller, question).await)
    }

    async fn put_consumer(&self, request: Request<v1::Consumer>) -> Answered<v1::Consumer> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.put_consumer(&call.caller, question).await)
    }

    async fn remove_consumer(
        &self,
        request: Request<v1::RemoveConsumerRequest>,
    ) -> Answered<v1::RemoveConsumerResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.remove_consumer(&call.caller, question).await)
    }

    async fn list_consumers(&self, request: Request<v1::ListConsumersRequest>) -> Answered<v1::ListConsumersResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.list_consumers(&call.caller, question).await)
    }

    async fn get_policy(&self, request: Request<v1::GetPolicyRequest>) -> Answered<v1::GetPolicyResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.get_policy(&call.caller, question).await)
    }

    async fn set_policy(&self, request: Request<v1::SetPolicyRequest>) -> Answered<v1::GetPolicyResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.set_policy(&call.caller, question).await)
    }

    async fn delete_policy(&self, request: Request<v1::GetPolicyRequest>) -> Answered<v1::GetPolicyResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.delete_policy(&call.caller, question).await)
    }

    async fn check_compatibility(
        &self,
        request: Request<v1::CheckCompatibilityRequest>,
    ) -> Answered<v1::CheckCompatibilityResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.check_compatibility(&call.caller, question).await)
    }

    async fn diff_versions(&self, request: Request<v1::DiffVersionsRequest>) -> Answered<v1::DiffVersionsResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.diff_versions(&call.caller, question).await)
    }

    async fn validate(&self, request: Request<v1::ValidateRequest>) -> Answered<v1::ValidateResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.validate(&call.caller, question).await)
    }

    async fn search(&self, request: Request<v1::SearchRequest>) -> Answered<v1::SearchResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.search(&call.caller, question).await)
    }

    async fn get_cursor(&self, request: Request<v1::GetCursorRequest>) -> Answered<v1::Cursor> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.get_cursor(&call.caller, question).await)
    }

    async fn move_cursor(&self, request: Request<v1::Cursor>) -> Answered<v1::Cursor> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.move_cursor(&call.caller, question).await)
    }

    async fn query_audit(&self, request: Request<v1::QueryAuditRequest>) -> Answered<v1::QueryAuditResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.query_audit(&call.caller, question).await)
    }

    async fn get_checkpoint(&self, request: Request<v1::GetCheckpointRequest>) -> Answered<v1::Checkpoint> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.get_checkpoint(&call.caller, question).await)
    }

    async fn prove_inclusion(&self, request: Request<v1::ProveInclusionRequest>) -> Answered<v1::Proof> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.prove_inclusion(&call.caller, question).await)
    }

    async fn prove_consistency(&self, request: Request<v1::ProveConsistencyRequest>) -> Answered<v1::Proof> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.prove_consistency(&call.caller, question).await)
    }

    async fn archive_audit(&self, request: Request<v1::ArchiveAuditRequest>) -> Answered<v1::ArchiveAuditResponse> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.archive_audit(&call.caller, question).await)
    }

    async fn get_cluster_status(&self, request: Request<v1::GetClusterStatusRequest>) -> Answered<v1::ClusterStatus> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.native.get_cluster_status(&call.caller, question).await)
    }

    type WatchStream = Answers<v1::WatchResponse>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Answered<Self::WatchStream> {
        let (call, question) = Call::of(&self.native, request)?;
        call.answer_call(self.watch_from(&call.caller, &question).await)
    }

    type ValidateStreamStream = Answers<v1::ValidateResponse>;

    async fn validate_stream(
        &self,
        request: Request<Streaming<v1::ValidateRequest>>,
    ) -> Answered<Self::ValidateStreamStream> {
        let admitted = admitted_request(&request)?;
        let caller = admitted.caller_of(|_| {});
        Ok(Response::new(self.validate_all(&admitted, caller, request.into_inner())))
    }
}

impl Grpc {
    async fn watch_from(
        &self,
        caller: &Caller,
        request: &v1::WatchRequest,
    ) -> Result<Answers<v1::WatchResponse>, ServiceError> {
        let after = match request.after.as_str() {
            "" => None,
            token => Some(token.parse()?),
        };
        let watcher = self.native.service.watch_events(caller, after, event_filter(request)?).await?;
        let cluster_id = self.native.service.cluster_id().to_owned();
        // Pulled by the client's own flow control: nothing is read ahead for one that is slow.
        let stream = futures::stream::unfold(Some(watcher), move |watcher| {
            let cluster_id = cluster_id.clone();
            async move {
                let mut watcher = watcher?;
                match watcher.next().await {
                    Ok(next) => Some((Ok(watch_response(next, &cluster_id)), Some(watcher))),
                    Err(error) => Some((Err(status_of(&error)), None)),
                }
            }
        });
        Ok(Box::pin(stream))
    }

    /// Takes as many as have arrived, validates them together, and answers in order.
    fn validate_all(
        &self,
        admitted: &Admitted,
        mut caller: Caller,
        requests: Streaming<v1::ValidateRequest>,
    ) -> Answers<v1::ValidateResponse> {
        let (answers, taken) = tokio::sync::mpsc::channel(WAITING_MAX);
        let (service, time_max) = (self.native.service.clone(), admitted.time_max());
        tokio::spawn(async move {
            let mut batches = requests.ready_chunks(BATCH_MAX);
            while let Some(batch) = batches.next().await {
                let mut tags = Vec::with_capacity(batch.len());
                let mut wanted = Vec::with_capacity(batch.len());
                let mut ended = None;
                for request in batch {
                    match request {
                        Ok(request) => {
                            tags.push(request.tag);
                            wanted.push(data_request(request));
                        }
                        Err(status) => ended = Some(status),
                    }
                }
                let good: Vec<_> = wanted.iter().filter_map(|wanted| wanted.as_ref().ok().cloned()).collect();
                caller.deadline = Deadline::after(time_max);
                let verdicts = match service.validate_batch(&caller, good).await {
                    Ok(verdicts) => verdicts,
                    Err(error) => {
                        drop(answers.send(Err(status_of(&error))).await);
                        return;
                    }
                };
                let mut verdicts = verdicts.into_iter();
                for (tag, wanted) in tags.into_iter().zip(wanted) {
                    let verdict = wanted.and_then(|_| verdicts.next().unwrap_or_else(|| Ok(Vec::new())));
                    if answers.send(Ok(verdict_message(tag, verdict))).await.is_err() {
                        return;
                    }
                }
                if let Some(status) = ended {
                    drop(answers.send(Err(status)).await);
                    return;
                }
            }
        });
        Box::pin(ReceiverStream::new(taken))
    }
}
