//! The cluster's own commands: its level, and the record of what was done outside the state machine.

use registry::{
    Actor, Authentication, ClusterCommand, ClusterDone, ClusterRefusal, Command, Done, Envelope, Key, Operation,
    Outcome, Principal, PrincipalKind, Refusal, RequestSource, Row, Table, View, audit, dry_run, level, query,
};

use crate::support::{Machine, START_MS, envelope, register};

fn operation() -> Operation {
    Operation {
        name: "cluster.member_add".to_owned(),
        resource: "node/4".to_owned(),
        details: vec![("address".to_owned(), "10.0.0.4:7000".to_owned()), ("as".to_owned(), "learner".to_owned())],
        outcome: "ok".to_owned(),
        reason: "more room".to_owned(),
    }
}

fn record(operation: Operation) -> Command {
    Command::Cluster(ClusterCommand::RecordOperation(operation))
}

fn raise(level: u8) -> Command {
    Command::Cluster(ClusterCommand::RaiseLevel { level })
}

#[test]
fn an_operation_leaves_its_record_with_its_actor_and_nothing_else() {
    let mut machine = Machine::default();
    let principal = Principal::of(PrincipalKind::ServiceAccount, "deployer", Authentication::Token);
    let mut asked = envelope("op", START_MS, record(operation()));
    asked.actor = Actor { principal, node_id: 3 };
    let applied = machine.apply(&asked);
    assert_eq!(applied.outcome, Outcome::Done(Done::Cluster(ClusterDone::OperationRecorded)));
    let tables: Vec<_> = applied.changes.iter().map(|(key, _)| key.table()).collect();
    let expected = [Table::Request, Table::RequestAge, Table::Audit, Table::AuditNode, Table::Machine];
    assert_eq!(tables, expected, "there is no other trace of it");
    let (_, Some(Row::Audit(row))) = &applied.changes[2] else { panic!("{:?}", applied.changes[2]) };
    assert_eq!(row.principal, "service-account:deployer");
    assert_eq!((row.action.as_str(), row.resource.as_str(), row.node_id), ("cluster.member_add", "node/4", 3));
    assert_eq!((row.outcome.as_str(), row.reason.as_str()), ("ok address=10.0.0.4:7000 as=learner", "more room"));
    let size = query::machine(&machine.view).unwrap().audit_size;
    assert_eq!(audit::root(&machine.view, size).unwrap(), audit::leaf_hash(row));
    // A retry is the same operation.
    assert!(machine.apply(&asked).changes.is_empty());
}

#[test]
fn an_operation_is_bounded() {
    let long = "x".repeat(3_000);
    let cases = [
        Operation { name: String::new(), ..operation() },
        Operation { name: "Cluster.add".to_owned(), ..operation() },
        Operation { name: "a b".to_owned(), ..operation() },
        Operation { name: "x".repeat(257), ..operation() },
        Operation { resource: long.clone(), ..operation() },
        Operation { reason: long.clone(), ..operation() },
        Operation { outcome: long.clone(), ..operation() },
        Operation { details: vec![(long.clone(), String::new())], ..operation() },
        Operation { details: vec![(String::new(), long)], ..operation() },
        Operation { details: vec![(String::new(), String::new()); 17], ..operation() },
    ];
    for refused in cases {
        let mut machine = Machine::default();
        assert!(matches!(machine.refuse(record(refused.clone())), Refusal::Invalid { .. }), "{refused:?}");
    }
}

#[test]
fn a_level_is_raised_and_never_lowered() {
    let mut machine = Machine::default();
    assert_eq!(query::machine(&machine.view).unwrap().level, level::BASE);
    let in_force = |level| Outcome::Done(Done::Cluster(ClusterDone::LevelInForce { level }));
    for (asked, found) in [(0, level::BASE), (level::SUPPORTED, level::SUPPORTED), (level::BASE, level::SUPPORTED)] {
        assert_eq!(machine.run(raise(asked)), in_force(found));
        assert_eq!(query::machine(&machine.view).unwrap().level, found);
    }
}

