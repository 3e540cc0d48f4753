//! The associations of the Confluent API: read what is asked, call the service, shape the answer.

use proto::associations::{
    AssociationBatch, AssociationBatchGet, AssociationBatchResponse, AssociationBody, AssociationInfo,
    AssociationQuestion, AssociationRequest, AssociationResponse, AssociationResult, AssociationWishBody,
};
use proto::rest::{ErrorBody, SchemaBody};
use registry::{AssociationChange, AssociationRow, Context, Include, Resource, Subject};

use super::convert::{new_schema, register_options};
use crate::doors::http::reply::Reply;
use crate::doors::on::{Answer, On};
use crate::service::{
    AssociationFilter, AssociationPlan, AssociationQuery, Caller, Meaning, ResourceRequest, ServiceError, VersionSpec,
    WantedAssociation, check_batch, invalid_association, lifecycle_named, plan_request,
};

impl On<'_> {
    pub(super) async fn create_associations(&self) -> Answer {
        let body = self.request.json_body()?;
        self.change_associations(body, Meaning::Create, self.caller).await.map(|body| Reply::json_body(&body))
    }

    pub(super) async fn put_associations(&self) -> Answer {
        let resource_id = self.parameter("resourceId");
        let mut body: AssociationRequest = self.request.json_body()?;
        body.resource_id.get_or_insert_with(|| resource_id.to_owned());
        if body.resource_id.as_deref() != Some(resource_id) {
            return Err(invalid_association("resourceId", "must be that of the path"));
        }
        self.change_associations(body, Meaning::Upsert, self.caller).await.map(|body| Reply::json_body(&body))
    }

    pub(super) async fn delete_associations(&self) -> Answer {
        let wanted = AssociationQuery::Resource(self.parameter("resourceId").to_owned());
        let found = self.front.service.find_associations(self.caller, &wanted, &self.association_filter()?).await?;
        let cascade = self.request.query_flag("cascadeLifecycle");
        if let Some(first) = found.first() {
            let resource = first.resource.clone();
            let changes: Vec<_> =
                found.into_iter().map(|row| AssociationChange::Delete { role: row.role, cascade }).collect();
            let dry_run = self.request.query_flag("dryRun");
            self.front.service.change_associations(self.caller, &resource, &changes, &[], dry_run).await?;
        }
        Ok(Reply::no_content())
    }

    pub(super) async fn list_associations(&self, wanted: AssociationQuery) -> Answer {
        let found = self.front.service.find_associations(self.caller, &wanted, &self.association_filter()?).await?;
        let bodies = found.iter().map(association_body).collect();
        Ok(Reply::json_body(&self.request.page_of(bodies, usize::MAX)))
    }

    pub(super) async fn associations_by_name(&self) -> Answer {
        let any = |name: &str| Some(self.parameter(name).to_owned()).filter(|text| text != "-");
        self.list_associations(AssociationQuery::Named { name: any("name"), namespace: any("namespace") }).await
    }

    /// The same by query, as clients of the 0.4 line of Rust's `schema-registry-client` ask before every message.
    pub(super) async fn find_associations(&self) -> Answer {
        let any =
            |name: &str| self.request.query_value(name).filter(|text| !matches!(*text, "" | "-")).map(str::to_owned);
        let wanted = AssociationQuery::Named { name: any("resourceName"), namespace: any("resourceNamespace") };
        self.list_associations(wanted).await
    }

    pub(super) async fn associations_of_subject(&self) -> Answer {
        self.list_associations(AssociationQuery::Subject(self.subject_in_path()?)).await
    }

    pub(super) async fn mutate_associations(&self) -> Answer {
        let batch: AssociationBatch = self.request.json_body()?;
        check_batch(batch.requests.len())?;
        // Who may not do one part does none: that is seen before anything is changed.
        for request in &batch.requests {
            let planned = plan_request(
                wanted_resource(request.clone())?,
                Meaning::Upsert,
                &self.association_context()?,
                true,
                self.front.service.random(),
            );
            if let Ok(AssociationPlan { resource, changes, schemas, .. }) = planned {
                self.front.service.authorize_associations(self.caller, &resource, &changes, &schemas)?;
            }
        }
        let mut results = Vec::new();
        for (number, request) in batch.requests.into_iter().enumerate() {
            // Each part is a change of its own, under its own request id.
            let request_id = registry::RequestId(format!("{}:{number}", self.caller.request_id));
            let caller = Caller { request_id, ..self.caller.clone() };
            results.push(result_body(self.change_associations(request, Meaning::Upsert, &caller).await));
        }
        Ok(Reply::multi_status(&AssociationBatchResponse { results }))
    }

    pub(super) async fn get_associations(&self) -> Answer {
        let batch: AssociationBatchGet = self.request.json_body()?;
        check_batch(batch.requests.len())?;
        let mut results = Vec::new();
        for question in batch.requests {
            results.push(result_body(self.answer_question(question).await));
        }
        Ok(Reply::multi_status(&AssociationBatchResponse { results }))
    }

    async fn answer_question(&self, question: AssociationQuestion) -> Result<AssociationResponse, ServiceError> {
        let AssociationQuestion { resource_name, resource_namespace, resource_id, resource_type, .. } = question;
        let any = |text: Option<String>| text.filter(|text| text != "-");
        let wanted = match resource_id.filter(|id| !id.is_empty()) {
            Some(id) => AssociationQuery::Resource(id),
            None => AssociationQuery::Named { name: any(resource_name), namespace: any(resource_namespace) },
        };
        let filter = AssociationFilter {
            kind: resource_type.filter(|kind| !kind.is_empty()),
            roles: question.association_types.unwrap_or_default(),
            lifecycle: question.lifecycle.as_deref().map(lifecycle_named).transpose()?,
        };
        let mut found = self.front.service.find_associations(self.caller, &wanted, &filter).await?;
        let Some(resource) = found.first().map(|row| row.resource.clone()) else {
            return Ok(AssociationResponse::default());
        };
        found.retain(|row| row.resource == resource);
        let mut body = response_body(&resource, &found);
        if self.request.query_flag("includeSchemas") {
            for (info, row) in body.associations.iter_mut().zip(&found) {
                info.schema = self.latest_of(&row.subject).await?;
            }
        }
        Ok(body)
    }

    async fn latest_of(&self, subject: &Subject) -> Result<Option<SchemaBody>, ServiceError> {
        if !self.front.service.may_read(self.caller, subject)? {
            return Ok(None);
        }
        match self.front.service.show_version(self.caller, subject, VersionSpec::Latest, Include::Live).await {
            Ok(tracked) => Ok(Some(self.schema_body_of(&tracked.found))),
            Err(error) if error.is_negative() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn change_associations(
        &self,
        request: AssociationRequest,
        meaning: Meaning,
        caller: &Caller,
    ) -> Result<AssociationResponse, ServiceError> {
        let dry_run = self.request.query_flag("dryRun");
        let context = self.association_context()?;
        let planned = plan_request(wanted_resource(request)?, meaning, &context, dry_run, self.front.service.random())?;
        let AssociationPlan { resource, changes, schemas } = &planned;
        let mut rows = self.front.service.change_associations(caller, resource, changes, schemas, dry_run).await?;
        rows.retain(|row| planned.has_role(&row.role));
        let mut body = response_body(resource, &rows);
        for (info, row) in body.associations.iter_mut().zip(&rows) {
            if !dry_run && schemas.iter().any(|schema| schema.subject == row.subject) {
                info.schema = self.latest_of(&row.subject).await?;
            }
        }
        Ok(body)
    }

    /// The context of subjects that name none.
    fn association_context(&self) -> Result<Context, ServiceError> {
        let context = self.request.query_value("context").map(Context::parse).transpose()?;
        Ok(context.unwrap_or_else(Context::default_context))
    }

    pub(super) fn association_filter(&self) -> Result<AssociationFilter, ServiceError> {
        Ok(AssociationFilter {
            kind: self.request.query_value("resourceType").map(str::to_owned),
            roles: self.request.query_values("associationType"),
            lifecycle: self.request.query_value("lifecycle").map(lifecycle_named).transpose()?,
        })
    }
}

/// What a body asks for.
fn wanted_resource(request: AssociationRequest) -> Result<ResourceRequest, ServiceError> {
    let AssociationRequest { resource_name, resource_namespace, resource_id, resource_type, associations, .. } =
        request;
    let association = |body: AssociationWishBody| {
        let schema = match body.schema {
            Some(schema) => {
                let options = register_options(&schema, body.normalize.unwrap_or(false), false)?;
                Some((new_schema(schema)?, options))
            }
            None => None,
        };
        Ok::<_, ServiceError>(WantedAssociation {
            subject: body.subject,
            role: body.association_type,
            lifecycle: body.lifecycle,
            frozen: body.frozen,
            operation: body.op_type,
            cascade: body.cascade_lifecycle.unwrap_or(false),
            schema,
        })
    };
    Ok(ResourceRequest {
        name: resource_name,
        namespace: resource_namespace,
        id: resource_id,
        kind: resource_type,
        associations: associations.unwrap_or_default().into_iter().map(association).collect::<Result<_, _>>()?,
    })
}

fn response_body(resource: &Resource, rows: &[AssociationRow]) -> AssociationResponse {
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

fn result_body(answer: Result<AssociationResponse, ServiceError>) -> AssociationResult {
    match answer {
        Ok(result) => AssociationResult { error: None, result: Some(result) },
        Err(error) => {
            let error = ErrorBody { error_code: error.code.0, message: error.message };
            AssociationResult { error: Some(error), result: None }
        }
    }
}
