//! `.proto` text to syntax tree, by the grammar of Square's Wire, which is the one that Confluent accepts.
//!
//! It is laxer than protoc's in places (numbers, options and names are hardly checked). Where Wire's is wrong about what
//! protoc takes (octal numbers, comments, groups, editions), it is protoc's; docs/confluent-compatibility.md lists that.
//! Names are not resolved here. Nesting and the number of members are limited, so that recursion stays shallow and
//! memory is bounded by the text.

use std::collections::BTreeSet;

use super::ast::{
    Constant, Enum, Extend, ExtensionRange, Extensions, Field, File, Group, Label, Message, Oneof, Opt, Reserved,
    ReservedValue, Rpc, Service, Syntax, TAG_MAX, TypeName, Value, Visibility,
};
use super::lexer::Lexer;
use crate::{SchemaError, limits};

/// Parses the text of one file.
pub(super) fn parse(text: &str) -> Result<File, SchemaError> {
    let mut parser = Parser { lexer: Lexer::new(text), file: File::default(), depth: 0, members: 0, declarations: 0 };
    parser.file()?;
    Ok(parser.file)
}

pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    file: File,
    depth: usize,
    members: usize,
    declarations: usize,
}

/// Simple names of types that were declared in one scope.
type Names = BTreeSet<String>;

