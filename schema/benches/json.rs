//! JSON Schema on one core: what a registration costs, what a comparison costs, what a validation costs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench may panic, and says what it measured"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use schema::compat::{Level, Policy, Previous, check};
use schema::json::Formats;
use schema::{Format, ParsedSchema, Strictness, guid_of};

const NEW: Strictness = Strictness::New { validate_fields: false };

/// A schema of some 2 KB of the usual shape: nested objects, definitions, limits, an enum. `extra` adds a property.
fn usual(extra: bool) -> String {
    let mut properties = String::new();
    for at in 0..10 {
        let _ = write!(
            properties,
            r##""field{at}":{{"type":"string","description":"the field number {at} of the record","maxLength":{}}},"##,
            at + 10
        );
    }
    let more = if extra { r#""extra":{"type":"integer"},"# } else { "" };
    format!(
        r##"{{"$schema":"http://json-schema.org/draft-07/schema#","$id":"http://example.com/usual.json","title":"Usual",
        "type":"object","additionalProperties":false,"required":["field0","field1","total"],
        "properties":{{{properties}{more}"total":{{"type":"number","minimum":0,"multipleOf":0.01}},
        "state":{{"type":"string","enum":["new","open","held","closed","lost"]}},
        "tags":{{"type":"array","items":{{"type":"string","pattern":"^[a-z][a-z0-9-]*$"}},"maxItems":20}},
        "from":{{"$ref":"#/definitions/address"}},"to":{{"$ref":"#/definitions/address"}},
        "choice":{{"oneOf":[{{"type":"null"}},{{"$ref":"#/definitions/address"}},{{"type":"string","minLength":1}}]}}}},
        "definitions":{{"address":{{"type":"object","required":["street","city"],"properties":{{
        "street":{{"type":"string"}},"city":{{"type":"string"}},"zip":{{"type":["string","null"]}},
        "geo":{{"type":"object","properties":{{"lat":{{"type":"number"}},"lon":{{"type":"number"}}}}}}}}}}}}}}"##
    )
}

fn benches(criterion: &mut Criterion) {
    let text = usual(false);
    println!("{} bytes", text.len());
    criterion.bench_function("json/prepare", |bencher| {
        bencher.iter(|| {
            let schema = ParsedSchema::parse(Format::Json, black_box(&text), &[], NEW).unwrap();
            guid_of(schema.canonical(), &[], None, None)
        });
    });
    criterion.bench_function("json/parse_stored", |bencher| {
        bencher.iter(|| ParsedSchema::parse(Format::Json, black_box(&text), &[], Strictness::Stored).unwrap());
    });
    let old = ParsedSchema::parse(Format::Json, &text, &[], NEW).unwrap();
    let new = ParsedSchema::parse(Format::Json, &usual(true), &[], NEW).unwrap();
    let previous = [Previous { version: Some(1), schema: &old }];
    criterion.bench_function("json/compare_backward", |bencher| {
        bencher.iter(|| check(Level::Backward, Policy::Strict, black_box(&new), &previous).unwrap());
    });
    criterion.bench_function("json/compare_full", |bencher| {
        bencher.iter(|| check(Level::Full, Policy::Strict, black_box(&new), &previous).unwrap());
    });
    let history: Vec<_> = (0..1_000)
        .map(|n| usual(true).replace("\"minimum\":0", &format!("\"minimum\":{}", n + 1)))
        .map(|text| ParsedSchema::parse(Format::Json, &text, &[], NEW).unwrap())
        .collect();
    let versions: Vec<_> = history.iter().map(|schema| Previous { version: None, schema }).collect();
    assert!(check(Level::BackwardTransitive, Policy::Strict, &new, &versions).unwrap().compatible);
    criterion.bench_function("json/backward transitive, 1000 versions", |bencher| {
        bencher.iter(|| check(Level::BackwardTransitive, Policy::Strict, black_box(&new), &versions).unwrap());
    });
    criterion.bench_function("json/diff", |bencher| {
        bencher.iter(|| schema::diff::diff(black_box(&old), &new).unwrap());
    });
    let ParsedSchema::Json(json) = &old else { return };
    let document = r#"{"field0":"a","field1":"b","total":12.5,"state":"open","tags":["a","b-c"],"from":{"street":"x","city":"y"}}"#;
    criterion.bench_function("json/validate", |bencher| {
        bencher.iter(|| json.validate(black_box(document), Formats::ByDialect).unwrap());
    });
    criterion.bench_function("json/compile_and_validate", |bencher| {
        bencher.iter(|| {
            let schema = ParsedSchema::parse(Format::Json, black_box(&text), &[], Strictness::Stored).unwrap();
            let ParsedSchema::Json(json) = &schema else { return 0 };
            json.validate(document, Formats::ByDialect).unwrap().len()
        });
    });
}

criterion_group!(json, benches);
criterion_main!(json);
