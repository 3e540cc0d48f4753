//! What may be written to the log: commands, in envelopes.
//!
//! A command carries everything that apply needs, computed once by the node that prepared it: canonical text, guid,
//! pinned references, the merged configuration. Apply never parses or computes them again.

use schema::{Format, Guid, Metadata, Reference, RuleSet};

use crate::{
    AssociationChange, Basis, BasisKey, Config, LifeStep, LifecyclePolicy, LogIndex, Mode, RequestId, Resource,
    SchemaId, Scope, SemVer, Step, Subject, Version,
};

/// The version of this state machine. A command that asks for a higher one stops the node; it is never skipped.
pub const MACHINE_VERSION: u32 = 1;

/// A command with what the leader and the edge know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Makes retries one effect.
    pub request_id: RequestId,
    /// Milliseconds since the Unix epoch, stamped once by the leader at propose.
    pub time_ms: u64,
    /// Who asked, as established at the edge.
    pub actor: Actor,
    /// The lowest machine version that understands the command.
    pub machine_version: u32,
    /// The revision at which the client wants what it changes to be; see [`Command::revised`].
    pub if_revision: Option<LogIndex>,
    /// What the preparer's verdict depended on.
    pub basis: Basis,
    /// What to do.
    pub command: Command,
}

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The authenticated principal, or `anonymous`.
    pub principal: String,
    /// The node that took the request from outside.
    pub node_id: u64,
}

/// Is a deletion final, or does it only hide?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Permanent {
    No,
    Yes,
}

/// A change that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Add a version to a subject.
    Register(Register),
    /// Delete one version.
    DeleteVersion { subject: Subject, version: Version, permanent: Permanent },
    /// Delete all versions of a subject.
    DeleteSubject { subject: Subject, permanent: Permanent },
    /// Set (`Some`, the whole merged value) or remove (`None`) the configuration of a scope.
    SetConfig { scope: Scope, config: Option<Config> },
    /// Set or remove the mode of a scope. `force` allows IMPORT over existing subjects; `recursive` removes the modes of
    /// all subjects in a context, too.
    SetMode { scope: Scope, mode: Option<Mode>, force: bool, recursive: bool },
    /// Remove an empty context.
    DeleteContext { context: crate::Context },
    /// Change the associations of a resource.
    ChangeAssociations { resource: Resource, changes: Vec<AssociationChange> },
    /// Compare the digest after `index` on every replica.
    CheckDigest { index: LogIndex, digest: [u8; 32] },
    /// The first command of a cluster: mints its identity.
    Found { cluster_id: String },
    /// A step in the life of a draft or version.
    Lifecycle(LifeStep),
    /// Set (`Some`, the whole merged value) or remove (`None`) the policy of a scope.
    SetPolicy { scope: Scope, policy: Option<LifecyclePolicy> },
    /// Remember how far a named reader of the events has come; never backwards.
    MoveCursor { name: String, index: LogIndex, position: u32 },
    /// Take audit records before a position out of the state; their hashes stay, so proofs do too.
    ArchiveAudit { before: u64 },
}

