//! The disk's limit for durable writes: many producers, one writer thread, one `fdatasync` for all that waits.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::drive::Worker;

/// Records that share one sync at most.
const GROUP_MAX: usize = 1_024;

type Done = oneshot::Sender<()>;

/// One producer.
pub(super) struct Producer {
    queue: mpsc::Sender<Done>,
}

impl Worker for Producer {
    async fn once(&mut self) -> bool {
        let (done, durable) = oneshot::channel();
        self.queue.send(done).is_ok() && durable.await.is_ok()
    }
}

/// Producers of records of so many bytes, over one file in `dir`. The writer ends with the last producer.
///
/// # Errors
/// A text if the file cannot be made.
pub(super) fn start_producers(dir: &Path, bytes: usize, clients: usize) -> Result<Vec<Producer>, String> {
    let path = dir.join("group-sync");
    let mut file = File::create(&path).map_err(|error| format!("create {}: {error}", path.display()))?;
    let (queue, waiting) = mpsc::channel::<Done>();
    std::thread::spawn(move || {
        let record = vec![7_u8; bytes];
        while let Ok(first) = waiting.recv() {
            let mut group = vec![first];
            group.extend(waiting.try_iter().take(GROUP_MAX - 1));
            let written = group.iter().try_for_each(|_| file.write_all(&record)).and_then(|()| file.sync_data());
            if written.is_err() {
                return;
            }
            for done in group {
                // A producer whose time is over has gone.
                let _gone = done.send(());
            }
        }
    });
    Ok((0..clients).map(|_| Producer { queue: queue.clone() }).collect())
}

/// Time of one append with its sync, of one writer, as the median: a busy disk makes every durable figure worthless.
pub(super) async fn probe_sync(dir: &Path) -> Result<Duration, String> {
    Ok(super::drive::closed_loop(start_producers(dir, 4_096, 1)?, Duration::from_millis(500)).await.p50)
}
