//! Unions: `anyOf`, `oneOf`, lists of types.

use serde_json::{Value, json};

use super::marks::describe;
use super::{Projector, Stop};
use crate::Refusal;
use crate::dialect::Null;
use crate::limits::PROJECTION_NODES_MAX;
use crate::merge::merge;
use crate::normal::{Normal, name_of};
use crate::tree::{Object, is_annotation, type_of, type_of_keyword, types};

impl Projector<'_> {
    /// A list of types as a union, each keyword with the type to which it belongs.
    pub(super) fn several_types(&mut self, names: &[String], object: Object, at: &str) -> Result<Value, Stop> {
        let mut branches = Vec::new();
        let mut rest = Object::new();
        for (keyword, value) in &object {
            if type_of_keyword(keyword).is_none() && keyword != "type" {
                rest.insert(keyword.clone(), value.clone());
            }
        }
        for name in names {
            let mut branch = Object::new();
            branch.insert("type".to_owned(), json!(name));
            for (keyword, value) in &object {
                let belongs =
                    type_of_keyword(keyword).is_some_and(|of| of == name || (of == "number" && name == "integer"));
                if belongs {
                    branch.insert(keyword.clone(), value.clone());
                }
            }
            branches.push(Value::Object(branch));
        }
        rest.insert("anyOf".to_owned(), Value::Array(branches));
        self.project_union(rest, at)
    }

    pub(super) fn project_union(&mut self, mut object: Object, at: &str) -> Result<Value, Stop> {
        let (any, one) = (object.remove("anyOf"), object.remove("oneOf"));
        let is_one = one.is_some();
        let branches = match (any, one) {
            (Some(Value::Array(branches)), None) | (None, Some(Value::Array(branches))) => branches,
            _ => {
                return Err(
                    Refusal::new("allOf-unmergeable", at, "anyOf and oneOf side by side: write one of them").into()
                );
            }
        };
        let annotations: Object = object
            .iter()
            .filter(|(keyword, _)| is_annotation(keyword))
            .map(|(keyword, value)| (keyword.clone(), value.clone()))
            .collect();
        object.retain(|keyword, _| !is_annotation(keyword));
        let mut sources = Vec::with_capacity(branches.len());
        for (position, branch) in branches.iter().enumerate() {
            let place = format!("{at}/anyOf/{position}");
            let source = match branch {
                // What stands beside the union holds in each branch.
                Value::Object(branch) if !object.is_empty() => {
                    let branch = self.resolved(branch.clone(), &place, false)?;
                    match merge(&branch, &object, &place) {
                        Ok(both) => Value::Object(both),
                        // A branch that no value can take is none.
                        Err(refusal) if refusal.code == "allOf-unsatisfiable" => continue,
                        Err(refusal) => return Err(refusal.into()),
                    }
                }
                Value::Bool(false) => continue,
                other if !object.is_empty() && !other.is_object() => Value::Object(object.clone()),
                other => other.clone(),
            };
            sources.push((place, source));
        }
        if sources.is_empty() {
            return Err(Refusal::new("allOf-unsatisfiable", at, "no branch of the union is possible").into());
        }
        if is_one && !self.dialect.rules.one_of && !self.are_disjoint(&sources) {
            self.lose(
                "oneOf-overlap",
                at,
                "oneOf is written as anyOf, and a value could fit several branches: validate the answer",
            )?;
        }
        let mut written = Vec::new();
        let mut deep = None;
        for (place, source) in &sources {
            match self.project_node(source, place) {
                Ok(branch) => written.push(branch),
                // A branch that would go on without end is left away while another is there.
                Err(Stop::Deep(place)) => deep = Some(place),
                Err(stop) => return Err(stop),
            }
        }
        if written.is_empty() {
            return Err(Stop::Deep(deep.unwrap_or_else(|| at.to_owned())));
        }
        self.finish_union(written, &annotations, is_one, at)
    }

    pub(super) fn finish_union(
        &mut self,
        mut written: Vec<Value>,
        annotations: &Object,
        is_one: bool,
        at: &str,
    ) -> Result<Value, Stop> {
        let mut out = Object::new();
        let is_null = |branch: &Value| branch.get("type") == Some(&json!("null"));
        if self.dialect.rules.null == Null::Flag && written.iter().any(is_null) {
            written.retain(|branch| !is_null(branch));
            if let [Value::Object(only)] = written.as_slice() {
                out = only.clone();
            } else if !written.is_empty() {
                out.insert("anyOf".to_owned(), Value::Array(written));
            }
            out.insert("nullable".to_owned(), json!(true));
        } else {
            let keyword = if is_one && self.dialect.rules.one_of { "oneOf" } else { "anyOf" };
            out.insert(keyword.to_owned(), Value::Array(written));
        }
        let mut words = Vec::new();
        for (keyword, value) in annotations {
            self.project_annotation(keyword, value, at, &mut out, &mut words)?;
        }
        describe(&mut out, &words);
        Ok(Value::Object(out))
    }

    /// Can no value be in two branches? By their types, or by a required property with different values.
    pub(super) fn are_disjoint(&mut self, sources: &[(String, Value)]) -> bool {
        let mut flat = Vec::new();
        for (place, source) in sources {
            let Value::Object(members) = source else { return false };
            match self.resolved(members.clone(), place, false) {
                Ok(object) => flat.push(object),
                Err(_) => return false,
            }
        }
        let mut steps = 0_u64;
        flat.iter().enumerate().all(|(position, one)| {
            flat[position + 1..].iter().all(|other| {
                steps += 1;
                steps < PROJECTION_NODES_MAX && exclude_each_other(one, other, self.normal)
            })
        })
    }

    /// May a value of a projected schema be null?
    pub(super) fn allows_null(&self, schema: &Value, depth: usize) -> bool {
        let Value::Object(object) = schema else { return false };
        if object.get("nullable") == Some(&Value::Bool(true)) {
            return true;
        }
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            let target = self.normal.target(name_of(reference));
            return depth < 16 && target.is_some_and(|target| self.allows_null(target, depth + 1));
        }
        if let Some(Value::Array(branches)) = object.get("anyOf").or_else(|| object.get("oneOf")) {
            return branches.iter().any(|branch| self.allows_null(branch, depth + 1));
        }
        if let Some(constant) = object.get("const") {
            return constant.is_null();
        }
        let by_values = object.get("enum").and_then(Value::as_array).is_none_or(|values| values.contains(&Value::Null));
        let names = types(object);
        by_values && (names.iter().any(|name| name == "null") || (names.is_empty() && object.contains_key("enum")))
    }
}

