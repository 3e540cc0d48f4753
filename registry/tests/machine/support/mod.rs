//! What the tests of the state machine share: short builders, a machine in memory, a checker of all rows, and random
//! scripts of commands. The tests of the store on RocksDB use it, too.

#![allow(dead_code, reason = "each test program uses a part of this")]

pub(crate) mod checker;
pub(crate) mod history;
pub(crate) mod script;
pub(crate) mod transitions;

use std::collections::BTreeMap;

use proptest::test_runner::{Config as ProptestConfig, FileFailurePersistence};
use registry::{
    Actor, Applied, ApplyError, Assign, Authentication, Basis, BasisKey, CatalogCommand, CatalogDone, Command, Content,
    Context, Done, Envelope, LogIndex, LogPosition, MemoryView, Outcome, Permanent, Principal, Refusal, Register,
    RequestId, SchemaId, Scope, SemVer, Subject, Terms, Version, apply, level,
};
use schema::{Format, Reference, guid_of};

/// proptest with `cases` cases, unless `PROPTEST_CASES` says otherwise. A failure prints its smallest input and seed.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    const PROPTEST_DEFAULT: u32 = 256;
    let config = ProptestConfig::default();
    let cases = if config.cases == PROPTEST_DEFAULT { cases } else { config.cases };
    let persistence = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(persistence)), max_shrink_iters: 2_000, ..config }
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

pub(crate) fn context(text: &str) -> Context {
    Context::parse(text).unwrap()
}

pub(crate) fn scope(text: &str) -> Scope {
    Scope::Subject(subject(text))
}

pub(crate) fn reference(to: &str, version: i32) -> Reference {
    Reference { name: format!("{to}.{version}"), subject: to.to_owned(), version }
}

/// Content with a text and references; the format follows from the text, so that equal content has one format.
pub(crate) fn content(text: &str, references: Vec<Reference>) -> Content {
    let format = [Format::Avro, Format::Json, Format::Protobuf][text.len() % 3];
    let guid = guid_of(text, &references, None, None);
    Content {
        guid,
        format,
        text: text.to_owned(),
        references,
        metadata: None,
        rule_set: None,
        terms: Terms::of([format!("f:{text}")]),
    }
}

pub(crate) fn register(to: &str, text: &str) -> Command {
    register_with(to, text, Vec::new(), Assign::Next { expected: None })
}

pub(crate) fn register_with(to: &str, text: &str, references: Vec<Reference>, assign: Assign) -> Command {
    let (subject, content) = (subject(to), content(text, references));
    Command::Catalog(CatalogCommand::Register(Register { subject, content, sent: None, assign, semver: SemVer::FIRST }))
}

pub(crate) fn import(to: &str, text: &str, id: u32, version: Option<u32>) -> Command {
    let assign = Assign::Import { id: SchemaId(id), version: version.map(Version) };
    register_with(to, text, Vec::new(), assign)
}

pub(crate) fn delete(of: &str, version: u32, permanent: Permanent) -> Command {
    Command::Catalog(CatalogCommand::DeleteVersion { subject: subject(of), version: Version(version), permanent })
}

pub(crate) fn delete_subject(of: &str, permanent: Permanent) -> Command {
    Command::Catalog(CatalogCommand::DeleteSubject { subject: subject(of), permanent })
}

/// An envelope without a basis.
pub(crate) fn envelope(request_id: &str, time_ms: u64, command: Command) -> Envelope {
    Envelope {
        request_id: RequestId(request_id.to_owned()),
        time_ms,
        actor: Actor { principal: Principal::user("tester", Authentication::Basic), node_id: 1 },
        level: level::BASE,
        trace: None,
        if_revision: None,
        source: None,
        basis: Basis::default(),
        command,
    }
}

pub(crate) fn basis(read_index: u64, keys: impl IntoIterator<Item = BasisKey>) -> Basis {
    Basis { read_index: LogIndex(read_index), keys: keys.into_iter().collect() }
}

/// The state machine over the view in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machine {
    pub view: MemoryView,
    /// The index of the last entry.
    pub index: u64,
    /// The digest after every command so far.
    pub digests: BTreeMap<u64, [u8; 32]>,
}

/// The time of the first entry of a machine in a test.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

impl Machine {
    /// Applies an envelope at the next index without writing its changes.
    pub(crate) fn decide(&self, envelope: &Envelope) -> Result<Applied, ApplyError> {
        apply(&self.view, self.next(), envelope)
    }

    /// Where the next entry stands; the term grows now and then.
    pub(crate) fn next(&self) -> LogPosition {
        let index = self.index + 1;
        LogPosition { index: LogIndex(index), term: 1 + index / 16 }
    }

    /// Takes what an entry came to over into the state.
    pub(crate) fn commit(&mut self, applied: &Applied) {
        self.view.write(&applied.changes);
        self.index += 1;
        self.digests.insert(self.index, applied.digest);
    }

    /// An entry without a command.
    pub(crate) fn skip(&mut self) {
        self.index += 1;
    }

    pub(crate) fn apply(&mut self, envelope: &Envelope) -> Applied {
        let applied = self.decide(envelope).unwrap();
        self.commit(&applied);
        applied
    }

    /// Runs a command under a request id of its own, without a basis, one second after the one before.
    pub(crate) fn run(&mut self, command: Command) -> Outcome {
        let number = self.index + 1;
        let outcome = self.apply(&envelope(&format!("run-{number}"), START_MS + 1_000 * number, command)).outcome;
        checker::check(&self.view);
        outcome
    }

    /// Runs a command that must not be refused.
    pub(crate) fn accept(&mut self, command: Command) -> Outcome {
        match self.run(command.clone()) {
            refused @ (Outcome::Refused(_) | Outcome::Stale { .. }) => panic!("{command:?} came to {refused:?}"),
            outcome => outcome,
        }
    }

    /// Runs a command that must be refused.
    pub(crate) fn refuse(&mut self, command: Command) -> Refusal {
        match self.run(command.clone()) {
            Outcome::Refused(rejection) => rejection,
            outcome => panic!("{command:?} came to {outcome:?}"),
        }
    }

    /// Registers and gives the id and the version.
    pub(crate) fn register(&mut self, to: &str, text: &str) -> (u32, u32) {
        self.registered(register(to, text))
    }

    pub(crate) fn registered(&mut self, command: Command) -> (u32, u32) {
        match self.accept(command) {
            Outcome::Done(Done::Catalog(CatalogDone::Registered { id, version, .. })) => (id.0, version.0),
            outcome => panic!("a registration came to {outcome:?}"),
        }
    }
}

/// All rows of two states are equal; says which differ.
pub(crate) fn assert_same_rows<'a>(
    left: impl IntoIterator<Item = &'a (registry::Key, registry::Row)>,
    right: impl IntoIterator<Item = &'a (registry::Key, registry::Row)>,
) {
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return,
            (left, right) => assert_eq!(left, right, "the first row that differs"),
        }
    }
}
