//! FileDescriptorProto to syntax tree.
//!
//! The tree is the one that the `.proto` text of the same file would give, so that text and descriptor are one schema:
//! map entries become maps again, oneofs of proto3 `optional` fields disappear, JSON names that follow from the field
//! name are dropped. Types stay as the descriptor writes them.

use prost::Message as _;
use prost_reflect::prost_types::FileDescriptorProto;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage};

use super::ast::{
    Constant, Enum, Extend, ExtensionRange, Extensions, Field, File, Group, Label, Message, Oneof, Reserved,
    ReservedValue, Rpc, Service, Syntax, TAG_MAX, TypeName, Value, Visibility,
};
use super::names::default_json_name;
use super::options;
use crate::{SchemaError, limits};

/// The descriptor in some bytes; none if they are not one.
pub(super) fn descriptor_in(bytes: &[u8]) -> Result<Option<FileDescriptorProto>, SchemaError> {
    let mut members = 0;
    if count_members(bytes, Container::File, 0, &mut members).is_none() {
        return Ok(None);
    }
    if members > limits::MEMBER_COUNT_MAX {
        return Err(SchemaError::Limit { limit: "MEMBER_COUNT_MAX", allowed: limits::MEMBER_COUNT_MAX as u64 });
    }
    let Ok(descriptor) = FileDescriptorProto::decode(bytes) else { return Ok(None) };
    // Almost any short text is base64 of bytes that decode as an empty message with unknown fields.
    let is_empty = descriptor.message_type.is_empty()
        && descriptor.enum_type.is_empty()
        && descriptor.service.is_empty()
        && descriptor.extension.is_empty()
        && descriptor.name.is_none()
        && !matches!(descriptor.syntax.as_deref(), Some("proto2" | "proto3" | "editions"));
    if is_empty {
        return Ok(None);
    }
    // Before anything else looks at the file: prost-reflect panics where it refuses a syntax.
    match descriptor.syntax.as_deref() {
        None | Some("" | "proto2" | "proto3" | "editions") => {}
        Some(other) => return Err(SchemaError::invalid(format!("unexpected syntax: {other}"))),
    }
    Ok(Some(descriptor))
}

/// The tree of a descriptor, with the options that `pool` knows; none if the bytes are not one for it.
pub(super) fn tree(bytes: &[u8], pool: &DescriptorPool) -> Result<Option<File>, SchemaError> {
    let Some(kind) = pool.get_message_by_name("google.protobuf.FileDescriptorProto") else { return Ok(None) };
    let Ok(message) = DynamicMessage::decode(kind, bytes) else { return Ok(None) };
    let decoder = Decoder::new(&message)?;
    Ok(Some(decoder.decode_file(&message)))
}

/// The tree of a descriptor that is known to be sound.
pub(super) fn file(descriptor: &FileDescriptorProto) -> File {
    let kind = DescriptorPool::global()
        .get_message_by_name("google.protobuf.FileDescriptorProto")
        .expect("prost-reflect brings descriptor.proto along");
    let mut message = DynamicMessage::new(kind);
    message.transcode_from(descriptor).expect("both are the same message");
    Decoder::new(&message).expect("the bundled descriptors have no edition").decode_file(&message)
}

/// A message of descriptor.proto that holds members of a file.
#[derive(Clone, Copy)]
enum Container {
    File,
    Message,
    Enum,
    Service,
}

impl Container {
    /// What the length-delimited field `tag` holds, if it is a container again.
    fn inner(self, tag: u64) -> Option<Self> {
        match (self, tag) {
            (Self::File, 4) | (Self::Message, 3) => Some(Self::Message),
            (Self::File, 5) | (Self::Message, 4) => Some(Self::Enum),
            (Self::File, 6) => Some(Self::Service),
            (Self::File | Self::Message | Self::Enum | Self::Service, _) => None,
        }
    }
}

