//! The native API over gRPC, and its events over server-sent events and WebSocket, as a client outside sees them.

use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;
use proto::v1;
use proto::v1::registry_client::RegistryClient;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// The header whose value the nodes of these tests take for the principal.
pub const PRINCIPAL_HEADER: &str = "x-principal";
/// Longest wait for one answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// A client of the native API.
pub type Native = RegistryClient<Channel>;

/// A client of the node that serves gRPC at this address; it connects at the first call.
///
/// # Panics
/// If the address is none.
pub fn native(address: &str) -> Native {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address is a URI");
    RegistryClient::new(endpoint.connect_timeout(Duration::from_secs(5)).connect_lazy())
}

/// A request in somebody's name.
pub fn by<T>(principal: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(PRINCIPAL_HEADER, principal.parse().expect("a principal is ASCII"));
    request.set_timeout(ANSWER_TIME_MAX);
    request
}

/// The same under a key that makes retries one effect.
pub fn keyed<T>(principal: &str, key: &str, message: T) -> Request<T> {
    let mut request = by(principal, message);
    request.metadata_mut().insert("idempotency-key", key.parse().expect("a key is ASCII"));
    request
}

#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ErrorInfo {
    #[prost(map = "string, string", tag = "3")]
    metadata: std::collections::HashMap<String, String>,
}

/// The registry's own code in the details of a status (google.rpc.Status with one ErrorInfo); 0 where there is none.
pub fn error_code(status: &Status) -> u32 {
    let details = RpcStatus::decode(status.details()).map(|status| status.details).unwrap_or_default();
    let info = details.iter().find(|detail| detail.type_url == "type.googleapis.com/google.rpc.ErrorInfo");
    let info = info.and_then(|detail| ErrorInfo::decode(detail.value.as_slice()).ok());
    info.and_then(|info| info.metadata.get("error_code")?.parse().ok()).unwrap_or(0)
}

/// The transport of a stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Grpc,
    ServerSent,
    WebSocket,
}

/// A watcher of events that goes on at its token.
pub struct EventStream {
    transport: Transport,
    stream: Stream,
    /// Resume with this.
    pub token: String,
}

enum Stream {
    Grpc(Box<tonic::Streaming<v1::WatchResponse>>),
    ServerSent(Lines),
    WebSocket(Lines),
}

/// An event as every transport shows it: id, kind, subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WatchedEvent {
    pub id: String,
    pub kind: String,
    pub subject: String,
}

impl EventStream {
    /// Begins, or goes on, after a token.
    ///
    /// # Errors
    /// What the node or the transport said.
    pub async fn open(transport: Transport, http: &str, grpc: &str, token: &str) -> Result<Self, String> {
        let stream = match transport {
            Transport::Grpc => {
                let request = v1::WatchRequest { after: token.to_owned(), ..v1::WatchRequest::default() };
                let answer = native(grpc).watch(request).await.map_err(|status| status.to_string())?;
                Stream::Grpc(Box::new(answer.into_inner()))
            }
            Transport::ServerSent => {
                Stream::ServerSent(Lines::open_stream(http, &format!("/api/v1/events?after={token}"), "", "200").await?)
            }
            Transport::WebSocket => {
                let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                               Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
                let path = format!("/api/v1/events/ws?after={token}");
                Stream::WebSocket(Lines::open_stream(http, &path, upgrade, "101").await?)
            }
        };
        Ok(Self { transport, stream, token: token.to_owned() })
    }

    /// The transport events come.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The next event; nothing for a progress message.
    ///
    /// # Errors
    /// If the stream broke: begin again with [`EventStream::token`].
    pub async fn next(&mut self) -> Result<Option<WatchedEvent>, String> {
        let next = async {
            match &mut self.stream {
                Stream::Grpc(stream) => {
                    let message = stream.message().await.map_err(|status| status.to_string())?;
                    let message = message.ok_or("the stream ended")?;
                    let seen = message.event.map(|event| {
                        let cloud: Value = serde_json::from_str(&message.cloud_event).expect("an event is JSON");
                        assert_eq!(seen_in(&cloud).id, event.id, "both forms are one event");
                        WatchedEvent { id: event.id, kind: event.kind, subject: event.subject }
                    });
                    Ok((seen, message.token))
                }
                Stream::ServerSent(lines) => lines.server_sent().await,
                Stream::WebSocket(lines) => {
                    let text = lines.read_frame().await?;
                    let body: Value = serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"))?;
                    let token = body["token"].as_str().ok_or_else(|| text.clone())?.to_owned();
                    Ok((body["event"].is_object().then(|| seen_in(&body["event"])), token))
                }
            }
        };
        let (seen, token) = tokio::time::timeout(ANSWER_TIME_MAX, next).await.map_err(|_| "silence")??;
        self.token = token;
        Ok(seen)
    }
}

