//! Uses before the end of a definition: what happens to them when a text is complete.
//!
//! Java copies all schemas then, each definition in the order of their ends, and checks the defaults of the copies.
//! Which records are complete at which moment depends on the order of that walk, so [`Parser::check_late_defaults`]
//! follows it. Chains of forward uses can be long: the walk keeps its own stack.

use std::collections::{BTreeMap, BTreeSet};

use super::Parser;
use crate::SchemaError;
use crate::avro::defaults::Copying;
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
        let late = std::mem::take(&mut self.late_defaults);
        if !late.is_empty() {
            self.check_late_defaults(from, root, &late, &targets)?;
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
        Ok(targets.get(&root).copied().unwrap_or(root))
    }

    /// Walks as Java's copying does and checks the defaults that met a forward node when the record gets its fields.
    fn check_late_defaults(
        &mut self,
        from: usize,
        root: NodeId,
        late: &[(NodeId, usize)],
        targets: &BTreeMap<NodeId, NodeId>,
    ) -> Result<(), SchemaError> {
        let mut by_record: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (id, position) in late {
            by_record.entry(*id).or_default().push(*position);
        }
        let mut copying = Copying { targets: targets.clone(), incomplete: BTreeSet::new() };
        let mut copied = BTreeSet::new();
        let mut visited = BTreeSet::new();
        let starts: Vec<NodeId> = self.defined.iter().copied().chain([root]).collect();
        let mut visits = 0_usize;
        for start in starts {
            visits += 1;
            let mut steps = vec![Step::Enter(start, visits)];
            while let Some(step) = steps.pop() {
                self.budget.step()?;
                let (id, visit) = match step {
                    Step::Enter(id, visit) => (id, visit),
                    Step::Leave(id) => {
                        if copying.incomplete.contains(&id) {
                            for position in by_record.remove(&id).unwrap_or_default() {
                                self.check_late_default(id, position, &copying)?;
                            }
                            copying.incomplete.remove(&id);
                        }
                        continue;
                    }
                };
                match &self.nodes[id.0 as usize].kind {
                    Kind::Forward(_) => {
                        if let Some(target) = targets.get(&id)
                            && target.0 as usize >= from
                            && !copied.contains(target)
                        {
                            visits += 1;
                            steps.push(Step::Enter(*target, visits));
                        }
                    }
                    Kind::Array(element) | Kind::Map(element) => steps.push(Step::Enter(*element, visit)),
                    Kind::Union(branches) => {
                        steps.extend(branches.iter().rev().map(|branch| Step::Enter(*branch, visit)));
                    }
                    Kind::Record(record) if id.0 as usize >= from && visited.insert((visit, id)) => {
                        if copied.insert(id) {
                            copying.incomplete.insert(id);
                        }
                        steps.push(Step::Leave(id));
                        steps.extend(record.fields.iter().rev().map(|field| Step::Enter(field.type_id, visit)));
                    }
                    Kind::Record(_) | Kind::Primitive(_) | Kind::Enum(_) | Kind::Fixed(_) => {}
                }
            }
        }
        Ok(())
    }

    fn check_late_default(&mut self, id: NodeId, position: usize, copying: &Copying) -> Result<(), SchemaError> {
        let Kind::Record(record) = &self.nodes[id.0 as usize].kind else { return Ok(()) };
        let Some(field) = record.fields.get(position) else { return Ok(()) };
        let (name, type_id, default) = (field.name.clone(), field.type_id, field.default.clone());
        match default {
            Some(default) => self.check_default(&name, type_id, &default, Some(copying)).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// A step of the walk that Java's copying makes.
enum Step {
    /// A type, in the so-many-th visit: each visit meets a record once.
    Enter(NodeId, usize),
    /// A record whose fields were all visited.
    Leave(NodeId),
}
