//! Combined schemas: one against a plain schema, and two against each other by a maximum matching of their branches.

#![expect(clippy::wildcard_enum_match_arm, reason = "all other kinds are simply not combined")]

use std::collections::BTreeSet;

use super::compare::{At, Comparison, Findings};
use super::matching;
use super::model::{Criterion, Distinct, Kind, Schema, SchemaIndex};
use super::{kinds, render};
use crate::SchemaError;

/// What a pair of branches costs beyond its comparison.
const STEPS_PER_EDGE: u64 = 2;

/// A combined schema as the comparison sees it.
type Combined<'m> = (Criterion, &'m [SchemaIndex]);

fn as_combined(schema: &Schema) -> Option<Combined<'_>> {
    match &schema.kind {
        Kind::Combined { criterion, subschemas, .. } => Some((*criterion, subschemas)),
        _ => None,
    }
}

impl<'m> Comparison<'m> {
    /// Exactly one of the two is combined, and one of its branches answers for it. False if none does.
    pub(super) fn compare_with_combined(
        &mut self,
        (old_at, new_at): (At, At),
        old: &'m Schema,
        new: &'m Schema,
        found: &mut Findings,
    ) -> Result<bool, SchemaError> {
        match (as_combined(old), as_combined(new)) {
            (None, Some((criterion, branches))) => {
                let any = matches!(criterion, Criterion::AnyOf | Criterion::OneOf);
                for index in branches {
                    if branches.len() > 1 && !any {
                        break;
                    }
                    let below = self.compare(old_at, At { index: *index, ..new_at })?;
                    if !below.incompatible {
                        found.add_below("", &below);
                        if branches.len() > 1 {
                            found.add(&kinds::SUM_TYPE_EXTENDED, "", self.policy);
                        }
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Some((criterion, branches)), None) => {
                for index in branches {
                    if branches.len() > 1 && criterion != Criterion::AllOf {
                        break;
                    }
                    let below = self.compare(At { index: *index, ..old_at }, new_at)?;
                    if !below.incompatible {
                        found.add_below("", &below);
                        if branches.len() > 1 {
                            found.add(&kinds::PRODUCT_TYPE_NARROWED, "", self.policy);
                        }
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (_, _) => Ok(false),
        }
    }

    pub(super) fn compare_combined(
        &mut self,
        (old_at, new_at): (At, At),
        (was, olds): Combined<'m>,
        (is, news): Combined<'m>,
        found: &mut Findings,
    ) -> Result<(), SchemaError> {
        if was != is {
            let (old_single, new_single) = (olds.len() == 1, news.len() == 1);
            let extends = is == Criterion::AnyOf
                || (old_single && new_single)
                || (old_single && is == Criterion::OneOf)
                || (new_single && was == Criterion::AllOf);
            if !extends {
                found.add(&kinds::COMBINED_TYPE_CHANGED, "", self.policy);
                return Ok(());
            }
            found.add(&kinds::COMBINED_TYPE_EXTENDED, "", self.policy);
        }
        let olds = self.distinct(olds, old_at)?;
        let news = self.distinct(news, new_at)?;
        if olds.len() < news.len() {
            let kind = if is == Criterion::AllOf { &kinds::PRODUCT_TYPE_EXTENDED } else { &kinds::SUM_TYPE_EXTENDED };
            found.add(kind, "", self.policy);
        } else if olds.len() > news.len() {
            let kind = if was == Criterion::AllOf { &kinds::PRODUCT_TYPE_NARROWED } else { &kinds::SUM_TYPE_NARROWED };
            found.add(kind, "", self.policy);
        }
        let mut edges = Vec::with_capacity(olds.len());
        for old in &olds {
            self.budget.steps(news.len() as u64 * STEPS_PER_EDGE)?;
            let mut row = Vec::new();
            for (position, new) in news.iter().enumerate() {
                if !self.compare(*old, *new)?.incompatible {
                    row.push(position);
                }
            }
            edges.push(row);
        }
        let matching = matching::maximum_matching(&edges, news.len(), self.budget)?;
        let mut count = 0;
        for (position, partner) in matching.iter().enumerate() {
            let Some(partner) = partner else { continue };
            count += 1;
            // Asked again rather than kept: of many branches most pairs are no match.
            let below = self.compare(olds[position], news[*partner])?;
            found.add_below(format!("{}/{position}", was.name()), &below);
        }
        if count < olds.len().min(news.len()) {
            found.add(&kinds::COMBINED_TYPE_SUBSCHEMAS_CHANGED, "", self.policy);
        }
        Ok(())
    }

    /// The branches whose texts differ, in order.
    fn distinct(&mut self, branches: &[SchemaIndex], side: At) -> Result<Vec<At>, SchemaError> {
        let at = |index: &SchemaIndex| At { index: *index, ..side };
        if branches.len() < 2 {
            return Ok(branches.iter().map(at).collect());
        }
        let model = self.compare_model(side);
        let slot = &model.distinct[side.index as usize];
        if let Some(known) = slot.get() {
            self.budget.steps(known.steps)?;
            return Ok(known.branches.iter().map(at).collect());
        }
        let before = self.budget.left();
        let mut seen = BTreeSet::new();
        let mut distinct = Vec::with_capacity(branches.len());
        for index in branches {
            if seen.insert(render::text(model, *index, self.budget)?) {
                distinct.push(*index);
            }
        }
        let steps = before - self.budget.left();
        let known = slot.get_or_init(|| Distinct { branches: distinct, steps });
        Ok(known.branches.iter().map(at).collect())
    }
}
