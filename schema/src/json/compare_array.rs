//! Arrays: the schema of all items, tuples against the content model of the other side, and the rest.

#![expect(clippy::wildcard_enum_match_arm, reason = "kinds that are not named are partially open")]

use super::compare::{At, Comparison, Content, Findings, Pair};
use super::kinds;
use super::model::{ArrayRules, Kind, SchemaIndex};
use crate::SchemaError;

impl<'m> Comparison<'m> {
    pub(super) fn compare_arrays(
        &mut self,
        pair: Pair,
        old: &'m ArrayRules,
        new: &'m ArrayRules,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        let was = |index: SchemaIndex| At { index, ..pair.0 };
        let is = |index: SchemaIndex| At { index, ..pair.1 };
        self.compare_optional(old.all_items.map(was), new.all_items.map(is), "items", found)?;
        self.compare_tuples(pair, old, new, found)?;
        if old.forbids_additional != new.forbids_additional {
            let kind =
                if new.forbids_additional { &kinds::ADDITIONAL_ITEMS_REMOVED } else { &kinds::ADDITIONAL_ITEMS_ADDED };
            found.add(kind, "additionalItems", self.policy);
        } else {
            let kinds = (&kinds::ADDITIONAL_ITEMS_NARROWED, &kinds::ADDITIONAL_ITEMS_EXTENDED);
            self.compare_rest("additionalItems", (old.additional.map(was), new.additional.map(is)), kinds, found)?;
        }
        let unevaluated = (old.unevaluated.map(was), new.unevaluated.map(is));
        self.compare_unevaluated(unevaluated, &kinds::UNEVALUATED_ITEMS, found)?;
        self.limit(&old.max_items, &new.max_items, &kinds::MAX_ITEMS, found);
        self.limit(&old.min_items, &new.min_items, &kinds::MIN_ITEMS, found);
        match (old.unique, new.unique) {
            (false, true) => found.add(&kinds::UNIQUE_ITEMS_ADDED, "uniqueItems", self.policy),
            (true, false) => found.add(&kinds::UNIQUE_ITEMS_REMOVED, "uniqueItems", self.policy),
            (_, _) => {}
        }
        self.limit(&old.max_contains, &new.max_contains, &kinds::MAX_CONTAINS, found);
        self.limit(&old.min_contains, &new.min_contains, &kinds::MIN_CONTAINS, found);
        Ok(())
    }

    fn compare_tuples(
        &mut self,
        pair: Pair,
        old: &'m ArrayRules,
        new: &'m ArrayRules,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        let was = |index: SchemaIndex| At { index, ..pair.0 };
        let is = |index: SchemaIndex| At { index, ..pair.1 };
        for position in 0..old.items.len().max(new.items.len()) {
            self.budget.step()?;
            let path = format!("items/{position}");
            match (old.items.get(position).copied().map(was), new.items.get(position).copied().map(is)) {
                (Some(was), Some(is)) => {
                    let below = self.compare(was, is)?;
                    found.add_below(path, &below);
                }
                (Some(removed), None) => match self.item_content(new, pair.1) {
                    Content::Open => found.add(&kinds::ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL, path, self.policy),
                    Content::Partial(schema) => {
                        let below = self.compare(removed, schema)?;
                        let kind = if below.incompatible {
                            &kinds::ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        };
                        found.add_below(path.clone(), &below);
                        found.add(kind, path, self.policy);
                    }
                    Content::Closed => {
                        let kind = if matches!(self.compare_schema(removed).kind, Kind::False) {
                            &kinds::ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL
                        };
                        found.add(kind, path, self.policy);
                    }
                },
                (None, Some(added)) => match self.item_content(old, pair.0) {
                    Content::Open => {
                        let kind = if self.compare_schema(added).kind.is_empty() {
                            &kinds::ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_ADDED_TO_OPEN_CONTENT_MODEL
                        };
                        found.add(kind, path, self.policy);
                    }
                    Content::Partial(schema) => {
                        let below = self.compare(schema, added)?;
                        let kind = if below.incompatible {
                            &kinds::ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        } else {
                            &kinds::ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
                        };
                        found.add_below(path.clone(), &below);
                        found.add(kind, path, self.policy);
                    }
                    Content::Closed => found.add(&kinds::ITEM_ADDED_TO_CLOSED_CONTENT_MODEL, path, self.policy),
                },
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// What an array allows beyond its listed items.
    fn item_content(&self, rules: &ArrayRules, side: At) -> Content {
        if rules.forbids_additional {
            return Content::Closed;
        }
        let rest = match (rules.additional, rules.unevaluated) {
            (Some(schema), _) => return Content::Partial(At { index: schema, ..side }),
            (None, None) => return Content::Open,
            (None, Some(schema)) => At { index: schema, ..side },
        };
        match self.compare_schema(rest).kind {
            Kind::True => Content::Open,
            Kind::False => Content::Closed,
            _ => Content::Partial(rest),
        }
    }
}
