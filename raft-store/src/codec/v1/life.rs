//! Lives of drafts and versions.

use registry::{
    ConsumerRow, Decision, Deprecation, DraftContent, DraftRow, DraftState, HistoryRow, LifeChange, LifeCommand,
    LifeDone, LifeRefusal, Report, Transition, VersionState,
};

use super::common::{ContentV1, SemVerV1, StateV1, SubjectV1};
use crate::codec::layout::{frozen_enum, frozen_struct};

frozen_enum! {
    DraftStateV1 for DraftState {
        Draft {},
        PendingReview {},
        ChangesRequested {},
        Approved {},
        Rejected {},
        Active {},
    }
    VersionStateV1 for VersionState {
        Active {},
        Deprecated {},
        Archived {},
        RolledBack {},
        Quarantined {},
    }
    DecisionV1 for Decision {
        Approve {},
        RequestChanges {},
        Reject {},
    }
    TransitionV1 for Transition {
        Submit {},
        Publish {},
        Approve {},
        RequestChanges {},
        Resubmit {},
        Reject {},
        Activate {},
        Deprecate {},
        Reinstate {},
        Archive {},
        RollBack {},
        Reactivate {},
        Quarantine {},
        Release {},
        Delete {},
    }
    LifeChangeV1 for LifeChange {
        Create { draft draft: DraftContentV1 },
        Revise { id id: u64, draft draft: DraftContentV1 },
        Submit { id id: u64, report report: ReportV1 },
        Publish { id id: u64, report report: ReportV1, semver semver: SemVerV1 },
        Review { id id: u64, decision decision: DecisionV1 },
        Activate { id id: u64, report report: ReportV1, semver semver: SemVerV1 },
        Deprecate { version version: u32, sunset_ms sunset_ms: Option<u64>, successor successor: Option<u32> },
        Reinstate { version version: u32 },
        Archive { version version: u32, force force: bool },
        RollBack { target target: u32, force force: bool },
        Reactivate { version version: u32 },
        Quarantine { version version: u32 },
        Release { version version: u32 },
        PutConsumer { id id: String, from from: u32, to to: Option<u32>, owner owner: String, contact contact: String },
        RemoveConsumer { id id: String },
    }
    LifeDoneV1 for LifeDone {
        Draft { id id: u64, state state: DraftStateV1, approvals approvals: u32 },
        Activated { id id: u64, version version: u32, schema_id schema_id: u32, guid guid: [u8; 16] },
        Version { version version: u32, state state: VersionStateV1 },
        RolledBack { target target: u32, versions versions: Vec<u32> },
        Consumer {},
    }
    LifeRefusalV1 for LifeRefusal {
        WrongState { transition transition: TransitionV1, state state: StateV1 },
        DraftNotFound { id id: u64 },
        ConsumerNotFound { id id: String },
        ReviewRequired {},
        ReviewerIsAuthor {},
        AlreadyApproved {},
        ApprovalsMissing { have have: u32, needed needed: u32 },
        ReasonRequired {},
        PropertyMissing { name name: String },
        VersionsMax { limit limit: u32 },
        DraftsFull { limit limit: u32 },
        Incompatible {},
        SunsetTooSoon { earliest_ms earliest_ms: u64 },
        SunsetNotReached { sunset_ms sunset_ms: u64 },
        SuccessorNotActive { version version: u32 },
        ConsumersRemain { consumers consumers: Vec<String> },
        DependentsRemain { version version: u32 },
        NothingToRollBack {},
        Quarantined { version version: u32 },
    }
}

frozen_struct! {
    LifeCommandV1 for LifeCommand {
        subject: SubjectV1,
        reason: String,
        change: LifeChangeV1,
    }
    ReportV1 for Report {
        base: Option<u32>,
        compatible: bool,
        breaking: bool,
        messages: Vec<String>,
    }
    DraftContentV1 for DraftContent {
        content: ContentV1,
        sent: Option<String>,
        report: ReportV1,
    }
    DraftRowV1 for DraftRow {
        state: DraftStateV1,
        author: String,
        draft: DraftContentV1,
        approvals: Vec<String>,
        version: Option<u32>,
        created_ms: u64,
        modified_at: u64,
    }
    HistoryRowV1 for HistoryRow {
        from: Option<StateV1>,
        to: StateV1,
        action: String,
        actor: String,
        reason: String,
        time_ms: u64,
        version: Option<u32>,
    }
    ConsumerRowV1 for ConsumerRow {
        from: u32,
        to: Option<u32>,
        owner: String,
        contact: String,
        created_ms: u64,
        modified_at: u64,
    }
    DeprecationV1 for Deprecation {
        since_ms: u64,
        sunset_ms: u64,
        successor: Option<u32>,
    }
}
