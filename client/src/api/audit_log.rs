//! The audit log: records, checkpoints, proofs, exports. What is told here is verified by [`crate::audit`].

use std::io::Write;
use std::time::Duration;

use proto::v1;
use reqwest::Method;

use crate::transport::Call;
use crate::{Client, ClientError};

/// Longest silence while something long is read.
const SILENCE_MAX: Duration = Duration::from_secs(65);

impl Client {
    /// A page of audit records.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn audit_records(&self, question: &v1::QueryAuditRequest) -> Result<v1::QueryAuditResponse, ClientError> {
        self.read_native("/audit", question).await
    }

    /// The tree head of so many records (0: of all), signed by the node that answers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn checkpoint(&self, size: u64) -> Result<v1::Checkpoint, ClientError> {
        let question = v1::GetCheckpointRequest { size };
        self.read_native("/audit/checkpoint", &question).await
    }

    /// Proves that a record is in the tree of a size (0: of all).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn prove_inclusion(&self, position: u64, size: u64) -> Result<v1::Proof, ClientError> {
        let question = v1::ProveInclusionRequest { position, size };
        self.read_native("/audit/proofs/inclusion", &question).await
    }

    /// Proves that the tree of `from` records is the beginning of the tree of `to` (0: of all).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn prove_consistency(&self, from: u64, to: u64) -> Result<v1::Proof, ClientError> {
        let question = v1::ProveConsistencyRequest { from, to };
        self.read_native("/audit/proofs/consistency", &question).await
    }

    /// Takes exported records before a position out of the state.
    ///
    /// # Errors
    /// [`ClientError`]; 42205 for records that are to be kept longer.
    pub async fn archive_audit(&self, before: u64) -> Result<v1::ArchiveAuditResponse, ClientError> {
        let question = v1::ArchiveAuditRequest { before };
        self.change_native(Method::POST, "/audit/archive", &question).await
    }

    /// Reads something long, piece by piece, from the first node that answers. What was written before an error is not the
    /// whole.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Broken`] if it ended too early.
    pub async fn download(&self, path: &str, output: &mut (impl Write + Send)) -> Result<(), ClientError> {
        let (url, mut answer) = self.shared.transport.open(&self.options, &Call::read(path)).await?;
        let broken = |reason: String| ClientError::Broken { url: url.clone(), reason };
        loop {
            let piece = tokio::time::timeout(SILENCE_MAX, answer.chunk()).await;
            let piece = piece.map_err(|_| broken("nothing came for too long".to_owned()))?;
            match piece.map_err(|error| broken(error.to_string()))? {
                Some(piece) => output.write_all(&piece).map_err(|error| broken(format!("write it down: {error}")))?,
                None => return Ok(()),
            }
        }
    }
}
