//! The HTTP listener: reads a request's body, hands it to the door of its operation, and shapes the answer.

mod cors;
mod encoding;
pub(super) mod media;
pub(super) mod reply;
pub(super) mod request;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use http::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use proto::error_code as code;
use proto::operations::OperationId;
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;

use super::native::Native;
use super::on::{Answer, Front, On};
use super::{access, cluster, confluent, llm, native, server, streams};
use crate::edge::{Admitted, BodyDigest, Edge, EdgeLayer, Refusal, Transport};
use crate::host::Phase;
use crate::service::{Service, ServiceError};
use crate::sockets::{self, Connections, Protocol, Serve, Stage};
use crate::tls::Gateway;
use media::MEDIA_TYPES;
use reply::Reply;
use request::Request;

/// Serves HTTP until its listener is closed; requests under way are finished.
pub async fn serve_http(
    edge: Edge,
    service: Service,
    phase: Phase,
    listener: tokio::net::TcpListener,
    connections: Connections,
    gateway: Gateway,
    stages: tokio::sync::watch::Receiver<Stage>,
) {
    let cors = cors::cors_layer(service.cors_origins());
    let front = Front { native: Native::new(service.clone()), service, phase };
    let door = ServiceBuilder::new()
        .layer(encoding::answer_compression())
        .layer(EdgeLayer::new(edge, Transport::Http, refusal_response, reply::repeat_reply))
        .layer(CatchPanicLayer::custom(|_| refusal_response(&Refusal::Error(panic_error()))))
        .service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let front = front.clone();
            async move { Ok::<_, Infallible>(handle_request(&front, request.map(Body::new)).await) }
        });
    let (protocol, handshake) = (Protocol::Http, gateway);
    match cors {
        None => sockets::serve_listener(listener, Serve { protocol, door, handshake, connections }, stages).await,
        // Only who configures it pays for it.
        Some(cors) => {
            let door = cors.layer(door);
            sockets::serve_listener(listener, Serve { protocol, door, handshake, connections }, stages).await;
        }
    }
}

/// What a client is told of a mistake of ours; the panic itself is in the log.
pub(super) fn panic_error() -> ServiceError {
    ServiceError::internal("answer a request", &"the handler panicked")
}

/// Says no before a door was reached.
fn refusal_response(refusal: &Refusal) -> Response<Body> {
    let reply = match refusal {
        Refusal::Error(error) => Reply::error(error),
        Refusal::Exceeded(exceeded) => Reply::rate_exceeded(exceeded),
        Refusal::WrongMethod { allow } => Reply::method_not_allowed(allow),
        Refusal::Options { allow } => Reply::allowed_methods(allow),
    };
    reply.into_response(MEDIA_TYPES[0])
}

async fn handle_request(front: &Front, mut request: axum::extract::Request) -> Response<Body> {
    let Some(admitted) = request.extensions_mut().remove::<Arc<Admitted>>() else {
        let error = ServiceError::internal("answer a request", &"it has not passed the edge");
        return Reply::error(&error).into_response(MEDIA_TYPES[0]);
    };
    if let OperationId::Stream(stream) = admitted.operation.id {
        return streams::answer_stream(front, &admitted, stream, request).await;
    }
    let read = tokio::time::timeout(admitted.time_max(), read_request(front, request)).await;
    let late = || ServiceError::new(code::REQUEST_TIMEOUT, "The request took too long to arrive");
    let request = match read.unwrap_or_else(|_| Err(late())) {
        Ok(request) => request,
        Err(error) => {
            admitted.note_refusal(None, &error);
            return Reply::error(&error).into_response(MEDIA_TYPES[0]);
        }
    };
    let media_type = match request.accepted_type() {
        Ok(media_type) => media_type,
        Err(_) if admitted.operation.answers_anybody() => MEDIA_TYPES[2],
        Err(error) => return Reply::error(&error).into_response(MEDIA_TYPES[0]),
    };
    let caller = admitted.caller_of(|fingerprint| request.describe_content(fingerprint));
    let on = On { front, admitted: &admitted, caller: &caller, request: &request };
    let digest = if admitted.is_repeatable() { request.body_digest() } else { BodyDigest::default() };
    let kept = match on.authorize() {
        Ok(()) => kept_answer(on, &digest).await,
        Err(error) => Err(error),
    };
    let answer = match kept {
        Ok(Some(response)) => return response,
        Ok(None) => dispatch_operation(on).await,
        Err(error) => Err(error),
    };
    let reply = answer.unwrap_or_else(|error| {
        admitted.note_refusal(Some(&caller.request_id), &error);
        Reply::error(&error)
    });
    if let Some((kept, provenance)) = reply.kept_parts() {
        admitted.keep_reply(&digest, kept, provenance);
    }
    let known = request.header("if-none-match").filter(|_| request.is_read());
    reply.unless_known(known).into_response(media_type)
}

/// The answer to the same question with the same body, if one is kept and still holds.
async fn kept_answer(on: On<'_>, body: &BodyDigest) -> Result<Option<Response<Body>>, ServiceError> {
    if !on.admitted.is_repeatable() {
        return Ok(None);
    }
    let kept = on.admitted.repeated(&on.front.service, body).await?;
    Ok(kept.and_then(|kept| reply::repeat_reply(Ok(&kept.reply), on.request.headers())))
}

async fn dispatch_operation(on: On<'_>) -> Answer {
    match on.admitted.operation.id {
        OperationId::Confluent(operation) => confluent::answer_confluent(on, operation).await,
        OperationId::Native(operation) => native::json::answer_native(on, operation).await,
        OperationId::Llm(operation) => llm::answer_llm(on, operation).await,
        OperationId::Cluster(operation) => cluster::answer_cluster(on, operation).await,
        OperationId::Access(operation) => access::answer_access(on, operation).await,
        OperationId::Server(operation) => server::answer_server(on, operation),
        OperationId::Stream(_) => Err(ServiceError::internal("answer a request", &"a stream has no single answer")),
    }
}

async fn read_request(front: &Front, request: axum::extract::Request) -> Result<Request, ServiceError> {
    let (parts, body) = encoding::inflated_request(request).await?.into_parts();
    let limit = front.service.limits().body_bytes_max;
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            ServiceError::new(code::PAYLOAD_TOO_LARGE, format!("The request body is longer than {limit} bytes"))
        } else {
            ServiceError::new(
                code::BAD_REQUEST,
                "The request body did not arrive whole, or is not what Content-Encoding says",
            )
        }
    })?;
    Request::new(parts, body.to_bytes())
}
