//! Syntax tree to FileDescriptorProto, in three ways: as written, which is Confluent's `format=serialized`; resolved,
//! which is what a descriptor pool wants; compiled, which is what protoc makes.
//!
//! As written: the file is called `default`, labels stand only where they were written, type names are as in the text,
//! members of oneofs come first, and there are no derived JSON names. Resolved: absolute names, the imports that are
//! used, custom options left out, editions brought to proto2. Compiled: absolute names, every option, JSON names.

use std::collections::BTreeSet;

use prost_reflect::DescriptorPool;

use super::ast::{
    Enum, Extend, ExtensionRange, Extensions, Field, File, Group, Label, Message, Opt, Reserved, ReservedValue, Scalar,
    Syntax, TAG_MAX, TypeName, Value, Visibility,
};
use super::files::Files;
use super::names::{compiled_entry_name, default_json_name, map_entry_name};
use super::units::{Found, Kind, Origin, Unit, joined};
use super::wire::Writer;
use super::{defaults, features, options};
use crate::{Budget, SchemaError};

/// Which of the two descriptors to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Confluent's `format=serialized`.
    AsWritten,
    /// For a descriptor pool, under this file name.
    Resolved(String),
    /// As protoc's, under this file name.
    Compiled(String),
}

/// A written descriptor.
#[derive(Debug)]
pub(super) struct Encoded {
    pub bytes: Vec<u8>,
    /// Import paths of the files whose types are used (resolved mode only).
    pub used: BTreeSet<String>,
}

/// Writes the descriptor of one file of `files`. The options that `pool` defines are written; none without a pool.
pub(super) fn encode(
    files: &Files,
    unit: &Unit,
    mode: Mode,
    pool: Option<&DescriptorPool>,
) -> Result<Encoded, SchemaError> {
    let lowered = (matches!(mode, Mode::Resolved(_)) && unit.file.is_edition()).then(|| features::lowered(&unit.file));
    let mut encoder = Encoder { files, unit, mode, pool, used: BTreeSet::new(), budget: Budget::walk(), proto3: false };
    let bytes = encoder.encode_file(lowered.as_ref().unwrap_or(&unit.file))?.bytes;
    Ok(Encoded { bytes, used: encoder.used })
}

const LABEL_OPTIONAL: i32 = 1;
const LABEL_REQUIRED: i32 = 2;
const LABEL_REPEATED: i32 = 3;
const TYPE_GROUP: i32 = 10;
const TYPE_MESSAGE: i32 = 11;
const TYPE_ENUM: i32 = 14;

struct Encoder<'a> {
    files: &'a Files,
    unit: &'a Unit,
    mode: Mode,
    /// Where the options are defined.
    pool: Option<&'a DescriptorPool>,
    used: BTreeSet<String>,
    budget: Budget,
    proto3: bool,
}

impl<'a> Encoder<'a> {
    /// Are names absolute and labels always there?
    fn is_linked(&self) -> bool {
        self.mode != Mode::AsWritten
    }

    /// Is only written what data needs?
    fn is_lean(&self) -> bool {
        matches!(self.mode, Mode::Resolved(_))
    }

    fn is_compiled(&self) -> bool {
        matches!(self.mode, Mode::Compiled(_))
    }

    fn encode_file(&mut self, file: &File) -> Result<Writer, SchemaError> {
        self.proto3 = file.syntax == Some(Syntax::Proto3);
        let package = file.package.as_deref().unwrap_or_default();
        let mut body = Writer::default();
        for message in &file.messages {
            let message = self.encode_message(package, message)?;
            body.message(4, &message);
        }
        for declared in &file.enums {
            body.message(5, &self.encode_enumeration(package, declared)?);
        }
        for service in &file.services {
            let mut writer = Writer::default();
            writer.write_text(1, &service.name);
            for rpc in &service.rpcs {
                let mut method = Writer::default();
                method.write_text(1, &rpc.name);
                method.write_text(2, &self.rpc_type(package, &rpc.request)?);
                method.write_text(3, &self.rpc_type(package, &rpc.response)?);
                self.encode_options(&mut method, 4, "MethodOptions", package, &rpc.options);
                for (tag, streaming) in [(5, rpc.request_streaming), (6, rpc.response_streaming)] {
                    // protoc leaves out what is the default.
                    if streaming || !self.is_compiled() {
                        method.write_bool(tag, streaming);
                    }
                }
                writer.message(2, &method);
            }
            self.encode_options(&mut writer, 3, "ServiceOptions", package, &service.options);
            body.message(6, &writer);
        }
        let mut nested = Vec::new();
        self.encode_extends(&mut body, 7, package, &file.extends, &mut nested)?;
        nested.iter().for_each(|group| body.message(4, group));
        self.encode_options(&mut body, 8, "FileOptions", package, &file.options);
        let mut writer = Writer::default();
        match &self.mode {
            Mode::AsWritten => writer.write_text(1, "default"),
            Mode::Resolved(name) | Mode::Compiled(name) => writer.write_text(1, name),
        }
        if let Some(package) = &file.package {
            writer.write_text(2, package);
        }
        self.encode_imports(&mut writer, file);
        writer.bytes.extend(&body.bytes);
        match file.syntax {
            None => {}
            // protoc leaves out what is the default.
            Some(Syntax::Proto2) if self.is_compiled() => {}
            Some(syntax @ (Syntax::Proto2 | Syntax::Proto3)) => writer.write_text(12, syntax.name()),
            Some(edition @ (Syntax::Edition2023 | Syntax::Edition2024)) => {
                writer.write_text(12, "editions");
                writer.write_int32(14, edition.edition_number());
            }
        }
        if !self.is_lean() {
            file.option_imports.iter().for_each(|path| writer.write_text(15, path));
        }
        Ok(writer)
    }

