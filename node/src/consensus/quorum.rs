//! May a change of the membership be made? Only where every set of voters that has to agree has a majority that answers
//! now: otherwise the change is begun, cannot end, and no write succeeds until somebody comes back who perhaps never will.
//!
//! Pure functions; [`super::membership`] asks and acts.

use std::collections::BTreeSet;

/// What is wrong with a change: a set of voters without an answering majority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lacking {
    /// The voters of the set.
    pub voters: BTreeSet<u64>,
    /// Those of them that do not answer.
    pub silent: BTreeSet<u64>,
}

impl Lacking {
    /// For the operator: what was found, and what to do.
    pub fn in_words(&self, is_new: bool) -> String {
        let Self { voters, silent } = self;
        let (which, count, answer) =
            (if is_new { "new" } else { "present" }, voters.len(), voters.len() - silent.len());
        let (needed, silent) = (count / 2 + 1, joined_ids(silent));
        format!(
            "of the {count} voters of the {which} configuration {answer} answer now, and {needed} are needed: the change would \
             begin and could not end, and no write would succeed meanwhile. Nodes that do not answer: {silent}. Start them, \
             or remove one of them first. Whoever knows better names them: without={silent}"
        )
    }
}

/// The first of these sets of voters that has no answering majority. A voter that is `named` counts as if it answered: the
/// operator vouches for it.
pub(super) fn find_lacking(
    sets: &[BTreeSet<u64>],
    answering: &BTreeSet<u64>,
    named: &BTreeSet<u64>,
) -> Option<(usize, Lacking)> {
    let lacks = |voters: &BTreeSet<u64>| {
        let silent: BTreeSet<u64> = voters.difference(answering).copied().collect();
        let unvouched = silent.difference(named).count();
        (voters.len() - unvouched <= voters.len() / 2).then(|| Lacking { voters: voters.clone(), silent })
    };
    sets.iter().enumerate().find_map(|(number, set)| lacks(set).map(|lacking| (number, lacking)))
}

/// Ids for a sentence: `3,5`.
pub(super) fn joined_ids(ids: &BTreeSet<u64>) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// What a node reports of its membership, for [`judge_membership`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    pub node_id: u64,
    pub committed: u64,
    pub voters: BTreeSet<u64>,
    pub members: BTreeSet<u64>,
}

/// What the others say of this node's membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A majority of the voters of a membership without it, who are further than this node, say that it was removed.
    Removed,
    /// The newest membership that is known has this node.
    Member,
    /// Too few of them answer, or none knows more than this node.
    Unknown,
}

/// Was this node removed?
pub(super) fn judge_membership(me: u64, committed: u64, reports: &[Report]) -> Verdict {
    let later = reports.iter().filter(|report| report.committed > committed && !report.members.is_empty());
    let Some(newest) = later.max_by_key(|report| report.committed) else { return Verdict::Unknown };
    if newest.members.contains(&me) {
        return Verdict::Member;
    }
    let agrees = |report: &&Report| newest.voters.contains(&report.node_id) && !report.members.contains(&me);
    let count = reports.iter().filter(agrees).count();
    if count > newest.voters.len() / 2 { Verdict::Removed } else { Verdict::Unknown }
}

