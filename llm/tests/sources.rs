//! Avro and Protobuf: what a model is given, and what its answer becomes. Every restored value is judged by the registered
//! schema.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use llm::check::{Answer, Checker, Policy, Report, Status};
use llm::{Options, Source, dialects};
use schema::Format;
use serde_json::{Value, json};

const AVRO: &str = r#"{"type":"record","name":"Order","namespace":"shop","doc":"An order","fields":[
    {"name":"id","type":{"type":"string","logicalType":"uuid"}},
    {"name":"count","type":"int","default":1},
    {"name":"total","type":"long"},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}},
    {"name":"fee","type":{"type":"fixed","name":"Fee","size":4,"logicalType":"decimal","precision":4,"scale":4}},
    {"name":"raw","type":"bytes"},
    {"name":"mark","type":{"type":"fixed","name":"Mark","size":2}},
    {"name":"day","type":{"type":"int","logicalType":"date"}},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
    {"name":"local","type":{"type":"long","logicalType":"local-timestamp-micros"}},
    {"name":"span","type":{"type":"fixed","name":"Span","size":12,"logicalType":"duration"}},
    {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["NEW","OLD"]}},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"either","type":["null","boolean","Kind"]},
    {"name":"alike","type":["string","Kind"]},
    {"name":"tags","type":{"type":"map","values":"string"}},
    {"name":"items","type":{"type":"array","items":"Kind"}},
    {"name":"parent","type":["null","Order"],"default":null}]}"#;

fn answer() -> Value {
    json!({
        "id": "6f1d2c3b-0000-4000-8000-000000000001", "count": 2, "total": 9_007_199_254_740_993_i64, "price": "1.28",
        "fee": "0.0001", "raw": "AP8=", "mark": "AQI=", "day": "2026-12-01", "at": "1970-01-01T00:00:01Z",
        "clock": "00:00:01", "local": "1970-01-01T00:00:00.000001",
        "span": {"months": 1, "days": 2, "millis": 3}, "kind": "NEW", "either": "OLD",
        "alike": {"shop.Kind": "NEW"}, "tags": {"a": "b"}, "items": ["OLD"],
    })
}

fn restored() -> Value {
    json!({
        "id": "6f1d2c3b-0000-4000-8000-000000000001", "count": 2, "total": 9_007_199_254_740_993_i64, "price": "\u{0}\u{80}",
        "fee": "\u{0}\u{0}\u{0}\u{1}", "raw": "\u{0}\u{ff}", "mark": "\u{1}\u{2}", "day": 20_788, "at": 1_000,
        "clock": 1_000, "local": 1,
        "span": "\u{1}\u{0}\u{0}\u{0}\u{2}\u{0}\u{0}\u{0}\u{3}\u{0}\u{0}\u{0}", "kind": "NEW", "note": null,
        "either": {"shop.Kind": "OLD"}, "alike": {"shop.Kind": "NEW"}, "tags": {"a": "b"}, "items": ["OLD"], "parent": null,
    })
}

fn checked(source: &Source, dialect: &str, value: &Value, policy: Policy) -> Report {
    let dialect = dialects::find(dialect).unwrap();
    let projection = source.project(dialect, &Options::default()).unwrap();
    let registered = source.validator().unwrap();
    let checker = Checker { source, projection: &projection, registered: &registered, policy, without: &[] };
    checker.check(Answer::Value(value)).unwrap()
}

#[test]
fn an_avro_record_comes_back_in_the_encoding_of_avro() {
    let source = Source::parse(Format::Avro, AVRO, &[]).unwrap();
    let report = checked(&source, "llguidance", &answer(), Policy::Strict);
    assert_eq!((report.status, report.errors), (Status::Valid, vec![]));
    assert_eq!(report.value.unwrap(), restored());
    // Recursion and defaults.
    let mut nested = answer();
    nested["parent"] = answer();
    nested.as_object_mut().unwrap().shift_remove("count");
    let report = checked(&source, "llguidance", &nested, Policy::Strict);
    assert_eq!((report.status, report.errors), (Status::Valid, vec![]));
    let value = report.value.unwrap();
    assert_eq!((&value["count"], &value["parent"]["shop.Order"]), (&json!(1), &restored()));
}

#[test]
fn strict_openai_has_pairs_for_maps_and_null_for_what_is_absent() {
    let source = Source::parse(Format::Avro, AVRO, &[]).unwrap();
    let mut value = answer();
    value["tags"] = json!([{"key": "a", "value": "b"}]);
    value["note"] = Value::Null;
    value["parent"] = Value::Null;
    let report = checked(&source, "openai", &value, Policy::Strict);
    assert_eq!((report.status, report.errors), (Status::Valid, vec![]));
    assert_eq!(report.value.unwrap(), restored());
}

