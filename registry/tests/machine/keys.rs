//! The bytes of keys: they read back, they keep the order, and ranges hit exactly what they say.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use proptest::prelude::*;
use registry::{
    Context, DraftId, Key, KeyRange, LogIndex, MemoryView, RequestId, Row, SchemaId, Scope, State, Subject, Table,
    Version, View,
};
use schema::{Format, Guid};

use crate::support::{cases, context, subject};

/// Names with what could break an encoding: empty, NUL, the highest byte of UTF-8, prefixes of each other.
fn a_name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just("\0".to_owned()),
        Just("\0\0".to_owned()),
        Just("\u{1}".to_owned()),
        Just("\u{ff}".to_owned()),
        Just("\u{10ffff}".to_owned()),
        Just(":".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// A context has no control characters and no colon.
fn a_context() -> impl Strategy<Value = Context> {
    a_name().prop_map(|name| {
        let name: String = name.chars().filter(|found| !found.is_control() && *found != ':').collect();
        context(&format!(".{name}"))
    })
}

fn a_subject() -> impl Strategy<Value = Subject> {
    (a_context(), a_name()).prop_map(|(context, name)| Subject { context, name })
}

fn a_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Global), a_context().prop_map(Scope::Context), a_subject().prop_map(Scope::Subject)]
}

fn a_u32() -> impl Strategy<Value = u32> {
    prop_oneof![0..4_u32, Just(255), Just(256), Just(u32::MAX), any::<u32>()]
}

fn a_u64() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, Just(255), Just(256), Just(u64::MAX), any::<u64>()]
}

fn a_guid() -> impl Strategy<Value = Guid> {
    let byte = || prop_oneof![Just(0_u8), Just(1), Just(0xff)];
    (byte(), byte(), byte()).prop_map(|(first, middle, last)| {
        let mut bytes = [middle; 16];
        (bytes[0], bytes[15]) = (first, last);
        Guid(bytes)
    })
}

fn a_format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Avro), Just(Format::Json), Just(Format::Protobuf)]
}

fn a_key() -> impl Strategy<Value = Key> {
    let version = || a_u32().prop_map(Version);
    let id = || a_u32().prop_map(SchemaId);
    let index = || a_u64().prop_map(LogIndex);
    prop_oneof![
        Just(Key::Machine),
        a_context().prop_map(Key::Context),
        a_subject().prop_map(Key::Subject),
        (a_subject(), version()).prop_map(|(subject, version)| Key::Version(subject, version)),
        (a_subject(), version()).prop_map(|(subject, version)| Key::Sent(subject, version)),
        (a_context(), id()).prop_map(|(context, id)| Key::Schema(context, id)),
        (a_guid(), a_format()).prop_map(|(guid, format)| Key::Content(guid, format)),
        (a_guid(), a_format(), a_context()).prop_map(|(guid, format, context)| Key::IdOf(guid, format, context)),
        (a_context(), id(), a_subject(), version())
            .prop_map(|(context, id, subject, version)| Key::Usage(context, id, subject, version)),
        (a_subject(), version(), a_context(), id())
            .prop_map(|(subject, version, context, id)| Key::Referrer(subject, version, context, id)),
        a_scope().prop_map(Key::Config),
        a_scope().prop_map(Key::Mode),
        a_name().prop_map(|name| Key::Request(RequestId(name))),
        index().prop_map(Key::RequestAge),
        (index(), a_u32()).prop_map(|(index, number)| Key::Event(index, number)),
        a_u64().prop_map(Key::Audit),
        (any::<u8>(), a_u64()).prop_map(|(level, position)| Key::AuditNode(level, position)),
        (a_subject(), a_u64()).prop_map(|(subject, id)| Key::Draft(subject, DraftId(id))),
        (a_subject(), a_u64(), index()).prop_map(|(subject, id, index)| Key::History(subject, DraftId(id), index)),
        (a_subject(), a_name()).prop_map(|(subject, id)| Key::Consumer(subject, id)),
        a_scope().prop_map(Key::Policy),
        a_name().prop_map(Key::Cursor),
        index().prop_map(Key::Terms),
        (0..State::ALL.len(), a_subject(), version()).prop_map(|(state, subject, version)| Key::InState(
            State::ALL[state],
            subject,
            version
        )),
    ]
}

