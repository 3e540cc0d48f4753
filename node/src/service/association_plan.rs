//! What a request about the associations of a resource means: which changes it asks for, and which schemas come first. A
//! pure function; whether the changes are possible is decided in `registry`.

use proto::error_code as code;
use registry::limits::RESOURCE_BYTES_MAX;
use registry::{AssociationChange, AssociationWish, Context, Lifecycle, Resource, Subject};
use schema::Guid;

use super::{AssociatedSchema, NewSchema, RegisterOptions, ServiceError};
use crate::random::Random;

/// The only type of resource there is.
const TOPIC: &str = "topic";
/// Parts of a batch at most: each is a log entry.
const BATCH_COUNT_MAX: usize = 100;

/// How a request without an operation is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It makes what is not there, and fails for what is there and different.
    Create,
    /// It makes or changes.
    Upsert,
}

/// What is asked for about one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourceRequest {
    /// The resource's name in its namespace.
    pub name: Option<String>,
    /// Where the name is unique, such as a Kafka cluster.
    pub namespace: Option<String>,
    /// The resource's id, unique everywhere.
    pub id: Option<String>,
    /// The type of the resource; `topic` if it is left out.
    pub kind: Option<String>,
    /// What is asked for.
    pub associations: Vec<WantedAssociation>,
}

/// One association as it is asked for; what is left out has its usual value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantedAssociation {
    /// The subject that is tied to the resource.
    pub subject: Option<String>,
    /// What the subject is for the resource: `key` or `value`.
    pub role: Option<String>,
    /// `STRONG` or `WEAK`.
    pub lifecycle: Option<String>,
    /// Is the association to be neither changed nor removed any more?
    pub frozen: Option<bool>,
    /// CREATE, UPSERT or DELETE.
    pub operation: Option<String>,
    /// Is a deletion to delete strongly tied subjects, too?
    pub cascade: bool,
    /// A schema to register before the subject is tied.
    pub schema: Option<(NewSchema, RegisterOptions)>,
}

/// A request about one resource, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationPlan {
    /// The resource.
    pub resource: Resource,
    /// What changes, in one command.
    pub changes: Vec<AssociationChange>,
    /// What is registered before.
    pub schemas: Vec<AssociatedSchema>,
}

impl AssociationPlan {
    /// Does the plan change the association in this role?
    pub fn has_role(&self, role: &str) -> bool {
        self.changes.iter().any(|change| match change {
            AssociationChange::Create(wish) | AssociationChange::Upsert(wish) => wish.role == role,
            AssociationChange::Delete { role: own, .. } => own == role,
        })
    }
}

/// Understands a request. `context` is that of subjects without one.
///
/// # Errors
/// [`code::INVALID_ASSOCIATION`] for what cannot be, [`code::INVALID_SUBJECT`].
pub fn plan_request(
    request: ResourceRequest,
    meaning: Meaning,
    context: &Context,
    dry_run: bool,
    random: &Random,
) -> Result<AssociationPlan, ServiceError> {
    let name = checked_text(request.name, "resourceName")?;
    let namespace = checked_text(request.namespace, "resourceNamespace")?;
    let id = match request.id.filter(|id| !id.is_empty()) {
        None if dry_run => format!("{namespace}:{name}"),
        id => checked_text(id, "resourceId")?,
    };
    let kind = request.kind.filter(|kind| !kind.is_empty()).unwrap_or_else(|| TOPIC.to_owned());
    if kind != TOPIC {
        return Err(invalid_property("resourceType", "must be 'topic'"));
    }
    let resource = Resource { id, kind, name, namespace };
    if request.associations.is_empty() {
        return Err(invalid_property("associations", "cannot be null or empty"));
    }
    check_batch(request.associations.len())?;
    let mut frozen = None;
    let (mut changes, mut schemas) = (Vec::new(), Vec::new());
    for wanted in request.associations {
        if let Some(asked) = wanted.frozen
            && *frozen.get_or_insert(asked) != asked
        {
            let why = "all associations for a resource must be consistently frozen or non-frozen";
            return Err(invalid_property("frozen", why));
        }
        let (change, schema) = plan_change(&resource, wanted, meaning, context, random)?;
        changes.push(change);
        schemas.extend(schema);
    }
    Ok(AssociationPlan { resource, changes, schemas })
}

