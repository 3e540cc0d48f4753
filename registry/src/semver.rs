//! Semantic versions of a subject's versions: derived from the diff, unique in the subject, resolvable by range.

use std::fmt;

/// `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SemVer {
    /// Raised by a change that breaks somebody.
    pub major: u32,
    /// Raised by a change that breaks nobody.
    pub minor: u32,
    /// Raised by a change of documentation.
    pub patch: u32,
}

/// What a change is to those who read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bump {
    /// Nothing but documentation.
    Patch,
    /// Something new that breaks nobody.
    Minor,
    /// It breaks somebody.
    Major,
}

impl SemVer {
    /// The first version of a subject.
    pub const FIRST: Self = Self { major: 1, minor: 0, patch: 0 };

    /// The semantic version of a schema that differs from `base` by `bump`.
    ///
    /// `taken` are those of all versions, rolled back and deleted ones included: where the next number is taken, the
    /// next free one of the same kind follows, so that a semantic version never means two schemas and a range never
    /// leads to something that breaks it.
    pub fn after(base: Option<Self>, bump: Bump, taken: &[Self]) -> Self {
        let Some(base) = base else {
            let major = taken.iter().map(|found| found.major).max();
            return major.map_or(Self::FIRST, |major| Self { major: major.saturating_add(1), minor: 0, patch: 0 });
        };
        let highest = |of: &dyn Fn(&Self) -> Option<u32>, least| taken.iter().filter_map(of).max().unwrap_or(least);
        let Self { major, minor, patch } = base;
        match bump {
            Bump::Major => {
                let highest = highest(&|found| Some(found.major), major).max(major);
                Self { major: highest.saturating_add(1), minor: 0, patch: 0 }
            }
            Bump::Minor => {
                let highest = highest(&|found| (found.major == major).then_some(found.minor), minor).max(minor);
                Self { major, minor: highest.saturating_add(1), patch: 0 }
            }
            Bump::Patch => {
                let same = |found: &Self| ((found.major, found.minor) == (major, minor)).then_some(found.patch);
                let highest = highest(&same, patch).max(patch);
                Self { major, minor, patch: highest.saturating_add(1) }
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match version_parts(text)?.as_slice() {
            [Some(major), Some(minor), Some(patch)] => Some(Self { major: *major, minor: *minor, patch: *patch }),
            _ => None,
        }
    }
}

impl fmt::Display for SemVer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A range of semantic versions: `^1.2`, `~1.2.3`, `1.x`, `1.2.x`, `1.2.3`, `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SemVerRange {
    /// The lowest that fits.
    low: SemVer,
    /// The lowest above that does not; nothing is no bound.
    high: Option<SemVer>,
}

impl SemVerRange {
    /// Reads a range.
    pub fn parse(text: &str) -> Option<Self> {
        let above = |major, minor, patch| Some(SemVer { major, minor, patch });
        if let Some(rest) = text.strip_prefix('^') {
            let (low, _) = filled_up(rest)?;
            // As cargo and npm have it: the leftmost number that is not zero must not change.
            let high = match low {
                SemVer { major: 0, minor: 0, patch } => above(0, 0, patch.checked_add(1)?),
                SemVer { major: 0, minor, .. } => above(0, minor.checked_add(1)?, 0),
                SemVer { major, .. } => above(major.checked_add(1)?, 0, 0),
            };
            return Some(Self { low, high });
        }
        if let Some(rest) = text.strip_prefix('~') {
            let (low, given) = filled_up(rest)?;
            let high = match given {
                1 => above(low.major.checked_add(1)?, 0, 0),
                _ => above(low.major, low.minor.checked_add(1)?, 0),
            };
            return Some(Self { low, high });
        }
        if let Some(exact) = SemVer::parse(text) {
            return Some(Self { low: exact, high: above(exact.major, exact.minor, exact.patch.checked_add(1)?) });
        }
        let wild = text == "*" || text == "x" || text.ends_with(".x") || text.ends_with(".*");
        let (low, given) = if wild { filled_up(text)? } else { return None };
        let high = match given {
            0 => None,
            1 => above(low.major.checked_add(1)?, 0, 0),
            _ => above(low.major, low.minor.checked_add(1)?, 0),
        };
        Some(Self { low, high })
    }

    /// Does a version fit?
    pub fn admits(self, version: SemVer) -> bool {
        self.low <= version && self.high.is_none_or(|high| version < high)
    }
}

/// The numbers with zeros for what is not given, and how many were given.
fn filled_up(text: &str) -> Option<(SemVer, usize)> {
    let parts = version_parts(text)?;
    let given = parts.iter().take_while(|part| part.is_some()).count();
    if parts.iter().skip(given).any(Option::is_some) {
        return None;
    }
    let number = |at: usize| parts.get(at).copied().flatten().unwrap_or(0);
    Some((SemVer { major: number(0), minor: number(1), patch: number(2) }, given))
}

/// Up to three parts; `x` and `*` are holes.
fn version_parts(text: &str) -> Option<Vec<Option<u32>>> {
    let parts: Option<Vec<_>> = text
        .split('.')
        .map(|part| match part {
            "x" | "X" | "*" => Some(None),
            _ if part.bytes().all(|byte| byte.is_ascii_digit()) => part.parse().ok().map(Some),
            _ => None,
        })
        .collect();
    parts.filter(|parts| parts.len() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> SemVer {
        SemVer::parse(text).unwrap()
    }

    #[test]
    fn ranges_admit_what_they_say() {
        for (range, admitted, refused) in [
            ("^1.2", vec!["1.2.0", "1.9.9"], vec!["1.1.9", "2.0.0"]),
            ("^0.2.3", vec!["0.2.3", "0.2.9"], vec!["0.3.0"]),
            ("~1.2.3", vec!["1.2.3", "1.2.9"], vec!["1.3.0", "1.2.2"]),
            ("~1", vec!["1.0.0", "1.9.0"], vec!["2.0.0"]),
            ("1.x", vec!["1.0.0", "1.9.1"], vec!["2.0.0", "0.9.0"]),
            ("1.2.*", vec!["1.2.0", "1.2.7"], vec!["1.3.0"]),
            ("1.2.3", vec!["1.2.3"], vec!["1.2.4", "1.2.2"]),
            ("*", vec!["0.0.0", "7.0.0"], vec![]),
        ] {
            let parsed = SemVerRange::parse(range).unwrap();
            assert!(admitted.iter().all(|text| parsed.admits(version(text))), "{range}");
            assert!(!refused.iter().any(|text| parsed.admits(version(text))), "{range}");
        }
        for text in ["", "1", "1.2", "v1", "^", "^x.1", "1.2.3.4", "~-1", "latest", "1..x", "^99999999999"] {
            assert_eq!(SemVerRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_semantic_version_is_given_once() {
        let first = SemVer::after(None, Bump::Major, &[]);
        assert_eq!(first, SemVer::FIRST);
        let mut taken = vec![first];
        for (base, bump, expected) in [
            ("1.0.0", Bump::Patch, "1.0.1"),
            ("1.0.1", Bump::Minor, "1.1.0"),
            ("1.1.0", Bump::Major, "2.0.0"),
            // After 2.0.0 was rolled back: what is taken is not given again.
            ("1.1.0", Bump::Minor, "1.2.0"),
            ("1.0.0", Bump::Minor, "1.3.0"),
            ("1.1.0", Bump::Major, "3.0.0"),
            ("1.0.0", Bump::Patch, "1.0.2"),
        ] {
            let next = SemVer::after(Some(version(base)), bump, &taken);
            assert_eq!(next, version(expected), "{base} {bump:?}");
            assert!(!taken.contains(&next));
            taken.push(next);
        }
    }
}
