//! The operations of the API of Confluent's registry (8.x).

use super::{
    Answer, Body, Escalation, Form, Kind, Operation, OperationId, Part, Permission, Resource, Shape, delete, get,
    operation, post, put,
};
use crate::error_code::{self as code, ErrorCode};

/// An operation of the Confluent API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its row below, which says what it does")]
pub enum Confluent {
    Root,
    ListSchemas,
    ListSchemaTypes,
    GetSchemaById,
    GetSchemaTextById,
    ListSubjectsOfId,
    ListVersionsOfId,
    GetSchemaByGuid,
    ListIdsOfGuid,
    ListSubjectNames,
    LookUpSchema,
    DeleteSubject,
    FindByMetadata,
    ListVersionNumbers,
    RegisterSchema,
    GetSubjectVersion,
    DeleteSubjectVersion,
    GetVersionText,
    ListReferrers,
    TagVersion,
    CheckAgainstSubject,
    CheckAgainstVersion,
    GetTopConfig,
    SetTopConfig,
    DeleteTopConfig,
    GetConfig,
    SetConfig,
    DeleteConfig,
    GetTopMode,
    SetTopMode,
    DeleteTopMode,
    GetMode,
    SetMode,
    DeleteMode,
    ListContexts,
    DeleteContext,
    FindAssociations,
    CreateAssociations,
    ListAssociationsOfResource,
    PutAssociations,
    DeleteAssociations,
    ListAssociationsByName,
    ListAssociationsOfSubject,
    BatchGetAssociations,
    BatchMutateAssociations,
    GetServerId,
    GetServerVersion,
    GetDeployment,
}

const SUBJECT: Part = Part::Path("subject");
const ON_SUBJECT: Resource = Resource::Subject(SUBJECT);
const ON_VERSION: Resource = Resource::Version { subject: SUBJECT, version: Part::Path("version") };
const ON_ID: Resource = Resource::SchemaId { id: Part::Path("id"), subject: Part::Query("subject") };
const ON_GUID: Resource = Resource::Guid(Part::Path("guid"));
const ON_SCOPE: Resource = Resource::Scope(SUBJECT);
const ON_RESOURCE: Resource = Resource::ExternalResource(Part::Path("resourceId"));

const SCHEMA: Answer = Answer::One("SchemaBody");
const CONFIG: Answer = Answer::One("ConfigBody");
const MODE: Answer = Answer::One("ModeBody");
const TEXT: Answer = Answer::Value(Shape::Text);
const NAMES: Answer = Answer::Values(Shape::Text);
const NUMBERS: Answer = Answer::Values(Shape::Number);
const OBJECT: Answer = Answer::Value(Shape::Object);
const TIES: Answer = Answer::Many("AssociationBody");
const TIED: Answer = Answer::One("AssociationResponse");
const TAKES_SCHEMA: Body = Body::Json("RegisterRequest");

const ID_QUERY: &[&str] = &["subject", "format", "referenceFormat", "findTags", "fetchMaxId"];
const USAGE_QUERY: &[&str] = &["subject", "deleted", "offset", "limit"];
const TIE_QUERY: &[&str] = &["resourceType", "associationType", "lifecycle", "offset", "limit"];

const REGISTER_ERRORS: &[ErrorCode] = &[
    code::INCOMPATIBLE,
    code::INVALID_SCHEMA,
    code::NOT_PERMITTED,
    code::ID_DOES_NOT_MATCH,
    code::INVALID_SUBJECT,
    code::SCHEMA_TOO_LARGE,
    code::INVALID_RULE_SET,
    code::STORE_ERROR,
    code::TIMEOUT,
    code::FORWARDING_FAILED,
    code::NO_LEADER,
];
const VERSION_ERRORS: &[ErrorCode] =
    &[code::SUBJECT_NOT_FOUND, code::VERSION_NOT_FOUND, code::INVALID_VERSION, code::INVALID_SUBJECT];
