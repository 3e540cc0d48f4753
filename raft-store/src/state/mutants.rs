//! Planted bugs of apply (see [`crate::bugs`]): what goes in and what comes out, altered. Without the feature nothing is.

use registry::{Applied, Basis, CatalogDone, Done, Envelope, LogIndex, Outcome, RequestId, Row};

use crate::bugs::planted;

/// What is applied in place of this envelope, if anything else is.
pub(super) fn altered_envelope(envelope: &Envelope, index: LogIndex) -> Option<Envelope> {
    if planted("basis-ignored") {
        return Some(Envelope { basis: Basis::default(), ..envelope.clone() });
    }
    if planted("dedup-off") {
        let request_id = RequestId(format!("{}-{index}", envelope.request_id));
        return Some(Envelope { request_id, ..envelope.clone() });
    }
    None
}

/// Alters what an entry does.
pub(super) fn alter_applied(applied: &mut Applied) {
    if planted("digest-unstable") {
        applied.digest[0] ^= std::process::id().to_le_bytes()[0];
    }
    if planted("id-local")
        && let Outcome::Done(Done::Catalog(CatalogDone::Registered { id, is_new_id: true, .. })) = &mut applied.outcome
    {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(1);
        id.0 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    for (key, row) in &mut applied.changes {
        if planted("version-reused")
            && let Some(Row::Subject(row)) = row
        {
            row.next_version = row.live + 1;
        }
        if planted("delete-kept") && matches!(key, registry::Key::Version(..)) && row.is_none() {
            // The row is written to a place where nobody looks, in place of being removed.
            *key = registry::Key::Subject(registry::Subject::parse("bug").expect("the name is good"));
        }
    }
}
