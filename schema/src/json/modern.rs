//! Loader for 2019-09 and 2020-12: every keyword is a schema of its own, and the schemas of one object are folded.
//!
//! Source: `docs/formats.md`, "JSON Schema: 2019-09 and 2020-12", the rules of json-sKema 0.30 and of the translation into the older model. Like
//! [`super::classic`] it is also the validity check.

#![expect(clippy::wildcard_enum_match_arm, reason = "any other JSON type is the same error")]

use std::rc::Rc;

use super::documents::{Library, Place};
use super::fold::{Part, array_kind, finish, fold_schemas, is_keyword, numeric, object_kind, string};
use super::loading::{Loading, Segment, Whole, is_connect_bytes, unprocessed_text};
use super::model::{ArrayRules, Criterion, Kind, Model, NumberRules, ObjectRules, Schema, SchemaIndex, StringRules};
use super::text::{Node, Object};
use crate::SchemaError;

/// Loads the document and everything that it refers to or names with an id.
///
/// # Errors
/// Whatever makes the text no schema.
pub(super) fn load(library: Library<'_>) -> Result<Model, SchemaError> {
    let root = library.root(0);
    let mut loader = Loader { loading: Loading::new(library) };
    let index = loader.child(root.node, &Scope { document: 0, base: Rc::clone(&root.base) }, true)?;
    // Whatever has an id or an anchor is loaded even if nobody refers to it, and must therefore be valid.
    let named: Vec<Place<'_>> = loader.loading.library.ids(0).values().cloned().collect();
    for place in named {
        if !std::ptr::eq(place.node, root.node) {
            loader.loading.target(place);
        }
    }
    while let Some((target, place)) = loader.loading.next_target() {
        let scope = Scope { document: place.document, base: place.base };
        let loaded = loader.load_schema(place.node, &scope, false)?;
        let schema = loader.load_single(loaded);
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
}

/// What an object became: its common properties, and the kinds of a fold. More than one kind is a generated allOf.
struct Loaded {
    common: Schema,
    parts: Vec<Part>,
}

impl<'d> Loader<'d> {
    fn child(&mut self, node: &'d Node, scope: &Scope, is_root: bool) -> Result<SchemaIndex, SchemaError> {
        let loaded = self.load_schema(node, scope, is_root)?;
        let schema = self.load_single(loaded);
        Ok(self.loading.push(schema))
    }

    fn keyword_child(&mut self, key: &'d str, node: &'d Node, scope: &Scope) -> Result<SchemaIndex, SchemaError> {
        self.loading.enter(Segment::Key(key));
        let index = self.child(node, scope, false)?;
        self.loading.leave();
        Ok(index)
    }

    /// One schema of what was loaded: the only part, or a generated allOf.
    fn load_single(&mut self, loaded: Loaded) -> Schema {
        let Loaded { mut common, mut parts } = loaded;
        if parts.len() > 1 {
            let subschemas = parts.into_iter().map(|part| self.push_part(part)).collect();
            common.kind = Kind::Combined { criterion: Criterion::AllOf, subschemas, synthetic: true };
        } else if let Some(part) = parts.pop() {
            common.kind = self.part_kind(part);
        }
        common
    }

    fn push_part(&mut self, part: Part) -> SchemaIndex {
        let kind = self.part_kind(part);
        self.loading.push(Schema { kind, ..Schema::default() })
    }

    fn part_kind(&mut self, part: Part) -> Kind {
        match part {
            Part::One(mut kind) => {
                finish(&mut kind);
                kind
            }
            Part::Types(kinds) => {
                let subschemas = kinds.into_iter().map(|kind| self.push_part(Part::One(kind))).collect();
                Kind::Combined { criterion: Criterion::AnyOf, subschemas, synthetic: true }
            }
        }
    }

    fn load_schema(&mut self, node: &'d Node, scope: &Scope, is_root: bool) -> Result<Loaded, SchemaError> {
        self.loading.step()?;
        match node {
            Node::Bool(value) => {
                let kind = if *value { Kind::True } else { Kind::False };
                Ok(Loaded { common: Schema::default(), parts: vec![Part::One(kind)] })
            }
            Node::Object(object) => self.object_schema(node, object, scope, is_root),
            other => Err(self.loading.wrong_type("", "an object or a boolean", other)),
        }
    }

    fn object_schema(
        &mut self,
        node: &'d Node,
        object: &'d Object,
        scope: &Scope,
        is_root: bool,
    ) -> Result<Loaded, SchemaError> {
        let base = self.loading.library.enter(scope.document, object, &scope.base)?;
        let inner = Scope { document: scope.document, base };
        let mut parts = Vec::new();
        if let Some(text) = self.loading.read_string(object, "$dynamicRef")? {
            parts.push(Part::One(self.dynamic_reference(node, text, &inner)?));
        }
        for (name, value) in object.iter() {
            if let Some(part) = self.load_keyword(name, value, object, &inner)? {
                fold_schemas(&mut parts, part);
            }
        }
        if let Some(properties) = self.loading.read_object(object, "properties")? {
            let properties = self.named_children("properties", properties, &inner)?;
            if !properties.is_empty() {
                fold_schemas(&mut parts, Part::One(object_kind(ObjectRules { properties, ..ObjectRules::default() })));
            }
        }
        if let Some(patterns) = self.loading.read_object(object, "patternProperties")? {
            for (text, _) in patterns.iter() {
                self.loading.read_regex(text)?;
            }
            let patterns = self.named_children("patternProperties", patterns, &inner)?;
            if !patterns.is_empty() {
                fold_schemas(&mut parts, Part::One(object_kind(ObjectRules { patterns, ..ObjectRules::default() })));
            }
        }
        if let Some(value) = object.get("unevaluatedItems") {
            let unevaluated = Some(self.keyword_child("unevaluatedItems", value, &inner)?);
            fold_schemas(&mut parts, Part::One(array_kind(ArrayRules { unevaluated, ..ArrayRules::default() })));
        }
        if let Some(value) = object.get("unevaluatedProperties") {
            let unevaluated = Some(self.keyword_child("unevaluatedProperties", value, &inner)?);
            fold_schemas(&mut parts, Part::One(object_kind(ObjectRules { unevaluated, ..ObjectRules::default() })));
        }
        self.loading.read_boolean(object, "deprecated")?;
        let common = Schema {
            kind: Kind::Empty,
            id: object.get("$id").and_then(Node::as_str).map(Into::into),
            title: self.loading.read_string(object, "title")?.map(Into::into),
            description: self.loading.read_string(object, "description")?.map(Into::into),
            default: object.get("default").map(Node::equality_key),
            connect_bytes: is_connect_bytes(object),
            unprocessed: if is_root { None } else { unprocessed_text(object, is_keyword) },
        };
        Ok(Loaded { common, parts })
    }

    /// The schema of one keyword; `None` for those that say nothing to the model.
    fn load_keyword(
        &mut self,
        name: &'d str,
        value: &'d Node,
        object: &'d Object,
        scope: &Scope,
    ) -> Result<Option<Part>, SchemaError> {
        let kind = match name {
            "$ref" => {
                let text = self.loading.read_string(object, name)?.unwrap_or_default();
                self.loading.read_reference(scope.document, &scope.base, text)?
            }
            "type" => return self.load_types(value).map(Some),
            "enum" => {
                let items = self.loading.read_array(object, name)?.unwrap_or_default();
                Kind::Enum(self.loading.read_values(items)?)
            }
            "const" => Kind::Const(value.equality_key()),
            "not" => Kind::Not(self.keyword_child(name, value, scope)?),
            "allOf" => self.load_combined(Criterion::AllOf, object, scope)?,
            "anyOf" => self.load_combined(Criterion::AnyOf, object, scope)?,
            "oneOf" => self.load_combined(Criterion::OneOf, object, scope)?,
            "if" => {
                let mut parts = [Some(self.keyword_child(name, value, scope)?), None, None];
                for (part, keyword) in parts.iter_mut().skip(1).zip(["then", "else"]) {
                    if let Some(node) = object.get(keyword) {
                        *part = Some(self.keyword_child(keyword, node, scope)?);
                    }
                }
                Kind::Conditional(parts)
            }
            "format" => {
                self.loading.read_string(object, name)?;
                return Ok(None);
            }
            "readOnly" | "writeOnly" => {
                self.loading.read_boolean(object, name)?;
                return Ok(None);
            }
            "minLength" | "maxLength" | "pattern" => self.string_keyword(name, object)?,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                self.number_keyword(name, object)?
            }
            "items" | "prefixItems" | "contains" | "minItems" | "maxItems" | "uniqueItems" => {
                self.array_keyword(name, value, object, scope)?
            }
            "required"
            | "minProperties"
            | "maxProperties"
            | "additionalProperties"
            | "propertyNames"
            | "dependentRequired"
            | "dependentSchemas" => self.object_keyword(name, value, object, scope)?,
            _ => return Ok(None),
        };
        Ok(Some(Part::One(kind)))
    }

    fn load_types(&mut self, value: &Node) -> Result<Part, SchemaError> {
        match value {
            Node::String(name) => Ok(Part::One(self.typed(name)?)),
            Node::Array(names) => {
                self.loading.count_members(names.len())?;
                let mut kinds = Vec::with_capacity(names.len());
                for name in names {
                    let Node::String(name) = name else {
                        return Err(self.loading.wrong_type("type", "strings", name));
                    };
                    kinds.push(self.typed(name)?);
                }
                Ok(Part::Types(kinds))
            }
            other => Err(self.loading.wrong_type("type", "a string or an array", other)),
        }
    }

    fn typed(&self, name: &str) -> Result<Kind, SchemaError> {
        Ok(match name {
            "string" => string(StringRules { requires_string: true, ..StringRules::default() }),
            "number" => numeric(NumberRules { requires_number: true, ..NumberRules::default() }),
            "integer" => {
                numeric(NumberRules { requires_number: true, requires_integer: true, ..NumberRules::default() })
            }
            "array" => array_kind(ArrayRules { requires_array: true, ..ArrayRules::default() }),
            "object" => object_kind(ObjectRules { requires_object: true, ..ObjectRules::default() }),
            "boolean" => Kind::Boolean,
            "null" => Kind::Null,
            _ => return Err(self.loading.error(format_args!("unknown type: [{name}]"))),
        })
    }

    /// A branch that became a generated allOf is flattened into the list.
    fn load_combined(&mut self, criterion: Criterion, object: &'d Object, scope: &Scope) -> Result<Kind, SchemaError> {
        let branches = self.loading.read_array(object, criterion.name())?.unwrap_or_default();
        self.loading.count_members(branches.len())?;
        self.loading.enter(Segment::Key(criterion.name()));
        let mut subschemas = Vec::with_capacity(branches.len());
        for (position, branch) in branches.iter().enumerate() {
            self.loading.enter(Segment::Index(position));
            let loaded = self.load_schema(branch, scope, false)?;
            if loaded.parts.len() > 1 {
                for part in loaded.parts {
                    subschemas.push(self.push_part(part));
                }
            } else {
                let schema = self.load_single(loaded);
                subschemas.push(self.loading.push(schema));
            }
            self.loading.leave();
        }
        self.loading.leave();
        Ok(Kind::Combined { criterion, subschemas, synthetic: false })
    }

    fn string_keyword(&mut self, name: &str, object: &'d Object) -> Result<Kind, SchemaError> {
        let mut rules = StringRules::default();
        match name {
            "minLength" => rules.min_length = self.loading.read_integer(object, name, Whole::ByValue)?,
            "maxLength" => rules.max_length = self.loading.read_integer(object, name, Whole::ByValue)?,
            _ => {
                let text = self.loading.read_string(object, name)?.unwrap_or_default();
                rules.pattern = Some(self.loading.read_regex(text)?);
            }
        }
        Ok(string(rules))
    }

    fn number_keyword(&self, name: &str, object: &'d Object) -> Result<Kind, SchemaError> {
        let value = self.loading.read_decimal(object, name)?;
        let mut rules = NumberRules::default();
        match name {
            "minimum" => rules.minimum = value,
            "maximum" => rules.maximum = value,
            "exclusiveMinimum" => rules.exclusive_minimum = value,
            "exclusiveMaximum" => rules.exclusive_maximum = value,
            _ => rules.multiple_of = self.loading.multiple_of(object)?,
        }
        Ok(numeric(rules))
    }

    fn array_keyword(
        &mut self,
        name: &'d str,
        value: &'d Node,
        object: &'d Object,
        scope: &Scope,
    ) -> Result<Kind, SchemaError> {
        let mut rules = ArrayRules::default();
        match name {
            "minItems" => rules.min_items = self.loading.read_integer(object, name, Whole::ByValue)?,
            "maxItems" => rules.max_items = self.loading.read_integer(object, name, Whole::ByValue)?,
            "uniqueItems" => rules.unique = self.loading.read_boolean(object, name)?.unwrap_or(false),
            "contains" => {
                rules.contains = Some(self.keyword_child(name, value, scope)?);
                rules.min_contains =
                    Some(self.loading.read_integer(object, "minContains", Whole::ByValue)?.unwrap_or_else(|| 1.into()));
                rules.max_contains = self.loading.read_integer(object, "maxContains", Whole::ByValue)?;
            }
            "prefixItems" => {
                let items = self.loading.read_array(object, name)?.unwrap_or_default();
                self.loading.count_members(items.len())?;
                self.loading.enter(Segment::Key(name));
                for (position, item) in items.iter().enumerate() {
                    self.loading.enter(Segment::Index(position));
                    rules.items.push(self.child(item, scope, false)?);
                    self.loading.leave();
                }
                self.loading.leave();
            }
            _ => {
                let index = self.keyword_child(name, value, scope)?;
                let has_prefix = matches!(object.get("prefixItems"), Some(Node::Array(items)) if !items.is_empty());
                match value {
                    Node::Bool(true) => {}
                    Node::Bool(false) => rules.forbids_additional = true,
                    _ if has_prefix => rules.additional = Some(index),
                    _ => rules.all_items = Some(index),
                }
            }
        }
        Ok(array_kind(rules))
    }

    fn object_keyword(
        &mut self,
        name: &'d str,
        value: &'d Node,
        object: &'d Object,
        scope: &Scope,
    ) -> Result<Kind, SchemaError> {
        let mut rules = ObjectRules::default();
        match name {
            "minProperties" => rules.min_properties = self.loading.read_integer(object, name, Whole::ByValue)?,
            "maxProperties" => rules.max_properties = self.loading.read_integer(object, name, Whole::ByValue)?,
            "required" => {
                let names = self.loading.read_array(object, name)?.unwrap_or_default();
                rules.required = self.loading.read_strings(name, names)?;
            }
            "additionalProperties" => {
                let index = self.keyword_child(name, value, scope)?;
                match value {
                    Node::Bool(true) => {}
                    Node::Bool(false) => rules.forbids_additional = true,
                    _ => rules.additional = Some(index),
                }
            }
            "dependentRequired" => {
                let dependencies = self.loading.read_object(object, name)?;
                for (key, names) in dependencies.into_iter().flat_map(Object::iter) {
                    let Node::Array(names) = names else {
                        return Err(self.loading.wrong_type(name, "arrays", names));
                    };
                    let mut names = self.loading.read_strings(name, names)?;
                    names.sort();
                    names.dedup();
                    if !names.is_empty() {
                        rules.property_dependencies.push((key.into(), names));
                    }
                }
            }
            "dependentSchemas" => {
                if let Some(dependencies) = self.loading.read_object(object, name)? {
                    rules.schema_dependencies = self.named_children(name, dependencies, scope)?;
                }
            }
            // propertyNames: its content is checked and then dropped.
            _ => {
                self.keyword_child(name, value, scope)?;
            }
        }
        Ok(object_kind(rules))
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

    /// `$dynamicRef`: the outermost schema with that dynamic anchor, else what a `$ref` would find.
    fn dynamic_reference(&mut self, own: &'d Node, text: &str, scope: &Scope) -> Result<Kind, SchemaError> {
        let mut place = self.dynamic_target(text, scope)?;
        // A chain of dynamic references that comes back has no schema at its end.
        let mut seen = vec![std::ptr::from_ref(own).addr()];
        let mut at = place.clone();
        while let Some(next) = at.node.as_object().and_then(|object| object.get("$dynamicRef")).and_then(Node::as_str) {
            let address = std::ptr::from_ref(at.node).addr();
            if seen.contains(&address) || seen.len() > crate::limits::SCHEMA_DEPTH_MAX {
                return Err(self.loading.error(format_args!("the $dynamicRef \"{text}\" leads only to itself")));
            }
            seen.push(address);
            at = self.dynamic_target(next, &Scope { document: at.document, base: Rc::clone(&at.base) })?;
        }
        // The target's own id applies again when it is loaded.
        place.base = Rc::clone(&place.base);
        Ok(Kind::Reference { target: self.loading.target(place), text: text.into() })
    }

    fn dynamic_target(&mut self, text: &str, scope: &Scope) -> Result<Place<'d>, SchemaError> {
        let anchor = text.split_once('#').map_or(text, |(_, anchor)| anchor);
        if !anchor.is_empty() && !anchor.starts_with('/') {
            let has_anchor = |place: &Place<'d>| {
                place.node.as_object().and_then(|object| object.get("$dynamicAnchor")).and_then(Node::as_str)
                    == Some(anchor)
            };
            if let Some(found) = self.loading.library.ids(0).values().find(|place| has_anchor(place)) {
                return Ok(found.clone());
            }
        }
        self.loading.library.resolve(scope.document, &scope.base, text)
    }
}
