//! Every kind of operation once, so that paths, bodies and answers are those of a real node.

use client::{ClientError, NewSchema, Settings, Watch, v1};
use schema::Format;

use super::support::Cluster;

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"}]}"#;
const ORDER_NOTE: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"note","type":"string","default":""}]}"#;
const ORDER_BAD: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"note","type":"string"}]}"#;

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> u32 {
    let error = result.expect_err("a refusal");
    error.code().unwrap_or_else(|| panic!("{error:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_noun_is_spoken_as_a_node_understands_it() {
    let cluster = Cluster::start(3).await;
    let registry = cluster.client();

    // Subjects, versions, lookups.
    let order = NewSchema::avro(ORDER).property("owner", "sales");
    let first = registry.register("shop/orders-value", &order).await.unwrap();
    assert_eq!((first.version, first.format), (Some(1), Format::Avro));
    let guid = first.guid.expect("a guid is told");
    let again = cluster.client().register("shop/orders-value", &order).await.unwrap();
    assert_eq!((again.id, again.version), (first.id, Some(1)));
    assert_eq!(registry.subjects("shop/", false).await.unwrap(), ["shop/orders-value"]);
    assert_eq!(registry.versions("shop/orders-value", false).await.unwrap(), [1]);
    assert_eq!(registry.schema_by_id(first.id).await.unwrap().text, ORDER);
    assert_eq!(registry.schema_by_guid(&guid).await.unwrap().text, ORDER);
    assert_eq!(registry.latest("shop/orders-value").await.unwrap().version, Some(1));
    assert_eq!(registry.lookup("shop/orders-value", &order, false).await.unwrap().id, first.id);
    assert_eq!(registry.versions_of_id(first.id).await.unwrap()[0].subject, "shop/orders-value");
    assert_eq!(code(registry.version("nowhere", "1").await), 40401);
    assert_eq!(code(registry.version("shop/orders-value", "9").await), 40402);
    assert_eq!(code(registry.schema_by_id(999_999).await), 40403);

    // Compatibility.
    let (good, bad) = (NewSchema::avro(ORDER_NOTE).property("owner", "sales"), NewSchema::avro(ORDER_BAD));
    assert!(registry.check_compatibility("shop/orders-value", None, &good).await.unwrap().is_compatible);
    let verdict = registry.check_compatibility("shop/orders-value", Some("latest"), &bad).await.unwrap();
    assert!(!verdict.is_compatible && !verdict.messages.is_empty());
    assert!(registry.register("shop/orders-value", &bad).await.unwrap_err().is_incompatible());

    // References.
    registry
        .register("inner", &NewSchema::avro(r#"{"type":"record","name":"I","namespace":"t","fields":[]}"#))
        .await
        .unwrap();
    let outer = NewSchema::avro(r#"{"type":"record","name":"O","namespace":"t","fields":[{"name":"i","type":"t.I"}]}"#);
    let outer = registry.register("outer", &outer.refers("t.I", "inner", -1)).await.unwrap();
    assert_eq!(outer.references[0].version, 1);
    assert_eq!(registry.referenced_by("inner", "1").await.unwrap(), [outer.id]);
    let closure = registry.closure(&outer.references, None).await.unwrap();
    assert_eq!(closure.len(), 1);

    // Settings.
    assert_eq!(code(registry.config(Some("inner"), false).await), 40408);
    let set = registry.set_config(Some("inner"), &Settings::level("FULL")).await.unwrap();
    assert_eq!(set.compatibility.as_deref(), Some("FULL"));
    assert_eq!(registry.config(Some("inner"), true).await.unwrap().compatibility.as_deref(), Some("FULL"));
    registry.delete_config(Some("inner")).await.unwrap();
    registry.set_mode(Some("inner"), "READONLY", false).await.unwrap();
    assert_eq!(registry.mode(Some("inner"), false).await.unwrap(), "READONLY");
    assert_eq!(code(registry.register("inner", &NewSchema::avro("\"int\"")).await), 42205);
    registry.delete_mode(Some("inner")).await.unwrap();
    registry.register(":.eu:s", &NewSchema::avro("\"int\"")).await.unwrap();
    assert!(registry.contexts().await.unwrap().contains(&".eu".to_owned()));

    // Imports keep ids and numbers.
    registry.set_mode(Some("imported"), "IMPORT", true).await.unwrap();
    registry.import("imported", &NewSchema::avro("\"bytes\""), 4_711, 5).await.unwrap();
    registry.delete_mode(Some("imported")).await.unwrap();
    assert_eq!(registry.version("imported", "5").await.unwrap().id, 4_711);

    // Drafts and reviews, by people.
    let (ada, bob) = (cluster.client_of("ada"), cluster.client_of("bob"));
    let draft = ada.create_draft("shop/orders-value", &good, "a note").await.unwrap();
    assert_eq!((draft.state.as_str(), draft.author.as_str()), ("DRAFT", "ada"));
    let draft = ada.revise_draft("shop/orders-value", draft.id, &good, "still").await.unwrap();
    let question =
        v1::ListDraftsRequest { subject: "shop/orders-value".to_owned(), ..v1::ListDraftsRequest::default() };
    assert_eq!(ada.drafts(&question).await.unwrap().drafts.len(), 1);
    ada.submit_draft("shop/orders-value", draft.id, "").await.unwrap();
    assert_eq!(code(ada.review_draft("shop/orders-value", draft.id, "APPROVE", "").await), 40351);
    let reviewed = bob.review_draft("shop/orders-value", draft.id, "APPROVE", "").await.unwrap();
    assert_eq!(reviewed.state, "APPROVED");
    let active = ada.activate_draft("shop/orders-value", draft.id, "").await.unwrap();
    assert_eq!((active.state.as_str(), active.version), ("ACTIVE", 2));
    assert!(!ada.draft_history("shop/orders-value", draft.id).await.unwrap().steps.is_empty());

    // The life of versions.
    let deprecate = v1::DeprecateVersionRequest {
        subject: "shop/orders-value".to_owned(),
        version: 1,
        successor: 2,
        reason: "old".to_owned(),
        ..v1::DeprecateVersionRequest::default()
    };
    assert_eq!(ada.deprecate(&deprecate).await.unwrap().state, "DEPRECATED");
    assert_eq!(ada.reinstate("shop/orders-value", 1, "needed").await.unwrap().state, "ACTIVE");
    let plan = ada.plan_rollback("shop/orders-value", 1).await.unwrap();
    assert_eq!(plan.versions, [2]);
    let stale = ada.if_revision(plan.revision - 1).roll_back("shop/orders-value", 1, "test", false).await;
    assert_eq!(code(stale), 41251);
    ada.if_revision(plan.revision).roll_back("shop/orders-value", 1, "test", false).await.unwrap();
    assert_eq!(ada.version_details("shop/orders-value", "2").await.unwrap().state, "ROLLED_BACK");
    assert_eq!(ada.reactivate("shop/orders-value", 2, "").await.unwrap().state, "ACTIVE");
    assert_eq!(ada.quarantine("shop/orders-value", 2, "look").await.unwrap().state, "QUARANTINED");
    assert_eq!(ada.release("shop/orders-value", 2, "").await.unwrap().state, "ACTIVE");
    assert_eq!(ada.version_states("shop/orders-value", false).await.unwrap().versions.len(), 2);
    assert!(ada.version_history("shop/orders-value", 2).await.unwrap().steps.len() >= 4);
    let diff = ada.diff("shop/orders-value", 1, 2).await.unwrap();
    assert_eq!((diff.step.as_str(), diff.changes.len()), ("MINOR", 1));

    // Policies and consumers.
    let policy = v1::Policy { review: Some(true), ..v1::Policy::default() };
    let set = ada.set_policy("shop/orders-value", policy).await.unwrap();
    assert!(set.in_force.unwrap().review());
    let unreviewed = NewSchema::avro(ORDER_NOTE.replace("note", "remark"));
    assert_eq!(code(cluster.client().register("shop/orders-value", &unreviewed).await), 42251);
    ada.delete_policy("shop/orders-value").await.unwrap();
    assert!(!ada.policy("shop/orders-value").await.unwrap().in_force.unwrap().review());
    let consumer = v1::Consumer {
        subject: "shop/orders-value".to_owned(),
        id: "billing".to_owned(),
        from_version: 1,
        ..v1::Consumer::default()
    };
    ada.put_consumer(&consumer).await.unwrap();
    assert_eq!(ada.consumers("shop/orders-value", 0).await.unwrap().consumers[0].id, "billing");
    ada.remove_consumer("shop/orders-value", "billing").await.unwrap();

    // Catalogue, validation, cursors.
    let question = v1::SearchRequest { owner: "sales".to_owned(), ..v1::SearchRequest::default() };
    let found = ada.search(&question).await.unwrap();
    assert_eq!(found.versions.len(), 2);
    let check = |data: &str| v1::ValidateRequest {
        subject: "shop/orders-value".to_owned(),
        version: "1".to_owned(),
        data: data.as_bytes().to_vec(),
        json: true,
        ..v1::ValidateRequest::default()
    };
    assert!(ada.validate(&check(r#"{"id": 1}"#)).await.unwrap().valid);
    assert!(!ada.validate(&check(r#"{"id": "x"}"#)).await.unwrap().valid);
    assert_eq!(ada.move_cursor("reader", "1.0").await.unwrap().token, "1.0");
    assert_eq!(ada.cursor("reader").await.unwrap().token, "1.0");

    // Events from the beginning, and audit records.
    let mut events = ada.watch(Watch { after: "0".to_owned(), ..Watch::default() });
    let mut kinds = Vec::new();
    while !kinds.contains(&"version.quarantined".to_owned()) {
        kinds.push(events.next().await.unwrap().kind);
    }
    assert_eq!(kinds[0], "schema.registered");
    let question = v1::QueryAuditRequest { actor: "bob".to_owned(), ..v1::QueryAuditRequest::default() };
    assert!(!ada.audit_records(&question).await.unwrap().records.is_empty());
    let head = ada.checkpoint(0).await.unwrap();
    assert_eq!(ada.prove_inclusion(0, head.size).await.unwrap().size, head.size);
    assert_eq!(ada.prove_consistency(1, head.size).await.unwrap().size, head.size);
    let mut export = Vec::new();
    ada.download("/api/v1/audit/export?format=jsonl&from=0", &mut export).await.unwrap();
    assert!(String::from_utf8(export).unwrap().lines().count() as u64 >= head.size);

    // Deletions.
    assert_eq!(code(registry.delete_version("inner", "1", false).await), 42206);
    registry.delete_subject("outer", false).await.unwrap();
    assert_eq!(code(registry.version("outer", "1").await), 40401);
    assert!(registry.version_even_deleted("outer", "1").await.unwrap().is_deleted);
    assert_eq!(registry.delete_subject("outer", true).await.unwrap(), [1]);
    assert_eq!(registry.delete_version(":.eu:s", "1", false).await.unwrap(), 1);

    // The cluster.
    let status = registry.status().await.unwrap();
    let health = client::Health::of(&status);
    assert!(health.has_quorum() && health.leader.is_some());
    let target = (1..=3).find(|id| Some(*id) != health.leader).unwrap();
    assert_eq!(registry.transfer_leader(Some(target)).await.unwrap(), target);
    registry.take_snapshot(None).await.unwrap();
    let one = client::Client::new([cluster.url(1)]).unwrap();
    one.discover().await.unwrap();
    assert_eq!(one.nodes().len(), 3);
}

/// A retry of a change that has happened is answered as it was then, whatever node it reaches.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_is_one_effect_on_any_node() {
    let cluster = Cluster::start(3).await;
    let at = |id: usize| client::Client::new([cluster.url(id)]).unwrap();
    at(1).register("s", &NewSchema::avro("\"int\"")).await.unwrap();
    for permanent in [false, true] {
        let key = format!("delete-{permanent}");
        for id in 1..=3 {
            let deleted = at(id).idempotency_key(&key).delete_subject("s", permanent).await.unwrap();
            assert_eq!(deleted, [1], "node {id}, permanent {permanent}");
        }
    }
    let draft = |id: usize| {
        let client = at(id).idempotency_key("draft");
        async move { client.create_draft("d", &NewSchema::avro("\"int\""), "").await.unwrap().id }
    };
    let first = draft(1).await;
    assert_eq!(draft(2).await, first);
    assert_eq!(draft(3).await, first);
}
