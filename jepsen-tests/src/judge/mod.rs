//! Checkers. Nothing here shares code with the product; [`model`] says what a registry does, in a page.

pub mod append;
pub mod audit;
pub mod feed;
pub mod life;
pub mod linear;
pub mod model;
pub mod references;
pub mod search;
pub mod sessions;
pub mod settings;
pub mod unknowns;
pub mod verdict;
