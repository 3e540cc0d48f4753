//! `registryctl backup`: makes, lists, fetches, verifies and restores backups.
//!
//! What a backup is, and whether it is whole, is decided in the crate `backup`; restoring is done by `registry-node`.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use backup::{BackupKeys, Checks, Verified};
use clap::{Args, Subcommand, ValueEnum};
use client::{BackupDownload, ClientError, Health};
use proto::rest::{BackupBody, BackupsBody, ClusterStatusBody};
use serde_json::{Value, json};

use crate::Session;
use crate::cluster::{no_quorum, urls_of};
use crate::fail::CommandError;
use crate::progress::Progress;
use crate::screen::{Screen, Shown, Tone, time_text};

/// Tries of a download that breaks off: it goes on where it was.
const DOWNLOAD_TRIES: u32 = 5;
const DOWNLOAD_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Everything.
    Full,
    /// What came since the newest backup in the node's directory.
    Log,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Makes a backup while the cluster goes on: in a node's directory, or in a file here.
    #[command(after_help = "Example:\n  registryctl backup create --file registry.srbackup")]
    Create {
        /// The file here, - for the standard output; without it the node keeps it in its own directory.
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// What it holds; a file here is always full.
        #[arg(long, value_enum, default_value_t = Kind::Full)]
        kind: Kind,
        /// The node that makes it; otherwise the leader.
        #[arg(long)]
        node: Option<u64>,
    },
    /// Lists the backups in the directories of all nodes, and the newest one that the cluster knows of.
    #[command(after_help = "Example:\n  registryctl backup list")]
    List,
    /// Shows when backups are made, how many are kept, and how old the newest one is.
    #[command(after_help = "Example:\n  registryctl backup schedule")]
    Schedule,
    /// Fetches a backup from the directory of a node; goes on where an earlier try broke off.
    #[command(
        after_help = "Example:\n  registryctl backup create && registryctl backup download \"$(registryctl backup list -o name | tail -n 1)\" --file kept.srbackup"
    )]
    Download {
        /// Its name, as `list` shows it.
        name: String,
        /// The file here; otherwise one of the same name.
        #[arg(short, long)]
        file: Option<PathBuf>,
    },
    /// Reads backups from the first to the last byte and says whether they are whole. Needs no cluster.
    #[command(after_help = "Example:\n  registryctl backup verify registry.srbackup")]
    Verify(VerifyArguments),
    /// Builds a new cluster's first node, or a scratch node to look at, from backups. Needs no cluster.
    #[command(after_help = "Example:\n  registryctl backup restore registry.srbackup --scratch scratch-dir")]
    Restore(RestoreArguments),
}

impl BackupCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::List | Self::Schedule | Self::Verify(_))
    }
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The files; - is the standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The file with the keys of encrypted backups.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Only what this key has signed is good: hexadecimal, as `verify` shows it of a backup that you trust.
    #[arg(long)]
    signed_by: Option<String>,
    /// Only backups of this cluster are good.
    #[arg(long)]
    cluster: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// A full backup and the incremental ones that follow it, or a directory of which the newest are taken.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// The configuration of the first node of the new cluster; its data directory must be empty.
    #[arg(long, required_unless_present = "scratch")]
    config: Option<PathBuf>,
    /// Instead: a directory for a node of its own on this machine, to look at. It is made with a configuration.
    #[arg(long, conflicts_with = "config")]
    scratch: Option<PathBuf>,
    /// Where the scratch node will listen for clients; its peer listener gets the next port.
    #[arg(long, default_value = "127.0.0.1:28081")]
    scratch_listen: std::net::SocketAddr,
    /// Go no further than this log index.
    #[arg(long)]
    to_index: Option<u64>,
    /// The file with the keys of encrypted backups.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Only what this key has signed is restored.
    #[arg(long)]
    signed_by: Option<String>,
    /// The program that restores; otherwise `registry-node` beside this one, or of the PATH.
    #[arg(long, env = "REGISTRY_NODE_BIN")]
    node_program: Option<PathBuf>,
}

type Done = Result<(), CommandError>;

pub(crate) async fn run_backup(session: &Session, command: &BackupCommand) -> Done {
    match command {
        BackupCommand::Create { file, kind, node } => create_backup(session, file.as_deref(), *kind, *node).await,
        BackupCommand::List => list_backups(session).await,
        BackupCommand::Schedule => show_schedule(session).await,
        BackupCommand::Download { name, file } => download_backup(session, name, file.as_deref()).await,
        BackupCommand::Verify(arguments) => verify_backups(session.screen, arguments),
        BackupCommand::Restore(arguments) => restore_backup(session.screen, session.is_dry_run, arguments),
    }
}

