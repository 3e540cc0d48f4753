//! Associations: which subject holds the schemas of a resource (a topic's keys or values), and how closely they are tied.
//!
//! Source: `docs/contexts.md`, "Associations".

pub(crate) mod apply;
mod command;
pub(crate) mod deletion;
mod outcome;
pub(crate) mod query;
mod rows;

pub use command::{AssociationChange, AssociationWish, AssociationsCommand};
pub use outcome::{AssociationsDone, AssociationsRefusal};
pub use rows::{AssociationRow, Lifecycle, Resource};
