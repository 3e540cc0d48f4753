//! What a client is made from.

use std::time::Duration;

use reqwest::Url;

use crate::ClientError;
use crate::auth::{Credentials, TlsFiles};
use crate::nodes::Node;
use crate::retry::RetryPolicy;

/// Bounds of the caches. What is immutable is kept until it is pushed out; what is not, for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// Entries of each cache; 0 caches nothing.
    pub entries_max: usize,
    /// Bytes of schema texts in each cache.
    pub bytes_max: usize,
    /// How long the latest version of a subject, and the version of a semantic range, are believed.
    pub latest_time: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        // A service reads and writes some dozens of schemas; a gateway some thousands, of some kilobytes.
        Self { entries_max: 10_000, bytes_max: 64 * 1024 * 1024, latest_time: Duration::from_secs(60) }
    }
}

/// What a client is made from. `ClientConfig::new(urls)` is enough.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The nodes, nearest first: base URLs, with the region where it is known.
    pub nodes: Vec<(String, Option<String>)>,
    /// Where this client runs: nodes of this region are asked first.
    pub region: Option<String>,
    /// Who the client is.
    pub credentials: Credentials,
    /// Certificates, for URLs that begin with `https://`.
    pub tls: Option<TlsFiles>,
    /// How often and how long a call is tried.
    pub retry: RetryPolicy,
    /// Bounds of the caches.
    pub cache: CacheLimits,
    /// How long a connection may take.
    pub connect_time_max: Duration,
    /// How often round-trip times are measured while the client is used; none: never.
    pub measure_every: Option<Duration>,
    /// Answers are at least as new as what this client has seen, whichever node gives them (`X-Registry-Index`).
    pub reads_what_it_saw: bool,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
}

impl ClientConfig {
    /// A client of these nodes, nearest first, with the defaults.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            nodes: urls.into_iter().map(|url| (url.into(), None)).collect(),
            region: None,
            credentials: Credentials::default(),
            tls: None,
            retry: RetryPolicy::default(),
            cache: CacheLimits::default(),
            connect_time_max: Duration::from_secs(2),
            measure_every: Some(Duration::from_secs(30)),
            reads_what_it_saw: true,
            headers: Vec::new(),
        }
    }

    pub(crate) fn checked_nodes(&self) -> Result<Vec<Node>, ClientError> {
        if self.nodes.is_empty() {
            return Err(ClientError::Setup("no URL of a node is given".to_owned()));
        }
        self.nodes.iter().map(|(url, region)| Ok(Node::new(base_url(url)?, region.clone()))).collect()
    }
}

/// A base URL without a slash at its end.
///
/// # Errors
/// [`ClientError::Setup`] says what is wrong and what to write.
pub fn base_url(text: &str) -> Result<String, ClientError> {
    let text = text.trim();
    let wrong = |what: String| Err(ClientError::Setup(what));
    if text.is_empty() {
        return wrong("the URL of a node is empty: write, for instance, http://127.0.0.1:8081".to_owned());
    }
    if !text.contains("://") {
        return wrong(format!("{text} is not a URL: URLs begin with http://, so write http://{text}"));
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return wrong(format!("{text} is not a URL: {error}")),
    };
    match url.scheme() {
        "http" | "https" => {}
        other => {
            return wrong(format!(
                "{text}: {other} is not a protocol of the registry; URLs begin with http:// or https://"
            ));
        }
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong(format!("{text}: the URL of a node has neither ? nor #"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_says_what_to_write() {
        for (text, expected) in [
            ("http://a:1/", Ok("http://a:1")),
            ("http://[::1]:8081", Ok("http://[::1]:8081")),
            ("127.0.0.1:23081", Err("so write http://127.0.0.1:23081")),
            ("nonsense", Err("so write http://nonsense")),
            ("", Err("write, for instance, http://127.0.0.1:8081")),
            ("http://", Err("is not a URL")),
            ("https://a/", Ok("https://a")),
            ("ftp://a", Err("ftp is not a protocol of the registry")),
            ("http://a?b=c", Err("neither ? nor #")),
        ] {
            match (base_url(text), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
                (found, expected) => panic!("{text}: {found:?}, expected {expected:?}"),
            }
        }
    }
}
