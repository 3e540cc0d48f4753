//! Digests of schemas, by which a comparison sees at once that two of them are the same.
//!
//! A schema that refers to another has none, and so has whatever holds it: the same reference may lead to something else.
//! Two schemas with one digest have the same text all the way down, and a schema always reads what it wrote.

use sha2::{Digest as _, Sha256};

use super::model::{Digest, Kind, Model, SchemaIndex};
use super::render;

/// The digest of each schema of the model.
pub(super) fn digests(model: &Model) -> &[Option<Digest>] {
    model.digests.get_or_init(|| {
        let mut walk = Walk { model, digests: vec![None; model.schemas.len()], seen: vec![false; model.schemas.len()] };
        for index in 0..model.schemas.len() {
            walk.schema(SchemaIndex::try_from(index).unwrap_or(SchemaIndex::MAX));
        }
        walk.digests
    })
}

struct Walk<'m> {
    model: &'m Model,
    digests: Vec<Option<Digest>>,
    seen: Vec<bool>,
}

impl Walk<'_> {
    /// Depth is that of the text the model came from: references end here.
    fn schema(&mut self, index: SchemaIndex) -> Option<Digest> {
        let at = index as usize;
        if !std::mem::replace(&mut self.seen[at], true) {
            let mut complete = !matches!(self.model.schemas[at].kind, Kind::Reference { .. });
            for child in child_schemas(&self.model.schemas[at].kind) {
                complete &= self.schema(child).is_some();
            }
            if complete {
                let text = render::text_of_one(self.model, index, &self.digests);
                let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
                    <[u8; 32]>::from(Sha256::digest(text));
                self.digests[at] = Some(first);
            }
        }
        self.digests[at]
    }
}

fn child_schemas(kind: &Kind) -> Vec<SchemaIndex> {
    match kind {
        Kind::Empty
        | Kind::True
        | Kind::False
        | Kind::Boolean
        | Kind::Null
        | Kind::String(_)
        | Kind::Number(_)
        | Kind::Enum(_)
        | Kind::Const(_)
        | Kind::Reference { .. } => Vec::new(),
        Kind::Not(index) => vec![*index],
        Kind::Conditional(parts) => parts.iter().flatten().copied().collect(),
        Kind::Combined { subschemas, .. } => subschemas.clone(),
        Kind::Object(rules) => {
            let named = [&rules.properties, &rules.schema_dependencies, &rules.patterns];
            let named = named.into_iter().flatten().map(|(_, index)| *index);
            named.chain([rules.additional, rules.property_names, rules.unevaluated].into_iter().flatten()).collect()
        }
        Kind::Array(rules) => {
            let one = [rules.all_items, rules.additional, rules.unevaluated, rules.contains];
            rules.items.iter().copied().chain(one.into_iter().flatten()).collect()
        }
    }
}
