//! Which parts of the state have changed since an answer was read: what lets an answer be kept and still be true.
//!
//! A read notes what it looked at, rows that are absent too; that is its [`Footprint`]. Apply notes what it changes *before*
//! it writes. An answer is what a read at this moment would give exactly if nothing in its footprint was noted after the index
//! that it was read at. The notes are kept in a fixed number of slots, by a hash: two rows that share one only make an answer
//! be read again.
//!
//! | what was read | slot |
//! |---|---|
//! | a row of a table that answers are made of | its own |
//! | the rows under one subject, id or guid | that of the group |
//! | anything else | that of the whole table |

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use registry::{Key, KeyRange, LogIndex, Table};

/// The first slots belong to whole tables, by their numbers.
const TABLE_SLOTS: u32 = 256;
/// Slots of rows and groups: 1 MiB. An entry notes some twenty of them, so that at a thousand entries a second an answer is
/// read again for nothing once in a few seconds.
const HASHED_SLOTS: u32 = 1 << 17;
/// Tells the slot of a row from that of a group with the same bytes.
const ROW: u8 = 0;
const GROUP: u8 = 1;

/// A table whose rows are noted one by one.
struct Noted {
    table: Table,
    /// What begins the keys of a group: so many texts, then so many bytes.
    group: Option<(usize, usize)>,
}

/// The tables that answers about schemas and versions are made of. All others are noted as a whole.
const NOTED: &[Noted] = &[
    Noted { table: Table::Subject, group: None },
    Noted { table: Table::Version, group: Some((2, 0)) },
    Noted { table: Table::Sent, group: Some((2, 0)) },
    Noted { table: Table::Schema, group: None },
    Noted { table: Table::Content, group: Some((0, 16)) },
    Noted { table: Table::IdOf, group: Some((0, 17)) },
    Noted { table: Table::Usage, group: Some((1, 4)) },
    Noted { table: Table::Config, group: None },
];

fn noted_table(table: u8) -> Option<&'static Noted> {
    NOTED.iter().find(|noted| noted.table as u8 == table)
}

/// What begins all keys of the group of these bytes; none if the bytes end before that.
fn group_of(bytes: &[u8]) -> Option<&[u8]> {
    let (texts, fixed) = noted_table(*bytes.first()?)?.group?;
    let mut end = 1;
    for _ in 0..texts {
        // A text is closed by two zeros; a zero in it is followed by FF.
        loop {
            match bytes.get(end..end + 2)? {
                [0, 0] => break,
                [0, _] => end += 2,
                _ => end += 1,
            }
        }
        end += 2;
    }
    bytes.get(..end + fixed)
}

fn slot_of(kind: u8, bytes: &[u8]) -> u32 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u8(kind);
    hasher.write(bytes);
    let hash = u32::try_from(hasher.finish() % u64::from(HASHED_SLOTS)).unwrap_or(0);
    TABLE_SLOTS + hash
}

/// What an answer was made of, and the index at which it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footprint {
    as_of: LogIndex,
    slots: Vec<u32>,
}

impl Footprint {
    /// Nothing was read yet, of a state in which everything up to `as_of` is applied.
    pub fn new(as_of: LogIndex) -> Self {
        Self { as_of, slots: Vec::with_capacity(8) }
    }

    /// The index at which it was read.
    pub fn as_of(&self) -> LogIndex {
        self.as_of
    }

    /// A row was looked for.
    pub fn add_key(&mut self, key: &Key) {
        let table = key.table() as u8;
        self.add(if noted_table(table).is_some() { slot_of(ROW, &key.encode()) } else { u32::from(table) });
    }

    /// A range of rows was looked through.
    pub fn add_range(&mut self, range: &KeyRange) {
        if let Some(group) = group_of(&range.start)
            && range.end.as_slice() <= after_prefix(group).as_slice()
        {
            return self.add(slot_of(GROUP, group));
        }
        let (first, last) = (range.start.first().copied().unwrap_or(0), range.end.first().copied().unwrap_or(u8::MAX));
        (first..=last).for_each(|table| self.add(u32::from(table)));
    }

    fn add(&mut self, slot: u32) {
        if !self.slots.contains(&slot) {
            self.slots.push(slot);
        }
    }
}

/// The first bytes after all that begin with `prefix`.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    // Nothing but FF: there is no end.
    vec![u8::MAX; prefix.len() + 1]
}

/// The index of the last change of every part of the state. One writer, any number of readers.
#[derive(Debug)]
pub struct Revisions {
    slots: Box<[AtomicU64]>,
    /// Everything was replaced at this index.
    replaced: AtomicU64,
}

impl Default for Revisions {
    fn default() -> Self {
        let slots = (0..TABLE_SLOTS + HASHED_SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { slots, replaced: AtomicU64::new(0) }
    }
}

impl Revisions {
    /// The entry at `index` is about to change a row. To be called before the row is written, and before the applied index
    /// reaches `index`: an answer that is read in between counts as older than the change, which is never wrong.
    pub fn note_change(&self, key: &Key, index: LogIndex) {
        let table = key.table() as u8;
        self.set(u32::from(table), index);
        if noted_table(table).is_some() {
            let bytes = key.encode();
            self.set(slot_of(ROW, &bytes), index);
            if let Some(group) = group_of(&bytes) {
                self.set(slot_of(GROUP, group), index);
            }
        }
    }

