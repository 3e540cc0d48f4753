//! Laws that hold for every Protobuf schema, on generated files and on garbage.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests fail loudly and say what they did")]

use proptest::prelude::*;
use schema::compat::{self, Direction, Policy};
use schema::{Format, ParsedSchema, Rendering, SchemaError, Strictness};

const NEW: Strictness = Strictness::New { validate_fields: false };

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,3}", "[A-Z][a-z]{1,2}", "[a-z]_[a-z]{1,2}", Just("message".to_owned()), Just("map".to_owned())]
}

/// A quoted text with what needs escapes.
fn quoted() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-z ]{0,3}",
        Just("\\\\".to_owned()),
        Just("\\\"".to_owned()),
        Just("'".to_owned()),
        Just("\\n".to_owned()),
        Just("\\x41".to_owned()),
        Just("\\001".to_owned()),
        Just("é".to_owned())
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![quoted(), "-?[1-9][0-9]{0,3}(\\.[0-9]{1,4})?", Just("true".to_owned()), "[A-Z]{1,3}"];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let entry = (name(), inner.clone()).prop_map(|(name, value)| format!("{name}: {value}"));
        prop_oneof![
            prop::collection::vec(entry, 0..3).prop_map(|entries| format!("{{ {} }}", entries.join(" "))),
            prop::collection::vec(inner, 0..3).prop_map(|values| format!("[{}]", values.join(", "))),
        ]
    })
}

fn option() -> impl Strategy<Value = String> {
    prop_oneof![
        (name(), value()).prop_map(|(name, value)| format!("(x.{name}) = {value}")),
        (name(), name(), value()).prop_map(|(name, path, value)| format!("(x.{name}).{path} = {value}")),
        Just("deprecated = true".to_owned()),
    ]
}

fn options() -> impl Strategy<Value = String> {
    prop::collection::vec(option(), 0..3).prop_map(|options| match options.len() {
        0 => String::new(),
        _ => format!(" [{}]", options.join(", ")),
    })
}

fn scalar() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["int32", "int64", "uint32", "sint64", "bool", "string", "bytes", "fixed32", "double"])
        .prop_map(str::to_owned)
}

fn type_name() -> impl Strategy<Value = String> {
    prop_oneof![
        scalar(),
        Just("Base".to_owned()),
        Just(".p.Base".to_owned()),
        Just("Base.Inner".to_owned()),
        Just("Kind".to_owned()),
        Just("google.protobuf.Timestamp".to_owned()),
    ]
}

fn field() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["", "optional ", "repeated "]);
    prop_oneof![
        (label, type_name(), name(), 1..60, options())
            .prop_map(|(label, kind, name, tag, options)| format!("{label}{kind} f_{name}{tag} = {tag}{options};")),
        (scalar(), type_name(), 60..90).prop_map(|(key, value, tag)| format!(
            "map<{}, {value}> m{tag} = {tag};",
            key.replace("bytes", "string").replace("double", "bool")
        )),
    ]
}

fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => field(),
        1 => (name(), 90..100, 100..110, options())
            .prop_map(|(name, a, b, options)| format!("oneof o_{name} {{ int32 a{a} = {a}{options}; Base b{b} = {b}; }}")),
        1 => (200..300, 1..9, quoted()).prop_map(|(start, length, name)| format!("reserved {start} to {}, {}; reserved {name};", start + length, start + 50)),
        1 => option().prop_map(|option| format!("option {option};")),
        1 => (name(), options()).prop_map(|(name, options)| format!("enum E{name} {{ reserved 7; Z{name} = 0{options}; Y{name} = 5; }}")),
    ]
}

fn message() -> impl Strategy<Value = String> {
    let body = prop::collection::vec(member(), 0..6).prop_map(|members| members.join("\n"));
    body.prop_recursive(3, 12, 3, |inner| {
        (prop::collection::vec(member(), 0..4), prop::collection::vec(inner, 0..2)).prop_map(|(members, nested)| {
            let nested = nested.iter().enumerate().map(|(index, body)| format!("message N{index} {{ {body} }}"));
            format!("{}\n{}", members.join("\n"), nested.collect::<String>())
        })
    })
}

/// A proto3 file whose types all resolve. Names may be repeated where Wire allows it.
fn file() -> impl Strategy<Value = String> {
    (prop::collection::vec(message(), 0..3), prop::collection::vec(option(), 0..3)).prop_map(
        |(messages, file_options)| {
            let file_options: String = file_options.iter().map(|option| format!("option {option};\n")).collect();
            let messages = messages.iter().enumerate().map(|(index, body)| format!("message M{index} {{ {body} }}\n"));
            format!(
                "syntax = \"proto3\"; package p;\nimport public 'b.proto'; import \"a.proto\";\n{file_options}{}\
             message Base {{ message Inner {{}} }} enum Kind {{ K = 0; }}\n\
             service S {{ rpc A(Base) returns (stream Base) {{ option deprecated = true; }} }}",
                messages.collect::<String>()
            )
        },
    )
}

