//! Lists with filters: all schemas, and the metadata of a subject.

use std::collections::BTreeMap;

use proto::error_code as code;
use proto::rest::SchemaBody;
use registry::{Include, Subject};

use super::handlers::{Answer, On};
use super::reply::Reply;
use crate::service::{AssociationQuery, FoundSchema, ServiceError};

/// Most items in one answer of `/schemas`; also what it answers without a limit.
const SCHEMAS_PAGE_MAX: usize = 1_000;

impl On<'_> {
    pub(super) async fn schemas(&self) -> Answer {
        let prefix = self.prefix();
        let (include, latest_only) = (self.request.include(), self.request.flag("latestOnly"));
        let service = &self.front.service;
        let found =
            service.all_versions(self.caller, prefix.context.as_ref(), &prefix.name, include, latest_only).await?;
        let rule_type = self.request.query("ruleType").filter(|rule_type| !rule_type.is_empty());
        let mut found: Vec<FoundSchema> =
            found.into_iter().filter(|found| rule_type.is_none_or(|wanted| has_rule(found, wanted))).collect();
        let filter = self.association_filter()?;
        if !filter.is_empty() {
            let wanted = AssociationQuery::Named { name: None, namespace: None };
            let ties = service.associations(self.caller, &wanted, &filter).await?;
            found.retain(|found| found.subject.as_ref().is_some_and(|s| ties.iter().any(|tie| tie.subject == *s)));
        }
        let mut names: BTreeMap<Subject, Vec<String>> = BTreeMap::new();
        if self.request.flag("aliases") {
            for (alias, subject) in service.aliases(self.caller).await? {
                names.entry(subject).or_default().push(alias.qualified());
            }
        }
        let page = self.request.page(found, SCHEMAS_PAGE_MAX);
        let bodies = page.iter().map(|found| SchemaBody {
            aliases: found.subject.as_ref().and_then(|subject| names.get(subject)).cloned().unwrap_or_default(),
            ..self.body(found)
        });
        Ok(Reply::json(&bodies.collect::<Vec<_>>()))
    }

    /// The newest version whose metadata has all the properties that are asked for, in pairs of `key` and `value`.
    pub(super) async fn subject_metadata(&self, subject: &str) -> Answer {
        let subject = Subject::parse(subject)?;
        let (keys, values) = (self.request.queries("key"), self.request.queries("value"));
        if keys.len() != values.len() {
            return Err(ServiceError::new(code::UNPROCESSABLE, "key and value come in pairs"));
        }
        let wanted = keys.into_iter().zip(values).collect();
        let include = if self.request.flag("deleted") { Include::All } else { Include::Live };
        let found = self.front.service.with_metadata(self.caller, &subject, &wanted, include).await?;
        let found = self.rendered(found).await?;
        Ok(Reply::json(&self.body(&found)))
    }
}

fn has_rule(found: &FoundSchema, rule_type: &str) -> bool {
    found.content.rule_set.as_ref().is_some_and(|set| {
        let mut rules = set.migration_rules.iter().chain(&set.domain_rules).chain(&set.encoding_rules);
        rules.any(|rule| rule.rule_type == rule_type)
    })
}
