//! The cells of the comparison: what is measured, against what, and the ratio that is wanted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use prost::Message;

use super::control::{self, Server};
use super::drive::{Figures, Worker, closed_loop, open_loop};
use super::etcd::Etcd;
use super::node::{self, OurCluster, Place, Repeated, Size};
use super::{Plan, group_sync, machine};

/// A sync that takes longer says that the disk or the scheduler is busy with something else.
const SYNC_MAX: Duration = Duration::from_micros(400);

/// Work of our cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A schema by id, from the node's own state.
    ById,
    /// A version by number, from the node's own state.
    Version,
    /// The latest version, from the node's own state.
    LatestLocal,
    /// The latest version, confirmed against a quorum.
    LatestLinearizable,
    /// A version over gRPC.
    Grpc,
    /// The registration of what is there already.
    Known,
    /// The registration of something new.
    New(Size),
}

/// What it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// A bare HTTP server with the same bytes.
    Axum,
    /// A bare gRPC server with the same message.
    Tonic,
    /// A durable put of the same size in a cluster of etcd.
    EtcdPut,
    /// A linearizable get in a cluster of etcd.
    EtcdGet,
    /// Appends of the same size that share syncs, on the same disk.
    GroupSync,
}

/// One round of a cell.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// Nobody else used the machine to speak of.
    pub(super) quiet: bool,
    /// The share of the machine that others used.
    pub(super) foreign: f64,
    /// Before and after; none if there is nothing to compare with on this machine.
    pub(super) controls: Vec<Figures>,
    pub(super) ours: Figures,
    /// Processor time of all our nodes per answer, in microseconds.
    pub(super) processor_us: f64,
    /// Latencies at a given rate.
    pub(super) open: Option<Figures>,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Its name.
    pub name: &'static str,
    /// What our cluster does.
    pub work: Work,
    /// On which node.
    pub place: Place,
    /// Clients at once.
    pub clients: usize,
    /// What it is compared with.
    pub control: Control,
    /// The ratio that is wanted; 0: the row only shows where the limit is.
    pub goal: f64,
}

const fn cell(name: &'static str, work: Work, place: Place, clients: usize, control: Control, goal: f64) -> Cell {
    Cell { name, work, place, clients, control, goal }
}

/// The table.
pub const CELLS: &[Cell] = &[
    cell("by id, 32", Work::ById, Place::Follower, 32, Control::Axum, 0.70),
    cell("by id, 128", Work::ById, Place::Follower, 128, Control::Axum, 0.70),
    cell("version by number, 32", Work::Version, Place::Follower, 32, Control::Axum, 0.65),
    cell("latest local, 32", Work::LatestLocal, Place::Follower, 32, Control::Axum, 0.65),
    cell("gRPC GetVersion, 32", Work::Grpc, Place::Follower, 32, Control::Tonic, 0.75),
    cell("known registration, 16", Work::Known, Place::Follower, 16, Control::Axum, 0.50),
    cell("known registration, 64", Work::Known, Place::Follower, 64, Control::Axum, 0.50),
    cell("linearizable latest, leader 64", Work::LatestLinearizable, Place::Leader, 64, Control::EtcdGet, 1.5),
    cell("linearizable latest, leader 256", Work::LatestLinearizable, Place::Leader, 256, Control::EtcdGet, 1.5),
    cell("linearizable latest, follower 64", Work::LatestLinearizable, Place::Follower, 64, Control::EtcdGet, 1.3),
    cell("linearizable latest, follower 256", Work::LatestLinearizable, Place::Follower, 256, Control::EtcdGet, 1.3),
    cell("new registration, 1", Work::New(Size::Usual), Place::Leader, 1, Control::EtcdPut, 1.0),
    cell("new registration, 16", Work::New(Size::Usual), Place::Leader, 16, Control::EtcdPut, 1.25),
    cell("new registration, 64", Work::New(Size::Usual), Place::Leader, 64, Control::EtcdPut, 1.25),
    cell("new registration, 256", Work::New(Size::Usual), Place::Leader, 256, Control::EtcdPut, 1.25),
    cell("new small registration, 64", Work::New(Size::Small), Place::Leader, 64, Control::EtcdPut, 1.5),
    cell("new registration beside the disk, 64", Work::New(Size::Usual), Place::Leader, 64, Control::GroupSync, 0.0),
];

/// Everything that runs while cells are measured.
pub(super) struct Bench {
    ours: OurCluster,
    axum: (Server, u16),
    tonic: (Server, u16),
    etcd: Option<Etcd>,
    dir: PathBuf,
}

impl Bench {
    /// Starts the controls that these cells need.
    ///
    /// # Errors
    /// A text if a server does not start.
    pub(super) async fn prepare_cells(ours: OurCluster, dir: &Path, cells: &[&Cell]) -> Result<Self, String> {
        let axum = control::start_control("serve-axum", &ours.answer_by_id().await?, dir).await?;
        let tonic = control::start_control("serve-tonic", &ours.answer_by_grpc().await?.encode_to_vec(), dir).await?;
        let needs_etcd = cells.iter().any(|cell| matches!(cell.control, Control::EtcdPut | Control::EtcdGet));
        let etcd = if needs_etcd { Etcd::start_cluster(dir).await? } else { None };
        Ok(Self { ours, axum, tonic, etcd, dir: dir.to_owned() })
    }

