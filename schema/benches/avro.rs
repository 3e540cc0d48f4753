//! What Avro costs on the way of a registration: parse, canonical text, guid; and the comparison of two versions.
//!
//! The schemas have some 2 KB, as real event schemas do. The limits to hold: the prepare path
//! within twice the 30 µs of the library that only parses and prints, a comparison below 100 µs.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use schema::compat::{Level, Policy, Previous, check};
use schema::{Format, ParsedSchema, Rendering, Strictness, guid_of};

const NEW: Strictness = Strictness::New { validate_fields: false };

/// An event of some 2 KB with nested records, an enum, unions, a map and a logical type.
fn event(extra_fields: &str) -> String {
    let text = r#"{
  "type": "record", "name": "CompletionRequested", "namespace": "org.example.llm.events",
  "doc": "A completion was requested from a model through the gateway.",
  "fields": [
    {"name": "eventId", "type": {"type": "string", "logicalType": "uuid"}, "doc": "Unique for every event."},
    {"name": "occurredAt", "type": {"type": "long", "logicalType": "timestamp-micros"}, "doc": "When it happened."},
    {"name": "tenant", "type": "string", "doc": "Who pays for it."},
    {"name": "provider", "type": {"type": "enum", "name": "Provider", "symbols": ["OPEN", "HOSTED", "LOCAL", "OTHER"], "default": "OTHER"}},
    {"name": "model", "type": {"type": "record", "name": "Model", "doc": "Which model was asked for.", "fields": [
      {"name": "name", "type": "string"},
      {"name": "version", "type": ["null", "string"], "default": null},
      {"name": "contextTokens", "type": "int", "default": 8192}
    ]}},
    {"name": "fallbackModel", "type": ["null", "Model"], "default": null, "doc": "Asked if the first one is not there."},
    {"name": "parameters", "type": {"type": "map", "values": ["null", "boolean", "long", "double", "string"]}, "default": {}},
    {"name": "messages", "type": {"type": "array", "items": {"type": "record", "name": "Message", "fields": [
      {"name": "role", "type": {"type": "enum", "name": "Role", "symbols": ["SYSTEM", "USER", "ASSISTANT", "TOOL"]}},
      {"name": "content", "type": ["null", "string", "bytes"], "default": null},
      {"name": "tokens", "type": "int", "default": 0, "doc": "Counted by the gateway."},
      {"name": "digest", "type": ["null", {"type": "fixed", "name": "Digest", "size": 32}], "default": null}
    ]}}},
    {"name": "budget", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 6}], "default": null},
    {"name": "temperature", "type": "double", "default": 1.0},
    {"name": "traceId", "type": ["null", "string"], "default": null, "aliases": ["trace"]},
    {"name": "labels", "type": {"type": "array", "items": "string"}, "default": []}EXTRA
  ]
}"#;
    text.replace("EXTRA", extra_fields)
}

fn parse(text: &str) -> ParsedSchema {
    ParsedSchema::parse(Format::Avro, text, &[], NEW).expect("a schema")
}

fn prepare(criterion: &mut Criterion) {
    let text = event("");
    let mut group = criterion.benchmark_group("avro/prepare");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse+canonical", |bencher| bencher.iter(|| parse(black_box(&text))));
    group.bench_function("parse+canonical+guid", |bencher| {
        bencher.iter(|| guid_of(parse(black_box(&text)).canonical(), &[], None, None));
    });
    let schema = parse(&text);
    group.bench_function("normalized", |bencher| bencher.iter(|| black_box(&schema).normalized()));
    group.bench_function("resolved", |bencher| bencher.iter(|| black_box(&schema).render(Rendering::Resolved)));
    group.finish();
}

fn compare(criterion: &mut Criterion) {
    let old = parse(&event(""));
    let new = parse(&event(r#", {"name": "region", "type": ["null", "string"], "default": null}"#));
    let broken = parse(
        &event(r#", {"name": "region", "type": "string"}, {"name": "cost", "type": "Money"}"#)
            .replace("\"Money\"", r#"{"type":"fixed","name":"Money","size":8}"#),
    );
    let history: Vec<_> = (0..1_000)
        .map(|n| parse(&event(&format!(r#", {{"name": "extra{n}", "type": "int", "default": {n}}}"#))))
        .collect();
    let alike: Vec<_> = (0..1_000).map(|n| parse(&event("").replace("Who pays", &format!("Who {n} pays")))).collect();
    let mut group = criterion.benchmark_group("avro/compare");
    let previous = [Previous { version: Some(1), schema: &old }];
    group.bench_function("backward, compatible", |bencher| {
        bencher.iter(|| check(Level::Backward, Policy::Strict, black_box(&new), &previous));
    });
    group.bench_function("full, compatible", |bencher| {
        bencher.iter(|| check(Level::Full, Policy::Strict, black_box(&new), &previous));
    });
    group.bench_function("backward, two errors", |bencher| {
        bencher.iter(|| check(Level::Backward, Policy::Strict, black_box(&broken), &previous));
    });
    let versions: Vec<_> = history.iter().map(|schema| Previous { version: None, schema }).collect();
    group.bench_function("backward transitive, 1000 versions", |bencher| {
        bencher.iter(|| check(Level::BackwardTransitive, Policy::Strict, black_box(&new), &versions));
    });
    let versions: Vec<_> = alike.iter().map(|schema| Previous { version: None, schema }).collect();
    group.bench_function("backward transitive, 1000 versions of one shape", |bencher| {
        bencher.iter(|| check(Level::BackwardTransitive, Policy::Strict, black_box(&new), &versions));
    });
    group.bench_function("diff", |bencher| bencher.iter(|| schema::diff::diff(black_box(&old), black_box(&new))));
    group.bench_function("same content", |bencher| bencher.iter(|| black_box(&old).same_content(black_box(&new))));
    group.finish();
}

criterion_group!(benches, prepare, compare);
criterion_main!(benches);
