//! What one connection is doing, and whether it may go on.
//!
//! A connection writes its marks on the way, each with one relaxed store: no lock, no timer and no allocation per request. The
//! watch over all connections of a listener reads them a few times a second and decides by [`judge_marks`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::task::AtomicWaker;

use super::clockwork::Clockwork;

/// How long a connection may take for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request: from the accept to the first one, and from the first byte of each later one.
    pub head: Duration,
    /// Between two requests, and without a byte in either direction while one is under way.
    pub idle: Duration,
    /// For a client to take some of an answer that lies ready for it.
    pub write: Duration,
}

/// Why a connection was closed by this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The handshake of TLS failed, or did not end in time.
    Handshake,
    /// The head of a request did not arrive in time.
    Head,
    /// Nothing happened on it.
    Idle,
    /// The client does not take its answer.
    Write,
    /// It was the one that rested longest when another client needed its place.
    Crowded,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 5] = [Self::Handshake, Self::Head, Self::Idle, Self::Write, Self::Crowded];

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Head => "head",
            Self::Idle => "idle",
            Self::Write => "write",
            Self::Crowded => "crowded",
        }
    }
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Keep,
    /// It finishes what is under way, and takes nothing new.
    Finish(Cause),
    /// It ends as it is.
    Cut(Cause),
}

/// The marks of a connection at one moment. Times are ticks of the listener's clock, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    accepted: u64,
    /// What comes before HTTP is under way.
    greeting: bool,
    /// A request has arrived on it at some time.
    asked: bool,
    /// Several requests may be under way: HTTP/2, where bytes say nothing about the head of a request.
    multiplexed: bool,
    /// It speaks something else by now: WebSocket.
    upgraded: bool,
    /// Requests under way.
    active: u32,
    /// A byte moved last.
    moved: u64,
    /// The last request ended.
    answered: u64,
    /// The first byte of the request that is arriving.
    head_since: Option<u64>,
    /// Since the client takes nothing.
    blocked_since: Option<u64>,
    /// Parts of answers that are handed over and not taken.
    owed: u32,
    /// The last of them was handed over.
    handed: u64,
}

/// Decides whether a connection may go on.
pub(super) fn judge_marks(marks: Marks, now: u64, patience: Patience) -> Verdict {
    let over = |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) > limit.as_millis();
    if marks.blocked_since.is_some_and(|since| over(since, patience.write)) {
        return Verdict::Cut(Cause::Write);
    }
    if marks.upgraded {
        return if over(marks.moved, patience.idle) { Verdict::Cut(Cause::Idle) } else { Verdict::Keep };
    }
    if marks.active > 0 {
        // With HTTP/2 a client may take its bytes from the socket and yet no answer: by its windows.
        if marks.owed > 0 && over(marks.handed, patience.write) {
            return Verdict::Cut(Cause::Write);
        }
        return if over(marks.moved, patience.idle) { Verdict::Cut(Cause::Idle) } else { Verdict::Keep };
    }
    if !marks.asked {
        let cause = if marks.greeting { Cause::Handshake } else { Cause::Head };
        return if over(marks.accepted, patience.head) { Verdict::Cut(cause) } else { Verdict::Keep };
    }
    if !marks.multiplexed && marks.head_since.is_some_and(|since| over(since, patience.head)) {
        return Verdict::Cut(Cause::Head);
    }
    if over(marks.answered, patience.idle) { Verdict::Finish(Cause::Idle) } else { Verdict::Keep }
}

/// Whom to close first where another client needs the place: who never asked anything before who did, then who has rested
/// longest. None for a connection that is at work.
pub(super) fn rest_since(marks: Marks) -> Option<(bool, u64)> {
    let is_at_rest = marks.active == 0 && marks.blocked_since.is_none() && !marks.upgraded;
    is_at_rest.then_some((marks.asked, marks.moved.max(marks.answered)))
}

const OPEN: u8 = 0;
const FINISHING: u8 = 1;
const CUT: u8 = 2;

