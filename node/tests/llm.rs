//! Schemas for language models over HTTP: the vectors of the crate as a client sees them, and registered schemas.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    dead_code,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use serde_json::{Value, json};
use support::Cluster;

const VECTORS: &str = include_str!("../../llm/tests/vectors.jsonl");

fn node() -> Cluster {
    let mut cluster = Cluster::prepared(1);
    cluster.node(1).start(true);
    cluster.node(1).wait_ready();
    cluster
}

fn ask(cluster: &Cluster, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let answer = cluster.ask(1, method, path, body.map(Value::to_string).as_deref());
    let body = serde_json::from_str(&answer.body).unwrap_or(Value::String(answer.body));
    (answer.status, body)
}

fn around(schema: &Value, is_closed: bool) -> Value {
    let mut object = json!({"type": "object", "properties": {"a": schema}, "required": ["a"]});
    if is_closed {
        object["additionalProperties"] = json!(false);
    }
    object
}

/// Projection, losses, marks and way back of every vector that says its schema; refusals with their code.
#[test]
fn the_vectors_hold_over_http() {
    let cluster = node();
    let mut held = 0;
    for line in VECTORS.lines().filter(|line| !line.trim().is_empty()) {
        let vector: Value = serde_json::from_str(line).unwrap();
        let inside = vector.get("sp").is_some();
        let Some(schema) = vector.get("s").cloned().or_else(|| vector.get("sp").map(|schema| around(schema, true)))
        else {
            continue;
        };
        let mut question = json!({"schema": schema, "dialect": vector["p"]});
        let (status, answer) = ask(&cluster, "POST", "/llm/v1/project", Some(&question));
        if let Some(code) = vector["x"].as_str() {
            assert_eq!((status, answer["code"].as_str()), (422, Some(code)), "{line}: {answer}");
            held += 1;
            continue;
        }
        assert_eq!(status, 200, "{line}: {answer}");
        let wanted = match (vector.get("o"), vector.get("op")) {
            (Some(same), _) if *same == json!("=") => schema.clone(),
            (Some(whole), _) => whole.clone(),
            (None, Some(part)) => around(part, vector["p"] != "gemini-openapi"),
            (None, None) => panic!("{line}"),
        };
        let mut given = answer["schema"].clone();
        given.as_object_mut().unwrap().shift_remove("propertyOrdering");
        assert_eq!(given, wanted, "{line}");
        let place = if inside { "/a" } else { "" };
        for loss in vector["l"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (code, pointer) = loss.split_once('@').unwrap();
            let pointer = format!("{place}{pointer}");
            let found = answer["losses"].as_array().unwrap().iter();
            let found = found.filter(|found| found["code"] == code && found["pointer"] == pointer.as_str());
            assert!(found.filter(|found| found["message"].is_string()).count() == 1, "{line}: {answer}");
        }
        if let Some([projected, restored]) = vector["e"].as_array().map(Vec::as_slice) {
            let value = |value: &Value| if inside { json!({"a": value}) } else { value.clone() };
            question["value"] = value(projected);
            let (status, answer) = ask(&cluster, "POST", "/llm/v1/restore", Some(&question));
            assert_eq!((status, &answer["value"], &answer["repairs"]), (200, &value(restored), &json!([])), "{line}");
        }
        held += 1;
    }
    println!("{held} vectors hold");
    assert!(held > 25);
}

