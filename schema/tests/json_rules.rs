//! The rules of JSON Schema that concern numbers, pointers and regular expressions, one small case each, in every draft.
//!
//! Sources: the drafts' validation and core chapters; RFC 6901 for pointers; ECMA 262 for expressions.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use schema::compat::{Direction, Policy, differences};
use schema::json::{Formats, JsonSchema};
use schema::{Format, ParsedSchema, SchemaError, Strictness};

const NEW: Strictness = Strictness::New { validate_fields: false };
const DRAFTS: [&str; 5] = [
    "http://json-schema.org/draft-04/schema#",
    "http://json-schema.org/draft-06/schema#",
    "http://json-schema.org/draft-07/schema#",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];

/// The text with a `$schema` at its front.
fn in_draft(draft: &str, text: &str) -> String {
    let rest = text.strip_prefix('{').unwrap();
    let comma = if rest == "}" { "" } else { "," };
    format!("{{\"$schema\":\"{draft}\"{comma}{rest}")
}

fn parse(text: &str) -> Result<JsonSchema, SchemaError> {
    JsonSchema::parse(text, &[], NEW)
}

fn is_valid(schema: &str, document: &str) -> bool {
    let parsed = parse(schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
    parsed.validate(document, Formats::ByDialect).unwrap_or_else(|error| panic!("{schema}: {error}")).is_empty()
}

#[test]
fn counts_have_no_upper_end() {
    for draft in DRAFTS {
        for keyword in ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"] {
            for value in [
                "0",
                "2147483648",
                "4294967295",
                "9007199254740993",
                "18446744073709551616",
                "1000000000000000000000000000000",
            ] {
                let schema = in_draft(draft, &format!("{{\"{keyword}\":{value}}}"));
                assert!(parse(&schema).is_ok(), "{schema}");
                if keyword.starts_with("max") && value != "0" {
                    assert!(is_valid(&schema, "[\"a\"]"), "{schema}");
                }
            }
        }
    }
    let contains = in_draft(DRAFTS[4], r#"{"contains":{},"minContains":0,"maxContains":4294967296}"#);
    assert!(parse(&contains).is_ok());
}

/// `1.0` and `1e3` are integers by their value since draft-06; draft-04 looks at how they are written.
#[test]
fn an_integer_is_one_by_its_value() {
    for (position, draft) in DRAFTS.into_iter().enumerate() {
        for value in ["1.0", "1e3", "100e-2", "1E+2", "4294967296.0"] {
            let schema = in_draft(draft, &format!("{{\"maxLength\":{value}}}"));
            assert_eq!(parse(&schema).is_ok(), position > 0, "{schema}");
        }
        for value in ["1.5", "15e-1", "1e-1000000000", "\"1\"", "null"] {
            let schema = in_draft(draft, &format!("{{\"maxItems\":{value}}}"));
            assert!(matches!(parse(&schema), Err(SchemaError::Invalid { .. })), "{schema}");
        }
        let integer = in_draft(draft, r#"{"type":"integer"}"#);
        for (document, expected) in [
            ("1", true),
            ("-0", true),
            ("12345678901234567890123", true),
            ("1.0", position > 0),
            ("1.5", false),
            ("0.1", false),
            ("\"1\"", false),
        ] {
            assert_eq!(is_valid(&integer, document), expected, "{integer} {document}");
        }
    }
}

#[test]
fn numbers_are_compared_by_their_exact_value() {
    for (schema, document, expected) in [
        (r#"{"maximum":9007199254740992}"#, "9007199254740993", false),
        (r#"{"minimum":9007199254740993}"#, "9007199254740992", false),
        (r#"{"maximum":100000000000000000000000000000}"#, "100000000000000000000000000001", false),
        (r#"{"maximum":100000000000000000000000000001}"#, "100000000000000000000000000001", true),
        (r#"{"exclusiveMaximum":18446744073709551616}"#, "18446744073709551615", true),
        (r#"{"exclusiveMaximum":18446744073709551616}"#, "18446744073709551616", false),
        (r#"{"multipleOf":0.01}"#, "4.02", true),
        (r#"{"multipleOf":0.0001}"#, "0.00751", false),
        (r#"{"multipleOf":3}"#, "9007199254740993", true),
        (r#"{"multipleOf":3}"#, "9007199254740994", false),
        (r#"{"multipleOf":10}"#, "100000000000000000000000000000", true),
        (r#"{"multipleOf":10}"#, "100000000000000000000000000001", false),
        (r#"{"maximum":1e400}"#, "1e399", true),
        (r#"{"maximum":1e400}"#, "1e401", false),
        (r#"{"const":1}"#, "1.0", true),
        (r#"{"const":-0}"#, "0", true),
        (r#"{"enum":[10]}"#, "1e1", true),
        (r#"{"const":9007199254740993}"#, "9007199254740992", false),
        (r#"{"uniqueItems":true}"#, "[1,1.0]", false),
        (r#"{"uniqueItems":true}"#, "[9007199254740992,9007199254740993]", true),
    ] {
        assert_eq!(is_valid(schema, document), expected, "{schema} {document}");
    }
}

/// An exponent is a number, not a size: it may cost nothing.
#[test]
fn huge_exponents_cost_nothing() {
    for exponent in ["1e1000000000", "1e-1000000000", "-1.5e1999999999", "0e1000000000"] {
        for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "const", "default"]
        {
            if keyword == "multipleOf" && exponent.starts_with(['0', '-']) {
                continue;
            }
            let schema = format!("{{\"{keyword}\":{exponent}}}");
            assert!(parse(&schema).is_ok(), "{schema}");
            for document in ["1", "0", "1.5", exponent, "1e-999999999"] {
                is_valid(&schema, document);
            }
            let old = ParsedSchema::parse(Format::Json, &schema, &[], Strictness::Stored).unwrap();
            let new =
                ParsedSchema::parse(Format::Json, &format!("{{\"{keyword}\":7}}"), &[], Strictness::Stored).unwrap();
            differences(Direction::Backward, Policy::Strict, &new, &old).unwrap();
            differences(Direction::Forward, Policy::Strict, &new, &old).unwrap();
        }
    }
    assert!(is_valid(r#"{"type":"integer"}"#, "1e1000000000"));
    assert!(!is_valid(r#"{"type":"integer"}"#, "1e-1000000000"));
}

/// The kinds of difference between two limits, whatever their size and writing.
#[test]
fn limits_differ_by_their_exact_value() {
    let kinds = |old: &str, new: &str| -> Vec<&'static str> {
        let parse = |text: &str| ParsedSchema::parse(Format::Json, text, &[], NEW).unwrap();
        let found = differences(Direction::Backward, Policy::Strict, &parse(new), &parse(old)).unwrap();
        found.iter().map(|difference| difference.kind).collect()
    };
    for (old, new, expected) in [
        (r#"{"maxLength":4294967295}"#, r#"{"maxLength":4294967294}"#, "MAX_LENGTH_DECREASED"),
        (r#"{"maxLength":9007199254740992}"#, r#"{"maxLength":9007199254740993}"#, "MAX_LENGTH_INCREASED"),
        (r#"{"maximum":9007199254740993}"#, r#"{"maximum":9007199254740992}"#, "MAXIMUM_DECREASED"),
        (r#"{"minimum":0.1}"#, r#"{"minimum":0.10000000000000000000001}"#, "MINIMUM_INCREASED"),
        (r#"{"minimum":-1e400}"#, r#"{"minimum":-1e401}"#, "MINIMUM_DECREASED"),
        (r#"{"minItems":1}"#, r#"{"minItems":1e30}"#, "MIN_ITEMS_INCREASED"),
        (r#"{"multipleOf":9007199254740993}"#, r#"{"multipleOf":9007199254740994}"#, "MULTIPLE_OF_CHANGED"),
        (r#"{"multipleOf":1e-30}"#, r#"{"multipleOf":1e30}"#, "MULTIPLE_OF_EXPANDED"),
    ] {
        assert_eq!(kinds(old, new), [expected], "{old} {new}");
    }
    for (old, new) in [
        (r#"{"maxLength":1000}"#, r#"{"maxLength":1e3}"#),
        (r#"{"minimum":1}"#, r#"{"minimum":1.0}"#),
        (r#"{"multipleOf":0.5}"#, r#"{"multipleOf":5e-1}"#),
    ] {
        assert!(kinds(old, new).is_empty(), "{old} {new}");
    }
}

/// RFC 6901: the segments of a pointer, and (section 6) how they stand in a URI's fragment.
#[test]
fn pointers_lead_where_they_say() {
    let definitions = r##""a+b":{"type":"string"},"a b":{"type":"integer"},"a/b":{"type":"string"},"m~n":{"type":"string"},"~1":{"type":"string"},"c%d":{"type":"string"},"e^f":{"type":"string"},"\u00e9":{"type":"string"},"k\"l":{"type":"string"},"":{"type":"string"},"01":{"type":"string"},"list":{"anyOf":[{"type":"integer"},{"type":"string"}]}"##;
    for bucket in ["definitions", "$defs"] {
        for draft in DRAFTS {
            let schema = |pointer: &str| {
                in_draft(
                    draft,
                    &format!("{{\"{bucket}\":{{{definitions}}},\"properties\":{{\"x\":{{\"$ref\":\"#{pointer}\"}}}}}}"),
                )
            };
            for (pointer, text_is_valid) in [
                ("a+b", true),
                ("a%2Bb", true),
                ("a%2bb", true),
                ("a%20b", false),
                ("a~1b", true),
                ("a%7E1b", true),
                ("m~0n", true),
                ("~01", true),
                ("c%25d", true),
                ("e%5Ef", true),
                ("%C3%A9", true),
                ("k%22l", true),
                ("01", true),
                ("list/anyOf/1", true),
                ("list/anyOf/0", false),
            ] {
                let schema = schema(&format!("/{bucket}/{pointer}"));
                assert_eq!(is_valid(&schema, r#"{"x":"text"}"#), text_is_valid, "{schema}");
                assert_eq!(is_valid(&schema, r#"{"x":5}"#), !text_is_valid, "{schema}");
            }
            for pointer in [
                "a~2b",
                "m~",
                "list/anyOf/2",
                "list/anyOf/01",
                "list/anyOf/-",
                "list/anyOf/+1",
                "list/anyOf/1x",
                "none",
            ] {
                let schema = schema(&format!("/{bucket}/{pointer}"));
                assert!(
                    matches!(parse(&schema), Err(SchemaError::Reference { .. } | SchemaError::Invalid { .. })),
                    "{schema}"
                );
            }
        }
    }
    // The empty name is a name.
    let empty = r##"{"definitions":{"":{"type":"string"}},"properties":{"x":{"$ref":"#/definitions/"}}}"##;
    assert!(is_valid(empty, r#"{"x":"text"}"#) && !is_valid(empty, r#"{"x":5}"#));
}

/// Where a reference may lead, by draft.
#[test]
fn references_lead_to_every_place() {
    let modern = &DRAFTS[3..];
    let old = &DRAFTS[..3];
    let id = |draft: &str| if draft.contains("draft-04") { "id" } else { "$id" };
    for draft in DRAFTS {
        let id = id(draft);
        for (schema, valid, invalid) in [
            (
                r##"{"properties":{"a":{"type":"string"},"b":{"$ref":"#/properties/a"}}}"##.to_owned(),
                r#"{"b":"x"}"#,
                r#"{"b":1}"#,
            ),
            (
                r##"{"properties":{"a":{"$ref":"#"}},"additionalProperties":false}"##.to_owned(),
                r#"{"a":{"a":{}}}"#,
                r#"{"a":{"b":1}}"#,
            ),
            (
                r##"{"properties":{"a":{"$ref":"#/somewhere/else"}},"somewhere":{"else":{"type":"string"}}}"##
                    .to_owned(),
                r#"{"a":"x"}"#,
                r#"{"a":1}"#,
            ),
            (
                format!(
                    r##"{{"{id}":"http://x.test/root.json","definitions":{{"p":{{"{id}":"part.json","type":"string"}}}},"properties":{{"a":{{"$ref":"part.json"}}}}}}"##
                ),
                r#"{"a":"x"}"#,
                r#"{"a":1}"#,
            ),
            (
                format!(
                    r##"{{"{id}":"http://x.test/dir/root.json","definitions":{{"p":{{"{id}":"../other/part.json","type":"string"}}}},"properties":{{"a":{{"$ref":"/other/part.json"}}}}}}"##
                ),
                r#"{"a":"x"}"#,
                r#"{"a":1}"#,
            ),
            (
                format!(
                    r##"{{"definitions":{{"p":{{"{id}":"urn:example:part","type":"string"}}}},"properties":{{"a":{{"$ref":"urn:example:part"}}}}}}"##
                ),
                r#"{"a":"x"}"#,
                r#"{"a":1}"#,
            ),
        ] {
            let schema = in_draft(draft, &schema);
            assert!(is_valid(&schema, valid), "{schema}");
            assert!(!is_valid(&schema, invalid), "{schema}");
        }
    }
    for draft in old {
        let id = id(draft);
        let schema = in_draft(
            draft,
            &format!(
                r##"{{"definitions":{{"p":{{"{id}":"#part","type":"string"}}}},"properties":{{"a":{{"$ref":"#part"}}}}}}"##
            ),
        );
        assert!(is_valid(&schema, r#"{"a":"x"}"#) && !is_valid(&schema, r#"{"a":1}"#), "{schema}");
    }
    for draft in modern {
        let schema = in_draft(
            draft,
            r##"{"$defs":{"p":{"$anchor":"part","type":"string"}},"properties":{"a":{"$ref":"#part"}}}"##,
        );
        assert!(is_valid(&schema, r#"{"a":"x"}"#) && !is_valid(&schema, r#"{"a":1}"#), "{schema}");
    }
    let dynamic = in_draft(
        DRAFTS[4],
        r##"{"$dynamicAnchor":"node","type":"object","properties":{"a":{"$dynamicRef":"#node"}},"additionalProperties":false}"##,
    );
    assert!(is_valid(&dynamic, r#"{"a":{"a":{}}}"#) && !is_valid(&dynamic, r#"{"a":{"b":1}}"#));
    let recursive = in_draft(
        DRAFTS[3],
        r##"{"$recursiveAnchor":true,"type":"object","properties":{"a":{"$recursiveRef":"#"}},"additionalProperties":false}"##,
    );
    assert!(is_valid(&recursive, r#"{"a":{"a":{}}}"#) && !is_valid(&recursive, r#"{"a":{"b":1}}"#));
}

/// Pattern, a text that it is found in, and one that it is not. As JSON Schema, in `pattern` and in `patternProperties`.
const PATTERNS: &[(&str, &str, &str)] = &[
    (r"^(?<year_no>\d{4})$", "2020", "202"),
    (r"^(?<year_no>\d{4})-\k<year_no>$", "2020-2020", "2020-2021"),
    (r"^[^[\]]+$", "abc", "a[b"),
    (r"^[[]$", "[", "]"),
    (r"^\d+$", "12", "\u{661}"),
    (r"^\w+$", "a_1", "\u{e9}"),
    (r"^\S+$", "a", "a\u{feff}"),
    (r"^\s$", "\u{a0}", "\u{200b}"),
    (r"^.$", "\u{85}", "\u{2028}"),
    (r"^a$", "a", "a\n"),
    (r"^\cA$", "\u{1}", "A"),
    (r"^\u{1F600}$", "\u{1f600}", "u{1F600}"),
    (r"^\uD83D\uDE00$", "\u{1f600}", "\u{1f601}"),
    (r"^a\/b$", "a/b", "a\\/b"),
    (r"^(?=.*\d)\w+$", "a1", "a\u{661}"),
    (r"(?<=\$)\d+", "$5", "5"),
    (r"(?<!\$)\bfoo\b", "foo", "$foo"),
    (r"^\p{Letter}+$", "\u{e9}", "1"),
    (r"^\p{Script=Greek}$", "\u{3b1}", "a"),
    (r"^[a&&b]+$", "a&b", "c"),
    (r"^{a}$", "{a}", "a"),
    (r"^[\w-]+@[\w.-]+$", "a-b@c.d", "a b@c"),
    (r"^(a|b)\1$", "aa", "ab"),
    (r"^\-\@\_$", "-@_", "-@"),
    ("(?i)^abc$", "ABC", "abd"),
    (r"\Aabc\z", "abc", "abcd"),
];

#[test]
fn expressions_are_those_of_ecma_262() {
    let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    for draft in DRAFTS {
        for (pattern, yes, no) in PATTERNS {
            let schema = in_draft(draft, &format!("{{\"pattern\":{}}}", quoted(pattern)));
            assert!(is_valid(&schema, &quoted(yes)), "{schema} {yes:?}");
            assert!(!is_valid(&schema, &quoted(no)), "{schema} {no:?}");
            let schema = in_draft(
                draft,
                &format!(
                    "{{\"patternProperties\":{{{}:{{\"type\":\"integer\"}}}},\"additionalProperties\":false}}",
                    quoted(pattern)
                ),
            );
            assert!(is_valid(&schema, &format!("{{{}:1}}", quoted(yes))), "{schema} {yes:?}");
            assert!(!is_valid(&schema, &format!("{{{}:\"x\"}}", quoted(yes))), "{schema} {yes:?}");
            assert!(!is_valid(&schema, &format!("{{{}:1}}", quoted(no))), "{schema} {no:?}");
        }
    }
}

#[test]
fn what_is_no_expression_is_refused_with_a_reason() {
    for (pattern, reason) in [
        ("[", "a character class is not closed"),
        ("(", "a group is not closed"),
        (")", "a closing parenthesis has no opening one"),
        ("*a", "there is nothing that \"*\" could repeat"),
        ("a{2,1}", "the upper bound of a count is below its lower bound"),
        ("[z-a]", "a range of characters ends before it begins"),
        (r"\p{Nope}", "the property \"Nope\" is unknown"),
        (r"\k<n>", "\\k refers to a group \"n\" that does not exist"),
        (r"\y", "\\y is no escape"),
        (r"\u12", "\\u is not followed by four hexadecimal digits"),
    ] {
        for schema in [
            serde_json::json!({"pattern": pattern}),
            serde_json::json!({"properties": {"a": {"patternProperties": {pattern: {}}}}}),
        ] {
            let error = parse(&schema.to_string()).err().unwrap_or_else(|| panic!("{schema}")).to_string();
            assert!(error.contains(reason), "{schema}: {error}");
        }
    }
}

#[test]
fn errors_quote_the_expression_as_it_is_in_the_schema() {
    let schema = parse(r#"{"pattern":"^(?<year_no>\\d{4})$"}"#).unwrap();
    let errors = schema.validate("\"x\"", Formats::ByDialect).unwrap();
    assert!(errors[0].message.contains(r"^(?<year_no>\d{4})$"), "{errors:?}");
}

#[test]
fn a_reference_into_pattern_properties_is_found() {
    let schema = r##"{"patternProperties":{"^\\d+$":{"type":"string"}},"properties":{"x":{"$ref":"#/patternProperties/%5E%5Cd%2B$"}}}"##;
    assert!(is_valid(schema, r#"{"x":"a","1":"b"}"#));
    assert!(!is_valid(schema, r#"{"x":1}"#));
    // Two that mean the same both apply.
    let twice = r#"{"patternProperties":{"^\\d$":{"type":"string"},"^[0-9]$":{"minLength":2}}}"#;
    assert!(is_valid(twice, r#"{"1":"ab"}"#));
    assert!(!is_valid(twice, r#"{"1":"a"}"#));
    assert!(!is_valid(twice, r#"{"1":12}"#));
}
