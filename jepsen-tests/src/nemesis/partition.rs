//! Networks that break: whole, one way, in odd shapes, for some clients, slowly.

use std::time::Duration;

use rand::RngExt;

use super::{Evidence, Field, hold, leader_among, leader_and_term, others};
use crate::cluster::region;
use crate::net::{CLIENT_GROUPS, Cut, Figures, Loss, Origin};

/// One of the cuts that the network can make, by the plan.
pub(super) fn some_cut(field: &mut Field<'_>) -> Cut {
    let [one, other] = field.cluster.mesh().cuts();
    if field.random.random_bool(0.5) { one } else { other }
}

/// What the network did since an earlier look, if it was any harm.
fn proof(field: &Field<'_>, before: Figures, what: String) -> Evidence {
    let done = field.cluster.mesh().figures().since(before);
    let harm = done.harm().ok_or_else(|| format!("{what}: nothing that was sent was touched"))?;
    Ok(format!("{what}: {harm}"))
}

pub(super) async fn isolate_leader(field: &mut Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    let rest = others(&field.cluster.ids(), &[leader]);
    let before = field.cluster.mesh().figures();
    let how = field.random.random_range(0..3);
    let mesh = field.cluster.mesh();
    let cut = mesh.cuts().get(how).copied();
    for other in &rest {
        match cut {
            Some(cut) => mesh.separate(leader, *other, cut),
            None => mesh.refuse(leader, *other),
        }
    }
    let (next, next_term) = leader_among(field.cluster, &rest, term).await;
    field.load.progress(20).await;
    let how = cut.map_or_else(|| "Refused".to_owned(), |cut| format!("{cut:?}"));
    proof(field, before, format!("leader {leader} of term {term} cut off ({how}); {next} led in term {next_term}"))
}

pub(super) async fn isolate_one(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    let one = ids[field.random.random_range(0..ids.len())];
    let cut = some_cut(field);
    let before = field.cluster.mesh().figures();
    field.cluster.mesh().partition(&[one], &others(&ids, &[one]), cut);
    hold(field).await;
    proof(field, before, format!("node {one} cut off ({cut:?})"))
}

/// With an even split nobody has a quorum; the drill uses odd sizes, so one half has.
pub(super) async fn halves(field: &mut Field<'_>) -> Evidence {
    let mut left = field.cluster.ids();
    let mut right = Vec::new();
    while right.len() < left.len() - 1 {
        let place = field.random.random_range(0..left.len());
        right.push(left.swap_remove(place));
    }
    let cut = some_cut(field);
    let before = field.cluster.mesh().figures();
    field.cluster.mesh().partition(&left, &right, cut);
    hold(field).await;
    field.load.progress(10).await;
    proof(field, before, format!("{left:?} and {right:?} separated ({cut:?})"))
}

/// The leader hears nobody, or nobody hears the leader.
pub(super) async fn one_way(field: &mut Field<'_>, to_leader: bool) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    let rest = others(&field.cluster.ids(), &[leader]);
    let cut = some_cut(field);
    let before = field.cluster.mesh().figures();
    for other in &rest {
        let (from, to) = if to_leader { (*other, leader) } else { (leader, *other) };
        field.cluster.mesh().cut(from, to, cut);
    }
    // Either way the leader has no quorum any more, and the rest must go on under another.
    let (next, next_term) = leader_among(field.cluster, &rest, term).await;
    field.load.progress(10).await;
    let what = if to_leader { "heard nobody" } else { "was heard by nobody" };
    proof(field, before, format!("leader {leader} of term {term} {what} ({cut:?}); {next} led in term {next_term}"))
}

/// Every node sees a majority, and no two the same one.
pub(super) async fn ring(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    if ids.len() < 5 {
        return Err("a ring needs five nodes".to_owned());
    }
    let cut = some_cut(field);
    let before = field.cluster.mesh().figures();
    for (place, one) in ids.iter().enumerate() {
        for (at, other) in ids.iter().enumerate().skip(place + 1) {
            let apart = at - place;
            if apart != 1 && apart != ids.len() - 1 {
                field.cluster.mesh().separate(*one, *other, cut);
            }
        }
    }
    hold(field).await;
    proof(field, before, format!("a ring of {ids:?} ({cut:?})"))
}

/// Two groups that see one common node and not each other.
pub(super) async fn bridge(field: &mut Field<'_>) -> Evidence {
    let mut ids = field.cluster.ids();
    if ids.len() < 3 {
        return Err("a bridge needs three nodes".to_owned());
    }
    // Followers say nothing to each other: with the leader in the middle nothing would be cut.
    let leader = field.cluster.leader().await;
    let followers = others(&ids, &[leader]);
    let middle = followers[field.random.random_range(0..followers.len())];
    ids.retain(|id| *id != middle);
    let (left, right) = ids.split_at(ids.len() / 2);
    let cut = some_cut(field);
    let before = field.cluster.mesh().figures();
    field.cluster.mesh().partition(left, right, cut);
    hold(field).await;
    field.load.progress(5).await;
    proof(field, before, format!("{left:?} and {right:?} met only through {middle} ({cut:?})"))
}

