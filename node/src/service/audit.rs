//! The audit log as clients see it: records, tree heads signed by this node, proofs.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use proto::error_code as code;
use registry::{AuditRow, Key, KeyRange, Row, View, audit, query};
use sha2::{Digest, Sha256};

use super::provenance::Kind;
use super::{Caller, Service, ServiceError};
use crate::random::Random;

/// Records that one query looks at, at most; the answer tells where to go on.
const SCANNED_MAX: u64 = 20_000;
/// The file of the node's key, in its data directory.
const KEY_FILE: &str = "audit.key";
/// C2SP signed-note: the algorithm byte of Ed25519.
const ALGORITHM_ED25519: u8 = 1;

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The first position.
    pub from: u64,
    /// The position to stop before; none: the end.
    pub to: Option<u64>,
    /// Exactly this principal; empty: anyone.
    pub actor: String,
    /// Exactly this action; empty: any.
    pub action: String,
    /// The beginning of the resource; empty: any.
    pub resource: String,
    /// Not before this time, in milliseconds since 1970.
    pub since_ms: u64,
    /// Not after this time, in milliseconds since 1970.
    pub until_ms: Option<u64>,
    /// Only of the entry with this log index.
    pub index: Option<u64>,
    /// Records of a page at most.
    pub limit: usize,
}

impl AuditFilter {
    /// Neither this record nor any later one: index and time only grow.
    fn is_past(&self, row: &AuditRow) -> bool {
        self.until_ms.is_some_and(|until| row.time_ms > until) || self.index.is_some_and(|index| row.index.0 > index)
    }

    fn admits(&self, row: &AuditRow) -> bool {
        (self.actor.is_empty() || row.principal == self.actor)
            && (self.action.is_empty() || row.action == self.action)
            && row.resource.starts_with(&self.resource)
            && row.time_ms >= self.since_ms
            && self.until_ms.is_none_or(|until| row.time_ms <= until)
            && self.index.is_none_or(|index| row.index.0 == index)
    }
}

/// Records with their positions, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    pub records: Vec<(u64, AuditRow)>,
    pub next: Option<u64>,
    pub size: u64,
    pub first: u64,
}

/// A proof with what it proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProof {
    /// Records in the tree.
    pub size: u64,
    /// The root of the tree.
    pub root: [u8; 32],
    /// The hashes from which the root follows.
    pub hashes: Vec<[u8; 32]>,
    /// The hash of the record, where one is proved.
    pub leaf: Option<[u8; 32]>,
}

impl Service {
    /// Records in order.
    ///
    /// # Errors
    /// Only if the read cannot be confirmed.
    pub async fn audit_records(&self, caller: &Caller, filter: &AuditFilter) -> Result<AuditPage, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let machine = query::machine(view)?;
            let from = filter.from.max(machine.audit_from);
            let from = first_of(view, from, machine.audit_size, |row| {
                row.time_ms >= filter.since_ms && filter.index.is_none_or(|index| row.index.0 >= index)
            })?;
            let to = filter.to.unwrap_or(machine.audit_size).min(machine.audit_size);
            let mut page =
                AuditPage { records: Vec::new(), next: None, size: machine.audit_size, first: machine.audit_from };
            view.scan(&KeyRange::audit().from(&Key::Audit(from)), &mut |key, row| {
                let (Key::Audit(position), Row::Audit(row)) = (key, row) else { return ControlFlow::Break(()) };
                if position >= to {
                    return ControlFlow::Break(());
                }
                if page.records.len() >= filter.limit || position - from >= SCANNED_MAX {
                    page.next = Some(position);
                    return ControlFlow::Break(());
                }
                if filter.is_past(&row) {
                    return ControlFlow::Break(());
                }
                if filter.admits(&row) {
                    page.records.push((position, row));
                }
                ControlFlow::Continue(())
            })?;
            Ok(page)
        })
        .await
    }

    /// The root of a size, signed by this node.
    ///
    /// # Errors
    /// 422 for a size that the log does not have.
    pub async fn signed_checkpoint(
        &self,
        caller: &Caller,
        size: Option<u64>,
    ) -> Result<(u64, [u8; 32], String), ServiceError> {
        let (size, root) = self
            .read_consistently(caller, Kind::Mutable, |view| {
                let size = size_of(view, size)?;
                Ok((size, audit::root(view, size)?))
            })
            .await?;
        Ok((size, root, self.inner.key.signed_note(size, &root)))
    }

    /// The key with which this node signs.
    pub fn node_key(&self) -> &NodeKey {
        &self.inner.key
    }

    /// Proves that a record is in the tree.
    ///
    /// # Errors
    /// 422 for a position or size that the log does not have.
    pub async fn prove_inclusion(
        &self,
        caller: &Caller,
        position: u64,
        size: Option<u64>,
    ) -> Result<AuditProof, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let size = size_of(view, size)?;
            if position >= size {
                return Err(no_such(&format!("No record {position} is in the tree of {size}")));
            }
            let leaf = match view.get(&Key::AuditNode(0, position))? {
                Some(Row::AuditNode(hash)) => Some(hash),
                Some(_) | None => None,
            };
            let (root, hashes) = (audit::root(view, size)?, audit::inclusion(view, position, size)?);
            Ok(AuditProof { size, root, hashes, leaf })
        })
        .await
    }

    /// Proves that one tree is the beginning of another.
    ///
    /// # Errors
    /// 422 for sizes that the log does not have.
    pub async fn prove_consistency(
        &self,
        caller: &Caller,
        from: u64,
        to: Option<u64>,
    ) -> Result<AuditProof, ServiceError> {
        self.read_consistently(caller, Kind::Mutable, |view| {
            let size = size_of(view, to)?;
            if from > size {
                return Err(no_such(&format!("A tree of {from} is not the beginning of one of {size}")));
            }
            let (root, hashes) = (audit::root(view, size)?, audit::consistency(view, from, size)?);
            Ok(AuditProof { size, root, hashes, leaf: None })
        })
        .await
    }
}

