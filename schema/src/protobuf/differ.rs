//! The semantic diff: what a person would say changed from one file to the next, and whom it breaks.
//!
//! Fields are the same field if they have the same number, constants likewise, so renames are seen; messages and enums
//! have nothing but their names. Whether a change breaks readers or writers is not decided here: it is taken from the
//! compatibility comparison in both directions, so that the two can never disagree.

use std::collections::{BTreeMap, BTreeSet};

use super::ast::{Enum, Extend, Field, File, Message, Opt, Rpc, Syntax, TypeName};
use super::compare;
use super::files::Files;
use super::findings::{Finding, Type};
use super::printer;
use super::units::joined;
use crate::diff::{Change, ChangeKind, Diff};
use crate::{Budget, SchemaError};

/// All changes from `old` to `new`.
pub(super) fn diff(old: &Files, new: &Files) -> Result<Diff, SchemaError> {
    // One budget for all of it: a diff is one operation.
    let mut budget = Budget::compare();
    let backward = compare::findings(new, old, &mut budget)?;
    let forward = compare::findings(old, new, &mut budget)?;
    let mut differ = Differ {
        old,
        new,
        budget,
        backward: Breaks::new(backward),
        forward: Breaks::new(forward),
        changes: Vec::new(),
        path: String::new(),
    };
    differ.diff_file(&old.own().file, &new.own().file)?;
    differ.rest();
    Ok(Diff { changes: differ.changes })
}

/// The incompatible findings of one direction, and which of them a change has explained.
struct Breaks {
    by_path: BTreeMap<String, Vec<(Type, bool)>>,
}

impl Breaks {
    fn new(findings: Vec<Finding>) -> Self {
        let mut by_path: BTreeMap<String, Vec<(Type, bool)>> = BTreeMap::new();
        for finding in findings.into_iter().filter(|finding| !finding.kind.is_compatible()) {
            by_path.entry(finding.path).or_default().push((finding.kind, false));
        }
        Self { by_path }
    }

    /// Is one of `kinds` among the findings at one of `paths`? They count as explained then.
    fn take(&mut self, paths: &[String], kinds: &[Type]) -> bool {
        let mut found = false;
        for path in paths {
            for (kind, explained) in self.by_path.get_mut(path).into_iter().flatten() {
                if kinds.contains(kind) {
                    *explained = true;
                    found = true;
                }
            }
        }
        found
    }

    fn unexplained(&self) -> impl Iterator<Item = (&String, Type)> {
        self.by_path.iter().flat_map(|(path, kinds)| {
            kinds.iter().filter(|(_, explained)| !explained).map(move |(kind, _)| (path, *kind))
        })
    }
}

/// What is added or removed, so far as it can break somebody. A field that one direction sees removed the other sees
/// added, hence one list for both.
const FIELD_PRESENCE: [Type; 3] = [Type::OneofFieldRemoved, Type::RequiredFieldRemoved, Type::RequiredFieldAdded];
const FIELD_TYPE: [Type; 3] = [Type::FieldKindChanged, Type::FieldScalarKindChanged, Type::FieldNamedTypeChanged];
const ONEOF: [Type; 2] = [Type::MultipleFieldsMovedToOneof, Type::FieldMovedToExistingOneof];

/// How a change may break somebody.
enum Effect<'k> {
    /// It cannot, and no reader or writer notices it.
    Documentation,
    /// Data or generated code changes, but nobody breaks.
    Harmless,
    /// It breaks whom the comparison says, by these findings.
    By(&'k [Type]),
}

struct Differ<'a> {
    old: &'a Files,
    new: &'a Files,
    budget: Budget,
    backward: Breaks,
    forward: Breaks,
    changes: Vec<Change>,
    path: String,
}

fn added(new: impl Into<String>) -> ChangeKind {
    ChangeKind::Added { new: new.into() }
}

fn removed(old: impl Into<String>) -> ChangeKind {
    ChangeKind::Removed { old: old.into() }
}

fn changed(old: impl Into<String>, new: impl Into<String>) -> ChangeKind {
    ChangeKind::Changed { old: old.into(), new: new.into() }
}

