//! W3C trace context: which distributed trace a request belongs to.
//!
//! Taken from the client's `traceparent` or begun here, written into logs, and carried along when a write is taken to the
//! leader, so that one trace shows every node that worked on it.

use std::fmt;

use uuid::Uuid;

/// The header, and gRPC metadata, that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// A place in a trace (<https://www.w3.org/TR/trace-context/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`. What is not one begins a trace of its own: a client's mistake must not refuse its request.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        // Later versions may append parts; this one has four.
        let has_right_parts = version != "00" || parts.next().is_none();
        let is_known_version = is_hex(version, 2) && version != "ff";
        let has_right_lengths = is_hex(trace_id, 32) && is_hex(span_id, 16) && is_hex(flags, 2);
        if !is_known_version || !has_right_lengths || !has_right_parts {
            return None;
        }
        let trace_id = u128::from_str_radix(trace_id, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(span_id, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(flags, 16).ok()?;
        Some(Self { trace_id, span_id, sampled: flags & 1 == 1 })
    }

    /// The first place of a new trace, which has the name of the request that begins it.
    pub fn begin(name: Uuid) -> Self {
        Self { trace_id: name.as_u128(), span_id: span_id(name), sampled: false }
    }

    /// Another place in the same trace: what this node does for the request of this name.
    #[must_use]
    pub fn child_span(self, name: Uuid) -> Self {
        Self { span_id: span_id(name), ..self }
    }

    /// The trace, as logs show it.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }
}

/// Half of a random UUID, never 0, which means "none".
fn span_id(name: Uuid) -> u64 {
    name.as_u64_pair().1.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_reads_back_and_a_child_stays_in_the_trace() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parsed = TraceContext::parse(text).unwrap();
        assert_eq!(parsed.to_string(), text);
        let name = Uuid::from_u128(7 << 64 | 9);
        let child = parsed.child_span(name);
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child, parsed);
        let begun = TraceContext::begin(name);
        assert_eq!(TraceContext::parse(&begun.to_string()), Some(begun));
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
        assert!(TraceContext::parse(later).is_some());
    }
}
