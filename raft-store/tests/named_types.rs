//! The digest and the codec list the same types, field by field, each in its own way and for its own reason: what replicas
//! compare must not move when the format on disk does. This compares the two lists of names, so that a type that is added
//! to one is not forgotten in the other.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What only commands and answers on the wire are made of: no row holds it, so no digest sees it.
const NOT_IN_ROWS: [&str; 31] = [
    "AccessCommand",
    "Actor",
    "Assign",
    "AssociationChange",
    "AssociationWish",
    "AssociationsCommand",
    "Authentication",
    "Basis",
    "BasisKey",
    "CatalogCommand",
    "ClusterCommand",
    "Command",
    "Envelope",
    "FeedsCommand",
    "LifeChange",
    "LifeCommand",
    "Node",
    "Operation",
    "Outcome",
    "Permanent",
    "Principal",
    "PrincipalKind",
    "Register",
    "RequestSource",
    "SettingsCommand",
    "TraceContext",
    // These three are rows, but hold digests themselves, or head the tree of hashes.
    "MachineRow",
    "UnderWay",
    // Names of their own in the digest: the answer of a request, and a setting of any kind.
    "Done",
    "Refusal",
    "SettingRow",
];

fn sources(dir: &str) -> Vec<String> {
    fn files(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut found);
    found.into_iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The domain types of lines like `    ConfigV1 for Config {`.
fn types_of_the_codec() -> BTreeSet<String> {
    let sources = sources("src/codec");
    let lines = sources.iter().flat_map(|source| source.lines());
    let named = lines.filter_map(|line| line.trim().strip_suffix(" {")?.split_once("V1 for "));
    named.map(|(_, domain)| domain.to_owned()).collect()
}

/// The types of `impl Feed for X {`, of the lists of the macros, and of the lists beside the enums.
fn types_of_the_digest() -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for source in sources("../registry/src") {
        for line in source.lines() {
            let line = line.trim();
            if let Some(named) = line.strip_prefix("impl Feed for ") {
                types.insert(named.trim_end_matches(" {").to_owned());
            }
            if let Some(named) = line.strip_prefix("described!(") {
                types.insert(named.split([' ', '{']).next().unwrap().to_owned());
            }
        }
        for list in ["feed_fields! {", "feed_name!(", "feed_newtype!(", "feed_state!("] {
            let Some((_, rest)) = source.split_once(&format!("\n{list}")) else { continue };
            let (body, _) = rest.split_once(if list.ends_with('{') { "\n}" } else { ");" }).unwrap();
            let mut depth = 0;
            let outside: String = body
                .chars()
                .filter(|character| {
                    depth += i32::from(*character == '{') - i32::from(*character == '}');
                    depth == 0 && *character != '}'
                })
                .collect();
            let names = outside.split([',', ' ', '\n']).map(|name| name.trim().rsplit("::").next().unwrap());
            // A plus stands before the fields that came later.
            types.extend(names.filter(|name| !matches!(*name, "" | "+")).map(ToOwned::to_owned));
        }
    }
    types
}

#[test]
fn the_digest_and_the_codec_name_the_same_types() {
    let (codec, digest) = (types_of_the_codec(), types_of_the_digest());
    assert!(codec.len() > 60 && digest.len() > 40, "the lists are found: {codec:?} {digest:?}");
    let only_codec: BTreeSet<_> = codec.difference(&digest).map(String::as_str).collect();
    let expected: BTreeSet<_> = NOT_IN_ROWS.into_iter().filter(|name| codec.contains(*name)).collect();
    assert_eq!(only_codec, &expected - &digest.iter().map(String::as_str).collect(), "types that no digest sees");
    // Newtypes are written as what they wrap, containers by rules of their own, and the row is the key's table.
    let unnamed =
        ["LogIndex", "SchemaId", "Version", "RequestId", "Guid", "DraftId", "Terms", "Context", "Row", "$type", "Done"];
    let known = |name: &&String| codec.contains(*name) || unnamed.contains(&name.as_str()) || is_plain(name);
    let unknown: Vec<_> = digest.iter().filter(|name| !known(name)).collect();
    assert!(unknown.is_empty(), "types that the codec does not name: {unknown:?}");
}

/// Numbers, texts and containers.
fn is_plain(name: &str) -> bool {
    name.contains('<')
        || name.contains('[')
        || name.starts_with(|first: char| first.is_ascii_lowercase() || first == '$')
        || name == "String"
}
