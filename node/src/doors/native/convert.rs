//! Between the messages of the native API and the words of the registry.

use proto::error_code as code;
use proto::time::rfc3339;
use proto::v1;
use registry::{ConsumerRow, Event, EventKind, LifePolicy, PolicyInForce, Scope, Subject, Version, VersionRow};
use schema::{Format, Metadata, Reference};

use crate::service::{DraftView, EventFilter, NewSchema, ServiceError, Watched};

pub(super) fn unprocessable_error(message: &str) -> ServiceError {
    ServiceError::new(code::UNPROCESSABLE, message)
}

pub(super) fn version_of(number: u32) -> Result<Version, ServiceError> {
    i32::try_from(number).ok().and_then(Version::from_i32).ok_or_else(|| {
        ServiceError::new(code::INVALID_VERSION, format!("The specified version '{number}' is not a valid version id"))
    })
}

/// 0 means none.
pub(super) fn optional_version(number: u32) -> Result<Option<Version>, ServiceError> {
    if number == 0 { Ok(None) } else { version_of(number).map(Some) }
}

pub(super) fn scope_of(text: &str) -> Result<Scope, ServiceError> {
    Ok(if text.is_empty() { Scope::top() } else { Scope::parse(text)? })
}

pub(super) fn format_named(name: &str) -> Result<Format, ServiceError> {
    match name {
        "" => Ok(Format::Avro),
        name => Format::from_name(&name.to_uppercase())
            .ok_or_else(|| ServiceError::new(code::INVALID_SCHEMA, "format is AVRO, JSON or PROTOBUF")),
    }
}

pub(super) fn new_schema(schema: Option<v1::Schema>) -> Result<NewSchema, ServiceError> {
    let v1::Schema { format: name, text, references, metadata } =
        schema.ok_or_else(|| unprocessable_error("A schema is needed"))?;
    let reference = |v1::Reference { name, subject, version }| Reference { name, subject, version };
    let metadata = metadata.map(|v1::Metadata { tags, properties, sensitive }| Metadata {
        tags: tags.into_iter().map(|(path, tags)| (path, tags.tags.into_iter().collect())).collect(),
        properties: properties.into_iter().collect(),
        sensitive: sensitive.into_iter().collect(),
    });
    Ok(NewSchema {
        format: format_named(&name)?,
        text,
        references: references.into_iter().map(reference).collect(),
        metadata: metadata.filter(|metadata| *metadata != Metadata::default()),
        rule_set: None,
    })
}

pub(super) fn schema_message(
    format: Format,
    text: &str,
    references: &[Reference],
    metadata: Option<&Metadata>,
) -> v1::Schema {
    let reference = |reference: &Reference| {
        let Reference { name, subject, version } = reference.clone();
        v1::Reference { name, subject, version }
    };
    let metadata = metadata.cloned().map(|Metadata { tags, properties, sensitive }| v1::Metadata {
        tags: tags.into_iter().map(|(path, tags)| (path, v1::Tags { tags: tags.into_iter().collect() })).collect(),
        properties: properties.into_iter().collect(),
        sensitive: sensitive.into_iter().collect(),
    });
    v1::Schema {
        format: format.name().to_owned(),
        text: text.to_owned(),
        references: references.iter().map(reference).collect(),
        metadata,
    }
}

pub(super) fn version_message(subject: &Subject, version: Version, row: &VersionRow) -> v1::Version {
    let is_deleted = row.deleted == registry::Deleted::Soft;
    v1::Version {
        subject: subject.qualified(),
        version: version.0,
        id: row.id.0,
        guid: row.guid.to_string(),
        semantic_version: row.semver.to_string(),
        state: if is_deleted { "DELETED" } else { row.state.state().name() }.to_owned(),
        revision: row.modified_at.0,
        created_ms: row.created_ms,
        schema: None,
        sent_text: String::new(),
        deprecation: deprecation_message(row),
        life: row.life.0,
    }
}

