//! Keeps the values of sensitive metadata secret at rest: they are sealed before they enter the log, and opened in answers.
//!
//! XChaCha20-Poly1305 under a key derived from the configured secret. The nonce is a keyed hash of name and value, so equal
//! values seal to equal bytes on every node: nothing here is random. The content address is that of the open text. What
//! was stored before there was a secret stays readable as it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use registry::{Config, ContentRow};
use schema::Metadata;

/// What a sealed value begins with; the number is the format's.
const MARK: &str = "sealed:1:";
const NONCE_BYTES: usize = 24;
const CIPHER_CONTEXT: &str = "llm-schema-registry 2026 sensitive metadata, cipher key";
const NONCE_CONTEXT: &str = "llm-schema-registry 2026 sensitive metadata, nonce key";

/// Seals and opens with the keys of this node; without any it passes everything through.
#[derive(Default)]
pub(super) struct Sealer {
    /// The first one seals; the others open what was sealed before a change of secret.
    keys: Vec<Keys>,
}

struct Keys {
    cipher: XChaCha20Poly1305,
    nonce: [u8; 32],
}

impl Sealer {
    /// A sealer from the lines of a secret file, the newest secret first.
    pub(super) fn new(secrets: &str) -> Self {
        let lines = secrets.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(|secret| Keys {
            cipher: XChaCha20Poly1305::new(&blake3::derive_key(CIPHER_CONTEXT, secret.as_bytes()).into()),
            nonce: blake3::derive_key(NONCE_CONTEXT, secret.as_bytes()),
        });
        Self { keys: keys.collect() }
    }

    /// The metadata with its sensitive values sealed.
    pub(super) fn seal_metadata(&self, metadata: &Metadata) -> Metadata {
        self.each_sensitive(metadata, |name, value| self.sealed_value(name, value))
    }

    /// The metadata as it was before it was sealed.
    pub(super) fn open_metadata(&self, metadata: &Metadata) -> Metadata {
        self.each_sensitive(metadata, |name, value| self.opened_value(name, value))
    }

    /// A content with its metadata open.
    pub(super) fn open_content(&self, content: ContentRow) -> ContentRow {
        ContentRow { metadata: content.metadata.as_ref().map(|metadata| self.open_metadata(metadata)), ..content }
    }

    /// A configuration with its metadata sealed.
    pub(super) fn seal_config(&self, config: Config) -> Config {
        let seal = |metadata: Option<Metadata>| metadata.as_ref().map(|metadata| self.seal_metadata(metadata));
        Config {
            default_metadata: seal(config.default_metadata),
            override_metadata: seal(config.override_metadata),
            ..config
        }
    }

    /// A configuration with its metadata open.
    pub(super) fn open_config(&self, config: Config) -> Config {
        let open = |metadata: Option<Metadata>| metadata.as_ref().map(|metadata| self.open_metadata(metadata));
        Config {
            default_metadata: open(config.default_metadata),
            override_metadata: open(config.override_metadata),
            ..config
        }
    }

    fn each_sensitive(&self, metadata: &Metadata, change: impl Fn(&str, &str) -> Option<String>) -> Metadata {
        let mut metadata = metadata.clone();
        for name in &metadata.sensitive {
            if let Some(value) = metadata.properties.get_mut(name)
                && let Some(changed) = change(name, value)
            {
                *value = changed;
            }
        }
        metadata
    }

    fn sealed_value(&self, name: &str, value: &str) -> Option<String> {
        let keys = self.keys.first().filter(|_| !value.starts_with(MARK))?;
        let mut hash = blake3::Hasher::new_keyed(&keys.nonce);
        hash.update(&(name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update(value.as_bytes());
        let mut nonce = [0; NONCE_BYTES];
        hash.finalize_xof().fill(&mut nonce);
        let payload = Payload { msg: value.as_bytes(), aad: name.as_bytes() };
        let sealed = keys.cipher.encrypt(XNonce::from_slice(&nonce), payload).ok()?;
        Some(format!("{MARK}{}", STANDARD_NO_PAD.encode([nonce.as_slice(), &sealed].concat())))
    }

    fn opened_value(&self, name: &str, value: &str) -> Option<String> {
        let bytes = STANDARD_NO_PAD.decode(value.strip_prefix(MARK)?).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let payload = || Payload { msg: sealed, aad: name.as_bytes() };
        let open = |keys: &Keys| keys.cipher.decrypt(XNonce::from_slice(nonce), payload()).ok();
        let opened = self.keys.iter().find_map(open).and_then(|bytes| String::from_utf8(bytes).ok());
        if opened.is_none() {
            tracing::error!(
                property = name,
                "a sensitive value cannot be opened: security.metadata_secret_file lacks its secret"
            );
        }
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        let properties = [("owner", "team"), ("token", "s3cret")];
        Metadata {
            properties: properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            sensitive: std::iter::once("token".to_owned()).collect(),
            ..Metadata::default()
        }
    }

    #[test]
    fn sensitive_values_are_sealed_and_opened() {
        let sealer = Sealer::new("one\n");
        let sealed = sealer.seal_metadata(&metadata());
        assert_eq!(sealed.properties["owner"], "team");
        assert!(sealed.properties["token"].starts_with(MARK), "{sealed:?}");
        assert!(!format!("{sealed:?}").contains("s3cret"));
        assert_eq!(sealer.open_metadata(&sealed), metadata());
        assert_eq!(sealer.seal_metadata(&metadata()), sealed, "every node seals to the same bytes");
        assert_eq!(sealer.seal_metadata(&sealed), sealed, "what is sealed is not sealed again");
    }

    #[test]
    fn a_new_secret_before_the_old_one_opens_both() {
        let old = Sealer::new("one").seal_metadata(&metadata());
        let both = Sealer::new("two\none\n");
        assert_eq!(both.open_metadata(&old), metadata());
        assert_ne!(both.seal_metadata(&metadata()), old);
        assert_eq!(Sealer::new("two").open_metadata(&old), old, "without its secret it stays sealed");
    }

    #[test]
    fn a_sealed_value_belongs_to_its_name() {
        let sealer = Sealer::new("one");
        let mut moved = sealer.seal_metadata(&metadata());
        let value = moved.properties["token"].clone();
        moved.properties.insert("other".to_owned(), value.clone());
        moved.sensitive.insert("other".to_owned());
        assert_eq!(sealer.open_metadata(&moved).properties["other"], value);
    }

    #[test]
    fn without_a_secret_nothing_changes() {
        assert_eq!(Sealer::default().seal_metadata(&metadata()), metadata());
    }
}
