//! How often one client may ask: requests beyond its rate are answered 429 at once, before anything is done for them.
//!
//! A client is the principal, and where nobody said who asks, the address at the other end of the connection. Each class of
//! operations is counted alone. The rule is the generic cell rate algorithm (ITU-T I.371): of each client and class one number
//! is kept, the time at which it has used up what it took, and that may lie so far ahead as a burst is long. Nodes do not
//! tell each other: what a client may ask of a cluster is that many times the nodes that it asks.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use proto::error_code as code;
use proto::operations::{Body, Kind, Operation, OperationId, Permission, Resource};
use registry::{Principal, PrincipalKind};
use tokio::time::Instant;

use crate::clock;
use crate::config::{Rates as Figures, RatesConfig};
use crate::service::ServiceError;

/// How much may be asked at once after a rest: what a client starts with, it asks in one go.
const BURST: Duration = Duration::from_secs(5);
/// Failed attempts to say who one is are few, and counted by the minute.
const LOGIN_BURST: Duration = Duration::from_secs(60);
/// Clients of different shards do not wait for each other.
const SHARDS: usize = 16;
/// Clients that a shard remembers. What has rested is forgotten first; where all of them are busy, new ones share one
/// number, so that an attacker with many addresses takes from other strangers, and not the memory.
const CLIENTS_OF_SHARD_MAX: usize = 8_192;

/// Operations that are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    /// What is read by its name.
    Read,
    /// Lists and searches.
    Search,
    /// Comparisons, verdicts on data, projections: what costs time on the processor.
    Validate,
    /// Changes of the registry.
    Write,
    /// The cluster, and access.
    Admin,
    /// Failed attempts to say who one is.
    Login,
}

impl Class {
    /// The class of an operation; none of what machines ask about this process.
    fn of(operation: &Operation) -> Option<Self> {
        match (operation.kind, operation.id) {
            (Kind::Probe, _) => None,
            (Kind::Admin, _) | (_, OperationId::Cluster(_) | OperationId::Access(_)) => Some(Self::Admin),
            (Kind::Write, _) => Some(Self::Write),
            (Kind::ReadImmutable | Kind::ReadMutable, id) => {
                let is_judged = matches!(operation.permission, Permission::SubjectCheck | Permission::DataValidate)
                    || (matches!(id, OperationId::Llm(_)) && operation.body != Body::None);
                let is_list = matches!(operation.resource, Resource::Subjects | Resource::Audit);
                Some(match (is_judged, is_list) {
                    (true, _) => Self::Validate,
                    (false, true) => Self::Search,
                    (false, false) => Self::Read,
                })
            }
        }
    }

    /// The name in answers, and the key of the configuration.
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Search => "search",
            Self::Validate => "validate",
            Self::Write => "write",
            Self::Admin => "admin",
            Self::Login => "failed_logins",
        }
    }
}

/// So many in so long, and no more at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    count: u64,
    burst: Duration,
}

impl Quota {
    /// Nothing where the configuration sets no limit.
    fn per_second(count: u32) -> Option<Self> {
        let burst_seconds = BURST.as_secs();
        (count > 0).then(|| Self { count: u64::from(count) * burst_seconds, burst: BURST })
    }

    fn per_minute(count: u32) -> Option<Self> {
        (count > 0).then(|| Self { count: u64::from(count), burst: LOGIN_BURST })
    }

    /// Time that one of them uses up.
    fn interval_ns(self) -> u64 {
        as_nanoseconds(self.burst) / self.count
    }

    /// Up to when a client has used up what it took, if it takes one more; else how long it has to wait.
    fn take_one(self, used_up_ns: u64, now_ns: u64) -> Result<u64, Duration> {
        let next = used_up_ns.max(now_ns) + self.interval_ns();
        let ahead = next - now_ns;
        match ahead.checked_sub(as_nanoseconds(self.burst)) {
            None | Some(0) => Ok(next),
            Some(wait) => Err(Duration::from_nanos(wait)),
        }
    }
}

fn as_nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A client asked more often than it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// What it asked too much of.
    pub class: &'static str,
    /// So many it may ask in `window_s`.
    pub quota: u64,
    /// See `quota`.
    pub window_s: u64,
    /// After so many seconds it may ask again.
    pub wait_s: u64,
}

impl Exceeded {
    /// As a client is told.
    pub fn as_error(&self) -> ServiceError {
        let Self { class, quota, window_s, wait_s } = self;
        let message = format!("Too many requests of the class {class}: {quota} in {window_s} s; wait {wait_s} s");
        ServiceError::new(code::TOO_MANY_REQUESTS, message)
    }
}