impl Command {
    /// A stable name for audit records, metrics and logs.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Register(_) => "schema.register",
            Self::DeleteVersion { permanent: Permanent::No, .. } => "version.delete",
            Self::DeleteVersion { permanent: Permanent::Yes, .. } => "version.delete_permanently",
            Self::DeleteSubject { permanent: Permanent::No, .. } => "subject.delete",
            Self::DeleteSubject { permanent: Permanent::Yes, .. } => "subject.delete_permanently",
            Self::SetConfig { config: Some(_), .. } => "config.set",
            Self::SetConfig { config: None, .. } => "config.delete",
            Self::SetMode { mode: Some(_), .. } => "mode.set",
            Self::SetMode { mode: None, .. } => "mode.delete",
            Self::DeleteContext { .. } => "context.delete",
            Self::ChangeAssociations { .. } => "association.change",
            Self::CheckDigest { .. } => "digest.check",
            Self::Found { .. } => "cluster.found",
            Self::Lifecycle(lifecycle) => lifecycle.step.action(),
            Self::SetPolicy { policy: Some(_), .. } => "policy.set",
            Self::SetPolicy { policy: None, .. } => "policy.delete",
            Self::MoveCursor { .. } => "cursor.move",
            Self::ArchiveAudit { .. } => "audit.archive",
        }
    }

    /// What the command is about, for audit records and logs.
    pub fn resource(&self) -> String {
        match self {
            Self::Register(register) => format!("subject/{}", register.subject),
            Self::DeleteVersion { subject, version, .. } => format!("subject/{subject}/version/{version}"),
            Self::DeleteSubject { subject, .. } => format!("subject/{subject}"),
            Self::SetConfig { scope, .. } => format!("config/{scope}"),
            Self::SetMode { scope, .. } => format!("mode/{scope}"),
            Self::DeleteContext { context } => format!("context/{context}"),
            Self::ChangeAssociations { resource, .. } => format!("resource/{}", resource.id),
            Self::CheckDigest { index, .. } => format!("digest/{index}"),
            Self::Found { cluster_id } => format!("cluster/{cluster_id}"),
            Self::Lifecycle(LifeStep { subject, step, .. }) => format!("subject/{subject}{}", step.resource()),
            Self::SetPolicy { scope, .. } => format!("policy/{scope}"),
            Self::MoveCursor { name, .. } => format!("cursor/{name}"),
            Self::ArchiveAudit { before } => format!("audit/{before}"),
        }
    }

    /// Why, in the actor's words; empty where none is given.
    pub fn reason(&self) -> &str {
        match self {
            Self::Lifecycle(lifecycle) => &lifecycle.reason,
            Self::Register(_)
            | Self::DeleteVersion { .. }
            | Self::DeleteSubject { .. }
            | Self::SetConfig { .. }
            | Self::SetMode { .. }
            | Self::DeleteContext { .. }
            | Self::ChangeAssociations { .. }
            | Self::CheckDigest { .. }
            | Self::Found { .. }
            | Self::SetPolicy { .. }
            | Self::MoveCursor { .. }
            | Self::ArchiveAudit { .. } => "",
        }
    }

    /// What a client's revision is compared with: the thing that the command changes.
    pub fn revised(&self) -> Option<BasisKey> {
        Some(match self {
            Self::Register(Register { subject, .. }) | Self::DeleteSubject { subject, .. } => {
                BasisKey::Subject(subject.clone())
            }
            Self::DeleteVersion { subject, version, .. } => BasisKey::Version(subject.clone(), *version),
            Self::SetConfig { scope, .. } => BasisKey::Config(scope.clone()),
            Self::SetMode { scope, .. } => BasisKey::Mode(scope.clone()),
            Self::SetPolicy { scope, .. } => BasisKey::Policy(scope.clone()),
            Self::Lifecycle(LifeStep { subject, step, .. }) => match step {
                Step::Revise { id, .. }
                | Step::Submit { id, .. }
                | Step::Publish { id, .. }
                | Step::Review { id, .. }
                | Step::Activate { id, .. } => BasisKey::Draft(subject.clone(), *id),
                Step::Deprecate { version, .. }
                | Step::Reinstate { version }
                | Step::Archive { version, .. }
                | Step::Reactivate { version }
                | Step::Quarantine { version }
                | Step::Release { version } => BasisKey::Version(subject.clone(), *version),
                Step::PutConsumer { id, .. } | Step::RemoveConsumer { id } => {
                    BasisKey::Consumer(subject.clone(), id.clone())
                }
                Step::Create { .. } | Step::RollBack { .. } => BasisKey::Subject(subject.clone()),
            },
            Self::DeleteContext { .. }
            | Self::ChangeAssociations { .. }
            | Self::CheckDigest { .. }
            | Self::Found { .. }
            | Self::MoveCursor { .. }
            | Self::ArchiveAudit { .. } => return None,
        })
    }
}

/// A registration, fully prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The subject.
    pub subject: Subject,
    /// What the id stands for.
    pub content: Content,
    /// The text as the client sent it, where it differs from the canonical text.
    pub sent: Option<String>,
    /// Which id and version to take.
    pub assign: Assign,
    /// The semantic version, from the diff to what was latest.
    pub semver: SemVer,
}

/// What a schema id stands for: canonical text with references, metadata and rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The content address, computed from the other fields by [`schema::guid_of`].
    pub guid: Guid,
    /// The format.
    pub format: Format,
    /// The canonical (or, where asked, normalised) text.
    pub text: String,
    /// References with pinned versions. Their subjects are as written; they are resolved in the referrer's context.
    pub references: Vec<Reference>,
    /// Business metadata.
    pub metadata: Option<Metadata>,
    /// Data-contract rules.
    pub rule_set: Option<RuleSet>,
    /// What the catalogue finds it by: names of fields and types, words, tags. Bounded, sorted, each once; no part of its
    /// identity.
    pub terms: Vec<String>,
}

/// Which id and version a registration takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assign {
    /// The next version; if the client named one, it must be that one (compare-and-set).
    Next { expected: Option<Version> },
    /// IMPORT and FORWARD mode: the client names the id, and perhaps the version.
    Import { id: SchemaId, version: Option<Version> },
}
