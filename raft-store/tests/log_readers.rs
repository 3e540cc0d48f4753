//! Reading: the byte budget, streams in pieces, readers that race writers, and what is refused.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod log_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::StreamExt;
use log_support::{all, append, config, entries, entry, ids, open, run, submit, vote};
use openraft::storage::{IOFlushed, LeaderBoundedStreamError, RaftLogReader, RaftLogStorage};
use raft_store::log::{LogStore, READ_BYTES_MAX};
use raft_store::types::log_id;

fn store_with_cache(data: &std::path::Path, cache_bytes_max: usize) -> LogStore {
    let (mut config, _) = config(data);
    config.cache_bytes_max = cache_bytes_max;
    LogStore::open(config).expect("a new log opens")
}

/// One large entry between small ones: each read gives at least one entry and about 2 MiB otherwise, from memory and from
/// disk alike, and the pieces together are the whole.
#[test]
fn reads_keep_to_the_byte_budget() {
    for cache_bytes_max in [0, 64 * 1024 * 1024] {
        let data = tempfile::tempdir().unwrap();
        run(async {
            let mut store = store_with_cache(data.path(), cache_bytes_max);
            store.save_vote(&vote(1)).await.unwrap();
            let mut written = entries(1, 0, 10);
            written.push(entry(1, 10, 3 * READ_BYTES_MAX / 2));
            written.extend((11..80).map(|index| entry(1, index, 100_000)));
            append(&mut store, written.clone()).await.unwrap();

            let mut reader = store.get_log_reader().await;
            let (mut next, mut reads, mut together) = (0, 0, Vec::new());
            while next < 80 {
                let part = reader.limited_get_log_entries(next, 80).await.unwrap();
                let bytes: usize = part.iter().map(|entry| format!("{entry:?}").len()).sum();
                assert!(!part.is_empty());
                assert!(part.len() == 1 || bytes < READ_BYTES_MAX + READ_BYTES_MAX / 10, "{bytes}");
                next += part.len() as u64;
                reads += 1;
                together.extend(part);
            }
            assert_eq!(together, written);
            assert!((5..12).contains(&reads), "{reads} reads");
            let streamed: Vec<_> = reader.entries_stream(..).await.map(Result::unwrap).collect().await;
            assert_eq!(streamed, written);
            let streamed: Vec<_> =
                reader.leader_bounded_stream(vote(1).leader_id, 5..70).await.map(Result::unwrap).collect().await;
            assert_eq!(streamed, written[5..70]);
        });
    }
}

/// A vote for somebody else ends the stream before the next piece, even though the entries are still there.
#[test]
fn a_leaders_stream_ends_when_it_no_longer_leads() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = store_with_cache(data.path(), 0);
        store.save_vote(&vote(1)).await.unwrap();
        append(&mut store, (0..60).map(|index| entry(1, index, 100_000)).collect()).await.unwrap();
        let mut reader = store.get_log_reader().await;
        let mut stream = Box::pin(reader.leader_bounded_stream(vote(1).leader_id, 0..60).await);
        assert_eq!(stream.next().await.unwrap().unwrap().log_id, log_id(1, 1, 0));
        store.save_vote(&vote(2)).await.unwrap();
        let rest: Vec<_> = stream.collect().await;
        assert!(rest.len() < 59, "the second piece is not read");
        assert!(matches!(rest.last(), Some(Err(LeaderBoundedStreamError::LeaderChanged(_)))));
        // An empty range, too, says that the leader changed.
        let mut reader = store.get_log_reader().await;
        let items: Vec<_> = reader.leader_bounded_stream(vote(1).leader_id, 60..90).await.collect().await;
        assert!(matches!(items[..], [Err(LeaderBoundedStreamError::LeaderChanged(_))]));
    });
}

