//! Faults: each is injected, held, healed, and proves that it was real.
//!
//! A fault that did not happen makes its run vacuous; `inject_fault` says so in its error. Kills, pauses and damage leave a quorum,
//! but for faults whose point is that there is none.

mod ambient;
mod clock;
mod disk;
mod kernel;
mod operations;
mod outsider;
mod partition;
mod process;

use std::time::Duration;

pub use ambient::Ambient;
pub(crate) use disk::damage_kind;

use proto::rest::NodeStatusBody;
use rand::RngExt;
use rand::rngs::StdRng;

use crate::cluster::Cluster;
use crate::drill::load::Load;
use crate::net::Network;
use crate::wait::until;

/// A class of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    KillLeader,
    KillFollower,
    KillMinority,
    KillAll,
    StopLeader,
    PauseLeader,
    PauseMinority,
    IsolateLeader,
    IsolateOne,
    Halves,
    OneWayToLeader,
    OneWayFromLeader,
    Ring,
    Bridge,
    Flap,
    Resets,
    LostAnswers,
    ClientsInMinority,
    RegionCut,
    RegionLoss,
    Wan,
    SlowLink,
    ClockJump,
    ClockStrobe,
    ClockRate,
    PowerLossOne,
    PowerLossMinority,
    PowerLossAll,
    SlowSync,
    FailingSync,
    DiskFull,
    ShortWrites,
    Damage,
    DiskLost,
    MembershipChurn,
    LeaderTransfer,
    SnapshotAndPurge,
    CablePulled,
    Star,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 39] = [
        Self::KillLeader,
        Self::KillFollower,
        Self::KillMinority,
        Self::KillAll,
        Self::StopLeader,
        Self::PauseLeader,
        Self::PauseMinority,
        Self::IsolateLeader,
        Self::IsolateOne,
        Self::Halves,
        Self::OneWayToLeader,
        Self::OneWayFromLeader,
        Self::Ring,
        Self::Bridge,
        Self::Flap,
        Self::Resets,
        Self::LostAnswers,
        Self::ClientsInMinority,
        Self::RegionCut,
        Self::RegionLoss,
        Self::Wan,
        Self::SlowLink,
        Self::ClockJump,
        Self::ClockStrobe,
        Self::ClockRate,
        Self::PowerLossOne,
        Self::PowerLossMinority,
        Self::PowerLossAll,
        Self::SlowSync,
        Self::FailingSync,
        Self::DiskFull,
        Self::ShortWrites,
        Self::Damage,
        Self::DiskLost,
        Self::MembershipChurn,
        Self::LeaderTransfer,
        Self::SnapshotAndPurge,
        Self::CablePulled,
        Self::Star,
    ];

    /// Its name, in words with hyphens.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }

    /// Can it strike a cluster over this network?
    pub fn strikes(self, network: Network) -> bool {
        let needs_proxies = matches!(self, Self::LostAnswers | Self::ClientsInMinority | Self::RegionCut | Self::Wan);
        let needs_namespaces = matches!(self, Self::CablePulled | Self::Star);
        let cuts = matches!(
            self,
            Self::IsolateLeader
                | Self::IsolateOne
                | Self::Halves
                | Self::OneWayToLeader
                | Self::OneWayFromLeader
                | Self::Ring
                | Self::Bridge
                | Self::Flap
                | Self::Resets
                | Self::SlowLink
        );
        match network {
            Network::Loopback => !cuts && !needs_proxies && !needs_namespaces,
            Network::Proxies => !needs_namespaces,
            Network::Namespaces => !needs_proxies,
        }
    }

    /// Does it use up a node id, of which a cluster has only a few?
    pub fn spends_a_node(self) -> bool {
        matches!(self, Self::Damage | Self::DiskLost | Self::MembershipChurn)
    }
}

/// Where a fault strikes.
#[derive(Debug)]
pub struct NemesisTarget<'a> {
    /// The cluster.
    pub cluster: &'a mut Cluster,
    /// What clients do meanwhile.
    pub load: &'a Load,
    /// The plan's choices.
    pub random: &'a mut StdRng,
}

/// What a fault did, for the report; or why it did not happen.
pub type Evidence = Result<String, String>;

/// Injects a fault, perhaps while another one lasts, holds both, heals them and waits until the cluster is whole.
///
/// # Errors
/// If one of them did not really happen.
///
/// # Panics
/// If the cluster does not become whole again in time.
pub async fn inject_faults(fault: Fault, ambient: Option<Ambient>, target: &mut NemesisTarget<'_>) -> Evidence {
    let running = match ambient {
        Some(ambient) => Some(ambient::begin_ambient(ambient, target).await),
        None => None,
    };
    let evidence = inject_fault(fault, target).await;
    let proof = running.map(|running| ambient::prove_ambient(&running, target));
    heal_all(target).await;
    match proof {
        None => evidence,
        Some(proof) => Ok(format!("{} {}", evidence?, proof?)),
    }
}

