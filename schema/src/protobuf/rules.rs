//! The rules of protoc that neither the grammar nor Java's runtime checks: numbers, names and ranges that clash.
//!
//! Confluent's registry accepts files that break them, so they are lints; with `validateFields` they are errors. The
//! source of each rule is protobuf.dev's language guide and specification of the syntax or edition. Every file of every
//! compiler passes: a rule that protoc only warns about is not here.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{
    Enum, Extend, ExtensionRange, Field, File, Group, Label, Message, Opt, Reserved, ReservedValue, Syntax, TAG_MAX,
};
use super::features::{self, Features, Presence};
use super::files::Files;
use super::names::{compiled_entry_name, default_json_name};
use super::units::{Kind, joined};
use crate::lint::{LINT_COUNT_MAX, Lint};
use crate::{Budget, SchemaError};

/// Numbers that the implementations of Protobuf keep for themselves.
const IMPLEMENTATION_NUMBERS: std::ops::RangeInclusive<i32> = 19_000..=19_999;
/// What proto3 may extend: the options of descriptor.proto.
const OPTIONS_PREFIX: &str = "google.protobuf.";

/// What breaks a rule in the schema's own file, in the order of the file, [`LINT_COUNT_MAX`] at most.
pub(super) fn check(files: &Files, budget: &mut Budget) -> Result<Vec<Lint>, SchemaError> {
    let file = &files.own().file;
    let features = Features::of_file(file);
    let mut check = Check { files, syntax: file.syntax, budget, found: Vec::new(), path: String::new() };
    check.check_imports(file);
    check.check_features(&file.options);
    let package = file.package.as_deref().unwrap_or_default();
    let mut names = Names::default();
    check.declared(&mut names, &file.messages, &file.enums, &file.extends)?;
    for service in &file.services {
        check.name(&mut names, &service.name)?;
        let mut methods = Names::default();
        for rpc in &service.rpcs {
            check.at(&service.name, |check| check.name(&mut methods, &rpc.name))?;
        }
    }
    for message in &file.messages {
        check.at(&message.name, |check| check.check_message(package, message, features))?;
    }
    for declared in &file.enums {
        check.at(&declared.name, |check| check.check_enumeration(declared, features))?;
    }
    check.check_extends(package, &file.extends, features)?;
    Ok(check.found)
}

/// The simple names that were declared in one scope.
type Names = BTreeSet<String>;

struct Check<'a, 'b> {
    files: &'a Files,
    syntax: Option<Syntax>,
    budget: &'b mut Budget,
    found: Vec<Lint>,
    path: String,
}

/// A field or a group, as far as the rules see it.
struct Member<'a> {
    name: std::borrow::Cow<'a, str>,
    tag: i32,
    json_name: Option<&'a str>,
}

impl<'a> Member<'a> {
    fn of_field(field: &'a Field) -> Self {
        Self { name: field.name.as_str().into(), tag: field.tag, json_name: field.json_name.as_deref() }
    }

    fn of_group(group: &'a Group) -> Self {
        Self { name: group.body.name.to_lowercase().into(), tag: group.tag, json_name: None }
    }
}

impl Check<'_, '_> {
    fn add(&mut self, code: &'static str, message: String) {
        if self.found.len() < LINT_COUNT_MAX {
            self.found.push(Lint { code, path: format!("#/{}", self.path), message });
        }
    }

    /// Does something one segment further down.
    fn at<T>(&mut self, segment: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        if length > 0 {
            self.path.push('/');
        }
        self.path.push_str(segment);
        let result = act(self);
        self.path.truncate(length);
        result
    }

    fn is_proto3(&self) -> bool {
        self.syntax == Some(Syntax::Proto3)
    }

    fn check_imports(&mut self, file: &File) {
        let mut seen = BTreeSet::new();
        let all = file.imports.iter().chain(&file.public_imports).chain(&file.weak_imports).chain(&file.option_imports);
        for path in all {
            if !seen.insert(path) {
                self.add("IMPORT_DUPLICATE", format!("the import \"{path}\" is listed twice"));
            } else if self.files.import(path).is_none() && !file.weak_imports.contains(path) {
                let message =
                    format!("the import \"{path}\" is neither a reference nor a file that the registry knows");
                self.add("IMPORT_MISSING", message);
            }
        }
    }

    fn check_features(&mut self, options: &[Opt]) {
        if self.syntax.is_some_and(Syntax::is_edition) {
            if let Some(problem) = features::problem(options) {
                self.add("FEATURE_INVALID", problem);
            }
        } else if options.iter().any(Opt::is_features) {
            self.add("FEATURE_INVALID", "features exist in editions only".to_owned());
        }
    }

