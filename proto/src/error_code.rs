//! Error codes of the Confluent API, with their HTTP status. One table; `docs/errors.md` explains each.
//!
//! The first three digits of a five-digit code are the HTTP status.

/// A code of the `error_code` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// The HTTP status that goes with the code.
    pub fn status(self) -> u16 {
        let status = if self.0 >= 10_000 { self.0 / 100 } else { self.0 };
        u16::try_from(status).unwrap_or(500)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)+) => {
        $($(#[$doc])* pub const $name: ErrorCode = ErrorCode($code);)+

        /// Every code, for the documentation's test.
        pub const ALL: &[ErrorCode] = &[$($name),+];
    };
}

codes! {
    /// The request cannot be understood (broken JSON, bad percent encoding).
    BAD_REQUEST = 400;
    /// No such path.
    NOT_FOUND = 404;
    /// The path exists, the method does not.
    METHOD_NOT_ALLOWED = 405;
    /// No representation that the client accepts.
    NOT_ACCEPTABLE = 406;
    /// The request took too long to arrive.
    REQUEST_TIMEOUT = 408;
    /// The body is longer than the limit.
    PAYLOAD_TOO_LARGE = 413;
    /// The content type is not one of ours.
    UNSUPPORTED_MEDIA_TYPE = 415;
    /// The body is JSON, but not what the operation takes.
    UNPROCESSABLE = 422;
    /// The client sends more than its share.
    TOO_MANY_REQUESTS = 429;
    /// The subject does not exist.
    SUBJECT_NOT_FOUND = 40401;
    /// The version does not exist.
    VERSION_NOT_FOUND = 40402;
    /// The schema does not exist.
    SCHEMA_NOT_FOUND = 40403;
    /// The subject is soft-deleted already.
    SUBJECT_SOFT_DELETED = 40404;
    /// Permanent deletion needs a soft deletion first.
    SUBJECT_NOT_SOFT_DELETED = 40405;
    /// The version is soft-deleted already.
    VERSION_SOFT_DELETED = 40406;
    /// Permanent deletion needs a soft deletion first.
    VERSION_NOT_SOFT_DELETED = 40407;
    /// The subject has no configuration of its own.
    CONFIG_NOT_FOUND = 40408;
    /// The subject has no mode of its own.
    MODE_NOT_FOUND = 40409;
    /// The resource has no such association.
    ASSOCIATION_NOT_FOUND = 40410;
    /// The draft does not exist.
    DRAFT_NOT_FOUND = 40451;
    /// The consumer is not registered.
    CONSUMER_NOT_FOUND = 40452;
    /// The scope has no policy of its own.
    POLICY_NOT_FOUND = 40453;
    /// There is no such account, key, role, binding or policy.
    ACCESS_NOT_FOUND = 40454;
    /// Nobody said who asks, or what was said is wrong.
    UNAUTHORIZED = 40101;
    /// Whoever asks may not do this.
    FORBIDDEN = 40301;
    /// There is no such dialect.
    DIALECT_NOT_FOUND = 40481;
    /// The author of a draft cannot review it.
    SELF_REVIEW = 40351;
    /// The transition does not begin in this state.
    WRONG_STATE = 40951;
    /// Someone or something still depends on it.
    BLOCKED = 40952;
    /// Too few approvals.
    APPROVALS_MISSING = 40953;
    /// The sunset has not come, or leaves too little notice.
    SUNSET = 40954;
    /// The role, key or binding is there already, is built in, or is in use.
    ACCESS_CONFLICT = 40955;
    /// What is to be changed is at another revision.
    REVISION_DIFFERS = 41251;
    /// The events that were asked for are no longer retained.
    EVENTS_GONE = 41051;
    /// The policy asks for a review.
    REVIEW_REQUIRED = 42251;
    /// The policy asks for this metadata.
    METADATA_REQUIRED = 42252;
    /// The step needs a reason.
    REASON_REQUIRED = 42253;
    /// The policy, or a limit, allows no more.
    LIMIT_REACHED = 42254;
    /// The content is in quarantine.
    QUARANTINED = 42255;
    /// The range of semantic versions is none.
    INVALID_RANGE = 42256;
    /// The dialect has no words for the schema.
    PROJECTION_REFUSED = 42281;
    /// The value means nothing that the schema could say.
    NOT_RESTORABLE = 42282;
    /// The schema is incompatible with an earlier one.
    INCOMPATIBLE = 40901;
    /// The subject is tied to as many resources as it may be.
    TOO_MANY_ASSOCIATIONS = 40902;
    /// The resource has another association in this role.
    ASSOCIATION_EXISTS = 40903;
    /// The subject is tied to a resource.
    SUBJECT_ASSOCIATED = 40904;
    /// The subject is tied to another resource strongly.
    STRONG_ASSOCIATION_EXISTS = 40905;
    /// A subject that is tied to a resource needs a version that is not deleted.
    NO_ACTIVE_VERSION = 40907;
    /// The association is frozen.
    ASSOCIATION_FROZEN = 40908;
    /// The schema is not valid.
    INVALID_SCHEMA = 42201;
    /// The version is not a version.
    INVALID_VERSION = 42202;
    /// The compatibility level is not one.
    INVALID_COMPATIBILITY = 42203;
    /// The mode is not one.
    INVALID_MODE = 42204;
    /// The mode in force, or a freeze, forbids the operation.
    NOT_PERMITTED = 42205;
    /// Other schemas refer to this one.
    REFERENCE_EXISTS = 42206;
    /// The id of an import does not match.
    ID_DOES_NOT_MATCH = 42207;
    /// The subject's name is not one.
    INVALID_SUBJECT = 42208;
    /// The schema is longer than the limit.
    SCHEMA_TOO_LARGE = 42209;
    /// The rule set is not valid.
    INVALID_RULE_SET = 42210;
    /// The context still has subjects.
    CONTEXT_NOT_EMPTY = 42211;
    /// A property of an association is not valid.
    INVALID_ASSOCIATION = 42212;
    /// The store failed.
    STORE_ERROR = 50001;
    /// The operation took too long; it may have taken effect.
    TIMEOUT = 50002;
    /// The leader could not be reached; the operation may have taken effect.
    FORWARDING_FAILED = 50003;
    /// No leader is known.
    NO_LEADER = 50004;
    /// The disk is nearly full: what is there can be read, and nothing is written.
    STORAGE_FULL = 50701;
    /// The node is overloaded or draining.
    UNAVAILABLE = 503;
    /// An error of ours.
    INTERNAL = 500;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_code_begins_with_its_status() {
        assert_eq!(SUBJECT_NOT_FOUND.status(), 404);
        assert_eq!(INCOMPATIBLE.status(), 409);
        assert_eq!(UNAVAILABLE.status(), 503);
        assert!(ALL.iter().all(|code| (400..600).contains(&code.status())));
    }

    /// Each code has one row of a table, which begins with it.
    #[test]
    fn every_code_is_documented_and_no_other() {
        let text = include_str!("../../docs/errors.md");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")?.0.parse::<u32>().ok());
        let mut documented: Vec<u32> = rows.collect();
        documented.sort_unstable();
        let known: BTreeSet<u32> = ALL.iter().map(|code| code.0).collect();
        assert_eq!(documented, Vec::from_iter(known));
    }
}
