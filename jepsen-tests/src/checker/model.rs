//! The model of a subject of the registry, one operation after another. Written from the contract, not from the product.

use crate::ops::family::family;
use crate::ops::{Level, Op, Output};

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
    fn live_slots(&self) -> impl DoubleEndedIterator<Item = &Slot> {
        self.slots.iter().filter(|slot| !slot.hidden)
    }

    fn is_compatible(&self, content: u32) -> bool {
        let fits = |slot: &Slot| family(slot.content) == family(content);
        match self.level.unwrap_or(Level::None) {
            Level::None => true,
            Level::Backward => self.live_slots().next_back().is_none_or(fits),
            Level::FullTransitive => self.live_slots().all(fits),
        }
    }

    /// A subject whose last version was deleted for good begins again at version 1, without settings.
    fn closed_if_empty(mut self) -> Self {
        if self.slots.is_empty() {
            self.next = 1;
            self.level = None;
        }
        self
    }

    /// Applies an operation: the output, and the state afterwards.
    pub fn apply_op(&self, op: Op) -> (Output, Self) {
        let unchanged = |output| (output, self.clone());
        match op {
            Op::Register { content } => self.register_content(content),
            Op::Latest => unchanged(self.live_slots().next_back().map_or(Output::NotFound, version_output)),
            Op::Get { version } => unchanged(
                self.live_slots().find(|slot| slot.version == version).map_or(Output::NotFound, version_output),
            ),
            Op::Lookup { content } => unchanged(
                self.live_slots().find(|slot| slot.content == content).map_or(Output::NotFound, version_output),
            ),
            Op::List { deleted } => {
                let numbers: Vec<_> =
                    self.slots.iter().filter(|slot| deleted || !slot.hidden).map(|slot| slot.version).collect();
                unchanged(if numbers.is_empty() { Output::NotFound } else { Output::Versions(numbers) })
            }
            Op::Contents => unchanged(Output::Contents(self.live_slots().map(|slot| slot.content).collect())),
            Op::DeleteVersion { version, permanent } => self.delete_version(version, permanent),
            Op::DeleteSubject { permanent } => self.delete_subject(permanent),
            Op::SetLevel { level } => (Output::Done, Self { level: Some(level), ..self.clone() }),
        }
    }

    fn register_content(&self, content: u32) -> (Output, Self) {
        if let Some(slot) = self.live_slots().find(|slot| slot.content == content) {
            return (version_output(slot), self.clone());
        }
        if !self.is_compatible(content) {
            return (Output::Incompatible, self.clone());
        }
        let slot = Slot { version: self.next, content, hidden: false };
        let mut after = self.clone();
        // Soft-deleted versions of the same content are deleted for good.
        after.slots.retain(|slot| slot.content != content);
        after.slots.push(slot);
        after.next += 1;
        (version_output(&slot), after)
    }

    fn delete_version(&self, version: u32, permanent: bool) -> (Output, Self) {
        let Some(place) = self.slots.iter().position(|slot| slot.version == version && slot.hidden == permanent) else {
            return (Output::NotFound, self.clone());
        };
        let mut after = self.clone();
        if permanent {
            after.slots.remove(place);
            after = after.closed_if_empty();
        } else {
            after.slots[place].hidden = true;
        }
        (Output::Done, after)
    }

    fn delete_subject(&self, permanent: bool) -> (Output, Self) {
        let live: Vec<_> = self.live_slots().map(|slot| slot.version).collect();
        let mut after = self.clone();
        if permanent {
            if self.slots.is_empty() || !live.is_empty() {
                return (Output::NotFound, self.clone());
            }
            let all = self.slots.iter().map(|slot| slot.version).collect();
            after.slots.clear();
            return (Output::Versions(all), after.closed_if_empty());
        }
        if live.is_empty() {
            return (Output::NotFound, self.clone());
        }
        for slot in &mut after.slots {
            slot.hidden = true;
        }
        (Output::Versions(live), after)
    }

    /// Is this output possible, and which state follows? No output is always possible.
    pub fn step(&self, op: Op, output: Option<&Output>) -> (bool, Self) {
        let (expected, after) = self.apply_op(op);
        (output.is_none_or(|output| *output == expected), after)
    }
}

fn version_output(slot: &Slot) -> Output {
    Output::Version { version: slot.version, content: slot.content }
}