/// Can no value be in both? By their types, their values, or a property that both require.
pub(super) fn exclude_each_other(one: &Object, other: &Object, normal: &Normal) -> bool {
    let values = |object: &Object| -> Option<Vec<Value>> {
        match (object.get("const"), object.get("enum")) {
            (Some(constant), _) => Some(vec![constant.clone()]),
            (None, Some(Value::Array(values))) => Some(values.clone()),
            (None, _) => None,
        }
    };
    if let (Some(one), Some(other)) = (values(one), values(other)) {
        return one.iter().all(|value| !other.contains(value));
    }
    let names = |object: &Object| -> Vec<String> {
        match values(object) {
            Some(values) => values.iter().map(|value| type_of(value).to_owned()).collect(),
            None => types(object),
        }
    };
    let (own, others) = (names(one), names(other));
    let is_number = |name: &str| name == "number" || name == "integer";
    let same = |a: &String| others.iter().any(|b| a == b || (is_number(a) && is_number(b)));
    if !own.is_empty() && !others.is_empty() && !own.iter().any(same) {
        return true;
    }
    if own != ["object"] || others != ["object"] {
        return false;
    }
    let property = |object: &Object, name: &str| -> Option<Object> {
        let schema = object.get("properties")?.get(name)?.as_object()?.clone();
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => normal.target(name_of(reference))?.as_object().cloned(),
            None => Some(schema),
        }
    };
    let required = |object: &Object| -> Vec<String> {
        object
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let others = required(other);
    required(one).iter().filter(|name| others.contains(name)).any(|name| {
        let (Some(one), Some(other)) = (property(one, name), property(other, name)) else { return false };
        match (values(&one), values(&other)) {
            (Some(one), Some(other)) => one.iter().all(|value| !other.contains(value)),
            (_, _) => false,
        }
    })
}
