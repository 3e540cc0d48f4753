//! The canonical text: what Java's `Schema.toString()` prints, and what Confluent stores.
//!
//! A named type is written out where the walk first meets it and as a name afterwards, relative to the namespace that
//! it stands in. Types of references count as met. The nesting of the output is limited as that of the input is, so
//! that every canonical text can be parsed again.

use super::json::{Json, print_text};
use super::model::{Field, Kind, Model, Name, Named, NodeId, Order, Props};
use crate::{SchemaError, limits};

/// Names that would be read as a kind of type if they stood alone, so they are always written in full.
const KIND_WORDS: [&str; 14] = [
    "record", "enum", "array", "map", "union", "fixed", "string", "bytes", "int", "long", "float", "double", "boolean",
    "null",
];

/// The canonical text of the schema; types of its references are named, not written out.
///
/// # Errors
/// [`SchemaError::Limit`] if definitions nest too deeply when each is written where it is first used.
pub(crate) fn canonical(model: &Model) -> Result<String, SchemaError> {
    print(model, model.root, model.own_from)
}

/// The same with the types of references written out.
///
/// # Errors
/// As [`canonical`].
pub(crate) fn resolved(model: &Model) -> Result<String, SchemaError> {
    print(model, model.root, 0)
}

/// The text of one type alone, with everything that it uses written out.
///
/// # Errors
/// As [`canonical`].
pub(crate) fn type_text(model: &Model, id: NodeId) -> Result<String, SchemaError> {
    print(model, id, 0)
}

fn print(model: &Model, id: NodeId, known_before: usize) -> Result<String, SchemaError> {
    let mut known = vec![false; model.nodes.len()];
    known[..known_before].fill(true);
    let mut printer = Printer { model, known, out: String::new(), depth_left: limits::SCHEMA_DEPTH_MAX };
    printer.print_schema(id, None)?;
    Ok(printer.out)
}

struct Printer<'m> {
    model: &'m Model,
    /// By node: has the named type been written out?
    known: Vec<bool>,
    out: String,
    depth_left: usize,
}

impl<'m> Printer<'m> {
    fn print_schema(&mut self, id: NodeId, namespace: Option<&'m str>) -> Result<(), SchemaError> {
        let node = self.model.node(id);
        match &node.kind {
            Kind::Primitive(primitive) if node.props.is_empty() => {
                self.text(primitive.word());
                Ok(())
            }
            Kind::Primitive(primitive) => {
                self.open('{')?;
                self.out.push_str("\"type\":");
                self.text(primitive.word());
                self.print_props(&node.props)?;
                self.close('}');
                Ok(())
            }
            Kind::Array(element) => self.collection("array", "items", *element, &node.props, namespace),
            Kind::Map(element) => self.collection("map", "values", *element, &node.props, namespace),
            Kind::Union(branches) => {
                self.open('[')?;
                for (position, branch) in branches.iter().enumerate() {
                    self.comma(position);
                    self.print_schema(*branch, namespace)?;
                }
                self.close(']');
                Ok(())
            }
            Kind::Record(record) => {
                if self.met(&record.named, namespace) {
                    return Ok(());
                }
                self.open_named(if record.error { "error" } else { "record" }, &record.named, namespace)?;
                self.key("fields");
                self.open('[')?;
                for (position, field) in record.fields.iter().enumerate() {
                    self.comma(position);
                    self.print_field(field, record.named.name.namespace())?;
                }
                self.close(']');
                self.close_named(&record.named, &node.props)
            }
            Kind::Enum(declared) => {
                if self.met(&declared.named, namespace) {
                    return Ok(());
                }
                self.open_named("enum", &declared.named, namespace)?;
                self.key("symbols");
                self.open('[')?;
                for (position, symbol) in declared.symbols.iter().enumerate() {
                    self.comma(position);
                    self.text(symbol);
                }
                self.close(']');
                if let Some(default) = &declared.default {
                    self.key("default");
                    self.text(default);
                }
                self.close_named(&declared.named, &node.props)
            }
            Kind::Fixed(fixed) => {
                if self.met(&fixed.named, namespace) {
                    return Ok(());
                }
                self.open_named("fixed", &fixed.named, namespace)?;
                self.key("size");
                self.out.push_str(&fixed.size.to_string());
                self.close_named(&fixed.named, &node.props)
            }
            Kind::Forward(name) => {
                self.text(name);
                Ok(())
            }
        }
    }

