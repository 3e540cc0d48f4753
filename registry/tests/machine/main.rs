//! Tests of the state machine over the view in memory: laws on random histories, each refusal, stale verdicts, remembered
//! requests, and the bytes of keys.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test panics where it is surprised")]

mod access;
mod associations;
mod basis;
mod cluster;
mod governance;
mod keys;
mod laws;
mod lifecycle;
mod rejections;
mod requests;
mod support;
mod weight;
