//! Accounts, keys, roles, bindings and policies: what is kept, what is refused, and that every change is marked.

use registry::limits::{KEYS_MAX, ROLES_MAX};
use registry::{
    AccessCommand, AccessDone, AccessRefusal, ApiKey, BUILT_IN_ROLES, Command, Done, Grantee, LogIndex, Outcome, Reach,
    Refusal, query,
};

use crate::support::{Machine, START_MS, context, register};

fn account(name: &str) -> Command {
    let (name, text) = (name.to_owned(), String::new());
    Command::Access(AccessCommand::PutAccount { name, description: text.clone(), owner: text, disabled: false })
}

fn key(id: &str, expires_ms: Option<u64>) -> ApiKey {
    ApiKey {
        id: id.to_owned(),
        name: "ci".to_owned(),
        salt: [1; 16],
        hash: [2; 32],
        created_ms: 7,
        expires_ms,
        used_ms: Some(7),
    }
}

fn add(account: &str, id: &str, expires_ms: Option<u64>) -> Command {
    Command::Access(AccessCommand::AddKey { account: account.to_owned(), key: key(id, expires_ms) })
}

fn revoke(account: &str, id: &str) -> Command {
    Command::Access(AccessCommand::RevokeKey { account: account.to_owned(), id: id.to_owned() })
}

fn role(name: &str) -> Command {
    let permissions = ["subject.read".to_owned()].into();
    Command::Access(AccessCommand::PutRole { name: name.to_owned(), description: String::new(), permissions })
}

fn bind(name: &str, role: &str, reach: Reach) -> Command {
    let grantee = Grantee::Group { name: "team".to_owned() };
    Command::Access(AccessCommand::PutBinding { name: name.to_owned(), role: role.to_owned(), grantee, reach })
}

fn policy(name: &str, text: &str) -> Command {
    let (name, text) = (name.to_owned(), text.to_owned());
    Command::Access(AccessCommand::PutPolicy { name, description: String::new(), text })
}

fn delete_role(name: &str) -> Command {
    Command::Access(AccessCommand::DeleteRole { name: name.to_owned() })
}

fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::Access(AccessRefusal::NotFound { what: what.to_owned(), name: name.to_owned() })
}

#[test]
fn every_change_of_access_is_marked_with_its_entry_and_nothing_else_is() {
    let mut machine = Machine::default();
    let marked = |machine: &Machine| query::access_changed_at(&machine.view).unwrap();
    assert_eq!(marked(&machine), LogIndex(0));
    let changes = [
        account("ci"),
        add("ci", "K1", None),
        role("reader"),
        bind("b", "reader", Reach::Cluster),
        policy("p", "forbid(principal, action, resource);"),
        Command::Access(AccessCommand::DeletePolicy { name: "p".to_owned() }),
        Command::Access(AccessCommand::DeleteBinding { name: "b".to_owned() }),
        delete_role("reader"),
        revoke("ci", "K1"),
        Command::Access(AccessCommand::DeleteAccount { name: "ci".to_owned() }),
    ];
    for change in changes {
        machine.accept(change.clone());
        assert_eq!(marked(&machine), LogIndex(machine.index), "{change:?}");
        let before = machine.index;
        machine.accept(register("a", &format!("{before}")));
        machine.refuse(role("admin"));
        assert_eq!(marked(&machine), LogIndex(before));
    }
    assert_eq!(query::accounts(&machine.view).unwrap(), []);
}

#[test]
fn an_account_has_two_keys_at_once_and_what_expired_makes_room() {
    let mut machine = Machine::default();
    assert_eq!(machine.refuse(add("ci", "K1", None)), not_found("account", "ci"));
    machine.accept(account("ci"));
    machine.accept(add("ci", "K1", Some(START_MS)));
    machine.accept(add("ci", "K2", None));
    // The first has expired by now, whatever its place.
    machine.accept(add("ci", "K3", None));
    let full = AccessRefusal::Full { what: "keys of this account".to_owned(), limit: KEYS_MAX };
    assert_eq!(machine.refuse(add("ci", "K4", None)), Refusal::Access(full));
    machine.accept(account("other"));
    let taken = AccessRefusal::KeyExists { id: "K2".to_owned() };
    assert_eq!(machine.refuse(add("other", "K2", None)), Refusal::Access(taken));
    assert_eq!(machine.refuse(revoke("other", "K2")), not_found("key", "K2"));
    machine.accept(revoke("ci", "K2"));
    // A change of the account keeps the keys that are left.
    machine.accept(account("ci"));
    let row = query::account(&machine.view, "ci").unwrap().unwrap();
    assert_eq!(row.keys.iter().map(|key| key.id.as_str()).collect::<Vec<_>>(), ["K3"]);
    let kept = &row.keys[0];
    assert!(kept.created_ms > START_MS && kept.used_ms.is_none(), "the entry's time, not the preparer's: {kept:?}");
}

