//! The text of a schema of the object model, by which branches of a combined schema count as the same.
//!
//! References are written, not followed, so the text is no longer than the schema and ends on cycles.

use std::fmt::Write as _;

use super::model::{Digest, Kind, Model, SchemaIndex};
use crate::{Budget, SchemaError};

/// The text of one schema.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up.
pub(super) fn text(model: &Model, index: SchemaIndex, budget: &mut Budget) -> Result<String, SchemaError> {
    let mut out = String::new();
    Renderer { model, budget, digests: None, out: &mut out }.render_schema(index)?;
    Ok(out)
}

/// The text of one schema in which the digests of its children stand for them.
pub(super) fn text_of_one(model: &Model, index: SchemaIndex, digests: &[Option<Digest>]) -> String {
    let mut out = String::new();
    // As long as what is rendered, whose size was limited when it was loaded.
    let mut budget = Budget::new("unlimited", u64::MAX);
    let mut renderer = Renderer { model, budget: &mut budget, digests: Some(digests), out: &mut out };
    let _ = renderer.render_one(index);
    out
}

struct Renderer<'a> {
    model: &'a Model,
    budget: &'a mut Budget,
    /// What stands for children; without, they are rendered.
    digests: Option<&'a [Option<Digest>]>,
    out: &'a mut String,
}

impl Renderer<'_> {
    /// Depth is that of the text the model came from: references end here.
    fn render_schema(&mut self, index: SchemaIndex) -> Result<(), SchemaError> {
        if let Some(digests) = self.digests {
            self.render_word(format_args!("{:?}", digests[index as usize]));
            return Ok(());
        }
        self.render_one(index)
    }

    fn render_one(&mut self, index: SchemaIndex) -> Result<(), SchemaError> {
        self.budget.step()?;
        let schema = &self.model.schemas[index as usize];
        self.out.push('{');
        self.render_optional("id", &schema.id);
        self.render_optional("title", &schema.title);
        self.render_optional("description", &schema.description);
        self.render_optional("default", &schema.default);
        self.render_kind(&schema.kind)?;
        if let Some(unprocessed) = &schema.unprocessed {
            self.out.push_str(unprocessed);
        }
        self.out.push('}');
        Ok(())
    }

    fn render_word(&mut self, word: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{word},");
    }

    fn render_optional<T: std::fmt::Debug>(&mut self, name: &str, value: &Option<T>) {
        if let Some(value) = value {
            let _ = write!(self.out, "{name}:{value:?},");
        }
    }

    fn child(&mut self, name: &str, index: Option<SchemaIndex>) -> Result<(), SchemaError> {
        if let Some(index) = index {
            self.out.push_str(name);
            self.out.push(':');
            self.render_schema(index)?;
        }
        Ok(())
    }

    fn render_kind(&mut self, kind: &Kind) -> Result<(), SchemaError> {
        match kind {
            Kind::Empty => {}
            Kind::True => self.render_word("true"),
            Kind::False => self.render_word("false"),
            Kind::Boolean => self.render_word("boolean"),
            Kind::Null => self.render_word("null"),
            Kind::String(rules) => self.render_word(format_args!("{rules:?}")),
            Kind::Number(rules) => self.render_word(format_args!("{rules:?}")),
            Kind::Enum(values) => self.render_word(format_args!("enum:{values:?}")),
            Kind::Const(value) => self.render_word(format_args!("const:{value:?}")),
            Kind::Not(index) => self.child("not", Some(*index))?,
            Kind::Conditional([condition, then, otherwise]) => {
                self.child("if", *condition)?;
                self.child("then", *then)?;
                self.child("else", *otherwise)?;
            }
            Kind::Reference { text, .. } => self.render_word(format_args!("ref:{text:?}")),
            Kind::Combined { criterion, subschemas, synthetic } => {
                self.render_word(format_args!("{}:{synthetic}", criterion.name()));
                for index in subschemas {
                    self.render_schema(*index)?;
                }
            }
            Kind::Object(rules) => {
                self.render_word(format_args!("object:{}", rules.requires_object));
                for at in &rules.by_name {
                    let (name, index) = &rules.properties[*at as usize];
                    self.child(name, Some(*index))?;
                }
                self.render_word(format_args!("{:?}", rules.required));
                self.render_optional("minProperties", &rules.min_properties);
                self.render_optional("maxProperties", &rules.max_properties);
                self.render_word(format_args!("{:?}", rules.property_dependencies));
                for (name, index) in &rules.schema_dependencies {
                    self.child(name, Some(*index))?;
                }
                for (pattern, index) in &rules.patterns {
                    self.render_word(format_args!("{pattern:?}"));
                    self.render_schema(*index)?;
                }
                self.render_word(rules.forbids_additional);
                self.child("additionalProperties", rules.additional)?;
                self.child("propertyNames", rules.property_names)?;
                self.child("unevaluatedProperties", rules.unevaluated)?;
            }
            Kind::Array(rules) => {
                self.render_word(format_args!("array:{}", rules.requires_array));
                self.child("items", rules.all_items)?;
                for index in &rules.items {
                    self.render_schema(*index)?;
                }
                self.render_word(rules.forbids_additional);
                self.child("additionalItems", rules.additional)?;
                self.child("unevaluatedItems", rules.unevaluated)?;
                self.child("contains", rules.contains)?;
                self.render_optional("minItems", &rules.min_items);
                self.render_optional("maxItems", &rules.max_items);
                self.render_optional("minContains", &rules.min_contains);
                self.render_optional("maxContains", &rules.max_contains);
                self.render_word(rules.unique);
            }
        }
        Ok(())
    }
}