    fn encode_imports(&self, writer: &mut Writer, file: &File) {
        if self.is_lean() {
            self.used.iter().for_each(|path| writer.write_text(3, path));
            return;
        }
        for path in file.imports.iter().chain(&file.public_imports).chain(&file.weak_imports) {
            writer.write_text(3, path);
        }
        let (plain, public) = (file.imports.len(), file.public_imports.len());
        (plain..plain + public).for_each(|position| writer.write_number(10, position as u64));
        (0..file.weak_imports.len()).for_each(|position| writer.write_number(11, (plain + public + position) as u64));
    }

    /// Writes an options message if any of the options is known. `scope` is where the names of options are looked up.
    fn encode_options(&self, writer: &mut Writer, tag: u32, name: &str, scope: &str, options: &[Opt]) {
        if let Some(encoded) = self.encoded_options(name, scope, options) {
            writer.message(tag, &encoded);
        }
    }

    fn encoded_options(&self, name: &str, scope: &str, options: &[Opt]) -> Option<Writer> {
        if options.is_empty() {
            return None;
        }
        let pool = self.pool?;
        match &self.mode {
            Mode::AsWritten => options::encode(pool, name, "", options),
            Mode::Compiled(_) => {
                let handed_on: Vec<_> = options.iter().filter_map(|option| options::handed_on(name, option)).collect();
                options::encode(pool, name, scope, &handed_on)
            }
            Mode::Resolved(_) => {
                let plain: Vec<_> = options.iter().filter(|option| !option.parenthesized).cloned().collect();
                options::encode(pool, name, "", &plain)
            }
        }
    }

    fn encode_message(&mut self, outer: &str, message: &Message) -> Result<Writer, SchemaError> {
        let scope = joined(outer, &message.name);
        self.budget.steps(1 + scope.len() as u64 / 8)?;
        let mut writer = Writer::default();
        writer.write_text(1, &message.name);
        // Written after everything else that may bring nested types along.
        let mut nested = Vec::new();
        let mut oneofs: Vec<(String, &[Opt])> = Vec::new();
        for oneof in &message.oneofs {
            let index = oneofs.len();
            oneofs.push((oneof.name.clone(), &oneof.options));
            for field in &oneof.fields {
                let member = self.encode_field(&scope, field, Place::Oneof(index), &mut nested)?;
                writer.message(2, &member);
            }
            for group in &oneof.groups {
                let member = self.encode_group(&scope, group, Some(index), &mut nested)?;
                writer.message(2, &member);
            }
        }
        for field in &message.fields {
            let place = if self.proto3 && field.label == Some(Label::Optional) {
                oneofs.push((format!("_{}", field.name), &[]));
                Place::Synthetic(oneofs.len() - 1)
            } else {
                Place::Plain
            };
            let member = self.encode_field(&scope, field, place, &mut nested)?;
            writer.message(2, &member);
        }
        for group in &message.groups {
            let member = self.encode_group(&scope, group, None, &mut nested)?;
            writer.message(2, &member);
        }
        for inner in &message.messages {
            let inner = self.encode_message(&scope, inner)?;
            writer.message(3, &inner);
        }
        let mut extensions = Writer::default();
        self.encode_extends(&mut extensions, 6, &scope, &message.extends, &mut nested)?;
        nested.iter().for_each(|entry| writer.message(3, entry));
        for inner in &message.enums {
            writer.message(4, &self.encode_enumeration(&scope, inner)?);
        }
        // A message set has more numbers; `max` is its highest.
        let is_set = message.options.iter().any(|option| option.is("message_set_wire_format"));
        let max = if is_set && self.is_linked() { i32::MAX - 1 } else { TAG_MAX };
        self.extension_ranges(&mut writer, &scope, &message.extensions, max)?;
        writer.bytes.extend(&extensions.bytes);
        self.encode_options(&mut writer, 7, "MessageOptions", &scope, &message.options);
        for (name, options) in oneofs {
            let mut oneof = Writer::default();
            oneof.write_text(1, &name);
            match &self.mode {
                Mode::Resolved(_) => {}
                Mode::AsWritten => {
                    let encoded = self.encoded_options("OneofOptions", "", options);
                    oneof.message(2, &encoded.unwrap_or_default());
                }
                Mode::Compiled(_) => self.encode_options(&mut oneof, 2, "OneofOptions", &scope, options),
            }
            writer.message(8, &oneof);
        }
        self.encode_reserved(&mut writer, (9, 10), &message.reserved, 1)?;
        self.encode_visibility(&mut writer, 11, message.visibility);
        Ok(writer)
    }

