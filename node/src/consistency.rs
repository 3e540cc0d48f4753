//! How fresh a read must be: a word of the configuration, of requests and of the service.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use registry::LogIndex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How fresh a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consistency {
    /// Local for what is there and immutable; confirmed otherwise.
    #[default]
    Default,
    /// What this replica has.
    Local,
    /// Not older than this.
    Bounded(Duration),
    /// At least this index.
    Session(LogIndex),
    /// Not older than any write acknowledged before the read.
    Linearizable,
}

/// A text that names no consistency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("consistency is one of default, local, linearizable, bounded:<milliseconds>, session:<index>")]
pub struct UnknownConsistency;

impl FromStr for Consistency {
    type Err = UnknownConsistency;

    fn from_str(text: &str) -> Result<Self, UnknownConsistency> {
        match text.split_once(':') {
            None => match text {
                "default" => Ok(Self::Default),
                "local" => Ok(Self::Local),
                "linearizable" => Ok(Self::Linearizable),
                _ => Err(UnknownConsistency),
            },
            Some(("bounded", limit)) => {
                limit.parse().map(Duration::from_millis).map(Self::Bounded).map_err(|_| UnknownConsistency)
            }
            Some(("session", index)) => {
                index.parse().map(|index| Self::Session(LogIndex(index))).map_err(|_| UnknownConsistency)
            }
            Some(_) => Err(UnknownConsistency),
        }
    }
}

impl Consistency {
    /// Reads `default`, `local`, `linearizable`, `bounded:<milliseconds>` or `session:<index>`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Local => f.write_str("local"),
            Self::Bounded(limit) => write!(f, "bounded:{}", limit.as_millis()),
            Self::Session(index) => write!(f, "session:{index}"),
            Self::Linearizable => f.write_str("linearizable"),
        }
    }
}

impl Serialize for Consistency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Consistency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("{error}, not \"{text}\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again_and_nothing_else_is() {
        for text in ["default", "local", "linearizable", "bounded:250", "session:7"] {
            assert_eq!(text.parse::<Consistency>().map(|read| read.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "strong", "bounded", "bounded:", "bounded:-1", "session:x", "local:1"] {
            assert_eq!(text.parse::<Consistency>(), Err(UnknownConsistency), "{text}");
        }
    }
}
