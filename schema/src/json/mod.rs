//! JSON Schema: parse, print, compare, validate.
//!
//! Drafts 4, 6, 7, 2019-09 and 2020-12, with the verdicts of Confluent Schema Registry. A text becomes a tree
//! (`text`), the tree an object model (`classic` or `modern`, after the dialect), and two models are compared
//! (`compare`). Nothing is fetched: a `$ref` leads into the text, its references or the bundled meta-schemas.

mod classic;
mod compare;
mod compare_array;
mod compare_combined;
mod compare_object;
mod compare_scalar;
mod cost;
mod diff;
mod digest;
mod documents;
mod ecma_regex;
mod fold;
mod java_regex;
mod kinds;
mod loading;
mod matching;
mod model;
mod modern;
mod number;
mod pattern;
mod prepared;
mod render;
mod text;
mod uri;
mod validate;

use std::sync::OnceLock;

use crate::compat::{Difference, Direction, Policy, Wanted};
use crate::{Budget, Rendering, ResolvedReference, SchemaError, Strictness};

pub use crate::limits::JSON_DOCUMENT_BYTES_MAX as DOCUMENT_BYTES_MAX;
pub use diff::diff;
use documents::{Dialect, Library};
use model::Model;
use text::Node;
pub use validate::{DATA_ERROR_COUNT_MAX, Formats};

/// A parsed schema: its tree, its canonical text, and, once somebody compares it, its object model.
#[derive(Debug)]
pub struct JsonSchema {
    root: Node,
    canonical: String,
    references: Vec<ResolvedReference>,
    model: OnceLock<Result<Model, SchemaError>>,
    validators: validate::Validators,
}

impl JsonSchema {
    /// Parses a text.
    ///
    /// A new schema must load into the object model, which is Confluent's own check; a stored one need only be JSON
    /// with an object or a boolean at its root, and loads when it is first compared.
    ///
    /// # Errors
    /// See [`crate::ParsedSchema::parse`].
    pub fn parse(text: &str, references: &[ResolvedReference], strictness: Strictness) -> Result<Self, SchemaError> {
        let root = Node::parse(text)?;
        match &root {
            Node::Object(_) | Node::Bool(_) => {}
            other @ (Node::Null | Node::Number(_) | Node::String(_) | Node::Array(_)) => {
                let found = other.type_name();
                return Err(SchemaError::invalid(format!(
                    "expected an object or a boolean at the root, found {found}"
                )));
            }
        }
        let mut canonical = String::with_capacity(text.len());
        root.print(&mut canonical);
        let schema = Self {
            root,
            canonical,
            references: references.to_vec(),
            model: OnceLock::new(),
            validators: validate::Validators::default(),
        };
        match strictness {
            Strictness::Stored => {}
            Strictness::New { validate_fields } => {
                schema.model()?;
                if let (true, Some(name)) =
                    (validate_fields, schema.property_names().find(|name| name.starts_with("$$")))
                {
                    return Err(SchemaError::invalid(format!("the property \"{name}\" has the reserved prefix $$")));
                }
            }
        }
        Ok(schema)
    }

    /// The canonical text.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The normalised text: all object keys sorted.
    ///
    /// # Errors
    /// None today; the signature is that of the other formats.
    pub fn normalized(&self) -> Result<String, SchemaError> {
        let mut text = String::with_capacity(self.canonical.len());
        self.root.print_sorted(&mut text);
        Ok(text)
    }

    /// The title.
    pub fn name(&self) -> Option<String> {
        let title = self.root.as_object()?.get("title")?.as_str()?;
        Some(title.to_owned())
    }

    /// JSON Schema has no other rendering: the canonical text.
    ///
    /// # Errors
    /// None today; the signature is that of the other formats.
    pub fn render(&self, _: Rendering) -> Result<String, SchemaError> {
        Ok(self.canonical.clone())
    }

    /// Is the content the same for a lookup?
    pub fn same_content(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }

    /// See [`crate::ParsedSchema::top_level_fields`].
    pub fn top_level_fields(&self) -> Vec<String> {
        self.property_names().map(str::to_owned).collect()
    }

    fn property_names(&self) -> impl Iterator<Item = &str> {
        let properties = self.root.as_object().and_then(|root| root.get("properties")).and_then(Node::as_object);
        properties.into_iter().flat_map(|properties| properties.iter().map(|(name, _)| name))
    }

