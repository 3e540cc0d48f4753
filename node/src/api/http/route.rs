//! From a path to an operation's resource. A pure function, so that every odd path can be a test.
//!
//! Segments are decoded exactly once. A trailing slash does not matter. A prefix `/contexts/{context}` qualifies whatever
//! follows it. What is found here is a resource; which methods it has is decided by the dispatcher.

use percent_encoding::percent_decode_str;

/// A resource that a path names, with its parameters decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Route {
    Root,
    Schemas,
    SchemaTypes,
    SchemaById(String),
    SchemaTextById(String),
    SubjectsOfId(String),
    VersionsOfId(String),
    SchemaByGuid(String),
    IdsOfGuid(String),
    Subjects,
    Subject(String),
    Versions(String),
    Version(String, String),
    VersionText(String, String),
    ReferencedBy(String, String),
    VersionTags(String, String),
    SubjectMetadata(String),
    Associations,
    AssociationsOfResource(String),
    AssociationsByName(String, String),
    AssociationsOfSubject(String),
    AssociationBatchGet,
    AssociationBatchMutate,
    OpenApi,
    Docs,
    CompatibilityAll(String),
    Compatibility(String, String),
    Config(Option<String>),
    Mode(Option<String>),
    Contexts,
    Context(String),
    MetadataId,
    MetadataVersion,
    MetadataDeployment,
    Live,
    Ready,
    Started,
    Metrics,
    ClusterStatus,
    Members,
    Member(String),
    PromoteMember(String),
    TransferLeader,
    TakeSnapshot,
    StateHash,
}

impl Route {
    /// The route's template, for metrics; never a name from a client.
    pub fn template(&self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Schemas => "/schemas",
            Self::SchemaTypes => "/schemas/types",
            Self::SchemaById(_) => "/schemas/ids/{id}",
            Self::SchemaTextById(_) => "/schemas/ids/{id}/schema",
            Self::SubjectsOfId(_) => "/schemas/ids/{id}/subjects",
            Self::VersionsOfId(_) => "/schemas/ids/{id}/versions",
            Self::SchemaByGuid(_) => "/schemas/guids/{guid}",
            Self::IdsOfGuid(_) => "/schemas/guids/{guid}/ids",
            Self::Subjects => "/subjects",
            Self::Subject(_) => "/subjects/{subject}",
            Self::Versions(_) => "/subjects/{subject}/versions",
            Self::Version(..) => "/subjects/{subject}/versions/{version}",
            Self::VersionText(..) => "/subjects/{subject}/versions/{version}/schema",
            Self::ReferencedBy(..) => "/subjects/{subject}/versions/{version}/referencedby",
            Self::VersionTags(..) => "/subjects/{subject}/versions/{version}/tags",
            Self::SubjectMetadata(_) => "/subjects/{subject}/metadata",
            Self::Associations => "/associations",
            Self::AssociationsOfResource(_) => "/associations/resources/{resourceId}",
            Self::AssociationsByName(..) => "/associations/resources/{namespace}/{name}",
            Self::AssociationsOfSubject(_) => "/associations/subjects/{subject}",
            Self::AssociationBatchGet => "/associations:batchGet",
            Self::AssociationBatchMutate => "/associations:batchMutate",
            Self::OpenApi => "/openapi.json",
            Self::Docs => "/docs",
            Self::CompatibilityAll(_) => "/compatibility/subjects/{subject}/versions",
            Self::Compatibility(..) => "/compatibility/subjects/{subject}/versions/{version}",
            Self::Config(None) => "/config",
            Self::Config(Some(_)) => "/config/{subject}",
            Self::Mode(None) => "/mode",
            Self::Mode(Some(_)) => "/mode/{subject}",
            Self::Contexts => "/contexts",
            Self::Context(_) => "/contexts/{context}",
            Self::MetadataId => "/v1/metadata/id",
            Self::MetadataVersion => "/v1/metadata/version",
            Self::MetadataDeployment => "/v1/metadata/deployment",
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Started => "/startupz",
            Self::Metrics => "/metrics",
            Self::ClusterStatus => "/v1/cluster/status",
            Self::Members => "/v1/cluster/members",
            Self::Member(_) => "/v1/cluster/members/{id}",
            Self::PromoteMember(_) => "/v1/cluster/members/{id}/promote",
            Self::TransferLeader => "/v1/cluster/leader/transfer",
            Self::TakeSnapshot => "/v1/cluster/snapshot",
            Self::StateHash => "/admin/state-hash",
        }
    }
}

