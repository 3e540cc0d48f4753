//! Fault injection against real `registry-node` processes, and checks that share no code with what they judge.
//!
//! A test starts a [`cluster::Cluster`] on loopback, lets a [`workload::Workload`] write through all of its nodes, breaks
//! things, heals them, reads every node back ([`dump`]) and lets [`checker::invariants`] look for anything that was lost or changed.
//! A [`drill`] does the same with all workloads of [`ops`], the faults of [`nemesis`] and every [`checker`].
//!
//! Never here: a crate of the server. The product is known by its wire format only.

pub mod campaign;
pub mod cases;
pub mod checker;
pub mod client;
pub mod cluster;
pub mod disk;
pub mod drill;
pub mod dump;
pub mod history;
pub mod native;
pub mod nemesis;
pub mod net;
pub mod ops;
pub mod outside;
pub mod schemas;
pub mod seed;
pub mod verify;
pub mod wait;
pub mod workload;
