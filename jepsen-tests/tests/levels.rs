//! A node judges changes in every format under every level: what is registered, what is refused with 409, what the
//! compatibility check answers, and the settings beside the level (reserved fields, groups, policy).
//!
//! The rules themselves are tested in the crate `schema`. Here it is asserted that the node asks it, for all formats alike.

use jepsen_tests::client::{Answer, Api, Call};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::schemas::Format;
use serde_json::{Value, json};

/// A schema and one change of each sort.
struct Case {
    format: Format,
    first: String,
    /// The changed schema; may it come under BACKWARD, and under FORWARD?
    changes: [(&'static str, String, bool, bool); 3],
}

fn cases() -> [Case; 3] {
    let avro = |fields: &str| format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    let json =
        |properties: &str| format!(r#"{{"type":"object","additionalProperties":false,"properties":{{{properties}}}}}"#);
    let protobuf = |rest: &str| format!("syntax = \"proto3\";\nmessage M {{ int32 a = 1; }}\n{rest}");
    let a = r#"{"name":"a","type":"int"}"#;
    [
        Case {
            format: Format::Avro,
            first: avro(a),
            changes: [
                ("read", avro(r#"{"name":"a","type":["null","int"]}"#), true, false),
                ("written", avro(&format!(r#"{a},{{"name":"b","type":"int"}}"#)), false, true),
                ("another", avro(r#"{"name":"a","type":"boolean"}"#), false, false),
            ],
        },
        Case {
            format: Format::Json,
            first: json(r#""a":{"type":"integer"},"b":{}"#),
            changes: [
                ("read", json(r#""a":{"type":"number"},"b":{}"#), true, false),
                ("written", json(r#""a":{"type":"integer"}"#), false, true),
                ("another", json(r#""a":{"type":"boolean"},"b":{}"#), false, false),
            ],
        },
        Case {
            format: Format::Protobuf,
            first: protobuf("message N {}\n"),
            changes: [
                ("read", protobuf("message N {}\nmessage O {}\n"), true, false),
                ("written", protobuf(""), false, true),
                ("another", protobuf("message N {}\n").replace("int32 a", "string a"), false, false),
            ],
        },
    ]
}

async fn send(call: Call) -> Answer {
    call.send().await.expect("the node answers")
}

fn body(format: Format, schema: &str) -> Value {
    json!({"schemaType": format.name(), "schema": schema})
}

async fn register(api: &Api, subject: &str, body: &Value) -> Answer {
    send(api.post(&format!("/subjects/{subject}/versions")).json(body)).await
}

async fn check(api: &Api, subject: &str, version: &str, body: &Value) -> Value {
    let path = format!("/compatibility/subjects/{subject}/versions{version}?verbose=true");
    send(api.post(&path).json(body)).await.good().json()
}

async fn configure(api: &Api, subject: &str, config: Value) {
    send(api.put(&format!("/config/{subject}")).json(&config)).await.good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_level_judges_every_format() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    for Case { format, first, changes } in cases() {
        for level in
            ["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"]
        {
            for (name, changed, backward, forward) in &changes {
                let subject = format!("{}-{level}-{name}", format.name());
                configure(&api, &subject, json!({"compatibility": level})).await;
                register(&api, &subject, &body(format, &first)).await.good();
                let allowed = match level {
                    "NONE" => true,
                    _ if level.starts_with("BACKWARD") => *backward,
                    _ if level.starts_with("FORWARD") => *forward,
                    _ => *backward && *forward,
                };
                for version in ["/latest", "/1", ""] {
                    let verdict = check(&api, &subject, version, &body(format, changed)).await;
                    assert_eq!(verdict["is_compatible"], json!(allowed), "{subject}{version}: {verdict}");
                    let messages = verdict["messages"].as_array().map_or(0, Vec::len);
                    assert_eq!(messages == 0, allowed, "{subject}{version}: {verdict}");
                }
                let answer = register(&api, &subject, &body(format, changed)).await;
                assert_eq!(answer.status, if allowed { 200 } else { 409 }, "{subject}: {}", answer.text());
                if !allowed {
                    assert_eq!(answer.error_code(), 40901);
                    assert!(answer.text().contains("errorType"), "{}", answer.text());
                }
                // What is known already is answered whatever the level.
                register(&api, &subject, &body(format, &first)).await.good();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transitive_level_looks_at_all_versions_and_a_frozen_subject_at_none() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    for Case { format, first, changes } in cases() {
        let subject = format!("{}-history", format.name());
        let [_, _, (_, another, _, _)] = &changes;
        configure(&api, &subject, json!({"compatibility": "NONE"})).await;
        for text in [&first, another] {
            register(&api, &subject, &body(format, text)).await.good();
        }
        // The same as the latest version but for a name that no rule looks at: compatible with it, not with the first.
        let next = match format {
            Format::Avro => another.replace("\"fields\"", "\"doc\":\"d\",\"fields\""),
            Format::Json => another.replace("{\"type\":\"object\"", "{\"title\":\"t\",\"type\":\"object\""),
            Format::Protobuf => another.replace("string a", "string renamed"),
        };
        for (level, allowed) in [("FULL", true), ("FULL_TRANSITIVE", false)] {
            configure(&api, &subject, json!({"compatibility": level})).await;
            assert_eq!(
                check(&api, &subject, "", &body(format, &next)).await["is_compatible"],
                json!(allowed),
                "{subject}"
            );
        }
        assert_eq!(register(&api, &subject, &body(format, &next)).await.error_code(), 40901);
        configure(&api, &subject, json!({"compatibility": "DISABLED"})).await;
        let refused = register(&api, &subject, &body(format, &next)).await;
        assert_eq!((refused.status, refused.error_code()), (422, 42205), "{}", refused.text());
        register(&api, &subject, &body(format, &first)).await.good();
        assert_eq!(check(&api, &subject, "", &body(format, &next)).await["is_compatible"], json!(true));
        // Confluent's clients know no eighth level. What they read and write back must not thaw the subject.
        let shown = send(api.get(&format!("/config/{subject}"))).await.good().json();
        assert_eq!(shown["compatibilityLevel"], "NONE");
        configure(&api, &subject, json!({"compatibility": "NONE"})).await;
        assert_eq!(register(&api, &subject, &body(format, &next)).await.error_code(), 42205);
        configure(&api, &subject, json!({"compatibility": "FULL"})).await;
        register(&api, &subject, &body(format, &next)).await.good();
    }
    // Another format is never compatible.
    let Case { first, .. } = &cases()[1];
    configure(&api, "AVRO-history", json!({"compatibility": "BACKWARD"})).await;
    let verdict = check(&api, "AVRO-history", "/latest", &body(Format::Json, first)).await;
    assert_eq!(verdict["messages"][0], "Incompatible because of different schema type");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reserved_fields_groups_and_the_policy_count() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    for Case { format, first, changes } in cases() {
        let with = |text: &str, properties: Value| {
            let mut body = body(format, text);
            body["metadata"] = json!({"properties": properties});
            body
        };
        let subject = format!("{}-reserved", format.name());
        configure(&api, &subject, json!({"compatibility": "NONE", "validateFields": true})).await;
        let clash = with(&first, json!({"confluent:reserved": "x,a"}));
        let refused = register(&api, &subject, &clash).await;
        assert!(refused.text().contains("conflicts with the reserved field a"), "{}", refused.text());
        register(&api, &subject, &with(&first, json!({"confluent:reserved": "x"}))).await.good();
        let verdict = check(&api, &subject, "/latest", &body(format, &first)).await;
        assert_eq!(verdict["is_compatible"], json!(false));
        assert!(
            verdict["messages"][0].as_str().is_some_and(|text| text.contains("reserved field x removed")),
            "{verdict}"
        );

        let subject = format!("{}-groups", format.name());
        configure(&api, &subject, json!({"compatibility": "FULL", "compatibilityGroup": "major"})).await;
        let [_, _, (_, another, _, _)] = &changes;
        register(&api, &subject, &with(&first, json!({"major": "1"}))).await.good();
        assert_eq!(register(&api, &subject, &with(another, json!({"major": "1"}))).await.status, 409);
        register(&api, &subject, &with(another, json!({"major": "2"}))).await.good();
    }
    let open = |properties: &str| format!(r#"{{"type":"object","properties":{{{properties}}}}}"#);
    for (policy, allowed) in [("STRICT", false), ("LENIENT", true)] {
        let subject = format!("policy-{policy}");
        configure(&api, &subject, json!({"compatibility": "BACKWARD", "compatibilityPolicy": policy})).await;
        register(&api, &subject, &body(Format::Json, &open(""))).await.good();
        let answer = register(&api, &subject, &body(Format::Json, &open(r#""a":{"type":"string"}"#))).await;
        assert_eq!(answer.status == 200, allowed, "{}", answer.text());
    }
}
