//! Can a reader with one file read what a writer with another wrote? Confluent's rules over syntax trees
//! (`docs/formats.md`, "Protobuf: the comparison").
//!
//! Only the schemas' own files are compared; a type of another file is followed where a field uses it. Types are matched
//! by simple name, fields by number. The walk is bounded by the budget and by a depth, and a pair of imported messages
//! whose comparison stands on its own is compared once.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{Enum, Field, File, Label, Message, Oneof, Scalar, TypeName};
use super::features;
use super::files::Files;
use super::findings::{Finding, Type};
use super::units::{Found, Kind, Origin, joined};
use crate::compat::{Difference, Direction};
use crate::{Budget, SchemaError, limits};

/// All differences with their texts.
pub(super) fn differences(
    reader: &Files,
    writer: &Files,
    direction: Direction,
    budget: &mut Budget,
) -> Result<Vec<Difference>, SchemaError> {
    let (reader_word, writer_word) = direction.words();
    let findings = findings(reader, writer, budget)?;
    Ok(findings
        .into_iter()
        .map(|Finding { kind, path }| {
            let description = kind.description(&path, reader_word, writer_word);
            let message = description
                .as_ref()
                .map(|text| format!("{{errorType:\"{}\", description:\"{text}\"}}", kind.name()))
                .unwrap_or_default();
            Difference { kind: kind.name(), path, compatible: description.is_none(), message }
        })
        .collect())
}

/// All differences; `writer` counts as the old schema and `reader` as the new one.
pub(super) fn findings(reader: &Files, writer: &Files, budget: &mut Budget) -> Result<Vec<Finding>, SchemaError> {
    if features::any_edition(reader) || features::any_edition(writer) {
        // What counts is what is on the wire, so both sides are brought to the same terms.
        let reader = features::for_comparison(reader, budget)?;
        let writer = features::for_comparison(writer, budget)?;
        return findings_as_written(&reader, &writer, budget);
    }
    findings_as_written(reader, writer, budget)
}

fn findings_as_written(reader: &Files, writer: &Files, budget: &mut Budget) -> Result<Vec<Finding>, SchemaError> {
    let mut compare = Compare {
        old: Side::new(writer),
        new: Side::new(reader),
        budget,
        found: Vec::new(),
        path: String::new(),
        stack: Vec::new(),
        lowest_cut: usize::MAX,
        memo: BTreeMap::new(),
        same_names: reader.names() == writer.names(),
    };
    let (old, new) = (&writer.own().file, &reader.own().file);
    if old.package != new.package {
        compare.add(Type::PackageChanged)?;
    }
    let scopes = Pair { old: old.package.clone().unwrap_or_default(), new: new.package.clone().unwrap_or_default() };
    compare.compare_types(&scopes, Pair { old: Types::of_file(old), new: Types::of_file(new) })?;
    Ok(compare.found)
}

/// Something of the writer and the same of the reader.
#[derive(Debug, Clone, Copy)]
struct Pair<T> {
    old: T,
    new: T,
}

/// The types that are declared in one place.
#[derive(Clone, Copy)]
struct Types<'a> {
    messages: &'a [Message],
    enums: &'a [Enum],
}

impl<'a> Types<'a> {
    fn of_file(file: &'a File) -> Self {
        Self { messages: &file.messages, enums: &file.enums }
    }

    fn of_message(message: &'a Message) -> Self {
        Self { messages: &message.messages, enums: &message.enums }
    }
}

/// The files of one schema, and which references its own file imports itself.
struct Side<'a> {
    files: &'a Files,
    listed: BTreeSet<&'a str>,
}

impl<'a> Side<'a> {
    fn new(files: &'a Files) -> Self {
        let file = &files.own().file;
        let imports = file.imports.iter().chain(&file.public_imports).chain(&file.weak_imports);
        Self { files, listed: imports.map(String::as_str).collect() }
    }
}

/// Where a field stands in its message.
#[derive(Clone, Copy)]
struct Placed<'a> {
    field: &'a Field,
    oneof: Option<&'a Oneof>,
}

impl Placed<'_> {
    fn tag(&self) -> i32 {
        self.field.tag
    }
}

/// What keeping, copying or writing out one finding costs beyond its path.
const STEPS_PER_FINDING: u64 = 4;

