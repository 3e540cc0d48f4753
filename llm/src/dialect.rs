//! A dialect: what one kind of request to one provider accepts, as data.
//!
//! A dialect has an id with a date, and never changes: a changed rule is a new dialect beside the old one. The ones that
//! ship are in [`crate::dialects`]; operators may read others from configuration, which is why all of it is plain,
//! serialisable data. The functions of this crate know rules, never providers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one kind of request to one provider accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dialect {
    /// The name with the date from which it holds, as `openai-strict@2026-08`.
    pub id: String,
    /// Other names by which the newest dialect of its kind may be asked for.
    pub aliases: Vec<String>,
    /// For a person.
    pub title: String,
    /// Where the rules come from: documentation, source code of an SDK or server, a run of an engine.
    pub sources: String,
    /// What becomes of each keyword; a keyword that is not listed is rejected.
    pub keywords: BTreeMap<String, Support>,
    /// The values of `format` that are enforced.
    pub formats: Vec<String>,
    /// How structures are written.
    pub rules: Rules,
    /// Budgets; what is absent has none.
    pub limits: Limits,
    /// How tools and answer formats may be named.
    pub names: Names,
    /// Around a tool; `None` where there are no tools.
    pub tool: Option<ToolEnvelope>,
    /// Around the schema of a structured answer; `None` where there is none.
    pub answer: Option<AnswerEnvelope>,
}

/// What becomes of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Support {
    /// The provider keeps the model to it.
    Enforced,
    /// It may stand there and does nothing. A constraint like that is told in the description instead.
    Accepted,
    /// The request fails with it.
    Rejected,
}

/// How structures are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// Must the root be an object?
    pub root_must_be_object: bool,
    /// What an optional property becomes.
    pub optional: Optional,
    /// What `additionalProperties: false` is to it.
    pub closed: Closed,
    /// What a map becomes.
    pub maps: Maps,
    /// Is `oneOf` accepted as it is?
    pub one_of: bool,
    /// Is `const` accepted as it is? Else it is an `enum` of one value.
    pub constants: bool,
    /// Must an `enum` have a `type` beside it?
    pub typed_enums: bool,
    /// Which values an `enum` may hold.
    pub enum_values: EnumValues,
    /// How "or null" is written.
    pub null: Null,
    /// What becomes of `$ref`.
    pub references: References,
    /// What becomes of keywords beside `$ref`.
    pub siblings: Siblings,
    /// What becomes of a schema that refers to itself.
    pub recursion: Recursion,
    /// What becomes of a tuple.
    pub tuples: Tuples,
    /// What becomes of regular expressions.
    pub patterns: Patterns,
    /// Are lengths enforced beside a `pattern`?
    pub lengths_beside_pattern: bool,
    /// Are bounds of numbers enforced for integers only?
    pub bounds_of_integers_only: bool,
    /// Are exclusive bounds of integers written as inclusive ones?
    pub inclusive_bounds: bool,
    /// The largest `minItems` that is accepted; `None` for any.
    pub min_items_max: Option<u64>,
    /// Are required properties written before optional ones, because the model writes them in that order anyway?
    pub required_first: bool,
    /// Is the order of properties told in `propertyOrdering`?
    pub property_ordering: bool,
    /// May a schema say nothing about its value (`true`, `{}`, an object or array without content)?
    pub untyped: bool,
}

/// What an optional property becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Optional {
    /// It stays optional.
    Kept,
    /// It becomes required and may be null.
    RequiredNullable,
}

/// What `additionalProperties: false` is to a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Closed {
    /// Written on every object, open ones too.
    Always,
    /// Meant for every object, and never written.
    Implied,
    /// Open objects stay open.
    AsRegistered,
}

/// What a map (an object with any keys) becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Maps {
    /// It stays a map.
    Kept,
    /// An array of objects with `key` and `value`.
    Pairs,
}

/// Which values an `enum` may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EnumValues {
    /// Any value.
    Any,
    /// Strings, numbers, booleans, null.
    Scalars,
    /// Strings.
    Strings,
}

/// How "or null" is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Null {
    /// As one more type.
    Type,
    /// As `nullable: true`.
    Flag,
}

/// What becomes of `$ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum References {
    /// Those that lead to a definition are kept.
    Definitions,
    /// All are replaced by what they lead to.
    Inline,
}

/// What becomes of keywords beside `$ref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Siblings {
    /// The reference moves into an `anyOf` of its own.
    AnyOf,
    /// The reference is replaced by what it leads to.
    Inline,
    /// They stay beside it.
    Kept,
}

/// What becomes of a schema that refers to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Recursion {
    /// It stays.
    Kept,
    /// It stays if each way around passes an optional property or an array.
    ThroughOptional,
    /// It is written out to a limited depth.
    Unrolled,
}

