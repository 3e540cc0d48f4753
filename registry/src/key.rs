//! Keys of the replicated state and their bytes.
//!
//! The encoding keeps the order of keys, so that a range of keys is a range of bytes in every store:
//!
//! | part | bytes |
//! |---|---|
//! | table | one byte |
//! | text | UTF-8 with `00` written as `00 FF`, closed by `00 00` |
//! | number | big endian |
//! | guid | its 16 bytes |
//!
//! Table bytes and the order of parts are format: they never change once released.

use schema::{Format, Guid};

use crate::{Context, DraftId, LogIndex, RequestId, SchemaId, Scope, State, Subject, Version};

/// Names one row of the state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The machine's own row: digest, time, counters, audit tree head.
    Machine,
    /// A context.
    Context(Context),
    /// A subject; the row stays as a small tombstone after permanent deletion.
    Subject(Subject),
    /// A version of a subject.
    Version(Subject, Version),
    /// The text as first sent, where it differs from the canonical one.
    Sent(Subject, Version),
    /// A version number that was used and deleted permanently while its subject lives on: it is not used again.
    Retired(Subject, Version),
    /// An association: the resource's id and type, the role of the subject.
    Association(String, String, String),
    /// The associations of a subject: subject, resource id, type, role.
    AssociationOf(Subject, String, String, String),
    /// Associations by the resource's name: name, namespace, id, type, role.
    AssociationNamed(String, String, String, String, String),
    /// What an id stands for, or stood for: the row stays when the id is deleted permanently.
    Schema(Context, SchemaId),
    /// A schema by its content address.
    Content(Guid, Format),
    /// The id of a content in a context.
    IdOf(Guid, Format, Context),
    /// A version that holds an id.
    Usage(Context, SchemaId, Subject, Version),
    /// A schema (context, id) that refers to a version of a subject.
    Referrer(Subject, Version, Context, SchemaId),
    /// The configuration of a scope; the row stays as a tombstone after removal.
    Config(Scope),
    /// The mode of a scope; the row stays as a tombstone after removal.
    Mode(Scope),
    /// The outcome of a request.
    Request(RequestId),
    /// A remembered request by age.
    RequestAge(LogIndex),
    /// An event: log index and position in the entry.
    Event(LogIndex, u32),
    /// An audit record, by its position in the log of records.
    Audit(u64),
    /// The hash of a full subtree of the audit tree: level, position in the level.
    AuditNode(u8, u64),
    /// A draft.
    Draft(Subject, DraftId),
    /// A step in the life of a draft or version, by log index.
    History(Subject, DraftId, LogIndex),
    /// Someone who depends on versions of a subject.
    Consumer(Subject, String),
    /// The policy of a scope; the row stays as a tombstone after removal.
    Policy(Scope),
    /// How far a named reader of the events has come.
    Cursor(String),
    /// A content that the catalogue finds by a term.
    Term(String, Guid, Format),
    /// A version that is not in the ordinary state, for lists by state.
    InState(State, Subject, Version),
}

/// The table that a key belongs to; a store may keep each in a place of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Table {
    Machine = 0x01,
    Context = 0x02,
    Subject = 0x03,
    Version = 0x04,
    Sent = 0x05,
    Schema = 0x06,
    Content = 0x07,
    IdOf = 0x08,
    Usage = 0x09,
    Referrer = 0x0a,
    Config = 0x0b,
    Mode = 0x0c,
    Request = 0x0d,
    RequestAge = 0x0e,
    Event = 0x0f,
    Audit = 0x10,
    AuditNode = 0x11,
    Retired = 0x20,
    Association = 0x21,
    AssociationOf = 0x22,
    AssociationNamed = 0x23,
    Draft = 0x30,
    History = 0x31,
    Consumer = 0x32,
    Policy = 0x33,
    Cursor = 0x34,
    Term = 0x35,
    InState = 0x36,
}

