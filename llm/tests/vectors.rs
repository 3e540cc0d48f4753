//! The vectors: schemas and what they become in a dialect, with losses, marks, and values on their way back.
//!
//! A line of `vectors.jsonl` has `p`, a dialect; `s` and `o`, a schema and its projection (`=` if it stays); or `sp` and `op`,
//! the same for the only property `a` of a closed object that requires it. `x` is the code of a refusal, `l` losses as
//! `code@pointer`, `i` marks of the inverse, `e` a projected value and what it comes back as.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use llm::{Options, dialects, project, restore};
use serde_json::{Value, json};

/// The object around a schema of a vector.
fn around(schema: &Value, closed: bool) -> Value {
    let mut object = json!({"type": "object", "properties": {"a": schema}, "required": ["a"]});
    if closed {
        object["additionalProperties"] = json!(false);
    }
    object
}

/// The schemas that a line describes in words.
fn described(id: &str) -> Option<Value> {
    let object = |properties: Vec<(String, Value)>, required: bool| {
        let names: Vec<&String> = properties.iter().map(|(name, _)| name).collect();
        let required = if required { json!(names) } else { json!([]) };
        let properties: serde_json::Map<String, Value> = properties.iter().cloned().collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    };
    Some(match id {
        "lim-2" => (1..11).fold(object(vec![("a".to_owned(), json!({"type": "string"}))], true), |inner, _| {
            object(vec![("a".to_owned(), inner)], true)
        }),
        "lim-3" => {
            let values: Vec<String> = (0..1_001).map(|number| format!("v{number}")).collect();
            object(vec![("a".to_owned(), json!({"type": "string", "enum": values}))], true)
        }
        "lim-4" => object((0..25).map(|number| (format!("p{number}"), json!({"type": "string"}))).collect(), false),
        "lim-5" => {
            object((0..17).map(|number| (format!("p{number}"), json!({"type": ["string", "null"]}))).collect(), true)
        }
        _ => return None,
    })
}

fn check(vector: &Value) -> Result<(), String> {
    let id = vector["id"].as_str().unwrap();
    let dialect = dialects::find(vector["p"].as_str().unwrap()).ok_or("no such dialect")?;
    let inside = vector.get("sp").is_some();
    let source = match (vector.get("s"), vector.get("sp")) {
        (Some(schema), _) => schema.clone(),
        (None, Some(schema)) => around(schema, true),
        (None, None) => described(id).ok_or("no schema")?,
    };
    let found = project(&source, &[], dialect, &Options::default());
    if let Some(code) = vector["x"].as_str() {
        return match found {
            Err(refusal) if refusal.code == code => Ok(()),
            other => Err(format!("{other:?} instead of the refusal {code}")),
        };
    }
    let found = found.map_err(|refusal| refusal.to_string())?;
    let is_open = dialect.rules.closed == llm::dialect::Closed::Implied;
    let expected = match (vector.get("o"), vector.get("op")) {
        (Some(same), _) if same == "=" => source.clone(),
        (Some(schema), _) => schema.clone(),
        (None, schema) => around(schema.unwrap(), !is_open),
    };
    if found.schema != expected {
        return Err(format!("{} instead of {expected}", found.schema));
    }
    // Places of a property's vector are told from the property on.
    let place = |at: &str| if inside { at.strip_prefix("/a").unwrap_or(at).to_owned() } else { at.to_owned() };
    let mut losses: Vec<String> =
        found.losses.iter().map(|loss| format!("{}@{}", loss.code, place(&loss.pointer))).collect();
    let mut marks: Vec<String> = found
        .inverse
        .marks()
        .iter()
        .map(|mark| mark.split_once('@').map_or(mark.clone(), |(kind, at)| format!("{kind}@{}", place(at))))
        .collect();
    for (what, found, key) in [("losses", &mut losses, "l"), ("marks", &mut marks, "i")] {
        let mut expected: Vec<&str> = vector[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        expected.sort_unstable();
        found.sort();
        if *found != expected {
            return Err(format!("{what} {found:?} instead of {expected:?}"));
        }
    }
    if let Some([projected, restored]) = vector["e"].as_array().map(Vec::as_slice) {
        let (projected, expected) = if inside {
            (json!({"a": projected}), json!({"a": restored}))
        } else {
            (projected.clone(), restored.clone())
        };
        let back = restore(&found.inverse, projected).map_err(|error| error.to_string())?;
        if back != expected {
            return Err(format!("{back} came back instead of {expected}"));
        }
        // Without a dialect the registry reads draft-07, which has no prefixItems.
        let mut source = source;
        if source.get("$schema").is_none() {
            source["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        }
        let registered = schema::json::JsonSchema::parse(&source.to_string(), &[], schema::Strictness::Stored).unwrap();
        let errors = registered.validate(&back.to_string(), schema::json::Formats::ByDialect).unwrap();
        if !errors.is_empty() {
            return Err(format!("{back} is not valid by the registered schema: {errors:?}"));
        }
    }
    Ok(())
}

#[test]
fn every_vector_holds() {
    let lines = include_str!("vectors.jsonl").lines();
    let vectors: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut failures = Vec::new();
    for vector in &vectors {
        if let Err(problem) = check(vector) {
            failures.push(format!("{}: {problem}", vector["id"]));
        }
    }
    println!("{} of {} vectors hold", vectors.len() - failures.len(), vectors.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(vectors.len(), 35);
}
