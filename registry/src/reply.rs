//! What a client is told of a refusal: a code of the published table, and an exact sentence.
//!
//! The table itself, with HTTP statuses, is in the crate of the wire; a test of the node compares the two.

/// A refusal in the words of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// One of [`code`].
    pub code: u32,
    /// For the client: exact, and without anything internal.
    pub text: String,
}

impl Reply {
    pub(crate) fn new(code: u32, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// The codes of the API that a refusal can have; `docs/errors.md` explains each.
#[allow(missing_docs, reason = "named as in the table of codes")]
pub mod code {
    pub const UNPROCESSABLE: u32 = 422;
    pub const INTERNAL: u32 = 500;
    pub const SELF_REVIEW: u32 = 40351;
    pub const SUBJECT_NOT_FOUND: u32 = 40401;
    pub const VERSION_NOT_FOUND: u32 = 40402;
    pub const SUBJECT_SOFT_DELETED: u32 = 40404;
    pub const SUBJECT_NOT_SOFT_DELETED: u32 = 40405;
    pub const VERSION_SOFT_DELETED: u32 = 40406;
    pub const VERSION_NOT_SOFT_DELETED: u32 = 40407;
    pub const ASSOCIATION_NOT_FOUND: u32 = 40410;
    pub const DRAFT_NOT_FOUND: u32 = 40451;
    pub const CONSUMER_NOT_FOUND: u32 = 40452;
    pub const POLICY_NOT_FOUND: u32 = 40453;
    pub const ACCESS_NOT_FOUND: u32 = 40454;
    pub const INCOMPATIBLE: u32 = 40901;
    pub const TOO_MANY_ASSOCIATIONS: u32 = 40902;
    pub const ASSOCIATION_EXISTS: u32 = 40903;
    pub const SUBJECT_ASSOCIATED: u32 = 40904;
    pub const STRONG_ASSOCIATION_EXISTS: u32 = 40905;
    pub const NO_ACTIVE_VERSION: u32 = 40907;
    pub const ASSOCIATION_FROZEN: u32 = 40908;
    pub const WRONG_STATE: u32 = 40951;
    pub const BLOCKED: u32 = 40952;
    pub const APPROVALS_MISSING: u32 = 40953;
    pub const SUNSET: u32 = 40954;
    pub const ACCESS_CONFLICT: u32 = 40955;
    pub const REVISION_DIFFERS: u32 = 41251;
    pub const INVALID_SCHEMA: u32 = 42201;
    pub const INVALID_MODE: u32 = 42204;
    pub const NOT_PERMITTED: u32 = 42205;
    pub const REFERENCE_EXISTS: u32 = 42206;
    pub const CONTEXT_NOT_EMPTY: u32 = 42211;
    pub const REVIEW_REQUIRED: u32 = 42251;
    pub const METADATA_REQUIRED: u32 = 42252;
    pub const REASON_REQUIRED: u32 = 42253;
    pub const LIMIT_REACHED: u32 = 42254;
    pub const QUARANTINED: u32 = 42255;
}
