//! From rows to policies: every binding of a role is a Cedar policy, and so one evaluator answers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use cedar_policy::{
    ActionConstraint, Authorizer, Decision as Answer, Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator,
};
use proto::error_code as code;
use proto::operations::Permission;
use registry::{
    AccountRow, ApiKey, Authentication, BindingRow, Context, Grantee, Principal, PrincipalKind, Reach, RoleRow, View,
    ViewError, query,
};

use super::credentials::is_secret_of;
use super::model::{Attributes, Question, SCHEMA, action_uid, group_uid, principal_uid};
use super::roles::built_in;
use super::{Credentials, Decision, Origin, Target};
use crate::service::ServiceError;

/// What the rows come to.
pub(super) struct Compiled {
    /// By the id of the key: the account's name and the key. Without those of disabled accounts.
    keys: HashMap<String, (String, ApiKey)>,
    policies: PolicySet,
    authorizer: Authorizer,
    /// Permissions about which policies decide by more than the names of principal and resource.
    with_attributes: HashSet<Permission>,
    /// What each binding could allow: an upper bound.
    grants: Vec<Grant>,
    /// What the policies of administrators could allow, whoever asks: an upper bound.
    custom_permits: HashSet<Permission>,
    has_custom: bool,
}

struct Grant {
    grantee: Grantee,
    /// None is all.
    permissions: Option<HashSet<Permission>>,
}

/// Nothing is allowed.
impl Default for Compiled {
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            policies: PolicySet::new(),
            authorizer: Authorizer::new(),
            with_attributes: HashSet::new(),
            grants: Vec::new(),
            custom_permits: HashSet::new(),
            has_custom: false,
        }
    }
}

/// A policy that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPolicy(pub String);

impl Compiled {
    /// Compiles what a state holds.
    pub(super) fn of(view: &impl View) -> Result<Self, ViewError> {
        let policies = query::access_policies(view)?.into_iter().map(|(name, row)| (name, row.text));
        Self::of_parts(view, policies.collect())
    }

    /// Compiles what a state would hold with this policy.
    pub(super) fn with_policy(view: &impl View, name: &str, text: &str) -> Result<Self, ServiceError> {
        check_policies(name, text).map_err(|error| ServiceError::new(code::UNPROCESSABLE, error.to_string()))?;
        let mut policies: BTreeMap<String, String> =
            query::access_policies(view)?.into_iter().map(|(name, row)| (name, row.text)).collect();
        policies.insert(name.to_owned(), text.to_owned());
        Ok(Self::of_parts(view, policies)?)
    }

    fn of_parts(view: &impl View, custom: BTreeMap<String, String>) -> Result<Self, ViewError> {
        let mut compiled = Self::default();
        for (name, AccountRow { disabled, keys, .. }) in query::accounts(view)? {
            if !disabled {
                compiled.keys.extend(keys.into_iter().map(|key| (key.id.clone(), (name.clone(), key))));
            }
        }
        let roles: BTreeMap<String, RoleRow> = query::roles(view)?.into_iter().collect();
        for (name, binding) in query::bindings(view)? {
            compiled.add_binding(&name, &binding, &roles);
        }
        compiled.has_custom = !custom.is_empty();
        for (name, text) in custom {
            match check_policies(&name, &text) {
                Ok(found) => found.into_iter().for_each(|policy| compiled.add_custom(policy)),
                Err(error) => {
                    // It was valid when it was set, perhaps by a newer program. What it forbids is not known.
                    tracing::error!(policy = name, %error, "a stored policy cannot be used: all but access is forbidden");
                    compiled.forbid_all_but_access(&name);
                }
            }
        }
        Ok(compiled)
    }

    fn add_binding(&mut self, name: &str, binding: &BindingRow, roles: &BTreeMap<String, RoleRow>) {
        let BindingRow { role, grantee, reach, .. } = binding;
        let (permissions, on_own) = match (built_in(role), roles.get(role)) {
            (Some(role), _) => (role.permissions.map(|found| found.into_iter().collect()), role.on_own),
            (None, Some(row)) => {
                // A permission that this program does not know allows nothing here.
                let known = row.permissions.iter().filter_map(|name| Permission::from_name(name));
                (Some(known.collect::<HashSet<_>>()), &[][..])
            }
            (None, None) => return,
        };
        let id = format!("binding/{name}");
        self.add_own(&id, &policy_text(grantee, permissions.as_ref(), reach, ""));
        if !on_own.is_empty() {
            let owned = on_own.iter().copied().collect();
            let condition = "resource.owner != \"\" && (resource.owner == principal.name || \
                             principal.groups.contains(resource.owner))";
            self.add_own(&format!("{id}/own"), &policy_text(grantee, Some(&owned), reach, condition));
            self.with_attributes.extend(on_own);
        }
        let permissions = permissions.map(|mut found| {
            found.extend(on_own);
            found
        });
        self.grants.push(Grant { grantee: grantee.clone(), permissions });
    }

