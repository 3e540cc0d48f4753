//! Backups of running clusters, and what is restored from them.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use backup::{BackupKeys, Checks, Verified};
use node::host::restore::{Restore, Restored, restore_backup};
use raft_store::state::{StateError, StateStore};
use registry::{Key, MachineRow, Row, query};
use serde_json::Value;
use support::{Answer, Cluster, wait_for};

/// Rows by the bytes of their keys.
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn rows_of(state: &StateStore) -> (u64, Rows) {
    let mut rows = Rows::new();
    let index = state.export::<_, StateError>(|export| {
        export.rows::<StateError>(|key, value| {
            rows.insert(key.to_vec(), value.to_vec());
            Ok(())
        })?;
        Ok(export.position().index.0)
    });
    (index.unwrap(), rows)
}

fn rows_on(cluster: &Cluster, id: u64) -> (u64, Rows) {
    let running = cluster.service(id);
    let (state, _) = running.consensus().state().on_disk().unwrap();
    rows_of(state)
}

fn verified(bytes: &[u8], keys: &BackupKeys) -> Verified {
    backup::verify(bytes, keys, &Checks::default(), &mut |_| {}).unwrap()
}

/// Streams a backup of a node into a file.
fn stream(cluster: &Cluster, id: u64, file: &Path) -> Verified {
    let bytes = cluster.fetch(id, "/v1/backup");
    std::fs::write(file, &bytes).unwrap();
    verified(&bytes, &BackupKeys::default())
}

