//! Search terms of a content, in one text.

/// What the catalogue finds a content by: sorted, each once. One text, so that hundreds of terms cost one allocation where
/// they are read, copied and sent; a zero byte stands between two of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms(pub String);

impl Terms {
    /// Terms that are sorted, each once. One that is empty or holds a zero byte is left out.
    pub fn of<T: AsRef<str>>(sorted: impl IntoIterator<Item = T>) -> Self {
        let mut text = String::new();
        for term in sorted {
            let term = term.as_ref();
            if term.is_empty() || term.contains('\0') {
                continue;
            }
            if !text.is_empty() {
                text.push('\0');
            }
            text.push_str(term);
        }
        Self(text)
    }

    /// The terms, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split('\0').filter(|term| !term.is_empty())
    }

    /// Is this one of them?
    pub fn has(&self, term: &str) -> bool {
        self.iter().any(|found| found == term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_come_back_but_for_those_that_cannot_be_told_apart() {
        let terms = Terms::of(["", "f:a", "f:b\0c", "w:\u{e9}"]);
        assert_eq!(terms.iter().collect::<Vec<_>>(), ["f:a", "w:\u{e9}"]);
        assert!(terms.has("f:a") && !terms.has("f:") && !terms.has(""));
        assert_eq!(Terms::of([""; 3]), Terms::default());
        assert_eq!(Terms::default().iter().count(), 0);
    }
}
