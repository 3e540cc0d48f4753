//! Checks data against a schema: a message in binary form, or its Protobuf JSON.
//!
//! The JSON check walks the document along the descriptors and reports every error with its path; a library's decoder
//! would stop at the first and name no place. Data is only looked at, never kept. A schema that makes no descriptor
//! (types of files that are not there) cannot check data and says so.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    ReflectMessage, Syntax,
};

use super::json_text::{self, Json};
use super::{ProtobufSchema, ast, descriptors, features, units, well_known};
use crate::SchemaError;
use crate::validate::DataError;

/// Most errors that one check reports; more help nobody.
pub const DATA_ERRORS_MAX: usize = 100;
/// Most bytes of paths in one report: a path is as long as the keys of the document make it.
const PATH_BYTES_MAX: usize = 64 * 1024;

/// Which message of a schema data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageSelector<'a> {
    /// The message indexes of the wire format: the position among the top-level messages, then among nested ones.
    Indexes(&'a [u32]),
    /// The full name.
    Name(&'a str),
    /// The first message of the file.
    First,
}

impl ProtobufSchema {
    /// The full name of the message at these indexes.
    pub fn message_name(&self, indexes: &[u32]) -> Option<String> {
        let file = &self.files.own().file;
        let mut name = file.package.clone().unwrap_or_default();
        let mut messages = &file.messages;
        for index in indexes {
            let message = messages.get(usize::try_from(*index).ok()?)?;
            name = units::joined(&name, &message.name);
            messages = &message.messages;
        }
        (!indexes.is_empty()).then_some(name)
    }

    /// The message indexes of the message of the schema's own file with this full name.
    pub fn message_indexes(&self, full_name: &str) -> Option<Vec<u32>> {
        let file = &self.files.own().file;
        let mut rest = match &file.package {
            Some(package) => full_name.strip_prefix(package.as_str())?.strip_prefix('.')?,
            None => full_name,
        };
        let mut messages = &file.messages;
        let mut indexes = Vec::new();
        loop {
            let starts = |message: &ast::Message| {
                rest.strip_prefix(message.name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let position = messages.iter().position(starts)?;
            indexes.push(u32::try_from(position).ok()?);
            let message = &messages[position];
            rest = &rest[message.name.len()..];
            match rest.strip_prefix('.') {
                Some(inner) => rest = inner,
                None => return Some(indexes),
            }
            messages = &message.messages;
        }
    }
}

/// A schema made ready to check data.
#[derive(Debug)]
pub struct Validator {
    pool: DescriptorPool,
    open_enums: Arc<BTreeSet<String>>,
}

impl Validator {
    /// Builds the descriptors of a schema.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] if the schema makes no descriptor: Confluent's registry accepts such schemas, but no
    /// serializer can use them.
    pub fn new(schema: &ProtobufSchema) -> Result<Self, SchemaError> {
        let (pool, _) = descriptors::pool(&schema.files)?;
        Ok(Self { pool, open_enums: Arc::new(features::open_enums(&schema.files)) })
    }

    /// The message that a selector means.
    ///
    /// # Errors
    /// [`SchemaError::Invalid`] if the schema has no such message.
    pub fn message(&self, schema: &ProtobufSchema, selector: MessageSelector<'_>) -> Result<Message, SchemaError> {
        let name = match selector {
            MessageSelector::Indexes(indexes) => schema.message_name(indexes),
            MessageSelector::Name(name) => Some(name.to_owned()),
            MessageSelector::First => schema.name(),
        };
        let found = name.as_deref().and_then(|name| self.pool.get_message_by_name(name));
        let descriptor = found.ok_or_else(|| match &name {
            Some(name) => SchemaError::invalid(format!("the schema has no message {name}")),
            None => SchemaError::invalid("the schema has no message at these indexes"),
        })?;
        Ok(Message { descriptor, open_enums: Arc::clone(&self.open_enums) })
    }
}

/// One message type, ready to check data.
#[derive(Debug, Clone)]
pub struct Message {
    descriptor: MessageDescriptor,
    /// Enums of edition files that are open; pools know them as closed ones.
    open_enums: Arc<BTreeSet<String>>,
}

impl Message {
    /// The descriptor, for reading and making messages without generated code.
    pub fn descriptor(&self) -> &MessageDescriptor {
        &self.descriptor
    }

    /// What is wrong with a message in binary form. Unknown fields are fine, as everywhere in Protobuf.
    pub fn validate_binary(&self, data: &[u8]) -> Vec<DataError> {
        let message = match DynamicMessage::decode(self.descriptor.clone(), data) {
            Ok(message) => message,
            Err(error) => return vec![DataError { path: String::new(), message: error.to_string() }],
        };
        let mut errors = Errors { open_enums: Arc::clone(&self.open_enums), ..Errors::default() };
        missing_in_binary(&message, &mut errors);
        errors.found
    }

    /// What is wrong with the Protobuf JSON of a message.
    pub fn validate_json(&self, text: &str) -> Vec<DataError> {
        let mut errors = Errors { open_enums: Arc::clone(&self.open_enums), ..Errors::default() };
        match json_text::parse(text) {
            Ok(Json::Null) => errors.add("the document is null".to_owned()),
            Ok(document) => errors.check_message(&self.descriptor, &document),
            Err(message) => errors.add(message),
        }
        errors.found
    }
}

/// Required fields of proto2 that are not there. Depth is bounded by the decoder.
fn missing_in_binary(message: &DynamicMessage, errors: &mut Errors) {
    use prost_reflect::Value;
    for field in errors.required(&message.descriptor()).iter().filter(|field| !message.has_field(field)) {
        errors.at(field.name(), |errors| errors.add("the required field is missing".to_owned()));
    }
    let inner = |value: &Value, errors: &mut Errors| {
        if let Some(message) = value.as_message() {
            missing_in_binary(message, errors);
        }
    };
    for (field, value) in message.fields() {
        errors.at(field.name(), |errors| {
            if let Some(values) = value.as_list() {
                for (position, value) in values.iter().enumerate() {
                    errors.at(&position.to_string(), |errors| inner(value, errors));
                }
            } else if let Some(entries) = value.as_map() {
                // Sorted, since the library's map has hash order.
                let entries: BTreeMap<_, _> = entries.iter().collect();
                for (key, value) in entries {
                    let key = Value::from(key.clone()).to_string();
                    errors.at(key.trim_matches('"'), |errors| inner(value, errors));
                }
            } else {
                inner(value, errors);
            }
        });
    }
}

/// Collects errors while walking down a document.
#[derive(Default)]
struct Errors {
    found: Vec<DataError>,
    path: String,
    /// Bytes of all paths that were reported.
    path_bytes: usize,
    required: BTreeMap<String, Rc<[FieldDescriptor]>>,
    open_enums: Arc<BTreeSet<String>>,
}

impl Errors {
    fn add(&mut self, message: String) {
        self.path_bytes += self.path.len();
        // The first is always reported, whatever its path.
        if self.found.is_empty() || (self.found.len() < DATA_ERRORS_MAX && self.path_bytes < PATH_BYTES_MAX) {
            self.found.push(DataError { path: self.path.clone(), message });
        }
    }

    /// Does something one step further down; the step is escaped as JSON pointers want it.
    fn at(&mut self, step: &str, act: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push('/');
        self.path.push_str(&step.replace('~', "~0").replace('/', "~1"));
        act(self);
        self.path.truncate(length);
    }

    fn expected(&mut self, what: &str, found: &Json<'_>) {
        self.add(format!("{what} expected, found {}", found.kind()));
    }

    fn check_message(&mut self, descriptor: &MessageDescriptor, value: &Json<'_>) {
        match descriptor.full_name() {
            "google.protobuf.Timestamp" => self.check_text(value, "a timestamp (RFC 3339)", well_known::is_timestamp),
            "google.protobuf.Duration" => self.check_text(value, "a duration", well_known::is_duration),
            "google.protobuf.FieldMask" => self.check_text(value, "a field mask", well_known::is_field_mask),
            "google.protobuf.Struct" => match value {
                Json::Object(members) => self.dynamic_members(members),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                    self.expected("an object", value);
                }
            },
            "google.protobuf.ListValue" => match value {
                Json::Array(_) => self.dynamic(value),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => {
                    self.expected("an array", value);
                }
            },
            "google.protobuf.Value" => self.dynamic(value),
            "google.protobuf.Any" => self.check_any(descriptor, value),
            name if is_wrapper(name) => match descriptor.get_field_by_name("value") {
                Some(field) => self.check_scalar(&field.kind(), value),
                None => self.plain_message(descriptor, value, false),
            },
            _ => self.plain_message(descriptor, value, false),
        }
    }

    fn check_text(&mut self, value: &Json<'_>, what: &str, is: fn(&str) -> bool) {
        match value {
            Json::Text(text) if is(text) => {}
            Json::Text(_) => self.add(format!("the string is not {what}")),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                self.expected(what, value);
            }
        }
    }

    /// Any JSON value; only numbers beyond a double are wrong.
    fn dynamic(&mut self, value: &Json<'_>) {
        match value {
            Json::Number(number) if well_known::float_text(number).is_none() => {
                self.add("the number is out of range".to_owned());
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => {}
            Json::Array(values) => values.iter().enumerate().for_each(|(position, value)| {
                self.at(&position.to_string(), |errors| errors.dynamic(value));
            }),
            Json::Object(members) => self.dynamic_members(members),
        }
    }

    fn dynamic_members(&mut self, members: &[(std::borrow::Cow<'_, str>, Json<'_>)]) {
        let mut seen = BTreeSet::new();
        for (key, value) in members {
            self.at(key, |errors| {
                if !seen.insert(key) {
                    errors.add("the key is repeated".to_owned());
                }
                errors.dynamic(value);
            });
        }
    }

    fn check_any(&mut self, descriptor: &MessageDescriptor, value: &Json<'_>) {
        let Json::Object(members) = value else { return self.expected("an object", value) };
        if members.is_empty() {
            return;
        }
        let mut types = members.iter().filter(|(key, _)| key == "@type").map(|(_, value)| value);
        let url = match (types.next(), types.next()) {
            (Some(Json::Text(url)), None) => url,
            (Some(_), Some(_)) => return self.at("@type", |errors| errors.add("the key is repeated".to_owned())),
            (Some(other), None) => return self.at("@type", |errors| errors.expected("a string", other)),
            (None, _) => return self.add("@type is missing".to_owned()),
        };
        let name = url.rsplit_once('/').map(|(_, name)| name).filter(|name| !name.is_empty());
        let found = name.and_then(|name| descriptor.parent_pool().get_message_by_name(name));
        let Some(found) = found else {
            return self.at("@type", |errors| errors.add(format!("the type {url:?} is not known")));
        };
        if !has_own_json(found.full_name()) {
            return self.plain_message(&found, value, true);
        }
        for (key, value) in members {
            match key.as_ref() {
                "@type" => {}
                "value" => self.at("value", |errors| errors.check_message(&found, value)),
                other => self.at(other, |errors| errors.add("the field is not known".to_owned())),
            }
        }
    }

    /// An object whose keys are fields, by JSON name or by declared name.
    fn plain_message(&mut self, descriptor: &MessageDescriptor, value: &Json<'_>, in_any: bool) {
        let Json::Object(members) = value else { return self.expected("an object", value) };
        let mut seen = BTreeSet::new();
        let mut oneofs: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in members.iter().filter(|(key, _)| !(in_any && key == "@type")) {
            let by_name = || descriptor.get_field_by_json_name(key).or_else(|| descriptor.get_field_by_name(key));
            let extension = || {
                let name = key.strip_prefix('[')?.strip_suffix(']')?;
                let found = descriptor.parent_pool().get_extension_by_name(name)?;
                (found.containing_message() == *descriptor).then_some(found)
            };
            self.at(key, |errors| match (by_name(), value) {
                (Some(field), value) => {
                    if !seen.insert(field.number()) {
                        errors.add("the field is repeated".to_owned());
                    }
                    let is_set = *value != Json::Null || takes_null(&field.kind());
                    if let (Some(oneof), true) = (field.containing_oneof(), is_set) {
                        let other = oneofs.insert(oneof.name().to_owned(), field.name().to_owned());
                        if let Some(other) = other.filter(|other| other != field.name()) {
                            errors.add(format!("{other} of the oneof {} is set already", oneof.name()));
                        }
                    }
                    errors.check_field(&field, value);
                }
                (None, value) => match extension() {
                    Some(extension) if extension.is_list() => errors.check_list(&extension.kind(), value),
                    Some(extension) => errors.check_single(&extension.kind(), value),
                    None => errors.add("the field is not known".to_owned()),
                },
            });
        }
        for field in self.required(descriptor).iter().filter(|field| !seen.contains(&field.number())) {
            self.at(field.json_name(), |errors| errors.add("the required field is missing".to_owned()));
        }
    }

    /// The required fields of a message; looked up once per type, since data may hold a type very often.
    fn required(&mut self, descriptor: &MessageDescriptor) -> Rc<[FieldDescriptor]> {
        if descriptor.parent_file().syntax() != Syntax::Proto2 {
            return Rc::new([]);
        }
        let of = || descriptor.fields().filter(|field| field.cardinality() == Cardinality::Required).collect();
        Rc::clone(self.required.entry(descriptor.full_name().to_owned()).or_insert_with(of))
    }

    fn check_field(&mut self, field: &FieldDescriptor, value: &Json<'_>) {
        let kind = field.kind();
        if *value == Json::Null && (field.is_list() || field.is_map() || !takes_null(&kind)) {
            return;
        }
        if field.is_map() {
            self.check_map(&kind, value);
        } else if field.is_list() {
            self.check_list(&kind, value);
        } else {
            self.check_single(&kind, value);
        }
    }

    fn check_list(&mut self, kind: &Kind, value: &Json<'_>) {
        match value {
            Json::Null => {}
            Json::Array(values) => values.iter().enumerate().for_each(|(position, value)| {
                self.at(&position.to_string(), |errors| errors.check_element(kind, value));
            }),
            Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Object(_) => self.expected("an array", value),
        }
    }

    fn check_map(&mut self, kind: &Kind, value: &Json<'_>) {
        let Json::Object(members) = value else { return self.expected("an object", value) };
        let Kind::Message(entry) = kind else { return };
        let (key_kind, value_kind) = (entry.map_entry_key_field().kind(), entry.map_entry_value_field().kind());
        let mut seen = BTreeSet::new();
        for (key, value) in members {
            self.at(key, |errors| {
                if !seen.insert(key) {
                    errors.add("the key is repeated".to_owned());
                }
                if key_kind != Kind::Bool {
                    errors.check_scalar(&key_kind, &Json::Text(key.clone()));
                } else if !matches!(key.as_ref(), "true" | "false") {
                    errors.add("a map key true or false expected".to_owned());
                }
                errors.check_element(&value_kind, value);
            });
        }
    }

    /// An element of a list or a map, which must not be null.
    fn check_element(&mut self, kind: &Kind, value: &Json<'_>) {
        if *value == Json::Null && !takes_null(kind) {
            return self.add("null is not allowed in a list or map".to_owned());
        }
        self.check_single(kind, value);
    }

    fn check_single(&mut self, kind: &Kind, value: &Json<'_>) {
        if let Some(descriptor) = kind.as_message() {
            self.check_message(descriptor, value);
        } else if let Some(descriptor) = kind.as_enum() {
            self.check_enumeration(descriptor, value);
        } else {
            self.check_scalar(kind, value);
        }
    }

    fn check_enumeration(&mut self, descriptor: &EnumDescriptor, value: &Json<'_>) {
        let number = match value {
            Json::Null if descriptor.full_name() == "google.protobuf.NullValue" => return,
            Json::Text(name) if descriptor.get_value_by_name(name).is_some() => return,
            Json::Text(text) => well_known::integer_text(text),
            Json::Number(text) => well_known::integer_text(text),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
                return self.expected("a constant's name or number", value);
            }
        };
        match number.and_then(|number| i32::try_from(number).ok()) {
            None => self.add(format!("not a constant of {}", descriptor.full_name())),
            // Enums of proto2 are closed, and those of editions that say so.
            Some(number)
                if descriptor.parent_file().syntax() == Syntax::Proto2
                    && descriptor.get_value(number).is_none()
                    && !self.open_enums.contains(descriptor.full_name()) =>
            {
                self.add(format!("{number} is not a constant of {}", descriptor.full_name()));
            }
            Some(_) => {}
        }
    }

    fn check_scalar(&mut self, kind: &Kind, value: &Json<'_>) {
        match kind {
            Kind::Double => self.check_float(value, f64::MAX),
            Kind::Float => self.check_float(value, f64::from(f32::MAX)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => self.check_integer(value, i32::MIN.into(), i32::MAX.into()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => self.check_integer(value, i64::MIN.into(), i64::MAX.into()),
            Kind::Uint32 | Kind::Fixed32 => self.check_integer(value, 0, u32::MAX.into()),
            Kind::Uint64 | Kind::Fixed64 => self.check_integer(value, 0, u64::MAX.into()),
            Kind::Bool => {
                if !matches!(value, Json::Bool(_)) {
                    self.expected("a boolean", value);
                }
            }
            Kind::String => {
                if !matches!(value, Json::Text(_)) {
                    self.expected("a string", value);
                }
            }
            Kind::Bytes => self.check_text(value, "base64", well_known::is_base64),
            Kind::Message(_) | Kind::Enum(_) => self.check_single(kind, value),
        }
    }

    fn check_integer(&mut self, value: &Json<'_>, low: i128, high: i128) {
        let number = match value {
            Json::Number(text) => well_known::integer_text(text),
            Json::Text(text) => well_known::integer_text(text),
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
                return self.expected("an integer", value);
            }
        };
        match number {
            None => self.add("not an integer, or out of range".to_owned()),
            Some(number) if !(low..=high).contains(&number) => {
                self.add(format!("the integer is outside {low} to {high}"));
            }
            Some(_) => {}
        }
    }

    fn check_float(&mut self, value: &Json<'_>, max: f64) {
        let number = match value {
            Json::Number(text) => well_known::float_text(text),
            Json::Text(text) => match text.as_ref() {
                "NaN" | "Infinity" | "-Infinity" => return,
                text => well_known::float_text(text),
            },
            Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => {
                return self.expected("a number", value);
            }
        };
        // Numbers that round to the largest float are in range.
        if number.is_none_or(|number| number.abs() > max * (1.0 + f64::from(f32::EPSILON) / 4.0)) {
            self.add("not a number, or out of range".to_owned());
        }
    }
}

/// May a field of this kind be set to null? Everywhere else null means not set.
fn takes_null(kind: &Kind) -> bool {
    kind.as_message().is_some_and(|descriptor| descriptor.full_name() == "google.protobuf.Value")
        || kind.as_enum().is_some_and(|descriptor| descriptor.full_name() == "google.protobuf.NullValue")
}

fn is_wrapper(full_name: &str) -> bool {
    let Some(name) = full_name.strip_prefix("google.protobuf.") else { return false };
    matches!(
        name,
        "DoubleValue"
            | "FloatValue"
            | "Int64Value"
            | "UInt64Value"
            | "Int32Value"
            | "UInt32Value"
            | "BoolValue"
            | "StringValue"
            | "BytesValue"
    )
}

/// Has the type a JSON form of its own, which inside an Any stands under `value`?
fn has_own_json(full_name: &str) -> bool {
    let Some(name) = full_name.strip_prefix("google.protobuf.") else { return false };
    is_wrapper(full_name)
        || matches!(name, "Any" | "Timestamp" | "Duration" | "FieldMask" | "Struct" | "ListValue" | "Value" | "Empty")
}