/// One connection.
#[derive(Debug)]
pub(super) struct Activity {
    clock: Arc<Clockwork>,
    accepted: u64,
    greeting: AtomicBool,
    asked: AtomicBool,
    multiplexed: AtomicBool,
    upgraded: AtomicBool,
    active: AtomicU32,
    moved: AtomicU64,
    answered: AtomicU64,
    /// 0 is never, here and below: the clock begins at 1.
    head_since: AtomicU64,
    blocked_since: AtomicU64,
    owed: AtomicU32,
    handed: AtomicU64,
    ending: AtomicU8,
    /// Since it was told to finish.
    finishing_since: AtomicU64,
    waker: AtomicWaker,
}

impl Activity {
    pub(super) fn begin(clock: Arc<Clockwork>) -> Self {
        let now = clock.now();
        Self {
            clock,
            accepted: now,
            greeting: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            multiplexed: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            active: AtomicU32::new(0),
            moved: AtomicU64::new(now),
            answered: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            blocked_since: AtomicU64::new(0),
            owed: AtomicU32::new(0),
            handed: AtomicU64::new(0),
            ending: AtomicU8::new(OPEN),
            finishing_since: AtomicU64::new(0),
            waker: AtomicWaker::new(),
        }
    }

    /// The marks as they are now.
    pub(super) fn marks(&self) -> Marks {
        let time = |mark: &AtomicU64| Some(mark.load(Ordering::Relaxed)).filter(|time| *time != 0);
        Marks {
            accepted: self.accepted,
            greeting: self.greeting.load(Ordering::Relaxed),
            asked: self.asked.load(Ordering::Relaxed),
            multiplexed: self.multiplexed.load(Ordering::Relaxed),
            upgraded: self.upgraded.load(Ordering::Relaxed),
            active: self.active.load(Ordering::Relaxed),
            moved: self.moved.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            head_since: time(&self.head_since),
            blocked_since: time(&self.blocked_since),
            owed: self.owed.load(Ordering::Relaxed),
            handed: self.handed.load(Ordering::Relaxed),
        }
    }

    /// What comes before HTTP begins or ends.
    pub(super) fn greets(&self, greeting: bool) {
        self.greeting.store(greeting, Ordering::Relaxed);
    }

