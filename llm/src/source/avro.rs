//! Avro: the schema as JSON Schema in the words that a model writes well, and the way back to the JSON encoding of Avro.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schema::{ParsedSchema, Rendering, ResolvedReference, SchemaError, Strictness};
use serde_json::{Map, Value, json};

use super::{decimal, time};
use crate::Refusal;
use crate::limits::{PROJECTION_DEPTH_MAX, PROJECTION_NODES_MAX};
use crate::project::Int64;
use crate::restore::RestoreError;
use crate::tree::{Object, below};

/// An Avro schema as a tree; names are full ones, and used before and after their definition alike.
#[derive(Debug, Clone)]
pub(super) struct Avro {
    root: Type,
    named: BTreeMap<String, Named>,
}

#[derive(Debug, Clone)]
enum Type {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Text,
    Bytes,
    /// Of a logical type over one of the above or over a fixed.
    Logical(Logical, Carrier),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Named(String),
}

#[derive(Debug, Clone)]
enum Named {
    Record { doc: Option<String>, fields: Vec<Field> },
    Enum { doc: Option<String>, symbols: Vec<String> },
    Fixed { size: usize },
}

#[derive(Debug, Clone)]
struct Field {
    name: String,
    doc: Option<String>,
    of: Type,
    default: Option<Value>,
}

/// What carries a logical type; the name of a fixed is that of its branch in a union.
#[derive(Debug, Clone)]
enum Carrier {
    Int,
    Long,
    Text,
    Bytes,
    Fixed { name: String, size: usize },
}

#[derive(Debug, Clone, Copy)]
enum Logical {
    Decimal {
        precision: u64,
        scale: u64,
    },
    Uuid,
    Date,
    /// Digits of the second.
    TimeOfDay(u32),
    Timestamp(u32),
    LocalTimestamp(u32),
    Duration,
}

impl Avro {
    pub(super) fn parse(text: &str, references: &[ResolvedReference]) -> Result<Self, SchemaError> {
        let parsed = ParsedSchema::parse(schema::Format::Avro, text, references, Strictness::Stored)?;
        // References are written out there, and every name is defined before it is used.
        let resolved = parsed.render(Rendering::Resolved)?;
        let tree: Value = serde_json::from_str(&resolved).unwrap_or(Value::Null);
        let mut reader = Reader { named: BTreeMap::new() };
        let root = reader.read(&tree, "");
        Ok(Self { root, named: reader.named })
    }
}

/// Reads the canonical text, which the parser of `schema` has judged: what is not expected here does not occur.
struct Reader {
    named: BTreeMap<String, Named>,
}

impl Reader {
    fn read(&mut self, tree: &Value, namespace: &str) -> Type {
        match tree {
            Value::String(name) => primitive_type(name).unwrap_or_else(|| Type::Named(full_name(name, namespace))),
            Value::Array(branches) => Type::Union(branches.iter().map(|branch| self.read(branch, namespace)).collect()),
            Value::Object(members) => self.complex(members, namespace),
            Value::Null | Value::Bool(_) | Value::Number(_) => Type::Null,
        }
    }

    fn complex(&mut self, members: &Object, namespace: &str) -> Type {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let child = |name: &str| members.get(name).unwrap_or(&Value::Null);
        let doc = text("doc").map(str::to_owned);
        let named = || {
            let own = members.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
            full_name(text("name").unwrap_or_default(), own)
        };
        match text("type") {
            Some("array") => Type::Array(Box::new(self.read(child("items"), namespace))),
            Some("map") => Type::Map(Box::new(self.read(child("values"), namespace))),
            Some("record" | "error") => {
                let name = named();
                let inside = name.rsplit_once('.').map_or("", |(inside, _)| inside).to_owned();
                let fields = members.get("fields").and_then(Value::as_array).into_iter().flatten();
                let fields = fields
                    .map(|field| Field {
                        name: field["name"].as_str().unwrap_or_default().to_owned(),
                        doc: field["doc"].as_str().map(str::to_owned),
                        of: self.read(&field["type"], &inside),
                        default: field.get("default").cloned(),
                    })
                    .collect();
                self.named.insert(name.clone(), Named::Record { doc, fields });
                Type::Named(name)
            }
            Some("enum") => {
                let name = named();
                let symbols = members.get("symbols").and_then(Value::as_array).into_iter().flatten();
                let symbols = symbols.filter_map(Value::as_str).map(str::to_owned).collect();
                self.named.insert(name.clone(), Named::Enum { doc, symbols });
                Type::Named(name)
            }
            Some("fixed") => {
                let name = named();
                let size = members.get("size").and_then(Value::as_u64).unwrap_or(0);
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                self.named.insert(name.clone(), Named::Fixed { size });
                match logical_type(members) {
                    Some(found) if found.fits_fixed(size) => Type::Logical(found, Carrier::Fixed { name, size }),
                    Some(_) | None => Type::Named(name),
                }
            }
            Some(name) => {
                let plain = primitive_type(name).unwrap_or_else(|| Type::Named(full_name(name, namespace)));
                let carrier = match plain {
                    Type::Int => Carrier::Int,
                    Type::Long => Carrier::Long,
                    Type::Text => Carrier::Text,
                    Type::Bytes => Carrier::Bytes,
                    _ => return plain,
                };
                match logical_type(members) {
                    Some(found) if found.fits(&carrier) => Type::Logical(found, carrier),
                    Some(_) | None => plain,
                }
            }
            None => self.read(child("type"), namespace),
        }
    }
}

