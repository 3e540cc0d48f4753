//! Snapshots on the wire: which files, in chunks with checksums, throttled, resumable.
//!
//! The sender offers the manifest; the receiver names the files that it lacks; only these are sent. The producer of chunks
//! runs before the answer is awaited, or the call would wait on itself. What is bounded is the time without progress,
//! never the whole transfer.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use openraft::type_config::alias::SnapshotOf;
use proto::peer;
use proto::peer::snapshot_part::Part;
use raft_store::codec;
use raft_store::state::{FileEntry, Manifest, SNAPSHOT_FORMAT, SnapshotDir, is_plain_file_name};
use raft_store::types::{SnapshotMeta, TypeConfig, Vote};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::convert::{damaged, id_from_wire, id_to_wire, vote_from_wire, vote_to_wire};
use super::network::{Client, bounded, vote_of};

const CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks read ahead of the network.
const CHUNKS_AHEAD: usize = 4;
const PROGRESS_TIME_MAX: Duration = Duration::from_secs(30);
/// Installing means verifying and opening a database of any size.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(600);
/// Most files in one snapshot.
const FILES_MAX: usize = 100_000;

/// Sends a snapshot and waits until it is installed.
pub(super) async fn send(
    mut client: Client,
    vote: &Vote,
    snapshot: &SnapshotOf<TypeConfig, SnapshotDir>,
    bytes_per_second: u64,
) -> Result<Vote, Status> {
    let header = header_of(vote, snapshot)?;
    let wanted = bounded(PROGRESS_TIME_MAX, client.offer_snapshot(header.clone())).await?.into_inner().files;
    let (tx, rx) = mpsc::channel(CHUNKS_AHEAD);
    let dir = snapshot.snapshot.clone();
    let producer = tokio::spawn(produce(tx, header, dir, wanted, bytes_per_second));
    let answer = tokio::time::timeout(INSTALL_TIME_MAX, client.install_snapshot(ReceiverStream::new(rx))).await;
    producer.abort();
    match answer {
        Ok(answer) => vote_of(answer?.into_inner()),
        Err(_) => Err(Status::deadline_exceeded("the peer did not install the snapshot in time")),
    }
}

fn header_of(vote: &Vote, snapshot: &SnapshotOf<TypeConfig, SnapshotDir>) -> Result<peer::SnapshotHeader, Status> {
    let manifest = serde_json::to_vec(snapshot.snapshot.manifest())
        .map_err(|error| Status::internal(format!("print the manifest: {error}")))?;
    Ok(peer::SnapshotHeader {
        vote: Some(vote_to_wire(vote)),
        last: snapshot.meta.last_log_id.as_ref().map(id_to_wire),
        membership: codec::encode_membership(&snapshot.meta.last_membership).into(),
        manifest: manifest.into(),
    })
}

async fn produce(
    tx: mpsc::Sender<peer::SnapshotPart>,
    header: peer::SnapshotHeader,
    dir: SnapshotDir,
    wanted: Vec<u32>,
    bytes_per_second: u64,
) {
    let part = |part| peer::SnapshotPart { part: Some(part) };
    if tx.send(part(Part::Header(header))).await.is_err() {
        return;
    }
    for file in wanted {
        let Some(entry) = dir.manifest().files.get(file as usize).cloned() else { return };
        let mut offset = 0;
        while offset < entry.size {
            let path = dir.dir().join(&entry.name);
            let read = tokio::task::spawn_blocking(move || read_chunk(&path, offset)).await;
            let Ok(Ok(data)) = read else { return };
            if data.is_empty() {
                return;
            }
            let length = data.len() as u64;
            let chunk = peer::SnapshotChunk { file, offset, crc32c: crc32c::crc32c(&data), data: data.into() };
            match tokio::time::timeout(PROGRESS_TIME_MAX, tx.send(part(Part::Chunk(chunk)))).await {
                Ok(Ok(())) => offset += length,
                Ok(Err(_)) | Err(_) => return,
            }
            // A chunk's share of a second, so that a snapshot never takes the network from the log.
            tokio::time::sleep(Duration::from_micros(length.saturating_mul(1_000_000) / bytes_per_second)).await;
        }
    }
}

fn read_chunk(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut data = Vec::with_capacity(CHUNK_BYTES);
    file.take(CHUNK_BYTES as u64).read_to_end(&mut data)?;
    Ok(data)
}

/// A snapshot on its way in.
pub(super) struct Incoming {
    dir: PathBuf,
    manifest: Manifest,
}

/// What a transfer brought.
pub(super) struct Received {
    pub vote: Vote,
    pub meta: SnapshotMeta,
    pub snapshot: SnapshotDir,
}

