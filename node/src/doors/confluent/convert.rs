//! Bodies of the REST API to and from the domain.

use proto::error_code as code;
use proto::rest::{
    ConfigBody, ConfigChangeBody, MetadataBody, ReferenceBody, RegisterRequest, RuleBody, RuleSetBody, SchemaBody,
};
use registry::{Config, ConfigPatch, ContentRow, SchemaId, Version};
use schema::compat::{Level, Policy};
use schema::{EnableAt, Format, Metadata, Reference, Rule, RuleKind, RuleMode, RuleSet};

use crate::service::{FoundSchema, NewSchema, RegisterOptions, ServiceError};

/// The schema that a request carries.
///
/// # Errors
/// 42201 for an unknown type or an incomplete reference, 42210 for rules that cannot be.
pub fn new_schema(request: RegisterRequest) -> Result<NewSchema, ServiceError> {
    let format = match request.schema_type.as_deref() {
        None | Some("") => Format::Avro,
        Some(name) => Format::from_name(name).ok_or_else(|| {
            ServiceError::new(code::INVALID_SCHEMA, format!("Invalid schema type {}", clip_text(name)))
        })?,
    };
    let references = request.references.into_iter().map(reference_of).collect::<Result<_, _>>()?;
    Ok(NewSchema {
        format,
        text: request.schema.unwrap_or_default(),
        references,
        metadata: request.metadata.and_then(metadata_of),
        rule_set: request.rule_set.map(rule_set).transpose()?.flatten(),
    })
}

/// The options that a request carries in its body.
///
/// # Errors
/// 42201 for a version or an id that cannot be one.
pub fn register_options(
    request: &RegisterRequest,
    normalize: bool,
    force: bool,
) -> Result<RegisterOptions, ServiceError> {
    let bad = |what: &str| ServiceError::new(code::INVALID_SCHEMA, format!("Invalid schema, details: {what}"));
    let latest_only = request.version == Some(-1);
    let version = match request.version {
        None | Some(0 | -1) => None,
        Some(number) => Some(Version::from_i32(number).ok_or_else(|| bad("version must be positive"))?),
    };
    let id = match request.id {
        None | Some(-1) => None,
        Some(id) => {
            Some(u32::try_from(id).ok().filter(|id| *id > 0).map(SchemaId).ok_or_else(|| bad("id must be positive"))?)
        }
    };
    Ok(RegisterOptions { normalize, force, version, latest_only, id })
}

fn reference_of(body: ReferenceBody) -> Result<Reference, ServiceError> {
    let missing = |what: &str| {
        ServiceError::new(code::INVALID_SCHEMA, format!("Invalid schema, details: a reference has no {what}"))
    };
    let text = |value: Option<String>, what| value.filter(|text| !text.is_empty()).ok_or_else(|| missing(what));
    Ok(Reference {
        name: text(body.name, "name")?,
        subject: text(body.subject, "subject")?,
        version: body.version.ok_or_else(|| missing("version"))?,
    })
}

/// Metadata; without any content it is absent.
pub fn metadata_of(body: MetadataBody) -> Option<Metadata> {
    let MetadataBody { tags, properties, sensitive } = body;
    let metadata = Metadata { tags, properties, sensitive };
    (metadata != Metadata::default()).then_some(metadata)
}

/// A rule set; without any content it is absent.
///
/// # Errors
/// 42210 for a value that is none of its kind.
pub fn rule_set(body: RuleSetBody) -> Result<Option<RuleSet>, ServiceError> {
    let rules = |bodies: Vec<RuleBody>| bodies.into_iter().map(rule_of).collect::<Result<Vec<_>, _>>();
    let set = RuleSet {
        migration_rules: rules(body.migration_rules)?,
        domain_rules: rules(body.domain_rules)?,
        encoding_rules: rules(body.encoding_rules)?,
        enable_at: parse_named(body.enable_at.as_deref(), EnableAt::from_name, "enableAt")?,
    };
    Ok((set != RuleSet::default()).then_some(set))
}

fn rule_of(body: RuleBody) -> Result<Rule, ServiceError> {
    Ok(Rule {
        name: body.name.ok_or_else(|| bad_rule("Missing rule name"))?,
        doc: body.doc,
        kind: parse_named(body.kind.as_deref(), RuleKind::from_name, "kind")?.or(Some(RuleKind::Transform)),
        mode: parse_named(body.mode.as_deref(), RuleMode::from_name, "mode")?.or(Some(RuleMode::WriteRead)),
        rule_type: body.rule_type.ok_or_else(|| bad_rule("Missing rule type"))?,
        tags: body.tags,
        params: body.params,
        expr: body.expr,
        on_success: body.on_success,
        on_failure: body.on_failure,
        disabled: body.disabled,
    })
}

fn parse_named<T>(
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    what: &str,
) -> Result<Option<T>, ServiceError> {
    text.filter(|text| !text.is_empty())
        .map(|text| parse(text).ok_or_else(|| bad_rule(&format!("Invalid {what} of a rule: {}", clip_text(text)))))
        .transpose()
}

fn bad_rule(message: &str) -> ServiceError {
    ServiceError::new(code::INVALID_RULE_SET, message)
}

fn clip_text(text: &str) -> String {
    text.chars().take(100).collect()
}

fn metadata_body(metadata: &Metadata) -> MetadataBody {
    let Metadata { tags, properties, sensitive } = metadata.clone();
    MetadataBody { tags, properties, sensitive }
}

fn rule_set_body(set: &RuleSet) -> RuleSetBody {
    let rules = |rules: &[Rule]| rules.iter().map(rule_body).collect();
    RuleSetBody {
        migration_rules: rules(&set.migration_rules),
        domain_rules: rules(&set.domain_rules),
        encoding_rules: rules(&set.encoding_rules),
        enable_at: set.enable_at.map(|enable_at| enable_at.name().to_owned()),
    }
}

