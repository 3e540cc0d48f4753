//! What a model answered, against the registered contract: is it an answer at all, is it valid, and if not, can it be
//! mended where that is certain?
//!
//! The order is fixed. Refusals and truncation come first, and open brackets are never closed. Then the text around the
//! JSON; a key that stands twice is invalid, because parsers disagree about it. Then the way back to the registered schema,
//! which judges. Only what it finds invalid is mended, in the projected form, and judged again. Each repair has a code, is
//! listed with its place, and can be switched off.

mod mend;
mod response;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use schema::SchemaError;

use crate::{Projection, Registered, Source};

pub use response::{Said, read_response};

/// Most repairs of one answer: more than these, and it is another answer.
pub const REPAIRS_MAX: usize = 100;
/// Most errors that are listed: what is sent back to a model should be short.
pub const ERRORS_MAX: usize = 20;
/// Longest text of an answer, in bytes. The longest outputs of models are some 128,000 tokens.
pub const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Every repair: its code, the first policy that does it, and what it does.
pub const REPAIRS: &[(&str, Policy, &str)] = &[
    ("byte-order-mark", Policy::Safe, "a byte order mark in front is left away"),
    (
        "surrounding-text",
        Policy::Safe,
        "the one fenced block, or the first whole value, is taken out of the text around it",
    ),
    ("trailing-comma", Policy::Safe, "a comma behind the last member or item is left away"),
    ("json-in-text", Policy::Safe, "a text that holds JSON is read where an object or an array is wanted"),
    ("number-in-text", Policy::Safe, "a text that is a number is read where only a number fits"),
    ("boolean-in-text", Policy::Safe, "\"true\" and \"false\" are read where only a truth value fits"),
    ("whole-number", Policy::Safe, "12.0 is written as 12 where an integer is wanted"),
    ("null-as-absent", Policy::Safe, "null is left away where an optional property may not be null"),
    (
        "single-as-array",
        Policy::Lenient,
        "a single value becomes an array of one, where an array of such values is wanted",
    ),
    ("enum-case", Policy::Lenient, "a value of an enum is found whatever its case, if only one fits"),
    ("unknown-key", Policy::Lenient, "a key that a closed object does not have is left away"),
];

/// How far an answer is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Not at all.
    Strict,
    /// Where only one thing can be meant.
    #[default]
    Safe,
    /// Where one thing is most likely meant.
    Lenient,
}

impl Policy {
    /// The policy with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "strict" => Some(Self::Strict),
            "safe" => Some(Self::Safe),
            "lenient" => Some(Self::Lenient),
            _ => None,
        }
    }
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is valid by the registered schema, as it came.
    Valid,
    /// It is valid after repairs.
    Repaired,
    /// It is not valid.
    Invalid,
    /// The model or a filter refused.
    Refused,
    /// It ends in the middle.
    Truncated,
}

/// One repair that was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Repair {
    /// As in [`REPAIRS`].
    pub code: &'static str,
    /// Where in the answer, as a JSON pointer.
    pub pointer: String,
}

/// One thing that is wrong with an answer, short enough to send it back to the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What became of it.
    pub status: Status,
    /// The value in the registered form, if there is one that is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What was mended.
    pub repairs: Vec<Repair>,
    /// What is wrong.
    pub errors: Vec<Fault>,
}

impl Report {
    fn without_value(status: Status, pointer: &str, message: impl Into<String>) -> Self {
        let fault = Fault { pointer: pointer.to_owned(), message: message.into() };
        Self { status, value: None, repairs: Vec::new(), errors: vec![fault] }
    }
}

/// An answer as it came.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// As JSON.
    Value(&'a Value),
    /// As the text that the model wrote.
    Text(&'a str),
    /// As the whole response of a provider.
    Response(&'a Value),
}

/// By what answers are judged, and how far they are mended.
#[derive(Debug, Clone, Copy)]
pub struct Checker<'a> {
    /// The registered schema.
    pub source: &'a Source,
    /// What the model was given.
    pub projection: &'a Projection,
    /// The registered schema as a judge.
    pub registered: &'a Registered,
    /// How far it is mended.
    pub policy: Policy,
    /// Codes of repairs that are not wanted.
    pub without: &'a [String],
}

impl Checker<'_> {
    /// Judges an answer.
    ///
    /// # Errors
    /// [`SchemaError`] for a registered schema that cannot judge.
    pub fn check(&self, answer: Answer<'_>) -> Result<Report, SchemaError> {
        match answer {
            Answer::Value(value) => self.check_value(value, Vec::new()),
            Answer::Text(text) => self.check_text(text),
            Answer::Response(response) => match read_response(response) {
                Said::Refused(why) => Ok(Report::without_value(Status::Refused, "", why)),
                Said::Truncated(why) => Ok(Report::without_value(Status::Truncated, "", why)),
                Said::Nothing(why) => Ok(Report::without_value(Status::Invalid, "", why)),
                Said::Text(text) => self.check_text(&text),
                Said::Value(value) => self.check_value(&value, Vec::new()),
            },
        }
    }

    /// May this repair be made?
    fn may(&self, code: &str) -> bool {
        let policy = REPAIRS.iter().find(|(known, ..)| *known == code).map(|(_, policy, _)| *policy);
        policy.is_some_and(|least| self.policy >= least) && !self.without.iter().any(|unwanted| unwanted == code)
    }

    fn check_text(&self, text: &str) -> Result<Report, SchemaError> {
        match text::read_text(text, |code| self.may(code)) {
            Ok((value, codes)) => {
                let repairs = codes.into_iter().map(|code| Repair { code, pointer: String::new() });
                self.check_value(&value, repairs.collect())
            }
            Err(text::Unreadable::Truncated) => {
                Ok(Report::without_value(Status::Truncated, "", "the text ends before its JSON does"))
            }
            Err(text::Unreadable::Invalid { pointer, message }) => {
                Ok(Report::without_value(Status::Invalid, &pointer, message))
            }
        }
    }

    fn check_value(&self, value: &Value, repairs: Vec<Repair>) -> Result<Report, SchemaError> {
        let judged = self.judge(value)?;
        if let Ok(restored) = judged {
            let status = if repairs.is_empty() { Status::Valid } else { Status::Repaired };
            return Ok(Report { status, value: Some(restored), repairs, errors: Vec::new() });
        }
        let (mended, more) = mend::mend(&self.projection.schema, value.clone(), &|code| self.may(code));
        let again = if more.is_empty() { judged } else { self.judge(&mended)? };
        Ok(match again {
            Ok(restored) => {
                let repairs = repairs.into_iter().chain(more).collect();
                Report { status: Status::Repaired, value: Some(restored), repairs, errors: Vec::new() }
            }
            // The repairs did not make it valid, so none of them was certain.
            Err(errors) => Report { status: Status::Invalid, value: None, repairs: Vec::new(), errors },
        })
    }

    /// The value in the registered form if it is valid, else what is wrong with it.
    fn judge(&self, value: &Value) -> Result<Result<Value, Vec<Fault>>, SchemaError> {
        let restored = match self.source.restore(self.projection, value.clone()) {
            Ok(restored) => restored,
            Err(problem) => return Ok(Err(vec![Fault { pointer: problem.pointer, message: problem.message }])),
        };
        let errors = self.registered.validate(&restored)?;
        if errors.is_empty() {
            return Ok(Ok(restored));
        }
        let faults = errors.into_iter().take(ERRORS_MAX);
        Ok(Err(faults.map(|error| Fault { pointer: error.path, message: error.message }).collect()))
    }
}