fn steps_of(findings: &[Finding]) -> u64 {
    findings.iter().map(|finding| STEPS_PER_FINDING + finding.path.len() as u64 / 8).sum()
}

/// A written type with the scope in which it is written.
#[derive(Clone, Copy)]
struct Written<'a> {
    type_name: &'a TypeName,
    scope: &'a str,
}

/// What a written type is to the comparison.
enum FieldKind<'f, 'w> {
    Scalar(Group),
    Map(Written<'w>, Written<'w>),
    Message(Option<Found<'f>>),
}

/// Scalars that read each other's encoding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Varint,
    Zigzag,
    Bytes,
    Fixed32,
    Fixed64,
    Float,
    Double,
}

impl Group {
    fn of(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Int32 | Scalar::Int64 | Scalar::Uint32 | Scalar::Uint64 | Scalar::Bool => Self::Varint,
            Scalar::Sint32 | Scalar::Sint64 => Self::Zigzag,
            Scalar::String | Scalar::Bytes => Self::Bytes,
            Scalar::Fixed32 | Scalar::Sfixed32 => Self::Fixed32,
            Scalar::Fixed64 | Scalar::Sfixed64 => Self::Fixed64,
            Scalar::Float => Self::Float,
            Scalar::Double => Self::Double,
        }
    }
}

/// A pair of messages by their places in memory: what is compared, not what it is called.
type Identity = (usize, usize);

fn identity(old: &Message, new: &Message) -> Identity {
    (std::ptr::from_ref(old).addr(), std::ptr::from_ref(new).addr())
}

struct Compare<'a, 'b> {
    old: Side<'a>,
    new: Side<'a>,
    budget: &'b mut Budget,
    found: Vec<Finding>,
    /// Segments joined by `/`, without the leading `#/`.
    path: String,
    /// The pairs of messages that are being compared.
    stack: Vec<Identity>,
    /// The lowest place on the stack at which a recursion was cut since the last comparison began.
    lowest_cut: usize,
    /// What was found in pairs of imported messages whose comparison depended on nothing further up.
    memo: BTreeMap<Identity, Vec<Finding>>,
    /// Does a name mean the same on both sides, wherever it stands in the same scope?
    same_names: bool,
}

