//! The native API as HTTP/JSON under `/api/v1`: the same operations as over gRPC, with the JSON mapping of Protobuf.
//!
//! A request's path, query and body together make the message of the operation; its answer is the message in JSON. Events
//! (server-sent events, WebSocket) and the export of the audit are streams.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request as HttpRequest};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use http::Method;
use percent_encoding::percent_decode_str;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, SerializeOptions};
use proto::error_code as code;
use proto::v1;
use serde_json::{Map, Value};

use super::Front;
use super::reply::{MEDIA_TYPES, NodeHeaders, Reply};
use super::request::Request;
use crate::api::native::{Native, cloud_event, csv_of, filter, json_of, operations};
use crate::clock::Deadline;
use crate::service::{AuditFilter, Caller, Consistency, ServiceError, Watcher};

pub(super) const PREFIX: &str = "/api/v1";
/// Audit records that the export reads at once.
const EXPORT_BATCH: usize = 1_000;
const CSV_HEAD: &str = "position,index,time_ms,principal,node_id,action,reason,resource,outcome,request_id,\
                        digest_before,digest_after\n";

pub(super) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(v1::FILE_DESCRIPTOR_SET).expect("the descriptors were made by this build"));

/// One way to ask for an operation.
pub(super) struct HttpForm {
    pub(super) method: &'static str,
    pub(super) template: &'static str,
    pub(super) operation: &'static str,
}

macro_rules! table {
    ($($method:ident $name:ident $question:ident $answer:ident [$($verb:ident $path:literal),+];)+) => {
        pub(super) const FORMS: &[HttpForm] = &[
            $($(HttpForm { method: stringify!($verb), template: $path, operation: stringify!($name) },)+)+
        ];

        async fn call(native: &Native, caller: &Caller, operation: &str, question: Value) -> Result<Value, ServiceError> {
            match operation {
                $(stringify!($name) => {
                    let question: v1::$question = message_of(stringify!($question), question)?;
                    let answer = native.$method(caller, question).await?;
                    json_of_message(stringify!($answer), &answer.encode_to_vec())
                })+
                _ => Err(not_found()),
            }
        }
    };
}

operations!(table);

/// The template of a path below the prefix, for metrics.
pub(super) fn template(path: &str) -> Option<&'static str> {
    let rest = path.strip_prefix(PREFIX)?;
    if !rest.starts_with('/') {
        return None;
    }
    let found = FORMS.iter().find(|form| matches(form.template, rest).is_some());
    Some(found.map_or("/api/v1/unknown", |form| form.template))
}

/// Does the path answer with a stream?
pub(super) fn streams(path: &str) -> bool {
    matches!(path, "/api/v1/events" | "/api/v1/events/ws" | "/api/v1/audit/export")
}

pub(super) async fn answer(front: &Front, method: &Method, request: &Request) -> Reply {
    let (operation, parameters) = match find(method.as_str(), &request.path) {
        Ok(found) => found,
        Err(reply) => return *reply,
    };
    let caller = match request.caller(&front.service, front.consistency) {
        Ok(caller) => caller,
        Err(error) => return Reply::error(&error),
    };
    let native = Native { service: front.service.clone() };
    let answered = match question(operation, parameters, request) {
        Ok(question) => call(&native, &caller, operation, question).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(answer) => Reply::json(&answer),
        Err(error) => {
            if method != Method::GET {
                front.service.attempts().record(&caller, operation, &error);
            }
            Reply::error(&error)
        }
    }
}

type Parameters = Vec<(String, String)>;

fn find(method: &str, path: &str) -> Result<(&'static str, Parameters), Box<Reply>> {
    let rest = path.strip_prefix(PREFIX).unwrap_or_default();
    let method = if method == "HEAD" { "GET" } else { method };
    let mut exists = false;
    for form in FORMS {
        let Some(parameters) = matches(form.template, rest) else { continue };
        exists = true;
        if form.method == method {
            return Ok((form.operation, parameters));
        }
    }
    Err(Box::new(if exists { Reply::method_not_allowed("GET, POST, PUT, DELETE") } else { Reply::error(&not_found()) }))
}