    /// Bytes came in.
    pub(super) fn note_received(&self) {
        let now = self.clock.now();
        self.moved.store(now, Ordering::Relaxed);
        if self.active.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(now, Ordering::Relaxed);
        }
    }

    /// Bytes went out.
    pub(super) fn note_sent(&self) {
        self.moved.store(self.clock.now(), Ordering::Relaxed);
        if self.blocked_since.load(Ordering::Relaxed) != 0 {
            self.blocked_since.store(0, Ordering::Relaxed);
        }
    }

    /// The client takes no bytes.
    pub(super) fn note_blocked(&self) {
        if self.blocked_since.load(Ordering::Relaxed) == 0 {
            self.blocked_since.store(self.clock.now(), Ordering::Relaxed);
        }
    }

    /// The head of a request is complete.
    pub(super) fn note_asked(&self, multiplexed: bool) {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
            self.multiplexed.store(multiplexed, Ordering::Relaxed);
        }
    }

    /// A request has been answered, or given up.
    pub(super) fn note_answered(&self) {
        self.answered.store(self.clock.now(), Ordering::Relaxed);
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    /// A part of an answer is handed over.
    pub(super) fn note_handed(&self) {
        self.handed.store(self.clock.now(), Ordering::Relaxed);
        self.owed.fetch_add(1, Ordering::Relaxed);
    }

    /// A part of an answer was taken.
    pub(super) fn note_taken(&self) {
        self.owed.fetch_sub(1, Ordering::Relaxed);
    }

    /// It speaks something else from now on.
    pub(super) fn note_upgraded(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    /// Tells the connection to finish what is under way.
    pub(super) fn ask_to_finish(&self) {
        if self.ending.compare_exchange(OPEN, FINISHING, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.finishing_since.store(self.clock.now(), Ordering::Relaxed);
            self.waker.wake();
        }
    }

    /// Ends the connection as it is.
    pub(super) fn cut_off(&self) {
        self.ending.store(CUT, Ordering::Relaxed);
        self.waker.wake();
    }

    pub(super) fn is_open(&self) -> bool {
        self.ending.load(Ordering::Relaxed) == OPEN
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.ending.load(Ordering::Relaxed) == FINISHING
    }

    pub(super) fn is_cut(&self) -> bool {
        self.ending.load(Ordering::Relaxed) == CUT
    }

    /// Since when it was told to finish, if it was.
    pub(super) fn finishing_since(&self) -> Option<u64> {
        self.is_finishing().then(|| self.finishing_since.load(Ordering::Relaxed))
    }

    /// Who is woken when it is told to end.
    pub(super) fn register_waker(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { head: Duration::from_secs(10), idle: Duration::from_secs(300), write: Duration::from_secs(30) };

    /// A connection that asked at 1 s and was answered at 2 s.
    fn rested() -> Marks {
        Marks { accepted: 1, asked: true, moved: 2_000, answered: 2_000, ..Marks::default() }
    }

    #[test]
    fn each_kind_of_silence_has_its_limit() {
        let working = Marks { active: 1, ..rested() };
        let cases: [(&str, Marks, u64, Verdict); 13] = [
            ("silent since the accept", Marks { accepted: 1, ..Marks::default() }, 10_001, Verdict::Keep),
            ("the same, later", Marks { accepted: 1, ..Marks::default() }, 10_002, Verdict::Cut(Cause::Head)),
            (
                "silent in the handshake",
                Marks { accepted: 1, greeting: true, ..Marks::default() },
                10_002,
                Verdict::Cut(Cause::Handshake),
            ),
            ("at rest", rested(), 302_000, Verdict::Keep),
            ("at rest for too long", rested(), 302_001, Verdict::Finish(Cause::Idle)),
            ("a slow head", Marks { head_since: Some(3_000), ..rested() }, 13_001, Verdict::Cut(Cause::Head)),
            (
                "frames between requests are no head",
                Marks { head_since: Some(3_000), multiplexed: true, ..rested() },
                13_001,
                Verdict::Keep,
            ),
            ("at work", Marks { moved: 3_000, ..working }, 303_000, Verdict::Keep),
            ("at work without a byte", Marks { moved: 3_000, ..working }, 303_001, Verdict::Cut(Cause::Idle)),
            ("a full socket", Marks { blocked_since: Some(5_000), ..working }, 35_001, Verdict::Cut(Cause::Write)),
            (
                "a closed window",
                Marks { owed: 1, handed: 5_000, moved: 35_001, ..working },
                35_001,
                Verdict::Cut(Cause::Write),
            ),
            ("a window that opens", Marks { owed: 1, handed: 34_000, ..working }, 35_001, Verdict::Keep),
            ("a WebSocket", Marks { upgraded: true, moved: 300_000, ..rested() }, 400_000, Verdict::Keep),
        ];
        for (what, marks, now, expected) in cases {
            assert_eq!(judge_marks(marks, now, PATIENCE), expected, "{what}");
        }
    }

    #[test]
    fn who_never_asked_gives_way_first_and_who_works_never() {
        let silent = Marks { accepted: 9_000, moved: 9_000, ..Marks::default() };
        assert!(rest_since(silent) < rest_since(rested()));
        assert!(rest_since(rested()) < rest_since(Marks { answered: 3_000, ..rested() }));
        assert_eq!(rest_since(Marks { active: 1, ..rested() }), None);
        assert_eq!(rest_since(Marks { blocked_since: Some(1), ..rested() }), None);
        assert_eq!(rest_since(Marks { upgraded: true, ..rested() }), None);
    }
}