async fn inject_fault(fault: Fault, target: &mut NemesisTarget<'_>) -> Evidence {
    let network = target.cluster.spec().network;
    if !fault.strikes(network) {
        return Err(format!("{} cannot strike over {network:?}", fault.name()));
    }
    match fault {
        Fault::KillLeader => process::kill_leader(target).await,
        Fault::KillFollower => process::kill_follower(target).await,
        Fault::KillMinority => process::kill_minority(target).await,
        Fault::KillAll => process::kill_all(target).await,
        Fault::StopLeader => process::stop_leader(target).await,
        Fault::PauseLeader => process::pause_leader(target).await,
        Fault::PauseMinority => process::pause_minority(target).await,
        Fault::IsolateLeader => partition::isolate_leader(target).await,
        Fault::IsolateOne => partition::isolate_one(target).await,
        Fault::Halves => partition::split_halves(target).await,
        Fault::OneWayToLeader => partition::one_way(target, true).await,
        Fault::OneWayFromLeader => partition::one_way(target, false).await,
        Fault::Ring => partition::make_ring(target).await,
        Fault::Bridge => partition::make_bridge(target).await,
        Fault::Flap => partition::flap_cuts(target).await,
        Fault::Resets => partition::reset_connections(target).await,
        Fault::LostAnswers => partition::lost_answers(target).await,
        Fault::ClientsInMinority => partition::clients_in_minority(target).await,
        Fault::RegionCut => partition::region_cut(target).await,
        Fault::RegionLoss => process::region_loss(target).await,
        Fault::Wan => partition::wan_profile(target).await,
        Fault::SlowLink => partition::slow_link(target).await,
        Fault::ClockJump => clock::clock_jump(target).await,
        Fault::ClockStrobe => clock::clock_strobe(target).await,
        Fault::ClockRate => clock::clock_rate(target).await,
        Fault::PowerLossOne => disk::power_loss(target, 1).await,
        Fault::PowerLossMinority => disk::power_loss_minority(target).await,
        Fault::PowerLossAll => disk::power_loss_all(target).await,
        Fault::SlowSync => disk::slow_sync(target).await,
        Fault::FailingSync => disk::failing_sync(target).await,
        Fault::DiskFull => disk::disk_full(target).await,
        Fault::ShortWrites => disk::short_writes(target).await,
        Fault::Damage => disk::damage_one(target).await,
        Fault::DiskLost => operations::disk_lost(target).await,
        Fault::MembershipChurn => operations::membership_churn(target).await,
        Fault::LeaderTransfer => operations::leader_transfer(target).await,
        Fault::SnapshotAndPurge => operations::snapshot_and_purge(target).await,
        Fault::CablePulled => kernel::cable_pulled(target).await,
        Fault::Star => kernel::make_star(target).await,
    }
}

/// Takes every fault back, starts what is down, and waits until all nodes are ready.
pub(crate) async fn heal_all(target: &mut NemesisTarget<'_>) {
    let members = target.load.members();
    if target.cluster.spec().network != Network::Loopback {
        target.cluster.mesh().heal();
    }
    for id in members {
        if target.cluster.spec().shimmed {
            target.cluster.shim(id).clear_all();
        }
        if target.cluster.pid(id).is_some() && target.cluster.has_ended(id) {
            target.cluster.ended(id).await;
        }
        if target.cluster.pid(id).is_none() {
            target.cluster.spawn(id, &[]);
        }
    }
    target.cluster.ready_all().await;
    let _ = target.cluster.leader().await;
}

/// A fault is held this long: several elections, whatever the timing.
async fn hold_fault(target: &mut NemesisTarget<'_>) {
    let ms = target.random.random_range(1_500..4_000);
    let factor = if target.cluster.spec().profile == "lan" { 1 } else { 2 };
    tokio::time::sleep(Duration::from_millis(ms * factor)).await;
}

/// What a node says of itself.
async fn node_status(cluster: &Cluster, id: u64) -> Option<NodeStatusBody> {
    let answer = cluster.api(id).get("/v1/cluster/status").send().await.ok()?;
    let status = (answer.status == 200).then(|| answer.cluster_status())?;
    status.nodes.into_iter().find(|node| node.node_id == id && node.error.is_none())
}

/// Waits until one of these nodes leads in a later term; its id and the term.
async fn leader_among(cluster: &Cluster, ids: &[u64], after_term: u64) -> (u64, u64) {
    until(&format!("a leader among {ids:?} after term {after_term}"), async || {
        for id in ids {
            if let Some(node) = node_status(cluster, *id).await
                && node.role == "leader"
                && node.term > after_term
            {
                return Ok((*id, node.term));
            }
        }
        Err("none of them leads".to_owned())
    })
    .await
}

/// The leader and its term.
async fn leader_and_term(cluster: &Cluster) -> (u64, u64) {
    let leader = cluster.leader().await;
    let term = node_status(cluster, leader).await.map_or(0, |node| node.term);
    (leader, term)
}

/// So many running nodes, the leader perhaps among them, that the rest is a quorum.
fn choose_minority(target: &mut NemesisTarget<'_>) -> Vec<u64> {
    let mut ids = target.cluster.ids();
    let count = (ids.len() - 1) / 2;
    let mut chosen = Vec::new();
    for _ in 0..count.max(1) {
        let place = target.random.random_range(0..ids.len());
        chosen.push(ids.swap_remove(place));
    }
    chosen
}

fn all_but(all: &[u64], without: &[u64]) -> Vec<u64> {
    all.iter().copied().filter(|id| !without.contains(id)).collect()
}
