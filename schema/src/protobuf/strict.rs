//! The checks of `validateFields=true`: would Java's protobuf runtime build a descriptor from this file, and would
//! protoc compile it?
//!
//! Here are that runtime's checks, with its words; protoc's own are in `rules`. Unlike elsewhere, a type counts only if
//! its file is imported.

use std::collections::BTreeSet;

use super::ast::{
    Enum, Extend, ExtensionRange, Field, File, Label, Message, Scalar, TAG_MAX, TypeName, Value, integer,
};
use super::files::Files;
use super::rules;
use super::units::{Found, Kind, Origin, Unit, joined};
use crate::lint::Lint;
use crate::{Budget, SchemaError};

/// Checks the schema's own file.
pub(super) fn check(files: &Files, budget: &mut Budget) -> Result<(), SchemaError> {
    let visible = visible_files(files, budget)?;
    let file = &files.own().file;
    let package = file.package.as_deref().unwrap_or_default();
    let mut check = Check { files, visible, budget };
    let mut symbols = BTreeSet::new();
    for message in &file.messages {
        check.symbol(&mut symbols, &message.name)?;
    }
    for declared in &file.enums {
        check.symbol(&mut symbols, &declared.name)?;
    }
    for service in &file.services {
        check.symbol(&mut symbols, &service.name)?;
        let mut methods = BTreeSet::new();
        for rpc in &service.rpcs {
            check.symbol(&mut methods, &rpc.name)?;
            check.message_type(package, &rpc.request)?;
            check.message_type(package, &rpc.response)?;
        }
    }
    check.check_extends(package, &file.extends, &mut symbols)?;
    file.messages.iter().try_for_each(|message| check.check_message(package, message))?;
    file.enums.iter().try_for_each(|declared| check.check_enumeration(declared))?;
    match rules::check(files, budget)?.into_iter().next() {
        Some(Lint { code, path, message }) => Err(invalid(format!("{message} (at {path}, rule {code})"))),
        None => Ok(()),
    }
}

/// The import paths whose types the file may use: its imports and, from there, public imports.
fn visible_files(files: &Files, budget: &mut Budget) -> Result<BTreeSet<String>, SchemaError> {
    fn public(file: &File) -> impl Iterator<Item = &String> {
        file.public_imports.iter()
    }
    let own = &files.own().file;
    let direct = own.imports.iter().chain(public(own)).chain(&own.weak_imports).chain(&own.option_imports);
    let mut open: Vec<&String> = direct.collect();
    let mut visible = BTreeSet::new();
    while let Some(path) = open.pop() {
        budget.step()?;
        if visible.insert(path.clone()) {
            open.extend(files.import(path).into_iter().flat_map(|unit| public(&unit.file)));
        }
    }
    Ok(visible)
}

fn invalid(message: String) -> SchemaError {
    SchemaError::invalid(message)
}

struct Check<'a, 'b> {
    files: &'a Files,
    visible: BTreeSet<String>,
    budget: &'b mut Budget,
}