fn full_name(name: &str, namespace: &str) -> String {
    if name.contains('.') || namespace.is_empty() { name.to_owned() } else { format!("{namespace}.{name}") }
}

fn primitive_type(name: &str) -> Option<Type> {
    Some(match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "int" => Type::Int,
        "long" => Type::Long,
        "float" => Type::Float,
        "double" => Type::Double,
        "string" => Type::Text,
        "bytes" => Type::Bytes,
        _ => return None,
    })
}

fn logical_type(members: &Object) -> Option<Logical> {
    let number = |name: &str| members.get(name).and_then(Value::as_u64);
    Some(match members.get("logicalType")?.as_str()? {
        "decimal" => {
            let (precision, scale) = (number("precision")?, number("scale").unwrap_or(0));
            // What the specification calls invalid is ignored, as it asks for.
            if precision == 0 || scale > precision {
                return None;
            }
            Logical::Decimal { precision, scale }
        }
        "uuid" => Logical::Uuid,
        "date" => Logical::Date,
        "time-millis" => Logical::TimeOfDay(3),
        "time-micros" => Logical::TimeOfDay(6),
        "timestamp-millis" => Logical::Timestamp(3),
        "timestamp-micros" => Logical::Timestamp(6),
        "timestamp-nanos" => Logical::Timestamp(9),
        "local-timestamp-millis" => Logical::LocalTimestamp(3),
        "local-timestamp-micros" => Logical::LocalTimestamp(6),
        "local-timestamp-nanos" => Logical::LocalTimestamp(9),
        "duration" => Logical::Duration,
        _ => return None,
    })
}

impl Logical {
    fn fits(self, carrier: &Carrier) -> bool {
        match (self, carrier) {
            (Self::Decimal { .. }, Carrier::Bytes)
            | (Self::Uuid, Carrier::Text)
            | (Self::Date | Self::TimeOfDay(3), Carrier::Int)
            | (Self::TimeOfDay(6) | Self::Timestamp(_) | Self::LocalTimestamp(_), Carrier::Long) => true,
            (_, _) => false,
        }
    }

    fn fits_fixed(self, size: usize) -> bool {
        match self {
            Self::Decimal { .. } => true,
            Self::Uuid => size == 16,
            Self::Duration => size == 12,
            Self::Date | Self::TimeOfDay(_) | Self::Timestamp(_) | Self::LocalTimestamp(_) => false,
        }
    }

    fn as_json_schema(self) -> Value {
        let clock = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]";
        match self {
            Self::Decimal { precision, scale } => {
                let whole = match precision - scale {
                    0 => "0".to_owned(),
                    digits => format!("[0-9]{{1,{digits}}}"),
                };
                let fraction = if scale == 0 { String::new() } else { format!("(\\.[0-9]{{1,{scale}}})?") };
                json!({"type": "string", "pattern": format!("^-?{whole}{fraction}$")})
            }
            Self::Uuid => json!({"type": "string", "format": "uuid"}),
            Self::Date => json!({"type": "string", "format": "date"}),
            Self::Timestamp(_) => json!({"type": "string", "format": "date-time"}),
            Self::TimeOfDay(digits) => {
                json!({"type": "string", "pattern": format!("^{clock}(\\.[0-9]{{1,{digits}}})?$")})
            }
            Self::LocalTimestamp(digits) => json!({
                "type": "string",
                "pattern": format!("^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{clock}(\\.[0-9]{{1,{digits}}})?$"),
            }),
            Self::Duration => {
                let part = json!({"type": "integer", "minimum": 0, "maximum": u32::MAX});
                json!({
                    "type": "object",
                    "properties": {"months": part, "days": part, "millis": part},
                    "required": ["months", "days", "millis"],
                    "additionalProperties": false,
                })
            }
        }
    }
}

