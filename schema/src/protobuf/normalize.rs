//! The normalised form (`normalize=true`): the same tree with names resolved and everything sorted whose order means
//! nothing. Messages keep their order, because serialized data carries message indexes.
//!
//! The check that every type resolves ([`check_types`]) lives here too: what cannot be resolved cannot be normalised,
//! and Confluent refuses it as a new schema for just that reason.

use std::collections::BTreeSet;

use super::ast::{
    Enum, Extend, ExtensionRange, Extensions, Field, File, Group, Label, Message, Oneof, Opt, Reserved, ReservedValue,
    Scalar, Syntax, TypeName, Value,
};
use super::files::Files;
use super::parser_options::Entries;
use super::units::{Kind, joined};
use crate::{Budget, SchemaError};

/// The normalised tree of the schema's own file.
pub(super) fn normalize(files: &Files) -> Result<File, SchemaError> {
    let mut budget = Budget::walk();
    let extensions = files.extension_names(&mut budget)?;
    let mut walk = Walk { files, extensions, budget };
    walk.normalize_file(&files.own().file)
}

/// Does every type in the schema's own file resolve?
pub(super) fn check_types(files: &Files, budget: &mut Budget) -> Result<(), SchemaError> {
    let file = &files.own().file;
    let package = file.package.as_deref().unwrap_or_default();
    let mut check = Check { files, budget };
    check.check_extends(package, &file.extends)?;
    for message in &file.messages {
        check.check_message(package, message)?;
    }
    for rpc in file.services.iter().flat_map(|service| &service.rpcs) {
        check.type_name(package, &rpc.request)?;
        check.type_name(package, &rpc.response)?;
    }
    Ok(())
}

struct Check<'a, 'b> {
    files: &'a Files,
    budget: &'b mut Budget,
}

impl Check<'_, '_> {
    fn check_message(&mut self, outer: &str, message: &Message) -> Result<(), SchemaError> {
        let scope = joined(outer, &message.name);
        self.budget.steps(1 + scope.len() as u64 / 8)?;
        self.check_fields(&scope, &message.fields)?;
        for oneof in &message.oneofs {
            self.check_fields(&scope, &oneof.fields)?;
        }
        for group in message.all_groups() {
            self.check_message(&scope, &group.body)?;
        }
        self.check_extends(&scope, &message.extends)?;
        for nested in &message.messages {
            self.check_message(&scope, nested)?;
        }
        Ok(())
    }

    fn check_extends(&mut self, scope: &str, extends: &[Extend]) -> Result<(), SchemaError> {
        for extend in extends {
            if self.files.resolve(scope, &extend.name, self.budget)?.is_none() {
                return Err(unresolved(&extend.name));
            }
            self.check_fields(scope, &extend.fields)?;
            for group in &extend.groups {
                self.check_message(scope, &group.body)?;
            }
        }
        Ok(())
    }

    fn check_fields(&mut self, scope: &str, fields: &[Field]) -> Result<(), SchemaError> {
        fields.iter().try_for_each(|field| self.type_name(scope, &field.type_name))
    }

    fn type_name(&mut self, scope: &str, type_name: &TypeName) -> Result<(), SchemaError> {
        self.budget.step()?;
        match type_name {
            TypeName::Name(name) if Scalar::from_name(name).is_some() => Ok(()),
            TypeName::Name(name) => match self.files.resolve(scope, name, self.budget)? {
                Some(_) => Ok(()),
                None => Err(unresolved(name)),
            },
            TypeName::Map(key, value) => {
                check_map_key(key)?;
                self.type_name(scope, value)
            }
        }
    }
}

fn unresolved(name: &str) -> SchemaError {
    SchemaError::invalid(format!("Could not resolve type: {name}"))
}

fn check_map_key(key: &TypeName) -> Result<(), SchemaError> {
    let allowed = match key {
        TypeName::Name(name) => Scalar::from_name(name).is_some_and(Scalar::is_map_key),
        TypeName::Map(..) => false,
    };
    if allowed {
        return Ok(());
    }
    Err(SchemaError::invalid(format!("map key must be non-byte, non-floating point scalar: {key}")))
}