pub(super) fn deprecation_message(row: &VersionRow) -> Option<v1::Deprecation> {
    row.deprecation.as_ref().map(|deprecation| v1::Deprecation {
        since_ms: deprecation.since_ms,
        sunset_ms: deprecation.sunset_ms,
        successor: deprecation.successor.map_or(0, |version| version.0),
    })
}

pub(super) fn draft_message(view: DraftView, with_text: bool) -> v1::Draft {
    let DraftView { subject, id, row, approvals_needed } = view;
    let content = &row.draft.content;
    let report = &row.draft.report;
    v1::Draft {
        subject: subject.qualified(),
        id: id.0,
        state: row.state.state().name().to_owned(),
        author: row.author.clone(),
        schema: with_text
            .then(|| schema_message(content.format, &content.text, &content.references, content.metadata.as_ref())),
        guid: content.guid.to_string(),
        report: Some(v1::Report {
            base: report.base.map_or(0, |version| version.0),
            compatible: report.compatible,
            breaking: report.breaking,
            messages: report.messages.clone(),
        }),
        approvals: row.approvals.iter().cloned().collect(),
        approvals_needed,
        version: row.version.map_or(0, |version| version.0),
        created_ms: row.created_ms,
        revision: row.modified_at.0,
    }
}

pub(super) fn consumer_message(subject: &Subject, id: String, row: ConsumerRow) -> v1::Consumer {
    v1::Consumer {
        subject: subject.qualified(),
        id,
        from_version: row.from.0,
        to_version: row.to.map_or(0, |version| version.0),
        owner: row.owner,
        contact: row.contact,
        revision: row.modified_at.0,
    }
}

pub(super) fn policy_of(message: v1::Policy) -> LifePolicy {
    let required = message.required_properties;
    LifePolicy {
        review: message.review,
        approvals: message.approvals,
        approvals_breaking: message.approvals_breaking,
        deprecation_notice_ms: message.deprecation_notice_ms,
        required_properties: (!required.is_empty()).then(|| required.into_iter().collect()),
        versions_max: message.versions_max,
        event_count_max: message.event_count_max,
        event_age_ms_max: message.event_age_ms_max,
        audit_retention_ms: message.audit_retention_ms,
    }
}

pub(super) fn policy_message(policy: LifePolicy) -> v1::Policy {
    v1::Policy {
        review: policy.review,
        approvals: policy.approvals,
        approvals_breaking: policy.approvals_breaking,
        deprecation_notice_ms: policy.deprecation_notice_ms,
        required_properties: policy.required_properties.unwrap_or_default().into_iter().collect(),
        versions_max: policy.versions_max,
        event_count_max: policy.event_count_max,
        event_age_ms_max: policy.event_age_ms_max,
        audit_retention_ms: policy.audit_retention_ms,
    }
}

pub(super) fn in_force(policy: PolicyInForce) -> v1::Policy {
    v1::Policy {
        review: Some(policy.review),
        approvals: Some(policy.approvals),
        approvals_breaking: Some(policy.approvals_breaking),
        deprecation_notice_ms: Some(policy.deprecation_notice_ms),
        required_properties: policy.required_properties.into_iter().collect(),
        versions_max: Some(policy.versions_max),
        event_count_max: Some(policy.event_count_max),
        event_age_ms_max: Some(policy.event_age_ms_max),
        audit_retention_ms: Some(policy.audit_retention_ms),
    }
}

/// The filter that a watch asks for.
///
/// # Errors
/// 422 for a kind that is none.
pub fn event_filter(request: &v1::WatchRequest) -> Result<EventFilter, ServiceError> {
    if let Some(kind) = request.kinds.iter().find(|kind| !EventKind::NAMES.contains(&kind.as_str())) {
        return Err(unprocessable_error(&format!(
            "'{kind}' is no kind of event; they are {}",
            EventKind::NAMES.join(", ")
        )));
    }
    let context = match request.context.as_str() {
        "" => None,
        context => Some(registry::Context::parse(context)?),
    };
    let subject = match request.subject.as_str() {
        "" => None,
        subject => Some(Subject::parse(subject)?),
    };
    Ok(EventFilter { kinds: request.kinds.clone(), subject, context })
}