    fn encode_visibility(&self, writer: &mut Writer, tag: u32, visibility: Option<Visibility>) {
        match visibility {
            Some(Visibility::Local) if !self.is_lean() => writer.write_int32(tag, 1),
            Some(Visibility::Export) if !self.is_lean() => writer.write_int32(tag, 2),
            Some(_) | None => {}
        }
    }

    fn extension_ranges(
        &mut self,
        writer: &mut Writer,
        scope: &str,
        extensions: &[Extensions],
        max: i32,
    ) -> Result<(), SchemaError> {
        let ranges =
            extensions.iter().flat_map(|statement| statement.ranges.iter().map(move |range| (statement, range)));
        for (statement, range) in ranges {
            self.budget.steps(1 + statement.options.len() as u64)?;
            let (start, end) = match *range {
                ExtensionRange::Tag(tag) => (tag, tag),
                ExtensionRange::Range(start, end) => (start, end),
            };
            let mut written = Writer::default();
            written.write_int32(1, start);
            written.write_int32(2, if end == TAG_MAX { max } else { end }.saturating_add(1));
            if !self.is_lean() {
                self.encode_options(&mut written, 3, "ExtensionRangeOptions", scope, &statement.options);
            }
            writer.message(5, &written);
        }
        Ok(())
    }

    /// Reserved ranges are checks on the text only, so a pool does not get them.
    fn encode_reserved(
        &mut self,
        writer: &mut Writer,
        (range_tag, name_tag): (u32, u32),
        statements: &[Reserved],
        end_offset: i32,
    ) -> Result<(), SchemaError> {
        if self.is_lean() {
            return Ok(());
        }
        for value in statements.iter().flat_map(|statement| &statement.values) {
            self.budget.step()?;
            let (start, end) = match value {
                ReservedValue::Name(name) => {
                    writer.write_text(name_tag, name);
                    continue;
                }
                ReservedValue::Tag(tag) => (*tag, *tag),
                ReservedValue::Range(start, end) => (*start, *end),
            };
            let mut range = Writer::default();
            range.write_int32(1, start);
            range.write_int32(2, end.saturating_add(end_offset));
            writer.message(range_tag, &range);
        }
        Ok(())
    }

    fn encode_extends(
        &mut self,
        writer: &mut Writer,
        tag: u32,
        scope: &str,
        extends: &[Extend],
        nested: &mut Vec<Writer>,
    ) -> Result<(), SchemaError> {
        for extend in extends {
            let extendee = match self.resolve(scope, &TypeName::Name(extend.name.clone()))? {
                Some(found) if self.is_linked() => format!(".{}", found.full_name),
                Some(_) | None => extend.name.clone(),
            };
            // The nested types of a map extension have nowhere to go; Protobuf has no such thing.
            let mut entries = Vec::new();
            for field in &extend.fields {
                let rest = self.encode_field(scope, field, Place::Extension, &mut entries)?;
                extension(writer, tag, &extendee, &rest);
            }
            for group in &extend.groups {
                let rest = self.encode_group(scope, group, None, nested)?;
                extension(writer, tag, &extendee, &rest);
            }
        }
        Ok(())
    }

