//! A thin HTTP client, and the meaning of an answer: the request took effect, was refused, or its outcome is unknown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use proto::rest::{ClusterStatusBody, ErrorBody, SchemaBody};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::schemas::Content;

/// Longest wait for an answer: well above the nodes' own limit.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Connections to all nodes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Http(reqwest::Client);

impl Http {
    /// No connections yet.
    ///
    /// # Panics
    /// If the HTTP library cannot start.
    pub fn new() -> Self {
        Self::patient(ANSWER_TIME_MAX)
    }

    /// Connections whose calls end after this long.
    ///
    /// # Panics
    /// If the HTTP library cannot start.
    pub fn patient(answer_time_max: Duration) -> Self {
        // Another client of this process has chosen the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        // An answer is looked at as it is, one that leads elsewhere too.
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.timeout(answer_time_max).connect_timeout(CONNECT_TIME_MAX);
        Self(client.build().expect("make an HTTP client"))
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

/// The HTTP side of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    http: Http,
    /// The node.
    pub node_id: u64,
    /// `host:port`.
    pub address: String,
}

impl Api {
    /// The node that listens there.
    pub fn new(http: &Http, node_id: u64, address: SocketAddr) -> Self {
        Self { http: http.clone(), node_id, address: address.to_string() }
    }

    /// Begins a call.
    pub fn call(&self, method: &str, path: &str) -> Call {
        let method = method.parse().expect("a method");
        Call { request: self.http.0.request(method, format!("http://{}{path}", self.address)) }
    }

    /// Begins a GET.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// Begins a POST.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// Begins a PUT.
    pub fn put(&self, path: &str) -> Call {
        self.call("PUT", path)
    }

    /// Begins a DELETE.
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// Begins a read from this replica as it is.
    pub fn local(&self, path: &str) -> Call {
        self.get(path).header("X-Registry-Consistency", "local")
    }

    /// Begins a registration.
    pub fn register(&self, subject: &str, content: &Content) -> Call {
        self.post(&format!("/subjects/{}/versions", segment(subject))).json(&content.request())
    }

    /// Begins a lookup.
    pub fn lookup(&self, subject: &str, content: &Content) -> Call {
        self.post(&format!("/subjects/{}", segment(subject))).json(&content.request())
    }

    /// Switches compatibility checks off for everything.
    ///
    /// # Panics
    /// If that fails.
    pub async fn allow_everything(&self) {
        let answer = self.put("/config").json(&json!({"compatibility": "NONE"})).send().await;
        let answer = answer.expect("the node answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// A request on its way out.
#[derive(Debug)]
pub struct Call {
    request: reqwest::RequestBuilder,
}

impl Call {
    /// Adds a header.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value) }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("Content-Type", "application/vnd.schemaregistry.v1+json").body(body.to_string().into_bytes())
    }

    /// With a body as it is.
    #[must_use]
    pub fn body(self, body: Vec<u8>) -> Self {
        Self { request: self.request.body(body) }
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// What the transport said.
    pub async fn send(self) -> Result<Answer, String> {
        let answer = self.request.send().await.map_err(|error| describe_error(&error))?;
        let status = answer.status().as_u16();
        let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        let body = answer.bytes().await.map_err(|error| describe_error(&error))?.to_vec();
        Ok(Answer { status, headers, body })
    }

    /// Sends it and reads the outcome.
    pub async fn outcome(self) -> Outcome {
        match self.send().await {
            Ok(answer) if answer.status < 300 => Outcome::Done(answer),
            Ok(answer) if answer.status < 500 => Outcome::Refused(answer),
            Ok(answer) => Outcome::Unknown(answer.text()),
            Err(error) => Outcome::Unknown(error),
        }
    }
}

fn describe_error(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The outcome of a call, as its client knows it.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The request took effect.
    Done(Answer),
    /// The request did not take effect and never will (4xx).
    Refused(Answer),
    /// The request may have taken effect, or may yet (5xx, a broken connection, no answer).
    Unknown(String),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{} {}: {error}", self.status, self.text()))
    }

    /// The body as a schema.
    pub fn schema(&self) -> SchemaBody {
        serde_json::from_value(self.json()).unwrap_or_else(|error| panic!("{}: {error}", self.text()))
    }

    /// The body as a cluster's status.
    ///
    /// # Panics
    /// If it is none.
    pub fn cluster_status(&self) -> ClusterStatusBody {
        serde_json::from_value(self.json()).unwrap_or_else(|error| panic!("{}: {error}", self.text()))
    }

    /// The body as a list.
    ///
    /// # Panics
    /// If it is none.
    pub fn list(&self) -> Vec<Value> {
        self.json().as_array().unwrap_or_else(|| panic!("no list: {}", self.text())).clone()
    }

    /// The code of an error body; 0 where it is none.
    pub fn error_code(&self) -> u32 {
        serde_json::from_slice::<ErrorBody>(&self.body).map_or(0, |body| body.error_code)
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The applied index, which every answer bears.
    ///
    /// # Panics
    /// If it does not.
    pub fn index(&self) -> u64 {
        self.header_number("x-registry-index")
    }

    /// The term, which every answer bears.
    ///
    /// # Panics
    /// If it does not.
    pub fn term(&self) -> u64 {
        self.header_number("x-registry-term")
    }

    fn header_number(&self, header: &str) -> u64 {
        let number = self.header(header).and_then(|text| text.parse().ok());
        number.unwrap_or_else(|| panic!("every answer bears {header}"))
    }

    /// This answer, which must be a 200.
    ///
    /// # Panics
    /// If it is not.
    pub fn good(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.text());
        self
    }
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Longest wait for the answer to a raw request.
const RAW_TIME_MAX: Duration = Duration::from_secs(30);

/// Sends bytes as they are, on a connection of their own, and reads what comes back until the node closes it.
///
/// # Errors
/// If nothing that looks like an answer comes back.
pub async fn raw(address: &str, request: &[u8]) -> Result<Answer, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
    let (mut reading, mut writing) = stream.into_split();
    let request = request.to_vec();
    // A node may answer before it has read everything; writing then fails, and that is fine.
    let sending = tokio::spawn(async move {
        drop(writing.write_all(&request).await);
        writing
    });
    let mut bytes = Vec::new();
    let mut reason = String::new();
    let received = tokio::time::timeout(RAW_TIME_MAX, async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match reading.read(&mut buffer).await {
                Ok(0) => break,
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) => {
                    reason = error.to_string();
                    break;
                }
            }
        }
    });
    received.await.map_err(|_| "no end of the answer in time".to_owned())?;
    drop(sending);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| format!("{} bytes and no answer: {reason}", bytes.len()))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("no status: {head}"))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Answer { status, headers, body: bytes[end + 4..].to_vec() })
}