/// What a CloudEvent of ours says.
fn seen_in(event: &Value) -> WatchedEvent {
    let text = |name: &str| event[name].as_str().unwrap_or_else(|| panic!("no {name} in {event}")).to_owned();
    assert_eq!(text("specversion"), "1.0");
    let kind = text("type");
    let kind = kind.strip_prefix("io.schemareg.").and_then(|kind| kind.strip_suffix(".v1"));
    WatchedEvent { id: text("id"), kind: kind.expect("our types have one form").to_owned(), subject: text("subject") }
}

/// An answer that has no end, read from its socket.
struct Lines {
    stream: BufReader<TcpStream>,
    /// The body comes in chunks (RFC 9112, 7.1): how much of this one is left.
    chunk: Option<usize>,
}

impl Lines {
    async fn open_stream(address: &str, path: &str, headers: &str, status: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let mut lines = Self { stream: BufReader::new(stream), chunk: None };
        let connection = if headers.is_empty() { "keep-alive" } else { "Upgrade" };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: {connection}\r\n{headers}\r\n");
        lines.stream.get_mut().write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
        let first = lines.raw_line().await?;
        let mut found = BTreeMap::new();
        loop {
            let line = lines.raw_line().await?;
            match line.split_once(':') {
                Some((name, value)) => drop(found.insert(name.to_ascii_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        if first.split(' ').nth(1) != Some(status) {
            return Err(format!("{first}: {found:?}"));
        }
        if found.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            lines.chunk = Some(0);
        }
        Ok(lines)
    }

    async fn read_byte(&mut self) -> Result<u8, String> {
        self.stream.read_u8().await.map_err(|error| error.to_string())
    }

    async fn raw_line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        loop {
            match self.read_byte().await? {
                b'\n' => return Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned()),
                byte => line.push(byte),
            }
        }
    }

    async fn body_line(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        loop {
            if self.chunk == Some(0) {
                let mut size = self.raw_line().await?;
                if size.is_empty() {
                    size = self.raw_line().await?;
                }
                let size = usize::from_str_radix(&size, 16).map_err(|error| format!("{size}: {error}"))?;
                if size == 0 {
                    return Err("the stream ended".to_owned());
                }
                self.chunk = Some(size);
            }
            let byte = self.read_byte().await?;
            self.chunk = self.chunk.map(|left| left - 1);
            match byte {
                b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
                byte => line.push(byte),
            }
        }
    }

    /// One server-sent event: its fields up to the empty line.
    async fn server_sent(&mut self) -> Result<(Option<WatchedEvent>, String), String> {
        let (mut id, mut kind, mut data) = (String::new(), String::new(), String::new());
        loop {
            let line = self.body_line().await?;
            match line.split_once(':') {
                Some(("", _)) => {}
                Some((name, value)) => match name {
                    "id" => id = value.trim_start().to_owned(),
                    "event" => kind = value.trim_start().to_owned(),
                    "data" => data.push_str(value.trim_start()),
                    other => return Err(format!("an unknown field {other}")),
                },
                None if data.is_empty() => {}
                None if kind == "progress" => return Ok((None, id)),
                None if kind == "error" => return Err(data),
                None => {
                    let event: Value = serde_json::from_str(&data).map_err(|error| format!("{data}: {error}"))?;
                    let seen = seen_in(&event);
                    assert_eq!((&seen.id, &seen.kind), (&id, &kind), "the event's own id and kind");
                    return Ok((Some(seen), id));
                }
            }
        }
    }

    /// One text frame of a server (RFC 6455, 5.2): never masked; ours are never in fragments.
    async fn read_frame(&mut self) -> Result<String, String> {
        loop {
            let opcode = self.read_byte().await? & 0x0f;
            let length = match self.read_byte().await? & 0x7f {
                126 => u64::from(self.stream.read_u16().await.map_err(|error| error.to_string())?),
                127 => self.stream.read_u64().await.map_err(|error| error.to_string())?,
                length => u64::from(length),
            };
            let length = usize::try_from(length).map_err(|error| error.to_string())?;
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await.map_err(|error| error.to_string())?;
            match opcode {
                1 => return String::from_utf8(payload).map_err(|error| error.to_string()),
                8 => return Err("the node closed the socket".to_owned()),
                _ => {}
            }
        }
    }
}
