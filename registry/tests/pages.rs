//! What a page of a list costs: with a hundred thousand versions the rows that are looked at are those of the page, and of what
//! is before it no more than the key of each subject.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test panics where it is surprised")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use registry::query::{Include, Slice, SubjectsOf, VersionsOf, subjects_page, versions_page};
use registry::{
    Context, ContextRow, Deleted, DraftId, Key, KeyRange, LogIndex, MemoryView, Row, SchemaId, SemVer, Subject,
    SubjectRow, Version, VersionRow, VersionState, View, ViewError,
};
use schema::{Format, Guid};

const SUBJECTS: u32 = 10_000;
const VERSIONS: u32 = 10;
const PAGE: usize = 100;

/// A view that counts the rows it hands out.
struct Counting<'a> {
    inner: &'a MemoryView,
    rows: Cell<usize>,
}

impl View for Counting<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, ViewError> {
        self.rows.set(self.rows.get() + 1);
        self.inner.get(key)
    }

    fn scan(&self, range: &KeyRange, visit: &mut dyn FnMut(Key, Row) -> ControlFlow<()>) -> Result<(), ViewError> {
        self.inner.scan(range, &mut |key, row| {
            self.rows.set(self.rows.get() + 1);
            visit(key, row)
        })
    }
}

fn subject(number: u32) -> Subject {
    // Two contexts, the default one among names that sort before and after the others.
    let name = match number % 4 {
        0 => format!(":.eu:s{number:05}"),
        1 => format!("0{number:05}"),
        _ => format!("s{number:05}"),
    };
    Subject::parse(&name).unwrap()
}

/// Every third version is soft-deleted.
fn is_deleted(version: u32) -> bool {
    version.is_multiple_of(3)
}

fn state() -> MemoryView {
    let mut view = MemoryView::default();
    let at = LogIndex(1);
    for name in [".", ".eu"] {
        let row = ContextRow { next_id: 2, listed: true, modified_at: at };
        view.write(&[(Key::Context(Context::parse(name).unwrap()), Some(Row::Context(row)))]);
    }
    for number in 0..SUBJECTS {
        let subject = subject(number);
        let soft_deleted: u32 = (1..=VERSIONS).map(|version| u32::from(is_deleted(version))).sum();
        let row =
            SubjectRow { next_version: VERSIONS + 1, live: VERSIONS - soft_deleted, soft_deleted, modified_at: at };
        view.write(&[(Key::Subject(subject.clone()), Some(Row::Subject(row)))]);
        for version in 1..=VERSIONS {
            let row = VersionRow {
                id: SchemaId(number + 1),
                guid: Guid([1; 16]),
                format: Format::Avro,
                deleted: if is_deleted(version) { Deleted::Soft } else { Deleted::No },
                state: VersionState::Active,
                life: DraftId(1),
                semver: SemVer { major: version, minor: 0, patch: 0 },
                deprecation: None,
                created_ms: 1,
                created_at: at,
                modified_at: at,
            };
            view.write(&[(Key::Version(subject.clone(), Version(version)), Some(Row::Version(row)))]);
        }
    }
    view
}

const ALL: SubjectsOf<'static> = SubjectsOf { context: None, prefix: "" };

#[test]
fn a_page_costs_a_page_and_one_key_for_each_subject_before_it() {
    let view = state();
    let everything = |include, latest_only| {
        let of = VersionsOf { subjects: ALL, among: None, include, latest_only };
        versions_page::<ViewError>(&view, of, Slice::ALL, None, None).unwrap()
    };
    for (include, per_subject) in [(Include::Live, 7), (Include::All, 10), (Include::DeletedOnly, 3)] {
        for latest_only in [false, true] {
            let all = everything(include, latest_only);
            let per_subject = if latest_only { 1 } else { per_subject };
            assert_eq!(all.len(), SUBJECTS as usize * per_subject, "{include:?} {latest_only}");
            for offset in [0, 1, 12_345, all.len() - 50, all.len(), all.len() + 1] {
                let counting = Counting { inner: &view, rows: Cell::new(0) };
                let of = VersionsOf { subjects: ALL, among: None, include, latest_only };
                let page =
                    versions_page::<ViewError>(&counting, of, Slice { offset, limit: PAGE }, None, None).unwrap();
                let expected: Vec<_> = all.iter().skip(offset).take(PAGE).cloned().collect();
                assert_eq!(page, expected, "{include:?} {latest_only} {offset}");
                // The subjects before the page and on it; the versions on it with the deleted ones among them; contexts.
                let before = (offset / per_subject).min(SUBJECTS as usize);
                let allowed = before + PAGE * 12 + 2 * VERSIONS as usize + 8;
                assert!(
                    counting.rows.get() <= allowed,
                    "{include:?} {latest_only} {offset}: {} rows",
                    counting.rows.get()
                );
            }
        }
    }
}

#[test]
fn a_page_of_names_costs_the_names_up_to_its_end() {
    let view = state();
    let all = subjects_page::<ViewError>(&view, ALL, Include::Live, Slice::ALL, None).unwrap();
    let names: Vec<_> = all.iter().map(Subject::qualified).collect();
    assert!(names.is_sorted() && names.len() == SUBJECTS as usize, "in the order of qualified names");
    for offset in [0, 1, 2_499, 5_000, 9_990] {
        let counting = Counting { inner: &view, rows: Cell::new(0) };
        let page =
            subjects_page::<ViewError>(&counting, ALL, Include::Live, Slice { offset, limit: PAGE }, None).unwrap();
        assert_eq!(page, all.iter().skip(offset).take(PAGE).cloned().collect::<Vec<_>>());
        assert!(counting.rows.get() <= offset + PAGE + 8, "{offset}: {} rows", counting.rows.get());
    }
    let eu = Context::parse(".eu").unwrap();
    for prefix in ["s0001", "0", "nothing"] {
        for context in [None, Some(&eu)] {
            let of = SubjectsOf { context, prefix };
            let found = subjects_page::<ViewError>(&view, of, Include::Live, Slice::ALL, None).unwrap();
            let is_of = |subject: &&Subject| {
                subject.name.starts_with(prefix) && context.is_none_or(|context| *context == subject.context)
            };
            assert_eq!(found, all.iter().filter(is_of).cloned().collect::<Vec<_>>(), "{prefix} {context:?}");
        }
    }
}

#[test]
fn what_must_be_looked_at_is_looked_at_until_the_page_is_full() {
    let view = state();
    let counting = Counting { inner: &view, rows: Cell::new(0) };
    let of = VersionsOf { subjects: ALL, among: None, include: Include::Live, latest_only: false };
    let mut even = |_: &Subject, version: Version, _: &VersionRow| Ok::<_, ViewError>(version.0.is_multiple_of(2));
    let page = versions_page(&counting, of, Slice { offset: 10, limit: PAGE }, None, Some(&mut even)).unwrap();
    assert!(page.len() == PAGE && page.iter().all(|(_, version, _)| version.0.is_multiple_of(2)));
    assert!(counting.rows.get() <= 6 * PAGE, "{} rows", counting.rows.get());
    // A few subjects by name cost those alone.
    let among: BTreeSet<_> = [subject(7), subject(8_000), Subject::parse("unknown").unwrap()].into();
    let counting = Counting { inner: &view, rows: Cell::new(0) };
    let of = VersionsOf { among: Some(&among), ..of };
    let page = versions_page::<ViewError>(&counting, of, Slice { offset: 0, limit: PAGE }, None, None).unwrap();
    assert_eq!(page.len(), 14);
    assert!(counting.rows.get() <= 40, "{} rows", counting.rows.get());
}
