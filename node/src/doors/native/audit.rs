//! Audit records, tree heads, proofs, and the forms in which records are exported.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proto::v1;
use registry::AuditRow;

use super::Native;
use super::schemas::page_size;
use crate::service::{AuditFilter, AuditProof, Caller, ServiceError};

type Answer<T> = Result<T, ServiceError>;

impl Native {
    pub async fn query_audit(&self, caller: &Caller, request: v1::QueryAuditRequest) -> Answer<v1::QueryAuditResponse> {
        let positive = |number: u64| (number > 0).then_some(number);
        let filter = AuditFilter {
            from: request.from,
            to: positive(request.to),
            actor: request.actor,
            action: request.action,
            resource: request.resource,
            since_ms: request.since_ms,
            until_ms: positive(request.until_ms),
            index: positive(request.index),
            limit: page_size(request.limit),
        };
        let page = self.service.audit_records(caller, &filter).await?;
        Ok(v1::QueryAuditResponse {
            records: page.records.into_iter().map(|(position, row)| record_message(position, row)).collect(),
            next: page.next.unwrap_or(0),
            size: page.size,
            first: page.first,
        })
    }

    pub async fn get_checkpoint(&self, caller: &Caller, request: v1::GetCheckpointRequest) -> Answer<v1::Checkpoint> {
        let size = (request.size > 0).then_some(request.size);
        let (size, root, note) = self.service.signed_checkpoint(caller, size).await?;
        let verifier_key = self.service.node_key().verifier_key();
        Ok(v1::Checkpoint { size, root: STANDARD.encode(root), note, verifier_key })
    }

    pub async fn prove_inclusion(&self, caller: &Caller, request: v1::ProveInclusionRequest) -> Answer<v1::Proof> {
        let size = (request.size > 0).then_some(request.size);
        Ok(proof_message(self.service.prove_inclusion(caller, request.position, size).await?))
    }

    pub async fn prove_consistency(&self, caller: &Caller, request: v1::ProveConsistencyRequest) -> Answer<v1::Proof> {
        let to = (request.to > 0).then_some(request.to);
        Ok(proof_message(self.service.prove_consistency(caller, request.from, to).await?))
    }

    pub async fn archive_audit(
        &self,
        caller: &Caller,
        request: v1::ArchiveAuditRequest,
    ) -> Answer<v1::ArchiveAuditResponse> {
        Ok(v1::ArchiveAuditResponse { first: self.service.archive_audit(caller, request.before).await? })
    }
}

fn proof_message(proof: AuditProof) -> v1::Proof {
    v1::Proof {
        size: proof.size,
        root: STANDARD.encode(proof.root),
        hashes: proof.hashes.iter().map(|hash| STANDARD.encode(hash)).collect(),
        leaf: proof.leaf.map(|leaf| STANDARD.encode(leaf)).unwrap_or_default(),
    }
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn record_message(position: u64, row: AuditRow) -> v1::AuditRecord {
    v1::AuditRecord {
        position,
        index: row.index.0,
        time_ms: row.time_ms,
        principal: row.principal,
        node_id: row.node_id,
        action: row.action,
        reason: row.reason,
        resource: row.resource,
        outcome: row.outcome,
        request_id: row.request_id.0,
        digest_before: hex_text(&row.digest_before),
        digest_after: hex_text(&row.digest_after),
        authentication: row.authentication,
        address: row.address,
        user_agent: row.user_agent,
        trace_id: row.trace_id,
    }
}

/// A record as one line of JSON: what the offline verifier reads (`docs/audit.md`).
pub fn json_of(position: u64, row: &AuditRow) -> String {
    serde_json::json!({
        "position": position,
        "index": row.index.0,
        "time_ms": row.time_ms,
        "principal": row.principal,
        "node_id": row.node_id,
        "action": row.action,
        "reason": row.reason,
        "resource": row.resource,
        "outcome": row.outcome,
        "request_id": row.request_id.0,
        "digest_before": hex_text(&row.digest_before),
        "digest_after": hex_text(&row.digest_after),
        "authentication": row.authentication,
        "address": row.address,
        "user_agent": row.user_agent,
        "trace_id": row.trace_id,
    })
    .to_string()
}

/// A record as one line of CSV (RFC 4180), every text quoted.
pub fn csv_of(position: u64, row: &AuditRow) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    [
        position.to_string(),
        row.index.0.to_string(),
        row.time_ms.to_string(),
        quoted(&row.principal),
        row.node_id.to_string(),
        quoted(&row.action),
        quoted(&row.reason),
        quoted(&row.resource),
        quoted(&row.outcome),
        quoted(&row.request_id.0),
        hex_text(&row.digest_before),
        hex_text(&row.digest_after),
        quoted(&row.authentication),
        quoted(&row.address),
        quoted(&row.user_agent),
        row.trace_id.clone(),
    ]
    .join(",")
}
