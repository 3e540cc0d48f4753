//! One line in the log for each request that failed on this side: with the request's id, what was asked, the code and the
//! reason, so that whoever holds an answer finds what happened. A flood of the same cause is counted instead of written.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use proto::error_code::ErrorCode;

use crate::clock::{self, Instant};
use crate::service::ServiceError;

/// Lines about one code in one window. A second of a lost quorum under load would be thousands.
const LINES_MAX: u64 = 200;
const WINDOW: Duration = Duration::from_secs(10);

/// What was written about each code lately.
#[derive(Debug, Default)]
pub(super) struct Failures {
    windows: Mutex<BTreeMap<ErrorCode, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begun: Instant,
    failed: u64,
}

impl Window {
    /// Counts one failure. May it be written, and how many of the window before were not?
    fn count_failure(&mut self, now: Instant) -> (bool, u64) {
        let mut left_out = 0;
        if now.saturating_duration_since(self.begun) >= WINDOW {
            left_out = self.failed.saturating_sub(LINES_MAX);
            *self = Self { begun: now, failed: 0 };
        }
        self.failed += 1;
        (self.failed <= LINES_MAX, left_out)
    }
}

impl Failures {
    /// Writes the line, if the error is of this side.
    pub(super) fn log_failure(&self, request_id: &str, operation: &str, error: &ServiceError) {
        if error.code.status() < 500 {
            return;
        }
        let now = clock::now();
        let counted = {
            let mut windows = self.windows.lock();
            windows.entry(error.code).or_insert(Window { begun: now, failed: 0 }).count_failure(now)
        };
        let (may, left_out) = counted;
        let code = error.code.0;
        if left_out > 0 {
            tracing::warn!(code, left_out, "more requests failed with this code than are written");
        }
        if may {
            tracing::warn!(request_id, operation, code, reason = %error, "a request failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_told_of_when_it_is_over() {
        let begun = clock::now();
        let mut window = Window { begun, failed: 0 };
        let written = (0..1_000).filter(|_| window.count_failure(begun).0).count();
        assert_eq!(written as u64, LINES_MAX);
        assert_eq!(window.count_failure(begun + WINDOW), (true, 800));
        assert_eq!(window.count_failure(begun + WINDOW), (true, 0));
    }
}
