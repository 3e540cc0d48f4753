//! The model of a context with two subjects: a level and a mode of the context, ids that belong to contents, imports.
//!
//! Which id a new content gets is the registry's choice: the model learns it from the first output that shows it, and holds the registry
//! to it from then on. No id may stand for two contents, and no content may have two ids.

use std::collections::BTreeMap;

use super::search::{self, Model, SearchResult};
use crate::ops::Level;
use crate::ops::contexts::{Mode, Op, Operation, Output, SUBJECTS, import_id};
use crate::ops::family::family;

/// The registry's codes (`docs/errors.md`).
const SUBJECT_NOT_FOUND: u32 = 40_401;
const VERSION_NOT_FOUND: u32 = 40_402;
const SCHEMA_NOT_FOUND: u32 = 40_403;
const INCOMPATIBLE: u32 = 40_901;
const NOT_THE_NEXT_VERSION: u32 = 42_201;
const NOT_PERMITTED: u32 = 42_205;

/// The state of a context. The level in force without one of its own is BACKWARD, the mode READWRITE.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ContextState {
    level: Option<Level>,
    mode: Option<Mode>,
    /// Contents in the order of their versions, of each subject.
    subjects: [Vec<u32>; SUBJECTS as usize],
    /// The ids of contents, where an output has shown them.
    ids: BTreeMap<u32, u32>,
}

impl ContextState {
    fn rows(&self, subject: u8) -> &[u32] {
        self.subjects.get(usize::from(subject)).map_or(&[], Vec::as_slice)
    }

    fn holds(&self, content: u32) -> bool {
        self.subjects.iter().any(|rows| rows.contains(&content))
    }

    fn is_compatible(&self, subject: u8, content: u32) -> bool {
        let is_same = |held: &u32| family(*held) == family(content);
        match self.level.unwrap_or(Level::Backward) {
            Level::None => true,
            Level::Backward => self.rows(subject).last().is_none_or(is_same),
            Level::FullTransitive => self.rows(subject).iter().all(is_same),
        }
    }

    /// The state in which a content has an id; `None` if it cannot have it.
    fn with_id(mut self, content: u32, id: u32) -> Option<Self> {
        let is_free = self.ids.iter().all(|(other, taken)| *other == content || *taken != id);
        let known = *self.ids.entry(content).or_insert(id);
        (is_free && known == id && id > 0).then_some(self)
    }

    /// The codes that a registration of a content that the subject does not hold may be refused with.
    fn register_refusals(&self, subject: u8, content: u32, expected: Option<u32>) -> Vec<u32> {
        let mut codes = Vec::new();
        let mut refuse = |condition: bool, code: u32| codes.extend(condition.then_some(code));
        refuse(matches!(self.mode, Some(Mode::ReadOnly | Mode::Import)), NOT_PERMITTED);
        refuse(!self.is_compatible(subject, content), INCOMPATIBLE);
        let next = self.rows(subject).len() + 1;
        refuse(expected.is_some_and(|expected| expected as usize != next), NOT_THE_NEXT_VERSION);
        codes
    }

    /// Adds a content and returns its version.
    fn push_content(&mut self, subject: u8, content: u32) -> u32 {
        let rows = &mut self.subjects[usize::from(subject)];
        rows.push(content);
        u32::try_from(rows.len()).unwrap_or(u32::MAX)
    }

    /// The states that may follow a registration or import with this output; `None` if the output is impossible.
    fn add_content(
        &self,
        subject: u8,
        content: u32,
        id: Option<u32>,
        codes: &[u32],
        output: Option<&Output>,
    ) -> Option<Self> {
        match output {
            Some(Output::Refused { code }) => codes.contains(code).then(|| self.clone()),
            _ if !codes.is_empty() => output.is_none().then(|| self.clone()),
            _ => {
                let mut after = self.clone();
                let made = after.push_content(subject, content);
                let after = match id {
                    Some(id) => after.with_id(content, id)?,
                    None => after,
                };
                match output {
                    None => Some(after),
                    Some(Output::Registered { version, id }) if *version == made => after.with_id(content, *id),
                    Some(_) => None,
                }
            }
        }
    }