const TIE_ERRORS: &[ErrorCode] = &[
    code::ASSOCIATION_NOT_FOUND,
    code::TOO_MANY_ASSOCIATIONS,
    code::ASSOCIATION_EXISTS,
    code::SUBJECT_ASSOCIATED,
    code::STRONG_ASSOCIATION_EXISTS,
    code::NO_ACTIVE_VERSION,
    code::ASSOCIATION_FROZEN,
    code::NOT_PERMITTED,
    code::INVALID_ASSOCIATION,
];
const PURGES: &[Escalation] = &[Escalation { flag: Part::Query("permanent"), permission: Permission::SubjectPurge }];
const FORCES: &[Escalation] = &[Escalation { flag: Part::Query("force"), permission: Permission::SubjectForce }];
const CASCADES: &[Escalation] =
    &[Escalation { flag: Part::Query("cascadeLifecycle"), permission: Permission::SubjectDelete }];

/// All of this API can stand behind `/contexts/{context}`, but for the contexts themselves.
const fn confluent(
    id: Confluent,
    name: &'static str,
    forms: &'static [Form],
    kind: Kind,
    permission: Permission,
    resource: Resource,
) -> Operation {
    Operation { in_context: true, ..operation(OperationId::Confluent(id), name, forms, kind, permission, resource) }
}