/// What clients have asked of this node.
#[derive(Debug)]
pub(super) struct Rates {
    usual: Figures,
    /// By the name of the principal.
    overrides: HashMap<String, Figures>,
    begin: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<u64, u64>>>,
}

impl Rates {
    pub(super) fn new(config: &RatesConfig) -> Self {
        let usual = config.usual_rates();
        let overrides = config.overrides.iter().map(|found| (found.principal.clone(), found.applied_to(usual)));
        Self {
            usual,
            overrides: overrides.collect(),
            begin: clock::now(),
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// Counts a request of a client, or says that it is one too many.
    pub(super) fn take_request(
        &self,
        principal: &Principal,
        address: Option<IpAddr>,
        operation: &Operation,
    ) -> Result<(), Exceeded> {
        let Some(class) = Class::of(operation) else { return Ok(()) };
        let own = if self.overrides.is_empty() { None } else { self.overrides.get(&principal.to_string()) };
        let Some(quota) = quota_of(own.unwrap_or(&self.usual), class) else { return Ok(()) };
        let client = match principal.kind {
            PrincipalKind::Anonymous => self.client_number(class, network_of(address)),
            kind => self.client_number(class, (kind, &principal.name)),
        };
        self.count_request(client, class, quota)
    }

    /// Counts an attempt to be somebody that failed. Who else comes from that address is not kept out.
    pub(super) fn failed_login(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        let Some(quota) = quota_of(&self.usual, Class::Login) else { return Ok(()) };
        self.count_request(self.client_number(Class::Login, network_of(address)), Class::Login, quota)
    }

    fn client_number(&self, class: Class, client: impl std::hash::Hash) -> u64 {
        self.hasher.hash_one((class, client))
    }

    fn count_request(&self, client: u64, class: Class, quota: Quota) -> Result<(), Exceeded> {
        let now_ns = as_nanoseconds(clock::now().duration_since(self.begin));
        let shard = usize::try_from(client % SHARDS as u64).unwrap_or(0);
        let taken = take_of(&mut self.shards[shard].lock(), client, quota, now_ns);
        taken.map_err(|wait| Exceeded {
            class: class.name(),
            quota: quota.count,
            window_s: quota.burst.as_secs(),
            wait_s: wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX),
        })
    }
}

fn take_of(shard: &mut HashMap<u64, u64>, client: u64, quota: Quota, now_ns: u64) -> Result<(), Duration> {
    /// What those share for whom there is no room.
    const OTHERS: u64 = 0;
    let mut client = client;
    if shard.len() >= CLIENTS_OF_SHARD_MAX && !shard.contains_key(&client) {
        shard.retain(|_, used_up_ns| *used_up_ns > now_ns);
        if shard.len() >= CLIENTS_OF_SHARD_MAX {
            client = OTHERS;
        }
    }
    let used_up_ns = shard.entry(client).or_insert(0);
    *used_up_ns = quota.take_one(*used_up_ns, now_ns)?;
    Ok(())
}

fn quota_of(figures: &Figures, class: Class) -> Option<Quota> {
    let Figures { read, search, validate, write, admin, failed_logins } = *figures;
    match class {
        Class::Read => Quota::per_second(read),
        Class::Search => Quota::per_second(search),
        Class::Validate => Quota::per_second(validate),
        Class::Write => Quota::per_second(write),
        Class::Admin => Quota::per_second(admin),
        Class::Login => Quota::per_minute(failed_logins),
    }
}

/// Whose an address is: with IPv6 one customer has a network of 2⁶⁴ addresses.
fn network_of(address: Option<IpAddr>) -> Option<IpAddr> {
    address.map(|address| match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
    })
}

#[cfg(test)]
mod tests {
    use proto::operations::all;
    use registry::Authentication;

