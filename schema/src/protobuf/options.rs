//! Options between the syntax tree and the option messages of descriptors, and their removal from a tree.
//!
//! Going to a descriptor, only what descriptor.proto and Confluent's own extensions define is written, as Confluent
//! does; the rest is left out. Coming from one, everything is kept whose extension is known.

use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor};

use super::ast::{Enum, Extend, Field, File, Group, Message, Opt, Value};
use super::descriptors;
use super::wire::Writer;

/// Removes the options that `keep` does not want from a whole file.
pub(super) fn retain(file: &mut File, keep: &dyn Fn(&Opt) -> bool) {
    file.options.retain(keep);
    file.messages.iter_mut().for_each(|message| retain_message(message, keep));
    file.enums.iter_mut().for_each(|declared| retain_enum(declared, keep));
    file.extends.iter_mut().for_each(|extend| retain_extend(extend, keep));
    for service in &mut file.services {
        service.options.retain(keep);
        service.rpcs.iter_mut().for_each(|rpc| rpc.options.retain(keep));
    }
}

fn retain_message(message: &mut Message, keep: &dyn Fn(&Opt) -> bool) {
    message.options.retain(keep);
    retain_fields(&mut message.fields, keep);
    message.groups.iter_mut().for_each(|group: &mut Group| retain_fields(&mut group.fields, keep));
    for oneof in &mut message.oneofs {
        oneof.options.retain(keep);
        retain_fields(&mut oneof.fields, keep);
        oneof.groups.iter_mut().for_each(|group| retain_fields(&mut group.fields, keep));
    }
    message.extensions.iter_mut().for_each(|extensions| extensions.options.retain(keep));
    message.extends.iter_mut().for_each(|extend| retain_extend(extend, keep));
    message.messages.iter_mut().for_each(|nested| retain_message(nested, keep));
    message.enums.iter_mut().for_each(|nested| retain_enum(nested, keep));
}

fn retain_enum(declared: &mut Enum, keep: &dyn Fn(&Opt) -> bool) {
    declared.options.retain(keep);
    declared.constants.iter_mut().for_each(|constant| constant.options.retain(keep));
}

fn retain_extend(extend: &mut Extend, keep: &dyn Fn(&Opt) -> bool) {
    retain_fields(&mut extend.fields, keep);
}

fn retain_fields(fields: &mut [Field], keep: &dyn Fn(&Opt) -> bool) {
    fields.iter_mut().for_each(|field| field.options.retain(keep));
}

/// The options message `google.protobuf.<name>` with the options that are known; none if there are none.
pub(super) fn encode(name: &str, options: &[Opt]) -> Option<Writer> {
    if options.is_empty() {
        return None;
    }
    let pool = descriptors::bundled_pool();
    let message = pool.get_message_by_name(&format!("google.protobuf.{name}"))?;
    let mut parts = Vec::new();
    for option in options {
        let target = if option.parenthesized {
            let name = option.name.strip_prefix('.').unwrap_or(&option.name);
            pool.get_extension_by_name(name)
                .filter(|found| found.containing_message() == message)
                .map(Target::Extension)
        } else {
            message.get_field_by_name(&option.name).map(Target::Field)
        };
        let Some(target) = target else { continue };
        let value =
            option.path.iter().rev().fold(option.value.clone(), |value, part| Value::Map(vec![(part.clone(), value)]));
        let mut writer = Writer::default();
        target.write(&mut writer, &value);
        if !writer.bytes.is_empty() {
            parts.push((target.number(), writer));
        }
    }
    if parts.is_empty() {
        return None;
    }
    // Option messages are written in the order of their field numbers.
    parts.sort_by_key(|(number, _)| *number);
    let mut all = Writer::default();
    parts.iter().for_each(|(_, part)| all.bytes.extend(&part.bytes));
    Some(all)
}

enum Target {
    Field(FieldDescriptor),
    Extension(prost_reflect::ExtensionDescriptor),
}

