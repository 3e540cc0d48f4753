//! The catalogue of schemas: subjects, their versions, ids and contents, what refers to what, and deletion.

pub(crate) mod apply;
mod command;
mod delete;
pub(crate) mod find;
mod outcome;
pub(crate) mod pages;
pub(crate) mod query;
mod register;
mod rows;
mod terms;

pub use command::{Assign, CatalogCommand, Content, Permanent, Register};
pub(crate) use delete::{purge_subject, soft_delete_subject};
pub use outcome::{CatalogDone, CatalogRefusal};
pub(crate) use register::{add_version, refuse_by_policy};
pub use rows::{ContentRow, ContextRow, Deleted, SubjectRow, TermsRow, VersionRow};
pub use terms::Terms;
