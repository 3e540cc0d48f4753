//! Can a reader read what a writer wrote? Java's `SchemaCompatibility` (1.12.1), with Confluent's messages.
//!
//! Types are compared pair by pair. A pair that is being compared counts as compatible when it comes up again inside
//! itself, and a pair that was compared gives the same problems again, with the paths of the first time: Confluent's
//! answers show this, so ours do. Inside a union paths begin anew at the root, for the same reason. Problems are kept
//! as small facts and put into words only if they are reported.

use std::collections::BTreeMap;

use super::model::{Field, Kind, Model, Named, NodeId, Primitive, Record};
use super::{COMPARE_DEPTH_MAX, compare_too_deep};
use crate::compat::{Difference, Direction};
use crate::{Budget, SchemaError};

mod report;

/// Most differences that one comparison reports. The verdict does not need more, and no one reads more.
const DIFFERENCE_COUNT_MAX: usize = 2_000;

/// Up to this many branches, a named branch of the reader is compared even where its name cannot match: what is found
/// there can be reported again elsewhere. Beyond it the names decide at once, so that large unions stay cheap.
const EXACT_BRANCHES_MAX: usize = 64;

/// All differences between what `writer` wrote and what `reader` reads; every one is incompatible.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up or types nest too deeply.
pub(crate) fn differences(
    reader: &Model,
    writer: &Model,
    direction: Direction,
    budget: &mut Budget,
) -> Result<Vec<Difference>, SchemaError> {
    let mut walk = Walk { reader, writer, budget, memo: BTreeMap::new(), problems: Vec::new(), places: Vec::new() };
    let mut found = Vec::new();
    match walk.reads(reader.root, writer.root, Place::ROOT, 0, &mut found) {
        Ok(()) => found.into_iter().map(|at| walk.difference(at, direction)).collect(),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::Ambiguous { record, field, writer_record }) => {
            Ok(vec![walk.ambiguous(record, field, writer_record)?])
        }
    }
}

/// Answers again and again whether types of one schema read types of another; for the semantic diff.
pub(crate) struct Oracle<'w> {
    walk: Walk<'w>,
}

impl<'w> Oracle<'w> {
    pub(crate) fn new(reader: &'w Model, writer: &'w Model, budget: &'w mut Budget) -> Self {
        let (memo, problems, places) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { walk: Walk { reader, writer, budget, memo, problems, places } }
    }

    /// Does `reader` read everything that `writer` writes?
    ///
    /// # Errors
    /// As [`differences`].
    pub(crate) fn reads(&mut self, reader: NodeId, writer: NodeId) -> Result<bool, SchemaError> {
        let mut found = Vec::new();
        match self.walk.reads(reader, writer, Place::ROOT, 0, &mut found) {
            Ok(()) => Ok(found.is_empty()),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Ambiguous { .. }) => {
                // Pairs in progress were left without an answer.
                self.walk.memo.retain(|_, memo| matches!(memo, Memo::Done(_)));
                Ok(false)
            }
        }
    }
}

/// Why a walk ended early.
enum Stop {
    Error(SchemaError),
    /// A reader field matches several writer fields: Confluent gives up on the whole comparison.
    Ambiguous {
        record: NodeId,
        field: usize,
        writer_record: NodeId,
    },
}

impl From<SchemaError> for Stop {
    fn from(error: SchemaError) -> Self {
        Self::Error(error)
    }
}

/// A place in the reader: an index into [`Walk::places`], plus one; zero is the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(u32);

impl Place {
    const ROOT: Self = Self(0);
}

/// A step from a place to one below it.
#[derive(Debug, Clone, Copy)]
enum Segment {
    Word(&'static str),
    Index(usize),
}

/// Something that the reader cannot read.
#[derive(Debug, Clone, Copy)]
struct Problem {
    what: What,
    place: Place,
    reader: NodeId,
    writer: NodeId,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Name,
    Size,
    Symbols,
    Type,
    Branch,
    /// The field at this position has no default.
    NoDefault(usize),
}

enum Memo {
    InProgress,
    Done(Vec<u32>),
}

struct Walk<'w> {
    reader: &'w Model,
    writer: &'w Model,
    budget: &'w mut Budget,
    memo: BTreeMap<(NodeId, NodeId), Memo>,
    problems: Vec<Problem>,
    places: Vec<(Place, Segment)>,
}

