//! Requests: what a handler may ask of one. Sloppy but real input is tolerated here, and nowhere else.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use proto::error_code as code;
use registry::query::Slice;
use registry::{Include, Permanent};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::media::{MEDIA_TYPES, accepted_type};
use crate::edge::{BodyDigest, Fingerprint};
use crate::service::ServiceError;

/// A request with its body read.
pub struct Request {
    /// Query parameters in order; names and values decoded once.
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    method: Method,
}

impl Request {
    /// Takes a request apart.
    ///
    /// # Errors
    /// [`code::BAD_REQUEST`] for a query that cannot be decoded.
    pub fn new(parts: Parts, body: Bytes) -> Result<Self, ServiceError> {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned);
            decoded.map_err(|_| ServiceError::new(code::BAD_REQUEST, "The query is not UTF-8"))
        };
        let mut query = Vec::new();
        for pair in parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            query.push((decode(name)?, decode(value)?));
        }
        Ok(Self { query, headers: parts.headers, body, method: parts.method })
    }

    /// What it says besides its path.
    pub fn describe_content(&self, fingerprint: &mut Fingerprint) {
        fingerprint.add_part(&self.body);
        for (name, value) in &self.query {
            fingerprint.add_part(name.as_bytes());
            fingerprint.add_part(value.as_bytes());
        }
    }

    /// What the body is, and how it is to be read.
    pub fn body_digest(&self) -> BodyDigest {
        BodyDigest::of(self.header(CONTENT_TYPE.as_str()).unwrap_or_default(), &self.body)
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Is it a GET or a HEAD?
    pub fn is_read(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }

    /// A query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a query parameter that may be repeated.
    pub fn query_values(&self, name: &str) -> Vec<String> {
        self.query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// A flag of the query; any capitalisation of `true` counts.
    pub fn query_flag(&self, name: &str) -> bool {
        self.query_value(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `permanent=true`?
    pub fn asks_permanent(&self) -> Permanent {
        if self.query_flag("permanent") { Permanent::Yes } else { Permanent::No }
    }

    /// `deleted` and `deletedOnly`; the latter wins. Python spells it `deleted_only`.
    pub fn asks_deleted(&self) -> Include {
        if self.query_flag("deletedOnly") || self.query_flag("deleted_only") {
            Include::DeletedOnly
        } else if self.query_flag("deleted") {
            Include::All
        } else {
            Include::Live
        }
    }

    /// The page of a list that `offset` and `limit` ask for. What makes no sense is the default.
    pub fn page_of<T>(&self, items: Vec<T>, limit_max: usize) -> Vec<T> {
        let Slice { offset, limit } = self.slice_asked(limit_max);
        items.into_iter().skip(offset).take(limit).collect()
    }

    /// The part of a list that `offset` and `limit` ask for. What makes no sense is the default.
    pub fn slice_asked(&self, limit_max: usize) -> Slice {
        let number = |name| self.query_value(name).and_then(|value| value.parse::<i64>().ok()).unwrap_or(-1);
        let offset = usize::try_from(number("offset")).unwrap_or(0);
        let limit = usize::try_from(number("limit")).unwrap_or(0);
        let limit = if limit == 0 || limit > limit_max { limit_max } else { limit };
        Slice { offset, limit }
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400 for what is no JSON or has values of the wrong type, 415 for another content type, 422 for no body and for fields
    /// that the operation does not know.
    pub fn json_body<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        self.check_content_type()?;
        let body = self.body_as_utf8()?;
        let body = body.trim_ascii();
        // As for Jackson, a lone `null` is no body.
        if body.is_empty() || body == b"null" {
            return Err(ServiceError::new(code::UNPROCESSABLE, "The request has no body"));
        }
        let wrong = |error: serde_json::Error| match error.classify() {
            serde_json::error::Category::Data => {
                let (code, message) = misfit_error(&error.to_string());
                ServiceError::new(code, message)
            }
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => {
                ServiceError::new(code::BAD_REQUEST, format!("The request body is not valid JSON: {error}"))
            }
        };
        // serde takes an array for a struct, item by item, and a wrong body would be a right one.
        if body.first() != Some(&b'{') {
            serde_json::from_slice::<IgnoredAny>(body).map_err(wrong)?;
            return Err(ServiceError::new(code::BAD_REQUEST, "The request body is not a JSON object"));
        }
        let mut reader = serde_json::Deserializer::from_slice(body);
        T::deserialize(&mut reader).and_then(|value| reader.end().map(|()| value)).map_err(wrong)
    }

    /// Refuses names in the body that are almost one of `known`: what is not known is ignored, but a setting that was
    /// misspelt must not seem to be in force.
    ///
    /// # Errors
    /// [`code::UNPROCESSABLE`] with the name that was meant.
    pub fn refuse_near_misses(&self, known: &[&str]) -> Result<(), ServiceError> {
        let body = self.body_as_utf8()?;
        let names: BTreeMap<String, IgnoredAny> = serde_json::from_slice(&body).unwrap_or_default();
        for name in names.keys().filter(|name| !known.contains(&name.as_str())) {
            if let Some(meant) = known.iter().find(|known| is_near_miss(name, known)) {
                let message = format!("Unrecognized field: {name}. Is {meant} meant?");
                return Err(ServiceError::new(code::UNPROCESSABLE, message));
            }
        }
        Ok(())
    }

    /// The body in UTF-8, without a byte order mark. Some clients send UTF-16, by its mark or by the charset.
    fn body_as_utf8(&self) -> Result<Cow<'_, [u8]>, ServiceError> {
        let content_type = self.header(CONTENT_TYPE.as_str()).map(str::to_ascii_lowercase).unwrap_or_default();
        let charset = content_type.split_once("charset=").map(|(_, name)| name.trim_matches([' ', '"', '\'']));
        let (units, is_little): (&[u8], bool) = match &*self.body {
            [0xEF, 0xBB, 0xBF, rest @ ..] => return Ok(Cow::Borrowed(rest)),
            [0xFF, 0xFE, rest @ ..] => (rest, true),
            [0xFE, 0xFF, rest @ ..] => (rest, false),
            body => match charset {
                Some("utf-16le") => (body, true),
                Some("utf-16" | "utf-16be") => (body, false),
                Some(_) | None => return Ok(Cow::Borrowed(body)),
            },
        };
        let bad = || ServiceError::new(code::BAD_REQUEST, "The request body is not valid UTF-16");
        let (pairs, rest) = units.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(bad());
        }
        let units: Vec<_> = pairs
            .iter()
            .map(|pair| if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) })
            .collect();
        String::from_utf16(&units).map(|text| Cow::Owned(text.into_bytes())).map_err(|_| bad())
    }

    fn check_content_type(&self) -> Result<(), ServiceError> {
        if self.header(CONTENT_ENCODING.as_str()).is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(ServiceError::new(code::UNSUPPORTED_MEDIA_TYPE, "A compressed request body is not supported"));
        }
        let Some(given) = self.header(CONTENT_TYPE.as_str()) else { return Ok(()) };
        let media_type = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let known = MEDIA_TYPES.contains(&media_type.as_str())
            || matches!(media_type.as_str(), "" | "application/octet-stream");
        if known {
            Ok(())
        } else {
            Err(ServiceError::new(
                code::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "HTTP 415 Unsupported Media Type: the body is {media_type}, and must be JSON: send it with \
                     'Content-Type: application/json' (curl -d alone says that it is a form)"
                ),
            ))
        }
    }

    /// The media type of the answer.
    ///
    /// # Errors
    /// As [`accepted_type`].
    pub fn accepted_type(&self) -> Result<&'static str, ServiceError> {
        accepted_type(&self.headers)
    }

    /// All parameters of the query, in order.
    pub fn query_pairs(&self) -> &[(String, String)] {
        &self.query
    }

    /// The body as any JSON; `{}` where there is none.
    ///
    /// # Errors
    /// As [`Request::json_body`].
    pub fn any_json(&self) -> Result<serde_json::Value, ServiceError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(serde_json::json!({}));
        }
        self.json_body()
    }
}

