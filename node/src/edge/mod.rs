//! The one edge: every request of every door passes here first, in this order.
//!
//! request id and trace context → the operation of the table (or 404, 405, 400) → a slot (or 503) → the principal (or 401) →
//! its rate (or 429) → may it do this to anything at all (or 403) → what its headers wish for (or 422) → the door, within a
//! time limit, panics contained → the record of changes that were refused → metrics → the headers that tell node, region,
//! index and staleness.
//!
//! Doors get an [`Admitted`] request and translate. Who could not do what is asked to anything at all is refused here,
//! before a byte of the body is read; whether it may be done to what the request names, the doors ask
//! ([`crate::service::Service::authorize_subject`]) as soon as they have read it.

mod admitted;
mod body;
mod failures;
mod kept;
mod layer;
mod place;
mod principal;
mod rates;
mod slots;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri};
use parking_lot::Mutex;
use proto::error_code as code;
use proto::operations::{Kind, Operation, OperationId, Unrouted, find_rpc, route};
use registry::limits::REQUEST_ID_BYTES_MAX;
use registry::{Authentication, Principal, RequestId};
use tokio::time::Instant;
use uuid::Uuid;

use crate::auth::Origin;
use crate::clock;
use crate::random::RequestNames;
use crate::service::{Answers, Attempt, Consistency, Service, ServiceError};
use crate::trace::{TRACEPARENT, TraceContext};
use admitted::Wishes;
use failures::Failures;
use kept::{KEPT_BYTES_MAX, Shelf};
use place::Place;
use principal::{authenticate_request, principal_of};
use rates::Rates;
use slots::Slots;

pub use admitted::{Admitted, Fingerprint};
pub use kept::{BodyDigest, Kept, KeptReply, Repeat};
pub use layer::EdgeLayer;
pub use rates::Exceeded;

/// A request gets the time that its body may take, the time that it may be carried out in, and this.
const TIME_SPARE: Duration = Duration::from_secs(5);

/// What carries requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP with bodies of JSON, text or streams.
    Http,
    /// gRPC.
    Grpc,
}

impl Transport {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }
}

/// What is answered instead of letting a request in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// An error.
    Error(ServiceError),
    /// The client asks more often than it may.
    Exceeded(Exceeded),
    /// The path has other methods: these.
    WrongMethod {
        /// As `Allow` lists them.
        allow: String,
    },
    /// The client asked which methods there are: these.
    Options {
        /// As `Allow` lists them.
        allow: String,
    },
}

/// Says no in the words of a transport.
pub type Refuse = fn(&Refusal) -> Response<Body>;

/// The edge of a node, for all its listeners. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    inner: Arc<Inner>,
}

struct Inner {
    service: Service,
    consistency: Consistency,
    slots: Slots,
    rates: Rates,
    failures: Failures,
    node_id: HeaderValue,
    region: HeaderValue,
    names: RequestNames,
    replies: Arc<Answers<Kept>>,
}

/// What is known of a request before anything else.
struct Begun {
    request_id: String,
    own_name: Uuid,
    trace: TraceContext,
}

impl Begun {
    fn of(headers: &HeaderMap, own_name: Uuid) -> Self {
        static TRACE: HeaderName = HeaderName::from_static(TRACEPARENT);
        let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = match header(&REQUEST_ID) {
            Some(id) if !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX => id.to_owned(),
            Some(_) | None => own_name.to_string(),
        };
        let trace = header(&TRACE).and_then(TraceContext::parse);
        let trace = trace.map_or_else(|| TraceContext::begin(own_name), |trace| trace.child_span(own_name));
        Self { request_id, own_name, trace }
    }
}

