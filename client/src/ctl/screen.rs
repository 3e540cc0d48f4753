//! What commands print, in the form that is asked for. Colours only on a terminal; a reader that goes away is no error.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use proto::time::rfc3339;
use serde_json::Value;

use crate::fail::CommandError;

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Default)]
pub(crate) enum Output {
    /// Columns for a person.
    #[default]
    Table,
    /// More columns.
    Wide,
    Json,
    Yaml,
    /// Names only, one a line, for scripts.
    Name,
}

/// An answer in all its forms.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Lines before the table.
    pub(crate) head: Vec<String>,
    /// Columns; those that begin with `+` are for `wide` only.
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Lines after it, as they are: a schema's text.
    pub(crate) tail: Vec<String>,
    pub(crate) json: Value,
    pub(crate) names: Vec<String>,
}

impl Shown {
    /// One thing: its fields as a table of two columns.
    pub(crate) fn fields(json: Value, fields: &[(&'static str, String)], name: impl Into<String>) -> Self {
        let rows = fields.iter().filter(|(_, value)| !value.is_empty());
        Self {
            head: rows.map(|(field, value)| format!("{field:<16} {value}")).collect(),
            json,
            names: vec![name.into()],
            ..Self::default()
        }
    }

    /// What was done, as a sentence and as JSON.
    pub(crate) fn done(sentence: impl Into<String>, json: Value, name: impl Into<String>) -> Self {
        Self { head: vec![sentence.into()], json, names: vec![name.into()], ..Self::default() }
    }
}

/// Where commands print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    output: Output,
    is_terminal: bool,
    colours: bool,
}

impl Screen {
    pub(crate) fn new(output: Output) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let colours = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { output, is_terminal, colours }
    }

    /// Prints an answer.
    ///
    /// # Errors
    /// [`CommandError::OutputClosed`] when nobody reads any more.
    pub(crate) fn show(self, shown: &Shown) -> Result<(), CommandError> {
        let mut text = String::new();
        match self.output {
            Output::Json => text = format!("{:#}\n", shown.json),
            Output::Yaml => append_yaml(&shown.json, 0, &mut text),
            Output::Name => shown.names.iter().for_each(|name| text.push_str(&format!("{name}\n"))),
            Output::Table | Output::Wide => {
                shown.head.iter().for_each(|line| text.push_str(&format!("{line}\n")));
                text.push_str(&table_text(&shown.columns, &shown.rows, self.output == Output::Wide));
                shown.tail.iter().for_each(|line| text.push_str(&format!("{line}\n")));
            }
        }
        self.write(&text)
    }

    /// Prints a text as it is.
    ///
    /// # Errors
    /// [`CommandError::OutputClosed`] when nobody reads any more.
    pub(crate) fn write(self, text: &str) -> Result<(), CommandError> {
        self.write_bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// As [`Screen::write`].
    pub(crate) fn write_bytes(self, bytes: &[u8]) -> Result<(), CommandError> {
        let mut output = std::io::stdout().lock();
        check_written(output.write_all(bytes).and_then(|()| output.flush()))
    }

    /// Prints a line as soon as it is known: events.
    ///
    /// # Errors
    /// As [`Screen::write`].
    pub(crate) fn line(self, text: &str, json: &Value) -> Result<(), CommandError> {
        match self.output {
            Output::Json => self.write(&format!("{json}\n")),
            Output::Yaml => {
                let mut document = "---\n".to_owned();
                append_yaml(json, 0, &mut document);
                self.write(&document)
            }
            Output::Table | Output::Wide | Output::Name => self.write(&format!("{text}\n")),
        }
    }

    /// Begins the screen anew, on a terminal.
    ///
    /// # Errors
    /// As [`Screen::write`].
    pub(crate) fn clear(self) -> Result<(), CommandError> {
        if self.is_terminal { self.write("\x1b[H\x1b[2J") } else { Ok(()) }
    }

    /// A word in a colour that says how bad it is.
    pub(crate) fn tone(self, tone: Tone, word: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Doubtful => "33",
            Tone::Bad => "31",
        };
        if self.colours { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    }
}

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Doubtful,
    Bad,
}

