//! Accounts, keys, roles, bindings and policies: read, and changed through the log.

use proto::error_code as code;
use proto::operations::Permission;
use registry::query;
use registry::{
    AccessCommand, AccessDone, AccessPolicyRow, AccountRow, BindingRow, Command, Done, Grantee, Outcome, Reach, RoleRow,
};

use super::provenance::Kind;
use super::{Caller, Service, ServiceError};
use crate::auth::{NewKey, ROOT_ACCOUNT, check_policies, new_key};

impl Service {
    /// All accounts.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn list_accounts(&self, caller: &Caller) -> Result<Vec<(String, AccountRow)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| Ok(query::accounts(view)?)).await
    }

    /// The roles that somebody made.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn list_roles(&self, caller: &Caller) -> Result<Vec<(String, RoleRow)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| Ok(query::roles(view)?)).await
    }

    /// All bindings.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn list_bindings(&self, caller: &Caller) -> Result<Vec<(String, BindingRow)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| Ok(query::bindings(view)?)).await
    }

    /// All policies above roles.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn access_policies(&self, caller: &Caller) -> Result<Vec<(String, AccessPolicyRow)>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| Ok(query::access_policies(view)?)).await
    }

    /// Changes who may do what.
    ///
    /// # Errors
    /// 40454, 40955, 42254, and 422 for a name or text that cannot be, for a permission that is none, and for a policy that
    /// cannot be used or that would keep the caller from taking it back.
    pub async fn change_access(&self, caller: &Caller, command: AccessCommand) -> Result<(), ServiceError> {
        self.check_access(caller, &command)?;
        self.commit_change(caller, Command::Access(command), |done| match done {
            Done::Access(AccessDone::Changed | AccessDone::UseRecorded { .. }) => Ok(()),
            done => Err(ServiceError::unexpected(&Outcome::Done(done))),
        })
        .await
    }

    fn check_access(&self, caller: &Caller, command: &AccessCommand) -> Result<(), ServiceError> {
        let bad = |message: String| Err(ServiceError::new(code::UNPROCESSABLE, message));
        match command {
            AccessCommand::PutRole { permissions, .. } => {
                match permissions.iter().find(|name| Permission::from_name(name).is_none()) {
                    Some(unknown) => {
                        let known: Vec<_> = Permission::ALL.iter().map(|permission| permission.name()).collect();
                        bad(format!("There is no permission '{unknown}'; there are {}", known.join(", ")))
                    }
                    None => Ok(()),
                }
            }
            AccessCommand::PutPolicy { name, text, .. } => {
                if let Err(error) = check_policies(name, text) {
                    return bad(error.to_string());
                }
                let principal = &caller.actor.principal;
                let authority = &self.inner.authority;
                let keeps_itself =
                    !authority.is_on() || authority.would_allow(principal, Permission::AccessWrite, name, text)?;
                if keeps_itself {
                    return Ok(());
                }
                bad(format!("With the policy '{name}' you could not take it back: it forbids you access.write"))
            }
            AccessCommand::PutAccount { .. }
            | AccessCommand::DeleteAccount { .. }
            | AccessCommand::AddKey { .. }
            | AccessCommand::RevokeKey { .. }
            | AccessCommand::RecordUse { .. }
            | AccessCommand::DeleteRole { .. }
            | AccessCommand::PutBinding { .. }
            | AccessCommand::DeleteBinding { .. }
            | AccessCommand::DeletePolicy { .. } => Ok(()),
        }
    }

    /// Makes a key. Its secret is in the answer, and nowhere else.
    ///
    /// # Errors
    /// 40454 without the account, 42254 with two keys already, 40955 if an earlier attempt of the same request made a key.
    pub async fn create_key(
        &self,
        caller: &Caller,
        account: &str,
        name: &str,
        expires_ms: Option<u64>,
    ) -> Result<NewKey, ServiceError> {
        let random = &self.inner.random;
        let (id, salt) = (random.next_uuid().into_bytes(), random.next_uuid().into_bytes());
        let new = new_key(id, random.key_bytes(), salt, name, expires_ms);
        let command = AccessCommand::AddKey { account: account.to_owned(), key: new.key.clone() };
        self.commit_change(caller, Command::Access(command), |done| match done {
            Done::Access(AccessDone::KeyAdded { id }) if id == new.key.id => Ok(()),
            Done::Access(AccessDone::KeyAdded { id }) => Err(ServiceError::new(
                code::ACCESS_CONFLICT,
                format!(
                    "An earlier attempt made the key '{id}', and its secret was shown then: revoke it, make another"
                ),
            )),
            done => Err(ServiceError::unexpected(&Outcome::Done(done))),
        })
        .await?;
        Ok(new)
    }

    /// Makes a key for the account of whoever runs the cluster, which may do everything.
    ///
    /// # Errors
    /// As [`Service::create_key`].
    pub async fn create_root_key(&self, caller: &Caller) -> Result<NewKey, ServiceError> {
        let step = |number: u32| Caller {
            request_id: registry::RequestId(format!("{}:{number}", caller.request_id)),
            ..caller.clone()
        };
        let name = || ROOT_ACCOUNT.to_owned();
        let account = AccessCommand::PutAccount {
            name: name(),
            description: "Made by --root-key".to_owned(),
            owner: String::new(),
            disabled: false,
        };
        self.change_access(&step(1), account).await?;
        let binding = AccessCommand::PutBinding {
            name: name(),
            role: "admin".to_owned(),
            grantee: Grantee::Account { name: name() },
            reach: Reach::Cluster,
        };
        self.change_access(&step(2), binding).await?;
        // Whoever lost the secret makes room for another one.
        let known = self.inner.consensus.state().read(|view| query::account(view, ROOT_ACCOUNT))?;
        for (number, key) in (3..).zip(known.map(|row| row.keys).unwrap_or_default()) {
            let revoke = AccessCommand::RevokeKey { account: name(), id: key.id };
            self.change_access(&step(number), revoke).await?;
        }
        self.create_key(&step(0), ROOT_ACCOUNT, "root", None).await
    }
}