/// A half-open range of encoded keys, `start` included, `end` not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub start: Vec<u8>,
    /// First key after the range.
    pub end: Vec<u8>,
    /// From the end to the start?
    pub reverse: bool,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    fn prefix(prefix: Vec<u8>) -> Self {
        let mut end = prefix.clone();
        // No table byte and no text byte that ends a prefix is FF, so the successor is one increment away.
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                break;
            }
        }
        Self { start: prefix, end, reverse: false }
    }

    /// The same range, from its end to its start.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { reverse: true, ..self }
    }

    /// The part of the range that comes after `key` (for paging).
    #[must_use]
    pub fn after(mut self, key: &Key) -> Self {
        let mut start = key.encode();
        start.push(0);
        self.start = self.start.max(start);
        self
    }

    /// The part of the range from `key` on, `key` included.
    #[must_use]
    pub fn from(mut self, key: &Key) -> Self {
        self.start = self.start.max(key.encode());
        self
    }

    /// All contexts.
    pub fn contexts() -> Self {
        Self::prefix(vec![Table::Context as u8])
    }

    /// All subjects, or those of one context.
    pub fn subjects(context: Option<&Context>) -> Self {
        let mut writer = Writer::new(Table::Subject);
        if let Some(context) = context {
            writer.text(context.as_str());
        }
        Self::prefix(writer.0)
    }

    /// All versions of a subject, ascending.
    pub fn versions(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::Version).subject(subject).0)
    }

    /// The version numbers of a subject that are not used again.
    pub fn retired(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::Retired).subject(subject).0)
    }

    /// All associations, or those of the resource with this id.
    pub fn associations(resource_id: Option<&str>) -> Self {
        let mut writer = Writer::new(Table::Association);
        if let Some(id) = resource_id {
            writer.text(id);
        }
        Self::prefix(writer.0)
    }

    /// The associations of a subject.
    pub fn associations_of(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::AssociationOf).subject(subject).0)
    }

    /// The associations of the resources with this name, in one namespace or in any.
    pub fn associations_named(name: &str, namespace: Option<&str>) -> Self {
        let mut writer = Writer::new(Table::AssociationNamed);
        writer.text(name);
        if let Some(namespace) = namespace {
            writer.text(namespace);
        }
        Self::prefix(writer.0)
    }

    /// All ids of a context, ascending, those that were deleted permanently included.
    pub fn schemas(context: &Context) -> Self {
        let mut writer = Writer::new(Table::Schema);
        writer.text(context.as_str());
        Self::prefix(writer.0)
    }

    /// The contents with this guid (one per format).
    pub fn contents(guid: Guid) -> Self {
        let mut writer = Writer::new(Table::Content);
        writer.0.extend(guid.0);
        Self::prefix(writer.0)
    }

    /// The ids of a content in all contexts.
    pub fn ids_of(guid: Guid, format: Format) -> Self {
        Self::prefix(Writer::new(Table::IdOf).content(guid, format).0)
    }

    /// The versions that hold an id.
    pub fn usages(context: &Context, id: SchemaId) -> Self {
        let mut writer = Writer::new(Table::Usage);
        writer.text(context.as_str());
        writer.u32(id.0);
        Self::prefix(writer.0)
    }

    /// The schemas that refer to a version.
    pub fn referrers(subject: &Subject, version: Version) -> Self {
        let mut writer = Writer::new(Table::Referrer).subject(subject);
        writer.u32(version.0);
        Self::prefix(writer.0)
    }

    /// The configurations of all subjects.
    pub fn configs_of_subjects() -> Self {
        Self::prefix(vec![Table::Config as u8, SCOPE_SUBJECT])
    }

    /// The modes of all scopes.
    pub fn modes() -> Self {
        Self::prefix(vec![Table::Mode as u8])
    }

    /// The modes of a context's subjects, not its own.
    pub fn modes_of_subjects(context: &Context) -> Self {
        let mut writer = Writer::new(Table::Mode);
        writer.0.push(SCOPE_SUBJECT);
        writer.text(context.as_str());
        Self::prefix(writer.0)
    }

    /// Remembered requests, oldest first.
    pub fn requests_by_age() -> Self {
        Self::prefix(vec![Table::RequestAge as u8])
    }

    /// All events, oldest first.
    pub fn events() -> Self {
        Self::prefix(vec![Table::Event as u8])
    }

    /// All audit records, oldest first.
    pub fn audit() -> Self {
        Self::prefix(vec![Table::Audit as u8])
    }

    /// The drafts of a subject, oldest first; without one, all drafts.
    pub fn drafts(subject: Option<&Subject>) -> Self {
        let writer = Writer::new(Table::Draft);
        Self::prefix(subject.map_or(writer.0.clone(), |subject| writer.subject(subject).0))
    }

    /// The steps of a life, oldest first.
    pub fn history(subject: &Subject, life: DraftId) -> Self {
        let mut writer = Writer::new(Table::History).subject(subject);
        writer.u64(life.0);
        Self::prefix(writer.0)
    }

    /// The consumers of a subject.
    pub fn consumers(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::Consumer).subject(subject).0)
    }

    /// The contents under exactly this term.
    pub fn term(term: &str) -> Self {
        let mut writer = Writer::new(Table::Term);
        writer.text(term);
        Self::prefix(writer.0)
    }

    /// The contents under terms that begin like this.
    pub fn terms(prefix: &str) -> Self {
        let mut writer = Writer::new(Table::Term);
        writer.text(prefix);
        // Without the two bytes that close a text.
        writer.0.truncate(writer.0.len() - 2);
        Self::prefix(writer.0)
    }

    /// The subjects of a context whose names begin like this.
    pub fn subjects_with(context: &Context, prefix: &str) -> Self {
        let mut writer = Writer::new(Table::Subject);
        writer.text(context.as_str());
        writer.text(prefix);
        writer.0.truncate(writer.0.len() - 2);
        Self::prefix(writer.0)
    }

    /// The versions in a state.
    pub fn in_state(state: State) -> Self {
        let mut writer = Writer::new(Table::InState);
        writer.0.push(state_byte(state));
        Self::prefix(writer.0)
    }

    /// Every key of the state.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: vec![0xff], reverse: false }
    }
}

