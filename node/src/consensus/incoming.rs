//! Snapshots on their way in. What comes is checked as if it were hostile: nothing is written outside the place that the
//! snapshot is given, and no file grows beyond what its manifest says.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::{Stream, StreamExt};
use proto::peer;
use proto::peer::snapshot_part::Part;
use raft_store::codec;
use raft_store::state::{FileEntry, Manifest, SNAPSHOT_FORMAT, SnapshotDir, describe, is_plain_file_name};
use raft_store::types::{SnapshotMeta, Vote};
use tonic::Status;

use super::convert::{damaged_record, id_from_wire, vote_from_wire};

/// A sender that is silent for so long has stopped.
const PROGRESS_TIME_MAX: Duration = Duration::from_secs(30);
/// Most files in one snapshot.
const FILES_MAX: usize = 100_000;

/// A snapshot on its way in.
pub(super) struct Incoming {
    dir: PathBuf,
    manifest: Manifest,
}

/// What a transfer brought.
pub struct Received {
    /// Of the leader that sent it.
    pub vote: Vote,
    /// What it covers.
    pub meta: SnapshotMeta,
    /// Where it lies.
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
        fs::create_dir_all(&dir).map_err(|error| disk_failure("create", &dir, &error))?;
        Ok(Self { dir, manifest })
    }

    /// The files that are not there yet, complete and unchanged.
    pub(super) fn missing_files(&self) -> Vec<u32> {
        (0_u32..).zip(&self.manifest.files).filter(|(_, file)| !self.has_file(file)).map(|(number, _)| number).collect()
    }

    fn has_file(&self, entry: &FileEntry) -> bool {
        describe(&self.dir.join(&entry.name)).is_ok_and(|found| found == *entry)
    }

    fn write_chunk(&self, chunk: &peer::SnapshotChunk) -> Result<(), Status> {
        let entry = self.manifest.files.get(chunk.file as usize);
        let entry = entry.ok_or_else(|| Status::invalid_argument("a chunk is of a file that the manifest lacks"))?;
        if crc32c::crc32c(&chunk.data) != chunk.crc32c {
            return Err(Status::data_loss("a chunk was damaged on its way"));
        }
        if chunk.offset.saturating_add(chunk.data.len() as u64) > entry.size {
            return Err(Status::invalid_argument("a chunk goes beyond the end of its file"));
        }
        let path = self.dir.join(&entry.name);
        let write = || -> std::io::Result<bool> {
            let mut file = File::options().create(true).write(true).truncate(chunk.offset == 0).open(&path)?;
            if chunk.offset > file.metadata()?.len() {
                return Ok(false);
            }
            file.seek(SeekFrom::Start(chunk.offset))?;
            file.write_all(&chunk.data).map(|()| true)
        };
        match write().map_err(|error| disk_failure("write", &path, &error))? {
            true => Ok(()),
            // A file with holes costs the sender nothing and the receiver all the time of reading it.
            false => Err(Status::invalid_argument("a chunk does not follow the one before it")),
        }
    }
}

/// Takes a snapshot from a stream. Whatever is wrong with it ends the transfer and leaves the state as it is; complete files
/// stay for the next attempt.
///
/// # Errors
/// [`Status`] says what is wrong with it.
pub async fn receive_snapshot(
    snap: &Path,
    cluster_id: &str,
    mut parts: impl Stream<Item = Result<peer::SnapshotPart, Status>> + Unpin,
) -> Result<Received, Status> {
    let Some(Part::Header(header)) = next(&mut parts).await? else {
        return Err(Status::invalid_argument("a snapshot begins with its header"));
    };
    let incoming = Incoming::open(snap, cluster_id, &header)?;
    let mut empty: Vec<_> = incoming.manifest.files.iter().filter(|file| file.size == 0).collect();
    while let Some(file) = empty.pop() {
        File::create(incoming.dir.join(&file.name)).map_err(|error| disk_failure("create", &incoming.dir, &error))?;
    }
    while let Some(part) = next(&mut parts).await? {
        match part {
            Part::Chunk(chunk) => incoming.write_chunk(&chunk)?,
            Part::Header(_) => return Err(Status::invalid_argument("a snapshot has one header")),
        }
    }
    let missing = incoming.missing_files().len();
    if missing > 0 {
        return Err(Status::aborted(format!("{missing} files of the snapshot did not arrive")));
    }
    let membership = codec::decode_membership(&header.membership).map_err(|error| damaged_record(&error))?;
    Ok(Received {
        vote: vote_from_wire(header.vote)?,
        meta: SnapshotMeta { last_log_id: header.last.map(id_from_wire), last_membership: membership },
        snapshot: SnapshotDir::received(incoming.dir, incoming.manifest),
    })
}

