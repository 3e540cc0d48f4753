//! Pages of the catalogue's lists: what is before the page is walked by its keys, what is behind it is not looked at, and
//! contents are read of what is on it alone.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::query::subject_row;
use crate::reading::Include;
use crate::{Context, Key, KeyRange, Row, Subject, SubjectRow, Version, VersionRow, View, ViewError};

/// The part of a list that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// Items before it.
    pub offset: usize,
    /// Items in it, at most.
    pub limit: usize,
}

impl Slice {
    /// Everything.
    pub const ALL: Self = Self { offset: 0, limit: usize::MAX };

    /// Passes over one item, or takes it; false when nothing more is wanted.
    fn take<T>(&mut self, item: T, into: &mut Vec<T>) -> bool {
        if self.offset > 0 {
            self.offset -= 1;
        } else if self.limit > 0 {
            self.limit -= 1;
            into.push(item);
        }
        self.limit > 0
    }

    /// Passes over so many items at once, if all of them are before the part.
    fn skip(&mut self, count: usize) -> bool {
        let is_before = self.offset >= count;
        if is_before {
            self.offset -= count;
        }
        is_before
    }
}

/// Which subjects a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectsOf<'a> {
    /// Of this context; of all without one.
    pub context: Option<&'a Context>,
    /// Whose names, without the context, begin like this.
    pub prefix: &'a str,
}