/// Parses, or says that the generator declared a name twice, which is not its fault.
fn parse(text: &str) -> Option<ParsedSchema> {
    match ParsedSchema::parse(Format::Protobuf, text, &[], NEW) {
        Ok(schema) => Some(schema),
        Err(SchemaError::Invalid { message }) if message.contains("already defined") => None,
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// Found by the law below: an empty list and one value were a list of one after the first normalising only.
#[test]
fn an_empty_list_beside_a_value_is_the_value() {
    let text = "syntax = \"proto3\"; option (x.a).b = []; option (x.a).b = \"c\"; message M {}";
    let once = parse(text).unwrap().normalized().unwrap();
    assert!(once.contains("option (x.a) = {\n  b: \"c\"\n};"), "{once}");
    assert_eq!(parse(&once).unwrap().normalized().unwrap(), once);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn printing_is_idempotent_and_keeps_the_content(text in file()) {
        let Some(schema) = parse(&text) else { return Ok(()) };
        let again = parse(schema.canonical()).unwrap();
        prop_assert_eq!(schema.canonical(), again.canonical());
        prop_assert!(schema.same_content(&again));
        prop_assert_eq!(schema.name(), again.name());
    }

    #[test]
    fn normalising_is_idempotent(text in file()) {
        let Some(schema) = parse(&text) else { return Ok(()) };
        let once = schema.normalized().unwrap();
        prop_assert_eq!(&once, &parse(&once).unwrap().normalized().unwrap());
        // And canonical already.
        let normal = parse(&once).unwrap();
        prop_assert_eq!(&once, normal.canonical());
    }

    #[test]
    fn a_schema_is_compatible_with_itself_and_its_normal_form(text in file()) {
        let Some(schema) = parse(&text) else { return Ok(()) };
        let normal = parse(&schema.normalized().unwrap()).unwrap();
        // Two oneofs may share a number, and then their order, which normalising changes, decides which of them counts.
        let others = if text.matches("oneof").count() > 1 { vec![&schema] } else { vec![&schema, &normal] };
        for other in others {
            for direction in [Direction::Backward, Direction::Forward] {
                prop_assert_eq!(compat::differences(direction, Policy::Strict, &schema, other).unwrap(), vec![]);
            }
        }
        prop_assert!(schema::diff::diff(&schema, &schema).unwrap().changes.is_empty());
    }

    #[test]
    fn a_descriptor_comes_back_as_the_same_schema(text in file()) {
        // Descriptors cannot repeat a built-in option, as the generator does.
        let text = text.replace("deprecated = true", "(x.d) = true");
        let Some(schema) = parse(&text) else { return Ok(()) };
        let plain = parse(&schema.render(Rendering::IgnoreExtensions).unwrap()).unwrap();
        let back = parse(&schema.render(Rendering::Serialized).unwrap()).unwrap();
        prop_assert_eq!(plain.normalized().unwrap(), back.normalized().unwrap());
    }

    #[test]
    fn garbage_is_answered(text in "\\PC{0,200}") {
        let _ = ParsedSchema::parse(Format::Protobuf, &text, &[], Strictness::Stored);
    }

    #[test]
    fn damaged_files_are_answered(text in file(), cut in 0_usize..2000, insert in "[{}<>\\[\\]();\"'/\\\\ .0-9a-z=]{0,3}") {
        let mut cut = cut.min(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let damaged = format!("{}{insert}{}", &text[..cut], &text[cut..]);
        for strictness in [NEW, Strictness::New { validate_fields: true }] {
            if let Ok(schema) = ParsedSchema::parse(Format::Protobuf, &damaged, &[], strictness) {
                let canonical = ParsedSchema::parse(Format::Protobuf, schema.canonical(), &[], NEW).unwrap();
                prop_assert_eq!(schema.canonical(), canonical.canonical());
                schema.normalized().unwrap();
                let _ = schema.render(Rendering::Serialized);
            }
        }
    }
}

/// Found by fuzzing: a file of comments was accepted, and its canonical text, which is empty, was not.
#[test]
fn a_file_of_which_nothing_is_left_is_refused() {
    for text in ["", " \n", "// a comment\n", ";;", "import weak \"a.proto\";"] {
        for strictness in [NEW, Strictness::Stored] {
            let parsed = ParsedSchema::parse(Format::Protobuf, text, &[], strictness);
            assert!(matches!(parsed, Err(SchemaError::Invalid { .. })), "{text:?}");
        }
    }
}

/// Normalising leaves nothing of a file that is a `proto2` line only; the line is its normal form then.
#[test]
fn a_file_of_which_normalising_leaves_nothing_stays_as_it_is() {
    let schema = ParsedSchema::parse(Format::Protobuf, "syntax = \"proto2\";", &[], NEW).unwrap();
    assert_eq!(schema.normalized().unwrap(), "syntax = \"proto2\";\n");
}
