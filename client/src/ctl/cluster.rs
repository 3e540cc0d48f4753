//! `registryctl cluster`, `member`, `leader` and `snapshot`.

use std::time::{Duration, Instant};

use clap::Subcommand;
use client::Health;
use proto::rest::{ClusterStatusBody, MemberBody, MemberChangeBody, NodeStatusBody};
use serde_json::json;

use crate::Session;
use crate::fail::CommandError;
use crate::screen::{Shown, Tone};

/// How long a snapshot is waited for.
const SNAPSHOT_TIME_MAX: Duration = Duration::from_secs(60);
const SNAPSHOT_LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Shows every node: role, term, indexes, lag. Exit code 6 without a quorum.
    #[command(after_help = "Example:\n  registryctl cluster status")]
    Status,
    /// Asks every node whether it is ready. Exit code 6 without a quorum, 1 if a node is not ready.
    #[command(after_help = "Example:\n  registryctl cluster health")]
    Health,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Lists the members.
    #[command(after_help = "Example:\n  registryctl member list")]
    List,
    /// Adds a running node as a learner.
    #[command(
        after_help = "Example:\n  registryctl member add 4 --peer-address 127.0.0.1:18284 --http-url http://127.0.0.1:18084 --region eu-west"
    )]
    Add {
        /// Its node id.
        id: u64,
        /// host:port of its peer listener.
        #[arg(long)]
        peer_address: String,
        /// Base URL of its HTTP listener.
        #[arg(long)]
        http_url: String,
        /// Its region.
        #[arg(long, default_value = "")]
        region: String,
        /// Its preference for leadership.
        #[arg(long, default_value_t = 0)]
        priority: u32,
        #[command(flatten)]
        silent: Silent,
    },
    /// Tells the cluster where a member is now. The node runs there already, on its own disk; what is not given stays.
    #[command(
        after_help = "Example:\n  registryctl member update 3 --peer-address 127.0.0.1:18283 --http-url http://127.0.0.1:18083 --region eu-west"
    )]
    Update {
        /// Its node id.
        id: u64,
        /// host:port of its peer listener.
        #[arg(long)]
        peer_address: String,
        /// Base URL of its HTTP listener.
        #[arg(long)]
        http_url: String,
        /// Its region.
        #[arg(long, default_value = "")]
        region: String,
        /// Its preference for leadership.
        #[arg(long, default_value_t = 0)]
        priority: u32,
        #[command(flatten)]
        silent: Silent,
    },
    /// Gives a learner its vote, when it has caught up.
    #[command(after_help = "Example:\n  registryctl member promote 4")]
    Promote {
        /// Its node id.
        id: u64,
        #[command(flatten)]
        silent: Silent,
    },
    /// Takes a node out.
    #[command(after_help = "Example:\n  registryctl member remove 4")]
    Remove {
        /// Its node id.
        id: u64,
        #[command(flatten)]
        silent: Silent,
    },
    /// Finishes a change of the voters that broke off half-way; `cluster status` shows it.
    #[command(after_help = "Example:\n  registryctl member finish")]
    Finish {
        #[command(flatten)]
        silent: Silent,
    },
    /// Takes back a change of the voters that broke off half-way; `cluster status` shows it.
    #[command(after_help = "Example:\n  registryctl member take-back")]
    TakeBack {
        #[command(flatten)]
        silent: Silent,
    },
}

/// Who is passed over when the cluster counts who answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Silent {
    /// Nodes that are known not to answer, and count as if they did: the change is made although it may never end.
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    without: Vec<u64>,
}

impl MemberCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::List)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum LeaderCommand {
    /// Shows who leads.
    #[command(after_help = "Example:\n  registryctl leader show")]
    Show,
    /// Hands the leadership over.
    #[command(after_help = "Example:\n  registryctl leader transfer")]
    Transfer {
        /// To this node; otherwise to the voter that is furthest.
        #[arg(long)]
        to: Option<u64>,
    },
}

impl LeaderCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Show)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Takes a snapshot on a node, and waits until it is there.
    #[command(after_help = "Example:\n  registryctl snapshot take")]
    Take {
        /// The node's id; otherwise the leader.
        #[arg(long)]
        node: Option<u64>,
    },
}

type Done = Result<(), CommandError>;

