//! Whose data directory is this? The file `NODE` in it says; it is written before anything else and compared at every start.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StartError;
use crate::config::Config;

/// Version of the layout of the data directory.
const FORMAT: u32 = 1;

/// What a data directory belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    format: u32,
    cluster_id: String,
    node_id: u64,
    /// The log and the state were created: from then on their absence is damage.
    initialized: bool,
}

/// The state of the data directory at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// It belongs to this node and was used before.
    Known,
    /// It is empty.
    Empty,
}

/// Checks whose data directory this is.
///
/// # Errors
/// [`StartError`]: it is another node's or another cluster's, it is damaged, or it cannot be read.
pub fn check_identity(config: &Config) -> Result<Disk, StartError> {
    let data = &config.node.data_dir;
    fs::create_dir_all(data).map_err(StartError::disk_error("create the data directory", data))?;
    let path = data.join("NODE");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if data.join("raft").exists() || data.join("sm").exists() {
                return Err(StartError::Damaged(format!(
                    "{} holds data, but its file NODE is gone: the directory is damaged. Wipe it and let the node rejoin \
                     under a new node id",
                    data.display()
                )));
            }
            return Ok(Disk::Empty);
        }
        Err(error) => return Err(StartError::disk_error("read", &path)(error)),
    };
    let found: Identity = serde_json::from_slice(&text)
        .map_err(|error| StartError::Damaged(format!("{} cannot be read: {error}", path.display())))?;
    if found.format != FORMAT {
        return Err(StartError::Mismatch(format!(
            "{} has format {}, this program knows {FORMAT}: start it with the program that wrote it",
            path.display(),
            found.format
        )));
    }
    if found.cluster_id != config.cluster.id || found.node_id != config.node.id {
        return Err(StartError::Mismatch(format!(
            "{} belongs to node {} of cluster {}, the configuration names node {} of cluster {}",
            data.display(),
            found.node_id,
            found.cluster_id,
            config.node.id,
            config.cluster.id
        )));
    }
    if !found.initialized {
        return Ok(Disk::Empty);
    }
    for part in ["raft", "sm", "MARK"] {
        if !data.join(part).exists() {
            return Err(StartError::Damaged(format!(
                "{} was in use, but {part} is gone: the disk has lost data. Wipe it and let the node rejoin under a new \
                 node id",
                data.display()
            )));
        }
    }
    Ok(Disk::Known)
}

/// Marks an empty data directory as this node's: written beside, synced, renamed, directory synced.
///
/// # Errors
/// [`StartError::Disk`] if the file cannot be written.
pub fn write_identity(config: &Config, initialized: bool) -> Result<(), StartError> {
    let data = &config.node.data_dir;
    let cluster_id = config.cluster.id.clone();
    let identity = Identity { format: FORMAT, cluster_id, node_id: config.node.id, initialized };
    let write = |data: &Path| -> std::io::Result<()> {
        let temporary = data.join("NODE.tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(&identity)?)?;
        file.sync_all()?;
        fs::rename(&temporary, data.join("NODE"))?;
        File::open(data)?.sync_all()
    };
    write(data).map_err(StartError::disk_error("write", data.join("NODE")))
}
