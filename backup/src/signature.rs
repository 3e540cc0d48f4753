//! Who vouches for a backup: an Ed25519 signature of the node that made it, over the hash of everything.

use ed25519_dalek::{Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::{BackupError, from_hex};

/// A signature of the node that made a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The public key, in hexadecimal.
    pub public_key: String,
    /// Over [`signed_text`], in hexadecimal.
    pub signature: String,
}

/// What is signed of a backup with this hash.
pub fn signed_text(hash: &str) -> Vec<u8> {
    format!("llm-schema-registry backup\n{hash}\n").into_bytes()
}

/// Checks a signature; with `trusted`, also that it is by that key (in hexadecimal).
///
/// # Errors
/// [`BackupError::BadSignature`].
pub fn verify_signature(hash: &str, signature: Option<&Signature>, trusted: Option<&str>) -> Result<(), BackupError> {
    let bad = |what: &str| Err(BackupError::BadSignature { what: what.to_owned() });
    let Some(Signature { public_key, signature }) = signature else {
        return if trusted.is_some() { bad("nobody has signed it") } else { Ok(()) };
    };
    if trusted.is_some_and(|trusted| !trusted.eq_ignore_ascii_case(public_key)) {
        return bad("another key than the trusted one has signed it");
    }
    let key = from_hex::<32>(public_key).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    let signature = from_hex::<64>(signature).map(|bytes| ed25519_dalek::Signature::from_bytes(&bytes));
    let (Some(key), Some(signature)) = (key, signature) else { return bad("its signature is none") };
    match key.verify(&signed_text(hash), &signature) {
        Ok(()) => Ok(()),
        Err(_) => bad("its signature is not that of its signer"),
    }
}
