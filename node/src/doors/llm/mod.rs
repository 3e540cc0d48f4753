//! Schemas for language models over HTTP: bodies and parameters to the service, projections and reports back.

mod convert;
mod registered;

use ::llm::{Dialect, Refusal, dialects};
use proto::error_code as code;
use proto::llm::{CheckRequest, LintRequest, ProjectionRequest, RestoreRequest};
use proto::operations::Llm as Op;
use serde_json::{Value, json};

use super::http::reply::Reply;
use super::on::{Answer, On};
use crate::service::{Judging, SentAnswer, ServiceError};
use convert::{judging, options, policy, sent, source};

/// Answers an operation.
pub(super) async fn answer(on: On<'_>, operation: Op) -> Answer {
    match operation {
        Op::ListDialects => Ok(Reply::json(&json!({"dialects": dialects::all()})).tagged()),
        Op::GetDialect => Ok(Reply::json(on.dialect()?).tagged()),
        Op::Project => on.project().await,
        Op::Restore => on.restore().await,
        Op::CheckAnswer => on.check_answer().await,
        Op::LintSchema => on.lint_schema().await,
        Op::GetProjection => on.projection_of_version().await,
        Op::GetProjectionById => on.projection_of_id().await,
        Op::CheckOutput => on.check_output().await,
    }
}

/// A refusal of a projection: 422, with its code and place.
pub(super) fn refused(refusal: &Refusal) -> Reply {
    let error = ServiceError::new(code::PROJECTION_REFUSED, refusal.to_string());
    Reply::error_with(&error, &json!({"code": refusal.code, "pointer": refusal.pointer}))
}

/// The dialect of this name in a body.
pub(super) fn named(name: &str) -> Result<&'static Dialect, Refusal> {
    dialects::find(name).ok_or_else(|| {
        let known: Vec<&str> = dialects::all().iter().map(|dialect| dialect.id.as_str()).collect();
        let message = format!("there is no dialect \"{name}\": the dialects are {}", known.join(", "));
        Refusal { code: "dialect-unknown".to_owned(), pointer: String::new(), message }
    })
}

impl On<'_> {
    /// The dialect that the path names.
    fn dialect(&self) -> Result<&'static Dialect, ServiceError> {
        let name = self.parameter("dialect");
        named(name).map_err(|refusal| ServiceError::new(code::DIALECT_NOT_FOUND, refusal.message))
    }

    async fn project(&self) -> Answer {
        let request: ProjectionRequest = self.request.json()?;
        let dialect = match named(&request.dialect) {
            Ok(dialect) => dialect,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        let options = options(request.options)?;
        let source = source(request.schema, request.schema_type.as_deref(), request.references)?;
        let service = &self.front.service;
        let contract = service.contract(self.caller, source).await?;
        match service.projection(self.caller, &contract, dialect, options).await? {
            Ok(projection) => Ok(Reply::json(&registered::body(dialect, &projection)).tagged()),
            Err(refusal) => Ok(refused(&refusal)),
        }
    }

    async fn restore(&self) -> Answer {
        let request: RestoreRequest = self.request.json()?;
        let dialect = match named(&request.dialect) {
            Ok(dialect) => dialect,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        let judging = Judging {
            dialect,
            options: options(request.options)?,
            policy: policy(request.policy.as_deref())?,
            without: request.without,
        };
        let source = source(request.schema, request.schema_type.as_deref(), request.references)?;
        let service = &self.front.service;
        let contract = service.contract(self.caller, source).await?;
        let value = SentAnswer::Value(request.value.clone());
        let report = match service.check_answer(self.caller, &contract, judging.clone(), value).await? {
            Ok(report) => report,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        if let Some(value) = &report.value {
            return Ok(Reply::json(&json!({
                "value": value, "repairs": report.repairs, "status": report.status, "errors": [],
            })));
        }
        // What is not valid comes back all the same, as far as it goes: the caller sees what is wrong with it.
        let Judging { dialect, options, .. } = judging;
        match service.projection(self.caller, &contract, dialect, options).await? {
            Err(refusal) => Ok(refused(&refusal)),
            Ok(projection) => match contract.source().restore(&projection, request.value) {
                Ok(value) => Ok(Reply::json(&json!({
                    "value": value, "repairs": [], "status": report.status, "errors": report.errors,
                }))),
                Err(problem) => {
                    let error = ServiceError::new(code::NOT_RESTORABLE, problem.to_string());
                    Ok(Reply::error_with(&error, &json!({"code": "not-restorable", "pointer": problem.pointer})))
                }
            },
        }
    }

    async fn check_answer(&self) -> Answer {
        let request: CheckRequest = self.request.json()?;
        let answer = sent(request.value, request.text, request.response)?;
        let source = source(request.schema, request.schema_type.as_deref(), request.references)?;
        let judging = match named(&request.dialect) {
            Ok(dialect) => judging(dialect, request.options, request.policy.as_deref(), request.without)?,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        let contract = self.front.service.contract(self.caller, source).await?;
        match self.front.service.check_answer(self.caller, &contract, judging, answer).await? {
            Ok(report) => Ok(Reply::json(&report)),
            Err(refusal) => Ok(refused(&refusal)),
        }
    }

    async fn lint_schema(&self) -> Answer {
        let request: LintRequest = self.request.json()?;
        let options = options(request.options)?;
        let wanted: Result<Vec<_>, _> = request.dialects.iter().map(|name| named(name)).collect();
        let wanted = match wanted {
            Ok(wanted) if wanted.is_empty() => dialects::all().iter().collect(),
            Ok(wanted) => wanted,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        let source = source(request.schema, request.schema_type.as_deref(), request.references)?;
        let contract = self.front.service.contract(self.caller, source).await?;
        let about = ::llm::lint::About { name: request.name, description: request.description };
        let findings = self.front.service.lint_contract(self.caller, &contract, wanted, options, about).await?;
        if self.request.query("format") == Some("sarif") {
            return Ok(Reply::json(&::llm::lint::sarif(&findings, env!("CARGO_PKG_VERSION"))));
        }
        let worst: Option<Value> = findings.iter().map(|finding| finding.severity).max().map(|worst| json!(worst));
        Ok(Reply::json(&json!({"findings": findings, "worst": worst})))
    }
}
