//! The world as policies see it: the schema that they are validated against, and a request in its terms.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{
    Context as Facts, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use proto::operations::Permission;
use registry::{Principal, PrincipalKind, Subject, View, ViewError, query};

use super::{Origin, Target};

/// What policies may speak of. Every resource has the same attributes, so that a condition needs no test of the type; what
/// a resource does not have is empty.
const ENTITIES: &str = "\
entity Group;
entity User in [Group] { name: String, groups: Set<String>, authentication: String };
entity ServiceAccount in [Group] { name: String, groups: Set<String>, authentication: String };
entity Anonymous in [Group] { name: String, groups: Set<String>, authentication: String };
entity Subject { name: String, context: String, owner: String, state: String, labels: Set<String> } tags String;
entity Context { name: String, context: String, owner: String, state: String, labels: Set<String> } tags String;
entity Cluster { name: String, context: String, owner: String, state: String, labels: Set<String> } tags String;
";
const APPLIES_TO: &str = "appliesTo {
  principal: [User, ServiceAccount, Anonymous],
  resource: [Subject, Context, Cluster],
  context: { time_ms: Long, hour: Long, weekday: Long, address?: ipaddr }
};
";

/// The schema as a text, for the documentation and for those who write policies.
pub fn schema_text() -> String {
    let actions = Permission::ALL.iter().map(|permission| format!("action \"{}\" {APPLIES_TO}", permission.name()));
    std::iter::once(ENTITIES.to_owned()).chain(actions).collect()
}

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let (schema, _) = Schema::from_cedarschema_str(&schema_text()).expect("a test reads the schema");
    schema
});

struct Types {
    group: EntityTypeName,
    user: EntityTypeName,
    account: EntityTypeName,
    anonymous: EntityTypeName,
    subject: EntityTypeName,
    context: EntityTypeName,
    cluster: EntityTypeName,
    action: EntityTypeName,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let named = |name: &str| EntityTypeName::from_str(name).expect("a name of the schema");
    Types {
        group: named("Group"),
        user: named("User"),
        account: named("ServiceAccount"),
        anonymous: named("Anonymous"),
        subject: named("Subject"),
        context: named("Context"),
        cluster: named("Cluster"),
        action: named("Action"),
    }
});

/// What policies may ask about a subject besides its name: of its newest version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Attributes {
    properties: BTreeMap<String, String>,
    labels: BTreeSet<String>,
    state: String,
}

impl Attributes {
    /// Reads them.
    pub(super) fn of(view: &impl View, subject: &Subject) -> Result<Self, ViewError> {
        let Some((_, row)) = query::latest(view, subject)? else { return Ok(Self::default()) };
        let metadata = query::content_row(view, row.guid, row.format)?.and_then(|content| content.metadata);
        let metadata = metadata.unwrap_or_default();
        Ok(Self {
            // What is sealed is for nobody's policy to read.
            properties: metadata
                .properties
                .into_iter()
                .filter(|(name, _)| !metadata.sensitive.contains(name))
                .collect(),
            labels: metadata.tags.into_values().flatten().collect(),
            state: row.state.state().name().to_owned(),
        })
    }
}

#[cfg(test)]
impl Attributes {
    pub(super) fn tagged(name: &str, value: &str) -> Self {
        Self { properties: [(name.to_owned(), value.to_owned())].into(), ..Self::default() }
    }

    pub(super) fn owned_by(owner: &str) -> Self {
        Self::tagged("owner", owner)
    }
}

/// One question in the terms of the schema.
pub(super) struct Question {
    pub(super) request: Request,
    pub(super) entities: Entities,
}

/// Why a question cannot be put.
pub(super) type Unaskable = Box<dyn std::error::Error + Send + Sync>;

