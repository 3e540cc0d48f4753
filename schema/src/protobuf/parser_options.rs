//! The part of the grammar that reads options and their values, as Wire reads them: paths, aggregates in text format,
//! lists. Nothing is checked against the definition of an option.

use indexmap::IndexMap;

use super::ast::{Opt, Value};
use super::parser::Parser;
use crate::{SchemaError, limits};

impl Parser<'_> {
    /// The rest of `option …;`.
    pub(super) fn option_statement(&mut self) -> Result<Opt, SchemaError> {
        let option = self.parse_option()?;
        self.lexer.require(b';')?;
        Ok(option)
    }

    /// A list of options in brackets, which may be absent.
    pub(super) fn parse_options(&mut self) -> Result<Vec<Opt>, SchemaError> {
        let mut options = Vec::new();
        if !self.lexer.take(b'[')? {
            return Ok(options);
        }
        loop {
            options.push(self.parse_option()?);
            if self.lexer.take(b']')? {
                return Ok(options);
            }
            if !self.lexer.take(b',')? {
                return Err(self.lexer.error("Expected ',' or ']"));
            }
        }
    }

    /// One option of a list or a statement.
    fn parse_option(&mut self) -> Result<Opt, SchemaError> {
        self.parse_member()?;
        let parenthesized = self.lexer.peek()? == b'(';
        let name = if parenthesized { self.lexer.name()? } else { self.lexer.read_dotted()? };
        // A dot before a part in parentheses still belongs to the word before it.
        let (name, mut is_open) = match name.strip_suffix('.') {
            Some(name) => (name.to_owned(), true),
            None => (name.into_owned(), false),
        };
        let mut path = Vec::new();
        while is_open || self.lexer.take(b'.')? {
            is_open = self.path_part(&mut path)?;
        }
        self.parse_separator(b'=')?;
        let value = self.parse_value()?;
        Ok(Opt { name, parenthesized, path, value })
    }

    fn parse_separator(&mut self, separator: u8) -> Result<(), SchemaError> {
        if self.lexer.take(separator)? {
            return Ok(());
        }
        Err(self.lexer.error(&format!("expected '{}' in option", char::from(separator))))
    }

    /// One part of an option's path, or several in one word; is the path to go on?
    fn path_part(&mut self, path: &mut Vec<String>) -> Result<bool, SchemaError> {
        let first = self.lexer.peek()?;
        let word = if first == b'(' { self.lexer.name()? } else { self.lexer.read_dotted()? };
        let mut is_open = false;
        if first == b'(' {
            path.push(format!("({word})"));
        } else {
            let names = word.strip_suffix('.').unwrap_or(&word);
            is_open = names.len() < word.len();
            path.extend(names.split('.').map(str::to_owned));
        }
        if path.len() > limits::SCHEMA_DEPTH_MAX {
            let allowed = limits::SCHEMA_DEPTH_MAX as u64;
            return Err(SchemaError::Limit { limit: "SCHEMA_DEPTH_MAX", allowed });
        }
        Ok(is_open)
    }

    fn parse_value(&mut self) -> Result<Value, SchemaError> {
        match self.lexer.peek()? {
            open @ (b'{' | b'<') => self.parse_aggregate(open),
            b'[' => self.parse_list(),
            b'"' | b'\'' => self.lexer.read_quoted(),
            _ => {
                let text = self.lexer.read_scalar()?;
                let is_number = text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '.'));
                Ok(if is_number { Value::Number(text) } else { Value::Word(text) })
            }
        }
    }

    /// An aggregate in text format, in braces or angle brackets.
    fn parse_aggregate(&mut self, open: u8) -> Result<Value, SchemaError> {
        self.enter()?;
        let close = if open == b'<' { b'>' } else { b'}' };
        self.lexer.aggregates += 1;
        self.lexer.require(open)?;
        let mut entries = Entries::default();
        while self.lexer.peek()? != close {
            self.parse_entry(&mut entries)?;
            // A separator is optional.
            if !self.lexer.take(b',')? {
                self.lexer.take(b';')?;
            }
        }
        // What follows the last brace is no text format any more.
        self.lexer.aggregates -= 1;
        self.lexer.require(close)?;
        self.leave();
        Ok(entries.into_value())
    }

    /// One entry of an aggregate. Its `:` may be left out before a message, or a list of messages.
    fn parse_entry(&mut self, entries: &mut Entries) -> Result<(), SchemaError> {
        self.parse_member()?;
        let first = self.lexer.peek()?;
        let name = match first {
            b'[' => format!("[{}]", self.lexer.read_bracketed()?),
            b'(' => self.lexer.name()?.into_owned(),
            _ => self.lexer.read_word()?.to_owned(),
        };
        let mut path = Vec::new();
        while self.lexer.take(b'.')? {
            while self.path_part(&mut path)? {}
        }
        if !matches!(self.lexer.peek()?, b'{' | b'<' | b'[') {
            self.parse_separator(b':')?;
        } else {
            self.lexer.take(b':')?;
        }
        let value = self.parse_value()?;
        entries.add(name, path, value);
        Ok(())
    }

    fn parse_list(&mut self) -> Result<Value, SchemaError> {
        self.enter()?;
        self.lexer.require(b'[')?;
        let mut values = Vec::new();
        while !self.lexer.take(b']')? {
            self.parse_member()?;
            values.push(self.parse_value()?);
            if !self.lexer.take(b',')? && self.lexer.peek()? != b']' {
                return Err(self.lexer.error("expected ',' or ']'"));
            }
        }
        self.leave();
        Ok(Value::List(values))
    }
}

/// The entries of an aggregate: keys in the order of their first appearance, a repeated key makes a list.
#[derive(Default)]
pub(super) struct Entries(IndexMap<String, Value>);

impl Entries {
    pub(super) fn add(&mut self, name: String, path: Vec<String>, value: Value) {
        let value = nest(path, value);
        add_value(&mut self.0, name, value);
    }

    pub(super) fn into_value(self) -> Value {
        Value::Map(self.0.into_iter().collect())
    }
}

/// `a.b: v` means `a { b: v }`.
fn nest(path: Vec<String>, value: Value) -> Value {
    path.into_iter().rev().fold(value, |value, part| Value::Map(vec![(part, value)]))
}

fn add_value(entries: &mut IndexMap<String, Value>, name: String, value: Value) {
    match entries.get_mut(&name) {
        None => {
            entries.insert(name, value);
        }
        Some(Value::List(list)) => match value {
            Value::List(values) => list.extend(values),
            Value::Text(_) | Value::Bytes(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) => list.push(value),
        },
        Some(previous) => {
            let first = std::mem::replace(previous, Value::List(Vec::new()));
            let mut list = vec![first];
            match value {
                Value::List(values) => list.extend(values),
                Value::Text(_) | Value::Bytes(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) => {
                    list.push(value)
                }
            }
            *previous = Value::List(list);
        }
    }
}