    /// The state is about to be replaced by that of `index`.
    pub fn note_all(&self, index: LogIndex) {
        self.replaced.fetch_max(index.0, Ordering::AcqRel);
    }

    /// Would a read at this moment look at the same rows and find the same?
    pub fn is_current(&self, footprint: &Footprint) -> bool {
        let is_since = |slot: &AtomicU64| slot.load(Ordering::Acquire) > footprint.as_of.0;
        !is_since(&self.replaced) && !footprint.slots.iter().any(|slot| is_since(&self.slots[*slot as usize]))
    }

    fn set(&self, slot: u32, index: LogIndex) {
        self.slots[slot as usize].fetch_max(index.0, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use registry::{Context, SchemaId, Scope, Subject, Version};
    use schema::{Format, Guid};

    use super::*;

    fn subject(name: &str) -> Subject {
        Subject::parse(name).unwrap()
    }

    /// Is an answer that rests on `read` still current after the change of `changed`?
    fn survives(read: impl Fn(&mut Footprint), changed: &Key) -> bool {
        let revisions = Revisions::default();
        let mut footprint = Footprint::new(LogIndex(5));
        read(&mut footprint);
        revisions.note_change(changed, LogIndex(5));
        assert!(revisions.is_current(&footprint), "what was there when it was read is no change");
        revisions.note_change(changed, LogIndex(6));
        revisions.is_current(&footprint)
    }

    #[test]
    fn an_answer_is_current_until_something_that_it_was_made_of_changes() {
        let (one, two) = (subject("one"), subject("two"));
        let version = |subject: &Subject, number| Key::Version(subject.clone(), Version(number));
        let row = |key: Key| move |footprint: &mut Footprint| footprint.add_key(&key);
        let rows = |range: KeyRange| move |footprint: &mut Footprint| footprint.add_range(&range);
        for (survived, expected) in [
            (survives(row(version(&one, 1)), &version(&one, 1)), false),
            (survives(row(version(&one, 1)), &version(&one, 2)), true),
            (survives(row(version(&one, 1)), &version(&two, 1)), true),
            (survives(rows(KeyRange::versions(&one)), &version(&one, 2)), false),
            (survives(rows(KeyRange::versions(&one).reversed()), &version(&one, 2)), false),
            (survives(rows(KeyRange::versions(&one)), &version(&two, 2)), true),
            (survives(rows(KeyRange::versions(&one).after(&version(&one, 1))), &version(&one, 2)), false),
            (survives(row(Key::Config(Scope::top())), &Key::Config(Scope::top())), false),
            (survives(row(Key::Machine), &Key::Machine), false),
            (survives(rows(KeyRange::contexts()), &Key::Context(Context::default_context())), false),
            (survives(rows(KeyRange::subjects(None)), &Key::Subject(two.clone())), false),
            (survives(rows(KeyRange::all()), &version(&one, 7)), false),
        ] {
            assert_eq!(survived, expected);
        }
    }

    #[test]
    fn rows_of_one_id_or_guid_are_a_group() {
        let (context, guid) = (Context::default_context(), Guid([7; 16]));
        let usage = |id| Key::Usage(context.clone(), SchemaId(id), subject("s"), Version(1));
        let usages = |footprint: &mut Footprint| footprint.add_range(&KeyRange::usages(&context, SchemaId(3)));
        assert!(!survives(usages, &usage(3)));
        assert!(survives(usages, &usage(4)));
        let ids = |footprint: &mut Footprint| footprint.add_range(&KeyRange::ids_of(guid, Format::Avro));
        assert!(!survives(ids, &Key::IdOf(guid, Format::Avro, Context::parse("eu").unwrap())));
        assert!(survives(ids, &Key::IdOf(guid, Format::Json, context.clone())));
        let contents = |footprint: &mut Footprint| footprint.add_range(&KeyRange::contents(guid));
        assert!(!survives(contents, &Key::Content(guid, Format::Json)));
        assert!(survives(contents, &Key::Content(Guid([8; 16]), Format::Json)));
    }

    #[test]
    fn names_with_zeros_do_not_run_into_each_other() {
        let odd = Subject { context: Context::default_context(), name: "a\0b".to_owned() };
        let versions = |footprint: &mut Footprint| footprint.add_range(&KeyRange::versions(&odd));
        assert!(!survives(versions, &Key::Version(odd.clone(), Version(1))));
        assert!(survives(versions, &Key::Version(subject("a"), Version(1))));
    }

    #[test]
    fn a_state_that_is_replaced_leaves_nothing_current() {
        let revisions = Revisions::default();
        let footprint = Footprint::new(LogIndex(5));
        assert!(revisions.is_current(&footprint));
        revisions.note_all(LogIndex(9));
        assert!(!revisions.is_current(&footprint));
        assert!(revisions.is_current(&Footprint::new(LogIndex(9))));
    }
}
