//! Tool sets: one order, the same bytes each time, pins that notice a change, and budgets of a whole request.

#![allow(clippy::unwrap_used, reason = "a test panics where it is surprised")]

use llm::toolset::{Change, ToolSet};
use llm::{Options, dialects};
use proptest::prelude::*;
use serde_json::{Value, json};

fn tool(name: &str, property: &str) -> Value {
    json!({"name": name, "description": format!("Does {name}"), "inputSchema": {"type": "object",
        "properties": {property: {"type": "string"}}, "required": [property], "additionalProperties": false}})
}

fn set(tools: &[Value]) -> ToolSet {
    ToolSet::read(&json!({"tools": tools})).unwrap()
}

#[test]
fn every_provider_gets_its_own_array_in_the_order_of_names() {
    let set = set(&[tool("write", "b"), tool("read", "a")]);
    for dialect in dialects::all().iter().filter(|dialect| dialect.tool.is_some()) {
        let listed = set.listed(dialect, &Options::default()).unwrap();
        let text = listed.to_string();
        assert_eq!(listed.as_array().map(Vec::len), Some(2), "{}", dialect.id);
        assert!(text.find("Does read") < text.find("Does write"), "{}: {text}", dialect.id);
    }
    let mcp = set.listed(dialects::find("mcp").unwrap(), &Options::default()).unwrap();
    assert_eq!(mcp[0]["inputSchema"], tool("read", "a")["inputSchema"]);
}

#[test]
fn a_tool_that_changed_since_it_was_pinned_is_named() {
    let pinned = set(&[tool("a", "x"), tool("b", "x"), tool("c", "x")]).pins();
    let later = set(&[tool("a", "x"), tool("b", "y"), tool("d", "x")]);
    let expected =
        vec![Change::Removed("c".to_owned()), Change::Changed("b".to_owned()), Change::Added("d".to_owned())];
    assert_eq!(later.changes(&pinned), expected);
    assert_ne!(later.pins().digest, pinned.digest);
    assert_eq!(set(&[tool("c", "x"), tool("b", "x"), tool("a", "x")]).changes(&pinned), vec![]);
    let mut hidden = tool("a", "x");
    hidden["description"] = json!("Does a\u{200b}");
    assert_eq!(set(&[hidden, tool("b", "x"), tool("c", "x")]).changes(&pinned), vec![Change::Changed("a".to_owned())]);
}

/// The digests of the standard: over the canonical text of the listed members, and over `name:digest` in order.
#[test]
fn digests_are_those_of_the_canonical_text() {
    let one = set(&[tool("a", "x")]);
    let pins = one.pins();
    assert_eq!(pins.tools["a"], llm::digest(&tool("a", "x")));
    assert_eq!(pins.digest, llm::digest(&json!([format!("a:{}", pins.tools["a"])])));
}

#[test]
fn budgets_are_those_of_the_whole_request() {
    let anthropic = dialects::find("anthropic").unwrap();
    let many: Vec<Value> = (0..21).map(|number| tool(&format!("t{number}"), "a")).collect();
    assert_eq!(set(&many).listed(anthropic, &Options::default()).unwrap_err().code, "limit-strict-tools");
    assert!(set(&many[..20]).listed(anthropic, &Options::default()).is_ok());
    let optional = |name: &str| {
        let properties: Value = (0..13).map(|number| (format!("p{number}"), json!({"type": "string"}))).collect();
        json!({"name": name, "inputSchema": {"type": "object", "properties": properties, "additionalProperties": false}})
    };
    assert_eq!(
        set(&[optional("a"), optional("b")]).listed(anthropic, &Options::default()).unwrap_err().code,
        "limit-optional"
    );
}

#[test]
fn what_is_no_set_is_refused_with_its_place() {
    for (listed, code) in [
        (json!({}), "toolset-malformed"),
        (json!([{"name": "a"}]), "toolset-malformed"),
        (json!([tool("a", "x"), tool("a", "y")]), "name-duplicate"),
    ] {
        assert_eq!(ToolSet::read(&listed).unwrap_err().code, code, "{listed}");
    }
    let refused = set(&[tool("my tool!", "x")]).listed(dialects::find("openai").unwrap(), &Options::default());
    assert_eq!(refused.unwrap_err().code, "name-tool");
    let root = json!({"name": "a", "inputSchema": {"type": "object", "properties": {}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}});
    let refusal = set(&[root]).listed(dialects::find("openai").unwrap(), &Options::default()).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.pointer.as_str()), ("root-union", "/a"));
}

proptest! {
    /// In whatever order the tools come, the bytes are the same.
    #[test]
    fn the_order_in_which_tools_come_does_not_matter(names in prop::collection::btree_set("[a-z]{1,8}", 1..12), seed in any::<u64>()) {
        let ordered: Vec<Value> = names.iter().map(|name| tool(name, "a")).collect();
        let mut mixed = ordered.clone();
        let by = usize::try_from(seed % mixed.len() as u64).unwrap();
        mixed.rotate_left(by);
        if seed & 1 == 1 {
            mixed.reverse();
        }
        let openai = dialects::find("openai").unwrap();
        let (one, other) = (set(&ordered), set(&mixed));
        prop_assert_eq!(one.pins(), other.pins());
        let text = |set: &ToolSet| set.listed(openai, &Options::default()).unwrap().to_string();
        prop_assert_eq!(text(&one), text(&other));
    }
}
