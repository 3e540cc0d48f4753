//! Uses before the definition: what happens to them when a text is complete.

use std::collections::BTreeMap;

use super::Parser;
use crate::SchemaError;
use crate::avro::model::{Kind, NodeId};

impl Parser {
    /// Leads every edge of the nodes from `from` on past the forward nodes, and makes up for the checks that had to wait.
    pub(super) fn resolve_forward(&mut self, from: usize, root: NodeId) -> Result<NodeId, SchemaError> {
        let mut targets = BTreeMap::new();
        for id in std::mem::take(&mut self.forward) {
            let Kind::Forward(name) = &self.nodes[id.0 as usize].kind else { continue };
            let Some(target) = self.names.get(name) else {
                return Err(SchemaError::invalid(format!("Undefined schema: {name}")));
            };
            targets.insert(id, *target);
        }
        let mut unions = Vec::new();
        for (position, node) in self.nodes.iter_mut().enumerate().skip(from) {
            self.budget.step()?;
            let lead = |id: &mut NodeId| match targets.get(id) {
                Some(target) => {
                    *id = *target;
                    true
                }
                None => false,
            };
            match &mut node.kind {
                Kind::Array(element) | Kind::Map(element) => {
                    lead(element);
                }
                Kind::Union(branches) => {
                    let mut changed = false;
                    for branch in branches {
                        changed |= lead(branch);
                    }
                    if changed {
                        unions.push(position);
                    }
                }
                Kind::Record(record) => {
                    for field in &mut record.fields {
                        lead(&mut field.type_id);
                    }
                }
                Kind::Primitive(_) | Kind::Enum(_) | Kind::Fixed(_) | Kind::Forward(_) => {}
            }
        }
        for position in unions {
            if let Kind::Union(branches) = &self.nodes[position].kind {
                self.check_union(branches)?;
            }
        }
        for (id, position) in std::mem::take(&mut self.late_defaults) {
            let Kind::Record(record) = &self.nodes[id.0 as usize].kind else { continue };
            let Some(field) = record.fields.get(position) else { continue };
            let (name, type_id, default) = (field.name.clone(), field.type_id, field.default.clone());
            if let Some(default) = default {
                self.check_default(&name, type_id, &default)?;
            }
        }
        Ok(targets.get(&root).copied().unwrap_or(root))
    }
}