impl Incoming {
    /// Opens the place for the snapshot that a header announces, and checks that it is one of this cluster.
    pub(super) fn open(snap: &Path, cluster_id: &str, header: &peer::SnapshotHeader) -> Result<Self, Status> {
        let manifest: Manifest = serde_json::from_slice(&header.manifest)
            .map_err(|error| Status::invalid_argument(format!("the manifest cannot be read: {error}")))?;
        let last = header.last.ok_or_else(|| Status::invalid_argument("the snapshot covers no entry"))?;
        if manifest.cluster_id != cluster_id {
            return Err(Status::permission_denied("the snapshot is of another cluster"));
        }
        if manifest.format != SNAPSHOT_FORMAT {
            return Err(Status::failed_precondition("the snapshot has a format that this program does not know"));
        }
        if (manifest.index, manifest.term, manifest.node_id) != (last.index, last.term, last.node_id) {
            return Err(Status::invalid_argument("manifest and header of the snapshot differ"));
        }
        if manifest.files.len() > FILES_MAX || !manifest.files.iter().all(|file| is_plain_file_name(&file.name)) {
            return Err(Status::invalid_argument("the manifest names files that cannot be"));
        }
        let dir = snap.join(format!("incoming-{}-{}", manifest.index, manifest.term));
        fs::create_dir_all(&dir).map_err(|error| disk("create", &dir, &error))?;
        Ok(Self { dir, manifest })
    }

    /// The files that are not there yet, complete and unchanged.
    pub(super) fn missing(&self) -> Vec<u32> {
        (0_u32..).zip(&self.manifest.files).filter(|(_, file)| !self.has(file)).map(|(number, _)| number).collect()
    }

    fn has(&self, entry: &FileEntry) -> bool {
        let Ok(content) = fs::read(self.dir.join(&entry.name)) else { return false };
        content.len() as u64 == entry.size && crc32c::crc32c(&content) == entry.crc32c
    }

    fn write(&self, chunk: &peer::SnapshotChunk) -> Result<(), Status> {
        let entry = self.manifest.files.get(chunk.file as usize);
        let entry = entry.ok_or_else(|| Status::invalid_argument("a chunk is of a file that the manifest lacks"))?;
        if crc32c::crc32c(&chunk.data) != chunk.crc32c {
            return Err(Status::data_loss("a chunk was damaged on its way"));
        }
        if chunk.offset.saturating_add(chunk.data.len() as u64) > entry.size {
            return Err(Status::invalid_argument("a chunk goes beyond the end of its file"));
        }
        let path = self.dir.join(&entry.name);
        let write = || -> std::io::Result<()> {
            let mut file = File::options().create(true).write(true).truncate(chunk.offset == 0).open(&path)?;
            file.seek(SeekFrom::Start(chunk.offset))?;
            file.write_all(&chunk.data)
        };
        write().map_err(|error| disk("write", &path, &error))
    }
}

/// Takes a snapshot from a stream. Whatever is wrong with it ends the transfer and leaves the state as it is; complete files
/// stay for the next attempt.
pub(super) async fn receive(
    snap: &Path,
    cluster_id: &str,
    mut parts: Streaming<peer::SnapshotPart>,
) -> Result<Received, Status> {
    let Some(Part::Header(header)) = next(&mut parts).await? else {
        return Err(Status::invalid_argument("a snapshot begins with its header"));
    };
    let incoming = Incoming::open(snap, cluster_id, &header)?;
    let mut empty: Vec<_> = incoming.manifest.files.iter().filter(|file| file.size == 0).collect();
    while let Some(file) = empty.pop() {
        File::create(incoming.dir.join(&file.name)).map_err(|error| disk("create", &incoming.dir, &error))?;
    }
    while let Some(part) = next(&mut parts).await? {
        match part {
            Part::Chunk(chunk) => incoming.write(&chunk)?,
            Part::Header(_) => return Err(Status::invalid_argument("a snapshot has one header")),
        }
    }
    let missing = incoming.missing().len();
    if missing > 0 {
        return Err(Status::aborted(format!("{missing} files of the snapshot did not arrive")));
    }
    let membership = codec::decode_membership(&header.membership).map_err(|error| damaged(&error))?;
    Ok(Received {
        vote: vote_from_wire(header.vote)?,
        meta: SnapshotMeta { last_log_id: header.last.map(id_from_wire), last_membership: membership },
        snapshot: SnapshotDir::received(incoming.dir, incoming.manifest),
    })
}

async fn next(parts: &mut Streaming<peer::SnapshotPart>) -> Result<Option<Part>, Status> {
    let message = tokio::time::timeout(PROGRESS_TIME_MAX, parts.message()).await;
    let message = message.map_err(|_| Status::deadline_exceeded("the snapshot's sender has stopped"))??;
    message.map(|part| part.part.ok_or_else(|| Status::invalid_argument("an empty part"))).transpose()
}

fn disk(action: &str, path: &Path, error: &std::io::Error) -> Status {
    tracing::error!(path = %path.display(), %error, "{action} a file of a snapshot");
    Status::internal("the disk failed")
}
