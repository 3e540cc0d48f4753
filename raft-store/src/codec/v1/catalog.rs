//! The catalogue.

use registry::{
    Assign, CatalogCommand, CatalogDone, CatalogRefusal, ContentRow, ContextRow, Deleted, Permanent, Register,
    SubjectRow, TermsRow, VersionRow,
};

use super::common::{ContentV1, FormatV1, MetadataV1, ReferenceV1, RuleSetV1, SemVerV1, SubjectV1};
use super::life::{DeprecationV1, VersionStateV1};
use crate::codec::layout::{frozen_enum, frozen_struct};

frozen_enum! {
    PermanentV1 for Permanent {
        No {},
        Yes {},
    }
    DeletedV1 for Deleted {
        No {},
        Soft {},
    }
    AssignV1 for Assign {
        Next { expected expected: Option<u32> },
        Import { id id: u32, version version: Option<u32> },
    }
    CatalogCommandV1 for CatalogCommand {
        Register { 0 register: RegisterV1 },
        DeleteVersion { subject subject: SubjectV1, version version: u32, permanent permanent: PermanentV1 },
        DeleteSubject { subject subject: SubjectV1, permanent permanent: PermanentV1 },
        DeleteContext { context context: String },
    }
    CatalogDoneV1 for CatalogDone {
        Registered { id id: u32, version version: u32, guid guid: [u8; 16], is_new_id is_new_id: bool },
        VersionDeleted { version version: u32 },
        SubjectDeleted { versions versions: Vec<u32> },
        ContextDeleted {},
    }
    CatalogRefusalV1 for CatalogRefusal {
        SubjectNotFound { subject subject: SubjectV1 },
        VersionNotFound { subject subject: SubjectV1, version version: u32 },
        SubjectSoftDeleted { subject subject: SubjectV1 },
        SubjectNotSoftDeleted { subject subject: SubjectV1 },
        VersionSoftDeleted { subject subject: SubjectV1, version version: u32 },
        VersionNotSoftDeleted { subject subject: SubjectV1, version version: u32 },
        Referenced { subject subject: SubjectV1, version version: u32 },
        ReadOnly { subject subject: SubjectV1 },
        NotReadWrite { subject subject: SubjectV1 },
        NotImport { subject subject: SubjectV1 },
        VersionNotNext { subject subject: SubjectV1, asked asked: u32, next next: u32 },
        VersionOutOfRange { version version: u32, max max: u32 },
        IdOutOfRange { id id: u32, max max: u32 },
        IdTaken { id id: u32, context context: String },
        SubjectFull { subject subject: SubjectV1, limit limit: u32 },
        IdsExhausted { context context: String },
        ContextNotEmpty { context context: String },
    }
}

frozen_struct! {
    RegisterV1 for Register {
        subject: SubjectV1,
        content: ContentV1,
        sent: Option<String>,
        assign: AssignV1,
        semver: SemVerV1,
    }
    ContextRowV1 for ContextRow {
        next_id: u32,
        listed: bool,
        modified_at: u64,
    }
    SubjectRowV1 for SubjectRow {
        next_version: u32,
        live: u32,
        soft_deleted: u32,
        modified_at: u64,
    }
    VersionRowV1 for VersionRow {
        id: u32,
        guid: [u8; 16],
        format: FormatV1,
        deleted: DeletedV1,
        state: VersionStateV1,
        life: u64,
        semver: SemVerV1,
        deprecation: Option<DeprecationV1>,
        created_ms: u64,
        created_at: u64,
        modified_at: u64,
    }
    ContentRowV1 for ContentRow {
        text: String,
        references: Vec<ReferenceV1>,
        metadata: Option<MetadataV1>,
        rule_set: Option<RuleSetV1>,
        context_count: u32,
        since: u64,
    }
    TermsRowV1 for TermsRow {
        guid: [u8; 16],
        format: FormatV1,
        terms: String,
    }
}