/// Is a name, but for its case and at most two letters, the other?
fn is_near_miss(name: &str, known: &str) -> bool {
    /// Longer names are none that somebody meant.
    const NAME_BYTES_MAX: usize = 40;
    if name.len() > NAME_BYTES_MAX || name.len().abs_diff(known.len()) > 2 {
        return false;
    }
    let (name, known) = (name.to_ascii_lowercase(), known.to_ascii_lowercase());
    // Levenshtein's distance, row by row.
    let known: Vec<char> = known.chars().collect();
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (line, letter) in name.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, wanted) in known.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *wanted);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[known.len()] <= 2.min(known.len() / 3)
}

/// Code and text for JSON that an operation does not take: as Confluent has it, 422 names an unknown field and everything
/// else is a 400.
fn misfit_error(message: &str) -> (code::ErrorCode, String) {
    match message.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => (code::UNPROCESSABLE, format!("Unrecognized field: {field}")),
        None => (code::BAD_REQUEST, format!("The request body is not what this operation takes: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    fn request(query: &str, accept: Option<&str>) -> Request {
        let mut request = http::Request::get(format!("/?{query}"));
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        Request::new(request.body(()).unwrap().into_parts().0, Bytes::new()).unwrap()
    }

    #[test]
    fn sloppy_flags_and_pages_are_understood() {
        let request = request("deleted=True&limit=-1&offset=2&x=a%2Bb+c", None);
        assert_eq!(request.asks_deleted(), Include::All);
        assert_eq!(request.page_of(vec![1, 2, 3], 10), vec![3]);
        assert_eq!(request.query_value("x"), Some("a+b c"));
    }

    #[test]
    fn the_media_type_is_negotiated() {
        for (accept, expected) in [
            (None, Some(MEDIA_TYPES[0])),
            (Some("*/*"), Some(MEDIA_TYPES[0])),
            (Some("application/json"), Some(MEDIA_TYPES[2])),
            (Some("application/json;q=0.5, application/vnd.schemaregistry.v1+json"), Some(MEDIA_TYPES[0])),
            (Some("*"), Some(MEDIA_TYPES[0])),
            (Some("text/html, */anything;q=.2"), Some(MEDIA_TYPES[0])),
            (Some("text/html"), None),
        ] {
            assert_eq!(request("", accept).accepted_type().ok(), expected, "{accept:?}");
        }
    }

    #[test]
    fn a_body_may_have_a_byte_order_mark_or_be_in_utf16() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let read = |body: Vec<u8>, media_type: &str| {
            let request = http::Request::post("/").header(CONTENT_TYPE, media_type).body(()).unwrap();
            let request = Request::new(request.into_parts().0, body.into()).unwrap();
            request.json_body::<serde_json::Map<String, serde_json::Value>>().map(|map| map.len())
        };
        let json = "application/json";
        assert_eq!(read(b"\xEF\xBB\xBF{\"a\":1}".to_vec(), json).unwrap(), 1);
        assert_eq!(read(utf16("\u{feff}{\"a\":1}"), json).unwrap(), 1);
        assert_eq!(read(utf16("{\"a\":1}"), "application/json; charset=\"UTF-16\"").unwrap(), 1);
        assert_eq!(read(vec![0xFF, 0xFE, b'{'], json).unwrap_err().code, code::BAD_REQUEST);
    }

    #[test]
    fn a_misspelt_name_is_told_from_one_that_is_not_known() {
        for (name, known, is_near) in [
            ("compatibilty", "compatibility", true),
            ("Compatibility", "compatibility", true),
            ("normalise", "normalize", true),
            ("comment", "compatibility", false),
            ("comment", "normalize", false),
            ("tags", "alias", false),
            ("alia", "alias", true),
        ] {
            assert_eq!(is_near_miss(name, known), is_near, "{name}: {known}");
        }
    }

    #[test]
    fn an_unknown_field_is_named() {
        let expected = (code::UNPROCESSABLE, "Unrecognized field: x".to_owned());
        assert_eq!(misfit_error("unknown field `x`, expected one of `schema`"), expected);
        assert_eq!(misfit_error("invalid type: integer `1`, expected a string").0, code::BAD_REQUEST);
    }
}
