//! Scrubbing: reads what nobody reads, so that a bit that rots is found while other replicas still have it right.
//!
//! A round goes over all tables of the state and of the log and over the files of the snapshot, a step at a time. What comes
//! next is decided in `place`; the stores read, and whoever calls [`Scrubber::step`] decides the pace and what to do about
//! damage, which is to end the node. Blocks that are in a cache of RocksDB are taken from there: they are read from the disk
//! when they have gone cold, or at the next start.
//!
//! **Never here:** repairing, ending the process, a clock.

mod place;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

pub use crate::stretch::{Damage, ScrubStats};
use place::{Ended, InFile, Place};

use crate::log::LogStore;
use crate::state::{FileEntry, SnapshotDir, StateStore};
use crate::stretch::Stretch;

/// Bytes that a step reads, about: short enough not to be felt, long enough to be worth a seek.
const STEP_BYTES: u64 = 1024 * 1024;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Bytes that it read.
    pub bytes: u64,
    /// Was it the last of its round? The next begins a new one.
    pub ends_round: bool,
}

/// Scrubs one node's data. Blocks: give it a thread that may.
pub struct Scrubber {
    log: LogStore,
    state: StateStore,
    place: Place,
}

impl Scrubber {
    /// Begins with a new round.
    pub fn new(log: LogStore, state: StateStore) -> Self {
        Self { log, state, place: Place::first() }
    }

    /// Steps until the round ends or about `bytes_max` were read; gives the bytes.
    ///
    /// # Errors
    /// As [`Scrubber::step`].
    pub fn run(&mut self, bytes_max: u64) -> Result<u64, Damage> {
        let mut bytes = 0;
        while bytes < bytes_max {
            let step = self.step()?;
            bytes += step.bytes;
            if step.ends_round {
                break;
            }
        }
        Ok(bytes)
    }

    /// Reads the next stretch.
    ///
    /// # Errors
    /// [`Damage`]: what was read is not what was written, or cannot be read at all.
    pub fn step(&mut self) -> Result<Step, Damage> {
        let (bytes, ended) = match &self.place {
            Place::State { family, from } => tables_ended(self.state.scrub(*family, from, STEP_BYTES)?),
            Place::Log { family, from } => tables_ended(self.log.scrub(*family, from, STEP_BYTES)?),
            Place::Snapshot(place) => match self.state.snapshot() {
                Some(snapshot) => read_file(&snapshot, place)?,
                None => (0, Ended::Whole { more: 0 }),
            },
        };
        let next = self.place.after(ended);
        let step = Step { bytes, ends_round: next.is_none() };
        self.stats().add(step.bytes, step.ends_round);
        self.place = next.unwrap_or_else(Place::first);
        Ok(step)
    }

    fn stats(&self) -> Arc<ScrubStats> {
        self.state.scrub_stats()
    }
}

fn tables_ended(stretch: Stretch) -> (u64, Ended) {
    let ended = stretch.rest.map_or(Ended::Whole { more: stretch.more }, Ended::AtKey);
    (stretch.bytes, ended)
}

/// Reads on in a file of the snapshot. If another snapshot took its place meanwhile, the rest of the round goes on: where snapshots
/// come faster than they are read, the log would never be.
fn read_file(snapshot: &SnapshotDir, place: &InFile) -> Result<(u64, Ended), Damage> {
    let index = Some(snapshot.manifest().index);
    if place.snapshot.is_some() && place.snapshot != index {
        return Ok((0, Ended::Whole { more: 0 }));
    }
    let place = InFile { snapshot: index, ..place.clone() };
    let files = &snapshot.manifest().files;
    let Some(expected) = files.get(place.file) else { return Ok((0, Ended::Whole { more: 0 })) };
    let path = snapshot.dir().join(&expected.name);
    let damage = |reason: String| Damage { place: path.display().to_string(), reason };
    let (read, crc32c) = checksum_from(&path, place.offset, place.crc32c).map_err(|error| damage(error.to_string()))?;
    let offset = place.offset + read;
    if read == STEP_BYTES && offset < expected.size {
        return Ok((read, Ended::InFile(InFile { offset, crc32c, ..place })));
    }
    let found = FileEntry { name: expected.name.clone(), size: offset, crc32c };
    if found != *expected {
        return Err(damage(format!("its manifest says {expected:?}, it has {offset} bytes and the checksum {crc32c}")));
    }
    Ok((read, Ended::Whole { more: files.len() - place.file - 1 }))
}

/// Goes on with the checksum of a file by [`STEP_BYTES`]; gives the bytes that there were and the checksum.
fn checksum_from(path: &Path, offset: u64, crc32c: u32) -> std::io::Result<(u64, u32)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(STEP_BYTES).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64, crc32c::crc32c_append(crc32c, &bytes)))
}
