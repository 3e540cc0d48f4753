//! Avro, JSON Schema and Protobuf as pure functions.
//!
//! Text goes in, a parsed schema comes out; from it the canonical and the normalised text, the fingerprint, the verdict
//! on compatibility, the semantic diff and the validation of data. The node and the client library use the same code.
//!
//! Never here: I/O, a clock, randomness, hash-map order, async. Work on what a client sent is bounded by the named
//! constants of [`limits`] and by a [`Budget`], so that no input can hang or crash a node.

#![warn(missing_docs)]

pub mod avro;
pub mod compat;
pub mod diff;
mod error;
mod guid;
pub mod json;
pub mod limits;
pub mod lint;
mod parsed;
pub mod protobuf;
pub mod tags;
mod types;
pub mod validate;
pub mod wire;

pub use error::SchemaError;
pub use guid::{Guid, guid_of};
pub use limits::Budget;
pub use parsed::ParsedSchema;
pub use types::{
    EnableAt, Format, Metadata, Reference, Rendering, ResolvedReference, Rule, RuleKind, RuleMode, RuleSet, Strictness,
};