/// Why a path names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoRoute {
    /// It is not a path of ours.
    Unknown,
    /// It cannot be decoded, or names a context that cannot be one.
    Malformed,
}

/// Finds the resource that a path names.
///
/// # Errors
/// [`NoRoute`].
pub fn route(path: &str) -> Result<Route, NoRoute> {
    let mut segments = Vec::new();
    for segment in path.trim_start_matches('/').split('/') {
        segments.push(percent_decode_str(segment).decode_utf8().map_err(|_| NoRoute::Malformed)?.into_owned());
    }
    while segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["contexts", context, rest @ ..] if !rest.is_empty() => in_context(context, rest),
        parts => plain(parts),
    }
}

fn plain(parts: &[&str]) -> Result<Route, NoRoute> {
    let own = |text: &str| text.to_owned();
    Ok(match parts {
        [] => Route::Root,
        ["schemas"] => Route::Schemas,
        ["schemas", "types"] => Route::SchemaTypes,
        ["schemas", "ids", id] => Route::SchemaById(own(id)),
        ["schemas", "ids", id, "schema"] => Route::SchemaTextById(own(id)),
        ["schemas", "ids", id, "subjects"] => Route::SubjectsOfId(own(id)),
        ["schemas", "ids", id, "versions"] => Route::VersionsOfId(own(id)),
        ["schemas", "guids", guid] => Route::SchemaByGuid(own(guid)),
        ["schemas", "guids", guid, "ids"] => Route::IdsOfGuid(own(guid)),
        ["subjects"] => Route::Subjects,
        ["subjects", subject] => Route::Subject(own(subject)),
        ["subjects", subject, "versions"] => Route::Versions(own(subject)),
        ["subjects", subject, "versions", version] => Route::Version(own(subject), own(version)),
        ["subjects", subject, "versions", version, "schema"] => Route::VersionText(own(subject), own(version)),
        ["subjects", subject, "versions", version, "referencedby"] => Route::ReferencedBy(own(subject), own(version)),
        ["subjects", subject, "versions", version, "tags"] => Route::VersionTags(own(subject), own(version)),
        ["subjects", subject, "metadata"] => Route::SubjectMetadata(own(subject)),
        ["associations"] => Route::Associations,
        ["associations", "resources", id] => Route::AssociationsOfResource(own(id)),
        ["associations", "resources", namespace, name] => Route::AssociationsByName(own(namespace), own(name)),
        ["associations", "subjects", subject] => Route::AssociationsOfSubject(own(subject)),
        ["associations:batchGet"] => Route::AssociationBatchGet,
        ["associations:batchMutate"] => Route::AssociationBatchMutate,
        ["openapi.json"] => Route::OpenApi,
        ["docs"] => Route::Docs,
        ["compatibility", "subjects", subject, "versions"] => Route::CompatibilityAll(own(subject)),
        ["compatibility", "subjects", subject, "versions", version] => Route::Compatibility(own(subject), own(version)),
        ["config"] => Route::Config(None),
        ["config", subject] => Route::Config(Some(own(subject))),
        ["mode"] => Route::Mode(None),
        ["mode", subject] => Route::Mode(Some(own(subject))),
        ["contexts"] => Route::Contexts,
        ["contexts", context] => Route::Context(own(context)),
        ["v1", "metadata", "id"] => Route::MetadataId,
        ["v1", "metadata", "version"] => Route::MetadataVersion,
        ["v1", "metadata", "deployment"] => Route::MetadataDeployment,
        ["livez"] => Route::Live,
        ["readyz"] => Route::Ready,
        ["startupz"] => Route::Started,
        ["metrics"] => Route::Metrics,
        ["v1", "cluster", "status"] => Route::ClusterStatus,
        ["v1", "cluster", "members"] => Route::Members,
        ["v1", "cluster", "members", id] => Route::Member(own(id)),
        ["v1", "cluster", "members", id, "promote"] => Route::PromoteMember(own(id)),
        ["v1", "cluster", "leader", "transfer"] => Route::TransferLeader,
        ["v1", "cluster", "snapshot"] => Route::TakeSnapshot,
        ["admin", "state-hash"] => Route::StateHash,
        _ => return Err(NoRoute::Unknown),
    })
}

