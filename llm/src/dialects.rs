//! The dialects that ship, from the tables of keywords and limits as of 2026-08.
//!
//! Each begins from one of a few bases and says in what it differs. The source of a rule is in `sources` of its dialect;
//! where documentation, SDK and engine disagree, the narrower one is here: a projection must never make a request fail.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::dialect::{
    AnswerEnvelope, Closed, Dialect, EnumValues, Limits, Maps, Names, Null, Optional, Patterns, Recursion, References,
    Rules, Siblings, Support, ToolEnvelope, Tuples,
};

/// All dialects, in the order of their ids.
pub fn all() -> &'static [Dialect] {
    static ALL: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
        let mut all = vec![
            anthropic(),
            anthropic_tools(),
            azure_openai(),
            bedrock(),
            cohere(),
            gemini(),
            gemini_openapi(),
            llguidance(),
            mcp(),
            minimal(),
            mistral(),
            ollama(),
            ollama_tools(),
            openai(),
            openai_fine_tuned(),
            openai_responses(),
            xgrammar(),
        ];
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    });
    &ALL
}

/// The dialect with this id, or the newest one with this name.
pub fn find(name: &str) -> Option<&'static Dialect> {
    let named = |dialect: &&Dialect| {
        dialect.id == name || dialect.kind() == name || dialect.aliases.iter().any(|alias| alias == name)
    };
    all().iter().filter(named).max_by(|a, b| a.id.cmp(&b.id))
}

const ENFORCED: Support = Support::Enforced;
const ACCEPTED: Support = Support::Accepted;

const NINE_FORMATS: [&str; 9] = ["date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"];

fn keywords(support: Support, names: &[&str]) -> BTreeMap<String, Support> {
    names.iter().map(|name| ((*name).to_owned(), support)).collect()
}

