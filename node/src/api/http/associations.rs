//! The associations of the Confluent API: read what is asked, call the service, shape the answer.

use proto::associations::{
    AssociationBatch, AssociationBatchGet, AssociationBatchResponse, AssociationBody, AssociationInfo,
    AssociationQuestion, AssociationRequest, AssociationResponse, AssociationResult, AssociationWishBody,
};
use proto::error_code as code;
use proto::rest::{ErrorBody, SchemaBody};
use registry::limits::RESOURCE_BYTES_MAX;
use registry::{AssociationChange, AssociationRow, AssociationWish, Context, Include, Lifecycle, Resource, Subject};
use schema::Guid;

use super::convert::{new_schema, register_options};
use super::handlers::{Answer, On};
use super::reply::Reply;
use crate::service::{AssociatedSchema, AssociationFilter, AssociationQuery, Caller, ServiceError, VersionSpec};

/// The only type of resource there is.
const TOPIC: &str = "topic";
/// Parts of a batch at most: each is a log entry.
const BATCH_COUNT_MAX: usize = 100;

/// How a request without an operation is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Create,
    Upsert,
}

/// A request about one resource, understood.
struct Planned {
    resource: Resource,
    changes: Vec<AssociationChange>,
    schemas: Vec<AssociatedSchema>,
}

