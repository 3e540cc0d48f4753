//! The media types of answers, and which one a client wants.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::ACCEPT;
use proto::error_code as code;

use crate::service::ServiceError;

/// The media types of the Confluent API, best first.
pub const MEDIA_TYPES: [&str; 3] =
    ["application/vnd.schemaregistry.v1+json", "application/vnd.schemaregistry+json", "application/json"];

/// The media type of the answer to a request with these headers.
///
/// # Errors
/// 406 if the client accepts none of ours.
pub fn accepted_type(headers: &HeaderMap) -> Result<&'static str, ServiceError> {
    let mut given = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let first = given.next().unwrap_or_default();
    let rest: Vec<_> = given.collect();
    let accepted =
        if rest.is_empty() { Cow::Borrowed(first) } else { Cow::Owned(format!("{first},{}", rest.join(","))) };
    // What most clients send.
    if matches!(accepted.trim(), "" | "*/*") {
        return Ok(MEDIA_TYPES[0]);
    }
    let mut best: Option<(f32, &'static str)> = None;
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
        let offered = match media_type.as_str() {
            // Java's own HTTP client sends a lone star.
            "*" | "application/*" => Some(MEDIA_TYPES[0]),
            other if other.starts_with("*/") => Some(MEDIA_TYPES[0]),
            other => MEDIA_TYPES.into_iter().find(|ours| *ours == other),
        };
        if let Some(offered) = offered
            && weight > 0.0
            && best.is_none_or(|(heaviest, _)| weight > heaviest)
        {
            best = Some((weight, offered));
        }
    }
    best.map(|(_, offered)| offered).ok_or_else(|| {
        let message = format!("HTTP 406 Not Acceptable: answers are {}", MEDIA_TYPES.join(", "));
        ServiceError::new(code::NOT_ACCEPTABLE, message)
    })
}
