//! Checks every row of a state against every other: whatever was applied, these hold.
//!
//! Written from the meaning of the rows, by brute force over all of them, without the functions of `registry::query`.

use std::collections::{BTreeMap, BTreeSet};

use registry::{
    AssociationRow, AuditRow, ContentRow, Context, ContextRow, Deleted, DraftId, DraftRow, Event, HistoryRow, Key,
    Lifecycle, LogIndex, MachineRow, MemoryView, RequestId, RequestRow, Resource, Row, SchemaId, State, Subject,
    SubjectRow, TermsRow, Version, VersionRow, audit,
};
use schema::{Format, Guid, guid_of};

/// The rows of a state by table.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub machine: MachineRow,
    pub contexts: BTreeMap<Context, ContextRow>,
    pub subjects: BTreeMap<Subject, SubjectRow>,
    pub versions: BTreeMap<(Subject, Version), VersionRow>,
    pub sent: BTreeSet<(Subject, Version)>,
    pub retired: BTreeSet<(Subject, Version)>,
    pub schemas: BTreeMap<(Context, SchemaId), (Guid, Format)>,
    pub contents: BTreeMap<(Guid, Format), ContentRow>,
    pub ids_of: BTreeMap<(Context, Guid, Format), SchemaId>,
    pub usages: BTreeSet<(Context, SchemaId, Subject, Version)>,
    pub referrers: BTreeSet<(Subject, Version, Context, SchemaId)>,
    pub associations: Vec<AssociationRow>,
    pub association_indexes: BTreeSet<Vec<u8>>,
    pub settings_modified_at: Vec<LogIndex>,
    pub requests: BTreeMap<RequestId, RequestRow>,
    pub requests_by_age: BTreeMap<LogIndex, RequestId>,
    pub events: BTreeMap<(LogIndex, u32), Event>,
    pub audit: BTreeMap<u64, AuditRow>,
    pub audit_nodes: BTreeMap<(u8, u64), [u8; 32]>,
    pub drafts: BTreeMap<(Subject, DraftId), DraftRow>,
    pub history: BTreeMap<(Subject, DraftId), Vec<HistoryRow>>,
    pub in_state: BTreeSet<(State, Subject, Version)>,
    pub terms: BTreeMap<LogIndex, TermsRow>,
}

impl Tables {
    pub(crate) fn of(view: &MemoryView) -> Self {
        let mut tables = Self::default();
        for (key, row) in view.rows() {
            assert_eq!(Key::decode(&key.encode()).as_ref(), Some(key), "a key reads back as itself");
            tables.add(key.clone(), row.clone());
        }
        tables
    }