/// Counts members on the raw bytes, before anything is decoded: a decoded descriptor is a hundred times as large as its
/// bytes can be. None if the bytes are no descriptor. Stops counting above the limit.
fn count_members(bytes: &[u8], container: Container, depth: usize, members: &mut usize) -> Option<()> {
    if depth > limits::SCHEMA_DEPTH_MAX {
        return None;
    }
    let mut rest = bytes;
    while !rest.is_empty() && *members <= limits::MEMBER_COUNT_MAX {
        let key = varint(&mut rest)?;
        match key & 7 {
            0 => {
                varint(&mut rest)?;
            }
            1 => rest = rest.get(8..)?,
            5 => rest = rest.get(4..)?,
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let (inner, after) = rest.split_at_checked(length)?;
                rest = after;
                *members += 1;
                if let Some(container) = container.inner(key >> 3) {
                    count_members(inner, container, depth + 1, members)?;
                }
            }
            _ => return None,
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn text(message: &DynamicMessage, field: &str) -> Option<String> {
    if !message.has_field_by_name(field) {
        return None;
    }
    message.get_field_by_name(field)?.as_str().map(str::to_owned)
}

fn required_text(message: &DynamicMessage, field: &str) -> String {
    text(message, field).unwrap_or_default()
}

fn number(message: &DynamicMessage, field: &str) -> Option<i32> {
    if !message.has_field_by_name(field) {
        return None;
    }
    let value = message.get_field_by_name(field)?;
    value.as_i32().or_else(|| value.as_enum_number())
}

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or(false)
}

fn each_message<T>(message: &DynamicMessage, field: &str, mut of: impl FnMut(&DynamicMessage) -> T) -> Vec<T> {
    let Some(value) = message.get_field_by_name(field) else { return Vec::new() };
    let list = value.as_list().unwrap_or_default();
    list.iter().filter_map(prost_reflect::Value::as_message).map(&mut of).collect()
}

fn texts(message: &DynamicMessage, field: &str) -> Vec<String> {
    let Some(value) = message.get_field_by_name(field) else { return Vec::new() };
    value.as_list().unwrap_or_default().iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn numbers(message: &DynamicMessage, field: &str) -> Vec<i32> {
    let Some(value) = message.get_field_by_name(field) else { return Vec::new() };
    value.as_list().unwrap_or_default().iter().filter_map(prost_reflect::Value::as_i32).collect()
}

fn option_list(message: &DynamicMessage) -> Vec<super::ast::Opt> {
    match message.get_field_by_name("options").as_deref().and_then(prost_reflect::Value::as_message) {
        Some(found) => options::decode(found),
        None => Vec::new(),
    }
}

const TYPE_STRING: i32 = 9;
const TYPE_GROUP: i32 = 10;
const TYPE_BYTES: i32 = 12;

struct Decoder {
    syntax: Option<Syntax>,
}

impl Decoder {
    fn new(file: &DynamicMessage) -> Result<Self, SchemaError> {
        let syntax = match text(file, "syntax").as_deref() {
            Some("proto3") => Some(Syntax::Proto3),
            Some("proto2") => Some(Syntax::Proto2),
            Some("editions") => {
                let edition = number(file, "edition").unwrap_or_default();
                let known = [Syntax::Edition2023, Syntax::Edition2024];
                let found = known.into_iter().find(|known| known.edition_number() == edition);
                let unknown = || format!("unexpected edition: {edition}; known are 2023 (1000) and 2024 (1001)");
                Some(found.ok_or_else(|| SchemaError::invalid(unknown()))?)
            }
            _ => None,
        };
        Ok(Self { syntax })
    }

    /// Is this field a group? In editions there are none; a feature says how a message is encoded.
    fn is_group(&self, field: &DynamicMessage) -> bool {
        number(field, "type") == Some(TYPE_GROUP) && !self.is_edition()
    }

    fn is_edition(&self) -> bool {
        self.syntax.is_some_and(Syntax::is_edition)
    }

    fn decode_file(&self, file: &DynamicMessage) -> File {
        debug_assert_eq!(file.descriptor().name(), "FileDescriptorProto");
        let (public, weak) = (numbers(file, "public_dependency"), numbers(file, "weak_dependency"));
        let mut result = File {
            syntax: self.syntax,
            option_imports: texts(file, "option_dependency"),
            package: text(file, "package").filter(|package| !package.is_empty()),
            options: option_list(file),
            enums: each_message(file, "enum_type", decode_enumeration),
            services: each_message(file, "service", decode_service),
            ..File::default()
        };
        let mut messages = each_message(file, "message_type", |message| self.decode_message(message));
        result.extends = self.decode_extends(file, &mut messages);
        result.messages = messages;
        for (position, path) in texts(file, "dependency").into_iter().enumerate() {
            let position = i32::try_from(position).unwrap_or(i32::MAX);
            if public.contains(&position) {
                result.public_imports.push(path);
            } else if weak.contains(&position) {
                result.weak_imports.push(path);
            } else {
                result.imports.push(path);
            }
        }
        result
    }

    fn decode_message(&self, message: &DynamicMessage) -> Message {
        let mut nested = each_message(message, "nested_type", |nested| self.decode_message(nested));
        let mut oneofs = each_message(message, "oneof_decl", |oneof| Oneof {
            name: required_text(oneof, "name"),
            options: option_list(oneof),
            ..Oneof::default()
        });
        let mut result = Message {
            name: required_text(message, "name"),
            options: option_list(message),
            reserved: decode_reserved(message, 1),
            extensions: each_message(message, "extension_range", extension_range),
            visibility: decode_visibility(message),
            extends: self.decode_extends(message, &mut nested),
            enums: each_message(message, "enum_type", decode_enumeration),
            ..Message::default()
        };
        let mut used = vec![false; oneofs.len()];
        let mut synthetic = vec![false; oneofs.len()];
        for descriptor in each_message(message, "field", Clone::clone) {
            let oneof = number(&descriptor, "oneof_index").and_then(|index| usize::try_from(index).ok());
            let oneof = oneof.filter(|index| *index < oneofs.len());
            let optional = flag(&descriptor, "proto3_optional");
            if let (Some(index), true) = (oneof, optional) {
                synthetic[index] = true;
            }
            let member = oneof.filter(|_| !optional);
            let mut field = self.decode_field(&descriptor, member.is_some());
            let group = if self.is_group(&descriptor) { take_group(&mut nested, &field) } else { None };
            if let Some(group) = group {
                match member {
                    Some(index) => oneofs[index].groups.push(group),
                    None => result.groups.push(group),
                }
                continue;
            }
            sugar_map(&mut field, &mut nested);
            match member {
                Some(index) => {
                    used[index] = true;
                    oneofs[index].fields.push(field);
                }
                None => result.fields.push(field),
            }
        }
        // An entry that became a map has given its name away.
        nested.retain(|message| !(message.name.is_empty() && message.map_entry().is_some()));
        let mut position = 0;
        oneofs.retain(|_| {
            position += 1;
            used[position - 1] || !synthetic[position - 1]
        });
        Message { oneofs, messages: nested, ..result }
    }

    fn decode_field(&self, field: &DynamicMessage, in_oneof: bool) -> Field {
        let name = required_text(field, "name");
        let written = text(field, "type_name");
        let type_name = written
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| scalar_name(number(field, "type").unwrap_or_default()).to_owned());
        let default = text(field, "default_value").map(|text| default_value(field, &text));
        let label = match number(field, "label") {
            Some(2 | 1) if self.is_edition() => None,
            Some(2) => Some(Label::Required),
            Some(3) => Some(Label::Repeated),
            _ if in_oneof => None,
            _ if self.is_edition() => None,
            _ if self.syntax == Some(Syntax::Proto3) => flag(field, "proto3_optional").then_some(Label::Optional),
            _ => Some(Label::Optional),
        };
        Field {
            label,
            type_name: TypeName::Name(type_name),
            tag: number(field, "number").unwrap_or_default(),
            default,
            json_name: text(field, "json_name").filter(|json_name| *json_name != default_json_name(&name)),
            options: option_list(field),
            delimited: false,
            name,
        }
    }

    /// Extensions of one message that follow each other are one block. `nested` has the messages of groups among them,
    /// which move into the groups.
    fn decode_extends(&self, message: &DynamicMessage, nested: &mut Vec<Message>) -> Vec<Extend> {
        let mut extends: Vec<Extend> = Vec::new();
        for descriptor in each_message(message, "extension", Clone::clone) {
            let (extendee, field) = (required_text(&descriptor, "extendee"), self.decode_field(&descriptor, false));
            let group = if self.is_group(&descriptor) { take_group(nested, &field) } else { None };
            if extends.last().is_none_or(|last| last.name != extendee) {
                extends.push(Extend { name: extendee, fields: Vec::new(), groups: Vec::new() });
            }
            let Some(last) = extends.last_mut() else { continue };
            match group {
                Some(group) => last.groups.push(group),
                None => last.fields.push(field),
            }
        }
        extends
    }
}

fn decode_visibility(declared: &DynamicMessage) -> Option<Visibility> {
    match number(declared, "visibility") {
        Some(1) => Some(Visibility::Local),
        Some(2) => Some(Visibility::Export),
        _ => None,
    }
}

/// A default as a value: descriptors have all of them as text, that of bytes with C escapes.
fn default_value(field: &DynamicMessage, text: &str) -> Value {
    match number(field, "type") {
        Some(TYPE_BYTES) => super::lexer::unescaped(text).unwrap_or_else(|| Value::Text(text.to_owned())),
        Some(TYPE_STRING) => Value::Text(text.to_owned()),
        _ if text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '.')) => {
            Value::Number(text.to_owned())
        }
        _ => Value::Word(text.to_owned()),
    }
}

