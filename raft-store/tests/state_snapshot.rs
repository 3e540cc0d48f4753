//! Snapshots: what is built is what is installed, damage and strangers are refused, and a crash at any point leaves a
//! directory that opens and holds the old or the new state whole.
//!
//! The crashes happen in child processes: this program starts itself with one test and a point to die at.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test panics where it is surprised")]

#[path = "../../registry/tests/machine/support/mod.rs"]
mod support;

mod state_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};

use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};
use raft_store::state::{Manifest, SNAPSHOT_FORMAT, SnapshotDir};
use raft_store::types::{Entry, SnapshotMeta};
use registry::{ClusterCommand, Command, KeyRange, LogIndex, LogPosition, query};

use state_support::{Replica, block_on, entries_of, entry, live_generation, names_in, scan};
use support::{START_MS, delete_subject, envelope, register, register_with};

/// A log of `length` entries of the cluster `c`: it is founded, subjects come and go.
fn log_of(cluster: &str, length: u64) -> Vec<Entry> {
    let commands = (1..length).map(|index| {
        let command = match index {
            1 => Command::Cluster(ClusterCommand::Found { cluster_id: cluster.to_owned() }),
            _ if index % 7 == 0 => delete_subject("s6", registry::Permanent::No),
            _ if index % 5 == 0 => {
                let references = vec![support::reference("s2", 1)];
                let assign = registry::Assign::Next { expected: None };
                register_with(&format!("s{index}"), &format!("text {index}"), references, assign)
            }
            _ => register(&format!("s{}", index % 9), &format!("text {index}")),
        };
        let position = LogPosition { index: LogIndex(index), term: 1 + index / 10 };
        entry(position, envelope(&format!("request-{index}"), START_MS + index, command))
    });
    entries_of(&[]).into_iter().chain(commands).collect()
}

fn replica_with(dir: &Path, entries: &[Entry]) -> Replica {
    let mut replica = Replica::open(dir);
    replica.apply(entries).unwrap();
    replica.store.flush().unwrap();
    replica
}

fn build(replica: &mut Replica) -> (SnapshotMeta, SnapshotDir) {
    block_on(async {
        let mut builder = replica.machine.try_create_snapshot_builder(true).await.unwrap();
        let built = builder.build_snapshot().await.unwrap();
        (built.meta, built.snapshot)
    })
}

/// Brings the files of a snapshot to another node, as the network does.
fn transfer(snapshot: &SnapshotDir, to: &Path) -> SnapshotDir {
    let incoming = to.join("snap").join("incoming-1");
    fs::create_dir_all(&incoming).unwrap();
    for file in &snapshot.manifest().files {
        fs::copy(snapshot.dir().join(&file.name), incoming.join(&file.name)).unwrap();
    }
    SnapshotDir::received(incoming, snapshot.manifest().clone())
}

fn install(replica: &mut Replica, meta: &SnapshotMeta, snapshot: SnapshotDir) -> std::io::Result<()> {
    block_on(replica.machine.install_snapshot(meta, snapshot))
}

fn assert_equal(left: &Replica, right: &Replica) {
    support::assert_same_rows(&left.rows(), &right.rows());
    assert_eq!(left.digest(), right.digest());
    assert_eq!(left.store.applied_state(), right.store.applied_state());
    assert_eq!(left.store.applied_index(), right.store.applied_index());
}

#[test]
fn a_snapshot_is_what_was_applied() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 30);
    let mut replica = replica_with(home.path(), &log);
    let (meta, snapshot) = build(&mut replica);
    let (applied, membership) = replica.store.applied_state();
    assert_eq!((meta.last_log_id, &meta.last_membership), (applied, &membership));
    let Manifest { format, cluster_id, term, node_id, index, digest, files } = snapshot.manifest();
    let hex: String = replica.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((*format, cluster_id.as_str(), *term, *node_id, *index), (SNAPSHOT_FORMAT, "c", 3, 1, 29));
    assert_eq!(*digest, hex);
    assert!(
        !files.is_empty() && files.iter().all(|file| raft_store::state::is_plain_file_name(&file.name)),
        "{files:?}"
    );
    snapshot.verify().unwrap();
    assert_eq!(names_in(&home.path().join("snap")), ["00000000000000000029-3"]);
    // It is the current one, now and after a restart.
    for _ in 0..2 {
        let current = block_on(replica.machine.get_current_snapshot()).unwrap().unwrap();
        assert_eq!(current.meta, meta);
        assert_eq!(current.snapshot.manifest(), snapshot.manifest());
        drop((current, replica));
        replica = Replica::open(home.path());
    }
}

