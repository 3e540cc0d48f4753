//! Feeds: the events that apply emits, how long they are kept, and how far named readers of them have come.

pub(crate) mod apply;
mod command;
mod event;
mod outcome;
pub(crate) mod query;
pub(crate) mod retention;
mod rows;

pub use command::FeedsCommand;
pub use event::{Event, EventKind};
pub use outcome::{FeedsDone, FeedsRefusal};
pub use rows::CursorRow;
