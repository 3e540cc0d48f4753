//! Does a piece of data fit a schema? Avro binary and Avro-JSON, with every error and its path.
//!
//! Both decoders are strict: nothing may be missing, left over or out of range, where Java reads on in silence (booleans
//! other than 0 and 1, integers of too many bits). They never build the datum, and are bounded in depth, in steps and
//! in errors, whatever the data claims about its own length.

use super::model::{Kind, Model};
use crate::validate::DataError;

mod binary;
mod json;

pub use binary::validate_binary;
pub use json::validate_json;

/// Deepest nesting of data (records in records, items in arrays). Enough for any document; a list that links its
/// elements one inside the other is not a document.
pub const DATA_DEPTH_MAX: usize = 256;
/// Most errors that are reported for one datum.
pub const DATA_ERROR_COUNT_MAX: usize = 100;

/// A step of the path to the value at hand.
#[derive(Debug, Clone)]
enum Step<'d> {
    Member(&'d str),
    Index(u64),
}

/// The errors found so far, and the way to where the decoder is.
#[derive(Debug, Default)]
struct Report<'d> {
    path: Vec<Step<'d>>,
    errors: Vec<DataError>,
}

/// The decoder cannot go on: the place of what follows is unknown, or enough errors were found.
#[derive(Debug)]
struct Stop;

impl Report<'_> {
    /// Notes an error at the current place.
    fn add(&mut self, message: impl Into<String>) -> Result<(), Stop> {
        self.errors.push(DataError { path: self.pointer(), message: message.into() });
        if self.errors.len() >= DATA_ERROR_COUNT_MAX { Err(Stop) } else { Ok(()) }
    }

    /// Notes an error after which nothing can be read.
    fn end(&mut self, message: impl Into<String>) -> Stop {
        self.errors.push(DataError { path: self.pointer(), message: message.into() });
        Stop
    }

    /// The current place as a JSON pointer (RFC 6901).
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.path {
            pointer.push('/');
            match step {
                Step::Member(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}

/// The branches of a union, for a message.
fn branch_list(model: &Model, branches: &[super::model::NodeId]) -> String {
    let names: Vec<_> = branches.iter().take(10).map(|branch| model.kind(*branch).branch_name()).collect();
    let more = if branches.len() > names.len() { ", …" } else { "" };
    format!("[{}{more}]", names.join(", "))
}

/// What should be there, for a message: the full name of a named type, else the kind.
fn expected(kind: &Kind) -> String {
    match kind.named() {
        Some(named) => format!("{} {}", kind.word(), named.name.full()),
        None => kind.word().to_owned(),
    }
}