    fn add(&mut self, key: Key, row: Row) {
        match (key, row) {
            (Key::Machine, Row::Machine(row)) => self.machine = row,
            (Key::Context(context), Row::Context(row)) => drop(self.contexts.insert(context, row)),
            (Key::Subject(subject), Row::Subject(row)) => drop(self.subjects.insert(subject, row)),
            (Key::Version(subject, version), Row::Version(row)) => {
                self.versions.insert((subject, version), row);
            }
            (Key::Sent(subject, version), Row::Sent(_)) => drop(self.sent.insert((subject, version))),
            (Key::Retired(subject, version), Row::Present) => drop(self.retired.insert((subject, version))),
            (Key::Schema(context, id), Row::Schema(guid, format)) => {
                self.schemas.insert((context, id), (guid, format));
            }
            (Key::Content(guid, format), Row::Content(row)) => drop(self.contents.insert((guid, format), row)),
            (Key::IdOf(guid, format, context), Row::IdOf(id)) => {
                self.ids_of.insert((context, guid, format), id);
            }
            (Key::Usage(context, id, subject, version), Row::Present) => {
                self.usages.insert((context, id, subject, version));
            }
            (Key::Referrer(subject, version, context, id), Row::Present) => {
                self.referrers.insert((subject, version, context, id));
            }
            (Key::Association(..), Row::Association(row)) => self.associations.push(row),
            (key @ (Key::AssociationOf(..) | Key::AssociationNamed(..)), Row::Present) => {
                self.association_indexes.insert(key.encode());
            }
            (Key::Config(_), Row::Config(row)) => self.settings_modified_at.push(row.modified_at),
            (Key::Mode(_), Row::Mode(row)) => self.settings_modified_at.push(row.modified_at),
            (Key::Request(id), Row::Request(row)) => drop(self.requests.insert(id, row)),
            (Key::RequestAge(index), Row::RequestAge(id)) => drop(self.requests_by_age.insert(index, id)),
            (Key::Event(index, number), Row::Event(event)) => drop(self.events.insert((index, number), event)),
            (Key::Audit(position), Row::Audit(row)) => drop(self.audit.insert(position, row)),
            (Key::AuditNode(level, position), Row::AuditNode(hash)) => {
                self.audit_nodes.insert((level, position), hash);
            }
            (Key::Draft(subject, id), Row::Draft(row)) => drop(self.drafts.insert((subject, id), row)),
            (Key::History(subject, life, _), Row::History(row)) => {
                self.history.entry((subject, life)).or_default().push(row);
            }
            (Key::InState(state, subject, version), Row::Present) => {
                self.in_state.insert((state, subject, version));
            }
            (Key::Terms(since), Row::Terms(row)) => drop(self.terms.insert(since, row)),
            (Key::Policy(_), Row::Policy(row)) => self.settings_modified_at.push(row.modified_at),
            (Key::Consumer(..), Row::Consumer(_))
            | (Key::Cursor(_), Row::Cursor(_))
            | (Key::Access, Row::Access(_))
            | (Key::Account(_), Row::Account(_))
            | (Key::Role(_), Row::Role(_))
            | (Key::Binding(_), Row::Binding(_))
            | (Key::AccessPolicy(_), Row::AccessPolicy(_)) => {}
            (key, row) => panic!("{key:?} holds a row of another kind: {row:?}"),
        }
    }

    /// The versions that the content of an id in a context refers to.
    pub(crate) fn targets(&self, context: &Context, guid: Guid, format: Format) -> BTreeSet<(Subject, Version)> {
        let references = &self.contents[&(guid, format)].references;
        let resolve = |text: &str| Subject::parse_in(context, text).unwrap();
        references.iter().map(|found| (resolve(&found.subject), Version::from_i32(found.version).unwrap())).collect()
    }

    /// The versions that refer to a version, with their marks.
    pub(crate) fn referring(&self, to: &(Subject, Version)) -> Vec<(&Subject, Deleted)> {
        let refers =
            |subject: &Subject, row: &VersionRow| self.targets(&subject.context, row.guid, row.format).contains(to);
        let all = self.versions.iter();
        all.filter(|((subject, _), row)| refers(subject, row))
            .map(|((subject, _), row)| (subject, row.deleted))
            .collect()
    }
}

/// Checks all rows.
pub(crate) fn check(view: &MemoryView) {
    let tables = Tables::of(view);
    subjects_count_their_versions(&tables);
    versions_and_ids_agree(&tables);
    contents_and_references_agree(&tables);
    associations_are_found(&tables);
    requests_are_counted(&tables);
    audit_is_a_chain(&tables, view);
    lives_agree_with_their_histories(&tables);
    indexes_are_exact(&tables);
}

fn subjects_count_their_versions(tables: &Tables) {
    for (subject, row) in &tables.subjects {
        let versions: Vec<_> = tables.versions.iter().filter(|((of, _), _)| of == subject).collect();
        let count = |deleted| versions.iter().filter(|(_, row)| row.deleted == deleted).count();
        assert_eq!(row.live as usize, count(Deleted::No), "live versions of {subject}");
        assert_eq!(row.soft_deleted as usize, count(Deleted::Soft), "soft-deleted versions of {subject}");
        match versions.last() {
            Some(((_, last), _)) => assert!(row.next_version > last.0, "{subject} would give {last} again: {row:?}"),
            None => assert_eq!(row.next_version, 1, "{subject} has no version left, so it begins again"),
        }
        for ((_, version), version_row) in versions {
            assert!(version.0 > 0, "{subject} has a version 0");
            assert!(version_row.created_at <= version_row.modified_at, "{subject} {version}: {version_row:?}");
            assert!(version_row.modified_at <= row.modified_at, "{subject} {version} changed after its subject");
        }
    }
    for (subject, version) in tables.versions.keys() {
        assert!(tables.subjects.contains_key(subject), "{subject} {version} has no subject row");
        let context = &tables.contexts[&subject.context];
        assert!(context.listed, "the context of {subject} {version} is not listed");
    }
    for (subject, version) in &tables.retired {
        assert!(!tables.versions.contains_key(&(subject.clone(), *version)), "{subject} {version} is there again");
        let row = &tables.subjects[subject];
        assert!(row.live + row.soft_deleted > 0, "{subject} is gone, but {version} is still retired");
        assert!(row.next_version > version.0, "{subject} would give {version} again");
    }
    for (subject, version) in &tables.sent {
        assert!(tables.versions.contains_key(&(subject.clone(), *version)), "the text of {subject} {version} is left");
    }
    let totals = tables.machine.registered_total - tables.machine.deleted_total;
    assert_eq!(usize::try_from(totals), Ok(tables.versions.len()), "registered less deleted is what there is");
}

