//! Schemas with unique content, whose canonical texts are known by construction.

use proto::rest::ReferenceBody;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// The three formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    Avro,
    Json,
    Protobuf,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Avro, Self::Json, Self::Protobuf];

    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }

    /// The format of a name in the API.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|format| format.name() == name).unwrap_or_else(|| panic!("no format {name}"))
    }
}

/// A schema as it is sent, and as it must be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    pub format: Format,
    pub sent: String,
    pub canonical: String,
    pub references: Vec<ReferenceBody>,
}

impl Content {
    /// The body of a registration or a lookup.
    pub fn request(&self) -> Value {
        let mut body = json!({"schema": self.sent, "schemaType": self.format.name()});
        if !self.references.is_empty() {
            body["references"] = serde_json::to_value(&self.references).expect("references can be printed");
        }
        body
    }
}

/// A schema that nobody has sent before, as long as `number` is new.
pub fn unique(format: Format, number: u64, random: &mut StdRng) -> Content {
    wide(format, number, random.random_range(1..5))
}

/// The same with this many fields.
pub fn wide(format: Format, number: u64, fields: usize) -> Content {
    let (sent, canonical) = match format {
        Format::Avro => avro_texts(number, fields),
        Format::Json => json_schema(number, fields),
        Format::Protobuf => protobuf_texts(number, fields),
    };
    Content { format, sent, canonical, references: Vec::new() }
}

fn avro_texts(number: u64, fields: usize) -> (String, String) {
    let list = |separator: &str| {
        let field = |n| format!("{{\"name\":\"f{n}\",\"type\":[\"null\",\"string\"],\"default\":null}}");
        (0..fields).map(field).collect::<Vec<_>>().join(separator)
    };
    let canonical =
        format!("{{\"type\":\"record\",\"name\":\"R{number}\",\"namespace\":\"jepsen\",\"fields\":[{}]}}", list(","));
    let sent = format!(
        "{{\n  \"name\": \"R{number}\", \"namespace\": \"jepsen\",\n  \"type\": \"record\", \"fields\": [ {} ]\n}}",
        list(" ,\n    ")
    );
    (sent, canonical)
}

fn json_schema(number: u64, fields: usize) -> (String, String) {
    let list = |separator: &str| {
        (0..fields).map(|n| format!("\"f{n}\":{{\"type\":\"string\"}}")).collect::<Vec<_>>().join(separator)
    };
    let canonical = format!("{{\"title\":\"R{number}\",\"type\":\"object\",\"properties\":{{{}}}}}", list(","));
    let sent =
        format!("{{ \"title\": \"R{number}\", \"type\": \"object\",\n \"properties\": {{ {} }} }}\n", list(", "));
    (sent, canonical)
}

fn protobuf_texts(number: u64, fields: usize) -> (String, String) {
    let list = |indent: &str| (0..fields).map(|n| format!("{indent}string f{n} = {};\n", n + 1)).collect::<String>();
    let canonical = format!("syntax = \"proto3\";\npackage jepsen;\n\nmessage R{number} {{\n{}}}\n", list("  "));
    let sent =
        format!("// number {number}\nsyntax = \"proto3\"; package jepsen;\nmessage R{number} {{\n{}}}", list("\t"));
    (sent, canonical)
}
