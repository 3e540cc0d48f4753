//! The one table of operations: what can be asked of a node, through whichever door.
//!
//! An operation is declared once, in the file of its door. Routing, 405 answers, the OpenAPI document, metric labels, "is
//! this a change", the names in the record of refused changes, and the test of permissions all read this table. The identity
//! of an operation is an enum per door, so that each door's dispatch is an exhaustive `match`: an operation without an
//! implementation does not compile. Never here: behaviour.

mod access;
mod cluster;
mod confluent;
mod llm;
mod native;
mod parameters;
mod route;
mod server;
mod streams;

use crate::error_code::ErrorCode;

pub use access::Access;
pub use cluster::Cluster;
pub use confluent::Confluent;
pub use llm::Llm;
pub use native::Native;
pub use parameters::{PATH_PARAMETERS, QUERY_PARAMETERS};
pub use route::{Matched, Unrouted, find_rpc, route};
pub use server::Server;
pub use streams::Stream;

/// The gRPC service of the native API.
pub const NATIVE_SERVICE: &str = "registry.v1.Registry";
/// Where the native API lies over HTTP.
pub const NATIVE_PREFIX: &str = "/api/v1";

/// The identity of an operation, by the door that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationId {
    /// The API of Confluent's registry.
    Confluent(Confluent),
    /// The native API, one question and one answer: over gRPC, and as HTTP/JSON.
    Native(Native),
    /// What has no single answer: server-sent events, WebSocket, gRPC streams, exports.
    Stream(Stream),
    /// What the registry does for language models.
    Llm(Llm),
    /// Administration of the cluster.
    Cluster(Cluster),
    /// Accounts, roles, bindings, policies.
    Access(Access),
    /// Probes, metrics, the description of the API, health and reflection of gRPC.
    Server(Server),
}

/// What an operation does to the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Reads what never changes once it is there: a replica that lags can only be wrong about its absence.
    ReadImmutable,
    /// Reads what may change.
    ReadMutable,
    /// Changes the registry, if it is granted.
    Write,
    /// Changes the cluster: members, leader, snapshots, archives.
    Admin,
    /// Tells machines about this process. Answered when all other slots are taken.
    Probe,
}

impl Kind {
    /// Would it change something, if it were granted? Then a refusal is recorded.
    pub fn is_change(self) -> bool {
        match self {
            Self::Write | Self::Admin => true,
            Self::ReadImmutable | Self::ReadMutable | Self::Probe => false,
        }
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $permission:ident = $name:literal;)+) => {
        /// What a caller must be allowed to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each is named after what it allows")]
        pub enum Permission {
            $($(#[$doc])* $permission),+
        }

        impl Permission {
            /// All permissions.
            pub const ALL: &'static [Self] = &[$(Self::$permission),+];

            /// The name by which policies speak of it: `thing.action`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$permission => $name),+ }
            }

            /// The permission of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|permission| permission.name() == name)
            }
        }
    };
}

permissions! {
    /// Nothing: anybody may ask.
    Public = "public";
    SubjectRead = "subject.read";
    SubjectCheck = "subject.check";
    SubjectRegister = "subject.register";
    /// Register without the compatibility check.
    SubjectForce = "subject.force";
    SubjectDelete = "subject.delete";
    /// Delete for good.
    SubjectPurge = "subject.purge";
    ConfigRead = "config.read";
    ConfigWrite = "config.write";
    ModeRead = "mode.read";
    ModeWrite = "mode.write";
    ContextDelete = "context.delete";
    AssociationRead = "association.read";
    AssociationWrite = "association.write";
    DraftRead = "draft.read";
    DraftWrite = "draft.write";
    DraftReview = "draft.review";
    DraftPublish = "draft.publish";
    VersionLifecycle = "version.lifecycle";
    /// A transition although its conditions do not hold.
    VersionForce = "version.force";
    VersionQuarantine = "version.quarantine";
    ConsumerRead = "consumer.read";
    ConsumerWrite = "consumer.write";
    PolicyRead = "policy.read";
    PolicyWrite = "policy.write";
    DataValidate = "data.validate";
    EventRead = "event.read";
    CursorRead = "cursor.read";
    CursorWrite = "cursor.write";
    AuditRead = "audit.read";
    AuditArchive = "audit.archive";
    ClusterRead = "cluster.read";
    ClusterChange = "cluster.change";
    BackupRead = "backup.read";
    BackupCreate = "backup.create";
    MetricsRead = "metrics.read";
    ServerRead = "server.read";
    /// See accounts, roles, bindings and policies, and what they come to.
    AccessRead = "access.read";
    /// Change them.
    AccessWrite = "access.write";
}

