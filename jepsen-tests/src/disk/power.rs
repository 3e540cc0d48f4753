//! Power loss: what was not synced when the process was killed may be gone, in part or in whole.
//!
//! The preloaded library notes every sync; [`lose_power`] then makes the directory look as a disk might after the plug was
//! pulled. A file keeps what was synced and a random part of the rest, whose last bytes may be garbage; a file that was never
//! synced may be empty or gone; a rename in a directory that was not synced afterwards may not have happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::StdRng;

/// Most bytes of a torn tail that are garbage: a sector.
const GARBAGE_MAX: u64 = 512;

/// What a power loss did to one node's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loss {
    /// Files that lost bytes.
    pub files_cut: usize,
    /// Bytes that were dropped.
    pub bytes_dropped: u64,
    /// Tails that became garbage.
    pub tails_torn: usize,
    /// Files that vanished.
    pub files_gone: usize,
    /// Renames that did not happen.
    pub renames_undone: usize,
}

impl Loss {
    /// Was anything lost at all?
    pub fn is_real(&self) -> bool {
        *self != Self::default()
    }

    /// Adds another node's.
    pub fn add(&mut self, other: Self) {
        self.files_cut += other.files_cut;
        self.bytes_dropped += other.bytes_dropped;
        self.tails_torn += other.tails_torn;
        self.files_gone += other.files_gone;
        self.renames_undone += other.renames_undone;
    }
}

/// The bytes and names that are durable, by the journal.
#[derive(Debug, Default)]
struct Durable {
    synced: BTreeMap<PathBuf, u64>,
    /// Renames whose directory was not synced afterwards: from, to, a link to what was replaced.
    renames: Vec<(PathBuf, PathBuf, Option<PathBuf>)>,
}

impl Durable {
    fn read_journal(journal: &str, baseline: &BTreeMap<PathBuf, u64>) -> Self {
        let mut durable = Self { synced: baseline.clone(), renames: Vec::new() };
        for line in journal.lines() {
            durable.apply_line(line);
        }
        durable
    }

    fn apply_line(&mut self, line: &str) {
        let Some((kind, rest)) = line.split_once(' ') else { return };
        match kind {
            "S" => {
                let Some((size, path)) = rest.split_once(' ') else { return };
                let Ok(size) = size.parse() else { return };
                self.synced.insert(PathBuf::from(path), size);
            }
            "L" => {
                let Some((from, to)) = rest.split_once('\t') else { return };
                if let Some(size) = self.synced.get(Path::new(from)).copied() {
                    self.synced.insert(PathBuf::from(to), size);
                }
            }
            "D" => self.renames.retain(|(_, to, _)| to.parent() != Some(Path::new(rest))),
            "R" => {
                let Some((undo, paths)) = rest.split_once(' ') else { return };
                let Some((from, to)) = paths.split_once('\t') else { return };
                let (from, to) = (PathBuf::from(from), PathBuf::from(to));
                // Not what is there now: a directory that was renamed twice is not at its first new name any more.
                if self.synced.keys().any(|path| path != &from && path.starts_with(&from)) {
                    self.move_directory(&from, &to);
                } else if let Some(size) = self.synced.remove(&from) {
                    self.synced.insert(to.clone(), size);
                } else {
                    self.synced.remove(&to);
                }
                self.renames.push((from, to, (undo != "-").then(|| PathBuf::from(undo))));
            }
            _ => {}
        }
    }

    fn move_directory(&mut self, from: &Path, to: &Path) {
        let inside: Vec<_> = self.synced.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for path in inside {
            let size = self.synced.remove(&path).expect("the key was just listed");
            let name = path.strip_prefix(from).expect("the path is inside").to_owned();
            self.synced.insert(to.join(name), size);
        }
    }
}

