//! Shared words: formats, references, metadata and rules, names, principals.

use registry::{
    Actor, Authentication, Basis, BasisKey, Content, Principal, PrincipalKind, RequestSource, Scope, SemVer, State,
    Subject, TraceContext,
};
use schema::compat::{Level, Policy};
use schema::{EnableAt, Format, Metadata, Reference, Rule, RuleKind, RuleMode, RuleSet};

use crate::codec::layout::{fixed_struct, frozen_enum, frozen_struct};

fixed_struct! {
    SubjectV1 for Subject {
        context: String,
        name: String,
    }
    ReferenceV1 for Reference {
        name: String,
        subject: String,
        version: i32,
    }
    SemVerV1 for SemVer {
        major: u32,
        minor: u32,
        patch: u32,
    }
    TraceContextV1 for TraceContext {
        trace_id: [u8; 16],
        span_id: [u8; 8],
        flags: u8,
    }
}

frozen_enum! {
    FormatV1 for Format {
        Avro {},
        Json {},
        Protobuf {},
    }
    RuleKindV1 for RuleKind {
        Transform {},
        Condition {},
    }
    RuleModeV1 for RuleMode {
        Upgrade {},
        Downgrade {},
        UpDown {},
        Write {},
        Read {},
        WriteRead {},
    }
    EnableAtV1 for EnableAt {
        All {},
        Client {},
        Gateway {},
        Server {},
        None {},
    }
    LevelV1 for Level {
        None {},
        Backward {},
        BackwardTransitive {},
        Forward {},
        ForwardTransitive {},
        Full {},
        FullTransitive {},
        Disabled {},
    }
    PolicyV1 for Policy {
        Strict {},
        Lenient {},
    }
    ScopeV1 for Scope {
        Global {},
        Context { 0 context: String },
        Subject { 0 subject: SubjectV1 },
    }
    BasisKeyV1 for BasisKey {
        Subject { 0 subject: SubjectV1 },
        Version { 0 subject: SubjectV1, 1 version: u32 },
        Config { 0 scope: ScopeV1 },
        Mode { 0 scope: ScopeV1 },
        Policy { 0 scope: ScopeV1 },
        Draft { 0 subject: SubjectV1, 1 id: u64 },
        Consumer { 0 subject: SubjectV1, 1 id: String },
    }
    StateV1 for State {
        Draft {},
        PendingReview {},
        ChangesRequested {},
        Approved {},
        Rejected {},
        Active {},
        Deprecated {},
        Archived {},
        RolledBack {},
        Quarantined {},
        Deleted {},
    }
    PrincipalKindV1 for PrincipalKind {
        Anonymous {},
        User {},
        ServiceAccount {},
        Node {},
        System {},
    }
    AuthenticationV1 for Authentication {
        Unauthenticated {},
        TrustedHeader {},
        Basic {},
        Token {},
        Oidc {},
        MutualTls {},
        Internal {},
    }
}

frozen_struct! {
    ContentV1 for Content {
        guid: [u8; 16],
        format: FormatV1,
        text: String,
        references: Vec<ReferenceV1>,
        metadata: Option<MetadataV1>,
        rule_set: Option<RuleSetV1>,
        terms: String,
    }
    MetadataV1 for Metadata {
        tags: Vec<(String, Vec<String>)>,
        properties: Vec<(String, String)>,
        sensitive: Vec<String>,
    }
    RuleV1 for Rule {
        name: String,
        doc: Option<String>,
        kind: Option<RuleKindV1>,
        mode: Option<RuleModeV1>,
        rule_type: String,
        tags: Vec<String>,
        params: Vec<(String, String)>,
        expr: Option<String>,
        on_success: Option<String>,
        on_failure: Option<String>,
        disabled: bool,
    }
    RuleSetV1 for RuleSet {
        migration_rules: Vec<RuleV1>,
        domain_rules: Vec<RuleV1>,
        encoding_rules: Vec<RuleV1>,
        enable_at: Option<EnableAtV1>,
    }
    PrincipalV1 for Principal {
        kind: PrincipalKindV1,
        name: String,
        groups: Vec<String>,
        authentication: AuthenticationV1,
    }
    ActorV1 for Actor {
        principal: PrincipalV1,
        node_id: u64,
    }
    RequestSourceV1 for RequestSource {
        address: String,
        user_agent: String,
    }
    BasisV1 for Basis {
        read_index: u64,
        keys: Vec<BasisKeyV1>,
    }
}
