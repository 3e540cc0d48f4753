//! Bad input and sloppy input: the exact answer, nothing changed, every node alive.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use jepsen_tests::client::{Answer, raw};
use jepsen_tests::cluster::{Cluster, Spec};
use jepsen_tests::dump;
use serde_json::{Value, json};

/// What a request leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trace {
    /// Nothing at all: the state's digest stays.
    None,
    /// A record of the refusal in the audit trail, and no other change.
    Audit,
    /// It is carried out.
    Effect,
}

struct Row {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    /// 0 where the answer is no error.
    code: u32,
    trace: Trace,
}

fn row(method: &'static str, path: impl Into<String>, body: impl Into<Vec<u8>>, status: u16, code: u32) -> Row {
    let trace = if status < 300 && method != "GET" { Trace::Effect } else { Trace::None };
    Row { method, path: path.into(), headers: Vec::new(), body: body.into(), status, code, trace }
}

impl Row {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn audited(self) -> Self {
        Self { trace: Trace::Audit, ..self }
    }

    fn bytes(&self, address: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        [head.into_bytes(), self.body.clone()].concat()
    }

    fn what(&self) -> String {
        let clip = |text: &str| text.chars().take(120).collect::<String>();
        format!(
            "{} {} {:?} {}",
            self.method,
            clip(&self.path),
            self.headers,
            clip(&String::from_utf8_lossy(&self.body))
        )
    }
}

const VERSIONS: &str = "/subjects/s/versions";

fn register(body: impl Into<Vec<u8>>, status: u16, code: u32) -> Row {
    row("POST", VERSIONS, body, status, code)
}

fn schema(format: &str, text: &str) -> Vec<u8> {
    json!({"schemaType": format, "schema": text}).to_string().into_bytes()
}

fn string_schema() -> Vec<u8> {
    schema("AVRO", "\"string\"")
}

fn bodies() -> Vec<Row> {
    let utf16: Vec<u8> = "\u{feff}{\"schema\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        register("{", 400, 400),
        register("{\"schema\": \"\\\"string\\\"\"} trailing", 400, 400),
        register("{\"schema\": NaN}", 400, 400),
        // Half a unit of UTF-16 is missing.
        register(utf16[..utf16.len() - 1].to_vec(), 400, 400),
        register(b"{\"schema\": \"\xff\"}".to_vec(), 400, 400),
        register("", 422, 422),
        register("  \n", 422, 422),
        register("null", 422, 422),
        register("\"string\"", 400, 400),
        register("[]", 400, 400),
        // An array is not an object, even if its items would fit the fields by their order.
        register("[1,1,1,1,\"\\\"string\\\"\",\"AVRO\",[],null,null,null,null,null,null,null]", 400, 400),
        row("PUT", "/mode", "[\"READONLY\"]", 400, 400),
        register("{\"schema\": 1}", 400, 400),
        register("{\"schema\": [\"string\"]}", 400, 400),
        register("{\"schema\": \"\\\"int\\\"\", \"schema\": \"\\\"string\\\"\"}", 400, 400),
        register("{\"schema\": \"\\\"string\\\"\", \"version\": \"one\"}", 400, 400),
        register("{\"schema\": \"\\\"string\\\"\", \"version\": 4294967296}", 400, 400),
        register("{\"schema\": \"\\\"string\\\"\", \"id\": 1.5}", 400, 400),
        register("{\"schema\": \"\\\"string\\\"\", \"references\": {}}", 400, 400),
        register("{\"schema\": \"\\\"string\\\"\", \"references\": [{\"nam\": \"x\"}]}", 422, 42201),
        register(format!("{{\"schemaTagsToAdd\": {}", "[".repeat(100_000)), 400, 400),
        register(format!("{{\"metadata\": {}", "[".repeat(100_000)), 400, 400),
        register(vec![b'['; 1_000_000], 400, 400),
        // Longer than the limit of a body, and of a schema.
        register(vec![b' '; 3 * 1024 * 1024], 413, 413),
        register(schema("AVRO", &format!("\"{}\"", "x".repeat(1_200_000))), 422, 42209),
        register(schema("JSON", &format!("{{\"title\":\"{}\"}}", "x".repeat(1_200_000))), 422, 42209),
        register(schema("PROTOBUF", &format!("//{}\nsyntax = \"proto3\";", "x".repeat(1_200_000))), 422, 42209),
        register(string_schema(), 415, 415).with("Content-Type", "text/plain"),
        register(string_schema(), 415, 415).with("Content-Type", "multipart/form-data; boundary=x"),
        register(string_schema(), 415, 415).with("Content-Type", "application/vnd.schemaregistry.v2+json"),
        register(string_schema(), 400, 400).with("Content-Encoding", "gzip"),
        register(string_schema(), 415, 415).with("Content-Encoding", "br"),
        register(string_schema(), 422, 422).with("Idempotency-Key", ""),
        register(string_schema(), 422, 422).with("Idempotency-Key", "k".repeat(200)),
    ]
}

