//! `registryctl`: the command line of the registry, for operators, for those who write schemas, and for CI.
//!
//! Here: the flags of the whole program, which command runs, and with which exit code it ends. Each group of commands has
//! a module; what they print goes through [`screen`], why they fail through [`fail`].
#![allow(clippy::print_stderr, reason = "a command-line program says on stderr why it failed")]

mod apply;
mod audit;
mod auth;
mod backups;
mod certs;
mod cluster;
mod doctor;
mod events;
mod fail;
mod governance;
mod lifecycle;
mod llm;
mod profile;
mod progress;
mod schemas;
mod screen;
mod search;
mod settings;
mod source;
mod subjects;
mod top;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser, Subcommand};
use client::auth::TlsFiles;
use client::{Client, ClientConfig, RetryPolicy};
use serde_json::{Value, json};

use fail::CommandError;
use profile::{Given, Profiles};
use screen::{Output, Screen, Shown};

/// Where a node listens if nobody says anything else.
const URL_DEFAULT: &str = "http://127.0.0.1:18081";
/// How long a command waits if nobody says anything else; as etcdctl.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// The deepest chain of nodes that one command tries before its time is up.
const NODES_TRIED: u32 = 3;

/// Talks to a cluster of the LLM Schema Registry.
#[derive(Debug, Parser)]
#[command(name = "registryctl", version, about, max_term_width = 110)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// URLs of nodes, separated by commas, nearest first [default: of the profile, else http://127.0.0.1:18081].
    #[arg(long, global = true, env = "REGISTRY_URL", value_delimiter = ',', help_heading = "Global options")]
    url: Vec<String>,
    /// The profile to use.
    #[arg(long, global = true, env = "REGISTRY_PROFILE", help_heading = "Global options")]
    profile: Option<String>,
    /// The file with the profiles [default: ~/.config/registryctl/config.toml].
    #[arg(long, global = true, env = "REGISTRYCTL_CONFIG", help_heading = "Global options")]
    config_file: Option<PathBuf>,
    /// Where you are: nodes of this region are asked first.
    #[arg(long, global = true, env = "REGISTRY_REGION", value_name = "REGION", help_heading = "Global options")]
    near: Option<String>,
    /// The context that subjects without one are in.
    #[arg(long, global = true, env = "REGISTRY_CONTEXT", help_heading = "Global options")]
    context: Option<String>,
    /// How answers are printed.
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        env = "REGISTRYCTL_OUTPUT",
        default_value = "table",
        help_heading = "Global options"
    )]
    output: Output,
    /// How long to wait for an answer [default: 5s]; changes of members may take a minute.
    #[arg(long, global = true, env = "REGISTRYCTL_TIMEOUT", help_heading = "Global options")]
    timeout: Option<String>,
    /// How fresh answers must be: local, linearizable, bounded:<ms>, session:<index>.
    #[arg(long, global = true, help_heading = "Global options")]
    consistency: Option<String>,
    /// Change only while what is changed is at this revision.
    #[arg(long, global = true, help_heading = "Global options")]
    if_revision: Option<u64>,
    /// The idempotency key of a change, to repeat one whose outcome is unknown.
    #[arg(long, global = true, help_heading = "Global options")]
    idempotency_key: Option<String>,
    /// A header of every request, as NAME:VALUE; may be repeated.
    #[arg(long, global = true, value_parser = parse_header, help_heading = "Global options")]
    header: Vec<(String, String)>,
    /// The authorities whose certificates nodes show (PEM) [default: of the profile, else those of the system].
    #[arg(long, global = true, env = "REGISTRY_CA", value_name = "FILE", help_heading = "Global options")]
    ca: Option<PathBuf>,
    /// The certificate by which nodes know you (PEM), with --client-key.
    #[arg(long, global = true, env = "REGISTRY_CLIENT_CERT", value_name = "FILE", help_heading = "Global options")]
    client_cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, global = true, env = "REGISTRY_CLIENT_KEY", value_name = "FILE", help_heading = "Global options")]
    client_key: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    #[arg(long, global = true, help_heading = "Global options")]
    dry_run: bool,
    /// Repeat a command that only reads, every two seconds or as often as you say.
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "2s", value_name = "EVERY", help_heading = "Global options")]
    watch: Option<String>,
}

