//! Who asks, as established at the edge and never taken from anything that a client says about itself.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::USER_AGENT;
use proto::error_code as code;
use registry::limits::{PRINCIPAL_BYTES_MAX, USER_AGENT_BYTES_MAX};
use registry::{Authentication, Principal};

use crate::auth::{Authority, Credentials, Origin};
use crate::service::ServiceError;

/// Who sent a request with these headers, where nothing is forbidden. `trusted_header` is the one that a proxy sets and no
/// client can; empty is none. Every other header that claims an identity is ignored.
pub(super) fn principal_of(headers: &HeaderMap, trusted_header: &str) -> Principal {
    let named = if trusted_header.is_empty() { None } else { headers.get(trusted_header) };
    let name = named.and_then(|name| name.to_str().ok());
    match name.filter(|name| !name.is_empty() && name.len() <= PRINCIPAL_BYTES_MAX) {
        Some(name) => Principal::user(name, Authentication::TrustedHeader),
        None => Principal::anonymous(),
    }
}

/// Who sent a request with these headers, where it matters: credentials first, then the header of a trusted proxy.
///
/// # Errors
/// 40101 for credentials that are not good, always with the same words: what was wrong with them helps an attacker only.
pub(super) fn authenticate_request(
    authority: &Authority,
    headers: &HeaderMap,
    trusted_header: &str,
    address: Option<IpAddr>,
) -> Result<(Principal, Origin), ServiceError> {
    let wrong = || ServiceError::new(code::UNAUTHORIZED, "Unauthorized");
    match Credentials::of(headers).map_err(|_| wrong())? {
        Some(credentials) => {
            let (principal, expires_ms) = authority.identify_principal(&credentials)?.ok_or_else(wrong)?;
            let key = credentials.key_id().map(Arc::from);
            Ok((principal, Origin { address, key, expires_ms, ..Origin::default() }))
        }
        None => Ok((principal_of(headers, trusted_header), Origin { address, ..Origin::default() })),
    }
}

/// What a client calls itself, as records keep it: visible characters, and not too many.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<Arc<str>> {
    let told = headers.get(USER_AGENT)?.to_str().ok()?;
    let kept: String = told.chars().filter(|c| !c.is_control()).take(USER_AGENT_BYTES_MAX).collect();
    (!kept.is_empty()).then(|| kept.into())
}

/// Sees to it that a token can be verified: of a key that is not known, its issuer is asked.
pub(super) async fn prepare_principal(authority: &Authority, headers: &HeaderMap) {
    if let Ok(Some(credentials)) = Credentials::of(headers) {
        authority.prepare_credentials(&credentials).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_header_that_the_operator_trusts_names_anybody() {
        let mut headers = HeaderMap::new();
        for name in ["x-registry-principal", "x-forwarded-user", "x-principal", "authorization", "from"] {
            headers.insert(name, "admin".parse().unwrap());
        }
        assert_eq!(principal_of(&headers, ""), Principal::anonymous());
        assert_eq!(principal_of(&headers, "x-remote-user"), Principal::anonymous());
        let found = principal_of(&headers, "x-forwarded-user");
        assert_eq!(found, Principal::user("admin", Authentication::TrustedHeader));
        for bad in [String::new(), "x".repeat(PRINCIPAL_BYTES_MAX + 1)] {
            headers.insert("x-forwarded-user", bad.parse().unwrap());
            assert_eq!(principal_of(&headers, "x-forwarded-user"), Principal::anonymous());
        }
    }
}
