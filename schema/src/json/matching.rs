//! Maximum-cardinality matching of a bipartite graph, after Hopcroft and Karp.
//!
//! No recursion: an augmenting path may be as long as the graph has nodes.

use std::collections::VecDeque;

use crate::{Budget, SchemaError};

/// For each left node its partner on the right, in a matching of maximum size.
///
/// `edges[left]` lists the right nodes in order of preference; `right_count` is the number of right nodes.
///
/// # Errors
/// [`SchemaError::Limit`] when the budget is used up.
pub(super) fn maximum_matching(
    edges: &[Vec<usize>],
    right_count: usize,
    budget: &mut Budget,
) -> Result<Vec<Option<usize>>, SchemaError> {
    let mut partner_of_left: Vec<Option<usize>> = vec![None; edges.len()];
    let mut partner_of_right: Vec<Option<usize>> = vec![None; right_count];
    loop {
        let layers = layers(edges, &partner_of_left, &partner_of_right, budget)?;
        let Some(layers) = layers else { return Ok(partner_of_left) };
        let mut next_edge = vec![0; edges.len()];
        for start in 0..edges.len() {
            if partner_of_left[start].is_none() {
                augment(start, edges, &layers, &mut next_edge, &mut partner_of_left, &mut partner_of_right, budget)?;
            }
        }
    }
}

/// The distance of each left node from a free one, or `None` if no free right node can be reached.
fn layers(
    edges: &[Vec<usize>],
    partner_of_left: &[Option<usize>],
    partner_of_right: &[Option<usize>],
    budget: &mut Budget,
) -> Result<Option<Vec<usize>>, SchemaError> {
    let mut layers = vec![usize::MAX; edges.len()];
    let mut queue = VecDeque::new();
    for (left, partner) in partner_of_left.iter().enumerate() {
        if partner.is_none() {
            layers[left] = 0;
            queue.push_back(left);
        }
    }
    let mut is_augmentable = false;
    while let Some(left) = queue.pop_front() {
        budget.steps(edges[left].len() as u64 / 4 + 1)?;
        for right in &edges[left] {
            match partner_of_right[*right] {
                None => is_augmentable = true,
                Some(next) if layers[next] == usize::MAX => {
                    layers[next] = layers[left] + 1;
                    queue.push_back(next);
                }
                Some(_) => {}
            }
        }
    }
    Ok(is_augmentable.then_some(layers))
}

/// Looks for an augmenting path from a free left node along the layers and flips it.
fn augment(
    start: usize,
    edges: &[Vec<usize>],
    layers: &[usize],
    next_edge: &mut [usize],
    partner_of_left: &mut [Option<usize>],
    partner_of_right: &mut [Option<usize>],
    budget: &mut Budget,
) -> Result<(), SchemaError> {
    let mut path: Vec<(usize, usize)> = Vec::new();
    let mut left = start;
    loop {
        budget.step()?;
        let Some(right) = edges[left].get(next_edge[left]).copied() else {
            // A dead end: back to the node before, which goes on with its next edge.
            match path.pop() {
                Some((before, _)) => left = before,
                None => return Ok(()),
            }
            continue;
        };
        next_edge[left] += 1;
        match partner_of_right[right] {
            None => {
                path.push((left, right));
                for (left, right) in path {
                    partner_of_left[left] = Some(right);
                    partner_of_right[right] = Some(left);
                }
                return Ok(());
            }
            Some(next) if layers[next] == layers[left] + 1 => {
                path.push((left, right));
                left = next;
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(edges: &[Vec<usize>], right_count: usize) -> usize {
        let matching = maximum_matching(edges, right_count, &mut Budget::compare()).unwrap();
        for (left, right) in matching.iter().enumerate() {
            assert!(right.is_none_or(|right| edges[left].contains(&right)));
        }
        matching.iter().flatten().count()
    }

    #[test]
    fn a_greedy_choice_is_corrected() {
        assert_eq!(size(&[vec![0, 1], vec![0]], 2), 2);
        assert_eq!(size(&[vec![0], vec![0], vec![0]], 1), 1);
        assert_eq!(size(&[vec![], vec![0, 1, 2], vec![1], vec![1, 2]], 3), 3);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let edges: Vec<Vec<usize>> = (0..3_000_usize).map(|left| vec![left, left.saturating_sub(1)]).rev().collect();
        assert_eq!(size(&edges, 3_000), 3_000);
    }
}