impl<'a> Check<'a, '_> {
    /// A name must be an identifier and new in its scope.
    fn symbol(&mut self, symbols: &mut BTreeSet<String>, name: &str) -> Result<(), SchemaError> {
        self.budget.steps(1 + name.len() as u64 / 8)?;
        let identifier = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit());
        if !identifier {
            return Err(invalid(format!("\"{name}\" is not a valid identifier.")));
        }
        if !symbols.insert(name.to_owned()) {
            return Err(invalid(format!("\"{name}\" is already defined.")));
        }
        Ok(())
    }

    fn check_message(&mut self, outer: &str, message: &Message) -> Result<(), SchemaError> {
        let scope = joined(outer, &message.name);
        self.budget.steps(1 + scope.len() as u64 / 8)?;
        let mut symbols = BTreeSet::new();
        let mut tags = BTreeSet::new();
        for nested in &message.messages {
            self.symbol(&mut symbols, &nested.name)?;
        }
        for nested in &message.enums {
            self.symbol(&mut symbols, &nested.name)?;
        }
        let fields = message.oneofs.iter().flat_map(|oneof| &oneof.fields).chain(&message.fields);
        for field in fields {
            self.symbol(&mut symbols, &field.name)?;
            if let TypeName::Map(..) = field.type_name {
                self.symbol(&mut symbols, &super::names::map_entry_name(&field.name))?;
            }
            check_tag(&mut tags, &message.name, field.tag)?;
            self.check_field(&scope, field)?;
        }
        for group in message.all_groups() {
            self.symbol(&mut symbols, &group.body.name)?;
            check_tag(&mut tags, &message.name, group.tag)?;
            self.check_message(&scope, &group.body)?;
        }
        self.check_extends(&scope, &message.extends, &mut symbols)?;
        message.messages.iter().try_for_each(|nested| self.check_message(&scope, nested))?;
        message.enums.iter().try_for_each(|nested| self.check_enumeration(nested))
    }

    fn check_extends(
        &mut self,
        scope: &str,
        extends: &[Extend],
        symbols: &mut BTreeSet<String>,
    ) -> Result<(), SchemaError> {
        for extend in extends {
            for field in &extend.fields {
                self.symbol(symbols, &field.name)?;
                self.check_field(scope, field)?;
            }
            let found = self.visible(scope, &extend.name)?;
            let Some(extendee) = found.message().filter(|_| found.kind == Kind::Message) else {
                return Err(invalid(format!("\"{}\" is not a message type.", extend.name)));
            };
            for group in &extend.groups {
                self.symbol(symbols, &group.body.name)?;
                self.check_message(scope, &group.body)?;
            }
            let fields = extend.fields.iter().map(|field| field.tag);
            for tag in fields.chain(extend.groups.iter().map(|group| group.tag)) {
                let count = extendee.extensions.iter().map(|statement| statement.ranges.len() as u64).sum();
                self.budget.steps(count)?;
                let mut ranges = extendee.extensions.iter().flat_map(|statement| &statement.ranges);
                let declared = ranges.any(|range| match *range {
                    ExtensionRange::Tag(only) => only == tag,
                    // A message set has more numbers than fields do.
                    ExtensionRange::Range(start, TAG_MAX) => tag >= start,
                    ExtensionRange::Range(start, end) => (start..=end).contains(&tag),
                });
                if !declared {
                    let name = found.full_name;
                    return Err(invalid(format!("\"{name}\" does not declare {tag} as an extension number.")));
                }
            }
        }
        Ok(())
    }

    fn check_field(&mut self, scope: &str, field: &Field) -> Result<(), SchemaError> {
        self.budget.step()?;
        if field.tag <= 0 {
            return Err(invalid(format!("field {}: Field numbers must be positive integers.", field.name)));
        }
        let name = match &field.type_name {
            TypeName::Map(_, value) => {
                let TypeName::Name(name) = value.as_ref() else {
                    return Err(invalid(format!("field {}: the value of a map cannot be a map", field.name)));
                };
                if Scalar::from_name(name).is_none() {
                    self.visible(scope, name)?;
                }
                return Ok(());
            }
            TypeName::Name(name) => name,
        };
        let scalar = Scalar::from_name(name);
        let found = if scalar.is_some() { None } else { Some(self.visible(scope, name)?) };
        let Some(default) = &field.default else { return Ok(()) };
        if field.label == Some(Label::Repeated) {
            return Err(invalid(format!("field {}: Repeated fields cannot have default values.", field.name)));
        }
        let fits = match (scalar, found) {
            (Some(scalar), _) => default_fits(scalar, default),
            (None, Some(found)) => found.has_constant(default.scalar().unwrap_or_default(), self.budget)?,
            (None, None) => false,
        };
        if fits {
            return Ok(());
        }
        let default = default.scalar().unwrap_or("bytes");
        Err(invalid(format!("field {}: Could not parse default value: \"{default}\"", field.name)))
    }

    fn message_type(&mut self, scope: &str, type_name: &TypeName) -> Result<(), SchemaError> {
        let name = match type_name {
            TypeName::Name(name) if Scalar::from_name(name).is_none() => name,
            TypeName::Name(_) | TypeName::Map(..) => {
                return Err(invalid(format!("\"{type_name}\" is not a message type.")));
            }
        };
        match self.visible(scope, name)?.kind {
            Kind::Message | Kind::MapEntry => Ok(()),
            Kind::Enum => Err(invalid(format!("\"{name}\" is not a message type."))),
        }
    }

    /// The type that a name means, whose file must be imported.
    fn visible(&mut self, scope: &str, name: &str) -> Result<Found<'a>, SchemaError> {
        let files = self.files;
        let found = files.resolve(scope, name, self.budget)?;
        found
            .filter(|found| self.is_visible(found.unit))
            .ok_or_else(|| invalid(format!("\"{name}\" is not defined, or its file is not imported.")))
    }

    fn is_visible(&self, unit: &Unit) -> bool {
        match &unit.origin {
            Origin::Own => true,
            Origin::Reference(reference) => self.visible.contains(&reference.name),
            Origin::Bundled(name) => self.visible.contains(*name),
        }
    }

    fn check_enumeration(&mut self, declared: &Enum) -> Result<(), SchemaError> {
        if declared.constants.is_empty() {
            return Err(invalid(format!("enum {}: Enums must contain at least one value.", declared.name)));
        }
        let mut names = BTreeSet::new();
        declared.constants.iter().try_for_each(|constant| self.symbol(&mut names, &constant.name))
    }
}

fn check_tag(tags: &mut BTreeSet<i32>, message: &str, tag: i32) -> Result<(), SchemaError> {
    if tags.insert(tag) {
        return Ok(());
    }
    Err(invalid(format!("Field number {tag} has already been used in \"{message}\".")))
}

fn default_fits(scalar: Scalar, default: &Value) -> bool {
    let Some(text) = default.scalar() else { return scalar == Scalar::Bytes };
    let within = |low: i128, high: i128| integer(text).is_some_and(|value| (low..=high).contains(&value));
    match scalar {
        Scalar::Int32 | Scalar::Sint32 | Scalar::Sfixed32 => within(i32::MIN.into(), i32::MAX.into()),
        Scalar::Int64 | Scalar::Sint64 | Scalar::Sfixed64 => within(i64::MIN.into(), i64::MAX.into()),
        Scalar::Uint32 | Scalar::Fixed32 => within(0, u32::MAX.into()),
        Scalar::Uint64 | Scalar::Fixed64 => within(0, u64::MAX.into()),
        Scalar::Bool => matches!(text, "true" | "false"),
        Scalar::String | Scalar::Bytes => true,
        Scalar::Float | Scalar::Double => super::defaults::float(text).is_some(),
    }
}