    fn encode_group(
        &mut self,
        scope: &str,
        group: &Group,
        oneof: Option<usize>,
        nested: &mut Vec<Writer>,
    ) -> Result<Writer, SchemaError> {
        let body = self.encode_message(scope, &group.body)?;
        nested.push(body);
        let name = group.body.name.to_lowercase();
        let mut writer = Writer::default();
        writer.write_text(1, &name);
        writer.write_int32(3, group.tag);
        let default = (self.is_linked() || oneof.is_some()).then_some(Label::Optional);
        if let Some(label) = group.label.or(default) {
            writer.write_int32(4, label_number(label));
        }
        writer.write_int32(5, TYPE_GROUP);
        let type_name = format!(".{}", joined(scope, &group.body.name));
        writer.write_text(6, if self.is_linked() { &type_name } else { &group.body.name });
        self.encode_options(&mut writer, 8, "FieldOptions", scope, &group.options);
        if let Some(index) = oneof {
            writer.write_number(9, index as u64);
        }
        if self.is_compiled() {
            writer.write_text(10, &default_json_name(&name));
        }
        Ok(writer)
    }

    fn encode_field(
        &mut self,
        scope: &str,
        field: &Field,
        place: Place,
        nested: &mut Vec<Writer>,
    ) -> Result<Writer, SchemaError> {
        self.budget.steps(1 + (field.name.len() + scope.len()) as u64 / 8)?;
        let mut writer = Writer::default();
        writer.write_text(1, &field.name);
        writer.write_int32(3, field.tag);
        let label = match (place, field.label, &field.type_name) {
            (Place::Oneof(_), ..) => Some(Label::Optional),
            (_, _, TypeName::Map(..)) => Some(Label::Repeated),
            (_, Some(label), _) => Some(label),
            (_, None, _) => self.is_linked().then_some(Label::Optional),
        };
        if let Some(label) = label {
            writer.write_int32(4, label_number(label));
        }
        match &field.type_name {
            TypeName::Map(key, value) => {
                let entry =
                    if self.is_compiled() { compiled_entry_name(&field.name) } else { map_entry_name(&field.name) };
                let map = self.map_entry(scope, &entry, key, value, &field.options)?;
                nested.push(map);
                if self.is_linked() {
                    writer.write_int32(5, TYPE_MESSAGE);
                    writer.write_text(6, &format!(".{}", joined(scope, &entry)));
                } else {
                    writer.write_text(6, &entry);
                }
            }
            TypeName::Name(_) => self.field_type(&mut writer, scope, &field.type_name, field.delimited)?,
        }
        if let Some(default) = &field.default {
            writer.write_text(7, &self.default_text(&field.type_name, default));
        }
        self.encode_options(&mut writer, 8, "FieldOptions", scope, &field.options);
        if let Place::Oneof(index) | Place::Synthetic(index) = place {
            writer.write_number(9, index as u64);
        }
        match &field.json_name {
            Some(json_name) => writer.write_text(10, json_name),
            None if self.is_compiled() => writer.write_text(10, &default_json_name(&field.name)),
            None => {}
        }
        let optional_extension = place == Place::Extension && self.proto3 && self.is_compiled();
        if matches!(place, Place::Synthetic(_)) || (optional_extension && field.label == Some(Label::Optional)) {
            writer.write_bool(17, true);
        }
        Ok(writer)
    }

    /// The default as descriptors hold it; only protoc's numbers are written anew.
    fn default_text(&self, type_name: &TypeName, default: &Value) -> String {
        let scalar = match type_name {
            TypeName::Name(name) => Scalar::from_name(name),
            TypeName::Map(..) => None,
        };
        let text = default.scalar();
        if self.is_compiled() {
            return defaults::compiled(scalar, default);
        }
        match (scalar, text) {
            (_, None) => defaults::compiled(Some(Scalar::Bytes), default),
            (Some(Scalar::Bytes), Some(text)) if text.bytes().any(|byte| byte < 0x20 || byte == b'\\') => {
                defaults::compiled(scalar, default)
            }
            (_, Some(text)) => text.to_owned(),
        }
    }

    fn map_entry(
        &mut self,
        scope: &str,
        name: &str,
        key: &TypeName,
        value: &TypeName,
        field_options: &[Opt],
    ) -> Result<Writer, SchemaError> {
        let mut entry = Writer::default();
        entry.write_text(1, name);
        for (tag, name, type_name) in [(1, "key", key), (2, "value", value)] {
            if let TypeName::Map(..) = type_name {
                return Err(SchemaError::invalid("the key or value of a map cannot be a map"));
            }
            let mut member = Writer::default();
            member.write_text(1, name);
            member.write_int32(3, tag);
            if self.is_linked() {
                member.write_int32(4, LABEL_OPTIONAL);
            }
            self.field_type(&mut member, scope, type_name, false)?;
            if self.is_compiled() {
                // Features of the field hold for its entry, too.
                let features: Vec<_> = field_options.iter().filter(|option| option.is_features()).cloned().collect();
                self.encode_options(&mut member, 8, "FieldOptions", scope, &features);
                member.write_text(10, name);
            }
            entry.message(2, &member);
        }
        let mut options = Writer::default();
        options.write_bool(7, true);
        entry.message(7, &options);
        Ok(entry)
    }