    fn name(&mut self, names: &mut Names, name: &str) -> Result<(), SchemaError> {
        self.budget.steps(1 + name.len() as u64 / 8)?;
        if !names.insert(name.to_owned()) {
            self.add("NAME_DUPLICATE", format!("\"{name}\" is already defined in this scope"));
        }
        Ok(())
    }

    /// The names that types and extensions put into the scope around them. Constants stand beside their enum.
    fn declared(
        &mut self,
        names: &mut Names,
        messages: &[Message],
        enums: &[Enum],
        extends: &[Extend],
    ) -> Result<(), SchemaError> {
        for message in messages {
            self.name(names, &message.name)?;
        }
        for declared in enums {
            self.name(names, &declared.name)?;
            for constant in &declared.constants {
                self.at(&declared.name, |check| check.name(names, &constant.name))?;
            }
        }
        for extend in extends {
            for field in &extend.fields {
                self.name(names, &field.name)?;
            }
            for group in &extend.groups {
                self.name(names, &group.body.name)?;
                self.name(names, &group.body.name.to_lowercase())?;
            }
        }
        Ok(())
    }

    /// Recursion is bounded by the depth that the parser allows.
    fn check_message(&mut self, outer: &str, message: &Message, outer_features: Features) -> Result<(), SchemaError> {
        let scope = joined(outer, &message.name);
        self.budget.steps(1 + scope.len() as u64 / 8)?;
        self.check_features(&message.options);
        let features = outer_features.with(&message.options);
        let mut names = Names::default();
        self.declared(&mut names, &message.messages, &message.enums, &message.extends)?;
        for group in message.all_groups() {
            self.name(&mut names, &group.body.name)?;
            if self.is_proto3() {
                self.at(&group.tag.to_string(), |check| {
                    check.add("PROTO3_GROUP", "groups do not exist in proto3".to_owned());
                });
            }
        }
        for oneof in &message.oneofs {
            self.name(&mut names, &oneof.name)?;
            if oneof.fields.is_empty() && oneof.groups.is_empty() {
                self.at(&oneof.name, |check| check.add("ONEOF_EMPTY", "a oneof must have a field".to_owned()));
            }
            for field in &oneof.fields {
                self.at(&field.tag.to_string(), |check| check.check_field(&scope, field, features, true))?;
            }
        }
        for field in &message.fields {
            if let super::ast::TypeName::Map(..) = field.type_name {
                self.name(&mut names, &compiled_entry_name(&field.name))?;
            }
            self.at(&field.tag.to_string(), |check| check.check_field(&scope, field, features, false))?;
        }
        let members: Vec<Member<'_>> = message
            .fields
            .iter()
            .chain(message.oneofs.iter().flat_map(|oneof| &oneof.fields))
            .map(Member::of_field)
            .chain(message.all_groups().map(Member::of_group))
            .collect();
        self.check_members(message, &members, &mut names, features.json)?;
        if self.is_proto3() && !message.extensions.is_empty() {
            self.add("PROTO3_EXTENSION_RANGE", "proto3 has no extension ranges".to_owned());
        }
        for group in message.all_groups() {
            self.at(&group.body.name, |check| check.check_message(&scope, &group.body, features))?;
        }
        for nested in &message.messages {
            self.at(&nested.name, |check| check.check_message(&scope, nested, features))?;
        }
        for declared in &message.enums {
            self.at(&declared.name, |check| check.check_enumeration(declared, features))?;
        }
        self.check_extends(&scope, &message.extends, features)
    }

