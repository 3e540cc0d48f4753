//! Ready requests: what stands around a schema in a tool or as the format of an answer.

use serde_json::{Value, json};

use crate::dialect::{AnswerEnvelope, ToolEnvelope};
use crate::{Dialect, Refusal};

/// What a tool is called and told to be.
#[derive(Debug, Clone, Copy)]
pub struct Described<'t> {
    /// The name, as the model sees it.
    pub name: &'t str,
    /// What it is for.
    pub description: Option<&'t str>,
}

/// A tool with this projected schema as its input.
///
/// # Errors
/// `name-tool` for a name that the provider refuses, `not-offered` where the dialect has no tools.
pub fn tool(dialect: &Dialect, described: Described<'_>, schema: &Value) -> Result<Value, Refusal> {
    let Some(envelope) = dialect.tool else { return Err(not_offered(dialect, "tools")) };
    check_name(dialect, described.name)?;
    let name = described.name;
    let mut tool = match envelope {
        ToolEnvelope::OpenAiChat => {
            json!({"type": "function", "function": {"name": name, "parameters": schema, "strict": true}})
        }
        ToolEnvelope::OpenAiChatPlain => json!({"type": "function", "function": {"name": name, "parameters": schema}}),
        ToolEnvelope::OpenAiResponses => {
            json!({"type": "function", "name": name, "parameters": schema, "strict": true})
        }
        ToolEnvelope::Anthropic => json!({"name": name, "input_schema": schema, "strict": true}),
        ToolEnvelope::AnthropicPlain => json!({"name": name, "input_schema": schema}),
        ToolEnvelope::GeminiJson => json!({"name": name, "parametersJsonSchema": schema}),
        ToolEnvelope::GeminiOpenApi => json!({"name": name, "parameters": schema}),
        ToolEnvelope::Bedrock => json!({"toolSpec": {"name": name, "inputSchema": {"json": schema}, "strict": true}}),
        ToolEnvelope::Mcp => json!({"name": name, "inputSchema": schema}),
    };
    if let Some(description) = described.description {
        let inner = match envelope {
            ToolEnvelope::OpenAiChat | ToolEnvelope::OpenAiChatPlain => &mut tool["function"],
            ToolEnvelope::Bedrock => &mut tool["toolSpec"],
            ToolEnvelope::OpenAiResponses
            | ToolEnvelope::Anthropic
            | ToolEnvelope::AnthropicPlain
            | ToolEnvelope::GeminiJson
            | ToolEnvelope::GeminiOpenApi
            | ToolEnvelope::Mcp => &mut tool,
        };
        inner["description"] = json!(description);
    }
    Ok(tool)
}

/// The part of a request that asks for an answer by this projected schema.
///
/// # Errors
/// As [`tool`].
pub fn answer(dialect: &Dialect, described: Described<'_>, schema: &Value) -> Result<Value, Refusal> {
    let Some(envelope) = dialect.answer else { return Err(not_offered(dialect, "structured answers")) };
    let name = described.name;
    let named =
        matches!(envelope, AnswerEnvelope::OpenAiChat | AnswerEnvelope::OpenAiResponses | AnswerEnvelope::Bedrock);
    if named {
        check_name(dialect, name)?;
    }
    let mut answer = match envelope {
        AnswerEnvelope::OpenAiChat => {
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": true}}})
        }
        AnswerEnvelope::OpenAiResponses => {
            json!({"text": {"format": {"type": "json_schema", "name": name, "schema": schema, "strict": true}}})
        }
        AnswerEnvelope::Anthropic => json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
        AnswerEnvelope::GeminiJson => json!({"responseMimeType": "application/json", "responseJsonSchema": schema}),
        AnswerEnvelope::GeminiOpenApi => json!({"responseMimeType": "application/json", "responseSchema": schema}),
        AnswerEnvelope::Ollama => json!({"format": schema}),
        AnswerEnvelope::Bedrock => json!({"outputConfig": {"textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {"name": name, "schema": schema.to_string()}},
        }}}),
        AnswerEnvelope::Cohere => json!({"response_format": {"type": "json_object", "schema": schema}}),
        AnswerEnvelope::Bare => schema.clone(),
    };
    if let (AnswerEnvelope::OpenAiChat, Some(description)) = (envelope, described.description) {
        answer["response_format"]["json_schema"]["description"] = json!(description);
    }
    Ok(answer)
}

fn check_name(dialect: &Dialect, name: &str) -> Result<(), Refusal> {
    if dialect.allows_tool_name(name) {
        return Ok(());
    }
    Err(Refusal::new(
        "name-tool",
        "",
        format!(
            "\"{name}\" is no name for {}: at most {} letters, digits and {}",
            dialect.id, dialect.names.tool_length_max, dialect.names.tool_punctuation
        ),
    ))
}

fn not_offered(dialect: &Dialect, what: &str) -> Refusal {
    Refusal::new("not-offered", "", format!("{} has no {what}: choose another dialect of the provider", dialect.id))
}
