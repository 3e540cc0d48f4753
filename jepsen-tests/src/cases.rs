//! Case files: small sequences of requests with what their answers must be. Data first: this module reads and judges, and sends nothing.
//!
//! `jepsen-tests/cases/README.md` describes the format.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::client::Answer;

/// A sequence of requests that shows one rule.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// The name of the case, unique over all files.
    pub id: String,
    /// The part of the product that the case is about.
    pub area: String,
    /// The rule, and where it comes from.
    #[serde(default)]
    pub why: String,
    /// The requests, in order.
    pub requests: Vec<Request>,
}

/// A request of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// A JSON body.
    pub body: Option<Value>,
    /// A body as it is.
    pub raw: Option<String>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Keeps the answer under this name.
    pub name: Option<String>,
    /// What the answer must be.
    #[serde(default)]
    pub expect: Expect,
}

/// What an answer must be. Whatever is not named is not looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The HTTP status.
    pub status: Option<OneOrMany<u16>>,
    /// The registry's own code.
    pub error_code: Option<OneOrMany<u32>>,
    /// A part of the JSON body; lists must have the same length.
    pub body: Option<Value>,
    /// Fields that must equal kept ones.
    #[serde(default)]
    pub same: BTreeMap<String, String>,
    /// Fields that must not equal kept ones.
    #[serde(default)]
    pub differ: BTreeMap<String, String>,
    /// Regular expressions that the text of the answer must match.
    pub regex: Option<OneOrMany<String>>,
    /// Regular expressions that it must not match.
    pub not_regex: Option<OneOrMany<String>>,
    /// Fields whose text is JSON with this part.
    #[serde(default)]
    pub json: BTreeMap<String, Value>,
    /// The length of the body, or of fields of it.
    pub length: Option<Length>,
    /// Fields that must not be there.
    pub absent: Option<OneOrMany<String>>,
    /// Headers: the value, or a regular expression between slashes.
    #[serde(default)]
    pub header: BTreeMap<String, Option<String>>,
    /// The longest time that the answer may take, in milliseconds.
    pub ms_max: Option<u64>,
    /// A field that all items of the body share, or kept fields that must be equal.
    pub all_same: Option<OneOrMany<String>>,
}

/// One value, or a list of which any (a status, a code) or all (an expression, a field) count.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A length of the whole body, or of its fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Length {
    /// Of the body.
    Body(usize),
    /// Of fields.
    Fields(BTreeMap<String, usize>),
}

/// Reads a case file.
///
/// # Errors
/// The place and the reason where the text is no case file.
pub fn parse_cases(text: &str) -> Result<Vec<Case>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// The answers that a case has kept so far, and its prefix.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    prefix: String,
    answers: BTreeMap<String, Answer>,
}

impl Kept {
    /// Nothing kept yet; `prefix` makes subjects fresh in each run.
    pub fn with_prefix(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), answers: BTreeMap::new() }
    }

    /// Keeps an answer.
    pub fn keep_answer(&mut self, name: &str, answer: Answer) {
        self.answers.insert(name.to_owned(), answer);
    }

    /// The value of `NAME.FIELD`, `NAME.$text` or `p`.
    ///
    /// # Errors
    /// If there is no such answer or field.
    pub fn value_of(&self, reference: &str) -> Result<Value, String> {
        if reference == "p" {
            return Ok(Value::String(self.prefix.clone()));
        }
        let (name, field) = reference.split_once('.').unwrap_or((reference, ""));
        let answer = self.answers.get(name).ok_or_else(|| format!("no answer is kept as {name}"))?;
        field_of(answer, field).ok_or_else(|| format!("the answer {name} has no {field}: {}", answer.text()))
    }

    /// A text with its `${…}` replaced.
    ///
    /// # Errors
    /// If a reference leads nowhere.
    pub fn fill_text(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            filled.push_str(&rest[..start]);
            match self.value_of(&rest[start + 2..start + length])? {
                Value::String(text) => filled.push_str(&text),
                other => filled.push_str(&other.to_string()),
            }
            rest = &rest[start + length + 1..];
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// A JSON value with the `${…}` in its texts replaced; a text that is one reference becomes that value.
    ///
    /// # Errors
    /// If a reference leads nowhere.
    pub fn fill_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => {
                let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                match inner.filter(|inner| !inner.contains(['$', '{', '}']) || inner.ends_with(".$text")) {
                    Some(reference) => self.value_of(reference)?,
                    None => Value::String(self.fill_text(text)?),
                }
            }
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_value(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => {
                let fill = |(name, value): (&String, &Value)| Ok((self.fill_text(name)?, self.fill_value(value)?));
                Value::Object(fields.iter().map(fill).collect::<Result<_, String>>()?)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        })
    }
}

/// A field of an answer: names and numbers separated by dots, `$text` for the whole text, nothing for the whole body.
fn field_of(answer: &Answer, field: &str) -> Option<Value> {
    if field == "$text" {
        return Some(Value::String(answer.text()));
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    lookup_field(&body, field).cloned()
}

fn lookup_field<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').filter(|part| !part.is_empty()).try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => value.get(part),
    })
}

