//! Builds a data directory from backups, offline: `registry-node --restore`.
//!
//! The result is a node that is the only voter of a new cluster. Everything is built beside and moved into place at the end,
//! so a restore that fails or is killed leaves a directory that is empty, or that says it is damaged; never half a registry.

use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use backup::{BackupKeys, BackupKind, BackupReader, Header, Part, from_hex, verify_signature};
use raft_store::state::{Claim, EntriesIn, RebuildError, Rebuilt, RowsIn};
use raft_store::types::Node;
use registry::{LogIndex, LogPosition};
use serde::{Deserialize, Serialize};

use super::StartError;
use super::identity::{self, Disk};
use crate::config::{Config, MemberConfig};

/// Where the data is built, inside the data directory.
const BUILDING: &str = "restoring";
/// Tells the node, when it has started, what the cluster has to have a record of.
const RECORD: &str = "RESTORED";
/// What a restore moves into place, the database of the log last: without it a directory is damaged, not empty.
const PARTS: [&str; 3] = ["sm", "MARK", "raft"];

/// Refuses a data directory in which a restore broke off: it would look empty.
///
/// # Errors
/// [`StartError::Mismatch`].
pub(super) fn refuse_unfinished(config: &Config) -> Result<(), StartError> {
    let building = config.node.data_dir.join(BUILDING);
    if !building.exists() {
        return Ok(());
    }
    Err(StartError::Mismatch(format!(
        "{} is what a restore left that broke off: restore again, or remove it if the node is to start without",
        building.display()
    )))
}

/// What to restore.
#[derive(Debug, Clone, Default)]
pub struct Restore {
    /// Files, in any order, or one directory of which the newest chain is taken.
    pub sources: Vec<PathBuf>,
    /// Go no further than this entry.
    pub to_index: Option<u64>,
    /// The file with the keys.
    pub key_file: Option<PathBuf>,
    /// The only key that may have signed the backups, in hexadecimal.
    pub signed_by: Option<String>,
}

/// What was restored; kept until the cluster has its record of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restored {
    /// The cluster that the backups are of.
    pub from_cluster: String,
    /// The last entry that is in the state.
    pub index: u64,
    /// The digest of the state there, in hexadecimal.
    pub digest: String,
    /// Rows that were read.
    pub rows: u64,
    /// Entries that were applied to them.
    pub entries: u64,
    /// The backups, by their random names.
    pub backups: Vec<String>,
}

/// A backup that may be a part of a chain.
struct Candidate {
    path: PathBuf,
    header: Header,
    name: String,
}

/// Restores backups into the data directory of a configuration.
///
/// # Errors
/// [`StartError`] says what is wrong with the directory, the configuration or a backup. Nothing is left of it then.
pub fn restore_backup(config: &Config, asked: &Restore) -> Result<Restored, StartError> {
    let data = &config.node.data_dir;
    if identity::check_identity(config)? == Disk::Known {
        let place = data.display();
        return Err(StartError::Mismatch(format!("{place} is in use: a restore needs an empty data directory")));
    }
    let node = member_of(config)?;
    let keys = keys_of(asked)?;
    let chain = chain_of(find_candidates(asked, &keys)?, asked.to_index)?;
    if let Some(same) = chain.iter().find(|found| found.header.cluster_id == config.cluster.id) {
        return Err(StartError::Mismatch(format!(
            "cluster.id is {}, as in {}: a restored registry is a new cluster and needs a new id, so that no node and no \
             client takes it for the old one",
            config.cluster.id,
            same.path.display()
        )));
    }
    let building = data.join(BUILDING);
    remove_if_there(&building)?;
    fs::create_dir_all(&building).map_err(StartError::disk_error("create", &building))?;
    let built = build_state(&building, &chain, &keys, asked, config, node);
    let (rebuilt, mut restored) = match built {
        Ok(built) => built,
        Err(error) => {
            remove_if_there(&building)?;
            return Err(error);
        }
    };
    restored.index = rebuilt.index.0;
    restored.digest = backup::hex(&rebuilt.machine.digest);
    move_into_place(config, &building, &restored)?;
    Ok(restored)
}

