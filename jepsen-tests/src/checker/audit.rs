//! The audit log (I12 to I14): rebuilt here from its records as `docs/audit.md` says, and joined with the histories of processes.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::history::{Registration, RegistrationResult};
use crate::ops::freshness::AgedAnswer;
use crate::ops::ledger::{LedgerEntry, WriteOutcome};

/// Faults of a kind that are shown, at most.
const SHOWN_MAX: usize = 5;

/// One line of the export.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AuditRecord {
    pub position: u64,
    pub index: u64,
    pub time_ms: u64,
    pub principal: String,
    pub node_id: u64,
    pub action: String,
    pub reason: String,
    pub resource: String,
    pub outcome: String,
    pub request_id: String,
    pub digest_before: String,
    pub digest_after: String,
    #[serde(default)]
    pub authentication: String,
    #[serde(default)]
    pub address: String,
    #[serde(default)]
    pub user_agent: String,
    #[serde(default)]
    pub trace_id: String,
}

type Hash = [u8; 32];

impl AuditRecord {
    /// Did the request change anything?
    fn is_done(&self) -> bool {
        self.outcome == "ok" || self.outcome.starts_with("ok ")
    }

    /// The client's key.
    fn client_key(&self) -> Option<&str> {
        let rest = self.request_id.strip_prefix("client:")?;
        Some(rest.split(':').next().unwrap_or(rest))
    }

    fn leaf_hash(&self) -> Hash {
        let mut hash = Sha256::new();
        hash.update([0]);
        let number = |hash: &mut Sha256, number: u64| hash.update(number.to_le_bytes());
        let text = |hash: &mut Sha256, text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        number(&mut hash, self.index);
        number(&mut hash, self.time_ms);
        text(&mut hash, &self.principal);
        number(&mut hash, self.node_id);
        for part in [&self.action, &self.reason, &self.resource, &self.outcome, &self.request_id] {
            text(&mut hash, part);
        }
        hash.update(decode_hex(&self.digest_before));
        hash.update(decode_hex(&self.digest_after));
        let later = [&self.authentication, &self.address, &self.user_agent, &self.trace_id];
        for (kind, part) in (1..).zip(later).filter(|(_, part)| !part.is_empty()) {
            number(&mut hash, kind);
            text(&mut hash, part);
        }
        hash.finalize().into()
    }
}

fn decode_hex(hex: &str) -> Vec<u8> {
    let digit = |place: usize| hex.get(place..place + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..hex.len()).step_by(2).filter_map(digit).collect()
}

/// The root of the tree over these records (RFC 6962, 2.1), in base64 as nodes report it.
pub fn tree_root(records: &[AuditRecord]) -> String {
    let leaves: Vec<Hash> = records.iter().map(AuditRecord::leaf_hash).collect();
    base64::engine::general_purpose::STANDARD.encode(tree_hash(&leaves))
}

fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            // The largest power of two below the number of leaves.
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let mut hash = Sha256::new();
            hash.update([1]);
            hash.update(tree_hash(left));
            hash.update(tree_hash(right));
            hash.finalize().into()
        }
    }
}

/// The audit log of one node: its records, and the root that it reports for them.
#[derive(Debug, Clone)]
pub struct NodeAuditLog {
    pub records: Vec<AuditRecord>,
    pub root: String,
}

/// I12: each node's records make the root that it reports, all nodes report the same root, and the chain is whole.
pub fn tree_faults(nodes: &BTreeMap<u64, NodeAuditLog>) -> Vec<String> {
    let mut faults = Vec::new();
    let Some((first, expected)) = nodes.iter().next() else { return faults };
    for (node, shown) in nodes {
        let built = tree_root(&shown.records);
        if built != shown.root {
            faults
                .push(format!("I12: the records of node {node} make the root {built}, and it reports {}", shown.root));
        }
        if shown.root != expected.root || shown.records != expected.records {
            faults.push(format!("I12: the audit logs of nodes {first} and {node} differ"));
        }
    }
    let mut before: Option<&AuditRecord> = None;
    for (position, record) in (0_u64..).zip(&expected.records) {
        let follows = before.is_none_or(|before| {
            record.index > before.index
                && record.time_ms >= before.time_ms
                && record.digest_before == before.digest_after
        });
        if record.position != position || !follows {
            faults.push(format!("I12: record {position} does not follow the one before: {record:?}"));
            break;
        }
        before = Some(record);
    }
    faults
}

