//! The names of objects: which workload owns a subject is part of its name, and only this module writes and reads that part.

use crate::schemas::Format;

/// The subject of schemas that are large and come many at once.
pub const BULK: &str = "avro-bulk";

/// The workload that owns a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The registration workload ([`crate::workload`]): nothing is ever deleted.
    Registrations,
    /// The model's operations without deletions.
    Rich,
    /// The model's operations with deletions.
    Deleting,
    /// Unique contents and reads of the whole subject.
    Append,
    /// Processes that follow their own writes.
    Session,
    /// Drafts, reviews, and the states of versions.
    Lifecycle,
    /// Levels and modes of subjects.
    Settings,
    /// Schemas that refer to others.
    References,
    /// Subjects in contexts of their own.
    Contexts,
    /// Changes at revisions.
    Revisions,
    /// Writes around nodes that are cut off or were removed.
    Outsider,
    /// The write that every node must take at the end of a drill.
    Liveness,
}

/// All owners whose names have the form `LETTER-SEED-GROUP-NUMBER-x`, with their letters.
const LETTERS: [(Owner, char); 11] = [
    (Owner::Rich, 'm'),
    (Owner::Deleting, 'd'),
    (Owner::Append, 'a'),
    (Owner::Session, 's'),
    (Owner::Lifecycle, 'l'),
    (Owner::Settings, 'c'),
    (Owner::References, 'r'),
    (Owner::Contexts, 'k'),
    (Owner::Revisions, 'v'),
    (Owner::Outsider, 'o'),
    (Owner::Liveness, 'z'),
];

impl Owner {
    /// The owner of a subject, by the subject's name; `None` for a subject of no workload.
    pub fn of_subject(subject: &str) -> Option<Self> {
        // A subject in a context is `:.CONTEXT:NAME`, and the context bears the name of the object.
        let name = subject.strip_prefix(":.").unwrap_or(subject);
        if Format::ALL.iter().any(|format| name.starts_with(&registration_prefix(*format))) {
            return Some(Self::Registrations);
        }
        let (letter, _) = name.split_once('-')?;
        LETTERS.into_iter().find(|(_, own)| letter.chars().eq([*own])).map(|(owner, _)| owner)
    }

    /// May versions of this owner's subjects be deleted for good?
    pub fn deletes_for_good(self) -> bool {
        matches!(self, Self::Deleting | Self::References | Self::Revisions)
    }

    fn owner_letter(self) -> char {
        let found = LETTERS.into_iter().find(|(owner, _)| *owner == self);
        found.map(|(_, letter)| letter).expect("the subjects of registrations are named by registration_subject")
    }
}

/// May versions of this subject be deleted for good?
pub fn deletes_for_good(subject: &str) -> bool {
    Owner::of_subject(subject).is_some_and(Owner::deletes_for_good)
}

/// Is it a subject of a context other than the default one, as events and audit records name it?
pub fn is_in_a_context(subject: &str) -> bool {
    subject.starts_with(":.")
}

/// Is it a subject of the registration workload?
pub fn is_registration_subject(subject: &str) -> bool {
    Owner::of_subject(subject) == Some(Owner::Registrations)
}

/// The name of an object of a group in a run.
pub fn object_name(owner: Owner, seed: u64, group: u32, number: u64) -> String {
    format!("{}-{}-{group}-{number}-x", owner.owner_letter(), seed % 1_000_000)
}

/// The number of an object, from its name; 0 where the name has none.
pub fn object_number(object: &str) -> u64 {
    object.rsplit('-').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The prefix of the names of the registration workload's subjects of a format.
pub fn registration_prefix(format: Format) -> String {
    format!("{}-", format.name().to_lowercase())
}

/// The subject of the registration workload with a format and a number.
pub fn registration_subject(format: Format, number: usize) -> String {
    format!("{}{number}", registration_prefix(format))
}

/// Is it the subject of large schemas that come many at once?
pub fn is_bulk_subject(subject: &str) -> bool {
    subject == BULK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_its_owner_and_number_back() {
        for (owner, _) in LETTERS {
            let name = object_name(owner, 81, 2, 4_003);
            assert_eq!(Owner::of_subject(&name), Some(owner), "{name}");
            assert_eq!(Owner::of_subject(&format!(":.{name}:orders")), Some(owner), "{name} as a context");
            assert_eq!(object_number(&name), 4_003);
        }
        for format in Format::ALL {
            assert!(is_registration_subject(&registration_subject(format, 3)));
        }
        assert!(is_registration_subject(BULK));
        assert_eq!(Owner::of_subject("orders"), None);
        assert_eq!(Owner::of_subject("double-x"), None, "a word is no letter");
    }
}
