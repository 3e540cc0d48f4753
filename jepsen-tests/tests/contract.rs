//! The Confluent contract through every node: every operation of the API's own description, every read level, the shapes of
//! 8.x and 7.x, associations, contexts, data contracts.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::collections::{BTreeMap, BTreeSet};

use jepsen_tests::client::{Answer, Api};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::dump;
use serde_json::{Value, json};

const AVRO: &str = r#"{"type":"record","name":"Reading","namespace":"n","fields":[{"name":"f","type":"string","confluent:tags":["PII"]}]}"#;

async fn post(api: &Api, path: &str, body: Value) -> Answer {
    api.post(path).json(&body).send().await.unwrap()
}

async fn put(api: &Api, path: &str, body: Value) -> Answer {
    api.put(path).json(&body).send().await.unwrap()
}

async fn get(api: &Api, path: &str) -> Answer {
    api.get(path).send().await.unwrap()
}

async fn delete(api: &Api, path: &str) -> Answer {
    api.delete(path).send().await.unwrap()
}

/// A path of the description with the names of things that are there.
fn filled(path: &str, guid: &str) -> String {
    let values = [
        ("{subject}", "s"),
        ("{version}", "1"),
        ("{id}", "1"),
        ("{guid}", guid),
        ("{context}", ".c"),
        ("{resourceId}", "r"),
        ("{namespace}", "-"),
        ("{name}", "t"),
        ("{dialect}", "minimal"),
    ];
    values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// One thing of each kind; the guid of the schema.
async fn furnish(api: &Api) -> String {
    let contract = json!({
        "schema": AVRO,
        "metadata": {"properties": {"owner": "team"}},
        "ruleSet": {"domainRules": [{"name": "r", "kind": "CONDITION", "mode": "WRITE", "type": "CEL", "expr": "true"}]},
    });
    let guid = post(api, "/subjects/s/versions", contract).await.good().json()["guid"].as_str().unwrap().to_owned();
    let referring = json!({
        "schema": r#"{"type":"record","name":"Outer","fields":[{"name":"r","type":"n.Reading"}]}"#,
        "references": [{"name": "n.Reading", "subject": "s", "version": 1}],
    });
    post(api, "/subjects/outer/versions", referring).await.good();
    post(api, "/subjects/:.c:s/versions", json!({"schema": "\"int\""})).await.good();
    put(api, "/config/s", json!({"compatibility": "FULL"})).await.good();
    put(api, "/mode/s", json!({"mode": "READWRITE"})).await.good();
    let tie = json!({
        "resourceName": "t", "resourceNamespace": "lkc", "resourceId": "r", "resourceType": "topic",
        "associations": [{"subject": "s", "associationType": "value", "lifecycle": "STRONG"}],
    });
    post(api, "/associations", tie).await.good();
    guid
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_answers_through_every_node_under_every_read_level() {
    let cluster = Cluster::start(Spec::of(3)).await;
    let guid = furnish(&cluster.api(2)).await;
    dump::settled(&cluster.apis()).await;
    let index = get(&cluster.api(1), "/subjects").await.index();
    let description = get(&cluster.api(3), "/openapi.json").await.good().json();
    let mut reads = 0;
    // These have tests of their own.
    let elsewhere = ["/api/v1/", "/llm/v1/", "/ui", "/v1/auth/", "/v1/backup"];
    let is_elsewhere = |path: &str| elsewhere.iter().any(|start| path.starts_with(start));
    for (path, operations) in description["paths"].as_object().unwrap().iter().filter(|(path, _)| !is_elsewhere(path)) {
        let url = filled(path, &guid);
        let methods: BTreeSet<String> = operations.as_object().unwrap().keys().map(|m| m.to_uppercase()).collect();
        for api in cluster.apis() {
            for method in ["GET", "POST", "PUT", "DELETE", "PATCH"].into_iter().filter(|m| !methods.contains(*m)) {
                let answer = api.call(method, &url).send().await.unwrap();
                assert_eq!((answer.status, answer.error_code()), (405, 405), "{method} {url}: {}", answer.text());
                let allowed: BTreeSet<_> = answer.header("allow").unwrap().split(", ").map(str::to_owned).collect();
                assert_eq!(allowed, methods, "{method} {url}");
            }
        }
        if !methods.contains("GET") {
            continue;
        }
        let own = ["/metrics", "/v1/cluster/status", "/livez", "/readyz", "/startupz", "/admin/state-hash"];
        let mut bodies = BTreeMap::new();
        for api in cluster.apis() {
            for level in ["default", "local", "linearizable", "bounded:60000", &format!("session:{index}")] {
                let answer = api.get(&url).header("X-Registry-Consistency", level).send().await.unwrap();
                assert_eq!(answer.status, 200, "{url} on node {} {level}: {}", api.node_id, answer.text());
                for header in ["x-registry-node", "x-registry-region", "x-registry-index", "x-request-id"] {
                    assert!(answer.header(header).is_some(), "{url} has no {header}");
                }
                assert_eq!(answer.header("x-xss-protection"), Some("1; mode=block"));
                if !own.contains(&path.as_str()) {
                    bodies.insert(answer.body, (api.node_id, level.to_owned()));
                }
                reads += 1;
            }
        }
        assert!(bodies.len() <= 1, "{url} has different answers: {:?}", bodies.values());
    }
    assert!(reads > 30 * 15, "{reads}");
}

/// Each of many writers of one subject gets a version: clients that do not retry a 5xx must not see one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_of_one_subject_all_get_through() {
    let cluster = Cluster::start(Spec::of(3)).await;
    cluster.api(1).allow_everything().await;
    let writers = (0..36).map(|number| {
        let api = cluster.api(1 + number % 3);
        let text = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"f{number}","type":"int"}}]}}"#);
        tokio::spawn(async move { post(&api, "/subjects/s/versions", json!({"schema": text})).await })
    });
    let mut versions = BTreeSet::new();
    for writer in writers.collect::<Vec<_>>() {
        versions.insert(writer.await.unwrap().good().json()["version"].as_u64().unwrap());
    }
    assert_eq!(versions, (1..=36).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_an_answer_is_not_sent_it_again() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    post(&api, "/subjects/s/versions", json!({"schema": "\"string\""})).await.good();
    for path in ["/schemas/ids/1", "/subjects/s/versions/latest", "/subjects/s/versions/1/schema"] {
        let tag = get(&api, path).await.good().header("etag").unwrap().to_owned();
        let again = api.get(path).header("If-None-Match", &tag).send().await.unwrap();
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
    let tag = get(&api, "/subjects/s/versions/latest").await.header("etag").unwrap().to_owned();
    put(&api, "/config", json!({"compatibility": "NONE"})).await.good();
    post(&api, "/subjects/s/versions", json!({"schema": "\"int\""})).await.good();
    let newer = api.get("/subjects/s/versions/latest").header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(newer.good().json()["version"], 2);
    assert_eq!(get(&api, "/schemas/ids/1").await.header("cache-control"), Some("public, max-age=31536000, immutable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_paths_are_404_as_json_and_probing_clients_get_what_they_tolerate() {
    let cluster = Cluster::start(Spec::of(3)).await;
    for api in cluster.apis() {
        for path in ["/dek-registry/v1/keks", "/exporters", "/nowhere", "/subjects/s/nothing", "/contexts/.c/nowhere"] {
            for method in ["GET", "POST", "PUT", "DELETE"] {
                let answer = api.call(method, path).send().await.unwrap();
                assert_eq!((answer.status, answer.error_code()), (404, 404), "{method} {path}: {}", answer.text());
            }
        }
        for probe in ["/associations/resources/-/t", "/associations/resources/lkc/t", "/associations/resources/r"] {
            let answer = get(&api, &format!("{probe}?resourceType=topic&associationType=value")).await.good();
            assert_eq!(answer.json(), json!([]));
        }
        assert_eq!(get(&api, "/").await.good().json(), json!({}));
        assert_eq!(get(&api, "/v1/metadata/id").await.good().json()["id"], "");
        let page = get(&api, "/docs").await.good();
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_have_the_shapes_of_the_eighth_and_of_the_seventh_release() {
    for legacy in [false, true] {
        let cluster = Cluster::start(Spec::of(1).with("http", "legacy_responses", legacy)).await;
        let api = cluster.api(1);
        let registered = post(&api, "/subjects/s/versions", json!({"schema": "\"string\""})).await.good().json();
        let version = get(&api, "/subjects/s/versions/1").await.good().json();
        let looked_up = post(&api, "/subjects/s", json!({"schema": "\"string\""})).await.good().json();
        let by_id = get(&api, "/schemas/ids/1").await.good().json();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(looked_up, version);
        if legacy {
            assert_eq!(registered, json!({"id": 1}));
            assert_eq!(version, json!({"subject": "s", "version": 1, "id": 1, "schema": "\"string\""}));
            assert_eq!(by_id, json!({"schema": "\"string\""}));
        } else {
            assert_eq!(keys(&registered), ["version", "id", "guid", "schemaType", "schema", "ts", "deleted"]);
            assert_eq!(keys(&version), ["subject", "version", "id", "guid", "schemaType", "schema", "ts", "deleted"]);
            assert_eq!(version["deleted"], false);
            assert_eq!(keys(&by_id), ["guid", "schemaType", "schema", "ts"]);
            let named = get(&api, "/schemas/ids/1?subject=s").await.good().json();
            assert_eq!(keys(&named), ["subject", "version", "guid", "schemaType", "schema", "ts", "deleted"]);
            // Another subject than the one that is expected may have registered it.
            assert_eq!(get(&api, "/schemas/ids/1?subject=other").await.good().json(), named);
            assert_eq!(get(&api, "/schemas/ids/1?subject=:.c:s").await.error_code(), 40403);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn associations_follow_their_rules() {
    let cluster = Cluster::start(Spec::of(3)).await;
    let [one, two, three] = [1, 2, 3].map(|id| cluster.api(id));
    let request = |name: &str, id: &str, associations: Value| {
        json!({"resourceName": name, "resourceNamespace": "lkc", "resourceId": id, "resourceType": "topic",
            "associations": associations})
    };
    let refused = |answer: Answer, code: u32| {
        assert_eq!((u32::from(answer.status), answer.error_code()), (code / 100, code), "{}", answer.text());
    };
    // Without a version there is nothing to tie; with a schema in the request the subject gets one.
    let tie = request("t", "r", json!([{"subject": "s", "lifecycle": "STRONG"}]));
    refused(post(&one, "/associations", tie.clone()).await, 40907);
    let with_schema = request("t", "r", json!([{"subject": "s", "schema": {"schema": "\"string\""}}]));
    let made = post(&two, "/associations", with_schema).await.good().json();
    assert_eq!(made["associations"][0]["subject"], "s");
    assert_eq!(made["associations"][0]["lifecycle"], "STRONG");
    assert_eq!(made["associations"][0]["schema"]["version"], 1);
    // What is there already is answered again; another one in the same role is not.
    post(&three, "/associations", tie).await.good();
    post(&one, "/subjects/other/versions", json!({"schema": "\"int\""})).await.good();
    refused(post(&two, "/associations", request("t", "r", json!([{"subject": "other"}]))).await, 40903);
    // A subject that is tied strongly is nobody else's, and is not deleted.
    refused(post(&one, "/associations", request("u", "q", json!([{"subject": "s"}]))).await, 40905);
    refused(delete(&three, "/subjects/s").await, 40904);
    refused(delete(&three, "/subjects/s/versions/1").await, 40907);
    // A dry run changes nothing.
    let weak = request("t", "r", json!([{"subject": "other", "lifecycle": "WEAK"}]));
    let dry = put(&one, "/associations/resources/r?dryRun=true", weak.clone()).await.good().json();
    assert_eq!(dry["associations"][0]["subject"], "other");
    let listed = |answer: Answer| answer.good().json()[0]["subject"].as_str().unwrap_or_default().to_owned();
    assert_eq!(listed(get(&two, "/associations/resources/-/t").await), "s");
    put(&one, "/associations/resources/r", weak).await.good();
    for path in ["/associations/resources/-/t", "/associations/resources/lkc/-", "/associations/resources/r"] {
        assert_eq!(listed(get(&three, path).await), "other", "{path}");
    }
    assert_eq!(listed(get(&two, "/associations/subjects/other?lifecycle=WEAK").await), "other");
    assert_eq!(get(&two, "/associations/subjects/other?lifecycle=STRONG").await.good().json(), json!([]));
    // Batches tell what came of each part.
    let batch = json!({"requests": [
        request("v", "p", json!([{"op": "CREATE", "subject": "other", "associationType": "key"}])),
        request("w", "o", json!([{"op": "CREATE", "subject": "nobody"}])),
    ]});
    let mutated = post(&three, "/associations:batchMutate", batch).await;
    assert_eq!(mutated.status, 207);
    assert_eq!(mutated.json()["results"][0]["result"]["resourceName"], "v");
    assert_eq!(mutated.json()["results"][1]["error"]["error_code"], 40907);
    let asked = json!({"requests": [{"resourceName": "v", "resourceNamespace": "lkc"}, {"resourceId": "nothing"}]});
    let answered = post(&one, "/associations:batchGet?includeSchemas=true", asked).await;
    assert_eq!(answered.status, 207);
    assert_eq!(answered.json()["results"][0]["result"]["associations"][0]["schema"]["schema"], "\"int\"");
    refused(post(&one, "/associations", request("x", "", json!([]))).await, 42212);
    // Deleting in cascade takes the subject along.
    let strong = request("z", "z", json!([{"subject": "s", "lifecycle": "STRONG"}]));
    post(&one, "/associations", strong).await.good();
    assert_eq!(delete(&two, "/associations/resources/z?cascadeLifecycle=true").await.status, 204);
    assert_eq!(get(&three, "/subjects").await.good().json(), json!(["other"]));
    dump::settled(&cluster.apis()).await;
    dump::same_digests(&cluster.apis()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_compared_and_set_tagged_found_by_metadata_and_listed() {
    let cluster = Cluster::start(Spec::of(3)).await;
    let [one, two, three] = [1, 2, 3].map(|id| cluster.api(id));
    let schema = |metadata: Value| json!({"schema": AVRO, "metadata": metadata, "version": 1});
    post(&one, "/subjects/s/versions", schema(json!({"properties": {"k": "v"}}))).await.good();
    let late =
        json!({"schema": AVRO.replace("\"name\":\"Reading\"", "\"name\":\"Reading\",\"doc\":\"d\""), "version": 5});
    assert_eq!(post(&two, "/subjects/s/versions", late).await.error_code(), 42201);
    // A request without a text keeps the text and changes the metadata.
    let next = post(&three, "/subjects/s/versions", json!({"metadata": {"properties": {"k": "w"}}})).await.good();
    assert_eq!(next.json()["version"], 2);
    let found = get(&two, "/subjects/s/metadata?key=k&value=v").await.good().json();
    assert_eq!(found["version"], 1);
    assert_eq!(get(&one, "/subjects/s/metadata?key=k&value=x").await.error_code(), 40403);
    let tagged = get(&one, "/subjects/s/versions/1?findTags=PII").await.good().json();
    assert_eq!(tagged["schemaTags"][0]["schemaEntity"]["entityPath"], "n.Reading.f");
    let tags =
        json!({"tagsToAdd": [{"schemaEntity": {"entityPath": "n.Reading", "entityType": "sr_record"}, "tags": ["T"]}]});
    let third = post(&two, "/subjects/s/versions/2/tags", tags).await.good().json();
    assert_eq!(third["version"], 3);
    assert!(third["schema"].as_str().unwrap().contains("\"T\""), "{third}");
    let rules = json!({"ruleSet": {}, "rulesToMerge": {}});
    assert_eq!(post(&two, "/subjects/s/versions/2/tags", rules).await.error_code(), 42210);
    put(&one, "/config/a", json!({"alias": "s"})).await.good();
    assert_eq!(get(&three, "/subjects/a/versions").await.good().json(), json!([1, 2, 3]));
    let listed = get(&two, "/schemas?latestOnly=true&aliases=true").await.good().json();
    assert_eq!((listed[0]["version"].clone(), listed[0]["aliases"].clone()), (json!(3), json!(["a"])));
    assert_eq!(get(&two, "/schemas?limit=2&offset=1").await.good().list().len(), 2);
    let duplicate = json!({"schema": AVRO, "ruleSet": {"domainRules": [
        {"name": "r", "kind": "CONDITION", "mode": "WRITE", "type": "CEL"},
        {"name": "r", "kind": "CONDITION", "mode": "WRITE", "type": "CEL"}]}});
    assert_eq!(post(&three, "/subjects/s/versions", duplicate).await.error_code(), 42210);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensitive_values_come_back_and_are_not_in_the_clear_on_any_disk() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a secret of the tests\n").unwrap();
    let spec = Spec::of(3).with("security", "metadata_secret_file", secret.path().display());
    let cluster = Cluster::start(spec).await;
    let metadata = json!({"properties": {"p": "hush-hush-hush", "q": "open-open-open"}, "sensitive": ["p"]});
    let body = json!({"schema": "\"long\"", "metadata": metadata});
    post(&cluster.api(1), "/subjects/s/versions", body.clone()).await.good();
    for api in cluster.apis() {
        let found = post(&api, "/subjects/s", body.clone()).await.good().json();
        assert_eq!(found["metadata"], metadata);
        assert_eq!(get(&api, "/schemas/ids/1").await.good().json()["metadata"], metadata);
    }
    dump::settled(&cluster.apis()).await;
    for id in cluster.ids() {
        let (mut open, mut places) = (false, vec![cluster.data_dir(id)]);
        while let Some(place) = places.pop() {
            if place.is_dir() {
                places.extend(std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                let bytes = std::fs::read(&place).unwrap();
                let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
                assert!(!has("hush-hush-hush"), "{}", place.display());
                open |= has("open-open-open");
            }
        }
        assert!(open, "the log of node {id} is not where it is looked for");
    }
}