    fn collection(
        &mut self,
        word: &str,
        key: &str,
        element: NodeId,
        props: &Props,
        namespace: Option<&'m str>,
    ) -> Result<(), SchemaError> {
        self.open('{')?;
        self.out.push_str("\"type\":");
        self.text(word);
        self.key(key);
        self.print_schema(element, namespace)?;
        self.print_props(props)?;
        self.close('}');
        Ok(())
    }

    /// Writes the name only, if the type was written out before.
    fn met(&mut self, named: &Named, namespace: Option<&str>) -> bool {
        let known = &mut self.known[named.first.0 as usize];
        if *known {
            self.text(relative(&named.name, namespace));
            return true;
        }
        *known = true;
        false
    }

    fn open_named(&mut self, word: &str, named: &Named, namespace: Option<&str>) -> Result<(), SchemaError> {
        self.open('{')?;
        self.out.push_str("\"type\":");
        self.text(word);
        self.key("name");
        self.text(named.name.simple());
        match (named.name.namespace(), namespace) {
            (Some(own), enclosing) if enclosing != Some(own) => {
                self.key("namespace");
                self.text(own);
            }
            (None, Some(_)) => {
                self.key("namespace");
                self.text("");
            }
            (Some(_) | None, _) => {}
        }
        self.print_doc(named.doc.as_deref());
        Ok(())
    }

    fn close_named(&mut self, named: &Named, props: &Props) -> Result<(), SchemaError> {
        self.print_props(props)?;
        self.print_aliases(named.aliases.iter().map(|alias| relative(alias, named.name.namespace())))?;
        self.close('}');
        Ok(())
    }

    fn print_field(&mut self, field: &'m Field, namespace: Option<&'m str>) -> Result<(), SchemaError> {
        self.open('{')?;
        self.out.push_str("\"name\":");
        self.text(&field.name);
        self.key("type");
        self.print_schema(field.type_id, namespace)?;
        self.print_doc(field.doc.as_deref());
        if let Some(default) = &field.default {
            self.key("default");
            self.print_json(default)?;
        }
        if field.order != Order::Ascending {
            self.key("order");
            self.text(field.order.word());
        }
        self.print_aliases(field.aliases.iter().map(String::as_str))?;
        self.print_props(&field.props)?;
        self.close('}');
        Ok(())
    }

    fn print_doc(&mut self, doc: Option<&str>) {
        if let Some(doc) = doc {
            self.key("doc");
            self.text(doc);
        }
    }

    fn print_aliases<'n>(&mut self, mut names: impl Iterator<Item = &'n str>) -> Result<(), SchemaError> {
        let Some(first) = names.next() else { return Ok(()) };
        self.key("aliases");
        self.open('[')?;
        self.text(first);
        for name in names {
            self.out.push(',');
            self.text(name);
        }
        self.close(']');
        Ok(())
    }

    fn print_props(&mut self, props: &Props) -> Result<(), SchemaError> {
        for (key, value) in props {
            self.key(key);
            self.print_json(value)?;
        }
        Ok(())
    }

    fn print_json(&mut self, value: &Json<'_>) -> Result<(), SchemaError> {
        if value.print(&mut self.out, self.depth_left) { Ok(()) } else { Err(too_deep()) }
    }

    fn key(&mut self, key: &str) {
        self.out.push(',');
        print_text(key, &mut self.out);
        self.out.push(':');
    }

    fn text(&mut self, text: &str) {
        print_text(text, &mut self.out);
    }

    fn comma(&mut self, position: usize) {
        if position > 0 {
            self.out.push(',');
        }
    }

    fn open(&mut self, bracket: char) -> Result<(), SchemaError> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or_else(too_deep)?;
        self.out.push(bracket);
        Ok(())
    }

    fn close(&mut self, bracket: char) {
        self.depth_left += 1;
        self.out.push(bracket);
    }
}

/// The name as it is written inside `namespace`.
fn relative<'n>(name: &'n Name, namespace: Option<&str>) -> &'n str {
    if name.namespace().is_some() && name.namespace() == namespace && !KIND_WORDS.contains(&name.simple()) {
        name.simple()
    } else {
        name.full()
    }
}

pub(crate) fn too_deep() -> SchemaError {
    SchemaError::Limit { limit: "SCHEMA_DEPTH_MAX", allowed: limits::SCHEMA_DEPTH_MAX as u64 }
}
