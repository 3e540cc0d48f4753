//! Every prescribed package does real work: where each is named, in code that ships and not in tests alone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

/// Package, the crate that uses it, and what it does there.
const WORKING: &[(&str, &str, &str)] = &[
    ("openraft", "node", "consensus: elections, replication, membership"),
    ("openraft", "raft-store", "its log storage and state machine are implemented here"),
    ("tokio", "node", "the runtime of the server"),
    ("tonic", "node", "gRPC between nodes and for clients"),
    ("rocksdb", "raft-store", "the log and the state on disk"),
    ("bincode", "raft-store", "the bytes of every record, in the codec module"),
    ("serde", "raft-store", "what is encoded on disk"),
    ("serde", "proto", "the bodies of the HTTP API"),
    ("jsonschema", "schema", "validates documents against JSON Schema"),
    ("prost-reflect", "schema", "validates Protobuf data by descriptors"),
    ("apache-avro", "client", "the Avro codec of the client's serialisers"),
    ("axum", "node", "the HTTP server"),
    ("tracing", "node", "the logs"),
    ("rustls", "node", "TLS on every port"),
    ("rustls", "client", "the cryptography of connections by https"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests must")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Is there a source under `folder` that names the package in a path?
fn is_named(folder: &Path, package: &str) -> bool {
    let path = format!("{}::", package.replace('-', "_"));
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().any(|entry| {
        if entry.is_dir() {
            return is_named(&entry, package);
        }
        entry.extension().is_some_and(|extension| extension == "rs")
            && read(&entry).split("#[cfg(test)]").next().unwrap().lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//") && line.contains(&path)
            })
    })
}

/// Does the manifest list the package under `[dependencies]`?
fn depends(manifest: &Path, package: &str) -> bool {
    let text = read(manifest);
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    section.lines().any(|line| line.split(['.', ' ', '=']).next() == Some(package))
}

#[test]
fn every_prescribed_package_works_where_the_list_says() {
    for (package, folder, work) in WORKING {
        let folder = root().join(folder);
        assert!(depends(&folder.join("Cargo.toml"), package), "{package} ({work}): no dependency of {folder:?}");
        assert!(is_named(&folder.join("src"), package), "{package} ({work}): no source in {folder:?} names it");
    }
}