#[test]
fn what_avro_cannot_say_is_told_with_its_place() {
    let source = Source::parse(Format::Avro, AVRO, &[]).unwrap();
    for (name, value) in [
        ("price", json!("1.281")),
        ("price", json!("100000")),
        ("fee", json!("1.5e3")),
        ("raw", json!("no base64!")),
        ("mark", json!("AQIDBA==")),
        ("day", json!("2026-02-30")),
        ("at", json!("1970-01-01T00:00:00.0001Z")),
        ("at", json!("1970-01-01T00:00:00")),
        ("clock", json!("24:00:00")),
        ("span", json!({"months": -1, "days": 2, "millis": 3})),
        ("total", json!("9223372036854775808")),
        ("count", json!(2_147_483_648_i64)),
        ("kind", json!("OTHER")),
    ] {
        let mut wrong = answer();
        wrong[name] = value;
        let report = checked(&source, "llguidance", &wrong, Policy::Strict);
        assert_eq!(report.status, Status::Invalid, "{name}: {report:?}");
        assert!(report.errors.iter().any(|fault| fault.pointer.starts_with(&format!("/{name}"))), "{name}: {report:?}");
    }
}

const PROTOBUF: &str = r#"syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/wrappers.proto";
message Order {
  string order_id = 1;
  int64 total = 2;
  optional uint32 count = 3;
  bytes raw = 4;
  Kind kind = 5;
  google.protobuf.Timestamp at = 6;
  google.protobuf.Duration took = 7;
  google.protobuf.StringValue note = 8;
  oneof payment { Card card = 9; string voucher = 10; }
  repeated Order parts = 11;
  map<string, Card> cards = 12;
}
message Card { string number = 1; oneof owner { string person = 2; string company = 3; } }
enum Kind { KIND_UNSPECIFIED = 0; KIND_NEW = 1; }
"#;

#[test]
fn a_protobuf_message_comes_back_as_protojson() {
    let source = Source::parse(Format::Protobuf, PROTOBUF, &[]).unwrap();
    let value = json!({
        "orderId": "a", "total": "9223372036854775807", "raw": "AP8=", "kind": "KIND_NEW", "at": "2026-12-01T00:00:00Z",
        "took": "1.5s", "note": "n", "payment": {"card": {"number": "1", "owner": {"company": "c"}}},
        "parts": [{"orderId": "b", "payment": {"voucher": "v"}}], "cards": {"k": {"number": "2", "owner": {"person": "p"}}},
    });
    let report = checked(&source, "llguidance", &value, Policy::Strict);
    assert_eq!((report.status, report.errors), (Status::Valid, vec![]));
    let restored = report.value.unwrap();
    assert_eq!(restored["card"], json!({"number": "1", "company": "c"}));
    assert_eq!(restored["parts"][0], json!({"orderId": "b", "voucher": "v"}));
    assert_eq!(restored["cards"]["k"], json!({"number": "2", "person": "p"}));
    assert!(restored.get("payment").is_none());
    let twice = json!({"payment": {"voucher": "v", "card": {}}});
    let report = checked(&source, "llguidance", &twice, Policy::Strict);
    assert_eq!((report.status, report.errors[0].pointer.as_str()), (Status::Invalid, "/payment"));
}

#[test]
fn every_dialect_writes_both_or_says_why_not() {
    for (format, text) in [(Format::Avro, AVRO), (Format::Protobuf, PROTOBUF)] {
        let source = Source::parse(format, text, &[]).unwrap();
        for dialect in dialects::all() {
            match source.project(dialect, &Options::default()) {
                Ok(projection) => assert!(projection.schema.is_object(), "{}", dialect.id),
                Err(refusal) => assert!(refusal.code.starts_with("limit-"), "{}: {refusal}", dialect.id),
            }
        }
    }
}

#[test]
fn free_forms_of_protobuf_are_refused_or_held_by_a_text() {
    let text =
        "syntax = \"proto3\";\nimport \"google/protobuf/struct.proto\";\nmessage M { google.protobuf.Struct s = 1; }\n";
    let source = Source::parse(Format::Protobuf, text, &[]).unwrap();
    let openai = dialects::find("openai").unwrap();
    assert_eq!(source.project(openai, &Options::default()).unwrap_err().code, "free-form-object");
    let options = Options { json_string: true, ..Options::default() };
    let projection = source.project(openai, &options).unwrap();
    assert_eq!(source.restore(&projection, json!({"s": "{\"a\":1}"})).unwrap(), json!({"s": {"a": 1}}));
}