/// The node that is asked: the one that is named, or the leader.
async fn chosen_node(session: &Session, node: Option<u64>) -> Result<(u64, String), CommandError> {
    let status = session.client.status().await?;
    let health = Health::of(&status);
    let id = node.or(health.leader).ok_or_else(|| no_quorum(&health))?;
    let found = status.nodes.iter().find(|known| known.node_id == id);
    let url = found.and_then(|known| client::base_url(known.http_url.as_deref()?).ok());
    let url = url.ok_or_else(|| CommandError::NotFound(format!("node {id} is no member with a URL")))?;
    Ok((id, url))
}

async fn create_backup(session: &Session, file: Option<&Path>, kind: Kind, node: Option<u64>) -> Done {
    let (id, url) = chosen_node(session, node).await?;
    let what = match kind {
        Kind::Full => "full",
        Kind::Log => "log",
    };
    let Some(file) = file else {
        if session.only_says(&format!("make a {what} backup on node {id}"))? {
            return Ok(());
        }
        let made = session.client.create_backup(Some(&url), what).await?;
        let sentence = format!(
            "node {id} has the backup {} ({} bytes), which leads to entry {}",
            made.name, made.bytes, made.index
        );
        return session.done(sentence, serde_json::to_value(&made).unwrap_or_default(), made.name);
    };
    if kind == Kind::Log {
        return Err(CommandError::Use(
            "an incremental backup follows one in the node's directory: leave --file out, and fetch it with backup download"
                .to_owned(),
        ));
    }
    if session.only_says(&format!("write a full backup of node {id} to {}", file.display()))? {
        return Ok(());
    }
    let mut download = session.client.stream_backup(Some(&url)).await?;
    if file == Path::new("-") {
        while let Some(piece) = download.next().await? {
            session.screen.write_bytes(&piece)?;
        }
        return Ok(());
    }
    let partial = partial_of(file);
    let output = File::create(&partial).map_err(|error| CommandError::file(&partial, error))?;
    let received = receive_backup(&mut download, output, &partial, 0, Progress::new("backup", None)).await;
    let verified = received.and_then(|()| verify_file(&partial, &BackupKeys::default(), &Checks::default()));
    // Without its key an encrypted one cannot be read here: it is kept, and said.
    let verified = match verified {
        Ok(verified) => Some(verified),
        Err(CommandError::Backup { source: backup::BackupError::KeyNeeded { .. }, .. }) => None,
        Err(error) => {
            drop(std::fs::remove_file(&partial));
            return Err(error);
        }
    };
    std::fs::rename(&partial, file).map_err(|error| CommandError::file(file, error))?;
    match verified {
        Some(verified) => session.screen.show(&shown_of(session.screen, file, &verified)),
        None => session.done(
            format!("{} is encrypted and was not read: registryctl backup verify --key-file KEY {0}", file.display()),
            json!({"file": file, "verified": false}),
            file.display().to_string(),
        ),
    }
}

fn partial_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

async fn receive_backup(
    download: &mut BackupDownload,
    mut output: File,
    path: &Path,
    offset: u64,
    mut progress: Progress,
) -> Result<(), CommandError> {
    let mut received = offset;
    while let Some(piece) = download.next().await? {
        output.write_all(&piece).map_err(|error| CommandError::file(path, error))?;
        received += piece.len() as u64;
        progress.at(received);
    }
    progress.end();
    output.sync_all().map_err(|error| CommandError::file(path, error))
}

/// What every member that answers has.
async fn of_all(
    session: &Session,
) -> Result<Vec<(Option<u64>, String, Result<BackupsBody, ClientError>)>, CommandError> {
    let status: ClusterStatusBody = session.client.status().await?;
    let urls = urls_of(session, Some(&status));
    let asked = urls.into_iter().map(|(id, url)| async move {
        let answer = session.client.backups(Some(&url)).await;
        (id, url, answer)
    });
    Ok(futures::future::join_all(asked).await)
}

fn state_of(screen: Screen, one: &BackupBody) -> String {
    match &one.problem {
        Some(problem) => screen.tone(Tone::Bad, problem),
        None => "–".to_owned(),
    }
}

