//! The open database of one generation of the state, and its place on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use registry::{Family, Row, Table};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, ErrorKind, FlushOptions,
    Options, WriteBatch, WriteOptions,
};

use super::error::StateError;
use crate::codec;
use crate::stretch::{self, Damage, Stretch};
use crate::torn;
use crate::types::{LogId, StoredMembership};

/// The column family of the term index.
pub(super) const TERMS: &str = "terms";
/// Column families: one per family of tables (the table byte keeps their keys apart), and that of the term index.
const FAMILIES: [&str; Family::ALL.len() + 1] = {
    let mut names = [TERMS; Family::ALL.len() + 1];
    let mut at = 0;
    while at < Family::ALL.len() {
        names[at] = family_name(Family::ALL[at]);
        at += 1;
    }
    names
};
pub(super) const APPLIED: &[u8] = b"\0applied";

const MEMBERSHIP: &[u8] = b"\0membership";

/// Memory for blocks of the state, shared by all column families.
const CACHE_BYTES: usize = 128 * 1024 * 1024;

/// Memory for unflushed rows in all; a flush is atomic over all column families.
const WRITE_BUFFERS_BYTES: usize = 96 * 1024 * 1024;

const WRITE_BUFFER_BYTES: usize = 32 * 1024 * 1024;

const OPEN_FILES_MAX: i32 = 512;

/// The share of a memtable that its filter of keys takes.
const MEMTABLE_BLOOM_RATIO: f64 = 0.05;

/// Contents from this length on are written once, beside the tree of keys.
const BLOB_BYTES_MIN: u64 = 512;

pub(super) struct Database {
    db: Option<DB>,
    pub(super) dir: PathBuf,
    /// Set when a newer generation has taken over: the directory goes with the last reader.
    obsolete: AtomicBool,
}

impl Drop for Database {
    fn drop(&mut self) {
        self.db = None;
        if self.obsolete.load(Ordering::Relaxed)
            && let Err(error) = fs::remove_dir_all(&self.dir)
        {
            tracing::warn!(dir = %self.dir.display(), %error, "remove an obsolete generation of the state");
        }
    }
}

impl Database {
    pub(super) fn open(dir: &Path) -> Result<Self, StateError> {
        let open = || {
            let cache = Cache::new_lru_cache(CACHE_BYTES);
            let families = FAMILIES.map(|name| ColumnFamilyDescriptor::new(name, family_options(name, &cache)));
            DB::open_cf_descriptors(&database_options(), dir, families)
        };
        let opened = match open() {
            Err(error) if error.kind() == ErrorKind::Corruption => {
                // What a power loss left of an edit that nobody had relied on.
                let torn = torn::cut_manifest(dir);
                let torn = torn.map_err(|error| StateError::file_error("look at the MANIFEST in", dir, error))?;
                if torn { open() } else { Err(error) }
            }
            opened => opened,
        };
        let db = opened.map_err(|source| StateError::Database {
            action: "open",
            place: dir.display().to_string(),
            source,
        })?;
        Ok(Self::over_open(db, dir))
    }

    fn over_open(db: DB, dir: &Path) -> Self {
        Self { db: Some(db), dir: dir.to_owned(), obsolete: AtomicBool::new(false) }
    }

    /// Opens a directory to look at it without changing it (a snapshot before it is installed).
    pub(super) fn open_read_only(dir: &Path) -> Result<Self, StateError> {
        let cache = Cache::new_lru_cache(8 * 1024 * 1024);
        let families = FAMILIES.map(|name| ColumnFamilyDescriptor::new(name, family_options(name, &cache)));
        let db = DB::open_cf_descriptors_read_only(&database_options(), dir, families, false)
            .map_err(|source| StateError::Database { action: "open", place: dir.display().to_string(), source })?;
        Ok(Self::over_open(db, dir))
    }

    pub(super) fn db(&self) -> &DB {
        self.db.as_ref().expect("the database is there until the generation is dropped")
    }

    pub(super) fn family_of(&self, table: Table) -> &ColumnFamily {
        self.db().cf_handle(family_name(table.family())).expect("every column family is opened")
    }

    pub(super) fn read_applied(&self) -> Result<(Option<LogId>, StoredMembership), StateError> {
        let applied = self.get_meta(APPLIED)?.map(|bytes| codec::decode_log_id(&bytes)).transpose();
        let membership = self.get_meta(MEMBERSHIP)?.map(|bytes| codec::decode_membership(&bytes)).transpose();
        Ok((
            applied.map_err(|error| StateError::damaged_record("applied", &error))?,
            membership.map_err(|error| StateError::damaged_record("membership", &error))?.unwrap_or_default(),
        ))
    }

