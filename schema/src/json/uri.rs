//! URIs as far as `$id` and `$ref` need them: Java's syntax check, and resolution after RFC 3986.
//!
//! Nothing is ever fetched: a URI is only a name to look up.

/// Is this text a URI reference in the eyes of `java.net.URI`?
pub(super) fn is_valid(text: &str) -> bool {
    let (body, fragment) = match text.split_once('#') {
        Some((body, fragment)) => (body, fragment),
        None => (text, ""),
    };
    if !legal(fragment, true) {
        return false;
    }
    let (scheme, rest) = split_scheme(body);
    if let Some(scheme) = scheme {
        let mut letters = scheme.chars();
        let starts_well = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
        if !starts_well || !letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter)) {
            return false;
        }
        if rest.is_empty() || rest == "//" {
            return false;
        }
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let brackets = rest.starts_with("//") || (scheme.is_some() && !rest.starts_with('/'));
    legal(query, true) && legal(rest, brackets)
}

fn legal(part: &str, brackets: bool) -> bool {
    let bytes = part.as_bytes();
    part.char_indices().all(|(at, letter)| match letter {
        '%' => {
            bytes.get(at + 1).is_some_and(u8::is_ascii_hexdigit) && bytes.get(at + 2).is_some_and(u8::is_ascii_hexdigit)
        }
        '[' | ']' => brackets,
        _ if letter.is_ascii() => letter.is_ascii_alphanumeric() || "_-!.~'()*,;:$&+=?/@".contains(letter),
        _ => !letter.is_control() && !letter.is_whitespace(),
    })
}

/// The scheme and what follows its colon; only a colon before any of `/?#` ends a scheme.
fn split_scheme(text: &str) -> (Option<&str>, &str) {
    match text.find([':', '/', '?', '#']) {
        Some(at) if text.as_bytes().get(at) == Some(&b':') => (Some(&text[..at]), &text[at + 1..]),
        _ => (None, text),
    }
}

/// The part before `#`.
pub(super) fn without_fragment(uri: &str) -> &str {
    uri.split_once('#').map_or(uri, |(before, _)| before)
}

/// Resolves `reference` against `base`. An empty base leaves the reference as it is.
pub(super) fn resolve(base: &str, reference: &str) -> String {
    let base = without_fragment(base);
    if reference.starts_with('#') || reference.is_empty() {
        return format!("{base}{reference}");
    }
    if split_scheme(reference).0.is_some() || base.is_empty() {
        return reference.strip_prefix("./").unwrap_or(reference).to_owned();
    }
    let (scheme, rest) = split_scheme(base);
    if scheme == Some("urn") {
        return format!("{base}{reference}");
    }
    let prefix = scheme.map(|scheme| format!("{scheme}:")).unwrap_or_default();
    if reference.starts_with("//") {
        return format!("{prefix}{reference}");
    }
    let (authority, path) = match rest.strip_prefix("//") {
        Some(after) => {
            let end = after.find(['/', '?']).unwrap_or(after.len());
            (format!("//{}", &after[..end]), &after[end..])
        }
        None => (String::new(), rest),
    };
    let path = path.split_once('?').map_or(path, |(before, _)| before);
    let (target, tail) = match reference.find(['?', '#']) {
        Some(at) => reference.split_at(at),
        None => (reference, ""),
    };
    let joined = if target.starts_with('/') {
        target.to_owned()
    } else if target.is_empty() {
        path.to_owned()
    } else {
        match path.rfind('/') {
            Some(slash) => format!("{}{target}", &path[..=slash]),
            None if authority.is_empty() => target.to_owned(),
            None => format!("/{target}"),
        }
    };
    format!("{prefix}{authority}{}{tail}", without_dots(&joined))
}

fn without_dots(path: &str) -> String {
    if !path.contains('.') {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let count = path.split('/').count();
    for (position, segment) in path.split('/').enumerate() {
        let is_last = position + 1 == count;
        match segment {
            "." if is_last => kept.push(""),
            "." => {}
            ".." => {
                if kept.last().is_some_and(|last| !last.is_empty()) {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    kept.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_as_in_rfc_3986() {
        let base = "http://a/b/c/d;p?q";
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("../g", "http://a/b/g"),
            ("g?y#s", "http://a/b/c/g?y#s"),
            ("#s", "http://a/b/c/d;p?q#s"),
            ("urn:x", "urn:x"),
        ] {
            assert_eq!(resolve(base, reference), expected);
        }
        assert_eq!(resolve("", "x.json#/a"), "x.json#/a");
        assert_eq!(resolve("mem://input", "x.json"), "mem://input/x.json");
        assert_eq!(resolve("dir/a.json", "b.json"), "dir/b.json");
    }

    #[test]
    fn java_refuses_blanks_and_broken_escapes() {
        for text in [" http://x", "a b", "http://x/{y}", "%zz", "1a:b", "http:", "a|b", "x#y#z"] {
            assert!(!is_valid(text), "{text}");
        }
        for text in
            ["", "#", "#Address", "something", "/properties/a", "http://x/y#", "urn:x:y", "file:///a", "\u{e9}.json"]
        {
            assert!(is_valid(text), "{text}");
        }
    }
}
