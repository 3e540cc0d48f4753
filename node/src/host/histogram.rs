//! A histogram of durations that cores share without a lock: every request goes into one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// Upper bounds of the buckets, in seconds: from 0.1 ms, a local read, to 15 s.
const BOUNDS: [f64; 14] = [
    0.000_1,
    0.000_25,
    0.000_625,
    0.001_562_5,
    0.003_906_25,
    0.009_765_625,
    0.024_414_062_5,
    0.061_035_156_25,
    0.152_587_890_625,
    0.381_469_726_562_5,
    0.953_674_316_406_25,
    2.384_185_791_015_625,
    5.960_464_477_539_063,
    14.901_161_193_847_656,
];

/// Counts by duration. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// One for each bound, and one for what is longer.
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_ns: AtomicU64,
}

impl Durations {
    /// Something took so long.
    pub(super) fn observe(&self, time: std::time::Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.inner.counts[bucket].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.inner.sum_ns.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let bounds = BOUNDS.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> =
            bounds.zip(&self.inner.counts).map(|(bound, count)| (bound, count.load(Ordering::Relaxed))).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        #[allow(clippy::cast_precision_loss, reason = "a sum for people")]
        let sum = self.inner.sum_ns.load(Ordering::Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Durations {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn it_is_printed_as_prometheus_reads_it() {
        let durations = Durations::default();
        for time in [50, 100, 101, 20_000_000] {
            durations.observe(Duration::from_micros(time));
        }
        let mut registry = Registry::default();
        registry.register("d_seconds", "Test", durations);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "d_seconds_sum 20.000251",
            "d_seconds_count 4",
            "d_seconds_bucket{le=\"0.0001\"} 2",
            "d_seconds_bucket{le=\"0.00025\"} 3",
            "d_seconds_bucket{le=\"+Inf\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
