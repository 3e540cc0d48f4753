//! The tables of the replicated state: each declared once, with its number, the parts of its keys, what stands under them,
//! and the family of tables that it is stored with. Encoding, decoding, scans of everything and the store's column families
//! follow from the list.
//!
//! Numbers and the order of parts are format: they never change once released.

use schema::{Format, Guid};

use crate::key_bytes::{KeyPart, Reader, Writer};
use crate::{Context, DraftId, LogIndex, RequestId, RowKind, SchemaId, Scope, State, Subject, Version};

/// Tables with a like pattern of access, which a store keeps together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The machine's own row, and what is read for every entry.
    Machine,
    /// What is looked up by a name: contexts, subjects, settings, associations, access.
    Names,
    /// Versions and drafts, with their histories.
    Versions,
    /// Contents; they are long.
    Schemas,
    /// Which refers to which, and other indexes.
    Links,
    /// Remembered requests.
    Requests,
    /// Events.
    Events,
    /// The audit log.
    Audit,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 8] = [
        Self::Machine,
        Self::Names,
        Self::Versions,
        Self::Schemas,
        Self::Links,
        Self::Requests,
        Self::Events,
        Self::Audit,
    ];
}

macro_rules! tables {
    ($(
        $(#[$doc:meta])*
        $table:ident = $number:literal $(($($part:ident: $type:ty),+))? -> $row:ident, $family:ident;
    )+) => {
        /// Names one row of the state.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key {
            $($(#[$doc])* $table $(($($type),+))?),+
        }

        /// The table that a key belongs to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each key documents its table")]
        pub enum Table {
            $($table = $number),+
        }

        impl Table {
            /// All tables, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$table),+];

            /// The first byte of its keys.
            pub(crate) fn byte(self) -> u8 {
                self as u8
            }

            /// What stands under the keys of the table.
            pub fn row(self) -> RowKind {
                match self { $(Self::$table => RowKind::$row),+ }
            }

            /// What the table is stored with.
            pub fn family(self) -> Family {
                match self { $(Self::$table => Family::$family),+ }
            }
        }

        impl Key {
            /// The table of the key.
            pub fn table(&self) -> Table {
                match self { $(Self::$table { .. } => Table::$table),+ }
            }

            /// The bytes of the key; their order is the order of keys within a table.
            pub fn encode(&self) -> Vec<u8> {
                let mut writer = Writer::new(self.table().byte());
                match self { $(Self::$table $(($($part),+))? => { $($($part.write(&mut writer);)+)? }),+ }
                writer.0
            }

            /// Reads a key back from its bytes; `None` if they are not the bytes of a key.
            pub fn decode(bytes: &[u8]) -> Option<Self> {
                let (table, rest) = bytes.split_first()?;
                let mut reader = Reader(rest);
                let key = match *table {
                    $($number => Self::$table $(($(<$type as KeyPart>::read(&mut reader)?),+))?,)+
                    _ => return None,
                };
                reader.0.is_empty().then_some(key)
            }
        }
    };
}

tables! {
    /// The machine's own row: digest, time, counters, audit tree head, level.
    Machine = 0x01 -> Machine, Machine;
    /// A context.
    Context = 0x02 (context: Context) -> Context, Names;
    /// A subject; the row stays as a small tombstone after permanent deletion.
    Subject = 0x03 (subject: Subject) -> Subject, Names;
    /// A version of a subject.
    Version = 0x04 (subject: Subject, version: Version) -> Version, Versions;
    /// The text as first sent, where it differs from the canonical one.
    Sent = 0x05 (subject: Subject, version: Version) -> Sent, Versions;
    /// What an id stands for, or stood for: the row stays when the id is deleted permanently.
    Schema = 0x06 (context: Context, id: SchemaId) -> Schema, Schemas;
    /// A schema by its content address.
    Content = 0x07 (guid: Guid, format: Format) -> Content, Schemas;
    /// The id of a content in a context.
    IdOf = 0x08 (guid: Guid, format: Format, context: Context) -> IdOf, Schemas;
    /// A version that holds an id.
    Usage = 0x09 (context: Context, id: SchemaId, subject: Subject, version: Version) -> Present, Links;
    /// A schema (context, id) that refers to a version of a subject.
    Referrer = 0x0a (subject: Subject, version: Version, context: Context, id: SchemaId) -> Present, Links;
    /// The configuration of a scope; the row stays as a tombstone after removal.
    Config = 0x0b (scope: Scope) -> Config, Names;
    /// The mode of a scope; the row stays as a tombstone after removal.
    Mode = 0x0c (scope: Scope) -> Mode, Names;
    /// The outcome of a request.
    Request = 0x0d (id: RequestId) -> Request, Requests;
    /// A remembered request by age.
    RequestAge = 0x0e (index: LogIndex) -> RequestAge, Requests;
    /// An event: log index and position in the entry.
    Event = 0x0f (index: LogIndex, position: u32) -> Event, Events;
    /// An audit record, by its position in the log of records.
    Audit = 0x10 (position: u64) -> Audit, Audit;
    /// The hash of a full subtree of the audit tree: level, position in the level.
    AuditNode = 0x11 (level: u8, position: u64) -> AuditNode, Audit;
    /// A version number that was used and deleted permanently while its subject lives on: it is not used again.
    Retired = 0x20 (subject: Subject, version: Version) -> Present, Versions;
    /// An association: the resource's id and type, the role of the subject.
    Association = 0x21 (id: String, kind: String, role: String) -> Association, Names;
    /// The associations of a subject: subject, resource id, type, role.
    AssociationOf = 0x22 (subject: Subject, id: String, kind: String, role: String) -> Present, Names;
    /// Associations by the resource's name: name, namespace, id, type, role.
    AssociationNamed = 0x23 (name: String, namespace: String, id: String, kind: String, role: String)
        -> Present, Names;
    /// A draft.
    Draft = 0x30 (subject: Subject, id: DraftId) -> Draft, Versions;
    /// A change in the life of a draft or version, by log index.
    History = 0x31 (subject: Subject, life: DraftId, index: LogIndex) -> History, Versions;
    /// Someone who depends on versions of a subject.
    Consumer = 0x32 (subject: Subject, id: String) -> Consumer, Names;
    /// The policy of a scope; the row stays as a tombstone after removal.
    Policy = 0x33 (scope: Scope) -> Policy, Names;
    /// How far a named reader of the events has come.
    Cursor = 0x34 (name: String) -> Cursor, Names;
    /// What the catalogue finds the content by that an entry brought. The index from terms to entries follows from it and is
    /// no part of the state; see [`crate::View::scan_terms`].
    Terms = 0x35 (since: LogIndex) -> Terms, Links;
    /// A version that is not in the ordinary state, for lists by state.
    InState = 0x36 (state: State, subject: Subject, version: Version) -> Present, Links;
    /// When access was changed last.
    Access = 0x40 -> Access, Machine;
    /// The account of a program.
    Account = 0x41 (name: String) -> Account, Names;
    /// A role that somebody made.
    Role = 0x42 (name: String) -> Role, Names;
    /// A role that somebody has somewhere.
    Binding = 0x43 (name: String) -> Binding, Names;
    /// A policy above roles.
    AccessPolicy = 0x44 (name: String) -> AccessPolicy, Names;
}

/// Scans of everything go through the tables in this order, which must be that of the bytes.
const _: () = {
    let mut at = 1;
    while at < Table::ALL.len() {
        assert!((Table::ALL[at - 1] as u8) < Table::ALL[at] as u8, "tables are listed in the order of their numbers");
        at += 1;
    }
};