/// The first position for which something is true that stays true for all later ones: found by halving.
fn first_of(
    view: &impl View,
    mut from: u64,
    mut to: u64,
    holds: impl Fn(&AuditRow) -> bool,
) -> Result<u64, ServiceError> {
    while from < to {
        let middle = from + (to - from) / 2;
        match view.get(&Key::Audit(middle))? {
            Some(Row::Audit(row)) if holds(&row) => to = middle,
            Some(_) | None => from = middle + 1,
        }
    }
    Ok(from)
}

fn size_of(view: &impl View, asked: Option<u64>) -> Result<u64, ServiceError> {
    let size = query::machine(view)?.audit_size;
    match asked {
        Some(asked) if asked > size => Err(no_such(&format!("The log has {size} records"))),
        Some(asked) => Ok(asked),
        None => Ok(size),
    }
}

fn no_such(message: &str) -> ServiceError {
    ServiceError::new(code::UNPROCESSABLE, message)
}

/// The node's Ed25519 key: signs tree heads as C2SP checkpoints.
pub struct NodeKey {
    key: SigningKey,
    origin: String,
    name: String,
}

impl NodeKey {
    /// Reads the key from the data directory; the first start makes one.
    ///
    /// # Errors
    /// If the file cannot be read or written, or holds no key.
    pub fn load_or_make(data_dir: &Path, cluster_id: &str, node_id: u64, random: &Random) -> std::io::Result<Self> {
        let path = data_dir.join(KEY_FILE);
        let seed = match fs::read(&path) {
            Ok(bytes) => <[u8; 32]>::try_from(bytes.as_slice())
                .map_err(|_| std::io::Error::other(format!("{} holds no key of 32 bytes", path.display())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let seed = random.key_bytes();
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                file.write_all(&seed)?;
                file.sync_all()?;
                seed
            }
            Err(error) => return Err(error),
        };
        Ok(Self::from_seed(&seed, cluster_id, node_id))
    }

    /// The key that 32 random bytes give.
    pub fn from_seed(seed: &[u8; 32], cluster_id: &str, node_id: u64) -> Self {
        // A key name has neither spaces nor plus signs.
        let cluster: String =
            cluster_id.chars().map(|found| if found.is_whitespace() || found == '+' { '-' } else { found }).collect();
        let origin = format!("{cluster}/audit");
        Self { key: SigningKey::from_bytes(seed), name: format!("{origin}/node-{node_id}"), origin }
    }

    /// The signed note over a tree head (C2SP tlog-checkpoint and signed-note).
    pub fn signed_note(&self, size: u64, root: &[u8; 32]) -> String {
        let body = format!("{}\n{size}\n{}\n", self.origin, STANDARD.encode(root));
        let signature = self.key.sign(body.as_bytes()).to_bytes();
        let signed = [&self.key_id()[..], &signature[..]].concat();
        format!("{body}\n\u{2014} {} {}\n", self.name, STANDARD.encode(signed))
    }

    /// Signs something that is no tree head.
    pub(super) fn sign_text(&self, text: &[u8]) -> [u8; 64] {
        self.key.sign(text).to_bytes()
    }

    /// The public key that verifies.
    pub(super) fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// What a verifier needs: name, key id, public key.
    pub fn verifier_key(&self) -> String {
        let id: String = self.key_id().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}+{id}+{}", self.name, STANDARD.encode(self.public_bytes()))
    }

    fn public_bytes(&self) -> Vec<u8> {
        [&[ALGORITHM_ED25519][..], &self.key.verifying_key().to_bytes()[..]].concat()
    }

    fn key_id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update(b"\n");
        hash.update(self.public_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}
