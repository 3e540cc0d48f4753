//! Tool sets: the tools of one request, in one order and byte by byte the same each time, with digests that a client can pin.
//!
//! A set is read from the form that MCP's `tools/list` answers. Tools stand in the order of their names, so that caches of
//! prompts and grammars keep. Digests are SHA-256 over RFC 8785; a tool that differs from a pinned digest has changed behind
//! the back of whoever approved it.

use std::collections::BTreeMap;

use schema::Format;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::envelope::{self, Described};
use crate::{Dialect, Options, Refusal, Source, digest};

/// Most tools of one set; providers take far fewer.
pub const TOOLS_MAX: usize = 1_000;

/// One tool, as MCP describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// How the model calls it.
    pub name: String,
    /// For a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it takes.
    pub input_schema: Value,
    /// What it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Hints of what it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}

impl Tool {
    /// `sha256:` over the canonical text of all that it says.
    pub fn digest(&self) -> String {
        digest(&json!(self))
    }
}

/// The tools of one request, in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSet {
    tools: Vec<Tool>,
}

/// What a client has pinned: the digest of the set, and of each tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// Of the set.
    pub digest: String,
    /// Of each tool, by name.
    pub tools: BTreeMap<String, String>,
}

/// What differs from what was pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "code", content = "tool")]
pub enum Change {
    /// The tool was not there.
    #[serde(rename = "TOOL_ADDED")]
    Added(String),
    /// The tool is no longer there; a new name is a removal and an addition.
    #[serde(rename = "TOOL_REMOVED")]
    Removed(String),
    /// The tool says something else than what was approved.
    #[serde(rename = "TOOL_CHANGED")]
    Changed(String),
}

impl ToolSet {
    /// The set of the tools of a `tools/list` answer, or of a list of them.
    ///
    /// # Errors
    /// `toolset-malformed` for what is no list of tools, `name-duplicate` for two of one name.
    pub fn read(listed: &Value) -> Result<Self, Refusal> {
        let malformed = |message: String| Refusal::new("toolset-malformed", "", message);
        let list = ["/result/tools", "/tools"].iter().find_map(|place| listed.pointer(place)).unwrap_or(listed);
        let Value::Array(list) = list else {
            return Err(malformed("a list of tools is wanted, as tools/list of MCP answers it".to_owned()));
        };
        if list.len() > TOOLS_MAX {
            return Err(malformed(format!("the set has {} tools, and may have {TOOLS_MAX}", list.len())));
        }
        let mut tools = Vec::new();
        for (position, tool) in list.iter().enumerate() {
            let tool: Tool = serde_json::from_value(tool.clone())
                .map_err(|problem| malformed(format!("the tool at position {position} is none: {problem}")))?;
            tools.push(tool);
        }
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = tools.windows(2).find(|pair| pair[0].name == pair[1].name) {
            let message = format!("two tools are called {}: a model cannot tell them apart", pair[0].name);
            return Err(Refusal::new("name-duplicate", &format!("/{}", pair[0].name), message));
        }
        Ok(Self { tools })
    }

    /// The tools, in the order of their names.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// What a client pins.
    pub fn pins(&self) -> Pins {
        let tools: BTreeMap<String, String> =
            self.tools.iter().map(|tool| (tool.name.clone(), tool.digest())).collect();
        let listed: Vec<String> = tools.iter().map(|(name, digest)| format!("{name}:{digest}")).collect();
        Pins { digest: digest(&json!(listed)), tools }
    }

    /// What differs from what was pinned, by name.
    pub fn changes(&self, pinned: &Pins) -> Vec<Change> {
        let own = self.pins().tools;
        let removed = pinned.tools.keys().filter(|name| !own.contains_key(*name)).cloned().map(Change::Removed);
        let others = own.iter().filter_map(|(name, digest)| match pinned.tools.get(name) {
            None => Some(Change::Added(name.clone())),
            Some(known) if known != digest => Some(Change::Changed(name.clone())),
            Some(_) => None,
        });
        removed.chain(others).collect()
    }

    /// The tools as a dialect lists them in a request.
    ///
    /// # Errors
    /// The [`Refusal`] of a tool, with its name in front of the place; `limit-strict-tools`, `limit-optional` and
    /// `limit-unions` where all tools together are more than a request may hold.
    pub fn listed(&self, dialect: &Dialect, options: &Options) -> Result<Value, Refusal> {
        let mut listed = Vec::new();
        let (mut optional, mut unions) = (0, 0);
        for tool in &self.tools {
            let within = |refusal: Refusal| {
                let pointer = format!("/{}{}", tool.name, refusal.pointer);
                Refusal { pointer, ..refusal }
            };
            let source = Source::parse(Format::Json, &tool.input_schema.to_string(), &[])
                .map_err(|error| within(Refusal::new("toolset-malformed", "", error.to_string())))?;
            let projection = source.project(dialect, options).map_err(within)?;
            optional += projection.stats.optional;
            unions += projection.stats.unions;
            let described = Described { name: &tool.name, description: tool.description.as_deref() };
            let mut written = envelope::tool(dialect, described, &projection.schema).map_err(within)?;
            if dialect.tool == Some(crate::dialect::ToolEnvelope::Mcp) {
                let members: Map<String, Value> = [
                    ("title", tool.title.as_ref().map(|title| json!(title))),
                    ("outputSchema", tool.output_schema.clone()),
                    ("annotations", tool.annotations.clone()),
                ]
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
                .collect();
                if let Some(written) = written.as_object_mut() {
                    written.extend(members);
                }
            }
            listed.push(written);
        }
        let limits = &dialect.limits;
        for (code, what, found, allowed) in [
            ("limit-strict-tools", "strict tools", listed.len() as u64, limits.strict_tools),
            ("limit-optional", "optional properties", optional, limits.optional),
            ("limit-unions", "properties with a union of types", unions, limits.unions),
        ] {
            if let Some(allowed) = allowed.filter(|allowed| found > *allowed) {
                let message = format!("the set has {found} {what}; a request by {} may have {allowed}", dialect.id);
                return Err(Refusal::new(code, "", message));
            }
        }
        Ok(Value::Array(listed))
    }
}
