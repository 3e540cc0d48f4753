//! Who asks for a change, and as part of which trace.

use std::fmt;

/// Who asked for a change, as established at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub principal: Principal,
    /// The node that took the request from outside.
    pub node_id: u64,
}

/// Where a request came from, as the edge saw it. Texts are empty where nothing is known, or nothing is to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestSource {
    /// The address at the other end of the connection.
    pub address: String,
    /// What the client calls itself (`User-Agent`), at most [`crate::limits::USER_AGENT_BYTES_MAX`].
    pub user_agent: String,
}

/// An identity that may ask for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What it is.
    pub kind: PrincipalKind,
    /// Its name among those of its kind; empty where the kind says it all. At most [`crate::limits::PRINCIPAL_BYTES_MAX`].
    pub name: String,
    /// The groups it is in, at most [`crate::limits::GROUPS_MAX`], each as long as a name may be.
    pub groups: Vec<String>,
    /// How it showed who it is.
    pub authentication: Authentication,
}

/// What kind of identity a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// Nobody said who asks.
    Anonymous,
    /// A person.
    User,
    /// A program with an account of its own.
    ServiceAccount,
    /// A member of the cluster.
    Node,
    /// The registry itself.
    System,
}

/// How a principal showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authentication {
    /// Not at all.
    Unauthenticated,
    /// A header that a trusted proxy sets.
    TrustedHeader,
    /// A name and a password.
    Basic,
    /// A token that this registry issued.
    Token,
    /// A token of an identity provider.
    Oidc,
    /// A client certificate.
    MutualTls,
    /// It is this cluster itself.
    Internal,
}

impl PrincipalKind {
    /// The name in audit records and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User => "user",
            Self::ServiceAccount => "service-account",
            Self::Node => "node",
            Self::System => "system",
        }
    }
}

impl Authentication {
    /// The name in policies, audit records and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "none",
            Self::TrustedHeader => "trusted-header",
            Self::Basic => "basic",
            Self::Token => "token",
            Self::Oidc => "oidc",
            Self::MutualTls => "mutual-tls",
            Self::Internal => "internal",
        }
    }
}

impl Principal {
    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self::of(PrincipalKind::Anonymous, "", Authentication::Unauthenticated)
    }

    /// The registry itself.
    pub fn system() -> Self {
        Self::of(PrincipalKind::System, "", Authentication::Internal)
    }

    /// A person without groups.
    pub fn user(name: &str, authentication: Authentication) -> Self {
        Self::of(PrincipalKind::User, name, authentication)
    }

    /// A principal without groups.
    pub fn of(kind: PrincipalKind, name: &str, authentication: Authentication) -> Self {
        Self { kind, name: name.to_owned(), groups: Vec::new(), authentication }
    }
}

/// The principal's one name, under which reviews, events and audit records know it: no two principals share one.
///
/// A user is called by the plain name, unless that could be read as something else; all others have their kind before it.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, .. } = self;
        let is_ambiguous = name.is_empty() || name.contains(':') || name == "anonymous" || name == "system";
        match kind {
            PrincipalKind::User if !is_ambiguous => f.write_str(name),
            PrincipalKind::Anonymous | PrincipalKind::System if name.is_empty() => f.write_str(kind.name()),
            PrincipalKind::Anonymous
            | PrincipalKind::User
            | PrincipalKind::ServiceAccount
            | PrincipalKind::Node
            | PrincipalKind::System => write!(f, "{}:{name}", kind.name()),
        }
    }
}

/// The trace that a request is part of (W3C Trace Context, `traceparent`): it joins what the leader and the replicas do
/// with an entry to the request that asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// Names the trace.
    pub trace_id: [u8; 16],
    /// Names the caller's part of it.
    pub span_id: [u8; 8],
    /// Is it recorded?
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` header; nothing of one that is not well-formed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes_of_hex::<1>(version)?;
        // Version ff is forbidden; only version 00 says that nothing follows.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let [flags] = bytes_of_hex::<1>(flags)?;
        let context = Self { trace_id: bytes_of_hex(trace)?, span_id: bytes_of_hex(span)?, flags };
        (context.trace_id != [0; 16] && context.span_id != [0; 8]).then_some(context)
    }
}

/// As a `traceparent` header of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |f: &mut fmt::Formatter<'_>, bytes: &[u8]| bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
        f.write_str("00-")?;
        hex(f, &self.trace_id)?;
        f.write_str("-")?;
        hex(f, &self.span_id)?;
        write!(f, "-{:02x}", self.flags)
    }
}

/// Exactly `N` bytes in lower-case hexadecimal, as the header wants it.
fn bytes_of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_principals_share_a_name() {
        let named = |kind, name| Principal::of(kind, name, Authentication::Basic).to_string();
        let mut seen = std::collections::BTreeSet::new();
        let kinds = [
            PrincipalKind::Anonymous,
            PrincipalKind::User,
            PrincipalKind::ServiceAccount,
            PrincipalKind::Node,
            PrincipalKind::System,
        ];
        for kind in kinds {
            for name in ["", "a", "anonymous", "system", "node:1", "user:a", ":", "1"] {
                let text = named(kind, name);
                assert!(seen.insert(text.clone()), "{kind:?} {name:?} is called {text}, as another one");
            }
        }
        assert_eq!(Principal::anonymous().to_string(), "anonymous");
        assert_eq!(Principal::system().to_string(), "system");
        assert_eq!(named(PrincipalKind::User, "alice"), "alice");
        assert_eq!(named(PrincipalKind::User, "node:1"), "user:node:1");
        assert_eq!(named(PrincipalKind::Node, "1"), "node:1");
    }

    #[test]
    fn trace_contexts_are_read_as_the_recommendation_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(good).unwrap().to_string(), good);
        // A later version may carry more; what is known of it is taken.
        assert!(TraceContext::parse(&format!("cc{}-what-ever", &good[2..])).is_some());
        for bad in [
            "",
            "00",
            &good[..54],
            &format!("{good}-more"),
            &format!("ff{}", &good[2..]),
            &good.to_uppercase(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-é",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