/// Makes a map of a repeated field whose type is a nested map entry. The entry is marked by an empty name.
fn sugar_map(field: &mut Field, nested: &mut [Message]) {
    let TypeName::Name(type_name) = &field.type_name else { return };
    let simple = type_name.rsplit('.').next().unwrap_or(type_name);
    if field.label != Some(Label::Repeated) {
        return;
    }
    let Some(entry) = nested.iter_mut().find(|message| message.name == simple) else { return };
    let Some((key, value)) = entry.map_entry() else { return };
    field.type_name = TypeName::Map(Box::new(key.type_name.clone()), Box::new(value.type_name.clone()));
    field.label = None;
    entry.name = String::new();
}

fn take_group(nested: &mut Vec<Message>, field: &Field) -> Option<Group> {
    let TypeName::Name(type_name) = &field.type_name else { return None };
    let simple = type_name.rsplit('.').next().unwrap_or(type_name);
    let position = nested.iter().position(|message| message.name == simple)?;
    let message = nested.remove(position);
    Some(Group { label: field.label, tag: field.tag, options: field.options.clone(), body: message })
}

fn decode_enumeration(declared: &DynamicMessage) -> Enum {
    Enum {
        name: required_text(declared, "name"),
        visibility: decode_visibility(declared),
        reserved: decode_reserved(declared, 0),
        options: option_list(declared),
        constants: each_message(declared, "value", |value| Constant {
            name: required_text(value, "name"),
            tag: number(value, "number").unwrap_or_default(),
            options: option_list(value),
        }),
    }
}

