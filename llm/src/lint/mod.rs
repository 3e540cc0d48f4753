//! What providers will refuse, lose or misread in a schema, told before a model is given it.
//!
//! Two sources: the projection in each dialect, whose refusals and losses are findings, and a walk over the schema as it was
//! written, for what no projection shows. Equal findings of several dialects are one, with their names.

mod rules;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{Dialect, Options, Refusal, Source};

/// Most findings of one schema; beyond, nobody reads them.
pub const FINDINGS_MAX: usize = 1_000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth to know.
    Note,
    /// It works, and not as it looks.
    Warning,
    /// The request fails.
    Error,
}

/// Every finding that there is: its code, how bad it is, and what it means. `dropped:` stands for all that are dropped.
pub const CATALOGUE: &[(&str, Severity, &str)] = &[
    ("allOf-unmergeable", Severity::Error, "the parts of an allOf cannot be merged into one schema"),
    ("allOf-unsatisfiable", Severity::Error, "the parts of an allOf exclude each other"),
    ("absent-null-merged", Severity::Warning, "absent and null become one"),
    ("array-untyped-items", Severity::Error, "an array says nothing about its items"),
    ("description-duplicate", Severity::Note, "two properties have the same description"),
    ("description-missing", Severity::Note, "a property has no description, so that the model guesses from its name"),
    (
        "description-suspicious",
        Severity::Warning,
        "a description holds hidden characters, a comment of HTML, or instructions to the model",
    ),
    ("dialect-unknown", Severity::Error, "there is no such dialect"),
    ("discriminator-missing", Severity::Warning, "the branches of a union are told apart by no constant"),
    ("draft-mixed", Severity::Warning, "keywords of different drafts stand side by side"),
    ("dropped:", Severity::Warning, "a keyword is not accepted and moves into the description"),
    ("enum-complex", Severity::Error, "an enum holds objects or arrays"),
    ("enum-empty", Severity::Error, "an enum without values allows nothing"),
    ("enum-null-untyped", Severity::Warning, "an enum holds null, and its type does not"),
    (
        "error-result-not-in-output-schema",
        Severity::Note,
        "an error that a tool answers is not described by its output schema",
    ),
    (
        "first-key-shared",
        Severity::Warning,
        "two branches of a union begin with the same key, which OpenAI has refused",
    ),
    ("format-unknown", Severity::Warning, "a format is enforced by none of the dialects"),
    ("free-form-object", Severity::Error, "an object says nothing about its members"),
    ("int-range", Severity::Warning, "an integer may be larger than 2^53, which many readers of JSON round"),
    ("json-string", Severity::Note, "a value becomes a text that holds JSON"),
    ("limit-chars", Severity::Error, "too many characters of names and values"),
    ("limit-depth", Severity::Error, "too many levels"),
    ("limit-enum-chars", Severity::Error, "too many characters in one enum"),
    ("limit-enums", Severity::Error, "too many enum values"),
    ("limit-optional", Severity::Error, "too many optional properties"),
    ("limit-props", Severity::Error, "too many properties"),
    ("limit-size", Severity::Error, "the schema is too large when written out"),
    ("limit-strict-tools", Severity::Error, "too many strict tools in one request"),
    ("limit-unions", Severity::Error, "too many properties with a union of types"),
    ("map-as-pairs", Severity::Note, "a map becomes an array of pairs"),
    ("map-with-properties", Severity::Error, "a map stands beside fixed properties"),
    ("name-duplicate", Severity::Error, "two tools of a set have one name"),
    ("name-nonascii", Severity::Warning, "a name has characters beyond ASCII, which may only look like letters"),
    ("name-property", Severity::Error, "a property has a name that the provider refuses"),
    ("name-tool", Severity::Error, "a tool has a name that the provider refuses"),
    ("oneOf-overlap", Severity::Warning, "the branches of a oneOf may overlap, and become an anyOf"),
    ("open-object-closed", Severity::Note, "an open object is closed"),
    ("order-reasoning-late", Severity::Note, "what the model should write first comes after what depends on it"),
    (
        "output-schema-not-object",
        Severity::Warning,
        "the output of a tool is no object, and old clients lose all tools then",
    ),
    ("pattern-class-escape", Severity::Warning, "llama.cpp takes any text where a pattern has \\d, \\w or \\s"),
    ("pattern-lookaround", Severity::Warning, "a pattern looks around or refers back, which engines do not"),
    (
        "pattern-unanchored",
        Severity::Warning,
        "a pattern is not anchored, and engines read it as if it were, or not at all",
    ),
    ("pattern-with-length", Severity::Warning, "a length beside a pattern is not enforced"),
    ("recursion-required", Severity::Error, "a schema refers to itself through required properties only"),
    ("recursion-unrolled", Severity::Warning, "a schema that refers to itself is written out to a limited depth"),
    ("ref-dangling", Severity::Error, "a reference leads nowhere"),
    ("ref-external", Severity::Error, "a reference leads outside, and nothing is fetched"),
    ("ref-pointer", Severity::Note, "a reference leads to no definition, and is written out"),
    ("ref-sibling", Severity::Note, "keywords stand beside a reference"),
    ("root-not-object", Severity::Note, "the root is no object, and is wrapped in one"),
    ("root-union", Severity::Error, "the root is an object with a union"),
    ("secret-in-schema", Severity::Warning, "a text looks like a secret"),
    ("states-risk", Severity::Warning, "Gemini may refuse the schema for its many states"),
    ("toolset-malformed", Severity::Error, "what was given is no list of tools"),
    ("tuple-as-object", Severity::Note, "a tuple becomes an object"),
    ("tuple-positions-lost", Severity::Warning, "a tuple becomes an array whose items may stand anywhere"),
    ("type-implied", Severity::Note, "a type that only keywords imply is written"),
    (
        "union-ambiguous",
        Severity::Warning,
        "branches of a union look alike in JSON, so that each is written under its name",
    ),
    ("untyped", Severity::Error, "a schema says nothing about the value"),
];

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// As in [`CATALOGUE`].
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// Where: in the schema as a JSON pointer; for what a projection loses, in a value, as [`crate::Loss::pointer`].
    pub pointer: String,
    /// What is wrong, and what to write instead.
    pub message: String,
    /// The dialects that it holds for.
    pub dialects: Vec<String>,
}

