//! Moves the cursors of readers.

use super::{CursorRow, FeedsCommand, FeedsDone, FeedsRefusal};
use crate::effect::{Applying, Effect, Entry};
use crate::limits::TEXT_BYTES_MAX;
use crate::{Key, LogIndex, Row, View, query};

pub(crate) fn apply(view: &impl View, entry: Entry<'_>, command: &FeedsCommand) -> Applying<Effect> {
    match command {
        FeedsCommand::MoveCursor { name, index, position } => move_cursor(view, entry, name, *index, *position),
    }
}

/// A cursor only goes forward: a reader that was replaced and wakes up late cannot make its successor repeat.
fn move_cursor(view: &impl View, entry: Entry<'_>, name: &str, index: LogIndex, position: u32) -> Applying<Effect> {
    if name.is_empty() || name.len() > TEXT_BYTES_MAX || index >= entry.index() {
        return Err(FeedsRefusal::CursorOutOfPlace.into());
    }
    if let Some(row) = query::cursor(view, name)?
        && (row.index, row.position) >= (index, position)
    {
        return Ok(Effect::of(FeedsDone::Cursor { index: row.index, position: row.position }));
    }
    let row = CursorRow { index, position, time_ms: entry.time_ms, modified_at: entry.index() };
    let mut effect = Effect::of(FeedsDone::Cursor { index, position });
    effect.changes.push((Key::Cursor(name.to_owned()), Some(Row::Cursor(row))));
    Ok(effect)
}
