//! What a subject of the registry does, one operation after another. Written from the contract, not from the product.

use crate::ops::family::family;
use crate::ops::{Level, Op, Told};

/// A version that has not been permanently deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    version: u32,
    content: u32,
    hidden: bool,
}

/// The state of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    slots: Vec<Slot>,
    next: u32,
    /// The subject's own level; the run's global level is NONE.
    level: Option<Level>,
}

impl Default for Subject {
    fn default() -> Self {
        Self { slots: Vec::new(), next: 1, level: None }
    }
}

impl Subject {
    fn live(&self) -> impl DoubleEndedIterator<Item = &Slot> {
        self.slots.iter().filter(|slot| !slot.hidden)
    }

    fn allows(&self, content: u32) -> bool {
        let fits = |slot: &Slot| family(slot.content) == family(content);
        match self.level.unwrap_or(Level::None) {
            Level::None => true,
            Level::Backward => self.live().next_back().is_none_or(fits),
            Level::FullTransitive => self.live().all(fits),
        }
    }

    /// A subject without versions is none: it begins again, without settings.
    fn closed_if_empty(mut self) -> Self {
        if self.slots.is_empty() {
            self.next = 1;
            self.level = None;
        }
        self
    }

    /// Does an operation: the answer, and the state afterwards.
    pub fn after(&self, op: Op) -> (Told, Self) {
        let unchanged = |told| (told, self.clone());
        match op {
            Op::Register { content } => self.register(content),
            Op::Latest => unchanged(self.live().next_back().map_or(Told::NotFound, shown)),
            Op::Get { version } => {
                unchanged(self.live().find(|slot| slot.version == version).map_or(Told::NotFound, shown))
            }
            Op::Lookup { content } => {
                unchanged(self.live().find(|slot| slot.content == content).map_or(Told::NotFound, shown))
            }
            Op::List { deleted } => {
                let numbers: Vec<_> =
                    self.slots.iter().filter(|slot| deleted || !slot.hidden).map(|slot| slot.version).collect();
                unchanged(if numbers.is_empty() { Told::NotFound } else { Told::Versions(numbers) })
            }
            Op::Contents => unchanged(Told::Contents(self.live().map(|slot| slot.content).collect())),
            Op::DeleteVersion { version, permanent } => self.delete_version(version, permanent),
            Op::DeleteSubject { permanent } => self.delete_subject(permanent),
            Op::SetLevel { level } => (Told::Done, Self { level: Some(level), ..self.clone() }),
        }
    }

    fn register(&self, content: u32) -> (Told, Self) {
        if let Some(slot) = self.live().find(|slot| slot.content == content) {
            return (shown(slot), self.clone());
        }
        if !self.allows(content) {
            return (Told::Incompatible, self.clone());
        }
        let slot = Slot { version: self.next, content, hidden: false };
        let mut after = self.clone();
        // Hidden versions of the same content are buried.
        after.slots.retain(|slot| slot.content != content);
        after.slots.push(slot);
        after.next += 1;
        (shown(&slot), after)
    }

    fn delete_version(&self, version: u32, permanent: bool) -> (Told, Self) {
        let Some(place) = self.slots.iter().position(|slot| slot.version == version && slot.hidden == permanent) else {
            return (Told::NotFound, self.clone());
        };
        let mut after = self.clone();
        if permanent {
            after.slots.remove(place);
            after = after.closed_if_empty();
        } else {
            after.slots[place].hidden = true;
        }
        (Told::Done, after)
    }

    fn delete_subject(&self, permanent: bool) -> (Told, Self) {
        let live: Vec<_> = self.live().map(|slot| slot.version).collect();
        let mut after = self.clone();
        if permanent {
            if self.slots.is_empty() || !live.is_empty() {
                return (Told::NotFound, self.clone());
            }
            let all = self.slots.iter().map(|slot| slot.version).collect();
            after.slots.clear();
            return (Told::Versions(all), after.closed_if_empty());
        }
        if live.is_empty() {
            return (Told::NotFound, self.clone());
        }
        for slot in &mut after.slots {
            slot.hidden = true;
        }
        after.level = None;
        (Told::Versions(live), after)
    }

    /// Is this answer possible, and what follows from it? An unknown answer is always possible.
    pub fn step(&self, op: Op, told: Option<&Told>) -> (bool, Self) {
        let (expected, after) = self.after(op);
        (told.is_none_or(|told| *told == expected), after)
    }
}

fn shown(slot: &Slot) -> Told {
    Told::Version { version: slot.version, content: slot.content }
}
