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
use convert::{judging_of, parse_options, policy_named, sent_answer, source_of};

/// Answers an operation.
pub(super) async fn answer_llm(on: On<'_>, operation: Op) -> Answer {
    match operation {
        Op::ListDialects => Ok(Reply::json_body(&json!({"dialects": dialects::all()})).with_tag_of_body()),
        Op::GetDialect => Ok(Reply::json_body(on.show_dialect()?).with_tag_of_body()),
        Op::Project => on.project_schema().await,
        Op::Restore => on.restore_value().await,
        Op::CheckAnswer => on.check_answer().await,
        Op::LintSchema => on.lint_schema().await,
        Op::GetProjection => on.projection_of_version().await,
        Op::GetProjectionById => on.projection_of_id().await,
        Op::CheckOutput => on.check_output().await,
    }
}

/// A refusal of a projection: 422, with its code and place.
pub(super) fn refusal_reply(refusal: &Refusal) -> Reply {
    let error = ServiceError::new(code::PROJECTION_REFUSED, refusal.to_string());
    Reply::error_with(&error, &json!({"code": refusal.code, "pointer": refusal.pointer}))
}

/// The dialect of this name in a body.
pub(super) fn dialect_named(name: &str) -> Result<&'static Dialect, Refusal> {
    dialects::find(name).ok_or_else(|| {
        let known: Vec<&str> = dialects::all().iter().map(|dialect| dialect.id.as_str()).collect();
        let message = format!("there is no dialect \"{name}\": the dialects are {}", known.join(", "));
        Refusal { code: "dialect-unknown".to_owned(), pointer: String::new(), message }
    })
}

impl On<'_> {
    /// The dialect that the path names.
    fn show_dialect(&self) -> Result<&'static Dialect, ServiceError> {
        let name = self.parameter("dialect");
        dialect_named(name).map_err(|refusal| ServiceError::new(code::DIALECT_NOT_FOUND, refusal.message))
    }

    async fn project_schema(&self) -> Answer {
        let request: ProjectionRequest = self.request.json_body()?;
        let dialect = match dialect_named(&request.dialect) {
            Ok(dialect) => dialect,
            Err(refusal) => return Ok(refusal_reply(&refusal)),
        };
        let options = parse_options(request.options)?;
        let source = source_of(request.schema, request.schema_type.as_deref(), request.references)?;
        let service = &self.front.service;
        let contract = service.contract_of_source(self.caller, source).await?;
        match service.project_contract(self.caller, &contract, dialect, options).await? {
            Ok(projection) => {
                Ok(Reply::json_body(&registered::projection_body(dialect, &projection)).with_tag_of_body())
            }
            Err(refusal) => Ok(refusal_reply(&refusal)),
        }
    }

    async fn restore_value(&self) -> Answer {
        let request: RestoreRequest = self.request.json_body()?;
        let dialect = match dialect_named(&request.dialect) {
            Ok(dialect) => dialect,
            Err(refusal) => return Ok(refusal_reply(&refusal)),
        };
        let judging = Judging {
            dialect,
            options: parse_options(request.options)?,
            policy: policy_named(request.policy.as_deref())?,
            without: request.without,
        };
        let source = source_of(request.schema, request.schema_type.as_deref(), request.references)?;
        let service = &self.front.service;
        let contract = service.contract_of_source(self.caller, source).await?;
        let value = SentAnswer::Value(request.value.clone());
        let report = match service.check_answer(self.caller, &contract, judging.clone(), value).await? {
            Ok(report) => report,
            Err(refusal) => return Ok(refusal_reply(&refusal)),
        };
        if let Some(value) = &report.value {
            return Ok(Reply::json_body(&json!({
                "value": value, "repairs": report.repairs, "status": report.status, "errors": [],
            })));
        }
        // What is not valid comes back all the same, as far as it goes: the caller sees what is wrong with it.
        let Judging { dialect, options, .. } = judging;
        match service.project_contract(self.caller, &contract, dialect, options).await? {
            Err(refusal) => Ok(refusal_reply(&refusal)),
            Ok(projection) => match contract.source().restore(&projection, request.value) {
                Ok(value) => Ok(Reply::json_body(&json!({
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
        let request: CheckRequest = self.request.json_body()?;
        let answer = sent_answer(request.value, request.text, request.response)?;
        let source = source_of(request.schema, request.schema_type.as_deref(), request.references)?;
        let judging = match dialect_named(&request.dialect) {
            Ok(dialect) => judging_of(dialect, request.options, request.policy.as_deref(), request.without)?,
            Err(refusal) => return Ok(refusal_reply(&refusal)),
        };
        let contract = self.front.service.contract_of_source(self.caller, source).await?;
        match self.front.service.check_answer(self.caller, &contract, judging, answer).await? {
            Ok(report) => Ok(Reply::json_body(&report)),
            Err(refusal) => Ok(refusal_reply(&refusal)),
        }
    }

    async fn lint_schema(&self) -> Answer {
        let request: LintRequest = self.request.json_body()?;
        let options = parse_options(request.options)?;
        let wanted: Result<Vec<_>, _> = request.dialects.iter().map(|name| dialect_named(name)).collect();
        let wanted = match wanted {
            Ok(wanted) if wanted.is_empty() => dialects::all().iter().collect(),
            Ok(wanted) => wanted,
            Err(refusal) => return Ok(refusal_reply(&refusal)),
        };
        let source = source_of(request.schema, request.schema_type.as_deref(), request.references)?;
        let contract = self.front.service.contract_of_source(self.caller, source).await?;
        let about = ::llm::lint::About { name: request.name, description: request.description };
        let findings = self.front.service.lint_contract(self.caller, &contract, wanted, options, about).await?;
        if self.request.query_value("format") == Some("sarif") {
            return Ok(Reply::json_body(&::llm::lint::sarif(&findings, env!("CARGO_PKG_VERSION"))));
        }
        let worst: Option<Value> = findings.iter().map(|finding| finding.severity).max().map(|worst| json!(worst));
        Ok(Reply::json_body(&json!({"findings": findings, "worst": worst})))
    }
}