/// I21, by the log alone: a request has one outcome, however often it was sent.
pub fn outcome_faults(records: &[AuditRecord]) -> Vec<String> {
    let mut of_key: BTreeMap<&str, Vec<&AuditRecord>> = BTreeMap::new();
    for record in records.iter().filter(|record| record.outcome != "stale") {
        if let Some(key) = record.client_key() {
            of_key.entry(key).or_default().push(record);
        }
    }
    let several = of_key.into_iter().filter(|(_, found)| found.len() > 1);
    limit_faults(
        several.map(|(key, found)| format!("I21: a request has several outcomes: key {key}: {found:?}")).collect(),
    )
}

/// Every end of an operation on the members has its begin, by the same action on the same resource: nothing is done to the
/// membership that is not in the log before it is done.
pub fn operation_faults(records: &[AuditRecord]) -> Vec<String> {
    let mut open: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut faults = Vec::new();
    for record in records.iter().filter(|record| record.action.starts_with("cluster.member.")) {
        let operation = (record.action.as_str(), record.resource.as_str());
        if record.outcome.split(' ').next() == Some("begun") {
            open.insert(operation);
        } else if !open.remove(&operation) {
            faults.push(format!("I13: an operation on the members ends that never began: {record:?}"));
        }
    }
    limit_faults(faults)
}

/// I13, I14, I21 and the order: the log has every write as its process knows it.
///
/// `ledgers` are all writes of all processes; each ledger has a clock of its own.
pub fn write_faults(records: &[AuditRecord], ledgers: &[&[LedgerEntry]]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut of_key: BTreeMap<&str, Vec<&AuditRecord>> = BTreeMap::new();
    for record in records {
        if let Some(key) = record.client_key() {
            of_key.entry(key).or_default().push(record);
        }
    }
    for ledger in ledgers {
        faults.extend(real_time_faults(&of_key, ledger));
        faults.extend(ledger.iter().flat_map(|entry| faults_of_write(entry, of_key.get(entry.key.as_str()))));
    }
    let known: BTreeSet<&str> = ledgers.iter().copied().flatten().map(|sent| sent.key.as_str()).collect();
    // The last event of a watch is nobody's workload.
    for (key, found) in of_key.iter().filter(|(key, _)| !known.contains(*key) && !key.starts_with("end-")) {
        faults.push(format!("I13: nobody sent what is in the log under the key {key}: {found:?}"));
    }
    limit_faults(faults)
}

/// The faults in the records of one write.
fn faults_of_write(entry: &LedgerEntry, found: Option<&Vec<&AuditRecord>>) -> Vec<String> {
    let LedgerEntry { key, principal, subject, outcome, .. } = entry;
    let found = found.map_or(&[][..], Vec::as_slice);
    let decided = found.iter().filter(|record| record.outcome != "stale").count();
    let done = found.iter().filter(|record| record.is_done()).count();
    let mut faults = Vec::new();
    let mut fault = |is_wrong: bool, what: &str| {
        if is_wrong {
            faults.push(format!("{what}: key {key} on {subject}, {outcome:?}: {found:?}"));
        }
    };
    fault(decided > 1, "I21: a request has several outcomes");
    match outcome {
        WriteOutcome::Ok { logged: true } => fault(done != 1, "I13: an acknowledged write is not in the log once"),
        WriteOutcome::Ok { logged: false } => fault(decided > done, "I13: an acknowledged write was refused"),
        WriteOutcome::Fail { definite: true } => fault(done > 0, "I14: a refused write took effect"),
        WriteOutcome::Fail { definite: false } | WriteOutcome::Info => {}
    }
    fault(found.iter().any(|record| record.principal != *principal), "I13: it is in the log under another principal");
    faults
}

