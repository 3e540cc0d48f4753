//! Why a call was not carried out, in variants that a program can decide on.

use std::time::Duration;

/// A refusal in the registry's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The registry's code (`docs/errors.md` explains each); the HTTP status where the answer had none.
    pub code: u32,
    /// The registry's message.
    pub message: String,
    /// The id under which the node's log has the request, if the node told it.
    pub request_id: Option<String>,
    /// The node that refused.
    pub url: String,
    /// How long the node asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// A call that was not carried out, or of which nobody knows whether it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// A node refused. The same request will be refused again, unless the code is one of those that pass.
    #[error("{} (code {}{})", .0.message, .0.code, .0.request_id.as_ref().map(|id| format!(", request {id}")).unwrap_or_default())]
    Refused(Box<Refusal>),
    /// No node answered, and nothing was changed.
    #[error("no node answered: {0}")]
    Unreachable(String),
    /// A change was sent, and no node said what became of it. It may have happened. Repeating it under the same
    /// idempotency key is safe and tells; a change without a key must be looked at first.
    #[error("it is unknown whether the change happened{}: {reason}", .key.as_ref().map(|key| format!(" (repeat it under the idempotency key {key})")).unwrap_or_default())]
    OutcomeUnknown {
        /// The key that the change was sent under, if the operation takes one.
        key: Option<String>,
        /// What happened to the last attempt.
        reason: String,
    },
    /// An answer that no registry gives.
    #[error("{url} answered what is not an answer of a registry: {reason}")]
    Answer {
        /// The node.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// Something long that was read ended too early.
    #[error("{url} broke off: {reason}")]
    Broken {
        /// The node.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The client was set up wrongly; the text says what to write instead.
    #[error("{0}")]
    Setup(String),
    /// Data that does not fit its schema, or a schema that cannot be used.
    #[error("{0}")]
    Data(String),
}

impl ClientError {
    /// The code of the node's refusal, if it was one.
    pub fn code(&self) -> Option<u32> {
        self.refusal().map(|refusal| refusal.code)
    }

    /// The node's refusal, if it was one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Unreachable(_)
            | Self::OutcomeUnknown { .. }
            | Self::Answer { .. }
            | Self::Broken { .. }
            | Self::Setup(_)
            | Self::Data(_) => None,
        }
    }

    /// Is what was asked for not there?
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == 404)
    }

    /// Was a schema refused because it is incompatible with an earlier one?
    pub fn is_incompatible(&self) -> bool {
        self.code() == Some(proto::error_code::INCOMPATIBLE.0)
    }
}
