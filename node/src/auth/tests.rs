//! What rows come to: roles and where they hold, owners, policies above them, keys.

use std::net::IpAddr;

use proto::operations::Permission as P;
use registry::{
    AccessPolicyRow, AccountRow, Authentication, BindingRow, Change, Grantee, Key, LogIndex, MemoryView, Reach,
    RoleRow, Row,
};

use super::compile::Compiled;
use super::model::Attributes;
use super::*;

/// A Thursday, 12:00 UTC.
const NOW_MS: u64 = 1_700_136_000_000;
const INDEX: LogIndex = LogIndex(1);

fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn context(text: &str) -> Context {
    Context::parse(text).unwrap()
}

fn user(name: &str) -> Principal {
    Principal::user(name, Authentication::Oidc)
}

fn account(name: &str) -> Principal {
    Principal::of(PrincipalKind::ServiceAccount, name, Authentication::Basic)
}

fn named(name: &str) -> Grantee {
    Grantee::User { name: name.to_owned() }
}

fn binding(name: &str, role: &str, grantee: Grantee, reach: Reach) -> Change {
    let row = BindingRow { role: role.to_owned(), grantee, reach, modified_at: INDEX };
    (Key::Binding(name.to_owned()), Some(Row::Binding(row)))
}

fn policy(name: &str, text: &str) -> Change {
    let row = AccessPolicyRow { description: String::new(), text: text.to_owned(), modified_at: INDEX };
    (Key::AccessPolicy(name.to_owned()), Some(Row::AccessPolicy(row)))
}

fn compiled(changes: &[Change]) -> Compiled {
    let mut view = MemoryView::default();
    view.write(changes);
    Compiled::of(&view).unwrap()
}

fn decide(compiled: &Compiled, who: &Principal, permission: P, target: Target<'_>) -> bool {
    let decision = compiled.decide(who, &Origin::default(), NOW_MS, permission, target, &Attributes::default());
    let could = compiled.could_be_permitted(who, permission);
    assert!(!decision.allowed || could, "{permission:?} is allowed, but could not be");
    decision.allowed
}

fn on(compiled: &Compiled, who: &Principal, permission: P, subject_name: &str) -> bool {
    decide(compiled, who, permission, Target::Subject(&subject(subject_name)))
}

#[test]
fn nothing_is_allowed_that_no_role_allows() {
    let nobody = compiled(&[]);
    for permission in P::ALL {
        for who in [Principal::anonymous(), user("ada"), account("ci")] {
            let (eu, s) = (context(".eu"), subject("s"));
            for target in [Target::Cluster, Target::Context(&eu), Target::Subject(&s)] {
                assert!(!decide(&nobody, &who, *permission, target), "{who} {permission:?} {target:?}");
            }
            assert!(!nobody.could_be_permitted(&who, *permission));
        }
    }
}

#[test]
fn an_admin_may_everything_everywhere() {
    let admins = compiled(&[binding("b", "admin", Grantee::Group { name: "ops".to_owned() }, Reach::Cluster)]);
    let ada = Principal { groups: vec!["ops".to_owned()], ..user("ada") };
    for permission in P::ALL {
        let (eu, s) = (context(".eu"), subject("s"));
        for target in [Target::Cluster, Target::Context(&eu), Target::Subject(&s)] {
            assert!(decide(&admins, &ada, *permission, target), "{permission:?} {target:?}");
            assert!(!decide(&admins, &user("ops"), *permission, target), "a user is no group");
        }
    }
}

#[test]
fn a_role_holds_where_its_binding_says() {
    let bound = |reach| compiled(&[binding("b", "consumer", named("ada"), reach)]);
    let eu = || context(".eu");
    let cases = [
        (Reach::Cluster, vec!["s", ":.eu:s", ":.us:t"], vec![]),
        (Reach::Context { context: eu() }, vec![":.eu:s", ":.eu:t"], vec!["s", ":.us:s", ":.eu2:s"]),
        (Reach::Context { context: Context::default_context() }, vec!["s"], vec![":.eu:s"]),
        (Reach::Subject { subject: subject("a*b") }, vec!["a*b"], vec!["aXb", "a*b2", ":.eu:a*b"]),
        (
            Reach::Prefix { context: eu(), prefix: "or*".to_owned() },
            vec![":.eu:or*", ":.eu:or*ders"],
            vec![":.eu:orders", "or*x"],
        ),
        (
            Reach::Glob { context: eu(), pattern: "a-*-z".to_owned() },
            vec![":.eu:a-1-z", ":.eu:a--z"],
            vec![":.eu:a-1-zz", ":.eu:b-1-z", "a-1-z"],
        ),
        // Whatever is in a name, it is a name.
        (
            Reach::Prefix { context: eu(), prefix: "\" || true || resource.name like \"*".to_owned() },
            vec![],
            vec![":.eu:s", "s"],
        ),
        (Reach::Subject { subject: subject("\\\" \u{e9}\u{1F600}") }, vec!["\\\" \u{e9}\u{1F600}"], vec!["\\", "s"]),
    ];
    for (reach, inside, outside) in cases {
        let roles = bound(reach.clone());
        for name in inside {
            assert!(on(&roles, &user("ada"), P::SubjectRead, name), "{reach:?}: {name}");
            assert!(!on(&roles, &user("ada"), P::SubjectRegister, name), "{reach:?}: {name}");
            assert!(!on(&roles, &user("bob"), P::SubjectRead, name), "{reach:?}: {name}");
        }
        for name in outside {
            assert!(!on(&roles, &user("ada"), P::SubjectRead, name), "{reach:?}: {name}");
        }
        let is_above = reach == Reach::Cluster;
        assert_eq!(decide(&roles, &user("ada"), P::ConfigRead, Target::Cluster), is_above, "{reach:?}");
    }
}