impl<'w> Walk<'w> {
    /// Adds to `found` what keeps `reader` from reading `writer`. Only pairs with a named type can come up again.
    fn reads(
        &mut self,
        reader: NodeId,
        writer: NodeId,
        place: Place,
        depth: usize,
        found: &mut Vec<u32>,
    ) -> Result<(), Stop> {
        self.budget.step()?;
        let (reader_kind, writer_kind) = (self.reader.kind(reader), self.writer.kind(writer));
        if let (Kind::Primitive(reader), Kind::Primitive(writer)) = (reader_kind, writer_kind)
            && reader == writer
        {
            return Ok(());
        }
        if reader_kind.named().is_none() && writer_kind.named().is_none() {
            return self.compare(reader, writer, place, depth, found);
        }
        match self.memo.get(&(reader, writer)) {
            Some(Memo::InProgress) => return Ok(()),
            Some(Memo::Done(known)) => {
                self.budget.steps(known.len() as u64 / 8)?;
                let room = DIFFERENCE_COUNT_MAX.saturating_sub(found.len());
                found.extend(known.iter().take(room));
                return Ok(());
            }
            None => {}
        }
        self.memo.insert((reader, writer), Memo::InProgress);
        let mut own = Vec::new();
        self.compare(reader, writer, place, depth, &mut own)?;
        self.budget.steps(1 + own.len() as u64 / 8)?;
        let room = DIFFERENCE_COUNT_MAX.saturating_sub(found.len());
        found.extend(own.iter().take(room));
        self.memo.insert((reader, writer), Memo::Done(own));
        Ok(())
    }

    fn compare(
        &mut self,
        reader_id: NodeId,
        writer_id: NodeId,
        place: Place,
        depth: usize,
        found: &mut Vec<u32>,
    ) -> Result<(), Stop> {
        if depth > COMPARE_DEPTH_MAX {
            return Err(compare_too_deep().into());
        }
        let depth = depth + 1;
        let problem = |what| Problem { what, place, reader: reader_id, writer: writer_id };
        match (self.reader.kind(reader_id), self.writer.kind(writer_id)) {
            (Kind::Primitive(reader), Kind::Primitive(writer)) => {
                if !promotes(*reader, *writer) {
                    self.add(problem(What::Type), found);
                }
            }
            (Kind::Array(reader), Kind::Array(writer)) => {
                let place = self.below(place, Segment::Word("items"));
                self.reads(*reader, *writer, place, depth, found)?;
            }
            (Kind::Map(reader), Kind::Map(writer)) => {
                let place = self.below(place, Segment::Word("values"));
                self.reads(*reader, *writer, place, depth, found)?;
            }
            (Kind::Fixed(reader), Kind::Fixed(writer)) => {
                self.check_names(&reader.named, &writer.named, problem(What::Name), found)?;
                if reader.size != writer.size {
                    let place = self.below(place, Segment::Word("size"));
                    self.add(Problem { place, ..problem(What::Size) }, found);
                }
            }
            (Kind::Enum(reader), Kind::Enum(writer)) => {
                self.check_names(&reader.named, &writer.named, problem(What::Name), found)?;
                self.budget.steps(writer.symbols.len() as u64 / 4)?;
                let missing = writer.symbols.iter().any(|symbol| !reader.has_symbol(symbol));
                // A default is always one of the symbols: the parser sees to it.
                if missing && reader.default.is_none() {
                    let place = self.below(place, Segment::Word("symbols"));
                    self.add(Problem { place, ..problem(What::Symbols) }, found);
                }
            }
            (Kind::Record(reader), Kind::Record(writer)) => {
                self.check_names(&reader.named, &writer.named, problem(What::Name), found)?;
                self.check_fields((reader_id, reader), (writer_id, writer), place, depth, found)?;
            }
            (Kind::Union(reader), Kind::Union(branches)) => {
                let stay = self.primitives_that_stay(reader, branches);
                self.budget.steps(stay as u64)?;
                for (position, branch) in branches.iter().enumerate().skip(stay) {
                    let mut own = Vec::new();
                    self.reads(reader_id, *branch, Place::ROOT, depth, &mut own)?;
                    if !own.is_empty() {
                        let place = self.below(place, Segment::Index(position));
                        self.add(Problem { place, writer: *branch, ..problem(What::Branch) }, found);
                    }
                }
            }
            (_, Kind::Union(branches)) => {
                for (position, branch) in branches.iter().enumerate() {
                    let place = self.below(place, Segment::Index(position));
                    self.reads(reader_id, *branch, place, depth, found)?;
                }
            }
            (Kind::Union(branches), _) => {
                if !self.some_branch_reads(branches, writer_id, depth)? {
                    self.add(problem(What::Branch), found);
                }
            }
            (
                Kind::Primitive(_)
                | Kind::Array(_)
                | Kind::Map(_)
                | Kind::Record(_)
                | Kind::Enum(_)
                | Kind::Fixed(_)
                | Kind::Forward(_),
                _,
            ) => self.add(problem(What::Type), found),
        }
        Ok(())
    }

    /// How many branches at the start of two unions are the same primitives. They read each other, and finding that out
    /// compares nothing that could be reported again elsewhere.
    fn primitives_that_stay(&self, reader: &[NodeId], writer: &[NodeId]) -> usize {
        let same =
            |(reader, writer): &(&NodeId, &NodeId)| match (self.reader.kind(**reader), self.writer.kind(**writer)) {
                (Kind::Primitive(reader), Kind::Primitive(writer)) => reader == writer,
                (_, _) => false,
            };
        reader.iter().zip(writer).take_while(same).count()
    }

