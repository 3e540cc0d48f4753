//! The log's database: its column families, keys and options.
//!
//! | column family | key | value |
//! |---|---|---|
//! | `logs` | index, u64 big endian | entry record |
//! | `meta` | `vote` | vote record |
//! | `meta` | `purged`, `committed` | log id record |
//! | `meta` | `store` | mark record without vote and entry: the name of this log |

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRawIterator,
    DBRecoveryMode, ErrorKind, Options, ReadOptions,
};

use super::error::OpenError;

const CF_LOGS: &str = "logs";
const CF_META: &str = "meta";
/// All column families.
pub(super) const FAMILIES: [&str; 2] = [CF_LOGS, CF_META];

pub(super) const META_VOTE: &[u8] = b"vote";
pub(super) const META_PURGED: &[u8] = b"purged";
pub(super) const META_COMMITTED: &[u8] = b"committed";
pub(super) const META_STORE: &[u8] = b"store";

/// One memtable. Three of them hold what a slow flush must not stall.
const WRITE_BUFFER_BYTES: usize = 16 * 1024 * 1024;
const WRITE_BUFFER_COUNT: i32 = 3;
/// WAL that is replayed at a start, at most; a column family that is seldom written would pin it for ever otherwise.
const WAL_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Blocks of old entries, read when a member is far behind. Recent entries are served from the tail in memory.
const BLOCK_CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Write-back in steps, so that a flush does not hit the disk at once, in front of a sync.
const BYTES_PER_SYNC: u64 = 1024 * 1024;
/// Entries are written once and purged from the front: merging early gains nothing.
const LEVEL0_FILES: i32 = 8;
/// Open table files: the log is a few dozen.
const OPEN_FILES_MAX: i32 = 256;
/// Flush and compaction threads; more would take the cores from Raft.
const BACKGROUND_JOBS: i32 = 2;
/// RocksDB's own text logs that are kept.
const TEXT_LOGS_KEPT: usize = 5;

/// The key of an entry: big endian, so that the order of keys is the order of the log.
pub(super) fn key(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

/// The options that decide what survives a crash.
fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // The default, point in time, silently drops synced entries behind one flipped byte. This mode tolerates only what an
    // ordinary power loss leaves: a last record that was cut. It requires that WAL files are not recycled.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_recycle_log_file_num(0);
    options.set_paranoid_checks(true);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_max_background_jobs(BACKGROUND_JOBS);
    options.set_bytes_per_sync(BYTES_PER_SYNC);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_keep_log_file_num(TEXT_LOGS_KEPT);
    options.set_stats_dump_period_sec(0);
    options.set_allow_mmap_reads(false);
    options.set_allow_mmap_writes(false);
    options
}

fn family_options() -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(BLOCK_CACHE_BYTES));
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    // An entry is written, sent from memory, and purged. Compressing it costs more than the disk that it takes for that time.
    options.set_compression_type(DBCompressionType::None);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(WRITE_BUFFER_COUNT);
    options.set_level_zero_file_num_compaction_trigger(LEVEL0_FILES);
    options
}

/// Opens the database, replaying its WAL.
pub(super) fn open(path: &Path) -> Result<DB, OpenError> {
    let families = FAMILIES.map(|name| ColumnFamilyDescriptor::new(name, family_options()));
    DB::open_cf_descriptors(&database_options(), path, families).map_err(|error| database_error(path, &error))
}

/// Only damage asks for a wipe; a lock that another process holds, or a full disk, does not.
pub(super) fn database_error(path: &Path, error: &rocksdb::Error) -> OpenError {
    let (path, message) = (path.to_owned(), error.to_string());
    if error.kind() == ErrorKind::Corruption {
        OpenError::Corrupt { path, message }
    } else {
        OpenError::Database { path, message }
    }
}

pub(super) fn logs_family(db: &DB) -> &ColumnFamily {
    db.cf_handle(CF_LOGS).expect("the database is opened with this column family")
}

pub(super) fn meta_family(db: &DB) -> &ColumnFamily {
    db.cf_handle(CF_META).expect("the database is opened with this column family")
}

/// An iterator over the entries `from..to` as they are now; it is positioned on the first.
pub(super) fn entries_from(db: &DB, from: u64, to: Option<u64>) -> DBRawIterator<'_> {
    let mut options = ReadOptions::default();
    options.set_verify_checksums(true);
    if let Some(to) = to {
        options.set_iterate_upper_bound(key(to));
    }
    let mut iterator = db.raw_iterator_cf_opt(logs_family(db), options);
    iterator.seek(key(from));
    iterator
}
