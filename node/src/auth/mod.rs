//! Who may do what: decisions from the accounts, roles, bindings and policies of the replicated state.
//!
//! [`Authority`] compiles them into one set of Cedar policies (`compile`) whenever the state says that they have changed,
//! and evaluates that (`model`). What it decided is remembered by thread until the next change, so that the hot path costs
//! a look into a table that no other core touches. Where a configuration has no `[auth]`, or it is off, everybody may do
//! everything. Never here: transports, and who asks (that is the edge's).

mod compile;
mod credentials;
mod model;
mod oidc;
mod remembered;
mod roles;
mod target;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use proto::error_code as code;
use proto::operations::Permission;
use registry::{Context, Principal, PrincipalKind, Subject, query};

use crate::clock::Clock;
use crate::config::AuthConfig;
use crate::consensus::State;
use crate::service::ServiceError;
use compile::Compiled;
use model::Attributes;
use oidc::{Oidc, Verified};

pub use compile::{InvalidPolicy, check_policies};

pub use credentials::{Credentials, NewKey, hash_of_secret, new_key};
pub use roles::built_in;
pub use target::{Named, targets_of};

/// The account that `--root-key` makes. No policy keeps it from changing accounts, roles, bindings and policies, so that a
/// policy that locks everybody out can be taken back.
pub const ROOT_ACCOUNT: &str = "root";

/// What a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The cluster: members, audit, what holds above all contexts.
    Cluster,
    /// A context as a whole.
    Context(&'a Context),
    /// A subject, whether it exists or not.
    Subject(&'a Subject),
}

/// A decision with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// May it be done?
    pub allowed: bool,
    /// The policies that decided; none where no policy allows it.
    pub policies: Vec<String>,
}

/// Where a request comes from, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The address at the other end of the connection, where that is known.
    pub address: Option<IpAddr>,
    /// What the client of a change calls itself, at most [`registry::limits::USER_AGENT_BYTES_MAX`].
    pub user_agent: Option<Arc<str>>,
    /// The id of the API key that was shown.
    pub key: Option<Arc<str>>,
    /// When the token that was shown ends.
    pub expires_ms: Option<u64>,
}

/// Decides for one node. Cheap to clone.
#[derive(Clone)]
pub struct Authority {
    inner: Arc<Inner>,
}

struct Inner {
    is_on: bool,
    state: State,
    clock: Clock,
    /// Tells the authorities of one process apart.
    instance: u64,
    /// The applied index at which `current` was last known to hold.
    seen: AtomicU64,
    current: RwLock<Arc<Compiled>>,
    /// The entry that `current` was compiled after; `u64::MAX` before the first.
    epoch: AtomicU64,
    compiling: Mutex<()>,
    oidc: Oidc,
}

/// Numbers the authorities of one process.
static INSTANCES: AtomicU64 = AtomicU64::new(1);