    /// The object model, loaded at most once.
    fn model(&self) -> Result<&Model, SchemaError> {
        self.model.get_or_init(|| load(&self.root, &self.references)).as_ref().map_err(Clone::clone)
    }
}

fn load(root: &Node, references: &[ResolvedReference]) -> Result<Model, SchemaError> {
    let references = documents::parse_references(references)?;
    let library = Library::new(root, &references)?;
    if Dialect::is_modern(library.dialect(0)) { modern::load(library) } else { classic::load(library) }
}

/// All differences between what `writer` wrote and what `reader` can read.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up.
pub(crate) fn differences(
    reader: &JsonSchema,
    writer: &JsonSchema,
    direction: Direction,
    policy: Policy,
    wanted: Wanted,
    budget: &mut Budget,
) -> Result<Vec<Difference>, SchemaError> {
    let previous = match direction {
        Direction::Backward => writer,
        Direction::Forward => reader,
    };
    match previous.model() {
        // Confluent's answer where a stored version refers to what may not be fetched.
        Err(SchemaError::Reference { .. }) => Ok(vec![Difference {
            kind: "UNSUPPORTED_REFERENCE",
            path: "#/".to_owned(),
            compatible: false,
            message: "A previous schema version contains an unsupported external reference".to_owned(),
        }]),
        Err(error) => Err(error),
        Ok(_) => compare::differences(writer.model()?, reader.model()?, direction, policy, wanted, budget),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_schema_may_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<JsonSchema>();
    }

    #[test]
    fn a_stored_schema_loads_only_when_it_is_used() {
        let text = r#"{"maxLength":1.5}"#;
        assert!(JsonSchema::parse(text, &[], Strictness::New { validate_fields: false }).is_err());
        let stored = JsonSchema::parse(text, &[], Strictness::Stored).unwrap();
        assert_eq!(stored.canonical(), text);
    }

    #[test]
    fn an_old_schema_with_a_remote_reference_is_told_as_confluent_tells_it() {
        let old = JsonSchema::parse(r#"{"$ref":"http://x/y.json"}"#, &[], Strictness::Stored).unwrap();
        let new = JsonSchema::parse("{}", &[], Strictness::Stored).unwrap();
        for direction in [Direction::Backward, Direction::Forward] {
            let (reader, writer) = if direction == Direction::Backward { (&new, &old) } else { (&old, &new) };
            let found =
                differences(reader, writer, direction, Policy::Strict, Wanted::All, &mut Budget::compare()).unwrap();
            let messages: Vec<&str> = found.iter().map(|difference| &*difference.message).collect();
            assert_eq!(messages, ["A previous schema version contains an unsupported external reference"]);
        }
    }

    #[test]
    fn messages_use_the_words_of_the_direction_and_plain_paths() {
        let parse = |text| JsonSchema::parse(text, &[], Strictness::Stored).unwrap();
        let old = parse(r#"{"properties":{"100%s":{"maxLength":5}}}"#);
        let new = parse(r#"{"properties":{"100%s":{"maxLength":3}}}"#);
        let found =
            differences(&new, &old, Direction::Backward, Policy::Strict, Wanted::All, &mut Budget::compare()).unwrap();
        assert_eq!(
            found[0].message,
            "{errorType:\"MAX_LENGTH_DECREASED\", description:\"The value at path '#/properties/100%s/maxLength' in the \
             new schema is less than its value in the old schema'}"
        );
    }

    #[test]
    fn an_exclusive_limit_is_compared_with_an_exclusive_limit() {
        // Difference 1 in `docs/compatibility.md`: Confluent compares with the inclusive one, or fails.
        let parse = |text| JsonSchema::parse(text, &[], Strictness::Stored).unwrap();
        let old = parse(r#"{"exclusiveMaximum":10}"#);
        let new = parse(r#"{"exclusiveMaximum":9,"maximum":50}"#);
        let found =
            differences(&new, &old, Direction::Backward, Policy::Strict, Wanted::All, &mut Budget::compare()).unwrap();
        let kinds: Vec<&str> = found.iter().map(|difference| difference.kind).collect();
        assert_eq!(kinds, ["MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED"]);
    }
}
