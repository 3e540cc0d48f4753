//! Reads the tables of one column family with their checksums: what the log and the state have in common for
//! [`crate::scrub`], which drives both.

use std::sync::atomic::{AtomicU64, Ordering};

use rocksdb::{ColumnFamily, DB, Error, ReadOptions};

/// Something on the disk is not what was written. A voter with damage must not go on, and not come back under its id.
#[derive(Debug, thiserror::Error)]
#[error(
    "scrubbing found damage in {place}: {reason}. Keep this node's data for analysis, wipe it and let it rejoin under a \
     new id"
)]
pub struct Damage {
    /// Which database or file.
    pub place: String,
    /// What does not fit.
    pub reason: String,
}

/// A stretch of one table family, as a store has read it.
pub(crate) struct Stretch {
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
    /// Where the family goes on.
    pub(crate) rest: Option<Vec<u8>>,
    /// Families that come after this one.
    pub(crate) more: usize,
}

/// What scrubbing has done since the start of the process, for metrics.
#[derive(Debug, Default)]
pub struct ScrubStats {
    bytes: AtomicU64,
    rounds: AtomicU64,
}

impl ScrubStats {
    /// Bytes that were read and found good.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A step read so many bytes, and may have ended a round.
    pub(crate) fn add(&self, bytes: u64, ends_round: bool) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.rounds.fetch_add(u64::from(ends_round), Ordering::Relaxed);
    }

    /// Rounds that came to their end.
    pub fn rounds_ended(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }
}

/// Read ahead in steps, because what is scrubbed is cold.
const READAHEAD_BYTES: usize = 256 * 1024;

fn scrub_options() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    // What nobody reads must not push out what is read.
    options.fill_cache(false);
    options.set_readahead_size(READAHEAD_BYTES);
    options
}

/// Reads a stretch of one of a database's column families: from a key on until about `bytes_max` bytes of keys and values were
/// seen. Every block of every table that has keys in that stretch is read, with its checksum.
///
/// # Errors
/// [`Damage`] with what RocksDB says of a block that it cannot read, or that does not have its checksum.
pub(crate) fn read_stretch(
    db: &DB,
    families: &[&str],
    family: usize,
    from: &[u8],
    bytes_max: u64,
    place: impl FnOnce() -> String,
) -> Result<Stretch, Damage> {
    let name = families[family];
    let handle = db.cf_handle(name).expect("every column family is opened");
    let (bytes, rest) = read(db, name, handle, from, bytes_max)
        .map_err(|error| Damage { place: place(), reason: error.to_string() })?;
    Ok(Stretch { bytes, rest, more: families.len() - family - 1 })
}

/// Gives the bytes and the key to go on with, if there is more.
fn read(
    db: &DB,
    name: &str,
    family: &ColumnFamily,
    from: &[u8],
    bytes_max: u64,
) -> Result<(u64, Option<Vec<u8>>), Error> {
    if from.is_empty() {
        read_filters(db, name, family)?;
    }
    let mut rows = db.raw_iterator_cf_opt(family, scrub_options());
    rows.seek(from);
    let mut bytes = 0;
    while let Some((key, value)) = rows.item() {
        if bytes >= bytes_max {
            return Ok((bytes, Some(key.to_vec())));
        }
        bytes += (key.len() + value.len()) as u64;
        rows.next();
    }
    rows.status()?;
    Ok((bytes, None))
}

/// An iterator does not look into filters, a question for a key does: the first of each table.
fn read_filters(db: &DB, name: &str, family: &ColumnFamily) -> Result<(), Error> {
    for table in db.live_files()? {
        if let (true, Some(first)) = (table.column_family_name == name, table.start_key) {
            drop(db.get_pinned_cf_opt(family, first, &scrub_options())?);
        }
    }
    Ok(())
}
