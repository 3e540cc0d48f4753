//! Snapshots as directories: a checkpoint of the state with a manifest.
//!
//! A directory counts only with its `MANIFEST.json`, which is written last and synced. Whatever lacks one is the rest of a
//! crash and is removed at boot, so a crash at any point leaves a node that starts.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{SnapshotError, StateError};
use super::generation::sync_dir;

/// Version of the manifest and of the files beside it.
pub const SNAPSHOT_FORMAT: u32 = 1;
const MANIFEST: &str = "MANIFEST.json";
const CHUNK_BYTES: usize = 256 * 1024;

/// What a snapshot directory holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// See [`SNAPSHOT_FORMAT`].
    pub format: u32,
    /// The cluster it belongs to.
    pub cluster_id: String,
    /// Term of the last entry it covers.
    pub term: u64,
    /// Leader of the last entry it covers.
    pub node_id: u64,
    /// Index of the last entry it covers.
    pub index: u64,
    /// The state digest at that entry, in hexadecimal.
    pub digest: String,
    /// The files.
    pub files: Vec<FileEntry>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name; no folders.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// CRC-32C of its content.
    pub crc32c: u32,
}

/// A snapshot on disk. Its directory is removed with the last handle if it was marked as temporary or superseded.
#[derive(Debug, Clone)]
pub struct SnapshotDir {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    manifest: Manifest,
    remove: std::sync::atomic::AtomicBool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.remove.load(std::sync::atomic::Ordering::Relaxed) {
            // It may have been renamed away by an installation: then there is nothing to remove.
            drop(fs::remove_dir_all(&self.dir));
        }
    }
}

impl SnapshotDir {
    /// Takes a received directory whose files are complete.
    pub fn received(dir: PathBuf, manifest: Manifest) -> Self {
        Self { inner: Arc::new(Inner { dir, manifest, remove: true.into() }) }
    }

    pub(super) fn kept(dir: PathBuf, manifest: Manifest) -> Self {
        Self { inner: Arc::new(Inner { dir, manifest, remove: false.into() }) }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// What it holds.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    pub(super) fn retire(&self) {
        self.inner.remove.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Reads every file and compares it with the manifest.
    ///
    /// # Errors
    /// [`SnapshotError`] for a file that is missing, too long, too short or changed.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        for expected in &self.manifest().files {
            let found = describe(&self.dir().join(&expected.name))?;
            if found != *expected {
                return Err(damaged_error(self.dir(), &format!("{} has changed", expected.name)));
            }
        }
        Ok(())
    }
}

/// Is this a name that a file of a snapshot may have? No folders, nothing hidden.
pub fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && name != MANIFEST
}

/// The files of a directory with lengths and checksums, by name.
pub(super) fn describe_all(dir: &Path) -> Result<Vec<FileEntry>, SnapshotError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| file_error("list", dir, error))? {
        let entry = entry.map_err(|error| file_error("list", dir, error))?;
        if !is_by_product(&entry.file_name().to_string_lossy()) {
            files.push(describe(&entry.path())?);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Looking into a database writes its info log and lock file; they are no part of the state.
fn is_by_product(name: &str) -> bool {
    name == "LOCK" || name == "LOG" || name.starts_with("LOG.old.")
}

/// Reads a file: what a manifest says of it.
///
/// # Errors
/// [`SnapshotError`] if it cannot be read.
pub fn describe(path: &Path) -> Result<FileEntry, SnapshotError> {
    let mut content = File::open(path).map_err(|error| file_error("open a file of", path, error))?;
    let mut buffer = vec![0; CHUNK_BYTES];
    let (mut size, mut crc32c) = (0_u64, 0);
    loop {
        let read = content.read(&mut buffer).map_err(|error| file_error("read a file of", path, error))?;
        if read == 0 {
            break;
        }
        crc32c = crc32c::crc32c_append(crc32c, &buffer[..read]);
        size += read as u64;
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(FileEntry { name, size, crc32c })
}

/// Writes the manifest and syncs it and the directory: from now on the directory counts.
pub(super) fn seal_directory(dir: &Path, manifest: &Manifest) -> Result<(), SnapshotError> {
    let write = || -> std::io::Result<()> {
        let temporary = dir.join("MANIFEST.tmp");
        let mut target = File::create(&temporary)?;
        target.write_all(&serde_json::to_vec_pretty(manifest)?)?;
        target.sync_all()?;
        fs::rename(&temporary, dir.join(MANIFEST))?;
        sync_dir(dir)
    };
    write().map_err(|error| file_error("seal", dir, error))
}

/// Removes the manifest, which is not a file of the database.
pub(super) fn unseal_directory(dir: &Path) -> Result<(), SnapshotError> {
    match fs::remove_file(dir.join(MANIFEST)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error("unseal", dir, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes what a crash left behind.
pub(super) fn clean_leftovers(snap: &Path) -> Result<(), StateError> {
    fs::create_dir_all(snap).map_err(|error| file_error("create", snap, error))?;
    for entry in fs::read_dir(snap).map_err(|error| file_error("list", snap, error))?.flatten() {
        if !entry.path().join(MANIFEST).is_file() {
            fs::remove_dir_all(entry.path()).map_err(|error| file_error("remove the rest of", &entry.path(), error))?;
        }
    }
    Ok(())
}

/// The newest sealed snapshot. A crash right after one was sealed leaves the one before, too: that one is removed.
pub(super) fn newest_snapshot(snap: &Path) -> Result<Option<SnapshotDir>, SnapshotError> {
    let mut newest: Option<SnapshotDir> = None;
    for entry in fs::read_dir(snap).map_err(|error| file_error("list", snap, error))?.flatten() {
        let Ok(text) = fs::read(entry.path().join(MANIFEST)) else { continue };
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| damaged_error(&entry.path(), &error.to_string()))?;
        let mut found = SnapshotDir::kept(entry.path(), manifest);
        if let Some(other) = newest.take() {
            let superseded;
            (found, superseded) =
                if other.manifest().index < found.manifest().index { (found, other) } else { (other, found) };
            superseded.retire();
        }
        newest = Some(found);
    }
    Ok(newest)
}

pub(super) fn sync_files(dir: &Path, manifest: &Manifest) -> Result<(), SnapshotError> {
    for entry in &manifest.files {
        let path = dir.join(&entry.name);
        File::open(&path)
            .and_then(|found| found.sync_all())
            .map_err(|error| file_error("sync a file of", &path, error))?;
    }
    sync_dir(dir).map_err(|error| file_error("sync", dir, error))
}

pub(super) fn file_error(action: &'static str, place: &Path, source: std::io::Error) -> SnapshotError {
    SnapshotError::File { action, place: place.display().to_string(), source }
}

pub(super) fn damaged_error(place: &Path, reason: &str) -> SnapshotError {
    SnapshotError::Damaged { place: place.display().to_string(), reason: reason.to_owned() }
}