/// What is known of the tool or answer besides its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The name of the tool.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
}

/// How bad a code is.
pub fn severity_of(code: &str) -> Severity {
    let known = CATALOGUE.iter().find(|(known, ..)| *known == code);
    match (known, code.strip_prefix("dropped:")) {
        (Some((_, severity, _)), _) => *severity,
        // What only describes is told anyway.
        (None, Some(keyword)) if crate::tree::is_annotation(keyword) => Severity::Note,
        (None, _) => Severity::Warning,
    }
}

/// Everything that is found in a schema for these dialects, the worst first, then by place.
pub fn lint(source: &Source, dialects: &[&Dialect], options: &Options, about: &About) -> Vec<Finding> {
    let mut found = Found::default();
    let tree = source.as_json_schema(options.int64);
    for dialect in dialects {
        found.of_projection(source, dialect, options);
        if let Some(name) = &about.name
            && dialect.tool.is_some()
            && !dialect.allows_tool_name(name)
        {
            let message = format!("\"{name}\" is refused: ^[a-zA-Z_][a-zA-Z0-9_-]{{0,63}}$ is taken by all");
            found.add("name-tool", "", &message, Some(dialect));
        }
    }
    if let Some(name) = &about.name
        && !name.is_ascii()
    {
        found.add_for("name-nonascii", "", "write the name of the tool in ASCII", dialects);
    }
    if let Some(description) = &about.description {
        words::judge_words(description, "", dialects, &mut found);
    }
    if let Ok(tree) = &tree {
        // Avro and Protobuf have no place in the schema that was written: theirs is that of their JSON Schema.
        rules::walk_schema(tree, dialects, &mut found);
        if source.has_ambiguous_union() {
            found.add_for("union-ambiguous", "", "give the branches of the union types that differ in JSON", dialects);
        }
    }
    found.listed()
}

/// Findings on their way, equal ones of several dialects together.
#[derive(Default)]
struct Found(BTreeMap<(String, String, String), Vec<String>>);

impl Found {
    fn add(&mut self, code: &str, pointer: &str, message: &str, dialect: Option<&Dialect>) {
        let key = (code.to_owned(), pointer.to_owned(), message.to_owned());
        if self.0.len() >= FINDINGS_MAX && !self.0.contains_key(&key) {
            return;
        }
        let names = self.0.entry(key).or_default();
        if let Some(dialect) = dialect
            && names.last() != Some(&dialect.id)
        {
            names.push(dialect.id.clone());
        }
    }

    fn add_for(&mut self, code: &str, pointer: &str, message: &str, dialects: &[&Dialect]) {
        for dialect in dialects {
            self.add(code, pointer, message, Some(dialect));
        }
    }

    fn of_projection(&mut self, source: &Source, dialect: &Dialect, options: &Options) {
        match source.project(dialect, options) {
            Ok(projection) => {
                for loss in &projection.losses {
                    self.add(&loss.code, &loss.pointer, &loss.message, Some(dialect));
                }
                if projection.inverse.marks().iter().any(|mark| mark == "unwrap@") {
                    let message =
                        "the root is wrapped in an object with the property value: make it an object of your own";
                    self.add("root-not-object", "", message, Some(dialect));
                }
            }
            // The budgets name their dialect, so that each is a finding of its own.
            Err(Refusal { code, pointer, message }) => self.add(&code, &pointer, &message, Some(dialect)),
        }
    }

    fn listed(self) -> Vec<Finding> {
        let mut listed: Vec<Finding> = self
            .0
            .into_iter()
            .map(|((code, pointer, message), dialects)| {
                let severity = severity_of(&code);
                Finding { code, severity, pointer, message, dialects }
            })
            .collect();
        listed.sort_by(|a, b| {
            b.severity.cmp(&a.severity).then_with(|| (&a.pointer, &a.code).cmp(&(&b.pointer, &b.code)))
        });
        listed
    }
}

/// Findings as SARIF 2.1.0, for the tools that show those of compilers.
pub fn sarif(findings: &[Finding], version: &str) -> Value {
    let level = |severity: Severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let rules = CATALOGUE.iter().map(|(code, severity, meaning)| {
        json!({"id": code.trim_end_matches(':'), "shortDescription": {"text": meaning}, "defaultConfiguration": {"level": level(*severity)}})
    });
    let results = findings.iter().map(|finding| {
        let rule = finding.code.split(':').next().unwrap_or_default();
        json!({
            "ruleId": rule,
            "level": level(finding.severity),
            "message": {"text": finding.message},
            "locations": [{"logicalLocations": [{"fullyQualifiedName": finding.pointer, "kind": "property"}]}],
            "properties": {"code": finding.code, "dialects": finding.dialects},
        })
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "llm-schema-registry", "version": version, "rules": rules.collect::<Vec<_>>()}},
            "results": results.collect::<Vec<_>>(),
        }],
    })
}