/// A write that was acknowledged before another one began comes before it in the log. Writes that may be answered from the state of
/// a replica are left out: their own entry, if it ever comes, may come late.
fn real_time_faults(of_key: &BTreeMap<&str, Vec<&AuditRecord>>, ledger: &[LedgerEntry]) -> Vec<String> {
    let mut writes: Vec<(u64, u64, u64, &str)> = Vec::new();
    for sent in ledger.iter().filter(|sent| sent.outcome == WriteOutcome::Ok { logged: true }) {
        let found = of_key.get(sent.key.as_str()).into_iter().flatten().find(|record| record.is_done());
        writes.extend(found.map(|record| (sent.invoked, sent.returned, record.index, sent.key.as_str())));
    }
    let mut ended: Vec<(u64, u64, &str)> =
        writes.iter().map(|(_, returned, index, key)| (*returned, *index, *key)).collect();
    ended.sort_unstable();
    writes.sort_unstable();
    let mut faults = Vec::new();
    let mut highest: Option<(u64, &str)> = None;
    let mut earlier = ended.into_iter().peekable();
    for (invoked, _, index, key) in writes {
        while let Some((_, index, key)) = earlier.next_if(|(returned, ..)| *returned < invoked) {
            if highest.is_none_or(|(seen, _)| index > seen) {
                highest = Some((index, key));
            }
        }
        if let Some((seen, before)) = highest
            && index <= seen
        {
            faults.push(format!(
                "I13: {key} is at {index} in the log, though {before} at {seen} had ended before it began"
            ));
        }
    }
    faults
}

/// I13: every version in an answer to a registration has one record of its registration.
pub fn registration_faults(records: &[AuditRecord], acknowledged: &[Registration]) -> Vec<String> {
    let mut made: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for record in records.iter().filter(|record| record.is_done()) {
        let subject = record.resource.strip_prefix("subject/").filter(|_| record.action == "schema.register");
        if let (Some(subject), Some(outcome)) = (subject, record.outcome.strip_prefix("ok ")) {
            *made.entry((subject, outcome)).or_default() += 1;
        }
    }
    let mut faults = Vec::new();
    for ((subject, outcome), count) in &made {
        if *count > 1 {
            faults.push(format!("I13: {subject} has {count} records of {outcome}"));
        }
    }
    for registration in acknowledged {
        let RegistrationResult::Registered { id, version, .. } = &registration.result else { continue };
        let outcome = format!("id={id} version={version}");
        if !made.contains_key(&(registration.subject.as_str(), outcome.as_str())) {
            faults.push(format!("I13: no record of {} {outcome}, which was acknowledged", registration.subject));
        }
    }
    limit_faults(faults)
}

/// I18 for every answer: an answer of age *a* shows every write that was acknowledged more than *a* before the answer was sent.
///
/// The request was sent before the answer, so a write that was acknowledged more than *a* before the request is one of them. The log
/// says at which index the write stands; the index of the answer must be no lower. Both clocks are that of `ledger`.
pub fn age_faults(records: &[AuditRecord], ledger: &[LedgerEntry], answers: &[AgedAnswer]) -> Vec<String> {
    let mut index_of: BTreeMap<&str, u64> = BTreeMap::new();
    for record in records.iter().filter(|record| record.is_done()) {
        if let Some(key) = record.client_key() {
            index_of.insert(key, record.index);
        }
    }
    let is_logged = |entry: &&LedgerEntry| entry.outcome == WriteOutcome::Ok { logged: true };
    let mut writes: Vec<(u64, u64, &str)> = ledger
        .iter()
        .filter(is_logged)
        .filter_map(|entry| Some((entry.returned, *index_of.get(entry.key.as_str())?, entry.key.as_str())))
        .collect();
    writes.sort_unstable();
    // The highest index among the writes that were acknowledged up to each.
    let mut highest: Option<(u64, &str)> = None;
    for (_, index, key) in &mut writes {
        highest = highest.max(Some((*index, *key)));
        (*index, *key) = highest.unwrap_or((*index, key));
    }
    let mut faults = Vec::new();
    for AgedAnswer { node, sent, index, age_ms } in answers {
        let known_until = sent.saturating_sub(age_ms.saturating_mul(1_000_000));
        let acknowledged = writes.partition_point(|(returned, ..)| *returned < known_until);
        if let Some((_, needed, key)) = acknowledged.checked_sub(1).map(|last| writes[last])
            && *index < needed
        {
            faults.push(format!(
                "I18: node {node} answered at index {index} and claimed an age of {age_ms} ms at {sent} ns, though {key} at \
                 {needed} had been acknowledged before that"
            ));
        }
    }
    limit_faults(faults)
}

fn limit_faults(mut faults: Vec<String>) -> Vec<String> {
    let more = faults.len().saturating_sub(SHOWN_MAX);
    faults.truncate(SHOWN_MAX);
    faults.extend((more > 0).then(|| format!("I13: {more} more faults in the audit log")));
    faults
}
