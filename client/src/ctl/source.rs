//! Schemas and data from files, for the commands that send them.

use std::io::Read;
use std::path::{Path, PathBuf};

use client::{NewSchema, Reference};
use schema::Format;

use crate::Session;
use crate::fail::CommandError;

/// The schema that a command is about.
#[derive(Debug, clap::Args)]
pub(crate) struct SchemaSource {
    /// The file with its text; - is the standard input.
    #[arg(short, long)]
    pub(crate) file: PathBuf,
    /// AVRO, JSON or PROTOBUF [default: by the file's name: .avsc, .json, .proto].
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// What it refers to, as NAME=SUBJECT:VERSION; may be repeated. VERSION may be latest.
    #[arg(long, value_parser = parse_reference)]
    pub(crate) reference: Vec<Reference>,
    /// A metadata property, as NAME=VALUE; may be repeated.
    #[arg(long, value_parser = parse_property)]
    pub(crate) property: Vec<(String, String)>,
}

impl SchemaSource {
    pub(crate) fn read(&self, session: &Session) -> Result<NewSchema, CommandError> {
        let format = match &self.format {
            Some(name) => Format::from_name(&name.to_uppercase())
                .ok_or_else(|| CommandError::Use(format!("--format {name}: write AVRO, JSON or PROTOBUF")))?,
            None => format_of(&self.file).ok_or_else(|| {
                CommandError::Use(format!("what {} is cannot be told from its name: add --format", self.file.display()))
            })?,
        };
        let mut schema = NewSchema::new(format, read_text(&self.file)?);
        for reference in &self.reference {
            schema.references.push(Reference { subject: session.subject(&reference.subject), ..reference.clone() });
        }
        for (name, value) in &self.property {
            schema = schema.property(name, value);
        }
        Ok(schema)
    }
}

/// The format that a file's name tells.
pub(crate) fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "avsc" | "avro" => Some(Format::Avro),
        "json" | "jsonschema" => Some(Format::Json),
        "proto" => Some(Format::Protobuf),
        _ => None,
    }
}

/// How files of a format end.
pub(crate) fn file_ending(format: Format) -> &'static str {
    match format {
        Format::Avro => "avsc",
        Format::Json => "schema.json",
        Format::Protobuf => "proto",
    }
}

/// A file's text; `-` is the standard input.
pub(crate) fn read_text(path: &Path) -> Result<String, CommandError> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| CommandError::file("the standard input", error))?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(|error| CommandError::file(path, error))
}

fn parse_reference(text: &str) -> Result<Reference, String> {
    let wrong = || format!("{text} is no reference: write NAME=SUBJECT:VERSION");
    let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (subject, version) = rest.rsplit_once(':').ok_or_else(wrong)?;
    let version = if version == "latest" { -1 } else { version.parse().map_err(|_| wrong())? };
    if name.is_empty() || subject.is_empty() {
        return Err(wrong());
    }
    Ok(Reference { name: name.to_owned(), subject: subject.to_owned(), version })
}

fn parse_property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text} is no property: write NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_a_version() {
        let read = |text| parse_reference(text).map(|found| (found.name, found.subject, found.version));
        assert_eq!(read("units.proto=units:3"), Ok(("units.proto".to_owned(), "units".to_owned(), 3)));
        assert_eq!(read("a.B=:.eu:b:latest"), Ok(("a.B".to_owned(), ":.eu:b".to_owned(), -1)));
        for wrong in ["a", "a=b", "=b:1", "a=:1", "a=b:x"] {
            assert!(parse_reference(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_files_tell_formats_and_back() {
        for format in Format::ALL {
            assert_eq!(format_of(Path::new(&format!("1.{}", file_ending(format)))), Some(format));
        }
        assert_eq!(format_of(Path::new("x.txt")), None);
    }
}
