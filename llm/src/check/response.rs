//! The response of a provider: is it an answer, a refusal, or cut off? Known by its own fields, not by who sent it, so that
//! compatible servers are read, too.

use serde_json::Value;

/// What a response says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The model or a filter refused; why.
    Refused(String),
    /// It was cut off; by what.
    Truncated(String),
    /// There is no answer in it; what was looked for.
    Nothing(String),
    /// An answer as text.
    Text(String),
    /// An answer as JSON, of a tool's input.
    Value(Value),
}

/// Stop reasons of a cut-off answer, as providers spell them, in lower case.
const TRUNCATED: &[&str] =
    &["length", "max_tokens", "max_output_tokens", "model_context_window_exceeded", "error_limit"];
/// Stop reasons of a refusal.
const REFUSED: &[&str] = &[
    "refusal",
    "content_filter",
    "content_filtered",
    "guardrail_intervened",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "image_safety",
    "language",
    "error_toxic",
];
/// Stop reasons after which there is no answer, though the model tried.
const MALFORMED: &[&str] =
    &["malformed_function_call", "unexpected_tool_call", "malformed_model_output", "malformed_tool_use"];

/// Reads a response.
pub fn read_response(response: &Value) -> Said {
    let text = |pointer: &str| response.pointer(pointer).and_then(Value::as_str);
    if let Some(reason) = text("/promptFeedback/blockReason") {
        return Said::Refused(format!("the prompt was blocked: {reason}"));
    }
    let refusal = text("/choices/0/message/refusal").map(str::to_owned).or_else(|| part_of_type(response, "refusal"));
    if let Some(refusal) = refusal {
        return Said::Refused(refusal);
    }
    let reason = [
        "/choices/0/finish_reason",
        "/incomplete_details/reason",
        "/stop_reason",
        "/candidates/0/finishReason",
        "/done_reason",
        "/stopReason",
        "/finish_reason",
    ]
    .into_iter()
    .find_map(text);
    if let Some(reason) = reason {
        let lower = reason.to_lowercase();
        let is = |list: &[&str]| list.contains(&lower.as_str());
        if is(TRUNCATED) {
            return Said::Truncated(format!("the answer was cut off: {reason}"));
        }
        if is(REFUSED) {
            return Said::Refused(format!("the answer was withheld: {reason}"));
        }
        if is(MALFORMED) {
            return Said::Nothing(format!("the model failed to call a tool: {reason}"));
        }
    }
    // Of OpenAI's Responses, which tell no reason of their own.
    if text("/status") == Some("incomplete") {
        return Said::Truncated("the answer is incomplete".to_owned());
    }
    tool_input(response)
        .or_else(|| written(response))
        .unwrap_or_else(|| Said::Nothing("the response holds neither a text nor the input of a tool".to_owned()))
}

/// The parts of an answer, wherever a provider lists them.
fn text_parts(response: &Value) -> Vec<&Value> {
    let lists = ["/content", "/candidates/0/content/parts", "/output/message/content", "/message/content"];
    let mut parts: Vec<&Value> = lists.iter().filter_map(|list| response.pointer(list)?.as_array()).flatten().collect();
    // OpenAI's Responses: items, and messages among them with parts of their own.
    for item in response.get("output").and_then(Value::as_array).into_iter().flatten() {
        parts.push(item);
        parts.extend(item.get("content").and_then(Value::as_array).into_iter().flatten());
    }
    parts
}

fn part_of_type(response: &Value, name: &str) -> Option<String> {
    let part = text_parts(response).into_iter().find(|part| part["type"] == name)?;
    part.get(name)?.as_str().map(str::to_owned)
}

/// The input of the first tool that is called.
fn tool_input(response: &Value) -> Option<Said> {
    let calls = ["/choices/0/message/tool_calls/0/function/arguments", "/message/tool_calls/0/function/arguments"];
    let from_parts = text_parts(response).into_iter().find_map(|part| {
        let named = part.pointer("/functionCall/args").or_else(|| part.pointer("/toolUse/input"));
        named.or_else(|| match part["type"].as_str() {
            Some("tool_use") => part.get("input"),
            Some("function_call") => part.get("arguments"),
            Some(_) | None => None,
        })
    });
    let found = calls.iter().find_map(|call| response.pointer(call)).or(from_parts)?;
    Some(match found {
        Value::String(text) => Said::Text(text.clone()),
        other => Said::Value(other.clone()),
    })
}

