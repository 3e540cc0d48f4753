//! When a failed attempt may be repeated, and after how long. Pure: time and randomness are handed in.

use std::time::Duration;

use proto::error_code as code;

/// How often and how long a call is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts of one call, the first included.
    pub attempts_max: u32,
    /// The wait before the second attempt; doubled with each further one.
    pub wait: Duration,
    /// The longest wait between two attempts.
    pub wait_max: Duration,
    /// How long one node may take for one answer. A node that accepts and stays silent costs no more than this.
    pub attempt_time_max: Duration,
    /// How long the whole call may take, waits included.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 8,
            wait: Duration::from_millis(50),
            wait_max: Duration::from_secs(2),
            // Longer than a fail-over between nodes of one region, so that a leader that changes is seldom seen at all.
            attempt_time_max: Duration::from_secs(5),
            deadline: Duration::from_secs(20),
        }
    }
}

/// What repeating a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Safety {
    /// It only reads.
    Read,
    /// It changes something under an idempotency key: sent ten times it takes effect once.
    Keyed,
    /// It changes something, and the server remembers no key for it.
    Once,
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection was made: the request never left.
    NotSent,
    /// The request left, and no answer came.
    NoAnswer,
    /// The node answered with an error.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The registry's code.
        code: u32,
    },
}

impl Failure {
    /// May the failure be over soon, here or on another node?
    pub(crate) fn passes(self) -> bool {
        match self {
            Self::NotSent | Self::NoAnswer => true,
            Self::Answered { status, code: _ } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
        }
    }

    /// May the request have changed something?
    pub(crate) fn may_have_happened(self) -> bool {
        match self {
            Self::NotSent => false,
            Self::NoAnswer => true,
            // A node that refuses for being busy, or that knows no leader, has proposed nothing.
            Self::Answered { status, code } => status >= 500 && status != 503 && code != code::NO_LEADER.0,
        }
    }
}

/// May the request be sent again?
pub(crate) fn may_repeat(failure: Failure, safety: Safety) -> bool {
    failure.passes()
        && match safety {
            Safety::Read | Safety::Keyed => true,
            Safety::Once => !failure.may_have_happened(),
        }
}

/// How long to wait before the attempt after attempt number `attempt` (the first is 1): exponential, and by half random
/// (`random` in 0..1), so that clients that failed together do not come back together.
pub(crate) fn wait_after(policy: &RetryPolicy, attempt: u32, random: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let full = policy.wait.saturating_mul(1 << doublings).min(policy.wait_max);
    (full / 2).saturating_add((full / 2).mul_f64(random.clamp(0.0, 1.0)))
}

/// A `Retry-After` header: seconds. Dates are not understood and count as absent.
pub(crate) fn retry_after(header: &str) -> Option<Duration> {
    header.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_safe_is_repeated() {
        let answered = |status, code| Failure::Answered { status, code };
        for (failure, read, keyed, once) in [
            (Failure::NotSent, true, true, true),
            (Failure::NoAnswer, true, true, false),
            (answered(503, 503), true, true, true),
            (answered(429, 429), true, true, true),
            (answered(500, 50002), true, true, false),
            (answered(500, 50003), true, true, false),
            (answered(500, 50004), true, true, true),
            (answered(404, 40401), false, false, false),
            (answered(409, 40901), false, false, false),
            (answered(422, 42201), false, false, false),
            (answered(507, 507), false, false, false),
        ] {
            let found = [Safety::Read, Safety::Keyed, Safety::Once].map(|safety| may_repeat(failure, safety));
            assert_eq!(found, [read, keyed, once], "{failure:?}");
        }
    }

    proptest! {
        #[test]
        fn waits_grow_and_stay_within_their_bound(attempt in 1u32..100, random in 0.0..1.0f64) {
            let policy = RetryPolicy::default();
            let wait = wait_after(&policy, attempt, random);
            prop_assert!(wait <= policy.wait_max);
            prop_assert!(wait >= policy.wait / 2);
            prop_assert!(wait_after(&policy, attempt + 1, 0.0) >= wait_after(&policy, attempt, 0.0));
        }

        #[test]
        fn what_may_have_happened_is_never_repeated_without_a_key(status in 200u16..600, code in 0u32..60_000) {
            for failure in [Failure::NoAnswer, Failure::Answered { status, code }] {
                if failure.may_have_happened() {
                    prop_assert!(!may_repeat(failure, Safety::Once));
                }
            }
        }
    }
}