fn is_in(range: &KeyRange, key: &Key) -> bool {
    let bytes = key.encode();
    range.start <= bytes && bytes < range.end
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn keys_read_back(key in a_key()) {
        let bytes = key.encode();
        prop_assert_eq!(bytes[0], key.table() as u8);
        prop_assert_eq!(Key::decode(&bytes), Some(key));
    }

    #[test]
    fn bytes_keep_the_order_of_keys(left in a_key(), right in a_key()) {
        let by_bytes = left.encode().cmp(&right.encode());
        let by_key = left.table().cmp(&right.table()).then_with(|| left.cmp(&right));
        prop_assert_eq!(by_bytes, by_key, "{:?} {:?}", left, right);
    }

    /// Whatever the bytes, reading them is an answer, and there is one way to write a key.
    #[test]
    fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(prop_oneof![0..0x28_u8, any::<u8>()], 0..24)) {
        if let Some(key) = Key::decode(&bytes) {
            prop_assert_eq!(key.encode(), bytes);
        }
    }

    #[test]
    fn cut_and_lengthened_keys_are_none(key in a_key(), cut in any::<prop::sample::Index>(), more in any::<u8>()) {
        let mut bytes = key.encode();
        let short = &bytes[..cut.index(bytes.len())];
        // A key may begin with a whole other one only where no part is missing, which never is inside one table.
        prop_assert_eq!(Key::decode(short), None);
        bytes.push(more);
        prop_assert_eq!(Key::decode(&bytes), None);
    }

    #[test]
    fn ranges_hit_exactly_their_keys(key in a_key(), subject in a_subject(), guid in a_guid(), number in a_u32()) {
        let context = &subject.context;
        let (version, id) = (Version(number), SchemaId(number));
        let format = Format::Json;
        let expected: [(KeyRange, bool); 20] = [
            (KeyRange::contexts(), key.table() == Table::Context),
            (KeyRange::subjects(None), key.table() == Table::Subject),
            (KeyRange::subjects(Some(context)), matches!(&key, Key::Subject(of) if of.context == *context)),
            (KeyRange::versions(&subject), matches!(&key, Key::Version(of, _) if *of == subject)),
            (KeyRange::schemas(context), matches!(&key, Key::Schema(of, _) if of == context)),
            (KeyRange::contents(guid), matches!(&key, Key::Content(of, _) if *of == guid)),
            (KeyRange::ids_of(guid, format), matches!(&key, Key::IdOf(of, with, _) if (*of, *with) == (guid, format))),
            (KeyRange::usages(context, id), matches!(&key, Key::Usage(of, held, ..) if (of, *held) == (context, id))),
            (
                KeyRange::referrers(&subject, version),
                matches!(&key, Key::Referrer(of, to, ..) if (of, *to) == (&subject, version)),
            ),
            (
                KeyRange::modes_of_subjects(context),
                matches!(&key, Key::Mode(Scope::Subject(of)) if of.context == *context),
            ),
            (KeyRange::requests_by_age(), key.table() == Table::RequestAge),
            (KeyRange::events(), key.table() == Table::Event),
            (KeyRange::audit(), key.table() == Table::Audit),
            (KeyRange::drafts(None), key.table() == Table::Draft),
            (KeyRange::drafts(Some(&subject)), matches!(&key, Key::Draft(of, _) if *of == subject)),
            (KeyRange::consumers(&subject), matches!(&key, Key::Consumer(of, _) if *of == subject)),
            (KeyRange::terms(), key.table() == Table::Terms),
            (KeyRange::in_state(State::Archived), matches!(&key, Key::InState(State::Archived, ..))),
            (KeyRange::all(), true),
            (KeyRange::all().after(&key), false),
        ];
        for (range, is_inside) in expected {
            prop_assert_eq!(is_in(&range, &key), is_inside, "{:?} in {:?}", &key, range);
        }
        prop_assert!(is_in(&KeyRange::all().from(&key), &key));
    }

    #[test]
    fn paging_gives_every_key_once(keys in proptest::collection::btree_set(a_key(), 0..30), size in 1..5_usize) {
        let mut view = MemoryView::default();
        view.write(&keys.iter().map(|key| (key.clone(), Some(Row::Present))).collect::<Vec<_>>());
        let mut seen = Vec::new();
        let mut range = KeyRange::all();
        loop {
            let mut page = Vec::new();
            view.scan(&range, &mut |key, _| {
                page.push(key);
                if page.len() < size { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }).unwrap();
            let Some(last) = page.last() else { break };
            range = range.after(last);
            seen.extend(page);
        }
        prop_assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), keys);
        let mut backwards = Vec::new();
        view.scan(&KeyRange::all().reversed(), &mut |key, _| {
            backwards.push(key);
            ControlFlow::Continue(())
        }).unwrap();
        backwards.reverse();
        prop_assert_eq!(backwards, seen);
    }
}

