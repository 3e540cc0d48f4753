//! Sessions and bounds: a read at a token shows at least what the token stands for (I17), and a bounded read shows what was
//! acknowledged before its bound (I18).

use crate::ops::Glimpse;

/// Faults, one line each.
pub fn faults(glimpses: &[Glimpse]) -> Vec<String> {
    let mut faults = Vec::new();
    for glimpse in glimpses {
        let Glimpse { node, subject, promise, at_least, seen, token, index } = glimpse;
        let name = if promise == "bounded" { "I18" } else { "I17" };
        if seen < at_least {
            faults.push(format!("{name}: node {node} showed version {seen} of {subject}, not {at_least} ({promise})"));
        }
        if index < token {
            faults.push(format!("{name}: node {node} answered at index {index} to a session at {token}"));
        }
    }
    faults
}