fn schemas() -> Vec<Row> {
    let invalid = |format: &str, text: &str| register(schema(format, text), 422, 42201);
    let referring = |reference: Value| {
        let body = json!({"schema": "\"string\"", "references": [reference]});
        register(body.to_string(), 422, 42201)
    };
    let nested = |open: &str, middle: &str, close: &str, depth: usize| {
        format!("{}{middle}{}", open.repeat(depth), close.repeat(depth))
    };
    let many: Vec<_> = (0..2_000).map(|n| json!({"name": format!("n{n}"), "subject": "s", "version": 1})).collect();
    vec![
        // Without a text a request means the latest version's; a new subject has none.
        row("POST", "/subjects/nobody/versions", "{}", 422, 42201),
        row("POST", "/subjects/nobody/versions", schema("AVRO", ""), 422, 42201),
        invalid("AVRO", "{"),
        invalid("AVRO", "\"nothing\""),
        invalid("AVRO", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4611686018427387904}"),
        invalid("AVRO", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}"),
        invalid(
            "AVRO",
            "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\",\"type\":\"int\"},{\"name\":\"f\",\"type\":\"int\"}]}",
        ),
        invalid("AVRO", &nested("{\"type\":\"array\",\"items\":", "\"int\"", "}", 10_000)),
        invalid("JSON", "{"),
        invalid("JSON", "{\"type\": \"everything\"}"),
        invalid("JSON", "{\"$ref\": \"http://169.254.169.254/latest/meta-data\"}"),
        invalid("JSON", "{\"$ref\": \"file:///etc/passwd\"}"),
        invalid("JSON", &nested("{\"not\":", "{}", "}", 50_000)),
        invalid("PROTOBUF", "this is no schema"),
        invalid("PROTOBUF", "syntax = \"proto4\"; message M {}"),
        invalid("PROTOBUF", "syntax = \"proto3\"; message M { Nothing a = 1; }"),
        invalid("PROTOBUF", "syntax = \"proto3\"; message M {} message M {}"),
        invalid("PROTOBUF", "syntax = \"proto3\"; import \"nowhere.proto\"; message M { N n = 1; }"),
        invalid("PROTOBUF", &format!("syntax = \"proto3\";{}", nested("message M {", "", "}", 20_000))),
        invalid("THRIFT", "struct S {}"),
        referring(json!({"subject": "s", "version": 1})),
        referring(json!({"name": "n", "version": 1})),
        referring(json!({"name": "n", "subject": "s"})),
        referring(json!({"name": "n", "subject": "nobody", "version": 1})),
        referring(json!({"name": "n", "subject": "s", "version": 99})),
        referring(json!({"name": "n", "subject": "nobody", "version": -1})),
        register(json!({"schema": "\"string\"", "references": many}).to_string(), 422, 42201),
        register("{\"schema\": \"\\\"string\\\"\", \"version\": -5}", 422, 42201),
        register("{\"schema\": \"\\\"boolean\\\"\", \"id\": 5}", 422, 42205),
        // What is there already under another id is told before the mode is looked at.
        register("{\"schema\": \"\\\"string\\\"\", \"id\": 5}", 422, 42207),
        row("POST", "/subjects/s", "{\"schema\": \"\\\"bytes\\\"\"}", 404, 40403),
        row("POST", "/subjects/nobody", string_schema(), 404, 40401),
        row("POST", "/subjects/s", schema("AVRO", "{"), 422, 42201),
        row("POST", "/compatibility/subjects/s/versions/99", string_schema(), 404, 40402),
        row("POST", "/compatibility/subjects/s/versions/x", string_schema(), 422, 42202),
        row("POST", "/compatibility/subjects/s/versions/1", schema("AVRO", "{"), 422, 42201),
    ]
}