impl Edge {
    /// The edge in front of a service, for listeners that take this many connections each.
    pub fn new(service: Service, connections_max: usize) -> Self {
        let config = service.config();
        let value = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
        let inner = Inner {
            consistency: config.read.consistency,
            slots: Slots::new(config.limits.requests_max, connections_max),
            rates: Rates::new(&config.rates),
            failures: Failures::default(),
            node_id: value(config.node.id.to_string()),
            region: value(config.node.region.clone()),
            names: service.random().request_names(),
            replies: Arc::new(service.answers(KEPT_BYTES_MAX)),
            service,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Lets a request in, or says why not, and what it asked for if that is known. `is_whole`: it has no body.
    #[allow(clippy::too_many_arguments, reason = "the head of a request, taken apart")]
    fn admit_request(
        &self,
        transport: Transport,
        begun: &Begun,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        is_whole: bool,
        address: Option<IpAddr>,
    ) -> Result<Admitted, (Option<&'static Operation>, Refusal)> {
        let Inner { service, consistency, slots, rates, replies, .. } = &*self.inner;
        let asked = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let question = (transport == Transport::Http && *method == Method::GET && is_whole).then_some(asked).flatten();
        let kept = question.and_then(|question| replies.get(question));
        let (operation, place) = match &kept {
            Some(kept) => (kept.operation, Ok(kept.place.clone())),
            None => {
                let (operation, place) = find_operation(transport, method, uri).map_err(|refusal| (None, refusal))?;
                (operation, place.map(Arc::new))
            }
        };
        let refused = |error| (Some(operation), Refusal::Error(error));
        let slot = slots.take_slot(operation).ok_or_else(|| refused(no_slot(operation)))?;
        let place = place.map_err(refused)?;
        if !matches!(operation.id, OperationId::Cluster(_) | OperationId::Server(_)) {
            service.check_member().map_err(refused)?;
        }
        let config = service.config();
        let exceeded = |exceeded| (Some(operation), Refusal::Exceeded(exceeded));
        let agent = || principal::user_agent(headers);
        let (principal, mut origin) = match self.principal_of(operation, headers, address) {
            Ok(found) => found,
            Err(error) => {
                if error.code == code::UNAUTHORIZED {
                    rates.failed_login(address).map_err(exceeded)?;
                }
                let origin = Origin { address, user_agent: agent(), ..Origin::default() };
                self.record_denied(operation, None, &origin, begun, &error);
                return Err(refused(error));
            }
        };
        if operation.kind.is_change() {
            origin.user_agent = agent();
        }
        rates.take_request(&principal, address, operation).map_err(exceeded)?;
        service.authorize_somewhere(&principal, operation.permission).map_err(|error| {
            let origin = Origin { user_agent: agent(), ..origin.clone() };
            self.record_denied(operation, Some(&principal), &origin, begun, &error);
            refused(error)
        })?;
        // A reply is kept for those, and by those, who may see everything: others may be given less of it.
        let sees_all = service.authority().may_all(&principal, &origin, operation.permission).map_err(refused)?;
        let (kept, question) = if sees_all { (kept, question) } else { (None, None) };
        let wishes = Wishes::of(headers, uri.query().unwrap_or_default(), *consistency).map_err(refused)?;
        let question = question.or_else(|| (sees_all && wishes.is_repeatable(operation)).then_some(asked).flatten());
        let shelf = question.map(|question| Shelf { replies: replies.clone(), question: question.into() });
        Ok(Admitted {
            operation,
            place,
            principal,
            origin,
            request_id: begun.request_id.clone(),
            trace: begun.trace,
            wishes,
            node_id: config.node.id,
            own_name: begun.own_name,
            kept,
            shelf,
            time_max: config.limits.request_time_max(),
            refused: Mutex::new(None),
            _slot: slot,
        })
    }

    fn next_name(&self) -> Uuid {
        self.inner.names.next()
    }

    /// Would the door give this reply again?
    async fn still_holds(&self, admitted: &Admitted, kept: &Kept) -> Result<bool, ServiceError> {
        self.inner.service.still_holds(&admitted.wanted(), &kept.provenance).await
    }

    /// What must be known before a request can be let in, where that takes time.
    async fn prepare_principal(&self, headers: &HeaderMap) {
        let authority = self.inner.service.authority();
        if authority.is_on() && headers.contains_key(http::header::AUTHORIZATION) {
            principal::prepare_principal(authority, headers).await;
        }
    }

    /// Who asks. What claims to be somebody and is not counts as wrong, never as nobody; only what anybody may ask is
    /// answered all the same.
    fn principal_of(
        &self,
        operation: &Operation,
        headers: &HeaderMap,
        address: Option<IpAddr>,
    ) -> Result<(Principal, Origin), ServiceError> {
        let service = &self.inner.service;
        let trusted_header = &service.config().http.principal_header;
        if !service.authority().is_on() {
            return Ok((principal_of(headers, trusted_header), Origin { address, ..Origin::default() }));
        }
        match authenticate_request(service.authority(), headers, trusted_header, address) {
            Err(_) if operation.kind == Kind::Probe => Ok((Principal::anonymous(), Origin::default())),
            found => found,
        }
    }

    /// Records that somebody was kept out before a door was reached.
    fn record_denied(
        &self,
        operation: &Operation,
        principal: Option<&Principal>,
        origin: &Origin,
        begun: &Begun,
        error: &ServiceError,
    ) {
        // Who shows nothing and changes nothing only looks whether somebody is there.
        let is_nobody = principal.is_some_and(|principal| principal.authentication == Authentication::Unauthenticated);
        if !operation.kind.is_change() && is_nobody {
            return;
        }
        self.inner.service.record_attempt(&Attempt {
            principal,
            origin,
            request_id: &RequestId(begun.request_id.clone()),
            trace: begun.trace,
            action: &operation.audit_name(),
            error,
        });
    }

    /// When a request is given up that should have given up itself.
    fn time_max(&self, operation: &Operation) -> Option<Duration> {
        let own = self.inner.service.config().limits.request_time_max();
        layer::has_time_limit(operation).then(|| own * 2 + TIME_SPARE)
    }

    /// Logs a request that failed on this side, and records a change that was not made.
    fn record_refused(&self, admitted: &Admitted) {
        let Some((request_id, error)) = admitted.refused.lock().take() else { return };
        self.record_failure(&admitted.request_id, Some(admitted.operation), &error);
        if admitted.operation.kind.is_change() {
            let action = admitted.operation.audit_name();
            self.inner.service.record_attempt(&Attempt {
                principal: Some(&admitted.principal),
                origin: &admitted.origin,
                request_id: &request_id,
                trace: admitted.trace,
                action: &action,
                error: &error,
            });
        }
    }

    fn record_failure(&self, request_id: &str, operation: Option<&'static Operation>, error: &ServiceError) {
        self.inner.failures.log_failure(request_id, operation.map_or("unknown", |operation| operation.name), error);
    }

    fn record_answer(
        &self,
        transport: Transport,
        operation: Option<&'static Operation>,
        status: u16,
        started: Instant,
    ) {
        let time = clock::now().saturating_duration_since(started);
        self.inner.service.metrics().count_answer(transport.name(), operation, status, time);
    }

    /// Tells which node answered, and how much it knew.
    fn stamp_headers(&self, begun: &Begun, headers: &mut HeaderMap) {
        let Inner { service, node_id, region, .. } = &*self.inner;
        let mark = service.mark();
        if let Ok(request_id) = HeaderValue::from_str(&begun.request_id) {
            headers.insert(&REQUEST_ID, request_id);
        }
        headers.insert(&INDEX, mark.applied.0.into());
        headers.insert(&TERM, service.current_term().into());
        headers.insert(&STALENESS, mark.staleness_ms.map_or(HeaderValue::from_static("unknown"), HeaderValue::from));
        headers.insert(&NODE, node_id.clone());
        // Where not everybody may see the same, a cache that many share must keep nothing.
        if service.authority().is_on() && headers.get(CACHE_CONTROL).is_some_and(|value| *value == FOR_ALL) {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(FOR_ONE));
        }
        headers.insert(&REGION, region.clone());
    }
}

/// What never changes may be kept by everybody on the way to a client.
pub(crate) const FOR_ALL: &str = "public, max-age=31536000, immutable";
/// The same, by the client alone.
const FOR_ONE: &str = "private, max-age=31536000, immutable";
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static INDEX: HeaderName = HeaderName::from_static("x-registry-index");
static TERM: HeaderName = HeaderName::from_static("x-registry-term");
static STALENESS: HeaderName = HeaderName::from_static("x-registry-staleness-ms");
static NODE: HeaderName = HeaderName::from_static("x-registry-node");
static REGION: HeaderName = HeaderName::from_static("x-registry-region");

/// The operation that a request asks for, and what its path names.
#[allow(clippy::type_complexity, reason = "an operation is known although its context is impossible")]
fn find_operation(
    transport: Transport,
    method: &Method,
    uri: &Uri,
) -> Result<(&'static Operation, Result<Place, ServiceError>), Refusal> {
    let not_found = || {
        let message = format!("HTTP 404 Not Found: there is no path {}", shown_path(uri.path()));
        Refusal::Error(ServiceError::new(code::NOT_FOUND, message))
    };
    match transport {
        Transport::Grpc => {
            let operation = find_rpc(uri.path()).ok_or_else(|| {
                let message = format!("There is no method {}", shown_path(uri.path()));
                Refusal::Error(ServiceError::new(code::METHOD_NOT_ALLOWED, message))
            })?;
            Ok((operation, Ok(Place::default())))
        }
        Transport::Http => match route(method.as_str(), uri.path()) {
            Ok(matched) => {
                let place = |matched| Place::of(matched).map(|place| place.with_slash(uri.path().ends_with('/')));
                Ok((matched.operation, place(matched)))
            }
            Err(Unrouted::Unknown) => Err(not_found()),
            Err(Unrouted::Malformed) => {
                let message = "The path cannot be decoded: after each percent sign stand two hexadecimal digits, and what \
                               they say is UTF-8";
                Err(Refusal::Error(ServiceError::new(code::BAD_REQUEST, message)))
            }
            Err(Unrouted::WrongMethod { allow }) => Err(Refusal::WrongMethod { allow }),
            Err(Unrouted::Options { allow }) => Err(Refusal::Options { allow }),
        },
    }
}

/// A path as messages show it.
fn shown_path(path: &str) -> String {
    /// Longest path that is shown whole, in characters.
    const SHOWN_MAX: usize = 200;
    let mut shown: String = path.chars().take(SHOWN_MAX).collect();
    if shown.len() < path.len() {
        shown.push('…');
    }
    shown
}

fn no_slot(operation: &Operation) -> ServiceError {
    let what = if operation.is_stream() { "streams are open" } else { "requests are under way" };
    ServiceError::new(code::UNAVAILABLE, format!("Too many {what} on this node; try again, or another node"))
}
