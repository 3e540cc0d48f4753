//! The table of operations: every method of every path, with its parameters, bodies and errors.

/// An operation as it is described.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub query: &'static [&'static str],
    /// The type of the request's body.
    pub body: Option<&'static str>,
    pub answer: Body,
    /// Error codes besides those that every operation may answer, in the order of their status.
    pub errors: &'static [u32],
}

/// What an operation answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body {
    Nothing,
    One(&'static str),
    Many(&'static str),
    MultiStatus(&'static str),
    Of(Shape),
    ListOf(Shape),
    /// Text of this media type.
    Plain(&'static str),
}

/// A plain value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Flag,
    Number,
    Text,
    Texts,
    Object,
}

pub(super) const PATH_PARAMETERS: &[(&str, &str)] = &[
    ("subject", "A subject; `:.context:name` in another context than the default one, `/` percent-encoded"),
    ("version", "A version number, `latest` or `-1`"),
    ("id", "A schema id, or the id of a node"),
    ("guid", "A schema's content address, equal in every context and cluster"),
    ("context", "A context; a leading dot that is missing is added"),
    ("resourceId", "The id of a resource"),
    ("namespace", "The namespace of a resource; `-` means any"),
    ("name", "The name of a resource; `-` means any"),
];

pub(super) const QUERY_PARAMETERS: &[(&str, Shape, &str)] = &[
    ("aliases", Shape::Flag, "With the aliases of each subject"),
    ("associationType", Shape::Texts, "Only these associations: key, value"),
    ("cascadeLifecycle", Shape::Flag, "Soft-delete subjects that are tied STRONG, too"),
    ("context", Shape::Text, "The context of subjects without one"),
    ("contextPrefix", Shape::Text, "Only contexts that begin so"),
    ("defaultToGlobal", Shape::Flag, "Answer what is in force, not only what is set here"),
    ("deleted", Shape::Flag, "Soft-deleted ones, too"),
    ("deletedAsNegative", Shape::Flag, "Soft-deleted versions as negative numbers"),
    ("deletedOnly", Shape::Flag, "Soft-deleted ones only"),
    ("dryRun", Shape::Flag, "Only tell what would become of it"),
    ("fetchMaxId", Shape::Flag, "With the highest id of the context"),
    ("findTags", Shape::Texts, "With the places that carry one of these tags"),
    (
        "format",
        Shape::Text,
        "Avro: resolved. Protobuf: serialized, ignore_extensions. For the text of a version also: sent, the text as it came",
    ),
    ("force", Shape::Flag, "Register: skip the compatibility check. Mode: although subjects exist"),
    ("includeSchemas", Shape::Flag, "With the latest version of each subject"),
    ("index", Shape::Number, "A log index"),
    ("key", Shape::Texts, "Names of metadata properties, each with its `value`"),
    ("latestOnly", Shape::Flag, "Only the latest version of each subject"),
    ("lifecycle", Shape::Text, "Only associations that are STRONG, or WEAK"),
    ("limit", Shape::Number, "Items at most; 0 and -1 mean the default"),
    ("normalize", Shape::Flag, "Compare and store the normalised form"),
    ("offset", Shape::Number, "Items to skip"),
    ("permanent", Shape::Flag, "For good; needs a soft deletion first"),
    ("recursive", Shape::Flag, "The modes of the subjects below, too"),
    ("referenceFormat", Shape::Text, "`qualified` writes the subjects of references with their context"),
    ("resourceType", Shape::Text, "Only resources of this type: topic"),
    ("ruleType", Shape::Text, "Only schemas that have a rule of this type"),
    ("subject", Shape::Text, "The subject, or context, in whose id space the id is looked up"),
    ("subjectPrefix", Shape::Text, "Only subjects that begin so; `:*:` means every context"),
    ("value", Shape::Texts, "Values of metadata properties, each with its `key`"),
    ("verbose", Shape::Flag, "With the reasons"),
];

const ID_QUERY: &[&str] = &["subject", "format", "referenceFormat", "findTags", "fetchMaxId"];
const TIE_QUERY: &[&str] = &["resourceType", "associationType", "lifecycle", "offset", "limit"];
const REGISTER_ERRORS: &[u32] = &[40901, 42201, 42205, 42207, 42208, 42209, 42210, 50001, 50002, 50003, 50004];
const DELETE_ERRORS: &[u32] = &[40401, 40404, 40405, 40904, 42205, 42206, 42208];
const TIE_ERRORS: &[u32] = &[40410, 40902, 40903, 40904, 40905, 40907, 40908, 42205, 42212];

const fn get(path: &'static str, tag: &'static str, summary: &'static str, answer: Body) -> Operation {
    Operation { method: "GET", path, tag, summary, query: &[], body: None, answer, errors: &[] }
}

const fn post(
    path: &'static str,
    tag: &'static str,
    summary: &'static str,
    body: &'static str,
    answer: Body,
) -> Operation {
    Operation { method: "POST", path, tag, summary, query: &[], body: Some(body), answer, errors: &[] }
}

const fn put(
    path: &'static str,
    tag: &'static str,
    summary: &'static str,
    body: &'static str,
    answer: Body,
) -> Operation {
    Operation { method: "PUT", ..post(path, tag, summary, body, answer) }
}

const fn delete(path: &'static str, tag: &'static str, summary: &'static str, answer: Body) -> Operation {
    Operation { method: "DELETE", ..get(path, tag, summary, answer) }
}

impl Operation {
    const fn with(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    const fn fails(self, errors: &'static [u32]) -> Self {
        Self { errors, ..self }
    }

    const fn bare(self) -> Self {
        Self { body: None, ..self }
    }
}

const SCHEMA: Body = Body::One("SchemaBody");
const TEXT: Body = Body::Of(Shape::Text);
const NUMBERS: Body = Body::ListOf(Shape::Number);
const NAMES: Body = Body::ListOf(Shape::Text);
const OBJECT: Body = Body::Of(Shape::Object);
const CONFIG: Body = Body::One("ConfigBody");
const MODE: Body = Body::One("ModeBody");
const TIES: Body = Body::Many("AssociationBody");
const TIED: Body = Body::One("AssociationResponse");

pub(super) const OPERATIONS: &[Operation] = &[
    get("/", "Server", "Nothing, for clients that look whether somebody is there", OBJECT),
    post("/", "Server", "Nothing", "", OBJECT).bare(),
    get("/schemas", "Schemas", "Lists versions with their schemas", Body::Many("SchemaBody"))
        .with(&[
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
        .fails(&[42201]),
    get("/schemas/types", "Schemas", "The formats", NAMES),
    get("/schemas/ids/{id}", "Schemas", "The schema of an id", SCHEMA).with(ID_QUERY).fails(&[40403]),
    get("/schemas/ids/{id}/schema", "Schemas", "The text of a schema", TEXT)
        .with(&["subject", "format"])
        .fails(&[40403]),
    get("/schemas/ids/{id}/subjects", "Schemas", "The subjects that hold an id", NAMES)
        .with(&["subject", "deleted", "offset", "limit"])
        .fails(&[40403]),
    get("/schemas/ids/{id}/versions", "Schemas", "The versions that hold an id", Body::Many("SubjectVersionBody"))
        .with(&["subject", "deleted", "offset", "limit"])
        .fails(&[40403]),
    get("/schemas/guids/{guid}", "Schemas", "The schema with this content address", SCHEMA)
        .with(&["format"])
        .fails(&[40403]),
    get("/schemas/guids/{guid}/ids", "Schemas", "The ids of a content in all contexts", Body::Many("ContextIdBody")),
    get("/subjects", "Subjects", "Lists subjects", NAMES).with(&[
        "subjectPrefix",
        "deleted",
        "deletedOnly",
        "offset",
        "limit",
    ]),
    post("/subjects/{subject}", "Subjects", "Finds the version that holds this schema", "RegisterRequest", SCHEMA)
        .with(&["normalize", "format", "deleted"])
        .fails(&[40401, 40403, 42201, 42208]),
    delete("/subjects/{subject}", "Subjects", "Deletes all versions", NUMBERS)
        .with(&["permanent"])
        .fails(DELETE_ERRORS),
    get("/subjects/{subject}/metadata", "Subjects", "The latest version with these properties", SCHEMA)
        .with(&["key", "value", "format", "deleted"])
        .fails(&[40401, 40403, 42208]),
    get("/subjects/{subject}/versions", "Subjects", "Lists version numbers, ascending", NUMBERS)
        .with(&["deleted", "deletedOnly", "deletedAsNegative", "offset", "limit"])
        .fails(&[40401, 42208]),
    post("/subjects/{subject}/versions", "Subjects", "Registers a schema", "RegisterRequest", SCHEMA)
        .with(&["normalize", "format", "force"])
        .fails(REGISTER_ERRORS),
    get("/subjects/{subject}/versions/{version}", "Subjects", "A version", SCHEMA)
        .with(&["format", "referenceFormat", "deleted", "findTags"])
        .fails(&[40401, 40402, 42202, 42208]),
    delete("/subjects/{subject}/versions/{version}", "Subjects", "Deletes a version", Body::Of(Shape::Number))
        .with(&["permanent"])
        .fails(&[40401, 40402, 40406, 40407, 40904, 40905, 40907, 42202, 42205, 42206, 42208]),
    get("/subjects/{subject}/versions/{version}/schema", "Subjects", "The text of a version", TEXT)
        .with(&["format", "deleted"])
        .fails(&[40401, 40402, 42202, 42208]),
    get(
        "/subjects/{subject}/versions/{version}/referencedby",
        "Subjects",
        "The ids of the schemas that refer to a version",
        NUMBERS,
    )
    .with(&["deleted", "offset", "limit"])
    .fails(&[40401, 40402, 42202, 42208]),
    post(
        "/subjects/{subject}/versions/{version}/tags",
        "Subjects",
        "Registers a version again with other tags, metadata or rules",
        "TagRequest",
        SCHEMA,
    )
    .with(&["normalize"])
    .fails(REGISTER_ERRORS),
    post(
        "/compatibility/subjects/{subject}/versions",
        "Compatibility",
        "Checks a schema against a subject's history",
        "RegisterRequest",
        Body::One("CompatibilityBody"),
    )
    .with(&["normalize", "verbose"])
    .fails(&[42201, 42208]),
    post(
        "/compatibility/subjects/{subject}/versions/{version}",
        "Compatibility",
        "Checks a schema against one version",
        "RegisterRequest",
        Body::One("CompatibilityBody"),
    )
    .with(&["normalize", "verbose"])
    .fails(&[40402, 42201, 42202, 42208]),
    get("/config", "Configuration", "The configuration of all subjects", CONFIG).with(&["defaultToGlobal"]),
    put("/config", "Configuration", "Changes it: what is absent stays, what is null goes", "ConfigBody", CONFIG)
        .fails(&[42203, 42205, 42210]),
    delete("/config", "Configuration", "Removes it; answers what it was", CONFIG),
    get("/config/{subject}", "Configuration", "The configuration of a subject, or of a context", CONFIG)
        .with(&["defaultToGlobal"])
        .fails(&[40408, 42208]),
    put("/config/{subject}", "Configuration", "Changes it", "ConfigBody", CONFIG).fails(&[42203, 42205, 42208, 42210]),
    delete("/config/{subject}", "Configuration", "Removes it; answers what it was", CONFIG).fails(&[40401, 42208]),
    get("/mode", "Modes", "The mode of all subjects", MODE).with(&["defaultToGlobal"]),
    put("/mode", "Modes", "Sets it", "ModeBody", MODE).with(&["force"]).fails(&[42204, 42205]),
    delete("/mode", "Modes", "Removes it; answers what it was", MODE).with(&["recursive"]).fails(&[42205]),
    get("/mode/{subject}", "Modes", "The mode of a subject, or of a context", MODE)
        .with(&["defaultToGlobal"])
        .fails(&[40409, 42208]),
    put("/mode/{subject}", "Modes", "Sets it", "ModeBody", MODE).with(&["force"]).fails(&[42204, 42205, 42206, 42208]),
    delete("/mode/{subject}", "Modes", "Removes it; answers what it was", MODE)
        .with(&["recursive"])
        .fails(&[40401, 42208]),
    get("/contexts", "Contexts", "Lists contexts, the default one first", NAMES).with(&[
        "contextPrefix",
        "offset",
        "limit",
    ]),
    delete("/contexts/{context}", "Contexts", "Deletes an empty context", Body::Nothing).fails(&[42211]),
    post("/associations", "Associations", "Ties subjects to a resource", "AssociationRequest", TIED)
        .with(&["context", "dryRun"])
        .fails(TIE_ERRORS),
    get("/associations/resources/{resourceId}", "Associations", "Those of a resource", TIES)
        .with(TIE_QUERY)
        .fails(&[42212]),
    put("/associations/resources/{resourceId}", "Associations", "Adds or changes them", "AssociationRequest", TIED)
        .with(&["context", "dryRun"])
        .fails(TIE_ERRORS),
    delete("/associations/resources/{resourceId}", "Associations", "Removes them", Body::Nothing)
        .with(&["resourceType", "associationType", "cascadeLifecycle", "dryRun"])
        .fails(&[40410, 40908, 42205, 42206, 42212]),
    get("/associations/resources/{namespace}/{name}", "Associations", "Those of resources by name", TIES)
        .with(TIE_QUERY)
        .fails(&[42212]),
    get("/associations/subjects/{subject}", "Associations", "Those of a subject", TIES)
        .with(TIE_QUERY)
        .fails(&[42208, 42212]),
    post(
        "/associations:batchGet",
        "Associations",
        "Many questions at once",
        "AssociationBatchGet",
        Body::MultiStatus("AssociationBatchResponse"),
    )
    .with(&["includeSchemas"]),
    post(
        "/associations:batchMutate",
        "Associations",
        "Many changes, each of one resource",
        "AssociationBatch",
        Body::MultiStatus("AssociationBatchResponse"),
    )
    .with(&["context", "dryRun"]),
    get("/v1/metadata/id", "Server", "The identity of the cluster", OBJECT),
    get("/v1/metadata/version", "Server", "The version whose contract is answered", OBJECT),
    get("/v1/metadata/deployment", "Server", "Attributes of the deployment", OBJECT),
    get("/openapi.json", "Server", "This description", OBJECT),
    get("/docs", "Server", "A page that shows it", Body::Plain("text/html")),
    get("/livez", "Probes", "Does the process work?", OBJECT),
    get("/readyz", "Probes", "May clients be sent here?", OBJECT),
    get("/startupz", "Probes", "Has it started?", OBJECT),
    get("/metrics", "Probes", "Figures for Prometheus", Body::Plain("text/plain")),
    get("/v1/cluster/status", "Cluster", "Every member as this node sees it", Body::One("ClusterStatusBody")),
    post("/v1/cluster/members", "Cluster", "Adds a learner", "MemberBody", OBJECT).fails(&[422, 50003, 50004]),
    delete("/v1/cluster/members/{id}", "Cluster", "Removes a member", OBJECT).fails(&[404, 422, 50003, 50004]),
    post("/v1/cluster/members/{id}/promote", "Cluster", "Makes a learner a voter", "", OBJECT)
        .bare()
        .fails(&[404, 422, 50002, 50003, 50004]),
    post("/v1/cluster/leader/transfer", "Cluster", "Hands the leadership over: {\"to\": node}", "", OBJECT)
        .bare()
        .fails(&[422, 50002, 50003, 50004]),
    post("/v1/cluster/snapshot", "Cluster", "Asks for a snapshot", "", OBJECT).bare(),
    get("/admin/state-hash", "Cluster", "The digest of the state at an index", OBJECT)
        .with(&["index"])
        .fails(&[404, 422]),
];