fn decode_service(service: &DynamicMessage) -> Service {
    Service {
        name: required_text(service, "name"),
        options: option_list(service),
        rpcs: each_message(service, "method", |method| Rpc {
            name: required_text(method, "name"),
            request: TypeName::Name(required_text(method, "input_type")),
            request_streaming: flag(method, "client_streaming"),
            response: TypeName::Name(required_text(method, "output_type")),
            response_streaming: flag(method, "server_streaming"),
            options: option_list(method),
        }),
    }
}

fn extension_range(range: &DynamicMessage) -> Extensions {
    let start = number(range, "start").unwrap_or_default();
    let end = number(range, "end").unwrap_or_default().saturating_sub(1);
    let range_written =
        if start == end { ExtensionRange::Tag(start) } else { ExtensionRange::Range(start, end.min(TAG_MAX)) };
    Extensions { ranges: vec![range_written], options: option_list(range) }
}

/// `end_offset` is 1 where ends are exclusive (messages), 0 where they are inclusive (enums).
fn decode_reserved(message: &DynamicMessage, end_offset: i32) -> Vec<Reserved> {
    let ranges = each_message(message, "reserved_range", |range| {
        let start = number(range, "start").unwrap_or_default();
        let end = number(range, "end").unwrap_or_default().saturating_sub(end_offset);
        if start == end { ReservedValue::Tag(start) } else { ReservedValue::Range(start, end.min(TAG_MAX)) }
    });
    let names = texts(message, "reserved_name").into_iter().map(ReservedValue::Name).collect();
    [ranges, names].into_iter().filter(|values| !values.is_empty()).map(|values| Reserved { values }).collect()
}

fn scalar_name(number: i32) -> &'static str {
    match number {
        1 => "double",
        2 => "float",
        3 => "int64",
        4 => "uint64",
        5 => "int32",
        6 => "fixed64",
        7 => "fixed32",
        8 => "bool",
        9 => "string",
        12 => "bytes",
        13 => "uint32",
        15 => "sfixed32",
        16 => "sfixed64",
        17 => "sint32",
        18 => "sint64",
        _ => "unknown",
    }
}
