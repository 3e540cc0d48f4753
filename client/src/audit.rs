//! Verifies exports and proofs of the audit log offline: needs the files and a root, and asks nobody.
//!
//! Written from `docs/audit.md` and RFC 6962, not from the server's code, so that a fault there is not repeated here. Every
//! function is pure; reading files and asking nodes is the command line's part.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A node of the tree.
pub type Hash = [u8; 32];

/// C2SP signed-note: the algorithm byte of Ed25519.
const ALGORITHM_ED25519: u8 = 1;
/// What separates a key's name from its signature in a note.
const DASH: &str = "\u{2014} ";

/// Why something is not proven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum AuditError {
    #[error("line {line} is no audit record: {reason}")]
    Line { line: u64, reason: String },
    #[error("record {found} stands where record {expected} belongs: the export is incomplete or out of order")]
    Gap { expected: u64, found: u64 },
    #[error("record {position} does not follow from the one before: {what}")]
    Broken { position: u64, what: &'static str },
    #[error("{what} is of {found} records, {trusted} of {expected}: ask for both of one size")]
    Size { what: &'static str, trusted: &'static str, expected: u64, found: u64 },
    #[error("the root of the {size} records is {found}, not {expected}: a record was changed, added or removed")]
    Root { size: u64, expected: String, found: String },
    #[error("record {position} is not in the tree of {size} with the root {root}")]
    NotIncluded { position: u64, size: u64, root: String },
    #[error("the tree of {from} is not the beginning of the tree of {to}: the log was rewritten")]
    NotConsistent { from: u64, to: u64 },
    #[error("the checkpoint cannot be used: {0}")]
    Checkpoint(String),
}

/// One record, as a line of the export has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its place in the audit log, from 0 on.
    pub position: u64,
    /// The log index of the entry that it tells of.
    pub index: u64,
    /// When the leader proposed the entry: milliseconds since 1970.
    pub time_ms: u64,
    /// Who asked.
    pub principal: String,
    /// The node that was asked.
    pub node_id: u64,
    /// What was asked for, as `docs/audit.md` names it.
    pub action: String,
    /// Why, in the words of whoever asked; often empty.
    pub reason: String,
    /// What it was about.
    pub resource: String,
    /// What it came to.
    pub outcome: String,
    /// The id of the request; retries of one call share it.
    pub request_id: String,
    /// The state digest before the entry: 64 hexadecimal digits.
    pub digest_before: String,
    /// The state digest after the entry: 64 hexadecimal digits.
    pub digest_after: String,
    /// How the principal showed who it is. Like the rest below, in no record from before it came.
    #[serde(default)]
    pub authentication: String,
    /// Where the request came from, if that is kept.
    #[serde(default)]
    pub address: String,
    /// What the client called itself.
    #[serde(default)]
    pub user_agent: String,
    /// The trace that the request was part of, in hexadecimal.
    #[serde(default)]
    pub trace_id: String,
}

impl Record {
    /// The record on a line of an export.
    ///
    /// # Errors
    /// [`AuditError::Line`].
    pub fn parse(line: u64, text: &str) -> Result<Self, AuditError> {
        serde_json::from_str(text).map_err(|error| AuditError::Line { line, reason: error.to_string() })
    }

    /// The hash of the record as a leaf: SHA-256 over 00 and its fields in order. Numbers are 8 bytes, little endian; texts
    /// follow their length in bytes; digests are their 32 bytes. What came later is there only where it is set, each with its
    /// number before it.
    ///
    /// # Errors
    /// [`AuditError::Broken`] if a digest is none.
    pub fn leaf(&self) -> Result<Hash, AuditError> {
        let position = self.position;
        let digest = |text: &str| {
            hex(text).ok_or(AuditError::Broken { position, what: "a digest is not 64 hexadecimal digits" })
        };
        let mut sink = Sha256::new();
        sink.update([0]);
        let text = |sink: &mut Sha256, text: &str| {
            sink.update((text.len() as u64).to_le_bytes());
            sink.update(text.as_bytes());
        };
        sink.update(self.index.to_le_bytes());
        sink.update(self.time_ms.to_le_bytes());
        text(&mut sink, &self.principal);
        sink.update(self.node_id.to_le_bytes());
        for part in [&self.action, &self.reason, &self.resource, &self.outcome, &self.request_id] {
            text(&mut sink, part);
        }
        sink.update(digest(&self.digest_before)?);
        sink.update(digest(&self.digest_after)?);
        let later = [&self.authentication, &self.address, &self.user_agent, &self.trace_id];
        for (number, part) in (1_u64..).zip(later).filter(|(_, part)| !part.is_empty()) {
            sink.update(number.to_le_bytes());
            text(&mut sink, part);
        }
        Ok(sink.finalize().into())
    }
}

