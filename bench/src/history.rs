//! What a long history costs: one subject under BACKWARD_TRANSITIVE gets version after version.

use std::time::{Duration, Instant};

use client::{NewSchema, Settings};
use serde_json::json;

use crate::{ANSWER_TIME_MAX, bare_client};

/// What came out: a latency per version, in order.
#[derive(Debug, Clone)]
pub struct Figures {
    times: Vec<Duration>,
}

impl Figures {
    /// The median of a block of versions, the first of which is 1.
    pub fn median(&self, versions: std::ops::RangeInclusive<usize>) -> Duration {
        let (from, to) = (versions.start().saturating_sub(1), (*versions.end()).min(self.times.len()));
        let mut block = self.times.get(from..to).unwrap_or_default().to_vec();
        block.sort_unstable();
        block.get(block.len() / 2).copied().unwrap_or_default()
    }
}

/// A version of a schema of about 2.2 KB; its documentation and the default of one field differ from every other's.
fn schema_text(number: usize) -> String {
    let mut fields: Vec<_> = (0..16)
        .map(|field| {
            json!({
                "name": format!("field_number_{field:02}"),
                "type": ["null", "string"],
                "default": null,
                "doc": format!("Field {field} of the record that the benchmark registers, version {number}"),
            })
        })
        .collect();
    fields.push(json!({"name": "count", "type": "long", "default": number}));
    json!({"type": "record", "name": "Record", "namespace": "bench.telemetry", "fields": fields}).to_string()
}

/// Registers so many versions of a subject that is new, one after the other, through one node.
///
/// # Errors
/// An answer that is no success.
pub async fn measure_registrations(url: &str, subject: &str, versions: usize) -> Result<Figures, String> {
    let registry = bare_client(url, ANSWER_TIME_MAX).map_err(|error| error.to_string())?;
    let level = Settings::level("BACKWARD_TRANSITIVE");
    registry.set_config(Some(subject), &level).await.map_err(|error| error.to_string())?;
    let mut times = Vec::new();
    for number in 1..=versions {
        let new = NewSchema::avro(schema_text(number));
        let begun = Instant::now();
        registry.register(subject, &new).await.map_err(|error| error.to_string())?;
        times.push(begun.elapsed());
    }
    Ok(Figures { times })
}