#[test]
fn an_account_that_is_deleted_takes_its_bindings_along() {
    let of_account = |name: &str, account: &str| {
        let grantee = Grantee::Account { name: account.to_owned() };
        let (name, role) = (name.to_owned(), "admin".to_owned());
        Command::Access(AccessCommand::PutBinding { name, role, grantee, reach: Reach::Cluster })
    };
    let delete = || Command::Access(AccessCommand::DeleteAccount { name: "ci".to_owned() });
    let bindings = |machine: &Machine| {
        query::bindings(&machine.view).unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let mut machine = Machine::default();
    let prepare = |machine: &mut Machine| {
        machine.accept(account("ci"));
        machine.accept(of_account("of-ci", "ci"));
        machine.accept(of_account("of-another", "cd"));
        machine.accept(bind("of-a-team", "admin", Reach::Cluster));
    };
    prepare(&mut machine);
    machine.accept(delete());
    assert_eq!(bindings(&machine).len(), 3, "an older program would leave them");
    let raise = registry::ClusterCommand::RaiseLevel { level: registry::level::REQUEST_SOURCE };
    machine.accept(Command::Cluster(raise));
    prepare(&mut machine);
    machine.accept(delete());
    assert_eq!(bindings(&machine), ["of-a-team", "of-another"]);
}

#[test]
fn the_day_of_a_use_is_kept_and_changes_nobodys_rights() {
    let mut machine = Machine::default();
    machine.accept(account("ci"));
    machine.accept(add("ci", "K1", None));
    let marked = query::access_changed_at(&machine.view).unwrap();
    let used = |day_ms| {
        let keys = [("ci", "K1"), ("ci", "gone"), ("gone", "K1")];
        let keys = keys.map(|(account, id)| (account.to_owned(), id.to_owned())).to_vec();
        Command::Access(AccessCommand::RecordUse { keys, day_ms })
    };
    for (day_ms, expected) in [(200, 1), (100, 0), (200, 0), (300, 1)] {
        let done = Outcome::Done(Done::Access(AccessDone::UseRecorded { keys: expected }));
        assert_eq!(machine.accept(used(day_ms)), done, "{day_ms}");
    }
    assert_eq!(query::account(&machine.view, "ci").unwrap().unwrap().keys[0].used_ms, Some(300));
    assert_eq!(query::access_changed_at(&machine.view).unwrap(), marked);
}

#[test]
fn roles_are_there_before_bindings_and_as_long_as_these() {
    let mut machine = Machine::default();
    assert_eq!(machine.refuse(bind("b", "reader", Reach::Cluster)), not_found("role", "reader"));
    for name in BUILT_IN_ROLES {
        machine.accept(bind(&format!("b-{name}"), name, Reach::Context { context: context(".eu") }));
        let built_in = Refusal::Access(AccessRefusal::BuiltIn { role: name.to_owned() });
        assert_eq!(machine.refuse(role(name)), built_in);
        assert_eq!(machine.refuse(delete_role(name)), built_in);
    }
    machine.accept(role("reader"));
    machine.accept(bind("b", "reader", Reach::Cluster));
    let in_use = AccessRefusal::RoleInUse { role: "reader".to_owned(), binding: "b".to_owned() };
    assert_eq!(machine.refuse(delete_role("reader")), Refusal::Access(in_use));
    machine.accept(bind("b", "consumer", Reach::Cluster));
    machine.accept(delete_role("reader"));
    assert_eq!(machine.refuse(delete_role("reader")), not_found("role", "reader"));
}

#[test]
fn there_are_so_many_roles_and_no_more_and_those_that_are_there_can_be_changed() {
    let mut machine = Machine::default();
    for number in 0..ROLES_MAX {
        machine.accept(role(&format!("r{number}")));
    }
    let full = AccessRefusal::Full { what: "roles".to_owned(), limit: ROLES_MAX };
    assert_eq!(machine.refuse(role("one-more")), Refusal::Access(full));
    machine.accept(role("r7"));
}

#[test]
fn names_and_texts_that_cannot_be_are_refused() {
    let mut machine = Machine::default();
    let long = "x".repeat(129);
    for name in ["", "a b", "a/b", "a\n", "\u{e9}", "a\"b", long.as_str()] {
        assert!(matches!(machine.refuse(account(name)), Refusal::Invalid { .. }), "{name:?}");
        assert!(matches!(machine.refuse(role(name)), Refusal::Invalid { .. }), "{name:?}");
        let bound = bind(name, "admin", Reach::Cluster);
        assert!(matches!(machine.refuse(bound), Refusal::Invalid { .. }), "{name:?}");
    }
    for prefix in ["", "a\nb", &"x".repeat(1_025)] {
        let reach = Reach::Prefix { context: context(".eu"), prefix: prefix.to_owned() };
        assert!(matches!(machine.refuse(bind("b", "admin", reach)), Refusal::Invalid { .. }), "{prefix:?}");
    }
    assert!(matches!(machine.refuse(policy("p", &"x".repeat(16_385))), Refusal::Invalid { .. }));
}
