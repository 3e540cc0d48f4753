//! Protobuf: the first message of a schema as JSON Schema in the words of ProtoJSON, and the way back, which splices each
//! `oneof` into its message.

use prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};
use schema::protobuf::ProtobufSchema;
use schema::protobuf::validate::{Message, MessageSelector, Validator};
use schema::{ResolvedReference, SchemaError, Strictness};
use serde_json::{Map, Value, json};

use crate::Refusal;
use crate::limits::{PROJECTION_DEPTH_MAX, PROJECTION_NODES_MAX};
use crate::project::Int64;
use crate::restore::RestoreError;
use crate::tree::{Object, below};

/// The first message of a Protobuf schema.
#[derive(Debug, Clone)]
pub(super) struct Protobuf {
    message: Message,
}

impl Protobuf {
    pub(super) fn parse(text: &str, references: &[ResolvedReference]) -> Result<Self, SchemaError> {
        let parsed = ProtobufSchema::parse(text, references, Strictness::Stored)?;
        let message = Validator::new(&parsed)?.message(&parsed, MessageSelector::First)?;
        Ok(Self { message })
    }

    pub(super) fn convert_message(&self) -> &Message {
        &self.message
    }

    pub(super) fn as_json_schema(&self, int64: Int64) -> Result<Value, Refusal> {
        let root = self.message.descriptor();
        let mut writer =
            Writer { int64, nodes: 0, root: root.full_name().to_owned(), definitions: Map::new(), depth: 0 };
        let mut schema = match well_known(root.full_name()) {
            Some(schema) => schema,
            None => writer.write_message(root)?,
        };
        if !writer.definitions.is_empty() {
            writer.definitions.sort_keys();
            schema["$defs"] = Value::Object(writer.definitions);
        }
        Ok(schema)
    }

    /// A value in ProtoJSON: the one key under the name of a `oneof` stands in the message itself. What is of another kind
    /// than the schema wants stays as it is, for validation to judge.
    pub(super) fn convert_splice(&self, value: Value) -> Result<Value, RestoreError> {
        message(self.message.descriptor(), value, "", 0)
    }
}

/// A `oneof` that somebody wrote: `optional` makes one of its own for each field.
fn written_oneofs(message: &MessageDescriptor) -> impl Iterator<Item = OneofDescriptor> {
    message.oneofs().filter(|oneof| !oneof.is_synthetic())
}

/// The property that stands for a `oneof`.
fn property_of(message: &MessageDescriptor, oneof: &OneofDescriptor) -> String {
    let name = oneof.name();
    let is_taken = message.fields().any(|field| field.json_name() == name);
    if is_taken { format!("{name}Oneof") } else { name.to_owned() }
}

fn has_written_oneof(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic())
}

/// The types that ProtoJSON writes in a form of their own.
fn well_known(name: &str) -> Option<Value> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Timestamp" => json!({"type": "string", "format": "date-time"}),
        "Duration" => json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$"}),
        "FieldMask" => json!({"type": "string"}),
        "Struct" | "Any" => json!({"type": "object"}),
        "Value" => json!({}),
        "ListValue" => json!({"type": "array"}),
        _ => return None,
    })
}

fn is_wrapper(name: &str) -> bool {
    let inner = name.strip_prefix("google.protobuf.").and_then(|name| name.strip_suffix("Value"));
    inner.is_some_and(|inner| {
        matches!(inner, "Double" | "Float" | "Int64" | "UInt64" | "Int32" | "UInt32" | "Bool" | "String" | "Bytes")
    })
}

struct Writer {
    int64: Int64,
    nodes: u64,
    root: String,
    definitions: Map<String, Value>,
    depth: usize,
}

