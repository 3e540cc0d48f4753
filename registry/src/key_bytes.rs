//! The bytes of keys, part by part.
//!
//! The encoding keeps the order of keys, so that a range of keys is a range of bytes in every store:
//!
//! | part | bytes |
//! |---|---|
//! | table | one byte |
//! | text | UTF-8 with `00` written as `00 FF`, closed by `00 00` |
//! | number | big endian |
//! | guid | its 16 bytes |
//! | format, state | one byte |
//! | scope | one byte for its kind, then its context or subject |
//!
//! These bytes are format: they never change once released.

use schema::{Format, Guid};

use crate::{Context, DraftId, LogIndex, RequestId, SchemaId, Scope, State, Subject, Version};

pub(crate) const SCOPE_GLOBAL: u8 = 0;
pub(crate) const SCOPE_CONTEXT: u8 = 1;
pub(crate) const SCOPE_SUBJECT: u8 = 2;

/// A part of a key.
pub(crate) trait KeyPart: Sized {
    fn write(&self, writer: &mut Writer);
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

pub(crate) struct Writer(pub(crate) Vec<u8>);

impl Writer {
    /// A key of the table whose keys begin with this byte.
    pub(crate) fn new(table: u8) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(table);
        Self(bytes)
    }

    /// The same with one more part.
    pub(crate) fn with(mut self, part: &impl KeyPart) -> Self {
        part.write(&mut self);
        self
    }

    pub(crate) fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self.0.extend([0, 0]);
    }
}

pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn text(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            match self.byte()? {
                0 => match self.byte()? {
                    0 => return String::from_utf8(bytes).ok(),
                    0xff => bytes.push(0),
                    _ => return None,
                },
                byte => bytes.push(byte),
            }
        }
    }
}

macro_rules! number_parts {
    ($($type:ty),+) => {
        $(impl KeyPart for $type {
            fn write(&self, writer: &mut Writer) {
                writer.0.extend(self.to_be_bytes());
            }

            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                reader.array().map(Self::from_be_bytes)
            }
        })+
    };
}

macro_rules! newtype_parts {
    ($($type:ident),+) => {
        $(impl KeyPart for $type {
            fn write(&self, writer: &mut Writer) {
                self.0.write(writer);
            }

            fn read(reader: &mut Reader<'_>) -> Option<Self> {
                KeyPart::read(reader).map(Self)
            }
        })+
    };
}

number_parts!(u8, u32, u64);
newtype_parts!(SchemaId, Version, DraftId, LogIndex, RequestId);

impl KeyPart for String {
    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.text()
    }
}

impl KeyPart for Guid {
    fn write(&self, writer: &mut Writer) {
        writer.0.extend(self.0);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.array().map(Guid)
    }
}

impl KeyPart for Format {
    fn write(&self, writer: &mut Writer) {
        writer.0.push(match self {
            Self::Avro => 1,
            Self::Json => 2,
            Self::Protobuf => 3,
        });
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            1 => Some(Self::Avro),
            2 => Some(Self::Json),
            3 => Some(Self::Protobuf),
            _ => None,
        }
    }
}

fn state_byte(state: State) -> u8 {
    match state {
        State::Draft => 1,
        State::PendingReview => 2,
        State::ChangesRequested => 3,
        State::Approved => 4,
        State::Rejected => 5,
        State::Active => 6,
        State::Deprecated => 7,
        State::Archived => 8,
        State::RolledBack => 9,
        State::Quarantined => 10,
        State::Deleted => 11,
    }
}

impl KeyPart for State {
    fn write(&self, writer: &mut Writer) {
        writer.0.push(state_byte(*self));
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let byte = reader.byte()?;
        Self::ALL.into_iter().find(|state| state_byte(*state) == byte)
    }
}

/// As it is written: with its dot.
impl KeyPart for Context {
    fn write(&self, writer: &mut Writer) {
        writer.text(self.as_str());
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.text()?;
        Self::parse(&text).ok().filter(|context| context.as_str() == text)
    }
}

impl KeyPart for Subject {
    fn write(&self, writer: &mut Writer) {
        self.context.write(writer);
        writer.text(&self.name);
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { context: KeyPart::read(reader)?, name: reader.text()? })
    }
}

impl KeyPart for Scope {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Global => writer.0.push(SCOPE_GLOBAL),
            Self::Context(context) => {
                writer.0.push(SCOPE_CONTEXT);
                context.write(writer);
            }
            Self::Subject(subject) => {
                writer.0.push(SCOPE_SUBJECT);
                subject.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        match reader.byte()? {
            SCOPE_GLOBAL => Some(Self::Global),
            SCOPE_CONTEXT => KeyPart::read(reader).map(Self::Context),
            SCOPE_SUBJECT => KeyPart::read(reader).map(Self::Subject),
            _ => None,
        }
    }
}