/// The bytes themselves are format: what is on disk names its rows so for ever.
#[test]
fn the_bytes_of_keys_never_change() {
    let a = || subject(":.c:a\u{e9}");
    let (version, id, guid) = (Version(0x0102), SchemaId(0x0304), Guid(*b"0123456789abcdef"));
    let guid_hex = "30313233343536373839616263646566";
    let a_hex = "2e63000061c3a90000";
    for (key, expected) in [
        (Key::Machine, "01".to_owned()),
        (Key::Context(context("c")), "022e630000".into()),
        (Key::Subject(a()), format!("03{a_hex}")),
        (Key::Subject(Subject { context: context("."), name: "a\0b".into() }), "032e00006100ff620000".into()),
        (Key::Version(a(), version), format!("04{a_hex}00000102")),
        (Key::Sent(a(), version), format!("05{a_hex}00000102")),
        (Key::Schema(context("c"), id), "062e63000000000304".into()),
        (Key::Content(guid, Format::Avro), format!("07{guid_hex}01")),
        (Key::Content(guid, Format::Json), format!("07{guid_hex}02")),
        (Key::IdOf(guid, Format::Protobuf, context("c")), format!("08{guid_hex}032e630000")),
        (Key::Usage(context("c"), id, a(), version), format!("092e63000000000304{a_hex}00000102")),
        (Key::Referrer(a(), version, context("c"), id), format!("0a{a_hex}000001022e63000000000304")),
        (Key::Config(Scope::Global), "0b00".into()),
        (Key::Config(Scope::Context(context("c"))), "0b012e630000".into()),
        (Key::Mode(Scope::Subject(a())), format!("0c02{a_hex}")),
        (Key::Request(RequestId("r".into())), "0d720000".into()),
        (Key::RequestAge(LogIndex(5)), "0e0000000000000005".into()),
        (Key::Event(LogIndex(5), 6), "0f000000000000000500000006".into()),
        (Key::Audit(7), "100000000000000007".into()),
        (Key::AuditNode(8, 9), "11080000000000000009".into()),
        (Key::Retired(a(), version), format!("20{a_hex}00000102")),
        (Key::Association("r".into(), "k".into(), "o".into()), "21720000".to_owned() + "6b00006f0000"),
        (Key::Draft(a(), DraftId(5)), format!("30{a_hex}0000000000000005")),
        (Key::History(a(), DraftId(5), LogIndex(6)), format!("31{a_hex}00000000000000050000000000000006")),
        (Key::Consumer(a(), "r".into()), format!("32{a_hex}720000")),
        (Key::Policy(Scope::Global), "3300".into()),
        (Key::Cursor("r".into()), "34720000".into()),
        (Key::Terms(LogIndex(5)), "350000000000000005".into()),
        (Key::InState(State::Quarantined, a(), version), format!("360a{a_hex}00000102")),
    ] {
        let hex: String = key.encode().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected, "{key:?}");
    }
}

#[test]
fn a_context_without_its_dot_is_none() {
    let key = Key::Subject(subject(":.c:s")).encode();
    let dot = key.iter().position(|byte| *byte == b'.').unwrap();
    let bare: Vec<u8> = key[..dot].iter().chain(&key[dot + 1..]).copied().collect();
    assert_eq!(Key::decode(&bare), None);
}