/// Why an answer is not what was expected, one line each.
pub fn unmet_expectations(expect: &Expect, answer: &Answer, took: Duration, kept: &Kept) -> Vec<String> {
    let mut unmet = Vec::new();
    let mut need = |is_met: bool, what: String| unmet.extend((!is_met).then_some(what));
    let text = answer.text();
    if let Some(expected) = &expect.status {
        need(expected.as_slice().contains(&answer.status), format!("status {}, not {expected:?}", answer.status));
    }
    if let Some(expected) = &expect.error_code {
        let code = field_of(answer, "error_code").and_then(|code| code.as_u64()?.try_into().ok()).unwrap_or(0);
        need(expected.as_slice().contains(&code), format!("error code {code}, not {expected:?}"));
    }
    if let Some(expected) = &expect.body {
        let difference = kept.fill_value(expected).and_then(|expected| {
            let body = serde_json::from_slice(&answer.body).map_err(|error| format!("the body is no JSON: {error}"))?;
            is_part_of(&expected, &body, "body")
        });
        need(difference.is_ok(), difference.err().unwrap_or_default());
    }
    for (field, reference) in &expect.same {
        let equal =
            kept.value_of(reference).map(|expected| (field_of(answer, field).as_ref() == Some(&expected), expected));
        match equal {
            Ok((is_equal, expected)) => need(is_equal, format!("{field} is not {expected}, which is {reference}")),
            Err(reason) => need(false, reason),
        }
    }
    for (field, reference) in &expect.differ {
        match kept.value_of(reference) {
            Ok(other) => need(field_of(answer, field) != Some(other), format!("{field} equals {reference}")),
            Err(reason) => need(false, reason),
        }
    }
    for pattern in expect.regex.iter().flat_map(OneOrMany::as_slice) {
        let found = matches_pattern(pattern, &text, kept);
        need(found == Ok(true), format!("the text does not match {pattern:?} {}", found.err().unwrap_or_default()));
    }
    for pattern in expect.not_regex.iter().flat_map(OneOrMany::as_slice) {
        let found = matches_pattern(pattern, &text, kept);
        need(found == Ok(false), format!("the text matches {pattern:?} {}", found.err().unwrap_or_default()));
    }
    for (field, expected) in &expect.json {
        let difference = kept.fill_value(expected).and_then(|expected| {
            let inner = field_of(answer, field).and_then(|inner| inner.as_str().map(str::to_owned));
            let inner = inner.ok_or_else(|| format!("{field} is no text"))?;
            let inner = serde_json::from_str(&inner).map_err(|error| format!("{field} is no JSON text: {error}"))?;
            is_part_of(&expected, &inner, field)
        });
        need(difference.is_ok(), difference.err().unwrap_or_default());
    }
    let lengths: Vec<(&str, usize)> = match &expect.length {
        None => Vec::new(),
        Some(Length::Body(length)) => vec![("", *length)],
        Some(Length::Fields(fields)) => fields.iter().map(|(field, length)| (field.as_str(), *length)).collect(),
    };
    for (field, expected) in lengths {
        let found = field_of(answer, field).and_then(|value| length_of(&value));
        need(found == Some(expected), format!("the length of {field:?} is {found:?}, not {expected}"));
    }
    for field in expect.absent.iter().flat_map(OneOrMany::as_slice) {
        need(field_of(answer, field).is_none(), format!("{field} is there"));
    }
    for (name, expected) in &expect.header {
        let found = answer.header(&name.to_ascii_lowercase());
        let is_met = match expected {
            Some(expected) => found.is_some_and(|found| header_matches(expected, found)),
            None => found.is_none(),
        };
        need(is_met, format!("the header {name} is {found:?}, not {expected:?}"));
    }
    if let Some(most) = expect.ms_max {
        need(took <= Duration::from_millis(most), format!("it took {took:?}, and {most} ms are allowed"));
    }
    match &expect.all_same {
        None => {}
        Some(OneOrMany::One(field)) => {
            let items = field_of(answer, "").and_then(|body| body.as_array().cloned()).unwrap_or_default();
            let mut values = items.iter().map(|item| lookup_field(item, field));
            let first = values.next();
            need(
                first.is_some() && values.all(|value| Some(value) == first),
                format!("not all items have one {field}"),
            );
        }
        Some(OneOrMany::Many(references)) => {
            let values: Result<Vec<_>, _> = references.iter().map(|reference| kept.value_of(reference)).collect();
            let is_met = values.as_ref().is_ok_and(|values| values.windows(2).all(|pair| pair[0] == pair[1]));
            need(is_met, format!("not all of {references:?} are equal: {values:?}"));
        }
    }
    unmet
}

