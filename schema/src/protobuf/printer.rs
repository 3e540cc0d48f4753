//! Syntax tree to text, in Confluent's layout (`docs/formats.md`).
//!
//! It prints what the tree says and decides nothing: normalising is a change of the tree (see `normalize`). The text of
//! a printed tree parses into an equal tree, weak imports aside.

use std::collections::BTreeSet;

use super::ast::{
    Enum, Extend, ExtensionRange, Extensions, Field, File, Group, Message, Oneof, Opt, Reserved, ReservedValue, Rpc,
    Scalar, Service, TAG_MAX, TypeName, Value, Visibility,
};

/// The text of a file.
pub(super) fn print(file: &File) -> String {
    let mut printer = Printer { out: String::with_capacity(4096), level: 0, edition: file.is_edition() };
    printer.print_file(file);
    printer.out
}

/// The values of `reserved` statements, each on its own.
pub(super) fn reserved_texts(statements: &[Reserved]) -> BTreeSet<String> {
    let values = statements.iter().flat_map(|statement| &statement.values);
    values
        .map(|value| match value {
            ReservedValue::Name(name) => format!("{name:?}"),
            ReservedValue::Tag(tag) => tag.to_string(),
            ReservedValue::Range(start, end) => format!("{start} to {end}"),
        })
        .collect()
}

/// The ranges of `extensions` statements, each on its own.
pub(super) fn extension_texts(statements: &[Extensions]) -> BTreeSet<String> {
    let ranges = statements.iter().flat_map(|statement| &statement.ranges);
    ranges
        .map(|range| match range {
            ExtensionRange::Tag(tag) => tag.to_string(),
            ExtensionRange::Range(start, end) => format!("{start} to {end}"),
        })
        .collect()
}

/// The name with its path, and the value, of an option.
pub(super) fn option_texts(option: &Opt) -> (String, String) {
    let mut printer = Printer { out: String::new(), level: 0, edition: false };
    printer.option_name(option);
    let name = std::mem::take(&mut printer.out);
    printer.print_value(&option.value);
    (name, printer.out)
}

struct Printer {
    out: String,
    level: usize,
    /// Are reserved names words instead of quoted texts?
    edition: bool,
}

/// Opens a section of a body; sections are separated by a blank line, which carries the indentation of its surroundings
/// (a peculiarity of Confluent's printer that is part of the identity).
macro_rules! section {
    ($self:ident, $items:expr, $print:ident) => {
        if !$items.is_empty() {
            $self.separate();
            for item in $items {
                $self.$print(item);
            }
        }
    };
}

impl Printer {
    fn print_file(&mut self, file: &File) {
        if let Some(syntax) = file.syntax {
            let keyword = if syntax.is_edition() { "edition" } else { "syntax" };
            self.parts(&[keyword, " = \"", syntax.name(), "\";\n"]);
        }
        if let Some(package) = &file.package {
            self.parts(&["package ", package, ";\n"]);
        }
        if !file.imports.is_empty() || !file.public_imports.is_empty() || !file.option_imports.is_empty() {
            self.out.push('\n');
            for path in &file.imports {
                self.out.push_str("import ");
                self.print_quoted(path);
                self.out.push_str(";\n");
            }
            for path in &file.public_imports {
                self.out.push_str("import public ");
                self.print_quoted(path);
                self.out.push_str(";\n");
            }
            for path in &file.option_imports {
                self.out.push_str("import option ");
                self.print_quoted(path);
                self.out.push_str(";\n");
            }
        }
        section!(self, &file.options, option_statement);
        if !file.messages.is_empty() || !file.enums.is_empty() {
            self.out.push('\n');
            file.messages.iter().for_each(|message| self.print_message(message));
            file.enums.iter().for_each(|declared| self.print_enumeration(declared));
        }
        section!(self, &file.extends, print_extend);
        section!(self, &file.services, print_service);
    }

    fn print_message(&mut self, message: &Message) {
        self.open(&[&visibility(message.visibility), "message ", &message.name]);
        self.message_body(message);
    }

    fn message_body(&mut self, message: &Message) {
        section!(self, &message.reserved, print_reserved);
        section!(self, &message.options, option_statement);
        section!(self, &message.fields, print_field);
        section!(self, &message.oneofs, print_oneof);
        section!(self, &message.groups, print_group);
        section!(self, &message.extensions, print_extensions);
        section!(self, &message.extends, print_extend);
        if !message.messages.is_empty() || !message.enums.is_empty() {
            self.separate();
            message.messages.iter().for_each(|nested| self.print_message(nested));
            message.enums.iter().for_each(|nested| self.print_enumeration(nested));
        }
        self.close();
    }

    fn print_oneof(&mut self, oneof: &Oneof) {
        self.open(&["oneof ", &oneof.name]);
        section!(self, &oneof.options, option_statement);
        section!(self, &oneof.fields, print_field);
        section!(self, &oneof.groups, print_group);
        self.close();
    }