    /// Ends every server.
    pub(super) async fn stop_servers(self) {
        // Each ends with its value.
        drop(self);
    }

    fn control_pids(&self) -> Vec<u32> {
        let etcd = self.etcd.iter().flat_map(Etcd::process_ids);
        self.ours
            .process_ids()
            .into_iter()
            .chain([self.axum.0.process_id(), self.tonic.0.process_id()])
            .chain(etcd)
            .collect()
    }

    /// Control, ours, control; the ratio against the mean of the two controls.
    ///
    /// # Errors
    /// A text if a server cannot be reached.
    pub(super) async fn measure_cell(&mut self, cell: &Cell, plan: &Plan) -> Result<Measured, String> {
        let missing = matches!(cell.control, Control::EtcdPut | Control::EtcdGet) && self.etcd.is_none();
        machine::wait_until_quiet(&self.control_pids(), plan.quiet_wait).await;
        let sync = group_sync::probe_sync(&self.dir).await?;
        let watch = machine::Watch::start(&self.control_pids());
        let before = if missing { None } else { Some(self.measure_control(cell, plan.time / 2).await?) };
        let used = self.ours.processor_seconds();
        let ours = self.measure_ours(cell, plan.time, None).await?;
        let used = self.ours.processor_seconds() - used;
        let after = if missing { None } else { Some(self.measure_control(cell, plan.time / 2).await?) };
        let foreign = watch.end_watch(&self.control_pids()).share;
        let open = match plan.open_loop {
            Some(share) => Some(self.measure_ours(cell, plan.time, Some(ours.per_second * share)).await?),
            None => None,
        };
        let durable = matches!(cell.work, Work::New(_));
        Ok(Measured {
            quiet: foreign < machine::FOREIGN_MAX && (!durable || sync < SYNC_MAX),
            foreign,
            controls: before.into_iter().chain(after).collect(),
            ours,
            #[allow(clippy::cast_precision_loss, reason = "counts of a run of seconds")]
            processor_us: used * 1e6 / (ours.answers.max(1) as f64),
            open,
        })
    }

    async fn measure_control(&mut self, cell: &Cell, time: Duration) -> Result<Figures, String> {
        let bytes = match cell.work {
            Work::New(size) => size.schema_bytes(),
            _ => Size::Usual.schema_bytes(),
        };
        Ok(match cell.control {
            Control::Axum => {
                let what = match cell.work {
                    Work::Known => Repeated { path: "/schemas/ids/1", ..Repeated::known_registration() },
                    _ => Repeated::get("/schemas/ids/1"),
                };
                closed_loop(node::connect_repeaters(self.axum.1, &what, cell.clients).await?, time).await
            }
            Control::Tonic => closed_loop(node::grpc_readers(self.tonic.1, cell.clients).await?, time).await,
            Control::GroupSync => closed_loop(group_sync::start_producers(&self.dir, bytes, cell.clients)?, time).await,
            Control::EtcdPut | Control::EtcdGet => {
                let etcd = self.etcd.as_mut().ok_or("etcd is not installed")?;
                if cell.control == Control::EtcdPut {
                    closed_loop(etcd.connect_putters(bytes, cell.clients).await?, time).await
                } else {
                    closed_loop(etcd.connect_getters(bytes, cell.clients).await?, time).await
                }
            }
        })
    }

    async fn measure_ours(&self, cell: &Cell, time: Duration, rate: Option<f64>) -> Result<Figures, String> {
        const VERSION: &str = "/subjects/bench-known/versions/1";
        const LOCAL: &str = "/subjects/bench-known/versions/latest?consistency=local";
        const LINEARIZABLE: &str = "/subjects/bench-known/versions/latest?consistency=linearizable";
        let repeated = match cell.work {
            Work::ById => Repeated::get("/schemas/ids/1"),
            Work::Version => Repeated::get(VERSION),
            Work::LatestLocal => Repeated::get(LOCAL),
            Work::LatestLinearizable => Repeated::get(LINEARIZABLE),
            Work::Known => Repeated::known_registration(),
            Work::Grpc => {
                return Ok(drive_workers(self.ours.grpc_readers(cell.place, cell.clients).await?, time, rate).await);
            }
            Work::New(size) => {
                return Ok(drive_workers(
                    self.ours.connect_registrants(cell.place, size, cell.clients).await?,
                    time,
                    rate,
                )
                .await);
            }
        };
        Ok(drive_workers(self.ours.connect_repeaters(cell.place, &repeated, cell.clients).await?, time, rate).await)
    }
}

async fn drive_workers<W: Worker>(workers: Vec<W>, time: Duration, rate: Option<f64>) -> Figures {
    match rate {
        Some(rate) => open_loop(workers, rate, time).await,
        None => closed_loop(workers, time).await,
    }
}
