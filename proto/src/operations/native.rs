//! The operations of the native API that have one question and one answer: gRPC, and HTTP/JSON under `/api/v1`.
//!
//! Their messages, with the comments that describe them, are declared in `registry/v1/registry.proto`; a test compares both.

use super::{
    Answer, Body, Escalation, Form, Kind, NATIVE_SERVICE, Operation, OperationId, Part, Permission, Resource, delete,
    get, operation, post, put,
};
use crate::error_code::{self as code, ErrorCode};

/// An operation of the native API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its row below, which says what it does")]
pub enum Native {
    ListSubjects,
    ListVersions,
    GetVersion,
    RegisterVersion,
    DeleteVersion,
    CreateDraft,
    ReviseDraft,
    GetDraft,
    ListDrafts,
    SubmitDraft,
    ReviewDraft,
    PublishDraft,
    ActivateDraft,
    DeprecateVersion,
    ReinstateVersion,
    ArchiveVersion,
    PlanRollback,
    RollBack,
    ReactivateVersion,
    QuarantineVersion,
    ReleaseVersion,
    GetHistory,
    PutConsumer,
    RemoveConsumer,
    ListConsumers,
    GetPolicy,
    SetPolicy,
    DeletePolicy,
    CheckCompatibility,
    DiffVersions,
    Validate,
    Search,
    GetCursor,
    MoveCursor,
    QueryAudit,
    GetCheckpoint,
    ProveInclusion,
    ProveConsistency,
    ArchiveAudit,
    GetClusterStatus,
}

const SUBJECT: Part = Part::Field("subject");
const ON_SUBJECT: Resource = Resource::Subject(SUBJECT);
const ON_VERSION: Resource = Resource::Version { subject: SUBJECT, version: Part::Field("version") };
const ON_TARGET: Resource = Resource::Version { subject: SUBJECT, version: Part::Field("target") };
const ON_DRAFT: Resource = Resource::Draft { subject: SUBJECT, id: Part::Field("id") };
const ON_CONSUMER: Resource = Resource::Consumer { subject: SUBJECT, id: Part::Field("id") };
const ON_SCOPE: Resource = Resource::Scope(Part::Field("scope"));
const ON_CURSOR: Resource = Resource::Cursor(Part::Field("name"));

const PURGES: &[Escalation] = &[Escalation { flag: Part::Field("permanent"), permission: Permission::SubjectPurge }];
const FORCES: &[Escalation] = &[Escalation { flag: Part::Field("force"), permission: Permission::VersionForce }];