impl Authority {
    /// Decides by what the state holds; where the configuration says that it is off, everything is allowed.
    pub fn new(config: &AuthConfig, state: State, clock: Clock) -> Self {
        let inner = Inner {
            is_on: config.enabled,
            state,
            clock,
            instance: INSTANCES.fetch_add(1, Ordering::Relaxed),
            seen: AtomicU64::new(u64::MAX),
            current: RwLock::new(Arc::new(Compiled::default())),
            epoch: AtomicU64::new(u64::MAX),
            compiling: Mutex::new(()),
            oidc: Oidc::new(&config.issuers),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Is anything ever forbidden?
    pub fn is_on(&self) -> bool {
        self.inner.is_on
    }

    /// What is compiled of the state as this node has applied it, and its epoch.
    fn newest_compiled(&self) -> Result<(u64, Arc<Compiled>), ServiceError> {
        self.refresh_if_changed()?;
        // The epoch first: what is compiled after it is never older.
        let epoch = self.inner.epoch.load(Ordering::Acquire);
        Ok((epoch, self.inner.current.read().clone()))
    }

    /// Compiles again if access has changed since. Reads the state once for each applied index at most.
    fn refresh_if_changed(&self) -> Result<u64, ServiceError> {
        let Inner { state, seen, epoch, compiling, current, .. } = &*self.inner;
        let applied = state.applied_index().0;
        if seen.load(Ordering::Acquire) == applied {
            return Ok(epoch.load(Ordering::Acquire));
        }
        let changed_at = state.read(|view| query::access_changed_at(view))?.0;
        if epoch.load(Ordering::Acquire) != changed_at {
            let _one = compiling.lock();
            // Another thread may have been faster, and may have seen a newer state.
            let known = epoch.load(Ordering::Acquire);
            if known == u64::MAX || known < changed_at {
                let (compiled, changed_at) = state.read(|view| {
                    Ok::<_, registry::ViewError>((Compiled::of(view)?, query::access_changed_at(view)?.0))
                })?;
                *current.write() = Arc::new(compiled);
                epoch.store(changed_at, Ordering::Release);
            }
        }
        seen.store(applied, Ordering::Release);
        Ok(epoch.load(Ordering::Acquire))
    }

    /// May the principal do this? Remembered where nothing but the principal, the permission and the subject decides.
    ///
    /// # Errors
    /// Only if the state cannot be read: then nothing is allowed.
    pub fn is_permitted(
        &self,
        principal: &Principal,
        origin: &Origin,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<bool, ServiceError> {
        if !self.inner.is_on || is_internal(principal) || permission == Permission::Public {
            return Ok(true);
        }
        let epoch = self.refresh_if_changed()?;
        let fetch = || self.inner.current.read().clone();
        let known = remembered::find_decision(self.inner.instance, epoch, fetch, principal, permission, target);
        let compiled = match known {
            remembered::Found::Decision(allowed) => return Ok(allowed),
            remembered::Found::Compiled(compiled) => compiled,
        };
        let decision = self.evaluate(&compiled, principal, origin, permission, target)?;
        if !compiled.needs_attributes(permission) {
            remembered::keep_decision(self.inner.instance, epoch, principal, permission, target, decision.allowed);
        }
        Ok(decision.allowed)
    }

    /// The decision with the policies behind it, never a remembered one.
    ///
    /// # Errors
    /// As [`Authority::is_permitted`].
    pub fn explain_decision(
        &self,
        principal: &Principal,
        origin: &Origin,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<Decision, ServiceError> {
        if !self.inner.is_on {
            return Ok(Decision { allowed: true, policies: vec!["authorisation is off".to_owned()] });
        }
        let (_, compiled) = self.newest_compiled()?;
        self.evaluate(&compiled, principal, origin, permission, target)
    }

    fn evaluate(
        &self,
        compiled: &Compiled,
        principal: &Principal,
        origin: &Origin,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<Decision, ServiceError> {
        if is_root(principal) && matches!(permission, Permission::AccessRead | Permission::AccessWrite) {
            return Ok(Decision { allowed: true, policies: vec!["built-in/root".to_owned()] });
        }
        let attributes = match target {
            Target::Subject(subject) if compiled.needs_attributes(permission) => {
                self.inner.state.read(|view| Attributes::of(view, subject))?
            }
            Target::Subject(_) | Target::Context(_) | Target::Cluster => Attributes::default(),
        };
        Ok(compiled.decide(principal, origin, self.inner.clock.wall_ms(), permission, target, &attributes))
    }

    /// May the principal do this to everything, whatever it is? For answers that were given to somebody else before. Where
    /// there are policies above roles, nobody is taken to: they may ask for more than names.
    ///
    /// # Errors
    /// As [`Authority::is_permitted`].
    pub fn may_all(
        &self,
        principal: &Principal,
        origin: &Origin,
        permission: Permission,
    ) -> Result<bool, ServiceError> {
        if !self.inner.is_on {
            return Ok(true);
        }
        // What is bound to the cluster as a whole has no condition: it holds for each subject, too.
        Ok(self.is_permitted(principal, origin, permission, Target::Cluster)?
            && !self.inner.current.read().has_custom_policies())
    }

    /// Could the principal do this to anything at all? Never false for what [`Authority::is_permitted`] allows somewhere.
    ///
    /// # Errors
    /// As [`Authority::is_permitted`].
    pub fn may_somewhere(&self, principal: &Principal, permission: Permission) -> Result<bool, ServiceError> {
        if !self.inner.is_on || is_internal(principal) || permission == Permission::Public {
            return Ok(true);
        }
        if is_root(principal) && matches!(permission, Permission::AccessRead | Permission::AccessWrite) {
            return Ok(true);
        }
        let (_, compiled) = self.newest_compiled()?;
        Ok(compiled.could_be_permitted(principal, permission))
    }

    /// As [`Authority::is_permitted`], with the refusal that the client gets.
    ///
    /// # Errors
    /// 40101 if nobody said who asks, 40301 if whoever asks may not.
    pub fn refuse_unless_permitted(
        &self,
        principal: &Principal,
        origin: &Origin,
        permission: Permission,
        target: Target<'_>,
    ) -> Result<(), ServiceError> {
        if self.is_permitted(principal, origin, permission, target)? {
            Ok(())
        } else {
            Err(permission_denied(principal, permission))
        }
    }

    /// The principal that credentials speak for, and when they end if they say so; none if they are not good now.
    ///
    /// # Errors
    /// Only if the state cannot be read.
    pub fn identify_principal(
        &self,
        credentials: &Credentials,
    ) -> Result<Option<(Principal, Option<u64>)>, ServiceError> {
        let now_ms = self.inner.clock.wall_ms();
        match credentials {
            Credentials::Basic { .. } | Credentials::Key { .. } => {
                let (_, compiled) = self.newest_compiled()?;
                Ok(compiled.account_of(credentials, now_ms).map(|principal| (principal, None)))
            }
            Credentials::Token(token) => match self.inner.oidc.verify_once(self.inner.instance, token, now_ms) {
                Verified::Good(principal, expires_ms) => Ok(Some((principal, Some(expires_ms)))),
                Verified::Bad(reason) => {
                    tracing::debug!(reason, "a token is not good");
                    Ok(None)
                }
                Verified::NeedsKeys(_) => {
                    tracing::debug!("the key of a token is not known");
                    Ok(None)
                }
            },
        }
    }

    /// Fetches the keys of an identity provider, if those that are known do not fit a token of it.
    pub async fn prepare_credentials(&self, credentials: &Credentials) {
        let Credentials::Token(token) = credentials else { return };
        let Inner { oidc, clock, instance, .. } = &*self.inner;
        if let Verified::NeedsKeys(issuer) = oidc.verify_once(*instance, token, clock.wall_ms()) {
            oidc.fetch_keys(issuer).await;
        }
    }

    /// Is what a request rests on still good? For what goes on after it was let in.
    ///
    /// # Errors
    /// 40101 once the key was revoked or the token has ended, 40301 once the principal may do this to nothing any more.
    pub fn check_still(
        &self,
        principal: &Principal,
        origin: &Origin,
        permission: Permission,
    ) -> Result<(), ServiceError> {
        if !self.inner.is_on || is_internal(principal) {
            return Ok(());
        }
        let (_, compiled) = self.newest_compiled()?;
        let now_ms = self.inner.clock.wall_ms();
        let has_ended = origin.expires_ms.is_some_and(|expires| expires <= now_ms)
            || origin.key.as_ref().is_some_and(|key| !compiled.is_key_good(key, now_ms));
        if has_ended {
            return Err(ServiceError::new(code::UNAUTHORIZED, "Unauthorized"));
        }
        if self.may_somewhere(principal, permission)? { Ok(()) } else { Err(permission_denied(principal, permission)) }
    }

    /// What would be decided with this policy among the others.
    ///
    /// # Errors
    /// As [`Authority::is_permitted`]; [`code::UNPROCESSABLE`] for a policy that is none.
    pub fn would_allow(
        &self,
        principal: &Principal,
        permission: Permission,
        name: &str,
        text: &str,
    ) -> Result<bool, ServiceError> {
        if is_root(principal) {
            return Ok(true);
        }
        let compiled = self.inner.state.read(|view| Compiled::with_policy(view, name, text))?;
        let now_ms = self.inner.clock.wall_ms();
        Ok(compiled
            .decide(principal, &Origin::default(), now_ms, permission, Target::Cluster, &Attributes::default())
            .allowed)
    }
}

/// What the cluster asks of itself.
fn is_internal(principal: &Principal) -> bool {
    match principal.kind {
        PrincipalKind::System | PrincipalKind::Node => true,
        PrincipalKind::Anonymous | PrincipalKind::User | PrincipalKind::ServiceAccount => false,
    }
}

fn is_root(principal: &Principal) -> bool {
    principal.kind == PrincipalKind::ServiceAccount && principal.name == ROOT_ACCOUNT
}

/// The refusal. It names the permission and nothing of what is there.
pub fn permission_denied(principal: &Principal, permission: Permission) -> ServiceError {
    if principal.kind == PrincipalKind::Anonymous {
        return ServiceError::new(code::UNAUTHORIZED, "Unauthorized");
    }
    ServiceError::new(
        code::FORBIDDEN,
        format!("{principal} may not do this: it needs the permission {}", permission.name()),
    )
}

#[cfg(test)]
mod tests;