fn rule_body(rule: &Rule) -> RuleBody {
    let rule = rule.clone();
    RuleBody {
        name: Some(rule.name),
        doc: rule.doc,
        kind: rule.kind.map(|kind| kind.name().to_owned()),
        mode: rule.mode.map(|mode| mode.name().to_owned()),
        rule_type: Some(rule.rule_type),
        tags: rule.tags,
        params: rule.params,
        expr: rule.expr,
        on_success: rule.on_success,
        on_failure: rule.on_failure,
        disabled: rule.disabled,
    }
}

/// A schema as answers show it: 8.x, or without what 7.x did not have.
pub fn schema_body(found: &FoundSchema, content: &ContentRow, legacy: bool) -> SchemaBody {
    let ContentRow { text, references, metadata, rule_set, .. } = content;
    let references = references.iter().map(|reference| ReferenceBody {
        name: Some(reference.name.clone()),
        subject: Some(reference.subject.clone()),
        version: Some(reference.version),
    });
    let omit_type = legacy && found.format == Format::Avro;
    SchemaBody {
        subject: found.subject.as_ref().map(registry::Subject::qualified),
        version: found.version.map(|version| version.0),
        id: Some(found.id.0),
        guid: (!legacy).then(|| found.guid.to_string()),
        schema_type: (!omit_type).then(|| found.format.name().to_owned()),
        references: references.collect(),
        metadata: metadata.as_ref().map(metadata_body),
        rule_set: rule_set.as_ref().map(rule_set_body),
        schema: Some(text.clone()),
        schema_tags: Vec::new(),
        aliases: Vec::new(),
        max_id: None,
        ts: (!legacy).then_some(found.created_ms),
        // An answer about an id alone never changes, so that it may be kept; a deletion is told where there is one.
        deleted: (!legacy && (found.deleted || found.subject.is_some())).then_some(found.deleted),
    }
}

/// What a request changes in a configuration; what it sets to `null` or to nothing goes.
///
/// # Errors
/// [`code::INVALID_COMPATIBILITY`] for an unknown level or policy, [`code::INVALID_RULE_SET`] for rules that cannot be.
pub fn config_patch(body: ConfigChangeBody) -> Result<ConfigPatch, ServiceError> {
    let compatibility_level = match body.compatibility.or(body.compatibility_level) {
        Some(Some(name)) => Some(Some(Level::from_name(&name).ok_or_else(invalid_level)?)),
        cleared => cleared.map(|_| None),
    };
    let rules = |change: Option<Option<RuleSetBody>>| match change {
        None => Ok(None),
        Some(None) => Ok(Some(None)),
        Some(Some(body)) => rule_set(body).map(Some),
    };
    let text = |change: Option<Option<String>>| change.map(|text| text.filter(|text| !text.is_empty()));
    Ok(ConfigPatch {
        alias: text(body.alias),
        alias_for_deks: text(body.alias_for_deks),
        normalize: body.normalize,
        validate_fields: body.validate_fields,
        validate_new_schemas: body.validate_new_schemas,
        validate_rules: body.validate_rules,
        compatibility_level,
        compatibility_policy: body
            .compatibility_policy
            .map(|name| name.as_deref().map(policy_named).transpose())
            .transpose()?,
        compatibility_group: text(body.compatibility_group),
        default_metadata: body.default_metadata.map(|body| body.and_then(metadata_of)),
        override_metadata: body.override_metadata.map(|body| body.and_then(metadata_of)),
        default_rule_set: rules(body.default_rule_set)?,
        override_rule_set: rules(body.override_rule_set)?,
    })
}

fn policy_named(name: &str) -> Result<Policy, ServiceError> {
    match name.to_ascii_uppercase().as_str() {
        "STRICT" => Ok(Policy::Strict),
        "LENIENT" => Ok(Policy::Lenient),
        _ => {
            let message = "Invalid compatibility policy. Valid values are STRICT and LENIENT; LOGICAL is not supported";
            Err(ServiceError::new(code::INVALID_COMPATIBILITY, message))
        }
    }
}

fn invalid_level() -> ServiceError {
    ServiceError::new(
        code::INVALID_COMPATIBILITY,
        "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, \
         forward_transitive, and full_transitive",
    )
}

/// A configuration as answers show it. PUT calls the level `compatibility`, GET and DELETE `compatibilityLevel`.
pub fn config_body(config: &Config, is_put: bool) -> ConfigBody {
    let level = config.compatibility_level.map(|level| match level {
        // Enums of Confluent clients do not know the eighth level.
        Level::Disabled => Level::None.name().to_owned(),
        level => level.name().to_owned(),
    });
    let (compatibility, compatibility_level) = if is_put { (level, None) } else { (None, level) };
    ConfigBody {
        alias: config.alias.clone(),
        alias_for_deks: config.alias_for_deks.clone(),
        normalize: config.normalize,
        validate_fields: config.validate_fields,
        validate_new_schemas: config.validate_new_schemas,
        validate_rules: config.validate_rules,
        compatibility,
        compatibility_level,
        compatibility_policy: config.compatibility_policy.map(|policy| match policy {
            Policy::Strict => "STRICT".to_owned(),
            Policy::Lenient => "LENIENT".to_owned(),
        }),
        compatibility_group: config.compatibility_group.clone(),
        default_metadata: config.default_metadata.as_ref().map(metadata_body),
        override_metadata: config.override_metadata.as_ref().map(metadata_body),
        default_rule_set: config.default_rule_set.as_ref().map(rule_set_body),
        override_rule_set: config.override_rule_set.as_ref().map(rule_set_body),
    }
}
