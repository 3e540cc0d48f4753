//! `registryctl` as a person or a script uses it: the program itself, against clusters of real node processes.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Cluster, PRINCIPAL_HEADER, until};

const ORDERS: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"amount","type":"double"}]}"#;
const ORDERS_2: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"amount","type":"double"},{"name":"note","type":"string","default":""}]}"#;
const ORDERS_BAD: &str =
    r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"string"}]}"#;
const PAYMENTS: &str =
    r#"{"type":"record","name":"Payment","namespace":"shop","fields":[{"name":"id","type":"long"}]}"#;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registryctl"));
    for name in [
        "REGISTRY_URL",
        "REGISTRY_PROFILE",
        "REGISTRY_CONTEXT",
        "REGISTRY_REGION",
        "REGISTRYCTL_OUTPUT",
        "REGISTRYCTL_TIMEOUT",
        "REGISTRY_CA",
        "REGISTRY_CLIENT_CERT",
        "REGISTRY_CLIENT_KEY",
    ] {
        command.env_remove(name);
    }
    command.env("REGISTRYCTL_CONFIG", "/nonexistent/config.toml").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("run registryctl")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ended by itself")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs against a cluster; it must succeed.
fn good(urls: &str, arguments: &[&str]) -> String {
    let output = run(&[&["--url", urls], arguments].concat());
    assert_eq!(code(&output), 0, "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Runs against a cluster; it must end with this code. What it said on stderr.
fn bad(urls: &str, arguments: &[&str], expected: i32) -> String {
    let output = run(&[&["--url", urls], arguments].concat());
    assert_eq!(code(&output), expected, "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stderr)
}

fn write(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().expect("a file has a directory")).expect("make a directory");
    std::fs::write(&path, text).expect("write a file");
    path.to_str().expect("the path is UTF-8").to_owned()
}

#[test]
fn what_is_typed_wrongly_is_told_what_to_type() {
    for (arguments, expected, part) in [
        (&["--url", "127.0.0.1:1", "subject", "list"][..], 2, "URLs begin with http://, so write http://127.0.0.1:1"),
        (&["--url", "", "subject", "list"], 2, "write, for instance, http://127.0.0.1:8081"),
        (&["--url", "http://127.0.0.1:1", "--timeout", "soon", "subject", "list"], 2, "write 500ms, 5s, 2m or 1h"),
        (&["--url", "http://127.0.0.1:1", "--timeout", "1s", "subject", "list"], 6, "cannot connect"),
        (&["--profile", "nowhere", "subject", "list"], 2, "registryctl profile set nowhere --url"),
        (&["schema", "register", "s", "--file", "/nonexistent/x.avsc"], 1, "/nonexistent/x.avsc: No such file"),
        (&["schema", "register", "s", "--file", "/etc/hostname"], 2, "add --format"),
        (&["member", "add", "4", "--peer-address", "nonsense", "--http-url", "http://a"], 2, "write host:port"),
        (&["--watch", "subject", "delete", "s"], 2, "--watch repeats commands that only read"),
        (&["nonsense"], 2, "unrecognized subcommand"),
    ] {
        let output = run(arguments);
        let said = text(&output.stderr);
        assert_eq!(code(&output), expected, "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(!said.contains("builder error"), "{said}");
    }
    let version = run(&["--version"]);
    assert!(text(&version.stdout).starts_with("registryctl "), "{version:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let shell = |line: &str| {
        let line = line.replace("registryctl", env!("CARGO_BIN_EXE_registryctl"));
        Command::new("bash").args(["-o", "pipefail", "-c", &line]).output().expect("run bash")
    };
    for line in [
        "registryctl completion bash | head -n 1",
        "registryctl completion zsh | true",
        "registryctl examples | head -n 1",
    ] {
        let output = shell(line);
        assert!(output.status.success(), "{line}: {output:?}");
        assert_eq!(text(&output.stderr), "", "{line}");
    }
    for name in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(text(&run(&["completion", name]).stdout).contains("registryctl"), "{name}");
    }
}

#[test]
fn profiles_say_where_the_cluster_is() {
    let directory = tempfile::tempdir().expect("make a directory");
    let file = directory.path().join("deep/config.toml");
    let profile = |arguments: &[&str]| {
        let mut command = program();
        let output = command.env("REGISTRYCTL_CONFIG", &file).args(arguments).output().expect("run registryctl");
        (code(&output), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(profile(&["profile", "list"]).0, 0);
    assert_eq!(profile(&["profile", "set", "x"]).0, 2);
    assert_eq!(profile(&["profile", "set", "x", "--url", "nonsense"]).0, 2);
    let (status, said) =
        profile(&["profile", "set", "prod", "--url", "http://127.0.0.1:1,http://127.0.0.1:2", "--near", "eu"]);
    assert_eq!(status, 0, "{said}");
    profile(&["profile", "set", "test", "--url", "http://127.0.0.1:3", "--timeout", "300ms"]);
    assert!(profile(&["profile", "list"]).1.contains("*  prod  eu      http://127.0.0.1:1,http://127.0.0.1:2"));
    // The current profile is used, a named one wins, and a flag wins over both.
    assert!(profile(&["--timeout", "300ms", "subject", "list"]).1.contains("127.0.0.1:1"));
    assert!(profile(&["--profile", "test", "subject", "list"]).1.contains("127.0.0.1:3"));
    assert!(
        profile(&["--profile", "test", "--url", "http://127.0.0.1:4", "subject", "list"]).1.contains("127.0.0.1:4")
    );
    assert_eq!(profile(&["profile", "use", "test"]).0, 0);
    assert!(profile(&["subject", "list"]).1.contains("127.0.0.1:3"));
    assert_eq!(profile(&["profile", "delete", "test"]).0, 0);
    assert_eq!(profile(&["profile", "use", "test"]).0, 2);
}

/// Every example of the help, in the order of the help, in one shell session against a cluster that has a fourth node
/// waiting to be added.
#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_the_help_works() {
    let mut cluster = Cluster::start(3).await;
    let fourth = cluster.prepare_another();
    cluster.spawn(fourth, false);
    let place = tempfile::tempdir().expect("make a directory");
    let directory = place.path();
    write(directory, "orders.avsc", ORDERS);
    write(directory, "orders-2.avsc", ORDERS_2);
    write(directory, "payments.avsc", PAYMENTS);
    write(
        directory,
        "tools.json",
        r#"{"tools":[{"name":"get_order","description":"One order","inputSchema":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"additionalProperties":false}}]}"#,
    );
    write(directory, "order.json", r#"{"id": 1, "amount": 2.5}"#);
    write(directory, "schemas-dir/shipments-value.avsc", PAYMENTS);
    let fourth_url = cluster.url(fourth);
    let client = cluster.client();
    until("the fourth node listens", || async { client.readiness_of(&fourth_url).await.is_ok() }).await;

    let examples = text(&run(&["examples"]).stdout);
    let mut script = format!(
        "set -e\nexport REGISTRY_URL={} REGISTRYCTL_CONFIG={}/profiles.toml REGISTRYCTL_TIMEOUT=30s\nregistryctl() {{ {} --header {PRINCIPAL_HEADER}:ada \"$@\"; }}\n",
        cluster.urls()[..3].join(","),
        directory.display(),
        env!("CARGO_BIN_EXE_registryctl"),
    );
    let mut count = 0;
    let lines = examples.lines();
    for line in lines {
        // Examples of several lines go on in lines of their own.
        let example = line.split_once('\t').map_or(line, |(path, example)| {
            count += 1;
            script.push_str(&format!("echo '== {path}'\n"));
            example
        });
        let mut example = example.trim().to_owned();
        for id in 1..=4 {
            example = example.replace(&format!("127.0.0.1:1808{id}"), cluster.url(id).trim_start_matches("http://"));
            example = example.replace(&format!("127.0.0.1:1828{id}"), &cluster.peer_address(id));
        }
        // Refused while no change of the members has broken off, which no example brings about.
        let needs_a_change = ["registryctl member finish", "registryctl member take-back"].contains(&example.as_str());
        script.push_str(&if needs_a_change { format!("if {example}; then exit 9; fi") } else { example });
        script.push('\n');
    }
    assert!(count > 60, "{count} commands");
    std::fs::write(directory.join("script.sh"), &script).expect("write the script");
    let output = Command::new("bash").arg("script.sh").current_dir(directory).output().expect("run bash");
    let printed = text(&output.stdout);
    let last = printed.rsplit("== ").next().unwrap_or_default();
    assert!(output.status.success(), "ended after: {last}\n{}", text(&output.stderr));
    assert_eq!(printed.matches("== registryctl").count(), count);
}

/// `certs` makes what a node and a client need, and nothing that others may read.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_reached_by_certificates_that_were_made_here() {
    let mut cluster = Cluster::start(1).await;
    let certs = cluster.dir().join("certs");
    let at = |name: &str| certs.join(name).to_str().expect("the path is UTF-8").to_owned();
    let directory = certs.to_str().expect("the path is UTF-8").to_owned();
    let made = |arguments: &[&str], expected: i32| {
        let output = run(&[&["certs"], arguments, &["--dir", &directory]].concat());
        assert_eq!(code(&output), expected, "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    };
    let node = ["issue", "node", "1", "--cluster", "client-test", "--host", "127.0.0.1"];
    assert!(made(&node, 2).contains("registryctl certs init"));
    assert!(made(&["init", "--dry-run"], 0).contains("would write"));
    assert!(!certs.exists());
    made(&["init"], 0);
    assert!(made(&["init"], 2).contains("is there already"));
    made(&node, 0);
    // Again: that is how they are renewed.
    made(&node, 0);
    made(&["issue", "client", "ada"], 0);
    made(&["issue", "client", "../ada"], 2);
    made(&["issue", "node", "1", "--cluster", "c", "--host", "https://a"], 2);
    for file in std::fs::read_dir(&certs).expect("list") {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&file.expect("an entry").metadata().expect("it").permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let shown = text(&run(&["certs", "show", &at("node-1.peer.crt"), &at("ada.client.crt")]).stdout);
    assert!(shown.contains("spiffe://client-test/node/1,127.0.0.1") && shown.contains("CN=ada"), "{shown}");
    assert!(shown.contains(" 364\n") || shown.contains(" 365\n"), "{shown}");
    assert_eq!(code(&run(&["certs", "show", &at("ada.client.key")])), 2);

    cluster.kill(1);
    let configuration = cluster.dir().join("node1.toml");
    let written = std::fs::read_to_string(&configuration).expect("it was written");
    let tls = format!(
        "\n[tls]\ncert = \"{}\"\nkey = \"{}\"\nca = \"{}\"\nrequire_client_cert = true\n\n[peer.tls]\ncert = \"{}\"\nkey = \"{}\"\nca = \"{}\"\n",
        at("node-1.server.crt"),
        at("node-1.server.key"),
        at("client-ca.crt"),
        at("node-1.peer.crt"),
        at("node-1.peer.key"),
        at("node-ca.crt"),
    );
    std::fs::write(&configuration, written + &tls).expect("write");
    cluster.spawn(1, false);
    let url = cluster.url(1).replace("http://", "https://");
    let (ca, cert, key) = (at("client-ca.crt"), at("ada.client.crt"), at("ada.client.key"));
    let known = ["--url", &url, "--ca", &ca, "--client-cert", &cert, "--client-key", &key];
    until("the node answers over TLS", || async { code(&run(&[&known[..], &["subject", "list"]].concat())) == 0 })
        .await;
    let place = tempfile::tempdir().expect("make a directory");
    let orders = write(place.path(), "orders.avsc", ORDERS);
    let registered = run(&[&known[..], &["schema", "register", "o", "--file", &orders, "-o", "name"]].concat());
    assert_eq!(text(&registered.stdout), "1\n", "{}", text(&registered.stderr));
    // Who does not know the authority, or is not known, gets nowhere; nor does who begins without TLS.
    let other = ["--url", &url, "--ca", &at("node-ca.crt"), "--client-cert", &cert, "--client-key", &key];
    for refused in [&other[..], &known[..4], &["--url", &cluster.url(1)]] {
        let output = run(&[refused, &["--timeout", "2s", "subject", "list"]].concat());
        assert_eq!(code(&output), 6, "{refused:?}: {}{}", text(&output.stdout), text(&output.stderr));
    }
    let output = run(&[&known[..6], &["subject", "list"]].concat());
    assert!(text(&output.stderr).contains("are given together"), "{}", text(&output.stderr));
    // A profile remembers the files.
    let profile = |arguments: &[&str]| {
        let mut command = program();
        let output = command.env("REGISTRYCTL_CONFIG", place.path().join("p.toml")).args(arguments).output();
        output.expect("run registryctl")
    };
    assert_eq!(code(&profile(&[&known[..], &["profile", "set", "tls"]].concat())), 0);
    assert_eq!(text(&profile(&["subject", "list", "-o", "name"]).stdout), "o\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_registered_compared_and_found() {
    let cluster = Cluster::start(1).await;
    let url = cluster.url(1);
    let place = tempfile::tempdir().expect("make a directory");
    let file = |name: &str, text: &str| write(place.path(), name, text);
    let (orders, orders_2, orders_bad) =
        (file("o.avsc", ORDERS), file("o2.avsc", ORDERS_2), file("ob.avsc", ORDERS_BAD));

    let dry = good(&url, &["schema", "register", "o", "--file", &orders, "--dry-run"]);
    assert!(dry.contains("would register a new version of o"), "{dry}");
    assert_eq!(good(&url, &["subject", "list", "-o", "name"]), "");
    assert_eq!(good(&url, &["schema", "register", "o", "--file", &orders, "-o", "name"]), "1\n");
    assert!(
        good(&url, &["schema", "register", "o", "--file", &orders, "--dry-run"]).contains("is version 1 of o already")
    );

    // Every form says the same.
    let json: Value = serde_json::from_str(&good(&url, &["schema", "get", "o", "-o", "json"])).expect("JSON");
    assert_eq!((json["version"].as_u64(), json["schema"].as_str()), (Some(1), Some(ORDERS)));
    let yaml = good(&url, &["schema", "get", "o", "-o", "yaml"]);
    assert!(yaml.contains("version: 1\n") && yaml.contains("schemaType: \"AVRO\"\n"), "{yaml}");
    assert_eq!(good(&url, &["schema", "get", "o", "--text"]), format!("{ORDERS}\n"));
    let id = json["id"].to_string();
    assert_eq!(good(&url, &["schema", "get", "--id", &id, "--text"]), format!("{ORDERS}\n"));
    let guid = json["guid"].as_str().expect("a guid").to_owned();
    assert_eq!(good(&url, &["schema", "get", "--guid", &guid, "--text"]), format!("{ORDERS}\n"));
    let table = good(&url, &["schema", "versions", "o"]);
    let wide = good(&url, &["schema", "versions", "o", "-o", "wide"]);
    assert!(!table.contains("GUID") && wide.contains("GUID") && wide.contains(&guid), "{wide}");

    // Verdicts have codes of their own.
    assert!(good(&url, &["schema", "check", "o", "--file", &orders_2]).contains("compatible"));
    bad(&url, &["schema", "check", "o", "--file", &orders_bad], 3);
    let refused = bad(&url, &["schema", "register", "o", "--file", &orders_bad], 3);
    assert!(refused.contains("registryctl schema check shows every difference"), "{refused}");
    bad(&url, &["schema", "register", "o", "--file", &orders_bad, "--dry-run"], 3);
    let missing = bad(&url, &["schema", "get", "nowhere"], 4);
    assert!(missing.contains("registryctl subject list shows what is there"), "{missing}");
    bad(&url, &["schema", "get", "o", "9"], 4);
    let diff = good(&url, &["schema", "diff", "o", "--file", &orders_2]);
    assert!(diff.contains("ADDED") && diff.contains("note"), "{diff}");
    good(&url, &["schema", "register", "o", "--file", &orders_2]);
    assert!(good(&url, &["schema", "diff", "o", "1", "2"]).contains("MINOR"));

    // Data, here and in the registry.
    let (fits, not) = (file("fits.json", r#"{"id":1,"amount":1.0,"note":""}"#), file("not.json", r#"{"id":"x"}"#));
    assert!(good(&url, &["schema", "validate", "o", "--data", &fits]).contains("valid"));
    let output = run(&["--url", &url, "schema", "validate", "o", "--data", &not]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("/id"), "{}", text(&output.stdout));
    good(&url, &["schema", "lint", "--file", &orders]);
    let broken = file("broken.avsc", r#"{"type":"record","name":"X","fields":[{"name":"a","type":"nothing"}]}"#);
    bad(&url, &["schema", "lint", "--file", &broken], 1);

    // A context by flag is the context of every subject.
    good(&url, &["--context", ".eu", "schema", "register", "s", "--file", &orders]);
    assert_eq!(good(&url, &["--context", "eu", "subject", "list", "-o", "name"]), ":.eu:s\n");
    assert!(good(&url, &["--context", ".eu", "schema", "get", "s"]).contains(":.eu:s"));
    bad(&url, &["--context", ".us", "schema", "get", "s"], 4);

    // Settings, and a change under a revision that has passed.
    good(&url, &["config", "set", "o", "--compatibility", "full"]);
    assert!(good(&url, &["config", "get", "o"]).contains("FULL"));
    bad(&url, &["config", "get", "s"], 4);
    good(&url, &["config", "get", "s", "--inherited"]);
    bad(&url, &["config", "set", "o"], 2);
    good(&url, &["policy", "set", "o", "--approvals", "1"]);
    let stale = bad(&url, &["policy", "delete", "o", "--if-revision", "1"], 1);
    assert!(stale.contains("somebody else changed it"), "{stale}");

    // A deletion that is only looked at changes nothing.
    assert!(good(&url, &["subject", "delete", "o", "--dry-run"]).contains("would delete o with its versions [1, 2]"));
    assert_eq!(good(&url, &["schema", "versions", "o", "-o", "name"]), "1\n2\n");
    good(&url, &["subject", "delete", "o"]);
    bad(&url, &["schema", "get", "o"], 4);
    good(&url, &["subject", "delete", "o", "--permanent"]);

    // --watch repeats; who looks on ends it.
    let mut watching = program();
    let watching = watching.args(["--url", &url, "--watch=100ms", "subject", "list", "-o", "name"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().expect("run registryctl");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(watching.stdout.take().expect("it is piped")));
    for _ in 0..3 {
        assert_eq!(lines.next().expect("a line").expect("UTF-8"), ":.eu:s");
    }
    watching.kill().expect("end it");
    watching.wait().expect("wait for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_as_code_and_whole_registries_go_both_ways() {
    let cluster = Cluster::start(1).await;
    let url = cluster.url(1);
    let place = tempfile::tempdir().expect("make a directory");
    let directory = place.path();
    let code_dir = directory.join("code");
    let code_path = code_dir.to_str().expect("UTF-8");
    // Order by reference, not by name: `a` needs `z`.
    write(
        &code_dir,
        "a/subject.json",
        r#"{"subject":"a","config":{"compatibility":"FULL"},"mode":"READONLY","versions":[{"file":"1.avsc","references":[{"name":"t.Z","subject":"z"}]}]}"#,
    );
    write(
        &code_dir,
        "a/1.avsc",
        r#"{"type":"record","name":"A","namespace":"t","fields":[{"name":"z","type":"t.Z"}]}"#,
    );
    write(&code_dir, "z.avsc", r#"{"type":"record","name":"Z","namespace":"t","fields":[]}"#);
    write(&code_dir, "orders-value.avsc", ORDERS);

    let plan = run(&["--url", &url, "plan", "-f", code_path]);
    let shown = text(&plan.stdout);
    assert_eq!(code(&plan), 2, "{shown}{}", text(&plan.stderr));
    for part in [
        "+ a: new subject",
        "+ z: new subject",
        "+ orders-value: new subject",
        "mode nothing → READONLY",
        "configuration",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert_eq!(good(&url, &["subject", "list", "-o", "name"]), "", "a plan changes nothing");
    good(&url, &["apply", "-f", code_path]);
    assert_eq!(good(&url, &["subject", "list", "-o", "name"]), "a\norders-value\nz\n");
    assert_eq!(good(&url, &["mode", "get", "a"]), "READONLY\n");
    assert!(good(&url, &["plan", "-f", code_path]).contains("nothing would change"));

    // A change shows its diff; an incompatible one is refused whole.
    write(&code_dir, "orders-value.avsc", ORDERS_2);
    let plan = run(&["--url", &url, "plan", "-f", code_path, "-o", "json"]);
    assert_eq!(code(&plan), 2);
    let json: Value = serde_json::from_slice(&plan.stdout).expect("JSON");
    assert_eq!(json["changes"][0]["changes"][0]["kind"], "ADDED");
    write(&code_dir, "orders-value.avsc", ORDERS_BAD);
    write(&code_dir, "b.avsc", "\"int\"");
    for command in ["plan", "apply"] {
        let output = run(&["--url", &url, command, "-f", code_path]);
        assert_eq!(code(&output), 3, "{}", text(&output.stdout));
        assert!(text(&output.stdout).contains("INCOMPATIBLE"), "{}", text(&output.stdout));
    }
    bad(&url, &["schema", "get", "b"], 4);
    write(&code_dir, "orders-value.avsc", ORDERS_2);
    good(&url, &["apply", "-f", code_path]);
    std::fs::remove_file(code_dir.join("b.avsc")).expect("remove a file");
    assert!(good(&url, &["plan", "-f", code_path]).contains("nothing would change"), "pruned only if asked");
    assert_eq!(code(&run(&["--url", &url, "plan", "-f", code_path, "--prune"])), 2);
    good(&url, &["apply", "-f", code_path, "--prune"]);
    bad(&url, &["schema", "get", "b"], 4);
    bad(&url, &["plan", "-f", directory.join("nowhere").to_str().expect("UTF-8")], 1);

    // Export, and import into an empty registry: ids, numbers, settings, and what is said about them are the same.
    good(&url, &["schema", "register", "weird/name:x", "--file", &write(directory, "w.json", "{}")]);
    let exported = directory.join("exported");
    let exported_path = exported.to_str().expect("UTF-8").to_owned();
    good(&url, &["export", &exported_path]);
    bad(&url, &["export", &exported_path], 2);
    let names = good(&url, &["subject", "list", "-o", "name"]);
    let all = |url: &str| -> Vec<String> {
        names
            .lines()
            .map(|name| good(url, &["schema", "versions", name, "-o", "json"]))
            .map(|json| ids_of(&json))
            .collect()
    };
    let before = all(&url);
    drop(cluster);
    let other = Cluster::start(1).await;
    let url = other.url(1);
    assert!(good(&url, &["import", &exported_path, "--dry-run"]).contains("would read 4 subjects with 5 versions"));
    assert_eq!(good(&url, &["subject", "list", "-o", "name"]), "");
    good(&url, &["import", &exported_path]);
    assert_eq!(good(&url, &["subject", "list", "-o", "name"]), names);
    assert_eq!(all(&url), before);
    assert_eq!(good(&url, &["mode", "get", "a"]), "READONLY\n");
    bad(&url, &["mode", "get", "z"], 4);
    assert!(good(&url, &["plan", "-f", &exported_path]).contains("nothing would change"));
}

/// What must be the same in two registries about the versions of a subject.
fn ids_of(json: &str) -> String {
    let versions: Value = serde_json::from_str(json).expect("JSON");
    let one = |version: &Value| format!("{} {} {}", version["version"], version["id"], version["guid"]);
    versions.as_array().expect("a list").iter().map(one).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_in_trouble_is_told_as_one() {
    let mut cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let others: Vec<usize> = (1..=3).filter(|id| *id != leader).collect();
    let urls = cluster.urls().join(",");
    let status = good(&urls, &["cluster", "status"]);
    assert!(!status.contains("NO QUORUM"), "{status}");
    good(&urls, &["cluster", "health"]);
    good(&urls, &["doctor"]);
    assert!(good(&urls, &["leader", "show"]).contains(&format!("node {leader} leads")));
    for command in [
        &["member", "remove", "99"][..],
        &["member", "promote", "99"],
        &["leader", "transfer", "--to", "99"],
        &["snapshot", "take", "--node", "99"],
    ] {
        bad(&urls, command, 4);
    }

    // A node that accepts and says nothing, first in the list, costs a part of the time-out and no more.
    cluster.signal(others[0], "STOP");
    let paused_first = format!("{},{},{}", cluster.url(others[0]), cluster.url(leader), cluster.url(others[1]));
    let begun = Instant::now();
    good(&paused_first, &["cluster", "status"]);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    cluster.signal(others[0], "CONT");

    // Without a quorum the first line says so, unknown figures are dashes, and the code is not 0.
    cluster.kill(others[0]);
    cluster.kill(others[1]);
    let survivor = cluster.url(leader);
    let output = run(&["--url", &survivor, "--timeout", "10s", "cluster", "status"]);
    let shown = text(&output.stdout);
    assert_eq!(code(&output), 6, "{shown}");
    assert!(shown.starts_with("NO QUORUM: 1 of 3 voters answer"), "{shown}");
    let dead: Vec<_> = shown.lines().filter(|line| line.contains("unreachable")).collect();
    assert_eq!(dead.len(), 2, "{shown}");
    assert!(dead.iter().all(|line| line.matches('–').count() >= 4 && !line.contains(" 0 ")), "{shown}");
    bad(&survivor, &["cluster", "health"], 6);
    bad(&survivor, &["leader", "show"], 6);
    let output = run(&["--url", &survivor, "doctor"]);
    assert_eq!(code(&output), 1);
    assert!(text(&output.stdout).contains("bring voters back"), "{}", text(&output.stdout));
    let top = run(&["--url", &survivor, "top", "--count", "1"]);
    assert!(text(&top.stdout).contains("NO QUORUM"), "{}", text(&top.stdout));
}
