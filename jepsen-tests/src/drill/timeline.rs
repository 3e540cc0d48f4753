//! A drill as a picture: faults, who led, how long answers took, what had no outcome. One HTML file that needs nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::monitor::Sample;
use super::report::Report;
use super::strike::Strike;
use crate::ops::SubjectOperation;

const WIDTH: f64 = 1_100.0;
const LEFT: f64 = 90.0;
const ROW: f64 = 22.0;
const PLOT: f64 = 180.0;
/// Slowest answer that the scale shows, in milliseconds.
const LATENCY_MAX_MS: f64 = 10_000.0;
/// Answers drawn at most.
const POINTS_MAX: usize = 6_000;

/// The page. Times of strikes and `samples` are milliseconds since the faults began, `warm_ms` after the operations began.
pub fn render_html(report: &Report, samples: &[Sample], operations: &[SubjectOperation]) -> String {
    let (strikes, warm_ms) = (&report.strikes, report.warm_ms);
    let end = operations
        .iter()
        .filter(|operation| operation.output.is_some())
        .map(|operation| operation.returned / 1_000_000)
        .max();
    let end = strikes.iter().map(|strike| strike.to_ms + warm_ms).max().max(end).unwrap_or(1).max(1);
    #[allow(clippy::cast_precision_loss)]
    let x = |ms: u64| LEFT + ms as f64 * (WIDTH - LEFT - 10.0) / end as f64;
    let mut svg = String::new();
    let mut y = 10.0;
    draw_faults(&mut svg, strikes, warm_ms, y, &x);
    y += ROW * 2.0;
    y = draw_leadership(&mut svg, samples, warm_ms, y, &x);
    y += 12.0;
    draw_latencies(&mut svg, operations, y, &x);
    y += PLOT + 30.0;
    draw_axis(&mut svg, end, y, &x);
    y += 20.0;
    html_page(report, &svg, y)
}

fn draw_text(svg: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let written = write!(svg, "<text x='{x:.1}' y='{y:.1}' class='{class}'>{}</text>", escape_html(text));
    written.expect("writing to a string cannot fail");
}

fn draw_bar(svg: &mut String, from: f64, to: f64, y: f64, class: &str, title: &str) {
    let width = (to - from).max(1.5);
    let written = write!(
        svg,
        "<rect x='{from:.1}' y='{y:.1}' width='{width:.1}' height='{:.1}' class='{class}'><title>{}</title></rect>",
        ROW - 6.0,
        escape_html(title)
    );
    written.expect("writing to a string cannot fail");
}

fn draw_faults(svg: &mut String, strikes: &[Strike], warm_ms: u64, y: f64, x: &impl Fn(u64) -> f64) {
    draw_text(svg, 4.0, y + 13.0, "label", "faults");
    for (number, strike) in strikes.iter().enumerate() {
        let (from, to) = (x(strike.from_ms + warm_ms), x(strike.to_ms + warm_ms));
        let class = if strike.real { "fault" } else { "fault vacuous" };
        draw_bar(svg, from, to, y, class, &format!("{}: {}", strike.fault, strike.detail));
        // Names alternate between two lines, so that short faults can be read.
        draw_text(svg, from, y + ROW + if number % 2 == 0 { 4.0 } else { 15.0 }, "small", &strike.fault);
    }
}

fn draw_leadership(svg: &mut String, samples: &[Sample], warm_ms: u64, mut y: f64, x: &impl Fn(u64) -> f64) -> f64 {
    let mut nodes: BTreeMap<u64, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        nodes.entry(sample.node).or_default().push(sample);
    }
    for (node, samples) in nodes {
        draw_text(svg, 4.0, y + 13.0, "label", &format!("node {node}"));
        // Looks that follow each other closely and show the same are one bar.
        let mut run: Option<(&Sample, &Sample)> = None;
        for sample in samples {
            match run {
                Some((first, last))
                    if last.leads == sample.leads && last.term == sample.term && sample.at_ms < last.at_ms + 900 =>
                {
                    run = Some((first, sample));
                }
                _ => {
                    if let Some((first, last)) = run {
                        draw_reign(svg, first, last, warm_ms, y, x);
                    }
                    run = Some((sample, sample));
                }
            }
        }
        if let Some((first, last)) = run {
            draw_reign(svg, first, last, warm_ms, y, x);
        }
        y += ROW;
    }
    y
}

fn draw_reign(svg: &mut String, first: &Sample, last: &Sample, warm_ms: u64, y: f64, x: &impl Fn(u64) -> f64) {
    let class = if first.leads { "leader" } else { "follower" };
    let (from, to) = (x(first.at_ms + warm_ms), x(last.at_ms + warm_ms + 200));
    draw_bar(svg, from, to, y, class, &format!("{class} in term {}", first.term));
    if first.leads && to - from > 14.0 {
        draw_text(svg, from + 3.0, y + 12.0, "term", &first.term.to_string());
    }
}