    fn print_group(&mut self, group: &Group) {
        let label = group.label.map_or("", |label| label.name());
        let blank = if label.is_empty() { "" } else { " " };
        self.indent();
        self.parts(&[label, blank, "group ", &group.body.name, " = ", &group.tag.to_string()]);
        self.option_list(&group.options.iter().collect::<Vec<_>>());
        self.open_brace();
        self.message_body(&group.body);
    }

    /// Unlike in messages, no blank line separates the parts of an enum.
    fn print_enumeration(&mut self, declared: &Enum) {
        self.open(&[&visibility(declared.visibility), "enum ", &declared.name]);
        if !declared.reserved.is_empty() || !declared.options.is_empty() || !declared.constants.is_empty() {
            self.separate();
        }
        declared.reserved.iter().for_each(|reserved| self.print_reserved(reserved));
        declared.options.iter().for_each(|option| self.option_statement(option));
        for constant in &declared.constants {
            self.indent();
            self.parts(&[&constant.name, " = "]);
            self.print_number(constant.tag);
            self.option_list(&constant.options.iter().collect::<Vec<_>>());
            self.out.push_str(";\n");
        }
        self.close();
    }

    fn print_extend(&mut self, extend: &Extend) {
        self.open(&["extend ", &extend.name]);
        section!(self, &extend.fields, print_field);
        section!(self, &extend.groups, print_group);
        self.close();
    }

    fn print_service(&mut self, service: &Service) {
        self.open(&["service ", &service.name]);
        section!(self, &service.options, option_statement);
        section!(self, &service.rpcs, print_rpc);
        self.close();
    }

    fn print_rpc(&mut self, rpc: &Rpc) {
        let stream = |streaming| if streaming { "stream " } else { "" };
        self.indent();
        self.parts(&["rpc ", &rpc.name, " (", stream(rpc.request_streaming)]);
        self.type_name(&rpc.request);
        self.parts(&[") returns (", stream(rpc.response_streaming)]);
        self.type_name(&rpc.response);
        self.out.push(')');
        if !rpc.options.is_empty() {
            self.out.push_str(" {\n");
            self.level += 1;
            rpc.options.iter().for_each(|option| self.option_statement(option));
            self.level -= 1;
            self.indent();
            self.out.push('}');
        }
        self.out.push_str(";\n");
    }

    fn print_field(&mut self, field: &Field) {
        self.indent();
        if let Some(label) = field.label {
            self.parts(&[label.name(), " "]);
        }
        self.type_name(&field.type_name);
        self.parts(&[" ", &field.name, " = "]);
        self.print_number(field.tag);
        if field.default.is_none() && field.json_name.is_none() {
            if !field.options.is_empty() {
                self.option_list(&field.options.iter().collect::<Vec<_>>());
            }
        } else {
            let default = field.default.as_ref().map(|value| Opt::plain("default", default_value(field, value)));
            let json_name = field.json_name.as_ref().map(|text| Opt::plain("json_name", Value::Text(text.clone())));
            let all: Vec<_> = field.options.iter().chain(&default).chain(&json_name).collect();
            self.option_list(&all);
        }
        self.out.push_str(";\n");
    }

    fn print_reserved(&mut self, reserved: &Reserved) {
        self.indent();
        self.out.push_str("reserved ");
        for (position, value) in reserved.values.iter().enumerate() {
            if position > 0 {
                self.out.push_str(", ");
            }
            match value {
                ReservedValue::Name(name) if self.edition => self.out.push_str(name),
                ReservedValue::Name(name) => self.print_quoted(name),
                ReservedValue::Tag(tag) => self.print_number(*tag),
                ReservedValue::Range(start, end) => self.range(*start, *end),
            }
        }
        self.out.push_str(";\n");
    }

    fn print_extensions(&mut self, extensions: &Extensions) {
        self.indent();
        self.out.push_str("extensions ");
        for (position, range) in extensions.ranges.iter().enumerate() {
            if position > 0 {
                self.out.push_str(", ");
            }
            match range {
                ExtensionRange::Tag(tag) => self.print_number(*tag),
                ExtensionRange::Range(start, end) => self.range(*start, *end),
            }
        }
        self.option_list(&extensions.options.iter().collect::<Vec<_>>());
        self.out.push_str(";\n");
    }

    fn range(&mut self, start: i32, end: i32) {
        self.print_number(start);
        self.out.push_str(" to ");
        if end < TAG_MAX {
            self.print_number(end);
        } else {
            self.out.push_str("max");
        }
    }

    fn option_statement(&mut self, option: &Opt) {
        self.indent();
        self.out.push_str("option ");
        self.print_option(option);
        self.out.push_str(";\n");
    }

    /// Options in brackets: one in the line, several one per line; none prints nothing.
    fn option_list(&mut self, options: &[&Opt]) {
        match options {
            [] => {}
            [option] => {
                self.out.push_str(" [");
                self.print_option(option);
                self.out.push(']');
            }
            options => {
                self.out.push_str(" [\n");
                self.level += 1;
                for (position, option) in options.iter().enumerate() {
                    self.indent();
                    self.print_option(option);
                    self.out.push_str(if position + 1 < options.len() { ",\n" } else { "\n" });
                }
                self.level -= 1;
                self.indent();
                self.out.push(']');
            }
        }
    }

