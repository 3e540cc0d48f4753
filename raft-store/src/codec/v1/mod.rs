//! The frozen structs of the first layout: what the domain types look like on disk, in the log and between nodes.
//!
//! bincode is positional: the order of fields and of variants **is** the format. A released struct never changes but in the
//! two ways that keep its bytes: a field that comes later gets a number in the struct's tail, and a variant that comes later
//! stands at the end; both name the level that brought them. Every struct names concrete structs of this layout. Golden
//! bytes for each are in `tests/golden.rs`; `docs/contributing/formats.md` has the recipes.

pub(super) mod access;
pub(super) mod associations;
pub(super) mod catalog;
pub(super) mod cluster;
pub(super) mod common;
pub(super) mod envelope;
pub(super) mod feeds;
pub(super) mod life;
pub(super) mod settings;
