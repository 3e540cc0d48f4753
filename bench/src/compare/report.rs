//! The figures as a table, as JSON, and as a chart.

use std::fmt::Write;

use serde_json::{Value, json};

use super::cells::{Cell, Measured};

/// Fewer undisturbed rounds than this say nothing: then all rounds are shown, and the row is marked.
const QUIET_ROUNDS_MIN: usize = 3;

impl Measured {
    fn control_rate(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "two controls")]
        let count = self.controls.len() as f64;
        (count > 0.0).then(|| self.controls.iter().map(|figures| figures.per_second).sum::<f64>() / count)
    }

    fn ratio_to_control(&self) -> Option<f64> {
        self.control_rate().filter(|control| *control > 0.0).map(|control| self.ours.per_second / control)
    }

    /// For whoever watches the run.
    pub(super) fn in_words(&self) -> String {
        let ratio = self
            .ratio_to_control()
            .map_or_else(|| "nothing to compare with".to_owned(), |ratio| format!("ratio {ratio:.2}"));
        let failed = if self.ours.failed > 0 { format!(", {} FAILED", self.ours.failed) } else { String::new() };
        format!(
            "{:.0}/s, {ratio}, p50 {:.2} ms, p99 {:.2} ms, others {:.0} %{failed}",
            self.ours.per_second,
            in_ms(self.ours.p50),
            in_ms(self.ours.p99),
            100.0 * self.foreign
        )
    }
}