impl<'a> Compare<'a, '_> {
    fn add(&mut self, kind: Type) -> Result<(), SchemaError> {
        self.budget.steps(STEPS_PER_FINDING + self.path.len() as u64 / 8)?;
        self.found.push(Finding { kind, path: format!("#/{}", self.path) });
        Ok(())
    }

    /// Does something one segment further down.
    fn at<T>(
        &mut self,
        segment: &str,
        act: impl FnOnce(&mut Self) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        self.budget.steps(segment.len() as u64 / 8)?;
        let length = self.path.len();
        if length > 0 {
            self.path.push('/');
        }
        self.path.push_str(segment);
        let result = act(self);
        self.path.truncate(length);
        result
    }

    /// Types in one place, matched by simple name.
    fn compare_types(&mut self, scopes: &Pair<String>, types: Pair<Types<'a>>) -> Result<(), SchemaError> {
        fn by_name(messages: &[Message]) -> BTreeMap<&str, (usize, &Message)> {
            messages.iter().enumerate().map(|(index, message)| (message.name.as_str(), (index, message))).collect()
        }
        if types.old.messages.is_empty() && types.new.messages.is_empty() {
            return self.compare_enums(types);
        }
        let (old, new) = (by_name(types.old.messages), by_name(types.new.messages));
        self.budget.steps((types.old.messages.len() + types.new.messages.len()) as u64)?;
        for (old_index, message) in types.old.messages.iter().enumerate() {
            match new.get(message.name.as_str()) {
                None if message.map_entry().is_some() => {}
                None => self.at(&message.name, |this| this.add(Type::MessageRemoved))?,
                Some((new_index, found)) => self.at(&message.name, |this| {
                    if *new_index != old_index {
                        this.add(Type::MessageMoved)?;
                    }
                    let scopes =
                        Pair { old: joined(&scopes.old, &message.name), new: joined(&scopes.new, &message.name) };
                    this.budget.steps((scopes.old.len() + scopes.new.len()) as u64 / 8)?;
                    this.compare_message(&scopes, Pair { old: message, new: *found })
                })?,
            }
        }
        for message in types.new.messages.iter().filter(|message| !old.contains_key(message.name.as_str())) {
            self.at(&message.name, |this| this.add(Type::MessageAdded))?;
        }
        self.compare_enums(types)
    }

    fn compare_enums(&mut self, types: Pair<Types<'a>>) -> Result<(), SchemaError> {
        fn by_name(enums: &[Enum]) -> BTreeMap<&str, &Enum> {
            enums.iter().map(|declared| (declared.name.as_str(), declared)).collect()
        }
        if types.old.enums == types.new.enums {
            return self.budget.steps(types.old.enums.len() as u64);
        }
        let (old, new) = (by_name(types.old.enums), by_name(types.new.enums));
        for declared in types.old.enums {
            self.at(&declared.name, |this| match new.get(declared.name.as_str()) {
                None => this.add(Type::EnumRemoved),
                Some(found) => this.compare_constants(declared, found),
            })?;
        }
        for declared in types.new.enums.iter().filter(|declared| !old.contains_key(declared.name.as_str())) {
            self.at(&declared.name, |this| this.add(Type::EnumAdded))?;
        }
        Ok(())
    }

    fn compare_constants(&mut self, old: &Enum, new: &Enum) -> Result<(), SchemaError> {
        fn by_tag(declared: &Enum) -> BTreeMap<i32, &str> {
            declared.constants.iter().map(|constant| (constant.tag, constant.name.as_str())).collect()
        }
        let (old, new) = (by_tag(old), by_tag(new));
        self.budget.steps((old.len() + new.len()) as u64)?;
        for tag in old.keys().chain(new.keys()).copied().collect::<BTreeSet<_>>() {
            let kind = match (old.get(&tag), new.get(&tag)) {
                (Some(_), None) => Type::EnumConstRemoved,
                (None, Some(_)) => Type::EnumConstAdded,
                (Some(old), Some(new)) if old != new => Type::EnumConstChanged,
                (Some(_), Some(_)) | (None, None) => continue,
            };
            self.at(&tag.to_string(), |this| this.add(kind))?;
        }
        Ok(())
    }

    /// A message with its oneofs, fields and nested types.
    fn compare_message(&mut self, scopes: &Pair<String>, messages: Pair<&'a Message>) -> Result<(), SchemaError> {
        let pair = identity(messages.old, messages.new);
        if let Some(place) = self.stack.iter().position(|open| *open == pair) {
            self.lowest_cut = self.lowest_cut.min(place);
            return Ok(());
        }
        if self.stack.len() >= limits::SCHEMA_DEPTH_MAX {
            let allowed = limits::SCHEMA_DEPTH_MAX as u64;
            return Err(SchemaError::Limit { limit: "SCHEMA_DEPTH_MAX", allowed });
        }
        self.stack.push(pair);
        self.budget.step()?;
        let unchanged = self.same_names
            && scopes.old == scopes.new
            && messages.old.fields == messages.new.fields
            && messages.old.oneofs == messages.new.oneofs;
        if unchanged {
            self.budget.steps(messages.old.fields.len() as u64)?;
        } else {
            let old = Fields::of(messages.old);
            let new = Fields::of(messages.new);
            self.budget.steps((old.by_tag.len() + new.by_tag.len()) as u64)?;
            self.compare_oneofs(messages, &old)?;
            self.compare_fields(scopes, messages, &old, &new)?;
        }
        let types = Pair { old: Types::of_message(messages.old), new: Types::of_message(messages.new) };
        self.compare_types(scopes, types)?;
        self.stack.pop();
        Ok(())
    }

    fn compare_oneofs(&mut self, messages: Pair<&'a Message>, old: &Fields<'a>) -> Result<(), SchemaError> {
        if messages.old.oneofs.is_empty() && messages.new.oneofs.is_empty() {
            return Ok(());
        }
        // Oneofs by their names, looked up once each: a name may be long. A number that two oneofs share, which is no
        // valid file but parses, must not make it differ from itself.
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut members: Vec<BTreeSet<i32>> = Vec::new();
        for oneof in &messages.old.oneofs {
            self.budget.steps(1 + oneof.name.len() as u64 / 8)?;
            let place = *places.entry(&oneof.name).or_insert_with(|| {
                members.push(BTreeSet::new());
                members.len() - 1
            });
            members[place].extend(oneof.fields.iter().map(|field| field.tag));
        }
        for oneof in &messages.new.oneofs {
            self.budget.steps(1 + oneof.name.len() as u64 / 8)?;
            let same_name = places.get(oneof.name.as_str()).map(|place| &members[*place]);
            // Members that existed before came from these old oneofs, or from the top level.
            let mut stayed = false;
            let mut old_oneofs: BTreeSet<&str> = BTreeSet::new();
            let mut from_top_level = BTreeSet::new();
            for member in &oneof.fields {
                if same_name.is_some_and(|tags| tags.contains(&member.tag)) {
                    stayed = true;
                    continue;
                }
                match old.get(member.tag) {
                    Some(Placed { oneof: Some(origin), .. }) => {
                        self.budget.steps(1 + origin.name.len() as u64 / 8)?;
                        old_oneofs.insert(&origin.name);
                    }
                    Some(Placed { oneof: None, .. }) => {
                        from_top_level.insert(member.tag);
                    }
                    None => {}
                }
            }
            let from_same = usize::from(stayed && !old_oneofs.contains(oneof.name.as_str()));
            if old_oneofs.len() + from_same + from_top_level.len() > 1 {
                let many = from_top_level.len() > 1;
                let kind = if many { Type::MultipleFieldsMovedToOneof } else { Type::FieldMovedToExistingOneof };
                self.at(&oneof.name, |this| this.add(kind))?;
            }
        }
        let names = |message: &'a Message| -> BTreeSet<&'a str> {
            message.oneofs.iter().map(|oneof| oneof.name.as_str()).collect()
        };
        let (old, new) = (names(messages.old), names(messages.new));
        for name in old.difference(&new) {
            self.at(name, |this| this.add(Type::OneofRemoved))?;
        }
        for name in new.difference(&old) {
            self.at(name, |this| this.add(Type::OneofAdded))?;
        }
        Ok(())
    }

    fn compare_fields(
        &mut self,
        scopes: &Pair<String>,
        messages: Pair<&'a Message>,
        old: &Fields<'a>,
        new: &Fields<'a>,
    ) -> Result<(), SchemaError> {
        let new_oneofs: BTreeSet<&str> = messages.new.oneofs.iter().map(|oneof| oneof.name.as_str()).collect();
        let is_deleted = |oneof: &&Oneof| {
            !new_oneofs.contains(oneof.name.as_str()) && oneof.fields.iter().all(|field| new.get(field.tag).is_none())
        };
        let deleted: BTreeSet<&str> =
            messages.old.oneofs.iter().filter(is_deleted).map(|oneof| oneof.name.as_str()).collect();
        let (mut old_rest, mut new_rest) = (old.by_tag.as_slice(), new.by_tag.as_slice());
        while let Some(tag) = [old_rest, new_rest].iter().filter_map(|rest| rest.first()).map(Placed::tag).min() {
            let pair = (take_tag(&mut old_rest, tag), take_tag(&mut new_rest, tag));
            if let (Some(old), Some(new)) = pair
                && is_same_scalar(old, new)
            {
                continue;
            }
            let act = |this: &mut Self| match pair {
                (Some(Placed { oneof: Some(oneof), .. }), None) => {
                    if deleted.contains(oneof.name.as_str()) {
                        Ok(())
                    } else {
                        this.add(Type::OneofFieldRemoved)
                    }
                }
                (Some(Placed { field, .. }), None) if field.label == Some(Label::Required) => {
                    this.add(Type::RequiredFieldRemoved)
                }
                (Some(_), None) => this.add(Type::FieldRemoved),
                (None, Some(Placed { oneof: Some(_), .. })) => this.add(Type::OneofFieldAdded),
                (None, Some(Placed { field, .. })) if field.label == Some(Label::Required) => {
                    this.add(Type::RequiredFieldAdded)
                }
                (None, Some(_)) => this.add(Type::FieldAdded),
                (Some(old), Some(new)) => this.compare_field(scopes, old, new),
                (None, None) => Ok(()),
            };
            match pair.1.or(pair.0).and_then(|placed| placed.oneof) {
                Some(oneof) => self.at(&oneof.name, |this| this.at(&tag.to_string(), act))?,
                None => self.at(&tag.to_string(), act)?,
            }
        }
        Ok(())
    }

    fn compare_field(&mut self, scopes: &Pair<String>, old: Placed<'a>, new: Placed<'a>) -> Result<(), SchemaError> {
        if old.oneof.is_some() && new.oneof.is_none() {
            self.add(Type::OneofFieldMovedToTopLevel)?;
        }
        if old.field.name != new.field.name {
            self.add(Type::FieldNameChanged)?;
        }
        if old.field.delimited != new.field.delimited {
            // A reader of one encoding of messages takes the other for an unknown field.
            return self.add(Type::FieldKindChanged);
        }
        let written = Pair {
            old: Written { type_name: &old.field.type_name, scope: &scopes.old },
            new: Written { type_name: &new.field.type_name, scope: &scopes.new },
        };
        self.written_type(written, Some(Pair { old: old.field.label, new: new.field.label }))
    }

    /// Compares two written types; `labels` are absent for keys and values of maps.
    fn written_type(
        &mut self,
        written: Pair<Written<'_>>,
        labels: Option<Pair<Option<Label>>>,
    ) -> Result<(), SchemaError> {
        let (old_files, new_files) = (self.old.files, self.new.files);
        let kinds = (kind(old_files, written.old, self.budget)?, kind(new_files, written.new, self.budget)?);
        match kinds {
            (FieldKind::Scalar(old), FieldKind::Scalar(new)) if old != new => self.add(Type::FieldScalarKindChanged),
            (FieldKind::Scalar(group), FieldKind::Scalar(_)) => match labels {
                Some(Pair { old: Some(old), new: Some(new) }) if old != new => self.add(match group {
                    Group::Bytes => Type::FieldStringOrBytesLabelChanged,
                    Group::Varint | Group::Zigzag | Group::Fixed32 | Group::Fixed64 | Group::Float | Group::Double => {
                        Type::FieldNumericLabelChanged
                    }
                }),
                Some(_) | None => Ok(()),
            },
            (FieldKind::Map(old_key, old_value), FieldKind::Map(new_key, new_value)) => {
                self.written_type(Pair { old: old_key, new: new_key }, None)?;
                // A map in a map makes no valid file, but parses; the depth of types is bounded by the parser.
                self.written_type(Pair { old: old_value, new: new_value }, None)
            }
            (FieldKind::Message(Some(old)), FieldKind::Message(Some(new))) => self.named_type(old, new),
            (FieldKind::Message(_), FieldKind::Message(_)) => {
                if written.old.type_name == written.new.type_name {
                    return Ok(());
                }
                self.add(Type::FieldNamedTypeChanged)
            }
            (FieldKind::Scalar(_) | FieldKind::Map(..) | FieldKind::Message(_), _) => self.add(Type::FieldKindChanged),
        }
    }

    fn named_type(&mut self, old: Found<'a>, new: Found<'a>) -> Result<(), SchemaError> {
        if old.local_name() != new.local_name() {
            return self.add(Type::FieldNamedTypeChanged);
        }
        let same_version = match (&old.unit.origin, &new.unit.origin) {
            // The types of the own files are compared where they are declared.
            (Origin::Own, Origin::Own) => true,
            (Origin::Reference(old), Origin::Reference(new)) => {
                old.subject == new.subject
                    && old.version == new.version
                    && self.old.listed.contains(old.name.as_str())
                    && self.new.listed.contains(new.name.as_str())
            }
            (Origin::Bundled(_), Origin::Bundled(_)) => old.is_same(&new),
            (Origin::Own | Origin::Reference(_) | Origin::Bundled(_), _) => false,
        };
        let (Some(old_message), Some(new_message)) = (old.message(), new.message()) else { return Ok(()) };
        if same_version {
            return Ok(());
        }
        let findings = self.compare_imported(Pair { old, new }, Pair { old: old_message, new: new_message })?;
        if findings.iter().all(|finding| finding.kind.is_compatible()) {
            return Ok(());
        }
        self.budget.steps(steps_of(&findings))?;
        self.found.extend(findings);
        self.add(Type::FieldNamedTypeChanged)
    }

    /// The differences of two messages outside the own files, with paths that begin at the messages.
    fn compare_imported(
        &mut self,
        types: Pair<Found<'a>>,
        messages: Pair<&'a Message>,
    ) -> Result<Vec<Finding>, SchemaError> {
        let pair = identity(messages.old, messages.new);
        if let Some(known) = self.memo.get(&pair) {
            self.budget.steps(1 + steps_of(known))?;
            return Ok(known.clone());
        }
        let path = std::mem::replace(&mut self.path, types.new.local_name().replace('.', "/"));
        let found = std::mem::take(&mut self.found);
        let outer_cut = std::mem::replace(&mut self.lowest_cut, usize::MAX);
        let depth = self.stack.len();
        let scopes = Pair { old: types.old.full_name.to_owned(), new: types.new.full_name.to_owned() };
        self.compare_message(&scopes, messages)?;
        let findings = std::mem::replace(&mut self.found, found);
        self.path = path;
        // A recursion that was cut further up has left something out that the outer comparison reports; only what
        // is whole may be used again.
        if self.lowest_cut >= depth {
            self.memo.insert(pair, findings.clone());
        }
        self.lowest_cut = self.lowest_cut.min(outer_cut);
        Ok(findings)
    }
}

