//! Files with the index of their types by full name.
//!
//! Building the index takes steps by the length of the names, because a long name around many short ones would
//! otherwise fill the memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::ast::{Enum, Extend, Field, File, Message, Step};
use crate::{Budget, Reference, SchemaError};

/// Where a file came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The schema's own text.
    Own,
    /// A reference of the schema.
    Reference(Reference),
    /// A file that every registry knows.
    Bundled(&'static str),
}

/// One file and the names of its types.
#[derive(Debug)]
pub(super) struct Unit {
    pub file: File,
    pub origin: Origin,
    types: Vec<TypeEntry>,
}

#[derive(Debug)]
struct TypeEntry {
    full_name: String,
    kind: Kind,
    place: Place,
    /// The position of the message around it among the types of the file.
    outer: Option<u32>,
}

/// Where a type is declared in what is around it.
#[derive(Debug, Clone, Copy)]
enum Place {
    Message(Step),
    Enum(usize),
}

/// What a type name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    /// A message that stands for the entries of a map.
    MapEntry,
    Enum,
}

/// A type that was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub unit: &'a Unit,
    pub full_name: &'a str,
    pub kind: Kind,
    entry: &'a TypeEntry,
}

impl<'a> Found<'a> {
    /// The full name without the package of its file.
    pub(super) fn local_name(&self) -> &'a str {
        self.unit
            .file
            .package
            .as_deref()
            .and_then(|package| self.full_name.strip_prefix(package)?.strip_prefix('.'))
            .unwrap_or(self.full_name)
    }

    /// The message; none for an enum.
    pub(super) fn message(&self) -> Option<&'a Message> {
        if self.kind == Kind::Enum {
            return None;
        }
        self.unit.message(self.entry)
    }

    /// The key and the value of a map entry. Finding them takes steps by the number of fields, since an entry written
    /// by hand may have many.
    pub(super) fn map_entry(&self, budget: &mut Budget) -> Result<Option<(&'a Field, &'a Field)>, SchemaError> {
        let Some(message) = self.message().filter(|_| self.kind == Kind::MapEntry) else { return Ok(None) };
        budget.steps((message.fields.len() + message.options.len()) as u64)?;
        Ok(message.map_entry())
    }

    /// Is this an enum with a constant of this name?
    pub(super) fn has_constant(&self, name: &str, budget: &mut Budget) -> Result<bool, SchemaError> {
        let Some(declared) = self.declared_enum() else { return Ok(false) };
        budget.steps(declared.constants.len() as u64)?;
        Ok(declared.constants.iter().any(|constant| constant.name == name))
    }

    fn declared_enum(&self) -> Option<&'a Enum> {
        if self.kind != Kind::Enum {
            return None;
        }
        let Place::Enum(index) = self.entry.place else { return None };
        self.unit.enums_around(self.entry)?.get(index)
    }

    /// Do both stand for the same declaration in memory?
    pub(super) fn is_same(&self, other: &Found<'_>) -> bool {
        std::ptr::eq(self.entry, other.entry)
    }
}

impl Unit {
    pub(super) fn new(file: File, origin: Origin, budget: &mut Budget) -> Result<Self, SchemaError> {
        let mut types = Vec::new();
        let mut prefix = file.package.clone().unwrap_or_default();
        for (step, message) in file.declared() {
            collect(message, &mut prefix, Around { step, outer: None }, &mut types, budget)?;
        }
        for (position, declared) in file.enums.iter().enumerate() {
            let full_name = joined(&prefix, &declared.name);
            types.push(TypeEntry { full_name, kind: Kind::Enum, place: Place::Enum(position), outer: None });
            budget.step()?;
        }
        Ok(Self { file, origin, types })
    }

    /// The message of an entry. The way up is as long as the depth that the parser allows.
    fn message(&self, entry: &TypeEntry) -> Option<&Message> {
        let Place::Message(step) = entry.place else { return None };
        match entry.outer {
            None => self.file.at(step),
            Some(outer) => self.message(self.types.get(outer as usize)?)?.at(step),
        }
    }

    /// The enums among which an enum is declared.
    fn enums_around(&self, entry: &TypeEntry) -> Option<&[Enum]> {
        match entry.outer {
            None => Some(&self.file.enums),
            Some(outer) => Some(&self.message(self.types.get(outer as usize)?)?.enums),
        }
    }
}

/// Where a message stands: its place in what is around it, and the position of that among the types.
#[derive(Clone, Copy)]
struct Around {
    step: Step,
    outer: Option<u32>,
}

fn index(position: usize) -> u32 {
    u32::try_from(position).expect("members are limited far below 2^32")
}