const READS: &[ErrorCode] = &[code::SUBJECT_NOT_FOUND, code::INVALID_SUBJECT];
const READS_VERSION: &[ErrorCode] = &[
    code::SUBJECT_NOT_FOUND,
    code::VERSION_NOT_FOUND,
    code::INVALID_VERSION,
    code::INVALID_SUBJECT,
    code::INVALID_RANGE,
];
const REGISTERS: &[ErrorCode] = &[
    code::INCOMPATIBLE,
    code::REVISION_DIFFERS,
    code::INVALID_SCHEMA,
    code::NOT_PERMITTED,
    code::INVALID_SUBJECT,
    code::SCHEMA_TOO_LARGE,
    code::INVALID_RULE_SET,
    code::REVIEW_REQUIRED,
    code::METADATA_REQUIRED,
    code::LIMIT_REACHED,
    code::QUARANTINED,
    code::STORE_ERROR,
    code::TIMEOUT,
    code::FORWARDING_FAILED,
    code::NO_LEADER,
];
const DELETES: &[ErrorCode] = &[
    code::SUBJECT_NOT_FOUND,
    code::VERSION_NOT_FOUND,
    code::VERSION_SOFT_DELETED,
    code::VERSION_NOT_SOFT_DELETED,
    code::NO_ACTIVE_VERSION,
    code::REVISION_DIFFERS,
    code::INVALID_VERSION,
    code::NOT_PERMITTED,
    code::REFERENCE_EXISTS,
    code::INVALID_SUBJECT,
];
const DRAFTS: &[ErrorCode] = &[
    code::DRAFT_NOT_FOUND,
    code::WRONG_STATE,
    code::REVISION_DIFFERS,
    code::INVALID_SCHEMA,
    code::NOT_PERMITTED,
    code::INVALID_SUBJECT,
    code::METADATA_REQUIRED,
    code::LIMIT_REACHED,
];
const REVIEWS: &[ErrorCode] = &[
    code::SELF_REVIEW,
    code::DRAFT_NOT_FOUND,
    code::WRONG_STATE,
    code::REVISION_DIFFERS,
    code::INVALID_SUBJECT,
    code::REASON_REQUIRED,
];
const PUBLISHES: &[ErrorCode] = &[
    code::DRAFT_NOT_FOUND,
    code::INCOMPATIBLE,
    code::WRONG_STATE,
    code::APPROVALS_MISSING,
    code::REVISION_DIFFERS,
    code::NOT_PERMITTED,
    code::INVALID_SUBJECT,
    code::REVIEW_REQUIRED,
    code::METADATA_REQUIRED,
    code::LIMIT_REACHED,
    code::QUARANTINED,
];
const TRANSITIONS: &[ErrorCode] = &[
    code::SUBJECT_NOT_FOUND,
    code::VERSION_NOT_FOUND,
    code::INCOMPATIBLE,
    code::WRONG_STATE,
    code::BLOCKED,
    code::SUNSET,
    code::REVISION_DIFFERS,
    code::INVALID_VERSION,
    code::NOT_PERMITTED,
    code::INVALID_SUBJECT,
    code::REASON_REQUIRED,
];

/// Each is asked for by its name over gRPC, with one message, and answered with another.
const fn native(
    id: Native,
    name: &'static str,
    messages: (&'static str, &'static str),
    forms: &'static [Form],
    kind: Kind,
    permission: Permission,
    resource: Resource,
) -> Operation {
    operation(OperationId::Native(id), name, forms, kind, permission, resource)
        .over_grpc(NATIVE_SERVICE, name)
        .takes(Body::Message(messages.0))
        .answers(Answer::Message(messages.1))
        .described("native", "")
}

