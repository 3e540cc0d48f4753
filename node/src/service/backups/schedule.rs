//! Backups by schedule, made by whoever leads.

use std::time::Duration;

use backup::BackupKind;
use registry::{Actor, Principal, RequestId, query};

use super::files::BackupFile;
use super::{Caller, Service};
use crate::clock::Deadline;
use crate::service::Consistency;
use crate::trace::TraceContext;

/// Between two looks whether a backup is due: a fraction of the shortest schedule that makes sense.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// After one that failed, the next is tried no sooner, in milliseconds.
const RETRY_MS: u64 = 60_000;

/// Is a backup due, when the last one was made at `last_ms` and the last one that failed at `failed_ms`?
fn is_due(now_ms: u64, last_ms: Option<u64>, failed_ms: Option<u64>, every_ms: u64) -> bool {
    let since = |then: Option<u64>| then.map_or(u64::MAX, |then| now_ms.saturating_sub(then));
    since(last_ms) >= every_ms && since(failed_ms) >= RETRY_MS.min(every_ms)
}

/// What the next backup is to be: a full one, then `incrementals` incremental ones.
fn next_kind(files: &[BackupFile], incrementals: u32) -> BackupKind {
    let usable = || files.iter().filter(|file| file.problem.is_none());
    let full = usable().filter(|file| file.kind == BackupKind::Full).map(|file| file.index).max();
    let Some(full) = full else { return BackupKind::Full };
    let behind = usable().filter(|file| file.kind == BackupKind::Log && file.index > full).count();
    if behind < incrementals as usize { BackupKind::Log } else { BackupKind::Full }
}

impl Service {
    /// Makes backups as configured, while this node leads. Runs for ever.
    pub async fn keep_backups(self) {
        let config = self.inner.config.backup.clone();
        let every_ms = config.every_seconds.saturating_mul(1_000);
        if every_ms == 0 || config.directory.as_os_str().is_empty() {
            return std::future::pending().await;
        }
        let (mut failed_ms, mut made_ms) = (None, None);
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let consensus = &self.inner.consensus;
            // Before the cluster has its identity there is nothing to keep.
            let last = consensus.state().read(|view| {
                let is_founded = !query::machine(view)?.cluster_id.is_empty();
                Ok::<_, registry::ViewError>((is_founded, query::cursor(view, super::CURSOR)?.map(|row| row.time_ms)))
            });
            let Ok((true, last_ms)) = last else { continue };
            // One whose record could not be written was made all the same.
            let last_ms = last_ms.max(made_ms);
            let now_ms = consensus.wall_ms();
            if consensus.leader_id() != Some(consensus.node_id()) || !is_due(now_ms, last_ms, failed_ms, every_ms) {
                continue;
            }
            (made_ms, failed_ms) = if self.make_scheduled(config.incrementals).await {
                (Some(now_ms), None)
            } else {
                (made_ms, Some(now_ms))
            };
        }
    }

    async fn make_scheduled(&self, incrementals: u32) -> bool {
        let service = self.clone();
        let files = tokio::task::spawn_blocking(move || service.backup_files()).await;
        let files = match files {
            Ok(Ok(files)) => files,
            Ok(Err(error)) => {
                self.backup_failed(&error.message);
                return false;
            }
            Err(_) => return false,
        };
        let own = files.into_iter().map(|found| found.file).filter(|file| file.cluster_id == self.cluster_id());
        let kind = next_kind(&own.collect::<Vec<_>>(), incrementals);
        let caller = Caller {
            origin: crate::auth::Origin::default(),
            actor: Actor { principal: Principal::system(), node_id: self.node_id() },
            request_id: RequestId(format!("system:backup:{}", self.inner.random.next_uuid())),
            deadline: Deadline::after(Duration::from_secs(60)),
            consistency: Consistency::Local,
            at_least: None,
            if_revision: None,
            trace: TraceContext::begin(self.inner.random.next_uuid()),
        };
        match (self.create_backup(&caller, kind).await, kind) {
            (Ok(_), _) => true,
            // The log does not reach back, or its chain is elsewhere: a full one needs neither.
            (Err(_), BackupKind::Log) => self.create_backup(&caller, BackupKind::Full).await.is_ok(),
            (Err(_), BackupKind::Full) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_due_when_the_last_one_is_old_and_none_has_just_failed() {
        let day = 86_400_000;
        for (now, last, failed, due) in [
            (day, None, None, true),
            (day, Some(1), None, false),
            (day + 1, Some(1), None, true),
            (day, Some(day + 5), None, false),
            (day, None, Some(day - RETRY_MS + 1), false),
            (day, None, Some(day - RETRY_MS), true),
        ] {
            assert_eq!(is_due(now, last, failed, day), due, "{now} {last:?} {failed:?}");
        }
        assert!(is_due(2_000, Some(1_000), Some(1_000), 1_000), "a short schedule does not wait a minute");
    }

    #[test]
    fn full_ones_and_incremental_ones_take_turns() {
        let file = |kind, index| BackupFile {
            name: String::new(),
            id: String::new(),
            kind,
            cluster_id: String::new(),
            index,
            since: None,
            time_ms: 0,
            bytes: 0,
            hash: String::new(),
            key: None,
            problem: None,
        };
        let (full, log) = (BackupKind::Full, BackupKind::Log);
        assert_eq!(next_kind(&[], 3), full);
        assert_eq!(next_kind(&[file(full, 5)], 0), full);
        assert_eq!(next_kind(&[file(full, 5)], 1), log);
        assert_eq!(next_kind(&[file(full, 5), file(log, 6)], 1), full);
        assert_eq!(next_kind(&[file(full, 5), file(log, 6), file(full, 7)], 1), log);
        assert_eq!(next_kind(&[file(log, 6)], 1), full);
        let broken = BackupFile { problem: Some("damaged".to_owned()), ..file(full, 9) };
        assert_eq!(next_kind(&[broken], 1), full);
    }
}
