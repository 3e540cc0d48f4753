//! Answers: the only file that knows HTTP status codes. The edge adds what every answer tells about the node.

use axum::body::{Body, Bytes};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Response, StatusCode};
use proto::error_code as code;
use proto::rest::ErrorBody;
use serde::Serialize;

use super::media::accepted_type;
use crate::edge::{Exceeded, FOR_ALL, KeptReply};
use crate::service::{Provenance, ServiceError};

/// How a client may say who it is: both ways in one line (RFC 9110, section 11.6.1).
const CHALLENGE: &str = "Basic realm=\"registry\", charset=\"UTF-8\", Bearer realm=\"registry\"";

/// An answer before it has a media type.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    body: Bytes,
    media_type: Option<&'static str>,
    /// What changes with the body, for clients that ask whether theirs is still good.
    tag: Option<String>,
    /// Does it never change, so that it may be kept?
    immutable: bool,
    allow: Option<String>,
    exceeded: Option<Exceeded>,
    /// What it rests on, if it may be kept on this node.
    provenance: Option<Provenance>,
    /// Other headers.
    more: &'static [(&'static str, &'static str)],
    encoding: Option<&'static str>,
    location: Option<&'static str>,
}

/// A file for a browser, compressed beforehand or not.
#[derive(Debug)]
pub struct WebFile {
    pub body: &'static [u8],
    pub media_type: &'static str,
    /// How the body is compressed.
    pub encoding: Option<&'static str>,
    /// What else the browser is told.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Reply {
    /// 200 with a JSON body.
    pub fn json_body(body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::ok_bytes(body.into()),
            Err(error) => Self::error(&ServiceError::internal("print an answer", &error)),
        }
    }

    /// 200 with a text as it is, under the media types of the API (raw schemas).
    pub fn schema_text(body: String) -> Self {
        Self::ok_bytes(body.into())
    }

    fn ok_bytes(body: Bytes) -> Self {
        let (status, immutable) = (StatusCode::OK, false);
        let (media_type, tag, allow, exceeded, provenance) = (None, None, None, None, None);
        let (more, encoding, location): (&[_], _, _) = (&[], None, None);
        Self { status, body, media_type, tag, immutable, allow, exceeded, provenance, more, encoding, location }
    }

    /// 200 with plain text.
    pub fn plain_text(body: String) -> Self {
        Self { media_type: Some("text/plain; charset=utf-8"), ..Self::schema_text(body) }
    }

    /// 207 with a JSON body that tells what came of each part.
    pub fn multi_status(body: &impl Serialize) -> Self {
        Self { status: StatusCode::MULTI_STATUS, ..Self::json_body(body) }
    }

    /// 200 with a page for a browser.
    pub fn html_page(body: &'static str) -> Self {
        Self { media_type: Some("text/html; charset=utf-8"), ..Self::schema_text(body.to_owned()) }
    }

    /// 200 with a file for a browser.
    pub fn web_file(file: WebFile) -> Self {
        let WebFile { body, media_type, encoding, headers } = file;
        Self { media_type: Some(media_type), encoding, more: headers, ..Self::ok_bytes(Bytes::from_static(body)) }
    }

    /// 308: what is asked for lies there, seen from the path that was asked for.
    pub fn moved_to(location: &'static str) -> Self {
        Self { status: StatusCode::PERMANENT_REDIRECT, location: Some(location), ..Self::schema_text(String::new()) }
    }

    /// 204.
    pub fn no_content() -> Self {
        Self { status: StatusCode::NO_CONTENT, ..Self::schema_text(String::new()) }
    }

    /// 200 if `good`, else 503, with a JSON body that says why.
    pub fn health_body(good: bool, body: &impl Serialize) -> Self {
        let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        Self { status, ..Self::json_body(body) }
    }

    /// An error.
    pub fn error(error: &ServiceError) -> Self {
        let body = ErrorBody { error_code: error.code.0, message: error.message.clone() };
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, ..Self::json_body(&body) }
    }

    /// An error that says more than its code and message.
    pub fn error_with(error: &ServiceError, more: &serde_json::Value) -> Self {
        let mut body = serde_json::json!({"error_code": error.code.0, "message": error.message});
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        Self { body: body.to_string().into(), ..Self::error(error) }
    }

    /// 429, with what the client may ask and when.
    pub fn rate_exceeded(exceeded: &Exceeded) -> Self {
        Self { exceeded: Some(exceeded.clone()), ..Self::error(&exceeded.as_error()) }
    }

    /// 405.
    pub fn method_not_allowed(allow: &str) -> Self {
        let message = format!("HTTP 405 Method Not Allowed: this path has {allow}");
        let error = ServiceError::new(code::METHOD_NOT_ALLOWED, message);
        Self { allow: Some(allow.to_owned()), ..Self::error(&error) }
    }

    /// 204 with the methods that a path has.
    pub fn allowed_methods(allow: &str) -> Self {
        Self { allow: Some(allow.to_owned()), ..Self::no_content() }
    }

    /// Marks an answer that never changes.
    #[must_use]
    pub fn with_immutable_tag(self, tag: String) -> Self {
        Self { tag: Some(tag), immutable: true, ..self }
    }

    /// Marks an answer with a tag that never changes.
    #[must_use]
    pub fn kept_for_ever(self) -> Self {
        Self { immutable: true, ..self }
    }

    /// Gives an answer that may change a tag made of its body.
    #[must_use]
    pub fn with_tag_of_body(self) -> Self {
        Self { tag: Some(self.body_tag()), ..self }
    }

    /// A tag made of the body.
    pub fn body_tag(&self) -> String {
        blake3::hash(&self.body).to_hex().chars().take(32).collect()
    }

    /// Lets the node keep the answer, to give it again as long as what it rests on does not change. It must depend on nothing
    /// else but the path and the query.
    #[must_use]
    pub fn resting_on(self, provenance: Provenance) -> Self {
        Self { provenance: Some(provenance), ..self }
    }

    /// The answer as it is kept; none if it may not be.
    pub fn kept_parts(&self) -> Option<(KeptReply, Provenance)> {
        let provenance = self.provenance.clone().filter(|_| self.status == StatusCode::OK)?;
        let tag = self.tag.as_ref().and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
        let cache_control = HeaderValue::from_static(self.cache_control());
        Some((KeptReply { body: self.body.clone(), tag, cache_control }, provenance))
    }

    fn cache_control(&self) -> &'static str {
        if self.immutable { FOR_ALL } else { "no-cache, no-store, must-revalidate" }
    }

    /// The answer for a client that has one with these tags (`If-None-Match`): 304 without a body if it is the same.
    #[must_use]
    pub fn unless_known(self, tags: Option<&str>) -> Self {
        let is_known = self.status == StatusCode::OK
            && self.tag.as_ref().is_some_and(|own| names_tag(tags.unwrap_or_default(), own));
        if is_known { Self { status: StatusCode::NOT_MODIFIED, body: Bytes::new(), ..self } } else { self }
    }

    /// The status.
    #[cfg(test)]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The answer as it goes out.
    pub fn into_response(self, media_type: &'static str) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        let mut set = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        if !matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            set(CONTENT_TYPE, self.media_type.unwrap_or(media_type));
        }
        if let Some(tag) = &self.tag {
            set(ETAG, &format!("\"{tag}\""));
        }
        set(CACHE_CONTROL, self.cache_control());
        if let Some(allow) = &self.allow {
            set(ALLOW, allow);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            set(WWW_AUTHENTICATE, CHALLENGE);
        }
        if let Some(encoding) = self.encoding {
            set(CONTENT_ENCODING, encoding);
        }
        if let Some(location) = self.location {
            set(LOCATION, location);
        }
        for (name, value) in self.more {
            set(HeaderName::from_static(name), value);
        }
        if self.status.is_server_error() {
            set(RETRY_AFTER, "1");
        }
        if let Some(Exceeded { class, quota, window_s, wait_s }) = &self.exceeded {
            set(RETRY_AFTER, &wait_s.to_string());
            set(RATE_LIMIT.clone(), &format!("\"{class}\";r=0;t={wait_s}"));
            set(RATE_LIMIT_POLICY.clone(), &format!("\"{class}\";q={quota};w={window_s}"));
        }
        headers.insert(&XSS_PROTECTION, XSS_PROTECTION_ON.clone());
        *response.status_mut() = self.status;
        *response.body_mut() = Body::from(self.body);
        response
    }
}

