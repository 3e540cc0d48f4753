//! Snapshots on their way out: which files, in chunks with checksums, throttled, resumable. [`super::incoming`] is the other side.
//!
//! The sender offers the manifest; the receiver names the files that it lacks; only these are sent. The producer of chunks
//! runs before the answer is awaited, or the call would wait on itself. What is bounded is the time without progress,
//! never the whole transfer.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use openraft::type_config::alias::SnapshotOf;
use proto::peer;
use proto::peer::snapshot_part::Part;
use raft_store::codec;
use raft_store::state::SnapshotDir;
use raft_store::types::{TypeConfig, Vote};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::connect::{Client, within_limit};
use super::convert::{id_to_wire, vote_from_wire, vote_to_wire};

const CHUNK_BYTES: usize = 1024 * 1024;
/// Chunks read ahead of the network.
const CHUNKS_AHEAD: usize = 4;
const PROGRESS_TIME_MAX: Duration = Duration::from_secs(30);
/// Installing means verifying and opening a database of any size.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(600);

/// Sends a snapshot and waits until it is installed.
pub(super) async fn send_snapshot(
    mut client: Client,
    vote: &Vote,
    snapshot: &SnapshotOf<TypeConfig, SnapshotDir>,
    bytes_per_second: u64,
) -> Result<Vote, Status> {
    let header = header_of(vote, snapshot)?;
    let wanted = within_limit(PROGRESS_TIME_MAX, client.offer_snapshot(header.clone())).await?.into_inner().files;
    let (tx, rx) = mpsc::channel(CHUNKS_AHEAD);
    let dir = snapshot.snapshot.clone();
    let producer = tokio::spawn(produce_parts(tx, header, dir, wanted, bytes_per_second));
    let answer = tokio::time::timeout(INSTALL_TIME_MAX, client.install_snapshot(ReceiverStream::new(rx))).await;
    producer.abort();
    match answer {
        Ok(answer) => vote_from_wire(answer?.into_inner().vote),
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

async fn produce_parts(
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