const SCOPE_GLOBAL: u8 = 0;
const SCOPE_CONTEXT: u8 = 1;
const SCOPE_SUBJECT: u8 = 2;

struct Writer(Vec<u8>);

impl Writer {
    fn new(table: Table) -> Self {
        Self(vec![table as u8])
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self.0.extend([0, 0]);
    }

    fn u32(&mut self, number: u32) {
        self.0.extend(number.to_be_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn subject(mut self, subject: &Subject) -> Self {
        self.text(subject.context.as_str());
        self.text(&subject.name);
        self
    }

    fn content(mut self, guid: Guid, format: Format) -> Self {
        self.0.extend(guid.0);
        self.0.push(format_byte(format));
        self
    }

    fn scope(mut self, scope: &Scope) -> Self {
        match scope {
            Scope::Global => self.0.push(SCOPE_GLOBAL),
            Scope::Context(context) => {
                self.0.push(SCOPE_CONTEXT);
                self.text(context.as_str());
            }
            Scope::Subject(subject) => {
                self.0.push(SCOPE_SUBJECT);
                return self.subject(subject);
            }
        }
        self
    }
}

fn format_byte(format: Format) -> u8 {
    match format {
        Format::Avro => 1,
        Format::Json => 2,
        Format::Protobuf => 3,
    }
}

fn state_byte(state: State) -> u8 {
    match state {
        State::Draft => 1,
        State::PendingReview => 2,
        State::ChangesRequested => 3,
        State::Approved => 4,
        State::Rejected => 5,
        State::Active => 6,
        State::Deprecated => 7,
        State::Archived => 8,
        State::RolledBack => 9,
        State::Quarantined => 10,
        State::Deleted => 11,
    }
}

impl Key {
    /// The table of the key.
    pub fn table(&self) -> Table {
        match self {
            Self::Machine => Table::Machine,
            Self::Context(_) => Table::Context,
            Self::Subject(_) => Table::Subject,
            Self::Version(..) => Table::Version,
            Self::Sent(..) => Table::Sent,
            Self::Retired(..) => Table::Retired,
            Self::Association(..) => Table::Association,
            Self::AssociationOf(..) => Table::AssociationOf,
            Self::AssociationNamed(..) => Table::AssociationNamed,
            Self::Schema(..) => Table::Schema,
            Self::Content(..) => Table::Content,
            Self::IdOf(..) => Table::IdOf,
            Self::Usage(..) => Table::Usage,
            Self::Referrer(..) => Table::Referrer,
            Self::Config(_) => Table::Config,
            Self::Mode(_) => Table::Mode,
            Self::Request(_) => Table::Request,
            Self::RequestAge(_) => Table::RequestAge,
            Self::Event(..) => Table::Event,
            Self::Audit(_) => Table::Audit,
            Self::AuditNode(..) => Table::AuditNode,
            Self::Draft(..) => Table::Draft,
            Self::History(..) => Table::History,
            Self::Consumer(..) => Table::Consumer,
            Self::Policy(_) => Table::Policy,
            Self::Cursor(_) => Table::Cursor,
            Self::Term(..) => Table::Term,
            Self::InState(..) => Table::InState,
        }
    }

    /// The bytes of the key; their order is the order of keys within a table.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(self.table());
        match self {
            Self::Machine => {}
            Self::Context(context) => writer.text(context.as_str()),
            Self::Subject(subject) => writer = writer.subject(subject),
            Self::Version(subject, version) | Self::Sent(subject, version) | Self::Retired(subject, version) => {
                writer = writer.subject(subject);
                writer.u32(version.0);
            }
            Self::Association(id, kind, role) => {
                [id, kind, role].into_iter().for_each(|part| writer.text(part));
            }
            Self::AssociationOf(subject, id, kind, role) => {
                writer = writer.subject(subject);
                [id, kind, role].into_iter().for_each(|part| writer.text(part));
            }
            Self::AssociationNamed(name, namespace, id, kind, role) => {
                [name, namespace, id, kind, role].into_iter().for_each(|part| writer.text(part));
            }
            Self::Schema(context, id) => {
                writer.text(context.as_str());
                writer.u32(id.0);
            }
            Self::Content(guid, format) => writer = writer.content(*guid, *format),
            Self::IdOf(guid, format, context) => {
                writer = writer.content(*guid, *format);
                writer.text(context.as_str());
            }
            Self::Usage(context, id, subject, version) => {
                writer.text(context.as_str());
                writer.u32(id.0);
                writer = writer.subject(subject);
                writer.u32(version.0);
            }
            Self::Referrer(subject, version, context, id) => {
                writer = writer.subject(subject);
                writer.u32(version.0);
                writer.text(context.as_str());
                writer.u32(id.0);
            }
            Self::Config(scope) | Self::Mode(scope) | Self::Policy(scope) => writer = writer.scope(scope),
            Self::Request(id) => writer.text(&id.0),
            Self::RequestAge(index) => writer.u64(index.0),
            Self::Event(index, position) => {
                writer.u64(index.0);
                writer.u32(*position);
            }
            Self::Audit(position) => writer.u64(*position),
            Self::AuditNode(level, position) => {
                writer.0.push(*level);
                writer.u64(*position);
            }
            Self::Draft(subject, id) => {
                writer = writer.subject(subject);
                writer.u64(id.0);
            }
            Self::History(subject, life, index) => {
                writer = writer.subject(subject);
                writer.u64(life.0);
                writer.u64(index.0);
            }
            Self::Consumer(subject, id) => {
                writer = writer.subject(subject);
                writer.text(id);
            }
            Self::Cursor(name) => writer.text(name),
            Self::Term(term, guid, format) => {
                writer.text(term);
                writer = writer.content(*guid, *format);
            }
            Self::InState(state, subject, version) => {
                writer.0.push(state_byte(*state));
                writer = writer.subject(subject);
                writer.u32(version.0);
            }
        }
        writer.0
    }

    /// Reads a key back from its bytes; `None` if they are not the bytes of a key.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (table, rest) = bytes.split_first()?;
        let mut reader = Reader(rest);
        let key = match *table {
            0x01 => Self::Machine,
            0x02 => Self::Context(reader.context()?),
            0x03 => Self::Subject(reader.subject()?),
            0x04 => Self::Version(reader.subject()?, Version(reader.u32()?)),
            0x05 => Self::Sent(reader.subject()?, Version(reader.u32()?)),
            0x06 => Self::Schema(reader.context()?, SchemaId(reader.u32()?)),
            0x07 => Self::Content(reader.guid()?, reader.format()?),
            0x08 => Self::IdOf(reader.guid()?, reader.format()?, reader.context()?),
            0x09 => Self::Usage(reader.context()?, SchemaId(reader.u32()?), reader.subject()?, Version(reader.u32()?)),
            0x0a => {
                Self::Referrer(reader.subject()?, Version(reader.u32()?), reader.context()?, SchemaId(reader.u32()?))
            }
            0x0b => Self::Config(reader.scope()?),
            0x0c => Self::Mode(reader.scope()?),
            0x0d => Self::Request(RequestId(reader.text()?)),
            0x0e => Self::RequestAge(LogIndex(reader.u64()?)),
            0x0f => Self::Event(LogIndex(reader.u64()?), reader.u32()?),
            0x10 => Self::Audit(reader.u64()?),
            0x11 => Self::AuditNode(reader.byte()?, reader.u64()?),
            0x20 => Self::Retired(reader.subject()?, Version(reader.u32()?)),
            0x21 => Self::Association(reader.text()?, reader.text()?, reader.text()?),
            0x22 => Self::AssociationOf(reader.subject()?, reader.text()?, reader.text()?, reader.text()?),
            0x23 => {
                Self::AssociationNamed(reader.text()?, reader.text()?, reader.text()?, reader.text()?, reader.text()?)
            }
            0x30 => Self::Draft(reader.subject()?, DraftId(reader.u64()?)),
            0x31 => Self::History(reader.subject()?, DraftId(reader.u64()?), LogIndex(reader.u64()?)),
            0x32 => Self::Consumer(reader.subject()?, reader.text()?),
            0x33 => Self::Policy(reader.scope()?),
            0x34 => Self::Cursor(reader.text()?),
            0x35 => Self::Term(reader.text()?, reader.guid()?, reader.format()?),
            0x36 => Self::InState(reader.state()?, reader.subject()?, Version(reader.u32()?)),
            _ => return None,
        };
        reader.0.is_empty().then_some(key)
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn guid(&mut self) -> Option<Guid> {
        self.array().map(Guid)
    }

    fn format(&mut self) -> Option<Format> {
        match self.byte()? {
            1 => Some(Format::Avro),
            2 => Some(Format::Json),
            3 => Some(Format::Protobuf),
            _ => None,
        }
    }

    fn state(&mut self) -> Option<State> {
        let byte = self.byte()?;
        State::ALL.into_iter().find(|state| state_byte(*state) == byte)
    }

    fn text(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                0 => match self.byte()? {
                    0 => return String::from_utf8(bytes).ok(),
                    0xff => bytes.push(0),
                    _ => return None,
                },
                byte => bytes.push(byte),
            }
        }
    }

    /// A context as it is written: with its dot.
    fn context(&mut self) -> Option<Context> {
        let text = self.text()?;
        Context::parse(&text).ok().filter(|context| context.as_str() == text)
    }

    fn subject(&mut self) -> Option<Subject> {
        Some(Subject { context: self.context()?, name: self.text()? })
    }

    fn scope(&mut self) -> Option<Scope> {
        match self.byte()? {
            SCOPE_GLOBAL => Some(Scope::Global),
            SCOPE_CONTEXT => self.context().map(Scope::Context),
            SCOPE_SUBJECT => self.subject().map(Scope::Subject),
            _ => None,
        }
    }
}