/// The tree over the records read so far: the hashes of its full subtrees, largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    subtrees: Vec<(u32, Hash)>,
    size: u64,
}

impl Tree {
    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let (mut level, mut hash) = (0, leaf);
        while let Some((_, left)) = self.subtrees.pop_if(|(found, _)| *found == level) {
            hash = node_hash(&left, &hash);
            level += 1;
        }
        self.subtrees.push((level, hash));
        self.size += 1;
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of now; of the empty tree it is the hash of nothing.
    pub fn root(&self) -> Hash {
        let smaller_first = self.subtrees.iter().rev().map(|(_, hash)| *hash);
        smaller_first.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(|| Sha256::new().finalize().into())
    }
}

/// Reads an export from its first record on and builds the tree from nothing but its lines.
#[derive(Debug, Clone, Default)]
pub struct Export {
    tree: Tree,
    last: Option<Record>,
    lines: u64,
}

impl Export {
    /// Takes the next line. Records must be dense from 0, their log indexes must grow, their times must not go back, and
    /// the digest before each is the digest after the one before it.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn line(&mut self, text: &str) -> Result<(), AuditError> {
        self.lines += 1;
        if text.trim().is_empty() {
            return Ok(());
        }
        let record = Record::parse(self.lines, text)?;
        let position = record.position;
        if position != self.tree.size() {
            return Err(AuditError::Gap { expected: self.tree.size(), found: position });
        }
        if let Some(last) = &self.last {
            let broken = |what| Err(AuditError::Broken { position, what });
            if record.index <= last.index {
                return broken("its log index does not grow");
            }
            if record.time_ms < last.time_ms {
                return broken("its time goes back");
            }
            if record.digest_before != last.digest_after {
                return broken("the state before it is not the state after the record before");
            }
        }
        self.tree.push(record.leaf()?);
        self.last = Some(record);
        Ok(())
    }

    /// The tree over all lines.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Is this the whole log up to the head?
    ///
    /// # Errors
    /// [`AuditError::Size`], [`AuditError::Root`].
    pub fn check(&self, head: &Head) -> Result<(), AuditError> {
        if self.tree.size() != head.size {
            let (what, trusted) = ("the export", "the checkpoint");
            return Err(AuditError::Size { what, trusted, expected: head.size, found: self.tree.size() });
        }
        let found = self.tree.root();
        if found != head.root {
            let (expected, found) = (STANDARD.encode(head.root), STANDARD.encode(found));
            return Err(AuditError::Root { size: head.size, expected, found });
        }
        Ok(())
    }
}

/// A tree head: how many records there were, and their root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Records in the tree.
    pub size: u64,
    /// The root of the Merkle tree over them.
    pub root: Hash,
}

