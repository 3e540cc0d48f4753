//! Reads of what is kept around every command.

use crate::reading::row_getter;
use crate::{Key, MachineRow, RequestId, RequestRow, Row, View, ViewError};

row_getter!(
    /// The remembered outcome of a request.
    request(id: &RequestId) -> RequestRow, Key::Request(id.clone()), Request
);

/// The machine's own row.
///
/// # Errors
/// [`ViewError`] if the store cannot answer.
pub fn machine(view: &impl View) -> Result<MachineRow, ViewError> {
    match view.get(&Key::Machine)? {
        None => Ok(MachineRow::default()),
        Some(Row::Machine(row)) => Ok(row),
        Some(_) => Err(ViewError::wrong_row(&Key::Machine)),
    }
}
