//! Any sequence of parts as a snapshot: nothing is written outside its place, no file is longer than its manifest says, and
//! what is taken for whole is what the manifest describes.
//!
//! The input is a number of parts, each with its length before it. The first is the manifest as text, so that the fuzzer can
//! learn it; chunks have the number of a file, an offset and bytes, and a checksum that fits unless the offset is odd.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use node::consensus::incoming;
use proto::peer;
use proto::peer::snapshot_part::Part;
use raft_store::codec;
use raft_store::state::Manifest;
use raft_store::types::StoredMembership;

fuzz_target!(|input: &[u8]| {
    let Some((text, mut rest)) = piece(input) else { return };
    let manifest: Option<Manifest> = serde_json::from_slice(text).ok();
    let last = manifest.as_ref().map(|found| peer::LogId {
        term: found.term,
        node_id: found.node_id,
        index: found.index,
    });
    let header = peer::SnapshotHeader {
        vote: Some(peer::Vote { term: 1, node_id: 1, committed: true }),
        last,
        membership: codec::encode_membership(&StoredMembership::default()).into(),
        manifest: text.to_vec().into(),
    };
    let mut parts = vec![Ok(peer::SnapshotPart { part: Some(Part::Header(header)) })];
    while let Some((chunk, left)) = piece(rest) {
        rest = left;
        let part = match chunk {
            [file, low, high, data @ ..] => {
                let offset = u64::from(*low) + (u64::from(*high) << 8);
                let checksum = crc32c::crc32c(data) ^ u32::from(offset % 2 == 1 && *high > 250);
                let (file, data) = (u32::from(*file), data.to_vec().into());
                Some(Part::Chunk(peer::SnapshotChunk { file, offset, crc32c: checksum, data }))
            }
            _ => None,
        };
        parts.push(Ok(peer::SnapshotPart { part }));
    }

    let dir = tempfile::tempdir().expect("a scratch directory");
    let snap = dir.path().join("snap");
    std::fs::create_dir(&snap).expect("a scratch directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let received = runtime.block_on(incoming::receive_snapshot(&snap, "c", futures::stream::iter(parts)));

    let names = |dir: &Path| {
        let entries = std::fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
        entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry)).collect::<Vec<_>>()
    };
    assert_eq!(names(dir.path()).len(), 1, "nothing beside the place for snapshots");
    let places = names(&snap);
    assert!(places.len() <= 1, "one snapshot, one place");
    let Some((_, place)) = places.first() else {
        assert!(received.is_err());
        return;
    };
    let manifest = manifest.expect("a snapshot without a manifest has no place");
    for (name, file) in names(&place.path()) {
        assert!(file.file_type().expect("a type").is_file());
        let sizes = manifest.files.iter().filter(|entry| entry.name == name).map(|entry| entry.size);
        let longest = sizes.max().expect("only files of the manifest are written");
        assert!(file.metadata().expect("a size").len() <= longest, "{name} is too long");
    }
    if let Ok(received) = received {
        received.snapshot.verify().expect("what is taken is what the manifest says");
    }
});

/// The next part: two bytes of length, and so many bytes.
fn piece(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}
