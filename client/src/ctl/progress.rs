//! How far something has come: a line on the standard error, on a terminal only.
#![allow(
    clippy::print_stderr,
    reason = "progress is for the person at the terminal, never for the reader of the output"
)]

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two lines.
const EVERY: Duration = Duration::from_millis(200);
const BAR_WIDTH: usize = 30;

/// The progress of something whose length may be known.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    length: Option<u64>,
    started: Instant,
    shown: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    pub(crate) fn new(what: &str, length: Option<u64>) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { what: what.to_owned(), length, started: Instant::now(), shown: None, is_terminal }
    }

    /// So many bytes are done.
    pub(crate) fn at(&mut self, bytes: u64) {
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= EVERY);
        if self.is_terminal && is_due {
            self.shown = Some(Instant::now());
            eprint!("\r\x1b[K{}", line(&self.what, bytes, self.length, self.started.elapsed()));
        }
    }

    /// Nothing more comes: the line goes.
    pub(crate) fn end(&mut self) {
        if self.shown.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}

fn line(what: &str, bytes: u64, length: Option<u64>, elapsed: Duration) -> String {
    let per_second = u128::from(bytes) * 1_000 / elapsed.as_millis().max(1);
    let rate = size(u64::try_from(per_second).unwrap_or(u64::MAX));
    match length.filter(|length| *length > 0) {
        None => format!("{what}  {}  {rate}/s", size(bytes)),
        Some(length) => {
            let done = bytes.min(length);
            let full = usize::try_from(done * BAR_WIDTH as u64 / length).unwrap_or(0);
            let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR_WIDTH - full));
            format!("{what}  {bar}  {}%  {} of {}  {rate}/s", done * 100 / length, size(bytes), size(length))
        }
    }
}

/// Bytes for a person.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (bytes, 0, 0);
    while whole >= 1_024 && unit + 1 < UNITS.len() {
        rest = whole % 1_024;
        whole /= 1_024;
        unit += 1;
    }
    if unit == 0 { format!("{whole} B") } else { format!("{whole}.{} {}", rest * 10 / 1_024, UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let second = Duration::from_secs(1);
        assert_eq!(line("x", 1_536, None, second), "x  1.5 KiB  1.5 KiB/s");
        let half = line("x", 512, Some(1_024), second);
        assert!(half.contains("50%") && half.contains(&"█".repeat(15)) && half.contains(&"░".repeat(15)), "{half}");
        assert!(line("x", 9, Some(3), second).contains("100%"));
        assert!(line("x", 9, Some(0), Duration::ZERO).starts_with("x  9 B"));
        assert_eq!(size(1024 * 1024 * 1024 * 3 / 2), "1.5 GiB");
    }
}
