//! Every operation of the one table, through every door that has it: reachable, counted, marked with the node that answered,
//! and refused the same way where it is refused.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jepsen_tests::client::{Answer, Api};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::native::{PRINCIPAL_HEADER, by, error_code, native};
use jepsen_tests::wait;
use proto::operations::{Form, Kind, NATIVE_PREFIX, Operation, OperationId, Stream, all};
use proto::raw::Raw;
use proto::v1;
use serde_json::{Value, json};
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

/// What every answer tells, over HTTP and gRPC.
const MARKS: [&str; 6] = [
    "x-request-id",
    "x-registry-node",
    "x-registry-region",
    "x-registry-index",
    "x-registry-term",
    "x-registry-staleness-ms",
];
/// How long a stream is listened to.
const LISTEN_TIME: Duration = Duration::from_millis(500);

async fn channel(cluster: &Cluster) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", cluster.grpc_address(1))).unwrap();
    endpoint.connect().await.unwrap()
}

/// Calls a method with an empty message; what its answer says about the node, and its code.
async fn call(channel: &Channel, operation: &Operation) -> (MetadataMap, Code) {
    let (service, method) = operation.rpc.unwrap();
    let path = format!("/{service}/{method}").parse().unwrap();
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(futures::stream::iter([Vec::new()]));
    request.metadata_mut().insert("x-request-id", operation.name.parse().unwrap());
    match client.streaming(request, path, Raw).await {
        Ok(answer) => {
            let (metadata, mut messages, _) = answer.into_parts();
            let ended = tokio::time::timeout(LISTEN_TIME, async {
                while let Some(message) = messages.message().await.transpose() {
                    if let Err(status) = message {
                        return status.code();
                    }
                }
                Code::Ok
            });
            (metadata, ended.await.unwrap_or(Code::Ok))
        }
        Err(status) => (status.metadata().clone(), status.code()),
    }
}

/// A path that fits a template; what it names is there, or not, which is an answer, too.
fn filled(template: &str) -> String {
    let words = template.split('/').map(|word| match word {
        "{subject}" => "s",
        "{context}" => ".c",
        "{guid}" => "00000000-0000-0000-0000-000000000000",
        _ if word.starts_with('{') => "1",
        _ => word,
    });
    words.collect::<Vec<_>>().join("/")
}

async fn ask(api: &Api, operation: &Operation, form: &Form) -> Answer {
    let call = api.call(form.method.name(), &filled(form.template)).header("X-Request-Id", operation.name);
    let is_change = matches!(form.method.name(), "POST" | "PUT");
    let call = if is_change { call.json(&json!({})) } else { call };
    call.send().await.unwrap_or_else(|error| panic!("{}: {error}", operation.name))
}

/// Requests by transport and operation, as the node counts them.
async fn counted(api: &Api) -> BTreeMap<(String, String), u64> {
    let text = api.get("/metrics").send().await.unwrap().good().text();
    let mut counted = BTreeMap::new();
    for line in text.lines() {
        let Some((labels, value)) =
            line.strip_prefix("schemareg_requests_total{").and_then(|rest| rest.split_once("} "))
        else {
            continue;
        };
        let label = |name: &str| {
            let found = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
            found.map(|value| value.trim_end_matches('"').to_owned()).unwrap()
        };
        *counted.entry((label("transport"), label("operation"))).or_default() += value.parse::<u64>().unwrap();
    }
    counted
}

/// A node that takes the word of a proxy for who asks.
async fn behind_a_proxy() -> Cluster {
    let header = ("REGISTRY__HTTP__PRINCIPAL_HEADER".to_owned(), PRINCIPAL_HEADER.to_owned());
    Cluster::start(Spec { environment: vec![header], ..Spec::of(1) }).await
}

async fn register(api: &Api) {
    api.post("/subjects/s/versions").json(&json!({"schema": "\"int\""})).send().await.unwrap().good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_is_reachable_marked_and_counted_through_each_of_its_doors() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    register(&api).await;
    let channel = channel(&cluster).await;
    let before = counted(&api).await;
    let mut expected: BTreeMap<(String, String), u64> = BTreeMap::new();
    for operation in all() {
        let name = operation.name;
        for form in operation.forms {
            *expected.entry(("http".to_owned(), name.to_owned())).or_default() += 1;
            if operation.id == OperationId::Stream(Stream::Watch) {
                listen(&cluster, &filled(form.template)).await;
                continue;
            }
            let answer = ask(&api, operation, form).await;
            // A thing that is not there is an answer of the operation; a path that is not there is none.
            let is_missing = answer.status == 404 && answer.text().contains("there is no path");
            assert!(!is_missing && answer.status != 405, "{name} {form:?}: {} {}", answer.status, answer.text());
            assert!(answer.status < 500, "{name} {form:?}: {} {}", answer.status, answer.text());
            for mark in MARKS {
                assert!(answer.header(mark).is_some(), "{name} {form:?} has no {mark}");
            }
            assert_eq!(answer.header("x-request-id"), Some(name));
        }
        if operation.rpc.is_some() {
            *expected.entry(("grpc".to_owned(), name.to_owned())).or_default() += 1;
            let (metadata, code) = call(&channel, operation).await;
            assert!(!matches!(code, Code::Unimplemented | Code::Internal | Code::Unknown), "{name}: {code:?}");
            for mark in MARKS {
                assert!(metadata.contains_key(mark), "{name} over gRPC has no {mark}: {metadata:?}");
            }
            assert_eq!(metadata.get("x-request-id").unwrap(), name);
        }
    }
    // Streams are counted at their end.
    wait::until("every operation is counted", async || {
        let now = counted(&api).await;
        let missing: Vec<_> = expected
            .iter()
            .filter(|(of, count)| {
                let gained = now.get(of).unwrap_or(&0) - before.get(of).unwrap_or(&0);
                // The figures are asked for by an operation that counts itself.
                gained < **count || (of.1 != "GetMetrics" && gained != **count)
            })
            .map(|(of, count)| format!("{of:?}: {count}, not {:?}", now.get(of)))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(missing.join(", ")) }
    })
    .await;
}

