//! Random scripts: steps that are prepared against the state of the moment, as a node would, and applied at once or later.
//!
//! A step is abstract ("delete the second version of subject 3"), so that scripts shrink well and most commands make sense.

use proptest::prelude::*;
use registry::query::{self, Include};
use registry::{
    Assign, Basis, BasisKey, CatalogCommand, ClusterCommand, Command, Config, Content, Decision, Deleted, DraftContent,
    DraftId, DraftState, Envelope, LifeChange, LifePolicy, LogIndex, LogPosition, Mode, Permanent, Register, Report,
    SchemaId, Scope, SemVer, SettingsCommand, Subject, Version, VersionState, level,
};
use schema::Reference;
use schema::compat::Level;

use super::history::History;
use super::{Machine, START_MS, checker, content, context, envelope, subject};

const SUBJECTS: [&str; 7] = ["a", "b", "c", ":.eu:a", ":.eu:b", ":.us:a", ":.us:"];
const CONTEXTS: [&str; 4] = [".", ".eu", ".us", ".none"];
const HOUR_MS: i64 = 60 * 60 * 1000;

/// One step of a script.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub op: Op,
    /// The command is prepared now and applied after so many other steps.
    pub delay: u8,
    /// How far the leader's clock has moved; backwards, too.
    pub clock_ms: i64,
    /// An entry without a command comes first.
    pub blank: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Registers one of a few texts.
    Register {
        subject: usize,
        text: u8,
        references: Vec<u8>,
        expected: Option<u8>,
        sent: bool,
    },
    /// Registers content that some version has already, perhaps of another subject or context.
    Known {
        subject: usize,
        pick: u8,
    },
    /// Imports; unless `bare`, IMPORT mode is set around it.
    Import {
        subject: usize,
        text: u8,
        references: Vec<u8>,
        id: u8,
        version: Option<u8>,
        bare: bool,
    },
    /// Imports a version again as it was.
    ImportAgain {
        pick: u8,
    },
    DeleteVersion {
        subject: usize,
        pick: u8,
        permanent: bool,
    },
    DeleteSubject {
        subject: usize,
        permanent: bool,
    },
    SetConfig {
        scope: usize,
        level: Option<u8>,
    },
    SetMode {
        scope: usize,
        mode: Option<u8>,
        force: bool,
        recursive: bool,
    },
    DeleteContext {
        context: usize,
    },
    /// Raises the level, or asks for what is in force.
    RaiseLevel,
    /// Records an operation, one that is refused now and then.
    RecordOperation {
        name: u8,
    },
    Found {
        name: u8,
    },
    /// A step of some life: mostly one that fits the state that it finds.
    Life {
        subject: usize,
        kind: u8,
        pick: u8,
        text: u8,
    },
    /// Sets or removes the policy of a scope.
    SetPolicy {
        scope: usize,
        policy: Option<(bool, u8)>,
    },
    /// Proposes an earlier envelope again.
    Retry {
        back: u8,
    },
}

/// Scripts of up to `length` steps.
pub(crate) fn steps(length: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..length)
}

