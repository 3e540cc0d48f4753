//! From JSON to the model, by the rules of Java's `Schema.Parser` (1.12.1).
//!
//! A type is known once its definition is complete. A use before that, also inside the definition itself, becomes a
//! forward node, and when a text is complete all edges to forward nodes are led to the definitions. The texts of
//! references are parsed before the schema, into the same arena and as strictly. Recursion follows the JSON tree, whose
//! depth was limited when it was parsed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::defaults;
use super::json::{Entries, Json, Syntax, member};
use super::model::{
    Enum, Field, Fixed, Kind, Model, Name, Named, Node, NodeId, Order, Primitive, Props, Record, sorted_positions,
};
use super::names::NameRule;
use super::{number, same};
use crate::{Budget, ResolvedReference, SchemaError, Strictness, limits};

mod forward;

/// How schema texts are read: comments are allowed, as in Java.
const SYNTAX: Syntax = Syntax { comments: true, depth_max: limits::SCHEMA_DEPTH_MAX, depth_limit: "SCHEMA_DEPTH_MAX" };

/// Largest size of a `fixed`: what fits a Java array, less its header.
const FIXED_SIZE_MAX: i64 = 2_147_483_639;

/// Keys that Avro gives a meaning in a type; they never become properties.
const TYPE_KEYS: [&str; 10] =
    ["doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases"];

/// The same for fields.
const FIELD_KEYS: [&str; 6] = ["default", "doc", "name", "order", "type", "aliases"];

/// Parses a schema after its references.
///
/// # Errors
/// [`SchemaError::Invalid`], [`SchemaError::Reference`] if a referenced text is not a schema, [`SchemaError::Limit`].
pub(crate) fn parse(
    text: &str,
    references: &[ResolvedReference],
    strictness: Strictness,
) -> Result<Model, SchemaError> {
    let mut parser = Parser::with_references(references, strictness)?;
    let own_from = parser.nodes.len();
    let root = parser.parse_text(text)?;
    Ok(Model { nodes: parser.nodes, root, own_from })
}

/// Builds a model from a JSON tree instead of a text, leniently; for [`super::normalize`].
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_tree(tree: Json<'_>, references: &[ResolvedReference]) -> Result<Model, SchemaError> {
    let mut parser = Parser::with_references(references, Strictness::Stored)?;
    let own_from = parser.nodes.len();
    let root = parser.parse_document(tree)?;
    Ok(Model { nodes: parser.nodes, root, own_from })
}

struct Parser {
    nodes: Vec<Node>,
    /// Full name → its first definition.
    names: BTreeMap<String, NodeId>,
    /// The definitions of the current text, in the order of their ends.
    defined: Vec<NodeId>,
    rule: NameRule,
    check_defaults: bool,
    /// Fields, symbols, branches and aliases of the current text.
    members: usize,
    /// Forward nodes of the current text.
    forward: Vec<NodeId>,
    /// Fields whose default met a forward node: checked again when the text is complete.
    late_defaults: Vec<(NodeId, usize)>,
    budget: Budget,
}

impl Parser {
    fn with_references(references: &[ResolvedReference], strictness: Strictness) -> Result<Self, SchemaError> {
        let is_new = match strictness {
            Strictness::New { .. } => true,
            Strictness::Stored => false,
        };
        let mut parser = Self {
            nodes: Vec::new(),
            names: BTreeMap::new(),
            defined: Vec::new(),
            rule: if is_new { NameRule::Strict } else { NameRule::Utf },
            check_defaults: is_new,
            members: 0,
            forward: Vec::new(),
            late_defaults: Vec::new(),
            budget: Budget::walk(),
        };
        for reference in references {
            parser.parse_text(&reference.text).map_err(|error| match error {
                SchemaError::Invalid { message } | SchemaError::Reference { message } => SchemaError::reference(
                    format!("the referenced schema {} is invalid: {message}", reference.reference.name),
                ),
                limit @ SchemaError::Limit { .. } => limit,
            })?;
        }
        Ok(parser)
    }