struct Walk<'a> {
    files: &'a Files,
    /// Full names of all known extensions.
    extensions: BTreeSet<String>,
    budget: Budget,
}

impl Walk<'_> {
    fn normalize_file(&mut self, file: &File) -> Result<File, SchemaError> {
        let package = file.package.as_deref().unwrap_or_default();
        let sorted = |paths: &[String]| paths.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        Ok(File {
            syntax: file.syntax.filter(|syntax| *syntax != Syntax::Proto2),
            package: file.package.clone(),
            imports: sorted(&file.imports),
            public_imports: sorted(&file.public_imports),
            weak_imports: Vec::new(),
            option_imports: sorted(&file.option_imports),
            options: self.normalize_options(package, &file.options)?,
            messages: self.normalize_messages(package, &file.messages)?,
            enums: self.normalize_enums(package, &file.enums)?,
            extends: self.normalize_extends(package, &file.extends)?,
            services: self.normalize_services(package, file)?,
        })
    }

    fn normalize_services(&mut self, package: &str, file: &File) -> Result<Vec<super::ast::Service>, SchemaError> {
        let mut services = file.services.clone();
        for service in &mut services {
            service.options = self.normalize_options(package, &service.options)?;
            for rpc in &mut service.rpcs {
                rpc.request = self.type_name(package, &rpc.request)?;
                rpc.response = self.type_name(package, &rpc.response)?;
                rpc.options = self.normalize_options(package, &rpc.options)?;
            }
        }
        Ok(services)
    }

    fn normalize_messages(&mut self, scope: &str, messages: &[Message]) -> Result<Vec<Message>, SchemaError> {
        let kept = messages.iter().filter(|message| message.map_entry().is_none());
        kept.map(|message| self.normalize_message(scope, message)).collect()
    }

    fn normalize_message(&mut self, outer: &str, message: &Message) -> Result<Message, SchemaError> {
        let scope = joined(outer, &message.name);
        self.budget.steps(1 + scope.len() as u64 / 8)?;
        let mut oneofs = Vec::with_capacity(message.oneofs.len());
        for oneof in &message.oneofs {
            oneofs.push(Oneof {
                name: oneof.name.clone(),
                options: self.normalize_options(&scope, &oneof.options)?,
                fields: self.normalize_fields(&scope, &oneof.fields)?,
                groups: self.groups(&scope, &oneof.groups)?,
            });
        }
        oneofs.sort_by_key(|oneof| oneof.fields.first().map_or(0, |field| field.tag));
        Ok(Message {
            name: message.name.clone(),
            visibility: message.visibility,
            reserved: reserved(&message.reserved),
            options: self.normalize_options(&scope, &message.options)?,
            fields: self.normalize_fields(&scope, &message.fields)?,
            oneofs,
            groups: self.groups(&scope, &message.groups)?,
            extensions: self.normalize_extensions(&scope, &message.extensions)?,
            extends: self.normalize_extends(&scope, &message.extends)?,
            messages: self.normalize_messages(&scope, &message.messages)?,
            enums: self.normalize_enums(&scope, &message.enums)?,
        })
    }

    fn groups(&mut self, scope: &str, groups: &[Group]) -> Result<Vec<Group>, SchemaError> {
        let mut result = Vec::with_capacity(groups.len());
        for group in groups {
            let options = self.normalize_options(scope, &group.options)?;
            result.push(Group {
                label: group.label,
                tag: group.tag,
                options,
                body: self.normalize_message(scope, &group.body)?,
            });
        }
        result.sort_by_key(|group| group.tag);
        Ok(result)
    }

    fn normalize_enums(&mut self, scope: &str, enums: &[Enum]) -> Result<Vec<Enum>, SchemaError> {
        let mut enums = enums.to_vec();
        for declared in &mut enums {
            declared.reserved = reserved(&declared.reserved);
            declared.options = self.normalize_options(scope, &declared.options)?;
            for constant in &mut declared.constants {
                self.budget.step()?;
                constant.options = self.normalize_options(scope, &constant.options)?;
            }
            declared.constants.sort_by(|a, b| a.tag.cmp(&b.tag).then_with(|| a.name.cmp(&b.name)));
        }
        Ok(enums)
    }

    fn normalize_extends(&mut self, scope: &str, extends: &[Extend]) -> Result<Vec<Extend>, SchemaError> {
        let mut result = Vec::with_capacity(extends.len());
        for extend in extends {
            let found = self.files.resolve(scope, &extend.name, &mut self.budget)?;
            let full_name = found.ok_or_else(|| unresolved(&extend.name))?.full_name;
            let name = format!(".{full_name}");
            let (fields, groups) = (self.normalize_fields(scope, &extend.fields)?, self.groups(scope, &extend.groups)?);
            result.push(Extend { name, fields, groups });
        }
        Ok(result)
    }

    fn normalize_extensions(&mut self, scope: &str, extensions: &[Extensions]) -> Result<Vec<Extensions>, SchemaError> {
        let mut result = Vec::new();
        for statement in extensions {
            let kept = statement.options.iter().filter(|option| {
                option.parenthesized || !super::options::SOURCE_ONLY_RANGE_OPTIONS.contains(&option.name.as_str())
            });
            let options = self.normalize_options(scope, &kept.cloned().collect::<Vec<_>>())?;
            for range in &statement.ranges {
                self.budget.steps(1 + options.len() as u64)?;
                let range = match *range {
                    ExtensionRange::Range(start, end) if start == end => ExtensionRange::Tag(start),
                    ExtensionRange::Tag(_) | ExtensionRange::Range(..) => *range,
                };
                result.push(Extensions { ranges: vec![range], options: options.clone() });
            }
        }
        result.sort_by_key(|statement| match statement.ranges[..] {
            [ExtensionRange::Tag(start) | ExtensionRange::Range(start, _), ..] => start,
            [] => 0,
        });
        Ok(result)
    }

    fn normalize_fields(&mut self, scope: &str, fields: &[Field]) -> Result<Vec<Field>, SchemaError> {
        let mut result = Vec::with_capacity(fields.len());
        for field in fields {
            let type_name = self.type_name(scope, &field.type_name)?;
            let is_map = matches!(type_name, TypeName::Map(..));
            result.push(Field {
                label: field.label.filter(|label| !(is_map && *label == Label::Repeated)),
                type_name,
                name: field.name.clone(),
                tag: field.tag,
                default: field.default.clone(),
                json_name: field.json_name.clone(),
                options: self.normalize_options(scope, &field.options)?,
                delimited: field.delimited,
            });
        }
        result.sort_by_key(|field| field.tag);
        Ok(result)
    }

    /// Scalars stay, everything else becomes absolute, map entries become maps.
    fn type_name(&mut self, scope: &str, type_name: &TypeName) -> Result<TypeName, SchemaError> {
        self.budget.step()?;
        match type_name {
            TypeName::Name(name) if Scalar::from_name(name).is_some() => Ok(type_name.clone()),
            TypeName::Name(name) => {
                let found = self.files.resolve(scope, name, &mut self.budget)?.ok_or_else(|| unresolved(name))?;
                self.budget.steps(found.full_name.len() as u64 / 8)?;
                match found.map_entry(&mut self.budget)? {
                    // A map entry whose value is a map entry cannot be written as a map.
                    Some((key, value)) if self.is_plain(found.full_name, &value.type_name)? => {
                        let key = self.type_name(found.full_name, &key.type_name)?;
                        let value = self.type_name(found.full_name, &value.type_name)?;
                        Ok(TypeName::Map(Box::new(key), Box::new(value)))
                    }
                    Some(_) | None => Ok(TypeName::Name(format!(".{}", found.full_name))),
                }
            }
            TypeName::Map(key, value) => {
                check_map_key(key)?;
                Ok(TypeName::Map(key.clone(), Box::new(self.type_name(scope, value)?)))
            }
        }
    }

    /// Is the type something else than a map entry? Entries that refer to each other would recurse for ever.
    fn is_plain(&mut self, scope: &str, type_name: &TypeName) -> Result<bool, SchemaError> {
        let found = self.files.resolve_type(scope, type_name, &mut self.budget)?;
        Ok(found.is_none_or(|found| found.kind != Kind::MapEntry))
    }

    fn normalize_options(&mut self, scope: &str, options: &[Opt]) -> Result<Vec<Opt>, SchemaError> {
        if options.is_empty() {
            return Ok(Vec::new());
        }
        let mut result: Vec<Opt> = Vec::with_capacity(options.len());
        // Nested paths of one option are one aggregate: name → place in the result.
        let mut merged = std::collections::BTreeMap::new();
        for option in options {
            self.budget.step()?;
            let name =
                if option.parenthesized { self.extension_name(scope, &option.name)? } else { option.name.clone() };
            let mut value = self.normalize_value(&option.value)?;
            let (name, path) = self.option_path(scope, name, option)?;
            if option.is_features() {
                let source_only = |name: &str| super::options::SOURCE_ONLY_FEATURES.contains(&name);
                if path.first().is_some_and(|part| source_only(part)) {
                    continue;
                }
                if let Value::Map(entries) = &mut value {
                    let before = entries.len();
                    entries.retain(|(name, _)| !source_only(name));
                    if entries.is_empty() && before > 0 {
                        continue;
                    }
                }
            }
            if path.is_empty() {
                result.push(Opt { name, parenthesized: option.parenthesized, path: Vec::new(), value });
                continue;
            }
            let place = *merged.entry((option.parenthesized, name.clone())).or_insert_with(|| {
                let value = Value::Map(Vec::new());
                result.push(Opt { name, parenthesized: option.parenthesized, path: Vec::new(), value });
                result.len() - 1
            });
            merge(&mut result[place].value, &path, value, &mut self.budget)?;
        }
        result.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(result)
    }

    /// The name and the path of an option, as keys of nested aggregates: extensions by full name in brackets, and
    /// `features.a` as the part `a` of `features`.
    fn option_path(&mut self, scope: &str, name: String, option: &Opt) -> Result<(String, Vec<String>), SchemaError> {
        let mut path = Vec::with_capacity(option.path.len());
        let mut own_name = name;
        if option.is_features()
            && let Some((first, rest)) = own_name.split_once('.')
        {
            path.extend(rest.split('.').map(str::to_owned));
            own_name = first.to_owned();
        }
        for part in &option.path {
            self.budget.step()?;
            path.push(match part.strip_prefix('(').and_then(|part| part.strip_suffix(')')) {
                Some(extension) => format!("[{}]", self.extension_name(scope, extension)?),
                None => part.clone(),
            });
        }
        Ok((own_name, path))
    }

    /// The full name of the extension that an option in parentheses means; as written where it is unknown.
    fn extension_name(&mut self, scope: &str, name: &str) -> Result<String, SchemaError> {
        if let Some(full_name) = name.strip_prefix('.') {
            let known = self.extensions.contains(full_name);
            return Ok(if known { full_name.to_owned() } else { name.to_owned() });
        }
        let mut scope = scope;
        loop {
            let candidate = joined(scope, name);
            self.budget.steps(1 + candidate.len() as u64 / 8)?;
            if self.extensions.contains(&candidate) {
                return Ok(candidate);
            }
            if scope.is_empty() {
                return Ok(name.to_owned());
            }
            scope = scope.rfind('.').map_or("", |end| &scope[..end]);
        }
    }

    /// Keys sorted, lists of one element replaced by it, numbers printed by one rule.
    fn normalize_value(&mut self, value: &Value) -> Result<Value, SchemaError> {
        self.budget.step()?;
        Ok(match value {
            Value::Text(_) | Value::Bytes(_) | Value::Word(_) => value.clone(),
            Value::Number(number) => Value::Number(java_decimal(number)),
            Value::Map(entries) => {
                let mut sorted = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    sorted.push((key.clone(), self.normalize_value(value)?));
                }
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Map(sorted)
            }
            Value::List(values) => {
                let mut values =
                    values.iter().map(|value| self.normalize_value(value)).collect::<Result<Vec<_>, _>>()?;
                match values.len() {
                    1 => values.remove(0),
                    _ => Value::List(values),
                }
            }
        })
    }
}

