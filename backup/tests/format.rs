//! The format: what is written is read back, and nothing else is.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::io::Cursor;

use backup::{
    AUDIT_NODE_TABLE, BackupError, BackupKeys, BackupKind, BackupReader, BackupWriter, Checks, Header, KeyValue, Part,
    Position, Signature, hex, signed_text, verify,
};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn header(kind: BackupKind, audit_size: u64, audit_root: String) -> Header {
    let at = Position { index: 40, state_digest: hex(&[7; 32]) };
    let since = (kind == BackupKind::Log).then(|| Position { index: 30, state_digest: hex(&[6; 32]) });
    Header {
        kind,
        cluster_id: "test".to_owned(),
        level: 1,
        at,
        term: 3,
        leader_id: 2,
        since,
        time_ms: 1_796_000_000_000,
        node_id: 1,
        program: "0.1.0".to_owned(),
        audit_size,
        audit_root,
    }
}

fn keys() -> BackupKeys {
    BackupKeys::parse(SECRET).unwrap()
}

/// The hash of nothing: the root of the empty audit tree.
const EMPTY_ROOT: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn full(rows: &[(Vec<u8>, Vec<u8>)], keys: &BackupKeys) -> Vec<u8> {
    let header = header(BackupKind::Full, 0, EMPTY_ROOT.to_owned());
    let mut writer = BackupWriter::begin(Vec::new(), &header, [9; 16], keys.newest()).unwrap();
    for (key, value) in rows {
        writer.row(key, value).unwrap();
    }
    let signing = SigningKey::from_bytes(&[3; 32]);
    let sign = |hash: &str| {
        Some(Signature {
            public_key: hex(&signing.verifying_key().to_bytes()),
            signature: hex(&signing.sign(&signed_text(hash)).to_bytes()),
        })
    };
    writer.finish(sign).unwrap().0
}

fn log(records: &[Vec<u8>]) -> Vec<u8> {
    let header = header(BackupKind::Log, 0, EMPTY_ROOT.to_owned());
    let mut writer = BackupWriter::begin(Vec::new(), &header, [8; 16], None).unwrap();
    for (index, record) in (31..).zip(records) {
        writer.entry(index, record).unwrap();
    }
    writer.finish(|_| None).unwrap().0
}

fn read(bytes: &[u8], keys: &BackupKeys) -> Result<(Header, Vec<KeyValue>), BackupError> {
    let mut reader = BackupReader::open(Cursor::new(bytes), keys)?;
    let header = reader.header().clone();
    let mut all = Vec::new();
    loop {
        match reader.next_part()? {
            Part::Rows(mut rows) => all.append(&mut rows),
            Part::Entries(entries) => {
                all.extend(entries.into_iter().map(|(index, record)| (index.to_be_bytes().to_vec(), record)));
            }
            Part::End(_) => return Ok((header, all)),
        }
    }
}

fn check(bytes: &[u8], keys: &BackupKeys) -> Result<(), BackupError> {
    verify(Cursor::new(bytes), keys, &Checks::default(), &mut |_| {}).map(drop)
}

fn some_rows() -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..20_u8).map(|number| (vec![1 + number / 4, number], vec![number; usize::from(number)])).collect()
}

