//! Sessions and bounds: a read at a token shows at least the state that the token stands for (I17), a bounded read shows every write
//! that was acknowledged before its bound (I18), and a default read of a list every write that was acknowledged before it (I19).

use crate::ops::{Guarantee, SessionRead};

/// Faults, one line each.
pub fn session_faults(session_reads: &[SessionRead]) -> Vec<String> {
    let mut faults = Vec::new();
    for session_read in session_reads {
        let SessionRead { node, subject, guarantee, at_least, seen, token, index } = session_read;
        let name = match guarantee {
            Guarantee::Session | Guarantee::OwnWrite => "I17",
            Guarantee::Bounded => "I18",
            Guarantee::Default => "I19",
        };
        if seen < at_least {
            faults.push(format!(
                "{name}: node {node} showed version {seen} of {subject}, not {at_least} ({guarantee:?})"
            ));
        }
        if index < token {
            faults.push(format!("{name}: node {node} answered at index {index} to a session at {token}"));
        }
    }
    faults
}