/// Headers of an answer, those of the edge with them: room is made once.
const HEADERS: usize = 16;
/// As draft-ietf-httpapi-ratelimit-headers has them.
static RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
static RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static XSS_PROTECTION: HeaderName = HeaderName::from_static("x-xss-protection");
static XSS_PROTECTION_ON: HeaderValue = HeaderValue::from_static("1; mode=block");

/// The headers that every answer has, on one that is sent as it is made.
pub fn with_standing_headers(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(&XSS_PROTECTION, XSS_PROTECTION_ON.clone());
    answer
}

/// Is a tag among those of `If-None-Match`?
fn names_tag(tags: &str, own: &str) -> bool {
    tags.split(',').any(|tag| tag.trim().trim_start_matches("W/").trim_matches('"') == own)
}

/// Gives a kept answer once more, or says why it could not be confirmed; none if the client wants what is not kept.
pub fn repeat_reply(answer: Result<&KeptReply, &ServiceError>, asked: &HeaderMap) -> Option<Response<Body>> {
    let media_type = accepted_type(asked).ok()?;
    let KeptReply { body, tag, cache_control } = match answer {
        Ok(kept) => kept,
        Err(error) => return Some(Reply::error(error).into_response(media_type)),
    };
    let own = tag.as_ref().and_then(|tag| tag.to_str().ok()).map(|tag| tag.trim_matches('"'));
    let known = asked.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let is_known = own.zip(known).is_some_and(|(own, known)| names_tag(known, own));
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(body.clone()) });
    let headers = response.headers_mut();
    headers.reserve(HEADERS);
    if !is_known {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    if let Some(tag) = tag {
        headers.insert(ETAG, tag.clone());
    }
    headers.insert(CACHE_CONTROL, cache_control.clone());
    headers.insert(&XSS_PROTECTION, XSS_PROTECTION_ON.clone());
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_has_the_answer_is_not_sent_it_again() {
        let answer = |tags: Option<&str>| {
            Reply::schema_text("a".to_owned()).with_immutable_tag("t".to_owned()).unless_known(tags).status()
        };
        assert_eq!(answer(None), 200);
        assert_eq!(answer(Some("\"other\"")), 200);
        assert_eq!(answer(Some("\"other\", W/\"t\"")), 304);
        let tag = |body: &str| Reply::schema_text(body.to_owned()).with_tag_of_body().tag;
        assert_ne!(tag("a"), tag("b"));
    }
}