/// The committed index at which this node knows that it was removed, after another look; none if it does not. Once known, it
/// stays known: voters that come later are strangers to this node and cannot tell it again. Only a member's word that it is
/// one, or an entry, which a removed node gets no more, takes it back.
pub(super) fn removed_since(before: Option<u64>, committed: u64, verdict: Verdict) -> Option<u64> {
    match verdict {
        Verdict::Removed => Some(before.unwrap_or(committed).max(committed)),
        Verdict::Member => None,
        Verdict::Unknown => before.filter(|since| committed <= *since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u64]) -> BTreeSet<u64> {
        ids.iter().copied().collect()
    }

    #[test]
    fn a_change_needs_an_answering_majority_of_every_set() {
        // Present voters, voters afterwards, who answers, who is vouched for, which set lacks one.
        type Case<'a> = (&'a [u64], &'a [u64], &'a [u64], &'a [u64], Option<usize>);
        let cases: &[Case<'_>] = &[
            // Removal with everybody there, and of the one that is dead.
            (&[1, 2, 3], &[1, 2], &[1, 2, 3], &[], None),
            (&[1, 2, 3], &[1, 2], &[1, 2], &[], None),
            // Removal of a healthy one while another is dead: one of two is no majority.
            (&[1, 2, 3], &[1, 3], &[1, 2], &[], Some(1)),
            (&[1, 2, 3, 4, 5], &[1, 2, 3, 5], &[1, 2, 4], &[], Some(1)),
            (&[1, 2, 3, 4, 5], &[1, 2, 4, 5], &[1, 2, 4], &[], None),
            (&[1, 2, 3, 4, 5], &[1, 2, 3, 5], &[1, 2, 4], &[5], None),
            // Without a majority of the present voters nothing can be decided.
            (&[1, 2, 3], &[1], &[1], &[], Some(0)),
            // Promotion: the new one has to answer where the others are just enough.
            (&[1, 2, 3], &[1, 2, 3, 4], &[1, 2, 4], &[], None),
            (&[1, 2, 3], &[1, 2, 3, 4], &[1, 2], &[], Some(1)),
            (&[1, 2], &[1, 2, 3], &[1, 2], &[], None),
            (&[1], &[1, 2], &[1], &[], Some(1)),
            (&[1], &[1, 2], &[1, 2], &[], None),
            // A vouch for somebody else changes nothing.
            (&[1, 2, 3], &[1, 3], &[1, 2], &[9], Some(1)),
        ];
        for (present, after, answering, named, expected) in cases {
            let found = find_lacking(&[set(present), set(after)], &set(answering), &set(named));
            assert_eq!(found.map(|(number, _)| number), *expected, "{present:?} to {after:?}, {answering:?} answer");
        }
    }

    #[test]
    fn the_refusal_names_who_is_silent_and_what_to_do() {
        let (number, lacking) = find_lacking(&[set(&[1, 2, 3, 5])], &set(&[1, 2]), &set(&[])).unwrap();
        let sentence = lacking.in_words(number == 0);
        for part in ["of the 4 voters", "2 answer now", "3 are needed", "without=3,5"] {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
    }

    #[test]
    fn a_node_believes_that_it_was_removed_when_a_majority_without_it_is_further() {
        let report = |node_id, committed, members: &[u64]| Report {
            node_id,
            committed,
            voters: set(members),
            members: set(members),
        };
        let others = [1, 2, 3];
        use Verdict::{Member, Removed, Unknown};
        let cases: [(&[Report], Verdict); 8] = [
            (&[report(1, 20, &others), report(2, 19, &others)], Removed),
            (&[report(1, 20, &others)], Unknown),
            (&[], Unknown),
            // It is behind, and the others agree that it is a member.
            (&[report(1, 20, &[1, 2, 3, 4]), report(2, 20, &[1, 2, 3, 4])], Member),
            // They are behind: perhaps it is not a member yet for them.
            (&[report(1, 9, &others), report(2, 9, &others)], Unknown),
            // It came back: the newest says so.
            (&[report(1, 20, &others), report(2, 30, &[1, 2, 3, 4]), report(3, 20, &others)], Member),
            // One of those who say so has no voice.
            (&[report(1, 20, &others), report(7, 20, &others)], Unknown),
            (&[report(1, 20, &[]), report(2, 20, &[])], Unknown),
        ];
        for (reports, expected) in cases {
            assert_eq!(judge_membership(4, 10, reports), expected, "{reports:?}");
        }
    }

    #[test]
    fn a_removal_that_is_known_stays_known_until_the_node_is_a_member_again() {
        assert_eq!(removed_since(None, 10, Verdict::Unknown), None);
        assert_eq!(removed_since(None, 10, Verdict::Removed), Some(10));
        // All voters of then are replaced, and nobody answers it.
        assert_eq!(removed_since(Some(10), 10, Verdict::Unknown), Some(10));
        assert_eq!(removed_since(Some(10), 10, Verdict::Member), None);
        assert_eq!(removed_since(Some(10), 11, Verdict::Unknown), None, "it gets entries");
    }
}
