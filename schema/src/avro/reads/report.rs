//! Problems in Confluent's words (`docs/formats.md`, "Avro: messages").

use super::{Place, Segment, Walk, What};
use crate::SchemaError;
use crate::avro::model::{Enum, Kind, NodeId};
use crate::avro::normalize::java_order;
use crate::avro::print;
use crate::compat::{Difference, Direction};

impl Walk<'_> {
    fn path(&self, place: Place) -> String {
        let mut segments = Vec::new();
        let mut at = place;
        while let Some((above, segment)) = (at.0 as usize).checked_sub(1).and_then(|at| self.places.get(at)) {
            segments.push(*segment);
            at = *above;
        }
        if segments.is_empty() {
            return "/".to_owned();
        }
        let mut path = String::new();
        for segment in segments.into_iter().rev() {
            path.push('/');
            match segment {
                Segment::Word(word) => path.push_str(word),
                Segment::Index(index) => path.push_str(&index.to_string()),
            }
        }
        path
    }

    pub(super) fn difference(&mut self, at: u32, direction: Direction) -> Result<Difference, SchemaError> {
        let problem = self.problems[at as usize];
        let path = self.path(problem.place);
        self.budget.steps(1 + path.len() as u64 / 8)?;
        let (r, w) = direction.words();
        let (reader, writer) = (self.reader.kind(problem.reader), self.writer.kind(problem.writer));
        let (kind, description, info) = match problem.what {
            What::Name => (
                "NAME_MISMATCH",
                format!("The name of the schema has changed (path '{path}')"),
                format!("expected: {}", writer.branch_name()),
            ),
            What::Size => (
                "FIXED_SIZE_MISMATCH",
                format!(
                    "The size of FIXED type field at path '{path}' in the {r} schema does not match with the {w} schema"
                ),
                format!("expected: {}, found: {}", size(writer), size(reader)),
            ),
            What::Symbols => {
                let missing = self.missing_symbols(reader, writer)?;
                (
                    "MISSING_ENUM_SYMBOLS",
                    format!("The {r} schema is missing enum symbols '{missing}' at path '{path}' in the {w} schema"),
                    missing,
                )
            }
            What::Type => (
                "TYPE_MISMATCH",
                format!("The type (path '{path}') of a field in the {r} schema does not match with the {w} schema"),
                format!("reader type: {} not compatible with writer type: {}", upper(reader), upper(writer)),
            ),
            What::Branch => (
                "MISSING_UNION_BRANCH",
                format!("The {r} schema is missing a type inside a union field at path '{path}' in the {w} schema"),
                format!("reader union lacking writer type: {}", upper(writer)),
            ),
            What::NoDefault(position) => {
                let field = field_name(reader, position);
                (
                    "READER_FIELD_MISSING_DEFAULT_VALUE",
                    format!(
                        "The field '{field}' at path '{path}' in the {r} schema has no default value and is missing in \
                         the {w} schema"
                    ),
                    field.to_owned(),
                )
            }
        };
        let message = format!("{{errorType:'{kind}', description:'{description}', additionalInfo:'{info}'}}");
        Ok(Difference { kind, path, compatible: false, message })
    }

    /// As Java prints a sorted set.
    fn missing_symbols(&mut self, reader: &Kind, writer: &Kind) -> Result<String, SchemaError> {
        let (Kind::Enum(reader), Kind::Enum(writer)) = (reader, writer) else { return Ok(String::new()) };
        let missing = missing_symbols(reader, writer);
        self.budget.steps(missing.len() as u64)?;
        Ok(format!("[{}]", missing.join(", ")))
    }

    pub(super) fn ambiguous(
        &self,
        record: NodeId,
        field: usize,
        writer_record: NodeId,
    ) -> Result<Difference, SchemaError> {
        let Kind::Record(reader) = self.reader.kind(record) else {
            return Err(SchemaError::invalid("a field outside a record"));
        };
        let name = &reader.fields[field].name;
        let kind = upper(self.reader.kind(reader.fields[field].type_id));
        let writer = print::type_text(self.writer, writer_record)?;
        Ok(Difference {
            kind: "READER_FIELD_AMBIGUOUS",
            path: format!("/fields/{field}"),
            compatible: false,
            message: format!(
                "Unexpected exception during compatibility check: Reader record field {name} type:{kind} pos:{field} \
                 matches multiple fields in writer record schema {writer}"
            ),
        })
    }
}

/// The writer's symbols that the reader lacks, in the order of Java strings.
fn missing_symbols<'e>(reader: &Enum, writer: &'e Enum) -> Vec<&'e str> {
    let mut missing: Vec<&str> =
        writer.symbols.iter().map(String::as_str).filter(|symbol| !reader.has_symbol(symbol)).collect();
    missing.sort_by(|a, b| java_order(a, b));
    missing
}

fn upper(kind: &Kind) -> String {
    kind.word().to_ascii_uppercase()
}

fn size(kind: &Kind) -> u32 {
    match kind {
        Kind::Fixed(fixed) => fixed.size,
        Kind::Primitive(_)
        | Kind::Array(_)
        | Kind::Map(_)
        | Kind::Union(_)
        | Kind::Record(_)
        | Kind::Enum(_)
        | Kind::Forward(_) => 0,
    }
}

fn field_name(kind: &Kind, position: usize) -> &str {
    match kind {
        Kind::Record(record) => record.fields.get(position).map_or("", |field| &field.name),
        Kind::Primitive(_)
        | Kind::Array(_)
        | Kind::Map(_)
        | Kind::Union(_)
        | Kind::Enum(_)
        | Kind::Fixed(_)
        | Kind::Forward(_) => "",
    }
}
