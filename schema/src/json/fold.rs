//! How the one-keyword schemas of a modern object become one: merged where they are of a kind, else side by side.
//!
//! Source: `docs/formats.md`, "JSON Schema: 2019-09 and 2020-12". Pure data in, pure data out; the keywords are read by [`super::modern`].

use super::model::{ArrayRules, Kind, NumberRules, ObjectRules, StringRules};

/// A member of a fold.
pub(super) enum Part {
    One(Kind),
    /// A generated anyOf of typed schemas, from `type` with an array.
    Types(Vec<Kind>),
}

/// Can two schemas of this kind become one?
fn is_mergeable(kind: &Kind) -> bool {
    matches!(kind, Kind::String(_) | Kind::Number(_) | Kind::Object(_) | Kind::Array(_))
}

pub(super) fn fold_schemas(parts: &mut Vec<Part>, new: Part) {
    match new {
        Part::One(kind) => fold_one(parts, kind),
        Part::Types(mut kinds) => {
            // A typed schema that came before is absorbed by the list of types that contains its kind.
            let absorbed = parts.iter().position(|part| match part {
                Part::One(kind) => is_mergeable(kind) && kinds.iter().any(|member| member.class() == kind.class()),
                Part::Types(_) => false,
            });
            if let (Some(position), 1) = (absorbed, parts.len())
                && let Part::One(mut kind) = parts.remove(position)
                && let Some(member) = kinds.iter_mut().find(|member| member.class() == kind.class())
            {
                std::mem::swap(member, &mut kind);
                merge_objects(member, kind);
            }
            parts.push(Part::Types(kinds));
        }
    }
}

fn fold_one(parts: &mut Vec<Part>, kind: Kind) {
    if is_mergeable(&kind) {
        for part in parts.iter_mut() {
            if let Part::One(existing) = part
                && existing.class() == kind.class()
            {
                merge_objects(existing, kind);
                return;
            }
        }
        if let [Part::Types(members)] = parts.as_mut_slice()
            && let Some(member) = members.iter_mut().find(|member| member.class() == kind.class())
        {
            merge_objects(member, kind);
            return;
        }
    }
    parts.push(Part::One(kind));
}

/// Merges `later` into `kind` of the same class: of single values the later one wins, lists are joined.
fn merge_objects(kind: &mut Kind, later: Kind) {
    match (kind, later) {
        (Kind::String(kind), Kind::String(later)) => {
            take(&mut kind.min_length, later.min_length);
            take(&mut kind.max_length, later.max_length);
            take(&mut kind.pattern, later.pattern);
            take(&mut kind.format, later.format);
            kind.requires_string |= later.requires_string;
        }
        (Kind::Number(kind), Kind::Number(later)) => {
            take(&mut kind.minimum, later.minimum);
            take(&mut kind.maximum, later.maximum);
            take(&mut kind.exclusive_minimum, later.exclusive_minimum);
            take(&mut kind.exclusive_maximum, later.exclusive_maximum);
            take(&mut kind.multiple_of, later.multiple_of);
            kind.requires_number |= later.requires_number;
            kind.requires_integer |= later.requires_integer;
        }
        (Kind::Array(kind), Kind::Array(later)) => {
            take(&mut kind.all_items, later.all_items);
            kind.items.extend(later.items);
            kind.forbids_additional |= later.forbids_additional;
            take(&mut kind.additional, later.additional);
            take(&mut kind.unevaluated, later.unevaluated);
            take(&mut kind.min_items, later.min_items);
            take(&mut kind.max_items, later.max_items);
            kind.unique |= later.unique;
            take(&mut kind.contains, later.contains);
            take(&mut kind.min_contains, later.min_contains);
            take(&mut kind.max_contains, later.max_contains);
            kind.requires_array |= later.requires_array;
        }
        (Kind::Object(kind), Kind::Object(later)) => {
            kind.properties.extend(later.properties);
            kind.required.extend(later.required);
            take(&mut kind.min_properties, later.min_properties);
            take(&mut kind.max_properties, later.max_properties);
            kind.property_dependencies.extend(later.property_dependencies);
            kind.schema_dependencies.extend(later.schema_dependencies);
            kind.forbids_additional |= later.forbids_additional;
            take(&mut kind.additional, later.additional);
            kind.patterns.extend(later.patterns);
            take(&mut kind.property_names, later.property_names);
            take(&mut kind.unevaluated, later.unevaluated);
            kind.requires_object |= later.requires_object;
        }
        // The caller compared the classes.
        (_, _) => {}
    }
}

fn take<T>(slot: &mut Option<T>, later: Option<T>) {
    if later.is_some() {
        *slot = later;
    }
}

pub(super) fn string(rules: StringRules) -> Kind {
    Kind::String(Box::new(rules))
}

pub(super) fn numeric(rules: NumberRules) -> Kind {
    Kind::Number(Box::new(rules))
}

pub(super) fn object_kind(rules: ObjectRules) -> Kind {
    Kind::Object(Box::new(rules))
}

pub(super) fn array_kind(rules: ArrayRules) -> Kind {
    Kind::Array(Box::new(rules))
}

/// Sorts what is looked up by name, after the last merge; of equal property names the later schema wins.
pub(super) fn finish(kind: &mut Kind) {
    if let Kind::Object(rules) = kind {
        rules.finish();
    }
}

/// The keywords that this loader knows; all others are kept as unprocessed.
pub(super) fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "$id"
            | "$anchor"
            | "$dynamicRef"
            | "$dynamicAnchor"
            | "$ref"
            | "$defs"
            | "minLength"
            | "maxLength"
            | "allOf"
            | "anyOf"
            | "oneOf"
            | "additionalProperties"
            | "properties"
            | "patternProperties"
            | "title"
            | "description"
            | "readOnly"
            | "writeOnly"
            | "deprecated"
            | "default"
            | "enum"
            | "const"
            | "type"
            | "not"
            | "required"
            | "maximum"
            | "minimum"
            | "exclusiveMaximum"
            | "exclusiveMinimum"
            | "multipleOf"
            | "uniqueItems"
            | "items"
            | "prefixItems"
            | "contains"
            | "minContains"
            | "maxContains"
            | "if"
            | "then"
            | "else"
            | "dependentSchemas"
            | "dependentRequired"
            | "unevaluatedItems"
            | "unevaluatedProperties"
            | "minItems"
            | "maxItems"
            | "minProperties"
            | "maxProperties"
            | "propertyNames"
            | "pattern"
            | "format"
            | "$schema"
            | "$vocabulary"
    )
}