/// The text of an answer, its parts joined.
fn written(response: &Value) -> Option<Said> {
    let whole = ["/choices/0/message/content", "/message/content", "/response"];
    if let Some(text) = whole.iter().find_map(|place| response.pointer(place)?.as_str()) {
        return Some(Said::Text(text.to_owned()));
    }
    // What a model thinks aloud is no part of its answer.
    let is_thought = |part: &Value| {
        part["thought"] == true || matches!(part["type"].as_str(), Some("thinking" | "reasoning" | "reasoning_text"))
    };
    let texts: Vec<&str> = text_parts(response)
        .into_iter()
        .filter(|part| !is_thought(part))
        .filter_map(|part| part["text"].as_str())
        .collect();
    if texts.is_empty() { None } else { Some(Said::Text(texts.concat())) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_responses_of_all_providers_are_read() {
        let answer = || Said::Text("{}".to_owned());
        let input = || Said::Value(json!({"a": 1}));
        for (response, expected) in [
            (json!({"choices": [{"finish_reason": "stop", "message": {"content": "{}"}}]}), answer()),
            (
                json!({"choices": [{"finish_reason": "tool_calls", "message": {"content": null, "refusal": null,
                "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}}]}),
                answer(),
            ),
            (
                json!({"status": "completed", "output": [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "{}"}]}]}),
                answer(),
            ),
            (json!({"status": "completed", "output": [{"type": "function_call", "arguments": "{}"}]}), answer()),
            (
                json!({"stop_reason": "tool_use", "content": [{"type": "text", "text": "I call"},
                {"type": "tool_use", "input": {"a": 1}}]}),
                input(),
            ),
            (
                json!({"stop_reason": "end_turn", "content": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "{}"}]}),
                answer(),
            ),
            (
                json!({"candidates": [{"finishReason": "STOP", "content": {"parts": [{"text": "hm", "thought": true}, {"text": "{}"}]}}]}),
                answer(),
            ),
            (
                json!({"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]}}]}),
                input(),
            ),
            (json!({"done_reason": "stop", "message": {"content": "{}"}}), answer()),
            (
                json!({"done_reason": "stop", "message": {"content": "", "tool_calls": [{"function": {"arguments": {"a": 1}}}]}}),
                input(),
            ),
            (
                json!({"stopReason": "tool_use", "output": {"message": {"content": [{"toolUse": {"input": {"a": 1}}}]}}}),
                input(),
            ),
            (json!({"finish_reason": "COMPLETE", "message": {"content": [{"type": "text", "text": "{}"}]}}), answer()),
        ] {
            assert_eq!(read_response(&response), expected, "{response}");
        }
    }

    #[test]
    fn refusals_and_cut_off_answers_are_no_answers() {
        for response in [
            json!({"choices": [{"finish_reason": "stop", "message": {"content": null, "refusal": "No."}}]}),
            json!({"choices": [{"finish_reason": "content_filter", "message": {"content": "{}"}}]}),
            json!({"status": "completed", "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]}),
            json!({"stop_reason": "refusal", "content": []}),
            json!({"candidates": [{"finishReason": "SAFETY"}]}),
            json!({"promptFeedback": {"blockReason": "OTHER"}}),
            json!({"stopReason": "guardrail_intervened", "output": {}}),
        ] {
            assert!(matches!(read_response(&response), Said::Refused(_)), "{response}");
        }
        for response in [
            json!({"choices": [{"finish_reason": "length", "message": {"content": "{}"}}]}),
            json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []}),
            json!({"stop_reason": "max_tokens", "content": [{"type": "text", "text": "{}"}]}),
            json!({"stop_reason": "model_context_window_exceeded", "content": []}),
            json!({"candidates": [{"finishReason": "MAX_TOKENS", "content": {"parts": [{"text": "{}"}]}}]}),
            json!({"done_reason": "length", "message": {"content": "{"}}),
        ] {
            assert!(matches!(read_response(&response), Said::Truncated(_)), "{response}");
        }
        for response in [json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}), json!({}), json!([])] {
            assert!(matches!(read_response(&response), Said::Nothing(_)), "{response}");
        }
    }
}
