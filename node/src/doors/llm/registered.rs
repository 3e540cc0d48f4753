//! Projections of registered schemas, and answers judged by them.

use ::llm::envelope::{self, Described};
use ::llm::{Dialect, Options, Projection};
use proto::error_code as code;
use proto::llm::OutputCheckRequest;
use registry::{Include, SchemaId};
use serde_json::{Value, json};

use super::convert::{judging_of, parse_options, sent_answer};
use super::{dialect_named, refusal_reply};
use crate::doors::http::reply::Reply;
use crate::doors::on::{Answer, On};
use crate::service::{FoundSchema, ServiceError, Tracked, VersionSpec};

/// Longest name that is made of a subject's.
const NAME_LENGTH_MAX: usize = 64;

/// A projection as answers show it.
pub(super) fn projection_body(dialect: &Dialect, projection: &Projection) -> Value {
    json!({
        "dialect": dialect.id,
        "schema": projection.schema,
        "losses": projection.losses,
        "class": projection.losses.iter().map(::llm::Loss::class).max().unwrap_or(::llm::Class::Exact),
        "inverse": projection.inverse,
        "stats": projection.stats,
        "digest": projection.digest,
    })
}

/// A name that every provider takes, made of a subject's.
fn name_of(subject: &str) -> String {
    let letters = subject.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
    let name: String = letters.take(NAME_LENGTH_MAX).collect();
    if name.is_empty() {
        return "schema".to_owned();
    }
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("_{}", &name[..name.len().min(NAME_LENGTH_MAX - 1)])
    } else {
        name
    }
}

impl On<'_> {
    async fn version_named(&self) -> Result<(Tracked<FoundSchema>, bool), ServiceError> {
        let spec = VersionSpec::parse(self.parameter("version"))?;
        let found = self.front.service.show_version(self.caller, &self.subject_in_path()?, spec, Include::Live).await?;
        Ok((found, matches!(spec, VersionSpec::Number(_))))
    }

    pub(super) async fn projection_of_version(&self) -> Answer {
        let dialect = self.show_dialect()?;
        let (found, is_fixed) = self.version_named().await?;
        self.projection_of(dialect, found, is_fixed).await
    }

    pub(super) async fn projection_of_id(&self) -> Answer {
        let dialect = self.show_dialect()?;
        let id = self.parameter("id").parse::<u32>().ok().filter(|id| *id > 0).map(SchemaId).ok_or_else(|| {
            ServiceError::new(code::NOT_FOUND, "HTTP 404 Not Found: a schema id is a number from 1 on")
        })?;
        let subject = self.subject_parameter()?;
        let found = self.front.service.schema_by_id(self.caller, subject.as_ref(), id).await?;
        self.projection_of(dialect, found, true).await
    }

    /// Options in the query, with the names that they have in a body.
    fn options_asked(&self) -> Result<Options, ServiceError> {
        let mut given = json!({});
        for name in ["inline", "jsonString"] {
            if self.request.query_value(name).is_some() {
                given[name] = json!(self.request.query_flag(name));
            }
        }
        if let Some(unroll) = self.request.query_value("unroll") {
            given["unroll"] = unroll.parse::<u32>().map_or_else(|_| json!(unroll), |unroll| json!(unroll));
        }
        if let Some(int64) = self.request.query_value("int64") {
            given["int64"] = json!(int64);
        }
        parse_options(given)
    }

    async fn projection_of(&self, dialect: &'static Dialect, found: Tracked<FoundSchema>, is_fixed: bool) -> Answer {
        let Tracked { found, provenance } = found;
        let service = &self.front.service;
        let options = self.options_asked()?;
        let contract = service.contract_of(self.caller, &found).await?;
        let projection = match service.project_contract(self.caller, &contract, dialect, options).await? {
            Ok(projection) => projection,
            Err(refusal) => return Ok(refusal_reply(&refusal)),
        };
        let own = || match &found.subject {
            Some(subject) => name_of(&subject.name),
            None => format!("schema_{}", found.id.0),
        };
        let name = self.request.query_value("name").map_or_else(own, str::to_owned);
        let description = self.request.query_value("description").or_else(|| projection.schema["description"].as_str());
        let described = Described { name: &name, description };
        let body = match self.request.query_value("as") {
            None => Ok(projection_body(dialect, &projection)),
            Some("tool") => envelope::tool(dialect, described, &projection.schema),
            Some("format") => envelope::answer(dialect, described, &projection.schema),
            Some(other) => {
                let message =
                    format!("as is tool or format, not \"{other}\"; without it the whole projection is answered");
                return Err(ServiceError::new(code::UNPROCESSABLE, message));
            }
        };
        match body {
            Err(refusal) => Ok(refusal_reply(&refusal)),
            // A name without a date means another dialect one day, and a soft deletion hides a version.
            Ok(body) if is_fixed && self.parameter("dialect") == dialect.id && !found.deleted => {
                let reply = Reply::json_body(&body);
                let tag = reply.body_tag();
                Ok(self.kept_reply(reply.with_immutable_tag(tag), provenance))
            }
            Ok(body) => Ok(self.kept_reply(Reply::json_body(&body).with_tag_of_body(), provenance)),
        }
    }

    pub(super) async fn check_output(&self) -> Answer {
        let request: OutputCheckRequest = self.request.json_body()?;
        let answer = sent_answer(request.value, request.text, request.response)?;
        let judging = match dialect_named(&request.dialect) {
            Ok(dialect) => judging_of(dialect, request.options, request.policy.as_deref(), request.without)?,
            Err(refusal) => return Ok(refusal_reply(&refusal)),
        };
        let (Tracked { found, .. }, _) = self.version_named().await?;
        let service = &self.front.service;
        let contract = service.contract_of(self.caller, &found).await?;
        match service.check_answer(self.caller, &contract, judging, answer).await? {
            Ok(report) => Ok(Reply::json_body(&report)),
            Err(refusal) => Ok(refusal_reply(&refusal)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_made_of_a_subject_is_one_for_every_provider() {
        for subject in ["orders-value", "get weather!", "1st", "", &"é9".repeat(100), "8".repeat(80).as_str()] {
            let name = name_of(subject);
            for dialect in ::llm::dialects::all() {
                assert!(dialect.allows_tool_name(&name), "{name} for {}", dialect.id);
            }
        }
    }
}