/// A figure of a node that answered; a dash for one that did not.
fn figure_text(node: &NodeStatusBody, number: u64) -> String {
    if node.error.is_some() { "–".to_owned() } else { number.to_string() }
}

pub(crate) fn no_quorum(health: &Health) -> CommandError {
    let Health { voters_answering, voters, .. } = health;
    CommandError::NoQuorum(format!(
        "no quorum: {voters_answering} of {voters} voters answer, {} are needed; changes and confirmed reads fail until more are back",
        voters / 2 + 1
    ))
}

fn no_members() -> CommandError {
    CommandError::NoQuorum(
        "the node knows no cluster: start one of the members with --bootstrap, once, and the others without".to_owned(),
    )
}

fn run_membership(status: &ClusterStatusBody, id: u64) -> &'static str {
    if status.voters.contains(&id) {
        "voter"
    } else if status.learners.contains(&id) {
        "learner"
    } else {
        "–"
    }
}

/// The level in force and what stands in the way of a higher one.
fn level_line(status: &ClusterStatusBody) -> String {
    let held = if status.level_held { ", held here" } else { "" };
    let answering = status.nodes.iter().filter(|node| node.error.is_none());
    let lowest = answering.map(|node| node.level_supported).min().unwrap_or(status.level);
    let next =
        if lowest > status.level { format!(", every node that answers knows level {lowest}") } else { String::new() };
    format!("level {} in force{held}{next}", status.level)
}

/// A change of the members that is under way, and what to do about it.
fn change_line(change: &MemberChangeBody) -> String {
    let sets: Vec<_> = change.voter_sets.iter().map(|set| format!("voters {set:?}")).collect();
    let what = match (&change.operation, &change.resource) {
        (Some(operation), Some(resource)) => format!("{operation} {resource}"),
        _ => "a change of the members".to_owned(),
    };
    let who = change.principal.as_ref().map(|principal| format!(" by {principal}")).unwrap_or_default();
    let when = change.since_ms.map(|ms| format!(" since {ms} ms")).unwrap_or_default();
    let decided = if change.decided { "" } else { ", not decided yet" };
    let help = if change.voter_sets.len() > 1 { "; if it goes on: member finish, or member take-back" } else { "" };
    format!("UNDER WAY: {what}{who}{when}: {}{decided}{help}", sets.join(" to "))
}

pub(crate) async fn run_cluster(session: &Session, command: &ClusterCommand) -> Done {
    match command {
        ClusterCommand::Status => show_status(session).await,
        ClusterCommand::Health => show_health(session).await,
    }
}

async fn show_status(session: &Session) -> Done {
    let status = session.client.status().await?;
    let health = Health::of(&status);
    let screen = session.screen;
    let mut head = Vec::new();
    if status.voters.is_empty() {
        head.push(screen.tone(Tone::Bad, "NO CLUSTER: no members are known"));
    } else if !health.has_quorum() {
        let what = format!("NO QUORUM: {} of {} voters answer", health.voters_answering, health.voters);
        head.push(screen.tone(Tone::Bad, &what));
    } else if health.leader.is_none() {
        head.push(screen.tone(Tone::Doubtful, "NO LEADER: the voters answer, and none of them leads yet"));
    }
    head.push(format!("cluster {}", status.cluster_id));
    head.push(level_line(&status));
    if let Some(change) = &status.change {
        head.push(screen.tone(Tone::Doubtful, &change_line(change)));
    }
    let newest = status.nodes.iter().map(|node| node.last_log_index).max().unwrap_or(0);
    let row = |node: &NodeStatusBody| {
        let role = match (&node.error, node.role.as_str()) {
            (Some(_), _) => screen.tone(Tone::Bad, "unreachable"),
            // A node that still takes itself for the leader, while nobody follows or another one leads.
            (None, "leader") if health.leader != Some(node.node_id) => screen.tone(Tone::Doubtful, "leader?"),
            (None, role) => role.to_owned(),
        };
        vec![
            node.node_id.to_string(),
            if node.region.is_empty() { "–".to_owned() } else { node.region.clone() },
            role,
            run_membership(&status, node.node_id).to_owned(),
            figure_text(node, node.term),
            figure_text(node, node.committed_index),
            figure_text(node, node.applied_index),
            figure_text(node, newest.saturating_sub(node.applied_index)),
            node.http_url.clone().unwrap_or_else(|| "–".to_owned()),
            figure_text(node, node.snapshot_index),
            figure_text(node, node.purged_index),
            if node.version.is_empty() { "–".to_owned() } else { node.version.clone() },
            figure_text(node, node.level_supported.into()),
            node.error.clone().unwrap_or_default(),
        ]
    };
    let columns = vec![
        "NODE",
        "REGION",
        "ROLE",
        "MEMBER",
        "TERM",
        "COMMITTED",
        "APPLIED",
        "LAG",
        "URL",
        "+SNAPSHOT",
        "+PURGED",
        "+VERSION",
        "+LEVEL",
        "+ERROR",
    ];
    let mut json = serde_json::to_value(&status).unwrap_or_default();
    json["has_quorum"] = health.has_quorum().into();
    json["leader_id"] = health.leader.into();
    screen.show(&Shown {
        head,
        columns,
        rows: status.nodes.iter().map(row).collect(),
        json,
        names: status.nodes.iter().map(|node| node.node_id.to_string()).collect(),
        ..Shown::default()
    })?;
    if status.voters.is_empty() {
        Err(no_members())
    } else if health.has_quorum() {
        Ok(())
    } else {
        Err(no_quorum(&health))
    }
}

