//! Do two schemas mean the same to a lookup? Java's `Schema.equals`, plus documentation, aliases and enum defaults.
//!
//! White space, the order of keys and of properties do not count. A type written out equals the same type from a
//! reference. Recursive types are compared once per pair.

use std::collections::BTreeSet;

use super::json::Json;
use super::model::{Field, Kind, Model, Named, Node, NodeId, Props};
use super::{COMPARE_DEPTH_MAX, compare_too_deep};
use crate::{Budget, SchemaError};

/// Compares two schemas.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up or types nest too deeply.
pub(crate) fn same(a: &Model, b: &Model, budget: &mut Budget) -> Result<bool, SchemaError> {
    Walk { a: &a.nodes, b: &b.nodes, words_count: true, budget, seen: BTreeSet::new() }.same(a.root, b.root, 0)
}

/// Does a second definition of a name repeat the first one? Documentation, aliases and enum defaults do not count, and
/// no use before the end of a definition equals another.
///
/// # Errors
/// As [`same`].
pub(crate) fn same_definition(
    nodes: &[Node],
    first: NodeId,
    second: NodeId,
    budget: &mut Budget,
) -> Result<bool, SchemaError> {
    Walk { a: nodes, b: nodes, words_count: false, budget, seen: BTreeSet::new() }.same(first, second, 0)
}

struct Walk<'w> {
    a: &'w [Node],
    b: &'w [Node],
    /// Do documentation, aliases and enum defaults count?
    words_count: bool,
    budget: &'w mut Budget,
    seen: BTreeSet<(NodeId, NodeId)>,
}

impl Walk<'_> {
    fn same(&mut self, a_id: NodeId, b_id: NodeId, depth: usize) -> Result<bool, SchemaError> {
        self.budget.step()?;
        if depth > COMPARE_DEPTH_MAX {
            return Err(compare_too_deep());
        }
        let (a, b) = (&self.a[a_id.0 as usize], &self.b[b_id.0 as usize]);
        if std::ptr::eq(a, b) {
            return Ok(true);
        }
        if !same_props(&a.props, &b.props) {
            return Ok(false);
        }
        match (&a.kind, &b.kind) {
            (Kind::Primitive(a), Kind::Primitive(b)) => Ok(a == b),
            (Kind::Array(a), Kind::Array(b)) | (Kind::Map(a), Kind::Map(b)) => self.same(*a, *b, depth + 1),
            (Kind::Union(a), Kind::Union(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b) {
                    if !self.same(*a, *b, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (Kind::Fixed(a), Kind::Fixed(b)) => Ok(self.same_named(&a.named, &b.named) && a.size == b.size),
            (Kind::Enum(a), Kind::Enum(b)) => {
                self.budget.steps(a.symbols.len() as u64)?;
                Ok(self.same_named(&a.named, &b.named)
                    && a.symbols == b.symbols
                    && (!self.words_count || a.default == b.default))
            }
            (Kind::Record(a), Kind::Record(b)) => {
                if !self.seen.insert((a_id, b_id)) {
                    return Ok(true);
                }
                if !self.same_named(&a.named, &b.named) || a.fields.len() != b.fields.len() {
                    return Ok(false);
                }
                for (a, b) in a.fields.iter().zip(&b.fields) {
                    if !self.same_field(a, b) || !self.same(a.type_id, b.type_id, depth + 1)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (
                Kind::Primitive(_)
                | Kind::Array(_)
                | Kind::Map(_)
                | Kind::Union(_)
                | Kind::Record(_)
                | Kind::Enum(_)
                | Kind::Fixed(_)
                | Kind::Forward(_),
                _,
            ) => Ok(false),
        }
    }

    fn same_named(&self, a: &Named, b: &Named) -> bool {
        a.name == b.name
            && (!self.words_count
                || a.doc == b.doc
                    && same_names(a.aliases.iter().map(|name| name.full()), b.aliases.iter().map(|name| name.full())))
    }

    fn same_field(&self, a: &Field, b: &Field) -> bool {
        let same_default = match (&a.default, &b.default) {
            (Some(a), Some(b)) => a.same(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same_default
            && a.name == b.name
            && a.order == b.order
            && same_props(&a.props, &b.props)
            && (!self.words_count
                || a.doc == b.doc
                    && same_names(a.aliases.iter().map(String::as_str), b.aliases.iter().map(String::as_str)))
    }
}

fn same_names<'n>(a: impl Iterator<Item = &'n str>, b: impl Iterator<Item = &'n str>) -> bool {
    a.collect::<BTreeSet<_>>() == b.collect::<BTreeSet<_>>()
}

fn same_props(a: &Props, b: &Props) -> bool {
    let sorted = |props: &Props| -> Vec<usize> {
        let mut positions: Vec<usize> = (0..props.len()).collect();
        positions.sort_unstable_by(|x, y| props[*x].0.cmp(&props[*y].0));
        positions
    };
    a.len() == b.len()
        && (a.is_empty()
            || sorted(a).into_iter().zip(sorted(b)).all(|(x, y)| a[x].0 == b[y].0 && Json::same(&a[x].1, &b[y].1)))
}
