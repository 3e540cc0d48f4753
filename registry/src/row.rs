//! What stands under the keys of the state.

use schema::{Format, Guid};

use crate::feed::{Feed, Sink};
use crate::{
    AccessPolicyRow, AccessRow, AccountRow, AssociationRow, AuditRow, BindingRow, Config, ConsumerRow, ContentRow,
    ContextRow, CursorRow, DraftRow, Event, HistoryRow, LifePolicy, MachineRow, Mode, RequestId, RequestRow, RoleRow,
    SchemaId, SettingRow, SubjectRow, TermsRow, VersionRow,
};

/// Declares the kinds of rows, once.
macro_rules! rows {
    ($($(#[$doc:meta])* $kind:ident $(($($field:ident: $type:ty),+))?;)+) => {
        /// A row; which kind belongs to which key is fixed by [`crate::Table::row`].
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each type documents itself")]
        #[allow(clippy::large_enum_variant, reason = "there are few at a time; a box would only add a hop")]
        pub enum Row {
            $($(#[$doc])* $kind $(($($type),+))?),+
        }

        /// What a row is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each row documents itself")]
        pub enum RowKind {
            $($kind),+
        }

        impl Row {
            /// What the row is.
            pub fn kind(&self) -> RowKind {
                match self { $(Self::$kind { .. } => RowKind::$kind),+ }
            }
        }
    };
}

rows! {
    Machine(row: MachineRow);
    Context(row: ContextRow);
    Subject(row: SubjectRow);
    Version(row: VersionRow);
    Sent(text: String);
    /// The content that an id stands for.
    Schema(guid: Guid, format: Format);
    Content(row: ContentRow);
    Terms(row: TermsRow);
    IdOf(id: SchemaId);
    /// For keys that say everything by being there (usages, referrers).
    Present;
    Association(row: AssociationRow);
    Config(row: SettingRow<Config>);
    Mode(row: SettingRow<Mode>);
    Request(row: RequestRow);
    RequestAge(id: RequestId);
    Event(event: Event);
    Audit(row: AuditRow);
    AuditNode(hash: [u8; 32]);
    Draft(row: DraftRow);
    History(row: HistoryRow);
    Consumer(row: ConsumerRow);
    Policy(row: SettingRow<LifePolicy>);
    Cursor(row: CursorRow);
    Access(row: AccessRow);
    Account(row: AccountRow);
    Role(row: RoleRow);
    Binding(row: BindingRow);
    AccessPolicy(row: AccessPolicyRow);
}

impl Feed for Row {
    fn feed(&self, sink: &mut Sink) {
        match self {
            // The machine row holds the digest and the audit record the digests around it: neither can be part of it.
            Self::Machine(_) | Self::Audit(_) | Self::AuditNode(_) => {}
            Self::Context(row) => row.feed(sink),
            Self::Subject(row) => row.feed(sink),
            Self::Version(row) => row.feed(sink),
            Self::Sent(text) => text.feed(sink),
            Self::Schema(guid, format) => {
                guid.feed(sink);
                format.feed(sink);
            }
            Self::Content(row) => row.feed(sink),
            Self::Terms(row) => row.feed(sink),
            Self::IdOf(id) => id.feed(sink),
            Self::Present => true.feed(sink),
            Self::Association(row) => row.feed(sink),
            Self::Config(row) => row.feed(sink),
            Self::Mode(row) => row.feed(sink),
            Self::Request(row) => row.feed(sink),
            Self::RequestAge(id) => id.feed(sink),
            Self::Event(event) => event.feed(sink),
            Self::Draft(row) => row.feed(sink),
            Self::History(row) => row.feed(sink),
            Self::Consumer(row) => row.feed(sink),
            Self::Policy(row) => row.feed(sink),
            Self::Cursor(row) => row.feed(sink),
            Self::Access(row) => row.feed(sink),
            Self::Account(row) => row.feed(sink),
            Self::Role(row) => row.feed(sink),
            Self::Binding(row) => row.feed(sink),
            Self::AccessPolicy(row) => row.feed(sink),
        }
    }
}
