//! The text under `normalize=true`.
//!
//! Confluent writes the schema in a form of its own (full names, sorted properties and aliases, defaults as values) and
//! then parses and prints that. So do we: [`normalized`] builds the intermediate form as a JSON tree, and the ordinary
//! parser and printer do the rest. The order of union branches and of fields never changes.

use std::borrow::Cow;

use super::json::{Entries, Json};
use super::logical::{self, Logical};
use super::model::{Field, Kind, Model, Named, Node, NodeId, Primitive, Props};
use super::{number, parse, print};
use crate::{ResolvedReference, SchemaError, limits};

/// The normalised text of the schema.
///
/// # Errors
/// [`SchemaError::Invalid`] where a name changes its meaning and clashes, [`SchemaError::Limit`].
pub(crate) fn normalized(model: &Model, references: &[ResolvedReference]) -> Result<String, SchemaError> {
    let mut known = vec![false; model.nodes.len()];
    known[..model.own_from].fill(true);
    let mut writer = Writer { model, known };
    let tree = writer.write_schema(model.root, limits::SCHEMA_DEPTH_MAX)?;
    print::canonical(&parse::parse_tree(tree, references)?)
}

struct Writer<'m> {
    model: &'m Model,
    known: Vec<bool>,
}

impl<'m> Writer<'m> {
    fn write_schema(&mut self, id: NodeId, depth_left: usize) -> Result<Json<'m>, SchemaError> {
        let depth = depth_left.checked_sub(1).ok_or_else(print::too_deep)?;
        let model = self.model;
        let node = model.node(id);
        if let Some(named) = node.kind.named() {
            if self.known[named.first.0 as usize] {
                return Ok(text(named.name.full()));
            }
            self.known[named.first.0 as usize] = true;
        }
        let mut entries = Entries::new();
        match &node.kind {
            Kind::Primitive(primitive) if node.props.is_empty() => return Ok(text(primitive.word())),
            Kind::Primitive(primitive) => {
                add(&mut entries, "type", text(primitive.word()));
                add_logical(node, &mut entries);
            }
            Kind::Array(element) => {
                add(&mut entries, "type", text("array"));
                let element = self.write_schema(*element, depth)?;
                add(&mut entries, "items", element);
            }
            Kind::Map(element) => {
                add(&mut entries, "type", text("map"));
                let element = self.write_schema(*element, depth)?;
                add(&mut entries, "values", element);
            }
            Kind::Union(branches) => {
                let branches: Result<Vec<_>, _> =
                    branches.iter().map(|branch| self.write_schema(*branch, depth)).collect();
                return Ok(Json::Array(branches?));
            }
            Kind::Record(record) => {
                open_named(&record.named, "record", &mut entries);
                let fields: Result<Vec<_>, _> =
                    record.fields.iter().map(|field| self.write_field(field, depth)).collect();
                add(&mut entries, "fields", Json::Array(fields?));
                close_named(&record.named, &mut entries);
            }
            Kind::Enum(declared) => {
                open_named(&declared.named, "enum", &mut entries);
                let symbols = declared.symbols.iter().map(|symbol| text(symbol)).collect();
                add(&mut entries, "symbols", Json::Array(symbols));
                close_named(&declared.named, &mut entries);
                if let Some(default) = &declared.default {
                    add(&mut entries, "default", text(default));
                }
            }
            Kind::Fixed(fixed) => {
                open_named(&fixed.named, "fixed", &mut entries);
                add(&mut entries, "size", Json::Number(Cow::Owned(fixed.size.to_string())));
                add_logical(node, &mut entries);
                close_named(&fixed.named, &mut entries);
            }
            Kind::Forward(name) => return Ok(text(name)),
        }
        add_props(&node.props, &mut entries);
        Ok(Json::Object(entries))
    }

    fn write_field(&mut self, field: &'m Field, depth: usize) -> Result<Json<'m>, SchemaError> {
        let mut entries = Entries::new();
        add(&mut entries, "name", text(&field.name));
        let field_type = self.write_schema(field.type_id, depth)?;
        add(&mut entries, "type", field_type);
        add(&mut entries, "order", text(field.order.word()));
        if let Some(doc) = &field.doc {
            add(&mut entries, "doc", text(doc));
        }
        if !field.aliases.is_empty() {
            add(&mut entries, "aliases", sorted_texts(field.aliases.clone()));
        }
        if let Some(default) = &field.default
            && let Some(value) = self.write_value(default, Some(field.type_id), depth)
        {
            add(&mut entries, "default", value);
        }
        add_props(&field.props, &mut entries);
        Ok(Json::Object(entries))
    }

    /// A default as Java makes a value of it, by the type (of a union: its first branch). A number or text that the
    /// type cannot hold becomes nothing, which is how a default of a later branch gets lost in the normalised text.
    fn write_value(&self, json: &Json<'_>, type_id: Option<NodeId>, depth_left: usize) -> Option<Json<'m>> {
        let depth = depth_left.checked_sub(1)?;
        let kind = type_id.map(|id| self.model.kind(id));
        if let Some(Kind::Union(branches)) = kind {
            return match branches.first() {
                Some(first) => self.write_value(json, Some(*first), depth),
                None => Some(sorted(json)),
            };
        }
        let primitive = match kind {
            Some(Kind::Primitive(primitive)) => Some(*primitive),
            Some(
                Kind::Array(_)
                | Kind::Map(_)
                | Kind::Union(_)
                | Kind::Record(_)
                | Kind::Enum(_)
                | Kind::Fixed(_)
                | Kind::Forward(_),
            )
            | None => None,
        };
        match json {
            Json::Null | Json::Bool(_) => Some(sorted(json)),
            Json::Number(digits) => match (kind, primitive) {
                (None, _) => Some(sorted(json)),
                (_, Some(Primitive::Int | Primitive::Long)) if number::is_whole(digits) => Some(sorted(json)),
                (_, Some(Primitive::Double)) => {
                    Some(Json::Number(Cow::Owned(number::double_text(number::parse_java_double(digits)?))))
                }
                #[expect(clippy::cast_possible_truncation, reason = "Java narrows the default in the same way")]
                (_, Some(Primitive::Float)) => {
                    Some(Json::Number(Cow::Owned(number::float_text(number::parse_java_double(digits)? as f32))))
                }
                (Some(_), _) => None,
            },
            Json::Text(value) => match kind {
                None | Some(Kind::Enum(_) | Kind::Primitive(Primitive::String)) => Some(sorted(json)),
                Some(Kind::Fixed(_) | Kind::Primitive(Primitive::Bytes)) => {
                    let latin = |character| if character > '\u{ff}' { '?' } else { character };
                    Some(Json::Text(Cow::Owned(value.chars().map(latin).collect())))
                }
                Some(
                    Kind::Primitive(_)
                    | Kind::Array(_)
                    | Kind::Map(_)
                    | Kind::Union(_)
                    | Kind::Record(_)
                    | Kind::Forward(_),
                ) => None,
            },
            Json::Array(items) => match kind {
                Some(Kind::Array(element)) => {
                    let items =
                        items.iter().map(|item| self.write_value(item, Some(*element), depth).unwrap_or(Json::Null));
                    Some(Json::Array(items.collect()))
                }
                // Java fails here; the default stays as it is.
                Some(_) | None => Some(sorted(json)),
            },
            Json::Object(entries) => {
                let value = |(key, value): &(Cow<'_, str>, Json<'_>)| {
                    let member = match kind {
                        Some(Kind::Map(element)) => Some(*element),
                        Some(Kind::Record(record)) => record.field(key).map(|(_, field)| field.type_id),
                        Some(
                            Kind::Primitive(_)
                            | Kind::Array(_)
                            | Kind::Union(_)
                            | Kind::Enum(_)
                            | Kind::Fixed(_)
                            | Kind::Forward(_),
                        )
                        | None => None,
                    };
                    let value = self.write_value(value, member, depth).unwrap_or(Json::Null);
                    (Cow::Owned(key.clone().into_owned()), value)
                };
                let mut entries: Entries<'m> = entries.iter().map(value).collect();
                entries.sort_by(|(a, _), (b, _)| java_order(a, b));
                Some(Json::Object(entries))
            }
        }
    }
}

fn open_named<'m>(named: &'m Named, word: &'static str, entries: &mut Entries<'m>) {
    add(entries, "name", text(named.name.full()));
    add(entries, "type", text(word));
}