fn check_written(result: std::io::Result<()>) -> Result<(), CommandError> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(CommandError::OutputClosed),
        Err(error) => Err(CommandError::file("the standard output", error)),
    }
}

/// Columns as wide as their widest cell. Escapes of colours have no width.
fn table_text(columns: &[&'static str], rows: &[Vec<String>], is_wide: bool) -> String {
    if columns.is_empty() {
        return String::new();
    }
    let kept: Vec<usize> =
        (0..columns.len()).filter(|position| is_wide || !columns[*position].starts_with('+')).collect();
    let head: Vec<String> = columns.iter().map(|column| column.trim_start_matches('+').to_owned()).collect();
    let mut text = String::new();
    let cell = |row: &Vec<String>, position: usize| row.get(position).cloned().unwrap_or_default();
    let widths: Vec<usize> = kept
        .iter()
        .map(|position| {
            std::iter::once(&head).chain(rows).map(|row| cell_width(&cell(row, *position))).max().unwrap_or(0)
        })
        .collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (position, most) in kept.iter().zip(&widths) {
            let cell = cell(row, *position);
            line.push_str(&cell);
            line.push_str(&" ".repeat(most - cell_width(&cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn cell_width(cell: &str) -> usize {
    let (mut width, mut is_escape) = (0, false);
    for character in cell.chars() {
        match (is_escape, character) {
            (false, '\x1b') => is_escape = true,
            (true, 'm') => is_escape = false,
            (true, _) => {}
            (false, _) => width += 1,
        }
    }
    width
}

/// JSON as YAML. Texts are quoted as in JSON, which is YAML too, so none of them can be taken for something else.
fn append_yaml(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                text.push_str(&format!("{indent}{}:", yaml_key(name)));
                append_nested(value, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                text.push_str(&format!("{indent}-"));
                append_nested(item, depth, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            text.push_str(&format!("{indent}{value}\n"));
        }
    }
}

fn append_nested(value: &Value, depth: usize, text: &mut String) {
    let is_leaf = match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    if is_leaf {
        text.push_str(&format!(" {value}\n"));
    } else {
        text.push('\n');
        append_yaml(value, depth + 1, text);
    }
}

fn yaml_key(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        // What older YAML takes for a truth value.
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&name.to_ascii_lowercase().as_str());
    if is_plain { name.to_owned() } else { Value::from(name).to_string() }
}

/// Milliseconds since the Unix epoch as RFC 3339, in UTC; `-` for none.
pub(crate) fn time_text(ms: u64) -> String {
    if ms == 0 {
        return "-".to_owned();
    }
    rfc3339(ms)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_and_wide_ones_are_left_out() {
        let rows = vec![vec!["a".to_owned(), "1".to_owned(), "x".to_owned()], vec!["\x1b[31mlong\x1b[0m".to_owned()]];
        let columns = ["NAME", "N", "+MORE"];
        assert_eq!(table_text(&columns, &rows, false), "NAME  N\na     1\n\x1b[31mlong\x1b[0m\n");
        assert_eq!(table_text(&columns, &rows, true), "NAME  N  MORE\na     1  x\n\x1b[31mlong\x1b[0m\n");
    }

    #[test]
    fn yaml_says_what_json_says() {
        let mut text = String::new();
        append_yaml(&json!({"a": 1, "no": "yes", "b": [{"c": [], "d": null}, "x\ny"], "e": {}}), 0, &mut text);
        assert_eq!(text, "a: 1\n\"no\": \"yes\"\nb:\n  -\n    c: []\n    d: null\n  - \"x\\ny\"\ne: {}\n");
    }

    #[test]
    fn times_are_dates() {
        for (ms, expected) in [
            (0, "-"),
            (1, "1970-01-01T00:00:00.001Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_796_083_199_999, "2026-11-30T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(time_text(ms), expected);
        }
    }
}