/// All fields of a message by number, members of oneofs included; of several with one number the last one counts.
struct Fields<'a> {
    by_tag: Vec<Placed<'a>>,
}

impl<'a> Fields<'a> {
    fn of(message: &'a Message) -> Self {
        let plain = message.fields.iter().map(|field| Placed { field, oneof: None });
        let members = message
            .oneofs
            .iter()
            .flat_map(|oneof| oneof.fields.iter().map(|field| Placed { field, oneof: Some(oneof) }));
        let mut by_tag: Vec<_> = plain.chain(members).collect();
        by_tag.reverse();
        // Stable, so that the last one comes first of its number.
        by_tag.sort_by_key(Placed::tag);
        by_tag.dedup_by_key(|placed| placed.tag());
        Self { by_tag }
    }

    fn get(&self, tag: i32) -> Option<Placed<'a>> {
        let found = self.by_tag.binary_search_by_key(&tag, Placed::tag).ok()?;
        Some(self.by_tag[found])
    }
}

/// Takes the first of `fields` if it has this number.
fn take_tag<'a>(fields: &mut &[Placed<'a>], tag: i32) -> Option<Placed<'a>> {
    let (first, rest) = fields.split_first().filter(|(first, _)| first.tag() == tag)?;
    *fields = rest;
    Some(*first)
}