impl Parser<'_> {
    fn file(&mut self) -> Result<(), SchemaError> {
        let mut names = Names::new();
        let mut services = Names::new();
        while !self.lexer.exhausted()? {
            let index = self.declarations;
            self.declarations += 1;
            if self.lexer.take(b';')? {
                continue;
            }
            let start = self.lexer.position();
            match self.lexer.read_word()? {
                "package" => {
                    self.file.package = Some(self.lexer.read_dotted()?.into_owned());
                    self.lexer.require(b';')?;
                }
                "import" => self.parse_import()?,
                "syntax" => self.parse_syntax(index, start)?,
                "edition" => self.parse_edition(index, start)?,
                "option" => {
                    let option = self.option_statement()?;
                    self.file.options.push(option);
                }
                "message" => {
                    let message = self.parse_message(&mut names, None)?;
                    self.file.messages.push(message);
                }
                "enum" => {
                    let declared = self.parse_enumeration(&mut names, None)?;
                    self.file.enums.push(declared);
                }
                word @ ("export" | "local") if self.file.syntax == Some(Syntax::Edition2024) => {
                    match self.visible(word, &mut names)? {
                        Declared::Message(message) => self.file.messages.push(message),
                        Declared::Enum(declared) => self.file.enums.push(declared),
                    }
                }
                "service" => {
                    let service = self.parse_service(&mut services)?;
                    self.file.services.push(service);
                }
                "extend" => {
                    let extend = self.parse_extend()?;
                    self.file.extends.push(extend);
                }
                // Wire reads them anywhere and keeps them only where they mean something.
                "reserved" => drop(self.parse_reserved()?),
                other => return Err(self.lexer.error_at(start, &format!("unexpected label: {other}"))),
            }
        }
        Ok(())
    }

    fn parse_import(&mut self) -> Result<(), SchemaError> {
        self.parse_member()?;
        let word = match self.lexer.peek()? {
            b'"' | b'\'' => None,
            _ => Some(self.lexer.read_word()?),
        };
        match word {
            None => {
                let path = self.lexer.read_text()?;
                self.file.imports.push(path);
            }
            Some("public") => {
                let path = self.lexer.text_or_word()?;
                self.file.public_imports.push(path);
            }
            Some("weak") => {
                let path = self.lexer.text_or_word()?;
                self.file.weak_imports.push(path);
            }
            Some("option") if self.file.syntax == Some(Syntax::Edition2024) => {
                let path = self.lexer.text_or_word()?;
                self.file.option_imports.push(path);
            }
            Some(path) => self.file.imports.push(path.to_owned()),
        }
        self.lexer.require(b';')
    }

    fn parse_syntax(&mut self, index: usize, start: usize) -> Result<(), SchemaError> {
        if self.file.syntax.is_some() {
            return Err(self.lexer.error_at(start, "too many syntax or edition definitions"));
        }
        self.lexer.require(b'=')?;
        if index != 0 {
            return Err(self.lexer.error_at(start, "'syntax' element must be the first declaration in a file"));
        }
        self.file.syntax = Some(match self.lexer.read_text()?.as_str() {
            "proto2" => Syntax::Proto2,
            "proto3" => Syntax::Proto3,
            other => return Err(self.lexer.error_at(start, &format!("unexpected syntax: {other}"))),
        });
        self.lexer.require(b';')
    }

    fn parse_edition(&mut self, index: usize, start: usize) -> Result<(), SchemaError> {
        if self.file.syntax.is_some() {
            return Err(self.lexer.error_at(start, "too many syntax or edition definitions"));
        }
        self.lexer.require(b'=')?;
        if index != 0 {
            return Err(self.lexer.error_at(start, "'edition' element must be the first declaration in a file"));
        }
        let name = self.lexer.read_text()?;
        let edition = Syntax::edition(&name);
        let unknown = || format!("unexpected edition: {name}; known are 2023 and 2024");
        self.file.syntax = Some(edition.ok_or_else(|| self.lexer.error_at(start, &unknown()))?);
        self.lexer.require(b';')
    }

    /// The message or enum after `export` or `local`.
    fn visible(&mut self, word: &str, names: &mut Names) -> Result<Declared, SchemaError> {
        let visibility = Some(if word == "export" { Visibility::Export } else { Visibility::Local });
        let start = self.lexer.position();
        match self.lexer.read_word()? {
            "message" => self.parse_message(names, visibility).map(Declared::Message),
            "enum" => self.parse_enumeration(names, visibility).map(Declared::Enum),
            other => Err(self.lexer.error_at(start, &format!("expected 'message' or 'enum' but was {other}"))),
        }
    }

    /// Counts a member of the file.
    pub(super) fn parse_member(&mut self) -> Result<(), SchemaError> {
        self.members += 1;
        if self.members > limits::MEMBER_COUNT_MAX {
            let allowed = limits::MEMBER_COUNT_MAX as u64;
            return Err(SchemaError::Limit { limit: "MEMBER_COUNT_MAX", allowed });
        }
        Ok(())
    }

    /// Enters one level of nesting; [`Parser::leave`] leaves it.
    pub(super) fn enter(&mut self) -> Result<(), SchemaError> {
        self.depth += 1;
        if self.depth > limits::SCHEMA_DEPTH_MAX {
            let allowed = limits::SCHEMA_DEPTH_MAX as u64;
            return Err(SchemaError::Limit { limit: "SCHEMA_DEPTH_MAX", allowed });
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// The name of a type or service, which must be new in its scope.
    fn new_name(&mut self, names: &mut Names) -> Result<String, SchemaError> {
        self.parse_member()?;
        let start = self.lexer.position();
        let name = self.lexer.name()?.into_owned();
        if !names.insert(name.clone()) {
            return Err(self.lexer.error_at(start, &format!("{name} is already defined")));
        }
        Ok(name)
    }

    fn parse_message(&mut self, names: &mut Names, visibility: Option<Visibility>) -> Result<Message, SchemaError> {
        let name = self.new_name(names)?;
        Ok(Message { visibility, ..self.message_body(name)? })
    }

    /// What stands in the braces of a message or a group.
    fn message_body(&mut self, name: String) -> Result<Message, SchemaError> {
        self.enter()?;
        let mut message = Message { name, ..Message::default() };
        let mut nested = Names::new();
        self.lexer.require(b'{')?;
        while !self.lexer.take(b'}')? {
            if self.lexer.take(b';')? {
                continue;
            }
            let start = self.lexer.position();
            match self.lexer.read_word()? {
                "option" => message.options.push(self.option_statement()?),
                "reserved" => message.reserved.push(self.parse_reserved()?),
                "message" => message.messages.push(self.parse_message(&mut nested, None)?),
                "enum" => message.enums.push(self.parse_enumeration(&mut nested, None)?),
                word @ ("export" | "local") if self.file.syntax == Some(Syntax::Edition2024) => {
                    match self.visible(word, &mut nested)? {
                        Declared::Message(inner) => message.messages.push(inner),
                        Declared::Enum(declared) => message.enums.push(declared),
                    }
                }
                "extend" => message.extends.push(self.parse_extend()?),
                "oneof" => message.oneofs.push(self.parse_oneof()?),
                "extensions" => message.extensions.push(self.parse_extensions()?),
                word => match self.parse_field(start, word)? {
                    Member::Field(field) => message.fields.push(field),
                    Member::Group(group) => message.groups.push(group),
                },
            }
        }
        self.leave();
        Ok(message)
    }

    fn parse_enumeration(&mut self, names: &mut Names, visibility: Option<Visibility>) -> Result<Enum, SchemaError> {
        let mut declared = Enum { name: self.new_name(names)?, visibility, ..Enum::default() };
        self.lexer.require(b'{')?;
        while !self.lexer.take(b'}')? {
            if self.lexer.take(b';')? {
                continue;
            }
            let start = self.lexer.position();
            match self.lexer.read_word()? {
                "option" => declared.options.push(self.option_statement()?),
                "reserved" => declared.reserved.push(self.parse_reserved()?),
                word if word.starts_with(|first: char| first.is_ascii_digit()) => {
                    let message = "field and constant names cannot start with a digit";
                    return Err(self.lexer.error_at(start, message));
                }
                word => {
                    self.parse_member()?;
                    self.lexer.require(b'=')?;
                    let tag = self.lexer.read_int()?;
                    let options = self.parse_options()?;
                    self.lexer.require(b';')?;
                    declared.constants.push(Constant { name: word.to_owned(), tag, options });
                }
            }
        }
        Ok(declared)
    }

    fn parse_service(&mut self, names: &mut Names) -> Result<Service, SchemaError> {
        let mut service = Service { name: self.new_name(names)?, ..Service::default() };
        self.lexer.require(b'{')?;
        while !self.lexer.take(b'}')? {
            if self.lexer.take(b';')? {
                continue;
            }
            let start = self.lexer.position();
            match self.lexer.read_word()? {
                "option" => service.options.push(self.option_statement()?),
                "rpc" => service.rpcs.push(self.parse_rpc()?),
                other => return Err(self.lexer.error_at(start, &format!("unexpected label: {other}"))),
            }
        }
        Ok(service)
    }

    fn parse_rpc(&mut self) -> Result<Rpc, SchemaError> {
        self.parse_member()?;
        let name = self.lexer.name()?.into_owned();
        let (request, request_streaming) = self.rpc_type()?;
        if self.lexer.read_word()? != "returns" {
            return Err(self.lexer.error("expected 'returns'"));
        }
        let (response, response_streaming) = self.rpc_type()?;
        let mut options = Vec::new();
        if self.lexer.take(b'{')? {
            while !self.lexer.take(b'}')? {
                if self.lexer.take(b';')? {
                    continue;
                }
                let start = self.lexer.position();
                match self.lexer.read_word()? {
                    "option" => options.push(self.option_statement()?),
                    other => return Err(self.lexer.error_at(start, &format!("unexpected label: {other}"))),
                }
            }
        } else {
            self.lexer.require(b';')?;
        }
        Ok(Rpc { name, request, request_streaming, response, response_streaming, options })
    }

    fn rpc_type(&mut self) -> Result<(TypeName, bool), SchemaError> {
        self.lexer.require(b'(')?;
        let word = self.lexer.read_word()?;
        let streaming = word == "stream" && self.lexer.peek()? != b')';
        let type_name = if streaming { self.type_name()? } else { self.type_from(word)? };
        self.lexer.require(b')')?;
        Ok((type_name, streaming))
    }

    /// Fields and groups; Wire drops options and reserved numbers there.
    fn parse_extend(&mut self) -> Result<Extend, SchemaError> {
        self.parse_member()?;
        let name = self.lexer.read_dotted()?.into_owned();
        let mut extend = Extend { name, fields: Vec::new(), groups: Vec::new() };
        self.lexer.require(b'{')?;
        while !self.lexer.take(b'}')? {
            if self.lexer.take(b';')? {
                continue;
            }
            let start = self.lexer.position();
            match self.lexer.read_word()? {
                "option" => drop(self.option_statement()?),
                "reserved" => drop(self.parse_reserved()?),
                word => match self.parse_field(start, word)? {
                    Member::Field(field) => extend.fields.push(field),
                    Member::Group(group) => extend.groups.push(group),
                },
            }
        }
        Ok(extend)
    }

    fn parse_oneof(&mut self) -> Result<Oneof, SchemaError> {
        self.parse_member()?;
        let mut oneof = Oneof { name: self.lexer.name()?.into_owned(), ..Oneof::default() };
        self.lexer.require(b'{')?;
        while !self.lexer.take(b'}')? {
            if self.lexer.take(b';')? {
                continue;
            }
            let word = self.lexer.read_word()?;
            match word {
                "option" => oneof.options.push(self.option_statement()?),
                "group" => oneof.groups.push(self.parse_group(None)?),
                word => {
                    let type_name = self.type_from(word)?;
                    oneof.fields.push(self.field_rest(None, type_name)?);
                }
            }
        }
        Ok(oneof)
    }

    /// A field or group whose first word was read already.
    fn parse_field(&mut self, start: usize, word: &str) -> Result<Member, SchemaError> {
        let edition = self.file.is_edition();
        let bare = edition || self.file.syntax == Some(Syntax::Proto3);
        let (label, type_name) = match word {
            "required" | "optional" if edition => {
                let message = format!("the label '{word}' does not exist in editions; use features.field_presence");
                return Err(self.lexer.error_at(start, &message));
            }
            "required" if bare => {
                let message = "'required' label forbidden in proto3 field declarations";
                return Err(self.lexer.error_at(start, message));
            }
            "required" => (Some(Label::Required), self.type_name()?),
            "optional" => (Some(Label::Optional), self.type_name()?),
            "repeated" => (Some(Label::Repeated), self.type_name()?),
            _ if bare || (word == "map" && self.lexer.peek()? == b'<') => (None, self.type_from(word)?),
            _ => return Err(self.lexer.error_at(start, &format!("unexpected label: {word}"))),
        };
        if label.is_some() && matches!(type_name, TypeName::Map(..)) {
            return Err(self.lexer.error_at(start, "'map' type cannot have label"));
        }
        if type_name == TypeName::Name("group".to_owned()) {
            if edition {
                let message = "groups do not exist in editions; use features.message_encoding = DELIMITED";
                return Err(self.lexer.error_at(start, message));
            }
            return self.parse_group(label).map(Member::Group);
        }
        self.field_rest(label, type_name).map(Member::Field)
    }

    fn field_rest(&mut self, label: Option<Label>, type_name: TypeName) -> Result<Field, SchemaError> {
        self.parse_member()?;
        let name = self.lexer.field_name()?;
        self.lexer.require(b'=')?;
        let tag = self.lexer.read_int()?;
        let mut options = self.parse_options()?;
        let default = take_plain(&mut options, "default");
        let json_name = take_plain(&mut options, "json_name");
        let json_name = json_name.and_then(|value| value.scalar().map(str::to_owned));
        self.lexer.require(b';')?;
        Ok(Field { label, type_name, name, tag, default, json_name, options, delimited: false })
    }

    fn parse_group(&mut self, label: Option<Label>) -> Result<Group, SchemaError> {
        self.parse_member()?;
        let name = self.lexer.name()?.into_owned();
        self.lexer.require(b'=')?;
        let tag = self.lexer.read_int()?;
        let options = self.parse_options()?;
        Ok(Group { label, tag, options, body: self.message_body(name)? })
    }

    fn type_name(&mut self) -> Result<TypeName, SchemaError> {
        let word = self.lexer.read_word()?;
        self.type_from(word)
    }

    fn type_from(&mut self, word: &str) -> Result<TypeName, SchemaError> {
        if word != "map" || self.lexer.peek()? != b'<' {
            let rest = self.lexer.rest_of_name(word)?;
            return Ok(TypeName::Name(format!("{word}{rest}")));
        }
        self.enter()?;
        self.lexer.require(b'<')?;
        let key = self.type_name()?;
        self.lexer.require(b',')?;
        let value = self.type_name()?;
        self.lexer.require(b'>')?;
        self.leave();
        Ok(TypeName::Map(Box::new(key), Box::new(value)))
    }

    fn parse_reserved(&mut self) -> Result<Reserved, SchemaError> {
        let mut values = Vec::new();
        loop {
            self.parse_member()?;
            match self.lexer.peek()? {
                b'"' | b'\'' => values.push(ReservedValue::Name(self.lexer.read_text()?)),
                // In editions names are words.
                next if self.file.is_edition() && (next.is_ascii_alphabetic() || next == b'_') => {
                    values.push(ReservedValue::Name(self.lexer.read_word()?.to_owned()));
                }
                _ => {
                    let start = self.lexer.read_int()?;
                    values.push(match self.range_end()? {
                        Some(end) => ReservedValue::Range(start, end),
                        None => ReservedValue::Tag(start),
                    });
                }
            }
            if self.lexer.take(b';')? {
                return Ok(Reserved { values });
            }
            if !self.lexer.take(b',')? {
                return Err(self.lexer.error("expected ',' or ';'"));
            }
        }
    }

    fn parse_extensions(&mut self) -> Result<Extensions, SchemaError> {
        let mut ranges = Vec::new();
        loop {
            self.parse_member()?;
            let start = self.lexer.read_int()?;
            ranges.push(match self.range_end()? {
                Some(end) => ExtensionRange::Range(start, end),
                None => ExtensionRange::Tag(start),
            });
            let options = self.parse_options()?;
            if self.lexer.take(b';')? {
                return Ok(Extensions { ranges, options });
            }
            if !options.is_empty() || !self.lexer.take(b',')? {
                return Err(self.lexer.error("expected ',' or ';'"));
            }
        }
    }

    /// The part `to end` of a range, if there is one.
    fn range_end(&mut self) -> Result<Option<i32>, SchemaError> {
        if self.lexer.peek()? != b't' {
            return Ok(None);
        }
        let start = self.lexer.position();
        if self.lexer.read_word()? != "to" {
            return Err(self.lexer.error_at(start, "expected ',', ';', or 'to'"));
        }
        if self.lexer.peek()? == b'm' {
            let start = self.lexer.position();
            return match self.lexer.read_word()? {
                "max" => Ok(Some(TAG_MAX)),
                word => Err(self.lexer.error_at(start, &format!("expected an integer but was {word}"))),
            };
        }
        self.lexer.read_int().map(Some)
    }
}

enum Member {
    Field(Field),
    Group(Group),
}

enum Declared {
    Message(Message),
    Enum(Enum),
}

/// Removes the built-in options `name` and gives the value of the last.
fn take_plain(options: &mut Vec<Opt>, name: &str) -> Option<Value> {
    let mut found = None;
    options.retain(|option| {
        let taken = !option.parenthesized && option.path.is_empty() && option.name == name;
        if taken && !matches!(option.value, Value::Map(_) | Value::List(_)) {
            found = Some(option.value.clone());
        }
        !taken
    });
    found
}