async fn list_backups(session: &Session) -> Done {
    let answers = of_all(session).await?;
    let (mut rows, mut all, mut names, mut head) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (id, url, answer) in &answers {
        let node = id.map_or_else(|| "–".to_owned(), |id| id.to_string());
        match answer {
            Ok(found) => {
                for one in &found.backups {
                    rows.push(vec![
                        node.clone(),
                        one.name.clone(),
                        one.kind.clone(),
                        one.index.to_string(),
                        one.since.map_or_else(|| "–".to_owned(), |since| since.to_string()),
                        time_text(one.time_ms),
                        one.bytes.to_string(),
                        one.key.clone().unwrap_or_else(|| "–".to_owned()),
                        state_of(session.screen, one),
                        one.cluster_id.clone(),
                    ]);
                    let mut json = serde_json::to_value(one).unwrap_or_default();
                    json["node_id"] = Value::from(*id);
                    all.push(json);
                    names.push((one.index, one.name.clone()));
                }
            }
            Err(error) => head.push(session.screen.tone(Tone::Bad, &format!("node {node} ({url}): {error}"))),
        }
    }
    let newest = newest_backup(&answers);
    head.push(match newest {
        Some((index, at)) => format!("the newest backup leads to entry {index}, and was made at {}", time_text(at)),
        None => "the cluster knows of no backup".to_owned(),
    });
    names.sort();
    names.dedup();
    session.screen.show(&Shown {
        head,
        columns: vec!["NODE", "NAME", "KIND", "INDEX", "SINCE", "TIME", "BYTES", "+KEY", "+PROBLEM", "+CLUSTER"],
        rows,
        json: json!({"last_index": newest.map(|(index, _)| index), "last_time_ms": newest.map(|(_, at)| at), "backups": all}),
        names: names.into_iter().map(|(_, name)| name).collect(),
        ..Shown::default()
    })
}

fn newest_backup(answers: &[(Option<u64>, String, Result<BackupsBody, ClientError>)]) -> Option<(u64, u64)> {
    let known = answers.iter().filter_map(|(_, _, answer)| answer.as_ref().ok());
    known.filter_map(|known| Some((known.last_index?, known.last_time_ms?))).max()
}

async fn show_schedule(session: &Session) -> Done {
    let answers = of_all(session).await?;
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (id, _, answer) in &answers {
        let node = id.map_or_else(|| "–".to_owned(), |id| id.to_string());
        let Ok(found) = answer else { continue };
        let every = match (found.every_seconds, found.directory.is_empty()) {
            (0, _) => "never".to_owned(),
            (_, true) => session.screen.tone(Tone::Bad, "no directory"),
            (every, false) => format!("{every} s"),
        };
        let state = if found.is_running { "running".to_owned() } else { "–".to_owned() };
        let failure = found.last_failure.as_ref().map(|text| session.screen.tone(Tone::Bad, text));
        rows.push(vec![
            node,
            every,
            found.keep.to_string(),
            found.incrementals.to_string(),
            found.directory.clone(),
            state,
            failure.unwrap_or_else(|| "–".to_owned()),
        ]);
        let mut json = serde_json::to_value(found).unwrap_or_default();
        json["node_id"] = Value::from(*id);
        if let Some(fields) = json.as_object_mut() {
            fields.remove("backups");
        }
        all.push(json);
    }
    let head = match newest_backup(&answers) {
        Some((index, at)) => format!("the newest backup leads to entry {index}, and was made at {}", time_text(at)),
        None => "the cluster knows of no backup: set [backup] in the configuration, or make one now".to_owned(),
    };
    session.screen.show(&Shown {
        head: vec![head, "the leader makes the scheduled ones, in its own directory".to_owned()],
        columns: vec!["NODE", "EVERY", "KEEP", "INCREMENTAL", "DIRECTORY", "STATE", "LAST FAILURE"],
        names: rows.iter().map(|row| row[0].clone()).collect(),
        rows,
        json: json!({"nodes": all}),
        ..Shown::default()
    })
}

