//! The client library: talks to any node of a cluster and goes on to the next one when a node does not answer.
//!
//! Never here: rules of the registry. What a node refuses is an error with the node's own code and message.

pub mod audit;

use std::io::Write;
use std::time::Duration;

use proto::rest::{ClusterStatusBody, ErrorBody, MemberBody};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longest wait for one answer of one node.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(65);
/// Longest silence while something long is read.
const SILENCE_MAX: Duration = Duration::from_secs(65);
/// Longest time for something long as a whole.
const DOWNLOAD_TIME_MAX: Duration = Duration::from_secs(24 * 3_600);
const CONNECT_TIME_MAX: Duration = Duration::from_secs(2);

/// A request that was not carried out.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ClientError {
    #[error("{message} (code {code})")]
    Refused { code: u32, message: String },
    #[error("no node answered: {0}")]
    Unreachable(String),
    #[error("{url} answered what is not an answer of a registry: {reason}")]
    Answer { url: String, reason: String },
    #[error("no URL of a node is given")]
    NoUrl,
    #[error("{url} broke off: {reason}")]
    Broken { url: String, reason: String },
}

impl ClientError {
    /// The code of the node's refusal, if it was one.
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unreachable(_) | Self::Answer { .. } | Self::NoUrl | Self::Broken { .. } => None,
        }
    }
}

/// A client of a cluster.
#[derive(Debug, Clone)]
pub struct Client {
    urls: Vec<String>,
    http: reqwest::Client,
}

impl Client {
    /// A client that knows these nodes, nearest first.
    ///
    /// # Errors
    /// [`ClientError::NoUrl`] without a URL.
    pub fn new(urls: impl IntoIterator<Item = String>) -> Result<Self, ClientError> {
        let urls: Vec<_> = urls.into_iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        if urls.is_empty() {
            return Err(ClientError::NoUrl);
        }
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIME_MAX)
            .connect_timeout(CONNECT_TIME_MAX)
            .build()
            .map_err(|error| ClientError::Unreachable(error.to_string()))?;
        Ok(Self { urls, http })
    }

    /// The cluster as a node sees it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<ClusterStatusBody, ClientError> {
        self.call(&self.urls, Method::GET, "/v1/cluster/status", None::<&()>).await
    }

    /// Adds a node as a learner.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_member(&self, member: &MemberBody) -> Result<(), ClientError> {
        self.on_leader(Method::POST, "/v1/cluster/members", Some(member)).await
    }

    /// Gives a learner its vote, when it has caught up.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn promote_member(&self, id: u64) -> Result<(), ClientError> {
        self.on_leader(Method::POST, &format!("/v1/cluster/members/{id}/promote"), None::<&()>).await
    }

    /// Takes a node out of the cluster.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn remove_member(&self, id: u64) -> Result<(), ClientError> {
        self.on_leader(Method::DELETE, &format!("/v1/cluster/members/{id}"), None::<&()>).await
    }

    /// Hands the leadership over; answers who leads then.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn transfer_leader(&self, to: Option<u64>) -> Result<u64, ClientError> {
        let body = serde_json::json!({"to": to});
        let answer: serde_json::Value =
            self.on_leader(Method::POST, "/v1/cluster/leader/transfer", Some(&body)).await?;
        Ok(answer["leader_id"].as_u64().unwrap_or(0))
    }

    /// Reads something as JSON.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get(&self, path: &str) -> Result<serde_json::Value, ClientError> {
        self.call(&self.urls, Method::GET, path, None::<&()>).await
    }

    /// Reads something long, piece by piece, from the first node that answers. What was written before an error is not the
    /// whole.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn download(&self, path: &str, output: &mut impl Write) -> Result<(), ClientError> {
        let mut failed = Vec::new();
        for url in &self.urls {
            let url = format!("{url}{path}");
            let mut answer = match self.http.get(&url).timeout(DOWNLOAD_TIME_MAX).send().await {
                Ok(answer) => answer,
                Err(error) => {
                    failed.push(format!("{url}: {error}"));
                    continue;
                }
            };
            if !answer.status().is_success() {
                let bytes = answer.bytes().await.map_err(|error| ClientError::Unreachable(error.to_string()))?;
                let body: ErrorBody = serde_json::from_slice(&bytes)
                    .map_err(|error| ClientError::Answer { url, reason: error.to_string() })?;
                return Err(ClientError::Refused { code: body.error_code, message: body.message });
            }
            let broken = |reason: String| ClientError::Broken { url: url.clone(), reason };
            loop {
                let piece = tokio::time::timeout(SILENCE_MAX, answer.chunk()).await;
                let piece = piece.map_err(|_| broken("nothing came for too long".to_owned()))?;
                match piece.map_err(|error| broken(error.to_string()))? {
                    Some(piece) => {
                        output.write_all(&piece).map_err(|error| broken(format!("write it down: {error}")))?
                    }
                    None => return Ok(()),
                }
            }
        }
        Err(ClientError::Unreachable(failed.join("; ")))
    }

    /// Changes of the cluster are done by its leader: finds it first.
    async fn on_leader<T: FromAnswer>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let status = self.status().await?;
        let leader = status.nodes.iter().find(|node| node.role == "leader").and_then(|node| node.http_url.clone());
        let urls = leader.map_or_else(|| self.urls.clone(), |url| vec![url]);
        let answer: serde_json::Value = self.call(&urls, method, path, body).await?;
        Ok(T::from_answer(answer))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        urls: &[String],
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, ClientError> {
        let mut failed = Vec::new();
        for url in urls {
            let url = format!("{url}{path}");
            let mut request = self.http.request(method.clone(), &url);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    failed.push(format!("{url}: {error}"));
                    continue;
                }
            };
            let is_good = answer.status().is_success();
            let bytes = answer.bytes().await.map_err(|error| ClientError::Unreachable(error.to_string()))?;
            if is_good {
                return serde_json::from_slice(&bytes)
                    .map_err(|error| ClientError::Answer { url, reason: error.to_string() });
            }
            let body: ErrorBody = serde_json::from_slice(&bytes)
                .map_err(|error| ClientError::Answer { url, reason: error.to_string() })?;
            return Err(ClientError::Refused { code: body.error_code, message: body.message });
        }
        Err(ClientError::Unreachable(failed.join("; ")))
    }
}

/// What an answer of the leader becomes.
trait FromAnswer {
    fn from_answer(answer: serde_json::Value) -> Self;
}

impl FromAnswer for () {
    fn from_answer(_: serde_json::Value) {}
}

impl FromAnswer for serde_json::Value {
    fn from_answer(answer: serde_json::Value) -> Self {
        answer
    }
}
