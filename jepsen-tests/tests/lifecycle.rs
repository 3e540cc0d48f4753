//! The life of schemas on real nodes: one whole life through a follower, over gRPC and over HTTP, seen alike by all nodes; and
//! Confluent clients never see a draft.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use jepsen_tests::client::{Api, segment};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::native::{Native, PRINCIPAL_HEADER, by, error_code, keyed, native};
use jepsen_tests::{dump, wait};
use proto::v1;
use serde_json::{Value, json};
use tonic::Status;

const WRONG_STATE: u32 = 40_951;

fn spec(nodes: u64) -> Spec {
    Spec::of(nodes).with("http", "principal_header", PRINCIPAL_HEADER)
}

/// An Avro record; each added field has a default, so that the change is compatible.
fn record(fields: &[&str]) -> v1::Schema {
    let field = |name: &&str| format!(r#"{{"name":"{name}","type":"string","default":""}}"#);
    let fields: Vec<_> = fields.iter().map(field).collect();
    let text = format!(r#"{{"type":"record","name":"Cost","namespace":"llm","fields":[{}]}}"#, fields.join(","));
    v1::Schema { text, ..v1::Schema::default() }
}

/// The same with a field of another type: nothing reads both.
fn breaking() -> v1::Schema {
    let text = r#"{"type":"record","name":"Cost","namespace":"llm","fields":[{"name":"model","type":"long"}]}"#;
    v1::Schema { text: text.to_owned(), ..v1::Schema::default() }
}

fn refused<T: std::fmt::Debug>(answer: Result<tonic::Response<T>, Status>, code: u32) {
    match answer {
        Ok(answer) => panic!("code {code} is expected, not {answer:?}"),
        Err(status) => assert_eq!(error_code(&status), code, "{status}"),
    }
}

struct Life<'a> {
    native: Native,
    subject: &'a str,
}

impl Life<'_> {
    async fn draft(&mut self, author: &str, schema: v1::Schema) -> v1::Draft {
        let request =
            v1::CreateDraftRequest { subject: self.subject.to_owned(), schema: Some(schema), reason: "new".to_owned() };
        self.native.create_draft(by(author, request)).await.unwrap().into_inner()
    }

    fn change(&self, id: u64) -> v1::ChangeDraftRequest {
        v1::ChangeDraftRequest { subject: self.subject.to_owned(), id, reason: "because".to_owned() }
    }

    fn review(&self, id: u64, decision: &str) -> v1::ReviewDraftRequest {
        let (decision, reason) = (decision.to_owned(), "seen".to_owned());
        v1::ReviewDraftRequest { subject: self.subject.to_owned(), id, decision, reason }
    }

    fn of(&self, version: u32) -> v1::ChangeVersionRequest {
        v1::ChangeVersionRequest { subject: self.subject.to_owned(), version, reason: "because".to_owned() }
    }

    /// A draft that becomes a version by review.
    async fn version(&mut self, author: &str, schema: v1::Schema, reviewers: &[&str]) -> v1::Draft {
        let draft = self.draft(author, schema).await;
        let submitted = self.native.submit_draft(by(author, self.change(draft.id))).await.unwrap().into_inner();
        assert_eq!(submitted.state, "PENDING_REVIEW");
        for reviewer in reviewers {
            self.native.review_draft(by(reviewer, self.review(draft.id, "APPROVE"))).await.unwrap();
        }
        self.native.activate_draft(by(author, self.change(draft.id))).await.unwrap().into_inner()
    }

    async fn steps(&mut self, version: u32, draft: u64) -> Vec<(String, String, String)> {
        let request = v1::GetHistoryRequest { subject: self.subject.to_owned(), version, draft };
        let steps = self.native.get_history(by("reader", request)).await.unwrap().into_inner().steps;
        steps.into_iter().map(|step| (step.action, step.to, step.actor)).collect()
    }
}

