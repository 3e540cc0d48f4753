//! Checkers: they judge histories. Nothing here shares code with the product; [`model`] says in a page what a subject does.

pub mod append;
pub mod audit;
pub mod contexts;
pub mod feed;
pub mod invariants;
pub mod lifecycle;
pub mod linear;
pub mod model;
pub mod references;
pub mod revisions;
pub mod search;
pub mod sessions;
pub mod settings;
pub mod unknowns;
pub mod verdict;