/// The nodes to ask: those of the membership, or those that were named.
pub(crate) fn urls_of(session: &Session, status: Option<&ClusterStatusBody>) -> Vec<(Option<u64>, String)> {
    let members: Vec<_> = status
        .iter()
        .flat_map(|status| &status.nodes)
        .filter_map(|node| Some((Some(node.node_id), client::base_url(node.http_url.as_deref()?).ok()?)))
        .collect();
    if members.is_empty() { session.urls.iter().map(|url| (None, url.clone())).collect() } else { members }
}

async fn show_health(session: &Session) -> Done {
    let status = session.client.status().await?;
    let urls = urls_of(session, Some(&status));
    let asked = urls.iter().map(|(id, url)| async move {
        let started = Instant::now();
        let answer = session.client.readiness_of(url).await;
        (*id, url.clone(), started.elapsed(), answer)
    });
    let answers = futures::future::join_all(asked).await;
    let health = Health::of(&status);
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    let mut are_ready = true;
    for (id, url, took, answer) in &answers {
        let (word, tone, why) = match answer {
            Ok(Ok(())) => ("ready", Tone::Good, String::new()),
            Ok(Err(why)) => ("not ready", Tone::Doubtful, why.clone()),
            Err(error) => ("unreachable", Tone::Bad, error.to_string()),
        };
        are_ready &= tone == Tone::Good;
        let ms = took.as_millis().to_string();
        let id = id.map_or_else(|| "–".to_owned(), |id| id.to_string());
        all.push(
            json!({"node_id": id, "url": url, "health": word, "took_ms": took.as_millis().to_string(), "reason": why}),
        );
        rows.push(vec![id, url.clone(), session.screen.tone(tone, word), ms, why]);
    }
    let mut head = Vec::new();
    if !health.has_quorum() {
        let what = format!("NO QUORUM: {} of {} voters answer", health.voters_answering, health.voters);
        head.push(session.screen.tone(Tone::Bad, &what));
    }
    let names = all.iter().map(|node| node["node_id"].as_str().unwrap_or_default().to_owned()).collect();
    session.screen.show(&Shown {
        head,
        columns: vec!["NODE", "URL", "HEALTH", "MS", "REASON"],
        rows,
        json: json!({"has_quorum": health.has_quorum(), "leader_id": health.leader, "nodes": all}),
        names,
        ..Shown::default()
    })?;
    if !health.has_quorum() {
        return Err(no_quorum(&health));
    }
    if are_ready { Ok(()) } else { Err(CommandError::Negative("not every node is ready".to_owned())) }
}

/// Refuses an id that no member has: a typo must not read as a success.
async fn known_member(session: &Session, id: u64) -> Result<ClusterStatusBody, CommandError> {
    let status = session.client.status().await?;
    if status.voters.contains(&id) || status.learners.contains(&id) {
        return Ok(status);
    }
    let ids: Vec<_> = status.voters.iter().chain(&status.learners).map(ToString::to_string).collect();
    Err(CommandError::NotFound(format!("node {id} is no member; the members are {}", ids.join(", "))))
}

