//! The model of a subject with a level and a mode of its own, or without. The global level is NONE, the global mode READWRITE.

use super::search::{self, Model, SearchResult};
use crate::ops::Level;
use crate::ops::family::family;
use crate::ops::settings::{Mode, Op, Operation, Output};

const INCOMPATIBLE: u32 = 40_901;
const NONE_TO_REMOVE: u32 = 40_401;
const NO_LEVEL: u32 = 40_408;
const NO_MODE: u32 = 40_409;
const READ_ONLY: u32 = 42_205;

/// Contents in the order of their versions, and the settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Settings {
    level: Option<Level>,
    mode: Option<Mode>,
    contents: Vec<u32>,
}

impl Settings {
    fn is_read_only(&self) -> bool {
        self.mode == Some(Mode::ReadOnly)
    }

    fn is_compatible(&self, content: u32) -> bool {
        let same = |other: &u32| family(*other) == family(content);
        match self.level.unwrap_or(Level::None) {
            Level::None => true,
            Level::Backward => self.contents.last().is_none_or(same),
            Level::FullTransitive => self.contents.iter().all(same),
        }
    }

    /// The codes that an operation may be refused with; without any it is done.
    fn refusal_codes(&self, op: Op) -> Vec<u32> {
        let mut codes = Vec::new();
        let mut refuse = |condition: bool, code: u32| codes.extend(condition.then_some(code));
        match op {
            Op::SetLevel { .. } => refuse(self.is_read_only(), READ_ONLY),
            Op::UnsetLevel => {
                refuse(self.is_read_only(), READ_ONLY);
                refuse(self.level.is_none(), NONE_TO_REMOVE);
            }
            Op::ReadLevel => refuse(self.level.is_none(), NO_LEVEL),
            Op::UnsetMode => refuse(self.mode.is_none(), NONE_TO_REMOVE),
            Op::ReadMode => refuse(self.mode.is_none(), NO_MODE),
            // A schema that the subject holds already is answered in every mode.
            Op::Register { content } if !self.contents.contains(&content) => {
                refuse(self.is_read_only(), READ_ONLY);
                refuse(!self.is_compatible(content), INCOMPATIBLE);
            }
            Op::SetMode { .. } | Op::Register { .. } => {}
        }
        codes
    }

    fn apply_op(&self, op: Op) -> (Output, Self) {
        let mut after = self.clone();
        let output = match op {
            Op::SetLevel { level } => {
                after.level = Some(level);
                Output::Done
            }
            Op::UnsetLevel => {
                after.level = None;
                Output::Done
            }
            Op::SetMode { mode } => {
                after.mode = Some(mode);
                Output::Done
            }
            Op::UnsetMode => {
                after.mode = None;
                Output::Done
            }
            Op::ReadLevel => self.level.map_or(Output::Done, Output::Level),
            Op::ReadMode => self.mode.map_or(Output::Done, Output::Mode),
            Op::Register { content } => {
                let known = self.contents.iter().position(|other| *other == content);
                let place = known.unwrap_or_else(|| {
                    after.contents.push(content);
                    self.contents.len()
                });
                Output::Version { version: u32::try_from(place + 1).unwrap_or(u32::MAX) }
            }
        };
        (output, after)
    }
}

impl Model for Settings {
    type Op = Op;
    type Output = Output;

    fn step(&self, op: &Op, output: Option<&Output>) -> (bool, Self) {
        let codes = self.refusal_codes(*op);
        match output {
            Some(Output::Refused { code }) => (codes.contains(code), self.clone()),
            _ if !codes.is_empty() => (output.is_none(), self.clone()),
            output => {
                let (expected, after) = self.apply_op(*op);
                (output.is_none_or(|output| *output == expected), after)
            }
        }
    }
}

/// Searches all operations, subject by subject.
pub fn search_settings(history: &[Operation]) -> SearchResult {
    search::search_history::<Settings>(history.iter().cloned())
}