pub(super) const OPERATIONS: &[Operation] = &[
    native(
        Native::ListSubjects,
        "ListSubjects",
        ("ListSubjectsRequest", "ListSubjectsResponse"),
        &[get("/api/v1/subjects")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        Resource::Subjects,
    )
    .fails(&[code::INVALID_SUBJECT]),
    native(
        Native::ListVersions,
        "ListVersions",
        ("ListVersionsRequest", "ListVersionsResponse"),
        &[get("/api/v1/subjects/{subject}/versions")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_SUBJECT,
    )
    .fails(READS),
    native(
        Native::GetVersion,
        "GetVersion",
        ("GetVersionRequest", "Version"),
        &[get("/api/v1/subjects/{subject}/versions/{version}")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_VERSION,
    )
    .fails(READS_VERSION),
    native(
        Native::RegisterVersion,
        "RegisterVersion",
        ("RegisterVersionRequest", "Version"),
        &[post("/api/v1/subjects/{subject}/versions")],
        Kind::Write,
        Permission::SubjectRegister,
        ON_SUBJECT,
    )
    .fails(REGISTERS),
    native(
        Native::DeleteVersion,
        "DeleteVersion",
        ("DeleteVersionRequest", "DeleteVersionResponse"),
        &[delete("/api/v1/subjects/{subject}/versions/{version}")],
        Kind::Write,
        Permission::SubjectDelete,
        ON_VERSION,
    )
    .fails(DELETES)
    .escalates(PURGES),
    native(
        Native::CreateDraft,
        "CreateDraft",
        ("CreateDraftRequest", "Draft"),
        &[post("/api/v1/subjects/{subject}/drafts")],
        Kind::Write,
        Permission::DraftWrite,
        ON_SUBJECT,
    )
    .fails(DRAFTS),
    native(
        Native::ReviseDraft,
        "ReviseDraft",
        ("ReviseDraftRequest", "Draft"),
        &[put("/api/v1/subjects/{subject}/drafts/{id}")],
        Kind::Write,
        Permission::DraftWrite,
        ON_DRAFT,
    )
    .fails(DRAFTS),
    native(
        Native::GetDraft,
        "GetDraft",
        ("GetDraftRequest", "Draft"),
        &[get("/api/v1/subjects/{subject}/drafts/{id}")],
        Kind::ReadMutable,
        Permission::DraftRead,
        ON_DRAFT,
    )
    .fails(&[code::DRAFT_NOT_FOUND, code::INVALID_SUBJECT]),
    native(
        Native::ListDrafts,
        "ListDrafts",
        ("ListDraftsRequest", "ListDraftsResponse"),
        &[get("/api/v1/subjects/{subject}/drafts"), get("/api/v1/drafts")],
        Kind::ReadMutable,
        Permission::DraftRead,
        ON_SUBJECT,
    )
    .fails(&[code::INVALID_SUBJECT]),
    native(
        Native::SubmitDraft,
        "SubmitDraft",
        ("ChangeDraftRequest", "Draft"),
        &[post("/api/v1/subjects/{subject}/drafts/{id}/submit")],
        Kind::Write,
        Permission::DraftWrite,
        ON_DRAFT,
    )
    .fails(DRAFTS),
    native(
        Native::ReviewDraft,
        "ReviewDraft",
        ("ReviewDraftRequest", "Draft"),
        &[post("/api/v1/subjects/{subject}/drafts/{id}/review")],
        Kind::Write,
        Permission::DraftReview,
        ON_DRAFT,
    )
    .fails(REVIEWS),
    native(
        Native::PublishDraft,
        "PublishDraft",
        ("ChangeDraftRequest", "Draft"),
        &[post("/api/v1/subjects/{subject}/drafts/{id}/publish")],
        Kind::Write,
        Permission::DraftPublish,
        ON_DRAFT,
    )
    .fails(PUBLISHES),
    native(
        Native::ActivateDraft,
        "ActivateDraft",
        ("ChangeDraftRequest", "Draft"),
        &[post("/api/v1/subjects/{subject}/drafts/{id}/activate")],
        Kind::Write,
        Permission::DraftPublish,
        ON_DRAFT,
    )
    .fails(PUBLISHES),
    native(
        Native::DeprecateVersion,
        "DeprecateVersion",
        ("DeprecateVersionRequest", "VersionState"),
        &[post("/api/v1/subjects/{subject}/versions/{version}/deprecate")],
        Kind::Write,
        Permission::VersionLifecycle,
        ON_VERSION,
    )
    .fails(TRANSITIONS),
    native(
        Native::ReinstateVersion,
        "ReinstateVersion",
        ("ChangeVersionRequest", "VersionState"),
        &[post("/api/v1/subjects/{subject}/versions/{version}/reinstate")],
        Kind::Write,
        Permission::VersionLifecycle,
        ON_VERSION,
    )
    .fails(TRANSITIONS),
    native(
        Native::ArchiveVersion,
        "ArchiveVersion",
        ("ArchiveVersionRequest", "VersionState"),
        &[post("/api/v1/subjects/{subject}/versions/{version}/archive")],
        Kind::Write,
        Permission::VersionLifecycle,
        ON_VERSION,
    )
    .fails(TRANSITIONS)
    .escalates(FORCES),
    native(
        Native::PlanRollback,
        "PlanRollback",
        ("PlanRollbackRequest", "RollbackPlan"),
        &[get("/api/v1/subjects/{subject}/versions/{target}/rollback")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_TARGET,
    )
    .fails(READS_VERSION),
    native(
        Native::RollBack,
        "RollBack",
        ("RollBackRequest", "RollBackResponse"),
        &[post("/api/v1/subjects/{subject}/versions/{target}/rollback")],
        Kind::Write,
        Permission::VersionLifecycle,
        ON_TARGET,
    )
    .fails(TRANSITIONS)
    .escalates(FORCES),
    native(
        Native::ReactivateVersion,
        "ReactivateVersion",
        ("ChangeVersionRequest", "VersionState"),
        &[post("/api/v1/subjects/{subject}/versions/{version}/reactivate")],
        Kind::Write,
        Permission::VersionLifecycle,
        ON_VERSION,
    )
    .fails(TRANSITIONS),
    native(
        Native::QuarantineVersion,
        "QuarantineVersion",
        ("ChangeVersionRequest", "VersionState"),
        &[post("/api/v1/subjects/{subject}/versions/{version}/quarantine")],
        Kind::Write,
        Permission::VersionQuarantine,
        ON_VERSION,
    )
    .fails(TRANSITIONS),
    native(
        Native::ReleaseVersion,
        "ReleaseVersion",
        ("ChangeVersionRequest", "VersionState"),
        &[post("/api/v1/subjects/{subject}/versions/{version}/release")],
        Kind::Write,
        Permission::VersionQuarantine,
        ON_VERSION,
    )
    .fails(TRANSITIONS),
    native(
        Native::GetHistory,
        "GetHistory",
        ("GetHistoryRequest", "GetHistoryResponse"),
        &[
            get("/api/v1/subjects/{subject}/versions/{version}/history"),
            get("/api/v1/subjects/{subject}/drafts/{draft}/history"),
        ],
        Kind::ReadMutable,
        Permission::SubjectRead,
        Resource::Life { subject: SUBJECT, version: Part::Field("version"), draft: Part::Field("draft") },
    )
    .fails(&[code::SUBJECT_NOT_FOUND, code::VERSION_NOT_FOUND, code::DRAFT_NOT_FOUND, code::INVALID_SUBJECT]),
    native(
        Native::PutConsumer,
        "PutConsumer",
        ("Consumer", "Consumer"),
        &[put("/api/v1/subjects/{subject}/consumers/{id}")],
        Kind::Write,
        Permission::ConsumerWrite,
        ON_CONSUMER,
    )
    .fails(&[
        code::SUBJECT_NOT_FOUND,
        code::VERSION_NOT_FOUND,
        code::REVISION_DIFFERS,
        code::INVALID_SUBJECT,
        code::LIMIT_REACHED,
    ]),
    native(
        Native::RemoveConsumer,
        "RemoveConsumer",
        ("RemoveConsumerRequest", "RemoveConsumerResponse"),
        &[delete("/api/v1/subjects/{subject}/consumers/{id}")],
        Kind::Write,
        Permission::ConsumerWrite,
        ON_CONSUMER,
    )
    .fails(&[code::CONSUMER_NOT_FOUND, code::REVISION_DIFFERS, code::INVALID_SUBJECT]),
    native(
        Native::ListConsumers,
        "ListConsumers",
        ("ListConsumersRequest", "ListConsumersResponse"),
        &[get("/api/v1/subjects/{subject}/consumers")],
        Kind::ReadMutable,
        Permission::ConsumerRead,
        ON_SUBJECT,
    )
    .fails(READS),
    native(
        Native::GetPolicy,
        "GetPolicy",
        ("GetPolicyRequest", "GetPolicyResponse"),
        &[get("/api/v1/policy"), get("/api/v1/policy/{scope}")],
        Kind::ReadMutable,
        Permission::PolicyRead,
        ON_SCOPE,
    )
    .fails(&[code::INVALID_SUBJECT]),
    native(
        Native::SetPolicy,
        "SetPolicy",
        ("SetPolicyRequest", "GetPolicyResponse"),
        &[put("/api/v1/policy"), put("/api/v1/policy/{scope}")],
        Kind::Write,
        Permission::PolicyWrite,
        ON_SCOPE,
    )
    .fails(&[code::REVISION_DIFFERS, code::INVALID_SUBJECT]),
    native(
        Native::DeletePolicy,
        "DeletePolicy",
        ("GetPolicyRequest", "GetPolicyResponse"),
        &[delete("/api/v1/policy"), delete("/api/v1/policy/{scope}")],
        Kind::Write,
        Permission::PolicyWrite,
        ON_SCOPE,
    )
    .fails(&[code::POLICY_NOT_FOUND, code::REVISION_DIFFERS, code::INVALID_SUBJECT]),
    native(
        Native::CheckCompatibility,
        "CheckCompatibility",
        ("CheckCompatibilityRequest", "CheckCompatibilityResponse"),
        &[post("/api/v1/subjects/{subject}/compatibility")],
        Kind::ReadMutable,
        Permission::SubjectCheck,
        ON_VERSION,
    )
    .fails(&[code::VERSION_NOT_FOUND, code::INVALID_SCHEMA, code::INVALID_VERSION, code::INVALID_SUBJECT]),
    native(
        Native::DiffVersions,
        "DiffVersions",
        ("DiffVersionsRequest", "DiffVersionsResponse"),
        &[get("/api/v1/subjects/{subject}/diff")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_SUBJECT,
    )
    .fails(READS_VERSION),
    native(
        Native::Validate,
        "Validate",
        ("ValidateRequest", "ValidateResponse"),
        &[post("/api/v1/validate")],
        Kind::ReadMutable,
        Permission::DataValidate,
        Resource::Data { subject: SUBJECT, id: Part::Field("id") },
    )
    .fails(&[
        code::SUBJECT_NOT_FOUND,
        code::VERSION_NOT_FOUND,
        code::SCHEMA_NOT_FOUND,
        code::INVALID_VERSION,
        code::INVALID_SUBJECT,
    ]),
    native(
        Native::Search,
        "Search",
        ("SearchRequest", "SearchResponse"),
        &[get("/api/v1/search"), post("/api/v1/search")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        Resource::Subjects,
    )
    .fails(&[code::INVALID_SUBJECT]),
    native(
        Native::GetCursor,
        "GetCursor",
        ("GetCursorRequest", "Cursor"),
        &[get("/api/v1/cursors/{name}")],
        Kind::ReadMutable,
        Permission::CursorRead,
        ON_CURSOR,
    ),
    native(
        Native::MoveCursor,
        "MoveCursor",
        ("Cursor", "Cursor"),
        &[put("/api/v1/cursors/{name}")],
        Kind::Write,
        Permission::CursorWrite,
        ON_CURSOR,
    )
    .fails(&[code::LIMIT_REACHED]),
    native(
        Native::QueryAudit,
        "QueryAudit",
        ("QueryAuditRequest", "QueryAuditResponse"),
        &[get("/api/v1/audit")],
        Kind::ReadMutable,
        Permission::AuditRead,
        Resource::Audit,
    ),
    native(
        Native::GetCheckpoint,
        "GetCheckpoint",
        ("GetCheckpointRequest", "Checkpoint"),
        &[get("/api/v1/audit/checkpoint")],
        Kind::ReadMutable,
        Permission::AuditRead,
        Resource::Audit,
    ),
    native(
        Native::ProveInclusion,
        "ProveInclusion",
        ("ProveInclusionRequest", "Proof"),
        &[get("/api/v1/audit/proofs/inclusion")],
        Kind::ReadMutable,
        Permission::AuditRead,
        Resource::Audit,
    ),
    native(
        Native::ProveConsistency,
        "ProveConsistency",
        ("ProveConsistencyRequest", "Proof"),
        &[get("/api/v1/audit/proofs/consistency")],
        Kind::ReadMutable,
        Permission::AuditRead,
        Resource::Audit,
    ),
    native(
        Native::ArchiveAudit,
        "ArchiveAudit",
        ("ArchiveAuditRequest", "ArchiveAuditResponse"),
        &[post("/api/v1/audit/archive")],
        Kind::Admin,
        Permission::AuditArchive,
        Resource::Audit,
    ),
    native(
        Native::GetClusterStatus,
        "GetClusterStatus",
        ("GetClusterStatusRequest", "ClusterStatus"),
        &[get("/api/v1/cluster/status")],
        Kind::ReadMutable,
        Permission::ClusterRead,
        Resource::Cluster,
    ),
];
