//! Reads through every node under every consistency: fresh as promised, never a false 404, and honest without a quorum.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use std::time::{Duration, Instant};

use jepsen_tests::client::{Answer, Api, segment};
use jepsen_tests::cluster::{Cluster, Spec, region};
use jepsen_tests::net::Cut;
use jepsen_tests::schemas::{Content, Format, unique};
use jepsen_tests::seed;
use jepsen_tests::wait::until;
use proto::rest::SchemaBody;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

/// Rounds of "write here, read there at once".
const ROUNDS: u64 = 120;
/// The nodes' limit for one request in these tests, so that waiting in vain is short.
const REQUEST_MS_MAX: u64 = 4_000;
/// What such a request may take on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

async fn start() -> Cluster {
    let cluster = Cluster::start(Spec::of(3).with("limits", "request_ms_max", REQUEST_MS_MAX)).await;
    cluster.api(1).allow_everything().await;
    cluster
}

async fn register(api: &Api, subject: &str, content: &Content) -> (Answer, SchemaBody) {
    let answer = api.register(subject, content).send().await.expect("the node answers").good();
    let body = answer.schema();
    (answer, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_answers_under_every_consistency_and_tells_where_it_stands() {
    let (_, mut random) = seed::generator("consistencies");
    let cluster = start().await;
    let content = unique(Format::Avro, 1, &mut random);
    let (written, body) = register(&cluster.api(2), "s", &content).await;
    let index = written.index();
    let id = body.id.unwrap();
    for api in cluster.apis() {
        // A local read may lag, and says so by its index; it never waits.
        until("a local read of what was written", async || {
            let answer = api.local("/subjects/s/versions/latest").send().await?;
            check_headers(&api, &answer);
            if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
        })
        .await;
        let consistencies = ["default", "linearizable", "bounded:0", "bounded:60000", &format!("session:{index}")];
        let paths = [
            format!("/schemas/ids/{id}"),
            "/subjects/s/versions/latest".to_owned(),
            "/subjects/s/versions/1".to_owned(),
        ];
        for consistency in consistencies {
            for path in &paths {
                let in_query = format!("{path}?consistency={consistency}");
                for call in [api.get(path).header("X-Registry-Consistency", consistency), api.get(&in_query)] {
                    let answer = call.send().await.unwrap().good();
                    assert_eq!(answer.schema().schema.as_ref(), Some(&content.canonical), "{consistency} {path}");
                    check_headers(&api, &answer);
                    assert!(answer.index() >= index, "{consistency}: {} < {index}", answer.index());
                }
            }
            let subjects =
                api.get("/subjects").header("X-Registry-Consistency", consistency).send().await.unwrap().good();
            assert!(subjects.list().contains(&json!("s")), "{consistency}");
        }
        // An index that an earlier answer told, sent back as it came, is a session too.
        let answer =
            api.get("/subjects/s/versions").header("X-Registry-Index", &index.to_string()).send().await.unwrap();
        assert_eq!(answer.good().json(), json!([1]));
        // A session that has seen the future cannot be served: a 5xx in bounded time.
        let began = Instant::now();
        let future = format!("session:{}", index + 1_000_000);
        let answer = api.get("/subjects").header("X-Registry-Consistency", &future).send().await.unwrap();
        assert_eq!((answer.status, answer.error_code()), (500, 50002), "{}", answer.text());
        assert!(began.elapsed() < BOUND);
        for nonsense in ["eventually", "bounded:", "bounded:-1", "session:x", ""] {
            let answer = api.get("/subjects").header("X-Registry-Consistency", nonsense).send().await.unwrap();
            assert_eq!((answer.status, answer.error_code()), (422, 422), "{nonsense:?}: {}", answer.text());
        }
    }
}

fn check_headers(api: &Api, answer: &Answer) {
    assert_eq!(answer.header("x-registry-node"), Some(api.node_id.to_string().as_str()));
    assert_eq!(answer.header("x-registry-region"), Some(region(api.node_id)));
    assert!(answer.index() > 0);
    let staleness = answer.header("x-registry-staleness-ms").expect("every answer tells the staleness");
    assert!(staleness == "unknown" || staleness.parse::<u64>().is_ok(), "{staleness}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_here_is_found_there_at_once() {
    let (_, mut random) = seed::generator("no_false_404");
    let cluster = start().await;
    for round in 0..ROUNDS {
        let writer = random.random_range(1..=3_u64);
        let content = unique(Format::ALL[random.random_range(0..3)], round, &mut random);
        let subject = format!("s-{}", random.random_range(0..ROUNDS / 2));
        let (answer, body) = register(&cluster.api(writer), &subject, &content).await;
        for reader in (1..=3).filter(|id| *id != writer) {
            let api = cluster.api(reader);
            find(&api, &subject, &content, &body, &mut random).await;
            let index = answer.index().to_string();
            let listed = api.get("/subjects").header("X-Registry-Index", &index).send().await.unwrap().good();
            assert!(listed.list().contains(&json!(subject)), "round {round}: {subject} is not listed on node {reader}");
        }
    }
}

/// Asks for it in one of all the ways; each must find it.
async fn find(api: &Api, subject: &str, content: &Content, body: &SchemaBody, random: &mut StdRng) {
    let (name, id, version) = (segment(subject), body.id.unwrap(), body.version.unwrap());
    let guid = body.guid.clone().unwrap();
    let (call, what) = match random.random_range(0..9) {
        0 => (api.get(&format!("/schemas/ids/{id}")), "by id"),
        1 => (api.get(&format!("/subjects/{name}/versions/{version}")), "by version"),
        2 => (api.get(&format!("/subjects/{name}/versions/latest")), "latest"),
        3 => (api.lookup(subject, content), "lookup"),
        4 => (api.get(&format!("/schemas/guids/{guid}")), "by guid"),
        5 => (api.register(subject, content), "register again"),
        6 => (api.get(&format!("/subjects/{name}/versions")), "versions"),
        7 => (api.get(&format!("/schemas/ids/{id}/versions")), "versions of id"),
        _ => (api.get(&format!("/subjects/{name}/versions/{version}/schema")), "raw"),
    };
    let answer = call.send().await.expect("the node answers");
    assert_eq!(answer.status, 200, "{what} of {subject} {version} on node {}: {}", api.node_id, answer.text());
    match what {
        "versions" => assert_eq!(answer.list().last(), Some(&json!(version))),
        "versions of id" => assert!(answer.list().contains(&json!({"subject": subject, "version": version}))),
        "raw" => assert_eq!(answer.text(), content.canonical),
        _ => assert_eq!(answer.schema().schema.as_ref(), Some(&content.canonical), "{what}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_aliases_and_deletions_made_here_are_seen_there_at_once() {
    let (_, mut random) = seed::generator("settings");
    let cluster = start().await;
    for round in 0..ROUNDS / 4 {
        let writer = cluster.api(random.random_range(1..=3));
        let reader = cluster.api((1..=3).filter(|id| *id != writer.node_id).nth(random.random_range(0..2)).unwrap());
        let (subject, alias) = (format!("s{round}"), format!("a{round}"));
        let content = unique(Format::Avro, round, &mut random);
        register(&writer, &subject, &content).await;

        writer.put(&format!("/config/{alias}")).json(&json!({"alias": subject})).send().await.unwrap().good();
        let path = if round % 2 == 0 {
            format!("/subjects/{alias}/versions/1")
        } else {
            format!("/subjects/{alias}/versions")
        };
        let answer = reader.get(&path).send().await.unwrap();
        assert_eq!(answer.status, 200, "round {round}: {path} on node {}: {}", reader.node_id, answer.text());

        // A registration under the alias lands where the alias leads.
        register(&reader, &alias, &unique(Format::Avro, 1_000 + round, &mut random)).await;
        let versions = writer.get(&format!("/subjects/{subject}/versions")).send().await.unwrap().good().json();
        assert_eq!(versions, json!([1, 2]), "round {round}");

        let level = json!({"compatibility": "FULL"});
        writer.put(&format!("/config/{subject}")).json(&level).send().await.unwrap().good();
        let found = reader.get(&format!("/config/{subject}")).send().await.unwrap().good().json();
        assert_eq!(found["compatibilityLevel"], "FULL", "round {round}");

        let deleted = writer.delete(&format!("/subjects/{subject}")).send().await.unwrap().good();
        let answer = reader.get(&format!("/subjects/{subject}/versions")).send().await.unwrap();
        assert_eq!((answer.status, answer.error_code()), (404, 40401), "round {round}: {}", answer.text());
        // A lookup of a known text is a local read unless more is asked for.
        for (name, value) in
            [("X-Registry-Index", deleted.index().to_string()), ("X-Registry-Consistency", "linearizable".into())]
        {
            let answer = reader.lookup(&subject, &content).header(name, &value).send().await.unwrap();
            assert_eq!((answer.status, answer.error_code()), (404, 40401), "round {round} {name}: {}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_quorum_only_what_is_certain_is_answered() {
    let (_, mut random) = seed::generator("no_quorum");
    let mut cluster = start().await;
    let content = unique(Format::Protobuf, 1, &mut random);
    let (_, body) = register(&cluster.api(1), "s", &content).await;
    for api in cluster.apis() {
        // Each node knows the text, so that a lookup needs no parsing.
        api.lookup("s", &content).send().await.unwrap().good();
    }
    let mut number = 1;
    for (alone_leads, is_kill) in [(false, false), (true, false), (false, true)] {
        let leader = cluster.leader().await;
        let alone = if alone_leads { leader } else { cluster.follower().await };
        let others: Vec<_> = (1..=3).filter(|id| *id != alone).collect();
        for id in &others {
            if is_kill { cluster.kill(*id) } else { cluster.pause(*id) }
        }
        number += 1;
        check_alone(&cluster.api(alone), &content, &body, &unique(Format::Json, number, &mut random)).await;
        for id in others {
            if is_kill { cluster.spawn(id, &[]) } else { cluster.resume(id) }
        }
        cluster.ready_all().await;
        cluster.leader().await;
        for api in cluster.apis() {
            number += 1;
            let subject = format!("healed-{number}");
            let content = unique(Format::Json, number, &mut random);
            until("a write after the heal", async || {
                let answer = api.register(&subject, &content).send().await?;
                if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
            })
            .await;
            api.get(&format!("/subjects/{subject}/versions/latest")).send().await.unwrap().good();
            let answer = api.get("/subjects/nobody/versions").send().await.unwrap();
            assert_eq!((answer.status, answer.error_code()), (404, 40401), "a 404 that is true");
        }
    }
}

/// What a node answers that reaches no other.
async fn check_alone(api: &Api, known: &Content, body: &SchemaBody, new: &Content) {
    let (id, guid) = (body.id.unwrap(), body.guid.clone().unwrap());
    for path in [
        format!("/schemas/ids/{id}"),
        format!("/schemas/ids/{id}/schema"),
        format!("/schemas/guids/{guid}"),
        "/subjects/s/versions/1".to_owned(),
        "/subjects/s/versions/1/schema".to_owned(),
        "/schemas/types".to_owned(),
        "/livez".to_owned(),
        "/subjects?consistency=local".to_owned(),
        "/subjects/s/versions/latest?consistency=local".to_owned(),
    ] {
        let answer = api.get(&path).send().await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    api.register("s", known).send().await.unwrap().good();
    api.lookup("s", known).send().await.unwrap().good();

    let began = Instant::now();
    let calls = [
        ("an unknown id", api.get("/schemas/ids/999999")),
        ("an unknown guid", api.get("/schemas/guids/00000000-0000-0000-0000-000000000000")),
        ("an unknown version", api.get("/subjects/s/versions/99")),
        ("an unknown subject", api.get("/subjects/nobody/versions/1")),
        ("latest", api.get("/subjects/s/versions/latest")),
        ("versions", api.get("/subjects/s/versions")),
        ("subjects", api.get("/subjects")),
        ("config of a subject", api.get("/config/s")),
        ("mode", api.get("/mode")),
        ("lookup of an unknown schema", api.lookup("s", new)),
        ("a linearizable read", api.get(&format!("/schemas/ids/{id}?consistency=linearizable"))),
        // These may yet take effect after the heal, so they leave the subject that is read alone.
        ("a registration", api.register("t", new)),
        ("a setting", api.put("/config/t").json(&json!({"compatibility": "NONE"}))),
        ("a deletion", api.delete("/subjects/nobody")),
    ];
    let running: Vec<_> = calls.into_iter().map(|(what, call)| (what, tokio::spawn(call.send()))).collect();
    for (what, answer) in running {
        let answer = answer.await.unwrap().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(answer.status >= 500, "{what} without a quorum: {} {}", answer.status, answer.text());
        assert!(answer.error_code() >= 500, "{what}: {}", answer.text());
    }
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}

/// Answers from before an election that arrive after it prove nothing: a read that waits on the old leader meanwhile must not be
/// confirmed by them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_answers_do_not_confirm_a_read() {
    let (_, mut random) = seed::generator("late-answers");
    let cluster = Cluster::start(Spec::of(3).linked()).await;
    cluster.api(1).allow_everything().await;
    for round in 0..LATE_ROUNDS {
        let leader = cluster.leader().await;
        let rest: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != leader).collect();
        let (old, new) = (cluster.api(leader), cluster.api(rest[0]));
        let before = term(&new).await;
        // Entries whose answers are on their way when nothing reaches the leader any more.
        let subject = format!("late-{round}");
        let writes: Vec<_> = (0..LATE_WRITES)
            .map(|number| {
                let (api, subject) = (old.clone(), format!("filling-{}", number % 4));
                let content = unique(Format::Avro, round * 1_000 + number, &mut random);
                tokio::spawn(async move { drop(api.register(&subject, &content).outcome().await) })
            })
            .collect();
        until("some writes", async || {
            let applied = old.get("/schemas/types").send().await?.index();
            if applied > round * LATE_WRITES / 2 { Ok(()) } else { Err(format!("{applied}")) }
        })
        .await;
        for id in &rest {
            cluster.mesh().cut(*id, leader, Cut::Held);
        }
        until("another term", async || if term(&new).await > before { Ok(()) } else { Err(format!("{before}")) }).await;
        let content = unique(Format::Avro, round * 1_000 + 999, &mut random);
        let (_, written) = register(&new, &subject, &content).await;
        let reads: Vec<_> = (0..LATE_READS)
            .map(|_| {
                let call = old.get(&format!("/subjects/{subject}/versions/latest"));
                tokio::spawn(async move { call.send().await })
            })
            .collect();
        // The node has taken them when it answers what came after them.
        for _ in 0..LATE_READS {
            old.get("/schemas/types").send().await.expect("what needs no leader is answered");
        }
        cluster.mesh().heal();
        for read in reads {
            let Ok(answer) = read.await.expect("the read ends") else { continue };
            assert_ne!(answer.status, 404, "round {round}: the old leader does not know what was acknowledged");
            if answer.status == 200 {
                assert_eq!(answer.schema().id, written.id, "round {round}");
            }
        }
        for write in writes {
            write.await.expect("the write ends");
        }
    }
}

const LATE_ROUNDS: u64 = 8;
const LATE_WRITES: u64 = 60;
const LATE_READS: u64 = 24;

async fn term(api: &Api) -> u64 {
    api.get("/schemas/types").send().await.expect("this node answers").term()
}