async fn download_backup(session: &Session, name: &str, file: Option<&Path>) -> Done {
    let answers = of_all(session).await?;
    let holds = |(_, _, answer): &&(Option<u64>, String, Result<BackupsBody, ClientError>)| {
        answer.as_ref().is_ok_and(|found| found.backups.iter().any(|one| one.name == name))
    };
    let Some((_, url, _)) = answers.iter().find(holds) else {
        return Err(CommandError::NotFound(format!(
            "no node that answers has the backup {name}: registryctl backup list shows what there is"
        )));
    };
    let file = file.unwrap_or(Path::new(name));
    if session.only_says(&format!("fetch {name} from {url} to {}", file.display()))? {
        return Ok(());
    }
    let partial = partial_of(file);
    let mut tries = 0;
    loop {
        let output = File::options().create(true).append(true).open(&partial);
        let output = output.map_err(|error| CommandError::file(&partial, error))?;
        let offset = output.metadata().map_err(|error| CommandError::file(&partial, error))?.len();
        let mut download = session.client.download_backup(url, name, offset).await?;
        let progress = Progress::new(name, download.length);
        match receive_backup(&mut download, output, &partial, offset, progress).await {
            Ok(()) => break,
            Err(CommandError::Client(ClientError::Broken { .. })) if tries < DOWNLOAD_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(DOWNLOAD_PAUSE).await;
    }
    std::fs::rename(&partial, file).map_err(|error| CommandError::file(file, error))?;
    session.done(
        format!("{} is here; registryctl backup verify {0} reads it", file.display()),
        json!({"file": file, "name": name, "from": url}),
        file.display().to_string(),
    )
}

fn keys_of(file: Option<&Path>) -> Result<BackupKeys, CommandError> {
    let Some(path) = file else { return Ok(BackupKeys::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| CommandError::file(path, error))?;
    BackupKeys::parse(&text).map_err(|source| CommandError::Backup { file: path.display().to_string(), source })
}

fn verify_file(path: &Path, keys: &BackupKeys, checks: &Checks) -> Result<Verified, CommandError> {
    let in_file = |source| CommandError::Backup { file: path.display().to_string(), source };
    if path == Path::new("-") {
        return verify_input(std::io::stdin().lock(), None, keys, checks).map_err(in_file);
    }
    let file = File::open(path).map_err(|error| CommandError::file(path, error))?;
    let length = file.metadata().ok().map(|metadata| metadata.len());
    verify_input(file, length, keys, checks).map_err(in_file)
}

fn verify_input(
    input: impl Read,
    length: Option<u64>,
    keys: &BackupKeys,
    checks: &Checks,
) -> Result<Verified, backup::BackupError> {
    let mut progress = Progress::new("verify", length);
    let verified =
        backup::verify(BufReader::with_capacity(1 << 20, input), keys, checks, &mut |bytes| progress.at(bytes));
    progress.end();
    verified
}

/// Reads backups; the first one that is not whole ends it.
pub(crate) fn verify_backups(screen: Screen, arguments: &VerifyArguments) -> Done {
    let keys = keys_of(arguments.key_file.as_deref())?;
    let checks = Checks { signed_by: arguments.signed_by.clone(), cluster_id: arguments.cluster.clone() };
    for file in &arguments.files {
        let verified = verify_file(file, &keys, &checks)?;
        screen.show(&shown_of(screen, file, &verified))?;
    }
    Ok(())
}

fn shown_of(screen: Screen, file: &Path, verified: &Verified) -> Shown {
    let Verified { header, trailer, name, key_name, file_bytes } = verified;
    let signer = trailer.signature.as_ref().map(|signature| signature.public_key.clone());
    let since = header.since.as_ref().map(|since| since.index);
    let json = json!({
        "file": file, "whole": true, "id": name, "kind": header.kind.name(), "cluster_id": header.cluster_id,
        "index": header.at.index, "since": since, "state_digest": header.at.state_digest, "time_ms": header.time_ms,
        "node_id": header.node_id, "program": header.program, "level": header.level, "audit_size": header.audit_size,
        "audit_root": header.audit_root, "rows": trailer.rows(), "entries": trailer.entries, "bytes": file_bytes,
        "hash": trailer.hash, "signed_by": signer, "key": key_name,
    });
    let since = since.map(|since| since.to_string()).unwrap_or_default();
    let mut shown = Shown::fields(
        json,
        &[
            ("kind", header.kind.name().to_owned()),
            ("cluster", header.cluster_id.clone()),
            ("index", header.at.index.to_string()),
            ("since", since),
            ("made", format!("{} by node {}, program {}", time_text(header.time_ms), header.node_id, header.program)),
            ("rows", trailer.rows().to_string()),
            ("entries", trailer.entries.to_string()),
            ("bytes", file_bytes.to_string()),
            ("state digest", header.at.state_digest.clone()),
            ("audit", format!("{} records, root {}", header.audit_size, header.audit_root)),
            ("hash", trailer.hash.clone()),
            ("signed by", signer.unwrap_or_default()),
            ("key", key_name.clone().unwrap_or_default()),
        ],
        file.display().to_string(),
    );
    shown.head.insert(0, format!("{}: {}", file.display(), screen.tone(Tone::Good, "whole")));
    shown
}

/// The configuration of a node of its own on this machine.
fn scratch_config(directory: &Path, listen: std::net::SocketAddr) -> Result<String, CommandError> {
    let data = std::path::absolute(directory.join("data")).map_err(|error| CommandError::file(directory, error))?;
    let port = listen.port().checked_add(1).filter(|_| listen.port() > 0).ok_or_else(|| {
        CommandError::Use(format!("--scratch-listen {listen}: name a port, below 65535: the next one is used, too"))
    })?;
    let peer = std::net::SocketAddr::new(listen.ip(), port);
    // A text of TOML may hold whatever a JSON text may.
    let (data, id) = (Value::from(data.display().to_string()), uuid::Uuid::new_v4());
    Ok(format!(
        "# A node of its own to look at a backup. Nothing else knows of it.\n[node]\nid = 1\nregion = \"scratch\"\n\
         data_dir = {data}\n\n[cluster]\nid = \"scratch-{id}\"\nprofile = \"lan-fast\"\n\n[[cluster.members]]\nid = 1\n\
         peer_address = \"{peer}\"\nhttp_url = \"http://{listen}\"\nregion = \"scratch\"\n\n[http]\nlisten = \"{listen}\"\n\n\
         [peer]\nlisten = \"{peer}\"\n"
    ))
}

/// `registry-node`, beside this program or of the PATH.
fn node_program(asked: Option<&Path>) -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("registry-node"));
    asked.map(Path::to_owned).or(beside.filter(|path| path.is_file())).unwrap_or_else(|| "registry-node".into())
}

