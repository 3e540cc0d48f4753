//! Caches that save parsing: schemas by content, and texts that are known to canonicalise to a content.
//!
//! Contents never change, so nothing here can be stale; it can only be forgotten.

use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use schema::{Format, Guid, ParsedSchema};

/// Text bytes of the parsed schemas kept; parsed forms take about twelve times as much.
pub(super) const PARSED_TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Known texts kept; each takes about 100 bytes.
pub(super) const KNOWN_TEXTS_MAX: usize = 100_000;

/// Parsed stored schemas by content.
pub(super) struct ParsedSchemas {
    cache: Mutex<Bounded>,
}

/// The schemas, and the bytes of their texts together.
type Bounded = (LruCache<(Guid, Format), Arc<ParsedSchema>>, usize);

impl Default for ParsedSchemas {
    fn default() -> Self {
        Self { cache: Mutex::new((LruCache::unbounded(), 0)) }
    }
}

impl ParsedSchemas {
    /// How many there are, and bytes of their texts; parsed forms take about twelve times as much.
    pub(super) fn size(&self) -> (usize, usize) {
        let cache = self.cache.lock();
        (cache.0.len(), cache.1)
    }

    pub(super) fn get(&self, guid: Guid, format: Format) -> Option<Arc<ParsedSchema>> {
        self.cache.lock().0.get(&(guid, format)).cloned()
    }

    pub(super) fn put(&self, guid: Guid, format: Format, parsed: Arc<ParsedSchema>) {
        let mut cache = self.cache.lock();
        let (entries, bytes) = &mut *cache;
        *bytes += parsed.canonical().len();
        if let Some(replaced) = entries.put((guid, format), parsed) {
            *bytes -= replaced.canonical().len();
        }
        while *bytes > PARSED_TEXT_BYTES_MAX {
            let Some((_, evicted)) = entries.pop_lru() else { break };
            *bytes -= evicted.canonical().len();
        }
    }
}

/// Hash of everything that decides a content in a request → the content's address.
pub(super) struct KnownTexts {
    cache: Mutex<LruCache<[u8; 32], Guid>>,
}

impl Default for KnownTexts {
    fn default() -> Self {
        let length = std::num::NonZero::new(KNOWN_TEXTS_MAX).expect("the limit is not zero");
        Self { cache: Mutex::new(LruCache::new(length)) }
    }
}

impl KnownTexts {
    pub(super) fn len(&self) -> usize {
        self.cache.lock().len()
    }

    pub(super) fn get(&self, hash: &[u8; 32]) -> Option<Guid> {
        self.cache.lock().get(hash).copied()
    }

    pub(super) fn put(&self, hash: [u8; 32], guid: Guid) {
        self.cache.lock().put(hash, guid);
    }
}
