//! Features of editions, resolved: what `features.…` means for each field and enum after inheritance and defaults
//! (protobuf.dev, "Feature Settings for Editions").
//!
//! [`lowered`] brings an edition file to the terms of proto2: presence becomes labels, encodings become `packed` and a
//! mark on the field. Data and compatibility work on lowered files, so that an edition file and its equivalent in proto2
//! or proto3 are one. The canonical text never is.

use std::collections::BTreeSet;

use super::ast::{Enum, Extend, Field, File, Group, Label, Message, Oneof, Opt, Scalar, Syntax, TypeName, Value};
use super::files::Files;
use super::units::{Unit, joined};
use crate::{Budget, SchemaError};

/// When a singular field is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Explicit,
    Implicit,
    LegacyRequired,
}

/// The features that data, and the rules of files, depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    pub presence: Presence,
    /// May an enum field hold numbers without a constant?
    pub open_enums: bool,
    /// Are repeated numbers written in one piece?
    pub packed: bool,
    /// Are messages written between tags, as groups are?
    pub delimited: bool,
    /// Must the JSON names of a message differ?
    pub json: bool,
}

/// The features that descriptor.proto defines, with their values.
const KNOWN: [(&str, &[&str]); 9] = [
    ("field_presence", &["EXPLICIT", "IMPLICIT", "LEGACY_REQUIRED"]),
    ("enum_type", &["OPEN", "CLOSED"]),
    ("repeated_field_encoding", &["PACKED", "EXPANDED"]),
    ("utf8_validation", &["VERIFY", "NONE"]),
    ("message_encoding", &["LENGTH_PREFIXED", "DELIMITED"]),
    ("json_format", &["ALLOW", "LEGACY_BEST_EFFORT"]),
    ("enforce_naming_style", &["STYLE2024", "STYLE_LEGACY", "STYLE2026"]),
    ("default_symbol_visibility", &["EXPORT_ALL", "EXPORT_TOP_LEVEL", "LOCAL_ALL", "STRICT"]),
    ("enforce_proto_limits", &["LEGACY_NO_EXPLICIT_LIMITS", "PROTO_LIMITS2026"]),
];

impl Features {
    /// The defaults of a syntax or an edition.
    pub(super) fn of(syntax: Option<Syntax>) -> Self {
        match syntax {
            None | Some(Syntax::Proto2) => {
                Self { presence: Presence::Explicit, open_enums: false, packed: false, delimited: false, json: false }
            }
            Some(Syntax::Proto3) => {
                Self { presence: Presence::Implicit, open_enums: true, packed: true, delimited: false, json: true }
            }
            Some(Syntax::Edition2023 | Syntax::Edition2024) => {
                Self { presence: Presence::Explicit, open_enums: true, packed: true, delimited: false, json: true }
            }
        }
    }

    /// The features of a file.
    pub(super) fn of_file(file: &File) -> Self {
        Self::of(file.syntax).with(&file.options)
    }

    /// What something inherits from this and sets itself.
    pub(super) fn with(mut self, options: &[Opt]) -> Self {
        for (name, value) in set(options) {
            match (name, value.scalar().unwrap_or_default()) {
                ("field_presence", "EXPLICIT") => self.presence = Presence::Explicit,
                ("field_presence", "IMPLICIT") => self.presence = Presence::Implicit,
                ("field_presence", "LEGACY_REQUIRED") => self.presence = Presence::LegacyRequired,
                ("enum_type", value) => self.open_enums = value == "OPEN",
                ("repeated_field_encoding", value) => self.packed = value == "PACKED",
                ("message_encoding", value) => self.delimited = value == "DELIMITED",
                ("json_format", value) => self.json = value == "ALLOW",
                _ => {}
            }
        }
        self
    }
}

/// The features that options set: name and value. Features of languages, which are extensions, are left out.
pub(super) fn set(options: &[Opt]) -> impl Iterator<Item = (&str, &Value)> {
    options.iter().filter(|option| option.is_features()).flat_map(|option| {
        let name = option.name.strip_prefix("features.").or_else(|| option.path.first().map(String::as_str));
        let single = name.filter(|name| !name.starts_with('(')).map(|name| (name, &option.value));
        let entries: &[(String, Value)] = match (&option.value, name) {
            (Value::Map(entries), None) => entries,
            _ => &[],
        };
        let entries = entries.iter().filter(|(key, _)| !key.starts_with('['));
        single.into_iter().chain(entries.map(|(key, value)| (key.as_str(), value)))
    })
}

/// What is wrong with the features that options set; none if nothing is.
pub(super) fn problem(options: &[Opt]) -> Option<String> {
    set(options).find_map(|(name, value)| {
        let Some((_, values)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            return Some(format!("the feature {name} is not known"));
        };
        let value = value.scalar().unwrap_or_default();
        (!values.contains(&value))
            .then(|| format!("{value} is no value of the feature {name}; it has {}", values.join(", ")))
    })
}

/// The file with its features as labels, options and marks; what has no features stays as it is.
pub(super) fn lowered(file: &File) -> File {
    let features = Features::of_file(file);
    let mut result = file.clone();
    if !file.is_edition() {
        return result;
    }
    result.syntax = Some(Syntax::Proto2);
    result.options.retain(|option| !option.is_features());
    result.messages.iter_mut().for_each(|message| lower_message(message, features));
    result.extends.iter_mut().for_each(|extend| lower_extend(extend, features));
    result.enums.iter_mut().for_each(lower_enum);
    result
}

