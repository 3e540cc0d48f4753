//! Who asks, as established at the edge and never taken from anything that a client says about itself.

use http::HeaderMap;
use registry::limits::PRINCIPAL_BYTES_MAX;
use registry::{Authentication, Principal};

/// Who sent a request with these headers. `trusted_header` is the one that a proxy sets and no client can; empty is none.
/// Every other header that claims an identity is ignored.
pub(super) fn principal_of(headers: &HeaderMap, trusted_header: &str) -> Principal {
    let named = if trusted_header.is_empty() { None } else { headers.get(trusted_header) };
    let name = named.and_then(|name| name.to_str().ok());
    match name.filter(|name| !name.is_empty() && name.len() <= PRINCIPAL_BYTES_MAX) {
        Some(name) => Principal::user(name, Authentication::TrustedHeader),
        None => Principal::anonymous(),
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
