//! A request that the edge has let in: what it asks for, who asks, and how. The doors work with this and never look at the
//! raw path or at headers about identity again.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use parking_lot::Mutex;
use proto::error_code as code;
use proto::operations::{Confluent, Operation, OperationId};
use registry::limits::REQUEST_ID_BYTES_MAX;
use registry::{Actor, Context, LogIndex, Principal, RequestId};

use super::kept::{BodyDigest, Kept, KeptReply, Shelf};
use super::place::Place;
use super::slots::Slot;
use crate::auth::Origin;
use crate::clock::Deadline;
use crate::service::{Caller, Consistency, Provenance, Service, ServiceError, UNKEYED, Wanted};
use crate::trace::TraceContext;

/// What a request wants besides its operation, from its headers: the same for HTTP and gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wishes {
    key: Option<String>,
    consistency: Consistency,
    at_least: Option<LogIndex>,
    if_revision: Option<LogIndex>,
    /// The client gives up after this.
    patience: Option<Duration>,
}

impl Wishes {
    /// Is this a question with a body that many clients ask with the same words, and that may be answered from what is kept?
    /// Who names the request asks what has become of that one.
    pub(super) fn is_repeatable(&self, operation: &Operation) -> bool {
        use OperationId::Confluent as Of;
        let is_question = matches!(operation.id, Of(Confluent::RegisterSchema | Confluent::LookUpSchema));
        is_question && self.key.is_none()
    }

    /// Reads headers; `query` is the query of the path, where there is one.
    ///
    /// # Errors
    /// [`code::UNPROCESSABLE`] for a header that makes no sense.
    pub(super) fn of(headers: &HeaderMap, query: &str, default: Consistency) -> Result<Self, ServiceError> {
        let bad = |message: &str| ServiceError::new(code::UNPROCESSABLE, message);
        static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
        static CONSISTENCY: HeaderName = HeaderName::from_static("x-registry-consistency");
        static INDEX: HeaderName = HeaderName::from_static("x-registry-index");
        static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
        let header = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let key = match header(&IDEMPOTENCY_KEY) {
            Some(key) if key.is_empty() || key.len() > REQUEST_ID_BYTES_MAX => {
                return Err(bad("Idempotency-Key must have 1 to 128 characters"));
            }
            key => key.map(str::to_owned),
        };
        let asked = query.split('&').find_map(|pair| pair.strip_prefix("consistency="));
        let asked = asked.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy());
        let consistency = match header(&CONSISTENCY).or(asked.as_deref()) {
            Some(text) => Consistency::parse(text).ok_or_else(|| {
                bad("consistency is one of default, local, linearizable, bounded:<milliseconds>, session:<index>")
            })?,
            None => default,
        };
        let index = |name: &HeaderName, what: &str| {
            header(name).map(|text| text.trim_matches('"').parse().map(LogIndex).map_err(|_| bad(what))).transpose()
        };
        Ok(Self {
            key,
            consistency,
            // A client that sends back the index of an earlier answer reads at least that, whatever else it asks for.
            at_least: index(&INDEX, "X-Registry-Index is a log index")?,
            if_revision: index(&http::header::IF_MATCH, "If-Match is a revision: the number that the API gave")?,
            patience: header(&GRPC_TIMEOUT).and_then(grpc_timeout),
        })
    }
}