/// The node itself, as the configuration lists it: the only voter of the new cluster.
fn member_of(config: &Config) -> Result<Node, StartError> {
    let own = config.cluster.members.iter().find(|member| member.id == config.node.id);
    let MemberConfig { peer_address, http_url, region, priority, .. } = own.cloned().ok_or_else(|| {
        StartError::Mismatch(format!(
            "cluster.members does not list node {}: a restore makes it the only voter, and takes its addresses from there",
            config.node.id
        ))
    })?;
    Ok(Node { peer_address, http_url, region, priority })
}

fn keys_of(asked: &Restore) -> Result<BackupKeys, StartError> {
    let Some(path) = &asked.key_file else { return Ok(BackupKeys::default()) };
    let text = fs::read_to_string(path).map_err(StartError::disk_error("read the key file", path))?;
    BackupKeys::parse(&text).map_err(|error| StartError::Mismatch(format!("{}: {error}", path.display())))
}

/// Reads the beginnings of the files that are named, or of those in a directory that is.
fn find_candidates(asked: &Restore, keys: &BackupKeys) -> Result<Vec<Candidate>, StartError> {
    let mut found = Vec::new();
    for source in &asked.sources {
        if !source.is_dir() {
            found.push(read_candidate(source, keys)?);
            continue;
        }
        for entry in fs::read_dir(source).map_err(StartError::disk_error("list", source))? {
            let path = entry.map_err(StartError::disk_error("list", source))?.path();
            if path.extension().is_some_and(|ending| ending == "srbackup") {
                // Among many, one that is damaged matters only if it is needed; then the chain has a gap.
                match read_candidate(&path, keys) {
                    Ok(candidate) => found.push(candidate),
                    Err(error) => tracing::warn!(%error, "this backup is passed over"),
                }
            }
        }
    }
    Ok(found)
}

fn read_candidate(path: &Path, keys: &BackupKeys) -> Result<Candidate, StartError> {
    let reader = open_backup(path, keys)?;
    Ok(Candidate { path: path.to_owned(), header: reader.header().clone(), name: reader.name() })
}

fn open_backup(path: &Path, keys: &BackupKeys) -> Result<BackupReader<BufReader<File>>, StartError> {
    let file = File::open(path).map_err(StartError::disk_error("open", path))?;
    BackupReader::open(BufReader::with_capacity(1 << 20, file), keys).map_err(|error| refused_error(path, &error))
}

fn refused_error(path: &Path, error: &dyn std::fmt::Display) -> StartError {
    StartError::Damaged(format!("{}: {error}", path.display()))
}

/// The backups to restore, in their order: the newest full one that is not past the target, and what follows it.
fn chain_of(mut found: Vec<Candidate>, to_index: Option<u64>) -> Result<Vec<Candidate>, StartError> {
    let nothing = |what: String| Err(StartError::Mismatch(what));
    let target = to_index.unwrap_or(u64::MAX);
    let full = found.iter().enumerate().filter(|(_, one)| one.header.kind == BackupKind::Full);
    let full = full.filter(|(_, one)| one.header.at.index <= target).max_by_key(|(_, one)| one.header.at.index);
    let Some((position, _)) = full else {
        let fulls = found.iter().filter(|one| one.header.kind == BackupKind::Full);
        return match fulls.map(|one| one.header.at.index).min() {
            Some(first) => nothing(format!("the oldest full backup stands at entry {first}, behind entry {target}")),
            None => nothing("there is no full backup among the sources: an incremental one follows another".to_owned()),
        };
    };
    let mut chain = vec![found.swap_remove(position)];
    loop {
        let end = &chain[chain.len() - 1].header;
        if end.at.index >= target {
            break;
        }
        let (cluster_id, at) = (end.cluster_id.clone(), end.at.clone());
        let follows = |one: &Candidate| {
            one.header.cluster_id == cluster_id
                && one.header.since.as_ref() == Some(&at)
                && one.header.at.index > at.index
        };
        let Some(next) = found.iter().position(follows) else { break };
        chain.push(found.swap_remove(next));
    }
    let reached = chain[chain.len() - 1].header.at.index;
    if to_index.is_some_and(|target| reached < target) {
        return nothing(format!("the backups lead to entry {reached}, not to entry {target}"));
    }
    Ok(chain)
}

fn claim_of(path: &Path, header: &Header) -> Result<Claim, StartError> {
    let hash =
        |text: &str| from_hex::<32>(text).ok_or_else(|| refused_error(path, &"its header holds a hash that is none"));
    Ok(Claim {
        digest: hash(&header.at.state_digest)?,
        cluster_id: header.cluster_id.clone(),
        level: header.level,
        audit_size: header.audit_size,
        audit_root: hash(&header.audit_root)?,
    })
}

