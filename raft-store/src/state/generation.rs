//! One generation of the state: an open database with what is kept of it in memory, and which generation is the live one.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use parking_lot::Mutex;

use super::database::Database;
use super::error::StateError;
use super::hot::HotRows;
use super::terms::TermIndex;

pub(super) struct Generation {
    pub(super) database: Database,
    /// For apply.
    pub(super) hot: Mutex<HotRows>,
    pub(super) terms: TermIndex,
}

impl Generation {
    /// Opens the generation that `CURRENT` names; other generations are leftovers of an interrupted switch and go.
    pub(super) fn open_current(sm: &Path) -> Result<Self, StateError> {
        fs::create_dir_all(sm).map_err(|error| StateError::file_error("create", sm, error))?;
        let current = sm.join("CURRENT");
        let name = match fs::read_to_string(&current) {
            Ok(name) => name.trim().to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let name = generation_name(1);
                drop(Self::open(&sm.join(&name))?);
                set_current(sm, &name)?;
                name
            }
            Err(error) => return Err(StateError::file_error("read", &current, error)),
        };
        let entries = fs::read_dir(sm).map_err(|error| StateError::file_error("list", sm, error))?;
        for entry in entries.flatten() {
            let found = entry.file_name().to_string_lossy().into_owned();
            if found.starts_with("g-") && found != name {
                fs::remove_dir_all(entry.path())
                    .map_err(|error| StateError::file_error("remove", &entry.path(), error))?;
            }
        }
        Self::open(&sm.join(name))
    }

    pub(super) fn open(dir: &Path) -> Result<Self, StateError> {
        let database = Database::open(dir)?;
        let terms = TermIndex::open(&database)?;
        Ok(Self { database, hot: Mutex::default(), terms })
    }

    /// Opens a directory to look at it without changing it (a snapshot before it is installed).
    pub(super) fn open_read_only(dir: &Path) -> Result<Self, StateError> {
        Ok(Self { database: Database::open_read_only(dir)?, hot: Mutex::default(), terms: TermIndex::default() })
    }

    pub(super) fn figures(&self) -> Vec<(&'static str, u64)> {
        let (gathered_contents, gathered_postings) = self.terms.gathered_counts();
        let mut figures = self.database.figures();
        figures.extend([
            ("hot_rows", self.hot.lock().len() as u64),
            ("gathered_contents", gathered_contents),
            ("gathered_postings", gathered_postings),
        ]);
        figures
    }
}

pub(super) fn generation_name(number: u64) -> String {
    format!("g-{number:06}")
}

/// The number of a generation's directory.
pub(super) fn generation_number(dir: &Path) -> u64 {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.strip_prefix("g-").and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Makes `name` the live generation: written beside, synced, renamed, directory synced.
pub(super) fn set_current(sm: &Path, name: &str) -> Result<(), StateError> {
    let temporary = sm.join("CURRENT.tmp");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(name.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, sm.join("CURRENT"))?;
        sync_dir(sm)
    };
    write().map_err(|error| StateError::file_error("write CURRENT in", sm, error))
}

pub(super) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}
