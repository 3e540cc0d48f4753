//! Schemas in families: two schemas of one family are compatible in both directions, two of different families in neither. This holds
//! by construction, so that no checker ever asks the product's engine.

use crate::schemas::{Content, Format};

/// Families that contents fall into.
pub const FAMILIES: u32 = 3;

/// The family of a content.
pub fn family(content: u32) -> u32 {
    content % FAMILIES
}

/// The format of a subject, fixed by the subject's number.
pub fn format_of(number: u64) -> Format {
    if number.is_multiple_of(3) { Format::Protobuf } else { Format::Avro }
}

/// The schema of a content in a subject; unique over all subjects of a run.
pub fn schema(subject: &str, format: Format, content: u32) -> Content {
    let name = format!("{}_{content}", subject.replace('-', "_"));
    let text = match format {
        Format::Avro => avro_text(&name, content),
        // No checker of ours uses JSON Schema here: what a new property means depends on the content model.
        Format::Protobuf | Format::Json => protobuf_text(&name, content),
    };
    let format = if format == Format::Json { Format::Protobuf } else { format };
    Content { format, sent: text.clone(), canonical: text, references: Vec::new() }
}

fn avro_text(name: &str, content: u32) -> String {
    // Avro promotes neither between these types.
    let kind = ["int", "string", "boolean"][family(content) as usize];
    // The record's name is the same for all; the optional field's name makes the text unique.
    format!(
        "{{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"jepsen\",\"fields\":[{{\"name\":\"x\",\"type\":\"{kind}\"}},\
         {{\"name\":\"u_{name}\",\"type\":[\"null\",\"string\"],\"default\":null}}]}}"
    )
}

fn protobuf_text(name: &str, content: u32) -> String {
    // Three groups of wire types between which no change is compatible.
    let kind = ["int32", "string", "double"][family(content) as usize];
    format!(
        "syntax = \"proto3\";\npackage jepsen;\n\nmessage R {{\n  {kind} x = 1;\n  string u_{name} = {};\n}}\n",
        content + 100
    )
}

/// The content of a schema's text, if it is one of this subject.
pub fn content_of(subject: &str, text: &str) -> Option<u32> {
    let mark = format!("u_{}_", subject.replace('-', "_"));
    let rest = &text[text.find(&mark)? + mark.len()..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_found_again_in_its_text() {
        for format in [Format::Avro, Format::Protobuf] {
            for content in [0, 1, 2, 77] {
                let schema = schema("m-0-12", format, content);
                assert_eq!(content_of("m-0-12", &schema.canonical), Some(content));
                assert_eq!(content_of("m-0-1", &schema.canonical), None);
            }
        }
    }
}
