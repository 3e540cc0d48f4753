//! Nobody gets in: identity and permissions against real sockets, by the numbers of the attack list (sections A and B).

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test panics where it is surprised, and waits by the clock of the machine"
)]

mod support;

use node::config::{Config, GrpcConfig};
use proto::access::{BindingBody, NewKeyBody};
use proto::operations::{Form, Kind, Operation, OperationId, Permission, Server, all};
use proto::raw::Raw;
use serde_json::{Value, json};
use support::{Answer, Cluster, free_address, wait_for};
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Code, Request};

/// One node with permissions, and the root key that it wrote.
struct Guarded {
    cluster: Cluster,
    root: Key,
}

/// What a client shows.
#[derive(Debug, Clone)]
struct Key {
    id: String,
    secret: String,
}

impl Guarded {
    fn start() -> Self {
        Self::start_with(|_| {})
    }

    fn start_with(configure: impl FnOnce(&mut Config)) -> Self {
        let mut cluster = Cluster::prepared(1);
        configure(&mut cluster.node(1).config);
        cluster.node(1).config.auth.enabled = true;
        cluster.node(1).config.grpc = Some(GrpcConfig { listen: free_address().to_string() });
        cluster.node(1).start(true);
        cluster.node(1).wait_ready();
        let root = Self::root_key(&mut cluster);
        Self { cluster, root }
    }

    fn root_key(cluster: &mut Cluster) -> Key {
        let path = cluster.node(1).config.node.data_dir.join("root.key");
        wait_for("the root key", || std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
        let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap());
        assert_eq!(mode & 0o777, 0o600, "only its owner may read it");
        let text = std::fs::read_to_string(&path).unwrap();
        let (id, secret) = text.trim().split_once(':').unwrap();
        Key { id: id.to_owned(), secret: secret.to_owned() }
    }

    fn ask(&self, key: Option<&Key>, method: &str, path: &str, body: Option<Value>) -> Answer {
        let shown = key.map(|key| (key.id.as_str(), key.secret.as_str()));
        self.cluster.ask_as(1, shown, method, path, body.map(|body| body.to_string()).as_deref())
    }

    fn good(&self, key: &Key, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.ask(Some(key), method, path, body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    /// An account with a key, and these roles: name of the role and the rest of the binding.
    fn account(&self, name: &str, roles: &[(&str, BindingBody)]) -> Key {
        self.good(&self.root, "PUT", &format!("/v1/auth/accounts/{name}"), Some(json!({})));
        let made = self.good(&self.root, "POST", &format!("/v1/auth/accounts/{name}/keys"), Some(json!({})));
        let NewKeyBody { id, secret, .. } = serde_json::from_value(made).unwrap();
        for (number, (role, binding)) in roles.iter().enumerate() {
            let binding = BindingBody { role: (*role).to_owned(), account: Some(name.to_owned()), ..binding.clone() };
            self.bind(&format!("{name}-{number}"), &binding);
        }
        Key { id, secret }
    }

    fn bind(&self, name: &str, binding: &BindingBody) {
        let body = serde_json::to_value(binding).unwrap();
        self.good(&self.root, "PUT", &format!("/v1/auth/bindings/{name}"), Some(body));
    }

    fn register(&self, key: &Key, subject: &str, name: &str) -> u64 {
        let schema = json!({"type": "enum", "name": name, "symbols": ["A"]}).to_string();
        let path = format!("/subjects/{subject}/versions");
        self.good(key, "POST", &path, Some(json!({ "schema": schema })))["id"].as_u64().unwrap()
    }
}

fn prefix(text: &str) -> BindingBody {
    BindingBody { prefix: Some(text.to_owned()), ..BindingBody::default() }
}

fn everywhere() -> BindingBody {
    BindingBody::default()
}

fn code(answer: &Answer) -> (u16, u64) {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, body["error_code"].as_u64().unwrap_or(0))
}

/// A path that fits a form, every parameter being something that it can be.
fn path_of(form: &Form) -> String {
    let words =
        form.template.split('/').map(|word| match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
            Some("version" | "id" | "target" | "draft") => "1",
            Some("guid") => "00000000-0000-0000-0000-000000000001",
            Some("context") => ".eu",
            Some(_) => "x",
            None => word,
        });
    words.collect::<Vec<_>>().join("/")
}

