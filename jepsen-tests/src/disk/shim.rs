//! The library `shim.c`: compiled once per program, preloaded into nodes, steered through a shared file.
//!
//! The control file is an array of 64-bit numbers, in the order of [`ShimControl`]; the library maps it, so a write here takes
//! effect at once, also on a running node.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const SOURCE: &str = include_str!("shim.c");

/// A number in the control file; see `shim.c` for what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShimControl {
    SyncDelayUs,
    SyncDelayEvery,
    SyncFailCount,
    SyncErrno,
    SyncFailWhere,
    SpaceLimited,
    SpaceLeft,
    WriteErrno,
    ShortWriteEvery,
    WriteDelayUs,
    WallOffsetNs,
    RatePermille,
    RateBaseNs,
    ReadFlipEvery,
    Syncs,
    SyncsDelayed,
    SyncsFailed,
    WritesFailed,
    WritesShortened,
    WritesDelayed,
    ClocksBent,
    ReadsFlipped,
}

const FIELDS: usize = 22;
/// The first of the figures; what is before them steers.
const FIRST_FIGURE: usize = ShimControl::Syncs as usize;

/// The control of one node's library.
#[derive(Debug, Clone)]
pub struct Shim {
    dir: PathBuf,
    node: u64,
}

impl Shim {
    /// The control of this node's library, with its files in `dir`.
    ///
    /// # Panics
    /// If the file cannot be made.
    pub fn new(dir: &Path, node: u64) -> Self {
        let shim = Self { dir: dir.to_owned(), node };
        if !shim.control_path().exists() {
            fs::write(shim.control_path(), vec![0_u8; FIELDS * 8]).expect("write a control file");
        }
        shim
    }

    fn control_path(&self) -> PathBuf {
        self.dir.join(format!("node{}.shim", self.node))
    }

    /// Where the library notes what was made durable.
    pub fn journal_path(&self) -> PathBuf {
        self.dir.join(format!("node{}.journal", self.node))
    }

    /// The environment that preloads it.
    pub fn node_environment(&self, data: &Path) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().expect("the path is UTF-8").to_owned();
        vec![
            ("LD_PRELOAD".to_owned(), text(shim_library())),
            ("JEPSEN_SHIM_CONTROL".to_owned(), text(&self.control_path())),
            ("JEPSEN_SHIM_DATA".to_owned(), text(data)),
            ("JEPSEN_SHIM_JOURNAL".to_owned(), text(&self.journal_path())),
        ]
    }

    /// Sets a number.
    ///
    /// # Panics
    /// If the control file is gone.
    pub fn set(&self, field: ShimControl, value: i64) {
        let mut file = File::options().write(true).open(self.control_path()).expect("open a control file");
        file.seek(SeekFrom::Start(field as u64 * 8)).expect("seek in a control file");
        file.write_all(&value.to_ne_bytes()).expect("write a control file");
    }

    /// Reads a number.
    ///
    /// # Panics
    /// If the control file is gone.
    pub fn get(&self, field: ShimControl) -> i64 {
        let mut file = File::open(self.control_path()).expect("open a control file");
        let mut bytes = [0; 8];
        file.seek(SeekFrom::Start(field as u64 * 8)).expect("seek in a control file");
        file.read_exact(&mut bytes).expect("read a control file");
        i64::from_ne_bytes(bytes)
    }

    /// Takes every fault back; the figures stay.
    ///
    /// # Panics
    /// If the control file is gone.
    pub fn clear_all(&self) {
        let mut file = File::options().write(true).open(self.control_path()).expect("open a control file");
        file.write_all(&[0; FIRST_FIGURE * 8]).expect("write a control file");
    }
}

/// The compiled library.
///
/// # Panics
/// If there is no C compiler. Without the library no disk or clock fault is real, so nothing is skipped silently.
fn shim_library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let dir = tempfile::Builder::new().prefix("jepsen-shim-").tempdir().expect("make a directory").keep();
        let (source, library) = (dir.join("shim.c"), dir.join("shim.so"));
        fs::write(&source, SOURCE).expect("write the library's source");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut command = Command::new(&compiler);
        command.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).arg("-ldl");
        let status = command.status().unwrap_or_else(|error| panic!("run {compiler}: {error}"));
        assert!(status.success(), "{compiler} cannot compile {}", source.display());
        library
    })
}