fn plan_change(
    resource: &Resource,
    wanted: WantedAssociation,
    meaning: Meaning,
    context: &Context,
    random: &Random,
) -> Result<(AssociationChange, Option<AssociatedSchema>), ServiceError> {
    let role = match wanted.role.as_deref() {
        None | Some("") => "value",
        Some(role @ ("key" | "value")) => role,
        Some(_) => return Err(invalid_property("associationType", "must be either 'key' or 'value'")),
    };
    let role = role.to_owned();
    let is_create = match wanted.operation.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None => meaning == Meaning::Create,
        Some("CREATE") => true,
        Some("UPSERT") => false,
        Some("DELETE") => return Ok((AssociationChange::Delete { role, cascade: wanted.cascade }, None)),
        Some(_) => return Err(invalid_property("opType", "must be CREATE, UPSERT or DELETE")),
    };
    let usual = format!(":.{}:{}-{role}", resource.namespace, resource.name);
    let named = wanted.subject.filter(|subject| !subject.is_empty()).unwrap_or_else(|| usual.clone());
    let subject = Subject::parse_in(context, &named)?;
    let lifecycle = wanted.lifecycle.as_deref().filter(|name| !name.is_empty()).map(lifecycle_named).transpose()?;
    // Whoever freezes an association gives up the choice of its subject.
    if wanted.frozen == Some(true) && subject != Subject::parse(&usual)? {
        return Err(invalid_property("subject", &format!("frozen associations must use subject '{usual}'")));
    }
    let is_weak = lifecycle == Some(Lifecycle::Weak) || (is_create && lifecycle.is_none());
    if lifecycle == Some(Lifecycle::Weak) && wanted.schema.is_some() {
        return Err(invalid_property("lifecycle", "cannot be WEAK when schema is provided"));
    }
    if is_weak && wanted.schema.is_none() && wanted.frozen == Some(true) {
        return Err(invalid_property("frozen", "association with lifecycle of WEAK cannot be frozen"));
    }
    // A schema comes with a subject that is the resource's own.
    let lifecycle = lifecycle.or(wanted.schema.is_some().then_some(Lifecycle::Strong));
    let schema = wanted.schema.map(|(schema, options)| AssociatedSchema { subject: subject.clone(), schema, options });
    let guid = Guid(random.next_uuid().into_bytes());
    let wish = AssociationWish { guid, subject, role, lifecycle, frozen: wanted.frozen };
    let change = if is_create { AssociationChange::Create(wish) } else { AssociationChange::Upsert(wish) };
    Ok((change, schema))
}

/// The lifecycle with this name.
///
/// # Errors
/// [`code::INVALID_ASSOCIATION`].
pub fn lifecycle_named(name: &str) -> Result<Lifecycle, ServiceError> {
    Lifecycle::from_name(name).ok_or_else(|| invalid_property("lifecycle", "must be STRONG or WEAK"))
}

/// Refuses a batch with too many parts.
///
/// # Errors
/// [`code::INVALID_ASSOCIATION`].
pub fn check_batch(count: usize) -> Result<(), ServiceError> {
    if count <= BATCH_COUNT_MAX {
        return Ok(());
    }
    Err(invalid_property("requests", &format!("has {count} parts; {BATCH_COUNT_MAX} are allowed")))
}

/// An association that cannot be, because of a property.
pub fn invalid_property(property: &str, detail: &str) -> ServiceError {
    let message = format!("The association specified an invalid value for property: '{property}', detail: {detail}");
    ServiceError::new(code::INVALID_ASSOCIATION, message)
}

