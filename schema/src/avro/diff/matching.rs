//! Which field of a new record continues which field of the old one.

use std::collections::BTreeSet;

use crate::avro::model::{Field, Record};
use crate::avro::reads;

/// For every new field the position of the old one that it continues: of the same name, else by an alias of either.
pub(super) fn matched_fields(old: &Record, new: &Record) -> Vec<Option<usize>> {
    let mut pairs: Vec<_> =
        new.fields.iter().map(|field| old.field(&field.name).map(|(position, _)| position)).collect();
    let mut taken: BTreeSet<usize> = pairs.iter().flatten().copied().collect();
    for (field, pair) in new.fields.iter().zip(&mut pairs).filter(|(_, pair)| pair.is_none()) {
        let by_alias = |alias: &String| old.field(alias).map(|(position, _)| position).filter(|at| !taken.contains(at));
        *pair = field.aliases.iter().find_map(by_alias);
        taken.extend(*pair);
    }
    // The other way round: a field that goes back to the name that the old one had as an alias.
    for (position, field) in old.fields.iter().enumerate() {
        if !taken.contains(&position)
            && let Some((at, _)) = field.aliases.iter().find_map(|alias| new.field(alias))
            && pairs[at].is_none()
        {
            pairs[at] = Some(position);
            taken.insert(position);
        }
    }
    pairs
}

/// Does reading `field` out of data of `writer` fail, because it is not there, has no default, or is there twice?
pub(super) fn lacks(writer: &Record, field: &Field) -> bool {
    match reads::written_field(writer, field, 0) {
        None => true,
        Some(Some(_)) => false,
        Some(None) => field.default.is_none(),
    }
}
