//! Which resources a request names: the table of operations says in which parts of it to look.

use proto::error_code as code;
use proto::operations::{Operation, Part, Permission, Resource};
use registry::{Context, Scope, Subject};

use super::Target;
use crate::service::ServiceError;

/// Something that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The cluster, or what is above all contexts.
    Cluster,
    /// A context.
    Context(Context),
    /// A subject.
    Subject(Subject),
}

impl Named {
    /// As decisions take it.
    pub fn as_target(&self) -> Target<'_> {
        match self {
            Self::Cluster => Target::Cluster,
            Self::Context(context) => Target::Context(context),
            Self::Subject(subject) => Target::Subject(subject),
        }
    }
}

/// What an operation needs for what the request names: each permission for each thing. Where the request names nothing (a
/// list, an id, a batch), the service tests item by item, and this is empty.
///
/// `part` is the text that stands in a part of the request, `context` the one in front of the path.
///
/// # Errors
/// As the operation itself for a name that is none.
pub fn targets_of(
    operation: &Operation,
    context: Option<&Context>,
    part: impl Fn(Part) -> Option<String>,
) -> Result<Vec<(Permission, Named)>, ServiceError> {
    if operation.permission == Permission::Public {
        return Ok(Vec::new());
    }
    let text = |of: Part| part(of).filter(|text| !text.is_empty());
    let in_context = |name: &str| match context {
        Some(context) => Subject::parse_in(context, name),
        None => Subject::parse(name),
    };
    let subject = |of: Part| -> Result<Option<Named>, ServiceError> {
        Ok(text(of).map(|name| in_context(&name)).transpose()?.map(Named::Subject))
    };
    let named = match operation.resource {
        // What a node tells about itself is the same for all who may ask at all.
        Resource::Server if operation.permission == Permission::ServerRead => None,
        Resource::Server | Resource::Cluster | Resource::Member(_) | Resource::Cursor(_) | Resource::Audit => {
            Some(Named::Cluster)
        }
        Resource::Subjects
        | Resource::Contexts
        | Resource::SchemaId { .. }
        | Resource::Guid(_)
        | Resource::ExternalResource(_)
        | Resource::Batch(_) => None,
        Resource::Subject(of)
        | Resource::Version { subject: of, .. }
        | Resource::Draft { subject: of, .. }
        | Resource::Life { subject: of, .. }
        | Resource::Consumer { subject: of, .. }
        | Resource::Data { subject: of, .. }
        | Resource::Events { subject: of, .. } => subject(of)?,
        Resource::Scope(of) => Some(match text(of) {
            Some(text) => of_scope(Scope::parse(&text)?),
            None => context.map_or(Named::Cluster, |context| of_scope(Scope::Context(context.clone()))),
        }),
        Resource::TopScope => Some(context.map_or(Named::Cluster, |context| of_scope(Scope::Context(context.clone())))),
        Resource::Context(of) => {
            let text = text(of).unwrap_or_default();
            let parsed =
                Context::parse(&text).map_err(|error| ServiceError::new(code::UNPROCESSABLE, error.to_string()))?;
            Some(Named::Context(parsed))
        }
    };
    let is_set = |of: Part| part(of).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let more = operation.escalations.iter().filter(|more| is_set(more.flag)).map(|more| more.permission);
    let needed: Vec<_> = std::iter::once(operation.permission).chain(more).collect();
    let named = named.map(|named| needed.into_iter().map(|permission| (permission, named.clone())).collect());
    Ok(named.unwrap_or_default())
}

fn of_scope(scope: Scope) -> Named {
    match scope {
        Scope::Global => Named::Cluster,
        Scope::Context(context) => Named::Context(context),
        Scope::Subject(subject) => Named::Subject(subject),
    }
}
