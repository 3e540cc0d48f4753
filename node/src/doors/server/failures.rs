//! The failures of an operation, as OpenAPI lists them.

use proto::operations::Operation;
use serde_json::{Map, Value, json};

/// The errors of an operation, by their status.
pub(super) fn failure_responses(operation: &Operation, content: &Value) -> Map<String, Value> {
    let by_status = operation.errors.chunk_by(|left, right| left.status() == right.status());
    let described = by_status.map(|codes| {
        let listed: Vec<_> = codes.iter().map(|code| code.0.to_string()).collect();
        let error = json!({"description": format!("error_code {}", listed.join(", ")), "content": content});
        (codes[0].status().to_string(), error)
    });
    described.collect()
}
