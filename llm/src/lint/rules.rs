//! Findings in the schema as it was written.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::{Found, words};
use crate::Dialect;
use crate::dialect::{Patterns, Siblings};
use crate::patterns::Features;
use crate::tree::{Object, below, types};

/// From so many enum values in one schema on, Gemini has refused schemas for their states (no number is published).
const STATES_ENUM_VALUES: usize = 200;
/// The same for a bound of an array.
const STATES_ITEMS: u64 = 100;
/// The largest integer up to which every reader of JSON tells neighbours apart.
const EXACT_MAX: i64 = 1 << 53;
/// What a model should write before its conclusion.
const REASONING: &[&str] = &[
    "reasoning",
    "rationale",
    "thinking",
    "thoughts",
    "chain_of_thought",
    "explanation",
    "evidence",
    "analysis",
    "steps",
];
/// Deepest place that is looked at.
const DEPTH_MAX: usize = 128;

struct Walk<'a> {
    dialects: &'a [&'a Dialect],
    found: &'a mut Found,
    /// Descriptions by their text, with the first place.
    descriptions: BTreeMap<String, String>,
    enum_values: usize,
    is_2020: bool,
}

/// Looks at every schema in a tree.
pub(super) fn walk_schema(root: &Value, dialects: &[&Dialect], found: &mut Found) {
    let draft = root.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let is_2020 = draft.contains("2020-12") || draft.contains("2019-09");
    let mut walk = Walk { dialects, found, descriptions: BTreeMap::new(), enum_values: 0, is_2020 };
    walk.lint_schema(root, "", 0);
    if walk.enum_values > STATES_ENUM_VALUES {
        let message = format!("{} enum values may be too many states: use fewer, or texts", walk.enum_values);
        walk.for_gemini("states-risk", "", &message);
    }
}