/// What Confluent clients can ask for; nothing of it may depend on drafts.
async fn confluent_view(api: &Api, subject: &str) -> Vec<(String, u16, String)> {
    let subject = segment(subject);
    let mut seen = Vec::new();
    for path in [
        "/subjects".to_owned(),
        "/subjects?deleted=true".to_owned(),
        "/schemas?deleted=true".to_owned(),
        format!("/subjects/{subject}/versions"),
        format!("/subjects/{subject}/versions?deleted=true"),
        format!("/subjects/{subject}/versions/latest"),
        format!("/subjects/{subject}/versions/1"),
        "/schemas/ids/1".to_owned(),
        "/schemas/ids/2".to_owned(),
        "/schemas/ids/1/versions".to_owned(),
        "/contexts".to_owned(),
    ] {
        let answer = api.get(&path).send().await.unwrap();
        seen.push((path, answer.status, answer.text()));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_lives_its_whole_life_through_a_follower() {
    let cluster = Cluster::start(spec(3)).await;
    let follower = cluster.follower().await;
    let api = cluster.api(follower);
    let subject = "llm.cost-value";
    let mut life = Life { native: native(&cluster.grpc_address(follower)), subject };

    let policy = v1::Policy { review: Some(true), deprecation_notice_ms: Some(0), ..v1::Policy::default() };
    let request = v1::SetPolicyRequest { scope: subject.to_owned(), policy: Some(policy) };
    let set = life.native.set_policy(by("admin", request)).await.unwrap().into_inner();
    assert_eq!(set.in_force.unwrap().review, Some(true));

    // A plain registration is refused where a review is asked for, with the registry's code and a sentence.
    let text = record(&["model"]).text;
    let plain = api.post(&format!("/subjects/{subject}/versions")).json(&json!({"schema": text})).send().await.unwrap();
    assert_eq!((plain.status, plain.error_code()), (422, 42_251), "{}", plain.text());

    let before = confluent_view(&api, subject).await;
    let draft = life.draft("ada", record(&["model"])).await;
    assert_eq!((draft.state.as_str(), draft.version, draft.approvals_needed), ("DRAFT", 0, 1));
    refused(life.native.publish_draft(by("ada", life.change(draft.id))).await, 42_251);
    refused(life.native.activate_draft(by("ada", life.change(draft.id))).await, WRONG_STATE);
    life.native.submit_draft(by("ada", life.change(draft.id))).await.unwrap();
    refused(life.native.review_draft(by("ada", life.review(draft.id, "APPROVE"))).await, 40_351);
    life.native.review_draft(by("bob", life.review(draft.id, "REQUEST_CHANGES"))).await.unwrap();
    let revised = v1::ReviseDraftRequest {
        subject: subject.to_owned(),
        id: draft.id,
        schema: Some(record(&["model", "tokens"])),
        reason: "as asked".to_owned(),
    };
    life.native.revise_draft(by("ada", revised)).await.unwrap();
    let again = life.native.submit_draft(by("ada", life.change(draft.id))).await.unwrap().into_inner();
    assert_eq!((again.state.as_str(), again.approvals.len()), ("PENDING_REVIEW", 0));
    dump::settled(&cluster.apis()).await;
    for api in cluster.apis() {
        assert_eq!(confluent_view(&api, subject).await, before, "node {} shows a draft", api.node_id);
    }

    // Two reviewers at once: one approval is needed, so exactly one of them is in time.
    let (mut one, mut two) = (life.native.clone(), native(&cluster.grpc_address(cluster.leader().await)));
    let both = tokio::join!(
        one.review_draft(by("bob", life.review(draft.id, "APPROVE"))),
        two.review_draft(by("cyd", life.review(draft.id, "APPROVE")))
    );
    let outcomes = [both.0.map_err(|status| error_code(&status)), both.1.map_err(|status| error_code(&status))];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(WRONG_STATE))), "{outcomes:?}");
    let active = life.native.activate_draft(by("ada", life.change(draft.id))).await.unwrap().into_inner();
    assert_eq!((active.state.as_str(), active.version), ("ACTIVE", 1));
    // A retry of the activation under its key has the same outcome; without one the state forbids it.
    refused(life.native.activate_draft(by("ada", life.change(draft.id))).await, WRONG_STATE);

    // A compatible change, then a breaking one, which the level would refuse, and whose report says so.
    let second = life.version("ada", record(&["model", "tokens", "cents"]), &["bob"]).await;
    assert_eq!(second.version, 2);
    let broken = life.draft("ada", breaking()).await;
    let submitted = life.native.submit_draft(by("ada", life.change(broken.id))).await.unwrap().into_inner();
    let report = submitted.report.unwrap();
    assert!(report.breaking && !report.compatible && !report.messages.is_empty(), "{report:?}");
    assert_eq!(submitted.approvals_needed, 2);
    for (reviewer, state) in [("bob", "PENDING_REVIEW"), ("cyd", "APPROVED")] {
        let review = life.native.review_draft(by(reviewer, life.review(broken.id, "APPROVE"))).await.unwrap();
        assert_eq!(review.into_inner().state, state);
    }
    refused(life.native.activate_draft(by("ada", life.change(broken.id))).await, 40_901);
    api.put(&format!("/config/{subject}")).json(&json!({"compatibility": "NONE"})).send().await.unwrap().good();
    let third = life.native.activate_draft(by("ada", life.change(broken.id))).await.unwrap().into_inner();
    assert_eq!(third.version, 3);

    // Versions are dense for Confluent clients, whatever drafts did, and semantic versions follow from the diff.
    let versions = api.get(&format!("/subjects/{subject}/versions")).send().await.unwrap().good().list();
    assert_eq!(versions, [1, 2, 3].map(Value::from));
    let request = v1::ListVersionsRequest { subject: subject.to_owned(), deleted: false };
    let listed = life.native.list_versions(by("reader", request)).await.unwrap().into_inner().versions;
    let semantic: Vec<_> = listed.iter().map(|version| version.semantic_version.as_str()).collect();
    assert_eq!(semantic, ["1.0.0", "1.1.0", "2.0.0"]);
    api.put("/config/llm-alias").json(&json!({ "alias": subject })).send().await.unwrap().good();
    let request = v1::ListVersionsRequest { subject: "llm-alias".to_owned(), deleted: false };
    let by_alias = life.native.list_versions(by("reader", request)).await.unwrap().into_inner().versions;
    assert_eq!(by_alias, listed, "an alias lists what it stands for");
    for (range, expected) in [("^1.0", 2), ("~1.0.0", 1), ("1.x", 2), ("latest", 3), ("2", 2)] {
        let request = v1::GetVersionRequest { subject: subject.to_owned(), version: range.to_owned() };
        let found = life.native.get_version(by("reader", request)).await.unwrap().into_inner();
        assert_eq!(found.version, expected, "{range}");
    }

    rollback(&mut life, &api, &cluster).await;
    retirement(&mut life, &api).await;

    // Every node tells the same life, and the audit has every step under its actor.
    dump::settled(&cluster.apis()).await;
    dump::same_digests(&cluster.apis()).await;
    let steps = life.steps(1, 0).await;
    let tail: Vec<_> = steps.iter().map(|(action, to, _)| (action.as_str(), to.as_str())).collect();
    let expected = [
        ("draft.create", "DRAFT"),
        ("draft.submit", "PENDING_REVIEW"),
        ("draft.request_changes", "CHANGES_REQUESTED"),
        ("draft.revise", "CHANGES_REQUESTED"),
        ("draft.submit", "PENDING_REVIEW"),
        ("draft.approve", "APPROVED"),
        ("draft.activate", "ACTIVE"),
        ("version.deprecate", "DEPRECATED"),
        ("version.reinstate", "ACTIVE"),
        ("version.deprecate", "DEPRECATED"),
        ("version.archive", "ARCHIVED"),
        ("version.delete", "DELETED"),
    ];
    assert_eq!(tail, expected);
    for id in cluster.ids() {
        let mut other = Life { native: native(&cluster.grpc_address(id)), subject };
        assert_eq!(other.steps(1, 0).await, steps, "node {id}");
        let request = v1::QueryAuditRequest { actor: "ada".to_owned(), limit: 1_000, ..Default::default() };
        let found = other.native.query_audit(by("auditor", request)).await.unwrap().into_inner().records;
        assert!(found.iter().any(|record| record.action == "draft.activate" && record.outcome.starts_with("ok")));
        assert!(
            found.iter().any(|record| record.action == "draft.approve" && record.outcome.contains("author")),
            "{found:?}"
        );
    }
}

