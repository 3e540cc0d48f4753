//! The syntax tree of a `.proto` file: what was written, not what it means.
//!
//! Names stay as written, nothing is resolved, comments are gone. The canonical text is a print of this tree, and the
//! compatibility check compares two of these trees. It must never hold anything that the canonical text cannot give
//! back, except weak imports.

/// The `syntax` or `edition` line, where one was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Syntax {
    Proto2,
    Proto3,
    Edition2023,
    Edition2024,
}

impl Syntax {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Proto2 => "proto2",
            Self::Proto3 => "proto3",
            Self::Edition2023 => "2023",
            Self::Edition2024 => "2024",
        }
    }

    pub(super) fn is_edition(self) -> bool {
        matches!(self, Self::Edition2023 | Self::Edition2024)
    }

    /// The edition with this name.
    pub(super) fn edition(name: &str) -> Option<Self> {
        match name {
            "2023" => Some(Self::Edition2023),
            "2024" => Some(Self::Edition2024),
            _ => None,
        }
    }

    /// The number in descriptor.proto's `enum Edition`.
    pub(super) fn edition_number(self) -> i32 {
        match self {
            Self::Proto2 => 998,
            Self::Proto3 => 999,
            Self::Edition2023 => 1000,
            Self::Edition2024 => 1001,
        }
    }
}

/// Who may use a type, where it is written (edition 2024).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visibility {
    Export,
    Local,
}

impl Visibility {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Local => "local",
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
    /// Imports for custom options only (edition 2024).
    pub option_imports: Vec<String>,
    pub options: Vec<Opt>,
    pub messages: Vec<Message>,
    pub enums: Vec<Enum>,
    pub extends: Vec<Extend>,
    pub services: Vec<Service>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Message {
    pub name: String,
    pub visibility: Option<Visibility>,
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

impl File {
    pub(super) fn is_edition(&self) -> bool {
        self.syntax.is_some_and(Syntax::is_edition)
    }

    /// The top-level messages, and those that groups of extensions declare, each with where it is.
    pub(super) fn declared(&self) -> impl Iterator<Item = (Step, &Message)> {
        let messages = self.messages.iter().enumerate().map(|(index, message)| (Step::Message(index), message));
        messages.chain(extension_groups(&self.extends))
    }

    /// The message at one of [`File::declared`]'s places.
    pub(super) fn at(&self, step: Step) -> Option<&Message> {
        match step {
            Step::Message(index) => self.messages.get(index),
            Step::ExtendGroup(extend, index) => Some(&self.extends.get(extend)?.groups.get(index)?.body),
            Step::Group(_) | Step::OneofGroup(..) => None,
        }
    }
}

/// Where a message is declared within a file or within another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Message(usize),
    Group(usize),
    /// The oneof, and the group in it.
    OneofGroup(usize, usize),
    /// The `extend` block, and the group in it.
    ExtendGroup(usize, usize),
}

fn extension_groups(extends: &[Extend]) -> impl Iterator<Item = (Step, &Message)> {
    extends.iter().enumerate().flat_map(|(extend, block)| {
        let groups = block.groups.iter().enumerate();
        groups.map(move |(index, group)| (Step::ExtendGroup(extend, index), &group.body))
    })
}

impl Message {
    /// The groups of this message, members of oneofs after the others.
    pub(super) fn all_groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().chain(self.oneofs.iter().flat_map(|oneof| &oneof.groups))
    }

    /// The nested messages, and those that groups declare, each with where it is.
    pub(super) fn declared(&self) -> impl Iterator<Item = (Step, &Message)> {
        let messages = self.messages.iter().enumerate().map(|(index, message)| (Step::Message(index), message));
        let groups = self.groups.iter().enumerate().map(|(index, group)| (Step::Group(index), &group.body));
        let of_oneofs = self.oneofs.iter().enumerate().flat_map(|(oneof, declared)| {
            let groups = declared.groups.iter().enumerate();
            groups.map(move |(index, group)| (Step::OneofGroup(oneof, index), &group.body))
        });
        messages.chain(groups).chain(of_oneofs).chain(extension_groups(&self.extends))
    }

    /// The message at one of [`Message::declared`]'s places.
    pub(super) fn at(&self, step: Step) -> Option<&Message> {
        match step {
            Step::Message(index) => self.messages.get(index),
            Step::Group(index) => Some(&self.groups.get(index)?.body),
            Step::OneofGroup(oneof, index) => Some(&self.oneofs.get(oneof)?.groups.get(index)?.body),
            Step::ExtendGroup(extend, index) => Some(&self.extends.get(extend)?.groups.get(index)?.body),
        }
    }

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
    pub default: Option<Value>,
    pub json_name: Option<String>,
    pub options: Vec<Opt>,
    /// Is a message encoded between tags, as groups are? Set where features are resolved (see `features`); the text says
    /// it by a feature.
    pub delimited: bool,
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
    pub tag: i32,
    pub options: Vec<Opt>,
    /// The message that the group declares; its name is the group's.
    pub body: Message,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Enum {
    pub name: String,
    pub visibility: Option<Visibility>,
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
    pub groups: Vec<Group>,
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
    /// The parts after the name: `(name).a.(b.c)` has the path `a`, `(b.c)`.
    pub path: Vec<String>,
    pub value: Value,
}

impl Opt {
    /// Is this option about features?
    pub(super) fn is_features(&self) -> bool {
        !self.parenthesized && (self.name == "features" || self.name.starts_with("features."))
    }

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
    /// A quoted text whose escapes make bytes that are no UTF-8.
    Bytes(Vec<u8>),
    /// A number as written, blanks after the sign left out.
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
            Self::Text(_) | Self::Bytes(_) | Self::Number(_) | Self::Map(_) | Self::List(_) => false,
        }
    }

    /// The text of a scalar value; none for aggregates.
    pub(super) fn scalar(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Word(text) => Some(text),
            Self::Bytes(_) | Self::Map(_) | Self::List(_) => None,
        }
    }

    /// A quoted text from the bytes that its escapes make.
    pub(super) fn quoted(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }
}

/// An integer as protoc reads it: hexadecimal after `0x`, octal after another `0`, else decimal.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits.trim_start()));
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) if digits.starts_with(['+', '-']) => return None,
        Some(digits) => i128::from_str_radix(digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i128::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    value.ok().map(|value| if negative { -value } else { value })
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
