//! Backups: made of this node's state while it serves, streamed to a client or kept in a directory, by hand or by schedule.
//!
//! [`make`] writes one, [`files`] knows the directory, [`schedule`] when the next one is due. A backup that is complete is
//! told to the cluster: by an audit record, and by a cursor ([`CURSOR`]), which is replicated and so known to every node
//! whoever leads.

mod files;
mod make;
mod schedule;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backup::{BackupKeys, BackupKind, Trailer};
use bytes::Bytes;
use parking_lot::Mutex;
use proto::error_code as code;
use registry::{ClusterCommand, Command, FeedsCommand, LogIndex, Operation, RequestId, query};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use files::BackupFile;
use files::{FoundFile, superseded_files};
use make::Wanted;

use super::{Caller, Service, ServiceError};
use crate::clock::Deadline;
use crate::config::BackupConfig;

/// The cursor that says up to which index the cluster has a backup, and when it got it.
const CURSOR: &str = "registry:backup";
/// How long the record of a backup is tried to be written.
const RECORD_TIME_MAX: Duration = Duration::from_secs(30);
/// A client that takes nothing of a stream for this long is given up: a backup holds on to old versions of what it has
/// not read yet.
const STREAM_SILENCE_MAX: Duration = Duration::from_secs(60);
/// Pieces of a stream that wait for the client, and the length of one.
const STREAM_PIECES: usize = 8;
const STREAM_PIECE_BYTES: usize = 256 * 1024;

/// What a node knows of its backups.
#[derive(Default)]
pub(super) struct Backups {
    /// One at a time: each reads everything.
    running: OnceSemaphore,
    failures: AtomicU64,
    last_failure: Mutex<Option<String>>,
    bytes: AtomicU64,
}

/// A semaphore with one permit.
struct OnceSemaphore(Arc<Semaphore>);

impl Default for OnceSemaphore {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// What is known about backups: for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupsShown {
    /// How this node is configured.
    pub config: BackupConfig,
    /// Backups in this node's directory, the oldest first.
    pub files: Vec<BackupFile>,
    /// The index that the newest backup of the cluster covers, and when it was made; whichever node made it.
    pub last: Option<(LogIndex, u64)>,
    /// Why the last one that failed on this node did so.
    pub last_failure: Option<String>,
    /// Is one being made on this node?
    pub is_running: bool,
}

impl Service {
    /// Makes a backup in this node's directory.
    ///
    /// # Errors
    /// [`code::UNPROCESSABLE`] without a directory, or where the log no longer holds what an incremental one needs;
    /// [`code::UNAVAILABLE`] while another one is made; [`code::STORE_ERROR`] if it fails.
    pub async fn create_backup(&self, caller: &Caller, kind: BackupKind) -> Result<BackupFile, ServiceError> {
        let running = self.begin_backup()?;
        // A client that hangs up does not leave half a backup.
        let (service, caller) = (self.clone(), caller.clone());
        let made = tokio::spawn(async move { service.make_file(&caller, kind, running).await }).await;
        made.map_err(|error| ServiceError::internal("make a backup", &error))?
    }

    async fn make_file(
        &self,
        caller: &Caller,
        kind: BackupKind,
        running: OwnedSemaphorePermit,
    ) -> Result<BackupFile, ServiceError> {
        let service = self.clone();
        let made = tokio::task::spawn_blocking(move || {
            let _running = running;
            service.write_file(kind)
        });
        let made = match made.await.map_err(|error| ServiceError::internal("make a backup", &error))? {
            Ok(made) => made,
            Err(error) => {
                self.backup_failed(&error.message);
                return Err(error);
            }
        };
        let place = format!("backup/{}", made.name);
        self.record_backup(caller, &place, &made).await;
        let (service, kept) = (self.clone(), self.inner.config.backup.keep);
        if kind == BackupKind::Full {
            let cleaned = tokio::task::spawn_blocking(move || service.remove_superseded(kept)).await;
            cleaned.map_err(|error| ServiceError::internal("remove old backups", &error))?;
        }
        Ok(made)
    }