prop_compose! {
    fn any_rows()(rows in prop::collection::btree_map(
        prop::collection::vec(any::<u8>(), 1..12).prop_filter("the tree is checked", |key| key[0] != AUDIT_NODE_TABLE),
        prop::collection::vec(any::<u8>(), 0..3_000),
        0..60,
    )) -> Vec<(Vec<u8>, Vec<u8>)> {
        rows.into_iter().collect()
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(rows in any_rows(), encrypted in any::<bool>()) {
        let keys = if encrypted { keys() } else { BackupKeys::default() };
        let bytes = full(&rows, &keys);
        let (found, read) = read(&bytes, &keys).unwrap();
        prop_assert_eq!(found, header(BackupKind::Full, 0, EMPTY_ROOT.to_owned()));
        prop_assert_eq!(read, rows);
        check(&bytes, &keys).unwrap();
    }

    #[test]
    fn a_backup_with_changed_bytes_is_refused(
        rows in any_rows(),
        encrypted in any::<bool>(),
        place in any::<prop::sample::Index>(),
        change in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let keys = if encrypted { keys() } else { BackupKeys::default() };
        let bytes = full(&rows, &keys);
        let mut changed = bytes.clone();
        let at = place.index(bytes.len());
        for (byte, new) in changed[at..].iter_mut().zip(change) {
            *byte = new;
        }
        prop_assert_eq!(check(&changed, &keys).is_ok(), changed == bytes);
    }

    #[test]
    fn parts_that_are_moved_or_repeated_are_refused(
        rows in any_rows(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        length in 1_usize..200,
    ) {
        let bytes = full(&rows, &BackupKeys::default());
        let from = from.index(bytes.len());
        let piece = bytes[from..bytes.len().min(from + length)].to_vec();
        let mut changed = bytes.clone();
        let to = to.index(bytes.len());
        changed.splice(to..to, piece);
        prop_assert_eq!(check(&changed, &BackupKeys::default()).is_ok(), changed == bytes);
    }

    #[test]
    fn nothing_that_is_no_backup_is_one(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(check(&bytes, &BackupKeys::default()).is_err());
        let begins = [&full(&[], &BackupKeys::default())[..40], &bytes[..]].concat();
        prop_assert!(check(&begins, &BackupKeys::default()).is_err());
    }
}

/// Every byte, and every length, of a small backup: not a sample of them.
#[test]
fn every_flipped_byte_and_every_cut_of_a_small_backup_is_refused() {
    for keys in [BackupKeys::default(), keys()] {
        for bytes in [full(&some_rows(), &keys), log(&vec![vec![5; 30]; 10])] {
            check(&bytes, &keys).unwrap();
            for at in 0..bytes.len() {
                for bit in [0x01, 0x80] {
                    let mut changed = bytes.clone();
                    changed[at] ^= bit;
                    assert!(check(&changed, &keys).is_err(), "byte {at} of {}", bytes.len());
                }
                let error = check(&bytes[..at], &keys).unwrap_err();
                let is_named =
                    matches!(error, BackupError::Cut { .. }) || at < 40 && matches!(error, BackupError::NotABackup);
                assert!(is_named, "cut at {at} of {}: {error}", bytes.len());
            }
            let longer = [&bytes[..], &[0]].concat();
            assert!(matches!(check(&longer, &keys), Err(BackupError::Trailing)));
        }
    }
}

#[test]
fn what_is_wrong_is_named() {
    let plain = full(&some_rows(), &BackupKeys::default());
    let sealed = full(&some_rows(), &keys());
    let other = BackupKeys::parse(&SECRET.to_uppercase()).unwrap();
    let said = |bytes: &[u8], keys: &BackupKeys| check(bytes, keys).unwrap_err().to_string();
    assert!(said(b"{\"some\": \"json\"}", &other).contains("no backup"));
    assert!(said(&sealed, &BackupKeys::default()).contains("name the file with that key"));
    assert!(said(&sealed, &other).contains(&other.newest().unwrap().name()));
    assert!(check(&plain, &other).is_ok(), "a key does no harm where none is needed");

    let mut newer = plain;
    newer[8] = 2;
    let checksum = crc32c(&newer[..36]);
    newer[36..40].copy_from_slice(&checksum.to_le_bytes());
    let text = said(&newer, &other);
    assert!(text.contains("format 2") && text.contains("newer"), "{text}");

    // Somebody with the format at hand, and without the key, writes a part anew.
    let mut forged = sealed;
    let at = 40 + 16 + 5;
    forged[at] ^= 1;
    let length = u32::from_le_bytes(forged[48..52].try_into().unwrap()) as usize;
    let mut sum = crc32c(&forged[40..52]);
    sum = crc32c_append(sum, &0_u64.to_le_bytes());
    sum = crc32c_append(sum, &forged[56..56 + length]);
    forged[52..56].copy_from_slice(&sum.to_le_bytes());
    assert!(said(&forged, &keys()).contains("forged"));
}

fn crc32c(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

fn crc32c_append(sum: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(sum, bytes)
}

#[test]
fn who_signed_and_which_cluster_it_is_can_be_demanded() {
    let bytes = full(&some_rows(), &BackupKeys::default());
    let with = |checks: Checks| verify(Cursor::new(&bytes), &BackupKeys::default(), &checks, &mut |_| {});
    let signer = hex(&SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes());
    let other = hex(&SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes());
    with(Checks { signed_by: Some(signer), cluster_id: Some("test".to_owned()) }).unwrap();
    let error = with(Checks { signed_by: Some(other), cluster_id: None }).unwrap_err();
    assert!(matches!(error, BackupError::BadSignature { .. }), "{error}");
    let error = with(Checks { signed_by: None, cluster_id: Some("production".to_owned()) }).unwrap_err();
    assert!(error.to_string().contains("of the cluster test, not of production"), "{error}");
    let unsigned = log(&vec![vec![5; 30]; 10]);
    let checks = Checks { signed_by: Some("00".repeat(32)), cluster_id: None };
    assert!(verify(Cursor::new(&unsigned), &BackupKeys::default(), &checks, &mut |_| {}).is_err());
}

#[test]
fn an_audit_tree_with_another_root_is_refused() {
    let leaf = |position: u64, hash: u8| {
        let key = [&[AUDIT_NODE_TABLE, 0][..], &position.to_be_bytes()].concat();
        (key, vec![hash; 44])
    };
    let write = |root: &str, leaves: &[(Vec<u8>, Vec<u8>)]| {
        let header = header(BackupKind::Full, 1, root.to_owned());
        let mut writer = BackupWriter::begin(Vec::new(), &header, [9; 16], None).unwrap();
        leaves.iter().for_each(|(key, value)| writer.row(key, value).unwrap());
        writer.finish(|_| None).unwrap().0
    };
    check(&write(&hex(&[5; 32]), &[leaf(0, 5)]), &BackupKeys::default()).unwrap();
    for (root, leaves) in [
        (hex(&[5; 32]), vec![leaf(0, 6)]),
        (hex(&[5; 32]), vec![]),
        (hex(&[5; 32]), vec![leaf(0, 5), leaf(1, 5)]),
        (hex(&[5; 32]), vec![leaf(1, 5)]),
    ] {
        let error = check(&write(&root, &leaves), &BackupKeys::default()).unwrap_err();
        assert!(error.to_string().contains("audit tree"), "{error}");
    }
}

#[test]
fn what_is_out_of_place_is_not_written() {
    let header = header(BackupKind::Full, 0, EMPTY_ROOT.to_owned());
    let mut writer = BackupWriter::begin(Vec::new(), &header, [9; 16], None).unwrap();
    writer.row(&[1, 5], &[]).unwrap();
    assert!(writer.row(&[1, 5], &[]).is_err(), "a key twice");
    assert!(writer.row(&[1, 4], &[]).is_err(), "a key that goes back");
    assert!(writer.row(&[], &[]).is_err());
    assert!(writer.entry(31, &[]).is_err(), "an entry among rows");
    let mut header = header;
    header.at.state_digest = "short".to_owned();
    assert!(BackupWriter::begin(Vec::new(), &header, [9; 16], None).is_err());
}

fn golden_path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden-1.txt")
}

/// Bytes of format 1 as they were first released: every later program reads them.
#[test]
fn golden_bytes_of_format_1_are_read() {
    let golden = std::fs::read_to_string(golden_path()).unwrap();
    let mut blocks = golden.split("\n\n").map(|block| {
        let digits: String = block.lines().filter(|line| !line.starts_with('#')).collect();
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect::<Vec<u8>>()
    });
    let (plain, sealed, entries) = (blocks.next().unwrap(), blocks.next().unwrap(), blocks.next().unwrap());
    assert_eq!(read(&plain, &keys()).unwrap().1, some_rows());
    assert_eq!(read(&sealed, &keys()).unwrap().1, some_rows());
    assert_eq!(read(&entries, &keys()).unwrap().1.len(), 10);
    for bytes in [plain, sealed, entries] {
        check(&bytes, &keys()).unwrap();
    }
}

/// Prints new golden bytes: `UPDATE_GOLDEN=1 cargo test -p schemareg-backup --test format prints_golden_bytes`.
#[test]
fn prints_golden_bytes() {
    let text = [
        ("a full backup", full(&some_rows(), &BackupKeys::default())),
        ("the same, encrypted", full(&some_rows(), &keys())),
        ("entries of the log", log(&vec![vec![5; 30]; 10])),
    ]
    .map(|(what, bytes)| {
        let digits = hex(&bytes);
        let lines: Vec<_> = digits.as_bytes().chunks(110).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("# {what}\n{}", lines.join("\n"))
    })
    .join("\n\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden_path(), text + "\n").unwrap();
    } else {
        assert!(text.starts_with("# a full backup\n89535242"), "{text}");
    }
}
