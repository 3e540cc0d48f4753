//! The service of `registry.v1`: takes messages out of requests, lets [`Native`] answer, puts answers back.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use prost::Message;
use proto::v1;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::status::status_of;
use crate::api::caller::caller_of;
use crate::api::native::{Native, data_request, filter, operations, verdict_message, watched};
use crate::clock::Deadline;
use crate::service::{Caller, Consistency, Service, ServiceError};

/// Answers that wait for a client to take them; a slow one makes its own stream wait, nothing else.
const WAITING_MAX: usize = 64;
/// Pieces of data that are validated together.
const BATCH_MAX: usize = 256;

/// The service.
pub(super) struct Grpc {
    native: Native,
    consistency: Consistency,
}

impl Grpc {
    pub(super) fn new(service: Service) -> Self {
        let consistency = Consistency::parse(&service.config().read.consistency).unwrap_or(Consistency::Default);
        Self { native: Native { service }, consistency }
    }

    fn caller(
        &self,
        method: &str,
        headers: &http::HeaderMap,
        message: impl FnOnce() -> Vec<u8>,
    ) -> Result<Caller, Status> {
        let fingerprint = || {
            let mut hash = blake3::Hasher::new();
            hash.update(method.as_bytes());
            hash.update(&message());
            hash.finalize().to_hex().chars().take(32).collect()
        };
        caller_of(headers, None, fingerprint, &self.native.service, self.consistency).map_err(|error| status_of(&error))
    }

    fn refused(&self, caller: &Caller, method: &str, error: &ServiceError) -> Status {
        let is_read = ["Get", "List", "Prove", "Query", "Search", "Validate", "Check", "Diff", "Plan"];
        if !is_read.iter().any(|prefix| method.starts_with(prefix)) {
            self.native.service.attempts().record(caller, method, error);
        }
        status_of(error)
    }
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

macro_rules! serve {
    ($($method:ident $name:ident $question:ident $answer:ident [$($http:tt)*];)+) => {
        #[tonic::async_trait]
        impl v1::registry_server::Registry for Grpc {
            $(async fn $method(&self, request: Request<v1::$question>) -> Result<Response<v1::$answer>, Status> {
                let (metadata, _, message) = request.into_parts();
                let headers = metadata.into_headers();
                let caller = self.caller(stringify!($name), &headers, || message.encode_to_vec())?;
                match self.native.$method(&caller, message).await {
                    Ok(answer) => Ok(Response::new(answer)),
                    Err(error) => Err(self.refused(&caller, stringify!($name), &error)),
                }
            })+

            type WatchStream = Answers<v1::WatchResponse>;

            async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
                let (metadata, _, message) = request.into_parts();
                let caller = self.caller("Watch", &metadata.into_headers(), Vec::new)?;
                self.watch_from(&caller, &message).await.map(Response::new).map_err(|error| status_of(&error))
            }

            type ValidateStreamStream = Answers<v1::ValidateResponse>;

            async fn validate_stream(
                &self,
                request: Request<Streaming<v1::ValidateRequest>>,
            ) -> Result<Response<Self::ValidateStreamStream>, Status> {
                Ok(Response::new(self.validate_all(request.into_inner())))
            }
        }
    };
}

operations!(serve);

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
        let watcher = self.native.service.watch(caller, after, filter(request)?).await?;
        let cluster_id = self.native.service.config().cluster.id.clone();
        // Pulled by the client's own flow control: nothing is read ahead for one that is slow.
        let stream = futures::stream::unfold(Some(watcher), move |watcher| {
            let cluster_id = cluster_id.clone();
            async move {
                let mut watcher = watcher?;
                match watcher.next().await {
                    Ok(next) => Some((Ok(watched(next, &cluster_id)), Some(watcher))),
                    Err(error) => Some((Err(status_of(&error)), None)),
                }
            }
        });
        Ok(Box::pin(stream))
    }

    /// Takes as many as have arrived, validates them together, and answers in order.
    fn validate_all(&self, requests: Streaming<v1::ValidateRequest>) -> Answers<v1::ValidateResponse> {
        let (answers, taken) = tokio::sync::mpsc::channel(WAITING_MAX);
        let service = self.native.service.clone();
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
                let deadline = Deadline::after(service.config().limits.request_time_max());
                let verdicts = match service.validate_batch(good, deadline).await {
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