/// Row 16, and the class of B: there is no operation that asks for nothing but those that the table calls public.
#[test]
fn every_operation_is_refused_without_credentials_and_without_the_right() {
    let guarded = Guarded::start();
    let nobody = guarded.account("nobody", &[]);
    let wrong = Key { secret: "lsr_wrong".to_owned(), ..nobody.clone() };
    for operation in all() {
        let is_public = operation.permission == Permission::Public;
        for form in operation.forms {
            let (method, path) = (form.method.name(), path_of(form));
            let what = format!("{}: {method} {path}", operation.name);
            let without = guarded.ask(None, method, &path, None);
            let insufficient = guarded.ask(Some(&nobody), method, &path, None);
            let with_wrong = guarded.ask(Some(&wrong), method, &path, None);
            if is_public {
                assert!(![401, 403].contains(&without.status), "{what}: {without:?}");
                assert!(![401, 403].contains(&insufficient.status), "{what}: {insufficient:?}");
                assert_eq!(with_wrong.status == 401, operation.kind != Kind::Probe, "{what}: {with_wrong:?}");
                continue;
            }
            assert_eq!(code(&without), (401, 40_101), "{what}: {without:?}");
            let challenge = without.header("www-authenticate");
            assert!(challenge.contains("Basic realm=") && challenge.contains("Bearer realm="), "{what}: {challenge}");
            assert_eq!(code(&insufficient), (403, 40_301), "{what}: {insufficient:?}");
            assert_eq!(code(&with_wrong), (401, 40_101), "{what}: {with_wrong:?}");
        }
    }
}

/// The same over gRPC.
#[test]
fn every_rpc_is_refused_without_credentials_and_without_the_right() {
    let guarded = Guarded::start();
    let nobody = guarded.account("nobody", &[]);
    let address = guarded.cluster.nodes[0].config.grpc.as_ref().unwrap().listen.clone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        for operation in all().filter(|operation| operation.rpc.is_some()) {
            let without = call(channel.clone(), operation, None).await;
            let insufficient = call(channel.clone(), operation, Some(&nobody)).await;
            let is_public = operation.permission == Permission::Public;
            let expected =
                if is_public { (Code::Ok, Code::Ok) } else { (Code::Unauthenticated, Code::PermissionDenied) };
            assert_eq!((without, insufficient), expected, "{}", operation.name);
        }
    });
}