/// Recursion is bounded by the depth that the parser allows.
fn lower_message(message: &mut Message, outer: Features) {
    let features = outer.with(&message.options);
    message.options.retain(|option| !option.is_features());
    message.fields.iter_mut().for_each(|field| lower_field(field, features, Singular::Labelled));
    for oneof in &mut message.oneofs {
        let features = features.with(&oneof.options);
        oneof.options.retain(|option| !option.is_features());
        oneof.fields.iter_mut().for_each(|field| lower_field(field, features, Singular::Bare));
    }
    message.extends.iter_mut().for_each(|extend| lower_extend(extend, features));
    message.messages.iter_mut().for_each(|nested| lower_message(nested, features));
    message.enums.iter_mut().for_each(lower_enum);
}

fn lower_extend(extend: &mut Extend, features: Features) {
    extend.fields.iter_mut().for_each(|field| lower_field(field, features, Singular::Labelled));
}

fn lower_enum(declared: &mut Enum) {
    declared.options.retain(|option| !option.is_features());
    declared.constants.iter_mut().for_each(|constant| constant.options.retain(|option| !option.is_features()));
}

/// Do singular fields get a label?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Singular {
    Labelled,
    Bare,
}

fn lower_field(field: &mut Field, outer: Features, singular: Singular) {
    let features = outer.with(&field.options);
    field.options.retain(|option| !option.is_features());
    let scalar = match &field.type_name {
        TypeName::Map(..) => return,
        TypeName::Name(name) => Scalar::from_name(name),
    };
    field.delimited = features.delimited && scalar.is_none();
    if field.label.is_none() && singular == Singular::Labelled {
        field.label = match features.presence {
            Presence::Explicit => Some(Label::Optional),
            Presence::LegacyRequired => Some(Label::Required),
            Presence::Implicit => None,
        };
    }
    let packable = scalar.is_some_and(|scalar| !matches!(scalar, Scalar::String | Scalar::Bytes));
    if field.label == Some(Label::Repeated) && packable {
        let packed = if features.packed { "true" } else { "false" };
        field.options.push(Opt::plain("packed", Value::Word(packed.to_owned())));
    }
}

/// The files for a comparison in which editions take part: all of them lowered, groups as the fields and messages that
/// they are on the wire.
pub(super) fn for_comparison(files: &Files, budget: &mut Budget) -> Result<Files, SchemaError> {
    let mut units = Vec::with_capacity(files.units().len());
    for unit in files.units() {
        let mut file = lowered(&unit.file);
        file.messages.iter_mut().for_each(ungroup);
        units.push(std::sync::Arc::new(Unit::new(file, unit.origin.clone(), budget)?));
    }
    Ok(Files::of_units(units))
}

/// Does any of the files have an edition?
pub(super) fn any_edition(files: &Files) -> bool {
    files.units().iter().any(|unit| unit.file.is_edition())
}

fn ungroup(message: &mut Message) {
    let field = |group: &Group| Field {
        label: group.label,
        type_name: TypeName::Name(group.body.name.clone()),
        name: group.body.name.to_lowercase(),
        tag: group.tag,
        default: None,
        json_name: None,
        options: group.options.clone(),
        delimited: true,
    };
    for group in std::mem::take(&mut message.groups) {
        message.fields.push(field(&group));
        message.messages.push(group.body);
    }
    for Oneof { fields, groups, .. } in &mut message.oneofs {
        for group in std::mem::take(groups) {
            fields.push(field(&group));
            message.messages.push(group.body);
        }
    }
    message.messages.iter_mut().for_each(ungroup);
}

/// The full names of the open enums in edition files. Those of proto3 are open as well, which their syntax says.
pub(super) fn open_enums(files: &Files) -> BTreeSet<String> {
    let mut open = BTreeSet::new();
    for unit in files.units().iter().filter(|unit| unit.file.is_edition()) {
        let file = &unit.file;
        let features = Features::of_file(file);
        let package = file.package.as_deref().unwrap_or_default();
        add_open(&file.enums, package, features, &mut open);
        file.messages.iter().for_each(|message| add_open_of(message, package, features, &mut open));
    }
    open
}

fn add_open_of(message: &Message, outer: &str, features: Features, open: &mut BTreeSet<String>) {
    let scope = joined(outer, &message.name);
    let features = features.with(&message.options);
    add_open(&message.enums, &scope, features, open);
    message.messages.iter().for_each(|nested| add_open_of(nested, &scope, features, open));
}

fn add_open(enums: &[Enum], scope: &str, features: Features, open: &mut BTreeSet<String>) {
    let found = enums.iter().filter(|declared| features.with(&declared.options).open_enums);
    open.extend(found.map(|declared| joined(scope, &declared.name)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::parser;

    #[test]
    fn features_are_inherited_and_set_in_every_spelling() {
        let file = parser::parse(
            "edition = \"2023\"; option features.field_presence = IMPLICIT; option features = { enum_type: CLOSED };\n\
             message M { option features.message_encoding = DELIMITED; M a = 1; int32 b = 2 [features = { field_presence: \
             LEGACY_REQUIRED }]; repeated int32 c = 3 [features.repeated_field_encoding = EXPANDED]; int32 d = 4; }",
        );
        let file = file.unwrap();
        let features = Features::of_file(&file);
        assert_eq!((features.presence, features.open_enums), (Presence::Implicit, false));
        let fields = &lowered(&file).messages[0].fields;
        assert_eq!((fields[0].label, fields[0].delimited), (None, true));
        assert_eq!((fields[1].label, fields[1].delimited), (Some(Label::Required), false));
        assert!(fields[2].options.iter().any(|option| option.is("packed") && option.value.is_word("false")));
        assert_eq!(fields[3].label, None);
        let odd = parser::parse("edition = \"2024\"; option features.field_presence = MAYBE;").unwrap();
        assert!(problem(&odd.options).unwrap().contains("MAYBE"));
    }
}
