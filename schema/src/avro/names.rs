//! Which names Avro allows: strictly for new schemas, as of Java's UTF rule for stored ones.

use crate::SchemaError;

/// How names are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// ASCII letters, digits and `_` in every part, namespaces too.
    Strict,
    /// Letters and digits of any script and `_` in the simple name; the namespace is not looked at.
    Utf,
}

impl NameRule {
    /// Checks one part of a name: a simple name, a field name, a symbol.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] with Java's words.
    pub(crate) fn check_simple(self, name: &str) -> Result<(), SchemaError> {
        let mut characters = name.chars();
        let Some(first) = characters.next() else { return Err(SchemaError::invalid("Empty name")) };
        if !(self.is_letter(first) || first == '_') {
            return Err(SchemaError::invalid(format!("Illegal initial character: {name}")));
        }
        if characters.all(|character| self.is_letter(character) || self.is_digit(character) || character == '_') {
            return Ok(());
        }
        Err(SchemaError::invalid(format!("Illegal character in: {name}")))
    }

    /// Checks the namespace of a type that is being defined.
    ///
    /// # Errors
    /// As [`NameRule::check_simple`].
    pub(crate) fn check_namespace(self, namespace: Option<&str>) -> Result<(), SchemaError> {
        match (self, namespace) {
            (Self::Strict, Some(namespace)) => namespace.split('.').try_for_each(|part| self.check_simple(part)),
            (Self::Strict | Self::Utf, _) => Ok(()),
        }
    }

    fn is_letter(self, character: char) -> bool {
        match self {
            Self::Strict => character.is_ascii_alphabetic(),
            // Java looks at single UTF-16 units, so letters beyond the basic plane do not count.
            Self::Utf => character.is_alphabetic() && character <= '\u{ffff}',
        }
    }

    fn is_digit(self, character: char) -> bool {
        match self {
            Self::Strict => character.is_ascii_digit(),
            Self::Utf => character.is_numeric() && character <= '\u{ffff}',
        }
    }
}
