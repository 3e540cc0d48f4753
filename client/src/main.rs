//! `registryctl`: the command line for operators.
//!
//! Exit codes: 0 done, 1 error, 2 wrong use, 4 not found.
#![allow(clippy::print_stdout, reason = "a command-line program prints its answers")]

mod audit_command;

use std::process::ExitCode;

use audit_command::{AuditCommand, CommandError};
use clap::{Parser, Subcommand, ValueEnum};
use client::Client;
use proto::rest::{ClusterStatusBody, MemberBody};

/// Talks to a cluster of the LLM Schema Registry.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// URLs of nodes, separated by commas, nearest first.
    #[arg(long, global = true, env = "REGISTRY_URL", value_delimiter = ',', default_value = "http://127.0.0.1:18081")]
    url: Vec<String>,
    /// How answers are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The cluster as a whole.
    Cluster {
        #[command(subcommand)]
        command: ClusterCommand,
    },
    /// Its members.
    Member {
        #[command(subcommand)]
        command: MemberCommand,
    },
    /// Its leader.
    Leader {
        #[command(subcommand)]
        command: LeaderCommand,
    },
    /// The audit log: export, checkpoints, proofs, and their verification offline.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
}

#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Shows every node: role, term, indexes, lag.
    Status,
}

#[derive(Debug, Subcommand)]
enum MemberCommand {
    /// Adds a running node as a learner.
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
    },
    /// Gives a learner its vote, when it has caught up.
    Promote {
        /// Its node id.
        id: u64,
    },
    /// Takes a node out.
    Remove {
        /// Its node id.
        id: u64,
    },
}

#[derive(Debug, Subcommand)]
enum LeaderCommand {
    /// Hands the leadership over.
    Transfer {
        /// To this node; otherwise to the voter that is furthest.
        #[arg(long)]
        to: Option<u64>,
    },
}

const EXIT_USE: u8 = 2;
const EXIT_NOT_FOUND: u8 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("registryctl: {error}");
            let code = match &error {
                CommandError::Client(error) => error.code(),
                CommandError::Use(_) => return ExitCode::from(EXIT_USE),
                CommandError::Proof { .. } | CommandError::File { .. } => None,
            };
            match code {
                Some(code) if code == 404 || code / 100 == 404 => ExitCode::from(EXIT_NOT_FOUND),
                Some(_) | None => ExitCode::FAILURE,
            }
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), CommandError> {
    let client = Client::new(arguments.url)?;
    match arguments.command {
        Command::Cluster { command: ClusterCommand::Status } => {
            let status = client.status().await?;
            match arguments.output {
                Output::Json => println!("{}", serde_json::to_string_pretty(&status).unwrap_or_default()),
                Output::Table => print_status(&status),
            }
        }
        Command::Member { command } => match command {
            MemberCommand::Add { id, peer_address, http_url, region, priority } => {
                client.add_member(&MemberBody { node_id: id, peer_address, http_url, region, priority }).await?;
                println!("node {id} is a learner");
            }
            MemberCommand::Promote { id } => {
                client.promote_member(id).await?;
                println!("node {id} is a voter");
            }
            MemberCommand::Remove { id } => {
                client.remove_member(id).await?;
                println!("node {id} is no member any more");
            }
        },
        Command::Leader { command: LeaderCommand::Transfer { to } } => {
            let leader = client.transfer_leader(to).await?;
            println!("node {leader} leads");
        }
        Command::Audit { command } => audit_command::run(&client, command).await?,
    }
    Ok(())
}

fn print_status(status: &ClusterStatusBody) {
    println!("cluster {}", status.cluster_id);
    println!(
        "{:>5}  {:<12} {:<10} {:<8} {:>5} {:>10} {:>10} {:>6}  URL",
        "NODE", "REGION", "ROLE", "MEMBER", "TERM", "COMMITTED", "APPLIED", "LAG"
    );
    let newest = status.nodes.iter().map(|node| node.last_log_index).max().unwrap_or(0);
    for node in &status.nodes {
        let member = if status.voters.contains(&node.node_id) { "voter" } else { "learner" };
        let role = node.error.as_deref().map_or(node.role.as_str(), |_| "unreachable");
        println!(
            "{:>5}  {:<12} {:<10} {:<8} {:>5} {:>10} {:>10} {:>6}  {}",
            node.node_id,
            node.region,
            role,
            member,
            node.term,
            node.committed_index,
            node.applied_index,
            newest.saturating_sub(node.applied_index),
            node.http_url.as_deref().unwrap_or("-"),
        );
    }
}
