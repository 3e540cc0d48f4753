//! What the registry does for language models: dialects, projections, answers, findings.

use super::{Answer, Body, Kind, Operation, OperationId, Part, Permission, Resource, Shape, get, operation, post};
use crate::error_code as code;

/// An operation for language models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its row below, which says what it does")]
pub enum Llm {
    ListDialects,
    GetDialect,
    Project,
    Restore,
    CheckAnswer,
    LintSchema,
    GetProjection,
    GetProjectionById,
    CheckOutput,
}

const OBJECT: Answer = Answer::Value(Shape::Object);
const SUBJECT: Part = Part::Path("subject");
const ON_VERSION: Resource = Resource::Version { subject: SUBJECT, version: Part::Path("version") };
/// Nothing is stored and nothing is named but what the schema refers to.
const ON_REFERENCES: Resource = Resource::Batch(Part::Body("references"));
const OPTIONS: &[&str] = &["as", "name", "description", "inline", "jsonString", "unroll", "int64"];
const OPTIONS_OF_ID: &[&str] = &["as", "name", "description", "inline", "jsonString", "unroll", "int64", "subject"];

const fn llm(
    id: Llm,
    name: &'static str,
    forms: &'static [super::Form],
    kind: Kind,
    permission: Permission,
    resource: Resource,
) -> Operation {
    operation(OperationId::Llm(id), name, forms, kind, permission, resource).answers(OBJECT)
}

pub(super) const OPERATIONS: &[Operation] = &[
    llm(
        Llm::ListDialects,
        "ListDialects",
        &[get("/llm/v1/dialects")],
        Kind::ReadImmutable,
        Permission::ServerRead,
        Resource::Server,
    )
    .described("Language models", "The dialects of the model providers: keywords, limits, names, envelopes"),
    llm(
        Llm::GetDialect,
        "GetDialect",
        &[get("/llm/v1/dialects/{dialect}")],
        Kind::ReadImmutable,
        Permission::ServerRead,
        Resource::Server,
    )
    .described("Language models", "One dialect, by its id or by a name of its kind")
    .fails(&[code::DIALECT_NOT_FOUND]),
    llm(Llm::Project, "Project", &[post("/llm/v1/project")], Kind::ReadMutable, Permission::SubjectRead, ON_REFERENCES)
        .described("Language models", "A schema in the dialect of a provider, with every loss; nothing is stored")
        .takes(Body::Json("ProjectionRequest"))
        .fails(&[code::INVALID_SCHEMA, code::QUARANTINED, code::PROJECTION_REFUSED]),
    llm(Llm::Restore, "Restore", &[post("/llm/v1/restore")], Kind::ReadMutable, Permission::SubjectRead, ON_REFERENCES)
        .described("Language models", "A value that a model wrote, brought back to the schema")
        .takes(Body::Json("RestoreRequest"))
        .fails(&[code::INVALID_SCHEMA, code::QUARANTINED, code::PROJECTION_REFUSED, code::NOT_RESTORABLE]),
    llm(
        Llm::CheckAnswer,
        "CheckAnswer",
        &[post("/llm/v1/check")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_REFERENCES,
    )
    .described(
        "Language models",
        "An answer of a model, judged by a schema that is sent along, and mended where that is certain",
    )
    .takes(Body::Json("CheckRequest"))
    .fails(&[code::INVALID_SCHEMA, code::QUARANTINED, code::PROJECTION_REFUSED]),
    llm(
        Llm::LintSchema,
        "LintSchema",
        &[post("/llm/v1/lint")],
        Kind::ReadMutable,
        Permission::SubjectRead,
        ON_REFERENCES,
    )
    .described("Language models", "What providers will refuse, lose or misread in a schema; nothing is stored")
    .asks(&["format"])
    .takes(Body::Json("LintRequest"))
    .fails(&[code::INVALID_SCHEMA, code::QUARANTINED, code::PROJECTION_REFUSED]),
    Operation {
        in_context: true,
        ..llm(
            Llm::GetProjection,
            "GetProjection",
            &[
                get("/llm/v1/subjects/{subject}/versions/{version}/projections/{dialect}"),
                get("/subjects/{subject}/versions/{version}/projections/{dialect}"),
            ],
            Kind::ReadMutable,
            Permission::SubjectRead,
            ON_VERSION,
        )
        .described(
            "Language models",
            "A registered version in the dialect of a provider, alone or as a part of a request",
        )
        .asks(OPTIONS)
        .fails(&[
            code::SUBJECT_NOT_FOUND,
            code::VERSION_NOT_FOUND,
            code::DIALECT_NOT_FOUND,
            code::INVALID_VERSION,
            code::QUARANTINED,
            code::PROJECTION_REFUSED,
        ])
    },
    Operation {
        in_context: true,
        ..llm(
            Llm::GetProjectionById,
            "GetProjectionById",
            &[get("/llm/v1/schemas/ids/{id}/projections/{dialect}"), get("/schemas/ids/{id}/projections/{dialect}")],
            Kind::ReadImmutable,
            Permission::SubjectRead,
            Resource::SchemaId { id: Part::Path("id"), subject: Part::Query("subject") },
        )
        .described("Language models", "The schema with an id in the dialect of a provider")
        .asks(OPTIONS_OF_ID)
        .fails(&[code::SCHEMA_NOT_FOUND, code::DIALECT_NOT_FOUND, code::QUARANTINED, code::PROJECTION_REFUSED])
    },
    Operation {
        in_context: true,
        ..llm(
            Llm::CheckOutput,
            "CheckOutput",
            &[
                post("/llm/v1/subjects/{subject}/versions/{version}/outputs:check"),
                post("/subjects/{subject}/versions/{version}/outputs:check"),
            ],
            Kind::ReadMutable,
            Permission::DataValidate,
            ON_VERSION,
        )
        .described(
            "Language models",
            "An answer of a model, judged by a registered version, and mended where that is certain",
        )
        .takes(Body::Json("OutputCheckRequest"))
        .fails(&[
            code::SUBJECT_NOT_FOUND,
            code::VERSION_NOT_FOUND,
            code::INVALID_VERSION,
            code::QUARANTINED,
            code::PROJECTION_REFUSED,
        ])
    },
];