    fn add_own(&mut self, id: &str, text: &str) {
        let added = Policy::parse(Some(PolicyId::new(id)), text)
            .map_err(|error| error.to_string())
            .and_then(|policy| self.policies.add(policy).map_err(|error| error.to_string()));
        if let Err(error) = added {
            // It allows nothing then.
            tracing::error!(id, %error, "a binding cannot be compiled");
        }
    }

    fn add_custom(&mut self, policy: Policy) {
        let permissions: Vec<_> = match policy.action_constraint() {
            ActionConstraint::Any => Permission::ALL.to_vec(),
            ActionConstraint::Eq(action) => {
                Permission::ALL.iter().copied().filter(|permission| action_uid(*permission) == action).collect()
            }
            ActionConstraint::In(actions) => Permission::ALL
                .iter()
                .copied()
                .filter(|permission| actions.contains(&action_uid(*permission)))
                .collect(),
        };
        if policy.effect() == Effect::Permit {
            self.custom_permits.extend(&permissions);
        }
        if policy.has_non_scope_constraint() {
            self.with_attributes.extend(&permissions);
        }
        if let Err(error) = self.policies.add(policy) {
            tracing::error!(%error, "a policy cannot be added");
        }
    }

    fn forbid_all_but_access(&mut self, name: &str) {
        let text = "forbid(principal, action, resource) unless { action == Action::\"access.read\" || action == \
                    Action::\"access.write\" };";
        self.add_own(&format!("policy/{name}/unreadable"), text);
    }

    /// Are there policies above roles?
    pub(super) fn has_custom_policies(&self) -> bool {
        self.has_custom
    }

    /// Does more than the names of principal and resource decide about it?
    pub(super) fn needs_attributes(&self, permission: Permission) -> bool {
        self.with_attributes.contains(&permission)
    }

    /// Evaluates. What goes wrong forbids.
    pub(super) fn decide(
        &self,
        principal: &Principal,
        origin: &Origin,
        now_ms: u64,
        permission: Permission,
        target: Target<'_>,
        attributes: &Attributes,
    ) -> Decision {
        let question = match Question::of(principal, origin, now_ms, permission, target, attributes) {
            Ok(question) => question,
            Err(error) => {
                tracing::error!(%error, "a request cannot be put to the policies");
                return Decision { allowed: false, policies: Vec::new() };
            }
        };
        let response = self.authorizer.is_authorized(&question.request, &self.policies, &question.entities);
        let mut policies: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        // A prohibition that could not be evaluated must not count as none.
        if let Some(error) = response.diagnostics().errors().next() {
            tracing::warn!(%error, "a policy could not be evaluated: what it is about is forbidden");
            return Decision { allowed: false, policies: vec![error.to_string()] };
        }
        Decision { allowed: response.decision() == Answer::Allow, policies }
    }

    /// Could the principal be allowed this, of anything?
    pub(super) fn could_be_permitted(&self, principal: &Principal, permission: Permission) -> bool {
        let of_roles = self.grants.iter().any(|grant| {
            grant.permissions.as_ref().is_none_or(|found| found.contains(&permission))
                && is_granted_to(&grant.grantee, principal)
        });
        of_roles || self.custom_permits.contains(&permission)
    }

    /// Is there a key of this id that is good at this moment?
    pub(super) fn is_key_good(&self, id: &str, now_ms: u64) -> bool {
        self.keys.get(id).is_some_and(|(_, key)| key.expires_ms.is_none_or(|expires| now_ms < expires))
    }

    /// The account that a key speaks for, if the key is good at this moment.
    pub(super) fn account_of(&self, credentials: &Credentials, now_ms: u64) -> Option<Principal> {
        let (id, secret, authentication) = match credentials {
            Credentials::Basic { id, secret } => (id, secret, Authentication::Basic),
            Credentials::Key { id, secret } => (id, secret, Authentication::Token),
            Credentials::Token(_) => return None,
        };
        let (name, key) = self.keys.get(id)?;
        let is_good = is_secret_of(key, secret) && key.expires_ms.is_none_or(|expires| now_ms < expires);
        is_good.then(|| Principal::of(PrincipalKind::ServiceAccount, name, authentication))
    }
}