/// What becomes of a tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tuples {
    /// `prefixItems` stays.
    Kept,
    /// An object with the properties `_0`, `_1`, ….
    Object,
    /// An array whose items may be any of the tuple's.
    Union,
}

/// What becomes of regular expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Patterns {
    /// As they are.
    Kept,
    /// As they are, unless they look around or refer back.
    WithoutLookaround,
    /// Only simple ones: neither look-around nor back references nor borders of words.
    Simple,
    /// Written from the beginning to the end of the text, with classes in full.
    Anchored,
    /// Never.
    Dropped,
}

/// Budgets of a projection, and of a request for those that count over all strict schemas of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Most properties in all.
    pub properties: Option<u64>,
    /// Most levels of objects.
    pub depth: Option<u64>,
    /// Most values of all enums together.
    pub enum_values: Option<u64>,
    /// In an enum of more values than the first, most characters of all its texts: the second.
    pub enum_characters: Option<(u64, u64)>,
    /// Most characters of names of properties and definitions, of enum values and constants.
    pub characters: Option<u64>,
    /// Most optional properties in a request.
    pub optional: Option<u64>,
    /// Most properties with a union of types in a request.
    pub unions: Option<u64>,
    /// Most strict tools in a request.
    pub strict_tools: Option<u64>,
}

/// How tools, answer formats and properties may be named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// Characters that a tool's name may hold beside ASCII letters and digits.
    pub tool_punctuation: String,
    /// Must a tool's name begin with a letter or an underscore?
    pub tool_begins_with_letter: bool,
    /// Longest name of a tool.
    pub tool_length_max: usize,
    /// Characters that a property's name may hold beside ASCII letters and digits; `None` for any.
    pub property_punctuation: Option<String>,
    /// Longest name of a property; `None` for any.
    pub property_length_max: Option<usize>,
}

/// Around a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ToolEnvelope {
    /// `{"type":"function","function":{name, description, parameters, strict}}`
    OpenAiChat,
    /// The same without `strict`.
    OpenAiChatPlain,
    /// `{"type":"function", name, description, parameters, strict}`
    OpenAiResponses,
    /// `{name, description, input_schema, strict}`
    Anthropic,
    /// The same without `strict`.
    AnthropicPlain,
    /// `{name, description, parametersJsonSchema}`
    GeminiJson,
    /// `{name, description, parameters}`
    GeminiOpenApi,
    /// `{"toolSpec":{name, description, "inputSchema":{"json": …}, strict}}`
    Bedrock,
    /// `{name, title, description, inputSchema, outputSchema, annotations}`
    Mcp,
}

/// Around the schema of a structured answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerEnvelope {
    /// `{"response_format":{"type":"json_schema","json_schema":{name, description, schema, strict}}}`
    OpenAiChat,
    /// `{"text":{"format":{"type":"json_schema", name, schema, strict}}}`
    OpenAiResponses,
    /// `{"output_config":{"format":{"type":"json_schema", schema}}}`
    Anthropic,
    /// `{"responseMimeType":"application/json","responseJsonSchema": …}`
    GeminiJson,
    /// `{"responseMimeType":"application/json","responseSchema": …}`
    GeminiOpenApi,
    /// `{"format": …}`
    Ollama,
    /// `{"outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{name, schema as a text}}}}}`
    Bedrock,
    /// `{"response_format":{"type":"json_object", schema}}`
    Cohere,
    /// The schema alone.
    Bare,
}

impl Dialect {
    /// What becomes of a keyword.
    pub fn support(&self, keyword: &str) -> Support {
        self.keywords.get(keyword).copied().unwrap_or(Support::Rejected)
    }

    /// The name without its date.
    pub fn kind(&self) -> &str {
        self.id.split_once('@').map_or(&self.id, |(kind, _)| kind)
    }

    /// May a tool have this name?
    pub fn allows_tool_name(&self, name: &str) -> bool {
        let names = &self.names;
        let begins = name
            .chars()
            .next()
            .is_some_and(|first| !names.tool_begins_with_letter || first.is_ascii_alphabetic() || first == '_');
        begins
            && name.len() <= names.tool_length_max
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || names.tool_punctuation.contains(letter))
    }

    /// May a property have this name?
    pub fn allows_property_name(&self, name: &str) -> bool {
        let fits = self.names.property_length_max.is_none_or(|most| name.chars().count() <= most);
        let known = |letter: char, punctuation: &str| letter.is_ascii_alphanumeric() || punctuation.contains(letter);
        let letters = self.names.property_punctuation.as_deref();
        fits && letters.is_none_or(|letters| !name.is_empty() && name.chars().all(|letter| known(letter, letters)))
    }
}
