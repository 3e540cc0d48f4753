//! Lists with filters: all schemas, and the metadata of a subject.

use std::collections::BTreeMap;

use proto::error_code as code;
use proto::rest::SchemaBody;
use registry::Subject;

use crate::doors::http::reply::Reply;
use crate::doors::on::{Answer, On};
use crate::service::{ListFilter, ServiceError, VersionList};

/// Most items in one answer of `/schemas`; also what it answers without a limit.
const SCHEMAS_PAGE_MAX: usize = 1_000;

impl On<'_> {
    pub(super) async fn list_schemas(&self) -> Answer {
        let prefix = self.subject_prefix();
        let service = &self.front.service;
        let list = VersionList {
            context: prefix.context,
            prefix: prefix.name,
            include: self.request.asks_deleted(),
            latest_only: self.request.query_flag("latestOnly"),
            filter: ListFilter {
                rule_type: self.request.query_value("ruleType").filter(|name| !name.is_empty()).map(str::to_owned),
                association: self.association_filter()?,
            },
        };
        let page = service.all_versions(self.caller, list, self.request.slice_asked(SCHEMAS_PAGE_MAX)).await?;
        let mut names: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
        if self.request.query_flag("aliases") {
            for (alias, subject) in service.list_aliases(self.caller).await? {
                names.entry(subject).or_default().push(alias.qualified());
            }
        }
        let bodies = page.iter().map(|found| SchemaBody {
            aliases: found.subject.as_ref().and_then(|subject| names.get(subject)).cloned().unwrap_or_default(),
            ..self.schema_body_of(found)
        });
        Ok(Reply::json_body(&bodies.collect::<Vec<_>>()))
    }

    /// The newest version whose metadata has all the properties that are asked for, in pairs of `key` and `value`.
    pub(super) async fn subject_metadata(&self) -> Answer {
        let subject = self.subject_in_path()?;
        let (keys, values) = (self.request.query_values("key"), self.request.query_values("value"));
        if keys.len() != values.len() {
            return Err(ServiceError::new(code::UNPROCESSABLE, "key and value come in pairs"));
        }
        let wanted = keys.into_iter().zip(values).collect();
        let found = self.front.service.with_metadata(self.caller, &subject, &wanted, self.include_one()).await?;
        let found = self.render_if_asked(found).await?;
        Ok(Reply::json_body(&self.schema_body_of(&found)))
    }
}
