//! The node's own record of changes that were refused before they reached the log, or denied at the edge.
//!
//! Not through consensus: whoever may not write must not be able to fill the log and the disks of all replicas with
//! refusals. So each node keeps what it refused in files of bounded size, each line chained to the one before by a hash.
//! A refusal in apply is in the replicated audit log, too, under the same request id.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use registry::{Principal, RequestId, RequestSource};
use sha2::{Digest, Sha256};

use super::ServiceError;
use crate::auth::Origin;
use crate::clock::Clock;
use crate::trace::TraceContext;

/// Attempts that may wait for the disk; more are counted and dropped: a flood must not slow requests down.
const WAITING_MAX: usize = 1_024;
/// Longest file, in bytes.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Files kept.
const FILES_MAX: u32 = 8;
const FILE: &str = "attempts.jsonl";

/// A change that was not made, or a request of somebody who was kept out.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Who asked; none if it claimed to be somebody and was not.
    pub principal: Option<&'a Principal>,
    /// Where it came from.
    pub origin: &'a Origin,
    /// The request.
    pub request_id: &'a RequestId,
    /// The trace that it belongs to.
    pub trace: TraceContext,
    /// What was asked for, as audit records name it.
    pub action: &'a str,
    /// Why not.
    pub error: &'a ServiceError,
}

/// Takes attempts and writes them in a thread of its own. Cheap to clone.
#[derive(Clone)]
pub struct Attempts {
    clock: Clock,
    /// None where nobody keeps them.
    waiting: Option<SyncSender<serde_json::Value>>,
}

impl Attempts {
    /// Opens the newest file under the data directory.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn start(data_dir: &Path, clock: Clock) -> io::Result<Self> {
        let mut writer = Writer::open(data_dir.join("attempts"))?;
        let (waiting, queue) = sync_channel(WAITING_MAX);
        std::thread::Builder::new().name("attempts".to_owned()).spawn(move || writer.write_queue(&queue))?;
        Ok(Self { clock, waiting: Some(waiting) })
    }

    /// Keeps nothing, for a node without a disk.
    pub fn unrecorded(clock: Clock) -> Self {
        Self { clock, waiting: None }
    }

    /// The clock that stamps them.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Records that a change was not made, or somebody kept out. `source` is what is to be kept of where it came from.
    pub(super) fn record_attempt(&self, attempt: &Attempt<'_>, source: &RequestSource) {
        let Some(waiting) = &self.waiting else { return };
        let Attempt { principal, origin: _, request_id, trace, action, error } = attempt;
        let authentication = principal.map(|principal| principal.authentication.name());
        let attempt = serde_json::json!({
            "time_ms": self.clock.wall_ms(),
            "principal": principal.map_or_else(|| "unknown".to_owned(), ToString::to_string),
            "authentication": authentication.unwrap_or("failed"),
            "address": source.address,
            "user_agent": source.user_agent,
            "action": action,
            "request_id": request_id.0,
            "trace_id": trace.trace_id(),
            "code": error.code.0,
            "message": error.message.chars().take(300).collect::<String>(),
        });
        if waiting.try_send(attempt).is_err() {
            tracing::warn!(%action, code = error.code.0, "an attempt was refused and could not be recorded");
        }
    }
}

struct Writer {
    dir: PathBuf,
    file: File,
    bytes: u64,
    last: String,
}

impl Writer {
    fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let path = dir.join(FILE);
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        // The chain goes on from the last line; a new file begins with what the one before ended with.
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        // A line that a killed process did not end stays as it is, and the next one begins behind it.
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n")?;
        }
        let bytes = file.metadata()?.len();
        let last = text.lines().last().map_or_else(String::new, hash_of);
        Ok(Self { dir, file, bytes, last })
    }

    fn write_queue(&mut self, queue: &Receiver<serde_json::Value>) {
        while let Ok(attempt) = queue.recv() {
            if let Err(error) = self.write_attempt(attempt) {
                tracing::error!(%error, "record a refused attempt");
            }
        }
    }

    fn write_attempt(&mut self, mut attempt: serde_json::Value) -> io::Result<()> {
        if self.bytes >= FILE_BYTES_MAX {
            self.rotate_if_full()?;
        }
        attempt["previous"] = self.last.clone().into();
        let line = attempt.to_string();
        writeln!(self.file, "{line}")?;
        self.bytes += line.len() as u64 + 1;
        self.last = hash_of(&line);
        Ok(())
    }

    fn rotate_if_full(&mut self) -> io::Result<()> {
        for number in (1..FILES_MAX).rev() {
            let from = self.dir.join(if number == 1 { FILE.to_owned() } else { format!("{FILE}.{}", number - 1) });
            if from.exists() {
                fs::rename(from, self.dir.join(format!("{FILE}.{number}")))?;
            }
        }
        self.file = OpenOptions::new().create(true).append(true).open(self.dir.join(FILE))?;
        self.bytes = 0;
        Ok(())
    }
}

fn hash_of(line: &str) -> String {
    Sha256::digest(line.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
