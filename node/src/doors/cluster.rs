//! Administration over HTTP: from paths and bodies to the service.

use backup::BackupKind;
use proto::error_code as code;
use proto::operations::Cluster;
use proto::rest::{BackupBody, BackupsBody, ClusterStatusBody, MemberBody, NodeStatusBody};
use registry::LogIndex;
use serde::Deserialize;
use serde_json::json;

use super::http::reply::Reply;
use super::http::{Answer, On};
use crate::service::{BackupFile, BackupsShown, ClusterView, MemberView, NewMember, ServiceError};

/// Answers an operation.
pub(super) async fn answer(on: On<'_>, operation: Cluster) -> Answer {
    let (service, caller) = (&on.front.service, on.caller);
    match operation {
        Cluster::ShowCluster => Ok(Reply::json(&status_body(service.cluster_view().await))),
        Cluster::AddMember => {
            let MemberBody { node_id: id, peer_address, http_url, region, priority } = on.request.json()?;
            service.add_member(caller, NewMember { id, peer_address, http_url, region, priority }).await?;
            Ok(Reply::json(&json!({"added": id})))
        }
        Cluster::PromoteMember => {
            let id = on.member()?;
            service.promote_member(caller, id).await?;
            Ok(Reply::json(&json!({"promoted": id})))
        }
        Cluster::RemoveMember => {
            let id = on.member()?;
            service.remove_member(caller, id).await?;
            Ok(Reply::json(&json!({"removed": id})))
        }
        Cluster::TransferLeader => {
            let TransferBody { to } = on.request.json()?;
            Ok(Reply::json(&json!({"leader_id": service.transfer_leader(caller, to).await?})))
        }
        Cluster::TakeSnapshot => {
            service.take_snapshot(caller).await?;
            Ok(Reply::json(&json!({"asked": true})))
        }
        Cluster::GetStateHash => on.state_hash(),
        Cluster::CreateBackup => {
            let BackupWish { kind } = on.request.json()?;
            Ok(Reply::json(&backup_body(service.create_backup(caller, kind).await?)))
        }
        Cluster::ListBackups => Ok(Reply::json(&backups_body(service.backups().await?))),
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
    fn member(&self) -> Result<u64, ServiceError> {
        self.parameter("id").parse().map_err(|_| ServiceError::new(code::NOT_FOUND, "No such node"))
    }

    fn state_hash(&self) -> Answer {
        let index = self.request.query("index").map(str::parse::<u64>).transpose();
        let index = index.map_err(|_| ServiceError::new(code::UNPROCESSABLE, "index is a log index"))?;
        let (index, digest) = self.front.service.state_hash(index.map(LogIndex))?;
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Reply::json(&json!({"index": index.0, "digest": digest})))
    }
}

fn status_body(view: ClusterView) -> ClusterStatusBody {
    let ClusterView { cluster_id, voters, learners, members } = view;
    ClusterStatusBody { cluster_id, voters, learners, nodes: members.into_iter().map(member_body).collect() }
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
        }
        Err(why) => body.error = Some(why),
    }
    body
}