/// A root as a client writes it: base64.
pub fn parse_root(text: &str) -> Option<Hash> {
    STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

/// The public half of a node's key: `NAME+ID+BASE64`, as C2SP signed-note writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl VerifierKey {
    /// Reads a verifier key and checks that its id belongs to it.
    ///
    /// # Errors
    /// [`AuditError::Checkpoint`].
    pub fn parse(text: &str) -> Result<Self, AuditError> {
        let bad = |what: &str| AuditError::Checkpoint(format!("the verifier key is not NAME+ID+BASE64: {what}"));
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it has fewer than three parts"));
        };
        let bytes = STANDARD.decode(key).map_err(|error| bad(&error.to_string()))?;
        let Some((&ALGORITHM_ED25519, public)) = bytes.split_first() else { return Err(bad("it is no Ed25519 key")) };
        let public: [u8; 32] = public.try_into().map_err(|_| bad("the key has not 32 bytes"))?;
        let key = VerifyingKey::from_bytes(&public).map_err(|error| bad(&error.to_string()))?;
        let mut hash = Sha256::new();
        hash.update(name.as_bytes());
        hash.update(b"\n");
        hash.update(&bytes);
        let hash: Hash = hash.finalize().into();
        let own = [hash[0], hash[1], hash[2], hash[3]];
        let told = u32::from_str_radix(id, 16).map(u32::to_be_bytes).map_err(|error| bad(&error.to_string()))?;
        if own != told {
            return Err(bad("the id is not that of the key"));
        }
        Ok(Self { name: name.to_owned(), id: own, key })
    }

    /// Opens a signed checkpoint: the head that it states, if this key signed it.
    ///
    /// # Errors
    /// [`AuditError::Checkpoint`].
    pub fn open(&self, note: &str) -> Result<Head, AuditError> {
        let bad = |what: &str| AuditError::Checkpoint(what.to_owned());
        let (body, signatures) = note.split_once("\n\n").ok_or_else(|| bad("it has no signature"))?;
        let body = format!("{body}\n");
        let head = head_of(&body)?;
        for line in signatures.lines() {
            let Some((name, signature)) = line.strip_prefix(DASH).and_then(|rest| rest.rsplit_once(' ')) else {
                return Err(bad("a signature line is none"));
            };
            let signature = STANDARD.decode(signature).map_err(|error| bad(&error.to_string()))?;
            let Some((id, signature)) = signature.split_first_chunk::<4>() else { continue };
            if name != self.name || *id != self.id {
                continue;
            }
            let signature = Signature::from_slice(signature).map_err(|error| bad(&error.to_string()))?;
            let verified = self.key.verify_strict(body.as_bytes(), &signature);
            return verified.map(|()| head).map_err(|_| bad("the signature is not that of the key"));
        }
        Err(AuditError::Checkpoint(format!("{} has not signed it", self.name)))
    }
}

/// The head that a note states, whoever signed it: origin, size, root, each on a line.
///
/// # Errors
/// [`AuditError::Checkpoint`].
pub fn head_of(note: &str) -> Result<Head, AuditError> {
    let bad = |what: &str| AuditError::Checkpoint(what.to_owned());
    let mut lines = note.lines();
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(bad("it has fewer than three lines"));
    };
    if origin.is_empty() {
        return Err(bad("it has no origin"));
    }
    let size = size.parse().map_err(|_| bad("its second line is no size"))?;
    let root = parse_root(root).ok_or_else(|| bad("its third line is no root"))?;
    Ok(Head { size, root })
}

/// A record with the proof that it is in the tree: what `registryctl audit prove` writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// The record.
    pub record: Record,
    /// Records in the tree that it is proved to be in.
    pub size: u64,
    /// The hashes beside the way from the record up to the root, in base64.
    pub hashes: Vec<String>,
}

impl InclusionProof {
    /// Is the record in the tree with this head?
    ///
    /// # Errors
    /// [`AuditError::Size`], [`AuditError::NotIncluded`].
    pub fn check(&self, head: &Head) -> Result<(), AuditError> {
        if self.size != head.size {
            let (what, trusted) = ("the proof", "the checkpoint");
            return Err(AuditError::Size { what, trusted, expected: head.size, found: self.size });
        }
        let position = self.record.position;
        let root = || STANDARD.encode(head.root);
        let not_included = || AuditError::NotIncluded { position, size: head.size, root: root() };
        let hashes: Option<Vec<_>> = self.hashes.iter().map(|hash| parse_root(hash)).collect();
        let found = path_root(self.record.leaf()?, position, self.size, &hashes.ok_or_else(not_included)?);
        if found == Some(head.root) { Ok(()) } else { Err(not_included()) }
    }
}

/// The proof that one tree is the beginning of another: what `registryctl audit prove-consistency` writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// Records in the earlier tree.
    pub from: u64,
    /// Records in the later tree.
    pub to: u64,
    /// The hashes from which both roots follow, in base64.
    pub hashes: Vec<String>,
}

