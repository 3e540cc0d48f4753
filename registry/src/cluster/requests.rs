//! Remembers the answer to each request, so that a retry has one effect, and forgets requests that are too old or too many.

use std::ops::ControlFlow;

use crate::effect::Entry;
use crate::limits::{REQUEST_AGE_MS_MAX, REQUEST_COUNT_MAX, REQUEST_EVICTIONS_PER_ENTRY_MAX};
use crate::{Change, Done, Key, KeyRange, MachineRow, Refusal, RequestId, RequestRow, Row, View, ViewError};

pub(crate) fn remember_request(
    view: &impl View,
    entry: Entry<'_>,
    request_id: &RequestId,
    answer: Result<Done, Refusal>,
    machine: &mut MachineRow,
    changes: &mut Vec<Change>,
) -> Result<(), ViewError> {
    let row = RequestRow { answer, index: entry.index(), time_ms: entry.time_ms };
    changes.push((Key::Request(request_id.clone()), Some(Row::Request(row))));
    changes.push((Key::RequestAge(entry.index()), Some(Row::RequestAge(request_id.clone()))));
    machine.request_count += 1;
    let is_old = |time_ms: u64| time_ms.saturating_add(REQUEST_AGE_MS_MAX) < entry.time_ms;
    if machine.request_count <= REQUEST_COUNT_MAX && !is_old(machine.requests_oldest_ms) {
        return Ok(());
    }

    let mut oldest = Vec::new();
    // From behind what was forgotten: deleted rows stay in the store's files for a while, and a walk over them costs the
    // more the more there are.
    let left = KeyRange::requests_by_age().after(&Key::RequestAge(machine.requests_forgotten));
    view.scan(&left, &mut |key, row| {
        oldest.push((key, row));
        if oldest.len() < REQUEST_EVICTIONS_PER_ENTRY_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if oldest.is_empty() {
        // Only this one is left.
        machine.requests_oldest_ms = entry.time_ms;
    }
    for (age_key, row) in oldest {
        let Row::RequestAge(request_id) = row else { return Err(ViewError::wrong_row(&age_key)) };
        let key = Key::Request(request_id);
        let time_ms = match view.get(&key)? {
            Some(Row::Request(row)) => row.time_ms,
            Some(_) | None => return Err(ViewError::wrong_row(&key)),
        };
        machine.requests_oldest_ms = time_ms;
        if !is_old(time_ms) && machine.request_count <= REQUEST_COUNT_MAX {
            break;
        }
        let Key::RequestAge(index) = age_key else { return Err(ViewError::wrong_row(&age_key)) };
        machine.requests_forgotten = index;
        changes.push((key, None));
        changes.push((age_key, None));
        machine.request_count -= 1;
    }
    Ok(())
}