fn versions_and_ids_agree(tables: &Tables) {
    let held: BTreeSet<_> = tables
        .versions
        .iter()
        .map(|((subject, version), row)| (subject.context.clone(), row.id, subject.clone(), *version))
        .collect();
    assert_eq!(tables.usages, held, "usages are exactly the versions");
    for ((subject, version), row) in &tables.versions {
        let id_of = tables.ids_of.get(&(subject.context.clone(), row.guid, row.format));
        assert_eq!(id_of, Some(&row.id), "the content of {subject} {version} has the version's id");
    }
    for ((context, guid, format), id) in &tables.ids_of {
        // With this, ids and contents of a context are one to one: two contents with one id would need two rows here.
        let stands_for = tables.schemas.get(&(context.clone(), *id));
        assert_eq!(stands_for, Some(&(*guid, *format)), "id {id} in {context}");
        let is_held = tables.usages.iter().any(|(of, held, ..)| of == context && held == id);
        assert!(is_held, "id {id} in {context} is held by no version");
    }
    for (context, id) in tables.schemas.keys() {
        assert!(tables.contexts[context].next_id > id.0, "{context} would give id {id} again");
    }
}

fn contents_and_references_agree(tables: &Tables) {
    for ((guid, format), row) in &tables.contents {
        let contexts = tables.ids_of.keys().filter(|(_, of, with)| (of, with) == (guid, format)).count();
        assert!(contexts > 0, "{guid} is left over");
        assert_eq!(row.context_count as usize, contexts, "contexts with an id for {guid}");
        let ContentRow { text, references, metadata, rule_set, .. } = row;
        assert_eq!(guid_of(text, references, metadata.as_ref(), rule_set.as_ref()), *guid, "{guid} is an address");
    }
    let mut referrers = BTreeSet::new();
    for ((context, guid, format), id) in &tables.ids_of {
        for (subject, version) in tables.targets(context, *guid, *format) {
            referrers.insert((subject, version, context.clone(), *id));
        }
    }
    assert_eq!(tables.referrers, referrers, "referrers are exactly the references");
    for ((holder, held), row) in &tables.versions {
        for target in tables.targets(&holder.context, row.guid, row.format) {
            let is_live = tables.versions.get(&target).is_some_and(|found| found.deleted == Deleted::No);
            let dangles = row.deleted == Deleted::No && !is_live;
            assert!(!dangles, "{holder} {held} is live and refers to {target:?}, which is deleted");
        }
    }
}

/// The last step of every history is the state of now, and each step begins where the one before ended.
fn lives_agree_with_their_histories(tables: &Tables) {
    let mut lives = BTreeMap::new();
    for ((subject, id), row) in &tables.drafts {
        lives.insert((subject.clone(), *id), row.state.state());
    }
    for ((subject, _), row) in &tables.versions {
        let state = if row.deleted == Deleted::Soft { State::Deleted } else { row.state.state() };
        lives.insert((subject.clone(), row.life), state);
    }
    for (life, state) in lives {
        let steps = tables.history.get(&life).unwrap_or_else(|| panic!("{life:?} in {state:?} has no history"));
        let last = steps.last().unwrap().to;
        // Of a version that is gone for good the draft is left, and tells its end.
        let is_gone = state == State::Active && last == State::Deleted;
        assert!(last == state || is_gone, "{life:?} is in {state:?}: {steps:?}");
        assert_eq!(steps[0].from, None, "{life:?} begins");
        assert!(steps.windows(2).all(|pair| pair[1].from == Some(pair[0].to)), "{life:?}: {steps:?}");
    }
    for life in tables.history.keys() {
        let is_version = tables.versions.iter().any(|((subject, _), row)| (subject, &row.life) == (&life.0, &life.1));
        assert!(is_version || tables.drafts.contains_key(life), "the history of {life:?} is left over");
    }
}