fn parse_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("{text} is no header: write NAME:VALUE"))?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !is_name || value.chars().any(char::is_control) {
        return Err(format!("{text} is no header: write NAME:VALUE"));
    }
    Ok((name.to_lowercase(), value.trim().to_owned()))
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Schemas: register, get, check, compare, validate data, search.
    #[command(subcommand)]
    Schema(schemas::SchemaCommand),
    /// Schemas for language models: projections, findings, answers.
    #[command(subcommand)]
    Llm(llm::LlmCommand),
    /// Subjects: list, describe, delete.
    #[command(subcommand)]
    Subject(subjects::SubjectCommand),
    /// Configurations: compatibility level, normalisation, and the rest.
    #[command(subcommand)]
    Config(settings::ConfigCommand),
    /// Modes: read-write, read-only, import.
    #[command(subcommand)]
    Mode(settings::ModeCommand),
    /// Contexts.
    #[command(subcommand)]
    Context(settings::ContextCommand),
    /// Drafts and their reviews.
    #[command(subcommand)]
    Draft(lifecycle::DraftCommand),
    /// The life of versions: deprecate, archive, roll back, quarantine.
    #[command(subcommand)]
    Lifecycle(lifecycle::LifecycleCommand),
    /// Policies: reviews, notices, required metadata.
    #[command(subcommand)]
    Policy(governance::PolicyCommand),
    /// Who depends on which versions.
    #[command(subcommand)]
    Consumer(governance::ConsumerCommand),
    /// What happens in the registry, as it happens.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// The audit log: list, export, checkpoints, proofs, and their verification offline.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Who may do what: accounts, keys, roles, bindings, policies.
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// The cluster as a whole.
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Its members.
    #[command(subcommand)]
    Member(cluster::MemberCommand),
    /// Its leader.
    #[command(subcommand)]
    Leader(cluster::LeaderCommand),
    /// Snapshots of the state, which shorten the log.
    #[command(subcommand)]
    Snapshot(cluster::SnapshotCommand),
    /// Backups of everything: make, list, fetch, verify, restore.
    #[command(subcommand)]
    Backup(backups::BackupCommand),
    /// Certificates, for those who have no authority of their own.
    #[command(subcommand)]
    Certs(certs::CertsCommand),
    /// Writes subjects, versions and settings to a directory.
    #[command(after_help = "Example:\n  registryctl export backup-dir")]
    Export(tree::ExportArguments),
    /// Reads what `export` wrote into a registry, with the same ids and version numbers.
    #[command(after_help = "Example:\n  registryctl import backup-dir --dry-run")]
    Import(tree::ImportArguments),
    /// Shows what `apply` would change; exit code 2 if anything.
    #[command(after_help = "Example:\n  registryctl plan -f schemas-dir || test $? -eq 2")]
    Plan(apply::PlanArguments),
    /// Makes the registry what a directory of schemas says (schemas as code).
    #[command(after_help = "Example:\n  registryctl apply -f schemas-dir")]
    Apply(apply::PlanArguments),
    /// Looks for what is wrong, or soon will be, and says what to do.
    #[command(after_help = "Example:\n  registryctl doctor")]
    Doctor,
    /// A live view of the nodes and their load.
    #[command(after_help = "Example:\n  registryctl top --every 200ms --count 2")]
    Top(top::TopArguments),
    /// Profiles: clusters by name, in a file.
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Prints a script that completes commands in a shell.
    #[command(after_help = "Example:\n  registryctl completion bash")]
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Every example of the help, for the test that runs them.
    #[command(hide = true)]
    Examples,
}

/// What every command gets.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) screen: Screen,
    context: Option<String>,
    pub(crate) is_dry_run: bool,
    pub(crate) urls: Vec<String>,
}

impl Session {
    /// A subject's full name: in the context that is asked for, unless it names one itself.
    pub(crate) fn subject(&self, name: &str) -> String {
        match &self.context {
            Some(context) if !name.starts_with(":.") && !context.is_empty() && context != "." => {
                format!(":.{}:{name}", context.trim_start_matches('.'))
            }
            Some(_) | None => name.to_owned(),
        }
    }

    /// Under `--dry-run`, says what would be done; true then.
    pub(crate) fn only_says(&self, what: &str) -> Result<bool, CommandError> {
        if self.is_dry_run {
            self.screen.show(&Shown::done(format!("would {what}"), json!({"would": what}), what))?;
        }
        Ok(self.is_dry_run)
    }