fn create(cluster: &Cluster, id: u64, kind: &str) -> Value {
    let answer = cluster.ask(id, "POST", "/v1/backups", Some(&format!(r#"{{"kind":"{kind}"}}"#)));
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

fn all_applied(cluster: &Cluster) -> u64 {
    let applied = |id| cluster.service(id).consensus().state().applied_index().0;
    let mut common = 0;
    wait_for("the same applied index on all nodes", || {
        common = applied(1);
        (2..=3).all(|id| applied(id) == common) && applied(1) == common
    });
    common
}

/// A cluster of one or more nodes with another id, of which the first is to be restored.
fn new_cluster(count: u64) -> Cluster {
    let mut cluster = Cluster::prepared(count);
    for node in &mut cluster.nodes {
        node.config.cluster.id = "restored".to_owned();
    }
    cluster
}

fn restore_first(cluster: &Cluster, sources: &[PathBuf], to_index: Option<u64>) -> Result<Restored, String> {
    let asked = Restore { sources: sources.to_vec(), to_index, ..Restore::default() };
    restore_backup(&cluster.nodes[0].config, &asked).map_err(|error| error.to_string())
}

fn state_in(data: &Path) -> StateStore {
    StateStore::open(data, Arc::new(|_| {})).unwrap()
}

/// Registers schemas through all nodes until it is told to stop.
fn under_load<T>(cluster: &Cluster, work: impl FnOnce() -> T) -> (u64, T) {
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for id in 1..=3 {
            let (stop, written) = (&stop, &written);
            scope.spawn(move || {
                let mut number = 0;
                while !stop.load(Ordering::Relaxed) {
                    number += 1;
                    let answer = cluster.register(id, &format!("s{id}-{}", number % 7), &format!("N{id}x{number}"));
                    assert_eq!(answer.status, 200, "{answer:?}");
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        wait_for("some load", || written.load(Ordering::Relaxed) > 30);
        let done = work();
        stop.store(true, Ordering::Relaxed);
        (written.load(Ordering::Relaxed), done)
    })
}

fn free_of_compatibility(cluster: &Cluster) {
    let answer = cluster.ask(1, "PUT", "/config", Some(r#"{"compatibility":"NONE"}"#));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_backup_under_load_is_one_consistent_state_and_comes_back_row_by_row() {
    let cluster = Cluster::start();
    let dir = tempfile::tempdir().unwrap();
    free_of_compatibility(&cluster);
    let follower = cluster.follower();
    let (_, during) = under_load(&cluster, || {
        (0..3)
            .map(|number| stream(&cluster, follower, &dir.path().join(format!("{number}.srbackup"))))
            .collect::<Vec<_>>()
    });
    assert!(during.windows(2).all(|two| two[0].header.at.index < two[1].header.at.index), "{during:?}");
    for (number, made) in during.iter().enumerate() {
        // A restore compares digest, audit tree and every audit record with the header: the rows are of one moment.
        let restored = new_cluster(1);
        let done = restore_first(&restored, &[dir.path().join(format!("{number}.srbackup"))], None).unwrap();
        assert_eq!((done.index, done.rows), (made.header.at.index, made.trailer.rows()));
        let answer = cluster.ask(follower, "GET", &format!("/admin/state-hash?index={}", done.index), None);
        assert!(answer.body.contains(&done.digest), "{answer:?} is not {done:?}");
    }

    // Nothing is written now: a backup of one node is the state of another.
    all_applied(&cluster);
    let (index, rows) = rows_on(&cluster, cluster.leader());
    let file = dir.path().join("quiet.srbackup");
    let made = stream(&cluster, follower, &file);
    assert_eq!((made.header.at.index, made.trailer.rows()), (index, rows.len() as u64));
    let mut restored = new_cluster(2);
    restore_first(&restored, &[file], None).unwrap();
    let state = state_in(&restored.nodes[0].config.node.data_dir);
    let (restored_index, mut restored_rows) = rows_of(&state);
    let machine = state.read(|view| query::machine(view)).unwrap();
    assert_eq!((restored_index, machine.cluster_id.as_str()), (index, "restored"));
    drop(state);
    // Only the name of the cluster is not that of the old one.
    let named = MachineRow { cluster_id: "in-process".to_owned(), ..machine.clone() };
    restored_rows.insert(Key::Machine.encode(), raft_store::codec::encode_row(&Row::Machine(named)));
    assert_eq!(restored_rows, rows);

    goes_on_where_it_was(&cluster, &mut restored, index, &machine);
}

/// The restored node serves the same, gives no id and no index twice, and takes another node in.
fn goes_on_where_it_was(old: &Cluster, new: &mut Cluster, index: u64, machine: &MachineRow) {
    new.node(1).start(false);
    new.nodes[0].wait_ready();
    let both = |path: &str| (old.ask(1, "GET", path, None), new.ask(1, "GET", path, None));
    for path in ["/subjects", "/subjects/s1-1/versions", "/subjects/s2-3/versions/latest", "/config", "/contexts"] {
        let (was, is) = both(path);
        assert_eq!((was.status, &was.body), (is.status, &is.body), "{path}");
        assert!(is.index > index, "{path}: {} is not behind {index}", is.index);
    }
    let size = machine.audit_size;
    let (was, is) = both(&format!("/api/v1/audit/checkpoint?size={size}"));
    let root = |answer: &Answer| serde_json::from_str::<Value>(&answer.body).unwrap()["root"].clone();
    assert!(root(&is).is_string() && root(&was) == root(&is), "{was:?} {is:?}");
    // A record from before the restore is in the tree of after it.
    let running = new.service(1);
    let proven = running.consensus().state().read(|view| {
        let now = query::machine(view).unwrap();
        assert!(now.audit_size > size && now.cluster_id == "restored", "{now:?}");
        let Some(Row::AuditNode(leaf)) = registry::View::get(view, &Key::AuditNode(0, 3)).unwrap() else { panic!() };
        let path = registry::audit::inclusion(view, 3, now.audit_size).unwrap();
        let root = registry::audit::root(view, now.audit_size).unwrap();
        registry::audit::is_included(&leaf, 3, now.audit_size, &path, &root)
    });
    assert!(proven);
    wait_for("the record of the restore", || {
        let records = new.ask(1, "GET", &format!("/api/v1/audit?from={size}"), None);
        records.body.contains("cluster.restore") && records.body.contains("cluster.found")
    });

    // The next id and version are the same as where nothing was lost.
    let (was, is) = (old.register(1, "next", "Next"), new.register(1, "next", "Next"));
    let id = |answer: &Answer| serde_json::from_str::<Value>(&answer.body).unwrap()["id"].clone();
    assert_eq!(id(&was), id(&is), "{was:?} {is:?}");
    assert!(is.index > index);

    new.node(2).start(false);
    let member = &new.nodes[1].config.cluster.members[1];
    let body = format!(
        r#"{{"node_id":2,"peer_address":"{}","http_url":"{}","region":"here"}}"#,
        member.peer_address, member.http_url
    );
    for (path, body) in [("/v1/cluster/members", Some(body.as_str())), ("/v1/cluster/members/2/promote", None)] {
        wait_for(path, || new.ask(1, "POST", path, body).status == 200);
    }
    new.nodes[1].wait_ready();
    assert_eq!(new.ask(2, "GET", "/subjects", None).body, new.ask(1, "GET", "/subjects", None).body);
    assert_eq!(new.register(2, "later", "Later").status, 200);
}

#[test]
fn incremental_backups_lead_to_any_entry_and_the_same_digest() {
    let mut cluster = Cluster::prepared(3);
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let key_file = dir.path().join("key");
    std::fs::write(&key_file, "0123456789abcdef0123456789abcdef\n").unwrap();
    for node in &mut cluster.nodes {
        node.config.backup.directory.clone_from(&kept);
        node.config.backup.key_file.clone_from(&key_file);
        node.start(true);
    }
    cluster.nodes.iter().for_each(|node| node.wait_ready());
    free_of_compatibility(&cluster);
    let early = cluster.ask(1, "POST", "/v1/backups", Some(r#"{"kind":"log"}"#));
    assert!(early.status == 422 && early.body.contains("full one first"), "{early:?}");

    cluster.register(1, "s", "First");
    let full = create(&cluster, 1, "full");
    let digests: Vec<(u64, String)> = (0..10)
        .map(|number| {
            let index = cluster.register(1, "s", &format!("N{number}")).index;
            let hash = cluster.ask(1, "GET", &format!("/admin/state-hash?index={index}"), None);
            let hash: Value = serde_json::from_str(&hash.body).unwrap();
            (index, hash["digest"].as_str().unwrap().to_owned())
        })
        .collect();
    let first = create(&cluster, 1, "log");
    assert_eq!(first["since"], full["index"]);
    cluster.register(2, "s", "Last");
    let second = create(&cluster, 1, "log");
    assert_eq!(second["since"], first["index"]);
    let listed: Value = serde_json::from_str(&cluster.ask(1, "GET", "/v1/backups", None).body).unwrap();
    assert_eq!(listed["backups"].as_array().unwrap().len(), 3, "{listed}");
    let metrics = cluster.ask(3, "GET", "/metrics", None).body;
    assert!(metrics.contains("schemareg_backup_last_success_timestamp_seconds "), "every node knows of it");

    let keys = BackupKeys::parse("0123456789abcdef0123456789abcdef").unwrap();
    let name = second["name"].as_str().unwrap();
    let bytes = cluster.fetch(1, &format!("/v1/backups/{name}"));
    assert_eq!(verified(&bytes, &keys).header.at.index, second["index"].as_u64().unwrap());
    let rest = cluster.fetch(1, &format!("/v1/backups/{name}?offset=100"));
    assert_eq!(rest, bytes[100..], "a download goes on where it was");
    assert_eq!(cluster.ask(1, "GET", "/v1/backups/..%2Fkey", None).status, 404);

    let with = |to_index| Restore {
        sources: vec![kept.clone()],
        to_index,
        key_file: Some(key_file.clone()),
        ..Restore::default()
    };
    for (index, digest) in digests.iter().step_by(3) {
        let scratch = new_cluster(1);
        let restored = restore_backup(&scratch.nodes[0].config, &with(Some(*index))).unwrap();
        assert_eq!((restored.index, &restored.digest), (*index, digest));
    }
    let scratch = new_cluster(1);
    let restored = restore_backup(&scratch.nodes[0].config, &with(None)).unwrap();
    assert_eq!(restored.index, second["index"].as_u64().unwrap());
    assert_eq!(restored.backups.len(), 3);
    let beyond =
        restore_backup(&new_cluster(1).nodes[0].config, &with(Some(restored.index + 1))).unwrap_err().to_string();
    assert!(beyond.contains("lead to entry"), "{beyond}");
    let keyless = Restore { key_file: None, ..with(None) };
    let keyless = restore_backup(&new_cluster(1).nodes[0].config, &keyless).unwrap_err().to_string();
    assert!(keyless.contains("no full backup"), "{keyless}");
    let first = kept.join(full["name"].as_str().unwrap());
    let keyless = Restore { sources: vec![first], ..Restore::default() };
    let keyless = restore_backup(&new_cluster(1).nodes[0].config, &keyless).unwrap_err().to_string();
    assert!(keyless.contains("name the file with that key"), "{keyless}");
}

/// What a restore that was killed leaves must not be taken for an empty directory.
#[test]
fn a_node_does_not_start_where_a_restore_broke_off() {
    let mut cluster = new_cluster(1);
    let building = cluster.nodes[0].config.node.data_dir.join("restoring");
    std::fs::create_dir_all(&building).unwrap();
    cluster.node(1).start(true);
    let end = cluster.node(1).ended();
    assert!(matches!(end, node::End::NotStarted(node::StartError::Mismatch(_))), "{end}");
    assert!(end.to_string().contains("a restore left"), "{end}");
    std::fs::remove_dir(&building).unwrap();
    cluster.node(1).start(true);
    cluster.node(1).wait_ready();
}

#[test]
fn a_restore_that_is_refused_leaves_nothing_behind() {
    let cluster = Cluster::start();
    let dir = tempfile::tempdir().unwrap();
    cluster.register(1, "s", "Kept");
    let file = dir.path().join("good.srbackup");
    stream(&cluster, 1, &file);
    let good = std::fs::read(&file).unwrap();
    let new = new_cluster(1);
    let data = &new.nodes[0].config.node.data_dir;
    let refused = |bytes: &[u8]| {
        let bad = dir.path().join("bad.srbackup");
        std::fs::write(&bad, bytes).unwrap();
        let error = restore_first(&new, &[bad], None).unwrap_err();
        let left: Vec<_> = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?} is left");
        error
    };
    for at in (0..good.len()).step_by(good.len() / 60 + 1) {
        let mut flipped = good.clone();
        flipped[at] ^= 0x40;
        refused(&flipped);
    }
    assert!(refused(&good[..good.len() / 2]).contains("cut off"));
    assert!(refused(&good[..good.len() - 1]).contains("cut off"));
    assert!(refused(b"nothing of the kind").contains("no backup"));
    assert!(refused(&forged(&good)).contains("audit record"), "rows that are whole, and not those of the audit tree");

    // The same cluster again, a directory in use, and then the good one.
    let mut same = new.nodes[0].config.clone();
    same.cluster.id = "in-process".to_owned();
    let asked = Restore { sources: vec![file.clone()], ..Restore::default() };
    assert!(restore_backup(&same, &asked).unwrap_err().to_string().contains("needs a new id"));
    assert!(restore_backup(&cluster.nodes[0].config, &asked).is_err());
    restore_first(&new, std::slice::from_ref(&file), None).unwrap();
    assert!(restore_first(&new, &[file], None).unwrap_err().contains("is in use"));
}

/// The same backup with other words in an audit record, written by somebody who knows the format: every checksum is right.
fn forged(good: &[u8]) -> Vec<u8> {
    let mut reader = backup::BackupReader::open(good, &BackupKeys::default()).unwrap();
    let mut writer = backup::BackupWriter::begin(Vec::new(), reader.header(), [1; 16], None).unwrap();
    loop {
        match reader.next_part().unwrap() {
            backup::Part::Rows(rows) => {
                for (key, value) in rows {
                    let decoded = Key::decode(&key).unwrap();
                    let row = raft_store::codec::decode_row(&decoded, &value).unwrap();
                    let value = match row {
                        Row::Audit(record) if decoded == Key::Audit(1) => {
                            let record = registry::AuditRow { principal: "somebody else".to_owned(), ..record };
                            raft_store::codec::encode_row(&Row::Audit(record))
                        }
                        _ => value,
                    };
                    writer.row(&key, &value).unwrap();
                }
            }
            backup::Part::Entries(_) => panic!("a full backup has no entries"),
            backup::Part::End(_) => return writer.finish(|_| None).unwrap().0,
        }
    }
}

#[test]
fn the_leader_makes_backups_by_schedule_and_keeps_some() {
    let mut cluster = Cluster::prepared(3);
    let dir = tempfile::tempdir().unwrap();
    for node in &mut cluster.nodes {
        node.config.backup.directory = dir.path().join(node.config.node.id.to_string());
        (node.config.backup.every_seconds, node.config.backup.keep, node.config.backup.incrementals) = (1, 2, 1);
        node.start(true);
    }
    cluster.nodes.iter().for_each(|node| node.wait_ready());
    let made = |id: u64| -> Vec<String> {
        let entries = std::fs::read_dir(dir.path().join(id.to_string())).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let leader = cluster.leader();
    let mut seen = std::collections::BTreeSet::new();
    wait_for("seven backups", || {
        seen.extend(made(leader).into_iter().filter(|name| name.ends_with(".srbackup")));
        seen.len() >= 7
    });
    let kinds: Vec<_> = seen.iter().map(|name| name.contains("-full.")).collect();
    assert!(kinds.starts_with(&[true, false, true, false]), "{seen:?}");
    let full = made(leader).iter().filter(|name| name.ends_with("-full.srbackup")).count();
    assert!((1..=3).contains(&full), "{:?}: two are kept, and one may be about to go", made(leader));
    assert!((1..=3).filter(|id| *id != leader).all(|id| made(id).is_empty()), "only the leader makes them");
    let records = cluster.ask(leader, "GET", "/api/v1/audit?action=backup.create", None);
    assert!(records.body.contains("kind=full"), "{records:?}");
}