/// The files of a directory with their sizes: at a start all of them count as durable.
pub fn durable_baseline(data: &Path) -> BTreeMap<PathBuf, u64> {
    let mut sizes = BTreeMap::new();
    let mut dirs = vec![data.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                dirs.push(entry.path());
            } else if let Ok(metadata) = entry.metadata() {
                sizes.insert(entry.path(), metadata.len());
            }
        }
    }
    sizes
}

/// Makes a killed node's directory look as after a power loss, and forgets the journal.
///
/// # Panics
/// If the files cannot be changed.
pub fn lose_power(
    data: &Path,
    journal: &Path,
    baseline_at_start: &BTreeMap<PathBuf, u64>,
    random: &mut StdRng,
) -> Loss {
    let text = fs::read_to_string(journal).unwrap_or_default();
    let durable = Durable::read_journal(&text, baseline_at_start);
    let mut loss = Loss::default();
    let mut restored = BTreeSet::new();
    // The newest first: a rename can only be undone if what came after it is.
    for (from, to, undo) in durable.renames.iter().rev() {
        if !to.is_file() || !random.random_bool(0.5) {
            break;
        }
        fs::rename(to, from).expect("undo a rename");
        if let Some(undo) = undo.as_ref().filter(|undo| undo.exists()) {
            fs::rename(undo, to).expect("put back what was replaced");
            restored.insert(to.clone());
        }
        loss.renames_undone += 1;
    }
    for (path, size) in durable_baseline(data) {
        // What was replaced had been there before; RocksDB's own text log is nobody's data.
        let is_text_log = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("LOG"));
        if restored.contains(&path) || is_text_log {
            continue;
        }
        match durable.synced.get(&path).copied() {
            Some(synced) if synced >= size => {}
            Some(synced) => tear_tail(&path, synced, size, random, &mut loss),
            None if random.random_bool(0.3) => {
                fs::remove_file(&path).expect("remove a file that was never synced");
                loss.files_gone += 1;
            }
            None => tear_tail(&path, 0, size, random, &mut loss),
        }
    }
    fs::remove_file(journal).unwrap_or_default();
    fs::remove_dir_all(journal.with_extension("journal.undo")).unwrap_or_default();
    loss
}