    fn parse_text(&mut self, text: &str) -> Result<NodeId, SchemaError> {
        self.parse_document(Json::parse(text, SYNTAX)?)
    }

    fn parse_document(&mut self, tree: Json<'_>) -> Result<NodeId, SchemaError> {
        self.members = 0;
        self.defined.clear();
        let from = self.nodes.len();
        let root = self.parse_schema(tree, None)?;
        if self.forward.is_empty() { Ok(root) } else { self.resolve_forward(from, root) }
    }

    fn parse_schema(&mut self, json: Json<'_>, namespace: Option<&str>) -> Result<NodeId, SchemaError> {
        self.budget.step()?;
        match json {
            Json::Text(name) => self.find(&name, namespace),
            Json::Object(entries) => self.parse_object(entries, namespace),
            Json::Array(branches) => self.parse_union(branches, namespace),
            Json::Null | Json::Bool(_) | Json::Number(_) => {
                Err(SchemaError::invalid(format!("Schema not yet supported: {}", json.excerpt())))
            }
        }
    }

    fn find(&mut self, name: &str, namespace: Option<&str>) -> Result<NodeId, SchemaError> {
        if let Some(primitive) = Primitive::from_word(name) {
            return self.push(Kind::Primitive(primitive), Vec::new());
        }
        let qualified = match namespace {
            Some(namespace) if !name.contains('.') => Some(format!("{namespace}.{name}")),
            Some(_) | None => None,
        };
        let full = qualified.as_deref().unwrap_or(name);
        if let Some(id) = self.names.get(full).or_else(|| self.names.get(name)) {
            return Ok(*id);
        }
        let id = self.push(Kind::Forward(full.to_owned()), Vec::new())?;
        self.forward.push(id);
        Ok(id)
    }

    fn parse_object(&mut self, entries: Entries<'_>, namespace: Option<&str>) -> Result<NodeId, SchemaError> {
        let Some(word) = member(&entries, "type").and_then(Json::text) else {
            return Err(about("No type", entries));
        };
        if let Some(primitive) = Primitive::from_word(word) {
            let props = type_props(entries, &[]);
            return self.push(Kind::Primitive(primitive), props);
        }
        match word {
            "record" => self.parse_record(entries, namespace, false),
            "error" => self.parse_record(entries, namespace, true),
            "enum" => self.declare_enum(entries, namespace),
            "fixed" => self.parse_fixed(entries, namespace),
            "array" => self.collection(entries, namespace, "items", Kind::Array),
            "map" => self.collection(entries, namespace, "values", Kind::Map),
            _ => {
                let word = word.to_owned();
                self.find(&word, namespace)
            }
        }
    }

    fn parse_union(&mut self, branches: Vec<Json<'_>>, namespace: Option<&str>) -> Result<NodeId, SchemaError> {
        self.count_members(branches.len())?;
        let mut ids = Vec::with_capacity(branches.len());
        for branch in branches {
            ids.push(self.parse_schema(branch, namespace)?);
        }
        self.check_union(&ids)?;
        self.push(Kind::Union(ids), Vec::new())
    }

    fn check_union(&self, branches: &[NodeId]) -> Result<(), SchemaError> {
        let kinds = || branches.iter().map(|branch| &self.nodes[branch.0 as usize].kind);
        if kinds().any(|kind| matches!(kind, Kind::Union(_))) {
            return Err(SchemaError::invalid("Nested union: a union may not directly hold another union"));
        }
        let known = kinds().filter(|kind| !matches!(kind, Kind::Forward(_)));
        match sorted_positions(known.map(Kind::branch_name)).1 {
            Some(name) => Err(SchemaError::invalid(format!("Duplicate in union:{name}"))),
            None => Ok(()),
        }
    }

    fn collection(
        &mut self,
        mut entries: Entries<'_>,
        namespace: Option<&str>,
        key: &str,
        kind: fn(NodeId) -> Kind,
    ) -> Result<NodeId, SchemaError> {
        let Some(element) = take(&mut entries, key) else {
            return Err(about(
                if key == "items" { "Array has no items type" } else { "Map has no values type" },
                entries,
            ));
        };
        let element = self.parse_schema(element, namespace)?;
        self.push(kind(element), type_props(entries, &[]))
    }

