//! Inline tags: bodies to and from the words of `schema`, and the operation that registers a version again.

use std::collections::BTreeSet;

use proto::error_code as code;
use proto::rest::{SchemaEntityBody, SchemaTagsBody, TagRequest};
use schema::tags::{self, Tagged};

use super::convert::{metadata_of, register_options, rule_set};
use crate::doors::on::{Answer, On};
use crate::service::{FoundSchema, Registered, RuleChange, ServiceError, VersionChange, VersionSpec};

impl On<'_> {
    /// Registers a version again with other tags, metadata or rules.
    pub(super) async fn tag_version(&self) -> Answer {
        let body: TagRequest = self.request.json_body()?;
        let rules = match (body.rule_set, body.rules_to_merge, body.rules_to_remove) {
            (Some(given), None, removed) if removed.is_empty() => RuleChange::Replace(rule_set(given)?),
            (Some(_), ..) => {
                let message = "ruleSet cannot be given together with rulesToMerge or rulesToRemove";
                return Err(ServiceError::new(code::INVALID_RULE_SET, message));
            }
            (None, merged, remove) => RuleChange::Edit { merge: merged.map(rule_set).transpose()?.flatten(), remove },
        };
        let change = VersionChange {
            tags_to_add: body.tags_to_add.into_iter().map(tagged).collect(),
            tags_to_remove: body.tags_to_remove.into_iter().map(tagged).collect(),
            metadata: body.metadata.and_then(metadata_of),
            rules,
        };
        let asked = proto::rest::RegisterRequest { version: body.new_version, ..Default::default() };
        let options = register_options(&asked, self.request.query_flag("normalize"), false)?;
        let spec = VersionSpec::parse(self.parameter("version"))?;
        let subject = self.subject_in_path()?;
        let include = self.include_one();
        let registered =
            self.front.service.change_version(self.caller, &subject, spec, include, &change, options).await?;
        // It was made of the version that was changed, too.
        self.registered_body(Registered { provenance: None, ..registered }).await
    }

    /// The things in a schema that carry one of the tags that `findTags` asks for.
    pub(super) fn tags_of(&self, found: &FoundSchema) -> Vec<SchemaTagsBody> {
        let wanted: BTreeSet<String> =
            self.request.query_values("findTags").iter().flat_map(|tags| tags.split(',')).map(str::to_owned).collect();
        tags::find(found.format, &found.content.text, &wanted).into_iter().map(tags_body).collect()
    }
}

/// Tags as a request names them.
pub(super) fn tagged(body: SchemaTagsBody) -> Tagged {
    let SchemaTagsBody { schema_entity: SchemaEntityBody { entity_path, entity_type }, tags } = body;
    Tagged { path: entity_path, kind: entity_type, tags }
}

fn tags_body(tagged: Tagged) -> SchemaTagsBody {
    let Tagged { path, kind, tags } = tagged;
    SchemaTagsBody { schema_entity: SchemaEntityBody { entity_path: path, entity_type: kind }, tags }
}