#[test]
fn a_snapshot_brings_an_empty_and_a_lagging_node_up_to_date() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 40);
    let mut leader = replica_with(&home.path().join("leader"), &log[..30]);
    let (meta, snapshot) = build(&mut leader);
    for lag in [0, 1, 2, 17] {
        let dir = home.path().join(format!("follower-{lag}"));
        let mut follower = replica_with(&dir, &log[..lag]);
        let received = transfer(&snapshot, &dir);
        install(&mut follower, &meta, received).unwrap();
        assert_equal(&follower, &leader);
        assert_eq!(follower.store.newest_digest(), Some((LogIndex(29), leader.digest())));
        assert_eq!(follower.store.digest_at(LogIndex(29)), Some(leader.digest()));
        assert_eq!(names_in(&dir.join("sm")), ["CURRENT", "g-000002"], "the old generation has gone");
        assert_eq!(names_in(&dir.join("snap")), Vec::<String>::new(), "nothing is left of the transfer");
        assert_eq!(*follower.fatal.lock(), Vec::<String>::new());
        // It is durable at once, and the log goes on after it.
        drop(follower);
        let mut follower = Replica::open(&dir);
        assert_equal(&follower, &leader);
        follower.catch_up(&log);
        assert_equal(&follower, &replica_with(&home.path().join(format!("other-{lag}")), &log));
        // And it builds snapshots of its own that are as good.
        let (meta, snapshot) = build(&mut follower);
        let dir = home.path().join(format!("empty-{lag}"));
        let mut empty = Replica::open(&dir);
        let received = transfer(&snapshot, &dir);
        install(&mut empty, &meta, received).unwrap();
        assert_equal(&empty, &follower);
    }
}

#[test]
fn snapshots_can_be_installed_one_after_another() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 40);
    let mut leader = replica_with(&home.path().join("leader"), &log[..20]);
    let dir = home.path().join("follower");
    let mut follower = replica_with(&dir, &log[..5]);
    for upto in [20, 30, 40] {
        leader.catch_up(&log[..upto]);
        let (meta, snapshot) = build(&mut leader);
        let received = transfer(&snapshot, &dir);
        install(&mut follower, &meta, received).unwrap();
        assert_equal(&follower, &leader);
    }
    assert_eq!(names_in(&dir.join("sm")), ["CURRENT", "g-000004"]);
}

/// Readers that look while a snapshot is installed see one state, the old one, to their end.
#[test]
fn a_reader_keeps_the_generation_that_it_reads() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 30);
    let mut leader = replica_with(&home.path().join("leader"), &log);
    let (meta, snapshot) = build(&mut leader);
    let dir = home.path().join("follower");
    let mut follower = replica_with(&dir, &log[..10]);
    let received = transfer(&snapshot, &dir);
    let store = follower.store.clone();
    store.read(|view| {
        let before = scan(view, &KeyRange::all(), usize::MAX);
        install(&mut follower, &meta, received).unwrap();
        assert_eq!(view.applied(), LogIndex(9));
        assert_eq!(scan(view, &KeyRange::all(), usize::MAX), before);
        assert_eq!(names_in(&dir.join("sm")), ["CURRENT", "g-000001", "g-000002"]);
    });
    assert_eq!(names_in(&dir.join("sm")), ["CURRENT", "g-000002"], "the last reader has gone");
    assert_equal(&follower, &leader);
}

/// Nothing was applied since the last snapshot: building again must not remove the one that is there.
#[test]
fn a_snapshot_built_twice_at_one_index_stays() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 20);
    let mut replica = replica_with(home.path(), &log);
    let (meta, first) = build(&mut replica);
    let (again, second) = build(&mut replica);
    assert_eq!(again, meta);
    drop(first);
    second.verify().unwrap();
    drop(second);
    let current = block_on(replica.machine.get_current_snapshot()).unwrap().unwrap();
    current.snapshot.verify().unwrap();
    assert_eq!(names_in(&home.path().join("snap")), ["00000000000000000019-2"]);
    drop((current, replica));
    let mut replica = Replica::open(home.path());
    build(&mut replica).1.verify().unwrap();
}

#[test]
fn an_old_snapshot_goes_when_nobody_sends_it_any_more() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 20);
    let mut replica = replica_with(home.path(), &log[..10]);
    let (_, first) = build(&mut replica);
    replica.catch_up(&log);
    let (_, second) = build(&mut replica);
    let snap = home.path().join("snap");
    assert_eq!(names_in(&snap), ["00000000000000000009-1", "00000000000000000019-2"]);
    first.verify().unwrap();
    drop(first);
    assert_eq!(names_in(&snap), ["00000000000000000019-2"]);
    second.verify().unwrap();
}