    fn some_branch_reads(&mut self, branches: &[NodeId], writer: NodeId, depth: usize) -> Result<bool, Stop> {
        let writer_named = self.writer.kind(writer).named();
        let mut own = Vec::new();
        for branch in branches {
            if branches.len() > EXACT_BRANCHES_MAX {
                self.budget.step()?;
                if let Some(reader_named) = self.reader.kind(*branch).named()
                    && !writer_named.is_some_and(|writer_named| names_match(reader_named, writer_named))
                {
                    continue;
                }
            }
            own.clear();
            self.reads(*branch, writer, Place::ROOT, depth, &mut own)?;
            if own.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_names(
        &mut self,
        reader: &Named,
        writer: &Named,
        problem: Problem,
        found: &mut Vec<u32>,
    ) -> Result<(), Stop> {
        self.budget.steps(reader.aliases.len() as u64 / 4)?;
        if !names_match(reader, writer) {
            let place = self.below(problem.place, Segment::Word("name"));
            self.add(Problem { place, ..problem }, found);
        }
        Ok(())
    }

    fn check_fields(
        &mut self,
        (reader_id, reader): (NodeId, &Record),
        (writer_id, writer): (NodeId, &Record),
        place: Place,
        depth: usize,
        found: &mut Vec<u32>,
    ) -> Result<(), Stop> {
        let fields_place = self.below(place, Segment::Word("fields"));
        for (position, field) in reader.fields.iter().enumerate() {
            self.budget.steps(1 + field.aliases.len() as u64)?;
            let Some(written) = written_field(writer, field, position) else {
                return Err(Stop::Ambiguous { record: reader_id, field: position, writer_record: writer_id });
            };
            let place = self.below(fields_place, Segment::Index(position));
            match written {
                Some(written) => {
                    let place = self.below(place, Segment::Word("type"));
                    self.reads(field.type_id, written.type_id, place, depth, found)?;
                }
                None if field.default.is_some() => {}
                None if self.has_enum_default(field.type_id) => {
                    // Java asks whether the enum reads the whole record, which it never does.
                    let place = self.below(place, Segment::Word("type"));
                    self.reads(field.type_id, writer_id, place, depth, found)?;
                }
                None => {
                    let what = What::NoDefault(position);
                    self.add(Problem { what, place, reader: reader_id, writer: writer_id }, found);
                }
            }
        }
        Ok(())
    }

    fn has_enum_default(&self, type_id: NodeId) -> bool {
        matches!(self.reader.kind(type_id), Kind::Enum(declared) if declared.default.is_some())
    }

    fn below(&mut self, place: Place, segment: Segment) -> Place {
        self.places.push((place, segment));
        // Places are fewer than steps of the budget, which fit.
        Place(u32::try_from(self.places.len()).unwrap_or(0))
    }

    fn add(&mut self, problem: Problem, found: &mut Vec<u32>) {
        if found.len() < DIFFERENCE_COUNT_MAX {
            found.push(u32::try_from(self.problems.len()).unwrap_or(0));
            self.problems.push(problem);
        }
    }
}

/// Names match if their simple parts are equal, or if the reader has the writer's full name as an alias.
pub(crate) fn names_match(reader: &Named, writer: &Named) -> bool {
    reader.name.simple() == writer.name.simple()
        || reader.aliases.iter().any(|alias| {
            alias.full() == writer.name.full() && (alias.namespace().is_some() || reader.name.namespace().is_none())
        })
}

/// The writer's field for a reader's field: by name or by alias; `None` if there are several. Most fields stay where they
/// are between versions, so the field at the reader's position is looked at first.
pub(crate) fn written_field<'w>(writer: &'w Record, field: &Field, position: usize) -> Option<Option<&'w Field>> {
    if field.aliases.is_empty()
        && let Some(there) = writer.fields.get(position)
        && there.name == field.name
    {
        return Some(Some(there));
    }
    let mut hits = std::iter::once(&field.name).chain(&field.aliases).filter_map(|name| writer.field(name));
    let hit = hits.next();
    if hits.next().is_some() { None } else { Some(hit.map(|(_, field)| field)) }
}

/// Is data of the primitive type `writer` readable as `reader`? Logical types never count.
pub(crate) fn promotes(reader: Primitive, writer: Primitive) -> bool {
    reader == writer
        || match reader {
            Primitive::Long => matches!(writer, Primitive::Int),
            Primitive::Float => matches!(writer, Primitive::Int | Primitive::Long),
            Primitive::Double => matches!(writer, Primitive::Int | Primitive::Long | Primitive::Float),
            Primitive::Bytes => matches!(writer, Primitive::String),
            Primitive::String => matches!(writer, Primitive::Bytes),
            Primitive::Null | Primitive::Boolean | Primitive::Int => false,
        }
}
