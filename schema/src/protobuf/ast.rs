//! The syntax tree of a `.proto` file: what was written, not what it means.
//!
//! Names stay as written, nothing is resolved, comments are gone. The canonical text is a print of this tree, and the
//! compatibility check compares two of these trees. It must never hold anything that the canonical text cannot give
//! back, except weak imports.

/// The `syntax` line, where one was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Proto2,
    Proto3,
}

impl Syntax {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Proto2 => "proto2",
            Self::Proto3 => "proto3",
        }
    }
}

/// One `.proto` file.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct File {
    pub syntax: Option<Syntax>,
    pub package: Option<String>,
    pub imports: Vec<String>,
    pub public_imports: Vec<String>,
    /// Not part of the canonical text, as at Confluent.
    pub weak_imports: Vec<String>,
    pub options: Vec<Opt>,
    pub messages: Vec<Message>,
    pub enums: Vec<Enum>,
    pub extends: Vec<Extend>,
    pub services: Vec<Service>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Message {
    pub name: String,
    pub reserved: Vec<Reserved>,
    pub options: Vec<Opt>,
    pub fields: Vec<Field>,
    pub oneofs: Vec<Oneof>,
    pub groups: Vec<Group>,
    pub extensions: Vec<Extensions>,
    pub extends: Vec<Extend>,
    pub messages: Vec<Message>,
    pub enums: Vec<Enum>,
}

impl Message {
    /// The key and the value field, if this message is the entry of a map written out by hand or by a descriptor.
    pub(super) fn map_entry(&self) -> Option<(&Field, &Field)> {
        let marked = self.options.iter().any(|option| option.is("map_entry") && option.value.is_word("true"));
        if !marked {
            return None;
        }
        let of = |tag| self.fields.iter().find(|field| field.tag == tag);
        Some((of(1)?, of(2)?))
    }
}

/// A written field label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    Required,
    Optional,
    Repeated,
}

impl Label {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Repeated => "repeated",
        }
    }
}

/// A type as written: the name of a scalar, message or enum, or a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TypeName {
    Name(String),
    Map(Box<TypeName>, Box<TypeName>),
}

impl std::fmt::Display for TypeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub label: Option<Label>,
    pub type_name: TypeName,
    pub name: String,
    pub tag: i32,
    pub default: Option<String>,
    pub json_name: Option<String>,
    pub options: Vec<Opt>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Oneof {
    pub name: String,
    pub options: Vec<Opt>,
    pub fields: Vec<Field>,
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub label: Option<Label>,
    pub name: String,
    pub tag: i32,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Enum {
    pub name: String,
    pub reserved: Vec<Reserved>,
    pub options: Vec<Opt>,
    pub constants: Vec<Constant>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Constant {
    pub name: String,
    pub tag: i32,
    pub options: Vec<Opt>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extend {
    pub name: String,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Service {
    pub name: String,
    pub options: Vec<Opt>,
    pub rpcs: Vec<Rpc>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rpc {
    pub name: String,
    pub request: TypeName,
    pub request_streaming: bool,
    pub response: TypeName,
    pub response_streaming: bool,
    pub options: Vec<Opt>,
}

/// The highest field number, written as `max` in ranges.
pub(super) const TAG_MAX: i32 = 536_870_911;

/// One statement `reserved …;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reserved {
    pub values: Vec<ReservedValue>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReservedValue {
    Name(String),
    Tag(i32),
    Range(i32, i32),
}

/// One statement `extensions …;`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extensions {
    /// Single numbers have equal ends; `written_as_range` is kept because the text is.
    pub ranges: Vec<ExtensionRange>,
    pub options: Vec<Opt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExtensionRange {
    Tag(i32),
    Range(i32, i32),
}

/// One option: `name = value`, `(name) = value`, `(name).path = value`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opt {
    /// Without the parentheses.
    pub name: String,
    pub parenthesized: bool,
    /// The parts after the name: `(name).a.b` has the path `a`, `b`.
    pub path: Vec<String>,
    pub value: Value,
}

impl Opt {
    pub(super) fn plain(name: &str, value: Value) -> Self {
        Self { name: name.to_owned(), parenthesized: false, path: Vec::new(), value }
    }

    /// Is this the built-in option `name`?
    pub(super) fn is(&self, name: &str) -> bool {
        !self.parenthesized && self.path.is_empty() && self.name == name
    }
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A quoted text, unescaped.
    Text(String),
    /// A number as written.
    Number(String),
    /// An identifier: `true`, `false` or a constant.
    Word(String),
    /// An aggregate, in the order in which the keys appeared first.
    Map(Vec<(String, Value)>),
    List(Vec<Value>),
}

impl Value {
    pub(super) fn is_word(&self, word: &str) -> bool {
        match self {
            Self::Word(own) => own == word,
            Self::Text(_) | Self::Number(_) | Self::Map(_) | Self::List(_) => false,
        }
    }

    /// The text of a scalar value; none for aggregates.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Word(text) => Some(text),
            Self::Map(_) | Self::List(_) => None,
        }
    }
}

/// The kind of a built-in scalar type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Int32,
    Int64,
    Uint32,
    Uint64,
    Bool,
    Sint32,
    Sint64,
    String,
    Bytes,
    Fixed32,
    Sfixed32,
    Fixed64,
    Sfixed64,
    Float,
    Double,
}

impl Scalar {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "uint32" => Self::Uint32,
            "uint64" => Self::Uint64,
            "bool" => Self::Bool,
            "sint32" => Self::Sint32,
            "sint64" => Self::Sint64,
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "fixed32" => Self::Fixed32,
            "sfixed32" => Self::Sfixed32,
            "fixed64" => Self::Fixed64,
            "sfixed64" => Self::Sfixed64,
            "float" => Self::Float,
            "double" => Self::Double,
            _ => return None,
        })
    }

    /// May a map have keys of this type?
    pub(super) fn is_map_key(self) -> bool {
        !matches!(self, Self::Bytes | Self::Float | Self::Double)
    }
}
