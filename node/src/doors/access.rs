//! Access over HTTP: from paths and bodies to the service and back.

use proto::access::{
    AccessPolicyBody, AccessPolicyRequest, AccountBody, AccountRequest, BindingBody, DecisionBody, ExplainRequest,
    KeyBody, KeyRequest, NewKeyBody, PrincipalBody, RoleBody, RoleRequest,
};
use proto::error_code as code;
use proto::operations::{Access, Permission};
use registry::{
    AccessCommand, AccessPolicyRow, AccountRow, ApiKey, Authentication, BUILT_IN_ROLES, BindingRow, Context, Grantee,
    Principal, PrincipalKind, Reach, RoleRow, Subject,
};

use super::http::reply::Reply;
use super::on::{Answer, On};
use crate::auth::{Decision, NewKey, Origin, Target, built_in};
use crate::service::ServiceError;

/// Answers an operation.
pub(super) async fn answer_access(on: On<'_>, operation: Access) -> Answer {
    let (service, caller) = (&on.front.service, on.caller);
    let name = || on.parameter("name").to_owned();
    match operation {
        Access::WhoAmI => Ok(Reply::json_body(&principal_body(&caller.actor.principal))),
        Access::CanI => {
            let asked = ExplainRequest {
                permission: on.request.query_value("permission").unwrap_or_default().to_owned(),
                subject: on.request.query_value("subject").map(str::to_owned),
                context: on.request.query_value("context").map(str::to_owned),
                ..ExplainRequest::default()
            };
            // Which policies there are is for those to see who may see them.
            let decision = on.explain_decision(&caller.actor.principal, &caller.origin, &asked)?;
            Ok(Reply::json_body(&DecisionBody { allowed: decision.allowed, policies: Vec::new() }))
        }
        Access::Explain => {
            let asked: ExplainRequest = on.request.json_body()?;
            let Decision { allowed, policies } =
                on.explain_decision(&principal_of(&asked)?, &Origin::default(), &asked)?;
            Ok(Reply::json_body(&DecisionBody { allowed, policies }))
        }
        Access::ListAccounts => {
            let accounts = service.list_accounts(caller).await?;
            Ok(Reply::json_body(&accounts.into_iter().map(account_body).collect::<Vec<_>>()))
        }
        Access::PutAccount => {
            let AccountRequest { description, owner, disabled } = on.request.json_body()?;
            on.change_access(AccessCommand::PutAccount { name: name(), description, owner, disabled }).await?;
            found_or_missing(service.list_accounts(caller).await?, &name(), account_body)
        }
        Access::DeleteAccount => on.access_changed(AccessCommand::DeleteAccount { name: name() }).await,
        Access::CreateKey => {
            let KeyRequest { name: purpose, expires_ms } = on.request.json_body()?;
            let NewKey { key, secret } = service.create_key(caller, &name(), &purpose, expires_ms).await?;
            let token = format!("{}.{secret}", key.id);
            Ok(Reply::json_body(&NewKeyBody { id: key.id, secret, token }))
        }
        Access::RevokeKey => {
            on.access_changed(AccessCommand::RevokeKey { account: name(), id: on.parameter("id").to_owned() }).await
        }
        Access::ListRoles => {
            let own = BUILT_IN_ROLES.iter().filter_map(|name| built_in_body(name));
            let made = service.list_roles(caller).await?.into_iter().map(role_body);
            Ok(Reply::json_body(&own.chain(made).collect::<Vec<_>>()))
        }
        Access::PutRole => {
            let RoleRequest { description, permissions } = on.request.json_body()?;
            let permissions = permissions.into_iter().collect();
            on.change_access(AccessCommand::PutRole { name: name(), description, permissions }).await?;
            found_or_missing(service.list_roles(caller).await?, &name(), role_body)
        }
        Access::DeleteRole => on.access_changed(AccessCommand::DeleteRole { name: name() }).await,
        Access::ListBindings => {
            let bindings = service.list_bindings(caller).await?;
            Ok(Reply::json_body(&bindings.into_iter().map(binding_body).collect::<Vec<_>>()))
        }
        Access::PutBinding => {
            let body: BindingBody = on.request.json_body()?;
            let (grantee, reach) = (grantee_of(&body)?, reach_of(&body)?);
            on.change_access(AccessCommand::PutBinding { name: name(), role: body.role, grantee, reach }).await?;
            found_or_missing(service.list_bindings(caller).await?, &name(), binding_body)
        }
        Access::DeleteBinding => on.access_changed(AccessCommand::DeleteBinding { name: name() }).await,
        Access::ListAccessPolicies => {
            let policies = service.access_policies(caller).await?;
            Ok(Reply::json_body(&policies.into_iter().map(policy_body).collect::<Vec<_>>()))
        }
        Access::PutAccessPolicy => {
            let AccessPolicyRequest { description, text } = on.request.json_body()?;
            on.change_access(AccessCommand::PutPolicy { name: name(), description, text }).await?;
            found_or_missing(service.access_policies(caller).await?, &name(), policy_body)
        }
        Access::DeleteAccessPolicy => on.access_changed(AccessCommand::DeletePolicy { name: name() }).await,
    }
}