/// The default of a field as text.
fn default_text(field: &Field) -> Option<String> {
    field.default.as_ref().map(|value| match value.scalar() {
        Some(text) => text.to_owned(),
        None => printer::option_texts(&Opt::plain("default", value.clone())).1,
    })
}

/// Something that is there or not, before and after.
fn presence(old: Option<String>, new: Option<String>) -> Option<ChangeKind> {
    match (old, new) {
        (Some(old), Some(new)) if old != new => Some(changed(old, new)),
        (Some(old), None) => Some(removed(old)),
        (None, Some(new)) => Some(added(new)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

impl<'a> Differ<'a> {
    fn push(&mut self, element: &'static str, kind: ChangeKind, effect: Effect<'_>) -> Result<(), SchemaError> {
        let path = format!("#/{}", self.path);
        self.push_at(vec![path], element, kind, effect)
    }

    /// As [`Differ::push`], where the comparison may know the place under several paths; the first is shown.
    fn push_at(
        &mut self,
        paths: Vec<String>,
        element: &'static str,
        kind: ChangeKind,
        effect: Effect<'_>,
    ) -> Result<(), SchemaError> {
        self.budget.steps(1 + paths.iter().map(|path| path.len() as u64 / 8).sum::<u64>())?;
        let (breaks_backward, breaks_forward) = match effect {
            Effect::Documentation | Effect::Harmless => (false, false),
            Effect::By(kinds) => (self.backward.take(&paths, kinds), self.forward.take(&paths, kinds)),
        };
        let documentation = matches!(effect, Effect::Documentation);
        let path = paths.into_iter().next().unwrap_or_default();
        self.changes.push(Change { path, element, kind, breaks_backward, breaks_forward, documentation });
        Ok(())
    }

    fn at<T>(
        &mut self,
        segment: &str,
        act: impl FnOnce(&mut Self) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        self.budget.steps(1 + segment.len() as u64 / 8)?;
        let length = self.path.len();
        if length > 0 {
            self.path.push('/');
        }
        self.path.push_str(segment);
        let result = act(self);
        self.path.truncate(length);
        result
    }

    fn diff_file(&mut self, old: &File, new: &File) -> Result<(), SchemaError> {
        let syntax = |file: &File| file.syntax.unwrap_or(Syntax::Proto2).name();
        if syntax(old) != syntax(new) {
            self.push("syntax", changed(syntax(old), syntax(new)), Effect::Harmless)?;
        }
        if let Some(kind) = presence(old.package.clone(), new.package.clone()) {
            self.push("package", kind, Effect::By(&[Type::PackageChanged]))?;
        }
        let imports = |file: &'a File| -> BTreeSet<&'a str> {
            file.imports.iter().chain(&file.public_imports).map(String::as_str).collect()
        };
        let (before, after) = (imports(&self.old.own().file), imports(&self.new.own().file));
        for path in before.difference(&after) {
            self.push("import", removed(*path), Effect::Documentation)?;
        }
        for path in after.difference(&before) {
            self.push("import", added(*path), Effect::Documentation)?;
        }
        self.diff_options(&old.options, &new.options)?;
        let package = |file: &File| file.package.clone().unwrap_or_default();
        self.diff_types((&package(old), &package(new)), (&old.messages, &new.messages), (&old.enums, &new.enums))?;
        self.diff_extends(&old.extends, &new.extends)?;
        self.diff_services()
    }

    fn diff_types(
        &mut self,
        scopes: (&str, &str),
        messages: (&[Message], &[Message]),
        enums: (&[Enum], &[Enum]),
    ) -> Result<(), SchemaError> {
        fn places<T>(items: &[T], name: fn(&T) -> &str) -> BTreeMap<&str, (usize, &T)> {
            items.iter().enumerate().map(|(place, item)| (name(item), (place, item))).collect()
        }
        let before = places(messages.0, |message| &message.name);
        let after = places(messages.1, |message| &message.name);
        for (place, message) in messages.0.iter().enumerate() {
            let Some((new_place, found)) = after.get(message.name.as_str()) else {
                self.at(&message.name, |this| {
                    this.push("message", removed(&message.name), Effect::By(&[Type::MessageRemoved]))
                })?;
                continue;
            };
            self.at(&message.name, |this| {
                if place != *new_place {
                    // Message indexes in data count positions.
                    this.push("message", ChangeKind::Moved { from: format!("position {place}") }, Effect::Harmless)?;
                }
                let scopes = (joined(scopes.0, &message.name), joined(scopes.1, &message.name));
                this.diff_message((&scopes.0, &scopes.1), message, found)
            })?;
        }
        for message in messages.1.iter().filter(|message| !before.contains_key(message.name.as_str())) {
            self.at(&message.name, |this| {
                this.push("message", added(&message.name), Effect::By(&[Type::MessageRemoved]))
            })?;
        }
        let before = places(enums.0, |declared| &declared.name);
        let after = places(enums.1, |declared| &declared.name);
        for declared in enums.0 {
            self.at(&declared.name, |this| match after.get(declared.name.as_str()) {
                None => this.push("enum", removed(&declared.name), Effect::Harmless),
                Some((_, found)) => this.diff_enumeration(declared, found),
            })?;
        }
        for declared in enums.1.iter().filter(|declared| !before.contains_key(declared.name.as_str())) {
            self.at(&declared.name, |this| this.push("enum", added(&declared.name), Effect::Harmless))?;
        }
        Ok(())
    }

    fn diff_enumeration(&mut self, old: &Enum, new: &Enum) -> Result<(), SchemaError> {
        self.diff_options(&old.options, &new.options)?;
        let by_tag = |declared: &'_ Enum| -> BTreeMap<i32, (String, Vec<Opt>)> {
            let constants = declared.constants.iter();
            constants.map(|constant| (constant.tag, (constant.name.clone(), constant.options.clone()))).collect()
        };
        let (before, after) = (by_tag(old), by_tag(new));
        for tag in before.keys().chain(after.keys()).copied().collect::<BTreeSet<_>>() {
            self.at(&tag.to_string(), |this| match (before.get(&tag), after.get(&tag)) {
                (Some((old, _)), None) => this.push("constant", removed(old), Effect::Harmless),
                (None, Some((new, _))) => this.push("constant", added(new), Effect::Harmless),
                (Some((old, old_options)), Some((new, new_options))) => {
                    if old != new {
                        let kind = ChangeKind::Renamed { old: old.clone(), new: new.clone() };
                        this.push("constant", kind, Effect::Harmless)?;
                    }
                    this.diff_options(old_options, new_options)
                }
                (None, None) => Ok(()),
            })?;
        }
        self.diff_texts("reserved", &printer::reserved_texts(&old.reserved), &printer::reserved_texts(&new.reserved))
    }

    fn diff_message(&mut self, scopes: (&str, &str), old: &Message, new: &Message) -> Result<(), SchemaError> {
        self.diff_options(&old.options, &new.options)?;
        self.diff_texts("reserved", &printer::reserved_texts(&old.reserved), &printer::reserved_texts(&new.reserved))?;
        self.diff_oneofs(old, new)?;
        // Names of oneofs may be long: they are compared once, not for each member.
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        for oneof in old.oneofs.iter().chain(&new.oneofs) {
            self.budget.steps(1 + oneof.name.len() as u64 / 8)?;
            let next = numbers.len();
            numbers.entry(&oneof.name).or_insert(next);
        }
        let (before, after) = (fields(old, &numbers), fields(new, &numbers));
        self.budget.steps((before.len() + after.len()) as u64)?;
        for tag in before.keys().chain(after.keys()).copied().collect::<BTreeSet<_>>() {
            match (before.get(&tag), after.get(&tag)) {
                (Some(place), None) => {
                    let kind = removed(describe(place.0));
                    let paths = self.field_paths(tag, &[place.1.map(|oneof| oneof.name)])?;
                    self.push_at(paths, "field", kind, Effect::By(&FIELD_PRESENCE))?;
                }
                (None, Some(place)) => {
                    let kind = added(describe(place.0));
                    let paths = self.field_paths(tag, &[place.1.map(|oneof| oneof.name)])?;
                    self.push_at(paths, "field", kind, Effect::By(&FIELD_PRESENCE))?;
                }
                (Some(old), Some(new)) => self.diff_field(scopes, tag, *old, *new)?,
                (None, None) => {}
            }
        }
        let groups = |message: &Message| -> BTreeSet<String> {
            message.groups.iter().map(|group| format!("group {} = {}", group.body.name, group.tag)).collect()
        };
        self.diff_texts("group", &groups(old), &groups(new))?;
        self.diff_texts(
            "extensions",
            &printer::extension_texts(&old.extensions),
            &printer::extension_texts(&new.extensions),
        )?;
        self.diff_extends(&old.extends, &new.extends)?;
        self.diff_types(scopes, (&old.messages, &new.messages), (&old.enums, &new.enums))
    }

    /// Oneofs by name; one with another name but the same members was renamed.
    fn diff_oneofs(&mut self, old: &Message, new: &Message) -> Result<(), SchemaError> {
        let members = |message: &Message| -> BTreeMap<String, BTreeSet<i32>> {
            let oneofs = message.oneofs.iter();
            oneofs.map(|oneof| (oneof.name.clone(), oneof.fields.iter().map(|field| field.tag).collect())).collect()
        };
        let (before, after) = (members(old), members(new));
        let mut renamed = BTreeSet::new();
        for (name, tags) in before.iter().filter(|(name, _)| !after.contains_key(*name)) {
            self.budget.steps(after.len() as u64)?;
            let successor = after.iter().find(|(new_name, new_tags)| {
                *new_tags == tags && !tags.is_empty() && !before.contains_key(*new_name) && !renamed.contains(*new_name)
            });
            match successor {
                Some((new_name, _)) => {
                    renamed.insert(new_name.clone());
                    let kind = ChangeKind::Renamed { old: name.clone(), new: new_name.clone() };
                    self.at(new_name, |this| this.push("oneof", kind, Effect::By(&ONEOF)))?;
                }
                None => self.at(name, |this| this.push("oneof", removed(name), Effect::By(&ONEOF)))?,
            }
        }
        for name in after.keys().filter(|name| !before.contains_key(*name) && !renamed.contains(*name)) {
            self.at(name, |this| this.push("oneof", added(name), Effect::By(&ONEOF)))?;
        }
        for (name, tags) in &after {
            if before.get(name).is_some_and(|before| before != tags) {
                let kind = changed(numbers(&before[name]), numbers(tags));
                self.at(name, |this| this.push("oneof", kind, Effect::By(&ONEOF)))?;
            }
        }
        Ok(())
    }

    /// The paths under which the comparison may know a field: it counts as where the reader has it.
    fn field_paths(&mut self, tag: i32, oneofs: &[Option<&str>]) -> Result<Vec<String>, SchemaError> {
        let mut paths: Vec<String> = Vec::new();
        for oneof in oneofs {
            self.budget.steps(1 + (self.path.len() + oneof.map_or(0, str::len)) as u64 / 8)?;
            let path = match oneof {
                Some(oneof) => format!("#/{}/{oneof}/{tag}", self.path),
                None => format!("#/{}/{tag}", self.path),
            };
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    fn diff_field(
        &mut self,
        scopes: (&str, &str),
        tag: i32,
        old: Placed<'_>,
        new: Placed<'_>,
    ) -> Result<(), SchemaError> {
        let names = [new.1, old.1].map(|oneof| oneof.map(|oneof| oneof.name));
        if old == new && self.backward.by_path.is_empty() && self.forward.by_path.is_empty() {
            return Ok(());
        }
        let paths = self.field_paths(tag, &names)?;
        if old.0.name != new.0.name {
            let kind = ChangeKind::Renamed { old: old.0.name.clone(), new: new.0.name.clone() };
            self.push_at(paths.clone(), "field", kind, Effect::Harmless)?;
        }
        if old.1 != new.1 {
            let place = |oneof: Option<&str>| oneof.map_or("the message".to_owned(), |oneof| format!("oneof {oneof}"));
            // The comparison reports a bad move at the oneof, where the change of its members shows it, too.
            self.push_at(paths.clone(), "field", ChangeKind::Moved { from: place(names[1]) }, Effect::Harmless)?;
        }
        if !self.same_type(scopes, &old.0.type_name, &new.0.type_name)? || self.is_found(&paths, &FIELD_TYPE) {
            let kind = changed(old.0.type_name.to_string(), new.0.type_name.to_string());
            self.push_at(paths.clone(), "type", kind, Effect::By(&FIELD_TYPE))?;
        }
        if old.0.label != new.0.label {
            let label = |field: &Field| field.label.map_or("none", |label| label.name());
            let kind = changed(label(old.0), label(new.0));
            self.push_at(paths.clone(), "label", kind, Effect::By(&[Type::FieldNumericLabelChanged]))?;
        }
        if let Some(kind) = presence(default_text(old.0), default_text(new.0)) {
            self.push_at(paths.clone(), "default", kind, Effect::Harmless)?;
        }
        if let Some(kind) = presence(old.0.json_name.clone(), new.0.json_name.clone()) {
            self.push_at(paths, "json_name", kind, Effect::Harmless)?;
        }
        self.at(&tag.to_string(), |this| this.diff_options(&old.0.options, &new.0.options))
    }

    fn is_found(&self, paths: &[String], kinds: &[Type]) -> bool {
        [&self.backward, &self.forward].into_iter().any(|breaks| {
            let found = paths.iter().filter_map(|path| breaks.by_path.get(path)).flatten();
            found.into_iter().any(|(kind, _)| kinds.contains(kind))
        })
    }

    /// Do two written types mean the same, packages aside? A change of the package is a change of its own.
    fn same_type(&mut self, scopes: (&str, &str), old: &TypeName, new: &TypeName) -> Result<bool, SchemaError> {
        if old == new {
            return Ok(true);
        }
        if let (TypeName::Map(old_key, old_value), TypeName::Map(new_key, new_value)) = (old, new) {
            return Ok(old_key == new_key && self.same_type(scopes, old_value, new_value)?);
        }
        let (old_files, new_files) = (self.old, self.new);
        let old = old_files.resolve_type(scopes.0, old, &mut self.budget)?;
        let new = new_files.resolve_type(scopes.1, new, &mut self.budget)?;
        Ok(old.zip(new).is_some_and(|(old, new)| old.local_name() == new.local_name()))
    }

    fn diff_extends(&mut self, old: &[Extend], new: &[Extend]) -> Result<(), SchemaError> {
        let texts = |extends: &[Extend]| -> BTreeSet<String> {
            let fields = extends.iter().flat_map(|extend| extend.fields.iter().map(move |field| (extend, field)));
            fields.map(|(extend, field)| format!("{}: {}", extend.name, describe(field))).collect()
        };
        let names =
            |extends: &[Extend]| extends.iter().map(|extend| extend.name.len() * extend.fields.len()).sum::<usize>();
        let bytes = names(old) + names(new);
        self.budget.steps(bytes as u64 / 8)?;
        self.diff_texts("extension", &texts(old), &texts(new))
    }

    fn diff_services(&mut self) -> Result<(), SchemaError> {
        fn signature(rpc: &Rpc) -> String {
            let stream = |streaming| if streaming { "stream " } else { "" };
            let (request, response) = (stream(rpc.request_streaming), stream(rpc.response_streaming));
            format!("({request}{}) returns ({response}{})", rpc.request, rpc.response)
        }
        type Rpcs<'r> = BTreeMap<&'r str, &'r Rpc>;
        let services = |file: &'a File| -> BTreeMap<&'a str, (Rpcs<'a>, &'a [Opt])> {
            let rpcs =
                |service: &'a super::ast::Service| service.rpcs.iter().map(|rpc| (rpc.name.as_str(), rpc)).collect();
            let services = file.services.iter();
            services.map(|service| (service.name.as_str(), (rpcs(service), service.options.as_slice()))).collect()
        };
        let (before, after) = (services(&self.old.own().file), services(&self.new.own().file));
        for name in before.keys().chain(after.keys()).copied().collect::<BTreeSet<_>>() {
            self.at(name, |this| {
                let (old, new) = match (before.get(name), after.get(name)) {
                    (Some(_), None) => return this.push("service", removed(name), Effect::Harmless),
                    (None, Some(_)) => return this.push("service", added(name), Effect::Harmless),
                    (None, None) => return Ok(()),
                    (Some(old), Some(new)) => (old, new),
                };
                this.diff_options(old.1, new.1)?;
                for rpc in old.0.keys().chain(new.0.keys()).copied().collect::<BTreeSet<_>>() {
                    let (before, after) = (old.0.get(rpc), new.0.get(rpc));
                    let text = |rpc: Option<&&Rpc>| rpc.map(|rpc| signature(rpc));
                    this.at(rpc, |this| {
                        if let Some(kind) = presence(text(before), text(after)) {
                            this.push("rpc", kind, Effect::Harmless)?;
                        }
                        match before.zip(after) {
                            Some((old, new)) => this.diff_options(&old.options, &new.options),
                            None => Ok(()),
                        }
                    })?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Options by name; those that are repeated are compared together.
    fn diff_options(&mut self, old: &[Opt], new: &[Opt]) -> Result<(), SchemaError> {
        if old == new {
            return Ok(());
        }
        self.budget.steps((old.len() + new.len()) as u64)?;
        let texts = |options: &[Opt]| -> BTreeMap<String, String> {
            let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for option in options {
                let (name, value) = printer::option_texts(option);
                texts.entry(name).or_default().push(value);
            }
            texts.into_iter().map(|(name, values)| (name, values.join(", "))).collect()
        };
        let (before, after) = (texts(old), texts(new));
        for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let text = |options: &BTreeMap<String, String>| options.get(name).map(|value| format!("{name} = {value}"));
            if let Some(kind) = presence(text(&before), text(&after)) {
                // Tags and rules of Confluent's options, and the packing of numbers, are more than documentation.
                let harmless = name == "packed" || name.contains("confluent.");
                self.push("option", kind, if harmless { Effect::Harmless } else { Effect::Documentation })?;
            }
        }
        Ok(())
    }

    /// Texts of which only presence counts.
    fn diff_texts(
        &mut self,
        element: &'static str,
        old: &BTreeSet<String>,
        new: &BTreeSet<String>,
    ) -> Result<(), SchemaError> {
        let effect = || if element == "reserved" { Effect::Documentation } else { Effect::Harmless };
        for text in old.difference(new) {
            self.push(element, removed(text), effect())?;
        }
        for text in new.difference(old) {
            self.push(element, added(text), effect())?;
        }
        Ok(())
    }

    /// What the comparison found and no change above has shown: differences inside imported types.
    fn rest(&mut self) {
        let found: BTreeSet<(String, &'static str, bool)> = [(&self.backward, true), (&self.forward, false)]
            .into_iter()
            .flat_map(|(breaks, backward)| {
                breaks.unexplained().map(move |(path, kind)| (path.clone(), kind.name(), backward))
            })
            .collect();
        for (path, kind, backward) in found {
            self.changes.push(Change {
                path,
                element: "imported type",
                kind: changed("the imported version of the old schema", kind),
                breaks_backward: backward,
                breaks_forward: !backward,
                documentation: false,
            });
        }
    }
}

/// A field and its oneof.
type Placed<'m> = (&'m Field, Option<InOneof<'m>>);

/// The oneof that a field stands in; equal numbers are equal names.
#[derive(Clone, Copy)]
struct InOneof<'m> {
    name: &'m str,
    number: usize,
}

impl PartialEq for InOneof<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

fn fields<'m>(message: &'m Message, numbers: &BTreeMap<&str, usize>) -> BTreeMap<i32, Placed<'m>> {
    let plain = message.fields.iter().map(|field| (field.tag, (field, None)));
    let members = message.oneofs.iter().flat_map(|oneof| {
        let number = numbers.get(oneof.name.as_str()).copied().unwrap_or_default();
        let place = Some(InOneof { name: &oneof.name, number });
        oneof.fields.iter().map(move |field| (field.tag, (field, place)))
    });
    plain.chain(members).collect()
}

fn describe(field: &Field) -> String {
    let label = field.label.map_or(String::new(), |label| format!("{} ", label.name()));
    format!("{label}{} {} = {}", field.type_name, field.name, field.tag)
}

fn numbers(tags: &BTreeSet<i32>) -> String {
    tags.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}