impl On<'_> {
    pub(super) async fn create_associations(&self) -> Answer {
        let body = self.request.json()?;
        self.changed(body, Meaning::Create, self.caller).await.map(|body| Reply::json(&body))
    }

    pub(super) async fn put_associations(&self, resource_id: &str) -> Answer {
        let mut body: AssociationRequest = self.request.json()?;
        body.resource_id.get_or_insert_with(|| resource_id.to_owned());
        if body.resource_id.as_deref() != Some(resource_id) {
            return Err(invalid("resourceId", "must be that of the path"));
        }
        self.changed(body, Meaning::Upsert, self.caller).await.map(|body| Reply::json(&body))
    }

    pub(super) async fn delete_associations(&self, resource_id: &str) -> Answer {
        let wanted = AssociationQuery::Resource(resource_id.to_owned());
        let found = self.front.service.associations(self.caller, &wanted, &self.association_filter()?).await?;
        let cascade = self.request.flag("cascadeLifecycle");
        if let Some(first) = found.first() {
            let resource = first.resource.clone();
            let changes: Vec<_> =
                found.into_iter().map(|row| AssociationChange::Delete { role: row.role, cascade }).collect();
            let dry_run = self.request.flag("dryRun");
            self.front.service.change_associations(self.caller, &resource, &changes, &[], dry_run).await?;
        }
        Ok(Reply::nothing())
    }

    pub(super) async fn list_associations(&self, wanted: AssociationQuery) -> Answer {
        let found = self.front.service.associations(self.caller, &wanted, &self.association_filter()?).await?;
        let bodies = found.iter().map(association_body).collect();
        Ok(Reply::json(&self.request.page(bodies, usize::MAX)))
    }

    pub(super) async fn associations_by_name(&self, namespace: &str, name: &str) -> Answer {
        let any = |text: &str| (text != "-").then(|| text.to_owned());
        self.list_associations(AssociationQuery::Named { name: any(name), namespace: any(namespace) }).await
    }

    pub(super) async fn associations_of_subject(&self, subject: &str) -> Answer {
        self.list_associations(AssociationQuery::Subject(Subject::parse(subject)?)).await
    }

    pub(super) async fn mutate_associations(&self) -> Answer {
        let batch: AssociationBatch = self.request.json()?;
        check_batch(batch.requests.len())?;
        let mut results = Vec::new();
        for (number, request) in batch.requests.into_iter().enumerate() {
            // Each part is a change of its own, under its own request id.
            let request_id = registry::RequestId(format!("{}:{number}", self.caller.request_id));
            let caller = Caller { request_id, ..self.caller.clone() };
            results.push(result(self.changed(request, Meaning::Upsert, &caller).await));
        }
        Ok(Reply::multi_status(&AssociationBatchResponse { results }))
    }

    pub(super) async fn get_associations(&self) -> Answer {
        let batch: AssociationBatchGet = self.request.json()?;
        check_batch(batch.requests.len())?;
        let mut results = Vec::new();
        for question in batch.requests {
            results.push(result(self.answer(question).await));
        }
        Ok(Reply::multi_status(&AssociationBatchResponse { results }))
    }

    async fn answer(&self, question: AssociationQuestion) -> Result<AssociationResponse, ServiceError> {
        let AssociationQuestion { resource_name, resource_namespace, resource_id, resource_type, .. } = question;
        let any = |text: Option<String>| text.filter(|text| text != "-");
        let wanted = match resource_id.filter(|id| !id.is_empty()) {
            Some(id) => AssociationQuery::Resource(id),
            None => AssociationQuery::Named { name: any(resource_name), namespace: any(resource_namespace) },
        };
        let filter = AssociationFilter {
            kind: resource_type.filter(|kind| !kind.is_empty()),
            roles: question.association_types.unwrap_or_default(),
            lifecycle: question.lifecycle.as_deref().map(lifecycle).transpose()?,
        };
        let mut found = self.front.service.associations(self.caller, &wanted, &filter).await?;
        let Some(resource) = found.first().map(|row| row.resource.clone()) else {
            return Ok(AssociationResponse::default());
        };
        found.retain(|row| row.resource == resource);
        let mut body = response(&resource, &found);
        if self.request.flag("includeSchemas") {
            for (info, row) in body.associations.iter_mut().zip(&found) {
                info.schema = self.latest_of(&row.subject).await?;
            }
        }
        Ok(body)
    }

    async fn latest_of(&self, subject: &Subject) -> Result<Option<SchemaBody>, ServiceError> {
        match self.front.service.version(self.caller, subject, VersionSpec::Latest, Include::Live).await {
            Ok(found) => Ok(Some(self.body(&found))),
            Err(error) if error.is_negative() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn changed(
        &self,
        request: AssociationRequest,
        meaning: Meaning,
        caller: &Caller,
    ) -> Result<AssociationResponse, ServiceError> {
        let dry_run = self.request.flag("dryRun");
        let planned = self.plan(request, meaning, dry_run)?;
        let Planned { resource, changes, schemas } = &planned;
        let mut rows = self.front.service.change_associations(caller, resource, changes, schemas, dry_run).await?;
        rows.retain(|row| changes.iter().any(|change| role_of(change) == row.role));
        let mut body = response(resource, &rows);
        for (info, row) in body.associations.iter_mut().zip(&rows) {
            if !dry_run && schemas.iter().any(|schema| schema.subject == row.subject) {
                info.schema = self.latest_of(&row.subject).await?;
            }
        }
        Ok(body)
    }

    fn plan(&self, request: AssociationRequest, meaning: Meaning, dry_run: bool) -> Result<Planned, ServiceError> {
        let name = checked(request.resource_name, "resourceName")?;
        let namespace = checked(request.resource_namespace, "resourceNamespace")?;
        let id = match request.resource_id.filter(|id| !id.is_empty()) {
            None if dry_run => format!("{namespace}:{name}"),
            id => checked(id, "resourceId")?,
        };
        let kind = request.resource_type.filter(|kind| !kind.is_empty()).unwrap_or_else(|| TOPIC.to_owned());
        if kind != TOPIC {
            return Err(invalid("resourceType", "must be 'topic'"));
        }
        let resource = Resource { id, kind, name, namespace };
        let wishes = request.associations.unwrap_or_default();
        if wishes.is_empty() {
            return Err(invalid("associations", "cannot be null or empty"));
        }
        check_batch(wishes.len())?;
        let mut frozen = None;
        let (mut changes, mut schemas) = (Vec::new(), Vec::new());
        for wish in wishes {
            if let Some(asked) = wish.frozen
                && *frozen.get_or_insert(asked) != asked
            {
                let why = "all associations for a resource must be consistently frozen or non-frozen";
                return Err(invalid("frozen", why));
            }
            let (change, schema) = self.change(&resource, wish, meaning)?;
            changes.push(change);
            schemas.extend(schema);
        }
        Ok(Planned { resource, changes, schemas })
    }

    fn change(
        &self,
        resource: &Resource,
        wish: AssociationWishBody,
        meaning: Meaning,
    ) -> Result<(AssociationChange, Option<AssociatedSchema>), ServiceError> {
        let role = match wish.association_type.as_deref() {
            None | Some("") => "value",
            Some(role @ ("key" | "value")) => role,
            Some(_) => return Err(invalid("associationType", "must be either 'key' or 'value'")),
        };
        let role = role.to_owned();
        let is_create = match wish.op_type.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None => meaning == Meaning::Create,
            Some("CREATE") => true,
            Some("UPSERT") => false,
            Some("DELETE") => {
                let cascade = wish.cascade_lifecycle.unwrap_or(false);
                return Ok((AssociationChange::Delete { role, cascade }, None));
            }
            Some(_) => return Err(invalid("opType", "must be CREATE, UPSERT or DELETE")),
        };
        let context = match self.request.query("context") {
            Some(context) => Context::parse(context)?,
            None => Context::default_context(),
        };
        let usual = format!(":.{}:{}-{role}", resource.namespace, resource.name);
        let named = wish.subject.filter(|subject| !subject.is_empty()).unwrap_or_else(|| usual.clone());
        let subject = Subject::parse_in(&context, &named)?;
        let lifecycle = wish.lifecycle.as_deref().filter(|name| !name.is_empty()).map(lifecycle).transpose()?;
        if wish.frozen == Some(true) && subject != Subject::parse(&usual)? {
            return Err(invalid("subject", &format!("frozen associations must use subject '{usual}'")));
        }
        let is_weak = lifecycle == Some(Lifecycle::Weak) || (is_create && lifecycle.is_none());
        if lifecycle == Some(Lifecycle::Weak) && wish.schema.is_some() {
            return Err(invalid("lifecycle", "cannot be WEAK when schema is provided"));
        }
        if is_weak && wish.schema.is_none() && wish.frozen == Some(true) {
            return Err(invalid("frozen", "association with lifecycle of WEAK cannot be frozen"));
        }
        // A schema comes with a subject that is the resource's own.
        let lifecycle = lifecycle.or(wish.schema.is_some().then_some(Lifecycle::Strong));
        let schema = match wish.schema {
            Some(body) => {
                let options = register_options(&body, wish.normalize.unwrap_or(false), false)?;
                Some(AssociatedSchema { subject: subject.clone(), schema: new_schema(body)?, options })
            }
            None => None,
        };
        let guid = Guid(uuid::Uuid::new_v4().into_bytes());
        let wish = AssociationWish { guid, subject, role, lifecycle, frozen: wish.frozen };
        let change = if is_create { AssociationChange::Create(wish) } else { AssociationChange::Upsert(wish) };
        Ok((change, schema))
    }

    pub(super) fn association_filter(&self) -> Result<AssociationFilter, ServiceError> {
        Ok(AssociationFilter {
            kind: self.request.query("resourceType").map(str::to_owned),
            roles: self.request.queries("associationType"),
            lifecycle: self.request.query("lifecycle").map(lifecycle).transpose()?,
        })
    }
}

