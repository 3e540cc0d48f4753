//! API keys: what a client shows, what the state keeps of it, and how the two are compared.
//!
//! A key has a public id and a secret of 256 random bits. The state has `blake3(salt ‖ secret)`. As no number of guesses
//! finds such a secret, the hash need not be slow; the comparison takes the same time wherever the bytes differ.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use registry::ApiKey;

/// Longest value of `Authorization` that is looked at, in bytes: tokens of identity providers with many groups have some
/// thousands.
const AUTHORIZATION_BYTES_MAX: usize = 16 * 1024;
/// How a secret begins, so that scanners of repositories find one that was published by mistake.
const SECRET_PREFIX: &str = "lsr_";
/// Between the id and the secret of a key that is sent as one token.
const TOKEN_SEPARATOR: char = '.';

/// What a client shows.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The id of an API key and its secret, as HTTP Basic has them.
    Basic {
        /// The public part.
        id: String,
        /// What only its owner knows.
        secret: String,
    },
    /// An API key as one token.
    Key {
        /// The public part.
        id: String,
        /// What only its owner knows.
        secret: String,
    },
    /// A token of an identity provider.
    Token(String),
}

/// Never shows what is secret.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Basic { id, .. } => f.debug_tuple("Basic").field(id).finish(),
            Self::Key { id, .. } => f.debug_tuple("Key").field(id).finish(),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}

/// Credentials that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl Credentials {
    /// The public part of an API key.
    pub fn key_id(&self) -> Option<&str> {
        match self {
            Self::Basic { id, .. } | Self::Key { id, .. } => Some(id),
            Self::Token(_) => None,
        }
    }

    /// What the headers show; nothing if they do not claim anything.
    ///
    /// # Errors
    /// `Unreadable`: there is something that is no credential of a kind that is known here. It counts as wrong, never as
    /// absent.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Unreadable> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        // Of two, another one in front of this node may have checked the other one.
        if values.next().is_some() || value.len() > AUTHORIZATION_BYTES_MAX {
            return Err(Unreadable);
        }
        let text = value.to_str().map_err(|_| Unreadable)?;
        let (scheme, rest) = text.split_once(' ').ok_or(Unreadable)?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = STANDARD.decode(rest).map_err(|_| Unreadable)?;
            let decoded = String::from_utf8(decoded).map_err(|_| Unreadable)?;
            let (id, secret) = decoded.split_once(':').ok_or(Unreadable)?;
            return Ok(Some(Self::Basic { id: id.to_owned(), secret: secret.to_owned() }));
        }
        if !scheme.eq_ignore_ascii_case("bearer") || rest.is_empty() {
            return Err(Unreadable);
        }
        // A token of an identity provider has three parts, none of which begins like our secrets.
        match rest.split_once(TOKEN_SEPARATOR) {
            Some((id, secret)) if secret.starts_with(SECRET_PREFIX) => {
                Ok(Some(Self::Key { id: id.to_owned(), secret: secret.to_owned() }))
            }
            Some(_) | None => Ok(Some(Self::Token(rest.to_owned()))),
        }
    }
}

/// A key at the moment it is made: the only one at which its secret is known.
#[derive(Clone)]
pub struct NewKey {
    /// What the state keeps.
    pub key: ApiKey,
    /// What its owner keeps.
    pub secret: String,
}

/// Makes a key of random bytes.
pub fn new_key(id: [u8; 16], secret: [u8; 32], salt: [u8; 16], name: &str, expires_ms: Option<u64>) -> NewKey {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let id = format!("LSR{}", hex(&id[..8]).to_ascii_uppercase());
    let secret = format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    let hash = hash_of_secret(&salt, &secret);
    let key = ApiKey { id, name: name.to_owned(), salt, hash, created_ms: 0, expires_ms, used_ms: None };
    NewKey { key, secret }
}

/// What the state keeps of a secret.
pub fn hash_of_secret(salt: &[u8; 16], secret: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt);
    hasher.update(secret.as_bytes());
    *hasher.finalize().as_bytes()
}

/// Is this the secret of the key? Takes as long for the first byte that differs as for the last.
pub(super) fn is_secret_of(key: &ApiKey, secret: &str) -> bool {
    // `blake3::Hash` compares in constant time.
    blake3::Hash::from_bytes(hash_of_secret(&key.salt, secret)) == blake3::Hash::from_bytes(key.hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Result<Option<Credentials>, Unreadable> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        Credentials::of(&headers)
    }

    #[test]
    fn credentials_are_read_or_refused_and_never_taken_for_absent() {
        let basic = |id: &str, secret: &str| Ok(Some(Credentials::Basic { id: id.into(), secret: secret.into() }));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["Basic YTpi"]), basic("a", "b"));
        assert_eq!(of(&["bAsIc YTpiOmM="]), basic("a", "b:c"));
        assert_eq!(of(&["Basic Og=="]), basic("", ""));
        let key = Credentials::Key { id: "K".into(), secret: "lsr_x".into() };
        assert_eq!(of(&["Bearer K.lsr_x"]), Ok(Some(key)));
        assert_eq!(of(&["Bearer a.b.c"]), Ok(Some(Credentials::Token("a.b.c".into()))));
        for bad in ["Basic", "Basic ", "Basic YQ==", "Basic !!", "Basic /w==", "Bearer", "Bearer ", "Digest x", "x"] {
            assert_eq!(of(&[bad]), Err(Unreadable), "{bad}");
        }
        assert_eq!(of(&["Basic YTpi", "Basic YTpi"]), Err(Unreadable), "two claims");
        assert_eq!(of(&[&format!("Bearer {}", "x".repeat(AUTHORIZATION_BYTES_MAX))]), Err(Unreadable));
    }

    #[test]
    fn a_key_fits_its_own_secret_only() {
        let NewKey { key, secret } = new_key([7; 16], [8; 32], [9; 16], "ci", None);
        assert!(is_secret_of(&key, &secret));
        for wrong in ["", &secret[..secret.len() - 1], &format!("{secret}x"), "lsr_"] {
            assert!(!is_secret_of(&key, wrong), "{wrong}");
        }
        assert_eq!(key.id, "LSR0707070707070707");
        assert!(!format!("{:?}", of(&["Basic YTpzZWNyZXQ="])).contains("secret\""));
    }
}