impl Walk<'_> {
    fn add(&mut self, code: &str, at: &str, message: &str) {
        self.found.add_for(code, at, message, self.dialects);
    }

    fn add_where(&mut self, code: &str, at: &str, message: &str, holds: impl Fn(&Dialect) -> bool) {
        for dialect in self.dialects.iter().filter(|dialect| holds(dialect)) {
            self.found.add(code, at, message, Some(dialect));
        }
    }

    fn for_gemini(&mut self, code: &str, at: &str, message: &str) {
        self.add_where(code, at, message, |dialect| dialect.kind().starts_with("gemini"));
    }

    fn lint_schema(&mut self, schema: &Value, at: &str, depth: usize) {
        let Value::Object(object) = schema else { return };
        if depth > DEPTH_MAX {
            return;
        }
        self.lint_texts(object, at);
        self.lint_reference(object, at);
        self.drafts(object, at);
        self.lint_enumeration(object, at);
        self.text_keywords(object, at);
        self.lint_numbers(object, at);
        self.lint_properties(object, at);
        self.lint_unions(object, at);
        if let Some(bound) = object.get("maxItems").or_else(|| object.get("minItems")).and_then(Value::as_u64)
            && bound > STATES_ITEMS
        {
            self.for_gemini(
                "states-risk",
                at,
                "a large bound of an array may be too many states: leave it away and validate",
            );
        }
        for keyword in ["items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames"] {
            if let Some(child) = object.get(keyword) {
                self.lint_schema(child, &below(at, keyword), depth + 1);
            }
        }
        for keyword in ["anyOf", "oneOf", "allOf", "prefixItems"] {
            for (position, child) in object.get(keyword).and_then(Value::as_array).into_iter().flatten().enumerate() {
                self.lint_schema(child, &format!("{at}/{keyword}/{position}"), depth + 1);
            }
        }
        for keyword in ["properties", "$defs", "definitions", "patternProperties", "dependentSchemas"] {
            for (name, child) in object.get(keyword).and_then(Value::as_object).into_iter().flatten() {
                self.lint_schema(child, &below(&below(at, keyword), name), depth + 1);
            }
        }
    }

    fn lint_texts(&mut self, object: &Object, at: &str) {
        for keyword in ["title", "description", "$comment"] {
            if let Some(text) = object.get(keyword).and_then(Value::as_str) {
                words::judge_words(text, &below(at, keyword), self.dialects, self.found);
            }
        }
        for keyword in ["default", "const", "pattern"] {
            if let Some(text) = object.get(keyword).and_then(Value::as_str) {
                words::find_secret(text, &below(at, keyword), self.dialects, self.found);
            }
        }
        for keyword in ["enum", "examples"] {
            for (position, text) in object.get(keyword).and_then(Value::as_array).into_iter().flatten().enumerate() {
                if let Some(text) = text.as_str() {
                    words::find_secret(text, &format!("{at}/{keyword}/{position}"), self.dialects, self.found);
                }
            }
        }
    }

    fn lint_reference(&mut self, object: &Object, at: &str) {
        let Some(reference) = object.get("$ref").and_then(Value::as_str) else { return };
        if object.keys().any(|keyword| keyword != "$ref" && keyword != "$schema" && keyword != "$defs") {
            let message = "keywords stand beside $ref: some providers refuse that, so the reference is written out or put into an anyOf";
            self.add_where("ref-sibling", at, message, |dialect| dialect.rules.siblings != Siblings::Kept);
        }
        let is_definition = reference == "#"
            || ["#/$defs/", "#/definitions/"]
                .iter()
                .any(|begin| reference.strip_prefix(begin).is_some_and(|name| !name.contains('/')));
        if reference.starts_with("#/") && !is_definition {
            self.add("ref-pointer", at, "the reference leads to no definition: put its target under $defs");
        }
    }

    fn drafts(&mut self, object: &Object, at: &str) {
        if self.is_2020 && object.contains_key("definitions") {
            self.add("draft-mixed", at, "this draft has $defs instead of definitions");
        }
        if object.get("exclusiveMinimum").or_else(|| object.get("exclusiveMaximum")).is_some_and(Value::is_boolean) {
            self.add("draft-mixed", at, "a boolean exclusive bound is of draft 4: write the bound itself there");
        }
        if object.get("required").is_some_and(Value::is_boolean) {
            self.add("draft-mixed", at, "a boolean required is of draft 3: list the names beside properties");
        }
        if self.is_2020 && object.get("items").is_some_and(Value::is_array) {
            self.add("draft-mixed", at, "this draft has prefixItems instead of a list of items");
        }
    }

    fn lint_enumeration(&mut self, object: &Object, at: &str) {
        let Some(values) = object.get("enum").and_then(Value::as_array) else { return };
        self.enum_values += values.len();
        let names = types(object);
        let has_null = values.iter().any(Value::is_null);
        if has_null && !names.is_empty() && !names.iter().any(|name| name == "null") {
            self.add("enum-null-untyped", at, "the enum holds null and the type excludes it: add null to the type");
        }
    }

    fn text_keywords(&mut self, object: &Object, at: &str) {
        if let Some(pattern) = object.get("pattern").and_then(Value::as_str) {
            let place = below(at, "pattern");
            let features = Features::of(pattern);
            if features.looks_around || features.refers_back {
                let message = "the pattern looks around or refers back: say it without, or validate afterwards";
                self.add_where("pattern-lookaround", &place, message, |dialect| {
                    dialect.rules.patterns != Patterns::Kept
                });
            }
            let is_anchored = pattern.starts_with('^') && pattern.ends_with('$');
            if !is_anchored {
                let message = "the pattern is not anchored: begin it with ^ and end it with $";
                self.add_where("pattern-unanchored", &place, message, |dialect| {
                    dialect.rules.patterns == Patterns::Anchored
                });
            }
            if ["\\d", "\\w", "\\s", "\\D", "\\W", "\\S"].iter().any(|class| pattern.contains(class)) {
                let message = "write the class in full, as [0-9]";
                self.add_where("pattern-class-escape", &place, message, |dialect| dialect.kind() == "ollama-format");
            }
            if object.contains_key("minLength") || object.contains_key("maxLength") {
                let message = "say the length in the pattern, as {2,4}";
                self.add_where("pattern-with-length", at, message, |dialect| !dialect.rules.lengths_beside_pattern);
            }
        }
        if let Some(format) = object.get("format").and_then(Value::as_str) {
            let known =
                crate::dialects::all().iter().any(|dialect| dialect.formats.iter().any(|known| known == format));
            if !known {
                let message =
                    format!("no provider enforces the format {format}: say it in a pattern or in the description");
                self.add("format-unknown", &below(at, "format"), &message);
            }
        }
    }

    fn lint_numbers(&mut self, object: &Object, at: &str) {
        let names = types(object);
        if !names.iter().any(|name| name == "integer") {
            return;
        }
        let exceeds = |number: &Number| match number.as_i64() {
            Some(whole) => !(-EXACT_MAX..=EXACT_MAX).contains(&whole),
            None => true,
        };
        for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const"] {
            if let Some(Value::Number(bound)) = object.get(keyword)
                && exceeds(bound)
            {
                let message = "many readers of JSON round integers beyond 2^53: ask for a text of digits";
                self.add("int-range", &below(at, keyword), message);
            }
        }
    }

    fn lint_properties(&mut self, object: &Object, at: &str) {
        let Some(properties) = object.get("properties").and_then(Value::as_object) else { return };
        let place = below(at, "properties");
        let mut conclusions = 0_usize;
        for (name, property) in properties {
            let own = below(&place, name);
            if !name.is_ascii() {
                self.add(
                    "name-nonascii",
                    &own,
                    "letters beyond ASCII may only look like others: write the name in ASCII",
                );
            }
            let message = "the provider refuses the name: ^[a-zA-Z0-9_.-]{1,64}$ is taken by all";
            self.add_where("name-property", &own, message, |dialect| !dialect.allows_property_name(name));
            let lower = name.to_lowercase();
            if REASONING.contains(&lower.as_str()) {
                if conclusions > 0 {
                    let message = "models write in the order of the schema: put it in front of what it leads to";
                    self.add("order-reasoning-late", &own, message);
                }
            } else {
                conclusions += 1;
            }
            let Value::Object(property) = property else { continue };
            match property.get("description").and_then(Value::as_str).map(str::trim) {
                None | Some("") => {
                    if !property.contains_key("$ref") && !property.contains_key("const") {
                        self.add("description-missing", &own, "say in a description what the value is");
                    }
                }
                Some(text) => match self.descriptions.get(text).cloned() {
                    Some(first) => {
                        let message = format!("the description is that of {first}: say what differs");
                        self.add("description-duplicate", &own, &message);
                    }
                    None => {
                        self.descriptions.insert(text.to_owned(), own.clone());
                    }
                },
            }
        }
    }

    /// Unions of objects: is there a constant that tells the branch, and does every branch begin with another key?
    fn lint_unions(&mut self, object: &Object, at: &str) {
        for keyword in ["anyOf", "oneOf"] {
            let branches: Vec<&Object> = object
                .get(keyword)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|branch| branch.get("properties")?.as_object())
                .collect();
            if branches.len() < 2 {
                continue;
            }
            let constant = |property: &Value| {
                property.get("const").is_some()
                    || property.get("enum").and_then(Value::as_array).is_some_and(|values| values.len() == 1)
            };
            let first = branches[0];
            let is_told = first.keys().any(|name| branches.iter().all(|branch| branch.get(name).is_some_and(constant)));
            let is_told_by_key = {
                let mut keys: Vec<_> = branches
                    .iter()
                    .filter(|branch| branch.len() == 1)
                    .filter_map(|branch| branch.keys().next())
                    .collect();
                keys.sort();
                keys.dedup();
                keys.len() == branches.len()
            };
            let place = below(at, keyword);
            if !is_told && !is_told_by_key {
                let message = "give every branch a required property with a constant that no other branch has";
                self.add("discriminator-missing", &place, message);
            }
            let mut keys: Vec<_> = branches.iter().filter_map(|branch| branch.keys().next()).collect();
            let count = keys.len();
            keys.sort();
            keys.dedup();
            // Whoever tells the branches by a constant begins with it in all of them; OpenAI has taken that since.
            if keys.len() < count && !is_told {
                let message = "let every branch begin with another key, or with a constant";
                self.add_where("first-key-shared", &place, message, |dialect| dialect.kind().starts_with("openai"));
            }
        }
    }
}
