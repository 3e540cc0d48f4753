//! Loader for drafts 4, 6 and 7: a JSON object is cut by extractors, each of which takes its keywords.
//!
//! Source: `docs/formats.md`, "JSON Schema: drafts 4 to 7", the rules of everit-json-schema 1.14. It is also the validity check: what does
//! not load is not a schema. It loads only what is reachable, so a broken definition that nobody refers to passes.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other JSON type is the same error")]

use std::rc::Rc;

use super::documents::{Dialect, Library};
use super::loading::{Loading, Segment, Whole, is_connect_bytes, unprocessed_text};
use super::model::{ArrayRules, Criterion, Kind, Model, NumberRules, ObjectRules, Schema, SchemaIndex, StringRules};
use super::text::{Node, Object};
use crate::SchemaError;

const STRING_KEYWORDS: [&str; 4] = ["minLength", "maxLength", "pattern", "format"];
const NUMBER_KEYWORDS: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
/// The last one from draft-06 on.
const ARRAY_KEYWORDS: [&str; 6] = ["items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"];
/// The last one from draft-06 on.
const OBJECT_KEYWORDS: [&str; 8] = [
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "dependencies",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
];

/// Loads the document and everything that it refers to.
///
/// # Errors
/// Whatever makes the text no schema.
pub(super) fn load(library: Library<'_>) -> Result<Model, SchemaError> {
    let root = library.root(0);
    let mut loader = Loader { loading: Loading::new(library) };
    let index = loader.child(root.node, &Scope { document: root.document, base: root.base, is_root: true })?;
    while let Some((target, place)) = loader.loading.next_target() {
        let scope = Scope { document: place.document, base: place.base, is_root: false };
        let schema = loader.load_schema(place.node, &scope)?;
        loader.loading.fill(target, schema);
    }
    Ok(loader.loading.finish(index))
}

struct Loader<'d> {
    loading: Loading<'d>,
}

#[derive(Debug, Clone)]
struct Scope {
    document: usize,
    base: Rc<str>,
    is_root: bool,
}

fn whole(dialect: Dialect) -> Whole {
    if dialect == Dialect::Draft4 { Whole::Written } else { Whole::ByValue }
}

/// The keyword groups that can be taken as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    String,
    Number,
    Array,
    Object,
}

impl Group {
    fn keywords(self, dialect: Dialect) -> &'static [&'static str] {
        let all: &[&str] = match self {
            Self::String => return &STRING_KEYWORDS,
            Self::Number => return &NUMBER_KEYWORDS,
            Self::Array => &ARRAY_KEYWORDS,
            Self::Object => &OBJECT_KEYWORDS,
        };
        if dialect == Dialect::Draft4 { &all[..all.len() - 1] } else { all }
    }
}

impl<'d> Loader<'d> {
    fn child(&mut self, node: &'d Node, scope: &Scope) -> Result<SchemaIndex, SchemaError> {
        let schema = self.load_schema(node, scope)?;
        Ok(self.loading.push(schema))
    }

    fn keyword_child(&mut self, key: &'d str, node: &'d Node, scope: &Scope) -> Result<SchemaIndex, SchemaError> {
        self.loading.enter(Segment::Key(key));
        let index = self.child(node, scope)?;
        self.loading.leave();
        Ok(index)
    }

    fn load_schema(&mut self, node: &'d Node, scope: &Scope) -> Result<Schema, SchemaError> {
        self.loading.step()?;
        let dialect = self.loading.library.dialect(scope.document);
        match node {
            Node::Bool(value) if dialect != Dialect::Draft4 => {
                Ok(Schema { kind: if *value { Kind::True } else { Kind::False }, ..Schema::default() })
            }
            Node::Object(object) => self.object_schema(object, scope, dialect),
            other => Err(self.loading.wrong_type("", "an object or a boolean", other)),
        }
    }

