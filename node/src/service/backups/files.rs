//! The directory of backups: names, lists, and which of them are no longer kept.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use backup::{BackupKeys, BackupKind, Position};

use super::header_of;

/// How the files of backups end.
const ENDING: &str = ".srbackup";
/// Files that are looked at in one directory, at most.
const FILES_MAX: usize = 10_000;

/// A backup in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    /// Its file.
    pub name: String,
    /// Its own random name, in hexadecimal.
    pub id: String,
    /// What it holds.
    pub kind: BackupKind,
    /// The cluster that it is of.
    pub cluster_id: String,
    /// The index that it leads to.
    pub index: u64,
    /// The index that it begins behind, if it is incremental.
    pub since: Option<u64>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Its length.
    pub bytes: u64,
    /// The hash of what is in it, in hexadecimal; empty where it was not read.
    pub hash: String,
    /// The name of the key that it is encrypted with.
    pub key: Option<String>,
    /// Why it cannot be used, if its beginning says so.
    pub problem: Option<String>,
}

/// A backup in a directory, and where another one may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundFile {
    pub(super) file: BackupFile,
    pub(super) at: Option<Position>,
}

/// Is it a name that a file of a backup has? No folders, nothing hidden.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 255
        && name.ends_with(ENDING)
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// The file of a backup: names in their order are backups in their order.
pub(super) fn name_of(cluster_id: &str, made: &BackupFile) -> String {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let cluster: String = cluster_id.chars().map(plain).collect();
    format!("{cluster}-{:020}-{}{ENDING}", made.index, made.kind.name())
}

/// The backups in a directory, the oldest first. One that cannot be read is listed with what is wrong with it.
pub(super) fn list_backups(directory: &Path, keys: &BackupKeys) -> io::Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries.take(FILES_MAX) {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_name(&name) {
            found.push(look_at_file(&entry.path(), name, keys)?);
        }
    }
    found.sort_by(|a, b| (a.file.index, &a.file.name).cmp(&(b.file.index, &b.file.name)));
    Ok(found)
}

fn look_at_file(path: &Path, name: String, keys: &BackupKeys) -> io::Result<FoundFile> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    Ok(match header_of(BufReader::new(file), keys) {
        Ok((header, id, key)) => FoundFile {
            file: BackupFile {
                name,
                id,
                kind: header.kind,
                cluster_id: header.cluster_id,
                index: header.at.index,
                since: header.since.map(|since| since.index),
                time_ms: header.time_ms,
                bytes,
                hash: String::new(),
                key,
                problem: None,
            },
            at: Some(header.at),
        },
        Err(error) => FoundFile {
            file: BackupFile {
                name,
                id: String::new(),
                kind: BackupKind::Full,
                cluster_id: String::new(),
                index: 0,
                since: None,
                time_ms: 0,
                bytes,
                hash: String::new(),
                key: None,
                problem: Some(error.to_string()),
            },
            at: None,
        },
    })
}

/// The files that are not kept any more: full backups but for the newest `keep` ones, and incremental ones that follow
/// none that is kept. What cannot be read is never removed: a person has to look at it.
pub(super) fn superseded_files(files: &[BackupFile], keep: usize) -> BTreeSet<String> {
    let usable = || files.iter().filter(|file| file.problem.is_none());
    let mut full: Vec<u64> = usable().filter(|file| file.kind == BackupKind::Full).map(|file| file.index).collect();
    full.sort_unstable();
    let Some(oldest_kept) = full.len().checked_sub(keep.max(1)).and_then(|first| full.get(first).copied()) else {
        return BTreeSet::new();
    };
    let is_old = |file: &&BackupFile| match file.kind {
        BackupKind::Full => file.index < oldest_kept,
        BackupKind::Log => file.index <= oldest_kept,
    };
    usable().filter(is_old).map(|file| file.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: BackupKind, index: u64) -> BackupFile {
        let made = BackupFile {
            name: String::new(),
            id: String::new(),
            kind,
            cluster_id: "c".to_owned(),
            index,
            since: None,
            time_ms: 0,
            bytes: 1,
            hash: String::new(),
            key: None,
            problem: None,
        };
        BackupFile { name: name_of("c", &made), ..made }
    }

    fn indexes(names: &BTreeSet<String>) -> Vec<u64> {
        names.iter().map(|name| name.split('-').nth(1).unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn whole_chains_are_kept_and_whole_chains_go() {
        use BackupKind::{Full, Log};
        let files =
            [(Full, 10), (Log, 20), (Log, 30), (Full, 40), (Log, 50), (Full, 60)].map(|(kind, at)| file(kind, at));
        assert_eq!(indexes(&superseded_files(&files, 1)), [10, 20, 30, 40, 50]);
        assert_eq!(indexes(&superseded_files(&files, 2)), [10, 20, 30]);
        assert_eq!(indexes(&superseded_files(&files, 3)), [0; 0]);
        assert_eq!(indexes(&superseded_files(&files, 9)), [0; 0]);
        assert_eq!(indexes(&superseded_files(&files, 0)), [10, 20, 30, 40, 50], "the newest one is always kept");
        assert!(superseded_files(&[file(Log, 5)], 1).is_empty());
    }

    #[test]
    fn what_cannot_be_read_counts_for_nothing_and_is_not_removed() {
        let broken = BackupFile { problem: Some("damaged".to_owned()), ..file(BackupKind::Full, 90) };
        let files = [file(BackupKind::Full, 10), file(BackupKind::Full, 20), broken];
        assert_eq!(indexes(&superseded_files(&files, 2)), [0; 0]);
        assert_eq!(indexes(&superseded_files(&files, 1)), [10]);
    }

    #[test]
    fn names_are_plain_and_in_order() {
        let (older, newer) = (file(BackupKind::Full, 999), file(BackupKind::Full, 1_000));
        assert!(older.name < newer.name);
        assert_eq!(name_of("eu/west 1", &older), "eu-west-1-00000000000000000999-full.srbackup");
        assert!(is_name(&older.name));
        for bad in ["../x.srbackup", ".x.srbackup", "x", "x.srbackup.partial", "a/b.srbackup", "a b.srbackup"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