/// Recursion is bounded by the depth that the parser allows.
fn collect(
    message: &Message,
    prefix: &mut String,
    Around { step, outer }: Around,
    types: &mut Vec<TypeEntry>,
    budget: &mut Budget,
) -> Result<(), SchemaError> {
    let full_name = joined(prefix, &message.name);
    budget.steps(1 + full_name.len() as u64 / 8)?;
    let kind = if message.map_entry().is_some() { Kind::MapEntry } else { Kind::Message };
    let own = Some(index(types.len()));
    types.push(TypeEntry { full_name: full_name.clone(), kind, place: Place::Message(step), outer });
    let before = std::mem::replace(prefix, full_name);
    for (step, nested) in message.declared() {
        collect(nested, prefix, Around { step, outer: own }, types, budget)?;
    }
    for (position, nested) in message.enums.iter().enumerate() {
        let full_name = joined(prefix, &nested.name);
        budget.steps(1 + full_name.len() as u64 / 8)?;
        types.push(TypeEntry { full_name, kind: Kind::Enum, place: Place::Enum(position), outer: own });
    }
    *prefix = before;
    Ok(())
}

/// The simple names of what a block extends by; a group's field has the group's name in lower case.
fn extension_names(extend: &Extend) -> impl Iterator<Item = Cow<'_, str>> {
    let groups = extend.groups.iter().map(|group| Cow::Owned(group.body.name.to_lowercase()));
    extend.fields.iter().map(|field| Cow::Borrowed(field.name.as_str())).chain(groups)
}

/// `scope.name`, or `name` in the empty scope.
pub(super) fn joined(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// Lengths before texts, so that no two lists of names read the same.
fn names_digest(units: &[Arc<Unit>], index: &BTreeMap<String, (u32, u32)>) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut text = |text: &str| {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    };
    for unit in units {
        text(unit.file.package.as_deref().unwrap_or("."));
        match &unit.origin {
            Origin::Own => text("own"),
            Origin::Reference(reference) => {
                text(&reference.name);
                text(&reference.subject);
                text(&reference.version.to_string());
            }
            Origin::Bundled(name) => text(name),
        }
    }
    for (name, (unit, position)) in index {
        text(name);
        let kind = match units[*unit as usize].types[*position as usize].kind {
            Kind::Message => "message",
            Kind::MapEntry => "entry",
            Kind::Enum => "enum",
        };
        text(kind);
        text(&unit.to_string());
    }
    digest.finalize().into()
}

/// Some files. The first declaration of a name wins.
#[derive(Debug, Clone)]
pub(super) struct Units {
    units: Vec<Arc<Unit>>,
    index: BTreeMap<String, (u32, u32)>,
    /// See [`Units::names`]; computed at most once.
    names: OnceLock<[u8; 32]>,
}

impl Units {
    pub(super) fn new(units: Vec<Arc<Unit>>) -> Self {
        let mut index = BTreeMap::new();
        for (unit_position, unit) in units.iter().enumerate() {
            for (position, entry) in unit.types.iter().enumerate() {
                let place = (self::index(unit_position), self::index(position));
                index.entry(entry.full_name.clone()).or_insert(place);
            }
        }
        Self { units, index, names: OnceLock::new() }
    }

    /// The files in their order.
    pub(super) fn list(&self) -> &[Arc<Unit>] {
        &self.units
    }

    /// What a name can mean: a digest of the types that are declared, and of where.
    pub(super) fn names(&self) -> [u8; 32] {
        *self.names.get_or_init(|| names_digest(&self.units, &self.index))
    }

    /// The type with this full name.
    pub(super) fn find(&self, full_name: &str) -> Option<Found<'_>> {
        let (unit, position) = self.index.get(full_name)?;
        let unit = &self.units[*unit as usize];
        let entry = &unit.types[*position as usize];
        Some(Found { unit, full_name: &entry.full_name, kind: entry.kind, entry })
    }

    /// The file with this import path.
    pub(super) fn import(&self, path: &str) -> Option<&Unit> {
        let named = |unit: &&Arc<Unit>| match &unit.origin {
            Origin::Reference(reference) => reference.name == path,
            Origin::Own => false,
            Origin::Bundled(name) => *name == path,
        };
        self.units.iter().find(named).map(AsRef::as_ref)
    }

    /// Adds the full names of all extensions that the files declare.
    pub(super) fn add_extension_names(
        &self,
        names: &mut BTreeSet<String>,
        budget: &mut Budget,
    ) -> Result<(), SchemaError> {
        for unit in &self.units {
            let package = unit.file.package.as_deref().unwrap_or_default();
            for name in unit.file.extends.iter().flat_map(extension_names) {
                budget.steps(1 + package.len() as u64 / 8)?;
                names.insert(joined(package, &name));
            }
            for entry in unit.types.iter().filter(|entry| entry.kind == Kind::Message) {
                budget.step()?;
                let found = Found { unit, full_name: &entry.full_name, kind: entry.kind, entry };
                let Some(message) = found.message() else { continue };
                for name in message.extends.iter().flat_map(extension_names) {
                    budget.steps(1 + entry.full_name.len() as u64 / 8)?;
                    names.insert(joined(&entry.full_name, &name));
                }
            }
        }
        Ok(())
    }
}