fn build_state(
    building: &Path,
    chain: &[Candidate],
    keys: &BackupKeys,
    asked: &Restore,
    config: &Config,
    node: Node,
) -> Result<(Rebuilt, Restored), StartError> {
    let (full, rest) = chain.split_first().ok_or_else(|| StartError::Mismatch("no backup is named".to_owned()))?;
    let mut restored = Restored {
        from_cluster: full.header.cluster_id.clone(),
        index: 0,
        digest: String::new(),
        rows: 0,
        entries: 0,
        backups: chain.iter().map(|one| one.name.clone()).collect(),
    };
    let mut state = rows_in(building, full, keys, asked, &mut restored)?;
    for one in rest {
        entries_in(&mut state, one, keys, asked, &mut restored)?;
    }
    let rebuilt =
        state.finish(&config.cluster.id, config.node.id, node).map_err(|error| rebuild_error(building, error))?;
    Ok((rebuilt, restored))
}

/// Puts the rows of a full backup in.
fn rows_in(
    building: &Path,
    full: &Candidate,
    keys: &BackupKeys,
    asked: &Restore,
    restored: &mut Restored,
) -> Result<EntriesIn, StartError> {
    let path = &full.path;
    tracing::info!(backup = %path.display(), index = full.header.at.index, "restore the rows");
    let mut rows = RowsIn::begin(building).map_err(|error| rebuild_error(path, error))?;
    let mut reader = open_backup(path, keys)?;
    loop {
        match reader.next_part().map_err(|error| refused_error(path, &error))? {
            Part::Rows(part) => {
                restored.rows += part.len() as u64;
                for (key, value) in part {
                    rows.put(&key, &value).map_err(|error| rebuild_error(path, error))?;
                }
            }
            Part::Entries(_) => return Err(refused_error(path, &"a full backup holds entries of the log")),
            Part::End(trailer) => {
                let signature = trailer.signature.as_ref();
                verify_signature(&trailer.hash, signature, asked.signed_by.as_deref())
                    .map_err(|error| refused_error(path, &error))?;
                break;
            }
        }
    }
    let Header { at, term, leader_id, .. } = &full.header;
    let position = LogPosition { index: LogIndex(at.index), term: *term };
    rows.finish(position, *leader_id, &claim_of(path, &full.header)?).map_err(|error| rebuild_error(path, error))
}

/// Applies the entries of an incremental backup, up to the target. All of it is read: one that is damaged behind the target
/// is damaged.
fn entries_in(
    state: &mut EntriesIn,
    one: &Candidate,
    keys: &BackupKeys,
    asked: &Restore,
    restored: &mut Restored,
) -> Result<(), StartError> {
    let path = &one.path;
    tracing::info!(backup = %path.display(), index = one.header.at.index, "apply the entries");
    let since = one.header.since.as_ref().map(|since| since.state_digest.clone()).unwrap_or_default();
    let digest = state.digest().map_err(|error| rebuild_error(path, error))?;
    if backup::hex(&digest) != since {
        return Err(refused_error(path, &"it follows another state than the one before it: it is of another history"));
    }
    let target = asked.to_index.unwrap_or(u64::MAX);
    let mut reader = open_backup(path, keys)?;
    loop {
        match reader.next_part().map_err(|error| refused_error(path, &error))? {
            Part::Entries(part) => {
                for (index, record) in part.into_iter().filter(|(index, _)| *index <= target) {
                    state.apply(index, &record).map_err(|error| rebuild_error(path, error))?;
                    restored.entries += 1;
                }
            }
            Part::Rows(_) => return Err(refused_error(path, &"an incremental backup holds rows")),
            Part::End(trailer) => {
                let signature = trailer.signature.as_ref();
                verify_signature(&trailer.hash, signature, asked.signed_by.as_deref())
                    .map_err(|error| refused_error(path, &error))?;
                break;
            }
        }
    }
    if one.header.at.index <= target {
        state.check(&claim_of(path, &one.header)?).map_err(|error| rebuild_error(path, error))?;
    }
    Ok(())
}

