//! Planted bugs, to prove that the drills find them. One test-only build holds all; `REGISTRY_BUG` chooses one at start.
//!
//! Without the feature `bugs` every question is answered `false` at compile time and nothing of this is in the program.

/// Every planted bug, so that a misspelt name is an error and not a correct program.
#[cfg(feature = "bugs")]
pub const ALL: [&str; 16] = [
    "no-sync",
    "sync-late",
    "vote-lost",
    "local-read",
    "lease-read",
    "session-ignored",
    "bound-ignored",
    "own-writes-unseen",
    "basis-ignored",
    "level-ignored",
    "id-local",
    "version-reused",
    "dedup-off",
    "retry-renamed",
    "digest-unstable",
    "delete-kept",
];

/// Is this bug planted in this process?
///
/// # Panics
/// If the environment names a bug that there is not.
#[cfg(feature = "bugs")]
pub fn planted(name: &str) -> bool {
    use std::sync::OnceLock;
    static CHOSEN: OnceLock<String> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let chosen = std::env::var("REGISTRY_BUG").unwrap_or_default();
        assert!(chosen.is_empty() || ALL.contains(&chosen.as_str()), "there is no bug {chosen}");
        chosen
    });
    debug_assert!(ALL.contains(&name), "{name} is not in the list");
    chosen == name
}

/// Never: this build has no planted bugs.
#[cfg(not(feature = "bugs"))]
pub const fn planted(_: &str) -> bool {
    false
}
