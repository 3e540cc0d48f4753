//! Options between the syntax tree and the option messages of descriptors, and their removal from a tree.
//!
//! Going to a descriptor, only what the given pool defines is written (for `format=serialized` descriptor.proto and
//! Confluent's own extensions, as Confluent does); the rest is left out. Coming from one, everything is kept whose extension is known.

use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MapKey, MessageDescriptor,
};

use super::ast::{Enum, Extend, Field, File, Group, Message, Opt, Value, integer};
use super::defaults::float;
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
    retain_groups(&mut message.groups, keep);
    for oneof in &mut message.oneofs {
        oneof.options.retain(keep);
        retain_fields(&mut oneof.fields, keep);
        retain_groups(&mut oneof.groups, keep);
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
    retain_groups(&mut extend.groups, keep);
}

fn retain_groups(groups: &mut [Group], keep: &dyn Fn(&Opt) -> bool) {
    for group in groups {
        group.options.retain(keep);
        retain_message(&mut group.body, keep);
    }
}

fn retain_fields(fields: &mut [Field], keep: &dyn Fn(&Opt) -> bool) {
    fields.iter_mut().for_each(|field| field.options.retain(keep));
}

/// The options message `google.protobuf.<name>` with the options that are known; none if there are none. Names of
/// extensions are looked up in `pool` from `scope` outwards.
pub(super) fn encode(pool: &DescriptorPool, name: &str, scope: &str, options: &[Opt]) -> Option<Writer> {
    if options.is_empty() {
        return None;
    }
    let message = pool.get_message_by_name(&format!("google.protobuf.{name}"))?;
    let names = Names { pool, scope };
    let mut parts = Vec::new();
    for option in options {
        let (target, path) = if option.parenthesized {
            (names.extension(&message, &option.name).map(Target::Extension), option.path.clone())
        } else {
            // `features.field_presence` is one name to the parser.
            let mut parts = option.name.split('.').map(str::to_owned);
            let first = parts.next().unwrap_or_default();
            (message.get_field_by_name(&first).map(Target::Field), parts.chain(option.path.iter().cloned()).collect())
        };
        let Some(target) = target else { continue };
        let value = path.iter().rev().fold(option.value.clone(), |value, part| Value::Map(vec![(key(part), value)]));
        let mut writer = Writer::default();
        names.write_all(&mut writer, target.number(), &target.kind(), &value);
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

/// Options of extension ranges that descriptor.proto gives `RETENTION_SOURCE`: compilers do not hand them on.
pub(super) const SOURCE_ONLY_RANGE_OPTIONS: [&str; 2] = ["declaration", "verification"];
/// The features of which the same is true.
pub(super) const SOURCE_ONLY_FEATURES: [&str; 3] =
    ["enforce_naming_style", "default_symbol_visibility", "enforce_proto_limits"];

/// The same for an option about features.
fn handed_on_value(option: &Opt) -> Option<Opt> {
    let name = option.name.strip_prefix("features.").or_else(|| option.path.first().map(String::as_str));
    if name.is_some_and(|name| SOURCE_ONLY_FEATURES.contains(&name)) {
        return None;
    }
    let mut kept = option.clone();
    if let Value::Map(entries) = &mut kept.value {
        entries.retain(|(name, _)| !SOURCE_ONLY_FEATURES.contains(&name.as_str()));
        if entries.is_empty() {
            return None;
        }
    }
    Some(kept)
}

/// The option of a message `google.protobuf.<message>` as compilers hand it on; none if they keep it to themselves.
pub(super) fn handed_on(message: &str, option: &Opt) -> Option<Opt> {
    if option.is_features() {
        return handed_on_value(option);
    }
    let source_only = message == "ExtensionRangeOptions"
        && !option.parenthesized
        && SOURCE_ONLY_RANGE_OPTIONS.contains(&option.name.as_str());
    (!source_only).then(|| option.clone())
}

/// A part of an option's path as the key of an aggregate: extensions stand in brackets there.
pub(super) fn key(part: &str) -> String {
    match part.strip_prefix('(').and_then(|part| part.strip_suffix(')')) {
        Some(name) => format!("[{name}]"),
        None => part.to_owned(),
    }
}

enum Target {
    Field(FieldDescriptor),
    Extension(ExtensionDescriptor),
}

impl Target {
    fn number(&self) -> u32 {
        match self {
            Self::Field(field) => field.number(),
            Self::Extension(extension) => extension.number(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Field(field) => field.kind(),
            Self::Extension(extension) => extension.kind(),
        }
    }

    fn is_group(&self) -> bool {
        match self {
            Self::Field(field) => field.is_group(),
            Self::Extension(extension) => extension.is_group(),
        }
    }
}

/// The definitions that the names in options mean.
struct Names<'a> {
    pool: &'a DescriptorPool,
    scope: &'a str,
}

impl Names<'_> {
    fn extension(&self, message: &MessageDescriptor, name: &str) -> Option<ExtensionDescriptor> {
        let of =
            |name: &str| self.pool.get_extension_by_name(name).filter(|found| found.containing_message() == *message);
        if let Some(full_name) = name.strip_prefix('.') {
            return of(full_name);
        }
        let mut scope = self.scope;
        while !scope.is_empty() {
            if let Some(found) = of(&format!("{scope}.{name}")) {
                return Some(found);
            }
            scope = scope.rfind('.').map_or("", |end| &scope[..end]);
        }
        of(name)
    }

    /// A list writes each of its elements.
    fn write_all(&self, writer: &mut Writer, number: u32, kind: &Kind, value: &Value) {
        match value {
            Value::List(values) => values.iter().for_each(|value| self.write(writer, number, kind, value)),
            Value::Text(_) | Value::Bytes(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) => {
                self.write(writer, number, kind, value);
            }
        }
    }

    /// Writes one value; a value that does not fit its kind is left out. Recursion is bounded by the parser's depth.
    fn write(&self, writer: &mut Writer, number: u32, kind: &Kind, value: &Value) {
        match (kind, value) {
            (Kind::Message(message), Value::Map(entries)) => {
                return writer.message(number, &self.write_message(message, entries));
            }
            (Kind::String | Kind::Bytes, Value::Bytes(bytes)) => return writer.write_delimited(number, bytes),
            _ => {}
        }
        let Some(text) = value.scalar() else { return };
        let integer = || {
            let value = integer(text)?;
            i64::try_from(value).ok().or_else(|| u64::try_from(value).ok().map(u64::cast_signed))
        };
        match kind {
            Kind::Bool => writer.write_bool(number, matches!(text, "true" | "True" | "t" | "1")),
            Kind::String | Kind::Bytes => writer.write_text(number, text),
            Kind::Enum(declared) => {
                let constant = declared.get_value_by_name(text).map(|constant| constant.number());
                let constant = constant.or_else(|| i32::try_from(integer()?).ok());
                if let Some(constant) = constant {
                    writer.write_int32(number, constant);
                }
            }
            Kind::Float => {
                if let Some(value) = float(text) {
                    #[expect(clippy::cast_possible_truncation, reason = "the option is a float")]
                    writer.write_fixed32(number, (value as f32).to_le_bytes());
                }
            }
            Kind::Double => {
                if let Some(value) = float(text) {
                    writer.write_fixed64(number, value.to_le_bytes());
                }
            }
            Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 => {
                if let Some(value) = integer() {
                    writer.write_number(number, value.cast_unsigned());
                }
            }
            Kind::Sint32 | Kind::Sint64 => {
                if let Some(value) = integer() {
                    writer.write_number(number, ((value << 1) ^ (value >> 63)).cast_unsigned());
                }
            }
            Kind::Fixed32 | Kind::Sfixed32 => {
                if let Some(value) = integer() {
                    let [a, b, c, d, ..] = value.to_le_bytes();
                    writer.write_fixed32(number, [a, b, c, d]);
                }
            }
            Kind::Fixed64 | Kind::Sfixed64 => {
                if let Some(value) = integer() {
                    writer.write_fixed64(number, value.to_le_bytes());
                }
            }
            Kind::Message(_) => {}
        }
    }

    fn write_message(&self, message: &MessageDescriptor, entries: &[(String, Value)]) -> Writer {
        let mut writer = Writer::default();
        let mut fields: Vec<(Target, &Value)> = Vec::new();
        for (key, value) in entries {
            let bracketed = key.strip_prefix('[').and_then(|key| key.strip_suffix(']'));
            let target = match bracketed {
                Some(url) if url.contains('/') && message.full_name() == "google.protobuf.Any" => {
                    writer.bytes.extend(self.any(url, value).unwrap_or_default().bytes);
                    continue;
                }
                Some(name) => self.extension(message, name).map(Target::Extension),
                None => field_of(message, key).map(Target::Field),
            };
            fields.extend(target.map(|target| (target, value)));
        }
        fields.sort_by_key(|(target, _)| target.number());
        for (target, value) in fields {
            match (target.kind(), target.is_group(), value) {
                (Kind::Message(inner), true, Value::Map(entries)) => {
                    writer.write_group(target.number(), &self.write_message(&inner, entries));
                }
                (kind, _, value) => self.write_all(&mut writer, target.number(), &kind, value),
            }
        }
        writer
    }

    /// An Any written as the message in it.
    fn any(&self, url: &str, value: &Value) -> Option<Writer> {
        let Value::Map(entries) = value else { return None };
        let message = self.pool.get_message_by_name(url.rsplit('/').next()?)?;
        let mut writer = Writer::default();
        writer.write_text(1, url);
        writer.message(2, &self.write_message(&message, entries));
        Some(writer)
    }
}

/// The field of this name; text format calls groups by the names of their types.
fn field_of(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_name(name).or_else(|| {
        let field = message.get_field_by_name(&name.to_lowercase()).filter(FieldDescriptor::is_group)?;
        field.kind().as_message().is_some_and(|inner| inner.name() == name).then_some(field)
    })
}

/// The name of a field in text format.
fn text_name(field: &FieldDescriptor) -> String {
    match field.kind() {
        Kind::Message(inner) if field.is_group() && inner.name().to_lowercase() == field.name() => {
            inner.name().to_owned()
        }
        _ => field.name().to_owned(),
    }
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
        Reflect::F32(value) if value.is_nan() => Value::Word("nan".to_owned()),
        Reflect::F64(value) if value.is_nan() => Value::Word("nan".to_owned()),
        Reflect::F32(value) if *value == f32::INFINITY => Value::Word("inf".to_owned()),
        Reflect::F64(value) if *value == f64::INFINITY => Value::Word("inf".to_owned()),
        Reflect::F32(value) => Value::Number(value.to_string()),
        Reflect::F64(value) => Value::Number(value.to_string()),
        Reflect::String(text) => Value::Text(text.clone()),
        Reflect::Bytes(bytes) => Value::quoted(bytes.to_vec()),
        Reflect::EnumNumber(number) => {
            let constant = kind.as_enum().and_then(|declared| declared.get_value(*number));
            constant
                .map_or_else(|| Value::Number(number.to_string()), |constant| Value::Word(constant.name().to_owned()))
        }
        Reflect::Message(message) => {
            let fields = message.fields().map(|(field, value)| (text_name(&field), to_value(value, &field.kind())));
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
    let string = || {
        if !message.has_field_by_name("string_value") {
            return None;
        }
        Some(Value::quoted(message.get_field_by_name("string_value")?.as_bytes()?.to_vec()))
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
        .or_else(string)
        .or_else(|| {
            // The aggregate is text in the grammar that our own parser reads.
            let aggregate = text("aggregate_value")?;
            let file = super::parser::parse(&format!("option a = {{{aggregate}}};")).ok()?;
            Some(file.options.first()?.value.clone())
        })?;
    Some(Opt { name, parenthesized, path, value })
}