/// `100m` is 100 milliseconds (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).
fn grpc_timeout(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// What tells equal keys of different requests apart.
pub struct Fingerprint(blake3::Hasher);

impl Fingerprint {
    /// Adds a part of the request; its length goes in, so that parts cannot run into each other.
    pub fn add_part(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
    }
}

/// A request that was let in. It holds its slot for as long as it lives.
#[derive(Debug)]
pub struct Admitted {
    /// What is asked for.
    pub operation: &'static Operation,
    /// What the path names.
    pub place: Arc<Place>,
    /// Who asks.
    pub principal: Principal,
    /// Where it comes from, as far as that is known.
    pub origin: Origin,
    /// The client's name for the request, or one of ours; echoed.
    pub request_id: String,
    /// The trace that it belongs to.
    pub trace: TraceContext,
    pub(super) wishes: Wishes,
    pub(super) node_id: u64,
    /// Our own name for the request, unique among all nodes.
    pub(super) own_name: uuid::Uuid,
    /// A reply to the same question; it need not hold any more.
    pub(super) kept: Option<Arc<Kept>>,
    /// Where the reply may be kept.
    pub(super) shelf: Option<Shelf>,
    /// Longest time to carry it out, once its body has arrived.
    pub(super) time_max: Duration,
    pub(super) refused: Mutex<Option<(RequestId, ServiceError)>>,
    pub(super) _slot: Slot,
}

impl Admitted {
    /// Who asks, under which id, until when, and how fresh the answer must be. `content` adds what the request says besides
    /// its path: the same key with another request, or from another principal, is another change, never the earlier one's
    /// answer.
    pub fn caller_of(&self, content: impl FnOnce(&mut Fingerprint)) -> Caller {
        let Wishes { key, if_revision, .. } = &self.wishes;
        let Wanted { consistency, at_least, deadline } = self.wanted();
        let request_id = match key {
            Some(key) => format!("client:{key}:{}", self.fingerprint(content)),
            None => format!("{UNKEYED}{}", self.own_name),
        };
        Caller {
            actor: Actor { principal: self.principal.clone(), node_id: self.node_id },
            origin: self.origin.clone(),
            request_id: RequestId(request_id),
            deadline,
            consistency,
            at_least,
            if_revision: *if_revision,
            trace: self.trace,
        }
    }

    /// How fresh an answer must be, and by when it is wanted.
    pub(super) fn wanted(&self) -> Wanted {
        let Wishes { consistency, at_least, patience, .. } = &self.wishes;
        let (consistency, at_least) = (*consistency, *at_least);
        let time = patience.map_or(self.time_max, |patience| patience.min(self.time_max));
        Wanted { consistency, at_least, deadline: Deadline::after(time) }
    }

    /// May a request with a body be answered with what is kept?
    pub fn is_repeatable(&self) -> bool {
        self.shelf.is_some() && self.wishes.is_repeatable(self.operation)
    }

    /// A reply that was kept for this body, if it still holds: see [`Service::still_holds`].
    ///
    /// # Errors
    /// What a read would be answered.
    pub async fn repeated(&self, service: &Service, body: &BodyDigest) -> Result<Option<Arc<Kept>>, ServiceError> {
        let kept = self.shelf.as_ref().and_then(|shelf| shelf.get(self.operation, body));
        let Some(kept) = kept else { return Ok(None) };
        Ok(service.still_holds(&self.wanted(), &kept.provenance).await?.then_some(kept))
    }

    /// Keeps a reply for others who ask the same, if this is a question of that kind.
    pub fn keep_reply(&self, body: &BodyDigest, reply: KeptReply, provenance: Provenance) {
        if let Some(shelf) = &self.shelf {
            shelf.put_reply(body, Kept { operation: self.operation, place: self.place.clone(), reply, provenance });
        }
    }

    fn fingerprint(&self, content: impl FnOnce(&mut Fingerprint)) -> String {
        let mut fingerprint = Fingerprint(blake3::Hasher::new());
        fingerprint.add_part(self.principal.to_string().as_bytes());
        fingerprint.add_part(self.operation.name.as_bytes());
        fingerprint.add_part(self.place.context().map_or("", Context::as_str).as_bytes());
        for (name, value) in self.place.path_parameters() {
            fingerprint.add_part(name.as_bytes());
            fingerprint.add_part(value.as_bytes());
        }
        content(&mut fingerprint);
        fingerprint.0.finalize().to_hex().chars().take(32).collect()
    }

    /// Longest time to carry it out, once its body has arrived.
    pub fn time_max(&self) -> Duration {
        self.time_max
    }

    /// A door says why it refused the request, for the record of changes that were not made.
    pub fn note_refusal(&self, request_id: Option<&RequestId>, error: &ServiceError) {
        let request_id = request_id.cloned().unwrap_or_else(|| RequestId(self.request_id.clone()));
        *self.refused.lock() = Some((request_id, error.clone()));
    }
}

#[cfg(test)]
mod tests {
    use proto::operations::route;

    use super::*;

    fn place(path: &str) -> Result<Place, code::ErrorCode> {
        Place::of(route("GET", path).unwrap()).map_err(|error| error.code)
    }

    #[test]
    fn a_context_in_front_of_the_path_qualifies_what_follows() {
        let subject = |path: &str| place(path).unwrap().path_parameter("subject").to_owned();
        assert_eq!(subject("/contexts/.eu/subjects/s/versions"), ":.eu:s");
        assert_eq!(subject("/contexts/eu/subjects/s/versions"), ":.eu:s");
        assert_eq!(subject("/contexts/./subjects/s/versions"), "s");
        assert_eq!(subject("/contexts/.eu/subjects/:.us:s/versions"), ":.us:s");
        assert_eq!(place("/contexts/.eu/subjects").unwrap().context().map(Context::as_str), Some(".eu"));
        assert_eq!(place("/contexts/a:b/subjects"), Err(code::BAD_REQUEST));
        assert_eq!(place("/contexts/.__GLOBAL/subjects"), Err(code::BAD_REQUEST));
        assert_eq!(place("/subjects").unwrap(), Place::default());
    }

    #[test]
    fn settings_are_those_of_the_subject_the_context_or_the_top() {
        let scope = |path: &str| place(path).unwrap().named_scope();
        assert_eq!(scope("/config"), None);
        assert_eq!(scope("/config/s"), Some("s".to_owned()));
        assert_eq!(scope("/contexts/eu/config"), Some(":.eu:".to_owned()));
        assert_eq!(scope("/contexts/./config"), None);
        assert_eq!(scope("/contexts/.eu/mode/s"), Some(":.eu:s".to_owned()));
        assert_eq!(scope("/contexts/.__GLOBAL/mode"), Some(":.__GLOBAL:".to_owned()));
    }

    #[test]
    fn headers_are_read_once_for_all_doors() {
        let wishes = |headers: &[(&'static str, &str)], query: &str| {
            let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            Wishes::of(&headers.collect(), query, Consistency::Default)
        };
        let found = wishes(&[("x-registry-index", "7"), ("if-match", "\"9\"")], "a=b&consistency=bounded%3A5").unwrap();
        assert_eq!((found.at_least, found.if_revision), (Some(LogIndex(7)), Some(LogIndex(9))));
        assert_eq!(found.consistency, Consistency::Bounded(Duration::from_millis(5)));
        let local = wishes(&[("x-registry-consistency", "local")], "consistency=linearizable").unwrap();
        assert_eq!(local.consistency, Consistency::Local);
        let long = "x".repeat(129);
        for (name, value) in [
            ("idempotency-key", ""),
            ("idempotency-key", long.as_str()),
            ("x-registry-consistency", "sometimes"),
            ("x-registry-index", "x"),
            ("if-match", "*"),
        ] {
            assert_eq!(wishes(&[(name, value)], "").unwrap_err().code, code::UNPROCESSABLE, "{name}: {value}");
        }
        assert_eq!(wishes(&[("grpc-timeout", "250m")], "").unwrap().patience, Some(Duration::from_millis(250)));
        for text in ["", "m", "1x", "999999999S", "-1S"] {
            assert_eq!(grpc_timeout(text), None, "{text}");
        }
    }
}