    /// The members of a message among each other and against its ranges.
    fn check_members(
        &mut self,
        message: &Message,
        members: &[Member<'_>],
        names: &mut Names,
        json: bool,
    ) -> Result<(), SchemaError> {
        let set =
            message.options.iter().any(|option| option.is("message_set_wire_format") && option.value.is_word("true"));
        let max = if set { i32::MAX } else { TAG_MAX };
        let reserved = self.check_ranges("RESERVED", &reserved_ranges(&message.reserved), (1, max))?;
        let extensions: Vec<(i32, i32)> = message
            .extensions
            .iter()
            .flat_map(|statement| &statement.ranges)
            .map(|range| match *range {
                ExtensionRange::Tag(tag) => (tag, tag),
                ExtensionRange::Range(start, end) => (start, if end == TAG_MAX { max } else { end }),
            })
            .collect();
        let extensions = self.check_ranges("EXTENSION", &extensions, (1, max))?;
        if let Some((start, end)) = extensions.iter().find(|range| overlapping(&reserved, range.0, range.1).is_some()) {
            self.add("RANGE_OVERLAP", format!("the extension range {start} to {end} overlaps a reserved range"));
        }
        let reserved_names = self.reserved_names(&message.reserved)?;
        let mut tags: BTreeMap<i32, &str> = BTreeMap::new();
        let mut json_names: BTreeMap<String, &str> = BTreeMap::new();
        for member in members {
            self.budget.steps(2 + member.name.len() as u64 / 8)?;
            let name = member.name.as_ref();
            let tag = member.tag;
            self.name(names, name)?;
            let before = tags.insert(tag, name);
            let json_name = member.json_name.map_or_else(|| default_json_name(name), str::to_owned);
            let same_json = json_names.insert(json_name.clone(), name);
            self.at(&tag.to_string(), |check| {
                check.check_number(name, tag, max);
                if let Some(other) = before {
                    check.add(
                        "FIELD_NUMBER_DUPLICATE",
                        format!("{name} has the number {tag}, which {other} has already"),
                    );
                }
                if let Some((start, end)) = overlapping(&reserved, tag, tag) {
                    let message = format!("{name} has the number {tag}, which is reserved ({start} to {end})");
                    check.add("FIELD_NUMBER_RESERVED", message);
                }
                if let Some((start, end)) = overlapping(&extensions, tag, tag) {
                    let message = format!("{name} has the number {tag}, which is for extensions ({start} to {end})");
                    check.add("FIELD_NUMBER_IN_EXTENSION_RANGE", message);
                }
                if reserved_names.contains(name) {
                    check.add("FIELD_NAME_RESERVED", format!("the name {name} is reserved"));
                }
                if let Some(other) = same_json.filter(|other| json && *other != name) {
                    let message = format!("{name} and {other} have the same JSON name \"{json_name}\"");
                    check.add("JSON_NAME_CONFLICT", message);
                }
                if member.json_name.is_some_and(|json_name| json_name.contains('\0')) {
                    check.add("JSON_NAME_INVALID", "a JSON name must not have a NUL".to_owned());
                }
            });
        }
        Ok(())
    }

    fn check_number(&mut self, name: &str, tag: i32, max: i32) {
        if tag < 1 || tag > max {
            self.add("FIELD_NUMBER_INVALID", format!("{name} has the number {tag}; numbers go from 1 to {max}"));
        } else if IMPLEMENTATION_NUMBERS.contains(&tag) {
            let message = format!("{name} has the number {tag}; 19000 to 19999 are for the implementation of Protobuf");
            self.add("FIELD_NUMBER_IMPLEMENTATION", message);
        }
    }

    fn check_field(&mut self, scope: &str, field: &Field, outer: Features, in_oneof: bool) -> Result<(), SchemaError> {
        self.check_features(&field.options);
        if field.default.is_some() && self.is_proto3() {
            self.add("PROTO3_DEFAULT", format!("{} has a default, which proto3 does not have", field.name));
        }
        if in_oneof && field.label.is_some() {
            self.add("ONEOF_LABEL", format!("{} is in a oneof and must have no label", field.name));
        }
        let found = self.files.resolve_type(scope, &field.type_name, self.budget)?;
        let Some(found) = found.filter(|found| found.kind == Kind::Enum) else { return Ok(()) };
        let features = outer.with(&field.options);
        let implicit = features.presence == Presence::Implicit && field.label.is_none() && !in_oneof;
        // An enum of proto2 in proto3; protoc knows the features of any enum, so only plain syntax is judged here.
        let closed = matches!(found.unit.file.syntax, None | Some(Syntax::Proto2))
            && !matches!(found.unit.origin, super::units::Origin::Bundled(_));
        if implicit && closed {
            let message = format!("{} has no presence, so its enum {} must be open", field.name, found.full_name);
            self.add("ENUM_CLOSED", message);
        }
        Ok(())
    }

    /// Ranges in order; those that are no ranges or overlap are reported.
    fn check_ranges(
        &mut self,
        what: &str,
        ranges: &[(i32, i32)],
        (low, high): (i32, i32),
    ) -> Result<Vec<(i32, i32)>, SchemaError> {
        self.budget.steps(ranges.len() as u64)?;
        let mut sorted: Vec<_> = ranges.to_vec();
        sorted.sort_unstable();
        let what = what.to_lowercase();
        for (start, end) in &sorted {
            if start > end || *start < low || *end > high {
                self.add("RANGE_INVALID", format!("the {what} range {start} to {end} is not within {low} to {high}"));
            }
        }
        for pair in sorted.windows(2) {
            let [(first, first_end), (second, second_end)] = pair else { continue };
            if second <= first_end {
                let message = format!("the {what} ranges {first} to {first_end} and {second} to {second_end} overlap");
                self.add("RANGE_OVERLAP", message);
            }
        }
        Ok(sorted)
    }

    fn reserved_names<'r>(&mut self, statements: &'r [Reserved]) -> Result<BTreeSet<&'r str>, SchemaError> {
        let mut names = BTreeSet::new();
        for value in statements.iter().flat_map(|statement| &statement.values) {
            self.budget.step()?;
            let ReservedValue::Name(name) = value else { continue };
            if !names.insert(name.as_str()) {
                self.add("RESERVED_NAME_DUPLICATE", format!("the name {name} is reserved twice"));
            }
        }
        Ok(names)
    }

    fn check_enumeration(&mut self, declared: &Enum, outer: Features) -> Result<(), SchemaError> {
        self.check_features(&declared.options);
        let features = outer.with(&declared.options);
        if declared.constants.is_empty() {
            self.add("ENUM_EMPTY", "an enum must have a constant".to_owned());
        }
        if let Some(first) = declared.constants.first().filter(|first| features.open_enums && first.tag != 0) {
            let message = format!("the first constant {} must be 0, because the enum is open", first.name);
            self.at(&first.tag.to_string(), |check| check.add("ENUM_FIRST_NOT_ZERO", message));
        }
        let aliases = declared.options.iter().any(|option| option.is("allow_alias") && option.value.is_word("true"));
        let reserved = self.check_ranges("RESERVED", &reserved_ranges(&declared.reserved), (i32::MIN, i32::MAX))?;
        let reserved_names = self.reserved_names(&declared.reserved)?;
        let mut tags: BTreeMap<i32, &str> = BTreeMap::new();
        let mut has_alias = false;
        for constant in &declared.constants {
            self.budget.steps(1 + constant.name.len() as u64 / 8)?;
            let (name, tag) = (constant.name.as_str(), constant.tag);
            let before = tags.insert(tag, name);
            has_alias |= before.is_some();
            self.at(&tag.to_string(), |check| {
                check.check_features(&constant.options);
                if let Some(other) = before.filter(|_| !aliases) {
                    let message = format!("{name} and {other} are both {tag}; that needs option allow_alias = true");
                    check.add("ENUM_ALIAS", message);
                }
                if overlapping(&reserved, tag, tag).is_some() {
                    check.add("ENUM_NUMBER_RESERVED", format!("{name} has the number {tag}, which is reserved"));
                }
                if reserved_names.contains(name) {
                    check.add("ENUM_NAME_RESERVED", format!("the name {name} is reserved"));
                }
            });
        }
        if aliases && !has_alias {
            self.add("ENUM_ALIAS_UNUSED", "allow_alias is set, but no two constants are equal".to_owned());
        }
        Ok(())
    }

    fn check_extends(&mut self, scope: &str, extends: &[Extend], features: Features) -> Result<(), SchemaError> {
        for extend in extends {
            let found = self.files.resolve(scope, &extend.name, self.budget)?;
            let is_option = found.is_some_and(|found| found.full_name.starts_with(OPTIONS_PREFIX));
            if self.is_proto3() && !is_option {
                let message = format!("proto3 extends options only, not {}", extend.name);
                self.add("PROTO3_EXTENSION", message);
            }
            for field in &extend.fields {
                self.at(&field.tag.to_string(), |check| {
                    check.check_number(&field.name, field.tag, i32::MAX);
                    check.check_features(&field.options);
                    if field.label == Some(Label::Required) {
                        check.add("EXTENSION_REQUIRED", format!("the extension {} must not be required", field.name));
                    }
                    if field.json_name.is_some() {
                        check.add("EXTENSION_JSON_NAME", format!("the extension {} cannot have json_name", field.name));
                    }
                });
            }
            for group in &extend.groups {
                self.at(&group.body.name, |check| check.check_message(scope, &group.body, features))?;
            }
        }
        Ok(())
    }
}

fn reserved_ranges(statements: &[Reserved]) -> Vec<(i32, i32)> {
    let values = statements.iter().flat_map(|statement| &statement.values);
    values
        .filter_map(|value| match value {
            ReservedValue::Tag(tag) => Some((*tag, *tag)),
            ReservedValue::Range(start, end) => Some((*start, *end)),
            ReservedValue::Name(_) => None,
        })
        .collect()
}

/// The range among sorted ones that `start..=end` overlaps. Where sorted ranges overlap each other, one may be missed,
/// which only hides a second report about the same statement.
fn overlapping(sorted: &[(i32, i32)], start: i32, end: i32) -> Option<(i32, i32)> {
    let after = sorted.partition_point(|range| range.0 <= end);
    let last = sorted[..after].last()?;
    (last.1 >= start).then_some(*last)
}