    fn parse_record(
        &mut self,
        mut entries: Entries<'_>,
        namespace: Option<&str>,
        error: bool,
    ) -> Result<NodeId, SchemaError> {
        let named = self.named(&entries, namespace)?;
        let name = named.name.clone();
        let Some(Json::Array(fields)) = take(&mut entries, "fields") else {
            return Err(about("Record has no fields", entries));
        };
        self.count_members(fields.len())?;
        let mut parsed: Vec<Field> = Vec::with_capacity(fields.len());
        let mut late = Vec::new();
        for field in fields {
            let (field, met) = self.parse_field(field, &name)?;
            if met == defaults::Met::Forward {
                late.push(parsed.len());
            }
            parsed.push(field);
        }
        let (by_name, repeated) = sorted_positions(parsed.iter().map(|field| field.name.as_str()));
        if let Some(repeated) = repeated {
            return Err(SchemaError::invalid(format!("Duplicate field {repeated} in record {}", name.full())));
        }
        let record = Record { named, error, fields: parsed, by_name };
        let id = self.define(&name, Kind::Record(Box::new(record)), entries)?;
        self.late_defaults.extend(late.into_iter().map(|position| (id, position)));
        Ok(id)
    }

    /// A field, and whether its default must be checked again.
    fn parse_field(&mut self, json: Json<'_>, record: &Name) -> Result<(Field, defaults::Met), SchemaError> {
        let Json::Object(mut entries) = json else {
            return Err(SchemaError::invalid(format!("No field name: {}", json.excerpt())));
        };
        let Some(name) = member(&entries, "name").and_then(Json::text).map(str::to_owned) else {
            return Err(about("No field name", entries));
        };
        let doc = member(&entries, "doc").and_then(Json::text).map(str::to_owned);
        let Some(type_json) = take(&mut entries, "type") else {
            return Err(about("No field type", entries));
        };
        let type_id = self.parse_schema(type_json, record.namespace())?;
        let order = match member(&entries, "order") {
            None => Order::Ascending,
            Some(order) => order
                .text()
                .and_then(Order::from_word)
                .ok_or_else(|| SchemaError::invalid(format!("Unknown order of field {name}: {}", order.excerpt())))?,
        };
        let default = take(&mut entries, "default").map(Json::into_owned);
        let default = default.map(|default| self.text_as_number(&name, type_id, default)).transpose()?;
        self.rule.check_simple(&name)?;
        let met = match &default {
            Some(default) if self.check_defaults => self.check_default(&name, type_id, default, None)?,
            Some(_) | None => defaults::Met::Known,
        };
        let aliases = self.parse_aliases(&entries)?.into_iter().map(Cow::into_owned).collect();
        let props = props(entries, &FIELD_KEYS);
        Ok((Field { name, doc, type_id, default, order, aliases, props }, met))
    }

