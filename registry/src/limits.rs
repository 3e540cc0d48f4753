//! Named limits of the replicated state. They are part of the state machine: every node must have the same.

/// Most versions of one subject, soft-deleted ones included. Confluent has no limit; 10,000 keeps one transitive check
/// below its budget.
pub const VERSION_COUNT_MAX: u32 = 10_000;
/// Highest version number: clients hold numbers in an `i32`.
pub const VERSION_NUMBER_MAX: u32 = i32::MAX as u32;
/// Highest version number that an import may name: behind it the subject can still grow to its full count.
pub const VERSION_NUMBER_IMPORT_MAX: u32 = VERSION_NUMBER_MAX - VERSION_COUNT_MAX;
/// Most resources that one subject may be tied to.
pub const ASSOCIATION_COUNT_MAX: u32 = 1_000;
/// Longest name, namespace or id of a resource, in bytes.
pub const RESOURCE_BYTES_MAX: usize = 512;
/// Highest schema id: clients hold ids in an `i32`.
pub const SCHEMA_ID_MAX: u32 = i32::MAX as u32;
/// Highest id that an import may name: behind it a context still has a million ids to give out.
pub const SCHEMA_ID_IMPORT_MAX: u32 = SCHEMA_ID_MAX - 1_000_000;
/// Most soft-deleted versions that entering IMPORT mode removes: one log entry is one write batch.
pub const PURGE_COUNT_MAX: u32 = 10_000;
/// Requests whose outcome is remembered, at most. At 1,000 writes/s this is two minutes, far above a client's retries.
pub const REQUEST_COUNT_MAX: u64 = 131_072;
/// How long a request's outcome is remembered, in milliseconds of log time: one day.
pub const REQUEST_AGE_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// Requests forgotten by one command at most, so that no entry pays for a long pause.
pub const REQUEST_EVICTIONS_PER_ENTRY_MAX: usize = 4;
/// Longest request id, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// Longest subject name, context included, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 1_024;
/// Reviewers of a breaking change, at least.
pub const APPROVALS_BREAKING_MIN: u32 = 2;
/// Notice between deprecation and sunset where no policy says otherwise: 90 days.
pub const DEPRECATION_NOTICE_MS_DEFAULT: u64 = 90 * 24 * 60 * 60 * 1000;
/// Open drafts of one subject, at most: a queue that long is not a review any more.
pub const DRAFTS_OPEN_MAX: u32 = 100;
/// Newest drafts of a subject among which the open ones are counted: what one command reads at most.
pub const DRAFTS_COUNTED_MAX: u32 = 400;
/// Consumers of one subject, at most; archiving looks at all of them.
pub const CONSUMERS_MAX: u32 = 10_000;
/// Longest reason, owner, contact, name of a consumer or cursor, in bytes.
pub const TEXT_BYTES_MAX: usize = 2_048;
/// Events kept where no policy says otherwise. At 300 bytes each this is some 300 MB.
pub const EVENT_COUNT_DEFAULT: u64 = 1_000_000;
/// How long events are kept where no policy says otherwise, in milliseconds: 30 days.
pub const EVENT_AGE_MS_DEFAULT: u64 = 30 * 24 * 60 * 60 * 1000;
/// Events forgotten by one command at most. More than a command emits, so that a lowered limit is reached.
pub const EVENT_EVICTIONS_PER_ENTRY_MAX: usize = 16;
/// How long audit records stay in the state where no policy says otherwise, in milliseconds: seven years.
pub const AUDIT_RETENTION_MS_DEFAULT: u64 = 7 * 366 * 24 * 60 * 60 * 1000;
/// Audit records that one command takes out of the state, at most.
pub const AUDIT_ARCHIVED_PER_ENTRY_MAX: u64 = 1_000;
/// Search terms of one schema, at most.
pub const TERMS_MAX: usize = 512;
/// Longest search term, in bytes.
pub const TERM_BYTES_MAX: usize = 256;
/// Longest name of a principal or of a group, in bytes.
pub const PRINCIPAL_BYTES_MAX: usize = 256;
/// Longest user agent that an envelope carries, in bytes: every entry of the log repeats it.
pub const USER_AGENT_BYTES_MAX: usize = 128;
/// Groups of a principal that an envelope carries, at most: every entry of the log repeats them.
pub const GROUPS_MAX: usize = 64;
/// Details of an administrative operation in its audit record, at most.
pub const OPERATION_DETAILS_MAX: usize = 16;
/// Longest name or value of a detail of an administrative operation, and of its name and outcome, in bytes.
pub const OPERATION_TEXT_BYTES_MAX: usize = 256;
/// Longest name of an account, role, binding or policy, in bytes.
pub const ACCESS_NAME_BYTES_MAX: usize = 128;
/// Accounts, at most: a new key is compared with the ids of all.
pub const ACCOUNTS_MAX: u32 = 10_000;
/// Keys of one account, at most: the one in use, and the one that takes its place.
pub const KEYS_MAX: u32 = 2;
/// Roles that somebody made, at most.
pub const ROLES_MAX: u32 = 200;
/// Permissions of a role, at most; there are some forty.
pub const ROLE_PERMISSIONS_MAX: usize = 256;
/// Bindings, at most: a decision that is not remembered looks at each.
pub const BINDINGS_MAX: u32 = 10_000;
/// Policies above roles, at most.
pub const ACCESS_POLICIES_MAX: u32 = 500;
/// Longest text of a policy, in bytes.
pub const ACCESS_POLICY_BYTES_MAX: usize = 16 * 1024;