/// Puts `value` at `path` below the aggregate `target`, keys sorted; a second value of one key makes a list.
fn merge(target: &mut Value, path: &[String], value: Value, budget: &mut Budget) -> Result<(), SchemaError> {
    let mut target = target;
    for (position, part) in path.iter().enumerate() {
        budget.step()?;
        let last = position + 1 == path.len();
        if !matches!(target, Value::Map(_)) {
            let mut entries = Entries::default();
            entries.add(String::new(), Vec::new(), std::mem::replace(target, Value::Map(Vec::new())));
            *target = entries.into_value();
        }
        let Value::Map(entries) = target else { return Ok(()) };
        let found = entries.binary_search_by(|(key, _)| key.as_str().cmp(part));
        let place = match found {
            Ok(place) if last => {
                let previous = std::mem::replace(&mut entries[place].1, Value::List(Vec::new()));
                let mut both = Entries::default();
                both.add(part.clone(), Vec::new(), previous);
                both.add(part.clone(), Vec::new(), value);
                if let Value::Map(mut both) = both.into_value() {
                    entries[place].1 = match both.remove(0).1 {
                        // An empty list has brought nothing.
                        Value::List(mut values) if values.len() == 1 => values.remove(0),
                        value => value,
                    };
                }
                return Ok(());
            }
            Ok(place) => place,
            Err(place) if last => {
                // Inserting moves what follows.
                budget.steps((entries.len() - place) as u64 / 16)?;
                entries.insert(place, (part.clone(), value));
                return Ok(());
            }
            Err(place) => {
                budget.steps((entries.len() - place) as u64 / 16)?;
                entries.insert(place, (part.clone(), Value::Map(Vec::new())));
                place
            }
        };
        target = &mut entries[place].1;
    }
    Ok(())
}