impl Writer {
    fn write_message(&mut self, message: &MessageDescriptor) -> Result<Value, Refusal> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields().filter(|field| !has_written_oneof(field)) {
            let schema = self.write_field(&field)?;
            if field.cardinality() == Cardinality::Required {
                required.push(field.json_name().to_owned());
            }
            properties.insert(field.json_name().to_owned(), schema);
        }
        for oneof in written_oneofs(message) {
            let mut branches = Vec::new();
            for field in oneof.fields() {
                let name = field.json_name();
                let schema = self.write_field(&field)?;
                branches.push(json!({
                    "type": "object",
                    "properties": {name: schema},
                    "required": [name],
                    "additionalProperties": false,
                }));
            }
            let schema = if branches.len() == 1 { branches.remove(0) } else { json!({"anyOf": branches}) };
            properties.insert(property_of(message, &oneof), schema);
        }
        Ok(json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }))
    }

    fn write_field(&mut self, field: &FieldDescriptor) -> Result<Value, Refusal> {
        if field.is_map() {
            let Kind::Message(entry) = field.kind() else { return Ok(json!({})) };
            let mut map = json!({"type": "object", "additionalProperties": self.write_kind(&entry.map_entry_value_field().kind())?});
            if let Some(pattern) = key_pattern(&entry.map_entry_key_field().kind()) {
                map["propertyNames"] = json!({"pattern": pattern});
            }
            return Ok(map);
        }
        let one = self.write_kind(&field.kind())?;
        Ok(if field.is_list() { json!({"type": "array", "items": one}) } else { one })
    }

    fn write_kind(&mut self, kind: &Kind) -> Result<Value, Refusal> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > PROJECTION_NODES_MAX || self.depth > 2 * PROJECTION_DEPTH_MAX {
            return Err(Refusal::new(
                "limit-size",
                "",
                "the schema has more parts or levels than a projection may have",
            ));
        }
        let schema = self.kind_within(kind);
        self.depth -= 1;
        schema
    }

    fn kind_within(&mut self, kind: &Kind) -> Result<Value, Refusal> {
        let int64 = |digits: &str, unsigned: bool| match (self.int64, unsigned) {
            (Int64::String, _) => json!({"type": "string", "pattern": digits}),
            (Int64::Integer, true) => json!({"type": "integer", "minimum": 0}),
            (Int64::Integer, false) => json!({"type": "integer"}),
        };
        Ok(match kind {
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX})
            }
            Kind::Uint32 | Kind::Fixed32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => int64("^-?[0-9]{1,19}$", false),
            Kind::Uint64 | Kind::Fixed64 => int64("^[0-9]{1,20}$", true),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Enum(found) if found.full_name() == "google.protobuf.NullValue" => json!({"type": "null"}),
            Kind::Enum(found) => {
                let names: Vec<String> = found.values().map(|value| value.name().to_owned()).collect();
                json!({"type": "string", "enum": names})
            }
            Kind::Message(found) => return self.write_nested(found),
        })
    }

    fn write_nested(&mut self, message: &MessageDescriptor) -> Result<Value, Refusal> {
        let name = message.full_name();
        if let Some(schema) = well_known(name) {
            return Ok(schema);
        }
        if is_wrapper(name) {
            // Absent and null are one for a wrapper, so an optional property says all of it.
            return match message.fields().next() {
                Some(value) => self.write_kind(&value.kind()),
                None => Ok(json!({})),
            };
        }
        if self.root == name {
            return Ok(json!({"$ref": "#"}));
        }
        if !self.definitions.contains_key(name) {
            // A message that is being written counts as written.
            self.definitions.insert(name.to_owned(), Value::Null);
            let definition = self.write_message(message)?;
            self.definitions.insert(name.to_owned(), definition);
        }
        Ok(json!({"$ref": format!("#/$defs/{name}")}))
    }
}

/// What keys of a map look like in JSON, where they are no plain texts.
fn key_pattern(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Bool => Some("^(true|false)$"),
        Kind::Uint32 | Kind::Fixed32 => Some("^[0-9]{1,10}$"),
        Kind::Uint64 | Kind::Fixed64 => Some("^[0-9]{1,20}$"),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Some("^-?[0-9]{1,10}$"),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Some("^-?[0-9]{1,19}$"),
        Kind::Double | Kind::Float | Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Enum(_) => None,
    }
}

fn message(of: &MessageDescriptor, value: Value, at: &str, depth: usize) -> Result<Value, RestoreError> {
    if depth > 6 * PROJECTION_DEPTH_MAX {
        return Err(RestoreError { pointer: at.to_owned(), message: "the value nests too deep".to_owned() });
    }
    if well_known(of.full_name()).is_some() || is_wrapper(of.full_name()) {
        return Ok(value);
    }
    let Value::Object(members) = value else { return Ok(value) };
    let mut restored = Object::new();
    let mut put = |name: String, value: Value, at: &str| {
        if restored.insert(name.clone(), value).is_none() {
            return Ok(());
        }
        Err(RestoreError { pointer: at.to_owned(), message: format!("the field {name} is set twice") })
    };
    for (name, value) in members {
        let place = below(at, &name);
        let oneof = written_oneofs(of).find(|oneof| property_of(of, oneof) == name);
        match (oneof, value) {
            (Some(oneof), Value::Object(chosen)) => {
                if chosen.len() != 1 {
                    let message = format!("{} of the fields of the oneof are set instead of one", chosen.len());
                    return Err(RestoreError { pointer: place, message });
                }
                for (name, value) in chosen {
                    let inner = below(&place, &name);
                    let field = oneof.fields().find(|field| field.json_name() == name || field.name() == name);
                    let value = match field {
                        Some(field) => one_field(&field, value, &inner, depth)?,
                        None => value,
                    };
                    put(name, value, &inner)?;
                }
            }
            // No field is chosen.
            (Some(_), Value::Null) => {}
            (Some(_), value) => put(name, value, &place)?,
            (None, value) => {
                let field = of.fields().find(|field| field.json_name() == name || field.name() == name);
                let value = match field {
                    Some(field) => one_field(&field, value, &place, depth)?,
                    None => value,
                };
                put(name, value, &place)?;
            }
        }
    }
    Ok(Value::Object(restored))
}

fn one_field(field: &FieldDescriptor, value: Value, at: &str, depth: usize) -> Result<Value, RestoreError> {
    let Kind::Message(inner) = field.kind() else { return Ok(value) };
    if field.is_map() {
        let (Value::Object(members), Kind::Message(of)) = (&value, inner.map_entry_value_field().kind()) else {
            return Ok(value);
        };
        let members = members.clone().into_iter().map(|(name, value)| {
            let value = message(&of, value, &below(at, &name), depth + 1)?;
            Ok((name, value))
        });
        return members.collect::<Result<Object, _>>().map(Value::Object);
    }
    match value {
        Value::Array(items) if field.is_list() => items
            .into_iter()
            .enumerate()
            .map(|(position, item)| message(&inner, item, &format!("{at}/{position}"), depth + 1))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        value => message(&inner, value, at, depth + 1),
    }
}
