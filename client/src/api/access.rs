//! Access: accounts and keys, roles, bindings, policies, and what they come to.

use proto::access::{
    AccessPolicyBody, AccessPolicyRequest, AccountBody, AccountRequest, BindingBody, DecisionBody, ExplainRequest,
    KeyRequest, NewKeyBody, PrincipalBody, RoleBody, RoleRequest,
};
use reqwest::Method;

use crate::retry::Safety;
use crate::transport::{Call, path_segment};
use crate::{Client, ClientError};

fn change_call(method: Method, path: String) -> Call {
    Call::new(method, path, Safety::Keyed)
}

fn named_path(noun: &str, name: &str) -> String {
    format!("/v1/auth/{noun}/{}", path_segment(name))
}

impl Client {
    /// Who this client is, as the registry sees it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn whoami(&self) -> Result<PrincipalBody, ClientError> {
        self.call(Call::read("/v1/auth/whoami")).await?.json()
    }

    /// May this client do something to a subject, a context, or the cluster?
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn can_i(
        &self,
        permission: &str,
        subject: Option<&str>,
        context: Option<&str>,
    ) -> Result<DecisionBody, ClientError> {
        let mut call = Call::read("/v1/auth/can-i").with("permission", permission);
        for (name, value) in [("subject", subject), ("context", context)] {
            if let Some(value) = value {
                call = call.with(name, value);
            }
        }
        self.call(call).await?.json()
    }

    /// May somebody do something, and what decides it?
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn explain(&self, question: &ExplainRequest) -> Result<DecisionBody, ClientError> {
        self.call(Call::new(Method::POST, "/v1/auth/explain", Safety::Read).json(question)?).await?.json()
    }

    /// All accounts with their keys, never with secrets.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn accounts(&self) -> Result<Vec<AccountBody>, ClientError> {
        self.call(Call::read("/v1/auth/accounts")).await?.json()
    }

    /// Makes or changes an account.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_account(&self, name: &str, account: &AccountRequest) -> Result<AccountBody, ClientError> {
        self.call(change_call(Method::PUT, named_path("accounts", name)).json(account)?).await?.json()
    }

    /// Removes an account with its keys.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_account(&self, name: &str) -> Result<(), ClientError> {
        self.call(change_call(Method::DELETE, named_path("accounts", name))).await.map(drop)
    }

    /// Makes a key. Its secret is in the answer, and can never be asked for again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_key(&self, account: &str, key: &KeyRequest) -> Result<NewKeyBody, ClientError> {
        let path = format!("{}/keys", named_path("accounts", account));
        self.call(change_call(Method::POST, path).json(key)?).await?.json()
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_key(&self, account: &str, id: &str) -> Result<(), ClientError> {
        let path = format!("{}/keys/{}", named_path("accounts", account), path_segment(id));
        self.call(change_call(Method::DELETE, path)).await.map(drop)
    }

    /// All roles.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn roles(&self) -> Result<Vec<RoleBody>, ClientError> {
        self.call(Call::read("/v1/auth/roles")).await?.json()
    }

    /// Makes or changes a role.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_role(&self, name: &str, role: &RoleRequest) -> Result<RoleBody, ClientError> {
        self.call(change_call(Method::PUT, named_path("roles", name)).json(role)?).await?.json()
    }

    /// Removes a role that nobody has.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_role(&self, name: &str) -> Result<(), ClientError> {
        self.call(change_call(Method::DELETE, named_path("roles", name))).await.map(drop)
    }

    /// Who has which role where.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn bindings(&self) -> Result<Vec<BindingBody>, ClientError> {
        self.call(Call::read("/v1/auth/bindings")).await?.json()
    }

    /// Gives somebody a role.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_binding(&self, name: &str, binding: &BindingBody) -> Result<BindingBody, ClientError> {
        self.call(change_call(Method::PUT, named_path("bindings", name)).json(binding)?).await?.json()
    }

    /// Takes a role away.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_binding(&self, name: &str) -> Result<(), ClientError> {
        self.call(change_call(Method::DELETE, named_path("bindings", name))).await.map(drop)
    }

    /// The policies above roles.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn access_policies(&self) -> Result<Vec<AccessPolicyBody>, ClientError> {
        self.call(Call::read("/v1/auth/policies")).await?.json()
    }

    /// Sets a policy above roles.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn put_access_policy(
        &self,
        name: &str,
        policy: &AccessPolicyRequest,
    ) -> Result<AccessPolicyBody, ClientError> {
        self.call(change_call(Method::PUT, named_path("policies", name)).json(policy)?).await?.json()
    }

    /// Removes a policy.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_access_policy(&self, name: &str) -> Result<(), ClientError> {
        self.call(change_call(Method::DELETE, named_path("policies", name))).await.map(drop)
    }
}
