//! Step 15: regular expressions as the engines behind a dialect read them.

use crate::dialect::Patterns;

/// The expression in a dialect, or `None` where it cannot be said there.
pub(crate) fn write_pattern(pattern: &str, rule: Patterns) -> Option<String> {
    let features = Features::of(pattern);
    match rule {
        Patterns::Kept => Some(pattern.to_owned()),
        Patterns::WithoutLookaround => (!features.looks_around && !features.refers_back).then(|| pattern.to_owned()),
        Patterns::Simple => {
            let simple = !features.looks_around && !features.refers_back && !features.has_borders;
            simple.then(|| pattern.to_owned())
        }
        Patterns::Anchored => {
            let simple = !features.looks_around && !features.refers_back && !features.has_borders;
            if simple { strip_anchors(pattern) } else { None }
        }
        Patterns::Dropped => None,
    }
}

/// Does an expression need what few engines have?
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Features {
    pub(crate) looks_around: bool,
    pub(crate) refers_back: bool,
    pub(crate) has_borders: bool,
}

impl Features {
    pub(crate) fn of(pattern: &str) -> Self {
        let mut found = Self::default();
        let letters: Vec<char> = pattern.chars().collect();
        let mut in_class = false;
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            match letter {
                '\\' => {
                    match letters.get(at + 1) {
                        Some('1'..='9' | 'k') if !in_class => found.refers_back = true,
                        Some('b' | 'B') if !in_class => found.has_borders = true,
                        _ => {}
                    }
                    at += 1;
                }
                '[' => in_class = true,
                ']' => in_class = false,
                '(' if !in_class => {
                    let ahead: String = letters[at + 1..].iter().take(3).collect();
                    found.looks_around |= ["?=", "?!", "?<=", "?<!"].iter().any(|kind| ahead.starts_with(kind));
                }
                _ => {}
            }
            at += 1;
        }
        found
    }
}

/// The same from the beginning to the end of the text, with classes in full; `None` where an anchor stands inside.
fn strip_anchors(pattern: &str) -> Option<String> {
    let branches: Option<Vec<String>> = split_branches(pattern)?.iter().map(|branch| whole_branch(branch)).collect();
    Some(match branches?.as_slice() {
        [only] => format!("^{only}$"),
        several => format!("^({})$", several.join("|")),
    })
}

/// One branch without its anchors; where one is missing, anything may stand.
fn whole_branch(branch: &str) -> Option<String> {
    let (begins, rest) = match branch.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, branch),
    };
    let backslashes = rest.strip_suffix('$').map(|before| before.len() - before.trim_end_matches('\\').len());
    let ends = backslashes.is_some_and(|count| count % 2 == 0);
    let inner = if ends { &rest[..rest.len() - 1] } else { rest };
    let inner = in_full(inner)?;
    Some(format!("{}{inner}{}", if begins { "" } else { ".*" }, if ends { "" } else { ".*" }))
}

/// The alternatives at the top.
fn split_branches(pattern: &str) -> Option<Vec<String>> {
    let mut branches = vec![String::new()];
    let (mut depth, mut in_class, mut escaped) = (0_u32, false, false);
    for letter in pattern.chars() {
        if !escaped && !in_class {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1)?,
                '|' if depth == 0 => {
                    branches.push(String::new());
                    continue;
                }
                _ => {}
            }
        }
        if !escaped {
            match letter {
                '[' => in_class = true,
                ']' => in_class = false,
                _ => {}
            }
        }
        escaped = !escaped && letter == '\\';
        branches.last_mut()?.push(letter);
    }
    Some(branches)
}

/// Classes in full, groups without kinds.
fn in_full(pattern: &str) -> Option<String> {
    let letters: Vec<char> = pattern.chars().collect();
    let mut out = String::new();
    let mut in_class = false;
    let mut at = 0;
    while let Some(letter) = letters.get(at).copied() {
        at += 1;
        match letter {
            '\\' => {
                let escaped = *letters.get(at)?;
                at += 1;
                let set = match escaped {
                    'd' => "0-9",
                    'w' => "A-Za-z0-9_",
                    's' => " \\t\\n\\r",
                    'D' if !in_class => "^0-9",
                    'W' if !in_class => "^A-Za-z0-9_",
                    'S' if !in_class => "^ \\t\\n\\r",
                    'D' | 'W' | 'S' | 'p' | 'P' | 'u' | 'x' | 'c' => return None,
                    _ => {
                        out.push('\\');
                        out.push(escaped);
                        continue;
                    }
                };
                if in_class {
                    out.push_str(set);
                } else {
                    out.push('[');
                    out.push_str(set);
                    out.push(']');
                }
            }
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if letters.get(at) == Some(&'^') {
                    at += 1;
                    out.push('^');
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '^' | '$' if !in_class => return None,
            '(' if !in_class && letters.get(at) == Some(&'?') => {
                let kind = letters.get(at + 1)?;
                let length = match kind {
                    ':' => 2,
                    '<' => 1 + letters[at..].iter().position(|letter| *letter == '>')?,
                    _ => return None,
                };
                at += length;
                out.push('(');
            }
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_anchored_with_classes_in_full() {
        for (pattern, expected) in [
            (r"\d{3}", Some("^.*[0-9]{3}.*$")),
            ("^a", Some("^a.*$")),
            ("a$", Some("^.*a$")),
            (r"a\$", Some(r"^.*a\$.*$")),
            (r"a\\$", Some(r"^.*a\\$")),
            ("^a|b$", Some("^(a.*|.*b)$")),
            ("^(a|b)$", Some("^(a|b)$")),
            ("^(?:a|b)$", Some("^(a|b)$")),
            ("^(?<year>[0-9]{4})$", Some("^([0-9]{4})$")),
            (r"^[\w.-]+$", Some("^[A-Za-z0-9_.-]+$")),
            (r"^[^\s]+$", Some(r"^[^ \t\n\r]+$")),
            (r"^\S+$", Some(r"^[^ \t\n\r]+$")),
            ("(^a)", None),
            (r"^\p{L}$", None),
            ("^(?=a)", None),
            (r"\bword\b", None),
            (r"(a)\1", None),
        ] {
            assert_eq!(write_pattern(pattern, Patterns::Anchored).as_deref(), expected, "{pattern}");
        }
        assert_eq!(write_pattern("^(?!a)", Patterns::WithoutLookaround), None);
        assert_eq!(write_pattern(r"[(?=]\b", Patterns::WithoutLookaround).as_deref(), Some(r"[(?=]\b"));
        assert_eq!(write_pattern(r"a\b", Patterns::Simple), None);
    }
}