impl Target {
    fn number(&self) -> u32 {
        match self {
            Self::Field(field) => field.number(),
            Self::Extension(extension) => extension.number(),
        }
    }

    fn write(&self, writer: &mut Writer, value: &Value) {
        let (kind, number) = match self {
            Self::Field(field) => (field.kind(), field.number()),
            Self::Extension(extension) => (extension.kind(), extension.number()),
        };
        write_all(writer, number, &kind, value);
    }
}

/// A list writes each of its elements.
fn write_all(writer: &mut Writer, number: u32, kind: &Kind, value: &Value) {
    match value {
        Value::List(values) => values.iter().for_each(|value| write(writer, number, kind, value)),
        Value::Text(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) => write(writer, number, kind, value),
    }
}

/// Writes one value; a value that does not fit its kind is left out. Recursion is bounded by the parser's depth.
fn write(writer: &mut Writer, number: u32, kind: &Kind, value: &Value) {
    if let (Kind::Message(message), Value::Map(entries)) = (kind, value) {
        return writer.message(number, &write_message(message, entries));
    }
    let Some(text) = value.scalar() else { return };
    let integer = || parse_integer(text);
    match kind {
        Kind::Bool => writer.bool(number, text == "true"),
        Kind::String | Kind::Bytes => writer.text(number, text),
        Kind::Enum(declared) => {
            if let Some(constant) = declared.get_value_by_name(text) {
                writer.int32(number, constant.number());
            }
        }
        Kind::Float => {
            if let Ok(value) = text.parse::<f32>() {
                writer.fixed32(number, value.to_le_bytes());
            }
        }
        Kind::Double => {
            if let Ok(value) = text.parse::<f64>() {
                writer.fixed64(number, value.to_le_bytes());
            }
        }
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 => {
            if let Some(value) = integer() {
                writer.number(number, value.cast_unsigned());
            }
        }
        Kind::Sint32 | Kind::Sint64 => {
            if let Some(value) = integer() {
                writer.number(number, ((value << 1) ^ (value >> 63)).cast_unsigned());
            }
        }
        Kind::Fixed32 | Kind::Sfixed32 => {
            if let Some(value) = integer() {
                let [a, b, c, d, ..] = value.to_le_bytes();
                writer.fixed32(number, [a, b, c, d]);
            }
        }
        Kind::Fixed64 | Kind::Sfixed64 => {
            if let Some(value) = integer() {
                writer.fixed64(number, value.to_le_bytes());
            }
        }
        Kind::Message(_) => {}
    }
}

fn write_message(message: &MessageDescriptor, entries: &[(String, Value)]) -> Writer {
    let mut writer = Writer::default();
    let mut fields: Vec<_> =
        entries.iter().filter_map(|(key, value)| Some((message.get_field_by_name(key)?, value))).collect();
    fields.sort_by_key(|(field, _)| field.number());
    for (field, value) in fields {
        write_all(&mut writer, field.number(), &field.kind(), value);
    }
    writer
}

fn parse_integer(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => digits.parse::<i128>().ok()?,
    };
    let value = sign * value;
    i64::try_from(value).ok().or_else(|| u64::try_from(value).ok().map(u64::cast_signed))
}

/// The options in an options message of a descriptor, in the order of their field numbers.
pub(super) fn decode(message: &DynamicMessage) -> Vec<Opt> {
    let mut found = Vec::new();
    for (field, value) in message.fields() {
        let option = |value| Opt::plain(field.name(), value);
        match (field.name(), value) {
            ("uninterpreted_option", value) => {
                let uninterpreted = value.as_list().unwrap_or_default();
                found.extend(uninterpreted.iter().filter_map(|value| uninterpret(value.as_message()?)));
            }
            (_, prost_reflect::Value::List(values)) => {
                found.extend(values.iter().map(|value| option(to_value(value, &field.kind()))));
            }
            (_, value) => found.push(option(to_value(value, &field.kind()))),
        }
    }
    for (extension, value) in message.extensions() {
        let option =
            |value| Opt { name: extension.full_name().to_owned(), parenthesized: true, path: Vec::new(), value };
        let values = match value.as_list().filter(|_| extension.cardinality() == Cardinality::Repeated) {
            Some(values) => values,
            None => std::slice::from_ref(value),
        };
        found.extend(values.iter().map(|value| option(to_value(value, &extension.kind()))));
    }
    found
}