    /// Makes a backup that goes to the client as it is made.
    ///
    /// # Errors
    /// As [`Service::create_backup`]. What goes wrong later ends the stream: a client knows a whole backup by its end.
    pub fn stream_backup(&self, caller: &Caller) -> Result<mpsc::Receiver<io::Result<Bytes>>, ServiceError> {
        let running = self.begin_backup()?;
        let (sender, receiver) = mpsc::channel(STREAM_PIECES);
        let (service, caller) = (self.clone(), caller.clone());
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let _running = running;
            let pieces = Pieces { sender: sender.clone(), runtime: runtime.clone() };
            let output = BufWriter::with_capacity(STREAM_PIECE_BYTES, pieces);
            match service.write_backup(output, &Wanted::Full) {
                Ok((_, made)) => {
                    let made = BackupFile { name: String::new(), ..made };
                    runtime.block_on(service.record_backup(&caller, "backup/stream", &made));
                }
                Err(error) => {
                    service.backup_failed(&error.message);
                    // Without it the stream would end like a whole one, but for the trailer.
                    drop(runtime.block_on(sender.send(Err(io::Error::other(error.message)))));
                }
            }
        });
        Ok(receiver)
    }

    /// A backup in this node's directory, from a place in it on.
    ///
    /// # Errors
    /// [`code::NOT_FOUND`] if there is none of this name.
    pub async fn open_backup(
        &self,
        name: &str,
        offset: u64,
    ) -> Result<(u64, mpsc::Receiver<io::Result<Bytes>>), ServiceError> {
        let missing = || ServiceError::new(code::NOT_FOUND, format!("This node has no backup {name}"));
        if !files::is_name(name) {
            return Err(missing());
        }
        let path = self.backup_directory()?.join(name);
        let opened = tokio::task::spawn_blocking(move || {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(offset.min(length)))?;
            Ok::<_, io::Error>((length, file))
        });
        let opened = opened.await.map_err(|error| ServiceError::internal("open a backup", &error))?;
        let (length, file) = opened.map_err(|_| missing())?;
        let (sender, receiver) = mpsc::channel(STREAM_PIECES);
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            let mut output = BufWriter::with_capacity(STREAM_PIECE_BYTES, Pieces { sender, runtime });
            let mut input = BufReader::with_capacity(STREAM_PIECE_BYTES, file);
            // A client that has gone away needs no error.
            drop(io::copy(&mut input, &mut output).and_then(|_| output.flush()));
        });
        Ok((length, receiver))
    }

    /// What is known about backups.
    ///
    /// # Errors
    /// [`code::STORE_ERROR`] if the directory cannot be read.
    pub async fn show_backups(&self) -> Result<BackupsShown, ServiceError> {
        let last = self.inner.consensus.state().read(|view| query::cursor(view, CURSOR))?;
        let service = self.clone();
        let files = tokio::task::spawn_blocking(move || service.backup_files());
        let files = files.await.map_err(|error| ServiceError::internal("list backups", &error))??;
        let Backups { running, last_failure, .. } = &self.inner.backups;
        Ok(BackupsShown {
            config: self.inner.config.backup.clone(),
            files: files.into_iter().map(|found| found.file).collect(),
            last: last.map(|row| (row.index, row.time_ms)),
            last_failure: last_failure.lock().clone(),
            is_running: running.0.available_permits() == 0,
        })
    }

    /// Figures for metrics: name, meaning, value.
    pub(super) fn backup_figures(&self) -> Vec<(String, &'static str, u64)> {
        let last = self.inner.consensus.state().read(|view| query::cursor(view, CURSOR)).ok().flatten();
        let Backups { running, failures, bytes, .. } = &self.inner.backups;
        let every = self.inner.config.backup.every_seconds;
        let gauge = |name: &str, meaning, value| (name.to_owned(), meaning, value);
        let mut figures = vec![
            gauge("backup_every_seconds", "Seconds between two scheduled backups; 0 without a schedule", every),
            gauge("backup_running", "1 while this node makes a backup", u64::from(running.0.available_permits() == 0)),
            gauge("backup_failures", "Backups that failed on this node", failures.load(Ordering::Relaxed)),
            gauge("backup_bytes", "Bytes of the last backup that this node made", bytes.load(Ordering::Relaxed)),
        ];
        // Without one there is no time: an alert asks whether the figure is absent.
        if let Some(last) = last {
            let seconds = last.time_ms / 1_000;
            figures.extend([
                gauge("backup_last_success_timestamp_seconds", "When the cluster got its newest backup", seconds),
                gauge("backup_last_index", "The index that the newest backup covers", last.index.0),
            ]);
        }
        figures
    }

    fn begin_backup(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        self.inner.backups.running.0.clone().try_acquire_owned().map_err(|_| {
            ServiceError::new(code::UNAVAILABLE, "This node is making another backup; try again when it is done")
        })
    }

    fn backup_failed(&self, reason: &str) {
        tracing::error!(reason, "a backup failed");
        self.inner.backups.failures.fetch_add(1, Ordering::Relaxed);
        *self.inner.backups.last_failure.lock() = Some(reason.to_owned());
    }

    /// Tells the cluster of a backup. It is whole whether or not this succeeds.
    async fn record_backup(&self, caller: &Caller, resource: &str, made: &BackupFile) {
        *self.inner.backups.last_failure.lock() = None;
        self.inner.backups.bytes.store(made.bytes, Ordering::Relaxed);
        tracing::info!(resource, index = made.index, bytes = made.bytes, kind = made.kind.name(), "a backup is whole");
        let detail = |name: &str, value: String| (name.to_owned(), value);
        let operation = Operation {
            name: "backup.create".to_owned(),
            resource: resource.to_owned(),
            details: vec![
                detail("kind", made.kind.name().to_owned()),
                detail("index", made.index.to_string()),
                detail("bytes", made.bytes.to_string()),
                detail("hash", made.hash.clone()),
            ],
            outcome: "ok".to_owned(),
            reason: String::new(),
        };
        let cursor = FeedsCommand::MoveCursor { name: CURSOR.to_owned(), index: LogIndex(made.index), position: 0 };
        let commands = [Command::Cluster(ClusterCommand::RecordOperation(operation)), Command::Feeds(cursor)];
        for (number, command) in commands.into_iter().enumerate() {
            let caller = Caller {
                request_id: RequestId(format!("system:backup:{}:{number}", made.id)),
                deadline: Deadline::after(RECORD_TIME_MAX),
                if_revision: None,
                ..caller.clone()
            };
            if let Err(error) = self.commit_change(&caller, command, |_| Ok(())).await {
                tracing::warn!(%error, "the record of a backup is not written");
            }
        }
    }

    /// Records that this cluster was restored, once.
    ///
    /// # Errors
    /// [`ServiceError`] if the record could not be written before the caller's deadline.
    pub async fn record_restore(&self, caller: &Caller, details: Vec<(String, String)>) -> Result<(), ServiceError> {
        let operation = Operation {
            name: "cluster.restore".to_owned(),
            resource: format!("cluster/{}", self.cluster_id()),
            details,
            outcome: "ok".to_owned(),
            reason: String::new(),
        };
        self.commit_change(caller, Command::Cluster(ClusterCommand::RecordOperation(operation)), |_| Ok(())).await
    }

    fn backup_directory(&self) -> Result<&Path, ServiceError> {
        let directory = &self.inner.config.backup.directory;
        if directory.as_os_str().is_empty() {
            let text = "This node has no directory for backups (backup.directory); ask for a stream instead";
            return Err(ServiceError::new(code::UNPROCESSABLE, text));
        }
        Ok(directory)
    }

    /// The keys of this node; read each time, so that a new key needs no restart.
    fn backup_keys(&self) -> Result<BackupKeys, ServiceError> {
        let path = &self.inner.config.backup.key_file;
        if path.as_os_str().is_empty() {
            return Ok(BackupKeys::default());
        }
        let text = std::fs::read_to_string(path).map_err(|error| backup_failed("read the key file", path, &error))?;
        BackupKeys::parse(&text).map_err(|error| backup_failed("use the key file", path, &error))
    }

    /// The backups in the directory; none without one.
    fn backup_files(&self) -> Result<Vec<FoundFile>, ServiceError> {
        let Ok(directory) = self.backup_directory() else { return Ok(Vec::new()) };
        let found = files::list_backups(directory, &self.backup_keys()?);
        found.map_err(|error| backup_failed("list the backups in", directory, &error))
    }

    /// Makes a backup in the directory: written beside, synced, renamed, directory synced. Blocks.
    fn write_file(&self, kind: BackupKind) -> Result<BackupFile, ServiceError> {
        let directory = self.backup_directory()?.to_owned();
        std::fs::create_dir_all(&directory).map_err(|error| backup_failed("create", &directory, &error))?;
        let wanted = match kind {
            BackupKind::Full => Wanted::Full,
            BackupKind::Log => self.behind_newest(&self.backup_files()?)?,
        };
        let partial = directory.join(format!("{}.partial", self.inner.random.next_uuid()));
        let written = self.write_partial(&partial, &wanted).and_then(|made| {
            let name = files::name_of(self.cluster_id(), &made);
            let place = directory.join(&name);
            let kept = std::fs::rename(&partial, &place).and_then(|()| File::open(&directory)?.sync_all());
            kept.map_err(|error| backup_failed("keep", &place, &error))?;
            Ok(BackupFile { name, ..made })
        });
        if written.is_err() {
            // What is left of it counts for nothing, and its space is needed.
            drop(std::fs::remove_file(&partial));
        }
        written
    }

    fn write_partial(&self, partial: &PathBuf, wanted: &Wanted) -> Result<BackupFile, ServiceError> {
        let file = File::create(partial).map_err(|error| backup_failed("create", partial, &error))?;
        let (output, made) = self.write_backup(BufWriter::with_capacity(STREAM_PIECE_BYTES, file), wanted)?;
        let file = output.into_inner().map_err(|error| backup_failed("write", partial, &error))?;
        file.sync_all().map_err(|error| backup_failed("sync", partial, &error))?;
        Ok(made)
    }

    /// What an incremental backup holds: everything behind the newest one.
    fn behind_newest(&self, files: &[FoundFile]) -> Result<Wanted, ServiceError> {
        let ours = files.iter().filter(|found| found.file.cluster_id == self.cluster_id());
        let newest = ours.filter_map(|found| found.at.clone()).max_by_key(|at| at.index);
        newest.map(|at| Wanted::Behind { at }).ok_or_else(|| {
            let text =
                "There is no backup in the directory that an incremental one could follow: make a full one first";
            ServiceError::new(code::UNPROCESSABLE, text)
        })
    }

    fn remove_superseded(&self, keep: usize) {
        let Ok(files) = self.backup_files() else { return };
        let Ok(directory) = self.backup_directory() else { return };
        let ours: Vec<_> =
            files.into_iter().map(|found| found.file).filter(|file| file.cluster_id == self.cluster_id()).collect();
        for name in superseded_files(&ours, keep) {
            match std::fs::remove_file(directory.join(&name)) {
                Ok(()) => tracing::info!(name, "an old backup is removed"),
                Err(error) => tracing::warn!(name, %error, "remove an old backup"),
            }
        }
    }
}

