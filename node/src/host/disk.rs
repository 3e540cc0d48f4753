//! The space on the disk. Below a reserve clients' writes are refused, while reads, votes and the log of the others go on: a
//! node that writes until nothing is left ends itself, and its replicas fill at the same pace.
//!
//! A file of ballast takes space that a node can give back to itself: it makes the room that a database needs to open, so
//! that a node starts on a full disk, serves what it has and waits for space.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::config::DiskConfig;
use crate::consensus::Consensus;

/// Between two looks at the disk. At 100 MB/s of writes the reserve lasts longer than this.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Between two attempts to hand the leadership to a node with space.
const LEAVE_INTERVAL: Duration = Duration::from_secs(10);
const ASK_TIME_MAX: Duration = Duration::from_secs(1);
/// The reserve where none is configured: for the log's files and one flush and merge of the state's. On a small disk a fifth.
const RESERVE_BYTES: u64 = 256 * 1024 * 1024;
const RESERVE_PART: u64 = 5;
/// The ballast: what two databases write to open after a crash, at most. On a small disk a tenth.
const BALLAST_BYTES: u64 = 64 * 1024 * 1024;
const BALLAST_PART: u64 = 10;
const BALLAST_FILE: &str = "BALLAST";

/// What is known of the disk, for figures and probes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct DiskSpace {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The disk has been looked at.
    is_known: AtomicBool,
    free: AtomicU64,
    total: AtomicU64,
    reserve: AtomicU64,
    level: AtomicU64,
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Enough.
    Enough,
    /// Somebody should look at it.
    Scarce,
    /// Writes are refused.
    Low,
}

/// The figures of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes of the whole disk.
    pub total: u64,
    /// Bytes below which writes of clients are refused.
    pub reserve: u64,
    /// What follows from these.
    pub level: Level,
}

impl DiskSpace {
    /// What is known, if anything is.
    pub fn now(&self) -> Option<Space> {
        let Inner { is_known, free, total, reserve, level } = &*self.inner;
        is_known.load(Ordering::Acquire).then(|| Space {
            free: free.load(Ordering::Relaxed),
            total: total.load(Ordering::Relaxed),
            reserve: reserve.load(Ordering::Relaxed),
            level: match level.load(Ordering::Relaxed) {
                0 => Level::Enough,
                1 => Level::Scarce,
                _ => Level::Low,
            },
        })
    }

    fn set_space(&self, space: Space) {
        let Inner { is_known, free, total, reserve, level } = &*self.inner;
        free.store(space.free, Ordering::Relaxed);
        total.store(space.total, Ordering::Relaxed);
        reserve.store(space.reserve, Ordering::Relaxed);
        level.store(space.level as u64, Ordering::Relaxed);
        is_known.store(true, Ordering::Release);
    }

    /// What an operator should know of it; nothing while there is enough.
    pub fn warning(&self) -> Option<String> {
        let Space { free, reserve, level, .. } = self.now()?;
        match level {
            Level::Enough => None,
            Level::Scarce => Some(format!("the disk has {free} bytes left; below {reserve} no writes are taken")),
            Level::Low => {
                Some(format!("the disk has {free} bytes left, less than the reserve of {reserve}: no writes are taken"))
            }
        }
    }
}

fn reserve_of(config: &DiskConfig, total: u64) -> u64 {
    match config.reserve_bytes {
        0 => RESERVE_BYTES.min(total / RESERVE_PART),
        configured => configured,
    }
}

/// What so much space comes to. A level is left only when there is some more than it needs, so that a node at its edge does
/// not change its mind with every file that it removes.
fn judge_level(free: u64, reserve: u64, before: Level) -> Level {
    let with_margin = |bytes: u64, level: Level| if before >= level { bytes.saturating_add(bytes / 8) } else { bytes };
    if free < with_margin(reserve, Level::Low) {
        Level::Low
    } else if free < with_margin(reserve.saturating_mul(2), Level::Scarce) {
        Level::Scarce
    } else {
        Level::Enough
    }
}

