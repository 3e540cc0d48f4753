//! A subject with a level and a mode of its own, or none, one operation after another. Global are NONE and READWRITE.

use super::search::{self, Machine, Searched, Timed};
use super::unknowns::NEVER;
use crate::ops::Level;
use crate::ops::family::family;
use crate::ops::settings::{Granted, Mode, Set, Wish};

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
    fn is_closed(&self) -> bool {
        self.mode == Some(Mode::ReadOnly)
    }

    fn fits(&self, content: u32) -> bool {
        let same = |other: &u32| family(*other) == family(content);
        match self.level.unwrap_or(Level::None) {
            Level::None => true,
            Level::Backward => self.contents.last().is_none_or(same),
            Level::FullTransitive => self.contents.iter().all(same),
        }
    }

    /// Codes that it may be refused with; without any it is done.
    fn refusals(&self, wish: Wish) -> Vec<u32> {
        let mut codes = Vec::new();
        let mut refuse = |condition: bool, code: u32| codes.extend(condition.then_some(code));
        match wish {
            Wish::SetLevel { .. } => refuse(self.is_closed(), READ_ONLY),
            Wish::UnsetLevel => {
                refuse(self.is_closed(), READ_ONLY);
                refuse(self.level.is_none(), NONE_TO_REMOVE);
            }
            Wish::ReadLevel => refuse(self.level.is_none(), NO_LEVEL),
            Wish::UnsetMode => refuse(self.mode.is_none(), NONE_TO_REMOVE),
            Wish::ReadMode => refuse(self.mode.is_none(), NO_MODE),
            // What is there already is answered in any mode.
            Wish::Register { content } if !self.contents.contains(&content) => {
                refuse(self.is_closed(), READ_ONLY);
                refuse(!self.fits(content), INCOMPATIBLE);
            }
            Wish::SetMode { .. } | Wish::Register { .. } => {}
        }
        codes
    }

    fn after(&self, wish: Wish) -> (Granted, Self) {
        let mut after = self.clone();
        let granted = match wish {
            Wish::SetLevel { level } => {
                after.level = Some(level);
                Granted::Done
            }
            Wish::UnsetLevel => {
                after.level = None;
                Granted::Done
            }
            Wish::SetMode { mode } => {
                after.mode = Some(mode);
                Granted::Done
            }
            Wish::UnsetMode => {
                after.mode = None;
                Granted::Done
            }
            Wish::ReadLevel => self.level.map_or(Granted::Done, Granted::Level),
            Wish::ReadMode => self.mode.map_or(Granted::Done, Granted::Mode),
            Wish::Register { content } => {
                let known = self.contents.iter().position(|other| *other == content);
                let place = known.unwrap_or_else(|| {
                    after.contents.push(content);
                    self.contents.len()
                });
                Granted::Version { version: u32::try_from(place + 1).unwrap_or(u32::MAX) }
            }
        };
        (granted, after)
    }
}

impl Machine for Settings {
    type Op = Wish;
    type Told = Granted;

    fn step(&self, wish: &Wish, told: Option<&Granted>) -> (bool, Self) {
        let codes = self.refusals(*wish);
        match told {
            Some(Granted::Refused { code }) => (codes.contains(code), self.clone()),
            _ if !codes.is_empty() => (told.is_none(), self.clone()),
            told => {
                let (expected, after) = self.after(*wish);
                (told.is_none_or(|told| *told == expected), after)
            }
        }
    }
}

/// Judges all operations, subject by subject. What has no known outcome counts as possible for ever.
pub fn search(history: &[Set]) -> Searched {
    search::search(history.iter().map(|set| {
        let timed = Timed::<Settings> {
            process: set.process,
            node: set.node,
            invoked: set.invoked,
            returned: if set.told.is_some() { set.returned } else { NEVER },
            op: set.wish,
            told: set.told.clone(),
            is_write: set.wish.is_write(),
        };
        (set.subject.as_str(), timed)
    }))
}
