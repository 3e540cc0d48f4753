//! Types in a few words, for a person.

use crate::avro::logical;
use crate::avro::model::{Kind, Model, NodeId};

/// A type in a few words, for a person.
pub(super) fn label(model: &Model, id: NodeId) -> String {
    let node = model.node(id);
    let base = match &node.kind {
        Kind::Array(element) => format!("array<{}>", shallow(model, *element)),
        Kind::Map(element) => format!("map<{}>", shallow(model, *element)),
        Kind::Union(branches) => {
            let names: Vec<_> = branches.iter().take(8).map(|branch| shallow(model, *branch)).collect();
            let more = if branches.len() > names.len() { ", …" } else { "" };
            format!("[{}{more}]", names.join(", "))
        }
        Kind::Record(_) | Kind::Enum(_) | Kind::Fixed(_) => {
            format!("{} {}", node.kind.word(), node.kind.branch_name())
        }
        Kind::Primitive(_) | Kind::Forward(_) => node.kind.word().to_owned(),
    };
    match logical::label(node) {
        Some(logical) => format!("{base} ({logical})"),
        None => base,
    }
}

fn shallow(model: &Model, id: NodeId) -> &str {
    model.kind(id).branch_name()
}
