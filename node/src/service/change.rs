//! The changes that need no preparation: deletions, configuration, modes.

use std::collections::BTreeSet;

use proto::operations::Permission;
use registry::{
    Basis, BasisKey, CatalogCommand, CatalogDone, ClusterCommand, ClusterDone, Command, Config, ConfigPatch, Context,
    Done, Mode, Outcome, Permanent, Scope, SettingsCommand, SettingsDone, Subject, Version, contract, query,
};
use schema::compat::Level;

use super::commit::Prepared;
use super::read::{find_version, resolve_alias};
use super::settings::with_default_level;
use super::words::VersionSpec;
use super::{Caller, Service, ServiceError};

impl Service {
    /// Deletes one version.
    ///
    /// # Errors
    /// 40401, 40402, 40406, 40407, 42205, 42206.
    pub async fn delete_version(
        &self,
        caller: &Caller,
        subject: &Subject,
        spec: VersionSpec,
        permanent: Permanent,
    ) -> Result<Version, ServiceError> {
        let deleted = self.delete_version_now(caller, subject, spec, permanent).await;
        self.or_earlier(caller, deleted, version_deleted)
    }

    async fn delete_version_now(
        &self,
        caller: &Caller,
        subject: &Subject,
        spec: VersionSpec,
        permanent: Permanent,
    ) -> Result<Version, ServiceError> {
        // What an alias stands for and which version is the latest must not be told by a replica that lags.
        self.linearize(caller.deadline).await?;
        let (subject, version) = self.inner.consensus.state().read(|view| {
            let subject = resolve_alias(view, subject)?;
            let version = match spec {
                VersionSpec::Number(version) => version,
                VersionSpec::Latest => {
                    let found = find_version(view, &subject, spec, query::Include::Live)?;
                    found.version.ok_or_else(|| ServiceError::version_not_found("latest"))?
                }
            };
            Ok::<_, ServiceError>((subject, version))
        })?;
        let command = Command::Catalog(CatalogCommand::DeleteVersion { subject, version, permanent });
        self.commit_change(caller, command, |done| version_deleted(Outcome::Done(done))).await
    }

    /// Deletes all versions of a subject.
    ///
    /// # Errors
    /// 40401, 40404, 40405, 42205, 42206.
    pub async fn delete_subject(
        &self,
        caller: &Caller,
        subject: &Subject,
        permanent: Permanent,
    ) -> Result<Vec<Version>, ServiceError> {
        self.linearize(caller.deadline).await?;
        let subject = self.inner.consensus.state().read(|view| resolve_alias(view, subject))?;
        let command = Command::Catalog(CatalogCommand::DeleteSubject { subject, permanent });
        self.commit_change(caller, command, |done| match done {
            Done::Catalog(CatalogDone::SubjectDeleted { versions }) => Ok(versions),
            done => Err(unexpected_done(done)),
        })
        .await
    }

    /// Merges a patch into the configuration of a scope and answers the merged one.
    ///
    /// NONE does not replace DISABLED: a Confluent client reads the one for the other and may only write back what it
    /// read (ADR 0011).
    ///
    /// # Errors
    /// 422xx, or 500xx if the outcome is unknown.
    pub async fn set_config(
        &self,
        caller: &Caller,
        scope: &Scope,
        patch: &ConfigPatch,
    ) -> Result<Config, ServiceError> {
        let prepare = |_| {
            let prepared = self.inner.consensus.state().read(|view| {
                let old = query::config(view, scope)?.unwrap_or_default();
                let keys = BTreeSet::from([BasisKey::Config(scope.clone())]);
                let own_level = old.compatibility_level;
                let mut merged = patch.apply(self.inner.sealer.open_config(old));
                if merged.compatibility_level == Some(Level::None)
                    && own_level != Some(Level::None)
                    && query::config_in_scope(view, scope)?.compatibility_level == Some(Level::Disabled)
                {
                    merged.compatibility_level = own_level;
                }
                // Whoever reads an alias reads what it stands for.
                if let (Some(alias), Scope::Subject(subject)) = (&merged.alias, scope)
                    && !alias.is_empty()
                {
                    let meant = Subject::parse_in(&subject.context, alias)?;
                    self.authorize_subject(caller, Permission::SubjectRead, &meant)?;
                }
                for rule_set in [&merged.default_rule_set, &merged.override_rule_set].into_iter().flatten() {
                    contract::check_rule_set(rule_set).map_err(|error| ServiceError::rule_set(&error))?;
                }
                let sealed = self.inner.sealer.seal_config(merged.clone());
                let command =
                    Command::Settings(SettingsCommand::SetConfig { scope: scope.clone(), config: Some(sealed) });
                Ok(Prepared::Change { command, basis: Basis { read_index: view.applied(), keys }, kept: merged })
            });
            std::future::ready(prepared)
        };
        self.commit(caller, scope, prepare, |done, config| match done {
            Done::Settings(SettingsDone::ConfigChanged { .. }) => Ok(config),
            done => Err(unexpected_done(done)),
        })
        .await
    }

