//! Which elements of a list changed their place: as few as possible.

/// Of pairs (old position, new position), in new order, those outside a longest run that kept its order.
pub(super) fn moved(kept: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // Patience sorting: `tails[n]` is the pair that ends the best run of length n + 1 so far.
    let mut tails: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(kept.len());
    for (at, (old, _)) in kept.iter().enumerate() {
        let length = tails.partition_point(|tail| kept[*tail].0 < *old);
        previous.push(length.checked_sub(1).map(|shorter| tails[shorter]));
        if length == tails.len() {
            tails.push(at);
        } else {
            tails[length] = at;
        }
    }
    let mut in_run = vec![false; kept.len()];
    let mut at = tails.last().copied();
    while let Some(position) = at {
        in_run[position] = true;
        at = previous[position];
    }
    kept.iter().zip(in_run).filter(|(_, in_run)| !in_run).map(|(pair, _)| *pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_left_the_order_has_moved() {
        let check = |old_positions: &[usize], expected: &[usize]| {
            let kept: Vec<_> = old_positions.iter().copied().zip(0..).collect();
            let found: Vec<_> = moved(&kept).into_iter().map(|(_, new)| new).collect();
            assert_eq!(found, expected, "{old_positions:?}");
        };
        check(&[], &[]);
        check(&[0, 1, 2, 5], &[]);
        check(&[3, 0, 1, 2], &[0]);
        check(&[1, 2, 3, 0], &[3]);
        check(&[1, 0], &[0]);
    }
}
