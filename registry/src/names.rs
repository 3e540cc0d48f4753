//! Contexts, subjects and scopes: how names are read and printed.
//!
//! A qualified subject is `:.ctx:name`. A name that starts with `:.` has its context up to the next `:` and the rest is the
//! subject; without a second `:` the whole rest is the context and the subject is empty. Anything else is a subject of
//! the default context `.`. Source: `docs/contexts.md`, "Names".

use std::fmt;

use crate::limits::SUBJECT_BYTES_MAX;

/// The context in which configuration and mode above all contexts are kept.
const GLOBAL_CONTEXT: &str = ".__GLOBAL";
/// Names that Confluent reserves.
const RESERVED_NAMES: [&str; 2] = ["__GLOBAL", "__EMPTY"];

/// A namespace for subjects and ids. It always begins with a dot; the default context is `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Context(String);

impl Context {
    /// The default context, `.`.
    pub fn default_context() -> Self {
        Self(".".to_owned())
    }

    /// Reads a context name; a missing leading dot is added.
    ///
    /// # Errors
    /// [`InvalidName`] for control characters, a colon, or a name that is too long.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.contains(':') {
            return Err(InvalidName(text.to_owned()));
        }
        let name = if text.starts_with('.') { text.to_owned() } else { format!(".{text}") };
        // The name as it is kept must pass: it is read through here again from the log and from the disk.
        check_name(&name, text)?;
        Ok(Self(name))
    }

    /// Is this the default context?
    pub fn is_default(&self) -> bool {
        self.0 == "."
    }

    /// Is this where configuration and mode above all contexts are kept?
    pub fn is_global(&self) -> bool {
        self.0 == GLOBAL_CONTEXT
    }

    /// The name, with its leading dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A subject with its context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The context.
    pub context: Context,
    /// The name inside the context; may be empty, as at Confluent.
    pub name: String,
}

impl Subject {
    /// Reads a subject, qualified or not.
    ///
    /// # Errors
    /// [`InvalidName`] for control characters, reserved names, or a name longer than [`SUBJECT_BYTES_MAX`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        Self::parse_in(&Context::default_context(), text)
    }

    /// Reads a subject; an unqualified one belongs to `context`.
    ///
    /// # Errors
    /// As [`Subject::parse`].
    pub fn parse_in(context: &Context, text: &str) -> Result<Self, InvalidName> {
        check_name(text, text)?;
        let Some(qualified) = text.strip_prefix(":.") else {
            return Ok(Self { context: context.clone(), name: checked_name(text, text)? });
        };
        let (name_of_context, name) = qualified.split_once(':').unwrap_or((qualified, ""));
        let context = Context(format!(".{name_of_context}"));
        // Above all contexts there is configuration and mode, and no subject.
        if context.is_global() {
            return Err(InvalidName(text.to_owned()));
        }
        Ok(Self { context, name: checked_name(name, text)? })
    }

    /// The name as clients see it: unqualified in the default context.
    pub fn qualified(&self) -> String {
        if self.context.is_default() { self.name.clone() } else { format!(":{}:{}", self.context, self.name) }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualified())
    }
}

/// What a configuration or a mode applies to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Above all contexts (`:.__GLOBAL:`).
    Global,
    /// One context. For the default context this is what `/config` and `/mode` without a subject mean.
    Context(Context),
    /// One subject.
    Subject(Subject),
}

impl Scope {
    /// Reads the scope that a path segment names: a subject, `:.ctx:` for a context, `:.__GLOBAL:` for all.
    ///
    /// # Errors
    /// As [`Subject::parse`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.strip_prefix(":.__GLOBAL").is_some_and(|rest| rest.is_empty() || rest == ":") {
            return Ok(Self::Global);
        }
        let subject = Subject::parse(text)?;
        Ok(if subject.name.is_empty() && text.starts_with(":.") {
            Self::Context(subject.context)
        } else {
            Self::Subject(subject)
        })
    }

    /// The scope without a subject: the default context.
    pub fn top() -> Self {
        Self::Context(Context::default_context())
    }

    /// The scope as Confluent names it in messages: a context is a subject without a name.
    pub fn as_subject(&self) -> Subject {
        match self {
            Self::Global => Subject { context: Context(GLOBAL_CONTEXT.to_owned()), name: String::new() },
            Self::Context(context) => Subject { context: context.clone(), name: String::new() },
            Self::Subject(subject) => subject.clone(),
        }
    }

    /// Where a setting is looked for, in order, beginning with this scope.
    ///
    /// Subject → its context → `:.__GLOBAL:`. A context other than the default one does not inherit from the default one.
    pub fn chain(&self) -> Vec<Self> {
        match self {
            Self::Global => vec![Self::Global],
            Self::Context(context) => vec![Self::Context(context.clone()), Self::Global],
            Self::Subject(subject) => {
                vec![self.clone(), Self::Context(subject.context.clone()), Self::Global]
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => write!(f, ":{GLOBAL_CONTEXT}:"),
            Self::Context(context) if context.is_default() => Ok(()),
            Self::Context(context) => write!(f, ":{context}:"),
            Self::Subject(subject) => fmt::Display::fmt(subject, f),
        }
    }
}

/// A name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The specified subject '{0}' is not a valid.")]
pub struct InvalidName(pub String);

fn check_name(part: &str, whole: &str) -> Result<(), InvalidName> {
    let bad = part.len() > SUBJECT_BYTES_MAX || part.chars().any(char::is_control);
    if bad { Err(InvalidName(whole.chars().filter(|c| !c.is_control()).take(200).collect())) } else { Ok(()) }
}

fn checked_name(name: &str, whole: &str) -> Result<String, InvalidName> {
    if RESERVED_NAMES.contains(&name) { Err(InvalidName(whole.to_owned())) } else { Ok(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_and_printed() {
        for (text, context, name) in [
            ("orders-value", ".", "orders-value"),
            ("a/b c", ".", "a/b c"),
            (":.eu:orders", ".eu", "orders"),
            (":.eu:a:b", ".eu", "a:b"),
            (":.eu:", ".eu", ""),
            (":.eu", ".eu", ""),
            (":.:orders", ".", "orders"),
            (":orders", ".", ":orders"),
        ] {
            let subject = Subject::parse(text).unwrap();
            assert_eq!((subject.context.as_str(), subject.name.as_str()), (context, name), "{text}");
            assert_eq!(Subject::parse(&subject.qualified()), Ok(subject), "{text}");
        }
    }

    #[test]
    fn names_that_cannot_be_one_are_refused() {
        for text in
            ["a\nb", "\u{0}", "a\u{7f}", "__GLOBAL", "__EMPTY", ":.eu:__EMPTY", ":.__GLOBAL:x", &"x".repeat(1_025)]
        {
            assert!(Subject::parse(text).is_err(), "{text:?}");
        }
        assert!(Context::parse("a:b").is_err());
    }

    #[test]
    fn scopes_are_read_and_chained() {
        assert_eq!(Scope::parse(":.__GLOBAL:"), Ok(Scope::Global));
        assert_eq!(Scope::parse(":.eu:"), Ok(Scope::Context(Context::parse("eu").unwrap())));
        let subject = Scope::parse("s").unwrap();
        let chain = subject.chain();
        assert_eq!(chain, vec![subject, Scope::top(), Scope::Global]);
    }
}
