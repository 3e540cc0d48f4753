//! What a network did to what was sent over it: the evidence that a fault was real.

/// Counts up from the beginning; look at the difference of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Bytes that proxies carried.
    pub bytes: u64,
    /// Bytes that proxies kept until the link healed.
    pub held: u64,
    /// Bytes that proxies lost.
    pub swallowed: u64,
    /// Bytes that proxies delivered late on purpose.
    pub delayed: u64,
    /// Connections that were reset at once.
    pub refused: u64,
    /// Connections that were broken.
    pub broken: u64,
    /// Packets that a receiver's kernel dropped.
    pub dropped: u64,
    /// Packets and connections for which a sender's kernel had no route.
    pub unrouted: u64,
    /// Packets that waited behind a thin line.
    pub queued: u64,
}

impl Figures {
    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.held += other.held;
        self.swallowed += other.swallowed;
        self.delayed += other.delayed;
        self.refused += other.refused;
        self.broken += other.broken;
        self.dropped += other.dropped;
        self.unrouted += other.unrouted;
        self.queued += other.queued;
    }

    /// What happened since an earlier look.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            bytes: self.bytes - earlier.bytes,
            held: self.held - earlier.held,
            swallowed: self.swallowed - earlier.swallowed,
            delayed: self.delayed - earlier.delayed,
            refused: self.refused - earlier.refused,
            broken: self.broken - earlier.broken,
            dropped: self.dropped - earlier.dropped,
            unrouted: self.unrouted - earlier.unrouted,
            queued: self.queued - earlier.queued,
        }
    }

    /// What was harmed, in words; nothing if nothing was.
    pub fn describe_harm(self) -> Option<String> {
        let parts = [
            (self.held, "bytes held"),
            (self.swallowed, "bytes swallowed"),
            (self.delayed, "bytes delayed"),
            (self.refused, "connections refused"),
            (self.broken, "connections broken"),
            (self.dropped, "packets dropped"),
            (self.unrouted, "packets without a route"),
            (self.queued, "packets queued"),
        ];
        let shown: Vec<_> =
            parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_only_carried_is_not_harm() {
        let before = Figures { bytes: 5, dropped: 2, ..Figures::default() };
        let quiet = Figures { bytes: 9, ..before };
        assert_eq!(quiet.since(before).describe_harm(), None);
        let cut = Figures { dropped: 5, broken: 1, ..quiet };
        assert_eq!(cut.since(before).describe_harm().as_deref(), Some("1 connections broken, 3 packets dropped"));
    }
}