/// The parameters of a path that fits a template, decoded once.
fn matches(template: &str, path: &str) -> Option<Parameters> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut parameters = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(wanted), Some(given)) => {
                let given = percent_decode_str(given).decode_utf8().ok()?;
                match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                    Some(name) if !given.is_empty() => parameters.push((name.to_owned(), given.into_owned())),
                    None if wanted == given => {}
                    Some(_) | None => return None,
                }
            }
            (Some(_), None) | (None, Some(_)) => return None,
        }
    }
}

/// Body, query and path as one JSON object; the path wins.
fn question(operation: &str, parameters: Parameters, request: &Request) -> Result<Value, ServiceError> {
    let descriptor = method_input(operation)?;
    let Value::Object(mut object) = request.any_json()? else {
        return Err(ServiceError::new(code::UNPROCESSABLE, "The request body is not a JSON object"));
    };
    let query = request.pairs().iter().filter(|(name, _)| name != "consistency").cloned();
    for (name, value) in query.chain(parameters) {
        put(&mut object, &descriptor, &name, value)?;
    }
    Ok(Value::Object(object))
}

/// A text as the field of that name takes it.
fn put(
    object: &mut Map<String, Value>,
    descriptor: &MessageDescriptor,
    name: &str,
    value: String,
) -> Result<(), ServiceError> {
    let field = descriptor.get_field_by_name(name).or_else(|| descriptor.get_field_by_json_name(name));
    let field =
        field.ok_or_else(|| ServiceError::new(code::UNPROCESSABLE, format!("Unrecognized parameter: {name}")))?;
    let value = if field.is_list() {
        value.split(',').map(|item| Value::from(item.to_owned())).collect()
    } else if field.kind() == Kind::Bool {
        Value::from(value.eq_ignore_ascii_case("true"))
    } else {
        Value::from(value)
    };
    object.remove(field.name());
    object.insert(field.json_name().to_owned(), value);
    Ok(())
}

fn method_input(operation: &str) -> Result<MessageDescriptor, ServiceError> {
    let service = POOL.get_service_by_name("registry.v1.Registry").ok_or_else(not_found)?;
    let found = service.methods().find(|method| method.name() == operation).map(|method| method.input());
    found.ok_or_else(not_found)
}

fn message_of<T: prost::Message + Default>(name: &str, json: Value) -> Result<T, ServiceError> {
    let descriptor = POOL.get_message_by_name(&format!("registry.v1.{name}")).ok_or_else(not_found)?;
    let wrong = |error: &dyn std::fmt::Display| {
        ServiceError::new(code::UNPROCESSABLE, format!("The request is not what this operation takes: {error}"))
    };
    let dynamic = DynamicMessage::deserialize(descriptor, json).map_err(|error| wrong(&error))?;
    T::decode(dynamic.encode_to_vec().as_slice()).map_err(|error| wrong(&error))
}

fn json_of_message(name: &str, bytes: &[u8]) -> Result<Value, ServiceError> {
    let internal = |error: &dyn std::fmt::Display| ServiceError::internal("print an answer", error);
    let descriptor = POOL.get_message_by_name(&format!("registry.v1.{name}")).ok_or_else(not_found)?;
    let dynamic = DynamicMessage::decode(descriptor, bytes).map_err(|error| internal(&error))?;
    // Numbers as numbers: none of ours comes near 2^53.
    let options = SerializeOptions::new().stringify_64_bit_integers(false).skip_default_fields(false);
    dynamic.serialize_with_options(serde_json::value::Serializer, &options).map_err(|error| internal(&error))
}

fn not_found() -> ServiceError {
    ServiceError::new(code::NOT_FOUND, "HTTP 404 Not Found")
}

