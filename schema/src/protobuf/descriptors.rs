//! Descriptor pools: the bundled files as one, and a schema with its references as another.
//!
//! Pools serve options, `format=serialized` and data only; identity and compatibility never need one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use prost_reflect::DescriptorPool;
use prost_reflect::prost_types::{DescriptorProto, FileDescriptorProto};

use super::encode::{Encoded, Mode, encode};
use super::files::Files;
use super::units::{Origin, Unit};
use crate::{ResolvedReference, SchemaError};

/// google/protobuf, google/type and Confluent's files.
pub(super) fn bundled_pool() -> &'static DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        let mut pool = DescriptorPool::new();
        let files = Files::bundled();
        for unit in files.units() {
            let Origin::Bundled(name) = unit.origin else { continue };
            // No options, since options are what this pool is needed for.
            let mut unit_file = unit.file.clone();
            super::options::retain(&mut unit_file, &|option| option.is("map_entry"));
            let plain = Unit::new(unit_file, unit.origin.clone(), &mut crate::Budget::walk());
            let plain = plain.expect("bundled files are small");
            let encoded =
                encode(&files, &plain, Mode::Resolved(name.to_owned()), None).expect("bundled files are sound");
            pool.decode_file_descriptor_proto(encoded.bytes.as_slice()).expect("bundled files are sound");
        }
        pool
    })
}

/// The descriptor of a file for a pool, under this name.
fn descriptor_of(files: &Files, unit: &Unit, name: String) -> Result<Encoded, SchemaError> {
    encode(files, unit, Mode::Resolved(name), Some(bundled_pool()))
}

/// A pool with all files of the schema, used by types or not: what options mean is defined anywhere among them. What
/// makes no descriptor is left out.
pub(super) fn pool_with_all(files: &Files) -> Result<DescriptorPool, SchemaError> {
    let mut pool = bundled_pool().clone();
    for unit in files.units() {
        let name = match &unit.origin {
            Origin::Own => own_name(files),
            Origin::Reference(reference) => reference.name.clone(),
            Origin::Bundled(name) => (*name).to_owned(),
        };
        if unit.origin == Origin::Own || pool.get_file_by_name(&name).is_some() {
            continue;
        }
        add_if_sound(&mut pool, &descriptor_of(files, unit, name)?);
    }
    add_if_sound(&mut pool, &descriptor_of(files, files.own(), own_name(files))?);
    Ok(pool)
}

fn add_if_sound(pool: &mut DescriptorPool, encoded: &Encoded) {
    let mut attempt = pool.clone();
    if add(&mut attempt, encoded).is_ok() {
        *pool = attempt;
    }
}

/// A file name for the schema's own file that no import has.
fn own_name(files: &Files) -> String {
    let mut own_name = "default".to_owned();
    while files.import(&own_name).is_some() {
        own_name.push('_');
    }
    own_name
}

/// A pool with the schema's own file under the returned name and everything that it uses.
pub(super) fn pool(files: &Files) -> Result<(DescriptorPool, String), SchemaError> {
    let own_name = own_name(files);
    let own = descriptor_of(files, files.own(), own_name.clone())?;
    let mut pool = add_used(files, &own)?;
    add(&mut pool, &own)?;
    Ok((pool, own_name))
}

/// The bundled pool and the references that `own` uses, directly or not.
fn add_used(files: &Files, own: &Encoded) -> Result<DescriptorPool, SchemaError> {
    let mut pool = bundled_pool().clone();
    let mut encoded = BTreeMap::new();
    let mut open: Vec<String> = own.used.iter().cloned().collect();
    while let Some(name) = open.pop() {
        if encoded.contains_key(&name) || pool.get_file_by_name(&name).is_some() {
            continue;
        }
        let Some(unit) = files.import(&name) else { continue };
        let found = descriptor_of(files, unit, name.clone())?;
        open.extend(found.used.iter().cloned());
        encoded.insert(name, found);
    }
    // References come in dependency order, which is the order that a pool needs.
    for unit in files.units() {
        let Origin::Reference(reference) = &unit.origin else { continue };
        if let Some(found) = encoded.get(&reference.name) {
            add(&mut pool, found)?;
        }
    }
    Ok(pool)
}

fn add(pool: &mut DescriptorPool, encoded: &Encoded) -> Result<(), SchemaError> {
    pool.decode_file_descriptor_proto(encoded.bytes.as_slice())
        .map_err(|error| SchemaError::invalid(format!("the schema makes no descriptor: {error}")))
}

/// A pool that knows the extensions which the options of `descriptor` may use: those of the bundled files, of the
/// references, and of the file itself. What cannot be built is left out; its options are then unknown and dropped.
pub(super) fn pool_for_options(
    descriptor: &FileDescriptorProto,
    references: &[ResolvedReference],
) -> Result<DescriptorPool, SchemaError> {
    let mut pool = bundled_pool().clone();
    let needs_more = descriptor.dependency.iter().any(|path| pool.get_file_by_name(path).is_none());
    let extends = !descriptor.extension.is_empty() || descriptor.message_type.iter().any(extends_anything);
    // Imports for options only are not in the generated type, so references may be needed without a dependency.
    let is_edition = descriptor.syntax() == "editions";
    if (references.is_empty() || !(needs_more || is_edition)) && !extends {
        return Ok(pool);
    }
    let mut budget = crate::Budget::walk();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    // A base64 text among the references would come here again; its own references are not known, so it ends there.
    let texts = references.iter().filter(|reference| super::parser::parse(&reference.text).is_ok());
    let texts: Vec<_> = texts.cloned().collect();
    let files = Files::new(super::ast::File::default(), &texts, &mut budget)?;
    for resolved in &texts {
        let name = resolved.reference.name.as_str();
        let Some(unit) = files.import(name) else { continue };
        if known.insert(name) && pool.get_file_by_name(name).is_none() {
            let encoded = descriptor_of(&files, unit, name.to_owned())?;
            add_if_sound(&mut pool, &encoded);
        }
    }
    if extends {
        let mut own = descriptor.clone();
        own.name = Some(String::from("\u{1}own"));
        // prost-reflect panics where it refuses a syntax, an empty one too.
        own.syntax = own.syntax.filter(|syntax| syntax == "proto3");
        // What data needs is not needed here, and features are not known to the library.
        own.options = None;
        own.dependency.retain(|path| pool.get_file_by_name(path).is_some());
        own.public_dependency.clear();
        own.weak_dependency.clear();
        let mut attempt = pool.clone();
        if attempt.add_file_descriptor_proto(own).is_ok() {
            pool = attempt;
        }
    }
    Ok(pool)
}

/// Does the message declare an extension, itself or further in? Recursion is bounded by the decoder.
fn extends_anything(message: &DescriptorProto) -> bool {
    !message.extension.is_empty() || message.nested_type.iter().any(extends_anything)
}