    fn get_meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.db().get(key).map_err(|source| self.database_error("read", source))
    }

    pub(super) fn put_applied(&self, batch: &mut WriteBatch, id: &LogId) {
        batch.put(APPLIED, codec::encode_log_id(id));
    }

    pub(super) fn put_membership(&self, batch: &mut WriteBatch, membership: &StoredMembership) {
        batch.put(MEMBERSHIP, codec::encode_membership(membership));
    }

    pub(super) fn put_row(&self, batch: &mut WriteBatch, table: Table, key: &[u8], row: Option<&Row>) {
        let family = self.family_of(table);
        match row {
            Some(row) => batch.put_cf(family, key, codec::encode_row(row)),
            None => batch.delete_cf(family, key),
        }
    }

    pub(super) fn write_batch(&self, batch: WriteBatch) -> Result<(), StateError> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.db().write_opt(batch, &options).map_err(|source| self.database_error("write", source))
    }

    pub(super) fn flush(&self, wait: bool) -> Result<(), StateError> {
        let mut options = FlushOptions::default();
        options.set_wait(wait);
        let families: Vec<_> = FAMILIES.iter().filter_map(|name| self.db().cf_handle(name)).collect();
        self.db().flush_cfs_opt(&families, &options).map_err(|source| self.database_error("flush", source))
    }

    pub(super) fn database_error(&self, action: &'static str, source: rocksdb::Error) -> StateError {
        StateError::Database { action, place: self.dir.display().to_string(), source }
    }

    /// Reads a stretch of a column family with its checksums.
    pub(super) fn scrub(&self, family: usize, from: &[u8], bytes_max: u64) -> Result<Stretch, Damage> {
        let place = || format!("the state database {}", self.dir.display());
        stretch::read_stretch(self.db(), &FAMILIES, family, from, bytes_max, place)
    }

    pub(super) fn retire(&self) {
        self.obsolete.store(true, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> Vec<(&'static str, u64)> {
        let property = |name: &str| {
            FAMILIES
                .iter()
                .filter_map(|family| self.db().cf_handle(family))
                .filter_map(|family| self.db().property_int_value_cf(family, name).ok().flatten())
                .sum()
        };
        let schemas = self.db().cf_handle(family_name(Family::Schemas));
        let shared = |name: &str| {
            let value = schemas.and_then(|family| self.db().property_int_value_cf(family, name).ok().flatten());
            value.unwrap_or(0)
        };
        vec![
            // One cache for all column families.
            ("block_cache_bytes", shared("rocksdb.block-cache-usage")),
            ("block_cache_bytes_max", CACHE_BYTES as u64),
            ("memtable_bytes_max", WRITE_BUFFERS_BYTES as u64),
            ("table_readers_bytes", property("rocksdb.estimate-table-readers-mem")),
            ("blob_bytes", property("rocksdb.total-blob-file-size")),
            ("sst_bytes", property("rocksdb.total-sst-files-size")),
            ("memtable_bytes", property("rocksdb.cur-size-all-mem-tables")),
            ("keys_estimate", property("rocksdb.estimate-num-keys")),
        ]
    }
}

/// The name of a family's column family; it is format.
const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Machine => "default",
        Family::Names => "names",
        Family::Versions => "versions",
        Family::Schemas => "schemas",
        Family::Links => "links",
        Family::Requests => "requests",
        Family::Events => "events",
        Family::Audit => "audit",
    }
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // Without a WAL, rows of two column families must never come back from different moments.
    options.set_atomic_flush(true);
    options.set_paranoid_checks(true);
    options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES);
    options.set_max_background_jobs(2);
    // Apply is the only writer.
    options.set_allow_concurrent_memtable_write(false);
    options.set_bytes_per_sync(1024 * 1024);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_keep_log_file_num(5);
    options.set_max_log_file_size(4 * 1024 * 1024);
    options.set_allow_mmap_reads(false);
    options.set_allow_mmap_writes(false);
    options
}

fn family_options(name: &str, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    if matches!(name, "schemas" | "requests" | "names" | "versions") {
        table.set_bloom_filter(10.0, false);
    }
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    // Most of what apply looks up is not there (new subjects, new contents): a filter answers before the skip list is walked.
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_RATIO);
    options.set_memtable_whole_key_filtering(true);
    if name == "schemas" {
        // Texts stand under random keys: merging would write each of them again and again.
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BLOB_BYTES_MIN);
        options.set_blob_compression_type(DBCompressionType::Lz4);
        options.set_enable_blob_gc(true);
    }
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}