/// What is refused leaves the state, and the node says that it cannot go on.
fn check_refused(spoil: impl FnOnce(&Path, &mut SnapshotMeta, &mut Manifest), reason: &str) {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 30);
    let mut leader = replica_with(&home.path().join("leader"), &log);
    let (mut meta, snapshot) = build(&mut leader);
    refuse(home.path(), &log, &mut meta, &snapshot, spoil, reason);
}

fn refuse(
    home: &Path,
    log: &[Entry],
    meta: &mut SnapshotMeta,
    snapshot: &SnapshotDir,
    spoil: impl FnOnce(&Path, &mut SnapshotMeta, &mut Manifest),
    reason: &str,
) {
    let dir = home.join("follower");
    let mut follower = replica_with(&dir, &log[..10]);
    let before = (follower.rows(), follower.store.applied_state(), follower.store.newest_digest());
    // Not `received` yet: the spoiler works on the files and the manifest first.
    let incoming = transfer(snapshot, &dir);
    let place = incoming.dir().to_owned();
    let keep = home.join("keep");
    fs::rename(&place, &keep).unwrap();
    drop(incoming);
    fs::rename(&keep, &place).unwrap();
    let mut manifest = snapshot.manifest().clone();
    spoil(&place, meta, &mut manifest);
    let error = install(&mut follower, meta, SnapshotDir::received(place, manifest)).unwrap_err();
    assert!(error.to_string().contains(reason), "{error}");
    assert_eq!(follower.fatal.lock().len(), 1);
    let after = |replica: &Replica| (replica.rows(), replica.store.applied_state(), replica.store.newest_digest());
    assert_eq!(after(&follower), before);
    assert_eq!(names_in(&dir.join("sm")), ["CURRENT", "g-000001"]);
    assert_eq!(names_in(&dir.join("snap")), Vec::<String>::new(), "what was refused is removed");
    drop(follower);
    let mut follower = Replica::open(&dir);
    assert_eq!((follower.rows(), follower.store.applied_state()), (before.0, before.1));
    follower.catch_up(log);
}

/// A file of the checkpoint that holds rows.
fn table_file(dir: &Path) -> PathBuf {
    let name = names_in(dir).into_iter().find(|name| name.ends_with(".sst")).unwrap();
    dir.join(name)
}

#[test]
fn a_changed_file_is_refused() {
    let flip = |dir: &Path, _: &mut SnapshotMeta, _: &mut Manifest| {
        let file = table_file(dir);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(file, bytes).unwrap();
    };
    check_refused(flip, "has changed");
}

#[test]
fn a_file_that_is_short_long_or_missing_is_refused() {
    let cut = |dir: &Path, _: &mut SnapshotMeta, _: &mut Manifest| {
        let file = table_file(dir);
        let bytes = fs::read(&file).unwrap();
        fs::write(file, &bytes[..bytes.len() - 1]).unwrap();
    };
    check_refused(cut, "has changed");
    let lengthen = |dir: &Path, _: &mut SnapshotMeta, _: &mut Manifest| {
        let file = table_file(dir);
        let mut bytes = fs::read(&file).unwrap();
        bytes.push(0);
        fs::write(file, bytes).unwrap();
    };
    check_refused(lengthen, "has changed");
    check_refused(|dir, _, _| fs::remove_file(table_file(dir)).unwrap(), "open a file of the snapshot");
    check_refused(|dir, _, _| fs::remove_file(dir.join("CURRENT")).unwrap(), "open a file of the snapshot");
}

#[test]
fn a_manifest_that_lies_is_refused() {
    check_refused(
        |_, _, manifest| manifest.digest = "00".repeat(32),
        "its state digest is not the one in its manifest",
    );
    check_refused(|_, _, manifest| manifest.cluster_id = "other".into(), "it is not of the cluster in its manifest");
    check_refused(|_, _, manifest| manifest.files[0].crc32c ^= 1, "has changed");
    let other_meta = |_: &Path, meta: &mut SnapshotMeta, _: &mut Manifest| {
        meta.last_log_id = Some(raft_store::types::log_id(3, 1, 30));
    };
    check_refused(other_meta, "does not cover what the leader says");
    let other_members = |_: &Path, meta: &mut SnapshotMeta, _: &mut Manifest| {
        let log_id = *meta.last_membership.log_id();
        let membership = state_support::membership(&[1, 2]);
        meta.last_membership = raft_store::types::StoredMembership::new(log_id, membership);
    };
    check_refused(other_members, "does not cover what the leader says");
}