/// Plan, roll back exactly what was planned, and take it back.
async fn rollback(life: &mut Life<'_>, api: &Api, cluster: &Cluster) {
    let subject = life.subject.to_owned();
    let consumer = v1::Consumer {
        subject: subject.clone(),
        id: "billing".to_owned(),
        from_version: 3,
        owner: "finance".to_owned(),
        contact: "finance@example.org".to_owned(),
        ..Default::default()
    };
    life.native.put_consumer(by("finance", consumer)).await.unwrap();
    let request = v1::PlanRollbackRequest { subject: subject.clone(), target: 2 };
    let plan = life.native.plan_rollback(by("ada", request)).await.unwrap().into_inner();
    assert_eq!((plan.target, plan.versions.as_slice(), plan.backward_compatible), (2, &[3][..], false));
    assert_eq!(plan.consumers.len(), 1, "the plan names who is touched");
    let roll_back =
        v1::RollBackRequest { subject: subject.clone(), target: 2, reason: "bad data".to_owned(), force: false };
    let mut stale = by("ada", roll_back.clone());
    stale.metadata_mut().insert("if-match", (plan.revision - 1).to_string().parse().unwrap());
    refused(life.native.roll_back(stale).await, 41_251);
    // The same key on two nodes is one rollback.
    for id in cluster.ids() {
        let mut planned = keyed("ada", "roll-back-1", roll_back.clone());
        planned.metadata_mut().insert("if-match", plan.revision.to_string().parse().unwrap());
        let mut other = native(&cluster.grpc_address(id));
        assert_eq!(other.roll_back(planned).await.unwrap().into_inner().versions, [3], "through node {id}");
    }
    let latest = api.get(&format!("/subjects/{subject}/versions/latest")).send().await.unwrap().good().json();
    assert_eq!(latest["version"], 2);
    // Nothing is lost: the version is there, it only is not the latest.
    api.get(&format!("/subjects/{subject}/versions/3")).send().await.unwrap().good();
    refused(
        life.native
            .deprecate_version(by(
                "ada",
                v1::DeprecateVersionRequest {
                    subject: subject.clone(),
                    version: 3,
                    reason: "no".to_owned(),
                    ..Default::default()
                },
            ))
            .await,
        WRONG_STATE,
    );
    let back = life.native.reactivate_version(by("ada", life.of(3))).await.unwrap().into_inner();
    assert_eq!(back.state, "ACTIVE");
    refused(
        life.native
            .quarantine_version(by("ada", v1::ChangeVersionRequest { reason: String::new(), ..life.of(3) }))
            .await,
        42_253,
    );
    life.native.quarantine_version(by("ada", life.of(3))).await.unwrap();
    let known = api.post(&format!("/subjects/{subject}/versions")).json(&json!({"schema": breaking().text}));
    let known = known.send().await.unwrap();
    assert_eq!(known.status, 422, "quarantined content is not handed out to producers: {}", known.text());
    life.native.release_version(by("ada", life.of(3))).await.unwrap();
}