/// Whatever is appended, truncated and purged beside them, readers see contiguous entries, each as it was written.
#[test]
fn readers_beside_a_writer_never_see_a_gap() {
    const ROUNDS: u64 = 300;
    let data = tempfile::tempdir().unwrap();
    run(async {
        // Some of the tail is in memory, most is not.
        let mut store = store_with_cache(data.path(), 20_000);
        let done = Arc::new(AtomicBool::new(false));
        let appended = Arc::new(AtomicU64::new(0));
        let readers: Vec<_> = (0..3_u64)
            .map(|number| {
                let (store, done, appended) = (store.clone(), Arc::clone(&done), Arc::clone(&appended));
                tokio::spawn(async move {
                    let (mut reads, mut seen) = (0_u64, 0_u64);
                    while !done.load(Ordering::Acquire) || reads < 20 {
                        let floor = appended.load(Ordering::Acquire);
                        let from =
                            (reads * 37 + number * 11) % 400 + store.last_purged().map_or(0, |purged| purged.index());
                        let read = store.clone().try_get_log_entries(from..).await.unwrap();
                        for (expected, found) in (read.first().map_or(0, |entry| entry.log_id.index())..).zip(&read) {
                            assert_eq!(found.log_id.index(), expected);
                            assert_eq!(*found, entry(found.log_id.committed_leader_id().term, expected, 40));
                        }
                        assert!(read.windows(2).all(|pair| pair[0].log_id < pair[1].log_id));
                        // What was appended before the read began, and is never truncated, is read.
                        if from <= floor && floor > 0 {
                            assert!(read.last().is_some_and(|last| last.log_id.index() >= floor), "{from} {floor}");
                        }
                        reads += 1;
                        seen += read.len() as u64;
                        tokio::task::yield_now().await;
                    }
                    seen
                })
            })
            .collect();

        let (mut next, mut term) = (0_u64, 0_u64);
        for round in 0..ROUNDS {
            if round % 10 == 0 {
                term += 1;
                store.save_vote(&vote(term)).await.unwrap();
                if next > 5 {
                    let keep = store.clone().try_get_log_entries(next - 5..=next - 5).await.unwrap().remove(0).log_id;
                    store.truncate_after(Some(keep)).await.unwrap();
                    next -= 4;
                }
            }
            let answer = submit(&mut store, entries(term, next, next + 7)).await.unwrap();
            next += 7;
            // The last five may be truncated in a later round.
            appended.store(next - 6, Ordering::Release);
            if round % 3 == 0 {
                answer.await.unwrap().unwrap();
            }
            if round % 50 == 49 {
                let upto = store.clone().try_get_log_entries(next - 100..=next - 100).await.unwrap().remove(0).log_id;
                store.purge(upto).await.unwrap();
            }
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.await.unwrap() > 0, "a reader that reads nothing tests nothing");
        }
        let left = all(&store).await;
        assert_eq!(left.first().unwrap().log_id.index(), store.last_purged().unwrap().index() + 1);
        store.close();
        assert_eq!(ids(&all(&open(data.path()).unwrap()).await), ids(&left));
    });
}

/// What openraft must never ask for is refused before anything changes.
#[test]
fn gaps_and_steps_back_are_refused() {
    let data = tempfile::tempdir().unwrap();
    run(async {
        let mut store = open(data.path()).unwrap();
        store.save_vote(&vote(3)).await.unwrap();
        append(&mut store, entries(3, 0, 5)).await.unwrap();
        let before = store.report();
        for bad in [
            entries(3, 6, 7),                     // a gap to the last entry
            entries(3, 4, 6),                     // over an entry without truncating it
            entries(2, 5, 6),                     // an older leader after a newer one
            vec![entry(3, 5, 1), entry(3, 7, 1)], // a gap inside
            vec![entry(3, 5, 20 * 1024 * 1024)],  // longer than a record may be
        ] {
            let wrong = ids(&bad);
            store.append(bad, IOFlushed::noop()).await.expect_err(&format!("{wrong:?}"));
        }
        store.save_vote(&vote(2)).await.expect_err("a vote is never taken back");
        assert_eq!(store.report(), before);
        append(&mut store, entries(3, 5, 6)).await.expect("what is right is still taken");
        store.close();
        append(&mut store, entries(3, 6, 7)).await.expect_err("a closed log takes nothing");
        store.clone().try_get_log_entries(..).await.expect_err("a closed log gives nothing");
    });
}