fn is_granted_to(grantee: &Grantee, principal: &Principal) -> bool {
    match grantee {
        Grantee::User { name } => principal.kind == PrincipalKind::User && principal.name == *name,
        Grantee::Account { name } => principal.kind == PrincipalKind::ServiceAccount && principal.name == *name,
        Grantee::Group { name } => principal.groups.contains(name),
        Grantee::Anyone => true,
        Grantee::Authenticated => principal.kind != PrincipalKind::Anonymous,
    }
}

/// A binding as a policy.
fn policy_text(grantee: &Grantee, permissions: Option<&HashSet<Permission>>, reach: &Reach, condition: &str) -> String {
    let who = match grantee {
        Grantee::User { name } => format!("principal == {}", principal_uid(PrincipalKind::User, name)),
        Grantee::Account { name } => format!("principal == {}", principal_uid(PrincipalKind::ServiceAccount, name)),
        Grantee::Group { name } => format!("principal in {}", group_uid(name)),
        Grantee::Anyone | Grantee::Authenticated => "principal".to_owned(),
    };
    let what = match permissions {
        None => "action".to_owned(),
        Some(permissions) => {
            let mut actions: Vec<_> = permissions.iter().map(|found| action_uid(*found).to_string()).collect();
            actions.sort();
            format!("action in [{}]", actions.join(", "))
        }
    };
    let mut conditions = Vec::new();
    if *grantee == Grantee::Authenticated {
        conditions.push("!(principal is Anonymous)".to_owned());
    }
    let in_context = |context: &Context| format!("resource.context == {}", cedar_text(context.as_str()));
    let of_subject = |context: &Context, name: String| {
        format!("resource is Subject && {} && resource.name {name}", in_context(context))
    };
    match reach {
        Reach::Cluster => {}
        Reach::Context { context } => conditions.push(in_context(context)),
        Reach::Subject { subject } => {
            conditions.push(of_subject(&subject.context, format!("== {}", cedar_text(&subject.name))));
        }
        Reach::Prefix { context, prefix } => {
            conditions.push(of_subject(context, format!("like {}", cedar_pattern(prefix, false, true))));
        }
        Reach::Glob { context, pattern: text } => {
            conditions.push(of_subject(context, format!("like {}", cedar_pattern(text, true, false))));
        }
    }
    if !condition.is_empty() {
        conditions.push(condition.to_owned());
    }
    let when = if conditions.is_empty() { String::new() } else { format!(" when {{ {} }}", conditions.join(" && ")) };
    format!("permit({who}, {what}, resource){when};")
}

/// A text as a literal of Cedar.
fn cedar_text(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        push_escaped(&mut literal, character);
    }
    literal.push('"');
    literal
}

/// A text as a pattern of Cedar. A star of the text is a wildcard, or means itself.
fn cedar_pattern(text: &str, is_glob: bool, is_prefix: bool) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '*' if !is_glob => literal.push_str("\\*"),
            '*' => literal.push('*'),
            other => push_escaped(&mut literal, other),
        }
    }
    literal.push_str(if is_prefix { "*\"" } else { "\"" });
    literal
}

fn push_escaped(literal: &mut String, character: char) {
    if character.is_ascii_alphanumeric() || matches!(character, ' ' | '-' | '_' | '.' | ':' | '/' | '@') {
        literal.push(character);
    } else {
        // Whatever it is, it stays inside the quotes.
        write!(literal, "\\u{{{:x}}}", u32::from(character)).expect("writing to a text cannot fail");
    }
}

/// The policies of a text, each with an id of its own under the name, checked against the schema.
///
/// # Errors
/// [`InvalidPolicy`] says what is wrong with the text, and where.
pub fn check_policies(name: &str, text: &str) -> Result<Vec<Policy>, InvalidPolicy> {
    let wrong = |message: String| InvalidPolicy(format!("The policy '{name}' cannot be used: {message}"));
    let parsed: PolicySet = text.parse().map_err(|error: cedar_policy::ParseErrors| wrong(error.to_string()))?;
    if parsed.templates().next().is_some() {
        return Err(wrong("it has a slot (?principal, ?resource); name the principal or resource".to_owned()));
    }
    if parsed.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    let mut found = Vec::new();
    let mut named = PolicySet::new();
    for (number, policy) in parsed.policies().enumerate() {
        let policy = policy.new_id(PolicyId::new(format!("policy/{name}/{number}")));
        named.add(policy.clone()).map_err(|error| wrong(error.to_string()))?;
        found.push(policy);
    }
    let result = Validator::new(SCHEMA.clone()).validate(&named, ValidationMode::Strict);
    let errors: Vec<_> = result.validation_errors().map(ToString::to_string).collect();
    if errors.is_empty() { Ok(found) } else { Err(wrong(errors.join("; "))) }
}