pub(crate) fn restore_backup(screen: Screen, is_dry_run: bool, arguments: &RestoreArguments) -> Done {
    let RestoreArguments {
        sources,
        config,
        scratch,
        scratch_listen,
        to_index,
        key_file,
        signed_by,
        node_program: asked,
    } = arguments;
    let program = node_program(asked.as_deref());
    let config = match (config, scratch) {
        (Some(config), _) => config.clone(),
        (None, Some(directory)) => directory.join("cluster.toml"),
        (None, None) => return Err(CommandError::Use("name --config or --scratch".to_owned())),
    };
    if is_dry_run {
        let what = format!("restore into the data directory of {}", config.display());
        return screen.show(&Shown::done(format!("would {what}"), json!({"would": what}), what));
    }
    if let Some(directory) = scratch {
        if config.exists() {
            return Err(CommandError::Use(format!(
                "{} has a node already: name another directory",
                directory.display()
            )));
        }
        let text = scratch_config(directory, *scratch_listen)?;
        std::fs::create_dir_all(directory).map_err(|error| CommandError::file(directory, error))?;
        std::fs::write(&config, text).map_err(|error| CommandError::file(&config, error))?;
    }
    let mut command = Command::new(&program);
    command.arg("--config").arg(&config);
    for source in sources {
        command.arg("--restore").arg(source);
    }
    if let Some(index) = to_index {
        command.arg("--restore-to-index").arg(index.to_string());
    }
    if let Some(path) = key_file {
        command.arg("--restore-key-file").arg(path);
    }
    if let Some(key) = signed_by {
        command.arg("--restore-signed-by").arg(key);
    }
    // What the settings of a running node would override is not this node's.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REGISTRY__")) {
        command.env_remove(name);
    }
    let started = Instant::now();
    let status = command.status().map_err(|error| CommandError::file(&program, error))?;
    if !status.success() {
        if scratch.is_some() {
            drop(std::fs::remove_file(&config));
        }
        return Err(CommandError::Negative(format!("{} has restored nothing ({status})", program.display())));
    }
    let next = match scratch {
        Some(_) => format!("look at it: {} --config {}", program.display(), config.display()),
        None => format!(
            "start this node first: {} --config {}; then the others with empty disks, and add them: registryctl member add",
            program.display(),
            config.display()
        ),
    };
    let seconds = started.elapsed().as_secs_f64();
    screen.show(&Shown::done(
        format!("restored in {seconds:.1} s; {next}"),
        json!({"config": config, "seconds": format!("{seconds:.3}")}),
        config.display().to_string(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_node_has_a_cluster_and_ports_of_its_own() {
        let config = |listen: &str| scratch_config(Path::new("some \"dir\""), listen.parse().unwrap());
        let text = config("127.0.0.1:28081").unwrap();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["peer"]["listen"].as_str(), Some("127.0.0.1:28082"));
        assert!(table["node"]["data_dir"].as_str().unwrap().ends_with("some \"dir\"/data"));
        assert_ne!(config("127.0.0.1:28081").unwrap(), text, "the cluster has a new id");
        assert!(config("127.0.0.1:65535").is_err());
        assert!(config("127.0.0.1:0").is_err());
    }
}