fn role_of(change: &AssociationChange) -> &str {
    match change {
        AssociationChange::Create(wish) | AssociationChange::Upsert(wish) => &wish.role,
        AssociationChange::Delete { role, .. } => role,
    }
}

fn response(resource: &Resource, rows: &[AssociationRow]) -> AssociationResponse {
    let info = |row: &AssociationRow| AssociationInfo {
        subject: row.subject.qualified(),
        association_type: row.role.clone(),
        lifecycle: row.lifecycle.name().to_owned(),
        frozen: row.frozen,
        schema: None,
    };
    AssociationResponse {
        resource_name: Some(resource.name.clone()),
        resource_namespace: Some(resource.namespace.clone()),
        resource_id: Some(resource.id.clone()),
        resource_type: Some(resource.kind.clone()),
        associations: rows.iter().map(info).collect(),
    }
}

fn association_body(row: &AssociationRow) -> AssociationBody {
    AssociationBody {
        subject: row.subject.qualified(),
        guid: row.guid.to_string(),
        resource_name: row.resource.name.clone(),
        resource_namespace: row.resource.namespace.clone(),
        resource_id: row.resource.id.clone(),
        resource_type: row.resource.kind.clone(),
        association_type: row.role.clone(),
        lifecycle: row.lifecycle.name().to_owned(),
        frozen: row.frozen,
    }
}

fn result(answer: Result<AssociationResponse, ServiceError>) -> AssociationResult {
    match answer {
        Ok(result) => AssociationResult { error: None, result: Some(result) },
        Err(error) => {
            let error = ErrorBody { error_code: error.code.0, message: error.message };
            AssociationResult { error: Some(error), result: None }
        }
    }
}

fn lifecycle(name: &str) -> Result<Lifecycle, ServiceError> {
    Lifecycle::from_name(name).ok_or_else(|| invalid("lifecycle", "must be STRONG or WEAK"))
}

fn checked(text: Option<String>, property: &str) -> Result<String, ServiceError> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Err(invalid(property, "cannot be null or empty"));
    }
    if text.len() > RESOURCE_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(invalid(property, "is too long or has control characters"));
    }
    Ok(text)
}

fn check_batch(count: usize) -> Result<(), ServiceError> {
    if count <= BATCH_COUNT_MAX {
        return Ok(());
    }
    Err(invalid("requests", &format!("has {count} parts; {BATCH_COUNT_MAX} are allowed")))
}

fn invalid(property: &str, detail: &str) -> ServiceError {
    let message = format!("The association specified an invalid value for property: '{property}', detail: {detail}");
    ServiceError::new(code::INVALID_ASSOCIATION, message)
}
