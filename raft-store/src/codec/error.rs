//! The kinds of records, and what is wrong with one.

/// What a record is. The numbers are format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Kind {
    Entry = 1,
    Vote = 2,
    LogId = 3,
    Membership = 4,
    Mark = 5,
    Row = 6,
    Proposal = 7,
    Response = 8,
    Postings = 9,
}

/// A record that cannot be read or written. On a node this is damage or a newer program's data: the node stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum CodecError {
    #[error("the record is cut short: {length} bytes")]
    Short { length: usize },
    #[error("the record does not begin with the magic byte")]
    Magic,
    #[error("the record is of kind {found}, not {expected:?}")]
    Kind { expected: Kind, found: u8 },
    #[error(
        "the record is of cluster level {found}, this program knows levels up to {known}: a newer program wrote it; \
         upgrade this node"
    )]
    Version { found: u8, known: u8 },
    #[error("the record has the flags {found:#04x}, which this program does not know: a newer program wrote it")]
    Flags { found: u8 },
    #[error("the record's checksum is wrong: the disk has changed it")]
    Checksum,
    #[error("the record's body does not decode: {0}")]
    Body(String),
    #[error("the record holds what cannot be: {0}")]
    Content(String),
}