    /// Removes the configuration of a scope and answers what it was, with the level that held.
    ///
    /// # Errors
    /// [`proto::error_code::SUBJECT_NOT_FOUND`] if a subject has none.
    pub async fn delete_config(&self, caller: &Caller, scope: &Scope) -> Result<Config, ServiceError> {
        let command = Command::Settings(SettingsCommand::SetConfig { scope: scope.clone(), config: None });
        self.commit_change(caller, command, |done| match done {
            Done::Settings(SettingsDone::ConfigChanged { old }) => {
                Ok(with_default_level(self.inner.sealer.open_config(old.unwrap_or_default())))
            }
            done => Err(unexpected_done(done)),
        })
        .await
    }

    /// Sets the mode of a scope.
    ///
    /// # Errors
    /// 42204, 42205.
    pub async fn set_mode(&self, caller: &Caller, scope: &Scope, mode: Mode, force: bool) -> Result<(), ServiceError> {
        let command = Command::Settings(SettingsCommand::SetMode {
            scope: scope.clone(),
            mode: Some(mode),
            force,
            recursive: false,
        });
        self.commit_change(caller, command, mode_changed).await.map(|_| ())
    }

    /// Removes the mode of a scope and answers what it was.
    ///
    /// # Errors
    /// 40401 if a subject has none.
    pub async fn delete_mode(
        &self,
        caller: &Caller,
        scope: &Scope,
        recursive: bool,
    ) -> Result<Option<Mode>, ServiceError> {
        let command =
            Command::Settings(SettingsCommand::SetMode { scope: scope.clone(), mode: None, force: false, recursive });
        self.commit_change(caller, command, mode_changed).await
    }

    /// Removes an empty context.
    ///
    /// # Errors
    /// 42211 if it has subjects.
    pub async fn delete_context(&self, caller: &Caller, context: &Context) -> Result<(), ServiceError> {
        let command = Command::Catalog(CatalogCommand::DeleteContext { context: context.clone() });
        self.commit_change(caller, command, |done| match done {
            Done::Catalog(CatalogDone::ContextDeleted) => Ok(()),
            done => Err(unexpected_done(done)),
        })
        .await
    }

    /// Gives a new cluster its identity; on an existing one this changes nothing.
    ///
    /// # Errors
    /// If the cluster has another identity, or cannot be reached.
    pub async fn found_cluster(&self, caller: &Caller, cluster_id: &str) -> Result<(), ServiceError> {
        let command = Command::Cluster(ClusterCommand::Found { cluster_id: cluster_id.to_owned() });
        self.commit_change(caller, command, |done| match done {
            Done::Cluster(ClusterDone::Founded { .. }) => Ok(()),
            done => Err(unexpected_done(done)),
        })
        .await
    }
}

fn unexpected_done(done: Done) -> ServiceError {
    ServiceError::unexpected(&Outcome::Done(done))
}

fn mode_changed(done: Done) -> Result<Option<Mode>, ServiceError> {
    match done {
        Done::Settings(SettingsDone::ModeChanged { old }) => Ok(old),
        done => Err(unexpected_done(done)),
    }
}

fn version_deleted(outcome: Outcome) -> Result<Version, ServiceError> {
    match outcome {
        Outcome::Done(Done::Catalog(CatalogDone::VersionDeleted { version })) => Ok(version),
        outcome => Err(refused_error(&outcome)),
    }
}

fn refused_error(outcome: &Outcome) -> ServiceError {
    match outcome {
        Outcome::Refused(refusal) => ServiceError::refused(refusal),
        other => ServiceError::unexpected(other),
    }
}