    fn print_option(&mut self, option: &Opt) {
        self.option_name(option);
        self.out.push_str(" = ");
        self.print_value(&option.value);
    }

    fn option_name(&mut self, option: &Opt) {
        if option.parenthesized {
            self.parts(&["(", &option.name, ")"]);
        } else {
            self.out.push_str(&option.name);
        }
        for part in &option.path {
            self.parts(&[".", part]);
        }
    }

    /// Aggregates nest as deep as the parser allows, which is what bounds the recursion.
    fn print_value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.print_quoted(text),
            Value::Bytes(bytes) => self.quoted_bytes(bytes),
            Value::Number(text) | Value::Word(text) => self.out.push_str(text),
            Value::Map(entries) => {
                self.out.push_str("{\n");
                self.level += 1;
                for (position, (key, value)) in entries.iter().enumerate() {
                    self.indent();
                    self.parts(&[key, ": "]);
                    self.print_value(value);
                    self.out.push_str(if position + 1 < entries.len() { ",\n" } else { "\n" });
                }
                self.level -= 1;
                self.indent();
                self.out.push('}');
            }
            Value::List(values) => {
                self.out.push_str("[\n");
                self.level += 1;
                for (position, value) in values.iter().enumerate() {
                    self.indent();
                    self.print_value(value);
                    self.out.push_str(if position + 1 < values.len() { ",\n" } else { "\n" });
                }
                self.level -= 1;
                self.indent();
                self.out.push(']');
            }
        }
    }

    fn type_name(&mut self, type_name: &TypeName) {
        match type_name {
            TypeName::Name(name) => self.out.push_str(name),
            TypeName::Map(key, value) => {
                self.out.push_str("map<");
                self.type_name(key);
                self.out.push_str(", ");
                self.type_name(value);
                self.out.push('>');
            }
        }
    }

    fn open(&mut self, head: &[&str]) {
        self.indent();
        self.parts(head);
        self.open_brace();
    }

    fn open_brace(&mut self) {
        self.out.push_str(" {");
        self.level += 1;
    }

    fn close(&mut self) {
        self.level -= 1;
        // An empty body closes on the line on which it opened.
        if !self.out.ends_with('{') {
            self.indent();
        }
        self.out.push_str("}\n");
    }

    /// Ends the line of an opening brace, or leaves a blank line after a section.
    fn separate(&mut self) {
        if !self.out.ends_with('{') {
            (1..self.level).for_each(|_| self.out.push_str("  "));
        }
        self.out.push('\n');
    }

    fn indent(&mut self) {
        (0..self.level).for_each(|_| self.out.push_str("  "));
    }

    fn parts(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.out.push_str(part));
    }

    fn print_number(&mut self, number: i32) {
        use std::fmt::Write;
        write!(self.out, "{number}").expect("writing to a string cannot fail");
    }

    fn print_quoted(&mut self, text: &str) {
        self.out.push('"');
        text.chars().for_each(|character| self.character(character));
        self.out.push('"');
    }

    /// Bytes that are no UTF-8: what is, as in a text, and the rest as octal escapes, which protoc itself writes.
    fn quoted_bytes(&mut self, bytes: &[u8]) {
        use std::fmt::Write;
        self.out.push('"');
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(|character| self.character(character));
            for byte in chunk.invalid() {
                write!(self.out, "\\{byte:03o}").expect("writing to a string cannot fail");
            }
        }
        self.out.push('"');
    }

    fn character(&mut self, character: char) {
        match character {
            '\\' => self.out.push_str("\\\\"),
            '\'' => self.out.push_str("\\'"),
            '"' => self.out.push_str("\\\""),
            '\u{7}' => self.out.push_str("\\a"),
            '\u{8}' => self.out.push_str("\\b"),
            '\u{c}' => self.out.push_str("\\f"),
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            '\u{b}' => self.out.push_str("\\v"),
            // Compilers take this byte for the end of the file.
            '\0' => self.out.push_str("\\000"),
            other => self.out.push(other),
        }
    }
}

fn visibility(written: Option<Visibility>) -> String {
    written.map(|written| format!("{} ", written.name())).unwrap_or_default()
}

/// A default as an option value. Whether quotes belong around it follows from the type rather than from what was
/// written, as at Confluent, and from the text where only a quoted one can be read back.
fn default_value(field: &Field, value: &Value) -> Value {
    let scalar = match &field.type_name {
        TypeName::Name(name) => Scalar::from_name(name),
        TypeName::Map(..) => None,
    };
    let Some(text) = value.scalar() else { return value.clone() };
    let is_word =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    match (scalar, value) {
        (Some(Scalar::String | Scalar::Bytes), _) => Value::Text(text.to_owned()),
        (_, Value::Text(_)) if !is_word => value.clone(),
        _ => Value::Word(text.to_owned()),
    }
}