    fn object_schema(&mut self, object: &'d Object, scope: &Scope, dialect: Dialect) -> Result<Schema, SchemaError> {
        let base = self.loading.library.enter(scope.document, object, &scope.base)?;
        let inner = Scope { document: scope.document, base, is_root: false };
        let mut taken: Vec<&str> = Vec::new();
        let kind = match self.loading.read_string(object, "$ref")? {
            Some(text) => {
                taken.push("$ref");
                self.loading.read_reference(inner.document, &inner.base, text)?
            }
            None => self.extract(object, &inner, dialect, &mut taken)?,
        };
        let id = self.loading.read_string(object, dialect.id_keyword())?.map(Into::into);
        let title = self.loading.read_string(object, "title")?.map(Into::into);
        let description = self.loading.read_string(object, "description")?.map(Into::into);
        if dialect == Dialect::Draft7 {
            self.loading.read_boolean(object, "readOnly")?;
            self.loading.read_boolean(object, "writeOnly")?;
        }
        let default = object.get("default").map(Node::equality_key);
        // Only the text of subschemas is ever compared, and a root is none.
        let unprocessed = if scope.is_root {
            None
        } else {
            let common = [dialect.id_keyword(), "title", "description", "default"];
            unprocessed_text(object, |name| taken.contains(&name) || common.contains(&name))
        };
        Ok(Schema { kind, id, title, description, default, connect_bytes: is_connect_bytes(object), unprocessed })
    }

    /// Runs the extractors in their order; several results are a synthetic allOf.
    fn extract(
        &mut self,
        object: &'d Object,
        scope: &Scope,
        dialect: Dialect,
        taken: &mut Vec<&'d str>,
    ) -> Result<Kind, SchemaError> {
        let mut kinds = Vec::new();
        if let Some(items) = self.loading.read_array(object, "enum")? {
            kinds.push(Kind::Enum(self.loading.read_values(items)?));
            taken.push("enum");
        }
        // This order is that of everit-json-schema's hash set.
        for criterion in [Criterion::AllOf, Criterion::OneOf, Criterion::AnyOf] {
            if let Some(branches) = self.loading.read_array(object, criterion.name())? {
                let subschemas = self.load_branches(criterion, branches, scope)?;
                kinds.push(Kind::Combined { criterion, subschemas, synthetic: false });
                taken.push(criterion.name());
            }
        }
        if let Some(node) = object.get("not") {
            kinds.push(Kind::Not(self.keyword_child("not", node, scope)?));
            taken.push("not");
        }
        if dialect != Dialect::Draft4
            && let Some(value) = object.get("const")
        {
            kinds.push(Kind::Const(value.equality_key()));
            taken.push("const");
        }
        let mut groups = Vec::new();
        if let Some(value) = object.get("type") {
            kinds.push(self.typed(value, object, scope, dialect, &mut groups)?);
            taken.push("type");
        }
        for group in [Group::Array, Group::Object, Group::Number, Group::String] {
            let keywords = group.keywords(dialect);
            if !groups.contains(&group) && keywords.iter().any(|keyword| object.contains(keyword)) {
                kinds.push(self.load_group(group, object, scope, dialect, false)?);
                groups.push(group);
            }
        }
        for group in groups {
            taken.extend(group.keywords(dialect));
        }
        if dialect == Dialect::Draft7 && ["if", "then", "else"].iter().any(|keyword| object.contains(keyword)) {
            let mut parts = [None; 3];
            for (part, keyword) in parts.iter_mut().zip(["if", "then", "else"]) {
                if let Some(node) = object.get(keyword) {
                    *part = Some(self.keyword_child(keyword, node, scope)?);
                    taken.push(keyword);
                }
            }
            kinds.push(Kind::Conditional(parts));
        }
        if kinds.len() > 1 {
            let subschemas: Vec<SchemaIndex> =
                kinds.into_iter().map(|kind| self.loading.push(Schema { kind, ..Schema::default() })).collect();
            return Ok(Kind::Combined { criterion: Criterion::AllOf, subschemas, synthetic: true });
        }
        Ok(kinds.pop().unwrap_or_default())
    }

    fn load_branches(
        &mut self,
        criterion: Criterion,
        branches: &'d [Node],
        scope: &Scope,
    ) -> Result<Vec<SchemaIndex>, SchemaError> {
        self.loading.count_members(branches.len())?;
        self.loading.enter(Segment::Key(criterion.name()));
        let mut subschemas = Vec::with_capacity(branches.len());
        for (position, branch) in branches.iter().enumerate() {
            self.loading.enter(Segment::Index(position));
            subschemas.push(self.child(branch, scope)?);
            self.loading.leave();
        }
        self.loading.leave();
        Ok(subschemas)
    }

