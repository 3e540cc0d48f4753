//! What a registered schema becomes for each model provider, and how a model's answer comes back to the registered contract.
//!
//! Every provider accepts another part of JSON Schema. [`project`](project::project) writes a schema in the dialect of one and names every
//! loss beforehand; [`restore`](restore::restore) brings a value that the model wrote back to the registered contract. A
//! [`Source`] does both for a schema of any format.
//!
//! All of it are functions from data to data over the JSON tree of `schema`. Never here: I/O, a clock, randomness, hash
//! order, a provider's SDK.

#![warn(missing_docs)]

pub mod check;
pub mod dialect;
pub mod dialects;
mod digest;
pub mod envelope;
pub mod limits;
pub mod lint;
mod loss;
mod merge;
mod normal;
mod patterns;
pub mod project;
pub mod restore;
mod source;
mod stats;
pub mod toolset;
mod tree;

pub use dialect::Dialect;
pub use digest::{canonical_text, digest};
pub use loss::{Class, Loss, Refusal};
pub use project::{Int64, Options, Projection, project};
pub use restore::{Inverse, RestoreError, restore};
pub use source::{Registered, Source, SourceError};
pub use stats::Stats;