fn names() -> Vec<Row> {
    let at =
        |name: &str, status, code| row("POST", format!("/subjects/{name}/versions"), string_schema(), status, code);
    let mut rows: Vec<_> =
        ["%00", "a%0Ab", "a%0D%0Ab", "%09", "a%7F", "%C2%85", "__GLOBAL", "__EMPTY", ":.ctx:__EMPTY"]
            .iter()
            .map(|name| at(name, 422, 42208))
            .collect();
    rows.extend([
        at(&"x".repeat(10_240), 422, 42208),
        at(&"x".repeat(1_025), 422, 42208),
        at("%ff", 400, 400),
        at("%c3%28", 400, 400),
        row("GET", "/subjects?subjectPrefix=%ff", "", 400, 400),
        row("GET", "/config/a%0Ab", "", 422, 42208),
        row("DELETE", "/subjects/__GLOBAL", "", 422, 42208),
        row("GET", "/contexts/a:b/subjects", "", 400, 400),
        row("DELETE", "/contexts/a%0Ab", "", 400, 400),
        // A slash in a name is percent-encoded; as it is, it makes another path.
        row("POST", "/subjects/a/b/versions", string_schema(), 404, 404),
    ]);
    for version in ["0", "-2", "abc", "2147483648", "1.5", "LATEST", "%20", "1e3", "-0"] {
        rows.push(row("GET", format!("{VERSIONS}/{version}"), "", 422, 42202));
        rows.push(row("GET", format!("/subjects/nobody/versions/{version}/schema"), "", 422, 42202));
        rows.push(row("DELETE", format!("{VERSIONS}/{version}"), "", 422, 42202));
    }
    for id in ["abc", "99999999999", "1.0", "%20"] {
        rows.push(row("GET", format!("/schemas/ids/{id}"), "", 404, 404));
    }
    for id in ["0", "-1", "2147483647"] {
        rows.push(row("GET", format!("/schemas/ids/{id}"), "", 404, 40403));
    }
    rows
}

fn resources() -> Vec<Row> {
    let mut rows = vec![
        row("GET", "/subjects/s/versions/99", "", 404, 40402),
        row("GET", "/subjects/nobody/versions/1", "", 404, 40401),
        row("GET", "/subjects/nobody/versions/latest", "", 404, 40401),
        row("GET", "/subjects/nobody/versions", "", 404, 40401),
        row("GET", "/schemas/guids/nonsense", "", 404, 40403),
        row("GET", "/config/nobody", "", 404, 40408),
        row("GET", "/mode/nobody", "", 404, 40409),
        row("PUT", "/config", "{\"compatibility\": \"SIDEWAYS\"}", 422, 42203),
        row("PUT", "/config", "{\"compatibilty\": \"FULL\"}", 422, 422),
        row("PUT", "/config/s", "", 422, 422),
        row("PUT", "/mode", "{\"mode\": \"SLEEP\"}", 422, 42204),
        row("PUT", "/mode", "{}", 422, 42204),
        row("PUT", "/mode/s", "{\"mode\": \"FORWARD\"}", 422, 42204).audited(),
        row("DELETE", "/subjects/nobody", "", 404, 40401).audited(),
        row("DELETE", "/subjects/s?permanent=true", "", 404, 40405).audited(),
        row("DELETE", "/subjects/s/versions/99", "", 404, 40402).audited(),
        row("DELETE", "/subjects/s/versions/1?permanent=true", "", 404, 40407).audited(),
        row("DELETE", "/config/nobody", "", 404, 40401).audited(),
        row("DELETE", "/mode/nobody", "", 404, 40401).audited(),
        row("POST", "/v1/cluster/members", "{}", 400, 400),
        row("POST", "/v1/cluster/members", "{\"node_id\": 0, \"peer_address\": \"x:1\"}", 422, 422),
        row("POST", "/v1/cluster/members", "{\"node_id\": -1}", 400, 400),
        row("POST", "/v1/cluster/leader/transfer", "{\"to\": \"me\"}", 400, 400),
        row("POST", "/v1/cluster/leader/transfer", "{\"two\": 2}", 422, 422),
        row("POST", "/v1/cluster/members/two/promote", "", 404, 404),
        row("GET", "/admin/state-hash?index=x", "", 422, 422),
        row("GET", "/admin/state-hash?index=999999999", "", 404, 404),
    ];
    for path in
        ["/nowhere", "/subjects/s/versions/1/nothing", "/associations/nothing/t", "/schemas/ids", "/v1", "/s%2Fu"]
    {
        rows.push(row("GET", path, "", 404, 404));
        rows.push(row("POST", path, string_schema(), 404, 404));
    }
    let methods = [
        ("PUT", "/subjects/s"),
        ("GET", "/subjects/s"),
        ("DELETE", "/subjects"),
        ("POST", "/schemas/ids/1"),
        ("PATCH", "/config"),
        ("DELETE", VERSIONS),
        ("GET", "/compatibility/subjects/s/versions"),
        ("POST", "/livez"),
        ("BREW", "/"),
    ];
    rows.extend(methods.map(|(method, path)| row(method, path, "", 405, 405)));
    for accept in ["text/html", "application/xml, image/*", "application/json;q=0"] {
        rows.push(row("GET", "/subjects", "", 406, 406).with("Accept", accept));
        rows.push(register(string_schema(), 406, 406).with("Accept", accept));
    }
    rows
}