    use super::*;
    use crate::config::RateOverride;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_is_taken_at_once_and_then_one_after_the_other() {
        let quota = Quota::per_second(2).unwrap();
        assert_eq!(quota, Quota { count: 10, burst: BURST });
        let mut shard = HashMap::new();
        let mut take = |now_ns| take_of(&mut shard, 1, quota, now_ns);
        for number in 0..10 {
            assert_eq!(take(SECOND), Ok(()), "{number}");
        }
        assert_eq!(take(SECOND), Err(Duration::from_millis(500)));
        // A refusal costs nothing: who asks in vain does not wait longer for it.
        assert_eq!(take(SECOND + SECOND / 4), Err(Duration::from_millis(250)));
        assert_eq!(take(SECOND + SECOND / 2), Ok(()));
        assert_eq!(take(SECOND + SECOND / 2), Err(Duration::from_millis(500)));
        // A rest gives the burst back, and no more than that.
        let taken = (0..30).filter(|_| take(100 * SECOND).is_ok()).count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn many_clients_take_the_memory_of_so_many_and_nobody_elses_share() {
        let quota = Quota::per_second(1).unwrap();
        let mut shard = HashMap::new();
        for client in 1..=CLIENTS_OF_SHARD_MAX as u64 {
            assert_eq!(take_of(&mut shard, client, quota, SECOND), Ok(()));
        }
        // All of them are busy: strangers share one number, and those who are known keep theirs.
        let strangers = (0..100).filter(|stranger| take_of(&mut shard, 1_000_000 + stranger, quota, SECOND).is_ok());
        assert_eq!(strangers.count(), 5);
        assert_eq!(take_of(&mut shard, 1, quota, SECOND), Ok(()));
        assert!(shard.len() <= CLIENTS_OF_SHARD_MAX + 1);
        // Those who have rested make room.
        assert_eq!(take_of(&mut shard, 2_000_000, quota, 60 * SECOND), Ok(()));
        assert_eq!(shard.len(), 1);
    }

    #[test]
    fn each_principal_has_its_own_share_and_strangers_one_for_their_address() {
        let principal = "service-account:ci".to_owned();
        let overrides = vec![RateOverride { principal, read: Some(0), ..RateOverride::default() }];
        let rates = Rates::new(&RatesConfig { read: 1, overrides, ..RatesConfig::default() });
        let read = all().find(|operation| operation.name == "GetSchemaById").unwrap();
        let probe = all().find(|operation| operation.name == "ProbeLive").unwrap();
        let taken = |principal: &Principal, address: Option<IpAddr>, operation| {
            (0..100).filter(|_| rates.take_request(principal, address, operation).is_ok()).count()
        };
        let user = |name: &str| Principal::user(name, Authentication::Oidc);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        assert_eq!(taken(&user("ada"), None, read), 5);
        assert_eq!(taken(&user("ada"), address("10.0.0.1"), read), 0, "wherever it comes from");
        assert_eq!(taken(&user("bob"), None, read), 5);
        assert_eq!(taken(&user("ada"), None, probe), 100);
        let ci = Principal::of(PrincipalKind::ServiceAccount, "ci", Authentication::Basic);
        assert_eq!(taken(&ci, None, read), 100, "no limit for it");
        let nobody = Principal::anonymous();
        assert_eq!(taken(&nobody, address("10.0.0.1"), read), 5);
        assert_eq!(taken(&nobody, address("::ffff:10.0.0.1"), read), 0, "the same in IPv6 clothes");
        assert_eq!(taken(&nobody, address("10.0.0.2"), read), 5);
        assert_eq!(taken(&nobody, address("2001:db8::1"), read), 5);
        assert_eq!(taken(&nobody, address("2001:db8::2"), read), 0, "one network");
        let exceeded = rates.take_request(&user("ada"), None, read).unwrap_err();
        assert_eq!(exceeded, Exceeded { class: "read", quota: 5, window_s: 5, wait_s: 1 });
        // Failed logins are limited unless the configuration says otherwise.
        let failed = (0..10_000).filter(|_| rates.failed_login(address("10.0.0.1")).is_ok()).count();
        assert!((600..=620).contains(&failed), "{failed}");
    }

    #[test]
    fn every_operation_but_probes_has_a_class() {
        let class = |name: &str| all().find(|operation| operation.name == name).map(Class::of).unwrap();
        for (name, expected) in [
            ("ProbeReady", None),
            ("GetMetrics", None),
            ("GetSchemaById", Some(Class::Read)),
            ("ListSubjects", Some(Class::Search)),
            ("Search", Some(Class::Search)),
            ("CheckCompatibility", Some(Class::Validate)),
            ("CheckAnswer", Some(Class::Validate)),
            ("GetProjection", Some(Class::Read)),
            ("RegisterSchema", Some(Class::Write)),
            ("RegisterVersion", Some(Class::Write)),
            ("ShowCluster", Some(Class::Admin)),
            ("PutRole", Some(Class::Admin)),
        ] {
            assert_eq!(class(name), expected, "{name}");
        }
        let without: Vec<_> = all().filter(|operation| Class::of(operation).is_none()).collect();
        assert!(without.iter().all(|operation| operation.kind == Kind::Probe));
    }
}
