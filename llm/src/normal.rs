//! Step 1: one form for all drafts, and every reference a name.
//!
//! `definitions` become `$defs`, arrays of `items` become `prefixItems`, boolean `exclusiveMinimum` a number, `dependencies`
//! are split, `nullable` becomes a type; ids and anchors are resolved and gone. A `$ref` leads to `#`, the root, or to a
//! name in [`Normal::definitions`], wherever in which document its target stands. Nothing is fetched: what is neither in
//! the schema nor among its references is refused.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use crate::Refusal;
use schema::limits::SCHEMA_DEPTH_MAX;

use crate::limits::PROJECTION_NODES_MAX;
use crate::tree::{Object, below, is_structural};

/// A schema in one form.
#[derive(Debug)]
pub(crate) struct Normal {
    pub(crate) root: Value,
    /// What references lead to, by the names that they now have.
    pub(crate) definitions: BTreeMap<String, Value>,
    /// Names of targets that are no definitions in the schema as written: they are written out where they are used.
    pub(crate) elsewhere: BTreeSet<String>,
    /// Definitions that lead back to themselves; `#` for the root.
    pub(crate) cyclic: BTreeSet<String>,
}

impl Normal {
    /// What a reference leads to.
    pub(crate) fn target(&self, name: &str) -> Option<&Value> {
        if name == "#" { Some(&self.root) } else { self.definitions.get(name) }
    }
}

/// The name in a normalised `$ref`.
pub(crate) fn name_of(reference: &str) -> &str {
    reference.strip_prefix("#/$defs/").unwrap_or(reference)
}

struct Document<'s> {
    name: &'s str,
    root: &'s Value,
    /// Ids and anchors, without their document: text → pointer.
    ids: BTreeMap<String, String>,
    /// Do keywords beside `$ref` bind nothing, as up to draft-07?
    lonely_references: bool,
}

struct Normalizer<'s> {
    documents: Vec<Document<'s>>,
    names: BTreeMap<(usize, String), String>,
    taken: BTreeSet<String>,
    elsewhere: BTreeSet<String>,
    queue: VecDeque<(String, usize, String)>,
    nodes: u64,
}

/// Brings a schema into one form. `references` are the texts that it may refer to, by name.
///
/// # Errors
/// `ref-external`, `ref-dangling`, `limit-size`.
pub(crate) fn normalize(root: &Value, references: &[(String, Value)]) -> Result<Normal, Refusal> {
    let named = references.iter().map(|(name, root)| (name.as_str(), root));
    let documents: Vec<Document<'_>> = [("", root)].into_iter().chain(named).map(document).collect::<Result<_, _>>()?;
    let mut normalizer = Normalizer {
        documents,
        names: BTreeMap::new(),
        taken: BTreeSet::new(),
        elsewhere: BTreeSet::new(),
        queue: VecDeque::new(),
        nodes: 0,
    };
    normalizer.names.insert((0, String::new()), "#".to_owned());
    let root = normalizer.normalize_schema(root, 0, "")?;
    let mut definitions = BTreeMap::new();
    while let Some((name, document, pointer)) = normalizer.queue.pop_front() {
        let target = normalizer.documents[document].root.pointer(&pointer);
        let Some(target) = target else {
            return Err(Refusal::new("ref-dangling", "", format!("a reference leads to {pointer}, where nothing is")));
        };
        let schema = normalizer.normalize_schema(target, document, &format!("#{name}"))?;
        definitions.insert(name, schema);
    }
    let mut normal = Normal { root, definitions, elsewhere: normalizer.elsewhere, cyclic: BTreeSet::new() };
    normal.cyclic = cyclic_names(&normal);
    Ok(normal)
}

fn document<'s>((name, root): (&'s str, &'s Value)) -> Result<Document<'s>, Refusal> {
    let mut ids = BTreeMap::new();
    collect_ids(root, String::new(), "", 0, &mut ids)?;
    let dialect = root.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let lonely_references =
        ["draft-03", "draft-04", "draft-06", "draft-07"].iter().any(|draft| dialect.contains(draft));
    Ok(Document { name, root, ids, lonely_references })
}

