//! Objects: required names, properties against the content model of the other side, dependencies, and the rest.

use std::collections::BTreeSet;

use super::compare::{At, Comparison, Content, Findings, is_subset};
use super::kinds;
use super::model::{Kind, ObjectRules, SchemaIndex};
use crate::SchemaError;

impl<'m> Comparison<'m> {
    pub(super) fn compare_objects(
        &mut self,
        pair: (At, At),
        old: &'m ObjectRules,
        new: &'m ObjectRules,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        let was = |index: SchemaIndex| At { index, ..pair.0 };
        let is = |index: SchemaIndex| At { index, ..pair.1 };
        self.compare_required(old, new, pair.1, found)?;
        self.compare_properties(pair, old, new, found)?;
        self.compare_dependencies(pair, old, new, found)?;
        if old.forbids_additional != new.forbids_additional {
            let kind = if new.forbids_additional {
                &kinds::ADDITIONAL_PROPERTIES_REMOVED
            } else {
                &kinds::ADDITIONAL_PROPERTIES_ADDED
            };
            found.add(kind, "additionalProperties", self.policy);
        } else {
            let kinds = (&kinds::ADDITIONAL_PROPERTIES_NARROWED, &kinds::ADDITIONAL_PROPERTIES_EXTENDED);
            self.compare_rest("additionalProperties", (old.additional.map(was), new.additional.map(is)), kinds, found)?;
        }
        let unevaluated = (old.unevaluated.map(was), new.unevaluated.map(is));
        self.compare_unevaluated(unevaluated, &kinds::UNEVALUATED_PROPERTIES, found)?;
        self.limit(&old.max_properties, &new.max_properties, &kinds::MAX_PROPERTIES, found);
        self.limit(&old.min_properties, &new.min_properties, &kinds::MIN_PROPERTIES, found);
        Ok(())
    }

    /// Only names that are properties on both sides.
    fn compare_required(
        &mut self,
        old: &ObjectRules,
        new: &ObjectRules,
        new_side: At,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        self.budget.steps((old.required.len() + new.required.len()) as u64)?;
        for name in &old.required {
            if !new.requires(name) && old.property(name).is_some() && new.property(name).is_some() {
                found.add(&kinds::REQUIRED_ATTRIBUTE_REMOVED, format!("required/{name}"), self.policy);
            }
        }
        for name in &new.required {
            if old.requires(name) || old.property(name).is_none() {
                continue;
            }
            if let Some(index) = new.property(name) {
                let kind = if self.compare_schema(At { index, ..new_side }).default.is_some() {
                    &kinds::REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED
                } else {
                    &kinds::REQUIRED_ATTRIBUTE_ADDED
                };
                found.add(kind, format!("required/{name}"), self.policy);
            }
        }
        Ok(())
    }

    fn compare_properties(
        &mut self,
        pair: (At, At),
        old: &'m ObjectRules,
        new: &'m ObjectRules,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        for (name, index) in &old.properties {
            let was = At { index: *index, ..pair.0 };
            match new.property(name) {
                Some(index) => {
                    let below = self.compare(was, At { index, ..pair.1 })?;
                    if !below.is_empty() {
                        found.add_below(format!("properties/{name}"), &below);
                    }
                }
                None => self.property_removed(name, was, new, pair.1, found)?,
            }
        }
        for (name, index) in &new.properties {
            if old.property(name).is_none() {
                self.property_added(name, At { index: *index, ..pair.1 }, new.requires(name), old, pair.0, found)?;
            }
        }
        Ok(())
    }

    fn property_removed(
        &mut self,
        name: &str,
        removed: At,
        new: &'m ObjectRules,
        new_side: At,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        self.budget.step()?;
        let path = format!("properties/{name}");
        let kind = match self.property_content(new, new_side, name)? {
            Content::Open => &kinds::PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL,
            Content::Partial(schema) => {
                let below = self.compare(removed, schema)?;
                found.add_below(path.clone(), &below);
                if below.incompatible {
                    &kinds::PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                } else {
                    &kinds::PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                }
            }
            Content::Closed if matches!(self.compare_schema(removed).kind, Kind::False) => {
                &kinds::PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL
            }
            Content::Closed => &kinds::PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL,
        };
        found.add(kind, path, self.policy);
        Ok(())
    }

    fn property_added(
        &mut self,
        name: &str,
        added: At,
        is_required: bool,
        old: &'m ObjectRules,
        old_side: At,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        self.budget.step()?;
        let path = format!("properties/{name}");
        let schema = self.compare_schema(added);
        let has_default = schema.default.is_some();
        let content = self.property_content(old, old_side, name)?;
        let kind = match content {
            Content::Open if schema.kind.is_empty() => &kinds::PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL,
            Content::Open => match (is_required, has_default) {
                (true, true) => &kinds::REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL,
                (true, false) => &kinds::REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL,
                (false, _) => &kinds::OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL,
            },
            Content::Partial(_) | Content::Closed => match (is_required, has_default) {
                (true, true) => &kinds::REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL,
                (true, false) => &kinds::REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL,
                (false, _) => &kinds::OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL,
            },
        };
        if let Content::Partial(schema) = content {
            let below = self.compare(schema, added)?;
            found.add_below(path.clone(), &below);
            let covered = if below.incompatible {
                &kinds::PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
            } else {
                &kinds::PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
            };
            found.add(covered, path.clone(), self.policy);
        }
        found.add(kind, path, self.policy);
        Ok(())
    }

    fn compare_dependencies(
        &mut self,
        pair: (At, At),
        old: &'m ObjectRules,
        new: &'m ObjectRules,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        let names: BTreeSet<&str> =
            old.property_dependencies.iter().chain(&new.property_dependencies).map(|(name, _)| &**name).collect();
        for name in names {
            self.budget.step()?;
            let of = |rules: &'m ObjectRules| {
                let found = rules.property_dependencies.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
                Some(&rules.property_dependencies[found].1)
            };
            let kind = match (of(old), of(new)) {
                (None, None) => continue,
                (None, Some(_)) => &kinds::DEPENDENCY_ARRAY_ADDED,
                (Some(_), None) => &kinds::DEPENDENCY_ARRAY_REMOVED,
                (Some(was), Some(is)) => {
                    self.budget.steps((was.len() + is.len()) as u64)?;
                    match (is_subset(was, is), is_subset(is, was)) {
                        (true, true) => continue,
                        (true, false) => &kinds::DEPENDENCY_ARRAY_EXTENDED,
                        (false, true) => &kinds::DEPENDENCY_ARRAY_NARROWED,
                        (false, false) => &kinds::DEPENDENCY_ARRAY_CHANGED,
                    }
                }
            };
            found.add(kind, format!("dependencies/{name}"), self.policy);
        }
        let names: BTreeSet<&str> =
            old.schema_dependencies.iter().chain(&new.schema_dependencies).map(|(name, _)| &**name).collect();
        for name in names {
            self.budget.step()?;
            let of = |rules: &'m ObjectRules, side: At| {
                let found = rules.schema_dependencies.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
                Some(At { index: rules.schema_dependencies[found].1, ..side })
            };
            let path = format!("dependencies/{name}");
            match (of(old, pair.0), of(new, pair.1)) {
                (None, None) => {}
                (None, Some(_)) => found.add(&kinds::DEPENDENCY_SCHEMA_ADDED, path, self.policy),
                (Some(_), None) => found.add(&kinds::DEPENDENCY_SCHEMA_REMOVED, path, self.policy),
                (Some(was), Some(is)) => {
                    let below = self.compare(was, is)?;
                    found.add_below(path, &below);
                }
            }
        }
        Ok(())
    }
}