#[test]
fn a_snapshot_of_another_cluster_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut leader = replica_with(&home.path().join("leader"), &log_of("stranger", 30));
    let (mut meta, snapshot) = build(&mut leader);
    let log = log_of("c", 30);
    refuse(home.path(), &log, &mut meta, &snapshot, |_, _, _| {}, "is of cluster stranger, this node belongs to c");
}

#[test]
fn what_a_crash_left_is_cleaned_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 20);
    let mut replica = replica_with(home.path(), &log);
    build(&mut replica);
    let before = replica.rows();
    drop(replica);
    let snap = home.path().join("snap");
    for name in ["incoming-7", "building-19", "00000000000000000025-3"] {
        fs::create_dir_all(snap.join(name)).unwrap();
        fs::write(snap.join(name).join("000001.sst"), b"half").unwrap();
    }
    let sm = home.path().join("sm");
    fs::create_dir_all(sm.join("g-000002")).unwrap();
    fs::write(sm.join("g-000002").join("CURRENT"), b"half").unwrap();
    fs::write(sm.join("CURRENT.tmp"), b"g-00").unwrap();
    let mut replica = Replica::open(home.path());
    assert_eq!(replica.rows(), before);
    assert_eq!(names_in(&snap), ["00000000000000000019-2"]);
    assert_eq!(names_in(&sm), ["CURRENT", "CURRENT.tmp", "g-000001"]);
    block_on(replica.machine.get_current_snapshot()).unwrap().unwrap().snapshot.verify().unwrap();
}

const CHILD_DIR: &str = "REGISTRY_TEST_STATE_DIR";
const CHILD_LEADER: &str = "REGISTRY_TEST_STATE_LEADER";
const CHILD_POINT: &str = "REGISTRY_TEST_STATE_POINT";

/// Not a test of its own: what the child process of a crash test does. Without its variables it does nothing.
#[test]
fn crash_child() {
    let (Ok(dir), Ok(point)) = (std::env::var(CHILD_DIR), std::env::var(CHILD_POINT)) else { return };
    let dir = PathBuf::from(dir);
    let mut replica = Replica::open(&dir);
    fail::cfg_callback(&point, || std::process::abort()).unwrap();
    match std::env::var(CHILD_LEADER) {
        Ok(leader) => {
            let mut leader = Replica::open(Path::new(&leader));
            let current = block_on(leader.machine.get_current_snapshot()).unwrap().unwrap();
            let received = transfer(&current.snapshot, &dir);
            install(&mut replica, &current.meta, received).unwrap();
        }
        Err(_) => drop(build(&mut replica)),
    }
}

fn crash(dir: &Path, leader: Option<&Path>, point: &str) {
    use std::os::unix::process::ExitStatusExt;
    const ABORTED: i32 = 6;
    let mut child = Process::new(std::env::current_exe().unwrap());
    child.args(["crash_child", "--exact", "--test-threads=1"]).env(CHILD_DIR, dir).env(CHILD_POINT, point);
    if let Some(leader) = leader {
        child.env(CHILD_LEADER, leader);
    }
    let status = child.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(ABORTED), "{point} was not reached: {status}");
}

#[test]
fn a_crash_while_a_snapshot_is_installed_leaves_the_old_state_or_the_new() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 40);
    let leader_dir = home.path().join("leader");
    let mut leader = replica_with(&leader_dir, &log[..30]);
    build(&mut leader);
    drop(leader);
    let new = replica_with(&home.path().join("new"), &log[..30]);
    let whole = replica_with(&home.path().join("whole"), &log);
    for (point, installed) in
        [("install::before_rename", false), ("install::before_current", false), ("install::after_current", true)]
    {
        for lag in [0, 12] {
            let dir = home.path().join(format!("{}-{lag}", point.replace("::", "-")));
            drop(replica_with(&dir, &log[..lag]));
            crash(&dir, Some(&leader_dir), point);
            let mut replica = Replica::open(&dir);
            if installed {
                assert_equal(&replica, &new);
            } else {
                let old =
                    replica_with(&home.path().join(format!("old-{}-{lag}", point.replace("::", "-"))), &log[..lag]);
                assert_equal(&replica, &old);
            }
            let sm = names_in(&dir.join("sm"));
            let generations: Vec<_> = sm.iter().filter(|name| name.starts_with("g-")).collect();
            assert_eq!(generations, [&*live_generation(&dir).file_name().unwrap().to_string_lossy()], "{point}");
            assert_eq!(names_in(&dir.join("snap")), Vec::<String>::new(), "{point}");
            // The node goes on: by the log, or by the snapshot once more.
            if lag == 0 && !installed {
                let mut leader = Replica::open(&leader_dir);
                let current = block_on(leader.machine.get_current_snapshot()).unwrap().unwrap();
                let received = transfer(&current.snapshot, &dir);
                install(&mut replica, &current.meta, received).unwrap();
                assert_equal(&replica, &new);
            }
            replica.catch_up(&log);
            assert_equal(&replica, &whole);
        }
    }
}