/// Deprecation, blockers, archive, deletion.
async fn retirement(life: &mut Life<'_>, api: &Api) {
    let subject = life.subject.to_owned();
    let consumer = v1::Consumer {
        subject: subject.clone(),
        id: "reports".to_owned(),
        from_version: 1,
        to_version: 1,
        owner: "bi".to_owned(),
        ..Default::default()
    };
    life.native.put_consumer(by("bi", consumer)).await.unwrap();
    let deprecate = v1::DeprecateVersionRequest {
        subject: subject.clone(),
        version: 1,
        reason: "old".to_owned(),
        successor: 2,
        ..Default::default()
    };
    let deprecated = life.native.deprecate_version(by("ada", deprecate.clone())).await.unwrap().into_inner();
    assert_eq!(deprecated.deprecation.unwrap().successor, 2);
    life.native.reinstate_version(by("ada", life.of(1))).await.unwrap();
    life.native.deprecate_version(by("ada", deprecate)).await.unwrap();
    let archive = |force| v1::ArchiveVersionRequest {
        subject: subject.clone(),
        version: 1,
        reason: "nobody reads it".to_owned(),
        force,
    };
    refused(life.native.archive_version(by("ada", archive(false))).await, 40_952);
    let remove = v1::RemoveConsumerRequest { subject: subject.clone(), id: "reports".to_owned() };
    life.native.remove_consumer(by("bi", remove)).await.unwrap();
    let archived = life.native.archive_version(by("ada", archive(false))).await.unwrap().into_inner();
    assert_eq!(archived.state, "ARCHIVED");
    // Confluent clients still read what was archived, and delete it as they always did.
    api.get(&format!("/subjects/{subject}/versions/1")).send().await.unwrap().good();
    api.delete(&format!("/subjects/{subject}/versions/1")).send().await.unwrap().good();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_operations_are_there_over_http() {
    let cluster = Cluster::start(spec(1)).await;
    let api = cluster.api(1);
    let ask = async |method: &str, who: &str, path: &str, body: Value| {
        let call = api.call(method, &format!("/api/v1{path}")).header(PRINCIPAL_HEADER, who);
        let call = if method == "GET" { call } else { call.json(&body) };
        call.send().await.unwrap()
    };
    // Two subjects with one content: a page can end between them.
    for subject in ["same-1", "same-2"] {
        let schema = json!({"schema": {"text": record(&["shared"]).text}});
        ask("POST", "ada", &format!("/subjects/{subject}/versions"), schema).await.good();
    }
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/search?field=shared&pageSize=1&pageToken={token}");
        let page = ask("GET", "eve", &path, json!({})).await.good().json();
        let versions = page["versions"].as_array().unwrap();
        assert!(versions.len() <= 1, "{page}");
        found.extend(versions.iter().map(|version| version["subject"].as_str().unwrap().to_owned()));
        token = page["nextPageToken"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["same-1", "same-2"]);
    ask("PUT", "admin", "/policy/:.__GLOBAL:", json!({"policy": {"review": true}})).await.good();
    let schema = json!({"text": record(&["model"]).text, "metadata": {"properties": {"owner": "finance"}}});
    let draft = ask("POST", "ada", "/subjects/a%2Fb/drafts", json!({"schema": schema})).await.good().json();
    assert_eq!((draft["state"].as_str(), draft["subject"].as_str()), (Some("DRAFT"), Some("a/b")));
    let path = format!("/subjects/a%2Fb/drafts/{}", draft["id"]);
    assert_eq!(ask("GET", "eve", "/drafts?state=draft", json!({})).await.good().json()["drafts"][0]["id"], draft["id"]);
    ask("POST", "ada", &format!("{path}/submit"), json!({})).await.good();
    let own = ask("POST", "ada", &format!("{path}/review"), json!({"decision": "APPROVE"})).await;
    assert_eq!((own.status, own.error_code()), (403, 40_351), "{}", own.text());
    ask("POST", "bob", &format!("{path}/review"), json!({"decision": "APPROVE"})).await.good();
    assert_eq!(ask("POST", "ada", &format!("{path}/activate"), json!({})).await.good().json()["version"], 1);

    let found = ask("GET", "eve", "/search?field=model&owner=finance", json!({})).await.good().json();
    assert_eq!(found["versions"][0]["subject"], "a/b", "{found}");
    assert_eq!(ask("GET", "eve", "/search?field=nothing", json!({})).await.good().json()["versions"], json!([]));
    let version = ask("GET", "eve", "/subjects/a%2Fb/versions/1.x", json!({})).await.good().json();
    assert_eq!((version["semanticVersion"].as_str(), version["version"].as_u64()), (Some("1.0.0"), Some(1)));
    let steps = ask("GET", "eve", &format!("{path}/history"), json!({})).await.good().json();
    let states: Vec<_> = steps["steps"].as_array().unwrap().iter().map(|step| step["to"].clone()).collect();
    assert_eq!(states, ["DRAFT", "PENDING_REVIEW", "APPROVED", "ACTIVE"]);

    // Data: good, bad, and of no schema.
    let validate = async |data: Vec<u8>| {
        let body = json!({"subject": "a/b", "json": true, "data": base64(&data)});
        ask("POST", "eve", "/validate", body).await
    };
    assert_eq!(validate(br#"{"model":"m"}"#.to_vec()).await.good().json()["valid"], true);
    let bad = validate(br#"{"model":7}"#.to_vec()).await.good().json();
    assert_eq!((bad["valid"].as_bool(), bad["errors"].as_array().map(Vec::len)), (Some(false), Some(1)), "{bad}");
    let missing = ask("POST", "eve", "/validate", json!({"subject": "none", "json": true})).await;
    assert_eq!((missing.status, missing.error_code()), (404, 40_401));

    // What makes no sense is refused in words, and never a 500.
    for (method, path, body, status) in [
        ("GET", "/nothing", json!({}), 404),
        ("POST", "/search/more", json!({}), 404),
        ("DELETE", "/search", json!({}), 405),
        ("GET", "/subjects/a%2Fb/versions/9", json!({}), 404),
        ("GET", "/subjects/a%2Fb/versions/wrong", json!({}), 422),
        ("GET", "/subjects/a%2Fb/drafts/x", json!({}), 422),
        ("POST", "/subjects/a%2Fb/drafts", json!({"schema": {"text": "{"}}), 422),
        ("POST", "/subjects/a%2Fb/drafts", json!({"unknown": 1}), 422),
        ("POST", "/subjects/a%2Fb/drafts", json!([1]), 400),
        ("GET", "/search?state=GONE", json!({}), 422),
        ("GET", "/search?pageToken=zz", json!({}), 422),
        ("GET", "/events?after=x", json!({}), 422),
        ("GET", "/events?kinds=none", json!({}), 422),
        ("GET", "/events/ws", json!({}), 400),
        ("GET", "/audit/proofs/inclusion?position=999999", json!({}), 422),
    ] {
        let answer = ask(method, "eve", path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(answer.json()["message"].as_str().is_some_and(|message| !message.is_empty()), "{method} {path}");
    }
}

fn base64(data: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in data.chunks(3) {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = char::from(LETTERS[bits >> (18 - 6 * place) & 63]);
            text.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

/// What a generic client does (grpcurl, a load balancer): it asks what there is and whether it is well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_the_proto_files_finds_the_services_and_their_health() {
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    const SERVING: i32 = 1;
    const NOT_SERVING: i32 = 2;

    let mut cluster = Cluster::start(spec(3)).await;
    let follower = cluster.follower().await;
    let address = format!("http://{}", cluster.grpc_address(follower));
    let channel = tonic::transport::Endpoint::from_shared(address).unwrap().connect_lazy();

    let mut reflection = ServerReflectionClient::new(channel.clone());
    let mut ask = async |request: MessageRequest| {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(request) };
        let answers = reflection.server_reflection_info(futures::stream::iter([request])).await.unwrap();
        answers.into_inner().message().await.map(|answer| answer.unwrap().message_response.unwrap())
    };
    let MessageResponse::ListServicesResponse(list) = ask(MessageRequest::ListServices(String::new())).await.unwrap()
    else {
        panic!("not a list of services");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["registry.v1.Registry", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let symbol = MessageRequest::FileContainingSymbol("registry.v1.Registry.CreateDraft".to_owned());
    let MessageResponse::FileDescriptorResponse(files) = ask(symbol).await.unwrap() else { panic!("not a file") };
    let is_documented_by = |file: &Vec<u8>| file.windows(18).any(|bytes| bytes == b"CreateDraftRequest");
    assert!(files.file_descriptor_proto.iter().any(is_documented_by));
    let unknown = ask(MessageRequest::FileContainingSymbol("registry.v1.Nothing".to_owned())).await;
    assert_eq!(unknown.map_err(|status| status.code()), Err(tonic::Code::NotFound));

    let health = HealthClient::new(channel);
    let status = async |service: &str| {
        let answer = health.clone().check(HealthCheckRequest { service: service.to_owned() }).await;
        answer.map(|answer| answer.into_inner().status).map_err(|status| status.code())
    };
    for service in ["", "registry.v1.Registry"] {
        wait::until(&format!("service {service:?} is well"), async || match status(service).await {
            Ok(SERVING) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }
    assert_eq!(status("registry.v1.Nothing").await, Err(tonic::Code::NotFound));
    // Without a majority nobody leads: whoever balances load by health goes elsewhere.
    for id in cluster.ids().into_iter().filter(|id| *id != follower) {
        cluster.kill(id);
    }
    wait::until("a node without a leader says so", async || match status("").await {
        Ok(NOT_SERVING) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

/// Whichever index a search walks, it finds what a look at everything finds, on every page size, each version once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_finds_what_a_look_at_everything_finds() {
    let cluster = Cluster::start(spec(1)).await;
    let api = cluster.api(1);
    let mut all = Vec::new();
    for number in 0..36 {
        let context = if number % 3 == 0 { ":.team:" } else { "" };
        let subject = format!("{context}{}-{number}", if number % 2 == 0 { "cost" } else { "policy" });
        let rare = if number % 12 == 0 { "tariff" } else { "plain" };
        // Some contents are held by several subjects.
        let text = json!({"type": "record", "name": "R", "doc": rare, "fields": [
            {"name": "common", "type": "long"}, {"name": format!("field_{}", number % 4), "type": "string"}]});
        let body = json!({"schema": {"text": text.to_string()}});
        let path = format!("/api/v1/subjects/{}/versions", segment(&subject));
        api.post(&path).json(&body).send().await.unwrap().good();
        all.push((subject, number, rare));
    }
    let search = async |query: &str, size: usize| {
        let (mut found, mut token) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/search?{query}&pageSize={size}&pageToken={token}");
            let page = api.get(&path).send().await.unwrap().good().json();
            let versions = page["versions"].as_array().unwrap();
            assert!(versions.len() <= size, "{page}");
            found.extend(versions.iter().map(|version| version["subject"].as_str().unwrap().to_owned()));
            token = page["nextPageToken"].as_str().unwrap().to_owned();
            if token.is_empty() {
                found.sort();
                return found;
            }
        }
    };
    for fields in ["", "&field=common", "&field=field_2", "&field=common&text=tariff", "&text=tariff plain"] {
        for prefix in ["", "&prefix=cost", "&prefix=policy-1"] {
            for context in ["", "&context=.team"] {
                let query = format!("latestOnly=true{fields}{prefix}{context}");
                let is_wanted = |(subject, number, rare): &&(String, i32, &str)| {
                    let name = subject.strip_prefix(":.team:").unwrap_or(subject);
                    (!fields.contains("field_2") || number % 4 == 2)
                        && (!fields.contains("tariff") || *rare == "tariff")
                        && !fields.contains("plain")
                        && prefix.strip_prefix("&prefix=").is_none_or(|prefix| name.starts_with(prefix))
                        && if context.is_empty() {
                            // A prefix is that of a qualified subject: without a context it means the default one.
                            prefix.is_empty() || !subject.starts_with(":.team:")
                        } else {
                            subject.starts_with(":.team:")
                        }
                };
                let mut expected: Vec<_> = all.iter().filter(is_wanted).map(|(subject, ..)| subject.clone()).collect();
                expected.sort();
                for size in [2, 100] {
                    assert_eq!(search(&query, size).await, expected, "{query}, pages of {size}");
                }
            }
        }
    }
    // A page token leads nowhere else than where it comes from.
    let page = api.get("/api/v1/search?field=common&pageSize=1").send().await.unwrap().good().json();
    let token = page["nextPageToken"].as_str().unwrap();
    let other = api.get(&format!("/api/v1/search?field=field_2&pageSize=1&pageToken={token}")).send().await.unwrap();
    assert_eq!(other.status, 422, "{}", other.text());
}

/// What came after a change must not refuse its repetition: the second attempt of a client that never saw the first answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_is_not_judged_by_what_came_after_it() {
    let cluster = Cluster::start(Spec::of(1)).await;
    let (api, subject) = (cluster.api(1), "llm.costs-value");
    let mut life = Life { native: native(&cluster.grpc_address(1)), subject };
    let register = async |text: String, key: &str| {
        let call = api.post(&format!("/subjects/{subject}/versions")).json(&json!({ "schema": text }));
        call.header("Idempotency-Key", key).send().await.unwrap()
    };
    register(record(&["model"]).text, "first").await.good();
    let second = register(record(&["model", "team"]).text, "second").await.good().json();

    // Deleted, and what is latest now is incompatible with it.
    let delete = async || {
        let call = api.delete(&format!("/subjects/{subject}/versions/latest")).header("Idempotency-Key", "delete");
        call.send().await.unwrap()
    };
    assert_eq!(delete().await.good().json(), 2);
    let clashing = record(&["model", "team"])
        .text
        .replace("team\",\"type\":\"string\",\"default\":\"\"", "team\",\"type\":\"long\",\"default\":0");
    register(clashing.clone(), "third").await.good();
    let refused_now = register(record(&["model", "team"]).text, "another").await;
    assert_eq!(refused_now.error_code(), 40_901, "{}", refused_now.text());
    let again = register(record(&["model", "team"]).text, "second").await.good().json();
    assert_eq!((&again["id"], &again["version"]), (&second["id"], &second["version"]));
    assert_eq!(delete().await.good().json(), 2, "the latest of then");

    // Rolled back, taken back, rolled back again; then something else is registered.
    let roll_back =
        v1::RollBackRequest { subject: subject.to_owned(), target: 1, reason: "bad".to_owned(), force: true };
    life.native.roll_back(by("ada", roll_back.clone())).await.unwrap();
    life.native.reactivate_version(keyed("ada", "back", life.of(3))).await.unwrap();
    life.native.roll_back(by("ada", roll_back)).await.unwrap();
    register(record(&["model", "team"]).text, "fourth").await.good();
    let again = register(record(&["model", "team"]).text, "second").await.good().json();
    assert_eq!(again["version"], 2, "not the version that has the same content now");
    refused(life.native.reactivate_version(by("ada", life.of(3))).await, 40_901);
    let back = life.native.reactivate_version(keyed("ada", "back", life.of(3))).await.unwrap().into_inner();
    assert_eq!(back.version, 3);

    // Nothing is left that the path could name.
    api.post("/subjects/one/versions").json(&json!({ "schema": record(&["model"]).text })).send().await.unwrap().good();
    for _ in 0..2 {
        let deleted = api.delete("/subjects/one/versions/latest").header("Idempotency-Key", "only").send().await;
        assert_eq!(deleted.unwrap().good().json(), 1);
    }
}
