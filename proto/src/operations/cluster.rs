//! Administration of the cluster: its status, its members, its leader, snapshots, digests.

use super::{
    Answer, Body, Form, Kind, Operation, OperationId, Part, Permission, Resource, Shape, delete, get, operation, post,
    put,
};
use crate::error_code as code;

/// An operation of administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each has its row below, which says what it does")]
pub enum Cluster {
    ShowCluster,
    AddMember,
    RemoveMember,
    PromoteMember,
    UpdateMember,
    FinishMemberChange,
    TakeBackMemberChange,
    TransferLeader,
    TakeSnapshot,
    GetStateHash,
    CreateBackup,
    ListBackups,
}

const ON_MEMBER: Resource = Resource::Member(Part::Path("id"));
const OBJECT: Answer = Answer::Value(Shape::Object);

const fn cluster(
    id: Cluster,
    name: &'static str,
    forms: &'static [Form],
    kind: Kind,
    permission: Permission,
    resource: Resource,
) -> Operation {
    operation(OperationId::Cluster(id), name, forms, kind, permission, resource)
}

pub(super) const OPERATIONS: &[Operation] = &[
    cluster(
        Cluster::ShowCluster,
        "ShowCluster",
        &[get("/v1/cluster/status")],
        Kind::ReadMutable,
        Permission::ClusterRead,
        Resource::Cluster,
    )
    .described("Cluster", "Every member as this node sees it")
    .answers(Answer::One("ClusterStatusBody")),
    cluster(
        Cluster::AddMember,
        "AddMember",
        &[post("/v1/cluster/members")],
        Kind::Admin,
        Permission::ClusterChange,
        Resource::Member(Part::Body("node_id")),
    )
    .described("Cluster", "Adds a learner")
    .takes(Body::Json("MemberBody"))
    .asks(&["without"])
    .answers(OBJECT)
    .fails(&[code::UNPROCESSABLE, code::FORWARDING_FAILED, code::NO_LEADER]),
    cluster(
        Cluster::RemoveMember,
        "RemoveMember",
        &[delete("/v1/cluster/members/{id}")],
        Kind::Admin,
        Permission::ClusterChange,
        ON_MEMBER,
    )
    .described("Cluster", "Removes a member")
    .asks(&["without"])
    .answers(OBJECT)
    .fails(&[code::NOT_FOUND, code::UNPROCESSABLE, code::FORWARDING_FAILED, code::NO_LEADER]),
    cluster(
        Cluster::PromoteMember,
        "PromoteMember",
        &[post("/v1/cluster/members/{id}/promote")],
        Kind::Admin,
        Permission::ClusterChange,
        ON_MEMBER,
    )
    .described("Cluster", "Makes a learner a voter")
    .asks(&["without"])
    .answers(OBJECT)
    .fails(&[code::NOT_FOUND, code::UNPROCESSABLE, code::TIMEOUT, code::FORWARDING_FAILED, code::NO_LEADER]),
    cluster(
        Cluster::UpdateMember,
        "UpdateMember",
        &[put("/v1/cluster/members/{id}")],
        Kind::Admin,
        Permission::ClusterChange,
        ON_MEMBER,
    )
    .described("Cluster", "Gives a member another address, URL, region or priority")
    .takes(Body::Json("MemberBody"))
    .asks(&["without"])
    .answers(OBJECT)
    .fails(&[code::NOT_FOUND, code::UNPROCESSABLE, code::FORWARDING_FAILED, code::NO_LEADER]),
    cluster(
        Cluster::FinishMemberChange,
        "FinishMemberChange",
        &[post("/v1/cluster/change/finish")],
        Kind::Admin,
        Permission::ClusterChange,
        Resource::Cluster,
    )
    .described("Cluster", "Finishes a change of the voters that broke off")
    .asks(&["without"])
    .answers(OBJECT)
    .fails(&[code::UNPROCESSABLE, code::TIMEOUT, code::FORWARDING_FAILED, code::NO_LEADER]),
    cluster(
        Cluster::TakeBackMemberChange,
        "TakeBackMemberChange",
        &[post("/v1/cluster/change/take-back")],
        Kind::Admin,
        Permission::ClusterChange,
        Resource::Cluster,
    )
    .described("Cluster", "Takes back a change of the voters that broke off")
    .asks(&["without"])
    .answers(OBJECT)
    .fails(&[code::UNPROCESSABLE, code::TIMEOUT, code::FORWARDING_FAILED, code::NO_LEADER]),
    cluster(
        Cluster::TransferLeader,
        "TransferLeader",
        &[post("/v1/cluster/leader/transfer")],
        Kind::Admin,
        Permission::ClusterChange,
        Resource::Cluster,
    )
    .described("Cluster", "Hands the leadership over: {\"to\": node}")
    .takes(Body::Object)
    .answers(OBJECT)
    .fails(&[code::NOT_FOUND, code::UNPROCESSABLE, code::TIMEOUT, code::FORWARDING_FAILED, code::NO_LEADER]),
    cluster(
        Cluster::TakeSnapshot,
        "TakeSnapshot",
        &[post("/v1/cluster/snapshot")],
        Kind::Admin,
        Permission::ClusterChange,
        Resource::Cluster,
    )
    .described("Cluster", "Asks for a snapshot")
    .answers(OBJECT),
    cluster(
        Cluster::GetStateHash,
        "GetStateHash",
        &[get("/admin/state-hash")],
        Kind::ReadMutable,
        Permission::ClusterRead,
        Resource::Cluster,
    )
    .described("Cluster", "The digest of the state at an index")
    .asks(&["index"])
    .answers(OBJECT)
    .fails(&[code::NOT_FOUND, code::UNPROCESSABLE]),
    cluster(
        Cluster::CreateBackup,
        "CreateBackup",
        &[post("/v1/backups")],
        Kind::Admin,
        Permission::BackupCreate,
        Resource::Cluster,
    )
    .described(
        "Cluster",
        "Makes a backup in the node's directory: {\"kind\": \"full\" or \"log\"}; answers when it is whole",
    )
    .takes(Body::Object)
    .answers(Answer::One("BackupBody"))
    .fails(&[code::UNPROCESSABLE, code::STORE_ERROR, code::UNAVAILABLE]),
    cluster(
        Cluster::ListBackups,
        "ListBackups",
        &[get("/v1/backups")],
        Kind::ReadMutable,
        Permission::BackupRead,
        Resource::Cluster,
    )
    .described("Cluster", "The backups in the node's directory, and the newest one that the cluster knows of")
    .answers(Answer::One("BackupsBody"))
    .fails(&[code::STORE_ERROR]),
];
