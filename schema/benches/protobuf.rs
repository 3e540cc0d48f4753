//! What a registration of a Protobuf schema costs: the prepare path, the comparison with one older version, and data.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use schema::compat::{self, Direction, Level, Policy, Previous};
use schema::protobuf::ProtobufSchema;
use schema::protobuf::validate::{MessageSelector, Validator};
use schema::{Format, ParsedSchema, Strictness, guid_of};

/// A file of about 2 KB as a platform team writes them: nested messages, enums, a oneof, maps, an import, options.
fn text(version: usize) -> String {
    let mut text = String::from(
        "syntax = \"proto3\";\npackage acme.telemetry.v1;\n\nimport \"google/protobuf/timestamp.proto\";\n\n\
         option java_package = \"com.acme.telemetry.v1\";\noption java_multiple_files = true;\n\n\
         // One call of a model.\nmessage Call {\n  string id = 1;\n  google.protobuf.Timestamp at = 2;\n  Model model = 3;\n  \
         Usage usage = 4;\n  repeated Message messages = 5;\n  map<string, string> labels = 6;\n  oneof outcome {\n    \
         Answer answer = 7;\n    Failure failure = 8;\n  }\n\n",
    );
    for kind in ["Model", "Usage", "Message", "Answer", "Failure"] {
        text.push_str(&format!("  // {kind} of the call.\n  message {kind} {{\n"));
        for (index, scalar) in ["string", "int64", "double", "bool", "repeated string", "Kind"].iter().enumerate() {
            let tag = index + 1;
            text.push_str(&format!("    {scalar} {}_field_{tag} = {tag};\n", kind.to_lowercase()));
        }
        text.push_str(
            "    enum Kind {\n      KIND_UNSPECIFIED = 0;\n      KIND_A = 1;\n      KIND_B = 2;\n    }\n  }\n",
        );
    }
    for tag in 0..version {
        text.push_str(&format!("  string added_{tag} = {};\n", 20 + tag));
    }
    text + "}\n"
}

fn parse(text: &str) -> ParsedSchema {
    let strictness = Strictness::New { validate_fields: false };
    ParsedSchema::parse(Format::Protobuf, text, &[], strictness).expect("the text is valid")
}

fn benches(criterion: &mut Criterion) {
    let (old_text, new_text) = (text(0), text(1));
    assert!((1_800..2_200).contains(&new_text.len()), "{} bytes", new_text.len());
    criterion.bench_function("protobuf/prepare 2 KB", |bencher| {
        bencher.iter(|| {
            let schema = parse(black_box(&new_text));
            guid_of(schema.canonical(), &[], None, None)
        });
    });
    let (old, new) = (parse(&old_text), parse(&new_text));
    criterion.bench_function("protobuf/compare two of 2 KB", |bencher| {
        bencher.iter(|| compat::differences(Direction::Backward, Policy::Strict, black_box(&new), black_box(&old)));
    });
    let history: Vec<_> = (0..1_000)
        .map(|n| parse(&old_text.replace("string id = 1", &format!("string id = 1; string x{n} = 99"))))
        .collect();
    let versions: Vec<_> = history.iter().map(|schema| Previous { version: None, schema }).collect();
    assert!(
        compat::check(Level::BackwardTransitive, Policy::Strict, &new, &versions).is_ok_and(|found| found.compatible)
    );
    criterion.bench_function("protobuf/backward transitive, 1000 versions", |bencher| {
        bencher.iter(|| compat::check(Level::BackwardTransitive, Policy::Strict, black_box(&new), &versions));
    });
    criterion.bench_function("protobuf/normalise 2 KB", |bencher| bencher.iter(|| black_box(&new).normalized()));
    criterion.bench_function("protobuf/diff two of 2 KB", |bencher| {
        bencher.iter(|| schema::diff::diff(black_box(&old), black_box(&new)));
    });
    let strictness = Strictness::New { validate_fields: true };
    let schema = ProtobufSchema::parse(&new_text, &[], strictness).expect("the text is valid");
    criterion
        .bench_function("protobuf/build a validator", |bencher| bencher.iter(|| Validator::new(black_box(&schema))));
    let validator = Validator::new(&schema).expect("the schema makes a descriptor");
    let message = validator.message(&schema, MessageSelector::First).expect("there is a message");
    let part =
        "{\"messageField1\":\"some text of a message\",\"messageField2\":\"12\",\"messageField5\":[\"a\",\"b\"]}";
    let document = format!("{{\"id\":\"1\",\"at\":\"2026-01-01T00:00:00Z\",\"messages\":[{}]}}", [part; 10].join(","));
    assert_eq!(message.validate_json(&document), []);
    criterion.bench_function("protobuf/validate 1 KB of JSON", |bencher| {
        bencher.iter(|| message.validate_json(black_box(&document)));
    });
}

criterion_group!(group, benches);
criterion_main!(group);