#[test]
fn kinds_of_principals_are_told_apart_by_more_than_their_names() {
    let bound = |grantee| compiled(&[binding("b", "consumer", grantee, Reach::Cluster)]);
    let everybody = [Principal::anonymous(), user("x"), account("x")];
    let allowed = |grantee| {
        let roles = bound(grantee);
        everybody.each_ref().map(|who| on(&roles, who, P::SubjectRead, "s"))
    };
    assert_eq!(allowed(named("x")), [false, true, false]);
    assert_eq!(allowed(Grantee::Account { name: "x".to_owned() }), [false, false, true]);
    assert_eq!(allowed(Grantee::Group { name: "x".to_owned() }), [false, false, false]);
    assert_eq!(allowed(Grantee::Authenticated), [false, true, true]);
    assert_eq!(allowed(Grantee::Anyone), [true, true, true]);
    assert_eq!(allowed(named("\", resource); permit(principal, action, resource); //")), [false, false, false]);
}

#[test]
fn a_publisher_deletes_what_is_its_own_only() {
    let roles = compiled(&[binding("b", "publisher", named("ada"), Reach::Cluster)]);
    let s = subject("s");
    let delete = |who: &Principal, owner: &str| {
        let attributes = Attributes::owned_by(owner);
        let target = Target::Subject(&s);
        roles.decide(who, &Origin::default(), NOW_MS, P::SubjectDelete, target, &attributes).allowed
    };
    let ada = Principal { groups: vec!["team".to_owned()], ..user("ada") };
    assert!(delete(&ada, "ada") && delete(&ada, "team"));
    assert!(!delete(&ada, "") && !delete(&ada, "bob") && !delete(&user("bob"), "bob"));
    assert!(roles.needs_attributes(P::SubjectDelete) && !roles.needs_attributes(P::SubjectRead));
    assert!(roles.could_be_permitted(&ada, P::SubjectDelete) && !roles.could_be_permitted(&ada, P::SubjectPurge));
}

#[test]
fn roles_of_ones_own_allow_what_they_list() {
    let row = RoleRow {
        description: String::new(),
        permissions: ["subject.read", "subject.purge", "no.such"].map(str::to_owned).into(),
        modified_at: INDEX,
    };
    let roles = compiled(&[
        (Key::Role("mine".to_owned()), Some(Row::Role(row))),
        binding("b", "mine", named("ada"), Reach::Cluster),
        binding("gone", "no-such-role", named("bob"), Reach::Cluster),
    ]);
    assert!(on(&roles, &user("ada"), P::SubjectRead, "s") && on(&roles, &user("ada"), P::SubjectPurge, "s"));
    assert!(!on(&roles, &user("ada"), P::SubjectDelete, "s") && !on(&roles, &user("bob"), P::SubjectRead, "s"));
}

#[test]
fn a_prohibition_wins_over_every_role_and_says_so() {
    let text = "forbid(principal, action == Action::\"subject.read\", resource) when { \
                resource.hasTag(\"sensitivity\") && resource.getTag(\"sensitivity\") == \"secret\" } \
                unless { principal in Group::\"cleared\" };";
    let roles = compiled(&[binding("b", "admin", Grantee::Authenticated, Reach::Cluster), policy("secrets", text)]);
    assert!(roles.needs_attributes(P::SubjectRead) && !roles.needs_attributes(P::SubjectRegister));
    let s = subject("s");
    let read = |who: &Principal, sensitivity: &str| {
        let attributes = Attributes::tagged("sensitivity", sensitivity);
        roles.decide(who, &Origin::default(), NOW_MS, P::SubjectRead, Target::Subject(&s), &attributes)
    };
    let cleared = Principal { groups: vec!["cleared".to_owned()], ..user("bob") };
    assert!(read(&user("ada"), "public").allowed && read(&cleared, "secret").allowed);
    let refused = read(&user("ada"), "secret");
    assert_eq!((refused.allowed, refused.policies), (false, vec!["policy/secrets/0".to_owned()]));
    assert_eq!(read(&user("ada"), "public").policies, ["binding/b"]);
}