fn length_of(value: &Value) -> Option<usize> {
    match value {
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        Value::String(text) => Some(text.chars().count()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn header_matches(expected: &str, found: &str) -> bool {
    match expected.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(pattern) => Regex::new(pattern).is_ok_and(|regex| regex.is_match(found)),
        None => expected == found,
    }
}

fn matches_pattern(pattern: &str, text: &str, kept: &Kept) -> Result<bool, String> {
    // A pattern may contain `${` only as a reference; `$` alone is the end of the text.
    let pattern = if pattern.contains("${") { kept.fill_text(pattern)? } else { pattern.to_owned() };
    Regex::new(&pattern).map(|regex| regex.is_match(text)).map_err(|error| error.to_string())
}

/// Is a value a part of another? Fields that are not named do not count; lists must have the same length.
fn is_part_of(expected: &Value, found: &Value, place: &str) -> Result<(), String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => expected.iter().try_for_each(|(name, value)| {
            let place = format!("{place}.{name}");
            match found.get(name) {
                Some(found) => is_part_of(value, found, &place),
                None => Err(format!("{place} is not there")),
            }
        }),
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs
                .into_iter()
                .try_for_each(|(at, (expected, found))| is_part_of(expected, found, &format!("{place}.{at}")))
        }
        _ if expected == found => Ok(()),
        _ => Err(format!("{place} is {found}, not {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, body: &str) -> Answer {
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    fn unmet(expect: Value, answer: &Answer, kept: &Kept) -> usize {
        let expect: Expect = serde_json::from_value(expect).unwrap();
        unmet_expectations(&expect, answer, Duration::from_millis(5), kept).len()
    }

    #[test]
    fn every_expectation_can_be_met_and_missed() {
        let mut kept = Kept::with_prefix("c1-");
        kept.keep_answer("a", answer(200, r#"{"id": 7, "schema": "\"int\""}"#));
        let found =
            answer(409, r#"{"id": 7, "error_code": 40901, "list": [{"v": 1}, {"v": 1}], "text": "{\"x\": 1}"}"#);
        for (met, missed) in [
            (json!({"status": [404, 409]}), json!({"status": 200})),
            (json!({"error_code": 40901}), json!({"error_code": [404, 422]})),
            (json!({"body": {"id": "${a.id}"}}), json!({"body": {"id": 8}})),
            (json!({"body": {"list": [{"v": 1}, {}]}}), json!({"body": {"list": [{"v": 1}]}})),
            (json!({"same": {"id": "a.id"}}), json!({"same": {"text": "a.schema"}})),
            (json!({"differ": {"text": "a.schema"}}), json!({"differ": {"id": "a.id"}})),
            (json!({"regex": ["\"id\": 7", "4090\\d"]}), json!({"regex": "id: 8"})),
            (json!({"not_regex": "id: 8"}), json!({"not_regex": ["nothing", "40901"]})),
            (json!({"json": {"text": {"x": 1}}}), json!({"json": {"text": {"x": 2}}})),
            (json!({"length": {"list": 2}}), json!({"length": 2})),
            (json!({"absent": "nothing"}), json!({"absent": ["nothing", "id"]})),
            (json!({"header": {"Content-Type": "/json$/", "Allow": null}}), json!({"header": {"Allow": "GET"}})),
            (json!({"ms_max": 5}), json!({"ms_max": 4})),
            (json!({"all_same": ["a.id", "a.id"]}), json!({"all_same": ["a.id", "a.schema"]})),
        ] {
            assert_eq!(unmet(met.clone(), &found, &kept), 0, "{met}");
            assert_eq!(unmet(missed.clone(), &found, &kept), 1, "{missed}");
        }
        let list = answer(200, r#"[{"id": 1}, {"id": 1}]"#);
        assert_eq!(unmet(json!({"all_same": "id", "length": 2}), &list, &kept), 0);
        let list = answer(200, r#"[{"id": 1}, {"id": 2}]"#);
        assert_eq!(unmet(json!({"all_same": "id"}), &list, &kept), 1);
    }

    #[test]
    fn references_are_filled_in_with_their_type() {
        let mut kept = Kept::with_prefix("c1-");
        kept.keep_answer("a", answer(200, r#"{"id": 7, "schema": "\"int\""}"#));
        let body = json!({"schema": "${a.schema}", "id": "${a.id}", "subject": "${p}s", "all": "${a.$text}"});
        let filled = kept.fill_value(&body).unwrap();
        assert_eq!(filled["schema"], json!("\"int\""));
        assert_eq!(filled["id"], json!(7));
        assert_eq!(filled["subject"], json!("c1-s"));
        assert!(filled["all"].as_str().unwrap().starts_with("{\"id\""));
        assert!(kept.fill_text("/schemas/ids/${b.id}").is_err(), "no such answer");
        assert!(kept.fill_text("/schemas/ids/${a.version}").is_err(), "no such field");
    }

    #[test]
    fn a_misspelt_expectation_is_no_case_file() {
        let text =
            r#"[{"id": "a", "area": "x", "requests": [{"method": "GET", "path": "/", "expect": {"staus": 200}}]}]"#;
        assert!(parse_cases(text).is_err_and(|error| error.contains("staus")));
    }
}