/// Notes every id and anchor with its place; the base of an id is the id around it.
fn collect_ids(
    node: &Value,
    pointer: String,
    base: &str,
    depth: usize,
    ids: &mut BTreeMap<String, String>,
) -> Result<(), Refusal> {
    if depth > SCHEMA_DEPTH_MAX {
        return Err(Refusal::new("limit-size", "", format!("the schema nests deeper than {SCHEMA_DEPTH_MAX} levels")));
    }
    match node {
        Value::Object(members) => {
            let mut own_base = base.to_owned();
            for keyword in ["$id", "id"] {
                if let Some(Value::String(id)) = members.get(keyword) {
                    match id.strip_prefix('#') {
                        // An anchor of the older drafts.
                        Some(anchor) => {
                            ids.entry(format!("{base}#{anchor}")).or_insert_with(|| pointer.clone());
                        }
                        None => {
                            own_base = join_reference(base, id.trim_end_matches('#'));
                            ids.entry(own_base.clone()).or_insert_with(|| pointer.clone());
                        }
                    }
                    break;
                }
            }
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(Value::String(anchor)) = members.get(keyword) {
                    ids.entry(format!("{own_base}#{anchor}")).or_insert_with(|| pointer.clone());
                }
            }
            for (name, child) in members {
                if !matches!(name.as_str(), "enum" | "const" | "default" | "examples") {
                    collect_ids(child, below(&pointer, name), &own_base, depth + 1, ids)?;
                }
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                collect_ids(item, format!("{pointer}/{position}"), base, depth + 1, ids)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// A URI reference against a base, as far as names of schemas need it.
fn join_reference(base: &str, reference: &str) -> String {
    let has_scheme = reference.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
    });
    if base.is_empty() || has_scheme {
        return reference.to_owned();
    }
    let after_scheme = base.find("://").map_or(0, |at| at + 3);
    let root_end = base[after_scheme..].find('/').map_or(base.len(), |at| after_scheme + at);
    if reference.starts_with('/') {
        return format!("{}{reference}", &base[..root_end]);
    }
    let directory = base[root_end..].rfind('/').map_or(base.len(), |at| root_end + at);
    let mut segments: Vec<&str> = base[root_end..directory].split('/').collect();
    for segment in reference.split('/') {
        match segment {
            "." => {}
            ".." if segments.len() > 1 => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    format!("{}{}", &base[..root_end], segments.join("/"))
}

impl<'s> Normalizer<'s> {
    fn normalize_schema(&mut self, node: &'s Value, document: usize, at: &str) -> Result<Value, Refusal> {
        self.nodes += 1;
        if self.nodes > PROJECTION_NODES_MAX {
            return Err(Refusal::new(
                "limit-size",
                at,
                format!("the schema has more than {PROJECTION_NODES_MAX} parts"),
            ));
        }
        let Value::Object(members) = node else { return Ok(node.clone()) };
        let mut out = Object::new();
        let lonely = self.documents[document].lonely_references && members.contains_key("$ref");
        for (keyword, value) in members {
            if is_structural(keyword) {
                continue;
            }
            if lonely && keyword != "$ref" && !crate::tree::is_annotation(keyword) {
                continue;
            }
            self.normalize_keyword(keyword, value, members, document, at, &mut out)?;
        }
        if members.get("nullable") == Some(&Value::Bool(true)) {
            allow_null(&mut out);
        }
        Ok(Value::Object(out))
    }

    fn normalize_keyword(
        &mut self,
        keyword: &str,
        value: &'s Value,
        members: &'s Object,
        document: usize,
        at: &str,
        out: &mut Object,
    ) -> Result<(), Refusal> {
        match (keyword, value) {
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                let name = self.normalize_reference(reference, members, document, at)?;
                let text = if name == "#" { name } else { format!("#/$defs/{name}") };
                out.insert("$ref".to_owned(), Value::String(text));
            }
            ("items", Value::Array(items)) => {
                let items = self.normalize_list(items, document, &below(at, "*"))?;
                out.insert("prefixItems".to_owned(), items);
                if let Some(rest) = members.get("additionalItems") {
                    let rest = self.normalize_schema(rest, document, &below(at, "*"))?;
                    out.insert("items".to_owned(), rest);
                }
            }
            ("additionalItems" | "nullable", _) => {}
            ("dependencies", Value::Object(dependencies)) => {
                let (mut names, mut schemas) = (Object::new(), Object::new());
                for (name, dependency) in dependencies {
                    if dependency.is_array() {
                        names.insert(name.clone(), dependency.clone());
                    } else {
                        schemas.insert(name.clone(), self.normalize_schema(dependency, document, at)?);
                    }
                }
                for (keyword, found) in [("dependentRequired", names), ("dependentSchemas", schemas)] {
                    if !found.is_empty() {
                        out.insert(keyword.to_owned(), Value::Object(found));
                    }
                }
            }
            ("minimum", _) if members.get("exclusiveMinimum") == Some(&Value::Bool(true)) => {
                out.insert("exclusiveMinimum".to_owned(), value.clone());
            }
            ("maximum", _) if members.get("exclusiveMaximum") == Some(&Value::Bool(true)) => {
                out.insert("exclusiveMaximum".to_owned(), value.clone());
            }
            ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(_)) => {}
            // The older drafts wrote in a property whether it is required; it binds nothing in any draft that counts here.
            ("required", Value::Bool(_)) => {}
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(children)) => {
                let mut written = Object::new();
                for (name, child) in children {
                    written.insert(name.clone(), self.normalize_schema(child, document, &below(at, name))?);
                }
                out.insert(keyword.to_owned(), Value::Object(written));
            }
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(children)) => {
                out.insert(keyword.to_owned(), self.normalize_list(children, document, at)?);
            }
            (
                "items"
                | "additionalProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties",
                _,
            ) => {
                out.insert(keyword.to_owned(), self.normalize_schema(value, document, at)?);
            }
            (_, _) => {
                out.insert(keyword.to_owned(), value.clone());
            }
        }
        Ok(())
    }

    fn normalize_list(&mut self, children: &'s [Value], document: usize, at: &str) -> Result<Value, Refusal> {
        children
            .iter()
            .map(|child| self.normalize_schema(child, document, at))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array)
    }

    /// The name of what a reference leads to; it is queued when it is met first.
    fn normalize_reference(
        &mut self,
        reference: &str,
        members: &'s Object,
        document: usize,
        at: &str,
    ) -> Result<String, Refusal> {
        let base = members.get("$id").and_then(Value::as_str).unwrap_or_default();
        let place = self.find(reference, base, document).ok_or_else(|| {
            let is_local = reference.starts_with('#');
            let (code, what) = if is_local {
                ("ref-dangling", "leads nowhere: define what it names")
            } else {
                ("ref-external", "is neither in the schema nor among its references, and nothing is ever fetched: register it as a reference")
            };
            Refusal::new(code, at, format!("$ref \"{reference}\" {what}"))
        })?;
        if let Some(known) = self.names.get(&place) {
            return Ok(known.clone());
        }
        let name = self.new_name(&place);
        self.names.insert(place.clone(), name.clone());
        self.queue.push_back((name.clone(), place.0, place.1));
        Ok(name)
    }

    fn find(&self, reference: &str, base: &str, document: usize) -> Option<(usize, String)> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let own = &self.documents[document];
        let start = if address.is_empty() {
            (document, String::new())
        } else {
            let root_id =
                own.root.get("$id").or_else(|| own.root.get("id")).and_then(Value::as_str).unwrap_or_default();
            let names = [
                join_reference(if base.is_empty() { root_id } else { base }, address),
                join_reference(own.name, address),
                address.to_owned(),
                address.trim_start_matches("./").to_owned(),
            ];
            let here = names.iter().find_map(|name| own.ids.get(name).map(|pointer| (document, pointer.clone())));
            here.or_else(|| {
                self.documents.iter().enumerate().skip(1).find_map(|(index, other)| {
                    let plain = other.name.split('#').next().unwrap_or_default();
                    names.iter().find_map(|name| {
                        if name == plain {
                            return Some((index, String::new()));
                        }
                        other.ids.get(name).map(|pointer| (index, pointer.clone()))
                    })
                })
            })?
        };
        let target = &self.documents[start.0];
        if fragment.is_empty() {
            return Some(start);
        }
        if fragment.starts_with('/') {
            let pointer = format!("{}{}", start.1, percent_decoded(fragment)?);
            if target.root.pointer(&pointer).is_some() {
                return Some((start.0, pointer));
            }
            // The registry finds definitions under either name.
            let other = match pointer.strip_prefix("/$defs/") {
                Some(rest) => format!("/definitions/{rest}"),
                None => format!("/$defs/{}", pointer.strip_prefix("/definitions/")?),
            };
            return target.root.pointer(&other).is_some().then_some((start.0, other));
        }
        let anchored = target.ids.iter().find(|(id, pointer)| {
            id.split_once('#').is_some_and(|(_, anchor)| anchor == fragment) && pointer.starts_with(start.1.as_str())
        });
        anchored.map(|(_, pointer)| (start.0, pointer.clone()))
    }

    /// A definition keeps its name; others are named after their place.
    fn new_name(&mut self, (document, pointer): &(usize, String)) -> String {
        let definition = ["/$defs/", "/definitions/"].iter().find_map(|bucket| pointer.strip_prefix(bucket));
        let stem = |name: &str| {
            let name = name.split('#').next().unwrap_or_default();
            let file = name.rsplit('/').next().unwrap_or_default();
            file.strip_suffix(".json").unwrap_or(file).to_owned()
        };
        let wanted = match (definition, *document) {
            (Some(name), _) if !name.contains('/') => name.to_owned(),
            (_, 0) => pointer.trim_start_matches('/').to_owned(),
            (_, other) => format!("{}{pointer}", stem(self.documents[other].name)),
        };
        let plain: String = wanted
            .replace("~1", "_")
            .replace("~0", "_")
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() || "_.-".contains(letter) { letter } else { '_' })
            .collect();
        let plain = if plain.is_empty() { "schema".to_owned() } else { plain };
        let mut name = plain.clone();
        let mut count = 1;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{plain}_{count}");
        }
        if *document == 0 && definition.is_none_or(|rest| rest.contains('/')) {
            self.elsewhere.insert(name.clone());
        }
        name
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
            bytes.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// OpenAPI's `nullable`: null is one more type, or one more branch.