/// One statement per value: numbers in order, then names.
fn reserved(statements: &[Reserved]) -> Vec<Reserved> {
    let mut values: Vec<_> = statements
        .iter()
        .flat_map(|statement| &statement.values)
        .map(|value| match value {
            ReservedValue::Range(start, end) if start == end => ReservedValue::Tag(*start),
            ReservedValue::Name(_) | ReservedValue::Tag(_) | ReservedValue::Range(..) => value.clone(),
        })
        .collect();
    values.sort_by(|a, b| {
        let key = |value: &ReservedValue| match value {
            ReservedValue::Tag(tag) => (0, *tag, *tag),
            ReservedValue::Range(start, end) => (0, *start, *end),
            ReservedValue::Name(_) => (1, 0, 0),
        };
        key(a).cmp(&key(b)).then_with(|| match (a, b) {
            (ReservedValue::Name(a), ReservedValue::Name(b)) => a.cmp(b),
            _ => std::cmp::Ordering::Equal,
        })
    });
    values.into_iter().map(|value| Reserved { values: vec![value] }).collect()
}

/// A number as Java's `DecimalFormat` prints it: no exponent, no grouping, at most three decimals, half to even.
/// What is not a plain decimal number (hexadecimal, infinities) stays as written.
fn java_decimal(text: &str) -> String {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if octal || !is_decimal || digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    match text.parse::<f64>() {
        // Beyond this a double has no fraction, and its digits would fill pages.
        Ok(number) if number.abs() < 1e18 => {
            let fixed = format!("{number:.3}");
            fixed.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Ok(_) | Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_java_does() {
        let cases = [
            ("1.23456", "1.235"),
            ("1.0", "1"),
            ("0.0005", "0.001"),
            ("2.5e3", "2500"),
            ("-7", "-7"),
            ("0x1F", "0x1F"),
        ];
        for (text, expected) in cases {
            assert_eq!(java_decimal(text), expected, "{text}");
        }
    }
}
