//! A registered schema in the dialect of a provider, and what that loses.
//!
//! The steps, in this order for each schema: references and `allOf` are resolved into one set of keywords; unions are
//! written as `anyOf`; then the one type that is left writes its own keywords, and what remains and is not accepted moves
//! into the description and is named as a loss. Budgets are judged at the end, on the projected form. Marks for the way
//! back are kept in the tree itself while it is built, under `MARK`.

mod arrays;
mod marks;
mod objects;
mod references;
mod typed;
mod unions;
mod values;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::marks::describe;
use crate::dialect::{Closed, Dialect, Support};
use crate::limits::{LOSSES_MAX, PROJECTION_DEPTH_MAX, PROJECTION_NODES_MAX, UNROLL_DEFAULT};
use crate::normal::{Normal, normalize};
use crate::restore::{Inverse, MARK};
use crate::stats::{self, Stats};
use crate::tree::{Object, is_annotation, type_of_keyword, types};
use crate::{Loss, Refusal};

/// What may be asked for beside the dialect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Options {
    /// Write out every reference, because some models do not look at definitions.
    pub inline: bool,
    /// Where a schema says nothing about a value, ask for a text that holds JSON instead of refusing.
    pub json_string: bool,
    /// How often a schema that refers to itself is written out, where it must be.
    pub unroll: u32,
    /// How whole numbers of 64 bits are asked for, which not every reader of JSON keeps: as integers (Avro, if nothing is
    /// said), or as texts of digits (Protobuf, if nothing is said).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub int64: Option<Int64>,
}

/// How whole numbers of 64 bits are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Int64 {
    /// As integers.
    Integer,
    /// As texts of digits.
    String,
}

impl Default for Options {
    fn default() -> Self {
        Self { inline: false, json_string: false, unroll: UNROLL_DEFAULT, int64: None }
    }
}

/// A schema in a dialect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Projection {
    /// What the provider gets.
    pub schema: Value,
    /// What it does not say as the registered schema does, in the order of the places.
    pub losses: Vec<Loss>,
    /// The way back.
    pub inverse: Inverse,
    /// The sizes that budgets count.
    pub stats: Stats,
    /// Of the schema, by RFC 8785 and SHA-256.
    pub digest: String,
}

/// Writes a schema in a dialect. `references` are the texts that it may refer to, by name.
///
/// # Errors
/// [`Refusal`] where the dialect has no words for the schema, or a budget is too small.
pub fn project(
    schema: &Value,
    references: &[(String, Value)],
    dialect: &Dialect,
    options: &Options,
) -> Result<Projection, Refusal> {
    let normal = normalize(schema, references)?;
    let mut projector = Projector {
        dialect,
        options,
        normal: &normal,
        losses: Vec::new(),
        written: Object::new(),
        open: Vec::new(),
        unrolling: Vec::new(),
        wraps: false,
        nodes: 0,
        depth: 0,
    };
    let root = projector.project_root().map_err(Stop::into_refusal)?;
    let Projector { losses, mut written, .. } = projector;
    let mut annotated = root;
    if !written.is_empty() {
        written.sort_keys();
        annotated.insert("$defs".to_owned(), Value::Object(written));
    }
    let annotated = Value::Object(annotated);
    let schema = crate::restore::without_marks(&annotated);
    let stats = stats::of(&schema);
    stats::judge_stats(&stats, dialect)?;
    let mut losses: Vec<Loss> = losses;
    losses.dedup();
    let digest = crate::digest(&schema);
    Ok(Projection { schema, losses, inverse: Inverse::new(annotated), stats, digest })
}

/// Why writing a schema stopped.
enum Stop {
    Refused(Refusal),
    /// A schema that refers to itself was written out often enough: leave this part away.
    Deep(String),
}

impl Stop {
    fn into_refusal(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            Self::Deep(at) => Refusal::new(
                "recursion-required",
                &at,
                "the schema refers to itself through required properties only, so it cannot be written out: make one of them optional",
            ),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

struct Projector<'a> {
    dialect: &'a Dialect,
    options: &'a Options,
    normal: &'a Normal,
    losses: Vec<Loss>,
    /// The definitions that were written.
    written: Object,
    /// Definitions that are being written or are written.
    open: Vec<String>,
    /// Schemas that are being written out in place.
    unrolling: Vec<String>,
    wraps: bool,
    nodes: u64,
    depth: usize,
}

/// What a schema is once references and `allOf` are resolved.
enum Flat {
    Keywords(Object),
    /// A reference that stays, with annotations beside it.
    Reference(String, Object),
}

/// Marks, in an object of keywords, the recursive definition from which it came.
const UNROLLED: &str = "\u{0}unrolled";

impl Projector<'_> {
    fn project_root(&mut self) -> Result<Object, Stop> {
        let rules = &self.dialect.rules;
        let source = self.normal.root.clone();
        let flat = match &source {
            Value::Object(members) => Some(self.resolved(members.clone(), "", true)?),
            _ => None,
        };
        let union = |object: &Object| object.contains_key("anyOf") || object.contains_key("oneOf");
        let is_object = flat.as_ref().is_some_and(|object| {
            types(object) == ["object"]
                || (types(object).is_empty()
                    && !union(object)
                    && object.keys().any(|keyword| type_of_keyword(keyword) == Some("object")))
        });
        if let Some(object) = &flat
            && rules.root_must_be_object
            && is_object
            && union(object)
        {
            return Err(Refusal::new(
                "root-union",
                "",
                "the root is an object with anyOf or oneOf beside its properties: put the union into a property",
            )
            .into());
        }
        if !rules.root_must_be_object || is_object {
            let source = flat.map_or(source, Value::Object);
            let root = self.project_node(&source, "")?;
            if let Value::Object(root) = root {
                return Ok(root);
            }
        }
        self.wraps = true;
        let value = self.project_node(&self.normal.root, "")?;
        let mut root = Object::new();
        root.insert("type".to_owned(), json!("object"));
        root.insert("properties".to_owned(), json!({"value": value}));
        root.insert("required".to_owned(), json!(["value"]));
        if rules.closed == Closed::Always {
            root.insert("additionalProperties".to_owned(), json!(false));
        }
        root.insert(MARK.to_owned(), json!({"unwrap": true}));
        Ok(root)
    }