fn rebuild_error(path: &Path, error: RebuildError) -> StartError {
    match error {
        RebuildError::State(error) => StartError::from(error),
        RebuildError::Log(error) => StartError::from(error),
        RebuildError::NotEmpty { .. } => StartError::Mismatch(error.to_string()),
        RebuildError::Io { doing, source } => StartError::Disk { doing, path: path.to_owned(), source },
        RebuildError::Row { .. }
        | RebuildError::Key { .. }
        | RebuildError::Entry { .. }
        | RebuildError::Order { .. }
        | RebuildError::Differs { .. } => refused_error(path, &error),
    }
}

/// Moves what was built into place. Until the last part is there, a start calls the directory damaged.
fn move_into_place(config: &Config, building: &Path, restored: &Restored) -> Result<(), StartError> {
    let data = &config.node.data_dir;
    for part in PARTS {
        let (from, to) = (building.join(part), data.join(part));
        fs::rename(&from, &to).map_err(StartError::disk_error("move into place", &to))?;
    }
    remove_if_there(building)?;
    let path = data.join(RECORD);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&path)?;
        file.write_all(&serde_json::to_vec_pretty(restored)?)?;
        file.sync_all()?;
        File::open(data)?.sync_all()
    };
    write().map_err(StartError::disk_error("write", &path))?;
    identity::write_identity(config, true)
}

fn remove_if_there(place: &Path) -> Result<(), StartError> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StartError::disk_error("remove", place)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What the cluster still has to have a record of.
pub(super) fn unrecorded_restore(data: &Path) -> Option<Restored> {
    serde_json::from_slice(&fs::read(data.join(RECORD)).ok()?).ok()
}

/// The cluster has its record.
pub(super) fn mark_recorded(data: &Path) {
    if let Err(error) = fs::remove_file(data.join(RECORD)) {
        tracing::warn!(%error, "remove the note of the restore");
    }
}

#[cfg(test)]
mod tests {
    use backup::Position;

    use super::*;

    fn candidate(kind: BackupKind, since: Option<u64>, index: u64) -> Candidate {
        let at = |index: u64| Position { index, state_digest: format!("{index:064x}") };
        Candidate {
            path: PathBuf::from(format!("{index}")),
            name: String::new(),
            header: Header {
                kind,
                cluster_id: "c".to_owned(),
                level: 1,
                at: at(index),
                term: 1,
                leader_id: 1,
                since: since.map(at),
                time_ms: 0,
                node_id: 1,
                program: String::new(),
                audit_size: 0,
                audit_root: String::new(),
            },
        }
    }

    fn chain(found: Vec<Candidate>, to_index: Option<u64>) -> Result<Vec<u64>, String> {
        let chain = chain_of(found, to_index).map_err(|error| error.to_string())?;
        Ok(chain.iter().map(|one| one.header.at.index).collect())
    }

    fn some() -> Vec<Candidate> {
        vec![
            candidate(BackupKind::Log, Some(30), 40),
            candidate(BackupKind::Full, None, 10),
            candidate(BackupKind::Log, Some(10), 20),
            candidate(BackupKind::Full, None, 30),
            candidate(BackupKind::Log, Some(20), 30),
            candidate(BackupKind::Log, Some(50), 60),
        ]
    }

    #[test]
    fn the_chain_begins_at_the_newest_full_backup_that_is_not_too_new() {
        assert_eq!(chain(some(), None), Ok(vec![30, 40]));
        assert_eq!(chain(some(), Some(35)), Ok(vec![30, 40]));
        assert_eq!(chain(some(), Some(30)), Ok(vec![30]));
        assert_eq!(chain(some(), Some(29)), Ok(vec![10, 20, 30]));
        assert_eq!(chain(some(), Some(20)), Ok(vec![10, 20]));
        assert_eq!(chain(some(), Some(10)), Ok(vec![10]));
        assert!(chain(some(), Some(9)).unwrap_err().contains("stands at entry 10"));
        assert!(chain(some(), Some(55)).unwrap_err().contains("lead to entry 40, not to entry 55"));
        let alone = vec![candidate(BackupKind::Log, Some(10), 20)];
        assert!(chain(alone, None).unwrap_err().contains("no full backup"));
    }

    #[test]
    fn a_chain_is_of_one_history() {
        let mut found = some();
        // The same index, and another state: somebody restored to entry 30 and went on.
        found[0].header.since.as_mut().unwrap().state_digest = "ff".repeat(32);
        assert_eq!(chain(found, None), Ok(vec![30]));
    }
}