/// `host:port`, as a peer listener has it.
fn checked_address(address: &str) -> Result<(), CommandError> {
    let wrong = |why: &str| {
        Err(CommandError::Use(format!("--peer-address {address} {why}: write host:port, for instance 10.0.0.4:18281")))
    };
    if address.contains("://") {
        return wrong("is a URL");
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) => Ok(()),
        Some(_) | None => wrong("is no address"),
    }
}

pub(crate) async fn run_member(session: &Session, command: &MemberCommand) -> Done {
    let client = &session.client;
    match command {
        MemberCommand::List => {
            let status = client.status().await?;
            let row = |node: &NodeStatusBody| {
                let state = if node.error.is_some() { "does not answer" } else { "answers" };
                let url = node.http_url.clone().unwrap_or_else(|| "–".to_owned());
                vec![
                    node.node_id.to_string(),
                    run_membership(&status, node.node_id).to_owned(),
                    node.region.clone(),
                    url,
                    state.to_owned(),
                ]
            };
            let one = |node: &NodeStatusBody| {
                json!({"node_id": node.node_id, "membership": run_membership(&status, node.node_id), "region": node.region,
                       "http_url": node.http_url, "answers": node.error.is_none()})
            };
            session.screen.show(&Shown {
                columns: vec!["NODE", "MEMBER", "REGION", "URL", "STATE"],
                rows: status.nodes.iter().map(row).collect(),
                json: status.nodes.iter().map(one).collect(),
                names: status.nodes.iter().map(|node| node.node_id.to_string()).collect(),
                ..Shown::default()
            })
        }
        MemberCommand::Update { id, peer_address, http_url, region, priority, silent } => {
            known_member(session, *id).await?;
            checked_address(peer_address)?;
            client::base_url(http_url)?;
            if session.only_says(&format!("tell the cluster that node {id} is at {peer_address}"))? {
                return Ok(());
            }
            let member = MemberBody {
                node_id: *id,
                peer_address: peer_address.clone(),
                http_url: http_url.clone(),
                region: region.clone(),
                priority: *priority,
            };
            client.update_member(&member, &silent.without).await?;
            session.done(format!("node {id} is at {peer_address}"), json!({"updated": id}), id.to_string())
        }
        MemberCommand::Finish { silent } => {
            if session.only_says("finish the change of the members")? {
                return Ok(());
            }
            client.finish_member_change(&silent.without).await?;
            session.done("the change of the members is finished".to_owned(), json!({"finished": true}), String::new())
        }
        MemberCommand::TakeBack { silent } => {
            if session.only_says("take the change of the members back")? {
                return Ok(());
            }
            client.take_back_member_change(&silent.without).await?;
            session.done(
                "the change of the members is taken back".to_owned(),
                json!({"taken_back": true}),
                String::new(),
            )
        }
        MemberCommand::Add { id, peer_address, http_url, region, priority, silent } => {
            checked_address(peer_address)?;
            client::base_url(http_url)?;
            if session.only_says(&format!("add node {id} as a learner"))? {
                return Ok(());
            }
            let member = MemberBody {
                node_id: *id,
                peer_address: peer_address.clone(),
                http_url: http_url.clone(),
                region: region.clone(),
                priority: *priority,
            };
            client.add_member(&member, &silent.without).await?;
            session.done(format!("node {id} is a learner"), json!({"added": id}), id.to_string())
        }
        MemberCommand::Promote { id, silent } => {
            known_member(session, *id).await?;
            if session.only_says(&format!("give node {id} a vote"))? {
                return Ok(());
            }
            client.promote_member(*id, &silent.without).await?;
            session.done(format!("node {id} is a voter"), json!({"promoted": id}), id.to_string())
        }
        MemberCommand::Remove { id, silent } => {
            known_member(session, *id).await?;
            if session.only_says(&format!("take node {id} out"))? {
                return Ok(());
            }
            client.remove_member(*id, &silent.without).await?;
            session.done(format!("node {id} is no member any more"), json!({"removed": id}), id.to_string())
        }
    }
}

