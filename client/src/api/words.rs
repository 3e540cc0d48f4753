//! Schemas as they are sent and as the registry has them, and what is looked for.

use proto::rest::{MetadataBody, ReferenceBody, RegisterRequest, RuleSetBody, SchemaBody};
use schema::{Format, Guid};

/// A reference from one schema to a version of another subject.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The name in the text: the full name of a type (Avro), a `$ref` (JSON Schema), an import path (Protobuf).
    pub name: String,
    /// The subject.
    pub subject: String,
    /// The version; -1 is the latest, which the registry pins.
    pub version: i32,
}

/// A schema to register, to look up or to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchema {
    /// The format.
    pub format: Format,
    /// The text.
    pub text: String,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// Business metadata; part of the identity.
    pub metadata: Option<MetadataBody>,
    /// Rules; part of the identity.
    pub rule_set: Option<RuleSetBody>,
}

/// Metadata and rules have no hash of their own; equal schemas still have equal hashes without them.
impl std::hash::Hash for NewSchema {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.format.hash(state);
        self.text.hash(state);
        self.references.hash(state);
    }
}

impl NewSchema {
    /// A schema of a format, without references.
    pub fn new(format: Format, text: impl Into<String>) -> Self {
        Self { format, text: text.into(), references: Vec::new(), metadata: None, rule_set: None }
    }

    /// An Avro schema.
    pub fn avro(text: impl Into<String>) -> Self {
        Self::new(Format::Avro, text)
    }

    /// A JSON Schema.
    pub fn json(text: impl Into<String>) -> Self {
        Self::new(Format::Json, text)
    }

    /// A Protobuf file.
    pub fn protobuf(text: impl Into<String>) -> Self {
        Self::new(Format::Protobuf, text)
    }

    /// The same with a reference.
    #[must_use]
    pub fn refers(mut self, name: impl Into<String>, subject: impl Into<String>, version: i32) -> Self {
        self.references.push(Reference { name: name.into(), subject: subject.into(), version });
        self
    }

    /// The same with a metadata property.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.get_or_insert_default().properties.insert(name.into(), value.into());
        self
    }

    pub(super) fn body(&self) -> RegisterRequest {
        RegisterRequest {
            schema: Some(self.text.clone()),
            // Avro is what a request without a type means.
            schema_type: (self.format != Format::Avro).then(|| self.format.name().to_owned()),
            references: self.references.iter().map(reference_body).collect(),
            metadata: self.metadata.clone(),
            rule_set: self.rule_set.clone(),
            ..RegisterRequest::default()
        }
    }

    /// The same as a message of the native API.
    pub fn message(&self) -> proto::v1::Schema {
        let metadata = self.metadata.as_ref().map(|metadata| proto::v1::Metadata {
            tags: metadata
                .tags
                .iter()
                .map(|(path, tags)| (path.clone(), proto::v1::Tags { tags: tags.iter().cloned().collect() }))
                .collect(),
            properties: metadata.properties.clone().into_iter().collect(),
            sensitive: metadata.sensitive.iter().cloned().collect(),
        });
        let reference = |reference: &Reference| proto::v1::Reference {
            name: reference.name.clone(),
            subject: reference.subject.clone(),
            version: reference.version,
        };
        proto::v1::Schema {
            format: self.format.name().to_owned(),
            text: self.text.clone(),
            references: self.references.iter().map(reference).collect(),
            metadata,
        }
    }
}

pub(super) fn reference_body(reference: &Reference) -> ReferenceBody {
    ReferenceBody {
        name: Some(reference.name.clone()),
        subject: Some(reference.subject.clone()),
        version: Some(reference.version),
    }
}

/// A schema as the registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSchema {
    /// Its id in its context.
    pub id: u32,
    /// Its content address, where the answer told it.
    pub guid: Option<Guid>,
    /// The subject, where it was asked for by subject.
    pub subject: Option<String>,
    /// The version of that subject.
    pub version: Option<u32>,
    /// The format.
    pub format: Format,
    /// The canonical text.
    pub text: String,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// Business metadata.
    pub metadata: Option<MetadataBody>,
    /// Rules.
    pub rule_set: Option<RuleSetBody>,
    /// Is it soft-deleted?
    pub is_deleted: bool,
}

impl StoredSchema {
    /// What would register the same content again.
    pub fn as_new(&self) -> NewSchema {
        NewSchema {
            format: self.format,
            text: self.text.clone(),
            references: self.references.clone(),
            metadata: self.metadata.clone(),
            rule_set: self.rule_set.clone(),
        }
    }

    pub(super) fn of(body: SchemaBody, id: Option<u32>) -> Result<Self, String> {
        let format = body.schema_type.as_deref().map_or(Some(Format::Avro), Format::from_name);
        let reference = |reference: ReferenceBody| Reference {
            name: reference.name.unwrap_or_default(),
            subject: reference.subject.unwrap_or_default(),
            version: reference.version.unwrap_or(-1),
        };
        Ok(Self {
            id: body.id.or(id).unwrap_or(0),
            guid: body.guid.and_then(|guid| guid.parse().ok()),
            subject: body.subject,
            version: body.version,
            format: format.ok_or_else(|| format!("the schema type {:?} is none", body.schema_type))?,
            text: body.schema.unwrap_or_default(),
            references: body.references.into_iter().map(reference).collect(),
            metadata: body.metadata,
            rule_set: body.rule_set,
            is_deleted: body.deleted.unwrap_or(false),
        })
    }
}

/// What a lookup is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Lookup {
    /// A schema by its id; ids are per context, which a subject may name.
    Id(Option<String>, u32),
    /// A schema by its guid.
    Guid(String),
    /// A version of a subject: a number cannot change, `latest` or a range can.
    Version(String, String),
    /// The version of a subject that has a content; with or without normalisation.
    Content(String, NewSchema, bool),
    /// The same, registered where it is not there.
    Registration(String, NewSchema, bool),
}

impl Lookup {
    pub(crate) fn subject(&self) -> Option<&str> {
        match self {
            Self::Id(..) | Self::Guid(_) => None,
            Self::Version(subject, _) | Self::Content(subject, ..) | Self::Registration(subject, ..) => Some(subject),
        }
    }
}