/// The code of a call with an empty message; of a stream, that of its head.
async fn call(channel: tonic::transport::Channel, operation: &Operation, key: Option<&Key>) -> Code {
    let (service, method) = operation.rpc.unwrap();
    let path = format!("/{service}/{method}").parse().unwrap();
    let mut request = Request::new(Vec::new());
    if let Some(Key { id, secret }) = key {
        let token = format!("Bearer {id}.{secret}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
    }
    let mut grpc = Grpc::new(channel);
    grpc.ready().await.unwrap();
    let is_stream = operation.is_stream() || matches!(operation.id, OperationId::Server(Server::WatchHealth));
    let answered = if is_stream {
        grpc.server_streaming(request, path, Raw).await.map(drop)
    } else {
        grpc.unary(request, path, Raw).await.map(drop)
    };
    answered.map_or_else(|status| status.code(), |()| Code::Ok)
}

/// Rows 12 and 13: what a client says about itself is not listened to.
#[test]
fn headers_that_claim_an_identity_are_ignored() {
    let guarded = Guarded::start();
    for header in ["x-forwarded-user", "x-registry-principal", "x-remote-user", "x-auth-request-user", "from"] {
        let answer = guarded.cluster.ask_however(1, "GET", "/subjects", &[(header, "root")], None);
        assert_eq!(code(&answer), (401, 40_101), "{header}");
    }
    let who = guarded.cluster.ask_however(1, "GET", "/v1/auth/whoami", &[("x-registry-principal", "root")], None);
    assert!(who.body.contains("\"anonymous\""), "{who:?}");
}

/// Rows 24, 27 and 28: what one may not see is not there, in lists, by id, by guid, in searches, and in page tokens.
#[test]
fn a_restricted_user_sees_permitted_subjects_only() {
    let guarded = Guarded::start();
    let open = guarded.register(&guarded.root, "open-a", "Open");
    let secret = guarded.register(&guarded.root, "secret-b", "Secret");
    guarded.register(&guarded.root, "secret-c", "Open");
    guarded.register(&guarded.root, "open-z", "OpenToo");
    guarded.register(&guarded.root, ":.eu:secret-d", "Hidden");
    let reader = guarded.account("reader", &[("consumer", prefix("open-"))]);
    let get = |path: &str| guarded.ask(Some(&reader), "GET", path, None);
    let text = |path: &str| {
        let answer = get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(!answer.body.contains("secret") && !answer.body.contains("Secret"), "{path}: {answer:?}");
        assert!(!answer.body.contains("Hidden") && !answer.body.contains(".eu"), "{path}: {answer:?}");
        answer.body
    };
    assert_eq!(text("/subjects"), r#"["open-a","open-z"]"#);
    assert_eq!(text("/subjects?deleted=true&subjectPrefix=:*:"), r#"["open-a","open-z"]"#);
    text("/schemas");
    text("/schemas?latestOnly=true");
    // What is not seen does not count before a page either.
    assert_eq!(text("/subjects?offset=1&limit=1"), r#"["open-z"]"#);
    assert!(text("/schemas?offset=1&limit=1").contains("open-z"));
    assert_eq!(text("/schemas?offset=2&limit=1"), "[]");
    assert_eq!(text("/contexts"), r#"["."]"#);
    text(&format!("/schemas/ids/{open}"));
    // The content is held by a subject of each kind; only one is named.
    assert_eq!(text(&format!("/schemas/ids/{open}/subjects")), r#"["open-a"]"#);
    text(&format!("/schemas/ids/{open}/versions"));
    text("/api/v1/subjects");
    text("/api/v1/search?latest_only=true");
    // By an index of terms, which leads to contents that both kinds of subjects hold.
    assert!(text("/api/v1/search?type=Open").contains("open-a"));
    assert!(!text("/api/v1/search?type=Secret").contains("subject"));
    text(&format!("/llm/v1/schemas/ids/{open}/projections/openai-strict@2026-08"));
    // No cache between a client and its node may give to others what this one may see.
    let cached = get(&format!("/schemas/ids/{open}")).header("cache-control");
    assert!(cached.starts_with("private"), "{cached}");
    for size in 1..3 {
        let first: Value = serde_json::from_str(&text(&format!("/api/v1/subjects?page_size={size}"))).unwrap();
        let token = first["nextPageToken"].as_str().unwrap();
        // A token is an encoded key: it names permitted subjects only.
        let readable = String::from_utf8_lossy(&unhex(token)).into_owned();
        assert!(!readable.contains("secret"), "{readable}");
        assert_eq!(token.is_empty(), size == 2, "{first}");
    }
    let projected = get(&format!("/llm/v1/schemas/ids/{secret}/projections/openai-strict@2026-08"));
    assert_eq!(code(&projected), (404, 40_403), "{projected:?}");
    // An id that only forbidden subjects hold is as one that nobody has given out.
    let hidden = get(&format!("/schemas/ids/{secret}"));
    let missing = get("/schemas/ids/999999");
    assert_eq!(code(&hidden), code(&missing));
    assert_eq!(hidden.body.replace(&secret.to_string(), "?"), missing.body.replace("999999", "?"));
    for path in [
        "/subjects/secret-b/versions",
        "/subjects/secret-b/versions/1",
        "/subjects/no-such-secret/versions",
        "/config/secret-b",
        "/mode/secret-b",
        "/api/v1/subjects/secret-b/versions/1",
        "/subjects/:.eu:secret-d/versions/1",
        "/contexts/.eu/subjects/secret-d/versions/1",
        "/llm/v1/subjects/secret-b/versions/1/projections/openai-strict@2026-08",
    ] {
        assert_eq!(code(&get(path)), (403, 40_301), "{path}");
    }
    // A subject of the default context that is not there is looked for in others: not where one may not look.
    let reader_of_d = guarded.account("reader-of-d", &[("consumer", prefix("secret-d"))]);
    let found = guarded.ask(Some(&reader_of_d), "GET", "/subjects/secret-d/versions/1", None);
    assert_eq!(code(&found), (404, 40_401), "{found:?}");
    let guid = guarded.good(&guarded.root, "GET", &format!("/schemas/ids/{secret}"), None)["guid"].clone();
    let guid = guid.as_str().unwrap();
    assert_eq!(get(&format!("/schemas/guids/{guid}")).status, 404);
    assert_eq!(text(&format!("/schemas/guids/{guid}/ids")), "[]");
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

/// Who may publish could otherwise own, and then delete, what others have published.
#[test]
fn a_subject_is_not_taken_over_by_its_next_version() {
    let guarded = Guarded::start();
    let [mine, other] = ["mine", "other"].map(|name| guarded.account(name, &[("publisher", everywhere())]));
    let version = |number: u32, metadata: Option<Value>| {
        let schema = format!(r#"{{"type":"enum","name":"E","doc":"{number}","symbols":["A"]}}"#);
        match metadata {
            Some(metadata) => json!({"schema": schema, "metadata": metadata}),
            None => json!({ "schema": schema }),
        }
    };
    let owned = |owner: &str| Some(json!({"properties": {"owner": owner}}));
    let register = |key: &Key, body: Value| code(&guarded.ask(Some(key), "POST", "/subjects/s/versions", Some(body)));
    let delete = |key: &Key| code(&guarded.ask(Some(key), "DELETE", "/subjects/s", None));
    assert_eq!(register(&mine, version(1, owned("mine"))).0, 200);
    assert_eq!(register(&other, version(2, owned("other"))), (403, 40_301));
    // Without an owner, with one that policies cannot see, and through an alias: the same.
    assert_eq!(register(&other, version(2, Some(json!({"properties": {"x": "y"}})))), (403, 40_301));
    let sealed = json!({"properties": {"owner": "mine"}, "sensitive": ["owner"]});
    assert_eq!(register(&other, version(2, Some(sealed))), (403, 40_301));
    guarded.good(&guarded.root, "PUT", "/config/alias-of-s", Some(json!({"alias": "s"})));
    let aliased = guarded.ask(Some(&other), "POST", "/subjects/alias-of-s/versions", Some(version(2, owned("other"))));
    assert_eq!(code(&aliased), (403, 40_301));
    // Whoever changes nothing about it may go on, and the owner may hand it over.
    assert_eq!(register(&other, version(2, None)).0, 200);
    assert_eq!(delete(&other), (403, 40_301));
    assert_eq!(register(&mine, version(3, owned("other"))).0, 200);
    assert_eq!(delete(&mine), (403, 40_301));
    assert_eq!(delete(&other).0, 200);
    // What is left of it is still the owner's.
    assert_eq!(register(&mine, version(4, owned("mine"))), (403, 40_301));
}

/// The registry's own cursors say what a backup may rest on.
#[test]
fn the_cursors_of_the_registry_are_its_own() {
    let guarded = Guarded::start();
    let consumer = guarded.account("consumer", &[("consumer", everywhere())]);
    for key in [&consumer, &guarded.root] {
        let moved = guarded.ask(Some(key), "PUT", "/api/v1/cursors/registry:backup", Some(json!({"token": "1.0"})));
        assert_eq!(code(&moved), (403, 40_301), "{moved:?}");
    }
    let moved = guarded.ask(Some(&consumer), "PUT", "/api/v1/cursors/mine", Some(json!({"token": "1.0"})));
    assert_eq!(moved.status, 200, "{moved:?}");
}

/// A schema that refers to a forbidden one would tell of its content.
#[test]
fn references_lead_only_to_what_may_be_read() {
    let guarded = Guarded::start();
    guarded.register(&guarded.root, "secret-b", "Secret");
    let publisher = guarded.account("publisher", &[("publisher", prefix("open-"))]);
    let schema = json!({
        "schema": r#"{"type":"record","name":"R","fields":[{"name":"s","type":"Secret"}]}"#,
        "references": [{"name": "Secret", "subject": "secret-b", "version": 1}],
    });
    for path in ["/subjects/open-r/versions", "/subjects/open-r", "/compatibility/subjects/open-r/versions"] {
        let refused = guarded.ask(Some(&publisher), "POST", path, Some(schema.clone()));
        assert_eq!(code(&refused), (422, 42_201), "{path}: {refused:?}");
    }
    let mut projected = schema.clone();
    projected["dialect"] = json!("openai-strict@2026-08");
    projected["schemaType"] = json!("AVRO");
    let refused = guarded.ask(Some(&publisher), "POST", "/llm/v1/project", Some(projected.clone()));
    assert_eq!(code(&refused), (422, 42_201), "{refused:?}");
    guarded.good(&guarded.root, "POST", "/llm/v1/project", Some(projected));
    guarded.good(&guarded.root, "POST", "/subjects/open-r/versions", Some(schema));
    // An alias opens nothing either: neither to who makes it nor to who uses it.
    let settings = BindingBody { role: "settings".to_owned(), ..prefix("open-") };
    let role = json!({"permissions": ["config.write", "config.read", "subject.read"]});
    guarded.good(&guarded.root, "PUT", "/v1/auth/roles/settings", Some(role));
    let setter = guarded.account("setter", &[("settings", settings)]);
    let alias = guarded.ask(Some(&setter), "PUT", "/config/open-x", Some(json!({"alias": "secret-b"})));
    assert_eq!(code(&alias), (403, 40_301), "{alias:?}");
    guarded.good(&guarded.root, "PUT", "/config/open-x", Some(json!({"alias": "secret-b"})));
    let read = guarded.ask(Some(&setter), "GET", "/subjects/open-x/versions/1", None);
    assert_eq!(code(&read), (403, 40_301), "{read:?}");
}

/// Row 26: a batch that mixes permitted and forbidden subjects does nothing.
#[test]
fn a_batch_is_refused_as_a_whole() {
    let guarded = Guarded::start();
    guarded.register(&guarded.root, "open-a", "A");
    guarded.register(&guarded.root, "secret-b", "B");
    let publisher = guarded.account("publisher", &[("publisher", prefix("open-"))]);
    let request = |id: &str, subject: &str| {
        json!({
            "resourceName": id, "resourceNamespace": "ns", "resourceId": id, "resourceType": "topic",
            "associations": [{"subject": subject, "associationType": "value"}],
        })
    };
    let batch = |subjects: [&str; 2]| json!({"requests": [request("t1", subjects[0]), request("t2", subjects[1])]});
    let path = "/associations:batch";
    let form = all().find(|operation| operation.name == "BatchMutateAssociations").unwrap().forms[0];
    let (method, path) = (form.method.name(), if form.template.contains('{') { path } else { form.template });
    let mixed = guarded.ask(Some(&publisher), method, path, Some(batch(["open-a", "secret-b"])));
    assert_eq!(code(&mixed), (403, 40_301), "{mixed:?}");
    let tied = guarded.good(&guarded.root, "GET", "/associations/resources/t1", None);
    assert_eq!(tied, json!([]), "nothing was applied");
    let good = guarded.ask(Some(&publisher), method, path, Some(batch(["open-a", "open-a"])));
    assert!([200, 207].contains(&good.status), "{good:?}");
}

/// Row 29, and the revocation of keys: both hold from the entry on that says so.
#[test]
fn what_is_revoked_ends_at_once_and_so_do_open_streams() {
    let guarded = Guarded::start();
    guarded.register(&guarded.root, "open-a", "A");
    let reader = guarded.account("reader", &[("consumer", prefix("open-"))]);
    let watch = guarded.cluster.listen_as(1, (&reader.id, &reader.secret), "/api/v1/events?after=0");
    wait_for("an event", || watch.text().contains("open-a"));
    assert_eq!(guarded.ask(Some(&reader), "GET", "/subjects/open-a/versions", None).status, 200);
    guarded.good(&guarded.root, "DELETE", "/v1/auth/bindings/reader-0", None);
    assert_eq!(code(&guarded.ask(Some(&reader), "GET", "/subjects/open-a/versions", None)), (403, 40_301));
    wait_for("the end of the stream", || watch.has_ended());
    assert!(watch.text().contains("40301"), "it says why: {}", watch.text());

    guarded
        .bind("reader-0", &BindingBody { role: "consumer".into(), account: Some("reader".into()), ..prefix("open-") });
    let watch = guarded.cluster.listen_as(1, (&reader.id, &reader.secret), "/api/v1/events?after=0");
    wait_for("an event", || watch.text().contains("open-a"));
    guarded.good(&guarded.root, "DELETE", &format!("/v1/auth/accounts/reader/keys/{}", reader.id), None);
    assert_eq!(code(&guarded.ask(Some(&reader), "GET", "/subjects/open-a/versions", None)), (401, 40_101));
    wait_for("the end of the stream", || watch.has_ended());
    guarded.register(&guarded.root, "open-b", "B");
    assert!(!watch.text().contains("open-b"));
}

/// Two keys overlap, so that a secret can be changed without a pause.
#[test]
fn keys_are_rotated_without_a_pause_and_shown_once() {
    let guarded = Guarded::start();
    let first = guarded.account("ci", &[("consumer", everywhere())]);
    let path = "/v1/auth/accounts/ci/keys";
    let second: NewKeyBody =
        serde_json::from_value(guarded.good(&guarded.root, "POST", path, Some(json!({})))).unwrap();
    let second = Key { id: second.id, secret: second.secret };
    for key in [&first, &second] {
        guarded.good(key, "GET", "/subjects", None);
    }
    let third = guarded.ask(Some(&guarded.root), "POST", path, Some(json!({})));
    assert_eq!(code(&third), (422, 42_254), "{third:?}");
    guarded.good(&guarded.root, "DELETE", &format!("{path}/{}", first.id), None);
    assert_eq!(guarded.ask(Some(&first), "GET", "/subjects", None).status, 401);
    guarded.good(&second, "GET", "/subjects", None);
    let listed = guarded.good(&guarded.root, "GET", "/v1/auth/accounts", None).to_string();
    assert!(listed.contains(&second.id) && !listed.contains(&second.secret) && !listed.contains("hash"), "{listed}");
    // The same request again: the key is there, and its secret is gone.
    let expired = json!({"expires_ms": 1});
    guarded.good(&guarded.root, "POST", path, Some(expired));
    let whoami = guarded.good(&second, "GET", "/v1/auth/whoami", None);
    assert_eq!(whoami["principal"], "service-account:ci");
}

#[test]
fn policies_are_checked_explained_and_cannot_lock_their_author_out() {
    let guarded = Guarded::start();
    let admin = guarded.account("boss", &[("admin", everywhere())]);
    let put =
        |key: &Key, text: &str| guarded.ask(Some(key), "PUT", "/v1/auth/policies/p", Some(json!({ "text": text })));
    for bad in ["permit(", "permit(principal, action == Action::\"no.such\", resource);", ""] {
        assert_eq!(code(&put(&admin, bad)), (422, 422), "{bad}");
    }
    let locking = "forbid(principal, action, resource);";
    let refused = put(&admin, locking);
    assert_eq!(code(&refused), (422, 422), "{refused:?}");
    assert!(refused.body.contains("could not take it back"), "{refused:?}");
    assert_eq!(put(&admin, "forbid(principal, action == Action::\"subject.purge\", resource);").status, 200);
    let question = json!({"account": "boss", "permission": "subject.purge", "subject": "s"});
    let decision = guarded.good(&admin, "POST", "/v1/auth/explain", Some(question));
    assert_eq!(decision, json!({"allowed": false, "policies": ["policy/p/0"]}));
    let mine = guarded.good(&admin, "GET", "/v1/auth/can-i?permission=subject.purge&subject=s", None);
    assert_eq!(mine, json!({"allowed": false, "policies": []}));
    let unknown = guarded.ask(Some(&admin), "GET", "/v1/auth/can-i?permission=everything", None);
    assert_eq!(code(&unknown), (422, 422));
    // Whoever has the machine gets in again, whatever the policies say.
    assert_eq!(put(&guarded.root, locking).status, 200);
    let read = || guarded.ask(Some(&guarded.root), "GET", "/subjects/s/versions", None);
    assert_eq!(code(&read()), (403, 40_301));
    guarded.good(&guarded.root, "DELETE", "/v1/auth/policies/p", None);
    assert_eq!(code(&read()), (404, 40_401));
}

/// Who asks more than its share waits, and nobody else does.
#[test]
fn a_greedy_client_is_told_to_wait_and_others_are_not() {
    let guarded = Guarded::start_with(|config| config.rates.read = 1);
    let greedy = guarded.account("greedy", &[("consumer", everywhere())]);
    let modest = guarded.account("modest", &[("consumer", everywhere())]);
    let read = |key: &Key| guarded.ask(Some(key), "GET", "/subjects/s/versions", None);
    let mut last = None;
    wait_for("a refusal", || {
        let answer = read(&greedy);
        let is_refused = answer.status == 429;
        last = Some(answer);
        is_refused
    });
    let refused = last.unwrap();
    assert_eq!(code(&refused), (429, 429), "{refused:?}");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("ratelimit"), "\"read\";r=0;t=1");
    assert_eq!(refused.header("ratelimit-policy"), "\"read\";q=5;w=5");
    assert_eq!(code(&read(&modest)), (404, 40_401));
    assert_eq!(guarded.ask(Some(&greedy), "GET", "/subjects", None).status, 200, "another class");
    assert_eq!(guarded.ask(None, "GET", "/readyz", None).status, 200);
}

/// Where a request comes from is the other end of its connection, and nothing that a header says.
#[test]
fn a_policy_may_ask_where_a_request_comes_from() {
    let guarded = Guarded::start();
    let reader = guarded.account("reader", &[("consumer", everywhere())]);
    for (network, expected) in [("10.0.0.0/8", (403, 40_301)), ("127.0.0.0/8", (404, 40_401))] {
        let text = format!(
            r#"forbid(principal, action == Action::"subject.read", resource)
            unless {{ context has address && context.address.isInRange(ip("{network}")) }};"#
        );
        guarded.good(&guarded.root, "PUT", "/v1/auth/policies/p", Some(json!({ "text": text })));
        let read = guarded.ask(Some(&reader), "GET", "/subjects/s/versions", None);
        assert_eq!(code(&read), expected, "{network}: {read:?}");
    }
}

/// Whoever runs the machine has the last word, and the audit log says so.
#[test]
fn a_new_root_key_replaces_a_lost_one() {
    let mut guarded = Guarded::start();
    let lost = guarded.root.clone();
    let file = guarded.cluster.node(1).config.node.data_dir.join("root.key");
    guarded.cluster.node(1).stop();
    std::fs::remove_file(&file).unwrap();
    guarded.cluster.node(1).start_with(node::Options { root_key: true, ..node::Options::default() });
    guarded.cluster.node(1).wait_ready();
    guarded.root = Guarded::root_key(&mut guarded.cluster);
    assert_ne!(guarded.root.id, lost.id);
    assert_eq!(guarded.ask(Some(&lost), "GET", "/subjects", None).status, 401);
    let records = guarded.good(&guarded.root, "GET", "/api/v1/audit", None).to_string();
    assert!(records.contains("node:1") && records.contains("access.key_add"), "{records}");
    assert!(!records.contains(&guarded.root.secret), "no secret is in the audit log");
}

/// What is refused is recorded with who asked; never with a secret.
#[test]
fn denied_changes_are_recorded() {
    let mut guarded = Guarded::start();
    let reader = guarded.account("reader", &[("consumer", everywhere())]);
    let refused = guarded.ask(Some(&reader), "DELETE", "/subjects/s", None);
    assert_eq!(code(&refused), (403, 40_301));
    assert_eq!(guarded.ask(None, "POST", "/subjects/s/versions", Some(json!({}))).status, 401);
    let file = guarded.cluster.node(1).config.node.data_dir.join("attempts/attempts.jsonl");
    let read = || std::fs::read_to_string(&file).unwrap_or_default();
    wait_for("the records", || read().contains("service-account:reader") && read().contains("40101"));
    assert!(!read().contains(&reader.secret), "{}", read());
    let lines: Vec<Value> = read().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |code: u32| lines.iter().find(|line| line["code"] == code).unwrap_or_else(|| panic!("{code}: {lines:?}"));
    assert_eq!((&of(40_301)["authentication"], &of(40_301)["address"]), (&json!("basic"), &json!("127.0.0.1")));
    assert_eq!(of(40_101)["trace_id"].as_str().map(str::len), Some(32));
}

/// An audit record tells how somebody showed who they are, from where, with which program, and in which trace.
#[test]
fn audit_records_tell_where_a_change_came_from() {
    let guarded = Guarded::start();
    let level = || guarded.good(&guarded.root, "GET", "/v1/cluster/status", None)["level"].as_u64();
    wait_for("the level of this program", || level() == Some(registry::level::SUPPORTED.into()));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let auth = support::basic((&guarded.root.id, &guarded.root.secret));
    let headers = [
        ("authorization", auth.as_str()),
        ("user-agent", "terraform/1.9 (ci)"),
        ("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")),
    ];
    let body = r#"{"compatibility":"NONE"}"#;
    let done = guarded.cluster.ask_however(1, "PUT", "/config/s", &headers, Some(body));
    assert_eq!(done.status, 200, "{done:?}");
    let answer = guarded.good(&guarded.root, "GET", "/api/v1/audit?action=config.set", None);
    let record = answer["records"].as_array().and_then(|records| records.last()).cloned().unwrap_or_default();
    let told = ["authentication", "address", "userAgent", "traceId"].map(|name| record[name].as_str().unwrap_or(""));
    assert_eq!(told, ["basic", "127.0.0.1", "terraform/1.9 (ci)", trace], "{answer}");
}

/// With `auth.enabled = false` everything is as it was.
#[test]
fn without_permissions_everybody_may_do_everything() {
    let mut cluster = Cluster::prepared(1);
    cluster.node(1).start(true);
    cluster.node(1).wait_ready();
    assert_eq!(cluster.register(1, "s", "A").status, 200);
    assert_eq!(cluster.ask_as(1, Some(("a", "b")), "GET", "/subjects", None).status, 200);
    let path = cluster.node(1).config.node.data_dir.join("root.key");
    assert!(!path.exists(), "nobody needs a root key");
}
