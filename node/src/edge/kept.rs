//! Replies that are kept, by the path and query that they answer.
//!
//! A reply that rests on little and changes seldom, a schema by its id, a version, is shaped once by its door and kept as bytes
//! with the operation that it answers and what its path names, so that a path is decoded once. The pipeline before it is the
//! same for a kept reply as for any other: slot, principal, permission, wishes, metrics, stamp. Only then is it asked whether
//! the reply still holds ([`crate::service::Service::still_holds`]).

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
pub(super) struct Kept {
    pub(super) operation: &'static Operation,
    pub(super) place: Arc<Place>,
    pub(super) reply: KeptReply,
    pub(super) provenance: Provenance,
}

/// Gives a kept reply, or the error that it could not be confirmed, to a client with these headers; none if the client wants
/// it in another shape than it is kept in.
pub type Repeat = fn(Result<&KeptReply, &ServiceError>, &HeaderMap) -> Option<Response<Body>>;

/// Where a request's reply may be kept.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    pub(super) replies: Arc<Answers<Kept>>,
    /// The path and query.
    pub(super) question: Box<str>,
}

impl Shelf {
    pub(super) fn put_reply(&self, kept: Kept) {
        let bytes = kept.reply.body.len() + size_of::<Kept>();
        self.replies.put_answer(&self.question, kept, bytes);
    }
}
