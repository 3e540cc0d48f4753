//! What a log is opened with, and its limits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of entries that one read hands out, about: replication sends what one read gives, and a message must stay far
/// below the transport's limit and not block a slow link for long. One entry is always given, however long it is.
pub const READ_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of decoded entries that are kept in memory for replication and apply unless set otherwise.
pub const CACHE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Operations in one group: one write batch, one sync. It bounds the batch, not the speed: 256 writers fill some 250.
pub const GROUP_OPS_MAX: usize = 4096;
/// Bytes in one group, about, so that the first of a burst of large entries does not wait for all of them.
pub(super) const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes that may wait for the disk. Above it appends wait: a disk that is this far behind must slow Raft, not fill the
/// memory.
pub(super) const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a queued append counts for beside its bytes, so that many small ones are bounded, too.
pub(super) const QUEUE_APPEND_BYTES: usize = 256;
/// The mark is synced at most this often because of appends: what a log can lose unnoticed is less than this.
pub(super) const MARK_INTERVAL: Duration = Duration::from_secs(1);
/// A slower sync is worth a warning: it is a tenth of the shortest election timeout.
pub(super) const SLOW_SYNC: Duration = Duration::from_millis(50);
/// Entries that are decoded at every start, from the end. Damage is likeliest where the disk wrote last.
pub const BOOT_ENTRIES_CHECKED: u64 = 1000;
/// Records from this length on are decoded once before they are accepted: the codec's limit counts decoded sizes, and a
/// record that could not be read back must not get into the log. Shorter ones cannot reach that limit.
pub(super) const PROVE_BYTES_MIN: usize = 256 * 1024;

/// Called with what happened when the log cannot write any more, on the writer thread, after everybody was answered with
/// an error. It must end the process; it must not close the log, because closing waits for this thread.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// How to open a log.
#[derive(Clone)]
pub struct LogConfig {
    /// The directory of the log's database, `data/raft`.
    pub dir: PathBuf,
    /// The file of the durable mark, `data/MARK`: outside [`LogConfig::dir`], so that a lost directory is noticed.
    pub mark: PathBuf,
    /// Bytes of decoded entries kept in memory. Entries that are not durable yet are kept above it.
    pub cache_bytes_max: usize,
    /// Operations in one group. Only a benchmark has a reason to lower it.
    pub group_ops_max: usize,
    /// Decode every entry at the start, not only the last [`BOOT_ENTRIES_CHECKED`].
    pub check_all: bool,
    /// Ends the process after a failed write or sync. The default logs and aborts.
    pub on_fatal: OnFatal,
}

impl LogConfig {
    /// The usual places inside a data directory.
    pub fn in_data_dir(data: &Path) -> Self {
        Self {
            dir: data.join("raft"),
            mark: data.join("MARK"),
            cache_bytes_max: CACHE_BYTES_MAX,
            group_ops_max: GROUP_OPS_MAX,
            check_all: false,
            // Not `exit`: its handlers run C++ destructors beside live RocksDB threads, and may hang.
            on_fatal: Arc::new(|_| std::process::abort()),
        }
    }
}