fn allow_null(out: &mut Object) {
    let is_union = ["$ref", "anyOf", "oneOf"].iter().any(|keyword| out.contains_key(*keyword));
    match out.get_mut("type") {
        Some(Value::String(name)) if name != "null" => {
            let name = name.clone();
            out.insert("type".to_owned(), json!([name, "null"]));
        }
        Some(Value::Array(names)) if !names.iter().any(|name| name == "null") => names.push(json!("null")),
        Some(_) => {}
        None if is_union => {
            let schema = std::mem::take(out);
            out.insert("anyOf".to_owned(), json!([schema, {"type": "null"}]));
        }
        None => {}
    }
    if let Some(Value::Array(values)) = out.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

/// The names that lead back to themselves.
fn cyclic_names(normal: &Normal) -> BTreeSet<String> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let schemas = normal.definitions.iter().map(|(name, schema)| (name.as_str(), schema));
    for (name, schema) in schemas.chain([("#", &normal.root)]) {
        let mut found = BTreeSet::new();
        references_in(schema, &mut found);
        edges.insert(name, found);
    }
    let reaches_itself = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = edges.get(start).into_iter().flatten().copied().collect();
        while let Some(name) = open.pop() {
            if name == start {
                return true;
            }
            if seen.insert(name) {
                open.extend(edges.get(name).into_iter().flatten());
            }
        }
        false
    };
    edges.keys().filter(|name| reaches_itself(name)).map(|name| (*name).to_owned()).collect()
}

fn references_in<'v>(node: &'v Value, found: &mut BTreeSet<&'v str>) {
    match node {
        Value::Object(members) => {
            for (keyword, value) in members {
                match (keyword.as_str(), value) {
                    ("$ref", Value::String(reference)) => {
                        found.insert(name_of(reference));
                    }
                    ("enum" | "const" | "default" | "examples", _) => {}
                    (_, value) => references_in(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references_in(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