/// What real clients send and must be understood.
fn sloppy() -> Vec<Row> {
    let get = |path: &'static str| row("GET", path, "", 200, 0);
    let put = |body: &'static str| row("PUT", "/config/t", body, 200, 0);
    let fields = "{\"schema\": \"\\\"long\\\"\", \"metadata\": {\"tags\": null, \"properties\": {}, \"sensitive\": []}, \
                  \"ruleSet\": null, \"references\": null, \"schemaType\": null, \"id\": -1, \"version\": 0, \"guid\": \"x\"}";
    vec![
        get("/config/"),
        get("/subjects/"),
        get("/subjects/s/versions/latest/"),
        get("//subjects"),
        get("/subjects?limit=-1&offset=0"),
        get("/subjects?limit=0&offset=-7&limit=x"),
        get("/subjects?deleted_only=true&unknown=1&&="),
        get("/subjects").with("Authorization", "Basic Og=="),
        get("/subjects").with("Content-Type", "application/vnd.schemaregistry.v1+json"),
        get("/subjects").with("Content-Type", "text/plain"),
        get("/subjects").with("Accept", "text/html, */*;q=0.1"),
        get("/subjects/s/versions/-1"),
        get("/schemas/guids/nonsense/ids"),
        // Every current serialiser asks this first.
        get("/associations/resources/-/t?resourceType=topic&associationType=value"),
        get("/livez").with("Accept", "text/html"),
        row("POST", "/subjects/t/versions/?normalize=True", string_schema(), 200, 0),
        row("POST", "/subjects/t/versions", string_schema(), 200, 0)
            .with("Content-Type", "application/json; charset=utf-8"),
        row("POST", "/subjects/t/versions", string_schema(), 200, 0).with("Content-Type", "application/octet-stream"),
        // Newer clients send what this server does not know, everywhere.
        row("POST", "/subjects/t/versions", "{\"schema\": \"\\\"string\\\"\", \"surprise\": {\"x\": [1]}}", 200, 0),
        row("POST", "/subjects/t", "{\"schema\": \"\\\"string\\\"\", \"metadata\": {\"tag\": {}}}", 200, 0),
        row("PUT", "/mode/w", "{\"mode\": \"READWRITE\", \"comment\": \"x\"}", 200, 0),
        put("{\"compatibility\": \"FULL\", \"comment\": \"x\", \"defaultMetadata\": {\"comment\": 1}}"),
        row("POST", "/subjects/u/versions", fields, 200, 0),
        row("POST", "/subjects/u", fields, 200, 0),
        row("POST", "/compatibility/subjects/t/versions/latest?verbose=True", string_schema(), 200, 0),
        put("{\"compatibility\": \"none\"}"),
        put("{\"compatibilityLevel\": \"FULL\", \"normalize\": null}"),
        row("POST", "/subjects/a%2Fb/versions", string_schema(), 200, 0),
        row("POST", "/subjects/a%252Fb/versions", string_schema(), 200, 0),
        row("POST", "/subjects/..%2f..%2fetc%2fpasswd/versions", string_schema(), 200, 0),
        row("POST", format!("/subjects/{}/versions", "x".repeat(1_024)), string_schema(), 200, 0),
    ]
}

async fn digest(cluster: &Cluster, node: u64) -> Value {
    cluster.api(node).get("/admin/state-hash").send().await.unwrap().good().json()["digest"].clone()
}

