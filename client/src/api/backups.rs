//! Backups: made in a node's directory, or sent here as they are made.

use std::time::Duration;

use proto::rest::{BackupBody, BackupsBody};
use reqwest::{Method, Response};
use serde_json::json;

use crate::retry::Safety;
use crate::transport::{Call, path_segment};
use crate::{Client, ClientError};

/// A node answers when its backup is whole; it reads all that it has for that.
const BACKUP_TIME_MAX: Duration = Duration::from_secs(4 * 3_600);

/// A backup on its way here.
#[derive(Debug)]
pub struct BackupDownload {
    url: String,
    response: Response,
    /// Bytes of the whole, if the node knows.
    pub length: Option<u64>,
}

impl BackupDownload {
    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`ClientError::Broken`] if the connection ends too early.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let piece = self.response.chunk().await;
        let piece = piece.map_err(|error| ClientError::Broken { url: self.url.clone(), reason: error.to_string() })?;
        Ok(piece.map(|bytes| bytes.to_vec()))
    }
}

impl Client {
    /// Makes a backup in the directory of a node, or of the one that this client would ask. `kind` is `full` or `log`.
    ///
    /// # Errors
    /// [`ClientError`]; a backup that may have been made is not asked for again.
    pub async fn create_backup(&self, node: Option<&str>, kind: &str) -> Result<BackupBody, ClientError> {
        let mut call = Call::new(Method::POST, "/v1/backups", Safety::Once).json(&json!({"kind": kind}))?;
        call.only = node.map(ToOwned::to_owned);
        call.attempt_time_max = Some(BACKUP_TIME_MAX);
        self.call(call).await?.json()
    }

    /// The backups in a node's directory, and what the cluster knows of its newest one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn backups(&self, node: Option<&str>) -> Result<BackupsBody, ClientError> {
        let mut call = Call::read("/v1/backups");
        call.only = node.map(ToOwned::to_owned);
        self.call(call).await?.json()
    }

    /// A full backup of a node, sent as it is made. It is whole if its trailer is there: verify it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn stream_backup(&self, node: Option<&str>) -> Result<BackupDownload, ClientError> {
        let mut call = Call::new(Method::GET, "/v1/backup", Safety::Once);
        call.only = node.map(ToOwned::to_owned);
        self.begin_download(call, 0).await
    }

    /// A backup in a node's directory, from a byte on: to go on with a download that broke off.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn download_backup(&self, node: &str, name: &str, offset: u64) -> Result<BackupDownload, ClientError> {
        let mut call = Call::read(format!("/v1/backups/{}", path_segment(name))).with("offset", offset);
        call.only = Some(node.to_owned());
        self.begin_download(call, offset).await
    }

    async fn begin_download(&self, call: Call, offset: u64) -> Result<BackupDownload, ClientError> {
        let (url, response) = self.shared.transport.open(&self.options, &call).await?;
        let length = response.content_length().map(|rest| rest + offset);
        Ok(BackupDownload { url, response, length })
    }
}
