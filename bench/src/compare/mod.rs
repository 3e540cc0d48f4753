//! Our cluster beside its limits and its peers, in one run.
//!
//! Absolute figures of a small shared machine mean little; the ratio of two things measured within seconds of each other
//! means much. So every cell runs its *control* (a bare server with the same bytes, or etcd with the same payload and the
//! same durability) right before and right after our own work, in an order that rotates from round to round, and reports
//! the median of the rounds' ratios with their spread. A run that other processes disturbed is marked, and left out where
//! enough undisturbed ones are there.

mod cells;
mod control;
mod drive;
mod etcd;
mod group_sync;
mod machine;
mod node;
mod report;
mod unary;

use std::path::PathBuf;
use std::time::Duration;

pub use cells::{CELLS, Cell};
pub use control::{serve_axum, serve_tonic};
pub use report::{Report, Row};

/// What to compare, and how long for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Rounds of every cell.
    pub rounds: usize,
    /// Length of one measurement.
    pub time: Duration,
    /// Only cells whose name contains this text.
    pub only: String,
    /// The server that is measured.
    pub node: PathBuf,
    /// How long a measurement waits for a quiet machine before it runs all the same.
    pub quiet_wait: Duration,
    /// Requests per second of an open loop, as a share of what the closed loop reached; none without it.
    pub open_loop: Option<f64>,
}

/// Runs the plan.
///
/// # Errors
/// A text if a server does not start or a cell cannot be measured at all.
pub async fn run_plan(plan: &Plan) -> Result<Report, String> {
    let scratch = machine::Scratch::make_folder()?;
    let wanted: Vec<&Cell> = CELLS.iter().filter(|cell| cell.name.contains(&plan.only)).collect();
    if wanted.is_empty() {
        return Err(format!("no cell's name contains \"{}\"", plan.only));
    }
    let ours = node::OurCluster::start_cluster(&plan.node, scratch.path()).await?;
    let mut bench = cells::Bench::prepare_cells(ours, scratch.path(), &wanted).await?;
    let mut rows: Vec<Row> = wanted.iter().map(|cell| Row::of(cell)).collect();
    for round in 0..plan.rounds {
        for position in 0..wanted.len() {
            // Another cell begins in each round, so that none always runs on a machine that is still warm, or already tired.
            let position = (position + round) % wanted.len();
            let measured = bench.measure_cell(wanted[position], plan).await?;
            eprintln!("round {} {}: {}", round + 1, wanted[position].name, measured.in_words());
            rows[position].add_round(measured);
        }
    }
    let report = Report::of(rows, machine::describe_machine(&plan.node));
    bench.stop_servers().await;
    Ok(report)
}