    /// The state after an operation with this output; `None` if the output is impossible.
    fn after(&self, op: Op, output: Option<&Output>) -> Option<Self> {
        match op {
            Op::Register { subject, content, expected } => {
                let held = self.rows(subject).iter().position(|held| *held == content);
                match (held, output) {
                    (None, _) => {
                        let codes = self.register_refusals(subject, content, expected);
                        self.add_content(subject, content, None, &codes, output)
                    }
                    // A schema that the subject holds already is answered in every mode and at every level.
                    (Some(_), None) => Some(self.clone()),
                    (Some(place), Some(Output::Registered { version, id })) if *version as usize == place + 1 => {
                        self.clone().with_id(content, *id)
                    }
                    (Some(_), Some(_)) => None,
                }
            }
            Op::Import { subject, content } => {
                let is_importing = self.mode == Some(Mode::Import);
                let codes = if is_importing { Vec::new() } else { vec![NOT_PERMITTED] };
                self.add_content(subject, content, Some(import_id(content)), &codes, output)
            }
            Op::SetLevel { level } => {
                let is_read_only = self.mode == Some(Mode::ReadOnly);
                match output {
                    Some(Output::Refused { code }) => (is_read_only && *code == NOT_PERMITTED).then(|| self.clone()),
                    _ if is_read_only => output.is_none().then(|| self.clone()),
                    None | Some(Output::Done) => Some(Self { level: Some(level), ..self.clone() }),
                    Some(_) => None,
                }
            }
            Op::SetMode { mode } => match output {
                None | Some(Output::Done) => Some(Self { mode: Some(mode), ..self.clone() }),
                Some(_) => None,
            },
            Op::EffectiveLevel { .. } => {
                let level = self.level.unwrap_or(Level::Backward);
                (output == Some(&Output::Level(level))).then(|| self.clone())
            }
            Op::EffectiveMode { .. } => {
                let mode = self.mode.unwrap_or(Mode::ReadWrite);
                (output == Some(&Output::Mode(mode))).then(|| self.clone())
            }
            Op::ById { id } => match output {
                Some(Output::Content(content)) if self.holds(*content) => self.clone().with_id(*content, id),
                Some(Output::Refused { code: SCHEMA_NOT_FOUND }) => {
                    self.ids.values().all(|known| *known != id).then(|| self.clone())
                }
                _ => None,
            },
            Op::Get { subject, version } => self.shown(subject, version as usize, output),
            Op::Latest { subject } => self.shown(subject, self.rows(subject).len(), output),
            Op::Subjects => {
                let held = (0..SUBJECTS).filter(|subject| !self.rows(*subject).is_empty()).collect();
                (output == Some(&Output::Subjects(held))).then(|| self.clone())
            }
        }
    }

    /// The state after a read of a version.
    fn shown(&self, subject: u8, version: usize, output: Option<&Output>) -> Option<Self> {
        let rows = self.rows(subject);
        let held = version.checked_sub(1).and_then(|place| rows.get(place));
        match (held, output) {
            (Some(held), Some(Output::Shown { version: shown, id, content })) => {
                let is_right = content == held && *shown as usize == version;
                is_right.then(|| self.clone().with_id(*content, *id)).flatten()
            }
            (None, Some(Output::Refused { code })) => {
                let expected = if rows.is_empty() { SUBJECT_NOT_FOUND } else { VERSION_NOT_FOUND };
                (*code == expected).then(|| self.clone())
            }
            _ => None,
        }
    }
}

impl Model for ContextState {
    type Op = Op;
    type Output = Output;

    fn step(&self, op: &Op, output: Option<&Output>) -> (bool, Self) {
        match self.after(*op, output) {
            Some(after) => (true, after),
            None => (false, self.clone()),
        }
    }
}

/// Searches all operations, context by context.
pub fn search_contexts(history: &[Operation]) -> SearchResult {
    search::search_history::<ContextState>(history.iter().cloned())
}

/// Imports that were made, and registrations and imports that the mode in force refused: without either the workload did nothing.
pub fn count_activity(history: &[Operation]) -> (usize, usize) {
    let imported = |operation: &&Operation| {
        matches!((operation.op, &operation.output), (Op::Import { .. }, Some(Output::Registered { .. })))
    };
    let refused = |operation: &&Operation| operation.output == Some(Output::Refused { code: NOT_PERMITTED });
    (history.iter().filter(imported).count(), history.iter().filter(refused).count())
}
