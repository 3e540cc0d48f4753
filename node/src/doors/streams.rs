//! What goes on for as long as the client likes, over HTTP: events (server-sent events, WebSocket) and the export of the audit.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, Request as HttpRequest};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use proto::error_code as code;
use proto::operations::{Part, Stream};
use proto::v1;
use tokio::sync::mpsc;

use super::http::media::MEDIA_TYPES;
use super::http::reply::{Reply, with_standing_headers};
use super::http::request::Request;
use super::native::{cloud_event, csv_of, event_filter, json_of};
use super::on::Front;
use crate::clock::Deadline;
use crate::edge::Admitted;
use crate::service::{AuditFilter, Caller, Consistency, ServiceError, Watcher};

/// Audit records that the export reads at once.
const EXPORT_BATCH: usize = 1_000;
const CSV_HEAD: &str = "position,index,time_ms,principal,node_id,action,reason,resource,outcome,request_id,\
                        digest_before,digest_after,authentication,address,user_agent,trace_id\n";

/// Answers a stream.
pub(super) async fn answer_stream(
    front: &Front,
    admitted: &Arc<Admitted>,
    stream: Stream,
    request: HttpRequest,
) -> Response {
    let begun = begin_stream(front, admitted, stream, request).await;
    with_standing_headers(begun.unwrap_or_else(|error| Reply::error(&error).into_response(MEDIA_TYPES[2])))
}

async fn begin_stream(
    front: &Front,
    admitted: &Arc<Admitted>,
    stream: Stream,
    request: HttpRequest,
) -> Result<Response, ServiceError> {
    let (mut parts, _) = request.into_parts();
    let request = Request::new(parts.clone(), bytes::Bytes::new())?;
    let caller = admitted.caller_of(|fingerprint| request.describe_content(fingerprint));
    let cluster_id = front.service.cluster_id().to_owned();
    front.service.authorize_operation(&caller, admitted.operation, admitted.place.context(), |part| match part {
        Part::Path(name) => Some(admitted.place.path_parameter(name).to_owned()),
        Part::Query(name) | Part::Field(name) | Part::Body(name) => request.query_value(name).map(str::to_owned),
    })?;
    match stream {
        Stream::Watch => {
            let watcher = begin_watch(front, &caller, &request).await?;
            let events = futures::StreamExt::map(server_sent(watcher, cluster_id), Ok::<_, std::convert::Infallible>);
            Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
        }
        Stream::WatchWebSocket => {
            let watcher = begin_watch(front, &caller, &request).await?;
            let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(|_| {
                ServiceError::new(code::BAD_REQUEST, "This path is a WebSocket; /api/v1/events has server-sent events")
            })?;
            // The slot is held until the socket is closed.
            let admitted = admitted.clone();
            Ok(upgrade.on_upgrade(move |socket| async move {
                send_all(socket, watcher, cluster_id).await;
                drop(admitted);
            }))
        }
        Stream::ExportAudit => Ok(export_audit(front, admitted, &caller, &request)),
        Stream::StreamBackup => Ok(bytes_of(front.service.stream_backup(&caller)?, None)),
        Stream::DownloadBackup => {
            let offset = request.query_value("offset").map(str::parse::<u64>).transpose();
            let offset = offset.map_err(|_| ServiceError::new(code::UNPROCESSABLE, "offset is a number of bytes"))?;
            let offset = offset.unwrap_or(0);
            let (length, pieces) = front.service.open_backup(admitted.place.path_parameter("name"), offset).await?;
            Ok(bytes_of(pieces, Some(length.saturating_sub(offset))))
        }
        Stream::ValidateStream => Err(ServiceError::new(code::NOT_FOUND, "Bulk validation is a stream of gRPC")),
    }
}

/// Bytes as they come; their number where it is known.
fn bytes_of(pieces: mpsc::Receiver<std::io::Result<bytes::Bytes>>, length: Option<u64>) -> Response {
    let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(pieces));
    let mut response = ([(http::header::CONTENT_TYPE, "application/octet-stream")], body).into_response();
    if let Some(length) = length {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}

/// `Last-Event-ID` of a browser that comes back wins over `after`.
async fn begin_watch(front: &Front, caller: &Caller, request: &Request) -> Result<Watcher, ServiceError> {
    let text = |name: &str| request.query_value(name).unwrap_or_default().to_owned();
    let kinds = request.query_value("kinds").into_iter().flat_map(|kinds| kinds.split(',')).map(ToOwned::to_owned);
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
    front.service.watch_events(caller, after, event_filter(&message)?).await
}

/// Server-sent events: the id is the token, the data a CloudEvent. A comment moves the token on while nothing happens.
fn server_sent(watcher: Watcher, cluster_id: String) -> impl futures::Stream<Item = Event> {
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
fn export_audit(front: &Front, admitted: &Admitted, caller: &Caller, request: &Request) -> Response {
    let is_csv = request.query_value("format") == Some("csv");
    let number = |name: &str| request.query_value(name).and_then(|text| text.parse::<u64>().ok());
    let filter = AuditFilter {
        from: number("from").unwrap_or(0),
        to: number("to"),
        limit: EXPORT_BATCH,
        ..AuditFilter::default()
    };
    let (service, caller, time_max) = (front.service.clone(), caller.clone(), admitted.time_max());
    let head = if is_csv { CSV_HEAD } else { "" };
    let records = futures::stream::unfold(Some((filter, caller)), move |next| {
        let service = service.clone();
        async move {
            let (filter, mut caller) = next?;
            // The request's deadline is for one batch: a log of millions of records takes as long as it takes.
            caller.deadline = Deadline::after(time_max);
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