/// Keeps what was synced and a random part of the rest.
fn tear_tail(path: &Path, synced: u64, size: u64, random: &mut StdRng, loss: &mut Loss) {
    // Often nothing of the tail has reached the disk; sometimes all of it.
    let kept = match random.random_range(0..4) {
        0 | 1 => synced,
        2 => size,
        _ => random.random_range(synced..=size),
    };
    let mut file = File::options().write(true).open(path).expect("open a file to tear");
    if kept < size {
        file.set_len(kept).expect("cut a file");
        loss.files_cut += 1;
        loss.bytes_dropped += size - kept;
    }
    let garbage = (kept - synced).min(GARBAGE_MAX);
    if garbage > 0 && random.random_bool(0.5) {
        let length = random.random_range(1..=garbage);
        let bytes: Vec<u8> = (0..length).map(|_| random.random()).collect();
        file.seek(SeekFrom::Start(kept - length)).expect("seek in a file");
        file.write_all(&bytes).expect("tear a tail");
        loss.tails_torn += 1;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn synced_bytes_stay_and_the_rest_may_go() {
        for seed in 0..200 {
            let dir = tempfile::tempdir().unwrap();
            let data = dir.path().join("data");
            fs::create_dir(&data).unwrap();
            let (synced, never) = (data.join("synced"), data.join("never"));
            fs::write(&synced, vec![7; 2_000]).unwrap();
            fs::write(&never, vec![8; 100]).unwrap();
            let journal = dir.path().join("n.journal");
            fs::write(&journal, format!("S 1000 {}\n", synced.display())).unwrap();
            let mut random = StdRng::seed_from_u64(seed);
            lose_power(&data, &journal, &BTreeMap::new(), &mut random);
            let left = fs::read(&synced).unwrap();
            assert!(left.len() >= 1_000 && left[..1_000].iter().all(|byte| *byte == 7), "seed {seed}");
            assert!(!journal.exists());
        }
    }

    /// A soak took the power of five nodes and found all their snapshots cut: a checkpoint is renamed twice, and the second rename
    /// made the harness forget what had been synced.
    #[test]
    fn synced_files_stay_synced_in_a_directory_that_was_renamed_twice() {
        for seed in 0..50 {
            let dir = tempfile::tempdir().unwrap();
            let data = dir.path().join("data");
            let (draft, built, last) = (data.join("draft"), data.join("built"), data.join("last"));
            fs::create_dir_all(&last).unwrap();
            fs::write(last.join("CURRENT"), vec![7; 16]).unwrap();
            let journal = dir.path().join("n.journal");
            let synced = format!("S 16 {}", draft.join("CURRENT").display());
            let renames = [(&draft, &built), (&built, &last)]
                .map(|(from, to)| format!("R - {}\t{}", from.display(), to.display()));
            fs::write(&journal, format!("{synced}\n{}\nD {}\n", renames.join("\n"), data.display())).unwrap();
            lose_power(&data, &journal, &BTreeMap::new(), &mut StdRng::seed_from_u64(seed));
            assert_eq!(fs::read(last.join("CURRENT")).unwrap(), vec![7; 16], "seed {seed}");
        }
    }

    /// A checkpoint links tables and options; they were synced under their first names, which may be gone since.
    #[test]
    fn a_file_that_a_checkpoint_links_is_as_durable_as_it_was_written() {
        for (seed, name) in (0..50).flat_map(|seed| ["000012.sst", "OPTIONS-000007"].map(|name| (seed, name))) {
            let dir = tempfile::tempdir().unwrap();
            let data = dir.path().join("data");
            let (first, live) = (data.join("sm/draft"), data.join("sm").join(name));
            let (building, snapshot) = (data.join("snap/building"), data.join("snap/1"));
            fs::create_dir_all(&snapshot).unwrap();
            fs::write(snapshot.join(name), vec![7; 100]).unwrap();
            let journal = dir.path().join("n.journal");
            let [first, live, linked, building, snapshot] =
                [&first, &live, &building.join(name), &building, &snapshot].map(|path| path.display().to_string());
            let renamed = format!("R - {first}\t{live}\nL {live}\t{linked}\nR - {building}\t{snapshot}\n");
            fs::write(&journal, format!("S 100 {first}\n{renamed}D {}\n", data.join("snap").display())).unwrap();
            lose_power(&data, &journal, &BTreeMap::new(), &mut StdRng::seed_from_u64(seed));
            assert_eq!(fs::read(data.join("snap/1").join(name)).unwrap(), vec![7; 100], "seed {seed}, {name}");
        }
    }

    #[test]
    fn a_rename_is_durable_only_with_its_directory() {
        let mut outcomes = BTreeSet::new();
        for (seed, dir_synced) in (0..40).flat_map(|seed| [(seed, false), (seed, true)]) {
            let dir = tempfile::tempdir().unwrap();
            let data = dir.path().join("data");
            fs::create_dir(&data).unwrap();
            let (draft, target, undo) = (data.join("M.tmp"), data.join("M"), dir.path().join("undo"));
            fs::write(&target, "new").unwrap();
            fs::write(&undo, "old").unwrap();
            let journal = dir.path().join("n.journal");
            let mut text = format!("S 3 {0}\nR {1} {0}\t{2}\n", draft.display(), undo.display(), target.display());
            if dir_synced {
                text.push_str(&format!("D {}\n", data.display()));
            }
            fs::write(&journal, text).unwrap();
            let baseline = BTreeMap::from([(target.clone(), 3)]);
            lose_power(&data, &journal, &baseline, &mut StdRng::seed_from_u64(seed));
            outcomes.insert((dir_synced, fs::read_to_string(&target).unwrap()));
        }
        let of = |synced: bool, text: &str| (synced, text.to_owned());
        assert_eq!(outcomes, BTreeSet::from([of(false, "new"), of(false, "old"), of(true, "new")]));
    }
}
