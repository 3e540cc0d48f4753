//! Laws that hold for every history of commands. Random scripts are played; [`History`](crate::support::history::History)
//! checks every entry and [`check`](crate::support::checker::check) all rows.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use registry::{Key, Permanent, Row, Table, View, audit, query};

use crate::support::script::{Player, replay, steps};
use crate::support::{Machine, assert_same_rows, cases, delete};

proptest! {
    #![proptest_config(cases(96))]

    /// Whatever is done, rows agree with each other, ids and versions are given once, retries have one effect, verdicts
    /// on old facts are refused, and a second replica that reads the same log comes to the same rows, digest and audit root.
    #[test]
    fn histories_keep_the_laws(steps in steps(70)) {
        let player = Player::play(&steps);
        let replica = replay(&player.log);
        assert_same_rows(replica.view.rows(), player.machine.view.rows());
        prop_assert_eq!(&replica.digests, &player.machine.digests);
        let roots = [&replica, &player.machine].map(|machine| {
            let size = query::machine(&machine.view).unwrap().audit_size;
            audit::root(&machine.view, size).unwrap()
        });
        prop_assert_eq!(roots[0], roots[1]);
    }

    /// However much came between, a retry of what had an effect answers the same and changes nothing.
    #[test]
    fn a_retry_at_any_later_place_changes_nothing(steps in steps(40), at in any::<prop::sample::Index>()) {
        let player = Player::play(&steps);
        let mut machine = player.machine.clone();
        let requests: Vec<_> = player.log.iter().filter_map(|(_, envelope)| envelope.as_ref()).collect();
        prop_assume!(!requests.is_empty());
        let again = requests[at.index(requests.len())];
        let Some(Row::Request(remembered)) = machine.view.get(&Key::Request(again.request_id.clone())).unwrap() else {
            // Stale, a digest check, or forgotten by age: not a retry of something that had an effect.
            return Ok(());
        };
        let applied = machine.apply(again);
        prop_assert_eq!(applied.outcome, registry::Outcome::from(remembered.answer));
        prop_assert_eq!(applied.effective, remembered.index);
        assert_same_rows(machine.view.rows(), player.machine.view.rows());
    }

    /// The digest covers the whole history: one command under another request id, whose effect is the same, makes another
    /// digest for ever after. A check of digests and a stale command leave nothing that could differ.
    #[test]
    fn replicas_with_different_histories_have_different_digests(steps in steps(25), at in any::<prop::sample::Index>()) {
        let mut log = Player::play(&steps).log;
        let first = replay(&log);
        let index_of = |row: &Row| match row {
            Row::Audit(row) if row.outcome == "stale" => Some(row.index),
            _ => None,
        };
        let stale: Vec<_> = first.view.rows().filter_map(|(_, row)| index_of(row)).collect();
        let mut commands: Vec<_> = log
            .iter_mut()
            .filter(|(position, _)| !stale.contains(&position.index))
            .filter_map(|(_, envelope)| envelope.as_mut())
            .collect();
        prop_assume!(!commands.is_empty());
        let changed = at.index(commands.len());
        commands[changed].request_id.0.push('x');
        let second = replay(&log);
        prop_assert_ne!(first.digests.last_key_value(), second.digests.last_key_value());
    }
}

/// The scripts are worth something only if they reach what they should: every outcome and most refusals.
#[test]
fn scripts_reach_every_outcome() {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let mut seen = BTreeMap::new();
    let expected = [
        "registered",
        "version_deleted",
        "subject_deleted",
        "config_changed",
        "mode_changed",
        "context_deleted",
        "operation_recorded",
        "level_in_force",
        "founded",
        "stale",
        "retry",
        "subject_not_found",
        "version_not_found",
        "subject_soft_deleted",
        "subject_not_soft_deleted",
        "version_soft_deleted",
        "version_not_soft_deleted",
        "referenced",
        "read_only",
        "not_read_write",
        "not_import",
        "version_not_next",
        "id_taken",
        "subjects_exist",
        "config_not_found",
        "mode_not_found",
        "mode_not_here",
        "context_not_empty",
        "another_cluster",
        "draft",
        "activated",
        "rolled_back",
        "consumer",
        "policy_changed",
        "wrong_state",
        "draft_not_found",
        "review_required",
        "reviewer_is_author",
        "approvals_missing",
        "reason_required",
        "incompatible",
        "sunset_too_soon",
        "sunset_not_reached",
        "nothing_to_roll_back",
    ];
    // Until each was seen; some are rare.
    for _ in 0..1_000 {
        if expected.iter().all(|name| seen.contains_key(name)) {
            break;
        }
        let script = steps(100).new_tree(&mut runner).unwrap().current();
        for (name, count) in Player::play(&script).history.seen {
            *seen.entry(name).or_insert(0) += count;
        }
    }
    let missing: Vec<_> = expected.iter().filter(|name| !seen.contains_key(**name)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}; seen: {seen:?}");
}

/// Every command leaves one audit record, whatever came of it.
#[test]
fn every_command_is_audited() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    machine.refuse(delete("a", 7, Permanent::No));
    let records: Vec<_> = machine
        .view
        .rows()
        .filter(|(key, _)| key.table() == Table::Audit)
        .map(|(_, row)| match row {
            Row::Audit(row) => (row.index.0, row.action.as_str(), row.resource.as_str(), row.outcome.as_str()),
            row => panic!("{row:?}"),
        })
        .collect();
    assert_eq!(
        records,
        [
            (1, "schema.register", "subject/a", "ok id=1 version=1"),
            (2, "version.delete", "subject/a/version/7", "refused version_not_found"),
        ]
    );
}