    fn typed(
        &mut self,
        value: &'d Node,
        object: &'d Object,
        scope: &Scope,
        dialect: Dialect,
        groups: &mut Vec<Group>,
    ) -> Result<Kind, SchemaError> {
        match value {
            Node::String(name) => self.explicit_type(name, object, scope, dialect, groups),
            Node::Array(names) => {
                self.loading.count_members(names.len())?;
                let mut subschemas = Vec::with_capacity(names.len());
                for name in names {
                    let Node::String(name) = name else {
                        return Err(self.loading.wrong_type("type", "strings", name));
                    };
                    self.loading.step()?;
                    let kind = self.explicit_type(name, object, scope, dialect, groups)?;
                    subschemas.push(self.loading.push(Schema { kind, ..Schema::default() }));
                }
                Ok(Kind::Combined { criterion: Criterion::AnyOf, subschemas, synthetic: false })
            }
            other => Err(self.loading.wrong_type("type", "a string or an array", other)),
        }
    }

    fn explicit_type(
        &mut self,
        name: &str,
        object: &'d Object,
        scope: &Scope,
        dialect: Dialect,
        groups: &mut Vec<Group>,
    ) -> Result<Kind, SchemaError> {
        let group = match name {
            "boolean" => return Ok(Kind::Boolean),
            "null" => return Ok(Kind::Null),
            "string" => Group::String,
            "number" | "integer" => Group::Number,
            "array" => Group::Array,
            "object" => Group::Object,
            _ => return Err(self.loading.error(format_args!("unknown type: [{name}]"))),
        };
        if !groups.contains(&group) {
            groups.push(group);
        }
        let mut kind = self.load_group(group, object, scope, dialect, true)?;
        if let Kind::Number(rules) = &mut kind {
            rules.requires_integer = name == "integer";
        }
        Ok(kind)
    }

    fn load_group(
        &mut self,
        group: Group,
        object: &'d Object,
        scope: &Scope,
        dialect: Dialect,
        required: bool,
    ) -> Result<Kind, SchemaError> {
        match group {
            Group::String => self.string_rules(object, dialect, required),
            Group::Number => self.number_rules(object, dialect, required),
            Group::Array => self.array_rules(object, scope, dialect, required),
            Group::Object => self.object_rules(object, scope, dialect, required),
        }
    }

    fn string_rules(&mut self, object: &'d Object, dialect: Dialect, required: bool) -> Result<Kind, SchemaError> {
        let pattern = match self.loading.read_string(object, "pattern")? {
            Some(text) => Some(self.loading.read_regex(text)?),
            None => None,
        };
        Ok(Kind::String(Box::new(StringRules {
            min_length: self.loading.read_integer(object, "minLength", whole(dialect))?,
            max_length: self.loading.read_integer(object, "maxLength", whole(dialect))?,
            pattern,
            format: self.loading.read_string(object, "format")?.map(Into::into),
            requires_string: required,
        })))
    }

    fn number_rules(&self, object: &'d Object, dialect: Dialect, required: bool) -> Result<Kind, SchemaError> {
        let mut rules = NumberRules {
            minimum: self.loading.read_decimal(object, "minimum")?,
            maximum: self.loading.read_decimal(object, "maximum")?,
            multiple_of: self.loading.multiple_of(object)?,
            requires_number: required,
            ..NumberRules::default()
        };
        if dialect == Dialect::Draft4 {
            rules.exclusive_flags = (
                self.loading.read_boolean(object, "exclusiveMinimum")?.unwrap_or(false),
                self.loading.read_boolean(object, "exclusiveMaximum")?.unwrap_or(false),
            );
        } else {
            rules.exclusive_minimum = self.loading.read_decimal(object, "exclusiveMinimum")?;
            rules.exclusive_maximum = self.loading.read_decimal(object, "exclusiveMaximum")?;
        }
        Ok(Kind::Number(Box::new(rules)))
    }