async fn check(cluster: &Cluster, node: u64, row: &Row) -> Result<Answer, String> {
    let api = cluster.api(node);
    let before = digest(cluster, node).await;
    let answer = raw(&api.address, &row.bytes(&api.address)).await?;
    let seen = (answer.status, answer.error_code());
    if seen != (row.status, row.code) {
        return Err(format!("{seen:?}, not {:?}: {}", (row.status, row.code), answer.text()));
    }
    let media_type = answer.header("content-type").unwrap_or_default();
    if !media_type.ends_with("json") {
        return Err(format!("the content type is {media_type:?}"));
    }
    if row.code != 0 && answer.json()["message"].as_str().is_none_or(str::is_empty) {
        return Err("an error without a message".to_owned());
    }
    if answer.status == 405 && answer.header("allow").is_none() {
        return Err("a 405 without Allow".to_owned());
    }
    if row.trace != Trace::None {
        // The next row may go to another node, and must find its state at rest.
        dump::settled(&cluster.apis()).await;
    } else if digest(cluster, node).await != before {
        return Err("the state has changed".to_owned());
    }
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_input_gets_its_exact_answer_and_changes_nothing() {
    let cluster = Cluster::start(Spec::of(3)).await;
    let known = cluster.api(1).post(VERSIONS).json(&json!({"schema": "\"string\""})).send().await.unwrap().good();
    dump::settled(&cluster.apis()).await;
    let before = dump::linearizable(&cluster.api(1)).await;
    let settings = cluster.api(1).get("/config").send().await.unwrap().good().json();
    let mut wrong = Vec::new();
    let groups = [bodies(), schemas(), names(), resources()];
    let count: usize = groups.iter().map(Vec::len).sum();
    for (number, row) in groups.iter().flatten().enumerate() {
        if let Err(fault) = check(&cluster, 1 + number as u64 % 3, row).await {
            wrong.push(format!("{}: {fault}", row.what()));
        }
    }
    for (number, row) in sloppy().iter().enumerate() {
        if let Err(fault) = check(&cluster, 1 + number as u64 % 3, row).await {
            wrong.push(format!("{}: {fault}", row.what()));
        }
        if number == 0 {
            // Nothing of the refused part has left anything.
            assert!(dump::linearizable(&cluster.api(2)).await == before, "a refused request has changed something");
            assert_eq!(cluster.api(3).get("/config").send().await.unwrap().good().json(), settings);
        }
    }
    assert!(wrong.is_empty(), "{} of {count} rows:\n{}", wrong.len(), wrong.join("\n"));
    let member = row("POST", "/v1/cluster/members", "{\"node_id\": 9, \"x\": 1}", 422, 422);
    let unknown = raw(&cluster.api(1).address, &member.bytes("x")).await.unwrap();
    assert_eq!(
        unknown.json()["message"],
        "Unrecognized field: x",
        "administration takes nothing that it does not know"
    );
    check_alive(&cluster, known.schema().id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_http_ends_its_connection_and_nothing_else() {
    let cluster = Cluster::start(Spec::of(3)).await;
    let known = cluster.api(1).post(VERSIONS).json(&json!({"schema": "\"string\""})).send().await.unwrap().good();
    let long = "x".repeat(600_000);
    let requests: Vec<(Vec<u8>, &[u16])> = vec![
        (b"GARBAGE\r\n\r\n".to_vec(), &[400]),
        (b"GET /subjects HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n".to_vec(), &[400]),
        (b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), &[400]),
        (format!("GET /subjects HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n").into_bytes(), &[400, 431]),
        (format!("GET /subjects/{} HTTP/1.1\r\nHost: x\r\n\r\n", &long[..70_000]).into_bytes(), &[414]),
        (b"POST /subjects/s/versions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n".to_vec(), &[400]),
        (b"POST /subjects/s/versions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n".to_vec(), &[400]),
    ];
    for (request, expected) in requests {
        for api in cluster.apis() {
            let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
            let answer = raw(&api.address, &request).await.unwrap_or_else(|error| panic!("{shown:?}: {error}"));
            assert!(expected.contains(&answer.status), "{shown:?}: {}", answer.status);
        }
    }
    // Connections that promise a body and break off, or never go on.
    let mut idle = Vec::new();
    for api in cluster.apis() {
        for _ in 0..50 {
            use tokio::io::AsyncWriteExt;
            let mut stream = tokio::net::TcpStream::connect(&api.address).await.unwrap();
            let head = b"POST /subjects/s/versions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"sche";
            stream.write_all(head).await.unwrap();
            idle.push(stream);
        }
        idle.truncate(idle.len() - 25);
    }
    check_alive(&cluster, known.schema().id).await;
}

async fn check_alive(cluster: &Cluster, id: Option<u32>) {
    for api in cluster.apis() {
        api.get("/livez").send().await.unwrap().good();
        api.get("/readyz").send().await.unwrap().good();
        let again = api.post(VERSIONS).json(&json!({"schema": "\"string\""})).send().await.unwrap().good();
        assert_eq!(again.schema().id, id);
        assert!(!cluster.log(api.node_id).contains("panicked"), "node {} has panicked", api.node_id);
    }
    let nodes = cluster.apis();
    dump::settled(&nodes).await;
    dump::same_digests(&nodes).await;
}
