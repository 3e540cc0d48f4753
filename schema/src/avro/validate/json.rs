//! Avro-JSON (Avro specification, "JSON Encoding"): a value of a union other than null is wrapped in an object whose one
//! key is the branch; bytes and fixed are texts whose characters stand for single bytes; all fields of a record are there,
//! and fields that it does not have may only follow the last one that it has (as Java's decoder reads it).

use std::collections::BTreeMap;

use super::{DATA_DEPTH_MAX, Report, Step, Stop, branch_list, expected};
use crate::avro::AvroSchema;
use crate::avro::json::{Entries, Json, Syntax};
use crate::avro::model::{Kind, Model, NodeId, Primitive, Record};
use crate::validate::DataError;

const SYNTAX: Syntax = Syntax { comments: false, depth_max: DATA_DEPTH_MAX, depth_limit: "DATA_DEPTH_MAX" };

/// What is wrong with `data` as one Avro-JSON datum of the schema; empty if nothing is.
pub fn validate_json(schema: &AvroSchema, data: &str) -> Vec<DataError> {
    let data = match Json::parse(data, SYNTAX) {
        Ok(data) => data,
        Err(error) => return vec![DataError { path: String::new(), message: error.to_string() }],
    };
    let mut checker = Checker { model: &schema.model, report: Report::default() };
    // The end came early only because enough errors were found; they are in the report.
    let _: Result<(), Stop> = checker.check_value(schema.model.root, &data);
    checker.report.errors
}

struct Checker<'d> {
    model: &'d Model,
    report: Report<'d>,
}

/// Recursion follows the JSON tree, whose depth was limited when it was parsed: every step into a type that takes no
/// JSON level with it is a union, and a union never holds a union.
impl<'d> Checker<'d> {
    fn check_value(&mut self, id: NodeId, value: &'d Json<'d>) -> Result<(), Stop> {
        let model = self.model;
        let kind = model.kind(id);
        match (kind, value) {
            (Kind::Primitive(primitive), _) => self.check_primitive(*primitive, value),
            (Kind::Fixed(fixed), Json::Text(text)) => match latin_length(text) {
                Some(length) if length == u64::from(fixed.size) => Ok(()),
                Some(length) => self.report.add(format!("{} has {} bytes, not {length}", expected(kind), fixed.size)),
                None => self.report.add("a character of a fixed stands for no byte (above U+00FF)"),
            },
            (Kind::Enum(declared), Json::Text(text)) => {
                if declared.has_symbol(text) {
                    Ok(())
                } else {
                    self.report.add(format!("{} is not a symbol of {}", value.excerpt(), expected(kind)))
                }
            }
            (Kind::Array(element), Json::Array(items)) => {
                for (index, item) in (0..).zip(items) {
                    self.report.path.push(Step::Index(index));
                    self.check_value(*element, item)?;
                    self.report.path.pop();
                }
                Ok(())
            }
            (Kind::Map(element), Json::Object(entries)) => {
                for (key, item) in entries {
                    self.report.path.push(Step::Member(key));
                    self.check_value(*element, item)?;
                    self.report.path.pop();
                }
                Ok(())
            }
            (Kind::Record(record), Json::Object(entries)) => self.check_record(record, entries),
            (Kind::Union(branches), _) => self.check_union(branches, value),
            (Kind::Forward(name), _) => self.report.add(format!("the type {name} is not defined")),
            (
                Kind::Fixed(_) | Kind::Enum(_) | Kind::Array(_) | Kind::Map(_) | Kind::Record(_),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) | Json::Object(_),
            ) => self.check_mismatch(&expected(kind), value),
        }
    }

    fn check_record(&mut self, record: &'d Record, entries: &'d Entries<'d>) -> Result<(), Stop> {
        let given: BTreeMap<&str, &'d Json<'d>> = entries.iter().map(|(key, value)| (key.as_ref(), value)).collect();
        for field in &record.fields {
            self.report.path.push(Step::Member(&field.name));
            match given.get(field.name.as_str()) {
                Some(value) => self.check_value(field.type_id, value)?,
                None => self.report.add("the field is missing")?,
            }
            self.report.path.pop();
        }
        // As in Java, what follows the last known field is skipped; what stands before one is not.
        let last_known = entries.iter().rposition(|(key, _)| record.field(key).is_some()).unwrap_or(0);
        for (key, _) in &entries[..last_known] {
            if record.field(key).is_none() {
                self.report.path.push(Step::Member(key));
                self.report.add(format!("the record {} has no such field", record.named.name.full()))?;
                self.report.path.pop();
            }
        }
        Ok(())
    }

    fn check_union(&mut self, branches: &'d [NodeId], value: &'d Json<'d>) -> Result<(), Stop> {
        let model = self.model;
        let branch = |name: &str| branches.iter().find(|branch| model.kind(**branch).branch_name() == name);
        match value {
            Json::Null if branch("null").is_some() => Ok(()),
            Json::Object(entries) => match entries.as_slice() {
                [(name, value)] => match branch(name).filter(|_| name != "null") {
                    Some(branch) => {
                        self.report.path.push(Step::Member(name));
                        self.check_value(*branch, value)?;
                        self.report.path.pop();
                        Ok(())
                    }
                    None => {
                        let branches = branch_list(model, branches);
                        self.report.add(format!("{name} is not a branch of {branches}"))
                    }
                },
                _ => {
                    let branches = branch_list(model, branches);
                    self.report.add(format!("an object with one key, a branch of {branches}, should be here"))
                }
            },
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) => {
                let branches = branch_list(model, branches);
                self.check_mismatch(&format!("an object with one key, a branch of {branches},"), value)
            }
        }
    }

    fn check_primitive(&mut self, primitive: Primitive, value: &Json<'_>) -> Result<(), Stop> {
        let fits = match (primitive, value) {
            (Primitive::Null, Json::Null)
            | (Primitive::Boolean, Json::Bool(_))
            | (Primitive::Float | Primitive::Double, Json::Number(_))
            | (Primitive::String, Json::Text(_)) => true,
            (Primitive::Int, _) => value.integer::<i32>().is_some() || is_whole_within(value, 31),
            (Primitive::Long, _) => value.integer::<i64>().is_some() || is_whole_within(value, 63),
            // Java writes these in quotes, since JSON has no word for them.
            (Primitive::Float | Primitive::Double, Json::Text(text)) => {
                matches!(text.as_ref(), "NaN" | "Infinity" | "-Infinity")
            }
            (Primitive::Bytes, Json::Text(text)) => latin_length(text).is_some(),
            (_, Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::Array(_) | Json::Object(_)) => {
                false
            }
        };
        if fits { Ok(()) } else { self.check_mismatch(primitive.word(), value) }
    }

    fn check_mismatch(&mut self, expected: &str, value: &Json<'_>) -> Result<(), Stop> {
        self.report.add(format!("{expected} should be here, found {}", value.excerpt()))
    }
}

/// Is it a fraction or power, such as `1.0` or `1e3`, whose value is whole and fits an integer with this many bits beside
/// its sign? Java's decoder reads these.
fn is_whole_within(value: &Json<'_>, bits: i32) -> bool {
    let Json::Number(text) = value else { return false };
    let bound = 2_f64.powi(bits);
    text.contains('.')
        && text.parse::<f64>().is_ok_and(|number| number.fract() == 0.0 && (-bound..bound).contains(&number))
}

/// The number of bytes that a text of bytes stands for; `None` if a character is no byte.
fn latin_length(text: &str) -> Option<u64> {
    text.chars().try_fold(0, |length, character| (character <= '\u{ff}').then_some(length + 1))
}