    fn array_rules(
        &mut self,
        object: &'d Object,
        scope: &Scope,
        dialect: Dialect,
        required: bool,
    ) -> Result<Kind, SchemaError> {
        let mut rules = ArrayRules {
            min_items: self.loading.read_integer(object, "minItems", whole(dialect))?,
            max_items: self.loading.read_integer(object, "maxItems", whole(dialect))?,
            unique: self.loading.read_boolean(object, "uniqueItems")?.unwrap_or(false),
            requires_array: required,
            ..ArrayRules::default()
        };
        match object.get("additionalItems") {
            None => {}
            Some(Node::Bool(allowed)) => rules.forbids_additional = !allowed,
            Some(node @ Node::Object(_)) => {
                rules.additional = Some(self.keyword_child("additionalItems", node, scope)?);
            }
            Some(other) => return Err(self.loading.wrong_type("additionalItems", "a boolean or an object", other)),
        }
        match object.get("items") {
            None => {}
            Some(Node::Array(items)) => {
                self.loading.count_members(items.len())?;
                self.loading.enter(Segment::Key("items"));
                for (position, item) in items.iter().enumerate() {
                    self.loading.enter(Segment::Index(position));
                    rules.items.push(self.child(item, scope)?);
                    self.loading.leave();
                }
                self.loading.leave();
            }
            Some(node) => {
                rules.all_items = Some(self.keyword_child("items", node, scope)?);
                // A schema for all items leaves no additional ones to forbid.
                rules.forbids_additional = false;
            }
        }
        if dialect != Dialect::Draft4
            && let Some(node) = object.get("contains")
        {
            rules.contains = Some(self.keyword_child("contains", node, scope)?);
        }
        Ok(Kind::Array(Box::new(rules)))
    }

    fn object_rules(
        &mut self,
        object: &'d Object,
        scope: &Scope,
        dialect: Dialect,
        required: bool,
    ) -> Result<Kind, SchemaError> {
        let mut rules = ObjectRules {
            min_properties: self.loading.read_integer(object, "minProperties", whole(dialect))?,
            max_properties: self.loading.read_integer(object, "maxProperties", whole(dialect))?,
            requires_object: required,
            ..ObjectRules::default()
        };
        if let Some(properties) = self.loading.read_object(object, "properties")? {
            rules.properties = self.named_children("properties", properties, scope)?;
        }
        match object.get("additionalProperties") {
            None => {}
            Some(Node::Bool(allowed)) => rules.forbids_additional = !allowed,
            Some(node @ Node::Object(_)) => {
                rules.additional = Some(self.keyword_child("additionalProperties", node, scope)?);
            }
            Some(other) => {
                return Err(self.loading.wrong_type("additionalProperties", "a boolean or an object", other));
            }
        }
        if let Some(names) = self.loading.read_array(object, "required")? {
            rules.required = self.loading.read_strings("required", names)?;
        }
        if let Some(patterns) = self.loading.read_object(object, "patternProperties")? {
            for (text, _) in patterns.iter() {
                self.loading.read_regex(text)?;
            }
            rules.patterns = self.named_children("patternProperties", patterns, scope)?;
        }
        if let Some(dependencies) = self.loading.read_object(object, "dependencies")? {
            self.loading.count_members(dependencies.len())?;
            self.loading.enter(Segment::Key("dependencies"));
            for (name, value) in dependencies.iter() {
                if let Node::Array(names) = value {
                    let mut names = self.loading.read_strings(name, names)?;
                    names.sort();
                    names.dedup();
                    // An empty list never reaches the model.
                    if !names.is_empty() {
                        rules.property_dependencies.push((name.into(), names));
                    }
                } else {
                    let index = self.keyword_child(name, value, scope)?;
                    rules.schema_dependencies.push((name.into(), index));
                }
            }
            self.loading.leave();
        }
        if dialect != Dialect::Draft4
            && let Some(node) = object.get("propertyNames")
        {
            rules.property_names = Some(self.keyword_child("propertyNames", node, scope)?);
        }
        rules.finish();
        Ok(Kind::Object(Box::new(rules)))
    }

    fn named_children(
        &mut self,
        keyword: &'d str,
        children: &'d Object,
        scope: &Scope,
    ) -> Result<Vec<(Box<str>, SchemaIndex)>, SchemaError> {
        self.loading.count_members(children.len())?;
        self.loading.enter(Segment::Key(keyword));
        let mut loaded = Vec::with_capacity(children.len());
        for (name, node) in children.iter() {
            loaded.push((Box::from(name), self.keyword_child(name, node, scope)?));
        }
        self.loading.leave();
        Ok(loaded)
    }
}