fn indexes_are_exact(tables: &Tables) {
    let mut in_state = BTreeSet::new();
    for ((subject, version), row) in &tables.versions {
        let state = if row.deleted == Deleted::Soft { State::Deleted } else { row.state.state() };
        if state != State::Active {
            in_state.insert((state, subject.clone(), *version));
        }
    }
    assert_eq!(tables.in_state, in_state);
    let contents: BTreeMap<_, _> = tables.contents.iter().map(|(address, row)| (row.since, *address)).collect();
    assert_eq!(contents.len(), tables.contents.len(), "an entry brings one content at most");
    let found: BTreeMap<_, _> = tables.terms.iter().map(|(since, row)| (*since, (row.guid, row.format))).collect();
    assert_eq!(found, contents);
    assert_eq!(usize::try_from(tables.machine.event_count), Ok(tables.events.len()));
    let oldest = tables.events.keys().next().map(|(index, _)| *index);
    assert!(oldest.is_none_or(|oldest| oldest >= tables.machine.events_forgotten));
}

fn associations_are_found(tables: &Tables) {
    let mut indexes = BTreeSet::new();
    for row in &tables.associations {
        let Resource { id, kind, name, namespace } = row.resource.clone();
        let of = Key::AssociationOf(row.subject.clone(), id.clone(), kind.clone(), row.role.clone());
        indexes.insert(of.encode());
        indexes.insert(Key::AssociationNamed(name, namespace, id, kind, row.role.clone()).encode());
        let others = tables.associations.iter().filter(|other| other.subject == row.subject).count();
        assert!(row.lifecycle == Lifecycle::Weak || others == 1, "{row:?} is strong and not alone");
        assert!(tables.subjects[&row.subject].live > 0, "{row:?} has no live version");
    }
    assert_eq!(tables.association_indexes, indexes, "the indexes name exactly the associations");
}

fn requests_are_counted(tables: &Tables) {
    assert_eq!(usize::try_from(tables.machine.request_count), Ok(tables.requests.len()));
    let by_age: BTreeMap<_, _> = tables.requests.iter().map(|(id, row)| (row.index, id.clone())).collect();
    assert_eq!(tables.requests_by_age, by_age, "every request once by age");
}

fn audit_is_a_chain(tables: &Tables, view: &MemoryView) {
    let size = tables.machine.audit_size;
    assert!(tables.audit.keys().copied().eq(0..size), "audit records are dense");
    for level in 0..64 {
        let nodes = tables.audit_nodes.keys().filter(|(found, _)| *found == level);
        assert!(nodes.map(|(_, position)| *position).eq(0..size >> level), "audit nodes of level {level}");
    }
    for (position, row) in &tables.audit {
        assert_eq!(tables.audit_nodes[&(0, *position)], audit::leaf_hash(row), "leaf {position}");
    }
    let rows: Vec<_> = tables.audit.values().collect();
    for pair in rows.windows(2) {
        assert!(pair[0].index < pair[1].index && pair[0].time_ms <= pair[1].time_ms, "{pair:?}");
        assert_eq!(pair[0].digest_after, pair[1].digest_before);
    }
    assert_eq!(rows.last().map_or([0; 32], |row| row.digest_after), tables.machine.digest);
    assert_eq!(rows.first().map_or([0; 32], |row| row.digest_before), [0; 32]);
    audit::root(view, size).unwrap();
    let times: Vec<_> = tables.events.values().map(|event| event.time_ms).collect();
    assert!(times.is_sorted(), "events are in the order of time");
}
