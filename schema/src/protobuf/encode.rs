//! Syntax tree to FileDescriptorProto, in two ways: as written, which is Confluent's `format=serialized`, and resolved,
//! which is what a descriptor pool wants.
//!
//! As written: the file is called `default`, labels stand only where they were written, type names are as in the text,
//! members of oneofs come first, and there are no derived JSON names. Resolved: absolute names, real imports, custom
//! options left out.

use std::collections::BTreeSet;

use super::ast::{
    Enum, Extend, ExtensionRange, Extensions, Field, File, Group, Label, Message, Opt, Reserved, ReservedValue, Scalar,
    Syntax, TypeName,
};
use super::files::{Files, Found, Kind, Origin, Unit, joined};
use super::options;
use super::wire::Writer;
use crate::{Budget, SchemaError};

/// Which of the two descriptors to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Confluent's `format=serialized`.
    AsWritten,
    /// For a descriptor pool, under this file name.
    Resolved(String),
}

/// A written descriptor.
#[derive(Debug)]
pub(super) struct Encoded {
    pub bytes: Vec<u8>,
    /// Import paths of the files whose types are used (resolved mode only).
    pub used: BTreeSet<String>,
}

/// Writes the descriptor of one file of `files`.
pub(super) fn encode(files: &Files, unit: &Unit, mode: Mode) -> Result<Encoded, SchemaError> {
    let mut encoder = Encoder { files, unit, mode, used: BTreeSet::new(), budget: Budget::walk(), proto3: false };
    let bytes = encoder.file(&unit.file)?.bytes;
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
    used: BTreeSet<String>,
    budget: Budget,
    proto3: bool,
}

impl<'a> Encoder<'a> {
    fn is_resolved(&self) -> bool {
        self.mode != Mode::AsWritten
    }

    fn file(&mut self, file: &File) -> Result<Writer, SchemaError> {
        self.proto3 = file.syntax == Some(Syntax::Proto3);
        let package = file.package.as_deref().unwrap_or_default();
        let mut body = Writer::default();
        for message in &file.messages {
            let message = self.message(package, message)?;
            body.message(4, &message);
        }
        for declared in &file.enums {
            body.message(5, &self.enumeration(declared)?);
        }
        for service in &file.services {
            let mut writer = Writer::default();
            writer.text(1, &service.name);
            for rpc in &service.rpcs {
                let mut method = Writer::default();
                method.text(1, &rpc.name);
                method.text(2, &self.rpc_type(package, &rpc.request)?);
                method.text(3, &self.rpc_type(package, &rpc.response)?);
                self.options(&mut method, 4, "MethodOptions", &rpc.options);
                method.bool(5, rpc.request_streaming);
                method.bool(6, rpc.response_streaming);
                writer.message(2, &method);
            }
            self.options(&mut writer, 3, "ServiceOptions", &service.options);
            body.message(6, &writer);
        }
        self.extends(&mut body, 7, package, &file.extends)?;
        self.options(&mut body, 8, "FileOptions", &file.options);
        let mut writer = Writer::default();
        match &self.mode {
            Mode::AsWritten => writer.text(1, "default"),
            Mode::Resolved(name) => writer.text(1, name),
        }
        if let Some(package) = &file.package {
            writer.text(2, package);
        }
        self.imports(&mut writer, file);
        writer.bytes.extend(&body.bytes);
        if let Some(syntax) = file.syntax {
            writer.text(12, syntax.name());
        }
        Ok(writer)
    }

    fn imports(&self, writer: &mut Writer, file: &File) {
        if self.is_resolved() {
            self.used.iter().for_each(|path| writer.text(3, path));
            return;
        }
        for path in file.imports.iter().chain(&file.public_imports).chain(&file.weak_imports) {
            writer.text(3, path);
        }
        let (plain, public) = (file.imports.len(), file.public_imports.len());
        (plain..plain + public).for_each(|position| writer.number(10, position as u64));
        (0..file.weak_imports.len()).for_each(|position| writer.number(11, (plain + public + position) as u64));
    }

    /// Writes an options message if any of the options is known.
    fn options(&self, writer: &mut Writer, tag: u32, name: &str, options: &[Opt]) {
        let encoded = if self.is_resolved() {
            let plain: Vec<_> = options.iter().filter(|option| !option.parenthesized).cloned().collect();
            options::encode(name, &plain)
        } else {
            options::encode(name, options)
        };
        if let Some(encoded) = encoded {
            writer.message(tag, &encoded);
        }
    }

