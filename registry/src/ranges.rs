//! Ranges of keys: what a scan visits.

use schema::{Format, Guid};

use crate::key_bytes::{KeyPart, SCOPE_SUBJECT, Writer};
use crate::{Context, DraftId, Key, SchemaId, State, Subject, Table, Version};

/// A half-open range of encoded keys, `start` included, `end` not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// First key of the range.
    pub start: Vec<u8>,
    /// First key after the range.
    pub end: Vec<u8>,
    /// From the end to the start?
    pub reverse: bool,
}

impl KeyRange {
    /// All keys that begin with `prefix`.
    fn prefix(prefix: Vec<u8>) -> Self {
        let mut end = prefix.clone();
        // No table byte and no text byte that ends a prefix is FF, so the successor is one increment away.
        while let Some(last) = end.pop() {
            if let Some(next) = last.checked_add(1) {
                end.push(next);
                break;
            }
        }
        Self { start: prefix, end, reverse: false }
    }

    /// The same range, from its end to its start.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { reverse: true, ..self }
    }

    /// The part of the range that comes after `key` (for paging).
    #[must_use]
    pub fn after(mut self, key: &Key) -> Self {
        let mut start = key.encode();
        start.push(0);
        self.start = self.start.max(start);
        self
    }

    /// The part of the range from `key` on, `key` included.
    #[must_use]
    pub fn from(mut self, key: &Key) -> Self {
        self.start = self.start.max(key.encode());
        self
    }

    /// All contexts.
    pub fn contexts() -> Self {
        Self::prefix(Writer::new(Table::Context.byte()).0)
    }

    /// All subjects, or those of one context.
    pub fn subjects(context: Option<&Context>) -> Self {
        let mut writer = Writer::new(Table::Subject.byte());
        if let Some(context) = context {
            context.write(&mut writer);
        }
        Self::prefix(writer.0)
    }

    /// All versions of a subject, ascending.
    pub fn versions(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::Version.byte()).with(subject).0)
    }

    /// The version numbers of a subject that are not used again.
    pub fn retired(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::Retired.byte()).with(subject).0)
    }

    /// All associations, or those of the resource with this id.
    pub fn associations(resource_id: Option<&str>) -> Self {
        let mut writer = Writer::new(Table::Association.byte());
        if let Some(id) = resource_id {
            writer.text(id);
        }
        Self::prefix(writer.0)
    }

    /// The associations of a subject.
    pub fn associations_of(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::AssociationOf.byte()).with(subject).0)
    }

    /// The associations of the resources with this name, in one namespace or in any.
    pub fn associations_named(name: &str, namespace: Option<&str>) -> Self {
        let mut writer = Writer::new(Table::AssociationNamed.byte());
        writer.text(name);
        if let Some(namespace) = namespace {
            writer.text(namespace);
        }
        Self::prefix(writer.0)
    }

    /// All ids of a context, ascending, those that were deleted permanently included.
    pub fn schemas(context: &Context) -> Self {
        let mut writer = Writer::new(Table::Schema.byte());
        context.write(&mut writer);
        Self::prefix(writer.0)
    }

    /// The contents with this guid (one per format).
    pub fn contents(guid: Guid) -> Self {
        let mut writer = Writer::new(Table::Content.byte());
        guid.write(&mut writer);
        Self::prefix(writer.0)
    }

    /// The ids of a content in all contexts.
    pub fn ids_of(guid: Guid, format: Format) -> Self {
        Self::prefix(Writer::new(Table::IdOf.byte()).with(&guid).with(&format).0)
    }

    /// The versions that hold an id.
    pub fn usages(context: &Context, id: SchemaId) -> Self {
        let mut writer = Writer::new(Table::Usage.byte());
        context.write(&mut writer);
        id.write(&mut writer);
        Self::prefix(writer.0)
    }

    /// The schemas that refer to a version.
    pub fn referrers(subject: &Subject, version: Version) -> Self {
        let mut writer = Writer::new(Table::Referrer.byte()).with(subject);
        version.write(&mut writer);
        Self::prefix(writer.0)
    }

    /// The configurations of all subjects.
    pub fn configs_of_subjects() -> Self {
        Self::prefix(vec![Table::Config as u8, SCOPE_SUBJECT])
    }

    /// The modes of all scopes.
    pub fn modes() -> Self {
        Self::prefix(vec![Table::Mode as u8])
    }

    /// The modes of a context's subjects, not its own.
    pub fn modes_of_subjects(context: &Context) -> Self {
        let mut writer = Writer::new(Table::Mode.byte());
        writer.0.push(SCOPE_SUBJECT);
        context.write(&mut writer);
        Self::prefix(writer.0)
    }

    /// Remembered requests, oldest first.
    pub fn requests_by_age() -> Self {
        Self::prefix(vec![Table::RequestAge as u8])
    }

    /// All events, oldest first.
    pub fn events() -> Self {
        Self::prefix(vec![Table::Event as u8])
    }

    /// All audit records, oldest first.
    pub fn audit() -> Self {
        Self::prefix(vec![Table::Audit as u8])
    }

    /// The drafts of a subject, oldest first; without one, all drafts.
    pub fn drafts(subject: Option<&Subject>) -> Self {
        let writer = Writer::new(Table::Draft.byte());
        Self::prefix(subject.map_or(writer.0.clone(), |subject| writer.with(subject).0))
    }

    /// The steps of a life, oldest first.
    pub fn history(subject: &Subject, life: DraftId) -> Self {
        let mut writer = Writer::new(Table::History.byte()).with(subject);
        life.write(&mut writer);
        Self::prefix(writer.0)
    }

    /// The consumers of a subject.
    pub fn consumers(subject: &Subject) -> Self {
        Self::prefix(Writer::new(Table::Consumer.byte()).with(subject).0)
    }

    /// What contents are found by, oldest first.
    pub fn terms() -> Self {
        Self::prefix(vec![Table::Terms as u8])
    }

    /// The subjects of a context whose names begin like this.
    pub fn subjects_with(context: &Context, prefix: &str) -> Self {
        let mut writer = Writer::new(Table::Subject.byte());
        context.write(&mut writer);
        writer.text(prefix);
        writer.0.truncate(writer.0.len() - 2);
        Self::prefix(writer.0)
    }

    /// The versions in a state.
    pub fn in_state(state: State) -> Self {
        let mut writer = Writer::new(Table::InState.byte());
        state.write(&mut writer);
        Self::prefix(writer.0)
    }

    /// All accounts.
    pub fn accounts() -> Self {
        Self::prefix(vec![Table::Account as u8])
    }

    /// All roles that somebody made.
    pub fn roles() -> Self {
        Self::prefix(vec![Table::Role as u8])
    }

    /// All bindings.
    pub fn bindings() -> Self {
        Self::prefix(vec![Table::Binding as u8])
    }

    /// All policies above roles.
    pub fn access_policies() -> Self {
        Self::prefix(vec![Table::AccessPolicy as u8])
    }

    /// Every key of the state.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: vec![0xff], reverse: false }
    }
}