impl On<'_> {
    async fn change_access(&self, command: AccessCommand) -> Result<(), ServiceError> {
        self.front.service.change_access(self.caller, command).await
    }

    async fn access_changed(&self, command: AccessCommand) -> Answer {
        self.change_access(command).await?;
        Ok(Reply::no_content())
    }

    fn explain_decision(
        &self,
        principal: &Principal,
        origin: &Origin,
        asked: &ExplainRequest,
    ) -> Result<Decision, ServiceError> {
        let permission = Permission::from_name(&asked.permission)
            .ok_or_else(|| unprocessable_error(format!("There is no permission '{}'", asked.permission)))?;
        let context = context_of(asked.context.as_deref())?;
        let authority = self.front.service.authority();
        match (&asked.subject, &context) {
            (Some(subject), context) => {
                let subject = match context {
                    Some(context) => Subject::parse_in(context, subject)?,
                    None => Subject::parse(subject)?,
                };
                authority.explain_decision(principal, origin, permission, Target::Subject(&subject))
            }
            (None, Some(context)) => {
                authority.explain_decision(principal, origin, permission, Target::Context(context))
            }
            (None, None) => authority.explain_decision(principal, origin, permission, Target::Cluster),
        }
    }
}

fn unprocessable_error(message: impl Into<String>) -> ServiceError {
    ServiceError::new(code::UNPROCESSABLE, message)
}

/// The one of a list that was changed just now.
fn found_or_missing<R, B: serde::Serialize>(
    all: Vec<(String, R)>,
    name: &str,
    body: impl Fn((String, R)) -> B,
) -> Answer {
    let found = all.into_iter().find(|(found, _)| found == name);
    let found = found.ok_or_else(|| ServiceError::new(code::ACCESS_NOT_FOUND, "It was removed again"))?;
    Ok(Reply::json_body(&body(found)))
}

fn context_of(text: Option<&str>) -> Result<Option<Context>, ServiceError> {
    text.map(Context::parse).transpose().map_err(|error| unprocessable_error(error.to_string()))
}

fn principal_of(asked: &ExplainRequest) -> Result<Principal, ServiceError> {
    let mut principal = match (&asked.user, &asked.account) {
        (Some(name), None) => Principal::of(PrincipalKind::User, name, Authentication::Oidc),
        (None, Some(name)) => Principal::of(PrincipalKind::ServiceAccount, name, Authentication::Basic),
        (None, None) => Principal::anonymous(),
        (Some(_), Some(_)) => return Err(unprocessable_error("user and account exclude each other")),
    };
    principal.groups = asked.groups.clone();
    Ok(principal)
}

fn grantee_of(body: &BindingBody) -> Result<Grantee, ServiceError> {
    let BindingBody { user, group, account, anyone, authenticated, .. } = body;
    let mut found: Vec<Grantee> = Vec::new();
    found.extend(user.clone().map(|name| Grantee::User { name }));
    found.extend(group.clone().map(|name| Grantee::Group { name }));
    found.extend(account.clone().map(|name| Grantee::Account { name }));
    found.extend(anyone.then_some(Grantee::Anyone));
    found.extend(authenticated.then_some(Grantee::Authenticated));
    match (found.pop(), found.is_empty()) {
        (Some(grantee), true) => Ok(grantee),
        _ => Err(unprocessable_error("A binding names exactly one of user, group, account, anyone and authenticated")),
    }
}