fn step() -> impl Strategy<Value = Step> {
    let clock_ms = prop_oneof![20 => 0..5_000_i64, 3 => -10_000..0_i64, 1 => 0..30 * HOUR_MS];
    let delay = prop_oneof![6 => Just(0_u8), 2 => 1..5_u8];
    (op(), delay, clock_ms, proptest::bool::weighted(0.05)).prop_map(|(op, delay, clock_ms, blank)| Step {
        op,
        delay,
        clock_ms,
        blank,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let a_subject = || 0..SUBJECTS.len();
    let a_scope = || 0..SUBJECTS.len() + CONTEXTS.len() + 1;
    let references = || proptest::collection::vec(any::<u8>(), 0..3);
    let a_version = || proptest::option::weighted(0.3, 1..6_u8);
    // Mostly back to normal, so that a script does not spend its life in read-only mode.
    let a_mode = prop_oneof![3 => Just(None), 1 => (0..5_u8).prop_map(Some)];
    prop_oneof![
        10 => (a_subject(), 0..10_u8, references(), a_version(), any::<bool>()).prop_map(
            |(subject, text, references, expected, sent)| Op::Register { subject, text, references, expected, sent }
        ),
        4 => (a_subject(), any::<u8>()).prop_map(|(subject, pick)| Op::Known { subject, pick }),
        3 => (a_subject(), 0..10_u8, references(), 1..20_u8, a_version(), proptest::bool::weighted(0.2)).prop_map(
            |(subject, text, references, id, version, bare)| {
                Op::Import { subject, text, references, id, version, bare }
            }
        ),
        1 => any::<u8>().prop_map(|pick| Op::ImportAgain { pick }),
        6 => (a_subject(), any::<u8>(), any::<bool>())
            .prop_map(|(subject, pick, permanent)| Op::DeleteVersion { subject, pick, permanent }),
        4 => (a_subject(), any::<bool>()).prop_map(|(subject, permanent)| Op::DeleteSubject { subject, permanent }),
        2 => (a_scope(), proptest::option::of(0..8_u8)).prop_map(|(scope, level)| Op::SetConfig { scope, level }),
        2 => (a_scope(), a_mode, any::<bool>(), any::<bool>())
            .prop_map(|(scope, mode, force, recursive)| Op::SetMode { scope, mode, force, recursive }),
        1 => (0..CONTEXTS.len()).prop_map(|context| Op::DeleteContext { context }),
        1 => Just(Op::RaiseLevel),
        1 => (0..3_u8).prop_map(|name| Op::RecordOperation { name }),
        1 => (0..2_u8).prop_map(|name| Op::Found { name }),
        // Few subjects, so that lives become long.
        24 => (0..2_usize, 0..17_u8, any::<u8>(), 0..10_u8)
            .prop_map(|(subject, kind, pick, text)| Op::Life { subject, kind, pick, text }),
        2 => (a_scope(), proptest::option::weighted(0.4, (any::<bool>(), 0..3_u8)))
            .prop_map(|(scope, policy)| Op::SetPolicy { scope, policy }),
        3 => any::<u8>().prop_map(|back| Op::Retry { back }),
    ]
}

/// An entry of the log that a script makes: a command, or none.
pub(crate) type LogEntry = (LogPosition, Option<Envelope>);

/// A script on its way.
#[derive(Default)]
pub(crate) struct Player {
    pub machine: Machine,
    pub log: Vec<LogEntry>,
    pub history: History,
    waiting: Vec<(u8, Envelope)>,
    clock_ms: u64,
    prepared: u32,
}

impl Player {
    /// Plays a script to its end, checking every entry and, every few entries, every row.
    pub(crate) fn play(steps: &[Step]) -> Self {
        let mut player = Self { clock_ms: START_MS, ..Self::default() };
        for step in steps {
            player.step(step);
        }
        while !player.waiting.is_empty() {
            player.propose_due();
        }
        checker::check(&player.machine.view);
        player
    }

    fn step(&mut self, step: &Step) {
        self.clock_ms = self.clock_ms.saturating_add_signed(step.clock_ms);
        if step.blank {
            self.log.push((self.machine.next(), None));
            self.machine.skip();
        }
        for command in self.prepare(&step.op) {
            if step.delay == 0 {
                self.propose(command);
            } else {
                self.waiting.push((step.delay, command));
            }
        }
        self.propose_due();
        if self.log.len().is_multiple_of(8) {
            checker::check(&self.machine.view);
        }
    }

    fn propose_due(&mut self) {
        let mut due = Vec::new();
        self.waiting.retain_mut(|(delay, envelope)| {
            *delay -= 1;
            if *delay == 0 {
                due.push(envelope.clone());
            }
            *delay > 0
        });
        for envelope in due {
            self.propose(envelope);
        }
    }

    fn propose(&mut self, mut envelope: Envelope) {
        envelope.time_ms = self.clock_ms;
        let position = self.machine.next();
        let applied = self.machine.decide(&envelope).unwrap();
        self.history.observe(&self.machine.view, position, &envelope, &applied);
        self.machine.commit(&applied);
        self.log.push((position, Some(envelope)));
    }

    fn prepare(&mut self, op: &Op) -> Vec<Envelope> {
        if let Op::Retry { back } = op {
            let earlier: Vec<_> = self.log.iter().filter_map(|(_, envelope)| envelope.as_ref()).collect();
            return pick(&earlier, *back).map(|envelope| vec![(*envelope).clone()]).unwrap_or_default();
        }
        let read_index = LogIndex(self.machine.index);
        self.commands(op)
            .into_iter()
            .map(|command| {
                self.prepared += 1;
                let keys = keys_of(&command);
                let mut envelope = envelope(&format!("step-{}", self.prepared), self.clock_ms, command);
                envelope.actor.node_id = 1 + u64::from(self.prepared % 3);
                let name = ["ann", "bob", "cyd"][self.prepared as usize % 3];
                envelope.actor.principal = registry::Principal::user(name, registry::Authentication::Basic);
                envelope.basis = Basis { read_index, keys };
                envelope
            })
            .collect()
    }

    fn commands(&self, op: &Op) -> Vec<Command> {
        let view = &self.machine.view;
        match op {
            Op::Register { subject: to, text, references, expected, sent } => {
                let subject = subject(SUBJECTS[*to]);
                let content = content(&text_of(*text), self.references(references));
                let sent = sent.then(|| format!(" {} ", content.text));
                let expected = expected.map(|number| Version(number.into()));
                let assign = Assign::Next { expected };
                self.registration(Register { subject, content, sent, assign, semver: SemVer::FIRST })
                    .into_iter()
                    .collect()
            }
            Op::Known { subject: to, pick: which } => {
                let subject = subject(SUBJECTS[*to]);
                let known = self.versions();
                let Some((_, _, content)) = pick(&known, *which) else { return Vec::new() };
                let assign = Assign::Next { expected: None };
                let register =
                    Register { subject, content: content.clone(), sent: None, assign, semver: SemVer::FIRST };
                self.registration(register).into_iter().collect()
            }
            Op::Import { subject: to, text, references, id, version, bare } => {
                let subject = subject(SUBJECTS[*to]);
                let content = content(&text_of(*text), self.references(references));
                let version = version.map(|number| Version(number.into()));
                let assign = Assign::Import { id: SchemaId((*id).into()), version };
                let register = self.registration(Register {
                    subject: subject.clone(),
                    content,
                    sent: None,
                    assign,
                    semver: SemVer::FIRST,
                });
                if *bare { register.into_iter().collect() } else { in_import_mode(&subject, register) }
            }
            Op::ImportAgain { pick: which } => {
                let known = self.versions();
                let Some((subject, version, content)) = pick(&known, *which) else { return Vec::new() };
                let id = query::id_of(view, &subject.context, content.guid, content.format).unwrap().unwrap();
                let assign = Assign::Import { id, version: Some(*version) };
                let register = Register {
                    subject: subject.clone(),
                    content: content.clone(),
                    sent: None,
                    assign,
                    semver: SemVer::FIRST,
                };
                in_import_mode(subject, self.registration(register))
            }
            Op::DeleteVersion { subject: of, pick: which, permanent } => {
                let subject = subject(SUBJECTS[*of]);
                let versions = query::versions(view, &subject).unwrap();
                // Mostly versions that can be deleted in this way, at times any number.
                let fitting: Vec<_> = versions
                    .iter()
                    .filter(|(_, row)| which % 4 == 0 || (row.deleted == Deleted::Soft) == *permanent)
                    .map(|(version, _)| *version)
                    .collect();
                let version = pick(&fitting, *which).copied().unwrap_or(Version(u32::from(which % 5) + 1));
                vec![Command::Catalog(CatalogCommand::DeleteVersion {
                    subject,
                    version,
                    permanent: permanent_if(*permanent),
                })]
            }
            Op::DeleteSubject { subject: of, permanent } => {
                vec![Command::Catalog(CatalogCommand::DeleteSubject {
                    subject: subject(SUBJECTS[*of]),
                    permanent: permanent_if(*permanent),
                })]
            }
            Op::SetConfig { scope, level } => {
                let config = level.map(|level| Config {
                    compatibility_level: Some(Level::ALL[usize::from(level)]),
                    ..Config::default()
                });
                vec![Command::Settings(SettingsCommand::SetConfig { scope: scope_of(*scope), config })]
            }
            Op::SetMode { scope, mode, force, recursive } => {
                const MODES: [Mode; 5] =
                    [Mode::ReadWrite, Mode::ReadOnly, Mode::ReadOnlyOverride, Mode::Import, Mode::Forward];
                let mode = mode.map(|mode| MODES[usize::from(mode)]);
                vec![Command::Settings(SettingsCommand::SetMode {
                    scope: scope_of(*scope),
                    mode,
                    force: *force,
                    recursive: *recursive,
                })]
            }
            Op::DeleteContext { context: of } => {
                vec![Command::Catalog(CatalogCommand::DeleteContext { context: context(CONTEXTS[*of]) })]
            }
            Op::RaiseLevel => vec![Command::Cluster(ClusterCommand::RaiseLevel { level: level::SUPPORTED })],
            Op::RecordOperation { name } => {
                let operation = registry::Operation {
                    name: ["cluster.member_add", "Not A Name", "snapshot.build"][usize::from(*name)].to_owned(),
                    resource: "node/4".to_owned(),
                    details: vec![("address".to_owned(), "localhost:1".to_owned())],
                    outcome: "ok".to_owned(),
                    reason: String::new(),
                };
                vec![Command::Cluster(ClusterCommand::RecordOperation(operation))]
            }
            Op::Found { name } => {
                vec![Command::Cluster(ClusterCommand::Found { cluster_id: format!("cluster-{name}") })]
            }
            Op::Life { subject: of, kind, pick: which, text } => {
                let change = self.change_of_life(&subject(SUBJECTS[*of]), *kind, *which, *text);
                let (subject, reason) = (subject(SUBJECTS[*of]), reason_of(*which));
                let command = |change| Command::Life(registry::LifeCommand { subject, reason, change });
                change.map(|change| vec![command(change)]).unwrap_or_default()
            }
            Op::SetPolicy { scope, policy } => {
                let policy = policy.map(|(review, approvals)| LifePolicy {
                    review: Some(review),
                    approvals: Some(u32::from(approvals)),
                    deprecation_notice_ms: Some(u64::from(approvals) * 1_000),
                    event_count_max: (*scope == SUBJECTS.len() + CONTEXTS.len()).then_some(20),
                    ..LifePolicy::default()
                });
                vec![Command::Settings(SettingsCommand::SetPolicy { scope: scope_of(*scope), policy })]
            }
            Op::Retry { .. } => Vec::new(),
        }
    }

    fn change_of_life(&self, of: &Subject, kind: u8, which: u8, text: u8) -> Option<LifeChange> {
        let view = &self.machine.view;
        let drafts = query::drafts(view, Some(of)).unwrap();
        let versions = query::versions(view, of).unwrap();
        // Mostly something in the fitting state, at times anything.
        let draft_in = |states: &[DraftState]| {
            let fitting: Vec<_> =
                drafts.iter().filter(|(_, _, row)| which.is_multiple_of(16) || states.contains(&row.state)).collect();
            pick(&fitting, which).map_or(DraftId(u64::from(which)), |(_, id, _)| *id)
        };
        let version_in = |state: VersionState| {
            let fitting: Vec<_> =
                versions.iter().filter(|(_, row)| which.is_multiple_of(16) || row.state == state).collect();
            pick(&fitting, which).map_or(Version(u32::from(which % 4) + 1), |(version, _)| *version)
        };
        let report = Report { compatible: text != 3, breaking: which.is_multiple_of(3), ..Report::default() };
        let draft = || {
            let content = content(&text_of(text), Vec::new());
            DraftContent { content, sent: None, report: report.clone() }
        };
        let semver = SemVer::FIRST;
        Some(match kind {
            0 | 1 => LifeChange::Create { draft: draft() },
            2 => {
                LifeChange::Revise { id: draft_in(&[DraftState::Draft, DraftState::ChangesRequested]), draft: draft() }
            }
            3 | 4 => LifeChange::Submit { id: draft_in(&[DraftState::Draft, DraftState::ChangesRequested]), report },
            5 => LifeChange::Publish { id: draft_in(&[DraftState::Draft]), report, semver },
            6 | 7 => {
                let decision = [Decision::Approve, Decision::Approve, Decision::RequestChanges, Decision::Reject]
                    [usize::from(which / 4 % 4)];
                LifeChange::Review { id: draft_in(&[DraftState::PendingReview]), decision }
            }
            8 => LifeChange::Activate { id: draft_in(&[DraftState::Approved]), report, semver },
            9 => LifeChange::Deprecate {
                version: version_in(VersionState::Active),
                sunset_ms: which.is_multiple_of(2).then(|| self.clock_ms + u64::from(which) * 10),
                successor: which.is_multiple_of(5).then_some(Version(1)),
            },
            10 => LifeChange::Reinstate { version: version_in(VersionState::Deprecated) },
            11 => LifeChange::Archive { version: version_in(VersionState::Deprecated), force: which.is_multiple_of(2) },
            12 => LifeChange::RollBack { target: version_in(VersionState::Active), force: which.is_multiple_of(2) },
            13 => LifeChange::Reactivate { version: version_in(VersionState::RolledBack) },
            14 => LifeChange::Quarantine { version: version_in(VersionState::Active) },
            15 => LifeChange::Release { version: version_in(VersionState::Quarantined) },
            _ if which.is_multiple_of(3) => LifeChange::RemoveConsumer { id: "c".to_owned() },
            _ => LifeChange::PutConsumer {
                id: "c".to_owned(),
                from: Version(1 + u32::from(which % 2)),
                to: None,
                owner: "team".to_owned(),
                contact: "mail".to_owned(),
            },
        })
    }

    /// A registration as a preparer lets it through: what it refers to is live.
    fn registration(&self, register: Register) -> Option<Command> {
        let targets = query::reference_targets(&register.subject.context, &register.content.references);
        let is_live = |(subject, version): &(Subject, Version)| {
            let row = query::version_row(&self.machine.view, subject, *version).unwrap();
            row.is_some_and(|row| row.deleted == Deleted::No)
        };
        targets.iter().all(is_live).then_some(Command::Catalog(CatalogCommand::Register(register)))
    }

    fn references(&self, picks: &[u8]) -> Vec<Reference> {
        let live: Vec<_> = self.versions().into_iter().map(|(subject, version, _)| (subject, version)).collect();
        let picked = picks.iter().filter_map(|which| pick(&live, *which));
        picked
            .enumerate()
            .map(|(number, (subject, version))| Reference {
                name: format!("r{number}"),
                // Qualified, or of the referrer's own context.
                subject: if subject.context.is_default() {
                    format!(":.:{}", subject.name)
                } else {
                    subject.qualified()
                },
                version: version.as_i32(),
            })
            .collect()
    }

    /// All versions, soft-deleted ones included, with their content.
    fn versions(&self) -> Vec<(Subject, Version, Content)> {
        let view = &self.machine.view;
        let mut found = Vec::new();
        for subject in query::subjects(view, None, Include::All).unwrap() {
            for (version, row) in query::versions(view, &subject).unwrap() {
                let content = query::content_row(view, row.guid, row.format).unwrap().unwrap();
                let content = Content {
                    guid: row.guid,
                    format: row.format,
                    text: content.text,
                    references: content.references,
                    metadata: content.metadata,
                    rule_set: content.rule_set,
                    terms: query::terms_row(view, content.since).unwrap().unwrap().terms,
                };
                found.push((subject.clone(), version, content));
            }
        }
        found
    }
}

/// Replays a log on an empty state.
pub(crate) fn replay(log: &[LogEntry]) -> Machine {
    let mut machine = Machine::default();
    for (position, envelope) in log {
        assert_eq!(machine.next(), *position);
        match envelope {
            Some(envelope) => drop(machine.apply(envelope)),
            None => machine.skip(),
        }
    }
    machine
}

/// What the preparer of a command looks at.
fn keys_of(command: &Command) -> std::collections::BTreeSet<BasisKey> {
    let Command::Catalog(CatalogCommand::Register(register)) = command else { return Default::default() };
    let scopes = Scope::Subject(register.subject.clone()).chain();
    // An import sets its mode in the entry before: that it looked at the mode would make it stale each time.
    let looks_at_mode = matches!(register.assign, Assign::Next { .. });
    let settings = scopes.into_iter().flat_map(|scope| [BasisKey::Config(scope.clone()), BasisKey::Mode(scope)]);
    let settings = settings.filter(|key| looks_at_mode || !matches!(key, BasisKey::Mode(_)));
    let targets = query::reference_targets(&register.subject.context, &register.content.references);
    let targets = targets.into_iter().map(|(subject, version)| BasisKey::Version(subject, version));
    settings.chain(targets).chain([BasisKey::Subject(register.subject.clone())]).collect()
}

fn in_import_mode(subject: &Subject, register: Option<Command>) -> Vec<Command> {
    let scope = Scope::Subject(subject.clone());
    let set = |mode| {
        Command::Settings(SettingsCommand::SetMode { scope: scope.clone(), mode, force: true, recursive: false })
    };
    register.map(|register| vec![set(Some(Mode::Import)), register, set(None)]).unwrap_or_default()
}

fn reason_of(which: u8) -> String {
    if which.is_multiple_of(5) { String::new() } else { "because".to_owned() }
}

fn text_of(number: u8) -> String {
    // The length picks the format.
    format!("text {}{}", number, "x".repeat(usize::from(number % 3)))
}

fn scope_of(number: usize) -> Scope {
    match number.checked_sub(SUBJECTS.len()) {
        None => Scope::Subject(subject(SUBJECTS[number])),
        Some(number) => CONTEXTS.get(number).map_or(Scope::Global, |name| Scope::Context(context(name))),
    }
}

fn permanent_if(permanent: bool) -> Permanent {
    if permanent { Permanent::Yes } else { Permanent::No }
}

fn pick<T>(from: &[T], which: u8) -> Option<&T> {
    if from.is_empty() { None } else { from.get(usize::from(which) % from.len()) }
}