pub(crate) async fn run_leader(session: &Session, command: &LeaderCommand) -> Done {
    let status = session.client.status().await?;
    let health = Health::of(&status);
    match command {
        LeaderCommand::Show => match health.leader {
            Some(leader) => {
                let node = status.nodes.iter().find(|node| node.node_id == leader);
                let url = node.and_then(|node| node.http_url.clone()).unwrap_or_default();
                session.done(
                    format!("node {leader} leads ({url})"),
                    json!({"leader_id": leader, "url": url}),
                    leader.to_string(),
                )
            }
            None if !health.has_quorum() => Err(no_quorum(&health)),
            None => Err(CommandError::NoQuorum("no node leads at this moment".to_owned())),
        },
        LeaderCommand::Transfer { to } => {
            if let Some(to) = to
                && !status.voters.contains(to)
            {
                return Err(CommandError::NotFound(format!(
                    "node {to} is no voter; the voters are {:?}",
                    status.voters
                )));
            }
            let whom = to.map_or_else(|| "the voter that is furthest".to_owned(), |to| format!("node {to}"));
            if session.only_says(&format!("hand the leadership over to {whom}"))? {
                return Ok(());
            }
            let leader = session.client.transfer_leader(*to).await?;
            session.done(format!("node {leader} leads"), json!({"leader_id": leader}), leader.to_string())
        }
    }
}

pub(crate) async fn run_snapshot(session: &Session, command: &SnapshotCommand) -> Done {
    let SnapshotCommand::Take { node } = command;
    let status = session.client.status().await?;
    let wanted = node.or(Health::of(&status).leader);
    let Some(id) = wanted else { return Err(no_quorum(&Health::of(&status))) };
    let found = status.nodes.iter().find(|node| node.node_id == id);
    let Some(found) = found else { return Err(CommandError::NotFound(format!("node {id} is no member"))) };
    if session.only_says(&format!("take a snapshot on node {id}"))? {
        return Ok(());
    }
    let target = found.applied_index;
    session.client.take_snapshot(found.http_url.as_deref()).await?;
    let started = Instant::now();
    // The answer comes before the snapshot: it is there when its index has reached what was applied then.
    loop {
        let status = session.client.status().await?;
        let node = status.nodes.iter().find(|node| node.node_id == id);
        let index = node.map_or(0, |node| node.snapshot_index);
        if index >= target {
            let json = json!({"node_id": id, "snapshot_index": index});
            return session.done(format!("node {id} has a snapshot at index {index}"), json, index.to_string());
        }
        if started.elapsed() > SNAPSHOT_TIME_MAX {
            return Err(CommandError::Negative(format!(
                "node {id} was asked, and has no snapshot at index {target} after {} s (its newest is at {index})",
                SNAPSHOT_TIME_MAX.as_secs()
            )));
        }
        tokio::time::sleep(SNAPSHOT_LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_tells_the_level_and_what_is_under_way() {
        let node = |level| NodeStatusBody { level_supported: level, ..NodeStatusBody::default() };
        let dead = NodeStatusBody { error: Some("silent".to_owned()), ..NodeStatusBody::default() };
        let status =
            ClusterStatusBody { level: 1, nodes: vec![node(2), node(3), dead], ..ClusterStatusBody::default() };
        assert_eq!(level_line(&status), "level 1 in force, every node that answers knows level 2");
        let held = ClusterStatusBody { level: 3, level_held: true, ..status };
        assert_eq!(level_line(&held), "level 3 in force, held here");
        let change = MemberChangeBody {
            voter_sets: vec![vec![1, 2, 3], vec![1, 2]],
            decided: true,
            operation: Some("cluster.member.remove".to_owned()),
            resource: Some("node/3".to_owned()),
            principal: Some("alice".to_owned()),
            since_ms: Some(5),
        };
        let line = change_line(&change);
        for part in ["cluster.member.remove node/3 by alice since 5 ms", "[1, 2, 3] to voters [1, 2]", "take-back"] {
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn addresses_of_peers_are_checked_before_they_are_sent() {
        for good in ["a:1", "10.0.0.1:18281", "[::1]:65535"] {
            assert!(checked_address(good).is_ok(), "{good}");
        }
        for bad in ["nonsense", "a:", ":1", "a:0", "a:99999", "http://a:1"] {
            let message = checked_address(bad).unwrap_err().to_string();
            assert!(message.contains("write host:port"), "{message}");
        }
    }
}
