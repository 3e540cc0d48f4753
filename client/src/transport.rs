//! One logical call: which node, how often, under which key, until when. Everything that talks to a node goes through here.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proto::rest::ErrorBody;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;

use crate::auth::Credentials;
use crate::cache::locked;
use crate::error::Refusal;
use crate::nodes::{Node, Nodes};
use crate::retry::{self, Failure, RetryPolicy, Safety};
use crate::{ClientConfig, ClientError};

/// What may stand in a segment of a path as it is (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longest wait for a measurement: a node that takes longer is measured as far away, not as gone.
const MEASURE_TIME_MAX: Duration = Duration::from_secs(2);

/// A segment of a path, encoded.
pub(crate) fn path_segment(text: &str) -> String {
    // A lone dot would be taken for a step in the path.
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        text => utf8_percent_encode(text, SEGMENT).to_string(),
    }
}

/// A call before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) safety: Safety,
    /// For operations that take long by nature: how long one attempt may take.
    pub(crate) attempt_time_max: Option<Duration>,
    /// Ask this node only.
    pub(crate) only: Option<String>,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>, safety: Safety) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: None, safety, attempt_time_max: None, only: None }
    }

    pub(crate) fn read(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, Safety::Read)
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn flag(self, name: &str, is_set: bool) -> Self {
        if is_set { self.with(name, true) } else { self }
    }

    pub(crate) fn json(mut self, body: &impl serde::Serialize) -> Result<Self, ClientError> {
        let bytes = serde_json::to_vec(body).map_err(|error| ClientError::Data(format!("print a request: {error}")))?;
        self.body = Some(bytes);
        Ok(self)
    }
}

/// What a caller may ask of each call; see the methods of [`crate::Client`] that set them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallOptions {
    pub(crate) consistency: Option<String>,
    pub(crate) if_revision: Option<u64>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) deadline: Option<Duration>,
}

/// An answer that is none of an error.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| ClientError::Answer { url: self.url.clone(), reason: error.to_string() })
    }
}

/// What all clones of a client share.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) nodes: Mutex<Nodes>,
    credentials: Credentials,
    headers: Vec<(String, String)>,
    retry: RetryPolicy,
    /// The highest log index that an answer told, for reads that must be no older.
    seen_index: AtomicU64,
    reads_what_it_saw: bool,
    measure_every: Option<Duration>,
    measured: Mutex<Option<Instant>>,
    is_measuring: AtomicBool,
}

impl Transport {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, ClientError> {
        let nodes = config.checked_nodes()?;
        // A provider that the program has chosen before stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder().connect_timeout(config.connect_time_max);
        if let Some(files) = &config.tls {
            builder = files.set_up(builder)?;
        }
        let http = builder.build();
        let http = http.map_err(|error| ClientError::Setup(format!("make a client: {}", describe_error(&error))))?;
        Ok(Self {
            http,
            nodes: Mutex::new(Nodes::new(nodes, config.region.clone())),
            credentials: config.credentials.clone(),
            headers: config.headers.clone(),
            retry: config.retry,
            seen_index: AtomicU64::new(0),
            reads_what_it_saw: config.reads_what_it_saw,
            measure_every: config.measure_every,
            measured: Mutex::new(None),
            is_measuring: AtomicBool::new(false),
        })
    }