/// A failure of the disk, as an operator needs to read it. Backups are asked for by operators only.
fn backup_failed(doing: &str, path: &Path, error: &dyn std::fmt::Display) -> ServiceError {
    ServiceError::new(code::STORE_ERROR, format!("{doing} {}: {error}", path.display()))
}

/// Of a backup that was made.
fn made_of(header: &backup::Header, trailer: &Trailer, id: String, bytes: u64, key: Option<String>) -> BackupFile {
    BackupFile {
        name: String::new(),
        id,
        kind: header.kind,
        cluster_id: header.cluster_id.clone(),
        index: header.at.index,
        since: header.since.as_ref().map(|since| since.index),
        time_ms: header.time_ms,
        bytes,
        hash: trailer.hash.clone(),
        key,
        problem: None,
    }
}

/// Sends what is written to a client.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: tokio::runtime::Handle,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.sender.send_timeout(Ok(Bytes::copy_from_slice(bytes)), STREAM_SILENCE_MAX);
        match self.runtime.block_on(sent) {
            Ok(()) => Ok(bytes.len()),
            Err(_) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "the client takes no more")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a header only.
fn header_of(
    input: impl Read,
    keys: &BackupKeys,
) -> Result<(backup::Header, String, Option<String>), backup::BackupError> {
    let reader = backup::BackupReader::open(input, keys)?;
    Ok((reader.header().clone(), reader.name(), reader.key_name()))
}