    pub(crate) fn done(
        &self,
        sentence: impl Into<String>,
        json: Value,
        name: impl Into<String>,
    ) -> Result<(), CommandError> {
        self.screen.show(&Shown::done(sentence, json, name))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Every subcommand is a part of this future: on the heap it is moved once, as a pointer.
    match Box::pin(run_program(arguments)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !matches!(error, CommandError::OutputClosed) {
                eprintln!("registryctl: {error}");
                if let Some(hint) = error.hint() {
                    eprintln!("  {hint}");
                }
            }
            error.exit_code()
        }
    }
}

async fn run_program(arguments: Arguments) -> Result<(), CommandError> {
    let Arguments { global, command } = arguments;
    let screen = Screen::new(global.output);
    let path = profile::path(global.config_file.as_deref());
    match command {
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "registryctl", &mut script);
            screen.write(&String::from_utf8_lossy(&script))
        }
        Command::Examples => screen.write(&examples(&Arguments::command(), "registryctl")),
        Command::Profile(command) => {
            let tls =
                TlsFiles { authorities: global.ca, certificate: global.client_cert, private_key: global.client_key };
            let given = Given { urls: global.url, region: global.near, timeout: global.timeout, tls };
            profile::run_profile(screen, &path, given, command)
        }
        Command::Certs(command) => certs::run(screen, global.dry_run, &command),
        Command::Audit(audit::AuditCommand::Verify(arguments)) => audit::verify_files(screen, &arguments),
        Command::Backup(backups::BackupCommand::Verify(arguments)) => backups::verify_backups(screen, &arguments),
        Command::Backup(backups::BackupCommand::Restore(arguments)) => {
            backups::restore_backup(screen, global.dry_run, &arguments)
        }
        command => {
            let watch = global.watch.as_deref().map(profile::parse_duration).transpose().map_err(CommandError::Use)?;
            let session = begin_session(global, screen, &path)?;
            match watch {
                None => dispatch_command(&session, &command).await,
                Some(_) if !only_reads(&command) => Err(CommandError::Use(
                    "--watch repeats commands that only read; this one changes something".to_owned(),
                )),
                Some(every) => loop {
                    session.screen.clear()?;
                    // What is wrong now may be right at the next look.
                    match dispatch_command(&session, &command).await {
                        Err(CommandError::OutputClosed) => return Err(CommandError::OutputClosed),
                        Err(error) => eprintln!("registryctl: {error}"),
                        Ok(()) => {}
                    }
                    tokio::time::sleep(every.max(Duration::from_millis(100))).await;
                },
            }
        }
    }
}

fn begin_session(global: Global, screen: Screen, path: &std::path::Path) -> Result<Session, CommandError> {
    // With URLs at hand and no profile named, a broken or foreign file of profiles does not matter.
    let profile = if global.url.is_empty() || global.profile.is_some() {
        Profiles::read(path)?.chosen(global.profile.as_deref())?
    } else {
        profile::Profile::default()
    };
    let mut urls = if global.url.is_empty() { profile.urls } else { global.url };
    if urls.is_empty() {
        urls.push(URL_DEFAULT.to_owned());
    }
    let timeout = global.timeout.or(profile.timeout);
    let timeout = timeout.as_deref().map(profile::parse_duration).transpose().map_err(CommandError::Use)?;
    let timeout = timeout.unwrap_or(TIMEOUT_DEFAULT);
    let mut config = ClientConfig::new(urls.iter().map(String::as_str));
    config.region = global.near.or(profile.region);
    // Said twice, the last one holds, as with every other flag.
    for (name, value) in global.header {
        config.headers.retain(|(known, _)| *known != name);
        config.headers.push((name, value));
    }
    // A command asks once or twice: what measuring would find out is known when it ends.
    config.measure_every = None;
    config.retry = RetryPolicy {
        deadline: timeout,
        // A node that accepts and stays silent leaves time for the next ones.
        attempt_time_max: timeout / u32::try_from(urls.len()).unwrap_or(NODES_TRIED).clamp(1, NODES_TRIED),
        ..RetryPolicy::default()
    };
    if let Some(credentials) = &profile.credentials {
        config.credentials = credentials.read()?;
    }
    let tls = TlsFiles {
        authorities: global.ca.or(profile.ca),
        certificate: global.client_cert.or(profile.client_cert),
        private_key: global.client_key.or(profile.client_key),
    };
    config.tls = Some(tls).filter(|tls| *tls != TlsFiles::default());
    let urls = urls.iter().map(|url| client::base_url(url)).collect::<Result<_, _>>()?;
    let mut client = config.build()?;
    if let Some(level) = global.consistency {
        client = client.consistency(level);
    }
    if let Some(revision) = global.if_revision {
        client = client.if_revision(revision);
    }
    if let Some(key) = global.idempotency_key {
        client = client.idempotency_key(key);
    }
    let context = global.context.or(profile.context);
    Ok(Session { client, screen, context, is_dry_run: global.dry_run, urls })
}