impl ConsistencyProof {
    /// Does the proof lead from one head to the other?
    ///
    /// # Errors
    /// [`AuditError::Size`], [`AuditError::NotConsistent`].
    pub fn check(&self, old: &Head, new: &Head) -> Result<(), AuditError> {
        let ends = [
            (old, self.from, "the older end of the proof", "the old checkpoint"),
            (new, self.to, "the newer end of the proof", "the checkpoint"),
        ];
        for (head, size, what, trusted) in ends {
            if head.size != size {
                return Err(AuditError::Size { what, trusted, expected: head.size, found: size });
            }
        }
        let hashes: Option<Vec<_>> = self.hashes.iter().map(|hash| parse_root(hash)).collect();
        if hashes.is_some_and(|hashes| is_consistent(old, new, &hashes)) {
            Ok(())
        } else {
            Err(AuditError::NotConsistent { from: old.size, to: new.size })
        }
    }
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// The root that follows from a leaf and the hashes beside its path (RFC 6962, 2.1.1), by the shape of the tree: at each
/// level the leaf is in the left part, which is the largest power of two, or in the right one.
fn path_root(leaf: Hash, position: u64, size: u64, path: &[Hash]) -> Option<Hash> {
    if position >= size {
        return None;
    }
    let (mut at, mut length) = (position, size);
    let mut is_right = Vec::new();
    while length > 1 {
        let left = length.next_power_of_two() / 2;
        is_right.push(at >= left);
        (at, length) = if at >= left { (at - left, length - left) } else { (at, left) };
    }
    if is_right.len() != path.len() {
        return None;
    }
    let beside = is_right.into_iter().rev().zip(path);
    Some(beside.fold(
        leaf,
        |hash, (is_right, beside)| if is_right { node_hash(beside, &hash) } else { node_hash(&hash, beside) },
    ))
}

/// RFC 6962, 2.1.2, read from its definition: rebuilds both roots from the proof, last hash first.
fn is_consistent(old: &Head, new: &Head, path: &[Hash]) -> bool {
    if old.size > new.size || old.size == 0 {
        return old.size == 0 && path.is_empty() && old.root == Tree::default().root();
    }
    if old.size == new.size {
        return path.is_empty() && old.root == new.root;
    }
    let mut left = VecDeque::from(path.to_vec());
    let roots = roots_of(old.size, new.size, Some(old.root), &mut left);
    left.is_empty() && roots == Some((old.root, new.root))
}

/// The roots of the first `old` leaves and of all `new` ones. `whole` is the old root as long as the part on the way is the
/// whole old tree, whose hash the proof leaves out.
fn roots_of(old: u64, new: u64, whole: Option<Hash>, path: &mut VecDeque<Hash>) -> Option<(Hash, Hash)> {
    if old == new {
        let hash = match whole {
            Some(hash) => hash,
            None => path.pop_front()?,
        };
        return Some((hash, hash));
    }
    let split = new.next_power_of_two() / 2;
    if old <= split {
        let (before, after) = roots_of(old, split, whole, path)?;
        let right = path.pop_front()?;
        Some((before, node_hash(&after, &right)))
    } else {
        let (before, after) = roots_of(old - split, new - split, None, path)?;
        let left = path.pop_front()?;
        Some((node_hash(&left, &before), node_hash(&left, &after)))
    }
}

fn hex(text: &str) -> Option<Hash> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(0..) {
        *byte = u8::from_str_radix(&text[pair * 2..pair * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    fn record(position: u64) -> Record {
        let digest = |number: u64| format!("{number:064x}");
        Record {
            position,
            index: position * 2 + 1,
            time_ms: position,
            principal: "p".to_owned(),
            node_id: 1,
            action: "register".to_owned(),
            reason: String::new(),
            resource: "subject/a".to_owned(),
            outcome: "ok".to_owned(),
            request_id: position.to_string(),
            digest_before: digest(position),
            digest_after: digest(position + 1),
            authentication: "token".to_owned(),
            address: String::new(),
            user_agent: "curl/8".to_owned(),
            trace_id: String::new(),
        }
    }

    fn line(position: u64) -> String {
        serde_json::to_string(&record(position)).unwrap()
    }

    fn export(size: u64) -> Export {
        let mut export = Export::default();
        (0..size).for_each(|position| export.line(&line(position)).unwrap());
        export
    }

    fn head(size: u64) -> Head {
        Head { size, root: export(size).tree().root() }
    }

    /// RFC 6962, 2.1.1, by recursion over all leaves.
    fn path(position: u64, leaves: &[Hash]) -> Vec<Hash> {
        let root = |leaves: &[Hash]| {
            let mut tree = Tree::default();
            leaves.iter().for_each(|leaf| tree.push(*leaf));
            tree.root()
        };
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let split = leaves.len().next_power_of_two() / 2;
        let at = usize::try_from(position).unwrap();
        let (mut found, beside) = if at < split {
            (path(position, &leaves[..split]), root(&leaves[split..]))
        } else {
            (path(position - split as u64, &leaves[split..]), root(&leaves[..split]))
        };
        found.push(beside);
        found
    }

    #[test]
    fn a_whole_export_proves_its_head_and_no_other() {
        for size in 0..20 {
            assert_eq!(export(size).check(&head(size)), Ok(()), "{size}");
            assert!(matches!(export(size).check(&head(size + 1)), Err(AuditError::Size { .. })));
            let other = Head { root: [7; 32], ..head(size) };
            assert!(matches!(export(size).check(&other), Err(AuditError::Root { .. })));
        }
    }

    #[test]
    fn every_change_of_an_export_is_found() {
        const SIZE: u64 = 9;
        let lines: Vec<_> = (0..SIZE).map(line).collect();
        let verdict = |lines: &[String]| {
            let mut export = Export::default();
            lines.iter().try_for_each(|line| export.line(line))?;
            export.check(&head(SIZE))
        };
        assert_eq!(verdict(&lines), Ok(()));
        for at in 0..lines.len() {
            let mut removed = lines.clone();
            removed.remove(at);
            assert!(verdict(&removed).is_err(), "record {at} is gone");
            for (from, to) in
                [("\"ok\"", "\"no\""), ("\"p\"", "\"q\""), ("register", "delete"), ("\"node_id\":1", "\"node_id\":2")]
            {
                let mut changed = lines.clone();
                changed[at] = changed[at].replace(from, to);
                assert!(matches!(verdict(&changed), Err(AuditError::Root { .. })), "record {at}: {from}");
            }
            let mut twice = lines.clone();
            twice.insert(at, lines[at].clone());
            assert!(matches!(verdict(&twice), Err(AuditError::Gap { .. })));
        }
        assert!(matches!(verdict(&["{}".to_owned()]), Err(AuditError::Line { line: 1, .. })));
        // The fields that tie one record to the next are looked at beside the root.
        let mut export = export(1);
        let back = Record { index: 1, ..record(1) };
        let refused = export.line(&serde_json::to_string(&back).unwrap());
        assert!(matches!(refused, Err(AuditError::Broken { position: 1, .. })));
    }

    #[test]
    fn proofs_of_inclusion_hold_for_their_record_only() {
        for size in 1..18 {
            let leaves: Vec<_> = (0..size).map(|position| record(position).leaf().unwrap()).collect();
            for position in 0..size {
                let hashes: Vec<_> = path(position, &leaves).iter().map(|hash| STANDARD.encode(hash)).collect();
                let proof = InclusionProof { record: record(position), size, hashes };
                assert_eq!(proof.check(&head(size)), Ok(()), "{position} in {size}");
                let other = InclusionProof { record: Record { node_id: 9, ..record(position) }, ..proof.clone() };
                assert!(matches!(other.check(&head(size)), Err(AuditError::NotIncluded { .. })));
                let short = InclusionProof { hashes: proof.hashes.iter().skip(1).cloned().collect(), ..proof.clone() };
                assert!(short.check(&head(size)).is_err() || size == 1);
                assert!(proof.check(&head(size + 1)).is_err());
            }
        }
    }

    #[test]
    fn a_checkpoint_is_good_under_its_key_only() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let public = [&[ALGORITHM_ED25519][..], &key.verifying_key().to_bytes()[..]].concat();
        let name = "cluster/audit/node-1";
        let id: Hash = Sha256::digest([name.as_bytes(), b"\n", &public].concat()).into();
        let vkey = format!("{name}+{:02x}{:02x}{:02x}{:02x}+{}", id[0], id[1], id[2], id[3], STANDARD.encode(&public));
        let head = head(5);
        let body = format!("cluster/audit\n5\n{}\n", STANDARD.encode(head.root));
        let signed = [&id[..4], &key.sign(body.as_bytes()).to_bytes()[..]].concat();
        let note = format!("{body}\n\u{2014} {name} {}\n", STANDARD.encode(signed));
        let verifier = VerifierKey::parse(&vkey).unwrap();
        assert_eq!(verifier.open(&note), Ok(head));
        assert!(verifier.open(&note.replace("\n5\n", "\n6\n")).is_err(), "another size");
        assert!(verifier.open(&note.replace("node-1", "node-2")).is_err(), "another node");
        assert!(verifier.open(&body).is_err(), "no signature");
        assert!(VerifierKey::parse(&vkey.replace("node-1", "node-2")).is_err(), "an id of another key");
        for text in ["", "a+b", "a+00000000+AQ==", "a+zz+AQ=="] {
            assert!(VerifierKey::parse(text).is_err(), "{text}");
        }
    }
}
