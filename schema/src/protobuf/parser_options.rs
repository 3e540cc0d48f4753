//! The part of the grammar that reads options and their values, as Wire reads them: paths, aggregates in text format,
//! lists. Nothing is checked against the definition of an option.

use indexmap::IndexMap;

use super::ast::{Opt, Value};
use super::parser::Parser;
use crate::{SchemaError, limits};

impl Parser<'_> {
    /// The rest of `option …;`.
    pub(super) fn option_statement(&mut self) -> Result<Opt, SchemaError> {
        let option = self.option(b'=')?;
        self.lexer.require(b';')?;
        Ok(option)
    }

    /// A list of options in brackets, which may be absent.
    pub(super) fn options(&mut self) -> Result<Vec<Opt>, SchemaError> {
        let mut options = Vec::new();
        if !self.lexer.take(b'[')? {
            return Ok(options);
        }
        loop {
            options.push(self.option(b'=')?);
            if self.lexer.take(b']')? {
                return Ok(options);
            }
            if !self.lexer.take(b',')? {
                return Err(self.lexer.error("Expected ',' or ']"));
            }
        }
    }

    /// One option, or one entry of an aggregate, where the separator is `:` and may be left out before `{`.
    fn option(&mut self, separator: u8) -> Result<Opt, SchemaError> {
        self.member()?;
        let first = self.lexer.peek()?;
        let name = self.lexer.name()?;
        let name = if first == b'[' { format!("[{name}]") } else { name.to_owned() };
        let mut path = Vec::new();
        while self.lexer.take(b'.')? {
            self.path_part(&mut path)?;
        }
        let bare_aggregate = separator == b':' && self.lexer.peek()? == b'{';
        if !bare_aggregate && !self.lexer.take(separator)? {
            return Err(self.lexer.error(&format!("expected '{}' in option", char::from(separator))));
        }
        let value = self.value()?;
        Ok(Opt { name, parenthesized: first == b'(', path, value })
    }

    fn path_part(&mut self, path: &mut Vec<String>) -> Result<(), SchemaError> {
        let first = self.lexer.peek()?;
        let word = self.lexer.name()?;
        if first == b'(' {
            path.push(format!("({word})"));
        } else {
            path.extend(word.split('.').map(str::to_owned));
        }
        if path.len() > limits::SCHEMA_DEPTH_MAX {
            let allowed = limits::SCHEMA_DEPTH_MAX as u64;
            return Err(SchemaError::Limit { limit: "SCHEMA_DEPTH_MAX", allowed });
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, SchemaError> {
        match self.lexer.peek()? {
            b'{' => self.aggregate(),
            b'[' => self.list(),
            b'"' | b'\'' => self.lexer.quoted().map(Value::Text),
            byte => {
                let word = self.lexer.word()?.to_owned();
                Ok(if byte.is_ascii_digit() || byte == b'-' { Value::Number(word) } else { Value::Word(word) })
            }
        }
    }

    fn aggregate(&mut self) -> Result<Value, SchemaError> {
        self.enter()?;
        self.lexer.require(b'{')?;
        let mut entries = Entries::default();
        while !self.lexer.take(b'}')? {
            let option = self.option(b':')?;
            entries.add(option.name, option.path, option.value);
            // A separator is optional.
            if !self.lexer.take(b',')? {
                self.lexer.take(b';')?;
            }
        }
        self.leave();
        Ok(entries.into_value())
    }

    fn list(&mut self) -> Result<Value, SchemaError> {
        self.enter()?;
        self.lexer.require(b'[')?;
        let mut values = Vec::new();
        while !self.lexer.take(b']')? {
            self.member()?;
            values.push(self.value()?);
            if !self.lexer.take(b',')? && self.lexer.peek()? != b']' {
                return Err(self.lexer.error("expected ',' or ']'"));
            }
        }
        self.leave();
        Ok(Value::List(values))
    }
}

/// Removes the built-in options `name` and gives the value of the last.
pub(super) fn take_plain(options: &mut Vec<Opt>, name: &str) -> Option<String> {
    let mut found = None;
    options.retain(|option| {
        let taken = !option.parenthesized && option.path.is_empty() && option.name == name;
        if let (true, Some(value)) = (taken, option.value.scalar()) {
            found = Some(value.to_owned());
        }
        !taken
    });
    found
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
            Value::Text(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) => list.push(value),
        },
        Some(previous) => {
            let first = std::mem::replace(previous, Value::List(Vec::new()));
            let mut list = vec![first];
            match value {
                Value::List(values) => list.extend(values),
                Value::Text(_) | Value::Number(_) | Value::Word(_) | Value::Map(_) => list.push(value),
            }
            *previous = Value::List(list);
        }
    }
}