    /// Carries out a call: attempts, each at the node that is best then, until one is answered for good.
    pub(crate) async fn call(self: &Arc<Self>, options: &CallOptions, call: Call) -> Result<Answer, ClientError> {
        self.measure_when_due();
        let deadline = Instant::now() + options.deadline.unwrap_or(self.retry.deadline).max(Duration::from_millis(1));
        let request_id = uuid::Uuid::new_v4().to_string();
        let key = match call.safety {
            Safety::Keyed => Some(options.idempotency_key.clone().unwrap_or_else(|| request_id.clone())),
            Safety::Read | Safety::Once => None,
        };
        let mut failures: Vec<String> = Vec::new();
        let mut may_have_happened = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let now = Instant::now();
            let left = deadline.saturating_duration_since(now);
            let (position, url) = self.choose_node(&call, now);
            let own = call.attempt_time_max.unwrap_or(self.retry.attempt_time_max);
            let time_max = if call.attempt_time_max.is_some() { own } else { own.min(left) };
            let sent = self.request(options, &call, &url, &request_id, key.as_deref())?;
            let answered = tokio::time::timeout(time_max, send_and_receive(sent)).await;
            let took = now.elapsed();
            let (failure, reason, refusal) = match answered {
                Ok(Ok(received)) => {
                    self.note_answer(position, took, &received.headers);
                    if received.is_success {
                        return Ok(Answer { url, bytes: received.bytes });
                    }
                    let refusal = refusal_of(&url, &received);
                    let failure = Failure::Answered { status: refusal.status, code: refusal.code };
                    (failure, refusal.message.clone(), Some(refusal))
                }
                Ok(Err(error)) => {
                    let failure = if error.is_connect() { Failure::NotSent } else { Failure::NoAnswer };
                    (failure, describe_error(&error), None)
                }
                Err(_) => (Failure::NoAnswer, format!("no answer within {} ms", time_max.as_millis()), None),
            };
            may_have_happened |= failure.may_have_happened();
            let retry_after = refusal.as_ref().and_then(|refusal| refusal.retry_after);
            let repeats = retry::may_repeat(failure, call.safety);
            if repeats || refusal.is_none() {
                locked(&self.nodes).note_failure(position, Instant::now(), retry_after);
            }
            failures.push(format!("{url}: {reason}"));
            let wait = self.time_to_wait(&call, attempt, failure, retry_after);
            let is_last = attempt >= self.retry.attempts_max.max(1) || Instant::now() + wait >= deadline;
            if !repeats || is_last {
                let unknown = may_have_happened && call.safety != Safety::Read;
                return Err(match refusal {
                    // A refusal under the key of an earlier attempt is the answer to that one, too.
                    Some(refusal) if !unknown || !failure.passes() => ClientError::Refused(Box::new(refusal)),
                    _ if unknown => ClientError::OutcomeUnknown { key, reason: failures.pop().unwrap_or_default() },
                    _ => {
                        failures.dedup();
                        ClientError::Unreachable(failures.join("; "))
                    }
                });
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Another node is asked at once, after a short random while; the same one only when it wants to be asked again.
    fn time_to_wait(&self, call: &Call, attempt: u32, failure: Failure, retry_after: Option<Duration>) -> Duration {
        let now = Instant::now();
        let others_are_there = call.only.is_none() && {
            let nodes = locked(&self.nodes);
            let first = nodes.order_by_health(now).first().copied().and_then(|first| nodes.all().get(first).cloned());
            first.is_some_and(|node| node.resting_until.is_none_or(|until| until <= now))
        };
        let round = if others_are_there { 1 } else { attempt };
        let wait = retry::wait_after(&self.retry, round, random_share());
        // Too many requests means this client, whichever node it asks.
        let is_for_client = matches!(failure, Failure::Answered { status: 429, .. });
        if is_for_client || !others_are_there { wait.max(retry_after.unwrap_or_default()) } else { wait }
    }

    fn choose_node(&self, call: &Call, now: Instant) -> (usize, String) {
        let nodes = locked(&self.nodes);
        if let Some(only) = &call.only {
            let position = nodes.all().iter().position(|node| node.url == *only);
            return (position.unwrap_or(usize::MAX), only.clone());
        }
        let position = nodes.order_by_health(now).first().copied().unwrap_or(0);
        (position, nodes.all().get(position).map(|node| node.url.clone()).unwrap_or_default())
    }

    fn note_answer(&self, position: usize, took: Duration, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        locked(&self.nodes).note_answer(position, took, text("x-registry-region"), true);
        if let Some(index) = text("x-registry-index").and_then(|index| index.parse().ok()) {
            self.seen_index.fetch_max(index, Ordering::Relaxed);
        }
    }

    /// A request with all its headers.
    fn request(
        &self,
        options: &CallOptions,
        call: &Call,
        url: &str,
        request_id: &str,
        key: Option<&str>,
    ) -> Result<reqwest::RequestBuilder, ClientError> {
        let mut request = self.http.request(call.method.clone(), format!("{url}{}", call.path)).query(&call.query);
        request = request.header("accept", "application/vnd.schemaregistry.v1+json, application/json, */*;q=0.1");
        request = request.header("x-request-id", request_id);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(revision) = options.if_revision {
            request = request.header("if-match", revision.to_string());
        }
        if let Some(consistency) = &options.consistency {
            request = request.header("x-registry-consistency", consistency);
        }
        let seen = self.seen_index.load(Ordering::Relaxed);
        if self.reads_what_it_saw && call.safety == Safety::Read && seen > 0 {
            request = request.header("x-registry-index", seen.to_string());
        }
        for (name, value) in self.headers.iter().chain(&self.credentials.headers()?) {
            request = request.header(name, value);
        }
        if let Some(body) = &call.body {
            request = request.header("content-type", "application/json").body(body.clone());
        }
        Ok(request)
    }

    /// Opens something long: the answer of the first node that gives one, its body unread.
    pub(crate) async fn open(
        self: &Arc<Self>,
        options: &CallOptions,
        call: &Call,
    ) -> Result<(String, Response), ClientError> {
        let request_id = uuid::Uuid::new_v4().to_string();
        let mut failures = Vec::new();
        let order = match &call.only {
            Some(url) => vec![(usize::MAX, url.clone())],
            None => {
                let nodes = locked(&self.nodes);
                let order = nodes.order_by_health(Instant::now()).into_iter();
                order.map(|position| (position, nodes.all()[position].url.clone())).collect()
            }
        };
        for (position, url) in order {
            let request = self.request(options, call, &url, &request_id, None)?;
            let started = Instant::now();
            let reason = match tokio::time::timeout(self.retry.attempt_time_max, request.send()).await {
                Ok(Ok(response)) if response.status().is_success() => {
                    locked(&self.nodes).note_answer(position, started.elapsed(), None, true);
                    return Ok((url, response));
                }
                Ok(Ok(response)) => {
                    let received = read_response(response)
                        .await
                        .map_err(|error| ClientError::Answer { url: url.clone(), reason: describe_error(&error) })?;
                    let refusal = refusal_of(&url, &received);
                    if refusal.status < 500 {
                        return Err(ClientError::Refused(Box::new(refusal)));
                    }
                    refusal.message
                }
                Ok(Err(error)) => describe_error(&error),
                Err(_) => "no answer in time".to_owned(),
            };
            locked(&self.nodes).note_failure(position, Instant::now(), None);
            failures.push(format!("{url}: {reason}"));
        }
        Err(ClientError::Unreachable(failures.join("; ")))
    }

    /// Measures all nodes beside the calls, not more often than configured.
    fn measure_when_due(self: &Arc<Self>) {
        let Some(every) = self.measure_every else { return };
        let now = Instant::now();
        let is_due = {
            let measured = locked(&self.measured);
            // A client with one node has no choice to make.
            locked(&self.nodes).all().len() > 1 && measured.is_none_or(|then| now.duration_since(then) >= every)
        };
        if !is_due || self.is_measuring.swap(true, Ordering::AcqRel) {
            return;
        }
        let transport = self.clone();
        tokio::spawn(async move {
            transport.measure_nodes().await;
            *locked(&transport.measured) = Some(Instant::now());
            transport.is_measuring.store(false, Ordering::Release);
        });
    }

    /// The URLs of all nodes that are known.
    pub(crate) fn urls(&self) -> Vec<String> {
        locked(&self.nodes).all().iter().map(|node| node.url.clone()).collect()
    }

    /// Asks every node whether it is ready; round-trip times and regions are known then.
    pub(crate) async fn measure_nodes(self: &Arc<Self>) {
        let urls = self.urls();
        let asked = urls.into_iter().enumerate().map(|(position, url)| async move {
            let started = Instant::now();
            let request = self.http.get(format!("{url}/readyz")).timeout(MEASURE_TIME_MAX);
            let answer = request.send().await;
            let mut nodes = locked(&self.nodes);
            match answer {
                Ok(answer) if answer.status().is_success() => {
                    let region = answer.headers().get("x-registry-region").and_then(|value| value.to_str().ok());
                    nodes.note_answer(position, started.elapsed(), region, false);
                }
                Ok(_) | Err(_) => nodes.note_failure(position, Instant::now(), None),
            }
        });
        futures::future::join_all(asked).await;
    }

    /// Adds nodes that were told of.
    pub(crate) fn learn_nodes(&self, found: impl IntoIterator<Item = Node>) {
        locked(&self.nodes).learn_nodes(found);
    }
}

#[derive(Debug)]
struct Received {
    is_success: bool,
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

async fn send_and_receive(request: reqwest::RequestBuilder) -> Result<Received, reqwest::Error> {
    read_response(request.send().await?).await
}

async fn read_response(response: Response) -> Result<Received, reqwest::Error> {
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await?.to_vec();
    Ok(Received { is_success: status.is_success(), status: status.as_u16(), headers, bytes })
}

fn refusal_of(url: &str, received: &Received) -> Refusal {
    let text = |name: &str| received.headers.get(name).and_then(|value| value.to_str().ok());
    let (code, message) = match serde_json::from_slice::<ErrorBody>(&received.bytes) {
        Ok(body) => (body.error_code, body.message),
        Err(_) => {
            let text = String::from_utf8_lossy(&received.bytes);
            (
                u32::from(received.status),
                format!("HTTP {} {}", received.status, text.chars().take(200).collect::<String>()),
            )
        }
    };
    Refusal {
        status: received.status,
        code,
        message,
        request_id: text("x-request-id").map(ToOwned::to_owned),
        url: url.to_owned(),
        retry_after: text(RETRY_AFTER.as_str()).and_then(retry::retry_after),
    }
}

/// An error with its causes, for a person; the URL stands before it already.
fn describe_error(error: &reqwest::Error) -> String {
    let mut text = if error.is_connect() { "cannot connect".to_owned() } else { "the connection failed".to_owned() };
    let mut source = std::error::Error::source(error);
    let mut last = String::new();
    while let Some(cause) = source {
        last = cause.to_string();
        source = cause.source();
    }
    if !last.is_empty() {
        text.push_str(": ");
        text.push_str(&last);
    }
    text
}

/// A random fraction; uuid draws it from the operating system.
fn random_share() -> f64 {
    let (_, low) = uuid::Uuid::new_v4().as_u64_pair();
    // The lowest 32 bits of a version 4 UUID are all random.
    f64::from(u32::try_from(low & 0xFFFF_FFFF).unwrap_or(0)) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_one_segment() {
        for (name, expected) in [
            ("orders-value", "orders-value"),
            ("a/b", "a%2Fb"),
            (":.eu:a b", "%3A.eu%3Aa%20b"),
            ("100%", "100%25"),
            (".", "%2E"),
            ("ü", "%C3%BC"),
        ] {
            assert_eq!(path_segment(name), expected);
        }
    }

    #[test]
    fn random_fractions_are_fractions() {
        assert!((0..1_000).map(|_| random_share()).all(|fraction| (0.0..1.0).contains(&fraction)));
    }
}