/// Listens to server-sent events for a moment and looks at the head of the answer.
async fn listen(cluster: &Cluster, path: &str) {
    let api = cluster.api(1);
    let url = format!("http://{}{path}", api.address);
    let answer = reqwest::Client::new().get(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "{path}");
    for mark in MARKS {
        assert!(answer.headers().contains_key(mark), "{path} has no {mark}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_template_refuses_other_methods_and_answers_options() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let api = cluster.api(1);
    let templates: BTreeSet<_> = all().flat_map(|operation| operation.forms).map(|form| form.template).collect();
    for template in templates {
        let of_template = all().flat_map(|operation| operation.forms).filter(|form| form.template == template);
        let own: BTreeSet<_> = of_template.map(|form| form.method.name().to_owned()).collect();
        let allowed = |answer: &Answer| -> BTreeSet<String> {
            answer.header("allow").unwrap_or_default().split(", ").map(str::to_owned).collect()
        };
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            if own.contains(method) {
                continue;
            }
            let answer = api.call(method, &filled(template)).send().await.unwrap();
            assert_eq!((answer.status, answer.error_code()), (405, 405), "{method} {template}");
            assert_eq!(allowed(&answer), own, "{method} {template}");
        }
        let answer = api.call("OPTIONS", &filled(template)).send().await.unwrap();
        assert_eq!(answer.status, 204, "OPTIONS {template}");
        assert!(allowed(&answer).is_superset(&own) && allowed(&answer).contains("OPTIONS"), "{template}");
    }
    let answer = api.call("HEAD", "/subjects").send().await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let answer = api.get("//subjects").send().await.unwrap().good();
    assert_eq!(answer.json(), json!([]));
}

/// A question that is refused is no attempted change, and a change that is refused is one, whichever door it came through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_changes_are_recorded_alike_by_every_door() {
    let cluster = behind_a_proxy().await;
    let api = cluster.api(1);
    register(&api).await;
    let mut grpc = native(&cluster.grpc_address(1));
    for (path, body) in
        [("/search", json!({"state": "NO_STATE"})), ("/validate", json!({})), ("/subjects/s/compatibility", json!({}))]
    {
        let answer = api.post(&format!("{NATIVE_PREFIX}{path}")).json(&body).send().await.unwrap();
        assert_eq!(answer.status, 422, "{path}: {}", answer.text());
    }
    let search = v1::SearchRequest { state: "NO_STATE".to_owned(), ..v1::SearchRequest::default() };
    assert_eq!(grpc.search(by("ann", search)).await.unwrap_err().code(), Code::InvalidArgument);
    let delete = || v1::DeleteVersionRequest { subject: "t".to_owned(), version: 1, permanent: false };
    let refused = grpc.delete_version(by("ann", delete())).await.unwrap_err();
    assert_eq!(error_code(&refused), 40_401);
    let answer = api.delete(&format!("{NATIVE_PREFIX}/subjects/t/versions/1")).header("x-principal", "ann");
    assert_eq!(answer.send().await.unwrap().error_code(), 40_401);
    let answer = api.post("/v1/cluster/members/9/promote").send().await.unwrap();
    assert_eq!(answer.status, 404, "{}", answer.text());

    let file = cluster.data_dir(1).join("attempts").join("attempts.jsonl");
    wait::until("the refusals are recorded", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found: Vec<_> = lines
            .map(|line| (line["principal"].as_str().unwrap().to_owned(), line["action"].as_str().unwrap().to_owned()))
            .collect();
        let of = |who: &str, action: &str| (who.to_owned(), action.to_owned());
        let expected = [
            of("ann", "DeleteVersion"),
            of("ann", "DeleteVersion"),
            of("anonymous", "POST /v1/cluster/members/{id}/promote"),
        ];
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// The same key from two principals is two requests: nobody gets the answer to what somebody else asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_its_principals_own() {
    let cluster = behind_a_proxy().await;
    let api = cluster.api(1);
    register(&api).await;
    let delete = async |who: &str| {
        let call = api.delete("/subjects/s").header("x-principal", who).header("idempotency-key", "k");
        call.send().await.unwrap()
    };
    assert_eq!(delete("ann").await.good().json(), json!([1]));
    assert_eq!(delete("ann").await.good().json(), json!([1]), "her retry gets her answer");
    assert_eq!(delete("bob").await.error_code(), 40_404, "his request is another one");
    // What a client says about itself in other headers makes it nobody else.
    let call = api.delete("/subjects/s").header("x-forwarded-user", "ann").header("x-registry-principal", "ann");
    assert_eq!(call.header("idempotency-key", "k").send().await.unwrap().error_code(), 40_404);
}

#[test]
fn the_table_has_operations_of_every_kind() {
    let kinds: BTreeSet<_> = all().map(|operation| operation.kind).collect();
    let every = [Kind::ReadImmutable, Kind::ReadMutable, Kind::Write, Kind::Admin, Kind::Probe];
    assert_eq!(kinds, BTreeSet::from(every));
}
