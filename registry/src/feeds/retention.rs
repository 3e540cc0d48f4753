//! Forgets events that are too many or too old, a few with every command, the same ones on every node.

use std::ops::ControlFlow;

use crate::effect::Entry;
use crate::limits::EVENT_EVICTIONS_PER_ENTRY_MAX;
use crate::{Change, Key, KeyRange, MachineRow, PolicyInForce, Row, Scope, View, ViewError};

pub(crate) fn forget_events(
    view: &impl View,
    entry: Entry<'_>,
    machine: &mut MachineRow,
    changes: &mut Vec<Change>,
) -> Result<(), ViewError> {
    let policy = PolicyInForce::of(view, &Scope::Global)?;
    let is_old = |time_ms: u64| time_ms.saturating_add(policy.event_age_ms_max) < entry.time_ms;
    if machine.event_count <= policy.event_count_max && !is_old(machine.events_oldest_ms) {
        return Ok(());
    }
    let mut oldest = Vec::new();
    let mut oldest_ms = entry.time_ms;
    // Not from the beginning: what was forgotten stays in the store's files for a while.
    let left = KeyRange::events().from(&Key::Event(machine.events_forgotten, 0));
    view.scan(&left, &mut |key, row| {
        let Row::Event(event) = &row else { return ControlFlow::Break(()) };
        oldest_ms = event.time_ms;
        let left = machine.event_count - oldest.len() as u64;
        if (is_old(event.time_ms) || left > policy.event_count_max) && oldest.len() < EVENT_EVICTIONS_PER_ENTRY_MAX {
            oldest.push(key);
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    machine.events_oldest_ms = oldest_ms;
    machine.event_count -= oldest.len() as u64;
    for key in oldest {
        let Key::Event(index, _) = key else { return Err(ViewError::wrong_row(&key)) };
        machine.events_forgotten = index;
        changes.push((key, None));
    }
    Ok(())
}