/// Cuts that come and go faster than elections settle.
pub(super) async fn flap(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    let before = field.cluster.mesh().figures();
    let turns = 12;
    for _ in 0..turns {
        let one = ids[field.random.random_range(0..ids.len())];
        let cut = some_cut(field);
        field.cluster.mesh().partition(&[one], &others(&ids, &[one]), cut);
        tokio::time::sleep(Duration::from_millis(field.random.random_range(100..600))).await;
        field.cluster.mesh().heal();
        tokio::time::sleep(Duration::from_millis(field.random.random_range(20..300))).await;
    }
    proof(field, before, format!("{turns} short cuts"))
}

/// Connections that break again and again.
pub(super) async fn resets(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    let before = field.cluster.mesh().figures();
    for _ in 0..60 {
        let place = field.random.random_range(0..ids.len());
        let one = ids[place];
        let other = ids[(place + field.random.random_range(1..ids.len())) % ids.len()];
        field.cluster.mesh().reset(one, other);
        tokio::time::sleep(Duration::from_millis(field.random.random_range(10..120))).await;
    }
    proof(field, before, "60 resets".to_owned())
}

/// What followers forward reaches the leader and is kept, but its answers are lost, and then the connections break: whoever
/// forwarded must ask again, and what it asks for must not happen twice.
pub(super) async fn lost_answers(field: &mut Field<'_>) -> Evidence {
    let before = field.cluster.mesh().figures();
    let turns = 8;
    for _ in 0..turns {
        let leader = field.cluster.leader().await;
        let rest = others(&field.cluster.ids(), &[leader]);
        let answers = |loss: Loss, resets: u64| {
            for other in &rest {
                field.cluster.mesh().proxies().change(Origin::Node(*other), leader, |state| {
                    state.back.loss = loss;
                    state.resets += resets;
                });
            }
        };
        answers(Loss::Swallowed, 0);
        tokio::time::sleep(Duration::from_millis(field.random.random_range(80..300))).await;
        answers(Loss::None, 1);
        field.load.progress(5).await;
    }
    proof(field, before, format!("the answers to what followers forwarded were lost {turns} times"))
}

/// One group of clients reaches only nodes that are cut off from the rest.
pub(super) async fn clients_in_minority(field: &mut Field<'_>) -> Evidence {
    let (leader, term) = leader_and_term(field.cluster).await;
    let ids = field.cluster.ids();
    let rest = others(&ids, &[leader]);
    let before = field.cluster.mesh().figures();
    field.cluster.mesh().partition(&[leader], &rest, Cut::Held);
    for id in &rest {
        field.cluster.mesh().proxies().change(Origin::Clients(0), *id, |state| {
            state.refuse = true;
            state.resets += 1;
        });
    }
    for group in 1..CLIENT_GROUPS {
        field.cluster.mesh().proxies().change(Origin::Clients(group), leader, |state| {
            state.refuse = true;
            state.resets += 1;
        });
    }
    let (next, _) = leader_among(field.cluster, &rest, term).await;
    hold(field).await;
    proof(
        field,
        before,
        format!("clients 0 saw only the cut-off leader {leader}, the others only the rest under {next}"),
    )
}

/// All links between one region and the others.
pub(super) async fn region_cut(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    let chosen = region(ids[field.random.random_range(0..ids.len())]);
    let (inside, outside): (Vec<_>, Vec<_>) = ids.iter().copied().partition(|id| region(*id) == chosen);
    let cut = some_cut(field);
    let before = field.cluster.mesh().figures();
    wan_delays(field);
    field.cluster.mesh().partition(&inside, &outside, cut);
    hold(field).await;
    field.load.progress(10).await;
    proof(field, before, format!("region {chosen} with {inside:?} cut off from {outside:?} ({cut:?})"))
}

/// One-way delays between regions, in milliseconds: round trips of 30, 80 and 150 ms.
fn wan_delays(field: &Field<'_>) {
    let ids = field.cluster.ids();
    for (place, one) in ids.iter().enumerate() {
        for other in &ids[place + 1..] {
            let delay_ms = match (region(*one), region(*other)) {
                (a, b) if a == b => 0,
                ("eu-west", "us-east") | ("us-east", "eu-west") => 40,
                ("eu-west", _) | (_, "eu-west") => 15,
                _ => 75,
            };
            field.cluster.mesh().proxies().delay(*one, *other, delay_ms, delay_ms / 5);
            for (from, to) in [(*one, *other), (*other, *one)] {
                field.cluster.mesh().proxies().change(Origin::Node(from), to, |state| {
                    state.forward.retransmit_one_in = 100;
                    state.back.retransmit_one_in = 100;
                });
            }
        }
    }
}

/// Regions far apart, with jitter and loss, for a while under load.
pub(super) async fn wan(field: &mut Field<'_>) -> Evidence {
    let before = field.cluster.mesh().figures();
    wan_delays(field);
    hold(field).await;
    field.load.progress(30).await;
    proof(field, before, "regions 30, 80 and 150 ms apart, with jitter and one piece in a hundred late".to_owned())
}

/// A node behind a thin line.
pub(super) async fn slow_link(field: &mut Field<'_>) -> Evidence {
    let ids = field.cluster.ids();
    let one = field.cluster.follower().await;
    let before = field.cluster.mesh().figures();
    field.cluster.mesh().thin(one, &others(&ids, &[one]), 30_000);
    hold(field).await;
    field.load.progress(30).await;
    proof(field, before, format!("follower {one} behind 30 kB/s"))
}