/// What most fields of two versions are, seen without resolving or naming anything: a scalar that has not changed.
fn is_same_scalar(old: Placed<'_>, new: Placed<'_>) -> bool {
    let same_place = match (old.oneof, new.oneof) {
        (Some(_), None) => false,
        (None | Some(_), _) => true,
    };
    same_place
        && old.field.name == new.field.name
        && old.field.label == new.field.label
        && old.field.type_name == new.field.type_name
        && matches!(&new.field.type_name, TypeName::Name(name) if Scalar::from_name(name).is_some())
}

fn kind<'f: 'w, 'w>(
    files: &'f Files,
    written: Written<'w>,
    budget: &mut Budget,
) -> Result<FieldKind<'f, 'w>, SchemaError> {
    let name = match written.type_name {
        TypeName::Map(key, value) => {
            let of = |type_name| Written { type_name, scope: written.scope };
            return Ok(FieldKind::Map(of(key), of(value)));
        }
        TypeName::Name(name) => name,
    };
    if let Some(scalar) = Scalar::from_name(name) {
        return Ok(FieldKind::Scalar(Group::of(scalar)));
    }
    let Some(found) = files.resolve(written.scope, name, budget)? else { return Ok(FieldKind::Message(None)) };
    Ok(match found.kind {
        Kind::Enum => FieldKind::Scalar(Group::Varint),
        Kind::Message => FieldKind::Message(Some(found)),
        Kind::MapEntry => match found.map_entry(budget)? {
            Some((key, value)) => {
                let of = |field: &'f Field| Written { type_name: &field.type_name, scope: found.full_name };
                FieldKind::Map(of(key), of(value))
            }
            None => FieldKind::Message(Some(found)),
        },
    })
}