/// `/contexts/.ctx/subjects/x` is `/subjects/:.ctx:x`; what has no subject gets the context alone.
fn in_context(context: &str, rest: &[&str]) -> Result<Route, NoRoute> {
    let context = registry::Context::parse(context).map_err(|_| NoRoute::Malformed)?;
    let qualify = |subject: String| {
        let is_qualified = subject.starts_with(":.");
        if is_qualified || context.is_default() { subject } else { format!(":{context}:{subject}") }
    };
    let route = plain(rest)?;
    if context.is_global() && !matches!(route, Route::Config(_) | Route::Mode(_)) {
        return Err(NoRoute::Malformed);
    }
    Ok(match route {
        Route::Subject(subject) => Route::Subject(qualify(subject)),
        Route::Versions(subject) => Route::Versions(qualify(subject)),
        Route::Version(subject, version) => Route::Version(qualify(subject), version),
        Route::VersionText(subject, version) => Route::VersionText(qualify(subject), version),
        Route::ReferencedBy(subject, version) => Route::ReferencedBy(qualify(subject), version),
        Route::VersionTags(subject, version) => Route::VersionTags(qualify(subject), version),
        Route::SubjectMetadata(subject) => Route::SubjectMetadata(qualify(subject)),
        Route::AssociationsOfSubject(subject) => Route::AssociationsOfSubject(qualify(subject)),
        Route::CompatibilityAll(subject) => Route::CompatibilityAll(qualify(subject)),
        Route::Compatibility(subject, version) => Route::Compatibility(qualify(subject), version),
        Route::Config(None) if context.is_default() => Route::Config(None),
        Route::Mode(None) if context.is_default() => Route::Mode(None),
        Route::Config(subject) => Route::Config(Some(qualify(subject.unwrap_or_default()))),
        Route::Mode(subject) => Route::Mode(Some(qualify(subject.unwrap_or_default()))),
        other => other,
    })
}

/// The context that a path's prefix names, if it has one; for resources that take it as a filter.
pub fn context_of(path: &str) -> Option<registry::Context> {
    let rest = path.strip_prefix("/contexts/")?;
    let (context, _) = rest.split_once('/')?;
    let context = percent_decode_str(context).decode_utf8().ok()?;
    registry::Context::parse(&context).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_decoded_once_and_slashes_at_the_end_do_not_matter() {
        let subject = |name: &str| Ok(Route::Subject(name.to_owned()));
        assert_eq!(route("/subjects/a"), subject("a"));
        assert_eq!(route("/subjects/a/"), subject("a"));
        assert_eq!(route("/subjects/a%2Fb"), subject("a/b"));
        assert_eq!(route("/subjects/a%252Fb"), subject("a%2Fb"));
        assert_eq!(route("/subjects/a+b"), subject("a+b"));
        assert_eq!(route("/config/"), Ok(Route::Config(None)));
        assert_eq!(route("/"), Ok(Route::Root));
        assert_eq!(route("/subjects/%ff"), Err(NoRoute::Malformed));
        assert_eq!(route("/nowhere"), Err(NoRoute::Unknown));
        let probe = Route::AssociationsByName("-".to_owned(), "t".to_owned());
        assert_eq!(route("/associations/resources/-/t"), Ok(probe));
        assert_eq!(route("/dek-registry/v1/keks"), Err(NoRoute::Unknown));
    }

    #[test]
    fn a_context_prefix_qualifies_what_follows() {
        assert_eq!(route("/contexts/.eu/subjects/s"), Ok(Route::Subject(":.eu:s".to_owned())));
        assert_eq!(route("/contexts/eu/config"), Ok(Route::Config(Some(":.eu:".to_owned()))));
        assert_eq!(route("/contexts/./subjects/s"), Ok(Route::Subject("s".to_owned())));
        assert_eq!(route("/contexts/.eu"), Ok(Route::Context(".eu".to_owned())));
        assert_eq!(route("/contexts/a:b/subjects"), Err(NoRoute::Malformed));
        assert_eq!(route("/contexts/.__GLOBAL/subjects"), Err(NoRoute::Malformed));
        assert_eq!(route("/contexts/.__GLOBAL/mode"), Ok(Route::Mode(Some(":.__GLOBAL:".to_owned()))));
        assert_eq!(context_of("/contexts/.eu/subjects").map(|c| c.as_str().to_owned()), Some(".eu".to_owned()));
    }
}