fn close_named<'m>(named: &'m Named, entries: &mut Entries<'m>) {
    if let Some(doc) = named.doc.as_deref().filter(|doc| !doc.is_empty()) {
        add(entries, "doc", text(doc));
    }
    if !named.aliases.is_empty() {
        let aliases = named.aliases.iter().map(|alias| alias.as_alias_of(&named.name)).collect();
        add(entries, "aliases", sorted_texts(aliases));
    }
}

/// A valid logical type comes before the other properties, a decimal with its precision and a scale that is not 0.
fn add_logical<'m>(node: &'m Node, entries: &mut Entries<'m>) {
    match logical::of(node) {
        None => {}
        Some(Logical::Decimal { precision, scale }) => {
            add(entries, "logicalType", text("decimal"));
            add(entries, "precision", Json::Number(Cow::Owned(precision.to_string())));
            if scale != 0 {
                add(entries, "scale", Json::Number(Cow::Owned(scale.to_string())));
            }
        }
        Some(Logical::Other(name)) => add(entries, "logicalType", text(name)),
    }
}

/// All properties by key. One that was written already keeps its place.
fn add_props<'m>(props: &'m Props, entries: &mut Entries<'m>) {
    let mut props: Vec<_> = props.iter().collect();
    props.sort_by(|(a, _), (b, _)| java_order(a, b));
    // Properties have keys of their own, so only what was there before can be met again.
    let written = entries.len();
    for (key, value) in props {
        match entries[..written].iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = sorted(value),
            None => entries.push((Cow::Borrowed(key), sorted(value))),
        }
    }
}

/// The value with the keys of all objects in it sorted.
fn sorted<'m>(json: &Json<'_>) -> Json<'m> {
    match json {
        Json::Object(entries) => {
            let mut entries: Entries<'m> =
                entries.iter().map(|(key, value)| (Cow::Owned(key.clone().into_owned()), sorted(value))).collect();
            entries.sort_by(|(a, _), (b, _)| java_order(a, b));
            Json::Object(entries)
        }
        Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => json.clone().into_owned(),
    }
}

fn sorted_texts<'m>(mut texts: Vec<String>) -> Json<'m> {
    texts.sort_by(|a, b| java_order(a, b));
    Json::Array(texts.into_iter().map(|text| Json::Text(Cow::Owned(text))).collect())
}

/// The order of Java strings: by UTF-16 unit.
pub(crate) fn java_order(a: &str, b: &str) -> std::cmp::Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

fn text(text: &str) -> Json<'_> {
    Json::Text(Cow::Borrowed(text))
}

fn add<'m>(entries: &mut Entries<'m>, key: &'static str, value: Json<'m>) {
    entries.push((Cow::Borrowed(key), value));
}