/// The second level: the state knows what is under way, from the entry on that put the level in force.
#[test]
fn what_is_under_way_is_kept_from_its_level_on() {
    let operation = |name: &str, outcome: &str| Operation { name: name.into(), outcome: outcome.into(), ..operation() };
    let under_way = |machine: &Machine| query::machine(&machine.view).unwrap().under_way.map(|found| found.name);
    let (removal, snapshot) = ("cluster.member.remove", "cluster.snapshot.take");
    let mut machine = Machine::default();
    machine.accept(record(operation(removal, Operation::BEGUN)));
    assert_eq!(under_way(&machine), None, "an older program could not read it");
    machine.accept(raise(level::OPERATION_UNDER_WAY));
    machine.accept(record(operation(removal, Operation::BEGUN)));
    let found = query::machine(&machine.view).unwrap().under_way.unwrap();
    assert_eq!((found.name.as_str(), found.resource), (removal, operation(removal, "").resource));
    assert!(!found.principal.is_empty() && found.since_ms > 0, "{}", found.principal);
    // The end of something else is not its end.
    machine.accept(record(operation(snapshot, "done")));
    assert_eq!(under_way(&machine).as_deref(), Some(removal));
    machine.accept(record(operation(removal, "failed: it did not happen in time")));
    assert_eq!(under_way(&machine), None);
    machine.accept(record(operation(snapshot, "done")));
    assert_eq!(under_way(&machine), None);
}

/// The third level: audit records tell where a request came from, from the entry on that put the level in force.
#[test]
fn where_a_request_came_from_is_kept_from_its_level_on() {
    let mut machine = Machine::default();
    let source = RequestSource { address: "2001:db8::1".to_owned(), user_agent: "curl/8".to_owned() };
    let sourced = |name: &str, level| Envelope {
        level,
        source: Some(source.clone()),
        trace: registry::TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ..envelope(name, START_MS, register("a", name))
    };
    let told = |machine: &Machine| {
        let size = query::machine(&machine.view).unwrap().audit_size;
        match machine.view.get(&Key::Audit(size - 1)).unwrap() {
            Some(Row::Audit(row)) => [row.authentication, row.address, row.user_agent, row.trace_id],
            other => panic!("{other:?}"),
        }
    };
    machine.accept(raise(level::OPERATION_UNDER_WAY));
    machine.apply(&sourced("1", level::BASE));
    assert_eq!(told(&machine), [""; 4], "an older program could not read it");
    let refused =
        ClusterRefusal::LevelNotInForce { needed: level::REQUEST_SOURCE, in_force: level::OPERATION_UNDER_WAY };
    let early = machine.apply(&sourced("2", level::REQUEST_SOURCE));
    assert_eq!(early.outcome, Outcome::Refused(Refusal::Cluster(refused)));
    machine.accept(raise(level::REQUEST_SOURCE));
    machine.apply(&sourced("3", level::REQUEST_SOURCE));
    let authentication = envelope("n", START_MS, register("a", "n")).actor.principal.authentication.name();
    assert_eq!(told(&machine), [authentication, "2001:db8::1", "curl/8", "4bf92f3577b34da6a3ce929d0e0e4736"]);
}

/// What needs a level that is not in force is refused by whoever knows that level: the leader's own question before it
/// proposes is only a courtesy.
#[test]
fn a_command_waits_for_its_level() {
    let mut machine = Machine::default();
    machine.view.write(&[(Key::Machine, Some(Row::Machine(registry::MachineRow { level: 0, ..Default::default() })))]);
    let early = Envelope { level: level::BASE, ..envelope("r", START_MS, register("a", "1")) };
    let refused = ClusterRefusal::LevelNotInForce { needed: level::BASE, in_force: 0 };
    assert_eq!(machine.apply(&early).outcome, Outcome::Refused(Refusal::Cluster(refused)));
    machine.accept(raise(level::BASE));
    machine.accept(register("a", "1"));
}

#[test]
fn every_command_can_be_tried_without_being_done() {
    let mut machine = Machine::default();
    machine.register("a", "1");
    let before = machine.view.clone();
    for command in [register("a", "2"), crate::support::delete("a", 9, registry::Permanent::No), record(operation())] {
        let tried = dry_run(&machine.view, &command).unwrap();
        assert_eq!(machine.view, before);
        let mut copy = machine.clone();
        assert_eq!(copy.run(command), tried);
    }
}
