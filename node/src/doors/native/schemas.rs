//! Subjects, versions, comparison, validation, search and status.

use prost::Message as _;
use proto::error_code as code;
use proto::v1;
use registry::{Include, Permanent, SchemaId, State, Subject};
use schema::diff::{ChangeKind, Step};

use super::Native;
use super::convert::{format_named, new_schema, schema_message, unprocessable_error, version_message, version_of};
use crate::service::{
    Caller, Criteria, DataRequest, FoundVersion, RegisterOptions, Selector, ServiceError, Tracked, VersionSpec,
    WholeVersion,
};

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1_000;

type Answer<T> = Result<T, ServiceError>;

pub(super) fn page_size(asked: u32) -> usize {
    let size = if asked == 0 { PAGE_DEFAULT } else { asked.min(PAGE_MAX) };
    usize::try_from(size).unwrap_or(100)
}

pub(super) fn token_given(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl Native {
    pub async fn list_subjects(
        &self,
        caller: &Caller,
        request: v1::ListSubjectsRequest,
    ) -> Answer<v1::ListSubjectsResponse> {
        let prefix = if request.prefix.is_empty() { None } else { Some(Subject::parse(&request.prefix)?) };
        let (context, name) = prefix.map_or((None, String::new()), |prefix| (Some(prefix.context), prefix.name));
        let page = self
            .service
            .subjects_page(
                caller,
                context.as_ref(),
                &name,
                page_size(request.page_size),
                token_given(&request.page_token),
            )
            .await?;
        Ok(v1::ListSubjectsResponse {
            subjects: page.items.iter().map(Subject::qualified).collect(),
            next_page_token: page.next.unwrap_or_default(),
        })
    }

    pub async fn list_versions(
        &self,
        caller: &Caller,
        request: v1::ListVersionsRequest,
    ) -> Answer<v1::ListVersionsResponse> {
        let subject = Subject::parse(&request.subject)?;
        let include = if request.deleted { Include::All } else { Include::Live };
        let (subject, rows) = self.service.version_rows(caller, &subject, include).await?;
        let versions = rows.iter().map(|(version, row)| version_message(&subject, *version, row)).collect();
        Ok(v1::ListVersionsResponse { versions })
    }

    pub async fn get_version(&self, caller: &Caller, request: v1::GetVersionRequest) -> Answer<v1::Version> {
        let subject = Subject::parse(&request.subject)?;
        // A question is kept as it was asked: the parts cannot run into each other, for a subject has no line break.
        let question = format!("{}\n{}", request.subject, request.version);
        if let Some(kept) = self.versions.get(&question)
            && self.service.still_holds(&caller.wanted(), &kept.provenance).await?
            // It may be in another context than the one that was asked in.
            && self.service.may_read(caller, &Subject::parse(&kept.found.subject)?)?
        {
            return Ok(kept.found.clone());
        }
        let Tracked { found, provenance } = self.service.whole_version(caller, &subject, &request.version).await?;
        let message = whole_message(found);
        let bytes = message.encoded_len();
        self.versions.put_answer(&question, Tracked { found: message.clone(), provenance }, bytes);
        Ok(message)
    }

    pub async fn register_version(&self, caller: &Caller, request: v1::RegisterVersionRequest) -> Answer<v1::Version> {
        let subject = Subject::parse(&request.subject)?;
        let options = RegisterOptions { normalize: request.normalize, ..RegisterOptions::default() };
        let found = self.service.register_schema(caller, &subject, &new_schema(request.schema)?, options).await?.found;
        let (Some(subject), Some(version)) = (found.subject, found.version) else {
            return Err(ServiceError::new(code::INTERNAL, "Internal server error"));
        };
        let found = self.service.whole_version(caller, &subject, &version.to_string()).await?.found;
        Ok(whole_message(found))
    }

    pub async fn delete_version(
        &self,
        caller: &Caller,
        request: v1::DeleteVersionRequest,
    ) -> Answer<v1::DeleteVersionResponse> {
        let subject = Subject::parse(&request.subject)?;
        let spec = VersionSpec::Number(version_of(request.version)?);
        let permanent = if request.permanent { Permanent::Yes } else { Permanent::No };
        let version = self.service.delete_version(caller, &subject, spec, permanent).await?;
        Ok(v1::DeleteVersionResponse { version: version.0 })
    }

    pub async fn check_compatibility(
        &self,
        caller: &Caller,
        request: v1::CheckCompatibilityRequest,
    ) -> Answer<v1::CheckCompatibilityResponse> {
        let subject = Subject::parse(&request.subject)?;
        let spec = match request.version.as_str() {
            "" => None,
            text => Some(VersionSpec::parse(text)?),
        };
        let new = new_schema(request.schema)?;
        let checked = self.service.check_compatibility(caller, &subject, spec, &new, false, true).await?;
        Ok(v1::CheckCompatibilityResponse { compatible: checked.compatible, messages: checked.messages })
    }

    pub async fn diff_versions(
        &self,
        caller: &Caller,
        request: v1::DiffVersionsRequest,
    ) -> Answer<v1::DiffVersionsResponse> {
        let subject = Subject::parse(&request.subject)?;
        let (from, to) = (version_of(request.from)?, version_of(request.to)?);
        let (diff, step) = self.service.diff_versions(caller, &subject, from, to).await?;
        let step = match step {
            Step::None => "NONE",
            Step::Patch => "PATCH",
            Step::Minor => "MINOR",
            Step::Major => "MAJOR",
        };
        Ok(v1::DiffVersionsResponse {
            changes: diff.changes.into_iter().map(change_message).collect(),
            step: step.to_owned(),
        })
    }

    pub async fn validate(&self, caller: &Caller, request: v1::ValidateRequest) -> Answer<v1::ValidateResponse> {
        let tag = request.tag;
        let verdict = self.service.validate_data(caller, data_request(request)?).await?;
        Ok(verdict_message(tag, Ok(verdict)))
    }

    pub async fn search(&self, caller: &Caller, request: v1::SearchRequest) -> Answer<v1::SearchResponse> {
        let prefix = if request.prefix.is_empty() { None } else { Some(Subject::parse(&request.prefix)?) };
        let context = match request.context.as_str() {
            "" => prefix.as_ref().map(|prefix| prefix.context.clone()),
            context => Some(registry::Context::parse(context)?),
        };
        let state = match request.state.as_str() {
            "" => None,
            name => {
                Some(State::from_name(name).ok_or_else(|| unprocessable_error("state is not the name of a state"))?)
            }
        };
        let criteria = Criteria {
            context,
            prefix: prefix.map(|prefix| prefix.name).unwrap_or_default(),
            format: if request.format.is_empty() { None } else { Some(format_named(&request.format)?) },
            state,
            owner: request.owner,
            tag: request.tag,
            property: request.property,
            field: request.field,
            path: request.path,
            type_name: request.r#type,
            text: request.text,
            latest_only: request.latest_only,
        };
        let size = page_size(request.page_size);
        let page = self.service.search_versions(caller, &criteria, size, token_given(&request.page_token)).await?;
        let found = |found: &FoundVersion| version_message(&found.subject, found.version, &found.row);
        Ok(v1::SearchResponse {
            versions: page.items.iter().map(found).collect(),
            next_page_token: page.next.unwrap_or_default(),
        })
    }

    pub async fn get_cluster_status(&self, _: &Caller, _: v1::GetClusterStatusRequest) -> Answer<v1::ClusterStatus> {
        let standing = self.service.consensus_standing();
        Ok(v1::ClusterStatus {
            cluster_id: self.service.cluster_id().to_owned(),
            node_id: self.service.node_id(),
            role: standing.role.name().to_owned(),
            leader_id: standing.leader_id.unwrap_or(0),
            term: standing.term,
            applied_index: standing.applied_index,
            voters: standing.voters.into_iter().collect(),
            learners: standing.learners.into_iter().collect(),
        })
    }
}

fn whole_message(found: WholeVersion) -> v1::Version {
    let WholeVersion { subject, version, row, content, sent } = found;
    let mut message = version_message(&subject, version, &row);
    message.schema = Some(schema_message(row.format, &content.text, &content.references, content.metadata.as_ref()));
    message.sent_text = sent.unwrap_or_default();
    message
}

/// What the service checks, from what a client sent.
pub fn data_request(request: v1::ValidateRequest) -> Answer<DataRequest> {
    let selector = if !request.subject.is_empty() {
        let version = match VersionSpec::parse(if request.version.is_empty() { "latest" } else { &request.version })? {
            VersionSpec::Latest => None,
            VersionSpec::Number(version) => Some(version),
        };
        Selector::Version(Subject::parse(&request.subject)?, version)
    } else if request.id > 0 {
        Selector::Id(SchemaId(request.id))
    } else if request.framed {
        Selector::Framed
    } else {
        return Err(unprocessable_error("A subject, an id or framed data is needed"));
    };
    let v1::ValidateRequest { framed, data, json, message, .. } = request;
    Ok(DataRequest { selector, framed, data, json, message })
}

/// A verdict as a message; what gave none says why.
pub fn verdict_message(tag: u64, verdict: Result<crate::service::Verdict, ServiceError>) -> v1::ValidateResponse {
    let (errors, error_code, error) = match verdict {
        Ok(errors) => (errors, 0, String::new()),
        Err(error) => (Vec::new(), error.code.0, error.message),
    };
    let valid = errors.is_empty() && error_code == 0;
    let errors = errors.into_iter().map(|error| v1::DataError { path: error.path, message: error.message }).collect();
    v1::ValidateResponse { tag, valid, errors, error_code, error }
}

fn change_message(change: schema::diff::Change) -> v1::Change {
    let (kind, old, new) = match change.kind {
        ChangeKind::Added { new } => ("ADDED", String::new(), new),
        ChangeKind::Removed { old } => ("REMOVED", old, String::new()),
        ChangeKind::Changed { old, new } => ("CHANGED", old, new),
        ChangeKind::Moved { from } => ("MOVED", from, String::new()),
        ChangeKind::Renamed { old, new } => ("RENAMED", old, new),
    };
    v1::Change {
        path: change.path,
        element: change.element.to_owned(),
        kind: kind.to_owned(),
        old,
        new,
        breaks_backward: change.breaks_backward,
        breaks_forward: change.breaks_forward,
        documentation: change.documentation,
    }
}