fn in_ms(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A cell with its rounds.
#[derive(Debug, Clone)]
pub struct Row {
    cell: Cell,
    rounds: Vec<Measured>,
}

/// Smallest, middle, largest.
#[derive(Debug, Clone, Copy)]
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

fn spread_of(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    Some(Spread { min: *values.first()?, median: values[values.len() / 2], max: *values.last()? })
}

impl Row {
    pub(super) fn of(cell: &Cell) -> Self {
        Self { cell: *cell, rounds: Vec::new() }
    }

    pub(super) fn add_round(&mut self, measured: Measured) {
        self.rounds.push(measured);
    }

    /// The rounds that count, and whether they were undisturbed.
    fn counted_rounds(&self) -> (Vec<&Measured>, bool) {
        let quiet: Vec<&Measured> = self.rounds.iter().filter(|round| round.quiet).collect();
        let enough = quiet.len() >= QUIET_ROUNDS_MIN.min(self.rounds.len());
        if enough { (quiet, true) } else { (self.rounds.iter().collect(), false) }
    }

    fn median_of(&self, of: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        spread_of(self.counted_rounds().0.into_iter().filter_map(of)).map(|spread| spread.median)
    }

    fn ratio_spread(&self) -> Option<Spread> {
        spread_of(self.counted_rounds().0.into_iter().filter_map(Measured::ratio_to_control))
    }

    fn in_json(&self) -> Value {
        let ratios = self.ratio_spread();
        json!({
            "cell": self.cell.name,
            "goal": self.cell.goal,
            "clients": self.cell.clients,
            "control": format!("{:?}", self.cell.control),
            "quiet": self.counted_rounds().1,
            "rounds": self.counted_rounds().0.len(),
            "perSecond": self.median_of(|round| Some(round.ours.per_second)),
            "controlPerSecond": self.median_of(Measured::control_rate),
            "ratio": ratios.map(|spread| json!({"min": spread.min, "median": spread.median, "max": spread.max})),
            "p50Ms": self.median_of(|round| Some(in_ms(round.ours.p50))),
            "p99Ms": self.median_of(|round| Some(in_ms(round.ours.p99))),
            "controlP99Ms": self.median_of(|round| round.controls.last().map(|figures| in_ms(figures.p99))),
            "openLoopP50Ms": self.median_of(|round| round.open.map(|figures| in_ms(figures.p50))),
            "openLoopP99Ms": self.median_of(|round| round.open.map(|figures| in_ms(figures.p99))),
            "processorMicroseconds": self.median_of(|round| Some(round.processor_us)),
            "failed": self.rounds.iter().map(|round| round.ours.failed).sum::<u64>(),
        })
    }
}

/// All rows, with the machine.
#[derive(Debug, Clone)]
pub struct Report {
    rows: Vec<Row>,
    machine: Value,
}

impl Report {
    pub(super) fn of(rows: Vec<Row>, machine: Value) -> Self {
        Self { rows, machine }
    }

    /// For programs.
    pub fn in_json(&self) -> Value {
        json!({"machine": self.machine, "rows": self.rows.iter().map(Row::in_json).collect::<Vec<_>>()})
    }

    /// For people: a table in Markdown.
    pub fn in_markdown(&self) -> String {
        let mut text = String::from(
            "| work, clients | ours per s | beside per s | ratio (min to max) | goal | p50 ms | p99 ms | CPU µs |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|\n",
        );
        for row in &self.rows {
            let figure = |value: Option<f64>, places: usize| {
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.places$}"))
            };
            let ratio = row.ratio_spread().map_or_else(
                || "–".to_owned(),
                |spread| format!("**{:.2}** ({:.2} to {:.2})", spread.median, spread.min, spread.max),
            );
            let goal = if row.cell.goal > 0.0 { format!("{:.2}", row.cell.goal) } else { "–".to_owned() };
            let disturbed = if row.counted_rounds().1 { "" } else { " (busy machine)" };
            writeln!(
                text,
                "| {}{disturbed} | {} | {} {:?} | {ratio} | {goal} | {} | {} | {} |",
                row.cell.name,
                figure(row.median_of(|round| Some(round.ours.per_second)), 0),
                figure(row.median_of(Measured::control_rate), 0),
                row.cell.control,
                figure(row.median_of(|round| Some(in_ms(round.ours.p50))), 2),
                figure(row.median_of(|round| Some(in_ms(round.ours.p99))), 2),
                figure(row.median_of(|round| Some(round.processor_us)), 0),
            )
            .expect("writing to a string cannot fail");
        }
        text
    }

    /// For a page: a bar per row, with the goal as a mark.
    pub fn in_svg(&self) -> String {
        const LEFT: f64 = 270.0;
        const WIDTH: f64 = 420.0;
        const STEP: f64 = 26.0;
        const RATIO_MAX: f64 = 3.0;
        let place = |ratio: f64| LEFT + WIDTH * ratio.clamp(0.0, RATIO_MAX) / RATIO_MAX;
        #[allow(clippy::cast_precision_loss, reason = "a few rows")]
        let height = STEP * (self.rows.len() as f64 + 2.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" font-family=\"sans-serif\" \
             font-size=\"12\" role=\"img\" aria-label=\"Our speed as a ratio of what stands beside it\">\n\
             <rect width=\"760\" height=\"{height}\" fill=\"#ffffff\"/>\n\
             <line x1=\"{x}\" y1=\"8\" x2=\"{x}\" y2=\"{height}\" stroke=\"#888888\" stroke-dasharray=\"3 3\"/>\n",
            x = place(1.0)
        );
        for (number, row) in self.rows.iter().enumerate() {
            #[allow(clippy::cast_precision_loss, reason = "a few rows")]
            let y = STEP * (number as f64 + 0.5);
            let Some(ratio) = row.ratio_spread() else { continue };
            let met = row.cell.goal <= ratio.median;
            let colour = if row.cell.goal == 0.0 {
                "#9aa5b1"
            } else if met {
                "#2e7d32"
            } else {
                "#c77700"
            };
            writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{}\" height=\"16\" fill=\"{colour}\"/>\
                 <line x1=\"{g}\" y1=\"{y}\" x2=\"{g}\" y2=\"{}\" stroke=\"#000000\" stroke-width=\"2\"/>\
                 <text x=\"{}\" y=\"{}\">{:.2}</text>",
                LEFT - 8.0,
                y + 12.0,
                row.cell.name,
                place(ratio.median) - LEFT,
                y + 16.0,
                place(ratio.median) + 6.0,
                y + 12.0,
                ratio.median,
                g = place(row.cell.goal),
            )
            .expect("writing to a string cannot fail");
        }
        svg.push_str("</svg>\n");
        svg
    }
}