fn space_of(data: &Path) -> io::Result<(u64, u64)> {
    let found = statvfs(data)?;
    Ok((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
}

/// Before anything is opened: gives the ballast back where the databases would not find the room to open.
pub(super) fn make_room(data: &Path) {
    let path = data.join(BALLAST_FILE);
    let Ok((free, total)) = space_of(data) else { return };
    if free < BALLAST_BYTES.min(total / BALLAST_PART) && path.exists() {
        match fs::remove_file(&path) {
            Ok(()) => tracing::warn!(
                free,
                "the disk is full: the ballast is given back, so that this node can start and serve reads"
            ),
            Err(error) => tracing::warn!(%error, "give the ballast back"),
        }
    }
}

/// Takes the ballast where there is more than enough space.
fn take_ballast(data: &Path, total: u64) -> io::Result<()> {
    let path = data.join(BALLAST_FILE);
    if path.exists() {
        return Ok(());
    }
    let file = File::create(&path)?;
    let taken = fallocate(&file, FallocateFlags::empty(), 0, BALLAST_BYTES.min(total / BALLAST_PART));
    if taken.is_err() {
        // File systems without preallocation have no ballast: their nodes start once somebody has made room.
        drop(fs::remove_file(&path));
    }
    Ok(())
}

/// Looks at the disk, for ever.
pub(super) async fn watch_disk(config: DiskConfig, data: PathBuf, space: DiskSpace, consensus: Consensus) {
    let mut level = Level::Enough;
    let mut leave_in = 0;
    loop {
        let (path, settings) = (data.clone(), config.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let found = space_of(&path)?;
            let (free, total) = found;
            if level == Level::Enough && judge_level(free, reserve_of(&settings, total), level) == Level::Enough {
                take_ballast(&path, total)?;
            }
            Ok::<_, io::Error>(found)
        });
        match looked.await {
            Ok(Ok((free, total))) => {
                let reserve = reserve_of(&config, total);
                let now = judge_level(free, reserve, level);
                space.set_space(Space { free, total, reserve, level: now });
                consensus.set_disk_is_low(now == Level::Low);
                if now != level {
                    log_level(now, level, free, reserve);
                    level = now;
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "look at the disk"),
            // The runtime is shutting down.
            Err(_) => return,
        }
        if level == Level::Low && consensus.leader_id() == Some(consensus.node_id()) {
            if leave_in == 0 {
                leave_in = LEAVE_INTERVAL.as_millis() / LOOK_INTERVAL.as_millis();
                if let Some(to) = consensus.leave_to_a_disk_with_space(ASK_TIME_MAX).await {
                    tracing::warn!(to, "the leadership is handed to a node whose disk has space");
                }
            }
            leave_in -= 1;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn log_level(now: Level, before: Level, free: u64, reserve: u64) {
    match now {
        Level::Low => tracing::error!(
            free,
            reserve,
            "the disk is nearly full: writes are refused, reads and votes go on; free space or give the disk more"
        ),
        Level::Scarce if before == Level::Low => {
            tracing::warn!(free, reserve, "writes are taken again; the disk is still nearly full")
        }
        Level::Scarce => tracing::warn!(free, reserve, "the disk fills: below the reserve writes are refused"),
        Level::Enough => tracing::info!(free, reserve, "the disk has space again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_left_with_a_margin() {
        use Level::{Enough, Low, Scarce};
        let cases = [
            (2_001, Enough, Enough),
            (2_000, Enough, Enough),
            (1_999, Enough, Scarce),
            (2_100, Scarce, Scarce),
            (2_250, Scarce, Enough),
            (1_000, Scarce, Scarce),
            (999, Scarce, Low),
            (1_100, Low, Low),
            (1_125, Low, Scarce),
            (9_000, Low, Enough),
            (0, Enough, Low),
        ];
        for (free, before, expected) in cases {
            assert_eq!(judge_level(free, 1_000, before), expected, "{free} after {before:?}");
        }
    }

    #[test]
    fn the_reserve_is_a_fifth_of_a_small_disk() {
        let automatic = DiskConfig::default();
        assert_eq!(reserve_of(&automatic, 330_000_000), 66_000_000);
        assert_eq!(reserve_of(&automatic, u64::MAX), RESERVE_BYTES);
        assert_eq!(reserve_of(&DiskConfig { reserve_bytes: 7 }, 330_000_000), 7);
    }

    #[test]
    fn ballast_is_taken_once_and_real() {
        let dir = tempfile::tempdir().unwrap();
        let (_, total) = space_of(dir.path()).unwrap();
        take_ballast(dir.path(), total).unwrap();
        take_ballast(dir.path(), total).unwrap();
        let held = fs::metadata(dir.path().join(BALLAST_FILE)).map(|found| found.len());
        assert!(held.is_ok_and(|held| held == BALLAST_BYTES.min(total / BALLAST_PART)));
        make_room(dir.path());
        let (free, _) = space_of(dir.path()).unwrap();
        assert!(dir.path().join(BALLAST_FILE).exists() || free < BALLAST_BYTES, "kept while there is room");
    }
}
