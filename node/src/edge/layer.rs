//! The pipeline as a tower layer: the same for every listener, whatever body types its door speaks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http::{HeaderMap, Request, Response};
use proto::error_code as code;
use proto::operations::{Kind, Operation};
use tokio::time::Instant;
use tower::{BoxError, Layer, Service};
use tracing::Instrument;

use super::body::Observed;
use super::{Admitted, Begun, Edge, Refusal, Refuse, Repeat, Transport};
use crate::clock;
use crate::service::ServiceError;
use crate::sockets::ClientAddress;

/// Makes the pipeline in front of a door.
#[derive(Clone)]
pub struct EdgeLayer {
    edge: Edge,
    transport: Transport,
    refuse: Refuse,
    repeat: Repeat,
}

impl EdgeLayer {
    /// The pipeline of a listener. `refuse` says no in the words of its transport, `repeat` gives kept replies.
    pub fn new(edge: Edge, transport: Transport, refuse: Refuse, repeat: Repeat) -> Self {
        Self { edge, transport, refuse, repeat }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = EdgeService<S>;

    fn layer(&self, door: S) -> EdgeService<S> {
        EdgeService { layer: self.clone(), door }
    }
}

/// A door behind the pipeline.
#[derive(Clone)]
pub struct EdgeService<S> {
    layer: EdgeLayer,
    door: S,
}

impl<S, B, R> Service<Request<B>> for EdgeService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send,
    B: HttpBody + Send + 'static,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.door.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The door that was polled ready answers; its clone waits for the next request.
        let next = self.door.clone();
        let door = std::mem::replace(&mut self.door, next);
        let layer = self.layer.clone();
        let begun = Begun::of(request.headers(), layer.edge.next_name());
        let span = tracing::debug_span!(
            "request",
            request_id = %begun.request_id,
            trace_id = %begun.trace.trace_id(),
            operation = tracing::field::Empty,
        );
        Box::pin(answer_request(layer, door, begun, request).instrument(span))
    }
}

async fn answer_request<S, B, R>(
    layer: EdgeLayer,
    mut door: S,
    begun: Begun,
    mut request: Request<B>,
) -> Result<Response<Body>, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: HttpBody,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let EdgeLayer { edge, transport, refuse, repeat } = layer;
    let started = clock::now();
    edge.prepare_principal(request.headers()).await;
    let operation;
    let is_whole = request.body().is_end_stream();
    let address = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| address.ip());
    let admitted =
        edge.admit_request(transport, &begun, request.method(), request.uri(), request.headers(), is_whole, address);
    let mut response = match admitted {
        Ok(admitted) => {
            operation = Some(admitted.operation);
            tracing::Span::current().record("operation", admitted.operation.name);
            if let Some(mut response) = repeated_reply(&edge, &admitted, repeat, request.headers()).await {
                edge.record_answer(transport, operation, status_of(transport, &response), started);
                edge.stamp_headers(&begun, response.headers_mut());
                return Ok(response);
            }
            let admitted = Arc::new(admitted);
            request.extensions_mut().insert(admitted.clone());
            let response = match edge.time_max(admitted.operation) {
                None => door.call(request).await?.map(Body::new),
                Some(limit) => match tokio::time::timeout(limit, door.call(request)).await {
                    Ok(response) => response?.map(Body::new),
                    Err(_) => {
                        let error = too_late(admitted.operation);
                        admitted.note_refusal(None, &error);
                        refuse(&Refusal::Error(error))
                    }
                },
            };
            edge.record_refused(&admitted);
            observed_response(&edge, transport, admitted, started, response)
        }
        Err((asked, refusal)) => {
            operation = asked;
            if let Refusal::Error(error) = &refusal {
                edge.record_failure(&begun.request_id, operation, error);
            }
            let response = refuse(&refusal);
            edge.record_answer(transport, operation, status_of(transport, &response), started);
            response
        }
    };
    tracing::debug!(status = response.status().as_u16(), operation = operation.map(|o| o.name), "answered");
    edge.stamp_headers(&begun, response.headers_mut());
    Ok(response)
}

/// A kept reply to the same question, if it still holds.
async fn repeated_reply(
    edge: &Edge,
    admitted: &Admitted,
    repeat: Repeat,
    headers: &HeaderMap,
) -> Option<Response<Body>> {
    let kept = admitted.kept.as_deref()?;
    match edge.still_holds(admitted, kept).await {
        Ok(true) => repeat(Ok(&kept.reply), headers),
        Ok(false) => None,
        Err(error) => repeat(Err(&error), headers),
    }
}

/// What does not come back in time although each of its parts has a deadline.
fn too_late(operation: &Operation) -> ServiceError {
    if operation.kind.is_change() {
        ServiceError::timed_out("The request took too long; it may have taken effect")
    } else {
        ServiceError::new(code::TIMEOUT, "The request took too long")
    }
}

/// Counts the answer: at once where it is whole, at its end where only that says how it went, or how long it took.
fn observed_response(
    edge: &Edge,
    transport: Transport,
    admitted: Arc<Admitted>,
    started: Instant,
    response: Response<Body>,
) -> Response<Body> {
    let operation = admitted.operation;
    let ends_later = match transport {
        Transport::Http => operation.is_stream(),
        Transport::Grpc => !response.headers().contains_key("grpc-status"),
    };
    if !ends_later {
        edge.record_answer(transport, Some(operation), status_of(transport, &response), started);
        return response;
    }
    let (parts, body) = response.into_parts();
    let (edge, head) = (edge.clone(), parts.status.as_u16());
    let on_end = move |trailers: Option<&HeaderMap>| {
        edge.record_answer(transport, Some(operation), status_at_end(transport, head, trailers), started);
        // The slot is given back here.
        drop(admitted);
    };
    Response::from_parts(parts, Body::new(Observed::new(body, on_end)))
}

/// The status that metrics show of an answer that is whole: HTTP's, or gRPC's code.
fn status_of(transport: Transport, response: &Response<Body>) -> u16 {
    match transport {
        Transport::Http => response.status().as_u16(),
        Transport::Grpc => code_of(response.headers()),
    }
}

/// The same of an answer that has ended: `head` is HTTP's status at its beginning.
fn status_at_end(transport: Transport, head: u16, trailers: Option<&HeaderMap>) -> u16 {
    match transport {
        Transport::Http => head,
        Transport::Grpc => trailers.map_or(CANCELLED, code_of),
    }
}

/// gRPC's code for a client that went away before the end.
const CANCELLED: u16 = 1;

fn code_of(headers: &HeaderMap) -> u16 {
    headers.get("grpc-status").and_then(|code| code.to_str().ok()?.parse().ok()).unwrap_or(CANCELLED)
}

/// Only what is asked of one node's clock and disk may take as long as it likes.
pub(super) fn has_time_limit(operation: &Operation) -> bool {
    !operation.is_stream() && operation.kind != Kind::Admin
}
