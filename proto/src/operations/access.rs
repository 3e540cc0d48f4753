//! The operations about access: accounts and keys, roles, bindings, policies, and what they come to.

use super::{
    Answer, Body, Form, Kind, Operation, OperationId, Permission, Resource, delete, get, operation, post, put,
};
use crate::error_code as code;

/// An operation about access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its row below, which says what it does")]
pub enum Access {
    WhoAmI,
    CanI,
    Explain,
    ListAccounts,
    PutAccount,
    DeleteAccount,
    CreateKey,
    RevokeKey,
    ListRoles,
    PutRole,
    DeleteRole,
    ListBindings,
    PutBinding,
    DeleteBinding,
    ListAccessPolicies,
    PutAccessPolicy,
    DeleteAccessPolicy,
}

const fn read(id: Access, name: &'static str, forms: &'static [Form], summary: &'static str) -> Operation {
    operation(OperationId::Access(id), name, forms, Kind::ReadMutable, Permission::AccessRead, Resource::Cluster)
        .described("Access", summary)
}

const fn change(id: Access, name: &'static str, forms: &'static [Form], summary: &'static str) -> Operation {
    operation(OperationId::Access(id), name, forms, Kind::Write, Permission::AccessWrite, Resource::Cluster)
        .described("Access", summary)
}

/// Anybody may ask about themselves.
const fn own(id: Access, name: &'static str, forms: &'static [Form], summary: &'static str) -> Operation {
    operation(OperationId::Access(id), name, forms, Kind::ReadMutable, Permission::Public, Resource::Server)
        .described("Access", summary)
}

pub(super) const OPERATIONS: &[Operation] = &[
    own(Access::WhoAmI, "WhoAmI", &[get("/v1/auth/whoami")], "Who asks, as the registry sees it")
        .answers(Answer::One("PrincipalBody")),
    own(Access::CanI, "CanI", &[get("/v1/auth/can-i")], "May whoever asks do this?")
        .asks(&["permission", "subject", "context"])
        .answers(Answer::One("DecisionBody"))
        .fails(&[code::UNPROCESSABLE]),
    read(Access::Explain, "Explain", &[post("/v1/auth/explain")], "May somebody do this, and what decides?")
        .takes(Body::Json("ExplainRequest"))
        .answers(Answer::One("DecisionBody"))
        .fails(&[code::UNPROCESSABLE]),
    read(Access::ListAccounts, "ListAccounts", &[get("/v1/auth/accounts")], "Lists accounts with their keys")
        .answers(Answer::Many("AccountBody")),
    change(Access::PutAccount, "PutAccount", &[put("/v1/auth/accounts/{name}")], "Makes or changes an account")
        .takes(Body::Json("AccountRequest"))
        .answers(Answer::One("AccountBody"))
        .fails(&[code::UNPROCESSABLE, code::LIMIT_REACHED]),
    change(Access::DeleteAccount, "DeleteAccount", &[delete("/v1/auth/accounts/{name}")], "Removes an account")
        .fails(&[code::ACCESS_NOT_FOUND]),
    change(
        Access::CreateKey,
        "CreateKey",
        &[post("/v1/auth/accounts/{name}/keys")],
        "Makes a key; its secret is shown this once",
    )
    .takes(Body::Json("KeyRequest"))
    .answers(Answer::One("NewKeyBody"))
    .fails(&[code::ACCESS_NOT_FOUND, code::ACCESS_CONFLICT, code::UNPROCESSABLE, code::LIMIT_REACHED]),
    change(
        Access::RevokeKey,
        "RevokeKey",
        &[delete("/v1/auth/accounts/{name}/keys/{id}")],
        "Revokes a key: no node accepts it any more",
    )
    .fails(&[code::ACCESS_NOT_FOUND]),
    read(Access::ListRoles, "ListRoles", &[get("/v1/auth/roles")], "Lists roles, built-in ones first")
        .answers(Answer::Many("RoleBody")),
    change(Access::PutRole, "PutRole", &[put("/v1/auth/roles/{name}")], "Makes or changes a role")
        .takes(Body::Json("RoleRequest"))
        .answers(Answer::One("RoleBody"))
        .fails(&[code::ACCESS_CONFLICT, code::UNPROCESSABLE, code::LIMIT_REACHED]),
    change(Access::DeleteRole, "DeleteRole", &[delete("/v1/auth/roles/{name}")], "Removes a role that nobody has")
        .fails(&[code::ACCESS_NOT_FOUND, code::ACCESS_CONFLICT]),
    read(Access::ListBindings, "ListBindings", &[get("/v1/auth/bindings")], "Lists who has which role where")
        .answers(Answer::Many("BindingBody")),
    change(Access::PutBinding, "PutBinding", &[put("/v1/auth/bindings/{name}")], "Gives somebody a role")
        .takes(Body::Json("BindingBody"))
        .answers(Answer::One("BindingBody"))
        .fails(&[code::ACCESS_NOT_FOUND, code::UNPROCESSABLE, code::LIMIT_REACHED]),
    change(Access::DeleteBinding, "DeleteBinding", &[delete("/v1/auth/bindings/{name}")], "Takes a role away")
        .fails(&[code::ACCESS_NOT_FOUND]),
    read(Access::ListAccessPolicies, "ListAccessPolicies", &[get("/v1/auth/policies")], "Lists policies above roles")
        .answers(Answer::Many("AccessPolicyBody")),
    change(
        Access::PutAccessPolicy,
        "PutAccessPolicy",
        &[put("/v1/auth/policies/{name}")],
        "Sets a policy above roles, in Cedar",
    )
    .takes(Body::Json("AccessPolicyRequest"))
    .answers(Answer::One("AccessPolicyBody"))
    .fails(&[code::UNPROCESSABLE, code::LIMIT_REACHED]),
    change(Access::DeleteAccessPolicy, "DeleteAccessPolicy", &[delete("/v1/auth/policies/{name}")], "Removes a policy")
        .fails(&[code::ACCESS_NOT_FOUND]),
];