/// The kinds of JSON values, as far as they tell branches of a union from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Null,
    Boolean,
    Number,
    Text,
    Array,
    Object,
}

impl Avro {
    fn shape(&self, of: &Type) -> Shape {
        match of {
            Type::Null => Shape::Null,
            Type::Boolean => Shape::Boolean,
            Type::Int | Type::Long | Type::Float | Type::Double => Shape::Number,
            Type::Text | Type::Bytes => Shape::Text,
            Type::Logical(Logical::Duration, _) | Type::Map(_) => Shape::Object,
            Type::Logical(..) => Shape::Text,
            Type::Array(_) => Shape::Array,
            // A union holds no union.
            Type::Union(_) => Shape::Null,
            Type::Named(name) => match self.named.get(name) {
                Some(Named::Record { .. }) => Shape::Object,
                Some(Named::Enum { .. } | Named::Fixed { .. }) | None => Shape::Text,
            },
        }
    }

    /// Does the value's kind not tell the branch of a union? Then each is written as Avro does, under its name.
    fn is_ambiguous(&self, branches: &[Type]) -> bool {
        let shapes: Vec<Shape> = branches.iter().map(|branch| self.shape(branch)).collect();
        shapes.iter().enumerate().any(|(position, shape)| shapes[..position].contains(shape))
    }

    pub(super) fn has_ambiguous_union(&self) -> bool {
        let named = self.named.values().any(|named| match named {
            Named::Record { fields, .. } => fields.iter().any(|field| self.holds_ambiguous(&field.of)),
            Named::Enum { .. } | Named::Fixed { .. } => false,
        });
        named || self.holds_ambiguous(&self.root)
    }

    fn holds_ambiguous(&self, of: &Type) -> bool {
        match of {
            Type::Union(branches) => {
                self.is_ambiguous(branches) || branches.iter().any(|branch| self.holds_ambiguous(branch))
            }
            Type::Array(inner) | Type::Map(inner) => self.holds_ambiguous(inner),
            _ => false,
        }
    }

    pub(super) fn as_json_schema(&self, int64: Int64) -> Result<Value, Refusal> {
        let mut writer = Writer { avro: self, int64, nodes: 0, definitions: Map::new(), root: None };
        if let Type::Named(name) = &self.root {
            writer.root = Some(name.clone());
        }
        let mut schema = match &self.root {
            Type::Named(name) => writer.write_definition(name, 0)?,
            other => writer.of(other, 0)?,
        };
        if !writer.definitions.is_empty() {
            writer.definitions.sort_keys();
            schema["$defs"] = Value::Object(writer.definitions);
        }
        Ok(schema)
    }
}

struct Writer<'a> {
    avro: &'a Avro,
    int64: Int64,
    nodes: u64,
    definitions: Map<String, Value>,
    root: Option<String>,
}