#[test]
fn a_crash_while_a_snapshot_is_built_leaves_the_state_and_whole_snapshots() {
    let home = tempfile::tempdir().unwrap();
    let log = log_of("c", 30);
    let old = "00000000000000000011-2";
    let new = "00000000000000000029-3";
    for (point, expected) in [
        ("snapshot::before_checkpoint", old),
        ("snapshot::before_seal", old),
        // Both are sealed then; the older one is superseded and goes at the next start.
        ("snapshot::after_seal", new),
    ] {
        let dir = home.path().join(point.replace("::", "-"));
        let mut replica = replica_with(&dir, &log[..12]);
        build(&mut replica);
        replica.catch_up(&log);
        replica.store.flush().unwrap();
        let before = (replica.rows(), replica.store.applied_state());
        drop(replica);
        crash(&dir, None, point);
        let mut replica = Replica::open(&dir);
        assert_eq!((replica.rows(), replica.store.applied_state()), before, "{point}");
        assert_eq!(names_in(&dir.join("snap")), [expected], "{point}");
        block_on(replica.machine.get_current_snapshot()).unwrap().unwrap().snapshot.verify().unwrap();
        let (meta, snapshot) = build(&mut replica);
        snapshot.verify().unwrap();
        assert_eq!(names_in(&dir.join("snap")), [new], "{point}");
        let mut other = Replica::open(&home.path().join(format!("to-{}", point.replace("::", "-"))));
        let received = transfer(&snapshot, &home.path().join(format!("to-{}", point.replace("::", "-"))));
        install(&mut other, &meta, received).unwrap();
        assert_equal(&other, &replica);
        assert_eq!(other.store.read(|view| query::machine(view).unwrap().cluster_id), "c");
    }
}

/// Whatever fails while a snapshot is made may have been a sync: the node ends itself, as with every other write that fails.
#[test]
fn a_snapshot_that_cannot_be_made_ends_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let mut replica = replica_with(dir.path(), &log_of("c", 30));
    let snap = dir.path().join("snap");
    let mut builder = block_on(replica.machine.try_create_snapshot_builder(true)).unwrap();
    fs::remove_dir_all(&snap).unwrap();
    assert!(block_on(builder.build_snapshot()).is_err(), "the checkpoint is gone");
    assert_eq!(replica.fatal.lock().len(), 1);

    // The attempt to open what is gone has left a directory.
    fs::remove_dir_all(&snap).unwrap();
    fs::write(&snap, "not a directory").unwrap();
    assert!(block_on(replica.machine.try_create_snapshot_builder(true)).is_none());
    assert_eq!(replica.fatal.lock().len(), 2, "{:?}", replica.fatal.lock());
}

/// A soak took the power of a node while RocksDB wrote an edit to the MANIFEST of the state, and the node never came back.
#[test]
fn a_torn_edit_of_the_manifest_opens_with_everything() {
    let dir = tempfile::tempdir().unwrap();
    let replica = replica_with(dir.path(), &log_of("c", 30));
    let (rows, digest) = (replica.rows(), replica.digest());
    drop(replica);
    let generation = live_generation(dir.path());
    let manifest = generation.join(fs::read_to_string(generation.join("CURRENT")).unwrap().trim());
    let mut bytes = fs::read(&manifest).unwrap();
    // Checksum, length, kind: of full length, and nothing that fits.
    bytes.extend_from_slice(&[0xA7, 0xA7, 0xA7, 0xA7, 40, 0, 1]);
    bytes.extend_from_slice(&[0xA7; 40]);
    fs::write(&manifest, bytes).unwrap();
    let replica = Replica::open(dir.path());
    assert_eq!((replica.rows(), replica.digest()), (rows, digest));
    drop(replica);

    // Damage in the midst of it is none that a power loss leaves.
    let manifest = generation.join(fs::read_to_string(generation.join("CURRENT")).unwrap().trim());
    let mut bytes = fs::read(&manifest).unwrap();
    let early = bytes.len() / 3;
    bytes[early] ^= 1;
    fs::write(&manifest, bytes).unwrap();
    assert!(Replica::try_open(dir.path()).is_err());
}
