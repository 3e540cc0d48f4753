//! What a registered schema becomes for each model provider, and how a model's answer comes back to the registered contract.
//!
//! Every provider accepts another part of JSON Schema. [`project`](project::project) writes a schema in the dialect of one and names every
//! loss beforehand; [`restore`](restore::restore) brings a value that the model wrote back to the registered contract, and
//! [`repair`](repair) mends an answer where that is certain. [`lint`] says beforehand which providers will refuse what, and
//! [`toolset`] writes the tools of one request, byte by byte the same each time.
//!
//! All of it are functions from data to data over the JSON tree of `schema`. Never here: I/O, a clock, randomness, hash
//! order, a provider's SDK.

pub mod dialect;
pub mod dialects;
mod digest;
pub mod envelope;
pub mod limits;
mod loss;
mod merge;
mod normal;
mod patterns;
pub mod project;
pub mod restore;
mod stats;
mod tree;

pub use dialect::Dialect;
pub use digest::{canonical_text, digest};
pub use loss::{Class, Loss, Refusal};
pub use project::{Options, Projection, project};
pub use restore::{Inverse, RestoreError, restore};
pub use stats::Stats;