impl Writer<'_> {
    fn of(&mut self, of: &Type, depth: usize) -> Result<Value, Refusal> {
        self.nodes += 1;
        if self.nodes > PROJECTION_NODES_MAX || depth > 4 * PROJECTION_DEPTH_MAX {
            return Err(Refusal::new(
                "limit-size",
                "",
                "the schema has more parts or levels than a projection may have",
            ));
        }
        Ok(match of {
            Type::Null => json!({"type": "null"}),
            Type::Boolean => json!({"type": "boolean"}),
            Type::Int => json!({"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX}),
            Type::Long => match self.int64 {
                Int64::Integer => json!({"type": "integer"}),
                Int64::String => json!({"type": "string", "pattern": "^-?[0-9]{1,19}$"}),
            },
            Type::Float | Type::Double => json!({"type": "number"}),
            Type::Text => json!({"type": "string"}),
            Type::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Type::Logical(logical, _) => logical.as_json_schema(),
            Type::Array(items) => json!({"type": "array", "items": self.of(items, depth + 1)?}),
            Type::Map(values) => json!({"type": "object", "additionalProperties": self.of(values, depth + 1)?}),
            Type::Union(branches) => self.write_union(branches, depth)?,
            Type::Named(name) => {
                if self.root.as_ref() == Some(name) {
                    return Ok(json!({"$ref": "#"}));
                }
                if matches!(self.avro.named.get(name), Some(Named::Fixed { .. }) | None) {
                    return self.write_definition(name, depth);
                }
                if !self.definitions.contains_key(name) {
                    // A name that is being written counts as written.
                    self.definitions.insert(name.clone(), Value::Null);
                    let definition = self.write_definition(name, depth)?;
                    self.definitions.insert(name.clone(), definition);
                }
                json!({"$ref": format!("#/$defs/{name}")})
            }
        })
    }

    fn write_definition(&mut self, name: &str, depth: usize) -> Result<Value, Refusal> {
        let avro = self.avro;
        Ok(match avro.named.get(name) {
            Some(Named::Record { doc, fields }) => {
                let mut properties = Map::new();
                let mut required = Vec::new();
                for field in fields {
                    let (schema, optional) = self.write_field(field, depth + 1)?;
                    properties.insert(field.name.clone(), schema);
                    if !optional {
                        required.push(field.name.clone());
                    }
                }
                let mut schema = json!({"type": "object"});
                if let Some(doc) = doc {
                    schema["description"] = json!(doc);
                }
                schema["properties"] = Value::Object(properties);
                schema["required"] = json!(required);
                schema["additionalProperties"] = json!(false);
                schema
            }
            Some(Named::Enum { doc, symbols }) => {
                let mut schema = json!({"type": "string", "enum": symbols});
                if let Some(doc) = doc {
                    schema["description"] = json!(doc);
                }
                schema
            }
            Some(Named::Fixed { size }) => {
                let length = size.div_ceil(3) * 4;
                json!({"type": "string", "contentEncoding": "base64", "minLength": length, "maxLength": length})
            }
            None => json!({}),
        })
    }

    /// The schema of a field, and whether it may be left away.
    fn write_field(&mut self, field: &Field, depth: usize) -> Result<(Value, bool), Refusal> {
        let not_null = match (&field.of, &field.default) {
            (Type::Union(branches), Some(Value::Null)) => match branches.as_slice() {
                [Type::Null, only] => Some(only),
                _ => None,
            },
            (_, _) => None,
        };
        let mut schema = self.of(not_null.unwrap_or(&field.of), depth)?;
        if let Some(doc) = &field.doc {
            schema["description"] = json!(doc);
        }
        if not_null.is_none()
            && let Some(default) = field.default.as_ref().filter(|default| !default.is_null())
        {
            schema["default"] = default.clone();
        }
        let is_nullable_by_default = matches!((&field.of, &field.default), (Type::Union(_), Some(Value::Null)));
        Ok((schema, not_null.is_some() || is_nullable_by_default))
    }

    fn write_union(&mut self, branches: &[Type], depth: usize) -> Result<Value, Refusal> {
        let is_ambiguous = self.avro.is_ambiguous(branches);
        let mut written = Vec::new();
        for branch in branches {
            let schema = self.of(branch, depth + 1)?;
            written.push(if is_ambiguous && !matches!(branch, Type::Null) {
                let name = branch.branch_name();
                json!({
                    "type": "object",
                    "properties": {&name: schema},
                    "required": [name],
                    "additionalProperties": false,
                })
            } else {
                schema
            });
        }
        Ok(match written.as_slice() {
            [_] => written.remove(0),
            _ => json!({"anyOf": written}),
        })
    }
}

impl Type {
    /// The name of a branch in the JSON encoding.
    fn branch_name(&self) -> String {
        match self {
            Self::Null | Self::Union(_) => "null",
            Self::Boolean => "boolean",
            Self::Int | Self::Logical(_, Carrier::Int) => "int",
            Self::Long | Self::Logical(_, Carrier::Long) => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Text | Self::Logical(_, Carrier::Text) => "string",
            Self::Bytes | Self::Logical(_, Carrier::Bytes) => "bytes",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Named(name) | Self::Logical(_, Carrier::Fixed { name, .. }) => name,
        }
        .to_owned()
    }
}

fn wrong_value(at: &str, message: impl Into<String>) -> RestoreError {
    RestoreError { pointer: at.to_owned(), message: message.into() }
}

/// Bytes as the JSON encoding writes them: each as the character of its number.
fn as_latin1(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

impl Avro {
    /// A value as the JSON encoding of Avro has it. What is of another kind than the schema wants stays as it is, for
    /// validation to judge.
    pub(super) fn encode(&self, value: Value) -> Result<Value, RestoreError> {
        self.value(&self.root, value, "", 0)
    }

    fn value(&self, of: &Type, value: Value, at: &str, depth: usize) -> Result<Value, RestoreError> {
        if depth > 6 * PROJECTION_DEPTH_MAX {
            return Err(wrong_value(at, "the value nests too deep"));
        }
        match (of, value) {
            (Type::Long, Value::String(digits)) => {
                let number: i64 = digits
                    .parse()
                    .map_err(|_| wrong_value(at, format!("\"{digits}\" is no whole number that fits 64 bits")))?;
                Ok(json!(number))
            }
            (Type::Bytes, Value::String(text)) => Ok(as_latin1(&from_base64(&text, at)?)),
            (Type::Logical(logical, carrier), value) => encode_scalar(*logical, carrier, value, at),
            (Type::Array(items), Value::Array(values)) => values
                .into_iter()
                .enumerate()
                .map(|(position, value)| self.value(items, value, &format!("{at}/{position}"), depth + 1))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array),
            (Type::Map(values), Value::Object(members)) => members
                .into_iter()
                .map(|(name, value)| {
                    let value = self.value(values, value, &below(at, &name), depth + 1)?;
                    Ok((name, value))
                })
                .collect::<Result<Object, _>>()
                .map(Value::Object),
            (Type::Union(branches), value) => self.branch(branches, value, at, depth),
            (Type::Named(name), value) => match (self.named.get(name), value) {
                (Some(Named::Record { fields, .. }), Value::Object(members)) => {
                    self.record(fields, members, at, depth).map(Value::Object)
                }
                (Some(Named::Fixed { size }), Value::String(text)) => {
                    let bytes = from_base64(&text, at)?;
                    if bytes.len() != *size {
                        return Err(wrong_value(at, format!("the text holds {} bytes instead of {size}", bytes.len())));
                    }
                    Ok(as_latin1(&bytes))
                }
                (_, value) => Ok(value),
            },
            (_, value) => Ok(value),
        }
    }

    fn record(&self, fields: &[Field], mut members: Object, at: &str, depth: usize) -> Result<Object, RestoreError> {
        let mut restored = Object::new();
        for field in fields {
            if let Some(value) = members.shift_remove(&field.name) {
                let value = self.value(&field.of, value, &below(at, &field.name), depth + 1)?;
                restored.insert(field.name.clone(), value);
            } else if let Some(default) = &field.default {
                restored.insert(field.name.clone(), self.default(&field.of, default));
            }
        }
        // What the record does not have is left for validation to judge.
        restored.extend(members);
        Ok(restored)
    }

    /// A default in the JSON encoding: that of a union is of its first branch, and named.
    fn default(&self, of: &Type, default: &Value) -> Value {
        match (of, default) {
            (Type::Union(branches), default) => match branches.first() {
                Some(first) if !default.is_null() => json!({first.branch_name(): self.default(first, default)}),
                Some(_) | None => default.clone(),
            },
            (Type::Array(items), Value::Array(values)) => {
                values.iter().map(|value| self.default(items, value)).collect()
            }
            (Type::Map(values), Value::Object(members)) => {
                let members = members.iter().map(|(name, value)| (name.clone(), self.default(values, value)));
                Value::Object(members.collect())
            }
            (Type::Named(name), Value::Object(members)) => match self.named.get(name) {
                Some(Named::Record { fields, .. }) => {
                    let given = |field: &Field| members.get(&field.name).cloned().or_else(|| field.default.clone());
                    let fields = fields.iter().filter_map(|field| {
                        given(field).map(|value| (field.name.clone(), self.default(&field.of, &value)))
                    });
                    Value::Object(fields.collect())
                }
                Some(Named::Enum { .. } | Named::Fixed { .. }) | None => default.clone(),
            },
            (_, default) => default.clone(),
        }
    }

    fn branch(&self, branches: &[Type], value: Value, at: &str, depth: usize) -> Result<Value, RestoreError> {
        let has_null = branches.iter().any(|branch| matches!(branch, Type::Null));
        if value.is_null() && has_null {
            return Ok(Value::Null);
        }
        if self.is_ambiguous(branches) {
            return match value {
                Value::Object(mut members) if members.len() == 1 => {
                    let name = members.keys().next().cloned().unwrap_or_default();
                    let inner = members.shift_remove(&name).unwrap_or(Value::Null);
                    let found = branches.iter().find(|branch| branch.branch_name() == name);
                    let inner = match found {
                        Some(branch) => self.value(branch, inner, &below(at, &name), depth + 1)?,
                        None => inner,
                    };
                    Ok(json!({name: inner}))
                }
                other => Ok(other),
            };
        }
        let shape = match &value {
            Value::Null => Shape::Null,
            Value::Bool(_) => Shape::Boolean,
            Value::Number(_) => Shape::Number,
            Value::String(_) => Shape::Text,
            Value::Array(_) => Shape::Array,
            Value::Object(_) => Shape::Object,
        };
        // A whole number may have been asked for as a text.
        let fits = |branch: &&Type| {
            self.shape(branch) == shape || (shape == Shape::Text && matches!(branch, Type::Long) && is_digits(&value))
        };
        match branches.iter().find(fits) {
            Some(branch) => Ok(json!({branch.branch_name(): self.value(branch, value, at, depth + 1)?})),
            None => Ok(value),
        }
    }
}

fn is_digits(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<i64>().is_ok())
}

