//! Reads of feeds.

use crate::reading::row_getter;
use crate::{CursorRow, Key};

row_getter!(
    /// How far a named reader of the events has come.
    cursor(name: &str) -> CursorRow, Key::Cursor(name.to_owned()), Cursor
);