    fn lose(&mut self, code: &str, at: &str, message: impl Into<String>) -> Result<(), Refusal> {
        if self.losses.len() >= LOSSES_MAX {
            return Err(Refusal::new("limit-size", at, format!("the projection has more than {LOSSES_MAX} losses")));
        }
        self.losses.push(Loss { code: code.to_owned(), pointer: at.to_owned(), message: message.into() });
        Ok(())
    }

    /// Writes one schema.
    fn project_node(&mut self, source: &Value, at: &str) -> Result<Value, Stop> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > PROJECTION_NODES_MAX || self.depth > PROJECTION_DEPTH_MAX {
            return Err(Refusal::new(
                "limit-size",
                at,
                format!("written out, the schema has more than {PROJECTION_NODES_MAX} parts or {PROJECTION_DEPTH_MAX} levels"),
            )
            .into());
        }
        let written = self.node_within(source, at);
        self.depth -= 1;
        written
    }

    fn node_within(&mut self, source: &Value, at: &str) -> Result<Value, Stop> {
        let members = match source {
            Value::Object(members) => members.clone(),
            Value::Bool(false) => {
                return Err(
                    Refusal::new("untyped", at, "the schema false allows no value: leave the property away").into()
                );
            }
            _ => {
                return self.project_untyped(
                    at,
                    "untyped",
                    "true and {} say nothing about the value: give it a type",
                    &Object::new(),
                );
            }
        };
        let object = match self.flat(members, at)? {
            Flat::Reference(name, annotations) => return self.kept_reference(&name, &annotations, at),
            Flat::Keywords(object) => object,
        };
        if let Some(name) = object.get(UNROLLED).and_then(Value::as_str).map(str::to_owned) {
            let mut object = object;
            object.remove(UNROLLED);
            self.unrolling.push(name);
            let written = self.project_keywords(object, at);
            self.unrolling.pop();
            return written;
        }
        self.project_keywords(object, at)
    }

    fn project_untyped(&mut self, at: &str, code: &str, message: &str, object: &Object) -> Result<Value, Stop> {
        if self.dialect.rules.untyped {
            let mut out = Object::new();
            let mut words = Vec::new();
            for (keyword, value) in object {
                if is_annotation(keyword) {
                    self.project_annotation(keyword, value, at, &mut out, &mut words)?;
                } else if self.dialect.support(keyword) == Support::Enforced
                    || matches!(keyword.as_str(), "type" | "properties" | "additionalProperties" | "items" | "required")
                {
                    out.insert(keyword.clone(), value.clone());
                }
            }
            describe(&mut out, &words);
            return Ok(Value::Object(out));
        }
        if !self.options.json_string {
            return Err(Refusal::new(code, at, message).into());
        }
        self.lose(
            "json-string",
            at,
            "the schema says nothing about the value: it is asked for as a text that holds JSON",
        )?;
        let mut out = Object::new();
        out.insert("type".to_owned(), json!("string"));
        let description = object.get("description").and_then(Value::as_str).unwrap_or_default();
        let separator = if description.is_empty() { "" } else { " " };
        out.insert("description".to_owned(), json!(format!("{description}{separator}[a JSON document as text]")));
        out.insert(MARK.to_owned(), json!({"jsonString": true}));
        Ok(Value::Object(out))
    }

    /// Writes a schema whose keywords all stand in one object.
    fn project_keywords(&mut self, object: Object, at: &str) -> Result<Value, Stop> {
        if object.contains_key("anyOf") || object.contains_key("oneOf") {
            return self.project_union(object, at);
        }
        if let Some(Value::Array(values)) = object.get("enum")
            && values.is_empty()
        {
            return Err(Refusal::new("enum-empty", at, "an enum without values allows nothing: list the values").into());
        }
        if object.contains_key("const") || object.contains_key("enum") {
            return self.project_values(object, at);
        }
        let names = types(&object);
        match names.as_slice() {
            [] => {
                let implied: BTreeSet<&str> = object.keys().filter_map(|keyword| type_of_keyword(keyword)).collect();
                let mut implied = implied.into_iter();
                let (Some(name), None) = (implied.next(), implied.next()) else {
                    return self.project_untyped(
                        at,
                        "untyped",
                        "the schema says nothing about the value: give it a type",
                        &object,
                    );
                };
                if self.dialect.rules.untyped {
                    return self.typed(name, object, false, at);
                }
                self.lose("type-implied", at, format!("without a type the keywords bind only values of type {name}; other values are no longer possible"))?;
                self.typed(name, object, false, at)
            }
            [name] => {
                let name = name.clone();
                self.typed(&name, object, false, at)
            }
            [name, null] | [null, name] if null == "null" && name != "null" => {
                let name = name.clone();
                self.typed(&name, object, true, at)
            }
            several => {
                let several = several.to_vec();
                self.several_types(&several, object, at)
            }
        }
    }
}
