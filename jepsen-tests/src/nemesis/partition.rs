//! Networks that break: whole, one way, in odd shapes, for some clients, slowly.

use std::time::Duration;

use rand::RngExt;

use super::outsider::ask_outsider;
use super::{Evidence, NemesisTarget, all_but, hold_fault, leader_among, leader_and_term};
use crate::cluster::region;
use crate::net::{CLIENT_GROUPS, Cut, Figures, Loss, Origin};

/// One of the cuts that the network can make, by the plan.
pub(super) fn some_cut(target: &mut NemesisTarget<'_>) -> Cut {
    let [one, other] = target.cluster.mesh().cuts();
    if target.random.random_bool(0.5) { one } else { other }
}

/// What the network did since an earlier look, if it was any harm.
fn prove_harm(target: &NemesisTarget<'_>, before: Figures, what: String) -> Evidence {
    let done = target.cluster.mesh().figures().since(before);
    let harm = done.describe_harm().ok_or_else(|| format!("{what}: nothing that was sent was touched"))?;
    Ok(format!("{what}: {harm}"))
}

pub(super) async fn isolate_leader(target: &mut NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    let rest = all_but(&target.cluster.ids(), &[leader]);
    let before = target.cluster.mesh().figures();
    let how = target.random.random_range(0..3);
    let mesh = target.cluster.mesh();
    let cut = mesh.cuts().get(how).copied();
    for other in &rest {
        match cut {
            Some(cut) => mesh.separate(leader, *other, cut),
            None => mesh.refuse(leader, *other),
        }
    }
    let (next, next_term) = leader_among(target.cluster, &rest, term).await;
    target.load.wait_for_progress(20).await;
    let asked = ask_outsider(target, leader, &rest).await;
    let how = cut.map_or_else(|| "Refused".to_owned(), |cut| format!("{cut:?}"));
    prove_harm(
        target,
        before,
        format!("leader {leader} of term {term} cut off ({how}); {next} led in term {next_term}{asked}"),
    )
}

pub(super) async fn isolate_one(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    let one = ids[target.random.random_range(0..ids.len())];
    let cut = some_cut(target);
    let before = target.cluster.mesh().figures();
    target.cluster.mesh().partition(&[one], &all_but(&ids, &[one]), cut);
    hold_fault(target).await;
    prove_harm(target, before, format!("node {one} cut off ({cut:?})"))
}

/// With an even split nobody has a quorum; the drill uses odd sizes, so one half has.
pub(super) async fn split_halves(target: &mut NemesisTarget<'_>) -> Evidence {
    let mut left = target.cluster.ids();
    let mut right = Vec::new();
    while right.len() < left.len() - 1 {
        let place = target.random.random_range(0..left.len());
        right.push(left.swap_remove(place));
    }
    let cut = some_cut(target);
    let before = target.cluster.mesh().figures();
    target.cluster.mesh().partition(&left, &right, cut);
    hold_fault(target).await;
    target.load.wait_for_progress(10).await;
    prove_harm(target, before, format!("{left:?} and {right:?} separated ({cut:?})"))
}

/// The leader hears nobody, or nobody hears the leader.
pub(super) async fn one_way(target: &mut NemesisTarget<'_>, to_leader: bool) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    let rest = all_but(&target.cluster.ids(), &[leader]);
    let cut = some_cut(target);
    let before = target.cluster.mesh().figures();
    for other in &rest {
        let (from, to) = if to_leader { (*other, leader) } else { (leader, *other) };
        target.cluster.mesh().cut(from, to, cut);
    }
    // Either way the leader has no quorum any more, and the rest must go on under another.
    let (next, next_term) = leader_among(target.cluster, &rest, term).await;
    target.load.wait_for_progress(10).await;
    let asked = ask_outsider(target, leader, &rest).await;
    let what = if to_leader { "heard nobody" } else { "was heard by nobody" };
    prove_harm(
        target,
        before,
        format!("leader {leader} of term {term} {what} ({cut:?}); {next} led in term {next_term}{asked}"),
    )
}

/// Every node sees a majority, and no two the same one.
pub(super) async fn make_ring(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    if ids.len() < 5 {
        return Err("a ring needs five nodes".to_owned());
    }
    let cut = some_cut(target);
    let before = target.cluster.mesh().figures();
    for (place, one) in ids.iter().enumerate() {
        for (at, other) in ids.iter().enumerate().skip(place + 1) {
            let apart = at - place;
            if apart != 1 && apart != ids.len() - 1 {
                target.cluster.mesh().separate(*one, *other, cut);
            }
        }
    }
    hold_fault(target).await;
    prove_harm(target, before, format!("a ring of {ids:?} ({cut:?})"))
}

/// Two groups that see one common node and not each other.
pub(super) async fn make_bridge(target: &mut NemesisTarget<'_>) -> Evidence {
    let mut ids = target.cluster.ids();
    if ids.len() < 3 {
        return Err("a bridge needs three nodes".to_owned());
    }
    // Followers say nothing to each other: with the leader in the middle nothing would be cut.
    let leader = target.cluster.leader().await;
    let followers = all_but(&ids, &[leader]);
    let middle = followers[target.random.random_range(0..followers.len())];
    ids.retain(|id| *id != middle);
    let (left, right) = ids.split_at(ids.len() / 2);
    let cut = some_cut(target);
    let before = target.cluster.mesh().figures();
    target.cluster.mesh().partition(left, right, cut);
    hold_fault(target).await;
    target.load.wait_for_progress(5).await;
    prove_harm(target, before, format!("{left:?} and {right:?} met only through {middle} ({cut:?})"))
}