/// What a watcher got, as a message.
pub fn watch_response(watched: Watched, cluster_id: &str) -> v1::WatchResponse {
    let token = watched.token.to_string();
    let cloud_event =
        watched.event.as_ref().map(|event| cloud_event(event, &token, cluster_id).to_string()).unwrap_or_default();
    let event = watched.event.map(|event| event_message(&event, &token));
    v1::WatchResponse { event, token, cloud_event }
}

fn event_message(event: &Event, id: &str) -> v1::Event {
    let scope = event.kind.scope();
    let (subject, context) = match &scope {
        Scope::Subject(subject) => (subject.qualified(), subject.context.to_string()),
        Scope::Context(context) => (String::new(), context.to_string()),
        Scope::Global => (String::new(), String::new()),
    };
    v1::Event {
        id: id.to_owned(),
        kind: event.kind.name().to_owned(),
        time_ms: event.time_ms,
        actor: event.actor.clone(),
        subject,
        context,
        version: event.kind.version().map_or(0, |version| version.0),
        details: event_details(&event.kind).into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

/// What a kind tells besides subject and version.
fn event_details(kind: &EventKind) -> Vec<(&'static str, String)> {
    match kind {
        EventKind::SchemaRegistered { id, .. } => vec![("id", id.to_string())],
        EventKind::VersionDeleted { permanent, .. } => vec![("permanent", permanent.to_string())],
        EventKind::SubjectDeleted { versions, permanent, .. } => {
            let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
            vec![("versions", versions.join(",")), ("permanent", permanent.to_string())]
        }
        EventKind::VersionDeprecated { sunset_ms, successor, .. } => {
            let mut details = vec![("sunset_ms", sunset_ms.to_string())];
            details.extend(successor.map(|version| ("successor", version.to_string())));
            details
        }
        EventKind::VersionArchived { forced, .. } => vec![("forced", forced.to_string())],
        EventKind::VersionRolledBack { target, .. } => vec![("target", target.to_string())],
        EventKind::DraftSubmitted { draft, breaking, .. } => {
            vec![("draft", draft.to_string()), ("breaking", breaking.to_string())]
        }
        EventKind::DraftReviewed { draft, decision, state, .. } => vec![
            ("draft", draft.to_string()),
            ("decision", decision.name().to_owned()),
            ("state", state.state().name().to_owned()),
        ],
        EventKind::ConfigChanged { scope } | EventKind::ModeChanged { scope } | EventKind::PolicyChanged { scope } => {
            vec![("scope", scope.to_string())]
        }
        EventKind::VersionActivated { .. }
        | EventKind::VersionQuarantined { .. }
        | EventKind::VersionReleased { .. } => Vec::new(),
    }
}

/// The event as CloudEvents 1.0, structured JSON.
pub fn cloud_event(event: &Event, id: &str, cluster_id: &str) -> serde_json::Value {
    let message = event_message(event, id);
    let mut data = serde_json::Map::new();
    let mut add = |name: &str, value: serde_json::Value| data.insert(name.to_owned(), value);
    add("actor", message.actor.into());
    if !message.context.is_empty() {
        add("context", message.context.into());
    }
    if message.version > 0 {
        add("version", message.version.into());
    }
    for (name, value) in event_details(&event.kind) {
        add(name, value.into());
    }
    serde_json::json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("/registry/{cluster_id}"),
        "type": format!("io.schemareg.{}.v1", event.kind.name()),
        "subject": message.subject,
        "time": rfc3339(event.time_ms),
        "datacontenttype": "application/json",
        "data": data,
    })
}