/// Where a request names something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A parameter of the path.
    Path(&'static str),
    /// A parameter of the query.
    Query(&'static str),
    /// A field of the message, which path, query and body make up together (the native API).
    Field(&'static str),
    /// A member of the JSON body; a dot leads inside.
    Body(&'static str),
}

/// What an operation touches, and which parts of a request name it. A context in front of the path
/// (`/contexts/{context}/…`) qualifies whatever is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after what it is, and its parts after what they name")]
pub enum Resource {
    /// Nothing of the registry's content.
    Server,
    /// The cluster itself, or one member of it.
    Cluster,
    Member(Part),
    /// All subjects that the caller may see; the list is filtered item by item.
    Subjects,
    Subject(Part),
    Version {
        subject: Part,
        version: Part,
    },
    /// The schema with an id; `subject` names the id space.
    SchemaId {
        id: Part,
        subject: Part,
    },
    Guid(Part),
    /// Settings or policy of a subject, a context, or everything where the part is absent.
    Scope(Part),
    /// Settings of everything, or of the context in front of the path.
    TopScope,
    Contexts,
    Context(Part),
    Draft {
        subject: Part,
        id: Part,
    },
    /// A version or a draft, whichever is named.
    Life {
        subject: Part,
        version: Part,
        draft: Part,
    },
    Consumer {
        subject: Part,
        id: Part,
    },
    /// Associations of a resource outside the registry, and the subjects that they name.
    ExternalResource(Part),
    /// Several, each named by a member of the list in the body: each is tested alone.
    Batch(Part),
    /// Data against a schema, named by subject and version, by id, or inside the data.
    Data {
        subject: Part,
        id: Part,
    },
    /// Events, filtered one by one.
    Events {
        subject: Part,
        context: Part,
    },
    Cursor(Part),
    Audit,
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks for something to be done.
    Post,
    /// Sets as a whole.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One way to ask for an operation over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The method. Where it is GET, HEAD is answered, too.
    pub method: Method,
    /// The path, parameters in braces.
    pub template: &'static str,
}

/// What an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// No body.
    Nothing,
    /// The type of this name.
    One(&'static str),
    /// A list of the type of this name.
    Many(&'static str),
    /// The type of this name, with status 207: each part has its own result.
    MultiStatus(&'static str),
    /// A plain value.
    Value(Shape),
    /// A list of plain values.
    Values(Shape),
    /// Text of this media type.
    Plain(&'static str),
    /// The message of this name in the native API.
    Message(&'static str),
    /// Items of this media type, one after the other.
    Stream(&'static str),
}

/// A plain value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// True or false.
    Flag,
    /// An integer.
    Number,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// Any JSON object.
    Object,
}

/// What a request carries besides its path and query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// A type of `proto::rest` or `proto::associations`.
    Json(&'static str),
    /// Any JSON object.
    Object,
    /// The message of this name in the native API.
    Message(&'static str),
}

/// A parameter that asks for more than the operation alone, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Escalation {
    /// The flag; it counts where it is true.
    pub flag: Part,
    /// What the caller needs then, too.
    pub permission: Permission,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// What it is.
    pub id: OperationId,
    /// Its name, unique among all doors: the label of metrics, the name in traces.
    pub name: &'static str,
    /// What it does to the registry.
    pub kind: Kind,
    /// What it touches.
    pub resource: Resource,
    /// What the caller must be allowed to do to that.
    pub permission: Permission,
    /// Flags that need more.
    pub escalations: &'static [Escalation],
    /// How it is asked for over HTTP; none if only gRPC has it.
    pub forms: &'static [Form],
    /// May `/contexts/{context}` stand in front?
    pub in_context: bool,
    /// The gRPC service and method; none if only HTTP has it.
    pub rpc: Option<(&'static str, &'static str)>,
    /// Its group in the description of the API.
    pub tag: &'static str,
    /// What it does, in a line. Empty where the descriptors of the native API say it.
    pub summary: &'static str,
    /// Parameters of the query.
    pub query: &'static [&'static str],
    /// The body of a request.
    pub body: Body,
    /// The body of an answer.
    pub answer: Answer,
    /// Error codes besides those that every operation may answer, by their status.
    pub errors: &'static [ErrorCode],
}

impl Operation {
    /// What the record of refused changes calls it: the rpc of the native API, else method and path.
    pub fn audit_name(&self) -> String {
        match (self.id, self.forms.first()) {
            (OperationId::Confluent(_) | OperationId::Cluster(_) | OperationId::Access(_), Some(form)) => {
                format!("{} {}", form.method.name(), form.template)
            }
            (_, _) => self.name.to_owned(),
        }
    }

    /// Is it answered from the reserve, when all other slots are taken?
    pub fn has_reserve(&self) -> bool {
        self.kind == Kind::Probe || matches!(self.id, OperationId::Cluster(_) | OperationId::Access(_))
    }

    /// Does its answer go on for as long as the client likes?
    pub fn is_stream(&self) -> bool {
        matches!(self.id, OperationId::Stream(_))
            || matches!(self.id, OperationId::Server(Server::WatchHealth | Server::Reflect | Server::ReflectOld))
    }

    /// Does it answer a machine or a browser that sends no `Accept` of ours?
    pub fn answers_anybody(&self) -> bool {
        self.kind == Kind::Probe || matches!(self.answer, Answer::Plain(_))
    }
}

/// Every operation of every door.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    [
        confluent::OPERATIONS,
        native::OPERATIONS,
        streams::OPERATIONS,
        llm::OPERATIONS,
        cluster::OPERATIONS,
        access::OPERATIONS,
        server::OPERATIONS,
    ]
    .into_iter()
    .flatten()
}

/// Where each declaration begins: what it is, how it is asked for, and what guards it. The rest follows by name.
const fn operation(
    id: OperationId,
    name: &'static str,
    forms: &'static [Form],
    kind: Kind,
    permission: Permission,
    resource: Resource,
) -> Operation {
    Operation {
        id,
        name,
        kind,
        resource,
        permission,
        escalations: &[],
        forms,
        in_context: false,
        rpc: None,
        tag: "",
        summary: "",
        query: &[],
        body: Body::None,
        answer: Answer::Nothing,
        errors: &[],
    }
}

impl Operation {
    const fn described(self, tag: &'static str, summary: &'static str) -> Self {
        Self { tag, summary, ..self }
    }

    const fn asks(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    const fn takes(self, body: Body) -> Self {
        Self { body, ..self }
    }

    const fn answers(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    const fn fails(self, errors: &'static [ErrorCode]) -> Self {
        Self { errors, ..self }
    }

    const fn escalates(self, escalations: &'static [Escalation]) -> Self {
        Self { escalations, ..self }
    }

    const fn over_grpc(self, service: &'static str, method: &'static str) -> Self {
        Self { rpc: Some((service, method)), ..self }
    }
}

const fn get(template: &'static str) -> Form {
    Form { method: Method::Get, template }
}

const fn post(template: &'static str) -> Form {
    Form { method: Method::Post, template }
}

const fn put(template: &'static str) -> Form {
    Form { method: Method::Put, template }
}

const fn delete(template: &'static str) -> Form {
    Form { method: Method::Delete, template }
}

#[cfg(test)]
mod tests;