/// Answers a path that [`streams`].
pub(super) async fn stream(front: &Front, request: HttpRequest) -> Response {
    let path = request.uri().path().to_owned();
    let (mut parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let made = Request::new(
        parts.method.as_str().to_owned(),
        path.clone(),
        &query,
        parts.headers.clone(),
        bytes::Bytes::new(),
    );
    if parts.method != Method::GET {
        return plain(front, Reply::method_not_allowed("GET"));
    }
    let begun = async {
        let made = made?;
        let caller = made.caller(&front.service, front.consistency)?;
        if path.ends_with("/export") {
            return Ok(export(front, &caller, &made));
        }
        let watcher = watch(front, &caller, &made).await?;
        let cluster_id = front.service.config().cluster.id.clone();
        if path.ends_with("/ws") {
            let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(|_| {
                ServiceError::new(code::BAD_REQUEST, "This path is a WebSocket; /api/v1/events has server-sent events")
            })?;
            return Ok(upgrade.on_upgrade(move |socket| send_all(socket, watcher, cluster_id)));
        }
        let events = futures::StreamExt::map(told(watcher, cluster_id), Ok::<_, std::convert::Infallible>);
        Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
    };
    let answered: Result<Response, ServiceError> = begun.await;
    answered.unwrap_or_else(|error| plain(front, Reply::error(&error)))
}

/// An answer instead of a stream.
fn plain(front: &Front, reply: Reply) -> Response {
    let consensus = front.service.consensus();
    let node = NodeHeaders {
        node_id: consensus.node_id().to_string(),
        region: front.service.config().node.region.clone(),
        term: consensus.term(),
        mark: front.service.mark(),
    };
    reply.into_response(MEDIA_TYPES[2], &uuid::Uuid::new_v4().to_string(), &node)
}

/// `Last-Event-ID` of a browser that comes back wins over `after`.
async fn watch(front: &Front, caller: &Caller, request: &Request) -> Result<Watcher, ServiceError> {
    let text = |name: &str| request.query(name).unwrap_or_default().to_owned();
    let kinds = request.query("kinds").into_iter().flat_map(|kinds| kinds.split(',')).map(ToOwned::to_owned);
    let message = v1::WatchRequest {
        after: text("after"),
        kinds: kinds.collect(),
        subject: text("subject"),
        context: text("context"),
    };
    let after = match request.header("last-event-id").unwrap_or(&message.after) {
        "" => None,
        token => Some(token.parse()?),
    };
    front.service.watch(caller, after, filter(&message)?).await
}

/// Server-sent events: the id is the token, the data a CloudEvent. A comment moves the token on while nothing happens.
fn told(watcher: Watcher, cluster_id: String) -> impl Stream<Item = Event> {
    futures::stream::unfold(Some(watcher), move |watcher| {
        let cluster_id = cluster_id.clone();
        async move {
            let mut watcher = watcher?;
            let event = match watcher.next().await {
                Ok(watched) => {
                    let token = watched.token.to_string();
                    let event = Event::default().id(token.as_str());
                    match watched.event {
                        Some(found) => {
                            event.event(found.kind.name()).data(cloud_event(&found, &token, &cluster_id).to_string())
                        }
                        None => event.event("progress").data("{}"),
                    }
                }
                Err(error) => {
                    let body = serde_json::json!({"error_code": error.code.0, "message": error.message});
                    return Some((Event::default().event("error").data(body.to_string()), None));
                }
            };
            Some((event, Some(watcher)))
        }
    })
}

/// WebSocket: one JSON text for each event, `{"token": …, "event": CloudEvent}`; progress has no event.
async fn send_all(mut socket: WebSocket, mut watcher: Watcher, cluster_id: String) {
    loop {
        let text = tokio::select! {
            watched = watcher.next() => match watched {
                Ok(watched) => {
                    let token = watched.token.to_string();
                    let event = watched.event.map(|event| cloud_event(&event, &token, &cluster_id));
                    serde_json::json!({"token": token, "event": event})
                }
                Err(error) => {
                    let text = serde_json::json!({"error_code": error.code.0, "message": error.message});
                    // The client may be gone; it resumes with its token either way.
                    drop(socket.send(Message::Text(text.to_string().into())).await);
                    return;
                }
            },
            received = socket.recv() => match received {
                // Pings are answered below; what a client says is not listened to.
                Some(Ok(Message::Close(_))) | Some(Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        if socket.send(Message::Text(text.to_string().into())).await.is_err() {
            return;
        }
    }
}

/// All records from a position on, as JSON lines or CSV, batch by batch.
fn export(front: &Front, caller: &Caller, request: &Request) -> Response {
    let is_csv = request.query("format") == Some("csv");
    let number = |name: &str| request.query(name).and_then(|text| text.parse::<u64>().ok());
    let filter = AuditFilter {
        from: number("from").unwrap_or(0),
        to: number("to"),
        limit: EXPORT_BATCH,
        ..AuditFilter::default()
    };
    let (service, caller) = (front.service.clone(), caller.clone());
    let head = if is_csv { CSV_HEAD } else { "" };
    let records = futures::stream::unfold(Some((filter, caller)), move |next| {
        let service = service.clone();
        async move {
            let (filter, mut caller) = next?;
            // The request's deadline is for one batch: a log of millions of records takes as long as it takes.
            caller.deadline = Deadline::after(service.config().limits.request_time_max());
            match service.audit_records(&caller, &filter).await {
                Ok(page) => {
                    let line = if is_csv { csv_of } else { json_of };
                    let text: String = page.records.iter().map(|(position, row)| line(*position, row) + "\n").collect();
                    // The first batch was confirmed; later ones come from a state that only grew since.
                    caller.consistency = Consistency::Local;
                    let next = page.next.map(|from| (AuditFilter { from, ..filter }, caller));
                    Some((Ok(text), next))
                }
                Err(error) => Some((Err(std::io::Error::other(error.message)), None)),
            }
        }
    });
    let lines = futures::StreamExt::chain(futures::stream::once(async move { Ok(head.to_owned()) }), records);
    let media_type = if is_csv { "text/csv; charset=utf-8" } else { "application/jsonl" };
    ([(http::header::CONTENT_TYPE, media_type)], Body::from_stream(lines)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_operations() {
        for (method, path, operation) in [
            ("GET", "/api/v1/subjects", "ListSubjects"),
            ("GET", "/api/v1/subjects/a%2Fb/versions/latest", "GetVersion"),
            ("POST", "/api/v1/subjects/a/drafts/7/submit", "SubmitDraft"),
            ("PUT", "/api/v1/policy/", "SetPolicy"),
            ("PUT", "/api/v1/policy/:.__GLOBAL:", "SetPolicy"),
        ] {
            assert_eq!(find(method, path).map(|(found, _)| found).ok(), Some(operation), "{path}");
        }
        assert!(find("GET", "/api/v1/nothing").is_err());
        assert!(find("DELETE", "/api/v1/search").is_err());
        let (_, parameters) = find("GET", "/api/v1/subjects/a%2Fb/versions/1").ok().unwrap();
        assert_eq!(parameters[0], ("subject".to_owned(), "a/b".to_owned()));
    }

    /// What a template names is a field of the operation's question.
    #[test]
    fn every_parameter_is_a_field() {
        for form in FORMS {
            let input = method_input(form.operation).unwrap();
            for part in form.template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                assert!(input.get_field_by_name(part).is_some(), "{} has no {part}", form.operation);
            }
        }
    }

    #[test]
    fn every_operation_without_a_stream_has_an_http_form() {
        let service = POOL.get_service_by_name("registry.v1.Registry").unwrap();
        for method in service.methods().filter(|method| !method.is_server_streaming()) {
            assert!(FORMS.iter().any(|form| form.operation == method.name()), "{}", method.name());
        }
    }
}