impl Question {
    pub(super) fn of(
        principal: &Principal,
        origin: &Origin,
        now_ms: u64,
        permission: Permission,
        target: Target<'_>,
        attributes: &Attributes,
    ) -> Result<Self, Unaskable> {
        let who = principal_entity(principal)?;
        let what = target_entity(target, attributes)?;
        let request = Request::new(
            who.uid(),
            entity_uid(&TYPES.action, permission.name()),
            what.uid(),
            request_facts(origin, now_ms)?,
            // Everything here is built to the schema; a test asks every permission of every kind of resource.
            None,
        )?;
        let entities = Entities::from_entities([who, what], None)?;
        Ok(Self { request, entities })
    }
}

fn entity_uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

pub(super) fn group_uid(name: &str) -> EntityUid {
    entity_uid(&TYPES.group, name)
}

pub(super) fn action_uid(permission: Permission) -> EntityUid {
    entity_uid(&TYPES.action, permission.name())
}

/// The name of the type of a principal.
pub(super) fn principal_uid(kind: PrincipalKind, name: &str) -> EntityUid {
    match kind {
        PrincipalKind::User => entity_uid(&TYPES.user, name),
        PrincipalKind::ServiceAccount | PrincipalKind::Node | PrincipalKind::System => entity_uid(&TYPES.account, name),
        PrincipalKind::Anonymous => entity_uid(&TYPES.anonymous, name),
    }
}

fn text_value(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn text_set<'a>(values: impl IntoIterator<Item = &'a String>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.into_iter().map(|value| text_value(value)))
}

fn principal_entity(principal: &Principal) -> Result<Entity, Unaskable> {
    let Principal { kind, name, groups, authentication } = principal;
    let attributes = [
        ("name".to_owned(), text_value(name)),
        ("groups".to_owned(), text_set(groups)),
        ("authentication".to_owned(), text_value(authentication.name())),
    ];
    let parents = groups.iter().map(|group| group_uid(group));
    Ok(Entity::new_with_tags(principal_uid(*kind, name), attributes, parents, [])?)
}

fn target_entity(target: Target<'_>, attributes: &Attributes) -> Result<Entity, Unaskable> {
    let (own, name, context) = match target {
        Target::Cluster => (entity_uid(&TYPES.cluster, "cluster"), "", ""),
        Target::Context(context) => (entity_uid(&TYPES.context, context.as_str()), "", context.as_str()),
        Target::Subject(subject) => {
            (entity_uid(&TYPES.subject, &subject.qualified()), subject.name.as_str(), subject.context.as_str())
        }
    };
    let Attributes { properties, labels, state } = attributes;
    let attributes = [
        ("name".to_owned(), text_value(name)),
        ("context".to_owned(), text_value(context)),
        ("owner".to_owned(), text_value(properties.get("owner").map_or("", String::as_str))),
        ("state".to_owned(), text_value(state)),
        ("labels".to_owned(), text_set(labels)),
    ];
    let tags = properties.iter().map(|(name, value)| (name.clone(), text_value(value)));
    Ok(Entity::new_with_tags(own, attributes, [], tags)?)
}

/// What a policy may ask about the moment: UTC; Monday is 1.
fn request_facts(origin: &Origin, now_ms: u64) -> Result<Facts, Unaskable> {
    const HOUR_MS: u64 = 60 * 60 * 1000;
    let long = |number: u64| RestrictedExpression::new_long(i64::try_from(number).unwrap_or(i64::MAX));
    let hours = now_ms / HOUR_MS;
    // The first of January 1970 was a Thursday.
    let weekday = (hours / 24 + 3) % 7 + 1;
    let mut facts = vec![
        ("time_ms".to_owned(), long(now_ms)),
        ("hour".to_owned(), long(hours % 24)),
        ("weekday".to_owned(), long(weekday)),
    ];
    if let Some(address) = origin.address {
        facts.push(("address".to_owned(), RestrictedExpression::new_ip(address.to_canonical().to_string())));
    }
    Ok(Facts::from_pairs(facts)?)
}
