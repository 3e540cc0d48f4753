//! The HTTP front end: takes a request apart, finds its operation, lets the service do it, and answers.

mod admin;
mod associations;
mod convert;
mod handlers;
mod health;
mod lists;
mod native;
mod native_openapi;
mod openapi;
mod reply;
mod request;
mod route;
mod tags;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{Method, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use proto::error_code as code;
use tokio::sync::Semaphore;

use crate::clock;
use crate::host::Phase;
use crate::service::{AssociationQuery, Caller, Consistency, Service, ServiceError};
use reply::{MEDIA_TYPES, NodeHeaders, Reply};
use request::Request;
use route::{NoRoute, Route, route};

/// What the front end works with. Cheap to clone.
#[derive(Clone)]
pub struct Front {
    service: Service,
    phase: Phase,
    consistency: Consistency,
    /// Requests under way; more are answered 503 at once, so that those under way finish.
    slots: Arc<Semaphore>,
}

impl Front {
    /// A front end over a service.
    pub fn new(service: Service, phase: Phase) -> Self {
        let config = service.config();
        let consistency = Consistency::parse(&config.read.consistency).unwrap_or(Consistency::Default);
        let slots = Arc::new(Semaphore::new(config.limits.requests_max));
        Self { service, phase, consistency, slots }
    }
}

/// Serves HTTP until `stop` resolves; requests under way are finished.
///
/// # Errors
/// If the port cannot be served.
pub async fn serve(
    front: Front,
    listener: tokio::net::TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new().fallback(handle).with_state(front);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

async fn handle(State(front): State<Front>, request: http::Request<Body>) -> Response<Body> {
    let started = clock::now();
    if native::streams(request.uri().path()) {
        return native::stream(&front, request).await;
    }
    let method = request.method().clone();
    let routed = route(request.uri().path());
    let template = match native::template(request.uri().path()) {
        Some(template) => template,
        None => routed.as_ref().map_or("unknown", Route::template),
    };
    let Answer { reply, media_type, request_id } = answer(&front, routed, request).await;
    let seconds = clock::now().saturating_duration_since(started).as_secs_f64();
    front.service.metrics().answered(method.as_str(), template, reply.status(), seconds);
    let node = NodeHeaders {
        node_id: front.service.consensus().node_id().to_string(),
        region: front.service.config().node.region.clone(),
        term: front.service.consensus().term(),
        mark: front.service.mark(),
    };
    reply.into_response(media_type, &request_id, &node)
}

struct Answer {
    reply: Reply,
    media_type: &'static str,
    request_id: String,
}

async fn answer(front: &Front, routed: Result<Route, NoRoute>, request: http::Request<Body>) -> Answer {
    let method = request.method().clone();
    let early = |error: &ServiceError| Answer {
        reply: Reply::error(error),
        media_type: MEDIA_TYPES[0],
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let Ok(_slot) = front.slots.try_acquire() else {
        return early(&ServiceError::new(code::UNAVAILABLE, "Too many requests are under way on this node; try again"));
    };
    let request =
        match tokio::time::timeout(front.service.config().limits.request_time_max(), read(front, request)).await {
            Ok(Ok(request)) => request,
            Ok(Err(error)) => return early(&error),
            Err(_) => return early(&ServiceError::new(code::REQUEST_TIMEOUT, "The request took too long to arrive")),
        };
    let request_id = request.id();
    let is_probe = matches!(routed, Ok(Route::Live | Route::Ready | Route::Started | Route::Metrics | Route::Docs));
    let media_type = match request.accepted() {
        Ok(media_type) => media_type,
        Err(_) if is_probe => MEDIA_TYPES[2],
        Err(error) => return Answer { reply: Reply::error(&error), media_type: MEDIA_TYPES[0], request_id },
    };
    let reads = method == Method::GET || method == Method::HEAD;
    let reply = match routed {
        _ if native::template(&request.path).is_some() => native::answer(front, &method, &request).await,
        Ok(route) => dispatch(front, &method, route, &request).await.unwrap_or_else(|error| Reply::error(&error)),
        Err(NoRoute::Unknown) => Reply::error(&ServiceError::new(code::NOT_FOUND, "HTTP 404 Not Found")),
        Err(NoRoute::Malformed) => Reply::error(&ServiceError::new(
            code::BAD_REQUEST,
            "The path cannot be decoded or names an impossible context",
        )),
    };
    let known = request.header("if-none-match").filter(|_| reads);
    Answer { reply: reply.unless_known(known), media_type, request_id }
}

async fn read(front: &Front, request: http::Request<Body>) -> Result<Request, ServiceError> {
    let (parts, body) = request.into_parts();
    let limit = front.service.config().limits.body_bytes_max;
    let body = Limited::new(body, limit).collect().await.map_err(|error| {
        if error.downcast_ref::<LengthLimitError>().is_some() {
            ServiceError::new(code::PAYLOAD_TOO_LARGE, format!("The request body is longer than {limit} bytes"))
        } else {
            ServiceError::new(code::BAD_REQUEST, "The request body did not arrive")
        }
    })?;
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let method = parts.method.as_str().to_owned();
    Request::new(method, parts.uri.path().to_owned(), &query, parts.headers, body.to_bytes())
}

/// Answers a request, and records a change that was refused.
async fn dispatch(front: &Front, method: &Method, route: Route, request: &Request) -> Result<Reply, ServiceError> {
    let caller = request.caller(&front.service, front.consistency)?;
    let change = is_change(method, &route).then(|| format!("{method} {}", route.template()));
    let answered = operate(front, &caller, method, route, request).await;
    if let (Some(change), Err(error)) = (change, &answered) {
        front.service.attempts().record(&caller, &change, error);
    }
    answered
}

/// Would it change something, if it were granted? Some questions are asked by POST.
fn is_change(method: &Method, route: &Route) -> bool {
    let asks = matches!(
        route,
        Route::Root
            | Route::Subject(_)
            | Route::Compatibility(..)
            | Route::CompatibilityAll(_)
            | Route::AssociationBatchGet
    );
    matches!(*method, Method::PUT | Method::DELETE) || (*method == Method::POST && !asks)
}

/// Finds the operation of a resource and a method.
async fn operate(
    front: &Front,
    caller: &Caller,
    method: &Method,
    route: Route,
    request: &Request,
) -> Result<Reply, ServiceError> {
    let on = handlers::On { front, caller, request };
    let is_head = *method == Method::HEAD;
    let method = if is_head { "GET" } else { method.as_str() };
    match (route, method) {
        (Route::Root, "GET" | "POST") => Ok(Reply::json(&serde_json::json!({}))),
        (Route::Root, _) => Ok(Reply::method_not_allowed("GET, POST")),
        (Route::SchemaTypes, "GET") => Ok(handlers::schema_types()),
        (Route::SchemaById(id), "GET") => on.schema_by_id(&id).await,
        (Route::SchemaTextById(id), "GET") => on.schema_text_by_id(&id).await,
        (Route::SubjectsOfId(id), "GET") => on.subjects_of_id(&id).await,
        (Route::VersionsOfId(id), "GET") => on.versions_of_id(&id).await,
        (Route::SchemaByGuid(guid), "GET") => on.schema_by_guid(&guid).await,
        (Route::IdsOfGuid(guid), "GET") => on.ids_of_guid(&guid).await,
        (Route::Schemas, "GET") => on.schemas().await,
        (Route::Subjects, "GET") => on.subjects().await,
        (Route::Subject(subject), "POST") => on.lookup(&subject).await,
        (Route::Subject(subject), "DELETE") => on.delete_subject(&subject).await,
        (Route::Subject(_), _) => Ok(Reply::method_not_allowed("POST, DELETE")),
        (Route::Versions(subject), "GET") => on.versions(&subject).await,
        (Route::Versions(subject), "POST") => on.register(&subject).await,
        (Route::Versions(_), _) => Ok(Reply::method_not_allowed("GET, POST")),
        (Route::Version(subject, version), "GET") => on.version(&subject, &version).await,
        (Route::Version(subject, version), "DELETE") => on.delete_version(&subject, &version).await,
        (Route::Version(..), _) => Ok(Reply::method_not_allowed("GET, DELETE")),
        (Route::VersionText(subject, version), "GET") => on.version_text(&subject, &version).await,
        (Route::ReferencedBy(subject, version), "GET") => on.referenced_by(&subject, &version).await,
        (Route::VersionTags(subject, version), "POST") => on.tag_version(&subject, &version).await,
        (Route::SubjectMetadata(subject), "GET") => on.subject_metadata(&subject).await,
        (Route::Associations, "POST") => on.create_associations().await,
        (Route::AssociationsOfResource(id), "GET") => on.list_associations(AssociationQuery::Resource(id)).await,
        (Route::AssociationsOfResource(id), "PUT") => on.put_associations(&id).await,
        (Route::AssociationsOfResource(id), "DELETE") => on.delete_associations(&id).await,
        (Route::AssociationsOfResource(_), _) => Ok(Reply::method_not_allowed("GET, PUT, DELETE")),
        (Route::AssociationsByName(namespace, name), "GET") => on.associations_by_name(&namespace, &name).await,
        (Route::AssociationsOfSubject(subject), "GET") => on.associations_of_subject(&subject).await,
        (Route::AssociationBatchGet, "POST") => on.get_associations().await,
        (Route::AssociationBatchMutate, "POST") => on.mutate_associations().await,
        (
            Route::VersionTags(..) | Route::Associations | Route::AssociationBatchGet | Route::AssociationBatchMutate,
            _,
        ) => Ok(Reply::method_not_allowed("POST")),
        (Route::OpenApi, "GET") => Ok(Reply::json(&openapi::document())),
        (Route::Docs, "GET") => Ok(Reply::page(openapi::PAGE)),
        (Route::CompatibilityAll(subject), "POST") => on.check_compatibility(&subject, None).await,
        (Route::Compatibility(subject, version), "POST") => on.check_compatibility(&subject, Some(&version)).await,
        (Route::CompatibilityAll(_) | Route::Compatibility(..), _) => Ok(Reply::method_not_allowed("POST")),
        (Route::Config(scope), "GET") => on.config(scope.as_deref()).await,
        (Route::Config(scope), "PUT") => on.set_config(scope.as_deref()).await,
        (Route::Config(scope), "DELETE") => on.delete_config(scope.as_deref()).await,
        (Route::Mode(scope), "GET") => on.mode(scope.as_deref()).await,
        (Route::Mode(scope), "PUT") => on.set_mode(scope.as_deref()).await,
        (Route::Mode(scope), "DELETE") => on.delete_mode(scope.as_deref()).await,
        (Route::Config(_) | Route::Mode(_), _) => Ok(Reply::method_not_allowed("GET, PUT, DELETE")),
        (Route::Contexts, "GET") => on.contexts().await,
        (Route::Context(context), "DELETE") => on.delete_context(&context).await,
        (Route::Context(_), _) => Ok(Reply::method_not_allowed("DELETE")),
        (Route::MetadataId, "GET") => Ok(on.metadata_id()),
        (Route::MetadataVersion, "GET") => Ok(handlers::metadata_version()),
        (Route::MetadataDeployment, "GET") => Ok(Reply::json(&serde_json::json!({"attributes": []}))),
        (Route::Live, "GET") => Ok(health::live(front)),
        (Route::Ready, "GET") => Ok(health::ready(front)),
        (Route::Started, "GET") => Ok(health::started(front)),
        (Route::Metrics, "GET") => {
            let mark = front.service.mark();
            Ok(Reply::plain(front.service.metrics().render(front.service.consensus(), mark.staleness_ms)))
        }
        (Route::ClusterStatus, "GET") => Ok(admin::status(front).await),
        (Route::Members, "POST") => admin::add_member(front, request).await,
        (Route::Members, _) => Ok(Reply::method_not_allowed("POST")),
        (Route::PromoteMember(id), "POST") => admin::promote(front, caller, &id).await,
        (Route::PromoteMember(_), _) => Ok(Reply::method_not_allowed("POST")),
        (Route::Member(id), "DELETE") => admin::remove(front, &id).await,
        (Route::Member(_), _) => Ok(Reply::method_not_allowed("DELETE")),
        (Route::TransferLeader, "POST") => admin::transfer(front, request).await,
        (Route::TakeSnapshot, "POST") => admin::snapshot(front).await,
        (Route::TransferLeader | Route::TakeSnapshot, _) => Ok(Reply::method_not_allowed("POST")),
        (Route::StateHash, "GET") => admin::state_hash(front, request),
        (
            Route::SchemaTypes
            | Route::SchemaById(_)
            | Route::SchemaTextById(_)
            | Route::SubjectsOfId(_)
            | Route::VersionsOfId(_)
            | Route::SchemaByGuid(_)
            | Route::IdsOfGuid(_)
            | Route::Schemas
            | Route::Subjects
            | Route::VersionText(..)
            | Route::ReferencedBy(..)
            | Route::SubjectMetadata(_)
            | Route::AssociationsByName(..)
            | Route::AssociationsOfSubject(_)
            | Route::OpenApi
            | Route::Docs
            | Route::Contexts
            | Route::MetadataId
            | Route::MetadataVersion
            | Route::MetadataDeployment
            | Route::Live
            | Route::Ready
            | Route::Started
            | Route::Metrics
            | Route::ClusterStatus
            | Route::StateHash,
            _,
        ) => Ok(Reply::method_not_allowed("GET")),
    }
}
