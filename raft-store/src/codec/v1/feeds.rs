//! Events and cursors.

use registry::{CursorRow, Event, EventKind, FeedsCommand, FeedsDone, FeedsRefusal};

use super::common::{ScopeV1, SubjectV1};
use super::life::{DecisionV1, DraftStateV1};
use crate::codec::layout::{frozen_enum, frozen_struct};

frozen_enum! {
    FeedsCommandV1 for FeedsCommand {
        MoveCursor { name name: String, index index: u64, position position: u32 },
    }
    FeedsDoneV1 for FeedsDone {
        Cursor { index index: u64, position position: u32 },
    }
    FeedsRefusalV1 for FeedsRefusal {
        CursorOutOfPlace {},
    }
    EventKindV1 for EventKind {
        SchemaRegistered { subject subject: SubjectV1, version version: u32, id id: u32 },
        VersionDeleted { subject subject: SubjectV1, version version: u32, permanent permanent: bool },
        SubjectDeleted { subject subject: SubjectV1, versions versions: Vec<u32>, permanent permanent: bool },
        ConfigChanged { scope scope: ScopeV1 },
        ModeChanged { scope scope: ScopeV1 },
        VersionActivated { subject subject: SubjectV1, version version: u32 },
        VersionDeprecated { subject subject: SubjectV1, version version: u32, sunset_ms sunset_ms: u64, successor successor: Option<u32> },
        VersionArchived { subject subject: SubjectV1, version version: u32, forced forced: bool },
        VersionRolledBack { subject subject: SubjectV1, version version: u32, target target: u32 },
        VersionQuarantined { subject subject: SubjectV1, version version: u32 },
        VersionReleased { subject subject: SubjectV1, version version: u32 },
        DraftSubmitted { subject subject: SubjectV1, draft draft: u64, breaking breaking: bool },
        DraftReviewed { subject subject: SubjectV1, draft draft: u64, decision decision: DecisionV1, state state: DraftStateV1 },
        PolicyChanged { scope scope: ScopeV1 },
    }
}

frozen_struct! {
    EventV1 for Event {
        kind: EventKindV1,
        time_ms: u64,
        actor: String,
    }
    CursorRowV1 for CursorRow {
        index: u64,
        position: u32,
        time_ms: u64,
        modified_at: u64,
    }
}