    fn message(&mut self, outer: &str, message: &Message) -> Result<Writer, SchemaError> {
        let scope = joined(outer, &message.name);
        self.budget.steps(1 + scope.len() as u64 / 8)?;
        let mut writer = Writer::default();
        writer.text(1, &message.name);
        // Written after everything else that may bring nested types along.
        let mut nested = Vec::new();
        let mut oneofs: Vec<(String, &[Opt])> = Vec::new();
        for oneof in &message.oneofs {
            let index = oneofs.len();
            oneofs.push((oneof.name.clone(), &oneof.options));
            for field in &oneof.fields {
                let member = self.field(&scope, field, Place::Oneof(index), &mut nested)?;
                writer.message(2, &member);
            }
            for group in &oneof.groups {
                let member = self.group(&scope, group, Some(index), &mut nested)?;
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
            let member = self.field(&scope, field, place, &mut nested)?;
            writer.message(2, &member);
        }
        for group in &message.groups {
            let member = self.group(&scope, group, None, &mut nested)?;
            writer.message(2, &member);
        }
        for inner in &message.messages {
            let inner = self.message(&scope, inner)?;
            writer.message(3, &inner);
        }
        nested.iter().for_each(|entry| writer.message(3, entry));
        for inner in &message.enums {
            writer.message(4, &self.enumeration(inner)?);
        }
        self.extension_ranges(&mut writer, &message.extensions)?;
        self.extends(&mut writer, 6, &scope, &message.extends)?;
        self.options(&mut writer, 7, "MessageOptions", &message.options);
        for (name, options) in oneofs {
            let mut oneof = Writer::default();
            oneof.text(1, &name);
            if !self.is_resolved() {
                oneof.message(2, &options::encode("OneofOptions", options).unwrap_or_default());
            }
            writer.message(8, &oneof);
        }
        self.reserved(&mut writer, (9, 10), &message.reserved, 1)?;
        Ok(writer)
    }

    fn extension_ranges(&mut self, writer: &mut Writer, extensions: &[Extensions]) -> Result<(), SchemaError> {
        for range in extensions.iter().flat_map(|statement| &statement.ranges) {
            self.budget.step()?;
            let (start, end) = match *range {
                ExtensionRange::Tag(tag) => (tag, tag),
                ExtensionRange::Range(start, end) => (start, end),
            };
            let mut written = Writer::default();
            written.int32(1, start);
            written.int32(2, end.saturating_add(1));
            writer.message(5, &written);
        }
        Ok(())
    }

    /// Reserved ranges are checks on the text only, so a pool does not get them.
    fn reserved(
        &mut self,
        writer: &mut Writer,
        (range_tag, name_tag): (u32, u32),
        statements: &[Reserved],
        end_offset: i32,
    ) -> Result<(), SchemaError> {
        if self.is_resolved() {
            return Ok(());
        }
        for value in statements.iter().flat_map(|statement| &statement.values) {
            self.budget.step()?;
            let (start, end) = match value {
                ReservedValue::Name(name) => {
                    writer.text(name_tag, name);
                    continue;
                }
                ReservedValue::Tag(tag) => (*tag, *tag),
                ReservedValue::Range(start, end) => (*start, *end),
            };
            let mut range = Writer::default();
            range.int32(1, start);
            range.int32(2, end.saturating_add(end_offset));
            writer.message(range_tag, &range);
        }
        Ok(())
    }

    fn extends(&mut self, writer: &mut Writer, tag: u32, scope: &str, extends: &[Extend]) -> Result<(), SchemaError> {
        for extend in extends {
            let extendee = match self.resolve(scope, &TypeName::Name(extend.name.clone()))? {
                Some(found) if self.is_resolved() => format!(".{}", found.full_name),
                Some(_) | None => extend.name.clone(),
            };
            // The nested types of a map extension have nowhere to go; Protobuf has no such thing.
            let mut nested = Vec::new();
            for field in &extend.fields {
                let mut written = Writer::default();
                written.text(2, &extendee);
                let rest = self.field(scope, field, Place::Extension, &mut nested)?;
                written.bytes.extend(&rest.bytes);
                writer.message(tag, &written);
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        scope: &str,
        group: &Group,
        oneof: Option<usize>,
        nested: &mut Vec<Writer>,
    ) -> Result<Writer, SchemaError> {
        let inner_scope = joined(scope, &group.name);
        let mut inner = Writer::default();
        inner.text(1, &group.name);
        let mut inner_nested = Vec::new();
        for field in &group.fields {
            let member = self.field(scope, field, Place::Plain, &mut inner_nested)?;
            inner.message(2, &member);
        }
        inner_nested.iter().for_each(|entry| inner.message(3, entry));
        nested.push(inner);
        let mut writer = Writer::default();
        writer.text(1, &group.name.to_lowercase());
        writer.int32(3, group.tag);
        let default = (self.is_resolved() || oneof.is_some()).then_some(Label::Optional);
        if let Some(label) = group.label.or(default) {
            writer.int32(4, label_number(label));
        }
        writer.int32(5, TYPE_GROUP);
        writer.text(6, &if self.is_resolved() { format!(".{inner_scope}") } else { group.name.clone() });
        if let Some(index) = oneof {
            writer.number(9, index as u64);
        }
        Ok(writer)
    }

    fn field(
        &mut self,
        scope: &str,
        field: &Field,
        place: Place,
        nested: &mut Vec<Writer>,
    ) -> Result<Writer, SchemaError> {
        self.budget.steps(1 + (field.name.len() + scope.len()) as u64 / 8)?;
        let mut writer = Writer::default();
        writer.text(1, &field.name);
        writer.int32(3, field.tag);
        let label = match (place, field.label, &field.type_name) {
            (Place::Oneof(_), ..) => Some(Label::Optional),
            (_, _, TypeName::Map(..)) => Some(Label::Repeated),
            (_, Some(label), _) => Some(label),
            (_, None, _) => self.is_resolved().then_some(Label::Optional),
        };
        if let Some(label) = label {
            writer.int32(4, label_number(label));
        }
        match &field.type_name {
            TypeName::Map(key, value) => {
                let entry = map_entry_name(&field.name);
                let map = self.map_entry(scope, &entry, key, value)?;
                nested.push(map);
                if self.is_resolved() {
                    writer.int32(5, TYPE_MESSAGE);
                    writer.text(6, &format!(".{}", joined(scope, &entry)));
                } else {
                    writer.text(6, &entry);
                }
            }
            TypeName::Name(_) => self.field_type(&mut writer, scope, &field.type_name)?,
        }
        if let Some(default) = &field.default {
            writer.text(7, default);
        }
        self.options(&mut writer, 8, "FieldOptions", &field.options);
        if let Place::Oneof(index) | Place::Synthetic(index) = place {
            writer.number(9, index as u64);
        }
        if let Some(json_name) = &field.json_name {
            writer.text(10, json_name);
        }
        if matches!(place, Place::Synthetic(_)) {
            writer.bool(17, true);
        }
        Ok(writer)
    }

    fn map_entry(&mut self, scope: &str, name: &str, key: &TypeName, value: &TypeName) -> Result<Writer, SchemaError> {
        let mut entry = Writer::default();
        entry.text(1, name);
        for (tag, name, type_name) in [(1, "key", key), (2, "value", value)] {
            if let TypeName::Map(..) = type_name {
                return Err(SchemaError::invalid("the key or value of a map cannot be a map"));
            }
            let mut member = Writer::default();
            member.text(1, name);
            member.int32(3, tag);
            if self.is_resolved() {
                member.int32(4, LABEL_OPTIONAL);
            }
            self.field_type(&mut member, scope, type_name)?;
            entry.message(2, &member);
        }
        let mut options = Writer::default();
        options.bool(7, true);
        entry.message(7, &options);
        Ok(entry)
    }

    fn field_type(&mut self, writer: &mut Writer, scope: &str, type_name: &TypeName) -> Result<(), SchemaError> {
        let TypeName::Name(name) = type_name else { return Ok(()) };
        if let Some(scalar) = Scalar::from_name(name) {
            writer.int32(5, scalar_number(scalar));
            return Ok(());
        }
        match self.resolve(scope, type_name)? {
            Some(found) => {
                let full_name = format!(".{}", found.full_name);
                self.budget.steps(full_name.len() as u64 / 8)?;
                writer.int32(5, if found.kind == Kind::Enum { TYPE_ENUM } else { TYPE_MESSAGE });
                writer.text(6, if self.is_resolved() { &full_name } else { name });
            }
            None => writer.text(6, name),
        }
        Ok(())
    }

    fn rpc_type(&mut self, scope: &str, type_name: &TypeName) -> Result<String, SchemaError> {
        let written = type_name.to_string();
        let found = self.resolve(scope, type_name)?;
        Ok(found.filter(|_| self.is_resolved()).map_or(written, |found| format!(".{}", found.full_name)))
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

    fn enumeration(&mut self, declared: &Enum) -> Result<Writer, SchemaError> {
        let mut writer = Writer::default();
        writer.text(1, &declared.name);
        for constant in &declared.constants {
            self.budget.step()?;
            let mut value = Writer::default();
            value.text(1, &constant.name);
            value.int32(2, constant.tag);
            self.options(&mut value, 3, "EnumValueOptions", &constant.options);
            writer.message(2, &value);
        }
        self.options(&mut writer, 3, "EnumOptions", &declared.options);
        self.reserved(&mut writer, (4, 5), &declared.reserved, 0)?;
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

/// The name of the entry message of a map field. Confluent capitalises only names that have an underscore.
pub(super) fn map_entry_name(field: &str) -> String {
    if !field.contains('_') {
        return format!("{field}Entry");
    }
    let mut name = String::with_capacity(field.len() + 5);
    for part in field.split('_') {
        let mut characters = part.chars();
        name.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(characters.map(|character| character.to_ascii_lowercase()));
    }
    name + "Entry"
}