    fn field_type(
        &mut self,
        writer: &mut Writer,
        scope: &str,
        type_name: &TypeName,
        delimited: bool,
    ) -> Result<(), SchemaError> {
        let TypeName::Name(name) = type_name else { return Ok(()) };
        if let Some(scalar) = Scalar::from_name(name) {
            writer.write_int32(5, scalar_number(scalar));
            return Ok(());
        }
        match self.resolve(scope, type_name)? {
            Some(found) => {
                let full_name = format!(".{}", found.full_name);
                self.budget.steps(full_name.len() as u64 / 8)?;
                writer.write_int32(
                    5,
                    match found.kind {
                        Kind::Enum => TYPE_ENUM,
                        Kind::Message if delimited => TYPE_GROUP,
                        Kind::Message | Kind::MapEntry => TYPE_MESSAGE,
                    },
                );
                writer.write_text(6, if self.is_linked() { &full_name } else { name });
            }
            None => writer.write_text(6, name),
        }
        Ok(())
    }

    fn rpc_type(&mut self, scope: &str, type_name: &TypeName) -> Result<String, SchemaError> {
        let written = type_name.to_string();
        let found = self.resolve(scope, type_name)?;
        Ok(found.filter(|_| self.is_linked()).map_or(written, |found| format!(".{}", found.full_name)))
    }

    /// Finds a type and notes in which file.
    fn resolve(&mut self, scope: &str, type_name: &TypeName) -> Result<Option<Found<'a>>, SchemaError> {
        let files = self.files;
        let found = files.resolve_type(scope, type_name, &mut self.budget)?;
        if let Some(found) = found.filter(|found| !std::ptr::eq(found.unit, self.unit)) {
            match &found.unit.origin {
                Origin::Own => {}
                Origin::Reference(reference) => {
                    self.used.insert(reference.name.clone());
                }
                Origin::Bundled(name) => {
                    self.used.insert((*name).to_owned());
                }
            }
        }
        Ok(found)
    }

    fn encode_enumeration(&mut self, scope: &str, declared: &Enum) -> Result<Writer, SchemaError> {
        let mut writer = Writer::default();
        writer.write_text(1, &declared.name);
        for constant in &declared.constants {
            self.budget.step()?;
            let mut value = Writer::default();
            value.write_text(1, &constant.name);
            value.write_int32(2, constant.tag);
            self.encode_options(&mut value, 3, "EnumValueOptions", scope, &constant.options);
            writer.message(2, &value);
        }
        self.encode_options(&mut writer, 3, "EnumOptions", scope, &declared.options);
        self.encode_reserved(&mut writer, (4, 5), &declared.reserved, 0)?;
        self.encode_visibility(&mut writer, 6, declared.visibility);
        Ok(writer)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    Oneof(usize),
    /// The oneof of one that stands for a proto3 `optional`.
    Synthetic(usize),
    Extension,
}

fn extension(writer: &mut Writer, tag: u32, extendee: &str, field: &Writer) {
    let mut written = Writer::default();
    written.write_text(2, extendee);
    written.bytes.extend(&field.bytes);
    writer.message(tag, &written);
}

fn label_number(label: Label) -> i32 {
    match label {
        Label::Optional => LABEL_OPTIONAL,
        Label::Required => LABEL_REQUIRED,
        Label::Repeated => LABEL_REPEATED,
    }
}

fn scalar_number(scalar: Scalar) -> i32 {
    match scalar {
        Scalar::Double => 1,
        Scalar::Float => 2,
        Scalar::Int64 => 3,
        Scalar::Uint64 => 4,
        Scalar::Int32 => 5,
        Scalar::Fixed64 => 6,
        Scalar::Fixed32 => 7,
        Scalar::Bool => 8,
        Scalar::String => 9,
        Scalar::Bytes => 12,
        Scalar::Uint32 => 13,
        Scalar::Sfixed32 => 15,
        Scalar::Sfixed64 => 16,
        Scalar::Sint32 => 17,
        Scalar::Sint64 => 18,
    }
}