/// Cuts that come and go faster than elections settle.
pub(super) async fn flap_cuts(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    let before = target.cluster.mesh().figures();
    let turns = 12;
    for _ in 0..turns {
        let one = ids[target.random.random_range(0..ids.len())];
        let cut = some_cut(target);
        target.cluster.mesh().partition(&[one], &all_but(&ids, &[one]), cut);
        tokio::time::sleep(Duration::from_millis(target.random.random_range(100..600))).await;
        target.cluster.mesh().heal();
        tokio::time::sleep(Duration::from_millis(target.random.random_range(20..300))).await;
    }
    prove_harm(target, before, format!("{turns} short cuts"))
}

/// Connections that break again and again.
pub(super) async fn reset_connections(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    let before = target.cluster.mesh().figures();
    for _ in 0..60 {
        let place = target.random.random_range(0..ids.len());
        let one = ids[place];
        let other = ids[(place + target.random.random_range(1..ids.len())) % ids.len()];
        target.cluster.mesh().reset(one, other);
        tokio::time::sleep(Duration::from_millis(target.random.random_range(10..120))).await;
    }
    prove_harm(target, before, "60 resets".to_owned())
}

/// Requests that followers forward reach the leader and are kept, but the answers are lost, and then the connections break: the follower
/// must send the request again, and it must not take effect twice.
pub(super) async fn lost_answers(target: &mut NemesisTarget<'_>) -> Evidence {
    let before = target.cluster.mesh().figures();
    let turns = 8;
    for _ in 0..turns {
        let leader = target.cluster.leader().await;
        let rest = all_but(&target.cluster.ids(), &[leader]);
        let answers = |loss: Loss, resets: u64| {
            for other in &rest {
                target.cluster.mesh().proxies().change(Origin::Node(*other), leader, |state| {
                    state.back.loss = loss;
                    state.resets += resets;
                });
            }
        };
        answers(Loss::Swallowed, 0);
        tokio::time::sleep(Duration::from_millis(target.random.random_range(80..300))).await;
        answers(Loss::None, 1);
        target.load.wait_for_progress(5).await;
    }
    prove_harm(target, before, format!("the answers to what followers forwarded were lost {turns} times"))
}

/// One group of clients reaches only nodes that are cut off from the rest.
pub(super) async fn clients_in_minority(target: &mut NemesisTarget<'_>) -> Evidence {
    let (leader, term) = leader_and_term(target.cluster).await;
    let ids = target.cluster.ids();
    let rest = all_but(&ids, &[leader]);
    let before = target.cluster.mesh().figures();
    target.cluster.mesh().partition(&[leader], &rest, Cut::Held);
    for id in &rest {
        target.cluster.mesh().proxies().change(Origin::Clients(0), *id, |state| {
            state.refuse = true;
            state.resets += 1;
        });
    }
    for group in 1..CLIENT_GROUPS {
        target.cluster.mesh().proxies().change(Origin::Clients(group), leader, |state| {
            state.refuse = true;
            state.resets += 1;
        });
    }
    let (next, _) = leader_among(target.cluster, &rest, term).await;
    hold_fault(target).await;
    prove_harm(
        target,
        before,
        format!("clients 0 saw only the cut-off leader {leader}, the others only the rest under {next}"),
    )
}

/// All links between one region and the others.
pub(super) async fn region_cut(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    let chosen = region(ids[target.random.random_range(0..ids.len())]);
    let (inside, outside): (Vec<_>, Vec<_>) = ids.iter().copied().partition(|id| region(*id) == chosen);
    let cut = some_cut(target);
    let before = target.cluster.mesh().figures();
    wan_delays(target);
    target.cluster.mesh().partition(&inside, &outside, cut);
    hold_fault(target).await;
    target.load.wait_for_progress(10).await;
    prove_harm(target, before, format!("region {chosen} with {inside:?} cut off from {outside:?} ({cut:?})"))
}

/// One-way delays between regions, in milliseconds: round trips of 30, 80 and 150 ms.
fn wan_delays(target: &NemesisTarget<'_>) {
    let ids = target.cluster.ids();
    for (place, one) in ids.iter().enumerate() {
        for other in &ids[place + 1..] {
            let delay_ms = match (region(*one), region(*other)) {
                (a, b) if a == b => 0,
                ("eu-west", "us-east") | ("us-east", "eu-west") => 40,
                ("eu-west", _) | (_, "eu-west") => 15,
                _ => 75,
            };
            target.cluster.mesh().proxies().delay(*one, *other, delay_ms, delay_ms / 5);
            for (from, to) in [(*one, *other), (*other, *one)] {
                target.cluster.mesh().proxies().change(Origin::Node(from), to, |state| {
                    state.forward.retransmit_one_in = 100;
                    state.back.retransmit_one_in = 100;
                });
            }
        }
    }
}

/// Regions far apart, with jitter and loss, for a while under load.
pub(super) async fn wan_profile(target: &mut NemesisTarget<'_>) -> Evidence {
    let before = target.cluster.mesh().figures();
    wan_delays(target);
    hold_fault(target).await;
    target.load.wait_for_progress(30).await;
    prove_harm(
        target,
        before,
        "regions 30, 80 and 150 ms apart, with jitter and one piece in a hundred late".to_owned(),
    )
}

/// A node behind a thin line.
pub(super) async fn slow_link(target: &mut NemesisTarget<'_>) -> Evidence {
    let ids = target.cluster.ids();
    let one = target.cluster.follower().await;
    let before = target.cluster.mesh().figures();
    target.cluster.mesh().thin(one, &all_but(&ids, &[one]), 30_000);
    hold_fault(target).await;
    target.load.wait_for_progress(30).await;
    prove_harm(target, before, format!("follower {one} behind 30 kB/s"))
}
