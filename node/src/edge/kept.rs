//! Replies that are kept, by the path, query and body that they answer.
//!
//! A reply that rests on little and changes seldom, a schema by its id, a version, is shaped once by its door and kept as bytes
//! with the operation that it answers and what its path names, so that a path is decoded once. The pipeline before it is the
//! same for a kept reply as for any other: slot, principal, permission, wishes, metrics, stamp. Only then is it asked whether
//! the reply still holds ([`crate::service::Service::still_holds`]).

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Response};
use proto::operations::Operation;

use super::place::Place;
use crate::service::{Answers, Provenance, ServiceError};

/// Bytes of replies that are kept on a node.
pub(super) const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A reply as its door prepared it, without what depends on who asks.
#[derive(Debug)]
pub struct KeptReply {
    /// The body.
    pub body: Bytes,
    /// What changes with the body, quoted.
    pub tag: Option<HeaderValue>,
    /// How long clients may keep it.
    pub cache_control: HeaderValue,
}

/// A reply with what it answers and what it rests on.
#[derive(Debug)]
pub struct Kept {
    pub(super) operation: &'static Operation,
    pub(super) place: Arc<Place>,
    /// The reply.
    pub reply: KeptReply,
    pub(super) provenance: Provenance,
}

/// Gives a kept reply, or the error that it could not be confirmed, to a client with these headers; none if the client wants
/// it in another shape than it is kept in.
pub type Repeat = fn(Result<&KeptReply, &ServiceError>, &HeaderMap) -> Option<Response<Body>>;

/// What a request says besides method, path and query, as a hash: its body, and how that is to be read. Empty without one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BodyDigest(String);

impl BodyDigest {
    /// Of a body with this content type.
    pub fn of(content_type: &str, body: &[u8]) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&(content_type.len() as u64).to_le_bytes());
        hash.update(content_type.as_bytes());
        hash.update(body);
        Self(hash.finalize().to_hex().to_string())
    }
}

/// Where a request's reply may be kept.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    pub(super) replies: Arc<Answers<Kept>>,
    /// The path and query.
    pub(super) question: Box<str>,
}

impl Shelf {
    /// A path never begins with the digest of a body.
    fn question<'a>(&'a self, operation: &Operation, body: &BodyDigest) -> Cow<'a, str> {
        let Self { question, .. } = self;
        if body.0.is_empty() {
            Cow::Borrowed(question)
        } else {
            Cow::Owned(format!("{} {} {question}", body.0, operation.name))
        }
    }

    pub(super) fn get(&self, operation: &Operation, body: &BodyDigest) -> Option<Arc<Kept>> {
        self.replies.get(&self.question(operation, body))
    }

    pub(super) fn put_reply(&self, body: &BodyDigest, kept: Kept) {
        let bytes = kept.reply.body.len() + size_of::<Kept>();
        self.replies.put_answer(&self.question(kept.operation, body), kept, bytes);
    }
}