/// The versions of a subject that a listing includes.
fn count(row: &SubjectRow, include: Include) -> usize {
    let count = match include {
        Include::Live => row.live,
        Include::All => row.live + row.soft_deleted,
        Include::DeletedOnly => row.soft_deleted,
    };
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Visits subjects in the order of their qualified names: those of other contexts stand among those of the default one where
/// `:.` does. The visitor ends the walk, or fails it.
fn walk_by_name<E: From<ViewError>>(
    view: &impl View,
    of: SubjectsOf<'_>,
    visit: &mut dyn FnMut(Subject, SubjectRow) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let of_context = |context: &Context| KeyRange::subjects_with(context, of.prefix);
    if let Some(context) = of.context {
        return scan(view, &of_context(context), visit).map(drop);
    }
    let default = Context::default_context();
    // The first subject of the default context that comes after those of all others.
    let mut rest = None;
    let before = scan(view, &of_context(&default), &mut |subject, row| {
        if subject.name.as_str() < ":." {
            return visit(subject, row);
        }
        rest = Some(Key::Subject(subject));
        Ok(ControlFlow::Break(()))
    })?;
    if before.is_break() && rest.is_none() {
        return Ok(());
    }
    let mut others = other_contexts(view)?;
    others.sort_by_key(|context| format!(":{context}:"));
    for context in &others {
        if scan(view, &of_context(context), visit)?.is_break() {
            return Ok(());
        }
    }
    match rest {
        Some(key) => scan(view, &of_context(&default).from(&key), visit).map(drop),
        None => Ok(()),
    }
}

/// Visits subjects in the order of their keys: context by context, the default one first.
fn walk_by_key<E: From<ViewError>>(
    view: &impl View,
    of: SubjectsOf<'_>,
    visit: &mut dyn FnMut(Subject, SubjectRow) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let contexts = match of.context {
        Some(context) => vec![context.clone()],
        None => {
            let mut contexts = other_contexts(view)?;
            contexts.insert(0, Context::default_context());
            contexts
        }
    };
    for context in &contexts {
        if scan(view, &KeyRange::subjects_with(context, of.prefix), visit)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// All contexts but the default one that ever had anything.
fn other_contexts(view: &impl View) -> Result<Vec<Context>, ViewError> {
    let mut others = Vec::new();
    view.scan(&KeyRange::contexts(), &mut |key, _| {
        if let Key::Context(context) = key
            && !context.is_default()
        {
            others.push(context);
        }
        ControlFlow::Continue(())
    })?;
    Ok(others)
}

fn scan<E: From<ViewError>>(
    view: &impl View,
    range: &KeyRange,
    visit: &mut dyn FnMut(Subject, SubjectRow) -> Result<ControlFlow<()>, E>,
) -> Result<ControlFlow<()>, E> {
    let mut outcome = Ok(ControlFlow::Continue(()));
    view.scan(range, &mut |key, row| match (key, row) {
        (Key::Subject(subject), Row::Subject(row)) => {
            outcome = visit(subject, row);
            if matches!(outcome, Ok(ControlFlow::Continue(()))) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        }
        _ => ControlFlow::Continue(()),
    })?;
    outcome
}

fn more(wanted: bool) -> ControlFlow<()> {
    if wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Says whether a subject is seen. What is not seen is not on a page, and not counted before it.
pub type Sees<'a, E> = &'a mut dyn FnMut(&Subject) -> Result<bool, E>;

/// A page of the subjects that are seen, in the order of their qualified names. Without `sees` all are.
///
/// # Errors
/// What `sees` says, or the store.
pub fn subjects_page<E: From<ViewError>>(
    view: &impl View,
    of: SubjectsOf<'_>,
    include: Include,
    mut slice: Slice,
    mut sees: Option<Sees<'_, E>>,
) -> Result<Vec<Subject>, E> {
    let mut found = Vec::new();
    walk_by_name::<E>(view, of, &mut |subject, row| {
        let is_listed = match include {
            Include::Live | Include::All => count(&row, include) > 0,
            // Confluent lists a subject here if all of its versions are deleted.
            Include::DeletedOnly => row.soft_deleted > 0 && row.live == 0,
        };
        let is_listed = is_listed && is_seen(&mut sees, &subject)?;
        Ok(more(if is_listed { slice.take(subject, &mut found) } else { slice.limit > 0 }))
    })?;
    Ok(found)
}

fn is_seen<E>(sees: &mut Option<Sees<'_, E>>, subject: &Subject) -> Result<bool, E> {
    match sees {
        Some(sees) => sees(subject),
        None => Ok(true),
    }
}

/// Which versions of the subjects a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionsOf<'a> {
    /// Of these subjects.
    pub subjects: SubjectsOf<'a>,
    /// Of these alone among them, if any are named.
    pub among: Option<&'a BTreeSet<Subject>>,
    /// Deleted ones?
    pub include: Include,
    /// The highest of each subject alone?
    pub latest_only: bool,
}

/// Says whether a version is listed, where its key cannot tell.
pub type Admits<'a, E> = &'a mut dyn FnMut(&Subject, Version, &VersionRow) -> Result<bool, E>;

/// A page of the versions of subjects that are seen (without `sees` all are): subject by subject, ascending. `admits` looks
/// at each that the page could hold, where there is more to fulfil than its key can tell.
///
/// # Errors
/// What `sees` and `admits` say, or the store.
pub fn versions_page<E: From<ViewError>>(
    view: &impl View,
    of: VersionsOf<'_>,
    mut slice: Slice,
    mut sees: Option<Sees<'_, E>>,
    mut admits: Option<Admits<'_, E>>,
) -> Result<Vec<(Subject, Version, VersionRow)>, E> {
    let VersionsOf { subjects, among, include, latest_only } = of;
    let mut found = Vec::new();
    let mut visit = |subject: Subject, row: SubjectRow| -> Result<ControlFlow<()>, E> {
        let count = count(&row, include);
        let listed = if latest_only { count.min(1) } else { count };
        // Whole subjects before the page cost one row each.
        if listed == 0 || !is_seen(&mut sees, &subject)? || (admits.is_none() && slice.skip(listed)) {
            return Ok(more(slice.limit > 0));
        }
        // Where each must be looked at, nobody knows how many of them make the page.
        let needed = match (latest_only, &admits) {
            (true, _) => 1,
            (false, None) => slice.offset.saturating_add(slice.limit),
            (false, Some(_)) => usize::MAX,
        };
        for (version, row) in versions_of(view, &subject, include, latest_only, needed)? {
            let is_wanted = match &mut admits {
                Some(admits) => admits(&subject, version, &row)?,
                None => true,
            };
            if is_wanted && !slice.take((subject.clone(), version, row), &mut found) {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(more(slice.limit > 0))
    };
    match among {
        None => walk_by_key(view, subjects, &mut visit)?,
        Some(among) => {
            let is_of = |subject: &&Subject| {
                subjects.context.is_none_or(|context| *context == subject.context)
                    && subject.name.starts_with(subjects.prefix)
            };
            for subject in among.iter().filter(is_of) {
                let Some(row) = subject_row(view, subject)? else { continue };
                if visit(subject.clone(), row)?.is_break() {
                    break;
                }
            }
        }
    }
    Ok(found)
}

/// The first versions of one subject, or the last one, no more of them than are needed.
fn versions_of(
    view: &impl View,
    subject: &Subject,
    include: Include,
    from_the_end: bool,
    needed: usize,
) -> Result<Vec<(Version, VersionRow)>, ViewError> {
    let range = KeyRange::versions(subject);
    let range = if from_the_end { range.reversed() } else { range };
    let mut found = Vec::new();
    view.scan(&range, &mut |key, row| {
        if let (Key::Version(_, version), Row::Version(row)) = (key, row)
            && include.admits(row.deleted)
        {
            found.push((version, row));
        }
        more(found.len() < needed)
    })?;
    Ok(found)
}