async fn dispatch_command(session: &Session, command: &Command) -> Result<(), CommandError> {
    match command {
        Command::Schema(command) => schemas::run_schema(session, command).await,
        Command::Llm(command) => llm::run_llm(session, command).await,
        Command::Subject(command) => subjects::run_subject(session, command).await,
        Command::Config(command) => settings::run_config(session, command).await,
        Command::Mode(command) => settings::run_mode(session, command).await,
        Command::Context(command) => settings::run_context(session, command).await,
        Command::Draft(command) => lifecycle::run_draft(session, command).await,
        Command::Lifecycle(command) => lifecycle::run_lifecycle(session, command).await,
        Command::Policy(command) => governance::run_policy(session, command).await,
        Command::Consumer(command) => governance::run_consumer(session, command).await,
        Command::Events(command) => events::run_events(session, command).await,
        Command::Audit(command) => audit::run_audit(session, command).await,
        Command::Auth(command) => auth::run_auth(session, command).await,
        Command::Cluster(command) => cluster::run_cluster(session, command).await,
        Command::Member(command) => cluster::run_member(session, command).await,
        Command::Leader(command) => cluster::run_leader(session, command).await,
        Command::Snapshot(command) => cluster::run_snapshot(session, command).await,
        Command::Backup(command) => backups::run_backup(session, command).await,
        Command::Export(arguments) => tree::run_export(session, arguments).await,
        Command::Import(arguments) => tree::run_import(session, arguments).await,
        Command::Plan(arguments) => apply::run_plan(session, arguments).await,
        Command::Apply(arguments) => apply::run_apply(session, arguments).await,
        Command::Doctor => doctor::run_doctor(session).await,
        Command::Top(arguments) => top::run_top(session, arguments).await,
        Command::Certs(_) | Command::Profile(_) | Command::Completion { .. } | Command::Examples => Ok(()),
    }
}

fn only_reads(command: &Command) -> bool {
    match command {
        Command::Schema(command) => command.only_reads(),
        Command::Subject(command) => command.only_reads(),
        Command::Config(command) => command.only_reads(),
        Command::Mode(command) => command.only_reads(),
        Command::Context(command) => command.only_reads(),
        Command::Draft(command) => command.only_reads(),
        Command::Lifecycle(command) => command.only_reads(),
        Command::Policy(command) => command.only_reads(),
        Command::Consumer(command) => command.only_reads(),
        Command::Audit(command) => command.only_reads(),
        Command::Cluster(_) | Command::Doctor | Command::Plan(_) | Command::Llm(_) => true,
        Command::Auth(command) => command.only_reads(),
        Command::Backup(command) => command.only_reads(),
        Command::Member(command) => command.only_reads(),
        Command::Leader(command) => command.only_reads(),
        Command::Events(_)
        | Command::Snapshot(_)
        | Command::Export(_)
        | Command::Import(_)
        | Command::Apply(_)
        | Command::Top(_)
        | Command::Certs(_)
        | Command::Profile(_)
        | Command::Completion { .. }
        | Command::Examples => false,
    }
}

/// Every command that can be run, with its example: `PATH<TAB>EXAMPLE`, the latter empty if there is none.
fn examples(command: &clap::Command, path: &str) -> String {
    let mut text = String::new();
    let mut is_leaf = true;
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help") {
        is_leaf = false;
        text.push_str(&examples(inner, &format!("{path} {}", inner.get_name())));
    }
    if is_leaf {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let example = help.strip_prefix("Example:\n").unwrap_or_default().trim();
        text.push_str(&format!("{path}\t{example}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        let all = examples(&Arguments::command(), "registryctl");
        let without: Vec<_> = all.lines().filter(|line| line.ends_with('\t')).collect();
        assert!(all.lines().count() > 60, "{all}");
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn a_header_has_a_name() {
        assert_eq!(parse_header("X-User: ada"), Ok(("x-user".to_owned(), "ada".to_owned())));
        assert!(parse_header("ada").is_err());
        assert!(parse_header(": ada").is_err());
        assert!(parse_header("a b: c").is_err());
    }
}