    /// A text as the default of a float or double is read as a number, so that `"NaN"` can be said.
    fn text_as_number(
        &self,
        field: &str,
        type_id: NodeId,
        default: Json<'static>,
    ) -> Result<Json<'static>, SchemaError> {
        let floating =
            matches!(self.nodes[type_id.0 as usize].kind, Kind::Primitive(Primitive::Float | Primitive::Double));
        match &default {
            Json::Text(text) if floating => match number::parse_java_double(text) {
                Some(value) => Ok(Json::Number(Cow::Owned(number::double_text(value)))),
                None => Err(SchemaError::invalid(format!("Invalid default for field {field}: not a number: {text:?}"))),
            },
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) | Json::Object(_) => {
                Ok(default)
            }
        }
    }

    fn check_default(
        &mut self,
        field: &str,
        type_id: NodeId,
        default: &Json<'_>,
        copying: Option<&defaults::Copying>,
    ) -> Result<defaults::Met, SchemaError> {
        let verdict = defaults::check(&self.nodes, type_id, default, copying, &mut self.budget)?;
        verdict.ok_or_else(|| {
            let word = self.nodes[type_id.0 as usize].kind.branch_name();
            SchemaError::invalid(format!("Invalid default for field {field}: {} not a {word}", default.excerpt()))
        })
    }

    fn declare_enum(&mut self, entries: Entries<'_>, namespace: Option<&str>) -> Result<NodeId, SchemaError> {
        let named = self.named(&entries, namespace)?;
        let name = named.name.clone();
        let Some(Json::Array(items)) = member(&entries, "symbols") else {
            return Err(about("Enum has no symbols", entries));
        };
        self.count_members(items.len())?;
        let mut symbols = Vec::with_capacity(items.len());
        for item in items {
            let symbol = item.text().ok_or_else(|| {
                SchemaError::invalid(format!("Symbol of enum {} is not a string: {}", name.full(), item.excerpt()))
            })?;
            self.rule.check_simple(symbol)?;
            symbols.push(symbol.to_owned());
        }
        let (by_symbol, repeated) = sorted_positions(symbols.iter().map(String::as_str));
        if let Some(symbol) = repeated {
            return Err(SchemaError::invalid(format!("Duplicate enum symbol: {symbol}")));
        }
        let default = member(&entries, "default").and_then(Json::text).map(str::to_owned);
        let declared = Enum { named, symbols, by_symbol, default };
        if let Some(default) = &declared.default
            && !declared.has_symbol(default)
        {
            return Err(SchemaError::invalid(format!("The Enum Default: {default} is not in the enum symbol set")));
        }
        self.define(&name, Kind::Enum(Box::new(declared)), entries)
    }

    fn parse_fixed(&mut self, entries: Entries<'_>, namespace: Option<&str>) -> Result<NodeId, SchemaError> {
        let named = self.named(&entries, namespace)?;
        let name = named.name.clone();
        let size =
            member(&entries, "size").and_then(Json::integer::<i64>).filter(|size| (0..=FIXED_SIZE_MAX).contains(size));
        let Some(size) = size.and_then(|size| u32::try_from(size).ok()) else {
            return Err(about("Invalid or no size", entries));
        };
        self.define(&name, Kind::Fixed(Box::new(Fixed { named, size })), entries)
    }

    fn named(&self, entries: &Entries<'_>, enclosing: Option<&str>) -> Result<Named, SchemaError> {
        let namespace = member(entries, "namespace").and_then(Json::text).or(enclosing);
        let Some(name) = member(entries, "name").and_then(Json::text) else {
            return Err(about("No name in schema", entries.clone()));
        };
        let name = Name::new(name, namespace);
        self.rule.check_simple(name.simple())?;
        self.rule.check_namespace(name.namespace())?;
        if Primitive::from_word(name.full()).is_some() {
            return Err(SchemaError::invalid(format!("Schemas may not be named after primitives: {}", name.full())));
        }
        let doc = member(entries, "doc").and_then(Json::text).map(str::to_owned);
        Ok(Named { name, doc, aliases: Vec::new(), first: NodeId(0) })
    }

    /// Adds a named type that is complete but for its aliases and properties. A second definition of a name is allowed
    /// where Java finds it equal to the first: in all but documentation, aliases and the default of an enum.
    fn define(&mut self, name: &Name, kind: Kind, entries: Entries<'_>) -> Result<NodeId, SchemaError> {
        let id = self.push(kind, Vec::new())?;
        self.finish_named(id, entries, name)?;
        let first = match self.names.get(name.full()) {
            None => {
                self.names.insert(name.full().to_owned(), id);
                self.defined.push(id);
                id
            }
            Some(first) if same::same_definition(&self.nodes, *first, id, &mut self.budget)? => *first,
            Some(_) => return Err(SchemaError::invalid(format!("Can't redefine: {}", name.full()))),
        };
        match &mut self.nodes[id.0 as usize].kind {
            Kind::Record(record) => record.named.first = first,
            Kind::Enum(declared) => declared.named.first = first,
            Kind::Fixed(fixed) => fixed.named.first = first,
            Kind::Primitive(_) | Kind::Array(_) | Kind::Map(_) | Kind::Union(_) | Kind::Forward(_) => {}
        }
        Ok(id)
    }

    /// Adds what is read last of a named type: aliases and properties.
    fn finish_named(&mut self, id: NodeId, entries: Entries<'_>, name: &Name) -> Result<(), SchemaError> {
        let mut names: Vec<Name> = Vec::new();
        for alias in self.parse_aliases(&entries)? {
            let alias = Name::new(&alias, name.namespace());
            self.rule.check_simple(alias.simple())?;
            names.push(alias);
        }
        // Two spellings can mean one name; the first place counts.
        let mut seen = BTreeMap::new();
        names.retain(|alias| seen.insert(alias.full().to_owned(), ()).is_none());
        let node = &mut self.nodes[id.0 as usize];
        let own_keys: &[&str] = match &mut node.kind {
            Kind::Record(record) => {
                record.named.aliases = names;
                &[]
            }
            Kind::Enum(declared) => {
                declared.named.aliases = names;
                &["default"]
            }
            Kind::Fixed(fixed) => {
                fixed.named.aliases = names;
                &[]
            }
            Kind::Primitive(_) | Kind::Array(_) | Kind::Map(_) | Kind::Union(_) | Kind::Forward(_) => &[],
        };
        node.props = type_props(entries, own_keys);
        Ok(())
    }

    /// The aliases, each once, in document order.
    fn parse_aliases<'e>(&mut self, entries: &'e Entries<'_>) -> Result<Vec<Cow<'e, str>>, SchemaError> {
        let items = match member(entries, "aliases") {
            None => return Ok(Vec::new()),
            Some(Json::Array(items)) => items,
            Some(other) => return Err(SchemaError::invalid(format!("aliases not an array: {}", other.excerpt()))),
        };
        self.count_members(items.len())?;
        let mut seen = BTreeMap::new();
        let mut aliases = Vec::with_capacity(items.len());
        for item in items {
            let Some(alias) = item.text() else {
                return Err(SchemaError::invalid(format!("alias not a string: {}", item.excerpt())));
            };
            if seen.insert(alias, ()).is_none() {
                aliases.push(Cow::Borrowed(alias));
            }
        }
        Ok(aliases)
    }

    fn push(&mut self, kind: Kind, props: Props) -> Result<NodeId, SchemaError> {
        // A text of 1 MiB has far fewer types than this; the check keeps the index honest.
        let id = u32::try_from(self.nodes.len()).map_err(|_| members_limit())?;
        self.nodes.push(Node { kind, props });
        Ok(NodeId(id))
    }

    fn count_members(&mut self, count: usize) -> Result<(), SchemaError> {
        self.members += count;
        if self.members > limits::MEMBER_COUNT_MAX { Err(members_limit()) } else { Ok(()) }
    }
}

fn take<'a>(entries: &mut Entries<'a>, key: &str) -> Option<Json<'a>> {
    let position = entries.iter().position(|(name, _)| name == key)?;
    // The key stays, so that the rest keeps its order at no cost; it has a meaning and never becomes a property.
    Some(std::mem::replace(&mut entries[position].1, Json::Null))
}

fn type_props(entries: Entries<'_>, own_keys: &[&str]) -> Props {
    if own_keys.is_empty() {
        return props(entries, &TYPE_KEYS);
    }
    props(entries.into_iter().filter(|(key, _)| !own_keys.contains(&key.as_ref())).collect(), &TYPE_KEYS)
}

fn props(entries: Entries<'_>, known: &[&str]) -> Props {
    let unknown = entries.into_iter().filter(|(key, _)| !known.contains(&key.as_ref()));
    unknown.map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

fn about(what: &str, entries: Entries<'_>) -> SchemaError {
    SchemaError::invalid(format!("{what}: {}", Json::Object(entries).excerpt()))
}

fn members_limit() -> SchemaError {
    SchemaError::Limit { limit: "MEMBER_COUNT_MAX", allowed: limits::MEMBER_COUNT_MAX as u64 }
}
