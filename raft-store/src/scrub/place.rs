//! Where a round of scrubbing stands, and what comes next: decisions only.

/// Where the next step begins. A round goes over the tables of the state, the files of the snapshot, and the tables of the
/// log: at a start the log is read anyway, the others are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a column family of the state, at a key.
    State { family: usize, from: Vec<u8> },
    /// In a file of the snapshot.
    Snapshot(InFile),
    /// In a column family of the log, at a key.
    Log { family: usize, from: Vec<u8> },
}

/// In a file of a snapshot: at a byte, with the checksum of all bytes before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct InFile {
    /// The snapshot, by the index that it covers; none before the first file is opened.
    pub(super) snapshot: Option<u64>,
    pub(super) file: usize,
    pub(super) offset: u64,
    pub(super) crc32c: u32,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// The family goes on at this key.
    AtKey(Vec<u8>),
    /// The file goes on there.
    InFile(InFile),
    /// The family or file is whole, and so many of its kind come after it.
    Whole { more: usize },
}

impl Place {
    /// Where a round begins.
    pub(super) fn first() -> Self {
        Self::State { family: 0, from: Vec::new() }
    }

    /// Where the step after this one begins; nothing at the end of a round.
    pub(super) fn after(&self, ended: Ended) -> Option<Self> {
        let from = Vec::new();
        match (self, ended) {
            (Self::State { family, .. }, Ended::AtKey(from)) => Some(Self::State { family: *family, from }),
            (Self::State { .. }, Ended::Whole { more: 0 }) => Some(Self::Snapshot(InFile::default())),
            (Self::State { family, .. }, Ended::Whole { .. }) => Some(Self::State { family: family + 1, from }),
            (Self::Snapshot(_), Ended::InFile(place)) => Some(Self::Snapshot(place)),
            (Self::Snapshot(_), Ended::Whole { more: 0 }) => Some(Self::Log { family: 0, from }),
            (Self::Snapshot(place), Ended::Whole { .. }) => {
                Some(Self::Snapshot(InFile { snapshot: place.snapshot, file: place.file + 1, ..InFile::default() }))
            }
            (Self::Log { family, .. }, Ended::AtKey(from)) => Some(Self::Log { family: *family, from }),
            (Self::Log { .. }, Ended::Whole { more: 0 }) => None,
            (Self::Log { family, .. }, Ended::Whole { .. }) => Some(Self::Log { family: family + 1, from }),
            (Self::State { .. } | Self::Log { .. }, Ended::InFile(_)) | (Self::Snapshot(_), Ended::AtKey(_)) => {
                unreachable!("a step ends in what it reads")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A round visits every family and file once, wherever its steps end, and then it is over.
    #[test]
    fn a_round_goes_over_everything_once() {
        let (families, files) = ([3, 2], 2);
        let mut place = Some(Place::first());
        let mut seen = Vec::new();
        while let Some(now) = place {
            let ended = match &now {
                Place::State { family, from } | Place::Log { family, from } if from.is_empty() => {
                    seen.push(format!("{}{family}", if matches!(now, Place::State { .. }) { "state" } else { "log" }));
                    Ended::AtKey(vec![7])
                }
                Place::State { family, .. } => Ended::Whole { more: families[0] - family - 1 },
                Place::Log { family, .. } => Ended::Whole { more: families[1] - family - 1 },
                Place::Snapshot(InFile { file, offset: 0, .. }) => {
                    seen.push(format!("file{file}"));
                    Ended::InFile(InFile { snapshot: Some(9), file: *file, offset: 5, crc32c: 1 })
                }
                Place::Snapshot(InFile { snapshot, file, .. }) => {
                    assert_eq!(*snapshot, Some(9));
                    Ended::Whole { more: files - file - 1 }
                }
            };
            place = now.after(ended);
            assert!(seen.len() < 20, "{seen:?}");
        }
        assert_eq!(seen, ["state0", "state1", "state2", "file0", "file1", "log0", "log1"]);
    }
}
