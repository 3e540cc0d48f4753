//! Policies, cursors and the archiving of audit records.

use proto::error_code as code;
use registry::query;
use registry::{
    BasisKey, ClusterCommand, ClusterDone, Command, Done, FeedsCommand, FeedsDone, LifePolicy, LogIndex, Outcome,
    PolicyInForce, Scope, SettingsCommand,
};

use super::commit::Prepared;
use super::events::Token;
use super::lives::policy_basis;
use super::provenance::Kind;
use super::{Caller, Service, ServiceError};

/// What begins the names of the registry's own cursors.
pub(super) const OWN_CURSORS: &str = "registry:";

/// What a scope sets, what holds there, and its revision.
pub type PolicyShown = (Option<LifePolicy>, PolicyInForce, LogIndex);

impl Service {
    /// The policy of a scope.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn show_policy(&self, caller: &Caller, scope: &Scope) -> Result<PolicyShown, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let revision = registry::modified_at(view, &BasisKey::Policy(scope.clone()))?;
            Ok((query::policy(view, scope)?, PolicyInForce::of(view, scope)?, revision))
        })
        .await
    }

    /// Sets (the whole of it) or removes the policy of a scope.
    ///
    /// # Errors
    /// 40453 if there is none to remove; 422 for retention below the global scope.
    pub async fn set_policy(
        &self,
        caller: &Caller,
        scope: &Scope,
        policy: Option<LifePolicy>,
    ) -> Result<PolicyShown, ServiceError> {
        self.linearize(caller.deadline).await?;
        let prepare = |_| {
            let basis = self.inner.consensus.state().read(|view| policy_basis(view, scope));
            let command =
                Command::Settings(SettingsCommand::SetPolicy { scope: scope.clone(), policy: policy.clone() });
            std::future::ready(Ok(Prepared::Change { command, basis, kept: () }))
        };
        self.commit(caller, scope, prepare, |_, ()| Ok(())).await?;
        self.show_policy(caller, scope).await
    }

    /// How far a reader of the events has come.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn cursor_place(&self, caller: &Caller, name: &str) -> Result<Option<Token>, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let row = query::cursor(view, name)?;
            Ok(row.map(|row| Token { index: row.index, position: row.position }))
        })
        .await
    }

    /// Moves a cursor forward; answers where it stands.
    ///
    /// # Errors
    /// 403 for one of the registry's own; 422 for a place where nothing has happened yet.
    pub async fn move_cursor(&self, caller: &Caller, name: &str, to: Token) -> Result<Token, ServiceError> {
        if name.starts_with(OWN_CURSORS) {
            let message =
                format!("The cursor '{name}' is the registry's own: names that begin with '{OWN_CURSORS}' are");
            return Err(ServiceError::new(code::FORBIDDEN, message));
        }
        let Token { index, position } = to;
        let command = Command::Feeds(FeedsCommand::MoveCursor { name: name.to_owned(), index, position });
        self.commit_change(caller, command, |done| match done {
            Done::Feeds(FeedsDone::Cursor { index, position }) => Ok(Token { index, position }),
            done => Err(ServiceError::unexpected(&Outcome::Done(done))),
        })
        .await
    }

    /// Takes exported audit records out of the state; answers the first that is left.
    ///
    /// # Errors
    /// 422 for records that the policy still keeps.
    pub async fn archive_audit(&self, caller: &Caller, before: u64) -> Result<u64, ServiceError> {
        let command = Command::Cluster(ClusterCommand::ArchiveAudit { before });
        self.commit_change(caller, command, |done| match done {
            Done::Cluster(ClusterDone::AuditArchived { from }) => Ok(from),
            done => Err(ServiceError::unexpected(&Outcome::Done(done))),
        })
        .await
    }
}