/// Recursion is bounded by the limit of the wire decoder.
fn to_value(value: &prost_reflect::Value, kind: &Kind) -> Value {
    use prost_reflect::Value as Reflect;
    match value {
        Reflect::Bool(value) => Value::Word(value.to_string()),
        Reflect::I32(value) => Value::Number(value.to_string()),
        Reflect::I64(value) => Value::Number(value.to_string()),
        Reflect::U32(value) => Value::Number(value.to_string()),
        Reflect::U64(value) => Value::Number(value.to_string()),
        Reflect::F32(value) => Value::Number(value.to_string()),
        Reflect::F64(value) => Value::Number(value.to_string()),
        Reflect::String(text) => Value::Text(text.clone()),
        Reflect::Bytes(bytes) => Value::Text(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Reflect::EnumNumber(number) => {
            let constant = kind.as_enum().and_then(|declared| declared.get_value(*number));
            constant
                .map_or_else(|| Value::Number(number.to_string()), |constant| Value::Word(constant.name().to_owned()))
        }
        Reflect::Message(message) => {
            let fields =
                message.fields().map(|(field, value)| (field.name().to_owned(), to_value(value, &field.kind())));
            let extensions = message
                .extensions()
                .map(|(field, value)| (format!("[{}]", field.full_name()), to_value(value, &field.kind())));
            Value::Map(fields.chain(extensions).collect())
        }
        Reflect::List(values) => Value::List(values.iter().map(|value| to_value(value, kind)).collect()),
        Reflect::Map(map) => {
            let Kind::Message(entry) = kind else { return Value::List(Vec::new()) };
            // The map of the library has hash order; ours is by key.
            let mut entries: Vec<(&MapKey, &Reflect)> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            let entries = entries.into_iter().map(|(key, value)| {
                let key = to_value(&Reflect::from(key.clone()), &entry.map_entry_key_field().kind());
                let value = to_value(value, &entry.map_entry_value_field().kind());
                Value::Map(vec![("key".to_owned(), key), ("value".to_owned(), value)])
            });
            Value::List(entries.collect())
        }
    }
}

/// An `UninterpretedOption`, as parsers leave it in descriptors that were not linked.
fn uninterpret(message: &DynamicMessage) -> Option<Opt> {
    let parts = message.get_field_by_name("name")?;
    let mut names = parts.as_list()?.iter().filter_map(|part| {
        let part = part.as_message()?;
        let name = part.get_field_by_name("name_part")?.as_str()?.to_owned();
        Some((name, part.get_field_by_name("is_extension")?.as_bool()?))
    });
    let (name, parenthesized) = names.next()?;
    let path = names.map(|(name, extension)| if extension { format!("({name})") } else { name }).collect();
    let text = |field: &str| {
        if message.has_field_by_name(field) {
            message.get_field_by_name(field)?.as_str().map(str::to_owned)
        } else {
            None
        }
    };
    let number = |field: &str| {
        if !message.has_field_by_name(field) {
            return None;
        }
        Some(to_value(message.get_field_by_name(field)?.as_ref(), &Kind::Uint64))
    };
    let value = text("identifier_value")
        .map(Value::Word)
        .or_else(|| number("positive_int_value"))
        .or_else(|| number("negative_int_value"))
        .or_else(|| number("double_value"))
        .or_else(|| number("string_value"))
        .or_else(|| {
            // The aggregate is text in the grammar that our own parser reads.
            let aggregate = text("aggregate_value")?;
            let file = super::parser::parse(&format!("option a = {{{aggregate}}};")).ok()?;
            Some(file.options.first()?.value.clone())
        })?;
    Some(Opt { name, parenthesized, path, value })
}
