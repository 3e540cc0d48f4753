//! Reads the tables of one column family with their checksums.

use rocksdb::{ColumnFamily, DB, Error, ReadOptions};

use super::{Damage, Stretch};

/// Read ahead in steps, because what is scrubbed is cold.
const READAHEAD_BYTES: usize = 256 * 1024;

fn options() -> ReadOptions {
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
pub(crate) fn stretch(
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
    let mut rows = db.raw_iterator_cf_opt(family, options());
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
            drop(db.get_pinned_cf_opt(family, first, &options())?);
        }
    }
    Ok(())
}