#[test]
fn registered_schemas_are_projected_with_their_references_and_kept_by_a_tag() {
    let cluster = node();
    let city = json!({"schemaType": "JSON", "schema": json!({"type": "string", "minLength": 1}).to_string()});
    assert_eq!(ask(&cluster, "POST", "/subjects/city/versions", Some(&city)).0, 200);
    let weather = json!({"type": "object", "description": "Asks for the weather",
        "properties": {"city": {"$ref": "city.json"}, "days": {"type": "integer"}}, "required": ["city"], "additionalProperties": false});
    let weather = json!({"schemaType": "JSON", "schema": weather.to_string(),
        "references": [{"name": "city.json", "subject": "city", "version": 1}]});
    let (status, registered) = ask(&cluster, "POST", "/subjects/get_weather/versions", Some(&weather));
    assert_eq!(status, 200, "{registered}");
    let base = "/subjects/get_weather/versions/1/projections";
    let (status, plain) = ask(&cluster, "GET", &format!("/llm/v1{base}/openai"), None);
    assert_eq!(status, 200, "{plain}");
    assert_eq!(plain["schema"]["properties"]["days"]["type"], json!(["integer", "null"]), "{plain}");
    assert_eq!(plain["inverse"]["marks"], json!(["drop_null@/days"]));
    let id = registered["id"].to_string();
    assert_eq!(ask(&cluster, "GET", &format!("/schemas/ids/{id}/projections/openai"), None), (200, plain));
    let (_, tool) = ask(&cluster, "GET", &format!("{base}/openai?as=tool"), None);
    let function = &tool["function"];
    assert_eq!((&function["name"], &function["strict"]), (&json!("get_weather"), &json!(true)), "{tool}");
    assert_eq!(function["description"], "Asks for the weather");
    let (_, format) = ask(&cluster, "GET", &format!("{base}/anthropic?as=format"), None);
    assert_eq!(format["output_config"]["format"]["type"], "json_schema", "{format}");
    let (status, answer) = ask(&cluster, "GET", &format!("{base}/openai?as=tool&name=my%20tool!"), None);
    assert_eq!((status, answer["code"].as_str()), (422, Some("name-tool")), "{answer}");
    assert_eq!(ask(&cluster, "GET", &format!("{base}/nobody"), None).1["error_code"], 40481);
    assert_eq!(ask(&cluster, "GET", &format!("{base}/openai?unroll=many"), None).0, 422);
    assert_eq!(ask(&cluster, "GET", "/subjects/none/versions/1/projections/openai", None).1["error_code"], 40401);
    // Without a registry's version, by reference all the same.
    let stateless = json!({"schema": {"type": "object", "properties": {"c": {"$ref": "city.json"}}, "required": ["c"]},
        "references": [{"name": "city.json", "subject": "city", "version": -1}], "dialect": "openai"});
    let (status, answer) = ask(&cluster, "POST", "/llm/v1/project", Some(&stateless));
    assert_eq!(status, 200, "{answer}");
    let check = json!({"dialect": "openai", "text": "```json\n{\"city\":\"Bern\",\"days\":\"3\"}\n```"});
    let (status, report) = ask(&cluster, "POST", "/subjects/get_weather/versions/latest/outputs:check", Some(&check));
    assert_eq!((status, &report["status"]), (200, &json!("repaired")), "{report}");
    assert_eq!(report["value"], json!({"city": "Bern", "days": 3}));
    let check = json!({"dialect": "openai", "response": {"choices": [{"finish_reason": "length", "message": {"content": "{"}}]}});
    let (_, report) = ask(&cluster, "POST", "/llm/v1/subjects/get_weather/versions/1/outputs:check", Some(&check));
    assert_eq!(report["status"], "truncated", "{report}");
}

#[test]
fn dialects_findings_and_faults_are_answered() {
    let cluster = node();
    let (status, listed) = ask(&cluster, "GET", "/llm/v1/dialects", None);
    assert_eq!((status, listed["dialects"].as_array().map(Vec::len)), (200, Some(llm::dialects::all().len())));
    assert_eq!(ask(&cluster, "GET", "/llm/v1/dialects/gemini", None).1["id"], "gemini-json@2026-08");
    assert_eq!(ask(&cluster, "GET", "/llm/v1/dialects/none", None).0, 404);
    let lint = json!({"schema": {"type": "object", "properties": {"a": {"type": "array"}}}, "dialects": ["openai", "minimal"]});
    let (_, found) = ask(&cluster, "POST", "/llm/v1/lint", Some(&lint));
    assert_eq!(
        (&found["worst"], &found["findings"][0]["code"]),
        (&json!("error"), &json!("array-untyped-items")),
        "{found}"
    );
    let (_, sarif) = ask(&cluster, "POST", "/llm/v1/lint?format=sarif", Some(&lint));
    assert_eq!(sarif["version"], "2.1.0", "{sarif}");
    for (body, code) in [
        (json!({"schema": {"type": "object"}, "dialect": "nobody"}), 42281),
        (json!({"schema": {"type": "object"}, "dialect": "openai", "options": {"inlined": true}}), 422),
        (json!({"schema": {"type": "object"}, "dialect": "openai", "more": 1}), 422),
        (json!({"schema": "{", "dialect": "openai"}), 42201),
        (json!({"schema": "{", "schemaType": "AVRO", "dialect": "openai"}), 42201),
        (json!({"schema": {}, "schemaType": "XML", "dialect": "openai"}), 42201),
        (json!({"schema": {}, "dialect": "openai", "references": [{"name": "a"}]}), 42201),
        (
            json!({"schema": {}, "dialect": "openai", "references": [{"name": "a", "subject": "none", "version": 1}]}),
            42201,
        ),
    ] {
        let (_, answer) = ask(&cluster, "POST", "/llm/v1/project", Some(&body));
        assert_eq!(answer["error_code"], code, "{body}: {answer}");
    }
    let avro = json!({"schema": {"type": "record", "name": "R", "fields": [{"name": "d", "type": {"type": "int", "logicalType": "date"}}]},
        "schemaType": "AVRO", "dialect": "openai", "value": {"d": "1970-01-02"}});
    let (_, answer) = ask(&cluster, "POST", "/llm/v1/restore", Some(&avro));
    assert_eq!(answer["value"], json!({"d": 1}), "{answer}");
    let mut wrong = avro;
    wrong["value"] = json!({"d": "1970-02-30"});
    let (status, answer) = ask(&cluster, "POST", "/llm/v1/restore", Some(&wrong));
    assert_eq!((status, &answer["error_code"], &answer["pointer"]), (422, &json!(42282), &json!("/d")), "{answer}");
}