async fn next(
    parts: &mut (impl Stream<Item = Result<peer::SnapshotPart, Status>> + Unpin),
) -> Result<Option<Part>, Status> {
    let message = tokio::time::timeout(PROGRESS_TIME_MAX, parts.next()).await;
    let message = message.map_err(|_| Status::deadline_exceeded("the snapshot's sender has stopped"))?.transpose()?;
    message.map(|part| part.part.ok_or_else(|| Status::invalid_argument("an empty part"))).transpose()
}

fn disk_failure(action: &str, path: &Path, error: &std::io::Error) -> Status {
    tracing::error!(path = %path.display(), %error, "{action} a file of a snapshot");
    Status::internal("the disk failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these chunks (file, offset, data) for a snapshot of one file that holds `abc`.
    async fn receive_chunks(snap: &Path, chunks: &[(u32, u64, &'static [u8])]) -> Result<Received, tonic::Code> {
        let content = FileEntry { name: "000001.sst".to_owned(), size: 3, crc32c: crc32c::crc32c(b"abc") };
        let empty = FileEntry { name: "000002.log".to_owned(), size: 0, crc32c: 0 };
        let manifest = Manifest {
            format: SNAPSHOT_FORMAT,
            cluster_id: "c".to_owned(),
            term: 1,
            node_id: 1,
            index: 7,
            digest: String::new(),
            files: vec![content, empty],
        };
        let header = peer::SnapshotHeader {
            vote: Some(peer::Vote { term: 1, node_id: 1, committed: true }),
            last: Some(peer::LogId { term: 1, node_id: 1, index: 7 }),
            membership: codec::encode_membership(&raft_store::types::StoredMembership::default()).into(),
            manifest: serde_json::to_vec(&manifest).unwrap().into(),
        };
        let chunk = |(file, offset, data): &(u32, u64, &'static [u8])| {
            let (file, offset, crc32c) = (*file, *offset, crc32c::crc32c(data));
            Part::Chunk(peer::SnapshotChunk { file, offset, crc32c, data: (*data).into() })
        };
        let parts = std::iter::once(Part::Header(header)).chain(chunks.iter().map(chunk));
        let parts = parts.map(|part| Ok(peer::SnapshotPart { part: Some(part) }));
        receive_snapshot(snap, "c", futures::stream::iter(parts)).await.map_err(|status| status.code())
    }

    #[tokio::test]
    async fn only_what_the_manifest_says_is_taken() {
        use tonic::Code::{Aborted, InvalidArgument};
        type Part = (u32, u64, &'static [u8]);
        let cases: [(&[Part], Option<tonic::Code>); 8] = [
            (&[(0, 0, b"abc")], None),
            (&[(0, 0, b"a"), (0, 1, b"bc")], None),
            (&[(0, 0, b"xyz"), (0, 0, b"abc")], None),
            (&[(0, 0, b"ab")], Some(Aborted)),
            (&[(0, 0, b"abx")], Some(Aborted)),
            (&[(0, 0, b"abcd")], Some(InvalidArgument)),
            (&[(0, 1, b"bc")], Some(InvalidArgument)),
            (&[(2, 0, b"a")], Some(InvalidArgument)),
        ];
        for (number, (chunks, refused)) in cases.into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            let received = receive_chunks(dir.path(), chunks).await;
            assert_eq!(received.as_ref().err().copied(), refused, "case {number}");
            if let Ok(received) = received {
                received.snapshot.verify().unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_second_attempt_needs_only_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(receive_chunks(dir.path(), &[(0, 0, b"abc"), (9, 0, b"")]).await.is_err());
        assert!(receive_chunks(dir.path(), &[]).await.is_ok());
    }
}