fn also(mut table: BTreeMap<String, Support>, support: Support, names: &[&str]) -> BTreeMap<String, Support> {
    table.extend(keywords(support, names));
    table
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A name that every provider takes.
fn common_names() -> Names {
    Names {
        tool_punctuation: "_-".to_owned(),
        tool_begins_with_letter: false,
        tool_length_max: 64,
        property_punctuation: None,
        property_length_max: None,
    }
}

/// OpenAI's strict mode: all properties required, all objects closed, no maps.
fn openai() -> Dialect {
    Dialect {
        id: "openai-strict@2026-08".to_owned(),
        aliases: texts(&["openai", "openai-chat"]),
        title: "OpenAI chat completions, strict".to_owned(),
        sources: "OpenAI guide 2026-08; openai-python 3.3".to_owned(),
        keywords: keywords(
            ENFORCED,
            &[
                "minLength",
                "maxLength",
                "pattern",
                "format",
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "multipleOf",
                "minItems",
                "maxItems",
                "title",
            ],
        ),
        formats: texts(&NINE_FORMATS),
        rules: Rules {
            root_must_be_object: true,
            optional: Optional::RequiredNullable,
            closed: Closed::Always,
            maps: Maps::Pairs,
            one_of: false,
            constants: true,
            typed_enums: false,
            enum_values: EnumValues::Scalars,
            null: Null::Type,
            references: References::Definitions,
            siblings: Siblings::AnyOf,
            recursion: Recursion::Kept,
            tuples: Tuples::Object,
            patterns: Patterns::WithoutLookaround,
            lengths_beside_pattern: true,
            bounds_of_integers_only: false,
            inclusive_bounds: false,
            min_items_max: None,
            required_first: false,
            property_ordering: false,
            untyped: false,
        },
        limits: Limits {
            properties: Some(5_000),
            depth: Some(10),
            enum_values: Some(1_000),
            enum_characters: Some((250, 15_000)),
            characters: Some(120_000),
            ..Limits::default()
        },
        names: common_names(),
        tool: Some(ToolEnvelope::OpenAiChat),
        answer: Some(AnswerEnvelope::OpenAiChat),
    }
}

fn openai_responses() -> Dialect {
    Dialect {
        id: "openai-responses@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "OpenAI Responses, strict".to_owned(),
        tool: Some(ToolEnvelope::OpenAiResponses),
        answer: Some(AnswerEnvelope::OpenAiResponses),
        ..openai()
    }
}

/// Copies of the guide up to 2025 state these limits; not checked again.
fn azure_openai() -> Dialect {
    Dialect {
        id: "azure-openai@2024-10".to_owned(),
        aliases: texts(&["azure"]),
        title: "Azure OpenAI, strict".to_owned(),
        sources: "Azure OpenAI guide up to 2025, api-version 2024-10-21".to_owned(),
        limits: Limits {
            properties: Some(100),
            depth: Some(5),
            enum_values: Some(500),
            enum_characters: Some((250, 7_500)),
            characters: Some(15_000),
            ..Limits::default()
        },
        ..without_bounds(openai())
    }
}

fn openai_fine_tuned() -> Dialect {
    Dialect {
        id: "openai-fine-tuned@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "OpenAI fine-tuned models, strict".to_owned(),
        ..without_bounds(openai())
    }
}

fn without_bounds(dialect: Dialect) -> Dialect {
    let mut rules = dialect.rules.clone();
    rules.patterns = Patterns::Dropped;
    Dialect { keywords: keywords(ENFORCED, &["title"]), formats: Vec::new(), rules, ..dialect }
}

/// Structured output and strict tools of Anthropic.
fn anthropic() -> Dialect {
    let base = openai();
    Dialect {
        id: "anthropic-strict@2026-08".to_owned(),
        aliases: texts(&["anthropic"]),
        title: "Anthropic structured output and strict tools".to_owned(),
        sources: "Anthropic structured-outputs guide 2026; anthropic-sdk-python 2.14".to_owned(),
        keywords: keywords(ENFORCED, &["pattern", "format", "minItems", "title", "default"]),
        formats: texts(&[&NINE_FORMATS[..], &["uri"]].concat()),
        rules: Rules {
            optional: Optional::Kept,
            siblings: Siblings::Inline,
            recursion: Recursion::Unrolled,
            patterns: Patterns::Simple,
            min_items_max: Some(1),
            required_first: true,
            ..base.rules
        },
        limits: Limits { optional: Some(24), unions: Some(16), strict_tools: Some(20), ..Limits::default() },
        names: Names {
            tool_length_max: 128,
            property_punctuation: Some("_.-".to_owned()),
            property_length_max: Some(64),
            ..common_names()
        },
        tool: Some(ToolEnvelope::Anthropic),
        answer: Some(AnswerEnvelope::Anthropic),
    }
}

/// Tools that are not strict: the schema is read by the model and bound by nothing, so nothing need be taken out of it.
fn anthropic_tools() -> Dialect {
    let strict = anthropic();
    Dialect {
        id: "anthropic-tools@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "Anthropic tools, not strict".to_owned(),
        names: strict.names,
        tool: Some(ToolEnvelope::AnthropicPlain),
        answer: None,
        ..mcp()
    }
}

fn bedrock() -> Dialect {
    Dialect {
        id: "bedrock-converse@2026-02".to_owned(),
        aliases: texts(&["bedrock"]),
        title: "Amazon Bedrock Converse with Claude, strict".to_owned(),
        sources: "Bedrock documentation 2026-02; as Anthropic".to_owned(),
        names: Names { tool_length_max: 64, ..anthropic().names },
        tool: Some(ToolEnvelope::Bedrock),
        answer: Some(AnswerEnvelope::Bedrock),
        ..anthropic()
    }
}

/// `responseJsonSchema` and `parametersJsonSchema` of Gemini.
fn gemini() -> Dialect {
    let base = openai();
    Dialect {
        id: "gemini-json@2026-08".to_owned(),
        aliases: texts(&["gemini"]),
        title: "Gemini, JSON Schema".to_owned(),
        sources: "google-genai 3.6; Gemini documentation".to_owned(),
        keywords: also(
            keywords(ENFORCED, &["format", "minimum", "maximum", "minItems", "maxItems"]),
            ACCEPTED,
            &["pattern", "minLength", "maxLength", "multipleOf", "uniqueItems", "default"],
        ),
        formats: texts(&["date", "time", "date-time"]),
        rules: Rules {
            root_must_be_object: false,
            optional: Optional::Kept,
            maps: Maps::Kept,
            constants: false,
            typed_enums: true,
            siblings: Siblings::Inline,
            recursion: Recursion::ThroughOptional,
            tuples: Tuples::Kept,
            patterns: Patterns::Dropped,
            inclusive_bounds: true,
            ..base.rules
        },
        limits: Limits::default(),
        names: Names {
            tool_punctuation: "_.:-".to_owned(),
            tool_begins_with_letter: true,
            tool_length_max: 128,
            ..common_names()
        },
        tool: Some(ToolEnvelope::GeminiJson),
        answer: Some(AnswerEnvelope::GeminiJson),
    }
}

/// `responseSchema` and `parameters` of Gemini: a subset of OpenAPI's schema object.
fn gemini_openapi() -> Dialect {
    let base = gemini();
    Dialect {
        id: "gemini-openapi@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "Gemini, OpenAPI subset".to_owned(),
        keywords: keywords(ENFORCED, &["format", "minimum", "maximum", "minItems", "maxItems"]),
        formats: texts(&["enum", "date-time", "int32", "int64", "float", "double"]),
        rules: Rules {
            closed: Closed::Implied,
            maps: Maps::Pairs,
            enum_values: EnumValues::Strings,
            null: Null::Flag,
            references: References::Inline,
            recursion: Recursion::Unrolled,
            tuples: Tuples::Union,
            property_ordering: true,
            ..base.rules
        },
        tool: Some(ToolEnvelope::GeminiOpenApi),
        answer: Some(AnswerEnvelope::GeminiOpenApi),
        ..gemini()
    }
}

/// `format` of Ollama, which is llama.cpp's schema converter.
fn ollama() -> Dialect {
    let base = openai();
    Dialect {
        id: "ollama-format@2026-08".to_owned(),
        aliases: texts(&["ollama", "llama.cpp"]),
        title: "Ollama and llama.cpp, format".to_owned(),
        sources: "llama.cpp's converter, compiled and run; ollama 2026-08".to_owned(),
        keywords: also(
            keywords(
                ENFORCED,
                &[
                    "pattern",
                    "format",
                    "minLength",
                    "maxLength",
                    "minimum",
                    "maximum",
                    "exclusiveMinimum",
                    "exclusiveMaximum",
                    "minItems",
                    "maxItems",
                ],
            ),
            ACCEPTED,
            &["title", "default"],
        ),
        formats: texts(&["date", "time", "date-time", "uuid"]),
        rules: Rules {
            root_must_be_object: false,
            optional: Optional::Kept,
            maps: Maps::Kept,
            enum_values: EnumValues::Any,
            siblings: Siblings::Inline,
            patterns: Patterns::Anchored,
            lengths_beside_pattern: false,
            bounds_of_integers_only: true,
            required_first: true,
            ..base.rules
        },
        limits: Limits::default(),
        names: Names { tool_length_max: 128, ..common_names() },
        tool: None,
        answer: Some(AnswerEnvelope::Ollama),
    }
}

/// Tools of Ollama: the server decodes them into a few known fields, and all else vanishes.
fn ollama_tools() -> Dialect {
    let base = ollama();
    Dialect {
        id: "ollama-tools@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "Ollama tools".to_owned(),
        sources: "ollama's server, source of 2026-08".to_owned(),
        keywords: BTreeMap::new(),
        formats: Vec::new(),
        rules: Rules {
            root_must_be_object: true,
            closed: Closed::Implied,
            maps: Maps::Pairs,
            constants: false,
            typed_enums: true,
            enum_values: EnumValues::Scalars,
            references: References::Inline,
            recursion: Recursion::Unrolled,
            patterns: Patterns::Dropped,
            ..base.rules
        },
        tool: Some(ToolEnvelope::OpenAiChatPlain),
        answer: None,
        ..ollama()
    }
}

fn mistral() -> Dialect {
    Dialect {
        id: "mistral@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "Mistral, strict".to_owned(),
        sources: "mistralai 3.7; keywords not published, so those that all have".to_owned(),
        tool: Some(ToolEnvelope::OpenAiChat),
        answer: Some(AnswerEnvelope::OpenAiChat),
        ..minimal()
    }
}

fn cohere() -> Dialect {
    Dialect {
        id: "cohere@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "Cohere v2".to_owned(),
        sources: "cohere 7.3; keywords not found in full, so those that all have".to_owned(),
        tool: Some(ToolEnvelope::OpenAiChatPlain),
        answer: Some(AnswerEnvelope::Cohere),
        ..minimal()
    }
}

/// Tools of the Model Context Protocol: any JSON Schema of 2020-12 under an object at the root.
fn mcp() -> Dialect {
    let base = openai();
    let every = [
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "propertyNames",
        "patternProperties",
        "dependentRequired",
        "title",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "contentEncoding",
        "contentMediaType",
    ];
    Dialect {
        id: "mcp-tools@2026-07-28".to_owned(),
        aliases: texts(&["mcp"]),
        title: "Model Context Protocol, tools".to_owned(),
        sources: "MCP specification 2026-07-28".to_owned(),
        keywords: keywords(ENFORCED, &every),
        formats: Vec::new(),
        rules: Rules {
            optional: Optional::Kept,
            closed: Closed::AsRegistered,
            maps: Maps::Kept,
            one_of: true,
            enum_values: EnumValues::Any,
            siblings: Siblings::Kept,
            tuples: Tuples::Kept,
            patterns: Patterns::Kept,
            untyped: true,
            ..base.rules
        },
        limits: Limits::default(),
        names: Names { tool_punctuation: "_.-".to_owned(), tool_length_max: 128, ..common_names() },
        tool: Some(ToolEnvelope::Mcp),
        answer: Some(AnswerEnvelope::Bare),
    }
}

/// xgrammar, as vLLM and SGLang use it.
fn xgrammar() -> Dialect {
    let base = openai();
    Dialect {
        id: "xgrammar@0.2".to_owned(),
        aliases: texts(&["vllm", "sglang"]),
        title: "xgrammar in vLLM and SGLang".to_owned(),
        sources: "xgrammar 0.2.9, run; vLLM's backend of 2026".to_owned(),
        keywords: keywords(
            ENFORCED,
            &[
                "pattern",
                "format",
                "minLength",
                "maxLength",
                "minimum",
                "maximum",
                "exclusiveMinimum",
                "exclusiveMaximum",
                "minItems",
                "maxItems",
                "title",
            ],
        ),
        formats: texts(&NINE_FORMATS),
        rules: Rules {
            root_must_be_object: false,
            optional: Optional::Kept,
            maps: Maps::Kept,
            enum_values: EnumValues::Any,
            siblings: Siblings::Inline,
            patterns: Patterns::Anchored,
            lengths_beside_pattern: false,
            tuples: Tuples::Object,
            ..base.rules
        },
        limits: Limits::default(),
        names: common_names(),
        tool: Some(ToolEnvelope::OpenAiChat),
        answer: Some(AnswerEnvelope::OpenAiChat),
    }
}

/// llguidance: what it cannot enforce it refuses.
fn llguidance() -> Dialect {
    let base = openai();
    Dialect {
        id: "llguidance@1.9".to_owned(),
        aliases: Vec::new(),
        title: "llguidance".to_owned(),
        sources: "llguidance 1.9.1, run".to_owned(),
        formats: texts(&[&NINE_FORMATS[..], &["uri"]].concat()),
        rules: Rules {
            root_must_be_object: false,
            optional: Optional::Kept,
            maps: Maps::Kept,
            enum_values: EnumValues::Any,
            siblings: Siblings::Inline,
            tuples: Tuples::Kept,
            ..base.rules
        },
        limits: Limits::default(),
        answer: Some(AnswerEnvelope::Bare),
        tool: None,
        ..openai()
    }
}

/// What every provider accepts: for those whose rules are not published.
fn minimal() -> Dialect {
    let base = openai();
    Dialect {
        id: "minimal@2026-08".to_owned(),
        aliases: Vec::new(),
        title: "The least that all accept".to_owned(),
        sources: "the tables of all dialects".to_owned(),
        keywords: BTreeMap::new(),
        formats: Vec::new(),
        rules: Rules {
            optional: Optional::Kept,
            constants: false,
            typed_enums: true,
            siblings: Siblings::Inline,
            recursion: Recursion::Unrolled,
            patterns: Patterns::Dropped,
            required_first: true,
            ..base.rules
        },
        limits: Limits { depth: Some(5), ..Limits::default() },
        names: Names {
            tool_begins_with_letter: true,
            property_punctuation: Some("_.-".to_owned()),
            property_length_max: Some(64),
            ..common_names()
        },
        tool: Some(ToolEnvelope::OpenAiChatPlain),
        answer: Some(AnswerEnvelope::Bare),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_found_by_each_of_its_names_and_has_a_date() {
        for dialect in all() {
            assert_eq!(find(&dialect.id).map(|found| &found.id), Some(&dialect.id));
            assert!(dialect.id.contains('@'), "{}", dialect.id);
            for alias in &dialect.aliases {
                assert_eq!(find(alias).map(Dialect::kind), Some(dialect.kind()));
            }
        }
        assert!(find("nobody").is_none());
    }

    #[test]
    fn a_dialect_goes_through_configuration_unchanged() {
        for dialect in all() {
            let text = serde_json::to_string(dialect).unwrap();
            assert_eq!(&serde_json::from_str::<Dialect>(&text).unwrap(), dialect);
        }
    }

    #[test]
    fn names_are_judged() {
        let openai = find("openai").unwrap();
        assert!(openai.allows_tool_name("get_weather-2"));
        for name in ["", "my tool!", "a.b", &"x".repeat(65), "w\u{435}ather"] {
            assert!(!openai.allows_tool_name(name), "{name}");
        }
        let gemini = find("gemini").unwrap();
        assert!(gemini.allows_tool_name("a.b:c") && !gemini.allows_tool_name("1a"));
        let anthropic = find("anthropic").unwrap();
        assert!(anthropic.allows_property_name("a.b-c") && !anthropic.allows_property_name("filter[id]"));
    }
}