fn reach_of(body: &BindingBody) -> Result<Reach, ServiceError> {
    let BindingBody { context, subject, prefix, pattern, .. } = body;
    let named = context_of(context.as_deref())?;
    let context = named.clone().unwrap_or_else(Context::default_context);
    match (subject, prefix, pattern) {
        (None, None, None) => Ok(named.map_or(Reach::Cluster, |context| Reach::Context { context })),
        (Some(subject), None, None) => Ok(Reach::Subject { subject: Subject::parse_in(&context, subject)? }),
        (None, Some(prefix), None) => Ok(Reach::Prefix { context, prefix: prefix.clone() }),
        (None, None, Some(pattern)) => Ok(Reach::Glob { context, pattern: pattern.clone() }),
        _ => Err(unprocessable_error("A binding names at most one of subject, prefix and pattern")),
    }
}

fn principal_body(principal: &Principal) -> PrincipalBody {
    PrincipalBody {
        principal: principal.to_string(),
        kind: principal.kind.name().to_owned(),
        name: principal.name.clone(),
        groups: principal.groups.clone(),
        authentication: principal.authentication.name().to_owned(),
    }
}

fn account_body((name, row): (String, AccountRow)) -> AccountBody {
    let AccountRow { description, owner, disabled, keys, created_ms, modified_at } = row;
    let keys = keys.into_iter().map(|key| {
        let ApiKey { id, name, salt: _, hash: _, created_ms, expires_ms, used_ms } = key;
        KeyBody { id, name, created_ms, expires_ms, used_ms }
    });
    AccountBody { name, description, owner, disabled, keys: keys.collect(), created_ms, revision: modified_at.0 }
}

fn built_in_body(name: &str) -> Option<RoleBody> {
    let names = |permissions: &[Permission]| permissions.iter().map(|found| found.name().to_owned()).collect();
    let role = built_in(name)?;
    Some(RoleBody {
        name: role.name.to_owned(),
        description: role.description.to_owned(),
        permissions: role.permissions.map_or_else(|| vec!["*".to_owned()], |found| names(&found)),
        on_own: names(role.on_own),
        built_in: true,
        revision: 0,
    })
}

fn role_body((name, row): (String, RoleRow)) -> RoleBody {
    let RoleRow { description, permissions, modified_at } = row;
    let permissions = permissions.into_iter().collect();
    RoleBody { name, description, permissions, on_own: Vec::new(), built_in: false, revision: modified_at.0 }
}

fn binding_body((name, row): (String, BindingRow)) -> BindingBody {
    let BindingRow { role, grantee, reach, modified_at } = row;
    let mut body = BindingBody { name, role, revision: modified_at.0, ..BindingBody::default() };
    match grantee {
        Grantee::User { name } => body.user = Some(name),
        Grantee::Group { name } => body.group = Some(name),
        Grantee::Account { name } => body.account = Some(name),
        Grantee::Anyone => body.anyone = true,
        Grantee::Authenticated => body.authenticated = true,
    }
    match reach {
        Reach::Cluster => {}
        Reach::Context { context } => body.context = Some(context.to_string()),
        Reach::Subject { subject } => {
            body.context = Some(subject.context.to_string());
            body.subject = Some(subject.name);
        }
        Reach::Prefix { context, prefix } => {
            body.context = Some(context.to_string());
            body.prefix = Some(prefix);
        }
        Reach::Glob { context, pattern } => {
            body.context = Some(context.to_string());
            body.pattern = Some(pattern);
        }
    }
    body
}

fn policy_body((name, row): (String, AccessPolicyRow)) -> AccessPolicyBody {
    let AccessPolicyRow { description, text, modified_at } = row;
    AccessPolicyBody { name, description, text, revision: modified_at.0 }
}
