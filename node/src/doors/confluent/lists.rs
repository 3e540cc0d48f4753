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
    pub(super) async fn schemas(&self) -> Answer {
        let prefix = self.prefix();
        let service = &self.front.service;
        let list = VersionList {
            context: prefix.context,
            prefix: prefix.name,
            include: self.request.include(),
            latest_only: self.request.flag("latestOnly"),
            filter: ListFilter {
                rule_type: self.request.query("ruleType").filter(|name| !name.is_empty()).map(str::to_owned),
                association: self.association_filter()?,
            },
        };
        let page = service.all_versions(self.caller, list, self.request.slice(SCHEMAS_PAGE_MAX)).await?;
        let mut names: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
        if self.request.flag("aliases") {
            for (alias, subject) in service.aliases(self.caller).await? {
                names.entry(subject).or_default().push(alias.qualified());
            }
        }
        let bodies = page.iter().map(|found| SchemaBody {
            aliases: found.subject.as_ref().and_then(|subject| names.get(subject)).cloned().unwrap_or_default(),
            ..self.body(found)
        });
        Ok(Reply::json(&bodies.collect::<Vec<_>>()))
    }

    /// The newest version whose metadata has all the properties that are asked for, in pairs of `key` and `value`.
    pub(super) async fn subject_metadata(&self) -> Answer {
        let subject = self.subject()?;
        let (keys, values) = (self.request.queries("key"), self.request.queries("value"));
        if keys.len() != values.len() {
            return Err(ServiceError::new(code::UNPROCESSABLE, "key and value come in pairs"));
        }
        let wanted = keys.into_iter().zip(values).collect();
        let found = self.front.service.with_metadata(self.caller, &subject, &wanted, self.include_one()).await?;
        let found = self.rendered(found).await?;
        Ok(Reply::json(&self.body(&found)))
    }
}
