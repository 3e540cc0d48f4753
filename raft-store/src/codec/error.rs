//! The kinds of records, and what is wrong with one.

/// What a record is. The numbers are format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// An entry of the log.
    Entry = 1,
    /// The vote of this node.
    Vote = 2,
    /// The id of an entry.
    LogId = 3,
    /// A membership, with the entry that set it.
    Membership = 4,
    /// What the log has promised at least.
    Mark = 5,
    /// A row of the state.
    Row = 6,
    /// A command on its way to the leader.
    Proposal = 7,
    /// The answer of apply on its way back.
    Response = 8,
    /// Entries of the term index.
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
