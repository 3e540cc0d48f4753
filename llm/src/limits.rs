//! Named limits of this crate, beside those of `schema::limits` that hold for every schema text.

/// Most nodes that one projection may write: inlining can unfold a small schema without end.
/// Ten times the most properties that any provider takes.
pub const PROJECTION_NODES_MAX: u64 = 50_000;
/// Deepest nesting of a projection, references that are written out included. No provider takes more than ten levels of
/// objects, and each level is a few calls deep on the stack of a worker.
pub const PROJECTION_DEPTH_MAX: usize = 40;
/// Most losses that one projection lists; beyond, the schema is refused, because nobody can judge them.
pub const LOSSES_MAX: usize = 10_000;
/// How often a schema that refers to itself is written out where a dialect has no recursion, if nothing else is asked.
pub const UNROLL_DEFAULT: u32 = 3;
/// Most that may be asked for.
pub const UNROLL_MAX: u32 = 8;
/// Longest description, in characters, that constraints in words may grow to; what would come after is left out and
/// named as a loss all the same.
pub const DESCRIPTION_CHARACTERS_MAX: usize = 8_000;
