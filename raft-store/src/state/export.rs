//! The state as a backup takes it: every row as it is stored, from one snapshot, with the place in the log where it stands.

use registry::{LogIndex, LogPosition, Table};
use rocksdb::{Direction, IteratorMode, ReadOptions};

use super::StateStore;
use super::database::APPLIED;
use super::error::StateError;
use super::generation::Generation;
use super::view::StateView;
use crate::codec;
use crate::types::LogId;

/// Read ahead of a scan over everything, which is not worth a place in the cache.
const READ_AHEAD_BYTES: usize = 2 * 1024 * 1024;

/// One consistent state, whole.
pub struct StateExport<'a> {
    generation: &'a Generation,
    view: StateView<'a>,
    last: LogId,
}

impl StateStore {
    /// Hands out all of one consistent state. Nothing waits for it: what is applied meanwhile is not in it.
    ///
    /// # Errors
    /// [`StateError`] if nothing is applied yet, or the disk fails; and what `read` returns.
    pub fn export<T, E: From<StateError>>(&self, read: impl FnOnce(&StateExport<'_>) -> Result<T, E>) -> Result<T, E> {
        let generation = self.inner.generation.read().clone();
        let view = StateView::snapshot_of(&generation, self.applied_index());
        let last = applied_position(&generation, &view)?;
        let view = view.exactly_at(LogIndex(last.index()));
        read(&StateExport { generation: &generation, view, last })
    }
}

/// The last applied entry, as it stands in the snapshot itself: exact, however much is applied meanwhile.
fn applied_position(generation: &Generation, view: &StateView<'_>) -> Result<LogId, StateError> {
    let bytes = view.meta(APPLIED).map_err(|source| generation.database.database_error("read", source))?;
    let bytes = bytes.ok_or_else(|| StateError::Record {
        record: "applied".to_owned(),
        reason: "nothing is applied yet".to_owned(),
    })?;
    codec::decode_log_id(&bytes).map_err(|error| StateError::damaged_record("applied", &error))
}

impl StateExport<'_> {
    /// The place in the log where the state stands.
    pub fn position(&self) -> LogPosition {
        LogPosition { index: LogIndex(self.last.index()), term: self.last.committed_leader_id().term }
    }

    /// Who led when the last entry was appended.
    pub fn leader_id(&self) -> u64 {
        self.last.committed_leader_id().node_id
    }

    /// The same state as the registry reads it.
    pub fn view(&self) -> &StateView<'_> {
        &self.view
    }

    /// Every row, in the order of the tables and keys: the bytes of its key and those that stand for it on the disk.
    ///
    /// # Errors
    /// [`StateError`] if the disk fails or holds a damaged row; and what `visit` returns.
    pub fn rows<E: From<StateError>>(&self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>) -> Result<(), E> {
        for table in Table::ALL {
            let byte = *table as u8;
            let mut options = ReadOptions::default();
            options.set_iterate_lower_bound([byte]);
            options.set_iterate_upper_bound([byte + 1]);
            options.fill_cache(false);
            options.set_readahead_size(READ_AHEAD_BYTES);
            let family = self.generation.database.family_of(*table);
            let rows = self.view.iterate(family, options, IteratorMode::From(&[byte], Direction::Forward));
            for row in rows {
                let (key, value) = row.map_err(|source| self.generation.database.database_error("scan", source))?;
                if let Err(error) = codec::check_record(&value) {
                    return Err(StateError::damaged_record(&format!("{key:02x?}"), &error).into());
                }
                visit(&key, &value)?;
            }
        }
        Ok(())
    }
}
