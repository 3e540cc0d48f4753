//! The files that a schema consists of (its own, its references, the bundled ones), and how a written name finds its type.
//!
//! Resolution is Confluent's, not protoc's: every file counts, imported or not, and a name is tried as a whole from the
//! innermost scope outwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ast::{File, TypeName};
use super::bundled;
use super::units::{Found, Origin, Unit, Units};
use crate::{Budget, ResolvedReference, SchemaError};

/// All files that belong to one schema. The first declaration of a name wins: own, references in order, bundled.
#[derive(Debug)]
pub(super) struct Files {
    /// Own file first, then references.
    units: Units,
}

impl Files {
    /// The files of the schema `file` with its references.
    pub(super) fn new(file: File, references: &[ResolvedReference], budget: &mut Budget) -> Result<Self, SchemaError> {
        let mut units = Vec::with_capacity(1 + references.len());
        units.push(Arc::new(Unit::new(file, Origin::Own, budget)?));
        for resolved in references {
            let name = &resolved.reference.name;
            let file = super::parse_file(&resolved.text)
                .map_err(|error| SchemaError::reference(format!("reference {name}: {error}")))?;
            let origin = Origin::Reference(resolved.reference.clone());
            units.push(Arc::new(Unit::new(file, origin, budget)?));
        }
        Ok(Self::of_units(units))
    }

    /// Other files in place of these, in the same order.
    pub(super) fn of_units(units: Vec<Arc<Unit>>) -> Self {
        Self { units: Units::new(units) }
    }

    /// The bundled files as a schema of their own.
    pub(super) fn bundled() -> Self {
        Self { units: bundled::units().clone() }
    }

    /// What a name can mean: a digest of the types that are declared, and of where.
    pub(super) fn names(&self) -> [u8; 32] {
        self.units.names()
    }

    /// The schema's own file.
    pub(super) fn own(&self) -> &Unit {
        &self.units.list()[0]
    }

    /// Own file first, then references.
    pub(super) fn units(&self) -> &[Arc<Unit>] {
        self.units.list()
    }

    /// The type with this full name.
    pub(super) fn find(&self, full_name: &str) -> Option<Found<'_>> {
        self.units.find(full_name).or_else(|| bundled::units().find(full_name))
    }

    /// The type that `name` means in `scope` (a package, or a message's full name).
    pub(super) fn resolve(
        &self,
        scope: &str,
        name: &str,
        budget: &mut Budget,
    ) -> Result<Option<Found<'_>>, SchemaError> {
        if let Some(full_name) = name.strip_prefix('.') {
            budget.step()?;
            return Ok(self.find(full_name));
        }
        let mut candidate = String::with_capacity(scope.len() + name.len() + 1);
        let mut scope = scope;
        loop {
            budget.steps(1 + (scope.len() + name.len()) as u64 / 8)?;
            if scope.is_empty() {
                return Ok(self.find(name));
            }
            candidate.clear();
            candidate.push_str(scope);
            candidate.push('.');
            candidate.push_str(name);
            if let Some(found) = self.find(&candidate) {
                return Ok(Some(found));
            }
            scope = scope.rfind('.').map_or("", |end| &scope[..end]);
        }
    }

    /// As [`Files::resolve`], for a written type that is not a scalar.
    pub(super) fn resolve_type(
        &self,
        scope: &str,
        type_name: &TypeName,
        budget: &mut Budget,
    ) -> Result<Option<Found<'_>>, SchemaError> {
        match type_name {
            TypeName::Name(name) => self.resolve(scope, name, budget),
            TypeName::Map(..) => Ok(None),
        }
    }

    /// The file with this import path: a reference, else a bundled one.
    pub(super) fn import(&self, path: &str) -> Option<&Unit> {
        self.units.import(path).or_else(|| bundled::units().import(path))
    }

    /// The full names of all extensions that the files declare.
    pub(super) fn extension_names(&self, budget: &mut Budget) -> Result<BTreeSet<String>, SchemaError> {
        let mut names = BTreeSet::new();
        self.units.add_extension_names(&mut names, budget)?;
        bundled::units().add_extension_names(&mut names, budget)?;
        Ok(names)
    }
}