fn checked_text(text: Option<String>, property: &str) -> Result<String, ServiceError> {
    let text = text.unwrap_or_default();
    if text.is_empty() {
        return Err(invalid_property(property, "cannot be null or empty"));
    }
    if text.len() > RESOURCE_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(invalid_property(property, "is too long or has control characters"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use schema::Format;

    use super::*;

    fn asked(associations: Vec<WantedAssociation>) -> ResourceRequest {
        let text = |text: &str| Some(text.to_owned());
        ResourceRequest { name: text("t"), namespace: text("lkc"), id: text("r"), kind: None, associations }
    }

    fn random() -> Random {
        Random::new(crate::random::Seed::Fixed(1))
    }

    fn planned(meaning: Meaning, wanted: WantedAssociation) -> Result<AssociationPlan, String> {
        let context = Context::default_context();
        plan_request(asked(vec![wanted]), meaning, &context, false, &random()).map_err(|error| error.message)
    }

    fn with_schema(wanted: WantedAssociation) -> WantedAssociation {
        let schema = NewSchema {
            format: Format::Avro,
            text: "\"int\"".to_owned(),
            references: Vec::new(),
            metadata: None,
            rule_set: None,
        };
        WantedAssociation { schema: Some((schema, RegisterOptions::default())), ..wanted }
    }

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        let plan = planned(Meaning::Create, WantedAssociation::default()).unwrap();
        let [AssociationChange::Create(wish)] = plan.changes.as_slice() else { panic!("{plan:?}") };
        assert_eq!(
            (wish.subject.qualified().as_str(), wish.role.as_str(), wish.lifecycle),
            (":.lkc:t-value", "value", None)
        );
        assert!(plan.has_role("value") && !plan.has_role("key"));
        let plan = planned(Meaning::Upsert, with_schema(WantedAssociation::default())).unwrap();
        let [AssociationChange::Upsert(wish)] = plan.changes.as_slice() else { panic!("{plan:?}") };
        assert_eq!(wish.lifecycle, Some(Lifecycle::Strong), "a schema comes with a subject of the resource's own");
        assert_eq!(plan.schemas[0].subject, wish.subject);
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_property() {
        let text = |text: &str| Some(text.to_owned());
        let usual = WantedAssociation::default;
        for (property, wanted) in [
            ("associationType", WantedAssociation { role: text("header"), ..usual() }),
            ("opType", WantedAssociation { operation: text("MERGE"), ..usual() }),
            ("lifecycle", WantedAssociation { lifecycle: text("LOOSE"), ..usual() }),
            ("subject", WantedAssociation { frozen: Some(true), subject: text("s"), ..usual() }),
            ("frozen", WantedAssociation { frozen: Some(true), ..usual() }),
            ("frozen", WantedAssociation { frozen: Some(true), lifecycle: text("WEAK"), ..usual() }),
            ("lifecycle", with_schema(WantedAssociation { lifecycle: text("weak"), ..usual() })),
        ] {
            let refused = planned(Meaning::Create, wanted).unwrap_err();
            assert!(refused.contains(&format!("'{property}'")), "{property}: {refused}");
        }
        let both = vec![
            WantedAssociation { frozen: Some(false), ..usual() },
            with_schema(WantedAssociation { frozen: Some(true), role: text("key"), ..usual() }),
        ];
        let context = Context::default_context();
        assert!(
            plan_request(asked(both), Meaning::Create, &context, false, &random())
                .unwrap_err()
                .message
                .contains("'frozen'")
        );
        assert!(
            plan_request(asked(vec![]), Meaning::Create, &context, false, &random())
                .unwrap_err()
                .message
                .contains("'associations'")
        );
    }

    #[test]
    fn a_deletion_asks_for_nothing_else() {
        let wanted = WantedAssociation { operation: Some("delete".to_owned()), cascade: true, ..Default::default() };
        let plan = planned(Meaning::Create, wanted).unwrap();
        assert_eq!(plan.changes, [AssociationChange::Delete { role: "value".to_owned(), cascade: true }]);
    }
}
