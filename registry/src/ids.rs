//! Numbers and identifiers that must not be mixed up: a schema id is not a version, a version is not a log index.

use std::fmt;

/// Position of an entry in the replicated log. 0 means "before the first entry".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogIndex(pub u64);

/// Id of a schema inside one context, from 1 on; never reused. It fits in an `i32`, as clients expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaId(pub u32);

/// Version number inside one subject, from 1 on. It fits in an `i32`, as clients expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

/// Names one intended change, so that retries of it have one effect: a client's `Idempotency-Key`, or one made by the
/// node that received the request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub String);

macro_rules! display_number {
    ($($type:ident),+) => {
        $(impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        })+
    };
}

display_number!(LogIndex, SchemaId, Version, RequestId);

impl Version {
    /// The version as it stands in a reference.
    pub fn as_i32(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }

    /// The version with this number, if it can be one (1 … 2^31−1).
    pub fn from_i32(number: i32) -> Option<Self> {
        u32::try_from(number).ok().filter(|number| *number > 0).map(Self)
    }
}