fn from_base64(text: &str, at: &str) -> Result<Vec<u8>, RestoreError> {
    STANDARD.decode(text).map_err(|problem| wrong_value(at, format!("the text is no base64: {problem}")))
}

fn encode_scalar(logical: Logical, carrier: &Carrier, value: Value, at: &str) -> Result<Value, RestoreError> {
    let text = match (logical, value) {
        (Logical::Duration, Value::Object(members)) => return encode_duration(&members, at),
        (_, Value::String(text)) => text,
        (_, other) => return Ok(other),
    };
    let units = |found: Option<i64>, what: &str| {
        found
            .map(|units| json!(units))
            .ok_or_else(|| wrong_value(at, format!("\"{text}\" is no {what} of the field's unit")))
    };
    match logical {
        Logical::Decimal { precision, scale } => {
            let bytes = decimal::unscaled(&text, precision, scale).ok_or_else(|| {
                wrong_value(
                    at,
                    format!("\"{text}\" is no decimal of {precision} digits, {scale} of them after the point"),
                )
            })?;
            let bytes = match carrier {
                Carrier::Fixed { size, .. } => decimal::extend_sign(bytes, *size)
                    .ok_or_else(|| wrong_value(at, format!("\"{text}\" needs more than {size} bytes")))?,
                Carrier::Int | Carrier::Long | Carrier::Text | Carrier::Bytes => bytes,
            };
            Ok(as_latin1(&bytes))
        }
        Logical::Uuid => match carrier {
            Carrier::Fixed { .. } => {
                let bytes = uuid_bytes(&text).ok_or_else(|| wrong_value(at, format!("\"{text}\" is no UUID")))?;
                Ok(as_latin1(&bytes))
            }
            Carrier::Int | Carrier::Long | Carrier::Text | Carrier::Bytes => Ok(Value::String(text)),
        },
        Logical::Date => {
            units(time::days_of(&text).filter(|days| i32::try_from(*days).is_ok()), "date, as 2026-01-31,")
        }
        Logical::TimeOfDay(digits) => units(time::time_of_day(&text, digits), "time, as 23:59:59,"),
        Logical::Timestamp(digits) => units(time::timestamp_text(&text, digits), "instant, as 2026-01-31T23:59:59Z,"),
        Logical::LocalTimestamp(digits) => {
            units(time::local_timestamp(&text, digits), "time without an offset, as 2026-01-31T23:59:59,")
        }
        Logical::Duration => Ok(Value::String(text)),
    }
}

fn encode_duration(members: &Object, at: &str) -> Result<Value, RestoreError> {
    let mut bytes = Vec::new();
    for name in ["months", "days", "millis"] {
        let part = members.get(name).and_then(Value::as_u64).and_then(|part| u32::try_from(part).ok());
        let part = part.ok_or_else(|| wrong_value(&below(at, name), "a whole number of 32 bits is wanted"))?;
        bytes.extend(part.to_le_bytes());
    }
    Ok(as_latin1(&bytes))
}

fn uuid_bytes(text: &str) -> Option<Vec<u8>> {
    let groups: Vec<&str> = text.split('-').collect();
    if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) || !text.is_ascii() {
        return None;
    }
    let digits = groups.concat();
    let pairs = digits.as_bytes().chunks(2).map(std::str::from_utf8);
    pairs.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
}