pub(super) const OPERATIONS: &[Operation] = &[
    confluent(
        Confluent::Root,
        "Root",
        &[get("/"), post("/")],
        Kind::ReadImmutable,
        Permission::Public,
        Resource::Server,
    )
    .described("Server", "Nothing, for clients that look whether somebody is there")
    .answers(OBJECT),
    confluent(
        Confluent::ListSchemas,
        "ListSchemas",
        &[get("/schemas")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        Resource::Subjects,
    )
    .described("Schemas", "Lists versions with their schemas")
    .asks(&[
        "subjectPrefix",
        "aliases",
        "deleted",
        "latestOnly",
        "ruleType",
        "resourceType",
        "associationType",
        "lifecycle",
        "offset",
        "limit",
    ])
    .answers(Answer::Many("SchemaBody"))
    .fails(&[code::INVALID_SCHEMA]),
    confluent(
        Confluent::ListSchemaTypes,
        "ListSchemaTypes",
        &[get("/schemas/types")],
        Kind::ReadImmutable,
        Permission::ServerRead,
        Resource::Server,
    )
    .described("Schemas", "The formats")
    .answers(NAMES),
    confluent(
        Confluent::GetSchemaById,
        "GetSchemaById",
        &[get("/schemas/ids/{id}")],
        Kind::ReadImmutable,
        Permission::SubjectRead,
        ON_ID,
    )
    .described("Schemas", "The schema of an id")
    .asks(ID_QUERY)
    .answers(SCHEMA)
    .fails(&[code::SCHEMA_NOT_FOUND]),
    confluent(
        Confluent::GetSchemaTextById,
        "GetSchemaTextById",
        &[get("/schemas/ids/{id}/schema")],
        Kind::ReadImmutable,
        Permission::SubjectRead,
        ON_ID,
    )
    .described("Schemas", "The text of a schema")
    .asks(&["subject", "format"])
    .answers(TEXT)
    .fails(&[code::SCHEMA_NOT_FOUND]),
    confluent(
        Confluent::ListSubjectsOfId,
        "ListSubjectsOfId",
        &[get("/schemas/ids/{id}/subjects")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_ID,
    )
    .described("Schemas", "The subjects that hold an id")
    .asks(USAGE_QUERY)
    .answers(NAMES)
    .fails(&[code::SCHEMA_NOT_FOUND]),
    confluent(
        Confluent::ListVersionsOfId,
        "ListVersionsOfId",
        &[get("/schemas/ids/{id}/versions")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_ID,
    )
    .described("Schemas", "The versions that hold an id")
    .asks(USAGE_QUERY)
    .answers(Answer::Many("SubjectVersionBody"))
    .fails(&[code::SCHEMA_NOT_FOUND]),
    confluent(
        Confluent::GetSchemaByGuid,
        "GetSchemaByGuid",
        &[get("/schemas/guids/{guid}")],
        Kind::ReadImmutable,
        Permission::SubjectRead,
        ON_GUID,
    )
    .described("Schemas", "The schema with this content address")
    .asks(&["format"])
    .answers(SCHEMA)
    .fails(&[code::SCHEMA_NOT_FOUND]),
    confluent(
        Confluent::ListIdsOfGuid,
        "ListIdsOfGuid",
        &[get("/schemas/guids/{guid}/ids")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_GUID,
    )
    .described("Schemas", "The ids of a content in all contexts")
    .answers(Answer::Many("ContextIdBody")),
    confluent(
        Confluent::ListSubjectNames,
        "ListSubjectNames",
        &[get("/subjects")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        Resource::Subjects,
    )
    .described("Subjects", "Lists subjects")
    .asks(&["subjectPrefix", "deleted", "deletedOnly", "offset", "limit"])
    .answers(NAMES),
    confluent(
        Confluent::LookUpSchema,
        "LookUpSchema",
        &[post("/subjects/{subject}")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_SUBJECT,
    )
    .described("Subjects", "Finds the version that holds this schema")
    .asks(&["normalize", "format", "deleted"])
    .takes(TAKES_SCHEMA)
    .answers(SCHEMA)
    .fails(&[code::SUBJECT_NOT_FOUND, code::SCHEMA_NOT_FOUND, code::INVALID_SCHEMA, code::INVALID_SUBJECT]),
    confluent(
        Confluent::DeleteSubject,
        "DeleteSubject",
        &[delete("/subjects/{subject}")],
        Kind::Write,
        Permission::SubjectDelete,
        ON_SUBJECT,
    )
    .described("Subjects", "Deletes all versions")
    .asks(&["permanent"])
    .answers(NUMBERS)
    .fails(&[
        code::SUBJECT_NOT_FOUND,
        code::SUBJECT_SOFT_DELETED,
        code::SUBJECT_NOT_SOFT_DELETED,
        code::SUBJECT_ASSOCIATED,
        code::NOT_PERMITTED,
        code::REFERENCE_EXISTS,
        code::INVALID_SUBJECT,
    ])
    .escalates(PURGES),
    confluent(
        Confluent::FindByMetadata,
        "FindByMetadata",
        &[get("/subjects/{subject}/metadata")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_SUBJECT,
    )
    .described("Subjects", "The latest version with these properties")
    .asks(&["key", "value", "format", "deleted"])
    .answers(SCHEMA)
    .fails(&[code::SUBJECT_NOT_FOUND, code::SCHEMA_NOT_FOUND, code::INVALID_SUBJECT]),
    confluent(
        Confluent::ListVersionNumbers,
        "ListVersionNumbers",
        &[get("/subjects/{subject}/versions")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_SUBJECT,
    )
    .described("Subjects", "Lists version numbers, ascending")
    .asks(&["deleted", "deletedOnly", "deletedAsNegative", "offset", "limit"])
    .answers(NUMBERS)
    .fails(&[code::SUBJECT_NOT_FOUND, code::INVALID_SUBJECT]),
    confluent(
        Confluent::RegisterSchema,
        "RegisterSchema",
        &[post("/subjects/{subject}/versions")],
        Kind::Write,
        Permission::SubjectRegister,
        ON_SUBJECT,
    )
    .described("Subjects", "Registers a schema")
    .asks(&["normalize", "format", "force"])
    .takes(TAKES_SCHEMA)
    .answers(SCHEMA)
    .fails(REGISTER_ERRORS)
    .escalates(FORCES),
    confluent(
        Confluent::GetSubjectVersion,
        "GetSubjectVersion",
        &[get("/subjects/{subject}/versions/{version}")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_VERSION,
    )
    .described("Subjects", "A version")
    .asks(&["format", "referenceFormat", "deleted", "findTags"])
    .answers(SCHEMA)
    .fails(VERSION_ERRORS),
    confluent(
        Confluent::DeleteSubjectVersion,
        "DeleteSubjectVersion",
        &[delete("/subjects/{subject}/versions/{version}")],
        Kind::Write,
        Permission::SubjectDelete,
        ON_VERSION,
    )
    .described("Subjects", "Deletes a version")
    .asks(&["permanent"])
    .answers(Answer::Value(Shape::Number))
    .fails(&[
        code::SUBJECT_NOT_FOUND,
        code::VERSION_NOT_FOUND,
        code::VERSION_SOFT_DELETED,
        code::VERSION_NOT_SOFT_DELETED,
        code::SUBJECT_ASSOCIATED,
        code::STRONG_ASSOCIATION_EXISTS,
        code::NO_ACTIVE_VERSION,
        code::INVALID_VERSION,
        code::NOT_PERMITTED,
        code::REFERENCE_EXISTS,
        code::INVALID_SUBJECT,
    ])
    .escalates(PURGES),
    confluent(
        Confluent::GetVersionText,
        "GetVersionText",
        &[get("/subjects/{subject}/versions/{version}/schema")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_VERSION,
    )
    .described("Subjects", "The text of a version")
    .asks(&["format", "deleted"])
    .answers(TEXT)
    .fails(VERSION_ERRORS),
    confluent(
        Confluent::ListReferrers,
        "ListReferrers",
        &[get("/subjects/{subject}/versions/{version}/referencedby")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_VERSION,
    )
    .described("Subjects", "The ids of the schemas that refer to a version")
    .asks(&["deleted", "offset", "limit"])
    .answers(NUMBERS)
    .fails(VERSION_ERRORS),
    confluent(
        Confluent::TagVersion,
        "TagVersion",
        &[post("/subjects/{subject}/versions/{version}/tags")],
        Kind::Write,
        Permission::SubjectRegister,
        ON_VERSION,
    )
    .described("Subjects", "Registers a version again with other tags, metadata or rules")
    .asks(&["normalize"])
    .takes(Body::Json("TagRequest"))
    .answers(SCHEMA)
    .fails(REGISTER_ERRORS),
    confluent(
        Confluent::CheckAgainstSubject,
        "CheckAgainstSubject",
        &[post("/compatibility/subjects/{subject}/versions")],
        Kind::ReadMutable,
        Permission::SubjectCheck,
        ON_SUBJECT,
    )
    .described("Compatibility", "Checks a schema against a subject's history")
    .asks(&["normalize", "verbose"])
    .takes(TAKES_SCHEMA)
    .answers(Answer::One("CompatibilityBody"))
    .fails(&[code::INVALID_SCHEMA, code::INVALID_SUBJECT]),
    confluent(
        Confluent::CheckAgainstVersion,
        "CheckAgainstVersion",
        &[post("/compatibility/subjects/{subject}/versions/{version}")],
        Kind::ReadMutable,
        Permission::SubjectCheck,
        ON_VERSION,
    )
    .described("Compatibility", "Checks a schema against one version")
    .asks(&["normalize", "verbose"])
    .takes(TAKES_SCHEMA)
    .answers(Answer::One("CompatibilityBody"))
    .fails(&[code::VERSION_NOT_FOUND, code::INVALID_SCHEMA, code::INVALID_VERSION, code::INVALID_SUBJECT]),
    confluent(
        Confluent::GetTopConfig,
        "GetTopConfig",
        &[get("/config")],
        Kind::ReadMutable,
        Permission::ConfigRead,
        Resource::TopScope,
    )
    .described("Configuration", "The configuration of all subjects")
    .asks(&["defaultToGlobal"])
    .answers(CONFIG),
    confluent(
        Confluent::SetTopConfig,
        "SetTopConfig",
        &[put("/config")],
        Kind::Write,
        Permission::ConfigWrite,
        Resource::TopScope,
    )
    .described("Configuration", "Changes it: what is absent stays, what is null goes")
    .takes(Body::Json("ConfigBody"))
    .answers(CONFIG)
    .fails(&[code::INVALID_COMPATIBILITY, code::NOT_PERMITTED, code::INVALID_RULE_SET]),
    confluent(
        Confluent::DeleteTopConfig,
        "DeleteTopConfig",
        &[delete("/config")],
        Kind::Write,
        Permission::ConfigWrite,
        Resource::TopScope,
    )
    .described("Configuration", "Removes it; answers what it was")
    .answers(CONFIG),
    confluent(
        Confluent::GetConfig,
        "GetConfig",
        &[get("/config/{subject}")],
        Kind::ReadMutable,
        Permission::ConfigRead,
        ON_SCOPE,
    )
    .described("Configuration", "The configuration of a subject, or of a context")
    .asks(&["defaultToGlobal"])
    .answers(CONFIG)
    .fails(&[code::CONFIG_NOT_FOUND, code::INVALID_SUBJECT]),
    confluent(
        Confluent::SetConfig,
        "SetConfig",
        &[put("/config/{subject}")],
        Kind::Write,
        Permission::ConfigWrite,
        ON_SCOPE,
    )
    .described("Configuration", "Changes it")
    .takes(Body::Json("ConfigBody"))
    .answers(CONFIG)
    .fails(&[code::INVALID_COMPATIBILITY, code::NOT_PERMITTED, code::INVALID_SUBJECT, code::INVALID_RULE_SET]),
    confluent(
        Confluent::DeleteConfig,
        "DeleteConfig",
        &[delete("/config/{subject}")],
        Kind::Write,
        Permission::ConfigWrite,
        ON_SCOPE,
    )
    .described("Configuration", "Removes it; answers what it was")
    .answers(CONFIG)
    .fails(&[code::SUBJECT_NOT_FOUND, code::INVALID_SUBJECT]),
    confluent(
        Confluent::GetTopMode,
        "GetTopMode",
        &[get("/mode")],
        Kind::ReadMutable,
        Permission::ModeRead,
        Resource::TopScope,
    )
    .described("Modes", "The mode of all subjects")
    .asks(&["defaultToGlobal"])
    .answers(MODE),
    confluent(
        Confluent::SetTopMode,
        "SetTopMode",
        &[put("/mode")],
        Kind::Write,
        Permission::ModeWrite,
        Resource::TopScope,
    )
    .described("Modes", "Sets it")
    .asks(&["force"])
    .takes(Body::Json("ModeBody"))
    .answers(MODE)
    .fails(&[code::INVALID_MODE, code::NOT_PERMITTED]),
    confluent(
        Confluent::DeleteTopMode,
        "DeleteTopMode",
        &[delete("/mode")],
        Kind::Write,
        Permission::ModeWrite,
        Resource::TopScope,
    )
    .described("Modes", "Removes it; answers what it was")
    .asks(&["recursive"])
    .answers(MODE)
    .fails(&[code::NOT_PERMITTED]),
    confluent(
        Confluent::GetMode,
        "GetMode",
        &[get("/mode/{subject}")],
        Kind::ReadMutable,
        Permission::ModeRead,
        ON_SCOPE,
    )
    .described("Modes", "The mode of a subject, or of a context")
    .asks(&["defaultToGlobal"])
    .answers(MODE)
    .fails(&[code::MODE_NOT_FOUND, code::INVALID_SUBJECT]),
    confluent(Confluent::SetMode, "SetMode", &[put("/mode/{subject}")], Kind::Write, Permission::ModeWrite, ON_SCOPE)
        .described("Modes", "Sets it")
        .asks(&["force"])
        .takes(Body::Json("ModeBody"))
        .answers(MODE)
        .fails(&[code::INVALID_MODE, code::NOT_PERMITTED, code::REFERENCE_EXISTS, code::INVALID_SUBJECT]),
    confluent(
        Confluent::DeleteMode,
        "DeleteMode",
        &[delete("/mode/{subject}")],
        Kind::Write,
        Permission::ModeWrite,
        ON_SCOPE,
    )
    .described("Modes", "Removes it; answers what it was")
    .asks(&["recursive"])
    .answers(MODE)
    .fails(&[code::SUBJECT_NOT_FOUND, code::INVALID_SUBJECT]),
    confluent(
        Confluent::ListContexts,
        "ListContexts",
        &[get("/contexts")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        Resource::Contexts,
    )
    .described("Contexts", "Lists contexts, the default one first")
    .asks(&["contextPrefix", "offset", "limit"])
    .answers(NAMES),
    confluent(
        Confluent::DeleteContext,
        "DeleteContext",
        &[delete("/contexts/{context}")],
        Kind::Write,
        Permission::ContextDelete,
        Resource::Context(Part::Path("context")),
    )
    .described("Contexts", "Deletes an empty context")
    .answers(Answer::Nothing)
    .fails(&[code::CONTEXT_NOT_EMPTY]),
    confluent(
        Confluent::FindAssociations,
        "FindAssociations",
        &[get("/associations")],
        Kind::ReadMutable,
        Permission::AssociationRead,
        Resource::ExternalResource(Part::Query("resourceName")),
    )
    .described("Associations", "Those of resources, all of them or by name")
    .asks(&["resourceName", "resourceNamespace", "resourceType", "associationType", "lifecycle", "offset", "limit"])
    .answers(TIES)
    .fails(&[code::INVALID_ASSOCIATION]),
    confluent(
        Confluent::CreateAssociations,
        "CreateAssociations",
        &[post("/associations")],
        Kind::Write,
        Permission::AssociationWrite,
        Resource::ExternalResource(Part::Body("resourceId")),
    )
    .described("Associations", "Ties subjects to a resource")
    .asks(&["context", "dryRun"])
    .takes(Body::Json("AssociationRequest"))
    .answers(TIED)
    .fails(TIE_ERRORS),
    confluent(
        Confluent::ListAssociationsOfResource,
        "ListAssociationsOfResource",
        &[get("/associations/resources/{resourceId}")],
        Kind::ReadMutable,
        Permission::AssociationRead,
        ON_RESOURCE,
    )
    .described("Associations", "Those of a resource")
    .asks(TIE_QUERY)
    .answers(TIES)
    .fails(&[code::INVALID_ASSOCIATION]),
    confluent(
        Confluent::PutAssociations,
        "PutAssociations",
        &[put("/associations/resources/{resourceId}")],
        Kind::Write,
        Permission::AssociationWrite,
        ON_RESOURCE,
    )
    .described("Associations", "Adds or changes them")
    .asks(&["context", "dryRun"])
    .takes(Body::Json("AssociationRequest"))
    .answers(TIED)
    .fails(TIE_ERRORS),
    confluent(
        Confluent::DeleteAssociations,
        "DeleteAssociations",
        &[delete("/associations/resources/{resourceId}")],
        Kind::Write,
        Permission::AssociationWrite,
        ON_RESOURCE,
    )
    .described("Associations", "Removes them")
    .asks(&["resourceType", "associationType", "cascadeLifecycle", "dryRun"])
    .answers(Answer::Nothing)
    .fails(&[
        code::ASSOCIATION_NOT_FOUND,
        code::ASSOCIATION_FROZEN,
        code::NOT_PERMITTED,
        code::REFERENCE_EXISTS,
        code::INVALID_ASSOCIATION,
    ])
    .escalates(CASCADES),
    confluent(
        Confluent::ListAssociationsByName,
        "ListAssociationsByName",
        &[get("/associations/resources/{namespace}/{name}")],
        Kind::ReadMutable,
        Permission::AssociationRead,
        Resource::ExternalResource(Part::Path("name")),
    )
    .described("Associations", "Those of resources by name")
    .asks(TIE_QUERY)
    .answers(TIES)
    .fails(&[code::INVALID_ASSOCIATION]),
    confluent(
        Confluent::ListAssociationsOfSubject,
        "ListAssociationsOfSubject",
        &[get("/associations/subjects/{subject}")],
        Kind::ReadMutable,
        Permission::AssociationRead,
        ON_SUBJECT,
    )
    .described("Associations", "Those of a subject")
    .asks(TIE_QUERY)
    .answers(TIES)
    .fails(&[code::INVALID_SUBJECT, code::INVALID_ASSOCIATION]),
    confluent(
        Confluent::BatchGetAssociations,
        "BatchGetAssociations",
        &[post("/associations:batchGet")],
        Kind::ReadMutable,
        Permission::AssociationRead,
        Resource::Batch(Part::Body("requests")),
    )
    .described("Associations", "Many questions at once")
    .asks(&["includeSchemas"])
    .takes(Body::Json("AssociationBatchGet"))
    .answers(Answer::MultiStatus("AssociationBatchResponse")),
    confluent(
        Confluent::BatchMutateAssociations,
        "BatchMutateAssociations",
        &[post("/associations:batchMutate")],
        Kind::Write,
        Permission::AssociationWrite,
        Resource::Batch(Part::Body("requests")),
    )
    .described("Associations", "Many changes, each of one resource")
    .asks(&["context", "dryRun"])
    .takes(Body::Json("AssociationBatch"))
    .answers(Answer::MultiStatus("AssociationBatchResponse")),
    confluent(
        Confluent::GetServerId,
        "GetServerId",
        &[get("/v1/metadata/id")],
        Kind::ReadImmutable,
        Permission::ServerRead,
        Resource::Server,
    )
    .described("Server", "The identity of the cluster")
    .answers(OBJECT),
    confluent(
        Confluent::GetServerVersion,
        "GetServerVersion",
        &[get("/v1/metadata/version")],
        Kind::ReadImmutable,
        Permission::ServerRead,
        Resource::Server,
    )
    .described("Server", "The version whose contract is answered")
    .answers(OBJECT),
    confluent(
        Confluent::GetDeployment,
        "GetDeployment",
        &[get("/v1/metadata/deployment")],
        Kind::ReadImmutable,
        Permission::ServerRead,
        Resource::Server,
    )
    .described("Server", "Attributes of the deployment")
    .answers(OBJECT),
];
