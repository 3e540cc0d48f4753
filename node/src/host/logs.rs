//! The set-up of logs on standard error: text on a terminal, JSON otherwise; `RUST_LOG` filters.
//!
//! What repeats is written a few times and then left out for a while: a peer that is gone is one cause, and not a line for
//! each message that does not reach it. Warnings and errors of requests have a limit of their own, at the edge.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::clock::{self, Instant};

/// Lines from one place of the program in one window.
const LINES_MAX: u32 = 3;
/// After this, the same is said again, if it is still so.
const WINDOW: Duration = Duration::from_secs(60);
/// The target whose lines are bounded elsewhere, each of which somebody may look for.
const BOUNDED_ELSEWHERE: &str = "node::edge";

/// Lines that were left out since the start, for the figures.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Lines that were left out since the start.
pub fn left_out() -> u64 {
    LEFT_OUT.load(Ordering::Relaxed)
}

/// Sets up logs of the process.
pub fn start_logging() {
    let filter = || EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,openraft=warn"));
    let registry = tracing_subscriber::registry().with(filter());
    let lines = fmt::layer().with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        registry.with(lines.with_filter(Seldom::default())).init();
    } else {
        registry.with(lines.json().with_filter(Seldom::default())).init();
    }
}

/// Lets the same line through a few times in a window.
#[derive(Debug, Default)]
struct Seldom {
    /// By the place in the program: file and line. There are as many as there are such lines in the program.
    places: Mutex<BTreeMap<(&'static str, u32), Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begun: Instant,
    lines: u32,
}

impl Window {
    fn admits(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.begun) >= WINDOW {
            *self = Self { begun: now, lines: 0 };
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= LINES_MAX
    }
}

impl<S: Subscriber> Filter<S> for Seldom {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target().starts_with(BOUNDED_ELSEWHERE) {
            return true;
        }
        let place = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
        let now = clock::now();
        let admitted = self.places.lock().entry(place).or_insert(Window { begun: now, lines: 0 }).admits(now);
        if !admitted {
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_repeats_is_written_a_few_times() {
        let written = Written::default();
        let writer = written.clone();
        let lines = fmt::layer().with_writer(move || writer.clone()).with_filter(Seldom::default());
        let before = left_out();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            for number in 0..100 {
                tracing::warn!(number, "the peer does not answer");
                tracing::info!(number, "a step of life");
            }
            tracing::warn!("something else");
        });
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        assert_eq!(text.matches("does not answer").count(), LINES_MAX as usize, "{text}");
        assert_eq!(text.matches("a step of life").count(), 100);
        assert_eq!(text.matches("something else").count(), 1);
        assert!(left_out() - before >= 97);
    }

    #[test]
    fn a_minute_later_it_is_said_again() {
        let begun = clock::now();
        let mut window = Window { begun, lines: 0 };
        assert_eq!((0..10).filter(|_| window.admits(begun)).count(), 3);
        assert!(window.admits(begun + WINDOW));
    }
}
