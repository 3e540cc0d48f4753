//! Rows to bytes and back: which layout stands for each kind of row.

use registry::{Key, Row, RowKind, level};

use super::error::{CodecError, Kind};
use super::frame::{decode_record, encode_record};
use super::v1::access::{AccessPolicyRowV1, AccessRowV1, AccountRowV1, BindingRowV1, RoleRowV1};
use super::v1::associations::AssociationRowV1;
use super::v1::catalog::{ContentRowV1, ContextRowV1, SubjectRowV1, TermsRowV1, VersionRowV1};
use super::v1::cluster::{AuditRowV1, MachineRowV1};
use super::v1::common::FormatV1;
use super::v1::envelope::RequestRowV1;
use super::v1::feeds::{CursorRowV1, EventV1};
use super::v1::life::{ConsumerRowV1, DraftRowV1, HistoryRowV1};
use super::v1::settings::{ConfigV1, LifePolicyV1, ModeV1, SettingRowV1};

/// For keys that say everything by being there.
type Nothing = [u8; 0];

macro_rules! rows {
    ($($kind:ident: $layout:ty,)+) => {
        /// A row as bytes. Which layout it has follows from its key's table.
        pub fn encode_row(row: &Row) -> Vec<u8> {
            match row {
                $(Row::$kind(row) => encode_record::<$layout, _>(Kind::Row, level::BASE, row),)+
                Row::Schema(guid, format) => {
                    encode_record::<([u8; 16], FormatV1), _>(Kind::Row, level::BASE, &(*guid, *format))
                }
                Row::Present => encode_record::<Nothing, _>(Kind::Row, level::BASE, &[]),
            }
        }

        /// A row from bytes.
        ///
        /// # Errors
        /// [`CodecError`]: the record is damaged or from a newer program.
        pub fn decode_row(key: &Key, bytes: &[u8]) -> Result<Row, CodecError> {
            Ok(match key.table().row() {
                $(RowKind::$kind => Row::$kind(decode_record::<$layout, _>(Kind::Row, bytes)?),)+
                RowKind::Schema => {
                    let (guid, format) = decode_record::<([u8; 16], FormatV1), _>(Kind::Row, bytes)?;
                    Row::Schema(guid, format)
                }
                RowKind::Present => {
                    let []: [u8; 0] = decode_record::<Nothing, _>(Kind::Row, bytes)?;
                    Row::Present
                }
            })
        }
    };
}

rows! {
    Machine: MachineRowV1,
    Context: ContextRowV1,
    Subject: SubjectRowV1,
    Version: VersionRowV1,
    Sent: String,
    Content: ContentRowV1,
    Terms: TermsRowV1,
    IdOf: u32,
    Association: AssociationRowV1,
    Config: SettingRowV1<ConfigV1>,
    Mode: SettingRowV1<ModeV1>,
    Request: RequestRowV1,
    RequestAge: String,
    Event: EventV1,
    Audit: AuditRowV1,
    AuditNode: [u8; 32],
    Draft: DraftRowV1,
    History: HistoryRowV1,
    Consumer: ConsumerRowV1,
    Policy: SettingRowV1<LifePolicyV1>,
    Cursor: CursorRowV1,
    Access: AccessRowV1,
    Account: AccountRowV1,
    Role: RoleRowV1,
    Binding: BindingRowV1,
    AccessPolicy: AccessPolicyRowV1,
}
