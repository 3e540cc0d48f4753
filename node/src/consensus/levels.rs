//! When the cluster's level may be raised: only when every member says that its program supports more.
//!
//! The decision is a pure function. The leader asks every member, decides, asks again right before it proposes, and
//! proposes while no change of the membership can come between ([`Consensus::change_turn`]).

use std::time::Duration;

use futures::future::join_all;
use registry::{level, query};

use super::{Consensus, Role};

/// How long a member is asked for the level that it supports.
const ASK_TIME_MAX: Duration = Duration::from_secs(1);

/// What the decision is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reports {
    /// The level in force.
    in_force: u8,
    /// The operator does not want it raised.
    held: bool,
    /// A change of the membership is under way: who the members are is not settled.
    changing: bool,
    /// What each member supports, voters and learners alike; none of one that did not answer.
    supported: Vec<Option<u8>>,
}

/// The level to raise to, if any.
fn decide_level(reports: &Reports) -> Option<u8> {
    let Reports { in_force, held, changing, supported } = reports;
    if *held || *changing {
        return None;
    }
    // One that does not answer may have been started with an older program since.
    let lowest = supported.iter().copied().collect::<Option<Vec<u8>>>()?.into_iter().min()?;
    (lowest > *in_force).then_some(lowest)
}

/// The level that a program supports which says this of itself: one from before levels were told says nothing.
pub(super) fn reported_level(supported: u32) -> u8 {
    u8::try_from(supported).unwrap_or(u8::MAX).max(level::BASE)
}

impl Consensus {
    /// The highest level that this node supports.
    pub fn supported_level(&self) -> u8 {
        self.supported_level
    }

    /// The level in force, as far as this node has applied.
    pub fn level_in_force(&self) -> u8 {
        self.state.read(|view| query::machine(view).map_or(level::BASE, |machine| machine.level))
    }

    /// Asks every member, and says to which level the cluster can be raised now; none on a node that does not lead.
    pub async fn level_to_raise(&self, held: bool) -> Option<u8> {
        let standing = self.standing();
        if standing.role != Role::Leader || held {
            return None;
        }
        let in_force = self.level_in_force();
        if in_force >= self.supported_level {
            return None;
        }
        let asked = standing.nodes.keys().copied().map(|id| async move {
            if id == self.node_id {
                return Some(self.supported_level);
            }
            let answer = self.ask_status(id, ASK_TIME_MAX).await?.ok()?;
            Some(reported_level(answer.level_supported))
        });
        let supported = join_all(asked).await;
        decide_level(&Reports { in_force, held, changing: standing.is_changing(), supported })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_raised_when_every_member_reports_that_it_can_and_never_otherwise() {
        let reports = |in_force, supported: &[Option<u8>]| Reports {
            in_force,
            held: false,
            changing: false,
            supported: supported.to_vec(),
        };
        let cases: [(Reports, Option<u8>); 11] = [
            (reports(1, &[Some(2), Some(2), Some(2)]), Some(2)),
            // The lowest counts, and steps may be skipped.
            (reports(1, &[Some(4), Some(3), Some(5)]), Some(3)),
            (reports(1, &[Some(2), Some(1), Some(2)]), None),
            // A member that is silent may be of any program.
            (reports(1, &[Some(2), None, Some(2)]), None),
            (reports(2, &[Some(2), Some(2), Some(2)]), None),
            // Never lowered.
            (reports(3, &[Some(2), Some(2), Some(2)]), None),
            (reports(1, &[Some(2)]), Some(2)),
            (reports(1, &[]), None),
            (Reports { held: true, ..reports(1, &[Some(2)]) }, None),
            (Reports { changing: true, ..reports(1, &[Some(2)]) }, None),
            (reports(u8::MAX, &[Some(u8::MAX)]), None),
        ];
        for (reports, expected) in cases {
            assert_eq!(decide_level(&reports), expected, "{reports:?}");
        }
    }

    #[test]
    fn a_program_that_says_nothing_supports_the_first_level() {
        assert_eq!(
            [reported_level(0), reported_level(1), reported_level(2), reported_level(u32::MAX)],
            [level::BASE, 1, 2, u8::MAX]
        );
    }
}
