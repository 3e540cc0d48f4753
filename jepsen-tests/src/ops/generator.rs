//! The generator of operations on subjects: a weighted choice, pure, so that drills and the simulation share it.

use rand::RngExt;
use rand::rngs::StdRng;

use super::family::FAMILIES;
use super::{Level, Op, SubjectWorkload};

/// Versions that clients name: some are there, some not yet.
const VERSIONS: std::ops::Range<u32> = 1..12;
/// Contents back from the newest that are sent and asked for again.
const RECENT: u32 = 12;

/// How often each operation is chosen, relative to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpWeights {
    /// A registration of a content that nobody sent before.
    pub fresh: u32,
    /// A registration of one that somebody may have sent.
    pub again: u32,
    /// The latest version.
    pub latest: u32,
    /// A version by its number.
    pub get: u32,
    /// A version by its content.
    pub lookup: u32,
    /// All version numbers.
    pub list: u32,
    /// Another level of compatibility.
    pub set_level: u32,
    /// In a thousand operations of a workload that deletes: deletions, of a version or of the subject.
    pub deletions_permille: u32,
    /// In a thousand fresh contents: those of another family than most.
    pub strangers_permille: u32,
}

impl Default for OpWeights {
    fn default() -> Self {
        Self {
            fresh: 22,
            again: 12,
            latest: 27,
            get: 14,
            lookup: 8,
            list: 12,
            set_level: 5,
            deletions_permille: 180,
            strangers_permille: 150,
        }
    }
}

/// The operation that was generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextOp {
    /// Register the next content of this family.
    Fresh {
        /// The family.
        family: u32,
    },
    /// An operation that needs no new content.
    Known(Op),
}

impl NextOp {
    /// The operation. `next` counts a subject's contents and is asked only for a fresh one.
    pub fn into_op(self, next: impl FnOnce() -> u32) -> Op {
        match self {
            // Contents of one family are so far apart.
            Self::Fresh { family } => Op::Register { content: next() * FAMILIES + family },
            Self::Known(op) => op,
        }
    }
}

/// Generates the next operation on a subject of which `contents` contents have been made so far.
pub fn next_op(workload: SubjectWorkload, weights: &OpWeights, contents: u32, random: &mut StdRng) -> NextOp {
    let often = |permille: u32, random: &mut StdRng| random.random_range(0..1_000) < permille;
    if workload == SubjectWorkload::Append {
        return if random.random_bool(0.5) { fresh_content(weights, random) } else { NextOp::Known(Op::Contents) };
    }
    if workload == SubjectWorkload::Deleting && often(weights.deletions_permille, random) {
        return NextOp::Known(random_deletion(random));
    }
    let OpWeights { fresh: new, again, latest, get, lookup, list, set_level, .. } = *weights;
    let op = match weighted_index(&[new, again, latest, get, lookup, list, set_level], random) {
        0 => return fresh_content(weights, random),
        1 => Op::Register { content: known_content(contents, random) },
        2 => Op::Latest,
        3 => Op::Get { version: random.random_range(VERSIONS) },
        4 => Op::Lookup { content: known_content(contents, random) },
        5 => Op::List { deleted: random.random_bool(0.3) },
        _ => {
            let levels = [Level::None, Level::Backward, Level::Backward, Level::FullTransitive];
            Op::SetLevel { level: levels[random.random_range(0..levels.len())] }
        }
    };
    NextOp::Known(op)
}

/// A place in a list of weights, chosen by them.
///
/// # Panics
/// If all weights are zero.
pub fn weighted_index(weights: &[u32], random: &mut StdRng) -> usize {
    let mut left = random.random_range(0..weights.iter().sum());
    weights
        .iter()
        .position(|weight| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        })
        .expect("what was drawn is below the sum")
}

fn fresh_content(weights: &OpWeights, random: &mut StdRng) -> NextOp {
    let is_stranger = random.random_range(0..1_000) < weights.strangers_permille;
    NextOp::Fresh { family: if is_stranger { random.random_range(1..FAMILIES) } else { 0 } }
}

fn known_content(contents: u32, random: &mut StdRng) -> u32 {
    let count = contents.max(1);
    let family = if random.random_bool(0.1) { 1 } else { 0 };
    random.random_range(count.saturating_sub(RECENT)..=count) * FAMILIES + family
}

fn random_deletion(random: &mut StdRng) -> Op {
    match random.random_range(0..10) {
        0..7 => Op::DeleteVersion { version: random.random_range(VERSIONS), permanent: random.random_bool(0.4) },
        7..9 => Op::DeleteSubject { permanent: false },
        _ => Op::DeleteSubject { permanent: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn weights_decide_how_often() {
        let mut random = StdRng::seed_from_u64(7);
        let mut counts = [0_u32; 3];
        for _ in 0..3_000 {
            counts[weighted_index(&[1, 0, 2], &mut random)] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((800..1_200).contains(&counts[0]) && counts[0] + counts[2] == 3_000, "{counts:?}");
    }

    #[test]
    fn only_the_deleting_workload_deletes_and_only_append_reads_contents() {
        let mut random = StdRng::seed_from_u64(8);
        for workload in [SubjectWorkload::Rich, SubjectWorkload::Deleting, SubjectWorkload::Append] {
            let chosen: Vec<Op> =
                (0..500).map(|_| next_op(workload, &OpWeights::default(), 20, &mut random).into_op(|| 20)).collect();
            let has = |kind: &str| chosen.iter().any(|op| op.kind().starts_with(kind));
            assert_eq!(has("delete"), workload == SubjectWorkload::Deleting, "{workload:?}");
            assert_eq!(has("contents"), workload == SubjectWorkload::Append, "{workload:?}");
            assert!(has("register"), "{workload:?}");
        }
    }
}