fn draw_latencies(svg: &mut String, operations: &[SubjectOperation], y: f64, x: &impl Fn(u64) -> f64) {
    #[allow(clippy::cast_precision_loss)]
    let height = |ms: f64| y + PLOT - (ms.max(1.0).log10() / LATENCY_MAX_MS.log10()).min(1.0) * PLOT;
    draw_text(svg, 4.0, y + 10.0, "label", "answers");
    for ms in [1.0, 10.0, 100.0, 1_000.0, 10_000.0] {
        let at = height(ms);
        let line = write!(svg, "<line x1='{LEFT}' x2='{WIDTH}' y1='{at:.1}' y2='{at:.1}' class='grid'/>");
        line.expect("writing to a string cannot fail");
        draw_text(svg, 40.0, at + 4.0, "small", &format!("{ms} ms"));
    }
    let every = (operations.len() / POINTS_MAX).max(1);
    for operation in operations.iter().step_by(every) {
        let Some(_) = operation.output else {
            let at = x(operation.invoked / 1_000_000);
            let mark = write!(
                svg,
                "<rect x='{at:.1}' y='{:.1}' width='2' height='10' class='unknown'><title>no outcome: {} through node {}</title></rect>",
                y - 4.0,
                operation.op.kind(),
                operation.node
            );
            mark.expect("writing to a string cannot fail");
            continue;
        };
        #[allow(clippy::cast_precision_loss)]
        let ms = (operation.returned - operation.invoked) as f64 / 1e6;
        let class = if operation.op.is_write() { "write" } else { "read" };
        let point = write!(
            svg,
            "<circle cx='{:.1}' cy='{:.1}' r='1.6' class='{class}'/>",
            x(operation.returned / 1_000_000),
            height(ms)
        );
        point.expect("writing to a string cannot fail");
    }
}

fn draw_axis(svg: &mut String, end: u64, y: f64, x: &impl Fn(u64) -> f64) {
    let step = [1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 300_000].into_iter().find(|step| end / step <= 14);
    let step = step.unwrap_or(600_000);
    for ms in (0..=end).step_by(usize::try_from(step).expect("the step is small")) {
        draw_text(svg, x(ms), y, "small", &format!("{} s", ms / 1_000));
    }
}

fn html_page(report: &Report, svg: &str, height: f64) -> String {
    let faults: String =
        report.results.faults.iter().take(20).map(|fault| format!("<li>{}</li>", escape_html(fault))).collect();
    format!(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{name} {seed}</title><style>\
         body{{font:14px/1.5 system-ui,sans-serif;margin:24px;color:#1c2024;background:#fff}}\
         h1{{font-size:20px;margin:0}}.verdict{{font-weight:600}}.valid{{color:#18794e}}\
         .invalid,.unknown-verdict,.vacuous-verdict{{color:#cd2b31}}svg{{margin-top:16px}}\
         .label{{font-size:12px;fill:#1c2024}}.small{{font-size:9px;fill:#60646c}}.term{{font-size:10px;fill:#fff}}\
         .fault{{fill:#e5484d;opacity:.75}}.vacuous{{fill:#8b8d98}}.leader{{fill:#0d74ce}}.follower{{fill:#d8ecfc}}\
         .grid{{stroke:#e8e8ec}}.read{{fill:#0d74ce;opacity:.35}}.write{{fill:#18794e;opacity:.45}}.unknown{{fill:#e5484d}}\
         </style></head><body><h1>{name}</h1><p>Seed {seed}, commit {commit}: <span class='verdict {class}'>{verdict:?}</span>. \
         {judged} operations judged, {unknown} of unknown outcome; longest time without an answer {gap} ms.</p>\
         <ul>{faults}</ul>\
         <svg width='{WIDTH}' height='{height:.0}' role='img' aria-label='timeline'>{svg}</svg>\
         <p class='small'>Red bars: faults. Dark blue: leads, with its term; light blue: follows; blank: not seen. \
         Dots: answers (blue reads, green writes). Red marks: operations without outcome.</p></body></html>\n",
        name = escape_html(&report.drill),
        seed = report.seed,
        commit = escape_html(&report.commit),
        class = match report.results.verdict {
            crate::checker::verdict::Verdict::Valid => "valid",
            crate::checker::verdict::Verdict::Vacuous => "vacuous-verdict",
            crate::checker::verdict::Verdict::Unknown => "unknown-verdict",
            crate::checker::verdict::Verdict::Invalid => "invalid",
        },
        verdict = report.results.verdict,
        judged = report.results.operations,
        unknown = report.results.unknown,
        gap = report.results.longest_gap_ms,
    )
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;")
}
