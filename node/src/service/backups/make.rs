//! Writes a backup of what this node has applied, while it goes on. Blocks: for threads that may.

use std::io::Write;

use backup::{BackupError, BackupKind, BackupWriter, Header, Position, Signature, hex, signed_text};
use proto::error_code as code;
use raft_store::log::LogStore;
use raft_store::state::{StateError, StateExport, StateStore};
use registry::{LogIndex, audit, query};

use super::{BackupFile, made_of};
use crate::service::{Service, ServiceError};

/// What a backup is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Every row.
    Full,
    /// The entries behind this place.
    Behind { at: Position },
}

/// Why a backup was not made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Format(#[from] BackupError),
    #[error("read the state: {0}")]
    View(#[from] registry::ViewError),
    #[error("read the log: {0}")]
    Log(#[from] std::io::Error),
    #[error("the log begins behind entry {purged} on this node: entries behind {from} are gone. Make a full backup")]
    Purged { purged: u64, from: u64 },
    #[error("the newest backup leads to entry {from}, this node has applied {applied} entries: ask the leader")]
    Behind { from: u64, applied: u64 },
}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        let code = match &failure {
            Failure::Purged { .. } | Failure::Behind { .. } => code::UNPROCESSABLE,
            Failure::State(_) | Failure::Format(_) | Failure::View(_) | Failure::Log(_) => code::STORE_ERROR,
        };
        Self::new(code, failure.to_string())
    }
}

impl Service {
    /// Writes a backup.
    pub(super) fn write_backup<W: Write>(&self, output: W, wanted: &Wanted) -> Result<(W, BackupFile), ServiceError> {
        let Some((state, log)) = self.inner.consensus.state().on_disk() else {
            return Err(ServiceError::new(code::UNPROCESSABLE, "The state of this node is in memory only"));
        };
        let keys = self.backup_keys()?;
        let id = self.inner.random.next_uuid().into_bytes();
        let made = match wanted {
            Wanted::Full => state.export(|export| self.write_full(output, export, id, &keys)),
            Wanted::Behind { at } => self.write_incremental(output, state, log, at, id, &keys),
        };
        Ok(made?)
    }

    fn write_full<W: Write>(
        &self,
        output: W,
        export: &StateExport<'_>,
        id: [u8; 16],
        keys: &backup::BackupKeys,
    ) -> Result<(W, BackupFile), Failure> {
        let header = self.header_at(export, None)?;
        let mut writer = BackupWriter::begin(output, &header, id, keys.newest())?;
        export.rows::<Failure>(|key, value| Ok(writer.row(key, value)?))?;
        self.finish_backup(writer, &header, id, keys)
    }

    fn write_incremental<W: Write>(
        &self,
        output: W,
        state: &StateStore,
        log: &LogStore,
        since: &Position,
        id: [u8; 16],
        keys: &backup::BackupKeys,
    ) -> Result<(W, BackupFile), Failure> {
        // The state says where the entries lead to; the entries up to there are committed.
        let header = state.export(|export| self.header_at(export, Some(since.clone())))?;
        if header.at.index < since.index {
            return Err(Failure::Behind { from: since.index, applied: header.at.index });
        }
        let mut writer = BackupWriter::begin(output, &header, id, keys.newest())?;
        let mut next = since.index + 1;
        while next <= header.at.index {
            let records = log.some_records(next..header.at.index + 1)?;
            // Read again with every piece: the log may be purged meanwhile.
            let purged = log.last_purged().map_or(0, |purged| purged.index());
            if records.is_empty() || records.first().is_some_and(|(index, _)| *index != next) {
                return Err(Failure::Purged { purged, from: since.index });
            }
            for (index, record) in records {
                writer.entry(index, &record)?;
                next = index + 1;
            }
        }
        self.finish_backup(writer, &header, id, keys)
    }

    fn header_at(&self, export: &StateExport<'_>, since: Option<Position>) -> Result<Header, Failure> {
        let machine = query::machine(export.view())?;
        let position = export.position();
        let LogIndex(index) = position.index;
        Ok(Header {
            kind: if since.is_some() { BackupKind::Log } else { BackupKind::Full },
            cluster_id: machine.cluster_id,
            level: machine.level,
            at: Position { index, state_digest: hex(&machine.digest) },
            term: position.term,
            leader_id: export.leader_id(),
            since,
            time_ms: self.inner.consensus.wall_ms(),
            node_id: self.node_id(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            audit_size: machine.audit_size,
            audit_root: hex(&audit::root(export.view(), machine.audit_size)?),
        })
    }

    fn finish_backup<W: Write>(
        &self,
        writer: BackupWriter<W>,
        header: &Header,
        id: [u8; 16],
        keys: &backup::BackupKeys,
    ) -> Result<(W, BackupFile), Failure> {
        let key = &self.inner.key;
        let sign = |hash: &str| {
            Some(Signature { public_key: hex(&key.public_key()), signature: hex(&key.sign_text(&signed_text(hash))) })
        };
        let (output, trailer, bytes) = writer.finish(sign)?;
        let key_name = keys.newest().map(backup::BackupKey::name);
        Ok((output, made_of(header, &trailer, hex(&id), bytes, key_name)))
    }
}
