//! Administration over HTTP: from paths and bodies to the service.

use backup::BackupKind;
use proto::error_code as code;
use proto::operations::Cluster;
use proto::rest::{BackupBody, BackupsBody, ClusterStatusBody, MemberBody, MemberChangeBody, NodeStatusBody};
use raft_store::types::Node;
use registry::{LogIndex, UnderWay};
use serde::Deserialize;
use serde_json::json;

use super::http::reply::Reply;
use super::on::{Answer, On};
use crate::consensus::MemberChange;
use crate::service::{BackupFile, BackupsShown, ChangeView, ClusterView, MemberView, ServiceError};

/// Answers an operation.
pub(super) async fn answer_cluster(on: On<'_>, operation: Cluster) -> Answer {
    let (service, caller) = (&on.front.service, on.caller);
    match operation {
        Cluster::ShowCluster => Ok(Reply::json_body(&status_body(service.cluster_view().await))),
        Cluster::AddMember => {
            let body: MemberBody = on.request.json_body()?;
            let id = body.node_id;
            on.change_members(MemberChange::Add { id, node: node_of(body) }).await?;
            Ok(Reply::json_body(&json!({"added": id})))
        }
        Cluster::UpdateMember => {
            let (id, body) = (on.member_id()?, on.request.json_body::<MemberBody>()?);
            if body.node_id != id {
                return Err(ServiceError::new(code::UNPROCESSABLE, "node_id is the id that the path names"));
            }
            on.change_members(MemberChange::Update { id, node: node_of(body) }).await?;
            Ok(Reply::json_body(&json!({"updated": id})))
        }
        Cluster::PromoteMember => {
            let id = on.member_id()?;
            on.change_members(MemberChange::Promote { id }).await?;
            Ok(Reply::json_body(&json!({"promoted": id})))
        }
        Cluster::RemoveMember => {
            let id = on.member_id()?;
            on.change_members(MemberChange::Remove { id }).await?;
            Ok(Reply::json_body(&json!({"removed": id})))
        }
        Cluster::FinishMemberChange => {
            on.change_members(MemberChange::Finish).await?;
            Ok(Reply::json_body(&json!({"finished": true})))
        }
        Cluster::TakeBackMemberChange => {
            on.change_members(MemberChange::TakeBack).await?;
            Ok(Reply::json_body(&json!({"taken_back": true})))
        }
        Cluster::TransferLeader => {
            let TransferBody { to } = on.request.json_body()?;
            Ok(Reply::json_body(&json!({"leader_id": service.transfer_leader(caller, to).await?})))
        }
        Cluster::TakeSnapshot => {
            service.take_snapshot(caller).await?;
            Ok(Reply::json_body(&json!({"asked": true})))
        }
        Cluster::GetStateHash => on.state_hash(),
        Cluster::CreateBackup => {
            let BackupWish { kind } = on.request.json_body()?;
            Ok(Reply::json_body(&backup_body(service.create_backup(caller, kind).await?)))
        }
        Cluster::ListBackups => Ok(Reply::json_body(&backups_body(service.show_backups().await?))),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    to: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BackupWish {
    #[serde(default = "full")]
    kind: BackupKind,
}

fn full() -> BackupKind {
    BackupKind::Full
}

fn backup_body(file: BackupFile) -> BackupBody {
    let BackupFile { name, id, kind, cluster_id, index, since, time_ms, bytes, hash, key, problem } = file;
    let (kind, hash) = (kind.name().to_owned(), Some(hash).filter(|hash| !hash.is_empty()));
    BackupBody { name, id, kind, cluster_id, index, since, time_ms, bytes, hash, key, problem }
}

fn backups_body(shown: BackupsShown) -> BackupsBody {
    let BackupsShown { config, files, last, last_failure, is_running } = shown;
    BackupsBody {
        directory: config.directory.display().to_string(),
        every_seconds: config.every_seconds,
        keep: config.keep as u64,
        incrementals: u64::from(config.incrementals),
        last_index: last.map(|(index, _)| index.0),
        last_time_ms: last.map(|(_, time_ms)| time_ms),
        last_failure,
        is_running,
        backups: files.into_iter().map(backup_body).collect(),
    }
}

impl On<'_> {
    fn member_id(&self) -> Result<u64, ServiceError> {
        self.parameter("id").parse().map_err(|_| ServiceError::new(code::NOT_FOUND, "No such node"))
    }

    async fn change_members(&self, change: MemberChange) -> Result<(), ServiceError> {
        let ids = self.request.query_value("without").unwrap_or_default();
        let named = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::parse);
        let named = named.collect::<Result<_, _>>();
        let named = named.map_err(|_| ServiceError::new(code::UNPROCESSABLE, "without names node ids: without=3,5"))?;
        self.front.service.change_members(self.caller, change, named).await
    }

    fn state_hash(&self) -> Answer {
        let index = self.request.query_value("index").map(str::parse::<u64>).transpose();
        let index = index.map_err(|_| ServiceError::new(code::UNPROCESSABLE, "index is a log index"))?;
        let (index, digest) = self.front.service.state_hash(index.map(LogIndex))?;
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Reply::json_body(&json!({"index": index.0, "digest": digest})))
    }
}

fn node_of(body: MemberBody) -> Node {
    let MemberBody { node_id: _, peer_address, http_url, region, priority } = body;
    Node { peer_address, http_url, region, priority }
}

fn status_body(view: ClusterView) -> ClusterStatusBody {
    let ClusterView { cluster_id, voters, learners, change, level, level_held, members } = view;
    ClusterStatusBody {
        cluster_id,
        voters,
        learners,
        change: change.map(change_body),
        level: level.into(),
        level_held,
        nodes: members.into_iter().map(member_body).collect(),
    }
}

fn change_body(change: ChangeView) -> MemberChangeBody {
    let ChangeView { voter_sets, decided, operation } = change;
    let mut body = MemberChangeBody {
        voter_sets: voter_sets.into_iter().map(|set| set.into_iter().collect()).collect(),
        decided,
        ..MemberChangeBody::default()
    };
    if let Some(UnderWay { name, resource, principal, since_ms }) = operation {
        (body.operation, body.resource) = (Some(name), Some(resource));
        (body.principal, body.since_ms) = (Some(principal), Some(since_ms));
    }
    body
}

fn member_body(member: MemberView) -> NodeStatusBody {
    let MemberView { id, region, http_url, status } = member;
    let mut body = NodeStatusBody { node_id: id, region, http_url: Some(http_url), ..NodeStatusBody::default() };
    match status {
        Ok(status) => {
            body.role = status.role;
            body.term = status.term;
            body.leader_id = status.leader_id;
            body.last_log_index = status.last_log_index;
            body.committed_index = status.committed_index;
            body.applied_index = status.applied_index;
            body.snapshot_index = status.snapshot_index;
            body.purged_index = status.purged_index;
            body.version = status.version;
            body.level_supported = status.level_supported.into();
            body.level = status.level.into();
        }
        Err(why) => body.error = Some(why),
    }
    body
}