#[test]
fn policies_may_ask_for_the_moment_the_network_and_the_second_factor() {
    let text = "permit(principal in Group::\"amr:mfa\", action == Action::\"cluster.change\", resource) when { \
                context.hour >= 9 && context.hour < 17 && context.weekday <= 5 && context has address && \
                context.address.isInRange(ip(\"10.0.0.0/8\")) };";
    let roles = compiled(&[policy("p", text)]);
    let mfa = Principal { groups: vec!["amr:mfa".to_owned()], ..user("ada") };
    let allowed = |who: &Principal, address: Option<&str>, now_ms: u64| {
        let address = address.map(|text| text.parse::<IpAddr>().unwrap());
        let origin = Origin { address, ..Origin::default() };
        roles.decide(who, &origin, now_ms, P::ClusterChange, Target::Cluster, &Attributes::default()).allowed
    };
    const HOUR_MS: u64 = 3_600_000;
    assert!(allowed(&mfa, Some("10.1.2.3"), NOW_MS));
    assert!(allowed(&mfa, Some("::ffff:10.1.2.3"), NOW_MS), "an address in IPv6 clothes");
    assert!(!allowed(&user("ada"), Some("10.1.2.3"), NOW_MS));
    assert!(!allowed(&mfa, Some("192.168.0.1"), NOW_MS) && !allowed(&mfa, None, NOW_MS));
    assert!(!allowed(&mfa, Some("10.1.2.3"), NOW_MS + 6 * HOUR_MS), "in the evening");
    assert!(!allowed(&mfa, Some("10.1.2.3"), NOW_MS + 48 * HOUR_MS), "on a Saturday");
    assert!(
        roles.could_be_permitted(&user("anybody"), P::ClusterChange),
        "who asks is decided by more than can be seen early"
    );
    assert!(!roles.could_be_permitted(&user("anybody"), P::ClusterRead));
}

#[test]
fn what_is_no_policy_is_refused_with_its_reason() {
    for (text, reason) in [
        ("", "empty"),
        ("permit(principal, action, resource)", "expected"),
        ("permit(principal == ?principal, action, resource);", "slot"),
        ("permit(principal, action == Action::\"subject.raed\", resource);", "subject.raed"),
        ("permit(principal, action, resource) when { resource.nmae == \"x\" };", "nmae"),
        ("permit(principal, action, resource) when { principal.name > 7 };", "type"),
        ("permit(principal is Robot, action, resource);", "Robot"),
    ] {
        let error = check_policies("p", text).unwrap_err().to_string();
        assert!(error.contains("The policy 'p' cannot be used") && error.contains(reason), "{text}: {error}");
    }
    let two = "permit(principal, action, resource); forbid(principal, action, resource);";
    assert_eq!(check_policies("p", two).unwrap().len(), 2);
}

#[test]
fn a_stored_policy_that_cannot_be_read_forbids_all_but_its_repair() {
    let roles =
        compiled(&[binding("b", "admin", named("ada"), Reach::Cluster), policy("new", "permit(from the future);")]);
    assert!(!on(&roles, &user("ada"), P::SubjectRead, "s"));
    assert!(decide(&roles, &user("ada"), P::AccessWrite, Target::Cluster));
    assert!(!decide(&roles, &user("bob"), P::AccessWrite, Target::Cluster));
}

#[test]
fn keys_speak_for_their_account_until_they_end() {
    let NewKey { key, secret } = new_key([1; 16], [2; 32], [3; 16], "ci", Some(NOW_MS));
    let id = key.id.clone();
    let of = |disabled| {
        let (description, owner) = (String::new(), String::new());
        let keys = vec![key.clone()];
        let row = AccountRow { description, owner, disabled, keys, created_ms: 0, modified_at: INDEX };
        compiled(&[(Key::Account("ci".to_owned()), Some(Row::Account(row)))])
    };
    let basic = |id: &str, secret: &str| Credentials::Basic { id: id.to_owned(), secret: secret.to_owned() };
    let good = of(false);
    let who = |credentials: &Credentials, now_ms| good.account_of(credentials, now_ms);
    assert_eq!(who(&basic(&id, &secret), NOW_MS - 1), Some(account("ci")));
    let token = Credentials::Key { id: id.clone(), secret: secret.clone() };
    assert_eq!(who(&token, NOW_MS - 1).map(|who| who.authentication), Some(Authentication::Token));
    assert_eq!(who(&basic(&id, &secret), NOW_MS), None, "expired");
    assert_eq!(who(&basic(&id, "lsr_"), NOW_MS - 1), None);
    assert_eq!(who(&basic("ci", &secret), NOW_MS - 1), None, "the name of the account is no id");
    assert_eq!(of(true).account_of(&basic(&id, &secret), NOW_MS - 1), None, "disabled");
}
