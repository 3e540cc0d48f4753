//! Fault injection against real `registry-node` processes, and checks that share no code with what they judge.
//!
//! A test starts a [`cluster::Cluster`] on loopback, lets a [`workload::Workload`] write through all of its nodes, breaks
//! things, heals them, reads every node back ([`dump`]) and lets [`check`] look for anything that was lost or changed.
//! Never here: a crate of the server. The product is known by its wire format only.

pub mod campaign;
pub mod check;
pub mod client;
pub mod cluster;
pub mod disk;
pub mod drill;
pub mod dump;
pub mod history;
pub mod judge;
pub mod native;
pub mod nemesis;
pub mod net;
pub mod ops;
pub mod schemas;
pub mod seed;
pub mod verify;
pub mod wait;
pub mod workload;
