//! Damage to files at rest: a flipped bit, a cut, a hole of zeros. One kind of file per fault.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::StdRng;

use super::power::durable_baseline;

/// A kind of file in a node's data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The log's write-ahead log.
    LogWal,
    /// A table of the log.
    LogTable,
    /// The log's manifest.
    LogManifest,
    /// The file that names the log's manifest.
    LogCurrent,
    /// The durable mark: vote and last entry.
    Mark,
    /// The identity of the directory.
    Identity,
    /// A table of the state.
    StateTable,
    /// The state's manifest.
    StateManifest,
    /// The file that names the state's generation.
    StateCurrent,
    /// A file of a snapshot.
    Snapshot,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LogWal,
        Self::LogTable,
        Self::LogManifest,
        Self::LogCurrent,
        Self::Mark,
        Self::Identity,
        Self::StateTable,
        Self::StateManifest,
        Self::StateCurrent,
        Self::Snapshot,
    ];

    fn is_kind_of(self, name: &str) -> bool {
        let table = name.ends_with(".sst");
        let manifest = name.contains("/MANIFEST-");
        let (log, state) = (name.starts_with("raft/"), name.starts_with("sm/"));
        match self {
            Self::LogWal => log && name.ends_with(".log"),
            Self::LogTable => log && table,
            Self::LogManifest => log && manifest,
            Self::LogCurrent => log && name.ends_with("/CURRENT"),
            Self::Mark => name == "MARK",
            Self::Identity => name == "NODE",
            Self::StateTable => state && table && !Self::is_snapshot(name),
            Self::StateManifest => state && manifest && !Self::is_snapshot(name),
            Self::StateCurrent => state && name.ends_with("CURRENT") && !Self::is_snapshot(name),
            Self::Snapshot => Self::is_snapshot(name),
        }
    }

    fn is_snapshot(name: &str) -> bool {
        // What a crash left of one that was not finished is removed at the next start.
        let is_whole = !name.contains("building-") && !name.contains("incoming-");
        is_whole
            && name.contains("snap")
            && (name.ends_with(".sst") || name.contains("MANIFEST") || name.contains("META"))
    }

    /// The files of this kind that have bytes, in order.
    pub fn files_in(self, data: &Path) -> Vec<PathBuf> {
        let sizes = durable_baseline(data);
        let ours = |path: &PathBuf| path.strip_prefix(data).is_ok_and(|name| self.is_kind_of(&name.to_string_lossy()));
        sizes.into_iter().filter(|(_, size)| *size > 0).map(|(path, _)| path).filter(ours).collect()
    }
}

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// One bit is changed.
    Bit,
    /// The end is missing.
    Cut,
    /// A part reads as zeros.
    Zeros,
}

/// Damages one file of a kind; what was done, or nothing if there is no such file.
///
/// # Panics
/// If the file cannot be changed.
pub fn damage_file(data: &Path, kind: Kind, damage: Damage, random: &mut StdRng) -> Option<String> {
    let files = kind.files_in(data);
    if files.is_empty() {
        return None;
    }
    let path = &files[random.random_range(0..files.len())];
    let size = fs::metadata(path).expect("look at a file").len();
    let mut file = File::options().read(true).write(true).open(path).expect("open a file to damage");
    let at = random.random_range(0..size);
    match damage {
        Damage::Bit => {
            let mut byte = [0];
            file.seek(SeekFrom::Start(at)).expect("seek in a file");
            file.read_exact(&mut byte).expect("read a byte");
            byte[0] ^= 1 << random.random_range(0..8);
            file.seek(SeekFrom::Start(at)).expect("seek in a file");
            file.write_all(&byte).expect("write a byte");
        }
        Damage::Cut => file.set_len(at).expect("cut a file"),
        Damage::Zeros => {
            let length = usize::try_from((size - at).min(64)).expect("at most 64");
            file.seek(SeekFrom::Start(at)).expect("seek in a file");
            file.write_all(&vec![0; length]).expect("write zeros");
        }
    }
    file.sync_all().expect("sync a damaged file");
    let name = path.strip_prefix(data).unwrap_or(path);
    Some(format!("{damage:?} at {at} of {size} in {}", name.display()))
}
